/* hardware.c: bandwidth, gather rates and arithmetic of this machine (contract: hardware.h).
 *
 * Each number is the best of several rounds: what disturbs a round only makes it slower. */
#include "compiler/estimator/hardware.h"
#include "backends/runtime/kernels.h"
#include <math.h>
#include <unistd.h>

enum { ROUNDS = 5, WIDTH = 8 }; /* WIDTH numbers make a row of 64 bytes */
#define STREAM_NUMBERS ((int64_t)8 << 20)
#define NEAR_ROWS 2048
#define FAR_ROWS ((int64_t)1 << 20)
#define LOOKUPS ((int64_t)1 << 20)
/* Bytes, rows or operations a second that some machine may have: others are damage, or a clock that does not run. */
#define LEAST_RATE 1e5
#define MOST_RATE 1e15

typedef struct Probe {
    const double *data;
    const int32_t *index;
    double *sums; /* one a part, 8 numbers apart: threads do not share lines */
} Probe;

static void sum_part(void *ctx, int part, int nparts) {
    const Probe *p = ctx;
    int64_t begin = STREAM_NUMBERS / nparts * part, end = begin + STREAM_NUMBERS / nparts;
    double s[WIDTH] = {0};
    for (int64_t i = begin; i + WIDTH <= end; i += WIDTH)
        for (int k = 0; k < WIDTH; k++) s[k] += p->data[i + k];
    for (int k = 0; k < WIDTH; k++) p->sums[8 * part] += s[k];
}
static void gather_part(void *ctx, int part, int nparts) {
    const Probe *p = ctx;
    (void)nparts;
    double s[WIDTH] = {0};
    for (int64_t i = 0; i < LOOKUPS; i++)
        for (int k = 0; k < WIDTH; k++) s[k] += p->data[(int64_t)p->index[i] * WIDTH + k];
    for (int k = 0; k < WIDTH; k++) p->sums[8 * part] += s[k];
}
static void arithmetic_part(void *ctx, int part, int nparts) {
    const Probe *p = ctx;
    (void)nparts;
    double s[4 * WIDTH] = {0};
    for (int64_t i = 0; i < LOOKUPS / 4; i++)
        for (int k = 0; k < 4 * WIDTH; k++) s[k] = s[k] * 0.5 + p->data[k];
    for (int k = 0; k < 4 * WIDTH; k++) p->sums[8 * part] += s[k];
}
static double best_seconds(int threads, void (*fn)(void *, int, int), Probe *p) {
    double best = INFINITY;
    for (int r = 0; r < ROUNDS; r++) {
        double begin = time_now();
        thread_run(threads, fn, p);
        double took = time_now() - begin;
        if (took < best) best = took;
    }
    return best;
}

bool hardware_measure(Diags *ds, Hardware *out) {
    int threads = thread_default_count();
    double *data = mem_try((size_t)STREAM_NUMBERS, sizeof *data);
    int32_t *near = mem_try((size_t)LOOKUPS, sizeof *near), *far = mem_try((size_t)LOOKUPS, sizeof *far);
    double *sums = mem_try((size_t)threads * 8, sizeof *sums);
    bool ok = data && near && far && sums;
    const char *why = "there is not enough memory to measure with";
    if (ok) {
        for (int64_t i = 0; i < STREAM_NUMBERS; i++) data[i] = (double)(i & 15);
        for (int64_t i = 0; i < LOOKUPS; i++) {
            near[i] = (int32_t)(rng_u64(1, 0, (uint64_t)i) % NEAR_ROWS);
            far[i] = (int32_t)(rng_u64(1, 1, (uint64_t)i) % (uint64_t)FAR_ROWS);
        }
        long cache = sysconf(_SC_LEVEL2_CACHE_SIZE);
        Probe p = {.data = data, .index = near, .sums = sums};
        *out = (Hardware){.threads = threads, .cache = cache > 0 ? (double)cache : 0};
        double bytes = 8.0 * (double)STREAM_NUMBERS;
        out->read_one = bytes / best_seconds(1, sum_part, &p);
        out->read_all = fmax(out->read_one, bytes / best_seconds(threads, sum_part, &p));
        out->flops = 2.0 * 4 * WIDTH * (double)(LOOKUPS / 4) / best_seconds(1, arithmetic_part, &p);
        out->near = (double)LOOKUPS / best_seconds(1, gather_part, &p);
        p.index = far;
        out->far = (double)LOOKUPS / best_seconds(1, gather_part, &p);
        ok = hardware_is_sound(out);
        why = "its clock does not tell how long things take";
    }
    mem_free(data);
    mem_free(near);
    mem_free(far);
    mem_free(sums);
    if (!ok)
        diag_help(diag_error(ds, "E472", (Span){0}, "this machine cannot be measured: %s", why),
                  "without its measurements the estimator uses those of the machine it was trained on");
    return ok;
}

bool hardware_is_sound(const Hardware *h) {
    const double rates[] = {h->read_one, h->read_all, h->near, h->far, h->flops};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        if (!(rates[i] >= LEAST_RATE && rates[i] <= MOST_RATE)) return false;
    return h->threads >= 1 && h->threads == floor(h->threads) && isfinite(h->cache) && h->cache >= 0;
}

bool hardware_alike(const Hardware *a, const Hardware *b) {
    return a->threads == b->threads && fabs(a->cache - b->cache) <= 1e-4 * a->cache; /* six digits are kept */
}

double hardware_bandwidth(const Hardware *h, double threads) {
    return fmin(h->read_all, h->read_one * fmax(1, threads));
}

static const KeptNumber kept_rows[] = {
#define ROW(name, text) {#name, offsetof(Hardware, name)},
    HARDWARE_ROWS(ROW)
#undef ROW
};
enum { KEPT_ROWS = sizeof kept_rows / sizeof *kept_rows };
void hardware_print(Buf *out, const Hardware *h) {
    kept_print(out, kept_rows, KEPT_ROWS, h);
}
bool hardware_read(Hardware *h, const char *line) {
    return kept_number(kept_rows, KEPT_ROWS, h, line);
}

#define HEAD "amal hardware 1\n"
static bool read_line(void *user, const char *line) {
    return hardware_read(user, line);
}
bool hardware_kept(Hardware *out) {
    Hardware h = {0};
    bool there;
    if (!kept_read("hardware", HEAD, read_line, &h, &there)) return false;
    if (!hardware_is_sound(&h) || (int)h.threads != thread_default_count()) return false;
    *out = h;
    return true;
}
bool hardware_keep(Diags *ds, const Hardware *h) {
    Buf text = {0};
    buf_puts(&text, HEAD);
    hardware_print(&text, h);
    bool ok = kept_write(ds, "hardware", &text);
    buf_free(&text);
    return ok;
}
