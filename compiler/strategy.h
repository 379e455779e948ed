/* strategy.h: factorized or materialized? The logical rules of semantics.md "Choosing", each with its guard, then the
 * analytic cost. The learned estimator (compiler/estimator) stands between them; `why` always says what decided. */
#ifndef AMAL_STRATEGY_H
#define AMAL_STRATEGY_H
#include "compiler/driver.h"

/* One way that was weighed: seconds of it, making its data included. */
typedef struct StrategyWay {
    const char *name; /* "factorized", "sorted by R", "materialized" */
    double analytic, predicted;
    bool chosen;
} StrategyWay;
typedef struct StrategyChoice {
    bool materialize;
    int sort_by; /* factorized: the indicator that T's rows are sorted by; -1: as they are */
    const char *why;
    int nways; /* that were weighed with figures: by the estimator's model, or on CPU and GPU; 0: why says all */
    const StrategyWay *ways;
    const char *rule; /* what was asked for, or the logic that left no choice between joined and not; NULL: estimates did */
    const struct Backend *backend; /* that runs it; NULL: the one that was asked for, or the default */
} StrategyChoice;

/* Row order. Which indicators sorting the rows by may pay: those through which rows of a table are read more than once.
 * The widest come first. Returns their number, at most `most`. */
int strategy_orders(const Integration *in, int *out, int most);
/* What integration_sort(in, indicator) would be, with sizes but no cells: for costing a function on it. In the arena.
 */
const Integration *strategy_sorted_phantom(Arena *arena, const Integration *in, int indicator);
/* Estimate of what sorting takes. */
double strategy_sort_seconds(const Integration *in, int threads);
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
/* True when logic alone decides. Rules (numbers as in semantics.md): one source; memory; 2 key/foreign-key joins that
 * repeat wide rows; 3 M:N joins; 4 unions. */
bool strategy_by_rule(Arena *arena, const Integration *in, bool already_materialized, StrategyChoice *out);
/* Does the joined table fit in this machine's memory, with room for the rest? */
bool strategy_fits_memory(const Integration *in);
/* What T would be as one block, with sizes but no cells: for costing a function on it. In the arena. */
const Integration *strategy_phantom(Arena *arena, const Integration *in);
/* What it should take to make T. */
double strategy_join_seconds(const Integration *in, bool already_materialized);
/* `factorized`, `materialized`: the functions' costs on each, sorting included. Adds what it takes to make T unless it
 * is there. Rule 1 is decided here. unlearned: why the estimator's model was not asked. */
StrategyChoice strategy_by_cost(Arena *arena, const Integration *in, bool already_materialized, IrCost factorized,
                                IrCost materialized, const char *unlearned);
#endif
