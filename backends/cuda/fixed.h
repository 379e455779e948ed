/* fixed.h: the CUDA texts that are the same whatever is trained, for programs that carry their code. */
#ifndef AMAL_CUDA_FIXED_H
#define AMAL_CUDA_FIXED_H
#include "backends/c/carry.h"

void cuda_fixed_texts(KernelSink *sink);
#endif
