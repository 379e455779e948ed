/* run_choose.c: how a training runs: factorized or materialized, and factorized over which arrangement of the rows
 * (contract: run_internal.h).
 *
 * What was asked for comes first, then logic (strategy.h), then estimates: the training is lowered and optimized on
 * each candidate, real or phantom, and costed. The estimator's model ranks the candidates; where there is none, or none
 * for what is asked, the analytic cost decides and says so. */
#include "compiler/estimator/consult.h"
#include "compiler/run_internal.h"

enum {
    ARRANGEMENTS_BY_COST = 3
}; /* where only the best of them counts: each takes as long as preparing the training */

IrFunc *run_lower_candidate(void *user, const CandidateProgram *p) {
    const LoweringOf *z = user;
    const IrFunc *f = p->over_t;
    if (!f) {
        LowerEnv env = run_env(z->r);
        const Training *t = z->t;
        Lowered *l = lower_fit(&env, t->a, t->nhyper, t->hyper, p->data, t->s->span, t->s->train.name.text);
        if (!l) return NULL;
        f = l->func;
    }
    PassOptions o = run_passes(z->r, p->strategy);
    o.dump_after = NULL;
    return candidate_optimize(p, f, &o);
}

/* ---- what was asked for ---- */
static bool is_word(const char *asked, const char *word) {
    return asked && !strcmp(asked, word);
}
/* "auto", and nothing said. */
static bool is_open(const char *asked) {
    return !asked || is_word(asked, "auto");
}
static bool names_tables(const char *asked) {
    return !is_open(asked) && !is_word(asked, "never") && !is_word(asked, "always");
}
static bool scope_orders(Run *r, const Training *t, const Integration *in, CandidateScope *s) {
    const char *asked = r->o->sort;
    int kept = 0, n = s->norders;
    s->sort = !is_open(asked) && !is_word(asked, "never");
    for (int k = 0; k < n && !is_word(asked, "never"); k++)
        if (!names_tables(asked) || !strcmp(strategy_order_name(in, s->orders[k]), asked))
            s->orders[kept++] = s->orders[k];
    s->norders = kept;
    if (!names_tables(asked) || kept) {
        if (!run_training_backend(r)->sorted_rows) s->norders = 0;
        return true;
    }
    Diag *d = diag_error(r->ds, "E464", t->s->span, "the rows of %s cannot be sorted by `%s`",
                         run_data_name(r, &t->s->train.on), asked);
    Buf names = {0};
    CandidateScope all = candidates_scope(in);
    for (int k = 0; k < n; k++) buf_printf(&names, "%s%s", k ? ", " : "", strategy_order_name(in, all.orders[k]));
    if (n)
        diag_help(d, "its rows repeat those of: %s", names.data);
    else
        diag_help(d, "no table has rows that its rows repeat: leave out %s", r->o->sort_by);
    buf_free(&names);
    return false;
}
static bool scope_roles(Run *r, const Training *t, const Integration *in, CandidateScope *s) {
    const char *asked = r->o->absorb, *wrong;
    int len;
    uint64_t all = s->absorbable;
    s->absorb = !is_open(asked) && !is_word(asked, "never");
    /* a built program carries code for what its script asks for, and for nothing else absorbed */
    if (is_word(asked, "never") || (r->o->carried && is_open(asked))) s->absorbable = 0;
    if (!names_tables(asked)) return true;
    if (!strategy_roles_named(in, asked, &s->exactly, &wrong, &len)) {
        Diag *d = diag_error(r->ds, "E465", t->s->span, "`%.*s` cannot be absorbed into %s", len, wrong,
                             run_data_name(r, &t->s->train.on));
        if (all)
            diag_help(d, "its rows read in any order, or repeat, those of: %s", strategy_role_names(r->arena, in, all));
        else
            diag_help(d, "no table has rows that its rows read in any order, or repeat: leave out %s", r->o->absorb_by);
        return false;
    }
    s->absorbable = s->exactly;
    uint64_t sorting = s->sort && s->norders ? 1ull << in->spaces[in->indicators[s->orders[0]].space].role : 0;
    if (names_tables(r->o->sort) && sorting & s->exactly) {
        diag_help(diag_error(r->ds, "E465", t->s->span, "`%s` cannot be absorbed into rows that are sorted by it",
                             r->o->sort),
                  "leave out %s, or that table in %s", r->o->sort_by, r->o->absorb_by);
        return false;
    }
    return true;
}

bool run_candidate_scope(Run *r, const Training *t, const Integration *in, CandidateScope *out) {
    *out = candidates_scope(in);
    return scope_orders(r, t, in, out) && scope_roles(r, t, in, out);
}

/* ---- the reasons ---- */
static const char *reason(Run *r, const char *asked, const char *by) {
    return is_open(asked) ? "which the estimate says pays" : arena_printf(r->arena, "asked for with %s %s", by, asked);
}
static const char *arranged_text(Run *r, const Integration *in, const StrategyChoice *c) {
    const char *why = c->why;
    Arrangement a = c->arrangement;
    if (a.sort_by >= 0)
        why = arena_printf(r->arena, "%s; rows sorted by %s, %s", why, strategy_order_name(in, a.sort_by),
                           reason(r, r->o->sort, r->o->sort_by));
    if (a.absorbed)
        why = arena_printf(r->arena, "%s; %s absorbed, %s", why, strategy_role_names(r->arena, in, a.absorbed),
                           reason(r, r->o->absorb, r->o->absorb_by));
    return why;
}

/* The model, when it can be asked; else *why_not says why the analytic cost decides. */
static const Estimator *model_for(Run *r, const CandidateScope *s, const char **why_not) {
    bool broken;
    if (run_training_backend(r) != &backend_c) return *why_not = "the learned model is of the c backend", NULL;
    if (s->sort) return *why_not = "rows are sorted as asked", NULL;
    if (s->absorb) return *why_not = "tables are absorbed as asked", NULL;
    const Estimator *e = estimator_current(why_not, &broken);
    if (broken)
        diag_help(diag_warn(r->ds, "W607", (Span){0}, "the estimator's model cannot be used: %s", *why_not),
                  "the analytic cost decides meanwhile; `amal calibrate --train` writes a model anew");
    return e;
}

/* ---- the choice ---- */
/* Built programs carry code for one order, that of the least cost, and for the rows in their own. Returns what is left
 * of the n candidates. */
static int leave_carried(Candidate *c, int n) {
    bool carried[CANDIDATES];
    int kept = 1;
    for (int i = 1; i < n; i++) {
        carried[i] = true;
        for (int k = 1; k < n && !c[i].materialize; k++) {
            bool alike = !c[k].materialize && (c[k].arrangement.sort_by >= 0) == (c[i].arrangement.sort_by >= 0);
            double mine = candidate_analytic(&c[i]), its = candidate_analytic(&c[k]);
            if (alike && (its < mine || (its == mine && k < i))) carried[i] = false;
        }
    }
    for (int i = 1; i < n; i++)
        if (carried[i]) c[kept++] = c[i];
    return kept;
}
/* Among the factorized ways when `decided`, which `before` says why. */
static StrategyChoice choose_learned(Run *r, const Integration *in, const Estimator *e, bool decided,
                                     const char *before, Candidate *c, int n) {
    const char *why;
    const Candidate *best = consult(r->arena, e, in, r->o->threads, decided, c, n, &why);
    bool plain = !best->materialize && !best->gram && arrangement_is_plain(best->arrangement);
    const char *text = !decided ? why : plain ? before : NULL;
    if (!text)
        text = arena_printf(r->arena, "%s; %s%s: %s", before, best->arrangement.sort_by >= 0 ? "rows " : "", best->name,
                            why);
    StrategyWay *ways = arena_array(r->arena, StrategyWay, n);
    for (int i = 0; i < n; i++)
        ways[i] = (StrategyWay){c[i].name, candidate_analytic(&c[i]), candidate_predicted(&c[i]), best == &c[i]};
    return (StrategyChoice){.materialize = best->materialize,
                            .arrangement = best->arrangement,
                            .gram = best->gram,
                            .why = text,
                            .nways = n,
                            .ways = ways};
}
static StrategyChoice choose_by_cost(Run *r, const Integration *in, const CandidateScope *s,
                                     const StrategyChoice *so_far, const char *unlearned, const Candidate *c, int n) {
    const Candidate *best = candidates_least(c, n, s);
    StrategyChoice choice = *so_far;
    if (s->joined) {
        IrCost factorized = best->cost;
        factorized.seconds = candidate_analytic(best);
        choice = strategy_by_cost(r->arena, in, c[n - 1].there, factorized, c[n - 1].cost, unlearned);
    }
    if (!choice.materialize) choice.arrangement = best->arrangement;
    choice.why = arranged_text(r, in, &choice);
    return choice;
}

StrategyChoice run_choose_strategy(Run *r, const Training *t, const Integration *in) {
    StrategyChoice c = {.arrangement = {.sort_by = -1}}, failed = {0};
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
    CandidateScope s;
    if (!run_candidate_scope(r, t, in, &s)) return failed;
    bool one_way = !s.norders && !s.absorbable;     /* when it is decided; X'X is another question */
    bool gram = !r->o->carried && !r->o->rehearsal; /* a built program has the code that the analytic cost prefers */
    if (decided && !c.of_thumb && one_way && !gram) return c;
    const char *unlearned = NULL;
    const Estimator *e = model_for(r, &s, &unlearned);
    if (e && c.of_thumb) {
        decided = false;
        c.rule = NULL;
    }
    s.gram = gram && e && e->gram;
    if (decided && one_way && !s.gram) return c;
    s.joined = e || !decided;
    if (!e) s.most = ARRANGEMENTS_BY_COST;
    Candidate ways[CANDIDATES];
    const IrNode *by_place;
    int n = candidates_of(r->arena, in, r->o->threads, &s, run_lower_candidate, &(LoweringOf){r, t}, ways, &by_place);
    if (!n) return failed;
    if (decided && one_way && !ways[0].func->residuals) return c;
    if (by_place && names_tables(r->o->sort)) {
        diag_help(diag_error(r->ds, "E464", by_place->span,
                             "this takes rows by their place: they cannot be sorted by `%s`", r->o->sort),
                  "leave out %s", r->o->sort_by);
        return failed;
    }
    for (int i = 0; i < n; i++)
        ways[i].there = ways[i].materialize ? there : data_is_arranged(r->data, in, ways[i].arrangement);
    if (r->o->carried) n = leave_carried(ways, n);
    const char *rule = c.rule;
    c = e ? choose_learned(r, in, e, decided, c.why, ways, n) : choose_by_cost(r, in, &s, &c, unlearned, ways, n);
    c.rule = rule;
    return c;
}
