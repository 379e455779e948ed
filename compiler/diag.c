/* diag.c: collecting, printing and explaining messages.
 *
 * Everything a Diags holds lives in its arena. At most DIAG_KEPT messages are kept: a hostile input could make
 * millions; the rest are counted and the count is printed, so that nothing goes unsaid. A message that repeats
 * the code, place and words of an earlier one is dropped, and so is a switched-off warning: their callers get a
 * throw-away to hang notes on.
 *
 * Texts that come from the user's files may hold anything: control characters and bytes that are not UTF-8 are
 * shown as visible marks, so that no input can drive the terminal. */
#include "compiler/diag.h"
#include <ctype.h>
#include <stdlib.h>

enum { DIAG_KEPT = 200, LINE_WIDEST = 110, LINE_BEFORE = 40 };

struct Diag {
    Diags *owner;
    DiagLevel level;
    bool promoted; /* a warning made an error by -Werror */
    bool silent;   /* a throw-away: what is added to it is forgotten */
    const char *code, *text, *help;
    Span at;
    const char *data_file;
    int64_t data_line;
    VEC(DiagNote) notes;
};
typedef struct SourceFile {
    const char *path, *text;
    size_t len;
    int first_line;
    VEC(uint32_t) lines; /* where each line begins */
} SourceFile;
typedef struct WarningSetting {
    const char *code;
    bool set_on, on, set_error, error;
} WarningSetting;
struct Diags {
    Arena *arena;
    Diags *parent; /* whose files these are; NULL: its own */
    bool skip_remembered;
    VEC(SourceFile) files;
    VEC(Diag *) all;
    VEC(WarningSetting) settings;
    bool warnings_off, warnings_are_errors;
    int errors, warnings, unkept_errors, unkept_warnings;
    int printed, unkept_printed, raised;
    Diag silent;
    const char *last_code;
};

typedef struct CodeRow {
    const char *code, *title, *text;
} CodeRow;
static const CodeRow code_rows[] = {
#define X(code, title, text) {code, title, text},
#include "compiler/diag_codes.def"
#undef X
};
enum { CODE_ROWS = sizeof code_rows / sizeof code_rows[0] };

static const CodeRow *code_find(const char *code) {
    for (int i = 0; i < CODE_ROWS; i++)
        if (!strcmp(code_rows[i].code, code)) return &code_rows[i];
    return NULL;
}

Diags *diags_new(Arena *arena) {
    Diags *ds = arena_new_of(arena, Diags);
    ds->arena = arena;
    ds->silent = (Diag){.owner = ds, .silent = true};
    return ds;
}

Diags *diags_child(Arena *arena, Diags *parent) {
    Diags *ds = diags_new(arena);
    ds->parent = parent;
    for (int i = 0; i < parent->settings.len; i++) vec_push(arena, &ds->settings, parent->settings.data[i]);
    ds->warnings_off = parent->warnings_off;
    ds->warnings_are_errors = parent->warnings_are_errors;
    return ds;
}

void diags_skip_remembered(Diags *child, bool skip) {
    child->skip_remembered = skip;
}

/* ---- files ---- */
uint32_t diag_add_file(Diags *ds, const char *path, const char *text, size_t len) {
    return diag_add_lines(ds, path, text, len, 1);
}

uint32_t diag_add_lines(Diags *ds, const char *path, const char *text, size_t len, int first_line) {
    if (ds->parent) return diag_add_lines(ds->parent, path, text, len, first_line);
    SourceFile f = {.first_line = first_line};
    f.path = arena_strdup(ds->arena, path);
    f.text = arena_strndup(ds->arena, text, len);
    f.len = len;
    vec_push(ds->arena, &f.lines, 0);
    for (size_t i = 0; i < len && i < UINT32_MAX; i++)
        if (text[i] == '\n') vec_push(ds->arena, &f.lines, (uint32_t)(i + 1));
    vec_push(ds->arena, &ds->files, f);
    return (uint32_t)ds->files.len;
}

static const SourceFile *file_of(const Diags *ds, uint32_t file) {
    if (ds->parent) ds = ds->parent;
    return file >= 1 && file <= (uint32_t)ds->files.len ? &ds->files.data[file - 1] : NULL;
}

const char *diag_file_path(const Diags *ds, uint32_t file) {
    const SourceFile *f = file_of(ds, file);
    return f ? f->path : NULL;
}

const char *diag_file_text(const Diags *ds, uint32_t file) {
    const SourceFile *f = file_of(ds, file);
    return f ? f->text : NULL;
}

/* Bytes of the code point at s (at least 1); *good tells whether it is well-formed UTF-8. */
static size_t utf8_step(const char *text, size_t left, bool *good) {
    const unsigned char *s = (const unsigned char *)text;
    size_t n = s[0] < 0x80                   ? 1
               : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
               : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
               : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                             : 0;
    *good = false;
    if (!n || n > left) return 1;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80) return 1;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
        (s[0] == 0xf4 && s[1] > 0x8f))
        return 1;
    *good = true;
    return n;
}

static int line_index(const SourceFile *f, uint32_t at) {
    int low = 0, high = f->lines.len - 1;
    while (low < high) {
        int mid = (low + high + 1) / 2;
        if (f->lines.data[mid] <= at)
            low = mid;
        else
            high = mid - 1;
    }
    return low;
}

static int columns_between(const SourceFile *f, uint32_t from, uint32_t to) {
    int n = 0;
    bool good;
    for (uint32_t i = from; i < to && i < f->len; n++) i += (uint32_t)utf8_step(f->text + i, f->len - i, &good);
    return n;
}

void diag_locate(const Diags *ds, Span s, int *line, int *column) {
    const SourceFile *f = file_of(ds, s.file);
    *line = *column = 0;
    if (!f) return;
    uint32_t at = s.begin < f->len ? s.begin : (uint32_t)f->len;
    int i = line_index(f, at);
    *line = i + f->first_line;
    *column = columns_between(f, f->lines.data[i], at) + 1;
}

/* ---- collecting ---- */
/* Copies a message with control characters and bad bytes made visible. */
static const char *text_visible(Arena *a, const char *s) {
    bool plain = true, good;
    size_t n = strlen(s);
    for (size_t i = 0; i < n && plain;) {
        unsigned char c = (unsigned char)s[i];
        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f) plain = false;
        i += utf8_step(s + i, n - i, &good);
        plain &= good;
    }
    if (plain) return s;
    char *out = arena_alloc(a, n * 4 + 1);
    size_t o = 0;
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)s[i];
        size_t step = utf8_step(s + i, n - i, &good);
        if (!good || (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f) {
            o += (size_t)snprintf(out + o, 5, "\\x%02x", c);
        } else {
            memcpy(out + o, s + i, step);
            o += step;
        }
        i += step;
    }
    return out;
}

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && !strcmp(a, b));
}

static const WarningSetting *setting_find(const Diags *ds, const char *code) {
    for (int i = 0; i < ds->settings.len; i++)
        if (!strcmp(ds->settings.data[i].code, code)) return &ds->settings.data[i];
    return NULL;
}

static bool is_among(const Diags *ds, const Diag *d) {
    for (int i = 0; i < ds->all.len; i++) {
        const Diag *e = ds->all.data[i];
        if (!strcmp(e->code, d->code) && e->at.file == d->at.file && e->at.begin == d->at.begin &&
            e->at.end == d->at.end && e->data_line == d->data_line && same_text(e->data_file, d->data_file) &&
            !strcmp(e->text, d->text))
            return true;
    }
    return false;
}

static Diag *diag_add(Diags *ds, DiagLevel level, const char *code, Span at, const char *file, int64_t line,
                      const char *fmt, va_list ap) {
    bool promoted = false;
    ds->raised++;
    if (level == DIAG_WARNING) {
        const WarningSetting *s = setting_find(ds, code);
        if (s && s->set_on ? !s->on : ds->warnings_off) return &ds->silent;
        promoted = s && s->set_error ? s->error : ds->warnings_are_errors;
    }
    bool is_error = level == DIAG_ERROR || promoted, kept = ds->all.len < DIAG_KEPT;
    Diag *d = &ds->silent;
    if (kept) {
        d = arena_new_of(ds->arena, Diag);
        *d = (Diag){
            .owner = ds, .level = is_error ? DIAG_ERROR : DIAG_WARNING, .promoted = promoted, .code = code, .at = at};
        d->data_file = file ? text_visible(ds->arena, arena_strdup(ds->arena, file)) : NULL;
        d->data_line = line;
        d->text = text_visible(ds->arena, arena_vprintf(ds->arena, fmt, ap));
        if (is_among(ds, d)) return &ds->silent;
        if (!is_error && ds->skip_remembered && ds->parent && is_among(ds->parent, d)) return &ds->silent;
        vec_push(ds->arena, &ds->all, d);
    }
    *(is_error ? &ds->errors : &ds->warnings) += 1;
    if (!kept) *(is_error ? &ds->unkept_errors : &ds->unkept_warnings) += 1;
    ds->last_code = code;
    return d;
}

Diag *diag_error(Diags *ds, const char *code, Span at, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    Diag *d = diag_add(ds, DIAG_ERROR, code, at, NULL, 0, fmt, ap);
    va_end(ap);
    return d;
}

Diag *diag_warn(Diags *ds, const char *code, Span at, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    Diag *d = diag_add(ds, DIAG_WARNING, code, at, NULL, 0, fmt, ap);
    va_end(ap);
    return d;
}

Diag *diag_data(Diags *ds, const char *code, Span at, const char *file, int64_t line, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    Diag *d = diag_add(ds, DIAG_ERROR, code, at, file, line, fmt, ap);
    va_end(ap);
    return d;
}

void diag_note(Diag *d, Span at, const char *fmt, ...) {
    if (d->silent) return;
    Arena *a = d->owner->arena;
    va_list ap;
    va_start(ap, fmt);
    DiagNote n = {at, text_visible(a, arena_vprintf(a, fmt, ap))};
    va_end(ap);
    vec_push(a, &d->notes, n);
}

void diag_help(Diag *d, const char *fmt, ...) {
    if (d->silent) return;
    Arena *a = d->owner->arena;
    va_list ap;
    va_start(ap, fmt);
    const char *text = text_visible(a, arena_vprintf(a, fmt, ap));
    va_end(ap);
    d->help = d->help ? arena_printf(a, "%s\n%s", d->help, text) : text;
}

DiagMark diag_mark(const Diags *ds) {
    return (DiagMark){ds->all.len, ds->errors, ds->unkept_errors};
}

void diag_take_back(Diags *ds, DiagMark since) {
    int kept = since.kept;
    for (int i = since.kept; i < ds->all.len; i++) {
        Diag *d = ds->all.data[i];
        if (d->level == DIAG_ERROR && !d->promoted && i >= ds->printed) continue;
        ds->all.data[kept++] = d;
    }
    ds->errors -= ds->all.len - kept + ds->unkept_errors - since.unkept_errors;
    ds->unkept_errors = since.unkept_errors;
    ds->all.len = kept;
    ds->last_code = kept ? ds->all.data[kept - 1]->code : NULL;
}

int diag_error_count(const Diags *ds) {
    return ds->errors;
}

int diag_errors_within(const Diags *ds, Span range) {
    int n = ds->unkept_errors;
    for (int i = 0; i < ds->all.len; i++) {
        const Diag *d = ds->all.data[i];
        bool within = d->at.file == range.file && d->at.begin >= range.begin && d->at.end <= range.end;
        n += d->level == DIAG_ERROR && (within || !d->at.file);
    }
    return n;
}

int diag_new_errors(const Diags *ds, const Diags *known) {
    int n = 0;
    for (int i = 0; i < ds->all.len; i++)
        n += ds->all.data[i]->level == DIAG_ERROR && !is_among(known, ds->all.data[i]);
    return n;
}

void diags_remember_warnings(const Diags *child) {
    Diags *to = child->parent;
    for (int i = 0; i < child->all.len; i++) {
        const Diag *d = child->all.data[i];
        if (d->level != DIAG_WARNING || is_among(to, d)) continue;
        Diag *copy = arena_new_of(to->arena, Diag);
        *copy = (Diag){.owner = to, .level = d->level, .code = d->code, .at = d->at, .data_line = d->data_line};
        copy->text = arena_strdup(to->arena, d->text);
        copy->data_file = d->data_file ? arena_strdup(to->arena, d->data_file) : NULL;
        vec_push(to->arena, &to->all, copy);
    }
    to->printed = to->all.len;
}

int diag_warning_count(const Diags *ds) {
    return ds->warnings;
}

int diag_raised(const Diags *ds) {
    return ds->raised;
}

const char *diag_last_code(const Diags *ds) {
    return ds->last_code;
}

bool diag_set_warning(Diags *ds, const char *option) {
    bool on = true, error = false;
    if (!strcmp(option, "none")) return ds->warnings_off = true;
    if (!strcmp(option, "all")) return !(ds->warnings_off = false);
    if (!strcmp(option, "error")) return ds->warnings_are_errors = true;
    if (!strncmp(option, "no-", 3)) {
        on = false;
        option += 3;
    } else if (!strncmp(option, "error=", 6)) {
        error = true;
        option += 6;
    }
    bool no_error = !on && !strncmp(option, "error=", 6); /* -Wno-error=W122: stays a warning */
    if (no_error) option += 6;
    const CodeRow *row = code_find(option);
    if (!row || row->code[0] != 'W') return false;
    WarningSetting *s = (WarningSetting *)setting_find(ds, row->code);
    if (!s) {
        vec_push(ds->arena, &ds->settings, (WarningSetting){.code = row->code});
        s = &ds->settings.data[ds->settings.len - 1];
    }
    if (!no_error) {
        s->set_on = true;
        s->on = on;
    }
    if (error || no_error) {
        s->set_error = true;
        s->error = error;
    }
    return true;
}

/* ---- printing ---- */
static const char *paint(bool colour, const char *code) {
    return colour ? code : "";
}
#define RED "\033[1;31m"
#define YELLOW "\033[1;33m"
#define BLUE "\033[1;34m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

/* One code point of a source line as it is shown: control characters as control pictures, bad bytes as the
 * replacement mark; a tab stays a tab. */
static void print_point(FILE *out, const char *s, size_t n, bool good) {
    unsigned char c = (unsigned char)s[0];
    if (!good)
        fputs("\xef\xbf\xbd", out);
    else if (c == '\t')
        fputc('\t', out);
    else if (c < 0x20)
        fprintf(out, "\xe2\x90%c", 0x80 + c);
    else if (c == 0x7f)
        fputs("\xe2\x90\xa1", out);
    else
        fwrite(s, 1, n, out);
}

/* The source line with carets under the span. A long line is clipped to a window around the span. */
static void print_snippet(const Diags *ds, Span at, FILE *out, bool colour, const char *mark_colour) {
    const SourceFile *f = file_of(ds, at.file);
    if (!f) return;
    uint32_t begin = at.begin < f->len ? at.begin : (uint32_t)f->len;
    int line = line_index(f, begin);
    uint32_t first = f->lines.data[line], last = first;
    /* far behind the span the line is clipped anyway: of a line of megabytes no more than that is looked at */
    while (last < f->len && f->text[last] != '\n' && last < begin + 8 * LINE_WIDEST) last++;
    if (last > first && f->text[last - 1] == '\r') last--;
    if (begin > last) begin = last;
    uint32_t end = at.end > last ? last : at.end;
    int mark_from = columns_between(f, first, begin), mark_to = end > begin ? columns_between(f, first, end) : 0;
    if (mark_to <= mark_from) mark_to = mark_from + 1;
    int columns = columns_between(f, first, last), shown_from = 0, shown_to = columns;
    if (columns > LINE_WIDEST) {
        shown_from = mark_from > LINE_BEFORE ? mark_from - LINE_BEFORE : 0;
        shown_to = shown_from + LINE_WIDEST < columns ? shown_from + LINE_WIDEST : columns;
        if (mark_to > shown_to) mark_to = shown_to > mark_from ? shown_to : mark_from + 1;
    }
    const char *cut = shown_from ? "\xe2\x80\xa6" : "";
    fprintf(out, "%s%5d |%s %s", paint(colour, BLUE), line + f->first_line, paint(colour, PLAIN), cut);
    bool good;
    uint32_t i = first;
    for (int c = 0; c < shown_to && i < last; c++) {
        size_t n = utf8_step(f->text + i, last - i, &good);
        if (c >= shown_from) print_point(out, f->text + i, n, good);
        i += (uint32_t)n;
    }
    fprintf(out, "%s\n%s      |%s %s", shown_to < columns ? "\xe2\x80\xa6" : "", paint(colour, BLUE),
            paint(colour, PLAIN), shown_from ? " " : "");
    i = first;
    for (int c = 0; c < mark_from; c++) {
        bool tab = i < last && f->text[i] == '\t';
        if (c >= shown_from) fputc(tab ? '\t' : ' ', out);
        if (i < last) i += (uint32_t)utf8_step(f->text + i, last - i, &good);
    }
    fputs(paint(colour, mark_colour), out);
    for (int c = mark_from; c < mark_to; c++) fputc(c == mark_from ? '^' : '~', out);
    fprintf(out, "%s\n", paint(colour, PLAIN));
}

static void print_place(const Diags *ds, Span at, FILE *out) {
    int line, column;
    diag_locate(ds, at, &line, &column);
    if (line) fprintf(out, "%s:%d:%d: ", diag_file_path(ds, at.file), line, column);
}

static void print_one(const Diags *ds, const Diag *d, FILE *out, bool colour) {
    const char *mark = d->level == DIAG_ERROR ? RED : YELLOW;
    fputs(paint(colour, BOLD), out);
    if (d->data_file && d->data_line > 0)
        fprintf(out, "%s:%lld: ", d->data_file, (long long)d->data_line);
    else if (d->data_file)
        fprintf(out, "%s: ", d->data_file);
    else
        print_place(ds, d->at, out);
    fprintf(out, "%s%s%s[%s]:%s %s", paint(colour, PLAIN), paint(colour, mark),
            d->level == DIAG_ERROR ? "error" : "warning", d->code, paint(colour, PLAIN), d->text);
    fprintf(out, "%s%s%s\n", d->promoted ? " [-Werror=" : "", d->promoted ? d->code : "", d->promoted ? "]" : "");
    if (d->data_file && d->at.file) {
        print_place(ds, d->at, out);
        fputs("note: read because of this\n", out);
    }
    print_snippet(ds, d->at, out, colour, mark);
    for (int i = 0; i < d->notes.len; i++) {
        const DiagNote *n = &d->notes.data[i];
        if (n->at.file)
            print_place(ds, n->at, out);
        else
            fputs("  ", out);
        fprintf(out, "%snote:%s %s\n", paint(colour, BOLD), paint(colour, PLAIN), n->text);
    }
    for (const char *h = d->help; h && *h;) {
        size_t n = strcspn(h, "\n");
        fprintf(out, "  %shelp:%s %.*s\n", paint(colour, BOLD), paint(colour, PLAIN), (int)n, h);
        h += n + (h[n] == '\n');
    }
}

void diag_print(Diags *ds, FILE *out, bool colour) {
    diag_print_new(ds, NULL, out, colour);
}

void diag_print_new(Diags *ds, const Diags *known, FILE *out, bool colour) {
    for (; ds->printed < ds->all.len; ds->printed++)
        if (!known || !is_among(known, ds->all.data[ds->printed]))
            print_one(ds, ds->all.data[ds->printed], out, colour);
    int unkept = ds->unkept_errors + ds->unkept_warnings;
    if (unkept > ds->unkept_printed)
        fprintf(out, "and %d more that are not shown (the first %d are)\n", unkept, DIAG_KEPT);
    ds->unkept_printed = unkept;
}

int diag_count(const Diags *ds) {
    return ds->all.len;
}

DiagView diag_view(const Diags *ds, int i) {
    const Diag *d = ds->all.data[i];
    return (DiagView){.level = d->level,
                      .code = d->code,
                      .text = d->text,
                      .help = d->help,
                      .at = d->at,
                      .data_file = d->data_file,
                      .data_line = d->data_line,
                      .nnotes = d->notes.len,
                      .notes = d->notes.data};
}

void diag_json_text(Buf *out, const char *s) {
    buf_puts(out, "\"");
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c == '\n')
            buf_puts(out, "\\n");
        else if (c == '\t')
            buf_puts(out, "\\t");
        else if (c < 0x20)
            buf_printf(out, "\\u%04x", c);
        else
            buf_add(out, s, 1);
    }
    buf_puts(out, "\"");
}

static void json_place(const Diags *ds, Span at, Buf *out) {
    int line, column;
    diag_locate(ds, at, &line, &column);
    buf_puts(out, "\"file\": ");
    if (line)
        diag_json_text(out, diag_file_path(ds, at.file));
    else
        buf_puts(out, "null");
    buf_printf(out, ", \"line\": %d, \"column\": %d", line, column);
}

void diag_print_json(Diags *ds, Buf *out) {
    buf_puts(out, "[");
    for (int i = 0; i < ds->all.len; i++) {
        const Diag *d = ds->all.data[i];
        buf_printf(out, "%s{\"code\": \"%s\", \"level\": \"%s\", ", i ? ",\n " : "", d->code,
                   d->level == DIAG_ERROR ? "error" : "warning");
        if (d->data_file) {
            buf_puts(out, "\"file\": ");
            diag_json_text(out, d->data_file);
            buf_printf(out, ", \"line\": %lld, \"column\": 0", (long long)d->data_line);
        } else {
            json_place(ds, d->at, out);
        }
        buf_puts(out, ", \"message\": ");
        diag_json_text(out, d->text);
        buf_puts(out, ", \"notes\": [");
        for (int k = 0; k < d->notes.len; k++) {
            buf_puts(out, k ? ", {" : "{");
            json_place(ds, d->notes.data[k].at, out);
            buf_puts(out, ", \"message\": ");
            diag_json_text(out, d->notes.data[k].text);
            buf_puts(out, "}");
        }
        buf_puts(out, "], \"help\": ");
        if (d->help)
            diag_json_text(out, d->help);
        else
            buf_puts(out, "null");
        buf_puts(out, "}");
    }
    buf_puts(out, "]");
}

/* Wraps each line of an explanation at 80 columns, but those that begin with a blank: they are examples. */
static void print_wrapped(const char *text, FILE *out) {
    enum { WIDTH = 80 };
    while (*text) {
        size_t n = strcspn(text, "\n"), column = 0;
        bool example = *text == ' ';
        for (size_t i = 0; i < n;) {
            size_t word = example ? n : strcspn(text + i, " \n");
            if (column && column + 1 + word > WIDTH) {
                fputc('\n', out);
                column = 0;
            } else if (column) {
                fputc(' ', out);
                column++;
            }
            fwrite(text + i, 1, word, out);
            column += word;
            i += word + (text[i + word] == ' ');
        }
        fputc('\n', out);
        text += n + (text[n] == '\n');
    }
}

bool diag_explain(const char *code, FILE *out) {
    char upper[16];
    size_t n = strlen(code);
    if (n >= sizeof upper) return false;
    for (size_t i = 0; i <= n; i++) upper[i] = (char)toupper((unsigned char)code[i]);
    const CodeRow *row = code_find(upper);
    if (!row) return false;
    fprintf(out, "%s: %s\n\n", row->code, row->title);
    print_wrapped(row->text, out);
    return true;
}

/* ---- impossible states ---- */
static void (*internal_handler)(void);

void diag_on_internal_error(void (*handler)(void)) {
    internal_handler = handler;
}

_Noreturn void internal_error_(const char *file, int line, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "%s:%d: error[E901]: internal error: ", file, line);
    vfprintf(stderr, fmt, ap);
    fputs("\n  help: this is a fault of the compiler, not of the script; please report it with the script\n", stderr);
    va_end(ap);
    if (internal_handler) internal_handler();
    abort();
}
