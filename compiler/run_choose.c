/* run_choose.c: how a training runs: factorized or materialized, and factorized over which order of the rows (contract:
 * run_internal.h).
 *
 * What was asked for comes first, then logic (strategy.h), then estimates: the training is lowered and optimized on
 * each candidate, real or phantom, and costed. The estimator's model ranks the candidates; where there is none, or none
 * for what is asked, the analytic cost decides and says so. */
#include "compiler/estimator/consult.h"
#include "compiler/run_internal.h"

/* What a training would take on `data`, which may be a phantom. false: reported. */
static bool cost_of(Run *r, const Training *t, const Integration *data, const char *strategy, IrCost *cost,
                    IrFunc **made) {
    LowerEnv env = run_env(r);
    Lowered *l = lower_fit(&env, t->a, t->nhyper, t->hyper, data, t->s->span, t->s->train.name.text);
    if (!l) return false;
    PassOptions o = run_passes(r, strategy);
    o.dump_after = NULL;
    *made = ir_optimize(l->func, &o);
    *cost = ir_cost(*made, r->o->threads);
    return true;
}

/* The order of T's rows for a factorized training: as they are, or sorted by a table's rows when the estimate says that
 * it pays, or when it was asked for. `cost` becomes that of the choice, sorting included. false: reported. */
#define SORTING_GAINS 0.95 /* of the time without: below that the estimate is not worth trusting */
static bool choose_order(Run *r, const Training *t, const Integration *in, bool cost_wanted, StrategyChoice *c,
                         IrCost *cost) {
    enum { ORDERS = 4 }; /* so many, the widest, are estimated: each takes as long as preparing the training */
    IrFunc *f;
    int *by = arena_array(r->arena, int, in->nindicators + 1), n = strategy_orders(in, by, in->nindicators);
    const char *asked = r->o->sort;
    bool never = asked && !strcmp(asked, "never"), always = asked && !strcmp(asked, "always");
    if (asked && (always || !strcmp(asked, "auto"))) asked = NULL;
    bool known = !asked || never;
    for (int k = 0; k < n && asked; k++) known = known || !strcmp(strategy_order_name(in, by[k]), asked);
    if (!known) {
        Diag *d = diag_error(r->ds, "E464", t->s->span, "the rows of %s cannot be sorted by `%s`",
                             run_data_name(r, &t->s->train.on), asked);
        Buf names = {0};
        for (int k = 0; k < n; k++) buf_printf(&names, "%s%s", k ? ", " : "", strategy_order_name(in, by[k]));
        if (n)
            diag_help(d, "its rows repeat those of: %s", names.data);
        else
            diag_help(d, "no table has rows that its rows repeat: leave out %s", r->o->sort_by);
        buf_free(&names);
        return false;
    }
    const IrNode *at = NULL;
    bool sortable = n && !never && run_training_backend(r)->sorted_rows;
    if (!sortable && !cost_wanted) return true;
    if (!cost_of(r, t, in, "factorized", cost, &f)) return false;
    if (!sortable) return true;
    if (!ir_order_is_free(f, f->tables.data[0].target_space, &at)) {
        if (!asked) return true;
        diag_help(
            diag_error(r->ds, "E464", at->span, "this takes rows by their place: they cannot be sorted by `%s`", asked),
            "leave out %s", r->o->sort_by);
        return false;
    }
    IrCost plain = *cost;
    for (int k = 0; k < n; k++) {
        const char *name = strategy_order_name(in, by[k]);
        IrCost sorted;
        if (asked ? strcmp(name, asked) != 0 : k >= ORDERS) continue;
        if (!cost_of(r, t, strategy_sorted_phantom(r->arena, in, by[k]), "factorized", &sorted, &f)) return false;
        double sorting = data_is_sorted(r->data, in, by[k]) ? 0 : strategy_sort_seconds(in, r->o->threads);
        sorted.seconds += sorting;
        bool better =
            c->sort_by >= 0 ? sorted.seconds < cost->seconds : always || sorted.seconds < SORTING_GAINS * plain.seconds;
        if (asked || better) {
            c->sort_by = by[k];
            *cost = sorted;
        }
    }
    return true;
}
static const char *order_text(Run *r, const Integration *in, const StrategyChoice *c) {
    if (c->sort_by < 0) return c->why;
    return arena_printf(r->arena, "%s; rows sorted by %s, %s", c->why, strategy_order_name(in, c->sort_by),
                        r->o->sort && strcmp(r->o->sort, "auto")
                            ? arena_printf(r->arena, "asked for with %s %s", r->o->sort_by, r->o->sort)
                            : "which the estimate says pays");
}

/* The model, when it can be asked; else *why_not says why the analytic cost decides. */
static const Estimator *model_for(Run *r, const char **why_not) {
    bool broken;
    if (run_training_backend(r) != &backend_c) return *why_not = "the learned model is of the c backend", NULL;
    if (r->o->sort && strcmp(r->o->sort, "auto") && strcmp(r->o->sort, "never"))
        return *why_not = "rows are sorted as asked", NULL;
    const Estimator *e = estimator_current(why_not, &broken);
    if (broken)
        diag_help(diag_warn(r->ds, "W607", (Span){0}, "the estimator's model cannot be used: %s", *why_not),
                  "the analytic cost decides meanwhile; `amal calibrate --train` writes a model anew");
    return e;
}
IrFunc *run_lower_candidate(void *user, const Integration *data, const char *strategy) {
    const LoweringOf *l = user;
    IrCost cost;
    IrFunc *f;
    return cost_of(l->r, l->t, data, strategy, &cost, &f) ? f : NULL;
}
/* Among the factorized ways when `decided`, which `before` says why. NULL why: reported. */
static StrategyChoice choose_learned(Run *r, const Training *t, const Integration *in, const Estimator *e, bool decided,
                                     const char *before) {
    Candidate c[CANDIDATES];
    bool never = r->o->sort && !strcmp(r->o->sort, "never");
    const char *why;
    int n = candidates_of(r->arena, in, r->o->threads, !never, run_lower_candidate, &(LoweringOf){r, t}, c);
    if (!n) return (StrategyChoice){0};
    for (int i = 2; r->o->carried && i < n - 1;) { /* a built program carries code for the order that `always` means */
        int worse = candidate_analytic(&c[i]) < candidate_analytic(&c[1]) ? 1 : i;
        memmove(&c[worse], &c[worse + 1], sizeof *c * (size_t)(--n - worse));
    }
    for (int i = 0; i < n; i++)
        c[i].there = c[i].materialize    ? data_is_materialized(r->data, in)
                     : c[i].sort_by >= 0 ? data_is_sorted(r->data, in, c[i].sort_by)
                                         : true;
    const Candidate *best = consult(r->arena, e, in, r->o->threads, decided, c, n, &why);
    const char *text = !decided ? why : best->sort_by < 0 ? before : NULL;
    if (!text) text = arena_printf(r->arena, "%s; rows %s: %s", before, best->name, why);
    StrategyWay *ways = arena_array(r->arena, StrategyWay, n);
    for (int i = 0; i < n; i++)
        ways[i] = (StrategyWay){c[i].name, candidate_analytic(&c[i]), candidate_predicted(&c[i]), best == &c[i]};
    return (StrategyChoice){best->materialize, best->sort_by, text, .nways = n, .ways = ways};
}

StrategyChoice run_choose_strategy(Run *r, const Training *t, const Integration *in) {
    StrategyChoice c = {.sort_by = -1};
    IrCost factorized, materialized;
    bool there = data_is_materialized(r->data, in), decided = r->o->strategy != STRATEGY_AUTO;
    if (decided) {
        c.materialize = r->o->strategy == STRATEGY_MATERIALIZE;
        c.why = arena_printf(r->arena, "asked for with %s %s", r->o->strategy_by,
                             c.materialize ? "materialize" : "factorize");
    } else {
        decided = strategy_by_rule(r->arena, in, there, &c);
    }
    if (decided) c.rule = c.why;
    if (decided && c.materialize) return c;
    const char *unlearned = NULL;
    const Estimator *e = model_for(r, &unlearned);
    int by;
    if (e && decided && !strategy_orders(in, &by, 1)) return c; /* one way is left */
    if (e) {
        const char *rule = c.rule;
        c = choose_learned(r, t, in, e, decided, c.why);
        c.rule = rule;
        return c;
    }
    if (!choose_order(r, t, in, !decided, &c, &factorized)) return (StrategyChoice){0};
    if (!decided) {
        IrFunc *f;
        if (!cost_of(r, t, strategy_phantom(r->arena, in), "materialized", &materialized, &f))
            return (StrategyChoice){0};
        int sort_by = c.sort_by;
        c = strategy_by_cost(r->arena, in, there, factorized, materialized, unlearned);
        if (!c.materialize) c.sort_by = sort_by;
    }
    c.why = order_text(r, in, &c);
    return c;
}
