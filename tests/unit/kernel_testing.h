/* kernel_testing.h: random matrices in every storage, and comparisons, for the tests of kernels and interpreter.
 *
 * BOTH(m, expression over `k`) runs a kernel with one thread and with three, asks that both agree to 1e-12, and keeps
 * the first. Every part of a kernel that can run in threads does: the least work worth it is set to nothing. */
#ifndef AMAL_KERNEL_TESTING_H
#define AMAL_KERNEL_TESTING_H
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "backends/runtime/kernels_private.h"

typedef enum { S_DENSE, S_STRIDED, S_CSR, S_ONES, S_CODES, S_COUNT } Storage;

static uint64_t test_counter;
static inline uint64_t test_random(void) {
    return rng_u64(7, 1, test_counter++);
}
static inline int64_t test_below(int64_t n) {
    return (int64_t)(test_random() % (uint64_t)n);
}
/* Few different values: ties, zeros and both signs occur. */
static inline double test_value(void) {
    return (double)(test_below(13) - 6) * 0.5;
}

static inline Matrix *random_matrix(Storage s, int64_t rows, int64_t cols) {
    Matrix *m = NULL;
    switch (s) {
    case S_DENSE:
    case S_STRIDED:
        m = mat_new_dense(rows, cols + (s == S_STRIDED ? 3 : 0));
        m->cols = cols;
        for (int64_t i = 0; i < rows * m->ld; i++) m->data[i] = test_value();
        break;
    case S_CODES:
        m = mat_new_codes(rows, cols);
        for (int64_t r = 0; r < rows; r++) m->codes[r] = (int32_t)(test_below(cols + 1) - 1);
        break;
    default:
        m = mat_new_csr(rows, cols, rows * cols, s == S_ONES);
        for (int64_t r = 0, at = 0; r < rows; r++) {
            for (int64_t c = 0; c < cols; c++) {
                if (test_below(3)) continue;
                m->colidx[at] = (int32_t)c;
                if (m->values) m->values[at] = test_value();
                at++;
            }
            m->rowptr[r + 1] = at;
        }
    }
    return m;
}

static inline bool same_number(double a, double b, double tolerance) {
    if (a != a || b != b) return a != a && b != b;
    if (a == b) return true;
    return fabs(a - b) <= tolerance * fmax(1, fmax(fabs(a), fabs(b)));
}
#define assert_same(a, b, tolerance)                                                                                   \
    do {                                                                                                               \
        double a_ = (a), b_ = (b);                                                                                     \
        if (!same_number(a_, b_, tolerance)) fail_msg("%.17g is not %.17g", a_, b_);                                   \
    } while (0)
static inline void assert_shape(const Matrix *m, int64_t rows, int64_t cols) {
    assert_non_null(m);
    if (m->rows != rows || m->cols != cols)
        fail_msg("%lld x %lld is not %lld x %lld", (long long)m->rows, (long long)m->cols, (long long)rows,
                 (long long)cols);
}
static inline void assert_matrix(const Matrix *a, const Matrix *b) {
    assert_non_null(b);
    assert_shape(a, b->rows, b->cols);
    for (int64_t r = 0; r < a->rows; r++)
        for (int64_t c = 0; c < a->cols; c++) {
            double x = mat_get(a, r, c), y = mat_get(b, r, c);
            if (!same_number(x, y, 1e-12))
                fail_msg("cell (%lld, %lld): %.17g is not %.17g", (long long)r, (long long)c, x, y);
        }
}
/* What every sparse result must be: row ends ascending, columns ascending and in range. */
static inline void assert_valid(const Matrix *m) {
    if (m->kind == MAT_CSR) {
        assert_int_equal(m->rowptr[0], 0);
        for (int64_t r = 0; r < m->rows; r++)
            for (int64_t i = m->rowptr[r]; i < m->rowptr[r + 1]; i++) {
                assert_in_range(m->colidx[i], 0, m->cols - 1);
                if (i > m->rowptr[r]) assert_true(m->colidx[i] > m->colidx[i - 1]);
            }
    }
    if (m->kind == MAT_CODES)
        for (int64_t r = 0; r < m->rows; r++) assert_true(m->codes[r] >= -1 && m->codes[r] < m->cols);
}

#define BOTH(M, EXPR)                                                                                                  \
    Matrix *M;                                                                                                         \
    do {                                                                                                               \
        kernel_parallel_work = 0;                                                                                      \
        KernelContext k = {.threads = 1};                                                                              \
        M = (EXPR);                                                                                                    \
        if (!M) fail_msg("%s: %s", k.code, k.error);                                                                   \
        k = (KernelContext){.threads = 3};                                                                             \
        Matrix *three_ = (EXPR);                                                                                       \
        if (!three_) fail_msg("%s: %s", k.code, k.error);                                                              \
        assert_valid(M);                                                                                               \
        assert_valid(three_);                                                                                          \
        assert_matrix(M, three_);                                                                                      \
        mat_free(three_);                                                                                              \
    } while (0)
/* The kernel refuses, with this code and a message. */
#define REFUSES(CODE, EXPR)                                                                                            \
    do {                                                                                                               \
        KernelContext k = {.threads = 2};                                                                              \
        assert_null(EXPR);                                                                                             \
        assert_string_equal(k.code, CODE);                                                                             \
        assert_true(k.error[0] != 0);                                                                                  \
    } while (0)

static const int64_t test_rows[] = {0, 1, 2, 9, 70};
static const int64_t test_cols[] = {1, 2, 5, 17};
#define COUNT_OF(a) ((int)(sizeof(a) / sizeof((a)[0])))
#define EACH_SHAPE(R, C)                                                                                               \
    for (int r_ = 0; r_ < COUNT_OF(test_rows); r_++)                                                                   \
        for (int c_ = 0; c_ < COUNT_OF(test_cols); c_++)                                                               \
            for (int64_t R = test_rows[r_], C = test_cols[c_], once_ = 1; once_; once_ = 0)
#define EACH_STORAGE(S) for (int S = 0; S < S_COUNT; S++)
#endif
