/* shim_blas.c: libcublas for tests without a GPU: the products as plain loops over columns, as the real one reads them.
 * What is not set (stream, workspace), does not lie in one allocation of the device, or is captured before a product of
 * its shape was made ends the program. */
#include "tests/cuda/shim.h"
#include <stdbool.h>
#include <stdlib.h>

struct cublasContext {
    CUstream stream;
    bool workspace;
};
typedef struct Product {
    bool ta, tb, half;
    int m, n, k, lda, ldb, ldc;
    double alpha, beta;
    const double *a, *b;
    double *c;
} Product;

cublasStatus_t cublasCreate_v2(cublasHandle_t *handle) {
    CALL(cublasCreate_v2);
    *handle = calloc(1, sizeof **handle);
    return 0;
}
cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
    CALL(cublasDestroy_v2);
    free(handle);
    return 0;
}
cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, CUstream stream) {
    CALL(cublasSetStream_v2);
    handle->stream = stream;
    handle->workspace = false; /* the real one takes its own again */
    return 0;
}
cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t handle, void *workspace, size_t bytes) {
    CALL(cublasSetWorkspace_v2);
    if ((size_t)workspace % 256) shim_fault("a workspace that is not aligned");
    shim_check_range((CUdeviceptr)workspace, bytes);
    handle->workspace = true;
    return 0;
}
static void multiply(const void *given) {
    const Product *p = given;
    for (int j = 0; j < p->n; j++)
        for (int i = 0; i < (p->half ? j + 1 : p->m); i++) {
            double s = 0;
            for (int l = 0; l < p->k; l++)
                s += p->a[p->ta ? (size_t)i * p->lda + l : (size_t)l * p->lda + i] *
                     p->b[p->tb ? (size_t)l * p->ldb + j : (size_t)j * p->ldb + l];
            double *c = &p->c[(size_t)j * p->ldc + i];
            *c = p->beta == 0 ? p->alpha * s : p->alpha * s + p->beta * *c;
        }
}
/* r x c, columns ld apart. */
static void check(const void *at, int r, int c, int ld) {
    if (r < 0 || c < 0 || ld < r || ld < 1) shim_fault("a matrix whose columns overlap");
    if (r && c) shim_check_range((CUdeviceptr)at, sizeof(double) * ((size_t)(c - 1) * (size_t)ld + (size_t)r));
}
/* The real one loads code for a shape when it is first asked for it. */
static void meet(const Product *p, bool captured) {
    enum { SHAPES = 4096 };
    static struct {
        bool ta, tb, half;
        int m, n, k;
    } met[SHAPES];
    static int nmet;
    for (int i = 0; i < nmet; i++)
        if (met[i].ta == p->ta && met[i].tb == p->tb && met[i].half == p->half && met[i].m == p->m &&
            met[i].n == p->n && met[i].k == p->k)
            return;
    if (captured) shim_fault("the first product of a shape is captured");
    if (nmet == SHAPES) return;
    met[nmet].ta = p->ta, met[nmet].tb = p->tb, met[nmet].half = p->half;
    met[nmet].m = p->m, met[nmet].n = p->n, met[nmet++].k = p->k;
}
static cublasStatus_t later(cublasHandle_t handle, const Product *p) {
    if (!handle->stream || !handle->workspace) shim_fault("a product without a stream and a workspace");
    check(p->a, p->ta ? p->k : p->m, p->ta ? p->m : p->k, p->lda);
    check(p->b, p->tb ? p->n : p->k, p->tb ? p->k : p->n, p->ldb);
    check(p->c, p->m, p->n, p->ldc);
    meet(p, shim_captures(handle->stream));
    return shim_add(handle->stream, multiply, p, sizeof *p);
}
cublasStatus_t cublasDgemm_v2(cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, int m, int n,
                              int k, const double *alpha, const double *a, int lda, const double *b, int ldb,
                              const double *beta, double *c, int ldc) {
    CALL(cublasDgemm_v2);
    return later(handle, &(Product){.ta = op_a == CUBLAS_OP_T,
                                    .tb = op_b == CUBLAS_OP_T,
                                    .m = m,
                                    .n = n,
                                    .k = k,
                                    .alpha = *alpha,
                                    .beta = *beta,
                                    .a = a,
                                    .lda = lda,
                                    .b = b,
                                    .ldb = ldb,
                                    .c = c,
                                    .ldc = ldc});
}
cublasStatus_t cublasDsyrk_v2(cublasHandle_t handle, cublasFillMode_t half, cublasOperation_t op_a, int n, int k,
                              const double *alpha, const double *a, int lda, const double *beta, double *c, int ldc) {
    CALL(cublasDsyrk_v2);
    if (half != CUBLAS_FILL_MODE_UPPER || op_a != CUBLAS_OP_N) shim_fault("a half that shim_blas.c does not know");
    return later(handle, &(Product){.tb = true,
                                    .half = true,
                                    .m = n,
                                    .n = n,
                                    .k = k,
                                    .alpha = *alpha,
                                    .beta = *beta,
                                    .a = a,
                                    .lda = lda,
                                    .b = a,
                                    .ldb = lda,
                                    .c = c,
                                    .ldc = ldc});
}
