/* kernels_reduce.c: sums, least and greatest cells by matrix, row and column, their positions, and ranks.
 *
 * Sparse operands are read as they are; the cells they leave out are zeros and count in minima and maxima. The
 * least of nothing is +inf, the greatest -inf. With a not-a-number among them minima and maxima are not a number, as
 * for pmin and pmax; positions pass over it (it is never smaller nor larger), and among nothing else the position
 * is 1. Ranks of one are an error (E407).
 * Columns are reduced by parts of the rows, one part a thread, and the parts combined in order. */
#include <stdlib.h>

#include "backends/runtime/kernels_private.h"

typedef struct ReduceJob {
    const Matrix *x;
    Matrix *out;
    const Matrix *rows; /* by column: only what is stored in rows where it is not 0; NULL: all, zeros too */
    double sign;        /* -1: maxima are minima of -x */
    double *parts;      /* per part: `width` accumulators */
    int64_t *stored;    /* per part: cells stored in each column, of a sparse x */
    int64_t width;
} ReduceJob;

/* ---- by row ---- */
static double row_sum(const RowView *v) {
    if (!v->vals) return (double)v->n;
    double s[4] = {0};
    int64_t i = 0;
    for (; i + 4 <= v->n; i += 4)
        for (int l = 0; l < 4; l++) s[l] += v->vals[i + l];
    for (; i < v->n; i++) s[0] += v->vals[i];
    return (s[0] + s[1]) + (s[2] + s[3]);
}
static void rowsums_part(void *ctx, int part, int nparts) {
    const ReduceJob *j = ctx;
    int64_t begin, end;
    part_range(j->x->rows, part, nparts, &begin, &end);
    for (int64_t r = begin; r < end; r++) {
        RowView v = row_view(j->x, r);
        j->out->data[r] = row_sum(&v);
    }
}

static inline double lesser(double best, double x) {
    return x < best || x != x ? x : best;
} /* keeps a NaN: nothing is less */

/* The least cell of sign * row, and its column; +inf and 0 when there is none. The value is NaN when a cell is. */
static double row_least(const RowView *v, int64_t cols, double sign, int64_t *where) {
    double best = INFINITY;
    bool nan = false;
    int64_t at = 0, gap = -1; /* gap: first column that a sparse row leaves out */
    for (int64_t i = 0; i < v->n; i++) {
        int64_t c = v->cols ? v->cols[i] : i;
        double x = sign * view_value(v, i);
        if (gap < 0 && c > i) gap = i;
        nan = nan || x != x;
        if (x < best) best = x, at = c;
    }
    if (gap < 0 && v->n < cols) gap = v->n;
    if (gap >= 0 && (0 < best || (best == 0 && gap < at))) best = sign * 0.0, at = gap; /* 0, not -0 */
    *where = at;
    return nan ? (double)NAN : best;
}
static void rowleast_part(void *ctx, int part, int nparts) {
    const ReduceJob *j = ctx;
    int64_t begin, end, at;
    part_range(j->x->rows, part, nparts, &begin, &end);
    for (int64_t r = begin; r < end; r++) {
        RowView v = row_view(j->x, r);
        j->out->data[r] = j->sign * row_least(&v, j->x->cols, j->sign, &at);
    }
}
static void rowarg_part(void *ctx, int part, int nparts) {
    const ReduceJob *j = ctx;
    int64_t begin, end, at;
    part_range(j->x->rows, part, nparts, &begin, &end);
    for (int64_t r = begin; r < end; r++) {
        RowView v = row_view(j->x, r);
        row_least(&v, j->x->cols, j->sign, &at);
        j->out->data[r] = (double)(at + 1);
    }
}
static Matrix *reduce_rows(KernelContext *k, const Matrix *x, double sign, void (*fn)(void *, int, int)) {
    Matrix *out = kernel_new_dense(k, x->rows, 1);
    if (!out) return NULL;
    ReduceJob j = {.x = x, .out = out, .sign = sign};
    thread_run(
        kernel_parts(k, mat_is_sparse(x) ? (double)mat_nnz(x) + (double)x->rows : (double)x->rows * (double)x->cols),
        fn, &j);
    return out;
}

/* ---- by column, and all ---- */
static void colsums_part(void *ctx, int part, int nparts) {
    const ReduceJob *j = ctx;
    int64_t begin, end;
    part_range(j->x->rows, part, nparts, &begin, &end);
    double *sum = j->parts + part * j->width;
    for (int64_t r = begin; r < end; r++) {
        RowView v = row_view(j->x, r);
        view_add(sum, &v, 1);
    }
}
/* Row sums are added one by one: the sums of a long column stay accurate because each row came in whole. */
static void sum_part(void *ctx, int part, int nparts) {
    const ReduceJob *j = ctx;
    int64_t begin, end;
    part_range(j->x->rows, part, nparts, &begin, &end);
    double sum = 0;
    enum { GROUP = 1024 }; /* rows are summed in groups first, so that rounding grows with the number of groups */
    for (int64_t g = begin; g < end; g += GROUP) {
        double s = 0;
        for (int64_t r = g; r < end && r < g + GROUP; r++) {
            RowView v = row_view(j->x, r);
            s += row_sum(&v);
        }
        sum += s;
    }
    j->parts[part] = sum;
}
static void least_part(void *ctx, int part, int nparts) {
    const ReduceJob *j = ctx;
    int64_t begin, end, at;
    part_range(j->x->rows, part, nparts, &begin, &end);
    double best = INFINITY;
    for (int64_t r = begin; r < end; r++) {
        RowView v = row_view(j->x, r);
        best = lesser(best, row_least(&v, j->x->cols, j->sign, &at));
    }
    j->parts[part] = best;
}
static void colleast_part(void *ctx, int part, int nparts) {
    const ReduceJob *j = ctx;
    int64_t begin, end, *stored = j->stored + part * j->width;
    part_range(j->x->rows, part, nparts, &begin, &end);
    double *best = j->parts + part * j->width;
    for (int64_t c = 0; c < j->width; c++) best[c] = INFINITY;
    for (int64_t r = begin; r < end; r++) {
        if (j->rows && j->rows->data[r * j->rows->ld] == 0) continue;
        RowView v = row_view(j->x, r);
        for (int64_t i = 0; i < v.n; i++) {
            int64_t c = v.cols ? v.cols[i] : i;
            best[c] = lesser(best[c], j->sign * view_value(&v, i));
            stored[c]++;
        }
    }
}

static Matrix *reduce_columns(KernelContext *k, IrOp op, const Matrix *x, const Matrix *rows, double sign) {
    bool sum = op == IR_COLSUMS || op == IR_SUM, all = op == IR_SUM || op == IR_MINALL || op == IR_MAXALL;
    int64_t width = all ? 1 : x->cols;
    Matrix *out = kernel_new_dense(k, 1, width);
    if (!out) return NULL;
    int parts = kernel_parts_private(
        k, mat_is_sparse(x) ? (double)mat_nnz(x) + (double)x->rows : (double)x->rows * (double)x->cols, width);
    ReduceJob j = {.x = x, .out = out, .rows = rows, .sign = sign, .width = width};
    j.parts = kernel_scratch(k, parts * width, sizeof(double));
    if (!all && !sum) j.stored = kernel_scratch(k, parts * width, sizeof(int64_t));
    if (!j.parts || (!all && !sum && !j.stored)) {
        mem_free(j.parts);
        mem_free(j.stored);
        mat_free(out);
        return NULL;
    }
    thread_run(parts, all ? (sum ? sum_part : least_part) : sum ? colsums_part : colleast_part, &j);
    for (int64_t c = 0; c < width; c++) {
        double v = j.parts[c];
        int64_t stored = j.stored ? j.stored[c] : x->rows;
        for (int part = 1; part < parts; part++) {
            double w = j.parts[part * width + c];
            v = sum ? v + w : lesser(v, w);
            if (j.stored) stored += j.stored[part * width + c];
        }
        if (!rows && stored < x->rows && 0 < v) v = sign * 0.0; /* a cell that is not stored is 0, not -0 */
        out->data[c] = sum ? v : sign * v;
    }
    mem_free(j.parts);
    mem_free(j.stored);
    return out;
}

Matrix *kernel_extreme(KernelContext *k, const Matrix *x, const Matrix *rows, bool least) {
    if (!mat_is_sparse(x) || rows->rows != x->rows || rows->cols != 1) internal_error("extreme: shapes");
    return reduce_columns(k, least ? IR_COLMIN : IR_COLMAX, x, rows, least ? 1 : -1);
}

/* ---- ranks ---- */
typedef struct Ranked {
    double value;
    int64_t row;
} Ranked;
static int ranked_compare(const void *a, const void *b) {
    const Ranked *x = a, *y = b;
    if (x->value != y->value) return x->value < y->value ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}
static bool rank_column(KernelContext *k, const Matrix *x, int64_t c, Ranked *sorted, Matrix *out) {
    for (int64_t r = 0; r < x->rows; r++) {
        double v = x->data[r * x->ld + c];
        if (v != v) {
            kernel_fail(k, "E407", "replace or drop missing values first",
                        "rank: row %lld is not a number, so it has no place in an order", (long long)r + 1);
            return false;
        }
        sorted[r] = (Ranked){v, r};
    }
    qsort(sorted, (size_t)x->rows, sizeof *sorted, ranked_compare);
    for (int64_t b = 0, e; b < x->rows; b = e) {
        for (e = b + 1; e < x->rows && sorted[e].value == sorted[b].value;) e++;
        double mean = 0.5 * (double)(b + 1 + e); /* ranks b + 1 .. e */
        for (int64_t i = b; i < e; i++) out->data[sorted[i].row * out->ld + c] = mean;
    }
    return true;
}
static Matrix *rank_columns(KernelContext *k, const Matrix *x) {
    Matrix *made = NULL, *out = NULL;
    const Matrix *d = kernel_dense(k, x, &made);
    Ranked *sorted = d ? kernel_scratch(k, x->rows, sizeof *sorted) : NULL;
    if (sorted) out = kernel_new_dense(k, x->rows, x->cols);
    for (int64_t c = 0; out && c < x->cols; c++) {
        if (rank_column(k, d, c, sorted, out)) continue;
        mat_free(out);
        out = NULL;
    }
    mem_free(sorted);
    mat_free(made);
    return out;
}

Matrix *kernel_reduce(KernelContext *k, IrOp op, const Matrix *x) {
    switch (op) {
    case IR_SUM:
    case IR_COLSUMS:
    case IR_MINALL:
    case IR_COLMIN: return reduce_columns(k, op, x, NULL, 1);
    case IR_MAXALL:
    case IR_COLMAX: return reduce_columns(k, op, x, NULL, -1);
    case IR_ROWSUMS: return reduce_rows(k, x, 1, rowsums_part);
    case IR_ROWMIN: return reduce_rows(k, x, 1, rowleast_part);
    case IR_ROWMAX: return reduce_rows(k, x, -1, rowleast_part);
    case IR_ROWARGMIN:
    case IR_ROWARGMAX:
        if (!x->cols && x->rows) return kernel_fail(k, "E408", NULL, "%s of a matrix without columns", ir_ops[op].text);
        return reduce_rows(k, x, op == IR_ROWARGMIN ? 1 : -1, rowarg_part);
    case IR_RANK: return rank_columns(k, x);
    default: internal_error("%s is not a reduction", ir_ops[op].name);
    }
}
