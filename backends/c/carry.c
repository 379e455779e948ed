/* carry.c: see carry.h. */
#include "backends/c/carry.h"

/* Comments show formulas with numbers that the code has from elsewhere: they do not count. */
void carry_hash(const char *text, uint64_t hash[2]) {
    Buf code = {0};
    for (const char *p = text; *p;) {
        const char *comment = strstr(p, "/*"), *end = comment ? strstr(comment, "*/") : NULL;
        buf_add(&code, p, end ? (size_t)(comment - p) : strlen(p));
        p = end ? end + 2 : p + strlen(p);
    }
    hash[0] = hash_bytes(code.data, code.len, 1);
    hash[1] = hash_bytes(code.data, code.len, 2);
    buf_free(&code);
}

void carry_add(KernelSink *sink, const char *name, const char *text) {
    KernelText k = {.name = arena_strdup(sink->arena, name)};
    carry_hash(text, k.hash);
    for (int i = 0; i < sink->kernels.len; i++)
        if (memcmp(sink->kernels.data[i].hash, k.hash, sizeof k.hash) == 0) return;
    k.text = arena_strdup(sink->arena, text);
    vec_push(sink->arena, &sink->kernels, k);
}

/* ---- processors ---- */

/* What -march may let a compiler use in code of loops over numbers. */
#define FEATURES(X)                                                                                                    \
    X(__SSE3__, "pni")                                                                                                 \
    X(__SSSE3__, "ssse3")                                                                                              \
    X(__SSE4_1__, "sse4_1")                                                                                            \
    X(__SSE4_2__, "sse4_2")                                                                                            \
    X(__POPCNT__, "popcnt")                                                                                            \
    X(__MOVBE__, "movbe")                                                                                              \
    X(__LZCNT__, "abm")                                                                                                \
    X(__BMI__, "bmi1")                                                                                                 \
    X(__BMI2__, "bmi2")                                                                                                \
    X(__ADX__, "adx")                                                                                                  \
    X(__AVX__, "avx")                                                                                                  \
    X(__F16C__, "f16c")                                                                                                \
    X(__FMA__, "fma")                                                                                                  \
    X(__FMA4__, "fma4")                                                                                                \
    X(__XOP__, "xop")                                                                                                  \
    X(__TBM__, "tbm")                                                                                                  \
    X(__AVX2__, "avx2")                                                                                                \
    X(__AVXVNNI__, "avx_vnni")                                                                                         \
    X(__GFNI__, "gfni")                                                                                                \
    X(__AVX512F__, "avx512f")                                                                                          \
    X(__AVX512CD__, "avx512cd")                                                                                        \
    X(__AVX512BW__, "avx512bw")                                                                                        \
    X(__AVX512DQ__, "avx512dq")                                                                                        \
    X(__AVX512VL__, "avx512vl")                                                                                        \
    X(__AVX512IFMA__, "avx512ifma")                                                                                    \
    X(__AVX512VBMI__, "avx512vbmi")                                                                                    \
    X(__AVX512VBMI2__, "avx512_vbmi2")                                                                                 \
    X(__AVX512VNNI__, "avx512_vnni")                                                                                   \
    X(__AVX512BITALG__, "avx512_bitalg")                                                                               \
    X(__AVX512VPOPCNTDQ__, "avx512_vpopcntdq")                                                                         \
    X(__AVX512BF16__, "avx512_bf16")                                                                                   \
    X(__AVX512FP16__, "avx512_fp16")                                                                                   \
    X(__ARM_FEATURE_ATOMICS, "atomics")                                                                                \
    X(__ARM_FEATURE_QRDMX, "asimdrdm")                                                                                 \
    X(__ARM_FEATURE_DOTPROD, "asimddp")                                                                                \
    X(__ARM_FEATURE_FP16_VECTOR_ARITHMETIC, "asimdhp")                                                                 \
    X(__ARM_FEATURE_SVE, "sve")                                                                                        \
    X(__ARM_FEATURE_SVE2, "sve2")

#define NEEDS(macro, name) "#ifdef " #macro "\n\" " name "\"\n#endif\n"
const char carry_needs_c[] = "const char amal_needs[] = \"\"\n" FEATURES(NEEDS) ";\n";

/* The processor's features as /proc/cpuinfo lists them; empty: they are not to be had. */
static void cpu_features(char *line, int size) {
    FILE *f = fopen("/proc/cpuinfo", "r");
    bool found = false;
    while (f && !found && fgets(line, size, f)) found = !strncmp(line, "flags", 5) || !strncmp(line, "Features", 8);
    if (!found) line[0] = 0;
    line[strcspn(line, "\n")] = 0;
    if (f) fclose(f);
}

bool carry_lacks(const char *needs, char *word, size_t size) {
    char line[8192];
    if (!*needs) return false;
    cpu_features(line, sizeof line);
    for (const char *p = needs; *p; p += strcspn(p, " ")) {
        p += strspn(p, " ");
        size_t len = strcspn(p, " ");
        if (!len) break;
        bool has = false;
        for (const char *q = line; !has && (q = strstr(q, " ")); q++)
            has = strncmp(q + 1, p, len) == 0 && (q[1 + len] == ' ' || !q[1 + len]);
        if (has) continue;
        snprintf(word, size, "%.*s", (int)len, p);
        return true;
    }
    return false;
}

int (*carry_find(const AmalProgram *p, const char *text, CarriedOutcome *outcome))(struct AmalRt *) {
    uint64_t hash[2];
    char word[32];
    carry_hash(text, hash);
    *outcome = CARRIED_ABSENT;
    for (int i = 0; i < p->nkernels; i++) {
        if (memcmp(p->kernels[i].hash, hash, sizeof hash) != 0) continue;
        *outcome = carry_lacks(p->needs, word, sizeof word) ? CARRIED_FOREIGN : CARRIED_THERE;
        return *outcome == CARRIED_THERE ? p->kernels[i].run : NULL;
    }
    return NULL;
}

const AmalImage *carry_image(const AmalProgram *p, const char *text, int major, int minor, CarriedOutcome *outcome) {
    uint64_t hash[2];
    const AmalImage *best = NULL;
    carry_hash(text, hash);
    *outcome = CARRIED_ABSENT;
    for (int i = 0; i < p->nimages; i++) {
        const AmalImage *m = &p->images[i];
        if (memcmp(m->hash, hash, sizeof hash) != 0) continue;
        *outcome = CARRIED_FOREIGN;
        bool fits = m->arch <= 10 * major + minor && (m->ptx || m->arch / 10 == major);
        if (fits && (!best || (best->ptx && !m->ptx) || (best->ptx == m->ptx && m->arch > best->arch))) best = m;
    }
    if (best) *outcome = CARRIED_THERE;
    return best;
}
