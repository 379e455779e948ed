/* typecheck_expr.c: symbolic shapes of expressions. Errors: E131 shapes, E132 indices, E135/E136 variables, E139 names
 * that fit does not return, E180 a scalar is needed, E181 not algebra. */
#include "compiler/typecheck.h"

#include <math.h>

TcValue tc_bad(void) {
    return (TcValue){.bad = true, .rows = dim_const(1), .cols = dim_const(1)};
}

TcValue tc_matrix(Dim rows, Dim cols, Span from) {
    return (TcValue){.rows = rows, .cols = cols, .from = from};
}

bool tc_is_one(const TcValue *v) {
    int64_t r, c;
    return dim_is_const(&v->rows, &r) && dim_is_const(&v->cols, &c) && r == 1 && c == 1;
}

bool tc_not_scalar(const Tc *t, const TcValue *v) {
    return dim_clash(t, v->rows, dim_const(1)) || dim_clash(t, v->cols, dim_const(1));
}

TcVar *tc_find(Tc *t, const char *name) {
    for (int i = t->vars.len - 1; i >= 0; i--)
        if (strcmp(t->vars.data[i].name, name) == 0) return &t->vars.data[i];
    return NULL;
}

void tc_note(Tc *t, Diag *d, const Expr *x, const TcValue *v) {
    const char *text = v->name ? v->name : func_expr_text(t->arena, x);
    diag_note(d, v->name && v->from.file ? v->from : x->span, "%s is %s", text, shape_text(t, v));
}

Dim tc_value_dim(Tc *t, const Expr *x, TcValue v) {
    if (v.valued) return v.value;
    return dim_symbol(t, func_expr_text(t->arena, x), true);
}

TcValue tc_scalar(Tc *t, const Expr *x, const char *what) {
    TcValue v = tc_expr(t, x);
    if (v.bad) return v;
    if (tc_not_scalar(t, &v)) {
        Diag *d = diag_error(t->ds, "E180", x->span, "%s must be one number, %s is %s", what,
                             func_expr_text(t->arena, x), shape_text(t, &v));
        if (v.name) tc_note(t, d, x, &v);
        return tc_bad();
    }
    return v;
}

/* ---- names ---- */
static void unknown_name(Tc *t, const char *name, Span at) {
    VEC(const char *) known = {0};
    for (int i = 0; i < t->vars.len; i++) vec_push(t->arena, &known, t->vars.data[i].name);
    if (t->script_level)
        for (int i = 0; i < t->models.len; i++) vec_push(t->arena, &known, t->models.data[i].name);
    const char *near = text_nearest(name, known.data, known.len);
    if (t->script_level && program_target(t->p, name)) {
        Diag *d = diag_error(t->ds, "E135", at, "%s is a target, not a value", name);
        diag_help(d, "its numbers are features(%s) and label(%s)", name, name);
        return;
    }
    for (int i = 0; t->script_level && i < t->models.len; i++)
        if (strcmp(t->models.data[i].name, name) == 0) {
            Diag *d = diag_error(t->ds, "E135", at, "%s is a model, not a value", name);
            diag_help(d, "read one of the values that its fit returns, such as %s.w", name);
            return;
        }
    if (t->fit) {
        /* Inside predict: a variable of fit that is not returned is the likeliest cause. */
        NameVec assigned = {0};
        tc_assigned(t->arena, &t->fit->body, &assigned);
        for (int i = 0; i < assigned.len; i++)
            if (strcmp(assigned.data[i].text, name) == 0) {
                Diag *d = diag_error(t->ds, "E139", at, "predict uses %s, which fit does not return", name);
                diag_note(d, assigned.data[i].span, "fit computes %s here", name);
                diag_help(d, "add %s to the return of fit", name);
                return;
            }
    }
    FuncInfo f;
    Diag *d = diag_error(t->ds, "E135", at, "%s is not defined", name);
    if (near)
        diag_help(d, "did you mean %s?", near);
    else if (func_find(name, &f))
        diag_help(d, "%s is a function: write %s(…)", name, name);
    else if (t->script_level)
        diag_help(d, "define it before: let %s = …;", name);
    else
        diag_help(d, "assign it before: %s = …;", name);
}

static TcValue name_value(Tc *t, const Expr *x) {
    TcVar *v = tc_find(t, x->text);
    if (!v) {
        unknown_name(t, x->text, x->span);
        return tc_bad();
    }
    if (v->hyper >= 0 && t->hyper_used) t->hyper_used[v->hyper] = true;
    if (v->torn) {
        Diag *d = diag_error(t->ds, "E131", x->span, "%s has different shapes after the branches of an if", x->text);
        diag_note(d, v->def, "%s is %s in one", x->text, shape_text(t, &v->value));
        diag_note(d, v->torn_def, "%s is %s in the other", x->text, shape_text(t, &v->torn_value));
        v->torn = false;
        v->value = tc_bad();
        return v->value;
    }
    if (v->maybe) {
        Diag *d = diag_error(t->ds, "E136", x->span, "%s may have no value here", x->text);
        diag_note(d, v->maybe_at, "%s", v->maybe_why);
        diag_help(d, "assign %s before, so that it has a value on every way", x->text);
        v->maybe = false; /* once is enough */
    }
    TcValue r = v->value;
    r.name = v->name;
    r.from = v->def;
    return r;
}

/* risk.w: what the algorithm's fit returns. Its sizes depend on the data, so all but constants are open. */
static TcValue field_value(Tc *t, const Expr *x) {
    const Expr *owner = x->args[0];
    if (owner->kind != EX_NAME) {
        diag_error(t->ds, "E181", x->span, "only a model has fields: model.%s", x->text);
        return tc_bad();
    }
    const TcModel *m = NULL;
    if (t->script_level)
        for (int i = 0; i < t->models.len; i++)
            if (strcmp(t->models.data[i].name, owner->text) == 0) m = &t->models.data[i];
    if (!m) {
        if (t->script_level && program_target(t->p, owner->text)) {
            Diag *d = diag_error(t->ds, "E181", x->span, "a part of a target is not a value");
            diag_help(d, "its numbers are features(%s.%s) and label(%s.%s)", owner->text, x->text, owner->text,
                      x->text);
        } else if (tc_find(t, owner->text))
            diag_error(t->ds, "E181", x->span, "%s is a matrix and has no fields", owner->text);
        else
            unknown_name(t, owner->text, owner->span);
        return tc_bad();
    }
    if (m->algorithm && m->algorithm->fit && m->algorithm->fit->body.len) {
        const FuncDecl *fit = m->algorithm->fit;
        const Stmt *last = fit->body.data[fit->body.len - 1];
        bool found = last->kind != ST_RETURN;
        VEC(const char *) names = {0};
        for (int i = 0; last->kind == ST_RETURN && i < last->ret.len; i++) {
            const char *name = last->ret.data[i]->kind == EX_NAME ? last->ret.data[i]->text : "";
            found = found || strcmp(name, x->text) == 0;
            vec_push(t->arena, &names, name);
        }
        if (!found) {
            Diag *d = diag_error(t->ds, "E139", x->text_span.file ? x->text_span : x->span, "%s has no %s", owner->text,
                                 x->text);
            diag_note(d, last->span, "the fit of %s returns this", m->algorithm->name.text);
            const char *near = text_nearest(x->text, names.data, names.len);
            if (near) diag_help(d, "did you mean %s.%s?", owner->text, near);
            return tc_bad();
        }
    }
    const char *text = func_expr_text(t->arena, x);
    Dim r = dim_symbol(t, arena_printf(t->arena, "nrow(%s)", text), true);
    Dim c = dim_symbol(t, arena_printf(t->arena, "ncol(%s)", text), true);
    return tc_matrix(r, c, x->span);
}

/* ---- operators ---- */
static void note_both(Tc *t, Diag *d, const Expr *xa, const TcValue *a, const Expr *xb, const TcValue *b) {
    tc_note(t, d, xa, a);
    if (!a->name || !b->name || strcmp(a->name, b->name) != 0) tc_note(t, d, xb, b);
}

TcValue tc_broadcast(Tc *t, const Expr *whole, const Expr *xa, TcValue a, const Expr *xb, TcValue b) {
    if (a.bad || b.bad) return tc_bad();
    if (dim_clash_broadcast(t, a.rows, b.rows) || dim_clash_broadcast(t, a.cols, b.cols)) {
        Diag *d = diag_error(t->ds, "E131", whole->op_span.file ? whole->op_span : whole->span,
                             "shapes do not agree in %s", func_expr_text(t->arena, whole));
        note_both(t, d, xa, &a, xb, &b);
        if (dim_equal(&a.rows, &b.cols) && dim_equal(&a.cols, &b.rows))
            diag_help(d, "transpose one of them with '");
        else
            diag_help(d, "cell by cell, sizes must be equal, or 1 (a row, a column or a number is repeated)");
        return tc_bad();
    }
    return tc_matrix(dim_broadcast(t, a.rows, b.rows), dim_broadcast(t, a.cols, b.cols), whole->span);
}

static TcValue matmul(Tc *t, const Expr *x, TcValue a, TcValue b) {
    if (a.bad || b.bad) return tc_bad();
    if (dim_clash(t, a.cols, b.rows)) {
        Diag *d = diag_error(t->ds, "E131", x->op_span.file ? x->op_span : x->span, "shapes do not agree in %s",
                             func_expr_text(t->arena, x));
        note_both(t, d, x->args[0], &a, x->args[1], &b);
        const char *ta = func_expr_text(t->arena, x->args[0]), *tb = func_expr_text(t->arena, x->args[1]);
        if (tc_is_one(&a) || tc_is_one(&b))
            diag_help(d, "@ is the product of matrices; a number multiplies with *");
        else if (dim_equal(&a.rows, &b.rows) && x->args[0]->kind == EX_NAME)
            diag_help(d, "did you mean %s' @ %s?", ta, tb);
        else if (dim_equal(&a.cols, &b.cols) && x->args[1]->kind == EX_NAME)
            diag_help(d, "did you mean %s @ %s'?", ta, tb);
        else if (b.name && a.name)
            diag_help(d, "declare %s with ncol(%s) rows", b.name, a.name);
        else
            diag_help(d, "the columns of the left side must be as many as the rows of the right side");
        return tc_bad();
    }
    return tc_matrix(a.rows, b.cols, x->span);
}

/* The number a scalar expression is, when + - * of known numbers say so. */
static void binary_number(Tc *t, Op op, const TcValue *a, const TcValue *b, TcValue *r) {
    if (!a->valued || !b->valued) return;
    int64_t k;
    r->valued = true;
    switch (op) {
    case OP_ADD: r->value = dim_add(t, a->value, b->value, 1); break;
    case OP_SUB: r->value = dim_add(t, a->value, b->value, -1); break;
    case OP_MUL:
        if (dim_is_const(&a->value, &k))
            r->value = dim_scale(t, b->value, k);
        else if (dim_is_const(&b->value, &k))
            r->value = dim_scale(t, a->value, k);
        else
            r->valued = false;
        break;
    default: r->valued = false;
    }
}

static TcValue binary(Tc *t, const Expr *x) {
    TcValue a = tc_expr(t, x->args[0]), b = tc_expr(t, x->args[1]);
    if (x->op == OP_MATMUL) return matmul(t, x, a, b);
    TcValue r = tc_broadcast(t, x, x->args[0], a, x->args[1], b);
    if (!r.bad) binary_number(t, x->op, &a, &b, &r);
    return r;
}

/* ---- selection ---- */
static void out_of_range(Tc *t, const Expr *index, int64_t i, int64_t size, const char *what, const Expr *of,
                         const TcValue *v) {
    Diag *d = diag_error(t->ds, "E132", index->span, "%s %lld of %s does not exist", what, (long long)i,
                         func_expr_text(t->arena, of));
    if (i < 1)
        diag_help(d, "%ss count from 1", what);
    else if (size >= 0)
        diag_help(d, "there are %lld; %ss count from 1", (long long)size, what);
    if (v->name) tc_note(t, d, of, v);
}

/* A constant index must lie in 1..extent when the extent is known too. */
static bool in_range(Tc *t, const Expr *index, const TcValue *i, const Dim *extent, const char *what, const Expr *of,
                     const TcValue *v) {
    int64_t at, size;
    if (!i->valued || !dim_is_const(&i->value, &at)) return true;
    bool known = dim_is_const(extent, &size);
    if (at >= 1 && (!known || at <= size)) return true;
    out_of_range(t, index, at, known ? size : -1, what, of, v);
    return false;
}

static bool index_dim(Tc *t, const Expr *index, const Dim *extent, const char *what, const Expr *of, const TcValue *v,
                      Dim *out) {
    if (!index) {
        *out = *extent;
        return true;
    }
    if (index->kind == EX_RANGE) {
        TcValue lo = tc_scalar(t, index->args[0], "the bound of a range"),
                hi = tc_scalar(t, index->args[1], "the bound of a range");
        if (lo.bad || hi.bad) return false;
        Dim a = tc_value_dim(t, index->args[0], lo), b = tc_value_dim(t, index->args[1], hi);
        int64_t ka, kb;
        *out = dim_add(t, dim_add(t, b, a, -1), dim_const(1), 1);
        if (dim_is_const(out, &ka) && ka == 0) return true; /* an empty range, such as 1..0 */
        if (dim_is_const(&a, &ka) && dim_is_const(&b, &kb) && kb < ka) {
            diag_error(t->ds, "E132", index->span, "the range %lld..%lld runs backwards", (long long)ka, (long long)kb);
            return false;
        }
        return in_range(t, index->args[0], &lo, extent, what, of, v) &&
               in_range(t, index->args[1], &hi, extent, what, of, v);
    }
    TcValue i = tc_expr(t, index);
    if (i.bad) return false;
    if (tc_is_one(&i)) {
        *out = dim_const(1);
        return in_range(t, index, &i, extent, what, of, v);
    }
    int64_t one;
    if (dim_is_const(&i.cols, &one) && one == 1)
        *out = i.rows;
    else if (dim_is_const(&i.rows, &one) && one == 1)
        *out = i.cols;
    else if (dim_clash(t, i.rows, dim_const(1)) && dim_clash(t, i.cols, dim_const(1))) {
        Diag *d = diag_error(t->ds, "E180", index->span, "an index must be a number, a range or a vector, %s is %s",
                             func_expr_text(t->arena, index), shape_text(t, &i));
        diag_help(d, "to choose by a condition, use where(condition, a, b)");
        return false;
    } else
        *out = dim_symbol(t, "?", true);
    return true;
}

static TcValue indexed(Tc *t, const Expr *x) {
    TcValue v = tc_expr(t, x->args[0]);
    if (v.bad) return v;
    Dim r = v.rows, c = v.cols;
    if (x->nargs == 2) {
        /* One index: cells of a vector, rows of a matrix. */
        int64_t one, columns;
        bool row_vector = dim_is_const(&v.rows, &one) && one == 1 && !(dim_is_const(&v.cols, &columns) && columns == 1);
        bool ok = row_vector ? index_dim(t, x->args[1], &v.cols, "column", x->args[0], &v, &c)
                             : index_dim(t, x->args[1], &v.rows, "row", x->args[0], &v, &r);
        return ok ? tc_matrix(r, c, x->span) : tc_bad();
    }
    bool rows_ok = index_dim(t, x->args[1], &v.rows, "row", x->args[0], &v, &r);
    bool cols_ok = index_dim(t, x->args[2], &v.cols, "column", x->args[0], &v, &c);
    return rows_ok && cols_ok ? tc_matrix(r, c, x->span) : tc_bad();
}

static TcValue expression(Tc *t, const Expr *x) {
    TcValue v;
    switch (x->kind) {
    case EX_NUM:
        v = tc_matrix(dim_const(1), dim_const(1), x->span);
        if (x->num == floor(x->num) && fabs(x->num) <= 1 << 30) v.valued = true, v.value = dim_const((int64_t)x->num);
        return v;
    case EX_BOOL:
        v = tc_matrix(dim_const(1), dim_const(1), x->span);
        v.valued = true;
        v.value = dim_const(x->num != 0);
        return v;
    case EX_NAME: return name_value(t, x);
    case EX_FIELD: return field_value(t, x);
    case EX_CALL: return tc_call(t, x);
    case EX_UNARY:
        v = tc_expr(t, x->args[0]);
        if (v.bad) return v;
        if (x->op == OP_NEG && v.valued)
            v.value = dim_scale(t, v.value, -1);
        else
            v.valued = false;
        v.name = NULL;
        v.from = x->span;
        return v;
    case EX_BINARY: return binary(t, x);
    case EX_TRANSPOSE:
        v = tc_expr(t, x->args[0]);
        if (v.bad) return v;
        return (TcValue){.rows = v.cols, .cols = v.rows, .valued = v.valued, .value = v.value, .from = x->span};
    case EX_INDEX: return indexed(t, x);
    case EX_ERROR: return tc_bad();
    case EX_STR: diag_error(t->ds, "E181", x->span, "a text is not a number"); return tc_bad();
    case EX_NULL: {
        Diag *d = diag_error(t->ds, "E181", x->span, "null has no place in algebra");
        diag_help(d, "missing values are settled in the target: feature num missing mean");
        return tc_bad();
    }
    case EX_RANGE: {
        Diag *d = diag_error(t->ds, "E181", x->span, "a range stands in an index or in for");
        diag_help(d, "the numbers 1 to k as a column are iota(k)");
        return tc_bad();
    }
    default:
        diag_error(t->ds, "E181", x->span, "%s belongs to the body of a tgd, not to algebra",
                   func_expr_text(t->arena, x));
        return tc_bad();
    }
}

TcValue tc_expr(Tc *t, const Expr *x) {
    TcValue v = expression(t, x);
    tc_note_shape(t, x->span, &v);
    return v;
}
