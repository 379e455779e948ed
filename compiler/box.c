/* box.c: tables drawn in a frame of lines (contract: box.h). */
#define _XOPEN_SOURCE 700
#define _DEFAULT_SOURCE
#include "compiler/box.h"
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

enum { CELL_WIDEST = 40, GAP = 3 };

/* ---------------- text on a screen ---------------- */

/* The code point at s and its length; a byte that is no UTF-8 counts as one. */
static uint32_t code_point(const char *text, size_t *n) {
    const unsigned char *s = (const unsigned char *)text;
    uint32_t c = s[0];
    *n = 1;
    int more = c >= 0xf0 && c < 0xf5 ? 3 : c >= 0xe0 && c < 0xf0 ? 2 : c >= 0xc2 && c < 0xe0 ? 1 : 0;
    if (!more) return c < 0x80 ? c : 0xfffd;
    uint32_t point = c & (0x3fu >> more);
    for (int i = 1; i <= more; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0xfffd;
        point = point << 6 | (s[i] & 0x3fu);
    }
    *n = (size_t)more + 1;
    return point;
}

static int point_width(uint32_t c) {
    if (c < 0x20 || c == 0x7f) return 1; /* shown as a picture */
    int w = c < 0x80 ? 1 : wcwidth((wchar_t)c);
    return w < 0 ? 1 : w;
}

int text_width(const char *s) {
    int width = 0;
    for (size_t n; *s; s += n) width += point_width(code_point(s, &n));
    return width;
}

/* Writes at most `width` columns; a longer text ends in … . Returns the columns written. */
static int put_text(FILE *out, const char *s, int width) {
    int whole = text_width(s), limit = whole > width ? width - 1 : width, written = 0;
    for (size_t n; *s; s += n) {
        uint32_t c = code_point(s, &n);
        int w = point_width(c);
        if (written + w > limit) break;
        if (c < 0x20)
            fprintf(out, "\xe2\x90%c", (int)(0x80 + c));
        else if (c == 0x7f)
            fputs("\xe2\x90\xa1", out);
        else if (c == 0xfffd && n == 1)
            fputs("\xef\xbf\xbd", out);
        else
            fwrite(s, 1, n, out);
        written += w;
    }
    if (whole > width) {
        fputs("…", out);
        written++;
    }
    return written;
}

static void put_blanks(FILE *out, int n) {
    for (; n > 0; n--) fputc(' ', out);
}

void text_put(FILE *out, const char *s, int width, int at) {
    int w = text_width(s), free = w < width ? width - w : 0;
    put_blanks(out, at < 0 ? 0 : at ? free : free / 2);
    put_text(out, s, width);
    put_blanks(out, at < 0 ? free : at ? 0 : free - free / 2);
}

int box_screen_width(FILE *out) {
    struct winsize size;
    int fd = fileno(out);
    if (fd >= 0 && isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    const char *columns = getenv("COLUMNS");
    int n = columns ? atoi(columns) : 0;
    return n > 20 ? n : 100;
}

/* ---------------- the table ---------------- */

typedef struct Layout {
    const Box *b;
    Arena *arena;
    int nshown;
    int *shown;    /* column numbers, -1: the place of those left out */
    int *width;    /* per shown column */
    int64_t nrows; /* shown */
    int64_t *rows; /* row numbers, -1: the place of those left out */
    const char **cells;
} Layout;

static const char *cell_at(const Layout *l, int64_t i, int k) {
    return l->shown[k] < 0 ? "…" : l->rows[i] < 0 ? "·" : l->cells[i * l->b->ncols + l->shown[k]];
}

static void choose_rows(Layout *l) {
    const Box *b = l->b;
    bool cut = b->most_rows > 0 && b->nrows > b->most_rows;
    int64_t head = cut ? (b->most_rows + 1) / 2 : b->nrows, tail = cut ? b->most_rows / 2 : 0;
    l->rows = arena_array(l->arena, int64_t, head + tail + 4);
    for (int64_t i = 0; i < head; i++) l->rows[l->nrows++] = i;
    for (int i = 0; cut && i < 3; i++) l->rows[l->nrows++] = -1;
    for (int64_t i = b->nrows - tail; i < b->nrows; i++) l->rows[l->nrows++] = i;
    l->cells = arena_array(l->arena, const char *, l->nrows * b->ncols + 1);
    for (int64_t i = 0; i < l->nrows; i++)
        for (int c = 0; l->rows[i] >= 0 && c < b->ncols; c++)
            l->cells[i * b->ncols + c] = b->cell(b->user, l->arena, l->rows[i], c);
}

static int natural_width(const Layout *l, int c) {
    int w = text_width(l->b->columns[c].name);
    if (l->b->columns[c].type && text_width(l->b->columns[c].type) > w) w = text_width(l->b->columns[c].type);
    for (int64_t i = 0; i < l->nrows; i++) {
        int own = l->rows[i] < 0 ? 1 : text_width(l->cells[i * l->b->ncols + c]);
        if (own > w) w = own;
    }
    return w > CELL_WIDEST ? CELL_WIDEST : w;
}

/* Columns from both ends as long as they fit, left first. */
static void choose_columns(Layout *l) {
    const Box *b = l->b;
    int *natural = arena_array(l->arena, int, b->ncols + 1), total = 1;
    for (int c = 0; c < b->ncols; c++) total += (natural[c] = natural_width(l, c)) + GAP;
    int left = b->ncols, right = b->ncols; /* shown are [0, left) and [right, ncols) */
    if (total > b->width && b->ncols > 1) {
        int room = b->width - 1 - (1 + GAP);
        for (left = 0, right = b->ncols; left < right;) {
            bool from_left = left <= b->ncols - right;
            if (left > 0 && natural[from_left ? left : right - 1] + GAP > room) from_left = !from_left;
            int next = natural[from_left ? left : right - 1] + GAP;
            if (left > 0 && next > room) break;
            room -= next;
            if (from_left)
                left++;
            else
                right--;
        }
    }
    l->shown = arena_array(l->arena, int, b->ncols + 1);
    l->width = arena_array(l->arena, int, b->ncols + 1);
    for (int c = 0; c < b->ncols; c++) {
        if (c == left && left < right) {
            l->width[l->nshown] = 1;
            l->shown[l->nshown++] = -1;
        }
        if (c >= left && c < right) continue;
        l->width[l->nshown] = natural[c];
        l->shown[l->nshown++] = c;
    }
}

static void rule(FILE *out, const Layout *l, const char *from, const char *between, const char *to) {
    fputs(from, out);
    for (int k = 0; k < l->nshown; k++) {
        for (int i = 0; i < l->width[k] + 2; i++) fputs("─", out);
        fputs(k + 1 < l->nshown ? between : to, out);
    }
    fputc('\n', out);
}

static const char *plural(int64_t n) {
    return n == 1 ? "" : "s";
}

static void counts(FILE *out, const Layout *l) {
    const Box *b = l->b;
    int64_t of = b->of_rows > b->nrows ? b->of_rows : b->nrows, rows = 0;
    for (int64_t i = 0; i < l->nrows; i++) rows += l->rows[i] >= 0;
    int columns = 0;
    for (int k = 0; k < l->nshown; k++) columns += l->shown[k] >= 0;
    fprintf(out, "  %lld row%s", (long long)of, plural(of));
    if (rows < of) fprintf(out, " (%lld shown)", (long long)rows);
    fprintf(out, ", %d column%s", b->ncols, plural(b->ncols));
    if (columns < b->ncols) fprintf(out, " (%d shown)", columns);
    fputc('\n', out);
}

void box_print(FILE *out, const Box *b) {
    Layout l = {.b = b, .arena = arena_new()};
    choose_rows(&l);
    choose_columns(&l);
    bool types = false;
    for (int c = 0; c < b->ncols; c++) types |= b->columns[c].type != NULL;
    rule(out, &l, "┌", "┬", "┐");
    for (int line = 0; line < 1 + types; line++) {
        for (int k = 0; k < l.nshown; k++) {
            const BoxColumn *c = l.shown[k] < 0 ? NULL : &b->columns[l.shown[k]];
            fputs("│ ", out);
            text_put(out, !c ? (line ? "" : "…") : line ? (c->type ? c->type : "") : c->name, l.width[k], 0);
            fputc(' ', out);
        }
        fputs("│\n", out);
    }
    rule(out, &l, "├", "┼", "┤");
    for (int64_t i = 0; i < l.nrows; i++) {
        for (int k = 0; k < l.nshown; k++) {
            bool right = l.shown[k] >= 0 && b->columns[l.shown[k]].right;
            fputs("│ ", out);
            text_put(out, cell_at(&l, i, k), l.width[k], l.rows[i] < 0 ? 0 : right ? 1 : -1);
            fputc(' ', out);
        }
        fputs("│\n", out);
    }
    rule(out, &l, "└", "┴", "┘");
    if (!b->plain) counts(out, &l);
    arena_free(l.arena);
}
