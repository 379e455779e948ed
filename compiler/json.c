/* json.c: see json.h. Recursive descent over the bytes; every read is checked against the end. */
#include "compiler/json.h"
#include "compiler/diag.h"
#include <math.h>
#include <stdlib.h>

typedef struct Reader {
    Arena *arena;
    const char *start, *at, *end;
    int depth;
    const char *why;
} Reader;

static bool fail(Reader *r, const char *why) {
    if (!r->why) r->why = why;
    return false;
}

static void skip_blanks(Reader *r) {
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')) r->at++;
}

static bool take(Reader *r, char c) {
    if (r->at == r->end || *r->at != c) return false;
    r->at++;
    return true;
}

static bool digit_at(const Reader *r) {
    return r->at < r->end && *r->at >= '0' && *r->at <= '9';
}

static void put_code_point(Buf *b, uint32_t c) {
    char s[4];
    size_t n;
    if (c < 0x80) {
        s[0] = (char)c, n = 1;
    } else if (c < 0x800) {
        s[0] = (char)(0xc0 | c >> 6), s[1] = (char)(0x80 | (c & 0x3f)), n = 2;
    } else if (c < 0x10000) {
        s[0] = (char)(0xe0 | c >> 12), s[1] = (char)(0x80 | (c >> 6 & 0x3f)), s[2] = (char)(0x80 | (c & 0x3f)), n = 3;
    } else {
        s[0] = (char)(0xf0 | c >> 18), s[1] = (char)(0x80 | (c >> 12 & 0x3f));
        s[2] = (char)(0x80 | (c >> 6 & 0x3f)), s[3] = (char)(0x80 | (c & 0x3f)), n = 4;
    }
    buf_add(b, s, n);
}

static bool hex4(Reader *r, uint32_t *out) {
    *out = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        char c = r->at < r->end ? *r->at : 0;
        uint32_t v = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                     : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                            : 16;
        if (v == 16) return fail(r, "\\u needs four hexadecimal digits");
        *out = *out << 4 | v;
    }
    return true;
}

/* Behind `\u`. A high half followed by a low one is one character; any other half is U+FFFD. */
static bool read_unicode(Reader *r, Buf *b) {
    uint32_t c, low;
    if (!hex4(r, &c)) return false;
    if (c >= 0xd800 && c < 0xdc00 && r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u') {
        const char *before = r->at;
        r->at += 2;
        if (!hex4(r, &low)) return false;
        if (low >= 0xdc00 && low < 0xe000)
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        else
            r->at = before; /* read again by itself */
    }
    put_code_point(b, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
    return true;
}

/* Bytes of the well-formed character at p: 0 when there is none. */
static size_t utf8_length(const char *p, const char *end) {
    const unsigned char *s = (const unsigned char *)p;
    size_t n = s[0] < 0x80                   ? 1
               : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
               : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
               : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                             : 0;
    if (!n || (size_t)(end - p) < n) return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f)) return 0; /* too long; a surrogate */
    if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f)) return 0; /* too long; beyond U+10FFFF */
    return n;
}

static bool read_escape(Reader *r, Buf *b) {
    static const char marks[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (r->at == r->end) return fail(r, "a text does not end");
    char c = *r->at++;
    if (c == 'u') return read_unicode(r, b);
    const char *known = c ? strchr(marks, c) : NULL;
    if (!known) return fail(r, "an escape that JSON does not have");
    buf_add(b, values + (known - marks), 1);
    return true;
}

static bool read_text(Reader *r, Json *out) {
    Buf b = {0};
    bool ok = true;
    for (;;) {
        if (r->at == r->end) {
            ok = fail(r, "a text does not end");
            break;
        }
        const char *from = r->at;
        while (r->at < r->end && *r->at != '"' && *r->at != '\\' && (unsigned char)*r->at >= 0x20) {
            size_t n = utf8_length(r->at, r->end);
            if (!n) {
                ok = fail(r, "bytes that are not UTF-8");
                break;
            }
            r->at += n;
        }
        if (!ok) break;
        buf_add(&b, from, (size_t)(r->at - from));
        if (r->at == r->end) continue;
        if (take(r, '"')) break;
        if (!take(r, '\\')) {
            ok = fail(r, "a control character in a text");
            break;
        }
        if (!(ok = read_escape(r, &b))) break;
    }
    out->kind = JSON_TEXT;
    out->len = b.len;
    if (ok) {
        char *copy = arena_alloc(r->arena, b.len + 1);
        if (b.len) memcpy(copy, b.data, b.len);
        out->text = copy;
    }
    buf_free(&b);
    return ok;
}

static bool read_number(Reader *r, Json *out) {
    const char *from = r->at;
    (void)take(r, '-');
    if (!digit_at(r)) return fail(r, "a value is expected");
    if (!take(r, '0'))
        while (digit_at(r)) r->at++;
    if (take(r, '.')) {
        if (!digit_at(r)) return fail(r, "digits are expected behind the point");
        while (digit_at(r)) r->at++;
    }
    if (take(r, 'e') || take(r, 'E')) {
        if (!take(r, '+')) (void)take(r, '-');
        if (!digit_at(r)) return fail(r, "digits are expected in the exponent");
        while (digit_at(r)) r->at++;
    }
    out->kind = JSON_NUMBER;
    /* strtod needs an end that is not a digit: the text of a message may end here */
    char *copy = arena_strndup(r->arena, from, (size_t)(r->at - from));
    out->number = strtod(copy, NULL);
    return true;
}

static bool read_value(Reader *r, Json *out);

typedef VEC(Json) JsonVec;

static bool read_list(Reader *r, Json *out) {
    JsonVec items = {0};
    skip_blanks(r);
    if (!take(r, ']')) {
        for (;;) {
            Json item = {0};
            if (!read_value(r, &item)) return false;
            vec_push(r->arena, &items, item);
            if (take(r, ']')) break;
            if (!take(r, ',')) return fail(r, "`,` or `]` is expected");
        }
    }
    *out = (Json){.kind = JSON_LIST, .count = items.len, .items = items.data};
    return true;
}

static bool read_object(Reader *r, Json *out) {
    JsonVec names = {0}, items = {0};
    skip_blanks(r);
    if (!take(r, '}')) {
        for (;;) {
            Json name = {0}, item = {0};
            skip_blanks(r);
            if (!take(r, '"')) return fail(r, "a name is expected");
            if (!read_text(r, &name)) return false;
            skip_blanks(r);
            if (!take(r, ':')) return fail(r, "`:` is expected");
            if (!read_value(r, &item)) return false;
            vec_push(r->arena, &names, name);
            vec_push(r->arena, &items, item);
            if (take(r, '}')) break;
            if (!take(r, ',')) return fail(r, "`,` or `}` is expected");
        }
    }
    *out = (Json){.kind = JSON_OBJECT, .count = items.len, .items = items.data, .names = names.data};
    return true;
}

static bool read_word(Reader *r, const char *word) {
    size_t n = strlen(word);
    if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0) return fail(r, "a value is expected");
    r->at += n;
    return true;
}

/* One value and the blanks around it. */
static bool read_value(Reader *r, Json *out) {
    skip_blanks(r);
    if (r->at == r->end) return fail(r, "a value is expected");
    bool ok;
    switch (*r->at) {
    case '{':
    case '[':
        if (r->depth == JSON_DEPTH) return fail(r, "lists and objects nest too deep");
        r->depth++;
        ok = *r->at++ == '{' ? read_object(r, out) : read_list(r, out);
        r->depth--;
        break;
    case '"':
        r->at++;
        ok = read_text(r, out);
        break;
    case 'n':
        ok = read_word(r, "null");
        out->kind = JSON_NULL;
        break;
    case 't':
    case 'f':
        out->kind = JSON_BOOL;
        out->truth = *r->at == 't';
        ok = read_word(r, out->truth ? "true" : "false");
        break;
    default: ok = read_number(r, out);
    }
    if (ok) skip_blanks(r);
    return ok;
}

Json *json_parse(Arena *arena, const char *text, size_t len, const char **why, size_t *at) {
    Reader r = {.arena = arena, .start = text, .at = text, .end = text + len};
    Json *out = arena_new_of(arena, Json);
    bool ok = len <= JSON_MAX_BYTES ? read_value(&r, out) : fail(&r, "it is too large");
    if (ok && r.at != r.end) ok = fail(&r, "something follows the value");
    if (ok) return out;
    *why = r.why;
    *at = (size_t)(r.at - r.start);
    return NULL;
}

const Json *json_member(const Json *object, const char *name) {
    if (!object || object->kind != JSON_OBJECT) return NULL;
    size_t n = strlen(name);
    for (int i = object->count - 1; i >= 0; i--)
        if (object->names[i].len == n && memcmp(object->names[i].text, name, n) == 0) return &object->items[i];
    return NULL;
}

const Json *json_path(const Json *j, const char *path) {
    while (j && *path) {
        char name[64];
        size_t n = strcspn(path, "/");
        AMAL_CHECK(n < sizeof name);
        memcpy(name, path, n);
        name[n] = 0;
        j = json_member(j, name);
        path += n + (path[n] == '/');
    }
    return j;
}

const char *json_text(const Json *j) {
    return j && j->kind == JSON_TEXT ? j->text : NULL;
}

bool json_true(const Json *j) {
    return j && j->kind == JSON_BOOL && j->truth;
}

int64_t json_int(const Json *j, int64_t least, int64_t most, int64_t otherwise) {
    if (!j || j->kind != JSON_NUMBER || j->number != floor(j->number)) return otherwise;
    return j->number >= (double)least && j->number <= (double)most ? (int64_t)j->number : otherwise;
}
