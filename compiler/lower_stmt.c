/* lower_stmt.c: statements to regions of the IR. A loop carries the variables that its body assigns and that had a
 * value before; what a body assigns first is its own. Conditions known before training choose their branch here.
 * Errors: E137 loops, E138 return, E180, E182, E184 too much to unroll. */
#include "compiler/lower_private.h"

#include <math.h>

static bool statements(Lower *l, const StmtVec *body);

/* ---- the variables a body assigns ---- */
static bool in_names(const NameVec *v, const char *name) {
    for (int i = 0; i < v->len; i++)
        if (strcmp(v->data[i].text, name) == 0) return true;
    return false;
}

/* A number that is known now and stays so while nothing in `changing` is read. */
static bool is_settled(Lower *l, const Expr *x, const NameVec *changing) {
    if (x->kind == EX_NUM || x->kind == EX_BOOL) return true;
    if (x->kind == EX_NAME) {
        const LowerVar *v = in_names(changing, x->text) ? NULL : lower_find(l, x->text);
        return v && v->value.node && lower_is_const(&v->value, NULL);
    }
    if (x->kind == EX_UNARY) return is_settled(l, x->args[0], changing);
    return x->kind == EX_BINARY && is_settled(l, x->args[0], changing) && is_settled(l, x->args[1], changing);
}

/* Names that a body assigns, each once; `indices` gets its inner loops' own variables. With `changing` (all names that
 * the loop around it sets) a branch whose condition is known to fail throughout, such as if (intercept), does not
 * count: what only it assigns stays. */
static void assigned_names(Lower *l, const StmtVec *body, const NameVec *changing, NameVec *indices, NameVec *out) {
    for (int i = 0; i < body->len; i++) {
        const Stmt *s = body->data[i];
        if (s->kind == ST_ASSIGN) {
            if (!in_names(out, s->assign.name.text)) vec_push(l->arena, out, s->assign.name);
        } else if (s->kind == ST_REPEAT || s->kind == ST_WHILE)
            assigned_names(l, &s->repeat.body, changing, indices, out);
        else if (s->kind == ST_FOR) {
            if (indices) vec_push(l->arena, indices, s->loop_for.var);
            assigned_names(l, &s->loop_for.body, changing, indices, out);
        } else if (s->kind == ST_IF) {
            double known = 0;
            bool settled = false;
            if (changing && is_settled(l, s->if_.cond, changing)) {
                LowerValue v = lower_value(l, s->if_.cond);
                settled = lower_is_const(&v, &known);
            }
            if (!settled || known != 0) assigned_names(l, &s->if_.then, changing, indices, out);
            if (!settled || known == 0) assigned_names(l, &s->if_.otherwise, changing, indices, out);
        }
    }
}

static LowerVars copy_vars(Lower *l, const LowerVars *from) {
    LowerVars v = {0};
    for (int i = 0; i < from->len; i++) vec_push(l->arena, &v, from->data[i]);
    return v;
}

static const LowerVar *find_in(const LowerVars *v, const char *name) {
    for (int i = v->len - 1; i >= 0; i--)
        if (strcmp(v->data[i].name, name) == 0) return &v->data[i];
    return NULL;
}

/* ---- carried values ---- */
typedef struct Carried {
    const char *name;
    Span def;
    IrNode *init, *param, *result;
    int rspace;
} Carried;
typedef VEC(Carried) CarriedVec;

/* A value of equal shape over small rows, as one over the rows of `space`. */
static IrNode *lift(Lower *l, IrNode *n, int space) {
    if (n->rspace == space) return n;
    if (n->op == IR_FULL) return ir_full(l->b, n->num, n->rows, n->cols, space);
    return ir_binary(l->b, IR_ADD, n, ir_full(l->b, 0, n->rows, n->cols, space));
}

static bool carries(Lower *l, const StmtVec *body, const Name *index, CarriedVec *out) {
    NameVec all = {0}, names = {0};
    assigned_names(l, body, NULL, &all, &all);
    if (index) vec_push(l->arena, &all, *index);
    assigned_names(l, body, &all, NULL, &names);
    for (int i = 0; i < names.len; i++) {
        const LowerVar *v = lower_find(l, names.data[i].text);
        if (!v || !v->value.node) continue;
        if (v->value.node->cspace) {
            Diag *d = diag_error(l->ds, "E137", names.data[i].span,
                                 "%s has a column for each row of the data and changes in a loop", names.data[i].text);
            diag_note(d, v->def, "%s is %s", v->name, lower_shape_text(l, v->value.node));
            diag_help(d, "keep its transpose in a variable: it has a row for each row of the data");
            return false;
        }
        Carried c = {.name = v->name, .def = v->def, .init = v->value.node, .rspace = v->value.node->rspace};
        vec_push(l->arena, out, c);
    }
    return true;
}

static void begin_params(Lower *l, CarriedVec *c) {
    for (int i = 0; i < c->len; i++) {
        Carried *v = &c->data[i];
        v->param = ir_region_param(l->b, v->init->rows, v->init->cols, v->rspace, v->name);
        Name name = {v->name, v->def};
        lower_set(l, name, (LowerValue){.node = v->param});
    }
}

/* Takes the results of a body. *again: a value turned out to run over a target's rows; the body is to be lowered anew.
 */
static bool take_results(Lower *l, CarriedVec *c, bool *again) {
    for (int i = 0; i < c->len; i++) {
        Carried *v = &c->data[i];
        const LowerVar *now = lower_find(l, v->name);
        IrNode *n = now->value.node;
        if (!n) {
            Diag *d = diag_error(l->ds, "E137", v->def, "%s changes its shape in the loop", v->name);
            diag_note(d, now->def, "the branches of an if leave it with different shapes");
            return false;
        }
        if (n->rows != v->init->rows || n->cols != v->init->cols || n->cspace ||
            (n->rspace && v->rspace && n->rspace != v->rspace)) {
            Diag *d = diag_error(l->ds, "E137", now->def, "%s changes its shape in the loop", v->name);
            diag_note(d, v->def, "before the loop %s is %s", v->name, lower_shape_text(l, v->init));
            diag_note(d, now->def, "here it becomes %s", lower_shape_text(l, n));
            diag_help(d, "a variable keeps its shape from one round to the next");
            return false;
        }
        if (n->rspace && !v->rspace) {
            v->rspace = n->rspace;
            *again = true;
        }
        v->result = n;
    }
    return true;
}

static IrNode **carried_nodes(Lower *l, CarriedVec *c, bool init) {
    IrNode **nodes = arena_array(l->arena, IrNode *, c->len + 1);
    for (int i = 0; i < c->len; i++) nodes[i] = lift(l, init ? c->data[i].init : c->data[i].result, c->data[i].rspace);
    return nodes;
}

static void read_results(Lower *l, const LowerVars *before, CarriedVec *c, IrNode *loop) {
    LowerVars after = copy_vars(l, before);
    l->vars = after;
    for (int i = 0; i < c->len; i++) {
        l->b->name = c->data[i].name;
        Name name = {c->data[i].name, c->data[i].def};
        lower_set(l, name, (LowerValue){.node = ir_proj(l->b, loop, i)});
    }
    l->b->name = NULL;
}

/* ---- loops ---- */
/* for with var: index i of round r is first + r - 1 (first: node, NULL for repeat). */
static bool counted_loop(Lower *l, const Stmt *s, const StmtVec *body, IrNode *count, const Name *var,
                         LowerValue first) {
    CarriedVec c = {0};
    LowerVars before = copy_vars(l, &l->vars);
    IrRegion *outer = l->b->region;
    if (var && lower_find(l, var->text)) {
        /* The index hides an outer variable of its name; it is not carried even when the body assigns it. */
        for (int i = 0; i < l->vars.len; i++)
            if (strcmp(l->vars.data[i].name, var->text) == 0) {
                memmove(&l->vars.data[i], &l->vars.data[i + 1], sizeof(LowerVar) * (size_t)(l->vars.len - i - 1));
                l->vars.len--;
                break;
            }
    }
    LowerVars entry = copy_vars(l, &l->vars);
    if (!carries(l, body, var, &c)) return false;
    for (;;) {
        bool again = false;
        l->vars = copy_vars(l, &entry);
        l->b->region = outer;
        l->b->span = s->span;
        IrRegion *region = ir_region_begin(l->b, REGION_LOOP);
        IrNode *round = ir_region_param(l->b, 1, 1, 0, var ? var->text : "round");
        begin_params(l, &c);
        if (var) {
            LowerValue i = {.node = round};
            double v;
            if (!lower_is_const(&first, &v))
                i.node = ir_binary(l->b, IR_ADD, round, ir_binary(l->b, IR_SUB, first.node, ir_const(l->b, 1)));
            else if (v != 1)
                i.node = ir_binary(l->b, IR_ADD, round, ir_const(l->b, v - 1));
            lower_set(l, *var, i);
        }
        if (!statements(l, body) || !take_results(l, &c, &again)) return false;
        if (again) continue;
        ir_region_end(l->b, c.len, carried_nodes(l, &c, false));
        l->b->span = s->span;
        IrNode *loop = ir_loop(l->b, count, region, c.len, carried_nodes(l, &c, true));
        read_results(l, &before, &c, loop);
        return true;
    }
}

static bool repeat_statement(Lower *l, const Stmt *s) {
    LowerValue count = lower_scalar(l, s->repeat.count, "the count of repeat");
    double k;
    if (!count.node) return false;
    if (lower_is_const(&count, &k)) {
        if (k != floor(k) || !(k >= 0) || k > 9007199254740992.0) {
            diag_error(l->ds, "E182", s->repeat.count->span,
                       "the count of repeat must be a whole number, zero or more: it is %g", k);
            return false;
        }
        if (k == 0) return true;
    }
    return counted_loop(l, s, &s->repeat.body, count.node, NULL, (LowerValue){0});
}

static bool for_set(Lower *l, const Stmt *s) {
    const Expr *over = s->loop_for.over;
    LowerVars before = copy_vars(l, &l->vars);
    for (int i = 0; i < over->nargs; i++) {
        LowerValue v = lower_scalar(l, over->args[i], "a value of for");
        if (!v.node) return false;
        lower_set(l, s->loop_for.var, v);
        if (!statements(l, &s->loop_for.body)) return false;
    }
    /* Only what had a value before has one after: as for loops that may run zero times. */
    LowerVars after = {0};
    for (int i = 0; i < before.len; i++) {
        bool is_index = strcmp(before.data[i].name, s->loop_for.var.text) == 0;
        vec_push(l->arena, &after, is_index ? before.data[i] : *lower_find(l, before.data[i].name));
    }
    l->vars = after;
    return true;
}

static bool for_statement(Lower *l, const Stmt *s) {
    const Expr *over = s->loop_for.over;
    if (over->kind == EX_SET) return for_set(l, s);
    if (over->kind != EX_RANGE) {
        diag_error(l->ds, "E181", over->span, "for runs over a range or a set");
        return false;
    }
    LowerValue lo = lower_scalar(l, over->args[0], "the bound of a range"),
               hi = lower_scalar(l, over->args[1], "the bound of a range");
    if (!lo.node || !hi.node) return false;
    LowerValue count = lower_op2(l, over, IR_ADD, lower_op2(l, over, IR_SUB, hi, lo), lower_const(l, 1));
    count = lower_op2(l, over, IR_MAX2, lower_op1(l, over, IR_FLOOR, count), lower_const(l, 0));
    double k;
    if (!count.node) return false;
    if (lower_is_const(&count, &k)) {
        if (!(k <= 9007199254740992.0)) {
            diag_error(l->ds, "E182", over->span, "the bounds of this range are not numbers to count by");
            return false;
        }
        if (k == 0) return true;
    }
    return counted_loop(l, s, &s->loop_for.body, count.node, &s->loop_for.var, lo);
}

static bool while_statement(Lower *l, const Stmt *s) {
    CarriedVec c = {0};
    LowerVars before = copy_vars(l, &l->vars);
    IrRegion *outer = l->b->region;
    if (!carries(l, &s->repeat.body, NULL, &c)) return false;
    for (;;) {
        bool again = false;
        double known;
        l->vars = copy_vars(l, &before);
        l->b->region = outer;
        l->b->span = s->span;
        IrRegion *condition = ir_region_begin(l->b, REGION_WHILE_COND);
        begin_params(l, &c);
        LowerValue holds = lower_scalar(l, s->repeat.count, "the condition of while");
        if (!holds.node) return false;
        if (lower_is_const(&holds, &known)) {
            l->b->region = outer;
            l->vars = before;
            if (known == 0) return true;
            Diag *d = diag_error(l->ds, "E182", s->repeat.count->span, "this loop never ends: %s does not change in it",
                                 func_expr_text(l->arena, s->repeat.count));
            diag_help(d, "use repeat k { … }, or a condition on what the body assigns");
            return false;
        }
        ir_region_end(l->b, 1, &holds.node);
        l->vars = copy_vars(l, &before);
        IrRegion *body = ir_region_begin(l->b, REGION_WHILE_BODY);
        begin_params(l, &c);
        if (!statements(l, &s->repeat.body) || !take_results(l, &c, &again)) return false;
        if (again) continue;
        ir_region_end(l->b, c.len, carried_nodes(l, &c, false));
        l->b->span = s->span;
        IrNode *loop = ir_while(l->b, condition, body, c.len, carried_nodes(l, &c, true));
        read_results(l, &before, &c, loop);
        return true;
    }
}

/* ---- conditionals ---- */
static bool if_statement(Lower *l, const Stmt *s) {
    LowerValue condition = lower_scalar(l, s->if_.cond, "the condition of if");
    double known;
    if (!condition.node) return false;
    if (lower_is_const(&condition, &known)) return statements(l, known != 0 ? &s->if_.then : &s->if_.otherwise);
    LowerVars before = copy_vars(l, &l->vars);
    IrRegion *outer = l->b->region;
    NameVec names = {0};
    assigned_names(l, &s->if_.then, NULL, NULL, &names);
    assigned_names(l, &s->if_.otherwise, NULL, NULL, &names);

    IrRegion *then = ir_region_begin(l->b, REGION_BRANCH);
    if (!statements(l, &s->if_.then)) return false;
    LowerVars after_then = l->vars;
    l->vars = copy_vars(l, &before);
    l->b->region = outer;
    IrRegion *otherwise = ir_region_begin(l->b, REGION_BRANCH);
    if (!statements(l, &s->if_.otherwise)) return false;
    LowerVars after_else = l->vars;

    /* What both ways give a value is a result; the spaces of its two values must be one. */
    VEC(IrNode *) a = {0}, b = {0};
    VEC(LowerVar) merged = {0}, torn = {0};
    for (int i = 0; i < names.len; i++) {
        const LowerVar *x = find_in(&after_then, names.data[i].text), *y = find_in(&after_else, names.data[i].text);
        if (!x || !y) continue;
        IrNode *nx = x->value.node, *ny = y->value.node;
        if (!nx || !ny || nx->rows != ny->rows || nx->cols != ny->cols || nx->cspace != ny->cspace ||
            (nx->rspace && ny->rspace && nx->rspace != ny->rspace)) {
            vec_push(l->arena, &torn, *x);
            continue;
        }
        if (nx->cspace) {
            Diag *d =
                diag_error(l->ds, "E137", x->def,
                           "%s has a column for each row of the data and differs between the ways of an if", x->name);
            diag_help(d, "keep its transpose in a variable: it has a row for each row of the data");
            return false;
        }
        int space = nx->rspace ? nx->rspace : ny->rspace;
        l->b->region = then;
        nx = lift(l, nx, space);
        l->b->region = otherwise;
        ny = lift(l, ny, space);
        vec_push(l->arena, &a, nx);
        vec_push(l->arena, &b, ny);
        vec_push(l->arena, &merged, *x);
    }
    l->b->region = then;
    ir_region_end(l->b, a.len, a.data);
    l->b->region = otherwise;
    ir_region_end(l->b, b.len, b.data);
    l->b->span = s->span;
    IrNode *node = ir_if(l->b, condition.node, then, otherwise);
    l->vars = before;
    for (int i = 0; i < torn.len; i++) {
        Name name = {torn.data[i].name, torn.data[i].def};
        lower_set(l, name, (LowerValue){0});
    }
    for (int i = 0; i < merged.len; i++) {
        l->b->name = merged.data[i].name;
        Name name = {merged.data[i].name, merged.data[i].def};
        lower_set(l, name, (LowerValue){.node = ir_proj(l->b, node, i)});
    }
    l->b->name = NULL;
    return true;
}

/* ---- bodies ---- */
static bool statement(Lower *l, const Stmt *s) {
    switch (s->kind) {
    case ST_ASSIGN: {
        LowerValue v = lower_value(l, s->assign.value);
        if (!v.node) return false;
        if (!v.node->name && v.node->op != IR_CONST) v.node->name = s->assign.name.text;
        lower_set(l, s->assign.name, v);
        return true;
    }
    case ST_REPEAT: return repeat_statement(l, s);
    case ST_WHILE: return while_statement(l, s);
    case ST_FOR: return for_statement(l, s);
    case ST_IF: return if_statement(l, s);
    case ST_RETURN:
        diag_error(l->ds, "E138", s->span, "return must be the last statement of the function");
        return false;
    default: diag_error(l->ds, "E138", s->span, "this statement has no place inside an algorithm"); return false;
    }
}

static bool statements(Lower *l, const StmtVec *body) {
    for (int i = 0; i < body->len; i++) {
        if (++l->statements > LOWER_STATEMENTS) {
            Diag *d = diag_error(l->ds, "E184", body->data[i]->span,
                                 "the loops around this come to more than %d statements", LOWER_STATEMENTS);
            diag_help(d, "for x in {…} repeats its body for every value, and nested loops multiply");
            return false;
        }
        if (!statement(l, body->data[i])) return false;
    }
    return true;
}

bool lower_body(Lower *l, const FuncDecl *fn, const Stmt **ret) {
    *ret = NULL;
    for (int i = 0; i < fn->body.len; i++) {
        const Stmt *s = fn->body.data[i];
        if (i == fn->body.len - 1 && s->kind == ST_RETURN) {
            *ret = s;
            return true;
        }
        if (!statement(l, s)) return false;
    }
    diag_error(l->ds, "E138", fn->name.span.file ? fn->name.span : fn->span, "%s returns nothing",
               fn->name.text ? fn->name.text : "the function");
    return false;
}
