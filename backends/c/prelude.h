/* prelude.h: what emitted code uses besides the services of abi.h and the cell functions of ir/cells.h. Spelled out
 * after them at the top of every emitted file. */

/* Vectors of 8, 4 and 2 numbers, whatever the processor has for them; fold adds a vector's lanes. */
typedef double v8d __attribute__((vector_size(64)));
typedef double v4d __attribute__((vector_size(32)));
typedef double v2d __attribute__((vector_size(16)));

static inline double fold2(v2d v) {
    return v[0] + v[1];
}
static inline double fold4(v4d v) {
    v2d a, b;
    memcpy(&a, &v, sizeof a);
    memcpy(&b, (const char *)&v + sizeof a, sizeof b);
    return fold2(a + b);
}
static inline double fold8(v8d v) {
    v4d a, b;
    memcpy(&a, &v, sizeof a);
    memcpy(&b, (const char *)&v + sizeof a, sizeof b);
    return fold4(a + b);
}

/* exp, log and their kin a vector at a time, where the C library has them. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
extern double exp(double) __attribute__((simd("notinbranch"), const, nothrow));
extern double log(double) __attribute__((simd("notinbranch"), const, nothrow));
extern double sin(double) __attribute__((simd("notinbranch"), const, nothrow));
extern double cos(double) __attribute__((simd("notinbranch"), const, nothrow));
#endif

/* A seed, a number of rounds, the column of a one-hot row: as whole numbers, also of numbers that are none. */
static inline uint64_t seed_of(double x) {
    return fabs(x) < 9.0e18 ? (uint64_t)(int64_t)floor(x) : 0;
}
static inline int64_t times_of(double x) {
    return x >= 1 ? x < 9e15 ? (int64_t)x : INT64_MAX : 0;
}
static inline int64_t column_of(double x) {
    return x >= 1 && x < 9e15 && x == floor(x) ? (int64_t)x - 1 : -1;
}

/* The first row of a part: whole blocks of 64, so that parts do not share cache lines. */
static inline int64_t share(int64_t n, int part, int parts) {
    return part == parts ? n : n / 64 * part / parts * 64;
}

/* As many parts as threads, but none with fewer than 1024 rows. */
static inline int parts_for(int64_t n, int threads) {
    const int64_t most = n / 1024 + 1;
    return most < threads ? (int)most : threads;
}

/* to += each of the parts, in their order. */
static void add_parts(double *restrict to, const double *restrict parts, int64_t n, int count) {
    for (int p = 0; p < count; p++)
        for (int64_t j = 0; j < n; j++) to[j] += parts[p * n + j];
}
