/* cache.c: see cache.h.
 *
 * An entry: header, stamps, key, about, description, directory; then the arrays at multiples of 64. */
#include "backends/runtime/cache.h"
#include "backends/runtime/cache_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int64_t cache_least_bytes = 1 << 20;

bool cache_parse_size(const char *text, int64_t *bytes) {
    static const char units[] = "KMGT";
    char *end;
    errno = 0;
    double v = strtod(text, &end);
    int shift = 0;
    if (end == text) return false;
    for (int i = 0; units[i]; i++)
        if (*end == units[i] || *end == units[i] + 32) shift = 10 * (i + 1);
    if (shift) end++;
    v *= (double)(INT64_C(1) << shift);
    if (*end || errno || !(v >= 0) || v > 1e18) return false;
    *bytes = (int64_t)v;
    return true;
}

void cache_open(Cache *c, Diags *ds, bool wanted) {
    *c = (Cache){.ds = ds, .limit = CACHE_LIMIT_DEFAULT};
    const char *limit = getenv("AMAL_CACHE_LIMIT"), *why;
    if (!wanted) return;
    if (limit && *limit && !cache_parse_size(limit, &c->limit)) {
        diag_help(diag_warn(ds, "W603", (Span){0}, "AMAL_CACHE_LIMIT=%s is no size: no data are kept", limit),
                  "write it as in 500M or 4G; 0 keeps nothing");
        return;
    }
    if (!c->limit) return;
    c->on = cache_folder_find("data", c->folder, sizeof c->folder, &why);
    if (!c->on)
        diag_help(diag_warn(ds, "W603", (Span){0}, "%s cannot be used (%s): no data are kept for later runs",
                            *c->folder ? c->folder : "the cache", why),
                  "set AMAL_CACHE to a folder that is yours and that nobody else can write into, or say --no-cache");
}

/* ---------------- between two readings ---------------- */
typedef struct CacheWaiting {
    struct CacheWaiting *next;
    Hash128 content;
    uint64_t what;
    void *data;
    size_t len;
} CacheWaiting;

void cache_wait(Cache *c, Hash128 content, uint64_t what, void *data, size_t len) {
    size_t bytes = len;
    bool known = false;
    for (const CacheWaiting *w = c ? c->waiting : NULL; w; w = w->next) {
        bytes += w->len;
        known = known || (w->what == what && hash_same(w->content, content));
    }
    CacheWaiting *mine = c && !known && bytes <= CACHE_WAITING_BYTES ? mem_try(1, sizeof *mine) : NULL;
    if (!mine) {
        mem_free(data);
        return;
    }
    *mine = (CacheWaiting){c->waiting, content, what, data, len};
    c->waiting = mine;
}
void *cache_take(Cache *c, Hash128 content, uint64_t what, size_t *len) {
    for (CacheWaiting **at = c ? &c->waiting : NULL; at && *at; at = &(*at)->next) {
        CacheWaiting *w = *at;
        if (w->what != what || !hash_same(w->content, content)) continue;
        void *data = w->data;
        *len = w->len;
        *at = w->next;
        mem_free(w);
        return data;
    }
    return NULL;
}
void cache_close(Cache *c) {
    for (CacheWaiting *w = c->waiting, *next; w; w = next) {
        next = w->next;
        mem_free(w->data);
        mem_free(w);
    }
    c->waiting = NULL;
}

static Cache *current;
void cache_use(Cache *c) {
    current = c;
}
Cache *cache_current(void) {
    return current;
}

void cache_key_begin(Buf *key, const char *kind) {
    struct stat st;
    buf_printf(key, "amal " AMAL_VERSION " %d", CACHE_FORMAT);
    if (!stat("/proc/self/exe", &st)) /* another build of the same version may read differently */
        buf_printf(key, " %lld %lld.%09ld", (long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    buf_printf(key, "\n%s\n", kind);
}

/* ---------------- source files ---------------- */
int64_t nanoseconds(struct timespec t) {
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
static FileStamp stamp_of(const struct stat *st) {
    return (FileStamp){.dev = (uint64_t)st->st_dev,
                       .ino = (uint64_t)st->st_ino,
                       .size = (uint64_t)st->st_size,
                       .mtime = nanoseconds(st->st_mtim),
                       .ctime = nanoseconds(st->st_ctim)};
}
StampKind stamp_take(const char *path, FileStamp *out) {
    struct stat st;
    if (stat(path, &st) || !S_ISREG(st.st_mode)) return STAMP_NONE;
    *out = stamp_of(&st);
    return STAMP_FILE;
}
bool stamp_same_times(const FileStamp *a, const FileStamp *b) {
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime == b->mtime && a->ctime == b->ctime;
}
static bool stamp_settled(const FileStamp *s) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now)) return false;
    int64_t latest = s->mtime > s->ctime ? s->mtime : s->ctime;
    return nanoseconds(now) - latest > (int64_t)CACHE_SETTLED * 1000000000;
}
/* The content of the file as it is now, with its times; false: it cannot be read, or changes. */
static bool stamp_hash(const char *path, FileStamp *out) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    FileStamp first = {0}, last = {0};
    bool ok = fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode);
    if (ok) {
        first = stamp_of(&st);
        FileMap m = {.guard = -1};
        if (first.size && (ok = file_map(fd, (size_t)first.size, &m))) {
            first.content = content_hash(m.data, m.len);
            ok = !file_map_broken(&m);
            file_unmap(&m);
        }
        if (!first.size) first.content = content_hash("", 0);
    }
    if (ok && (ok = !fstat(fd, &st))) {
        last = stamp_of(&st);
        ok = stamp_same_times(&first, &last);
    }
    if (fd >= 0) (void)close(fd); /* only read */
    if (ok) *out = first;
    return ok;
}

void cache_watch_begin(CacheWatch *w, const char *path, bool exact) {
    *w = (CacheWatch){.path = path, .exact = exact};
    w->usable = stamp_take(path, &w->stamp) == STAMP_FILE;
    w->young = w->usable && !stamp_settled(&w->stamp);
    if (w->young && !exact) w->usable = stamp_hash(path, &w->stamp);
    w->told = !exact;
}
void cache_watch_exact(CacheWatch *w, Hash128 content) {
    w->stamp.content = content;
    w->told = true;
}
bool cache_watch_end(CacheWatch *w) {
    FileStamp now;
    if (!w->usable || !w->told) return false;
    if (w->exact ? stamp_take(w->path, &now) != STAMP_FILE : !stamp_hash(w->path, &now)) return false;
    if (!stamp_same_times(&now, &w->stamp)) return false;
    if (!w->exact && w->young && !hash_same(now.content, w->stamp.content)) return false;
    if (!w->exact) w->stamp.content = now.content;
    w->stamp.settled = !w->young;
    return true;
}

void stamp_seal(FileStamp *s) {
    s->own = hash_bytes(s, offsetof(FileStamp, own), 5);
}
StampCheck stamp_check(const char *path, FileStamp *s) {
    FileStamp now;
    if (stamp_take(path, &now) != STAMP_FILE || now.size != s->size) return STAMP_CHANGED;
    bool sealed = s->own == hash_bytes(s, offsetof(FileStamp, own), 5);
    if (sealed && s->settled && stamp_same_times(&now, s)) return STAMP_SAME;
    bool settled = stamp_settled(&now);
    FileStamp hashed;
    if (!sealed || !stamp_hash(path, &hashed) || !hash_same(hashed.content, s->content)) return STAMP_CHANGED;
    hashed.settled = settled && stamp_same_times(&hashed, &now);
    *s = hashed;
    stamp_seal(s);
    return STAMP_RENEWED;
}

/* ---------------- writing ---------------- */
void cache_put_int(CacheWriter *w, int64_t v) {
    buf_add(&w->meta, (const char *)&v, sizeof v);
}
void cache_put_num(CacheWriter *w, double v) {
    buf_add(&w->meta, (const char *)&v, sizeof v);
}
void cache_put_text(CacheWriter *w, const char *s) {
    size_t n = s ? strlen(s) : 0;
    cache_put_int(w, s ? (int64_t)n : -1);
    if (s) buf_add(&w->meta, s, n + 1);
}
void cache_put_array(CacheWriter *w, const void *data, size_t len) {
    if (w->count == w->cap) {
        w->cap = w->cap ? 2 * w->cap : 64;
        w->arrays = mem_realloc(w->arrays, (size_t)w->cap * sizeof *w->arrays);
    }
    w->arrays[w->count++] = (CacheArray){data, len, NULL};
}
void cache_put_owned(CacheWriter *w, void *data, size_t len) {
    cache_put_array(w, data, len);
    w->arrays[w->count - 1].owned = data;
}
void cache_writer_free(CacheWriter *w) {
    buf_free(&w->meta);
    for (int i = 0; i < w->count; i++) mem_free(w->arrays[i].owned);
    mem_free(w->arrays);
    *w = (CacheWriter){0};
}

/* ---------------- reading ---------------- */
static const void *take(CacheReader *r, size_t n) {
    if (r->damaged || (size_t)(r->end - r->p) < n) {
        r->damaged = true;
        return NULL;
    }
    const char *p = r->p;
    r->p += n;
    return p;
}
int64_t cache_get_int(CacheReader *r) {
    int64_t v = 0;
    const void *p = take(r, sizeof v);
    if (p) memcpy(&v, p, sizeof v);
    return v;
}
int64_t cache_get_count(CacheReader *r, int64_t least, int64_t most) {
    int64_t v = cache_get_int(r);
    if (v >= least && v <= most) return v;
    r->damaged = true;
    return least;
}
double cache_get_num(CacheReader *r) {
    double v = 0;
    const void *p = take(r, sizeof v);
    if (p) memcpy(&v, p, sizeof v);
    return v;
}
const char *cache_get_text(CacheReader *r) {
    int64_t n = cache_get_int(r);
    if (n < 0 || n > (int64_t)r->map.len) {
        r->damaged = r->damaged || n != -1;
        return NULL;
    }
    const char *s = take(r, (size_t)n + 1);
    if (s && s[n]) r->damaged = true;
    return s;
}
void *cache_get_array(CacheReader *r, size_t len) {
    CacheExtent x;
    if (r->damaged || r->next == r->narrays) {
        r->damaged = true;
        return NULL;
    }
    memcpy(&x, r->directory + (size_t)r->next++ * sizeof x, sizeof x);
    if (x.len != len) r->damaged = true;
    return r->damaged ? NULL : r->map.data + x.offset;
}
char *cache_reader_keep(CacheReader *r, size_t *len) {
    *len = r->map.len;
    char *data = file_map_keep(&r->map);
    r->map = (FileMap){.guard = -1};
    return data;
}
void cache_reader_close(Cache *c, CacheReader *r) {
    if (r->damaged)
        diag_warn(c->ds, "W605", (Span){0}, "data that an earlier run kept are damaged, and are made again");
    if (r->map.data) file_unmap(&r->map);
}
