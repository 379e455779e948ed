/* kernels_product.c: op(x) @ op(y) for every pair of storages, and the transpose.
 *
 * Four ways, chosen by shape and storage:
 *   BLAS        both dense and no side thin: dgemm; x' @ x by dsyrk
 *   by rows     out[i, ] = sum over k of x[i, k] y[k, ]         rows of the result are shared out among the threads
 *   by columns  out += x[r, ]' y[r, ] over the rows r of both    each thread sums its rows, the sums are added in the
 * order of the threads transposed  x' by rows, when x has more columns than rows, or the private sums of the above
 * would be too large A transposed right operand is transposed first; x' @ y' is (y @ x)'. The result is dense. */
#include <limits.h>

#include "backends/runtime/kernels_private.h"

/* ---- transpose ---- */
typedef struct TransposeJob {
    const Matrix *x;
    Matrix *out;
} TransposeJob;
static void transpose_part(void *ctx, int part, int nparts) {
    const TransposeJob *j = ctx;
    enum { TILE = 16 }; /* a tile of both sides stays in the first-level cache */
    int64_t begin, end;
    part_range(j->x->rows, part, nparts, &begin, &end);
    for (int64_t r0 = begin; r0 < end; r0 += TILE)
        for (int64_t c0 = 0; c0 < j->x->cols; c0 += TILE)
            for (int64_t r = r0; r < end && r < r0 + TILE; r++)
                for (int64_t c = c0; c < j->x->cols && c < c0 + TILE; c++)
                    j->out->data[c * j->out->ld + r] = j->x->data[r * j->x->ld + c];
}

static Matrix *transpose_sparse(KernelContext *k, const Matrix *x) {
    if (x->rows > INT32_MAX)
        return kernel_fail(k, "E402", "train factorized, or on fewer rows",
                           "a sparse matrix of %lld rows cannot be transposed: columns are numbered up to 2^31",
                           (long long)x->rows);
    bool ones = x->kind == MAT_CODES || !x->values;
    Matrix *out = kernel_new_csr(k, x->cols, x->rows, mat_nnz(x), ones);
    if (!out) return NULL;
    int64_t *next = out->rowptr + 1; /* next[c] ends up as the end of row c */
    for (int64_t r = 0; r < x->rows; r++) {
        RowView v = row_view(x, r);
        for (int64_t i = 0; i < v.n; i++)
            if (v.cols[i] + 1 < x->cols) next[v.cols[i] + 1]++;
    }
    for (int64_t c = 1; c < x->cols; c++) next[c] += next[c - 1];
    for (int64_t r = 0; r < x->rows; r++) {
        RowView v = row_view(x, r);
        for (int64_t i = 0; i < v.n; i++) {
            int64_t at = next[v.cols[i]]++;
            out->colidx[at] = (int32_t)r;
            if (!ones) out->values[at] = v.vals[i];
        }
    }
    return out;
}

Matrix *kernel_transpose(KernelContext *k, const Matrix *x) {
    if (mat_is_sparse(x)) return transpose_sparse(k, x);
    Matrix *out = kernel_new_dense(k, x->cols, x->rows);
    if (!out) return NULL;
    TransposeJob j = {x, out};
    thread_run(kernel_parts(k, (double)x->rows * (double)x->cols), transpose_part, &j);
    return out;
}

/* ---- BLAS ---- */
static bool worth_blas(int64_t m, int64_t p, int64_t q) {
    return m >= 4 && p >= 4 && q >= 4 && m <= INT_MAX && p <= INT_MAX && q <= INT_MAX &&
           (double)m * (double)p * (double)q >= 20000;
}

/* ---- by rows, by columns ---- */
typedef struct ProductJob {
    const Matrix *x, *y;
    Matrix *out;
    double *sums; /* by columns: parts 1.. have theirs here, part 0 sums into out */
} ProductJob;

/* Four running sums: the order is fixed, and the compiler keeps them in registers. */
static double dot_dense(const double *a, const double *b, int64_t n) {
    double s[4] = {0};
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (int l = 0; l < 4; l++) s[l] += a[i + l] * b[i + l];
    for (; i < n; i++) s[0] += a[i] * b[i];
    return (s[0] + s[1]) + (s[2] + s[3]);
}

static void rows_part(void *ctx, int part, int nparts) {
    const ProductJob *j = ctx;
    const Matrix *y = j->y;
    bool vector = y->kind == MAT_DENSE && y->cols == 1 && y->ld == 1;
    int64_t begin, end;
    part_range(j->out->rows, part, nparts, &begin, &end);
    for (int64_t r = begin; r < end; r++) {
        RowView v = row_view(j->x, r);
        double *out = j->out->data + r * j->out->ld;
        if (vector && !v.cols) {
            out[0] = dot_dense(v.vals, y->data, v.n);
            continue;
        }
        for (int64_t i = 0; i < v.n; i++) {
            double a = view_value(&v, i);
            RowView w = row_view(y, v.cols ? v.cols[i] : i);
            view_add(out, &w, a);
        }
    }
}

static void columns_part(void *ctx, int part, int nparts) {
    const ProductJob *j = ctx;
    int64_t begin, end, cols = j->out->cols;
    part_range(j->x->rows, part, nparts, &begin, &end);
    double *sum = part ? j->sums + (size_t)(part - 1) * (size_t)(j->out->rows * cols) : j->out->data;
    for (int64_t r = begin; r < end; r++) {
        RowView v = row_view(j->x, r), w = row_view(j->y, r);
        if (cols == 1 && !v.cols && !w.cols) { /* a vector of weights: one axpy a row */
            const double b = w.vals[0];
            for (int64_t i = 0; i < v.n; i++) sum[i] += v.vals[i] * b;
            continue;
        }
        for (int64_t i = 0; i < v.n; i++) view_add(sum + (v.cols ? v.cols[i] : i) * cols, &w, view_value(&v, i));
    }
}

static double work_of(const Matrix *x, int64_t m, int64_t p, const Matrix *y, int64_t q) {
    double cells_x = mat_is_sparse(x) ? (double)mat_nnz(x) : (double)m * (double)p;
    double per_row = !mat_is_sparse(y) ? (double)q : y->rows ? (double)mat_nnz(y) / (double)y->rows : 0;
    return 2 * cells_x * (per_row > 1 ? per_row : 1);
}

static Matrix *product_columns(KernelContext *k, const Matrix *x, const Matrix *y, double work) {
    Matrix *out = kernel_new_dense(k, x->cols, y->cols);
    if (!out) return NULL;
    int64_t cells = out->rows * out->cols;
    int parts = kernel_parts_private(k, work, cells);
    ProductJob j = {.x = x, .y = y, .out = out};
    if (parts > 1 && !(j.sums = kernel_scratch(k, cells * (parts - 1), sizeof(double)))) {
        mat_free(out);
        return NULL;
    }
    thread_run(parts, columns_part, &j);
    for (int part = 1; part < parts; part++)
        for (int64_t c = 0; c < cells; c++) out->data[c] += j.sums[(part - 1) * cells + c];
    mem_free(j.sums);
    return out;
}

static Matrix *product_rows(KernelContext *k, const Matrix *x, const Matrix *y, double work) {
    Matrix *out = kernel_new_dense(k, x->rows, y->cols);
    if (!out) return NULL;
    ProductJob j = {.x = x, .y = y, .out = out};
    thread_run(kernel_parts(k, work), rows_part, &j);
    return out;
}

static Matrix *product_transposed(KernelContext *k, const Matrix *x, bool ta, const Matrix *y) {
    Matrix *t = kernel_transpose(k, x);
    if (!t) return NULL;
    Matrix *out = ta ? kernel_matmul(k, t, false, y, false) : kernel_matmul(k, t, true, y, false);
    mat_free(t);
    return out;
}

Matrix *kernel_matmul(KernelContext *k, const Matrix *x, bool ta, const Matrix *y, bool tb) {
    int64_t m = ta ? x->cols : x->rows, p = ta ? x->rows : x->cols, q = tb ? y->rows : y->cols;
    if (p != (tb ? y->cols : y->rows))
        internal_error("matmul: %lld x %lld @ %lld x %lld", (long long)m, (long long)p,
                       (long long)(tb ? y->cols : y->rows), (long long)q);
    if (!mat_is_sparse(x) && !mat_is_sparse(y) && worth_blas(m, p, q)) {
        Matrix *out = kernel_new_dense(k, m, q);
        if (out) kernel_blas_product(k, x, ta, y, tb, p, out);
        return out;
    }
    if (tb) {
        Matrix *t = NULL, *r = NULL;
        if (ta) { /* (y @ x)' */
            if ((t = kernel_matmul(k, y, false, x, false))) r = kernel_transpose(k, t);
        } else if ((t = kernel_transpose(k, y))) {
            r = kernel_matmul(k, x, false, t, false);
        }
        mat_free(t);
        return r;
    }
    double work = work_of(x, m, p, y, q);
    if (ta) {
        bool large = mat_is_sparse(x) && kernel_parts(k, work) > kernel_parts_private(k, work, m * q);
        if ((m > p || large) && x->rows <= INT32_MAX) return product_transposed(k, x, true, y);
        return product_columns(k, x, y, work);
    }
    /* A few long rows against many: the rows of y are the ones to share out. */
    if (!mat_is_sparse(x) && m <= 8 && p > 8 * m && kernel_parts(k, work) > 1)
        return product_transposed(k, x, false, y);
    return product_rows(k, x, y, work);
}
