/* duckdb_api.h: the part of DuckDB's C API that Amalur calls, looked up at run time in a libduckdb opened with dlopen.
 *
 * Written for the stable C API of DuckDB 1.2 and later (checked with 1.5). The declarations are our own so that nothing
 * of DuckDB is needed to build: opaque handles are pointers, duckdb_result and duckdb_string_t have the layouts the
 * stable API fixes, and DUCKDB_FUNCTIONS is the list of everything called: return type, name, arguments.
 *
 * duckdb_session() opens an empty in-memory database with the given number of threads; E610 when there is no library.
 */
#ifndef AMAL_DUCKDB_API_H
#define AMAL_DUCKDB_API_H
#include "compiler/diag.h"

typedef struct DuckdbResult {
    uint64_t unused_counts[3];
    void *unused_columns;
    char *unused_error;
    void *internal;
} DuckdbResult;
/* A text of up to 12 bytes lies in the structure itself, a longer one behind the pointer. */
typedef union DuckdbString {
    struct {
        uint32_t length;
        char text[12];
    } inlined;
    struct {
        uint32_t length;
        char prefix[4];
        const char *text;
    } pointer;
} DuckdbString;
static inline uint32_t duckdb_string_length(const DuckdbString *s) {
    return s->inlined.length;
}
static inline const char *duckdb_string_text(const DuckdbString *s) {
    return s->inlined.length <= 12 ? s->inlined.text : s->pointer.text;
}
_Static_assert(sizeof(DuckdbString) == 16, "a duckdb_string_t has 16 bytes");
typedef struct DuckdbListEntry {
    uint64_t offset, length;
} DuckdbListEntry;

/* Numbers of types, as in DuckDB's enum. */
enum {
    DUCKDB_BOOLEAN = 1,
    DUCKDB_BIGINT = 5,
    DUCKDB_DOUBLE = 11,
    DUCKDB_TIMESTAMP = 12,
    DUCKDB_DATE = 13,
    DUCKDB_VARCHAR = 17
};
enum { DUCKDB_OK = 0 };

#define DUCKDB_FUNCTIONS(X)                                                                                            \
    X(const char *, library_version, (void))                                                                           \
    X(int, create_config, (void **config))                                                                             \
    X(int, set_config, (void *config, const char *name, const char *value))                                            \
    X(void, destroy_config, (void **config))                                                                           \
    X(int, open_ext, (const char *path, void **database, void *config, char **error))                                  \
    X(void, close, (void **database))                                                                                  \
    X(int, connect, (void *database, void **connection))                                                               \
    X(void, disconnect, (void **connection))                                                                           \
    X(int, query, (void *connection, const char *sql, DuckdbResult *result))                                           \
    X(void, destroy_result, (DuckdbResult * result))                                                                   \
    X(const char *, result_error, (DuckdbResult * result))                                                             \
    X(void *, fetch_chunk, (DuckdbResult result))                                                                      \
    X(uint64_t, data_chunk_get_size, (void *chunk))                                                                    \
    X(void *, data_chunk_get_vector, (void *chunk, uint64_t column))                                                   \
    X(void, destroy_data_chunk, (void **chunk))                                                                        \
    X(void *, vector_get_data, (void *vector))                                                                         \
    X(uint64_t *, vector_get_validity, (void *vector))                                                                 \
    X(void *, list_vector_get_child, (void *vector))                                                                   \
    X(uint64_t, vector_size, (void))                                                                                   \
    X(void *, create_logical_type, (int type))                                                                         \
    X(void *, create_list_type, (void *type))                                                                          \
    X(void, destroy_logical_type, (void **type))                                                                       \
    X(void *, create_data_chunk, (void **types, uint64_t columns))                                                     \
    X(void, data_chunk_reset, (void *chunk))                                                                           \
    X(void, data_chunk_set_size, (void *chunk, uint64_t size))                                                         \
    X(void, vector_ensure_validity_writable, (void *vector))                                                           \
    X(void, vector_assign_string_element_len, (void *vector, uint64_t row, const char *s, uint64_t len))               \
    X(int, list_vector_reserve, (void *vector, uint64_t capacity))                                                     \
    X(int, list_vector_set_size, (void *vector, uint64_t size))                                                        \
    X(int, appender_create, (void *connection, const char *schema, const char *table, void **out))                     \
    X(const char *, appender_error, (void *appender))                                                                  \
    X(int, append_data_chunk, (void *appender, void *chunk))                                                           \
    X(int, appender_close, (void *appender))                                                                           \
    X(int, appender_destroy, (void **appender))                                                                        \
    X(void, free, (void *p))
typedef struct DuckdbApi {
#define DUCKDB_FIELD(result, name, arguments) result(*name) arguments;
    DUCKDB_FUNCTIONS(DUCKDB_FIELD)
#undef DUCKDB_FIELD
} DuckdbApi;
typedef struct DuckdbSession {
    const DuckdbApi *api;
    void *database, *connection;
} DuckdbSession;
bool duckdb_session(Diags *ds, Span at, int threads, DuckdbSession *out); /* reported: false */
void duckdb_session_close(DuckdbSession *q);
/* 'text' and "name" as SQL writes them. */
const char *duckdb_quote(Arena *arena, const char *text, char mark);
#endif
