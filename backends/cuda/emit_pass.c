/* emit_pass.c: one pass = one kernel over the rows of a space in tiles, and what follows it.
 *
 * A block takes every gridDim.x-th tile, and rows that several threads read are on their way to shared memory while the
 * tile before is worked on. What the tile's values need of shared memory decides how many rows it has; when even 32
 * rows do not fit, the widest values go to a scratch of the block in the device's memory, and the widest rows that were
 * to be copied in are read where they lie. */
#include "backends/cuda/emit.h"

typedef struct Item { /* a value over the tile's rows */
    const IrNode *node;
    int64_t stride;
    bool copy;  /* rows from memory, in two buffers in turn; else computed */
    bool index; /* of these: the rows that a gather or a scatter reads */
} Item;
typedef VEC(Item) ItemVec;

/* Rows that several threads read, or one thread cell by cell, are copied to shared memory with coalesced loads; a
 * column too, so that it is there before its tile is worked on. */
static bool wants_copy(const Cu *e, const IrNode *user, const IrNode *x) {
    if (!x->rspace || x->rspace != e->pass->space || x->cspace || !x->cols || cu_in_pass(e, x)) return false;
    if (x->op == IR_FULL || x->op == IR_IOTA || x->op == IR_COUNT || fuse_is_sparse(e->f, x)) return false;
    if (x->cols == 1) return !(FUSE(user)->kind == FUSE_REDUCE && cu_needs_segments(e, user));
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
static const char *number_type(const Cu *e, const Item *it) {
    return it->index ? "int32_t" : fuse_is_single(e->f, it->node) ? "float" : "double";
}
static int64_t bytes_a_row(const Cu *e, const Item *it) {
    return it->stride * (!it->copy ? 8 : number_type(e, it)[0] == 'd' ? 2 * 8 : 2 * 4);
}
/* A thread a row, or two where it has more to do for one: loads of many blocks of few rows overlap better. */
static int rows_of_tile(const ItemVec *items) {
    for (int i = 0; i < items->len; i++)
        if (items->data[i].node->cols > 1 && !items->data[i].index) return CUDA_THREADS / 2;
    return CUDA_THREADS;
}
static void plan_tile(Cu *e, ItemVec *items, int64_t taken) {
    for (;;) {
        int64_t a_row = 0;
        for (int i = 0; i < items->len; i++) a_row += bytes_a_row(e, &items->data[i]);
        for (int tile = rows_of_tile(items); tile >= 32; tile /= 2)
            if (a_row * tile <= CUDA_SHARED_BYTES - taken) {
                e->tile = tile;
                return;
            }
        int widest = 0;
        for (int i = 0; i < items->len; i++)
            if (bytes_a_row(e, &items->data[i]) > bytes_a_row(e, &items->data[widest])) widest = i;
        Item it = items->data[widest];
        if (it.index)
            e->indexes.len = 0; /* narrow: they are all that is left, and there is room for them */
        else if (it.copy)
            e->staged[it.node->id] = false;
        else
            e->scratched[it.node->id] = true;
        items->data[widest] = items->data[--items->len];
    }
}
static const char *copy_name(Cu *e, const Item *it) {
    if (!it->index) return arena_printf(e->arena, "s%d", it->node->id);
    return arena_printf(e->arena, "s_%s", cu_row_bind(e, BIND_INDEX, it->node->table, it->node->indicator));
}
static void declare_tile(Cu *e, const ItemVec *items) {
    for (int i = 0; i < items->len; i++) {
        const Item *it = &items->data[i];
        long long cells = (long long)(it->stride * e->tile);
        if (it->copy)
            TOP("__shared__ __align__(16) %s %s_[2][%lld];", number_type(e, it), copy_name(e, it), cells);
        else
            TOP("__shared__ double t%d[%lld];", it->node->id, cells);
    }
    int64_t all = 0, at = 0;
    for (int k = 0; k < e->pass->nodes.len; k++) {
        const IrNode *n = e->pass->nodes.data[k];
        if (e->scratched[n->id]) all += e->tile * cu_stride(e, n);
    }
    e->kernel->scratch = all;
    for (int k = 0; k < e->pass->nodes.len; k++) {
        const IrNode *n = e->pass->nodes.data[k];
        if (!e->scratched[n->id]) continue;
        TOP("double *const t%d = %s + (int64_t)blockIdx.x * %lldLL + %lldLL;", n->id, cu_arg(e, ARG_SCRATCH, 0),
            (long long)all, (long long)at);
        at += e->tile * cu_stride(e, n);
    }
}
const char *cu_own_rows(Cu *e, const IrNode *x) {
    if (x->op == IR_DATA) return cu_row_bind(e, BIND_DENSE, x->table, x->block);
    e->own_rows = true;
    const char *base = cu_value(e, x, false);
    e->own_rows = false;
    return base;
}
/* The rows of the tile that begins at `row`, m of them, on their way to buffer `to`. */
static void fetch_rows(Cu *e, const ItemVec *items, const char *to, const char *row, const char *m) {
    for (int i = 0; i < items->len; i++) {
        const Item *it = &items->data[i];
        if (!it->copy) continue;
        const IrNode *x = it->node;
        int64_t cols = it->index ? 1 : x->cols, ld = it->index ? 1 : cu_row_distance(e, x);
        const char *base = it->index ? cu_row_bind(e, BIND_INDEX, x->table, x->indicator) : cu_own_rows(e, x);
        LINE("fetch_rows<%lld, %lld, %lld, %d>(%s_[%s], %s + %s%s, %s);", (long long)cols, (long long)ld,
             (long long)it->stride, e->kernel->threads, copy_name(e, it), to, base, row,
             ld == 1 ? "" : arena_printf(e->arena, " * %lld", (long long)ld), m);
    }
}
/* `name`: how many rows the tile has that begins at row `from`. */
static void count_rows(Cu *e, const char *name, const char *from) {
    const char *last = cu_arg(e, ARG_LAST, 0);
    LINE("const int %s = (int)(%s - %s < %d ? %s - %s : %d);", name, last, from, e->tile, last, from, e->tile);
}
/* The same tile, if there is one, on its way to buffer `to`. */
static void fetch_tile(Cu *e, const ItemVec *items, const char *to, const char *from) {
    LINE("if (%s < %s) {", from, cu_arg(e, ARG_LAST, 0));
    e->indent++;
    count_rows(e, "rows", from);
    fetch_rows(e, items, to, from, "rows");
    e->indent--;
    LINE("}");
    LINE("fetch_end();");
}
/* Around the text of a tile: the loop over the block's tiles, which fetches the next one first. */
static void tile_loop(Cu *e, const ItemVec *items) {
    const char *first = cu_arg(e, ARG_FIRST, 0), *last = cu_arg(e, ARG_LAST, 0);
    bool fetches = false;
    for (int i = 0; i < items->len; i++) fetches = fetches || items->data[i].copy;
    Buf body = e->lines;
    e->lines = (Buf){0};
    e->indent = 1;
    LINE("int64_t i = %s + (int64_t)blockIdx.x * %d;", first, e->tile);
    LINE("const int64_t step = (int64_t)gridDim.x * %d;", e->tile);
    if (fetches) fetch_tile(e, items, "0", "i");
    LINE("for (%s; i < %s; i += step%s) {", fetches ? "int turn = 0" : "", last, fetches ? ", turn ^= 1" : "");
    e->indent = 2;
    count_rows(e, "m", "i");
    if (fetches) {
        fetch_tile(e, items, "turn ^ 1", "(i + step)");
        for (int i = 0; i < items->len; i++)
            if (items->data[i].copy)
                LINE("const %s *const %s = %s_[turn];", number_type(e, &items->data[i]), copy_name(e, &items->data[i]),
                     copy_name(e, &items->data[i]));
        LINE("fetch_wait();");
        LINE("__syncthreads();");
    }
    e->indent = 1;
    buf_add(&e->lines, body.data, body.len);
    LINE("}");
    buf_free(&body);
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
/* A small matrix whose rows are read here and there, a cell of each column after the other: these have to lie together.
 */
static void turn_operands(Cu *e, const FusePass *pass) {
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        if (n->op != IR_MATMUL || FUSE(n)->kind != FUSE_ROW || !n->tb || n->cols < 2) continue;
        const IrNode *y = n->args[1];
        if (!fuse_is_sparse(e->f, n->args[0]) || y->op == IR_CONST || y->op == IR_FULL || y->op == IR_IOTA) continue;
        e->turned[n->id] = cu_transposed(e, y);
    }
}
bool cu_reads_index(const Cu *e, const IrNode *n) {
    if (n->op == IR_GATHER) return n->rspace == e->pass->space;
    return n->op == IR_SCATTER && !cu_needs_segments(e, n);
}
bool cu_note_index(Cu *e, const IrNode *n) {
    CuIndex index = {n->table, n->indicator};
    for (int i = 0; i < e->indexes.len; i++)
        if (!memcmp(&e->indexes.data[i], &index, sizeof index)) return false;
    vec_push(e->arena, &e->indexes, index);
    return true;
}
static void main_kernel(Cu *e, const FusePass *pass) {
    ItemVec items = {0};
    e->pass = pass;
    e->indexes.len = 0;
    memset(e->staged, 0, sizeof *e->staged * (size_t)e->f->next_id);
    memset(e->scratched, 0, sizeof *e->scratched * (size_t)e->f->next_id);
    memset(e->dirty, 0, sizeof *e->dirty * (size_t)e->f->next_id);
    e->any_dirty = false;
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        Item it = {.node = n, .stride = cu_stride(e, n)};
        if (FUSE(n)->kind == FUSE_ROW && cu_is_local(e, n)) vec_push(e->arena, &items, it);
        if (cu_is_product(e, n)) continue;
        if (cu_reads_index(e, n) && cu_note_index(e, n)) {
            Item copy = {.node = n, .stride = 1, .copy = true, .index = true};
            vec_push(e->arena, &items, copy);
        }
        for (int a = 0; a < n->nargs; a++) {
            const IrNode *x = n->args[a];
            if (e->staged[x->id] || !wants_copy(e, n, x)) continue;
            e->staged[x->id] = true;
            Item copy = {.node = x, .stride = cu_stride(e, x), .copy = true};
            vec_push(e->arena, &items, copy);
        }
    }
    int at_once = cu_mma_plan(e, pass);
    plan_tile(e, &items, cu_share_codes(e, pass));
    int threads = e->tile > CUDA_THREADS ? e->tile : CUDA_THREADS;
    CudaKernel *kernel =
        cu_kernel_begin(e, arena_printf(e->arena, "pass_%d", pass->id), GRID_TILES, threads, pass->nodes.data[0]);
    kernel->space = pass->space;
    kernel->tile = e->tile;
    kernel->pass = pass;
    kernel->at_once = at_once;
    declare_tile(e, &items);
    e->indent = 2;
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        if (FUSE(n)->kind == FUSE_ROW)
            cu_row_node(e, n);
        else
            cu_reduce_node(e, n);
    }
    bool empty = !e->lines.len, waits = true; /* threads may still read the carried value's rows where they lie */
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        if (!FUSE(n)->in_place || !n->cols) continue;
        if (waits) LINE("__syncthreads();");
        waits = e->any_dirty = false;
        LINE("for (int q = threadIdx.x; q < m * %lld; q += %d) %s[i * %lld + q] = t%d[q / %lld * %lld + q %% %lld];",
             (long long)n->cols, threads, cu_value(e, n, true), (long long)n->cols, n->id, (long long)n->cols,
             (long long)cu_stride(e, n), (long long)n->cols);
    }
    LINE("__syncthreads();"); /* the next tile overwrites this one */
    tile_loop(e, &items);
    cu_products(e, pass);
    e->kernel->idle = empty;
    if (empty && !kernel->products.len) { /* nothing but sums by key */
        buf_free(&e->top), buf_free(&e->lines), buf_free(&e->tail);
        e->kernel = NULL;
        e->pass = NULL;
        return;
    }
    cu_kernel_end(e);
    e->pass = NULL;
}
void cu_pass(Cu *e, const FusePass *pass) {
    cu_check_columns(e, pass);
    turn_operands(e, pass);
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
    if (!cu_pass_in_lanes(e, pass)) main_kernel(e, pass);
    cu_halves(e, pass);
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        if (FUSE(n)->kind == FUSE_REDUCE && cu_needs_segments(e, n) && !is_early(e, pass, n)) cu_segments(e, n);
    }
    e->of = NULL;
}
