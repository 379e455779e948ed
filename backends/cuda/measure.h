/* measure.h: what this machine's GPU can do, for the cost model (IrGpu in ir/ir.h).
 *
 * Bandwidth is that of a copy within the device's memory (bytes read and written together); transfer that of a copy
 * from pinned memory; launch what each of many kernels recorded as a graph takes; flops what chains of multiplications
 * and additions of doubles reach on all multiprocessors. Each is the best of several, timed by the device's own events.
 * Takes under a second. */
#ifndef AMAL_CUDA_MEASURE_H
#define AMAL_CUDA_MEASURE_H
#include "backends/backend.h"

/* false: reported (E620 to E625). */
bool gpu_measure(Diags *ds, const BackendOptions *o, IrGpu *out);
#endif
