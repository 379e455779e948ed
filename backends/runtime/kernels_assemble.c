/* kernels_assemble.c: whole rows of a T-like value from its blocks (expand, t_rows), and products across two blocks
 * (cross).
 *
 * Every cell of T is owned by one block, so that a row is the copies of its blocks' rows side by side. When some
 * operand is sparse and less than a quarter of the cells would be stored, expand returns CSR. t_rows is dense.
 *
 * Cross is sum_i w_i x[a(i), ]' y[b(i), ] over the target's rows i, with a, b the two blocks' indicators:
 *   one indicator   x' (n * y), n the counts of its rows (or their sums of w)
 *   counted         x' (N y), N[r, s] the number (or sum of w) of i with a(i) = r, b(i) = s: for small tables under
 * many target rows scattered       x' Z, Z[r, ] = sum of w_i y[b(i), ] over i with a(i) = r; or the mirror image,
 * whichever touches fewer cells */
#include <stdlib.h>

#include "backends/runtime/kernels_private.h"

typedef struct AssembleJob {
    const Integration *t;
    int n;
    const Matrix *const *x;
    const int *blocks;
    const int64_t *rows; /* target rows wanted; NULL: all */
    Matrix *out;
} AssembleJob;

static int64_t block_row(const Integration *t, int block, int64_t i) {
    return indicator_row(&t->indicators[t->blocks[block].indicator], i);
}

static void assemble_part(void *ctx, int part, int nparts) {
    const AssembleJob *j = ctx;
    int64_t begin, end;
    part_range(j->out->rows, part, nparts, &begin, &end);
    for (int64_t i = begin; i < end; i++) {
        double *out = j->out->data + i * j->out->ld;
        for (int p = 0; p < j->n; p++) {
            int64_t r = block_row(j->t, j->blocks[p], j->rows ? j->rows[i] : i);
            if (r < 0) continue;
            const int32_t *cols = j->t->blocks[j->blocks[p]].target_cols;
            RowView v = row_view(j->x[p], r);
            for (int64_t c = 0; c < v.n; c++) out[cols[v.cols ? v.cols[c] : c]] = view_value(&v, c);
        }
    }
}

/* Columns of one block ascend; blocks may interleave: a new run is merged into the row by insertion from its end. */
static void insert_cells(int32_t *cols, double *vals, int64_t len, int64_t added) {
    for (int64_t i = len; i < len + added; i++) {
        int32_t c = cols[i];
        double v = vals[i];
        int64_t at = i;
        for (; at > 0 && cols[at - 1] > c; at--) {
            cols[at] = cols[at - 1];
            vals[at] = vals[at - 1];
        }
        cols[at] = c;
        vals[at] = v;
    }
}
static void assemble_csr_part(void *ctx, int part, int nparts) {
    const AssembleJob *j = ctx;
    int64_t begin, end;
    part_range(j->out->rows, part, nparts, &begin, &end);
    for (int64_t i = begin; i < end; i++) {
        int32_t *cols = j->out->colidx + j->out->rowptr[i];
        double *vals = j->out->values + j->out->rowptr[i];
        int64_t len = 0;
        for (int p = 0; p < j->n; p++) {
            int64_t r = block_row(j->t, j->blocks[p], i);
            if (r < 0) continue;
            const int32_t *map = j->t->blocks[j->blocks[p]].target_cols;
            RowView v = row_view(j->x[p], r);
            for (int64_t c = 0; c < v.n; c++) {
                cols[len + c] = map[v.cols ? v.cols[c] : c];
                vals[len + c] = view_value(&v, c);
            }
            insert_cells(cols, vals, len, v.n);
            len += v.n;
        }
    }
}

static void check_blocks(const Integration *t, int n, const Matrix *const *x, const int *blocks) {
    for (int p = 0; p < n; p++)
        if (x[p]->cols != t->blocks[blocks[p]].data->cols || x[p]->rows < t->blocks[blocks[p]].data->rows)
            internal_error("block %d holds %lld x %lld, its value is %lld x %lld", blocks[p],
                           (long long)t->blocks[blocks[p]].data->rows, (long long)t->blocks[blocks[p]].data->cols,
                           (long long)x[p]->rows, (long long)x[p]->cols);
}

Matrix *kernel_expand(KernelContext *k, const Integration *t, int n, const Matrix *const *x, const int *blocks) {
    check_blocks(t, n, x, blocks);
    AssembleJob j = {.t = t, .n = n, .x = x, .blocks = blocks};
    bool sparse = false;
    for (int p = 0; p < n; p++) sparse = sparse || mat_is_sparse(x[p]);
    int64_t nnz = 0;
    for (int p = 0; sparse && p < n; p++)
        for (int64_t i = 0; i < t->rows; i++) {
            int64_t r = block_row(t, blocks[p], i);
            if (r >= 0) nnz += row_view(x[p], r).n;
        }
    if (sparse && (double)nnz < 0.25 * (double)t->rows * (double)t->cols) {
        if (!(j.out = kernel_new_csr(k, t->rows, t->cols, nnz, false))) return NULL;
        for (int p = 0; p < n; p++)
            for (int64_t i = 0; i < t->rows; i++) {
                int64_t r = block_row(t, blocks[p], i);
                if (r >= 0) j.out->rowptr[i + 1] += row_view(x[p], r).n;
            }
        for (int64_t i = 0; i < t->rows; i++) j.out->rowptr[i + 1] += j.out->rowptr[i];
        thread_run(kernel_parts(k, (double)nnz), assemble_csr_part, &j);
        return j.out;
    }
    if (!(j.out = kernel_new_dense(k, t->rows, t->cols))) return NULL;
    thread_run(kernel_parts(k, (double)t->rows * (double)t->cols), assemble_part, &j);
    return j.out;
}

Matrix *kernel_t_rows(KernelContext *k, const Integration *t, const Matrix *index, int n, const Matrix *const *x,
                      const int *blocks) {
    check_blocks(t, n, x, blocks);
    int64_t *rows = kernel_index(k, index, t->rows, "row");
    if (!rows) return NULL;
    AssembleJob j = {t, n, x, blocks, rows, kernel_new_dense(k, index->rows * index->cols, t->cols)};
    if (j.out) thread_run(kernel_parts(k, (double)j.out->rows * (double)t->cols), assemble_part, &j);
    mem_free(rows);
    return j.out;
}

/* ---- cross ---- */
typedef struct CrossJob {
    const Indicator *to, *from; /* rows of `out`, or of x, by `to`; rows of y by `from` */
    const Matrix *x;            /* of cross_pairs_part */
    const Matrix *y;            /* NULL: count pairs, out is (rows of to) x (rows of from) */
    const double *w;            /* one a target row, or NULL */
    Matrix *out;
} CrossJob;
static void cross_part(void *ctx, int part, int nparts) { /* shares out the rows of the result, as scatter does */
    const CrossJob *j = ctx;
    int64_t begin, end;
    part_range(j->out->rows, part, nparts, &begin, &end);
    for (int64_t i = 0; i < j->to->rows; i++) {
        int64_t r = indicator_row(j->to, i);
        if (r < begin || r >= end) continue;
        int64_t s = indicator_row(j->from, i);
        if (s < 0) continue;
        double w = j->w ? j->w[i] : 1, *out = j->out->data + r * j->out->ld;
        if (!j->y) {
            out[s] += w;
            continue;
        }
        RowView v = row_view(j->y, s);
        view_add(out, &v, w);
    }
}

/* Pair of rows by pair of rows. Parts share out the columns of x, which are the rows of the result. */
static void cross_pairs_part(void *ctx, int part, int nparts) {
    const CrossJob *j = ctx;
    int64_t begin, end;
    part_range(j->out->rows, part, nparts, &begin, &end);
    for (int64_t i = 0; i < j->to->rows; i++) {
        int64_t r = indicator_row(j->to, i), s = indicator_row(j->from, i);
        if (r < 0 || s < 0) continue;
        RowView x = row_view(j->x, r), y = row_view(j->y, s);
        double w = j->w ? j->w[i] : 1;
        for (int64_t e = 0; e < x.n; e++) {
            int64_t c = x.cols ? x.cols[e] : e;
            if (c >= begin && c < end) view_add(j->out->data + c * j->out->ld, &y, w * view_value(&x, e));
        }
    }
}
static Matrix *cross_pairs(KernelContext *k, const Indicator *a, const Matrix *x, const Indicator *b, const Matrix *y,
                           const double *w, double work) {
    CrossJob j = {.to = a, .from = b, .x = x, .y = y, .w = w, .out = kernel_new_dense(k, x->cols, y->cols)};
    if (j.out) thread_run(kernel_parts(k, work), cross_pairs_part, &j);
    return j.out;
}
static double stored_per_row(const Matrix *m) {
    return m->rows ? (double)mat_nnz(m) / (double)m->rows : 0;
}
static bool same_indicator(const Indicator *a, const Indicator *b) {
    return a == b || (a->rows == b->rows &&
                      ((a->identity && b->identity) || (a->idx && a->idx == b->idx && !a->range && !b->range)));
}

/* x' Z where Z holds y's rows (or counts of pairs times y) summed by x's rows. */
static Matrix *cross_scatter(KernelContext *k, const Indicator *a, const Matrix *x, const Indicator *b, const Matrix *y,
                             const double *w, bool counted) {
    Matrix *z = kernel_new_dense(k, x->rows, counted ? y->rows : y->cols), *out = NULL;
    if (!z) return NULL;
    CrossJob j = {.to = a, .from = b, .y = counted ? NULL : y, .w = w, .out = z};
    thread_run(kernel_parts(k, (double)a->rows * (1 + stored_per_row(y))), cross_part, &j);
    if (counted) {
        Matrix *ny = kernel_matmul(k, z, false, y, false);
        if (ny) out = kernel_matmul(k, x, true, ny, false);
        mat_free(ny);
    } else {
        out = kernel_matmul(k, x, true, z, false);
    }
    mat_free(z);
    return out;
}

Matrix *kernel_cross(KernelContext *k, const Integration *t, int block_a, const Matrix *x, int block_b, const Matrix *y,
                     const Matrix *w) {
    const Indicator *a = &t->indicators[t->blocks[block_a].indicator],
                    *b = &t->indicators[t->blocks[block_b].indicator];
    if (w && (w->rows != t->rows || w->cols != 1))
        internal_error("cross: weights are %lld x %lld", (long long)w->rows, (long long)w->cols);
    Matrix *made = NULL, *out = NULL;
    const Matrix *weights = NULL;
    if (w && !(weights = kernel_dense(k, w, &made))) return NULL;
    if (same_indicator(a, b) && x->rows == y->rows) {
        Matrix *n = weights ? kernel_scatter(k, weights, a, x->rows) : kernel_count(k, a, x->rows);
        Matrix *ny = n ? kernel_binary(k, IR_MUL, n, y) : NULL;
        if (ny) out = kernel_matmul(k, x, true, ny, false);
        mat_free(n);
        mat_free(ny);
        mat_free(made);
        return out;
    }
    Matrix *packed = NULL; /* weights read by position */
    if (weights && weights->ld != 1) {
        packed = mat_copy(weights);
        if (!packed) {
            mat_free(made);
            return kernel_no_memory(k, (double)mat_bytes(weights), "weights");
        }
    }
    const double *ws = packed ? packed->data : weights ? weights->data : NULL;
    double n = (double)t->rows, ra = (double)x->rows, rb = (double)y->rows, ca = (double)x->cols, cb = (double)y->cols;
    double by_a = n * stored_per_row(y) + (double)mat_nnz(x) * cb + ra * cb,
           by_b = n * stored_per_row(x) + (double)mat_nnz(y) * ca + rb * ca;
    double counted = n + ra * (double)mat_nnz(y) + (double)mat_nnz(x) * cb + ra * (rb + cb);
    double pairs = n * (1 + stored_per_row(x) * stored_per_row(y)) + ca * cb;
    if (pairs < counted && pairs < by_a && pairs < by_b) {
        out = cross_pairs(k, a, x, b, y, ws, pairs);
    } else if (counted < by_a && counted < by_b) {
        out = cross_scatter(k, a, x, b, y, ws, true);
    } else if (by_a <= by_b) {
        out = cross_scatter(k, a, x, b, y, ws, false);
    } else {
        Matrix *mirror = cross_scatter(k, b, y, a, x, ws, false);
        if (mirror) out = kernel_transpose(k, mirror);
        mat_free(mirror);
    }
    mat_free(packed);
    mat_free(made);
    return out;
}
