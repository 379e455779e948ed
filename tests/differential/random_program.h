/* random_program.h: random functions over a target: values over T's rows, T-like values and small values, combined by
 * every operator that accepts them, in loops, while loops and conditionals, nested, with carried values that trade
 * places.
 *
 * Operators that jump (floor, comparisons, argmin …) get only operands whose value does not depend on the order of
 * sums, so that two right answers never differ by more than rounding. */
#ifndef AMAL_RANDOM_PROGRAM_H
#define AMAL_RANDOM_PROGRAM_H
#include <math.h>

#include "backends/backend.h"
#include "backends/runtime/kernels.h"

static uint64_t draw_seed, draw_at;
static bool draw_exact = true; /* the target's numbers are multiples of small powers of two */
static double uniform(void) {
    return rng_uniform(draw_seed, 1, draw_at++);
}
static int64_t up_to(int64_t n) {
    return n > 0 ? (int64_t)(uniform() * (double)n) : 0;
} /* 0 .. n - 1 */
static bool maybe(double p) {
    return uniform() < p;
}

typedef struct Pool {
    IrNode *v[64];
    int n;
} Pool;
typedef struct Maker {
    IrBuilder *b;
    IrNode *x, *y, *weights;
    int64_t n, d; /* T's rows and columns */
    int space;
    Pool like, rows, small;
} Maker;
static IrNode *put(Pool *p, IrNode *n) {
    if (p->n < 64) p->v[p->n++] = n;
    return n;
}
static IrNode *pick(const Pool *p) {
    return p->v[up_to(p->n)];
}

/* Whether all sums that lead to it are exact: multiples of small powers of two, no functions that round. */
static bool is_exact(const IrNode *n) {
    switch (n->op) {
    case IR_EXP:
    case IR_SIGMOID:
    case IR_TANH:
    case IR_COS:
    case IR_DIV:
    case IR_SOLVE:
    case IR_EIGVALS:
    case IR_EIGVECS:
    case IR_RANDN:
    case IR_SQRT:
    case IR_ARG:
    case IR_PROJ: return false;
    case IR_TABLE: return draw_exact;
    default: break;
    }
    for (int i = 0; i < n->nargs; i++)
        if (!is_exact(n->args[i])) return false;
    return true;
}
static IrNode *number(Maker *k, double v) {
    return ir_const(k->b, v);
}
/* Multiples of 1/8 in [-1, 1): a function of the seed alone, also when a loop's index is in the seed. */
static IrNode *eighths(Maker *k, IrNode *random) {
    IrNode *v = ir_unary(k->b, IR_FLOOR, ir_binary(k->b, IR_MUL, random, number(k, 16)));
    return ir_binary(k->b, IR_SUB, ir_binary(k->b, IR_MUL, v, number(k, 0.125)), number(k, 1));
}
static IrNode *small_matrix(Maker *k, int64_t rows, int64_t cols) {
    return eighths(k, ir_rand(k->b, IR_RAND, rows, cols, 0, number(k, (double)up_to(1000) - 20)));
}
/* Keeps powers of values small, and finite. */
static IrNode *tame(Maker *k, IrNode *v) {
    return ir_unary(k->b, IR_TANH, v);
}
static IrNode *random_unary(Maker *k, IrNode *v) {
    static const IrOp smooth[] = {IR_EXP, IR_SQUARE, IR_ABS, IR_NEG, IR_SIGMOID, IR_COS, IR_TANH},
                      jumps[] = {IR_SIGN, IR_NOT, IR_FLOOR, IR_CEIL, IR_ROUND};
    if (is_exact(v) && maybe(0.4)) return ir_unary(k->b, jumps[up_to(5)], v);
    IrNode *r = ir_unary(k->b, smooth[up_to(7)], v);
    return r->op == IR_EXP || !is_exact(v) ? tame(k, r) : r;
}
static IrNode *random_binary(Maker *k, IrNode *v, IrNode *w) {
    static const IrOp smooth[] = {IR_ADD, IR_SUB, IR_MUL, IR_MIN2, IR_MAX2},
                      jumps[] = {IR_LT, IR_GE, IR_EQ, IR_NE, IR_AND, IR_OR};
    if (is_exact(v) && is_exact(w) && maybe(0.4)) return ir_binary(k->b, jumps[up_to(6)], v, w);
    return ir_binary(k->b, smooth[up_to(5)], v, w);
}
static IrNode *taken(Maker *k, IrOp op, IrNode *v, IrNode *index) {
    IrNode proto = {.op = op, .nargs = 2}, *args[2] = {v, index};
    return ir_make(k->b, &proto, args);
}
/* 1-based positions in 1..most, as a row or a column. */
static IrNode *positions(Maker *k, int64_t count, int64_t most) {
    IrNode *v = ir_rand(k->b, IR_RAND, maybe(0.5) ? count : 1, 1, 0, number(k, (double)up_to(1000)));
    if (v->rows == 1 && count > 1) v = ir_rand(k->b, IR_RAND, 1, count, 0, number(k, (double)up_to(1000)));
    return ir_binary(k->b, IR_ADD, ir_unary(k->b, IR_FLOOR, ir_binary(k->b, IR_MUL, v, number(k, (double)most))),
                     number(k, 1));
}
/* Another T-like value. */
static IrNode *grow_like(Maker *k) {
    IrNode *v = pick(&k->like), *w;
    switch (up_to(7)) {
    case 0: return random_unary(k, v);
    case 1: return random_binary(k, v, number(k, floor(uniform() * 5) - 2));
    case 2: return random_binary(k, v, small_matrix(k, 1, v->cols));
    case 3: w = pick(&k->like); return w->cols == v->cols ? random_binary(k, v, w) : NULL;
    case 4:
        return ir_binary(k->b, maybe(0.6) ? IR_MUL : IR_SUB, v,
                         maybe(0.5) ? k->y : k->weights); /* rows scaled, or shifted */
    case 5: {
        if (v->cols < 2) return NULL;
        int64_t c0 = up_to(v->cols), c1 = c0 + up_to(v->cols - c0 + 1);
        return c1 > c0 || maybe(0.1) ? ir_slice(k->b, IR_SLICE_COLS, v, c0, c1) : NULL;
    }
    default:
        w = pick(&k->like);
        if (!is_exact(v) || w->cols != v->cols) return NULL;
        return ir_where(k->b, v, maybe(0.5) ? w : number(k, 2), maybe(0.5) ? small_matrix(k, 1, v->cols) : v);
    }
}
/* Another value over T's rows. */
static IrNode *grow_rows(Maker *k) {
    IrNode *v = maybe(0.6) ? pick(&k->like) : pick(&k->rows), *r = pick(&k->rows), *q = pick(&k->rows);
    int64_t width = maybe(0.9) ? 1 + up_to(12) : 30 + up_to(41);
    switch (up_to(16)) {
    case 0:
    case 1:
    case 2: return ir_matmul(k->b, v, false, small_matrix(k, v->cols, width), false);
    case 3: return ir_matmul(k->b, v, false, small_matrix(k, width, v->cols), true);
    case 4: return ir_unary(k->b, IR_ROWSUMS, v);
    case 5:
    case 6: {
        static const IrOp ops[] = {IR_ROWMIN, IR_ROWMAX, IR_ROWARGMIN, IR_ROWARGMAX};
        return v->cols && is_exact(v) ? ir_unary(k->b, ops[up_to(4)], v) : NULL;
    }
    case 7: { /* one-hot rows; of numbers between columns too */
        if (!is_exact(r)) return NULL;
        IrNode *index = r->cols == 1 && maybe(0.5) ? r : r->cols ? ir_unary(k->b, IR_ROWARGMIN, r) : k->y;
        return ir_onehot(k->b, index, 1 + up_to(maybe(0.9) ? 6 : 40));
    }
    case 8: return random_unary(k, r);
    case 9: return r->cols == q->cols || r->cols == 1 || q->cols == 1 ? random_binary(k, r, q) : NULL;
    case 10: return random_binary(k, r, maybe(0.5) ? number(k, 1) : small_matrix(k, 1, r->cols));
    case 11: {
        IrNode *parts[3] = {r, maybe(0.5) ? q : v, number(k, 1)};
        IrNode *all = ir_nary(k->b, IR_CBIND, 2 + (int)up_to(2), parts);
        return all->cols <= 90 ? all : NULL;
    }
    case 12: {
        if (!r->cols) return NULL;
        int64_t c0 = up_to(r->cols);
        return ir_slice(k->b, IR_SLICE_COLS, r, c0, c0 + 1 + up_to(r->cols - c0));
    }
    case 13: return v->cols ? taken(k, IR_TAKE_COLS, v, positions(k, 1 + up_to(5), v->cols)) : NULL;
    case 14:
        if (!is_exact(r) || (r->cols != 1 && q->cols != r->cols && q->cols != 1)) return NULL;
        return ir_where(k->b, r, q, maybe(0.5) ? number(k, -1) : q);
    default: {
        static const IrOp ops[] = {IR_RAND, IR_RANDN};
        return ir_rand(k->b, ops[up_to(2)], k->n, 1 + up_to(3), k->space, number(k, floor(uniform() * 9) / 2 - 2));
    }
    }
}
/* Another small value. */
static IrNode *grow_small(Maker *k) {
    IrNode *v = maybe(0.7) ? pick(&k->like) : pick(&k->rows), *r = pick(&k->rows), *s = pick(&k->small);
    switch (up_to(16)) {
    case 0:
    case 1: return ir_matmul(k->b, v, true, r, false);
    case 2: return ir_matmul(k->b, r, true, v, false);
    case 3: return ir_matmul(k->b, v, true, pick(&k->like), false);
    case 4: return ir_unary(k->b, IR_COLSUMS, v);
    case 5: return ir_unary(k->b, IR_SUM, v);
    case 6: {
        static const IrOp ops[] = {IR_COLMIN, IR_COLMAX, IR_MINALL, IR_MAXALL};
        return ir_unary(k->b, ops[up_to(4)], v);
    }
    case 7: {
        if (!k->n) return NULL;
        int64_t i0 = up_to(k->n), most = k->n - i0 < 5 ? k->n - i0 : 5;
        return ir_slice(k->b, IR_SLICE_ROWS, v, i0, i0 + 1 + up_to(most));
    }
    case 8: return k->n ? taken(k, IR_TAKE_ROWS, v, positions(k, 1 + up_to(5), k->n)) : NULL;
    case 9: return ir_binary(k->b, IR_MUL, ir_unary(k->b, IR_TRANSPOSE, s), number(k, 0.5));
    case 10: { /* weighted: X' diag(w) X */
        IrNode *w = ir_binary(k->b, IR_MUL, v, maybe(0.5) ? k->weights : k->y);
        return ir_matmul(k->b, v, true, w, false);
    }
    case 11:
    case 12: { /* ridge, and eigenvalues: of a matrix that is surely positive definite */
        if (!is_exact(v) || v->cols > 20 || !v->cols) return NULL;
        IrNode *bounded = v->op == IR_ONEHOT ? v : tame(k, v), *gram = ir_matmul(k->b, bounded, true, bounded, false);
        gram =
            ir_binary(k->b, IR_ADD, gram, ir_binary(k->b, IR_MUL, number(k, (double)k->n + 1), ir_eye(k->b, v->cols)));
        if (maybe(0.3)) return ir_unary(k->b, IR_EIGVALS, gram);
        return ir_binary(k->b, IR_SOLVE, gram, ir_matmul(k->b, bounded, true, tame(k, r), false));
    }
    case 13: { /* standardized columns, counted */
        IrNode *mean = ir_binary(k->b, IR_DIV, ir_unary(k->b, IR_COLSUMS, k->x), number(k, (double)k->n + 1));
        IrNode *z = ir_binary(k->b, IR_SUB, k->x, mean);
        if (maybe(0.5)) z = ir_binary(k->b, IR_MUL, z, small_matrix(k, 1, k->d));
        return ir_matmul(k->b, z, true, maybe(0.5) ? z : r, false);
    }
    case 14: return s->rows <= 8 && s->cols <= 60 ? ir_unary(k->b, IR_ROWSUMS, s) : NULL;
    default: { /* first columns beside a column of ones */
        IrNode *parts[2] = {ir_full(k->b, 1, k->n, 1, maybe(0.5) ? k->space : 0), pick(&k->like)};
        IrNode *z = ir_nary(k->b, IR_CBIND, 2, parts);
        return z->cols > 90 || !z->rspace ? NULL : ir_matmul(k->b, z, true, maybe(0.5) ? z : r, false);
    }
    }
}

/* ---- control ---- */
/* Descent: a small carried value, one over the rows, a T-like one that only grows by scaling; now and then they trade
 * places. */
static void loop_descent(Maker *k, Pool *out) {
    IrBuilder *b = k->b;
    int64_t c = 1 + up_to(3);
    bool swap = maybe(0.4), small_start = maybe(0.4);
    IrNode *init[4] = {small_matrix(k, k->d, c), ir_full(b, 0.5, k->n, c, small_start ? 0 : k->space),
                       small_matrix(k, k->d, c), ir_binary(b, IR_MUL, k->x, number(k, 0.5))};
    int carried = maybe(0.3) ? 4 : 3;
    IrRegion *r = ir_region_begin(b, REGION_LOOP);
    IrNode *i = ir_region_param(b, 1, 1, 0, "i"), *w = ir_region_param(b, k->d, c, 0, "w"),
           *h = ir_region_param(b, k->n, c, k->space, "h");
    IrNode *u = ir_region_param(b, k->d, c, 0, "u"),
           *t = carried == 4 ? ir_region_param(b, k->n, k->d, k->space, "t") : NULL;
    IrNode *z = ir_matmul(b, k->x, false, w, false), *e = ir_binary(b, IR_SUB, ir_unary(b, IR_SIGMOID, z), h);
    IrNode *g = ir_matmul(b, k->x, true, e, false);
    IrNode *step = ir_binary(b, IR_DIV, number(k, 0.01), ir_binary(b, IR_ADD, i, number(k, (double)k->n)));
    IrNode *next = ir_binary(b, IR_SUB, w, ir_binary(b, IR_MUL, step, g)), *results[4];
    results[0] = swap ? u : next;
    results[1] = ir_binary(b, IR_MUL, number(k, 0.5), ir_binary(b, IR_ADD, h, ir_unary(b, IR_TANH, z)));
    results[2] = swap ? next : ir_binary(b, IR_ADD, u, ir_binary(b, IR_MUL, number(k, 0.125), w));
    if (t)
        results[3] =
            maybe(0.5) ? ir_binary(b, IR_MUL, t, number(k, 0.5)) : ir_unary(b, IR_TANH, ir_binary(b, IR_SUB, t, k->x));
    ir_region_end(b, carried, results);
    IrNode *loop = ir_loop(b, number(k, floor(uniform() * 9) / 2), r, carried, init);
    for (int p = 0; p < carried; p++) put(out, ir_proj(b, loop, p));
}
/* Factors W (over the rows) and H (small), multiplied in place as NMF does. */
static void loop_factors(Maker *k, Pool *out) {
    IrBuilder *b = k->b;
    int64_t c = 1 + up_to(maybe(0.8) ? 4 : 20);
    IrNode *x = ir_unary(b, IR_ABS, k->x), *eps = number(k, 1);
    IrNode *init[2] = {ir_rand(b, IR_RAND, k->n, c, k->space, number(k, 3)),
                       ir_rand(b, IR_RAND, k->d, c, 0, number(k, 4))};
    IrRegion *r = ir_region_begin(b, REGION_LOOP);
    ir_region_param(b, 1, 1, 0, "i");
    IrNode *w = ir_region_param(b, k->n, c, k->space, "W"), *h = ir_region_param(b, k->d, c, 0, "H"), *results[2];
    IrNode *hn =
        ir_binary(b, IR_MUL, h,
                  ir_binary(b, IR_DIV, ir_matmul(b, x, true, w, false),
                            ir_binary(b, IR_ADD, ir_matmul(b, h, false, ir_matmul(b, w, true, w, false), false), eps)));
    IrNode *of = maybe(0.5) ? h : hn;
    results[0] = ir_binary(
        b, IR_MUL, w,
        ir_binary(b, IR_DIV, ir_matmul(b, x, false, of, false),
                  ir_binary(b, IR_ADD, ir_matmul(b, w, false, ir_matmul(b, of, true, of, false), false), eps)));
    results[1] = hn;
    ir_region_end(b, 2, results);
    IrNode *loop = ir_loop(b, number(k, (double)up_to(4)), r, 2, init);
    put(out, ir_proj(b, loop, 0));
    put(out, ir_proj(b, loop, 1));
}
/* while s < limit: a counter beside values that trade places, with a conditional in the body, whose sides give what
 * they were given or more. */
static void loop_while(Maker *k, Pool *out) {
    IrBuilder *b = k->b;
    IrNode *start = pick(&k->rows);
    int64_t c = start->cols;
    IrNode *init[3] = {number(k, 0), start, ir_full(b, 0.25, k->n, c, k->space)};
    IrRegion *cond = ir_region_begin(b, REGION_WHILE_COND);
    IrNode *s = ir_region_param(b, 1, 1, 0, "s");
    ir_region_param(b, k->n, c, k->space, "p");
    ir_region_param(b, k->n, c, k->space, "q");
    IrNode *more = ir_binary(b, IR_LT, s, number(k, (double)up_to(4)));
    ir_region_end(b, 1, &more);
    IrRegion *body = ir_region_begin(b, REGION_WHILE_BODY);
    s = ir_region_param(b, 1, 1, 0, "s");
    IrNode *p = ir_region_param(b, k->n, c, k->space, "p"), *q = ir_region_param(b, k->n, c, k->space, "q"), *side;
    IrNode *test = ir_binary(b, IR_EQ, s, number(k, 1));
    IrRegion *then = ir_region_begin(b, REGION_BRANCH);
    side = ir_binary(b, IR_SUB, p, ir_binary(b, IR_MUL, k->y, number(k, 0.5)));
    ir_region_end(b, 1, &side);
    IrRegion *otherwise = ir_region_begin(b, REGION_BRANCH);
    side = maybe(0.5) ? q : ir_full(b, 0.75, k->n, c, maybe(0.5) ? 0 : k->space);
    ir_region_end(b, 1, &side);
    IrNode *either = ir_proj(b, ir_if(b, test, then, otherwise), 0);
    IrNode *results[3] = {ir_binary(b, IR_ADD, s, number(k, 1)), maybe(0.5) ? q : either, NULL};
    results[2] = results[1] == q ? ir_unary(b, IR_TANH, either) : p;
    ir_region_end(b, 3, results);
    IrNode *loop = ir_while(b, cond, body, 3, init);
    for (int i = 0; i < 3; i++) put(out, ir_proj(b, loop, i));
}
/* A loop in a loop, both over small values and the rows; what the inner one makes is used by the outer. */
static void loop_nested(Maker *k, Pool *out) {
    IrBuilder *b = k->b;
    IrNode *init[1] = {small_matrix(k, k->d, 1)}, *inner_init[2];
    IrRegion *outer = ir_region_begin(b, REGION_LOOP);
    IrNode *i = ir_region_param(b, 1, 1, 0, "i"), *w = ir_region_param(b, k->d, 1, 0, "w");
    IrNode *z = ir_unary(b, IR_TANH, ir_matmul(b, k->x, false, w, false));
    inner_init[0] = z;
    inner_init[1] = w;
    IrRegion *inner = ir_region_begin(b, REGION_LOOP);
    ir_region_param(b, 1, 1, 0, "j");
    IrNode *h = ir_region_param(b, k->n, 1, k->space, "h"), *v = ir_region_param(b, k->d, 1, 0, "v"), *results[2];
    results[0] = ir_binary(b, IR_MUL, ir_binary(b, IR_ADD, h, z), number(k, 0.25));
    results[1] = ir_binary(b, IR_ADD, v,
                           ir_binary(b, IR_DIV, ir_matmul(b, k->x, true, h, false),
                                     ir_binary(b, IR_ADD, i, number(k, 10 * (double)k->n + 10))));
    ir_region_end(b, 2, results);
    IrNode *loop = ir_loop(b, maybe(0.5) ? i : number(k, 2), inner, 2, inner_init), *next = ir_proj(b, loop, 1);
    if (maybe(0.5)) next = ir_binary(b, IR_ADD, next, ir_unary(b, IR_SUM, ir_proj(b, loop, 0)));
    next = ir_unary(b, IR_TANH, next);
    ir_region_end(b, 1, &next);
    put(out, ir_proj(b, ir_loop(b, number(k, (double)up_to(4)), outer, 1, init), 0));
}
/* A conditional over small, T-like and row values. */
static void conditional(Maker *k, Pool *out) {
    IrBuilder *b = k->b;
    IrNode *test = ir_binary(b, IR_GT, ir_unary(b, IR_SUM, k->y), number(k, 0)), *results[3];
    IrNode *s = pick(&k->small), *r = pick(&k->rows), *v = pick(&k->like);
    IrRegion *then = ir_region_begin(b, REGION_BRANCH);
    results[0] = ir_binary(b, IR_MUL, s, number(k, 2));
    results[1] = ir_binary(b, IR_SUB, r, k->y);
    results[2] = v;
    ir_region_end(b, 3, results);
    IrRegion *otherwise = ir_region_begin(b, REGION_BRANCH);
    results[0] = s;
    results[1] = maybe(0.5) ? r : ir_full(b, 3, k->n, r->cols, k->space);
    results[2] = ir_binary(b, IR_ADD, v, number(k, 1));
    ir_region_end(b, 3, results);
    IrNode *c = ir_if(b, test, then, otherwise);
    for (int i = 0; i < 3; i++) put(out, ir_proj(b, c, i));
}

/* Inputs: y over the rows; with `weights`, a second one. As many results as fit. */
static IrFunc *random_program(Arena *arena, Diags *ds, const Integration *in) {
    IrFunc *f = ir_func_new(arena, ds, "random");
    int t = ir_add_table(f, in, "T");
    Maker k = {.n = in->rows, .d = in->cols, .space = f->tables.data[t].target_space};
    int y = ir_add_input(f, "y", in->rows, 1, k.space, (Span){0});
    k.b = ir_builder(f);
    k.x = ir_table(k.b, t);
    k.y = ir_input(k.b, y);
    k.weights = ir_binary(k.b, IR_ADD, ir_unary(k.b, IR_ABS, k.y), number(&k, 0.5));
    put(&k.like, k.x);
    put(&k.rows, k.y);
    put(&k.small, small_matrix(&k, in->cols, 1 + up_to(3)));
    for (int tries = 0, made = 0; tries < 60 && made < 11; tries++) {
        double u = uniform();
        Pool *to = u < 0.3 ? &k.like : u < 0.65 ? &k.rows : &k.small;
        IrNode *v = to == &k.like ? grow_like(&k) : to == &k.rows ? grow_rows(&k) : grow_small(&k);
        if (v && !(to == &k.rows && !v->rspace)) put(to, v), made++;
    }
    Pool out = {0};
    if (maybe(0.5)) loop_descent(&k, &out);
    if (maybe(0.25)) loop_factors(&k, &out);
    if (maybe(0.25)) loop_while(&k, &out);
    if (maybe(0.25)) loop_nested(&k, &out);
    if (maybe(0.25)) conditional(&k, &out);
    for (int i = 1; i < k.small.n; i++) put(&out, k.small.v[i]);
    for (int i = 1; i < k.rows.n; i++) put(&out, k.rows.v[i]);
    if (maybe(0.2)) put(&out, pick(&k.like));
    if (!out.n) put(&out, ir_unary(k.b, IR_COLSUMS, k.x));
    for (int i = 0; i < out.n; i++) {
        vec_push(arena, &f->body->results, out.v[i]);
        vec_push(arena, &f->output_names, "r");
    }
    return f;
}
#endif
