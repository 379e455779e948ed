/* emit_pass.c: one pass = one function over a range of rows of a space, in blocks of rows.
 *
 * Values that stay inside the pass are block-local arrays t<id>[rows of the block * columns], small enough for L1;
 * formulas of elementwise operators stand inside each other's loops. Reductions go to arrays of the running thread
 * (g<id>), which amal_run adds up in the order of the threads afterwards: results are the same for a given number of
 * threads. */
#include "backends/c/emit.h"

const char *emit_computed_cell(Emit *e, const IrNode *n, const char *b, const char *j);

#define LINE(...) emit_line(e, &e->lines, __VA_ARGS__)
#define DOUBLES "const double *restrict "

static bool is_onehot_index(const Emit *e, const IrNode *n) {
    return n->op == IR_ONEHOT && FUSE(n)->kind == FUSE_ROW && FUSE(n)->pass == e->pass->id && !FUSE(n)->stored &&
           !emit_is_local(e, n);
}
/* The 0-based column of a one-hot row, with -1 (or any number outside) for none. */
static const char *onehot_column(Emit *e, const IrNode *n, const char *b) {
    bool whole = n->args[0]->op == IR_ROWARGMIN || n->args[0]->op == IR_ROWARGMAX;
    return arena_printf(e->arena, whole ? "(int64_t)%s - 1" : "column_of(%s)", emit_cell(e, n->args[0], b, "0"));
}

static const char *csr_value(Emit *e, const IrNode *d) {
    if (!fuse_block(e->f, d)->data->values) return "1.0";
    return arena_printf(e->arena, "%s[p]", emit_hoist(e, emit_bind(e, BIND_VALUES, d->table, d->block), DOUBLES));
}
static void csr_loop(Emit *e, const IrNode *d) {
    const char *rp = emit_hoist(e, emit_bind(e, BIND_ROWPTR, d->table, d->block), "const int64_t *restrict ");
    LINE("    for (int64_t p = %s[i + b]; p < %s[i + b + 1]; p++)", rp, rp);
}
static const char *csr_column(Emit *e, const IrNode *d) {
    return arena_printf(e->arena, "%s[p]",
                        emit_hoist(e, emit_bind(e, BIND_COLIDX, d->table, d->block), "const int32_t *restrict "));
}
static const char *code_of(Emit *e, const IrNode *d) {
    return arena_printf(e->arena, "%s[i + b]",
                        emit_hoist(e, emit_bind(e, BIND_CODES, d->table, d->block), "const int32_t *restrict "));
}
static bool is_csr(Emit *e, const IrNode *d) {
    return fuse_is_sparse(e->f, d) && fuse_block(e->f, d)->data->kind == MAT_CSR;
}
static bool is_codes(Emit *e, const IrNode *d) {
    return fuse_is_sparse(e->f, d) && fuse_block(e->f, d)->data->kind == MAT_CODES;
}

/* Cell (r, c) of the small operand y of x @ op(y). */
static const char *small_at(Emit *e, const IrNode *n, const char *r, const char *c) {
    const IrNode *y = n->args[1];
    if (y->op == IR_CONST || y->op == IR_FULL) return emit_constant(e, y);
    if (y->op == IR_IOTA) return arena_printf(e->arena, "(double)(%s + 1)", n->tb ? c : r);
    const char *m = emit_member(e, y);
    if (emit_is_scalar(y)) return emit_hoist(e, m, "const double ");
    m = emit_hoist(e, m, DOUBLES);
    const char *a = n->tb ? c : r, *b = n->tb ? r : c;
    if (y->cols == 1) return arena_printf(e->arena, "%s[%s]", m, a);
    if (y->rows == 1) return arena_printf(e->arena, "%s[%s]", m, b);
    return arena_printf(e->arena, "%s[(int64_t)(%s) * %lld + %s]", m, a, (long long)y->cols, b);
}
static const char *result_cell(Emit *e, const IrNode *n, const char *j) {
    long long stride = (long long)emit_pad(n->cols);
    if (emit_is_local(e, n))
        return n->cols == 1 ? arena_printf(e->arena, "t%d[b]", n->id)
                            : arena_printf(e->arena, "t%d[b * %lld + %s]", n->id, stride, j);
    const char *m = emit_hoist(e, emit_member(e, n), "double *restrict ");
    return n->cols == 1 ? arena_printf(e->arena, "%s[i + b]", m)
                        : arena_printf(e->arena, "%s[(i + b) * %lld + %s]", m, stride, j);
}

/* z = x @ y: rows of x against a small y. A wide y is read from a copy padded to whole vectors (y<id>, made once at the
 * top of the pass). */
/* ---- explicit vectors over the columns of a row ---- */
/* Where row b of a value lies in memory, or NULL when it is computed cell by cell. */
static const char *row_address(Emit *e, const IrNode *n) {
    if (emit_is_inline(e, n) && emit_is_picked_row(e, n)) {
        const IrNode *d = n->args[0];
        const char *base = emit_hoist(e, emit_bind(e, BIND_DENSE, d->table, d->block), DOUBLES);
        const char *idx = emit_hoist(e, emit_bind(e, BIND_INDEX, n->table, n->indicator), "const int32_t *restrict ");
        return arena_printf(e->arena, "%s + (int64_t)%s[i + b] * %lld", base, idx, (long long)emit_stride(e, d));
    }
    if (n->op == IR_FULL || n->op == IR_IOTA || fuse_is_sparse(e->f, n) || is_onehot_index(e, n) ||
        emit_is_inline(e, n))
        return NULL;
    const FuseInfo *fi = FUSE(n);
    if (fi->kind == FUSE_ROW && fi->pass == e->pass->id && emit_is_local(e, n))
        return arena_printf(e->arena, "t%d + b * %lld", n->id, (long long)emit_pad(n->cols));
    const char *base = n->op == IR_DATA    ? emit_bind(e, BIND_DENSE, n->table, n->block)
                       : n->op == IR_COUNT ? emit_bind(e, BIND_COUNT, n->table, n->indicator)
                                           : emit_member(e, n);
    return arena_printf(e->arena, "%s + (i + b) * %lld",
                        emit_hoist(e, base, n->op == IR_DATA || n->op == IR_COUNT ? DOUBLES : "double *restrict "),
                        (long long)emit_stride(e, n));
}
/* Columns 0..cols as vectors of 8, then 4, 2, 1; whole vectors where the rows are padded. */
typedef struct Lanes {
    int n, at[64], width[64];
} Lanes;
static Lanes lanes_of(Emit *e, const IrNode *n) {
    Lanes l = {0};
    int64_t cols = emit_is_padded(e, n, n->cols) ? emit_pad(n->cols) : n->cols;
    for (int at = 0, w = 8; at < cols && l.n < 64; at += w) {
        while (w > cols - at) w /= 2;
        l.at[l.n] = at;
        l.width[l.n++] = w;
    }
    return l;
}
static const char *lane_type(int width) {
    return width == 8 ? "v8d" : width == 4 ? "v4d" : width == 2 ? "v2d" : "double";
}
enum { SUMS_MOST = 20, TILES_MOST = 8 };

/* Rows that stream past are asked for some rows ahead: one thread alone does not keep enough loads under way.
 * Prefetching beyond the end is harmless. */
enum { AHEAD = 32, LINES_MOST = 8 };
static void prefetch_stream(Emit *e, const IrNode *x, const char *b, int rows) {
    if (x->op != IR_DATA || fuse_is_sparse(e->f, x)) return;
    const char *name = emit_bind(e, BIND_DENSE, x->table, x->block);
    for (int i = 0; i < e->streams.len; i++)
        if (!strcmp(e->streams.data[i], name)) return;
    vec_push(e->arena, &e->streams, name);
    long long bytes = 8 * (long long)emit_stride(e, x) * rows;
    if (bytes < 32 || bytes > 64 * 4 * LINES_MOST) return;
    LINE("    for (int l = 0; l < %lld; l += 64) __builtin_prefetch((const char *)(%s + (i + %s + %d) * %lld) + l);",
         bytes, emit_hoist(e, name, DOUBLES), b, AHEAD, (long long)emit_stride(e, x));
}
/* Rows that an index picks are asked for one block ahead. */
static void prefetch_picked(Emit *e, const IrNode *n) {
    const IrNode *u = n->args[0];
    bool to = n->op == IR_SCATTER;
    long long stride = (long long)(to ? emit_pad(n->cols) : emit_stride(e, u));
    if (stride < 3 || stride > 8 * LINES_MOST || u->op == IR_FULL) return;
    const char *base =
        to ? arena_printf(e->arena, "g%d", n->id)
           : emit_hoist(e, u->op == IR_DATA ? emit_bind(e, BIND_DENSE, u->table, u->block) : emit_member(e, u),
                        DOUBLES);
    const char *idx = emit_hoist(e, emit_bind(e, BIND_INDEX, n->table, n->indicator), "const int32_t *restrict ");
    LINE("for (int64_t r = i + %d; r < i + %d && r < last; r++)", e->block, 2 * e->block);
    LINE("    for (int l = 0; l < %lld; l += 8) __builtin_prefetch(%s + (int64_t)%s[r] * %lld + l%s);", stride, base,
         idx, stride, to ? ", 1" : "");
}

/* Four rows at a time against whole vectors of columns, sums in named vectors. */
static void vector_product(Emit *e, const IrNode *n, int64_t inner, int64_t width) {
    const IrNode *x = n->args[0];
    int vectors = (int)(width / 8), rows = vectors <= 2 ? 4 : 2;
    LINE("for (int b0 = 0; b0 < m; b0 += %d) { /* %s */", rows, emit_where(e, n));
    Buf decl = {0};
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++) buf_printf(&decl, "%ss%d_%d = {0}", r + v ? ", " : "", r, v);
    LINE("    v8d %s;", decl.data);
    buf_free(&decl);
    prefetch_stream(e, x, "b0", rows);
    /* the last rows of a block may repeat its last row: harmless, and the loop needs no remainder */
    for (int r = 0; r < rows; r++) LINE("    const int b%d = b0 + %d < m ? b0 + %d : m - 1;", r + 1, r, r);
    LINE("    for (int j = 0; j < %lld; j++) {", (long long)inner);
    LINE("        const v8d *restrict const y = (const v8d *)y%d[j];", n->id);
    for (int r = 0; r < rows; r++) {
        LINE("        const double x%d = %s;", r, emit_cell(e, x, arena_printf(e->arena, "b%d", r + 1), "j"));
        for (int v = 0; v < vectors; v++) LINE("        s%d_%d += x%d * y[%d];", r, v, r, v);
    }
    LINE("    }");
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++) {
            const char *to =
                emit_is_local(e, n)
                    ? arena_printf(e->arena, "t%d + b%d * %lld", n->id, r + 1, (long long)width)
                    : arena_printf(e->arena, "%s + (i + b%d) * %lld",
                                   emit_hoist(e, emit_member(e, n), "double *restrict "), r + 1, (long long)width);
            LINE("    memcpy(%s + %d, &s%d_%d, sizeof(v8d));", to, 8 * v, r, v);
        }
    LINE("}");
}
/* z = x @ w for one column: w in registers, one fold of the vector a row. false: wide, or not in memory. */
static bool vector_dot(Emit *e, const IrNode *n) {
    const IrNode *x = n->args[0];
    const char *row = row_address(e, x);
    if (!row || x->cols < 4 || x->cols > 64) return false;
    Lanes l = {0};
    for (int at = 0, w = 8; at < x->cols; at += w) {
        while (w > x->cols - at) w /= 2;
        l.at[l.n] = at;
        l.width[l.n++] = w;
    }
    Buf *top = &e->top;
    int indent = e->indent;
    e->indent = 1;
    emit_line(e, top, "double w%d[%lld] __attribute__((aligned(64)));", n->id, (long long)x->cols);
    emit_line(e, top, "for (int j = 0; j < %lld; j++) w%d[j] = %s;", (long long)x->cols, n->id,
              small_at(e, n, "j", "0"));
    e->indent = indent;
    LINE("for (int b = 0; b < m; b++) { /* %s */", emit_where(e, n));
    prefetch_stream(e, x, "b", 1);
    LINE("    const double *const x = %s;", row);
    for (int v = 0; v < l.n; v++)
        LINE("    %s x%d, w%d_; memcpy(&x%d, x + %d, sizeof x%d); memcpy(&w%d_, w%d + %d, sizeof x%d);",
             lane_type(l.width[v]), v, v, v, l.at[v], v, v, n->id, l.at[v], v);
    Buf sum = {0};
    /* lanes of one width add up before they are folded */
    for (int v = 0; v < l.n;) {
        int last = v;
        while (last + 1 < l.n && l.width[last + 1] == l.width[v]) last++;
        buf_printf(&sum, "%s%s", v ? " + " : "", l.width[v] == 1 ? "(" : arena_printf(e->arena, "fold%d(", l.width[v]));
        for (int k = v; k <= last; k++) buf_printf(&sum, "%sx%d * w%d_", k > v ? " + " : "", k, k);
        buf_puts(&sum, ")");
        v = last + 1;
    }
    LINE("    %s = %s;", result_cell(e, n, "0"), sum.data);
    buf_free(&sum);
    LINE("}");
    return true;
}
static void row_product(Emit *e, const IrNode *n) {
    const IrNode *x = n->args[0];
    int64_t k = n->cols, inner = x->cols;
    if (k == 1 && !fuse_is_sparse(e->f, x) && vector_dot(e, n)) return;
    if (k == 1) {
        LINE("for (int b = 0; b < m; b++) { /* %s */", emit_where(e, n));
        if (is_csr(e, x)) {
            LINE("    double s = 0;");
            csr_loop(e, x);
            LINE("        s += %s * %s;", csr_value(e, x), small_at(e, n, csr_column(e, x), "0"));
            LINE("    %s = s;", result_cell(e, n, "0"));
        } else if (is_codes(e, x)) {
            LINE("    const int64_t a = %s;", code_of(e, x));
            LINE("    %s = a < 0 ? 0 : %s;", result_cell(e, n, "0"), small_at(e, n, "a", "0"));
        } else {
            prefetch_stream(e, x, "b", 1);
            LINE("    double s = 0;");
            LINE("    for (int j = 0; j < %lld; j++) s += %s * %s;", (long long)inner, emit_cell(e, x, "b", "j"),
                 small_at(e, n, "j", "0"));
            LINE("    %s = s;", result_cell(e, n, "0"));
        }
        LINE("}");
        return;
    }
    int64_t kp = emit_pad(k);
    bool copy = inner * kp <= 16384;
    if (copy) {
        Buf *top = &e->top;
        int indent = e->indent;
        e->indent = 1;
        emit_line(e, top, "double y%d[%lld][%lld] __attribute__((aligned(64)));", n->id, (long long)(inner ? inner : 1),
                  (long long)kp);
        emit_line(e, top, "for (int j = 0; j < %lld; j++)", (long long)inner);
        emit_line(e, top, "    for (int k = 0; k < %lld; k++) y%d[j][k] = k < %lld ? %s : 0;", (long long)kp, n->id,
                  (long long)k,
                  small_at(e, n, "j", k == kp ? "k" : arena_printf(e->arena, "(k < %lld ? k : 0)", (long long)k)));
        e->indent = indent;
    }
    const char *dense_row = copy ? arena_printf(e->arena, "y%d[j][k]", n->id) : small_at(e, n, "j", "k");
    int64_t width = copy ? kp : k;
    bool dense = !fuse_is_sparse(e->f, x);
    if (dense && copy && width % 8 == 0 && width <= 32) {
        vector_product(e, n, inner, width);
        return;
    }
    LINE("for (int b = 0; b < m; b++) { /* %s */", emit_where(e, n));
    LINE("    double s[%lld] = {0};", (long long)width);
    if (is_csr(e, x)) {
        csr_loop(e, x);
        LINE("        for (int k = 0; k < %lld; k++) s[k] += %s * %s;", (long long)width, csr_value(e, x),
             copy ? arena_printf(e->arena, "y%d[%s][k]", n->id, csr_column(e, x))
                  : small_at(e, n, csr_column(e, x), "k"));
    } else if (is_codes(e, x)) {
        LINE("    const int64_t a = %s;", code_of(e, x));
        LINE("    if (a >= 0)");
        LINE("        for (int k = 0; k < %lld; k++) s[k] = %s;", (long long)width,
             copy ? arena_printf(e->arena, "y%d[a][k]", n->id) : small_at(e, n, "a", "k"));
    } else {
        LINE("    for (int j = 0; j < %lld; j++) {", (long long)inner);
        LINE("        const double v = %s;", emit_cell(e, x, "b", "j"));
        LINE("        for (int k = 0; k < %lld; k++) s[k] += v * %s;", (long long)width, dense_row);
        LINE("    }");
    }
    LINE("    for (int k = 0; k < %lld; k++) %s = s[k];", (long long)width, result_cell(e, n, "k"));
    LINE("}");
}

/* Columns outside, rows inside: the comparison runs over a vector of rows. */
static void row_extreme(Emit *e, const IrNode *n) {
    const IrNode *x = n->args[0];
    bool least = n->op == IR_ROWMIN || n->op == IR_ROWARGMIN, arg = n->op == IR_ROWARGMIN || n->op == IR_ROWARGMAX;
    const char *none = least ? "__builtin_inf()" : "-__builtin_inf()";
    LINE("double best%d[%d], %s%d[%d]; /* %s */", n->id, e->block, arg ? "at" : "unused", n->id, arg ? e->block : 1,
         emit_where(e, n));
    LINE("for (int b = 0; b < m; b++) best%d[b] = %s%s;", n->id, none,
         arg ? arena_printf(e->arena, ", at%d[b] = 1", n->id) : "");
    if (!arg) LINE("(void)unused%d;", n->id);
    LINE("for (int j = 0; j < %lld; j++)", (long long)x->cols);
    LINE("    for (int b = 0; b < m; b++) {");
    LINE("        const double x = %s;", emit_cell(e, x, "b", x->cols == 1 ? "0" : "j"));
    if (arg) {
        LINE("        const int better = x %s best%d[b];", least ? "<" : ">", n->id);
        LINE("        at%d[b] = better ? (double)(j + 1) : at%d[b];", n->id, n->id);
        LINE("        best%d[b] = better ? x : best%d[b];", n->id, n->id);
    } else {
        LINE("        best%d[b] = x %s best%d[b] || x != x ? x : best%d[b];", n->id, least ? "<" : ">", n->id, n->id);
    }
    LINE("    }");
    LINE("for (int b = 0; b < m; b++) %s = %s%d[b];", result_cell(e, n, "0"), arg ? "at" : "best", n->id);
}
static void row_reduce(Emit *e, const IrNode *n) {
    const IrNode *x = n->args[0];
    if (n->op != IR_ROWSUMS) {
        row_extreme(e, n);
        return;
    }
    LINE("for (int b = 0; b < m; b++) { /* %s */", emit_where(e, n));
    if (is_codes(e, x)) {
        LINE("    %s = %s < 0 ? 0 : 1;", result_cell(e, n, "0"), code_of(e, x));
    } else {
        LINE("    double s = 0;");
        if (is_csr(e, x)) {
            csr_loop(e, x);
            LINE("        s += %s;", csr_value(e, x));
        } else {
            LINE("    for (int j = 0; j < %lld; j++) s += %s;", (long long)x->cols,
                 emit_cell(e, x, "b", x->cols == 1 ? "0" : "j"));
        }
        LINE("    %s = s;", result_cell(e, n, "0"));
    }
    LINE("}");
}
static void row_expand(Emit *e, const IrNode *n) {
    const Integration *in = e->f->tables.data[n->table].data;
    LINE("for (int b = 0; b < m; b++) { /* %s */", emit_where(e, n));
    LINE("    for (int j = 0; j < %lld; j++) %s = 0;", (long long)n->cols, result_cell(e, n, "j"));
    for (int a = 0; a < n->nargs; a++) {
        const IrNode *x = n->args[a];
        const IntBlock *blk = &in->blocks[n->blocks[a]];
        const char *cols =
            emit_hoist(e, emit_bind(e, BIND_COLUMNS, n->table, n->blocks[a]), "const int32_t *restrict ");
        bool here = x->rspace == n->rspace;
        const char *row = "i + b";
        if (!here) {
            const char *idx =
                emit_hoist(e, emit_bind(e, BIND_INDEX, n->table, blk->indicator), "const int32_t *restrict ");
            row = arena_printf(e->arena, "%s[i + b]", idx);
            LINE("    if (%s < %s) {", row, emit_hoist(e, arena_printf(e->arena, "n_%d", x->rspace), "const int64_t "));
        } else {
            LINE("    {");
        }
        LINE("        const int64_t r = %s;", row);
        if (is_csr(e, x)) {
            const char *rp = emit_hoist(e, emit_bind(e, BIND_ROWPTR, x->table, x->block), "const int64_t *restrict ");
            LINE("        for (int64_t p = %s[r]; p < %s[r + 1]; p++) %s = %s;", rp, rp,
                 result_cell(e, n, arena_printf(e->arena, "%s[%s]", cols, csr_column(e, x))), csr_value(e, x));
        } else if (is_codes(e, x)) {
            const char *codes = emit_hoist(e, emit_bind(e, BIND_CODES, x->table, x->block), "const int32_t *restrict ");
            LINE("        if (%s[r] >= 0) %s = 1;", codes,
                 result_cell(e, n, arena_printf(e->arena, "%s[%s[r]]", cols, codes)));
        } else {
            const char *v;
            if (here)
                v = emit_cell(e, x, "b", x->cols == 1 ? "0" : "j");
            else if (x->op == IR_FULL)
                v = emit_constant(e, x);
            else {
                bool data = x->op == IR_DATA;
                const char *base = emit_hoist(e,
                                              data                ? emit_bind(e, BIND_DENSE, x->table, x->block)
                                              : x->op == IR_COUNT ? emit_bind(e, BIND_COUNT, x->table, x->indicator)
                                                                  : emit_member(e, x),
                                              DOUBLES);
                v = arena_printf(e->arena, "%s[r * %lld + j]", base, (long long)emit_stride(e, x));
            }
            LINE("        for (int j = 0; j < %lld; j++) %s = %s;", (long long)x->cols,
                 result_cell(e, n, arena_printf(e->arena, "%s[j]", cols)), v);
        }
        LINE("        (void)r;");
        LINE("    }");
    }
    LINE("}");
}
static void row_bind(Emit *e, const IrNode *n) {
    int64_t offset = 0;
    for (int a = 0; a < n->nargs; a++) {
        const IrNode *x = n->args[a];
        LINE("for (int b = 0; b < m; b++)");
        LINE("    for (int j = 0; j < %lld; j++) %s = %s;", (long long)x->cols,
             result_cell(e, n, arena_printf(e->arena, "(j + %lld)", (long long)offset)),
             emit_cell(e, x, "b", x->cols == 1 ? "0" : "j"));
        offset += x->cols;
    }
}
static void row_node(Emit *e, const IrNode *n) {
    if (emit_is_inline(e, n) || is_onehot_index(e, n)) return;
    switch (n->op) {
    case IR_MATMUL: row_product(e, n); return;
    case IR_ROWSUMS:
    case IR_ROWMIN:
    case IR_ROWMAX:
    case IR_ROWARGMIN:
    case IR_ROWARGMAX: row_reduce(e, n); return;
    case IR_EXPAND: row_expand(e, n); return;
    case IR_CBIND: row_bind(e, n); return;
    case IR_ONEHOT:
        LINE("for (int b = 0; b < m; b++) { /* %s */", emit_where(e, n));
        LINE("    const int64_t a = %s;", onehot_column(e, n, "b"));
        LINE("    for (int j = 0; j < %lld; j++) %s = j == a;", (long long)n->cols, result_cell(e, n, "j"));
        LINE("}");
        return;
    default: break;
    }
    if (n->cols == 1) {
        LINE("for (int b = 0; b < m; b++) %s = %s; /* %s */", result_cell(e, n, "0"),
             emit_computed_cell(e, n, "b", "0"), emit_where(e, n));
        return;
    }
    bool padded = n->op != IR_RAND && n->op != IR_RANDN && n->op != IR_SLICE_COLS && n->op != IR_TAKE_COLS;
    if (n->op == IR_GATHER)
        padded = n->args[0]->op == IR_FULL || emit_stride(e, n->args[0]) >= emit_pad(n->cols);
    else
        for (int a = 0; a < n->nargs; a++) padded = padded && emit_is_padded(e, n->args[a], n->cols);
    LINE("for (int b = 0; b < m; b++) /* %s */", emit_where(e, n));
    LINE("    for (int j = 0; j < %lld; j++) %s = %s;", (long long)(padded ? emit_pad(n->cols) : n->cols),
         result_cell(e, n, "j"), emit_computed_cell(e, n, "b", "j"));
}

int64_t emit_acc_stride(const IrNode *n) {
    return emit_pad(n->cols);
}
int64_t emit_acc_size(const IrNode *n) {
    return n->rows * emit_acc_stride(n);
}
static const char *acc(Emit *e, const IrNode *n, const char *r, const char *c) {
    if (n->rows == 1 && n->op != IR_SCATTER)
        return n->cols == 1 ? arena_printf(e->arena, "g%d[0]", n->id) : arena_printf(e->arena, "g%d[%s]", n->id, c);
    return n->cols == 1
               ? arena_printf(e->arena, "g%d[%s]", n->id, r)
               : arena_printf(e->arena, "g%d[(int64_t)(%s) * %lld + %s]", n->id, r, (long long)emit_acc_stride(n), c);
}
/* How far a loop over n's columns may run when its other operand is v. */
static long long columns(Emit *e, const IrNode *n, const IrNode *v) {
    return (long long)(emit_is_padded(e, v, n->cols) ? emit_acc_stride(n) : n->cols);
}
/* g += x' y for dense rows: sums stay in registers while a block passes, some rows of g at a time. false: too large, or
 * not in memory. */
static bool vector_outer_product(Emit *e, const IrNode *n, const IrNode *x, const IrNode *y, int64_t acc_stride) {
    const char *row = row_address(e, y);
    if (!row || y->cols > 64) return false;
    Lanes l = lanes_of(e, y);
    int per = SUMS_MOST / l.n > 0 ? SUMS_MOST / l.n : 1;
    if (l.n > SUMS_MOST || x->cols > (int64_t)per * TILES_MOST) return false;
    for (int64_t j0 = 0; j0 < x->cols; j0 += per) {
        int64_t j1 = j0 + per < x->cols ? j0 + per : x->cols;
        LINE("{ /* %s */", emit_where(e, n));
        for (int64_t j = j0; j < j1; j++)
            for (int v = 0; v < l.n; v++)
                LINE("    %s s%lld_%d; memcpy(&s%lld_%d, g%d + %lld, sizeof s%lld_%d);", lane_type(l.width[v]),
                     (long long)j, v, (long long)j, v, n->id, (long long)(j * acc_stride + l.at[v]), (long long)j, v);
        LINE("    for (int b = 0; b < m; b++) {");
        for (int v = 0; v < l.n; v++)
            LINE("        %s y%d; memcpy(&y%d, %s + %d, sizeof y%d);", lane_type(l.width[v]), v, v, row, l.at[v], v);
        for (int64_t j = j0; j < j1; j++) {
            LINE("        const double x%lld = %s;", (long long)j,
                 emit_cell(e, x, "b", arena_printf(e->arena, "%lld", (long long)j)));
            for (int v = 0; v < l.n; v++) LINE("        s%lld_%d += x%lld * y%d;", (long long)j, v, (long long)j, v);
        }
        LINE("    }");
        for (int64_t j = j0; j < j1; j++)
            for (int v = 0; v < l.n; v++)
                LINE("    memcpy(g%d + %lld, &s%lld_%d, sizeof s%lld_%d);", n->id,
                     (long long)(j * acc_stride + l.at[v]), (long long)j, v, (long long)j, v);
        LINE("}");
    }
    return true;
}

/* x' @ y, both over this pass's rows: one rank-one update a row. */
static void outer_product(Emit *e, const IrNode *n) {
    const IrNode *x = n->args[0], *y = n->args[1];
    bool dense =
        !fuse_is_sparse(e->f, x) && !is_onehot_index(e, x) && !fuse_is_sparse(e->f, y) && !is_onehot_index(e, y);
    if (dense && n->cols == 1 && vector_outer_product(e, n, y, x, 0)) return;
    if (dense && n->cols > 1 && vector_outer_product(e, n, x, y, emit_acc_stride(n))) return;
    LINE("for (int b = 0; b < m; b++) { /* %s */", emit_where(e, n));
    if (is_onehot_index(e, x) && fuse_is_sparse(e->f, y)) {
        LINE("    const int64_t r = %s;", onehot_column(e, x, "b"));
        LINE("    if (r < 0 || r >= %lld) continue;", (long long)n->rows);
        if (is_csr(e, y)) {
            csr_loop(e, y);
            LINE("        %s += %s;", acc(e, n, "r", csr_column(e, y)), csr_value(e, y));
        } else {
            LINE("    const int64_t a = %s;", code_of(e, y));
            LINE("    if (a >= 0) %s += 1;", acc(e, n, "r", "a"));
        }
        LINE("}");
        return;
    }
    if (fuse_is_sparse(e->f, x) || is_onehot_index(e, x)) {
        bool once = n->cols == 1;
        if (once)
            LINE("    const double v = %s;", is_onehot_index(e, y)
                                                 ? arena_printf(e->arena, "(double)(%s == 0)", onehot_column(e, y, "b"))
                                                 : emit_cell(e, y, "b", "0"));
        const char *row, *value = "1.0";
        if (is_csr(e, x)) {
            csr_loop(e, x);
            row = csr_column(e, x);
            value = csr_value(e, x);
        } else {
            LINE("    const int64_t a = %s;", is_codes(e, x) ? code_of(e, x) : onehot_column(e, x, "b"));
            LINE("    if (a >= 0 && a < %lld)", (long long)n->rows);
            row = "a";
        }
        const char *times = strcmp(value, "1.0") ? arena_printf(e->arena, "%s * ", value) : "";
        if (once)
            LINE("        %s += %sv;", acc(e, n, row, "0"), times);
        else if (is_onehot_index(e, y))
            LINE("        { const int64_t k = %s; if (k >= 0 && k < %lld) %s += %s; }", onehot_column(e, y, "b"),
                 (long long)n->cols, acc(e, n, row, "k"), value);
        else
            LINE("        for (int k = 0; k < %lld; k++) %s += %s%s;", columns(e, n, y), acc(e, n, row, "k"), times,
                 emit_cell(e, y, "b", "k"));
        LINE("}");
        return;
    }
    if (fuse_is_sparse(e->f, y) || is_onehot_index(e, y)) {
        const char *col, *value = "1.0";
        if (is_csr(e, y)) {
            csr_loop(e, y);
            col = csr_column(e, y);
            value = csr_value(e, y);
        } else {
            LINE("    const int64_t a = %s;", is_codes(e, y) ? code_of(e, y) : onehot_column(e, y, "b"));
            LINE("    if (a >= 0 && a < %lld)", (long long)n->cols);
            col = "a";
        }
        LINE("        for (int j = 0; j < %lld; j++) %s += %s * %s;", (long long)n->rows, acc(e, n, "j", col),
             emit_cell(e, x, "b", n->rows == 1 ? "0" : "j"), value);
        LINE("}");
        return;
    }
    if (n->rows == 1 || n->cols == 1) {
        bool row = n->rows == 1 && n->cols > 1;
        int64_t count = row ? n->cols : n->rows;
        LINE("    const double v = %s;", emit_cell(e, row ? x : y, "b", "0"));
        LINE("    for (int j = 0; j < %lld; j++) g%d[j] += v * %s;", (long long)count, n->id,
             emit_cell(e, row ? y : x, "b", count == 1 ? "0" : "j"));
    } else {
        LINE("    for (int j = 0; j < %lld; j++) {", (long long)n->rows);
        LINE("        const double v = %s;", emit_cell(e, x, "b", "j"));
        LINE("        for (int k = 0; k < %lld; k++) %s += v * %s;", columns(e, n, y), acc(e, n, "j", "k"),
             emit_cell(e, y, "b", "k"));
        LINE("    }");
    }
    LINE("}");
}
static void reduce_node(Emit *e, const IrNode *n) {
    const IrNode *x = n->args[0];
    if (n->op == IR_MATMUL) {
        outer_product(e, n);
        return;
    }
    LINE("for (int b = 0; b < m; b++) { /* %s */", emit_where(e, n));
    if (n->op == IR_SCATTER) {
        const char *idx = emit_hoist(e, emit_bind(e, BIND_INDEX, n->table, n->indicator), "const int32_t *restrict ");
        const char *row = arena_printf(e->arena, "%s[i + b]", idx);
        if (is_onehot_index(e, x)) {
            LINE("    const int64_t a = %s;", onehot_column(e, x, "b"));
            LINE("    if (a >= 0 && a < %lld) %s += 1;", (long long)n->cols, acc(e, n, row, "a"));
        } else if (n->cols == 1) {
            LINE("    %s += %s;", acc(e, n, row, "0"), emit_cell(e, x, "b", "0"));
        } else {
            LINE("    for (int j = 0; j < %lld; j++) %s += %s;", columns(e, n, x), acc(e, n, row, "j"),
                 emit_cell(e, x, "b", "j"));
        }
        LINE("}");
        return;
    }
    if (n->op == IR_COLSUMS && (fuse_is_sparse(e->f, x) || is_onehot_index(e, x))) {
        if (is_csr(e, x)) {
            csr_loop(e, x);
            LINE("        g%d[%s] += %s;", n->id, csr_column(e, x), csr_value(e, x));
        } else {
            LINE("    const int64_t a = %s;", is_codes(e, x) ? code_of(e, x) : onehot_column(e, x, "b"));
            LINE("    if (a >= 0 && a < %lld) g%d[a] += 1;", (long long)n->cols, n->id);
        }
        LINE("}");
        return;
    }
    const char *to = n->rows == 1 && n->cols == 1 ? arena_printf(e->arena, "g%d[0]", n->id)
                                                  : arena_printf(e->arena, "g%d[j]", n->id);
    const char *v = emit_cell(e, x, "b", x->cols == 1 ? "0" : "j");
    LINE("    for (int j = 0; j < %lld; j++) {", (long long)x->cols);
    switch (n->op) {
    case IR_SUM:
    case IR_COLSUMS: LINE("        %s += %s;", to, v); break;
    case IR_MINALL:
    case IR_COLMIN: LINE("        const double x = %s; %s = x < %s || x != x ? x : %s;", v, to, to, to); break;
    default: LINE("        const double x = %s; %s = x > %s || x != x ? x : %s;", v, to, to, to); break;
    }
    LINE("    }");
    LINE("}");
}

/* Accumulators that fit stay on the stack of the pass until it ends. */
static bool on_stack(const IrNode *n) {
    return n->op != IR_SCATTER && emit_acc_size(n) <= 2048;
}

void emit_pass(Emit *e, const FusePass *pass) {
    e->pass = pass;
    e->lines = (Buf){0};
    e->hoisted.len = e->hoisted_decl.len = 0;
    e->top = (Buf){0};
    e->copied.len = e->streams.len = 0;
    Buf tail = {0};
    int64_t widest = 1;
    for (int k = 0; k < pass->nodes.len; k++)
        if (emit_is_local(e, pass->nodes.data[k]) && pass->nodes.data[k]->cols > widest)
            widest = pass->nodes.data[k]->cols;
    e->block = 64;
    while (e->block > 8 && e->block * widest > 8192) e->block /= 2;
    e->indent = 1;
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        if (FUSE(n)->kind == FUSE_REDUCE) {
            const char *none = n->op == IR_MINALL || n->op == IR_COLMIN   ? "__builtin_inf()"
                               : n->op == IR_MAXALL || n->op == IR_COLMAX ? "-__builtin_inf()"
                                                                          : NULL;
            const char *m = emit_member(e, n);
            long long width = (long long)emit_acc_size(n);
            if (on_stack(n)) {
                emit_line(e, &e->top, "double g%d[%lld] __attribute__((aligned(64)))%s;", n->id, width ? width : 1,
                          none ? "" : " = {0}");
                if (none) emit_line(e, &e->top, "for (int j = 0; j < %lld; j++) g%d[j] = %s;", width, n->id, none);
                emit_line(e, &tail, "for (int j = 0; j < %lld; j++) f->parts_%s[part * %lldL + j] = g%d[j];", width, m,
                          width, n->id);
            } else if (n->op == IR_SCATTER) {
                emit_line(e, &e->top,
                          "double *restrict g%d = part ? f->parts_%s + (part - 1) * (f->n_%d + 1) * %lld : f->%s;",
                          n->id, m, n->rspace, (long long)emit_pad(n->cols), m);
                emit_line(e, &e->top, "memset(g%d, 0, sizeof(double) * (size_t)(f->n_%d + 1) * %lld);", n->id,
                          n->rspace, (long long)emit_pad(n->cols));
            } else {
                emit_line(e, &e->top, "double *restrict g%d = f->parts_%s + part * %lldL;", n->id, m, width);
                if (none)
                    emit_line(e, &e->top, "for (int64_t j = 0; j < %lld; j++) g%d[j] = %s;", width, n->id, none);
                else
                    emit_line(e, &e->top, "memset(g%d, 0, sizeof(double) * %lldL);", n->id, width);
            }
        }
    }
    e->indent = 2;
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        if (emit_is_local(e, n))
            LINE("double t%d[%lld] __attribute__((aligned(64)));", n->id,
                 (long long)(e->block * (n->cols ? emit_pad(n->cols) : 1)));
    }
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        if (n->op == IR_GATHER || n->op == IR_SCATTER) prefetch_picked(e, n);
    }
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        if (FUSE(n)->kind == FUSE_ROW)
            row_node(e, n);
        else
            reduce_node(e, n);
    }
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        if (!FUSE(n)->in_place) continue;
        const char *m = emit_hoist(e, emit_member(e, n), "double *restrict ");
        LINE("memcpy(%s + i * %lld, t%d, sizeof(double) * (size_t)m * %lld);", m, (long long)emit_pad(n->cols), n->id,
             (long long)emit_pad(n->cols));
    }
    Buf *p = &e->passes;
    e->indent = 0;
    const IrSpace *sp = &e->f->spaces.data[pass->space];
    emit_line(e, p, "/* Pass %d: rows of %s. */", pass->id, sp->name);
    emit_line(e, p, "static void pass_%d(void *frame, int part, int parts) {", pass->id);
    e->indent = 1;
    emit_line(e, p, "struct Frame *const f = frame;");
    emit_line(e, p, "const int64_t first = share(f->n_%d, part, parts), last = share(f->n_%d, part + 1, parts);",
              pass->space, pass->space);
    for (int k = 0; k < e->hoisted_decl.len; k++) emit_line(e, p, "%s", e->hoisted_decl.data[k]);
    if (e->top.len) buf_add(p, e->top.data, e->top.len);
    emit_line(e, p, "for (int64_t i = first; i < last; i += %d) {", e->block);
    emit_line(e, p, "    const int m = last - i < %d ? (int)(last - i) : %d;", e->block, e->block);
    if (e->lines.len) buf_add(p, e->lines.data, e->lines.len);
    emit_line(e, p, "}");
    if (tail.len) buf_add(p, tail.data, tail.len);
    e->indent = 0;
    emit_line(e, p, "}\n");
    buf_free(&e->top);
    buf_free(&tail);
    buf_free(&e->lines);
    e->pass = NULL;
}
