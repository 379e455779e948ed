/* emit_mma.c: products of a pass by the FP64 operation of the tensor cores (prelude.cuh: mma).
 *
 * Passes are held up by loads from shared memory and from the first cache, not by arithmetic: a thread that makes cells
 * of its own loads a number for every one or two multiplications. A warp that multiplies 8 x 4 by 4 x 8 numbers loads
 * each once for eight. What comes of it:
 *
 *   x @ small        a warp takes 8 rows of the tile at a time; the small matrix is in registers for all tiles, where
 *                    it has a few dozen cells a row of lanes, or is read once for as many rows as a warp has
 *   x' @ y           squares of 8 x 8 cells of the sums are in registers for all tiles; warps share the tile's rows, or
 *                    the squares where a warp has no room for all
 *   one-hot' @ x     the same; the one-hot operand is made from the codes
 *
 * How many registers a pass has for what stays in them decides, before its tile is planned, what is made so; the rest
 * is left to emit_row.c and emit_reduce.c. Sums are added in one order, the same in every run. */
#include "backends/cuda/emit.h"

/* Doubles that a lane keeps over all tiles, of them for one small matrix, and for cells of rows that are being made:
 * with what addresses and loads take about 128 registers. */
enum { HELD_MOST = 36, MATRIX_MOST = 20, MAKING_MOST = 16, FEW_HELD = 24, WARPS = CUDA_THREADS / 32 };

static int64_t eighths(int64_t cells) {
    return (cells + 7) / 8;
}
/* By shape; whether the rows then stand in the tile is another question (cu_in_tile). */
static bool multiplies_rows(const Cu *e, const IrNode *n) {
    if (n->op != IR_MATMUL || FUSE(n)->kind != FUSE_ROW || n->cols < 3 || cu_is_product(e, n)) return false;
    const IrNode *y = n->args[1];
    return cu_has_numbers(e, n->args[0], 4) && y->op != IR_CONST && y->op != IR_FULL && y->op != IR_IOTA;
}
static bool adds_products(const Cu *e, const IrNode *n) {
    if (n->op != IR_MATMUL || FUSE(n)->kind != FUSE_REDUCE || cu_is_product(e, n) || cu_needs_segments(e, n))
        return false;
    return cu_has_numbers(e, n->args[0], 3) && cu_has_numbers(e, n->args[1], 3);
}
/* The operand with numbers, where the other is one-hot. */
static const IrNode *added_by_code(const Cu *e, const IrNode *n) {
    if (n->op != IR_MATMUL || FUSE(n)->kind != FUSE_REDUCE || cu_is_product(e, n) || cu_needs_segments(e, n))
        return NULL;
    for (int a = 0; a < 2; a++) {
        const IrNode *code = n->args[a], *v = n->args[1 - a];
        if (cu_is_one_hot(e, code) && cu_has_numbers(e, v, 3)) return v;
    }
    return NULL;
}

/* ---- distances between rows ---- */
static bool reads_fragments(const Cu *e, const IrNode *u, const IrNode *x) {
    return (multiplies_rows(e, u) && u->args[0] == x) || adds_products(e, u) || added_by_code(e, u) == x;
}
/* One thread reads the row, cell by cell. */
static bool reads_by_row(const Cu *e, const IrNode *u) {
    if (FUSE(u)->kind != FUSE_ROW || multiplies_rows(e, u)) return false;
    if (u->cols == 1 || u->op == IR_MATMUL) return true;
    return cu_is_inline(e, u) && reads_by_row(e, FUSE(u)->only_user);
}
/* An odd distance keeps threads that read one column off each other's banks; 4, 12, 20 … does so for a warp that reads
 * four rows of four cells, and lets rows be copied 16 bytes at a time. */
int64_t cu_stride(const Cu *e, const IrNode *x) {
    if (x->cols <= 1) return 1;
    int64_t odd = x->cols | 1, wide = (x->cols + 3) / 8 * 8 + 4;
    if (wide - x->cols > 4) return odd;
    bool fragments = false;
    for (int k = 0; k < e->pass->nodes.len; k++) {
        const IrNode *u = e->pass->nodes.data[k];
        for (int a = 0; a < u->nargs; a++) {
            if (u->args[a] != x) continue;
            if (reads_by_row(e, u)) return odd;
            fragments = fragments || reads_fragments(e, u, x);
        }
    }
    return fragments ? wide : odd;
}

/* ---- what a pass has room for ---- */
/* How warps share the squares of sums: `down` x `across` of them, the rest take other rows of the tile. Least loads, of
 * those that the registers allow; 64 doubles held are as bad as twice the loads. Codes are one load however many. */
static bool share_squares(CuMma *to, int64_t rows, int64_t cols, bool codes, int room) {
    int64_t best = 0;
    to->held = 0;
    for (int down = 1; down <= WARPS; down *= 2)
        for (int across = 1; down * across <= WARPS; across *= 2) {
            int64_t high = (eighths(rows) + down - 1) / down, wide = (eighths(cols) + across - 1) / across;
            int64_t held = 2 * high * wide, cost = down * across * ((codes ? 1 : high) + wide) * (64 + held);
            if (held > room || (to->held && cost >= best)) continue;
            best = cost;
            *to = (CuMma){(int)high, (int)wide, across, down * across, (int)held};
        }
    return to->held > 0;
}
/* As few warps side by side as have room for their columns of the small matrix; none has: it is read for each tile. */
static void share_matrix(CuMma *to, const IrNode *n, int room) {
    int64_t all = eighths(n->cols);
    *to = (CuMma){.wide = (int)all, .across = 1, .warps = 1};
    for (int across = 1; across <= WARPS && across <= all; across *= 2) {
        int64_t wide = (all + across - 1) / across, held = (n->args[0]->cols + 3) / 4 * wide;
        if (held > MATRIX_MOST || held > room || 2 * wide > MAKING_MOST) continue;
        *to = (CuMma){1, (int)wide, across, across, (int)held};
        return;
    }
}
/* Sums of the pass that threads own rectangles of (emit_reduce.c) hold about so many doubles. */
static int held_otherwise(const Cu *e, const FusePass *pass) {
    int64_t held = 0;
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        if (FUSE(n)->kind != FUSE_REDUCE || e->mma[n->id].held || cu_is_product(e, n) || cu_needs_segments(e, n))
            continue;
        held += n->rows * n->cols < 256 ? n->rows * n->cols / 8 : 32;
    }
    return (int)held;
}
/* Sums first: they would have to be read and written otherwise. */
int cu_mma_plan(Cu *e, const FusePass *pass) {
    int room = HELD_MOST;
    bool any = false;
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        CuMma *to = &e->mma[n->id];
        *to = (CuMma){0};
        const IrNode *v = added_by_code(e, n);
        bool codes_across = v && v == n->args[0];
        if (!v && !adds_products(e, n)) continue;
        int64_t rows = codes_across ? n->cols : n->rows, cols = codes_across ? n->rows : n->cols;
        any = share_squares(to, rows, cols, v != NULL, room) || any;
        room -= to->held;
    }
    for (int k = 0; k < pass->nodes.len; k++) {
        const IrNode *n = pass->nodes.data[k];
        if (!multiplies_rows(e, n)) continue;
        share_matrix(&e->mma[n->id], n, room);
        room -= e->mma[n->id].held;
        any = true;
    }
    int held = HELD_MOST - room + held_otherwise(e, pass);
    return !any || held > HELD_MOST ? 0 : held <= FEW_HELD ? 5 : 4;
}
bool cu_mma_by_code(const Cu *e, const IrNode *n) {
    return e->mma[n->id].held && added_by_code(e, n);
}

/* ---- text ---- */
static const char *row_at(Cu *e, const IrNode *x, const char *b) {
    return arena_printf(e->arena, "%s%d + %s * %lld", cu_in_pass(e, x) ? "t" : "s", x->id, b,
                        (long long)cu_stride(e, x));
}
typedef struct Small { /* cells of the small matrix of rows @ small: r * along + c * across */
    const char *base;
    long long rows, cols, along, across;
} Small;
static Small small_of(Cu *e, const IrNode *n) {
    const IrNode *y = n->args[1];
    long long ld = (long long)y->cols;
    return (Small){cu_value(e, y, false), (long long)n->args[0]->cols, (long long)n->cols, n->tb ? 1 : ld,
                   n->tb ? ld : 1};
}
/* The cells c of rows b, columns j, that a warp has made. */
static void leave_cells(Cu *e, const IrNode *n, int count, const char *b, const char *j) {
    LINE("#pragma unroll");
    LINE("    for (int u = 0; u < %d; u++) {", count);
    LINE("        const int b = %s, j = %s;", b, j);
    LINE("        if (b < m && j < %lld) %s;", (long long)n->cols, cu_row_result(e, n, "j", "c[u]"));
    LINE("    }");
}
static void rows_by_held(Cu *e, const IrNode *n, CuMma how, Small y) {
    const char *first =
        how.across > 1 ? arena_printf(e->arena, "threadIdx.x / 32 %% %d * %d", how.across, 8 * how.wide) : "0";
    TOP("double w%d[%d]; /* %s */", n->id, how.held, cu_where(e, n));
    TOP("hold_matrix<%lld, %lld, %lld, %lld, %d>(w%d, %s, %s);", y.rows, y.cols, y.along, y.across, how.wide, n->id,
        y.base, first);
    LINE("#pragma unroll 1"); /* registers are few */
    LINE("for (int at = threadIdx.x / %d * 8; at < m; at += %d) { /* %s */", 32 * how.warps,
         8 * e->kernel->threads / 32 / how.warps, cu_where(e, n));
    LINE("    double c[%d] = {0};", 2 * how.wide);
    LINE("    multiply_held<%lld, %d>(c, %s, w%d);", y.rows, how.wide, row_at(e, n->args[0], "(at + row_of_square())"),
         n->id);
    leave_cells(e, n, 2 * how.wide, "at + row_of_square()", arena_printf(e->arena, "%s + column_of_square(u)", first));
    LINE("}");
}
/* All the rows that a warp has of the tile at once, and as many columns as there is room for. */
static void rows_by_read(Cu *e, const IrNode *n, CuMma how, Small y) {
    int apart = 8 * e->kernel->threads / 32, high = (e->tile + apart - 1) / apart, wide = how.wide;
    while (wide > 1 && 2 * high * wide > MAKING_MOST) wide = (wide + 1) / 2;
    LINE("for (int first = 0; first < %lld; first += %d) { /* %s */", y.cols, 8 * wide, cu_where(e, n));
    LINE("    const int at = threadIdx.x / 32 * 8;");
    LINE("    double c[%d] = {0};", 2 * high * wide);
    LINE("    multiply<%lld, %lld, %lld, %lld, %d, %d, %lld, %d>(c, %s, %s, first);", y.rows, y.cols, y.along, y.across,
         high, wide, (long long)cu_stride(e, n->args[0]), apart, row_at(e, n->args[0], "(at + row_of_square())"),
         y.base);
    leave_cells(e, n, 2 * high * wide, arena_printf(e->arena, "at + u / %d * %d + row_of_square()", 2 * wide, apart),
                arena_printf(e->arena, "first + column_of_square(u %% %d)", 2 * wide));
    LINE("}");
}
bool cu_mma_rows(Cu *e, const IrNode *n) {
    CuMma how = e->mma[n->id];
    if (!how.warps || !cu_in_tile(e, n->args[0])) return false;
    (how.held ? rows_by_held : rows_by_read)(e, n, how, small_of(e, n));
    return true;
}
/* Over the tile's rows, four at a time, that this warp has: row b is this lane's. */
static void rows_begin(Cu *e, const IrNode *n, CuMma how) {
    LINE("for (int at = threadIdx.x / %d * 4; at < m; at += %d) { /* %s */", 32 * how.warps,
         4 * e->kernel->threads / 32 / how.warps, cu_where(e, n));
    LINE("    const int b = at + threadIdx.x %% 4;");
}
bool cu_mma_sums(Cu *e, const IrNode *n, int parts) {
    CuMma how = e->mma[n->id];
    const IrNode *v = added_by_code(e, n), *x = v ? v : n->args[0], *y = v ? v : n->args[1];
    if (!how.held || !cu_in_tile(e, x) || !cu_in_tile(e, y)) return false;
    bool turned = v && v == n->args[0]; /* squares have the codes down */
    long long rows = (long long)(turned ? n->cols : n->rows), cols = (long long)(turned ? n->rows : n->cols);
    TOP("double g%d[%d] = {0}; /* %s */", n->id, how.held, cu_where(e, n));
    rows_begin(e, n, how);
    const char *shape =
        arena_printf(e->arena, "%lld, %lld, %d, %d, %d, %d", rows, cols, how.high, how.wide, how.across, how.warps);
    if (v) {
        LINE("    const int code = b < m ? %s : -1;", cu_column_of(e, n->args[turned]));
        LINE("    add_by_code<%s>(g%d, code, %s, b < m);", shape, n->id, row_at(e, v, "b"));
    } else {
        LINE("    add_products<%s>(g%d, %s, %s, b < m);", shape, n->id, row_at(e, x, "b"), row_at(e, y, "b"));
    }
    LINE("}");
    TAIL("leave_squares<%s>(g%d, %lld, %lld, fresh, %s);", shape, n->id, turned ? 1 : cols, turned ? rows : 1,
         cu_arg(e, ARG_PARTS, parts));
    return true;
}
