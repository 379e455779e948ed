/* mapping_expand.c: a bound body becomes tgds.
 *
 * An optional atom `A(…)?` stands for leaving it out or in: a written tgd gives one TgdSpec for every non-empty,
 * connected set of atoms that holds all its required atoms, largest sets first, and among equal sizes those that keep
 * earlier atoms first. Each has the join equalities, the conditions and the head of the atoms that are left; a
 * condition on atoms that were left out goes with them.
 * Errors: E130, E161. */
#include "compiler/resolve_internal.h"

#include <stdlib.h>

enum { MAX_OPTIONAL = 24 }; /* 2^24 sets are tried in a fraction of a second */

static JoinEq make_eq(const Body *b, VarOcc x, VarOcc y, const char *variable) {
    return (JoinEq){{b->atoms[x.atom].role, x.column}, {b->atoms[y.atom].role, y.column}, y.span, variable};
}

static RowExpr *same_row_equality(MapCtx *m, const Body *b, VarOcc x, VarOcc y) {
    RowExpr *r = arena_new_of(m->arena, RowExpr);
    *r =
        (RowExpr){.kind = RX_BINARY, .type = TY_NUM, .op = OP_EQ, .nargs = 2, .span = y.span, .role = -1, .column = -1};
    r->args = arena_array(m->arena, RowExpr *, 2);
    r->args[0] = rowexpr_column(m, b->atoms[x.atom].role, x.column, x.span);
    r->args[1] = rowexpr_column(m, b->atoms[y.atom].role, y.column, y.span);
    return r;
}

typedef struct TgdParts {
    VEC(JoinEq) eqs;
    VEC(RowExpr *) conds;
    VEC(Span) spans;
} TgdParts;

static void push_cond(MapCtx *m, TgdParts *out, RowExpr *r, Span at) {
    vec_push(m->arena, &out->conds, r);
    vec_push(m->arena, &out->spans, at);
}

static void join_variable(MapCtx *m, const Body *b, const Var *v, uint64_t present, TgdParts *out) {
    if (v->occ.len < 2) return;
    int *rep = arena_array(m->arena, int, v->occ.len), first = -1;
    var_representatives(m, b, v, present, rep);
    for (int i = 0; i < v->occ.len; i++) {
        if (rep[i] < 0) continue;
        if (rep[i] == i && first >= 0)
            vec_push(m->arena, &out->eqs, make_eq(b, v->occ.data[first], v->occ.data[i], v->name));
        if (rep[i] == i && first < 0) first = i;
        int own = var_in_atom(v, v->occ.data[i].atom);
        if (own != i) push_cond(m, out, same_row_equality(m, b, v->occ.data[own], v->occ.data[i]), v->occ.data[i].span);
    }
}

/* x = y between rows of two roles that no match pairs is a join; anything else is a condition. */
static bool join_equality(MapCtx *m, const Body *b, uint64_t present, const Expr *e, TgdParts *out, bool *done) {
    const Var *x, *y;
    *done = false;
    if (!body_equality(b, e, &x, &y) || expr_single_atom(m, b, present, e) >= 0) return true;
    int i = var_first(x, present), j = var_first(y, present);
    if (i < 0 || j < 0) {
        *done = true; /* one side was left out */
        return true;
    }
    VarOcc ox = x->occ.data[i], oy = y->occ.data[j];
    if (m->matched[b->atoms[ox.atom].role] >> b->atoms[oy.atom].role & 1) return true;
    *done = true;
    if (!body_joinable(m, b, arena_printf(m->arena, "%s = %s", x->name, y->name),
                       (VarOcc){ox.atom, ox.column, e->args[0]->span}, (VarOcc){oy.atom, oy.column, e->args[1]->span}))
        return false;
    JoinEq q = make_eq(b, ox, oy, x->name);
    q.span = e->span;
    vec_push(m->arena, &out->eqs, q);
    return true;
}

static bool make_parts(MapCtx *m, const Body *b, uint64_t present, TgdParts *out) {
    bool ok = true;
    for (int i = 0; i < b->vars.len; i++) join_variable(m, b, &b->vars.data[i], present, out);
    for (int i = 0; i < b->consts.len; i++) {
        const AtomConst *c = &b->consts.data[i];
        if (!(present >> c->atom & 1)) continue;
        RowExpr *r = rowexpr_const_cond(m, b, c);
        if (r)
            push_cond(m, out, r, c->value->span);
        else
            ok = false;
    }
    for (int i = 0; i < b->conds.len; i++) {
        const Expr *e = b->conds.data[i];
        bool done;
        ok &= join_equality(m, b, present, e, out, &done);
        if (done) continue;
        ExprScope s = {.m = m, .b = b, .present = present, .prefer = expr_single_atom(m, b, present, e)};
        RowExpr *r = rowexpr_compile(&s, e);
        if (r && r->type != TY_NUM) {
            Diag *d = diag_error(m->ds, "E130", e->span, "a condition is true or false, but this is %s",
                                 value_text(value_class(r->type)));
            diag_help(d, "compare it with something: `… = \"…\"`");
            s.failed = true;
        }
        if (r && !s.failed) push_cond(m, out, r, e->span);
        ok &= !s.failed;
    }
    return ok;
}

static const char *body_label(MapCtx *m, const Body *b, uint64_t left_out) {
    if (!left_out) return b->label;
    Buf t = {0};
    buf_printf(&t, "%s without ", b->label);
    bool first = true;
    for (int i = 0; i < b->natoms; i++)
        if (left_out >> i & 1) {
            buf_printf(&t, "%s%s", first ? "" : ", ", m->roles.data[b->atoms[i].role].name);
            first = false;
        }
    char *text = buf_take(&t);
    const char *copy = arena_strdup(m->arena, text);
    mem_free(text);
    return copy;
}

static bool add_tgd(MapCtx *m, const Body *b, uint64_t present, uint64_t all) {
    TgdSpec t = {.label = body_label(m, b, all & ~present), .span = b->decl->span};
    for (int i = 0; i < b->natoms; i++)
        if (present >> i & 1) t.body |= 1ull << b->atoms[i].role;
    TgdParts parts = {0};
    t.head = arena_array(m->arena, HeadTerm, m->t->decl->columns.len + 1);
    bool ok = make_parts(m, b, present, &parts);
    ok &= mapping_head(m, b, present, t.head);
    if (!ok) return false;
    t.eqs = parts.eqs.data;
    t.neqs = parts.eqs.len;
    t.conds = parts.conds.data;
    t.nconds = parts.conds.len;
    t.cond_spans = parts.spans.data;
    vec_push(m->arena, &m->tgds, t);
    vec_push(m->arena, &m->body_of, b);
    return true;
}

/* Larger sets first; of equal size, the one that keeps the first atom in which they differ. */
static int compare_sets(const void *x, const void *y) {
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    int na = __builtin_popcountll(a), nb = __builtin_popcountll(b);
    if (na != nb) return nb - na;
    if (a == b) return 0;
    uint64_t differ = a ^ b;
    return a & (differ & -differ) ? -1 : 1;
}

static void report_too_many(MapCtx *m, const Body *b, int noptional) {
    Diag *d = diag_error(m->ds, "E161", b->decl->span, "the %d optional atoms of this tgd stand for more than %d tgds",
                         noptional, MAX_TGDS);
    diag_note(d, b->atoms[0].atom->span,
              "each combination of optional atoms that stays connected is one tgd; a star of k optional atoms has 2^k");
    diag_help(d, "require some of the atoms (take `?` away), or join tables before reading them");
}

bool body_expand(MapCtx *m, const Body *b) {
    uint64_t all = b->natoms == 64 ? ~0ull : (1ull << b->natoms) - 1;
    int optional[64], n = 0;
    for (int i = 0; i < b->natoms; i++)
        if (b->optional >> i & 1) optional[n++] = i;
    if (n > MAX_OPTIONAL) {
        report_too_many(m, b, n);
        return false;
    }
    VEC(uint64_t) sets = {0};
    for (uint64_t out = 0; out < 1ull << n; out++) {
        uint64_t set = all;
        for (uint64_t rest = out; rest; rest &= rest - 1) set &= ~(1ull << optional[__builtin_ctzll(rest)]);
        if (!set || body_component(b, set) != set) continue;
        if (m->tgds.len + sets.len >= MAX_TGDS) {
            report_too_many(m, b, n);
            return false;
        }
        vec_push(m->arena, &sets, set);
    }
    qsort(sets.data, (size_t)sets.len, sizeof *sets.data, compare_sets);
    for (int i = 0; i < sets.len; i++)
        if (!add_tgd(m, b, sets.data[i], all)) return false; /* the fullest body comes first: it meets every error */
    return true;
}
