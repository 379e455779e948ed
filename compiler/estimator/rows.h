/* rows.h: measurements: a line for each candidate of each training, in a CSV file that grows line by line, so that
 * measuring can stop and go on. The header names the kinds of work and the features; a file with others is refused
 * (E470). */
#ifndef AMAL_ESTIMATOR_ROWS_H
#define AMAL_ESTIMATOR_ROWS_H
#include "compiler/estimator/features.h"

typedef struct Measured {
    const char *dataset, *training, *candidate;    /* "wide-17", "a kmeans", "sorted by dim1" */
    double rule, morpheusfi;                       /* 1: logic alone factorizes; MorpheusFI's rule factorizes */
    double analytic_run, analytic_make, run, make; /* seconds */
    double effort[ALL_EFFORTS];
    double x[NFEATURES];
} Measured;
typedef VEC(Measured) MeasuredVec;
/* The candidates of a training are next to each other: the end of those that begin at `begin`. */
int measured_end(const MeasuredVec *m, int begin);
void measured_header(Buf *out);
void measured_line(Buf *out, const Measured *m);
/* All whole lines; *whole: bytes of them, so that a line that was cut can be cut off. false: reported. */
bool measured_read(Arena *arena, Diags *ds, const char *path, MeasuredVec *out, size_t *whole);
#endif
