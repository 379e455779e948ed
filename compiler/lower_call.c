/* lower_call.c: function calls to IR nodes: operators by name, and what functions.def composes of them. Errors: E131,
 * E133, E134, E171 target without label or weight, E181. */
#include "compiler/lower_private.h"

static const LowerValue NONE = {0};
enum { ARGS_MAX = 64 };

/* ---- features(T), label(T.part) ---- */
static const Integration *target_data(Lower *l, const Expr *arg, const FuncInfo *f) {
    const char *name = arg->kind == EX_NAME                                     ? arg->text
                       : arg->kind == EX_FIELD && arg->args[0]->kind == EX_NAME ? arg->args[0]->text
                                                                                : NULL;
    const Binding *b = NULL;
    for (int i = 0; name && i < l->env->nbindings; i++)
        if (l->env->bindings[i].kind == BIND_TARGET && strcmp(l->env->bindings[i].name, name) == 0)
            b = &l->env->bindings[i];
    if (!b) {
        Diag *d = diag_error(l->ds, "E181", arg->span, "%s needs a target or a part of one", f->name);
        diag_help(d, "write %s", f->usage);
        return NULL;
    }
    if (arg->kind == EX_NAME) return b->data;
    for (int i = 0; i < b->nparts; i++)
        if (b->parts[i]->part && strcmp(b->parts[i]->part, arg->text) == 0) return b->parts[i];
    diag_error(l->ds, "E135", arg->span, "target %s has no part %s", name, arg->text);
    return NULL;
}

static LowerValue target_value(Lower *l, const Expr *x, const FuncInfo *f, const Expr *arg) {
    if (!l->script_level) {
        diag_error(l->ds, "E181", x->span, "%s(…) stands in the script, not inside an algorithm or metric", f->name);
        return NONE;
    }
    const Integration *data = target_data(l, arg, f);
    if (!data) return NONE;
    int table = lower_table(l, data);
    if (f->kind == FN_FEATURES) {
        l->b->span = x->span;
        return (LowerValue){.node = ir_table(l->b, table)};
    }
    bool label = f->kind == FN_LABEL;
    if (label ? !data->label : !data->weight) {
        diag_error(l->ds, "E171", x->span, "this target has no %s", label ? "label" : "weight");
        return NONE;
    }
    LowerInput in = {.kind = label ? LI_LABEL : LI_WEIGHT, .data = data};
    return (LowerValue){.node = lower_input(l, in, func_expr_text(l->arena, x), data->rows, 1,
                                            l->func->tables.data[table].target_space, x->span)};
}

/* ---- matrices by size ---- */
static LowerValue filled(Lower *l, const Expr *x, const FuncInfo *f, int n, Expr **args) {
    int64_t rows, cols = 1;
    int row_space = 0, col_space = 0;
    if (!lower_size(l, args[0], "a size", &rows, &row_space)) return NONE;
    if (n > 1 && !lower_size(l, args[1], "a size", &cols, &col_space)) return NONE;
    l->b->span = x->span;
    switch (f->kind) {
    case FN_EYE: return rows == 1 ? lower_const(l, 1) : (LowerValue){.node = ir_eye(l->b, rows)};
    case FN_IOTA:
        return rows == 1 && !row_space ? lower_const(l, 1) : (LowerValue){.node = ir_iota(l->b, rows, row_space)};
    case FN_RAND:
    case FN_RANDN: {
        LowerValue seed = lower_scalar(l, args[2], "the seed");
        if (!seed.node) return NONE;
        l->b->span = x->span;
        return (LowerValue){
            .node = ir_rand(l->b, f->kind == FN_RAND ? IR_RAND : IR_RANDN, rows, cols, row_space, seed.node)};
    }
    default: break;
    }
    double v = f->kind == FN_ONES ? 1 : 0;
    LowerValue given = NONE;
    if (f->kind == FN_FULL) {
        given = lower_scalar(l, args[2], "the value");
        if (!given.node) return NONE;
        if (!lower_is_const(&given, &v)) v = 1;
        l->b->span = x->span;
    }
    if (rows == 1 && cols == 1 && !row_space && !col_space) return given.node ? given : lower_const(l, v);
    LowerValue r;
    if (col_space && !row_space) {
        /* Columns run over the rows of a target: made upright, then turned. */
        r = (LowerValue){.node = ir_full(l->b, v, cols, rows, col_space)};
        r = lower_op1(l, x, IR_TRANSPOSE, r);
    } else
        r = (LowerValue){.node = ir_full(l->b, v, rows, cols, row_space)};
    return given.node && !lower_is_const(&given, NULL) ? lower_op2(l, x, IR_MUL, r, given) : r;
}

static LowerValue one_hot(Lower *l, const Expr *x, Expr **args) {
    LowerValue v = lower_value(l, args[0]);
    int64_t k;
    if (!v.node || !lower_size(l, args[1], "the number of columns", &k, NULL)) return NONE;
    return lower_node(l, x, &(IrNode){.op = IR_ONEHOT, .i0 = k}, 1, (IrNode *[]){v.node});
}

/* ---- compositions; every step may have failed, the operators pass that on ---- */
static LowerValue count_cells(Lower *l, const LowerValue *v, bool rows, bool cols) {
    return v->node ? lower_const(l, (rows ? (double)v->node->rows : 1) * (cols ? (double)v->node->cols : 1)) : NONE;
}

static LowerValue mean(Lower *l, const Expr *x, IrOp sum, LowerValue v) {
    bool rows = sum != IR_ROWSUMS, cols = sum != IR_COLSUMS;
    return lower_op2(l, x, IR_DIV, lower_op1(l, x, sum, v), count_cells(l, &v, rows, cols));
}

static LowerValue variance(Lower *l, const Expr *x, IrOp sum, LowerValue v) {
    LowerValue shifted = lower_op2(l, x, IR_SUB, v, mean(l, x, sum, v));
    return mean(l, x, sum, lower_op1(l, x, IR_SQUARE, shifted));
}

static LowerValue extreme(Lower *l, const Expr *x, FuncKind kind, int n, LowerValue *v) {
    if (n == 1) return lower_op1(l, x, kind == FN_MIN ? IR_MINALL : IR_MAXALL, v[0]);
    LowerValue r = v[0];
    for (int i = 1; i < n; i++) r = lower_op2(l, x, kind == FN_MIN ? IR_MIN2 : IR_MAX2, r, v[i]);
    return r;
}

static bool check_square(Lower *l, const Expr *x, const IrNode *a) {
    if (a->rows == a->cols) return true;
    diag_error(l->ds, "E131", x->span, "%s needs a square matrix, %s is %s", x->text,
               func_expr_text(l->arena, x->args[0]), lower_shape_text(l, a));
    return false;
}

static LowerValue operator_call(Lower *l, const Expr *x, IrOp op, int n, LowerValue *v) {
    IrNode *nodes[ARGS_MAX];
    if ((op == IR_CHOLESKY || op == IR_EIGVECS) && !check_square(l, x, v[0].node)) return NONE;
    if (n == 1 && (op == IR_CBIND || op == IR_RBIND)) return v[0];
    if (op != IR_CBIND && op != IR_RBIND) {
        if (n == 1) return lower_op1(l, x, op, v[0]);
        if (n == 2) return lower_op2(l, x, op, v[0], v[1]);
        if (n == 3) return lower_op3(l, x, op, v[0], v[1], v[2]);
    }
    int64_t rows = 1;
    for (int i = 0; i < n; i++) {
        nodes[i] = v[i].node;
        if (nodes[i]->rows != 1) rows = nodes[i]->rows;
    }
    /* Side by side only a single number is repeated down; a row is not. */
    for (int i = 0; op == IR_CBIND && rows != 1 && i < n; i++)
        if (nodes[i]->rows == 1 && nodes[i]->cols != 1) {
            Diag *d = diag_error(l->ds, "E131", x->span, "shapes do not agree in %s", func_expr_text(l->arena, x));
            diag_note(d, x->args[i]->span, "%s is %s, beside operands of %lld rows",
                      func_expr_text(l->arena, x->args[i]), lower_shape_text(l, nodes[i]), (long long)rows);
            diag_help(d, "to repeat a row, add it to zeros(nrow(x), ncol(x))");
            return NONE;
        }
    return lower_node(l, x, &(IrNode){.op = op}, n, nodes);
}

static LowerValue function_value(Lower *l, const Expr *x, const FuncInfo *f, int n, LowerValue *v) {
    switch (f->kind) {
    case FN_OP: return operator_call(l, x, f->op, n, v);
    case FN_NROW: {
        LowerValue r = lower_const(l, (double)v[0].node->rows);
        r.count_of = v[0].node->rspace;
        return r;
    }
    case FN_NCOL: {
        LowerValue r = lower_const(l, (double)v[0].node->cols);
        r.count_of = v[0].node->cspace;
        return r;
    }
    case FN_MEAN: return mean(l, x, IR_SUM, v[0]);
    case FN_COLMEANS: return mean(l, x, IR_COLSUMS, v[0]);
    case FN_ROWMEANS: return mean(l, x, IR_ROWSUMS, v[0]);
    case FN_VAR: return variance(l, x, IR_SUM, v[0]);
    case FN_SD: return lower_op1(l, x, IR_SQRT, variance(l, x, IR_SUM, v[0]));
    case FN_COLVARS: return variance(l, x, IR_COLSUMS, v[0]);
    case FN_COLSDS: return lower_op1(l, x, IR_SQRT, variance(l, x, IR_COLSUMS, v[0]));
    case FN_TRACE:
        if (!check_square(l, x, v[0].node)) return NONE;
        return lower_op1(l, x, IR_SUM, lower_op1(l, x, IR_DIAG, v[0]));
    case FN_NORM: return lower_op1(l, x, IR_SQRT, lower_op1(l, x, IR_SUM, lower_op1(l, x, IR_SQUARE, v[0])));
    case FN_DOT:
        if (v[0].node->rows != v[1].node->rows || v[0].node->cols != v[1].node->cols) {
            diag_error(l->ds, "E131", x->span, "dot needs two operands of one shape: %s and %s",
                       lower_shape_text(l, v[0].node), lower_shape_text(l, v[1].node));
            return NONE;
        }
        return lower_op1(l, x, IR_SUM, lower_op2(l, x, IR_MUL, v[0], v[1]));
    case FN_CROSSPROD: return lower_matmul(l, x, lower_op1(l, x, IR_TRANSPOSE, v[0]), v[n - 1]);
    case FN_MIN:
    case FN_MAX: return extreme(l, x, f->kind, n, v);
    default: internal_error("function %s is not lowered", f->name);
    }
}

LowerValue lower_call(Lower *l, const Expr *x) {
    FuncInfo f;
    if (!func_find(x->text, &f)) {
        Diag *d = diag_error(l->ds, "E133", x->span, "there is no function %s", x->text);
        const char *near = func_nearest(x->text);
        if (near) diag_help(d, "did you mean %s?", near);
        return NONE;
    }
    Expr *args[ARGS_MAX];
    if (x->nargs + x->named.len > ARGS_MAX) {
        diag_error(l->ds, "E134", x->span, "%s takes at most %d arguments", f.name, ARGS_MAX);
        return NONE;
    }
    int n = func_arguments(l->ds, &f, x, args);
    if (n < 0) return NONE;
    switch (f.kind) {
    case FN_FEATURES:
    case FN_LABEL:
    case FN_WEIGHT: return target_value(l, x, &f, args[0]);
    case FN_ZEROS:
    case FN_ONES:
    case FN_FULL:
    case FN_EYE:
    case FN_IOTA:
    case FN_RAND:
    case FN_RANDN: return filled(l, x, &f, n, args);
    case FN_ONEHOT: return one_hot(l, x, args);
    default: break;
    }
    LowerValue v[ARGS_MAX];
    for (int i = 0; i < n; i++) {
        v[i] = lower_value(l, args[i]);
        if (!v[i].node) return NONE;
    }
    return function_value(l, x, &f, n, v);
}
