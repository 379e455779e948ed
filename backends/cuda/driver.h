/* driver.h: the parts of the CUDA driver API, of NVRTC and of cuBLAS that amal calls, as tables of functions.
 *
 * The libraries are opened at run time (driver.c): amal is built without CUDA's headers and runs where none of them
 * is. What is declared here is checked against CUDA's own headers by tests/cuda/check_driver.c where those are
 * installed (it includes them first, which leaves out the types below). Tests fill the tables by libraries of their
 * own (tests/cuda/shim.c).
 *
 * Looked for in this order: $CUDA_HOME/lib64, /usr/local/cuda/lib64, the loader's path. A driver is never taken from a
 * toolkit's folder of stubs. */
#ifndef AMAL_CUDA_DRIVER_H
#define AMAL_CUDA_DRIVER_H
#include <stddef.h>

#ifndef CUDA_VERSION
typedef int CUresult;
typedef int CUdevice;
typedef int CUdevice_attribute;
typedef int CUstreamCaptureMode;
typedef unsigned long long CUdeviceptr;
typedef struct CUctx_st *CUcontext;
typedef struct CUmod_st *CUmodule;
typedef struct CUfunc_st *CUfunction;
typedef struct CUstream_st *CUstream;
typedef struct CUevent_st *CUevent;
typedef struct CUgraph_st *CUgraph;
typedef struct CUgraphExec_st *CUgraphExec;
enum {
    CUDA_SUCCESS = 0,
    CUDA_ERROR_OUT_OF_MEMORY = 2,
    CUDA_ERROR_NO_DEVICE = 100,
    CUDA_ERROR_SYSTEM_DRIVER_MISMATCH = 803,
    CU_STREAM_NON_BLOCKING = 1,
    CU_STREAM_CAPTURE_MODE_THREAD_LOCAL = 1,
    CU_EVENT_DEFAULT = 0,
    CU_EVENT_DISABLE_TIMING = 2,
    CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT = 16,
    CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR = 75,
    CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR = 76
};
typedef int nvrtcResult;
typedef struct _nvrtcProgram *nvrtcProgram;
enum { NVRTC_SUCCESS = 0, NVRTC_ERROR_COMPILATION = 6 };
typedef int cublasStatus_t;
typedef int cublasOperation_t;
typedef int cublasFillMode_t;
typedef struct cublasContext *cublasHandle_t;
enum {
    CUBLAS_STATUS_SUCCESS = 0,
    CUBLAS_STATUS_ALLOC_FAILED = 3,
    CUBLAS_OP_N = 0,
    CUBLAS_OP_T = 1,
    CUBLAS_FILL_MODE_UPPER = 1
};
#endif

/* X(name in the table, symbol of the library, parameters) */
#define CUDA_DRIVER_CALLS(X)                                                                                           \
    X(init, cuInit, (unsigned flags))                                                                                  \
    X(driver_version, cuDriverGetVersion, (int *version))                                                              \
    X(device_count, cuDeviceGetCount, (int *count))                                                                    \
    X(device_get, cuDeviceGet, (CUdevice * device, int ordinal))                                                       \
    X(device_name, cuDeviceGetName, (char *name, int size, CUdevice device))                                           \
    X(device_attribute, cuDeviceGetAttribute, (int *value, CUdevice_attribute which, CUdevice device))                 \
    X(device_memory, cuDeviceTotalMem_v2, (size_t * bytes, CUdevice device))                                           \
    X(context_retain, cuDevicePrimaryCtxRetain, (CUcontext * context, CUdevice device))                                \
    X(context_use, cuCtxSetCurrent, (CUcontext context))                                                               \
    X(module_load, cuModuleLoadData, (CUmodule * module, const void *image))                                           \
    X(module_unload, cuModuleUnload, (CUmodule module))                                                                \
    X(module_function, cuModuleGetFunction, (CUfunction * function, CUmodule module, const char *name))                \
    X(occupancy, cuOccupancyMaxActiveBlocksPerMultiprocessor,                                                          \
      (int *blocks, CUfunction function, int threads, size_t shared_bytes))                                            \
    X(launch, cuLaunchKernel,                                                                                          \
      (CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,     \
       unsigned block_z, unsigned shared_bytes, CUstream stream, void **parameters, void **extra))                     \
    X(memory_new, cuMemAlloc_v2, (CUdeviceptr * p, size_t bytes))                                                      \
    X(memory_free, cuMemFree_v2, (CUdeviceptr p))                                                                      \
    X(memory_info, cuMemGetInfo_v2, (size_t * free, size_t * total))                                                   \
    X(copy_in, cuMemcpyHtoDAsync_v2, (CUdeviceptr to, const void *from, size_t bytes, CUstream stream))                \
    X(copy_out, cuMemcpyDtoHAsync_v2, (void *to, CUdeviceptr from, size_t bytes, CUstream stream))                     \
    X(copy, cuMemcpyDtoDAsync_v2, (CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream))                   \
    X(fill, cuMemsetD8Async, (CUdeviceptr to, unsigned char byte, size_t bytes, CUstream stream))                      \
    X(pinned_new, cuMemAllocHost_v2, (void **p, size_t bytes))                                                         \
    X(pinned_free, cuMemFreeHost, (void *p))                                                                           \
    X(stream_new, cuStreamCreate, (CUstream * stream, unsigned flags))                                                 \
    X(stream_free, cuStreamDestroy_v2, (CUstream stream))                                                              \
    X(stream_wait, cuStreamSynchronize, (CUstream stream))                                                             \
    X(stream_after, cuStreamWaitEvent, (CUstream stream, CUevent event, unsigned flags))                               \
    X(event_new, cuEventCreate, (CUevent * event, unsigned flags))                                                     \
    X(event_free, cuEventDestroy_v2, (CUevent event))                                                                  \
    X(event_record, cuEventRecord, (CUevent event, CUstream stream))                                                   \
    X(event_wait, cuEventSynchronize, (CUevent event))                                                                 \
    X(event_ms, cuEventElapsedTime, (float *milliseconds, CUevent from, CUevent to))                                   \
    X(capture_begin, cuStreamBeginCapture_v2, (CUstream stream, CUstreamCaptureMode mode))                             \
    X(capture_end, cuStreamEndCapture, (CUstream stream, CUgraph * graph))                                             \
    X(graph_instantiate, cuGraphInstantiateWithFlags, (CUgraphExec * exec, CUgraph graph, unsigned long long flags))   \
    X(graph_launch, cuGraphLaunch, (CUgraphExec exec, CUstream stream))                                                \
    X(graph_exec_free, cuGraphExecDestroy, (CUgraphExec exec))                                                         \
    X(graph_free, cuGraphDestroy, (CUgraph graph))                                                                     \
    X(error_name, cuGetErrorName, (CUresult error, const char **name))                                                 \
    X(error_text, cuGetErrorString, (CUresult error, const char **text))

#define CUDA_NVRTC_CALLS(X)                                                                                            \
    X(version, nvrtcVersion, (int *major, int *minor))                                                                 \
    X(arch_count, nvrtcGetNumSupportedArchs, (int *count))                                                             \
    X(archs, nvrtcGetSupportedArchs, (int *archs))                                                                     \
    X(program_new, nvrtcCreateProgram,                                                                                 \
      (nvrtcProgram * program, const char *text, const char *name, int nheaders, const char *const *headers,           \
       const char *const *header_names))                                                                               \
    X(program_free, nvrtcDestroyProgram, (nvrtcProgram * program))                                                     \
    X(compile, nvrtcCompileProgram, (nvrtcProgram program, int noptions, const char *const *options))                  \
    X(ptx_size, nvrtcGetPTXSize, (nvrtcProgram program, size_t * bytes))                                               \
    X(ptx, nvrtcGetPTX, (nvrtcProgram program, char *ptx))                                                             \
    X(cubin_size, nvrtcGetCUBINSize, (nvrtcProgram program, size_t * bytes))                                           \
    X(cubin, nvrtcGetCUBIN, (nvrtcProgram program, char *cubin))                                                       \
    X(log_size, nvrtcGetProgramLogSize, (nvrtcProgram program, size_t * bytes))                                        \
    X(log, nvrtcGetProgramLog, (nvrtcProgram program, char *log))

#define CUDA_BLAS_CALLS(X)                                                                                             \
    X(handle_new, cublasCreate_v2, (cublasHandle_t * handle))                                                          \
    X(handle_free, cublasDestroy_v2, (cublasHandle_t handle))                                                          \
    X(set_stream, cublasSetStream_v2, (cublasHandle_t handle, CUstream stream))                                        \
    X(set_workspace, cublasSetWorkspace_v2, (cublasHandle_t handle, void *workspace, size_t bytes))                    \
    X(gemm, cublasDgemm_v2,                                                                                            \
      (cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, int m, int n, int k,                     \
       const double *alpha, const double *a, int lda, const double *b, int ldb, const double *beta, double *c,         \
       int ldc))                                                                                                       \
    X(syrk, cublasDsyrk_v2,                                                                                            \
      (cublasHandle_t handle, cublasFillMode_t half, cublasOperation_t op_a, int n, int k, const double *alpha,        \
       const double *a, int lda, const double *beta, double *c, int ldc))

typedef struct CudaDriver {
    void *handle;
#define X(name, symbol, parameters) CUresult(*name) parameters;
    CUDA_DRIVER_CALLS(X)
#undef X
} CudaDriver;
typedef struct CudaNvrtc {
    void *handle;
#define X(name, symbol, parameters) nvrtcResult(*name) parameters;
    CUDA_NVRTC_CALLS(X)
#undef X
} CudaNvrtc;
typedef struct CudaBlas {
    void *handle;
#define X(name, symbol, parameters) cublasStatus_t(*name) parameters;
    CUDA_BLAS_CALLS(X)
#undef X
} CudaBlas;

#ifndef CUDA_VERSION
#include <stdbool.h>
/* The opened library, the same at every call; NULL: *why says what is missing. */
const CudaDriver *cuda_driver(const char **why);
const CudaNvrtc *cuda_nvrtc(const char **why);
const CudaBlas *cuda_blas(const char **why);
/* Where it was found, for `amal doctor`. */
const char *cuda_driver_path(void), *cuda_nvrtc_path(void), *cuda_blas_path(void);
#endif
#endif
