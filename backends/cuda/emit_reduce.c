/* emit_reduce.c: what passes add up over their rows.
 *
 * In the tile: each thread owns a small rectangle of the result's cells and a share of the tile's rows, and keeps its
 * sums in registers over all its tiles; at the end the shares are added in order and leave the block as one row of
 * parts, which finish_P adds up in the order of the blocks. Large results are added to the block's row of parts itself.
 * Where one operand is one-hot, a row adds to one row of the result only: threads own a column of it and a share of the
 * rows, and their sums stand in shared memory.
 *
 * By key: a scatter, or the transpose of a sparse block times a value, is a sum over rows sorted by key (segments.h),
 * made by a kernel of its own after the pass, or before it when what it reads is there already. The order of summation
 * is fixed, so that two runs give the same bits. Counts are whole numbers and exact in any order: they use atomics. */
#include "backends/cuda/emit.h"

enum { CODES_IN_TILE = 256, SIDE_MOST = 8, RECTANGLE_MOST = 32, WIDE_KEYS = 8, CODE_SUMS_BYTES = 10 * 1024 };

static const IrNode *sparse_operand(const Cu *e, const IrNode *n) {
    if (n->op != IR_MATMUL && n->op != IR_COLSUMS) return NULL;
    for (int a = 0; a < n->nargs; a++)
        if (fuse_is_sparse(e->f, n->args[a])) return n->args[a];
    return NULL;
}
bool cu_needs_segments(const Cu *e, const IrNode *n) {
    if (n->op == IR_SCATTER) return e->deterministic && !fuse_is_code(e->plan, n->args[0]);
    const IrNode *d = sparse_operand(e, n);
    return d && (cu_is_csr(e, d) || n->rows * n->cols > CODES_IN_TILE);
}
const IrNode *cu_segment_operand(const Cu *e, const IrNode *n) {
    const IrNode *u = n->args[0];
    if (n->op == IR_COLSUMS) return NULL;
    if (n->op == IR_MATMUL && u == sparse_operand(e, n)) u = n->args[1];
    return fuse_is_code(e->plan, u) ? u->args[0] : u;
}

/* ---- in the tile ---- */
int cu_how(const IrNode *n) {
    switch (n->op) {
    case IR_ROWMIN:
    case IR_COLMIN:
    case IR_MINALL: return 1;
    case IR_ROWMAX:
    case IR_COLMAX:
    case IR_MAXALL: return 2;
    default: return 0;
    }
}
const char *cu_neutral(const IrNode *n) {
    static const char *const text[] = {"0", "infinity()", "-infinity()"};
    return text[cu_how(n)];
}
const char *cu_combined(Cu *e, const IrNode *n, const char *s, const char *v) {
    int how = cu_how(n);
    if (!how) return arena_printf(e->arena, "%s + %s", s, v);
    return arena_printf(e->arena, "%s(%s, %s)", how == 1 ? "least_of" : "most_of", v, s);
}
/* A one-hot operand: its column; NULL: the operand has numbers. */
const char *cu_column_of(Cu *e, const IrNode *x) {
    if (fuse_is_code(e->plan, x)) return cu_index_column(e, x, "b");
    return cu_is_codes(e, x) ? cu_code(e, x) : NULL;
}
/* s = s and the term of cell (r, c), row b of the tile, as statements at indent `in`. */
static void term(Cu *e, const IrNode *n, const char *in, const char *s, const char *r, const char *c) {
    const IrNode *x = n->args[0];
    if (n->op != IR_MATMUL) {
        const char *col = cu_column_of(e, x);
        if (col)
            LINE("%sif (%s == %s) %s += 1;", in, col, c, s);
        else
            LINE("%s%s = %s;", in, s, cu_combined(e, n, s, cu_cell(e, x, "b", x->cols == 1 ? "0" : c)));
        return;
    }
    const IrNode *y = n->args[1];
    const char *cx = cu_column_of(e, x), *cy = cu_column_of(e, y);
    const char *vx = cx ? NULL : cu_cell(e, x, "b", x->cols == 1 ? "0" : r);
    const char *vy = cy ? NULL : cu_cell(e, y, "b", y->cols == 1 ? "0" : c);
    if (cx && cy)
        LINE("%sif (%s == %s && %s == %s) %s += 1;", in, cx, r, cy, c, s);
    else if (cx)
        LINE("%sif (%s == %s) %s += %s;", in, cx, r, s, vy);
    else if (cy)
        LINE("%sif (%s == %s) %s += %s;", in, cy, c, s, vx);
    else
        LINE("%s%s += %s * %s;", in, s, vx, vy);
}
int cu_new_parts(Cu *e, const IrNode *n) {
    CudaParts p = {.kernel = e->out->kernels.len, .cells = n->rows * n->cols};
    CuFinish left = {n, e->out->parts.len, e->out->kernels.len, e->pass->id};
    vec_push(e->arena, &e->out->parts, p);
    vec_push(e->arena, &e->finish, left);
    e->kernel->parts += p.cells;
    cu_arg(e, ARG_FRESH, 0);
    return left.parts;
}
/* How wide and high the rectangles are that threads own, and how many there are; 0: none is small enough. A row of the
 * tile costs a thread a load of shared memory for each side's cells and an operation for each cell of the rectangle; a
 * load takes about as long as six of these. The end costs a few barriers a cell of the rectangle, once a block. */
static int rectangle(const Cu *e, const IrNode *n, int *high, int *wide) {
    int64_t best = 0, rows = n->rows, cols = n->cols;
    int found = 0;
    for (int h = 1; h <= SIDE_MOST && h <= rows; h++)
        for (int w = 1; w <= SIDE_MOST && w <= cols; w++) {
            int64_t count = (rows + h - 1) / h * ((cols + w - 1) / w), threads = e->kernel->threads;
            if (count > threads || (h * w > RECTANGLE_MOST && h != SIDE_MOST && w != SIDE_MOST)) continue;
            int64_t shares = threads / count, each = (e->tile + shares - 1) / shares;
            int64_t cost = each * (6 * (h + w) + h * w) + 16 * h * w;
            if (found && cost >= best) continue;
            found = (int)count, best = cost, *high = h, *wide = w;
        }
    return found;
}
/* Sums of numbers by the column of a one-hot operand: how many threads share the rows, of what `bytes` hold; 0: they
 * are not made so. */
static int code_shares(const Cu *e, const IrNode *n, int64_t bytes) {
    if (n->op != IR_MATMUL || cu_needs_segments(e, n) || cu_is_product(e, n) || cu_mma_by_code(e, n)) return 0;
    const IrNode *x = n->args[0], *y = n->args[1];
    bool cx = cu_is_one_hot(e, x), cy = cu_is_one_hot(e, y);
    if (cx == cy) return 0;
    int64_t cells = n->rows * n->cols, width = cx ? n->cols : n->rows;
    if (width > CUDA_THREADS || !cells) return 0;
    int64_t shares = CUDA_THREADS / width, most = bytes / (8 * cells);
    if (shares > most) shares = most;
    return shares >= 2 ? (int)shares : 0;
}
int64_t cu_share_codes(Cu *e, const FusePass *pass) {
    int64_t taken = 0;
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        e->shares[n->id] = FUSE(n)->kind == FUSE_REDUCE ? code_shares(e, n, CODE_SUMS_BYTES - taken) : 0;
        taken += 8 * n->rows * n->cols * e->shares[n->id];
    }
    return taken;
}
static void reduce_by_code(Cu *e, const IrNode *n, int parts, int shares) {
    const IrNode *x = n->args[0], *y = n->args[1];
    bool down = cu_column_of(e, x) != NULL; /* the codes are rows of the result */
    const IrNode *v = down ? y : x;
    int id = n->id, threads = e->kernel->threads;
    long long codes = down ? n->rows : n->cols, width = down ? n->cols : n->rows, cells = n->rows * n->cols;
    TOP("__shared__ double a%d[%lld]; /* %s */", id, shares * cells, cu_where(e, n));
    TOP("for (int q = threadIdx.x; q < %lld; q += %d) a%d[q] = 0;", shares * cells, threads, id);
    TOP("__syncthreads();");
    LINE("if (threadIdx.x < %lld) { /* %s */", shares * width, cu_where(e, n));
    LINE("    const int c = threadIdx.x %% %lld;", width);
    LINE("    for (int b = threadIdx.x / %lld; b < m; b += %d) {", width, shares);
    LINE("        const int a = %s;", cu_column_of(e, down ? x : y));
    LINE("        if (a >= 0 && a < %lld) a%d[(threadIdx.x / %lld * %lld + a) * %lld + c] += %s;", codes, id, width,
         codes, width, cu_cell(e, v, "b", width == 1 ? "0" : "c"));
    LINE("    }");
    LINE("}");
    const char *to = cu_arg(e, ARG_PARTS, parts);
    TAIL("__syncthreads();");
    TAIL("for (int q = threadIdx.x; q < %lld; q += %d) {", cells, threads);
    TAIL("    double s = fresh ? 0 : %s[(int64_t)blockIdx.x * %lld + q];", to, cells);
    if (down)
        TAIL("    for (int u = 0; u < %d; u++) s += a%d[u * %lld + q];", shares, id, cells);
    else
        TAIL("    for (int u = 0; u < %d; u++) s += a%d[u * %lld + q %% %lld * %lld + q / %lld];", shares, id, cells,
             codes, width, codes);
    TAIL("    %s[(int64_t)blockIdx.x * %lld + q] = s;", to, cells);
    TAIL("}");
}
/* One number from all cells. */
static void reduce_all(Cu *e, const IrNode *n, int parts) {
    const IrNode *x = n->args[0];
    TOP("double g%d = %s; /* %s */", n->id, cu_neutral(n), cu_where(e, n));
    if (x->cols == 1)
        LINE("for (int b = threadIdx.x; b < m; b += %d) {", e->kernel->threads);
    else {
        LINE("for (int q = threadIdx.x; q < m * %lld; q += %d) {", (long long)x->cols, e->kernel->threads);
        LINE("    const int b = q / %lld, j = q %% %lld;", (long long)x->cols, (long long)x->cols);
    }
    const char *s = arena_printf(e->arena, "g%d", n->id);
    LINE("    %s = %s;", s, cu_combined(e, n, s, cu_cell(e, x, "b", x->cols == 1 ? "0" : "j")));
    LINE("}");
    TAIL("leave_shares(%s, 1, %d, 0, fresh, %s, 1);", s, cu_how(n), cu_arg(e, ARG_PARTS, parts));
}
static void reduce_large(Cu *e, const IrNode *n, int parts) {
    long long cells = (long long)(n->rows * n->cols), cols = (long long)n->cols;
    const char *to = cu_arg(e, ARG_PARTS, parts);
    TOP("double *const g%d = %s + (int64_t)blockIdx.x * %lldLL; /* %s */", n->id, to, cells, cu_where(e, n));
    TOP("if (fresh)");
    TOP("    for (int64_t q = threadIdx.x; q < %lldLL; q += %d) g%d[q] = %s;", cells, e->kernel->threads, n->id,
        cu_neutral(n));
    LINE("for (int64_t q = threadIdx.x; q < %lldLL; q += %d) { /* %s */", cells, e->kernel->threads, cu_where(e, n));
    LINE("    const int64_t r = q / %lld, c = q %% %lld;", cols, cols);
    LINE("    (void)r, (void)c;");
    LINE("    double s = g%d[q];", n->id);
    LINE("    for (int b = 0; b < m; b++) {");
    term(e, n, "        ", "s", "r", "c");
    LINE("    }");
    LINE("    g%d[q] = s;", n->id);
    LINE("}");
}
static void reduce_rectangles(Cu *e, const IrNode *n, int parts, int count, int high, int wide) {
    int threads = e->kernel->threads, shares = threads / count, id = n->id;
    long long rows = (long long)n->rows, cols = (long long)n->cols, across = (cols + wide - 1) / wide;
    bool one = high * wide == 1;
    int how = cu_how(n);
    TOP("const int part%d = threadIdx.x %% %d, share%d = threadIdx.x / %d; /* %s */", id, count, id, count,
        cu_where(e, n));
    TOP("const int r%d = part%d / %lld * %d, c%d = part%d %% %lld * %d;", id, id, across, high, id, id, across, wide);
    TOP("(void)r%d, (void)c%d;", id, id);
    TOP("double g%d[%d];", id, high * wide);
    TOP("for (int k = 0; k < %d; k++) g%d[k] = %s;", high * wide, id, cu_neutral(n));
    LINE("if (share%d < %d)", id, shares);
    LINE("    for (int b = share%d; b < m; b += %d) {", id, shares);
    if (one) {
        term(e, n, "        ", arena_printf(e->arena, "g%d[0]", id), arena_printf(e->arena, "r%d", id),
             arena_printf(e->arena, "c%d", id));
    } else { /* rows and columns beyond the end repeat the last one, and are left out afterwards */
        LINE("#pragma unroll");
        LINE("        for (int u = 0; u < %d; u++) {", high);
        LINE("            const int r = r%d + u < %lld ? r%d + u : %lld;", id, rows, id, rows - 1);
        LINE("            (void)r;");
        LINE("#pragma unroll");
        LINE("            for (int v = 0; v < %d; v++) {", wide);
        LINE("                const int c = c%d + v < %lld ? c%d + v : %lld;", id, cols, id, cols - 1);
        LINE("                (void)c;");
        term(e, n, "                ", arena_printf(e->arena, "g%d[u * %d + v]", id, wide), "r", "c");
        LINE("            }");
        LINE("        }");
    }
    LINE("    }");
    const char *to = cu_arg(e, ARG_PARTS, parts);
    if (!one) {
        TAIL("for (int u = 0; u < %d; u++)", high);
        TAIL("    for (int v = 0; v < %d; v++) {", wide);
        TAIL("        const bool there = r%d + u < %lld && c%d + v < %lld;", id, rows, id, cols);
        TAIL("        leave_shares(g%d[u * %d + v], %d, %d, there ? (r%d + u) * %lld + c%d + v : -1, fresh, %s, "
             "%lldLL);",
             id, wide, count, how, id, cols, id, to, rows * cols);
        TAIL("    }");
    } else {
        TAIL("leave_shares(g%d[0], %d, %d, r%d * %lld + c%d, fresh, %s, %lldLL);", id, count, how, id, cols, id, to,
             rows * cols);
    }
}
static void atomic_scatter(Cu *e, const IrNode *n) {
    const IrNode *x = n->args[0];
    const char *to = cu_value(e, n, true), *row = cu_index_row(e, n->table, n->indicator, "b");
    const char *rows = cu_arg(e, ARG_ROWS, n->rspace);
    long long cols = (long long)n->cols;
    if (fuse_is_code(e->plan, x)) {
        LINE("for (int b = threadIdx.x; b < m; b += %d) { /* %s */", e->kernel->threads, cu_where(e, n));
        LINE("    const int64_t r = %s, a = %s;", row, cu_index_column(e, x, "b"));
        LINE("    if (r < %s && a >= 0 && a < %lld) atomicAdd(&%s[r * %lld + a], 1.0);", rows, cols, to, cols);
        LINE("}");
        return;
    }
    LINE("for (int q = threadIdx.x; q < m * %lld; q += %d) { /* %s */", cols, e->kernel->threads, cu_where(e, n));
    LINE("    const int b = q / %lld, j = q %% %lld;", cols, cols);
    LINE("    const int64_t r = %s;", row);
    LINE("    if (r < %s) atomicAdd(&%s[r * %lld + j], %s);", rows, to, cols,
         cu_cell(e, x, "b", cols == 1 ? "0" : "j"));
    LINE("}");
}
void cu_reduce_node(Cu *e, const IrNode *n) {
    if (cu_needs_segments(e, n) || cu_is_product(e, n) || !n->cols || !n->rows) return;
    cu_barrier_for(e, n, false);
    if (n->op == IR_SCATTER) {
        atomic_scatter(e, n);
        return;
    }
    int parts = cu_new_parts(e, n), high, wide, count, shares = e->shares[n->id];
    if (n->op == IR_SUM || n->op == IR_MINALL || n->op == IR_MAXALL)
        reduce_all(e, n, parts);
    else if (cu_mma_sums(e, n, parts))
        return;
    else if (shares)
        reduce_by_code(e, n, parts, shares);
    else if ((count = rectangle(e, n, &high, &wide)))
        reduce_rectangles(e, n, parts, count, high, wide);
    else
        reduce_large(e, n, parts);
}
bool cu_is_unfinished(const Cu *e, const IrNode *n) {
    for (int i = 0; i < e->finish.len; i++)
        if (e->finish.data[i].node == n) return true;
    return false;
}
/* A block for 32 cells. Later than the pass, so that several passes may share it: a launch costs as much as the sums.
 */
void cu_finish(Cu *e) {
    if (!e->finish.len) return;
    CudaKernel *k = cu_kernel_begin(e, arena_printf(e->arena, "finish_%d", e->finish.data[0].pass), GRID_BLOCKS,
                                    CUDA_FINISH_THREADS, e->finish.data[0].node);
    LINE("int64_t block = blockIdx.x;");
    for (int i = 0; i < e->finish.len; i++) {
        const CuFinish *f = &e->finish.data[i];
        const IrNode *n = f->node;
        long long own = (long long)(n->rows * n->cols), blocks = (own + 31) / 32;
        k->cells += blocks;
        LINE("if (block < %lld) { /* %s */", blocks, cu_where(e, n));
        LINE("    fold_parts(%s, %s, block * 32, %lldLL, %s, %d);", cu_value(e, n, true),
             cu_arg(e, ARG_PARTS, f->parts), own, cu_arg(e, ARG_BLOCKS, f->kernel), cu_how(n));
        LINE("    return;");
        LINE("}");
        LINE("block -= %lld;", blocks);
    }
    e->finish.len = 0;
    cu_kernel_end(e);
}

/* ---- by key ---- */
static const char *segment_value(Cu *e, const IrNode *n, const IrNode *d) {
    if (n->op == IR_COLSUMS) return "1.0";
    const IrNode *u = n->op == IR_SCATTER || d != n->args[0] ? n->args[0] : n->args[1];
    if (fuse_is_code(e->plan, u)) return arena_printf(e->arena, "(double)(%s == k)", cu_index_column(e, u, "i"));
    return cu_stored_cell(e, u, "i", u->cols == 1 ? "0" : "k");
}
void cu_segments(Cu *e, const IrNode *n) {
    const IrNode *d = sparse_operand(e, n);
    int bind =
        d ? cu_bind_index(e, BIND_SPARSE, d->table, d->block) : cu_bind_index(e, BIND_KEYS, n->table, n->indicator);
    bool values = d && cu_is_csr(e, d) && fuse_block(e->f, d)->data->values;
    bool keys_down = n->op == IR_SCATTER || (n->op == IR_MATMUL && d == n->args[0]); /* a key's sums are a row */
    int64_t width = n->op == IR_COLSUMS ? 1 : keys_down ? n->cols : n->rows;
    if (!width || !n->rows || !n->cols) return;
    e->pass = NULL;
    CudaKernel *k = cu_kernel_begin(e, arena_printf(e->arena, "segment_%d", n->id), GRID_CHUNKS, CUDA_THREADS, n);
    k->bind = bind;
    k->cells = width >= WIDE_KEYS ? width : 0;
    const char *chunks = cu_arg(e, ARG_CHUNKS, bind), *rows = cu_arg(e, ARG_CHUNK_ROWS, bind);
    const char *begin = cu_arg(e, ARG_CHUNK_BEGIN, bind), *end = cu_arg(e, ARG_CHUNK_END, bind);
    const char *sums = cu_arg(e, ARG_CHUNK_SUMS, e->out->kernels.len);
    const char *value = segment_value(e, n, d);
    bool in_place = keys_down || n->op == IR_COLSUMS; /* sums of keys lie as the result does */
    if (in_place) {
        TOP("double *const to = %s ? %s : %s;", cu_arg(e, ARG_DIRECT, bind), cu_value(e, n, true), sums);
        sums = "to";
    }
    const char *each = values ? arena_printf(e->arena, "%s[at] * %s", cu_arg(e, ARG_CHUNK_VALUES, bind), value) : value;
    k->parts = width;
    if (width >= WIDE_KEYS) { /* threads share the columns: rows are read as they lie */
        LINE("for (int64_t q = %s * %lld + (int64_t)blockIdx.x * %d + threadIdx.x; q < %s * %lld;", begin,
             (long long)width, CUDA_THREADS, end, (long long)width);
        LINE("     q += (int64_t)gridDim.x * %d) {", CUDA_THREADS);
        LINE("    const int64_t chunk = q / %lld, last = %s[chunk + 1];", (long long)width, chunks);
        LINE("    const int k = (int)(q %% %lld);", (long long)width);
        LINE("    (void)k;");
        LINE("    double s = 0;");
        LINE("#pragma unroll 4");
        LINE("    for (int64_t at = %s[chunk]; at < last; at++) {", chunks);
        LINE("        const int64_t i = %s ? %s[at] : at;", rows, rows);
        LINE("        (void)i;");
        LINE("        s += %s;", each);
        LINE("    }");
        LINE("    %s[q] = s;", sums);
        LINE("}");
    } else { /* `lanes` threads share a chunk */
        const char *lanes = cu_arg(e, ARG_LANES, bind);
        LINE("const int lane = threadIdx.x %% %s, per = %d / %s;", lanes, CUDA_THREADS, lanes);
        LINE("for (int64_t first = %s + (int64_t)blockIdx.x * per; first < %s; first += (int64_t)gridDim.x * per) {",
             begin, end);
        LINE("    const int64_t chunk = first + threadIdx.x / %s;", lanes);
        LINE("    const bool there = chunk < %s;", end);
        LINE("    const int64_t begin = there ? %s[chunk] : 0, last = there ? %s[chunk + 1] : 0;", chunks, chunks);
        for (int c = 0; c < width; c++) LINE("    double s%d = 0;", c);
        LINE("#pragma unroll 4");
        LINE("    for (int64_t at = begin + lane; at < last; at += %s) {", lanes);
        LINE("        const int64_t i = %s ? %s[at] : at;", rows, rows);
        LINE("        (void)i;");
        for (int c = 0; c < width; c++) {
            LINE("        { const int k = %d; (void)k; s%d += %s; }", c, c, each);
        }
        LINE("    }");
        for (int c = 0; c < width; c++) {
            LINE("    s%d = lanes_sum(s%d, %s);", c, c, lanes);
            LINE("    if (there && lane == 0) %s[chunk * %lld + %d] = s%d;", sums, (long long)width, c, c);
        }
        LINE("}");
    }
    int source = e->out->kernels.len;
    cu_kernel_end(e);
    k = cu_kernel_begin(e, arena_printf(e->arena, "fold_%d", n->id), GRID_KEYS, CUDA_THREADS, n);
    k->bind = bind;
    k->cells = width;
    k->folds = in_place;
    const char *first = cu_arg(e, ARG_CHUNK_FIRST, bind), *keys = cu_arg(e, ARG_KEY_COUNT, bind);
    const char *folds = cu_arg(e, ARG_FOLDS, bind);
    sums = cu_arg(e, ARG_CHUNK_SUMS, source);
    LINE("const int lane = threadIdx.x %% %s, per = %d / %s;", folds, CUDA_THREADS, folds);
    LINE("const int64_t cells = %s * %lld;", keys, (long long)width);
    LINE("for (int64_t at = (int64_t)blockIdx.x * per; at < cells; at += (int64_t)gridDim.x * per) {");
    LINE("    const int64_t q = at + threadIdx.x / %s, key = q / %lld, k = q %% %lld;", folds, (long long)width,
         (long long)width);
    LINE("    const int64_t begin = q < cells ? %s[key] : 0, last = q < cells ? %s[key + 1] : 0;", first, first);
    LINE("    double s = 0;");
    LINE("#pragma unroll 4");
    LINE("    for (int64_t chunk = begin + lane; chunk < last; chunk += %s) s += %s[chunk * %lld + k];", folds, sums,
         (long long)width);
    LINE("    s = lanes_sum(s, %s);", folds);
    if (in_place)
        LINE("    if (q < cells && lane == 0) %s[q] = s;", cu_value(e, n, true));
    else
        LINE("    if (q < cells && lane == 0) %s[k * %lld + key] = s;", cu_value(e, n, true), (long long)n->cols);
    LINE("}");
    cu_kernel_end(e);
}
