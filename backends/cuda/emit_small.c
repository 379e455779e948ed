/* emit_small.c: operators on small values. Consecutive ones are statements of one kernel of one block, a barrier after
 * each. Those with many independent cells are a kernel of many blocks, which consecutive ones share while each cell
 * needs the same cell of the others only. A cell that is a sum of many is made by a warp, or by a block of its own. */
#include "backends/cuda/emit.h"
#include "backends/emit_text.h"

enum { DEEP = 256, DEEP_CELLS = 4096, WARP_DEEP = 32, WARP_CELLS = 128 };

static const char *at(void *emitter, const IrNode *x, const char *r, const char *c) {
    Cu *e = emitter;
    return cu_small(e, x, x->rows == 1 ? "0" : r, x->cols == 1 ? "0" : c);
}
static bool is_wide(const IrNode *n) {
    return n->rows * n->cols >= CUDA_WIDE_CELLS;
}
static bool is_cellwise(const IrNode *n) {
    return ir_is_elementwise(n->op) || n->op == IR_STORED;
}
/* Its cells need the same cells only of what the open kernel of many blocks has made. */
static bool joins(const Cu *e, const IrNode *n) {
    const IrNode *m = e->wide_node;
    return m && is_cellwise(n) && m->rows == n->rows && m->cols == n->cols;
}
static void open_kernel(Cu *e, const IrNode *n, CudaGrid grid, int64_t cells) {
    CudaKernel *k = cu_kernel_begin(e, arena_printf(e->arena, "small_%d", e->nsmall++), grid, CUDA_SMALL_THREADS, n);
    k->cells = cells;
    e->small_open = true;
    e->wide = grid != GRID_ONE;
    e->wide_node = NULL;
}
static void begin(Cu *e, const IrNode *n, bool wide) {
    if (e->small_open && (wide != e->wide || (wide && !joins(e, n)))) cu_flush(e);
    if (!e->small_open) open_kernel(e, n, wide ? GRID_CELLS : GRID_ONE, wide ? n->rows * n->cols : 0);
}
void cu_small_begin(Cu *e, const IrNode *n) {
    begin(e, n, false);
}
/* `cellwise`: others may join. */
static void end(Cu *e, const IrNode *n, bool cellwise) {
    if (!e->wide)
        LINE("__syncthreads();");
    else if (cellwise)
        e->wide_node = n;
    else
        cu_flush(e);
}
/* Threads share the numbers q below count. */
static void share(Cu *e, int64_t count) {
    if (e->wide)
        LINE("for (int64_t q = (int64_t)blockIdx.x * %d + threadIdx.x; q < %lldLL; q += (int64_t)gridDim.x * %d) {",
             CUDA_SMALL_THREADS, (long long)count, CUDA_SMALL_THREADS);
    else
        LINE("for (int64_t q = threadIdx.x; q < %lldLL; q += %d) {", (long long)count, CUDA_SMALL_THREADS);
}
static void share_cells(Cu *e, int64_t rows, int64_t cols) {
    share(e, rows * cols);
    LINE("    const int64_t r = q / %lld, c = q %% %lld;", (long long)(cols ? cols : 1), (long long)(cols ? cols : 1));
    LINE("    (void)r, (void)c;");
}
/* out(r, c) = text, where text may use r and c */
static void fill(Cu *e, const IrNode *n, const char *text) {
    share_cells(e, n->rows, n->cols);
    LINE("    %s[q] = %s;", cu_value(e, n, true), text);
    LINE("}");
}
/* How many cells make one of n's, where it is a sum or an extreme of them; 0: it is neither, or of all cells. */
static int64_t depth(const IrNode *n) {
    switch (n->op) {
    case IR_MATMUL: return n->ta ? n->args[0]->rows : n->args[0]->cols;
    case IR_ROWSUMS:
    case IR_ROWMIN:
    case IR_ROWMAX: return n->args[0]->cols;
    case IR_COLSUMS:
    case IR_COLMIN:
    case IR_COLMAX: return n->args[0]->rows;
    default: return 0;
    }
}
static bool is_deep(const IrNode *n) {
    return depth(n) >= DEEP && n->rows * n->cols <= DEEP_CELLS;
}
/* Cell (r, c) of n from terms k, which threads share: all those of a block of its own, or of a warp. */
static void combine_shared(Cu *e, const IrNode *n, const char *term) {
    int how = cu_how(n);
    long long inner = (long long)depth(n), cols = (long long)n->cols;
    bool blocks = is_deep(n);
    if (blocks)
        LINE("{");
    else
        LINE("for (int64_t q = threadIdx.x / 32; q < %lldLL; q += %d) {", (long long)(n->rows * n->cols),
             CUDA_SMALL_THREADS / 32);
    LINE("    const int64_t r = %s / %lld, c = %s %% %lld;", blocks ? "blockIdx.x" : "q", cols,
         blocks ? "blockIdx.x" : "q", cols);
    LINE("    (void)r, (void)c;");
    LINE("    double s = %s;", cu_neutral(n));
    LINE("#pragma unroll 4");
    LINE("    for (int64_t k = threadIdx.x%s; k < %lldLL; k += %d) s = combine(%d, %s, s);", blocks ? "" : " % 32",
         inner, blocks ? CUDA_SMALL_THREADS : 32, how, term);
    if (blocks) {
        LINE("    leave_shares(s, 1, %d, 0, 1, %s, 1);", how, cu_value(e, n, true));
    } else {
        LINE("    s = warp_combined(s, %d);", how);
        LINE("    if (threadIdx.x %% 32 == 0) %s[q] = s;", cu_value(e, n, true));
    }
    LINE("}");
}
static bool shares_terms(const Cu *e, const IrNode *n) {
    return is_deep(n) || (!e->wide && depth(n) >= WARP_DEEP && n->rows * n->cols < WARP_CELLS);
}
static void small_product(Cu *e, const IrNode *n) {
    const IrNode *x = n->args[0], *y = n->args[1];
    const char *xs = n->ta ? at(e, x, "k", "r") : at(e, x, "r", "k"),
               *ys = n->tb ? at(e, y, "c", "k") : at(e, y, "k", "c");
    if (shares_terms(e, n)) {
        combine_shared(e, n, arena_printf(e->arena, "%s * %s", xs, ys));
        return;
    }
    share_cells(e, n->rows, n->cols);
    LINE("    double s = 0;");
    LINE("    for (int64_t k = 0; k < %lld; k++) s += %s * %s;", (long long)depth(n), xs, ys);
    LINE("    %s[q] = s;", cu_value(e, n, true));
    LINE("}");
}
static void small_reduce(Cu *e, const IrNode *n) {
    const IrNode *x = n->args[0];
    const char *v = at(e, x, "r", "c"), *to = cu_value(e, n, true);
    bool rows = n->op == IR_ROWSUMS || n->op == IR_ROWMIN || n->op == IR_ROWMAX || n->op == IR_ROWARGMIN ||
                n->op == IR_ROWARGMAX;
    bool cols = n->op == IR_COLSUMS || n->op == IR_COLMIN || n->op == IR_COLMAX;
    if (shares_terms(e, n)) {
        combine_shared(e, n, rows ? at(e, x, "r", "k") : at(e, x, "k", "c"));
        return;
    }
    int how = cu_how(n);
    const char *start = arena_printf(e->arena, "s = %s", cu_neutral(n));
    const char *step = how == 1 ? "s = least_of(v, s);" : how == 2 ? "s = most_of(v, s);" : "s += v;";
    if (n->op == IR_ROWARGMIN) start = "s = 1, best = infinity()", step = "if (v < best) best = v, s = c + 1;";
    if (n->op == IR_ROWARGMAX) start = "s = 1, best = -infinity()", step = "if (v > best) best = v, s = c + 1;";
    if (rows || cols) {
        share(e, rows ? x->rows : x->cols);
        LINE("    const int64_t %c = q;", rows ? 'r' : 'c');
        LINE("    double %s;", start);
        LINE("    for (int64_t %c = 0; %c < %lld; %c++) { const double v = %s; %s }", rows ? 'c' : 'r',
             rows ? 'c' : 'r', (long long)(rows ? x->cols : x->rows), rows ? 'c' : 'r', v, step);
        LINE("    (void)%c;", rows ? 'r' : 'c');
        LINE("    %s[q] = s;", to);
        LINE("}");
        return;
    }
    LINE("{");
    LINE("    double %s;", start);
    share_cells(e, x->rows, x->cols);
    LINE("    const double v = %s;", v);
    LINE("    %s", step);
    LINE("}");
    LINE("    leave_shares(s, 1, %d, 0, 1, %s, 0);", how, to);
    LINE("}");
}
static void small_bind(Cu *e, const IrNode *n) {
    int64_t offset = 0;
    const char *to = cu_value(e, n, true);
    for (int a = 0; a < n->nargs; a++) {
        const IrNode *x = n->args[a];
        share_cells(e, n->op == IR_CBIND ? n->rows : x->rows, x->cols);
        if (n->op == IR_CBIND)
            LINE("    %s[r * %lld + c + %lld] = %s;", to, (long long)n->cols, (long long)offset, at(e, x, "r", "c"));
        else
            LINE("    %s[(r + %lld) * %lld + c] = %s;", to, (long long)offset, (long long)n->cols, at(e, x, "r", "c"));
        LINE("}");
        offset += n->op == IR_CBIND ? x->cols : x->rows;
    }
}
static void small_place(Cu *e, const IrNode *n) {
    bool least = n->op == IR_PLACE_COLS && n->i0 == 1, most = n->op == IR_PLACE_COLS && n->i0 == 2;
    const char *to = cu_value(e, n, true);
    fill(e, n, least ? "infinity()" : most ? "-infinity()" : "0");
    for (int a = 0; a < n->nargs; a++) { /* blocks may share a column: one after the other */
        const IrNode *x = n->args[a];
        if (e->wide)
            open_kernel(e, n, GRID_CELLS, x->rows * x->cols);
        else
            LINE("__syncthreads();");
        const char *cols = cu_bind(e, BIND_COLUMNS, n->table, n->blocks[a]);
        to = cu_value(e, n, true);
        share_cells(e, x->rows, x->cols);
        if (n->op == IR_PLACE)
            LINE("    const int64_t at = (int64_t)%s[r] * %lld + c;", cols, (long long)n->cols);
        else
            LINE("    const int64_t at = r * %lld + %s[c];", (long long)n->cols, cols);
        const char *v = at(e, x, "r", "c");
        if (least || most)
            LINE("    %s[at] = %s(%s[at], %s);", to, least ? "least_of" : "most_of", to, v);
        else
            LINE("    %s[at] += %s;", to, v);
        LINE("}");
    }
}
static bool in_one_block(const IrNode *n) {
    switch (n->op) {
    case IR_SUM:
    case IR_MINALL:
    case IR_MAXALL: return true;
    default: return false;
    }
}
/* Each cell by itself. */
static void small_cells(Cu *e, const IrNode *n) {
    bool picks = n->op == IR_PICK || n->op == IR_PICK_COLS;
    const char *columns = picks ? cu_bind(e, BIND_COLUMNS, n->table, n->block) : NULL;
    const char *cell = emit_text_small(e->arena, n, at, e, columns), *a[3];
    for (int k = 0; !cell && k < n->nargs; k++) a[k] = at(e, n->args[k], "r", "c");
    fill(e, n, cell ? cell : cu_operator(e, n, a));
}
void cu_small_node(Cu *e, const IrNode *n) {
    if (!n->rows || !n->cols) return;
    if (is_deep(n)) {
        cu_flush(e);
        open_kernel(e, n, GRID_BLOCKS, n->rows * n->cols);
    } else {
        begin(e, n, !in_one_block(n) && is_wide(n));
    }
    LINE("/* %s */", cu_where(e, n));
    switch (n->op) {
    case IR_MATMUL: small_product(e, n); break;
    case IR_SUM:
    case IR_MINALL:
    case IR_MAXALL:
    case IR_COLSUMS:
    case IR_COLMIN:
    case IR_COLMAX:
    case IR_ROWSUMS:
    case IR_ROWMIN:
    case IR_ROWMAX:
    case IR_ROWARGMIN:
    case IR_ROWARGMAX: small_reduce(e, n); break;
    case IR_CBIND:
    case IR_RBIND: small_bind(e, n); break;
    case IR_PLACE:
    case IR_PLACE_COLS: small_place(e, n); break;
    default: small_cells(e, n);
    }
    end(e, n, is_cellwise(n));
}

int cu_transposed(Cu *e, const IrNode *y) {
    int slot = cu_new_slot(e, y->cols, y->rows, 0, arena_printf(e->arena, "turned_%d", e->out->slots.len));
    if (is_wide(y)) cu_flush(e); /* it reads other cells than those that it makes */
    begin(e, y, is_wide(y));
    share_cells(e, y->cols, y->rows);
    LINE("    %s[q] = %s;", cu_slot_arg(e, slot, true), at(e, y, "c", "r"));
    LINE("}");
    end(e, y, false);
    return slot;
}

/* Slot `to` = from, whatever from is. A small value of as many rows may become one over a space: both are packed. */
void cu_copy(Cu *e, int to, const IrNode *from) {
    const CudaSlot *slot = &e->out->slots.data[to];
    int own = cu_slot(e->out, from);
    if (own == to || !slot->cols) return;
    if (own >= 0 && (slot->rspace || slot->rows * slot->cols >= CUDA_WIDE_CELLS)) {
        cu_op(e, (CudaOp){.kind = CUOP_COPY, .to = to, .from = own, .node = from});
        return;
    }
    if (!slot->rspace) {
        begin(e, from, is_wide(from));
        share_cells(e, slot->rows, slot->cols);
        LINE("    %s[q] = %s;", cu_slot_arg(e, to, true), at(e, from, "r", "c"));
        LINE("}");
        end(e, from, false);
        return;
    }
    CudaKernel *k =
        cu_kernel_begin(e, arena_printf(e->arena, "copy_%d", e->nsmall++), GRID_CELLS, CUDA_SMALL_THREADS, from);
    k->space = slot->rspace;
    k->cells = slot->cols;
    LINE("for (int64_t q = (int64_t)blockIdx.x * %d + threadIdx.x; q < %s * %lld; q += (int64_t)gridDim.x * %d) {",
         CUDA_SMALL_THREADS, cu_arg(e, ARG_ROWS, slot->rspace), (long long)slot->cols, CUDA_SMALL_THREADS);
    LINE("    const int64_t r = q / %lld, c = q %% %lld;", (long long)slot->cols, (long long)slot->cols);
    LINE("    (void)r, (void)c;");
    if (from->rspace && fuse_is_sparse(e->f, from)) internal_error("a sparse block leaves its pass");
    LINE("    %s[q] = %s;", cu_slot_arg(e, to, true),
         from->rspace ? cu_stored_cell(e, from, "r", from->cols == 1 ? "0" : "c") : at(e, from, "r", "c"));
    LINE("}");
    cu_kernel_end(e);
}

/* Columns chosen by number are checked before the rows are read. */
void cu_check_columns(Cu *e, const FusePass *pass) {
    for (int i = 0; i < pass->nodes.len; i++) {
        const IrNode *n = pass->nodes.data[i];
        if (n->op != IR_TAKE_COLS || !n->cols) continue;
        const IrNode *index = n->args[1];
        begin(e, n, false);
        LINE("if (threadIdx.x == 0)");
        LINE("    for (int64_t k = 0; k < %lld; k++) check_column(%s, %d, %s, %lld);", (long long)n->cols,
             cu_arg(e, ARG_STATUS, 0), n->id,
             cu_small(e, index, index->cols == 1 ? "k" : "0", index->cols == 1 ? "0" : "k"),
             (long long)n->args[0]->cols);
    }
}
/* Small carried values that the script names are watched: finite when the loop begins, and after each iteration. */
void cu_check_carried(Cu *e, const IrNode *loop, const IrRegion *params, int first, int at_slot, bool begins) {
    for (int k = first; k < params->params.len; k++) {
        const IrNode *p = params->params.data[k];
        if (p->rspace || !p->name || !p->rows || !p->cols) continue;
        int w = -1;
        for (int i = 0; i < e->out->watched.len; i++)
            if (e->out->watched.data[i] == p) w = i;
        if (w < 0) {
            vec_push(e->arena, &e->out->watched, p);
            w = e->out->watched.len - 1;
        }
        long long cells = (long long)(p->rows * p->cols);
        if (begins) { /* blocks that find another take it back */
            begin(e, loop, false);
            LINE("if (threadIdx.x == 0) %s[%d] = 1;", cu_arg(e, ARG_WATCH, 0), w);
            LINE("__syncthreads();");
        }
        begin(e, is_wide(p) ? p : loop, is_wide(p));
        if (begins)
            LINE("watch_begin(%s, %s + %d, %s, %lldLL);", cu_arg(e, ARG_STATUS, 0), cu_arg(e, ARG_WATCH, 0), w,
                 cu_value(e, p, false), cells);
        else
            LINE("watch_after(%s, %s + %d, %d, %d, %s[0], %s, %lldLL);", cu_arg(e, ARG_STATUS, 0),
                 cu_arg(e, ARG_WATCH, 0), w, loop->id, k, cu_slot_arg(e, at_slot, false), cu_value(e, p, false), cells);
        if (is_wide(p)) cu_flush(e);
    }
}
