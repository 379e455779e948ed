/* mapping_atoms.c: the bodies of tgds: atoms to roles and columns, variables to their occurrences, quantifiers, and
 * what connects atoms: a shared variable, an equality of two variables, or a match of their roles. mapping_expand.c
 * makes the tgds of a bound body. Errors: E110, E112, E113, E120, E121, E130, E142, E150, E160, E161, E190; warnings
 * W122, W123, W124. */
#include "compiler/resolve_internal.h"

/* ---------------- variables ---------------- */

Var *body_var(const Body *b, const char *name) {
    for (int i = 0; i < b->vars.len; i++)
        if (!strcmp(b->vars.data[i].name, name)) return &b->vars.data[i];
    return NULL;
}

const Source *body_source(const MapCtx *m, const Body *b, int atom) {
    return &m->p->sources.data[b->atoms[atom].source];
}

ValueClass body_class(const MapCtx *m, const Body *b, VarOcc o) {
    return value_class(body_source(m, b, o.atom)->cols[o.column].type);
}

int var_first(const Var *v, uint64_t present) {
    for (int i = 0; i < v->occ.len; i++)
        if (present >> v->occ.data[i].atom & 1) return i;
    return -1;
}

int var_in_atom(const Var *v, int atom) {
    for (int i = 0; i < v->occ.len; i++)
        if (v->occ.data[i].atom == atom) return i;
    return -1;
}

void var_representatives(const MapCtx *m, const Body *b, const Var *v, uint64_t present, int *rep) {
    for (int i = 0; i < v->occ.len; i++) {
        rep[i] = -1;
        if (!(present >> v->occ.data[i].atom & 1)) continue;
        rep[i] = i;
        int role = b->atoms[v->occ.data[i].atom].role;
        for (int j = 0; j < i; j++) {
            int other = rep[j] < 0 ? -1 : b->atoms[v->occ.data[j].atom].role;
            if (other < 0 || (other != role && !(m->matched[role] >> other & 1))) continue;
            int into = rep[j] < rep[i] ? rep[j] : rep[i], from = rep[j] < rep[i] ? rep[i] : rep[j];
            for (int k = 0; k <= i; k++)
                if (rep[k] == from) rep[k] = into;
        }
    }
}

static Var *add_var(MapCtx *m, Body *b, const char *name, Span at) {
    Var *v = body_var(b, name);
    if (v) return v;
    vec_push(m->arena, &b->vars, ((Var){.name = name, .span = at}));
    return &b->vars.data[b->vars.len - 1];
}

static void add_occurrence(MapCtx *m, Body *b, const Expr *name, int atom, int column) {
    Var *v = add_var(m, b, name->text, name->span);
    v->uses++;
    vec_push(m->arena, &v->occ, ((VarOcc){atom, column, name->span}));
    for (int i = v->occ.len - 1; i > 0; i--) { /* kept by role, so that the base comes first */
        VarOcc x = v->occ.data[i], y = v->occ.data[i - 1];
        if (b->atoms[y.atom].role <= b->atoms[x.atom].role) break;
        v->occ.data[i] = y;
        v->occ.data[i - 1] = x;
    }
}

/* ---------------- atoms ---------------- */

static bool bind_argument(MapCtx *m, Body *b, int atom, int column, const Expr *value) {
    if (!value || value->kind == EX_ERROR) return false;
    if (value->kind == EX_NAME) {
        if (strcmp(value->text, "_")) add_occurrence(m, b, value, atom, column);
        return true;
    }
    const Expr *c = resolve_constant(m->p, value);
    if (c) {
        vec_push(m->arena, &b->consts, ((AtomConst){atom, column, c}));
        return true;
    }
    Diag *d = diag_error(m->ds, "E142", value->span, "an atom's argument is a variable, `_`, or a constant");
    diag_help(d, "bind the column to a variable and write the computation in the head or as a condition");
    return false;
}

static bool bind_atom(MapCtx *m, Body *b, int index) {
    const Atom *a = b->atoms[index].atom;
    const Source *s = body_source(m, b, index);
    if (!s->schema_known) return false; /* its reader has reported why */
    bool ok = true;
    if (!a->named) {
        if (a->args.len > s->ncols || (a->args.len < s->ncols && !a->rest)) {
            Diag *d = diag_error(m->ds, "E110", a->span, "%s has %d column%s, the atom gives %d", s->decl->name.text,
                                 s->ncols, s->ncols == 1 ? "" : "s", a->args.len);
            diag_note(d, s->decl->name.span, "`%s` is declared here", s->decl->name.text);
            diag_help(d,
                      a->args.len > s->ncols ? "take arguments away"
                                             : "write `_` for a column that does not matter, `...` for all the others, "
                                               "or name the columns: `%s(%s: x)`",
                      s->decl->name.text, s->ncols ? s->cols[0].name.text : "column");
            return false;
        }
        for (int i = 0; i < a->args.len; i++) ok &= bind_argument(m, b, index, i, a->args.data[i].value);
        return ok;
    }
    for (int i = 0; i < a->args.len; i++) {
        Name column = a->args.data[i].column;
        int c = column.text ? resolve_column(m->p, s, column) : -1;
        if (c < 0) {
            ok = false;
            continue;
        }
        for (int j = 0; j < i; j++) {
            if (!a->args.data[j].column.text || strcmp(a->args.data[j].column.text, column.text)) continue;
            Diag *d = diag_error(m->ds, "E113", column.span, "the column `%s` is given twice in one atom", column.text);
            diag_note(d, a->args.data[j].column.span, "the first is here");
            diag_help(d, "for two names of one column write a condition: `x = y`");
            ok = false;
            break;
        }
        ok &= bind_argument(m, b, index, c, a->args.data[i].value);
    }
    return ok;
}

/* ---------------- head, conditions, quantifiers ---------------- */

static void count_use(void *arg, const Expr *name) {
    Var *v = body_var(arg, name->text);
    if (v) v->uses++;
}

typedef struct Mention {
    const char *name;
    bool found;
} Mention;
static void find_mention(void *arg, const Expr *name) {
    Mention *m = arg;
    m->found |= !strcmp(m->name, name->text);
}

static void walk_heads(const Body *b, void (*visit)(void *, const Expr *), void *arg) {
    for (int h = 0; h < b->decl->head.len; h++)
        for (int i = 0; i < b->decl->head.data[h]->args.len; i++)
            expr_walk_names(b->decl->head.data[h]->args.data[i].value, visit, arg);
}

static void split_conjunction(MapCtx *m, Body *b, Expr *e) {
    if (e->kind == EX_BINARY && e->op == OP_AND) {
        split_conjunction(m, b, e->args[0]);
        split_conjunction(m, b, e->args[1]);
    } else
        vec_push(m->arena, &b->conds, e);
}

static bool bind_head(MapCtx *m, Body *b) {
    const TargetDecl *t = m->t->decl;
    const Atom *h = b->head;
    int n = t->columns.len;
    b->head_of = arena_array(m->arena, Expr *, n + 1);
    bool ok = true;
    if (h->optional || h->role.text) {
        diag_error(m->ds, "E142", h->span, "the head of a tgd is a plain target atom");
        ok = false;
    }
    if (!h->named) {
        if (h->args.len > n) {
            Diag *d = diag_error(m->ds, "E110", h->span, "%s has %d column%s, the head gives %d", t->name.text, n,
                                 n == 1 ? "" : "s", h->args.len);
            diag_note(d, t->name.span, "`%s` is declared here", t->name.text);
            diag_help(d, "take terms away, or declare more columns");
            return false;
        }
        for (int i = 0; i < h->args.len; i++) b->head_of[i] = h->args.data[i].value;
    }
    for (int i = 0; h->named && i < h->args.len; i++) {
        Name column = h->args.data[i].column;
        TextVec names = {0};
        int c = -1;
        for (int j = 0; j < n; j++) {
            vec_push(m->arena, &names, t->columns.data[j].name.text);
            if (column.text && !strcmp(column.text, t->columns.data[j].name.text)) c = j;
        }
        if (c < 0) {
            Diag *d = diag_error(m->ds, "E112", column.span, "target `%s` has no column `%s`", t->name.text,
                                 column.text ? column.text : "");
            diag_note(d, t->name.span, "`%s` is declared here", t->name.text);
            resolve_help_names(d, column.text ? column.text : "", &names, "column");
            ok = false;
        } else if (b->head_of[c]) {
            diag_error(m->ds, "E113", column.span, "the column `%s` is given twice in one head", column.text);
            ok = false;
        } else
            b->head_of[c] = h->args.data[i].value;
    }
    for (int j = 0; j < n && ok; j++) {
        const char *name = t->columns.data[j].name.text;
        Expr *e = b->head_of[j];
        if (!e) {
            Diag *d = diag_error(m->ds, "E110", h->span, "%s has %d column%s, the head gives %d: `%s` is missing",
                                 t->name.text, n, n == 1 ? "" : "s", h->args.len, name);
            diag_note(d, t->columns.data[j].name.span, "`%s` is declared here", name);
            if (h->named)
                diag_help(d, "add `%s: …`; if these tables do not have it, write `exists z` and `%s: z`", name, name);
            else
                diag_help(d, "give a term for every column; where these tables have none, write `exists z` and `z`");
            ok = false;
        } else if (e->kind == EX_NAME && !strcmp(e->text, "_")) {
            Diag *d = diag_error(m->ds, "E120", e->span, "`_` has no value for `%s`", name);
            diag_help(d, "if these tables do not have it, write `exists z` before the head and `z` here");
            ok = false;
        } else if (e->kind == EX_ERROR)
            ok = false;
    }
    return ok;
}

static bool bind_quantifiers(MapCtx *m, Body *b) {
    const TgdDecl *d = b->decl;
    bool ok = true;
    for (int i = 0; i < d->exists.len; i++) {
        Name n = d->exists.data[i];
        Var *v = body_var(b, n.text);
        if (v && !v->existential) {
            Diag *e = diag_error(m->ds, "E121", n.span, "`%s` is existential, but the body binds it", n.text);
            diag_note(e, v->span, "bound here");
            diag_help(e, "take it out of the `exists` list, or give the unknown value another name");
            ok = false;
            continue;
        }
        v = add_var(m, b, n.text, n.span);
        v->existential = true;
        Mention use = {n.text, false};
        walk_heads(b, find_mention, &use);
        if (!use.found && ok) {
            Diag *w =
                diag_warn(m->ds, "W124", n.span, "`%s` is declared existential but the head does not use it", n.text);
            diag_help(w, "take it out of the `exists` list");
        }
    }
    if (!d->has_forall) return ok;
    for (int i = 0; i < d->forall.len; i++) {
        Var *v = body_var(b, d->forall.data[i].text);
        if (v && !v->existential) continue;
        Diag *w = diag_warn(m->ds, "W122", d->forall.data[i].span, "`%s` is in the forall list but not in the body",
                            d->forall.data[i].text);
        diag_help(w, "the list is optional: leave it out, or name the body's variables");
    }
    for (int i = 0; i < b->vars.len; i++) {
        const Var *v = &b->vars.data[i];
        bool listed = v->existential;
        for (int k = 0; k < d->forall.len; k++) listed |= !strcmp(d->forall.data[k].text, v->name);
        if (listed) continue;
        Diag *w = diag_warn(m->ds, "W122", v->span, "`%s` is in the body but not in the forall list", v->name);
        diag_help(w, "the list is optional: leave it out, or name the body's variables");
    }
    return ok;
}

/* A variable that is written once binds nothing: most often a typing slip. A forall list says it is meant. */
static void warn_single_uses(MapCtx *m, const Body *b) {
    for (int i = 0; i < b->vars.len; i++) {
        const Var *v = &b->vars.data[i];
        if (v->existential || v->uses != 1 || b->decl->has_forall) continue;
        TextVec names = {0};
        for (int k = 0; k < b->vars.len; k++)
            if (k != i) vec_push(m->arena, &names, b->vars.data[k].name);
        const char *near = strlen(v->name) > 2 ? resolve_nearest(v->name, &names) : NULL;
        Diag *w = diag_warn(m->ds, "W123", v->span, "the variable `%s` is used only once", v->name);
        if (near)
            diag_help(w, "did you mean `%s`? If the column does not matter, write `_`", near);
        else
            diag_help(w, "if the column does not matter, write `_`");
    }
}

/* ---------------- joins ---------------- */

bool body_equality(const Body *b, const Expr *e, const Var **x, const Var **y) {
    if (e->kind != EX_BINARY || e->op != OP_EQ || e->args[0]->kind != EX_NAME || e->args[1]->kind != EX_NAME)
        return false;
    *x = body_var(b, e->args[0]->text);
    *y = body_var(b, e->args[1]->text);
    return *x && *y && (*x)->occ.len && (*y)->occ.len;
}

bool body_joinable(MapCtx *m, const Body *b, const char *name, VarOcc x, VarOcc y) {
    ValueClass cx = body_class(m, b, x), cy = body_class(m, b, y);
    if (cx == cy && cx != VAL_VECTOR) return true;
    const Source *sx = body_source(m, b, x.atom), *sy = body_source(m, b, y.atom);
    const ColumnDecl *dx = &sx->cols[x.column], *dy = &sy->cols[y.column];
    bool matched = m->matched[b->atoms[x.atom].role] >> b->atoms[y.atom].role & 1;
    Diag *d = diag_error(m->ds, "E130", y.span, "`%s` %s %s with %s: %s.%s is %s, %s.%s is %s", name,
                         matched ? "pairs" : "joins", value_text(cx), value_text(cy), sx->decl->name.text,
                         dx->name.text, type_text(dx->type), sy->decl->name.text, dy->name.text, type_text(dy->type));
    diag_note(d, x.span, "`%s` is bound here first", name);
    if (cx == VAL_VECTOR || cy == VAL_VECTOR)
        diag_help(d, "vectors cannot be compared: join on another column");
    else
        diag_help(d, "declare both columns with one type");
    return false;
}

static bool check_join_types(MapCtx *m, const Body *b) {
    bool ok = true;
    for (int i = 0; i < b->vars.len; i++) {
        const Var *v = &b->vars.data[i];
        for (int k = 1; k < v->occ.len; k++) ok &= body_joinable(m, b, v->name, v->occ.data[0], v->occ.data[k]);
    }
    return ok;
}

static void connect(Body *b, int x, int y) {
    b->adjacent[x] |= 1ull << y;
    b->adjacent[y] |= 1ull << x;
}

static void find_connections(MapCtx *m, Body *b) {
    b->adjacent = arena_array(m->arena, uint64_t, b->natoms);
    for (int i = 0; i < b->vars.len; i++) {
        const Var *v = &b->vars.data[i];
        for (int k = 1; k < v->occ.len; k++)
            for (int j = 0; j < k; j++) connect(b, v->occ.data[k].atom, v->occ.data[j].atom);
    }
    for (int i = 0; i < b->conds.len; i++) {
        const Var *x, *y;
        if (!body_equality(b, b->conds.data[i], &x, &y)) continue;
        for (int k = 0; k < x->occ.len; k++)
            for (int j = 0; j < y->occ.len; j++) connect(b, x->occ.data[k].atom, y->occ.data[j].atom);
    }
    for (int i = 0; i < b->natoms; i++)
        for (int j = 0; j < i; j++)
            if (m->matched[b->atoms[i].role] >> b->atoms[j].role & 1) connect(b, i, j);
}

uint64_t body_component(const Body *b, uint64_t set) {
    uint64_t seen = set & -set, todo = seen;
    while (todo) {
        int i = __builtin_ctzll(todo);
        todo &= todo - 1;
        uint64_t more = b->adjacent[i] & set & ~seen;
        seen |= more;
        todo |= more;
    }
    return seen;
}

/* ---------------- one written tgd ---------------- */

static int find_role(MapCtx *m, const char *name) {
    for (int i = 0; i < m->roles.len; i++)
        if (!strcmp(m->roles.data[i].name, name)) return i;
    return -1;
}

static bool bind_roles(MapCtx *m, Body *b) {
    bool ok = true;
    for (int i = 0; i < b->natoms; i++) {
        const Atom *a = b->decl->body.data[i];
        const char *name = a->role.text ? a->role.text : a->relation.text;
        b->atoms[i].atom = a;
        b->atoms[i].role = find_role(m, name);
        if (b->atoms[i].role < 0) return false; /* its source is not known: reported */
        b->atoms[i].source = m->roles.data[b->atoms[i].role].source;
        if (strcmp(body_source(m, b, i)->decl->name.text, a->relation.text)) return false; /* E152 was reported */
        if (a->optional) b->optional |= 1ull << i;
        for (int j = 0; j < i; j++) {
            if (b->atoms[j].role != b->atoms[i].role) continue;
            Diag *d = diag_error(m->ds, "E150", a->span, "`%s` occurs twice in this body under one name", name);
            diag_note(d, b->atoms[j].atom->span, "the first is here");
            diag_help(d, "give each occurrence a role: `%s as a(…) & %s as b(…)`", a->relation.text, a->relation.text);
            ok = false;
            break;
        }
    }
    return ok;
}

Body *body_bind(MapCtx *m, const TgdDecl *decl) {
    Body *b = arena_new_of(m->arena, Body);
    *b = (Body){.decl = decl, .head = decl->head.data[0], .natoms = decl->body.len};
    b->label = decl->label.text ? decl->label.text : arena_printf(m->arena, "tgd %d", m->written + 1);
    b->atoms = arena_array(m->arena, BodyAtom, b->natoms + 1);
    bool ok = true;
    for (int i = 0; i < decl->asofs.len; i++) {
        Diag *d = resolve_unsupported(m->ds, decl->asofs.data[i]->span, "`asof`");
        diag_help(d, "compute the pairs with another tool and join on their key, or join on the rounded time");
        ok = false;
    }
    if (!b->natoms) {
        Diag *d = diag_error(m->ds, "E142", decl->span, "this tgd has no atom over a source");
        diag_help(d, "for example `S(x: v) -> %s(…);`", m->t->decl->name.text);
        return NULL;
    }
    if (b->natoms > MAX_ROLES) {
        Diag *d = diag_error(m->ds, "E161", decl->span, "this body has %d atoms, more than %d", b->natoms, MAX_ROLES);
        diag_help(d, "join some of the tables before reading them, for example with `sqlite:…?query=…`");
        return NULL;
    }
    if (!bind_roles(m, b)) return NULL;
    for (int i = 0; i < b->natoms; i++) ok &= bind_atom(m, b, i);
    for (int i = 0; i < decl->conditions.len; i++) split_conjunction(m, b, decl->conditions.data[i]);
    ok &= bind_head(m, b);
    if (!ok) return NULL;
    if (!bind_quantifiers(m, b)) return NULL;
    for (int i = 0; i < b->conds.len; i++) expr_walk_names(b->conds.data[i], count_use, b);
    walk_heads(b, count_use, b);
    warn_single_uses(m, b);
    if (!check_join_types(m, b)) return NULL;
    find_connections(m, b);
    uint64_t all = b->natoms == 64 ? ~0ull : (1ull << b->natoms) - 1, reached = body_component(b, all);
    if (reached == all) return b;
    int lost = __builtin_ctzll(all & ~reached);
    Diag *d = diag_error(m->ds, "E160", b->atoms[lost].atom->span,
                         "`%s` is not connected with `%s`: their rows would all be combined",
                         m->roles.data[b->atoms[lost].role].name, m->roles.data[b->atoms[0].role].name);
    diag_note(d, b->atoms[0].atom->span, "`%s` is here", m->roles.data[b->atoms[0].role].name);
    diag_help(d, "use one variable in both atoms, or say how rows pair with `match %s, %s on …;`",
              m->roles.data[b->atoms[0].role].name, m->roles.data[b->atoms[lost].role].name);
    return NULL;
}
