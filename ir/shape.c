/* shape.c: rows, columns and spaces of a node from its operands, by the rule in its row of ops.def. */
#include "ir/ir.h"

static const char *said(const IrFunc *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static const char *said(const IrFunc *f, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *s = arena_vprintf(f->arena, fmt, ap);
    va_end(ap);
    return s;
}
static const char *shape_text(const IrFunc *f, const IrNode *n) {
    const char *name = n->name ? n->name : ir_ops[n->op].text;
    return said(f, "%s is %lld x %lld", name, (long long)n->rows, (long long)n->cols);
}
/* One dimension of a broadcast: equal, or one of them 1. A small operand with exactly the rows of a space stands for a value over it. */
static bool broadcast(int64_t a, int as, int64_t b, int bs, int64_t *out, int *out_space) {
    if (a == b) {
        if (as && bs && as != bs) return false;
        *out = a;
        *out_space = as ? as : bs;
        return true;
    }
    if (a == 1 && !as) { *out = b; *out_space = bs; return true; }
    if (b == 1 && !bs) { *out = a; *out_space = as; return true; }
    return false;
}
static void set(IrNode *n, int64_t rows, int rs, int64_t cols, int cs) {
    n->rows = rows, n->rspace = rs, n->cols = cols, n->cspace = cs;
}


bool ir_infer_shape(const IrFunc *f, IrNode *n, const char **why) {
    const IrNode *x = n->nargs > 0 ? n->args[0] : NULL, *y = n->nargs > 1 ? n->args[1] : NULL;
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
    case SHAPE_ARG:
    case SHAPE_FULL: return true; /* given by the builder */
    case SHAPE_SAME: set(n, x->rows, x->rspace, x->cols, x->cspace); return true;
    case SHAPE_BCAST:
    case SHAPE_BCAST3: {
        set(n, x->rows, x->rspace, x->cols, x->cspace);
        for (int a = 1; a < n->nargs; a++) {
            const IrNode *v = n->args[a];
            IrNode before = *n;
            if (!broadcast(before.rows, before.rspace, v->rows, v->rspace, &n->rows, &n->rspace) || !broadcast(before.cols, before.cspace, v->cols, v->cspace, &n->cols, &n->cspace)) {
                *why = said(f, "%s and %s", shape_text(f, x), shape_text(f, v));
                return false;
            }
        }
        return true;
    }
    case SHAPE_MATMUL: {
        int64_t xr = n->ta ? x->cols : x->rows, xc = n->ta ? x->rows : x->cols, yr = n->tb ? y->cols : y->rows, yc = n->tb ? y->rows : y->cols;
        int xrs = n->ta ? x->cspace : x->rspace, xcs = n->ta ? x->rspace : x->cspace, yrs = n->tb ? y->cspace : y->rspace, ycs = n->tb ? y->rspace : y->cspace;
        if (xc != yr || (xcs && yrs && xcs != yrs)) {
            *why = said(f, "%s%s and %s%s: the inner sizes %lld and %lld differ", shape_text(f, x), n->ta ? " (used transposed)" : "", shape_text(f, y), n->tb ? " (used transposed)" : "", (long long)xc, (long long)yr);
            return false;
        }
        set(n, xr, xrs, yc, ycs);
        return true;
    }
    case SHAPE_TRANSPOSE: set(n, x->cols, x->cspace, x->rows, x->rspace); return true;
    case SHAPE_CBIND: {
        int64_t rows = 1, cols = 0;
        int rs = 0;
        for (int a = 0; a < n->nargs; a++) {
            int64_t was = rows;
            int rs_was = rs;
            if (!broadcast(was, rs_was, n->args[a]->rows, n->args[a]->rspace, &rows, &rs) && !(a == 0)) {
                *why = said(f, "%s and %s: side by side they need equal rows", shape_text(f, n->args[0]), shape_text(f, n->args[a]));
                return false;
            }
            if (a == 0) rows = n->args[0]->rows, rs = n->args[0]->rspace;
            cols += n->args[a]->cols;
        }
        set(n, rows, rs, cols, 0);
        return true;
    }
    case SHAPE_RBIND: {
        int64_t rows = 0;
        for (int a = 0; a < n->nargs; a++) {
            rows += n->args[a]->rows;
            if (n->args[a]->cols != x->cols) {
                *why = said(f, "%s and %s: one below the other they need equal columns", shape_text(f, x), shape_text(f, n->args[a]));
                return false;
            }
        }
        set(n, rows, 0, x->cols, x->cspace);
        return true;
    }
    case SHAPE_SLICE_COLS:
    case SHAPE_SLICE_ROWS: {
        bool cols = n->op == IR_SLICE_COLS;
        int64_t most = cols ? x->cols : x->rows;
        if (n->i0 < 0 || n->i1 < n->i0 || n->i1 > most) {
            *why = said(f, "%s %lld..%lld are asked for and %s", cols ? "columns" : "rows", (long long)n->i0 + 1, (long long)n->i1, shape_text(f, x));
            return false;
        }
        if (cols) set(n, x->rows, x->rspace, n->i1 - n->i0, 0);
        else set(n, n->i1 - n->i0, 0, x->cols, x->cspace);
        return true;
    }
    case SHAPE_TAKE_COLS:
    case SHAPE_TAKE_ROWS: {
        if (y->rspace || y->cspace || (y->rows != 1 && y->cols != 1)) {
            *why = said(f, "an index is one row or column of numbers, and %s", shape_text(f, y));
            return false;
        }
        int64_t k = y->rows * y->cols;
        if (n->op == IR_TAKE_COLS) set(n, x->rows, x->rspace, k, 0);
        else set(n, k, 0, x->cols, x->cspace);
        return true;
    }
    case SHAPE_DIAG:
        if (x->cols == 1 || x->rows == 1) {
            int64_t k = x->rows * x->cols;
            if (k == 1) set(n, 1, 0, 1, 0);
            else set(n, k, 0, k, 0);
            return true;
        }
        if (x->rows != x->cols) {
            *why = said(f, "diag needs a square matrix or a vector, and %s", shape_text(f, x));
            return false;
        }
        set(n, x->rows, 0, 1, 0);
        return true;
    case SHAPE_ONEHOT:
        if (x->cols != 1) {
            *why = said(f, "onehot needs one column, and %s", shape_text(f, x));
            return false;
        }
        set(n, x->rows, x->rspace, n->i0, 0);
        return true;
    case SHAPE_ALL: set(n, 1, 0, 1, 0); return true;
    case SHAPE_ROWS: set(n, x->rows, x->rspace, 1, 0); return true;
    case SHAPE_COLS: set(n, 1, 0, x->cols, x->cspace); return true;
    case SHAPE_SOLVE:
        if (x->rows != x->cols || x->rows != y->rows) {
            *why = said(f, "solve needs a square matrix and a right side with as many rows: %s and %s", shape_text(f, x), shape_text(f, y));
            return false;
        }
        set(n, x->rows, 0, y->cols, 0);
        return true;
    case SHAPE_EIGVALS:
        if (x->rows != x->cols) {
            *why = said(f, "eigenvalues need a square matrix, and %s", shape_text(f, x));
            return false;
        }
        set(n, x->rows, 0, 1, 0);
        return true;
    case SHAPE_NONE: set(n, 0, 0, 0, 0); return true;
    case SHAPE_PROJ: {
        const IrNode *v = x->regions[0]->results.data[n->i0];
        if (x->op == IR_WHILE) v = x->regions[1]->params.data[n->i0];
        if (x->op == IR_LOOP) v = x->regions[0]->params.data[n->i0 + 1];
        int rs = v->rspace;
        if (x->op == IR_IF && !rs) rs = x->regions[1]->results.data[n->i0]->rspace;
        set(n, v->rows, rs, v->cols, v->cspace);
        return true;
    }
    case SHAPE_DATA: {
        const IrTable *t = &f->tables.data[n->table];
        const IntBlock *b = &t->data->blocks[n->block];
        set(n, b->data->rows, t->block_space[b->space], b->data->cols, 0);
        return true;
    }
    case SHAPE_COUNT: {
        const IrTable *t = &f->tables.data[n->table];
        int s = t->data->indicators[n->indicator].space;
        set(n, t->data->spaces[s].rows, t->block_space[s], 1, 0);
        return true;
    }
    case SHAPE_GATHER: {
        const IrTable *t = &f->tables.data[n->table];
        set(n, t->data->rows, t->target_space, x->cols, 0);
        return true;
    }
    case SHAPE_SCATTER: {
        const IrTable *t = &f->tables.data[n->table];
        int s = t->data->indicators[n->indicator].space;
        set(n, t->data->spaces[s].rows, t->block_space[s], x->cols, 0);
        return true;
    }
    case SHAPE_PICK: set(n, f->tables.data[n->table].data->blocks[n->block].data->cols, 0, x->cols, x->cspace); return true;
    case SHAPE_PICK_COLS: set(n, x->rows, x->rspace, f->tables.data[n->table].data->blocks[n->block].data->cols, 0); return true;
    case SHAPE_PLACE: set(n, n->i1 ? n->i1 : f->tables.data[n->table].data->cols, 0, x->cols, 0); return true;
    case SHAPE_PLACE_COLS: set(n, x->rows, 0, n->i1 ? n->i1 : f->tables.data[n->table].data->cols, 0); return true;
    case SHAPE_EXPAND: {
        const IrTable *t = &f->tables.data[n->table];
        set(n, t->data->rows, t->target_space, t->data->cols, 0);
        return true;
    }
    case SHAPE_T_ROWS: set(n, x->rows * x->cols, 0, f->tables.data[n->table].data->cols, 0); return true;
    case SHAPE_CROSS: set(n, x->cols, 0, y->cols, 0); return true;
    }
    internal_error("operator without a shape rule");
}
