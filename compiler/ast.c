/* ast.c: constructors of expressions, atoms and lists, and the entry to the parser.
 *
 * Constructors never fail: what is wrong with a piece is reported and the piece is given as far as it goes, so
 * that one mistake does not hide the next. */
#include "grammar/parse_internal.h"
#include "grammar/parser.h"

/* ---- expressions ---- */
static RawExpr *raw_of(const Expr *e) {
    return (RawExpr *)e;
}

static Expr *expr_new(ParseState *ps, ExprKind kind, Span span, Expr *a, Expr *b, Expr *c, int nargs) {
    RawExpr *r = arena_new_of(ps->arena, RawExpr);
    Expr *e = &r->expr, *args[3] = {a, b, c};
    e->kind = kind;
    e->span = span;
    e->nargs = nargs;
    if (nargs) e->args = arena_array(ps->arena, Expr *, nargs);
    for (int i = 0; i < nargs; i++) {
        e->args[i] = args[i];
        if (args[i] && raw_of(args[i])->depth >= r->depth) r->depth = raw_of(args[i])->depth + 1;
    }
    if (r->depth > PARSE_DEPTH) {
        parse_report_depth(ps, span);
        e->kind = EX_ERROR;
        e->nargs = 0;
        r->depth = 0;
    }
    return e;
}

Name ast_name(const char *text, Span span) {
    return (Name){text, span};
}

Expr *ast_leaf(ParseState *ps, ExprKind kind, const char *text, double num, Span span) {
    Expr *e = expr_new(ps, kind, span, NULL, NULL, NULL, 0);
    e->text = text;
    e->text_span = span;
    e->num = num;
    return e;
}

Expr *ast_field(ParseState *ps, Expr *of, Name field) {
    Expr *e = expr_new(ps, EX_FIELD, span_join(of->span, field.span), of, NULL, NULL, 1);
    e->text = field.text;
    e->text_span = field.span;
    return e;
}

/* f(x, name = y): an equality whose left side is a bare name is a named argument. What marks an atom (column: x,
 * `...`) is noted: until an item of a body claims the call, it is a mistake. */
Expr *ast_call(ParseState *ps, Name function, ArgVec *args, Span span) {
    RawExpr *r = arena_new_of(ps->arena, RawExpr);
    Expr *e = &r->expr;
    bool marked = false;
    e->kind = EX_CALL;
    e->span = span;
    e->text = function.text;
    e->text_span = function.span;
    e->args = arena_array(ps->arena, Expr *, args->len);
    r->raw = args;
    for (int i = 0; i < args->len; i++) {
        const Arg *a = &args->data[i];
        Expr *v = a->value;
        marked |= a->kind != ARG_PLAIN;
        if (v && raw_of(v)->depth >= r->depth) r->depth = raw_of(v)->depth + 1;
        if (a->kind != ARG_PLAIN) continue;
        if (v->kind == EX_BINARY && v->op == OP_EQ && v->args[0]->kind == EX_NAME && !raw_of(v)->paren &&
            !raw_of(v->args[0])->paren) {
            NamedArg n = {ast_name(v->args[0]->text, v->args[0]->span), v->args[1]};
            vec_push(ps->arena, &e->named, n);
        } else {
            e->args[e->nargs++] = v;
        }
    }
    if (r->depth > PARSE_DEPTH) {
        parse_report_depth(ps, span);
        return ast_leaf(ps, EX_ERROR, NULL, 0, span);
    }
    if (marked) vec_push(ps->arena, &ps->unplaced, r);
    return e;
}

Expr *ast_unary(ParseState *ps, Op op, Span op_span, Expr *x) {
    Expr *e = expr_new(ps, EX_UNARY, span_join(op_span, x->span), x, NULL, NULL, 1);
    e->op = op;
    e->op_span = op_span;
    return e;
}

Expr *ast_binary(ParseState *ps, Expr *left, Op op, Span op_span, Expr *right) {
    Expr *e = expr_new(ps, EX_BINARY, span_join(left->span, right->span), left, right, NULL, 2);
    e->op = op;
    e->op_span = op_span;
    return e;
}

Expr *ast_postfix(ParseState *ps, ExprKind kind, Expr *x, double num, Expr *second, Span span) {
    Expr *e = expr_new(ps, kind, span, x, second, NULL, second ? 2 : 1);
    e->num = num;
    e->op_span = (Span){span.file, x->span.end, second ? second->span.begin : span.end};
    return e;
}

/* args: what is indexed, rows, columns; an absent index is NULL, X[i] has no third. */
Expr *ast_index(ParseState *ps, Expr *of, Expr *rows, Expr *cols, int nargs, Span span) {
    return expr_new(ps, EX_INDEX, span, of, rows, cols, nargs);
}

Expr *ast_range(ParseState *ps, Expr *from, Expr *to) {
    return expr_new(ps, EX_RANGE, span_join(from->span, to->span), from, to, NULL, 2);
}

Expr *ast_set(ParseState *ps, const ExprVec *members, Span span) {
    Expr *e = expr_new(ps, EX_SET, span, NULL, NULL, NULL, 0);
    e->args = members->data;
    e->nargs = members->len;
    for (int i = 0; i < e->nargs; i++)
        if (raw_of(e->args[i])->depth >= raw_of(e)->depth) raw_of(e)->depth = raw_of(e->args[i])->depth + 1;
    return e;
}

/* Parentheses leave no node: the tree's shape says it. They are remembered for f((a = b)). */
Expr *ast_paren(Expr *e, Span span) {
    raw_of(e)->paren = true;
    e->span = span;
    return e;
}

/* ---- lists: NULL starts one ---- */
NameVec *ast_names(ParseState *ps, NameVec *v, Name n) {
    if (!v) v = arena_new_of(ps->arena, NameVec);
    vec_push(ps->arena, v, n);
    return v;
}

NameVec *ast_names_join(ParseState *ps, NameVec *a, const NameVec *b) {
    for (int i = 0; b && i < b->len; i++) a = ast_names(ps, a, b->data[i]);
    return a;
}

ExprVec *ast_exprs(ParseState *ps, ExprVec *v, Expr *e) {
    if (!v) v = arena_new_of(ps->arena, ExprVec);
    vec_push(ps->arena, v, e);
    return v;
}

ArgVec *ast_args(ParseState *ps, ArgVec *v, ArgKind kind, Name column, Expr *value, Span span) {
    if (!v) v = arena_new_of(ps->arena, ArgVec);
    Arg a = {kind, column, value, span};
    vec_push(ps->arena, v, a);
    return v;
}

ItemVec *ast_items(ParseState *ps, ItemVec *v, Item item) {
    if (!v) v = arena_new_of(ps->arena, ItemVec);
    vec_push(ps->arena, v, item);
    return v;
}

StmtVec *ast_stmts(ParseState *ps, StmtVec *v, Stmt *s) {
    if (!v) v = arena_new_of(ps->arena, StmtVec);
    if (s) vec_push(ps->arena, v, s);
    return v;
}

/* ---- items of bodies and heads ---- */
Item ast_item(Expr *e, Span span) {
    return (Item){.expr = e, .span = span};
}

Item ast_item_role(ParseState *ps, Name relation, Name role, ArgVec *args, Span span) {
    return (Item){.expr = ast_call(ps, relation, args, span), .role = role, .span = span};
}

Item ast_item_asof(ParseState *ps, Expr *order, Expr *amount, Name unit, Span span) {
    AsofCond *c = arena_new_of(ps->arena, AsofCond);
    bool ordered = order->kind == EX_BINARY && order->op == OP_LE;
    if (!ordered && order->kind != EX_ERROR)
        diag_help(diag_error(ps->ds, "E025", order->span, "asof needs `earlier <= later`"),
                  "as in: asof t1 <= t2 within 2 h");
    *c = (AsofCond){ordered ? order->args[0] : order, ordered ? order->args[1] : order, amount, unit.text, span};
    return (Item){.asof = c, .span = span};
}

Formula ast_formula(ItemVec *body, NameVec *exists, ItemVec *head) {
    return (Formula){.exists = exists, .body = body, .head = head};
}

Formula ast_formula_forall(ParseState *ps, NameVec *forall, Formula f) {
    f.has_forall = true;
    f.forall = f.forall ? ast_names_join(ps, forall, f.forall) : forall;
    return f;
}

/* A call with `column: x` or `...` in it that no body or head claimed. */
void ast_check_unplaced(ParseState *ps) {
    for (int i = 0; i < ps->unplaced.len; i++) {
        const RawExpr *r = ps->unplaced.data[i];
        for (int k = 0; k < r->raw->len && !r->is_atom; k++) {
            const Arg *a = &r->raw->data[k];
            if (a->kind == ARG_PLAIN) continue;
            Diag *d = diag_error(ps->ds, "E020", a->span, "%s belongs to an atom; `%s` is called as a function here",
                                 a->kind == ARG_REST ? "`...`" : "`column: value`", r->expr.text);
            if (a->kind == ARG_COLUMN) diag_help(d, "a function's named arguments are written `name = value`");
            break;
        }
    }
    ps->unplaced.len = 0;
}

/* ---- the entry ---- */
/* Bytes of the code point at s, 0 when it is not well-formed UTF-8. */
static size_t utf8_length(const unsigned char *s, size_t left) {
    if (s[0] < 0x80) return 1;
    size_t n = s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;
    if (!n || n > left) return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool outside = (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f);
    return overlong || outside ? 0 : n;
}

/* Notes runs of NULs and of bytes that are not UTF-8 and makes blanks of them. */
static void text_clean(ParseState *ps, char *text, size_t len) {
    for (size_t i = 0; i < len;) {
        size_t n = utf8_length((unsigned char *)text + i, len - i);
        if (n && text[i]) {
            i += n;
            continue;
        }
        BadByte b = {(uint32_t)i, 0, !text[i]};
        while (i < len && (b.nul ? !text[i] : !utf8_length((unsigned char *)text + i, len - i))) {
            text[i++] = ' ';
            b.length++;
        }
        vec_push(ps->arena, &ps->bad, b);
    }
}

static ParseState *parse_begin(Arena *arena, Diags *ds, uint32_t file, const char *text, size_t len) {
    ParseState *ps = arena_new_of(arena, ParseState);
    char *copy = arena_strndup(arena, text, len);
    ps->arena = arena;
    ps->ds = ds;
    ps->file = file;
    ps->script = arena_new_of(arena, Script);
    ps->text = ps->cursor = copy;
    ps->limit = copy + len;
    ps->at_start = true;
    ps->recover_braces = -1;
    text_clean(ps, copy, len);
    return ps;
}

Expr *parse_expression(Arena *arena, Diags *ds, uint32_t file, const char *text, size_t len) {
    if (len > PARSE_TEXT_MOST) {
        diag_error(ds, "E013", (Span){file, 0, 1}, "the text has %zu bytes; at most %d are read", len, PARSE_TEXT_MOST);
        return NULL;
    }
    ParseState *ps = parse_begin(arena, ds, file, text, len);
    ps->expression_wanted = true;
    ps->at_start = false;
    int before = diag_error_count(ds);
    return amal_parse(ps) == 0 && diag_error_count(ds) == before ? ps->expression : NULL;
}

Script *parse_script(Arena *arena, Diags *ds, uint32_t file, const char *text, size_t len) {
    Script *script = arena_new_of(arena, Script);
    script->path = diag_file_path(ds, file);
    script->file = file;
    if (len > PARSE_TEXT_MOST) {
        diag_error(ds, "E013", (Span){file, 0, 1}, "the script has %zu bytes; at most %d are read", len,
                   PARSE_TEXT_MOST);
        return script;
    }
    ParseState *ps = parse_begin(arena, ds, file, text, len);
    ps->script = script;
    /* Its result says whether recovery reached the end; every error has been reported either way. */
    int reached = amal_parse(ps);
    if (reached != 0 && !diag_error_count(ds)) internal_error("the parser stopped without a message");
    return script;
}
