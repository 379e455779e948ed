/* kernels_blas.c: OpenBLAS beside the pool of threads (contract: kernels_private.h).
 *
 * OpenBLAS starts threads of its own when it is loaded, and each of them looks for work for a tenth of a second before
 * it sleeps: on processors that the pool's threads want, for as long as many a training takes. A program that has
 * OpenBLAS to itself ends them; its products are shared out among the pool's threads, each of which calls OpenBLAS for
 * its part of the result, and LAPACK on a large matrix gets OpenBLAS's threads back for a call, during which nobody
 * else uses it. In a library they may be at work for its host: there OpenBLAS is used as it is. */
#include <cblas.h>
#include <pthread.h>
#include <stdatomic.h>

#include "backends/runtime/kernels_private.h"

void openblas_set_num_threads(int threads);            /* not in every cblas.h */
__attribute__((weak)) int blas_thread_shutdown_(void); /* where OpenBLAS has POSIX threads */

enum { LARGE = 400 /* rows of a matrix that LAPACK shares out */ };
static pthread_rwlock_t use = PTHREAD_RWLOCK_INITIALIZER; /* read: on one thread; written: OpenBLAS has threads */

static atomic_bool owned;

void kernel_blas_own(void) {
    atomic_store(&owned, true);
}
static void end_threads(void) {
    openblas_set_num_threads(1);
    if (blas_thread_shutdown_) blas_thread_shutdown_();
}
bool kernel_blas_rest(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (!atomic_load(&owned)) return false;
    pthread_once(&once, end_threads);
    return true;
}

bool kernel_lapack_begin(const KernelContext *k, int64_t n) {
    bool threads = kernel_blas_rest() && k->threads > 1 && n >= LARGE;
    if (threads)
        pthread_rwlock_wrlock(&use);
    else
        pthread_rwlock_rdlock(&use);
    if (threads) openblas_set_num_threads(k->threads);
    return threads;
}
void kernel_lapack_end(bool threads) {
    if (threads) end_threads();
    pthread_rwlock_unlock(&use);
}

/* ---- products ---- */
typedef struct BlasProduct {
    const Matrix *x, *y;
    bool ta, tb;
    int inner;
    Matrix *out;
} BlasProduct;
static int ld_of(const Matrix *m) {
    return m->ld > 1 ? (int)m->ld : 1;
}
/* Rows r .. r + rows of the result, in columns c .. c + cols. */
static void product_of(const BlasProduct *j, int64_t r, int64_t rows, int64_t c, int64_t cols) {
    const double *x = j->x->data + (j->ta ? r : r * j->x->ld), *y = j->y->data + (j->tb ? c * j->y->ld : c);
    if (rows > 0 && cols > 0)
        cblas_dgemm(CblasRowMajor, j->ta ? CblasTrans : CblasNoTrans, j->tb ? CblasTrans : CblasNoTrans, (int)rows,
                    (int)cols, j->inner, 1, x, ld_of(j->x), y, ld_of(j->y), 0, j->out->data + r * j->out->ld + c,
                    ld_of(j->out));
}
static void product_part(void *ctx, int part, int nparts) {
    const BlasProduct *j = ctx;
    bool tall = j->out->rows >= j->out->cols;
    int64_t begin, end;
    part_range(tall ? j->out->rows : j->out->cols, part, nparts, &begin, &end);
    if (tall)
        product_of(j, begin, end - begin, 0, j->out->cols);
    else
        product_of(j, 0, j->out->rows, begin, end - begin);
}
/* x' x: rows of the lower triangle, so many that parts are of equal area; what lies above the diagonal is copied. */
static void square_part(void *ctx, int part, int nparts) {
    const BlasProduct *j = ctx;
    double n = (double)j->out->rows;
    int64_t begin = (int64_t)(n * sqrt((double)part / nparts)), end = (int64_t)(n * sqrt((double)(part + 1) / nparts));
    if (part + 1 == nparts) end = j->out->rows;
    if (end <= begin) return;
    product_of(j, begin, end - begin, 0, begin);
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, (int)(end - begin), j->inner, 1, j->x->data + begin, ld_of(j->x),
                0, j->out->data + begin * j->out->ld + begin, ld_of(j->out));
}
void kernel_blas_product(const KernelContext *k, const Matrix *x, bool ta, const Matrix *y, bool tb, int64_t inner,
                         Matrix *out) {
    BlasProduct j = {x, y, ta, tb, (int)inner, out};
    bool square = x == y && ta && !tb;
    double work = (double)out->rows * (double)out->cols * (double)inner;
    int parts = kernel_blas_rest() ? kernel_parts(k, work) : 1;
    pthread_rwlock_rdlock(&use);
    thread_run(parts, square ? square_part : product_part, &j);
    pthread_rwlock_unlock(&use);
    for (int64_t r = 0; square && r < out->rows; r++)
        for (int64_t c = r + 1; c < out->cols; c++) out->data[r * out->ld + c] = out->data[c * out->ld + r];
}
