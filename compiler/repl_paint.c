/* repl_paint.c: colours for text that is being typed (contract: repl_paint.h). */
#include "compiler/repl_paint.h"
#include "compiler/box.h"
#include "compiler/functions.h"
#include "compiler/scan.h"
#include "grammar/parse_internal.h"
#include <ctype.h>

#define PAINT_KEYWORD "\033[35m"
#define PAINT_TEXT "\033[32m"
#define PAINT_NUMBER "\033[36m"
#define PAINT_COMMENT "\033[90m"
#define PAINT_FUNCTION "\033[94m"
#define PAINT_COMMAND "\033[1m"
#define PAINT_END "\033[0m"

static bool begins_statement(const char *word) {
    int n;
    const char *const *words = lex_statement_words(&n);
    for (int i = 0; i < n; i++)
        if (strcmp(words[i], word) == 0) return true;
    return false;
}

/* A word by its neighbours, roughly as the lexer sees it: the first of a statement, a clause behind an operand, or a
 * function before its bracket. */
static const char *word_paint(const char *text, size_t len, ScanToken previous, ScanToken t) {
    char word[32];
    size_t n = t.end - t.begin;
    if (n >= sizeof word) return NULL;
    memcpy(word, text + t.begin, n);
    word[n] = 0;
    ScanToken next = scan_next(text, len, t.end);
    char before = previous.kind == SCAN_MARK ? text[previous.begin] : 0;
    char after = next.kind == SCAN_MARK ? text[next.begin] : 0;
    FuncInfo f;
    if (after == ':' || before == '.') return NULL;
    if (after == '(' && func_find(word, &f)) return PAINT_FUNCTION;
    bool first = previous.kind == SCAN_END || (before && strchr(";{}", before));
    if (first) return begins_statement(word) && !(after && strchr("=.", after)) ? PAINT_KEYWORD : NULL;
    if (!strcmp(word, "true") || !strcmp(word, "false") || !strcmp(word, "null")) return PAINT_NUMBER;
    bool operand = !before || strchr(")]}'?", before);
    if (!strcmp(word, "else") || !strcmp(word, "exists") || !strcmp(word, "not")) return PAINT_KEYWORD;
    return operand && lex_is_clause(word) ? PAINT_KEYWORD : NULL;
}

static void put(Buf *out, const char *s, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (s[i] == '\n')
            buf_puts(out, "\r\n");
        else if ((unsigned char)s[i] < 0x20 && s[i] != '\t')
            buf_printf(out, "^%c", s[i] + '@');
        else
            buf_add(out, &s[i], 1);
}

void paint_text(Buf *out, const char *before, const char *text, size_t len) {
    Buf whole = {0};
    buf_puts(&whole, before);
    size_t from = whole.len;
    buf_add(&whole, text, len);
    if (from == 0 && len && text[0] == ':') {
        size_t n = 0;
        while (n < len && !isspace((unsigned char)text[n])) n++;
        buf_puts(out, PAINT_COMMAND);
        put(out, text, n);
        buf_puts(out, PAINT_END);
        put(out, text + n, len - n);
        buf_free(&whole);
        return;
    }
    size_t done = from;
    ScanToken previous = {.kind = SCAN_END};
    for (ScanToken t = scan_next(whole.data, whole.len, 0); t.kind != SCAN_END;
         t = scan_next(whole.data, whole.len, t.end)) {
        const char *paint = t.kind == SCAN_TEXT      ? PAINT_TEXT
                            : t.kind == SCAN_NUMBER  ? PAINT_NUMBER
                            : t.kind == SCAN_COMMENT ? PAINT_COMMENT
                            : t.kind == SCAN_WORD    ? word_paint(whole.data, whole.len, previous, t)
                                                     : NULL;
        if (t.kind != SCAN_COMMENT) previous = t;
        if (!paint || t.end <= from) continue;
        size_t begin = t.begin < from ? from : t.begin;
        put(out, whole.data + done, begin - done);
        buf_puts(out, paint);
        put(out, whole.data + begin, t.end - begin);
        buf_puts(out, PAINT_END);
        done = t.end;
    }
    if (whole.data) put(out, whole.data + done, whole.len - done);
    buf_free(&whole);
}

PaintPlace paint_place(const char *text, size_t n, int prompt, int width) {
    PaintPlace p = {0, prompt};
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)text[i];
        size_t bytes = 1;
        while (i + bytes < n && ((unsigned char)text[i + bytes] & 0xc0) == 0x80) bytes++;
        if (c == '\n') {
            p.row++;
            p.column = 0;
        } else if (c == '\t') {
            do p.column++;
            while (p.column % 8);
        } else {
            char point[8] = {0};
            memcpy(point, text + i, bytes < sizeof point ? bytes : sizeof point - 1);
            int w = c < 0x20 || c == 0x7f ? 2 : text_width(point);
            if (p.column + w > width) p = (PaintPlace){p.row + 1, 0};
            p.column += w;
        }
        if (p.column >= width) p = (PaintPlace){p.row + 1, 0};
        i += bytes;
    }
    return p;
}
