/* ast_print.c: the tree as canonical text, for `amal fmt` and for messages.
 *
 * Promise: parse(print(s)) prints the same text again. Parentheses appear only where the tree needs them, names
 * get backquotes only where the bare word would be read as something else. Comments and single empty lines between
 * statements are kept: a comment on its own line stays before what follows it, one behind code stays behind it;
 * one inside an expression moves behind the statement. */
#include "compiler/ast.h"
#include "grammar/parse_internal.h"
#include <math.h>
#include <stdlib.h>

enum { LINE_MOST = 100, INDENT = 2 };
typedef struct Printer {
    Buf *out;
    const Script *script; /* NULL: no comments to place */
    int comment;          /* the next one to print */
    int indent;
} Printer;

/* ---- words ---- */
const char *op_text(Op op) {
    static const char *const texts[] = {"+", "-", "*", "/", "^", "@", "=", "!=", "<", "<=", ">", ">=", "and", "or", "-",
                                        "not "};
    return texts[op];
}

const char *type_text(TypeKind t) {
    static const char *const texts[] = {"inferred", "num", "int", "bool", "text", "cat", "date", "time", "vector", "rowid"};
    return texts[t];
}

static bool is_plain_name(const char *s) {
    if (!*s || (*s >= '0' && *s <= '9')) return false;
    return s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] == 0;
}

static void print_name(Buf *b, const char *s) {
    bool bare = is_plain_name(s) && !lex_is_keyword(s);
    buf_printf(b, bare ? "%s" : "`%s`", s);
}

/* Before a `:`, and before the `=` of an argument, every word is a name. */
static void print_column(Buf *b, const char *s) {
    buf_printf(b, is_plain_name(s) ? "%s" : "`%s`", s);
}

/* Behind a name or a number the words of clauses need backquotes, too. */
static void print_after_operand(Buf *b, const char *s) {
    if (lex_is_clause(s)) buf_printf(b, "`%s`", s);
    else print_name(b, s);
}

static void print_names(Buf *b, const NameVec *v) {
    for (int i = 0; i < v->len; i++) {
        if (i) buf_puts(b, ", ");
        print_name(b, v->data[i].text);
    }
}

static void print_text(Buf *b, const char *s) {
    buf_puts(b, "\"");
    for (; *s; s++) {
        if (*s == '"' || *s == '\\') buf_printf(b, "\\%c", *s);
        else if (*s == '\n') buf_puts(b, "\\n");
        else if (*s == '\t') buf_puts(b, "\\t");
        else buf_add(b, s, 1);
    }
    buf_puts(b, "\"");
}

/* The shortest of 15, 16 and 17 digits that reads back as the same number. */
static void print_number(Buf *b, double x) {
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (strtod(text, NULL) == x) break;
    }
    buf_puts(b, text);
}

/* ---- expressions ---- */
enum { P_ELSE = 1, P_OR, P_AND, P_NOT, P_COMPARE, P_SUM, P_PRODUCT, P_NEGATE, P_POWER, P_POSTFIX, P_ATOM };

static int op_level(Op op) {
    switch (op) {
    case OP_OR: return P_OR;
    case OP_AND: return P_AND;
    case OP_ADD: case OP_SUB: return P_SUM;
    case OP_MUL: case OP_DIV: case OP_MATMUL: return P_PRODUCT;
    case OP_POW: return P_POWER;
    default: return P_COMPARE;
    }
}

static int expr_level(const Expr *e) {
    switch (e->kind) {
    case EX_ELSE: return P_ELSE;
    case EX_BINARY: return op_level(e->op);
    case EX_UNARY: return e->op == OP_NOT ? P_NOT : P_NEGATE;
    case EX_ISNULL: case EX_IN: return P_COMPARE;
    case EX_TRANSPOSE: case EX_INDEX: case EX_FIELD: return P_POSTFIX;
    default: return P_ATOM;
    }
}

static void print_expr(Buf *b, const Expr *e, int least);

static void print_list(Buf *b, Expr *const *args, int n) {
    for (int i = 0; i < n; i++) {
        if (i) buf_puts(b, ", ");
        print_expr(b, args[i], 0);
    }
}

static void print_call(Buf *b, const Expr *e) {
    print_name(b, e->text);
    buf_puts(b, "(");
    for (int i = 0; i < e->nargs; i++) {
        const Expr *a = e->args[i];
        /* bare, an equality of a name would be read as a named argument */
        bool named = a->kind == EX_BINARY && a->op == OP_EQ && a->args[0]->kind == EX_NAME;
        if (i) buf_puts(b, ", ");
        print_expr(b, a, named ? P_ATOM : 0);
    }
    for (int i = 0; i < e->named.len; i++) {
        buf_puts(b, i || e->nargs ? ", " : "");
        print_column(b, e->named.data[i].name.text);
        buf_puts(b, " = ");
        print_expr(b, e->named.data[i].value, P_COMPARE + 1);
    }
    buf_puts(b, ")");
}

static void print_bare(Buf *b, const Expr *e) {
    switch (e->kind) {
    case EX_NUM: print_number(b, e->num); return;
    case EX_STR: print_text(b, e->text); return;
    case EX_BOOL: buf_puts(b, e->num != 0 ? "true" : "false"); return;
    case EX_NULL: buf_puts(b, "null"); return;
    case EX_NAME: print_name(b, e->text); return;
    case EX_ERROR: buf_puts(b, "null"); return;
    case EX_CALL: print_call(b, e); return;
    case EX_FIELD:
        print_expr(b, e->args[0], e->args[0]->kind == EX_NUM ? P_ATOM + 1 : P_POSTFIX);
        buf_puts(b, ".");
        print_name(b, e->text);
        return;
    case EX_UNARY:
        buf_puts(b, op_text(e->op));
        print_expr(b, e->args[0], expr_level(e));
        return;
    case EX_BINARY: {
        int level = op_level(e->op);
        bool right = e->op == OP_POW, alone = level == P_COMPARE; /* comparisons do not chain */
        print_expr(b, e->args[0], level + (right || alone));
        buf_printf(b, " %s ", op_text(e->op));
        print_expr(b, e->args[1], level + !right);
        return;
    }
    case EX_ELSE:
        print_expr(b, e->args[0], P_ELSE);
        buf_puts(b, " | ");
        print_expr(b, e->args[1], P_ELSE + 1);
        return;
    case EX_TRANSPOSE:
        print_expr(b, e->args[0], P_POSTFIX);
        buf_puts(b, "'");
        return;
    case EX_INDEX:
        print_expr(b, e->args[0], P_POSTFIX);
        buf_puts(b, "[");
        if (e->args[1]) print_expr(b, e->args[1], 0);
        if (e->nargs > 2) buf_puts(b, e->args[1] || e->args[2] ? ", " : ",");
        if (e->nargs > 2 && e->args[2]) print_expr(b, e->args[2], 0);
        buf_puts(b, "]");
        return;
    case EX_RANGE:
        print_expr(b, e->args[0], 0);
        buf_puts(b, "..");
        print_expr(b, e->args[1], 0);
        return;
    case EX_SET:
        buf_puts(b, "{");
        print_list(b, e->args, e->nargs);
        buf_puts(b, "}");
        return;
    case EX_ISNULL:
        print_expr(b, e->args[0], P_COMPARE + 1);
        buf_puts(b, e->num != 0 ? " is not null" : " is null");
        return;
    case EX_IN:
        print_expr(b, e->args[0], P_COMPARE + 1);
        buf_puts(b, e->num != 0 ? " not in " : " in ");
        print_expr(b, e->args[1], 0);
        return;
    }
}

/* An expression where only operators of at least this level need no parentheses. */
static void print_expr(Buf *b, const Expr *e, int least) {
    bool closed = expr_level(e) < least;
    if (closed) buf_puts(b, "(");
    print_bare(b, e);
    if (closed) buf_puts(b, ")");
}

void ast_print_expr(Buf *out, const Expr *e) {
    print_expr(out, e, 0);
}

/* ---- comments and lines ---- */
static const Comment *next_comment(const Printer *p, uint32_t before) {
    if (!p->script || p->comment >= p->script->comments.len) return NULL;
    const Comment *c = &p->script->comments.data[p->comment];
    return c->span.begin < before ? c : NULL;
}

static void print_indent(const Printer *p) {
    buf_printf(p->out, "%*s", p->indent, "");
}

/* Ends a line of code: the comments behind it first. */
static void print_line_end(Printer *p, uint32_t before) {
    bool open = true;
    for (const Comment *c; (c = next_comment(p, before)) && !c->own_line; p->comment++) {
        if (open) buf_printf(p->out, "  %s", c->text);
        else {
            print_indent(p);
            buf_printf(p->out, "%s\n", c->text);
        }
        if (open && *c->text == '#') {
            buf_puts(p->out, "\n");
            open = false;
        }
    }
    if (open) buf_puts(p->out, "\n");
}

/* The comments before a place, each on its own line. True when there were some. */
static bool print_comments(Printer *p, uint32_t before, bool first) {
    bool any = false;
    for (const Comment *c; (c = next_comment(p, before)); p->comment++) {
        if (c->blank_before && !(first && !any)) buf_puts(p->out, "\n");
        print_indent(p);
        buf_printf(p->out, "%s\n", c->text);
        any = true;
    }
    return any;
}

static bool has_comment_before(const Printer *p, uint32_t end) {
    return next_comment(p, end) != NULL;
}

/* ---- parts of statements ---- */
static void print_named(Buf *b, const NamedArgVec *v) {
    for (int i = 0; i < v->len; i++) {
        if (i) buf_puts(b, ", ");
        print_column(b, v->data[i].name.text);
        buf_puts(b, " = ");
        print_expr(b, v->data[i].value, P_COMPARE + 1);
    }
}

static void print_data(Buf *b, const DataRef *d) {
    print_name(b, d->target.text);
    if (!d->part.text) return;
    buf_puts(b, ".");
    print_name(b, d->part.text);
}

static void print_atom(Buf *b, const Atom *a) {
    if (a->negated) buf_puts(b, "not ");
    print_name(b, a->relation.text);
    if (a->role.text) {
        buf_puts(b, " as ");
        print_name(b, a->role.text);
    }
    buf_puts(b, "(");
    for (int i = 0; i < a->args.len; i++) {
        if (i) buf_puts(b, ", ");
        if (a->args.data[i].column.text) {
            print_column(b, a->args.data[i].column.text);
            buf_puts(b, ": ");
        }
        print_expr(b, a->args.data[i].value, 0);
    }
    if (a->rest) buf_puts(b, a->args.len ? ", ..." : "...");
    buf_puts(b, a->optional ? ")?" : ")");
}

/* Joins pieces with ` & `; each begins a line when the whole does not fit one. */
static void join_piece(Printer *p, Buf *b, const char *joint, bool broken) {
    if (broken) buf_printf(b, "\n%*s%s", p->indent + INDENT + 1, "", joint);
    else buf_printf(b, " %s", joint);
    buf_puts(b, " ");
}

static void print_body(Printer *p, Buf *b, const TgdDecl *t, bool broken) {
    int n = 0;
    for (int i = 0; i < t->body.len; i++) {
        if (n++) join_piece(p, b, "&", broken);
        print_atom(b, t->body.data[i]);
    }
    for (int i = 0; i < t->conditions.len; i++) {
        if (n++) join_piece(p, b, "&", broken);
        print_expr(b, t->conditions.data[i], 0);
    }
    for (int i = 0; i < t->asofs.len; i++) {
        const AsofCond *c = t->asofs.data[i];
        if (n++) join_piece(p, b, "&", broken);
        buf_puts(b, "asof ");
        print_expr(b, c->earlier, P_COMPARE + 1);
        buf_puts(b, " <= ");
        print_expr(b, c->later, P_COMPARE + 1);
        buf_puts(b, " within ");
        print_expr(b, c->within, 0);
        buf_puts(b, " ");
        print_after_operand(b, c->unit);
    }
}

static void print_label(Buf *b, const Name *label, bool has_forall, const NameVec *forall) {
    if (label->text) {
        print_column(b, label->text);
        buf_puts(b, ": ");
    }
    if (!has_forall) return;
    buf_puts(b, "forall ");
    print_names(b, forall);
    buf_puts(b, ": ");
}

static void print_tgd_as(Printer *p, Buf *b, const TgdDecl *t, bool broken) {
    print_label(b, &t->label, t->has_forall, &t->forall);
    print_body(p, b, t, broken);
    join_piece(p, b, "->", broken);
    if (t->exists.len) {
        buf_puts(b, "exists ");
        print_names(b, &t->exists);
        buf_puts(b, ": ");
    }
    for (int i = 0; i < t->head.len; i++) {
        if (i) buf_puts(b, " & ");
        print_atom(b, t->head.data[i]);
    }
    buf_puts(b, ";");
}

static void print_tgd(Printer *p, const TgdDecl *t) {
    size_t from = p->out->len;
    print_tgd_as(p, p->out, t, false);
    if (p->out->len - from + (size_t)p->indent <= LINE_MOST) return;
    p->out->len = from;
    print_tgd_as(p, p->out, t, true);
}

static void print_egd(Buf *b, const EgdDecl *e) {
    if (e->kind == EGD_GENERAL) {
        print_label(b, &e->label, e->has_forall, &e->forall);
        for (int i = 0; i < e->body.len; i++) {
            if (i) buf_puts(b, " & ");
            print_atom(b, e->body.data[i]);
        }
        buf_puts(b, " -> ");
        print_expr(b, e->left, P_COMPARE + 1);
        buf_puts(b, " = ");
        print_expr(b, e->right, P_COMPARE + 1);
        buf_puts(b, ";");
        return;
    }
    buf_puts(b, e->kind == EGD_KEY ? "key " : e->kind == EGD_FD ? "fd " : "fk ");
    print_name(b, e->source.text);
    buf_puts(b, "(");
    print_names(b, &e->cols);
    if (e->kind != EGD_KEY) buf_puts(b, e->kind == EGD_FD ? " -> " : ") -> ");
    if (e->kind == EGD_FK) {
        print_name(b, e->source2.text);
        buf_puts(b, "(");
    }
    if (e->kind != EGD_KEY) print_names(b, &e->cols2);
    buf_puts(b, ");");
}

static void print_match(Printer *p, const MatchDecl *m) {
    Buf *b = p->out;
    buf_puts(b, "match ");
    print_names(b, &m->roles);
    if (m->fuzzy) {
        buf_puts(b, " fuzzy {\n");
        for (int i = 0; i < m->fuzzy_clauses.len; i++)
            buf_printf(b, "%*s%s;\n", p->indent + INDENT, "", m->fuzzy_clauses.data[i].text);
        print_indent(p);
        buf_puts(b, "}");
        return;
    }
    if (m->via) {
        buf_puts(b, " via ");
        print_text(b, m->via);
        if (m->via_args.len) {
            buf_puts(b, " (");
            print_named(b, &m->via_args);
            buf_puts(b, ")");
        }
    } else {
        buf_puts(b, " on ");
        print_names(b, &m->on);
        if (m->on.len && m->on_exprs.len) buf_puts(b, ", ");
        print_list(b, m->on_exprs.data, m->on_exprs.len);
    }
    if (m->assign) {
        buf_puts(b, " assign ");
        print_name(b, m->assign);
    }
    buf_puts(b, ";");
}

/* ---- blocks of columns ---- */
static void print_source_column(Buf *b, const ColumnDecl *c) {
    print_column(b, c->name.text);
    buf_printf(b, ": %s", type_text(c->type));
    if (c->type == TY_VECTOR && c->width) buf_printf(b, "(%lld)", (long long)c->width);
    if (c->format) {
        buf_puts(b, "(");
        print_text(b, c->format);
        buf_puts(b, ")");
    }
    if (c->header) {
        buf_puts(b, " as ");
        print_text(b, c->header);
    }
    if (c->null_text) {
        buf_puts(b, " null ");
        print_text(b, c->null_text);
    }
    if (c->not_null) buf_puts(b, " not null");
}

static void print_target_column(Buf *b, const TargetColumn *c) {
    static const char *const roles[] = {"feature", "label", "weight", "id"};
    static const char *const encodings[] = {"num", "onehot", "ordinal", "hash", "days", "vector", "text"};
    print_column(b, c->name.text);
    buf_printf(b, ": %s", roles[c->role]);
    if (c->encoding_given) buf_printf(b, " %s", encodings[c->encoding]);
    if (c->encoding_given && c->encoding == ENC_HASH) buf_printf(b, "(%lld)", (long long)c->buckets);
    if (c->epoch) {
        buf_puts(b, "(");
        print_text(b, c->epoch);
        buf_puts(b, ")");
    }
    if (c->base_category) {
        buf_puts(b, "(base = ");
        print_expr(b, c->base_category, P_COMPARE + 1);
        buf_puts(b, ")");
    }
    if (c->missing == MISS_DEFAULT) return;
    buf_puts(b, " missing ");
    if (c->missing == MISS_CONST) print_expr(b, c->missing_value, 0);
    else buf_puts(b, c->missing == MISS_MEAN ? "mean" : c->missing == MISS_DROP ? "drop" : "error");
}

/* The columns of a source or a target: on one line when they fit it and no comment stands between them. */
static void print_columns(Printer *p, const SourceDecl *s, const TargetDecl *t, uint32_t end, size_t line_start) {
    int columns = s ? s->columns.len : t->columns.len, n = columns + (s ? s->keys.len : 0);
    bool comments = has_comment_before(p, end);
    size_t from = p->out->len;
    for (int broken = comments; broken < 2; broken++) {
        p->out->len = from;
        p->indent += INDENT;
        buf_puts(p->out, broken ? " {" : " { ");
        for (int i = 0; i < n; i++) {
            const NameVec *key = i >= columns ? &s->keys.data[i - columns] : NULL;
            Span at = key ? key->data[0].span : s ? s->columns.data[i].name.span : t->columns.data[i].name.span;
            if (broken) {
                print_line_end(p, at.begin);
                print_comments(p, at.begin, !i);
                print_indent(p);
            }
            if (key) {
                buf_puts(p->out, "key(");
                print_names(p->out, key);
                buf_puts(p->out, ")");
            } else if (s) {
                print_source_column(p->out, &s->columns.data[i]);
            } else {
                print_target_column(p->out, &t->columns.data[i]);
            }
            if (i + 1 < n) buf_puts(p->out, broken ? "," : ", ");
        }
        if (broken) {
            print_line_end(p, end);
            print_comments(p, end, !n);
        }
        p->indent -= INDENT;
        if (broken) print_indent(p);
        buf_puts(p->out, broken ? "}" : " }");
        if (p->out->len - line_start + (size_t)p->indent <= LINE_MOST) return;
    }
}

static void print_source(Printer *p, const SourceDecl *s, Span span) {
    Buf *b = p->out;
    size_t from = b->len;
    buf_puts(b, "source ");
    print_name(b, s->name.text);
    if (s->silo.text) {
        buf_puts(b, " at ");
        print_name(b, s->silo.text);
    }
    buf_puts(b, " from ");
    print_text(b, s->uri);
    if (s->options.len) {
        buf_puts(b, " (");
        print_named(b, &s->options);
        buf_puts(b, ")");
    }
    if (s->has_columns || s->keys.len) print_columns(p, s, NULL, span.end, from);
    else buf_puts(b, ";");
}

static void print_target(Printer *p, const TargetDecl *t, Span span) {
    Buf *b = p->out;
    size_t from = b->len;
    buf_puts(b, "target ");
    print_name(b, t->name.text);
    if (t->order_span.file) buf_printf(b, " order %s", t->order);
    if (t->conflict_span.file) buf_printf(b, " conflict %s", t->conflict);
    if (t->distinct) buf_puts(b, " distinct");
    print_columns(p, NULL, t, span.end, from);
}

/* ---- statements ---- */
static void print_stmt(Printer *p, const Stmt *s);

/* The statements of a block that ends at `end`. */
static void print_stmts(Printer *p, const StmtVec *v, uint32_t end) {
    for (int i = 0; i < v->len; i++) {
        const Stmt *s = v->data[i];
        bool comments = print_comments(p, s->span.begin, !i);
        if (s->blank_before && (i || comments)) buf_puts(p->out, "\n");
        print_indent(p);
        print_stmt(p, s);
        print_line_end(p, i + 1 < v->len ? v->data[i + 1]->span.begin : end);
    }
    print_comments(p, end, !v->len);
}

static void print_block(Printer *p, const StmtVec *v, uint32_t end) {
    buf_puts(p->out, "{");
    p->indent += INDENT;
    print_line_end(p, v->len ? v->data[0]->span.begin : end);
    print_stmts(p, v, end);
    p->indent -= INDENT;
    print_indent(p);
    buf_puts(p->out, "}");
}

static void print_params(Buf *b, const ParamVec *v) {
    buf_puts(b, "(");
    for (int i = 0; i < v->len; i++) {
        const Param *q = &v->data[i];
        if (i) buf_puts(b, ", ");
        if (q->dims.len) {
            print_column(b, q->name.text);
            buf_puts(b, ": [");
            print_list(b, q->dims.data, q->dims.len);
            buf_puts(b, "]");
        } else {
            print_name(b, q->name.text);
        }
        if (q->value) {
            buf_puts(b, " = ");
            print_expr(b, q->value, 0);
        }
    }
    buf_puts(b, ")");
}

static void print_function(Printer *p, const FuncDecl *f) {
    print_name(p->out, f->name.text);
    print_params(p->out, &f->params);
    buf_puts(p->out, " ");
    print_block(p, &f->body, f->span.end);
}

static void print_algorithm(Printer *p, const AlgorithmDecl *a, uint32_t end) {
    Buf *b = p->out;
    buf_puts(b, "algorithm ");
    print_name(b, a->name.text);
    if (a->hyper.len) print_params(b, &a->hyper);
    buf_puts(b, " {");
    p->indent += INDENT;
    const FuncDecl *functions[2] = {a->fit, a->predict};
    if (a->predict && (!a->fit || a->predict->span.begin < a->fit->span.begin)) {
        functions[0] = a->predict;
        functions[1] = a->fit;
    }
    for (int i = 0; i < 2 && functions[i]; i++) {
        print_line_end(p, functions[i]->span.begin);
        print_comments(p, functions[i]->span.begin, !i);
        print_indent(p);
        print_function(p, functions[i]);
    }
    print_line_end(p, end);
    print_comments(p, end, false);
    p->indent -= INDENT;
    print_indent(p);
    buf_puts(b, "}");
}

static void print_if(Printer *p, const Stmt *s) {
    Buf *b = p->out;
    const StmtVec *other = &s->if_.otherwise;
    buf_puts(b, "if (");
    print_expr(b, s->if_.cond, 0);
    buf_puts(b, ") ");
    print_block(p, &s->if_.then, other->len ? other->data[0]->span.begin : s->span.end);
    if (!other->len) return;
    buf_puts(b, " else ");
    if (other->len == 1 && other->data[0]->kind == ST_IF) print_stmt(p, other->data[0]);
    else print_block(p, other, s->span.end);
}

/* The value of an option follows a name directly: parentheses keep a leading word from being read as a clause. */
static void print_option_value(Buf *b, const Expr *e) {
    Buf text = {0};
    print_expr(&text, e, 0);
    size_t n = strcspn(text.data, " '.[(");
    char *word = mem_alloc(n + 1);
    memcpy(word, text.data, n);
    bool clause = lex_is_clause(word);
    if (clause && !text.data[n]) print_after_operand(b, word);
    else buf_printf(b, clause ? "(%s)" : "%s", text.data);
    mem_free(word);
    buf_free(&text);
}

static void print_file(Buf *b, const char *joint, const char *file) {
    buf_puts(b, joint);
    print_text(b, file);
    buf_puts(b, ";");
}

/* name = value; */
static void print_binding(Buf *b, const char *word, const Name *name, const Expr *value) {
    buf_puts(b, word);
    print_name(b, name->text);
    buf_puts(b, " = ");
    print_expr(b, value, 0);
    buf_puts(b, ";");
}

static void print_train(Buf *b, const Stmt *s) {
    buf_puts(b, "train ");
    print_name(b, s->train.name.text);
    buf_puts(b, " = ");
    print_name(b, s->train.algorithm.text);
    buf_puts(b, "(");
    print_named(b, &s->train.args);
    buf_puts(b, ") on ");
    print_data(b, &s->train.on);
    buf_puts(b, ";");
}

static void print_split(Buf *b, const Stmt *s) {
    buf_puts(b, "split ");
    print_name(b, s->split.target.text);
    for (int i = 0; i < s->split.parts.len; i++) {
        buf_puts(b, i ? ", " : " into ");
        print_name(b, s->split.parts.data[i].name.text);
        buf_puts(b, " ");
        print_number(b, s->split.parts.data[i].share);
    }
    if (s->split.seed) {
        buf_puts(b, " seed ");
        print_expr(b, s->split.seed, 0);
    }
    buf_puts(b, ";");
}

static void print_model_on(Buf *b, const char *word, const Name *model, const DataRef *on) {
    buf_puts(b, word);
    print_name(b, model->text);
    buf_puts(b, " on ");
    print_data(b, on);
}

static void print_loop(Printer *p, const char *word, const Expr *control, bool enclosed, const StmtVec *body, Span span) {
    buf_printf(p->out, "%s%s", word, enclosed ? "(" : "");
    print_expr(p->out, control, 0);
    buf_puts(p->out, enclosed ? ") " : " ");
    print_block(p, body, span.end);
}

static void print_stmt(Printer *p, const Stmt *s) {
    Buf *b = p->out;
    switch (s->kind) {
    case ST_SOURCE: print_source(p, s->source, s->span); return;
    case ST_SILO:
        buf_puts(b, "silo ");
        print_name(b, s->silo.name.text);
        buf_puts(b, " at ");
        print_text(b, s->silo.uri);
        if (s->silo.policies.len) buf_puts(b, " policy ");
        print_list(b, s->silo.policies.data, s->silo.policies.len);
        buf_puts(b, ";");
        return;
    case ST_TGD: print_tgd(p, s->tgd); return;
    case ST_EGD: print_egd(b, s->egd); return;
    case ST_MATCH: print_match(p, s->match); return;
    case ST_TARGET: print_target(p, s->target, s->span); return;
    case ST_SPLIT: print_split(b, s); return;
    case ST_ALGORITHM: print_algorithm(p, s->algorithm, s->span.end); return;
    case ST_METRIC:
        buf_puts(b, "metric ");
        print_function(p, s->metric);
        return;
    case ST_LET: print_binding(b, "let ", &s->let.name, s->let.value); return;
    case ST_PARAM: print_binding(b, "param ", &s->let.name, s->let.value); return;
    case ST_ASSIGN: print_binding(b, "", &s->assign.name, s->assign.value); return;
    case ST_PRINT:
        buf_puts(b, "print ");
        print_expr(b, s->print, 0);
        buf_puts(b, ";");
        return;
    case ST_TRAIN: print_train(b, s); return;
    case ST_EVALUATE:
        print_model_on(b, "evaluate ", &s->evaluate.model, &s->evaluate.on);
        buf_puts(b, " with ");
        print_names(b, &s->evaluate.metrics);
        buf_puts(b, ";");
        return;
    case ST_PREDICT:
        print_model_on(b, "predict ", &s->predict.model, &s->predict.on);
        print_file(b, " to ", s->predict.file);
        return;
    case ST_SAVE: case ST_LOAD:
        buf_puts(b, s->kind == ST_SAVE ? "save " : "load ");
        print_name(b, s->file.model.text);
        print_file(b, s->kind == ST_SAVE ? " to " : " from ", s->file.file);
        return;
    case ST_OPTION:
        buf_puts(b, "option ");
        print_name(b, s->option.name.text);
        buf_puts(b, " ");
        print_option_value(b, s->option.value);
        buf_puts(b, ";");
        return;
    case ST_USE: print_file(b, "use ", s->use.file); return;
    case ST_EXPORT:
        buf_puts(b, "export ");
        print_data(b, &s->export_.on);
        buf_puts(b, " to ");
        print_text(b, s->export_.file);
        buf_puts(b, s->export_.provenance ? " with provenance;" : ";");
        return;
    case ST_FOR:
        buf_puts(b, "for ");
        print_name(b, s->loop_for.var.text);
        print_loop(p, " in ", s->loop_for.over, false, &s->loop_for.body, s->span);
        return;
    case ST_REPEAT: print_loop(p, "repeat ", s->repeat.count, false, &s->repeat.body, s->span); return;
    case ST_WHILE: print_loop(p, "while ", s->repeat.count, true, &s->repeat.body, s->span); return;
    case ST_IF: print_if(p, s); return;
    case ST_RETURN:
        buf_puts(b, "return ");
        print_list(b, s->ret.data, s->ret.len);
        buf_puts(b, ";");
        return;
    }
}

void ast_print_script(Buf *out, const Script *s) {
    Printer p = {.out = out, .script = s};
    print_stmts(&p, &s->stmts, UINT32_MAX);
    if (!out->data) buf_puts(out, ""); /* an empty script is an empty text, not NULL */
}
