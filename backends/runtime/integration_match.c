/* integration_match.c: row matching: which rows of several roles are one entity.
 *
 * `on` pairs rows whose columns agree (a null agrees with nothing); `via` pairs the rows that a table of links names,
 * by row number from 1 or by the value of a column. `one_to_one` accepts pairs greedily by (score descending, left row,
 * right row). Union-find makes entities of the accepted pairs; the entity's number is then an ordinary join key.
 * Errors: E421 a link names a row that is not there; E420 two rows of one source in an entity, unless many_to_one; W421
 * an entity holds two rows that no pair joins directly. */
#include "backends/runtime/integration_internal.h"

enum { SHOWN = 10 };
typedef struct Pair {
    int32_t left, right;
    double score;
} Pair;
typedef struct Matching {
    IntState *s;
    const MatchSpec *m;
    int64_t base[MAX_ROLES + 1]; /* node number of row 0 of the i-th role */
    int32_t *parent;
} Matching;

static int32_t root_of(int32_t *parent, int32_t i) {
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
}
static void unite(Matching *w, int64_t a, int64_t b) {
    int32_t x = root_of(w->parent, (int32_t)a), y = root_of(w->parent, (int32_t)b);
    w->parent[x < y ? y : x] = x < y ? x : y;
}

/* ---------------- on ---------------- */
/* The key columns of roles p and q that the match equates, directly or through others. */
static int rule_columns(const Matching *w, int p, int q, ColRef *left, ColRef *right) {
    const MatchSpec *m = w->m;
    ColRef node[4 * MAX_ROLES];
    int parent[4 * MAX_ROLES], n = 0, found = 0;
    for (int e = 0; e < m->neqs && n + 2 <= 4 * MAX_ROLES; e++) {
        int at[2];
        for (int side = 0; side < 2; side++) {
            ColRef c = side ? m->eqs[e].b : m->eqs[e].a;
            int i = 0;
            while (i < n && (node[i].role != c.role || node[i].column != c.column)) i++;
            if (i == n) node[n] = c, parent[n] = n, n++;
            for (at[side] = i; parent[at[side]] != at[side];) at[side] = parent[at[side]];
        }
        parent[at[0] < at[1] ? at[1] : at[0]] = at[0] < at[1] ? at[0] : at[1];
    }
    for (int i = 0; i < n; i++) {
        if (node[i].role != m->roles[p]) continue;
        int ri = i;
        while (parent[ri] != ri) ri = parent[ri];
        for (int k = 0; k < n; k++) {
            int rk = k;
            while (parent[rk] != rk) rk = parent[rk];
            if (node[k].role == m->roles[q] && rk == ri && found < MAX_ROLES)
                left[found] = node[i], right[found++] = node[k];
        }
    }
    return found;
}
static bool match_pair_on(Matching *w, int p, int q) {
    IntState *s = w->s;
    ColRef left[MAX_ROLES], right[MAX_ROLES];
    int n = rule_columns(w, p, q, left, right);
    if (!n) return true;
    const int32_t *from[MAX_ROLES], *own[MAX_ROLES];
    int64_t domain[MAX_ROLES];
    int a = w->m->roles[p], b = w->m->roles[q], table_a = s->spec->roles[a].source, table_b = s->spec->roles[b].source;
    for (int i = 0; i < n; i++) {
        from[i] = s->column_key[table_b][right[i].column];
        own[i] = s->column_key[table_a][left[i].column];
        domain[i] = s->column_domain[table_a][left[i].column];
    }
    KeyIndex x;
    if (!key_index_build(&x, int_table(s, a)->rows, NULL, n, own, domain))
        return int_no_memory(s, "matching rows", int_table(s, a)->rows), false;
    int32_t *taken =
        mem_try((size_t)x.groups, sizeof *taken); /* one_to_one: left rows used up in each group; else: group united? */
    bool ok = taken != NULL;
    if (!ok) int_no_memory(s, "matching rows", x.groups);
    for (int64_t r = 0, rows = int_table(s, b)->rows; ok && r < rows; r++) {
        int32_t codes[MAX_ROLES];
        for (int i = 0; i < n; i++) codes[i] = from[i][r];
        int64_t g = key_index_find(&x, codes);
        if (g < 0) continue;
        int32_t size = x.start[g + 1] - x.start[g];
        if (w->m->one_to_one) { /* equal scores: the i-th right row of a group takes the i-th left row */
            if (taken[g] < size) unite(w, w->base[p] + x.rows[x.start[g] + taken[g]++], w->base[q] + r);
            continue;
        }
        for (int32_t i = 0; i < size && (i == 0 || !taken[g]); i++)
            unite(w, w->base[p] + x.rows[x.start[g] + i], w->base[q] + r);
        taken[g] = 1;
    }
    mem_free(taken);
    key_index_free(&x);
    return ok;
}

/* ---------------- via ---------------- */
/* The rows of role `p` that each link names: by value, or by row number from 1. Appends (link, row) in order of links.
 */
typedef struct Named {
    int64_t n, cap;
    int32_t *link, *row;
} Named;
static bool named_add(Named *v, int64_t link, int64_t row) {
    if (v->n == v->cap) {
        int64_t cap = v->cap ? 2 * v->cap : 1024;
        int32_t *a = mem_try((size_t)cap, sizeof *a), *b = mem_try((size_t)cap, sizeof *b);
        if (!a || !b) return mem_free(a), mem_free(b), false;
        if (v->n) memcpy(a, v->link, (size_t)v->n * sizeof *a), memcpy(b, v->row, (size_t)v->n * sizeof *b);
        mem_free(v->link);
        mem_free(v->row);
        v->link = a;
        v->row = b;
        v->cap = cap;
    }
    v->link[v->n] = (int32_t)link;
    v->row[v->n++] = (int32_t)row;
    return true;
}
static bool links_to_rows(Matching *w, int p, Named *out) {
    IntState *s = w->s;
    const MatchSpec *m = w->m;
    const Table *table = int_table(s, m->roles[p]), *links = m->links;
    int link_col = p ? m->link_right : m->link_left, key_col = p ? m->right_col : m->left_col;
    const Column *c = &links->cols[link_col];
    KeyColumn key[2] = {{.col = c, .rows = links->rows}, {0}};
    KeyIndex x = {0};
    int64_t missing = 0, shown[SHOWN];
    bool ok = true, by_number = key_col < 0;
    if (by_number && c->codes) {
        diag_error(s->ds, "E130", m->span, "`%s` of the links is text, but row numbers are wanted", c->name);
        return s->failed = true, false;
    }
    if (!by_number) {
        key[1] = (KeyColumn){.col = &table->cols[key_col], .rows = table->rows};
        int64_t domain = keys_encode(2, key);
        if (domain == KEYS_MIXED) {
            Diag *d = diag_error(s->ds, "E130", m->span,
                                 "`%s` of the links and %s.%s cannot be compared: one is text, the other a number",
                                 c->name, table->name, key[1].col->name);
            diag_help(d, "declare %s.%s with the type that the links have", table->name, key[1].col->name);
            return s->failed = true, false;
        }
        const int32_t *own[1] = {key[1].key};
        ok = domain >= 0 && key_index_build(&x, table->rows, NULL, 1, own, &domain);
    }
    for (int64_t l = 0; ok && l < links->rows; l++) {
        int64_t from = 0, to = 0;
        if (by_number) {
            double v = column_number(c, l);
            if (v >= 1 && v <= (double)table->rows && v == floor(v)) from = (int64_t)v - 1, to = from + 1;
        } else {
            int64_t g = key_index_find(&x, &key[0].key[l]);
            if (g >= 0) from = x.start[g], to = x.start[g + 1];
        }
        if (from == to) {
            if (missing < SHOWN) shown[missing] = l;
            missing++;
        }
        for (int64_t i = from; ok && i < to; i++) ok = named_add(out, l, by_number ? i : x.rows[i]);
    }
    if (missing) {
        Diag *d = diag_error(s->ds, "E421", m->span, "%lld link%s a row that %s does not have", (long long)missing,
                             missing == 1 ? " names" : "s name", table->name);
        for (int64_t i = 0; i < missing && i < SHOWN; i++) {
            char scratch[64];
            const char *text;
            int32_t len;
            int_value_text(c, shown[i], scratch, &text, &len);
            diag_note(d, (Span){0}, "row %lld of the links: %s = %.*s", (long long)shown[i] + 1, c->name,
                      len < 60 ? len : 60, text);
        }
        diag_help(d,
                  by_number ? "row numbers count from 1 and do not count the header"
                            : "every link must name a value of %s.%s",
                  table->name, by_number ? "" : table->cols[key_col].name);
        s->failed = true;
    } else if (!ok)
        int_no_memory(s, "links", links->rows);
    mem_free(key[0].key);
    mem_free(key[1].key);
    key_index_free(&x);
    return ok && !missing;
}
static int by_score(const void *a, const void *b) {
    const Pair *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    if (x->left != y->left) return x->left < y->left ? -1 : 1;
    return (x->right > y->right) - (x->right < y->right);
}
static bool match_via(Matching *w) {
    IntState *s = w->s;
    const MatchSpec *m = w->m;
    Named left = {0}, right = {0};
    Pair *pairs = NULL;
    uint8_t *used = NULL;
    bool ok = links_to_rows(w, 0, &left) && links_to_rows(w, 1, &right);
    int64_t n = 0, cap = 0;
    for (int64_t i = 0, k = 0; ok && i < left.n; i++) { /* both lists are in order of links */
        while (k < right.n && right.link[k] < left.link[i]) k++;
        for (int64_t r = k; ok && r < right.n && right.link[r] == left.link[i]; r++) {
            if (n == cap) {
                int64_t more = cap ? 2 * cap : left.n;
                Pair *grown = mem_try((size_t)more, sizeof *grown);
                if (!grown)
                    ok = false, int_no_memory(s, "links", more);
                else if (n)
                    memcpy(grown, pairs, (size_t)n * sizeof *grown);
                if (!grown) break;
                mem_free(pairs);
                pairs = grown;
                cap = more;
            }
            double score = m->link_score < 0 ? 0 : column_number(&m->links->cols[m->link_score], left.link[i]);
            pairs[n++] = (Pair){left.row[i], right.row[r], score == score ? score : -INFINITY};
        }
    }
    if (ok && m->one_to_one) {
        if (n) qsort(pairs, (size_t)n, sizeof *pairs, by_score);
        used = mem_try((size_t)w->base[2], 1);
        ok = used != NULL;
        if (!ok) int_no_memory(s, "links", n);
    }
    for (int64_t i = 0; ok && i < n; i++) {
        int64_t a = w->base[0] + pairs[i].left, b = w->base[1] + pairs[i].right;
        if (used) {
            if (used[a] || used[b]) continue;
            used[a] = used[b] = 1;
        }
        unite(w, a, b);
    }
    if (ok && m->many_to_one && !m->one_to_one) { /* chains: an entity with fewer links than pairs of rows */
        Intern links;
        int32_t *count[3] = {mem_try((size_t)w->base[2], 4), mem_try((size_t)w->base[2], 4),
                             mem_try((size_t)w->base[2], 4)};
        ok = count[0] && count[1] && count[2] && intern_init(&links, n);
        int64_t chains = 0;
        for (int64_t i = 0; ok && i < n; i++) {
            int32_t known = links.count;
            if (intern_add(&links, (uint64_t)(uint32_t)pairs[i].left << 32 | (uint32_t)pairs[i].right) == known)
                count[2][root_of(w->parent, pairs[i].left)]++;
        }
        for (int64_t i = 0; ok && i < w->base[2]; i++) count[i >= w->base[1]][root_of(w->parent, (int32_t)i)]++;
        for (int64_t i = 0; ok && i < w->base[2]; i++)
            chains += count[2][i] && (int64_t)count[0][i] * count[1][i] > count[2][i];
        if (ok)
            intern_free(&links);
        else
            int_no_memory(s, "links", n);
        for (int i = 0; i < 3; i++) mem_free(count[i]);
        if (chains)
            diag_warn(s->ds, "W421", m->span, "%lld entit%s two rows that no link joins directly", (long long)chains,
                      chains == 1 ? "y holds" : "ies hold");
    }
    mem_free(left.link), mem_free(left.row), mem_free(right.link), mem_free(right.row);
    mem_free(pairs);
    mem_free(used);
    return ok && !s->failed;
}

/* ---------------- entities ---------------- */
static bool number_entities(Matching *w, int match) {
    IntState *s = w->s;
    const MatchSpec *m = w->m;
    int64_t nodes = w->base[m->nroles];
    int32_t *id = mem_try((size_t)nodes, sizeof *id), *last = mem_try((size_t)nodes, sizeof *last);
    bool ok = id && last;
    int64_t entities = 0, doubled = 0;
    struct {
        int role;
        int32_t first, second;
    } shown[SHOWN];
    for (int64_t i = 0; ok && i < nodes; i++) id[i] = w->parent[i] == i ? (int32_t)entities++ : -1;
    for (int p = 0; ok && p < m->nroles; p++) {
        int64_t rows = w->base[p + 1] - w->base[p];
        int32_t *entity = mem_try((size_t)rows, sizeof *entity);
        ok = entity || !rows;
        for (int64_t r = 0; ok && r < rows; r++) {
            int32_t e = id[root_of(w->parent, (int32_t)(w->base[p] + r))];
            entity[r] = e;
            if (last[e] > w->base[p]) { /* last[] holds 1 + the latest node seen of this entity */
                if (doubled < SHOWN) {
                    shown[doubled].role = m->roles[p];
                    shown[doubled].first = last[e] - 1 - (int32_t)w->base[p];
                    shown[doubled].second = (int32_t)r;
                }
                doubled++;
            }
            last[e] = (int32_t)(w->base[p] + r + 1);
        }
        s->entity[match][m->roles[p]] = entity;
    }
    if (!ok) int_no_memory(s, "matching rows", nodes);
    if (ok && doubled && !m->many_to_one) {
        Diag *d = diag_error(s->ds, "E420", m->span, "%lld time%s two rows of one source match the same entity",
                             (long long)doubled, doubled == 1 ? "" : "s");
        for (int64_t i = 0; i < doubled && i < SHOWN; i++)
            diag_note(d, (Span){0}, "%s: rows %d and %d", s->spec->roles[shown[i].role].name, shown[i].first + 1,
                      shown[i].second + 1);
        diag_help(d, "match on columns that tell the rows apart, or say `assign one_to_one` (best pairs only) or "
                     "`assign many_to_one`");
        s->failed = true;
    }
    s->entities[match] = entities;
    mem_free(id);
    mem_free(last);
    return ok && !s->failed;
}
/* With `on` rules that do not reach every pair of roles, an entity may hold rows that were never compared. */
static void warn_chains(Matching *w, int match) {
    IntState *s = w->s;
    const MatchSpec *m = w->m;
    uint8_t *has = mem_try((size_t)s->entities[match], 1);
    if (!has) return int_no_memory(s, "matching rows", s->entities[match]);
    int64_t chains = 0;
    for (int p = 0; p < m->nroles; p++)
        for (int q = p + 1; q < m->nroles; q++) {
            ColRef a[MAX_ROLES], b[MAX_ROLES];
            if (rule_columns(w, p, q, a, b)) continue;
            memset(has, 0, (size_t)s->entities[match]);
            for (int64_t r = 0; r < w->base[p + 1] - w->base[p]; r++) has[s->entity[match][m->roles[p]][r]] = 1;
            for (int64_t r = 0; r < w->base[q + 1] - w->base[q]; r++) chains += has[s->entity[match][m->roles[q]][r]];
        }
    mem_free(has);
    if (chains)
        diag_warn(s->ds, "W421", m->span, "%lld pair%s of rows are one entity although no rule compares them directly",
                  (long long)chains, chains == 1 ? "" : "s");
}

bool int_matches(IntState *s) {
    const MappingSpec *spec = s->spec;
    s->entity = arena_array(s->arena, int32_t **, spec->nmatches + 1);
    s->entities = arena_array(s->arena, int64_t, spec->nmatches + 1);
    for (int i = 0; i < spec->nmatches; i++) s->entity[i] = arena_array(s->arena, int32_t *, spec->nroles);
    for (int i = 0; i < spec->nmatches; i++) {
        Matching w = {.s = s, .m = &spec->matches[i]};
        AMAL_CHECK(w.m->nroles >= 2 && w.m->nroles <= MAX_ROLES);
        for (int p = 0; p < w.m->nroles; p++) w.base[p + 1] = w.base[p] + int_table(s, w.m->roles[p])->rows;
        int64_t nodes = w.base[w.m->nroles];
        w.parent = nodes < INT32_MAX ? mem_try((size_t)nodes, sizeof *w.parent) : NULL;
        if (!w.parent) return int_no_memory(s, "matching rows", nodes), false;
        for (int64_t n = 0; n < nodes; n++) w.parent[n] = (int32_t)n;
        bool ok = true;
        if (w.m->links)
            ok = match_via(&w);
        else
            for (int p = 0; p < w.m->nroles && ok; p++)
                for (int q = p + 1; q < w.m->nroles && ok; q++) ok = match_pair_on(&w, p, q);
        ok = ok && number_entities(&w, i);
        if (ok && !w.m->links) warn_chains(&w, i);
        mem_free(w.parent);
        if (!ok || s->failed) return false;
    }
    return true;
}
