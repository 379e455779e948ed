/* ast_print_expr.c: names, texts, numbers and expressions as canonical text.
 *
 * Parentheses appear only where the tree needs them, names get backquotes only where the bare word would be read
 * as something else, and numbers have the fewest digits that read back as the same number. */
#include "compiler/ast_print.h"
#include "grammar/parse_internal.h"
#include <stdlib.h>

/* ---- words ---- */
const char *op_text(Op op) {
    static const char *const texts[] = {
        "+", "-", "*", "/", "^", "@", "=", "!=", "<", "<=", ">", ">=", "and", "or", "-", "not"};
    return texts[op];
}

const char *type_text(TypeKind t) {
    static const char *const texts[] = {"inferred", "num",  "int",  "bool",   "text",
                                        "cat",      "date", "time", "vector", "rowid"};
    return texts[t];
}

static bool is_plain_name(const char *s) {
    if (!*s || (*s >= '0' && *s <= '9')) return false;
    return s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] == 0;
}

void ast_print_name(Buf *b, const char *s) {
    bool bare = is_plain_name(s) && !lex_is_keyword(s);
    buf_printf(b, bare ? "%s" : "`%s`", s);
}

/* Before a `:`, and before the `=` of an argument, every word is a name. */
void ast_print_column(Buf *b, const char *s) {
    buf_printf(b, is_plain_name(s) ? "%s" : "`%s`", s);
}

/* Behind a name or a number the words of clauses need backquotes, too. */
void ast_print_after_operand(Buf *b, const char *s) {
    if (lex_is_clause(s))
        buf_printf(b, "`%s`", s);
    else
        ast_print_name(b, s);
}

void ast_print_names(Buf *b, const NameVec *v) {
    for (int i = 0; i < v->len; i++) {
        if (i) buf_puts(b, ", ");
        ast_print_name(b, v->data[i].text);
    }
}

void ast_print_text(Buf *b, const char *s) {
    buf_puts(b, "\"");
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            buf_printf(b, "\\%c", *s);
        else if (*s == '\n')
            buf_puts(b, "\\n");
        else if (*s == '\t')
            buf_puts(b, "\\t");
        else
            buf_add(b, s, 1);
    }
    buf_puts(b, "\"");
}

/* The shortest of 15, 16 and 17 digits that reads back as the same number. */
void ast_print_number(Buf *b, double x) {
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (strtod(text, NULL) == x) break;
    }
    buf_puts(b, text);
}

/* ---- expressions ---- */
static int op_level(Op op) {
    switch (op) {
    case OP_OR: return P_OR;
    case OP_AND: return P_AND;
    case OP_ADD:
    case OP_SUB: return P_SUM;
    case OP_MUL:
    case OP_DIV:
    case OP_MATMUL: return P_PRODUCT;
    case OP_POW: return P_POWER;
    default: return P_COMPARE;
    }
}

static int expr_level(const Expr *e) {
    switch (e->kind) {
    case EX_ELSE: return P_ELSE;
    case EX_BINARY: return op_level(e->op);
    case EX_UNARY: return e->op == OP_NOT ? P_NOT : P_NEGATE;
    case EX_ISNULL:
    case EX_IN: return P_COMPARE;
    case EX_TRANSPOSE:
    case EX_INDEX:
    case EX_FIELD: return P_POSTFIX;
    default: return P_ATOM;
    }
}

void ast_print_list(Buf *b, Expr *const *args, int n) {
    for (int i = 0; i < n; i++) {
        if (i) buf_puts(b, ", ");
        ast_print_level(b, args[i], 0);
    }
}

static void print_call(Buf *b, const Expr *e) {
    ast_print_name(b, e->text);
    buf_puts(b, "(");
    for (int i = 0; i < e->nargs; i++) {
        const Expr *a = e->args[i];
        /* bare, an equality of a name would be read as a named argument */
        bool named = a->kind == EX_BINARY && a->op == OP_EQ && a->args[0]->kind == EX_NAME;
        if (i) buf_puts(b, ", ");
        ast_print_level(b, a, named ? P_ATOM : 0);
    }
    for (int i = 0; i < e->named.len; i++) {
        buf_puts(b, i || e->nargs ? ", " : "");
        ast_print_column(b, e->named.data[i].name.text);
        buf_puts(b, " = ");
        ast_print_level(b, e->named.data[i].value, P_COMPARE + 1);
    }
    buf_puts(b, ")");
}

static void print_bare(Buf *b, const Expr *e) {
    switch (e->kind) {
    case EX_NUM: ast_print_number(b, e->num); return;
    case EX_STR: ast_print_text(b, e->text); return;
    case EX_BOOL: buf_puts(b, e->num != 0 ? "true" : "false"); return;
    case EX_NULL: buf_puts(b, "null"); return;
    case EX_NAME: ast_print_name(b, e->text); return;
    case EX_ERROR: buf_puts(b, "null"); return;
    case EX_CALL: print_call(b, e); return;
    case EX_FIELD:
        ast_print_level(b, e->args[0], e->args[0]->kind == EX_NUM ? P_ATOM + 1 : P_POSTFIX);
        buf_puts(b, ".");
        ast_print_name(b, e->text);
        return;
    case EX_UNARY:
        buf_puts(b, e->op == OP_NOT ? "not " : "-");
        ast_print_level(b, e->args[0], expr_level(e));
        return;
    case EX_BINARY: {
        int level = op_level(e->op);
        bool right = e->op == OP_POW, alone = level == P_COMPARE; /* comparisons do not chain */
        ast_print_level(b, e->args[0], level + (right || alone));
        buf_printf(b, " %s ", op_text(e->op));
        ast_print_level(b, e->args[1], level + !right);
        return;
    }
    case EX_ELSE:
        ast_print_level(b, e->args[0], P_ELSE);
        buf_puts(b, " | ");
        ast_print_level(b, e->args[1], P_ELSE + 1);
        return;
    case EX_TRANSPOSE:
        ast_print_level(b, e->args[0], P_POSTFIX);
        buf_puts(b, "'");
        return;
    case EX_INDEX:
        ast_print_level(b, e->args[0], P_POSTFIX);
        buf_puts(b, "[");
        if (e->args[1]) ast_print_level(b, e->args[1], 0);
        if (e->nargs > 2) buf_puts(b, e->args[1] || e->args[2] ? ", " : ",");
        if (e->nargs > 2 && e->args[2]) ast_print_level(b, e->args[2], 0);
        buf_puts(b, "]");
        return;
    case EX_RANGE:
        ast_print_level(b, e->args[0], 0);
        buf_puts(b, "..");
        ast_print_level(b, e->args[1], 0);
        return;
    case EX_SET:
        buf_puts(b, "{");
        ast_print_list(b, e->args, e->nargs);
        buf_puts(b, "}");
        return;
    case EX_ISNULL:
        ast_print_level(b, e->args[0], P_COMPARE + 1);
        buf_puts(b, e->num != 0 ? " is not null" : " is null");
        return;
    case EX_IN:
        ast_print_level(b, e->args[0], P_COMPARE + 1);
        buf_puts(b, e->num != 0 ? " not in " : " in ");
        ast_print_level(b, e->args[1], 0);
        return;
    }
}

/* An expression where only operators of at least this level need no parentheses. */
void ast_print_level(Buf *b, const Expr *e, int least) {
    bool closed = expr_level(e) < least;
    if (closed) buf_puts(b, "(");
    print_bare(b, e);
    if (closed) buf_puts(b, ")");
}

void ast_print_expr(Buf *out, const Expr *e) {
    ast_print_level(out, e, 0);
}
