/* integration_device.c: the walk of integration_trigger.c with its look-ups made on a device (join_device.h).
 *
 * Where no table has two rows of one key, every row of the first table finds at most one row in each other table,
 * whatever the others find: all look-ups of one table are one piece of work without order. The device makes them for
 * some rows of the first table at a time; what their results make of each row is decided here, in the order of the rows
 * and by the same code as in the walk, so that the target is the same to the bit. */
#include "backends/runtime/integration_walk.h"
#include "backends/runtime/join_device.h"

/* What the device is asked for. NULL: *why says what such look-ups cannot do. */
static JoinLookUps *describe(Walk *w, const char **why) {
    Arena *a = w->s->arena;
    JoinLookUps *l = arena_new_of(a, JoinLookUps);
    JoinPlace *places = arena_array(a, JoinPlace, w->n + 1);
    int place_of[MAX_ROLES];
    place_of[w->start] = -1;
    *l = (JoinLookUps){.rows = int_table(w->s, w->start)->rows, .nplaces = w->n, .places = places};
    for (int i = 0; i < w->n; i++) {
        const Placed *p = &w->place[i];
        JoinKey *keys = arena_array(a, JoinKey, p->nkeys + 1);
        *why = !p->nkeys ? "a table is joined without a key" : p->nconds ? "a condition compares tables" : NULL;
        if (*why) return NULL;
        for (int k = 0; k < p->nkeys; k++)
            keys[k] = (JoinKey){.own = p->own[k],
                                .from = p->from[k],
                                .domain = p->domain[k],
                                .place = place_of[p->from_role[k]],
                                .rows = int_table(w->s, p->from_role[k])->rows};
        places[i] = (JoinPlace){.nkeys = p->nkeys, .keys = keys, .rows = int_table(w->s, p->role)->rows, .ok = p->ok};
        place_of[p->role] = i;
    }
    return l;
}
static void walk_found(Walk *w, int64_t first, int64_t n, int32_t *const *rows) {
    for (int64_t i = 0; i < n && !w->stop; i++) {
        if (w->start_ok && !w->start_ok[first + i]) continue;
        uint64_t found = ROLE_BIT(w->start);
        bool whole = true;
        w->row[w->start] = first + i;
        for (int k = 0; k < w->n && whole; k++) {
            const Placed *p = &w->place[k];
            w->row[p->role] = rows[k][i];
            if (rows[k][i] >= 0) found |= ROLE_BIT(p->role);
            whole = rows[k][i] >= 0 || p->optional;
        }
        if (whole) walk_emit(w, found);
    }
}
static bool walk_pieces(Walk *w, const JoinDevice *d, void *opened, const JoinLookUps *l) {
    IntState *s = w->s;
    int64_t piece = l->rows < d->piece ? l->rows : d->piece;
    int32_t *rows[MAX_ROLES] = {0};
    bool ok = triggers_reserve(s, w->out, w->j->all, l->rows < w->limit ? l->rows : w->limit);
    for (int k = 0; k < w->n && ok; k++) {
        rows[k] = mem_try((size_t)piece + 1, sizeof(int32_t));
        if (!rows[k]) int_no_memory(s, "look-ups", piece), ok = false;
    }
    for (int64_t first = 0; ok && first < l->rows && !w->stop; first += piece) {
        int64_t n = l->rows - first < piece ? l->rows - first : piece;
        ok = !int_given_up(s) && d->find(opened, first, n, rows);
        if (ok) walk_found(w, first, n, rows);
    }
    for (int k = 0; k < w->n; k++) mem_free(rows[k]);
    return ok;
}
bool walk_on_device(Walk *w) {
    IntState *s = w->s;
    const JoinDevice *d = s->spec->device;
    if (!d || !w->n) return false;
    const char *why = NULL;
    const JoinLookUps *l = describe(w, &why);
    if (l) why = d->unsuited(l);
    void *opened = why ? NULL : d->open(s->ds, s->spec->span, l, &why);
    if (why) {
        if (!s->kept_here) s->kept_here = why;
        return false;
    }
    w->functional = true;
    w->failed |= !opened || !walk_pieces(w, d, opened, l);
    if (opened) d->close(opened);
    s->on_device++;
    return !w->failed;
}
/* For reports. */
const char *int_joined(const IntState *s) {
    const JoinDevice *d = s->spec->device;
    if (!d || s->spec->nroles < 2) return NULL;
    if (!s->on_device)
        return arena_printf(s->arena, "on the host: %s",
                            s->kept_here ? s->kept_here : "its dependencies are joined as a whole, not table by table");
    return s->kept_here ? arena_printf(s->arena, "on %s, and in part on the host: %s", d->name, s->kept_here)
                        : arena_printf(s->arena, "on %s", d->name);
}
