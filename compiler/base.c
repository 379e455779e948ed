/* base.c: arenas, texts under construction, near names, hashes and random numbers.
 *
 * An arena is a list of chunks that double from 4 KB to 1 MB, so that small scripts stay small and a test that
 * fails the Nth allocation for every N meets every chunk.
 *
 * Random numbers: a counter (seed, stream, index) goes through three rounds of the 64-bit finalizer of
 * Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014), so that any number of
 * a sequence can be had without the ones before it. */
#include "compiler/base.h"
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

/* ---- giving up ---- */
static bool (*give_up_listener)(void);
void work_on_give_up(bool (*given_up)(void)) {
    give_up_listener = given_up;
}
bool work_given_up(void) {
    return give_up_listener && give_up_listener();
}

/* ---- arenas ---- */
typedef struct Chunk {
    struct Chunk *next;
    size_t used, size; /* of the bytes that follow */
} Chunk;
struct Arena {
    Chunk *first; /* the one being filled; earlier ones follow it */
    size_t next_size;
};
enum {
    CHUNK_HEAD = (sizeof(Chunk) + 15) / 16 * 16,
    CHUNK_FIRST = 4096,
    CHUNK_TOUCHED = 64 << 10,
    CHUNK_LAST = 1 << 20,
    PAGE = 4096
};

Arena *arena_new(void) {
    Arena *a = mem_alloc(sizeof *a);
    a->next_size = CHUNK_FIRST;
    return a;
}

void arena_free(Arena *a) {
    if (!a) return;
    for (Chunk *c = a->first, *next; c; c = next) {
        next = c->next;
        mem_free(c);
    }
    mem_free(a);
}

/* The pages of a chunk that will be filled, at once: one by one, as they are written, takes four times as long, and
 * that was a tenth of a short run. */
static void touch(void *p, size_t bytes) {
#ifdef MADV_POPULATE_WRITE
    uintptr_t begin = ((uintptr_t)p + PAGE - 1) / PAGE * PAGE, end = ((uintptr_t)p + bytes) / PAGE * PAGE;
    if (bytes >= CHUNK_TOUCHED && bytes <= CHUNK_LAST + CHUNK_HEAD)
        (void)madvise((void *)begin, end - begin,
                      MADV_POPULATE_WRITE); /* advice: where it is not known they come later */
#else
    (void)p, (void)bytes;
#endif
}
static Chunk *chunk_new(size_t size) {
    Chunk *c = mem_alloc(CHUNK_HEAD + size);
    touch(c, CHUNK_HEAD + size);
    c->size = size;
    return c;
}

void *arena_alloc(Arena *a, size_t bytes) {
    if (bytes > (size_t)PTRDIFF_MAX - 4096) mem_exhausted(bytes);
    size_t need = bytes ? (bytes + 15) / 16 * 16 : 16;
    Chunk *c = a->first;
    if (!c || c->size - c->used < need) {
        if (need > a->next_size / 4 && c) { /* a large piece gets its own chunk behind the one being filled */
            Chunk *own = chunk_new(need);
            own->used = need;
            own->next = c->next;
            c->next = own;
            return (char *)own + CHUNK_HEAD;
        }
        size_t size = need > a->next_size ? need : a->next_size;
        c = chunk_new(size);
        c->next = a->first;
        a->first = c;
        if (a->next_size < CHUNK_LAST) a->next_size *= 2;
    }
    void *p = (char *)c + CHUNK_HEAD + c->used;
    c->used += need;
    return p;
}

char *arena_strndup(Arena *a, const char *s, size_t n) {
    char *p = arena_alloc(a, n + 1);
    if (n) memcpy(p, s, n);
    return p;
}

char *arena_strdup(Arena *a, const char *s) {
    return arena_strndup(a, s, strlen(s));
}

char *arena_vprintf(Arena *a, const char *fmt, va_list ap) {
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0) n = 0; /* only for a text that cannot be converted: it becomes empty */
    char *p = arena_alloc(a, (size_t)n + 1);
    (void)vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p;
}

char *arena_printf(Arena *a, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *p = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return p;
}

void *vec_grow_(Arena *a, void *data, int *cap, size_t size) {
    if (*cap > INT32_MAX / 2) mem_exhausted((size_t)*cap * size);
    int larger = *cap ? *cap * 2 : 4;
    void *p = arena_alloc(a, (size_t)larger * size);
    if (*cap) memcpy(p, data, (size_t)*cap * size);
    *cap = larger;
    return p;
}

/* ---- texts under construction ---- */
static void buf_reserve(Buf *b, size_t more) {
    if (more > (size_t)PTRDIFF_MAX - b->len - 1) mem_exhausted(more);
    size_t need = b->len + more + 1;
    if (need <= b->cap) return;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need) cap *= 2;
    b->data = mem_realloc(b->data, cap);
    b->cap = cap;
}

void buf_add(Buf *b, const char *s, size_t n) {
    buf_reserve(b, n);
    if (n) memcpy(b->data + b->len, s, n);
    b->len += n;
    b->data[b->len] = 0;
}

void buf_puts(Buf *b, const char *s) {
    buf_add(b, s, strlen(s));
}

void buf_printf(Buf *b, const char *fmt, ...) {
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n > 0) {
        buf_reserve(b, (size_t)n);
        (void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

char *buf_take(Buf *b) {
    buf_reserve(b, 0);
    b->data[b->len] = 0;
    char *p = b->data;
    *b = (Buf){0};
    return p;
}

void buf_free(Buf *b) {
    mem_free(b->data);
    *b = (Buf){0};
}

/* ---- near names ---- */
enum { NEAR_LONGEST = 96 }; /* longer names are not compared: nobody mistypes those by hand */

static int lower_byte(int c) {
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

/* Damerau-Levenshtein distance with adjacent swaps (optimal string alignment); a difference of case only
 * counts as less than any other: distances are doubled and a case difference costs 1. */
static int text_distance(const char *a, int n, const char *b, int m) {
    int row[3][NEAR_LONGEST + 1];
    for (int j = 0; j <= m; j++) row[0][j] = 2 * j;
    for (int i = 1; i <= n; i++) {
        int *now = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];
        now[0] = 2 * i;
        for (int j = 1; j <= m; j++) {
            int cost = a[i - 1] == b[j - 1] ? 0 : lower_byte(a[i - 1]) == lower_byte(b[j - 1]) ? 1 : 2;
            int best = up[j - 1] + cost;
            if (up[j] + 2 < best) best = up[j] + 2;
            if (now[j - 1] + 2 < best) best = now[j - 1] + 2;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && up2[j - 2] + 2 < best)
                best = up2[j - 2] + 2;
            now[j] = best;
        }
    }
    return row[n % 3][m];
}

const char *text_nearest(const char *name, const char *const *names, int count) {
    size_t n = strlen(name);
    if (!n || n > NEAR_LONGEST) return NULL;
    int limit = n / 3 > 1 ? (int)(n / 3) * 2 : 2;
    const char *best = NULL;
    for (int i = 0; i < count; i++) {
        size_t m = names[i] ? strlen(names[i]) : 0;
        if (!m || m > NEAR_LONGEST) continue;
        /* a name all of whose bytes would have to change is not near, however short */
        int d = text_distance(name, (int)n, names[i], (int)m), all = 2 * (int)(n > m ? n : m);
        if (d <= limit && d < all) {
            best = names[i];
            limit = d - 1;
        }
    }
    return best;
}

/* ---- hashes, time, random numbers ---- */
static uint64_t mix64(uint64_t x) {
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

uint64_t hash_bytes(const void *p, size_t n, uint64_t seed) {
    const unsigned char *s = p;
    uint64_t h = mix64(seed + 0x9e3779b97f4a7c15u) ^ (uint64_t)n;
    for (; n >= 8; n -= 8, s += 8) {
        uint64_t word;
        memcpy(&word, s, 8);
        h = (h ^ mix64(word + 0x9e3779b97f4a7c15u)) * 0xd6e8feb86659fd93u;
        h ^= h >> 32;
    }
    uint64_t tail = 0;
    if (n) memcpy(&tail, s, n);
    return mix64(h ^ mix64(tail + 0x9e3779b97f4a7c15u));
}

double num_unsigned_nan(double x) {
    return isnan(x) ? (double)NAN : x;
}

/* Four of each: one would wait for itself. */
void num_range(const double *x, int64_t n, double *least, double *greatest) {
    double lo[4] = {INFINITY, INFINITY, INFINITY, INFINITY}, hi[4] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY};
    bool nan = false;
    for (int64_t i = 0; i < n; i += 4)
        for (int k = 0; k < 4 && i + k < n; k++) {
            double v = x[i + k];
            lo[k] = v < lo[k] ? v : lo[k];
            hi[k] = v > hi[k] ? v : hi[k];
            nan |= v != v;
        }
    *least = nan ? -INFINITY : fmin(fmin(lo[0], lo[1]), fmin(lo[2], lo[3]));
    *greatest = nan ? INFINITY : fmax(fmax(hi[0], hi[1]), fmax(hi[2], hi[3]));
}

double time_now(void) {
    struct timespec t;
    if (clock_gettime(CLOCK_MONOTONIC, &t) != 0) return 0;
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

uint64_t rng_u64(uint64_t seed, uint64_t stream, uint64_t index) {
    uint64_t x = mix64(seed + 0x9e3779b97f4a7c15u);
    x = mix64(x + stream * 0xd1342543de82ef95u + 0x9e3779b97f4a7c15u);
    return mix64(x + index * 0x9e3779b97f4a7c15u + 0x632be59bd9b4e019u);
}

double rng_uniform(uint64_t seed, uint64_t stream, uint64_t index) {
    return (double)(rng_u64(seed, stream, index) >> 11) * 0x1p-53;
}

/* Box and Muller: the radius from one stream, the angle from a stream derived from it. */
double rng_normal(uint64_t seed, uint64_t stream, uint64_t index) {
    double u = 1.0 - rng_uniform(seed, stream, index); /* (0, 1]: the logarithm exists */
    double v = rng_uniform(seed ^ 0x5851f42d4c957f2du, stream, index);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586476925 * v);
}
