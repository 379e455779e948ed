/* thread.c: one pool of POSIX threads, shared by the kernels and by emitted code.
 *
 * thread_run(nparts, fn, ctx) runs fn for every part and returns when all are done. Parts are numbered by the caller,
 * so what a part computes does not depend on which thread takes it: results are the same whatever the machine is doing.
 * The calling thread works too; workers take the next part by an atomic counter; the caller waits only for workers that
 * joined before the parts ran out. Workers are made when first needed, at most nparts - 1 of them and never more than
 * THREADS_MAX; when a thread cannot be made the others do its parts. Nested calls, and calls while another thread uses
 * the pool, run their parts one after the other on the calling thread. */
#define _GNU_SOURCE /* sched_getaffinity */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "backends/runtime/kernels.h"

#define THREADS_MAX 256

typedef struct Pool {
    pthread_mutex_t use;  /* held by the caller of the running job */
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t work, done;
    int workers;
    int wanted;   /* workers that may join the running job: numbers below this; 0: no job, or all its parts are taken */
    int active;   /* those that joined and are not done */
    uint64_t job; /* number of the running job: a worker sleeps until it changes */
    int nparts;
    atomic_int next;
    void (*fn)(void *ctx, int part, int nparts);
    void *ctx;
} Pool;
static Pool pool = {.use = PTHREAD_MUTEX_INITIALIZER,
                    .lock = PTHREAD_MUTEX_INITIALIZER,
                    .work = PTHREAD_COND_INITIALIZER,
                    .done = PTHREAD_COND_INITIALIZER};
static _Thread_local bool inside;
static atomic_int count_set;

int thread_default_count(void) {
    int set = atomic_load(&count_set);
    if (set > 0) return set;
    cpu_set_t cpus;
    int n = 0;
    if (sched_getaffinity(0, sizeof cpus, &cpus) == 0) n = CPU_COUNT(&cpus);
    if (n < 1) n = (int)sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : n;
}

void thread_set_count(int threads) {
    atomic_store(&count_set, threads < 0 ? 0 : threads > THREADS_MAX ? THREADS_MAX : threads);
}

static void pool_take_parts(void) {
    inside = true;
    for (int part; (part = atomic_fetch_add(&pool.next, 1)) < pool.nparts;) pool.fn(pool.ctx, part, pool.nparts);
    inside = false;
}

static void *pool_worker(void *arg) {
    int number = (int)(intptr_t)arg;
    uint64_t seen = 0;
    pthread_mutex_lock(&pool.lock);
    for (;;) {
        while (pool.job == seen || number >= pool.wanted) {
            seen = pool.job;
            pthread_cond_wait(&pool.work, &pool.lock);
        }
        seen = pool.job;
        pool.active++;
        pthread_mutex_unlock(&pool.lock);
        pool_take_parts();
        pthread_mutex_lock(&pool.lock);
        if (--pool.active == 0) pthread_cond_signal(&pool.done);
    }
    return NULL;
}

/* With pool.lock held. Workers wait for a job number above the present one, so a new one cannot join a job that it was
 * not counted in. */
static void pool_grow(int workers) {
    pthread_attr_t attr;
    if (pool.workers >= workers || pthread_attr_init(&attr)) return;
    bool ready = !pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    while (ready && pool.workers < workers) {
        pthread_t id;
        if (pthread_create(&id, &attr, pool_worker, (void *)(intptr_t)pool.workers)) break;
        pool.workers++;
    }
    pthread_attr_destroy(&attr);
}

void thread_run(int nparts, void (*fn)(void *ctx, int part, int nparts), void *ctx) {
    if (nparts < 1) return;
    if (nparts == 1 || inside || pthread_mutex_trylock(&pool.use)) {
        for (int part = 0; part < nparts; part++) fn(ctx, part, nparts);
        return;
    }
    pthread_mutex_lock(&pool.lock);
    pool_grow(nparts - 1 < THREADS_MAX ? nparts - 1 : THREADS_MAX);
    pool.nparts = nparts;
    pool.fn = fn;
    pool.ctx = ctx;
    atomic_store(&pool.next, 0);
    pool.wanted = pool.workers < nparts - 1 ? pool.workers : nparts - 1;
    pool.job++;
    pthread_cond_broadcast(&pool.work);
    pthread_mutex_unlock(&pool.lock);
    pool_take_parts();
    pthread_mutex_lock(&pool.lock);
    pool.wanted = 0; /* who wakes up now is late: every part is taken, and ctx ends with this call */
    while (pool.active) pthread_cond_wait(&pool.done, &pool.lock);
    pthread_mutex_unlock(&pool.lock);
    pthread_mutex_unlock(&pool.use);
}
