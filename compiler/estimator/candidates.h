/* candidates.h: the ways to run one training, with what each should take: by the analytic cost, and by the model. */
#ifndef AMAL_CANDIDATES_H
#define AMAL_CANDIDATES_H
#include "compiler/estimator/model.h"

/* Of all arrangements of the rows so many of the least analytic cost, beside the plain and the joined one. */
enum { CANDIDATE_ARRANGEMENTS = 5, CANDIDATES = MOST_CANDIDATES };
/* How the training's program is optimized. */
typedef struct CandidateProgram {
    const Integration *data;
    const char *strategy;
    uint64_t without; /* passes, as PassOptions.disabled */
    IrGram gram;
    bool first;           /* no more than ir_optimize_first(), */
    const IrFunc *over_t; /* whose result this is: go on from it, over `data`; NULL: from the script */
} CandidateProgram;
/* Optimizes f: what was lowered, or over_t where it is given. */
IrFunc *candidate_optimize(const CandidateProgram *p, const IrFunc *f, PassOptions *o);
/* NULL: reported. */
typedef IrFunc *(*CandidateLower)(void *user, const CandidateProgram *p);

/* Which ways are looked at. */
typedef struct CandidateScope {
    bool joined; /* materialized, too */
    bool gram;   /* what runs on X'X by the analytic cost also over the rows, and the other way round */
    int norders, orders[MAX_ROLES]; /* indicators that the rows may be sorted by; not where the program forbids it */
    uint64_t absorbable;            /* roles that may be absorbed */
    uint64_t exactly;               /* asked for: these are, if not none */
    bool sort, absorb;              /* asked for: only what sorts, or absorbs, where anything can */
    int most;                       /* arrangements, at most CANDIDATE_ARRANGEMENTS */
} CandidateScope;
/* All that may pay. */
CandidateScope candidates_scope(const Integration *in);
/* Factorized as it is; arranged: sorted by a table, with tables absorbed, or both; and materialized, in this order, on
 * real and phantom data; then, where the program has residuals of loops that can be made on X'X or not, the plain, the
 * joined and the best arranged one made otherwise. All sets of up to three tables are looked at, of more those that a
 * greedy search meets. Returns their number, 0: reported. *by_place: what takes rows by their number, so that they
 * cannot be sorted; NULL: nothing. */
int candidates_of(Arena *arena, const Integration *in, int threads, const CandidateScope *scope, CandidateLower lower,
                  void *user, Candidate *out, const IrNode **by_place);
/* Of n candidates of that order, `gram` not among them: the factorized one of the least analytic cost. What is arranged
 * has to gain something over the plain one, unless it was asked for. */
const Candidate *candidates_least(const Candidate *c, int n, const CandidateScope *scope);
/* Seconds in all, by the analytic cost, by the work alone, and by the model. */
double candidate_analytic(const Candidate *c);
double candidate_fitted(const Candidate *c);
double candidate_predicted(const Candidate *c);
/* Fills what is fitted and predicted, on machine hw, from the candidates' work and features. */
void candidates_predict(const Estimator *e, const Hardware *hw, Candidate *c, int n, double (*x)[NFEATURES]);
#endif
