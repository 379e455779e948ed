/* integration_cache.h: targets in the cache (cache.h): indicators, encoded blocks, encoders, labels, and their parts.
 *
 * A target from the cache is all that training, predicting and reports need. It has no state of its building, so that
 * it cannot be exported (integration_export, integration_ids of targets with id columns), and its spec's tables are
 * frames: names, paths and numbers of rows. */
#ifndef AMAL_INTEGRATION_CACHE_H
#define AMAL_INTEGRATION_CACHE_H
#include "backends/runtime/cache.h"
#include "backends/runtime/integration.h"

typedef struct DiskTarget {
    Integration *root;
    int nparts;
    Integration **parts; /* in the arena */
    Table **tables;      /* frames, one a source of the spec (NULL where unused), in the arena; table_free() */
    int ntables;
} DiskTarget;
/* Puts a built target and its parts. All must outlive the writer. false: no memory. */
bool integration_save(const Integration *root, int nparts, Integration *const *parts, CacheWriter *w);
/* Takes the mapping over. The names of parts are `names`; spec is given its tables. false: damaged, or no memory. */
bool integration_load(Arena *arena, MappingSpec *spec, int nparts, const char *const *names, CacheReader *r,
                      DiskTarget *out);
#endif
