/* strategy.h: factorized or materialized? The logical rules of semantics.md "Choosing", each with its guard, then the
 * analytic cost. The learned estimator (compiler/estimator) stands between them; `why` always says what decided. */
#ifndef AMAL_STRATEGY_H
#define AMAL_STRATEGY_H
#include "compiler/driver.h"

/* One way that was weighed: seconds of it, making its data included. */
typedef struct StrategyWay {
    const char *name; /* "factorized", "sorted by R", "S and U absorbed", "materialized" */
    double analytic, predicted;
    bool chosen;
} StrategyWay;
typedef struct StrategyChoice {
    bool materialize;
    bool of_thumb; /* a rule decided that is mostly right (2 to 4): a model that knows better is asked instead */
    Arrangement arrangement; /* factorized: how T's rows lie */
    IrGram gram;             /* loops on X'X, or over the rows, other than by the analytic cost */
    const char *why;
    int nways; /* that were weighed with figures: by the estimator's model, or on CPU and GPU; 0: why says all */
    const StrategyWay *ways;
    const char
        *rule; /* what was asked for, or the logic that left no choice between joined and not; NULL: estimates did */
    const struct Backend *backend; /* that runs it; NULL: the one that was asked for, or the default */
    double seconds;                /* that choosing took, a model's reading included */
} StrategyChoice;

/* Row order. Which indicators sorting the rows by may pay: those through which rows of a table are read more than once.
 * The widest come first. Returns their number, at most `most`. */
int strategy_orders(const Integration *in, int *out, int most);
/* The roles that absorbing may pay: those of which rows of T read rows out of order, or more than once, and that
 * sorting (sort_by as in Arrangement) does not copy already. A set. */
uint64_t strategy_absorbable(const Integration *in, int sort_by);
/* The set of the roles of those names, separated by commas; false: *wrong, of *len bytes, is none that can be absorbed.
 */
bool strategy_roles_named(const Integration *in, const char *names, uint64_t *out, const char **wrong, int *len);
/* "R", "R and S" */
const char *strategy_role_names(Arena *arena, const Integration *in, uint64_t roles);
/* "sorted by R with S absorbed"; "factorized" when nothing is arranged. In the arena. */
const char *strategy_arrangement_name(Arena *arena, const Integration *in, Arrangement a);
/* What integration_arrange() would make, with sizes but no cells: for costing a function on it. In the arena. `copies`
 * remembers blocks' copies by block (in->nblocks, NULL at first). */
const Integration *strategy_arranged_phantom(Arena *arena, const Integration *in, Arrangement a, Matrix **copies);
/* Estimate of what arranging takes. */
double strategy_arrange_seconds(const Integration *in, Arrangement a, int threads);
/* Do its copies fit in this machine's memory, with room for the rest? */
bool strategy_arrangement_fits(const Integration *in, Arrangement a);
/* The role whose rows an indicator picks. */
const char *strategy_order_name(const Integration *in, int indicator);
/* Widths and ratios of the tables (strategy.c): of those whose rows the target repeats, and of the others. Ratios are 0
 * when none is repeated. */
typedef struct StrategyRatios {
    double once, repeated; /* width of what a row stores */
    double tuple_ratio, feature_ratio;
    const char *widest; /* the repeated role with the most columns */
} StrategyRatios;
StrategyRatios strategy_ratios(const Integration *in);
/* True when logic alone decides. Rules (numbers as in semantics.md): one source; memory; and, of thumb, 2
 * key/foreign-key joins that repeat wide rows; 3 M:N joins; 4 unions. */
bool strategy_by_rule(Arena *arena, const Integration *in, bool already_materialized, StrategyChoice *out);
/* Does the joined table fit in this machine's memory, with room for the rest? */
bool strategy_fits_memory(const Integration *in);
bool strategy_bytes_fit(double bytes);
/* Numbers that a row of a block stores: 1 when one-hot, its mean non-zeros when sparse. */
double strategy_block_width(const Integration *in, const IntBlock *b);
/* What T would be as one block, with sizes but no cells: for costing a function on it. In the arena. */
const Integration *strategy_phantom(Arena *arena, const Integration *in);
/* What it should take to make T. */
double strategy_join_seconds(const Integration *in, bool already_materialized);
/* `factorized`, `materialized`: the functions' costs on each, arranging included. Adds what it takes to make T unless
 * it is there. Rule 1 is decided here. unlearned: why the estimator's model was not asked. */
StrategyChoice strategy_by_cost(Arena *arena, const Integration *in, bool already_materialized, IrCost factorized,
                                IrCost materialized, const char *unlearned);
#endif
