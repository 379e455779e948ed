/* fixed.c: see fixed.h. */
#include "backends/cuda/fixed.h"
#include "backends/cuda/gather.h"

void cuda_fixed_texts(KernelSink *sink) {
    carry_add(sink, "join", gather_text());
}
