/* check.h: warnings that know what scripts are for: what `amal check` says beyond errors, and the few that runs say
 * too.
 *
 * Without rows: W126 (what nothing reads), W127 (columns that look personal). With rows: W430 (what never matches; in
 * runs too), W431 (columns without a value), W432 (keys that multiply rows), W433 (scales under descent), W434
 * (features that give the label away). */
#ifndef AMAL_CHECK_H
#define AMAL_CHECK_H
#include "compiler/data.h"

void check_declarations(const Program *p);
/* Of a target that was just built. */
void check_matches(Diags *ds, const Target *t, const Integration *in);
/* Reads everything that targets are made of and looks at it. False: reported as errors. */
bool check_data(Program *p, Data *d);

/* What a name says is kept there about a person, as "an e-mail address"; NULL: nothing. */
const char *check_personal(const char *name);
/* Does the algorithm move along a gradient by a step that all coefficients share, without bringing the features to one
 * scale? args: the training's settings. */
bool check_descends_unscaled(const AlgorithmDecl *a, const NamedArgVec *args);
#endif
