/* table_sqlite.c: tables and queries of SQLite files, opened read-only.
 *
 * SQLite's cells have types of their own: integers, floats, texts and blobs are each checked against the declared
 * column (a text goes through table_cell.c like any other, so "2013-01-31" is a date). Undeclared columns get a type
 * from the cells: all integers int, numbers num, texts that are all ISO dates or times date or time, else text. Rows
 * come in the order SQLite gives them.
 *
 * Errors: E450 (no such file), E452 (not an SQLite file, no such table, a bad query, or one that writes), E415
 * (columns), E417, E414 with the row's number. */
#include "backends/runtime/table_private.h"

#include <inttypes.h>
#include <sqlite3.h>

typedef struct SqliteSource {
    const Source *source;
    sqlite3 *db;
    sqlite3_stmt *stmt;
    int nfields;
    const char **names;
} SqliteSource;

static void sqlite_close(SqliteSource *q) {
    (void)sqlite3_finalize(q->stmt); /* repeats the last step's error, which was reported then */
    if (sqlite3_close(q->db) != SQLITE_OK) internal_error("an SQLite connection was left in use");
}

static bool sqlite_error(const SqliteSource *q) {
    const Source *s = q->source;
    int code = sqlite3_errcode(q->db);
    const char *message = arena_strdup(s->arena, sqlite3_errmsg(q->db));
    Diag *d = diag_data(s->ds, "E452", s->at, s->path, 0, "%s",
                        code == SQLITE_NOTADB ? "this is not an SQLite file" : message);
    if (code == SQLITE_NOTADB || !s->sql_table) return false;
    VEC(const char *) names = {0};
    sqlite3_stmt *list;
    if (sqlite3_prepare_v2(q->db, "select name from sqlite_master where type in ('table', 'view') order by name", -1,
                           &list, NULL) == SQLITE_OK)
        while (sqlite3_step(list) == SQLITE_ROW && sqlite3_column_text(list, 0))
            vec_push(s->arena, &names, arena_strdup(s->arena, (const char *)sqlite3_column_text(list, 0)));
    (void)sqlite3_finalize(list);
    const char *near = text_nearest(s->sql_table, names.data, names.len);
    Buf b = {0};
    for (int i = 0; i < names.len && i < 30; i++) buf_printf(&b, "%s%s", i ? ", " : "", names.data[i]);
    char *all = buf_take(&b);
    if (near)
        diag_help(d, "did you mean the table `%s`?", near);
    else if (names.len)
        diag_help(d, "the file has the tables %s", all);
    mem_free(all);
    return false;
}

/* "name" with quotes doubled, as SQL quotes it. */
static const char *sql_name(Arena *arena, const char *name) {
    char *out = arena_alloc(arena, strlen(name) * 2 + 3), *to = out;
    *to++ = '"';
    for (const char *p = name; *p; p++) {
        if (*p == '"') *to++ = '"';
        *to++ = *p;
    }
    *to++ = '"';
    return out;
}

static bool sqlite_prepare(SqliteSource *q) {
    const Source *s = q->source;
    const char *sql =
        s->sql_query ? s->sql_query : arena_printf(s->arena, "select * from %s", sql_name(s->arena, s->sql_table));
    const char *rest;
    if (sqlite3_prepare_v2(q->db, sql, -1, &q->stmt, &rest) != SQLITE_OK) return sqlite_error(q);
    while (*rest == ' ' || *rest == ';' || *rest == '\n' || *rest == '\t') rest++;
    if (!q->stmt || *rest || !sqlite3_stmt_readonly(q->stmt) || !sqlite3_column_count(q->stmt)) {
        diag_help(diag_error(s->ds, "E452", s->at, "the query is not one that returns rows"),
                  "one SELECT statement is wanted");
        return false;
    }
    q->nfields = sqlite3_column_count(q->stmt);
    q->names = arena_array(s->arena, const char *, q->nfields);
    for (int i = 0; i < q->nfields; i++) {
        const char *name = sqlite3_column_name(q->stmt, i);
        q->names[i] = arena_strdup(s->arena, name ? name : "");
    }
    return true;
}

static bool sqlite_open(const Source *s, SqliteSource *q) {
    *q = (SqliteSource){.source = s};
    if (!file_readable(s)) return false;
    bool ok = sqlite3_open_v2(s->path, &q->db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK ? true : sqlite_error(q);
    if (ok && sqlite_prepare(q)) return true;
    sqlite_close(q);
    return false;
}

/* False at the end or on an error, which is reported and noted in *failed. */
static bool sqlite_step(SqliteSource *q, bool *failed) {
    int status = sqlite3_step(q->stmt);
    if (status == SQLITE_ROW) return true;
    if (status != SQLITE_DONE) *failed = !sqlite_error(q);
    return false;
}

static int sqlite_field_of(const SqliteSource *q, const ColumnDecl *c) {
    const Source *s = q->source;
    const char *name = c->header ? c->header : c->name.text;
    int at = -1;
    for (int i = 0; i < q->nfields; i++) {
        if (strcmp(q->names[i], name)) continue;
        if (at >= 0) {
            diag_data(s->ds, "E415", c->name.span, s->path, 0, "the query gives two columns named `%s`", name);
            return -1;
        }
        at = i;
    }
    if (at >= 0) return at;
    Diag *d = diag_data(s->ds, "E415", c->name.span, s->path, 0, "there is no column `%s`", name);
    const char *near = text_nearest(name, q->names, q->nfields);
    if (near) diag_help(d, "did you mean `%s`?", near);
    return -1;
}

/* ---------------- types ---------------- */
enum { SEEN_INT = 1, SEEN_NUM = 2, SEEN_TEXT = 4, NOT_DATE = 8, NOT_TIME = 16 };

static bool sqlite_guess(SqliteSource *q, TypeKind *types) {
    bool failed = false;
    int *seen = arena_array(q->source->arena, int, q->nfields);
    while (sqlite_step(q, &failed)) {
        for (int i = 0; i < q->nfields; i++) {
            int type = sqlite3_column_type(q->stmt, i);
            int64_t v;
            const char *why;
            if (type == SQLITE_INTEGER) seen[i] |= SEEN_INT;
            if (type == SQLITE_FLOAT) seen[i] |= SEEN_NUM;
            if (type != SQLITE_TEXT && type != SQLITE_BLOB) continue;
            const char *text = (const char *)sqlite3_column_text(q->stmt, i);
            size_t len = (size_t)sqlite3_column_bytes(q->stmt, i);
            if (text && source_is_null_text(q->source, &(ColumnDecl){.type = TY_TEXT}, text, len)) continue;
            seen[i] |= SEEN_TEXT;
            if (!text || type == SQLITE_BLOB) seen[i] |= NOT_DATE | NOT_TIME;
            if (!(seen[i] & NOT_DATE) && cell_date(text, len, NULL, &v, &why) != CELL_OK) seen[i] |= NOT_DATE;
            if (!(seen[i] & NOT_TIME) && cell_time(text, len, NULL, &v, &why) != CELL_OK) seen[i] |= NOT_TIME;
        }
    }
    for (int i = 0; i < q->nfields; i++) {
        int e = seen[i];
        if (e & SEEN_TEXT)
            types[i] = e & (SEEN_INT | SEEN_NUM) ? TY_TEXT
                       : !(e & NOT_DATE)         ? TY_DATE
                       : !(e & NOT_TIME)         ? TY_TIME
                                                 : TY_TEXT;
        else
            types[i] = e & SEEN_NUM ? TY_NUM : e & SEEN_INT ? TY_INT : TY_TEXT;
    }
    if (sqlite3_reset(q->stmt) != SQLITE_OK && !failed) failed = !sqlite_error(q);
    return !failed;
}

/* fields[column]: the query's column that feeds it, -1 for rowid. */
static bool sqlite_find_schema(SqliteSource *q, Schema *out, int **fields) {
    const Source *s = q->source;
    bool declared = s->decl->has_columns, guess = !declared, ok = true;
    for (int i = 0; i < s->decl->columns.len; i++) guess = guess || s->decl->columns.data[i].type == TY_INFER;
    TypeKind *types = arena_array(s->arena, TypeKind, q->nfields);
    if (guess && !sqlite_guess(q, types)) return false;
    int n = declared ? s->decl->columns.len : q->nfields;
    *out = (Schema){n, arena_array(s->arena, ColumnDecl, n > 0 ? n : 1), !declared};
    *fields = arena_array(s->arena, int, n > 0 ? n : 1);
    for (int i = 0; i < n; i++) {
        ColumnDecl *c = &out->cols[i];
        *c = declared ? s->decl->columns.data[i] : (ColumnDecl){.name = {q->names[i], {0}}, .type = types[i]};
        (*fields)[i] = -1;
        if (c->type == TY_ROWID) continue;
        if (c->type == TY_VECTOR) {
            diag_error(s->ds, "E456", c->type_span.file ? c->type_span : s->at,
                       "an SQLite table has no vector columns");
            ok = false;
            continue;
        }
        int at = sqlite_field_of(q, c);
        ok = ok && at >= 0;
        if (at >= 0 && c->type == TY_INFER) c->type = types[at];
        (*fields)[i] = at;
    }
    return ok;
}

bool sqlite_schema(const Source *s, Schema *out) {
    SqliteSource q;
    int *fields;
    if (!sqlite_open(s, &q)) return false;
    bool ok = sqlite_find_schema(&q, out, &fields);
    sqlite_close(&q);
    return ok;
}

/* ---------------- reading ---------------- */
static void sqlite_put(const SqliteSource *q, int field, const ColumnDecl *d, Column *c, int64_t row, CellProblems *p) {
    const Source *s = q->source;
    bool text_wanted = d->type == TY_TEXT || d->type == TY_CAT;
    int type = sqlite3_column_type(q->stmt, field);
    if (type == SQLITE_NULL) {
        column_put_null(d, c, row, p);
    } else if (type == SQLITE_INTEGER && (d->type == TY_NUM || d->type == TY_INT || d->type == TY_BOOL)) {
        column_put_int(s, d, c, row, sqlite3_column_int64(q->stmt, field), p);
    } else if (type == SQLITE_FLOAT && (d->type == TY_NUM || d->type == TY_INT || d->type == TY_BOOL)) {
        column_put_num(s, d, c, row, sqlite3_column_double(q->stmt, field), p);
    } else { /* texts and blobs; numbers that must become texts or dates are written out by SQLite */
        const char *text = (const char *)sqlite3_column_text(q->stmt, field);
        size_t len = (size_t)sqlite3_column_bytes(q->stmt, field);
        if (!text) text = "", len = 0;
        if (!len && !text_wanted)
            column_put_null(d, c, row, p);
        else
            column_put_text(s, d, c, row, text, len, p);
    }
}

static bool sqlite_fill(SqliteSource *q, const Schema *schema, const int *fields, Table *t, int64_t cap) {
    const Source *s = q->source;
    CellProblems *problems = arena_array(s->arena, CellProblems, schema->ncols > 0 ? schema->ncols : 1);
    bool failed = false;
    int64_t rows = 0;
    while (sqlite_step(q, &failed)) {
        if (rows == cap && !table_widen(s, t, rows, cap *= 2)) return false;
        for (int i = 0; i < schema->ncols; i++)
            if (fields[i] >= 0 && source_wants(s, i))
                sqlite_put(q, fields[i], &schema->cols[i], &t->cols[i], rows, &problems[i]);
        rows++;
        if (rows % 4096 == 0 && source_given_up(s)) return false;
    }
    if (failed) return false;
    bool ok = true;
    t->rows = rows;
    for (int i = 0; i < schema->ncols; i++) {
        ok = column_report(s, &schema->cols[i], schema->inferred, &problems[i]) && ok;
        if (schema->cols[i].type == TY_ROWID && source_wants(s, i)) column_fill_rowid(&t->cols[i], rows);
    }
    return ok;
}

Table *sqlite_read(const Source *s) {
    enum { FIRST_ROWS = 1024 };
    SqliteSource q;
    Schema schema;
    int *fields;
    Table *t = NULL;
    if (!sqlite_open(s, &q)) return NULL;
    if (sqlite_find_schema(&q, &schema, &fields) && (t = table_new(s, &schema, FIRST_ROWS)) &&
        !sqlite_fill(&q, &schema, fields, t, FIRST_ROWS)) {
        table_free(t);
        t = NULL;
    }
    sqlite_close(&q);
    return t;
}
