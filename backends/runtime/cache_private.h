/* cache_private.h: what cache.c (values, stamps) and cache_file.c (files and folder) share. Not for others. */
#ifndef AMAL_CACHE_PRIVATE_H
#define AMAL_CACHE_PRIVATE_H
#include "backends/runtime/cache.h"
#include <time.h>

static const char cache_mark[8] = "amaldata";
typedef struct CacheHeader {
    char mark[8];
    uint32_t format, nstamps;
    uint64_t size; /* of the file */
    uint64_t key_len, about_len, meta_len, narrays;
    Hash128 small; /* of key, about, meta and directory, one after the other */
    uint64_t own;  /* hash of what stands before */
} CacheHeader;
typedef struct CacheExtent {
    uint64_t offset, len;
    Hash128 hash;
} CacheExtent;
int64_t nanoseconds(struct timespec t); /* since 1970 */
void stamp_seal(FileStamp *s);
typedef enum { STAMP_SAME, STAMP_RENEWED, STAMP_CHANGED } StampCheck;
/* Is the file at `path` the stamped one? RENEWED: by its content; the stamp is now that of the file as it is. */
StampCheck stamp_check(const char *path, FileStamp *s);
#endif
