/* table_private.h: what the readers of tables share and nobody else may use.
 *
 * A reader turns one source into a Table: it works out which of its fields feeds which declared column, allocates the
 * columns with table_new_columns(), and fills them. Texts of cells become values in one place, table_cell.c, so that
 * "63.0" means the same in a CSV, an SQLite file and a JSON string. Everything here reports to Diags itself; only
 * functions that say so may run on a thread of their own.
 *
 * Codes: E414 null in a `not null` column · E415 header · E416 ragged row or broken quoting · E417 a cell that is not
 * of its column's type · E418 bytes that are no text · E450 file not readable · E451 damaged compression · E452 not a
 * file of its format · E453 Matrix Market · E454 vector width · E455 options and URIs · E456 column types that do not
 * fit · E402 memory. */
#ifndef AMAL_TABLE_PRIVATE_H
#define AMAL_TABLE_PRIVATE_H
#include "backends/runtime/cache.h"
#include "backends/runtime/table.h"

/* ---- a source, taken apart (table.c) ---- */
typedef enum { FORMAT_CSV, FORMAT_PARQUET, FORMAT_JSON, FORMAT_MTX, FORMAT_SQLITE } SourceFormat;
typedef enum { TEXT_UTF8, TEXT_LATIN1 } TextEncoding;
typedef struct Source {
    const SourceDecl *decl;
    const TableOptions *opt;
    Diags *ds;
    Arena *arena; /* lives as long as the call */
    SourceFormat format;
    const char *path;                  /* relative URIs joined with the script's folder */
    const char *sql_table, *sql_query; /* sqlite: one of the two */
    Span at;                           /* the URI in the script */
    char delimiter;                    /* 0: not said */
    char quote;                        /* 0: no quoting */
    bool header;
    int64_t skip;
    TextEncoding encoding;
    int nnulls;
    const char **nulls; /* texts that mean null in every column */
    CacheWatch *watch;  /* told what was read of which file; NULL: nobody asks */
} Source;
/* The columns a reader must produce: the declared ones, or the inferred. */
typedef struct Schema {
    int ncols;
    ColumnDecl *cols;
    bool inferred;
} Schema;
static inline bool source_wants(const Source *s, int column) {
    return !s->opt->wanted || s->opt->wanted[column];
}
bool source_is_null_text(const Source *s, const ColumnDecl *c, const char *text, size_t len); /* thread-safe */
/* Where no column is declared: which type was inferred for this one. */
void source_note_inferred(Diag *d, const Source *s, const ColumnDecl *c);
void source_report_memory(const Source *s, int64_t rows, size_t bytes); /* E460 when the reading was given up */
bool source_given_up(const Source *s);                                  /* true: reported */
/* A cell's text for a message: quoted, control characters shown, clipped. In the source's arena. */
const char *source_quote(const Source *s, const char *text, size_t len);

/* A Table with named, typed columns and room for `rows` rows in the wanted ones. NULL: no memory, reported. */
Table *table_new(const Source *s, const Schema *schema, int64_t rows);
/* Room for `cap` rows, of which the first `rows` are kept: for readers that learn the number of rows at the end. */
bool table_widen(const Source *s, Table *t, int64_t rows, int64_t cap);
void column_free(Column *c);

char *table_text_copy(const char *s); /* NULL: no memory; mem_free */
/* A Table with a name and `ncols` columns without names. NULL: no memory. */
Table *table_frame(const char *name, const char *path, int ncols);
/* table_cache.c: what an earlier run kept, else what `read` gives, which is then kept when that pays. */
void matrix_save(const Matrix *m, CacheWriter *w); /* m must outlive the writer */
Matrix *matrix_load(CacheReader *r);               /* in the entry's mapping; NULL: damaged, or no memory */
bool source_key(const Source *s, Buf *key, const char **path);
bool schema_cached(Source *s, Schema *out, bool (*read)(Source *s, Schema *out));
Table *table_cached(Source *s, Table *(*read)(Source *s));

/* Every reader: fills schema (columns in the source's arena) or reads all rows. */
bool csv_schema(const Source *s, Schema *out);
Table *csv_read(const Source *s);
bool duckdb_schema(const Source *s, Schema *out);
Table *duckdb_read(const Source *s);
bool sqlite_schema(const Source *s, Schema *out);
Table *sqlite_read(const Source *s);
bool mtx_schema(const Source *s, Schema *out);
Table *mtx_read(const Source *s);

/* Fills columns whose cells come one at a time (SQLite) or from typed vectors (Parquet, JSON): checks them against the
 * declaration, keeps the first bad cell of each column and the number of them, and reports at the end. */
typedef struct CellProblems {
    int64_t bad, nulls;            /* cells not of the type; nulls where none may be */
    int64_t first_bad, first_null; /* rows, from 1 */
    char *text;                    /* of the first bad cell, in the source's arena */
    const char *why;
} CellProblems;
void column_put_text(const Source *s, const ColumnDecl *d, Column *c, int64_t row, const char *text, size_t len,
                     CellProblems *p);
void column_put_num(const Source *s, const ColumnDecl *d, Column *c, int64_t row, double v, CellProblems *p);
void column_put_int(const Source *s, const ColumnDecl *d, Column *c, int64_t row, int64_t v, CellProblems *p);
void column_put_null(const ColumnDecl *d, Column *c, int64_t row, CellProblems *p);
/* What to do about a cell that is not of its type; `explained`: the message says why. */
void column_help(Diag *d, const ColumnDecl *c, const char *shown, size_t len, bool explained);
/* True when nothing was wrong; `unit` is "row". */
bool column_report(const Source *s, const ColumnDecl *d, bool inferred, const CellProblems *p);
void column_fill_rowid(Column *c, int64_t rows);

/* ---- texts of cells (table_cell.c); all thread-safe ---- */
typedef enum { CELL_OK, CELL_NULL, CELL_BAD } CellStatus;
/* `text` need not end in NUL. Surrounding blanks are skipped. *why says what is wrong in a few words. */
CellStatus cell_num(const char *text, size_t len, double *out);
CellStatus cell_int(const char *text, size_t len, int64_t *out, const char **why);
CellStatus cell_bool(const char *text, size_t len, int64_t *out);
CellStatus cell_date(const char *text, size_t len, const char *format, int64_t *days, const char **why);
CellStatus cell_time(const char *text, size_t len, const char *format, int64_t *micros, const char **why);
bool cell_format_valid(const char *format, const char **why); /* of date("…") and time("…") */
double cell_to_double(const char *text, size_t len);          /* a text that is known to be a decimal number */
int64_t date_from_civil(int64_t year, int month, int day);    /* days since 1970-01-01 */
void date_to_civil(int64_t days, int64_t *year, int *month, int *day);
#define MICROS_PER_DAY INT64_C(86400000000)

/* ---- bytes of files (table_file.c) ---- */
typedef struct FileBytes {
    char *data; /* NULL only when len is 0 */
    size_t len;
    size_t mapped; /* length of the anonymous mapping, 0 when on the heap */
    bool hashed, inflated;
    Hash128 content; /* of the file, when hashed */
} FileBytes;
/* The whole file, as it was when it was read (another program may go on writing it), inflated when it is gzip (by its
 * first bytes, whatever its name). false: reported. */
bool file_load(const Source *s, FileBytes *out);
void file_unload(FileBytes *f);
/* The same after a schema was read: an inflated text waits for the reading of the rows. */
void file_unload_schema(FileBytes *f);
enum { WAITING_TEXT = 0 };                            /* cache_wait() */
bool file_readable(const Source *s);                  /* reports E450 with the nearest name in the folder */
bool name_ends(const char *name, const char *ending); /* ASCII case ignored */
/* First byte that is not valid UTF-8, or NULL. Thread-safe. */
const char *utf8_invalid(const char *text, size_t len);

/* ---- temporary names (table_temp.c) ---- */
typedef struct TempFile {
    int slot;
    char *path;
} TempFile;
bool temp_create(Diags *ds, Span at, const char *path, TempFile *out, int *fd); /* fd NULL: only the name */
/* Without a message: 0, or errno (EMFILE: all slots are taken). temp_forget() when the file was renamed by the caller.
 */
int temp_open(const char *path, TempFile *out, int *fd);
void temp_forget(TempFile *t);
bool temp_commit(Diags *ds, Span at, TempFile *t, const char *path); /* fsync and rename */
void temp_abandon(TempFile *t);
int file_write_all(int fd, const void *data, size_t len); /* 0, or errno */
bool duckdb_write_parquet(Diags *ds, Span at, const Table *t, const char *path, const char *shown);
#endif
