/* data.h: the data of one run: sources read once, integrations built at first use, their parts, and materialized and
 * arranged copies.
 *
 * Everything handed out belongs to the Data and lives until data_close(). Errors are reported and give NULL; a target
 * that failed once is not tried again. */
#ifndef AMAL_DATA_H
#define AMAL_DATA_H
#include "compiler/data_cache.h"
#include "compiler/driver.h"
#include "compiler/model.h"

typedef struct Data Data;
Data *data_open(Arena *arena, Diags *ds, Program *p, const RunOptions *o);
void data_close(Data *d);
/* Before anything is read: tables and integrations are taken from the cache and kept there. keys: as program->sources
 * and program->targets; `kept` holds the arena that `d` was opened with. */
typedef struct DataKeys {
    const uint64_t *sources, *targets, *splits;
} DataKeys;
void data_use_cache(Data *d, DataCache *cache, const DataKeys *keys, Kept *kept);
/* One whole source; with all its columns, whatever targets need. NULL: reported. */
const Table *data_source(Data *d, const Source *s);
/* The whole target. */
const Integration *data_target(Data *d, const Target *t);
/* A target or one of its parts. */
const Integration *data_ref(Data *d, const DataRef *ref);
/* As data_ref, encoded as the model's training data were: a model of this run trained on this target sees the same
 * rows; any other has the target built anew with the model's dictionaries and fills. E461: the features differ. */
const Integration *data_for_model(Data *d, const DataRef *ref, const Model *m);
/* One dense or sparse block; made once for each integration. */
const Integration *data_materialized(Data *d, const Integration *in);
/* Was it already made? Then using it again costs nothing. */
bool data_is_materialized(const Data *d, const Integration *in);
/* Its rows arranged; made once for each arrangement. */
const Integration *data_arranged(Data *d, const Integration *in, Arrangement a);
bool data_is_arranged(const Data *d, const Integration *in, Arrangement a);
int data_parts(Data *d, const Target *t, const Integration *const **parts); /* of a target that was built */
double data_seconds_read(const Data *d);
double data_seconds_match(const Data *d);
double data_seconds_materialize(const Data *d);
/* What came from the cache, for the line of seconds: "", " (from the cache)", " (2 of 3 sources from the cache)". */
const char *data_read_note(const Data *d);
/* The same for JSON: {"sources": ["a"], "targets": ["T"]}. */
void data_cached_json(const Data *d, Buf *out);
/* All roots built so far with their targets, in order: for the report. */
int data_built(const Data *d, const Target *const **targets, const Integration *const **roots);
#endif
