/* gpu_kept.c: see gpu_kept.h. */
#include "compiler/estimator/gpu_kept.h"
#include "compiler/estimator/kept.h"
#include <math.h>

#define HEAD "amal gpu 1\n"
#define NAME "name "

bool gpu_speeds_are_sound(const GpuSpeeds *g) {
    const double must[] = {g->memory, g->bytes, g->transfer, g->flops, g->launch, g->graph, g->compile};
    for (size_t i = 0; i < sizeof must / sizeof *must; i++)
        if (!isfinite(must[i]) || must[i] <= 0) return false;
    return g->name[0] && isfinite(g->start) && g->start >= 0 && isfinite(g->compile_byte) && g->compile_byte >= 0;
}
static const KeptNumber kept_rows[] = {
#define ROW(name, text) {#name, offsetof(GpuSpeeds, name)},
    GPU_ROWS(ROW)
#undef ROW
};
enum { KEPT_ROWS = sizeof kept_rows / sizeof *kept_rows };
static bool read_line(void *user, const char *line) {
    GpuSpeeds *g = user;
    if (strncmp(line, NAME, sizeof NAME - 1)) return kept_number(kept_rows, KEPT_ROWS, g, line);
    snprintf(g->name, sizeof g->name, "%s", line + sizeof NAME - 1);
    return true;
}
bool gpu_kept(GpuSpeeds *out, const char **why) {
    GpuSpeeds g = {0};
    bool there, ok = kept_read("gpu", HEAD, read_line, &g, &there) && gpu_speeds_are_sound(&g);
    *why = there ? "what was measured of the GPU cannot be read (`amal calibrate` measures again)"
                 : "no GPU was measured (`amal calibrate` does)";
    if (ok) *out = g;
    return ok;
}
bool gpu_keep(Diags *ds, const GpuSpeeds *g) {
    Buf text = {0};
    buf_printf(&text, HEAD NAME "%s\n", g->name);
    kept_print(&text, kept_rows, KEPT_ROWS, g);
    bool ok = kept_write(ds, "gpu", &text);
    buf_free(&text);
    return ok;
}
