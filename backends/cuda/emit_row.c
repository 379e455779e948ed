/* emit_row.c: values computed row by row inside a tile. Threads share the tile's cells (by cell) or its rows (by row);
 * barriers stand only where a thread may read what another has written. */
#include "backends/cuda/emit.h"

enum { CELLS_A_THREAD = 16 };

/* A wide row that is not in shared memory is read by the lanes of a warp together. */
static bool by_warp(const Cu *e, const IrNode *n) {
    const IrNode *x = n->args[0];
    return n->op == IR_MATMUL && n->cols <= 4 && x->cols >= 64 && !fuse_is_sparse(e->f, x) && !cu_in_pass(e, x) &&
           !e->staged[x->id];
}
/* Threads may read any of them. */
bool cu_in_tile(const Cu *e, const IrNode *x) {
    return !fuse_is_sparse(e->f, x) && (cu_in_pass(e, x) ? cu_is_local(e, x) : e->staged[x->id]);
}
/* A column of products of rows that are fewer than the threads: these share the rows. */
static int lanes_of(const Cu *e, const IrNode *n) {
    const IrNode *x = n->args[0];
    if (n->op != IR_MATMUL || n->cols != 1 || x->cols < 16 || e->tile >= e->kernel->threads || !cu_in_tile(e, x))
        return 1;
    return e->kernel->threads / e->tile;
}
bool cu_by_row(const Cu *e, const IrNode *n) {
    return n->cols == 1 && n->op != IR_EXPAND && n->op != IR_CBIND && !by_warp(e, n) && lanes_of(e, n) == 1;
}
static bool reads_dirty(const Cu *e, const IrNode *n, bool by_row) {
    for (int a = 0; a < n->nargs; a++) {
        const IrNode *u = n->args[a];
        if (!cu_in_pass(e, u)) continue;
        if (cu_is_local(e, u)) {
            if (e->dirty[u->id] && !(by_row && cu_by_row(e, u))) return true;
        } else if (reads_dirty(e, u, by_row)) {
            return true;
        }
    }
    return false;
}
void cu_barrier_for(Cu *e, const IrNode *n, bool by_row) {
    if (!e->any_dirty || !reads_dirty(e, n, by_row)) return;
    LINE("__syncthreads();");
    memset(e->dirty, 0, sizeof *e->dirty * (size_t)e->f->next_id);
    e->any_dirty = false;
}
static void written(Cu *e, const IrNode *n) {
    if (!cu_is_local(e, n)) return;
    e->dirty[n->id] = e->any_dirty = true;
}
/* What an assignment to cell (b, j) of a row value writes: the tile's copy, the kept value, or both. */
static const char *result(Cu *e, const IrNode *n, const char *j) {
    bool kept = cu_is_kept(e, n) && !FUSE(n)->in_place, local = cu_is_local(e, n);
    const char *cell = "", *memory = "";
    if (local && n->cols == 1)
        cell = arena_printf(e->arena, "t%d[b]", n->id);
    else if (local)
        cell = arena_printf(e->arena, "t%d[b * %lld + %s]", n->id, (long long)cu_stride(e, n), j);
    if (!kept) return cell;
    const char *base = cu_value(e, n, true);
    memory = n->cols == 1 ? arena_printf(e->arena, "%s[i + b]", base)
                          : arena_printf(e->arena, "%s[(i + b) * %lld + %s]", base, (long long)n->cols, j);
    return local ? arena_printf(e->arena, "%s = %s", cell, memory) : memory;
}
const char *cu_row_result(Cu *e, const IrNode *n, const char *j, const char *v) {
    return arena_printf(e->arena, "%s = %s", result(e, n, j), v);
}
static void rows_begin(Cu *e, const IrNode *n) {
    LINE("for (int b = threadIdx.x; b < m; b += %d) { /* %s */", e->kernel->threads, cu_where(e, n));
}
static bool gathers(const Cu *e, const IrNode *n) {
    if (n->op == IR_GATHER) return true;
    for (int a = 0; a < n->nargs; a++)
        if (cu_in_pass(e, n->args[a]) && cu_is_inline(e, n->args[a]) && gathers(e, n->args[a])) return true;
    return false;
}
static void cells_begin(Cu *e, const IrNode *n, int64_t cols) {
    if (gathers(e, n)) LINE("#pragma unroll 4"); /* several on their way at once */
    LINE("for (int q = threadIdx.x; q < m * %lld; q += %d) { /* %s */", (long long)cols, e->kernel->threads,
         cu_where(e, n));
    LINE("    const int b = q / %lld, j = q %% %lld;", (long long)cols, (long long)cols);
}

/* Cell (r, c) of the small operand y of x @ op(y). */
const char *cu_small_at(Cu *e, const IrNode *n, const char *r, const char *c) {
    const IrNode *y = n->args[1];
    if (e->turned[n->id] >= 0)
        return arena_printf(e->arena, "%s[(%s) * %lld + %s]", cu_slot_arg(e, e->turned[n->id], false), r,
                            (long long)n->cols, c);
    const char *a = n->tb ? c : r, *b = n->tb ? r : c;
    return cu_small(e, y, y->rows == 1 ? "0" : a, y->cols == 1 ? "0" : b);
}
static void csr_loop(Cu *e, const IrNode *x) {
    const char *rp = cu_row_bind(e, BIND_ROWPTR, x->table, x->block);
    LINE("    for (int64_t p = %s[i + b]; p < %s[i + b + 1]; p++)", rp, rp);
}
/* An array of a block, read at the tile's own rows or at others. */
static const char *block_bind(Cu *e, CudaBindKind kind, const IrNode *x, bool own) {
    return own ? cu_row_bind(e, kind, x->table, x->block) : cu_bind(e, kind, x->table, x->block);
}
const char *cu_csr_column(Cu *e, const IrNode *x, bool own) {
    return arena_printf(e->arena, "%s[p]", block_bind(e, BIND_COLIDX, x, own));
}
const char *cu_csr_value(Cu *e, const IrNode *x, bool own) {
    const Matrix *m = fuse_block(e->f, x)->data;
    if (!m->values) return "1.0";
    return arena_printf(e->arena, "%s%s[p]", m->single ? "(double)" : "", block_bind(e, BIND_VALUES, x, own));
}
/* A thread makes some cells of a row, and reads the row once for all of them. */
static void row_product_in_tile(Cu *e, const IrNode *n) {
    const IrNode *x = n->args[0];
    int threads = e->kernel->threads, tile = e->tile;
    long long cols = (long long)n->cols, groups = (cols + CELLS_A_THREAD - 1) / CELLS_A_THREAD;
    if (groups < threads / tile) groups = threads / tile;
    long long wide = (cols + groups - 1) / groups;
    groups = (cols + wide - 1) / wide;
    bool whole = groups * wide == cols;
    LINE("for (int q = threadIdx.x; q < %lld; q += %d) { /* %s */", groups * tile, threads, cu_where(e, n));
    LINE("    const int b = q %% %d, first = %s;", tile,
         groups == 1 ? "0" : arena_printf(e->arena, "q / %d * %lld", tile, wide));
    LINE("    if (b >= m) continue;");
    LINE("    double s[%lld] = {0};", wide);
    LINE("#pragma unroll 4");
    LINE("    for (int k = 0; k < %lld; k++) {", (long long)x->cols);
    LINE("        const double v = %s;", cu_cell(e, x, "b", "k"));
    LINE("#pragma unroll");
    LINE("        for (int u = 0; u < %lld; u++) s[u] += v * %s;", wide,
         cu_small_at(e, n, "k",
                     whole ? "(first + u)"
                           : arena_printf(e->arena, "(first + u < %lld ? first + u : %lld)", cols, cols - 1)));
    LINE("    }");
    LINE("#pragma unroll");
    LINE("    for (int u = 0; u < %lld; u++)", wide);
    if (!whole) LINE("        if (first + u < %lld)", cols);
    LINE("            %s = s[u];", result(e, n, "(first + u)"));
    LINE("}");
}
static void column_by_lanes(Cu *e, const IrNode *n, int lanes) {
    const IrNode *x = n->args[0];
    LINE("{ /* %s */", cu_where(e, n));
    LINE("    const int b = threadIdx.x / %d;", lanes);
    LINE("    double s = 0;");
    LINE("    if (b < m)");
    LINE("#pragma unroll 8");
    LINE("        for (int k = threadIdx.x %% %d; k < %lld; k += %d) s += %s * %s;", lanes, (long long)x->cols, lanes,
         cu_cell(e, x, "b", "k"), cu_small_at(e, n, "k", "0"));
    LINE("    s = lanes_sum(s, %d);", lanes);
    LINE("    if (b < m && threadIdx.x %% %d == 0) %s = s;", lanes, result(e, n, "0"));
    LINE("}");
}
static void row_product(Cu *e, const IrNode *n) {
    const IrNode *x = n->args[0];
    long long inner = (long long)x->cols;
    if (cu_mma_rows(e, n)) return;
    if (n->cols > 1 && x->cols > 1 && cu_in_tile(e, x)) {
        row_product_in_tile(e, n);
        return;
    }
    if (lanes_of(e, n) > 1) {
        column_by_lanes(e, n, lanes_of(e, n));
        return;
    }
    if (by_warp(e, n)) {
        LINE("for (int b = threadIdx.x / 32; b < m; b += %d) { /* %s */", e->kernel->threads / 32, cu_where(e, n));
        LINE("    double s[%lld] = {0};", (long long)n->cols);
        LINE("    for (int k = threadIdx.x %% 32; k < %lld; k += 32) {", inner);
        LINE("        const double v = %s;", cu_cell(e, x, "b", "k"));
        LINE("        for (int j = 0; j < %lld; j++) s[j] += v * %s;", (long long)n->cols, cu_small_at(e, n, "k", "j"));
        LINE("    }");
        LINE("    for (int j = 0; j < %lld; j++) {", (long long)n->cols);
        LINE("        const double all = lanes_sum(s[j], 32);");
        LINE("        if (threadIdx.x %% 32 == 0) %s = all;", result(e, n, "j"));
        LINE("    }");
        LINE("}");
        return;
    }
    const char *j = "j";
    if (n->cols == 1) {
        rows_begin(e, n);
        j = "0";
    } else {
        cells_begin(e, n, n->cols);
    }
    if (cu_is_csr(e, x)) {
        LINE("    double s = 0;");
        csr_loop(e, x);
        LINE("        s += %s * %s;", cu_csr_value(e, x, true), cu_small_at(e, n, cu_csr_column(e, x, true), j));
    } else if (cu_is_codes(e, x)) {
        LINE("    const int a = %s;", cu_code(e, x));
        LINE("    const double s = a < 0 ? 0 : %s;", cu_small_at(e, n, "a", j));
    } else {
        LINE("    double s = 0;");
        if (inner <= 64) LINE("#pragma unroll 8");
        LINE("    for (int k = 0; k < %lld; k++) s += %s * %s;", inner, cu_cell(e, x, "b", inner == 1 ? "0" : "k"),
             cu_small_at(e, n, "k", j));
    }
    LINE("    %s = s;", result(e, n, j));
    LINE("}");
}
static void row_reduce(Cu *e, const IrNode *n) {
    const IrNode *x = n->args[0];
    bool least = n->op == IR_ROWMIN || n->op == IR_ROWARGMIN, arg = n->op == IR_ROWARGMIN || n->op == IR_ROWARGMAX;
    rows_begin(e, n);
    if (n->op == IR_ROWSUMS && cu_is_codes(e, x)) {
        LINE("    %s = %s < 0 ? 0 : 1;", result(e, n, "0"), cu_code(e, x));
    } else if (n->op == IR_ROWSUMS) {
        LINE("    double s = 0;");
        if (cu_is_csr(e, x)) {
            csr_loop(e, x);
            LINE("        s += %s;", cu_csr_value(e, x, true));
        } else {
            LINE("    for (int j = 0; j < %lld; j++) s += %s;", (long long)x->cols,
                 cu_cell(e, x, "b", x->cols == 1 ? "0" : "j"));
        }
        LINE("    %s = s;", result(e, n, "0"));
    } else {
        LINE("    double best = %sinfinity()%s;", least ? "" : "-", arg ? ", at = 1" : "");
        LINE("    for (int j = 0; j < %lld; j++) {", (long long)x->cols);
        LINE("        const double v = %s;", cu_cell(e, x, "b", x->cols == 1 ? "0" : "j"));
        if (arg)
            LINE("        if (v %s best) best = v, at = j + 1;", least ? "<" : ">");
        else
            LINE("        best = %s(v, best);", least ? "least_of" : "most_of");
        LINE("    }");
        LINE("    %s = %s;", result(e, n, "0"), arg ? "at" : "best");
    }
    LINE("}");
}
/* A row of T from its blocks: zeros first, then what each block has. */
static void row_expand(Cu *e, const IrNode *n) {
    const Integration *in = e->f->tables.data[n->table].data;
    cells_begin(e, n, n->cols);
    LINE("    %s = 0;", result(e, n, "j"));
    LINE("}");
    LINE("__syncthreads();");
    for (int a = 0; a < n->nargs; a++) {
        const IrNode *x = n->args[a];
        const IntBlock *blk = &in->blocks[n->blocks[a]];
        const char *cols = cu_bind(e, BIND_COLUMNS, n->table, n->blocks[a]);
        bool here = x->rspace == n->rspace, sparse = fuse_is_sparse(e->f, x);
        const char *row = here ? "i + b" : cu_index_row(e, n->table, blk->indicator, "b");
        if (sparse)
            rows_begin(e, x);
        else
            cells_begin(e, x, x->cols);
        LINE("    const int64_t r = %s;", row);
        if (!here) LINE("    if (r >= %s) continue;", cu_arg(e, ARG_ROWS, x->rspace));
        if (cu_is_csr(e, x)) {
            const char *rp = block_bind(e, BIND_ROWPTR, x, here);
            LINE("    for (int64_t p = %s[r]; p < %s[r + 1]; p++) %s = %s;", rp, rp,
                 result(e, n, arena_printf(e->arena, "%s[%s]", cols, cu_csr_column(e, x, here))),
                 cu_csr_value(e, x, here));
        } else if (cu_is_codes(e, x)) {
            const char *codes = block_bind(e, BIND_CODES, x, here);
            LINE("    if (%s[r] >= 0) %s = 1;", codes, result(e, n, arena_printf(e->arena, "%s[%s[r]]", cols, codes)));
        } else {
            const char *v = here ? cu_cell(e, x, "b", x->cols == 1 ? "0" : "j")
                                 : cu_stored_cell(e, x, "r", x->cols == 1 ? "0" : "j");
            LINE("    %s = %s;", result(e, n, arena_printf(e->arena, "%s[j]", cols)), v);
        }
        LINE("}");
    }
}
void cu_row_node(Cu *e, const IrNode *n) {
    if (cu_is_inline(e, n) || fuse_is_code(e->plan, n) || cu_is_product(e, n) || !n->cols) return;
    cu_barrier_for(e, n, cu_by_row(e, n));
    switch (n->op) {
    case IR_MATMUL: row_product(e, n); break;
    case IR_ROWSUMS:
    case IR_ROWMIN:
    case IR_ROWMAX:
    case IR_ROWARGMIN:
    case IR_ROWARGMAX: row_reduce(e, n); break;
    case IR_EXPAND: row_expand(e, n); break;
    case IR_CBIND: {
        int64_t offset = 0;
        for (int a = 0; a < n->nargs; a++) {
            const IrNode *x = n->args[a];
            if (!x->cols) continue;
            cells_begin(e, n, x->cols);
            LINE("    %s = %s;", result(e, n, arena_printf(e->arena, "(j + %lld)", (long long)offset)),
                 cu_cell(e, x, "b", x->cols == 1 ? "0" : "j"));
            LINE("}");
            offset += x->cols;
        }
        break;
    }
    case IR_ONEHOT:
        cells_begin(e, n, n->cols);
        LINE("    %s = j == %s;", result(e, n, "j"), cu_index_column(e, n, "b"));
        LINE("}");
        break;
    default:
        if (n->cols == 1)
            rows_begin(e, n);
        else
            cells_begin(e, n, n->cols);
        LINE("    %s = %s;", result(e, n, "j"), cu_computed(e, n, "b", n->cols == 1 ? "0" : "j"));
        LINE("}");
    }
    written(e, n);
}
