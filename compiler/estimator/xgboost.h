/* xgboost.h: training boosted trees with libxgboost, which is opened when it is first needed (libxgboost.so.0, or
 * libxgboost.so). Only training needs it: what it learned is a Forest. */
#ifndef AMAL_XGBOOST_H
#define AMAL_XGBOOST_H
#include "compiler/diag.h"
#include "compiler/estimator/forest.h"

typedef struct BoostOptions {
    int trees, depth, least;        /* least: weight of the rows of a leaf */
    const char *const (*params)[2]; /* more of XGBoost's own, up to {NULL, NULL} */
} BoostOptions;
/* Rows that are compared with each other: what their errors have in common does not matter much, so that a row's loss
 * is e^2 / 2 + weight (s e - m)^2 / 2, m the mean of s e over its group. */
typedef struct BoostGroups {
    const int *group;   /* by row, ascending from 0 */
    const double *part; /* s: how much of what is compared the row's y decides, 0 to 1 */
    double weight;
} BoostGroups;
/* Is the library there? *version is "1.7.4", *why what dlopen said. */
bool xgboost_available(const char **version, const char **why);
/* Learns y from n rows of nfeatures numbers; seeded, one thread: the same rows give the same forest. weight and
 * groups may be NULL. Of a classifier the forest gives log-odds. false: reported (E611). */
bool xgboost_train(Arena *arena, Diags *ds, const BoostOptions *o, int n, int nfeatures, const float *x, const float *y,
                   const float *weight, const BoostGroups *groups, Forest *out);
#endif
