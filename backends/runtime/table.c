/* table.c: tables in memory, and the one entrance to their readers.
 *
 * table_read() takes a declaration apart into a Source (format by the URI's ending, path, options checked here for
 * every format) and hands it to the reader of its format. What all readers do with a cell that is null or not of its
 * type is here too.
 *
 * Ownership: a Table owns its name, path, columns, dictionaries and matrices; table_free() releases everything.
 * Errors: E414 E417 E455 and E402 are reported here; a reader's own codes are named in its file. */
#include "backends/runtime/table_private.h"
#include "compiler/words.h"

#include <math.h>
#include <strings.h>
#include <sys/mman.h>

/* ---------------- tables ---------------- */
char *table_text_copy(const char *s) {
    if (!s) return NULL;
    size_t n = strlen(s) + 1;
    char *copy = mem_try(n, 1);
    return copy ? memcpy(copy, s, n) : NULL;
}

int table_find(const Table *t, const char *column) {
    for (int i = 0; i < t->ncols; i++)
        if (!strcmp(t->cols[i].name, column)) return i;
    return -1;
}

void column_free(Column *c) {
    mem_free((void *)c->name);
    if (!c->mapped) {
        mem_free(c->num);
        mem_free(c->ints);
        mem_free(c->codes);
    }
    dict_free(c->dict);
    mat_free(c->matrix);
    memset(c, 0, sizeof *c);
}

void table_free(Table *t) {
    if (!t) return;
    for (int i = 0; i < t->ncols; i++) column_free(&t->cols[i]);
    mem_free(t->cols);
    mem_free((void *)t->name);
    mem_free((void *)t->path);
    mem_free(t->stamp);
    if (t->entry) (void)munmap(t->entry, t->entry_len);
    mem_free(t);
}

static bool column_allocate(Column *c, int64_t rows) {
    size_t n = rows > 0 ? (size_t)rows : 1;
    switch (c->type) {
    case TY_NUM: return (c->num = mem_try(n, sizeof *c->num)) != NULL;
    case TY_INT:
    case TY_BOOL:
    case TY_DATE:
    case TY_TIME:
    case TY_ROWID: return (c->ints = mem_try(n, sizeof *c->ints)) != NULL;
    case TY_TEXT:
    case TY_CAT: return (c->codes = mem_try(n, sizeof *c->codes)) && (c->dict = dict_new());
    case TY_VECTOR: return true; /* its reader makes the matrix */
    case TY_INFER: break;
    }
    internal_error("a column without a type");
}

/* Every named part of a table, without data. NULL: no memory. */
Table *table_frame(const char *name, const char *path, int ncols) {
    Table *t = mem_try(1, sizeof *t);
    if (!t) return NULL;
    t->name = table_text_copy(name);
    t->path = table_text_copy(path);
    t->cols = mem_try(ncols > 0 ? (size_t)ncols : 1, sizeof *t->cols);
    t->ncols = t->cols ? ncols : 0;
    if (!t->name || (path && !t->path) || !t->cols) {
        table_free(t);
        return NULL;
    }
    return t;
}

Table *table_new(const Source *s, const Schema *schema, int64_t rows) {
    size_t bytes = 0;
    for (int i = 0; i < schema->ncols; i++)
        if (source_wants(s, i))
            bytes += (size_t)rows * (schema->cols[i].type == TY_TEXT || schema->cols[i].type == TY_CAT ? 4 : 8);
    Table *t = table_frame(s->decl->name.text, s->path, schema->ncols);
    bool ok = t != NULL;
    for (int i = 0; ok && i < schema->ncols; i++) {
        Column *c = &t->cols[i];
        const ColumnDecl *d = &schema->cols[i];
        c->type = d->type;
        c->span = d->name.span.file ? d->name.span : s->decl->name.span;
        ok = (c->name = table_text_copy(d->name.text)) && (!source_wants(s, i) || column_allocate(c, rows));
    }
    if (!ok) {
        table_free(t);
        source_report_memory(s, rows, bytes);
        return NULL;
    }
    t->span = s->decl->name.span;
    t->rows = rows;
    return t;
}

bool table_widen(const Source *s, Table *t, int64_t rows, int64_t cap) {
    for (int i = 0; i < t->ncols; i++) {
        Column *c = &t->cols[i];
        void **data = c->num ? (void **)&c->num : c->ints ? (void **)&c->ints : c->codes ? (void **)&c->codes : NULL;
        if (!data) continue;
        size_t size = c->codes ? sizeof(int32_t) : 8;
        void *wider = mem_try((size_t)cap, size);
        if (!wider) {
            source_report_memory(s, cap, (size_t)cap * size);
            return false;
        }
        if (rows) memcpy(wider, *data, (size_t)rows * size);
        mem_free(*data);
        *data = wider;
    }
    return true;
}

static void *array_copy(const void *p, int64_t rows, size_t size) {
    void *q = mem_try(rows > 0 ? (size_t)rows : 1, size);
    if (q && rows > 0) memcpy(q, p, (size_t)rows * size);
    return q;
}

static Dict *dict_copy(const Dict *from) {
    Dict *d = dict_new();
    for (int32_t i = 0; d && i < from->count; i++) {
        if (dict_add(d, from->text[i], from->len[i]) != i) {
            dict_free(d);
            return NULL;
        }
    }
    return d;
}

Table *table_from_columns(const char *name, int64_t rows, int ncols, const Column *cols) {
    Table *t = table_frame(name, NULL, ncols);
    bool ok = t != NULL;
    for (int i = 0; ok && i < ncols; i++) {
        Column *c = &t->cols[i];
        const Column *from = &cols[i];
        c->type = from->type;
        c->span = from->span;
        ok = (c->name = table_text_copy(from->name)) != NULL;
        if (ok && from->num) ok = (c->num = array_copy(from->num, rows, sizeof *c->num)) != NULL;
        if (ok && from->ints) ok = (c->ints = array_copy(from->ints, rows, sizeof *c->ints)) != NULL;
        if (ok && from->codes) ok = (c->codes = array_copy(from->codes, rows, sizeof *c->codes)) != NULL;
        if (ok && from->dict) ok = (c->dict = dict_copy(from->dict)) != NULL;
        if (ok && from->matrix) ok = (c->matrix = mat_copy(from->matrix)) != NULL;
        for (int64_t r = 0; ok && r < rows; r++) c->nulls += column_is_null(c, r);
    }
    if (!ok) {
        table_free(t);
        return NULL;
    }
    t->rows = rows;
    return t;
}

void column_fill_rowid(Column *c, int64_t rows) {
    for (int64_t r = 0; r < rows; r++) c->ints[r] = r + 1;
}

/* ---------------- a source, taken apart ---------------- */
bool name_ends(const char *name, const char *ending) {
    size_t n = strlen(name), e = strlen(ending);
    return n >= e && !strcasecmp(name + n - e, ending);
}

static const char *const table_endings[] = {".csv", ".tsv", ".tab", ".txt", ".data", ".dat", ".psv"};

static bool source_format(Source *s, const char *path) {
    char *bare = arena_strdup(s->arena, path);
    if (name_ends(bare, ".gz")) bare[strlen(bare) - 3] = 0;
    for (size_t i = 0; i < sizeof table_endings / sizeof *table_endings; i++)
        if (name_ends(bare, table_endings[i])) return s->format = FORMAT_CSV, true;
    if (name_ends(bare, ".parquet")) return s->format = FORMAT_PARQUET, true;
    if (name_ends(bare, ".json") || name_ends(bare, ".ndjson") || name_ends(bare, ".jsonl"))
        return s->format = FORMAT_JSON, true;
    if (name_ends(bare, ".mtx")) return s->format = FORMAT_MTX, true;
    Diag *d =
        diag_error(s->ds, "E455", s->at, "the ending of \"%s\" does not say what kind of file it is", s->decl->uri);
    if (name_ends(bare, ".sqlite") || name_ends(bare, ".db") || name_ends(bare, ".sqlite3"))
        diag_help(d, "for an SQLite file write \"sqlite:%s?table=NAME\"", s->decl->uri);
    else
        diag_help(d, "known endings: .csv .tsv .tab .psv .txt .data .dat .json .ndjson .jsonl .mtx (each also with "
                     ".gz), .parquet");
    return false;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Undoes %xx; a plus stays one, as queries hold sums. NULL: a bad escape, or a NUL byte that a file name or a query
 * cannot hold. */
static const char *url_decode(Arena *arena, const char *text) {
    char *out = arena_strdup(arena, text), *to = out;
    for (const char *p = text; *p; p++) {
        if (*p == '%') {
            int hi = hex_digit(p[1]), lo = hi < 0 ? -1 : hex_digit(p[2]);
            if (lo < 0 || !(hi | lo)) return NULL;
            *to++ = (char)(hi * 16 + lo);
            p += 2;
        } else {
            *to++ = *p;
        }
    }
    *to = 0;
    return out;
}

static const char *path_join(const Source *s, const char *path) {
    const char *base = s->opt->base_dir;
    if (path[0] == '/' || !base || !*base || !strcmp(base, ".")) return path;
    return arena_printf(s->arena, name_ends(base, "/") ? "%s%s" : "%s/%s", base, path);
}

/* sqlite:FILE?table=T or sqlite:FILE?query=SELECT… */
static bool source_sqlite(Source *s, const char *rest) {
    s->format = FORMAT_SQLITE;
    const char *mark = strchr(rest, '?');
    const char *file = mark ? arena_strndup(s->arena, rest, (size_t)(mark - rest)) : rest;
    if (!strncmp(file, "//", 2)) file += 2;
    s->path = path_join(s, file);
    const char *table = mark && !strncmp(mark, "?table=", 7) ? mark + 7 : NULL;
    const char *query = mark && !strncmp(mark, "?query=", 7) ? mark + 7 : NULL;
    bool bad_escape = false;
    if (table) bad_escape = !(s->sql_table = url_decode(s->arena, table));
    if (query) bad_escape = !(s->sql_query = url_decode(s->arena, query));
    if (bad_escape) {
        diag_help(diag_error(s->ds, "E455", s->at, "a bad %%-escape in \"%s\"", s->decl->uri),
                  "write %%25 for the sign %% itself; %%20 is a blank");
        return false;
    }
    if (!*file || !(table || query) || (table && !*s->sql_table) || (query && !*s->sql_query)) {
        diag_help(diag_error(s->ds, "E455", s->at, "\"%s\" does not say which table to read", s->decl->uri),
                  "write \"sqlite:FILE?table=NAME\" or \"sqlite:FILE?query=SELECT …\"");
        return false;
    }
    return true;
}

static bool source_uri(Source *s) {
    const char *uri = s->decl->uri;
    if (!uri || !*uri) {
        diag_error(s->ds, "E455", s->at, "the source `%s` names no file", s->decl->name.text);
        return false;
    }
    if (!strncmp(uri, "sqlite:", 7)) return source_sqlite(s, uri + 7);
    if (!strncmp(uri, "file://", 7)) uri += 7;
    if (strstr(uri, "://")) {
        diag_help(diag_error(s->ds, "E455", s->at, "\"%s\" is not a file of this machine", uri),
                  "fetch it first, and name the local file");
        return false;
    }
    s->path = path_join(s, uri);
    return source_format(s, uri);
}

/* ---------------- options ---------------- */
static bool option_bad(const Source *s, const NamedArg *o, const char *what) {
    diag_help(diag_error(s->ds, "E455", o->value ? o->value->span : o->name.span, "the option `%s` wants %s",
                         o->name.text, what),
              "for example: (%s)",
              !strcmp(o->name.text, "null") ? "null = \"NA\"" : "delimiter = \";\", header = true, skip = 2");
    return false;
}

/* One text, several of them as {"NA", "?"} or ("NA" | "?"), or the option given again: all of them mean null. */
static bool option_null_texts(Source *s, const NamedArg *o, const Expr *v, int *room) {
    if (v->kind == EX_SET || v->kind == EX_ELSE) {
        bool ok = true;
        for (int i = 0; i < v->nargs && ok; i++) ok = option_null_texts(s, o, v->args[i], room);
        return ok;
    }
    if (v->kind != EX_STR) return option_bad(s, o, "a text, or several as in (\"NA\" | \"?\")");
    if (s->nnulls == *room) {
        *room = *room ? *room * 2 : 4;
        const char **wider = arena_array(s->arena, const char *, *room);
        if (s->nnulls) memcpy(wider, s->nulls, (size_t)s->nnulls * sizeof *wider);
        s->nulls = wider;
    }
    s->nulls[s->nnulls++] = v->text;
    return true;
}

static bool option_null(Source *s, const NamedArg *o) {
    int room = s->nnulls;
    return option_null_texts(s, o, o->value, &room);
}

static bool option_byte(const Source *s, const NamedArg *o, bool may_be_empty, char *out) {
    const Expr *v = o->value;
    size_t n = v->kind == EX_STR ? strlen(v->text) : 0;
    bool usable = v->kind == EX_STR && n <= 1 && (n || may_be_empty) && v->text[0] != '\n' && v->text[0] != '\r' &&
                  !(v->text[0] & 0x80);
    if (!usable)
        return option_bad(s, o,
                          may_be_empty ? "one ASCII character, or \"\" for none"
                                       : "one ASCII character such as \";\" or \"\\t\"");
    *out = v->text[0];
    return true;
}

static bool option_read(Source *s, const NamedArg *o) {
    const Expr *v = o->value;
    const char *name = o->name.text;
    if (!strcmp(name, "null")) return option_null(s, o);
    if (!strcmp(name, "delimiter")) return option_byte(s, o, false, &s->delimiter);
    if (!strcmp(name, "quote")) return option_byte(s, o, true, &s->quote);
    if (!strcmp(name, "header")) {
        if (v->kind != EX_BOOL) return option_bad(s, o, "true or false");
        s->header = v->num != 0;
        return true;
    }
    if (!strcmp(name, "skip")) {
        if (v->kind != EX_NUM || v->num < 0 || v->num > 1e9 || v->num != floor(v->num))
            return option_bad(s, o, "a number of lines");
        s->skip = (int64_t)v->num;
        return true;
    }
    if (v->kind == EX_STR && (!strcasecmp(v->text, "utf-8") || !strcasecmp(v->text, "utf8"))) return true;
    if (v->kind == EX_STR &&
        (!strcasecmp(v->text, "latin-1") || !strcasecmp(v->text, "latin1") || !strcasecmp(v->text, "iso-8859-1"))) {
        s->encoding = TEXT_LATIN1;
        return true;
    }
    return option_bad(s, o, "\"utf-8\" or \"latin-1\"");
}

static bool source_options(Source *s) {
    int nknown;
    const char *const *known = words_at(WORDS_SOURCE_OPTIONS, &nknown);
    bool ok = true;
    for (int i = 0; i < s->decl->options.len; i++) {
        const NamedArg *o = &s->decl->options.data[i];
        int k = 0;
        while (k < nknown && strcmp(known[k], o->name.text)) k++;
        if (k == nknown) {
            Diag *d = diag_error(s->ds, "E455", o->name.span, "a source has no option `%s`", o->name.text);
            const char *near = text_nearest(o->name.text, known, nknown);
            if (near)
                diag_help(d, "did you mean `%s`?", near);
            else
                diag_help(d, "the options are delimiter, quote, header, null, skip, encoding");
            ok = false;
        } else if (!o->value || o->value->kind == EX_ERROR) {
            ok = option_bad(s, o, "a value");
        } else if (s->format == FORMAT_MTX || (s->format != FORMAT_CSV && strcmp(o->name.text, "null"))) {
            diag_error(s->ds, "E455", o->name.span, "the option `%s` has no meaning for this kind of file",
                       o->name.text);
            ok = false;
        } else {
            ok = option_read(s, o) && ok;
        }
    }
    if (s->quote && s->quote == s->delimiter) {
        diag_error(s->ds, "E455", s->at, "delimiter and quote are the same character");
        ok = false;
    }
    return ok;
}

static bool source_formats_valid(const Source *s) {
    bool ok = true;
    for (int i = 0; i < s->decl->columns.len; i++) {
        const ColumnDecl *c = &s->decl->columns.data[i];
        const char *why;
        if (c->format && !cell_format_valid(c->format, &why)) {
            diag_help(
                diag_error(s->ds, "E455", c->type_span, "the format \"%s\" of `%s`: %s", c->format, c->name.text, why),
                "known: %%Y %%y %%m %%d %%b %%B %%e %%H %%I %%M %%S %%f %%p %%z %%j %%F %%T %%%%");
            ok = false;
        }
    }
    return ok;
}

static bool source_open(Source *s, Arena *arena, Diags *ds, const SourceDecl *decl, const TableOptions *opt) {
    *s = (Source){
        .decl = decl, .opt = opt, .ds = ds, .arena = arena, .at = decl->uri_span, .quote = '"', .header = true};
    if (!s->at.file) s->at = decl->name.span;
    return source_uri(s) && source_options(s) && source_formats_valid(s);
}

static bool schema_read(Source *s, Schema *schema) {
    switch (s->format) {
    case FORMAT_CSV: return csv_schema(s, schema);
    case FORMAT_PARQUET:
    case FORMAT_JSON: return duckdb_schema(s, schema);
    case FORMAT_MTX: return mtx_schema(s, schema);
    case FORMAT_SQLITE: return sqlite_schema(s, schema);
    }
    internal_error("format %d of a source", (int)s->format);
}
static Table *rows_read(Source *s) {
    switch (s->format) {
    case FORMAT_CSV: return csv_read(s);
    case FORMAT_PARQUET:
    case FORMAT_JSON: return duckdb_read(s);
    case FORMAT_MTX: return mtx_read(s);
    case FORMAT_SQLITE: return sqlite_read(s);
    }
    internal_error("format %d of a source", (int)s->format);
}

bool table_schema(Arena *arena, Diags *ds, const SourceDecl *decl, const TableOptions *opt, int *ncols,
                  ColumnDecl **cols) {
    Source s;
    if (!source_open(&s, arena, ds, decl, opt)) return false;
    bool complete = decl->has_columns;
    for (int i = 0; complete && i < decl->columns.len; i++) {
        const ColumnDecl *c = &decl->columns.data[i];
        complete = c->type != TY_INFER && (c->type != TY_VECTOR || c->width);
    }
    Schema schema = {decl->columns.len, decl->columns.data, false};
    if (!complete && !schema_cached(&s, &schema, schema_read)) return false;
    *ncols = schema.ncols;
    *cols = arena_array(arena, ColumnDecl, schema.ncols > 0 ? schema.ncols : 1);
    if (schema.ncols) memcpy(*cols, schema.cols, (size_t)schema.ncols * sizeof **cols);
    return true;
}

Table *table_read(Diags *ds, const SourceDecl *decl, const TableOptions *opt) {
    Arena *arena = arena_new();
    Source s;
    Table *t = source_open(&s, arena, ds, decl, opt) ? table_cached(&s, rows_read) : NULL;
    arena_free(arena);
    return t;
}

bool table_key(Arena *arena, const SourceDecl *decl, const TableOptions *opt, Buf *key, const char **path) {
    Source s;
    return source_open(&s, arena, diags_new(arena), decl, opt) && source_key(&s, key, path);
}
