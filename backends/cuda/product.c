/* product.c: products that cuBLAS makes (which ones: emit_product.c), with the kernel of their pass.
 *
 * cuBLAS reads columns where amal has rows: a matrix of r x c, row after row, is its own transpose of c x r to it, so
 * that X' Y becomes, transposed, Y~ X~' of the matrices as cuBLAS sees them, and X W becomes W~ X~. Nothing is moved.
 *
 * One handle works on the one stream of the device, with a workspace that is its own and of one size: then the same
 * product gives the same bits in every run on the same GPU, and what it does can be captured in a graph. Atomics are
 * off, as a new handle has them; arithmetic is that of doubles. The first iteration of a loop is not captured
 * (launch.c), since cuBLAS loads code when it meets a shape for the first time. */
#include "backends/cuda/run.h"

enum { WORKSPACE_MOST = 32 << 20 };
static struct {
    cublasHandle_t handle;
    const CudaBlas *api;
} blas;

static bool reported(Diags *ds, Span at, cublasStatus_t status, const char *doing) {
    if (status == CUBLAS_STATUS_SUCCESS) return true;
    if (status == CUBLAS_STATUS_ALLOC_FAILED)
        diag_help(diag_error(ds, "E624", at, "the GPU has no memory left for cuBLAS, while %s", doing),
                  "end other programs that use the GPU, give the script less data, or run with --backend c");
    else
        diag_help(diag_error(ds, "E625", at, "cuBLAS failed while %s: status %d", doing, (int)status),
                  "the other backends are not touched by it: --backend c; `nvidia-smi` and the system's log say more "
                  "of the device");
    return false;
}
bool product_open(const CudaDevice *d, Diags *ds) {
    if (blas.handle) return true;
    const char *why;
    blas.api = cuda_blas(&why);
    if (!blas.api) internal_error("products for a cuBLAS that is not there: %s", why);
    size_t bytes = d->memory / 64 < WORKSPACE_MOST ? d->memory / 64 / 256 * 256 : WORKSPACE_MOST;
    CUdeviceptr workspace = 0;
    cublasHandle_t handle = NULL;
    if (!cuda_memory(d, &workspace, bytes, ds, (Span){0}, "cuBLAS")) return false;
    bool ok = reported(ds, (Span){0}, blas.api->handle_new(&handle), "starting") &&
              reported(ds, (Span){0}, blas.api->set_stream(handle, d->stream), "taking its stream") &&
              reported(ds, (Span){0}, blas.api->set_workspace(handle, (void *)workspace, bytes), "taking its memory");
    if (ok) {
        blas.handle = handle; /* for as long as the device: the process */
        return true;
    }
    if (handle) blas.api->handle_free(handle);
    d->api->memory_free(workspace);
    return false;
}
static const double *at_row(const Job *j, const CudaOperand *o, int64_t row, int64_t first, const JobPiece *piece) {
    return (const double *)(job_array(j, o->kind, o->index, first, piece) +
                            sizeof(double) * (CUdeviceptr)(row * o->ld));
}
static bool done(Job *j, const IrNode *n, cublasStatus_t status) {
    if (reported(j->rc->diags, n->span, status, "running this product")) return true;
    j->failed = true;
    if (!j->capturing) j->d->api->stream_wait(j->d->stream);
    return false;
}
static bool multiply(Job *j, const CudaProduct *p, int64_t first, int64_t last, int fresh, const JobPiece *piece) {
    static const double zero = 0, one = 1;
    const IrNode *n = p->node;
    int rows = (int)(last - first), width = (int)n->cols, inner = (int)n->args[0]->cols;
    int ldx = (int)p->x.ld, ldy = (int)p->y.ld, ld = (int)p->to.ld;
    if (!rows) {
        CUdeviceptr to = job_array(j, p->to.kind, p->to.index, first, piece);
        return !p->adds || !fresh ||
               job_ok(j, j->d->api->fill(to, 0, sizeof(double) * (size_t)(n->rows * n->cols), j->d->stream), n,
                      "clearing memory");
    }
    const double *x = at_row(j, &p->x, first, first, piece), *more = fresh ? &zero : &one;
    const double *y = at_row(j, &p->y, p->adds ? first : 0, first, piece);
    double *to = (double *)at_row(j, &p->to, p->adds ? 0 : first, first, piece);
    j->last = n;
    cublasStatus_t status;
    if (p->half)
        status =
            blas.api->syrk(blas.handle, CUBLAS_FILL_MODE_UPPER, CUBLAS_OP_N, width, rows, &one, x, ldx, more, to, ld);
    else if (p->adds)
        status = blas.api->gemm(blas.handle, CUBLAS_OP_N, CUBLAS_OP_T, width, inner, rows, &one, y, ldy, x, ldx, more,
                                to, ld);
    else
        status = blas.api->gemm(blas.handle, n->tb ? CUBLAS_OP_T : CUBLAS_OP_N, CUBLAS_OP_N, width, rows, inner, &one,
                                y, ldy, x, ldx, &zero, to, ld);
    return done(j, n, status);
}
bool job_product(Job *j, const CudaProduct *p) {
    static const double zero = 0, one = 1;
    const IrNode *n = p->node, *x = n->args[0];
    int64_t inner = n->ta ? x->rows : x->cols;
    double *to = (double *)at_row(j, &p->to, 0, 0, NULL);
    j->last = n;
    return done(j, n,
                blas.api->gemm(blas.handle, n->tb ? CUBLAS_OP_T : CUBLAS_OP_N, n->ta ? CUBLAS_OP_T : CUBLAS_OP_N,
                               (int)n->cols, (int)n->rows, (int)inner, &one, at_row(j, &p->y, 0, 0, NULL), (int)p->y.ld,
                               at_row(j, &p->x, 0, 0, NULL), (int)p->x.ld, &zero, to, (int)p->to.ld));
}
static bool multiply_all(Job *j, const CudaKernel *k, bool before, int64_t first, int64_t last, int fresh,
                         const JobPiece *piece) {
    for (int i = 0; i < k->products.len; i++)
        if (k->products.data[i].before == before && !multiply(j, &k->products.data[i], first, last, fresh, piece))
            return false;
    return true;
}
bool job_pass(Job *j, int kernel, int64_t first, int64_t last, int fresh, const JobPiece *piece) {
    const CudaKernel *k = j->x->program->kernels.data[kernel];
    if (!k->products.len) return job_launch(j, kernel, first, last, fresh, piece);
    int64_t at = first, end;
    do {
        end = k->panel && last - at > k->panel ? at + k->panel : last;
        if (!multiply_all(j, k, true, at, end, fresh, piece) ||
            (!k->idle && !job_launch(j, kernel, at, end, fresh, piece)) ||
            !multiply_all(j, k, false, at, end, fresh, piece))
            return false;
        fresh = 0;
        at = end;
    } while (at < last);
    return true;
}
