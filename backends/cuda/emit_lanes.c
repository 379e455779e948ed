/* emit_lanes.c: passes whose rows are narrow enough for registers: gradients, losses, assignments to centres, factors,
 * X'X of some columns. Nothing of them stands in shared memory, and no thread waits for another.
 *
 * Neighbouring threads, the lanes of a row, hold its numbers, straight from memory in pairs; they compute the row's
 * values, each its own columns of them, and add to the sums of these columns. A row is read once, and shared memory's
 * loads, which bound a pass that copies its rows there, fall away.
 *
 * Where every value is one number a row, products are added up by shuffles, with as many lanes as keep what a thread
 * holds in registers; at least so many that the lanes of a row read a whole sector of memory at once. Where values have
 * columns, there are four lanes a row, each with every fourth pair of columns: as the fragments of FP64 matrix
 * operations lie, so that a row's numbers are the first operand of its product by a small matrix, and the result is
 * held as they are (prelude.cuh). Sums of products over rows are matrix operations on the same numbers, turned by
 * shuffles. */
#include "backends/cuda/emit.h"

enum { SECTOR_BYTES = 32, HELD_MOST = 12, KEPT_MOST = 32, HELD_WIDE = 16, KEPT_WIDE = 48, LANES_MOST = 32 };
enum { LIGHT_KEPT = 24, MATRIX_LANES = 4, MATRIX_LIGHT = 40, MATRIX_KEPT = 52, FRAGMENTS_KEPT = 56 };
typedef VEC(const IrNode *) NodeVec;
typedef struct Lanes {
    Cu *e;
    const FusePass *pass;
    NodeVec held;          /* what its threads hold of memory's rows */
    NodeVec turned, codes; /* what has been declared of sums' operands */
    int lanes;
    bool matrices;  /* values have columns */
    bool fragments; /* small matrices stay in registers, too */
    bool light;     /* 24 warps have room in a multiprocessor's registers, else 20 */
} Lanes;

/* ---- operands ---- */
static bool is_own(const Lanes *l, const IrNode *x) {
    return FUSE(x)->kind == FUSE_ROW && FUSE(x)->pass == l->pass->id;
}
static bool is_dense(const Lanes *l, const IrNode *x) {
    return cu_has_numbers(l->e, x, 1);
}
/* Rows of numbers in memory, several to a row. */
static bool is_held(const Lanes *l, const IrNode *x) {
    return is_dense(l, x) && x->cols > 1 && !is_own(l, x) && x->op != IR_FULL && x->op != IR_IOTA && x->op != IR_COUNT;
}
static bool is_number(const Lanes *l, const IrNode *x) {
    return is_dense(l, x) && x->cols == 1;
}
/* It stands in registers: numbers that have no memory are made where they are wanted. */
static bool has_registers(const Lanes *l, const IrNode *x) {
    return is_number(l, x) || is_held(l, x) || (is_dense(l, x) && is_own(l, x));
}
/* Numbers are read in pairs where every row begins with one. */
static bool in_pairs(const Lanes *l, const IrNode *x) {
    return x->cols % 2 == 0 && cu_row_distance(l->e, x) % 2 == 0;
}
static int wide(const Lanes *l, const IrNode *x) {
    return l->matrices || in_pairs(l, x) ? 2 : 1;
}
/* Numbers of a row that a lane has. */
static int64_t held_by(const Lanes *l, const IrNode *x) {
    int all = wide(l, x) * l->lanes;
    return (x->cols + all - 1) / all * wide(l, x);
}
static int64_t tiles(int64_t cols) {
    return (cols + 7) / 8;
}
static bool is_sum_here(const Lanes *l, const IrNode *n) {
    return FUSE(n)->kind == FUSE_REDUCE && !cu_needs_segments(l->e, n);
}
/* Rows' products that are added up to a matrix. */
static bool is_square(const IrNode *n) {
    return n->op == IR_MATMUL && FUSE(n)->kind == FUSE_REDUCE && n->rows > 1 && n->cols > 1;
}
static bool contains(const NodeVec *v, const IrNode *n) {
    for (int i = 0; i < v->len; i++)
        if (v->data[i] == n) return true;
    return false;
}

/* ---- which passes ---- */
static bool is_value(const Lanes *l, const IrNode *n) {
    if (n->cspace || !n->cols || cu_is_product(l->e, n)) return false;
    const IrNode *x = n->nargs ? n->args[0] : NULL;
    switch (n->op) {
    case IR_MATMUL: return has_registers(l, x) || fuse_is_sparse(l->e->f, x);
    case IR_ROWSUMS:
    case IR_ROWMIN:
    case IR_ROWMAX:
    case IR_ROWARGMIN:
    case IR_ROWARGMAX: return is_dense(l, x) && x->cols > 1;
    case IR_SLICE_COLS:
    case IR_TAKE_COLS: return !is_own(l, x) || x->cols == 1; /* other columns are other lanes' */
    case IR_EXPAND:
    case IR_CBIND: return false;
    default: return true;
    }
}
static bool is_sum(const Lanes *l, const IrNode *n) {
    if (cu_is_product(l->e, n) || !n->rows || !n->cols) return false;
    const IrNode *x = n->args[0];
    switch (n->op) {
    case IR_SUM:
    case IR_MINALL:
    case IR_MAXALL:
    case IR_COLMIN:
    case IR_COLMAX: return is_dense(l, x);
    case IR_COLSUMS: return is_dense(l, x) || cu_is_one_hot(l->e, x);
    case IR_SCATTER: return is_number(l, x) || fuse_is_code(l->e->plan, x);
    case IR_MATMUL: {
        const IrNode *y = n->args[1];
        return (has_registers(l, x) || cu_is_one_hot(l->e, x)) && (has_registers(l, y) || cu_is_one_hot(l->e, y)) &&
               !(cu_is_one_hot(l->e, x) && cu_is_one_hot(l->e, y));
    }
    default: return false;
    }
}
static void find_held(Lanes *l, const IrNode *n) {
    if (n->op == IR_GATHER || n->op == IR_SCATTER || n->op == IR_SLICE_COLS || n->op == IR_TAKE_COLS) return;
    for (int a = 0; a < n->nargs; a++)
        if (is_held(l, n->args[a]) && !contains(&l->held, n->args[a])) vec_push(l->e->arena, &l->held, n->args[a]);
}
/* false: the pass has values or sums of another kind. */
static bool look(Lanes *l) {
    bool any = false;
    for (int k = 0; k < l->pass->nodes.len; k++) {
        const IrNode *n = l->pass->nodes.data[k];
        bool row = FUSE(n)->kind == FUSE_ROW;
        if (!row && !is_sum_here(l, n)) continue;
        if (row ? !is_value(l, n) : !is_sum(l, n)) return false;
        l->matrices = l->matrices || (row && n->cols > 1) || is_square(n) ||
                      (!row && cu_is_one_hot(l->e, n->args[0])) ||
                      (!row && n->nargs > 1 && cu_is_one_hot(l->e, n->args[1]));
        find_held(l, n);
        any = true;
    }
    return any;
}
/* The operand whose columns a sum has a number of each for; NULL: it is one number, or a matrix. */
static const IrNode *sum_along(const IrNode *n) {
    if (n->op == IR_SUM || n->op == IR_MINALL || n->op == IR_MAXALL || n->op == IR_SCATTER || is_square(n)) return NULL;
    for (int a = 0; a < n->nargs; a++)
        if (n->args[a]->cols > 1) return n->args[a];
    return NULL;
}
static int64_t square_tiles(const IrNode *n) {
    int64_t high = tiles(n->rows), across = tiles(n->cols);
    return n->args[0] == n->args[1] ? high * (high + 1) / 2 : high * across;
}
/* Numbers that a thread keeps from one row to the next, and of one row; fragments: of small matrices. */
static int64_t kept(const Lanes *l, int64_t *fragments) {
    int64_t held = 0;
    *fragments = 0;
    for (int i = 0; i < l->held.len; i++) held += held_by(l, l->held.data[i]);
    NodeVec turned = {0};
    for (int k = 0; k < l->pass->nodes.len; k++) {
        const IrNode *n = l->pass->nodes.data[k], *x = n->nargs ? n->args[0] : NULL;
        if (FUSE(n)->kind == FUSE_ROW) {
            if (n->cols > 1 && n->op != IR_GATHER && !cu_is_inline(l->e, n) && !fuse_is_code(l->e->plan, n))
                held += held_by(l, n);
            if (n->op == IR_MATMUL && n->cols > 1 && x->cols > 1 && !fuse_is_sparse(l->e->f, x))
                *fragments += held_by(l, x) * tiles(n->cols);
        } else if (is_sum_here(l, n)) {
            held += is_square(n) ? 2 * square_tiles(n) : sum_along(n) ? held_by(l, sum_along(n)) : 1;
            for (int a = 0; is_square(n) && a < 2; a++)
                if (!contains(&turned, n->args[a])) {
                    vec_push(l->e->arena, &turned, n->args[a]);
                    held += 2 * tiles(n->args[a]->cols);
                }
        }
    }
    return held;
}
static bool fits(const Lanes *l, int64_t most, int64_t in_all) {
    int64_t numbers = 0, fragments;
    for (int i = 0; i < l->held.len; i++) numbers += held_by(l, l->held.data[i]);
    return numbers <= most && kept(l, &fragments) <= in_all;
}
static int fewest_lanes(const Lanes *l) {
    int fewest = 1;
    for (int i = 0; i < l->held.len; i++) {
        const IrNode *x = l->held.data[i];
        int pair = wide(l, x), bytes = pair * (fuse_is_single(l->e->f, x) ? 4 : 8), lanes = 1;
        while (lanes * bytes < SECTOR_BYTES && lanes * pair < x->cols) lanes *= 2;
        if (lanes > fewest) fewest = lanes;
    }
    return fewest;
}
static bool choose_lanes(Lanes *l) {
    if (!look(l)) return false;
    int64_t fragments, numbers;
    if (l->matrices) {
        l->lanes = MATRIX_LANES;
        numbers = kept(l, &fragments);
        l->fragments = numbers + fragments <= FRAGMENTS_KEPT;
        l->light = numbers + (l->fragments ? fragments : 0) <= MATRIX_LIGHT;
        return numbers <= MATRIX_KEPT;
    }
    l->lanes = fewest_lanes(l);
    while (l->lanes < LANES_MOST && !fits(l, HELD_MOST, KEPT_MOST)) l->lanes *= 2;
    l->light = kept(l, &fragments) <= LIGHT_KEPT;
    return fits(l, HELD_WIDE, KEPT_WIDE);
}

/* ---- values ---- */
/* The template arguments that say how x is held. */
static const char *how_held(const Lanes *l, const IrNode *x) {
    return arena_printf(l->e->arena, "%lld, %d, %d", (long long)x->cols, l->lanes, wide(l, x));
}
static void hold_rows(const Lanes *l) {
    Cu *e = l->e;
    for (int i = 0; i < l->held.len; i++) {
        const IrNode *x = l->held.data[i];
        LINE("double x%d[%lld];", x->id, (long long)held_by(l, x));
        LINE("hold_row<%s, %d>(x%d, %s + i * %lld, lane);", how_held(l, x), in_pairs(l, x), x->id, cu_own_rows(l->e, x),
             (long long)cu_row_distance(l->e, x));
    }
}
/* The block's next rows, on their way to the L2 cache while these are worked on. Where there is little work, the
 * threads of more blocks wait for memory at once, and this is in their way. */
static void call_rows(const Lanes *l, int rows, const char *last) {
    Cu *e = l->e;
    if (!l->held.len || !l->matrices) return;
    LINE("const int64_t next = at + (int64_t)gridDim.x * %d;", rows);
    for (int i = 0; i < l->held.len; i++) {
        const IrNode *x = l->held.data[i];
        LINE("call_rows<%d, %lld, %d>(%s, next, %s);", rows, (long long)cu_row_distance(l->e, x), e->kernel->threads,
             cu_own_rows(l->e, x), last);
    }
}
/* For each of x's numbers that a thread has: k, and its column c. Behind the last column it is the last one again, so
 * that nothing is read in a branch of its own, and what it gives is replaced (in_row). */
static bool is_partial(const Lanes *l, const IrNode *x) {
    return x->cols % (wide(l, x) * l->lanes) != 0;
}
static void each_begin(const Lanes *l, const IrNode *x) {
    Cu *e = l->e;
    LINE("#pragma unroll");
    LINE("for (int k = 0; k < %lld; k++) {", (long long)held_by(l, x));
    const char *c = arena_printf(e->arena, "held_column<%d, %d>(lane, k)", l->lanes, wide(l, x));
    if (is_partial(l, x))
        LINE("    const int own_c = %s, c = own_c < %lld ? own_c : %lld;", c, (long long)x->cols,
             (long long)x->cols - 1);
    else
        LINE("    const int c = %s;", c);
}
static const char *in_row(const Lanes *l, const IrNode *x, const char *v, const char *otherwise) {
    if (!is_partial(l, x)) return v;
    return arena_printf(l->e->arena, "(own_c < %lld ? %s : %s)", (long long)x->cols, v, otherwise);
}
static void each(const Lanes *l, const IrNode *x, const char *statement) {
    Cu *e = l->e;
    each_begin(l, x);
    LINE("    %s;", statement);
    LINE("}");
}
/* The row's number, or its number of column c. */
static const char *cell(const Lanes *l, const IrNode *x) {
    return cu_cell(l->e, x, "0", x->cols == 1 ? "0" : "c");
}
static const char *own_name(const Lanes *l, const IrNode *x) {
    return arena_printf(l->e->arena, "%s%d", is_own(l, x) ? "t" : "x", x->id);
}
static void declare(const Lanes *l, const IrNode *n, bool zero) {
    Cu *e = l->e;
    if (n->cols == 1)
        LINE("double t%d%s; /* %s */", n->id, zero ? " = 0" : "", cu_where(e, n));
    else
        LINE("double t%d[%lld]%s; /* %s */", n->id, (long long)held_by(l, n), zero ? " = {0}" : "", cu_where(e, n));
}
static void add_lanes(const Lanes *l, const IrNode *n) {
    Cu *e = l->e;
    if (l->lanes > 1) LINE("t%d = lanes_total<%d>(t%d);", n->id, l->lanes, n->id);
}
static void sparse_product(const Lanes *l, const IrNode *n) {
    Cu *e = l->e;
    const IrNode *x = n->args[0];
    bool many = n->cols > 1;
    const char *to = arena_printf(e->arena, many ? "t%d[k]" : "t%d", n->id), *c = many ? "c" : "0";
    declare(l, n, true);
    if (cu_is_codes(e, x)) {
        const char *a = arena_printf(e->arena, "a%d", n->id), *w = cu_small_at(e, n, a, c);
        LINE("const int %s = %s;", a, cu_code(e, x));
        if (many)
            each(l, n, arena_printf(e->arena, "if (%s >= 0) %s = %s", a, to, in_row(l, n, w, "0")));
        else
            LINE("if (%s >= 0) %s = %s;", a, to, w);
        return;
    }
    const char *rows = cu_row_bind(e, BIND_ROWPTR, x->table, x->block);
    const char *term = arena_printf(e->arena, "%s += %s * %s", to, cu_csr_value(e, x, true),
                                    cu_small_at(e, n, cu_csr_column(e, x, true), c));
    if (many) {
        LINE("for (int64_t p = %s[i]; p < %s[i + 1]; p++) {", rows, rows);
        e->indent++;
        each(l, n, is_partial(l, n) ? arena_printf(e->arena, "if (own_c == c) %s", term) : term);
        e->indent--;
        LINE("}");
        return;
    }
    LINE("for (int64_t p = %s[i] + lane; p < %s[i + 1]; p += %d) %s;", rows, rows, l->lanes, term);
    add_lanes(l, n);
}
/* Numbers of the small matrix as the second operand of matrix operations: zeros where it has none. */
static void fragments(const Lanes *l, const IrNode *n) {
    Cu *e = l->e;
    const IrNode *x = n->args[0];
    long long across = (long long)tiles(n->cols), held = (long long)held_by(l, x);
    Buf *to = l->fragments ? &e->top : &e->lines;
    cu_line(e, to, "double b%d[%lld];", n->id, held * across);
    cu_line(e, to, "#pragma unroll");
    cu_line(e, to, "for (int q = 0; q < %lld; q++) {", held * across);
    cu_line(e, to, "    const int r = held_column<4, 2>(lane, q / %lld), c = q %% %lld * 8 + threadIdx.x %% 32 / 4;",
            across, across);
    long long rows = (long long)x->cols, cols = (long long)n->cols;
    cu_line(e, to, "    const bool in = r < %lld && c < %lld;", rows, cols);
    cu_line(e, to, "    const double v = %s;", cu_small_at(e, n, "(in ? r : 0)", "(in ? c : 0)"));
    cu_line(e, to, "    b%d[q] = in ? v : 0;", n->id);
    cu_line(e, to, "}");
}
static void product(const Lanes *l, const IrNode *n) {
    Cu *e = l->e;
    const IrNode *x = n->args[0];
    if (fuse_is_sparse(e->f, x)) {
        sparse_product(l, n);
    } else if (n->cols == 1) {
        declare(l, n, true);
        each(l, x,
             arena_printf(e->arena, "t%d += %s * %s", n->id, cell(l, x),
                          in_row(l, x, cu_small_at(e, n, "c", "0"), "0")));
        add_lanes(l, n);
    } else {
        fragments(l, n);
        declare(l, n, false);
        LINE("row_product<%lld, %lld>(t%d, %s, b%d, lane);", (long long)held_by(l, x), (long long)n->cols, n->id,
             own_name(l, x), n->id);
    }
}
static void reduce_row(const Lanes *l, const IrNode *n) {
    Cu *e = l->e;
    const IrNode *x = n->args[0];
    bool least = n->op == IR_ROWMIN || n->op == IR_ROWARGMIN, arg = n->op == IR_ROWARGMIN || n->op == IR_ROWARGMAX;
    const char *v = cell(l, x), *to = arena_printf(e->arena, "t%d", n->id);
    if (n->op == IR_ROWSUMS) {
        declare(l, n, true);
        each(l, x, arena_printf(e->arena, "%s += %s", to, in_row(l, x, v, "0")));
        add_lanes(l, n);
    } else if (arg) {
        LINE("double best%d = %sinfinity(); /* %s */", n->id, least ? "" : "-", cu_where(e, n));
        LINE("int at%d = 1;", n->id);
        const char *worst = least ? "infinity()" : "-infinity()";
        each(l, x,
             arena_printf(e->arena, "take_better(best%d, at%d, %s, c + 1, %d)", n->id, n->id, in_row(l, x, v, worst),
                          least));
        LINE("lanes_best<%d>(best%d, at%d, %d);", l->lanes, n->id, n->id, least);
        LINE("const double %s = at%d;", to, n->id);
    } else {
        LINE("double %s = %s; /* %s */", to, cu_neutral(n), cu_where(e, n));
        each(l, x, arena_printf(e->arena, "%s = %s", to, cu_combined(e, n, to, in_row(l, x, v, cu_neutral(n)))));
        LINE("%s = lanes_combined<%d>(%s, %d);", to, l->lanes, to, cu_how(n));
    }
}
static void keep(const Lanes *l, const IrNode *n) {
    Cu *e = l->e;
    const char *to = cu_value(e, n, true);
    if (n->cols == 1) {
        LINE("if (own) %s[i] = t%d;", to, n->id);
    } else {
        each_begin(l, n);
        LINE("    if (there%s) %s[i * %lld + c] = t%d[k];", is_partial(l, n) ? " && own_c == c" : "", to,
             (long long)n->cols, n->id);
        LINE("}");
    }
}
/* A row of another table, held as those of the pass. */
static bool hold_gathered(const Lanes *l, const IrNode *n) {
    Cu *e = l->e;
    int64_t distance;
    const char *rows = cu_gathered_rows(e, n, &distance);
    if (!rows) return false;
    declare(l, n, false);
    LINE("hold_row<%s, %d>(t%d, %s + %s * %lld, lane);", how_held(l, n), n->cols % 2 == 0 && distance % 2 == 0, n->id,
         rows, cu_index_row(e, n->table, n->indicator, "0"), (long long)distance);
    return true;
}
/* Cell by cell. */
static void computed(const Lanes *l, const IrNode *n) {
    Cu *e = l->e;
    const char *c = n->cols == 1 ? "0" : "c", *v;
    if (n->op == IR_MATMUL) /* of a column by a row */
        v = arena_printf(e->arena, "%s * %s", cell(l, n->args[0]), cu_small_at(e, n, "0", c));
    else if (n->op == IR_ONEHOT)
        v = arena_printf(e->arena, "%s == %s", c, cu_index_column(e, n, "0"));
    else
        v = cu_computed(e, n, "0", c);
    if (n->cols == 1) {
        LINE("const double t%d = %s; /* %s */", n->id, v, cu_where(e, n));
        return;
    }
    declare(l, n, false);
    each_begin(l, n);
    LINE("    const double v = %s;", v);
    LINE("    t%d[k] = %s;", n->id, in_row(l, n, "v", "0"));
    LINE("}");
}
static bool is_held_gather(const IrNode *n) {
    return n->op == IR_GATHER && n->cols > 1;
}
static void value(const Lanes *l, const IrNode *n) {
    Cu *e = l->e;
    if (cu_is_inline(e, n) || fuse_is_code(e->plan, n)) return;
    const IrNode *x = n->nargs ? n->args[0] : NULL;
    switch (n->op) {
    case IR_MATMUL:
        if (x->cols > 1 || fuse_is_sparse(e->f, x))
            product(l, n);
        else
            computed(l, n);
        break;
    case IR_ROWSUMS:
    case IR_ROWMIN:
    case IR_ROWMAX:
    case IR_ROWARGMIN:
    case IR_ROWARGMAX: reduce_row(l, n); break;
    default:
        if (!is_held_gather(n) || !hold_gathered(l, n)) computed(l, n);
    }
    if (cu_is_kept(e, n) && !FUSE(n)->in_place) keep(l, n);
}
/* Rows of other tables are on their way before anything is waited for. */
static void values(const Lanes *l) {
    for (int first = 1; first >= 0; first--)
        for (int k = 0; k < l->pass->nodes.len; k++) {
            const IrNode *n = l->pass->nodes.data[k];
            if (FUSE(n)->kind == FUSE_ROW && is_held_gather(n) == first) value(l, n);
        }
}

/* ---- sums ---- */
/* The column of a one-hot row that is there; below 0: none. Declared where it is wanted first. */
static const char *code(Lanes *l, const IrNode *x) {
    Cu *e = l->e;
    const char *name = arena_printf(e->arena, "a%d", x->id);
    if (contains(&l->codes, x)) return name;
    vec_push(e->arena, &l->codes, x);
    LINE("const int %s = there ? %s : -1; /* %s */", name, cu_column_of(e, x), cu_where(e, x));
    return name;
}
/* An operand of a sum of products, turned: once for all sums. */
static const char *turned(Lanes *l, const IrNode *x) {
    Cu *e = l->e;
    const char *name = arena_printf(e->arena, "z%d", x->id);
    if (contains(&l->turned, x)) return name;
    vec_push(e->arena, &l->turned, x);
    LINE("double %s[%lld];", name, 2 * (long long)tiles(x->cols));
    if (cu_is_one_hot(l->e, x)) {
        LINE("turn_code<%lld>(%s, %s);", (long long)tiles(x->cols), name, code(l, x));
    } else if (x->cols == 1) {
        LINE("const double v%d[2] = {lane == 0 ? %s : 0, 0};", x->id, cell(l, x));
        LINE("turn<1>(%s, v%d, there);", name, x->id);
    } else if (is_held(l, x)) {
        LINE("read_turned<%lld>(%s, %s, %lld, at + threadIdx.x / 32 * 8, %s);", (long long)x->cols, name,
             cu_own_rows(l->e, x), (long long)cu_row_distance(l->e, x), cu_arg(e, ARG_LAST, 0));
    } else {
        LINE("turn<%lld>(%s, %s, there);", (long long)tiles(x->cols), name, own_name(l, x));
    }
    return name;
}
static void sum_square(Lanes *l, const IrNode *n, const char *to) {
    Cu *e = l->e;
    const IrNode *x = n->args[0], *y = n->args[1];
    bool down = cu_is_one_hot(l->e, x), right = cu_is_one_hot(l->e, y), same = x == y;
    int id = n->id;
    TOP("double g%d[%lld] = {0}; /* %s */", id, 2 * (long long)square_tiles(n), cu_where(e, n));
    const char *zx = turned(l, x), *zy = turned(l, y);
    const char *shape = arena_printf(e->arena, "%lld, %lld", (long long)tiles(n->rows), (long long)tiles(n->cols));
    const char *add = arena_printf(e->arena, "add_tiles<%s, %d>(g%d, %s, %s);", shape, same, id, zx, zy);
    if (down || right) { /* a row adds to its code's cells only, whatever it has */
        LINE("if (warp_finite<%lld>(%s))", 2 * (long long)tiles((down ? y : x)->cols), down ? zy : zx);
        LINE("    %s", add);
        LINE("else");
        LINE("    add_turned_by_code<%s, %d>(g%d, %s, %s);", shape, down, id, code(l, down ? x : y), down ? zy : zx);
    } else {
        LINE("%s", add);
    }
    TAIL("leave_tiles<%lld, %lld, %d>(g%d, fresh, %s);", (long long)n->rows, (long long)n->cols, same, id, to);
}
static void sum_along_columns(Lanes *l, const IrNode *n, const IrNode *x, const char *to) {
    Cu *e = l->e;
    int id = n->id;
    long long held = (long long)held_by(l, x);
    const char *g = arena_printf(e->arena, "g%d[k]", id);
    TOP("double g%d[%lld]; /* %s */", id, held, cu_where(e, n));
    TOP("for (int k = 0; k < %lld; k++) g%d[k] = %s;", held, id, cu_neutral(n));
    const IrNode *other = n->op != IR_MATMUL ? NULL : n->args[n->args[0] == x];
    const char *a = cu_is_one_hot(l->e, x) ? code(l, x) : other && cu_is_one_hot(l->e, other) ? code(l, other) : NULL;
    if (other && !cu_is_one_hot(l->e, other)) LINE("const double y%d = %s;", id, cell(l, other));
    each_begin(l, x); /* what is added behind the last column stays there */
    if (cu_is_one_hot(l->e, x))
        LINE("    %s += c == %s ? %s : 0;", g, a, other ? arena_printf(e->arena, "y%d", id) : "1");
    else if (a)
        LINE("    if (%s == 0) %s += %s;", a, g, cell(l, x));
    else if (other)
        LINE("    if (there) %s += %s * y%d;", g, cell(l, x), id);
    else
        LINE("    if (there) %s = %s;", g, cu_combined(e, n, g, cell(l, x)));
    LINE("}");
    TAIL("leave_held<%s>(g%d, %d, fresh, %s);", how_held(l, x), id, cu_how(n), to);
}
static void sum_all(Lanes *l, const IrNode *n, const char *to) {
    Cu *e = l->e;
    const IrNode *x = n->args[0];
    const char *g = arena_printf(e->arena, "g%d", n->id);
    TOP("double %s = %s; /* %s */", g, cu_neutral(n), cu_where(e, n));
    if (n->op == IR_MATMUL && (cu_is_one_hot(l->e, x) || cu_is_one_hot(l->e, n->args[1])))
        LINE("if (own && %s == 0) %s += %s;", code(l, cu_is_one_hot(l->e, x) ? x : n->args[1]), g,
             cell(l, cu_is_one_hot(l->e, x) ? n->args[1] : x));
    else if (cu_is_one_hot(l->e, x))
        LINE("if (own && %s == 0) %s += 1;", code(l, x), g);
    else if (x->cols > 1)
        each(l, x,
             arena_printf(e->arena, "if (there%s) %s = %s", is_partial(l, x) ? " && own_c == c" : "", g,
                          cu_combined(e, n, g, cell(l, x))));
    else if (n->op == IR_MATMUL)
        LINE("if (own) %s += %s * %s;", g, cell(l, x), cell(l, n->args[1]));
    else
        LINE("if (own) %s = %s;", g, cu_combined(e, n, g, cell(l, x)));
    TAIL("leave_shares(%s, 1, %d, 0, fresh, %s, 1);", g, cu_how(n), to);
}
static void scatter(Lanes *l, const IrNode *n) {
    Cu *e = l->e;
    const IrNode *x = n->args[0];
    bool index = fuse_is_code(e->plan, x);
    const char *to = cu_value(e, n, true), *rows = cu_arg(e, ARG_ROWS, n->rspace);
    LINE("const int64_t r%d = %s; /* %s */", n->id, cu_index_row(e, n->table, n->indicator, "0"), cu_where(e, n));
    if (index) {
        const char *a = code(l, x);
        LINE("if (own && r%d < %s && %s >= 0 && %s < %lld) atomicAdd(&%s[r%d * %lld + %s], 1.0);", n->id, rows, a, a,
             (long long)n->cols, to, n->id, (long long)n->cols, a);
    } else {
        LINE("if (own && r%d < %s) atomicAdd(&%s[r%d], %s);", n->id, rows, to, n->id, cell(l, x));
    }
}
static void sum(Lanes *l, const IrNode *n) {
    Cu *e = l->e;
    if (n->op == IR_SCATTER) {
        scatter(l, n);
        return;
    }
    const IrNode *along = sum_along(n);
    const char *to = cu_arg(e, ARG_PARTS, cu_new_parts(e, n));
    if (is_square(n))
        sum_square(l, n, to);
    else if (along)
        sum_along_columns(l, n, along, to);
    else
        sum_all(l, n, to);
}

/* ---- the kernel ---- */
/* Which rows of other tables are read, before anything waits for memory. */
static void read_indexes(const Lanes *l) {
    Cu *e = l->e;
    for (int k = 0; k < l->pass->nodes.len; k++) {
        const IrNode *n = l->pass->nodes.data[k];
        if (cu_reads_index(e, n) && cu_note_index(e, n))
            LINE("const int64_t %s = %s[i];", cu_index_row(e, n->table, n->indicator, "0"),
                 cu_row_bind(e, BIND_INDEX, n->table, n->indicator));
    }
}
static void overwrite_carried(const Lanes *l) {
    Cu *e = l->e;
    bool waits = l->lanes > 1; /* other lanes may still read the row where it lies */
    for (int k = 0; k < l->pass->nodes.len; k++) {
        const IrNode *n = l->pass->nodes.data[k];
        if (FUSE(n)->kind != FUSE_ROW || !FUSE(n)->in_place) continue;
        if (waits) LINE("__syncwarp();");
        waits = false;
        keep(l, n);
    }
}
static void rows_loop(Lanes *l, int rows) {
    Cu *e = l->e;
    const char *first = cu_arg(e, ARG_FIRST, 0), *last = cu_arg(e, ARG_LAST, 0);
    TOP("const int lane = threadIdx.x %% %d; /* %d thread%s a row */", l->lanes, l->lanes, l->lanes == 1 ? "" : "s");
    TOP("(void)lane;");
    LINE("for (int64_t at = %s + (int64_t)blockIdx.x * %d; at < %s; at += (int64_t)gridDim.x * %d) {", first, rows,
         last, rows);
    e->indent++;
    /* behind the end the last row is read again: all lanes of a warp go on together */
    LINE("const int64_t row = at + threadIdx.x / %d, i = row < %s ? row : %s - 1;", l->lanes, last, last);
    LINE("const bool there = row < %s, own = there && lane == 0;", last);
    LINE("(void)there, (void)own;");
    read_indexes(l);
    hold_rows(l);
    call_rows(l, rows, last);
    values(l);
    for (int k = 0; k < l->pass->nodes.len; k++)
        if (is_sum_here(l, l->pass->nodes.data[k])) sum(l, l->pass->nodes.data[k]);
    overwrite_carried(l);
    e->indent--;
    LINE("}");
}
bool cu_pass_in_lanes(Cu *e, const FusePass *pass) {
    Lanes l = {.e = e, .pass = pass};
    e->pass = pass;
    e->in_lanes = true; /* what is held and what stands in formulas depends on it */
    bool made = choose_lanes(&l);
    if (made) {
        int threads = l.light ? CUDA_LANE_THREADS : CUDA_LANE_THREADS_MOST, rows = threads / l.lanes;
        e->indexes.len = 0;
        memset(e->staged, 0, sizeof *e->staged * (size_t)e->f->next_id);
        memset(e->scratched, 0, sizeof *e->scratched * (size_t)e->f->next_id);
        for (int i = 0; i < l.held.len; i++) e->staged[l.held.data[i]->id] = true;
        const char *name = arena_printf(e->arena, "pass_%d", pass->id);
        CudaKernel *kernel = cu_kernel_begin(e, name, GRID_TILES, threads, pass->nodes.data[0]);
        kernel->space = pass->space;
        kernel->tile = rows;
        kernel->lanes = l.lanes;
        kernel->at_once = l.light ? 3 : 2;
        kernel->pass = pass;
        rows_loop(&l, rows);
        cu_kernel_end(e);
    }
    e->in_lanes = false;
    e->pass = NULL;
    return made;
}
