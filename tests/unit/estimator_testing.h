/* estimator_testing.h: what both programs of estimator tests begin with. */
#ifndef AMAL_ESTIMATOR_TESTING_H
#define AMAL_ESTIMATOR_TESTING_H
#include "compiler/data.h"
#include "compiler/estimator/consult.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/arena_testing.h"

static const Hardware machine = {
    .threads = 2, .read_one = 1e10, .read_all = 1.5e10, .near = 2e8, .far = 2e7, .flops = 1e10, .cache = 1 << 20};

/* A model without trees, trained on features from 0 to 1. */
static inline Estimator estimator_example(void) {
    Estimator e = {.version = AMAL_VERSION, .hw = machine, .datasets = 30, .trainings = 60};
    for (int k = 0; k < NFEATURES; k++) e.most[k] = 1;
    for (int k = 0; k < ALL_EFFORTS; k++) e.seconds.of[k] = 1e-9;
    return e;
}
#endif
