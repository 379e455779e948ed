/* machine.c: see machine.h. */
#define _GNU_SOURCE /* sched_getaffinity */
#include "compiler/machine.h"
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };
#define NO_LIMIT_V1 1e18 /* bytes: version 1 says so where there is none */

/* The first words of a file. false: it is not there. */
static bool read_words(const char *dir, const char *name, char *out, size_t size) {
    char path[PATH_BYTES];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path) return false;
    FILE *f = fopen(path, "r");
    if (!f) return false;
    bool ok = fgets(out, (int)size, f) != NULL;
    fclose(f);
    return ok;
}
/* NAN: there is no such file; INFINITY: it says "max". */
static double read_number(const char *dir, const char *name) {
    char text[64];
    double v;
    if (!read_words(dir, name, text, sizeof text)) return NAN;
    if (!strncmp(text, "max", 3)) return INFINITY;
    return sscanf(text, "%lf", &v) == 1 ? v : NAN;
}
/* Behind a word at the beginning of a line; NAN: there is none. */
static double read_line_of(const char *path, const char *word) {
    FILE *f = fopen(path, "r");
    char line[256];
    double v = NAN;
    size_t n = strlen(word);
    while (f && isnan(v) && fgets(line, sizeof line, f))
        if (!strncmp(line, word, n) && sscanf(line + n, "%lf", &v) != 1) v = NAN;
    if (f) fclose(f);
    return v;
}

static void limit_processors(MachineLimits *m, double quota, double period) {
    if (quota > 0 && period > 0) m->processors = fmin(m->processors, quota / period);
}
static void limit_memory(MachineLimits *m, const char *dir, double limit, const char *used, const char *inactive,
                         const char *active) {
    if (!(limit < NO_LIMIT_V1)) return;
    char path[PATH_BYTES];
    if (snprintf(path, sizeof path, "%s/memory.stat", dir) >= (int)sizeof path) return;
    double taken = read_number(dir, used), back = read_line_of(path, inactive), more = read_line_of(path, active);
    m->memory = fmin(m->memory, limit);
    m->memory_left = fmin(m->memory_left, fmax(0, limit - fmax(0, taken) + fmax(0, back) + fmax(0, more)));
}
static void look_v2(MachineLimits *m, const char *dir) {
    char text[64];
    double quota, period;
    if (read_words(dir, "cpu.max", text, sizeof text) && sscanf(text, "%lf %lf", &quota, &period) == 2)
        limit_processors(m, quota, period);
    limit_memory(m, dir, read_number(dir, "memory.max"), "memory.current", "inactive_file ", "active_file ");
}
static void look_v1_cpu(MachineLimits *m, const char *dir) {
    limit_processors(m, read_number(dir, "cpu.cfs_quota_us"), read_number(dir, "cpu.cfs_period_us"));
}
static void look_v1_memory(MachineLimits *m, const char *dir) {
    limit_memory(m, dir, read_number(dir, "memory.limit_in_bytes"), "memory.usage_in_bytes", "total_inactive_file ",
                 "total_active_file ");
}
/* A group and those that it is in, up to where they are mounted. Within a container the path may be one that only the
 * host has: then the mounted one is the container's. */
static void look_up(MachineLimits *m, const char *root, const char *mount, const char *group,
                    void (*look)(MachineLimits *m, const char *dir)) {
    char dir[PATH_BYTES];
    int top = snprintf(dir, sizeof dir, "%s/sys/fs/cgroup%s", root, mount),
        len = snprintf(dir, sizeof dir, "%s/sys/fs/cgroup%s%s", root, mount, group);
    if (len >= (int)sizeof dir) return;
    for (;;) {
        look(m, dir);
        if (len <= top) return;
        while (len > top && dir[len - 1] != '/') len--;
        if (len > top) len--;
        dir[len] = 0;
    }
}
static bool names(const char *controllers, const char *one) {
    size_t n = strlen(one);
    for (const char *at = controllers; (at = strstr(at, one)); at += n)
        if ((at == controllers || at[-1] == ',') && (!at[n] || at[n] == ',')) return true;
    return false;
}
MachineLimits machine_limits(const char *root) {
    MachineLimits m = {INFINITY, INFINITY, INFINITY};
    char path[PATH_BYTES], line[PATH_BYTES];
    if (snprintf(path, sizeof path, "%s/proc/self/cgroup", root) >= (int)sizeof path) return m;
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) { /* number:controllers:group */
        char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group) continue;
        *group++ = 0;
        controllers++;
        group[strcspn(group, "\n")] = 0;
        if (!*controllers) {
            look_up(&m, root, "", group, look_v2);
            look_up(&m, root, "/unified", group, look_v2);
        }
        if (names(controllers, "cpu")) {
            look_up(&m, root, "/cpu", group, look_v1_cpu);
            look_up(&m, root, "/cpu,cpuacct", group, look_v1_cpu);
        }
        if (names(controllers, "memory")) look_up(&m, root, "/memory", group, look_v1_memory);
    }
    if (f) fclose(f);
    return m;
}

static MachineLimits known;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static void learn(void) {
    known = machine_limits("");
}
int machine_processors(void) {
    cpu_set_t cpus;
    int n = 0;
    if (sched_getaffinity(0, sizeof cpus, &cpus) == 0) n = CPU_COUNT(&cpus);
    if (n < 1) n = (int)sysconf(_SC_NPROCESSORS_ONLN);
    pthread_once(&once, learn);
    if (known.processors < n) n = (int)known.processors;
    return n < 1 ? 1 : n;
}
double machine_memory(void) {
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    pthread_once(&once, learn);
    double all = pages > 0 && size > 0 ? (double)pages * (double)size : INFINITY;
    all = fmin(all, known.memory);
    return isinf(all) ? 0 : all;
}
bool machine_has_memory(double bytes) {
    if (bytes < 256e6) return true;
    double available = 1024 * read_line_of("/proc/meminfo", "MemAvailable:"); /* NAN: the system does not say */
    return !(bytes > available) && bytes <= machine_limits("").memory_left;
}
