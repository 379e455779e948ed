/* emit_pass.c: one pass = one function over a range of rows of a space, in blocks of rows.
 *
 * Values that stay inside the pass are block-local arrays t<id>[rows of the block * columns], small enough for L1;
 * formulas of elementwise operators stand inside each other's loops. Reductions go to arrays of the running thread
 * (g<id>), which amal_run adds up in the order of the threads afterwards: results are the same for a given number of
 * threads.
 *
 * Over segments (fuse.h) the outer loop takes blocks of table rows, numbered key .. key + keys, and the inner one the
 * target's rows that read them; what they hand each other stands in arrays of that block, t<id> and g<id> at
 * (row - key). Every thread has whole keys, so that nothing is added up afterwards for each row of the table. */
#include "backends/c/compile.h"
#include "backends/c/emit_row.h"

/* Accumulators that fit stay on the stack of the pass until it ends. */
static bool on_stack(const Emit *e, const IrNode *n) {
    return n->op != IR_SCATTER && emit_acc_size(e, n) <= 2048;
}

/* Rows that an index picks, to read or to add to, are asked for one block ahead where the table is too large to stay in
 * the second-level cache. */
enum { PICKED_MOST = 64, NEAR = 131072 }; /* doubles a row; doubles a table */
static void prefetch_picked(Emit *e, const IrNode *n) {
    const IrNode *u = n->args[0];
    bool to = n->op == IR_SCATTER;
    long long stride = (long long)(to ? emit_pad(n->cols) : emit_stride(e, u));
    if (stride < 3 || stride > PICKED_MOST || u->op == IR_FULL) return;
    const char *base = to                 ? arena_printf(e->arena, "g%d", n->id)
                       : u->op == IR_DATA ? emit_dense(e, u)
                                          : emit_hoist(e, emit_member(e, u), DOUBLES);
    const char *idx = emit_hoist(e, emit_bind(e, BIND_INDEX, n->table, n->indicator), "const int32_t *restrict ");
    const char *rows = emit_hoist(e, arena_printf(e->arena, "n_%d", to ? n->rspace : u->rspace), "const int64_t ");
    LINE("for (int64_t r = i + %d; r < i + %d && r < last && %s > %lld; r++)", e->block, 2 * e->block, rows,
         NEAR / stride);
    LINE("    for (int l = 0; l < %lld; l += %d) __builtin_prefetch(%s + (int64_t)%s[r] * %lld + l%s);", stride,
         (to && emit_scatter_counts(e, n)) || (!to && fuse_is_single(e->f, u)) ? 16 : 8, base, idx, stride,
         to ? ", 1" : "");
}
/* Blocks of floats become doubles here, a block of rows at a time, while it passes: the rest of the pass reads those
 * from the first-level cache, as often as it likes. Wider rows are read where they lie. */
enum { WIDENED_MOST = 1024 };
bool emit_is_widened(const Emit *e, const IrNode *n) {
    return fuse_is_single(e->f, n) && emit_stride(e, n) <= WIDENED_MOST;
}
static void widen(Emit *e, const IrNode *d) {
    long long stride = (long long)emit_stride(e, d);
    LINE("double w%d[%lld] __attribute__((aligned(64)));", d->id, (long long)e->block * stride + 64);
    LINE("widen(w%d, %s + i * %lld, m * %lld); /* the rows of %s */", d->id, emit_dense(e, d), stride, stride,
         fuse_block(e->f, d)->label);
}
/* A block of rows; whole vectors are read from its last row too. */
static long long local_size(const Emit *e, const IrNode *n) {
    int64_t stride = n->cols ? emit_pad(n->cols) : 1;
    return (long long)(e->block * stride + (stride % e->target->lanes && stride > 1 ? e->target->lanes : 0));
}
/* Rows of a block: 64, fewer where a row kept in it is wide. */
static int block_rows(Emit *e, const FusePass *pass, int space) {
    int64_t widest = 1;
    int rows = 64;
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        bool local = emit_is_local(e, n) && n->rspace == space, sums = emit_is_block_sum(e, n) && n->rspace == space;
        if ((local || (sums && !FUSE(n)->stored)) && n->cols > widest) widest = n->cols;
        for (int a = 0; a < n->nargs; a++)
            if (n->args[a]->rspace == space && emit_is_widened(e, n->args[a]) && n->args[a]->cols > widest)
                widest = n->args[a]->cols;
    }
    while (rows > 8 && rows * widest > 8192) rows /= 2;
    return rows;
}
/* Where a reduction adds up: on the stack while the pass runs, or in the thread's own part of the frame's array. */
static void declare_sums(Emit *e, const IrNode *n, Buf *tail) {
    const char *none = emit_identity(n), *m = emit_member(e, n);
    long long width = (long long)emit_acc_size(e, n);
    if (on_stack(e, n)) {
        emit_line(e, &e->top, "double g%d[%lld] __attribute__((aligned(64)))%s;", n->id, width ? width : 1,
                  none ? "" : " = {0}");
        if (none) emit_line(e, &e->top, "for (int j = 0; j < %lld; j++) g%d[j] = %s;", width, n->id, none);
        emit_line(e, tail, "for (int j = 0; j < %lld; j++) f->parts_%s[part * %lldL + j] = g%d[j];", width, m, width,
                  n->id);
    } else if (n->op == IR_SCATTER) {
        emit_scatter_declare(e, n);
    } else {
        emit_line(e, &e->top, "double *restrict g%d = f->parts_%s + part * %lldL;", n->id, m, width);
        if (none)
            emit_line(e, &e->top, "for (int64_t j = 0; j < %lld; j++) g%d[j] = %s;", width, n->id, none);
        else
            emit_line(e, &e->top, "memset(g%d, 0, sizeof(double) * %lldL);", n->id, width);
    }
}
static void declare_locals(Emit *e, const FusePass *pass, int space) {
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        if (n->rspace == space && emit_is_local(e, n))
            LINE("double t%d[%lld] __attribute__((aligned(64)));", n->id, local_size(e, n));
    }
}
/* The nodes of one stage over the rows i .. i + m of `space`. */
static void emit_nodes(Emit *e, const FusePass *pass, int space, int stage) {
    Buf before = e->lines;
    e->lines = (Buf){0};
    e->widened.len = e->filled.len = 0;
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        bool picks =
            n->op == IR_GATHER ? !fuse_is_from_block(e->plan, n) : n->op == IR_SCATTER && !emit_is_block_sum(e, n);
        if (picks && fuse_space(n) == space && FUSE(n)->stage == stage) prefetch_picked(e, n);
    }
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        if (fuse_space(n) != space || FUSE(n)->stage != stage) continue;
        if (FUSE(n)->kind == FUSE_ROW)
            emit_row_node(e, n);
        else
            emit_reduce_node(e, n);
    }
    Buf nodes = e->lines;
    e->lines = before;
    for (int k = 0; k < e->widened.len; k++) widen(e, e->widened.data[k]);
    if (nodes.len) buf_add(&e->lines, nodes.data, nodes.len);
    buf_free(&nodes);
}
static void write_in_place(Emit *e, const FusePass *pass, int space) {
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        if (!FUSE(n)->in_place || n->rspace != space) continue;
        const char *m = emit_hoist(e, emit_member(e, n), "double *restrict ");
        LINE("memcpy(%s + i * %lld, t%d, sizeof(double) * (size_t)m * %lld);", m, (long long)emit_pad(n->cols), n->id,
             (long long)emit_pad(n->cols));
    }
}
/* Sums for the rows of the block: in the block, or where they are kept. */
static void declare_block_sums(Emit *e, const FusePass *pass) {
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        if (!emit_is_block_sum(e, n)) continue;
        long long stride = (long long)emit_pad(n->cols);
        if (FUSE(n)->stored)
            LINE("double *const restrict g%d = %s + key * %lld;", n->id,
                 emit_hoist(e, emit_member(e, n), "double *restrict "), stride);
        else
            LINE("double g%d[%lld] __attribute__((aligned(64)));", n->id, local_size(e, n));
        LINE("memset(g%d, 0, sizeof(double) * (size_t)keys * %lld);", n->id, stride);
    }
}
static void emit_blocks(Emit *e, const FusePass *pass) {
    const FuseSegments *s = pass->segments;
    int stage = s ? 1 : FUSE(pass->nodes.data[0])->stage;
    const char *segments =
        s ? emit_hoist(e, emit_bind(e, BIND_SEGMENTS, s->table, s->indicator), "const int64_t *restrict ") : NULL;
    int rows = block_rows(e, pass, pass->space), keys = s ? block_rows(e, pass, s->keys) : 0;
    if (s) {
        e->block = keys;
        e->indent = 1;
        LINE("for (int64_t key = first; key < last_key; key += %d) {", keys);
        e->indent = 2;
        LINE("const int keys = last_key - key < %d ? (int)(last_key - key) : %d;", keys, keys);
        declare_locals(e, pass, s->keys);
        declare_block_sums(e, pass);
        LINE("{");
        LINE("    const int64_t i = key, last = key + keys;");
        LINE("    const int m = keys;");
        e->indent = 3;
        emit_nodes(e, pass, s->keys, 0);
        LINE("(void)i, (void)m, (void)last;");
        e->indent = 2;
        LINE("}");
        LINE("const int64_t last = %s[key + keys];", segments);
        LINE("for (int64_t i = %s[key]; i < last; i += %d) {", segments, rows);
    } else {
        e->indent = 1;
        LINE("for (int64_t i = first; i < last; i += %d) {", rows);
    }
    e->block = rows;
    LINE("    const int m = last - i < %d ? (int)(last - i) : %d;", rows, rows);
    e->indent++;
    declare_locals(e, pass, pass->space);
    emit_nodes(e, pass, pass->space, stage);
    write_in_place(e, pass, pass->space);
    e->indent--;
    LINE("}");
    if (!s) return;
    e->block = keys;
    LINE("{");
    LINE("    const int64_t i = key, last = key + keys;");
    LINE("    const int m = keys;");
    e->indent = 3;
    emit_nodes(e, pass, s->keys, 2);
    write_in_place(e, pass, s->keys);
    LINE("(void)i, (void)m, (void)last;");
    e->indent = 1;
    LINE("    }");
    LINE("}");
}

void emit_pass(Emit *e, const FusePass *pass) {
    const FuseSegments *s = pass->segments;
    e->pass = pass;
    e->lines = (Buf){0};
    e->hoisted.len = e->hoisted_decl.len = 0;
    e->top = e->before = (Buf){0};
    e->copied.len = e->streams.len = e->packed.len = 0;
    e->packed_bytes = 0;
    Buf tail = {0};
    e->indent = 1;
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        if (FUSE(n)->kind == FUSE_REDUCE && !emit_is_block_sum(e, n)) declare_sums(e, n, &tail);
    }
    emit_blocks(e, pass);
    Buf *p = &e->passes;
    e->indent = 0;
    const char *name = e->f->spaces.data[pass->space].name;
    if (s)
        emit_line(e, p, "/* Pass %d: rows of %s, and with each block of them the rows of %s that read them. */",
                  pass->id, e->f->spaces.data[s->keys].name, name);
    else
        emit_line(e, p, "/* Pass %d: rows of %s. */", pass->id, name);
    emit_line(e, p, COMPILE_FUNCTION "pass_%d(void *frame, int part, int parts) {", pass->id);
    e->indent = 1;
    emit_line(e, p, "struct Frame *const f = frame;");
    for (int k = 0; k < e->hoisted_decl.len; k++) emit_line(e, p, "%s", e->hoisted_decl.data[k]);
    if (s) {
        const char *segments = emit_bind(e, BIND_SEGMENTS, s->table, s->indicator);
        emit_line(e, p, "const int64_t first = key_share(%s, f->n_%d, part, parts);", segments, s->keys);
        emit_line(e, p, "const int64_t last_key = key_share(%s, f->n_%d, part + 1, parts);", segments, s->keys);
    } else {
        emit_line(e, p, "const int64_t first = share(f->n_%d, part, parts), last = share(f->n_%d, part + 1, parts);",
                  pass->space, pass->space);
    }
    if (e->top.len) buf_add(p, e->top.data, e->top.len);
    if (e->lines.len) buf_add(p, e->lines.data, e->lines.len);
    if (tail.len) buf_add(p, tail.data, tail.len);
    e->indent = 0;
    emit_line(e, p, "}\n");
    buf_free(&e->top);
    buf_free(&tail);
    buf_free(&e->lines);
    e->pass = NULL;
}
