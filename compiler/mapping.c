/* mapping.c: one target of a Program becomes a MappingSpec without tables: its roles, matches, expanded tgds, target
 * columns, checks and options. mapping_bind.c attaches the tables. The parts are in mapping_*.c (see
 * resolve_internal.h).
 *
 * Requires: sources, targets, tgds, egds and matches of the Program. Reports; a target with errors has spec == NULL. */
#include "backends/runtime/rowexpr_internal.h"
#include "compiler/resolve_internal.h"

/* Roles are global to a target, by name: one entry each, in order of first appearance. */
static bool add_role(MapCtx *m, const Atom *a) {
    if (a->negated) {
        Diag *d = diag_error(m->ds, "E141", a->span, "a body cannot say that a row does not exist");
        diag_help(d, "read such rows with a query instead: `sqlite:FILE?query=SELECT … WHERE NOT EXISTS (…)`");
        return false;
    }
    int source = resolve_source(m->p, a->relation);
    if (source < 0) return false;
    const char *name = a->role.text ? a->role.text : a->relation.text;
    for (int i = 0; i < m->roles.len; i++) {
        RoleSpec *r = &m->roles.data[i];
        if (strcmp(r->name, name)) continue;
        if (r->source == source) return true;
        Diag *d = diag_error(m->ds, "E152", a->span, "the role `%s` is `%s` here, but `%s` elsewhere", name,
                             a->relation.text, m->p->sources.data[r->source].decl->name.text);
        diag_note(d, r->span, "first used here");
        diag_help(d, "a role is one source throughout a target: choose another name after `as`");
        return false;
    }
    if (m->roles.len >= MAX_ROLES) {
        Diag *d =
            diag_error(m->ds, "E161", a->span, "target `%s` has more than %d roles", m->t->decl->name.text, MAX_ROLES);
        diag_help(d, "join some of the tables before reading them, for example with `sqlite:…?query=…`");
        return false;
    }
    vec_push(m->arena, &m->roles, ((RoleSpec){name, source, a->span}));
    return true;
}

static int find_role(const MapCtx *m, const Atom *a) {
    const char *name = a->role.text ? a->role.text : a->relation.text;
    for (int i = 0; i < m->roles.len; i++)
        if (!strcmp(m->roles.data[i].name, name)) return i;
    return -1;
}

/* Role 0 is the base. In a left join that is the core, of which every row is kept: the roles that every tgd needs, when
 * some tgd does with them alone. They come before the others wherever they are written, because the base's values
 * count where sources disagree. */
static void put_core_first(MapCtx *m) {
    uint64_t core = ~0ull, *least = arena_array(m->arena, uint64_t, m->t->tgds.len + 1);
    for (int t = 0; t < m->t->tgds.len; t++) {
        uint64_t needed = 0;
        for (int i = 0; i < m->t->tgds.data[t]->body.len; i++) {
            const Atom *a = m->t->tgds.data[t]->body.data[i];
            int role = find_role(m, a);
            if (role >= 0 && !a->optional) needed |= 1ull << role;
        }
        core &= least[t] = needed;
    }
    bool left = false;
    for (int t = 0; t < m->t->tgds.len && !left; t++) left = core && least[t] == core;
    if (!left) return;
    RoleSpec ordered[MAX_ROLES];
    int n = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int r = 0; r < m->roles.len; r++)
            if ((core >> r & 1) == (pass == 0)) ordered[n++] = m->roles.data[r];
    if (n) memcpy(m->roles.data, ordered, (size_t)n * sizeof *ordered);
}

static bool collect_roles(MapCtx *m) {
    bool ok = true;
    for (int t = 0; t < m->t->tgds.len; t++)
        for (int i = 0; i < m->t->tgds.data[t]->body.len; i++) ok &= add_role(m, m->t->tgds.data[t]->body.data[i]);
    put_core_first(m);
    m->spec->roles = m->roles.data;
    m->spec->nroles = m->roles.len;
    return ok;
}

/* ---------------- tgds written twice ---------------- */

static bool same_triggers(const TgdSpec *a, const TgdSpec *b) {
    if (a->body != b->body || a->neqs != b->neqs || a->nconds != b->nconds) return false;
    for (int i = 0; i < a->neqs; i++) {
        bool found = false;
        for (int k = 0; k < b->neqs && !found; k++) {
            const JoinEq *x = &a->eqs[i], *y = &b->eqs[k];
            found = (!memcmp(&x->a, &y->a, sizeof x->a) && !memcmp(&x->b, &y->b, sizeof x->b)) ||
                    (!memcmp(&x->a, &y->b, sizeof x->a) && !memcmp(&x->b, &y->a, sizeof x->b));
        }
        if (!found) return false;
    }
    for (int i = 0; i < a->nconds; i++) {
        bool found = false;
        for (int k = 0; k < b->nconds && !found; k++) found = rowexpr_equal(a->conds[i], b->conds[k]);
        if (!found) return false;
    }
    return true;
}

static int differing_column(const TgdSpec *a, const TgdSpec *b, int ncols) {
    for (int j = 0; j < ncols; j++) {
        if (a->head[j].nalts != b->head[j].nalts) return j;
        for (int k = 0; k < a->head[j].nalts; k++)
            if (!head_alt_equal(&a->head[j].alts[k], &b->head[j].alts[k])) return j;
    }
    return -1;
}

static bool merge_equal(MapCtx *m) {
    int kept = 0;
    bool ok = true;
    for (int t = 0; t < m->tgds.len; t++) {
        const TgdSpec *g = &m->tgds.data[t];
        bool known = false;
        for (int k = 0; k < kept && !known; k++) {
            const TgdSpec *o = &m->tgds.data[k];
            if (m->body_of.data[k] == m->body_of.data[t] || !same_triggers(o, g)) continue;
            known = true;
            int j = differing_column(o, g, m->t->decl->columns.len);
            if (j >= 0) {
                Diag *d = diag_error(m->ds, "E211", g->head[j].alts[0].span,
                                     "%s and %s read the same rows but give `%s` different values", o->label, g->label,
                                     m->t->decl->columns.data[j].name.text);
                diag_note(d, o->head[j].alts[0].span, "the other value is here");
                diag_help(d,
                          "every row gets one value: take one of the two tgds away, or give them different conditions");
                ok = false;
            } else {
                Diag *d = diag_warn(m->ds, "W180", g->span, "%s says the same as %s", g->label, o->label);
                diag_note(d, o->span, "`%s` is here", o->label);
                diag_help(d, "rows are counted once; take one of the two away");
            }
        }
        if (known) continue;
        m->tgds.data[kept] = m->tgds.data[t];
        m->body_of.data[kept++] = m->body_of.data[t];
    }
    m->tgds.len = m->body_of.len = kept;
    return ok;
}

/* ---------------- columns to read ---------------- */

static void want(Program *p, int source, int column) {
    Source *s = &p->sources.data[source];
    if (column >= 0 && column < s->ncols) s->wanted[column] = true;
}

static void want_expr(Program *p, const MappingSpec *spec, const RowExpr *e) {
    if (!e) return;
    if (e->kind == RX_COLUMN) want(p, spec->roles[e->role].source, e->column);
    for (int i = 0; i < e->nargs; i++) want_expr(p, spec, e->args[i]);
}

static void want_eqs(Program *p, const MappingSpec *spec, const JoinEq *eqs, int n) {
    for (int i = 0; i < n; i++) {
        want(p, spec->roles[eqs[i].a.role].source, eqs[i].a.column);
        want(p, spec->roles[eqs[i].b.role].source, eqs[i].b.column);
    }
}

void mapping_wanted(Program *p, const MappingSpec *spec) {
    for (int t = 0; t < spec->ntgds; t++) {
        const TgdSpec *g = &spec->tgds[t];
        want_eqs(p, spec, g->eqs, g->neqs);
        for (int i = 0; i < g->nconds; i++) want_expr(p, spec, g->conds[i]);
        for (int j = 0; j < spec->ncols; j++)
            for (int k = 0; k < g->head[j].nalts; k++) {
                const HeadAlt *a = &g->head[j].alts[k];
                if (a->kind == HEAD_COLUMN) want(p, spec->roles[a->role].source, a->column);
                want_expr(p, spec, a->expr);
            }
    }
    for (int i = 0; i < spec->nchecks; i++) {
        const CheckSpec *c = &spec->checks[i];
        for (int k = 0; k < c->ncols; k++) want(p, c->source, c->cols[k]);
        for (int k = 0; k < c->ncols2; k++) want(p, c->source2, c->cols2[k]);
    }
    for (int i = 0; i < spec->nmatches; i++) {
        const MatchSpec *s = &spec->matches[i];
        want_eqs(p, spec, s->eqs, s->neqs);
        want(p, spec->roles[s->roles[0]].source, s->left_col);
        want(p, spec->roles[s->roles[1]].source, s->right_col);
    }
    for (int r = 0; r < spec->nroles; r++) { /* a table of which only the number of rows matters still has to be read */
        Source *s = &p->sources.data[spec->roles[r].source];
        bool any = false;
        for (int c = 0; c < s->ncols; c++) any |= s->wanted[c];
        int cheap = 0;
        while (cheap + 1 < s->ncols && s->cols[cheap].type == TY_VECTOR) cheap++;
        if (!any && s->ncols) s->wanted[cheap] = true;
    }
}

/* ---------------- options ---------------- */

static void read_options(Program *p, MappingSpec *spec) {
    spec->max_rows = 1000000000;
    for (int i = 0; i < p->steps.len; i++) {
        const Stmt *s = p->steps.data[i];
        if (s->kind != ST_OPTION || !s->option.value) continue;
        const Expr *v = s->option.value, *c = resolve_constant(p, v);
        if (!strcmp(s->option.name.text, "max_rows") && c && c->kind == EX_NUM && c->num >= 1 &&
            c->num <= 9007199254740992.0)
            spec->max_rows = (int64_t)c->num;
        if (!strcmp(s->option.name.text, "egd") && v->text) spec->egd_warn = !strcmp(v->text, "warn");
    }
}

bool mapping_resolve(Program *p, Target *t) {
    if (t->spec) return true;
    if (!t->tgds.len) {
        Diag *d = diag_error(p->diags, "E170", t->decl->name.span, "no tgd fills the target `%s`", t->decl->name.text);
        diag_help(d, "say where its rows come from: `S(x: v) -> %s(…);`", t->decl->name.text);
        return false;
    }
    MapCtx m = {.p = p, .t = t, .arena = p->arena, .ds = p->diags, .spec = arena_new_of(p->arena, MappingSpec)};
    int ncols = t->decl->columns.len;
    if (!ncols) return false; /* reported with the target */
    m.after = arena_array(p->arena, uint64_t, (size_t)ncols * MAX_ROLES);
    m.after_at = arena_array(p->arena, Span, (size_t)ncols * MAX_ROLES);
    *m.spec = (MappingSpec){.target = t->decl->name.text,
                            .span = t->decl->name.span,
                            .ntables = p->sources.len,
                            .distinct = t->decl->distinct,
                            .base_order = t->decl->order && !strcmp(t->decl->order, "base"),
                            .conflict = t->decl->conflict && !strcmp(t->decl->conflict, "nonnull") ? CONFLICT_NONNULL
                                                                                                   : CONFLICT_BASE};
    read_options(p, m.spec);
    bool ok = collect_roles(&m);
    ok &= mapping_matches(&m);
    for (int i = 0; i < t->tgds.len; i++) {
        m.written = i;
        const Body *b = body_bind(&m, t->tgds.data[i]);
        ok &= b && body_expand(&m, b);
    }
    if (!ok || !merge_equal(&m) || !m.tgds.len) return false;
    if (!mapping_columns(&m)) return false;
    m.spec->tgds = m.tgds.data;
    m.spec->ntgds = m.tgds.len;
    mapping_checks(p, m.spec);
    mapping_wanted(p, m.spec);
    t->spec = m.spec;
    return true;
}
