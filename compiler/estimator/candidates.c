/* candidates.c: the ways to run a training (contract: candidates.h).
 *
 * Lowering and optimizing takes some tenths of a millisecond, so that not all arrangements can have it. Their cost is
 * estimated first from the program over T, which is the same for all of them, with each one's blocks in the place of
 * T's; the best go on, from what simplifying made of the program over T. */
#include "compiler/estimator/candidates.h"
#include <math.h>

#define ARRANGING_GAINS 0.95 /* of the time without: below that the estimate is not worth trusting */
#define HOPELESS 3.0         /* with tables absorbed: so many times the least estimate is not looked at further */
enum { EXHAUSTIVE = 3, COMBINED_ORDERS = 4 }; /* tables; orders, the widest, that are tried with tables absorbed */

CandidateScope candidates_scope(const Integration *in) {
    CandidateScope s = {
        .joined = true, .gram = true, .most = CANDIDATE_ARRANGEMENTS, .absorbable = strategy_absorbable(in, -1)};
    s.norders = strategy_orders(in, s.orders, MAX_ROLES);
    return s;
}

/* ---- the search ---- */
typedef struct Estimate {
    Arrangement a;
    double seconds;
} Estimate;
typedef struct Search {
    Arena *arena;
    const Integration *in;
    int threads;
    const CandidateScope *scope;
    IrFunc *over_t; /* level 1; NULL: arrangements are few, and all are kept */
    Matrix **copies;
    Estimate best[CANDIDATE_ARRANGEMENTS], order; /* the best of all, and of those that only sort */
    int n;
} Search;
static double estimate(Search *z, Arrangement a) {
    if (!z->over_t) return 0;
    const Integration **data = &z->over_t->tables.data[0].data, *real = *data;
    *data = strategy_arranged_phantom(z->arena, z->in, a, z->copies);
    double seconds = ir_cost(z->over_t, z->threads).seconds + strategy_arrange_seconds(z->in, a, z->threads);
    *data = real;
    return seconds;
}
/* Returns the estimate. */
static double consider(Search *z, Arrangement a) {
    if (!strategy_arrangement_fits(z->in, a)) return INFINITY;
    Estimate e = {a, estimate(z, a)};
    if (arrangement_is_plain(a)) return e.seconds;
    if (!a.absorbed && (z->order.a.sort_by < 0 || e.seconds < z->order.seconds)) z->order = e;
    if (z->n < z->scope->most)
        z->n++;
    else if (e.seconds >= z->best[z->n - 1].seconds)
        return e.seconds;
    int at = z->n - 1;
    for (; at > 0 && e.seconds < z->best[at - 1].seconds; at--) z->best[at] = z->best[at - 1];
    z->best[at] = e;
    return e.seconds;
}
static int role_of(const Integration *in, int indicator) {
    return in->spaces[in->indicators[indicator].space].role;
}
/* With every table absorbed T is joined, only not in one block: that is the materialized one's business. */
static bool is_joined(const Search *z, Arrangement a) {
    uint64_t all = strategy_absorbable(z->in, -1);
    return a.sort_by < 0 && a.absorbed == all && a.absorbed != z->scope->exactly &&
           !(z->scope->absorb && !(all & (all - 1)));
}
static void search_sets(Search *z, int sort_by, uint64_t roles) {
    for (uint64_t set = roles;; set = (set - 1) & roles) {
        Arrangement a = {sort_by, set};
        if (!set) return;
        if (!is_joined(z, a)) (void)consider(z, a);
    }
}
/* The table that lowers the cost most joins the set, until none does. */
static void search_greedily(Search *z, int sort_by, uint64_t roles) {
    Arrangement a = {sort_by, 0};
    double now = z->scope->absorb ? INFINITY : estimate(z, a);
    for (;;) {
        int add = -1;
        double least = now;
        for (int role = 0; role < MAX_ROLES; role++) {
            Arrangement more = {sort_by, a.absorbed | 1ull << role};
            if (!(roles >> role & 1) || more.absorbed == a.absorbed || is_joined(z, more)) continue;
            double seconds = consider(z, more);
            if (seconds < least) least = seconds, add = role;
        }
        if (add < 0) return;
        a.absorbed |= 1ull << add;
        now = least;
    }
}
static void search_order(Search *z, int sort_by, bool combined) {
    uint64_t roles = z->scope->absorbable & strategy_absorbable(z->in, sort_by), exactly = z->scope->exactly;
    if (exactly) {
        if (sort_by < 0 || !(exactly >> role_of(z->in, sort_by) & 1))
            (void)consider(z, (Arrangement){sort_by, exactly});
        return;
    }
    bool alone = !z->scope->absorb || (z->scope->sort && !roles);
    if (sort_by >= 0 && alone) (void)consider(z, (Arrangement){.sort_by = sort_by});
    if (!roles || !combined) return;
    if (__builtin_popcountll(roles) <= EXHAUSTIVE)
        search_sets(z, sort_by, roles);
    else
        search_greedily(z, sort_by, roles);
}
static void search(Search *z, int norders) {
    bool sort = z->scope->sort && norders;
    double plain = estimate(z, (Arrangement){.sort_by = -1});
    if (!sort) search_order(z, -1, true);
    for (int k = 0; k < norders; k++) search_order(z, z->scope->orders[k], k < COMBINED_ORDERS);
    if (sort && !z->n) search_order(z, -1, true); /* what has to be absorbed is what they could be sorted by */
    double least = fmin(plain, z->n ? z->best[0].seconds : INFINITY);
    while (z->n > 1 && z->best[z->n - 1].a.absorbed && z->best[z->n - 1].seconds > HOPELESS * least) z->n--;
    bool ordered = z->order.a.sort_by < 0; /* what only sorts is always among them: others may build on it */
    for (int i = 0; i < z->n; i++) ordered = ordered || (z->best[i].a.sort_by >= 0 && !z->best[i].a.absorbed);
    if (!ordered) z->best[z->n < z->scope->most ? z->n++ : z->n - 1] = z->order;
}

/* ---- the candidates ---- */
IrFunc *candidate_optimize(const CandidateProgram *p, const IrFunc *f, PassOptions *o) {
    o->disabled |= p->without;
    ir_choose_gram(o, p->gram);
    if (p->first) return ir_optimize_first(f, o);
    return p->over_t ? ir_optimize_rest(ir_with_data(f, p->data), o) : ir_optimize(f, o);
}
typedef struct Lowering {
    CandidateLower lower;
    void *user;
    int threads;
    const IrFunc *over_t; /* simplified */
} Lowering;
static IrFunc *lowered(const Lowering *z, Candidate *c) {
    c->func = z->lower(z->user, &(CandidateProgram){.data = c->data,
                                                    .strategy = c->materialize ? "materialized" : "factorized",
                                                    .gram = c->gram,
                                                    .over_t = z->over_t});
    if (c->func) c->cost = ir_cost(c->func, z->threads);
    return c->func;
}
/* The candidate with its loops on X'X where the analytic cost has them over the rows, or over the rows where they are
 * on X'X. false: reported. */
static bool add_other_way(Arena *arena, const Lowering *z, Candidate *out, int *n, int of) {
    Candidate c = out[of];
    if (!c.func->residuals || *n >= CANDIDATES) return true;
    c.gram = c.func->on_gram ? GRAM_NEVER : GRAM_ALWAYS;
    c.name = arena_printf(arena, "%s %s", c.name, c.func->on_gram ? "without X'X" : "with X'X");
    if (!lowered(z, &c)) return false;
    out[(*n)++] = c;
    return true;
}
static int add_arranged(Arena *arena, const Lowering *l, const Integration *in, const CandidateScope *scope,
                        int norders, Candidate *out) {
    Search z = {.arena = arena, .in = in, .threads = l->threads, .scope = scope, .order = {.a = {.sort_by = -1}}};
    z.copies = arena_array(arena, Matrix *, in->nblocks + 1);
    if (scope->absorbable || norders > scope->most) {
        uint64_t level2 = 1ull << IR_OFF_FACTORIZE | 1ull << IR_OFF_ROTATE;
        z.over_t = l->lower(
            l->user, &(CandidateProgram){.data = in, .strategy = "factorized", .without = level2, .over_t = l->over_t});
        if (!z.over_t) return -1;
    }
    search(&z, norders);
    for (int k = 0; k < z.n; k++) {
        out[k] = (Candidate){.name = strategy_arrangement_name(arena, in, z.best[k].a),
                             .arrangement = z.best[k].a,
                             .data = strategy_arranged_phantom(arena, in, z.best[k].a, z.copies),
                             .make = strategy_arrange_seconds(in, z.best[k].a, l->threads)};
        if (!lowered(l, &out[k])) return -1;
    }
    return z.n;
}
int candidates_of(Arena *arena, const Integration *in, int threads, const CandidateScope *given, CandidateLower lower,
                  void *user, Candidate *out, const IrNode **by_place) {
    CandidateScope scope = *given;
    int norders = scope.norders, n = 0;
    Lowering z = {lower, user, threads, NULL};
    *by_place = NULL;
    z.over_t = lower(user, &(CandidateProgram){.data = in, .strategy = "factorized", .first = true});
    if (!z.over_t) return 0;
    out[n++] = (Candidate){.name = "factorized", .arrangement = {.sort_by = -1}, .data = in};
    if (!lowered(&z, &out[0])) return 0;
    bool other = scope.gram && out[0].func->residuals;
    if (other && scope.most > CANDIDATES - 5) scope.most = CANDIDATES - 5;
    if (norders && !ir_order_is_free(out[0].func, out[0].func->tables.data[0].target_space, by_place)) norders = 0;
    if (norders || scope.absorbable) {
        int arranged = add_arranged(arena, &z, in, &scope, norders, out + n);
        if (arranged < 0) return 0;
        n += arranged;
    }
    int best = -1, joined = n;
    for (int i = 1; i < n; i++)
        if (best < 0 || candidate_analytic(&out[i]) < candidate_analytic(&out[best])) best = i;
    if (scope.joined) {
        out[n] = (Candidate){.name = "materialized",
                             .materialize = true,
                             .arrangement = {.sort_by = -1},
                             .data = strategy_phantom(arena, in),
                             .make = strategy_join_seconds(in, false)};
        if (!lowered(&z, &out[n++])) return 0;
    }
    if (!other) return n;
    if (!add_other_way(arena, &z, out, &n, 0)) return 0;
    if (scope.joined && !add_other_way(arena, &z, out, &n, joined)) return 0;
    return best < 0 || add_other_way(arena, &z, out, &n, best) ? n : 0;
}

const Candidate *candidates_least(const Candidate *c, int n, const CandidateScope *scope) {
    const Candidate *best = NULL;
    for (int i = 1; i < n; i++)
        if (!c[i].materialize && (!best || candidate_analytic(&c[i]) < candidate_analytic(best))) best = &c[i];
    if (!best) return &c[0];
    bool asked = scope->sort || scope->absorb;
    return asked || candidate_analytic(best) < ARRANGING_GAINS * candidate_analytic(&c[0]) ? best : &c[0];
}

double candidate_analytic(const Candidate *c) {
    return c->cost.seconds + (c->there ? 0 : c->make);
}
double candidate_fitted(const Candidate *c) {
    return c->fitted_run + (c->there ? 0 : c->fitted_make);
}
double candidate_predicted(const Candidate *c) {
    return c->predicted_run + (c->there ? 0 : c->predicted_make);
}
void candidates_predict(const Estimator *e, const Hardware *hw, Candidate *c, int n, double (*x)[NFEATURES]) {
    EffortSeconds here = effort_moved(&e->seconds, &e->hw, hw);
    for (int i = 0; i < n; i++) {
        double inputs[NINPUTS];
        model_inputs(&here, c[i].effort, x[i], inputs);
        c[i].fitted_run = effort_run_seconds(&here, c[i].effort);
        c[i].fitted_make = effort_make_seconds(&here, c[i].effort);
        c[i].predicted_run = c[i].fitted_run * exp(forest_predict(&e->run, inputs));
        c[i].predicted_make = c[i].fitted_make * exp(forest_predict(&e->make, inputs));
    }
}
