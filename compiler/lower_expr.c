/* lower_expr.c: expressions to IR nodes. Errors: E131 (shapes of this data), E135 names, E180 scalars, E181 not
 * algebra, E182 sizes. */
#include "compiler/lower_private.h"

#include <math.h>

static const LowerValue NONE = {0};

LowerValue lower_const(Lower *l, double v) {
    return (LowerValue){.node = ir_const(l->b, v)};
}

bool lower_is_const(const LowerValue *v, double *out) {
    if (!v->node || v->node->op != IR_CONST) return false;
    if (out) *out = v->node->num;
    return true;
}

/* A number: not the only row of a target, whose transpose runs over the rows in its other dimension. */
static bool is_scalar(const IrNode *n) {
    return n->rows == 1 && n->cols == 1 && !n->rspace && !n->cspace;
}

/* ---- folding ---- */
/* A scalar is its own sum, extreme, transpose and diagonal, and a product of two is a matrix product. */
static bool fold1(IrOp op, double x, double *out) {
    switch (op) {
    case IR_SUM:
    case IR_ROWSUMS:
    case IR_COLSUMS:
    case IR_MINALL:
    case IR_MAXALL:
    case IR_ROWMIN:
    case IR_ROWMAX:
    case IR_COLMIN:
    case IR_COLMAX:
    case IR_TRANSPOSE:
    case IR_DIAG: *out = x; return true;
    default: return ir_ops[op].arity == 1 && ir_cell_value(op, x, 0, 0, out);
    }
}
static bool fold2(IrOp op, double x, double y, double *out) {
    return ir_ops[op].arity == 2 && ir_cell_value(op == IR_MATMUL ? IR_MUL : op, x, y, 0, out);
}

/* ---- nodes ---- */
/* Says what each operand is. false: the nodes are not the expression's own arguments. */
static bool note_operands(Lower *l, Diag *d, const Expr *x, const IrNode *probe) {
    if ((x->kind != EX_BINARY && x->kind != EX_CALL) || x->nargs != probe->nargs) return false;
    for (int i = 0; i < x->nargs; i++) {
        const Expr *a = x->args[i];
        const IrNode *n = probe->args[i];
        bool turned = i == 0 ? probe->ta : probe->tb;
        const LowerVar *v = a->kind == EX_NAME ? lower_find(l, a->text) : NULL;
        diag_note(d, v && v->def.file ? v->def : a->span, "%s is %lld x %lld", func_expr_text(l->arena, a),
                  (long long)(turned ? n->cols : n->rows), (long long)(turned ? n->rows : n->cols));
    }
    return true;
}

LowerValue lower_node(Lower *l, const Expr *x, const IrNode *proto, int n, IrNode **args) {
    IrNode probe = *proto;
    const char *why = NULL;
    probe.nargs = n;
    probe.args = args;
    probe.span = x->span;
    if (!ir_infer_shape(l->func, &probe, &why)) {
        Diag *d = diag_error(l->ds, "E131", x->op_span.file ? x->op_span : x->span, "shapes do not agree in %s",
                             func_expr_text(l->arena, x));
        if (!note_operands(l, d, x, &probe))
            diag_note(d, x->span, "%s", why ? why : "it is not defined for these operands");
        return NONE;
    }
    l->b->span = x->span;
    return (LowerValue){.node = ir_make(l->b, &probe, args)};
}

LowerValue lower_op1(Lower *l, const Expr *x, IrOp op, LowerValue a) {
    double v, r;
    if (!a.node) return NONE;
    if (lower_is_const(&a, &v) && fold1(op, v, &r)) return op == IR_TRANSPOSE ? a : lower_const(l, r);
    if (op == IR_TRANSPOSE && is_scalar(a.node)) return a;
    if (op == IR_TRANSPOSE && a.node->op == IR_TRANSPOSE) return (LowerValue){.node = a.node->args[0]};
    return lower_node(l, x, &(IrNode){.op = op}, 1, (IrNode *[]){a.node});
}

/* `and`, `or` with one side known: the other may not be computable before training, and need not be. */
static bool known_truth(IrOp op, const LowerValue *a, const LowerValue *b, double *out) {
    double v;
    const LowerValue *other = b;
    if (!lower_is_const(a, &v)) {
        if (!lower_is_const(b, &v)) return false;
        other = a;
    }
    if (!is_scalar(other->node)) return false;
    if (op == IR_AND && v == 0) return *out = 0, true;
    if (op == IR_OR && v != 0) return *out = 1, true;
    return false;
}

LowerValue lower_op2(Lower *l, const Expr *x, IrOp op, LowerValue a, LowerValue b) {
    double va, vb, r;
    if (!a.node || !b.node) return NONE;
    bool ka = lower_is_const(&a, &va), kb = lower_is_const(&b, &vb);
    if (ka && kb && fold2(op, va, vb, &r)) return lower_const(l, r);
    if ((op == IR_AND || op == IR_OR) && known_truth(op, &a, &b, &r)) return lower_const(l, r);
    if (op == IR_POW && kb && vb == 2) return lower_op1(l, x, IR_SQUARE, a);
    if (op == IR_POW && kb && vb == 1) return a;
    if (op == IR_POW && kb && vb == 0.5) return lower_op1(l, x, IR_SQRT, a);
    return lower_node(l, x, &(IrNode){.op = op}, 2, (IrNode *[]){a.node, b.node});
}

LowerValue lower_op3(Lower *l, const Expr *x, IrOp op, LowerValue a, LowerValue b, LowerValue c) {
    double v;
    if (!a.node || !b.node || !c.node) return NONE;
    if (op == IR_WHERE && lower_is_const(&a, &v) && b.node->rows == c.node->rows && b.node->cols == c.node->cols &&
        b.node->rspace == c.node->rspace)
        return v != 0 ? b : c;
    return lower_node(l, x, &(IrNode){.op = op}, 3, (IrNode *[]){a.node, b.node, c.node});
}

/* A transposed operand becomes a flag of the product. */
LowerValue lower_matmul(Lower *l, const Expr *x, LowerValue a, LowerValue b) {
    double va, vb;
    if (!a.node || !b.node) return NONE;
    if (lower_is_const(&a, &va) && lower_is_const(&b, &vb)) return lower_const(l, va * vb);
    IrNode proto = {.op = IR_MATMUL};
    IrNode *args[2] = {a.node, b.node};
    if (a.node->op == IR_TRANSPOSE) proto.ta = true, args[0] = a.node->args[0];
    if (b.node->op == IR_TRANSPOSE) proto.tb = true, args[1] = b.node->args[0];
    return lower_node(l, x, &proto, 2, args);
}

/* ---- names ---- */
static const Binding *find_binding(Lower *l, const char *name, int *index) {
    for (int i = l->env->nbindings - 1; i >= 0; i--)
        if (strcmp(l->env->bindings[i].name, name) == 0) {
            *index = i;
            return &l->env->bindings[i];
        }
    return NULL;
}

static LowerValue undefined(Lower *l, const Expr *x, const char *name) {
    VEC(const char *) names = {0};
    for (int i = 0; i < l->vars.len; i++) vec_push(l->arena, &names, l->vars.data[i].name);
    for (int i = 0; l->script_level && i < l->env->nbindings; i++) vec_push(l->arena, &names, l->env->bindings[i].name);
    Diag *d = diag_error(l->ds, "E135", x->span, "%s is not defined", name);
    const char *near = text_nearest(name, names.data, names.len);
    if (near) diag_help(d, "did you mean %s?", near);
    return NONE;
}

/* A value from outside: numbers fold, matrices become inputs, each once. */
static LowerValue outside(Lower *l, LowerInput in, const char *name, Span span) {
    if (in.value->rows == 1 && in.value->cols == 1) return lower_const(l, mat_get(in.value, 0, 0));
    return (LowerValue){.node = lower_input(l, in, name, in.value->rows, in.value->cols, 0, span)};
}

static LowerValue name_value(Lower *l, const Expr *x) {
    const LowerVar *v = lower_find(l, x->text);
    if (v && v->value.node) return v->value;
    if (v) {
        Diag *d = diag_error(l->ds, "E131", x->span, "%s has different shapes after the branches of an if", x->text);
        diag_note(d, v->def, "one of them is assigned here");
        return NONE;
    }
    int index;
    const Binding *b = l->script_level ? find_binding(l, x->text, &index) : NULL;
    if (!b) return undefined(l, x, x->text);
    if (b->kind == BIND_VALUE)
        return outside(l, (LowerInput){.kind = LI_VALUE, .index = index, .value = b->value}, b->name, x->span);
    Diag *d = diag_error(l->ds, "E135", x->span, "%s is a %s, not a value", x->text,
                         b->kind == BIND_MODEL ? "model" : "target");
    if (b->kind == BIND_TARGET)
        diag_help(d, "its numbers are features(%s) and label(%s)", x->text, x->text);
    else
        diag_help(d, "read what its fit returned: %s.%s", x->text, b->model->nparams ? b->model->params[0].name : "w");
    return NONE;
}

static LowerValue field_value(Lower *l, const Expr *x) {
    const Expr *owner = x->args[0];
    int index;
    const Binding *b = l->script_level && owner->kind == EX_NAME ? find_binding(l, owner->text, &index) : NULL;
    if (!b && owner->kind == EX_NAME && !lower_find(l, owner->text)) return undefined(l, owner, owner->text);
    if (!b || b->kind != BIND_MODEL) {
        Diag *d = diag_error(l->ds, "E181", x->span, "%s is not a value", func_expr_text(l->arena, x));
        if (b && b->kind == BIND_TARGET)
            diag_help(d, "its numbers are features(%s.%s) and label(%s.%s)", b->name, x->text, b->name, x->text);
        return NONE;
    }
    const Model *m = b->model;
    VEC(const char *) names = {0};
    for (int i = 0; i < m->nparams; i++) {
        if (strcmp(m->params[i].name, x->text) == 0)
            return outside(l, (LowerInput){.kind = LI_PARAM, .index = i, .value = m->params[i].value},
                           func_expr_text(l->arena, x), x->span);
        vec_push(l->arena, &names, m->params[i].name);
    }
    for (int i = 0; i < m->nhyper; i++) {
        if (strcmp(m->hyper[i].name, x->text) == 0) {
            if (m->hyper[i].is_number) return lower_const(l, m->hyper[i].num);
            return outside(l, (LowerInput){.kind = LI_VALUE, .index = index, .value = m->hyper[i].matrix},
                           func_expr_text(l->arena, x), x->span);
        }
        vec_push(l->arena, &names, m->hyper[i].name);
    }
    Diag *d = diag_error(l->ds, "E139", x->span, "%s has no %s", owner->text, x->text);
    const char *near = text_nearest(x->text, names.data, names.len);
    if (near) diag_help(d, "did you mean %s.%s?", owner->text, near);
    return NONE;
}

/* ---- scalars and sizes ---- */
LowerValue lower_scalar(Lower *l, const Expr *x, const char *what) {
    LowerValue v = lower_value(l, x);
    if (!v.node || is_scalar(v.node)) return v;
    diag_error(l->ds, "E180", x->span, "%s must be one number, %s is %s", what, func_expr_text(l->arena, x),
               lower_shape_text(l, v.node));
    return NONE;
}

bool lower_size(Lower *l, const Expr *x, const char *what, int64_t *out, int *count_of) {
    LowerValue v = lower_scalar(l, x, what);
    double k;
    if (!v.node) return false;
    if (!lower_is_const(&v, &k)) {
        Diag *d = diag_error(l->ds, "E182", x->span, "%s must be known before training, %s is computed", what,
                             func_expr_text(l->arena, x));
        diag_help(d, "use hyperparameters, nrow, ncol and arithmetic on them");
        return false;
    }
    if (!(k >= 0) || k != floor(k) || k > 2147483647.0) {
        diag_error(l->ds, "E182", x->span, "%s must be a whole number, zero or more: it is %g", what, k);
        return false;
    }
    *out = (int64_t)k;
    if (count_of) *count_of = v.count_of;
    return true;
}

/* ---- expressions ---- */
static IrOp binary_op(Op op) {
    switch (op) {
    case OP_ADD: return IR_ADD;
    case OP_SUB: return IR_SUB;
    case OP_MUL: return IR_MUL;
    case OP_DIV: return IR_DIV;
    case OP_POW: return IR_POW;
    case OP_MATMUL: return IR_MATMUL;
    case OP_EQ: return IR_EQ;
    case OP_NE: return IR_NE;
    case OP_LT: return IR_LT;
    case OP_LE: return IR_LE;
    case OP_GT: return IR_GT;
    case OP_GE: return IR_GE;
    case OP_AND: return IR_AND;
    case OP_OR: return IR_OR;
    default: internal_error("%s is not a binary operator", op_text(op));
    }
}

static LowerValue not_algebra(Lower *l, const Expr *x) {
    if (x->kind == EX_STR)
        diag_error(l->ds, "E181", x->span, "a text is not a number");
    else if (x->kind == EX_RANGE)
        diag_error(l->ds, "E181", x->span, "a range stands in an index or in for");
    else if (x->kind != EX_ERROR)
        diag_error(l->ds, "E181", x->span, "%s has no place in algebra", func_expr_text(l->arena, x));
    return NONE;
}

LowerValue lower_value(Lower *l, const Expr *x) {
    LowerValue a, b;
    switch (x->kind) {
    case EX_NUM: return lower_const(l, x->num);
    case EX_BOOL: return lower_const(l, x->num != 0);
    case EX_NAME: return name_value(l, x);
    case EX_FIELD: return field_value(l, x);
    case EX_CALL: return lower_call(l, x);
    case EX_UNARY: a = lower_value(l, x->args[0]); return lower_op1(l, x, x->op == OP_NOT ? IR_NOT : IR_NEG, a);
    case EX_TRANSPOSE: a = lower_value(l, x->args[0]); return lower_op1(l, x, IR_TRANSPOSE, a);
    case EX_BINARY:
        a = lower_value(l, x->args[0]);
        if (!a.node) return NONE;
        b = lower_value(l, x->args[1]);
        return x->op == OP_MATMUL ? lower_matmul(l, x, a, b) : lower_op2(l, x, binary_op(x->op), a, b);
    case EX_INDEX: return lower_index(l, x);
    default: return not_algebra(l, x);
    }
}
