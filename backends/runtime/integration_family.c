/* integration_family.c: what the tgds have in common.
 *
 * The equalities of a tgd partition the key columns of its roles into groups. When one partition and one set of
 * conditions over all roles gives every tgd by restriction to its body (as the expansion of optional atoms does), the
 * family is consistent: then the target's rows come from one walk over the data instead of one join a tgd
 * (integration_trigger.c). Otherwise each body is joined by itself. */
#include "backends/runtime/integration_internal.h"

static int find_root(const int *parent, int i) {
    while (parent[i] != i) i = parent[i];
    return i;
}
static void unite(int *parent, int a, int b) {
    a = find_root(parent, a);
    b = find_root(parent, b);
    parent[a < b ? b : a] = a < b ? a : b;
}
/* Number of the node of a column (or entity) of a role, made when new. */
static int node_of(IntState *s, int *cap, int role, int column) {
    Family *f = &s->family;
    for (int i = 0; i < f->nnodes; i++)
        if (f->nodes[i].role == role && f->nodes[i].column == column) return i;
    if (f->nnodes == *cap) {
        KeyNode *old = f->nodes;
        *cap = *cap ? 2 * *cap : 16;
        f->nodes = arena_array(s->arena, KeyNode, *cap);
        if (f->nnodes) memcpy(f->nodes, old, (size_t)f->nnodes * sizeof *old);
    }
    KeyNode *n = &f->nodes[f->nnodes];
    *n = (KeyNode){.role = role, .column = column};
    if (column >= 0) {
        int table = s->spec->roles[role].source;
        n->key = s->column_key[table][column];
        n->domain = s->column_domain[table][column];
    } else {
        n->key = s->entity[-1 - column][role];
        n->domain = s->entities[-1 - column];
    }
    return f->nnodes++;
}
static uint64_t match_roles(const MatchSpec *m) {
    uint64_t set = 0;
    for (int i = 0; i < m->nroles; i++) set |= ROLE_BIT(m->roles[i]);
    return set;
}
static int condition_number(IntState *s, int *cap, const RowExpr *e) {
    Family *f = &s->family;
    for (int i = 0; i < f->nconds; i++)
        if (rowexpr_equal(f->conds[i], e)) return i;
    if (f->nconds == *cap) {
        const RowExpr **conds = f->conds;
        uint64_t *roles = f->cond_roles;
        *cap = *cap ? 2 * *cap : 16;
        f->conds = arena_array(s->arena, const RowExpr *, *cap);
        f->cond_roles = arena_array(s->arena, uint64_t, *cap);
        if (f->nconds)
            memcpy(f->conds, conds, (size_t)f->nconds * sizeof *conds),
                memcpy(f->cond_roles, roles, (size_t)f->nconds * sizeof *roles);
    }
    f->conds[f->nconds] = e;
    f->cond_roles[f->nconds] = rowexpr_roles(e);
    return f->nconds++;
}

/* The groups of one partition with at least two nodes in `body`, as the number of the group's first node there. */
static void restrict_groups(const Family *f, const int *parent, uint64_t body, int *group) {
    int *first = group; /* filled in two sweeps: first member by root, then singletons removed */
    for (int i = 0; i < f->nnodes; i++) {
        first[i] = -1;
        if (!(body & ROLE_BIT(f->nodes[i].role))) continue;
        for (int k = 0; k <= i; k++)
            if ((body & ROLE_BIT(f->nodes[k].role)) && find_root(parent, k) == find_root(parent, i)) {
                first[i] = k;
                break;
            }
    }
    for (int i = 0; i < f->nnodes; i++) {
        if (group[i] != i) continue;
        bool alone = true;
        for (int k = i + 1; k < f->nnodes && alone; k++) alone = group[k] != i;
        if (alone) group[i] = -1;
    }
}

static void family_tgd(IntState *s, int t, int *cond_cap, const int *parent) {
    Family *f = &s->family;
    const TgdSpec *tgd = &s->spec->tgds[t];
    f->tgd_group[t] = arena_array(s->arena, int, f->nnodes + 1);
    restrict_groups(f, parent, tgd->body, f->tgd_group[t]);
    f->tgd_conds[t] = arena_array(s->arena, int, tgd->nconds + 1);
    for (int i = 0; i < tgd->nconds; i++) {
        int c = condition_number(s, cond_cap, tgd->conds[i]), seen = 0;
        for (int k = 0; k < f->ntgd_conds[t]; k++) seen |= f->tgd_conds[t][k] == c;
        if (!seen) f->tgd_conds[t][f->ntgd_conds[t]++] = c;
    }
}
static bool tgd_is_restriction(const IntState *s, int t, const int *parent, int *scratch) {
    const Family *f = &s->family;
    uint64_t body = s->spec->tgds[t].body;
    restrict_groups(f, parent, body, scratch);
    if (f->nnodes && memcmp(scratch, f->tgd_group[t], (size_t)f->nnodes * sizeof *scratch)) return false;
    int expected = 0;
    for (int c = 0; c < f->nconds; c++) expected += !(f->cond_roles[c] & ~body);
    return expected == f->ntgd_conds[t];
}

void int_family(IntState *s) {
    const MappingSpec *spec = s->spec;
    Family *f = &s->family;
    int node_cap = 0, cond_cap = 0;
    for (int t = 0; t < spec->ntgds; t++)
        for (int e = 0; e < spec->tgds[t].neqs; e++) {
            node_of(s, &node_cap, spec->tgds[t].eqs[e].a.role, spec->tgds[t].eqs[e].a.column);
            node_of(s, &node_cap, spec->tgds[t].eqs[e].b.role, spec->tgds[t].eqs[e].b.column);
        }
    for (int m = 0; m < spec->nmatches; m++)
        for (int i = 0; i < spec->matches[m].nroles; i++) node_of(s, &node_cap, spec->matches[m].roles[i], -1 - m);
    f->tgd_group = arena_array(s->arena, int *, spec->ntgds);
    f->tgd_conds = arena_array(s->arena, int *, spec->ntgds);
    f->ntgd_conds = arena_array(s->arena, int, spec->ntgds);
    int *all = arena_array(s->arena, int, f->nnodes + 1), *parent = arena_array(s->arena, int, f->nnodes + 1);
    for (int i = 0; i < f->nnodes; i++) all[i] = i;
    for (int t = 0; t < spec->ntgds; t++) {
        const TgdSpec *tgd = &spec->tgds[t];
        for (int i = 0; i < f->nnodes; i++) parent[i] = i;
        for (int e = 0; e < tgd->neqs; e++) {
            int a = node_of(s, &node_cap, tgd->eqs[e].a.role, tgd->eqs[e].a.column),
                b = node_of(s, &node_cap, tgd->eqs[e].b.role, tgd->eqs[e].b.column);
            unite(parent, a, b);
            unite(all, a, b);
        }
        for (int m = 0; m < spec->nmatches; m++) {
            int before = -1;
            uint64_t both = tgd->body & match_roles(&spec->matches[m]);
            for (int k = 0; k < spec->nroles; k++) {
                if (!(both & ROLE_BIT(k))) continue;
                int node = node_of(s, &node_cap, k, -1 - m);
                if (before >= 0) unite(parent, before, node), unite(all, before, node);
                before = node;
            }
        }
        family_tgd(s, t, &cond_cap, parent);
    }
    f->consistent = true;
    int *scratch = arena_array(s->arena, int, f->nnodes + 1);
    for (int t = 0; t < spec->ntgds && f->consistent; t++) f->consistent = tgd_is_restriction(s, t, all, scratch);
    Join *j = &f->join;
    j->core = ~UINT64_C(0);
    j->bodies = arena_array(s->arena, uint64_t, spec->ntgds);
    j->tgd = arena_array(s->arena, int, spec->ntgds);
    for (int t = 0; t < spec->ntgds; t++) {
        uint64_t body = spec->tgds[t].body;
        bool seen = false;
        for (int b = 0; b < j->nbodies && !seen; b++) seen = j->bodies[b] == body;
        j->all |= body;
        j->core &= body;
        if (seen) continue;
        j->tgd[j->nbodies] = t;
        j->bodies[j->nbodies++] = body;
    }
    j->group = arena_array(s->arena, int, f->nnodes + 1);
    restrict_groups(f, all, j->all, j->group);
    j->nconds = f->nconds;
    j->conds = f->conds;
    j->cond_roles = f->cond_roles;
}

bool family_joined(const IntState *s, int tgd, int role_a, int col_a, int role_b, int col_b) {
    const Family *f = &s->family;
    int a = -1, b = -1;
    for (int i = 0; i < f->nnodes; i++) {
        if (f->nodes[i].role == role_a && f->nodes[i].column == col_a) a = f->tgd_group[tgd][i];
        if (f->nodes[i].role == role_b && f->nodes[i].column == col_b) b = f->tgd_group[tgd][i];
    }
    return a >= 0 && a == b;
}

/* ---------------- what kind of join it is ---------------- */
/* Roles of `body` reachable from its lowest one through the groups of the largest body. */
static bool connected(const Family *f, uint64_t body) {
    uint64_t reached = body & -body, before = 0;
    while (reached != before) {
        before = reached;
        for (int i = 0; i < f->nnodes; i++) {
            if (f->join.group[i] < 0 || !(reached & ROLE_BIT(f->nodes[i].role))) continue;
            for (int k = 0; k < f->nnodes; k++)
                if (f->join.group[k] == f->join.group[i]) reached |= ROLE_BIT(f->nodes[k].role) & body;
        }
    }
    return reached == body;
}
static bool has_body(const Join *j, uint64_t body) {
    for (int b = 0; b < j->nbodies; b++)
        if (j->bodies[b] == body) return true;
    return false;
}
/* Are the bodies all connected sets between the core and the largest? Few optional roles: count them. Many: the core is
 * among them and so is what each becomes with one adjacent role more, which reaches every connected superset of a
 * connected core. */
static bool all_connected_sets(const Family *f) {
    const Join *j = &f->join;
    int optional[MAX_ROLES], n = 0;
    for (int k = 0; k < MAX_ROLES; k++)
        if ((j->all & ~j->core) & ROLE_BIT(k)) optional[n++] = k;
    for (int b = 0; b < j->nbodies; b++)
        if (!connected(f, j->bodies[b])) return false;
    if (n <= 12) {
        for (uint32_t pick = 0; pick < UINT32_C(1) << n; pick++) {
            uint64_t body = j->core;
            for (int i = 0; i < n; i++)
                if (pick >> i & 1) body |= ROLE_BIT(optional[i]);
            if (body && connected(f, body) && !has_body(j, body)) return false;
        }
        return true;
    }
    if (j->core && !has_body(j, j->core)) return false;
    for (int i = 0; i < n && !j->core; i++)
        if (!has_body(j, ROLE_BIT(optional[i]))) return false;
    for (int b = 0; b < j->nbodies; b++)
        for (int i = 0; i < n; i++) {
            uint64_t more = j->bodies[b] | ROLE_BIT(optional[i]);
            if (connected(f, more) && !has_body(j, more)) return false;
        }
    return true;
}
static void print_roles(const IntState *s, uint64_t set, Buf *b) {
    const char *comma = "";
    for (int k = 0; k < s->spec->nroles; k++)
        if (set & ROLE_BIT(k)) buf_printf(b, "%s%s", comma, s->spec->roles[k].name), comma = ",";
}
void family_kind(const IntState *s, Integration *out) {
    const Join *j = &s->family.join;
    uint64_t seen = 0;
    bool disjoint = true;
    for (int b = 0; b < j->nbodies; b++) {
        disjoint &= !(seen & j->bodies[b]);
        seen |= j->bodies[b];
    }
    Buf detail = {0};
    if (j->nbodies == 1)
        out->kind = (j->all & (j->all - 1)) == 0 ? "single" : "inner";
    else if (disjoint)
        out->kind = "union";
    else if (has_body(j, j->all) && all_connected_sets(&s->family))
        out->kind = j->core ? "left" : "full outer";
    else
        out->kind = "mixed";
    buf_puts(&detail, out->kind);
    if (!strcmp(out->kind, "left")) {
        buf_puts(&detail, ", core ");
        print_roles(s, j->core, &detail);
    } else if (!strcmp(out->kind, "mixed")) {
        buf_free(&detail);
        for (int b = 0; b < j->nbodies && b < 16; b++) {
            int64_t rows = 0;
            for (int t = 0; t < s->spec->ntgds; t++)
                if (s->spec->tgds[t].body == j->bodies[b]) rows += s->tgd_rows[t];
            buf_puts(&detail, b ? ", {" : "{");
            print_roles(s, j->bodies[b], &detail);
            buf_printf(&detail, "} %lld", (long long)rows);
        }
        if (j->nbodies > 16) buf_printf(&detail, ", and %d more", j->nbodies - 16);
    }
    out->kind_detail = arena_strndup(s->arena, detail.data, detail.len);
    buf_free(&detail);
}
