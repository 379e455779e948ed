/* emit_reduce.c: what a pass accumulates over its rows: sums, extremes, x' y, scatter. */
#include "backends/c/emit_row.h"

enum { TILES_MOST = 8 };     /* rereadings of a block */
enum { TILE_ROWS = 8 };      /* of add_tiles(), at most */
enum { CHAINS = 8 };         /* vectors of results, or numbers of one, under way at a time */
enum { PACKED = 512 << 10 }; /* bytes of a block's rows that a pass copies */

bool emit_acc_is_transposed(const Emit *e, const IrNode *n) {
    if (n->op != IR_MATMUL || n->rows == 1) return false;
    const IrNode *x = n->args[0], *y = n->args[1];
    return (fuse_is_sparse(e->f, y) || fuse_is_code(e->plan, y)) && !fuse_is_sparse(e->f, x) &&
           !fuse_is_code(e->plan, x);
}
static int64_t whole_vectors(int64_t cols) {
    return (cols + 7) / 8 * 8;
}
int64_t emit_acc_stride(const Emit *e, const IrNode *n) {
    int64_t cols = emit_acc_is_transposed(e, n) ? n->rows : n->cols;
    bool wide = n->op == IR_MATMUL && n->rows > 1 && cols > 64; /* add_tiles() writes whole vectors */
    return wide ? whole_vectors(cols) : emit_pad(cols);
}
/* A single column is added up as a row is, in whole vectors. */
int64_t emit_acc_size(const Emit *e, const IrNode *n) {
    if (n->cols == 1) return emit_pad(n->rows);
    return (emit_acc_is_transposed(e, n) ? n->cols : n->rows) * emit_acc_stride(e, n);
}
static const char *acc(Emit *e, const IrNode *n, const char *r, const char *c) {
    if (n->rows == 1 && n->op != IR_SCATTER)
        return n->cols == 1 ? arena_printf(e->arena, "g%d[0]", n->id) : arena_printf(e->arena, "g%d[%s]", n->id, c);
    if (n->cols == 1) return arena_printf(e->arena, "g%d[%s]", n->id, r);
    bool turned = emit_acc_is_transposed(e, n);
    return arena_printf(e->arena, "g%d[(int64_t)%s * %lld + %s]", n->id, turned ? c : r,
                        (long long)emit_acc_stride(e, n), turned ? r : c);
}
/* How far a loop over a row of n's accumulator may run when its other operand is v. */
static long long columns(Emit *e, const IrNode *n, const IrNode *v) {
    int64_t cols = emit_acc_is_transposed(e, n) ? n->rows : n->cols;
    return (long long)(emit_is_padded(e, v, cols) ? emit_pad(cols) : cols);
}
/* x' x: the upper half is added up, amal_run reads the lower one from it. */
bool emit_is_symmetric(const IrNode *n) {
    return n->op == IR_MATMUL && n->ta && !n->tb && n->args[0] == n->args[1] && n->cols > 1;
}
/* Vectors that hold columns before j only. */
static int lanes_before(const Lanes *l, int64_t j) {
    int v = 0;
    while (v < l->n && l->at[v] + l->width[v] <= j) v++;
    return v;
}
/* A tile of g += x' y: rows j0 .. j1 of g, whose sums stay in registers while a block passes. */
typedef struct SumTile {
    const IrNode *n, *x, *y;
    const Lanes *l;
    const char *g;
    int64_t stride, j0, j1;
    bool upper; /* of n = x' x only the vectors that reach the diagonal */
} SumTile;
static const char *const chain_name[] = {"", "b", "c", "d"}; /* behind a sum's name */
static int tile_first(const SumTile *t, int64_t j) {
    return t->upper ? lanes_before(t->l, j) : 0;
}
/* Row b of the block, b + c in the loop, to the sums of chain c. */
static void tile_row(Emit *e, const SumTile *t, int c, const char *indent) {
    const char *b = c ? arena_printf(e->arena, "(b + %d)", c) : "b", *row = emit_row_address(e, t->y, b);
    for (int v = tile_first(t, t->j0); v < t->l->n; v++)
        LINE("%s    const %s y%d = %s;", indent, emit_lane_type(t->l->width[v]), v, emit_lane_read(e, t->l, v, row));
    for (int64_t j = t->j0; j < t->j1; j++) {
        LINE("%s    const double x%lld = %s;", indent, (long long)j,
             emit_cell(e, t->x, b, arena_printf(e->arena, "%lld", (long long)j)));
        for (int v = tile_first(t, j); v < t->l->n; v++)
            LINE("%s    s%lld_%d%s += x%lld * y%d;", indent, (long long)j, v, chain_name[c], (long long)j, v);
    }
}
/* Vector v of row j of g, to read or to write. */
static const char *tile_cells(Emit *e, const SumTile *t, int64_t j, int v) {
    return emit_lane(e, t->l->width[v], t->g, j * t->stride + t->l->at[v]);
}
static void tile_begin(Emit *e, const SumTile *t, int chains) {
    for (int64_t j = t->j0; j < t->j1; j++)
        for (int v = tile_first(t, j); v < t->l->n; v++) {
            const char *type = emit_lane_type(t->l->width[v]);
            LINE("    %s s%lld_%d = %s;", type, (long long)j, v, tile_cells(e, t, j, v));
            for (int c = 1; c < chains; c++) LINE("    %s s%lld_%d%s = {0};", type, (long long)j, v, chain_name[c]);
        }
}
static void tile_end(Emit *e, const SumTile *t, int chains) {
    for (int64_t j = t->j0; j < t->j1; j++)
        for (int v = tile_first(t, j); v < t->l->n; v++) {
            const char *sum = arena_printf(e->arena, "s%lld_%d", (long long)j, v);
            for (int c = 1; c < chains; c++)
                sum = arena_printf(e->arena, "%s + s%lld_%d%s", sum, (long long)j, v, chain_name[c]);
            LINE("    %s = %s;", tile_cells(e, t, j, v), sum);
        }
}
static void tile_sum_up(Emit *e, const SumTile *t, bool first) {
    int64_t sums = 0;
    for (int64_t j = t->j0; j < t->j1; j++) sums += t->l->n - tile_first(t, j);
    int chains = 2 * sums > CHAINS ? 1 : 4 * sums > CHAINS ? 2 : 4;
    LINE("{ /* %s */", emit_where(e, t->n));
    tile_begin(e, t, chains);
    if (chains > 1) {
        LINE("    int b = 0;");
        LINE("    for (; b + %d <= m; b += %d) {", chains, chains);
    } else
        LINE("    for (int b = 0; b < m; b++) {");
    if (first) {
        e->indent++;
        emit_prefetch_stream(e, t->y, chains);
        if (t->x != t->y) emit_prefetch_stream(e, t->x, chains);
        e->indent--;
    }
    for (int c = 0; c < chains; c++) {
        if (chains > 1) LINE("        {");
        tile_row(e, t, c, chains > 1 ? "        " : "    ");
        if (chains > 1) LINE("        }");
    }
    LINE("    }");
    if (chains > 1) {
        LINE("    for (; b < m; b++) {");
        tile_row(e, t, 0, "    ");
        LINE("    }");
    }
    tile_end(e, t, chains);
    LINE("}");
}
/* g += x' y for dense rows: sums stay in registers while a block passes, some rows of g at a time. false: too large, or
 * not in memory. */
static bool vector_outer_product(Emit *e, const IrNode *n, const IrNode *x, const IrNode *y, int64_t acc_stride) {
    if (!emit_row_address(e, y, "b") || y->cols > 64) return false;
    Lanes l = emit_lanes_of(e, y);
    int64_t sums = e->target->registers * 5 / 8, per = sums / l.n > 0 ? sums / l.n : 1; /* registers that hold sums */
    if (l.n > sums || x->cols > per * TILES_MOST || !x->cols) return false;
    per = (x->cols + (x->cols + per - 1) / per - 1) / ((x->cols + per - 1) / per); /* as many in each tile */
    SumTile t = {n, x, y, &l, arena_printf(e->arena, "g%d", n->id), acc_stride, 0, 0, emit_is_symmetric(n)};
    for (; t.j0 < x->cols; t.j0 = t.j1) {
        t.j1 = t.j0 + per < x->cols ? t.j0 + per : x->cols;
        if (t.upper) /* later rows have fewer vectors: more of them fit */
            for (int64_t used = 0; t.j1 < x->cols; t.j1++) {
                used = 0;
                for (int64_t j = t.j0; j <= t.j1; j++) used += l.n - tile_first(&t, j);
                if (used > sums) break;
            }
        tile_sum_up(e, &t, !t.j0);
    }
    return true;
}
static bool is_among(const IrNode *v, const IrNode *const *all, int n) {
    while (n > 0 && all[n - 1] != v) n--;
    return n > 0;
}
/* The block's rows of v side by side, as whole vectors: an array that all products of the pass share. NULL: too many.
 */
static const char *packed_rows(Emit *e, const IrNode *v, const char *row) {
    const char *rows = arena_printf(e->arena, "rows%d", v->id);
    int64_t stride = whole_vectors(v->cols), bytes = (int64_t)sizeof(double) * e->block * stride;
    if (!is_among(v, e->packed.data, e->packed.len)) {
        if (e->packed_bytes + bytes > PACKED) return NULL;
        int indent = e->indent;
        e->indent = 1;
        emit_line(e, &e->top, "double %s[%lld] __attribute__((aligned(64))) = {0};", rows,
                  (long long)(e->block * stride));
        e->indent = indent;
        e->packed_bytes += bytes;
        vec_push(e->arena, &e->packed, v);
    }
    if (is_among(v, e->filled.data, e->filled.len)) return rows;
    vec_push(e->arena, &e->filled, v);
    LINE("for (int b = 0; b < m; b++) memcpy(%s + b * %lld, %s, sizeof(double) * %lld);", rows, (long long)stride, row,
         (long long)v->cols);
    return rows;
}
/* g += x' y for dense rows, of any width: copied side by side and added up by tiles (prelude.h: add_tiles). false: not
 * in memory, too few columns for a tile, or too many to copy. */
static bool tiled_outer_product(Emit *e, const IrNode *n, const IrNode *x, const IrNode *y) {
    const char *from = emit_row_address(e, x, "b"), *row = emit_row_address(e, y, "b");
    int64_t stride = whole_vectors(y->cols);
    if (!from || !row || x->cols < TILE_ROWS || stride > emit_acc_stride(e, n)) return false;
    const char *right = packed_rows(e, y, row), *left = right && x != y ? packed_rows(e, x, from) : right;
    if (!left) return false;
    LINE("add_tiles(g%d, %lld, %s, %lld, %lld, %s, %lld, %lld, m, %d); /* %s */", n->id,
         (long long)emit_acc_stride(e, n), left, (long long)whole_vectors(x->cols), (long long)x->cols, right,
         (long long)stride, (long long)(stride / e->target->lanes), emit_is_symmetric(n), emit_where(e, n));
    return true;
}
/* Row r of the accumulator += times row b of v. In memory: a vector of columns at a time; else cell by cell. */
static void add_row(Emit *e, const IrNode *n, const char *r, const char *times, const IrNode *v) {
    const char *row = v->cols <= 64 ? emit_row_address(e, v, "b") : NULL;
    long long stride = (long long)emit_acc_stride(e, n);
    if (!row) {
        LINE("        " SIMD);
        LINE("        for (int k = 0; k < %lld; k++) g%d[(int64_t)%s * %lld + k] += %s%s;", columns(e, n, v), n->id, r,
             stride, times, emit_cell(e, v, "b", v->cols == 1 ? "0" : "k"));
        return;
    }
    Lanes l = emit_lanes_to(e, columns(e, n, v));
    LINE("        double *const to = g%d + (int64_t)%s * %lld;", n->id, r, stride);
    LINE("        const double *const from = %s;", row);
    for (int k = 0; k < l.n; k++)
        LINE("        %s += %s%s;", emit_lane(e, l.width[k], "to", l.at[k]), times, emit_lane_read(e, &l, k, "from"));
}

/* x' @ y, both over this pass's rows: one rank-one update a row. */
static void outer_product(Emit *e, const IrNode *n) {
    const IrNode *x = n->args[0], *y = n->args[1];
    bool dense = !fuse_is_sparse(e->f, x) && !emit_is_onehot_index(e, x) && !fuse_is_sparse(e->f, y) &&
                 !emit_is_onehot_index(e, y);
    if (dense && n->cols == 1 && vector_outer_product(e, n, y, x, 0)) return;
    if (dense && n->cols > 1 && vector_outer_product(e, n, x, y, emit_acc_stride(e, n))) return;
    if (dense && n->cols > 1 && tiled_outer_product(e, n, x, y)) return;
    LINE("for (int b = 0; b < m; b++) { /* %s */", emit_where(e, n));
    if (emit_is_onehot_index(e, x) && fuse_is_sparse(e->f, y)) {
        LINE("    const int64_t r = %s;", emit_onehot_column(e, x, "b"));
        LINE("    if (r < 0 || r >= %lld) continue;", (long long)n->rows);
        if (emit_is_csr(e, y)) {
            emit_csr_loop(e, y, "");
            LINE("        %s += %s;", acc(e, n, "r", emit_csr_column(e, y)), emit_csr_value(e, y));
        } else {
            LINE("    const int64_t a = %s;", emit_code_of(e, y));
            LINE("    if (a >= 0) %s += 1;", acc(e, n, "r", "a"));
        }
        LINE("}");
        return;
    }
    if (fuse_is_sparse(e->f, x) || emit_is_onehot_index(e, x)) {
        bool once = n->cols == 1;
        if (once)
            LINE("    const double v = %s;",
                 emit_is_onehot_index(e, y) ? arena_printf(e->arena, "(double)(%s == 0)", emit_onehot_column(e, y, "b"))
                                            : emit_cell(e, y, "b", "0"));
        const char *row, *value = "1.0";
        if (emit_is_csr(e, x)) {
            emit_csr_loop(e, x, "{");
            row = emit_csr_column(e, x);
            value = emit_csr_value(e, x);
        } else {
            LINE("    const int64_t a = %s;", emit_is_codes(e, x) ? emit_code_of(e, x) : emit_onehot_column(e, x, "b"));
            LINE("    if (a >= 0 && a < %lld) {", (long long)n->rows);
            row = "a";
        }
        const char *times = strcmp(value, "1.0") ? arena_printf(e->arena, "%s * ", value) : "";
        if (once)
            LINE("        %s += %sv;", acc(e, n, row, "0"), times);
        else if (emit_is_onehot_index(e, y))
            LINE("        { const int64_t k = %s; if (k >= 0 && k < %lld) %s += %s; }", emit_onehot_column(e, y, "b"),
                 (long long)n->cols, acc(e, n, row, "k"), value);
        else
            add_row(e, n, row, times, y);
        LINE("    }");
        LINE("}");
        return;
    }
    if (fuse_is_sparse(e->f, y) || emit_is_onehot_index(e, y)) {
        const char *col = "a", *value = "1.0";
        if (emit_is_csr(e, y)) {
            emit_csr_loop(e, y, "{");
            col = emit_csr_column(e, y);
            value = emit_csr_value(e, y);
        } else {
            LINE("    const int64_t a = %s;", emit_is_codes(e, y) ? emit_code_of(e, y) : emit_onehot_column(e, y, "b"));
            LINE("    if (a >= 0 && a < %lld) {", (long long)n->cols);
        }
        if (emit_acc_is_transposed(e, n))
            add_row(e, n, col, strcmp(value, "1.0") ? arena_printf(e->arena, "%s * ", value) : "", x);
        else
            LINE("        %s += %s * %s;", acc(e, n, "0", n->cols == 1 ? "0" : col), emit_cell(e, x, "b", "0"), value);
        LINE("    }");
        LINE("}");
        return;
    }
    if (n->rows == 1 || n->cols == 1) {
        bool row = n->rows == 1 && n->cols > 1;
        int64_t count = row ? n->cols : n->rows;
        LINE("    const double v = %s;", emit_cell(e, row ? x : y, "b", "0"));
        LINE("    " SIMD);
        LINE("    for (int j = 0; j < %lld; j++) g%d[j] += v * %s;", (long long)count, n->id,
             emit_cell(e, row ? y : x, "b", count == 1 ? "0" : "j"));
    } else {
        LINE("    for (int j = 0; j < %lld; j++) {", (long long)n->rows);
        LINE("        const double v = %s;", emit_cell(e, x, "b", "j"));
        LINE("        " SIMD);
        LINE("        for (int k = 0; k < %lld; k++) %s += v * %s;", columns(e, n, y), acc(e, n, "j", "k"),
             emit_cell(e, y, "b", "k"));
        LINE("    }");
    }
    LINE("}");
}
const char *emit_identity(const IrNode *n) {
    if (n->op == IR_MINALL || n->op == IR_COLMIN) return "__builtin_inf()";
    return n->op == IR_MAXALL || n->op == IR_COLMAX ? "-__builtin_inf()" : NULL;
}
/* How a reduction over the rows goes on from `so_far`. */
static const char *reduced(Emit *e, const IrNode *n, const char *x, const char *so_far) {
    if (n->op == IR_SUM || n->op == IR_COLSUMS) return arena_printf(e->arena, "%s + %s", so_far, x);
    bool least = n->op == IR_MINALL || n->op == IR_COLMIN;
    return arena_printf(e->arena, "%s(%s, %s)", least ? "least_of" : "most_of", x, so_far);
}
/* A reduction of few columns: rows in turn go to results of their own, because a result waits for the one before; a
 * single column's go by as a row does. false: there are columns enough. */
static bool chained_reduce(Emit *e, const IrNode *n) {
    const IrNode *x = n->args[0];
    bool whole = n->cols == 1, single = x->cols == 1; /* whole: cells beyond the last column count */
    int64_t cols = single ? CHAINS : !whole && emit_is_padded(e, x, x->cols) ? emit_pad(x->cols) : x->cols;
    int64_t chains = single ? 1 : cols ? CHAINS * e->target->lanes / cols : 0;
    if (!cols || cols > 64 || (chains < 2 && !whole)) return false;
    chains = chains < 2 ? 1 : chains < 4 ? 2 : 4;
    int64_t rows = single ? cols : chains; /* that pass at once */
    LINE("{ /* %s */", emit_where(e, n));
    LINE("    double s[%d][%lld] __attribute__((aligned(64)));", (int)chains, (long long)emit_pad(cols));
    LINE("    for (int j = 0; j < %lld; j++) ((double *)s)[j] = %s;", (long long)(chains * emit_pad(cols)),
         emit_identity(n) ? emit_identity(n) : "0");
    LINE("    int b = 0;");
    LINE("    for (; b + %lld <= m; b += %lld) {", (long long)rows, (long long)rows);
    for (int r = 0; r < chains; r++) {
        const char *to = arena_printf(e->arena, "s[%d][j]", r), *b = single ? "(b + j)"
                                                                     : r    ? arena_printf(e->arena, "(b + %d)", r)
                                                                            : "b";
        LINE("        " SIMD);
        LINE("        for (int j = 0; j < %lld; j++) %s = %s;", (long long)cols, to,
             reduced(e, n, emit_cell(e, x, b, single ? "0" : "j"), to));
    }
    LINE("    }");
    if (rows > 1) {
        const char *to = single ? "s[0][0]" : "s[0][j]";
        LINE("    for (; b < m; b++)");
        const char *loop = arena_printf(e->arena, "for (int j = 0; j < %lld; j++) ", (long long)cols);
        LINE("        %s%s = %s;", single ? "" : loop, to, reduced(e, n, emit_cell(e, x, "b", single ? "0" : "j"), to));
    }
    const char *all = "s[0][j]", *to = arena_printf(e->arena, "g%d[%s]", n->id, whole ? "0" : "j");
    for (int r = 1; r < chains; r++) all = reduced(e, n, arena_printf(e->arena, "s[%d][j]", r), all);
    LINE("    for (int j = 0; j < %lld; j++) %s = %s;", (long long)(single ? cols : x->cols), to,
         reduced(e, n, all, to));
    LINE("}");
    return true;
}
void emit_reduce_node(Emit *e, const IrNode *n) {
    const IrNode *x = n->args[0];
    if (n->op == IR_MATMUL) {
        outer_product(e, n);
        return;
    }
    if (n->op == IR_SCATTER && emit_is_block_sum(e, n)) {
        emit_scatter_segments(e, n);
        return;
    }
    bool sums = n->op == IR_SUM || n->op == IR_COLSUMS, dense = !fuse_is_sparse(e->f, x) && !emit_is_onehot_index(e, x);
    if (sums && dense && x->cols == 1) {
        LINE("{ /* %s */", emit_where(e, n));
        LINE("    double s = 0;");
        LINE("    " SIMD_SUM);
        LINE("    for (int b = 0; b < m; b++) s += %s;", emit_cell(e, x, "b", "0"));
        LINE("    g%d[0] += s;", n->id);
        LINE("}");
        return;
    }
    if (n->op != IR_SCATTER && dense && chained_reduce(e, n)) return;
    LINE("for (int b = 0; b < m; b++) { /* %s */", emit_where(e, n));
    if (n->op == IR_SCATTER) {
        const char *idx = emit_hoist(e, emit_bind(e, BIND_INDEX, n->table, n->indicator), "const int32_t *restrict ");
        const char *row = arena_printf(e->arena, "%s[i + b]", idx);
        if (emit_is_onehot_index(e, x)) {
            LINE("    const int64_t a = %s;", emit_onehot_column(e, x, "b"));
            LINE("    if (a >= 0 && a < %lld) %s += 1;", (long long)n->cols, acc(e, n, row, "a"));
        } else if (n->cols == 1) {
            LINE("    %s += %s;", acc(e, n, row, "0"), emit_cell(e, x, "b", "0"));
        } else {
            add_row(e, n, row, "", x);
        }
        LINE("}");
        return;
    }
    if (n->op == IR_COLSUMS && !dense) {
        if (emit_is_csr(e, x)) {
            emit_csr_loop(e, x, "");
            LINE("        g%d[%s] += %s;", n->id, emit_csr_column(e, x), emit_csr_value(e, x));
        } else {
            LINE("    const int64_t a = %s;", emit_is_codes(e, x) ? emit_code_of(e, x) : emit_onehot_column(e, x, "b"));
            LINE("    if (a >= 0 && a < %lld) g%d[a] += 1;", (long long)n->cols, n->id);
        }
        LINE("}");
        return;
    }
    const char *to = arena_printf(e->arena, n->cols == 1 ? "g%d[0]" : "g%d[j]", n->id);
    if (n->cols > 1) LINE("    " SIMD);
    LINE("    for (int j = 0; j < %lld; j++) %s = %s;", (long long)x->cols, to,
         reduced(e, n, emit_cell(e, x, "b", x->cols == 1 ? "0" : "j"), to));
    LINE("}");
}
