/* kernels_solve.c: dense algebra on small matrices through LAPACK (in OpenBLAS).
 *
 * solve: a symmetric matrix with a positive diagonal is scaled to a diagonal near 1 and factored by Cholesky; any
 * other, or one that is not positive definite, has its rows and columns scaled to largest entries near 1 and is
 * factored by LU. Scales are powers of two, so that scaling never rounds; with them the test for singularity does not
 * depend on the units of the features (A. van der Sluis, Condition numbers and equilibration of matrices, 1969). A
 * matrix is singular (E404) when a pivot is zero or the estimated reciprocal condition number of the scaled matrix is
 * under n * 2^-52, n at least 10. eigvals, eigvecs: dsyev on the mean of the matrix and its transpose, which must agree
 * to rounding (E408); largest first; of each vector the entry of largest size is positive. LAPACK reads columns: a
 * row-major matrix is its own transpose there. Entries that are not finite are E407: the routines need not return on
 * them. */
#include <float.h>
#include <limits.h>

#include "backends/runtime/kernels_private.h"

typedef int blas_int;
typedef size_t flen; /* Fortran passes the length of each character argument after the others */
void dpotrf_(const char *uplo, const blas_int *n, double *a, const blas_int *lda, blas_int *info, flen);
void dpotrs_(const char *uplo, const blas_int *n, const blas_int *nrhs, const double *a, const blas_int *lda, double *b,
             const blas_int *ldb, blas_int *info, flen);
void dpocon_(const char *uplo, const blas_int *n, const double *a, const blas_int *lda, const double *anorm,
             double *rcond, double *work, blas_int *iwork, blas_int *info, flen);
void dgetrf_(const blas_int *m, const blas_int *n, double *a, const blas_int *lda, blas_int *ipiv, blas_int *info);
void dgetrs_(const char *trans, const blas_int *n, const blas_int *nrhs, const double *a, const blas_int *lda,
             const blas_int *ipiv, double *b, const blas_int *ldb, blas_int *info, flen);
void dgecon_(const char *norm, const blas_int *n, const double *a, const blas_int *lda, const double *anorm,
             double *rcond, double *work, blas_int *iwork, blas_int *info, flen);
void dsyev_(const char *jobz, const char *uplo, const blas_int *n, double *a, const blas_int *lda, double *w,
            double *work, const blas_int *lwork, blas_int *info, flen, flen);

static const char singular_help[] =
    "columns that depend on each other make it singular: add lambda * eye(d) (ridge), or drop one of them";

/* A square copy with finite entries, dense and with ld = n. NULL: reported. */
static Matrix *square_copy(KernelContext *k, const Matrix *a, const char *what) {
    if (a->rows != a->cols) internal_error("%s of %lld x %lld", what, (long long)a->rows, (long long)a->cols);
    if (a->rows > INT_MAX) return kernel_no_memory(k, (double)a->rows * (double)a->cols * 8, what);
    Matrix *m = kernel_new_dense(k, a->rows, a->cols);
    for (int64_t r = 0; m && r < a->rows; r++) {
        RowView v = row_view(a, r);
        view_copy(m->data + r * m->ld, &v);
        for (int64_t c = 0; c < a->cols; c++) {
            if (isfinite(m->data[r * m->ld + c])) continue;
            kernel_fail(k, "E407", "look for missing or infinite values in the data, or a step that is too large",
                        "%s: entry (%lld, %lld) of the matrix is %g", what, (long long)r + 1, (long long)c + 1,
                        num_unsigned_nan(m->data[r * m->ld + c]));
            mat_free(m);
            return NULL;
        }
    }
    return m;
}

static bool is_symmetric(const Matrix *a) {
    int64_t n = a->rows;
    for (int64_t r = 0; r < n; r++)
        for (int64_t c = 0; c < r; c++) {
            double x = a->data[r * n + c], y = a->data[c * n + r];
            double size = fabs(x) + fabs(y) + sqrt(fabs(a->data[r * n + r])) * sqrt(fabs(a->data[c * n + c]));
            if (fabs(x - y) > 1e-12 * size) return false;
        }
    return true;
}
static void make_symmetric(Matrix *a) {
    int64_t n = a->rows;
    for (int64_t r = 0; r < n; r++)
        for (int64_t c = 0; c < r; c++)
            a->data[r * n + c] = a->data[c * n + r] = 0.5 * a->data[r * n + c] + 0.5 * a->data[c * n + r];
}

/* The power of two nearest to 1 / x in size; 1 for zero. */
static double power_scale(double x) {
    if (x == 0) return 1;
    int e;
    frexp(fabs(x), &e);
    return ldexp(1, e > 1000 ? -1000 : e < -1000 ? 1000 : -e);
}
static double norm_one(const Matrix *a) {
    double best = 0;
    for (int64_t r = 0; r < a->rows; r++) {
        double s = 0;
        for (int64_t c = 0; c < a->cols; c++) s += fabs(a->data[r * a->cols + c]);
        if (s > best) best = s;
    }
    return best;
}
static double singular_below(int64_t n) {
    return (double)(n > 10 ? n : 10) * DBL_EPSILON;
}

/* One factored system: (R a C) z' = R b with z = C z'. */
typedef struct Factored {
    blas_int n;
    Matrix *a; /* scaled, then its factors */
    double *rows, *cols, *work;
    blas_int *pivots, *iwork;
} Factored;

/* 1 factored, 0 not positive definite. */
static int factor_cholesky(Factored *f, double *rcond) {
    int64_t n = f->n;
    for (int64_t i = 0; i < n; i++) {
        double d = f->a->data[i * n + i];
        if (!(d > 0)) return 0;
        int e;
        frexp(d, &e);
        f->rows[i] = f->cols[i] = ldexp(1, -(e / 2));
    }
    for (int64_t r = 0; r < n; r++)
        for (int64_t c = 0; c < n; c++) f->a->data[r * n + c] *= f->rows[r] * f->cols[c];
    double anorm = norm_one(f->a);
    blas_int info = 0;
    dpotrf_("U", &f->n, f->a->data, &f->n, &info, 1); /* the upper half by columns is the lower by rows */
    if (info) return 0;
    dpocon_("U", &f->n, f->a->data, &f->n, &anorm, rcond, f->work, f->iwork, &info, 1);
    return 1;
}
/* 1 factored, 0 singular. The matrix by columns is the transpose: dgetrs solves with "T". */
static int factor_lu(Factored *f, double *rcond) {
    int64_t n = f->n;
    for (int64_t r = 0; r < n; r++) {
        double most = 0;
        for (int64_t c = 0; c < n; c++) most = fmax(most, fabs(f->a->data[r * n + c]));
        f->rows[r] = power_scale(most);
        for (int64_t c = 0; c < n; c++) f->a->data[r * n + c] *= f->rows[r];
    }
    for (int64_t c = 0; c < n; c++) {
        double most = 0;
        for (int64_t r = 0; r < n; r++) most = fmax(most, fabs(f->a->data[r * n + c]));
        f->cols[c] = power_scale(most);
        for (int64_t r = 0; r < n; r++) f->a->data[r * n + c] *= f->cols[c];
    }
    double anorm = norm_one(f->a); /* largest row by rows = the 1-norm by columns */
    blas_int info = 0;
    dgetrf_(&f->n, &f->n, f->a->data, &f->n, f->pivots, &info);
    if (info) return 0;
    dgecon_("1", &f->n, f->a->data, &f->n, &anorm, rcond, f->work, f->iwork, &info, 1);
    return 1;
}

static bool factored_alloc(KernelContext *k, Factored *f) {
    int64_t n = f->n;
    f->rows = kernel_scratch(k, n, sizeof(double));
    f->cols = kernel_scratch(k, n, sizeof(double));
    f->work = kernel_scratch(k, 4 * n, sizeof(double));
    f->pivots = kernel_scratch(k, n, sizeof(blas_int));
    f->iwork = kernel_scratch(k, n, sizeof(blas_int));
    return f->rows && f->cols && f->work && f->pivots && f->iwork;
}
static void factored_free(Factored *f) {
    mat_free(f->a);
    mem_free(f->rows);
    mem_free(f->cols);
    mem_free(f->work);
    mem_free(f->pivots);
    mem_free(f->iwork);
}

/* b by columns and scaled -> solutions by rows. */
static Matrix *solve_columns(KernelContext *k, const Factored *f, bool cholesky, const Matrix *b) {
    int64_t n = f->n;
    Matrix *t = kernel_new_dense(k, b->cols, n), *out = NULL;
    for (int64_t r = 0; t && r < n; r++) {
        RowView v = row_view(b, r);
        for (int64_t i = 0; i < v.n; i++) t->data[(v.cols ? v.cols[i] : i) * n + r] = f->rows[r] * view_value(&v, i);
    }
    if (!t) return NULL;
    blas_int nrhs = (blas_int)b->cols, info = 0;
    if (cholesky)
        dpotrs_("U", &f->n, &nrhs, f->a->data, &f->n, t->data, &f->n, &info, 1);
    else
        dgetrs_("T", &f->n, &nrhs, f->a->data, &f->n, f->pivots, t->data, &f->n, &info, 1);
    if (info) internal_error("solve: argument %d of LAPACK", -info);
    for (int64_t c = 0; c < b->cols; c++)
        for (int64_t r = 0; r < n; r++) t->data[c * n + r] *= f->cols[r];
    out = kernel_transpose(k, t);
    mat_free(t);
    return out;
}

static Matrix *singular(KernelContext *k, int64_t n, double rcond) {
    if (rcond > 0)
        return kernel_fail(k, "E404", singular_help,
                           "solve: the %lld x %lld matrix is singular to working precision (reciprocal condition %.1e)",
                           (long long)n, (long long)n, rcond);
    return kernel_fail(k, "E404", singular_help, "solve: the %lld x %lld matrix is singular", (long long)n,
                       (long long)n);
}

Matrix *kernel_solve(KernelContext *k, const Matrix *a, const Matrix *b) {
    if (b->rows != a->rows)
        internal_error("solve: %lld rows on the right of %lld", (long long)b->rows, (long long)a->rows);
    if (!a->rows || !b->cols) return kernel_new_dense(k, a->cols, b->cols);
    if (b->cols > INT_MAX) return kernel_no_memory(k, (double)b->rows * (double)b->cols * 8, "right sides");
    Matrix *copy = square_copy(k, a, "solve"), *out = NULL;
    if (!copy) return NULL;
    bool threads = kernel_lapack_begin(k, a->rows);
    Factored f = {.n = (blas_int)a->rows};
    double rcond = 0;
    bool memory = factored_alloc(k, &f) && (f.a = mat_copy(copy));
    bool cholesky = memory && is_symmetric(copy);
    if (cholesky) {
        make_symmetric(f.a);
        cholesky = factor_cholesky(&f, &rcond);
        if (!cholesky) memcpy(f.a->data, copy->data, (size_t)(a->rows * a->rows) * sizeof(double));
    }
    if (!memory)
        kernel_no_memory(k, (double)a->rows * (double)a->rows * 8, "solve");
    else if ((cholesky || factor_lu(&f, &rcond)) && rcond >= singular_below(a->rows))
        out = solve_columns(k, &f, cholesky, b);
    else
        singular(k, a->rows, rcond);
    kernel_lapack_end(threads);
    factored_free(&f);
    mat_free(copy);
    return out;
}

Matrix *kernel_cholesky(KernelContext *k, const Matrix *a) {
    Matrix *m = square_copy(k, a, "cholesky");
    if (!m || !m->rows) return m;
    if (!is_symmetric(m)) {
        mat_free(m);
        return kernel_fail(k, "E408", "use (A + A') / 2, or solve(A, b)",
                           "cholesky: the %lld x %lld matrix is not symmetric", (long long)a->rows, (long long)a->cols);
    }
    make_symmetric(m);
    blas_int n = (blas_int)m->rows, info = 0;
    bool threads = kernel_lapack_begin(k, n);
    dpotrf_("U", &n, m->data, &n, &info, 1);
    kernel_lapack_end(threads);
    if (info) {
        mat_free(m);
        return kernel_fail(k, "E404", singular_help,
                           "cholesky: the %lld x %lld matrix is not positive definite (at row %d)", (long long)a->rows,
                           (long long)a->cols, info);
    }
    for (int64_t r = 0; r < n; r++)
        for (int64_t c = r + 1; c < n; c++) m->data[r * n + c] = 0;
    return m;
}

/* Ascending values w and vectors (rows of m) -> largest first, as columns. */
static void order_vectors(const Matrix *m, Matrix *out) {
    int64_t n = m->rows;
    for (int64_t i = 0; i < n; i++) {
        const double *v = m->data + (n - 1 - i) * n;
        int64_t largest = 0;
        for (int64_t r = 1; r < n; r++)
            if (fabs(v[r]) > fabs(v[largest])) largest = r;
        double sign = v[largest] < 0 ? -1 : 1;
        for (int64_t r = 0; r < n; r++) out->data[r * n + i] = sign * v[r];
    }
}

Matrix *kernel_eigen(KernelContext *k, const Matrix *a, bool vectors) {
    const char *name = vectors ? "eigvecs" : "eigvals";
    Matrix *m = square_copy(k, a, name), *out = NULL;
    if (!m) return NULL;
    blas_int n = (blas_int)m->rows, info = 0;
    if (!is_symmetric(m)) {
        mat_free(m);
        return kernel_fail(k, "E408", "use (A + A') / 2", "%s: the %d x %d matrix is not symmetric", name, n, n);
    }
    make_symmetric(m);
    double *w = kernel_scratch(k, n, sizeof(double)), *work = NULL;
    blas_int lwork = 34 * (n + 1);
    if (w && (work = kernel_scratch(k, lwork, sizeof(double)))) out = kernel_new_dense(k, n, vectors ? n : 1);
    if (out && n) {
        bool threads = kernel_lapack_begin(k, n);
        dsyev_(vectors ? "V" : "N", "L", &n, m->data, &n, w, work, &lwork, &info, 1, 1);
        kernel_lapack_end(threads);
        if (info < 0) internal_error("%s: argument %d of LAPACK", name, -info);
        if (info > 0) {
            mat_free(out);
            out = kernel_fail(k, "E404", NULL, "%s: the iteration did not converge", name);
        } else if (vectors) {
            order_vectors(m, out);
        } else {
            for (int64_t i = 0; i < n; i++) out->data[i] = w[n - 1 - i];
        }
    }
    mem_free(w);
    mem_free(work);
    mat_free(m);
    return out;
}
