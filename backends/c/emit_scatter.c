/* emit_scatter.c: sums for each row of a table, added up by a pass over the rows that refer to it: one array a thread,
 * and these added up afterwards in the order of the parts, by all threads, each over rows of its own.
 *
 * A one-hot row that stays an index adds 1 to a whole number: such counts take half the memory while the pass runs and
 * become doubles when they are added up. The array has one more row, for "none", which is cleared. */
#include "backends/c/compile.h"
#include "backends/c/emit_row.h"

bool emit_scatter_counts(const Emit *e, const IrNode *n) {
    const IrNode *x = n->args[0];
    return n->op == IR_SCATTER && fuse_is_code(e->plan, x) && !fuse_is_to_block(e->plan, n) &&
           e->f->spaces.data[x->rspace].rows < INT32_MAX;
}
static long long stride_of(const IrNode *n) {
    return (long long)emit_pad(n->cols);
}
void emit_scatter_allocate(Emit *e, const IrNode *n) {
    const char *m = emit_member(e, n);
    int indent = e->indent;
    e->indent = 1;
    emit_line(e, &e->members, "int parts_of_%s;", m);
    if (emit_scatter_counts(e, n)) {
        emit_line(e, &e->members, "int32_t *parts_%s;", m);
        emit_line(e, &e->setup,
                  "if (!(f->parts_%s = rt->alloc(rt, (int64_t)rt->threads * (f->n_%d + 1) * %lld / 2 + 1))) return 1;",
                  m, n->rspace, stride_of(n));
    } else {
        emit_line(e, &e->members, "double *parts_%s;", m);
        emit_line(e, &e->setup,
                  "if (rt->threads > 1 && !(f->parts_%s = rt->alloc(rt, (int64_t)(rt->threads - 1) * (f->n_%d + 1) * "
                  "%lld))) return 1;",
                  m, n->rspace, stride_of(n));
    }
    e->indent = indent;
}
void emit_scatter_declare(Emit *e, const IrNode *n) {
    const char *m = emit_member(e, n);
    if (emit_scatter_counts(e, n))
        emit_line(e, &e->top, "int32_t *restrict g%d = f->parts_%s + part * (f->n_%d + 1) * %lld;", n->id, m, n->rspace,
                  stride_of(n));
    else
        emit_line(e, &e->top, "double *restrict g%d = part ? f->parts_%s + (part - 1) * (f->n_%d + 1) * %lld : f->%s;",
                  n->id, m, n->rspace, stride_of(n), m);
    emit_line(e, &e->top, "memset(g%d, 0, sizeof *g%d * (size_t)(f->n_%d + 1) * %lld);", n->id, n->id, n->rspace,
              stride_of(n));
}
void emit_scatter_add_up(Emit *e, const IrNode *n) {
    const char *m = emit_member(e, n);
    bool counts = emit_scatter_counts(e, n);
    Buf *b = &e->body, *p = &e->passes;
    emit_line(e, b, "    f->parts_of_%s = parts;", m);
    emit_line(e, b, "    %srt->run(parts_for(f->n_%d, rt->threads), add_%s, f);", counts ? "" : "if (parts > 1) ",
              n->rspace, m);
    emit_line(e, b, "    memset(f->%s + f->n_%d * %lld, 0, sizeof(double) * %lld);", m, n->rspace, stride_of(n),
              stride_of(n));
    int indent = e->indent;
    e->indent = 0;
    emit_line(e, p, "/* %s: what the parts of its pass have added up. */", m);
    emit_line(e, p, COMPILE_FUNCTION "add_%s(void *frame, int part, int parts) {", m);
    e->indent = 1;
    emit_line(e, p, "struct Frame *const f = frame;");
    emit_line(e, p, "const int64_t first = share(f->n_%d, part, parts) * %lld, size = (f->n_%d + 1) * %lld;", n->rspace,
              stride_of(n), n->rspace, stride_of(n));
    emit_line(e, p, "const int64_t last = share(f->n_%d, part + 1, parts) * %lld;", n->rspace, stride_of(n));
    emit_line(e, p, "double *restrict to = f->%s;", m);
    emit_line(e, p, "for (int64_t i = first; i < last; i += 1024) { /* while they are in the cache */");
    emit_line(e, p, "    const int64_t end = last - i < 1024 ? last : i + 1024;");
    emit_line(e, p, "    for (int p = %d; p < f->parts_of_%s; p++) {", counts ? 0 : 1, m);
    emit_line(e, p, "        const %s *restrict from = f->parts_%s + %s * size;", counts ? "int32_t" : "double", m,
              counts ? "p" : "(p - 1)");
    if (counts) emit_line(e, p, "        if (!p) memset(to + i, 0, sizeof(double) * (size_t)(end - i));");
    emit_line(e, p, "        " SIMD);
    emit_line(e, p, "        for (int64_t j = i; j < end; j++) to[j] += from[j];");
    emit_line(e, p, "    }");
    emit_line(e, p, "}");
    e->indent = 0;
    emit_line(e, p, "}\n");
    e->indent = indent;
}

/* Rows in the order of their keys, in a pass over segments: the sums of a run of rows with one key stay in registers
 * and are added to the key's row once. */
void emit_scatter_segments(Emit *e, const IrNode *n) {
    const IrNode *x = n->args[0];
    const char *idx = emit_hoist(e, emit_bind(e, BIND_INDEX, n->table, n->indicator), "const int32_t *restrict ");
    const char *ends = emit_hoist(e, emit_bind(e, BIND_SEGMENTS, n->table, n->indicator), "const int64_t *restrict ");
    const char *row = x->cols > 1 && x->cols <= 64 && !emit_is_onehot_index(e, x) ? emit_row_address(e, x, "b") : NULL;
    LINE("for (int b = 0, end; b < m;) { /* %s */", emit_where(e, n));
    LINE("    const int64_t r = %s[i + b];", idx);
    LINE("    end = %s[r + 1] - i < m ? (int)(%s[r + 1] - i) : m;", ends, ends);
    LINE("    double *const to = g%d + (r - key) * %lld;", n->id, stride_of(n));
    if (emit_is_onehot_index(e, x)) {
        LINE("    for (; b < end; b++) {");
        LINE("        const int64_t a = %s;", emit_onehot_column(e, x, "b"));
        LINE("        if (a >= 0 && a < %lld) to[a] += 1;", (long long)n->cols);
        LINE("    }");
    } else if (n->cols == 1) {
        LINE("    double s = 0;");
        LINE("    " SIMD_SUM);
        LINE("    for (int k = b; k < end; k++) s += %s;", emit_cell(e, x, "k", "0"));
        LINE("    to[0] += s;");
        LINE("    b = end;");
    } else if (row) {
        Lanes l = emit_lanes_of(e, x);
        for (int v = 0; v < l.n; v++) LINE("    %s s%d = {0};", emit_lane_type(l.width[v]), v);
        LINE("    for (; b < end; b++) {");
        LINE("        const double *const from = %s;", row);
        for (int v = 0; v < l.n; v++) LINE("        s%d += %s;", v, emit_lane_read(e, &l, v, "from"));
        LINE("    }");
        for (int v = 0; v < l.n; v++) LINE("    %s += s%d;", emit_lane(e, l.width[v], "to", l.at[v]), v);
    } else {
        LINE("    for (; b < end; b++) {");
        LINE("        " SIMD);
        LINE("        for (int j = 0; j < %lld; j++) to[j] += %s;", (long long)n->cols, emit_cell(e, x, "b", "j"));
        LINE("    }");
    }
    LINE("}");
}
