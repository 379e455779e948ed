/* consult.h: asks the model how a training should run, and says why in its words. */
#ifndef AMAL_CONSULT_H
#define AMAL_CONSULT_H
#include "compiler/estimator/candidates.h"

/* The candidate of the least predicted time among those that the analytic cost leaves; factorized: among the factorized
 * ones. *why: predicted times of all, the margin, what decided, and what the prediction has to be taken with: sizes
 * beyond what the model was trained on, a machine that was not measured. */
const Candidate *consult(Arena *arena, const Estimator *e, const Integration *in, int threads, bool factorized,
                         Candidate *c, int n, const char **why);
#endif
