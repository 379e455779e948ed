/* test_ir.c: building (shared nodes, homes), shapes and their reasons, control flow through rebuilding and dead code,
 * printing, verifying, trip counts, costs, and the order of products. */
#include "tests/unit/ir_testing.h"

/* ---- building ---- */
static void test_sharing(void **state) {
    (void)state;
    World w = world_new(5, true);
    IrNode *a = text_build(&w, "X @ w + s"), *b = text_build(&w, "X @ w + s");
    assert_ptr_equal(a, b);
    assert_ptr_equal(a, text_build(&w, "s + X @ w"));
    assert_ptr_not_equal(text_build(&w, "w - g"), text_build(&w, "g - w"));
    assert_ptr_not_equal(a, text_build(&w, "X @ g + s"));
    assert_ptr_not_equal(ir_const(w.b, 0.0), ir_const(w.b, -0.0));
    assert_ptr_equal(ir_const(w.b, NAN), ir_const(w.b, NAN));
    assert_ptr_not_equal(ir_matmul(w.b, text_build(&w, "V"), false, text_build(&w, "W"), false),
                         ir_matmul(w.b, text_build(&w, "V"), true, text_build(&w, "W"), false));
    assert_ptr_equal(ir_full(w.b, 2, 1, 1, 0), ir_const(w.b, 2));
    w.b->cse = false;
    assert_ptr_not_equal(text_build(&w, "abs(w)"), text_build(&w, "abs(w)"));
    world_free(&w);
}
static int count_op(const IrRegion *r, IrOp op) {
    int n = 0;
    for (int i = 0; i < r->nodes.len; i++) {
        n += r->nodes.data[i]->op == op;
        for (int k = 0; k < r->nodes.data[i]->nregions; k++) n += count_op(r->nodes.data[i]->regions[k], op);
    }
    return n;
}
/* repeat `count` { w = w - step * X' @ (X @ w - y) }, and what the caller adds to the loop */
typedef struct Descent {
    IrNode *loop, *invariant, *variant, *failing;
    IrRegion *body;
} Descent;
static Descent descent(World *w, double count) {
    IrBuilder *b = w->b;
    Descent d = {0};
    IrNode *init = ir_full(b, 0, w->d, 1, 0), *x = text_build(w, "X"), *y = text_build(w, "y");
    d.body = ir_region_begin(b, REGION_LOOP);
    IrNode *index = ir_region_param(b, 1, 1, 0, "i"), *v = ir_region_param(b, w->d, 1, 0, "w");
    d.invariant = text_build(w, "exp(w)");
    d.variant = ir_binary(b, IR_MUL, v, index);
    d.failing = text_build(w, "solve(V, p)");
    IrNode *r = ir_binary(b, IR_SUB, ir_matmul(b, x, false, v, false), y);
    IrNode *next = ir_binary(b, IR_SUB, v, ir_binary(b, IR_MUL, ir_const(b, 0.001), ir_matmul(b, x, true, r, false)));
    ir_region_end(b, 1, &next);
    d.loop = ir_loop(b, ir_const(b, count), d.body, 1, &init);
    return d;
}
static void test_homes(void **state) {
    (void)state;
    World w = world_new(5, true);
    Descent d = descent(&w, 3);
    assert_ptr_equal(d.invariant->home, w.f->body);
    assert_ptr_equal(d.variant->home, d.body);
    assert_ptr_equal(d.failing->home, d.body); /* may fail: stays where it was written */
    assert_ptr_equal(d.body->owner, d.loop);
    world_output(&w, ir_proj(w.b, d.loop, 0));
    ir_verify(w.f, "building");
    world_function(&w);
    w.b->hoist = false;
    d = descent(&w, 3);
    assert_ptr_equal(d.invariant->home, d.body);
    world_free(&w);
}
static void test_branches_keep(void **state) {
    (void)state;
    World w = world_new(5, true);
    IrBuilder *b = w.b;
    IrRegion *yes = ir_region_begin(b, REGION_BRANCH);
    IrNode *in = text_build(&w, "exp(w)");
    ir_region_end(b, 1, &in);
    IrRegion *no = ir_region_begin(b, REGION_BRANCH);
    IrNode *other = text_build(&w, "w");
    ir_region_end(b, 1, &other);
    IrNode *c = ir_if(b, text_build(&w, "s"), yes, no);
    assert_ptr_equal(in->home, yes);
    /* what a branch made is not seen outside it */
    assert_ptr_not_equal(text_build(&w, "exp(w)"), in);
    world_output(&w, ir_proj(b, c, 0));
    ir_verify(w.f, "building");
    Matrix *v = world_run(&w, w.f), *u = world_run(&w, ir_rebuild(w.f, NULL, NULL, true, true));
    assert_equal_values(v, u, "if");
    mat_free(v);
    mat_free(u);
    world_free(&w);
}

/* ---- shapes ---- */
static void assert_why(World *w, IrOp op, const char *x, const char *y, const char *says) {
    IrNode *args[2] = {text_build(w, x), y ? text_build(w, y) : NULL};
    IrNode n = {.op = op, .nargs = y ? 2 : 1, .args = args};
    const char *why = NULL;
    assert_false(ir_infer_shape(w->f, &n, &why));
    if (!why || strcmp(why, says) != 0) fail_msg("it says \"%s\", not \"%s\"", why ? why : "nothing", says);
}
static void test_reasons(void **state) {
    (void)state;
    World w = world_new(12, true);
    assert_why(&w, IR_MATMUL, "X", "p", "features(T) is 12 x 9 and p is 3 x 1: the inner sizes 9 and 3 differ");
    assert_why(&w, IR_ADD, "w", "p", "w is 9 x 1 and p is 3 x 1: 9 and 3 rows do not go together");
    assert_why(&w, IR_SUB, "r", "v", "r is 1 x 9 and v is 1 x 3: 9 and 3 columns do not go together");
    assert_why(&w, IR_RBIND, "V", "r", "V is 3 x 3 and r is 1 x 9: one below the other they need the same columns");
    assert_why(&w, IR_RBIND, "X", "r",
               "features(T) is 12 x 9, with a row for each of the rows of T: rbind is for small values");
    assert_why(&w, IR_CBIND, "V", "w", "V is 3 x 3 and w is 9 x 1: side by side they need the same rows");
    assert_why(&w, IR_SOLVE, "B", "w", "B is 9 x 3: solve needs a small square matrix");
    assert_why(&w, IR_DIAG, "B", NULL, "B is 9 x 3: diag needs a small square matrix");
    assert_why(&w, IR_ONEHOT, "V", NULL, "V is 3 x 3: onehot needs one column of numbers");
    assert_why(&w, IR_TAKE_ROWS, "V", "W", "W is 3 x 3: an index is a small row or column of numbers");
    world_free(&w);
}
static void test_spaces(void **state) {
    (void)state;
    World w = world_new(1, true); /* one row: sizes alone would let everything through */
    int t = w.f->tables.data[w.table].target_space;
    assert_int_equal(text_build(&w, "X * r")->rspace, t);
    assert_int_equal(text_build(&w, "X'")->cspace, t);
    assert_int_equal(text_build(&w, "X' @ y")->rspace, 0);
    assert_int_equal(text_build(&w, "X @ w")->rspace, t);
    assert_int_equal(text_build(&w, "colsums(X)")->rspace, 0);
    int other = ir_add_table(w.f, w.data, "U");
    IrNode *args[2] = {text_build(&w, "X"), ir_table(w.b, other)};
    IrNode sum = {.op = IR_ADD, .nargs = 2, .args = args},
           product = {.op = IR_MATMUL, .ta = true, .nargs = 2, .args = args};
    const char *why;
    assert_false(ir_infer_shape(w.f, &sum, &why));
    assert_non_null(strstr(why, "one runs over the rows of T, the other over the rows of U"));
    assert_false(ir_infer_shape(w.f, &product, &why));
    /* a small value may have a row for each row of T, but one row is not made many over T */
    World many = world_new(4, true);
    IrNode *small = ir_full(many.b, 1, 4, 1, 0);
    assert_int_equal(ir_binary(many.b, IR_ADD, text_build(&many, "y"), small)->rspace,
                     many.f->tables.data[0].target_space);
    world_free(&many);
    world_free(&w);
}

/* ---- rebuilding ---- */
static IrFunc *both_passes(const IrFunc *f) {
    IrFunc *g = ir_rebuild(f, NULL, NULL, true, true);
    ir_verify(g, "rebuild");
    ir_dead_code(g);
    ir_verify(g, "dead code");
    return g;
}
static void test_carried(void **state) {
    (void)state;
    World w = world_new(7, true);
    IrBuilder *b = w.b;
    /* carried: used, needed by the used one, unused, unchanged */
    IrNode *init[4] = {text_build(&w, "w"), text_build(&w, "s"), text_build(&w, "y"), text_build(&w, "g")};
    IrRegion *body = ir_region_begin(b, REGION_LOOP);
    ir_region_param(b, 1, 1, 0, "i");
    IrNode *p[4];
    for (int i = 0; i < 4; i++) p[i] = ir_region_param(b, init[i]->rows, init[i]->cols, init[i]->rspace, NULL);
    IrNode *next[4] = {ir_binary(b, IR_ADD, p[0], ir_binary(b, IR_MUL, p[1], p[3])),
                       ir_binary(b, IR_MUL, p[1], ir_const(b, 0.5)), ir_unary(b, IR_EXP, p[2]), p[3]};
    ir_region_end(b, 4, next);
    IrNode *loop = ir_loop(b, ir_const(b, 4), body, 4, init);
    world_output(&w, ir_proj(b, loop, 0));
    world_output(&w, ir_proj(b, loop, 3));
    ir_verify(w.f, "building");
    IrFunc *g = both_passes(w.f);
    assert_int_equal(count_op(g->body, IR_EXP), 0);
    for (int i = 0; i < g->body->nodes.len; i++)
        if (g->body->nodes.data[i]->op == IR_LOOP) assert_int_equal(g->body->nodes.data[i]->nargs, 3);
    Matrix *before[8], *after[8];
    world_run_all(&w, w.f, before);
    world_run_all(&w, g, after);
    assert_equal_values(before[0], after[0], "carried");
    assert_equal_values(before[1], after[1], "unchanged");
    outputs_free(before);
    outputs_free(after);
    world_free(&w);
}
static void test_never(void **state) {
    (void)state;
    World w = world_new(7, true);
    Descent d = descent(&w, 0);
    world_output(&w, ir_proj(w.b, d.loop, 0));
    IrFunc *g = both_passes(w.f);
    assert_int_equal(count_op(g->body, IR_LOOP), 0);
    assert_int_equal(g->body->results.data[0]->op, IR_FULL);
    world_free(&w);
}
static void test_while(void **state) {
    (void)state;
    World w = world_new(7, true);
    IrBuilder *b = w.b;
    IrNode *init[2] = {ir_const(b, 0), text_build(&w, "y")};
    IrRegion *cond = ir_region_begin(b, REGION_WHILE_COND);
    IrNode *c0 = ir_region_param(b, 1, 1, 0, "i");
    ir_region_param(b, w.n, 1, init[1]->rspace, "v");
    IrNode *test = ir_binary(b, IR_LT, c0, ir_const(b, 5));
    ir_region_end(b, 1, &test);
    IrRegion *body = ir_region_begin(b, REGION_WHILE_BODY);
    IrNode *i = ir_region_param(b, 1, 1, 0, "i"), *v = ir_region_param(b, w.n, 1, init[1]->rspace, "v");
    IrNode *next[2] = {ir_binary(b, IR_ADD, i, ir_const(b, 1)), ir_binary(b, IR_MUL, v, ir_const(b, 2))};
    ir_region_end(b, 2, next);
    IrNode *loop = ir_while(b, cond, body, 2, init);
    world_output(&w, ir_proj(b, loop, 0)); /* v is not needed */
    ir_verify(w.f, "building");
    IrFunc *g = both_passes(w.f);
    assert_int_equal(count_op(g->body, IR_MUL), 0);
    assert_int_equal(count_op(g->body, IR_ADD), 1);
    Matrix *m = world_run(&w, g);
    assert_true(mat_get(m, 0, 0) == 5);
    mat_free(m);
    world_free(&w);
}
static void test_known_branch(void **state) {
    (void)state;
    World w = world_new(3, true);
    IrBuilder *b = w.b;
    IrRegion *yes = ir_region_begin(b, REGION_BRANCH);
    IrNode *v = text_build(&w, "exp(w)");
    ir_region_end(b, 1, &v);
    IrRegion *no = ir_region_begin(b, REGION_BRANCH);
    IrNode *u = text_build(&w, "tanh(w)");
    ir_region_end(b, 1, &u);
    world_output(&w, ir_proj(b, ir_if(b, ir_const(b, 0), yes, no), 0));
    IrFunc *g = both_passes(w.f);
    assert_int_equal(count_op(g->body, IR_IF) + count_op(g->body, IR_EXP), 0);
    assert_int_equal(g->body->results.data[0]->op, IR_TANH);
    world_free(&w);
}
static void test_names_of_operators(void **state) {
    (void)state;
    assert_int_equal(ir_op_by_name("exp", 1), IR_EXP);
    assert_int_equal(ir_op_by_name("where", 3), IR_WHERE);
    assert_int_equal(ir_op_by_name("where", 2), IR_COUNT_OF_OPS);
    assert_int_equal(ir_op_by_name("square", -1), IR_SQUARE);
    assert_int_equal(ir_op_by_name("@", 2), IR_COUNT_OF_OPS); /* not called by name */
    assert_true(ir_op_has(IR_SOLVE, 'F') && !ir_op_has(IR_EXP, 'Z'));
}

/* ---- printing ---- */
static void test_print(void **state) {
    (void)state;
    World w = world_new(5, true);
    IrFunc *f = text_function(&w, "X' @ (sigmoid(X @ w) - y)");
    assert_string_equal(text_of(&w, f->body->results.data[0]), "X' @ (sigmoid(X @ w) - y)");
    Buf a = {0}, b = {0};
    ir_print(&a, f);
    ir_print(&b, text_function(&w, "X' @ (sigmoid(X @ w) - y)"));
    assert_string_equal(a.data, b.data);
    assert_non_null(strstr(a.data, ": T x 1"));
    assert_non_null(strstr(a.data, ": 9 x 1"));
    buf_free(&a);
    buf_free(&b);
    world_free(&w);
}

/* ---- verifying: what it refuses ends in internal_error(), which aborts; a child process shows it ---- */
#include <sys/wait.h>
#include <unistd.h>
static bool aborts(const IrFunc *f) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (!freopen("/dev/null", "w", stderr)) _exit(3);
        ir_verify(f, "the test");
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
static void test_verify(void **state) {
    (void)state;
    World w = world_new(5, true);
    IrFunc *f = text_function(&w, "X @ w + y");
    assert_false(aborts(f));
    IrNode *n = f->body->results.data[0], keep = *n;
    n->rows = 4;
    assert_true(aborts(f));
    *n = keep;
    n->nargs = 1;
    assert_true(aborts(f));
    *n = keep;
    f->factorized = true;
    assert_true(aborts(f));
    f->factorized = false;
    IrNode *last = f->body->nodes.data[f->body->nodes.len - 1];
    f->body->nodes.data[f->body->nodes.len - 1] = f->body->nodes.data[0];
    f->body->nodes.data[0] = last; /* used before it is defined */
    assert_true(aborts(f));
    world_function(&w);
    Descent d = descent(&w, 3);
    world_output(&w, ir_proj(w.b, d.loop, 0));
    assert_false(aborts(w.f));
    w.f->body->results.data[0] = d.variant; /* not visible outside the loop */
    assert_true(aborts(w.f));
    world_free(&w);
}

/* ---- costs ---- */
static void test_trips(void **state) {
    (void)state;
    World w = world_new(5, true);
    Descent d = descent(&w, 200.9);
    assert_true(ir_trip_count(d.loop) == 200);
    assert_true(ir_region_weight(d.body) == 200);
    assert_true(ir_region_weight(w.f->body) == 1);
    world_output(&w, ir_proj(w.b, d.loop, 0));
    double many = ir_cost(w.f, 1).flops;
    world_function(&w);
    d = descent(&w, 20);
    world_output(&w, ir_proj(w.b, d.loop, 0));
    double few = ir_cost(w.f, 1).flops;
    assert_true(many > 9 * few && many < 11 * few);
    assert_true(ir_cost(w.f, 4).seconds < ir_cost(w.f, 1).seconds);
    world_free(&w);
}
/* while (left > 0 and k < limit) { k = k + step }, from 0 */
static double while_rounds(double limit, double step, IrOp less) {
    World w = world_new(5, true);
    IrBuilder *b = w.b;
    IrNode *init[2] = {ir_const(b, 9), ir_const(b, 0)};
    IrRegion *cond = ir_region_begin(b, REGION_WHILE_COND);
    IrNode *left = ir_region_param(b, 1, 1, 0, "left"), *k = ir_region_param(b, 1, 1, 0, "k");
    bool turned = less == IR_GT || less == IR_GE;
    IrNode *bound = turned ? ir_binary(b, less, ir_const(b, limit), k) : ir_binary(b, less, k, ir_const(b, limit));
    IrNode *going = ir_binary(b, IR_AND, ir_binary(b, IR_GT, left, ir_const(b, 0)), bound);
    ir_region_end(b, 1, &going);
    IrRegion *body = ir_region_begin(b, REGION_WHILE_BODY);
    IrNode *l = ir_region_param(b, 1, 1, 0, "left"), *j = ir_region_param(b, 1, 1, 0, "k");
    IrNode *next[2] = {ir_binary(b, IR_MUL, l, ir_const(b, 0.5)), step == 0
                                                                      ? ir_binary(b, IR_MUL, j, ir_const(b, 2))
                                                                      : ir_binary(b, IR_ADD, j, ir_const(b, step))};
    ir_region_end(b, 2, next);
    world_output(&w, ir_proj(b, ir_while(b, cond, body, 2, init), 0));
    double rounds = ir_region_weight(body);
    world_free(&w);
    return rounds;
}
static void test_while_trips(void **state) {
    (void)state;
    assert_true(while_rounds(30, 1, IR_LT) == 30);
    assert_true(while_rounds(30, 1, IR_LE) == 31);
    assert_true(while_rounds(30, 1, IR_GT) == 30);
    assert_true(while_rounds(29.5, 4, IR_LT) == 8);
    assert_true(while_rounds(-3, 1, IR_LT) == 0);
    assert_true(while_rounds(30, -1, IR_LT) == IR_UNKNOWN_TRIPS); /* never ends by it */
    assert_true(while_rounds(30, 0, IR_LT) == IR_UNKNOWN_TRIPS);  /* does not count */
}
static void test_cost_factorized(void **state) {
    (void)state;
    World w = world_new(900, true);
    PassOptions o = {.threads = 1};
    static const char *const texts[] = {"X @ w", "X' @ y", "X' @ X", "colsums(square(X))", "rowargmin(X @ B)"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        IrFunc *f = text_function(&w, texts[i]), *g = ir_optimize(f, &o);
        double a = ir_cost(f, 1).flops, b = ir_cost(g, 1).flops;
        if (a > 3 * b || b > 3 * a) fail_msg("%s costs %g at level 1 and %g at level 2", texts[i], a, b);
    }
    world_free(&w);
}

/* ---- the order of products ---- */
static const char *chained(World *w, const char *text) {
    PassOptions o = {0};
    IrFunc *f = text_function(w, text), *g = ir_chain(f, &o);
    ir_verify(g, "chain");
    ir_dead_code(f);
    Matrix *a = world_run(w, f), *b = world_run(w, g);
    assert_equal_values(a, b, text);
    mat_free(a);
    mat_free(b);
    return text_of(w, g->body->results.data[0]);
}
static void test_association(void **state) {
    (void)state;
    World w = world_new(300, true);
    assert_string_equal(chained(&w, "(B @ C) @ w"), "B @ (C @ w)");
    assert_string_equal(chained(&w, "(X @ B) @ p"), "X @ (B @ p)");
    assert_string_equal(chained(&w, "(R @ V) @ C"), "R @ (V @ C)");
    assert_string_equal(chained(&w, "(R @ C) @ C'"), "R @ (C @ C')");
    assert_string_equal(chained(&w, "R' @ (R @ C)"), "(R' @ R) @ C");
    /* a product with another use is made anyway */
    world_function(&w);
    IrNode *z = text_build(&w, "X @ B");
    world_output(&w, ir_binary(w.b, IR_ADD, ir_unary(w.b, IR_SUM, z),
                               ir_unary(w.b, IR_SUM, ir_matmul(w.b, z, false, text_build(&w, "p"), false))));
    PassOptions o = {0};
    IrFunc *g = ir_chain(w.f, &o);
    assert_int_equal(count_op(g->body, IR_MATMUL), 2);
    world_free(&w);
}
static int loop_products_over_rows(const IrFunc *f) {
    int n = 0;
    for (int i = 0; i < f->body->nodes.len; i++) {
        const IrNode *loop = f->body->nodes.data[i];
        for (int k = 0; k < loop->nregions; k++)
            for (int j = 0; j < loop->regions[k]->nodes.len; j++) {
                const IrNode *v = loop->regions[k]->nodes.data[j];
                for (int a = 0; a < v->nargs; a++) n += v->args[a]->rspace != 0 || v->rspace != 0;
            }
    }
    return n;
}
static void test_gram(void **state) {
    (void)state;
    for (int plain = 0; plain < 2; plain++) {
        World w = world_new(400, plain);
        PassOptions o = {.threads = 1, .verify = true}, off = o;
        assert_true(ir_disable(&off, "chain"));
        Descent d = descent(&w, 200);
        world_output(&w, ir_proj(w.b, d.loop, 0));
        IrFunc *g = ir_chain(w.f, &o), *kept = ir_simplify(w.f, &o), *all = ir_optimize(w.f, &o),
               *without = ir_optimize(w.f, &off);
        ir_verify(g, "chain");
        assert_true(loop_products_over_rows(kept) > 0);
        assert_int_equal(loop_products_over_rows(g), 0); /* X'X and X'y stand outside */
        assert_int_equal(loop_products_over_rows(all), 0);
        assert_true(loop_products_over_rows(without) > 0);
        assert_true(ir_cost(g, 1).seconds < ir_cost(kept, 1).seconds / 5);
        Matrix *a = world_run(&w, w.f), *b = world_run(&w, g), *c = world_run(&w, all);
        assert_equal_values(a, b, "gram");
        assert_equal_values(a, c, "gram, optimized");
        mat_free(a);
        mat_free(b);
        mat_free(c);
        /* once through, X'X would cost more than it saves */
        world_function(&w);
        d = descent(&w, 1);
        world_output(&w, ir_proj(w.b, d.loop, 0));
        assert_true(loop_products_over_rows(ir_chain(w.f, &o)) > 0);
        world_free(&w);
    }
}
/* repeat { r = Z @ w + b - y; w = w - a * (Z' @ r) / n; b = b - a * sum(r) / n } with Z = (X - mu) / sd: every use of r
 * is written out; but when the loss is asked for in the loop, r is needed, and stays. */
static IrFunc *standardized_descent(World *w, bool loss) {
    world_function(w);
    IrBuilder *b = w->b;
    IrNode *z = text_build(w, "(X - r) / q"), *y = text_build(w, "y"),
           *init[3] = {ir_full(b, 0, w->d, 1, 0), ir_const(b, 0), ir_const(b, 0)};
    IrRegion *body = ir_region_begin(b, REGION_LOOP);
    ir_region_param(b, 1, 1, 0, "i");
    IrNode *v = ir_region_param(b, w->d, 1, 0, "w"), *c = ir_region_param(b, 1, 1, 0, "b");
    ir_region_param(b, 1, 1, 0, "loss");
    IrNode *r = ir_binary(b, IR_SUB, ir_binary(b, IR_ADD, ir_matmul(b, z, false, v, false), c), y),
           *rate = ir_const(b, 0.001 / (double)(w->n + 1));
    IrNode *next[3] = {ir_binary(b, IR_SUB, v, ir_binary(b, IR_MUL, rate, ir_matmul(b, z, true, r, false))),
                       ir_binary(b, IR_SUB, c, ir_binary(b, IR_MUL, rate, ir_unary(b, IR_SUM, r))),
                       ir_unary(b, IR_SUM, ir_unary(b, IR_SQUARE, r))};
    ir_region_end(b, 3, next);
    IrNode *loop = ir_loop(b, ir_const(b, 50), body, 3, init);
    world_output(w, ir_proj(b, loop, 0));
    world_output(w, ir_proj(b, loop, 1));
    if (loss) world_output(w, ir_proj(b, loop, 2));
    ir_verify(w->f, "building");
    return w->f;
}
static void test_residuals(void **state) {
    (void)state;
    for (int k = 0; k < 4; k++) {
        World w = world_new(300, k % 2);
        bool loss = k / 2;
        IrFunc *f = standardized_descent(&w, loss);
        PassOptions o = {.threads = 1, .verify = true};
        IrFunc *g = ir_optimize(f, &o);
        if (loss)
            assert_true(loop_products_over_rows(g) > 0);
        else
            assert_int_equal(loop_products_over_rows(g), 0);
        Matrix *a[8], *b[8];
        world_run_all(&w, f, a);
        world_run_all(&w, g, b);
        for (int i = 0; i < 2 + loss; i++) assert_equal_values(a[i], b[i], "standardized descent");
        outputs_free(a);
        outputs_free(b);
        world_free(&w);
    }
}
static void test_dump(void **state) {
    (void)state;
    World w = world_new(5, true);
    char *text = NULL;
    size_t size = 0;
    PassOptions o = {.verify = true, .dump_after = "all"};
    o.dump_to = open_memstream(&text, &size);
    ir_optimize(text_function(&w, "X @ w"), &o);
    fclose(o.dump_to);
    static const char *const marks[] = {"# after simplify\n", "# after chain\n", "# after settle\n",
                                        "# after factorize\n"};
    const char *at = text;
    for (int i = 0; i < 4; i++) {
        at = strstr(at, marks[i]);
        assert_non_null(at);
    }
    free(text);
    world_free(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sharing),
        cmocka_unit_test(test_homes),
        cmocka_unit_test(test_branches_keep),
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_spaces),
        cmocka_unit_test(test_carried),
        cmocka_unit_test(test_never),
        cmocka_unit_test(test_while),
        cmocka_unit_test(test_known_branch),
        cmocka_unit_test(test_names_of_operators),
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_trips),
        cmocka_unit_test(test_while_trips),
        cmocka_unit_test(test_cost_factorized),
        cmocka_unit_test(test_association),
        cmocka_unit_test(test_gram),
        cmocka_unit_test(test_residuals),
        cmocka_unit_test(test_dump),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
