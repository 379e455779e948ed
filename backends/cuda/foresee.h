/* foresee.h: what the code of a function would be on a GPU, without compiling it: for the choice between CPU and GPU.
 */
#ifndef AMAL_CUDA_FORESEE_H
#define AMAL_CUDA_FORESEE_H
#include "backends/backend.h"

typedef struct CudaForesight {
    const char *refused; /* why there can be no code; NULL: there can. In the function's arena */
    bool compiled;       /* the cache has it */
    size_t text_bytes;   /* what NVRTC would read */
} CudaForesight;
/* f is optimized, and may be on phantom data. The device need not be there, nor NVRTC. */
CudaForesight cuda_foresee(IrFunc *f, const BackendOptions *o);
#endif
