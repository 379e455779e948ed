/* file_map.h: files mapped for reading, and the hash of their content.
 *
 * A mapped file that another program cuts short while it is read would end the process with SIGBUS. Between
 * file_map() and file_unmap() such a page reads as zeros instead, and file_map_broken() says that it happened: what was
 * made of the mapping is then to be thrown away. */
#ifndef AMAL_FILE_MAP_H
#define AMAL_FILE_MAP_H
#include "compiler/base.h"

typedef struct FileMap {
    char *data;
    size_t len;
    int guard; /* private; -1: all guards are taken, and the mapping is not watched */
} FileMap;
/* Maps the first `len` bytes (above 0). false: errno says why. */
bool file_map(int fd, size_t len, FileMap *out);
bool file_map_broken(const FileMap *m);
void file_unmap(FileMap *m);
/* Stops watching a mapping that stays; it is returned, and munmap() ends it. */
char *file_map_keep(FileMap *m);

typedef struct Hash128 {
    uint64_t a, b;
} Hash128;
/* Of any bytes, on all threads; the same on every machine of this byte order, whatever the number of threads. Meant to
 * notice changes, not to resist who forges them. */
Hash128 content_hash(const void *data, size_t len);
/* The same piece by piece: the hashes of all pieces of CONTENT_CHUNK bytes (the last may be shorter) joined. */
enum { CONTENT_CHUNK = 1 << 20 };
Hash128 content_hash_chunk(const void *data, size_t len);
Hash128 content_hash_join(const Hash128 *chunks, size_t count);
static inline bool hash_same(Hash128 x, Hash128 y) {
    return x.a == y.a && x.b == y.b;
}
#endif
