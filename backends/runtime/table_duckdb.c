/* table_duckdb.c: Parquet and JSON files through libduckdb.
 *
 * The columns a file has come from DESCRIBE; one SELECT then brings the wanted ones in data chunks, in the file's
 * order. Parquet cells arrive in the type nearest to the declared one that holds them exactly (otherwise as text, which
 * table_cell.c reads like a CSV cell); JSON scalars always arrive as they are written. So no cast can round or lose
 * anything unseen.
 *
 * Errors: E610 no library, E452 not a file of its format, E415 no such column, E456 types that cannot become one
 * another, E417 and E414 with the row, E454 lists of other lengths than the vector's. */
#include "backends/runtime/duckdb_api.h"
#include "backends/runtime/table_private.h"

#include <inttypes.h>

/* How a column arrives: in C, the element type of its vectors. */
typedef enum {
    AS_DOUBLE,
    AS_BIGINT,
    AS_DATE,
    AS_MIDNIGHT,
    AS_TEXT,
    AS_LIST
} Arrival; /* AS_MIDNIGHT: microseconds that must be whole days */
typedef struct DuckdbField {
    const char *name, *type;
} DuckdbField;
typedef struct DuckdbSource {
    const Source *source;
    DuckdbSession session;
    const char *relation; /* read_parquet('…') */
    int nfields;
    DuckdbField *fields;
    const char **names;
} DuckdbSource;

static bool type_is(const char *type, const char *const *list) {
    for (; *list; list++)
        if (!strcmp(type, *list)) return true;
    return false;
}
static const char *const small_integers[] = {"TINYINT",  "SMALLINT",  "INTEGER",  "BIGINT",
                                             "UTINYINT", "USMALLINT", "UINTEGER", NULL};
static const char *const wide_numbers[] = {"UBIGINT", "HUGEINT", "UHUGEINT", NULL};
static const char *const floats[] = {"FLOAT", "DOUBLE", NULL};
static const char *const moments[] = {
    "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE", NULL};
static const char *const words[] = {"VARCHAR", "UUID", NULL};

static bool starts(const char *text, const char *prefix) {
    return !strncmp(text, prefix, strlen(prefix));
}

/* BIGINT[] or DOUBLE[784] */
static bool type_is_list(const char *type) {
    size_t n = strlen(type);
    const char *bracket = strchr(type, '[');
    if (!bracket || type[n - 1] != ']' || strchr(bracket + 1, '[')) return false;
    char element[32] = "";
    if ((size_t)(bracket - type) >= sizeof element) return false;
    memcpy(element, type, (size_t)(bracket - type));
    return type_is(element, small_integers) || type_is(element, floats) || type_is(element, wide_numbers) ||
           starts(element, "DECIMAL");
}

static TypeKind type_inferred(const char *type) {
    if (type_is(type, small_integers) || type_is(type, wide_numbers)) return TY_INT;
    if (type_is(type, floats) || starts(type, "DECIMAL")) return TY_NUM;
    if (!strcmp(type, "BOOLEAN")) return TY_BOOL;
    if (!strcmp(type, "DATE")) return TY_DATE;
    if (type_is(type, moments) || !strcmp(type, "TIME")) return TY_TIME;
    if (type_is(type, words) || starts(type, "ENUM") || !strcmp(type, "JSON")) return TY_TEXT;
    return type_is_list(type) ? TY_VECTOR : TY_INFER;
}

/* ---------------- queries ---------------- */
static bool duckdb_failed(const DuckdbSource *q, DuckdbResult *result) {
    const Source *s = q->source;
    const char *message = q->session.api->result_error(result);
    message = arena_strdup(s->arena, message ? message : "the query failed");
    size_t n = strcspn(message, "\n");
    diag_data(s->ds, "E452", s->at, s->path, 0, "%.*s", (int)(n < 400 ? n : 400), message);
    q->session.api->destroy_result(result);
    return false;
}

static bool duckdb_run(const DuckdbSource *q, const char *sql, DuckdbResult *result) {
    return q->session.api->query(q->session.connection, sql, result) == DUCKDB_OK || duckdb_failed(q, result);
}

static bool duckdb_describe(DuckdbSource *q) {
    const Source *s = q->source;
    const DuckdbApi *api = q->session.api;
    DuckdbResult result;
    if (!duckdb_run(q, arena_printf(s->arena, "describe select * from %s", q->relation), &result)) return false;
    VEC(DuckdbField) fields = {0};
    for (void *chunk; (chunk = api->fetch_chunk(result)); api->destroy_data_chunk(&chunk)) {
        const DuckdbString *name = api->vector_get_data(api->data_chunk_get_vector(chunk, 0));
        const DuckdbString *type = api->vector_get_data(api->data_chunk_get_vector(chunk, 1));
        for (uint64_t r = 0; r < api->data_chunk_get_size(chunk); r++) {
            DuckdbField f = {arena_strndup(s->arena, duckdb_string_text(&name[r]), duckdb_string_length(&name[r])),
                             arena_strndup(s->arena, duckdb_string_text(&type[r]), duckdb_string_length(&type[r]))};
            vec_push(s->arena, &fields, f);
        }
    }
    api->destroy_result(&result);
    q->fields = fields.data;
    q->nfields = fields.len;
    q->names = arena_array(s->arena, const char *, q->nfields > 0 ? q->nfields : 1);
    for (int i = 0; i < q->nfields; i++) q->names[i] = q->fields[i].name;
    return true;
}

static void duckdb_close(DuckdbSource *q) {
    duckdb_session_close(&q->session);
}

static bool duckdb_open(const Source *s, DuckdbSource *q) {
    *q = (DuckdbSource){.source = s};
    if (!file_readable(s)) return false;
    if (strpbrk(s->path, "*?[{")) {
        diag_help(diag_error(s->ds, "E455", s->at, "a file name with any of * ? [ { cannot be read here"),
                  "rename the file; one source is one file");
        return false;
    }
    if (!duckdb_session(s->ds, s->at, s->opt->threads, &q->session)) return false;
    const char *path = duckdb_quote(s->arena, s->path, '\'');
    if (s->format == FORMAT_PARQUET)
        q->relation = arena_printf(s->arena, "read_parquet(%s)", path);
    else
        q->relation = arena_printf(s->arena, "read_json(%s, sample_size = -1, maximum_object_size = 268435456)", path);
    if (duckdb_describe(q)) return true;
    duckdb_close(q);
    return false;
}

/* ---------------- columns ---------------- */
static int duckdb_field_of(const DuckdbSource *q, const ColumnDecl *c) {
    const Source *s = q->source;
    const char *name = c->header ? c->header : c->name.text;
    for (int i = 0; i < q->nfields; i++)
        if (!strcmp(q->names[i], name)) return i;
    Diag *d =
        diag_data(s->ds, "E415", c->name.span.file ? c->name.span : s->at, s->path, 0, "there is no column `%s`", name);
    const char *near = text_nearest(name, q->names, q->nfields);
    if (near) diag_help(d, "did you mean `%s`?", near);
    return -1;
}

/* The expression that brings a Parquet column, or NULL: it cannot become the declared type. */
static const char *parquet_expression(const DuckdbSource *q, const DuckdbField *f, const ColumnDecl *c, Arrival *as) {
    Arena *arena = q->source->arena;
    const char *name = duckdb_quote(arena, f->name, '"');
    bool scalar = type_inferred(f->type) != TY_INFER && type_inferred(f->type) != TY_VECTOR;
    bool integer = type_is(f->type, small_integers), real = type_is(f->type, floats),
         word = type_inferred(f->type) == TY_TEXT;
    *as = AS_TEXT;
    const char *text = arena_printf(arena, "cast(%s as varchar)", name);
    switch (c->type) {
    case TY_NUM:
    case TY_INT:
    case TY_BOOL:
        if (integer || !strcmp(f->type, "BOOLEAN"))
            return *as = AS_BIGINT, arena_printf(arena, "cast(%s as bigint)", name);
        if (real) return *as = AS_DOUBLE, arena_printf(arena, "cast(%s as double)", name);
        return word || type_is(f->type, wide_numbers) || starts(f->type, "DECIMAL") ? text : NULL;
    case TY_TEXT:
    case TY_CAT: return scalar ? text : NULL;
    case TY_DATE:
        if (!strcmp(f->type, "DATE")) return *as = AS_DATE, name;
        if (type_is(f->type, moments)) return *as = AS_MIDNIGHT, arena_printf(arena, "epoch_us(%s)", name);
        return word ? text : NULL;
    case TY_TIME:
        if (!strcmp(f->type, "DATE"))
            return *as = AS_BIGINT, arena_printf(arena, "epoch_us(cast(%s as timestamp))", name);
        if (type_is(f->type, moments) || !strcmp(f->type, "TIME"))
            return *as = AS_BIGINT, arena_printf(arena, "epoch_us(%s)", name);
        return word ? text : NULL;
    case TY_VECTOR:
        return type_is_list(f->type) ? *as = AS_LIST, arena_printf(arena, "cast(%s as double[])", name) : NULL;
    default: return NULL;
    }
}

static bool duckdb_refuse(const DuckdbSource *q, const DuckdbField *f, const ColumnDecl *c) {
    const Source *s = q->source;
    Diag *d = diag_data(s->ds, "E456", c->type_span.file ? c->type_span : s->at, s->path, 0,
                        "column `%s` is %s in the file, which cannot be read as %s", f->name, f->type,
                        c->type == TY_INFER ? "any type of a source" : type_text(c->type));
    if (c->type == TY_INFER) diag_help(d, "declare the columns to read, and leave this one out");
    return false;
}

static bool duckdb_find_schema(const DuckdbSource *q, Schema *out, int **fields) {
    const Source *s = q->source;
    bool declared = s->decl->has_columns, ok = true;
    int n = declared ? s->decl->columns.len : q->nfields;
    *out = (Schema){n, arena_array(s->arena, ColumnDecl, n > 0 ? n : 1), !declared};
    *fields = arena_array(s->arena, int, n > 0 ? n : 1);
    for (int i = 0; i < n; i++) {
        ColumnDecl *c = &out->cols[i];
        *c = declared ? s->decl->columns.data[i] : (ColumnDecl){.name = {q->names[i], {0}}, .type = TY_INFER};
        (*fields)[i] = -1;
        if (c->type == TY_ROWID) continue;
        int at = (*fields)[i] = declared ? duckdb_field_of(q, c) : i;
        if (at >= 0 && c->type == TY_INFER) c->type = type_inferred(q->fields[at].type);
        Arrival as;
        if (at >= 0 &&
            (c->type == TY_INFER || (s->format == FORMAT_PARQUET && !parquet_expression(q, &q->fields[at], c, &as))))
            ok = duckdb_refuse(q, &q->fields[at], c);
        ok = ok && at >= 0;
    }
    return ok;
}

/* ---------------- rows ---------------- */
typedef struct DuckdbColumn {
    int column;
    Arrival as;
    CellProblems problems;
    double *lists; /* AS_LIST: rows of `width` numbers so far */
    int64_t width, room;
} DuckdbColumn;

/* The statement that brings the wanted columns. */
static const char *duckdb_select(const DuckdbSource *q, const Schema *schema, const int *fields, DuckdbColumn *columns,
                                 int *ncolumns) {
    const Source *s = q->source;
    Buf list = {0}, types = {0};
    *ncolumns = 0;
    for (int i = 0; i < schema->ncols; i++) {
        const ColumnDecl *c = &schema->cols[i];
        if (fields[i] < 0 || !source_wants(s, i)) continue;
        DuckdbColumn *d = &columns[*ncolumns];
        d->column = i;
        const DuckdbField *f = &q->fields[fields[i]];
        const char *name = duckdb_quote(s->arena, f->name, '"');
        const char *mark = *ncolumns ? ", " : "";
        if (s->format == FORMAT_PARQUET) {
            buf_printf(&list, "%s%s", mark, parquet_expression(q, f, c, &d->as));
        } else {
            d->as = c->type == TY_VECTOR ? AS_LIST : AS_TEXT;
            buf_printf(&list, "%s%s", mark, name);
            bool given = false; /* two columns of the script may read the same field */
            for (int k = 0; k < i; k++) given = given || (fields[k] == fields[i] && source_wants(s, k));
            if (!given)
                buf_printf(&types, "%s%s: '%s'", types.len ? ", " : "", name,
                           d->as == AS_LIST ? "DOUBLE[]" : "VARCHAR");
        }
        ++*ncolumns;
    }
    char *columns_text = buf_take(&list), *types_text = buf_take(&types);
    const char *relation = q->relation;
    if (s->format == FORMAT_JSON && *ncolumns)
        relation = arena_printf(s->arena, "read_json(%s, columns = {%s}, maximum_object_size = 268435456)",
                                duckdb_quote(s->arena, s->path, '\''), types_text);
    const char *sql = arena_printf(s->arena, "select %s from %s", *ncolumns ? columns_text : "true", relation);
    mem_free(columns_text);
    mem_free(types_text);
    return sql;
}

static bool duckdb_put_list(const DuckdbSource *q, const ColumnDecl *c, DuckdbColumn *d, int64_t row,
                            const DuckdbListEntry *e, const double *items, const uint64_t *valid) {
    const Source *s = q->source;
    if (!d->width) d->width = c->width ? c->width : e ? (int64_t)e->length : 0;
    if (!e || !d->width || (int64_t)e->length != d->width) {
        diag_data(s->ds, "E454", c->type_span.file ? c->type_span : s->at, s->path, 0,
                  "row %" PRId64 ", column `%s`: %s, but vector(%" PRId64 ") was expected", row + 1, c->name.text,
                  e ? arena_printf(s->arena, "%" PRIu64 " numbers", e->length) : "null", d->width);
        return false;
    }
    if (row >= d->room) {
        int64_t room = d->room ? d->room * 2 : 1024;
        double *wider = mem_try((size_t)room, (size_t)d->width * sizeof *wider);
        if (!wider) {
            source_report_memory(s, room, (size_t)room * (size_t)d->width * sizeof *wider);
            return false;
        }
        if (row) memcpy(wider, d->lists, (size_t)row * (size_t)d->width * sizeof *wider);
        mem_free(d->lists);
        d->lists = wider;
        d->room = room;
    }
    for (uint64_t k = 0; k < e->length; k++) {
        uint64_t at = e->offset + k;
        double v = items[at];
        if ((valid && !(valid[at / 64] >> (at % 64) & 1)) || v != v) {
            diag_data(s->ds, "E417", c->type_span.file ? c->type_span : s->at, s->path, 0,
                      "row %" PRId64 ", column `%s`: a vector holds numbers only, not null", row + 1, c->name.text);
            return false;
        }
        d->lists[row * d->width + (int64_t)k] = v;
    }
    return true;
}

/* A moment for a date column: a bad one is shown as the text that it is not. */
static void duckdb_put_midnight(const Source *s, const ColumnDecl *c, Column *to, int64_t row, int64_t micros,
                                CellProblems *p) {
    int64_t days = micros / MICROS_PER_DAY - (micros % MICROS_PER_DAY < 0),
            seconds = (micros - days * MICROS_PER_DAY) / 1000000, year;
    int month, day;
    if (micros % MICROS_PER_DAY == 0) {
        column_put_int(s, c, to, row, days, p);
        return;
    }
    date_to_civil(days, &year, &month, &day);
    char text[64];
    int n = snprintf(text, sizeof text, "%04" PRId64 "-%02d-%02d %02d:%02d:%02d.%06d", year, month, day,
                     (int)(seconds / 3600), (int)(seconds / 60 % 60), (int)(seconds % 60),
                     (int)((micros % 1000000 + 1000000) % 1000000));
    ColumnDecl iso = *c;
    iso.format = NULL;
    column_put_text(s, &iso, to, row, text, (size_t)n, p);
}

static bool duckdb_take_vector(const DuckdbSource *q, const ColumnDecl *c, DuckdbColumn *d, Column *to, int64_t row,
                               void *vector, int64_t n) {
    const DuckdbApi *api = q->session.api;
    const Source *s = q->source;
    const void *data = api->vector_get_data(vector);
    const uint64_t *valid = api->vector_get_validity(vector);
    CellProblems *p = &d->problems;
    void *child = d->as == AS_LIST ? api->list_vector_get_child(vector) : NULL;
    const double *items = child ? api->vector_get_data(child) : NULL;
    const uint64_t *items_valid = child ? api->vector_get_validity(child) : NULL;
    for (int64_t i = 0; i < n; i++, row++) {
        bool null = valid && !(valid[i / 64] >> (i % 64) & 1);
        if (d->as == AS_LIST) {
            if (!duckdb_put_list(q, c, d, row, null ? NULL : &((const DuckdbListEntry *)data)[i], items, items_valid))
                return false;
            continue;
        }
        if (null) {
            column_put_null(c, to, row, p);
            continue;
        }
        switch (d->as) {
        case AS_DOUBLE: column_put_num(s, c, to, row, ((const double *)data)[i], p); break;
        case AS_BIGINT: column_put_int(s, c, to, row, ((const int64_t *)data)[i], p); break;
        case AS_DATE: column_put_int(s, c, to, row, ((const int32_t *)data)[i], p); break;
        case AS_MIDNIGHT: duckdb_put_midnight(s, c, to, row, ((const int64_t *)data)[i], p); break;
        case AS_TEXT: {
            const DuckdbString *text = &((const DuckdbString *)data)[i];
            column_put_text(s, c, to, row, duckdb_string_text(text), duckdb_string_length(text), p);
            break;
        }
        case AS_LIST: break;
        }
    }
    return true;
}

static bool duckdb_take_chunks(const DuckdbSource *q, const Schema *schema, DuckdbColumn *columns, int ncolumns,
                               DuckdbResult *result, Table *t, int64_t cap) {
    const DuckdbApi *api = q->session.api;
    bool ok = true;
    int64_t rows = 0;
    for (void *chunk; ok && (chunk = api->fetch_chunk(*result)); api->destroy_data_chunk(&chunk)) {
        int64_t n = (int64_t)api->data_chunk_get_size(chunk);
        ok = !source_given_up(q->source);
        while (ok && rows + n > cap) {
            cap *= 2;
            ok = rows + n > cap || table_widen(q->source, t, rows, cap);
        }
        for (int i = 0; ok && i < ncolumns; i++) {
            int column = columns[i].column;
            ok = duckdb_take_vector(q, &schema->cols[column], &columns[i], &t->cols[column], rows,
                                    api->data_chunk_get_vector(chunk, (uint64_t)i), n);
        }
        rows += n;
    }
    t->rows = rows;
    return ok;
}

static bool duckdb_fill(const DuckdbSource *q, const Schema *schema, const int *fields, Table *t, int64_t cap) {
    const Source *s = q->source;
    DuckdbColumn *columns = arena_array(s->arena, DuckdbColumn, schema->ncols > 0 ? schema->ncols : 1);
    int ncolumns;
    DuckdbResult result;
    if (!duckdb_run(q, duckdb_select(q, schema, fields, columns, &ncolumns), &result)) return false;
    bool ok = duckdb_take_chunks(q, schema, columns, ncolumns, &result, t, cap);
    q->session.api->destroy_result(&result);
    for (int i = 0; i < ncolumns; i++) {
        DuckdbColumn *d = &columns[i];
        const ColumnDecl *c = &schema->cols[d->column];
        if (ok) ok = column_report(s, c, schema->inferred, &d->problems) && ok;
        if (ok && d->as == AS_LIST) {
            Matrix *m = mat_new_dense(t->rows, d->width ? d->width : c->width);
            if (m && t->rows) memcpy(m->data, d->lists, (size_t)(t->rows * m->cols) * sizeof *m->data);
            if (!m) source_report_memory(s, t->rows, (size_t)t->rows * (size_t)d->width * 8);
            t->cols[d->column].matrix = m;
            ok = m != NULL;
        }
        mem_free(d->lists);
    }
    for (int i = 0; ok && i < schema->ncols; i++)
        if (schema->cols[i].type == TY_ROWID && source_wants(s, i)) column_fill_rowid(&t->cols[i], t->rows);
    return ok;
}

/* An undeclared width is that of the first row's list. */
static bool duckdb_find_widths(const DuckdbSource *q, Schema *schema, const int *fields) {
    const DuckdbApi *api = q->session.api;
    for (int i = 0; i < schema->ncols; i++) {
        ColumnDecl *c = &schema->cols[i];
        if (c->type != TY_VECTOR || c->width) continue;
        DuckdbResult result;
        const char *name = duckdb_quote(q->source->arena, q->names[fields[i]], '"');
        if (!duckdb_run(q,
                        arena_printf(q->source->arena,
                                     "select cast(len(%s) as bigint) from %s where %s is not null limit 1", name,
                                     q->relation, name),
                        &result))
            return false;
        void *chunk = api->fetch_chunk(result);
        if (chunk && api->data_chunk_get_size(chunk))
            c->width = *(const int64_t *)api->vector_get_data(api->data_chunk_get_vector(chunk, 0));
        if (chunk) api->destroy_data_chunk(&chunk);
        api->destroy_result(&result);
    }
    return true;
}

bool duckdb_schema(const Source *s, Schema *out) {
    DuckdbSource q;
    int *fields;
    if (!duckdb_open(s, &q)) return false;
    bool ok = duckdb_find_schema(&q, out, &fields) && duckdb_find_widths(&q, out, fields);
    duckdb_close(&q);
    return ok;
}

Table *duckdb_read(const Source *s) {
    enum { FIRST_ROWS = 4096 };
    DuckdbSource q;
    Schema schema;
    int *fields;
    Table *t = NULL;
    if (!duckdb_open(s, &q)) return NULL;
    if (duckdb_find_schema(&q, &schema, &fields) && (t = table_new(s, &schema, FIRST_ROWS)) &&
        !duckdb_fill(&q, &schema, fields, t, FIRST_ROWS)) {
        table_free(t);
        t = NULL;
    }
    duckdb_close(&q);
    return t;
}
