/* memory.c: checked memory (contract: base.h).
 *
 * mem_alloc() and everything built on it never return NULL: they call the exhaustion handler, which does not return
 * (main longjmps out).
 *
 * Arrays lie in huge pages where the system has them. A virtual machine takes microseconds to map a page of 4 kB, and a
 * training of a millisecond fills hundreds: that took longer than its passes. Fresh pages are zero, so that nobody
 * writes zeros first, and the threads that fill an array take its pages.
 *
 * Arrays of LARGE bytes and more are mapped by themselves, 64 bytes behind a multiple of 2 MB, where their head is.
 *
 * Those of MEDIUM bytes and more lie next to each other in regions of huge pages, each behind its head; one region
 * stays when it is empty.
 *
 * Others are the C library's. */
#include "compiler/base.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

static void (*exhaustion_handler)(size_t bytes);
static atomic_int_fast64_t allocation_count;
static atomic_int_fast64_t fail_countdown = -1;

void mem_on_exhaustion(void (*handler)(size_t bytes)) {
    exhaustion_handler = handler;
}

void mem_fail_after(int64_t allocations) {
    atomic_store(&fail_countdown, allocations);
}

int64_t mem_count(void) {
    return atomic_load(&allocation_count);
}

static bool mem_is_refused(void) {
    atomic_fetch_add_explicit(&allocation_count, 1, memory_order_relaxed);
    if (atomic_load_explicit(&fail_countdown, memory_order_relaxed) < 0) return false;
    if (atomic_fetch_sub(&fail_countdown, 1) > 1) return false;
    atomic_store(&fail_countdown, -1);
    return true;
}

_Noreturn void mem_exhausted(size_t bytes) {
    if (exhaustion_handler) exhaustion_handler(bytes);
    fprintf(stderr, "amal: error[E902]: out of memory: %zu bytes were refused\n", bytes);
    abort();
}

void *mem_alloc(size_t bytes) {
    void *p = mem_is_refused() ? NULL : calloc(1, bytes ? bytes : 1);
    if (!p) mem_exhausted(bytes);
    return p;
}

void *mem_realloc(void *p, size_t bytes) {
    void *q = mem_is_refused() ? NULL : realloc(p, bytes ? bytes : 1);
    if (!q) mem_exhausted(bytes);
    return q;
}

enum { MEDIUM = 128 << 10, LARGE = MEM_MAPPED, HUGE_PAGE = 2 << 20, PAGE = 4096 };
/* What lies before an array that is not large or medium is looked at too, in the same page: a head is known by its
 * mark, which no other bytes at its place have. */
static uintptr_t mark_of(const void *head, uintptr_t kind) {
    return (uintptr_t)head ^ kind;
}
#define LARGE_KIND ((uintptr_t)0x6c61726765616d61u)
#define MEDIUM_KIND ((uintptr_t)0x6d656469756d616du)

/* `size` bytes of zeros behind a multiple of 2 MB; NULL: there are none. */
static void *map_pages(size_t size) {
    size_t room = size + HUGE_PAGE;
    char *p = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return NULL;
    size_t before = (HUGE_PAGE - (uintptr_t)p % HUGE_PAGE) % HUGE_PAGE;
    if (before) (void)munmap(p, before);
    (void)munmap(p + before + size, room - before - size);
    (void)madvise(p + before, size, MADV_HUGEPAGE); /* advice only */
    return p + before;
}

/* ---- large ---- */
typedef struct LargeHead {
    uintptr_t mark;
    size_t mapped;
    char rest[48];
} LargeHead;
__attribute__((no_sanitize("address"))) static LargeHead *large_head(void *p) {
    if ((uintptr_t)p % HUGE_PAGE != sizeof(LargeHead)) return NULL;
    LargeHead *h = (LargeHead *)p - 1;
    return h->mark == mark_of(h, LARGE_KIND) ? h : NULL;
}
static void *large_try(size_t bytes) {
    size_t size = (bytes + sizeof(LargeHead) + PAGE - 1) / PAGE * PAGE;
    LargeHead *h = map_pages(size);
    if (!h) return NULL;
    h->mark = mark_of(h, LARGE_KIND);
    h->mapped = size;
    return h + 1;
}

/* ---- medium ---- */
enum { REGION = 16 << 20, REGIONS = 256 /* at most; then the C library helps */ };
typedef struct Piece { /* a head; pieces fill their region without gaps */
    uintptr_t mark;
    size_t size; /* bytes, with the head; a multiple of 64 */
    struct Piece *before;
    bool used;
    char rest[32];
} Piece;
_Static_assert(sizeof(LargeHead) == 64 && sizeof(Piece) <= 64, "arrays stand at multiples of 64 bytes");
typedef struct Region {
    char *base;
    size_t fresh; /* from here on nothing was ever written */
    size_t room;  /* no free piece is larger */
} Region;
static struct {
    pthread_mutex_t lock;
    int n;
    Region of[REGIONS];
    atomic_uintptr_t least, most; /* addresses that regions had: others' heads are not looked at */
} regions = {.lock = PTHREAD_MUTEX_INITIALIZER};

__attribute__((no_sanitize("address"))) static Piece *medium_head(void *p) {
    if ((uintptr_t)p % 64 || (uintptr_t)p < atomic_load(&regions.least) || (uintptr_t)p >= atomic_load(&regions.most))
        return NULL;
    Piece *h = (Piece *)((char *)p - 64);
    return h->mark == mark_of(h, MEDIUM_KIND) ? h : NULL;
}
static Piece *piece_at(char *at, size_t size, Piece *before) {
    Piece *p = (Piece *)(void *)at;
    *p = (Piece){.mark = mark_of(p, MEDIUM_KIND), .size = size, .before = before};
    return p;
}
static Piece *piece_behind(const Region *r, const Piece *p) {
    char *end = (char *)p + p->size;
    return end < r->base + REGION ? (Piece *)(void *)end : NULL;
}
static Region *region_new(void) {
    char *base = regions.n < REGIONS ? map_pages(REGION) : NULL;
    if (!base) return NULL;
    Region *r = &regions.of[regions.n++];
    *r = (Region){base, sizeof(Piece), REGION};
    if (!atomic_load(&regions.least) || (uintptr_t)base < atomic_load(&regions.least))
        atomic_store(&regions.least, (uintptr_t)base);
    if ((uintptr_t)base + REGION > atomic_load(&regions.most)) atomic_store(&regions.most, (uintptr_t)base + REGION);
    (void)piece_at(base, REGION, NULL);
    return r;
}
/* A piece of `size` bytes; what is left of a larger one is a piece of its own. *stale: the bytes of it, from its
 * beginning, that may have been written. */
static Piece *take_piece(Region *r, size_t size, size_t *stale) {
    Piece *p = (Piece *)(void *)r->base;
    size_t largest = 0;
    for (; p && (p->used || p->size < size); p = piece_behind(r, p))
        if (!p->used && p->size > largest) largest = p->size;
    if (!p) {
        r->room = largest;
        return NULL;
    }
    size_t begin = (size_t)((char *)p - r->base), end = begin + size;
    *stale = r->fresh > begin ? r->fresh - begin : 0;
    if (*stale > size) *stale = size;
    if (p->size >= size + MEDIUM / 2) {
        Piece *next = piece_behind(r, p), *rest = piece_at((char *)p + size, p->size - size, p);
        if (next) next->before = rest;
        p->size = size;
        end += sizeof *rest;
    } else
        end = begin + p->size;
    if (r->fresh < end) r->fresh = end;
    p->used = true;
    return p;
}
static void *medium_try(size_t bytes) {
    size_t size = bytes + 64, stale = 0;
    Piece *p = NULL;
    pthread_mutex_lock(&regions.lock);
    for (int i = 0; i < regions.n && !p; i++)
        if (regions.of[i].room >= size) p = take_piece(&regions.of[i], size, &stale);
    if (!p) {
        Region *r = region_new();
        p = r ? take_piece(r, size, &stale) : NULL;
    }
    pthread_mutex_unlock(&regions.lock);
    if (!p) return NULL;
    char *array = (char *)p + 64;
    if (stale > 64) memset(array, 0, stale - 64);
    return array;
}
static void join_behind(const Region *r, Piece *p) {
    Piece *next = piece_behind(r, p);
    if (!next || next->used) return;
    p->size += next->size;
    next->mark = 0;
    Piece *after = piece_behind(r, p);
    if (after) after->before = p;
}
static bool region_is_empty(const Region *r) {
    const Piece *first = (const Piece *)(const void *)r->base;
    return !first->used && first->size == REGION;
}
static void medium_free(Piece *p) {
    pthread_mutex_lock(&regions.lock);
    int i = 0;
    while ((char *)p < regions.of[i].base || (char *)p >= regions.of[i].base + REGION) i++;
    Region *r = &regions.of[i];
    p->used = false;
    join_behind(r, p);
    if (p->before && !p->before->used) join_behind(r, p = p->before);
    if (p->size > r->room) r->room = p->size;
    bool other = false; /* that is empty */
    for (int k = 0; k < regions.n && p->size == REGION; k++)
        other = other || (k != i && region_is_empty(&regions.of[k]));
    if (other) {
        (void)munmap(r->base, REGION);
        *r = regions.of[--regions.n];
    }
    pthread_mutex_unlock(&regions.lock);
}

#ifdef __SANITIZE_ADDRESS__
enum { MEDIUM_FROM = LARGE }; /* so that it sees where arrays end */
#else
enum { MEDIUM_FROM = MEDIUM };
#endif
void *mem_try(size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > (size_t)PTRDIFF_MAX - 64) return NULL;
    bytes = (bytes + 63) / 64 * 64;
    if (!bytes) bytes = 64;
    if (mem_is_refused()) return NULL;
    if (bytes >= LARGE) return large_try(bytes);
    void *p = bytes >= MEDIUM_FROM ? medium_try(bytes) : NULL;
    if (p) return p;
    p = aligned_alloc(64, bytes);
    if (p) memset(p, 0, bytes);
    return p;
}

void mem_trim(void *p, size_t bytes) {
    LargeHead *h = p ? large_head(p) : NULL;
    size_t size = (bytes + sizeof(LargeHead) + PAGE - 1) / PAGE * PAGE;
    if (!h || size >= h->mapped) return;
    (void)munmap((char *)h + size, h->mapped - size);
    h->mapped = size;
}
void mem_free(void *p) {
    LargeHead *h = p ? large_head(p) : NULL;
    Piece *piece = p && !h ? medium_head(p) : NULL;
    if (piece)
        medium_free(piece);
    else if (!h)
        free(p);
    else
        (void)munmap(h, h->mapped);
}
