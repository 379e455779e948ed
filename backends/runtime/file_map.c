/* file_map.c: see file_map.h.
 *
 * The guards are a table that the SIGBUS handler reads; a fault outside of them goes to the handler that was there
 * before. Mapping one page of zeros over the missing one is all that the handler does. */
#define _GNU_SOURCE
#include "backends/runtime/file_map.h"
#include "backends/runtime/kernels.h"
#include "compiler/diag.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

enum { GUARDS = 64 };
typedef struct Guard {
    atomic_uintptr_t begin, end; /* end 0: free */
    atomic_bool broken;
} Guard;
static Guard guards[GUARDS];
static struct sigaction before;
static uintptr_t page_size;

static void on_bus_error(int number, siginfo_t *info, void *context) {
    uintptr_t at = (uintptr_t)info->si_addr;
    for (int i = 0; i < GUARDS; i++) {
        if (at < atomic_load(&guards[i].begin) || at >= atomic_load(&guards[i].end)) continue;
        void *page = (void *)(at & ~(page_size - 1));
        void *zeros = mmap(page, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        if (zeros == MAP_FAILED) break;
        atomic_store(&guards[i].broken, true);
        return;
    }
    if (before.sa_flags & SA_SIGINFO) {
        before.sa_sigaction(number, info, context);
        return;
    }
    if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
        before.sa_handler(number);
        return;
    }
    (void)signal(number, SIG_DFL); /* the access is tried again, and ends the process as it would have */
}

static void guards_install(void) {
    struct sigaction a;
    memset(&a, 0, sizeof a);
    a.sa_sigaction = on_bus_error;
    a.sa_flags = SA_SIGINFO;
    sigemptyset(&a.sa_mask);
    page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
    if (sigaction(SIGBUS, &a, &before)) internal_error("SIGBUS cannot be caught");
}

bool file_map(int fd, size_t len, FileMap *out) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static pthread_mutex_t taking = PTHREAD_MUTEX_INITIALIZER;
    pthread_once(&once, guards_install);
    void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) return false;
    *out = (FileMap){p, len, -1};
    pthread_mutex_lock(&taking);
    for (int i = 0; i < GUARDS && out->guard < 0; i++) {
        if (atomic_load(&guards[i].end)) continue;
        atomic_store(&guards[i].broken, false);
        atomic_store(&guards[i].begin, (uintptr_t)p);
        atomic_store(&guards[i].end, (uintptr_t)p + len);
        out->guard = i;
    }
    pthread_mutex_unlock(&taking);
    return true;
}

bool file_map_broken(const FileMap *m) {
    return m->guard >= 0 && atomic_load(&guards[m->guard].broken);
}

char *file_map_keep(FileMap *m) {
    if (m->guard >= 0) atomic_store(&guards[m->guard].end, 0);
    m->guard = -1;
    return m->data;
}

void file_unmap(FileMap *m) {
    char *data = file_map_keep(m);
    if (data) (void)munmap(data, m->len);
    *m = (FileMap){.guard = -1};
}

/* ---------------- hash ---------------- */
enum { LANES = 8 };
static const uint64_t lane_key[LANES] = {0x9e3779b97f4a7c15u, 0xbf58476d1ce4e5b9u, 0x94d049bb133111ebu,
                                         0xd6e8feb86659fd93u, 0xa0761d6478bd642fu, 0xe7037ed1a0b428dbu,
                                         0x8ebc6af09c88c6e3u, 0x589965cc75374cc3u};

static inline uint64_t scramble(uint64_t x) {
    x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
    x = (x ^ (x >> 29)) * 0x9e3779b97f4a7c15u;
    return x ^ (x >> 32);
}
/* Eight independent multiply-and-shift chains over words; every bit of a word reaches the upper half by the product
 * and the lower half by the shift, so that no two changes of single bits cancel. */
#ifdef __clang__
static Hash128 hash_chunk(const char *p, size_t len) {
#else /* gcc makes vectors of them, which have no 64-bit product before AVX-512: half the speed */
__attribute__((optimize("no-tree-vectorize", "no-tree-slp-vectorize", "unroll-loops"))) static Hash128
hash_chunk(const char *p, size_t len) {
#endif
    uint64_t h[LANES];
    for (int i = 0; i < LANES; i++) h[i] = lane_key[i] + len;
    size_t n = len;
    for (; n >= LANES * 8; n -= LANES * 8, p += LANES * 8) {
        uint64_t w[LANES];
        memcpy(w, p, sizeof w);
        for (int i = 0; i < LANES; i++) {
            h[i] = (h[i] ^ w[i]) * (lane_key[i] | 1);
            h[i] ^= h[i] >> 32;
        }
    }
    uint64_t w[LANES] = {0};
    if (n) memcpy(w, p, n);
    Hash128 out = {len, ~(uint64_t)len};
    for (int i = 0; i < LANES; i++) {
        uint64_t last = scramble((h[i] ^ w[i]) * (lane_key[i] | 1));
        out.a = scramble(out.a ^ last) + lane_key[i];
        out.b = scramble(out.b + (last << 32 | last >> 32)) ^ lane_key[LANES - 1 - i];
    }
    return out;
}

Hash128 content_hash_chunk(const void *data, size_t len) {
    return hash_chunk(data, len);
}
Hash128 content_hash_join(const Hash128 *chunks, size_t count) {
    return count == 1 ? chunks[0] : hash_chunk((const char *)chunks, count * sizeof *chunks);
}

typedef struct HashWork {
    const char *data;
    size_t len, chunks;
    Hash128 *parts;
} HashWork;
static void hash_part(void *ctx, int part, int nparts) {
    const HashWork *w = ctx;
    size_t from = w->chunks * (size_t)part / (size_t)nparts, to = w->chunks * (size_t)(part + 1) / (size_t)nparts;
    for (size_t k = from; k < to; k++) {
        size_t at = k * CONTENT_CHUNK, left = w->len - at;
        w->parts[k] = hash_chunk(w->data + at, left < CONTENT_CHUNK ? left : CONTENT_CHUNK);
    }
}
Hash128 content_hash(const void *data, size_t len) {
    if (len <= CONTENT_CHUNK) return hash_chunk(data, len);
    HashWork w = {data, len, (len + CONTENT_CHUNK - 1) / CONTENT_CHUNK, NULL};
    w.parts = mem_alloc(w.chunks * sizeof *w.parts);
    int threads = thread_default_count() * 4;
    thread_run((size_t)threads < w.chunks ? threads : (int)w.chunks, hash_part, &w);
    Hash128 out = content_hash_join(w.parts, w.chunks);
    mem_free(w.parts);
    return out;
}
