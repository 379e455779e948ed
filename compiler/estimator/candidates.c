/* candidates.c: the ways to run a training (contract: candidates.h). */
#include "compiler/estimator/candidates.h"
#include <math.h>

int candidates_of(Arena *arena, const Integration *in, int threads, bool sorting, CandidateLower lower, void *user,
                  Candidate *out) {
    int by[MAX_ROLES], orders = sorting ? strategy_orders(in, by, MAX_ROLES) : 0, n = 0;
    const IrNode *at;
    out[n++] = (Candidate){.name = "factorized", .sort_by = -1, .data = in};
    if (!(out[0].func = lower(user, in, "factorized"))) return 0;
    if (orders && !ir_order_is_free(out[0].func, out[0].func->tables.data[0].target_space, &at)) orders = 0;
    for (int k = 0; k < orders; k++) {
        Candidate c = {.name = arena_printf(arena, "sorted by %s", strategy_order_name(in, by[k])),
                       .sort_by = by[k],
                       .data = strategy_sorted_phantom(arena, in, by[k]),
                       .make = strategy_sort_seconds(in, threads)};
        if (!(c.func = lower(user, c.data, "factorized"))) return 0;
        c.cost = ir_cost(c.func, threads);
        if (n <= CANDIDATE_ORDERS) /* one more */
            out[n++] = c;
        else /* in the place of the one that costs most */
            for (int i = 1, worst = 1; i <= CANDIDATE_ORDERS; i++) {
                if (out[i].cost.seconds > out[worst].cost.seconds) worst = i;
                if (i == CANDIDATE_ORDERS && c.cost.seconds < out[worst].cost.seconds) out[worst] = c;
            }
    }
    out[n++] = (Candidate){.name = "materialized",
                           .materialize = true,
                           .sort_by = -1,
                           .data = strategy_phantom(arena, in),
                           .make = strategy_join_seconds(in, false)};
    for (int i = 0; i < n; i++) {
        Candidate *c = &out[i];
        if (!c->func && !(c->func = lower(user, c->data, c->materialize ? "materialized" : "factorized"))) return 0;
        c->cost = ir_cost(c->func, threads);
    }
    return n;
}

double candidate_analytic(const Candidate *c) {
    return c->cost.seconds + (c->there ? 0 : c->make);
}
double candidate_predicted(const Candidate *c) {
    return c->predicted_run + (c->there ? 0 : c->predicted_make);
}
void candidates_predict(const Estimator *e, Candidate *c, int n, double (*x)[NFEATURES]) {
    for (int i = 0; i < n; i++) {
        c[i].predicted_run = c[i].cost.seconds * exp(forest_predict(&e->run, x[i]));
        c[i].predicted_make = c[i].make * exp(forest_predict(&e->make, x[i]));
    }
}
