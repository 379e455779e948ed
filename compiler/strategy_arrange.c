/* strategy_arrange.c: how T's rows may lie for a factorized training: sorted by a table that they repeat, with columns
 * of some tables absorbed, or both; what that is called, takes, and makes (contract: strategy.h). */
#include "compiler/strategy.h"
#include "ir/level1.h"

#define SORT_SECONDS_A_ROW 6e-9 /* counting sort and the other indexes, one thread */
#define REPEATS_WORTH_SORTING 1.5

/* ---- which ---- */
const char *strategy_order_name(const Integration *in, int indicator) {
    return in->spaces[in->indicators[indicator].space].name;
}
/* What one row of T reads through an indicator. */
static double width_through(const Integration *in, int indicator) {
    double width = 0;
    for (int b = 0; b < in->nblocks; b++)
        if (in->blocks[b].indicator == indicator) width += strategy_block_width(in, &in->blocks[b]);
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
uint64_t strategy_absorbable(const Integration *in, int sort_by) {
    uint64_t roles = 0;
    for (int b = 0; b < in->nblocks; b++)
        if (integration_can_absorb(in, b) && !integration_copies(in, (Arrangement){.sort_by = sort_by}, b))
            roles |= 1ull << in->spaces[in->blocks[b].space].role;
    if (sort_by >= 0) roles &= ~(1ull << in->spaces[in->indicators[sort_by].space].role);
    return roles;
}
static const char *role_name(const Integration *in, int role) {
    for (int s = 0; s < in->nspaces; s++)
        if (in->spaces[s].role == role) return in->spaces[s].name;
    internal_error("role %d of %s has no rows", role, in->spec->target);
}
bool strategy_roles_named(const Integration *in, const char *names, uint64_t *out, const char **wrong, int *len) {
    uint64_t all = strategy_absorbable(in, -1);
    *out = 0;
    for (const char *at = names;; at++) {
        at += strspn(at, " ");
        int n = (int)strcspn(at, ","), found = -1;
        *wrong = at;
        at += n;
        while (n > 0 && (*wrong)[n - 1] == ' ') n--;
        *len = n;
        for (int role = 0; role < MAX_ROLES && found < 0; role++) {
            if (!(all >> role & 1)) continue;
            const char *name = role_name(in, role);
            if ((int)strlen(name) == n && !memcmp(name, *wrong, (size_t)n)) found = role;
        }
        if (found < 0) return false;
        *out |= 1ull << found;
        if (!*at) return true;
    }
}

/* ---- what it is called ---- */
const char *strategy_role_names(Arena *arena, const Integration *in, uint64_t roles) {
    const char *names = "";
    for (int role = 0; role < MAX_ROLES; role++)
        if (roles >> role & 1) names = arena_printf(arena, "%s%s%s", names, *names ? " and " : "", role_name(in, role));
    return names;
}
const char *strategy_arrangement_name(Arena *arena, const Integration *in, Arrangement a) {
    if (arrangement_is_plain(a)) return "factorized";
    const char *absorbed = a.absorbed ? strategy_role_names(arena, in, a.absorbed) : NULL;
    if (a.sort_by < 0) return arena_printf(arena, "%s absorbed", absorbed);
    const char *by = strategy_order_name(in, a.sort_by);
    return absorbed ? arena_printf(arena, "sorted by %s with %s absorbed", by, absorbed)
                    : arena_printf(arena, "sorted by %s", by);
}

/* ---- what it takes ---- */
double strategy_arrange_seconds(const Integration *in, Arrangement a, int threads) {
    if (arrangement_is_plain(a)) return 0;
    double sorting = a.sort_by < 0 ? 0 : SORT_SECONDS_A_ROW * (double)in->rows * (1 + in->nindicators);
    return sorting + ir_seconds(0, 3 * (double)integration_copied_bytes(in, a), threads);
}
bool strategy_arrangement_fits(const Integration *in, Arrangement a) {
    return arrangement_is_plain(a) || strategy_bytes_fit((double)integration_copied_bytes(in, a));
}

/* ---- what it would be ---- */
static Matrix *copy_of(Arena *arena, const Integration *in, int block) {
    const Matrix *from = in->blocks[block].data;
    Matrix *m = arena_new_of(arena, Matrix);
    *m = *from;
    m->rows = integration_copied_rows(in, block);
    if (m->kind == MAT_CSR) {
        double mean = from->rows > 0 ? (double)from->rowptr[from->rows] / (double)from->rows : 0;
        m->rowptr = arena_array(arena, int64_t, m->rows + 1);
        m->rowptr[m->rows] = (int64_t)(mean * (double)m->rows);
    }
    return m;
}
const Integration *strategy_arranged_phantom(Arena *arena, const Integration *in, Arrangement a, Matrix **copies) {
    static int64_t sorted[1];
    Integration *t = arena_new_of(arena, Integration);
    *t = *in;
    t->owns = false;
    t->spaces = arena_array(arena, IntSpace, in->nspaces + in->nblocks + 1);
    memcpy(t->spaces, in->spaces, sizeof *in->spaces * (size_t)in->nspaces);
    t->indicators = arena_array(arena, Indicator, in->nindicators + in->nblocks + 1);
    memcpy(t->indicators, in->indicators, sizeof *in->indicators * (size_t)in->nindicators);
    t->blocks = arena_array(arena, IntBlock, in->nblocks + 1);
    memcpy(t->blocks, in->blocks, sizeof *in->blocks * (size_t)in->nblocks);
    if (a.sort_by >= 0) {
        t->indicators[a.sort_by].ascending = true;
        if (t->indicators[a.sort_by].total) t->indicators[a.sort_by].segments = sorted;
    }
    int own = -1;
    for (int b = 0; b < in->nblocks; b++) {
        if (!integration_copies(in, a, b)) continue;
        if (!copies[b]) copies[b] = copy_of(arena, in, b);
        bool total = in->indicators[in->blocks[b].indicator].total;
        int at = total ? own : -1;
        if (at < 0) {
            at = t->nindicators++;
            t->spaces[t->nspaces] = in->spaces[in->blocks[b].space];
            t->spaces[t->nspaces].rows = copies[b]->rows;
            t->indicators[at] = (Indicator){.space = t->nspaces++,
                                            .rows = in->rows,
                                            .identity = total,
                                            .total = total,
                                            .ascending = true,
                                            .injective = true,
                                            .used = copies[b]->rows};
        }
        if (total) own = at;
        t->blocks[b].data = copies[b];
        t->blocks[b].space = t->indicators[at].space;
        t->blocks[b].indicator = at;
    }
    return t;
}
