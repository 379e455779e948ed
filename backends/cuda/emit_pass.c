/* emit_pass.c: one pass = one kernel over the rows of a space in tiles, and what follows it.
 *
 * A block takes every gridDim.x-th tile. What the tile's values need of shared memory decides how many rows it has;
 * when even 32 rows do not fit, the widest values go to a scratch of the block in the device's memory, and the widest
 * rows that were to be copied in are read where they lie. */
#include "backends/cuda/emit.h"

typedef struct Item { /* a value over the tile's rows */
    const IrNode *node;
    int64_t stride;
    bool copy; /* rows from memory, else computed */
} Item;
typedef VEC(Item) ItemVec;

/* Rows that several threads read, or one thread cell by cell, are copied to shared memory with coalesced loads. */
static bool wants_copy(const Cu *e, const IrNode *user, const IrNode *x) {
    if (!x->rspace || x->rspace != e->pass->space || x->cspace || x->cols < 2 || cu_in_pass(e, x)) return false;
    if (x->op == IR_FULL || x->op == IR_IOTA || x->op == IR_COUNT || fuse_is_sparse(e->f, x)) return false;
    switch (user->op) {
    case IR_MATMUL:
    case IR_ROWSUMS:
    case IR_ROWMIN:
    case IR_ROWMAX:
    case IR_ROWARGMIN:
    case IR_ROWARGMAX: return true;
    default: return false;
    }
}
static void plan_tile(Cu *e, ItemVec *items) {
    for (;;) {
        int64_t a_row = 0;
        for (int i = 0; i < items->len; i++) a_row += 8 * items->data[i].stride;
        for (int tile = 256; tile >= 32; tile /= 2)
            if (a_row * tile <= CUDA_SHARED_BYTES) {
                e->tile = tile;
                return;
            }
        int widest = 0;
        for (int i = 0; i < items->len; i++)
            if (items->data[i].stride > items->data[widest].stride) widest = i;
        Item it = items->data[widest];
        if (it.copy)
            e->staged[it.node->id] = false;
        else
            e->scratched[it.node->id] = true;
        items->data[widest] = items->data[--items->len];
    }
}
static void declare_tile(Cu *e, const ItemVec *items) {
    for (int i = 0; i < items->len; i++) {
        const Item *it = &items->data[i];
        TOP("__shared__ double %c%d[%lld];", it->copy ? 's' : 't', it->node->id, (long long)(it->stride * e->tile));
    }
    int64_t all = 0, at = 0;
    for (int k = 0; k < e->pass->nodes.len; k++) {
        const IrNode *n = e->pass->nodes.data[k];
        if (e->scratched[n->id]) all += e->tile * cu_local_stride(n->cols);
    }
    e->kernel->scratch = all;
    for (int k = 0; k < e->pass->nodes.len; k++) {
        const IrNode *n = e->pass->nodes.data[k];
        if (!e->scratched[n->id]) continue;
        TOP("double *const t%d = %s + (int64_t)blockIdx.x * %lldLL + %lldLL;", n->id, cu_arg(e, ARG_SCRATCH, 0),
            (long long)all, (long long)at);
        at += e->tile * cu_local_stride(n->cols);
    }
}
static void copy_rows(Cu *e, const ItemVec *items) {
    bool any = false;
    for (int i = 0; i < items->len; i++) {
        const Item *it = &items->data[i];
        if (!it->copy) continue;
        const IrNode *x = it->node;
        int64_t ld = x->op == IR_DATA ? fuse_block(e->f, x)->data->ld : x->cols;
        const char *base = x->op == IR_DATA ? cu_row_bind(e, BIND_DENSE, x->table, x->block) : cu_value(e, x, false);
        LINE("copy_rows<%lld, %lld, %lld, %d>(s%d, %s + i * %lld, m);", (long long)x->cols, (long long)ld,
             (long long)it->stride, e->kernel->threads, x->id, base, (long long)ld);
        any = true;
    }
    if (any) LINE("__syncthreads();");
}
static bool in_nodes(const FusePass *pass, const IrNode *n) {
    for (int i = 0; i < pass->nodes.len; i++)
        if (pass->nodes.data[i] == n) return true;
    return false;
}
/* Sums by key whose operand is there before the pass come before it: the pass may overwrite a carried value in place.
 */
static bool is_early(const Cu *e, const FusePass *pass, const IrNode *n) {
    const IrNode *u = cu_segment_operand(e, n);
    return !u || !in_nodes(pass, u);
}
static void main_kernel(Cu *e, const FusePass *pass) {
    ItemVec items = {0};
    e->pass = pass;
    memset(e->staged, 0, sizeof *e->staged * (size_t)e->f->next_id);
    memset(e->scratched, 0, sizeof *e->scratched * (size_t)e->f->next_id);
    memset(e->dirty, 0, sizeof *e->dirty * (size_t)e->f->next_id);
    e->any_dirty = false;
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        Item it = {.node = n, .stride = cu_local_stride(n->cols)};
        if (FUSE(n)->kind == FUSE_ROW && cu_is_local(e, n)) vec_push(e->arena, &items, it);
        if (cu_is_product(e, n)) continue;
        for (int a = 0; a < n->nargs; a++) {
            const IrNode *x = n->args[a];
            if (e->staged[x->id] || !wants_copy(e, n, x)) continue;
            e->staged[x->id] = true;
            Item copy = {.node = x, .stride = cu_local_stride(x->cols), .copy = true};
            vec_push(e->arena, &items, copy);
        }
    }
    plan_tile(e, &items);
    int threads = e->tile > CUDA_THREADS ? e->tile : CUDA_THREADS;
    CudaKernel *kernel =
        cu_kernel_begin(e, arena_printf(e->arena, "pass_%d", pass->id), GRID_TILES, threads, pass->nodes.data[0]);
    kernel->space = pass->space;
    kernel->tile = e->tile;
    kernel->pass = pass;
    e->finish.len = 0;
    declare_tile(e, &items);
    e->indent = 2;
    copy_rows(e, &items);
    size_t copied = e->lines.len;
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        if (FUSE(n)->kind == FUSE_ROW)
            cu_row_node(e, n);
        else
            cu_reduce_node(e, n);
    }
    bool empty = e->lines.len == copied;
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        if (!FUSE(n)->in_place || !n->cols) continue;
        if (e->any_dirty) LINE("__syncthreads();");
        e->any_dirty = false;
        LINE("for (int q = threadIdx.x; q < m * %lld; q += %d) %s[i * %lld + q] = t%d[q / %lld * %lld + q %% %lld];",
             (long long)n->cols, threads, cu_value(e, n, true), (long long)n->cols, n->id, (long long)n->cols,
             (long long)cu_local_stride(n->cols), (long long)n->cols);
    }
    LINE("__syncthreads();"); /* the next tile overwrites this one */
    const char *first = cu_arg(e, ARG_FIRST, 0), *last = cu_arg(e, ARG_LAST, 0);
    Buf body = e->lines;
    e->lines = (Buf){0};
    e->indent = 1;
    LINE("for (int64_t i = %s + (int64_t)blockIdx.x * %d; i < %s; i += (int64_t)gridDim.x * %d) {", first, e->tile,
         last, e->tile);
    LINE("    const int m = (int)(%s - i < %d ? %s - i : %d);", last, e->tile, last, e->tile);
    buf_add(&e->lines, body.data, body.len);
    LINE("}");
    buf_free(&body);
    cu_products(e, pass);
    e->kernel->idle = empty;
    if (empty && !kernel->products.len) { /* nothing but sums by key */
        buf_free(&e->top), buf_free(&e->lines), buf_free(&e->tail);
        e->kernel = NULL;
        e->pass = NULL;
        return;
    }
    int index = e->out->kernels.len;
    cu_kernel_end(e);
    e->pass = NULL;
    cu_finish(e, pass, index);
}
void cu_pass(Cu *e, const FusePass *pass) {
    cu_check_columns(e, pass);
    cu_flush(e);
    e->of = pass;
    e->leads = true;
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        if (FUSE(n)->kind != FUSE_REDUCE) continue;
        if (cu_needs_segments(e, n)) {
            if (is_early(e, pass, n)) cu_segments(e, n);
        } else if (n->op == IR_SCATTER) {
            cu_op(e, (CudaOp){.kind = CUOP_ZERO, .to = cu_slot(e->out, n), .node = n});
        }
    }
    main_kernel(e, pass);
    cu_halves(e, pass);
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        if (FUSE(n)->kind == FUSE_REDUCE && cu_needs_segments(e, n) && !is_early(e, pass, n)) cu_segments(e, n);
    }
    e->of = NULL;
}
