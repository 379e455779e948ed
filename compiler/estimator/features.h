/* features.h: the numbers that the estimator decides by (features.def), from a target's integration and the optimized
 * program on it: of a real target or of a phantom (strategy.h). Linear in the program and in the tables' rows, of which
 * at most SKEW_ROWS are looked at. */
#ifndef AMAL_FEATURES_H
#define AMAL_FEATURES_H
#include "compiler/estimator/effort.h"
#include "compiler/strategy.h"
#include "ir/ir.h"

typedef enum Feature_ {
#define FEATURE(id, formula, unit, normalization, meaning) FEATURE_##id,
#include "compiler/estimator/features.def"
    NFEATURES
} FeatureId;
typedef struct FeatureRow {
    const char *name, *unit, *normalization, *meaning;
} FeatureRow;
extern const FeatureRow feature_rows[NFEATURES];

typedef enum Work {
    WORK_SCALAR,
    WORK_LMM,
    WORK_RMM,
    WORK_GRAM,
    WORK_ROWSUMS,
    WORK_COLSUMS,
    WORK_INDEX,
    WORK_SMALL,
    NWORK
} Work;
/* What a program does in one run, loops counted by their trips. */
typedef struct WorkTotals {
    double by[NWORK]; /* estimated seconds by kind */
    double flops, bytes, seconds;
    double random_bytes, index_rows;
    double passes, pass_read, pass_written, pass_rows;
    double trips, width;
} WorkTotals;
typedef struct TargetFacts {
    double rows, cols, blocks, tuple_ratio, feature_ratio, selectivity, skew, stored, density, sparse, partial, ordered,
        largest;
} TargetFacts;
typedef struct FeatureInput {
    TargetFacts t;
    WorkTotals own, fact, mat;
    const Hardware *hw;
    double threads, materialized, sorted, absorbed, make_bytes, make_sparse;
} FeatureInput;

enum { MOST_CANDIDATES = 8 };
/* One way to run a training. `func` is optimized on `data`, which may be a phantom; features read it, and leave marks
 * in its nodes. */
typedef struct Candidate {
    const char *name; /* "factorized", "sorted by R1", "R2 and R3 absorbed", "materialized" */
    bool materialize;
    Arrangement arrangement; /* of a factorized one */
    IrGram gram;             /* by the analytic cost, or not */
    const Integration *data;
    IrFunc *func;
    IrCost cost;
    double make;                    /* analytic seconds of joining or arranging; 0: nothing to make, or made already */
    bool there;                     /* made already */
    double effort[ALL_EFFORTS];     /* filled by features_of */
    double fitted_run, fitted_make; /* by its work, and ... */
    double predicted_run, predicted_make; /* ... by the model: seconds (candidates_predict) */
} Candidate;

/* n candidates of one training on `in`, the plain factorized and the materialized among them: NFEATURES numbers
 * each. */
void features_of(const Integration *in, Candidate *c, int n, int threads, const Hardware *hw, double (*out)[NFEATURES]);
/* MorpheusFI's rule (docs/estimator.md): true for factorized. */
bool morpheusfi_factorizes(const Integration *in);
#endif
