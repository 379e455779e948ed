/* shim.c: libcuda, libnvrtc and (shim_blas.c) libcublas for tests without a GPU, as one library: "device" memory is the
 * host's, "cubins" are shared libraries that the system's C++ compiler makes of the emitted CUDA with cpu.h before it.
 * `amal` finds it by CUDA_HOME.
 *
 * What is launched runs as late as it may: when somebody waits for it. Copies from pinned memory that is written again
 * too early, and streams that forget to wait for each other, give wrong numbers. New memory is full of NaN; what lies
 * behind an allocation is looked at when it is freed.
 *
 *   SHIM_FAIL=symbol:N[:RESULT]  the Nth call of it fails (with 2, out of memory, unless RESULT is given); results from
 *                                700 on stay: the device is lost
 *   SHIM_NO_CODE         what is compiled is accepted and cannot be loaded: for emitting alone
 *   SHIM_CALLS=FILE              at the end, a line `symbol calls` for each that was called
 *   SHIM_MEMORY=BYTES  SHIM_DEVICES=N  SHIM_CAPABILITY=80  SHIM_DRIVER=13000  SHIM_ORDER (cpu.h)  SHIM_CXX (c++ unless
 * set) */
#define _GNU_SOURCE
#include "tests/cuda/shim.h"
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__asm__(".section .rodata\n"
        "shim_cpu_text:\n"
        ".incbin \"tests/cuda/cpu.h\"\n"
        ".byte 0\n"
        ".previous\n");
extern const char shim_cpu_text[] __attribute__((visibility("hidden")));

static long number_of(const char *name, long otherwise) {
    const char *text = getenv(name);
    return text && *text ? atol(text) : otherwise;
}

/* ---- failures ---- */
enum { SYMBOLS = 128, LOST = 700 };
static struct {
    const char *symbol;
    long calls;
} called[SYMBOLS];
static int lost;
static void write_calls(void) {
    FILE *f = fopen(getenv("SHIM_CALLS"), "w");
    for (int i = 0; f && i < SYMBOLS && called[i].symbol; i++)
        fprintf(f, "%s %ld\n", called[i].symbol, called[i].calls);
    if (f) fclose(f);
}
int shim_call(const char *symbol) {
    int i = 0;
    while (called[i].symbol && strcmp(called[i].symbol, symbol) != 0) i++;
    if (!called[0].symbol && getenv("SHIM_CALLS")) atexit(write_calls);
    called[i].symbol = symbol;
    called[i].calls++;
    const char *fail = getenv("SHIM_FAIL");
    size_t length = strlen(symbol);
    if (lost) return lost;
    if (!fail || strncmp(fail, symbol, length) != 0 || fail[length] != ':') return 0;
    char *end;
    if (strtol(fail + length + 1, &end, 10) != called[i].calls) return 0;
    int result = *end == ':' ? atoi(end + 1) : CUDA_ERROR_OUT_OF_MEMORY;
    if (result >= LOST) lost = result;
    return result;
}
void shim_fault(const char *what) {
    fprintf(stderr, "shim.c: %s\n", what);
    abort();
}

/* ---- work, as late as it may be ---- */
typedef enum { DO_LAUNCH, DO_COPY, DO_FILL, DO_CALL, DO_RECORD, DO_AFTER, DO_GRAPH } Doing;
typedef struct Work Work;
struct CUgraph_st {
    Work *first, **last;
};
struct CUgraphExec_st {
    Work *first;
};
struct CUevent_st {
    long recorded, reached; /* records asked for; done */
    CUstream stream;
};
struct CUstream_st {
    Work *first, **last;
    CUgraph capture;
    CUstream next;
};
struct CUfunc_st {
    void (*run)(unsigned, unsigned, void **);
    int nsizes, sizes[4096];
};
struct Work {
    Work *next;
    Doing what;
    CUfunction function;
    unsigned grid, block;
    char *arguments; /* 8 bytes each; of a call: what it is given */
    void (*call)(const void *given);
    void *to;
    const void *from;
    size_t bytes;
    int byte;
    CUevent event;
    long number; /* which record of the event */
    CUgraphExec graph;
};
static CUstream streams;
static void do_work(const Work *w);
static void run_stream(CUstream s, CUevent until, long number) {
    while (s->first && !(until && until->reached >= number)) {
        Work *w = s->first;
        if (w->what == DO_AFTER && w->event->reached < w->number) {
            run_stream(w->event->stream, w->event, w->number);
            if (w->event->reached < w->number) shim_fault("a stream waits for what nobody will do");
        }
        s->first = w->next;
        if (!s->first) s->last = &s->first;
        do_work(w);
        if (w->what != DO_GRAPH) free(w->arguments);
        free(w);
    }
}
static void run_all(void) {
    for (CUstream s = streams; s; s = s->next) run_stream(s, NULL, 0);
}
static void do_work(const Work *w) {
    void *at[4096];
    switch (w->what) {
    case DO_LAUNCH:
        for (int i = 0; i < w->function->nsizes; i++) at[i] = w->arguments + 8 * i;
        w->function->run(w->grid, w->block, at);
        break;
    case DO_COPY: memmove(w->to, w->from, w->bytes); break;
    case DO_FILL: memset(w->to, w->byte, w->bytes); break;
    case DO_CALL: w->call(w->arguments); break;
    case DO_RECORD: w->event->reached = w->number; break;
    case DO_AFTER: break;
    case DO_GRAPH:
        for (const Work *g = w->graph->first; g; g = g->next) do_work(g);
    }
}
static CUresult add(CUstream s, Work w) {
    if (!s) shim_fault("work without a stream");
    Work *p = malloc(sizeof *p);
    *p = w;
    if (s->capture) {
        if (w.what == DO_RECORD || w.what == DO_AFTER || w.what == DO_GRAPH) shim_fault("captured: it should not be");
        *s->capture->last = p;
        s->capture->last = &p->next;
        return 0;
    }
    *s->last = p;
    s->last = &p->next;
    return 0;
}
int shim_add(CUstream s, void (*call)(const void *given), const void *given, size_t bytes) {
    Work w = {.what = DO_CALL, .call = call, .arguments = malloc(bytes)};
    memcpy(w.arguments, given, bytes);
    return add(s, w);
}
int shim_captures(CUstream s) {
    return s->capture != NULL;
}
static void no_capture(void) {
    for (CUstream s = streams; s; s = s->next)
        if (s->capture) shim_fault("a call that ends a capture");
}

/* ---- devices ---- */
CUresult cuInit(unsigned flags) {
    (void)flags;
    CALL(cuInit);
    return number_of("SHIM_DEVICES", 1) ? 0 : CUDA_ERROR_NO_DEVICE;
}
CUresult cuDriverGetVersion(int *version) {
    CALL(cuDriverGetVersion);
    *version = (int)number_of("SHIM_DRIVER", 13000);
    return 0;
}
CUresult cuDeviceGetCount(int *count) {
    CALL(cuDeviceGetCount);
    *count = (int)number_of("SHIM_DEVICES", 1);
    return 0;
}
CUresult cuDeviceGet(CUdevice *device, int ordinal) {
    CALL(cuDeviceGet);
    *device = ordinal;
    return 0;
}
CUresult cuDeviceGetName(char *name, int size, CUdevice device) {
    CALL(cuDeviceGetName);
    snprintf(name, (size_t)size, "shim %d", device);
    return 0;
}
CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute which, CUdevice device) {
    CALL(cuDeviceGetAttribute);
    int capability = (int)number_of("SHIM_CAPABILITY", 90);
    *value = which == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT       ? 2 + device
             : which == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR ? capability / 10
                                                                     : capability % 10;
    return 0;
}
CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) {
    (void)device;
    CALL(cuDeviceTotalMem_v2);
    *bytes = (size_t)number_of("SHIM_MEMORY", 1L << 30);
    return 0;
}
CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
    (void)device;
    CALL(cuDevicePrimaryCtxRetain);
    *context = (CUcontext)&streams;
    return 0;
}
CUresult cuCtxSetCurrent(CUcontext context) {
    (void)context;
    CALL(cuCtxSetCurrent);
    return 0;
}

/* ---- memory ---- */
enum { GUARD = 64 };
typedef struct Allocation Allocation;
struct Allocation {
    Allocation *next;
    char *at;
    size_t bytes;
};
static Allocation *allocations;
static size_t in_use;
CUresult cuMemAlloc_v2(CUdeviceptr *p, size_t bytes) {
    CALL(cuMemAlloc_v2);
    no_capture();
    if (!bytes) return 1; /* invalid value */
    if (in_use + bytes > (size_t)number_of("SHIM_MEMORY", 1L << 30)) return CUDA_ERROR_OUT_OF_MEMORY;
    Allocation *a = malloc(sizeof *a);
    a->at = aligned_alloc(256, (bytes + GUARD + 255) / 256 * 256);
    a->bytes = bytes;
    a->next = allocations;
    allocations = a;
    in_use += bytes;
    memset(a->at, 0xff, bytes);
    memset(a->at + bytes, 0x5a, GUARD);
    *p = (CUdeviceptr)a->at;
    return 0;
}
CUresult cuMemFree_v2(CUdeviceptr p) {
    CALL(cuMemFree_v2);
    no_capture();
    run_all();
    for (Allocation **link = &allocations; *link; link = &(*link)->next) {
        Allocation *a = *link;
        if (a->at != (char *)p) continue;
        for (int i = 0; i < GUARD; i++)
            if (a->at[a->bytes + i] != 0x5a) shim_fault("something was written behind an allocation");
        *link = a->next;
        in_use -= a->bytes;
        free(a->at);
        free(a);
        return 0;
    }
    shim_fault("memory is freed that was not allocated");
    return 1;
}
CUresult cuMemGetInfo_v2(size_t *free_bytes, size_t *total) {
    CALL(cuMemGetInfo_v2);
    *total = (size_t)number_of("SHIM_MEMORY", 1L << 30);
    *free_bytes = *total - in_use;
    return 0;
}
/* Every range that is copied or filled lies within one allocation. */
void shim_check_range(CUdeviceptr p, size_t bytes) {
    for (Allocation *a = allocations; a; a = a->next)
        if ((char *)p >= a->at && (char *)p + bytes <= a->at + a->bytes) return;
    shim_fault("a range that is not the device's");
}
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, CUstream stream) {
    CALL(cuMemcpyHtoDAsync_v2);
    shim_check_range(to, bytes);
    return add(stream, (Work){.what = DO_COPY, .to = (void *)to, .from = from, .bytes = bytes});
}
CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, CUstream stream) {
    CALL(cuMemcpyDtoHAsync_v2);
    shim_check_range(from, bytes);
    return add(stream, (Work){.what = DO_COPY, .to = to, .from = (void *)from, .bytes = bytes});
}
CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
    CALL(cuMemcpyDtoDAsync_v2);
    shim_check_range(to, bytes);
    shim_check_range(from, bytes);
    return add(stream, (Work){.what = DO_COPY, .to = (void *)to, .from = (void *)from, .bytes = bytes});
}
CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char byte, size_t bytes, CUstream stream) {
    CALL(cuMemsetD8Async);
    shim_check_range(to, bytes);
    return add(stream, (Work){.what = DO_FILL, .to = (void *)to, .byte = byte, .bytes = bytes});
}
CUresult cuMemAllocHost_v2(void **p, size_t bytes) {
    CALL(cuMemAllocHost_v2);
    *p = malloc(bytes ? bytes : 1);
    return *p ? 0 : CUDA_ERROR_OUT_OF_MEMORY;
}
CUresult cuMemFreeHost(void *p) {
    CALL(cuMemFreeHost);
    run_all();
    free(p);
    return 0;
}

/* ---- streams, events, graphs ---- */
CUresult cuStreamCreate(CUstream *stream, unsigned flags) {
    (void)flags;
    CALL(cuStreamCreate);
    CUstream s = calloc(1, sizeof *s);
    s->last = &s->first;
    s->next = streams;
    streams = s;
    *stream = s;
    return 0;
}
CUresult cuStreamDestroy_v2(CUstream stream) {
    CALL(cuStreamDestroy_v2);
    run_stream(stream, NULL, 0);
    for (CUstream *link = &streams; *link; link = &(*link)->next)
        if (*link == stream) {
            *link = stream->next;
            free(stream);
            return 0;
        }
    shim_fault("a stream is destroyed that is none");
    return 1;
}
CUresult cuStreamSynchronize(CUstream stream) {
    CALL(cuStreamSynchronize);
    no_capture();
    run_stream(stream, NULL, 0);
    return 0;
}
CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned flags) {
    (void)flags;
    CALL(cuStreamWaitEvent);
    if (!event->recorded) return 0;
    return add(stream, (Work){.what = DO_AFTER, .event = event, .number = event->recorded});
}
CUresult cuEventCreate(CUevent *event, unsigned flags) {
    (void)flags;
    CALL(cuEventCreate);
    *event = calloc(1, sizeof **event);
    return 0;
}
CUresult cuEventDestroy_v2(CUevent event) {
    CALL(cuEventDestroy_v2);
    run_all();
    free(event);
    return 0;
}
CUresult cuEventRecord(CUevent event, CUstream stream) {
    CALL(cuEventRecord);
    event->stream = stream;
    return add(stream, (Work){.what = DO_RECORD, .event = event, .number = ++event->recorded});
}
CUresult cuEventSynchronize(CUevent event) {
    CALL(cuEventSynchronize);
    if (event->reached < event->recorded) run_stream(event->stream, event, event->recorded);
    return 0;
}
CUresult cuEventElapsedTime(float *milliseconds, CUevent from, CUevent to) {
    CALL(cuEventElapsedTime);
    if (from->reached < from->recorded || to->reached < to->recorded)
        shim_fault("time between events that were not reached");
    *milliseconds = 1;
    return 0;
}
CUresult cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode mode) {
    (void)mode;
    CALL(cuStreamBeginCapture_v2);
    if (stream->capture) shim_fault("a capture in a capture");
    stream->capture = calloc(1, sizeof *stream->capture);
    stream->capture->last = &stream->capture->first;
    return 0;
}
CUresult cuStreamEndCapture(CUstream stream, CUgraph *graph) {
    if (!stream->capture) shim_fault("no capture to end");
    *graph = stream->capture;
    stream->capture = NULL;
    CALL(cuStreamEndCapture);
    return 0;
}
CUresult cuGraphInstantiateWithFlags(CUgraphExec *exec, CUgraph graph, unsigned long long flags) {
    (void)flags;
    CALL(cuGraphInstantiateWithFlags);
    *exec = calloc(1, sizeof **exec);
    (*exec)->first = graph->first;
    graph->first = NULL;
    return 0;
}
CUresult cuGraphLaunch(CUgraphExec exec, CUstream stream) {
    CALL(cuGraphLaunch);
    return add(stream, (Work){.what = DO_GRAPH, .graph = exec});
}
static void free_list(Work *w) {
    while (w) {
        Work *next = w->next;
        free(w->arguments);
        free(w);
        w = next;
    }
}
CUresult cuGraphExecDestroy(CUgraphExec exec) {
    CALL(cuGraphExecDestroy);
    run_all();
    free_list(exec->first);
    free(exec);
    return 0;
}
CUresult cuGraphDestroy(CUgraph graph) {
    CALL(cuGraphDestroy);
    free_list(graph->first);
    free(graph);
    return 0;
}
CUresult cuGetErrorName(CUresult error, const char **name) {
    *name = error == CUDA_ERROR_OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY"
            : error >= LOST                   ? "CUDA_ERROR_LAUNCH_FAILED"
                                              : "CUDA_ERROR_INVALID_VALUE";
    return 0;
}
CUresult cuGetErrorString(CUresult error, const char **text) {
    *text = error == CUDA_ERROR_OUT_OF_MEMORY ? "out of memory"
            : error >= LOST                   ? "unspecified launch failure"
                                              : "invalid argument";
    return 0;
}

/* ---- modules ---- */
struct CUmod_st {
    void *handle;
    CUfunction functions[512];
    int nfunctions;
};
static const char mark[8] = "shimcode"; /* before the library's bytes: its size */
static bool write_file(const char *path, const char *a, size_t na, const char *b, size_t nb) {
    FILE *f = fopen(path, "wb");
    bool ok = f && fwrite(a, 1, na, f) == na && fwrite(b, 1, nb, f) == nb;
    return f && fclose(f) == 0 && ok;
}
CUresult cuModuleLoadData(CUmodule *module, const void *image) {
    CALL(cuModuleLoadData);
    char path[] = "/tmp/amal-shim-XXXXXX";
    size_t size;
    if (memcmp(image, mark, 8) != 0) return 200; /* invalid image */
    memcpy(&size, (const char *)image + 8, sizeof size);
    int fd = mkstemp(path);
    if (fd < 0 || !write_file(path, (const char *)image + 16, size, "", 0)) return 200;
    close(fd);
    CUmodule m = calloc(1, sizeof *m);
    m->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    unlink(path);
    if (!m->handle) {
        fprintf(stderr, "shim.c: %s\n", dlerror());
        return 200;
    }
    *module = m;
    return 0;
}
CUresult cuModuleUnload(CUmodule module) {
    CALL(cuModuleUnload);
    run_all();
    for (int i = 0; i < module->nfunctions; i++) free(module->functions[i]);
    dlclose(module->handle);
    free(module);
    return 0;
}
CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name) {
    CALL(cuModuleGetFunction);
    char symbol[300];
    CUfunction f = calloc(1, sizeof *f);
    snprintf(symbol, sizeof symbol, "run_%s", name);
    *(void **)&f->run = dlsym(module->handle, symbol);
    snprintf(symbol, sizeof symbol, "sizes_%s", name);
    int (*sizes)(int *);
    *(void **)&sizes = dlsym(module->handle, symbol);
    if (!f->run || !sizes) {
        free(f);
        return 500; /* not found */
    }
    f->nsizes = sizes(f->sizes);
    module->functions[module->nfunctions++] = f;
    *function = f;
    return 0;
}
CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, CUfunction function, int threads,
                                                     size_t shared_bytes) {
    (void)function, (void)threads, (void)shared_bytes;
    CALL(cuOccupancyMaxActiveBlocksPerMultiprocessor);
    *blocks = 2;
    return 0;
}
CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                        unsigned block_y, unsigned block_z, unsigned shared_bytes, CUstream stream, void **parameters,
                        void **extra) {
    (void)shared_bytes, (void)extra;
    CALL(cuLaunchKernel);
    if (!grid_x || grid_y != 1 || grid_z != 1 || !block_x || block_y != 1 || block_z != 1) return 1;
    Work w = {.what = DO_LAUNCH, .function = function, .grid = grid_x, .block = block_x};
    w.arguments = malloc(8 * (size_t)(function->nsizes + 1));
    for (int i = 0; i < function->nsizes; i++) memcpy(w.arguments + 8 * i, parameters[i], (size_t)function->sizes[i]);
    return add(stream, w);
}

/* ---- NVRTC ---- */
struct _nvrtcProgram {
    char *text, *log, *code;
    size_t size;
};
nvrtcResult nvrtcVersion(int *major, int *minor) {
    *major = 0; /* no NVRTC has it: what was made here is never taken for real code */
    *minor = 1;
    return 0;
}
nvrtcResult nvrtcGetNumSupportedArchs(int *count) {
    CALL(nvrtcGetNumSupportedArchs);
    *count = 3;
    return 0;
}
nvrtcResult nvrtcGetSupportedArchs(int *archs) {
    archs[0] = 80, archs[1] = 90, archs[2] = 100;
    return 0;
}
nvrtcResult nvrtcCreateProgram(nvrtcProgram *program, const char *text, const char *name, int nheaders,
                               const char *const *headers, const char *const *header_names) {
    (void)name, (void)nheaders, (void)headers, (void)header_names;
    CALL(nvrtcCreateProgram);
    *program = calloc(1, sizeof **program);
    (*program)->text = strdup(text);
    (*program)->log = strdup("");
    return 0;
}
nvrtcResult nvrtcDestroyProgram(nvrtcProgram *program) {
    free((*program)->text);
    free((*program)->log);
    free((*program)->code);
    free(*program);
    *program = NULL;
    return 0;
}
static char *read_file(const char *path, size_t *size) {
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    fseek(f, 0, SEEK_END);
    *size = (size_t)ftell(f);
    rewind(f);
    char *text = malloc(*size + 1);
    *size = fread(text, 1, *size, f);
    text[*size] = 0;
    fclose(f);
    return text;
}
/* The emitted text and, after it, a CPU_KERNEL for each of its kernels. */
static char *whole_text(const char *text) {
    char *out = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&out, &size);
    fprintf(f, "%s\n", text);
    static const char before[] = "extern \"C\" __global__ void ";
    for (const char *p = text; (p = strstr(p, before));) {
        p += strlen(before);
        if (strncmp(p, "__launch_bounds__(", 18) == 0) p = strchr(p, ')') + 2;
        fprintf(f, "CPU_KERNEL(%.*s)\n", (int)strcspn(p, "("), p);
    }
    fclose(f);
    return out;
}
nvrtcResult nvrtcCompileProgram(nvrtcProgram program, int noptions, const char *const *options) {
    (void)noptions, (void)options;
    CALL(nvrtcCompileProgram);
    if (getenv("SHIM_NO_CODE")) {
        program->size = sizeof mark;
        program->code = calloc(1, program->size);
        return 0;
    }
    char folder[] = "/tmp/amal-shim-XXXXXX", source[64], made[64], said[64], command[512];
    if (!mkdtemp(folder)) return NVRTC_ERROR_COMPILATION;
    snprintf(source, sizeof source, "%s/kernel.cpp", folder);
    snprintf(made, sizeof made, "%s/kernel.so", folder);
    snprintf(said, sizeof said, "%s/log", folder);
    char *text = whole_text(program->text);
    const char *cxx = getenv("SHIM_CXX");
    snprintf(command, sizeof command,
             "%s -std=c++17 -O0 -w -fPIC -shared -ffp-contract=off -fsanitize=alignment "
             "-fsanitize-undefined-trap-on-error -o %s %s > %s 2>&1",
             cxx ? cxx : "c++", made, source, said);
    bool ok = write_file(source, shim_cpu_text, strlen(shim_cpu_text), text, strlen(text)) && system(command) == 0;
    free(text);
    size_t size = 0;
    char *library = ok ? read_file(made, &size) : NULL;
    if (library) {
        program->size = 16 + size;
        program->code = malloc(program->size);
        memcpy(program->code, mark, 8);
        memcpy(program->code + 8, &size, 8);
        memcpy(program->code + 16, library, size);
        free(library);
    } else {
        free(program->log);
        program->log = read_file(said, &size);
        if (!program->log) program->log = strdup("");
    }
    unlink(source), unlink(made), unlink(said), rmdir(folder);
    return program->code ? 0 : NVRTC_ERROR_COMPILATION;
}
nvrtcResult nvrtcGetCUBINSize(nvrtcProgram program, size_t *bytes) {
    CALL(nvrtcGetCUBINSize);
    *bytes = program->size;
    return 0;
}
nvrtcResult nvrtcGetCUBIN(nvrtcProgram program, char *cubin) {
    CALL(nvrtcGetCUBIN);
    memcpy(cubin, program->code, program->size);
    return 0;
}
nvrtcResult nvrtcGetPTXSize(nvrtcProgram program, size_t *bytes) {
    return nvrtcGetCUBINSize(program, bytes);
}
nvrtcResult nvrtcGetPTX(nvrtcProgram program, char *ptx) {
    return nvrtcGetCUBIN(program, ptx);
}
nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram program, size_t *bytes) {
    *bytes = strlen(program->log) + 1;
    return 0;
}
nvrtcResult nvrtcGetProgramLog(nvrtcProgram program, char *log) {
    strcpy(log, program->log);
    return 0;
}
