/* measure.c: see measure.h. */
#include "backends/cuda/measure.h"
#include "backends/cuda/device.h"
#include "backends/cuda/nvrtc.h"

enum { ROUNDS = 5, LAUNCHES = 200, CHAINS = 8, STEPS = 4096, THREADS = 256, WAVES = 8, COPIES = 20 };
#define COPY_MOST (1u << 30)
#define TRANSFER_MOST (64u << 20)

static const char nothing_text[] = "extern \"C\" __global__ void nothing() {}\n";
/* STEPS times CHAINS independent multiplications and additions a thread. %s: what follows its name. */
static const char chains_text[] = "extern \"C\" __global__ void chains%s(double *out, int steps) {\n"
                                  "    double s[8], x = 1.0 + 1e-9 * threadIdx.x;\n"
                                  "    for (int k = 0; k < 8; k++) s[k] = k;\n"
                                  "    for (int i = 0; i < steps; i++)\n"
                                  "#pragma unroll\n"
                                  "        for (int k = 0; k < 8; k++) s[k] = s[k] * x + 1.0;\n"
                                  "    double all = 0;\n"
                                  "    for (int k = 0; k < 8; k++) all += s[k];\n"
                                  "    if (threadIdx.x == 0) out[blockIdx.x] = all;\n"
                                  "}\n";

typedef struct Bench {
    const CudaDevice *d;
    Diags *ds;
    CUmodule module;
    CUfunction nothing, chains;
    CUdeviceptr memory;
    void *pinned;
    size_t bytes, pinned_bytes;
    CUevent from, to;
    CUgraphExec many, one; /* graphs of LAUNCHES kernels, and of one */
} Bench;
static bool fine(Bench *b, CUresult r, const char *doing) {
    return cuda_ok(b->d, r, b->ds, (Span){0}, doing, 0);
}
typedef bool (*Work)(Bench *b);
/* Seconds of the fastest of ROUNDS; below 0: failed, reported. */
static double best_of(Bench *b, Work work, const char *doing) {
    const CudaDriver *a = b->d->api;
    double best = -1;
    for (int i = 0; i < ROUNDS; i++) {
        float ms = 0;
        if (!fine(b, a->event_record(b->from, b->d->stream), doing) || !work(b) ||
            !fine(b, a->event_record(b->to, b->d->stream), doing) || !fine(b, a->event_wait(b->to), doing) ||
            !fine(b, a->event_ms(&ms, b->from, b->to), doing))
            return -1;
        if (ms > 0 && (best < 0 || ms < best)) best = ms;
    }
    return best / 1e3;
}
static bool copy_within(Bench *b) {
    size_t half = b->bytes / 2;
    return fine(b, b->d->api->copy(b->memory + half, b->memory, half, b->d->stream), "copying within its memory");
}
static bool copy_to(Bench *b) {
    return fine(b, b->d->api->copy_in(b->memory, b->pinned, b->pinned_bytes, b->d->stream), "copying to its memory");
}
static bool launch_many(Bench *b) {
    return fine(b, b->d->api->graph_launch(b->many, b->d->stream), "launching a graph");
}
static bool launch_graphs(Bench *b) {
    bool ok = true;
    for (int i = 0; i < LAUNCHES && ok; i++)
        ok = fine(b, b->d->api->graph_launch(b->one, b->d->stream), "launching a graph");
    return ok;
}
static bool launch_one(Bench *b, CUfunction f, unsigned blocks, unsigned threads, void **arguments) {
    return fine(b, b->d->api->launch(f, blocks, 1, 1, threads, 1, 1, 0, b->d->stream, arguments, NULL), "launching");
}
static bool run_chains(Bench *b) {
    int steps = STEPS;
    void *arguments[] = {&b->memory, &steps};
    return launch_one(b, b->chains, (unsigned)b->d->multiprocessors * WAVES, THREADS, arguments);
}
static bool record_launches(Bench *b, int launches, CUgraphExec *out) {
    const CudaDriver *a = b->d->api;
    CUgraph graph = NULL;
    bool ok = fine(b, a->capture_begin(b->d->stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL), "recording launches");
    if (!ok) return false;
    for (int i = 0; i < launches && ok; i++) ok = launch_one(b, b->nothing, 1, 32, NULL);
    ok = fine(b, a->capture_end(b->d->stream, &graph), "recording launches") && ok;
    ok = ok && fine(b, a->graph_instantiate(out, graph, 0), "preparing launches");
    if (graph) a->graph_free(graph);
    return ok;
}
/* What NVRTC takes for a short text and for each byte of one that is longer. */
static bool time_compiling(Diags *ds, const char *arch, GpuSpeeds *out) {
    Buf text = {0};
    char copy[16];
    CudaCode code;
    buf_puts(&text, nothing_text);
    size_t small = text.len;
    bool ok = cuda_compile_anew(ds, "measure", text.data, arch, &code);
    if (ok) {
        out->compile = code.seconds;
        cuda_code_free(&code);
        for (int i = 0; i < COPIES; i++) {
            snprintf(copy, sizeof copy, "_%d", i);
            buf_printf(&text, chains_text, copy);
        }
        ok = cuda_compile_anew(ds, "measure", text.data, arch, &code);
    }
    if (ok) {
        double more = code.seconds - out->compile;
        out->compile_byte = more > 0 ? more / (double)(text.len - small) : 0;
        cuda_code_free(&code);
    }
    buf_free(&text);
    return ok;
}
static bool open_bench(Bench *b, const BackendOptions *o, GpuSpeeds *out) {
    const CudaDriver *a = b->d->api;
    char arch[24];
    CudaCode code;
    Buf text = {0};
    if (!cuda_choose_arch(b->ds, (Span){0}, o, b->d->major, b->d->minor, arch) || !time_compiling(b->ds, arch, out))
        return false;
    buf_puts(&text, nothing_text);
    buf_printf(&text, chains_text, "");
    bool ok = cuda_compile(b->ds, "measure", text.data, arch, b->d->driver_version, o, &code);
    buf_free(&text);
    if (!ok) return false;
    ok = fine(b, a->module_load(&b->module, code.image), "loading kernels") &&
         fine(b, a->module_function(&b->nothing, b->module, "nothing"), "loading kernels") &&
         fine(b, a->module_function(&b->chains, b->module, "chains"), "loading kernels");
    cuda_code_free(&code);
    size_t free_bytes = 0, total = 0;
    ok = ok && fine(b, a->memory_info(&free_bytes, &total), "asking for its free memory");
    b->bytes = free_bytes / 4 < COPY_MOST ? free_bytes / 4 / 4096 * 4096 : COPY_MOST;
    b->pinned_bytes = b->bytes < TRANSFER_MOST ? b->bytes : TRANSFER_MOST;
    ok = ok && cuda_memory(b->d, &b->memory, b->bytes, b->ds, (Span){0}, "measuring it");
    ok = ok && fine(b, a->fill(b->memory, 0, b->bytes, b->d->stream), "clearing memory");
    ok = ok && fine(b, a->pinned_new(&b->pinned, b->pinned_bytes), "pinning memory of the host");
    if (ok) memset(b->pinned, 0, b->pinned_bytes);
    return ok && fine(b, a->event_new(&b->from, CU_EVENT_DEFAULT), "making an event") &&
           fine(b, a->event_new(&b->to, CU_EVENT_DEFAULT), "making an event") &&
           record_launches(b, LAUNCHES, &b->many) && record_launches(b, 1, &b->one);
}
static void close_bench(Bench *b) {
    const CudaDriver *a = b->d->api;
    a->stream_wait(b->d->stream);
    if (b->many) a->graph_exec_free(b->many);
    if (b->one) a->graph_exec_free(b->one);
    if (b->from) a->event_free(b->from);
    if (b->to) a->event_free(b->to);
    if (b->pinned) a->pinned_free(b->pinned);
    if (b->memory) a->memory_free(b->memory);
    if (b->module) a->module_unload(b->module);
}
bool gpu_measure(Diags *ds, const BackendOptions *o, GpuSpeeds *out) {
    *out = (GpuSpeeds){0};
    double begin = time_now();
    Bench b = {.d = cuda_device(ds, (Span){0}), .ds = ds};
    if (!b.d) return false;
    out->start = time_now() - begin;
    snprintf(out->name, sizeof out->name, "%s", b.d->name);
    out->memory = (double)b.d->memory;
    bool ok = open_bench(&b, o, out);
    double copy = ok ? best_of(&b, copy_within, "copying within its memory") : -1;
    double transfer = copy > 0 ? best_of(&b, copy_to, "copying to its memory") : -1;
    double launches = transfer > 0 ? best_of(&b, launch_many, "launching a graph") : -1;
    double graphs = launches > 0 ? best_of(&b, launch_graphs, "launching a graph") : -1;
    double chains = graphs > 0 ? best_of(&b, run_chains, "running kernels") : -1;
    if (chains > 0) {
        out->bytes = (double)b.bytes / copy;
        out->transfer = (double)b.pinned_bytes / transfer;
        out->launch = launches / LAUNCHES;
        out->graph = graphs / LAUNCHES;
        out->flops = 2.0 * CHAINS * STEPS * THREADS * WAVES * b.d->multiprocessors / chains;
    }
    close_bench(&b);
    return chains > 0;
}
