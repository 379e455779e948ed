/* fit.c: non-negative least squares, weighted anew in each of some rounds (contract: fit.h).
 *
 * Times span five orders of magnitude, and it is the ratio of the estimate to the measurement that matters: residuals
 * are divided by sqrt(measured × estimated), which is the logarithm's slope to second order, and those that stay far
 * off lose weight, so that what the kinds cannot express does not bend the rest. The quadratic is minimized one kind at
 * a time. */
#include "compiler/estimator/fit.h"
#include <math.h>

enum { ROUNDS = 8, SWEEPS = 3000 };
#define FLOOR 2e-6   /* seconds that a clock and a call take: below, ratios mean nothing */
#define FAR_OFF 0.3  /* in logarithms */
#define SETTLED 1e-9 /* relative change in a sweep */

typedef struct Fit {
    int first, n; /* kinds first .. first + n - 1 */
    double g[ALL_EFFORTS][ALL_EFFORTS], b[ALL_EFFORTS], scale[ALL_EFFORTS];
    double *seconds;
} Fit;

/* Minimizes x' g x / 2 - b x over x >= 0, starting where x is. */
static void descend(Fit *f, double *x) {
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        double moved = 0, size = 0;
        for (int i = 0; i < f->n; i++) {
            if (f->g[i][i] <= 0) continue;
            double slope = f->b[i];
            for (int j = 0; j < f->n; j++) slope -= f->g[i][j] * x[j];
            double to = fmax(0, x[i] + slope / f->g[i][i]);
            moved += fabs(to - x[i]);
            size += to;
            x[i] = to;
        }
        if (moved <= SETTLED * size) return;
    }
}
static void fit_kinds(Fit *f, const MeasuredVec *m, const bool *wanted, const double *measured, double *estimated) {
    double x[ALL_EFFORTS] = {0};
    for (int i = 0; i < m->len; i++) estimated[i] = measured[i];
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < f->n; i++) {
            f->b[i] = 0;
            for (int j = 0; j < f->n; j++) f->g[i][j] = 0;
        }
        for (int r = 0; r < m->len; r++) {
            if (!wanted[r] || measured[r] <= 0) continue;
            double off = log((estimated[r] + FLOOR) / (measured[r] + FLOOR)) / FAR_OFF;
            double weight = 1 / ((measured[r] + FLOOR) * (estimated[r] + FLOOR) * (1 + off * off));
            const double *units = m->data[r].effort + f->first;
            for (int i = 0; i < f->n; i++) {
                if (units[i] == 0) continue;
                f->b[i] += weight * units[i] * measured[r];
                for (int j = 0; j < f->n; j++) f->g[i][j] += weight * units[i] * units[j];
            }
        }
        /* units of very different sizes: unit diagonal */
        for (int i = 0; i < f->n; i++) f->scale[i] = f->g[i][i] > 0 ? 1 / sqrt(f->g[i][i]) : 0;
        for (int i = 0; i < f->n; i++) {
            f->b[i] *= f->scale[i];
            for (int j = 0; j < f->n; j++) f->g[i][j] *= f->scale[i] * f->scale[j];
            x[i] = f->scale[i] > 0 ? f->seconds[f->first + i] / f->scale[i] : 0;
        }
        descend(f, x);
        for (int i = 0; i < f->n; i++) f->seconds[f->first + i] = x[i] * f->scale[i];
        for (int r = 0; r < m->len; r++) {
            estimated[r] = 0;
            for (int i = 0; i < f->n; i++) estimated[r] += f->seconds[f->first + i] * m->data[r].effort[f->first + i];
        }
    }
}
EffortSeconds fit_seconds(Arena *arena, const MeasuredVec *m, const bool *wanted) {
    EffortSeconds out = {{0}};
    double *measured = arena_array(arena, double, m->len + 1), *estimated = arena_array(arena, double, m->len + 1);
    Fit *f = arena_new_of(arena, Fit);
    for (int making = 0; making < 2; making++) {
        for (int i = 0; i < m->len; i++) measured[i] = making ? m->data[i].make : m->data[i].run;
        *f = (Fit){.first = making ? NEFFORTS : 0, .n = making ? NMAKE_EFFORTS : NEFFORTS, .seconds = out.of};
        fit_kinds(f, m, wanted, measured, estimated);
    }
    return out;
}
