/* mapping_expr.c: conditions and head terms become typed row expressions (rowexpr.h).
 *
 * A variable is read from the first role (in order of declaration) where it occurs among the atoms present, or from
 * the atom the caller prefers. Dates are compared with texts such as "2013-01-31", which become day numbers here.
 * Every type error is E130 with the declarations it comes from; what cannot be computed for one row is E143; unknown
 * functions are E144. */
#include "backends/runtime/rowexpr_internal.h"
#include "compiler/resolve_internal.h"

/* ---------------- types ---------------- */

ValueClass value_class(TypeKind t) {
    switch (t) {
    case TY_NUM:
    case TY_INT:
    case TY_BOOL:
    case TY_ROWID: return VAL_NUM;
    case TY_TEXT:
    case TY_CAT: return VAL_TEXT;
    case TY_DATE: return VAL_DATE;
    case TY_TIME: return VAL_TIME;
    case TY_VECTOR: return VAL_VECTOR;
    case TY_INFER: break;
    }
    return VAL_UNKNOWN;
}

const char *value_text(ValueClass c) {
    switch (c) {
    case VAL_NUM: return "a number";
    case VAL_TEXT: return "text";
    case VAL_DATE: return "a date";
    case VAL_TIME: return "a time";
    case VAL_VECTOR: return "a vector";
    case VAL_UNKNOWN: break;
    }
    return "of unknown type";
}

/* ---------------- looking into expressions ---------------- */

void expr_walk_names(const Expr *e, void (*visit)(void *, const Expr *), void *arg) {
    if (!e) return;
    if (e->kind == EX_NAME) visit(arg, e);
    for (int i = 0; i < e->nargs; i++) expr_walk_names(e->args[i], visit, arg);
    for (int i = 0; i < e->named.len; i++) expr_walk_names(e->named.data[i].value, visit, arg);
}

typedef struct Cover {
    const MapCtx *m;
    const Body *b;
    uint64_t present;
    int atom;
    bool all, any;
    bool representative; /* only representative occurrences count */
} Cover;

static void cover_visit(void *arg, const Expr *name) {
    Cover *c = arg;
    const Var *v = body_var(c->b, name->text);
    if (!v) return; /* a parameter */
    c->any = true;
    int i = var_in_atom(v, c->atom);
    if (i < 0) {
        c->all = false;
        return;
    }
    if (!c->representative || v->occ.len == 1) return;
    int *rep = arena_array(c->m->arena, int, v->occ.len);
    var_representatives(c->m, c->b, v, c->present, rep);
    if (rep[i] != i) c->all = false;
}

bool expr_covered(const Body *b, int atom, const Expr *e) {
    Cover c = {.b = b, .atom = atom, .all = true};
    expr_walk_names(e, cover_visit, &c);
    return c.any && c.all;
}

bool expr_has_vars(const Body *b, const Expr *e) {
    Cover c = {.b = b, .atom = -1, .all = true};
    expr_walk_names(e, cover_visit, &c);
    return c.any;
}

static int next_atom_by_role(const Body *b, uint64_t present, int after_role) {
    int best = -1;
    for (int i = 0; i < b->natoms; i++)
        if (present >> i & 1 && b->atoms[i].role > after_role && (best < 0 || b->atoms[i].role < b->atoms[best].role))
            best = i;
    return best;
}

int expr_single_atom(const MapCtx *m, const Body *b, uint64_t present, const Expr *e) {
    for (int i = next_atom_by_role(b, present, -1); i >= 0; i = next_atom_by_role(b, present, b->atoms[i].role)) {
        Cover c = {.m = m, .b = b, .present = present, .atom = i, .all = true, .representative = true};
        expr_walk_names(e, cover_visit, &c);
        if (c.any && c.all) return i;
    }
    return -1;
}

/* ---------------- building ---------------- */

static RowExpr *node(MapCtx *m, RowExprKind kind, TypeKind type, Span at, int nargs) {
    RowExpr *r = arena_new_of(m->arena, RowExpr);
    *r = (RowExpr){.kind = kind, .type = type, .span = at, .nargs = nargs, .role = -1, .column = -1};
    r->args = arena_array(m->arena, RowExpr *, nargs + 1);
    return r;
}

static TypeKind class_type(ValueClass c) {
    switch (c) {
    case VAL_TEXT: return TY_TEXT;
    case VAL_DATE: return TY_DATE;
    case VAL_TIME: return TY_TIME;
    default: return TY_NUM;
    }
}

RowExpr *rowexpr_column(MapCtx *m, int role, int column, Span at) {
    const Source *s = &m->p->sources.data[m->roles.data[role].source];
    RowExpr *r = node(m, RX_COLUMN, class_type(value_class(s->cols[column].type)), at, 0);
    r->role = role;
    r->column = column;
    return r;
}

static const char *describe(MapCtx *m, const Expr *e) {
    switch (e->kind) {
    case EX_NAME: return arena_printf(m->arena, "`%s`", e->text);
    case EX_NUM: return arena_printf(m->arena, "%.15g", e->num);
    case EX_STR: return arena_printf(m->arena, "\"%s\"", e->text);
    case EX_BOOL: return e->num != 0 ? "true" : "false";
    case EX_NULL: return "null";
    default: return "this expression";
    }
}

/* Where a variable's type comes from. */
static void note_type(ExprScope *s, Diag *d, const Expr *e) {
    const Var *v = e->kind == EX_NAME ? body_var(s->b, e->text) : NULL;
    if (!v || !v->occ.len) return;
    int i = var_first(v, s->present);
    VarOcc o = v->occ.data[i < 0 ? 0 : i];
    const Source *src = body_source(s->m, s->b, o.atom);
    const ColumnDecl *c = &src->cols[o.column];
    diag_note(d, c->name.span.file ? c->name.span : src->decl->name.span, "`%s` is %s.%s, which is %s", v->name,
              src->decl->name.text, c->name.text, type_text(c->type));
}

static RowExpr *type_error(ExprScope *s, const Expr *whole, const Expr *a, const RowExpr *ra, const Expr *b,
                           const RowExpr *rb) {
    const char *op = whole->kind == EX_BINARY ? op_text(whole->op) : whole->kind == EX_ELSE ? "|" : "in";
    Diag *d = diag_error(s->m->ds, "E130", whole->span, "`%s` between %s and %s: %s is %s, %s is %s", op,
                         value_text(value_class(ra->type)), value_text(value_class(rb->type)), describe(s->m, a),
                         value_text(value_class(ra->type)), describe(s->m, b), value_text(value_class(rb->type)));
    note_type(s, d, a);
    note_type(s, d, b);
    ValueClass ca = value_class(ra->type), cb = value_class(rb->type);
    if ((ca == VAL_TEXT && cb == VAL_NUM) || (ca == VAL_NUM && cb == VAL_TEXT)) {
        const Expr *text = ca == VAL_TEXT ? a : b, *num = ca == VAL_TEXT ? b : a;
        if (text->kind == EX_STR)
            diag_help(d, "compare it with a number, without quotes");
        else if (num->kind == EX_NUM)
            diag_help(d, "write \"%.15g\", or declare the column as num, or use number(%s)", num->num,
                      text->kind == EX_NAME ? text->text : "…");
        else
            diag_help(d, "declare both columns with one type, or use number(%s)",
                      text->kind == EX_NAME ? text->text : "…");
    } else if (ca == VAL_DATE || cb == VAL_DATE)
        diag_help(d, "dates are compared with dates and with texts like \"2013-01-31\"");
    else if (ca == VAL_TIME || cb == VAL_TIME)
        diag_help(d, "times are compared with times and with texts like \"2013-01-31 12:30\"");
    s->failed = true;
    return NULL;
}

static RowExpr *operand_error(ExprScope *s, const Expr *whole, const Expr *a, const RowExpr *ra, const char *wanted) {
    Diag *d = diag_error(s->m->ds, "E130", whole->span, "`%s` takes %s, but %s is %s", op_text(whole->op), wanted,
                         describe(s->m, a), value_text(value_class(ra->type)));
    note_type(s, d, a);
    diag_help(d, value_class(ra->type) == VAL_TEXT
                     ? "number(…) reads a text as a number; compare texts with =, !=, in {…}"
                     : "year(…), month(…), day(…), weekday(…) and hour(…) make numbers of dates");
    s->failed = true;
    return NULL;
}

/* A text against a date becomes that date. false: reported. */
static bool settle_date(ExprScope *s, const Expr *text, RowExpr **r, TypeKind type) {
    if ((*r)->kind != RX_TEXT) return true;
    int64_t days = 0;
    double micros = 0;
    bool ok = calendar_parse((*r)->text, (int32_t)strlen((*r)->text), &days, &micros);
    if (!ok || (type == TY_DATE && micros != 0)) {
        Diag *d = diag_error(s->m->ds, "E130", text->span, "\"%s\" is not a %s", (*r)->text,
                             type == TY_DATE ? "date" : "time");
        diag_help(d, type == TY_DATE ? "write it as \"2013-01-31\""
                                     : "write it as \"2013-01-31 12:30\" or \"2013-01-31\"");
        s->failed = true;
        return false;
    }
    RowExpr *n = node(s->m, RX_NUM, type, (*r)->span, 0);
    n->num = type == TY_DATE ? (double)days : (double)days * RX_DAY + micros;
    *r = n;
    return true;
}

/* Brings two compared values to one type. */
static bool settle_pair(ExprScope *s, const Expr *whole, const Expr *a, RowExpr **ra, const Expr *b, RowExpr **rb) {
    if (((*ra)->type == TY_DATE || (*ra)->type == TY_TIME) && !settle_date(s, b, rb, (*ra)->type)) return false;
    if (((*rb)->type == TY_DATE || (*rb)->type == TY_TIME) && !settle_date(s, a, ra, (*rb)->type)) return false;
    if ((*ra)->kind == RX_NULL) (*ra)->type = (*rb)->type;
    if ((*rb)->kind == RX_NULL) (*rb)->type = (*ra)->type;
    if ((*ra)->type == (*rb)->type) return true;
    (void)type_error(s, whole, a, *ra, b, *rb);
    return false;
}

static RowExpr *compile_name(ExprScope *s, const Expr *e) {
    const Var *v = body_var(s->b, e->text);
    MapCtx *m = s->m;
    if (v && v->existential) {
        Diag *d = diag_error(m->ds, "E122", e->span, "`%s` is existential: it has no value to compute with", e->text);
        diag_note(d, v->span, "declared here");
        diag_help(d, "bind it in an atom of the body, or write it alone as a head term");
        s->failed = true;
        return NULL;
    }
    if (v) {
        int i = s->prefer >= 0 && s->present >> s->prefer & 1 ? var_in_atom(v, s->prefer) : -1;
        if (i < 0) i = var_first(v, s->present);
        if (i < 0) {
            s->missing = true;
            return NULL;
        }
        VarOcc o = v->occ.data[i];
        s->atoms |= 1ull << o.atom;
        if (body_class(m, s->b, o) != VAL_VECTOR) return rowexpr_column(m, s->b->atoms[o.atom].role, o.column, e->span);
        Diag *d = diag_error(m->ds, "E130", e->span, "`%s` is a vector: a whole block of numbers a row", e->text);
        note_type(s, d, e);
        diag_help(d, "a vector can only be a head term by itself, for a column `feature vector`");
        s->failed = true;
        return NULL;
    }
    const Expr *c = resolve_constant(m->p, e);
    if (c) return rowexpr_compile(s, c);
    TextVec names = {0};
    for (int i = 0; i < s->b->vars.len; i++)
        if (!s->b->vars.data[i].existential) vec_push(m->arena, &names, s->b->vars.data[i].name);
    Diag *d = diag_error(m->ds, "E120", e->span, "`%s` is not bound in the body", e->text);
    const char *near = resolve_nearest(e->text, &names);
    if (near)
        diag_help(d, "did you mean `%s`?", near);
    else if (s->lone)
        diag_help(d, "bind it in an atom; if these tables do not have it, write `exists %s` before the head", e->text);
    else
        diag_help(d, "give it a place in one of the atoms, or quote it if it is a text: \"%s\"", e->text);
    s->failed = true;
    return NULL;
}

static RowExpr *compile_not_row(ExprScope *s, const Expr *e) {
    Diag *d = diag_error(s->m->ds, "E143", e->span, "this cannot be computed for a single row");
    if (e->kind == EX_FIELD && e->args[0]->kind == EX_NAME)
        diag_help(d, "bind the column to a variable in the atom: `%s(%s: v)`, then write `v`", e->args[0]->text,
                  e->text);
    else
        diag_help(d, "conditions and head terms take numbers, texts, variables, + - * / ^, comparisons, and, or, not, "
                     "and functions of one row");
    s->failed = true;
    return NULL;
}

static bool compile_args(ExprScope *s, const Expr *e, RowExpr **out) {
    bool ok = true;
    for (int i = 0; i < e->nargs; i++) {
        out[i] = rowexpr_compile(s, e->args[i]);
        ok &= out[i] != NULL;
    }
    return ok;
}

static bool is_comparison(Op op) {
    return op >= OP_EQ && op <= OP_GE;
}

static RowExpr *compile_arithmetic(ExprScope *s, const Expr *e, RowExpr **a) {
    MapCtx *m = s->m;
    for (int i = 0; i < 2 && e->op == OP_SUB; i++) {
        TypeKind dated = a[1 - i]->type;
        if ((dated == TY_DATE || dated == TY_TIME) && !settle_date(s, e->args[i], &a[i], dated)) return NULL;
    }
    TypeKind l = a[0]->type, r = a[1]->type;
    RowExpr *out = node(m, RX_BINARY, TY_NUM, e->span, 2);
    out->op = e->op;
    out->args[0] = a[0];
    out->args[1] = a[1];
    if (l == TY_NUM && r == TY_NUM) return out;
    bool dated = l == TY_DATE || l == TY_TIME;
    if (dated && r == TY_NUM && (e->op == OP_ADD || e->op == OP_SUB)) {
        out->type = l;
        return out;
    }
    if (dated && r == l && e->op == OP_SUB) return out; /* days, or seconds */
    if (l != TY_NUM && r != TY_NUM && l != r) return type_error(s, e, e->args[0], a[0], e->args[1], a[1]);
    return operand_error(s, e, l != TY_NUM ? e->args[0] : e->args[1], l != TY_NUM ? a[0] : a[1], "numbers");
}

static RowExpr *compile_binary(ExprScope *s, const Expr *e) {
    if (e->op == OP_MATMUL) return compile_not_row(s, e);
    RowExpr *a[2];
    if (!compile_args(s, e, a)) return NULL;
    if (is_comparison(e->op)) {
        for (int i = 0; i < 2; i++) {
            if (a[i]->kind != RX_NULL) continue;
            Diag *d = diag_error(s->m->ds, "E130", e->span, "a comparison with null is never true");
            diag_help(d, e->op == OP_NE ? "write `… is not null`" : "write `… is null`");
            s->failed = true;
            return NULL;
        }
        if (!settle_pair(s, e, e->args[0], &a[0], e->args[1], &a[1])) return NULL;
    } else if (e->op == OP_AND || e->op == OP_OR) {
        for (int i = 0; i < 2; i++)
            if (a[i]->type != TY_NUM) return operand_error(s, e, e->args[i], a[i], "truth values");
    } else
        return compile_arithmetic(s, e, a);
    RowExpr *r = node(s->m, RX_BINARY, TY_NUM, e->span, 2);
    r->op = e->op;
    r->args[0] = a[0];
    r->args[1] = a[1];
    return r;
}

static RowExpr *compile_call(ExprScope *s, const Expr *e) {
    MapCtx *m = s->m;
    if (e->named.len) {
        Diag *d = diag_error(m->ds, "E144", e->span, "`%s` takes no named arguments here", e->text);
        diag_help(d, "write the values alone: `%s(…)`", e->text);
        s->failed = true;
        return NULL;
    }
    RowExpr *r = node(m, RX_CALL, TY_NUM, e->span, e->nargs);
    r->text = e->text;
    if (!compile_args(s, e, r->args)) return NULL;
    TypeKind *types = arena_array(m->arena, TypeKind, e->nargs + 1);
    for (int i = 0; i < e->nargs; i++) types[i] = r->args[i]->type;
    const char *why = NULL;
    int type = rowexpr_call_type(e->text, e->nargs, types, &why);
    if (type < 0) {
        diag_error(m->ds, "E144", e->span, "%s", why ? why : "this function cannot be used here");
        s->failed = true;
        return NULL;
    }
    r->type = (TypeKind)type;
    return r;
}

static RowExpr *compile_in(ExprScope *s, const Expr *e) {
    const Expr *set = e->args[1];
    if (set->kind != EX_SET) return compile_not_row(s, set);
    RowExpr *value = rowexpr_compile(s, e->args[0]);
    RowExpr *r = node(s->m, RX_IN, TY_NUM, e->span, set->nargs + 1);
    r->num = e->num;
    r->args[0] = value;
    bool ok = value != NULL;
    for (int i = 0; i < set->nargs; i++) {
        r->args[i + 1] = rowexpr_compile(s, set->args[i]);
        if (!r->args[i + 1] || !ok || !settle_pair(s, e, e->args[0], &r->args[0], set->args[i], &r->args[i + 1]))
            ok = false;
    }
    return ok ? r : NULL;
}

/* x | y inside an expression: a side whose atoms were left out falls away. */
static RowExpr *compile_else(ExprScope *s, const Expr *e) {
    bool was_missing = s->missing;
    s->missing = false;
    RowExpr *a = rowexpr_compile(s, e->args[0]);
    bool a_missing = s->missing;
    s->missing = false;
    RowExpr *b = rowexpr_compile(s, e->args[1]);
    bool b_missing = s->missing;
    s->missing = was_missing || (a_missing && b_missing);
    if (!a || !b) return s->failed ? NULL : a ? a : b;
    if (!settle_pair(s, e, e->args[0], &a, e->args[1], &b)) return NULL;
    RowExpr *r = node(s->m, RX_ELSE, a->type, e->span, 2);
    r->args[0] = a;
    r->args[1] = b;
    return r;
}

RowExpr *rowexpr_compile(ExprScope *s, const Expr *e) {
    MapCtx *m = s->m;
    RowExpr *r, *a;
    switch (e->kind) {
    case EX_NUM:
    case EX_BOOL:
        r = node(m, RX_NUM, TY_NUM, e->span, 0);
        r->num = e->num;
        return r;
    case EX_STR:
        r = node(m, RX_TEXT, TY_TEXT, e->span, 0);
        r->text = e->text;
        return r;
    case EX_NULL: return node(m, RX_NULL, TY_NUM, e->span, 0);
    case EX_NAME: return compile_name(s, e);
    case EX_UNARY:
        a = rowexpr_compile(s, e->args[0]);
        if (!a) return NULL;
        if (a->type != TY_NUM)
            return operand_error(s, e, e->args[0], a, e->op == OP_NEG ? "a number" : "a truth value");
        r = node(m, RX_UNARY, TY_NUM, e->span, 1);
        r->op = e->op;
        r->args[0] = a;
        return r;
    case EX_BINARY: return compile_binary(s, e);
    case EX_CALL: return compile_call(s, e);
    case EX_ISNULL:
        a = rowexpr_compile(s, e->args[0]);
        if (!a) return NULL;
        r = node(m, RX_ISNULL, TY_NUM, e->span, 1);
        r->num = e->num;
        r->args[0] = a;
        return r;
    case EX_IN: return compile_in(s, e);
    case EX_ELSE: return compile_else(s, e);
    case EX_ERROR: s->failed = true; return NULL;
    case EX_FIELD:
    case EX_TRANSPOSE:
    case EX_INDEX:
    case EX_RANGE:
    case EX_SET: break;
    }
    return compile_not_row(s, e);
}

RowExpr *rowexpr_const_cond(MapCtx *m, const Body *b, const AtomConst *c) {
    ExprScope s = {.m = m, .b = b, .present = ~0ull, .prefer = c->atom};
    const BodyAtom *at = &b->atoms[c->atom];
    const Source *src = body_source(m, b, c->atom);
    const ColumnDecl *col = &src->cols[c->column];
    if (value_class(col->type) == VAL_VECTOR) {
        diag_error(m->ds, "E130", c->value->span, "the column %s.%s is a vector and cannot be compared",
                   src->decl->name.text, col->name.text);
        return NULL;
    }
    RowExpr *column = rowexpr_column(m, at->role, c->column, c->value->span), *value = rowexpr_compile(&s, c->value);
    if (!value) return NULL;
    if (value->kind == RX_NULL) {
        RowExpr *r = node(m, RX_ISNULL, TY_NUM, c->value->span, 1);
        r->args[0] = column;
        return r;
    }
    if ((column->type == TY_DATE || column->type == TY_TIME) && !settle_date(&s, c->value, &value, column->type))
        return NULL;
    if (value->type != column->type) {
        Diag *d = diag_error(m->ds, "E130", c->value->span, "%s is %s, but %s.%s is %s", describe(m, c->value),
                             value_text(value_class(value->type)), src->decl->name.text, col->name.text,
                             type_text(col->type));
        diag_note(d, col->name.span.file ? col->name.span : src->decl->name.span, "declared here");
        diag_help(d, value->type == TY_TEXT ? "write the value without quotes" : "write the value in quotes");
        return NULL;
    }
    RowExpr *r = node(m, RX_BINARY, TY_NUM, c->value->span, 2);
    r->op = OP_EQ;
    r->args[0] = column;
    r->args[1] = value;
    return r;
}
