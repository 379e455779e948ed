/* prelude.cuh: what emitted CUDA uses besides the cell functions of ir/cells.h. Spelled out at the top of every emitted
 * file, before them. Functions are device functions by NVRTC's option -default-device. */
#ifdef __CUDACC_RTC__
typedef int int32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
#endif

struct Status { /* the first failure on the device; shared with run.c */
    int watching;
    int code; /* 1: no such column, 2: a carried value is not finite */
    int node, part;
    double at, value;
};

static inline double infinity() {
    return __longlong_as_double(0x7ff0000000000000LL);
}
static inline double not_a_number() {
    return __longlong_as_double(0x7ff8000000000000LL);
}
/* A seed, the column of a one-hot row, a column chosen by number: as whole numbers, also of numbers that are none. */
static inline uint64_t seed_of(double x) {
    return fabs(x) < 9.0e18 ? (uint64_t)(int64_t)floor(x) : 0;
}
static inline int column_of(double x) {
    return x >= 1 && x < 2147483647.0 && x == floor(x) ? (int)x - 1 : -1;
}
static inline int64_t column_within(double x, int64_t of) {
    return x >= 1 && x <= (double)of ? (int64_t)x - 1 : 0;
}

/* The counter-based generator of the runtime (base.h). */
static inline uint64_t mixed(uint64_t x) {
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9ULL;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}
static inline double uniform_of(uint64_t seed, int64_t stream, int64_t index) {
    uint64_t x = mixed(seed + 0x9e3779b97f4a7c15ULL);
    x = mixed(x + (uint64_t)stream * 0xd1342543de82ef95ULL + 0x9e3779b97f4a7c15ULL);
    x = mixed(x + (uint64_t)index * 0x9e3779b97f4a7c15ULL + 0x632be59bd9b4e019ULL);
    return (double)(x >> 11) * (1.0 / 9007199254740992.0);
}
static inline double normal_of(uint64_t seed, int64_t stream, int64_t index) {
    const double u = 1.0 - uniform_of(seed, stream, index);
    const double v = uniform_of(seed ^ 0x5851f42d4c957f2dULL, stream, index);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586476925 * v);
}

/* how: 0 sum, 1 the smaller, 2 the larger; a value that is no number stays. */
static inline double combine(int how, double x, double y) {
    return how == 0 ? x + y : how == 1 ? (x < y || x != x ? x : y) : (x > y || x != x ? x : y);
}
/* All of a warp's, for its first thread. */
static inline double warp_combined(double s, int how) {
    for (int step = 16; step; step /= 2) s = combine(how, s, __shfl_down_sync(0xffffffffu, s, step, 32));
    return s;
}
/* Sum over `lanes` neighbouring threads (a power of two), for the first of them. */
static inline double lanes_sum(double s, int lanes) {
    for (int step = lanes / 2; step; step /= 2) s += __shfl_down_sync(0xffffffffu, s, step, lanes);
    return s;
}

/* EACH numbers from memory into shared memory, on their way while the thread goes on: all of a fetch are there after
 * fetch_wait and a barrier. */
template <int EACH, class Number> static inline void fetch(Number *to, const Number *from) {
#ifdef __CUDACC_RTC__
    const unsigned at = (unsigned)__cvta_generic_to_shared(to);
    if (EACH * sizeof(Number) == 16)
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(at), "l"(from));
    else
        asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(at), "l"(from), "n"((int)sizeof(Number)));
#else
    cpu_fetch<EACH>(to, from);
#endif
}
static inline void fetch_end() {
#ifdef __CUDACC_RTC__
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
/* Until only the last fetch is on its way. */
static inline void fetch_wait() {
#ifdef __CUDACC_RTC__
    asm volatile("cp.async.wait_group 1;" ::: "memory");
#endif
}
/* m rows of COLS numbers, LD apart in memory, to shared memory, STRIDE apart: 16 bytes at a time where all rows begin at
 * a multiple of them. */
template <int COLS, int LD, int STRIDE, int THREADS, class Number>
static inline void fetch_rows(Number *to, const Number *from, int m) {
    constexpr int wide = 16 / sizeof(Number), each = COLS % wide || LD % wide || STRIDE % wide ? 1 : wide;
    constexpr int across = COLS / each;
    int b = threadIdx.x / across, j = threadIdx.x % across;
    while (b < m) {
        fetch<each>(to + b * STRIDE + j * each, from + (int64_t)b * LD + j * each);
        b += THREADS / across;
        j += THREADS % across;
        if (j >= across) j -= across, b++;
    }
}

/* The threads k, k + count, k + 2 count … hold shares of one cell: they are added up in the order of a tree, and stand in
 * the block's row of `parts` (the cell of thread k; below 0: none), with what is there unless it is fresh. */
static void leave_shares(double s, int count, int how, int64_t cell, int fresh, double *parts, int64_t cells) {
    __shared__ double held[320];
    const int shares = blockDim.x / count, own = threadIdx.x / count;
    held[threadIdx.x] = s;
    __syncthreads();
    for (int step = 1; step < shares; step *= 2) {
        if (own % (2 * step) == 0 && own + step < shares)
            held[threadIdx.x] = combine(how, held[threadIdx.x], held[threadIdx.x + step * count]);
        __syncthreads();
    }
    if (own == 0 && cell >= 0) {
        double *to = parts + blockIdx.x * cells + cell;
        *to = fresh ? held[threadIdx.x] : combine(how, *to, held[threadIdx.x]);
    }
    __syncthreads();
}

/* ---- products by a warp: 8 x 4 times 4 x 8 numbers ----
 * Lane l holds cell (l / 4, l % 4) of the left operand, (l % 4, l / 4) of the right one, and (l / 4, l % 4 * 2) and the
 * next one of the square that the product is added to. Rows and columns that are not there are zeros in both. */
static inline void mma(double *c, double left, double right) {
#ifdef __CUDACC_RTC__
    asm volatile("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%0, %1}, {%2}, {%3}, {%0, %1};"
                 : "+d"(c[0]), "+d"(c[1])
                 : "d"(left), "d"(right));
#else
    cpu_mma(c, left, right);
#endif
}
static inline int row_of_square() {
    return threadIdx.x % 32 / 4;
}
/* Of the u-th number that a lane holds of squares side by side. */
static inline int column_of_square(int u) {
    return u / 2 * 8 + threadIdx.x % 4 * 2 + u % 2;
}
/* Of a matrix with INNER rows and COLS columns, its cells ALONG and ACROSS apart: the right operand's cell, of the k-th
 * four rows, from column `first` on. */
template <int INNER, int COLS, int ALONG, int ACROSS>
static inline double right_operand(const double *y, int k, int first) {
    const int r = 4 * k + threadIdx.x % 4, c = first + threadIdx.x % 32 / 4;
    return r < INNER && c < COLS ? y[r * ALONG + c * ACROSS] : 0;
}
/* The left operand's cell, of the k-th four columns of a row. */
template <int INNER, class Number> static inline double left_operand(const Number *row, int k) {
    const int j = 4 * k + threadIdx.x % 4;
    return j < INNER ? (double)row[j] : 0;
}
/* The right operands of WIDE squares, side by side, whose columns begin at `first`. */
template <int INNER, int COLS, int ALONG, int ACROSS, int WIDE>
static inline void hold_matrix(double *w, const double *y, int first) {
#pragma unroll
    for (int u = 0; u < (INNER + 3) / 4 * WIDE; u++)
        w[u] = right_operand<INNER, COLS, ALONG, ACROSS>(y, u / WIDE, first + u % WIDE * 8);
}
/* WIDE squares c, side by side, of eight rows times a matrix that hold_matrix has read; x: this lane's row. */
template <int INNER, int WIDE, class Number>
static inline void multiply_held(double *c, const Number *x, const double *w) {
#pragma unroll
    for (int k = 0; k < (INNER + 3) / 4; k++) {
        const double left = left_operand<INNER>(x, k);
#pragma unroll
        for (int u = 0; u < WIDE; u++) mma(c + 2 * u, left, w[k * WIDE + u]);
    }
}
/* The same of a matrix in memory, of which columns are taken from the first on; HIGH times eight rows, APART from one time
 * to the next. x: this lane's first row. */
template <int INNER, int COLS, int ALONG, int ACROSS, int HIGH, int WIDE, int STRIDE, int APART, class Number>
static inline void multiply(double *c, const Number *x, const double *y, int first) {
#pragma unroll 2
    for (int k = 0; k < (INNER + 3) / 4; k++) {
        double left[HIGH], right[WIDE];
#pragma unroll
        for (int h = 0; h < HIGH; h++) left[h] = left_operand<INNER>(x + h * APART * STRIDE, k);
#pragma unroll
        for (int v = 0; v < WIDE; v++) right[v] = right_operand<INNER, COLS, ALONG, ACROSS>(y, k, first + 8 * v);
#pragma unroll
        for (int u = 0; u < HIGH * WIDE; u++) mma(c + 2 * u, left[u / WIDE], right[u % WIDE]);
    }
}
/* Sums over rows, ROWS x COLS cells in squares: of WARPS warps each has HIGH x WIDE squares, ACROSS warps side by side;
 * others have the same ones, and other rows. A lane's first row and first column of them: */
template <int HIGH, int ACROSS, int WARPS> static inline int first_row() {
    return threadIdx.x / 32 % WARPS / ACROSS * HIGH * 8 + row_of_square();
}
template <int WIDE, int ACROSS> static inline int first_column() {
    return threadIdx.x / 32 % ACROSS * WIDE * 8 + row_of_square();
}
/* COUNT cells of a row, 8 apart. */
template <int COUNT, int COLS, class Number>
static inline void cells_of_row(double *to, const Number *row, int first, bool there) {
#pragma unroll
    for (int u = 0; u < COUNT; u++) to[u] = there && first + 8 * u < COLS ? (double)row[first + 8 * u] : 0;
}
/* c += x' y of four rows, of which this lane's is `there`. */
template <int ROWS, int COLS, int HIGH, int WIDE, int ACROSS, int WARPS, class Left, class Right>
static inline void add_products(double *c, const Left *x, const Right *y, bool there) {
    double left[HIGH], right[WIDE];
    cells_of_row<HIGH, ROWS>(left, x, first_row<HIGH, ACROSS, WARPS>(), there);
    cells_of_row<WIDE, COLS>(right, y, first_column<WIDE, ACROSS>(), there);
#pragma unroll
    for (int u = 0; u < HIGH * WIDE; u++) mma(c + 2 * u, left[u / WIDE], right[u % WIDE]);
}
/* Zero times any of them is zero. */
template <int COUNT> static inline bool warp_finite(const double *v) {
    double zero = 0;
#pragma unroll
    for (int k = 0; k < COUNT; k++) zero += v[k] * 0.0;
    return __all_sync(0xffffffffu, zero == 0);
}
/* The rows of c that the four rows' codes say += these rows. Other rows get nothing, also of numbers whose product with
 * zero is not zero: then rows are added one after the other. */
template <int ROWS, int COLS, int HIGH, int WIDE, int ACROSS, int WARPS, class Number>
static inline void add_by_code(double *c, int code, const Number *x, bool there) {
    const int row = first_row<HIGH, ACROSS, WARPS>();
    double right[WIDE];
    cells_of_row<WIDE, COLS>(right, x, first_column<WIDE, ACROSS>(), there);
    if (code >= ROWS) code = -1;
    if (warp_finite<WIDE>(right)) {
#pragma unroll
        for (int u = 0; u < HIGH * WIDE; u++) mma(c + 2 * u, code == row + u / WIDE * 8, right[u % WIDE]);
        return;
    }
#pragma unroll 1
    for (int k = 0; k < 4; k++) {
        const double its = __shfl_sync(0xffffffffu, (double)code, k);
#pragma unroll
        for (int u = 0; u < 2 * HIGH * WIDE; u++) {
            const int lane = 8 * (threadIdx.x % 4) + 4 * (u % 2) + k;
            const double v = __shfl_sync(0xffffffffu, right[u / 2 % WIDE], lane);
            if (its == row + u / 2 / WIDE * 8) c[u] += v;
        }
    }
}
/* Cell (r, k) of the sums stands at r * along + k * across in the block's row of parts. */
template <int ROWS, int COLS, int HIGH, int WIDE, int ACROSS, int WARPS>
static inline void leave_squares(const double *c, int along, int across, int fresh, double *parts) {
    const int row = first_row<HIGH, ACROSS, WARPS>(), column = threadIdx.x / 32 % ACROSS * WIDE * 8;
#pragma unroll
    for (int u = 0; u < 2 * HIGH * WIDE; u++) {
        const int r = row + u / 2 / WIDE * 8, k = column + column_of_square(u % (2 * WIDE));
        leave_shares(c[u], 32 * WARPS, 0, r < ROWS && k < COLS ? r * along + k * across : -1, fresh, parts, ROWS * COLS);
    }
}

/* ---- rows in registers: LANES threads of a warp share a row, each has WIDE neighbouring numbers at a time ---- */
/* The column of a lane's k-th number; from COLS on there is none. */
template <int LANES, int WIDE> static inline int held_column(int lane, int k) {
    return (k / WIDE * LANES + lane) * WIDE + k % WIDE;
}
static inline void read_pair(double *to, const double *from) {
    const double2 v = *(const double2 *)from;
    to[0] = v.x;
    to[1] = v.y;
}
static inline void read_pair(double *to, const float *from) {
    const float2 v = *(const float2 *)from;
    to[0] = v.x;
    to[1] = v.y;
}
/* Zeros where the lane has no number: what it reads then is another's. PAIRS: two at once from memory. */
template <int COLS, int LANES, int WIDE, int PAIRS, class Number>
static inline void hold_row(double *x, const Number *row, int lane) {
#pragma unroll
    for (int k = 0; k < (COLS + WIDE * LANES - 1) / (WIDE * LANES) * WIDE; k += PAIRS ? 2 : 1) {
        const int c = held_column<LANES, WIDE>(lane, k);
        const bool in = COLS % (WIDE * LANES) == 0 || c < COLS;
        if (PAIRS)
            read_pair(x + k, row + (in ? c : 0));
        else
            x[k] = row[in ? c : 0];
        if (!in) x[k] = 0;
        if (PAIRS && !in) x[k + 1] = 0;
    }
}
/* ROWS rows of DISTANCE numbers from row `first` on, those before `last`: on their way to the L2 cache. */
template <int ROWS, int DISTANCE, int THREADS, class Number>
static inline void call_rows(const Number *x, int64_t first, int64_t last) {
#ifdef __CUDACC_RTC__
    const int64_t end = (first + ROWS < last ? first + ROWS : last) * DISTANCE;
#pragma unroll
    for (int line = 0; line < ROWS * DISTANCE * (int)sizeof(Number) / 128 + 1; line += THREADS) {
        const int64_t q = first * DISTANCE + (line + (int)threadIdx.x) * (128 / (int)sizeof(Number));
        if (q < end) asm volatile("prefetch.global.L2 [%0];" ::"l"(x + q));
    }
#else
    (void)x, (void)first, (void)last;
#endif
}
/* Over a row's lanes, for all of them: the sum; combined; the best value and the column that has it first. */
template <int LANES> static inline double lanes_combined(double s, int how) {
#pragma unroll
    for (int step = LANES / 2; step; step /= 2) s = combine(how, s, __shfl_xor_sync(0xffffffffu, s, step));
    return s;
}
template <int LANES> static inline double lanes_total(double s) {
    return lanes_combined<LANES>(s, 0);
}
static inline void take_better(double &best, int &at, double v, int column, int least) {
    if (least ? v < best : v > best) best = v, at = column;
}
template <int LANES> static inline void lanes_best(double &best, int &at, int least) {
#pragma unroll
    for (int step = LANES / 2; step; step /= 2) {
        const double v = __shfl_xor_sync(0xffffffffu, best, step);
        const int column = __shfl_xor_sync(0xffffffffu, at, step);
        if (v == best && column < at) at = column;
        take_better(best, at, v, column, least);
    }
}
/* The block's sums by column, of what its lanes have of them, to its row of `parts`. */
template <int COLS, int LANES, int WIDE>
static void leave_held(const double *g, int how, int fresh, double *parts) {
    enum { HELD = (COLS + WIDE * LANES - 1) / (WIDE * LANES) * WIDE };
    __shared__ double sums[10][HELD * LANES];
    const int warp = threadIdx.x / 32, warps = blockDim.x / 32;
#pragma unroll
    for (int k = 0; k < HELD; k++) {
        double s = g[k];
        for (int step = 16; step >= LANES; step /= 2) s = combine(how, s, __shfl_xor_sync(0xffffffffu, s, step));
        if (threadIdx.x % 32 < LANES) sums[warp][k * LANES + threadIdx.x % 32] = s;
    }
    __syncthreads();
    for (int q = threadIdx.x; q < HELD * LANES; q += blockDim.x) {
        const int c = held_column<LANES, WIDE>(q % LANES, q / LANES);
        if (c >= COLS) continue;
        double s = sums[0][q];
        for (int w = 1; w < warps; w++) s = combine(how, s, sums[w][q]);
        double *to = parts + (int64_t)blockIdx.x * COLS + c;
        *to = fresh ? s : combine(how, *to, s);
    }
    __syncthreads();
}

/* ---- matrix operations on rows that are held: a warp's 8 rows, 4 lanes a row, pairs of columns ----
 * What a lane has of a row is what `mma` takes of its left operand: of the columns of one k, every other one of 8; its
 * right operand is in the same order. The result is held as rows are. */
/* t = x @ small, of which `b` has the fragments: for each number of x, one for each 8 columns. */
template <int HELD, int COLS> static inline void row_product(double *t, const double *x, const double *b, int lane) {
    enum { TILES = (COLS + 7) / 8 };
#pragma unroll
    for (int k = 0; k < 2 * TILES; k++) t[k] = 0;
#pragma unroll
    for (int q = 0; q < HELD * TILES; q++) mma(t + q % TILES * 2, x[q / TILES], b[q]);
    for (int k = 2 * TILES - 2; k < 2 * TILES; k++)
        if (held_column<4, 2>(lane, k) >= COLS) t[k] = 0; /* infinity times no column */
}
/* Of 8 columns at a time: z[2 s], z[2 s + 1] are column t / 4 of rows t % 4 and 4 + t % 4. Rows that are not there are
 * zeros. Each shuffle serves both: of its senders the upper rows give one column, the lower rows the next. */
template <int TILES> static inline void turn(double *z, const double *v, bool there) {
    const int t = threadIdx.x % 32, odd = t / 4 % 2, upper = t / 16, from = t % 4 * 4 + t / 8;
#pragma unroll
    for (int s = 0; s < 2 * TILES; s += 2) {
        const double first = there ? v[s] : 0, second = there ? v[s + 1] : 0;
        const double a = __shfl_sync(0xffffffffu, upper ? second : first, from + (odd ? 16 : 0));
        const double b = __shfl_sync(0xffffffffu, upper ? first : second, from + (odd ? 0 : 16));
        z[s] = odd ? b : a;
        z[s + 1] = odd ? a : b;
    }
}
/* The same of a warp's rows in memory, which are in the L1 cache when they are held: from row `first` on. */
template <int COLS, class Number>
static inline void read_turned(double *z, const Number *x, int64_t distance, int64_t first, int64_t last) {
    const int t = threadIdx.x % 32;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const int64_t row = first + half * 4 + t % 4;
        const bool there = row < last;
        const Number *from = x + (there ? row : last - 1) * distance;
#pragma unroll
        for (int s = 0; s < COLS; s += 8) {
            const bool in = s + 8 <= COLS || s + t / 4 < COLS;
            const double v = from[in ? s + t / 4 : 0];
            z[s / 4 + half] = there && in ? v : 0;
        }
    }
}
/* The same of rows that are 1 in the column `code` and 0 elsewhere. */
template <int TILES> static inline void turn_code(double *z, int code) {
    const int t = threadIdx.x % 32;
    for (int half = 0; half < 2; half++) {
        const int row = __shfl_sync(0xffffffffu, code, half * 16 + t % 4 * 4);
#pragma unroll
        for (int s = 0; s < TILES; s++) z[2 * s + half] = row == 8 * s + t / 4;
    }
}
/* c += x' @ y of turned rows. SAME: x is y, and the squares below the diagonal are left out. */
template <int HIGH, int WIDE, int SAME> static inline void add_tiles(double *c, const double *x, const double *y) {
#pragma unroll
    for (int r = 0; r < HIGH; r++)
#pragma unroll
        for (int k = SAME ? r : 0; k < WIDE; k++, c += 2) {
            mma(c, x[2 * r], y[2 * k]);
            mma(c, x[2 * r + 1], y[2 * k + 1]);
        }
}
/* The same sums row by row: a row's numbers are added to the row (DOWN), or the column, `code` of c. Zero times infinity
 * would not be nothing. */
template <int HIGH, int WIDE, int DOWN> static void add_turned_by_code(double *c, int code, const double *z) {
    const int t = threadIdx.x % 32;
#pragma unroll
    for (int half = 0; half < 2; half++)
#pragma unroll 1
        for (int row = 0; row < 4; row++) {
            const int a = __shfl_sync(0xffffffffu, code, half * 16 + row * 4);
#pragma unroll
            for (int q = 0; q < 2 * HIGH * WIDE; q++) {
                const int tile = DOWN ? q / 2 % WIDE : q / 2 / WIDE;
                const int r = q / 2 / WIDE * 8 + t / 4, k = q / 2 % WIDE * 8 + t % 4 * 2 + q % 2;
                const double v = __shfl_sync(0xffffffffu, z[2 * tile + half], (DOWN ? k : r) % 8 * 4 + row);
                if (a == (DOWN ? r : k)) c[q] += v;
            }
        }
}
/* The block's sums of 8 x 8 cells, from row r and column k on, the warps' in their order. No template: sums of all shapes
 * leave through the same shared memory. */
static void leave_tile(const double *c, int rows, int cols, int r, int k, bool mirrored, int fresh, double *to) {
    __shared__ double sums[10][64];
    const int warps = blockDim.x / 32, row = r + threadIdx.x / 8, col = k + threadIdx.x % 8;
    sums[threadIdx.x / 32][threadIdx.x % 32 * 2] = c[0];
    sums[threadIdx.x / 32][threadIdx.x % 32 * 2 + 1] = c[1];
    __syncthreads();
    if (threadIdx.x < 64 && row < rows && col < cols) {
        double s = sums[0][threadIdx.x];
        for (int w = 1; w < warps; w++) s += sums[w][threadIdx.x];
        s = fresh ? s : to[row * cols + col] + s;
        to[row * cols + col] = s;
        if (mirrored) to[col * cols + row] = s;
    }
    __syncthreads();
}
/* All of them, to the block's row of `parts`. */
template <int ROWS, int COLS, int SAME> static void leave_tiles(const double *c, int fresh, double *parts) {
    double *to = parts + (int64_t)blockIdx.x * ROWS * COLS;
#pragma unroll
    for (int r = 0; r < ROWS; r += 8)
#pragma unroll
        for (int k = SAME ? r : 0; k < COLS; k += 8, c += 2)
            leave_tile(c, ROWS, COLS, r, k, SAME && r != k, fresh, to);
}

/* to = the blocks' parts of 32 cells, from the cell `first` on. A warp adds up every 32nd block's of them, and then what the
 * warps have of one. */
static void fold_parts(double *to, const double *parts, int64_t first, int64_t cells, int blocks, int how) {
    __shared__ double sums[32][33];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    double s = how == 0 ? 0 : how == 1 ? infinity() : -infinity();
    if (first + lane < cells)
#pragma unroll 8
        for (int k = warp; k < blocks; k += 32) s = combine(how, s, parts[k * cells + first + lane]);
    sums[warp][lane] = s;
    __syncthreads();
    s = warp_combined(sums[lane][warp], how);
    if (lane == 0 && first + warp < cells) to[first + warp] = s;
}

static void check_column(Status *status, int node, double at, int64_t of) {
    if ((at >= 1 && at <= (double)of && at == floor(at)) || status->code) return;
    status->code = 1;
    status->node = node;
    status->at = at;
    status->value = (double)of;
}
/* Whether all of the block's share of the numbers are finite: the same answer for the whole block. */
static int all_finite(const double *v, int64_t count) {
    int fine = 1;
#pragma unroll 4
    for (int64_t q = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; q < count; q += (int64_t)gridDim.x * blockDim.x)
        if (!(fabs(v[q]) <= 1.7976931348623157e308)) fine = 0;
    return __syncthreads_and(fine);
}
static void watch_begin(Status *status, int *watch, const double *v, int64_t count) {
    if (!status->watching) return;
    const int fine = all_finite(v, count);
    if (threadIdx.x == 0 && !fine) *watch = 0;
}
static void watch_after(Status *status, int *watch, int loop, int part, double at, const double *v, int64_t count) {
    if (!status->watching) return;
    const int fine = all_finite(v, count);
    if (threadIdx.x == 0 && !fine && *watch && !status->code) {
        status->code = 2;
        status->node = loop;
        status->part = part;
        status->at = at;
    }
}
