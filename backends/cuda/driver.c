/* driver.c: opens libcuda, libnvrtc and libcublas (contract: driver.h). */
#include "backends/cuda/driver.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static char driver_path[1024], nvrtc_path[1024], blas_path[1024];

static void *open_in(const char *folder, const char *name, char *path, size_t size) {
    if (folder)
        snprintf(path, size, "%s/lib64/%s", folder, name);
    else
        snprintf(path, size, "%s", name);
    return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}
static void *open_library(const char *const *names, char *path, size_t size) {
    const char *home = getenv("CUDA_HOME");
    const char *const folders[] = {home && *home ? home : "/usr/local/cuda", "/usr/local/cuda", NULL};
    for (int f = 0; f < 3; f++)
        for (const char *const *name = names; *name; name++) {
            void *h = open_in(folders[f], *name, path, size);
            if (h) return h;
        }
    path[0] = 0;
    return NULL;
}

const CudaDriver *cuda_driver(const char **why) {
    static const char *const names[] = {"libcuda.so.1", "libcuda.so", NULL};
    static CudaDriver d;
    static char text[256];
    if (!d.handle && !text[0]) {
        void *h = open_library(names, driver_path, sizeof driver_path);
        if (!h) snprintf(text, sizeof text, "there is no NVIDIA driver on this machine: libcuda.so.1 was not found");
#define X(name, symbol, parameters)                                                                                    \
    if (h && !(*(void **)&d.name = dlsym(h, #symbol)) && !text[0])                                                     \
        snprintf(text, sizeof text,                                                                                    \
                 "the NVIDIA driver is too old: it has no " #symbol " (CUDA 12.1 or later is wanted)");
        CUDA_DRIVER_CALLS(X)
#undef X
        if (h && !text[0]) d.handle = h;
    }
    if (d.handle) return &d;
    *why = text;
    return NULL;
}
const CudaNvrtc *cuda_nvrtc(const char **why) {
    static const char *const names[] = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so", NULL};
    static CudaNvrtc d;
    static char text[256];
    if (!d.handle && !text[0]) {
        void *h = open_library(names, nvrtc_path, sizeof nvrtc_path);
        if (!h) snprintf(text, sizeof text, "NVRTC, the compiler of the CUDA toolkit, was not found: libnvrtc.so");
#define X(name, symbol, parameters)                                                                                    \
    if (h && !(*(void **)&d.name = dlsym(h, #symbol)) && !text[0])                                                     \
        snprintf(text, sizeof text, "NVRTC is too old: it has no " #symbol " (CUDA 12.1 or later is wanted)");
        CUDA_NVRTC_CALLS(X)
#undef X
        if (h && !text[0]) d.handle = h;
    }
    if (d.handle) return &d;
    *why = text;
    return NULL;
}
const CudaBlas *cuda_blas(const char **why) {
    static const char *const names[] = {"libcublas.so.13", "libcublas.so.12", "libcublas.so", NULL};
    static CudaBlas d;
    static char text[256];
    if (!d.handle && !text[0]) {
        void *h = open_library(names, blas_path, sizeof blas_path);
        if (!h) snprintf(text, sizeof text, "cuBLAS, a library of the CUDA toolkit, was not found: libcublas.so");
#define X(name, symbol, parameters)                                                                                    \
    if (h && !(*(void **)&d.name = dlsym(h, #symbol)) && !text[0])                                                     \
        snprintf(text, sizeof text, "cuBLAS is too old: it has no " #symbol " (CUDA 12.1 or later is wanted)");
        CUDA_BLAS_CALLS(X)
#undef X
        if (h && !text[0]) d.handle = h;
    }
    if (d.handle) return &d;
    *why = text;
    return NULL;
}
const char *cuda_driver_path(void) {
    return driver_path;
}
const char *cuda_nvrtc_path(void) {
    return nvrtc_path;
}
const char *cuda_blas_path(void) {
    return blas_path;
}
