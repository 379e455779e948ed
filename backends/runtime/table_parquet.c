/* table_parquet.c: tables to Parquet files: an in-memory DuckDB table filled by data chunks, then COPY.
 *
 * num DOUBLE, int and rowid BIGINT, bool BOOLEAN, text and cat VARCHAR, date DATE, time TIMESTAMP, vector DOUBLE[].
 * Rows keep their order. Errors: E610 no library, E440 what DuckDB says. */
#include "backends/runtime/duckdb_api.h"
#include "backends/runtime/table_private.h"

static int parquet_type(TypeKind type) {
    switch (type) {
    case TY_NUM: return DUCKDB_DOUBLE;
    case TY_INT:
    case TY_ROWID: return DUCKDB_BIGINT;
    case TY_BOOL: return DUCKDB_BOOLEAN;
    case TY_DATE: return DUCKDB_DATE;
    case TY_TIME: return DUCKDB_TIMESTAMP;
    case TY_TEXT:
    case TY_CAT: return DUCKDB_VARCHAR;
    case TY_VECTOR: return DUCKDB_DOUBLE;
    case TY_INFER: break;
    }
    internal_error("a column without a type is written");
}

static const char *parquet_type_name(TypeKind type) {
    static const char *const names[] = {
        [DUCKDB_DOUBLE] = "double", [DUCKDB_BIGINT] = "bigint",       [DUCKDB_BOOLEAN] = "boolean",
        [DUCKDB_DATE] = "date",     [DUCKDB_TIMESTAMP] = "timestamp", [DUCKDB_VARCHAR] = "varchar"};
    return type == TY_VECTOR ? "double[]" : names[parquet_type(type)];
}

static void *parquet_logical_type(const DuckdbApi *api, TypeKind type) {
    void *element = api->create_logical_type(parquet_type(type));
    if (type != TY_VECTOR) return element;
    void *list = api->create_list_type(element);
    api->destroy_logical_type(&element);
    return list;
}

static bool parquet_put_lists(const DuckdbApi *api, const Matrix *m, int64_t begin, int64_t n, void *vector) {
    if (api->list_vector_reserve(vector, (uint64_t)(n * m->cols)) != DUCKDB_OK ||
        api->list_vector_set_size(vector, (uint64_t)(n * m->cols)) != DUCKDB_OK)
        return false;
    DuckdbListEntry *entries = api->vector_get_data(vector);
    double *items = api->vector_get_data(api->list_vector_get_child(vector));
    for (int64_t i = 0; i < n; i++) {
        entries[i] = (DuckdbListEntry){(uint64_t)(i * m->cols), (uint64_t)m->cols};
        for (int64_t k = 0; k < m->cols; k++) items[i * m->cols + k] = mat_get(m, begin + i, k);
    }
    return true;
}

static bool parquet_put(const DuckdbApi *api, const Column *c, int64_t begin, int64_t n, void *vector) {
    if (c->matrix) return parquet_put_lists(api, c->matrix, begin, n, vector);
    void *data = api->vector_get_data(vector);
    uint64_t *valid = NULL;
    for (int64_t i = 0; i < n; i++) {
        int64_t r = begin + i;
        if (column_is_null(c, r)) {
            if (!valid) {
                api->vector_ensure_validity_writable(vector);
                valid = api->vector_get_validity(vector);
            }
            valid[i / 64] &= ~(UINT64_C(1) << (i % 64));
            continue;
        }
        switch (parquet_type(c->type)) {
        case DUCKDB_DOUBLE: ((double *)data)[i] = c->num[r]; break;
        case DUCKDB_BOOLEAN: ((bool *)data)[i] = c->ints[r] != 0; break;
        case DUCKDB_DATE: ((int32_t *)data)[i] = (int32_t)c->ints[r]; break;
        case DUCKDB_VARCHAR:
            api->vector_assign_string_element_len(vector, (uint64_t)i, c->dict->text[c->codes[r]],
                                                  (uint64_t)c->dict->len[c->codes[r]]);
            break;
        default: ((int64_t *)data)[i] = c->ints[r]; break;
        }
    }
    return true;
}

static bool column_has_data(const Column *c) {
    return c->num || c->ints || c->codes || c->matrix;
}

/* NULL, or what went wrong: DuckDB's text in the arena. */
static const char *parquet_append(const DuckdbApi *api, Arena *arena, const Table *t, void *appender, void *chunk) {
    int64_t step = (int64_t)api->vector_size();
    for (int64_t begin = 0; begin < t->rows; begin += step) {
        int64_t n = t->rows - begin < step ? t->rows - begin : step;
        api->data_chunk_reset(chunk);
        uint64_t k = 0;
        for (int i = 0; i < t->ncols; i++)
            if (column_has_data(&t->cols[i]) &&
                !parquet_put(api, &t->cols[i], begin, n, api->data_chunk_get_vector(chunk, k++)))
                return "a list does not fit in memory";
        api->data_chunk_set_size(chunk, (uint64_t)n);
        if (api->append_data_chunk(appender, chunk) != DUCKDB_OK)
            return arena_strdup(arena, api->appender_error(appender));
    }
    return api->appender_close(appender) == DUCKDB_OK ? NULL : arena_strdup(arena, api->appender_error(appender));
}

static const char *parquet_query(const DuckdbSession *q, Arena *arena, const char *sql) {
    DuckdbResult result;
    bool ok = q->api->query(q->connection, sql, &result) == DUCKDB_OK;
    const char *error = ok ? NULL : q->api->result_error(&result);
    const char *kept = ok ? NULL : arena_strdup(arena, error ? error : "the query failed");
    q->api->destroy_result(&result);
    return kept;
}

static const char *parquet_fill(const DuckdbSession *q, Arena *arena, const Table *t) {
    const DuckdbApi *api = q->api;
    void **types = arena_array(arena, void *, t->ncols > 0 ? t->ncols : 1);
    uint64_t n = 0;
    Buf sql = {0};
    buf_puts(&sql, "create table t (");
    for (int i = 0; i < t->ncols; i++) {
        const Column *c = &t->cols[i];
        if (!column_has_data(c)) continue;
        buf_printf(&sql, "%s%s %s", n ? ", " : "", duckdb_quote(arena, c->name, '"'), parquet_type_name(c->type));
        types[n++] = parquet_logical_type(api, c->type);
    }
    buf_puts(&sql, ")");
    char *text = buf_take(&sql);
    const char *error = n ? parquet_query(q, arena, text) : "the table has no columns";
    mem_free(text);
    void *appender = NULL, *chunk = NULL;
    if (!error && api->appender_create(q->connection, NULL, "t", &appender) != DUCKDB_OK) error = "no appender";
    if (!error && !(chunk = api->create_data_chunk(types, n))) error = "no data chunk";
    if (!error) error = parquet_append(api, arena, t, appender, chunk);
    if (chunk) api->destroy_data_chunk(&chunk);
    if (appender) (void)api->appender_destroy(&appender); /* closed before, or failed and reported */
    for (uint64_t i = 0; i < n; i++) api->destroy_logical_type(&types[i]);
    return error;
}

bool duckdb_write_parquet(Diags *ds, Span at, const Table *t, const char *path, const char *shown) {
    DuckdbSession q;
    if (!duckdb_session(ds, at, 1, &q)) return false;
    Arena *arena = arena_new();
    const char *error = parquet_fill(&q, arena, t);
    if (!error)
        error = parquet_query(
            &q, arena,
            arena_printf(arena, "copy t to %s (format parquet, use_tmp_file false)", duckdb_quote(arena, path, '\'')));
    if (error) diag_error(ds, "E440", at, "cannot write \"%s\": %.*s", shown, (int)strcspn(error, "\n"), error);
    duckdb_session_close(&q);
    arena_free(arena);
    return !error;
}
