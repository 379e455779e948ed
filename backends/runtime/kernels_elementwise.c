/* kernels_elementwise.c: operators that work cell by cell: one operand, two with broadcasting, where.
 *
 * Storage: an operator with f(0) = 0 (flag Z) keeps a sparse operand's pattern; one-hot codes stay codes where f(1)
 * = 1. A product or quotient of a sparse x keeps x's pattern when every cell it leaves out would be 0 anyway: the other
 * operand is finite (and, as a divisor, not zero). Everything else makes dense. Not-a-number: pmin and pmax return it
 * when either operand is one; comparisons with it are false except !=. kernel_stored() leaves cells that are not stored
 * alone, whatever the operator makes of 0. */
#include "backends/runtime/kernels_private.h"
#include "ir/cells.h"

/* The formulas of one class of operators, as cases of a switch: from their rows in ops.def. */
#define NO_CASE(NAME, ...)

static void unary_run(IrOp op, int64_t n, const double *restrict in, double *restrict out) {
#define CASE_UNARY(NAME, ...)                                                                                          \
    case IR_##NAME:                                                                                                    \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            double x = in[i];                                                                                          \
            out[i] = (__VA_ARGS__);                                                                                    \
        }                                                                                                              \
        return;
#define CASE_BINARY NO_CASE
#define CASE_ROWWISE NO_CASE
#define OP NO_CASE
#define CELL(NAME, text, arity, shape, cls, flags, formula, ...) CASE_##cls(NAME, __VA_ARGS__)
    switch (op) {
#include "ir/ops.def"
    default: internal_error("%s is not an operator of one operand", ir_ops[op].name);
    }
#undef CASE_UNARY
#undef CASE_BINARY
}

/* out[i] = f(x[i * xi], y[i * yi]) with xi, yi 0 or 1: loops that vectorize. */
static void binary_run(IrOp op, int64_t n, const double *xs, int xi, const double *ys, int yi, double *restrict out) {
#define CASE_BINARY(NAME, ...)                                                                                         \
    case IR_##NAME:                                                                                                    \
        if (xi && yi) {                                                                                                \
            for (int64_t i = 0; i < n; i++) {                                                                          \
                double x = xs[i], y = ys[i];                                                                           \
                out[i] = (__VA_ARGS__);                                                                                \
            }                                                                                                          \
        } else if (xi) {                                                                                               \
            const double y = *ys;                                                                                      \
            for (int64_t i = 0; i < n; i++) {                                                                          \
                double x = xs[i];                                                                                      \
                out[i] = (__VA_ARGS__);                                                                                \
            }                                                                                                          \
        } else {                                                                                                       \
            const double x = *xs;                                                                                      \
            for (int64_t i = 0; i < n; i++) {                                                                          \
                double y = ys[i * yi];                                                                                 \
                out[i] = (__VA_ARGS__);                                                                                \
            }                                                                                                          \
        }                                                                                                              \
        return;
#define CASE_UNARY NO_CASE
#define OP NO_CASE
#define CELL(NAME, text, arity, shape, cls, flags, formula, ...) CASE_##cls(NAME, __VA_ARGS__)
    if (n <= 0) return;
    switch (op) {
#include "ir/ops.def"
    default: internal_error("%s is not an operator of two operands", ir_ops[op].name);
    }
#undef CASE_UNARY
#undef CASE_BINARY
#undef CASE_ROWWISE
}

/* ---- one operand ---- */
typedef struct Job {
    IrOp op;
    const Matrix *c, *x, *y;
    Matrix *out;
} Job;

static void unary_part(void *ctx, int part, int nparts) {
    const Job *j = ctx;
    int64_t begin, end;
    if (j->x->kind == MAT_CSR) {
        part_range(mat_nnz(j->x), part, nparts, &begin, &end);
        unary_run(j->op, end - begin, j->x->values + begin, j->out->values + begin);
        return;
    }
    if (j->x->ld == j->x->cols) {
        part_range(j->x->rows * j->x->cols, part, nparts, &begin, &end);
        unary_run(j->op, end - begin, j->x->data + begin, j->out->data + begin);
        return;
    }
    part_range(j->x->rows, part, nparts, &begin, &end);
    for (int64_t r = begin; r < end; r++)
        unary_run(j->op, j->x->cols, j->x->data + r * j->x->ld, j->out->data + r * j->out->ld);
}

/* The pattern of x with room for values. */
static Matrix *csr_like(KernelContext *k, const Matrix *x, bool pattern) {
    int64_t nnz = mat_nnz(x);
    Matrix *m = kernel_new_csr(k, x->rows, x->cols, nnz, pattern);
    if (!m) return NULL;
    if (x->kind == MAT_CSR) {
        memcpy(m->rowptr, x->rowptr, (size_t)(x->rows + 1) * sizeof(int64_t));
        if (nnz) memcpy(m->colidx, x->colidx, (size_t)nnz * sizeof(int32_t));
        return m;
    }
    int64_t at = 0;
    for (int64_t r = 0; r < x->rows; r++) {
        if (x->codes[r] >= 0) m->colidx[at++] = x->codes[r];
        m->rowptr[r + 1] = at;
    }
    return m;
}

/* Every stored cell is 1: the result is the same number everywhere in the pattern. */
static Matrix *unary_ones(KernelContext *k, IrOp op, const Matrix *x) {
    double one = 1, v;
    unary_run(op, 1, &one, &v);
    if (v == 1) {
        Matrix *m = mat_copy(x);
        return m ? m : kernel_no_memory(k, (double)mat_bytes(x), "a copy of a sparse matrix");
    }
    Matrix *m = csr_like(k, x, false);
    if (!m) return NULL;
    for (int64_t i = m->rowptr[m->rows]; i-- > 0;) m->values[i] = v;
    return m;
}

Matrix *kernel_unary(KernelContext *k, IrOp op, const Matrix *x) {
    if (mat_is_sparse(x) && ir_op_has(op, 'Z') && (x->kind == MAT_CODES || !x->values)) return unary_ones(k, op, x);
    Matrix *made = NULL;
    bool sparse = mat_is_sparse(x) && ir_op_has(op, 'Z');
    const Matrix *in = sparse ? x : kernel_dense(k, x, &made);
    Matrix *out = !in ? NULL : sparse ? csr_like(k, x, false) : kernel_new_dense(k, x->rows, x->cols);
    if (out) {
        Job j = {.op = op, .x = in, .out = out};
        thread_run(kernel_parts(k, 4.0 * (double)mat_nnz(in)), unary_part, &j);
    }
    mat_free(made);
    return out;
}

/* ---- two operands, dense ---- */
static int64_t broadcast(int64_t a, int64_t b, IrOp op) {
    if (a == b || b == 1) return a;
    if (a == 1) return b;
    internal_error("%s: sizes %lld and %lld do not agree", ir_ops[op].name, (long long)a, (long long)b);
}
static bool is_full(const Matrix *m, int64_t rows, int64_t cols) {
    return m->rows == rows && m->cols == cols && m->ld == cols;
}
static bool is_scalar(const Matrix *m) {
    return m->rows == 1 && m->cols == 1;
}
static const double *cell_row(const Matrix *m, int64_t r) {
    return m->data + (m->rows == 1 ? 0 : r * m->ld);
}

static void binary_part(void *ctx, int part, int nparts) {
    const Job *j = ctx;
    const Matrix *x = j->x, *y = j->y;
    int64_t rows = j->out->rows, cols = j->out->cols, begin, end;
    bool fx = is_full(x, rows, cols), fy = is_full(y, rows, cols);
    if ((fx || is_scalar(x)) && (fy || is_scalar(y))) { /* one long row */
        part_range(rows * cols, part, nparts, &begin, &end);
        binary_run(j->op, end - begin, x->data + (fx ? begin : 0), fx, y->data + (fy ? begin : 0), fy,
                   j->out->data + begin);
        return;
    }
    part_range(rows, part, nparts, &begin, &end);
    for (int64_t r = begin; r < end; r++)
        binary_run(j->op, cols, cell_row(x, r), x->cols != 1, cell_row(y, r), y->cols != 1,
                   j->out->data + r * j->out->ld);
}

/* ---- two operands, x sparse and its pattern kept ---- */
static void sparse_part(void *ctx, int part, int nparts) {
    const Job *j = ctx;
    const Matrix *y = j->y;
    int64_t begin, end;
    part_range(j->x->rows, part, nparts, &begin, &end);
    for (int64_t r = begin; r < end; r++) {
        RowView v = row_view(j->x, r);
        const double *ys = cell_row(y, r);
        double *out = j->out->values + j->out->rowptr[r];
        for (int64_t i = 0; i < v.n; i++) {
            double one = view_value(&v, i);
            binary_run(j->op, 1, &one, 1, ys + (y->cols == 1 ? 0 : v.cols[i]), 1, out + i);
        }
    }
}

static bool finite_all(const double *v, int64_t n, bool nonzero) {
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(v[i]) || (nonzero && v[i] == 0)) return false;
    return true;
}
/* f(0, y) = 0 for every cell of y. */
static bool zero_stays(IrOp op, const Matrix *y) {
    bool divisor = op != IR_MUL;
    if (y->kind == MAT_DENSE) {
        for (int64_t r = 0; r < y->rows; r++)
            if (!finite_all(y->data + r * y->ld, y->cols, divisor)) return false;
        return true;
    }
    return !divisor && (y->kind == MAT_CODES || !y->values || finite_all(y->values, mat_nnz(y), false));
}

/* x * y, both sparse and of one shape: the cells stored in both. */
static Matrix *multiply_sparse(KernelContext *k, const Matrix *x, const Matrix *y) {
    if (x->kind == MAT_CODES && y->kind == MAT_CODES) {
        Matrix *m = kernel_new_codes(k, x->rows, x->cols);
        for (int64_t r = 0; m && r < x->rows; r++) m->codes[r] = x->codes[r] == y->codes[r] ? x->codes[r] : -1;
        return m;
    }
    int64_t nx = mat_nnz(x), ny = mat_nnz(y);
    Matrix *m = kernel_new_csr(k, x->rows, x->cols, nx < ny ? nx : ny, false);
    if (!m) return NULL;
    int64_t at = 0;
    for (int64_t r = 0; r < x->rows; r++) {
        RowView a = row_view(x, r), b = row_view(y, r);
        for (int64_t i = 0, l = 0; i < a.n && l < b.n;) {
            if (a.cols[i] < b.cols[l])
                i++;
            else if (a.cols[i] > b.cols[l])
                l++;
            else {
                m->colidx[at] = a.cols[i];
                m->values[at++] = view_value(&a, i++) * view_value(&b, l++);
            }
        }
        m->rowptr[r + 1] = at;
    }
    return m;
}

/* The sparse result, or NULL when the operator does not keep x's pattern (k->code stays NULL then). */
static Matrix *binary_sparse(KernelContext *k, IrOp op, const Matrix *x, const Matrix *y) {
    if (op != IR_MUL && op != IR_DIV && op != IR_MOD) return NULL;
    if (op == IR_MUL && (!mat_is_sparse(x) || x->rows < y->rows || x->cols < y->cols)) {
        const Matrix *t = x;
        x = y;
        y = t;
    }
    if (!mat_is_sparse(x) || (y->rows != x->rows && y->rows != 1) || (y->cols != x->cols && y->cols != 1)) return NULL;
    if (!zero_stays(op, y)) return NULL;
    if (mat_is_sparse(y) && y->rows == x->rows && y->cols == x->cols)
        return zero_stays(IR_MUL, x) ? multiply_sparse(k, x, y) : NULL;
    Matrix *made, *out = NULL;
    const Matrix *other = kernel_dense(k, y, &made);
    if (other && (out = csr_like(k, x, false))) {
        Job j = {.op = op, .x = x, .y = other, .out = out};
        thread_run(kernel_parts(k, 4.0 * (double)mat_nnz(x)), sparse_part, &j);
    }
    mat_free(made);
    return out;
}

Matrix *kernel_binary(KernelContext *k, IrOp op, const Matrix *x, const Matrix *y) {
    int64_t rows = broadcast(x->rows, y->rows, op), cols = broadcast(x->cols, y->cols, op);
    if (mat_is_sparse(x) || mat_is_sparse(y)) {
        k->code = NULL;
        Matrix *m = binary_sparse(k, op, x, y);
        if (m || k->code) return m;
    }
    Matrix *made_x = NULL, *made_y = NULL, *out = NULL;
    const Matrix *dx = kernel_dense(k, x, &made_x), *dy = !dx ? NULL : y == x ? dx : kernel_dense(k, y, &made_y);
    if (dx && dy && (out = kernel_new_dense(k, rows, cols))) {
        Job j = {.op = op, .x = dx, .y = dy, .out = out};
        thread_run(kernel_parts(k, 4.0 * (double)rows * (double)cols), binary_part, &j);
    }
    mat_free(made_x);
    mat_free(made_y);
    return out;
}

/* ---- where ---- */
static void where_part(void *ctx, int part, int nparts) {
    const Job *j = ctx;
    int64_t begin, end;
    part_range(j->out->rows, part, nparts, &begin, &end);
    int ci = j->c->cols != 1, xi = j->x->cols != 1, yi = j->y->cols != 1;
    for (int64_t r = begin; r < end; r++) {
        const double *c = cell_row(j->c, r), *x = cell_row(j->x, r), *y = cell_row(j->y, r);
        double *out = j->out->data + r * j->out->ld;
        for (int64_t i = 0; i < j->out->cols; i++) out[i] = where_of(c[i * ci], x[i * xi], y[i * yi]);
    }
}

Matrix *kernel_where(KernelContext *k, const Matrix *c, const Matrix *x, const Matrix *y) {
    int64_t rows = broadcast(broadcast(c->rows, x->rows, IR_WHERE), y->rows, IR_WHERE);
    int64_t cols = broadcast(broadcast(c->cols, x->cols, IR_WHERE), y->cols, IR_WHERE);
    const Matrix *in[3] = {c, x, y};
    Matrix *made[3] = {0}, *out = NULL;
    bool all = true;
    for (int i = 0; i < 3 && all; i++) all = (in[i] = kernel_dense(k, in[i], &made[i])) != NULL;
    if (all && (out = kernel_new_dense(k, rows, cols))) {
        Job j = {.op = IR_WHERE, .c = in[0], .x = in[1], .y = in[2], .out = out};
        thread_run(kernel_parts(k, 4.0 * (double)rows * (double)cols), where_part, &j);
    }
    for (int i = 0; i < 3; i++) mat_free(made[i]);
    return out;
}

/* ---- at stored cells: they lie one behind the other, whatever rows they are of ---- */
enum { STORED_RUN = 256 }; /* cells at a time: their operands, side by side, stay in the first-level cache */
typedef struct StoredJob {
    IrOp op;
    int n;
    const Matrix *const *x;
    Matrix *out;
} StoredJob;

/* The operand's numbers at n stored cells from `at` on; *step 0: they are one number. */
static const double *stored_cells(const Matrix *x, int64_t at, int64_t n, const int32_t *cols, double *room,
                                  int *step) {
    *step = 1;
    if (mat_is_sparse(x)) {
        bool ones = x->kind == MAT_CODES || !x->values;
        for (int64_t i = 0; ones && i < n; i++) room[i] = 1;
        return ones ? room : x->values + at;
    }
    *step = x->cols != 1;
    for (int64_t i = 0; x->cols != 1 && i < n; i++) room[i] = x->data[cols[i]];
    return x->cols != 1 ? room : x->data;
}
static void stored_part(void *ctx, int part, int nparts) {
    const StoredJob *j = ctx;
    const Matrix *m = j->out;
    double room[3][STORED_RUN];
    const double *v[3];
    int step[3];
    int64_t begin, end;
    part_range(m->rowptr[m->rows], part, nparts, &begin, &end);
    for (int64_t at = begin, n; at < end; at += n) {
        n = end - at < STORED_RUN ? end - at : STORED_RUN;
        for (int i = 0; i < j->n; i++) v[i] = stored_cells(j->x[i], at, n, m->colidx + at, room[i], &step[i]);
        double *out = m->values + at;
        if (j->n == 2)
            binary_run(j->op, n, v[0], step[0], v[1], step[1], out);
        else if (j->n == 1)
            unary_run(j->op, n, v[0], out);
        else
            for (int64_t i = 0; i < n; i++) out[i] = where_of(v[0][i * step[0]], v[1][i * step[1]], v[2][i * step[2]]);
    }
}
/* x to the power 0 is one, whatever x is: no cell has a value of its own. */
static bool makes_ones(IrOp op, int n, const Matrix *const *x) {
    return op == IR_POW && n == 2 && !mat_is_sparse(x[1]) && x[1]->cols == 1 && x[1]->data[0] == 0;
}

Matrix *kernel_stored(KernelContext *k, IrOp op, int n, const Matrix *const *x) {
    const Matrix *like = NULL;
    for (int i = 0; i < n; i++) {
        if (mat_is_sparse(x[i])) {
            if (like && (x[i]->rows != like->rows || x[i]->cols != like->cols || mat_nnz(x[i]) != mat_nnz(like)))
                internal_error("%s: the stored cells of its operands are not the same", ir_ops[op].name);
            if (!like) like = x[i];
        } else if (x[i]->rows != 1)
            internal_error("%s at stored cells of a dense matrix", ir_ops[op].name);
    }
    if (!like) internal_error("%s at stored cells: no operand is sparse", ir_ops[op].name);
    bool ones = makes_ones(op, n, x);
    Matrix *out = csr_like(k, like, ones);
    if (!out || ones) return out;
    StoredJob j = {.op = op, .n = n, .x = x, .out = out};
    thread_run(kernel_parts(k, 4.0 * (double)mat_nnz(like)), stored_part, &j);
    return out;
}
