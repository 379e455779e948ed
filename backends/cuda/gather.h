/* gather.h: the joined table, made on the device from the tables it joins. Private to backends/cuda.
 *
 * T that `--strategy materialize` trains on is a dense array of rows x columns, most of whose cells are copies of a few
 * source rows: the sources are copied to the device (where they stay for other models), and each block's rows are put
 * where its indicator says. Where the sources do not fit beside T, T is copied from the host as it is. */
#ifndef AMAL_CUDA_GATHER_H
#define AMAL_CUDA_GATHER_H
#include "backends/cuda/run.h"

/* Whether block `index` of `in` can be made so: T of a materialized target, dense, from blocks that fit. */
bool gather_applies(Job *j, const Integration *in, int index);
/* The CUDA that makes it, of doubles or of floats. */
const char *gather_text(Arena *arena, bool single);
/* T as a new resident. NULL: reported. */
CudaResident *gather_target(Job *j, const Integration *in, int kind);
#endif
