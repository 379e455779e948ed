/* data_disk.h: targets that earlier runs built: for data.c. */
#ifndef AMAL_DATA_DISK_H
#define AMAL_DATA_DISK_H
#include "backends/runtime/integration_cache.h"
#include "compiler/driver.h"

typedef struct TargetKey {
    bool usable; /* what the target is made of can be known again */
    Buf key;
    VEC(int) sources;       /* of the program, that the target reads */
    VEC(const char *) path; /* of each */
} TargetKey;
/* What a target follows from: the program, the files it reads with their declarations, and every statement of the
 * script but those that only use it. Free with buf_free(&key->key). */
void target_key(Arena *arena, Program *p, const Target *t, const RunOptions *o, TargetKey *out);
/* Does a step need the tables the target was built from? Exports do, and predictions beside id columns. */
bool target_needs_tables(const Program *p, const Target *t);
/* false: it was not kept, or is not the same any more. */
bool target_restore(Arena *arena, Cache *c, const TargetKey *key, Target *t, DiskTarget *out);
/* tables: as the program's sources, which the target was built from. */
void target_keep(Arena *arena, Cache *c, const TargetKey *key, const Target *t, Table *const *tables,
                 const Integration *root, int nparts, Integration *const *parts);
#endif
