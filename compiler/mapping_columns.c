/* mapping_columns.c: the target's columns over all tgds: their types, the one column each role gives (CM), precedence
 * lists L_j, and the checks that make owner(i, j) of semantics.md well defined:
 * a role gives a target column the same column in every tgd that maps it (E211), and in every tgd the value that the
 * head asks for is the one of the first role in L_j that is present and maps the column (E211): a head cannot hide
 * what another tgd shows.
 * Errors: E172, E173, E211, E213, E310; warning W125. */
#include "compiler/resolve_internal.h"

typedef struct ColumnWork {
    int j;
    const HeadAlt *of_role[MAX_ROLES]; /* CM: what the role gives */
    int tgd_of_role[MAX_ROLES];        /* the first tgd that says so */
    int rank[MAX_ROLES];               /* place in L_j */
} ColumnWork;

static const char *alt_name(MapCtx *m, const HeadAlt *a) {
    if (a->kind != HEAD_COLUMN) return "a computed value";
    const RoleSpec *r = &m->roles.data[a->role];
    return arena_printf(m->arena, "%s.%s", r->name, m->p->sources.data[r->source].cols[a->column].name.text);
}

/* ---------------- types ---------------- */

static bool common_type(MapCtx *m, int j, TargetColumnSpec *out) {
    const TargetColumn *decl = &m->t->decl->columns.data[j];
    const HeadAlt *first = NULL;
    int64_t width = 0;
    out->type = TY_INFER;
    for (int t = 0; t < m->tgds.len; t++)
        for (int k = 0; k < m->tgds.data[t].head[j].nalts; k++) {
            const HeadAlt *a = &m->tgds.data[t].head[j].alts[k];
            if (a->kind == HEAD_EXISTENTIAL) continue;
            int64_t w;
            TypeKind type = head_alt_type(m, a, &w);
            bool clash = first && value_class(type) != value_class(out->type);
            bool wide = first && type == TY_VECTOR && w && width && w != width;
            if (clash || wide) {
                Diag *d = diag_error(
                    m->ds, "E173", a->span, "`%s` is fed by %s, which is %s, and by %s, which is %s", decl->name.text,
                    alt_name(m, first),
                    wide ? arena_printf(m->arena, "vector(%lld)", (long long)width) : type_text(out->type),
                    alt_name(m, a), wide ? arena_printf(m->arena, "vector(%lld)", (long long)w) : type_text(type));
                diag_note(d, first->span, "the other is here");
                diag_help(d, wide ? "vectors of one target column have one width"
                                  : "declare the sources' columns with one type, or convert one: number(x)");
                return false;
            }
            out->type = !first || out->type == type ? type : value_class(type) == VAL_NUM ? TY_NUM : out->type;
            if (!first) first = a;
            if (w) width = w;
        }
    if (first) return true;
    Diag *d =
        diag_error(m->ds, "E172", decl->name.span, "no tgd gives the target column `%s` a value", decl->name.text);
    for (int t = 0; t < m->tgds.len && t < 3; t++)
        diag_note(d, m->tgds.data[t].head[j].alts[0].span, "it is existential here");
    diag_help(d, "map it in one of the tgds, or take the column out of the target");
    return false;
}

/* ---------------- what a role gives ---------------- */

static bool collect_roles(MapCtx *m, ColumnWork *w) {
    for (int t = 0; t < m->tgds.len; t++)
        for (int k = 0; k < m->tgds.data[t].head[w->j].nalts; k++) {
            const HeadAlt *a = &m->tgds.data[t].head[w->j].alts[k];
            if (a->role < 0) continue;
            const HeadAlt *known = w->of_role[a->role];
            if (!known) {
                w->of_role[a->role] = a;
                w->tgd_of_role[a->role] = t;
            } else if (!head_alt_equal(known, a)) {
                Diag *d = diag_error(m->ds, "E211", a->span, "`%s` maps `%s` to %s here, but to %s in %s",
                                     m->roles.data[a->role].name, m->t->decl->columns.data[w->j].name.text,
                                     alt_name(m, a), alt_name(m, known), m->tgds.data[w->tgd_of_role[a->role]].label);
                diag_note(d, known->span, "the other mapping is here");
                diag_help(d, "a source maps a target column in one way: make the tgds agree, or read the source under "
                             "two roles (`S as a`, `S as b`)");
                return false;
            }
        }
    return true;
}

/* ---------------- precedence ---------------- */

/* Roles that some tgd passes over for this one: they are present there and map the column, but the head names only this
 * one, so it had better come first. */
static uint64_t passed_over(const MapCtx *m, const ColumnWork *w, int role) {
    uint64_t passed = 0;
    for (int t = 0; t < m->tgds.len; t++) {
        uint64_t named = 0;
        const HeadTerm *h = &m->tgds.data[t].head[w->j];
        for (int k = 0; k < h->nalts; k++)
            if (h->alts[k].role >= 0) named |= 1ull << h->alts[k].role;
        if (named >> role & 1) passed |= m->tgds.data[t].body & ~named;
    }
    return passed;
}

static bool order_roles(MapCtx *m, ColumnWork *w, TargetColumnSpec *out) {
    const uint64_t *after = m->after + (size_t)w->j * MAX_ROLES;
    uint64_t left = 0, passed[MAX_ROLES] = {0};
    for (int r = 0; r < m->roles.len; r++)
        if (w->of_role[r]) {
            left |= 1ull << r;
            passed[r] = passed_over(m, w, r);
        }
    out->prec = arena_array(m->arena, int, __builtin_popcountll(left) + 1);
    while (left) {
        uint64_t blocked = 0;
        for (uint64_t r = left; r; r &= r - 1) blocked |= after[__builtin_ctzll(r)];
        uint64_t free_roles = left & ~blocked;
        if (!free_roles) {
            int r = __builtin_ctzll(left);
            const Span *at = m->after_at + (size_t)w->j * MAX_ROLES;
            Diag *d =
                diag_error(m->ds, "E213", at[r], "the tgds contradict each other on which source comes first for `%s`",
                           m->t->decl->columns.data[w->j].name.text);
            for (uint64_t o = left & (left - 1); o; o &= o - 1) {
                int s = __builtin_ctzll(o);
                diag_note(d, at[s], "here `%s` comes before another of them", m->roles.data[s].name);
            }
            diag_help(d, "write the alternatives of `x | y` in the same order in every tgd");
            return false;
        }
        uint64_t later = 0;
        for (uint64_t r = left; r; r &= r - 1) later |= passed[__builtin_ctzll(r)];
        int next = __builtin_ctzll(free_roles & ~later ? free_roles & ~later : free_roles);
        w->rank[next] = out->nprec;
        out->prec[out->nprec++] = next;
        left &= ~(1ull << next);
    }
    /* alternatives follow L_j; a constant or a value over several roles keeps its place */
    for (int t = 0; t < m->tgds.len; t++) {
        HeadTerm *h = &m->tgds.data[t].head[w->j];
        for (int i = 1; i < h->nalts; i++)
            for (int k = i; k > 0 && h->alts[k].role >= 0 && h->alts[k - 1].role >= 0 &&
                            w->rank[h->alts[k].role] < w->rank[h->alts[k - 1].role];
                 k--) {
                HeadAlt x = h->alts[k];
                h->alts[k] = h->alts[k - 1];
                h->alts[k - 1] = x;
            }
    }
    return true;
}

/* Does every head show what owner(i, j) says? */
static bool check_owner(MapCtx *m, const ColumnWork *w) {
    for (int t = 0; t < m->tgds.len; t++) {
        const TgdSpec *g = &m->tgds.data[t];
        const HeadAlt *shown = &g->head[w->j].alts[0];
        int owner = -1;
        for (uint64_t r = g->body; r; r &= r - 1) {
            int role = __builtin_ctzll(r);
            if (w->of_role[role] && (owner < 0 || w->rank[role] < w->rank[owner])) owner = role;
        }
        if (owner < 0 || shown->kind == HEAD_MULTI || shown->role == owner) continue;
        const char *name = m->t->decl->columns.data[w->j].name.text;
        Diag *d = diag_error(m->ds, "E211", shown->span, "%s reads `%s` but %s `%s`, which %s maps to %s", g->label,
                             m->roles.data[owner].name,
                             shown->kind == HEAD_EXISTENTIAL ? "leaves it out of" : "takes another value for", name,
                             m->tgds.data[w->tgd_of_role[owner]].label, alt_name(m, w->of_role[owner]));
        diag_note(d, w->of_role[owner]->span, "mapped here");
        diag_help(d, "map `%s` in the same way in every tgd whose body has `%s`", name, m->roles.data[owner].name);
        return false;
    }
    return true;
}

/* ---------------- labels ---------------- */

static bool check_label(MapCtx *m, int j) {
    const TargetColumn *c = &m->t->decl->columns.data[j];
    if (c->role != ROLE_LABEL || c->missing == MISS_DROP || c->missing == MISS_CONST) return true;
    for (int t = 0; t < m->tgds.len; t++) {
        const TgdSpec *g = &m->tgds.data[t];
        if (g->head[j].alts[0].kind != HEAD_EXISTENTIAL) continue;
        Diag *d = diag_error(m->ds, "E310", g->head[j].alts[0].span, "the rows of %s have no label `%s`", g->label,
                             c->name.text);
        diag_note(d, c->name.span, "the label is declared here");
        diag_help(
            d,
            "write `missing drop` after it to leave such rows out, or require the table that has the label (no `?`)");
        return false;
    }
    return true;
}

typedef struct Reads {
    uint64_t *cols; /* bit set, per role */
    int words;
} Reads;
static void read_column(Reads *r, int role, int column) {
    r->cols[role * r->words + column / 64] |= 1ull << (column % 64);
}
static void read_expr(Reads *r, const RowExpr *e) {
    if (e->kind == RX_COLUMN) read_column(r, e->role, e->column);
    for (int i = 0; i < e->nargs; i++) read_expr(r, e->args[i]);
}
static void read_alt(Reads *r, const HeadAlt *a) {
    if (a->kind == HEAD_COLUMN)
        read_column(r, a->role, a->column);
    else if (a->expr)
        read_expr(r, a->expr);
}

/* A feature made of nothing but what the label is made of gives the answer away. */
static void warn_leak(MapCtx *m) {
    int words = 1;
    for (int r = 0; r < m->roles.len; r++) {
        int need = m->p->sources.data[m->roles.data[r].source].ncols / 64 + 1;
        if (need > words) words = need;
    }
    size_t n = (size_t)words * (size_t)m->roles.len;
    Reads label = {arena_array(m->arena, uint64_t, n + 1), words},
          one = {arena_array(m->arena, uint64_t, n + 1), words};
    const HeadAlt *from = NULL;
    for (int t = 0; t < m->tgds.len; t++)
        for (int j = 0; j < m->t->decl->columns.len; j++)
            if (m->t->decl->columns.data[j].role == ROLE_LABEL) {
                HeadTerm *h = &m->tgds.data[t].head[j];
                for (int k = 0; k < h->nalts; k++) read_alt(&label, &h->alts[k]);
                if (!from) from = &h->alts[0];
            }
    for (int j = 0; j < m->t->decl->columns.len; j++) {
        const TargetColumn *c = &m->t->decl->columns.data[j];
        bool told = c->role != ROLE_FEATURE;
        for (int t = 0; t < m->tgds.len && !told; t++)
            for (int k = 0; k < m->tgds.data[t].head[j].nalts && !told; k++) {
                const HeadAlt *a = &m->tgds.data[t].head[j].alts[k];
                memset(one.cols, 0, n * sizeof *one.cols);
                read_alt(&one, a);
                bool any = false, all = true;
                for (size_t i = 0; i < n; i++) any |= one.cols[i] != 0, all &= !(one.cols[i] & ~label.cols[i]);
                if (!any || !all) continue;
                Diag *d = diag_warn(m->ds, "W125", a->span, "the feature `%s` is made of the label's own column",
                                    c->name.text);
                if (from) diag_note(d, from->span, "the label is made here");
                diag_help(d,
                          "a model that sees the answer learns nothing else: take the feature out, or make it an id");
                told = true;
            }
    }
}

/* ---------------- all ---------------- */

static int count_features(MapCtx *m) {
    int64_t n = 0;
    for (int j = 0; j < m->t->decl->columns.len; j++) {
        if (m->spec->cols[j].role != ROLE_FEATURE) continue;
        int64_t width = 1;
        if (m->spec->cols[j].encoding == ENC_ONEHOT) return -1;
        if (m->spec->cols[j].encoding == ENC_VECTOR) {
            width = 0;
            for (int t = 0; t < m->tgds.len && !width; t++)
                for (int k = 0; k < m->tgds.data[t].head[j].nalts && !width; k++)
                    (void)head_alt_type(m, &m->tgds.data[t].head[j].alts[k], &width);
            if (!width) return -1;
        }
        n += width;
    }
    return n > INT32_MAX ? -1 : (int)n;
}

bool mapping_columns(MapCtx *m) {
    bool ok = true;
    int n = m->t->decl->columns.len;
    m->spec->cols = arena_array(m->arena, TargetColumnSpec, n + 1);
    m->spec->ncols = n;
    for (int j = 0; j < n; j++) {
        TargetColumnSpec *out = &m->spec->cols[j];
        ColumnWork w = {.j = j};
        bool good = common_type(m, j, out);
        good &= mapping_encoding(m, out, &m->t->decl->columns.data[j]);
        good = good && collect_roles(m, &w) && order_roles(m, &w, out) && check_owner(m, &w) && check_label(m, j);
        ok &= good;
    }
    if (!ok) return false;
    warn_leak(m);
    m->t->nfeatures_known = count_features(m);
    return true;
}
