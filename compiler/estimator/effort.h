/* effort.h: what a program makes the machine do, counted from its fused plan: effort.def. Linear in the plan. */
#ifndef AMAL_EFFORT_H
#define AMAL_EFFORT_H
#include "compiler/estimator/hardware.h"
#include "ir/fuse.h"
#include <stddef.h>

typedef enum Effort {
#define EFFORT(id, rate, unit, meaning) EFFORT_##id,
#define MAKE_EFFORT(id, rate, unit, meaning)
#include "compiler/estimator/effort.def"
    NEFFORTS
} Effort;
typedef enum MakeEffort {
#define EFFORT(id, rate, unit, meaning)
#define MAKE_EFFORT(id, rate, unit, meaning) MAKE_##id,
#include "compiler/estimator/effort.def"
    NMAKE_EFFORTS
} MakeEffort;
enum { ALL_EFFORTS = NEFFORTS + NMAKE_EFFORTS };
typedef struct EffortRow {
    const char *name, *unit, *meaning;
    size_t rate; /* where in a Hardware */
} EffortRow;
extern const EffortRow effort_rows[ALL_EFFORTS]; /* those of running, then those of making; names are unique */

/* Seconds a unit. */
typedef struct EffortSeconds {
    double of[ALL_EFFORTS];
} EffortSeconds;
/* Those fitted on machine `from`, on machine `to`. */
EffortSeconds effort_moved(const EffortSeconds *s, const Hardware *from, const Hardware *to);
/* Units of work done on machine `from`, so many as take their seconds by what a unit takes on `to`. */
void effort_units_moved(double units[ALL_EFFORTS], const Hardware *from, const Hardware *to);
/* Seconds of running, of making, by the units of each kind. */
double effort_run_seconds(const EffortSeconds *s, const double units[ALL_EFFORTS]);
double effort_make_seconds(const EffortSeconds *s, const double units[ALL_EFFORTS]);

/* Of one run of the program of `plan`, loops counted by their trips. each: its ir_cost_each(). */
void effort_run(const FusePlan *plan, const IrCost *each, int threads, const Hardware *hw, double out[NEFFORTS]);
/* What making data is counted from, looked at once for all ways to make them. */
typedef struct Picked {
    double rows;   /* of the target that have a row there */
    double spread; /* rows there that they read, those that are read seldom for less */
} Picked;
typedef struct Making {
    const Integration *in;
    const Hardware *hw;
    int threads;
    const Picked *picked; /* by indicator */
    double *out;          /* what is counted at present */
} Making;
Making effort_making(Arena *arena, const Integration *in, int threads, const Hardware *hw);
/* Of joining all of it: into sparse rows of nnz entries, or, when nnz is negative, a dense table of `bytes`. */
void effort_join(Making k, double bytes, double nnz, double out[NMAKE_EFFORTS]);
/* Of integration_arrange(). */
void effort_arrange(Making k, Arrangement a, double out[NMAKE_EFFORTS]);
#endif
