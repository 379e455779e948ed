/* typecheck_body.c: the statements of fit, predict and metrics: which variables have a value where, and that a loop's
 * variables keep their shape. Errors: E136 (through names), E137 loops, E138 return, E180 conditions, E182 counts. */
#include "compiler/typecheck.h"

/* ---- which names a body assigns ---- */
static void add_name(Arena *arena, NameVec *out, Name n) {
    for (int i = 0; i < out->len; i++)
        if (strcmp(out->data[i].text, n.text) == 0) return;
    vec_push(arena, out, n);
}

void tc_assigned(Arena *arena, const StmtVec *body, NameVec *out) {
    for (int i = 0; i < body->len; i++) {
        const Stmt *s = body->data[i];
        switch (s->kind) {
        case ST_ASSIGN: add_name(arena, out, s->assign.name); break;
        case ST_REPEAT:
        case ST_WHILE: tc_assigned(arena, &s->repeat.body, out); break;
        case ST_FOR: tc_assigned(arena, &s->loop_for.body, out); break;
        case ST_IF:
            tc_assigned(arena, &s->if_.then, out);
            tc_assigned(arena, &s->if_.otherwise, out);
            break;
        default: break;
        }
    }
}

/* ---- scopes ---- */
static TcVarVec copy_vars(Tc *t) {
    TcVarVec v = {0};
    for (int i = 0; i < t->vars.len; i++) vec_push(t->arena, &v, t->vars.data[i]);
    return v;
}

static void set_var(Tc *t, Name name, TcValue value) {
    tc_note_shape(t, name.span, &value);
    TcVar *v = tc_find(t, name.text);
    value.name = NULL;
    TcVar fresh = {.name = name.text, .value = value, .def = name.span, .hyper = -1};
    if (v)
        *v = fresh;
    else
        vec_push(t->arena, &t->vars, fresh);
}

static void forget_var(Tc *t, const char *name) {
    for (int i = t->vars.len - 1; i >= 0; i--)
        if (strcmp(t->vars.data[i].name, name) == 0) {
            memmove(&t->vars.data[i], &t->vars.data[i + 1], sizeof(TcVar) * (size_t)(t->vars.len - i - 1));
            t->vars.len--;
            return;
        }
}

static bool shapes_clash(const Tc *t, const TcValue *a, const TcValue *b) {
    return !a->bad && !b->bad && (dim_clash(t, a->rows, b->rows) || dim_clash(t, a->cols, b->cols));
}

/* ---- loops ---- */
static void statements(Tc *t, const StmtVec *body);

/* A count or condition was checked. Body: variables assigned in it lose their known numbers, keep their shapes, and
 * what it first assigns may have no value after it. */
static void loop_body(Tc *t, const Stmt *loop, const StmtVec *body, const Name *index, const Expr *condition) {
    NameVec assigned = {0};
    tc_assigned(t->arena, body, &assigned);
    for (int i = 0; i < assigned.len; i++) {
        TcVar *v = tc_find(t, assigned.data[i].text);
        if (v) v->value.valued = false;
    }
    TcVarVec before = copy_vars(t);
    TcVar *shadowed = index ? tc_find(t, index->text) : NULL;
    TcVar outer = shadowed ? *shadowed : (TcVar){0};
    if (index) set_var(t, *index, tc_matrix(dim_const(1), dim_const(1), index->span));
    if (condition) (void)tc_scalar(t, condition, "the condition of while");
    statements(t, body);
    for (int i = 0; i < assigned.len; i++) {
        const char *name = assigned.data[i].text;
        TcVar *after = tc_find(t, name);
        const TcVar *was = NULL;
        for (int k = 0; k < before.len; k++)
            if (strcmp(before.data[k].name, name) == 0) was = &before.data[k];
        if (!after) continue;
        if (!was) {
            if (index && strcmp(index->text, name) == 0) continue;
            after->maybe = true;
            after->maybe_at = loop->span;
            after->maybe_why = "this loop may run zero times";
        } else if (shapes_clash(t, &was->value, &after->value)) {
            Diag *d = diag_error(t->ds, "E137", after->def, "%s changes its shape in the loop", name);
            diag_note(d, was->def, "before the loop %s is %s", name, shape_text(t, &was->value));
            diag_note(d, after->def, "here it becomes %s", shape_text(t, &after->value));
            if (tc_is_one(&was->value))
                diag_help(d, "start it with its full shape, such as %s = zeros(%s, %s)", name,
                          dim_text(t, &after->value.rows), dim_text(t, &after->value.cols));
            else
                diag_help(d, "a variable keeps its shape from one round to the next; use another name");
            after->value = was->value;
        } else {
            after->value.rows = dim_meet(t, was->value.rows, after->value.rows);
            after->value.cols = dim_meet(t, was->value.cols, after->value.cols);
            after->value.valued = false;
            after->maybe = was->maybe;
            after->maybe_at = was->maybe_at;
            after->maybe_why = was->maybe_why;
        }
    }
    if (index) {
        forget_var(t, index->text);
        if (outer.name) vec_push(t->arena, &t->vars, outer);
    }
}

static void check_count(Tc *t, const Expr *x, const char *what) {
    TcValue v = tc_scalar(t, x, what);
    int64_t k;
    if (v.bad) return;
    bool fraction = x->kind == EX_NUM && !v.valued;
    if (fraction || (v.valued && dim_is_const(&v.value, &k) && k < 0))
        diag_error(t->ds, "E182", x->span, "%s must be a whole number, zero or more", what);
}

static void for_statement(Tc *t, const Stmt *s) {
    const Expr *over = s->loop_for.over;
    if (over->kind == EX_RANGE) {
        (void)tc_scalar(t, over->args[0], "the bound of a range");
        (void)tc_scalar(t, over->args[1], "the bound of a range");
    } else if (over->kind == EX_SET) {
        for (int i = 0; i < over->nargs; i++) (void)tc_scalar(t, over->args[i], "a value of for");
    } else if (over->kind != EX_ERROR) {
        Diag *d = diag_error(t->ds, "E181", over->span, "for runs over a range or a set");
        diag_help(d, "write for %s in 1..k { … } or for %s in {0.1, 1} { … }", s->loop_for.var.text,
                  s->loop_for.var.text);
    }
    loop_body(t, s, &s->loop_for.body, &s->loop_for.var, NULL);
}

/* ---- branches ---- */
static const TcVar *find_in(const TcVarVec *v, const char *name) {
    for (int i = v->len - 1; i >= 0; i--)
        if (strcmp(v->data[i].name, name) == 0) return &v->data[i];
    return NULL;
}

static void merge_branches(Tc *t, const Stmt *s, const TcVarVec *then) {
    /* t->vars is the state after `else`. */
    for (int i = 0; i < then->len; i++) {
        const TcVar *a = &then->data[i];
        TcVar *b = tc_find(t, a->name);
        const char *why = s->if_.otherwise.len ? "only one branch of this if assigns it"
                                               : "it is assigned only when this condition holds";
        if (!b) {
            TcVar v = *a;
            v.maybe = true;
            v.maybe_at = s->span;
            v.maybe_why = why;
            v.value.valued = false;
            vec_push(t->arena, &t->vars, v);
            continue;
        }
        if (a->maybe && !b->maybe) b->maybe = true, b->maybe_at = a->maybe_at, b->maybe_why = a->maybe_why;
        if (a->torn && !b->torn) {
            *b = *a;
            continue;
        }
        if (!b->torn && shapes_clash(t, &a->value, &b->value)) {
            b->torn = true;
            b->torn_def = a->def;
            b->torn_value = a->value;
            continue;
        }
        bool same = a->value.valued && b->value.valued && dim_equal(&a->value.value, &b->value.value);
        b->value.valued = same;
        b->value.bad = b->value.bad || a->value.bad;
        b->value.rows = dim_meet(t, a->value.rows, b->value.rows);
        b->value.cols = dim_meet(t, a->value.cols, b->value.cols);
        if (a->def.begin != b->def.begin || a->def.file != b->def.file) b->hyper = -1;
    }
    for (int i = 0; i < t->vars.len; i++) {
        TcVar *b = &t->vars.data[i];
        if (find_in(then, b->name)) continue;
        b->maybe = true;
        b->maybe_at = s->span;
        b->maybe_why = "only one branch of this if assigns it";
        b->value.valued = false;
    }
}

static void if_statement(Tc *t, const Stmt *s) {
    (void)tc_scalar(t, s->if_.cond, "the condition of if");
    TcVarVec before = copy_vars(t);
    statements(t, &s->if_.then);
    TcVarVec then = t->vars;
    t->vars = before;
    statements(t, &s->if_.otherwise);
    merge_branches(t, s, &then);
}

/* ---- the rest ---- */
static void statement(Tc *t, const Stmt *s) {
    switch (s->kind) {
    case ST_ASSIGN: set_var(t, s->assign.name, tc_expr(t, s->assign.value)); break;
    case ST_REPEAT:
        check_count(t, s->repeat.count, "the count of repeat");
        loop_body(t, s, &s->repeat.body, NULL, NULL);
        break;
    case ST_WHILE: loop_body(t, s, &s->repeat.body, NULL, s->repeat.count); break;
    case ST_FOR: for_statement(t, s); break;
    case ST_IF: if_statement(t, s); break;
    case ST_RETURN: {
        /* The last statement of the function is taken by tc_body: this one is elsewhere. */
        Diag *d = diag_error(t->ds, "E138", s->span, "return must be the last statement of the function");
        diag_help(d, "assign the value to a variable and return it at the end");
        break;
    }
    default: diag_error(t->ds, "E138", s->span, "this statement has no place inside an algorithm");
    }
}

static void statements(Tc *t, const StmtVec *body) {
    for (int i = 0; i < body->len; i++) statement(t, body->data[i]);
}

static bool has_return(const StmtVec *body) {
    for (int i = 0; i < body->len; i++) {
        const Stmt *s = body->data[i];
        bool inside = s->kind == ST_RETURN;
        if (s->kind == ST_REPEAT || s->kind == ST_WHILE) inside = has_return(&s->repeat.body);
        if (s->kind == ST_FOR) inside = has_return(&s->loop_for.body);
        if (s->kind == ST_IF) inside = has_return(&s->if_.then) || has_return(&s->if_.otherwise);
        if (inside) return true;
    }
    return false;
}

void tc_body(Tc *t, const FuncDecl *fn, const char *what, const Stmt **ret) {
    *ret = NULL;
    for (int i = 0; i < fn->body.len; i++) {
        const Stmt *s = fn->body.data[i];
        if (i == fn->body.len - 1 && s->kind == ST_RETURN)
            *ret = s;
        else
            statement(t, s);
    }
    if (*ret) return;
    if (has_return(&fn->body)) return; /* reported as misplaced */
    Diag *d = diag_error(t->ds, "E138", fn->name.span.file ? fn->name.span : fn->span, "%s returns nothing", what);
    diag_help(d, "end it with return NAME;");
}
