/* integration_entity.c: a family whose roles are all joined on one and the same key (a full outer join, a match, any
 * choice of bodies).
 *
 * Every role's rows are grouped by the key. For a key with rows in the roles M, every body inside M has all
 * combinations of those rows as triggers, so the maximal vectors are those of the maximal bodies inside M: O(rows +
 * result). A row whose key is null is alone. */
#include "backends/runtime/integration_internal.h"

typedef struct Maximal {
    int n, *bodies;
} Maximal;
typedef struct Entities {
    IntState *s;
    const Join *j;
    int nroles, roles[MAX_ROLES];
    int32_t *id[MAX_ROLES]; /* per role: key number per row, -1: null, -2: filtered out */
    int32_t *start[MAX_ROLES], *rows[MAX_ROLES];
    int64_t keys;
    Intern masks;
    Maximal *max;
    int cap;
} Entities;

/* Every role has the same groups, one key column each, and no condition spans roles. */
static bool suits(const IntState *s, const Join *j) {
    const Family *f = &s->family;
    for (int c = 0; c < j->nconds; c++)
        if (j->cond_roles[c] & (j->cond_roles[c] - 1)) return false;
    bool any = false;
    for (int a = 0; a < f->nnodes; a++) {
        if (j->group[a] < 0) continue;
        uint64_t has = 0;
        for (int b = 0; b < f->nnodes; b++)
            if (j->group[b] == j->group[a]) has |= ROLE_BIT(f->nodes[b].role);
        if (has != j->all) return false;
        any = true;
    }
    return any;
}
/* Numbers the key tuples of all roles alike: stage by stage over the groups. */
static bool number_keys(Entities *e) {
    const Family *f = &e->s->family;
    const Join *j = e->j;
    bool first = true;
    for (int g = 0; g < f->nnodes; g++) {
        if (j->group[g] != g) continue;
        Intern pairs = {0};
        if (!first && !intern_init(&pairs, 1024)) return false;
        int64_t domain = f->nodes[g].domain;
        for (int i = 0; i < e->nroles; i++) {
            const int32_t *key = NULL;
            for (int b = f->nnodes - 1; b >= 0; b--)
                if (j->group[b] == g && f->nodes[b].role == e->roles[i]) key = f->nodes[b].key;
            int32_t *id = e->id[i];
            for (int64_t r = 0, n = int_table(e->s, e->roles[i])->rows; r < n; r++) {
                if (id[r] < 0) continue;
                if (key[r] < 0)
                    id[r] = -1;
                else if (first)
                    id[r] = key[r];
                else if ((id[r] = intern_add(&pairs, (uint64_t)id[r] << 31 | (uint32_t)key[r])) < 0)
                    return intern_free(&pairs), false;
            }
        }
        e->keys = first ? domain : pairs.count;
        intern_free(&pairs);
        first = false;
    }
    return true;
}
static bool group_rows(Entities *e) {
    for (int i = 0; i < e->nroles; i++) {
        int64_t n = int_table(e->s, e->roles[i])->rows;
        e->start[i] = mem_try((size_t)e->keys + 1, sizeof(int32_t));
        e->rows[i] = mem_try((size_t)n, sizeof(int32_t));
        if (!e->start[i] || (!e->rows[i] && n)) return false;
        for (int64_t r = 0; r < n; r++)
            if (e->id[i][r] >= 0) e->start[i][e->id[i][r] + 1]++;
        for (int64_t k = 0; k < e->keys; k++) e->start[i][k + 1] += e->start[i][k];
        for (int64_t r = 0; r < n; r++)
            if (e->id[i][r] >= 0) e->rows[i][e->start[i][e->id[i][r]]++] = (int32_t)r;
        memmove(e->start[i] + 1, e->start[i], (size_t)e->keys * sizeof(int32_t));
        e->start[i][0] = 0;
    }
    return true;
}
static const Maximal *maximal(Entities *e, uint64_t found) {
    const Join *j = e->j;
    int known = e->masks.count;
    int32_t id = intern_add(&e->masks, found);
    if (id < 0) return NULL;
    if (id < known) return &e->max[id];
    if (id == e->cap) {
        Maximal *old = e->max;
        e->cap = e->cap ? 2 * e->cap : 16;
        e->max = arena_array(e->s->arena, Maximal, e->cap);
        if (id) memcpy(e->max, old, (size_t)id * sizeof *old);
    }
    Maximal *m = &e->max[id];
    m->bodies = arena_array(e->s->arena, int, j->nbodies);
    for (int b = 0; b < j->nbodies; b++) {
        bool top = !(j->bodies[b] & ~found);
        for (int c = 0; c < j->nbodies && top; c++)
            top = c == b || (j->bodies[c] & ~found) || (j->bodies[b] & ~j->bodies[c]);
        if (top) m->bodies[m->n++] = b;
    }
    return m;
}
static uint64_t found_at(const Entities *e, int64_t key) {
    uint64_t found = 0;
    for (int i = 0; i < e->nroles; i++)
        if (e->start[i][key + 1] > e->start[i][key]) found |= ROLE_BIT(e->roles[i]);
    return found;
}
static bool count(Entities *e, double *total) {
    *total = 0;
    for (int64_t key = 0; key < e->keys; key++) {
        uint64_t found = found_at(e, key);
        const Maximal *m = found ? maximal(e, found) : NULL;
        if (found && !m) return false;
        for (int b = 0; found && b < m->n; b++) {
            double product = 1;
            for (int i = 0; i < e->nroles; i++)
                if (e->j->bodies[m->bodies[b]] & ROLE_BIT(e->roles[i]))
                    product *= e->start[i][key + 1] - e->start[i][key];
            *total += product;
        }
    }
    for (int i = 0; i < e->nroles; i++) {
        const Maximal *m = maximal(e, ROLE_BIT(e->roles[i]));
        if (!m) return false;
        for (int64_t r = 0, n = int_table(e->s, e->roles[i])->rows; r < n; r++) *total += e->id[i][r] == -1 ? m->n : 0;
    }
    return true;
}
static void put(Entities *e, Triggers *out, int body, const int32_t *at) {
    out->tgd[out->n] = e->j->tgd[body];
    for (int i = 0; i < e->nroles; i++)
        out->row[e->roles[i]][out->n] = e->j->bodies[body] & ROLE_BIT(e->roles[i]) ? at[i] : -1;
    out->n++;
}
static void fill(Entities *e, Triggers *out) {
    int32_t at[MAX_ROLES], row[MAX_ROLES];
    for (int64_t key = 0; key < e->keys && !e->s->failed; key++) {
        uint64_t found = found_at(e, key);
        const Maximal *m = found ? maximal(e, found) : NULL;
        for (int b = 0; m && b < m->n; b++) {
            uint64_t body = e->j->bodies[m->bodies[b]];
            for (int i = 0; i < e->nroles; i++) at[i] = e->start[i][key];
            for (int i = 0; i >= 0;) { /* an odometer over the rows of the body's roles, the last role fastest */
                if (out->n % 65536 == 65535 && int_given_up(e->s)) break;
                for (i = 0; i < e->nroles; i++) row[i] = body & ROLE_BIT(e->roles[i]) ? e->rows[i][at[i]] : -1;
                put(e, out, m->bodies[b], row);
                for (i = e->nroles - 1; i >= 0; i--) {
                    if (!(body & ROLE_BIT(e->roles[i]))) continue;
                    if (++at[i] < e->start[i][key + 1]) break;
                    at[i] = e->start[i][key];
                }
            }
        }
    }
    for (int i = 0; i < e->nroles; i++) {
        const Maximal *m = maximal(e, ROLE_BIT(e->roles[i]));
        for (int64_t r = 0, n = int_table(e->s, e->roles[i])->rows; m && m->n && r < n; r++) {
            if (e->id[i][r] != -1) continue;
            row[i] = (int32_t)r;
            put(e, out, m->bodies[0], row);
        }
    }
}

TriggersResult int_entity_rows(IntState *s, const Join *j, Triggers *out) {
    if (!suits(s, j)) return TRIGGERS_UNSUITED;
    Entities *e = mem_alloc(sizeof *e);
    e->s = s;
    e->j = j;
    bool ok = intern_init(&e->masks, 16);
    for (int k = 0; k < s->spec->nroles && ok; k++) {
        if (!(j->all & ROLE_BIT(k))) continue;
        int64_t n = int_table(s, k)->rows;
        uint8_t *pass;
        ok = join_filter(s, j, k, &pass);
        e->roles[e->nroles] = k;
        e->id[e->nroles] = ok ? mem_try((size_t)n, sizeof(int32_t)) : NULL;
        ok = ok && (e->id[e->nroles] || !n);
        for (int64_t r = 0; ok && pass && r < n; r++)
            if (!pass[r]) e->id[e->nroles][r] = -2;
        e->nroles++;
        mem_free(pass);
    }
    double total = 0, limit = s->spec->max_rows < MAX_TARGET_ROWS ? (double)s->spec->max_rows : MAX_TARGET_ROWS;
    ok = ok && number_keys(e) && group_rows(e) && count(e, &total);
    if (!ok && !s->failed) int_no_memory(s, "the join on one key", 0);
    if (ok && total > limit) int_too_many_rows(s, true, total);
    if (!s->failed && triggers_reserve(s, out, j->all, (int64_t)total)) fill(e, out);
    for (int i = 0; i < e->nroles; i++) mem_free(e->id[i]), mem_free(e->start[i]), mem_free(e->rows[i]);
    intern_free(&e->masks);
    mem_free(e);
    if (!s->failed) return TRIGGERS_DONE;
    triggers_free(out);
    return TRIGGERS_FAILED;
}
