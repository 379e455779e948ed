/* fixed.c: see fixed.h. */
#include "backends/cuda/fixed.h"
#include "backends/cuda/gather.h"

void cuda_fixed_texts(KernelSink *sink) {
    Arena *arena = arena_new();
    for (int single = 0; single < 2; single++) carry_add(sink, "join", gather_text(arena, single));
    arena_free(arena);
}
