/* integration_trigger.c: the triggers of a join, by nested look-ups, and of a full outer join on one key.
 *
 * Walk. The roles are put in an order that starts at a role all bodies contain; each next role is joined by its key
 * columns to roles placed before (its providers), through one index over its rows. From every start row the walk takes
 * each matching row of the next role, or, where there is none and the role is optional, leaves it out. The set M of
 * roles found selects the bodies to emit: M itself when it is a body, else the maximal bodies inside M. With one body
 * this is an inner join; with the expansion of optional atoms the result is exactly the maximal vectors, because a role
 * is left out only where nothing matches it. This needs that every body contains the providers of each of its roles
 * (else the role could be reached another way), and, where a look-up may find several rows, that every M met is a body
 * or contains none (else a shorter vector might be covered by another branch): otherwise TRIGGERS_UNSUITED, and each
 * body is joined alone.
 *
 * The number of rows is known before they are allocated: for tree-shaped joins by passing products of counts up the
 * tree (O(rows)), else by a walk that only counts, up to max_rows. */
#include "backends/runtime/integration_walk.h"
#include "compiler/machine.h"

bool triggers_reserve(IntState *s, Triggers *t, uint64_t roles, int64_t n) {
    if (n <= t->cap && t->tgd) return true;
    int64_t cap = n < 16 ? 16 : n;
    if (!machine_has_memory((double)cap * 4 * (1 + __builtin_popcountll(roles))))
        return int_no_memory(s, "target rows", n), false;
    t->nroles = s->spec->nroles;
    if (!t->row) t->row = arena_array(s->arena, int32_t *, t->nroles);
    int32_t *tgd = mem_try((size_t)cap, sizeof *tgd);
    if (!tgd) return int_no_memory(s, "target rows", n), false;
    if (t->n) memcpy(tgd, t->tgd, (size_t)t->n * sizeof *tgd);
    mem_free(t->tgd);
    t->tgd = tgd;
    for (int k = 0; k < s->spec->nroles; k++) {
        if (!(roles & ROLE_BIT(k))) continue;
        int32_t *row = mem_try((size_t)cap, sizeof *row);
        if (!row) return int_no_memory(s, "target rows", n), false;
        if (t->n) memcpy(row, t->row[k], (size_t)t->n * sizeof *row);
        mem_free(t->row[k]);
        t->row[k] = row;
    }
    t->cap = cap;
    return true;
}
void triggers_free(Triggers *t) {
    mem_free(t->tgd);
    for (int k = 0; k < t->nroles; k++) mem_free(t->row[k]);
    *t = (Triggers){0};
}

bool join_filter(IntState *s, const Join *j, int role, uint8_t **ok) {
    const Family *f = &s->family;
    const Table *table = int_table(s, role);
    *ok = NULL;
    for (int c = 0; c < j->nconds; c++) {
        if (j->cond_roles[c] & ~ROLE_BIT(role)) continue;
        if (!*ok) {
            *ok = mem_try((size_t)table->rows, 1);
            if (!*ok && table->rows) return int_no_memory(s, "conditions", table->rows), false;
            if (*ok) memset(*ok, 1, (size_t)table->rows);
        }
        if (!j->cond_roles[c]) { /* a condition without columns holds everywhere or nowhere */
            const Table *tables[MAX_ROLES] = {0};
            int64_t none[MAX_ROLES] = {0};
            if (*ok && rowexpr_eval_truth(j->conds[c], tables, none) != 1) memset(*ok, 0, (size_t)table->rows);
            continue;
        }
        Column *truth = rowexpr_eval_column(s->ds, j->conds[c], table);
        if (!truth) return mem_free(*ok), *ok = NULL, s->failed = true, false;
        for (int64_t r = 0; r < table->rows; r++) {
            double x = truth->type == TY_TEXT ? NAN : column_number(truth, r);
            (*ok)[r] &= x == x && x != 0;
        }
        rowexpr_column_free(truth);
    }
    for (int a = 0; a < f->nnodes; a++) /* R(x, x): both columns equal and not null */
        for (int b = a + 1; b < f->nnodes; b++) {
            if (f->nodes[a].role != role || f->nodes[b].role != role || j->group[a] < 0 || j->group[a] != j->group[b])
                continue;
            if (!*ok) {
                *ok = mem_try((size_t)table->rows, 1);
                if (!*ok && table->rows) return int_no_memory(s, "conditions", table->rows), false;
                if (*ok) memset(*ok, 1, (size_t)table->rows);
            }
            for (int64_t r = 0; r < table->rows; r++)
                (*ok)[r] &= f->nodes[a].key[r] >= 0 && f->nodes[a].key[r] == f->nodes[b].key[r];
        }
    return true;
}

/* ---------------- the order of roles ---------------- */
static bool links(const Family *f, const Join *j, uint64_t placed, int role) {
    for (int a = 0; a < f->nnodes; a++) {
        if (f->nodes[a].role != role || j->group[a] < 0) continue;
        for (int b = 0; b < f->nnodes; b++)
            if (j->group[b] == j->group[a] && (placed & ROLE_BIT(f->nodes[b].role))) return true;
    }
    return false;
}
static int next_role(const Family *f, const Join *j, uint64_t placed, int nroles) {
    for (int pass = 0; pass < 3; pass++) /* roles of the core first, then optional ones, then unconnected ones */
        for (int k = 0; k < nroles; k++) {
            if (!(j->all & ~placed & ROLE_BIT(k))) continue;
            if (pass == 0 && !(j->core & ROLE_BIT(k))) continue;
            if (pass == 2 || links(f, j, placed, k)) return k;
        }
    internal_error("no role left to join");
}
/* Joins `role` to the roles placed before: one key per group that one of them has. */
static bool place_role(Walk *w, int role, uint64_t placed, const int *provider_of) {
    IntState *s = w->s;
    const Family *f = &s->family;
    const Join *j = w->j;
    Placed *p = &w->place[w->n++];
    p->own = arena_array(s->arena, const int32_t *, f->nnodes + 1);
    p->domain = arena_array(s->arena, int64_t, f->nnodes + 1);
    p->role = role;
    p->optional = !(j->core & ROLE_BIT(role));
    p->from = arena_array(s->arena, const int32_t *, f->nnodes + 1);
    p->from_role = arena_array(s->arena, int, f->nnodes + 1);
    p->conds = arena_array(s->arena, const RowExpr *, j->nconds + 1);
    for (int a = 0; a < f->nnodes; a++) {
        bool first = true;
        if (f->nodes[a].role != role || j->group[a] < 0 || provider_of[j->group[a]] < 0) continue;
        for (int b = 0; b < a; b++) first &= f->nodes[b].role != role || j->group[b] != j->group[a];
        if (!first) continue;
        const KeyNode *from = &f->nodes[provider_of[j->group[a]]];
        p->own[p->nkeys] = f->nodes[a].key;
        p->domain[p->nkeys] = f->nodes[a].domain;
        p->from[p->nkeys] = from->key;
        p->from_role[p->nkeys++] = from->role;
        p->providers |= ROLE_BIT(from->role);
    }
    for (int c = 0; c < j->nconds; c++) {
        uint64_t roles = j->cond_roles[c];
        if (!(roles & ROLE_BIT(role)) || roles == ROLE_BIT(role) || (roles & ~(placed | ROLE_BIT(role)))) continue;
        p->conds[p->nconds++] = j->conds[c];
        p->cond_roles |= roles;
    }
    if (!join_filter(s, j, role, &p->ok)) return w->failed = true, false;
    return true;
}
static bool build_indexes(Walk *w) {
    w->functional = true;
    for (int i = 0; i < w->n; i++) {
        Placed *p = &w->place[i];
        int64_t rows = int_table(w->s, p->role)->rows;
        if (!key_index_build(&p->index, rows, p->ok, p->nkeys, p->own, p->domain))
            return int_no_memory(w->s, "a join index", rows), w->failed = true, false;
        mem_free(p->ok);
        p->ok = NULL;
        w->functional &= p->index.unique;
    }
    return true;
}
static bool plan(Walk *w) {
    IntState *s = w->s;
    const Family *f = &s->family;
    const Join *j = w->j;
    int *provider_of = arena_array(s->arena, int, f->nnodes + 1);
    for (int i = 0; i < f->nnodes; i++) provider_of[i] = -1;
    w->start = __builtin_ctzll(j->core);
    uint64_t placed = 0;
    for (int role = w->start; placed != j->all;) {
        if (placed && !place_role(w, role, placed, provider_of)) return false;
        placed |= ROLE_BIT(role);
        for (int a = f->nnodes - 1; a >= 0; a--)
            if (f->nodes[a].role == role && j->group[a] >= 0) {
                int *p = &provider_of[j->group[a]];
                if (*p < 0 || f->nodes[*p].role == role) *p = a;
            }
        if (placed != j->all) role = next_role(f, j, placed, s->spec->nroles);
    }
    for (int i = 0; i < w->n; i++)
        for (int b = 0; b < j->nbodies; b++)
            if ((j->bodies[b] & ROLE_BIT(w->place[i].role)) &&
                ((w->place[i].providers | w->place[i].cond_roles) & ~j->bodies[b]))
                return w->unsuited = true, false;
    if (!join_filter(s, j, w->start, &w->start_ok)) return w->failed = true, false;
    return true;
}

/* ---------------- what a set of roles gives ---------------- */
static const Emission *emission(Walk *w, uint64_t found) {
    const Join *j = w->j;
    int known = w->masks.count;
    int32_t id = intern_add(&w->masks, found);
    if (id < 0) return int_no_memory(w->s, "sets of roles", known), w->failed = w->stop = true, NULL;
    if (id < known) return &w->emit[id];
    if (id == w->emit_cap) {
        Emission *old = w->emit;
        w->emit_cap = w->emit_cap ? 2 * w->emit_cap : 16;
        w->emit = arena_array(w->s->arena, Emission, w->emit_cap);
        if (id) memcpy(w->emit, old, (size_t)id * sizeof *old);
    }
    Emission *e = &w->emit[id];
    e->bodies = arena_array(w->s->arena, int, j->nbodies);
    for (int b = 0; b < j->nbodies && !e->exact; b++)
        if (j->bodies[b] == found) e->exact = true, e->n = 1, e->bodies[0] = b;
    for (int b = 0; b < j->nbodies && !e->exact; b++) {
        bool maximal = !(j->bodies[b] & ~found);
        for (int c = 0; c < j->nbodies && maximal; c++)
            maximal = (j->bodies[c] & ~found) || j->bodies[c] == j->bodies[b] || (j->bodies[b] & ~j->bodies[c]);
        if (maximal) e->bodies[e->n++] = b;
    }
    return e;
}
void walk_emit(Walk *w, uint64_t found) {
    const Emission *e = emission(w, found);
    if (!e || !e->n) return;
    if (!w->functional && !e->exact) {
        w->unsuited = w->stop = true;
        return;
    }
    w->count += e->n;
    if (w->counting) w->stop |= w->count > w->limit;
    if (w->counting || w->count > w->limit) return;
    Triggers *t = w->out;
    if (t->n + e->n > t->cap) {
        int64_t want = t->cap * 2 + e->n;
        if (!triggers_reserve(w->s, t, w->j->all, want > w->limit ? w->limit : want)) {
            w->failed = w->stop = true;
            return;
        }
    }
    for (int i = 0; i < e->n; i++) {
        uint64_t body = w->j->bodies[e->bodies[i]], rest = w->j->all;
        t->tgd[t->n] = w->j->tgd[e->bodies[i]];
        for (; rest; rest &= rest - 1) {
            int k = __builtin_ctzll(rest);
            t->row[k][t->n] = body & ROLE_BIT(k) ? (int32_t)w->row[k] : -1;
        }
        t->n++;
    }
}
static void walk(Walk *w, int depth, uint64_t found) {
    if (depth == w->n) {
        walk_emit(w, found);
        return;
    }
    Placed *p = &w->place[depth];
    bool any = false;
    if (!(p->providers & ~found)) {
        int32_t code[MAX_ROLES + 1];
        for (int i = 0; i < p->nkeys; i++) code[i] = p->from[i][w->row[p->from_role[i]]];
        int64_t g = key_index_find(&p->index, code);
        for (int32_t at = g < 0 ? 0 : p->index.start[g], end = g < 0 ? 0 : p->index.start[g + 1]; at < end && !w->stop;
             at++) {
            if (at % 65536 == 65535 && int_given_up(w->s)) w->failed = w->stop = true;
            w->row[p->role] = p->index.rows[at];
            bool holds = true;
            if (p->nconds && (p->cond_roles & ~(found | ROLE_BIT(p->role)))) holds = false;
            for (int c = 0; c < p->nconds && holds; c++)
                holds = rowexpr_eval_truth(p->conds[c], w->tables, w->row) == 1;
            if (!holds) continue;
            any = true;
            walk(w, depth + 1, found | ROLE_BIT(p->role));
        }
    }
    w->row[p->role] = -1;
    if (!any && p->optional && !w->stop) walk(w, depth + 1, found);
}
static void walk_all(Walk *w) {
    int64_t rows = int_table(w->s, w->start)->rows;
    w->stop = false;
    for (int64_t r = 0; r < rows && !w->stop; r++) {
        if (w->start_ok && !w->start_ok[r]) continue;
        if (int_given_up(w->s)) w->failed = w->stop = true;
        w->row[w->start] = r;
        walk(w, 0, ROLE_BIT(w->start));
    }
}

/* ---------------- counting before allocating ---------------- */
/* A tree: each role has one provider, no condition spans roles, and every set the walk can find is a body. The sets
 * closed under providers are counted by f(r) = [r optional] + product over children of f: the bodies are such sets, so
 * equal counts mean equal families. */
static bool tree_shaped(const Walk *w) {
    double sets[MAX_ROLES];
    for (int k = 0; k < MAX_ROLES; k++) sets[k] = 1;
    for (int i = w->n - 1; i >= 0; i--) {
        const Placed *p = &w->place[i];
        if (p->nconds || !p->providers || (p->providers & (p->providers - 1))) return false;
        sets[__builtin_ctzll(p->providers)] *= sets[p->role] + p->optional;
    }
    return w->j->nbodies == 1 || sets[w->start] == w->j->nbodies;
}
static double count_tree(Walk *w) {
    double *weight[MAX_ROLES] = {0}, total = -1; /* combinations below each row of a role; NULL: one each */
    for (int i = w->n - 1; i >= 0; i--) {
        const Placed *p = &w->place[i];
        int parent = p->from_role[0];
        int64_t rows = int_table(w->s, parent)->rows;
        double *sum = mem_try((size_t)p->index.groups, sizeof *sum);
        if (!weight[parent]) {
            weight[parent] = mem_try((size_t)rows, sizeof(double));
            for (int64_t r = 0; weight[parent] && r < rows; r++) weight[parent][r] = 1;
        }
        if ((!sum && p->index.groups) || (!weight[parent] && rows)) {
            mem_free(sum);
            goto done;
        }
        for (int64_t g = 0; g < p->index.groups; g++)
            for (int32_t at = p->index.start[g]; at < p->index.start[g + 1]; at++)
                sum[g] += weight[p->role] ? weight[p->role][p->index.rows[at]] : 1;
        for (int64_t r = 0; r < rows; r++) {
            int32_t code[MAX_ROLES + 1];
            for (int k = 0; k < p->nkeys; k++) code[k] = p->from[k][r];
            int64_t g = key_index_find(&p->index, code);
            double below = g < 0 ? 0 : sum[g];
            weight[parent][r] *= below > 0 ? below : p->optional;
        }
        mem_free(sum);
    }
    total = 0;
    for (int64_t r = 0, rows = int_table(w->s, w->start)->rows; r < rows; r++)
        if (!w->start_ok || w->start_ok[r]) total += weight[w->start] ? weight[w->start][r] : 1;
done:
    for (int k = 0; k < MAX_ROLES; k++) mem_free(weight[k]);
    if (total < 0) int_no_memory(w->s, "counting join rows", 0), w->failed = true;
    return total;
}
static bool reserve(Walk *w) {
    int64_t rows = int_table(w->s, w->start)->rows;
    if (w->functional) return triggers_reserve(w->s, w->out, w->j->all, rows < w->limit ? rows : w->limit);
    if (tree_shaped(w)) {
        double total = count_tree(w);
        if (w->failed) return false;
        if (total > (double)w->limit) return int_too_many_rows(w->s, true, total), false;
        return triggers_reserve(w->s, w->out, w->j->all, (int64_t)total);
    }
    w->counting = true;
    walk_all(w);
    w->counting = false;
    if (w->failed || w->unsuited) return false;
    if (w->count > w->limit) return int_too_many_rows(w->s, false, (double)w->limit), false;
    return triggers_reserve(w->s, w->out, w->j->all, w->count);
}

TriggersResult int_triggers(IntState *s, const Join *j, Triggers *out) {
    if (!j->core) return TRIGGERS_UNSUITED;
    Walk *w = mem_alloc(sizeof *w);
    w->s = s;
    w->j = j;
    w->out = out;
    w->limit = s->spec->max_rows < MAX_TARGET_ROWS ? s->spec->max_rows : MAX_TARGET_ROWS;
    for (int k = 0; k < s->spec->nroles; k++) w->tables[k] = int_table(s, k), w->row[k] = -1;
    if (!intern_init(&w->masks, 16))
        int_no_memory(s, "sets of roles", 16);
    else if (plan(w)) {
        if (!walk_on_device(w) && !w->failed && build_indexes(w) && reserve(w)) {
            w->count = 0;
            walk_all(w);
        }
        if (!w->failed && !w->unsuited && !s->failed && w->count > w->limit)
            int_too_many_rows(s, true, (double)w->count);
    }
    TriggersResult result = s->failed || w->failed ? TRIGGERS_FAILED : w->unsuited ? TRIGGERS_UNSUITED : TRIGGERS_DONE;
    for (int i = 0; i < w->n; i++) {
        key_index_free(&w->place[i].index);
        mem_free(w->place[i].ok);
    }
    intern_free(&w->masks);
    mem_free(w->start_ok);
    mem_free(w);
    if (result != TRIGGERS_DONE) triggers_free(out);
    return result;
}
