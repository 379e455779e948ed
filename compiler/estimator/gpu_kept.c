/* gpu_kept.c: see gpu_kept.h. */
#include "compiler/estimator/gpu_kept.h"
#include "backends/runtime/cache_folder.h"
#include "backends/runtime/table.h"
#include "compiler/estimator/hardware.h"
#include <math.h>
#include <stdlib.h>

#define HEAD "amal gpu 1\n"
#define NAME "name "

bool gpu_speeds_are_sound(const GpuSpeeds *g) {
    const double must[] = {g->memory, g->bytes, g->transfer, g->flops, g->launch, g->graph, g->compile};
    for (size_t i = 0; i < sizeof must / sizeof *must; i++)
        if (!isfinite(must[i]) || must[i] <= 0) return false;
    return g->name[0] && isfinite(g->start) && g->start >= 0 && isfinite(g->compile_byte) && g->compile_byte >= 0;
}
static bool read_line(GpuSpeeds *g, const char *line) {
    if (!strncmp(line, NAME, sizeof NAME - 1)) {
        snprintf(g->name, sizeof g->name, "%s", line + sizeof NAME - 1);
        return true;
    }
    const char *blank = strchr(line, ' ');
    if (!blank) return false;
    char *end;
    double v = strtod(blank + 1, &end);
    if (end == blank + 1 || *end) return false;
    size_t n = (size_t)(blank - line);
#define ROW(field, text)                                                                                               \
    if (n == sizeof #field - 1 && !memcmp(line, #field, n)) return g->field = v, true;
    GPU_ROWS(ROW)
#undef ROW
    return false;
}
bool gpu_kept(GpuSpeeds *out, const char **why) {
    char path[CACHE_PATH], text[2048], *rest = NULL;
    *why = "no GPU was measured (`amal calibrate` does)";
    if (!estimator_path("gpu", path, sizeof path)) return false;
    FILE *f = fopen(path, "r");
    if (!f) return false;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    *why = "what was measured of the GPU cannot be read (`amal calibrate` measures again)";
    if (strncmp(text, HEAD, sizeof HEAD - 1)) return false;
    GpuSpeeds g = {0};
    for (char *line = strtok_r(text + sizeof HEAD - 1, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (!read_line(&g, line)) return false;
    if (!gpu_speeds_are_sound(&g)) return false;
    *out = g;
    return true;
}
bool gpu_keep(Diags *ds, const GpuSpeeds *g) {
    char path[CACHE_PATH];
    if (!estimator_path("gpu", path, sizeof path)) {
        diag_help(diag_error(ds, "E440", (Span){0}, "there is no cache folder to keep the measurements in"),
                  "name one in AMAL_CACHE");
        return false;
    }
    Buf text = {0};
    buf_printf(&text, HEAD NAME "%s\n", g->name);
#define ROW(field, text_of_it) buf_printf(&text, #field " %.6g\n", g->field);
    GPU_ROWS(ROW)
#undef ROW
    bool ok = file_write_atomic(ds, (Span){0}, path, text.data, text.len);
    buf_free(&text);
    return ok;
}
