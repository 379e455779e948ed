/* kernels_factor.c: between the rows of a target and the rows of its blocks' tables: gather, scatter, count, pick and
 * place.
 *
 * With G the 0/1 matrix of an indicator (G[i, idx[i]] = 1) and M the one of a block's columns: gather is G x, scatter
 * G' x, count G' 1, pick M' x, pick_cols x M, place sum M_b x_b and place_cols sum x_b M_b'.
 *
 * Scatter shares out the rows of the result: every thread reads the whole indicator and sums the rows that are its own,
 * in the order of the target's rows. So the result is the same to the bit for every number of threads, and no private
 * copies are summed. */
#include "backends/runtime/kernels_private.h"

typedef struct FactorJob {
    const Matrix *x;
    const Indicator *ind;
    Matrix *out;
    double absent;
} FactorJob;

/* ---- gather ---- */
static void gather_part(void *ctx, int part, int nparts) {
    const FactorJob *j = ctx;
    int64_t begin, end;
    part_range(j->out->rows, part, nparts, &begin, &end);
    for (int64_t i = begin; i < end; i++) {
        int64_t r = indicator_row(j->ind, i);
        double *out = j->out->data + i * j->out->ld;
        if (r >= 0) {
            RowView v = row_view(j->x, r);
            view_copy(out, &v);
        } else if (j->absent != 0) {
            for (int64_t c = 0; c < j->out->cols; c++) out[c] = j->absent;
        }
    }
}
static Matrix *gather_codes(KernelContext *k, const Matrix *x, const Indicator *ind) {
    Matrix *out = kernel_new_codes(k, ind->rows, x->cols);
    for (int64_t i = 0; out && i < ind->rows; i++) {
        int64_t r = indicator_row(ind, i);
        out->codes[i] = r >= 0 ? x->codes[r] : -1;
    }
    return out;
}
static void gather_csr_part(void *ctx, int part, int nparts) {
    const FactorJob *j = ctx;
    int64_t begin, end;
    part_range(j->out->rows, part, nparts, &begin, &end);
    for (int64_t i = begin; i < end; i++) {
        int64_t r = indicator_row(j->ind, i), at = j->out->rowptr[i];
        if (r < 0) continue;
        RowView v = row_view(j->x, r);
        if (!v.n) continue;
        memcpy(j->out->colidx + at, v.cols, (size_t)v.n * sizeof(int32_t));
        if (v.vals) memcpy(j->out->values + at, v.vals, (size_t)v.n * sizeof(double));
    }
}
static Matrix *gather_csr(KernelContext *k, const Matrix *x, const Indicator *ind) {
    int64_t nnz = 0;
    for (int64_t i = 0; i < ind->rows; i++) {
        int64_t r = indicator_row(ind, i);
        if (r >= 0) nnz += row_view(x, r).n;
    }
    Matrix *out = kernel_new_csr(k, ind->rows, x->cols, nnz, !x->values);
    if (!out) return NULL;
    for (int64_t i = 0; i < ind->rows; i++) {
        int64_t r = indicator_row(ind, i);
        out->rowptr[i + 1] = out->rowptr[i] + (r >= 0 ? row_view(x, r).n : 0);
    }
    FactorJob j = {x, ind, out, 0};
    thread_run(kernel_parts(k, (double)nnz), gather_csr_part, &j);
    return out;
}
Matrix *kernel_gather(KernelContext *k, const Matrix *x, const Indicator *ind, double absent) {
    if (mat_is_sparse(x) && (absent == 0 || ind->total))
        return x->kind == MAT_CODES ? gather_codes(k, x, ind) : gather_csr(k, x, ind);
    Matrix *out = kernel_new_dense(k, ind->rows, x->cols);
    if (!out) return NULL;
    FactorJob j = {x, ind, out, absent};
    thread_run(kernel_parts(k, (double)out->rows * (double)(out->cols + 1)), gather_part, &j);
    return out;
}

/* ---- scatter, count ---- */
static void scatter_part(void *ctx, int part, int nparts) {
    const FactorJob *j = ctx;
    int64_t begin, end, from = 0, to = j->ind->rows;
    part_range(j->out->rows, part, nparts, &begin, &end);
    if (j->ind->identity || j->ind->range) { /* my target rows are a range too */
        int64_t shift = j->ind->identity ? 0 : j->ind->begin - j->ind->first;
        if (!j->ind->identity) {
            from = j->ind->begin;
            to = j->ind->end;
        }
        if (begin + shift > from) from = begin + shift;
        if (end + shift < to) to = end + shift;
    }
    for (int64_t i = from; i < to; i++) {
        int64_t r = indicator_row(j->ind, i);
        if (r < begin || r >= end) continue;
        if (!j->x) {
            j->out->data[r]++;
            continue;
        }
        RowView v = row_view(j->x, i);
        view_add(j->out->data + r * j->out->ld, &v, 1);
    }
}
Matrix *kernel_scatter(KernelContext *k, const Matrix *x, const Indicator *ind, int64_t space_rows) {
    if (x->rows != ind->rows)
        internal_error("scatter of %lld rows through an indicator of %lld", (long long)x->rows, (long long)ind->rows);
    Matrix *out = kernel_new_dense(k, space_rows, x->cols);
    if (!out) return NULL;
    FactorJob j = {x, ind, out, 0};
    thread_run(kernel_parts(k, (double)x->rows * (double)(x->cols + 1)), scatter_part, &j);
    return out;
}
Matrix *kernel_count(KernelContext *k, const Indicator *ind, int64_t space_rows) {
    Matrix *out = kernel_new_dense(k, space_rows, 1);
    if (!out) return NULL;
    if (ind->count) {
        if (space_rows) memcpy(out->data, ind->count, (size_t)space_rows * sizeof(double));
        return out;
    }
    FactorJob j = {NULL, ind, out, 0};
    thread_run(kernel_parts(k, (double)ind->rows), scatter_part, &j);
    return out;
}

/* ---- a block's columns among the target's ---- */
Matrix *kernel_pick(KernelContext *k, const Matrix *x, const IntBlock *b) {
    int64_t n = b->data->cols;
    Matrix *out = kernel_new_dense(k, n, x->cols);
    for (int64_t c = 0; out && c < n; c++) {
        RowView v = row_view(x, b->target_cols[c]);
        view_copy(out->data + c * out->ld, &v);
    }
    return out;
}
Matrix *kernel_pick_cols(KernelContext *k, const Matrix *x, const IntBlock *b) {
    int64_t n = b->data->cols;
    Matrix *out = kernel_new_dense(k, x->rows, n);
    for (int64_t r = 0; out && r < x->rows; r++)
        for (int64_t c = 0; c < n; c++) out->data[r * n + c] = mat_get(x, r, b->target_cols[c]);
    return out;
}
Matrix *kernel_place(KernelContext *k, int n, const Matrix *const *x, const IntBlock *const *b, int64_t d) {
    Matrix *out = kernel_new_dense(k, d, n ? x[0]->cols : 0);
    for (int i = 0; out && i < n; i++) {
        if (x[i]->rows != b[i]->data->cols || x[i]->cols != out->cols)
            internal_error("place of %lld x %lld over %lld columns", (long long)x[i]->rows, (long long)x[i]->cols,
                           (long long)b[i]->data->cols);
        for (int64_t c = 0; c < x[i]->rows; c++) {
            RowView v = row_view(x[i], c);
            view_add(out->data + b[i]->target_cols[c] * out->ld, &v, 1);
        }
    }
    return out;
}
static void place_row(double *out, const Matrix *x, int64_t r, const IntBlock *b, int how) {
    for (int64_t c = 0; c < x->cols; c++) {
        double v = mat_get(x, r, c), *at = out + b->target_cols[c];
        if (how == 0)
            *at += v;
        else if (v != v || (how == 1 ? v < *at : v > *at))
            *at = v;
    }
}
Matrix *kernel_place_cols(KernelContext *k, int n, const Matrix *const *x, const IntBlock *const *b, int64_t d,
                          int how) {
    Matrix *out = kernel_new_dense(k, n ? x[0]->rows : 0, d);
    if (!out) return NULL;
    if (how)
        for (int64_t i = 0; i < out->rows * d; i++) out->data[i] = how == 1 ? (double)INFINITY : -(double)INFINITY;
    for (int i = 0; i < n; i++) {
        if (x[i]->cols != b[i]->data->cols || x[i]->rows != out->rows)
            internal_error("place_cols of %lld x %lld over %lld columns", (long long)x[i]->rows, (long long)x[i]->cols,
                           (long long)b[i]->data->cols);
        for (int64_t r = 0; r < out->rows; r++) place_row(out->data + r * d, x[i], r, b[i], how);
    }
    return out;
}
