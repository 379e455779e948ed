/* emit_cell.c: the CUDA text of one cell of a value, and where values of a pass are kept. */
#include "backends/cuda/emit.h"
#include "backends/emit_text.h"
#include <math.h>

const char *cu_number(Cu *e, double v) {
    if (isnan(v)) return "not_a_number()";
    if (isinf(v)) return v > 0 ? "infinity()" : "-infinity()";
    return emit_text_number(e->arena, v);
}
/* A number that formulas are made of stands in the text, another arrives with the launch (as in the C backend). */
const char *cu_constant(Cu *e, const IrNode *n) {
    bool special = n->num == 0 || fabs(n->num) == 1 || !isfinite(n->num);
    if (e->f->numbers_named ? special : ir_plain_number(n->num)) return cu_number(e, n->num);
    return cu_arg(e, ARG_NUMBER, n->id);
}
const char *cu_operator(Cu *e, const IrNode *n, const char *const *x) {
    Buf b = {0};
    buf_puts(&b, "(");
    ir_cell_code(&b, n->op, x);
    buf_puts(&b, ")");
    char *text = buf_take(&b), *kept = arena_strdup(e->arena, text);
    mem_free(text);
    return kept;
}
bool cu_is_scalar(const IrNode *n) {
    return n->rows == 1 && n->cols == 1 && !n->rspace && !n->cspace;
}

/* ---- where a value of a pass is ---- */
bool cu_in_pass(const Cu *e, const IrNode *n) {
    return e->pass && FUSE(n)->kind == FUSE_ROW && FUSE(n)->pass == e->pass->id && !cu_is_product(e, n);
}
bool cu_is_kept(const Cu *e, const IrNode *n) {
    return FUSE(n)->kind == FUSE_ROW && (FUSE(n)->stored || e->spilled[n->id] || e->factored[n->id]);
}
bool cu_is_inline(const Cu *e, const IrNode *n) {
    const FuseInfo *fi = FUSE(n);
    if (!cu_in_pass(e, n) || cu_is_kept(e, n) || fi->in_place) return false;
    if (e->in_lanes && n->op == IR_GATHER && n->cols > 1) return false; /* held, as its pass's rows */
    if (!ir_is_elementwise(n->op) && n->op != IR_GATHER && n->op != IR_SLICE_COLS && n->op != IR_STORED &&
        n->op != IR_TAKE_COLS)
        return false;
    if (fi->uses != 1 || !fi->only_user || FUSE(fi->only_user)->pass != fi->pass) return false;
    return fuse_reads_once(fi->only_user, n);
}
static bool read_in_tile(const Cu *e, const IrNode *n) {
    for (int i = 0; i < e->pass->nodes.len; i++) {
        const IrNode *u = e->pass->nodes.data[i];
        if (FUSE(u)->kind == FUSE_REDUCE && (cu_needs_segments(e, u) || cu_is_product(e, u))) continue;
        for (int a = 0; a < u->nargs; a++)
            if (u->args[a] == n) return true;
    }
    return false;
}
/* In an array of the tile. A kept value is there too when the pass itself reads it. */
bool cu_is_local(const Cu *e, const IrNode *n) {
    if (!cu_in_pass(e, n) || fuse_is_code(e->plan, n)) return false;
    if (FUSE(n)->in_place) return true;
    return cu_is_kept(e, n) ? read_in_tile(e, n) : !cu_is_inline(e, n);
}
bool cu_is_csr(const Cu *e, const IrNode *n) {
    return fuse_is_sparse(e->f, n) && fuse_block(e->f, n)->data->kind == MAT_CSR;
}
bool cu_is_one_hot(const Cu *e, const IrNode *n) {
    return fuse_is_code(e->plan, n) || cu_is_codes(e, n);
}
bool cu_has_numbers(const Cu *e, const IrNode *x, int64_t cols) {
    return x->rspace == e->pass->space && !x->cspace && x->cols >= cols && !fuse_is_sparse(e->f, x) &&
           !fuse_is_code(e->plan, x);
}
bool cu_is_codes(const Cu *e, const IrNode *n) {
    return fuse_is_sparse(e->f, n) && fuse_block(e->f, n)->data->kind == MAT_CODES;
}
/* The 0-based column of a one-hot row, or any number outside for none. */
const char *cu_index_column(Cu *e, const IrNode *n, const char *b) {
    const IrNode *x = n->args[0];
    bool whole = x->op == IR_ROWARGMIN || x->op == IR_ROWARGMAX;
    if (whole && e->in_lanes && cu_in_pass(e, x)) return arena_printf(e->arena, "(at%d - 1)", x->id);
    const char *text = e->pass ? cu_cell(e, x, b, "0") : cu_stored_cell(e, x, b, "0");
    return arena_printf(e->arena, whole ? "((int)%s - 1)" : "column_of(%s)", text);
}

/* ---- cells ---- */
/* The number of a row in the script's order, where rows of its space are sorted. */
static const char *row_number(Cu *e, const IrNode *n, const char *row) {
    if (!e->f->spaces.data[n->rspace].order) return row;
    return arena_printf(e->arena, "%s[%s]", cu_bind(e, BIND_ORDER, 0, n->rspace), row);
}
static const char *at_row(Cu *e, const char *base, int64_t cols, int64_t ld, const char *row, const char *j) {
    if (ld == 1) return arena_printf(e->arena, "%s[%s]", base, row);
    return arena_printf(e->arena, "%s[(%s) * %lld + %s]", base, row, (long long)ld, cols == 1 ? "0" : j);
}
const char *cu_stored_cell(Cu *e, const IrNode *n, const char *row, const char *j) {
    if (!n->rspace) return cu_small(e, n, "0", n->cols == 1 ? "0" : j);
    switch (n->op) {
    case IR_FULL: return cu_constant(e, n);
    case IR_IOTA: return arena_printf(e->arena, "(double)(%s + 1)", row_number(e, n, row));
    case IR_COUNT: return at_row(e, cu_bind(e, BIND_COUNT, n->table, n->indicator), 1, 1, row, j);
    case IR_DATA: {
        const char *cell =
            at_row(e, cu_bind(e, BIND_DENSE, n->table, n->block), n->cols, fuse_block(e->f, n)->data->ld, row, j);
        return fuse_is_single(e->f, n) ? arena_printf(e->arena, "(double)%s", cell) : cell;
    }
    default: return at_row(e, cu_value(e, n, false), n->cols, n->cols, row, j);
    }
}
static const char *tile_cell(Cu *e, const char *stem, const IrNode *n, const char *b, const char *j) {
    if (n->cols == 1) return arena_printf(e->arena, "%s%d[%s]", stem, n->id, b);
    return arena_printf(e->arena, "%s%d[(%s) * %lld + %s]", stem, n->id, b, (long long)cu_stride(e, n), j);
}
/* Of a thread's own columns, the one that is c (emit_lanes.c). */
static const char *lane_cell(Cu *e, const char *stem, const IrNode *n) {
    return arena_printf(e->arena, n->cols == 1 ? "%s%d" : "%s%d[k]", stem, n->id);
}
/* Row b of the tile; where threads hold rows, each its own. */
static const char *row_here(Cu *e, const char *b) {
    return e->in_lanes ? "i" : arena_printf(e->arena, "i + %s", b);
}
const char *cu_code(Cu *e, const IrNode *x) {
    return arena_printf(e->arena, "%s[%s]", cu_row_bind(e, BIND_CODES, x->table, x->block), row_here(e, "b"));
}
const char *cu_index_row(Cu *e, int table, int indicator, const char *b) {
    const char *name = cu_row_bind(e, BIND_INDEX, table, indicator);
    for (int k = 0; e->pass && k < e->indexes.len; k++)
        if (e->indexes.data[k].table == table && e->indexes.data[k].indicator == indicator)
            return arena_printf(e->arena, e->in_lanes ? "r_%s" : "s_%s[%s]", name, b);
    return arena_printf(e->arena, "%s[%s]", name, row_here(e, b));
}
/* Values kept by kernels may have one more row, of zeros, for "none"; leaves have not. */
static bool reads_any_row(Cu *e, const IrNode *n) {
    const IrNode *u = n->args[0];
    if (e->f->tables.data[n->table].data->indicators[n->indicator].total) return true;
    bool leaf = u->op == IR_DATA || u->op == IR_COUNT || u->op == IR_FULL || u->op == IR_INPUT || u->op == IR_IOTA;
    int slot = leaf ? -1 : cu_slot(e->out, u);
    if (slot < 0 || n->num != 0) return false;
    e->out->slots.data[slot].none_row = true;
    return true;
}
static const char *gather_cell(Cu *e, const IrNode *n, const char *b, const char *j) {
    const IrNode *u = n->args[0];
    const char *row = cu_index_row(e, n->table, n->indicator, b);
    const char *cell = cu_stored_cell(e, u, arena_printf(e->arena, "(int64_t)%s", row), u->cols == 1 ? "0" : j);
    if (reads_any_row(e, n)) return cell;
    return arena_printf(e->arena, "(%s < %s ? %s : %s)", row, cu_arg(e, ARG_ROWS, u->rspace), cell,
                        cu_number(e, n->num));
}
int64_t cu_row_distance(const Cu *e, const IrNode *x) {
    return x->op == IR_DATA ? fuse_block(e->f, x)->data->ld : x->cols;
}
const char *cu_gathered_rows(Cu *e, const IrNode *n, int64_t *distance) {
    const IrNode *u = n->args[0];
    if (u->op == IR_FULL || u->op == IR_IOTA || u->op == IR_COUNT || !u->rspace || !reads_any_row(e, n)) return NULL;
    *distance = cu_row_distance(e, u);
    return u->op == IR_DATA ? cu_bind(e, BIND_DENSE, u->table, u->block) : cu_value(e, u, false);
}
/* How a row node computes its cell (b, j), wherever the result is then kept. */
const char *cu_computed(Cu *e, const IrNode *n, const char *b, const char *j) {
    switch (n->op) {
    case IR_GATHER: return gather_cell(e, n, b, j);
    case IR_STORED: return cu_cell(e, n->args[0], b, j);
    case IR_SLICE_COLS:
        return cu_cell(e, n->args[0], b, n->i0 ? arena_printf(e->arena, "(%s + %lld)", j, (long long)n->i0) : j);
    case IR_TAKE_COLS: {
        const IrNode *index = n->args[1];
        const char *at = cu_small(e, index, index->cols == 1 ? j : "0", index->cols == 1 ? "0" : j);
        return cu_cell(e, n->args[0], b,
                       arena_printf(e->arena, "column_within(%s, %lld)", at, (long long)n->args[0]->cols));
    }
    case IR_RAND:
    case IR_RANDN:
        return arena_printf(e->arena, "%s(seed_of(%s), %s, %s)", n->op == IR_RAND ? "uniform_of" : "normal_of",
                            cu_cell(e, n->args[0], b, "0"), j, row_number(e, n, row_here(e, b)));
    default: {
        const char *x[3];
        for (int a = 0; a < n->nargs; a++) x[a] = cu_cell(e, n->args[a], b, n->args[a]->cols == 1 ? "0" : j);
        return cu_operator(e, n, x);
    }
    }
}
const char *cu_cell(Cu *e, const IrNode *n, const char *b, const char *j) {
    if (!n->rspace) return cu_small(e, n, "0", n->cols == 1 ? "0" : j);
    if (cu_in_pass(e, n)) {
        if (cu_is_local(e, n)) return e->in_lanes ? lane_cell(e, "t", n) : tile_cell(e, "t", n, b, j);
        if (!cu_is_kept(e, n)) return cu_computed(e, n, b, j);
    } else if (e->in_lanes && e->staged[n->id] && strcmp(j, "c") == 0) {
        return lane_cell(e, "x", n);
    } else if (!e->in_lanes && e->staged && e->staged[n->id]) {
        return tile_cell(e, fuse_is_single(e->f, n) ? "(double)s" : "s", n, b, j);
    }
    e->own_rows = true;
    const char *cell = cu_stored_cell(e, n, row_here(e, b), j);
    e->own_rows = false;
    return cell;
}
const char *cu_small(Cu *e, const IrNode *n, const char *r, const char *c) {
    if (n->op == IR_CONST || n->op == IR_FULL) return cu_constant(e, n);
    if (n->op == IR_IOTA) return n->rows == 1 ? "1.0" : arena_printf(e->arena, "(double)(%s + 1)", r);
    const char *m = cu_value(e, n, false);
    if (cu_is_scalar(n)) return arena_printf(e->arena, "%s[0]", m);
    if (n->rows == 1) return arena_printf(e->arena, "%s[%s]", m, c);
    if (n->cols == 1) return arena_printf(e->arena, "%s[%s]", m, r);
    return arena_printf(e->arena, "%s[(%s) * %lld + %s]", m, r, (long long)n->cols, c);
}
