/* explain.h: the plan of a script as data: what its targets are made of, what each training computes before and after
 * every pass, what was chosen and why, the passes over rows with what they should take, and, after a run, what they
 * took.
 *
 * One JSON object (docs/explain.md describes it); the page is a template around it (explain_html.c). Everything lives
 * in the arena of the run. */
#ifndef AMAL_EXPLAIN_H
#define AMAL_EXPLAIN_H
#include "compiler/run_internal.h"

Explain *explain_new(Arena *arena, const RunOptions *o);
/* Before a training runs, or instead. key: its name in the report; data: what it runs on, `in` itself or its joined
 * copy. false: reported. */
bool explain_training(Run *r, const char *key, const Stmt *s, const Integration *in, const Integration *data,
                      int nhyper, const HyperValue *hyper, const StrategyChoice *choice);
/* What the training that was explained last took. */
void explain_measured(Explain *e, const RunResult *res, const RunProfile *profile);
/* The same as lines for people, of the training that was measured last: by line of its algorithm, then by pass. */
const char *explain_profile(Explain *e);
/* The whole object. */
void explain_json(Run *r, Buf *out);
/* The page: the object in its template. */
void explain_page(Buf *out, const char *title, const char *json);

/* ---- explain_target.c ---- */
void explain_target_json(Buf *out, Arena *arena, const Program *p, const Target *t, const Integration *root);
/* ---- explain_algebra.c ---- */
/* The nodes of a function, a line each: [what it computes as a hash, depth, name, text, shape, line of its file]. */
void explain_algebra_json(Buf *out, const IrFunc *f);

/* ---- for all: JSON ---- */
static inline void explain_key(Buf *out, bool *first, const char *name) {
    buf_puts(out, *first ? "" : ", ");
    *first = false;
    report_text(out, name);
    buf_puts(out, ": ");
}
#endif
