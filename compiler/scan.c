/* scan.c: pieces of a script's text (contract: scan.h). */
#include "compiler/scan.h"
#include <ctype.h>

static bool is_word(unsigned char c) {
    return isalnum(c) || c == '_' || c >= 0x80;
}

/* Letters beyond ASCII are parts of words here, but for the logician's marks, which are operators of three bytes. */
static size_t logical_mark(const char *s, size_t left) {
    static const char *const marks[] = {"∀", "∃", "∧", "→", "⟶", "≤", "≥", "≠"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        size_t n = strlen(marks[i]);
        if (n <= left && memcmp(s, marks[i], n) == 0) return n;
    }
    return 0;
}

static size_t operator_length(const char *s, size_t left) {
    static const char *const wide[] = {"...", "..", "->", "<=", ">=", "!=", "=="};
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        size_t n = strlen(wide[i]);
        if (n <= left && memcmp(s, wide[i], n) == 0) return n;
    }
    return 1;
}

/* From an opening quote to the closing one on the same line. */
static ScanToken scan_quoted(const char *text, size_t len, size_t at, ScanKind kind) {
    char quote = text[at];
    size_t p = at + 1;
    while (p < len && text[p] != quote && text[p] != '\n')
        p += quote == '"' && text[p] == '\\' && p + 1 < len && text[p + 1] != '\n' ? 2 : 1;
    if (p > len) p = len;
    bool open = p >= len || text[p] != quote;
    return (ScanToken){kind, at, open ? p : p + 1, open};
}

static ScanToken scan_number(const char *text, size_t len, size_t at) {
    size_t p = at;
    while (p < len && isdigit((unsigned char)text[p])) p++;
    /* 1..k is a range */
    if (p < len && text[p] == '.' && !(p + 1 < len && text[p + 1] == '.'))
        for (p++; p < len && isdigit((unsigned char)text[p]);) p++;
    if (p < len && (text[p] == 'e' || text[p] == 'E')) {
        size_t q = p + 1;
        if (q < len && (text[q] == '+' || text[q] == '-')) q++;
        if (q < len && isdigit((unsigned char)text[q]))
            for (p = q; p < len && isdigit((unsigned char)text[p]);) p++;
    }
    return (ScanToken){SCAN_NUMBER, at, p, false};
}

ScanToken scan_next(const char *text, size_t len, size_t at) {
    while (at < len && isspace((unsigned char)text[at])) at++;
    if (at >= len) return (ScanToken){SCAN_END, len, len, false};
    const char *s = text + at;
    size_t left = len - at, n;
    if (*s == '#') {
        const char *end = memchr(s, '\n', left);
        return (ScanToken){SCAN_COMMENT, at, end ? (size_t)(end - text) : len, false};
    }
    if (left > 1 && s[0] == '/' && s[1] == '*') {
        for (size_t p = at + 2; p + 1 < len; p++)
            if (text[p] == '*' && text[p + 1] == '/') return (ScanToken){SCAN_COMMENT, at, p + 2, false};
        return (ScanToken){SCAN_COMMENT, at, len, true};
    }
    if (*s == '"') return scan_quoted(text, len, at, SCAN_TEXT);
    if (*s == '`') return scan_quoted(text, len, at, SCAN_QUOTED);
    if (isdigit((unsigned char)*s) || (*s == '.' && left > 1 && isdigit((unsigned char)s[1])))
        return scan_number(text, len, at);
    if ((n = logical_mark(s, left))) return (ScanToken){SCAN_MARK, at, at + n, false};
    if (is_word((unsigned char)*s)) {
        size_t p = at;
        while (p < len && is_word((unsigned char)text[p]) && !logical_mark(text + p, len - p)) p++;
        return (ScanToken){SCAN_WORD, at, p, false};
    }
    return (ScanToken){SCAN_MARK, at, at + operator_length(s, left), false};
}

bool scan_is(const char *text, ScanToken t, const char *word) {
    size_t n = strlen(word);
    return t.end - t.begin == n && memcmp(text + t.begin, word, n) == 0;
}

typedef struct Balance {
    int depth;
    bool open;   /* a comment */
    bool broken; /* a text or a quoted name has no end on its line: nothing that follows can mend it */
    bool any;    /* a token that is no comment */
    bool ended;  /* the last token ends a statement */
} Balance;

static bool is_block_word(const char *text, ScanToken t) {
    static const char *const words[] = {"source", "target", "algorithm", "metric", "for", "match"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (scan_is(text, t, words[i])) return true;
    return false;
}

/* Of the whole text, or up to the end of its first statement. */
static Balance balance_of(const char *text, size_t len, bool first, size_t *end) {
    Balance b = {0};
    bool fresh = true, block = false;   /* block: the statement may end with `}` */
    bool after_in = false, set = false; /* the brace of `in {…}` ends no statement */
    for (ScanToken t = scan_next(text, len, 0); t.kind != SCAN_END; t = scan_next(text, len, t.end)) {
        b.open = t.open && t.kind == SCAN_COMMENT;
        if (t.kind == SCAN_COMMENT) continue;
        b.broken |= t.open && t.end < len;
        char c = t.kind == SCAN_MARK ? text[t.begin] : 0;
        if (fresh) block = t.kind == SCAN_WORD && is_block_word(text, t);
        b.any = true;
        if (c == '{' && b.depth == 0) set = after_in;
        if (c == '(' || c == '[' || c == '{') b.depth++;
        if ((c == ')' || c == ']' || c == '}') && b.depth > 0) b.depth--;
        b.ended = b.depth == 0 && (c == ';' || (c == '}' && block && !set));
        fresh = b.ended;
        if (first && (b.ended || b.broken)) {
            *end = t.end;
            break;
        }
        after_in = t.kind == SCAN_WORD && scan_is(text, t, "in");
    }
    return b;
}

size_t scan_statement(const char *text, size_t len) {
    size_t end = 0;
    (void)balance_of(text, len, true, &end);
    return end;
}

ScanState scan_state(const char *text, size_t len) {
    Balance b = balance_of(text, len, false, NULL);
    if (b.open) return SCAN_UNFINISHED;
    if (!b.any) return SCAN_EMPTY;
    return b.ended || b.broken ? SCAN_FINISHED : SCAN_UNFINISHED;
}

bool scan_is_open(const char *text, size_t len) {
    Balance b = balance_of(text, len, false, NULL);
    return b.open || b.depth > 0;
}
