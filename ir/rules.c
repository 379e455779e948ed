/* rules.c: the rules of rewrites.def that a pattern cannot say: constants, transposes, operands of any number, parts of
 * values.
 *
 * Each takes a node whose operands are settled and returns an equal node, or NULL when it does not apply. */
#include "ir/pattern.h"
#include <math.h>

static bool is_number(const IrNode *n) {
    return n->op == IR_CONST || n->op == IR_FULL;
}
static bool is_wide(const IrNode *n) {
    return n->rspace || n->cspace;
}
static IrVal plain(IrNode *n) {
    return (IrVal){n, false};
}

/* ---- constants ---- */
static bool fold_value(const IrNode *n, double *out) {
    double x[3] = {0};
    for (int i = 0; i < n->nargs; i++) {
        if (!is_number(n->args[i])) return false;
        x[i] = n->args[i]->num;
    }
    return ir_cell_value(n->op, x[0], x[1], x[2], out);
}
IrNode *rule_fold(Simplifier *s, IrNode *n) {
    double v;
    if (!ir_is_elementwise(n->op) || n->cspace || !fold_value(n, &v)) return NULL;
    return ir_full(s->b, v, n->rows, n->cols, n->rspace);
}
/* A constant operand of the result's size is a number that broadcasts. */
IrNode *rule_full(Simplifier *s, IrNode *n) {
    if (!ir_is_elementwise(n->op)) return NULL;
    IrNode *args[3];
    bool any = false;
    for (int i = 0; i < n->nargs; i++) {
        bool full = n->args[i]->op == IR_FULL;
        args[i] = full ? ir_const(s->b, n->args[i]->num) : n->args[i];
        any = any || full;
    }
    return any ? val_accept(s,
                            val_op(s, n->op, n->nargs,
                                   (IrVal[]){plain(args[0]), plain(n->nargs > 1 ? args[1] : args[0]),
                                             plain(n->nargs > 2 ? args[2] : args[0])}),
                            n)
               : NULL;
}
IrNode *rule_full_sums(Simplifier *s, IrNode *n) {
    if (n->nargs != 1 || n->args[0]->op != IR_FULL) return NULL;
    const IrNode *x = n->args[0];
    double v = x->num, rows = (double)x->rows, cols = (double)x->cols;
    switch (n->op) {
    case IR_SUM: v *= rows * cols; break;
    case IR_ROWSUMS: v *= cols; break;
    case IR_COLSUMS: v *= rows; break;
    case IR_ROWMIN:
    case IR_ROWMAX:
        if (!x->cols) return NULL;
        break;
    case IR_COLMIN:
    case IR_COLMAX:
        if (!x->rows) return NULL;
        break;
    case IR_MINALL:
    case IR_MAXALL:
        if (!x->rows || !x->cols) return NULL;
        break;
    case IR_SLICE_ROWS:
    case IR_SLICE_COLS: break;
    default: return NULL;
    }
    return n->cspace ? NULL : ir_full(s->b, v, n->rows, n->cols, n->rspace);
}
static IrVal scaled(Simplifier *s, double by, IrVal v) {
    return by == 1 ? v : val_op(s, IR_MUL, 2, (IrVal[]){v, val_number(s, by)});
}
IrNode *rule_full_product(Simplifier *s, IrNode *n) {
    if (n->op != IR_MATMUL) return NULL;
    IrVal x = {n->args[0], n->ta}, y = {n->args[1], n->tb};
    if (y.n->op == IR_FULL && val_cols(y) == 1)
        return val_accept(s, scaled(s, y.n->num, val_op(s, IR_ROWSUMS, 1, &x)), n);
    if (x.n->op == IR_FULL && val_rows(x) == 1)
        return val_accept(s, scaled(s, x.n->num, val_op(s, IR_COLSUMS, 1, &y)), n);
    return NULL;
}
IrNode *rule_eye_product(Simplifier *s, IrNode *n) {
    if (n->op != IR_MATMUL) return NULL;
    if (n->args[1]->op == IR_EYE) return val_accept(s, (IrVal){n->args[0], n->ta}, n);
    if (n->args[0]->op == IR_EYE) return val_accept(s, (IrVal){n->args[1], n->tb}, n);
    return NULL;
}
IrNode *rule_where_known(Simplifier *s, IrNode *n) {
    if (n->op != IR_WHERE || !is_number(n->args[0])) return NULL;
    return val_accept(s, plain(n->args[n->args[0]->num != 0 ? 1 : 2]), n);
}

/* ---- transposes ---- */
IrNode *rule_transpose_leaf(Simplifier *s, IrNode *n) {
    if (n->op != IR_TRANSPOSE) return NULL;
    IrNode *x = n->args[0];
    if (x->op == IR_TRANSPOSE) return x->args[0];
    if (x->op == IR_EYE || val_scalar(plain(x))) return x;
    return x->op == IR_FULL && !is_wide(x) ? ir_full(s->b, x->num, x->cols, x->rows, 0) : NULL;
}
IrNode *rule_transpose_in_product(Simplifier *s, IrNode *n) {
    if (n->op != IR_MATMUL || (n->args[0]->op != IR_TRANSPOSE && n->args[1]->op != IR_TRANSPOSE)) return NULL;
    IrVal x = val_of(n->args[0]), y = val_of(n->args[1]);
    return ir_matmul(s->b, x.n, x.t != n->ta, y.n, y.t != n->tb);
}
/* Not when the product is also used as it is: it would be computed twice. */
static bool used_once(const Simplifier *s, const IrNode *n) {
    return !s->old || s->old->op != n->op || s->uses[s->old->args[0]->id] == 1;
}
IrNode *rule_transpose_of_product(Simplifier *s, IrNode *n) {
    if (n->op != IR_TRANSPOSE || n->args[0]->op != IR_MATMUL || !used_once(s, n)) return NULL;
    const IrNode *p = n->args[0];
    return ir_matmul(s->b, p->args[1], !p->tb, p->args[0], !p->ta);
}
/* Whether v' costs no more than v: products swap, transposes vanish. */
static bool can_flip(const IrNode *v, int depth) {
    if (val_scalar(plain((IrNode *)v)) || v->op == IR_MATMUL || v->op == IR_TRANSPOSE || v->op == IR_EYE) return true;
    if (!ir_is_elementwise(v->op) || depth == 0) return false;
    for (int i = 0; i < v->nargs; i++)
        if (!can_flip(v->args[i], depth - 1)) return false;
    return true;
}
static IrVal flipped(Simplifier *s, IrNode *v) {
    if (val_scalar(plain(v)) || v->op == IR_EYE) return plain(v);
    if (v->op == IR_TRANSPOSE) return plain(v->args[0]);
    if (v->op == IR_MATMUL) return val_product(s, (IrVal){v->args[1], !v->tb}, (IrVal){v->args[0], !v->ta});
    IrVal args[3];
    for (int i = 0; i < v->nargs; i++) args[i] = flipped(s, v->args[i]);
    return val_op(s, v->op, v->nargs, args);
}
IrNode *rule_transpose_of_elementwise(Simplifier *s, IrNode *n) {
    if (n->op != IR_TRANSPOSE || !ir_is_elementwise(n->args[0]->op) || !used_once(s, n) || !can_flip(n->args[0], 4))
        return NULL;
    return val_accept(s, flipped(s, n->args[0]), n);
}
IrNode *rule_transpose_elementwise(Simplifier *s, IrNode *n) {
    if (!ir_is_elementwise(n->op)) return NULL;
    bool all = true, wide = false, other_wide = false;
    IrVal v[3];
    for (int i = 0; i < n->nargs; i++) {
        v[i] = val_of(n->args[i]);
        if (val_scalar(v[i])) continue;
        all = all && v[i].t;
        if (v[i].t)
            wide = wide || is_wide(v[i].n);
        else
            other_wide = other_wide || is_wide(v[i].n);
    }
    bool any = false;
    for (int i = 0; i < n->nargs; i++) any = any || (v[i].t && !val_scalar(v[i]));
    if (!any || !(all || (wide && !other_wide))) return NULL;
    return val_accept(s, val_op(s, n->op, n->nargs, v), n);
}
IrNode *rule_transpose_sums(Simplifier *s, IrNode *n) {
    switch (n->op) {
    case IR_SUM:
    case IR_MINALL:
    case IR_MAXALL:
    case IR_ROWSUMS:
    case IR_COLSUMS:
    case IR_ROWMIN:
    case IR_COLMIN:
    case IR_ROWMAX:
    case IR_COLMAX: break;
    default: return NULL;
    }
    if (n->args[0]->op != IR_TRANSPOSE) return NULL;
    IrVal x = val_of(n->args[0]);
    return val_accept(s, val_op(s, n->op, 1, &x), n);
}
IrNode *rule_transpose_slice(Simplifier *s, IrNode *n) {
    if ((n->op != IR_SLICE_ROWS && n->op != IR_SLICE_COLS) || n->args[0]->op != IR_TRANSPOSE) return NULL;
    IrVal x = val_of(n->args[0]);
    return val_accept(
        s, n->op == IR_SLICE_ROWS ? val_slice_rows(s, x, n->i0, n->i1) : val_slice_cols(s, x, n->i0, n->i1), n);
}

/* ---- a factor of all rows of a product is a factor of its small operand; not when the product is also used as it is
 * ---- */
static bool is_row_product(const IrNode *p) {
    if (p->op != IR_MATMUL || !p->rspace || p->cspace) return false;
    const IrNode *y = p->args[1];
    return !y->rspace && !y->cspace;
}
static IrVal factor_into(Simplifier *s, const IrNode *p, IrOp op, IrVal factor) {
    IrVal y = val_op(s, op, 2, (IrVal[]){{p->args[1], p->tb}, factor});
    return val_product(s, (IrVal){p->args[0], p->ta}, y);
}
IrNode *rule_scale_into(Simplifier *s, IrNode *n) {
    if ((n->op != IR_MUL && n->op != IR_DIV) || !s->old || s->old->op != n->op) return NULL;
    int at = n->op == IR_MUL && val_scalar(plain(n->args[0])) ? 1 : 0;
    IrNode *x = n->args[at];
    const IrNode *old = s->old->args[at];
    IrVal factor = plain(n->args[1 - at]);
    if (!val_scalar(factor) || old->op != x->op || s->uses[old->id] != 1) return NULL;
    if (is_row_product(x)) return val_accept(s, factor_into(s, x, n->op, factor), n);
    if (x->op != IR_ADD && x->op != IR_SUB) return NULL;
    for (int i = 0; i < 2; i++) {
        const IrNode *p = x->args[i], *r = x->args[1 - i], *old_p = old->args[i];
        if (!is_row_product(p) || r->rows != 1 || is_wide(r) || old_p->op != IR_MATMUL || s->uses[old_p->id] != 1)
            continue;
        IrVal scaled_p = factor_into(s, p, n->op, factor),
              scaled_r = val_op(s, n->op, 2, (IrVal[]){plain((IrNode *)r), factor});
        return val_accept(
            s, val_op(s, x->op, 2, i == 0 ? (IrVal[]){scaled_p, scaled_r} : (IrVal[]){scaled_r, scaled_p}), n);
    }
    return NULL;
}

/* ---- rowargmin(A + c): what is added to a whole row does not choose among its cells ---- */
/* A value a row, as far as is known now: infinities and not-a-number would make all cells of a row alike. */
static bool shifts_rows(const IrNode *c, const IrNode *whole) {
    return c->cols == 1 && whole->cols > 1 && !(is_number(c) && !isfinite(c->num));
}
static IrNode *without_columns(Simplifier *s, IrNode *e, bool *dropped) {
    if (e->op != IR_ADD && e->op != IR_SUB) return e;
    IrNode *x = e->args[0], *y = e->args[1];
    if (shifts_rows(y, e)) {
        *dropped = true;
        return without_columns(s, x, dropped);
    }
    if (shifts_rows(x, e)) {
        *dropped = true;
        y = without_columns(s, y, dropped);
        return e->op == IR_ADD ? y : val_node(s, val_op(s, IR_NEG, 1, &(IrVal){y, false}));
    }
    bool inner = false;
    x = without_columns(s, x, &inner);
    y = without_columns(s, y, &inner);
    if (!inner) return e;
    *dropped = true;
    return val_node(s, val_op(s, e->op, 2, (IrVal[]){plain(x), plain(y)}));
}
IrNode *rule_argmin_drop(Simplifier *s, IrNode *n) {
    if (n->op != IR_ROWARGMIN && n->op != IR_ROWARGMAX) return NULL;
    bool dropped = false;
    IrNode *x = without_columns(s, n->args[0], &dropped);
    return dropped ? val_accept(s, val_op(s, n->op, 1, &(IrVal){x, false}), n) : NULL;
}

/* ---- cbind: a 1 x 1 part stands for a column that repeats it ---- */
static bool is_repeated(const IrNode *bind, const IrNode *part) {
    return part->rows == 1 && part->cols == 1 && !part->rspace && (bind->rows != 1 || bind->rspace);
}
static bool is_wide_cbind(Simplifier *s, const IrNode *n) {
    return n->op == IR_CBIND && ir_tlike(&s->tlike, n);
}
static IrVal add(Simplifier *s, IrVal *sum, IrVal v) {
    return sum->n ? val_op(s, IR_ADD, 2, (IrVal[]){*sum, v}) : v;
}
/* cbind(parts) @ y */
static IrVal cbind_times(Simplifier *s, const IrNode *bind, IrVal y) {
    IrVal sum = {0};
    int64_t at = 0;
    for (int i = 0; i < bind->nargs; i++) {
        IrVal part = plain(bind->args[i]), rows = val_slice_rows(s, y, at, at + part.n->cols);
        at += part.n->cols;
        sum = add(s, &sum, val_scalar(part) ? val_op(s, IR_MUL, 2, (IrVal[]){part, rows}) : val_product(s, part, rows));
    }
    return sum;
}
IrNode *rule_cbind_product(Simplifier *s, IrNode *n) {
    if (n->op != IR_MATMUL) return NULL;
    IrVal x = {n->args[0], n->ta}, y = {n->args[1], n->tb};
    if (!x.t && is_wide_cbind(s, x.n)) return val_accept(s, cbind_times(s, x.n, y), n);
    if (y.t && is_wide_cbind(s, y.n)) return val_accept(s, val_transposed(cbind_times(s, y.n, val_transposed(x))), n);
    return NULL;
}
/* x @ cbind(parts); `down`: as the transpose of rbind(parts' @ x') */
static IrVal times_cbind(Simplifier *s, IrVal x, const IrNode *bind, bool down) {
    IrVal *parts = arena_array(s->b->func->arena, IrVal, bind->nargs);
    for (int i = 0; i < bind->nargs; i++) {
        IrVal part = plain(bind->args[i]);
        if (is_repeated(bind, part.n))
            parts[i] = val_op(s, IR_MUL, 2, (IrVal[]){val_op(s, IR_ROWSUMS, 1, &x), part});
        else if (down)
            parts[i] = val_transposed(val_product(s, val_transposed(part), val_transposed(x)));
        else
            parts[i] = val_product(s, x, part);
    }
    return val_bind_cols(s, bind->nargs, parts);
}
IrNode *rule_product_cbind(Simplifier *s, IrNode *n) {
    if (n->op != IR_MATMUL) return NULL;
    IrVal x = {n->args[0], n->ta}, y = {n->args[1], n->tb};
    if (!y.t && is_wide_cbind(s, y.n)) return val_accept(s, times_cbind(s, x, y.n, false), n);
    if (x.t && is_wide_cbind(s, x.n))
        return val_accept(s, val_transposed(times_cbind(s, val_transposed(y), x.n, true)), n);
    return NULL;
}
IrNode *rule_cbind_sums(Simplifier *s, IrNode *n) {
    if ((n->op != IR_COLSUMS && n->op != IR_ROWSUMS && n->op != IR_SUM) || !is_wide_cbind(s, n->args[0])) return NULL;
    const IrNode *bind = n->args[0];
    IrVal *parts = arena_array(s->b->func->arena, IrVal, bind->nargs), sum = {0};
    for (int i = 0; i < bind->nargs; i++) {
        IrVal part = plain(bind->args[i]);
        bool repeated = is_repeated(bind, part.n);
        parts[i] = repeated && n->op == IR_COLSUMS ? part : val_op(s, n->op, 1, &part);
        if (repeated && n->op != IR_ROWSUMS) parts[i] = scaled(s, (double)bind->rows, parts[i]);
        if (n->op != IR_COLSUMS) sum = add(s, &sum, parts[i]);
    }
    return val_accept(s, n->op == IR_COLSUMS ? val_bind_cols(s, bind->nargs, parts) : sum, n);
}
static bool same_widths(const IrNode *x, const IrNode *y) {
    if (x->nargs != y->nargs) return false;
    for (int i = 0; i < x->nargs; i++)
        if (x->args[i]->cols != y->args[i]->cols) return false;
    return true;
}
IrNode *rule_cbind_elementwise(Simplifier *s, IrNode *n) {
    IrClass cls = ir_ops[n->op].cls;
    if (cls != IRC_UNARY && cls != IRC_BINARY) return NULL;
    const IrNode *bind = NULL;
    for (int i = 0; i < n->nargs && !bind; i++)
        if (is_wide_cbind(s, n->args[i]) && n->args[i]->cols == n->cols) bind = n->args[i];
    if (!bind) return NULL;
    for (int i = 0; i < n->nargs; i++) {
        const IrNode *o = n->args[i];
        bool row = o->rows == 1 && !o->rspace && o->cols == n->cols, col = o->cols == 1;
        if (o != bind && !row && !col &&
            !(o->op == IR_CBIND && same_widths(bind, o) && o->rspace == bind->rspace && o->rows == bind->rows))
            return NULL;
    }
    IrVal *parts = arena_array(s->b->func->arena, IrVal, bind->nargs);
    int64_t at = 0;
    for (int p = 0; p < bind->nargs; p++) {
        IrVal args[2];
        int64_t width = bind->args[p]->cols;
        for (int i = 0; i < n->nargs; i++) {
            IrNode *o = n->args[i];
            if (o->op == IR_CBIND && o->cols == n->cols && same_widths(bind, o) && o->rspace == bind->rspace &&
                o->rows == bind->rows)
                args[i] = plain(o->args[p]);
            else if (o->cols == 1)
                args[i] = plain(o);
            else
                args[i] = val_slice_cols(s, plain(o), at, at + width);
        }
        parts[p] = val_op(s, n->op, n->nargs, args);
        if (parts[p].n->cols != width) return NULL;
        at += width;
    }
    return val_accept(s, val_bind_cols(s, bind->nargs, parts), n);
}

/* ---- parts of values ---- */
static bool is_slice(const IrNode *n) {
    return n->op == IR_SLICE_ROWS || n->op == IR_SLICE_COLS;
}
IrNode *rule_slice_whole(Simplifier *s, IrNode *n) {
    if (!is_slice(n) || n->i0 != 0) return NULL;
    return n->i1 == (n->op == IR_SLICE_ROWS ? n->args[0]->rows : n->args[0]->cols) ? val_accept(s, plain(n->args[0]), n)
                                                                                   : NULL;
}
IrNode *rule_slice_slice(Simplifier *s, IrNode *n) {
    if (!is_slice(n) || n->args[0]->op != n->op) return NULL;
    const IrNode *x = n->args[0];
    return ir_slice(s->b, n->op, x->args[0], x->i0 + n->i0, x->i0 + n->i1);
}
/* cbind(A, B)[, range] and rbind(A, B)[range, ]: the parts that the range touches. */
IrNode *rule_slice_bind(Simplifier *s, IrNode *n) {
    if (!is_slice(n)) return NULL;
    const IrNode *bind = n->args[0];
    bool cols = n->op == IR_SLICE_COLS;
    if (bind->op != (cols ? IR_CBIND : IR_RBIND)) return NULL;
    IrNode **parts = arena_array(s->b->func->arena, IrNode *, bind->nargs);
    int k = 0;
    int64_t at = 0;
    bool any_full = false;
    for (int i = 0; i < bind->nargs; i++) {
        IrNode *part = bind->args[i];
        int64_t width = cols ? part->cols : part->rows, lo = n->i0 > at ? n->i0 - at : 0,
                hi = n->i1 - at < width ? n->i1 - at : width;
        at += width;
        if (lo >= hi) continue;
        any_full = any_full || !cols || !is_repeated(bind, part);
        parts[k++] =
            val_node(s, cols ? val_slice_cols(s, plain(part), lo, hi) : val_slice_rows(s, plain(part), lo, hi));
    }
    if (!k) return NULL;
    if (!any_full)
        return k == 1 && parts[0]->op == IR_CONST ? ir_full(s->b, parts[0]->num, n->rows, n->cols, n->rspace) : NULL;
    return val_accept(s, plain(k == 1 ? parts[0] : ir_nary(s->b, cols ? IR_CBIND : IR_RBIND, k, parts)), n);
}
IrNode *rule_slice_product(Simplifier *s, IrNode *n) {
    if (!is_slice(n) || n->args[0]->op != IR_MATMUL || !used_once(s, n)) return NULL;
    const IrNode *p = n->args[0];
    IrVal x = {p->args[0], p->ta}, y = {p->args[1], p->tb};
    if (n->op == IR_SLICE_COLS)
        y = val_slice_cols(s, y, n->i0, n->i1);
    else
        x = val_slice_rows(s, x, n->i0, n->i1);
    return val_accept(s, val_product(s, x, y), n);
}
