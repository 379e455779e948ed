/* kernels_structure.c: values made from nothing (eye, iota, rand) and values put together from, or cut out of, others.
 *
 * Storage: cutting rows or columns keeps it. Putting sparse operands together gives CSR when less than a quarter of the
 * result's cells would be stored, dense otherwise; with dense operands only the result is dense. Indices that name rows
 * or columns count from 1 and must be whole numbers in range (E406). */
#include <stdlib.h>

#include "backends/runtime/kernels_private.h"

Matrix *kernel_zeros(KernelContext *k, int64_t rows, int64_t cols) {
    return kernel_new_dense(k, rows, cols);
}
Matrix *kernel_eye(KernelContext *k, int64_t n) {
    Matrix *m = kernel_new_dense(k, n, n);
    for (int64_t i = 0; m && i < n; i++) m->data[i * m->ld + i] = 1;
    return m;
}
Matrix *kernel_iota(KernelContext *k, int64_t n, const int32_t *order) {
    Matrix *m = kernel_new_dense(k, n, 1);
    for (int64_t i = 0; m && i < n; i++) m->data[i] = (double)((order ? order[i] : i) + 1);
    return m;
}

typedef struct RandJob {
    Matrix *out;
    uint64_t seed;
    bool normal;
    const int32_t *order;
} RandJob;
static void rand_part(void *ctx, int part, int nparts) {
    const RandJob *j = ctx;
    int64_t begin, end, cols = j->out->cols;
    part_range(j->out->rows, part, nparts, &begin, &end);
    for (int64_t r = begin; r < end; r++) {
        uint64_t row = (uint64_t)(j->order ? j->order[r] : r);
        for (int64_t c = 0; c < cols; c++)
            j->out->data[r * cols + c] =
                j->normal ? rng_normal(j->seed, (uint64_t)c, row) : rng_uniform(j->seed, (uint64_t)c, row);
    }
}
/* A seed is the whole number nearest below; what is not a number or too large is 0. */
Matrix *kernel_rand(KernelContext *k, IrOp op, int64_t rows, int64_t cols, double seed, const int32_t *order) {
    Matrix *m = kernel_new_dense(k, rows, cols);
    if (!m) return NULL;
    bool whole = fabs(seed) < 9.0e18;
    RandJob j = {m, whole ? (uint64_t)(int64_t)floor(seed) : 0, op == IR_RANDN, order};
    thread_run(kernel_parts(k, 10.0 * (double)rows * (double)cols), rand_part, &j);
    return m;
}

Matrix *kernel_onehot(KernelContext *k, const Matrix *x, int64_t width) {
    if (x->cols != 1) internal_error("onehot of %lld columns", (long long)x->cols);
    Matrix *m = kernel_new_codes(k, x->rows, width);
    for (int64_t r = 0; m && r < x->rows; r++) {
        double v = mat_get(x, r, 0);
        m->codes[r] = v >= 1 && v <= (double)width && v == floor(v) ? (int32_t)v - 1 : -1;
    }
    return m;
}

Matrix *kernel_diag(KernelContext *k, const Matrix *x) {
    bool vector = (x->rows == 1 || x->cols == 1) && x->rows != x->cols;
    if (!vector && x->rows != x->cols) internal_error("diag of %lld x %lld", (long long)x->rows, (long long)x->cols);
    int64_t n = x->rows > x->cols ? x->rows : x->cols;
    Matrix *m = kernel_new_dense(k, n, vector ? n : 1);
    for (int64_t i = 0; m && i < n; i++) {
        if (vector)
            m->data[i * n + i] = x->cols == 1 ? mat_get(x, i, 0) : mat_get(x, 0, i);
        else
            m->data[i] = mat_get(x, i, i);
    }
    return m;
}

/* ---- side by side ---- */
typedef struct BindJob {
    int n;
    const Matrix *const *x;
    Matrix *out;
} BindJob;
static int64_t bind_row(const Matrix *x, int64_t r) {
    return x->rows == 1 ? 0 : r;
}

static void cbind_part(void *ctx, int part, int nparts) {
    const BindJob *j = ctx;
    int64_t begin, end;
    part_range(j->out->rows, part, nparts, &begin, &end);
    for (int64_t r = begin; r < end; r++) {
        int64_t at = 0;
        for (int i = 0; i < j->n; i++) {
            RowView v = row_view(j->x[i], bind_row(j->x[i], r));
            view_copy(j->out->data + r * j->out->ld + at, &v);
            at += j->x[i]->cols;
        }
    }
}
static void cbind_csr_part(void *ctx, int part, int nparts) {
    const BindJob *j = ctx;
    int64_t begin, end;
    part_range(j->out->rows, part, nparts, &begin, &end);
    for (int64_t r = begin; r < end; r++) {
        int64_t put = j->out->rowptr[r], at = 0;
        for (int i = 0; i < j->n; i++) {
            RowView v = row_view(j->x[i], bind_row(j->x[i], r));
            for (int64_t c = 0; c < v.n; c++) {
                j->out->colidx[put] = (int32_t)(at + (v.cols ? v.cols[c] : c));
                j->out->values[put++] = view_value(&v, c);
            }
            at += j->x[i]->cols;
        }
    }
}

Matrix *kernel_cbind(KernelContext *k, int n, const Matrix *const *x) {
    int64_t rows = 1, cols = 0;
    bool sparse = false, set = false;
    for (int i = 0; i < n; i++) {
        bool repeated = x[i]->rows == 1 && x[i]->cols == 1;
        if (!repeated && set && x[i]->rows != rows)
            internal_error("cbind of %lld and %lld rows", (long long)rows, (long long)x[i]->rows);
        if (!repeated) rows = x[i]->rows, set = true;
        cols += x[i]->cols;
        sparse = sparse || mat_is_sparse(x[i]);
    }
    int64_t nnz = 0;
    for (int i = 0; sparse && i < n; i++) nnz += x[i]->rows == 1 ? rows * mat_nnz(x[i]) : mat_nnz(x[i]);
    sparse = sparse && (double)nnz < 0.25 * (double)rows * (double)cols && cols <= INT32_MAX;
    Matrix *out = sparse ? kernel_new_csr(k, rows, cols, nnz, false) : kernel_new_dense(k, rows, cols);
    if (!out) return NULL;
    for (int64_t r = 0; sparse && r < rows; r++) {
        out->rowptr[r + 1] = out->rowptr[r];
        for (int i = 0; i < n; i++) out->rowptr[r + 1] += row_view(x[i], bind_row(x[i], r)).n;
    }
    BindJob j = {n, x, out};
    thread_run(kernel_parts(k, sparse ? (double)nnz : (double)rows * (double)cols),
               sparse ? cbind_csr_part : cbind_part, &j);
    return out;
}

Matrix *kernel_rbind(KernelContext *k, int n, const Matrix *const *x) {
    int64_t rows = 0, cols = n ? x[0]->cols : 0, nnz = 0;
    bool sparse = false;
    for (int i = 0; i < n; i++) {
        if (x[i]->cols != cols)
            internal_error("rbind of %lld and %lld columns", (long long)cols, (long long)x[i]->cols);
        rows += x[i]->rows;
        nnz += mat_nnz(x[i]);
        sparse = sparse || mat_is_sparse(x[i]);
    }
    sparse = sparse && (double)nnz < 0.25 * (double)rows * (double)cols;
    Matrix *out = sparse ? kernel_new_csr(k, rows, cols, nnz, false) : kernel_new_dense(k, rows, cols);
    if (!out) return NULL;
    int64_t at = 0;
    for (int i = 0; i < n; i++)
        for (int64_t r = 0; r < x[i]->rows; r++, at++) {
            RowView v = row_view(x[i], r);
            if (!sparse) {
                view_copy(out->data + at * out->ld, &v);
                continue;
            }
            int64_t put = out->rowptr[at];
            for (int64_t c = 0; c < v.n; c++, put++) {
                out->colidx[put] = (int32_t)(v.cols ? v.cols[c] : c);
                out->values[put] = view_value(&v, c);
            }
            out->rowptr[at + 1] = put;
        }
    return out;
}

/* ---- rows ---- */
typedef struct RowList { /* the rows begin .. begin + n, or those of index */
    int64_t begin, n;
    const int64_t *index;
} RowList;
static int64_t list_row(const RowList *l, int64_t i) {
    return l->index ? l->index[i] : l->begin + i;
}

static Matrix *copy_rows(KernelContext *k, const Matrix *x, const RowList *l) {
    Matrix *out = NULL;
    if (x->kind == MAT_DENSE) {
        out = kernel_new_dense(k, l->n, x->cols);
        for (int64_t i = 0; out && i < l->n; i++)
            if (x->cols)
                memcpy(out->data + i * out->ld, x->data + list_row(l, i) * x->ld, (size_t)x->cols * sizeof(double));
    } else if (x->kind == MAT_CODES) {
        out = kernel_new_codes(k, l->n, x->cols);
        for (int64_t i = 0; out && i < l->n; i++) out->codes[i] = x->codes[list_row(l, i)];
    } else {
        int64_t nnz = 0, put = 0;
        for (int64_t i = 0; i < l->n; i++) nnz += row_view(x, list_row(l, i)).n;
        out = kernel_new_csr(k, l->n, x->cols, nnz, !x->values);
        for (int64_t i = 0; out && i < l->n; i++) {
            RowView v = row_view(x, list_row(l, i));
            for (int64_t c = 0; c < v.n; c++, put++) {
                out->colidx[put] = v.cols[c];
                if (v.vals) out->values[put] = v.vals[c];
            }
            out->rowptr[i + 1] = put;
        }
    }
    return out;
}

Matrix *kernel_slice_rows(KernelContext *k, const Matrix *x, int64_t i0, int64_t i1) {
    if (i0 < 0 || i1 < i0 || i1 > x->rows)
        internal_error("rows %lld..%lld of %lld", (long long)i0, (long long)i1, (long long)x->rows);
    RowList l = {i0, i1 - i0, NULL};
    return copy_rows(k, x, &l);
}

int64_t *kernel_index(KernelContext *k, const Matrix *index, int64_t limit, const char *what) {
    int64_t n = index->rows * index->cols;
    int64_t *out = kernel_scratch(k, n, sizeof *out);
    for (int64_t i = 0; out && i < n; i++) {
        double v = mat_get(index, i / index->cols, i % index->cols);
        if (v >= 1 && v <= (double)limit && v == floor(v)) {
            out[i] = (int64_t)v - 1;
            continue;
        }
        mem_free(out);
        return kernel_fail(k, "E406", "indices are whole numbers that count from 1",
                           "index %.15g does not name a %s: there are %lld", v, what, (long long)limit);
    }
    return out;
}

Matrix *kernel_take_rows(KernelContext *k, const Matrix *x, const Matrix *index) {
    int64_t *rows = kernel_index(k, index, x->rows, "row");
    if (!rows) return NULL;
    RowList l = {0, index->rows * index->cols, rows};
    Matrix *out = copy_rows(k, x, &l);
    mem_free(rows);
    return out;
}

/* ---- columns ---- */
Matrix *kernel_slice_cols(KernelContext *k, const Matrix *x, int64_t i0, int64_t i1) {
    if (i0 < 0 || i1 < i0 || i1 > x->cols)
        internal_error("columns %lld..%lld of %lld", (long long)i0, (long long)i1, (long long)x->cols);
    Matrix *out = NULL;
    int64_t put = 0;
    switch (x->kind) {
    case MAT_DENSE:
        out = kernel_new_dense(k, x->rows, i1 - i0);
        for (int64_t r = 0; out && r < x->rows && i1 > i0; r++)
            memcpy(out->data + r * out->ld, x->data + r * x->ld + i0, (size_t)(i1 - i0) * sizeof(double));
        return out;
    case MAT_CODES:
        out = kernel_new_codes(k, x->rows, i1 - i0);
        for (int64_t r = 0; out && r < x->rows; r++)
            out->codes[r] = x->codes[r] >= i0 && x->codes[r] < i1 ? x->codes[r] - (int32_t)i0 : -1;
        return out;
    case MAT_CSR: break;
    }
    int64_t nnz = 0;
    for (int64_t i = 0; i < mat_nnz(x); i++) nnz += x->colidx[i] >= i0 && x->colidx[i] < i1;
    out = kernel_new_csr(k, x->rows, i1 - i0, nnz, !x->values);
    for (int64_t r = 0; out && r < x->rows; r++) {
        RowView v = row_view(x, r);
        for (int64_t c = 0; c < v.n; c++) {
            if (v.cols[c] < i0 || v.cols[c] >= i1) continue;
            out->colidx[put] = v.cols[c] - (int32_t)i0;
            if (v.vals) out->values[put] = v.vals[c];
            put++;
        }
        out->rowptr[r + 1] = put;
    }
    return out;
}

/* Where each column of x goes: places[first[c] .. first[c + 1]), ascending; a column may be taken several times. */
typedef struct Places {
    int64_t *first;
    int32_t *places;
    bool once;
} Places;
static bool places_make(KernelContext *k, const int64_t *cols, int64_t n, int64_t width, Places *p) {
    p->first = kernel_scratch(k, width + 2, sizeof *p->first);
    p->places = p->first ? kernel_scratch(k, n, sizeof *p->places) : NULL;
    if (!p->places) return false;
    for (int64_t i = 0; i < n; i++) p->first[cols[i] + 2]++;
    p->once = true;
    for (int64_t c = 2; c <= width + 1; c++) {
        p->once = p->once && p->first[c] <= 1;
        p->first[c] += p->first[c - 1];
    }
    for (int64_t i = 0; i < n; i++) p->places[p->first[cols[i] + 1]++] = (int32_t)i;
    return true;
}
static int compare_int32(const void *a, const void *b) {
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return x < y ? -1 : x > y;
}
typedef struct Cell {
    int32_t col;
    double value;
} Cell;
static int compare_cell(const void *a, const void *b) {
    return compare_int32(&((const Cell *)a)->col, &((const Cell *)b)->col);
}

static Matrix *take_cols_csr(KernelContext *k, const Matrix *x, int64_t n, const Places *p) {
    int64_t nnz = 0, put = 0;
    for (int64_t r = 0; r < x->rows; r++) {
        RowView v = row_view(x, r);
        for (int64_t c = 0; c < v.n; c++) nnz += p->first[v.cols[c] + 1] - p->first[v.cols[c]];
    }
    Cell *row = kernel_scratch(k, n, sizeof *row);
    Matrix *out = row ? kernel_new_csr(k, x->rows, n, nnz, false) : NULL;
    for (int64_t r = 0; out && r < x->rows; r++) {
        RowView v = row_view(x, r);
        int64_t len = 0;
        for (int64_t c = 0; c < v.n; c++)
            for (int64_t i = p->first[v.cols[c]]; i < p->first[v.cols[c] + 1]; i++)
                row[len++] = (Cell){p->places[i], view_value(&v, c)};
        qsort(row, (size_t)len, sizeof *row, compare_cell);
        for (int64_t i = 0; i < len; i++, put++) {
            out->colidx[put] = row[i].col;
            out->values[put] = row[i].value;
        }
        out->rowptr[r + 1] = put;
    }
    mem_free(row);
    return out;
}

static Matrix *take_cols_sparse(KernelContext *k, const Matrix *x, const int64_t *cols, int64_t n) {
    Places p = {0};
    Matrix *out = NULL;
    if (places_make(k, cols, n, x->cols, &p)) {
        if (x->kind == MAT_CODES && p.once) {
            out = kernel_new_codes(k, x->rows, n);
            for (int64_t r = 0; out && r < x->rows; r++) {
                int32_t c = x->codes[r];
                out->codes[r] = c >= 0 && p.first[c] < p.first[c + 1] ? p.places[p.first[c]] : -1;
            }
        } else {
            out = take_cols_csr(k, x, n, &p);
        }
    }
    mem_free(p.first);
    mem_free(p.places);
    return out;
}

Matrix *kernel_take_cols(KernelContext *k, const Matrix *x, const Matrix *index) {
    int64_t n = index->rows * index->cols;
    int64_t *cols = kernel_index(k, index, x->cols, "column");
    if (!cols) return NULL;
    Matrix *out;
    if (mat_is_sparse(x)) {
        out = take_cols_sparse(k, x, cols, n);
    } else {
        out = kernel_new_dense(k, x->rows, n);
        for (int64_t r = 0; out && r < x->rows; r++)
            for (int64_t i = 0; i < n; i++) out->data[r * n + i] = x->data[r * x->ld + cols[i]];
    }
    mem_free(cols);
    return out;
}
