/* device.c: see device.h. */
#include "backends/cuda/device.h"
#include <stdlib.h>

/* ---- errors ---- */
static const char *error_words(const CudaDriver *api, CUresult r, const char **name) {
    const char *text = NULL;
    *name = NULL;
    if (api->error_name(r, name) || !*name) *name = "an unknown error";
    if (api->error_text(r, &text) || !text) text = "no description";
    return text;
}
bool cuda_ok(const CudaDevice *d, CUresult r, Diags *ds, Span at, const char *doing, double bytes) {
    if (r == CUDA_SUCCESS) return true;
    const char *name, *text = error_words(d->api, r, &name);
    if (r == CUDA_ERROR_OUT_OF_MEMORY) {
        Diag *e = bytes > 0 ? diag_error(ds, "E624", at, "the GPU has no memory left for %s: %.1f MB were wanted",
                                         doing, bytes / 1e6)
                            : diag_error(ds, "E624", at, "the GPU has no memory left for %s", doing);
        diag_help(e, "end other programs that use the GPU, give the script less data, or run with --backend c");
    } else {
        diag_help(
            diag_error(ds, "E625", at, "the GPU failed while %s: %s (%s)", doing, text, name),
            "the other backends are not touched by it: --backend c; `nvidia-smi` and the system's log say more of "
            "the device");
    }
    return false;
}

/* ---- the device ---- */
enum { CUDA_OLDEST = 12010 }; /* from there on kernels take as many parameters as emit.h says */
static CudaDevice the_device;

/* The number of the device to take; -1: AMAL_GPU names none. */
static CUresult choose(const CudaDriver *api, int count, int *which) {
    const char *wanted = getenv("AMAL_GPU");
    if (wanted && *wanted) {
        char *end;
        long n = strtol(wanted, &end, 10);
        *which = *end || n < 0 || n >= count ? -1 : (int)n;
        return CUDA_SUCCESS;
    }
    CUresult r = CUDA_SUCCESS;
    for (int i = 0, most = -1; !r && i < count; i++) {
        CUdevice device;
        int n = 0;
        r = api->device_get(&device, i);
        if (!r) r = api->device_attribute(&n, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, device);
        if (n > most) most = n, *which = i;
    }
    return r;
}
static CUresult describe(CudaDevice *d) {
    const CudaDriver *a = d->api;
    CUresult r = a->device_name(d->name, (int)sizeof d->name, d->number);
    if (!r) r = a->device_attribute(&d->multiprocessors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, d->number);
    if (!r) r = a->device_attribute(&d->major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, d->number);
    if (!r) r = a->device_attribute(&d->minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, d->number);
    if (!r) r = a->device_memory(&d->memory, d->number);
    if (!r) r = a->driver_version(&d->driver_version);
    return r;
}
/* Up to the description, without a context. NULL: fine; else what is wrong, and its code. */
static const char *find_device(CudaDevice *d, const char **code) {
    static char text[320];
    const char *why = NULL, *name;
    *code = "E620";
    *d = (CudaDevice){.api = cuda_driver(&why)};
    if (!d->api) return why;
    *code = "E621";
    int count = 0, which = 0;
    CUresult r = d->api->init(0);
    if (!r) r = d->api->device_count(&count);
    if (r == CUDA_ERROR_NO_DEVICE || (!r && !count)) return "the NVIDIA driver knows no GPU on this machine";
    if (!r) r = choose(d->api, count, &which);
    if (!r && which < 0) {
        snprintf(text, sizeof text, "AMAL_GPU is `%.40s`, and the GPUs of this machine are 0 to %d", getenv("AMAL_GPU"),
                 count - 1);
        return text;
    }
    if (!r) r = d->api->device_get(&d->number, which);
    if (!r) r = describe(d);
    if (!r && d->driver_version < CUDA_OLDEST) {
        *code = "E620";
        snprintf(text, sizeof text, "the NVIDIA driver is too old: it is for CUDA %d.%d, and 12.1 or later is wanted",
                 d->driver_version / 1000, d->driver_version % 1000 / 10);
        return text;
    }
    if (!r && d->major < 8) {
        snprintf(text, sizeof text, "%s has compute capability %d.%d, and 8.0 or later is wanted", d->name, d->major,
                 d->minor);
        return text;
    }
    if (!r) return NULL;
    const char *words = error_words(d->api, r, &name);
    snprintf(text, sizeof text, "the NVIDIA driver does not start: %s (%s)", words, name);
    return text;
}
const CudaDevice *cuda_device_found(const char **why) {
    static CudaDevice d;
    const char *code;
    if (the_device.context) return &the_device;
    *why = find_device(&d, &code);
    return *why ? NULL : &d;
}
bool cuda_device_is_open(void) {
    return the_device.context != NULL;
}
const char *cuda_device_missing(char *detail, size_t size) {
    CudaDevice d;
    const char *code, *why = find_device(&d, &code);
    if (why) return why;
    snprintf(detail, size, "%s, %d.%d, %.0f GB, driver for CUDA %d.%d", d.name, d.major, d.minor,
             (double)d.memory / 1e9, d.driver_version / 1000, d.driver_version % 1000 / 10);
    return NULL;
}
const CudaDevice *cuda_device(Diags *ds, Span at) {
    CudaDevice *d = &the_device;
    if (d->context) {
        if (cuda_ok(d, d->api->context_use(d->context), ds, at, "taking the GPU's context", 0)) return d;
        return NULL;
    }
    const char *code, *why = find_device(d, &code);
    if (why) {
        diag_help(diag_error(ds, code, at, "the cuda backend cannot run here: %s", why),
                  strcmp(code, "E620") == 0
                      ? "install NVIDIA's driver, or run with --backend c; `amal doctor` says what was found"
                      : "run with --backend c; `amal doctor` says what was found");
        return NULL;
    }
    CUcontext context = NULL;
    if (!cuda_ok(d, d->api->context_retain(&context, d->number), ds, at, "making a context", 0) ||
        !cuda_ok(d, d->api->context_use(context), ds, at, "taking the GPU's context", 0) ||
        !cuda_ok(d, d->api->stream_new(&d->stream, CU_STREAM_NON_BLOCKING), ds, at, "making a stream", 0) ||
        !cuda_ok(d, d->api->stream_new(&d->copies, CU_STREAM_NON_BLOCKING), ds, at, "making a stream", 0))
        return NULL;
    d->context = context;
    return d;
}

/* ---- arrays that stay ---- */
struct CudaResident {
    CudaResident *next;
    int kind, users;
    const void *made_of; /* NULL: what it was made of is gone */
    const Integration *owner;
    CUdeviceptr at;
    size_t bytes;
    int64_t numbers[4];
};
static CudaResident *residents;
static int64_t uploads;

CudaResident *cuda_resident_find(int kind, const void *made_of) {
    for (CudaResident *r = residents; r; r = r->next)
        if (r->made_of == made_of && r->kind == kind) return r;
    return NULL;
}
bool cuda_holds(const void *made_of) {
    for (CudaResident *r = residents; r; r = r->next)
        if (r->made_of == made_of) return true;
    return false;
}
/* Those that nobody uses; only those that cannot be found again unless `all`. */
static size_t free_unused(const CudaDevice *d, bool all) {
    size_t freed = 0;
    for (CudaResident **link = &residents; *link;) {
        CudaResident *r = *link;
        if (r->users > 0 || (!all && r->made_of)) {
            link = &r->next;
            continue;
        }
        *link = r->next;
        if (r->at) d->api->memory_free(r->at); /* of a lost device nothing is left to free: it says so, harmlessly */
        freed += r->bytes;
        mem_free(r);
    }
    return freed;
}
size_t cuda_residents_free_unused(const CudaDevice *d) {
    return free_unused(d, true);
}
bool cuda_memory(const CudaDevice *d, CUdeviceptr *to, size_t bytes, Diags *ds, Span at, const char *purpose) {
    CUresult got = d->api->memory_new(to, bytes);
    if (got == CUDA_ERROR_OUT_OF_MEMORY && free_unused(d, true)) got = d->api->memory_new(to, bytes);
    return cuda_ok(d, got, ds, at, purpose, (double)bytes);
}
void cuda_forget(const Integration *in) {
    for (CudaResident *r = residents; r; r = r->next)
        if (r->owner == in) r->made_of = NULL;
    if (the_device.context && !the_device.api->context_use(the_device.context)) free_unused(&the_device, false);
}
CudaResident *cuda_resident_new(const CudaDevice *d, Diags *ds, int kind, const void *made_of, const Integration *owner,
                                const void *host, size_t bytes) {
    integration_on_free(cuda_forget);
    CudaResident *r = mem_alloc(sizeof *r);
    *r = (CudaResident){.kind = kind, .made_of = made_of, .owner = owner, .bytes = bytes};
    bool ok = true;
    if (bytes) {
        ok = cuda_memory(d, &r->at, bytes, ds, (Span){0}, "the sources");
        ok = ok && (!host || cuda_ok(d, d->api->copy_in(r->at, host, bytes, d->stream), ds, (Span){0},
                                     "copying the sources to its memory", 0));
        ok = ok && cuda_ok(d, d->api->stream_wait(d->stream), ds, (Span){0}, "copying the sources to its memory", 0);
    }
    if (!ok) {
        if (bytes) d->api->stream_wait(d->stream); /* the caller may free what was being copied */
        if (r->at) d->api->memory_free(r->at);
        mem_free(r);
        return NULL;
    }
    uploads++;
    r->next = residents;
    residents = r;
    return r;
}
void cuda_resident_use(const CudaDevice *d, CudaResident *r, int by) {
    r->users += by;
    if (!r->users && !r->made_of) free_unused(d, false);
}
void cuda_resident_lose(const CudaDevice *d, CudaResident *r) {
    r->made_of = NULL;
    if (!r->users) free_unused(d, false);
}
int64_t *cuda_resident_numbers(CudaResident *r) {
    return r->numbers;
}
CUdeviceptr cuda_resident_at(const CudaResident *r) {
    return r->at;
}
int64_t cuda_uploads(void) {
    return uploads;
}

/* ---- kernels over n things ---- */
CUresult cuda_launch_each(const CudaDevice *d, CUfunction f, int64_t n, void **arguments) {
    enum { THREADS = 256, BLOCKS_A_PROCESSOR = 16 };
    int64_t blocks = (n + THREADS - 1) / THREADS, most = (int64_t)d->multiprocessors * BLOCKS_A_PROCESSOR;
    if (!n) return CUDA_SUCCESS;
    return d->api->launch(f, (unsigned)(blocks < most ? blocks : most), 1, 1, THREADS, 1, 1, 0, d->stream, arguments,
                          NULL);
}
