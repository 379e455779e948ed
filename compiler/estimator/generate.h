/* generate.h: synthetic multi-source data: tables with keys, and a script that maps and trains on them.
 *
 * Everything follows from the seed and the range, a value from (seed, table and column, row): the same bytes wherever
 * the C library's pow() rounds alike. Ranges:
 *   published  Ilargi, Table 3: two tables, 100k, 500k or 1M rows, 10 to 50 columns, sparse columns, shares of rows and
 *              columns from each table 0.1 to 1, inner, left and outer join and union
 *   wide       stars and snowflakes of 2 to 5 tables, outer joins, unions and one-to-one joins; random and skewed keys,
 * 1 to 1000 rows for each, sometimes in order; zero cells; one-hot columns; 500 to 300k rows
 *   broad      stars and snowflakes of 2 to 4 tables with one-hot columns of 50 to 2000 categories and tables that are
 * one sparse matrix; up to 1000 rounds; mostly regressions whose loops run on X'X or over the rows. Long trainings. */
#ifndef AMAL_GENERATE_H
#define AMAL_GENERATE_H
#include "backends/runtime/table.h"

enum { GENERATE_TABLES = 5 };
/* ROW(id, name): of the option --range, and of the names of data sets, "wide-17" */
#define GENERATE_RANGES(ROW)                                                                                           \
    ROW(WIDE, "wide")                                                                                                  \
    ROW(PUBLISHED, "published")                                                                                        \
    ROW(BROAD, "broad")
typedef enum GenerateRange {
#define ROW(id, name) RANGE_##id,
    GENERATE_RANGES(ROW)
#undef ROW
        NRANGES
} GenerateRange;
extern const char *const generate_ranges[NRANGES];
typedef struct Dataset {
    const char
        *script; /* its text: sources "NAME.csv", or "NAME.mtx" of a sparse matrix, one target T, `train` statements */
    const char *summary; /* "star of 3 tables, 21000 rows, 17 columns" */
    int ntables;
    Table *tables[GENERATE_TABLES]; /* owned; in the order of the script's sources */
} Dataset;
/* The range of such a name; of NULL, wide. */
GenerateRange generate_range(const char *name);
/* false: no memory, nothing is left. Texts are in the arena. */
bool generate_dataset(Arena *arena, uint64_t seed, GenerateRange range, Dataset *out);
void dataset_free(Dataset *d);
#endif
