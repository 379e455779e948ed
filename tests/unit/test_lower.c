/* test_lower.c: every construct of the algebra, lowered and run by the interpreter, with and without the passes,
 * against numbers worked out by hand; and what lowering alone can see: concrete sizes, constants, spaces. */
#include "tests/unit/lower_testing.h"

/* T: 4 x 2, y, s */
static const double X4[] = {1, 2, 3, 4, 5, 6, 7, 9}, Y4[] = {1, 0, 1, 1}, S4[] = {1, 2, 1, 0.5};

static World *with_target(const char *text) {
    World *w = world_new(text);
    Integration *t = world_data(w, 4, 2, X4, Y4, S4);
    world_bind(w, (Binding){.name = "T", .kind = BIND_TARGET, .data = t});
    static const double m[] = {1, 2, 3, 4, 5, 6}, one[] = {2.5};
    world_bind(w, (Binding){.name = "M", .kind = BIND_VALUE, .value = world_matrix(w, 2, 3, m)});
    world_bind(w, (Binding){.name = "c", .kind = BIND_VALUE, .value = world_matrix(w, 1, 1, one)});
    return w;
}

static const Expr *printed(World *w, const char *expr) {
    char *text = arena_printf(w->arena, "print %s;", expr);
    Script *s = parse_script(w->arena, w->ds, diag_add_file(w->ds, "expr", text, strlen(text)), text, strlen(text));
    if (diag_error_count(w->ds)) diag_print(w->ds, stderr, false);
    assert_int_equal(s->stmts.len, 1);
    return s->stmts.data[0]->print;
}

#define ROWS(...) ((const double[]){__VA_ARGS__})

static void gives(const char *expr, int64_t rows, int64_t cols, const double *v) {
    World *w = with_target("");
    Lowered *l = lower_expr(&w->env, printed(w, expr));
    if (!l) diag_print(w->ds, stderr, false);
    assert_non_null(l);
    Matrix **out = world_run(w, l, NULL);
    if (!out) diag_print(w->ds, stderr, false);
    assert_non_null(out);
    print_message("%s\n", expr);
    assert_cells(out[0], rows, cols, v);
    world_free(w);
}

static void number(const char *expr, double v) {
    gives(expr, 1, 1, &v);
}

static void refused(const char *code, const char *expr) {
    World *w = with_target("");
    Lowered *l = lower_expr(&w->env, printed(w, expr));
    const char *got = diag_last_code(w->ds);
    if (l || !got || strcmp(got, code) != 0) fail_msg("%s: %s instead of %s", expr, got ? got : "nothing", code);
    world_free(w);
}

static void test_numbers(void **state) {
    (void)state;
    number("1 + 2 * 3 ^ 2", 19);
    number("-2 ^ 2", -4);
    number("7 / 2 - 1", 2.5);
    number("mod(7, 3) + mod(-1, 3)", 3);
    number("2 < 3 and not (1 >= 2)", 1);
    number("0 or 3", 1);
    number("(2 == 2) + (2 != 2) + (1 <= 1) + (1 > 2)", 2);
    number("min(3, 1, 2) + max(3, 1, 2)", 4);
    number("sqrt(16) + abs(-3) + floor(1.7) + ceil(1.2) + round(2.5) + sign(-4)", 12);
    number("exp(0) + log(1) + log1p(0) + expm1(0) + sigmoid(0) + tanh(0) + sin(0) + cos(0)", 2.5);
    number("true + false", 1);
    number("c * 2", 5);
    number("pmin(2, c) + pmax(2, c)", 4.5);
    number("isnan(0 / 0)", 1);
    number("9 ^ 0.5", 3);
}

static void test_matrices(void **state) {
    (void)state;
    gives("zeros(2, 1)", 2, 1, ROWS(0, 0));
    gives("ones(2) * 3", 2, 1, ROWS(3, 3));
    gives("full(1, 2, value = c)", 1, 2, ROWS(2.5, 2.5));
    gives("full(1, 2, sum(M))", 1, 2, ROWS(21, 21));
    gives("eye(2)", 2, 2, ROWS(1, 0, 0, 1));
    gives("iota(3)'", 1, 3, ROWS(1, 2, 3));
    gives("M'", 3, 2, ROWS(1, 4, 2, 5, 3, 6));
    gives("M''", 2, 3, ROWS(1, 2, 3, 4, 5, 6));
    gives("M @ M'", 2, 2, ROWS(14, 32, 32, 77));
    gives("M' @ M", 3, 3, ROWS(17, 22, 27, 22, 29, 36, 27, 36, 45));
    gives("crossprod(M, M) - M' @ M", 3, 3, ROWS(0, 0, 0, 0, 0, 0, 0, 0, 0));
    gives("M + iota(2) * 10", 2, 3, ROWS(11, 12, 13, 24, 25, 26));
    gives("M - iota(3)'", 2, 3, ROWS(0, 0, 0, 3, 3, 3));
    gives("M ^ 2", 2, 3, ROWS(1, 4, 9, 16, 25, 36));
    gives("2 ^ M", 2, 3, ROWS(2, 4, 8, 16, 32, 64));
    gives("M > 2 and M < 5", 2, 3, ROWS(0, 0, 1, 1, 0, 0));
    gives("where(M > 3, M, -M)", 2, 3, ROWS(-1, -2, -3, 4, 5, 6));
    gives("where(iota(2) == 1, iota(3)', M)", 2, 3, ROWS(1, 2, 3, 4, 5, 6));
    gives("cbind(M, iota(2))", 2, 4, ROWS(1, 2, 3, 1, 4, 5, 6, 2));
    gives("cbind(7, M)", 2, 4, ROWS(7, 1, 2, 3, 7, 4, 5, 6));
    gives("rbind(M, iota(3)')", 3, 3, ROWS(1, 2, 3, 4, 5, 6, 1, 2, 3));
    gives("onehot(iota(2), 3)", 2, 3, ROWS(1, 0, 0, 0, 1, 0));
    gives("diag(iota(2))", 2, 2, ROWS(1, 0, 0, 2));
    gives("diag(M @ M')", 2, 1, ROWS(14, 77));
    gives("pmin(M, 3)", 2, 3, ROWS(1, 2, 3, 3, 3, 3));
    gives("max(M, 3, iota(3)' * 2)", 2, 3, ROWS(3, 4, 6, 4, 5, 6));
    gives("rowargmin(-M)", 2, 1, ROWS(3, 3));
    gives("rank(iota(3) * 0 + 1)", 3, 1, ROWS(2, 2, 2));
}

static void test_reductions(void **state) {
    (void)state;
    number("sum(M) + mean(M)", 24.5);
    number("min(M) * max(M)", 6);
    number("norm(iota(2) * 0 + 2) ^ 2", 8);
    number("trace(M @ M')", 91);
    number("dot(M, M)", 91);
    number("var(iota(4))", 1.25);
    number("sd(iota(4)) ^ 2", 1.25);
    gives("rowsums(M)", 2, 1, ROWS(6, 15));
    gives("rowmeans(M)", 2, 1, ROWS(2, 5));
    gives("colsums(M)", 1, 3, ROWS(5, 7, 9));
    gives("colmeans(M)", 1, 3, ROWS(2.5, 3.5, 4.5));
    gives("colvars(M)", 1, 3, ROWS(2.25, 2.25, 2.25));
    gives("colsds(M)", 1, 3, ROWS(1.5, 1.5, 1.5));
    gives("rowmin(M) + rowmax(M)", 2, 1, ROWS(4, 10));
    gives("colmin(M) + colmax(M)", 1, 3, ROWS(5, 7, 9));
    number("nrow(M) * 10 + ncol(M)", 23);
    gives("solve(M @ M', iota(2))", 2, 1, ROWS((77 - 64) / 54.0, (28 - 32) / 54.0));
    gives("cholesky(eye(2) * 4)", 2, 2, ROWS(2, 0, 0, 2));
    gives("eigvals(diag(iota(2)))", 2, 1, ROWS(2, 1));
}

static void test_selection(void **state) {
    (void)state;
    gives("M[1, ]", 1, 3, ROWS(1, 2, 3));
    gives("M[, 2]", 2, 1, ROWS(2, 5));
    number("M[2, 3]", 6);
    gives("M[, 2..3]", 2, 2, ROWS(2, 3, 5, 6));
    gives("M[2..2, 1..2]", 1, 2, ROWS(4, 5));
    gives("M[, iota(2) + 1]", 2, 2, ROWS(2, 3, 5, 6));
    gives("M[3 - iota(2), ]", 2, 3, ROWS(4, 5, 6, 1, 2, 3));
    number("iota(5)[3]", 3);
    number("(iota(5)')[4]", 4);
    gives("M[1..0, ]", 0, 3, NULL);
    refused("E132", "M[3, 1]");
    refused("E132", "M[, 0]");
    refused("E132", "M[1.5, 1]");
    refused("E132", "M[2..1, ] + M[2..0, ]");
    refused("E132", "M[1..3, ]");
    refused("E182", "M[1..sum(M), ]");
}

static void test_target(void **state) {
    (void)state;
    gives("features(T)", 4, 2, X4);
    gives("label(T)'", 1, 4, Y4);
    number("sum(weight(T))", 4.5);
    number("nrow(features(T)) * 10 + ncol(features(T))", 42);
    gives("features(T)' @ label(T)", 2, 1, ROWS(13, 17));
    gives("features(T) - colmeans(features(T))", 4, 2, ROWS(-3, -3.25, -1, -1.25, 1, 0.75, 3, 3.75));
    gives("features(T) + zeros(nrow(features(T)), 1)", 4, 2, X4);
    gives("features(T)[2..3, ]", 2, 2, ROWS(3, 4, 5, 6));
    gives("features(T)[, 2]", 4, 1, ROWS(2, 4, 6, 9));
    gives("colsums(onehot(label(T) + 1, 2))", 1, 2, ROWS(1, 3));
    gives("features(T)' @ (weight(T) * features(T))", 2, 2,
          ROWS(1 + 18 + 25 + 24.5, 2 + 24 + 30 + 31.5, 2 + 24 + 30 + 31.5, 4 + 32 + 36 + 40.5));
    refused("E131", "features(T) @ M'");
    refused("E131", "features(T) + M");
    refused("E131", "cbind(features(T), iota(2)')");
    refused("E135", "features(T.train)");
    refused("E181", "features(M)");
    refused("E135", "T");
    refused("E135", "Q + 1");
    refused("E133", "sgmoid(1)");
    refused("E182", "zeros(sum(M), 1)");
    refused("E182", "zeros(c, 1)");
    refused("E180", "zeros(M, 1)");
}

/* The rows of zeros(nrow(X), k) are X's rows, whatever the way of the number. */
static void test_spaces(void **state) {
    (void)state;
    World *w = with_target("");
    static const char *over[] = {"zeros(nrow(features(T)), 3)",  "ones(nrow(label(T) + 1), 1)",
                                 "iota(nrow(features(T)))",      "rand(nrow(features(T)), 2, seed = 1)",
                                 "zeros(ncol(features(T)'), 1)", "onehot(iota(nrow(features(T))), 4)"};
    for (size_t i = 0; i < sizeof over / sizeof *over; i++) {
        Lowered *l = lower_expr(&w->env, printed(w, over[i]));
        assert_non_null(l);
        assert_int_not_equal(l->func->body->results.data[0]->rspace, 0);
    }
    static const char *small[] = {"zeros(4, 3)", "zeros(nrow(M), 1)", "zeros(ncol(features(T)), 1)",
                                  "zeros(nrow(features(T)) + 0, 1)"};
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        Lowered *l = lower_expr(&w->env, printed(w, small[i]));
        assert_non_null(l);
        assert_int_equal(l->func->body->results.data[0]->rspace, 0);
    }
    Lowered *turned = lower_expr(&w->env, printed(w, "zeros(3, nrow(features(T)))"));
    assert_non_null(turned);
    assert_int_not_equal(turned->func->body->results.data[0]->cspace, 0);
    world_free(w);
}

/* ---- statements: an algorithm's body over T; it returns w ---- */
static Model *trained(World **w, const char *body, const char *args) {
    static char text[4000];
    snprintf(
        text, sizeof text,
        "algorithm a(k = 3, flag = true, C = 0) { fit(X: [n, d], y: [n, 1]) { j = k + flag + nrow(C); %s return w; } }",
        body);
    *w = with_target(text);
    Model *m = world_train(*w, "a", args, (*w)->bindings.data[0].data);
    return m;
}

static void body(const char *text, const char *args, int64_t rows, int64_t cols, const double *v) {
    World *w;
    Model *m = trained(&w, text, args);
    if (!m) diag_print(w->ds, stderr, false);
    assert_non_null(m);
    print_message("%s\n", text);
    assert_cells(model_value(m, "w"), rows, cols, v);
    world_free(w);
}

static void body_refused(const char *code, const char *text, const char *args) {
    World *w;
    Model *m = trained(&w, text, args);
    const char *got = diag_last_code(w->ds);
    if (m || !got || strcmp(got, code) != 0) fail_msg("%s: %s instead of %s", text, got ? got : "nothing", code);
    world_free(w);
}

static void test_loops(void **state) {
    (void)state;
    body("w = 1; repeat k { w = w * 2; }", "k = 5", 1, 1, ROWS(32));
    body("w = 1; repeat 0 { w = w * 2; }", "", 1, 1, ROWS(1));
    body("w = 0; for i in 1..4 { w = w + i; }", "", 1, 1, ROWS(10));
    body("w = 0; for i in 3..5 { w = w * 10 + i; }", "", 1, 1, ROWS(345));
    body("w = 0; for i in 3..2 { w = w + i; }", "", 1, 1, ROWS(0));
    body("w = 0; for x in {0.5, 2} { w = w + x; }", "", 1, 1, ROWS(2.5));
    body("w = 1; while (w < 100) { w = w * 3; }", "", 1, 1, ROWS(243));
    body("w = 1; while (0) { w = w * 3; }", "", 1, 1, ROWS(1));
    body("w = 0; for i in 1..3 { for j in 1..i { w = w + j; } }", "", 1, 1, ROWS(10));
    body("w = 0; i = 7; for i in 1..3 { w = w + i; } w = w + i;", "", 1, 1, ROWS(13));
    body("w = zeros(2, 1); b = 0; repeat 2 { r = X @ w + b - y; w = w - 0.1 * X' @ r; b = b - sum(r); }", "", 2, 1,
         ROWS(-31.31, -40.1));
}

static void test_swaps(void **state) {
    (void)state;
    body("u = 1; v = 2; repeat 3 { t = u; u = v; v = t; } w = u * 10 + v;", "", 1, 1, ROWS(21));
    body("u = 0; v = 1; repeat 10 { t = u + v; u = v; v = t; } w = u;", "", 1, 1, ROWS(55));
    /* b is assigned only in a branch that is not taken: it stays a number, so zeros(b, 1) has a size. */
    body("b = 2; w = 0; repeat 3 { if (not flag) { b = b + 1; } w = w + sum(ones(b, 1)); }", "", 1, 1, ROWS(6));
    body("i = 1; b = 0; w = 0; repeat 2 { for i in 1..2 { if (i > 1) { b = b + 1; } } w = w + b; }", "", 1, 1, ROWS(3));
    /* A number that looks constant until its own branch is looked at again. */
    body("b = 0; c = 0; repeat 4 { if (c > 1) { b = 1; } c = c + 1; } w = b * 10 + c;", "", 1, 1, ROWS(14));
    /* A small start that becomes a value over T's rows. */
    body("a = zeros(4, 1); repeat 2 { a = a + X[, 1]; } w = a;", "", 4, 1, ROWS(2, 6, 10, 14));
    body("a = iota(4); i = 0; while (i < 2) { a = a + X[, 1]; i = i + 1; } w = a;", "", 4, 1, ROWS(3, 8, 13, 18));
    body("a = zeros(n, 1); repeat 2 { a = a + iota(4); } w = a;", "", 4, 1, ROWS(2, 4, 6, 8));
}

static void test_conditions(void **state) {
    (void)state;
    body("if (flag) { w = 1; } else { w = 2; }", "", 1, 1, ROWS(1));
    body("if (flag and k > 4) { w = 1; } else { w = 2; }", "", 1, 1, ROWS(2));
    body("w = 5; if (sum(y) > 2) { w = w + 1; }", "", 1, 1, ROWS(6));
    body("w = 5; if (sum(y) > 3) { w = w + 1; } else { v = 3; w = w - v; }", "", 1, 1, ROWS(2));
    body("w = 0; for i in 1..6 { if (mod(i, 2) == 0) { w = w + i; } }", "", 1, 1, ROWS(12));
    body("if (sum(y) > 2) { w = zeros(4, 1); } else { w = X[, 1]; }", "", 4, 1, ROWS(0, 0, 0, 0));
    body("if (sum(y) > 2) { v = X; w = 1; } else { v = y'; w = 2; }", "", 1, 1, ROWS(1));
    body("if (flag) { if (k == 3) { w = 7; } else { w = zeros(sum(X), 1); } } else { w = 0; }", "", 1, 1, ROWS(7));
}

static void test_hyper(void **state) {
    (void)state;
    body("w = C;", "C = M", 2, 3, ROWS(1, 2, 3, 4, 5, 6));
    body("w = C * k;", "C = c, k = 1 + 1", 1, 1, ROWS(5));
    body("w = zeros(k - flag, d);", "k = 2, flag = false", 2, 2, ROWS(0, 0, 0, 0));
    body("k = k + 1; w = ones(k, 1);", "k = 1", 2, 1, ROWS(1, 1));
    body("w = X' @ zeros(n, 1) + d;", "", 2, 1, ROWS(2, 2));
    body_refused("E182", "w = C;", "C = M * 2");
    body_refused("E117", "w = C;", "q = 2");
    body_refused("E135", "w = C;", "C = unknown");
}

static void test_refused(void **state) {
    (void)state;
    body_refused("E131", "w = X @ zeros(k, 1);", "");
    body_refused("E131", "w = zeros(k, d) + zeros(k + 1, d);", "");
    body_refused("E131", "w = where(iota(k) == 1, X, 0);", "");
    body_refused("E137", "w = zeros(k, 1); repeat 2 { w = X' @ y; }", "");
    body_refused("E182", "w = 0; repeat k { w = w + 1; }", "k = 1.5");
    body_refused("E182", "w = 0; repeat k { w = w + 1; }", "k = 0 - 1");
    body_refused("E182", "w = 0; while (k > 0) { w = w + 1; }", "");
    body_refused("E182", "w = zeros(k, 1);", "k = 2.5");
    body_refused("E132", "w = X[, k];", "");
    body_refused("E138", "if (k > 1) { return X; } w = 1;", "");
    body_refused("E138", "w = X';", "");
    body_refused("E131", "if (sum(y) > 2) { v = X; } else { v = y'; } w = sum(v);", "");
    body_refused(
        "E184",
        "w = 0; for a in {1,2,3,4,5,6,7,8,9,10} { for b in {1,2,3,4,5,6,7,8,9,10} { for c in {1,2,3,4,5,6,7,8,9,10} {"
        "for e in {1,2,3,4,5,6,7,8,9,10} { for f in {1,2,3,4,5,6,7,8,9,10} { for g in {1,2,3,4,5,6,7,8,9,10} { w = w + "
        "1; } } } } } }",
        "");
}

static void test_roles(void **state) {
    (void)state;
    World *w =
        world_new("algorithm a() { fit(X: [n, d], y: [n, 1], s: [n, 1]) { w = X' @ (s * y); return w; } predict(X: [m, "
                  "d]) { return X @ w + m; } }"
                  "algorithm three() { fit(X: [n, 3]) { w = sum(X); return w; } }"
                  "algorithm bad() { fit(X: [n, d]) { w = X' @ X; return w; } predict(X: [m, d]) { return w; } }"
                  "metric gap(y: [n, 1], p: [n, 1], s: [n, 1], w: [d, 1]) { return sum(s * (y - p)) + sum(w) * 0 + n; }"
                  "metric other(v: [d, 1]) { return sum(v); }"
                  "metric wide(p: [n, 2]) { return sum(p); }");
    const Integration *t = world_data(w, 4, 2, X4, Y4, S4), *plain = world_data(w, 4, 2, X4, Y4, NULL);
    Model *m = world_train(w, "a", "", t);
    assert_non_null(m);
    assert_cells(model_value(m, "w"), 2, 1, ROWS(1 + 5 + 3.5, 2 + 6 + 4.5));
    Matrix *p = world_predict(w, m, t);
    assert_cells(p, 4, 1, ROWS(9.5 + 25 + 4, 28.5 + 50 + 4, 47.5 + 75 + 4, 66.5 + 112.5 + 4));
    double want = 1 * (1 - 38.5) + 2 * (0 - 82.5) + 1 * (1 - 126.5) + 0.5 * (1 - 183) + 4;
    assert_near(world_measure(w, "gap", m, t, p), want, 1e-12);

    assert_null(world_train(w, "a", "", plain));
    assert_string_equal(diag_last_code(w->ds), "E171");
    assert_null(world_train(w, "three", "", t));
    assert_string_equal(diag_last_code(w->ds), "E131");
    assert_null(lower_metric(&w->env, world_metric(w, "other"), m, t, 1, (Span){0}));
    assert_string_equal(diag_last_code(w->ds), "E139");
    assert_null(lower_metric(&w->env, world_metric(w, "wide"), m, t, 1, (Span){0}));
    assert_string_equal(diag_last_code(w->ds), "E131");
    assert_null(lower_metric(&w->env, world_metric(w, "gap"), m, t, 0, (Span){0}));
    assert_string_equal(diag_last_code(w->ds), "E118");
    Model *bad = world_train(w, "bad", "", t);
    assert_non_null(bad);
    assert_null(lower_predict(&w->env, bad, t, (Span){0}));
    assert_string_equal(diag_last_code(w->ds), "E131");

    /* risk.w in a script */
    world_bind(w, (Binding){.name = "risk", .kind = BIND_MODEL, .model = m});
    Lowered *l = lower_expr(&w->env, printed(w, "risk.w' @ risk.w"));
    assert_non_null(l);
    Matrix **out = world_run(w, l, NULL);
    assert_non_null(out);
    assert_near(mat_get(out[0], 0, 0), 9.5 * 9.5 + 12.5 * 12.5, 1e-12);
    assert_null(lower_expr(&w->env, printed(w, "risk.v")));
    assert_string_equal(diag_last_code(w->ds), "E139");
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),   cmocka_unit_test(test_matrices), cmocka_unit_test(test_reductions),
        cmocka_unit_test(test_selection), cmocka_unit_test(test_target),   cmocka_unit_test(test_spaces),
        cmocka_unit_test(test_loops),     cmocka_unit_test(test_swaps),    cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_hyper),     cmocka_unit_test(test_refused),  cmocka_unit_test(test_roles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
