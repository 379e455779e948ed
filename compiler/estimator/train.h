/* train.h: from measurements to a model, and what the model is worth on data sets that it has not seen. */
#ifndef AMAL_ESTIMATOR_TRAIN_H
#define AMAL_ESTIMATOR_TRAIN_H
#include "compiler/estimator/model.h"
#include "compiler/estimator/rows.h"

/* The ways to choose that are compared. ROW(id, name, meaning) */
#define CHOOSERS(ROW)                                                                                                  \
    ROW(ORACLE, "oracle", "the fastest, known afterwards")                                                             \
    ROW(AUTO, "rules then model", "rules 2 to 4 first, where they say factorized")                                     \
    ROW(MODEL, "model", "what amal does")                                                                              \
    ROW(FITTED, "work alone", "the least sum of work, without the trees")                                              \
    ROW(BLIND, "model without machine", "the model without the machine's features")                                    \
    ROW(BINARY, "binary model", "a classifier, factorized or materialized, with the published settings")               \
    ROW(ANALYTIC, "analytic cost", "the least estimate")                                                               \
    ROW(COMPLEXITY, "complexity ratio", "factorized when the complexity ratio is above 1")                             \
    ROW(RATIOS, "tuple and feature ratio", "factorized when the tuple ratio is 5 and the feature ratio 1 at least")    \
    ROW(MORPHEUSFI, "MorpheusFI", "its rule on densities and ratios")                                                  \
    ROW(FACTORIZE, "factorize", "always, unsorted")                                                                    \
    ROW(MATERIALIZE, "materialize", "always")
typedef enum Chooser {
#define ROW(id, name, meaning) CHOOSE_##id,
    CHOOSERS(ROW)
#undef ROW
        NCHOOSERS
} Chooser;

typedef struct Held { /* by number of a measurement, each predicted by a model that has not seen its data set */
    double *total;    /* seconds */
    double *fitted;   /* seconds by the work alone */
    double *blind;
    double *factorize; /* of the unsorted factorized one: log-odds of being in time */
} Held;
/* Measurements of scripts are never trained on, only predicted. Needs 20 data sets: fewer are reported (E471). NULL:
 * reported. */
Estimator *estimator_train(Arena *arena, Diags *ds, const Hardware *hw, const MeasuredVec *m, Held *held);
bool measured_is_synthetic(const Measured *m);
/* The candidate that a way of choosing takes of measurements [begin, end). */
int choose(Chooser by, const MeasuredVec *m, const Held *held, int begin, int end);
typedef enum {
    OF_SYNTHETIC,
    OF_PUBLISHED,
    OF_BROAD,
    OF_SCRIPTS
} EvaluatedOf; /* published, broad: parts of the synthetic */
/* A table: a line for each way of choosing, over such measurements. false: there are none. */
bool evaluation_print(Buf *out, const MeasuredVec *m, const Held *held, EvaluatedOf of);
/* The measurements with what was predicted of them, and what each way chose: a CSV line for each candidate. */
void held_print(Buf *out, const MeasuredVec *m, const Held *held);
#endif
