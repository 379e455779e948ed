/* interp_eval.c: from an operator to its kernel (eval.h). The shape of every result is checked against the node's: the
 * interpreter is what other backends are compared with, so a wrong shape rule must not pass through it. */
#include "backends/interp/eval.h"

static const Integration *table_of(const IrFunc *f, const IrNode *n) {
    return f->tables.data[n->table].data;
}
static const Indicator *indicator_of(const IrFunc *f, const IrNode *n) {
    return &table_of(f, n)->indicators[n->indicator];
}
static int64_t space_rows(const IrFunc *f, const IrNode *n) {
    return table_of(f, n)->spaces[indicator_of(f, n)->space].rows;
}

/* A view: its own header over arrays that the integration keeps. */
static Matrix *eval_view(KernelContext *k, const Matrix *m) {
    Matrix *v = mem_try(1, sizeof *v);
    if (!v) return kernel_no_memory(k, sizeof *v, "a matrix");
    *v = *m;
    v->owned = false;
    return v;
}

/* T as one matrix: the block itself when it is all of T, else assembled (CSR where mostly zeros). */
static Matrix *eval_table(KernelContext *k, const Integration *t) {
    const IntBlock *b = t->blocks;
    if (t->nblocks == 1 && t->indicators[b->indicator].identity && b->data->rows == t->rows &&
        b->data->cols == t->cols) {
        bool in_order = true;
        for (int64_t c = 0; c < t->cols; c++) in_order = in_order && b->target_cols[c] == c;
        if (in_order) return eval_view(k, b->data);
    }
    const Matrix **data = mem_alloc(sizeof *data * (size_t)(t->nblocks + 1));
    int *blocks = mem_alloc(sizeof *blocks * (size_t)(t->nblocks + 1));
    for (int i = 0; i < t->nblocks; i++) {
        data[i] = t->blocks[i].data;
        blocks[i] = i;
    }
    Matrix *m = kernel_expand(k, t, t->nblocks, data, blocks);
    mem_free(data);
    mem_free(blocks);
    return m;
}

static Matrix *eval_stored(KernelContext *k, const Matrix *x) {
    Matrix *m = mat_copy(x);
    return m ? m : kernel_no_memory(k, (double)mat_bytes(x), "a stored value");
}

static Matrix *eval_full(KernelContext *k, double v, int64_t rows, int64_t cols) {
    Matrix *m = kernel_zeros(k, rows, cols);
    if (m && v != 0)
        for (int64_t i = 0; i < rows * cols; i++) m->data[i] = v;
    return m;
}

static Matrix *eval_place(KernelContext *k, const IrFunc *f, const IrNode *n, const Matrix *const *args) {
    const Integration *t = table_of(f, n);
    const IntBlock **blocks = mem_alloc(sizeof *blocks * (size_t)(n->nargs + 1));
    for (int i = 0; i < n->nargs; i++) blocks[i] = &t->blocks[n->blocks[i]];
    Matrix *m;
    if (!n->nargs)
        m = eval_full(k, 0, n->rows, n->cols);
    else if (n->op == IR_PLACE)
        m = kernel_place(k, n->nargs, args, blocks, t->cols);
    else
        m = kernel_place_cols(k, n->nargs, args, blocks, t->cols, (int)n->i0);
    mem_free(blocks);
    return m;
}

static Matrix *eval_leaf(KernelContext *k, const IrFunc *f, const IrNode *n) {
    switch (n->op) {
    case IR_CONST: return eval_full(k, n->num, 1, 1);
    case IR_FULL: return eval_full(k, n->num, n->rows, n->cols);
    case IR_EYE: return kernel_eye(k, n->rows);
    case IR_IOTA: return kernel_iota(k, n->rows, f->spaces.data[n->rspace].order);
    case IR_TABLE: return eval_table(k, table_of(f, n));
    case IR_DATA: return eval_view(k, table_of(f, n)->blocks[n->block].data);
    case IR_COUNT: return kernel_count(k, indicator_of(f, n), space_rows(f, n));
    default: internal_error("%s is not a leaf", ir_ops[n->op].name);
    }
}

static Matrix *eval_fact(KernelContext *k, const IrFunc *f, const IrNode *n, const Matrix *const *args) {
    const Integration *t = table_of(f, n);
    switch (n->op) {
    case IR_GATHER: return kernel_gather(k, args[0], indicator_of(f, n), n->num);
    case IR_SCATTER: return kernel_scatter(k, args[0], indicator_of(f, n), space_rows(f, n));
    case IR_PICK: return kernel_pick(k, args[0], &t->blocks[n->block]);
    case IR_PICK_COLS: return kernel_pick_cols(k, args[0], &t->blocks[n->block]);
    case IR_PLACE:
    case IR_PLACE_COLS: return eval_place(k, f, n, args);
    case IR_EXPAND: return kernel_expand(k, t, n->nargs, args, n->blocks);
    case IR_T_ROWS: return kernel_t_rows(k, t, args[0], n->nargs - 1, args + 1, n->blocks);
    case IR_CROSS: return kernel_cross(k, t, n->blocks[0], args[0], n->blocks[1], args[1], n->i0 ? args[2] : NULL);
    default: internal_error("%s is not an operator over blocks", ir_ops[n->op].name);
    }
}

static Matrix *eval_operator(KernelContext *k, const IrFunc *f, const IrNode *n, const Matrix *const *args) {
    IrClass cls = ir_ops[n->op].cls;
    if (ir_at_stored(n)) return kernel_stored(k, n->op, n->nargs, args);
    if (cls == IRC_UNARY) return kernel_unary(k, n->op, args[0]);
    if (cls == IRC_BINARY) return kernel_binary(k, n->op, args[0], args[1]);
    switch (n->op) {
    case IR_RAND:
    case IR_RANDN:
        return kernel_rand(k, n->op, n->rows, n->cols, mat_get(args[0], 0, 0), f->spaces.data[n->rspace].order);
    case IR_STORED: return eval_stored(k, args[0]);
    case IR_WHERE: return kernel_where(k, args[0], args[1], args[2]);
    case IR_MATMUL: return kernel_matmul(k, args[0], n->ta, args[1], n->tb);
    case IR_TRANSPOSE: return kernel_transpose(k, args[0]);
    case IR_CBIND: return kernel_cbind(k, n->nargs, args);
    case IR_RBIND: return kernel_rbind(k, n->nargs, args);
    case IR_SLICE_COLS: return kernel_slice_cols(k, args[0], n->i0, n->i1);
    case IR_SLICE_ROWS: return kernel_slice_rows(k, args[0], n->i0, n->i1);
    case IR_TAKE_COLS: return kernel_take_cols(k, args[0], args[1]);
    case IR_TAKE_ROWS: return kernel_take_rows(k, args[0], args[1]);
    case IR_DIAG: return kernel_diag(k, args[0]);
    case IR_ONEHOT: return kernel_onehot(k, args[0], n->i0);
    case IR_SUM:
    case IR_ROWSUMS:
    case IR_COLSUMS:
    case IR_MINALL:
    case IR_MAXALL:
    case IR_ROWMIN:
    case IR_ROWMAX:
    case IR_COLMIN:
    case IR_COLMAX:
    case IR_ROWARGMIN:
    case IR_ROWARGMAX:
    case IR_RANK: return kernel_reduce(k, n->op, args[0]);
    case IR_EXTREME: return kernel_extreme(k, args[0], args[1], n->i0 == 1);
    case IR_SOLVE: return kernel_solve(k, args[0], args[1]);
    case IR_CHOLESKY: return kernel_cholesky(k, args[0]);
    case IR_EIGVALS: return kernel_eigen(k, args[0], false);
    case IR_EIGVECS: return kernel_eigen(k, args[0], true);
    case IR_GATHER:
    case IR_SCATTER:
    case IR_PICK:
    case IR_PICK_COLS:
    case IR_PLACE:
    case IR_PLACE_COLS:
    case IR_EXPAND:
    case IR_T_ROWS:
    case IR_CROSS: return eval_fact(k, f, n, args);
    default: return eval_leaf(k, f, n);
    }
}

Matrix *interp_eval_node(KernelContext *k, const IrFunc *f, const IrNode *n, Matrix *const *args) {
    Matrix *m = eval_operator(k, f, n, (const Matrix *const *)args);
    if (m && (m->rows != n->rows || m->cols != n->cols))
        internal_error("%s gave %lld x %lld, its shape is %lld x %lld", ir_ops[n->op].name, (long long)m->rows,
                       (long long)m->cols, (long long)n->rows, (long long)n->cols);
    return m;
}
