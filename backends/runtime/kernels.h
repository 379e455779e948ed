/* kernels.h: the operators on whole matrices, used by the interpreter and, for what is not fused, by emitted code.
 *
 * Every kernel makes a new dense matrix (unless said) and returns NULL with k->error set when it cannot: no memory,
 * singular matrix, index out of range. Operands may be dense, CSR or codes: those that keep sparse operands sparse
 * (flag Z of ops.def) return CSR (codes stay codes where the value is 1); the others make the operand dense and count
 * its bytes in k->densified. Threads: k->threads; results do not depend on the count except by the order of summation,
 * which is fixed per count. */
#ifndef AMAL_KERNELS_H
#define AMAL_KERNELS_H
#include "backends/runtime/integration.h"
#include "ir/ir.h"

typedef struct KernelContext {
    int threads;
    char error[256];
    const char *code; /* E402 no memory, E404 singular, E406 index out of range, E407 not a finite number, E408 not
                         symmetric or empty */
    const char *help; /* the remedy; NULL: none */
    int64_t densified;
} KernelContext;

/* Runs fn(ctx, part, nparts) for part = 0..nparts-1 on the pool of threads and waits. Nested calls run serially. */
void thread_run(int nparts, void (*fn)(void *ctx, int part, int nparts), void *ctx);
int thread_default_count(void); /* what thread_set_count() asked for, else the processors this process may use */
void kernel_blas_own(
    void); /* for the main() of a program: nobody else uses OpenBLAS in this process (kernels_blas.c) */
void thread_set_count(int threads); /* --threads; 0: back to the processors */

/* For callers' own allocations: sets E402 with the bytes wanted for `what`; returns NULL. */
void *kernel_no_memory(KernelContext *k, double bytes, const char *what);
Matrix *kernel_zeros(KernelContext *k, int64_t rows, int64_t cols);
Matrix *kernel_unary(KernelContext *k, IrOp op, const Matrix *x);
Matrix *kernel_binary(KernelContext *k, IrOp op, const Matrix *x, const Matrix *y);
Matrix *kernel_where(KernelContext *k, const Matrix *c, const Matrix *x, const Matrix *y);
/* An operator that works cell by cell at the stored cells of its sparse operands, which are those of one matrix; the
 * others are rows and numbers. CSR. */
Matrix *kernel_stored(KernelContext *k, IrOp op, int n, const Matrix *const *x);
Matrix *kernel_matmul(KernelContext *k, const Matrix *x, bool ta, const Matrix *y,
                      bool tb); /* any storages on both sides */
Matrix *kernel_transpose(KernelContext *k, const Matrix *x);
Matrix *kernel_reduce(
    KernelContext *k, IrOp op,
    const Matrix *x); /* SUM ROWSUMS COLSUMS MINALL MAXALL ROWMIN ROWMAX COLMIN COLMAX ROWARGMIN ROWARGMAX RANK */
/* The least (or the greatest) of the cells that each column of a sparse x stores in rows where `rows` (one column) is
 * not 0: 1 x cols; infinite where there are none. */
Matrix *kernel_extreme(KernelContext *k, const Matrix *x, const Matrix *rows, bool least);
Matrix *kernel_cbind(KernelContext *k, int n, const Matrix *const *x);
Matrix *kernel_rbind(KernelContext *k, int n, const Matrix *const *x);
Matrix *kernel_slice_rows(KernelContext *k, const Matrix *x, int64_t i0, int64_t i1);
Matrix *kernel_slice_cols(KernelContext *k, const Matrix *x, int64_t i0, int64_t i1); /* keeps storage */
Matrix *kernel_take_rows(KernelContext *k, const Matrix *x, const Matrix *index);
Matrix *kernel_take_cols(KernelContext *k, const Matrix *x, const Matrix *index);
Matrix *kernel_diag(KernelContext *k, const Matrix *x);
Matrix *kernel_eye(KernelContext *k, int64_t n);
/* order[i]: the number, from 0, that row i counts by; NULL: i. */
Matrix *kernel_iota(KernelContext *k, int64_t n, const int32_t *order);
Matrix *kernel_rand(KernelContext *k, IrOp op, int64_t rows, int64_t cols, double seed, const int32_t *order);
Matrix *kernel_onehot(KernelContext *k, const Matrix *x, int64_t width); /* returns codes storage */
Matrix *kernel_solve(KernelContext *k, const Matrix *a, const Matrix *b);
Matrix *kernel_cholesky(KernelContext *k, const Matrix *a);
Matrix *kernel_eigen(KernelContext *k, const Matrix *a, bool vectors);
Matrix *kernel_gather(KernelContext *k, const Matrix *x, const Indicator *ind, double absent);
Matrix *kernel_scatter(KernelContext *k, const Matrix *x, const Indicator *ind, int64_t space_rows);
Matrix *kernel_count(KernelContext *k, const Indicator *ind, int64_t space_rows);
Matrix *kernel_pick(KernelContext *k, const Matrix *x, const IntBlock *b);
Matrix *kernel_pick_cols(KernelContext *k, const Matrix *x, const IntBlock *b);
Matrix *kernel_place(KernelContext *k, int n, const Matrix *const *x, const IntBlock *const *b, int64_t d);
Matrix *kernel_place_cols(KernelContext *k, int n, const Matrix *const *x, const IntBlock *const *b, int64_t d,
                          int how);
Matrix *kernel_expand(KernelContext *k, const Integration *t, int n, const Matrix *const *x, const int *blocks);
Matrix *kernel_t_rows(KernelContext *k, const Integration *t, const Matrix *index, int n, const Matrix *const *x,
                      const int *blocks);
/* x' diag(w) y, x over block a's space, y over block b's; w: n x 1 over the target's rows, or NULL. Chooses between
 * counting co-occurrences and scattering the narrower side's rows. */
Matrix *kernel_cross(KernelContext *k, const Integration *t, int block_a, const Matrix *x, int block_b, const Matrix *y,
                     const Matrix *w);
#endif
