/* check_driver.c: what backends/cuda/driver.h declares against CUDA's own headers: names, parameters and numbers. Only
 * compiled (cc -fsyntax-only -I$CUDA_HOME/include), and only where those headers are. */
#include <cublas_v2.h>
#include <cuda.h>
#include <nvrtc.h>

#undef cuDeviceTotalMem_v2
#include "backends/cuda/driver.h"

_Static_assert(CUDA_ERROR_OUT_OF_MEMORY == 2 && CUDA_ERROR_NO_DEVICE == 100 && CUDA_ERROR_SYSTEM_DRIVER_MISMATCH == 803,
               "results");
_Static_assert(CU_STREAM_NON_BLOCKING == 1 && CU_STREAM_CAPTURE_MODE_THREAD_LOCAL == 1 && CU_EVENT_DEFAULT == 0 &&
                   CU_EVENT_DISABLE_TIMING == 2,
               "flags");
_Static_assert(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT == 16 && CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR == 75 &&
                   CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR == 76,
               "attributes");
_Static_assert(CUBLAS_STATUS_SUCCESS == 0 && CUBLAS_STATUS_ALLOC_FAILED == 3 && CUBLAS_OP_N == 0 && CUBLAS_OP_T == 1 &&
                   CUBLAS_FILL_MODE_UPPER == 1,
               "numbers of cuBLAS");
_Static_assert(NVRTC_SUCCESS == 0 && NVRTC_ERROR_COMPILATION == 6, "results of NVRTC");

const CudaDriver driver = {0,
#define X(name, symbol, parameters) symbol,
                           CUDA_DRIVER_CALLS(X)
#undef X
};
const CudaNvrtc nvrtc = {0,
#define X(name, symbol, parameters) symbol,
                         CUDA_NVRTC_CALLS(X)
#undef X
};
const CudaBlas blas = {0,
#define X(name, symbol, parameters) symbol,
                       CUDA_BLAS_CALLS(X)
#undef X
};
