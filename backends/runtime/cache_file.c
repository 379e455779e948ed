/* cache_file.c: the files of the data cache: found and checked, written with room made for them, listed. */
#include "backends/runtime/cache_private.h"
#include "backends/runtime/table_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void entry_path(const Cache *c, const Buf *key, char *out, size_t size) {
    Hash128 h = content_hash(key->data, key->len);
    snprintf(out, size, "%s/%016llx%016llx.data", c->folder, (unsigned long long)h.a, (unsigned long long)h.b);
}

/* ---------------- reading ---------------- */
static bool header_valid(const CacheHeader *h, uint64_t size) {
    uint64_t small = sizeof *h + (uint64_t)h->nstamps * sizeof(FileStamp);
    return !memcmp(h->mark, cache_mark, 8) && h->format == CACHE_FORMAT &&
           h->own == hash_bytes(h, offsetof(CacheHeader, own), 6) && h->size == size && h->nstamps < 4096 &&
           h->key_len < size && h->about_len < size && h->meta_len < size && h->narrays < size / sizeof(CacheExtent) &&
           small + h->key_len + h->about_len + h->meta_len + h->narrays * sizeof(CacheExtent) <= size;
}

typedef enum { ENTRY_GOOD, ENTRY_OTHER, ENTRY_DAMAGED } EntryState;
/* Are the key and the files the entry's? Cheap: before the arrays are looked at. */
static EntryState entry_begin(CacheReader *r, const Buf *key, int npaths, const char *const *paths, FileStamp *stamps,
                              int fd) {
    CacheHeader h;
    if (r->map.len < sizeof h) return ENTRY_DAMAGED;
    memcpy(&h, r->map.data, sizeof h);
    if (!header_valid(&h, r->map.len)) return ENTRY_DAMAGED;
    size_t first = sizeof h, small = first + h.nstamps * sizeof(FileStamp);
    size_t meta = small + h.key_len + h.about_len, directory = meta + h.meta_len,
           end = directory + h.narrays * sizeof(CacheExtent);
    Hash128 found = content_hash(r->map.data + small, end - small);
    if (!hash_same(found, h.small)) return ENTRY_DAMAGED;
    if (h.key_len != key->len || memcmp(r->map.data + small, key->data, key->len) || (int)h.nstamps != npaths)
        return ENTRY_OTHER;
    for (int i = 0; i < npaths; i++) {
        FileStamp s;
        size_t at = first + (size_t)i * sizeof s;
        memcpy(&s, r->map.data + at, sizeof s);
        StampCheck check = stamp_check(paths[i], &s);
        if (check == STAMP_CHANGED) return ENTRY_OTHER;
        if (stamps) stamps[i] = s;
        /* a stamp that was not renewed, or half, costs the next run a hash of the content and nothing else */
        if (check == STAMP_RENEWED && pwrite(fd, &s, sizeof s, (off_t)at) != (ssize_t)sizeof s) continue;
    }
    r->p = r->map.data + meta;
    r->end = r->directory = r->map.data + directory;
    r->narrays = (int)h.narrays;
    return ENTRY_GOOD;
}
static bool arrays_whole(const CacheReader *r) {
    for (int i = 0; i < r->narrays; i++) {
        CacheExtent x;
        memcpy(&x, r->directory + (size_t)i * sizeof x, sizeof x);
        if (x.offset % 64 || x.offset > r->map.len || x.len > r->map.len - x.offset) return false;
        if (!hash_same(content_hash(r->map.data + x.offset, x.len), x.hash)) return false;
    }
    return true;
}

bool cache_read(Cache *c, const Buf *key, int npaths, const char *const *paths, FileStamp *stamps, CacheReader *out) {
    *out = (CacheReader){.map = {.guard = -1}};
    if (!c || !c->on) return false;
    char path[CACHE_PATH + 64];
    entry_path(c, key, path, sizeof path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct stat st;
    if (fd < 0) return false;
    bool mapped = !fstat(fd, &st) && st.st_size > 0 && file_map(fd, (size_t)st.st_size, &out->map);
    EntryState state = mapped ? entry_begin(out, key, npaths, paths, stamps, fd) : ENTRY_DAMAGED;
    if (state == ENTRY_GOOD && (!arrays_whole(out) || file_map_broken(&out->map))) state = ENTRY_DAMAGED;
    if (state == ENTRY_GOOD) (void)futimens(fd, NULL); /* the last use; without it the entry only goes earlier */
    (void)close(fd);
    if (state == ENTRY_GOOD) return true;
    out->damaged = state == ENTRY_DAMAGED;
    if (out->damaged) (void)unlink(path); /* it is made again */
    cache_reader_close(c, out);
    return false;
}

/* ---------------- the folder ---------------- */
/* What a writer that was killed left behind. */
static bool abandoned(const struct stat *st) {
    return time(NULL) - st->st_mtim.tv_sec > 3600;
}
static int by_use(const void *a, const void *b) {
    const CacheEntry *x = a, *y = b;
    if (x->used != y->used) return x->used < y->used ? 1 : -1;
    return strcmp(x->file, y->file);
}
static const char *entry_about(Arena *arena, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CacheHeader h;
    struct stat st;
    char *about = NULL;
    bool ok = fd >= 0 && !fstat(fd, &st) && read(fd, &h, sizeof h) == (ssize_t)sizeof h &&
              header_valid(&h, (uint64_t)st.st_size) && h.about_len < 65536;
    if (ok) {
        about = arena_alloc(arena, (size_t)h.about_len + 1);
        off_t at = (off_t)(sizeof h + h.nstamps * sizeof(FileStamp) + h.key_len);
        ok = pread(fd, about, (size_t)h.about_len, at) == (ssize_t)h.about_len;
    }
    if (fd >= 0) (void)close(fd); /* only read */
    return ok ? about : "damaged, or of another version";
}
void cache_list(Arena *arena, const char *folder, CacheEntries *out) {
    DIR *d = opendir(folder);
    if (!d) return;
    for (struct dirent *e; (e = readdir(d));) {
        char *path = arena_printf(arena, "%s/%s", folder, e->d_name);
        struct stat st;
        if (lstat(path, &st) || !S_ISREG(st.st_mode) || !strcmp(e->d_name, "lock")) continue;
        if (name_ends(path, ".tmp") && !abandoned(&st)) continue; /* somebody writes it */
        CacheEntry x = {.file = path, .bytes = (int64_t)st.st_size, .used = nanoseconds(st.st_mtim)};
        if (name_ends(path, ".data")) x.about = entry_about(arena, path);
        vec_push(arena, out, x);
    }
    (void)closedir(d); /* only read */
    if (out->len) qsort(out->data, (size_t)out->len, sizeof *out->data, by_use);
}

/* With the lock held: the least recently used entries go until `bytes` more fit, and what writers that were killed left
 * behind goes too. */
static void make_room(const Cache *c, const char *replaced, int64_t bytes) {
    Arena *arena = arena_new();
    CacheEntries all = {0};
    DIR *d = opendir(c->folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        char *path = arena_printf(arena, "%s/%s", c->folder, e->d_name);
        struct stat st;
        if (lstat(path, &st) || !S_ISREG(st.st_mode)) continue;
        if (name_ends(path, ".tmp") && abandoned(&st))
            (void)unlink(path);
        else if (name_ends(path, ".data") && strcmp(path, replaced))
            vec_push(arena, &all, ((CacheEntry){.file = path, .bytes = st.st_size, .used = nanoseconds(st.st_mtim)}));
    }
    if (d) (void)closedir(d); /* only read */
    if (all.len) qsort(all.data, (size_t)all.len, sizeof *all.data, by_use);
    for (int i = 0; i < all.len; i++) bytes += all.data[i].bytes;
    for (int i = all.len - 1; i >= 0 && bytes > c->limit; i--) {
        (void)unlink(all.data[i].file); /* another run may have been faster */
        bytes -= all.data[i].bytes;
    }
    arena_free(arena);
}

/* ---------------- writing ---------------- */
static int write_at(int fd, const void *data, size_t len, uint64_t offset) {
    if (lseek(fd, (off_t)offset, SEEK_SET) < 0) return errno;
    return file_write_all(fd, data, len);
}
static int write_entry(int fd, const Buf *key, const char *about, int nstamps, const FileStamp *stamps,
                       const CacheWriter *w, uint64_t *size) {
    CacheHeader h = {.format = CACHE_FORMAT,
                     .nstamps = (uint32_t)nstamps,
                     .key_len = key->len,
                     .about_len = strlen(about),
                     .meta_len = w->meta.len,
                     .narrays = (uint64_t)w->count};
    memcpy(h.mark, cache_mark, 8);
    uint64_t stamps_len = (uint64_t)nstamps * sizeof *stamps;
    uint64_t at = sizeof h + stamps_len + key->len + h.about_len + w->meta.len + h.narrays * sizeof(CacheExtent);
    Buf small = {0};
    buf_add(&small, key->data, key->len);
    buf_add(&small, about, (size_t)h.about_len);
    if (w->meta.len) buf_add(&small, w->meta.data, w->meta.len);
    int error = 0;
    for (int i = 0; i < w->count && !error; i++) {
        at = (at + 63) / 64 * 64;
        CacheExtent x = {at, w->arrays[i].len, content_hash(w->arrays[i].data, w->arrays[i].len)};
        buf_add(&small, (const char *)&x, sizeof x);
        if (x.len) error = write_at(fd, w->arrays[i].data, x.len, at);
        at += x.len;
    }
    *size = h.size = at;
    h.small = content_hash(small.data, small.len);
    h.own = hash_bytes(&h, offsetof(CacheHeader, own), 6);
    if (!error) error = write_at(fd, &h, sizeof h, 0);
    if (!error && stamps_len) error = file_write_all(fd, stamps, stamps_len);
    if (!error) error = file_write_all(fd, small.data, small.len);
    if (!error && ftruncate(fd, (off_t)at)) error = errno; /* the last array may be empty, after padding */
    buf_free(&small);
    return error;
}

static uint64_t entry_bytes(const Buf *key, const CacheWriter *w) {
    uint64_t n = key->len + w->meta.len + sizeof(CacheHeader);
    for (int i = 0; i < w->count; i++) n += w->arrays[i].len + sizeof(CacheExtent) + 64;
    return n;
}

static bool write_failed(const Cache *c, const char *about, int error) {
    diag_help(
        diag_warn(c->ds, "W604", (Span){0}, "the %s could not be kept for later runs: %s", about, strerror(error)),
        "make room, set AMAL_CACHE to another folder, or say --no-cache");
    return false;
}

bool cache_write(Cache *c, const Buf *key, const char *about, int nstamps, FileStamp *stamps, CacheWriter *w) {
    if (!c || !c->on || entry_bytes(key, w) > (uint64_t)c->limit) return false;
    char path[CACHE_PATH + 64], lock_path[CACHE_PATH + 64];
    entry_path(c, key, path, sizeof path);
    snprintf(lock_path, sizeof lock_path, "%s/lock", c->folder);
    for (int i = 0; i < nstamps; i++) stamp_seal(&stamps[i]);
    TempFile temp;
    int fd, error = temp_open(path, &temp, &fd);
    if (error) return write_failed(c, about, error);
    uint64_t size = 0;
    error = write_entry(fd, key, about, nstamps, stamps, w, &size);
    if (close(fd) && !error) error = errno;
    int lock = error ? -1 : open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (!error && (lock < 0 || flock(lock, LOCK_EX))) error = errno;
    if (!error) {
        make_room(c, path, (int64_t)size);
        if (rename(temp.path, path)) error = errno; /* not flushed: a file that a crash cut short is found out */
    }
    if (lock >= 0) (void)close(lock); /* and with it the lock */
    if (error)
        temp_abandon(&temp);
    else
        temp_forget(&temp);
    return error ? write_failed(c, about, error) : true;
}
