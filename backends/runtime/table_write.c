/* table_write.c: tables to CSV files, and the choice between CSV and Parquet by the file's ending.
 *
 * CSV: a header line; numbers in the shortest of 15, 16 or 17 digits that reads back the same; true/false; ISO dates
 * and times; a field is quoted when it holds the delimiter, a quote or an end of line, and an empty text is "" so that
 * it differs from null, which is an empty field. Vector columns become one field an element: x[1], x[2], …. What
 * table_read() reads back equals what was written. */
#define _GNU_SOURCE /* newlocale */
#include "backends/runtime/table_private.h"

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FLUSH_BYTES = 1 << 20 };

static void csv_put_num(Buf *b, double v) {
    char text[40];
    if (isinf(v)) {
        buf_puts(b, v < 0 ? "-inf" : "inf");
    } else if (v == floor(v) && fabs(v) < 1e15 && (v || !signbit(v))) {
        buf_printf(b, "%" PRId64, (int64_t)v);
    } else {
        for (int digits = 15; digits <= 17; digits++) {
            (void)snprintf(text, sizeof text, "%.*g", digits, v);
            if (strtod(text, NULL) == v) break;
        }
        buf_puts(b, text);
    }
}

static void csv_put_text(Buf *b, const char *text, size_t len) {
    bool quote = !len;
    for (size_t i = 0; i < len && !quote; i++)
        quote = text[i] == ',' || text[i] == '"' || text[i] == '\n' || text[i] == '\r';
    if (!quote) {
        buf_add(b, text, len);
        return;
    }
    buf_puts(b, "\"");
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"') buf_puts(b, "\"");
        buf_add(b, &text[i], 1);
    }
    buf_puts(b, "\"");
}

static void csv_put_day(Buf *b, int64_t days) {
    int64_t year;
    int month, day;
    date_to_civil(days, &year, &month, &day);
    buf_printf(b, "%s%04" PRId64 "-%02d-%02d", year < 0 ? "-" : "", year < 0 ? -year : year, month, day);
}

static void csv_put_time(Buf *b, int64_t micros) {
    int64_t days = micros / MICROS_PER_DAY - (micros % MICROS_PER_DAY < 0), of_day = micros - days * MICROS_PER_DAY;
    csv_put_day(b, days);
    int64_t seconds = of_day / 1000000;
    buf_printf(b, " %02d:%02d:%02d", (int)(seconds / 3600), (int)(seconds / 60 % 60), (int)(seconds % 60));
    if (of_day % 1000000) buf_printf(b, ".%06d", (int)(of_day % 1000000));
}

/* A cell that is neither null, a text nor a vector. */
static void put_value(Buf *b, const Column *c, int64_t r) {
    switch (c->type) {
    case TY_NUM: csv_put_num(b, c->num[r]); break;
    case TY_INT:
    case TY_ROWID: buf_printf(b, "%" PRId64, c->ints[r]); break;
    case TY_BOOL: buf_puts(b, c->ints[r] ? "true" : "false"); break;
    case TY_DATE: csv_put_day(b, c->ints[r]); break;
    case TY_TIME: csv_put_time(b, c->ints[r]); break;
    case TY_TEXT:
    case TY_CAT:
    case TY_VECTOR:
    case TY_INFER: internal_error("column `%s` has no data of its type", c->name);
    }
}

static void csv_put_cell(Buf *b, const Column *c, int64_t r) {
    if (c->matrix) {
        for (int64_t k = 0; k < c->matrix->cols; k++) {
            if (k) buf_puts(b, ",");
            csv_put_num(b, mat_get(c->matrix, r, k));
        }
        return;
    }
    if (column_is_null(c, r)) return;
    if (c->codes)
        csv_put_text(b, c->dict->text[c->codes[r]], (size_t)c->dict->len[c->codes[r]]);
    else
        put_value(b, c, r);
}

void table_cell_text(Buf *out, const Column *c, int64_t r) {
    enum { MOST = 16 }; /* numbers of a vector */
    if (c->matrix) {
        for (int64_t k = 0; k < c->matrix->cols && k < MOST; k++) {
            buf_puts(out, k ? ", " : "[");
            csv_put_num(out, mat_get(c->matrix, r, k));
        }
        buf_puts(out, c->matrix->cols > MOST ? ", …]" : "]");
    } else if (column_is_null(c, r)) {
        buf_puts(out, "null");
    } else if (c->codes) {
        buf_add(out, c->dict->text[c->codes[r]], (size_t)c->dict->len[c->codes[r]]);
    } else {
        put_value(out, c, r);
    }
}

static bool column_has_data(const Column *c) {
    return c->num || c->ints || c->codes || c->matrix;
}

static void csv_put_header(Buf *b, const Table *t) {
    bool first = true;
    for (int i = 0; i < t->ncols; i++) {
        const Column *c = &t->cols[i];
        if (!column_has_data(c)) continue;
        for (int64_t k = 0; k < (c->matrix ? c->matrix->cols : 1); k++) {
            char element[32] = "";
            if (c->matrix) (void)snprintf(element, sizeof element, "[%" PRId64 "]", k + 1);
            Buf name = {0};
            buf_printf(&name, "%s%s", c->name, element);
            if (!first) buf_puts(b, ",");
            csv_put_text(b, name.data, name.len);
            buf_free(&name);
            first = false;
        }
    }
    buf_puts(b, "\n");
}

/* 0, or the system's error. */
static int csv_write(const Table *t, int fd) {
    Buf b = {0};
    int error = 0;
    csv_put_header(&b, t);
    for (int64_t r = 0; r < t->rows && !error; r++) {
        bool first = true;
        for (int i = 0; i < t->ncols; i++) {
            const Column *c = &t->cols[i];
            if (!column_has_data(c) || (c->matrix && !c->matrix->cols)) continue;
            if (!first) buf_puts(&b, ",");
            csv_put_cell(&b, c, r);
            first = false;
        }
        buf_puts(&b, "\n");
        if (b.len < FLUSH_BYTES) continue;
        error = file_write_all(fd, b.data, b.len);
        b.len = 0;
    }
    if (!error) error = file_write_all(fd, b.data, b.len);
    buf_free(&b);
    return error;
}

static bool csv_write_file(Diags *ds, Span at, const Table *t, const char *path, TempFile *temp) {
    int fd;
    if (!temp_create(ds, at, path, temp, &fd)) return false;
    locale_t plain = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0), before = (locale_t)0;
    if (plain) before = uselocale(plain); /* a decimal comma would read back as two fields */
    int error = plain ? csv_write(t, fd) : ENOMEM;
    if (plain) {
        (void)uselocale(before);
        freelocale(plain);
    }
    if (close(fd) && !error) error = errno;
    if (!error) return true;
    temp_abandon(temp);
    diag_error(ds, "E440", at, "cannot write \"%s\": %s", path, strerror(error));
    return false;
}

bool table_write(Diags *ds, Span at, const Table *t, const char *path, int64_t *bytes) {
    TempFile temp;
    struct stat st;
    if (name_ends(path, ".parquet")) {
        if (!temp_create(ds, at, path, &temp, NULL)) return false;
        if (!duckdb_write_parquet(ds, at, t, temp.path, path)) {
            temp_abandon(&temp);
            return false;
        }
    } else if (name_ends(path, ".csv")) {
        if (!csv_write_file(ds, at, t, path, &temp)) return false;
    } else {
        diag_help(diag_error(ds, "E440", at, "the ending of \"%s\" does not say how to write it", path),
                  "known endings: .csv, .parquet");
        return false;
    }
    if (bytes) *bytes = stat(temp.path, &st) ? 0 : (int64_t)st.st_size;
    return temp_commit(ds, at, &temp, path);
}
