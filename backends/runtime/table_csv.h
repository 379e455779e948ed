/* table_csv.h: between the two halves of the CSV reader: table_csv.c decides what the file's fields are,
 * table_csv_scan.c walks over its bytes on several threads. */
#ifndef AMAL_TABLE_CSV_H
#define AMAL_TABLE_CSV_H
#include "backends/runtime/table_private.h"

/* A file's text and how it is cut into records and fields. */
typedef struct CsvText {
    const char *data, *end; /* the whole file, for counting lines */
    const char *body;       /* the first record after the header */
    char delimiter, quote;  /* quote 0: none */
    char newline;           /* '\n' (with an optional '\r' before it), or '\r' in files that have no '\n' */
    int nfields;            /* a record */
} CsvText;
typedef struct CsvField {
    const char *text; /* between the quotes when quoted */
    size_t len;
    bool quoted, doubled; /* doubled: "" inside stands for one quote */
    const char *broken;   /* what is wrong with the quoting, or NULL */
} CsvField;
/* Reads one field at p; returns the place after it: at a delimiter, at the record's end, or at `end`. */
const char *csv_field(const CsvText *t, const char *p, CsvField *f);
/* From the end of a record's last field to the next record. */
const char *csv_next_record(const CsvText *t, const char *p);
/* Copies a doubled field's text with single quotes; `to` has room for f->len bytes. Returns the length. */
size_t csv_undouble(const CsvText *t, const CsvField *f, char *to);
bool csv_blank_line(const CsvText *t, const char *p);
int64_t csv_line(const CsvText *t, const char *p); /* of a place, from 1 */

/* Which of the types a file's column can have, as far as seen. */
enum { GUESS_INT = 1, GUESS_NUM = 2, GUESS_BOOL = 4, GUESS_DATE = 8, GUESS_TIME = 16, GUESS_ALL = 31, GUESS_SEEN = 32 };

/* What went wrong in one column of one stretch of the file. */
typedef struct CsvProblem {
    int64_t bad, null;
    const char *first_bad, *first_null; /* places in the text */
    CsvField field;                     /* of the first bad cell */
    const char *why;
} CsvProblem;
/* A stretch of whole records and what was found in it. */
typedef struct CsvPart {
    const char *begin, *limit, *stop; /* `stop` = `limit` unless the cut was wrong */
    int64_t offset, rows;             /* where its rows go, how many came */
    int64_t ragged;
    const char *first_ragged, *broken, *broken_at, *not_text;
    int ragged_fields;
    bool no_memory;
    CsvProblem *problems; /* per column */
    int64_t *nulls;       /* per column */
    Dict **dicts;         /* per column; NULL for those that have none */
    uint8_t *guesses;     /* per field, when guessing */
    char *scratch;        /* for doubled fields */
    size_t scratch_size;
} CsvPart;
typedef struct CsvPlan {
    const Source *source;
    const CsvText *text;
    const Schema *schema;   /* NULL: guess the types of all fields */
    const int *field_first; /* per field: the first column it feeds, -1 none */
    const int *column_next; /* per column: the next that the same field feeds, -1 none */
    Table *table;
    int nparts;
    CsvPart *parts;
} CsvPlan;
/* Cuts the body into at most `threads` parts at records' ends and sets their offsets from the number of lines; returns
 * an upper bound on the rows. */
int64_t csv_cut(CsvPlan *plan, int threads);
/* A part is not cut smaller than this: tests make it small so that short texts are cut too. */
extern size_t csv_part_bytes;
/* Walks over all parts, each on a thread. A cut that the quoting fooled leaves the plan with one part, walked again.
 * False: no memory. */
bool csv_walk(CsvPlan *plan);
void csv_plan_free(CsvPlan *plan);
#endif
