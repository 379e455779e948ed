/* mapping_match.c: `match` statements of one target: which roles are one entity, and by what.
 *
 *   match A, B on n;                      the column n of both
 *   match A, B on A.pid = B.patient;      two columns
 *   match A, B via "links.csv" (left = la, right = lb, left_key = a, right_key = b, score = p) assign one_to_one;
 * left and right name columns of the links file; left_key and right_key the columns of A and B whose values they
 * hold. Without a key: the source's column of the same name, else its only key(…) column. `rowid` as key is the row's
 * number, from 1. Errors: E112, E130, E151. */
#include "compiler/resolve_internal.h"
#include "compiler/words.h"

static int role_index(const MapCtx *m, const char *name) {
    for (int i = 0; i < m->roles.len; i++)
        if (!strcmp(m->roles.data[i].name, name)) return i;
    return -1;
}

static const Source *role_source(const MapCtx *m, int role) {
    return &m->p->sources.data[m->roles.data[role].source];
}

Name match_argument(const MatchDecl *d, const char *name) {
    for (int i = 0; i < d->via_args.len; i++) {
        const Expr *v = d->via_args.data[i].value;
        if (!strcmp(d->via_args.data[i].name.text, name) && v && (v->kind == EX_NAME || v->kind == EX_STR))
            return (Name){v->text, v->span};
    }
    return (Name){0};
}

static bool same_class(MapCtx *m, ColRef a, ColRef b, Span at) {
    const Source *sa = role_source(m, a.role), *sb = role_source(m, b.role);
    const ColumnDecl *ca = &sa->cols[a.column], *cb = &sb->cols[b.column];
    ValueClass x = value_class(ca->type), y = value_class(cb->type);
    if (x == y && x != VAL_VECTOR) return true;
    Diag *d = diag_error(m->ds, "E130", at, "this match compares %s with %s: %s.%s is %s, %s.%s is %s", value_text(x),
                         value_text(y), m->roles.data[a.role].name, ca->name.text, type_text(ca->type),
                         m->roles.data[b.role].name, cb->name.text, type_text(cb->type));
    diag_help(d, "declare both columns with one type");
    return false;
}

typedef VEC(JoinEq) EqVec;

static bool match_on_names(MapCtx *m, const MatchDecl *d, const MatchSpec *s, EqVec *eqs) {
    bool ok = true;
    for (int i = 0; i < d->on.len; i++) {
        Name n = d->on.data[i];
        int first = resolve_column(m->p, role_source(m, s->roles[0]), n);
        for (int r = 1; r < s->nroles; r++) {
            int c = resolve_column(m->p, role_source(m, s->roles[r]), n);
            if (first < 0 || c < 0) {
                ok = false;
                continue;
            }
            JoinEq e = {{s->roles[0], first}, {s->roles[r], c}, n.span, n.text};
            ok &= same_class(m, e.a, e.b, n.span);
            vec_push(m->arena, eqs, e);
        }
    }
    return ok;
}

/* ROLE.column of one of the matched roles. */
static bool match_side(MapCtx *m, const MatchSpec *s, const Expr *e, ColRef *out) {
    if (e->kind != EX_FIELD || e->args[0]->kind != EX_NAME) {
        Diag *d = diag_error(m->ds, "E151", e->span, "a match compares columns, written `role.column`");
        diag_help(d, "for example `on %s.id = %s.id`", m->roles.data[s->roles[0]].name,
                  m->roles.data[s->roles[1]].name);
        return false;
    }
    out->role = role_index(m, e->args[0]->text);
    bool listed = false;
    TextVec names = {0};
    for (int i = 0; i < s->nroles; i++) {
        listed |= s->roles[i] == out->role;
        vec_push(m->arena, &names, m->roles.data[s->roles[i]].name);
    }
    if (out->role < 0 || !listed) {
        Diag *d = diag_error(m->ds, "E151", e->args[0]->span, "`%s` is not one of the matched roles", e->args[0]->text);
        resolve_help_names(d, e->args[0]->text, &names, "role");
        return false;
    }
    out->column =
        resolve_column(m->p, role_source(m, out->role), (Name){e->text, e->text_span.file ? e->text_span : e->span});
    return out->column >= 0;
}

static bool match_on_exprs(MapCtx *m, const MatchDecl *d, const MatchSpec *s, EqVec *eqs) {
    bool ok = true;
    for (int i = 0; i < d->on_exprs.len; i++) {
        const Expr *e = d->on_exprs.data[i];
        while (e->kind == EX_BINARY && e->op == OP_AND) e = e->args[0]; /* reported below: only equalities are taken */
        if (e->kind != EX_BINARY || e->op != OP_EQ || e != d->on_exprs.data[i]) {
            Diag *x = diag_error(m->ds, "E151", d->on_exprs.data[i]->span, "a match takes equalities of columns");
            diag_help(x, "write `on A.x = B.y, A.u = B.v`");
            ok = false;
            continue;
        }
        JoinEq q = {.span = e->span, .variable = "match"};
        if (!match_side(m, s, e->args[0], &q.a) || !match_side(m, s, e->args[1], &q.b)) {
            ok = false;
            continue;
        }
        if (q.a.role == q.b.role) {
            Diag *x =
                diag_error(m->ds, "E151", e->span, "both sides are columns of `%s`", m->roles.data[q.a.role].name);
            diag_help(x, "compare a column of one role with a column of another");
            ok = false;
        }
        ok &= same_class(m, q.a, q.b, e->span);
        vec_push(m->arena, eqs, q);
    }
    return ok;
}

static bool link_key(MapCtx *m, const MatchDecl *d, int role, const char *side, const char *key, int *out) {
    const Source *s = role_source(m, role);
    Name link = match_argument(d, side), given = match_argument(d, key);
    if (!link.text) {
        Diag *e =
            diag_error(m->ds, "E151", d->via_span,
                       "`via` needs to know which column of the file names the rows of `%s`", m->roles.data[role].name);
        diag_help(e, "add `(left = …, right = …)`, two columns of \"%s\"", d->via);
        return false;
    }
    const char *name = given.text ? given.text : link.text;
    *out = source_column(s, name);
    if (*out >= 0) {
        if (s->cols[*out].type == TY_ROWID) *out = -1;
        return true;
    }
    if (!strcmp(name, "rowid")) return true; /* row numbers */
    if (given.text) return resolve_column(m->p, s, given) >= 0;
    const SourceDecl *sd = s->decl;
    if (sd->keys.len == 1 && sd->keys.data[0].len == 1) {
        *out = source_column(s, sd->keys.data[0].data[0].text);
        return *out >= 0; /* an unknown key column was reported with the source */
    }
    Diag *e =
        diag_error(m->ds, "E151", link.span, "which column of `%s` does `%s` refer to?", sd->name.text, link.text);
    diag_note(e, sd->name.span, "`%s` has no column of that name and %s", sd->name.text,
              sd->keys.len ? "several keys" : "no key");
    diag_help(e, "add `%s = COLUMN`, or `%s = rowid` if the file holds row numbers", key, key);
    return false;
}

static bool match_via(MapCtx *m, const MatchDecl *d, MatchSpec *s) {
    int nknown;
    const char *const *known = words_at(WORDS_LINK_COLUMNS, &nknown);
    bool ok = true;
    for (int i = 0; i < d->via_args.len; i++) {
        Name n = d->via_args.data[i].name;
        TextVec names = {0};
        bool found = false;
        for (int k = 0; k < nknown; k++) {
            vec_push(m->arena, &names, known[k]);
            found |= !strcmp(known[k], n.text);
        }
        if (found && match_argument(d, n.text).text) continue;
        Diag *e = diag_error(m->ds, "E151", n.span,
                             found ? "`%s` takes the name of a column" : "`via` has no argument `%s`", n.text);
        if (!found) resolve_help_names(e, n.text, &names, "argument");
        ok = false;
    }
    if (s->nroles != 2) {
        Diag *e = diag_error(m->ds, "E151", d->span, "a match via a file pairs two roles, not %d", s->nroles);
        diag_help(e, "write one `match` for each pair");
        return false;
    }
    if (!ok) return false;
    ok = link_key(m, d, s->roles[0], "left", "left_key", &s->left_col);
    ok &= link_key(m, d, s->roles[1], "right", "right_key", &s->right_col);
    for (int side = 0; side < 2 && ok; side++) {
        int c = side ? s->right_col : s->left_col;
        const Source *src = role_source(m, s->roles[side]);
        if (c < 0 || value_class(src->cols[c].type) != VAL_VECTOR) continue;
        diag_error(m->ds, "E130", d->via_span, "the key %s.%s is a vector and cannot be compared", src->decl->name.text,
                   src->cols[c].name.text);
        ok = false;
    }
    return ok;
}

static bool match_roles(MapCtx *m, const MatchDecl *d, MatchSpec *s) {
    s->nroles = d->roles.len;
    s->roles = arena_array(m->arena, int, s->nroles + 1);
    if (s->nroles < 2) {
        diag_error(m->ds, "E151", d->span, "a match takes two roles or more");
        return false;
    }
    for (int i = 0; i < s->nroles; i++) {
        s->roles[i] = role_index(m, d->roles.data[i].text);
        if (s->roles[i] < 0) return false; /* its atom was reported */
        if (!role_source(m, s->roles[i])->schema_known) return false;
        for (int j = 0; j < i; j++) {
            if (s->roles[j] != s->roles[i]) continue;
            Diag *e =
                diag_error(m->ds, "E151", d->roles.data[i].span, "`%s` is matched with itself", d->roles.data[i].text);
            diag_help(e, "read the source under two roles: `S as a(…) & S as b(…)`, then `match a, b on …;`");
            return false;
        }
    }
    return true;
}

static bool add_match(MapCtx *m, const MatchDecl *d) {
    MatchSpec s = {
        .link_left = -1, .link_right = -1, .link_score = -1, .left_col = -1, .right_col = -1, .span = d->span};
    if (!match_roles(m, d, &s)) return false;
    bool ok = true;
    if (d->assign && !strcmp(d->assign, "one_to_one"))
        s.one_to_one = true;
    else if (d->assign && !strcmp(d->assign, "many_to_one"))
        s.many_to_one = true;
    else if (d->assign) {
        Diag *e = diag_error(m->ds, "E151", d->assign_span, "`assign %s` is not a way to pair rows", d->assign);
        diag_help(e, "write `assign one_to_one` or `assign many_to_one`, or leave it out");
        ok = false;
    }
    EqVec eqs = {0};
    int ways = (d->on.len > 0) + (d->on_exprs.len > 0) + (d->via != NULL);
    if (ways == 0 || (d->via && ways > 1)) {
        Diag *e = diag_error(m->ds, "E151", d->span,
                             ways ? "a match goes by columns or by a file, not by both"
                                  : "this match does not say how rows pair");
        diag_help(e, "`on n`, `on A.x = B.y`, or `via \"links.csv\" (left = …, right = …)`");
        return false;
    }
    ok &= match_on_names(m, d, &s, &eqs);
    ok &= match_on_exprs(m, d, &s, &eqs);
    if (d->via) ok &= match_via(m, d, &s);
    s.eqs = eqs.data;
    s.neqs = eqs.len;
    for (int i = 0; i < s.nroles; i++)
        for (int j = 0; j < s.nroles; j++)
            if (i != j) m->matched[s.roles[i]] |= 1ull << s.roles[j];
    vec_push(m->arena, &m->matches, s);
    return ok;
}

bool mapping_matches(MapCtx *m) {
    bool ok = true;
    for (int i = 0; i < m->t->matches.len; i++) ok &= add_match(m, m->t->matches.data[i]);
    m->spec->matches = m->matches.data;
    m->spec->nmatches = m->matches.len;
    return ok;
}
