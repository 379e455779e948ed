/* candidates.h: the ways to run one training, with what each should take: by the analytic cost, and by the model. */
#ifndef AMAL_CANDIDATES_H
#define AMAL_CANDIDATES_H
#include "compiler/estimator/model.h"

enum { CANDIDATE_ORDERS = 2, CANDIDATES = CANDIDATE_ORDERS + 2 }; /* of all orders the two of the least analytic cost */
/* The training's program on `data`, optimized. NULL: reported. */
typedef IrFunc *(*CandidateLower)(void *user, const Integration *data, const char *strategy);
/* Factorized as it is, sorted by each table that may pay (sorting: where the backend can and the program allows it),
 * and materialized, in this order, on real and phantom data; returns their number, 0: reported. */
int candidates_of(Arena *arena, const Integration *in, int threads, bool sorting, CandidateLower lower, void *user,
                  Candidate *out);
/* Seconds in all, by the analytic cost and by the model. */
double candidate_analytic(const Candidate *c);
double candidate_predicted(const Candidate *c);
/* Fills predicted_run and predicted_make from features. */
void candidates_predict(const Estimator *e, Candidate *c, int n, double (*x)[NFEATURES]);
#endif
