/* matrix.h: the values that the interpreter, emitted code and models hold.
 *
 * A Matrix is rows x cols of doubles in one of three storages:
 *   MAT_DENSE  row-major, data[r * ld + c], ld >= cols
 *   MAT_CSR    rowptr[rows + 1], colidx[nnz] (ascending in a row, no duplicates), values[nnz] or NULL: all ones
 *   MAT_CODES  a one-hot block: row r is 1 in column codes[r], or all zero when codes[r] < 0
 * Sizes are int64; column numbers and codes int32 (a matrix with 2^31 columns or more is refused where it is made).
 * Ownership: a Matrix owns its arrays when `owned`; mat_free releases them. Booleans are 0/1.
 * Single precision: when `single`, every number is one that a float holds; mat_floats() makes the floats of a matrix
 * that owns its arrays. */
#ifndef AMAL_MATRIX_H
#define AMAL_MATRIX_H
#include "compiler/base.h"

typedef enum { MAT_DENSE, MAT_CSR, MAT_CODES } MatKind;
typedef struct Matrix {
    MatKind kind;
    int64_t rows, cols, ld;
    double *data;
    int64_t *rowptr;
    int32_t *colidx;
    double *values;
    int32_t *codes;
    bool owned;
    bool single;
    float *floats; /* the numbers of data, ld apart, or those of values; NULL: not made */
} Matrix;

Matrix *mat_new_dense(int64_t rows, int64_t cols); /* zeros; NULL: no memory */
Matrix *mat_new_csr(int64_t rows, int64_t cols, int64_t nnz, bool pattern);
Matrix *mat_new_codes(int64_t rows, int64_t cols);
Matrix *mat_wrap_dense(int64_t rows, int64_t cols, double *data); /* not owned */
Matrix *mat_copy(const Matrix *m);
Matrix *mat_to_dense(const Matrix *m); /* NULL: no memory */
void mat_free(Matrix *m);
double mat_get(const Matrix *m, int64_t r, int64_t c);
/* The numbers of a `single` matrix as floats: of a dense one, or those that a CSR one stores; made once. NULL: no
 * memory. */
const float *mat_floats(Matrix *m, int threads);
int64_t mat_nnz(const Matrix *m); /* stored cells: dense counts all */
size_t mat_bytes(const Matrix *m);
size_t mat_bytes_floats(const Matrix *m); /* the same, with the numbers of a `single` matrix as floats */
#endif
