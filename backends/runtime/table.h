/* table.h: source tables in memory, and the readers that fill them.
 *
 * A Table is a list of typed columns. Numbers (num) are doubles with NaN for null; int, bool, date (days since
 * 1970-01-01) and time (microseconds since 1970-01-01 00:00) are int64 with TABLE_NULL_INT for null; text and cat are
 * codes into the column's dictionary with -1 for null (a dictionary lists distinct strings in order of first
 * appearance); a vector column is a Matrix with a row a table row. Null is what the declaration says it is (null
 * texts), an empty unquoted field, or NaN.
 *
 * Readers: CSV (.csv .tsv .txt, also .gz), Parquet, JSON/NDJSON through libduckdb opened with dlopen;
 * `sqlite:FILE?table=T` and `sqlite:FILE?query=SELECT…` through libsqlite3; Matrix Market (.mtx, .mtx.gz; coordinate
 * and array; real, integer, pattern; general, symmetric) by our own reader. Errors are diagnostics (E4xx) that name
 * file, line, column and value, with a remedy; a missing library is E610. Rows keep the file's order. */
#ifndef AMAL_TABLE_H
#define AMAL_TABLE_H
#include "backends/runtime/matrix.h"
#include "compiler/ast.h"
#include "compiler/diag.h"

#define TABLE_NULL_INT INT64_MIN

typedef struct Dict {
    char **text;
    int32_t *len;
    int32_t count, cap;
    void *index; /* private hash */
} Dict;
struct CacheWriter;
struct CacheReader;
Dict *dict_new(void);
bool dict_save(const Dict *d, struct CacheWriter *w);  /* false: no memory; d must outlive the writer */
Dict *dict_load(struct CacheReader *r);                /* in the entry's mapping; NULL: damaged, or no memory */
int32_t dict_add(Dict *d, const char *s, int32_t len); /* code of s, added when new; -2: no memory or 2^31 entries */
int32_t dict_find(const Dict *d, const char *s, int32_t len); /* -1: absent */
void dict_free(Dict *d);

typedef struct Column {
    const char *name;
    TypeKind type;  /* never TY_INFER */
    double *num;    /* TY_NUM */
    int64_t *ints;  /* TY_INT TY_BOOL TY_DATE TY_TIME TY_ROWID */
    int32_t *codes; /* TY_TEXT TY_CAT */
    Dict *dict;
    Matrix *matrix; /* TY_VECTOR */
    int64_t nulls;
    bool mapped; /* its arrays lie in the table's cache entry */
    Span span;   /* its declaration, or the source's */
} Column;
typedef struct Table {
    const char *name, *path;
    Span span;
    int64_t rows;
    int ncols;
    Column *cols;
    void *entry; /* a mapped cache entry of `entry_len` bytes, or NULL */
    size_t entry_len;
    struct FileStamp *stamp; /* of the file as it was read (cache.h); NULL: nobody asked, or it changed meanwhile */
} Table;
static inline bool column_is_null(const Column *c, int64_t r) {
    if (c->num) return c->num[r] != c->num[r];
    if (c->ints) return c->ints[r] == TABLE_NULL_INT;
    if (c->codes) return c->codes[r] < 0;
    return false;
}
int table_find(const Table *t, const char *column); /* -1: absent */
void table_free(Table *t);

typedef struct TableOptions {
    const char *base_dir; /* relative URIs are relative to this (the script's folder) */
    int threads;
    const bool
        *wanted; /* per declared column: read only these (NULL: all); unwanted columns stay in `cols` with no data */
    int nwanted; /* how many `wanted` holds */
} TableOptions;

/* Column names and types of a source without reading its rows: what the declaration says or, without a block, what the
 * reader sniffs. Columns are allocated in the arena. false: reported. */
bool table_schema(Arena *arena, Diags *ds, const SourceDecl *decl, const TableOptions *opt, int *ncols,
                  ColumnDecl **cols);
/* Reads all rows. NULL: reported. */
Table *table_read(Diags *ds, const SourceDecl *decl, const TableOptions *opt);
/* Adds to `key` everything that the table follows from besides the bytes of its file, and gives the file's path. false:
 * what is read does not follow from one ordinary file (SQLite, pipes), so it cannot be kept. */
bool table_key(Arena *arena, const SourceDecl *decl, const TableOptions *opt, Buf *key, const char **path);
/* For tests and generated data: columns from memory, copied. */
Table *table_from_columns(const char *name, int64_t rows, int ncols, const Column *cols);

/* One writer for export, predictions and print: CSV or Parquet by the file's ending; written to a temporary name in the
 * same folder, flushed, then renamed. Numbers print with the shortest text that reads back the same; null is an empty
 * field. false: reported (E440), and nothing is left behind. */
bool table_write(Diags *ds, Span at, const Table *t, const char *path, int64_t *bytes);
bool table_duckdb_available(const char **version, const char **why_not);
/* A cell as people read it: as the writer of CSV does, but texts as they are, vectors in brackets; null is "null". */
void table_cell_text(Buf *out, const Column *c, int64_t row);
/* Writes a whole file the same safe way (temporary name, fsync, rename). */
bool file_write_atomic(Diags *ds, Span at, const char *path, const void *data, size_t len);
/* Removes temporary files still open: for the signal handler and the out-of-memory exit. */
void file_cleanup_temporaries(void);
#endif
