/* test_rewrites.c: every rule of rewrites.def fires on an expression written for it, reaches the form that is expected
 * of it, and changes no value, on targets of many rows, one row and none, dense and sparse; switching a rule off is
 * obeyed; random expressions stay what they are under all rules, and cost no more. */
#include "tests/unit/ir_testing.h"

typedef struct RuleCase {
    const char *rule, *from, *to;
} RuleCase;
static const RuleCase cases[] = {
    {"fold", "w * (2 + 3)", "w * 5"},
    {"fold", "w * sqrt(16)", "w * 4"},
    {"full", "B + ones(d, k)", "B + 1"},
    {"full-sums", "w * sum(ones(4, 3))", "w * 12"},
    {"full-product", "X @ ones(d, 1)", "rowsums(X)"},
    {"full-product", "ones(1, d) @ B", "colsums(B)"},
    {"eye-product", "B @ eye(k)", "B"},
    {"where-known", "where(2 - 2, V, W)", "W"},
    {"mul-mul", "(w * 3) * 2", "w * 6"},
    {"div-div", "(w / 3) / 2", "w / 6"},
    {"mul-div", "(w * 3) / 2", "w * 1.5"},
    {"div-mul", "(w / 2) * 4", "w * 2"},
    {"add-add", "(w + 3) + 2", "w + 5"},
    {"sub-sub", "(w - 3) - 2", "w - 5"},
    {"add-sub", "(w + 3) - 2", "w + 1"},
    {"sub-add", "(w - 3) + 2", "w + -1"},
    {"add-0", "w + 0", "w"},
    {"sub-0", "w - 0", "w"},
    {"0-sub", "0 - w", "-w"},
    {"mul-1", "1 * w", "w"},
    {"div-1", "w / 1", "w"},
    {"pow-1", "w ^ 1", "w"},
    {"mul-minus-1", "w * -1", "-w"},
    {"div-minus-1", "w / -1", "-w"},
    {"minus-minus", "-(-w)", "w"},
    {"sub-minus", "w - (-g)", "w + g"},
    {"add-minus", "(-w) + g", "g - w"},
    {"minus-sub", "-(w - g)", "g - w"},
    {"minus-mul", "(-w) * 3", "w * -3"},
    {"minus-div", "(-w) / 4", "w / -4"},
    {"minus-mul-minus", "(-w) * (-g)", "w * g"},
    {"pmin-same", "pmin(w, w)", "w"},
    {"pmax-same", "pmax(w, w)", "w"},
    {"where-same", "where(w, g, g)", "g"},
    {"square", "w * w", "square(w)"},
    {"pow-2", "w ^ 2", "square(w)"},
    {"pow-minus-1", "w ^ -1", "recip(w)"},
    {"recip", "1 / w", "recip(w)"},
    {"mul-recip", "w * (1 / g)", "w / g"},
    {"sigmoid", "1 / (1 + exp(-w))", "sigmoid(w)"},
    {"sigmoid", "1 / (exp(w) + 1)", "sigmoid(-w)"},
    {"sigmoid-ratio", "exp(w) / (1 + exp(w))", "sigmoid(w)"},
    {"sigmoid-rest", "1 - sigmoid(w)", "sigmoid(-w)"},
    {"log1p", "log(w + 1)", "log1p(w)"},
    {"expm1", "exp(w) - 1", "expm1(w)"},
    {"log-exp", "log(exp(w))", "w"},
    {"scalar-product", "s @ v", "s * v"},
    {"diag-scalar", "diag(s)", "s"},
    {"square-minus", "square(-w)", "square(w)"},
    {"square-abs", "square(abs(w))", "square(w)"},
    {"abs-minus", "abs(-w)", "abs(w)"},
    {"abs-square", "abs(square(w))", "square(w)"},
    {"sqrt-square", "sqrt(square(w))", "abs(w)"},
    {"transpose-leaf", "V''", "V"},
    {"transpose-in-product", "V @ exp(W')", "V @ exp(W)'"},
    {"transpose-of-product", "(V @ W)'", "W' @ V'"},
    {"transpose-of-elementwise", "(V @ W / p')'", "(W' @ V') / p"},
    {"transpose-elementwise", "exp(V')", "exp(V)'"},
    {"transpose-elementwise", "V' + W'", "(V + W)'"},
    {"transpose-sums", "colsums(X')", "rowsums(X)'"},
    {"transpose-sums", "sum(X')", "sum(X)"},
    {"transpose-slice", "rows(V', 0, 2)", "cols(V, 0, 2)'"},
    {"scalar-out", "(X * s) @ w", "X @ (w * s)"},
    {"scalar-out", "X' @ (s * y)", "(X' @ y) * s"},
    {"scalar-out-div", "X' @ (y / s)", "(X' @ y) / s"},
    {"minus-out", "X' @ (-y)", "-(X' @ y)"},
    {"columns-through", "(X * r) @ w", "X @ (r' * w)"},
    {"columns-through", "(y * X)' @ R", "X' @ (y * R)"},
    {"columns-through-div", "(X / r) @ w", "X @ (w / r')"},
    {"rows-through", "R' @ (X * y)", "(R * y)' @ X"},
    {"rows-through-div", "R' @ (X / y)", "(R / y)' @ X"},
    {"rows-out", "(X * y) @ B", "(X @ B) * y"},
    {"rows-out", "(X * r)' @ y", "(X' @ y) * r'"},
    {"rows-out-div", "(X / r)' @ y", "(X' @ y) / r'"},
    {"columns-outermost", "X' @ (y * (X * r))", "(X' @ (y * X)) * r"},
    {"columns-outermost-div", "X' @ (y * (X / r))", "(X' @ (y * X)) / r"},
    {"columns-outermost-by", "X' @ ((X * r) / y)", "(X' @ (X / y)) * r"},
    {"columns-outermost-div-by", "X' @ ((X / r) / y)", "(X' @ (X / y)) / r"},
    {"scalar-outermost", "X' @ (y * (X * s))", "(X' @ (y * X)) * s"},
    {"scalar-outermost-div", "X' @ (y * (X / s))", "(X' @ (y * X)) / s"},
    {"small-add-add", "(R + v) + s", "R + (v + s)"},
    {"small-sub-add", "(R - v) + s", "R + (s - v)"},
    {"small-add-sub", "(R + v) - s", "R + (v - s)"},
    {"small-sub-sub", "(R - v) - s", "R - (v + s)"},
    {"small-from-add", "v - (R + s)", "(v - s) - R"},
    {"small-from-sub", "v - (R - s)", "(v + s) - R"},
    {"small-add-from", "(v - R) + s", "(v + s) - R"},
    {"small-sub-from", "(v - R) - s", "(v - s) - R"},
    {"scale-into", "abs((X @ B) * s)", "abs(X @ (B * s))"},
    {"scale-into", "abs((X @ B - v) / s)", "abs(X @ (B / s) - v / s)"},
    {"shift-out", "(X + r) @ w", "X @ w + r @ w"},
    {"shift-out-sub", "(X - r) @ w", "X @ w - r @ w"},
    {"shift-rows-out-sub", "y' @ (X - r)", "y' @ X - sum(y) * r"},
    {"shift-out-from", "(r - X) @ w", "r @ w - X @ w"},
    {"shift-rows-out", "(X + y) @ w", "X @ w + sum(w) * y"},
    {"shift-rows-out-sub", "(X - r)' @ y", "X' @ y - (sum(y) * r)'"},
    {"shift-rows-out-from", "(r - X)' @ y", "(sum(y) * r)' - X' @ y"},
    {"shift-scalar-out", "(X + s) @ w", "X @ w + s * sum(w)"},
    {"shift-scalar-out-sub", "(X - s) @ w", "X @ w - s * sum(w)"},
    {"shift-scalar-out-from", "(s - X) @ w", "s * sum(w) - X @ w"},
    {"shift-sums", "rowsums(X + r)", "rowsums(X) + sum(r)"},
    {"shift-sums-sub", "rowsums(X - r)", "rowsums(X) - sum(r)"},
    {"shift-sums-from", "rowsums(r - X)", "sum(r) - rowsums(X)"},
    {"shift-rows-sums", "colsums(X + r)", "colsums(X) + n * r"},
    {"shift-rows-sums-sub", "colsums(X - r)", "colsums(X) - n * r"},
    {"shift-rows-sums-from", "colsums(r - X)", "n * r - colsums(X)"},
    {"shift-sum", "sum(X + r)", "sum(X) + n * sum(r)"},
    {"shift-sum-sub", "sum(X - r)", "sum(X) - n * sum(r)"},
    {"sum-scalar", "sum(s)", "s"},
    {"sums-single", "rowsums(w)", "w"},
    {"sums-of-column", "colsums(y)", "sum(y)"},
    {"sum-rowsums", "sum(rowsums(V))", "sum(V)"},
    {"sum-colsums", "sum(colsums(V))", "sum(V)"},
    {"rowsums-colsums", "rowsums(colsums(V))", "sum(V)"},
    {"sums-scalar", "rowsums(X * s)", "rowsums(X) * s"},
    {"sums-scalar-div", "colsums(B / s)", "colsums(B) / s"},
    {"sums-minus", "rowsums(-X)", "-rowsums(X)"},
    {"sum-scaled", "sum(R * s)", "sum(R) * s"},
    {"sum-scaled-div", "sum(R / s)", "sum(R) / s"},
    {"sum-minus", "sum(-R)", "-sum(R)"},
    {"sums-columns", "rowsums(X * r)", "X @ r'"},
    {"sums-columns", "colsums(X * y)", "y' @ X"},
    {"sums-columns-div", "rowsums(X / r)", "X @ recip(r)'"},
    {"sums-rows", "rowsums(R * y)", "rowsums(R) * y"},
    {"sums-rows", "colsums(X * r)", "colsums(X) * r"},
    {"sums-rows-div", "rowsums(R / y)", "rowsums(R) / y"},
    {"sum-columns", "sum(X * r)", "colsums(X) @ r'"},
    {"sum-rows", "sum(X * y)", "y' @ rowsums(X)"},
    {"sums-product", "rowsums(X @ B)", "X @ rowsums(B)"},
    {"sums-product", "colsums(X @ B)", "colsums(X) @ B"},
    {"sum-product", "sum(X @ B)", "colsums(X) @ rowsums(B)"},
    {"sum-times-product", "sum(X * (R @ C))", "sum((X @ C') * R)"},
    {"trace", "sum(diag(V @ W))", "sum(V * W')"},
    {"argmin-drop", "rowargmin(y + (v - 2 * R))", "rowargmin(v - 2 * R)"},
    {"argmin-drop", "rowargmin(y - (R + u))", "rowargmax(R)"},
    {"argmin-minus", "rowargmin(-R)", "rowargmax(R)"},
    {"argmax-minus", "rowargmax(-R)", "rowargmin(R)"},
    {"argmin-scaled", "rowargmin(R * 2)", "rowargmin(R)"},
    {"argmax-scaled", "rowargmax(2 * R)", "rowargmax(R)"},
    {"argmin-scaled-minus", "rowargmin(R * -2)", "rowargmax(R)"},
    {"argmax-scaled-minus", "rowargmax(R * -2)", "rowargmin(R)"},
    {"min-single", "rowmin(w)", "w"},
    {"max-single", "colmax(r)", "r"},
    {"min-minus", "rowmin(-R)", "-rowmax(R)"},
    {"max-minus", "colmax(-V)", "-colmin(V)"},
    {"min-shift", "rowmin(R + y)", "rowmin(R) + y"},
    {"max-shift", "rowmax(R + y)", "rowmax(R) + y"},
    {"min-shift-sub", "rowmin(R - y)", "rowmin(R) - y"},
    {"max-shift-sub", "rowmax(R - y)", "rowmax(R) - y"},
    {"cbind-product", "cbind(1, X) @ rbind(s, w)", "s + X @ w"},
    {"product-cbind", "y' @ cbind(1, X)", "cbind(sum(y), y' @ X)"},
    {"product-cbind", "cbind(1, X)' @ y", "rbind(sum(y), X' @ y)"},
    {"cbind-sums", "colsums(cbind(1, X))", "cbind(n, colsums(X))"},
    {"cbind-sums", "rowsums(cbind(1, X))", "1 + rowsums(X)"},
    {"cbind-elementwise", "exp(cbind(y, X)) @ rbind(s, w)", "s * exp(y) + exp(X) @ w"},
    {"slice-whole", "rows(V, 0, 3)", "V"},
    {"slice-slice", "rows(rows(V, 1, 3), 1, 2)", "rows(V, 2, 3)"},
    {"slice-bind", "cols(cbind(V, W), 3, 6)", "W"},
    {"slice-bind", "rows(rbind(s, w), 0, 1)", "s"},
    {"slice-product", "cols(X @ B, 1, 2)", "X @ cols(B, 1, 2)"},
};
enum { CASES = sizeof cases / sizeof cases[0] };

static IrFunc *simplified(World *w, const char *text, const PassOptions *o) {
    IrFunc *f = ir_simplify(text_function(w, text), o);
    ir_verify(f, "simplify");
    return f;
}
static const char *result_text(World *w, const IrFunc *f) {
    return text_of(w, f->body->results.data[0]);
}

/* Each rule with a case of its own, and the form it ends in. */
static void test_forms(void **state) {
    (void)state;
    World w = world_new(12, true);
    int count;
    Rule *rules = ir_rules(&count);
    PassOptions all = {0};
    for (int i = 0; i < count; i++) {
        bool any = false;
        for (int k = 0; k < CASES; k++) any = any || !strcmp(cases[k].rule, rules[i].name);
        if (!any) fail_msg("rule %s has no case", rules[i].name);
    }
    int bad = 0;
    for (int k = 0; k < CASES; k++) {
        const char *is = result_text(&w, simplified(&w, cases[k].from, &all));
        const char *expected = text_of(&w, text_build(&w, cases[k].to));
        if (strcmp(is, expected) != 0) {
            print_error("%s: %s became %s, not %s\n", cases[k].rule, cases[k].from, is, expected);
            bad++;
        }
    }
    assert_int_equal(bad, 0);
    world_free(&w);
}
/* Without the rule the form is another one: it is the rule that fires. */
static void test_switch(void **state) {
    (void)state;
    World w = world_new(12, true);
    int bad = 0;
    for (int k = 0; k < CASES; k++) {
        PassOptions all = {0}, without = {0};
        assert_true(ir_disable(&without, cases[k].rule));
        Buf with_text = {0}, without_text = {0};
        ir_print(&with_text, simplified(&w, cases[k].from, &all));
        ir_print(&without_text, simplified(&w, cases[k].from, &without));
        if (!strcmp(with_text.data, without_text.data)) {
            print_error("%s: %s is the same without it:\n%s\n", cases[k].rule, cases[k].from, with_text.data);
            bad++;
        }
        buf_free(&with_text);
        buf_free(&without_text);
    }
    assert_int_equal(bad, 0);
    world_free(&w);
}
static void test_values(void **state) {
    (void)state;
    static const int64_t sizes[] = {0, 1, 2, 33};
    for (int s = 0; s < 8; s++) {
        World w = world_new(sizes[s / 2], s % 2);
        for (int k = 0; k < CASES; k++) {
            PassOptions all = {.threads = 1, .verify = true};
            IrFunc *f = text_function(&w, cases[k].from);
            Matrix *before = world_run(&w, f), *after = world_run(&w, ir_simplify(f, &all)),
                   *factorized = world_run(&w, ir_optimize(f, &all));
            char what[200];
            snprintf(what, sizeof what, "%s: %s, %lld rows", cases[k].rule, cases[k].from, (long long)w.n);
            assert_equal_values(before, after, what);
            snprintf(what, sizeof what, "%s, factorized: %s, %lld rows", cases[k].rule, cases[k].from, (long long)w.n);
            assert_equal_values(before, factorized, what);
            mat_free(before);
            mat_free(after);
            mat_free(factorized);
        }
        world_free(&w);
    }
}
static double cost_of(const IrFunc *f) {
    return ir_cost(f, 1).flops;
}
static void test_cost(void **state) {
    (void)state;
    World w = world_new(1000, true);
    PassOptions all = {0};
    for (int k = 0; k < CASES; k++) {
        IrFunc *f = text_function(&w, cases[k].from), *g = ir_simplify(f, &all);
        ir_dead_code(f);
        if (cost_of(g) > cost_of(f) * 1.0001)
            fail_msg("%s: %s costs %g, and %g before", cases[k].rule, cases[k].from, cost_of(g), cost_of(f));
    }
    world_free(&w);
}

/* ---- products of standardized and widened features ---- */
static void assert_form(World *w, const char *from, const char *to, PassOptions *o) {
    const char *is = result_text(w, simplified(w, from, o)), *expected = text_of(w, text_build(w, to));
    if (strcmp(is, expected) != 0) fail_msg("%s became %s, not %s", from, is, expected);
}
static void test_standardized(void **state) {
    (void)state;
    PassOptions all = {0};
    World w = world_new(12, true);
    assert_form(&w, "((X - r) / q) @ w", "X @ (w / q') - r @ (w / q')", &all);
    assert_form(&w, "((X - r) / q)' @ y", "(X' @ y - (sum(y) * r)') / q'", &all);
    assert_form(&w, "((X - r) / q)' @ ((X - r) / q)", "(((X - r)' @ (X - r)) / q) / q'", &all);
    assert_form(&w, "(X * r)' @ (y * (X * r))", "((X' @ (y * X)) * r) * r'", &all);
    assert_form(&w, "cbind(1, X)' @ cbind(1, X)", "cbind(cbind(n, colsums(X))', rbind(colsums(X), X' @ X))", &all);
    /* k-means: the squared distances without what every centre shares */
    assert_form(&w, "rowargmin(rowsums(X * X) + rowsums(C * C)' - 2 * (X @ C'))",
                "rowargmin(rowsums(square(C))' - X @ (C * 2)')", &all);
    world_free(&w);
    World sparse = world_new(12, false);
    IrFunc *f = simplified(&sparse, "(X - r)' @ (X - r)", &all);
    const char *text = result_text(&sparse, f);
    if (strstr(text, "(X - r)")) fail_msg("shifts of sparse blocks stay: %s", text);
    world_free(&sparse);
}

/* ---- random expressions ---- */
static IrNode *random_node(World *w, IrNode **pool, int n) {
    static const IrOp unary[] = {IR_NEG,    IR_ABS,    IR_SQUARE,    IR_TRANSPOSE, IR_ROWSUMS, IR_COLSUMS, IR_SUM,
                                 IR_ROWMIN, IR_COLMAX, IR_ROWARGMIN, IR_TANH,      IR_DIAG,    IR_SIGMOID};
    static const IrOp binary[] = {IR_ADD, IR_SUB,    IR_MUL,    IR_DIV,    IR_MIN2,  IR_MAX2,
                                  IR_LE,  IR_MATMUL, IR_MATMUL, IR_MATMUL, IR_CBIND, IR_RBIND};
    for (int tries = 0; tries < 100; tries++) {
        /* mostly what was made last, so that expressions grow deep */
        IrNode *args[2];
        for (int i = 0; i < 2; i++) args[i] = pool[test_below(3) ? n - 1 - test_below(n < 6 ? n : 6) : test_below(n)];
        int pick = test_below(3) ? 13 + (int)test_below(12) : (int)test_below(13);
        IrNode proto = {.nargs = 1, .args = args};
        if (pick < 13) {
            proto.op = unary[pick];
        } else {
            proto.op = binary[pick - 13];
            proto.nargs = 2;
            if (proto.op == IR_MATMUL) proto.ta = test_below(2), proto.tb = test_below(2);
        }
        /* no smallest cell of nothing, and no value of rows by rows */
        if (ir_ops[proto.op].shape != SHAPE_BCAST && (!args[0]->rows || !args[0]->cols) && proto.op != IR_MATMUL)
            continue;
        if (proto.op == IR_DIV && args[1]->op != IR_INPUT) continue; /* inputs are positive: nothing infinite */
        IrNode probe = proto;
        if (!ir_infer_shape(w->f, &probe, NULL) || (probe.rspace && probe.cspace) || probe.rows * probe.cols > 20000)
            continue;
        if (proto.op == IR_CBIND && (args[0]->cspace || args[1]->cspace)) continue;
        if (proto.op == IR_RBIND && (args[0]->rspace || args[1]->rspace || args[0]->cspace)) continue;
        if (proto.op == IR_DIAG && (args[0]->rspace || args[0]->cspace)) continue;
        if (proto.op == IR_ROWARGMIN) continue; /* near ties may be broken otherwise by rounding */
        return ir_make(w->b, &proto, args);
    }
    return pool[0];
}
/* A loop over a small and a wide value; some of what it does does not depend on them. */
static IrNode *random_loop(World *w, IrNode *const *outer, int outer_count) {
    IrBuilder *b = w->b;
    IrNode *pool[60], *init[2] = {text_build(w, "w"), text_build(w, "y")}, *next[2];
    int n = outer_count;
    memcpy(pool, outer, sizeof *pool * (size_t)n);
    IrRegion *body = ir_region_begin(b, REGION_LOOP);
    pool[n++] = ir_region_param(b, 1, 1, 0, "i");
    IrNode *small = pool[n++] = ir_region_param(b, w->d, 1, 0, "small");
    IrNode *wide = pool[n++] = ir_region_param(b, w->n, 1, init[1]->rspace, "wide");
    IrNode *x = ir_table(b, w->table), *z = pool[n++] = ir_matmul(b, x, false, small, false);
    IrNode *r = pool[n++] = ir_binary(b, IR_SUB, z, text_build(w, "u"));
    pool[n++] = ir_matmul(b, x, true, r, false);
    pool[n++] = x;
    for (int i = 0; i < 12; i++) pool[n] = random_node(w, pool, n), n++;
    IrNode *gradient = ir_matmul(b, x, true, r, false), *rate = ir_const(b, 1e-3);
    IrNode *drift = ir_unary(b, IR_TANH, ir_unary(b, IR_SUM, pool[n - 1 - test_below(6)]));
    next[0] = ir_binary(b, IR_SUB, small, ir_binary(b, IR_MUL, rate, ir_binary(b, IR_ADD, gradient, drift)));
    next[1] = ir_binary(b, IR_ADD, wide, ir_unary(b, IR_TANH, test_below(2) ? r : z));
    ir_region_end(b, 2, next);
    IrNode *loop = ir_loop(b, ir_const(b, (double)(test_below(3) ? test_below(30) : test_below(2))), body, 2, init);
    return test_below(2) ? ir_proj(b, loop, 0)
                         : ir_unary(b, IR_SUM, ir_binary(b, IR_MUL, ir_proj(b, loop, 1), text_build(w, "y")));
}
static void test_random_expressions(void **state) {
    (void)state;
    static const int64_t sizes[] = {0, 1, 5, 40};
    static const char leaves[] = "rqgCVWvpswByR";
    for (int round = 0; round < 400; round++) {
        World w = world_new(sizes[test_below(4)], test_below(2));
        IrNode *pool[40];
        int n = 0;
        for (int i = 0; leaves[i]; i++) pool[n++] = text_build(&w, arena_strndup(w.arena, &leaves[i], 1));
        pool[n++] = ir_const(w.b, 2);
        pool[n++] = ir_table(w.b, w.table);
        for (int i = 0; i < 20; i++) pool[n] = random_node(&w, pool, n), n++;
        for (int i = 1; i <= 3; i++) world_output(&w, pool[n - i]);
        world_output(&w, random_loop(&w, pool, n - 20));
        ir_verify(w.f, "building");
        ir_dead_code(w.f);
        PassOptions all = {.threads = 1, .verify = true};
        IrFunc *g = ir_simplify(w.f, &all), *again = ir_simplify(g, &all), *h = ir_optimize(w.f, &all);
        ir_verify(g, "simplify");
        Matrix *a[8], *b[8], *c[8];
        world_run_all(&w, w.f, a);
        world_run_all(&w, g, b);
        world_run_all(&w, h, c);
        for (int i = 0; i < 4; i++) {
            bool tame = true;
            for (int64_t k = 0; k < a[i]->rows * a[i]->cols; k++)
                tame = tame && fabs(mat_get(a[i], k / a[i]->cols, k % a[i]->cols)) < 1e100;
            if (!tame) continue;
            const char *text = text_of(&w, w.f->body->results.data[i]);
            assert_equal_values(a[i], b[i], text);
            assert_equal_values(a[i], c[i], arena_printf(w.arena, "optimized: %s", text));
        }
        Buf once = {0}, twice = {0};
        ir_print(&once, ir_rebuild(g, NULL, NULL, true, true)); /* numbers without gaps */
        ir_print(&twice, ir_rebuild(again, NULL, NULL, true, true));
        if (strcmp(once.data, twice.data) != 0) fail_msg("not a fixed point:\n%s\n%s", once.data, twice.data);
        buf_free(&once);
        buf_free(&twice);
        outputs_free(a);
        outputs_free(b);
        outputs_free(c);
        world_free(&w);
    }
}

static void test_names(void **state) {
    (void)state;
    PassOptions o = {0};
    int count;
    const char *const *names = ir_disable_names(&count);
    for (int i = 0; i < count; i++) assert_true(ir_disable(&o, names[i]));
    assert_true(ir_disable(&o, "factorize"));
    assert_true(ir_disable(&o, "trace"));
    assert_false(ir_disable(&o, "no-such-pass"));
    Rule *rules = ir_rules(&count);
    for (int i = 0; i < count; i++)
        for (int k = 0; k < i; k++)
            if (!strcmp(rules[i].name, rules[k].name)) fail_msg("two rules %s", rules[i].name);
    assert_true(count <= 256); /* PassOptions.disabled_rules */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms), cmocka_unit_test(test_switch),       cmocka_unit_test(test_values),
        cmocka_unit_test(test_cost),  cmocka_unit_test(test_standardized), cmocka_unit_test(test_random_expressions),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
