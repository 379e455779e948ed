/* integration.c: the steps from a mapping and its tables to an Integration, and its end of life.
 *
 * checks (keys, fks, fds) -> keys as codes -> matches -> family -> rows -> columns and their owners -> distinct ->
 * dictionaries and fills (means before rows are dropped) -> missing values -> conflicts -> features -> blocks -> labels
 * and weights. The tables must outlive the Integration: vector blocks and exports read them. Each step reports its own
 * errors; the first that fails ends the build. */
#include "backends/runtime/integration_internal.h"

#include <sys/mman.h>

bool int_given_up(IntState *s) {
    if (!work_given_up()) return false;
    if (!s->failed)
        diag_error(s->ds, "E460", s->spec->span, "interrupted while the rows of target %s were found", s->spec->target);
    return s->failed = true;
}
void int_no_memory(IntState *s, const char *what, int64_t rows) {
    if (!s->failed && !int_given_up(s)) {
        Diag *d =
            diag_error(s->ds, "E402", s->spec->span, "not enough memory for %s of target %s", what, s->spec->target);
        if (rows > 0) diag_note(d, (Span){0}, "%lld rows were wanted", (long long)rows);
        diag_help(d, "join on keys, or add a condition, to have fewer rows");
    }
    s->failed = true;
}
const Table *int_table(const IntState *s, int role) {
    return s->spec->tables[s->spec->roles[role].source];
}

static bool tables_fit(IntState *s) {
    for (int k = 0; k < s->spec->nroles; k++) {
        const Table *t = int_table(s, k);
        AMAL_CHECK(t != NULL);
        if (t->rows < INT32_MAX - 1) continue;
        diag_error(s->ds, "E402", s->spec->roles[k].span, "%s has %lld rows; a source may have 2147483645", t->name,
                   (long long)t->rows);
        s->failed = true;
    }
    return !s->failed;
}
static void row_tables(IntState *s, Integration *out) {
    const MappingSpec *spec = s->spec;
    out->rows = s->rows;
    out->tgd_of = s->tgd_of;
    out->ci = s->ci;
    out->tgd_begin = arena_array(s->arena, int64_t, spec->ntgds + 1);
    for (int t = 0; t < spec->ntgds; t++) out->tgd_begin[t + 1] = out->tgd_begin[t] + s->tgd_rows[t];
    out->tgd_ordered = true;
    for (int64_t i = 1; i < s->rows && out->tgd_ordered; i++) out->tgd_ordered = s->tgd_of[i - 1] <= s->tgd_of[i];
}
static void column_map(IntState *s, Integration *out) {
    const MappingSpec *spec = s->spec;
    out->cm = arena_array(s->arena, int *, spec->nroles);
    for (int k = 0; k < spec->nroles; k++) {
        out->cm[k] = arena_array(s->arena, int, spec->ncols + 1);
        for (int j = 0; j < spec->ncols; j++) out->cm[k][j] = -1;
    }
    for (int j = 0; j < spec->ncols; j++)
        for (int f = s->plans[j].nfeeders - 1; f >= 0; f--) {
            const Feeder *fd = &s->plans[j].feeders[f];
            int derived = 0;
            while (fd->column < 0 && s->derived[derived].col != fd->col) derived++;
            out->cm[fd->role][j] = fd->column >= 0 ? fd->column : -2 - derived;
        }
}

Integration *integration_build(Diags *ds, const MappingSpec *spec, const Encoder *encoders) {
    AMAL_CHECK(spec->nroles >= 1 && spec->nroles <= MAX_ROLES && spec->ntgds >= 1);
    Integration *out = mem_alloc(sizeof *out);
    Arena *arena = arena_new();
    IntState *s = arena_new_of(arena, IntState);
    *s = (IntState){.arena = arena, .ds = ds, .spec = spec, .given = encoders};
    out->spec = spec;
    out->owns = true;
    out->state = s;
    out->arena = arena;
    integration_memo(out);
    s->tgd_rows = arena_array(arena, int64_t, spec->ntgds + 1);
    out->unmatched = arena_array(arena, int64_t, spec->nroles);
    out->dropped_null_key = arena_array(arena, int64_t, spec->nroles);
    bool ok = tables_fit(s) && int_checks(s) && int_keys(s) && int_matches(s);
    if (ok) {
        int_family(s);
        ok = int_rows(s) && !int_given_up(s);
    }
    ok = ok && int_columns(s) && !int_given_up(s) && int_distinct(s) && !int_given_up(s);
    if (ok) family_kind(s, out);
    ok = ok && int_encoders(s, out) && !int_given_up(s) && int_missing(s, out) && !int_given_up(s);
    if (ok) int_row_statistics(s, out);
    row_tables(s, out);
    out->joined = int_joined(s);
    if (ok) {
        column_map(s, out);
        int_conflicts(s, out);
        ok = !int_given_up(s) && int_features(s, out) && int_blocks(s, out) && int_targets(s, out);
    }
    int_keys_free(s);
    if (!ok || s->failed) return integration_free(out), NULL;
    if (!out->rows) {
        Diag *d = diag_warn(ds, "W402", spec->span, "target %s has no rows", spec->target);
        for (int k = 0; k < spec->nroles; k++)
            diag_note(d, spec->roles[k].span, "%s: %lld rows, %lld of them with a null key", spec->roles[k].name,
                      (long long)int_table(s, k)->rows, (long long)out->dropped_null_key[k]);
    }
    return out;
}

static void (*free_listener)(const Integration *in);
void integration_on_free(void (*listener)(const Integration *in)) {
    free_listener = listener;
}
void integration_free(Integration *in) {
    if (!in) return;
    if (free_listener) free_listener(in);
    IntState *s = in->state;
    for (int i = in->nborrowed; i < in->nindicators && !in->mapped; i++) {
        mem_free((void *)in->indicators[i].idx);
        mem_free(in->indicators[i].count);
        mem_free(in->indicators[i].segments);
    }
    for (int i = 0; i < in->nmade; i++) mat_free(in->made[i]);
    mem_free(in->order);
    if (!in->borrows_rows && !in->mapped) {
        mem_free(in->tgd_of);
        for (int k = 0; in->ci && k < in->spec->nroles; k++) mem_free(in->ci[k]);
        mem_free(in->label);
        mem_free(in->weight);
        mem_free(in->root_rows);
    }
    if (in->owns)
        for (int b = 0; b < in->nblocks; b++) mat_free(in->blocks[b].data);
    if (in->owns && !in->parent) {
        for (int j = 0; !(s && s->given) && in->encoders && j < in->spec->ncols; j++)
            if (in->encoders[j].dict) dict_free(in->encoders[j].dict);
        if (s) int_columns_free(s);
    }
    if (in->entry) (void)munmap(in->entry, in->entry_len);
    Arena *arena = in->arena;
    mem_free(in);
    if (arena) arena_free(arena);
}
