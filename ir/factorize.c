/* factorize.c: level 1 -> 2. X = sum_b G_b D_b M_b' replaces the leaf TABLE (semantics.md, "The target matrix").
 *
 * A value is T-like when it has a cell for every cell of T and can be computed block by block: T itself, f(T), T op
 * scalar, T op row, T op T, some columns of those, and any of them with each row scaled by a target column (diag(c) V).
 * Since every cell of T is owned by exactly one block, elementwise functions on blocks are exact for every f, also when
 * f(0) != 0.
 *
 *   V Z        sum_b  gather(V_b pick(Z, b))                     V' R      place_b(V_b' scatter_b(R))
 *   rowsums V  sum_b  gather(rowsums V_b)                        colsums V place_b(n_b' V_b)
 *   U' V       blocks (b, e): same indicator  U_b' (n_b * V_b);  otherwise U_b' scatter_b(gather_e V_e),
 *              gather_b(U_b)' gather_e(V_e) where that is less, or counted co-occurrences
 *   min, max   over the rows that T uses
 *   V[rows, ]  a small copy
 *
 * A dense block no row of which is used twice (a part of a fact table, say) is read row by row where T's rows are,
 * instead of by a table of its products: gather_b V_b is then the row value itself. diag(c) is folded into R, the
 * scattered weights, or the result. Anything else gets EXPAND: rows of V assembled per row block, and a note.
 *
 * Requires: simplified level-1 function (products already freed of row scalings and shifts where that pays).
 * Breaks: TABLE and placeholders over it are no longer reachable from results. */
#include "ir/level1.h"
#include <math.h>

typedef struct Part {
    int block;
    IrNode *value; /* over the block's space, a column for each of its target columns */
    IrNode *row;   /* the same over the target's rows, where that is cheaper; NULL: through gather and scatter */
} Part;
typedef struct Norm {
    int table;
    int nparts;
    Part *parts;
    IrNode *rowscale; /* n x 1 over the target, or NULL */
    int64_t c0, c1;   /* columns [c0, c1) of T */
} Norm;
typedef struct Factorizer {
    IrBuilder *b;
    Arena *arena;
    const PassOptions *options;
} Factorizer;

static const Integration *norm_data(const Factorizer *z, const Norm *n) {
    return z->b->func->tables.data[n->table].data;
}
static bool norm_whole(const Factorizer *z, const Norm *n) {
    return n->c0 == 0 && n->c1 == norm_data(z, n)->cols;
}
static bool norm_touches(const Factorizer *z, const Norm *n, int part) {
    const IntBlock *blk = &norm_data(z, n)->blocks[n->parts[part].block];
    for (int64_t c = 0; c < blk->data->cols; c++)
        if (blk->target_cols[c] >= n->c0 && blk->target_cols[c] < n->c1) return true;
    return false;
}

static IrNode *node_of(Factorizer *z, IrOp op, int table, int block, int indicator, int nargs, IrNode **args) {
    IrNode proto = {.op = op,
                    .table = table,
                    .block = block,
                    .indicator = indicator,
                    .nargs = nargs,
                    .span = z->b->span,
                    .name = z->b->name};
    return ir_make(z->b, &proto, args);
}
static IrNode *node_of_blocks(Factorizer *z, IrOp op, int table, int64_t i0, int64_t i1, int nblocks, const int *blocks,
                              int nargs, IrNode **args) {
    IrNode proto = {
        .op = op, .table = table, .i0 = i0, .i1 = i1, .nargs = nargs, .span = z->b->span, .name = z->b->name};
    proto.blocks = arena_array(z->arena, int, nblocks ? nblocks : 1);
    memcpy(proto.blocks, blocks, sizeof(int) * (size_t)nblocks);
    return ir_make(z->b, &proto, args);
}
static int indicator_of(const Factorizer *z, const Norm *n, int part) {
    return norm_data(z, n)->blocks[n->parts[part].block].indicator;
}
/* A block whose table rows are the target's rows needs neither gather nor scatter. */
static bool in_target_space(const Factorizer *z, const Norm *n, int part) {
    const IrTable *t = &z->b->func->tables.data[n->table];
    return n->parts[part].row || t->block_space[norm_data(z, n)->blocks[n->parts[part].block].space] == t->target_space;
}
/* The part's value where products over T's rows take it. */
static IrNode *part_value(const Norm *n, int part) {
    return n->parts[part].row ? n->parts[part].row : n->parts[part].value;
}
static IrNode *gather(Factorizer *z, const Norm *n, int part, IrNode *v, double absent) {
    if (in_target_space(z, n, part)) return v;
    IrNode proto = {.op = IR_GATHER,
                    .table = n->table,
                    .indicator = indicator_of(z, n, part),
                    .num = absent,
                    .nargs = 1,
                    .span = z->b->span};
    return ir_make(z->b, &proto, &v);
}
static IrNode *scatter(Factorizer *z, const Norm *n, int part, IrNode *r) {
    if (in_target_space(z, n, part)) return r;
    return node_of(z, IR_SCATTER, n->table, 0, indicator_of(z, n, part), 1, &r);
}
/* How often each row of the block's table is used, each use weighted by w (n x 1) when given. NULL: every row once. */
static IrNode *multiplicity(Factorizer *z, const Norm *n, int part, IrNode *w) {
    if (w) return scatter(z, n, part, w);
    if (in_target_space(z, n, part)) return NULL;
    return node_of(z, IR_COUNT, n->table, 0, indicator_of(z, n, part), 0, NULL);
}

static bool is_scalar(const IrNode *v) {
    return v->rows == 1 && v->cols == 1 && !v->rspace;
}
static bool is_small_row(const IrNode *v, int64_t cols) {
    return v->rows == 1 && v->cols == cols && !v->rspace && !v->cspace;
}
static bool is_target_column(const Factorizer *z, const IrNode *v, int table) {
    return v->cols == 1 && v->rspace == z->b->func->tables.data[table].target_space &&
           v->rows == z->b->func->tables.data[table].data->rows;
}

static Norm *norm_of(Factorizer *z, IrNode *v);
static Norm *norm_like(Factorizer *z, const Norm *n) {
    Norm *r = arena_new_of(z->arena, Norm);
    *r = *n;
    r->parts = arena_array(z->arena, Part, n->nparts ? n->nparts : 1);
    for (int p = 0; p < n->nparts; p++) r->parts[p].block = n->parts[p].block;
    return r;
}
/* No row twice, none absent, and not just a few of them. */
static bool read_by_row(const Integration *in, int block) {
    const IntBlock *b = &in->blocks[block];
    const Indicator *ind = &in->indicators[b->indicator];
    return b->data->kind == MAT_DENSE && ind->injective && ind->total && ind->rows > 0 &&
           4 * ind->rows >= in->spaces[b->space].rows;
}
static Norm *norm_table(Factorizer *z, int table) {
    const Integration *in = z->b->func->tables.data[table].data;
    Norm *n = arena_new_of(z->arena, Norm);
    *n = (Norm){.table = table, .nparts = in->nblocks, .c1 = in->cols};
    n->parts = arena_array(z->arena, Part, in->nblocks ? in->nblocks : 1);
    for (int p = 0; p < in->nblocks; p++) {
        IrNode data = {.op = IR_DATA, .table = table, .block = p, .span = z->b->span};
        data.name = in->spaces[in->blocks[p].space].name; /* plans and comments say whose rows */
        n->parts[p] = (Part){.block = p, .value = ir_make(z->b, &data, NULL)};
        if (!in_target_space(z, n, p) && read_by_row(in, p)) {
            IrNode proto = {
                .op = IR_GATHER, .table = table, .indicator = in->blocks[p].indicator, .nargs = 1, .span = z->b->span};
            n->parts[p].row = ir_make(z->b, &proto, &n->parts[p].value);
        }
    }
    return n;
}
/* A row over the norm's columns as one over all of T's. */
static IrNode *row_over_all(Factorizer *z, const Norm *n, IrNode *row) {
    if (norm_whole(z, n)) return row;
    IrNode *a[3];
    int k = 0;
    if (n->c0) a[k++] = ir_full(z->b, 0, row->rows, n->c0, 0);
    a[k++] = row;
    if (n->c1 < norm_data(z, n)->cols) a[k++] = ir_full(z->b, 0, row->rows, norm_data(z, n)->cols - n->c1, 0);
    return ir_nary(z->b, IR_CBIND, k, a);
}
static IrNode *rows_over_all(Factorizer *z, const Norm *n, IrNode *m) {
    if (norm_whole(z, n)) return m;
    IrNode *a[3];
    int k = 0;
    if (n->c0) a[k++] = ir_full(z->b, 0, n->c0, m->cols, 0);
    a[k++] = m;
    if (n->c1 < norm_data(z, n)->cols) a[k++] = ir_full(z->b, 0, norm_data(z, n)->cols - n->c1, m->cols, 0);
    return ir_nary(z->b, IR_RBIND, k, a);
}
static IrNode *operand_at(Factorizer *z, const Norm *n, int part, IrNode *v, Norm *v_norm) {
    if (v_norm) return v_norm->parts[part].value;
    if (is_scalar(v)) return v;
    IrNode *row = row_over_all(z, n, v);
    return node_of(z, IR_PICK_COLS, n->table, n->parts[part].block, 0, 1, &row);
}

/* Rows that T never reads count 0 times, and 0 * f(x) must be 0 also where f(x) is not finite: log(X) over a table with
 * zeros in such rows. */
static IrNode *unused_rows_zero(Factorizer *z, const Norm *n, int part, const IrNode *made_by, IrNode *value) {
    static const IrOp unbounded[] = {IR_EXP, IR_LOG, IR_LOG1P, IR_EXPM1, IR_SQRT, IR_RECIP, IR_DIV, IR_POW, IR_MOD};
    const Integration *in = norm_data(z, n);
    const IntBlock *b = &in->blocks[n->parts[part].block];
    const Indicator *ind = &in->indicators[b->indicator];
    bool may = false;
    for (size_t i = 0; i < sizeof unbounded / sizeof *unbounded; i++) may = may || made_by->op == unbounded[i];
    if (!may || b->data->kind != MAT_DENSE || ind->used >= in->spaces[b->space].rows) return value;
    IrNode *count = node_of(z, IR_COUNT, n->table, 0, b->indicator, 0, NULL);
    return ir_where(z->b, count, value, ir_const(z->b, 0));
}

/* Elementwise operators over T-like operands, scalars and rows. NULL: not T-like. */
static Norm *norm_elementwise(Factorizer *z, IrNode *v) {
    Norm *ns[3] = {0}, *shape = NULL;
    for (int i = 0; i < v->nargs; i++) {
        ns[i] = norm_of(z, v->args[i]);
        if (ns[i] && !shape) shape = ns[i];
    }
    if (!shape) return NULL;
    /* diag(c) V, V / c */
    if ((v->op == IR_MUL || v->op == IR_DIV) && !(ns[0] && ns[1])) {
        int t = ns[0] ? 0 : 1;
        IrNode *c = v->args[1 - t];
        if (is_target_column(z, c, shape->table) && !is_scalar(c) && (v->op == IR_MUL || t == 0)) {
            Norm *r = arena_new_of(z->arena, Norm);
            *r = *shape;
            IrNode *one = v->op == IR_DIV ? ir_unary(z->b, IR_RECIP, c) : c;
            r->rowscale = shape->rowscale ? ir_binary(z->b, IR_MUL, shape->rowscale, one) : one;
            return r;
        }
    }
    bool linear = v->op == IR_NEG || (ns[0] && !ns[1] && (v->op == IR_MUL || v->op == IR_DIV)) ||
                  (ns[1] && !ns[0] && v->op == IR_MUL);
    for (int i = 0; i < v->nargs; i++) {
        if (ns[i]) {
            if (ns[i]->table != shape->table || ns[i]->c0 != shape->c0 || ns[i]->c1 != shape->c1) return NULL;
            if (ns[i]->rowscale && !linear) return NULL;
        } else if (!is_scalar(v->args[i]) && !is_small_row(v->args[i], shape->c1 - shape->c0)) {
            return NULL;
        }
    }
    Norm *r = norm_like(z, shape);
    for (int p = 0; p < r->nparts; p++) {
        IrNode *a[3];
        for (int i = 0; i < v->nargs; i++) a[i] = operand_at(z, shape, p, v->args[i], ns[i]);
        r->parts[p].value = unused_rows_zero(z, r, p, v, ir_make(z->b, v, a));
        if (!shape->parts[p].row) continue;
        for (int i = 0; i < v->nargs; i++)
            if (ns[i]) a[i] = ns[i]->parts[p].row;
        r->parts[p].row = ir_make(z->b, v, a);
    }
    return r;
}

/* v as a T-like value, or NULL. Memoized in v->note (mark 1: not T-like, 2: T-like). */
static Norm *norm_of(Factorizer *z, IrNode *v) {
    if (v->mark == 1) return NULL;
    if (v->mark == 2) return v->note;
    Norm *n = NULL;
    switch (ir_ops[v->op].cls) {
    case IRC_UNARY:
    case IRC_BINARY: n = norm_elementwise(z, v); break;
    default:
        if (v->op == IR_TABLE)
            n = norm_table(z, v->table);
        else if (v->op == IR_WHERE)
            n = norm_elementwise(z, v);
        else if (v->op == IR_SLICE_COLS) {
            Norm *from = norm_of(z, v->args[0]);
            if (from) {
                n = arena_new_of(z->arena, Norm);
                *n = *from;
                n->c0 = from->c0 + v->i0;
                n->c1 = from->c0 + v->i1;
            }
        }
    }
    v->mark = n ? 2 : 1;
    v->note = n;
    return n;
}

static IrNode *apply_rowscale(Factorizer *z, const Norm *n, IrNode *v) {
    return n->rowscale ? ir_binary(z->b, IR_MUL, n->rowscale, v) : v;
}

/* Rows of V assembled per row block: the general way out. */
static IrNode *norm_expand(Factorizer *z, const Norm *n, const IrNode *for_node) {
    int *blocks = arena_array(z->arena, int, n->nparts ? n->nparts : 1);
    IrNode **args = arena_array(z->arena, IrNode *, n->nparts ? n->nparts : 1);
    for (int p = 0; p < n->nparts; p++) {
        blocks[p] = n->parts[p].block;
        args[p] = n->parts[p].value;
    }
    IrFunc *f = z->b->func;
    int line = 0, column = 0;
    if (f->diags && for_node->span.file) diag_locate(f->diags, for_node->span, &line, &column);
    vec_push(z->arena, &f->notes,
             arena_printf(z->arena,
                          "line %d: `%s` needs whole rows of %s (%lld columns): they are assembled block by block of "
                          "rows, never stored",
                          line, ir_ops[for_node->op].text, f->tables.data[n->table].name,
                          (long long)norm_data(z, n)->cols));
    IrNode *v = node_of_blocks(z, IR_EXPAND, n->table, 0, 0, n->nparts, blocks, n->nparts, args);
    if (!norm_whole(z, n)) v = ir_slice(z->b, IR_SLICE_COLS, v, n->c0, n->c1);
    return apply_rowscale(z, n, v);
}

static IrNode *add_to(Factorizer *z, IrNode *sum, IrNode *term) {
    return sum ? ir_binary(z->b, IR_ADD, sum, term) : term;
}
static IrNode *zeros_over_target(Factorizer *z, const Norm *n, int64_t cols) {
    const IrTable *t = &z->b->func->tables.data[n->table];
    return ir_full(z->b, 0, t->data->rows, cols, t->target_space);
}

/* V Z, Z small: d x k, or k x d when transposed. */
static IrNode *norm_times(Factorizer *z, const Norm *n, IrNode *m, bool tm) {
    IrNode *all = tm ? row_over_all(z, n, m) : rows_over_all(z, n, m), *sum = NULL;
    for (int p = 0; p < n->nparts; p++) {
        if (!norm_touches(z, n, p)) continue;
        IrNode *picked = node_of(z, tm ? IR_PICK_COLS : IR_PICK, n->table, n->parts[p].block, 0, 1, &all);
        sum = add_to(z, sum, gather(z, n, p, ir_matmul(z->b, part_value(n, p), false, picked, tm), 0));
    }
    if (!sum) sum = zeros_over_target(z, n, tm ? m->rows : m->cols);
    return apply_rowscale(z, n, sum);
}
/* V' R (d x k), or R' V (k x d) when `left`; R over the target. */
static IrNode *norm_transposed_times(Factorizer *z, const Norm *n, IrNode *r, bool left) {
    r = apply_rowscale(z, n, r);
    int k = 0;
    int *blocks = arena_array(z->arena, int, n->nparts ? n->nparts : 1);
    IrNode **parts = arena_array(z->arena, IrNode *, n->nparts ? n->nparts : 1);
    for (int p = 0; p < n->nparts; p++) {
        if (!norm_touches(z, n, p)) continue;
        IrNode *q = scatter(z, n, p, r);
        blocks[k] = n->parts[p].block;
        parts[k++] = left ? ir_matmul(z->b, q, true, part_value(n, p), false)
                          : ir_matmul(z->b, part_value(n, p), true, q, false);
    }
    int64_t d = norm_data(z, n)->cols;
    if (!k) return left ? ir_full(z->b, 0, r->cols, n->c1 - n->c0, 0) : ir_full(z->b, 0, n->c1 - n->c0, r->cols, 0);
    IrNode *all = node_of_blocks(z, left ? IR_PLACE_COLS : IR_PLACE, n->table, 0, d, k, blocks, k, parts);
    if (norm_whole(z, n)) return all;
    return ir_slice(z->b, left ? IR_SLICE_COLS : IR_SLICE_ROWS, all, n->c0, n->c1);
}
static bool is_sparse_value(const Factorizer *z, const Norm *n, int part) {
    return norm_data(z, n)->blocks[n->parts[part].block].data->kind != MAT_DENSE;
}
/* Nanoseconds of emitted code, about as the estimator's work is fitted: a row of so many vectors picked, or added,
 * through an index into `bytes`; a vector of products; a byte of sums that threads clear and add up. */
static double pick_time(double vectors, double bytes) {
    return bytes > IR_CACHE_BYTES ? 5 + 2 * (vectors - 1) : 0.3 + 0.25 * (vectors - 1);
}
static double add_time(double vectors, double bytes) {
    return bytes > IR_CACHE_BYTES ? 6 + 4 * (vectors - 1) : 1.3 + 1.8 * (vectors - 1);
}
#define PRODUCT_TIME 0.17
#define SUM_BYTE_TIME 0.3
/* Whether the rows of T that take x (dense, kx columns) should take their rows of y as well (dense, ky columns of
 * `ind`'s table) and multiply, instead of adding x up for each row of y. Products are fewer by as much as rows of y are
 * read repeatedly; sums lie anywhere, and are cleared and read once more. */
static bool rows_meet(const Integration *in, const Indicator *ind, const IrNode *x, const IrNode *y) {
    if (ind->segments || ind->ascending) return false; /* sums lie in order then */
    double n = (double)in->rows, rows = (double)y->rows, kx = (double)x->cols, ky = (double)y->cols;
    double vx = ceil(kx / 8), vy = ceil(ky / 8), products = kx * vy * PRODUCT_TIME, bytes = 8 * rows * kx;
    return n * (pick_time(vy, 8 * rows * ky) + products) <
           n * add_time(vx, bytes) + rows * products + SUM_BYTE_TIME * bytes;
}
/* One block of U' diag(w) V. */
static IrNode *norm_cross_block(Factorizer *z, const Norm *u, int p, const Norm *v, int q, IrNode *w) {
    const Integration *in = norm_data(z, u);
    int bp = indicator_of(z, u, p), bq = indicator_of(z, v, q);
    IrNode *x = part_value(u, p), *y = part_value(v, q);
    bool tp = in_target_space(z, u, p), tq = in_target_space(z, v, q);
    bool sparse = is_sparse_value(z, u, p) && is_sparse_value(z, v, q);
    if (bp == bq || (tp && tq)) {
        IrNode *m = tp && !tq ? multiplicity(z, v, q, w) : multiplicity(z, u, p, w);
        if (tp != tq)
            x = u->parts[p].value,
            y = v->parts[q].value; /* one is read by row, the other is not: both by their table */
        if (!m) return ir_matmul(z->b, x, true, y, false);
        /* the count goes to the operand that stays sparse under it, or the narrower one */
        if (is_sparse_value(z, v, q) || (!is_sparse_value(z, u, p) && y->cols <= x->cols))
            return ir_matmul(z->b, x, true, ir_binary(z->b, IR_MUL, m, y), false);
        return ir_matmul(z->b, ir_binary(z->b, IR_MUL, m, x), true, y, false);
    }
    if (sparse || (is_sparse_value(z, u, p) && !tq) || (is_sparse_value(z, v, q) && !tp)) {
        IrNode *a[3] = {x, y, w};
        int blocks[2] = {u->parts[p].block, v->parts[q].block};
        return node_of_blocks(z, IR_CROSS, u->table, w ? 1 : 0, 0, 2, blocks, w ? 3 : 2, a);
    }
    /* rows of the narrower side travel: U_b' scatter_b(gather_e V_e) */
    bool move_y = tq || (!tp && y->cols <= x->cols);
    /* where a row is absent, sums leave out what it is multiplied by, which may not be finite */
    bool dense = !is_sparse_value(z, u, p) && !is_sparse_value(z, v, q) && (tp || in->indicators[bp].total) &&
                 (tq || in->indicators[bq].total);
    if (move_y) {
        IrNode *rows = gather(z, v, q, y, 0);
        if (w) rows = ir_binary(z->b, IR_MUL, w, rows);
        if (dense && rows_meet(in, &in->indicators[bp], rows, x))
            return ir_matmul(z->b, gather(z, u, p, x, 0), true, rows, false);
        return ir_matmul(z->b, x, true, scatter(z, u, p, rows), false);
    }
    IrNode *rows = gather(z, u, p, x, 0);
    if (w) rows = ir_binary(z->b, IR_MUL, w, rows);
    if (dense && rows_meet(in, &in->indicators[bq], rows, y))
        return ir_matmul(z->b, rows, true, gather(z, v, q, y, 0), false);
    return ir_matmul(z->b, scatter(z, v, q, rows), true, y, false);
}
static IrNode *norm_cross(Factorizer *z, const Norm *u, const Norm *v) {
    IrNode *w = u->rowscale;
    if (v->rowscale) w = w ? ir_binary(z->b, IR_MUL, w, v->rowscale) : v->rowscale;
    int64_t d = norm_data(z, u)->cols;
    bool same = true;
    for (int p = 0; p < u->nparts; p++) same = same && u->parts[p].value == v->parts[p].value;
    int nv = 0;
    int *vblocks = arena_array(z->arena, int, v->nparts ? v->nparts : 1);
    IrNode **bands = arena_array(z->arena, IrNode *, v->nparts ? v->nparts : 1);
    IrNode **cells = arena_array(z->arena, IrNode *, (size_t)u->nparts * (size_t)v->nparts + 1);
    for (int q = 0; q < v->nparts; q++) {
        if (!norm_touches(z, v, q)) continue;
        int nu = 0;
        int *ublocks = arena_array(z->arena, int, u->nparts ? u->nparts : 1);
        IrNode **parts = arena_array(z->arena, IrNode *, u->nparts ? u->nparts : 1);
        for (int p = 0; p < u->nparts; p++) {
            if (!norm_touches(z, u, p)) continue;
            IrNode *c = same && p < q && cells[q + p * v->nparts] ? cells[q + p * v->nparts] : NULL;
            if (!c && same && p > q) {
                /* computed later as its transpose's mirror: compute the upper block now and remember it */
                IrNode *upper = norm_cross_block(z, u, q, v, p, w);
                cells[p + q * v->nparts] = upper;
                c = ir_unary(z->b, IR_TRANSPOSE, upper);
            }
            if (!c) c = norm_cross_block(z, u, p, v, q, w);
            cells[q + p * v->nparts] = c;
            ublocks[nu] = u->parts[p].block;
            parts[nu++] = c;
        }
        if (!nu) continue;
        vblocks[nv] = v->parts[q].block;
        bands[nv++] = node_of_blocks(z, IR_PLACE, u->table, 0, d, nu, ublocks, nu, parts);
    }
    if (!nv) return ir_full(z->b, 0, u->c1 - u->c0, v->c1 - v->c0, 0);
    IrNode *all = node_of_blocks(z, IR_PLACE_COLS, u->table, 0, d, nv, vblocks, nv, bands);
    if (!norm_whole(z, u)) all = ir_slice(z->b, IR_SLICE_ROWS, all, u->c0, u->c1);
    if (!norm_whole(z, v)) all = ir_slice(z->b, IR_SLICE_COLS, all, v->c0, v->c1);
    return all;
}
static IrNode *norm_colsums(Factorizer *z, const Norm *n) {
    int k = 0;
    int *blocks = arena_array(z->arena, int, n->nparts ? n->nparts : 1);
    IrNode **parts = arena_array(z->arena, IrNode *, n->nparts ? n->nparts : 1);
    for (int p = 0; p < n->nparts; p++) {
        if (!norm_touches(z, n, p)) continue;
        IrNode *m = multiplicity(z, n, p, n->rowscale), *v = part_value(n, p);
        IrNode *counted = n->rowscale ? NULL : ir_sparse_colsums(z->b, v, m);
        blocks[k] = n->parts[p].block;
        parts[k++] = counted ? counted : m ? ir_matmul(z->b, m, true, v, false) : ir_unary(z->b, IR_COLSUMS, v);
    }
    if (!k) return ir_full(z->b, 0, 1, n->c1 - n->c0, 0);
    IrNode *all = node_of_blocks(z, IR_PLACE_COLS, n->table, 0, norm_data(z, n)->cols, k, blocks, k, parts);
    return norm_whole(z, n) ? all : ir_slice(z->b, IR_SLICE_COLS, all, n->c0, n->c1);
}
static IrNode *norm_rowsums(Factorizer *z, const Norm *n) {
    if (!norm_whole(z, n)) return norm_times(z, n, ir_full(z->b, 1, n->c1 - n->c0, 1, 0), false);
    IrNode *sum = NULL;
    for (int p = 0; p < n->nparts; p++)
        sum = add_to(z, sum, gather(z, n, p, ir_unary(z->b, IR_ROWSUMS, part_value(n, p)), 0));
    return apply_rowscale(z, n, sum ? sum : zeros_over_target(z, n, 1));
}
/* min and max over columns or all cells; only rows that T uses count. */
static IrNode *norm_extreme(Factorizer *z, const Norm *n, IrOp op) {
    bool least = op == IR_MINALL || op == IR_COLMIN || op == IR_ROWMIN;
    double none = least ? INFINITY : -INFINITY;
    IrOp both = least ? IR_MIN2 : IR_MAX2;
    if (op == IR_ROWMIN || op == IR_ROWMAX) {
        IrNode *best = NULL;
        for (int p = 0; p < n->nparts; p++) {
            IrNode *g = gather(z, n, p, ir_unary(z->b, op, part_value(n, p)), none);
            best = best ? ir_binary(z->b, both, best, g) : g;
        }
        return best;
    }
    int *blocks = arena_array(z->arena, int, n->nparts);
    IrNode **parts = arena_array(z->arena, IrNode *, n->nparts);
    for (int p = 0; p < n->nparts; p++) {
        IrNode *v = part_value(n, p), *m = multiplicity(z, n, p, NULL);
        IrNode *counted = ir_sparse_extreme(z->b, both, none, v, m);
        if (m && !counted) v = ir_where(z->b, m, v, ir_const(z->b, none));
        blocks[p] = n->parts[p].block;
        parts[p] = counted ? counted : ir_unary(z->b, least ? IR_COLMIN : IR_COLMAX, v);
    }
    IrNode *cols = node_of_blocks(z, IR_PLACE_COLS, n->table, least ? 1 : 2, norm_data(z, n)->cols, n->nparts, blocks,
                                  n->nparts, parts);
    if (!norm_whole(z, n)) cols = ir_slice(z->b, IR_SLICE_COLS, cols, n->c0, n->c1);
    return op == IR_COLMIN || op == IR_COLMAX ? cols : ir_unary(z->b, op, cols);
}
static IrNode *norm_rows(Factorizer *z, const Norm *n, IrNode *index) {
    int *blocks = arena_array(z->arena, int, n->nparts ? n->nparts : 1);
    IrNode **args = arena_array(z->arena, IrNode *, n->nparts + 1);
    args[0] = index;
    for (int p = 0; p < n->nparts; p++) {
        blocks[p] = n->parts[p].block;
        args[p + 1] = n->parts[p].value;
    }
    IrNode *v = node_of_blocks(z, IR_T_ROWS, n->table, 0, 0, n->nparts, blocks, n->nparts + 1, args);
    if (!norm_whole(z, n)) v = ir_slice(z->b, IR_SLICE_COLS, v, n->c0, n->c1);
    if (!n->rowscale) return v;
    IrNode *a[2] = {n->rowscale, index};
    IrNode proto = {.op = IR_TAKE_ROWS, .nargs = 2, .span = z->b->span};
    return ir_binary(z->b, IR_MUL, ir_make(z->b, &proto, a), v);
}

static bool over_target(const Factorizer *z, const IrNode *v, int table) {
    return v->rspace == z->b->func->tables.data[table].target_space && !v->cspace;
}

static IrNode *factorize_product(Factorizer *z, const IrNode *old, IrNode *x, IrNode *y) {
    Norm *u = norm_of(z, x), *v = norm_of(z, y);
    if (u && v && old->ta && !old->tb && u->table == v->table) return norm_cross(z, u, v);
    if (u && !v && !old->ta && !y->rspace && !y->cspace) return norm_times(z, u, y, old->tb);
    if (u && !v && old->ta && !old->tb && over_target(z, y, u->table)) return norm_transposed_times(z, u, y, false);
    if (v && !u && !old->tb && old->ta && over_target(z, x, v->table)) return norm_transposed_times(z, v, x, true);
    if (v && !u && old->tb && !x->rspace && !x->cspace)
        return ir_unary(z->b, IR_TRANSPOSE, norm_times(z, v, x, !old->ta));
    return NULL;
}

static IrNode *factorize_visit(IrBuilder *b, const IrNode *old, IrNode **args, void *ctx) {
    Factorizer *z = ctx;
    z->b = b;
    z->arena = b->func->arena;
    b->span = old->span;
    b->name = old->name;
    if (old->op == IR_TABLE || !old->nargs) return NULL;
    bool any = false;
    Norm *n[2] = {0};
    for (int i = 0; i < old->nargs; i++) {
        Norm *m = norm_of(z, args[i]);
        any = any || m;
        if (i < 2) n[i] = m;
    }
    if (!any) return NULL;
    IrNode *r = NULL;
    switch (old->op) {
    case IR_MATMUL: r = factorize_product(z, old, args[0], args[1]); break;
    case IR_ROWSUMS: r = norm_rowsums(z, n[0]); break;
    case IR_COLSUMS: r = norm_colsums(z, n[0]); break;
    case IR_SUM: r = ir_unary(b, IR_SUM, norm_colsums(z, n[0])); break;
    case IR_ROWMIN:
    case IR_ROWMAX:
        if (norm_whole(z, n[0]) && n[0]->nparts && !n[0]->rowscale) r = norm_extreme(z, n[0], old->op);
        break;
    case IR_MINALL:
    case IR_MAXALL:
    case IR_COLMIN:
    case IR_COLMAX:
        if (n[0]->nparts && !n[0]->rowscale) r = norm_extreme(z, n[0], old->op);
        break;
    case IR_SLICE_ROWS:
        r = norm_rows(z, n[0], ir_binary(b, IR_ADD, ir_iota(b, old->i1 - old->i0, 0), ir_const(b, (double)old->i0)));
        break;
    case IR_TAKE_ROWS:
        if (n[0] && !n[1]) r = norm_rows(z, n[0], args[1]);
        break;
    case IR_SLICE_COLS: return NULL; /* stays T-like */
    default: {
        IrNode probe = *old;
        probe.args = args;
        probe.mark = 0;
        IrClass cls = ir_ops[old->op].cls;
        if ((cls == IRC_UNARY || cls == IRC_BINARY || old->op == IR_WHERE) && norm_elementwise(z, &probe)) return NULL;
    }
    }
    if (r) return r;
    IrNode **whole = arena_array(z->arena, IrNode *, old->nargs);
    for (int i = 0; i < old->nargs; i++) {
        Norm *m = norm_of(z, args[i]);
        whole[i] = m ? norm_expand(z, m, old) : args[i];
    }
    return ir_make(b, old, whole);
}

/* A T-like value that leaves a region (carried, a result of the function) is stored: wrap it so that the visitor sees a
 * consumer. */
static bool mentions_table(const IrNode *v) {
    if (v->op == IR_TABLE) return true;
    IrClass c = ir_ops[v->op].cls;
    if (c != IRC_UNARY && c != IRC_BINARY && v->op != IR_WHERE && v->op != IR_SLICE_COLS) return false;
    for (int i = 0; i < v->nargs; i++)
        if (mentions_table(v->args[i])) return true;
    return false;
}
static IrNode *wrap_stored(IrFunc *f, IrRegion *r, int at, IrNode *v) {
    IrNode **args = arena_array(f->arena, IrNode *, 1);
    args[0] = v;
    return ir_insert(f, r, at,
                     &(IrNode){.op = IR_STORED,
                               .rows = v->rows,
                               .cols = v->cols,
                               .rspace = v->rspace,
                               .cspace = v->cspace,
                               .nargs = 1,
                               .args = args,
                               .span = v->span,
                               .name = v->name});
}
static void store_leaving(IrFunc *f, IrRegion *r) {
    for (int i = 0; i < r->nodes.len; i++) {
        IrNode *v = r->nodes.data[i];
        for (int k = 0; k < v->nregions; k++) store_leaving(f, v->regions[k]);
        if (!v->nregions) continue;
        for (int a = 0; a < v->nargs; a++)
            if (mentions_table(v->args[a])) v->args[a] = wrap_stored(f, r, i++, v->args[a]);
    }
    for (int i = 0; i < r->results.len; i++)
        if (mentions_table(r->results.data[i]))
            r->results.data[i] = wrap_stored(f, r, r->nodes.len, r->results.data[i]);
}

/* Blocks whose every indicator is the identity are rows of the target itself. */
static void merge_identity_spaces(IrFunc *f) {
    for (int t = 0; t < f->tables.len; t++) {
        IrTable *tab = &f->tables.data[t];
        const Integration *in = tab->data;
        for (int s = 0; s < in->nspaces; s++) {
            bool all = in->spaces[s].rows == in->rows, any = false;
            for (int k = 0; k < in->nindicators; k++)
                if (in->indicators[k].space == s) {
                    any = true;
                    all = all && in->indicators[k].identity;
                }
            if (any && all) tab->block_space[s] = tab->target_space;
        }
    }
}

IrFunc *ir_factorize(const IrFunc *f, const PassOptions *o) {
    Factorizer z = {.options = o};
    merge_identity_spaces((IrFunc *)f);
    store_leaving((IrFunc *)f, f->body);
    IrFunc *g = ir_rebuild(f, factorize_visit, &z, true, true);
    g->factorized = true;
    ir_dead_code(g);
    return g;
}
