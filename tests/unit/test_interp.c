/* test_interp.c: the interpreter on functions built node by node: levels 1 and 2, control flow, sharing, failures,
 * memory. */
#include <stdlib.h>
#include <sys/resource.h>

#include "backends/backend.h"
#include "tests/unit/factor_testing.h"

typedef struct Case {
    Arena *arena;
    Diags *ds;
    IrFunc *f;
    IrBuilder *b;
    RunContext rc;
    Matrix *out[8];
    bool ok;
    char *messages;
} Case;

static Case begin_case(void) {
    Case c = {.arena = arena_new()};
    c.ds = diags_new(c.arena);
    c.f = ir_func_new(c.arena, c.ds, "test");
    c.b = ir_builder(c.f);
    c.rc = (RunContext){.diags = c.ds, .threads = 1, .check_finite = true};
    return c;
}
static void result(Case *c, IrNode *n) {
    vec_push(c->arena, &c->f->body->results, n);
    vec_push(c->arena, &c->f->output_names, "out");
}
static void run_case(Case *c, Matrix *const *inputs) {
    BackendOptions o = {.threads = 1};
    Executable *x = backend_interp.prepare(c->ds, c->f, &o);
    c->ok = backend_interp.run(x, &c->rc, inputs, c->out);
    Buf text = {0};
    backend_interp.describe(x, &text);
    assert_true(text.len > 0);
    buf_free(&text);
    backend_interp.release(x);
    size_t size = 0;
    FILE *f = open_memstream(&c->messages, &size);
    diag_print(c->ds, f, false);
    fclose(f);
}
static void end_case(Case *c) {
    for (int i = 0; i < c->f->body->results.len; i++) mat_free(c->out[i]);
    free(c->messages);
    arena_free(c->arena);
}
static void assert_ok(const Case *c) {
    if (!c->ok) fail_msg("%s", c->messages);
    for (int i = 0; i < c->f->body->results.len; i++) {
        assert_non_null(c->out[i]);
        assert_true(c->out[i]->kind == MAT_DENSE && c->out[i]->owned);
    }
}
static void assert_stops(const Case *c, const char *code, const char *says) {
    assert_false(c->ok);
    assert_string_equal(diag_last_code(c->ds), code);
    if (!strstr(c->messages, says)) fail_msg("`%s` is not in: %s", says, c->messages);
    for (int i = 0; i < c->f->body->results.len; i++) assert_null(c->out[i]);
}
static double number(const Case *c, int i) {
    assert_shape(c->out[i], 1, 1);
    return c->out[i]->data[0];
}
static IrNode *num(Case *c, double v) {
    return ir_const(c->b, v);
}

/* ---- logistic regression by gradient descent: T whole, and T by its blocks ---- */
enum { STEPS = 12 };
static Matrix *plain_logistic(const Matrix *t, const Matrix *y) {
    Matrix *w = mat_new_dense(t->cols, 1), *g = mat_new_dense(t->cols, 1);
    for (int step = 0; step < STEPS; step++) {
        memset(g->data, 0, sizeof(double) * (size_t)t->cols);
        for (int64_t i = 0; i < t->rows; i++) {
            double z = 0;
            for (int64_t c = 0; c < t->cols; c++) z += mat_get(t, i, c) * w->data[c];
            for (int64_t c = 0; c < t->cols; c++) g->data[c] += mat_get(t, i, c) * (1 / (1 + exp(-z)) - y->data[i]);
        }
        for (int64_t c = 0; c < t->cols; c++) w->data[c] -= 0.05 * g->data[c];
    }
    mat_free(g);
    return w;
}
static IrNode *over_blocks(Case *c, IrOp op, int block, int indicator, int nargs, IrNode *arg) {
    IrNode proto = {.op = op, .block = block, .indicator = indicator, .nargs = nargs};
    return ir_make(c->b, &proto, &arg);
}
static IrNode *times_blocks(Case *c, const Integration *t, IrNode *w) {
    IrNode *sum = NULL;
    for (int p = 0; p < t->nblocks; p++) {
        IrNode *z =
            ir_matmul(c->b, over_blocks(c, IR_DATA, p, 0, 0, NULL), false, over_blocks(c, IR_PICK, p, 0, 1, w), false);
        z = over_blocks(c, IR_GATHER, 0, t->blocks[p].indicator, 1, z);
        sum = sum ? ir_binary(c->b, IR_ADD, sum, z) : z;
    }
    return sum;
}
static IrNode *transposed_times_blocks(Case *c, const Integration *t, IrNode *r) {
    IrNode *parts[2 * TEST_GROUPS];
    int blocks[2 * TEST_GROUPS];
    for (int p = 0; p < t->nblocks; p++) {
        IrNode *q = over_blocks(c, IR_SCATTER, 0, t->blocks[p].indicator, 1, r);
        parts[p] = ir_matmul(c->b, over_blocks(c, IR_DATA, p, 0, 0, NULL), true, q, false);
        blocks[p] = p;
    }
    IrNode proto = {.op = IR_PLACE, .blocks = blocks, .nargs = t->nblocks};
    return ir_make(c->b, &proto, parts);
}
static void test_logistic(void **state) {
    (void)state;
    for (int round = 0; round < 12; round++) {
        Integration *t = test_integration(round ? 40 : 0, round % 3 == 2);
        Matrix *y = random_matrix(S_ONES, t->rows, 1), *label = mat_to_dense(y), *values[2 * TEST_GROUPS];
        for (int p = 0; p < t->nblocks; p++) values[p] = t->blocks[p].data;
        Matrix *dense = test_dense(t, (const Matrix *const *)values), *want = plain_logistic(dense, label);
        for (int level = 1; level <= 2; level++)
            for (int threads = 1; threads <= 3; threads += 2) {
                kernel_parallel_work = 0;
                Case c = begin_case();
                c.rc.threads = threads;
                int table = ir_add_table(c.f, t, "T"), space = c.f->tables.data[table].target_space;
                IrNode *x = ir_table(c.b, table),
                       *in = ir_input(c.b, ir_add_input(c.f, "y", t->rows, 1, space, (Span){0}));
                IrNode *init = ir_full(c.b, 0, t->cols, 1, 0);
                IrRegion *body = ir_region_begin(c.b, REGION_LOOP);
                ir_region_param(c.b, 1, 1, 0, "i");
                IrNode *w = ir_region_param(c.b, t->cols, 1, 0, "w");
                IrNode *z = level == 1 ? ir_matmul(c.b, x, false, w, false) : times_blocks(&c, t, w);
                IrNode *r = ir_binary(c.b, IR_SUB, ir_unary(c.b, IR_SIGMOID, z), in);
                IrNode *g = level == 1 ? ir_matmul(c.b, x, true, r, false) : transposed_times_blocks(&c, t, r);
                IrNode *next = ir_binary(c.b, IR_SUB, w, ir_binary(c.b, IR_MUL, num(&c, 0.05), g));
                ir_region_end(c.b, 1, &next);
                result(&c, ir_proj(c.b, ir_loop(c.b, num(&c, STEPS), body, 1, &init), 0));
                run_case(&c, &label);
                assert_ok(&c);
                for (int64_t l = 0; l < t->cols; l++) assert_same(c.out[0]->data[l], want->data[l], 1e-10);
                assert_int_equal(c.rc.iterations, STEPS);
                end_case(&c);
            }
        Matrix *all[] = {y, label, dense, want};
        for (int i = 0; i < 4; i++) mat_free(all[i]);
        test_integration_free(t);
    }
}

/* ---- control flow ---- */
/* Fibonacci: the carried values change places; the loop index counts from 1. */
static void test_loop(void **state) {
    (void)state;
    static const double counts[] = {0, 1, 2, 10, 7.9, -3};
    for (int i = 0; i < COUNT_OF(counts); i++) {
        Case c = begin_case();
        IrNode *init[] = {num(&c, 0), num(&c, 1), num(&c, 0)};
        IrRegion *body = ir_region_begin(c.b, REGION_LOOP);
        IrNode *index = ir_region_param(c.b, 1, 1, 0, "i");
        IrNode *a = ir_region_param(c.b, 1, 1, 0, "a"), *b = ir_region_param(c.b, 1, 1, 0, "b"),
               *s = ir_region_param(c.b, 1, 1, 0, "s");
        IrNode *next[] = {b, ir_binary(c.b, IR_ADD, a, b), ir_binary(c.b, IR_ADD, s, index)};
        ir_region_end(c.b, 3, next);
        IrNode *loop = ir_loop(c.b, num(&c, counts[i]), body, 3, init);
        for (int p = 0; p < 3; p++) result(&c, ir_proj(c.b, loop, p));
        result(&c, ir_proj(c.b, loop, 0)); /* one result twice */
        run_case(&c, NULL);
        assert_ok(&c);
        int n = counts[i] > 0 ? (int)counts[i] : 0;
        double x = 0, y = 1;
        for (int k = 0; k < n; k++) {
            double sum = x + y;
            x = y;
            y = sum;
        }
        assert_true(number(&c, 0) == x && number(&c, 1) == y && number(&c, 2) == n * (n + 1) / 2.0 &&
                    number(&c, 3) == x);
        assert_true(c.out[0] != c.out[3] && c.out[0]->data != c.out[3]->data);
        end_case(&c);
    }
}
/* Collatz by while, if inside it; an outer value used only inside. */
static void test_while_if(void **state) {
    (void)state;
    Case c = begin_case();
    IrNode *init[] = {num(&c, 27), num(&c, 0)};
    IrNode *three = ir_binary(c.b, IR_ADD, ir_unary(c.b, IR_SUM, ir_full(c.b, 1, 2, 1, 0)), num(&c, 1));
    IrRegion *cond = ir_region_begin(c.b, REGION_WHILE_COND);
    IrNode *cx = ir_region_param(c.b, 1, 1, 0, "x");
    ir_region_param(c.b, 1, 1, 0, "n");
    IrNode *more = ir_binary(c.b, IR_NE, cx, num(&c, 1));
    ir_region_end(c.b, 1, &more);
    IrRegion *body = ir_region_begin(c.b, REGION_WHILE_BODY);
    IrNode *x = ir_region_param(c.b, 1, 1, 0, "x"), *n = ir_region_param(c.b, 1, 1, 0, "n");
    IrRegion *odd = ir_region_begin(c.b, REGION_BRANCH);
    IrNode *up = ir_binary(c.b, IR_ADD, ir_binary(c.b, IR_MUL, three, x), num(&c, 1));
    ir_region_end(c.b, 1, &up);
    IrRegion *even = ir_region_begin(c.b, REGION_BRANCH);
    IrNode *half = ir_binary(c.b, IR_DIV, x, num(&c, 2));
    ir_region_end(c.b, 1, &half);
    IrNode *choice = ir_if(c.b, ir_binary(c.b, IR_MOD, x, num(&c, 2)), odd, even);
    IrNode *next[] = {ir_proj(c.b, choice, 0), ir_binary(c.b, IR_ADD, n, num(&c, 1))};
    ir_region_end(c.b, 2, next);
    IrNode *loop = ir_while(c.b, cond, body, 2, init);
    result(&c, ir_proj(c.b, loop, 0));
    result(&c, ir_proj(c.b, loop, 1));
    run_case(&c, NULL);
    assert_ok(&c);
    assert_true(number(&c, 0) == 1 && number(&c, 1) == 111);
    assert_int_equal(c.rc.iterations, 111);
    end_case(&c);
}
/* sum over i of sum over j of i * j, the inner loop's count depending on the outer index; iterations are the outer
 * loop's. */
static void test_nested(void **state) {
    (void)state;
    Case c = begin_case();
    IrNode *zero = num(&c, 0);
    IrRegion *outer = ir_region_begin(c.b, REGION_LOOP);
    IrNode *i = ir_region_param(c.b, 1, 1, 0, "i"), *s = ir_region_param(c.b, 1, 1, 0, "s");
    IrRegion *inner = ir_region_begin(c.b, REGION_LOOP);
    IrNode *j = ir_region_param(c.b, 1, 1, 0, "j"), *u = ir_region_param(c.b, 1, 1, 0, "u");
    IrNode *next = ir_binary(c.b, IR_ADD, u, ir_binary(c.b, IR_MUL, i, j));
    ir_region_end(c.b, 1, &next);
    IrNode *total = ir_proj(c.b, ir_loop(c.b, i, inner, 1, &s), 0);
    ir_region_end(c.b, 1, &total);
    result(&c, ir_proj(c.b, ir_loop(c.b, num(&c, 9), outer, 1, &zero), 0));
    run_case(&c, NULL);
    assert_ok(&c);
    double want = 0;
    for (int a = 1; a <= 9; a++)
        for (int b = 1; b <= a; b++) want += a * b;
    assert_true(number(&c, 0) == want);
    assert_int_equal(c.rc.iterations, 9);
    end_case(&c);
}

/* ---- sharing: outputs are the caller's own whatever they come from ---- */
static void test_outputs(void **state) {
    (void)state;
    for (int plain = 0; plain < 2; plain++) {
        Integration *t = test_integration(12, plain);
        Case c = begin_case();
        int table = ir_add_table(c.f, t, "T");
        IrNode *in = ir_input(c.b, ir_add_input(c.f, "v", 5, 2, 0, (Span){0})), *x = ir_table(c.b, table);
        IrNode *codes = ir_onehot(c.b, ir_iota(c.b, 3, 0), 3), *data = over_blocks(&c, IR_DATA, 0, 0, 0, NULL),
               *stored = ir_unary(c.b, IR_STORED, data);
        IrNode *dead = ir_binary(c.b, IR_ADD, num(&c, 1), num(&c, 2)), *seven[] = {in, in, x, x, codes, data, stored};
        IrNode proto = {.op = IR_SOLVE, .nargs = 2}, *zeros[] = {ir_full(c.b, 0, 3, 3, 0), ir_full(c.b, 0, 3, 1, 0)};
        ir_make(c.b, &proto, zeros); /* singular, but no result needs it */
        (void)dead;
        for (int i = 0; i < 7; i++) result(&c, seven[i]);
        Matrix *v = random_matrix(S_STRIDED, 5, 2), *values[2 * TEST_GROUPS];
        for (int p = 0; p < t->nblocks; p++) values[p] = t->blocks[p].data;
        Matrix *dense = test_dense(t, (const Matrix *const *)values);
        run_case(&c, &v);
        assert_ok(&c);
        assert_matrix(c.out[0], v);
        assert_matrix(c.out[1], v);
        assert_matrix(c.out[2], dense);
        assert_matrix(c.out[3], dense);
        for (int r = 0; r < 3; r++)
            for (int l = 0; l < 3; l++) assert_true(mat_get(c.out[4], r, l) == (r == l));
        assert_matrix(c.out[5], t->blocks[0].data);
        assert_matrix(c.out[6], t->blocks[0].data);
        mat_free(v);
        mat_free(dense);
        end_case(&c);
        test_integration_free(t);
    }
}

/* ---- stops ---- */
static void test_failing_kernel(void **state) {
    (void)state;
    Case c = begin_case();
    const char *text = "w = solve(A, b);\n";
    c.b->span = (Span){diag_add_file(c.ds, "bad.amal", text, strlen(text)), 4, 15};
    IrNode proto = {.op = IR_SOLVE, .nargs = 2, .span = c.b->span},
           *args[] = {ir_full(c.b, 1, 3, 3, 0), ir_full(c.b, 1, 3, 1, 0)};
    result(&c, num(&c, 1));
    result(&c, ir_make(c.b, &proto, args));
    run_case(&c, NULL);
    assert_stops(&c, "E404", "bad.amal:1:5: error[E404]: solve: the 3 x 3 matrix is singular");
    assert_non_null(strstr(c.messages, "lambda"));
    end_case(&c);

    c = begin_case();
    IrNode take = {.op = IR_TAKE_ROWS, .nargs = 2}, *pair[] = {ir_full(c.b, 1, 3, 2, 0), num(&c, 4)};
    result(&c, ir_make(c.b, &take, pair));
    run_case(&c, NULL);
    assert_stops(&c, "E406", "index 4 does not name a row: there are 3");
    end_case(&c);

    c = begin_case();
    result(&c, ir_full(c.b, 1, (int64_t)1 << 40, 1000, 0));
    run_case(&c, NULL);
    assert_stops(&c, "E402", "8.8 PB are wanted");
    end_case(&c);
}
/* x grows as x^2: 2^(2^k) overflows at k = 10. Values that were infinite from the start are not the loop's fault. */
static void test_diverging(void **state) {
    (void)state;
    for (int check = 0; check < 2; check++) {
        Case c = begin_case();
        c.rc.check_finite = check;
        IrNode *init[] = {num(&c, INFINITY), num(&c, 2)};
        IrRegion *body = ir_region_begin(c.b, REGION_LOOP);
        ir_region_param(c.b, 1, 1, 0, "i");
        IrNode *best = ir_region_param(c.b, 1, 1, 0, "best"), *x = ir_region_param(c.b, 1, 1, 0, "step");
        IrNode *next[] = {best, ir_unary(c.b, IR_SQUARE, x)};
        ir_region_end(c.b, 2, next);
        IrNode *loop = ir_loop(c.b, num(&c, 50), body, 2, init);
        result(&c, ir_proj(c.b, loop, 1));
        run_case(&c, NULL);
        if (check) {
            assert_stops(&c, "E405", "`step` is not finite (+infinity) after iteration 10 of 50");
            assert_int_equal(c.rc.iterations, 9);
        } else {
            assert_ok(&c);
            assert_true(isinf(number(&c, 0)));
        }
        end_case(&c);
    }
}
typedef struct Watch {
    int calls;
    int64_t done, total;
    int stop_after;
} Watch;
static bool watch(void *user, int64_t done, int64_t total) {
    Watch *w = user;
    w->calls++;
    w->done = done;
    w->total = total;
    return w->calls < w->stop_after;
}
static void test_progress(void **state) {
    (void)state;
    for (int endless = 0; endless < 2; endless++) {
        Watch w = {.stop_after = endless ? 2 : 1000000};
        Case c = begin_case();
        c.rc.progress = watch;
        c.rc.user = &w;
        IrNode *zero = num(&c, 0);
        IrRegion *cond = ir_region_begin(c.b, REGION_WHILE_COND);
        IrNode *cx = ir_region_param(c.b, 1, 1, 0, "x"),
               *more = ir_binary(c.b, IR_LT, cx, num(&c, endless ? INFINITY : 3000));
        ir_region_end(c.b, 1, &more);
        IrRegion *body = ir_region_begin(c.b, REGION_WHILE_BODY);
        IrNode *x = ir_region_param(c.b, 1, 1, 0, "x"), *next = ir_binary(c.b, IR_ADD, x, num(&c, 1));
        ir_region_end(c.b, 1, &next);
        result(&c, ir_proj(c.b, ir_while(c.b, cond, body, 1, &zero), 0));
        run_case(&c, NULL);
        if (endless) {
            assert_stops(&c, "E460", "interrupted after iteration");
            assert_int_equal(w.calls, 2);
            assert_true(w.done == c.rc.iterations && w.total == 0);
            assert_true(c.rc.seconds > 0.09);
        } else {
            assert_ok(&c);
            assert_true(w.calls <= c.rc.seconds / 0.05 + 1);
        }
        end_case(&c);
    }
}
/* Peak memory, in KB more than before; sanitizers keep up to 256 MB of freed memory. */
static long peak_of(Case *c) {
    struct rusage before, after;
    assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
    run_case(c, NULL);
    assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
    assert_ok(c);
    return after.ru_maxrss - before.ru_maxrss;
}
/* A chain of 400 values of 1.6 MB, and 300 iterations with four each: what is dead goes at once. */
static void test_memory(void **state) {
    (void)state;
    Case c = begin_case();
    IrNode *x = ir_iota(c.b, 200000, 0);
    for (int i = 0; i < 400; i++) x = ir_binary(c.b, IR_DIV, x, num(&c, 1 + i));
    result(&c, ir_unary(c.b, IR_SUM, x));
    long peak = peak_of(&c);
    if (peak > 400000) fail_msg("%ld KB more at the peak of a chain", peak);
    end_case(&c);

    c = begin_case();
    IrNode *init = ir_full(c.b, 1, 200000, 1, 0);
    IrRegion *body = ir_region_begin(c.b, REGION_LOOP);
    IrNode *i = ir_region_param(c.b, 1, 1, 0, "i");
    x = ir_region_param(c.b, 200000, 1, 0, "x");
    IrNode *y = ir_binary(c.b, IR_ADD, x, i),
           *next = ir_unary(c.b, IR_ABS, ir_binary(c.b, IR_DIV, ir_unary(c.b, IR_SQRT, y), y));
    ir_region_end(c.b, 1, &next);
    result(&c, ir_unary(c.b, IR_SUM, ir_proj(c.b, ir_loop(c.b, num(&c, 300), body, 1, &init), 0)));
    peak = peak_of(&c);
    if (peak > 400000) fail_msg("%ld KB more at the peak of a loop", peak);
    end_case(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logistic),  cmocka_unit_test(test_loop),     cmocka_unit_test(test_while_if),
        cmocka_unit_test(test_nested),    cmocka_unit_test(test_outputs),  cmocka_unit_test(test_failing_kernel),
        cmocka_unit_test(test_diverging), cmocka_unit_test(test_progress), cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
