/* strategy.c: the choice between training on the sources and training on the joined table (contract: strategy.h).
 *
 * Sizes: the width of a block is what one row of it stores (rule 7: a one-hot column counts 1, a sparse block its mean
 * non-zeros). tuple ratio = rows of T / rows used of the repeated tables; feature ratio = width of the repeated tables
 * / width of the others. */
#include "compiler/strategy.h"
#include "ir/level1.h"
#include <unistd.h>

/* Rule 2: above this tuple ratio at this feature ratio the gather always pays (performance.md, break-even table, the
 * slowest algorithm of it, with a margin). */
static const struct { double feature_ratio, tuple_ratio; } repeats_pay[] = {{4, 5}, {2, 8}, {1, 20}};
#define MN_FACTOR 4.0          /* rule 3: rows of T per row of its sources */
#define UNION_ROWS_A_PASS 1000 /* rule 4: below it a pass's overhead is felt */
#define MEMORY_SHARE 0.8       /* of physical memory that T may take */
#define COPY_BYTES_A_SECOND 3e9

static double block_width(const Integration *in, const IntBlock *b) {
    const Matrix *m = b->data;
    int64_t rows = in->spaces[b->space].rows;
    if (m->kind == MAT_CODES) return 1;
    if (m->kind == MAT_CSR) return rows > 0 ? (double)mat_nnz(m) / (double)rows : 0;
    return (double)m->cols;
}

static double physical_memory(void) {
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (double)pages * (double)size : 0;
}

bool strategy_fits_memory(const Integration *in) {
    double memory = physical_memory();
    return memory <= 0 || (double)integration_materialized_bytes(in) <= MEMORY_SHARE * memory;
}

StrategyRatios strategy_ratios(const Integration *in) {
    StrategyRatios q = {.widest = ""};
    double used = 0, widest = 0;
    for (int i = 0; i < in->nblocks; i++) {
        const IntBlock *b = &in->blocks[i];
        const Indicator *ind = &in->indicators[b->indicator];
        double w = block_width(in, b);
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
    *out = (StrategyChoice){.sort_by = -1};
    bool plain = true;
    for (int i = 0; i < in->nblocks; i++) plain = plain && in->indicators[in->blocks[i].indicator].identity;
    if (plain && in->nblocks <= 1) {
        out->why = "one table already holds every column: there is nothing to join";
        return true;
    }
    double bytes = (double)integration_materialized_bytes(in), memory = physical_memory();
    if (!already_materialized && !strategy_fits_memory(in)) {
        out->why = arena_printf(arena, "the joined table would take %.1f GB and the machine has %.1f GB", bytes / 1e9,
                                memory / 1e9);
        return true;
    }
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
    if (repeated <= 0) return false;
    for (size_t i = 0; i < sizeof repeats_pay / sizeof *repeats_pay; i++)
        if (q.feature_ratio >= repeats_pay[i].feature_ratio && q.tuple_ratio >= repeats_pay[i].tuple_ratio) {
            out->why = arena_printf(arena,
                                    "rule 2: each row of %s and the like serves %.0f rows of the target, and they hold "
                                    "%.0f %% of its width",
                                    q.widest, q.tuple_ratio, 100 * repeated / (repeated + q.once));
            return true;
        }
    return false;
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

/* ---- row order ---- */
#define SORT_SECONDS_A_ROW 6e-9 /* counting sort and the other indexes, one thread */
#define REPEATS_WORTH_SORTING 1.5

const char *strategy_order_name(const Integration *in, int indicator) {
    return in->spaces[in->indicators[indicator].space].name;
}
/* What one row of T reads through an indicator. */
static double width_through(const Integration *in, int indicator) {
    double width = 0;
    for (int b = 0; b < in->nblocks; b++)
        if (in->blocks[b].indicator == indicator) width += block_width(in, &in->blocks[b]);
    return width;
}
int strategy_orders(const Integration *in, int *out, int most) {
    int n = 0;
    for (int i = 0; i < in->nindicators; i++) {
        const Indicator *ind = &in->indicators[i];
        bool owns_columns = false;
        for (int b = 0; b < in->nblocks; b++) owns_columns = owns_columns || in->blocks[b].indicator == i;
        if (!owns_columns || ind->identity || in->spaces[ind->space].role < 0 || !ind->used) continue;
        if ((double)ind->rows < REPEATS_WORTH_SORTING * (double)ind->used) continue;
        int at = n;
        for (double w = width_through(in, i); at > 0 && width_through(in, out[at - 1]) < w; at--)
            if (at < most) out[at] = out[at - 1];
        if (at < most) out[at] = i;
        if (n < most) n++;
    }
    return n;
}
double strategy_sort_seconds(const Integration *in, int threads) {
    double bytes = 0;
    for (int b = 0; b < in->nblocks; b++)
        if (integration_moves_when_sorted(in, b)) bytes += (double)mat_bytes(in->blocks[b].data);
    return SORT_SECONDS_A_ROW * (double)in->rows * (1 + in->nindicators) + ir_seconds(0, 3 * bytes, threads);
}
const Integration *strategy_sorted_phantom(Arena *arena, const Integration *in, int indicator) {
    static int64_t sorted[1];
    Integration *t = arena_new_of(arena, Integration);
    *t = *in;
    t->owns = false;
    t->spaces = arena_array(arena, IntSpace, in->nspaces + 1);
    memcpy(t->spaces, in->spaces, sizeof *in->spaces * (size_t)in->nspaces);
    t->indicators = arena_array(arena, Indicator, in->nindicators + 1);
    memcpy(t->indicators, in->indicators, sizeof *in->indicators * (size_t)in->nindicators);
    t->blocks = arena_array(arena, IntBlock, in->nblocks + 1);
    memcpy(t->blocks, in->blocks, sizeof *in->blocks * (size_t)in->nblocks);
    t->indicators[indicator].ascending = true;
    t->indicators[indicator].segments = sorted;
    int own = t->nindicators, space = t->nspaces;
    for (int b = 0; b < in->nblocks; b++) {
        if (!integration_moves_when_sorted(in, b)) continue;
        t->spaces[space] = in->spaces[in->blocks[b].space];
        t->spaces[space].rows = in->rows;
        t->indicators[own] = (Indicator){.space = space,
                                         .rows = in->rows,
                                         .identity = true,
                                         .total = true,
                                         .ascending = true,
                                         .injective = true,
                                         .used = in->rows};
        Matrix *m = arena_new_of(arena, Matrix);
        *m = *in->blocks[b].data;
        if (m->kind == MAT_CSR) {
            double mean = m->rows > 0 ? (double)m->rowptr[m->rows] / (double)m->rows : 0;
            m->rowptr = arena_array(arena, int64_t, in->rows + 1);
            m->rowptr[in->rows] = (int64_t)(mean * (double)in->rows);
        }
        m->rows = in->rows;
        t->blocks[b].data = m;
        t->blocks[b].space = space;
        t->blocks[b].indicator = own;
        t->nindicators = own + 1;
        t->nspaces = space + 1;
    }
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
    StrategyChoice c = {.sort_by = -1, .materialize = materialized.seconds + make < factorized.seconds};
    const char *joined =
        already_materialized ? "already joined" : arena_printf(arena, "%.3g s of it for joining", make);
    c.why = arena_printf(
        arena, "%sestimated %.3g s factorized against %.3g s materialized, %s (analytic cost: %s)",
        c.materialize && nothing_repeats(in) ? "rule 1: no source row is used twice, and the join pays; " : "",
        factorized.seconds, materialized.seconds + make, joined, unlearned);
    return c;
}
