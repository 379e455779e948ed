/* gpu_speeds.c: what this machine's GPU can do (backends/cuda/measure.h), as one JSON object, for gpu.py. Exit code 3:
 * there is no GPU that can be used; why is on standard error. */
#include "backends/cuda/device.h"
#include "backends/cuda/measure.h"

int main(void) {
    Arena *arena = arena_new();
    Diags *ds = diags_new(arena);
    BackendOptions o = {0};
    GpuSpeeds gpu;
    char name[256] = "";
    bool ok = gpu_measure(ds, &o, &gpu);
    if (ok && !cuda_device_missing(name, sizeof name)) {
        Buf text = {0};
        diag_json_text(&text, name);
        printf("{\"gpu\": %s, \"bytes\": %.6g, \"transfer\": %.6g, \"flops\": %.6g, \"launch\": %.6g}\n", text.data,
               gpu.bytes, gpu.transfer, gpu.flops, gpu.launch);
        buf_free(&text);
    }
    diag_print(ds, stderr, false);
    arena_free(arena);
    return ok ? 0 : 3;
}
