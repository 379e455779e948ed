/* data_cache.h: tables and integrations that outlive one run: what a session keeps between its statements.
 *
 * Everything is found by a key, the hash of all that it is made of: of a table its declaration and its file's size and
 * times; of a target the declarations it needs and the keys of its sources; of the parts also the split. Who asks
 * computes the keys (data.h: DataKeys), so that what changed is simply not found, and what did not is.
 *
 * Ownership: the cache owns tables, integrations, parts and materialized copies. An integration points into the arena
 * of the run that built it: that arena is Kept, and freed with the last thing that lives in it. */
#ifndef AMAL_DATA_CACHE_H
#define AMAL_DATA_CACHE_H
#include "backends/runtime/integration.h"
#include "compiler/model.h"

typedef struct Kept {
    Arena *arena;
    int users;
} Kept;
Kept *kept_new(void); /* with one user */
void kept_hold(Kept *k);
void kept_release(Kept *k);

typedef struct CachedCopy {
    const Integration *of;
    Integration *made;
} CachedCopy;
typedef struct CachedTarget {
    uint64_t key, split_key;
    const Model *model; /* whose encoders were used; NULL: its own */
    Integration *root;
    int nparts;
    Integration **parts;
    int ncopies;
    CachedCopy *copies; /* of root and parts */
    Kept *kept;
} CachedTarget;

typedef struct DataCache DataCache;
DataCache *data_cache_new(void);
void data_cache_free(DataCache *c);

/* A table with all columns of `wanted` (NULL: all); NULL: there is none. */
Table *data_cache_table(const DataCache *c, uint64_t key, int ncols, const bool *wanted);
/* Adds to `wanted` the columns that earlier reads of the same table wanted, so that both uses find the next read. */
void data_cache_widen(const DataCache *c, uint64_t key, int ncols, bool *wanted);
void data_cache_add_table(DataCache *c, uint64_t key, Table *t, int ncols, const bool *wanted);

CachedTarget *data_cache_target(DataCache *c, uint64_t key, const Model *m); /* NULL: there is none */
CachedTarget *data_cache_add_target(DataCache *c, uint64_t key, const Model *m, Integration *root, Kept *kept);
/* Takes the parts over; the old ones and their copies are freed. */
void data_cache_set_parts(CachedTarget *t, uint64_t split_key, int n, Integration **parts);
/* The copy of root or of a part; NULL: there is none. */
Integration *data_cache_copy(const DataCache *c, const Integration *of);
void data_cache_add_copy(DataCache *c, const Integration *of, Integration *made); /* `of` is in the cache */

/* What may still be wanted: the keys of tables and targets as they are now, and models, whose encoders belong to the
 * integration that they were trained on. All else is freed. */
typedef struct CacheRoots {
    int ntables, ntargets, nmodels;
    const uint64_t *tables, *targets;
    Model *const *models;
} CacheRoots;
void data_cache_sweep(DataCache *c, const CacheRoots *roots);
bool data_cache_holds(const DataCache *c, const Integration *root);
int64_t data_cache_rows(const DataCache *c, uint64_t table_key); /* -1: not read */
#endif
