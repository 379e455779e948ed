/* test_stdlib.c: the standard library's algorithms and metrics against numbers worked out independently here. */
#include "tests/unit/lower_testing.h"

enum { N = 12, D = 3 };
/* Two clouds; the label is 1 in the second, with one exception on each side so that no plane separates the classes. */
static const double X[N * D] = {
    1.0, 2.0, 10, 1.5, 1.8, 10, 1.2, 2.6, 10, 0.7, 2.2, 10, 1.9, 1.1, 10, 1.4, 2.9, 10,
    5.0, 8.1, 10, 6.1, 7.2, 10, 5.5, 6.4, 10, 4.6, 7.7, 10, 6.6, 6.9, 10, 5.9, 8.8, 10,
};
static const double Y[N] = {0, 0, 1, 0, 0, 0, 1, 1, 1, 0, 1, 1};
static const double V[N] = {3.1, 4.0, 5.2, 2.6, 4.4, 5.9, 20.1, 21.3, 18.8, 18.0, 23.0, 25.2};
static const double S[N] = {1, 2, 1, 3, 1, 1, 2, 1, 1, 4, 1, 2};

static World *library(void) {
    World *w = world_new("");
    world_add_stdlib(w);
    return w;
}

/* Features without the constant third column: a design of full rank. */
static Integration *two_columns(World *w, const double *label, const double *weight) {
    double x[N * 2];
    for (int i = 0; i < N; i++) x[2 * i] = X[D * i], x[2 * i + 1] = X[D * i + 1];
    return world_data(w, N, 2, x, label, weight);
}

/* The gradient of sum s (x w + b - y)^2 / 2 + lambda |w|^2 / 2 in w1, w2, b vanishes at the optimum. */
static void assert_optimal(const Matrix *w, double b, const double *s, double lambda, bool intercept) {
    double g[3] = {lambda * mat_get(w, 0, 0), lambda * mat_get(w, 1, 0), 0};
    for (int i = 0; i < N; i++) {
        double e = X[D * i] * mat_get(w, 0, 0) + X[D * i + 1] * mat_get(w, 1, 0) + b - V[i], k = s ? s[i] : 1;
        g[0] += k * e * X[D * i];
        g[1] += k * e * X[D * i + 1];
        g[2] += k * e;
    }
    for (int j = 0; j < (intercept ? 3 : 2); j++)
        if (!(fabs(g[j]) < 1e-9)) fail_msg("gradient %d is %g", j, g[j]);
}

static void test_ridge(void **state) {
    (void)state;
    World *w = library();
    Integration *t = two_columns(w, V, S);
    Model *m = world_train(w, "ridge", "lambda = 0", t);
    assert_non_null(m);
    assert_optimal(model_value(m, "w"), mat_get(model_value(m, "b"), 0, 0), NULL, 0, true);
    double exact = mat_get(model_value(m, "w"), 0, 0);
    m = world_train(w, "ridge", "lambda = 0.7", t);
    assert_optimal(model_value(m, "w"), mat_get(model_value(m, "b"), 0, 0), NULL, 0.7, true);
    m = world_train(w, "ridge", "lambda = 0.7, intercept = false", t);
    assert_near(mat_get(model_value(m, "b"), 0, 0), 0, 0);
    assert_optimal(model_value(m, "w"), 0, NULL, 0.7, false);
    m = world_train(w, "ridge", "lambda = 0, standardize = true", t);
    assert_near(mat_get(model_value(m, "w"), 0, 0), exact, 1e-10);
    m = world_train(w, "weighted_ridge", "lambda = 0.3", t);
    assert_optimal(model_value(m, "w"), mat_get(model_value(m, "b"), 0, 0), S, 0.3, true);
    m = world_train(w, "linear_regression", "iterations = 20000, step = 0.5", t);
    assert_optimal(model_value(m, "w"), mat_get(model_value(m, "b"), 0, 0), NULL, 0, true);
    Matrix *p = world_predict(w, m, t);
    assert_int_equal(p->rows, N);
    double sse = 0, sae = 0, mean = 0, tss = 0;
    for (int i = 0; i < N; i++) mean += V[i] / N;
    for (int i = 0; i < N; i++) {
        double e = p->data[i] - V[i];
        sse += e * e, sae += fabs(e), tss += (V[i] - mean) * (V[i] - mean);
    }
    assert_near(world_measure(w, "mse", m, t, p), sse / N, 1e-12);
    assert_near(world_measure(w, "rmse", m, t, p), sqrt(sse / N), 1e-12);
    assert_near(world_measure(w, "mae", m, t, p), sae / N, 1e-12);
    assert_near(world_measure(w, "r2", m, t, p), 1 - sse / tss, 1e-12);
    world_free(w);
}

static void test_constant_column(void **state) {
    (void)state;
    World *w = library();
    double x[N];
    for (int i = 0; i < N; i++) x[i] = 0.1;
    Integration *t = world_data(w, N, 1, x, V, NULL);
    Model *m = world_train(w, "linear_regression", "iterations = 5000", t);
    assert_non_null(m);
    double mean = 0;
    for (int i = 0; i < N; i++) mean += V[i] / N;
    assert_near(mat_get(model_value(m, "w"), 0, 0) * 0.1 + mat_get(model_value(m, "b"), 0, 0), mean, 1e-9);
    assert_near(mat_get(model_value(m, "w"), 0, 0), 0, 1e-9);
    world_free(w);
}

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

static void test_logistic(void **state) {
    (void)state;
    World *w = library();
    Integration *t = two_columns(w, Y, NULL);
    for (int ridge = 0; ridge < 2; ridge++) {
        double l2 = ridge ? 0.05 : 0;
        const char *args = ridge ? "l2 = 0.05, standardize = false" : "l2 = 0";
        Model *m = world_train(w, "logistic_newton", args, t);
        assert_non_null(m);
        const Matrix *c = model_value(m, "w");
        double b = mat_get(model_value(m, "b"), 0, 0), g[3] = {N * l2 * c->data[0], N * l2 * c->data[1], 0};
        for (int i = 0; i < N; i++) {
            double e = sigmoid(X[D * i] * c->data[0] + X[D * i + 1] * c->data[1] + b) - Y[i];
            g[0] += e * X[D * i], g[1] += e * X[D * i + 1], g[2] += e;
        }
        for (int j = 0; j < 3; j++) assert_true(fabs(g[j]) < 1e-7);
        assert_true(mat_get(model_value(m, "steps"), 0, 0) < 20);
        char text[100];
        snprintf(text, sizeof text, "%s, iterations = %d, step = %g", args, ridge ? 60000 : 4000, ridge ? 0.1 : 2.0);
        Model *gd = world_train(w, "logistic_regression", text, t);
        assert_near(mat_get(model_value(gd, "w"), 0, 0), c->data[0], 1e-4);
        assert_near(mat_get(model_value(gd, "b"), 0, 0), b, 1e-4);
    }
    Model *m = world_train(w, "logistic_newton", "intercept = false, l2 = 0.1", t);
    assert_non_null(m);
    m = world_train(w, "logistic_regression", "iterations = 3, step = 0.1, standardize = false", t);
    /* Three steps by hand. */
    double v[3] = {0};
    for (int k = 0; k < 3; k++) {
        double g[3] = {0};
        for (int i = 0; i < N; i++) {
            double e = sigmoid(X[D * i] * v[0] + X[D * i + 1] * v[1] + v[2]) - Y[i];
            g[0] += e * X[D * i], g[1] += e * X[D * i + 1], g[2] += e;
        }
        for (int j = 0; j < 3; j++) v[j] -= 0.1 * g[j] / N;
    }
    assert_near(mat_get(model_value(m, "w"), 0, 0), v[0], 1e-12);
    assert_near(mat_get(model_value(m, "w"), 1, 0), v[1], 1e-12);
    assert_near(mat_get(model_value(m, "b"), 0, 0), v[2], 1e-12);
    world_free(w);
}

static void test_metrics(void **state) {
    (void)state;
    World *w = library();
    Integration *t = two_columns(w, Y, NULL);
    Model none = {.name = "m", .algorithm = world_algorithm(w, "ridge")};
    static const double probability[N] = {0.1, 0.2, 0.7, 0.2, 0.6, 0.0, 1.0, 0.9, 0.5, 0.4, 0.3, 0.7};
    Matrix *p = world_matrix(w, N, 1, probability);
    double loss = 0, hits = 0, called = 0, positive = 0, right = 0, pairs = 0, won = 0;
    for (int i = 0; i < N; i++) {
        double q = fmin(fmax(probability[i], 1e-15), 1 - 1e-15);
        bool one = probability[i] >= 0.5;
        loss -= Y[i] != 0 ? log(q) : log(1 - q);
        hits += one && Y[i] != 0, called += one, positive += Y[i], right += one == (Y[i] != 0);
        for (int j = 0; j < N; j++)
            if (Y[i] != 0 && Y[j] == 0)
                pairs++, won += probability[i] > probability[j] ? 1 : probability[i] == probability[j] ? 0.5 : 0;
    }
    assert_near(world_measure(w, "log_loss", &none, t, p), loss / N, 1e-12);
    assert_near(world_measure(w, "accuracy", &none, t, p), right / N, 1e-12);
    assert_near(world_measure(w, "precision", &none, t, p), hits / called, 1e-12);
    assert_near(world_measure(w, "recall", &none, t, p), hits / positive, 1e-12);
    assert_near(world_measure(w, "f1", &none, t, p), 2 * hits / (called + positive), 1e-12);
    assert_near(world_measure(w, "auc", &none, t, p), won / pairs, 1e-12);
    world_free(w);
}

/* Lloyd from given centres, as the textbook has it. */
static int lloyd(int n, int d, const double *x, int k, double *c, double *inertia) {
    int last[64], rounds = 0;
    for (int i = 0; i < n; i++) last[i] = -1;
    for (;;) {
        bool moved = false;
        rounds++;
        *inertia = 0;
        int now[64];
        for (int i = 0; i < n; i++) {
            double best = INFINITY;
            for (int j = 0; j < k; j++) {
                double far = 0;
                for (int q = 0; q < d; q++) far += (x[i * d + q] - c[j * d + q]) * (x[i * d + q] - c[j * d + q]);
                if (far < best) best = far, now[i] = j;
            }
            *inertia += best;
            moved = moved || now[i] != last[i];
            last[i] = now[i];
        }
        if (!moved) return rounds;
        for (int j = 0; j < k; j++) {
            double sum[8] = {0};
            int count = 0;
            for (int i = 0; i < n; i++)
                if (now[i] == j) {
                    count++;
                    for (int q = 0; q < d; q++) sum[q] += x[i * d + q];
                }
            for (int q = 0; count && q < d; q++) c[j * d + q] = sum[q] / count;
        }
    }
}

static void test_kmeans(void **state) {
    (void)state;
    World *w = library();
    Integration *t = world_data(w, N, D, X, NULL, NULL);
    double c[3 * D], inertia;
    memcpy(c, X, sizeof c);
    int rounds = lloyd(N, D, X, 3, c, &inertia);
    Model *m = world_train(w, "kmeans", "k = 3, init_first = true", t);
    assert_non_null(m);
    for (int i = 0; i < 3 * D; i++) assert_near(model_value(m, "C")->data[i], c[i], 1e-12);
    assert_near(mat_get(model_value(m, "steps"), 0, 0), rounds, 0);
    assert_near(world_measure(w, "inertia", m, t, NULL), inertia, 1e-10);

    /* Given centres; the third is far from all rows, so its cluster stays empty and it stays where it is. */
    static const double given[] = {1, 2, 10, 6, 7, 10, 500, 500, 10};
    world_bind(w, (Binding){.name = "start", .kind = BIND_VALUE, .value = world_matrix(w, 3, D, given)});
    memcpy(c, given, sizeof given);
    lloyd(N, D, X, 3, c, &inertia);
    m = world_train(w, "kmeans", "k = 3, centres = start", t);
    assert_non_null(m);
    for (int i = 0; i < 3 * D; i++) assert_near(model_value(m, "C")->data[i], c[i], 1e-12);
    Matrix *p = world_predict(w, m, t);
    for (int i = 0; i < N; i++) assert_near(p->data[i], i < 6 ? 1 : 2, 0);

    /* k-means++ on two clouds finds them, from any of these seeds; standardized too (the third column is constant). */
    for (int seed = 1; seed <= 5; seed++) {
        char args[80];
        snprintf(args, sizeof args, "k = 2, seed = %d, standardize = %s", seed, seed % 2 ? "true" : "false");
        m = world_train(w, "kmeans", args, t);
        assert_non_null(m);
        p = world_predict(w, m, t);
        for (int i = 0; i < N; i++) assert_near(p->data[i], i < 6 ? p->data[0] : 3 - p->data[0], 0);
    }
    /* Fewer distinct rows than clusters. */
    static const double same[] = {1, 2, 10, 1, 2, 10, 3, 4, 10};
    Integration *few = world_data(w, 3, D, same, NULL, NULL);
    m = world_train(w, "kmeans", "k = 3, init_first = true", few);
    assert_non_null(m);
    assert_near(world_measure(w, "inertia", m, few, NULL), 0, 1e-12);
    m = world_train(w, "kmeans", "k = 3, seed = 4", few);
    assert_non_null(m);
    assert_near(world_measure(w, "inertia", m, few, NULL), 0, 1e-12);
    /* A start of the wrong shape. */
    assert_null(world_train(w, "kmeans", "k = 4, centres = start", t));
    assert_true(diag_error_count(w->ds) > 0);
    world_free(w);
}

static void test_nmf(void **state) {
    (void)state;
    World *w = library();
    Integration *t = world_data(w, N, D, X, NULL, NULL);
    enum { R = 2 };
    double v[N][D], W[N][R], H[R][D], top[D] = {0};
    for (int i = 0; i < N; i++)
        for (int c = 0; c < D; c++) top[c] = fmax(top[c], X[i * D + c]);
    for (int i = 0; i < N; i++)
        for (int c = 0; c < D; c++) v[i][c] = X[i * D + c] / top[c];
    for (int i = 0; i < N; i++)
        for (int j = 0; j < R; j++) W[i][j] = 0.1 + (double)((i * R + j) % 7) / 7;
    for (int j = 0; j < R; j++)
        for (int c = 0; c < D; c++) H[j][c] = 0.1 + (double)((j * D + c) % 5) / 5;
    for (int round = 0; round < 5; round++) {
        double h[R][D], u[N][R];
        for (int j = 0; j < R; j++)
            for (int c = 0; c < D; c++) {
                double a = 0, b = 0;
                for (int i = 0; i < N; i++) {
                    double wh = 0;
                    for (int q = 0; q < R; q++) wh += W[i][q] * H[q][c];
                    a += W[i][j] * v[i][c], b += W[i][j] * wh;
                }
                h[j][c] = H[j][c] * a / fmax(b, 1e-12);
            }
        memcpy(H, h, sizeof h);
        for (int i = 0; i < N; i++)
            for (int j = 0; j < R; j++) {
                double a = 0, b = 0;
                for (int c = 0; c < D; c++) {
                    double wh = 0;
                    for (int q = 0; q < R; q++) wh += W[i][q] * H[q][c];
                    a += v[i][c] * H[j][c], b += wh * H[j][c];
                }
                u[i][j] = W[i][j] * a / fmax(b, 1e-12);
            }
        memcpy(W, u, sizeof u);
    }
    double error = 0;
    for (int i = 0; i < N; i++)
        for (int c = 0; c < D; c++) {
            double wh = 0;
            for (int q = 0; q < R; q++) wh += W[i][q] * H[q][c];
            error += (v[i][c] - wh) * (v[i][c] - wh);
        }
    Model *m = world_train(w, "nmf", "rank = 2, iterations = 5, grid = true", t);
    assert_non_null(m);
    assert_cells(model_value(m, "top"), 1, D, top);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < R; j++) assert_near(mat_get(model_value(m, "W"), i, j), W[i][j], 1e-10);
    for (int j = 0; j < R; j++)
        for (int c = 0; c < D; c++) assert_near(mat_get(model_value(m, "H"), j, c), H[j][c], 1e-10);
    assert_near(world_measure(w, "reconstruction_error", m, t, NULL), sqrt(error), 1e-9);
    /* The rows it was trained on, found again by predict, are at least as near. */
    Matrix *p = world_predict(w, m, t);
    assert_int_equal(p->rows, N);
    assert_int_equal(p->cols, R);
    assert_true(world_measure(w, "projection_error", m, t, p) <= sqrt(error) * (1 + 1e-6));
    /* Other rows have no W. */
    Integration *other = world_data(w, 2, D, X, NULL, NULL);
    assert_null(lower_metric(&w->env, world_metric(w, "reconstruction_error"), m, other, 0, (Span){0}));
    assert_string_equal(diag_last_code(w->ds), "E139");
    /* A random start stays finite and gets near; zeros in the data do no harm. */
    double z[N * D];
    memcpy(z, X, sizeof z);
    for (int i = 0; i < N; i++) z[i * D + 2] = 0;
    m = world_train(w, "nmf", "rank = 2, iterations = 200, seed = 3", world_data(w, N, D, z, NULL, NULL));
    assert_non_null(m);
    for (int i = 0; i < N * R; i++) assert_true(isfinite(model_value(m, "W")->data[i]));
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ridge),   cmocka_unit_test(test_constant_column), cmocka_unit_test(test_logistic),
        cmocka_unit_test(test_metrics), cmocka_unit_test(test_kmeans),          cmocka_unit_test(test_nmf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
