/* segments.h: rows sorted by key, for sums by key without atomics. Private to backends/cuda.
 *
 * An indicator's keys are the rows of its space, its entries the target rows that read one; a sparse block's keys are
 * its columns, its entries its stored cells. Entries of a key stand together, in the order of their rows, and are cut
 * into chunks of at most SEGMENT_CHUNK, so that a key with very many does not keep one thread busy (a load of memory
 * takes hundreds of cycles, and a thread adds its entries one after the other); a key without any has one empty chunk.
 * Made once on the host, by a counting sort, linear in entries and keys. */
#ifndef AMAL_CUDA_SEGMENTS_H
#define AMAL_CUDA_SEGMENTS_H
#include "backends/runtime/integration.h"

enum { SEGMENT_CHUNK = 64 };
typedef struct Segments {
    int64_t keys, chunks, entries;
    int64_t *bounds; /* chunks + 1: entries of chunk c are [bounds[c], bounds[c + 1]) */
    int64_t *first;  /* keys + 1: chunks of key k are [first[k], first[k + 1]) */
    int32_t *rows;   /* of each entry; NULL: entry e is row e (the rows are sorted by key already) */
    double *values;  /* of each entry; NULL: ones, or floats */
    float *floats;   /* the same, of a matrix in single precision */
    int lanes;       /* threads that share a chunk: a power of two up to 32 */
    int folds;       /* threads that share a key's chunks: the same */
} Segments;
bool segments_of_indicator(const Indicator *ind, int64_t space_rows, Segments *out); /* false: no memory */
bool segments_of_sparse(const Matrix *m, Segments *out);
void segments_free(Segments *s);
#endif
