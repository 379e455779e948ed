/* kernels_private.h: what the kernel files share: failing, new results, rows of any storage, splitting work.
 *
 * Inside the kernels every operand may be in any storage. RowView reads one row of any of them without copying: a dense
 * row has cols == NULL and n == cols; a sparse row lists its n columns, with vals == NULL when every value is 1. */
#ifndef AMAL_KERNELS_PRIVATE_H
#define AMAL_KERNELS_PRIVATE_H
#include <math.h>

#include "backends/runtime/kernels.h"

/* Sets k->code and k->error; returns NULL so that a kernel can `return kernel_fail(…)`. `help` may be NULL. */
void *kernel_fail(KernelContext *k, const char *code, const char *help, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* New results; NULL with E402. */
Matrix *kernel_new_dense(KernelContext *k, int64_t rows, int64_t cols);
Matrix *kernel_new_csr(KernelContext *k, int64_t rows, int64_t cols, int64_t nnz, bool pattern);
Matrix *kernel_new_codes(KernelContext *k, int64_t rows, int64_t cols);
/* Scratch of `count` zeroed elements, free with mem_free; NULL with E402. */
void *kernel_scratch(KernelContext *k, int64_t count, size_t size);
/* x itself when it is dense, otherwise a dense copy in *made (bytes counted in k->densified). NULL with E402. The
 * caller frees *made. */
const Matrix *kernel_dense(KernelContext *k, const Matrix *x, Matrix **made);

/* The rows or columns that an index names (from 1) as offsets from 0; free with mem_free. NULL: E406, `what` is "row"
 * or "column". */
int64_t *kernel_index(KernelContext *k, const Matrix *index, int64_t limit, const char *what);

/* How many parts `work` elementary steps are worth: 1 below kernel_parallel_work, k->threads otherwise. */
extern int64_t kernel_parallel_work;
int kernel_parts(const KernelContext *k, double work);
/* The same, with at most `cells` doubles of private accumulators a part. */
int kernel_parts_private(const KernelContext *k, double work, int64_t cells);
/* Ends OpenBLAS's own threads, where it is this program's own: before the pool has some, and before OpenBLAS is called.
 * false: it is not. */
bool kernel_blas_rest(void);
/* Around calls of LAPACK on n x n matrices; what begin returns is for end. */
bool kernel_lapack_begin(const KernelContext *k, int64_t n);
void kernel_lapack_end(bool threads);
/* out = op(x) op(y) of dense matrices, `inner` columns of op(x); sizes are those of BLAS: int. */
void kernel_blas_product(const KernelContext *k, const Matrix *x, bool ta, const Matrix *y, bool tb, int64_t inner,
                         Matrix *out);

static inline void part_range(int64_t n, int part, int nparts, int64_t *begin, int64_t *end) {
    int64_t q = n / nparts, r = n % nparts;
    *begin = q * part + (part < r ? part : r);
    *end = *begin + q + (part < r);
}

static inline bool mat_is_sparse(const Matrix *m) {
    return m->kind != MAT_DENSE;
}

typedef struct RowView {
    int64_t n;
    const int32_t *cols;
    const double *vals;
} RowView;
static inline RowView row_view(const Matrix *m, int64_t r) {
    switch (m->kind) {
    case MAT_DENSE: return (RowView){m->cols, NULL, m->data + r * m->ld};
    case MAT_CODES: return (RowView){m->codes[r] >= 0, m->codes + r, NULL};
    case MAT_CSR: break;
    }
    int64_t b = m->rowptr[r];
    return (RowView){m->rowptr[r + 1] - b, m->colidx + b, m->values ? m->values + b : NULL};
}
static inline double view_value(const RowView *v, int64_t i) {
    return v->vals ? v->vals[i] : 1.0;
}
/* out[0..cols) += s * row */
static inline void view_add(double *restrict out, const RowView *v, double s) {
    if (!v->cols) {
        const double *restrict x = v->vals;
        for (int64_t c = 0; c < v->n; c++) out[c] += s * x[c];
    } else if (v->vals) {
        for (int64_t i = 0; i < v->n; i++) out[v->cols[i]] += s * v->vals[i];
    } else {
        for (int64_t i = 0; i < v->n; i++) out[v->cols[i]] += s;
    }
}
/* out[0..cols) = row; `out` must be zero where the row is sparse. */
static inline void view_copy(double *out, const RowView *v) {
    if (!v->cols) {
        if (v->n) memcpy(out, v->vals, (size_t)v->n * sizeof(double));
        return;
    }
    for (int64_t i = 0; i < v->n; i++) out[v->cols[i]] = view_value(v, i);
}

/* The row of its space that target row i reads, or -1. */
static inline int64_t indicator_row(const Indicator *ind, int64_t i) {
    if (ind->identity) return i;
    if (ind->range) return i >= ind->begin && i < ind->end ? i - ind->begin + ind->first : -1;
    return ind->idx[i];
}
#endif
