/* model.h: the estimator's model: what it was trained with and on, and its trees.
 *
 * It predicts the natural logarithm of (measured / analytic) seconds, of a candidate's run and of making its data:
 * where trees end, beyond what they saw, the analytic cost goes on. A text; the last line is a hash of all before it.
 */
#ifndef AMAL_ESTIMATOR_MODEL_H
#define AMAL_ESTIMATOR_MODEL_H
#include "compiler/estimator/features.h"
#include "compiler/estimator/forest.h"

typedef struct Estimator {
    const char *version; /* of amal, that trained it */
    const char *from;    /* where it is: "the shipped model", or a path */
    Hardware hw;         /* of the machine it was trained on */
    int datasets, trainings;
    double least[NFEATURES], most[NFEATURES]; /* of what it was trained on */
    Forest run, make;
} Estimator;

void estimator_print(Buf *out, const Estimator *e);
/* NULL: *why says what is wrong with it: damaged, other features, another format. Texts are in the arena. */
Estimator *estimator_read(Arena *arena, const char *text, size_t len, const char **why);
/* The model to use: the file that AMAL_ESTIMATOR names, else the one that `amal calibrate --train` wrote into the cache
 * folder, else the shipped one. NULL: *why says that there is none, or what is wrong with it and where; then *broken is
 * true. Read once in a process. */
const Estimator *estimator_current(const char **why, bool *broken);
/* stdlib/estimator.model, compiled in by the Makefile; empty when there is none. */
extern const char estimator_shipped[];
#endif
