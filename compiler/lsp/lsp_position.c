/* lsp_position.c: bytes of a text and the positions of the protocol: line, and UTF-16 units (or bytes) into it.
 *
 * A line ends with \n, \r\n or \r, as the protocol has it. Texts are UTF-8; a byte that is none counts as one unit. */
#include "compiler/lsp/lsp_internal.h"
#include <ctype.h>

/* Bytes of the character at s, at most left. */
static size_t step(const char *text, size_t left) {
    const unsigned char *s = (const unsigned char *)text;
    size_t n = s[0] < 0xc2 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 1;
    if (n > left) return 1;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80) return 1;
    return n;
}

static uint32_t units_of(size_t bytes, Units units) {
    return units == UNITS_UTF8 ? (uint32_t)bytes : bytes == 4 ? 2 : 1;
}

/* Bytes of the line end at s: 0 when there is none. */
static size_t line_end(const char *s, size_t left) {
    if (!left) return 0;
    if (*s == '\n') return 1;
    return *s != '\r' ? 0 : left > 1 && s[1] == '\n' ? 2 : 1;
}

/* Moves p->known and p->at to offset, from the beginning where it lies before them. */
static void walk(Places *p, size_t offset) {
    if (offset > p->len) offset = p->len;
    if (offset < p->known) {
        p->known = 0;
        p->at = (Position){0, 0};
    }
    for (size_t i = p->known; i < offset; p->known = i) {
        size_t end = line_end(p->text + i, p->len - i);
        if (end) {
            if (i + end > offset) break; /* between \r and \n: the end of the line */
            p->at = (Position){p->at.line + 1, 0};
            i += end;
            continue;
        }
        size_t n = step(p->text + i, p->len - i);
        if (i + n > offset) break;
        p->at.character += units_of(n, p->units);
        i += n;
    }
}

Position position_of(const char *text, size_t len, size_t offset, Units units) {
    Places p = {.text = text, .len = len, .units = units};
    walk(&p, offset);
    return p.at;
}

size_t position_offset(const char *text, size_t len, Position at, Units units) {
    size_t i = 0;
    for (uint32_t line = 0; line < at.line;) {
        if (i == len) return len;
        size_t end = line_end(text + i, len - i);
        line += end > 0;
        i += end ? end : 1;
    }
    for (uint32_t passed = 0; i < len && !line_end(text + i, len - i);) {
        size_t n = step(text + i, len - i);
        passed += units_of(n, units);
        if (passed > at.character) break;
        i += n;
    }
    return i;
}

bool position_read(const Json *j, Position *out) {
    int64_t line = json_int(json_member(j, "line"), 0, UINT32_MAX, -1);
    int64_t character = json_int(json_member(j, "character"), 0, UINT32_MAX, -1);
    *out = (Position){(uint32_t)line, (uint32_t)character};
    return line >= 0 && character >= 0;
}

void position_write_range(Buf *out, Places *places, size_t begin, size_t end) {
    walk(places, begin);
    Places to = *places;
    walk(&to, end < begin ? begin : end);
    buf_printf(out, "{\"start\":{\"line\":%u,\"character\":%u},\"end\":{\"line\":%u,\"character\":%u}}",
               places->at.line, places->at.character, to.at.line, to.at.character);
}

/* ---- file names and URIs ---- */
static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *uri_path(const char *uri) {
    if (strncmp(uri, "file://", 7) != 0) return NULL;
    const char *s = strchr(uri + 7, '/'); /* behind the host, which is empty or this one */
    if (!s) return NULL;
    Buf b = {0};
    for (; *s; s++) {
        int high = *s == '%' ? hex_digit(s[1]) : -1, low = high >= 0 ? hex_digit(s[2]) : -1;
        char c = low >= 0 ? (char)(high * 16 + low) : *s;
        if (low >= 0) s += 2;
        if (!c) {
            buf_free(&b);
            return NULL;
        }
        buf_add(&b, &c, 1);
    }
    return buf_take(&b);
}

char *uri_of_path(const char *path) {
    Buf b = {0};
    buf_puts(&b, "file://");
    for (; *path; path++)
        if (isalnum((unsigned char)*path) || strchr("/-._~", *path))
            buf_add(&b, path, 1);
        else
            buf_printf(&b, "%%%02X", (unsigned char)*path);
    return buf_take(&b);
}
