/* timing.h: what the passes of a profiled run take on the device. Private to backends/cuda.
 *
 * An event before each operation of a pass and one after it, read when some hundred of them are behind: the device
 * waits for nothing meanwhile. Loops are not recorded as graphs in such a run, and carried values are read after each
 * iteration of the outermost loops, as the other backends do. */
#ifndef AMAL_CUDA_TIMING_H
#define AMAL_CUDA_TIMING_H
#include "backends/cuda/run.h"

bool timing_open(Job *j); /* nothing where no profile is wanted. false: reported */
void timing_close(Job *j);
bool timing_begin(Job *j, const CudaKernel *k);
bool timing_end(Job *j, const CudaKernel *k);
bool timing_take(Job *j); /* waits for what was begun, and adds it up */
/* The carried values of an outermost loop: before it (at 0), and after an iteration. */
bool timing_carried(Job *j, const IrNode *loop, int64_t at);
#endif
