/* base.h: what every module stands on: checked memory, arenas, growable arrays, source spans.
 *
 * Ownership: an Arena owns everything allocated from it; passes never free. Buffers whose size
 * depends on the data (columns, indicators, tables) come from mem_try() and are owned by the
 * structure that holds them.
 *
 * Errors: mem_alloc() and arena_alloc() never return NULL: on exhaustion they call the handler set
 * by mem_on_exhaustion() (main longjmps out, removes temporary files and exits with E902).
 * mem_try() returns NULL, for buffers whose size the caller can explain to the user. */
#ifndef AMAL_BASE_H
#define AMAL_BASE_H
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define AMAL_VERSION "0.1.0"

/* A range of bytes [begin, end) of file number `file` in the file table of diag.h. file 0 is "nowhere". */
typedef struct Span {
    uint32_t file, begin, end;
} Span;
static inline Span span_join(Span a, Span b) {
    if (!a.file) return b;
    if (!b.file || a.file != b.file) return a;
    return (Span){a.file, a.begin < b.begin ? a.begin : b.begin, a.end > b.end ? a.end : b.end};
}

enum { MEM_MAPPED = 2 << 20 };            /* bytes: larger arrays of mem_try() are mapped by themselves */
void *mem_alloc(size_t bytes);            /* zeroed */
void *mem_realloc(void *p, size_t bytes); /* of mem_alloc() or mem_realloc() */
void *mem_try(size_t count, size_t size); /* zeroed, 64-byte aligned; NULL on overflow or exhaustion */
void mem_free(void *p);                   /* for all three */
void mem_trim(void *p, size_t bytes);     /* gives back whole pages of an array of mem_try() behind its first bytes */
void mem_on_exhaustion(void (*handler)(size_t bytes));
_Noreturn void mem_exhausted(size_t bytes); /* calls the handler */
void mem_fail_after(int64_t allocations);   /* tests: the Nth allocation from now on fails; -1 turns it off */
int64_t mem_count(void);                    /* allocations so far */

/* Has whoever waits for the work given up (ctrl-C)? Long work asks between its pieces, on any thread; then it ends with
 * E460. Nobody gives up until a function is set that says so. */
void work_on_give_up(bool (*given_up)(void));
bool work_given_up(void);

typedef struct Arena Arena;
Arena *arena_new(void);
void arena_free(Arena *a);
void *arena_alloc(Arena *a, size_t bytes); /* zeroed, 16-byte aligned */
char *arena_strdup(Arena *a, const char *s);
char *arena_strndup(Arena *a, const char *s, size_t n);
char *arena_printf(Arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(Arena *a, const char *fmt, va_list ap);
#define arena_new_of(a, T) ((T *)arena_alloc((a), sizeof(T)))
#define arena_array(a, T, n) ((T *)arena_alloc((a), sizeof(T) * (size_t)(n)))

/* Growable arrays living in an arena: VEC(int) v = {0}; vec_push(arena, &v, 7); v.data[0], v.len */
#define VEC(T)                                                                                                         \
    struct {                                                                                                           \
        T *data;                                                                                                       \
        int len;                                                                                                       \
        int cap;                                                                                                       \
    }
#define vec_push(arena, v, x)                                                                                          \
    ((v)->len == (v)->cap ? (void)((v)->data = vec_grow_((arena), (v)->data, &(v)->cap, sizeof *(v)->data)) : (void)0, \
     (void)((v)->data[(v)->len++] = (x)))
void *vec_grow_(Arena *a, void *data, int *cap, size_t size);

/* A text under construction (heap). buf_take() hands the NUL-terminated text over: free with mem_free(). */
typedef struct Buf {
    char *data;
    size_t len, cap;
} Buf;
void buf_add(Buf *b, const char *s, size_t n);
void buf_puts(Buf *b, const char *s);
void buf_printf(Buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *buf_take(Buf *b);
void buf_free(Buf *b);

/* Nearest of `count` names to `name` by edit distance (<= max(1, len/3)), or NULL: for "did you mean". */
const char *text_nearest(const char *name, const char *const *names, int count);

uint64_t hash_bytes(const void *p, size_t n, uint64_t seed);
double time_now(void); /* monotonic seconds */
/* x; a NaN without its sign, which means nothing and would be printed. */
double num_unsigned_nan(double x);
/* The least and the greatest of n numbers: infinity and -infinity of none; -infinity and infinity, which says nothing,
 * where one is no number. */
void num_range(const double *x, int64_t n, double *least, double *greatest);

/* Counter-based generator: the same (seed, stream, index) gives the same number on every machine and for
 * every thread count. rng_uniform in [0,1). */
uint64_t rng_u64(uint64_t seed, uint64_t stream, uint64_t index);
double rng_uniform(uint64_t seed, uint64_t stream, uint64_t index);
double rng_normal(uint64_t seed, uint64_t stream, uint64_t index);
#endif
