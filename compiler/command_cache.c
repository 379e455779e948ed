/* cache_command.c: `amal cache`: what is kept for later runs, and its end.
 *
 * Data are listed one entry a line, the last used first; compiled kernels and what compilers said of themselves as a
 * number and a sum. `clear` removes all three, or with --older-than what was not used for so long. */
#include "backends/runtime/cache.h"
#include "compiler/command.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const char *const folders[] = {"data", "kernels", "compilers"};
enum { NFOLDERS = sizeof folders / sizeof *folders };
#define NANOSECONDS INT64_C(1000000000)

static const char *size_text(int64_t bytes, char text[32]) {
    if (bytes >= 10000000)
        snprintf(text, 32, "%.0f MB", (double)bytes / 1e6);
    else
        snprintf(text, 32, "%.1f kB", (double)bytes / 1e3);
    return text;
}

static const char *age_text(int64_t seconds, char text[32]) {
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}};
    int i = 0;
    if (seconds < 0) seconds = 0;
    while (i < 3 && seconds < units[i].seconds) i++;
    snprintf(text, 32, "%lld %s ago", (long long)(seconds / units[i].seconds), units[i].name);
    return text;
}

/* "30d", "12h", "5m", "90s" in seconds. */
static bool parse_age(const char *text, int64_t *seconds) {
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    int64_t unit = *end == 'd' ? 86400 : *end == 'h' ? 3600 : *end == 'm' ? 60 : *end == 's' ? 1 : 0;
    if (end == text || errno || n < 0 || n > 1000000000 || !unit || end[1]) return false;
    *seconds = n * unit;
    return true;
}

static void list(FILE *out, Arena *arena, const char *root, int64_t now) {
    char size[32], age[32];
    int64_t total = 0;
    for (int f = 0; f < NFOLDERS; f++) {
        CacheEntries all = {0};
        int64_t bytes = 0;
        cache_list(arena, arena_printf(arena, "%s/%s", root, folders[f]), &all);
        for (int i = 0; i < all.len; i++) {
            const CacheEntry *e = &all.data[i];
            bytes += e->bytes;
            if (e->about)
                fprintf(out, "  %10s  %12s  %s\n", size_text(e->bytes, size),
                        age_text((now - e->used) / NANOSECONDS, age), e->about);
        }
        if (f && all.len)
            fprintf(out, "  %10s  %12s  %d file%s of %s\n", size_text(bytes, size),
                    age_text((now - all.data[0].used) / NANOSECONDS, age), all.len, all.len == 1 ? "" : "s",
                    folders[f]);
        total += bytes;
    }
    fprintf(out, "%s: %s\n", root, size_text(total, size));
}

static int clear(FILE *out, Arena *arena, const char *root, int64_t before) {
    char size[32];
    int64_t bytes = 0;
    int files = 0, failed = 0;
    for (int f = 0; f < NFOLDERS; f++) {
        CacheEntries all = {0};
        cache_list(arena, arena_printf(arena, "%s/%s", root, folders[f]), &all);
        for (int i = 0; i < all.len; i++) {
            if (all.data[i].used > before) continue;
            if (unlink(all.data[i].file)) {
                if (errno == ENOENT) continue; /* another run was faster */
                fprintf(stderr, "amal: %s cannot be removed: %s\n", all.data[i].file, strerror(errno));
                failed++;
                continue;
            }
            files++;
            bytes += all.data[i].bytes;
        }
    }
    fprintf(out, "%s: %d file%s removed, %s\n", root, files, files == 1 ? "" : "s", size_text(bytes, size));
    return failed ? EXIT_WRONG : 0;
}

int command_cache(Invocation *v) {
    const char *older_than = command_value(v, OPTION_older_than);
    bool clearing = v->arguments.len > 0;
    int64_t age = 0;
    char root[CACHE_PATH];
    if (clearing && strcmp(v->arguments.data[0], "clear"))
        return command_usage("cache %s is not known: amal cache, or amal cache clear", v->arguments.data[0]);
    if (older_than && !clearing) return command_usage("--older-than %s belongs to cache clear", older_than);
    if (older_than && !parse_age(older_than, &age))
        return command_usage("--older-than %s: an age is wanted, as 30d, 12h or 5m", older_than);
    if (!cache_root(root, sizeof root)) return command_usage("there is no cache: neither AMAL_CACHE nor HOME is set");
    struct timespec t;
    if (clock_gettime(CLOCK_REALTIME, &t)) return EXIT_WRONG;
    int64_t now = (int64_t)t.tv_sec * NANOSECONDS + t.tv_nsec;
    if (clearing) return clear(stdout, v->arena, root, older_than ? now - age * NANOSECONDS : INT64_MAX);
    list(stdout, v->arena, root, now);
    return 0;
}
