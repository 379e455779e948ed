/* cache.h: data kept on disk for later runs: tables and joins as they are in memory.
 *
 * An entry is one file of the folder data/ of the cache (cache_folder.h), named by the hash of its key. The key is a
 * text that says everything the content follows from besides the source files' bytes: the program (version, size and
 * time of its file), what is read, options, schema, mapping. The source files are known by stamps: device, inode,
 * size, times of modification and of change in nanoseconds, and a hash of the content. A stamp whose times lie more
 * than CACHE_SETTLED seconds before the reading is trusted; any other, and one that differs in anything but the size,
 * has the file's content hashed and compared.
 *
 * Every array of an entry, and what describes them, has a hash that is checked before the entry is used: one that was
 * cut short or damaged is said (W605) and made again. Entries are written under a temporary name and renamed under a
 * lock, with room made first: the least recently used go until all fit the limit. What cannot be written is said (W604)
 * and the run goes on.
 *
 * A reader gives pointers into the mapped file; cache_reader_keep() hands the mapping over (munmap() ends it). */
#ifndef AMAL_CACHE_H
#define AMAL_CACHE_H
#include "backends/runtime/cache_folder.h"
#include "backends/runtime/file_map.h"

enum { CACHE_FORMAT = 2, CACHE_SETTLED = 2 };
/* Sources of fewer bytes are not kept: reading them takes less time than the reading of an entry saves. Tests set it.
 */
extern int64_t cache_least_bytes;

typedef struct Cache { /* of one run */
    Diags *ds;
    bool on;
    int64_t limit; /* bytes in the folder */
    char folder[CACHE_PATH];
    struct CacheWaiting *waiting; /* private */
} Cache;
/* wanted: false gives a cache that is off. The limit is $AMAL_CACHE_LIMIT ("500M", "4G", "0": off), else 4 GB; one that
 * cannot be read, and a folder that cannot be used, are said (W603) and leave the cache off. */
void cache_open(Cache *c, Diags *ds, bool wanted);
/* The cache that reading uses from now on; NULL, as at first: none. */
void cache_use(Cache *c);
Cache *cache_current(void);
#define CACHE_LIMIT_DEFAULT (INT64_C(4) << 30)
bool cache_parse_size(const char *text, int64_t *bytes);

/* ---- between two readings of one run ---- */
/* A source without a column block is read twice: for its schema when the script is resolved, later for its rows. What
 * the first reading found out waits here for the second, under the hash of the file's content and a number that says
 * what it is. `data` is from mem_try(): the cache's from here on, the caller's when it is taken. At most
 * CACHE_WAITING_BYTES wait; what is more is freed at once. Without a cache it is freed too. */
#define CACHE_WAITING_BYTES ((size_t)256 << 20)
void cache_wait(Cache *c, Hash128 content, uint64_t what, void *data, size_t len);
void *cache_take(Cache *c, Hash128 content, uint64_t what, size_t *len); /* NULL: it does not wait */
void cache_close(Cache *c);                                              /* frees what nobody took */

/* ---- source files ---- */
typedef struct FileStamp {
    uint64_t dev, ino, size;
    int64_t mtime, ctime; /* nanoseconds since 1970 */
    Hash128 content;
    uint64_t settled; /* 1: the times were old when the content was hashed */
    uint64_t own;     /* hash of what stands before */
} FileStamp;
typedef enum { STAMP_NONE, STAMP_FILE } StampKind;      /* NONE: not there, or no ordinary file */
StampKind stamp_take(const char *path, FileStamp *out); /* without the content */
bool stamp_same_times(const FileStamp *a, const FileStamp *b);
/* What was read of a file. A reader that holds the bytes in memory says what they hash to (cache_watch_exact()); for
 * one that reads by itself the content is hashed when it is done, and before it begins too when the file is so young
 * that its times cannot tell whether it changed meanwhile. */
typedef struct CacheWatch {
    const char *path;
    FileStamp stamp;
    bool usable, young, exact, told;
} CacheWatch;
void cache_watch_begin(CacheWatch *w, const char *path, bool exact); /* before reading; will the reader tell? */
void cache_watch_exact(CacheWatch *w, Hash128 content);              /* of all bytes of the file */
bool cache_watch_end(CacheWatch *w); /* after; false: it changed meanwhile, keep nothing */

/* ---- writing ---- */
typedef struct CacheArray {
    const void *data;
    size_t len;
    void *owned; /* the writer's to free, or NULL */
} CacheArray;
typedef struct CacheWriter {
    Buf meta;
    CacheArray *arrays;
    int count, cap;
} CacheWriter;
void cache_put_int(CacheWriter *w, int64_t v);
void cache_put_num(CacheWriter *w, double v);
void cache_put_text(CacheWriter *w, const char *s);                 /* NULL too */
void cache_put_array(CacheWriter *w, const void *data, size_t len); /* kept until cache_writer_free() */
void cache_put_owned(CacheWriter *w, void *data, size_t len);       /* from mem_try(): freed by the writer */
/* about: one line for `amal cache`, as "table flights of /data/flights.csv". The stamps are sealed here. False: not
 * kept, which was said unless it was meant to be so. */
bool cache_write(Cache *c, const Buf *key, const char *about, int nstamps, FileStamp *stamps, CacheWriter *w);
void cache_writer_free(CacheWriter *w);

/* ---- reading ---- */
typedef struct CacheReader {
    FileMap map;
    const char *p, *end; /* of the part that describes the arrays */
    const char *directory;
    int narrays, next;
    bool damaged;
} CacheReader;
/* The entry of `key` when it is whole and the files at `paths` are those it was made of; their stamps as they are now
 * in `stamps` (NULL: not wanted). */
bool cache_read(Cache *c, const Buf *key, int npaths, const char *const *paths, FileStamp *stamps, CacheReader *out);
int64_t cache_get_int(CacheReader *r);
double cache_get_num(CacheReader *r);
const char *cache_get_text(CacheReader *r); /* in the mapping, ends in NUL; NULL when NULL was put */
/* The next array, 64-byte aligned; it must have `len` bytes. */
void *cache_get_array(CacheReader *r, size_t len);
/* An int in [least, most], else the entry is damaged and the answer is `least`. */
int64_t cache_get_count(CacheReader *r, int64_t least, int64_t most);
/* Ends the reading. damaged: says so. */
void cache_reader_close(Cache *c, CacheReader *r);
char *cache_reader_keep(CacheReader *r, size_t *len);

/* The program's part of every key. */
void cache_key_begin(Buf *key, const char *kind);

/* ---- for `amal cache` ---- */
typedef struct CacheEntry {
    char *file; /* path */
    const char *about;
    int64_t bytes, used; /* size; nanoseconds since 1970 of the last use */
} CacheEntry;
typedef VEC(CacheEntry) CacheEntries;
/* Ordinary files of a folder of the cache, the last used first; with what data entries are about. */
void cache_list(Arena *arena, const char *folder, CacheEntries *out);
#endif
