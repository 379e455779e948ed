/* emit_row.c: values computed row by row inside a pass: products with small values, reductions along a row, rows
 * assembled from blocks. */
#include "backends/c/emit_row.h"

bool emit_is_onehot_index(const Emit *e, const IrNode *n) {
    return fuse_is_code(e->plan, n) && FUSE(n)->pass == e->pass->id;
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
void emit_csr_loop(Emit *e, const IrNode *d, const char *then) {
    const char *rp = emit_hoist(e, emit_bind(e, BIND_ROWPTR, d->table, d->block), "const int64_t *restrict ");
    LINE("    for (int64_t p = %s[i + b]; p < %s[i + b + 1]; p++)%s%s", rp, rp, *then ? " " : "", then);
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
const char *emit_row_address(Emit *e, const IrNode *n, const char *b) {
    if (emit_is_inline(e, n) && emit_is_picked_row(e, n)) {
        const IrNode *d = n->args[0];
        const char *base = emit_dense(e, d);
        const char *idx = emit_hoist(e, emit_bind(e, BIND_INDEX, n->table, n->indicator), "const int32_t *restrict ");
        return arena_printf(e->arena, "%s + (int64_t)%s[i + %s] * %lld", base, idx, b, (long long)emit_stride(e, d));
    }
    if (n->op == IR_FULL || n->op == IR_IOTA || fuse_is_sparse(e->f, n) || emit_is_onehot_index(e, n) ||
        emit_is_inline(e, n))
        return NULL;
    const FuseInfo *fi = FUSE(n);
    if (emit_is_block_sum(e, n))
        return arena_printf(e->arena, "g%d + %s * %lld", n->id, b, (long long)emit_stride(e, n));
    if (fi->kind == FUSE_ROW && fi->pass == e->pass->id) return emit_result_row(e, n, b);
    long long stride = (long long)emit_stride(e, n);
    if (emit_is_widened(e, n)) return arena_printf(e->arena, "%s + %s * %lld", emit_widened(e, n), b, stride);
    if (fuse_is_single(e->f, n)) return NULL;
    const char *base = n->op == IR_DATA    ? emit_dense(e, n)
                       : n->op == IR_COUNT ? emit_hoist(e, emit_bind(e, BIND_COUNT, n->table, n->indicator), DOUBLES)
                                           : emit_hoist(e, emit_member(e, n), DOUBLES);
    return arena_printf(e->arena, "%s + (i + %s) * %lld", base, b, stride);
}
const char *emit_result_row(Emit *e, const IrNode *n, const char *b) {
    long long stride = (long long)emit_pad(n->cols);
    if (emit_is_local(e, n))
        return stride == 1 ? arena_printf(e->arena, "t%d + %s", n->id, b)
                           : arena_printf(e->arena, "t%d + %s * %lld", n->id, b, stride);
    return arena_printf(e->arena, "%s + (i + %s) * %lld", emit_hoist(e, emit_member(e, n), "double *restrict "), b,
                        (long long)emit_stride(e, n));
}
const char *emit_result_cell(Emit *e, const IrNode *n, const char *b, const char *j) {
    bool local = emit_is_local(e, n);
    const char *base =
        local ? arena_printf(e->arena, "t%d", n->id) : emit_hoist(e, emit_member(e, n), "double *restrict ");
    const char *row = local ? b : arena_printf(e->arena, n->cols == 1 ? "i + %s" : "(i + %s)", b);
    if (n->cols == 1) return arena_printf(e->arena, "%s[%s]", base, row);
    return arena_printf(e->arena, "%s[%s * %lld + %s]", base, row,
                        (long long)(local ? emit_pad(n->cols) : emit_stride(e, n)), j);
}
Lanes emit_lanes_to(const Emit *e, int64_t cols) {
    Lanes l = {0};
    for (int at = 0, w = e->target->lanes; at < cols && l.n < LANES_MOST; at += w) {
        int64_t left = cols - at;
        while (w > left && (!e->target->parts || w / 2 >= left)) w /= 2;
        l.at[l.n] = at;
        l.cols[l.n] = w < left ? w : (int)left;
        l.width[l.n++] = w;
    }
    return l;
}
int emit_lanes_end(const Lanes *l) {
    return l->n ? l->at[l->n - 1] + l->width[l->n - 1] : 0;
}
Lanes emit_lanes_of(Emit *e, const IrNode *n) {
    return emit_lanes_to(e, emit_is_padded(e, n, n->cols) ? emit_pad(n->cols) : n->cols);
}
const char *emit_lane_type(int width) {
    return width == 8 ? "v8d" : width == 4 ? "v4d" : width == 2 ? "v2d" : "double";
}
const char *emit_lane(Emit *e, int width, const char *address, int64_t at) {
    const char *type = width == 8 ? "v8u" : width == 4 ? "v4u" : width == 2 ? "v2u" : "double";
    return at ? arena_printf(e->arena, "*(%s *)(%s + %lld)", type, address, (long long)at)
              : arena_printf(e->arena, "*(%s *)(%s)", type, address);
}
const char *emit_lane_read(Emit *e, const Lanes *l, int v, const char *address) {
    if (l->cols[v] == l->width[v]) return emit_lane(e, l->width[v], address, l->at[v]);
    return arena_printf(e->arena, "part%d(%s + %d, %d)", l->width[v], address, l->at[v], l->cols[v]);
}

/* Rows that stream past are asked for some rows ahead: one thread alone does not keep enough loads under way.
 * Prefetching beyond the end is harmless. */
enum { BYTES_AHEAD = 4096, BYTES_MOST = 2048 };
void emit_prefetch_stream(Emit *e, const IrNode *x, int rows) {
    if (!x->rspace || x->op == IR_FULL || x->op == IR_IOTA || fuse_is_sparse(e->f, x) || fuse_is_single(e->f, x))
        return;
    if (FUSE(x)->kind != FUSE_LEAF && FUSE(x)->pass == e->pass->id) return; /* made in this block */
    const char *name = x->op == IR_DATA    ? emit_bind(e, BIND_DENSE, x->table, x->block)
                       : x->op == IR_COUNT ? emit_bind(e, BIND_COUNT, x->table, x->indicator)
                                           : emit_member(e, x);
    for (int i = 0; i < e->streams.len; i++)
        if (!strcmp(e->streams.data[i], name)) return;
    vec_push(e->arena, &e->streams, name);
    long long row = 8 * (long long)emit_stride(e, x), bytes = row * rows;
    if (row < 32 || row > BYTES_MOST) return;
    long long ahead = (BYTES_AHEAD / row + 7) / 8 * 8;
    const char *at = arena_printf(e->arena, "%s + (i + b + %lld) * %lld", emit_hoist(e, name, DOUBLES), ahead, row / 8);
    if (bytes <= 64)
        LINE("    __builtin_prefetch(%s);", at);
    else
        LINE("    for (int l = 0; l < %lld; l += 8) __builtin_prefetch(%s + l);", bytes / 8, at);
}

/* The least or greatest number of each row, or where it stands. Rows of this block are compared a vector of rows at a
 * time, others one by one. */
static void row_extreme(Emit *e, const IrNode *n) {
    const IrNode *x = n->args[0];
    bool least = n->op == IR_ROWMIN || n->op == IR_ROWARGMIN, arg = n->op == IR_ROWARGMIN || n->op == IR_ROWARGMAX;
    if (emit_is_local(e, x) && x->cols > 1) {
        long long stride = (long long)emit_pad(x->cols);
        bool whole = emit_is_local(e, n); /* what is kept ends with the last row */
        if (!whole) LINE("double e%d[%d];", n->id, e->block);
        LINE("for (int b = 0; b < m; b += LANES) /* %s */", emit_where(e, n));
        LINE("    *(vu *)(%s%d + b) = extreme(t%d + b * %lld, %lld, %lld, %d, %d);", whole ? "t" : "e", n->id, x->id,
             stride, stride, (long long)x->cols, !least, arg);
        if (!whole) LINE("for (int b = 0; b < m; b++) %s = e%d[b];", emit_result_cell(e, n, "b", "0"), n->id);
        return;
    }
    LINE("for (int b = 0; b < m; b++) { /* %s */", emit_where(e, n));
    LINE("    double best = %s%s;", least ? "__builtin_inf()" : "-__builtin_inf()", arg ? ", at = 1" : "");
    LINE("    for (int j = 0; j < %lld; j++) {", (long long)x->cols);
    LINE("        const double x = %s;", emit_cell(e, x, "b", x->cols == 1 ? "0" : "j"));
    if (arg)
        LINE("        if (x %s best) best = x, at = j + 1;", least ? "<" : ">");
    else
        LINE("        best = %s(x, best);", least ? "least_of" : "most_of");
    LINE("    }");
    LINE("    %s = %s;", emit_result_cell(e, n, "b", "0"), arg ? "at" : "best");
    LINE("}");
}
static void row_reduce(Emit *e, const IrNode *n) {
    const IrNode *x = n->args[0];
    if (n->op != IR_ROWSUMS) {
        row_extreme(e, n);
        return;
    }
    LINE("for (int b = 0; b < m; b++) { /* %s */", emit_where(e, n));
    if (emit_is_codes(e, x)) {
        LINE("    %s = %s < 0 ? 0 : 1;", emit_result_cell(e, n, "b", "0"), emit_code_of(e, x));
    } else {
        LINE("    double s = 0;");
        if (emit_is_csr(e, x)) {
            emit_csr_loop(e, x, "");
            LINE("        s += %s;", emit_csr_value(e, x));
        } else {
            LINE("    " SIMD_SUM);
            LINE("    for (int j = 0; j < %lld; j++) s += %s;", (long long)x->cols,
                 emit_cell(e, x, "b", x->cols == 1 ? "0" : "j"));
        }
        LINE("    %s = s;", emit_result_cell(e, n, "b", "0"));
    }
    LINE("}");
}
static void row_expand(Emit *e, const IrNode *n) {
    const Integration *in = e->f->tables.data[n->table].data;
    LINE("for (int b = 0; b < m; b++) { /* %s */", emit_where(e, n));
    LINE("    for (int j = 0; j < %lld; j++) %s = 0;", (long long)n->cols, emit_result_cell(e, n, "b", "j"));
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
                 emit_result_cell(e, n, "b", arena_printf(e->arena, "%s[%s]", cols, emit_csr_column(e, x))),
                 emit_csr_value(e, x));
        } else if (emit_is_codes(e, x)) {
            const char *codes = emit_hoist(e, emit_bind(e, BIND_CODES, x->table, x->block), "const int32_t *restrict ");
            LINE("        if (%s[r] >= 0) %s = 1;", codes,
                 emit_result_cell(e, n, "b", arena_printf(e->arena, "%s[%s[r]]", cols, codes)));
        } else {
            const char *v;
            if (here)
                v = emit_cell(e, x, "b", x->cols == 1 ? "0" : "j");
            else if (x->op == IR_FULL)
                v = emit_constant(e, x);
            else {
                const char *base = x->op == IR_DATA
                                       ? emit_dense(e, x)
                                       : emit_hoist(e,
                                                    x->op == IR_COUNT ? emit_bind(e, BIND_COUNT, x->table, x->indicator)
                                                                      : emit_member(e, x),
                                                    DOUBLES);
                v = arena_printf(e->arena, "(double)%s[r * %lld + j]", base, (long long)emit_stride(e, x));
            }
            LINE("        for (int j = 0; j < %lld; j++) %s = %s;", (long long)x->cols,
                 emit_result_cell(e, n, "b", arena_printf(e->arena, "%s[j]", cols)), v);
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
        LINE("    " SIMD);
        LINE("    for (int j = 0; j < %lld; j++) %s = %s;", (long long)x->cols,
             emit_result_cell(e, n, "b", arena_printf(e->arena, "(j + %lld)", (long long)offset)),
             emit_cell(e, x, "b", x->cols == 1 ? "0" : "j"));
        offset += x->cols;
    }
}
/* The streams that a formula reads, inlined operands looked through. */
static void prefetch_operands(Emit *e, const IrNode *n) {
    for (int a = 0; a < n->nargs && n->op != IR_GATHER; a++) {
        if (emit_is_inline(e, n->args[a]))
            prefetch_operands(e, n->args[a]);
        else if (n->args[a]->cols > 1)
            emit_prefetch_stream(e, n->args[a], 1);
    }
}
void emit_row_node(Emit *e, const IrNode *n) {
    if (emit_is_inline(e, n) || emit_is_onehot_index(e, n)) return;
    switch (n->op) {
    case IR_MATMUL: emit_row_product(e, n); return;
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
        LINE("    " SIMD);
        LINE("    for (int j = 0; j < %lld; j++) %s = j == a;", (long long)n->cols, emit_result_cell(e, n, "b", "j"));
        LINE("}");
        return;
    default: break;
    }
    bool drawn = n->op == IR_RAND || n->op == IR_RANDN, called = n->op == IR_RANDN; /* a function of the runtime */
    if (n->cols == 1) {
        if (!called) LINE(SIMD);
        LINE("for (int b = 0; b < m; b++) %s = %s; /* %s */", emit_result_cell(e, n, "b", "0"),
             emit_computed_cell(e, n, "b", "0"), emit_where(e, n));
        return;
    }
    bool padded = !drawn && n->op != IR_SLICE_COLS && n->op != IR_TAKE_COLS;
    if (n->op == IR_GATHER)
        padded = n->args[0]->op == IR_FULL || emit_stride(e, n->args[0]) >= emit_pad(n->cols);
    else
        for (int a = 0; a < n->nargs; a++) padded = padded && emit_is_padded(e, n->args[a], n->cols);
    LINE("for (int b = 0; b < m; b++) { /* %s */", emit_where(e, n));
    prefetch_operands(e, n);
    if (!called) LINE("    " SIMD);
    LINE("    for (int j = 0; j < %lld; j++) %s = %s;", (long long)(padded ? emit_pad(n->cols) : n->cols),
         emit_result_cell(e, n, "b", "j"), emit_computed_cell(e, n, "b", "j"));
    LINE("}");
}
