/* xgboost.c: libxgboost through its C interface (contract: xgboost.h). */
#include "compiler/estimator/xgboost.h"
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
    if (api.XGBoosterDumpModelEx(booster, "", 1, "json", &n, &dump)) return false;
    *out = (Forest){.count = (int)n, .trees = arena_array(arena, Tree, n + 1)};
    for (uint64_t i = 0; i < n; i++)
        if (!tree_from_dump(arena, dump[i], nfeatures, &out->trees[i])) return false;
    return true;
}

bool xgboost_train(Arena *arena, Diags *ds, const BoostOptions *o, int n, int nfeatures, const float *x, const float *y,
                   const float *weight, Forest *out) {
    const char *why = NULL;
    if (!load(&why)) {
        diag_help(diag_error(ds, "E611", (Span){0}, "the estimator cannot be trained without XGBoost: %s", why),
                  "install libxgboost; without it the model that is there is used as it is");
        return false;
    }
    char depth[16];
    snprintf(depth, sizeof depth, "%d", o->depth);
    const char *const fixed[][2] = {{"max_depth", depth}, {"nthread", "1"},      {"seed", "1"},
                                    {"verbosity", "0"},   {"base_score", "0.5"}, {"tree_method", "exact"}};
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
    for (int i = 0; ok && i < o->trees; i++) ok = !api.XGBoosterUpdateOneIter(booster, i, matrix);
    ok = ok && take_trees(arena, booster, nfeatures, out);
    out->base = classifies ? 0 : 0.5; /* base_score: as log-odds 0 */
    if (!ok) {
        const char *said = api.XGBGetLastError();
        diag_help(
            diag_error(ds, "E611", (Span){0}, "XGBoost failed: %s", said && *said ? said : "its trees cannot be read"),
            "`amal doctor` says which version was found");
    }
    if (booster) api.XGBoosterFree(booster);
    if (matrix) api.XGDMatrixFree(matrix);
    return ok;
}
