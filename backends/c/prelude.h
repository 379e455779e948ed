/* prelude.h: what emitted code uses besides the services of abi.h and the cell functions of ir/cells.h. Spelled out
 * after them at the top of every emitted file, which defines LANES, the doubles in a vector of the processor. */

/* Vectors of 8, 4 and 2 numbers; u: the same anywhere in memory. vd is the processor's width, vl its truth values. */
typedef double v8d __attribute__((vector_size(64)));
typedef double v4d __attribute__((vector_size(32)));
typedef double v2d __attribute__((vector_size(16)));
typedef v8d v8u __attribute__((aligned(8), may_alias));
typedef v4d v4u __attribute__((aligned(8), may_alias));
typedef v2d v2u __attribute__((aligned(8), may_alias));
#if LANES == 8
typedef v8d vd;
#elif LANES == 4
typedef v4d vd;
#else
typedef v2d vd;
#endif
typedef vd vu __attribute__((aligned(8), may_alias));
typedef int64_t vl __attribute__((vector_size(8 * LANES)));
typedef float vf __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
#define INLINE static inline __attribute__((always_inline))
#ifndef PASS
#define PASS static
#endif
#if defined(__clang__)
#define PICK(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define PICK(a, b, ...) __builtin_shuffle(a, b, (vl){__VA_ARGS__})
#endif

/* The first n numbers at p, and zeros: nothing behind them is read. */
#if LANES == 8
INLINE v8d part8(const double *p, int n) {
    return __builtin_ia32_loadupd512_mask(p, (v8d){0}, (unsigned char)((1 << n) - 1));
}
#endif
#if LANES >= 4
INLINE v4d part4(const double *p, int n) {
    typedef long long v4l __attribute__((vector_size(32)));
    return __builtin_ia32_maskloadpd256((const v4d *)p, (v4l){-(n > 0), -(n > 1), -(n > 2), -(n > 3)});
}
#endif

/* The sum of a vector's numbers: neighbours first, then neighbouring sums, as fold_all() adds them. */
INLINE double fold2(v2d v) {
    return v[0] + v[1];
}
INLINE double fold4(v4d v) {
    return fold2((v2d){v[0], v[2]} + (v2d){v[1], v[3]});
}
INLINE double fold8(v8d v) {
    return fold4((v4d){v[0], v[2], v[4], v[6]} + (v4d){v[1], v[3], v[5], v[7]});
}
/* The sums of the numbers of LANES vectors, in their order. */
INLINE vd fold_all(const vd x[LANES]) {
#if LANES == 8
    vd y[4], z[2];
#pragma GCC unroll 4
    for (int r = 0; r < 4; r++)
        y[r] = PICK(x[2 * r], x[2 * r + 1], 0, 8, 2, 10, 4, 12, 6, 14) +
               PICK(x[2 * r], x[2 * r + 1], 1, 9, 3, 11, 5, 13, 7, 15);
#pragma GCC unroll 2
    for (int r = 0; r < 2; r++)
        z[r] = PICK(y[2 * r], y[2 * r + 1], 0, 1, 8, 9, 4, 5, 12, 13) +
               PICK(y[2 * r], y[2 * r + 1], 2, 3, 10, 11, 6, 7, 14, 15);
    return PICK(z[0], z[1], 0, 1, 2, 3, 8, 9, 10, 11) + PICK(z[0], z[1], 4, 5, 6, 7, 12, 13, 14, 15);
#elif LANES == 4
    const vd a = PICK(x[0], x[1], 0, 4, 2, 6) + PICK(x[0], x[1], 1, 5, 3, 7);
    const vd b = PICK(x[2], x[3], 0, 4, 2, 6) + PICK(x[2], x[3], 1, 5, 3, 7);
    return PICK(a, b, 0, 1, 4, 5) + PICK(a, b, 2, 3, 6, 7);
#else
    return PICK(x[0], x[1], 0, 2) + PICK(x[0], x[1], 1, 3);
#endif
}

/* n numbers in single precision as doubles; `to` stands at the beginning of a cache line. They stream past: 4 kB ahead
 * they are asked for. */
INLINE void widen(double *restrict to, const float *restrict from, int64_t n) {
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __builtin_prefetch(from + i + 1024);
#pragma GCC unroll 8
        for (int k = 0; k < 16; k += LANES)
            *(vd *)(to + i + k) = __builtin_convertvector(*(const vf *)(from + i + k), vd);
    }
    for (; i < n; i++) to[i] = (double)from[i];
}

/* x[r][c] becomes x[c][r]: pairs of rows, then pairs of pairs, exchange numbers. */
INLINE void transpose(vd x[LANES]) {
#if LANES == 8
    vd y[8];
#pragma GCC unroll 4
    for (int r = 0; r < 8; r += 2) {
        y[r] = PICK(x[r], x[r + 1], 0, 8, 2, 10, 4, 12, 6, 14);
        y[r + 1] = PICK(x[r], x[r + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    }
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++) {
        const int r = k < 2 ? k : k + 2;
        x[r] = PICK(y[r], y[r + 2], 0, 1, 8, 9, 4, 5, 12, 13);
        x[r + 2] = PICK(y[r], y[r + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
#pragma GCC unroll 4
    for (int r = 0; r < 4; r++) {
        const vd low = PICK(x[r], x[r + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        x[r + 4] = PICK(x[r], x[r + 4], 4, 5, 6, 7, 12, 13, 14, 15);
        x[r] = low;
    }
#elif LANES == 4
    const vd a = PICK(x[0], x[1], 0, 4, 2, 6), b = PICK(x[0], x[1], 1, 5, 3, 7);
    const vd c = PICK(x[2], x[3], 0, 4, 2, 6), d = PICK(x[2], x[3], 1, 5, 3, 7);
    x[0] = PICK(a, c, 0, 1, 4, 5);
    x[1] = PICK(b, d, 0, 1, 4, 5);
    x[2] = PICK(a, c, 2, 3, 6, 7);
    x[3] = PICK(b, d, 2, 3, 6, 7);
#else
    const vd low = PICK(x[0], x[1], 0, 2);
    x[1] = PICK(x[0], x[1], 1, 3);
    x[0] = low;
#endif
}
/* a where test holds, b elsewhere. */
INLINE vd either(vl test, vd a, vd b) {
    return (vd)((test & (vl)a) | (~test & (vl)b));
}
/* The least (most: the greatest) number of each of LANES rows of cols numbers, or (at) the first column that has it,
 * from 1. Rows are stride apart; whole vectors are read. Not-a-number is never the least, unless its value is asked
 * for: then it is. */
INLINE vd extreme(const double *rows, int stride, int cols, int most, int at) {
    const vd zero = {0};
    vd best = zero + (most ? -__builtin_inf() : __builtin_inf()), column = zero + 1;
    for (int j0 = 0; j0 < cols; j0 += LANES) {
        vd x[LANES];
#pragma GCC unroll 8
        for (int r = 0; r < LANES; r++) x[r] = *(const vu *)(rows + r * stride + j0);
        transpose(x);
#pragma GCC unroll 8
        for (int j = 0; j < LANES; j++) {
            if (j0 + j < cols) {
                vl better = most ? x[j] > best : x[j] < best;
                if (!at) better |= x[j] != x[j];
                if (at) column = either(better, zero + (j0 + j + 1), column);
                best = either(better, x[j], best);
            }
        }
    }
    return at ? column : best;
}

/* g += x' y over the m rows of a block: k columns of x by w vectors of columns of y. Rows of x, y and g stand xs, ys
 * and gs numbers apart. A tile of sums stays in registers while the block passes; the last rows of tiles reach back
 * over cells that are added already, and leave those as they are. upper: of vectors left of the diagonal nobody reads a
 * cell. */
#if LANES == 8
enum { TILE_ROWS = 8, TILE_VECTORS = 3 };
#else
enum { TILE_ROWS = 4, TILE_VECTORS = 2 };
#endif
INLINE void add_tile(double *restrict g, int gs, int from, const double *restrict x, int xs, const double *restrict y,
                     int ys, int m, int w) {
    vd s[TILE_ROWS][TILE_VECTORS] = {0};
    for (int b = 0; b < m; b++, x += xs, y += ys)
#pragma GCC unroll 8
        for (int j = 0; j < TILE_ROWS; j++)
#pragma GCC unroll 4
            for (int v = 0; v < w; v++) s[j][v] += x[j] * *(const vu *)(y + v * LANES);
#pragma GCC unroll 8
    for (int j = 0; j < TILE_ROWS; j++)
#pragma GCC unroll 4
        for (int v = 0; v < w; v++)
            if (j >= from) *(vu *)(g + (int64_t)j * gs + v * LANES) += s[j][v];
}
static __attribute__((noinline, unused)) void add_tiles(double *restrict g, int gs, const double *restrict x, int xs,
                                                        int k, const double *restrict y, int ys, int w, int m,
                                                        int upper) {
    for (int r = 0; r < k; r += TILE_ROWS) {
        const int r0 = r + TILE_ROWS <= k ? r : k - TILE_ROWS;
        for (int c = upper ? r / LANES : 0, take; c < w; c += take) {
            double *to = g + (int64_t)r0 * gs + c * LANES;
            const double *column = y + c * LANES;
            take = w - c >= TILE_VECTORS && w - c != TILE_VECTORS + 1 ? TILE_VECTORS : w - c > 1 ? 2 : 1;
            if (take == TILE_VECTORS)
                add_tile(to, gs, r - r0, x + r0, xs, column, ys, m, TILE_VECTORS);
            else if (take == 2)
                add_tile(to, gs, r - r0, x + r0, xs, column, ys, m, 2);
            else
                add_tile(to, gs, r - r0, x + r0, xs, column, ys, m, 1);
        }
    }
}

/* exp, log and their kin a vector at a time, where the C library has them. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
extern double exp(double) __attribute__((simd("notinbranch"), const, nothrow));
extern double log(double) __attribute__((simd("notinbranch"), const, nothrow));
extern double sin(double) __attribute__((simd("notinbranch"), const, nothrow));
extern double cos(double) __attribute__((simd("notinbranch"), const, nothrow));
#endif

/* A seed, a number of rounds, the column of a one-hot row: as whole numbers, also of numbers that are none. */
INLINE uint64_t seed_of(double x) {
    return fabs(x) < 9.0e18 ? (uint64_t)(int64_t)floor(x) : 0;
}
INLINE int64_t times_of(double x) {
    return x >= 1 ? x < 9e15 ? (int64_t)x : INT64_MAX : 0;
}
INLINE int64_t column_of(double x) {
    return x >= 1 && x < 9e15 && x == floor(x) ? (int64_t)x - 1 : -1;
}
/* Uniform random numbers, the same as everywhere (compiler/base.h): a row's number in the stream of a column. */
INLINE uint64_t mixed(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}
INLINE uint64_t stream_of(uint64_t seed, uint64_t column) {
    return mixed(mixed(seed + 0x9e3779b97f4a7c15u) + column * 0xd1342543de82ef95u + 0x9e3779b97f4a7c15u);
}
INLINE double uniform_at(uint64_t stream, uint64_t row) {
    return (double)(int64_t)(mixed(stream + row * 0x9e3779b97f4a7c15u + 0x632be59bd9b4e019u) >> 11) * 0x1p-53;
}

/* The first row of a part: whole blocks of 64, so that parts do not share cache lines. */
INLINE int64_t share(int64_t n, int part, int parts) {
    return part == parts ? n : n / 64 * part / parts * 64;
}

/* The first key of a part, where target rows segments[k] .. segments[k + 1] belong to key k: parts of equal work, a key
 * counted as a row. */
INLINE int64_t key_share(const int64_t *segments, int64_t keys, int part, int parts) {
    const int64_t work = (segments[keys] + keys) * part / parts;
    int64_t low = 0, high = keys;
    while (low < high) {
        const int64_t k = low + (high - low) / 2;
        if (segments[k] + k < work)
            low = k + 1;
        else
            high = k;
    }
    return low;
}
/* As many parts as threads, but none with fewer than 1024 rows. */
INLINE int parts_for(int64_t n, int threads) {
    const int64_t most = n / 1024 + 1;
    return most < threads ? (int)most : threads;
}
