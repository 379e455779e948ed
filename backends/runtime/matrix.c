/* matrix.c: storage of the three kinds of matrix (matrix.h); no arithmetic lives here.
 *
 * Shapes: rows and columns are non-negative and columns stay below 2^31, because CSR and one-hot blocks number them
 * with int32; a constructor asked for anything else returns NULL, as it does without memory.
 * Ownership: a constructed Matrix owns its arrays; mat_wrap_dense() borrows. mat_free(NULL) is allowed. */
#include "backends/runtime/kernels.h"

static Matrix *matrix_new(MatKind kind, int64_t rows, int64_t cols) {
    if (rows < 0 || cols < 0 || cols > INT32_MAX) return NULL;
    Matrix *m = mem_try(1, sizeof *m);
    if (!m) return NULL;
    m->kind = kind;
    m->rows = rows;
    m->cols = cols;
    m->ld = cols;
    m->owned = true;
    return m;
}

/* rows * cols, or -1 when it does not fit: a product that wraps would allocate too little. */
static int64_t matrix_cells(int64_t rows, int64_t cols) {
    int64_t n;
    return __builtin_mul_overflow(rows, cols, &n) ? -1 : n;
}

/* mem_try() of an empty array may be NULL or not; one element keeps "no data" and "no memory" apart. */
static void *matrix_array(int64_t count, size_t size) {
    return mem_try((size_t)(count > 0 ? count : 1), size);
}

Matrix *mat_new_dense(int64_t rows, int64_t cols) {
    Matrix *m = matrix_new(MAT_DENSE, rows, cols);
    if (!m) return NULL;
    int64_t n = matrix_cells(rows, cols);
    if (n < 0 || !(m->data = matrix_array(n, sizeof(double)))) {
        mem_free(m);
        return NULL;
    }
    return m;
}

Matrix *mat_new_csr(int64_t rows, int64_t cols, int64_t nnz, bool pattern) {
    if (nnz < 0 || rows == INT64_MAX) return NULL;
    Matrix *m = matrix_new(MAT_CSR, rows, cols);
    if (!m) return NULL;
    m->rowptr = matrix_array(rows + 1, sizeof(int64_t));
    m->colidx = matrix_array(nnz, sizeof(int32_t));
    if (!pattern) m->values = matrix_array(nnz, sizeof(double));
    if (!m->rowptr || !m->colidx || (!pattern && !m->values)) {
        mat_free(m);
        return NULL;
    }
    return m;
}

Matrix *mat_new_codes(int64_t rows, int64_t cols) {
    Matrix *m = matrix_new(MAT_CODES, rows, cols);
    if (!m) return NULL;
    m->codes = matrix_array(rows, sizeof(int32_t));
    if (!m->codes) {
        mem_free(m);
        return NULL;
    }
    return m;
}

Matrix *mat_wrap_dense(int64_t rows, int64_t cols, double *data) {
    Matrix *m = matrix_new(MAT_DENSE, rows, cols);
    if (!m) return NULL;
    m->data = data;
    m->owned = false;
    return m;
}

static void matrix_copy_rows(Matrix *to, const Matrix *from) {
    if (to->ld == from->ld) {
        if (from->rows && from->cols) memcpy(to->data, from->data, (size_t)(from->rows * from->ld) * sizeof(double));
        return;
    }
    for (int64_t r = 0; r < from->rows; r++)
        memcpy(to->data + r * to->ld, from->data + r * from->ld, (size_t)from->cols * sizeof(double));
}

Matrix *mat_copy(const Matrix *m) {
    Matrix *c = NULL;
    switch (m->kind) {
    case MAT_DENSE:
        c = mat_new_dense(m->rows, m->cols);
        if (c) matrix_copy_rows(c, m);
        return c;
    case MAT_CSR: {
        int64_t nnz = mat_nnz(m);
        c = mat_new_csr(m->rows, m->cols, nnz, m->values == NULL);
        if (!c) return NULL;
        memcpy(c->rowptr, m->rowptr, (size_t)(m->rows + 1) * sizeof(int64_t));
        if (nnz) memcpy(c->colidx, m->colidx, (size_t)nnz * sizeof(int32_t));
        if (nnz && m->values) memcpy(c->values, m->values, (size_t)nnz * sizeof(double));
        return c;
    }
    case MAT_CODES:
        c = mat_new_codes(m->rows, m->cols);
        if (c && m->rows) memcpy(c->codes, m->codes, (size_t)m->rows * sizeof(int32_t));
        return c;
    }
    return NULL;
}

Matrix *mat_to_dense(const Matrix *m) {
    if (m->kind == MAT_DENSE) return mat_copy(m);
    Matrix *d = mat_new_dense(m->rows, m->cols);
    if (!d) return NULL;
    if (m->kind == MAT_CODES) {
        for (int64_t r = 0; r < m->rows; r++)
            if (m->codes[r] >= 0) d->data[r * d->ld + m->codes[r]] = 1;
        return d;
    }
    for (int64_t r = 0; r < m->rows; r++)
        for (int64_t k = m->rowptr[r]; k < m->rowptr[r + 1]; k++)
            d->data[r * d->ld + m->colidx[k]] = m->values ? m->values[k] : 1;
    return d;
}

typedef struct Floats {
    const double *from;
    int64_t count;
    float *to;
} Floats;
static void make_floats(void *ctx, int part, int nparts) {
    const Floats *z = ctx;
    int64_t end = z->count * (part + 1) / nparts;
    for (int64_t i = z->count * part / nparts; i < end; i++) z->to[i] = (float)z->from[i];
}
const float *mat_floats(Matrix *m, int threads) {
    AMAL_CHECK((m->kind == MAT_DENSE || (m->kind == MAT_CSR && m->values)) && m->single && m->owned);
    if (m->floats) return m->floats;
    int64_t n = m->kind == MAT_DENSE ? matrix_cells(m->rows, m->ld) : m->rowptr[m->rows];
    float *to = n < 0 ? NULL : matrix_array(n, sizeof *to);
    Floats z = {m->kind == MAT_DENSE ? m->data : m->values, n, to};
    if (to) thread_run(threads > 0 ? threads : 1, make_floats, &z);
    return m->floats = to;
}

void mat_free(Matrix *m) {
    if (!m) return;
    if (m->owned) {
        mem_free(m->data);
        mem_free(m->rowptr);
        mem_free(m->colidx);
        mem_free(m->values);
        mem_free(m->codes);
        mem_free(m->floats);
    }
    mem_free(m);
}

double mat_get(const Matrix *m, int64_t r, int64_t c) {
    switch (m->kind) {
    case MAT_DENSE: return m->data[r * m->ld + c];
    case MAT_CODES: return m->codes[r] == c ? 1 : 0;
    case MAT_CSR: break;
    }
    int64_t lo = m->rowptr[r], hi = m->rowptr[r + 1];
    while (lo < hi) { /* column numbers ascend in a row */
        int64_t mid = lo + (hi - lo) / 2;
        if (m->colidx[mid] == c) return m->values ? m->values[mid] : 1;
        if (m->colidx[mid] < c)
            lo = mid + 1;
        else
            hi = mid;
    }
    return 0;
}

int64_t mat_nnz(const Matrix *m) {
    switch (m->kind) {
    case MAT_DENSE: return m->rows * m->cols;
    case MAT_CSR: return m->rowptr[m->rows];
    case MAT_CODES: break;
    }
    int64_t n = 0;
    for (int64_t r = 0; r < m->rows; r++) n += m->codes[r] >= 0;
    return n;
}

size_t mat_bytes(const Matrix *m) {
    size_t rows = (size_t)m->rows, total = sizeof *m;
    switch (m->kind) {
    case MAT_DENSE: return total + rows * (size_t)m->ld * sizeof(double);
    case MAT_CODES: return total + rows * sizeof(int32_t);
    case MAT_CSR: break;
    }
    size_t nnz = (size_t)mat_nnz(m);
    return total + (rows + 1) * sizeof(int64_t) + nnz * (sizeof(int32_t) + (m->values ? sizeof(double) : 0));
}
size_t mat_bytes_floats(const Matrix *m) {
    if (!m->single || m->kind == MAT_CODES || (m->kind == MAT_CSR && !m->values)) return mat_bytes(m);
    size_t numbers = m->kind == MAT_DENSE ? (size_t)(m->rows * m->ld) : (size_t)mat_nnz(m);
    return mat_bytes(m) - (sizeof(double) - sizeof(float)) * numbers;
}
