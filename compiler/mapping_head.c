/* mapping_head.c: head terms of one tgd: what each target column is there, as alternatives over roles.
 *
 *   v            the column of every role where v occurs, in order of declaration
 *   expression   over one role a derived column (one for every role that can compute it alone), over none a constant,
 *                over several a value computed per target row
 *   x | y        the alternatives of x, then those of y; it also orders the roles (L_j of semantics.md)
 *   x | 0        x, and 0 where x's role is absent or x is null: the constant goes into the role's own column, unless
 *                the target says `conflict nonnull`, where the run time takes the first alternative that is not null
 *   z, null      existential: no value
 *
 * In a body made by leaving atoms out, alternatives that need them fall away; a term without any is existential there.
 * Errors: E120, E122, E210. */
#include "backends/runtime/rowexpr_internal.h"
#include "compiler/resolve_internal.h"

typedef VEC(HeadAlt) AltVec;

bool head_alt_equal(const HeadAlt *a, const HeadAlt *b) {
    if (a->kind != b->kind || a->role != b->role || a->column != b->column) return false;
    if (!a->expr || !b->expr) return a->expr == b->expr;
    return rowexpr_equal(a->expr, b->expr);
}

TypeKind head_alt_type(const MapCtx *m, const HeadAlt *a, int64_t *width) {
    *width = 0;
    if (a->kind != HEAD_COLUMN) return a->expr ? a->expr->type : TY_NUM;
    const ColumnDecl *c = &m->p->sources.data[m->roles.data[a->role].source].cols[a->column];
    *width = c->width;
    return c->type == TY_ROWID ? TY_INT : c->type == TY_CAT ? TY_TEXT : c->type;
}

static const char *alt_text(MapCtx *m, const HeadAlt *a) {
    if (a->kind != HEAD_COLUMN) return "a computed column";
    const Source *s = &m->p->sources.data[m->roles.data[a->role].source];
    return arena_printf(m->arena, "`%s`", s->cols[a->column].name.text);
}

/* One more alternative; a role gives a column once. */
static bool push_alt(MapCtx *m, AltVec *alts, HeadAlt alt, const char *column) {
    for (int i = 0; i < alts->len && alt.role >= 0; i++) {
        HeadAlt *o = &alts->data[i];
        if (o->role != alt.role) continue;
        if (head_alt_equal(o, &alt)) return true;
        Diag *d = diag_error(m->ds, "E210", alt.span, "two columns of `%s` feed the target column `%s`: %s and %s",
                             m->roles.data[alt.role].name, column, alt_text(m, o), alt_text(m, &alt));
        diag_note(d, o->span, "the other is here");
        diag_help(d, "compute one column from both inside a function or with + - * /, or make two target columns");
        return false;
    }
    vec_push(m->arena, alts, alt);
    return true;
}

static bool push_variable(MapCtx *m, const Body *b, const Var *v, uint64_t present, Span at, const char *column,
                          AltVec *alts) {
    for (int i = 0; i < v->occ.len; i++) {
        VarOcc o = v->occ.data[i];
        if (!(present >> o.atom & 1) || var_in_atom(v, o.atom) != i)
            continue; /* a second place in one atom is equal to the first */
        HeadAlt alt = {.kind = HEAD_COLUMN, .role = b->atoms[o.atom].role, .column = o.column, .span = at};
        if (!push_alt(m, alts, alt, column)) return false;
    }
    return true;
}

static bool push_expression(MapCtx *m, const Body *b, const Expr *e, uint64_t present, const char *column,
                            AltVec *alts) {
    int single = expr_single_atom(m, b, present, e);
    ExprScope s = {.m = m, .b = b, .present = present, .prefer = single, .lone = e->kind == EX_NAME};
    RowExpr *r = rowexpr_compile(&s, e);
    if (s.failed) return false;
    if (!r || r->kind == RX_NULL) return true;
    HeadAlt alt = {.kind = HEAD_CONST, .role = -1, .column = -1, .expr = r, .span = e->span};
    uint64_t roles = rowexpr_roles(r);
    if (!roles || roles & (roles - 1)) {
        if (roles) alt.kind = HEAD_MULTI;
        return push_alt(m, alts, alt, column);
    }
    alt.kind = HEAD_DERIVED;
    alt.role = __builtin_ctzll(roles);
    if (!push_alt(m, alts, alt, column)) return false;
    for (int i = 0; i < b->natoms && single >= 0; i++) { /* others that hold all its variables hold the same values */
        if (i == single || !(present >> i & 1) || !expr_covered(b, i, e)) continue;
        ExprScope other = {.m = m, .b = b, .present = present, .prefer = i};
        alt.expr = rowexpr_compile(&other, e);
        if (!alt.expr) return false;
        alt.role = b->atoms[i].role;
        if (!push_alt(m, alts, alt, column)) return false;
    }
    return true;
}

static bool push_piece(MapCtx *m, const Body *b, const Expr *e, uint64_t present, const char *column, AltVec *alts) {
    const Var *v = e->kind == EX_NAME ? body_var(b, e->text) : NULL;
    if (v && !v->existential) return push_variable(m, b, v, present, e->span, column, alts);
    return push_expression(m, b, e, present, column, alts);
}

static void flatten(MapCtx *m, const Expr *e, ExprVec *pieces) {
    if (e->kind == EX_ELSE) {
        flatten(m, e->args[0], pieces);
        flatten(m, e->args[1], pieces);
    } else
        vec_push(m->arena, pieces, (Expr *)e);
}

static uint64_t roles_of(const AltVec *alts, int from) {
    uint64_t roles = 0;
    for (int i = from; i < alts->len; i++)
        if (alts->data[i].role >= 0) roles |= 1ull << alts->data[i].role;
    return roles;
}

static bool is_constant_after(const AltVec *alts, int i, const RowExpr **constant) {
    for (int k = i + 1; k < alts->len; k++)
        if (alts->data[k].kind == HEAD_CONST) {
            *constant = alts->data[k].expr;
            return true;
        }
    return false;
}

/* Rows own cells whether or not they hold a value there, so a constant behind them has to be part of what they give. */
static void fold_constant(MapCtx *m, AltVec *alts) {
    bool folded = false;
    for (int i = 0; i < alts->len; i++) {
        HeadAlt *a = &alts->data[i];
        const RowExpr *constant;
        if (a->kind == HEAD_CONST && folded) alts->len = i; /* what follows is never reached */
        if (a->kind == HEAD_CONST || !is_constant_after(alts, i, &constant)) continue;
        int64_t width;
        if (value_class(head_alt_type(m, a, &width)) != value_class(constant->type))
            return; /* reported with the column */
        RowExpr *e = arena_new_of(m->arena, RowExpr);
        *e = (RowExpr){.kind = RX_ELSE, .type = constant->type, .nargs = 2, .role = -1, .column = -1, .span = a->span};
        e->args = arena_array(m->arena, RowExpr *, 2);
        e->args[0] = a->kind == HEAD_COLUMN ? rowexpr_column(m, a->role, a->column, a->span) : a->expr;
        e->args[1] = (RowExpr *)constant;
        a->expr = e;
        if (a->kind == HEAD_COLUMN) a->kind = HEAD_DERIVED;
        a->column = -1;
        folded = true;
    }
}

static bool head_term(MapCtx *m, const Body *b, int j, uint64_t present, HeadTerm *out) {
    const char *column = m->t->decl->columns.data[j].name.text;
    const Expr *e = b->head_of[j];
    AltVec alts = {0};
    const Var *v = e->kind == EX_NAME ? body_var(b, e->text) : NULL;
    if (!(v && v->existential)) {
        ExprVec pieces = {0};
        flatten(m, e, &pieces);
        uint64_t before = 0;
        for (int i = 0; i < pieces.len; i++) {
            int from = alts.len;
            if (!push_piece(m, b, pieces.data[i], present, column, &alts)) return false;
            uint64_t here = roles_of(&alts, from);
            for (uint64_t r = before; r; r &= r - 1) {
                size_t slot = (size_t)j * MAX_ROLES + (size_t)__builtin_ctzll(r);
                m->after[slot] |= here;
                m->after_at[slot] = e->span;
            }
            before |= here;
        }
    }
    if (m->spec->conflict == CONFLICT_BASE) fold_constant(m, &alts);
    if (!alts.len)
        vec_push(m->arena, &alts, ((HeadAlt){.kind = HEAD_EXISTENTIAL, .role = -1, .column = -1, .span = e->span}));
    out->alts = alts.data;
    out->nalts = alts.len;
    return true;
}

bool mapping_head(MapCtx *m, const Body *b, uint64_t present, HeadTerm *head) {
    bool ok = true;
    for (int j = 0; j < m->t->decl->columns.len; j++) ok &= head_term(m, b, j, present, &head[j]);
    return ok;
}
