/* join_device.h: a device (a GPU) that makes the look-ups of a join, as integration_device.c asks for them.
 *
 * A join begins at the rows of one table. Each further table, a place, is found by keys: codes that rows of tables
 * placed before have, and that its own rows have. What is asked for is one row number for each place and each row of
 * the first table; which rows of the target they make is decided by the caller. */
#ifndef AMAL_JOIN_DEVICE_H
#define AMAL_JOIN_DEVICE_H
#include "compiler/diag.h"

typedef struct JoinKey {
    const int32_t *own;  /* a code for each row of the place's table; -1: null */
    const int32_t *from; /* a code for each row of the table it is compared with */
    int64_t domain;      /* codes are below it */
    int place;           /* whose rows `from` has; -1: of the first table */
    int64_t rows;        /* of that table */
} JoinKey;
typedef struct JoinPlace {
    int nkeys; /* at least one */
    const JoinKey *keys;
    int64_t rows;
    const uint8_t *ok; /* rows to find; NULL: all */
} JoinPlace;
typedef struct JoinLookUps {
    int64_t rows; /* of the first table */
    int nplaces;
    const JoinPlace *places;
} JoinLookUps;
typedef struct JoinDevice {
    const char *name; /* "the GPU" */
    int64_t piece;    /* how many rows of the first table are best asked for at a time */
    /* NULL: it can be and pays; otherwise why not. */
    const char *(*unsuited)(const JoinLookUps *l);
    /* Indexes the tables. NULL: *why says what stands in the way, such as a table with two rows of one key; *why NULL:
     * it failed, reported. */
    void *(*open)(Diags *ds, Span at, const JoinLookUps *l, const char **why);
    /* rows[place][i]: the row of the place that row first + i of the first table finds, -1: none, or a null key, or no
     * row of the table that the key is compared with. false: reported. */
    bool (*find)(void *opened, int64_t first, int64_t n, int32_t *const *rows);
    void (*close)(void *opened);
} JoinDevice;
#endif
