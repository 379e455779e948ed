/* table_column.c: what every reader does with a cell: null or not, of its column's type or not, and how that is said.
 *
 * A column's problems are counted while it is read and reported once, with the first of them: E417 for cells that are
 * not of the type, E414 for nulls in a `not null` column. */
#include "backends/runtime/table_private.h"

#include <inttypes.h>
#include <math.h>

bool source_is_null_text(const Source *s, const ColumnDecl *c, const char *text, size_t len) {
    if (c->null_text && strlen(c->null_text) == len && !memcmp(c->null_text, text, len)) return true;
    for (int i = 0; i < s->nnulls; i++)
        if ((len ? s->nulls[i][0] == text[0] : !s->nulls[i][0]) && strlen(s->nulls[i]) == len &&
            !memcmp(s->nulls[i], text, len))
            return true;
    return false;
}

const char *source_quote(const Source *s, const char *text, size_t len) {
    enum { SHOWN = 60 };
    Buf b = {0};
    buf_puts(&b, "\"");
    size_t n = len;
    if (n > SHOWN) {
        n = SHOWN;
        while (n && ((unsigned char)text[n] & 0xC0) == 0x80) n--; /* not in the middle of a character */
    }
    bool valid = !utf8_invalid(text, n);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 32 || c == 127 || (c >= 128 && !valid))
            buf_printf(&b, "\\x%02X", c);
        else
            buf_add(&b, &text[i], 1);
    }
    buf_puts(&b, len > n ? "…\"" : "\"");
    char *taken = buf_take(&b);
    char *kept = arena_strdup(s->arena, taken);
    mem_free(taken);
    return kept;
}

void source_note_inferred(Diag *d, const Source *s, const ColumnDecl *c) {
    diag_note(d, s->decl->name.span, "`%s` has no declared columns: %s was inferred for `%s`", s->decl->name.text,
              type_text(c->type), c->name.text);
}

bool source_given_up(const Source *s) {
    if (!work_given_up()) return false;
    const char *last = diag_last_code(s->ds); /* the first source is enough */
    if (!last || strcmp(last, "E460") != 0)
        diag_data(s->ds, "E460", s->at, s->path, 0, "interrupted while this was read");
    return true;
}
void source_report_memory(const Source *s, int64_t rows, size_t bytes) {
    if (source_given_up(s)) return;
    Diag *d = diag_data(s->ds, "E402", s->at, s->path, 0, "%" PRId64 " rows do not fit in memory: %.1f MB were refused",
                        rows, (double)bytes / 1e6);
    diag_help(d, "read fewer columns: declare only those that the script uses");
}

/* ---------------- filling ---------------- */
void column_put_null(const ColumnDecl *d, Column *c, int64_t row, CellProblems *p) {
    if (c->num)
        c->num[row] = NAN;
    else if (c->ints)
        c->ints[row] = TABLE_NULL_INT;
    else if (c->codes)
        c->codes[row] = -1;
    c->nulls++;
    if (d->not_null && !p->nulls++) p->first_null = row + 1;
}

static void column_put_bad(const Source *s, const ColumnDecl *d, Column *c, int64_t row, const char *text, size_t len,
                           const char *why, CellProblems *p) {
    if (!p->bad++) {
        p->first_bad = row + 1;
        p->text = arena_strdup(s->arena, source_quote(s, text, len));
        p->why = why;
    }
    CellProblems ignored = {0};
    ColumnDecl nullable = *d;
    nullable.not_null = false;
    column_put_null(&nullable, c, row, &ignored);
}

void column_put_text(const Source *s, const ColumnDecl *d, Column *c, int64_t row, const char *text, size_t len,
                     CellProblems *p) {
    const char *why = NULL;
    CellStatus status = CELL_BAD;
    if (source_is_null_text(s, d, text, len)) {
        column_put_null(d, c, row, p);
        return;
    }
    switch (d->type) {
    case TY_NUM: status = cell_num(text, len, &c->num[row]); break;
    case TY_INT: status = cell_int(text, len, &c->ints[row], &why); break;
    case TY_BOOL: status = cell_bool(text, len, &c->ints[row]); break;
    case TY_DATE: status = cell_date(text, len, d->format, &c->ints[row], &why); break;
    case TY_TIME: status = cell_time(text, len, d->format, &c->ints[row], &why); break;
    case TY_TEXT:
    case TY_CAT: {
        if (len > INT32_MAX) {
            why = "it is longer than 2 GB";
            break;
        }
        if (memchr(text, 0, len) || utf8_invalid(text, len)) {
            why = "it is not valid UTF-8 text";
            break;
        }
        int32_t code = dict_add(c->dict, text, (int32_t)len);
        c->codes[row] = code;
        if (code >= 0) status = CELL_OK;
        why = "there is no memory left for another distinct text";
        break;
    }
    default: internal_error("a text for a column of type %s", type_text(d->type));
    }
    if (status == CELL_NULL)
        column_put_null(d, c, row, p);
    else if (status == CELL_BAD)
        column_put_bad(s, d, c, row, text, len, why, p);
}

/* A null text that is a number, such as "-999", also means the number in columns that bring numbers. */
static bool number_is_null(const Source *s, const ColumnDecl *d, double v) {
    double null;
    if (d->null_text && cell_num(d->null_text, strlen(d->null_text), &null) == CELL_OK && null == v) return true;
    for (int i = 0; i < s->nnulls; i++)
        if (cell_num(s->nulls[i], strlen(s->nulls[i]), &null) == CELL_OK && null == v) return true;
    return false;
}

void column_put_num(const Source *s, const ColumnDecl *d, Column *c, int64_t row, double v, CellProblems *p) {
    char text[32];
    const char *why = NULL;
    if (v != v || number_is_null(s, d, v)) {
        column_put_null(d, c, row, p);
        return;
    }
    if (d->type == TY_NUM) {
        c->num[row] = v;
        return;
    }
    if (d->type == TY_INT && v == floor(v) && fabs(v) <= 9007199254740992.0) {
        c->ints[row] = (int64_t)v;
        return;
    }
    if (d->type == TY_INT)
        why = v == floor(v) ? "it is out of the range in which every integer is exact" : "it has a fractional part";
    if (d->type == TY_BOOL && (v == 0 || v == 1)) {
        c->ints[row] = v == 1;
        return;
    }
    int n = snprintf(text, sizeof text, "%.15g", v);
    column_put_bad(s, d, c, row, text, (size_t)n, why, p);
}

void column_put_int(const Source *s, const ColumnDecl *d, Column *c, int64_t row, int64_t v, CellProblems *p) {
    char text[32];
    const char *why = NULL;
    bool ok = false;
    if (d->type != TY_DATE && d->type != TY_TIME && number_is_null(s, d, (double)v)) {
        column_put_null(d, c, row, p);
        return;
    }
    switch (d->type) {
    case TY_NUM:
        c->num[row] = (double)v;
        ok = (double)v < 9223372036854775808.0 && (int64_t)(double)v == v; /* above 2^63 the way back is undefined */
        why = "a num would round it: declare the column int";
        break;
    case TY_BOOL:
        c->ints[row] = v;
        ok = v == 0 || v == 1;
        break;
    case TY_INT:
    case TY_DATE:
    case TY_TIME:
        c->ints[row] = v;
        ok = v != TABLE_NULL_INT;
        why = "it is out of range";
        break;
    default: internal_error("an integer for a column of type %s", type_text(d->type));
    }
    if (ok) return;
    int n = snprintf(text, sizeof text, "%" PRId64, v);
    column_put_bad(s, d, c, row, text, (size_t)n, why, p);
}

void column_help(Diag *d, const ColumnDecl *c, const char *shown, size_t len, bool explained) {
    bool moment = c->type == TY_DATE || c->type == TY_TIME;
    if (moment && c->format)
        diag_help(d, "the declared format is \"%s\"", c->format);
    else if (moment && len >= 5)
        diag_help(d, "without a format a %s reads %s; another form is declared as in %s(\"%%d/%%m/%%Y%s\")",
                  type_text(c->type), c->type == TY_DATE ? "2013-01-31" : "2013-01-31 06:00:00", type_text(c->type),
                  c->type == TY_DATE ? "" : " %H:%M");
    else if (c->type == TY_INT && explained)
        diag_help(d, "`%s: num` takes any number", c->name.text);
    else if (c->type == TY_NUM && explained)
        diag_help(d, "`%s: int` holds every integer of 64 bits", c->name.text);
    else if (len <= 20)
        diag_help(d, "if it means \"missing\", write `%s: %s null %s`", c->name.text, type_text(c->type), shown);
    else
        diag_help(d, "if the column holds texts, write `%s: text`", c->name.text);
}

bool column_report(const Source *s, const ColumnDecl *d, bool inferred, const CellProblems *p) {
    if (p->bad) {
        Diag *g =
            diag_data(s->ds, "E417", d->name.span.file ? d->name.span : s->at, s->path, 0,
                      "row %" PRId64 ", column `%s`: %s is not %s %s%s%s", p->first_bad, d->name.text, p->text,
                      d->type == TY_INT ? "an" : "a", type_text(d->type), p->why ? ": " : "", p->why ? p->why : "");
        if (inferred) source_note_inferred(g, s, d);
        if (p->bad > 1)
            diag_note(g, (Span){0}, "%" PRId64 " cells of this column cannot be read; this is the first", p->bad);
        column_help(g, d, p->text, strlen(p->text), p->why != NULL);
    }
    if (p->nulls) {
        Diag *g = diag_data(s->ds, "E414", d->name.span.file ? d->name.span : s->at, s->path, 0,
                            "row %" PRId64 ", column `%s` is null, but declared not null", p->first_null, d->name.text);
        if (p->nulls > 1)
            diag_note(g, (Span){0}, "%" PRId64 " cells of this column are null; this is the first", p->nulls);
    }
    return !p->bad && !p->nulls;
}
