/* profile.h: what a run measures of itself when it is asked to: the time of every pass and kernel, and how far carried
 * values still move in each iteration of the outermost loops.
 *
 * Two readings of the clock a pass; nothing in the loops over rows. Everything lives in the profile's arena. */
#ifndef AMAL_PROFILE_H
#define AMAL_PROFILE_H
#include "ir/ir.h"

enum { PROFILE_CELLS_MOST = 1 << 20 }; /* of a carried value: larger ones have no curve */
typedef struct ProfileTime {
    double seconds;
    int64_t calls;
} ProfileTime;
typedef struct ProfilePoint {
    int64_t iteration;
    double change, size; /* Frobenius norms of the value's last step and of the value itself */
    double value;        /* of a 1 x 1 value */
} ProfilePoint;
typedef struct ProfileCurve {
    const IrNode *loop;
    const char *name;
    int carried; /* which of the loop's values */
    int64_t cells;
    double *last;
    int64_t every; /* of so many iterations one is kept */
    VEC(ProfilePoint) points;
} ProfileCurve;
typedef struct RunProfile {
    Arena *arena;
    int npasses, nkernels;
    ProfileTime *passes;  /* by pass */
    ProfileTime *kernels; /* by node id */
    VEC(ProfileCurve) curves;
} RunProfile;

RunProfile *profile_new(Arena *arena);
/* Room for so many passes and node ids. */
void profile_begin(RunProfile *p, int npasses, int nkernels);
static inline void profile_add(ProfileTime *t, double seconds) {
    t->seconds += seconds;
    t->calls++;
}
/* A carried value before its loop (at 0) and after each iteration. */
void profile_carried(RunProfile *p, const IrNode *loop, int carried, const char *name, int64_t at, const double *v,
                     int64_t cells);
#endif
