/* kernels_common.c: failing with a code and a remedy, new results, dense copies, splitting work (kernels_private.h).
 *
 * Memory: a large result is refused when it is bigger than what the machine has available, before it is touched: on
 * Linux an allocation that cannot be backed succeeds and the process is killed later, which would leave the user
 * without the numbers. */
#include "backends/runtime/kernels_private.h"
#include "compiler/machine.h"

int64_t kernel_parallel_work = 32768;

void *kernel_fail(KernelContext *k, const char *code, const char *help, const char *fmt, ...) {
    k->code = code;
    k->help = help;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(k->error, sizeof k->error, fmt, ap);
    va_end(ap);
    return NULL;
}

static void format_bytes(char *out, size_t size, double bytes) {
    static const char *const units[] = {"bytes", "KB", "MB", "GB", "TB", "PB"};
    int u = 0;
    while (bytes >= 1000 && u < 5) bytes /= 1000, u++;
    snprintf(out, size, u ? "%.1f %s" : "%.0f %s", bytes, units[u]);
}

void *kernel_no_memory(KernelContext *k, double bytes, const char *what) {
    char text[32];
    format_bytes(text, sizeof text, bytes);
    return kernel_fail(k, "E402", "train factorized, use fewer columns or rows, or run where there is more memory",
                       "no memory: %s are wanted for %s", text, what);
}

Matrix *kernel_new_dense(KernelContext *k, int64_t rows, int64_t cols) {
    double bytes = (double)rows * (double)cols * sizeof(double);
    Matrix *m = machine_has_memory(bytes) ? mat_new_dense(rows, cols) : NULL;
    if (m) return m;
    char what[96];
    snprintf(what, sizeof what, "a dense matrix of %lld x %lld", (long long)rows, (long long)cols);
    return kernel_no_memory(k, bytes, what);
}

Matrix *kernel_new_csr(KernelContext *k, int64_t rows, int64_t cols, int64_t nnz, bool pattern) {
    double bytes = (double)rows * sizeof(int64_t) + (double)nnz * (sizeof(int32_t) + (pattern ? 0 : sizeof(double)));
    Matrix *m = machine_has_memory(bytes) ? mat_new_csr(rows, cols, nnz, pattern) : NULL;
    if (m) return m;
    char what[128];
    snprintf(what, sizeof what, "a sparse matrix of %lld x %lld with %lld non-zeros", (long long)rows, (long long)cols,
             (long long)nnz);
    return kernel_no_memory(k, bytes, what);
}

Matrix *kernel_new_codes(KernelContext *k, int64_t rows, int64_t cols) {
    Matrix *m = mat_new_codes(rows, cols);
    return m ? m : kernel_no_memory(k, (double)rows * sizeof(int32_t), "the codes of a one-hot matrix");
}

void *kernel_scratch(KernelContext *k, int64_t count, size_t size) {
    double bytes = (double)count * (double)size;
    void *p = machine_has_memory(bytes) ? mem_try((size_t)(count > 0 ? count : 1), size) : NULL;
    return p ? p : kernel_no_memory(k, bytes, "intermediate results");
}

const Matrix *kernel_dense(KernelContext *k, const Matrix *x, Matrix **made) {
    *made = NULL;
    if (!mat_is_sparse(x)) return x;
    double bytes = (double)x->rows * (double)x->cols * sizeof(double);
    Matrix *d = machine_has_memory(bytes) ? mat_to_dense(x) : NULL;
    if (!d) {
        char what[96];
        snprintf(what, sizeof what, "a dense copy of a sparse matrix of %lld x %lld", (long long)x->rows,
                 (long long)x->cols);
        return kernel_no_memory(k, bytes, what);
    }
    k->densified += (int64_t)bytes;
    return *made = d;
}

int kernel_parts(const KernelContext *k, double work) {
    if (k->threads <= 1 || work < (double)kernel_parallel_work) return 1;
    return k->threads < 256 ? k->threads : 256;
}

/* 32 M doubles (256 MB) of accumulators over all parts is the most that pays. */
int kernel_parts_private(const KernelContext *k, double work, int64_t cells) {
    int parts = kernel_parts(k, work);
    const int64_t most = (int64_t)1 << 25;
    if (cells > 0 && parts > 1 && (int64_t)parts > most / cells) parts = most / cells > 1 ? (int)(most / cells) : 1;
    return parts;
}
