/* lifetimes.h: which of a program's buffers are held when, and where in one block of memory they lie. Private to
 * backends/cuda.
 *
 * Operations are numbered in the order in which the host walks them; a buffer is held from the first that touches it to
 * the last. One that crosses the border of a loop is held for the whole loop, since the next iteration may read it; one
 * that only an iteration's own operations touch is written in each before it is read, and is free between them. Slots
 * that trade places are held together. Buffers that are held at no common time may lie in the same place: the largest
 * first, each at the lowest place that is free (greedy by size: Pisarchyk and Lee, "Efficient memory management for
 * deep neural net inference", 2020). */
#ifndef AMAL_CUDA_LIFETIMES_H
#define AMAL_CUDA_LIFETIMES_H
#include "backends/cuda/emit.h"

typedef enum {
    BUFFER_SLOT,
    BUFFER_PARTS,   /* of a reduction */
    BUFFER_SUMS,    /* of chunks, by kernel */
    BUFFER_SCRATCH, /* by kernel */
    BUFFER_OF_KINDS
} CudaBufferKind;
typedef struct CudaBuffer {
    CudaBufferKind kind;
    int index;
    size_t bytes, at; /* at: from the beginning of the block */
    int first, last;  /* the operations that it is held for, by CudaOp.at and .end */
    bool cleared;     /* zeros when the run begins, and held all the time */
} CudaBuffer;
typedef struct CudaLayout {
    VEC(CudaBuffer) buffers;
    int *place[BUFFER_OF_KINDS]; /* by index: which of the buffers; -1: none, it has no bytes */
    size_t bytes, cleared;       /* of the block; of its beginning, where those are that are cleared */
    size_t apart;                /* what it would take if nothing were shared */
} CudaLayout;
enum { CUDA_ALIGNMENT = 256 };
static inline size_t cuda_aligned(size_t bytes) {
    return (bytes + CUDA_ALIGNMENT - 1) / CUDA_ALIGNMENT * CUDA_ALIGNMENT;
}
/* Numbers the operations of p. bytes[kind][index] of parts, sums and scratch; NULL: these are left out (a plan that is
 * only looked at: they depend on the device). */
CudaLayout *cuda_lay_out(Arena *arena, CudaProgram *p, const size_t *const bytes[BUFFER_OF_KINDS]);
#endif
