/* strategy.c: the choice between training on the sources and training on the joined table (contract: strategy.h; how
 * the rows lie: strategy_arrange.c).
 *
 * Sizes: the width of a block is what one row of it stores (rule 7: a one-hot column counts 1, a sparse block its mean
 * non-zeros). tuple ratio = rows of T / rows used of the repeated tables; feature ratio = width of the repeated tables
 * / width of the others. */
#include "compiler/strategy.h"
#include "compiler/machine.h"
#include "ir/level1.h"

/* Rule 2: above this tuple ratio at this feature ratio the gather always pays (performance.md, break-even table, the
 * slowest algorithm of it, with a margin). */
static const struct { double feature_ratio, tuple_ratio; } repeats_pay[] = {{4, 5}, {2, 8}, {1, 20}};
#define MN_FACTOR 4.0          /* rule 3: rows of T per row of its sources */
#define UNION_ROWS_A_PASS 1000 /* rule 4: below it a pass's overhead is felt */
#define MEMORY_SHARE 0.8       /* of the memory that the process may have: T may take it */
#define COPY_BYTES_A_SECOND 3e9

double strategy_block_width(const Integration *in, const IntBlock *b) {
    const Matrix *m = b->data;
    int64_t rows = in->spaces[b->space].rows;
    if (m->kind == MAT_CODES) return 1;
    if (m->kind == MAT_CSR) return rows > 0 ? (double)mat_nnz(m) / (double)rows : 0;
    return (double)m->cols;
}

bool strategy_bytes_fit(double bytes) {
    double memory = machine_memory();
    return memory <= 0 || bytes <= MEMORY_SHARE * memory;
}
bool strategy_fits_memory(const Integration *in) {
    return strategy_bytes_fit((double)integration_materialized_bytes(in));
}

StrategyRatios strategy_ratios(const Integration *in) {
    StrategyRatios q = {.widest = ""};
    double used = 0, widest = 0;
    for (int i = 0; i < in->nblocks; i++) {
        const IntBlock *b = &in->blocks[i];
        const Indicator *ind = &in->indicators[b->indicator];
        double w = strategy_block_width(in, b);
        if (in->spaces[b->space].role < 0 || ind->injective) {
            q.once += w;
            continue;
        }
        q.repeated += w;
        used += w * (double)ind->used;
        if (w > widest) {
            widest = w;
            q.widest = in->spaces[b->space].name;
        }
    }
    if (q.repeated > 0) {
        q.tuple_ratio = used > 0 ? (double)in->rows * q.repeated / used : 0;
        q.feature_ratio = q.once > 0 ? q.repeated / q.once : 1e9;
    }
    return q;
}

bool strategy_by_rule(Arena *arena, const Integration *in, bool already_materialized, StrategyChoice *out) {
    *out = (StrategyChoice){.arrangement = {.sort_by = -1}};
    bool plain = true;
    for (int i = 0; i < in->nblocks; i++) plain = plain && in->indicators[in->blocks[i].indicator].identity;
    if (plain && in->nblocks <= 1) {
        out->why = "one table already holds every column: there is nothing to join";
        return true;
    }
    double bytes = (double)integration_materialized_bytes(in), memory = machine_memory();
    if (!already_materialized && !strategy_fits_memory(in)) {
        out->why = arena_printf(arena, "the joined table would take %.1f GB and there are %.1f GB for it and the rest",
                                bytes / 1e9, memory / 1e9);
        return true;
    }
    out->of_thumb = true;
    StrategyRatios q = strategy_ratios(in);
    double sources = 0, repeated = q.repeated;
    for (int k = 0; k < in->spec->nroles; k++) {
        const Table *t = in->spec->tables[in->spec->roles[k].source];
        sources += t ? (double)t->rows : 0;
    }
    if (strcmp(in->kind, "union") == 0 && in->nblocks > 0 && in->rows / in->nblocks >= UNION_ROWS_A_PASS) {
        out->why = "rule 4: a union reads the same cells either way, and factorized copies none of them";
        return true;
    }
    if (repeated > 0 && sources > 0 && (double)in->rows > MN_FACTOR * sources) {
        out->why =
            arena_printf(arena, "rule 3: the join makes %lld rows from %.0f source rows", (long long)in->rows, sources);
        return true;
    }
    if (repeated <= 0) return out->of_thumb = false;
    for (size_t i = 0; i < sizeof repeats_pay / sizeof *repeats_pay; i++)
        if (q.feature_ratio >= repeats_pay[i].feature_ratio && q.tuple_ratio >= repeats_pay[i].tuple_ratio) {
            out->why = arena_printf(arena,
                                    "rule 2: each row of %s and the like serves %.0f rows of the target, and they hold "
                                    "%.0f %% of its width",
                                    q.widest, q.tuple_ratio, 100 * repeated / (repeated + q.once));
            return true;
        }
    return out->of_thumb = false;
}

const Integration *strategy_phantom(Arena *arena, const Integration *in) {
    Integration *t = arena_new_of(arena, Integration);
    *t = *in;
    t->materialized = true;
    t->owns = false;
    t->nspaces = t->nindicators = t->nblocks = 1;
    t->spaces = arena_new_of(arena, IntSpace);
    *t->spaces = (IntSpace){.name = in->spec->target, .role = -1, .rows = in->rows};
    t->indicators = arena_new_of(arena, Indicator);
    *t->indicators = (Indicator){
        .rows = in->rows, .identity = true, .total = true, .ascending = true, .injective = true, .used = in->rows};
    t->blocks = arena_new_of(arena, IntBlock);
    int64_t nnz = integration_materialized_nnz(in);
    Matrix *m = arena_new_of(arena, Matrix);
    *m = (Matrix){
        .kind = MAT_DENSE, .rows = in->rows, .cols = in->cols, .ld = in->cols, .single = integration_is_single(in)};
    if ((double)nnz < 0.25 * (double)in->rows * (double)in->cols) {
        m->kind = MAT_CSR;
        m->rowptr = arena_array(arena, int64_t, in->rows + 1);
        m->rowptr[in->rows] = nnz;
    }
    int32_t *cols = arena_array(arena, int32_t, in->cols + 1);
    for (int64_t j = 0; j < in->cols; j++) cols[j] = (int32_t)j;
    *t->blocks = (IntBlock){.data = m, .target_cols = cols, .label = in->spec->target};
    return t;
}

/* Rule 1's guard: a full tgd (every role in every row) that uses every source row at most once. */
static bool nothing_repeats(const Integration *in) {
    if (strcmp(in->kind, "inner") != 0) return false;
    for (int i = 0; i < in->nblocks; i++)
        if (!in->indicators[in->blocks[i].indicator].injective) return false;
    return true;
}

double strategy_join_seconds(const Integration *in, bool already_materialized) {
    return already_materialized ? 0 : (double)integration_materialized_bytes(in) / COPY_BYTES_A_SECOND;
}

StrategyChoice strategy_by_cost(Arena *arena, const Integration *in, bool already_materialized, IrCost factorized,
                                IrCost materialized, const char *unlearned) {
    double make = strategy_join_seconds(in, already_materialized);
    StrategyChoice c = {.arrangement = {.sort_by = -1},
                        .materialize = materialized.seconds + make < factorized.seconds};
    const char *joined =
        already_materialized ? "already joined" : arena_printf(arena, "%.3g s of it for joining", make);
    c.why = arena_printf(
        arena, "%sestimated %.3g s factorized against %.3g s materialized, %s (analytic cost: %s)",
        c.materialize && nothing_repeats(in) ? "rule 1: no source row is used twice, and the join pays; " : "",
        factorized.seconds, materialized.seconds + make, joined, unlearned);
    return c;
}
