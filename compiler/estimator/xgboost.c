/* xgboost.c: libxgboost through its C interface (contract: xgboost.h). */
#include "compiler/estimator/xgboost.h"
#include "compiler/driver.h"
#include <dlfcn.h>
#include <math.h>

typedef void *Handle;
#define XGBOOST_FUNCTIONS(F)                                                                                           \
    F(void, XGBoostVersion, (int *, int *, int *))                                                                     \
    F(const char *, XGBGetLastError, (void))                                                                           \
    F(int, XGDMatrixCreateFromMat, (const float *, uint64_t, uint64_t, float, Handle *))                               \
    F(int, XGDMatrixSetFloatInfo, (Handle, const char *, const float *, uint64_t))                                     \
    F(int, XGDMatrixFree, (Handle))                                                                                    \
    F(int, XGBoosterCreate, (const Handle *, uint64_t, Handle *))                                                      \
    F(int, XGBoosterSetParam, (Handle, const char *, const char *))                                                    \
    F(int, XGBoosterPredict, (Handle, Handle, int, unsigned, int, uint64_t *, const float **))                         \
    F(int, XGBoosterBoostOneIter, (Handle, Handle, float *, float *, uint64_t))                                        \
    F(int, XGBoosterUpdateOneIter, (Handle, int, Handle))                                                              \
    F(int, XGBoosterDumpModelEx, (Handle, const char *, int, const char *, uint64_t *, const char ***))                \
    F(int, XGBoosterFree, (Handle))
static struct {
#define F(type, name, parameters) type(*name) parameters;
    XGBOOST_FUNCTIONS(F)
#undef F
} api;

static bool load(const char **why) {
    static void *library;
    static char message[256];
    if (library) return true;
    static const char *const names[] = {"libxgboost.so.0", "libxgboost.so"};
    for (size_t i = 0; i < sizeof names / sizeof *names && !library; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *said = dlerror();
        snprintf(message, sizeof message, "%s", said ? said : "it cannot be opened");
        *why = message;
        return false;
    }
#define F(type, name, parameters)                                                                                      \
    if (!(*(void **)&api.name = dlsym(library, #name))) {                                                              \
        *why = "it lacks " #name;                                                                                      \
        dlclose(library);                                                                                              \
        library = NULL;                                                                                                \
        return false;                                                                                                  \
    }
    XGBOOST_FUNCTIONS(F)
#undef F
    return true;
}

bool xgboost_available(const char **version, const char **why) {
    static char text[32];
    if (!load(why)) return false;
    int major, minor, patch;
    api.XGBoostVersion(&major, &minor, &patch);
    snprintf(text, sizeof text, "%d.%d.%d", major, minor, patch);
    *version = text;
    return true;
}

static bool take_trees(Arena *arena, Handle booster, int nfeatures, Forest *out) {
    uint64_t n;
    const char **dump;
    if (api.XGBoosterDumpModelEx(booster, "", 0, "json", &n, &dump)) return false;
    *out = (Forest){.count = (int)n, .trees = arena_array(arena, Tree, n + 1)};
    for (uint64_t i = 0; i < n; i++)
        if (!tree_from_dump(arena, dump[i], nfeatures, &out->trees[i])) return false;
    return true;
}

/* One more tree, for the loss of groups (xgboost.h). slope, bend: room for n numbers each. */
static bool boost_groups(Handle booster, Handle matrix, const BoostGroups *g, const float *y, int n, float *slope,
                         float *bend) {
    uint64_t len;
    const float *now;
    if (api.XGBoosterPredict(booster, matrix, 0, 0, 1, &len, &now) || len != (uint64_t)n) return false;
    for (int begin = 0, end; begin < n; begin = end) {
        double mean = 0;
        for (end = begin; end < n && g->group[end] == g->group[begin]; end++)
            mean += g->part[end] * (double)(now[end] - y[end]);
        mean /= end - begin;
        for (int i = begin; i < end; i++) {
            double e = (double)(now[i] - y[i]), s = g->part[i];
            slope[i] = (float)(e + g->weight * s * (s * e - mean));
            bend[i] = (float)(1 + g->weight * s * s * (1 - 1.0 / (end - begin)));
        }
    }
    return !api.XGBoosterBoostOneIter(booster, matrix, slope, bend, (uint64_t)n);
}
bool xgboost_train(Arena *arena, Diags *ds, const BoostOptions *o, int n, int nfeatures, const float *x, const float *y,
                   const float *weight, const BoostGroups *groups, Forest *out) {
    const char *why = NULL;
    if (!load(&why)) {
        diag_help(diag_error(ds, "E611", (Span){0}, "the estimator cannot be trained without XGBoost: %s", why),
                  "install libxgboost; without it the model that is there is used as it is");
        return false;
    }
    char depth[16], least[16];
    snprintf(depth, sizeof depth, "%d", o->depth);
    snprintf(least, sizeof least, "%d", o->least);
    const char *const fixed[][2] = {{"max_depth", depth},    {"min_child_weight", least}, {"nthread", "1"},
                                    {"seed", "1"},           {"verbosity", "0"},          {"base_score", "0.5"},
                                    {"tree_method", "exact"}};
    Handle matrix = NULL, booster = NULL;
    bool ok = !api.XGDMatrixCreateFromMat(x, (uint64_t)n, (uint64_t)nfeatures, NAN, &matrix) &&
              !api.XGDMatrixSetFloatInfo(matrix, "label", y, (uint64_t)n) &&
              (!weight || !api.XGDMatrixSetFloatInfo(matrix, "weight", weight, (uint64_t)n)) &&
              !api.XGBoosterCreate(&matrix, 1, &booster);
    for (size_t i = 0; ok && i < sizeof fixed / sizeof *fixed; i++)
        ok = !api.XGBoosterSetParam(booster, fixed[i][0], fixed[i][1]);
    bool classifies = false;
    for (int i = 0; ok && o->params[i][0]; i++) {
        classifies = classifies || !strcmp(o->params[i][1], "binary:logistic");
        ok = !api.XGBoosterSetParam(booster, o->params[i][0], o->params[i][1]);
    }
    float *slope = arena_array(arena, float, groups ? n : 1), *bend = arena_array(arena, float, groups ? n : 1);
    bool stopped = false;
    for (int i = 0; ok && i < o->trees && !(stopped = interrupt_requested()); i++)
        ok = groups ? boost_groups(booster, matrix, groups, y, n, slope, bend)
                    : !api.XGBoosterUpdateOneIter(booster, i, matrix);
    ok = ok && !stopped && take_trees(arena, booster, nfeatures, out);
    out->base = classifies ? 0 : 0.5; /* base_score: as log-odds 0 */
    if (!ok && !stopped) {            /* an interruption is the command's to report */
        const char *said = api.XGBGetLastError();
        diag_help(
            diag_error(ds, "E611", (Span){0}, "XGBoost failed: %s", said && *said ? said : "its trees cannot be read"),
            "`amal doctor` says which version was found");
    }
    if (booster) api.XGBoosterFree(booster);
    if (matrix) api.XGDMatrixFree(matrix);
    return ok;
}
