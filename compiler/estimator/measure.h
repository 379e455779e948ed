/* measure.h: times every candidate of trainings, in this process: compiled, warmed up, interleaved, the least time. */
#ifndef AMAL_MEASURE_H
#define AMAL_MEASURE_H
#include "compiler/driver.h"
#include "compiler/estimator/generate.h"
#include "compiler/estimator/rows.h"

typedef struct Measuring {
    Diags *ds;
    const Hardware *hw;
    int threads;
    const char *kernels; /* a folder for compiled code, which the caller empties */
    bool said;           /* what is wrong with trainings of scripts was said already */
} Measuring;
/* Adds a line for each candidate of each training of a synthetic data set. What a training itself reports is no error
 * of the measuring: such a training is left out. false: reported, or interrupted. */
bool measure_generated(Arena *arena, const Measuring *m, uint64_t seed, GenerateRange range, MeasuredVec *out);
/* The same of the `train` statements of a script; those that are left out are warned of (W609). */
bool measure_script(Arena *arena, const Measuring *m, const char *path, MeasuredVec *out);
#endif
