/* thread.c: one pool of POSIX threads, shared by the kernels and by emitted code.
 *
 * thread_run(nparts, fn, ctx) runs fn for every part and returns when all are done. Parts are numbered by the caller,
 * so what a part computes does not depend on which thread takes it: results are the same whatever the machine is doing.
 * The calling thread works too. A thread takes its own part first, the same one from job to job, whose rows its cache
 * has seen; then those that nobody took yet, so that one who comes late holds up nobody.
 *
 * An iteration takes tens of microseconds, waking a sleeping thread as many: who has nothing to do looks for the next
 * job for SPIN_SECONDS before it sleeps, where each thread has a processor of its own. So does the caller before it
 * sleeps until the others are done.
 *
 * A job is open from the moment its fields are written until its parts have run out; the caller waits for those that
 * joined. To join is to count oneself in, and then to find it open still; to close is to say so, and then to look who
 * is counted in: one of the two sees the other. Sleeping and waking go by the same pattern.
 *
 * Workers are made when first needed, at most nparts - 1 of them and never more than THREADS_MAX; when a thread cannot
 * be made the others do its parts. Nested calls, and calls while another thread uses the pool, run their parts one
 * after the other on the calling thread. */
#include <pthread.h>
#include <stdatomic.h>

#include "backends/runtime/kernels_private.h"
#include "compiler/machine.h"

#define THREADS_MAX 256
#define SPIN_SECONDS 200e-6
#define LINE 64 /* bytes of a cache line: what one writes and others look at has its own */

typedef struct Worker {
    pthread_cond_t wake;
    _Alignas(LINE) atomic_bool asleep; /* set with pool.lock held */
} Worker;
typedef struct Pool {
    pthread_mutex_t use; /* held by the caller of the running job */
    int workers;
    uint64_t jobs;        /* begun so far */
    pthread_mutex_t lock; /* of those who go to sleep, and of those who wake them */
    pthread_cond_t done;
    Worker worker[THREADS_MAX];
    /* the running job */
    int nparts;
    void (*fn)(void *ctx, int part, int nparts);
    void *ctx;
    _Alignas(LINE) atomic_uint_fast64_t open; /* its number; 0: no job, or its parts have run out */
    _Alignas(LINE) atomic_int active;         /* workers that joined and are not done */
    atomic_bool waiting;                      /* the caller sleeps until there are none */
    atomic_bool spin;
    _Alignas(LINE)
        atomic_uint_fast64_t taken[THREADS_MAX]; /* by share of the parts: the last job that it was taken of */
} Pool;
static Pool pool = {
    .use = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};
static _Thread_local bool inside;
static atomic_int count_set;

int thread_default_count(void) {
    int set = atomic_load(&count_set);
    if (set > 0) return set;
    int n = machine_processors();
    return n > THREADS_MAX ? THREADS_MAX : n;
}

void thread_set_count(int threads) {
    atomic_store(&count_set, threads < 0 ? 0 : threads > THREADS_MAX ? THREADS_MAX : threads);
}

static void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* The parts of the running job that nobody took, from the worker's own on; the caller is number 0. With very many parts
 * one takes several that lie together. */
static void pool_take_parts(uint64_t job, int number) {
    int nparts = pool.nparts, shares = nparts < THREADS_MAX ? nparts : THREADS_MAX;
    inside = true;
    for (int k = 0; k < shares; k++) {
        int share = (number + k) % shares;
        if (atomic_exchange(&pool.taken[share], job) == job) continue;
        int end = (int)((int64_t)nparts * (share + 1) / shares);
        for (int part = (int)((int64_t)nparts * share / shares); part < end; part++) pool.fn(pool.ctx, part, nparts);
    }
    inside = false;
}

/* A job other than `seen` that is open; 0: none. */
static uint64_t pool_job(uint64_t seen) {
    uint64_t open = atomic_load(&pool.open);
    return open != seen ? open : 0;
}
static uint64_t pool_await_job(Worker *w, uint64_t seen, double spin_until) {
    uint64_t job;
    while (atomic_load(&pool.spin) && time_now() < spin_until) {
        for (int k = 0; k < 32; k++, relax())
            if ((job = pool_job(seen))) return job;
    }
    pthread_mutex_lock(&pool.lock);
    atomic_store(&w->asleep, true);
    while (!(job = pool_job(seen))) pthread_cond_wait(&w->wake, &pool.lock);
    atomic_store(&w->asleep, false);
    pthread_mutex_unlock(&pool.lock);
    return job;
}
static void *pool_worker(void *arg) {
    int number = (int)(intptr_t)arg + 1;
    uint64_t seen = 0;
    double worked = 0;
    for (;;) {
        seen = pool_await_job(&pool.worker[number - 1], seen, worked + SPIN_SECONDS);
        atomic_fetch_add(&pool.active, 1);
        uint64_t open = atomic_load(&pool.open); /* what the fields are of, until this worker is counted out */
        bool wanted = open && number < pool.nparts;
        if (open) seen = open;
        if (wanted) pool_take_parts(open, number);
        if (atomic_fetch_sub(&pool.active, 1) == 1 && atomic_load(&pool.waiting)) {
            pthread_mutex_lock(&pool.lock);
            pthread_cond_signal(&pool.done);
            pthread_mutex_unlock(&pool.lock);
        }
        if (wanted) worked = time_now();
    }
    return NULL;
}

/* A process that was forked has no workers, and what they held is nobody's. */
static void pool_forget(void) {
    pthread_mutex_init(&pool.use, NULL);
    pthread_mutex_init(&pool.lock, NULL);
    pthread_cond_init(&pool.done, NULL);
    for (int k = 0; k < pool.workers; k++) atomic_store(&pool.worker[k].asleep, false);
    pool.workers = 0;
    atomic_store(&pool.open, 0);
    atomic_store(&pool.active, 0);
    atomic_store(&pool.waiting, false);
}
static void pool_begin(void) {
    (void)pthread_atfork(NULL, NULL, pool_forget);
    kernel_blas_rest();
}
static void pool_grow(int workers) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_attr_t attr;
    if (pool.workers >= workers || pthread_attr_init(&attr)) return;
    pthread_once(&once, pool_begin);
    bool ready = !pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    while (ready && pool.workers < workers) {
        pthread_t id;
        Worker *w = &pool.worker[pool.workers];
        if (pthread_cond_init(&w->wake, NULL)) break;
        if (pthread_create(&id, &attr, pool_worker, (void *)(intptr_t)pool.workers)) {
            pthread_cond_destroy(&w->wake);
            break;
        }
        pool.workers++;
    }
    pthread_attr_destroy(&attr);
    atomic_store(&pool.spin, pool.workers < machine_processors());
}
static void pool_wake(int workers) {
    int k = 0;
    while (k < workers && !atomic_load(&pool.worker[k].asleep)) k++;
    if (k == workers) return;
    pthread_mutex_lock(&pool.lock);
    for (; k < workers; k++)
        if (atomic_load(&pool.worker[k].asleep)) pthread_cond_signal(&pool.worker[k].wake);
    pthread_mutex_unlock(&pool.lock);
}
static void pool_await_done(void) {
    if (!atomic_load(&pool.active)) return;
    double begin = time_now();
    while (atomic_load(&pool.spin) && time_now() - begin < SPIN_SECONDS) {
        for (int k = 0; k < 32; k++, relax())
            if (!atomic_load(&pool.active)) return;
    }
    pthread_mutex_lock(&pool.lock);
    atomic_store(&pool.waiting, true);
    while (atomic_load(&pool.active)) pthread_cond_wait(&pool.done, &pool.lock);
    atomic_store(&pool.waiting, false);
    pthread_mutex_unlock(&pool.lock);
}

void thread_run(int nparts, void (*fn)(void *ctx, int part, int nparts), void *ctx) {
    if (nparts < 1) return;
    if (nparts == 1 || inside || pthread_mutex_trylock(&pool.use)) {
        for (int part = 0; part < nparts; part++) fn(ctx, part, nparts);
        return;
    }
    int wanted = nparts - 1 < THREADS_MAX ? nparts - 1 : THREADS_MAX;
    pool_grow(wanted);
    pool.nparts = nparts;
    pool.fn = fn;
    pool.ctx = ctx;
    uint64_t job = ++pool.jobs;
    atomic_store(&pool.open, job);
    pool_wake(wanted < pool.workers ? wanted : pool.workers);
    pool_take_parts(job, 0);
    atomic_store(&pool.open, 0); /* who wakes up now is late: every part is taken, and ctx ends with this call */
    pool_await_done();
    pthread_mutex_unlock(&pool.use);
}
