/* doctor.c: what of the outside world was found, and what each missing part costs (`amal doctor`).
 *
 * Libraries that only some scripts need are opened with dlopen here as they are there. */
#include "backends/backend.h"
#include "backends/cuda/device.h"
#include "backends/runtime/kernels.h"
#include "compiler/driver.h"
#include "compiler/estimator/xgboost.h"
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

extern char *openblas_get_config(void);

static void line(FILE *out, bool found, const char *what, const char *detail, const char *cost) {
    fprintf(out, "  %-3s %-11s %s\n", found ? "ok" : "--", what, detail);
    if (!found) fprintf(out, "      %-11s %s\n", "", cost);
}

static bool compiler_version(char *text, size_t size) {
    const char *cc = getenv("CC");
    char command[512];
    snprintf(command, sizeof command, "%s --version 2>/dev/null", cc && *cc ? cc : "cc");
    FILE *p = popen(command, "r");
    if (!p) return false;
    bool ok = fgets(text, (int)size, p) != NULL;
    ok = pclose(p) == 0 && ok;
    text[strcspn(text, "\n")] = 0;
    return ok;
}

static void find_xgboost(FILE *out) {
    const char *version = NULL, *why = NULL;
    bool found = xgboost_available(&version, &why);
    line(out, found, "XGBoost", found ? version : why, "amal calibrate --train needs it; --strategy auto does not");
}

static void find_cuda(FILE *out) {
    static const char cost[] = "--backend cuda does not run here; --backend c needs no GPU (docs/gpu.md)";
    char text[256];
    const char *why = NULL;
    bool nvrtc = cuda_nvrtc(&why) != NULL;
    line(out, nvrtc, "NVRTC", nvrtc ? cuda_nvrtc_path() : why, cost);
    bool blas = cuda_blas(&why) != NULL;
    line(out, blas, "cuBLAS", blas ? cuda_blas_path() : why,
         "--backend cuda makes products of wide matrices in its own kernels, which are slower (docs/gpu.md)");
    why = cuda_device_missing(text, sizeof text);
    line(out, !why, "GPU", why ? why : text, cost);
}

int doctor_run(FILE *out) {
    struct utsname u;
    char text[256];
    const char *version = NULL, *why = NULL;
    fprintf(out, "amal " AMAL_VERSION);
    if (uname(&u) == 0) fprintf(out, " on %s %s", u.sysname, u.machine);
    fprintf(out, ", %d threads\n", thread_default_count());
    bool cc = compiler_version(text, sizeof text);
    line(out, cc, "C compiler", cc ? text : "not found ($CC, cc)",
         "training needs --backend interp, several times slower: install gcc");
    line(out, true, "BLAS", openblas_get_config(), "");
    bool duckdb = table_duckdb_available(&version, &why);
    line(out, duckdb, "DuckDB", duckdb ? version : why,
         "Parquet and JSON sources cannot be read (CSV can): run `make deps`, or set DUCKDB_DIR to its folder");
    line(out, true, "SQLite", sqlite3_libversion(), "");
    find_xgboost(out);
    find_cuda(out);
    fprintf(out, "%s\n",
            cc && duckdb ? "Everything that scripts need is here."
                         : "Some scripts will not run: see the lines marked --.");
    return cc && duckdb ? 0 : 3;
}
