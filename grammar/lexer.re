/* lexer.re: text to tokens (re2c 3).
 *
 * Keywords are soft. A word is a keyword only where a name cannot stand, which its neighbours tell:
 *   - after a complete operand (a name, a number, `)` …) the words of clauses and operators are keywords:
 *     from, at, into, on, with, to, as, is, in, and, or, not …; everywhere else they are names;
 *   - the first word of a statement (after `;`, a block's brace, or at the start) is a keyword when a word, a
 *     text or a number follows; so is the first word of a line when a word follows, which no statement that
 *     goes on over several lines has, and which tells where a statement without `;` ended.
 * So `source key from "x" { key: text, order: num }` needs no backquotes, and the grammar has one kind of name.
 *
 * Bad UTF-8 and NUL bytes are found before (parse_script) and become blanks; they are reported here when the
 * reading passes them, so that messages come in the order of the text. */
#include "grammar/parse_internal.h"
#include "grammar/parser.h"
#include <ctype.h>
#include <math.h>
#include <stdlib.h>

typedef struct Word {
    const char *text;
    int token;
} Word;
/* Statements whose first word is followed by a name or a text. */
static const Word statement_words[] = {
    {"source", TOK_SOURCE}, {"silo", TOK_SILO}, {"target", TOK_TARGET}, {"split", TOK_SPLIT},
    {"algorithm", TOK_ALGORITHM}, {"metric", TOK_METRIC}, {"let", TOK_LET}, {"train", TOK_TRAIN},
    {"evaluate", TOK_EVALUATE}, {"predict", TOK_PREDICT}, {"save", TOK_SAVE}, {"load", TOK_LOAD},
    {"option", TOK_OPTION}, {"for", TOK_FOR}, {"use", TOK_USE}, {"export", TOK_EXPORT}, {"param", TOK_PARAM},
    {"key", TOK_KEY}, {"fd", TOK_FD}, {"fk", TOK_FK}, {"match", TOK_MATCH}};
/* Statements whose first word may be followed by any expression. */
static const Word expression_words[] = {
    {"print", TOK_PRINT}, {"return", TOK_RETURN}, {"repeat", TOK_REPEAT}, {"if", TOK_IF}, {"while", TOK_WHILE}};
/* Clauses and operators: keywords after a complete operand. */
static const Word clause_words[] = {
    {"from", TOK_FROM}, {"at", TOK_AT}, {"into", TOK_INTO}, {"seed", TOK_SEED}, {"on", TOK_ON},
    {"with", TOK_WITH}, {"to", TOK_TO}, {"via", TOK_VIA}, {"assign", TOK_ASSIGN}, {"fuzzy", TOK_FUZZY},
    {"within", TOK_WITHIN}, {"order", TOK_ORDER}, {"conflict", TOK_CONFLICT}, {"distinct", TOK_DISTINCT},
    {"missing", TOK_MISSING}, {"policy", TOK_POLICY}, {"as", TOK_AS}, {"is", TOK_IS}, {"in", TOK_IN},
    {"and", TOK_AND}, {"or", TOK_OR}, {"not", TOK_NOT}};
#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static int word_find(const Word *words, int count, const char *text) {
    for (int i = 0; i < count; i++)
        if (!strcmp(words[i].text, text)) return words[i].token;
    return 0;
}

const char *const *lex_statement_words(int *count) {
    static const char *const words[] = {
        "source", "silo", "target", "split", "algorithm", "metric", "let", "train", "evaluate", "predict", "save",
        "load", "option", "for", "use", "export", "param", "key", "fd", "fk", "match", "print", "return", "repeat",
        "if", "while"};
    *count = COUNT(words);
    return words;
}

bool lex_is_keyword(const char *word) {
    static const char *const risky[] = {"null", "true", "false", "not", "and", "or", "is", "in", "as", "exists",
                                        "forall", "asof", "else"};
    for (int i = 0; i < COUNT(risky); i++)
        if (!strcmp(risky[i], word)) return true;
    return word_find(expression_words, COUNT(expression_words), word) != 0;
}

bool lex_is_clause(const char *word) {
    return word_find(clause_words, COUNT(clause_words), word) != 0;
}

/* ---- looking ahead ---- */
static bool is_word_start(char c) {
    return isalpha((unsigned char)c) || c == '_' || c == '`';
}

/* Bytes of the blank at p, 0 when there is none: the scanner's `blank`, for looking ahead. */
int lex_blank_length(const char *p) {
    const unsigned char *s = (const unsigned char *)p;
    if (isspace(s[0])) return 1;
    if (s[0] == 0xc2) return s[1] == 0xa0 ? 2 : 0;
    if (s[0] == 0xe2 && s[1] == 0x80) return (s[2] >= 0x80 && s[2] <= 0x8b) || s[2] == 0xaf ? 3 : 0;
    if (s[0] == 0xe2) return s[1] == 0x81 && s[2] == 0x9f ? 3 : 0;
    if (s[0] == 0xe3) return s[1] == 0x80 && s[2] == 0x80 ? 3 : 0;
    return s[0] == 0xef && s[1] == 0xbb && s[2] == 0xbf ? 3 : 0;
}

static const char *skip_blanks(const ParseState *ps, const char *p) {
    for (;;) {
        for (int n; p < ps->limit && (n = lex_blank_length(p));) p += n;
        if (*p == '#') {
            while (p < ps->limit && *p != '\n') p++;
        } else if (p[0] == '/' && p[1] == '*') {
            const char *end = strstr(p + 2, "*/");
            if (!end) return ps->limit;
            p = end + 2;
        } else {
            return p;
        }
    }
}

static bool word_at(const char *p, const char *word) {
    size_t n = strlen(word);
    return !strncmp(p, word, n) && !isalnum((unsigned char)p[n]) && p[n] != '_';
}

static const char *after_word(const ParseState *ps, const char *p) {
    while (isalnum((unsigned char)*p) || *p == '_') p++;
    return skip_blanks(ps, p);
}

/* Does an operator written as a word stand at p, with what belongs behind it? */
static bool operator_word_at(const ParseState *ps, const char *p) {
    const char *then = after_word(ps, p);
    if (word_at(p, "is")) return word_at(then, "null") || word_at(then, "not");
    if (word_at(p, "in")) return *then == '{';
    if (word_at(p, "not")) return word_at(then, "in") && *after_word(ps, then) == '{';
    if (word_at(p, "as")) return is_word_start(*then) && *after_word(ps, then) == '(';
    return false;
}

static bool first_on_line(const ParseState *ps, const char *start) {
    const char *from = ps->text + ps->previous_span.end;
    return ps->previous_span.end == 0 || memchr(from, '\n', (size_t)(start - from));
}

static int statement_word(const ParseState *ps, const char *word, const char *start, const char *next) {
    bool named = is_word_start(*next) || *next == '"';
    int token = word_find(statement_words, COUNT(statement_words), word);
    if (token) {
        if (!ps->at_start) return named && !operator_word_at(ps, next) && first_on_line(ps, start) ? token : 0;
        return (named && !operator_word_at(ps, next)) || isdigit((unsigned char)*next) || !*next || *next == ';' ||
                       *next == '{' || *next == '}'
                   ? token
                   : 0;
    }
    token = word_find(expression_words, COUNT(expression_words), word);
    if (!token || operator_word_at(ps, next)) return 0;
    if (ps->at_start) return strchr("=:&<>!?,+*/@^.|", *next) && *next ? 0 : token;
    return (named || *next == '(') && first_on_line(ps, start) ? token : 0;
}

/* The token of a word, by its neighbours. */
static int word_token(const ParseState *ps, const char *word, const char *start) {
    const char *next = skip_blanks(ps, ps->cursor);
    if (*next == ':') return TOK_IDENT;
    bool constant = !strcmp(word, "null") || !strcmp(word, "true") || !strcmp(word, "false");
    if (constant) {
        bool option = (ps->previous == '(' || ps->previous == ',') && *next == '=';
        return option ? TOK_IDENT : *word == 'n' ? TOK_NULLVALUE : *word == 't' ? TOK_TRUE : TOK_FALSE;
    }
    if (!strcmp(word, "else")) return ps->previous == '}' && (*next == '{' || word_at(next, "if")) ? TOK_ELSE : TOK_IDENT;
    if (ps->previous == TOK_ELSE && !strcmp(word, "if")) return TOK_IF;
    if (ps->previous == TOK_NOTIN) return TOK_IN;
    int token = statement_word(ps, word, start, next);
    if (token) return token;
    if (ps->after_operand) {
        token = word_find(clause_words, COUNT(clause_words), word);
        return !token ? TOK_IDENT : token == TOK_NOT && word_at(next, "in") ? TOK_NOTIN : token;
    }
    bool operand_follows = is_word_start(*next) || isdigit((unsigned char)*next) || strchr("(\"-.", *next);
    if (!strcmp(word, "not")) {
        bool other = word_at(next, "is") || word_at(next, "in") || word_at(next, "and") || word_at(next, "or");
        return *next && operand_follows && (!other || ps->previous == TOK_IS) ? TOK_NOT : TOK_IDENT;
    }
    if (!is_word_start(*next) || operator_word_at(ps, next)) return TOK_IDENT;
    if (!strcmp(word, "exists") && (ps->previous == TOK_ARROW || ps->previous == TOK_NOT)) return TOK_EXISTS;
    if (!strcmp(word, "forall")) return TOK_FORALL;
    if (!strcmp(word, "asof")) return TOK_ASOF;
    return TOK_IDENT;
}

/* ---- pieces ---- */
static Span span_of(const ParseState *ps, const char *from, const char *to) {
    return (Span){ps->file, (uint32_t)(from - ps->text), (uint32_t)(to - ps->text)};
}

static void report_bad_bytes(ParseState *ps) {
    for (; ps->bad_reported < ps->bad.len; ps->bad_reported++) {
        const BadByte *b = &ps->bad.data[ps->bad_reported];
        if (b->at >= (uint32_t)(ps->cursor - ps->text)) return;
        Span at = {ps->file, b->at, b->at + b->length};
        if (b->nul) diag_help(diag_error(ps->ds, "E001", at, "a NUL byte"), "a script is plain text: remove the byte");
        else
            diag_help(diag_error(ps->ds, "E002", at, "bytes that are not UTF-8"),
                      "save the script with the encoding UTF-8");
    }
}

static bool blank_line_before(const ParseState *ps, const char *p) {
    int newlines = 0;
    while (p > ps->text && isspace((unsigned char)p[-1])) newlines += *--p == '\n';
    return newlines > 1;
}

static void keep_comment(ParseState *ps, const char *from, const char *to) {
    const char *line = from, *end = to;
    while (line > ps->text && (line[-1] == ' ' || line[-1] == '\t' || line[-1] == '\r')) line--;
    while (end > from && isspace((unsigned char)end[-1])) end--;
    Comment c = {span_of(ps, from, to), arena_strndup(ps->arena, from, (size_t)(end - from)),
                 line == ps->text || line[-1] == '\n', blank_line_before(ps, from)};
    vec_push(ps->arena, &ps->script->comments, c);
}

/* `/` `*` … to its end; comments do not nest. False: it has none, which is reported at its opening. */
static bool scan_comment(ParseState *ps, const char *start) {
    const char *end = start + 2;
    while (end + 1 < ps->limit && !(end[0] == '*' && end[1] == '/')) end++;
    if (end + 1 >= ps->limit) {
        ps->cursor = ps->limit;
        ps->stopped = true;
        diag_help(diag_error(ps->ds, "E004", span_of(ps, start, start + 2), "this comment has no end"),
                  "close it with `*/`");
        return false;
    }
    ps->cursor = end + 2;
    keep_comment(ps, start, ps->cursor);
    return true;
}

/* A text: its escapes are undone. A text ends on its line. NULL: unterminated. */
static const char *scan_text(ParseState *ps, const char *start) {
    const char *p = start + 1;
    while (p < ps->limit && *p != '"' && *p != '\n') p += *p == '\\' && p + 1 < ps->limit && p[1] != '\n' ? 2 : 1;
    if (p >= ps->limit || *p == '\n') {
        ps->cursor = p < ps->limit ? p : ps->limit;
        diag_help(diag_error(ps->ds, "E003", span_of(ps, start, start + 1), "this text has no end"),
                  "close it with `\"` on the same line; `\\n` writes a line's end");
        return NULL;
    }
    ps->cursor = p + 1;
    char *out = arena_alloc(ps->arena, (size_t)(p - start)), *o = out;
    for (const char *s = start + 1; s < p; s++) {
        if (*s != '\\') {
            *o++ = *s;
            continue;
        }
        s++;
        if (*s == 'n') *o++ = '\n';
        else if (*s == 't') *o++ = '\t';
        else if (*s == '"' || *s == '\\') *o++ = *s;
        else {
            const char *end = s + 1;
            while (end < p && ((unsigned char)*end & 0xc0) == 0x80) end++;
            diag_help(diag_error(ps->ds, "E006", span_of(ps, s - 1, end), "`\\%.*s` means nothing in a text",
                                 (int)(end - s), s),
                      "the escapes are \\\" \\\\ \\n \\t; a backslash itself is written \\\\");
            *o++ = *s;
        }
    }
    return out;
}

static const char *scan_quoted_name(ParseState *ps, const char *start) {
    const char *p = start + 1;
    while (p < ps->limit && *p != '`' && *p != '\n') p++;
    if (p >= ps->limit || *p == '\n') {
        ps->cursor = p < ps->limit ? p : ps->limit;
        diag_help(diag_error(ps->ds, "E005", span_of(ps, start, start + 1), "this name has no end"),
                  "close it with a backquote on the same line");
        return NULL;
    }
    ps->cursor = p + 1;
    if (p == start + 1) {
        diag_error(ps->ds, "E005", span_of(ps, start, ps->cursor), "a name of no letters");
        return NULL;
    }
    return arena_strndup(ps->arena, start + 1, (size_t)(p - start - 1));
}

static double scan_number(ParseState *ps, const char *start, const char *end) {
    char *text = arena_strndup(ps->arena, start, (size_t)(end - start));
    double x = strtod(text, NULL);
    size_t mantissa = strcspn(text, "eE");
    bool zero = strcspn(text, "123456789") >= mantissa;
    if (isinf(x) || (x == 0 && !zero))
        diag_help(diag_error(ps->ds, "E008", span_of(ps, start, end), "the number is too %s", x == 0 ? "small" : "large"),
                  "numbers are IEEE doubles: from about 4.9e-324 to 1.8e308");
    return isinf(x) ? 0 : x;
}

static void wrong_mark(ParseState *ps, const char *from, const char *help) {
    Diag *d = diag_error(ps->ds, "E007", span_of(ps, from, ps->cursor), "`%.*s` means nothing here",
                         (int)(ps->cursor - from), from);
    if (help) diag_help(d, "%s", help);
}

/* 'text' in single quotes is taken for the text it was meant to be; a lone mark is skipped. */
static int single_quotes(ParseState *ps, const char *start, union AMAL_STYPE *value) {
    const char *p = start + 1;
    while (p < ps->limit && *p != '\'' && *p != '\n') p++;
    bool closed = p < ps->limit && *p == '\'';
    if (closed) ps->cursor = p + 1;
    diag_help(diag_error(ps->ds, "E007", span_of(ps, start, ps->cursor),
                         "a single quote transposes; nothing stands before it"),
              "texts are written between double quotes: \"…\"");
    if (!closed) return TOK_AMAL_error;
    value->text = arena_strndup(ps->arena, start + 1, (size_t)(p - start - 1));
    return TOK_STRING;
}

/* So is a text between typographic quotes: it ends at the next one of them. */
static int typographic_quotes(ParseState *ps, const char *start, union AMAL_STYPE *value) {
    const char *from = ps->cursor, *p = from;
    while (p < ps->limit && *p != '\n' && *p != ';' && memcmp(p, from - 3, 2) != 0) p++;
    bool closed = p + 2 < ps->limit && *p == from[-3] && (unsigned char)p[2] >= 0x98 && (unsigned char)p[2] <= 0x9f;
    if (closed) ps->cursor = p + 3;
    wrong_mark(ps, start, "texts are written between plain double quotes: \"…\"");
    if (!closed) return TOK_AMAL_error;
    value->text = arena_strndup(ps->arena, from, (size_t)(p - from));
    return TOK_STRING;
}

/*!re2c
    re2c:api:style = free-form;
    re2c:define:YYCTYPE = "unsigned char";
    re2c:define:YYCURSOR = ps->cursor;
    re2c:define:YYMARKER = ps->marker;
    re2c:define:YYLIMIT = ps->limit;
    re2c:yyfill:enable = 0;
    re2c:eof = 0;

    blank  = [ \t\r\n\v\f\u00a0\u2000-\u200b\u202f\u205f\u3000\ufeff];
    letter = [\u00aa\u00b5\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u1fff\u3005-\ud7ff\uf900-\ufaff\U00010000-\U0010ffff];
    word   = [A-Za-z_][A-Za-z0-9_]*;
    digits = [0-9]+;
    power  = [eE][+-]?[0-9]+;
    number = digits ("." digits)? power? | "." digits power?;
*/

/* One token, before its neighbours are looked at. Names come back as IDENT with their text. */
static int scan(ParseState *ps, union AMAL_STYPE *value, const char **start_out) {
    for (;;) {
        const char *start = *start_out = ps->cursor;
        /*!re2c
        blank+ { continue; }
        "#" [^\n]* { keep_comment(ps, start, ps->cursor); continue; }
        "/*" { if (!scan_comment(ps, start)) return TOK_YYEOF; continue; }
        word { value->text = arena_strndup(ps->arena, start, (size_t)(ps->cursor - start)); return TOK_IDENT; }
        "`" { value->text = scan_quoted_name(ps, start); return value->text ? TOK_QUOTED : TOK_AMAL_error; }
        ["] { value->text = scan_text(ps, start); return value->text ? TOK_STRING : TOK_AMAL_error; }
        number { value->number = scan_number(ps, start, ps->cursor); return TOK_NUMBER; }
        number (word | letter) ([A-Za-z0-9_] | letter)* {
            diag_help(diag_error(ps->ds, "E008", span_of(ps, start, ps->cursor), "a number that runs into a name"),
                      "a name starts with a letter; between backquotes it may be anything");
            value->number = 0;
            return TOK_NUMBER;
        }
        [A-Za-z0-9_]* letter ([A-Za-z0-9_] | letter)* {
            diag_help(diag_error(ps->ds, "E007", span_of(ps, start, ps->cursor), "a name with letters beyond A to Z"),
                      "write it between backquotes: `%.*s`", (int)(ps->cursor - start), start);
            value->text = arena_strndup(ps->arena, start, (size_t)(ps->cursor - start));
            return TOK_QUOTED;
        }
        "->" | "\u2192" | "\u27f6" { return TOK_ARROW; }
        "<=" | "\u2264" { return TOK_LE; }
        ">=" | "\u2265" { return TOK_GE; }
        "!=" | "\u2260" { return TOK_NE; }
        "\u2227" { return '&'; }
        "\u2200" { return TOK_FORALL; }
        "\u2203" { return TOK_EXISTS; }
        "..." { return TOK_ELLIPSIS; }
        ".." { return TOK_DOTDOT; }
        "'" { return ps->after_operand ? '\'' : single_quotes(ps, start, value); }
        [-+*/@^=<>&|?:;,.(){}] | "[" | "]" { return (unsigned char)*start; }
        "==" { return TOK_EQEQ; }
        "<>" { wrong_mark(ps, start, "`not equal` is written `!=`"); return TOK_NE; }
        "&&" { wrong_mark(ps, start, "conditions are joined by `and`, atoms by `&`"); return TOK_AND; }
        "||" { wrong_mark(ps, start, "write `or` between conditions"); return TOK_OR; }
        "**" { wrong_mark(ps, start, "powers are written `^`"); return '^'; }
        "=>" { wrong_mark(ps, start, "write `->` for implies, `>=` for at least"); return TOK_ARROW; }
        ":=" { wrong_mark(ps, start, "write `=`"); return '='; }
        "%*%" { wrong_mark(ps, start, "the matrix product is written `@`"); return '@'; }
        "//" [^\n]* { ps->cursor = start + 2; wrong_mark(ps, start, "comments begin with `#`");
                      while (ps->cursor < ps->limit && *ps->cursor != '\n') ps->cursor++; continue; }
        "\u2212" | "\u2013" | "\u2014" { wrong_mark(ps, start, "write the plain minus `-`"); return '-'; }
        [\u2018-\u201f] { return typographic_quotes(ps, start, value); }
        [\x00-\x08\x0e-\x1f\x7f] {
            diag_help(diag_error(ps->ds, "E007", span_of(ps, start, ps->cursor), "a control character"), "remove it");
            continue;
        }
        [^] { wrong_mark(ps, start, NULL); return TOK_AMAL_error; }
        * { ps->cursor = start + 1; continue; }
        $ { return TOK_YYEOF; }
        */
    }
}

/* ---- brackets: nesting, and blocks to skip after an error ---- */
static bool open_bracket(ParseState *ps, char mark, Span at) {
    if (ps->depth == PARSE_NESTING) {
        parse_report_depth(ps, at);
        ps->cursor = ps->limit;
        return false;
    }
    ps->open[ps->depth++] = (Bracket){mark, at};
    ps->braces += mark == '{';
    return true;
}

/* A closing mark closes what it fits; a brace also closes the parentheses left open inside it. */
static char close_bracket(ParseState *ps, int mark) {
    if (mark == '}') {
        int d = ps->depth;
        while (d > 0 && ps->open[d - 1].mark != '{' && ps->open[d - 1].mark != 's') d--;
        if (!d) return 0;
        if (d < ps->depth) ps->dropped = ps->open[ps->depth - 1];
        ps->depth = d - 1;
        ps->braces -= ps->open[d - 1].mark == '{';
        return ps->open[d - 1].mark;
    }
    char opening = mark == ')' ? '(' : '[';
    if (ps->depth && ps->open[ps->depth - 1].mark == opening) ps->depth--;
    return opening;
}

static bool is_operand_end(int token) {
    switch (token) {
    case TOK_IDENT: case TOK_QUOTED: case TOK_NUMBER: case TOK_STRING: case TOK_NULLVALUE: case TOK_TRUE: case TOK_FALSE:
    case ')': case ']': case '\'': case '?': case TOK_DISTINCT: return true;
    default: return false;
    }
}

static bool starts_statement(int token) {
    for (int i = 0; i < COUNT(statement_words); i++)
        if (statement_words[i].token == token) return true;
    for (int i = 0; i < COUNT(expression_words); i++)
        if (expression_words[i].token == token) return true;
    return false;
}

static int next_token(ParseState *ps, union AMAL_STYPE *value, Span *where) {
    const char *start;
    int token = scan(ps, value, &start);
    *where = span_of(ps, start, ps->cursor);
    report_bad_bytes(ps);
    ps->word_before = ps->previous_word;
    ps->span_before = ps->previous_span;
    ps->previous_word = NULL;
    ps->dropped = (Bracket){0};
    if (token == TOK_IDENT) token = word_token(ps, value->text, start);
    if (ps->at_start) ps->binding = token == TOK_IDENT && *skip_blanks(ps, ps->cursor) == '=' ? value->text : NULL;
    if (token == TOK_IDENT || token == TOK_QUOTED) {
        ps->previous_word = value->text;
        value->name = (Name){value->text, *where};
    }
    bool set_ends = false, block = false;
    if (token == '(' || token == '[' || token == '{') {
        block = token == '{' && ps->previous != TOK_IN;
        if (!open_bracket(ps, token == '{' && !block ? 's' : (char)token, *where)) return TOK_YYEOF;
    } else if (token == ')' || token == ']' || token == '}') {
        char opened = close_bracket(ps, token);
        set_ends = token == '}' && opened == 's';
        block = token == '}' && !set_ends;
    } else if (token == ';') {
        if (ps->depth && ps->open[ps->depth - 1].mark != '{') ps->dropped = ps->open[ps->depth - 1];
        while (ps->depth && ps->open[ps->depth - 1].mark != '{') ps->depth--;
    }
    ps->after_operand = is_operand_end(token) || set_ends;
    ps->at_start = token == ';' || block;
    ps->previous = set_ends ? ')' : token;
    ps->previous_span = *where;
    return token;
}

int amal_lex(union AMAL_STYPE *value, Span *where, ParseState *ps) {
    if (ps->expression_wanted) {
        ps->expression_wanted = false;
        *where = (Span){ps->file, 0, 0};
        return TOK_EXPRESSION_ALONE;
    }
    int token = next_token(ps, value, where);
    if (ps->recover_braces >= 0 && ps->braces > ps->recover_braces) {
        /* a block that belongs to the statement in error: to the parser it is one `;` */
        while (ps->braces > ps->recover_braces && token != TOK_YYEOF) token = next_token(ps, value, where);
        if (token == '}') token = ';';
    }
    if (token == ';' || token == '}' || starts_statement(token)) ps->recover_braces = -1;
    if (token == TOK_QUOTED) token = TOK_IDENT;
    if (token != TOK_YYEOF) vec_push(ps->arena, &ps->script->tokens, ((Token){*where, token}));
    return token;
}
