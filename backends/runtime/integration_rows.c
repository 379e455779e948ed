/* integration_rows.c: the target's rows: the maximal provenance vectors over all triggers of all tgds, in their order.
 *
 * A consistent family is walked once (integration_trigger.c) or grouped by its one key (integration_entity.c).
 * Otherwise every tgd's triggers are found by themselves, and a trigger v is dropped when an earlier tgd with the same
 * body has it or a tgd with a larger body has one that projects onto it: the projections are interned, role by role,
 * which is exact. Sorting is by counting, a pass a role, and skipped when the rows already are in order: linear in all
 * cases. */
#include "backends/runtime/integration_internal.h"

void int_too_many_rows(IntState *s, bool exact, double rows) {
    double limit = s->spec->max_rows < MAX_TARGET_ROWS ? (double)s->spec->max_rows : MAX_TARGET_ROWS;
    Diag *d =
        diag_error(s->ds, "E401", s->spec->span, "the join of target %s has %s%.15g rows; at most %.15g are allowed",
                   s->spec->target, exact ? "" : "more than ", rows, limit);
    diag_help(d, "a join on columns that are no key gives every combination; join on a key, add a condition, or raise "
                 "`option max_rows`");
    s->failed = true;
}

/* ---------------- each body by itself ---------------- */
static Join join_of_tgd(IntState *s, int t) {
    const Family *f = &s->family;
    Join j = {.all = s->spec->tgds[t].body,
              .core = s->spec->tgds[t].body,
              .nbodies = 1,
              .group = f->tgd_group[t],
              .nconds = f->ntgd_conds[t]};
    j.bodies = arena_array(s->arena, uint64_t, 1);
    j.tgd = arena_array(s->arena, int, 1);
    j.bodies[0] = j.all;
    j.tgd[0] = t;
    j.conds = arena_array(s->arena, const RowExpr *, j.nconds + 1);
    j.cond_roles = arena_array(s->arena, uint64_t, j.nconds + 1);
    for (int i = 0; i < j.nconds; i++) {
        j.conds[i] = f->conds[f->tgd_conds[t][i]];
        j.cond_roles[i] = f->cond_roles[f->tgd_conds[t][i]];
    }
    return j;
}
/* Number of row i's projection onto the roles of `body`; added when `stages` may grow. -1: absent, -2: no memory. */
static int32_t project(const Triggers *t, int64_t i, uint64_t body, Intern *stages, bool add) {
    int32_t id = 0;
    for (uint64_t rest = body; rest && id >= 0; rest &= rest - 1) {
        int k = __builtin_ctzll(rest);
        uint64_t key = (uint64_t)id << 32 | (uint32_t)t->row[k][i];
        id = add ? intern_add(&stages[k], key) : intern_find(&stages[k], key);
    }
    return id;
}
static bool covers(const MappingSpec *spec, int u, int t) {
    uint64_t a = spec->tgds[u].body, b = spec->tgds[t].body;
    return a == b ? u < t : !(b & ~a);
}
/* Marks the triggers of tgd t that no other tgd covers. */
static bool mark_maximal(IntState *s, const Triggers *trig, int t, uint8_t **keep, int64_t *kept) {
    const MappingSpec *spec = s->spec;
    uint64_t body = spec->tgds[t].body;
    Intern stages[MAX_ROLES] = {0};
    bool ok = true, any = false;
    *keep = mem_try((size_t)trig[t].n, 1);
    if (!*keep && trig[t].n) return int_no_memory(s, "target rows", trig[t].n), false;
    *kept = trig[t].n;
    if (trig[t].n) memset(*keep, 1, (size_t)trig[t].n);
    for (int u = 0; u < spec->ntgds; u++) any |= u != t && covers(spec, u, t) && trig[u].n;
    if (any && trig[t].n) {
        for (int k = 0; k < spec->nroles && ok; k++)
            if (body & ROLE_BIT(k)) ok = intern_init(&stages[k], trig[t].n);
        for (int u = 0; u < spec->ntgds && ok; u++)
            for (int64_t i = 0; u != t && covers(spec, u, t) && ok && i < trig[u].n; i++)
                ok = project(&trig[u], i, body, stages, true) >= 0;
        for (int64_t i = 0; ok && i < trig[t].n; i++)
            if (project(&trig[t], i, body, stages, false) >= 0) (*keep)[i] = 0, --*kept;
        for (int k = 0; k < spec->nroles; k++) intern_free(&stages[k]);
        if (!ok) int_no_memory(s, "target rows", trig[t].n);
    }
    return ok;
}
static bool each_body(IntState *s, Triggers *out) {
    const MappingSpec *spec = s->spec;
    Triggers *trig = arena_array(s->arena, Triggers, spec->ntgds);
    uint8_t **keep = arena_array(s->arena, uint8_t *, spec->ntgds);
    int64_t total = 0, limit = spec->max_rows < MAX_TARGET_ROWS ? spec->max_rows : MAX_TARGET_ROWS;
    bool ok = true;
    for (int t = 0; t < spec->ntgds && ok; t++) {
        Join j = join_of_tgd(s, t);
        ok = int_triggers(s, &j, &trig[t]) == TRIGGERS_DONE;
    }
    for (int t = 0; t < spec->ntgds && ok; t++) {
        int64_t kept;
        ok = mark_maximal(s, trig, t, &keep[t], &kept);
        total += kept;
    }
    if (ok && total > limit) int_too_many_rows(s, true, (double)total), ok = false;
    ok = ok && triggers_reserve(s, out, s->family.join.all, total);
    for (int t = 0; t < spec->ntgds; t++) {
        for (int64_t i = 0; ok && i < trig[t].n; i++) {
            if (!keep[t][i]) continue;
            out->tgd[out->n] = t;
            for (int k = 0; k < spec->nroles; k++)
                if (out->row[k]) out->row[k][out->n] = trig[t].row[k] ? trig[t].row[k][i] : -1;
            out->n++;
        }
        triggers_free(&trig[t]);
        mem_free(keep[t]);
    }
    return ok;
}

/* ---------------- order ---------------- */
/* Sort key p of row i: in base order the base row (absent last) first; then the tgd; then the vector. */
static inline uint32_t sort_key(const IntState *s, const Triggers *t, int p, int64_t i) {
    if (s->spec->base_order) {
        int base = __builtin_ctzll(s->spec->tgds[0].body);
        if (p == 0) return t->row[base] ? (uint32_t)t->row[base][i] : UINT32_MAX;
        p--;
    }
    if (p == 0) return (uint32_t)t->tgd[i];
    return (uint32_t)(t->row[p - 1][i] + 1);
}
static bool in_order(const IntState *s, const Triggers *t, int nkeys, const int32_t *perm) {
    for (int64_t i = 1; i < t->n; i++) {
        int64_t a = perm ? perm[i - 1] : i - 1, b = perm ? perm[i] : i;
        for (int p = 0; p < nkeys; p++) {
            if (p - 1 - s->spec->base_order >= 0 && !t->row[p - 1 - s->spec->base_order]) continue;
            uint32_t x = sort_key(s, t, p, a), y = sort_key(s, t, p, b);
            if (x > y) return false;
            if (x < y) break;
        }
    }
    return true;
}
/* One stable counting pass: perm ordered by key p. */
static bool count_pass(const IntState *s, const Triggers *t, int p, int32_t *perm, int32_t *next, int64_t *bucket,
                       int64_t buckets) {
    memset(bucket, 0, (size_t)(buckets + 1) * sizeof *bucket);
    for (int64_t i = 0; i < t->n; i++) {
        uint32_t key = sort_key(s, t, p, i);
        bucket[key == UINT32_MAX ? buckets : key + 1]++;
    }
    for (int64_t b = 1; b <= buckets; b++) bucket[b] += bucket[b - 1];
    /* Absent base rows go behind all others: their bucket begins where the last one ends. */
    int64_t last = bucket[buckets - 1];
    for (int64_t i = 0; i < t->n; i++) {
        uint32_t key = sort_key(s, t, p, perm[i]);
        next[key == UINT32_MAX ? last++ : bucket[key]++] = perm[i];
    }
    memcpy(perm, next, (size_t)t->n * sizeof *perm);
    return true;
}
static bool put_in_order(IntState *s, Triggers *t) {
    const MappingSpec *spec = s->spec;
    int nkeys = spec->nroles + 1 + spec->base_order;
    if (in_order(s, t, nkeys, NULL)) return true;
    int64_t buckets = spec->ntgds;
    for (int k = 0; k < spec->nroles; k++)
        if (int_table(s, k)->rows > buckets) buckets = int_table(s, k)->rows;
    buckets += 3;
    int32_t *perm = mem_try((size_t)t->n, sizeof *perm), *next = mem_try((size_t)t->n, sizeof *next);
    int64_t *bucket = mem_try((size_t)buckets + 1, sizeof *bucket);
    bool ok = perm && next && bucket;
    if (ok) {
        for (int64_t i = 0; i < t->n; i++) perm[i] = (int32_t)i;
        /* The walk gives each tgd's rows in order whenever its first roles come first: the tgd alone is tried before
         * all keys. */
        count_pass(s, t, spec->base_order, perm, next, bucket, buckets);
        if (spec->base_order || !in_order(s, t, nkeys, perm))
            for (int p = nkeys - 1; p >= 0; p--) {
                int role = p - 1 - spec->base_order;
                if (int_given_up(s)) break;
                if (role < 0 || t->row[role]) count_pass(s, t, p, perm, next, bucket, buckets);
            }
        for (int k = -1; k < spec->nroles; k++) {
            int32_t *v = k < 0 ? t->tgd : t->row[k];
            if (!v) continue;
            if (int_given_up(s)) break;
            for (int64_t i = 0; i < t->n; i++) next[i] = v[perm[i]];
            memcpy(v, next, (size_t)t->n * sizeof *v);
        }
    } else
        int_no_memory(s, "sorting target rows", t->n);
    mem_free(perm);
    mem_free(next);
    mem_free(bucket);
    return ok && !s->failed;
}

static bool find_rows(IntState *s) {
    const MappingSpec *spec = s->spec;
    Triggers t = {0};
    TriggersResult r = TRIGGERS_UNSUITED;
    if (s->family.consistent) r = int_triggers(s, &s->family.join, &t);
    if (s->family.consistent && r == TRIGGERS_UNSUITED) r = int_entity_rows(s, &s->family.join, &t);
    if (r == TRIGGERS_UNSUITED) r = each_body(s, &t) ? TRIGGERS_DONE : TRIGGERS_FAILED;
    if (r != TRIGGERS_DONE || !put_in_order(s, &t)) return triggers_free(&t), false;
    for (int k = 0; k < spec->nroles; k++) { /* roles in no body: all absent */
        if (t.row[k]) continue;
        t.row[k] = mem_try((size_t)t.n, sizeof(int32_t));
        if (!t.row[k]) return int_no_memory(s, "target rows", t.n), triggers_free(&t), false;
        if (t.n) memset(t.row[k], 0xFF, (size_t)t.n * sizeof(int32_t));
    }
    s->rows = t.n;
    s->tgd_of = t.tgd;
    s->ci = t.row;
    for (int64_t i = 0; i < t.n; i++) s->tgd_rows[t.tgd[i]]++;
    return true;
}

/* ---------------- optional roles that disagree ---------------- */
/* Number of target row i's vector over the core; added when `stages` may grow. -1: absent, -2: no memory. */
static int32_t core_vector(const IntState *s, int64_t i, Intern *stages, bool add) {
    int32_t id = 0;
    for (uint64_t rest = s->family.join.core; rest && id >= 0; rest &= rest - 1) {
        int k = __builtin_ctzll(rest);
        uint64_t key = (uint64_t)id << 32 | (uint32_t)s->ci[k][i];
        id = add ? intern_add(&stages[k], key) : intern_find(&stages[k], key);
    }
    return id;
}
/* Row i has a row of node a's role with a key there, and none of node b's role. */
static bool has_only(const IntState *s, const KeyNode *a, const KeyNode *b, int64_t i) {
    int32_t row = s->ci[a->role][i];
    return row >= 0 && s->ci[b->role][i] < 0 && a->key[row] >= 0;
}
static void warn_disagreement(IntState *s, const KeyNode *a, const KeyNode *b) {
    Intern stages[MAX_ROLES] = {0};
    const RoleSpec *ra = &s->spec->roles[a->role], *rb = &s->spec->roles[b->role];
    uint64_t core = s->family.join.core;
    bool ok = true;
    int64_t n = 0, one = -1, other = -1;
    for (uint64_t rest = core; rest && ok; rest &= rest - 1) ok = intern_init(&stages[__builtin_ctzll(rest)], 64);
    for (int64_t i = 0; ok && i < s->rows; i++)
        if (has_only(s, a, b, i)) ok = core_vector(s, i, stages, true) >= 0;
    for (int64_t i = 0; ok && i < s->rows; i++)
        if (has_only(s, b, a, i) && core_vector(s, i, stages, false) >= 0 && !n++) other = i;
    for (int64_t i = 0; n && one < 0 && i < s->rows; i++)
        if (has_only(s, a, b, i) && core_vector(s, i, stages, false) == core_vector(s, other, stages, false)) one = i;
    for (int k = 0; k < MAX_ROLES; k++) intern_free(&stages[k]);
    if (!ok) {
        int_no_memory(s, "target rows", s->rows);
        return;
    }
    if (!n) return;
    Diag *d = diag_warn(s->ds, "W220", rb->span, "%s and %s disagree on `%s` in %lld row%s of %s: each has its own",
                        ra->name, rb->name, int_table(s, b->role)->cols[b->column].name, (long long)n,
                        n == 1 ? "" : "s", s->spec->target);
    diag_note(d, (Span){0}, "for example row %d of %s in target row %lld, and row %d of %s in target row %lld",
              s->ci[a->role][one] + 1, ra->name, (long long)one, s->ci[b->role][other] + 1, rb->name, (long long)other);
    diag_help(d, "use different variables if they need not agree; the rows of one of them can be left out by making it "
                 "needed (no `?`)");
}
/* Two optional roles that share a variable the core does not have, and differ in it, stand in two rows of the target
 * for one row of the core. */
static void warn_disagreements(IntState *s) {
    const Family *f = &s->family;
    const Join *j = &f->join;
    if (!f->consistent || !j->core) return;
    for (int b = 0; b < f->nnodes; b++)
        for (int a = 0; a < b && !s->failed; a++) {
            int x = f->nodes[a].role, y = f->nodes[b].role;
            uint64_t both = ROLE_BIT(x) | ROLE_BIT(y);
            if (x == y || j->group[a] < 0 || j->group[a] != j->group[b] || (both & j->core)) continue;
            if (f->nodes[a].column < 0 || f->nodes[b].column < 0) continue; /* entities never disagree */
            bool together = false, core = false;
            for (int t = 0; t < j->nbodies; t++) together |= !(both & ~j->bodies[t]);
            for (int c = 0; c < f->nnodes; c++)
                core |= j->group[c] == j->group[a] && (j->core & ROLE_BIT(f->nodes[c].role));
            if (together && !core) warn_disagreement(s, &f->nodes[a], &f->nodes[b]);
        }
}

bool int_rows(IntState *s) {
    if (!find_rows(s)) return false;
    warn_disagreements(s);
    return !s->failed;
}

/* Rows that no target row uses, and those among them that a null key keeps out. */
void int_row_statistics(IntState *s, Integration *out) {
    const MappingSpec *spec = s->spec;
    const Family *f = &s->family;
    for (int k = 0; k < spec->nroles; k++) {
        int64_t n = int_table(s, k)->rows;
        uint8_t *used = mem_alloc((size_t)n + 1);
        for (int64_t i = 0; i < s->rows; i++)
            if (s->ci[k][i] >= 0) used[s->ci[k][i]] = 1;
        for (int64_t r = 0; r < n; r++) {
            if (used[r]) continue;
            out->unmatched[k]++;
            bool null_key = false;
            for (int a = 0; a < f->nnodes; a++)
                null_key |= f->nodes[a].role == k && f->join.group[a] >= 0 && f->nodes[a].key[r] < 0;
            out->dropped_null_key[k] += null_key;
        }
        mem_free(used);
    }
}
