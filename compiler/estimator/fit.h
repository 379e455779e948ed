/* fit.h: seconds a unit of each kind of work, from measurements: the non-negative numbers that make the sums over all
 * kinds come nearest to the measured times, in logarithms. */
#ifndef AMAL_FIT_H
#define AMAL_FIT_H
#include "compiler/estimator/rows.h"

/* From the measurements i with wanted[i]. Kinds that none of them has get 0. Scratch is in the arena. */
EffortSeconds fit_seconds(Arena *arena, const MeasuredVec *m, const bool *wanted);
#endif
