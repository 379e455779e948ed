/* emit_lanes.c: passes whose values are one number a row: a gradient, a loss, scores. Nothing of them stands in shared
 * memory. Neighbouring threads, the lanes of a row, hold its numbers in registers, straight from memory in pairs; they
 * add up its products by shuffles, all of them compute the row's own values, and each adds to the sums of its columns.
 * A row is read once, there is nothing to wait for but memory, and shared memory's loads, which bound a pass that
 * copies its rows there, fall away.
 *
 * As many lanes as keep what a thread holds in registers; at least so many that the lanes of a row read a whole sector
 * of memory at once. */
#include "backends/cuda/emit.h"

enum { SECTOR_BYTES = 32, HELD_MOST = 12, KEPT_MOST = 32, HELD_WIDE = 16, KEPT_WIDE = 48, LANES_MOST = 32 };

/* ---- which passes ---- */
/* Rows of numbers in memory, several to a row. */
static bool is_held(const Cu *e, const FusePass *pass, const IrNode *x) {
    if (x->rspace != pass->space || x->cspace || x->cols < 2 || fuse_is_sparse(e->f, x)) return false;
    if (x->op == IR_FULL || x->op == IR_IOTA || x->op == IR_COUNT) return false;
    return FUSE(x)->kind != FUSE_ROW || FUSE(x)->pass != pass->id;
}
static bool is_number(const Cu *e, const IrNode *x) {
    return x->cols == 1 && !x->cspace && !fuse_is_sparse(e->f, x);
}
static bool is_row_value(const Cu *e, const FusePass *pass, const IrNode *n) {
    if (n->cols != 1 || n->cspace || cu_is_product(e, n)) return false;
    const IrNode *x = n->nargs ? n->args[0] : NULL;
    switch (n->op) {
    case IR_MATMUL: return is_held(e, pass, x) || fuse_is_sparse(e->f, x) || is_number(e, x);
    case IR_ROWSUMS: return is_held(e, pass, x);
    case IR_ROWMIN:
    case IR_ROWMAX:
    case IR_ROWARGMIN:
    case IR_ROWARGMAX:
    case IR_EXPAND:
    case IR_CBIND:
    case IR_ONEHOT: return false;
    default: return true;
    }
}
static bool is_sum(const Cu *e, const FusePass *pass, const IrNode *n) {
    if (cu_is_product(e, n)) return false;
    const IrNode *x = n->args[0];
    bool held = is_held(e, pass, x);
    switch (n->op) {
    case IR_SUM:
    case IR_MINALL:
    case IR_MAXALL: return is_number(e, x);
    case IR_COLSUMS:
    case IR_COLMIN:
    case IR_COLMAX: return held || is_number(e, x);
    case IR_MATMUL:
        if (held) return is_number(e, n->args[1]);
        return is_number(e, x) && (is_held(e, pass, n->args[1]) || is_number(e, n->args[1]));
    default: return false;
    }
}
/* The held operand of a sum or a product; NULL: none. */
static const IrNode *held_operand(const Cu *e, const FusePass *pass, const IrNode *n) {
    bool two = n->op == IR_MATMUL && FUSE(n)->kind == FUSE_REDUCE;
    for (int a = 0; a < (two ? 2 : 1) && a < n->nargs; a++)
        if (is_held(e, pass, n->args[a])) return n->args[a];
    return NULL;
}
static int64_t row_distance(const Cu *e, const IrNode *x) {
    return x->op == IR_DATA ? fuse_block(e->f, x)->data->ld : x->cols;
}
/* Numbers are read in pairs where every row begins with one. */
static int at_once(const Cu *e, const IrNode *x) {
    return x->cols % 2 || row_distance(e, x) % 2 ? 1 : 2;
}
static int64_t held_by(const Cu *e, const IrNode *x, int lanes) {
    int wide = at_once(e, x);
    return (x->cols + wide * lanes - 1) / (wide * lanes) * wide;
}
typedef VEC(const IrNode *) NodeVec;
static bool contains(const NodeVec *v, const IrNode *n) {
    for (int i = 0; i < v->len; i++)
        if (v->data[i] == n) return true;
    return false;
}
/* false: the pass has values or sums of another kind. held: what its threads have of memory's rows. */
static bool find_held(const Cu *e, const FusePass *pass, NodeVec *held) {
    bool any = false;
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        if (FUSE(n)->kind == FUSE_REDUCE && cu_needs_segments(e, n)) continue;
        if (FUSE(n)->kind == FUSE_ROW ? !is_row_value(e, pass, n) : !is_sum(e, pass, n)) return false;
        any = true;
        const IrNode *x =
            n->op == IR_MATMUL || n->op == IR_ROWSUMS || FUSE(n)->kind == FUSE_REDUCE ? held_operand(e, pass, n) : NULL;
        if (x && !contains(held, x)) vec_push(e->arena, held, x);
    }
    return any;
}
static bool fits(const Cu *e, const FusePass *pass, const NodeVec *held, int lanes, int64_t most, int64_t in_all) {
    int64_t numbers = 0, sums = 0;
    for (int i = 0; i < held->len; i++) numbers += held_by(e, held->data[i], lanes);
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        if (FUSE(n)->kind != FUSE_REDUCE || cu_needs_segments(e, n)) continue;
        const IrNode *x = held_operand(e, pass, n);
        sums += x ? held_by(e, x, lanes) : 1;
    }
    return numbers <= most && numbers + sums <= in_all;
}
static int fewest_lanes(const Cu *e, const NodeVec *held) {
    int fewest = 1;
    for (int i = 0; i < held->len; i++) {
        const IrNode *x = held->data[i];
        int wide = at_once(e, x), bytes = wide * (fuse_is_single(e->f, x) ? 4 : 8), lanes = 1;
        while (lanes * bytes < SECTOR_BYTES && lanes * wide < x->cols) lanes *= 2;
        if (lanes > fewest) fewest = lanes;
    }
    return fewest;
}
/* 0: the pass is not one of these. */
static int lanes_for(const Cu *e, const FusePass *pass, NodeVec *held) {
    if (!find_held(e, pass, held)) return 0;
    for (int lanes = fewest_lanes(e, held); lanes <= LANES_MOST; lanes *= 2)
        if (fits(e, pass, held, lanes, HELD_MOST, KEPT_MOST)) return lanes;
    return fits(e, pass, held, LANES_MOST, HELD_WIDE, KEPT_WIDE) ? LANES_MOST : 0;
}

/* ---- text ---- */
typedef struct Lanes {
    Cu *e;
    const FusePass *pass;
    NodeVec held;
    int lanes;
} Lanes;
/* The template arguments that say how x is held. */
static const char *how_held(const Lanes *l, const IrNode *x) {
    return arena_printf(l->e->arena, "%lld, %d, %d", (long long)x->cols, l->lanes, at_once(l->e, x));
}
static void hold_rows(const Lanes *l) {
    Cu *e = l->e;
    for (int i = 0; i < l->held.len; i++) {
        const IrNode *x = l->held.data[i];
        const char *base = x->op == IR_DATA ? cu_row_bind(e, BIND_DENSE, x->table, x->block) : cu_own_rows(e, x);
        LINE("double x%d[%lld];", x->id, (long long)held_by(e, x, l->lanes));
        LINE("hold_row<%s>(x%d, %s + i * %lld, lane);", how_held(l, x), x->id, base, (long long)row_distance(e, x));
    }
}
/* For each number of x that a thread holds: k, and its column c. */
static void each_held(const Lanes *l, const IrNode *x, const char *statement) {
    Cu *e = l->e;
    LINE("#pragma unroll");
    LINE("for (int k = 0; k < %lld; k++) {", (long long)held_by(e, x, l->lanes));
    LINE("    const int c = held_column<%d, %d>(lane, k);", l->lanes, at_once(e, x));
    LINE("    if (c < %lld) %s;", (long long)x->cols, statement);
    LINE("}");
}
static void row_product(const Lanes *l, const IrNode *n) {
    Cu *e = l->e;
    const IrNode *x = n->args[0];
    const char *s = arena_printf(e->arena, "t%d", n->id);
    bool sums = n->op == IR_ROWSUMS;
    LINE("double %s = 0; /* %s */", s, cu_where(e, n));
    if (cu_is_codes(e, x)) {
        LINE("const int a%d = %s[i];", n->id, cu_row_bind(e, BIND_CODES, x->table, x->block));
        LINE("if (a%d >= 0) %s = %s;", n->id, s, cu_small_at(e, n, arena_printf(e->arena, "a%d", n->id), "0"));
        return;
    }
    if (cu_is_csr(e, x)) {
        const char *rows = cu_row_bind(e, BIND_ROWPTR, x->table, x->block);
        LINE("for (int64_t p = %s[i] + lane; p < %s[i + 1]; p += %d)", rows, rows, l->lanes);
        LINE("    %s += %s * %s;", s, cu_csr_value(e, x, true), cu_small_at(e, n, cu_csr_column(e, x, true), "0"));
    } else {
        const char *of = sums ? "" : arena_printf(e->arena, " * %s", cu_small_at(e, n, "c", "0"));
        each_held(l, x, arena_printf(e->arena, "%s += x%d[k]%s", s, x->id, of));
    }
    if (l->lanes > 1) LINE("%s = lanes_total<%d>(%s);", s, l->lanes, s);
}
static void row_value(const Lanes *l, const IrNode *n) {
    Cu *e = l->e;
    if (cu_is_inline(e, n)) return;
    const IrNode *x = n->nargs ? n->args[0] : NULL;
    if ((n->op == IR_MATMUL && !is_number(e, x)) || n->op == IR_ROWSUMS) {
        row_product(l, n);
    } else {
        const char *v = n->op == IR_MATMUL
                            ? arena_printf(e->arena, "%s * %s", cu_cell(e, x, "0", "0"), cu_small_at(e, n, "0", "0"))
                            : cu_computed(e, n, "0", "0");
        LINE("const double t%d = %s; /* %s */", n->id, v, cu_where(e, n));
    }
    if (cu_is_kept(e, n) && !FUSE(n)->in_place) LINE("if (own) %s[i] = t%d;", cu_value(e, n, true), n->id);
}
static void sum(const Lanes *l, const IrNode *n) {
    Cu *e = l->e;
    int parts = cu_new_parts(e, n), id = n->id;
    const IrNode *x = held_operand(e, l->pass, n);
    const char *g = arena_printf(e->arena, x ? "g%d[k]" : "g%d", id), *to = cu_arg(e, ARG_PARTS, parts);
    const char *v[2] = {NULL, NULL};
    for (int a = 0; a < n->nargs && a < 2; a++)
        v[a] = n->args[a] == x ? arena_printf(e->arena, "x%d[k]", x->id) : cu_cell(e, n->args[a], "0", "0");
    const char *term = n->op == IR_MATMUL ? arena_printf(e->arena, "%s * %s", v[0], v[1]) : v[0];
    if (x) {
        long long held = (long long)held_by(e, x, l->lanes);
        TOP("double g%d[%lld]; /* %s */", id, held, cu_where(e, n));
        TOP("for (int k = 0; k < %lld; k++) g%d[k] = %s;", held, id, cu_neutral(n));
        LINE("#pragma unroll");
        LINE("for (int k = 0; k < %lld; k++)", held);
        LINE("    if (there) %s = %s;", g, cu_combined(e, n, g, term));
        TAIL("leave_held<%s>(g%d, %d, fresh, %s);", how_held(l, x), id, cu_how(n), to);
    } else {
        TOP("double g%d = %s; /* %s */", id, cu_neutral(n), cu_where(e, n));
        LINE("if (own) %s = %s;", g, cu_combined(e, n, g, term));
        TAIL("leave_shares(g%d, 1, %d, 0, fresh, %s, 1);", id, cu_how(n), to);
    }
}
bool cu_pass_in_lanes(Cu *e, const FusePass *pass) {
    Lanes l = {.e = e, .pass = pass};
    l.lanes = lanes_for(e, pass, &l.held);
    if (!l.lanes) return false;
    int threads = CUDA_LANE_THREADS, rows = threads / l.lanes;
    e->pass = pass;
    e->in_lanes = true;
    e->indexes.len = 0;
    memset(e->staged, 0, sizeof *e->staged * (size_t)e->f->next_id);
    memset(e->scratched, 0, sizeof *e->scratched * (size_t)e->f->next_id);
    CudaKernel *kernel =
        cu_kernel_begin(e, arena_printf(e->arena, "pass_%d", pass->id), GRID_TILES, threads, pass->nodes.data[0]);
    kernel->space = pass->space;
    kernel->tile = rows;
    kernel->lanes = l.lanes;
    kernel->pass = pass;
    const char *first = cu_arg(e, ARG_FIRST, 0), *last = cu_arg(e, ARG_LAST, 0);
    TOP("const int lane = threadIdx.x %% %d; /* %d thread%s a row */", l.lanes, l.lanes, l.lanes == 1 ? "" : "s");
    TOP("(void)lane;");
    LINE("for (int64_t at = %s + (int64_t)blockIdx.x * %d; at < %s; at += (int64_t)gridDim.x * %d) {", first, rows,
         last, rows);
    e->indent++;
    /* behind the end the last row is read again: all lanes of a warp go on together */
    LINE("const int64_t row = at + threadIdx.x / %d, i = row < %s ? row : %s - 1;", l.lanes, last, last);
    LINE("const bool there = row < %s, own = there && lane == 0;", last);
    LINE("(void)there, (void)own;");
    hold_rows(&l);
    for (int k = 0; k < pass->nodes.len; k++)
        if (FUSE(pass->nodes.data[k])->kind == FUSE_ROW) row_value(&l, pass->nodes.data[k]);
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        if (FUSE(n)->kind == FUSE_REDUCE && !cu_needs_segments(e, n)) sum(&l, n);
    }
    bool waits = l.lanes > 1; /* other lanes may still read the carried value */
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        if (FUSE(n)->kind != FUSE_ROW || !FUSE(n)->in_place) continue;
        if (waits) LINE("__syncwarp();");
        waits = false;
        LINE("if (own) %s[i] = t%d;", cu_value(e, n, true), n->id);
    }
    e->indent--;
    LINE("}");
    cu_kernel_end(e);
    e->in_lanes = false;
    e->pass = NULL;
    return true;
}
