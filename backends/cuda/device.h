/* device.h: the GPU of this process: opened once, its errors as diagnostics, and the arrays of sources that stay in its
 * memory from one model to the next. Private to backends/cuda.
 *
 * Arrays are known by the address of what they are made of on the host; integration_free tells when that ends. */
#ifndef AMAL_CUDA_DEVICE_H
#define AMAL_CUDA_DEVICE_H
#include "backends/backend.h"
#include "backends/cuda/driver.h"

typedef struct CudaDevice {
    const CudaDriver *api;
    CUdevice number;
    CUcontext context;
    CUstream stream, copies; /* kernels; pieces of streamed arrays */
    char name[96];
    int multiprocessors, major, minor, driver_version;
    size_t memory;
} CudaDevice;
/* The device: the one that $AMAL_GPU names, else the one with most multiprocessors. NULL: reported, E620 (no driver) or
 * E621 (no GPU that can be used). */
const CudaDevice *cuda_device(Diags *ds, Span at);
/* The same device described, without taking hold of it, which is much faster; NULL: *why says what is missing. */
const CudaDevice *cuda_device_found(const char **why);
bool cuda_device_is_open(void); /* cuda_device() has been called: taking hold of it costs nothing more */
/* What is missing for a run on a GPU, in words for `amal doctor`; NULL: nothing. `detail`: what was found. */
const char *cuda_device_missing(char *detail, size_t size);
/* true: fine. Otherwise reported at `at`: E624 (no memory: `bytes` were wanted, where known) or E625. */
bool cuda_ok(const CudaDevice *d, CUresult r, Diags *ds, Span at, const char *doing, double bytes);

typedef struct CudaResident CudaResident;
/* Kinds tell apart what is made of one host address. */
CudaResident *cuda_resident_find(int kind, const void *made_of);
/* A new array of `bytes`, filled from `host` (which may be freed afterwards; NULL: not filled). NULL: reported. */
CudaResident *cuda_resident_new(const CudaDevice *d, Diags *ds, int kind, const void *made_of, const Integration *owner,
                                const void *host, size_t bytes);
/* Is something there that was made of it, of whatever kind? */
bool cuda_holds(const void *made_of);
/* +1, -1: one that nothing can find again goes with its last user. */
void cuda_resident_use(const CudaDevice *d, CudaResident *r, int by);
/* One that was not filled after all: it goes now. */
void cuda_resident_lose(const CudaDevice *d, CudaResident *r);
/* Four numbers that its maker keeps with it. */
int64_t *cuda_resident_numbers(CudaResident *r);
CUdeviceptr cuda_resident_at(const CudaResident *r);
size_t cuda_residents_free_unused(const CudaDevice *d); /* bytes */
/* Memory of the device; arrays that nobody uses now give way to it. false: reported (E624). */
bool cuda_memory(const CudaDevice *d, CUdeviceptr *to, size_t bytes, Diags *ds, Span at, const char *purpose);
/* What was made of this integration cannot be found any more (integration_free says so by itself). */
void cuda_forget(const Integration *in);
/* Numbers for reports and tests. */
int64_t cuda_uploads(void);

/* For kernels that do n things, each by whatever thread comes to it: `for (EACH(i, n))`. */
#define CUDA_EACH                                                                                                      \
    "typedef long long int64;\n"                                                                                       \
    "#define EACH(q, n) int64 q = (int64)blockIdx.x * blockDim.x + threadIdx.x; q < n; q += (int64)gridDim.x * "       \
    "blockDim.x\n"
CUresult cuda_launch_each(const CudaDevice *d, CUfunction f, int64_t n, void **arguments);
#endif
