/* rows.h: measurements: a line for each candidate of each training, in a CSV file that grows line by line, so that
 * measuring can stop and go on. The header names the kinds of work and the features; a file with others is refused
 * (E470). Lines "# name value" say what machine the lines behind them were measured on (hardware.h). */
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
void measured_machine(Buf *out, const Hardware *hw);
void measured_line(Buf *out, const Measured *m);
typedef struct MeasuredFile {
    MeasuredVec rows;
    Hardware first, last; /* machines: the units of work of all rows are as on the first one (effort_units_moved) */
    size_t whole;         /* bytes of whole lines: what is behind them was cut */
} MeasuredFile;
/* All whole lines. false: reported. */
bool measured_read(Arena *arena, Diags *ds, const char *path, MeasuredFile *out);
#endif
