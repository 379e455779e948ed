/* test_typecheck.c: symbolic shapes: what is accepted, and each diagnostic of the algebra. */
#include "tests/unit/lower_testing.h"

static const char *check(const char *text, bool print) {
    World *w = world_new(text);
    bool ok = typecheck_program(&w->p);
    static char code[8];
    const char *last = diag_last_code(w->ds);
    snprintf(code, sizeof code, "%s", last ? last : "");
    assert_true(ok == (diag_error_count(w->ds) == 0));
    if (print) diag_print(w->ds, stderr, false);
    world_free(w);
    return code;
}

static void accepts(const char *text) {
    const char *code = check(text, false);
    if (*code) {
        check(text, true);
        fail_msg("%s for %s", code, text);
    }
}

static void rejects(const char *code, const char *text) {
    const char *got = check(text, false);
    if (strcmp(got, code) != 0) {
        check(text, true);
        fail_msg("%s instead of %s for %s", *got ? got : "nothing", code, text);
    }
}

/* The body of fit; w must get a value. */
static const char *fit(const char *body) {
    static char text[4000];
    snprintf(text, sizeof text,
             "algorithm a(k = 2, lambda = 0.1) { fit(X: [n, d], y: [n, 1]) { j = k + lambda; %s return w; } }", body);
    return text;
}

static void test_accepted(void **state) {
    (void)state;
    accepts(fit("w = solve(X' @ X + lambda * eye(d), X' @ y);"));
    accepts(fit("w = zeros(ncol(X), 1); repeat 20 { w = w - lambda * X' @ (X @ w - y); }"));
    accepts(fit("w = zeros(d, 1); b = 0; for i in 1..k { r = X @ w + b - y; w = w - X' @ r; b = b - sum(r); }"));
    accepts(fit("w = colsds(X); if (k > 1) { w = w * 2; } else { w = colmeans(X); }"));
    accepts(fit("w = cbind(ones(n, 1), X)[, 2..d + 1];"));
    accepts(fit("w = rbind(cbind(sum(y), colsums(X)), cbind(colsums(X)', X' @ X))[2..d + 1, 1] + X' @ y;"));
    accepts(fit("if (k > 1) { v = X; w = sum(v); } else { v = y'; w = v @ y; }"));
    accepts(fit("w = where(iota(k) == 1, colsums(X), zeros(k, d)) + zeros(k, 1);"));
    accepts(fit("w = zeros(floor(k / 2), d) @ X';"));
    accepts(fit("w = X[y, ] + X;"));
    accepts(fit("i = 1; while (i < 10 and k > 0) { i = i * 2; } w = i;"));
    accepts(fit("w = 0; for x in {0.1, 1} { w = w + x; }"));
    accepts(fit("k = k + 1; w = zeros(k, d)[1..k, ];"));
    accepts("algorithm a(C = 0) { fit(X: [n, d]) { w = zeros(3, d); if (nrow(C) == 3) { w = C; } return w; } }");
    accepts("algorithm a() { fit(X: [n, d]) { W = X; return W; } predict(X: [n, d]) { return X[, 1] * W[1, 1]; } }");
    accepts("algorithm a() { fit(X: [n, d]) { w = X' @ X; return w; } predict(X: [m, p]) { return X @ w; } }");
    accepts("metric m(y: [n, 1], p: [n, c]) { return sum(y * p); }");
    accepts("let a = zeros(3, 2); let b = a @ ones(2, 3); print b + eye(3); for s in {1, 2} { let c = zeros(s, 2); "
            "print c @ a'; }");
    accepts("algorithm a() { fit(X: [n, d]) { w = X' @ X; return w; } } train q = a() on T; print q.w @ ones(4, 1);");
    accepts("target T { x: feature num, y: label num } split T into train 0.5, test 0.5 seed 1;"
            "print features(T.train)' @ label(T.train); print nrow(features(T)) + 1;");
}

static void test_shapes(void **state) {
    (void)state;
    rejects("E131", fit("w = X @ zeros(n, 1);"));
    rejects("E131", fit("w = X @ X;"));
    rejects("E131", fit("w = X + X';"));
    rejects("E131", fit("w = y + zeros(n + 1, 1);"));
    rejects("E131", fit("w = zeros(k, 1) + zeros(k + 1, 1);"));
    rejects("E131", fit("w = X @ 2;"));
    rejects("E131", fit("w = solve(X, y);"));
    rejects("E131", fit("w = solve(X' @ X, y);"));
    rejects("E131", fit("w = trace(X);"));
    rejects("E131", fit("w = cbind(X, X');"));
    rejects("E131", fit("w = rbind(X, y);"));
    rejects("E131", fit("w = crossprod(X, X');"));
    rejects("E131", fit("w = dot(X, y);"));
    rejects("E131", fit("w = diag(X);"));
    rejects("E131", fit("w = where(y > 0, X, zeros(d, n));"));
    rejects("E131", fit("w = max(X, zeros(n, d + 1));"));
    rejects("E131", fit("w = onehot(X, 3);"));
    rejects("E131", fit("w = cholesky(X);"));
    rejects("E131", fit("if (k > 1) { w = X; } else { w = y; }"));
    rejects("E131", fit("w = y; if (k > 1) { w = X; } v = 1 + w; w = 0;"));
    rejects("E131",
            "algorithm a() { fit(X: [n, d]) { w = sum(X); return w; } predict(X: [m, d]) { return colsums(X); } }");
    rejects("E131", "let a = zeros(3, 2); print a @ a;");
}

static void test_indices(void **state) {
    (void)state;
    rejects("E132", fit("w = X[, 0];"));
    rejects("E132", fit("w = zeros(3, 2)[4, 1];"));
    rejects("E132", fit("w = zeros(3, 2)[1..2, 1..3];"));
    rejects("E132", fit("w = X[3..1, ];"));
    rejects("E180", fit("w = X[X' @ X, ];"));
}

static void test_names(void **state) {
    (void)state;
    rejects("E133", fit("w = sigmoyd(X);"));
    rejects("E133", fit("w = y(1);"));
    rejects("E134", fit("w = exp(X, y);"));
    rejects("E134", fit("w = rand(n, 1);"));
    rejects("E134", fit("w = zeros();"));
    rejects("E134", fit("w = rand(n, 1, sed = 1);"));
    rejects("E134", "algorithm a() { fit(X) { w = X; return w; } }");
    rejects("E134", "algorithm a() { fit(X: [n, d], y: [n, 1], s: [n, 1], q: [n, 1]) { w = X; return w; } }");
    rejects("E134",
            "algorithm a() { fit(X: [n, d]) { w = X; return w; } predict(X: [m, d], y: [m, 1]) { return X; } }");
    rejects("E135", fit("w = X @ ww;"));
    rejects("E135", fit("w = sum;"));
    rejects("E135", "print T; target T { x: feature num }");
    rejects("E135", "target T { x: feature num } print features(T.tran);");
    rejects("E136", fit("if (k > 1) { w = 1; }"));
    rejects("E136", fit("if (k > 1) { w = 1; } else { v = 2; }"));
    rejects("E136", fit("repeat 3 { w = 1; }"));
    rejects("E136", fit("for i in 1..3 { if (i > 1) { q = 1; } w = 1; }"));
    rejects("E139", "algorithm a() { fit(X: [n, d]) { mu = colmeans(X); w = X' @ X; return w; } predict(X: [m, d]) { "
                    "return (X - mu) @ w; } }");
    rejects("E139", "algorithm a() { fit(X: [n, d]) { w = sum(X); return w; } } train q = a() on T; print q.v;");
    rejects("E171", "target T { x: feature num } print weight(T);");
    rejects("E113", "algorithm a(k = 1, k = 2) { fit(X: [n, d]) { w = k * sum(X); return w; } }");
}

static void test_statements(void **state) {
    (void)state;
    rejects("E137", fit("w = 0; repeat 3 { w = w + y; }"));
    rejects("E137", fit("w = X; for i in 1..2 { w = cbind(w, y); }"));
    rejects("E138", "algorithm a() { fit(X: [n, d]) { w = X; } }");
    rejects("E138", "algorithm a() { fit(X: [n, d]) { return X; w = X; } }");
    rejects("E138", "algorithm a() { fit(X: [n, d]) { return X @ X'; } }");
    rejects("E138", "algorithm a() { fit(X: [n, d]) { w = X; return w, w; } }");
    rejects("E138", "algorithm a() { fit(X: [n, d]) { w = X; if (n > 1) { return w; } } }");
    rejects("E138", "metric m(y: [n, 1]) { return y, y; }");
    rejects("E180", "metric m(y: [n, 1]) { return y; }");
    rejects("E180", fit("if (X > 0) { w = 1; } else { w = 2; }"));
    rejects("E180", fit("w = 0; repeat y { w = w + 1; }"));
    rejects("E180", fit("w = zeros(y, 1);"));
    rejects("E181", fit("w = \"text\";"));
    rejects("E181", fit("w = null;"));
    rejects("E181", fit("w = features(T);"));
    rejects("E182", fit("w = zeros(1.5, 2);"));
    rejects("E182", fit("w = zeros(0 - 1, 2);"));
    rejects("E182", fit("w = 0; repeat 2.5 { w = w + 1; }"));
    rejects("W131", "algorithm a(k = 1) { fit(X: [n, d]) { w = sum(X); return w; } }");
}

/* One mistake, one message: what depends on a bad value says nothing. */
static void test_no_cascade(void **state) {
    (void)state;
    World *w = world_new(fit("a = X @ X; b = a + y; c = b' @ b; w = c @ unknown; v = X @ zeros(n, 1);"));
    assert_false(typecheck_program(&w->p));
    assert_int_equal(diag_error_count(w->ds), 3);
    world_free(w);
}

static void test_stdlib(void **state) {
    (void)state;
    World *w = world_new("");
    world_add_stdlib(w);
    bool ok = typecheck_program(&w->p);
    if (!ok || diag_warning_count(w->ds)) diag_print(w->ds, stderr, false);
    assert_true(ok);
    assert_int_equal(diag_warning_count(w->ds), 0);
    assert_true(w->p.algorithms.len >= 7 && w->p.metrics.len >= 12);
    for (int i = 0; i < w->p.algorithms.len; i++) assert_non_null(w->p.algorithms.data[i]->doc);
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted), cmocka_unit_test(test_shapes),     cmocka_unit_test(test_indices),
        cmocka_unit_test(test_names),    cmocka_unit_test(test_statements), cmocka_unit_test(test_no_cascade),
        cmocka_unit_test(test_stdlib),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
