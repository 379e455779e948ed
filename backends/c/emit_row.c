/* emit_row.c: values computed row by row inside a pass: products with small values, reductions along a row, rows
 * assembled from blocks. */
#include "backends/c/emit_row.h"

bool emit_is_onehot_index(const Emit *e, const IrNode *n) {
    return n->op == IR_ONEHOT && FUSE(n)->kind == FUSE_ROW && FUSE(n)->pass == e->pass->id && !FUSE(n)->stored &&
           !emit_is_local(e, n);
}
/* The 0-based column of a one-hot row, with -1 (or any number outside) for none. */
const char *emit_onehot_column(Emit *e, const IrNode *n, const char *b) {
    bool whole = n->args[0]->op == IR_ROWARGMIN || n->args[0]->op == IR_ROWARGMAX;
    return arena_printf(e->arena, whole ? "(int64_t)%s - 1" : "column_of(%s)", emit_cell(e, n->args[0], b, "0"));
}

const char *emit_csr_value(Emit *e, const IrNode *d) {
    if (!fuse_block(e->f, d)->data->values) return "1.0";
    return arena_printf(e->arena, "%s[p]", emit_hoist(e, emit_bind(e, BIND_VALUES, d->table, d->block), DOUBLES));
}
void emit_csr_loop(Emit *e, const IrNode *d) {
    const char *rp = emit_hoist(e, emit_bind(e, BIND_ROWPTR, d->table, d->block), "const int64_t *restrict ");
    LINE("    for (int64_t p = %s[i + b]; p < %s[i + b + 1]; p++)", rp, rp);
}
const char *emit_csr_column(Emit *e, const IrNode *d) {
    return arena_printf(e->arena, "%s[p]",
                        emit_hoist(e, emit_bind(e, BIND_COLIDX, d->table, d->block), "const int32_t *restrict "));
}
const char *emit_code_of(Emit *e, const IrNode *d) {
    return arena_printf(e->arena, "%s[i + b]",
                        emit_hoist(e, emit_bind(e, BIND_CODES, d->table, d->block), "const int32_t *restrict "));
}
bool emit_is_csr(Emit *e, const IrNode *d) {
    return fuse_is_sparse(e->f, d) && fuse_block(e->f, d)->data->kind == MAT_CSR;
}
bool emit_is_codes(Emit *e, const IrNode *d) {
    return fuse_is_sparse(e->f, d) && fuse_block(e->f, d)->data->kind == MAT_CODES;
}

/* ---- explicit vectors over the columns of a row ---- */
/* Where row b of a value lies in memory, or NULL when it is computed cell by cell. */
const char *emit_row_address(Emit *e, const IrNode *n) {
    if (emit_is_inline(e, n) && emit_is_picked_row(e, n)) {
        const IrNode *d = n->args[0];
        const char *base = emit_hoist(e, emit_bind(e, BIND_DENSE, d->table, d->block), DOUBLES);
        const char *idx = emit_hoist(e, emit_bind(e, BIND_INDEX, n->table, n->indicator), "const int32_t *restrict ");
        return arena_printf(e->arena, "%s + (int64_t)%s[i + b] * %lld", base, idx, (long long)emit_stride(e, d));
    }
    if (n->op == IR_FULL || n->op == IR_IOTA || fuse_is_sparse(e->f, n) || emit_is_onehot_index(e, n) ||
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
Lanes emit_lanes_of(Emit *e, const IrNode *n) {
    Lanes l = {0};
    int64_t cols = emit_is_padded(e, n, n->cols) ? emit_pad(n->cols) : n->cols;
    for (int at = 0, w = 8; at < cols && l.n < 64; at += w) {
        while (w > cols - at) w /= 2;
        l.at[l.n] = at;
        l.width[l.n++] = w;
    }
    return l;
}
const char *emit_lane_type(int width) {
    return width == 8 ? "v8d" : width == 4 ? "v4d" : width == 2 ? "v2d" : "double";
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
void emit_prefetch_picked(Emit *e, const IrNode *n) {
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
    const char *row = emit_row_address(e, x);
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
             emit_lane_type(l.width[v]), v, v, v, l.at[v], v, v, n->id, l.at[v], v);
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
/* z = x @ y: rows of x against a small y. A wide y is read from a copy padded to whole vectors (y<id>, made once at the
 * top of the pass). */
static void row_product(Emit *e, const IrNode *n) {
    const IrNode *x = n->args[0];
    int64_t k = n->cols, inner = x->cols;
    if (k == 1 && !fuse_is_sparse(e->f, x) && vector_dot(e, n)) return;
    if (k == 1) {
        LINE("for (int b = 0; b < m; b++) { /* %s */", emit_where(e, n));
        if (emit_is_csr(e, x)) {
            LINE("    double s = 0;");
            emit_csr_loop(e, x);
            LINE("        s += %s * %s;", emit_csr_value(e, x), small_at(e, n, emit_csr_column(e, x), "0"));
            LINE("    %s = s;", result_cell(e, n, "0"));
        } else if (emit_is_codes(e, x)) {
            LINE("    const int64_t a = %s;", emit_code_of(e, x));
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
    if (emit_is_csr(e, x)) {
        emit_csr_loop(e, x);
        LINE("        for (int k = 0; k < %lld; k++) s[k] += %s * %s;", (long long)width, emit_csr_value(e, x),
             copy ? arena_printf(e->arena, "y%d[%s][k]", n->id, emit_csr_column(e, x))
                  : small_at(e, n, emit_csr_column(e, x), "k"));
    } else if (emit_is_codes(e, x)) {
        LINE("    const int64_t a = %s;", emit_code_of(e, x));
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
    if (emit_is_codes(e, x)) {
        LINE("    %s = %s < 0 ? 0 : 1;", result_cell(e, n, "0"), emit_code_of(e, x));
    } else {
        LINE("    double s = 0;");
        if (emit_is_csr(e, x)) {
            emit_csr_loop(e, x);
            LINE("        s += %s;", emit_csr_value(e, x));
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
        if (emit_is_csr(e, x)) {
            const char *rp = emit_hoist(e, emit_bind(e, BIND_ROWPTR, x->table, x->block), "const int64_t *restrict ");
            LINE("        for (int64_t p = %s[r]; p < %s[r + 1]; p++) %s = %s;", rp, rp,
                 result_cell(e, n, arena_printf(e->arena, "%s[%s]", cols, emit_csr_column(e, x))),
                 emit_csr_value(e, x));
        } else if (emit_is_codes(e, x)) {
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
void emit_row_node(Emit *e, const IrNode *n) {
    if (emit_is_inline(e, n) || emit_is_onehot_index(e, n)) return;
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
        LINE("    const int64_t a = %s;", emit_onehot_column(e, n, "b"));
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
