/* gpu_kept.h: what a GPU does in a second (backends/cuda/measure.h), measured by `amal calibrate` and kept in the cache
 * folder (estimator/gpu) with the GPU's name: a text, so that one that was measured elsewhere can be put there, for
 * `amal explain`. */
#ifndef AMAL_GPU_KEPT_H
#define AMAL_GPU_KEPT_H
#include "backends/cuda/measure.h"

bool gpu_speeds_are_sound(const GpuSpeeds *g); /* named, finite, and positive where it has to be */
/* false: nothing was measured, or nothing that can be believed; then *why says which. */
bool gpu_kept(GpuSpeeds *out, const char **why);
bool gpu_keep(Diags *ds, const GpuSpeeds *g); /* false: reported (E440) */
#endif
