/* xgboost.h: training boosted trees with libxgboost, which is opened when it is first needed (libxgboost.so.0, or
 * libxgboost.so). Only training needs it: what it learned is a Forest. */
#ifndef AMAL_XGBOOST_H
#define AMAL_XGBOOST_H
#include "compiler/diag.h"
#include "compiler/estimator/forest.h"

typedef struct BoostOptions {
    int trees, depth;
    const char *const (*params)[2]; /* more of XGBoost's own, up to {NULL, NULL} */
} BoostOptions;
/* Is the library there? *version is "1.7.4", *why what dlopen said. */
bool xgboost_available(const char **version, const char **why);
/* Learns y from n rows of nfeatures numbers; seeded, one thread: the same rows give the same forest. weight may be
 * NULL. Of a classifier the forest gives log-odds. false: reported (E611). */
bool xgboost_train(Arena *arena, Diags *ds, const BoostOptions *o, int n, int nfeatures, const float *x, const float *y,
                   const float *weight, Forest *out);
#endif
