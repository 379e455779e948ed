/* emit_expr.c: the C text of one cell of a value. */
#include "backends/c/emit.h"
#include "backends/emit_text.h"
#include <math.h>

const char *emit_number(Emit *e, double v) {
    if (isnan(v)) return "__builtin_nan(\"\")";
    if (isinf(v)) return v > 0 ? "__builtin_inf()" : "-__builtin_inf()";
    return emit_text_number(e->arena, v);
}

const char *emit_constant(Emit *e, const IrNode *n) {
    bool special = n->num == 0 || fabs(n->num) == 1 || !isfinite(n->num);
    if (e->f->numbers_named ? special : ir_plain_number(n->num)) return emit_number(e, n->num);
    return emit_hoist(e, emit_bind(e, BIND_NUMBER, 0, n->id), "const double ");
}

const char *emit_operator(Emit *e, const IrNode *n, const char *const *x) {
    Buf b = {0};
    buf_puts(&b, "(");
    ir_cell_code(&b, n->op, x);
    buf_puts(&b, ")");
    char *text = buf_take(&b), *kept = arena_strdup(e->arena, text);
    mem_free(text);
    return kept;
}

bool emit_is_scalar(const IrNode *n) {
    return n->rows == 1 && n->cols == 1 && !n->rspace && !n->cspace;
}

const char *emit_hoist(Emit *e, const char *member, const char *ctype) {
    if (!e->pass) return arena_printf(e->arena, "f->%s", member);
    for (int i = 0; i < e->hoisted.len; i++) {
        if (strcmp(e->hoisted.data[i], member)) continue;
        const char **was = &e->hoisted_decl.data[i]; /* what is read first and written later is not const */
        if (strncmp(ctype, "const ", 6) && !strncmp(*was, "const ", 6)) *was += 6;
        return member;
    }
    vec_push(e->arena, &e->hoisted, member);
    vec_push(e->arena, &e->hoisted_decl, arena_printf(e->arena, "%s%s = f->%s;", ctype, member, member));
    return member;
}
int64_t emit_pad(int64_t cols) {
    return cols <= 2 || cols > 64 ? cols : cols <= 4 ? 4 : (cols + 7) / 8 * 8;
}
int64_t emit_stride(const Emit *e, const IrNode *n) {
    if (n->op == IR_DATA) return fuse_block(e->f, n)->data->ld;
    return !n->rspace || n->op == IR_INPUT || n->op == IR_COUNT ? n->cols : emit_pad(n->cols);
}
/* Whether the pass has that variable at its top; from now on it has. */
static bool has_at_top(Emit *e, const char *name) {
    for (int i = 0; i < e->copied.len; i++)
        if (!strcmp(e->copied.data[i], name)) return true;
    vec_push(e->arena, &e->copied, name);
    return false;
}
/* A small row as an array of this pass with room to the stride. */
static const char *padded_row(Emit *e, const IrNode *n) {
    const char *m = emit_member(e, n), *name = arena_printf(e->arena, "row_%s", m);
    if (has_at_top(e, name)) return name;
    int indent = e->indent;
    e->indent = 1;
    emit_line(e, &e->top, "double %s[%lld] __attribute__((aligned(64))) = {0};", name, (long long)emit_pad(n->cols));
    emit_line(e, &e->top, "memcpy(%s, f->%s, sizeof(double) * %lld);", name, m, (long long)n->cols);
    e->indent = indent;
    return name;
}
static const char *pick_index(Emit *e, int64_t cols, const char *j) {
    return cols == 1 ? "0" : arena_strdup(e->arena, j);
}
static const char *row_cell(Emit *e, const char *base, int64_t cols, int64_t stride, const char *b, const char *j) {
    if (stride == 1) return arena_printf(e->arena, "%s[i + %s]", base, b);
    return arena_printf(e->arena, "%s[(i + %s) * %lld + %s]", base, b, (long long)stride, cols == 1 ? "0" : j);
}
/* Rows of a dense block picked by an index are read where they lie, unless they are floats. */
bool emit_is_picked_row(const Emit *e, const IrNode *n) {
    return n->op == IR_GATHER && n->args[0]->op == IR_DATA && !fuse_is_sparse(e->f, n->args[0]) &&
           !fuse_is_single(e->f, n->args[0]) && e->f->tables.data[n->table].data->indicators[n->indicator].total;
}
bool emit_is_block_sum(const Emit *e, const IrNode *n) {
    return e->pass && n->op == IR_SCATTER && FUSE(n)->pass == e->pass->id && fuse_is_to_block(e->plan, n);
}
bool emit_is_inline(const Emit *e, const IrNode *n) {
    const FuseInfo *fi = FUSE(n);
    if (fi->kind != FUSE_ROW || fi->stored || !e->pass || fi->pass != e->pass->id) return false;
    if (emit_is_picked_row(e, n)) return true;
    if (!ir_is_elementwise(n->op) && n->op != IR_GATHER && n->op != IR_SLICE_COLS && n->op != IR_STORED &&
        n->op != IR_TAKE_COLS)
        return false;
    if (fi->uses != 1 || !fi->only_user || FUSE(fi->only_user)->pass != fi->pass) return false;
    return fuse_reads_once(fi->only_user, n);
}
bool emit_is_local(const Emit *e, const IrNode *n) {
    const FuseInfo *fi = FUSE(n);
    if (fi->kind != FUSE_ROW || !e->pass || fi->pass != e->pass->id) return false;
    if (fuse_is_code(e->plan, n)) return false;
    return fi->in_place || (!fi->stored && !emit_is_inline(e, n));
}

static const char *indexed_row(Emit *e, const IrNode *n) {
    const char *idx = emit_bind(e, BIND_INDEX, n->table, n->indicator);
    return emit_hoist(e, idx, "const int32_t *restrict ");
}
static const char *gather_cell(Emit *e, const IrNode *n, const char *b, const char *j) {
    const IrNode *u = n->args[0];
    const Indicator *ind = &e->f->tables.data[n->table].data->indicators[n->indicator];
    const char *idx = indexed_row(e, n), *base;
    if (fuse_is_from_block(e->plan, n)) {
        const char *r = arena_printf(e->arena, "(%s[i + %s] - key)", idx, b);
        return u->cols == 1 ? arena_printf(e->arena, "t%d[%s]", u->id, r)
                            : arena_printf(e->arena, "t%d[%s * %lld + %s]", u->id, r, (long long)emit_pad(u->cols),
                                           pick_index(e, u->cols, j));
    }
    bool guarded = false; /* values kept by emitted code have one more row of zeros for "absent"; leaves have not */
    int64_t ld = emit_stride(e, u);
    if (u->op == IR_DATA) {
        base = emit_dense(e, u);
        if (fuse_is_single(e->f, u)) base = arena_printf(e->arena, "(double)%s", base);
        guarded = !ind->total;
    } else if (u->op == IR_COUNT) {
        base = emit_hoist(e, emit_bind(e, BIND_COUNT, u->table, u->indicator), "const double *restrict ");
        guarded = !ind->total;
    } else if (u->op == IR_FULL) {
        if (ind->total) return emit_constant(e, u);
        return arena_printf(e->arena, "(%s[i + %s] < %s ? %s : %s)", idx, b,
                            emit_hoist(e, arena_printf(e->arena, "n_%d", u->rspace), "const int64_t "),
                            emit_constant(e, u), emit_number(e, n->num));
    } else {
        base = emit_hoist(e, emit_member(e, u), "const double *restrict ");
        guarded = !ind->total && (n->num != 0 || u->op == IR_INPUT);
    }
    const char *at = ld == 1 ? arena_printf(e->arena, "%s[%s[i + %s]]", base, idx, b)
                             : arena_printf(e->arena, "%s[(int64_t)%s[i + %s] * %lld + %s]", base, idx, b,
                                            (long long)ld, pick_index(e, u->cols, j));
    if (!guarded) return at;
    const char *rows = emit_hoist(e, arena_printf(e->arena, "n_%d", u->rspace), "const int64_t ");
    return arena_printf(e->arena, "(%s[i + %s] < %s ? %s : %s)", idx, b, rows, at, emit_number(e, n->num));
}

const char *emit_widened(Emit *e, const IrNode *n) {
    bool known = false;
    for (int i = 0; i < e->widened.len; i++) known = known || e->widened.data[i] == n;
    if (!known) vec_push(e->arena, &e->widened, n);
    return arena_printf(e->arena, "w%d", n->id);
}

/* The number, from 0, that row i + b has in the script. */
static const char *script_row(Emit *e, const IrNode *n, const char *b) {
    if (!e->f->spaces.data[n->rspace].order) return arena_printf(e->arena, "i + %s", b);
    return arena_printf(e->arena, "%s[i + %s]",
                        emit_hoist(e, emit_bind(e, BIND_ORDER, 0, n->rspace), "const int32_t *restrict "), b);
}
/* The stream of column j; of a single column it is known before the pass begins. */
static const char *random_stream(Emit *e, const IrNode *n, const char *b, const char *j) {
    const char *name = arena_printf(e->arena, "stream%d", n->id), *seed = emit_cell(e, n->args[0], b, "0");
    if (n->cols > 1) return arena_printf(e->arena, "stream_of(seed_of(%s), (uint64_t)(%s))", seed, j);
    if (has_at_top(e, name)) return name;
    int indent = e->indent;
    e->indent = 1;
    emit_line(e, &e->top, "const uint64_t %s = stream_of(seed_of(%s), 0);", name, seed);
    e->indent = indent;
    return name;
}
/* How a row node computes its cell (b, j), whether or not the result is then kept. */
static const char *computed_cell(Emit *e, const IrNode *n, const char *b, const char *j) {
    switch (n->op) {
    case IR_GATHER: return gather_cell(e, n, b, j);
    case IR_STORED: return emit_cell(e, n->args[0], b, j);
    case IR_SLICE_COLS:
        return emit_cell(e, n->args[0], b, n->i0 ? arena_printf(e->arena, "(%s + %lld)", j, (long long)n->i0) : j);
    case IR_TAKE_COLS: {
        const IrNode *index = n->args[1];
        const char *col;
        if (index->op == IR_IOTA)
            col = arena_printf(e->arena, "(%s + 1)", j);
        else if (index->op == IR_CONST || index->op == IR_FULL || emit_is_scalar(index))
            col = emit_cell(e, index, b, "0");
        else
            col = arena_printf(e->arena, "%s[%s]", emit_hoist(e, emit_member(e, index), "const double *restrict "), j);
        return emit_cell(e, n->args[0], b, arena_printf(e->arena, "((int64_t)%s - 1)", col));
    }
    case IR_RAND:
        return arena_printf(e->arena, "uniform_at(%s, (uint64_t)(%s))", random_stream(e, n, b, j), script_row(e, n, b));
    case IR_RANDN:
        return arena_printf(e->arena, "f->rt->normal(seed_of(%s), (uint64_t)(%s), (uint64_t)(%s))",
                            emit_cell(e, n->args[0], b, "0"), j, script_row(e, n, b));
    default: {
        const char *x[3];
        for (int a = 0; a < n->nargs; a++) x[a] = emit_cell(e, n->args[a], b, n->args[a]->cols == 1 ? "0" : j);
        return emit_operator(e, n, x);
    }
    }
}
const char *emit_cell(Emit *e, const IrNode *n, const char *b, const char *j) {
    if (!n->rspace) { /* a small value: a scalar or a row */
        if (n->op == IR_CONST || n->op == IR_FULL) return emit_constant(e, n);
        if (n->op == IR_IOTA) return "1.0";
        if (emit_is_scalar(n)) return emit_hoist(e, emit_member(e, n), "const double ");
        if (n->rows == 1 && n->cols <= 64) return arena_printf(e->arena, "%s[%s]", padded_row(e, n), j);
        return arena_printf(e->arena, "%s[%s]", emit_hoist(e, emit_member(e, n), "const double *restrict "),
                            pick_index(e, n->cols, j));
    }
    switch (n->op) {
    case IR_FULL: return emit_constant(e, n);
    case IR_IOTA: return arena_printf(e->arena, "(double)(%s + 1)", script_row(e, n, b));
    case IR_COUNT:
        return row_cell(e, emit_hoist(e, emit_bind(e, BIND_COUNT, n->table, n->indicator), "const double *restrict "),
                        1, 1, b, j);
    case IR_DATA: {
        const Matrix *m = fuse_block(e->f, n)->data;
        if (e->pass && emit_is_widened(e, n))
            return m->ld == 1 ? arena_printf(e->arena, "%s[%s]", emit_widened(e, n), b)
                              : arena_printf(e->arena, "%s[%s * %lld + %s]", emit_widened(e, n), b, (long long)m->ld,
                                             n->cols == 1 ? "0" : j);
        const char *base = emit_dense(e, n);
        return row_cell(e, fuse_is_single(e->f, n) ? arena_printf(e->arena, "(double)%s", base) : base, n->cols, m->ld,
                        b, j);
    }
    default: break;
    }
    const FuseInfo *fi = FUSE(n);
    if (emit_is_block_sum(e, n))
        return arena_printf(e->arena, "g%d[%s * %lld + %s]", n->id, b, (long long)emit_stride(e, n), j);
    bool here = e->pass && fi->kind == FUSE_ROW && fi->pass == e->pass->id;
    if (here && emit_is_local(e, n)) {
        if (n->cols == 1) return arena_printf(e->arena, "t%d[%s]", n->id, b);
        return arena_printf(e->arena, "t%d[%s * %lld + %s]", n->id, b, (long long)emit_pad(n->cols), j);
    }
    if (here && !fi->stored && n->op != IR_ONEHOT) return computed_cell(e, n, b, j);
    return row_cell(e, emit_hoist(e, emit_member(e, n), "const double *restrict "), n->cols, emit_stride(e, n), b, j);
}
bool emit_is_padded(Emit *e, const IrNode *n, int64_t cols) {
    if (!n->rspace)
        return n->op == IR_CONST || n->op == IR_FULL || emit_is_scalar(n) || (n->rows == 1 && n->cols <= 64);
    if (n->cols == 1 || n->op == IR_FULL || n->op == IR_IOTA) return true;
    const FuseInfo *fi = FUSE(n);
    bool here = e->pass && fi->kind == FUSE_ROW && fi->pass == e->pass->id;
    if (!here || fi->stored || emit_is_local(e, n)) return emit_stride(e, n) >= emit_pad(cols);
    switch (n->op) {
    case IR_GATHER: return n->args[0]->op == IR_FULL || emit_stride(e, n->args[0]) >= emit_pad(cols);
    case IR_SLICE_COLS:
    case IR_TAKE_COLS:
    case IR_RAND:
    case IR_RANDN:
    case IR_ONEHOT: return false;
    default:
        for (int a = 0; a < n->nargs; a++)
            if (!emit_is_padded(e, n->args[a], cols)) return false;
        return true;
    }
}
const char *emit_computed_cell(Emit *e, const IrNode *n, const char *b, const char *j) {
    return computed_cell(e, n, b, j);
}

const char *emit_small_cell(Emit *e, const IrNode *n, const char *r, const char *c) {
    if (n->op == IR_CONST || n->op == IR_FULL) return emit_constant(e, n);
    if (n->op == IR_IOTA) return n->rows == 1 ? "1.0" : arena_printf(e->arena, "(double)(%s + 1)", r);
    const char *m = emit_member(e, n);
    if (emit_is_scalar(n)) return arena_printf(e->arena, "f->%s", m);
    if (n->rows == 1) return arena_printf(e->arena, "f->%s[%s]", m, c);
    if (n->cols == 1) return arena_printf(e->arena, "f->%s[%s]", m, r);
    return arena_printf(e->arena, "f->%s[(%s) * %lld + %s]", m, r, (long long)n->cols, c);
}
