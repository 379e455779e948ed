/* lower_index.c: X[rows, cols]: constants and ranges become slices, vectors and computed numbers become takes. Errors:
 * E132. */
#include "compiler/lower_private.h"

#include <math.h>

static const LowerValue NONE = {0};

typedef struct Choice {
    enum { ALL, SLICE, TAKE } kind;
    int64_t from, to; /* SLICE: from 0, `to` exclusive */
    IrNode *index;    /* TAKE: a column of numbers from 1 */
} Choice;

static bool missing(Lower *l, const Expr *at, double i, int64_t size, const char *what, const Expr *of) {
    Diag *d = diag_error(l->ds, "E132", at->span, "%s %g of %s does not exist", what, i, func_expr_text(l->arena, of));
    if (i != floor(i))
        diag_help(d, "an index is a whole number");
    else
        diag_help(d, "there %s %lld; %ss count from 1", size == 1 ? "is" : "are", (long long)size, what);
    return false;
}

static bool bound(Lower *l, const Expr *x, double *out) {
    LowerValue v = lower_scalar(l, x, "the bound of a range");
    if (!v.node) return false;
    if (lower_is_const(&v, out)) return true;
    Diag *d = diag_error(l->ds, "E182", x->span, "the bounds of a range must be known before training, %s is computed",
                         func_expr_text(l->arena, x));
    diag_help(d, "a single computed index works: X[i, ]");
    return false;
}

static bool choose(Lower *l, const Expr *x, int64_t size, const char *what, const Expr *of, Choice *out) {
    *out = (Choice){.kind = ALL};
    if (!x) return true;
    if (x->kind == EX_RANGE) {
        double lo, hi;
        if (!bound(l, x->args[0], &lo) || !bound(l, x->args[1], &hi)) return false;
        bool empty = hi == lo - 1; /* such as 1..0 */
        if (lo != floor(lo) || lo < 1 || (!empty && lo > (double)size))
            return missing(l, x->args[0], lo, size, what, of);
        if (hi != floor(hi) || hi > (double)size) return missing(l, x->args[1], hi, size, what, of);
        if (hi < lo - 1) {
            diag_error(l->ds, "E132", x->span, "the range %g..%g runs backwards", lo, hi);
            return false;
        }
        *out = (Choice){.kind = SLICE, .from = (int64_t)lo - 1, .to = (int64_t)hi};
        return true;
    }
    LowerValue v = lower_value(l, x);
    double i;
    if (!v.node) return false;
    if (lower_is_const(&v, &i)) {
        if (i != floor(i) || i < 1 || i > (double)size) return missing(l, x, i, size, what, of);
        *out = (Choice){.kind = SLICE, .from = (int64_t)i - 1, .to = (int64_t)i};
        return true;
    }
    if (v.node->cols != 1 && v.node->rows == 1) v = lower_op1(l, x, IR_TRANSPOSE, v);
    if (!v.node) return false;
    if (v.node->cols != 1) {
        diag_error(l->ds, "E180", x->span, "an index must be a number, a range or a vector, %s is %s",
                   func_expr_text(l->arena, x), lower_shape_text(l, v.node));
        return false;
    }
    *out = (Choice){.kind = TAKE, .index = v.node};
    return true;
}

static LowerValue apply(Lower *l, const Expr *x, LowerValue v, const Choice *c, bool rows) {
    int64_t size = rows ? v.node->rows : v.node->cols;
    if (c->kind == ALL || (c->kind == SLICE && c->from == 0 && c->to == size)) return v;
    if (c->kind == SLICE)
        return lower_node(l, x, &(IrNode){.op = rows ? IR_SLICE_ROWS : IR_SLICE_COLS, .i0 = c->from, .i1 = c->to}, 1,
                          (IrNode *[]){v.node});
    return lower_node(l, x, &(IrNode){.op = rows ? IR_TAKE_ROWS : IR_TAKE_COLS}, 2, (IrNode *[]){v.node, c->index});
}

LowerValue lower_index(Lower *l, const Expr *x) {
    const Expr *of = x->args[0];
    LowerValue v = lower_value(l, of);
    if (!v.node) return NONE;
    Choice r = {.kind = ALL}, c = {.kind = ALL};
    if (x->nargs == 2) {
        bool row_vector = v.node->rows == 1 && v.node->cols != 1;
        bool ok = row_vector ? choose(l, x->args[1], v.node->cols, "column", of, &c)
                             : choose(l, x->args[1], v.node->rows, "row", of, &r);
        if (!ok) return NONE;
    } else if (!choose(l, x->args[1], v.node->rows, "row", of, &r) ||
               !choose(l, x->args[2], v.node->cols, "column", of, &c))
        return NONE;
    /* Rows first: of T that is a small copy, and what follows is small. */
    LowerValue picked = apply(l, x, v, &r, true);
    return picked.node ? apply(l, x, picked, &c, false) : NONE;
}
