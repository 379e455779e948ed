/* measure.h: what this machine's GPU can do, for the cost model (IrGpu in ir/ir.h) and for the choice between CPU and
 * GPU.
 *
 * Bandwidth is that of a copy within the device's memory (bytes read and written together); transfer that of a copy
 * from pinned memory; launch what each of many kernels recorded as a graph takes; graph what launching a graph of one
 * kernel takes, many times in a row; flops what chains of multiplications and additions of doubles reach on all
 * multiprocessors. Each is the best of several, timed by the device's own events. NVRTC is timed on a short and a long
 * text, past the cache. Takes a second or two. */
#ifndef AMAL_CUDA_MEASURE_H
#define AMAL_CUDA_MEASURE_H
#include "backends/backend.h"

/* ROW(name, text): the numbers, in the order they are kept in. */
#define GPU_ROWS(ROW)                                                                                                  \
    ROW(memory, "bytes of memory")                                                                                     \
    ROW(bytes, "bytes a second copied within its memory, read and written together")                                   \
    ROW(transfer, "bytes a second copied to it")                                                                       \
    ROW(flops, "multiplications and additions of doubles a second")                                                    \
    ROW(launch, "seconds that a kernel takes to launch, of many in a graph")                                           \
    ROW(graph, "seconds that a graph takes to launch")                                                                 \
    ROW(start, "seconds until it can be used, once a run")                                                             \
    ROW(compile, "seconds that NVRTC takes for a short text")                                                          \
    ROW(compile_byte, "seconds more for each byte of a longer one")

enum { GPU_NAME = 96 };
typedef struct GpuSpeeds {
    char name[GPU_NAME];
#define ROW(name, text) double name;
    GPU_ROWS(ROW)
#undef ROW
} GpuSpeeds;
static inline IrGpu gpu_speeds_ir(const GpuSpeeds *g) {
    return (IrGpu){
        .flops = g->flops, .bytes = g->bytes, .transfer = g->transfer, .launch = g->launch, .graph = g->graph};
}

/* false: reported (E620 to E625). */
bool gpu_measure(Diags *ds, const BackendOptions *o, GpuSpeeds *out);
#endif
