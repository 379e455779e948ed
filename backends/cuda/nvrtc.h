/* nvrtc.h: from CUDA text to code that a device loads, through NVRTC and a cache on disk. Private to backends/cuda.
 *
 * Key: the text, the options, the versions of NVRTC and of the driver. Cache: kernels/KEY.cubin of the cache folder
 * (cache_folder.h), sealed with the hash of its bytes, written under another name and renamed. Where the device is
 * newer than NVRTC the code is PTX, which the driver compiles. A built program carries code of its own
 * (BackendOptions.carried), which needs no NVRTC. */
#ifndef AMAL_CUDA_NVRTC_H
#define AMAL_CUDA_NVRTC_H
#include "backends/backend.h"

typedef struct CudaCode {
    const char *image;
    bool carried; /* the image is the program's */
    size_t size;
    bool cached;
    double seconds;
    char arch[24];
} CudaCode;
/* The architecture to compile for: of a device with this capability; major 0: no device, o->gpu_arch, else sm_80.
 * false: reported (E622 no NVRTC, E626 an architecture that it does not know). A built program's own code needs no
 * NVRTC: then it is the device's. */
bool cuda_choose_arch(Diags *ds, Span at, const BackendOptions *o, int major, int minor, char out[24]);
/* false: reported (E603, E622, E623, E628). */
bool cuda_compile(Diags *ds, const char *name, const char *text, const char *arch, int driver_version,
                  const BackendOptions *o, CudaCode *out);
/* Would cuda_compile find its code in the program, or in the cache? */
bool cuda_is_compiled(const char *text, const char *arch, int driver_version, const BackendOptions *o);
/* The same without the cache: out->seconds is what NVRTC takes. */
bool cuda_compile_anew(Diags *ds, const char *name, const char *text, const char *arch, CudaCode *out);
void cuda_code_free(CudaCode *c);
#endif
