/* emit_product.c: products that are cuBLAS's.
 *
 * A pass makes a product row by row or cell by cell: each number that it reads is used for the few cells that a thread
 * owns. While the small matrix fits in the registers of a block that is as good as any; beyond, its cells are read and
 * written anew for every tile, and a library that cuts large products into tiles of its own is faster by far. What is
 * too wide is decided here, by shape: the sides of the small matrix of X @ W, X' @ Y or X' @ X. A thin one stays with
 * the pass whatever its length: it takes less traffic than the rows that are read anyway.
 *
 * cuBLAS reads rows that lie in memory: a dense block, a value kept by an earlier pass, or one that this pass writes.
 * The last is not kept whole for it: the pass then goes over its rows in pieces, and the value has the rows of one
 * piece, which stay in the L2 cache between the kernel that writes them and the product.
 *
 * Products of small values that are too much for the kernels of such values are cuBLAS's too: the host, which makes
 * them without it, would have to be waited for. */
#include "backends/cuda/emit.h"

/* 128 squares of 8 x 8: what the 128 threads of a block have in registers (emit_reduce.c). A piece: 16 MB. */
CudaWidth cuda_width = {.side = 16, .rectangles = CUDA_THREADS, .cells = 2 << 20, .rows = 256};

static bool is_wide(int64_t a, int64_t b) {
    if (a < cuda_width.side || b < cuda_width.side || a <= 0 || b <= 0) return false;
    return (a + 7) / 8 * ((b + 7) / 8) > cuda_width.rectangles;
}
/* Rows of numbers that lie one after the other, or can be made to. */
static bool has_rows(const IrFunc *f, const IrNode *x) {
    if (!x->rspace || x->cspace || fuse_is_sparse(f, x) || fuse_is_single(f, x)) return false;
    return x->op != IR_FULL && x->op != IR_IOTA && x->op != IR_COUNT;
}
static bool is_wide_product(const IrFunc *f, const IrNode *n) {
    if (n->op != IR_MATMUL || n->cspace || !has_rows(f, n->args[0])) return false;
    const IrNode *x = n->args[0], *y = n->args[1];
    if (FUSE(n)->kind == FUSE_REDUCE) return has_rows(f, y) && is_wide(n->rows, n->cols);
    if (FUSE(n)->kind != FUSE_ROW || !is_wide(x->cols, n->cols)) return false;
    return y->op != IR_CONST && y->op != IR_FULL && y->op != IR_IOTA;
}
/* Of small values, but too large for one of the kernels that make these: otherwise the host makes it. */
static bool has_memory(const IrNode *x) {
    return x->op != IR_CONST && x->op != IR_FULL && x->op != IR_IOTA && !x->rspace && !x->cspace && !FUSE(x)->opaque;
}
static bool is_small_product(const IrNode *n) {
    return FUSE(n)->kind == FUSE_KERNEL && n->op == IR_MATMUL && !FUSE(n)->opaque && !n->rspace && !n->cspace &&
           has_memory(n->args[0]) && has_memory(n->args[1]);
}
const IrNode *cuda_wide_product(const FusePlan *plan) {
    for (int r = 0; r < plan->regions.len; r++)
        for (int k = 0; k < plan->regions.data[r]->steps.len; k++) {
            const IrNode *n = plan->regions.data[r]->steps.data[k].node;
            if (n && is_small_product(n)) return n;
        }
    for (int p = 0; p < plan->passes.len; p++)
        for (int k = 0; k < plan->passes.data[p]->nodes.len; k++) {
            const IrNode *n = plan->passes.data[p]->nodes.data[k];
            if (is_wide_product(plan->func, n)) return n;
        }
    return NULL;
}

bool cu_is_product(const Cu *e, const IrNode *n) {
    return e->product[n->id];
}
int64_t cu_panel_rows(const IrNode *n) {
    int64_t rows = cuda_width.cells / n->cols / cuda_width.rows * cuda_width.rows;
    return rows > cuda_width.rows ? rows : cuda_width.rows;
}
/* Computed by the kernel of this pass, not there before it. */
static bool by_kernel(const Cu *e, const FusePass *pass, const IrNode *x) {
    return FUSE(x)->kind == FUSE_ROW && FUSE(x)->pass == pass->id && !cu_is_product(e, x);
}
/* A carried value whose rows the kernel overwrites. */
static bool is_overwritten(const FusePass *pass, const IrNode *x) {
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        if (FUSE(n)->kind != FUSE_ROW || !FUSE(n)->in_place) continue;
        for (int i = 0; i < n->home->results.len; i++)
            if (n->home->results.data[i] == n && n->home->params.data[i + 1] == x) return true;
    }
    return false;
}
static bool applies(const Cu *e, const FusePass *pass, const IrNode *n) {
    if (!is_wide_product(e->f, n) || (FUSE(n)->kind == FUSE_ROW && FUSE(n)->in_place)) return false;
    const IrNode *x = n->args[0], *y = n->args[1];
    if (fuse_is_code(e->plan, x) || (FUSE(n)->kind == FUSE_REDUCE && fuse_is_code(e->plan, y))) return false;
    if (FUSE(n)->kind == FUSE_ROW) return !by_kernel(e, pass, x);
    bool late = by_kernel(e, pass, x) || by_kernel(e, pass, y);
    return !late || (!is_overwritten(pass, x) && !is_overwritten(pass, y));
}
/* After it is known which values segment kernels read. Operands come before their products. */
void cu_choose_products(Cu *e, const IrRegion *r) {
    for (int p = 0; e->blas && p < e->plan->passes.len; p++) {
        const FusePass *pass = e->plan->passes.data[p];
        for (int k = 0; pass->region == r && k < pass->nodes.len; k++) {
            const IrNode *n = pass->nodes.data[k];
            if (!applies(e, pass, n)) continue;
            e->product[n->id] = true;
            if (FUSE(n)->kind == FUSE_ROW) e->factored[n->id] = true;
            for (int a = 0; a < 2; a++)
                if (by_kernel(e, pass, n->args[a]) && !FUSE(n->args[a])->in_place) e->factored[n->args[a]->id] = true;
        }
    }
}

/* ---- of the pass being emitted ---- */
static CudaOperand operand(Cu *e, const IrNode *x, bool written) {
    CudaOperand o = {.kind = ARG_BIND, .ld = x->cols};
    if (x->op == IR_DATA) {
        o.index = cu_bind_index(e, BIND_DENSE, x->table, x->block);
        o.ld = fuse_block(e->f, x)->data->ld;
        cu_row_bind(e, BIND_DENSE, x->table, x->block);
    } else if (x->op == IR_INPUT) {
        o.index = cu_bind_index(e, BIND_INPUT, 0, (int)x->i0);
        cu_arg(e, ARG_BIND, o.index);
    } else {
        o.kind = ARG_SLOT;
        o.index = cu_slot(e->out, x);
        cu_slot_arg(e, o.index, written);
    }
    return o;
}
void cu_products(Cu *e, const FusePass *pass) {
    CudaKernel *kernel = e->kernel;
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        if (e->factored[n->id] && !FUSE(n)->stored && !e->spilled[n->id] && n->rows > cu_panel_rows(n) &&
            (!kernel->panel || kernel->panel > cu_panel_rows(n)))
            kernel->panel = cu_panel_rows(n);
        if (!cu_is_product(e, n)) continue;
        const IrNode *x = n->args[0], *y = n->args[1];
        CudaProduct p = {.node = n, .x = operand(e, x, false), .y = operand(e, y, false), .to = operand(e, n, true)};
        p.adds = FUSE(n)->kind == FUSE_REDUCE;
        p.half = p.adds && x == y;
        p.before = !by_kernel(e, pass, x) && !(p.adds && by_kernel(e, pass, y));
        vec_push(e->arena, &kernel->products, p);
    }
}
/* X' @ X: cuBLAS adds up the cells of one half; the other is copied from it when all rows are done. */
void cu_halves(Cu *e, const FusePass *pass) {
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        if (!cu_is_product(e, n) || FUSE(n)->kind != FUSE_REDUCE || n->args[0] != n->args[1]) continue;
        CudaKernel *kernel =
            cu_kernel_begin(e, arena_printf(e->arena, "halves_%d", n->id), GRID_CELLS, CUDA_THREADS, n);
        kernel->cells = n->rows * n->cols;
        const char *to = cu_value(e, n, true);
        LINE("for (int64_t q = (int64_t)blockIdx.x * %d + threadIdx.x; q < %lldLL; q += (int64_t)gridDim.x * %d) {",
             CUDA_THREADS, (long long)kernel->cells, CUDA_THREADS);
        LINE("    const int64_t r = q / %lld, c = q %% %lld;", (long long)n->cols, (long long)n->cols);
        LINE("    if (c > r) %s[q] = %s[c * %lld + r];", to, to, (long long)n->cols);
        LINE("}");
        cu_kernel_end(e);
    }
}
bool cu_small_product(Cu *e, const IrNode *n) {
    if (!e->blas || !is_small_product(n)) return false;
    CudaProduct *p = arena_new_of(e->arena, CudaProduct);
    *p = (CudaProduct){.node = n, .small = true};
    CudaOperand *const o[] = {&p->x, &p->y, &p->to};
    const IrNode *const v[] = {n->args[0], n->args[1], n};
    for (int k = 0; k < 3; k++) {
        bool input = v[k]->op == IR_INPUT;
        *o[k] = (CudaOperand){.kind = input ? ARG_BIND : ARG_SLOT, .ld = v[k]->cols};
        o[k]->index = input ? cu_bind_index(e, BIND_INPUT, 0, (int)v[k]->i0) : cu_slot(e->out, v[k]);
        if (input) e->out->binds.data[o[k]->index].anywhere = true;
    }
    vec_push(e->arena, &e->out->products, p);
    cu_op(e, (CudaOp){.kind = CUOP_PRODUCT, .product = p, .node = n});
    return true;
}
