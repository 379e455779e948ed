/* table_duckdb_lib.c: finds libduckdb, opens it, and opens sessions of it.
 *
 * Looked for in this order: $DUCKDB_DIR and $DUCKDB_DIR/lib, the executable's folder, ./deps and ../lib beside it, then
 * where the system's loader looks. Opened once; it stays open until the process ends. A session is an empty database in
 * memory that may not fetch extensions from the network. */
#include "backends/runtime/duckdb_api.h"
#include "backends/runtime/table.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static DuckdbApi duckdb_api;
static bool duckdb_found;
static char duckdb_why[512], duckdb_version[64];
static pthread_once_t duckdb_once = PTHREAD_ONCE_INIT;

static bool duckdb_symbols(void *library) {
    struct {
        void **to;
        const char *name;
    } symbols[] = {
#define DUCKDB_SYMBOL(result, name, arguments) {(void **)&duckdb_api.name, "duckdb_" #name},
        DUCKDB_FUNCTIONS(DUCKDB_SYMBOL)
#undef DUCKDB_SYMBOL
    };
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        if ((*symbols[i].to = dlsym(library, symbols[i].name))) continue;
        (void)snprintf(duckdb_why, sizeof duckdb_why, "the libduckdb found lacks %s: version 1.2 or later is needed",
                       symbols[i].name);
        return false;
    }
    (void)snprintf(duckdb_version, sizeof duckdb_version, "%s", duckdb_api.library_version());
    return true;
}

static void *duckdb_open_in(const char *folder, const char *below) {
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%slibduckdb.so", folder, below);
    if (n < 0 || (size_t)n >= sizeof path || access(path, R_OK)) return NULL;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) (void)snprintf(duckdb_why, sizeof duckdb_why, "%s", dlerror());
    return library;
}

static void duckdb_find(void) {
    void *library = NULL;
    const char *given = getenv("DUCKDB_DIR");
    if (given && *given) {
        library = duckdb_open_in(given, "");
        if (!library) library = duckdb_open_in(given, "lib/");
    }
    char self[4096];
    ssize_t n = library ? -1 : readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) {
        self[n] = 0;
        char *slash = strrchr(self, '/');
        static const char *const below[] = {
            "",         "deps/",       "../lib/",
            "../deps/", "../../deps/", "../../../deps/"}; /* the last three: test programs below the build folder */
        if (slash) *slash = 0;
        for (size_t i = 0; slash && !library && i < sizeof below / sizeof *below; i++)
            library = duckdb_open_in(self, below[i]);
    }
    if (!library) library = dlopen("libduckdb.so", RTLD_NOW | RTLD_LOCAL);
    if (!library && !*duckdb_why)
        (void)snprintf(duckdb_why, sizeof duckdb_why,
                       "libduckdb.so was not found in $DUCKDB_DIR, beside the program or by the system's loader");
    duckdb_found = library && duckdb_symbols(library);
}

bool table_duckdb_available(const char **version, const char **why_not) {
    if (pthread_once(&duckdb_once, duckdb_find)) internal_error("pthread_once");
    if (version) *version = duckdb_found ? duckdb_version : NULL;
    if (why_not) *why_not = duckdb_found ? NULL : duckdb_why;
    return duckdb_found;
}

void duckdb_session_close(DuckdbSession *q) {
    if (q->connection) q->api->disconnect(&q->connection);
    if (q->database) q->api->close(&q->database);
}

bool duckdb_session(Diags *ds, Span at, int threads, DuckdbSession *out) {
    const char *why;
    *out = (DuckdbSession){.api = &duckdb_api};
    if (!table_duckdb_available(NULL, &why)) {
        diag_help(diag_error(ds, "E610", at, "Parquet and JSON need libduckdb, which is missing: %s", why),
                  "`make deps` fetches it; DUCKDB_DIR names a folder that has it");
        return false;
    }
    char count[16];
    (void)snprintf(count, sizeof count, "%d", threads > 0 ? threads : 1);
    const DuckdbApi *q = &duckdb_api;
    void *config = NULL;
    char *error = NULL;
    bool ok = q->create_config(&config) == DUCKDB_OK && q->set_config(config, "threads", count) == DUCKDB_OK &&
              q->set_config(config, "autoinstall_known_extensions", "false") == DUCKDB_OK &&
              q->set_config(config, "autoload_known_extensions", "false") == DUCKDB_OK &&
              q->open_ext(NULL, &out->database, config, &error) == DUCKDB_OK &&
              q->connect(out->database, &out->connection) == DUCKDB_OK;
    if (config) q->destroy_config(&config);
    if (!ok) {
        diag_error(ds, "E610", at, "libduckdb %s does not start: %s", duckdb_version,
                   error ? error : "it gives no reason");
        duckdb_session_close(out);
    }
    if (error) q->free(error);
    return ok;
}

const char *duckdb_quote(Arena *arena, const char *text, char mark) {
    char *out = arena_alloc(arena, strlen(text) * 2 + 3), *to = out;
    *to++ = mark;
    for (const char *p = text; *p; p++) {
        if (*p == mark) *to++ = mark;
        *to++ = *p;
    }
    *to++ = mark;
    return out;
}
