/* test_kernels.c: every kernel over every combination of storages against plain loops over single cells. */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "tests/unit/kernel_testing.h"

/* ---- threads ---- */
static void mark_part(void *ctx, int part, int nparts) {
    atomic_int *seen = ctx;
    assert_true(part >= 0 && part < nparts);
    atomic_fetch_add(&seen[part], 1);
}
static void nested_part(void *ctx, int part, int nparts) {
    (void)nparts;
    atomic_int *seen = ctx;
    thread_run(4, mark_part, seen + 4 * part);
}
static void *call_from_thread(void *ctx) {
    for (int i = 0; i < 200; i++) thread_run(5, mark_part, ctx);
    return NULL;
}
static void test_threads(void **state) {
    (void)state;
    atomic_int seen[300] = {0};
    for (int n = 1; n <= 300; n += 13) {
        for (int i = 0; i < 300; i++) seen[i] = 0;
        thread_run(n, mark_part, seen);
        for (int i = 0; i < 300; i++) assert_int_equal(seen[i], i < n);
    }
    for (int i = 0; i < 300; i++) seen[i] = 0;
    thread_run(6, nested_part, seen);
    for (int i = 0; i < 24; i++) assert_int_equal(seen[i], 1);
    pthread_t id[3];
    for (int i = 0; i < 300; i++) seen[i] = 0;
    for (int i = 0; i < 3; i++) assert_int_equal(pthread_create(&id[i], NULL, call_from_thread, seen), 0);
    for (int i = 0; i < 3; i++) assert_int_equal(pthread_join(id[i], NULL), 0);
    for (int i = 0; i < 5; i++) assert_int_equal(seen[i], 600);
    thread_set_count(5);
    assert_int_equal(thread_default_count(), 5);
    thread_set_count(0);
    assert_true(thread_default_count() >= 1);
}

/* Jobs that follow each other at once, and after pauses that are shorter and longer than threads look for the next. */
static void test_threads_that_sleep(void **state) {
    (void)state;
    atomic_int seen[8] = {0};
    int jobs[9] = {0};
    for (int i = 0; i < 4000; i++) {
        int n = 1 + i % 7 % 5;
        jobs[n]++;
        thread_run(n, mark_part, seen);
        if (i % 40 == 0) usleep((useconds_t)(i % 3) * 150);
    }
    for (int part = 0; part < 8; part++) {
        int wanted = 0;
        for (int n = part + 1; n <= 8; n++) wanted += jobs[n];
        assert_int_equal(seen[part], wanted);
    }
}

/* ---- elementwise ---- */
static double plain_unary(IrOp op, double x) {
    switch (op) {
    case IR_NEG: return -x;
    case IR_NOT: return x == 0;
    case IR_EXP: return exp(x);
    case IR_LOG: return log(x);
    case IR_LOG1P: return log1p(x);
    case IR_EXPM1: return expm1(x);
    case IR_SQRT: return sqrt(x);
    case IR_ABS: return x < 0 ? -x : x;
    case IR_SIGN: return x > 0 ? 1 : x < 0 ? -1 : 0;
    case IR_SIGMOID: return 1 / (1 + exp(-x));
    case IR_TANH: return tanh(x);
    case IR_SIN: return sin(x);
    case IR_COS: return cos(x);
    case IR_FLOOR: return floor(x);
    case IR_CEIL: return ceil(x);
    case IR_ROUND: return x < 0 ? -floor(-x + 0.5) : floor(x + 0.5);
    case IR_SQUARE: return x * x;
    case IR_RECIP: return 1 / x;
    case IR_ISNAN: return isnan(x) ? 1 : 0;
    default: fail_msg("no plain form of %s", ir_ops[op].name);
    }
    return 0;
}
static void test_unary(void **state) {
    (void)state;
    for (int op = 0; op < IR_COUNT_OF_OPS; op++) {
        if (ir_ops[op].cls != IRC_UNARY) continue;
        EACH_STORAGE(s) EACH_SHAPE(rows, cols) {
            Matrix *x = random_matrix(s, rows, cols);
            BOTH(m, kernel_unary(&k, (IrOp)op, x));
            assert_shape(m, rows, cols);
            for (int64_t r = 0; r < rows; r++)
                for (int64_t c = 0; c < cols; c++)
                    assert_same(mat_get(m, r, c), plain_unary((IrOp)op, mat_get(x, r, c)), 1e-15);
            if (ir_op_has((IrOp)op, 'Z') && s >= S_CSR) assert_true(m->kind != MAT_DENSE);
            mat_free(m);
            mat_free(x);
        }
    }
    Matrix *wide = mat_new_dense(1, 3);
    wide->data[0] = -1000;
    wide->data[1] = 1000;
    wide->data[2] = NAN;
    BOTH(sign, kernel_unary(&k, IR_SIGN, wide));
    assert_true(sign->data[0] == -1 && sign->data[1] == 1 && isnan(sign->data[2]));
    mat_free(sign);
    BOTH(m, kernel_unary(&k, IR_SIGMOID, wide));
    assert_true(m->data[0] == 0 && m->data[1] == 1 && isnan(m->data[2]));
    mat_free(m);
    mat_free(wide);
}

static double plain_binary(IrOp op, double x, double y) {
    switch (op) {
    case IR_ADD: return x + y;
    case IR_SUB: return x - y;
    case IR_MUL: return x * y;
    case IR_DIV: return x / y;
    case IR_POW: return pow(x, y);
    case IR_MOD: return x - y * floor(x / y);
    case IR_MIN2: return isnan(x) || isnan(y) ? NAN : fmin(x, y);
    case IR_MAX2: return isnan(x) || isnan(y) ? NAN : fmax(x, y);
    case IR_EQ: return x == y;
    case IR_NE: return x != y;
    case IR_LT: return x < y;
    case IR_LE: return x <= y;
    case IR_GT: return x > y;
    case IR_GE: return x >= y;
    case IR_AND: return x != 0 && y != 0;
    case IR_OR: return x != 0 || y != 0;
    default: fail_msg("no plain form of %s", ir_ops[op].name);
    }
    return 0;
}
static double cell(const Matrix *m, int64_t r, int64_t c) {
    return mat_get(m, m->rows == 1 ? 0 : r, m->cols == 1 ? 0 : c);
}
static void check_binary(IrOp op, const Matrix *x, const Matrix *y, int64_t rows, int64_t cols) {
    BOTH(m, kernel_binary(&k, op, x, y));
    assert_shape(m, rows, cols);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < cols; c++) {
            double want = plain_binary(op, cell(x, r, c), cell(y, r, c));
            if (!same_number(mat_get(m, r, c), want, 1e-15))
                fail_msg("%s of %g and %g: %g is not %g", ir_ops[op].name, cell(x, r, c), cell(y, r, c),
                         mat_get(m, r, c), want);
        }
    mat_free(m);
}
static void test_binary(void **state) {
    (void)state;
    static const int64_t shapes[][2] = {{0, 1}, {0, 3}, {1, 1}, {1, 5}, {6, 1}, {23, 4}};
    for (int op = 0; op < IR_COUNT_OF_OPS; op++) {
        if (ir_ops[op].cls != IRC_BINARY) continue;
        EACH_STORAGE(sx) EACH_STORAGE(sy) for (int i = 0; i < COUNT_OF(shapes); i++) for (int b = 0; b < 7; b++) {
            int64_t rows = shapes[i][0], cols = shapes[i][1];
            /* neither, x or y repeated: as a scalar, a row, a column; and a row with a column */
            int64_t xr = b == 1 || b == 2 ? 1 : rows, xc = b == 1 || b == 3 ? 1 : cols;
            int64_t yr = b == 4 || b == 5 || b == 3 ? 1 : rows, yc = b == 4 || b == 6 || b == 2 ? 1 : cols;
            Matrix *x = random_matrix(sx, xr, xc), *y = random_matrix(sy, yr, yc);
            check_binary((IrOp)op, x, y, rows, cols);
            if (b == 0) check_binary((IrOp)op, x, x, rows, cols);
            mat_free(x);
            mat_free(y);
        }
    }
}
/* Storage: what must stay sparse, and what must not because a zero would not stay one. */
static void test_binary_storage(void **state) {
    (void)state;
    for (int s = S_CSR; s < S_COUNT; s++) {
        Matrix *x = random_matrix(s, 20, 6), *row = random_matrix(S_DENSE, 1, 6), *col = random_matrix(S_DENSE, 20, 1);
        for (int c = 0; c < 6; c++) row->data[c] = 2 + c;
        const Matrix *others[] = {row, col, x};
        for (int i = 0; i < 3; i++) {
            BOTH(m, kernel_binary(&k, IR_MUL, x, others[i]));
            assert_true(m->kind != MAT_DENSE);
            mat_free(m);
            BOTH(n, kernel_binary(&k, IR_MUL, others[i], x));
            assert_true(n->kind != MAT_DENSE);
            mat_free(n);
        }
        BOTH(q, kernel_binary(&k, IR_DIV, x, row));
        assert_int_equal(q->kind, MAT_CSR);
        mat_free(q);
        row->data[3] = 0;
        check_binary(IR_DIV, x, row, 20, 6);
        check_binary(IR_MOD, x, row, 20, 6);
        row->data[3] = INFINITY;
        check_binary(IR_MUL, x, row, 20, 6);
        check_binary(IR_MOD, x, row, 20, 6);
        check_binary(IR_DIV, x, row, 20, 6);
        row->data[3] = NAN;
        check_binary(IR_MUL, row, x, 20, 6);
        check_binary(IR_MIN2, row, x, 20, 6);
        check_binary(IR_MAX2, x, row, 20, 6);
        if (s == S_CSR) {
            Matrix *y = random_matrix(S_CSR, 20, 6);
            x->values[0] = INFINITY;
            check_binary(IR_MUL, x, y, 20, 6);
            check_binary(IR_MUL, y, x, 20, 6);
            mat_free(y);
        }
        KernelContext k = {.threads = 1};
        Matrix *sum = kernel_binary(&k, IR_ADD, x, row);
        assert_true(k.densified == 20 * 6 * 8 && sum->kind == MAT_DENSE);
        mat_free(sum);
        mat_free(x);
        mat_free(row);
        mat_free(col);
    }
}
static void test_where(void **state) {
    (void)state;
    EACH_STORAGE(s) EACH_SHAPE(rows, cols) for (int b = 0; b < 8; b++) {
        Matrix *c = random_matrix(s, b & 1 ? 1 : rows, cols),
               *x = random_matrix((s + 2) % S_COUNT, rows, b & 2 ? 1 : cols);
        Matrix *y = random_matrix((s + b) % S_COUNT, b & 4 ? 1 : rows, b & 4 ? 1 : cols);
        BOTH(m, kernel_where(&k, c, x, y));
        assert_shape(m, rows, cols);
        for (int64_t r = 0; r < rows; r++)
            for (int64_t l = 0; l < cols; l++)
                assert_same(mat_get(m, r, l), cell(c, r, l) != 0 ? cell(x, r, l) : cell(y, r, l), 0);
        mat_free(m);
        mat_free(c);
        mat_free(x);
        mat_free(y);
    }
}

/* ---- products ---- */
static Matrix *plain_product(const Matrix *x, bool ta, const Matrix *y, bool tb) {
    int64_t m = ta ? x->cols : x->rows, p = ta ? x->rows : x->cols, q = tb ? y->rows : y->cols;
    Matrix *out = mat_new_dense(m, q);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < q; j++)
            for (int64_t l = 0; l < p; l++)
                out->data[i * q + j] +=
                    (ta ? mat_get(x, l, i) : mat_get(x, i, l)) * (tb ? mat_get(y, j, l) : mat_get(y, l, j));
    return out;
}
static void test_matmul(void **state) {
    (void)state;
    static const int64_t sizes[][3] = {{0, 3, 2},  {3, 0, 2},  {3, 2, 0},  {1, 1, 1},    {1, 40, 1}, {40, 1, 7},
                                       {1, 60, 9}, {60, 5, 1}, {5, 60, 3}, {33, 30, 28}, {3, 90, 2}};
    EACH_STORAGE(sx) EACH_STORAGE(sy) for (int t = 0; t < 4; t++) for (int i = 0; i < COUNT_OF(sizes); i++) {
        int64_t m = sizes[i][0], p = sizes[i][1], q = sizes[i][2];
        bool ta = t & 1, tb = t & 2;
        Matrix *x = random_matrix(sx, ta ? p : m, ta ? m : p), *y = random_matrix(sy, tb ? q : p, tb ? p : q);
        BOTH(out, kernel_matmul(&k, x, ta, y, tb));
        Matrix *want = plain_product(x, ta, y, tb);
        assert_matrix(out, want);
        assert_int_equal(out->kind, MAT_DENSE);
        mat_free(want);
        mat_free(out);
        mat_free(x);
        mat_free(y);
    }
    EACH_STORAGE(s) for (int i = 0; i < 3; i++) { /* x' @ x, x @ x' */
        Matrix *x = random_matrix(s, 200, i == 0 ? 1 : i == 1 ? 3 : 20);
        for (int t = 0; t < 2; t++) {
            BOTH(out, kernel_matmul(&k, x, t == 0, x, t == 1));
            Matrix *want = plain_product(x, t == 0, x, t == 1);
            assert_matrix(out, want);
            mat_free(want);
            mat_free(out);
        }
        mat_free(x);
    }
}
static void test_transpose(void **state) {
    (void)state;
    EACH_STORAGE(s) EACH_SHAPE(rows, cols) {
        Matrix *x = random_matrix(s, rows, cols);
        BOTH(t, kernel_transpose(&k, x));
        assert_shape(t, cols, rows);
        for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < cols; c++) assert_true(mat_get(t, c, r) == mat_get(x, r, c));
        if (s >= S_CSR) assert_int_equal(t->kind, MAT_CSR);
        mat_free(t);
        mat_free(x);
    }
}

/* ---- reductions ---- */
static double plain_reduce(IrOp op, const Matrix *x, int64_t r0, int64_t r1, int64_t c0, int64_t c1) {
    double sum = 0, least = INFINITY, most = -INFINITY;
    bool nan = false;
    int64_t at_least = 0, at_most = 0;
    for (int64_t r = r0; r < r1; r++)
        for (int64_t c = c0; c < c1; c++) {
            double v = mat_get(x, r, c);
            sum += v;
            nan = nan || isnan(v);
            if (v < least) least = v, at_least = c;
            if (v > most) most = v, at_most = c;
        }
    switch (op) {
    case IR_SUM:
    case IR_ROWSUMS:
    case IR_COLSUMS: return sum;
    case IR_MINALL:
    case IR_ROWMIN:
    case IR_COLMIN: return nan ? NAN : least;
    case IR_MAXALL:
    case IR_ROWMAX:
    case IR_COLMAX: return nan ? NAN : most;
    case IR_ROWARGMIN: return (double)at_least + 1;
    case IR_ROWARGMAX: return (double)at_most + 1;
    default: fail_msg("no plain form of %s", ir_ops[op].name);
    }
    return 0;
}
static void check_reductions(const Matrix *x) {
    static const IrOp all[] = {IR_SUM, IR_MINALL, IR_MAXALL},
                      by_row[] = {IR_ROWSUMS, IR_ROWMIN, IR_ROWMAX, IR_ROWARGMIN, IR_ROWARGMAX},
                      by_col[] = {IR_COLSUMS, IR_COLMIN, IR_COLMAX};
    for (int i = 0; i < COUNT_OF(all); i++) {
        BOTH(m, kernel_reduce(&k, all[i], x));
        assert_shape(m, 1, 1);
        assert_same(m->data[0], plain_reduce(all[i], x, 0, x->rows, 0, x->cols), 1e-12);
        mat_free(m);
    }
    for (int i = 0; i < COUNT_OF(by_row); i++) {
        BOTH(m, kernel_reduce(&k, by_row[i], x));
        assert_shape(m, x->rows, 1);
        for (int64_t r = 0; r < x->rows; r++)
            assert_same(m->data[r], plain_reduce(by_row[i], x, r, r + 1, 0, x->cols), 1e-12);
        mat_free(m);
    }
    for (int i = 0; i < COUNT_OF(by_col); i++) {
        BOTH(m, kernel_reduce(&k, by_col[i], x));
        assert_shape(m, 1, x->cols);
        for (int64_t c = 0; c < x->cols; c++)
            assert_same(m->data[c], plain_reduce(by_col[i], x, 0, x->rows, c, c + 1), 1e-12);
        mat_free(m);
    }
}
static void test_reduce(void **state) {
    (void)state;
    EACH_STORAGE(s) EACH_SHAPE(rows, cols) {
        Matrix *x = random_matrix(s, rows, cols);
        check_reductions(x);
        if (s == S_CSR) { /* implicit zeros against only positive, then only negative cells */
            for (int64_t i = 0; i < mat_nnz(x); i++) x->values[i] = fabs(x->values[i]) + 1;
            check_reductions(x);
            for (int64_t i = 0; i < mat_nnz(x); i++) x->values[i] = -x->values[i];
            check_reductions(x);
        }
        mat_free(x);
    }
    Matrix *x = random_matrix(S_DENSE, 40, 3);
    for (int i = 0; i < 40; i += 3) x->data[3 * i + i % 2] = NAN; /* the last column has none */
    x->data[3] = x->data[4] = NAN;
    x->data[6] = INFINITY;
    x->data[7] = -INFINITY;
    static const IrOp order[] = {IR_MINALL,    IR_MAXALL,    IR_ROWMIN, IR_ROWMAX,
                                 IR_ROWARGMIN, IR_ROWARGMAX, IR_COLMIN, IR_COLMAX};
    for (int i = 0; i < COUNT_OF(order); i++) {
        bool row = ir_ops[order[i]].shape == SHAPE_ROWS, col = ir_ops[order[i]].shape == SHAPE_COLS;
        BOTH(m, kernel_reduce(&k, order[i], x));
        for (int64_t l = 0; l < (row ? 40 : col ? 3 : 1); l++)
            assert_same(m->data[l],
                        plain_reduce(order[i], x, row ? l : 0, row ? l + 1 : 40, col ? l : 0, col ? l + 1 : 3), 0);
        mat_free(m);
    }
    mat_free(x);
    Matrix *none = mat_new_dense(3, 0);
    REFUSES("E408", kernel_reduce(&k, IR_ROWARGMIN, none));
    mat_free(none);
}
static void test_rank(void **state) {
    (void)state;
    EACH_STORAGE(s) EACH_SHAPE(rows, cols) {
        Matrix *x = random_matrix(s, rows, cols);
        BOTH(m, kernel_reduce(&k, IR_RANK, x));
        for (int64_t c = 0; c < cols; c++)
            for (int64_t r = 0; r < rows; r++) {
                double below = 0, equal = 0;
                for (int64_t o = 0; o < rows; o++) {
                    below += mat_get(x, o, c) < mat_get(x, r, c);
                    equal += mat_get(x, o, c) == mat_get(x, r, c);
                }
                assert_same(mat_get(m, r, c), below + (equal + 1) / 2, 0);
            }
        mat_free(m);
        mat_free(x);
    }
    Matrix *x = random_matrix(S_DENSE, 5, 1);
    x->data[2] = NAN;
    REFUSES("E407", kernel_reduce(&k, IR_RANK, x));
    mat_free(x);
}

/* ---- structure ---- */
static void test_bind(void **state) {
    (void)state;
    EACH_STORAGE(s1) EACH_STORAGE(s2) EACH_SHAPE(rows, cols) {
        Matrix *x[3] = {random_matrix(s1, rows, cols), random_matrix(S_DENSE, 1, 1), random_matrix(s2, rows, 3)};
        BOTH(m, kernel_cbind(&k, 3, (const Matrix *const *)x));
        assert_shape(m, rows, cols + 4);
        for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < cols + 4; c++)
                assert_true(mat_get(m, r, c) == (c < cols    ? mat_get(x[0], r, c)
                                                 : c == cols ? x[1]->data[0]
                                                             : mat_get(x[2], r, c - cols - 1)));
        mat_free(m);
        Matrix *y[3] = {x[0], random_matrix(s2, 4, cols), random_matrix(s1, 0, cols)};
        BOTH(n, kernel_rbind(&k, 3, (const Matrix *const *)y));
        assert_shape(n, rows + 4, cols);
        for (int64_t r = 0; r < rows + 4; r++)
            for (int64_t c = 0; c < cols; c++)
                assert_true(mat_get(n, r, c) == (r < rows ? mat_get(x[0], r, c) : mat_get(y[1], r - rows, c)));
        mat_free(n);
        for (int i = 0; i < 3; i++) mat_free(x[i]);
        mat_free(y[1]);
        mat_free(y[2]);
    }
    Matrix *codes = random_matrix(S_CODES, 30, 40), *one = random_matrix(S_DENSE, 1, 1);
    const Matrix *x[] = {one, codes};
    BOTH(m, kernel_cbind(&k, 2, x)); /* an intercept beside a one-hot block does not make it dense */
    assert_int_equal(m->kind, MAT_CSR);
    mat_free(m);
    mat_free(codes);
    mat_free(one);
}
static void test_slice_take(void **state) {
    (void)state;
    EACH_STORAGE(s) EACH_SHAPE(rows, cols) {
        Matrix *x = random_matrix(s, rows, cols);
        int64_t c0 = test_below(cols + 1), c1 = c0 + test_below(cols - c0 + 1), r0 = test_below(rows + 1),
                r1 = r0 + test_below(rows - r0 + 1);
        BOTH(a, kernel_slice_cols(&k, x, c0, c1));
        BOTH(b, kernel_slice_rows(&k, x, r0, r1));
        assert_shape(a, rows, c1 - c0);
        assert_shape(b, r1 - r0, cols);
        assert_int_equal(a->kind, x->kind);
        assert_int_equal(b->kind, x->kind);
        for (int64_t r = 0; r < rows; r++)
            for (int64_t c = c0; c < c1; c++) assert_true(mat_get(a, r, c - c0) == mat_get(x, r, c));
        for (int64_t r = r0; r < r1; r++)
            for (int64_t c = 0; c < cols; c++) assert_true(mat_get(b, r - r0, c) == mat_get(x, r, c));
        mat_free(a);
        mat_free(b);
        int64_t n = rows ? test_below(2 * rows) : 0, p = test_below(2 * cols + 1);
        Matrix *ri = mat_new_dense(n, 1), *ci = mat_new_dense(1, p);
        for (int64_t i = 0; i < n; i++) ri->data[i] = (double)test_below(rows) + 1;
        for (int64_t i = 0; i < p; i++) ci->data[i] = (double)test_below(cols) + 1;
        BOTH(t, kernel_take_rows(&k, x, ri));
        BOTH(u, kernel_take_cols(&k, x, ci));
        assert_shape(t, n, cols);
        assert_shape(u, rows, p);
        for (int64_t i = 0; i < n; i++)
            for (int64_t c = 0; c < cols; c++) assert_true(mat_get(t, i, c) == mat_get(x, (int64_t)ri->data[i] - 1, c));
        for (int64_t r = 0; r < rows; r++)
            for (int64_t i = 0; i < p; i++) assert_true(mat_get(u, r, i) == mat_get(x, r, (int64_t)ci->data[i] - 1));
        mat_free(t);
        mat_free(u);
        mat_free(ri);
        mat_free(ci);
        static const double wrong[] = {0, -1, 1.5, 1e18, NAN, INFINITY};
        Matrix *bad = mat_new_dense(1, 1);
        for (int i = 0; i < COUNT_OF(wrong); i++) {
            bad->data[0] = wrong[i];
            REFUSES("E406", kernel_take_rows(&k, x, bad));
            REFUSES("E406", kernel_take_cols(&k, x, bad));
        }
        mat_free(bad);
        mat_free(x);
    }
}
static void test_made(void **state) {
    (void)state;
    BOTH(eye, kernel_eye(&k, 5));
    BOTH(iota, kernel_iota(&k, 7, NULL));
    BOTH(rand, kernel_rand(&k, IR_RAND, 200, 3, 42, NULL));
    BOTH(normal, kernel_rand(&k, IR_RANDN, 200, 3, 42, NULL));
    for (int r = 0; r < 5; r++)
        for (int c = 0; c < 5; c++) assert_true(mat_get(eye, r, c) == (r == c));
    for (int r = 0; r < 7; r++) assert_true(iota->data[r] == r + 1);
    for (uint64_t r = 0; r < 200; r++)
        for (uint64_t c = 0; c < 3; c++) {
            assert_true(rand->data[3 * r + c] == rng_uniform(42, c, r));
            assert_true(normal->data[3 * r + c] == rng_normal(42, c, r));
        }
    Matrix *x = mat_new_dense(6, 1);
    double values[] = {1, 3, 0, 4, 2.5, NAN};
    memcpy(x->data, values, sizeof values);
    BOTH(hot, kernel_onehot(&k, x, 3));
    assert_int_equal(hot->kind, MAT_CODES);
    int32_t codes[] = {0, 2, -1, -1, -1, -1};
    assert_memory_equal(hot->codes, codes, sizeof codes);
    EACH_STORAGE(s) {
        Matrix *square = random_matrix(s, 5, 5), *col = random_matrix(s, 4, 1), *row = random_matrix(s, 1, 4);
        BOTH(d, kernel_diag(&k, square));
        BOTH(dc, kernel_diag(&k, col));
        BOTH(dr, kernel_diag(&k, row));
        assert_shape(d, 5, 1);
        for (int i = 0; i < 5; i++) assert_true(d->data[i] == mat_get(square, i, i));
        for (int i = 0; i < 4; i++)
            for (int c = 0; c < 4; c++) {
                assert_true(mat_get(dc, i, c) == (i == c ? mat_get(col, i, 0) : 0));
                assert_true(mat_get(dr, i, c) == (i == c ? mat_get(row, 0, i) : 0));
            }
        Matrix *all[] = {square, col, row, d, dc, dr};
        for (int i = 0; i < 6; i++) mat_free(all[i]);
    }
    Matrix *all[] = {eye, iota, rand, normal, x, hot};
    for (int i = 0; i < 6; i++) mat_free(all[i]);
}

/* ---- solving ---- */
static Matrix *random_real(int64_t rows, int64_t cols) {
    Matrix *m = mat_new_dense(rows, cols);
    for (int64_t i = 0; i < rows * cols; i++) m->data[i] = rng_normal(3, 3, test_counter++);
    return m;
}
static void test_solve(void **state) {
    (void)state;
    for (int64_t n = 0; n <= 40; n += 1 + n / 3) {
        Matrix *g = random_real(n + 5, n), *z = random_real(n, 3), *general = random_real(n, n);
        Matrix *spd = plain_product(g, true, g, false), *units = mat_copy(spd), *indefinite = mat_copy(spd);
        for (int64_t r = 0; r < n; r++) {
            if (r % 2) indefinite->data[r * n + r] *= -1;
            for (int64_t c = 0; c < n; c++)
                units->data[r * n + c] *=
                    pow(10, (double)(r % 9)) * pow(10, (double)(c % 9)); /* features in other units */
        }
        Matrix *systems[] = {spd, general, indefinite, units};
        for (int i = 0; i < 4; i++) {
            Matrix *b = plain_product(systems[i], false, z, false);
            BOTH(got, kernel_solve(&k, systems[i], b));
            assert_shape(got, n, 3);
            for (int64_t c = 0; c < 3 * n; c++) assert_same(got->data[c], z->data[c], i == 3 ? 1e-5 : 1e-8);
            mat_free(got);
            mat_free(b);
        }
        BOTH(l, kernel_cholesky(&k, spd));
        Matrix *back = plain_product(l, false, l, true);
        for (int64_t r = 0; r < n; r++)
            for (int64_t c = 0; c < n; c++) {
                assert_same(mat_get(back, r, c), mat_get(spd, r, c), 1e-12);
                if (c > r) assert_true(mat_get(l, r, c) == 0);
            }
        Matrix *all[] = {g, z, general, spd, units, indefinite, l, back};
        for (int i = 0; i < 8; i++) mat_free(all[i]);
    }
}
static void test_singular(void **state) {
    (void)state;
    Matrix *x = random_real(50, 6), *b = random_real(6, 1);
    for (int64_t r = 0; r < 50; r++)
        x->data[6 * r + 5] = x->data[6 * r] + 2 * x->data[6 * r + 1]; /* a column that depends on others */
    Matrix *gram = plain_product(x, true, x, false);
    REFUSES("E404", kernel_solve(&k, gram, b));
    for (int i = 0; i < 6; i++) gram->data[7 * i] += 0.1; /* ridge mends it */
    BOTH(z, kernel_solve(&k, gram, b));
    gram->data[0] = -5;
    REFUSES("E404", kernel_cholesky(&k, gram));
    gram->data[1] = 77;
    REFUSES("E408", kernel_cholesky(&k, gram));
    REFUSES("E408", kernel_eigen(&k, gram, true));
    gram->data[8] = NAN;
    REFUSES("E407", kernel_solve(&k, gram, b));
    REFUSES("E407", kernel_eigen(&k, gram, false));
    Matrix *zero = mat_new_dense(6, 6);
    REFUSES("E404", kernel_solve(&k, zero, b));
    Matrix *all[] = {x, b, gram, z, zero};
    for (int i = 0; i < 5; i++) mat_free(all[i]);
}
static void test_eigen(void **state) {
    (void)state;
    for (int64_t n = 0; n <= 24; n += 1 + n / 2) {
        Matrix *g = random_real(n, n), *a = plain_product(g, false, g, true);
        for (int64_t i = 0; i < n; i += 2) a->data[i * n + i] -= 10; /* negative values too */
        BOTH(values, kernel_eigen(&k, a, false));
        BOTH(vectors, kernel_eigen(&k, a, true));
        assert_shape(values, n, 1);
        Matrix *av = plain_product(a, false, vectors, false), *vv = plain_product(vectors, true, vectors, false);
        for (int64_t i = 0; i < n; i++) {
            if (i) assert_true(values->data[i] <= values->data[i - 1]);
            double largest = 0;
            for (int64_t r = 0; r < n; r++) {
                double v = mat_get(vectors, r, i);
                if (fabs(v) > fabs(largest)) largest = v;
                assert_same(mat_get(av, r, i), values->data[i] * v, 1e-10);
                assert_same(mat_get(vv, r, i), r == i, 1e-10);
            }
            assert_true(largest > 0);
        }
        Matrix *all[] = {g, a, values, vectors, av, vv};
        for (int i = 0; i < 6; i++) mat_free(all[i]);
    }
}

/* ---- memory ---- */
static void test_no_memory(void **state) {
    (void)state;
    REFUSES("E402", kernel_zeros(&k, (int64_t)1 << 40, 1 << 20));
    KernelContext k = {.threads = 1};
    kernel_zeros(&k, 1000000000, 2000000);
    assert_non_null(strstr(k.error, "16.0 PB"));
    Matrix *x = random_matrix(S_CSR, 30, 4), *y = random_matrix(S_DENSE, 30, 4);
    kernel_parallel_work = 0;
    for (int64_t after = 1; after < 12; after++) { /* each allocation in turn is refused: an error, no crash, no leak */
        for (int i = 0; i < 6; i++) {
            KernelContext c = {.threads = 3};
            mem_fail_after(after);
            Matrix *m = i == 0   ? kernel_matmul(&c, x, true, y, false)
                        : i == 1 ? kernel_binary(&c, IR_ADD, x, y)
                        : i == 2 ? kernel_matmul(&c, y, false, x, true)
                        : i == 3 ? kernel_reduce(&c, IR_COLMIN, x)
                        : i == 4 ? kernel_transpose(&c, x)
                                 : kernel_reduce(&c, IR_RANK, x);
            mem_fail_after(-1);
            if (!m) assert_string_equal(c.code, "E402");
            mat_free(m);
        }
    }
    mat_free(x);
    mat_free(y);
}

/* Of what a sparse matrix stores, in rows that count. */
static void test_extremes(void **state) {
    (void)state;
    KernelContext k = {.threads = 3};
    for (int seed = 0; seed < 20; seed++) {
        Matrix *x = random_matrix(seed % 3 ? S_CSR : S_CODES, 40, 7), *rows = mat_new_dense(40, 1);
        for (int64_t i = 0; i < 40; i++) rows->data[i] = seed && test_below(3) ? 2 : 0; /* of seed 0 none */
        for (int least = 0; least < 2; least++) {
            double want[7], sign = least ? 1 : -1;
            for (int c = 0; c < 7; c++) want[c] = INFINITY;
            for (int64_t i = 0; i < 40; i++)
                for (int64_t e = seed % 3 ? x->rowptr[i] : 0; e < (seed % 3 ? x->rowptr[i + 1] : 1); e++) {
                    int32_t c = seed % 3 ? x->colidx[e] : x->codes[i];
                    double v = sign * (seed % 3 && x->values ? x->values[e] : 1);
                    if (rows->data[i] != 0 && c >= 0 && !(want[c] < v)) want[c] = v;
                }
            Matrix *got = kernel_extreme(&k, x, rows, least);
            assert_true(got->rows == 1 && got->cols == 7);
            for (int c = 0; c < 7; c++) assert_true(got->data[c] == sign * want[c]);
            mat_free(got);
        }
        mat_free(x);
        mat_free(rows);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),        cmocka_unit_test(test_threads_that_sleep),
        cmocka_unit_test(test_unary),          cmocka_unit_test(test_binary),
        cmocka_unit_test(test_binary_storage), cmocka_unit_test(test_where),
        cmocka_unit_test(test_matmul),         cmocka_unit_test(test_transpose),
        cmocka_unit_test(test_reduce),         cmocka_unit_test(test_rank),
        cmocka_unit_test(test_bind),           cmocka_unit_test(test_slice_take),
        cmocka_unit_test(test_made),           cmocka_unit_test(test_solve),
        cmocka_unit_test(test_singular),       cmocka_unit_test(test_eigen),
        cmocka_unit_test(test_extremes),       cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
