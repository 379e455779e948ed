/* shape.c: rows, columns and spaces of a node from its operands, by the rule in its row of ops.def.
 *
 * Spaces: what rows and columns run over. A value over a space keeps it through elementwise operators; two different
 * spaces never meet in one dimension, even when they have equally many rows. A small value with exactly as many rows as
 * a space has may stand beside one over that space (a model's value per training row, an input column); the result is
 * over the space. One row or one column is repeated, but never to become a value over rows of T that it is beside by
 * accident: only small dimensions of size 1 are repeated. Reasons are in the user's words: both shapes, then what
 * differs. */
#include "ir/ir.h"

static const char *said(const IrFunc *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static const char *said(const IrFunc *f, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *s = arena_vprintf(f->arena, fmt, ap);
    va_end(ap);
    return s;
}
/* "X is 854 x 9" */
static const char *shape_text(const IrFunc *f, const IrNode *n, const char *otherwise) {
    const char *name = n->name;
    if (!name && n->op == IR_TABLE) name = said(f, "features(%s)", f->tables.data[n->table].name);
    if (!name && n->op == IR_INPUT) name = f->inputs.data[n->i0].name;
    return said(f, "%s is %lld x %lld", name ? name : otherwise, (long long)n->rows, (long long)n->cols);
}
static const char *both(const IrFunc *f, const IrNode *x, const IrNode *y) {
    return said(f, "%s and %s", shape_text(f, x, "the left side"), shape_text(f, y, "the right side"));
}
static const char *space_text(const IrFunc *f, int space) {
    return space ? said(f, "rows of %s", f->spaces.data[space].name) : "nothing";
}
static void set(IrNode *n, int64_t rows, int rspace, int64_t cols, int cspace) {
    n->rows = rows, n->rspace = rspace, n->cols = cols, n->cspace = cspace;
}

/* One dimension of two values side by side: equal sizes over spaces that agree, or one of them a small 1. */
static bool broadcast(int64_t *size, int *space, int64_t other, int other_space) {
    if (*size == other && (*space == other_space || !*space || !other_space)) {
        if (!*space) *space = other_space;
        return true;
    }
    if (other == 1 && !other_space) return true;
    if (*size != 1 || *space) return false;
    *size = other;
    *space = other_space;
    return true;
}
static bool infer_broadcast(const IrFunc *f, IrNode *n, const char **why) {
    const IrNode *x = n->args[0];
    int64_t rows = x->rows, cols = x->cols;
    int rspace = x->rspace, cspace = x->cspace;
    for (int i = 1; i < n->nargs; i++) {
        const IrNode *y = n->args[i];
        int rspace_was = rspace, cspace_was = cspace;
        bool fit_rows = broadcast(&rows, &rspace, y->rows, y->rspace),
             fit_cols = broadcast(&cols, &cspace, y->cols, y->cspace);
        if (fit_rows && fit_cols) continue;
        int a = fit_rows ? cspace_was : rspace_was, b = fit_rows ? y->cspace : y->rspace;
        int64_t size = fit_rows ? cols : rows, other = fit_rows ? y->cols : y->rows;
        if (a && b && a != b)
            *why = said(f, "%s: one runs over the %s, the other over the %s", both(f, x, y), space_text(f, a),
                        space_text(f, b));
        else
            *why = said(f, "%s: %lld and %lld %s do not go together", both(f, x, y), (long long)size, (long long)other,
                        fit_rows ? "columns" : "rows");
        return false;
    }
    set(n, rows, rspace, cols, cspace);
    return true;
}
static bool infer_matmul(const IrFunc *f, IrNode *n, const char **why) {
    const IrNode *x = n->args[0], *y = n->args[1];
    int64_t inner = n->ta ? x->rows : x->cols, inner2 = n->tb ? y->cols : y->rows;
    int space = n->ta ? x->rspace : x->cspace, space2 = n->tb ? y->cspace : y->rspace;
    const char *t = n->ta && n->tb ? " (both used transposed)"
                    : n->ta        ? " (the first used transposed)"
                    : n->tb        ? " (the second used transposed)"
                                   : "";
    if (inner != inner2) {
        *why = said(f, "%s%s: the inner sizes %lld and %lld differ", both(f, x, y), t, (long long)inner,
                    (long long)inner2);
        return false;
    }
    if (space && space2 && space != space2) {
        *why = said(f, "%s%s: the product would add over the %s and the %s", both(f, x, y), t, space_text(f, space),
                    space_text(f, space2));
        return false;
    }
    set(n, n->ta ? x->cols : x->rows, n->ta ? x->cspace : x->rspace, n->tb ? y->rows : y->cols,
        n->tb ? y->rspace : y->cspace);
    return true;
}
static bool infer_cbind(const IrFunc *f, IrNode *n, const char **why) {
    int64_t rows = 1, cols = 0;
    int rspace = 0;
    const IrNode *tall = NULL; /* gives the rows: 1 x 1 operands are repeated down */
    for (int i = 0; i < n->nargs; i++) {
        const IrNode *x = n->args[i];
        cols += x->cols;
        if (x->cspace) {
            *why = said(f, "%s, with a column for each of the %s: cbind puts columns side by side, transpose it first",
                        shape_text(f, x, "a part"), space_text(f, x->cspace));
            return false;
        }
        if (x->rows == 1 && x->cols == 1 && !x->rspace) continue;
        if (!tall) {
            tall = x, rows = x->rows, rspace = x->rspace;
        } else if (x->rows != rows || (x->rspace && rspace && x->rspace != rspace)) {
            *why = said(f, "%s: side by side they need the same rows", both(f, tall, x));
            return false;
        }
        if (!rspace) rspace = x->rspace;
    }
    set(n, rows, rspace, cols, 0);
    return true;
}
static bool infer_rbind(const IrFunc *f, IrNode *n, const char **why) {
    const IrNode *x = n->args[0];
    int64_t rows = 0;
    for (int i = 0; i < n->nargs; i++) {
        const IrNode *y = n->args[i];
        rows += y->rows;
        if (y->rspace) {
            *why = said(f, "%s, with a row for each of the %s: rbind is for small values", shape_text(f, y, "a part"),
                        space_text(f, y->rspace));
            return false;
        }
        if (y->cols != x->cols || y->cspace != x->cspace) {
            *why = said(f, "%s: one below the other they need the same columns", both(f, x, y));
            return false;
        }
    }
    set(n, rows, 0, x->cols, x->cspace);
    return true;
}
static bool infer_part(const IrFunc *f, IrNode *n, const char **why) {
    const IrNode *x = n->args[0];
    bool cols = n->op == IR_SLICE_COLS || n->op == IR_TAKE_COLS;
    int64_t size;
    if (n->op == IR_SLICE_COLS || n->op == IR_SLICE_ROWS) {
        int64_t most = cols ? x->cols : x->rows;
        if (n->i0 < 0 || n->i1 < n->i0 || n->i1 > most) {
            *why = said(f, "%s: it has no %s %lld to %lld", shape_text(f, x, "this"), cols ? "columns" : "rows",
                        (long long)n->i0 + 1, (long long)n->i1);
            return false;
        }
        size = n->i1 - n->i0;
    } else {
        const IrNode *y = n->args[1];
        if (y->rspace || y->cspace || (y->rows != 1 && y->cols != 1)) {
            *why = said(f, "%s: an index is a small row or column of numbers", shape_text(f, y, "the index"));
            return false;
        }
        size = y->rows * y->cols;
    }
    if (cols)
        set(n, x->rows, x->rspace, size, 0);
    else
        set(n, size, 0, x->cols, x->cspace);
    return true;
}
static bool infer_square(const IrFunc *f, IrNode *n, const char *what, const char **why) {
    const IrNode *x = n->args[0];
    if (x->rows == x->cols && !x->rspace && !x->cspace) return true;
    *why = said(f, "%s: %s needs a small square matrix", shape_text(f, x, "it"), what);
    return false;
}
static bool infer_diag(const IrFunc *f, IrNode *n, const char **why) {
    const IrNode *x = n->args[0];
    if (x->rspace || x->cspace) {
        *why = said(f, "%s, over the %s: diag is for small values", shape_text(f, x, "it"),
                    space_text(f, x->rspace ? x->rspace : x->cspace));
        return false;
    }
    if (x->rows == 1 || x->cols == 1) {
        set(n, x->rows * x->cols, 0, x->rows * x->cols, 0);
        return true;
    }
    if (!infer_square(f, n, "diag", why)) return false;
    set(n, x->rows, 0, 1, 0);
    return true;
}
static bool infer_solve(const IrFunc *f, IrNode *n, const char **why) {
    const IrNode *x = n->args[0], *y = n->args[1];
    if (!infer_square(f, n, "solve", why)) return false;
    if (x->rows != y->rows || y->rspace || y->cspace) {
        *why = said(f, "%s: the right side of solve needs as many rows as the matrix", both(f, x, y));
        return false;
    }
    set(n, x->rows, 0, y->cols, 0);
    return true;
}

/* ---- what factorize makes: sizes come from the integration ---- */
static const Integration *data_of(const IrFunc *f, const IrNode *n) {
    return f->tables.data[n->table].data;
}
static int space_of(const IrFunc *f, const IrNode *n, int space) {
    return f->tables.data[n->table].block_space[space];
}
static int64_t block_cols(const IrFunc *f, const IrNode *n) {
    return data_of(f, n)->blocks[n->block].data->cols;
}
static bool infer_fact(const IrFunc *f, IrNode *n, const char **why) {
    const IrNode *x = n->nargs > 0 ? n->args[0] : NULL;
    const Integration *t = data_of(f, n);
    int target = f->tables.data[n->table].target_space;
    int64_t d = n->i1 ? n->i1 : t->cols;
    switch (ir_ops[n->op].shape) {
    case SHAPE_DATA: {
        int s = t->blocks[n->block].space;
        set(n, t->spaces[s].rows, space_of(f, n, s), block_cols(f, n), 0);
        return true;
    }
    case SHAPE_COUNT:
    case SHAPE_SCATTER: {
        int s = t->indicators[n->indicator].space;
        if (x && x->rows != t->rows) {
            *why = said(f, "%s: scatter takes a row for each of the %s", shape_text(f, x, "it"), space_text(f, target));
            return false;
        }
        set(n, t->spaces[s].rows, space_of(f, n, s), x ? x->cols : 1, 0);
        return true;
    }
    case SHAPE_GATHER:
        if (x->rows != t->spaces[t->indicators[n->indicator].space].rows) {
            *why = said(f, "%s: gather takes a row for each row of the indicator's table", shape_text(f, x, "it"));
            return false;
        }
        set(n, t->rows, target, x->cols, 0);
        return true;
    case SHAPE_PICK: set(n, block_cols(f, n), 0, x->cols, x->cspace); return true;
    case SHAPE_PICK_COLS: set(n, x->rows, x->rspace, block_cols(f, n), 0); return true;
    case SHAPE_PLACE: set(n, d, 0, x->cols, 0); return true;
    case SHAPE_PLACE_COLS: set(n, x->rows, 0, d, 0); return true;
    case SHAPE_EXPAND: set(n, t->rows, target, t->cols, 0); return true;
    case SHAPE_T_ROWS: set(n, x->rows * x->cols, 0, t->cols, 0); return true;
    case SHAPE_CROSS: set(n, x->cols, 0, n->args[1]->cols, 0); return true;
    default: internal_error("%s has no shape rule", ir_ops[n->op].name);
    }
}
static void infer_result(IrNode *n) {
    const IrNode *control = n->args[0], *v;
    int64_t i = n->i0;
    if (control->op == IR_LOOP)
        v = control->regions[0]->params.data[i + 1];
    else if (control->op == IR_WHILE)
        v = control->regions[1]->params.data[i];
    else
        v = control->regions[0]->results.data[i];
    set(n, v->rows, v->rspace, v->cols, v->cspace);
    if (control->op != IR_IF) return;
    /* a branch may give a small value where the other gives one over a space */
    const IrNode *o = control->regions[1]->results.data[i];
    if (!n->rspace) n->rspace = o->rspace;
    if (!n->cspace) n->cspace = o->cspace;
}

bool ir_infer_shape(const IrFunc *f, IrNode *n, const char **why) {
    const IrNode *x = n->nargs > 0 ? n->args[0] : NULL;
    const char *unused;
    if (!why) why = &unused;
    *why = NULL;
    switch (ir_ops[n->op].shape) {
    case SHAPE_SCALAR: set(n, 1, 0, 1, 0); return true;
    case SHAPE_INPUT: {
        const IrInput *in = &f->inputs.data[n->i0];
        set(n, in->rows, in->rspace, in->cols, 0);
        return true;
    }
    case SHAPE_TABLE: {
        const IrTable *t = &f->tables.data[n->table];
        set(n, t->data->rows, t->target_space, t->data->cols, 0);
        return true;
    }
    case SHAPE_ARG: return true; /* given by its region */
    case SHAPE_FULL:             /* given by who builds it */
        if (n->rows >= 0 && n->cols >= 0 && (!n->rspace || n->rows == f->spaces.data[n->rspace].rows)) return true;
        *why = said(f, "%lld x %lld is no size for it", (long long)n->rows, (long long)n->cols);
        return false;
    case SHAPE_SAME:
        if ((n->op == IR_CHOLESKY && !infer_square(f, n, "cholesky", why)) ||
            (n->op == IR_EIGVECS && !infer_square(f, n, "eigvecs", why)))
            return false;
        if (n->op == IR_RANK && x->cols != 1) {
            *why = said(f, "%s: rank needs one column", shape_text(f, x, "it"));
            return false;
        }
        set(n, x->rows, x->rspace, x->cols, x->cspace);
        return true;
    case SHAPE_BCAST:
    case SHAPE_BCAST3: return infer_broadcast(f, n, why);
    case SHAPE_MATMUL: return infer_matmul(f, n, why);
    case SHAPE_TRANSPOSE: set(n, x->cols, x->cspace, x->rows, x->rspace); return true;
    case SHAPE_CBIND: return infer_cbind(f, n, why);
    case SHAPE_RBIND: return infer_rbind(f, n, why);
    case SHAPE_SLICE_COLS:
    case SHAPE_SLICE_ROWS:
    case SHAPE_TAKE_COLS:
    case SHAPE_TAKE_ROWS: return infer_part(f, n, why);
    case SHAPE_DIAG: return infer_diag(f, n, why);
    case SHAPE_ONEHOT:
        if (x->cols != 1) {
            *why = said(f, "%s: onehot needs one column of numbers", shape_text(f, x, "it"));
            return false;
        }
        set(n, x->rows, x->rspace, n->i0, 0);
        return true;
    case SHAPE_ALL: set(n, 1, 0, 1, 0); return true;
    case SHAPE_ROWS: set(n, x->rows, x->rspace, 1, 0); return true;
    case SHAPE_COLS: set(n, 1, 0, x->cols, x->cspace); return true;
    case SHAPE_SOLVE: return infer_solve(f, n, why);
    case SHAPE_EIGVALS:
        if (!infer_square(f, n, "eigvals", why)) return false;
        set(n, x->rows, 0, 1, 0);
        return true;
    case SHAPE_NONE: set(n, 0, 0, 0, 0); return true;
    case SHAPE_PROJ: infer_result(n); return true;
    default: return infer_fact(f, n, why);
    }
}
