/* join.h: the look-ups of a join on the device (backends/runtime/join_device.h). Private to backends/cuda, but for the
 * compiler, which offers it to the integration when cuda is the backend.
 *
 * Each table is indexed there by its codes: by the code itself where it is one, in a hash table of rows where it is
 * several. Codes are made on the host (integration_keys.c): they are linear in the rows, and other steps need them. */
#ifndef AMAL_CUDA_JOIN_H
#define AMAL_CUDA_JOIN_H
#include "backends/runtime/join_device.h"

/* Suited is what takes longer on the host than on a GPU, the way there and back included (ir_join_gpu). */
extern const JoinDevice cuda_join;
#endif
