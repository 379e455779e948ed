/* cpu.h: runs emitted CUDA on the CPU, thread by thread: grids, blocks, barriers and warp shuffles. Tests only.
 *
 * The threads of a block are fibers of one thread of the system. Each runs until a barrier, a shuffle or its end; then
 * the next one does. A barrier that some threads of the block do not reach, or a shuffle that some of the warp do not,
 * stops the program with a message. SHIM_ORDER says in which order threads run between barriers: forward (the default),
 * backward or mixed: what lacks a barrier gives different numbers then. */
#include <cmath>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <tuple>
#include <ucontext.h>
#include <utility>

#define __global__
#define __shared__ static
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))

struct Cpu3 {
    unsigned x, y, z;
};
static Cpu3 threadIdx, blockIdx, blockDim, gridDim;
/* As CUDA's: a load from an address that is no multiple of the size stops the program (see the shim's options). */
struct alignas(16) double2 {
    double x, y;
};
struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
static inline double __longlong_as_double(long long bits) {
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

enum CpuState { CPU_READY, CPU_AT_BARRIER, CPU_AT_SHUFFLE, CPU_DONE };
struct CpuFiber {
    jmp_buf at;
    ucontext_t start;
    bool started;
    CpuState state;
    unsigned turns, votes; /* exchanges of its warp, and of its block, so far: two buffers in turn */
};
enum { CPU_THREADS = 1024, CPU_STACK = 128 << 10 };
static CpuFiber cpu_fiber[CPU_THREADS];
static int cpu_now;
static jmp_buf cpu_scheduler;
static double cpu_exchange[2][CPU_THREADS], cpu_second[2][CPU_THREADS];
static int cpu_vote[2][CPU_THREADS];
static void (*cpu_job)(void *), *cpu_argument;

[[noreturn]] static void cpu_fault(const char *what) {
    fprintf(stderr, "cpu.h: %s (block %u, thread %d)\n", what, blockIdx.x, cpu_now);
    fflush(stderr);
    abort();
}
static __attribute__((noinline)) void cpu_yield(CpuState state) {
    CpuFiber *f = &cpu_fiber[cpu_now];
    f->state = state;
    if (!_setjmp(f->at)) _longjmp(cpu_scheduler, 1);
}
static void cpu_body() {
    for (;;) {
        cpu_job(cpu_argument);
        cpu_yield(CPU_DONE);
    }
}
static __attribute__((noinline)) void cpu_resume(int t) {
    CpuFiber *f = &cpu_fiber[t];
    cpu_now = t;
    threadIdx.x = t;
    if (_setjmp(cpu_scheduler)) return;
    if (f->started) _longjmp(f->at, 1);
    f->started = true;
    getcontext(&f->start);
    f->start.uc_stack.ss_sp = malloc(CPU_STACK);
    f->start.uc_stack.ss_size = CPU_STACK;
    makecontext(&f->start, cpu_body, 0);
    setcontext(&f->start);
}
/* Runs every fiber that is ready once. false: none was. */
static bool cpu_round(int threads) {
    static unsigned long long seed = 88172645463325252ULL;
    const char *order = getenv("SHIM_ORDER");
    bool any = false, backward = order && order[0] == 'b', mixed = order && order[0] == 'm';
    int step = 1, first = 0;
    if (mixed) { /* a step that has no divisor with the number of threads visits all of them */
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        first = (int)(seed % (unsigned)threads);
        step = (int)(seed / 7 % (unsigned)threads) | 1;
        while (std::gcd(step, threads) != 1) step += 2;
    }
    for (int k = 0; k < threads; k++) {
        int t = backward ? threads - 1 - k : mixed ? (int)((first + (long long)k * step) % threads) : k;
        if (cpu_fiber[t].state != CPU_READY) continue;
        any = true;
        cpu_resume(t);
    }
    return any;
}
static void cpu_block(int threads) {
    for (int t = 0; t < threads; t++) cpu_fiber[t].state = CPU_READY, cpu_fiber[t].turns = cpu_fiber[t].votes = 0;
    for (;;) {
        if (cpu_round(threads)) continue;
        int done = 0, at_barrier = 0, released = 0;
        for (int w = 0; w < threads; w += 32) {
            int shuffling = 0, others = 0;
            for (int t = w; t < w + 32 && t < threads; t++) {
                cpu_now = t;
                done += cpu_fiber[t].state == CPU_DONE;
                at_barrier += cpu_fiber[t].state == CPU_AT_BARRIER;
                (cpu_fiber[t].state == CPU_AT_SHUFFLE ? shuffling : others)++;
            }
            if (shuffling && others) cpu_fault("a shuffle is not reached by all threads of the warp");
            for (int t = w; shuffling && t < w + 32 && t < threads; t++) cpu_fiber[t].state = CPU_READY;
            released += shuffling;
        }
        if (released) continue;
        if (done == threads) return;
        if (at_barrier != threads) cpu_fault("a barrier is not reached by all threads of the block");
        for (int t = 0; t < threads; t++) cpu_fiber[t].state = CPU_READY;
    }
}

static inline void __syncthreads() {
    cpu_yield(CPU_AT_BARRIER);
}
static inline int __syncthreads_and(int fine) {
    CpuFiber *f = &cpu_fiber[threadIdx.x];
    int turn = f->votes++ % 2;
    cpu_vote[turn][threadIdx.x] = fine;
    cpu_yield(CPU_AT_BARRIER);
    int all = 1;
    for (unsigned t = 0; t < blockDim.x; t++) all = all && cpu_vote[turn][t] != 0;
    return all;
}
/* What all threads of the warp give: the buffer that has it. */
static inline int cpu_give(double v, double second) {
    int turn = cpu_fiber[threadIdx.x].turns++ % 2;
    cpu_exchange[turn][threadIdx.x] = v;
    cpu_second[turn][threadIdx.x] = second;
    cpu_yield(CPU_AT_SHUFFLE);
    return turn;
}
/* What thread `from` of the block, of the same warp, has. */
static inline double cpu_shuffle(unsigned mask, double v, int from) {
    if (mask != 0xffffffffu) cpu_fault("a shuffle of part of a warp");
    return cpu_exchange[cpu_give(v, 0)][from];
}
static inline double __shfl_down_sync(unsigned mask, double v, int by, int width) {
    return cpu_shuffle(mask, v, (int)threadIdx.x % width + by < width ? threadIdx.x + by : threadIdx.x);
}
template <class Number> static inline Number __shfl_xor_sync(unsigned mask, Number v, int by) {
    return (Number)cpu_shuffle(mask, v, threadIdx.x ^ by);
}
template <class Number> static inline Number __shfl_sync(unsigned mask, Number v, int lane) {
    return (Number)cpu_shuffle(mask, v, threadIdx.x / 32 * 32 + lane % 32);
}
static inline void __syncwarp() {
    cpu_yield(CPU_AT_SHUFFLE);
}
static inline int __all_sync(unsigned mask, int fine) {
    if (mask != 0xffffffffu) cpu_fault("a vote of part of a warp");
    const double *given = cpu_exchange[cpu_give(fine != 0, 0)] + threadIdx.x / 32 * 32;
    int all = 1;
    for (int lane = 0; lane < 32; lane++) all = all && given[lane] != 0;
    return all;
}
/* The tensor cores' product of 8 x 4 by 4 x 8 (prelude.cuh). */
static inline void cpu_mma(double *c, double left, double right) {
    int turn = cpu_give(left, right), first = threadIdx.x / 32 * 32, row = threadIdx.x % 32 / 4;
    for (int u = 0; u < 2; u++)
        for (int k = 0; k < 4; k++)
            c[u] +=
                cpu_exchange[turn][first + 4 * row + k] * cpu_second[turn][first + 4 * (threadIdx.x % 4 * 2 + u) + k];
}
template <int EACH, class Number> static inline void cpu_fetch(Number *to, const Number *from) {
    if (((uintptr_t)to | (uintptr_t)from) % (EACH * sizeof(Number)))
        cpu_fault("a copy of 16 bytes that is not aligned");
    for (int k = 0; k < EACH; k++) to[k] = from[k];
}
static inline double atomicAdd(double *p, double v) {
    double before = *p;
    *p += v;
    return before;
}
static inline int atomicCAS(int *p, int from, int to) {
    int before = *p;
    if (before == from) *p = to;
    return before;
}

/* ---- launches ---- */
template <class... A> struct CpuCall {
    void (*kernel)(A...);
    void **arguments;
    template <size_t... I> void call(std::index_sequence<I...>) {
        kernel(*(typename std::remove_const<A>::type *)arguments[I]...);
    }
    static void run(void *self) { ((CpuCall *)self)->call(std::index_sequence_for<A...>{}); }
};
template <class... A> static void cpu_launch(void (*kernel)(A...), unsigned grid, unsigned block, void **arguments) {
    CpuCall<A...> call = {kernel, arguments};
    cpu_job = CpuCall<A...>::run;
    cpu_argument = &call;
    gridDim = {grid, 1, 1};
    blockDim = {block, 1, 1};
    if (block > CPU_THREADS) cpu_fault("a block of too many threads");
    for (unsigned b = 0; b < grid; b++) {
        blockIdx = {b, 0, 0};
        cpu_block((int)block);
    }
}
template <class... A> static int cpu_sizes(void (*)(A...), int *sizes) {
    int n = 0;
    ((sizes[n++] = (int)sizeof(A)), ...);
    return n;
}
/* After the emitted text, once a kernel: how the shim starts it, and the sizes of its parameters. */
#define CPU_KERNEL(name)                                                                                               \
    extern "C" void run_##name(unsigned grid, unsigned block, void **arguments) {                                      \
        cpu_launch(name, grid, block, arguments);                                                                      \
    }                                                                                                                  \
    extern "C" int sizes_##name(int *sizes) {                                                                          \
        return cpu_sizes(name, sizes);                                                                                 \
    }
