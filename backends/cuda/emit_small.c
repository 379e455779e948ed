/* emit_small.c: operators on small values. Consecutive ones are statements of one kernel of one block, a barrier after
 * each; one with many independent cells is a kernel of many blocks by itself. */
#include "backends/cuda/emit.h"

enum { WIDE_CELLS = 16384 };

static const char *at(Cu *e, const IrNode *x, const char *r, const char *c) {
    return cu_small(e, x, x->rows == 1 ? "0" : r, x->cols == 1 ? "0" : c);
}
static void begin(Cu *e, const IrNode *n, bool wide) {
    if (wide) cu_flush(e);
    if (e->small_open) return;
    CudaKernel *k = cu_kernel_begin(e, arena_printf(e->arena, "small_%d", e->nsmall++), wide ? GRID_CELLS : GRID_ONE,
                                    CUDA_SMALL_THREADS, n);
    k->cells = wide ? n->rows * n->cols : 0;
    e->small_open = true;
    e->wide = wide;
}
void cu_small_begin(Cu *e, const IrNode *n) {
    begin(e, n, false);
}
static void end(Cu *e) {
    if (e->wide)
        cu_flush(e);
    else
        LINE("__syncthreads();");
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
static void small_product(Cu *e, const IrNode *n) {
    const IrNode *x = n->args[0], *y = n->args[1];
    int64_t inner = n->ta ? x->rows : x->cols;
    const char *xs = n->ta ? at(e, x, "k", "r") : at(e, x, "r", "k"),
               *ys = n->tb ? at(e, y, "c", "k") : at(e, y, "k", "c");
    share_cells(e, n->rows, n->cols);
    LINE("    double s = 0;");
    LINE("    for (int64_t k = 0; k < %lld; k++) s += %s * %s;", (long long)inner, xs, ys);
    LINE("    %s[q] = s;", cu_value(e, n, true));
    LINE("}");
}
static void small_reduce(Cu *e, const IrNode *n) {
    const IrNode *x = n->args[0];
    const char *v = at(e, x, "r", "c"), *to = cu_value(e, n, true);
    bool rows = n->op == IR_ROWSUMS || n->op == IR_ROWMIN || n->op == IR_ROWMAX || n->op == IR_ROWARGMIN ||
                n->op == IR_ROWARGMAX;
    bool cols = n->op == IR_COLSUMS || n->op == IR_COLMIN || n->op == IR_COLMAX;
    const char *start = "s = 0", *step = "s += v;";
    int how = 0;
    switch (n->op) {
    case IR_ROWMIN:
    case IR_COLMIN:
    case IR_MINALL: start = "s = infinity()", step = "s = least_of(v, s);", how = 1; break;
    case IR_ROWMAX:
    case IR_COLMAX:
    case IR_MAXALL: start = "s = -infinity()", step = "s = most_of(v, s);", how = 2; break;
    case IR_ROWARGMIN: start = "s = 1, best = infinity()", step = "if (v < best) best = v, s = c + 1;"; break;
    case IR_ROWARGMAX: start = "s = 1, best = -infinity()", step = "if (v > best) best = v, s = c + 1;"; break;
    default: break;
    }
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
        const char *cols = cu_bind(e, BIND_COLUMNS, n->table, n->blocks[a]);
        LINE("__syncthreads();");
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
    case IR_MAXALL:
    case IR_PLACE:
    case IR_PLACE_COLS:
    case IR_CBIND:
    case IR_RBIND: return true;
    default: return false;
    }
}
void cu_small_node(Cu *e, const IrNode *n) {
    if (!n->rows || !n->cols) return;
    begin(e, n, !in_one_block(n) && n->rows * n->cols >= WIDE_CELLS);
    LINE("/* %s */", cu_where(e, n));
    const IrNode *x = n->nargs ? n->args[0] : NULL;
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
    case IR_TRANSPOSE: fill(e, n, at(e, x, "c", "r")); break;
    case IR_CBIND:
    case IR_RBIND: small_bind(e, n); break;
    case IR_SLICE_COLS: fill(e, n, cu_small(e, x, "r", arena_printf(e->arena, "(c + %lld)", (long long)n->i0))); break;
    case IR_SLICE_ROWS: fill(e, n, cu_small(e, x, arena_printf(e->arena, "(r + %lld)", (long long)n->i0), "c")); break;
    case IR_ONEHOT: fill(e, n, arena_printf(e->arena, "(double)(%s == c + 1)", at(e, x, "r", "0"))); break;
    case IR_EYE: fill(e, n, "(double)(r == c)"); break;
    case IR_DIAG:
        if (x->cols == 1 && x->rows == n->rows)
            fill(e, n, arena_printf(e->arena, "(r == c ? %s : 0)", at(e, x, "r", "0")));
        else if (x->rows == 1 && n->rows > 1)
            fill(e, n, arena_printf(e->arena, "(r == c ? %s : 0)", at(e, x, "0", "r")));
        else
            fill(e, n, at(e, x, "r", "r"));
        break;
    case IR_PICK:
        fill(e, n, at(e, x, arena_printf(e->arena, "%s[r]", cu_bind(e, BIND_COLUMNS, n->table, n->block)), "c"));
        break;
    case IR_PICK_COLS:
        fill(e, n, at(e, x, "r", arena_printf(e->arena, "%s[c]", cu_bind(e, BIND_COLUMNS, n->table, n->block))));
        break;
    case IR_PLACE:
    case IR_PLACE_COLS: small_place(e, n); break;
    case IR_STORED: fill(e, n, at(e, x, "r", "c")); break;
    default: {
        const char *a[3];
        for (int k = 0; k < n->nargs; k++) a[k] = at(e, n->args[k], "r", "c");
        fill(e, n, cu_operator(e, n, a));
    }
    }
    end(e);
}

/* Slot `to` = from, whatever from is. A small value of as many rows may become one over a space: both are packed. */
void cu_copy(Cu *e, int to, const IrNode *from) {
    const CudaSlot *slot = &e->out->slots.data[to];
    int own = cu_slot(e->out, from);
    if (own == to || !slot->cols) return;
    if (own >= 0 && (slot->rspace || slot->rows * slot->cols >= WIDE_CELLS)) {
        cu_op(e, (CudaOp){.kind = CUOP_COPY, .to = to, .from = own, .node = from});
        return;
    }
    if (!slot->rspace) {
        begin(e, from, false);
        share_cells(e, slot->rows, slot->cols);
        LINE("    %s[q] = %s;", cu_slot_arg(e, to, true), at(e, from, "r", "c"));
        LINE("}");
        LINE("__syncthreads();");
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
        begin(e, loop, false);
        if (begins)
            LINE("watch_begin(%s, %s + %d, %s, %lldLL);", cu_arg(e, ARG_STATUS, 0), cu_arg(e, ARG_WATCH, 0), w,
                 cu_value(e, p, false), (long long)(p->rows * p->cols));
        else
            LINE("watch_after(%s, %s + %d, %d, %d, %s[0], %s, %lldLL);", cu_arg(e, ARG_STATUS, 0),
                 cu_arg(e, ARG_WATCH, 0), w, loop->id, k, cu_slot_arg(e, at_slot, false), cu_value(e, p, false),
                 (long long)(p->rows * p->cols));
    }
}
