/* parse_report.c: syntax errors in the user's words.
 *
 * Bison says which tokens could have stood at the place of an error: often fifty, most of them operators. What
 * a person needs is the one thing that is missing, so operators are left out when a mark that ends something is
 * possible, everything that starts an expression becomes "an expression", all statements become "a statement",
 * and an open bracket is pointed at. */
#include "grammar/parse_internal.h"

typedef struct Expected {
    const char *const *names; /* "a name", "source", "';'" */
    int count;
} Expected;

static bool expects(const Expected *x, const char *name) {
    for (int i = 0; i < x->count; i++)
        if (!strcmp(x->names[i], name)) return true;
    return false;
}

static bool is_any(const char *name, const char *const *list) {
    for (; *list; list++)
        if (!strcmp(name, *list)) return true;
    return false;
}

static bool is_operator(const char *name) {
    static const char *const list[] = {
        "'+'", "'-'",    "'*'", "'/'", "'@'", "'^'", "'\\''", "'['", "'.'", "'|'", "and", "or", "is",
        "in",  "not in", "'='", "==",  "!=",  "'<'", "<=",    "'>'", ">=",  "'('", "'?'", "..", NULL};
    return is_any(name, list);
}

static bool starts_expression(const char *name) {
    static const char *const list[] = {"a name", "a number", "a text", "'('",   "'-'",
                                       "not",    "null",     "true",   "false", NULL};
    return is_any(name, list);
}

static bool starts_statement(const char *name) {
    int count;
    const char *const *words = lex_statement_words(&count);
    for (int i = 0; i < count; i++)
        if (!strcmp(name, words[i])) return true;
    return false;
}

static bool is_plain_word(const char *name) {
    for (; *name; name++)
        if (*name < 'a' || *name > 'z') return false;
    return true;
}

/* The pieces of "expected a, b or c": `;` first, then what a bracket waits for. */
enum { PIECES = 5 };
static int pieces_of(const Expected *x, const char *out[PIECES]) {
    bool statement = expects(x, "source") || (expects(x, "return") && expects(x, "repeat"));
    bool expression = expects(x, "a name") && expects(x, "a number") && expects(x, "'('");
    bool operand_done = expects(x, "'+'") && expects(x, "'*'");
    int n = 0;
    if (expects(x, "';'") && !statement) out[n++] = "';'";
    if (statement)
        out[n++] = "a statement";
    else if (expression)
        out[n++] = expects(x, "asof") ? "an atom or a condition" : "an expression";
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < x->count && n < PIECES; i++) {
            const char *name = x->names[i];
            static const char *const first[] = {"')'", "']'", "'}'", "'{'", "->", "end of file", NULL};
            if (is_any(name, first) != (pass == 0) || !strcmp(name, "';'")) continue;
            if (statement && strcmp(name, "'}'") != 0) continue;
            if (expression && (starts_expression(name) || !strcmp(name, "asof") || !strcmp(name, "exists"))) continue;
            if (operand_done && is_operator(name)) continue;
            if (!strcmp(name, "end of file")) continue;
            out[n++] = name;
        }
    if (!n && operand_done) out[n++] = "an operator";
    return n;
}

static void add_piece(Buf *b, const char *name) {
    static const char *const plain[] = {
        "a name", "a number", "a text", "a statement", "an expression", "an operator", "an atom or a condition", NULL};
    size_t n = strlen(name);
    if (is_any(name, plain))
        buf_puts(b, name);
    else if (name[0] == '\'' && n > 2)
        buf_printf(b, "`%.*s`", (int)n - 2, name + 1);
    else
        buf_printf(b, "`%s`", name);
}

static void add_found(Buf *b, const ParseState *ps, Span at, const char *found) {
    if (!strcmp(found, "end of file")) {
        buf_puts(b, "the end of the file");
        return;
    }
    enum { SHOWN = 40 };
    size_t n = at.end - at.begin, shown = n;
    if (shown > SHOWN)
        for (shown = SHOWN; shown && ((unsigned char)ps->text[at.begin + shown] & 0xc0) == 0x80;) shown--;
    buf_puts(b, !strcmp(found, "a text") ? "the text `" : "`");
    buf_add(b, ps->text + at.begin, shown);
    buf_puts(b, shown < n ? "…`" : "`");
}

/* The bracket that is still open where the error is, if that explains it. */
static Bracket open_bracket(const ParseState *ps, const char *found) {
    static const char *const openers[] = {"'('", "'['", "'{'", NULL};
    int depth = ps->depth - is_any(found, openers);
    if (ps->dropped.mark) return ps->dropped;
    return depth > 0 ? ps->open[depth - 1] : (Bracket){0};
}

/* A statement that begins with a word that is none: `trian m = …`. */
static bool report_unknown_statement(ParseState *ps, Span at, const Expected *x, const char *found) {
    bool juxtaposed = !strcmp(found, "a name") || !strcmp(found, "a text") || !strcmp(found, "a number");
    bool after_label = !strcmp(found, "'='") && expects(x, "':'") && expects(x, "->");
    if (!ps->word_before || !(after_label || (juxtaposed && expects(x, "':'") && expects(x, "->")))) return false;
    int count;
    const char *const *words = lex_statement_words(&count);
    const char *near = text_nearest(ps->word_before, words, count);
    Diag *d = diag_error(ps->ds, "E010", ps->span_before, "`%s` begins no statement", ps->word_before);
    if (near && !strcmp(near, ps->word_before))
        diag_help(d, "`%s` is a statement when a name follows it", near);
    else if (near)
        diag_help(d, "did you mean `%s`?", near);
    else if (after_label)
        diag_help(d, "a script names a value with `let %s = …;`", ps->word_before);
    else
        diag_help(d, "a dependency is written `name: S(a, b) -> T(a, b);`");
    (void)at;
    return true;
}

static void help_near_word(const ParseState *ps, Diag *d, const Expected *x) {
    const char *words[128];
    int n = 0;
    for (int i = 0; i < x->count && n < 128; i++)
        if (is_plain_word(x->names[i]) && strlen(x->names[i]) > 1) words[n++] = x->names[i];
    const char *near = ps->previous_word ? text_nearest(ps->previous_word, words, n) : NULL;
    if (near) diag_help(d, "did you mean `%s`?", near);
}

void parse_report_syntax(ParseState *ps, Span at, const char *found, const char *const *expected, int count) {
    Expected x = {expected, count};
    bool file_ends = !strcmp(found, "end of file");
    bool boundary = file_ends || !strcmp(found, "';'") || !strcmp(found, "'}'") || starts_statement(found);
    bool opens_block = !strcmp(found, "'{'") && ps->depth && ps->open[ps->depth - 1].mark == '{';
    ps->recover_braces = boundary ? -1 : ps->braces - opens_block;
    if (ps->stopped) return;
    if (report_unknown_statement(ps, at, &x, found)) return;
    const char *pieces[PIECES];
    int n = pieces_of(&x, pieces);
    bool ends = n && !strcmp(pieces[0], "';'");
    Buf b = {0};
    for (int i = 0; i < n; i++) {
        if (i) buf_puts(&b, i + 1 < n ? ", " : " or ");
        add_piece(&b, pieces[i]);
        if (n == 1 && ends) buf_puts(&b, " after the statement");
    }
    buf_puts(&b, n ? ", found " : "found ");
    add_found(&b, ps, at, found);
    Bracket open = open_bracket(ps, found);
    /* what is missing is missing behind the last token, not on the line where the next one stands */
    bool next_line = memchr(ps->text + ps->span_before.end, '\n', at.begin - ps->span_before.end) != NULL;
    if ((ends && next_line) || file_ends) at = (Span){ps->file, ps->span_before.end, ps->span_before.end};
    const char *code = file_ends && open.mark ? "E012" : ends ? "E011" : "E010";
    Diag *d =
        diag_error(ps->ds, code, at, "%s%s%s", n ? "expected " : "", b.data, n ? "" : ", which fits nothing here");
    buf_free(&b);
    /* a `;` or `}` that found nothing open inside its block says nothing about the brackets; nor does `let` */
    bool fits = !ps->dropped.mark && (!strcmp(found, "'}'") || !strcmp(found, "';'") || !strcmp(found, "let"));
    if (open.mark && !fits && (boundary || !strcmp(found, "->")))
        diag_note(d, open.span, "this `%c` is still open", open.mark == 's' ? '{' : open.mark);
    if (ps->binding && expects(&x, "->"))
        diag_help(d, "a script names a value with `let %s = …;`", ps->binding);
    else if (!strcmp(found, "let") && expects(&x, "return"))
        diag_help(d, "inside a function write `name = …;`, without let");
    else
        help_near_word(ps, d, &x);
    if (file_ends) ps->stopped = true;
}

void parse_report_depth(ParseState *ps, Span at) {
    if (!ps->stopped)
        diag_help(diag_error(ps->ds, "E009", at, "this is nested too deeply"),
                  "brackets go %d deep, an expression's tree %d: name a part with an assignment or `let`",
                  PARSE_NESTING, PARSE_DEPTH);
    ps->stopped = true;
}
