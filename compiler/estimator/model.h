/* model.h: the estimator's model: what it was trained with and on, the seconds of each kind of work, and its trees.
 *
 * A candidate's time is the sum of its work, each kind by its fitted seconds, times what the trees say: they predict
 * the natural logarithm of (measured / fitted), of running and of making the data. Where trees end, beyond what they
 * saw, the sum goes on; and it moves to another machine by that machine's rates. A text; the last line is a hash of all
 * before it. */
#ifndef AMAL_ESTIMATOR_MODEL_H
#define AMAL_ESTIMATOR_MODEL_H
#include "compiler/estimator/features.h"
#include "compiler/estimator/forest.h"

/* What the trees see: the features, and the share that each kind of work has in the fitted seconds of running, or of
 * making. */
enum { NINPUTS = NFEATURES + ALL_EFFORTS };
void model_inputs(const EffortSeconds *s, const double effort[ALL_EFFORTS], const double x[NFEATURES],
                  double out[NINPUTS]);
/* "rows"; "scatter_near (share)": in the arena. */
const char *model_input_name(Arena *arena, int input);

typedef struct Estimator {
    const char *version; /* of amal, that trained it */
    const char *from;    /* where it is: "the shipped model", or a path */
    Hardware hw;         /* of the machine it was trained on */
    int datasets, trainings;
    bool gram;                                /* measured with X'X and without, so that it can be asked about them */
    double least[NFEATURES], most[NFEATURES]; /* of what it was trained on */
    EffortSeconds seconds;                    /* on that machine */
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
