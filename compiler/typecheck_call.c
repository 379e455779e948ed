/* typecheck_call.c: symbolic shapes of function calls. Errors: E131, E133 unknown function, E134 arguments, E171 target
 * without label or weight, E180, E182 sizes. */
#include "compiler/typecheck.h"

enum { ARGS_MAX = 64 };

static TcValue scalar_result(const Expr *x) {
    return tc_matrix(dim_const(1), dim_const(1), x->span);
}

static void shape_error(Tc *t, const Expr *x, const char *why, const Expr *xa, const TcValue *a, const Expr *xb,
                        const TcValue *b) {
    Diag *d = diag_error(t->ds, "E131", x->span, "shapes do not agree in %s: %s", func_expr_text(t->arena, x), why);
    tc_note(t, d, xa, a);
    if (b) tc_note(t, d, xb, b);
}

static bool check_square(Tc *t, const Expr *x, const Expr *xa, const TcValue *a) {
    if (!dim_clash(t, a->rows, a->cols)) return true;
    shape_error(t, x, "a square matrix is needed", xa, a, NULL, NULL);
    return false;
}

static TcValue bind(Tc *t, const Expr *x, int n, Expr **args, const TcValue *v, bool side_by_side) {
    TcValue r = v[0];
    const Expr *first = args[0];
    r.name = NULL;
    r.from = x->span;
    r.valued = false;
    for (int i = 1; i < n; i++) {
        Dim *same = side_by_side ? &r.rows : &r.cols;
        Dim other = side_by_side ? v[i].rows : v[i].cols;
        /* cbind repeats a number down; rbind does not. */
        bool clash = side_by_side ? dim_clash(t, *same, other) && !tc_is_one(&v[i]) && !(i == 1 && tc_is_one(&v[0]))
                                  : dim_clash(t, *same, other);
        if (clash) {
            TcValue so_far = r;
            if (i == 1) so_far.name = v[0].name, so_far.from = v[0].from;
            shape_error(t, x,
                        side_by_side ? "operands side by side have as many rows"
                                     : "operands one below the other have as many columns",
                        i == 1 ? first : x, &so_far, args[i], &v[i]);
            return tc_bad();
        }
        *same =
            side_by_side && tc_is_one(&v[i]) ? *same : (i == 1 && tc_is_one(&v[0]) ? other : dim_meet(t, *same, other));
        if (side_by_side)
            r.cols = dim_add(t, r.cols, v[i].cols, 1);
        else
            r.rows = dim_add(t, r.rows, v[i].rows, 1);
    }
    return r;
}

static TcValue diagonal(Tc *t, const Expr *x, const Expr *xa, const TcValue *a) {
    int64_t one;
    if (tc_is_one(a)) return scalar_result(x);
    if (dim_is_const(&a->cols, &one) && one == 1) return tc_matrix(a->rows, a->rows, x->span);
    if (dim_is_const(&a->rows, &one) && one == 1) return tc_matrix(a->cols, a->cols, x->span);
    if (!check_square(t, x, xa, a)) return tc_bad();
    return tc_matrix(dim_meet(t, a->rows, a->cols), dim_const(1), x->span);
}

/* An operator of ops.def by its shape rule. */
static TcValue operator_shape(Tc *t, const Expr *x, IrOp op, int n, Expr **args, const TcValue *v) {
    switch (ir_ops[op].shape) {
    case SHAPE_SAME:
        if ((op == IR_CHOLESKY || op == IR_EIGVECS) && !check_square(t, x, args[0], &v[0])) return tc_bad();
        return tc_matrix(v[0].rows, v[0].cols, x->span);
    case SHAPE_BCAST: return tc_broadcast(t, x, args[0], v[0], args[1], v[1]);
    case SHAPE_BCAST3: {
        TcValue yz = tc_broadcast(t, x, args[1], v[1], args[2], v[2]);
        return yz.bad ? yz : tc_broadcast(t, x, args[0], v[0], args[1], yz);
    }
    case SHAPE_CBIND: return bind(t, x, n, args, v, true);
    case SHAPE_RBIND: return bind(t, x, n, args, v, false);
    case SHAPE_DIAG: return diagonal(t, x, args[0], &v[0]);
    case SHAPE_ALL: return scalar_result(x);
    case SHAPE_ROWS: return tc_matrix(v[0].rows, dim_const(1), x->span);
    case SHAPE_COLS: return tc_matrix(dim_const(1), v[0].cols, x->span);
    case SHAPE_SOLVE:
        if (!check_square(t, x, args[0], &v[0])) return tc_bad();
        if (dim_clash(t, v[0].rows, v[1].rows)) {
            shape_error(t, x, "both sides have as many rows", args[0], &v[0], args[1], &v[1]);
            return tc_bad();
        }
        return tc_matrix(dim_meet(t, v[0].rows, v[1].rows), v[1].cols, x->span);
    case SHAPE_EIGVALS:
        return check_square(t, x, args[0], &v[0]) ? tc_matrix(v[0].rows, dim_const(1), x->span) : tc_bad();
    default: internal_error("no symbolic shape for operator %s", ir_ops[op].name);
    }
}

/* A size such as the rows of zeros: one whole number, not negative. */
static bool size_arg(Tc *t, const Expr *x, Dim *out) {
    TcValue v = tc_scalar(t, x, "a size");
    if (v.bad) return false;
    if (x->kind == EX_NUM && !v.valued) {
        diag_error(t->ds, "E182", x->span, "a size must be a whole number");
        return false;
    }
    *out = tc_value_dim(t, x, v);
    int64_t k;
    if (dim_is_const(out, &k) && k < 0) {
        diag_error(t->ds, "E182", x->span, "a size cannot be negative");
        return false;
    }
    return true;
}

static TcValue filled(Tc *t, const Expr *x, int n, Expr **args, int sizes) {
    Dim r, c = dim_const(1);
    bool ok = size_arg(t, args[0], &r);
    if (n > 1 && sizes > 1) ok = size_arg(t, args[1], &c) && ok;
    if (n > 2) ok = !tc_scalar(t, args[2], "this argument").bad && ok;
    return ok ? tc_matrix(r, c, x->span) : tc_bad();
}

static TcValue target_value(Tc *t, const Expr *x, const FuncInfo *f, const Expr *arg) {
    if (!t->script_level) {
        Diag *d = diag_error(t->ds, "E181", x->span, "%s(…) stands in the script, not inside an algorithm or metric",
                             f->name);
        diag_help(d, "an algorithm gets its data by the parameters of fit and predict");
        return tc_bad();
    }
    const char *name = arg->kind == EX_NAME                                     ? arg->text
                       : arg->kind == EX_FIELD && arg->args[0]->kind == EX_NAME ? arg->args[0]->text
                                                                                : NULL;
    Target *target = name ? program_target(t->p, name) : NULL;
    if (!target) {
        Diag *d = diag_error(t->ds, "E181", arg->span, "%s needs a target or a part of one", f->name);
        diag_help(d, "write %s", f->usage);
        return tc_bad();
    }
    bool label = f->kind == FN_LABEL, weight = f->kind == FN_WEIGHT;
    if ((label && !target->has_label) || (weight && !target->has_weight)) {
        Diag *d = diag_error(t->ds, "E171", x->span, "target %s has no %s", name, label ? "label" : "weight");
        diag_note(d, target->decl->name.span, "%s is declared here", name);
        diag_help(d, "give one of its columns the role: name: %s num", label ? "label" : "weight");
        return tc_bad();
    }
    if (arg->kind == EX_FIELD) {
        bool found = false;
        if (target->split)
            for (int i = 0; i < target->split->split.parts.len; i++)
                found = found || strcmp(target->split->split.parts.data[i].name.text, arg->text) == 0;
        if (!found) {
            Diag *d = diag_error(t->ds, "E135", arg->span, "target %s has no part %s", name, arg->text);
            if (!target->split)
                diag_help(d, "split it first: split %s into train 0.8, test 0.2 seed 1;", name);
            else
                diag_note(d, target->split->span, "it is split here");
            return tc_bad();
        }
    }
    const char *text = func_expr_text(t->arena, arg);
    Dim rows = dim_symbol(t, arena_printf(t->arena, "rows(%s)", text), true);
    return tc_matrix(rows,
                     label || weight ? dim_const(1) : dim_symbol(t, arena_printf(t->arena, "columns(%s)", name), true),
                     x->span);
}

static TcValue function_shape(Tc *t, const Expr *x, const FuncInfo *f, int n, Expr **args) {
    switch (f->kind) {
    case FN_FEATURES:
    case FN_LABEL:
    case FN_WEIGHT: return target_value(t, x, f, args[0]);
    case FN_ZEROS:
    case FN_ONES:
    case FN_FULL:
    case FN_RAND:
    case FN_RANDN: return filled(t, x, n, args, 2);
    case FN_EYE: {
        TcValue v = filled(t, x, n, args, 1);
        v.cols = v.rows;
        return v;
    }
    case FN_IOTA: return filled(t, x, n, args, 1);
    case FN_ONEHOT: {
        TcValue v = tc_expr(t, args[0]);
        Dim k;
        bool ok = size_arg(t, args[1], &k);
        if (v.bad || !ok) return tc_bad();
        if (dim_clash(t, v.cols, dim_const(1))) {
            shape_error(t, x, "a column of numbers is needed", args[0], &v, NULL, NULL);
            return tc_bad();
        }
        return tc_matrix(v.rows, k, x->span);
    }
    default: break;
    }
    TcValue v[ARGS_MAX];
    bool bad = false;
    for (int i = 0; i < n; i++) {
        v[i] = tc_expr(t, args[i]);
        bad = bad || v[i].bad;
    }
    if (bad) return tc_bad();
    TcValue r = scalar_result(x);
    switch (f->kind) {
    case FN_OP: return operator_shape(t, x, f->op, n, args, v);
    case FN_NROW:
    case FN_NCOL:
        r.valued = true;
        r.value = f->kind == FN_NROW ? v[0].rows : v[0].cols;
        return r;
    case FN_MEAN:
    case FN_VAR:
    case FN_SD:
    case FN_NORM: return r;
    case FN_COLMEANS:
    case FN_COLVARS:
    case FN_COLSDS: return tc_matrix(dim_const(1), v[0].cols, x->span);
    case FN_ROWMEANS: return tc_matrix(v[0].rows, dim_const(1), x->span);
    case FN_TRACE: return check_square(t, x, args[0], &v[0]) ? r : tc_bad();
    case FN_DOT:
        if (dim_clash(t, v[0].rows, v[1].rows) || dim_clash(t, v[0].cols, v[1].cols)) {
            shape_error(t, x, "both operands have the same shape", args[0], &v[0], args[1], &v[1]);
            return tc_bad();
        }
        return r;
    case FN_CROSSPROD:
        if (n == 1) return tc_matrix(v[0].cols, v[0].cols, x->span);
        if (dim_clash(t, v[0].rows, v[1].rows)) {
            shape_error(t, x, "both operands have as many rows", args[0], &v[0], args[1], &v[1]);
            return tc_bad();
        }
        return tc_matrix(v[0].cols, v[1].cols, x->span);
    case FN_MIN:
    case FN_MAX: {
        if (n == 1) return r;
        TcValue all = v[0];
        for (int i = 1; i < n && !all.bad; i++) all = tc_broadcast(t, x, i == 1 ? args[0] : x, all, args[i], v[i]);
        return all;
    }
    default: internal_error("no symbolic shape for function %s", f->name);
    }
}

TcValue tc_call(Tc *t, const Expr *x) {
    FuncInfo f;
    if (!func_find(x->text, &f)) {
        Diag *d =
            diag_error(t->ds, "E133", x->text_span.file ? x->text_span : x->span, "there is no function %s", x->text);
        const char *near = func_nearest(x->text);
        if (near)
            diag_help(d, "did you mean %s?", near);
        else if (tc_find(t, x->text))
            diag_help(d, "%s is a variable: cells are selected with %s[row, column]", x->text, x->text);
        for (int i = 0; i < x->nargs; i++)
            (void)tc_expr(t, x->args[i]); /* their own errors, and which hyperparameters are used */
        return tc_bad();
    }
    Expr *args[ARGS_MAX];
    if (x->nargs + x->named.len > ARGS_MAX) {
        diag_error(t->ds, "E134", x->span, "%s takes at most %d arguments", f.name, ARGS_MAX);
        return tc_bad();
    }
    int n = func_arguments(t->ds, &f, x, args);
    if (n < 0) {
        for (int i = 0; i < x->nargs; i++) (void)tc_expr(t, x->args[i]);
        return tc_bad();
    }
    return function_shape(t, x, &f, n, args);
}
