/* target.c: see target.h. */
#include "backends/c/target.h"
#include <stdlib.h>

static bool processor_has(const char *feature) {
    FILE *f = fopen("/proc/cpuinfo", "r");
    bool has = false;
    char line[4096];
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, "flags", 5)) {
            const char *at = strstr(line, feature);
            size_t n = strlen(feature);
            while (at && !(at[-1] == ' ' && (at[n] == ' ' || at[n] == '\n'))) at = strstr(at + 1, feature);
            has = at != NULL;
            break;
        }
    if (f) fclose(f);
    return has;
}
static const CpuTarget sse = {{"-march=x86-64"}, 2, 16, false}, avx2 = {{"-march=x86-64-v3"}, 4, 16, true},
                       avx512 = {{"-march=x86-64-v4", "-mprefer-vector-width=512"}, 8, 32, true};

bool target_named(const char *name, CpuTarget *out) {
    if (!*name || !strcmp(name, "native")) {
#if defined(__x86_64__)
        *out = processor_has("avx512dq") ? avx512 : processor_has("avx2") && processor_has("fma") ? avx2 : sse;
        out->flags[0] = "-march=native";
#else
        *out = (CpuTarget){{"-mcpu=native"}, 2, 32, false};
#endif
        return true;
    }
#if defined(__x86_64__)
    bool least = !strcmp(name, "x86-64") || !strcmp(name, "portable");
    if (least || !strcmp(name, "x86-64-v3") || !strcmp(name, "x86-64-v4")) {
        *out = least ? sse : !strcmp(name, "x86-64-v3") ? avx2 : avx512;
        return true;
    }
#else
    if (!strcmp(name, "portable")) {
        *out = (CpuTarget){{NULL}, 2, 32, false};
        return true;
    }
#endif
    return false;
}

bool target_find(Diags *ds, CpuTarget *out) {
    const char *name = getenv("AMAL_TARGET");
    if (target_named(name ? name : "", out)) return true;
    diag_help(
        diag_error(ds, "E602", (Span){0}, "AMAL_TARGET names no processor that code can be emitted for: `%s`", name),
        "leave it unset, or name x86-64, x86-64-v3 or x86-64-v4 on such a processor");
    return false;
}
