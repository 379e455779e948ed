/* consult.c: the learned choice (contract: consult.h). */
#include "compiler/estimator/consult.h"
#include <math.h>
#include <stdlib.h>

#define PRUNE 8.0 /* the work alone is not wrong by so much: what it says is slower is not asked about */
enum { SHOWN = 3 };

/* "3.2 ms" */
static const char *seconds_text(Arena *arena, double s) {
    if (s >= 1) return arena_printf(arena, "%.3g s", s);
    return s >= 1e-3 ? arena_printf(arena, "%.3g ms", 1e3 * s) : arena_printf(arena, "%.3g µs", 1e6 * s);
}
static void put_times(Buf *out, Arena *arena, const Candidate *c, int n, const bool *asked) {
    for (int i = 0; i < n; i++) {
        buf_printf(out, "%s%s %s", i ? ", " : "", c[i].name, seconds_text(arena, candidate_predicted(&c[i])));
        if (!asked[i]) buf_puts(out, " (not considered)");
        if (c[i].there && (c[i].materialize || !arrangement_is_plain(c[i].arrangement)))
            buf_printf(out, " (already %s)", c[i].materialize ? "joined" : "arranged");
    }
}
typedef struct Reason {
    int input;
    double times;
} Reason;
static int by_weight(const void *a, const void *b) {
    double x = fabs(((const Reason *)a)->times), y = fabs(((const Reason *)b)->times);
    return (x < y) - (x > y);
}
/* Which inputs make the time of the chosen one, run, differ from the other's beyond what their work says. */
static void put_reasons(Buf *out, Arena *arena, const Estimator *e, const EffortSeconds *here, const Candidate *best,
                        const Candidate *other, const double *x, const double *z) {
    double a[NINPUTS], b[NINPUTS], difference[NINPUTS] = {0};
    Reason r[NINPUTS];
    model_inputs(here, best->effort, x, a);
    model_inputs(here, other->effort, z, b);
    forest_differences(&e->run, a, b, difference);
    for (int k = 0; k < NINPUTS; k++) r[k] = (Reason){k, difference[k]};
    qsort(r, NINPUTS, sizeof *r, by_weight);
    double work = best->fitted_run > 0 ? other->fitted_run / best->fitted_run : 1;
    buf_printf(out, "; %s beside %s: × %.2f by the work", best->name, other->name, 1 / work);
    for (int k = 0; k < SHOWN && fabs(r[k].times) >= 0.005; k++)
        buf_printf(out, ", × %.2f by %s", exp(r[k].times), model_input_name(arena, r[k].input));
}
static void put_extrapolation(Buf *out, const Estimator *e, double (*x)[NFEATURES], int n) {
    const char *comma = "; it extrapolates in ";
    for (int k = 0; k < NFEATURES; k++) {
        double least = INFINITY, most = -INFINITY, slack = 1e-4 * (fabs(e->least[k]) + fabs(e->most[k]));
        for (int i = 0; i < n; i++) {
            least = fmin(least, x[i][k]);
            most = fmax(most, x[i][k]);
        }
        if (least >= e->least[k] - slack && most <= e->most[k] + slack) continue;
        bool above = most > e->most[k] + slack;
        buf_printf(out, "%s%s (%.3g, trained on %.3g to %.3g)", comma, feature_rows[k].name, above ? most : least,
                   e->least[k], e->most[k]);
        comma = ", ";
    }
}

static const Hardware *machine(const Estimator *e, bool *measured) {
    static Hardware kept;
    static bool asked, found;
    if (!asked) found = hardware_kept(&kept);
    asked = true;
    *measured = found;
    return found ? &kept : &e->hw;
}
const Candidate *consult(Arena *arena, const Estimator *e, const Integration *in, int threads, bool factorized,
                         Candidate *c, int n, const char **why) {
    double x[CANDIDATES][NFEATURES], least = INFINITY;
    bool asked[CANDIDATES], measured;
    const Hardware *hw = machine(e, &measured);
    features_of(in, c, n, threads, hw, x);
    candidates_predict(e, hw, c, n, x);
    for (int i = 0; i < n; i++)
        if (!factorized || !c[i].materialize) least = fmin(least, candidate_fitted(&c[i]));
    int best = -1, other = -1;
    for (int i = 0; i < n; i++) {
        asked[i] = (!factorized || !c[i].materialize) && candidate_fitted(&c[i]) <= PRUNE * least;
        if (asked[i] && (best < 0 || candidate_predicted(&c[i]) < candidate_predicted(&c[best]))) best = i;
    }
    for (int i = 0; i < n; i++) /* the runner-up of the other kind, or else of the same */
        if (i != best && asked[i] &&
            (other < 0 || (c[i].materialize != c[best].materialize) > (c[other].materialize != c[best].materialize) ||
             (c[i].materialize == c[other].materialize && candidate_predicted(&c[i]) < candidate_predicted(&c[other]))))
            other = i;
    Buf out = {0};
    buf_puts(&out, "predicted ");
    put_times(&out, arena, c, n, asked);
    if (other >= 0) {
        double margin = candidate_predicted(&c[other]) / candidate_predicted(&c[best]);
        buf_printf(&out, "; margin %.0f %%", 100 * (margin - 1));
        EffortSeconds here = effort_moved(&e->seconds, &e->hw, hw);
        put_reasons(&out, arena, e, &here, &c[best], &c[other], x[best], x[other]);
    }
    put_extrapolation(&out, e, x, n);
    if (!measured) buf_puts(&out, "; this machine was not measured (`amal calibrate` does)");
    *why = arena_strndup(arena, out.data, out.len);
    buf_free(&out);
    return &c[best];
}
