/* model.c: the estimator's model file (contract: model.h). */
#include "compiler/estimator/model.h"
#include "backends/runtime/cache_folder.h"
#include "compiler/script.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define HEAD "amal estimator 4\n"

void model_inputs(const EffortSeconds *s, const double effort[ALL_EFFORTS], const double x[NFEATURES],
                  double out[NINPUTS]) {
    double run = effort_run_seconds(s, effort), make = effort_make_seconds(s, effort);
    memcpy(out, x, sizeof *x * NFEATURES);
    for (int k = 0; k < ALL_EFFORTS; k++) {
        double all = k < NEFFORTS ? run : make;
        out[NFEATURES + k] = all > 0 ? s->of[k] * effort[k] / all : 0;
    }
}
const char *model_input_name(Arena *arena, int input) {
    return input < NFEATURES ? feature_rows[input].name
                             : arena_printf(arena, "%s (share)", effort_rows[input - NFEATURES].name);
}

void estimator_print(Buf *out, const Estimator *e) {
    Buf b = {0};
    buf_printf(&b, HEAD "version %s\n", e->version);
    hardware_print(&b, &e->hw);
    buf_printf(&b, "trained %d %d%s\n", e->datasets, e->trainings, e->gram ? " gram" : "");
    for (int i = 0; i < ALL_EFFORTS; i++) buf_printf(&b, "effort %s %.6g\n", effort_rows[i].name, e->seconds.of[i]);
    for (int i = 0; i < NFEATURES; i++)
        buf_printf(&b, "feature %s %.6g %.6g\n", feature_rows[i].name, e->least[i], e->most[i]);
    forest_print(&b, "run", &e->run);
    forest_print(&b, "make", &e->make);
    buf_printf(&b, "end %016" PRIx64 "\n", hash_bytes(b.data, b.len, 0));
    buf_add(out, b.data, b.len);
    buf_free(&b);
}

/* The next line of *at without its end, in `line`; *at moves on. false: there is none, or it is too long. */
static bool next_line(const char **at, char *line, size_t size) {
    size_t n = strcspn(*at, "\n");
    if (!(*at)[n] || n >= size) return false;
    memcpy(line, *at, n);
    line[n] = 0;
    *at += n + 1;
    return true;
}
Estimator *estimator_read(Arena *arena, const char *text, size_t len, const char **why) {
    static const size_t tail = sizeof "end 0123456789abcdef\n" - 1;
    char line[256], name[64], expected[32];
    *why = "it is not an estimator's model, or of another format";
    if (strlen(text) != len || strncmp(text, HEAD, sizeof HEAD - 1)) return NULL;
    *why = "it is damaged: its checksum is wrong";
    if (len < sizeof HEAD - 1 + tail) return NULL;
    snprintf(expected, sizeof expected, "end %016" PRIx64 "\n", hash_bytes(text, len - tail, 0));
    if (strcmp(text + len - tail, expected)) return NULL;
    *why = "it is damaged";
    Estimator *e = arena_new_of(arena, Estimator);
    const char *at = text + sizeof HEAD - 1;
    if (!next_line(&at, line, sizeof line) || strncmp(line, "version ", 8)) return NULL;
    e->version = arena_strdup(arena, line + 8);
#define ROW(field, meaning)                                                                                            \
    if (!next_line(&at, line, sizeof line) || !hardware_read(&e->hw, line)) return NULL;
    HARDWARE_ROWS(ROW)
#undef ROW
    if (!hardware_is_sound(&e->hw) || !next_line(&at, line, sizeof line) ||
        sscanf(line, "trained %d %d", &e->datasets, &e->trainings) != 2)
        return NULL;
    e->gram = strstr(line, " gram") != NULL;
    *why = "its features are not those of this version: train it again with `amal calibrate --train`";
    for (int i = 0; i < ALL_EFFORTS; i++)
        if (!next_line(&at, line, sizeof line) || sscanf(line, "effort %63s %lf", name, &e->seconds.of[i]) != 2 ||
            strcmp(name, effort_rows[i].name) || !isfinite(e->seconds.of[i]) || e->seconds.of[i] < 0)
            return NULL;
    for (int i = 0; i < NFEATURES; i++)
        if (!next_line(&at, line, sizeof line) ||
            sscanf(line, "feature %63s %lf %lf", name, &e->least[i], &e->most[i]) != 3 ||
            strcmp(name, feature_rows[i].name) || !isfinite(e->least[i]) || !isfinite(e->most[i]))
            return NULL;
    if (!strncmp(at, "feature ", 8)) return NULL;
    if (!forest_read(arena, &at, "run", NINPUTS, &e->run, why)) return NULL;
    if (!forest_read(arena, &at, "make", NINPUTS, &e->make, why)) return NULL;
    *why = "it is damaged";
    return at == text + len - tail ? e : NULL;
}

static const Estimator *load(Arena *arena, const char **why, bool *broken) {
    char path[CACHE_PATH];
    const char *named = getenv("AMAL_ESTIMATOR"), *text = estimator_shipped, *from = "the shipped model";
    size_t len = strlen(estimator_shipped);
    *broken = false;
    if (named && !strcmp(named, "off")) return *why = "AMAL_ESTIMATOR is off", NULL;
    if (named && *named) {
        from = arena_strdup(arena, named);
        text = script_read_file(arena, from, SCRIPT_MAX_BYTES, &len, why);
        *broken = !text;
    } else if (estimator_path("model", path, sizeof path)) {
        FILE *there = fopen(path, "r");
        if (there) {
            fclose(there);
            from = arena_strdup(arena, path);
            text = script_read_file(arena, from, SCRIPT_MAX_BYTES, &len, why);
            *broken = !text;
        }
    }
    if (*broken) return *why = arena_printf(arena, "%s: %s", from, *why), NULL;
    if (!len && text == estimator_shipped) return *why = "no learned model is there", NULL;
    Estimator *e = estimator_read(arena, text, len, why);
    if (e) return *why = NULL, e->from = from, e;
    *broken = true;
    *why = arena_printf(arena, "%s: %s", from, *why);
    return NULL;
}
const Estimator *estimator_current(const char **why, bool *broken) {
    static const Estimator *known;
    static const char *said;
    static bool asked, bad;
    if (!asked) known = load(arena_new(), &said, &bad);
    asked = true;
    *why = said;
    *broken = bad;
    return known;
}
