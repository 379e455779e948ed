/* nvrtc.c: see nvrtc.h. */
#include "backends/cuda/nvrtc.h"
#include "backends/c/carry.h"
#include "backends/cuda/device.h"
#include "backends/runtime/cache_folder.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const options[] = {"-default-device", "--std=c++17", "-w"};
enum { NOPTIONS = sizeof options / sizeof *options, ARCHS = 64, SEAL = 16 };
static const char seal_mark[8] = "amalcuda";

static const CudaNvrtc *opened(Diags *ds, Span at) {
    const char *why;
    const CudaNvrtc *n = cuda_nvrtc(&why);
    if (!n)
        diag_help(
            diag_error(ds, "E622", at, "%s", why),
            "install the CUDA toolkit (its package cuda-nvrtc is enough), or name its folder in CUDA_HOME; or run "
            "with --backend c");
    return n;
}
bool cuda_choose_arch(Diags *ds, Span at, const BackendOptions *o, int major, int minor, char out[24]) {
    const char *wanted = o->gpu_arch, *why;
    if (o->carried && o->carried->nimages && major && !cuda_nvrtc(&why)) {
        snprintf(out, 24, "sm_%d", major * 10 + minor);
        return true;
    }
    const CudaNvrtc *n = opened(ds, at);
    if (!n) return false;
    int count = 0, known[ARCHS], sm = major * 10 + minor, number = 0;
    if (n->arch_count(&count) || count < 1 || count > ARCHS || n->archs(known)) {
        diag_error(ds, "E622", at, "NVRTC does not say for which architectures it compiles");
        return false;
    }
    if (wanted) {
        const char *digits = strncmp(wanted, "sm_", 3) == 0 ? wanted + 3 : "";
        number = atoi(digits);
        bool right = false;
        for (int i = 0; i < count; i++) right = right || known[i] == number;
        if (right && strlen(digits) < 6) {
            snprintf(out, 24, "sm_%s", digits);
            return true;
        }
        Buf b = {0};
        for (int i = 0; i < count; i++) buf_printf(&b, "%ssm_%d", i ? ", " : "", known[i]);
        diag_help(diag_error(ds, "E626", at, "this NVRTC does not compile for `%.40s`", wanted), "it knows %s", b.data);
        buf_free(&b);
        return false;
    }
    if (!major) sm = 80;
    for (int i = 0; i < count; i++)
        if (known[i] <= sm && known[i] > number) number = known[i];
    if (!number) {
        diag_help(diag_error(ds, "E626", at, "this NVRTC compiles for no architecture as old as sm_%d", sm),
                  "take the NVRTC of an older CUDA toolkit (CUDA_HOME), or run with --backend c");
        return false;
    }
    /* code for an older generation is not loaded, but PTX for it is compiled by the driver */
    snprintf(out, 24, "%s_%d", number / 10 == sm / 10 ? "sm" : "compute", number);
    return true;
}

static bool write_file(const char *path, const void *p, size_t size, const void *end, size_t end_size) {
    FILE *f = fopen(path, "wb");
    if (!f) return false;
    bool ok = fwrite(p, 1, size, f) == size && fwrite(end, 1, end_size, f) == end_size;
    return fclose(f) == 0 && ok;
}
/* The sealed bytes of the file, without the seal. */
static bool read_sealed(const char *path, CudaCode *out) {
    FILE *f = fopen(path, "rb");
    struct stat st;
    if (!f) return false;
    bool ok = !fstat(fileno(f), &st) && S_ISREG(st.st_mode) && st.st_size > SEAL;
    size_t size = ok ? (size_t)st.st_size : 0;
    char *text = ok ? mem_try(size, 1) : NULL;
    ok = text && fread(text, 1, size, f) == size && !memcmp(text + size - SEAL, seal_mark, 8);
    fclose(f);
    if (ok) {
        uint64_t h = hash_bytes(text, size - SEAL, 3);
        ok = !memcmp(text + size - 8, &h, 8);
    }
    if (!ok) {
        mem_free(text);
        return false;
    }
    out->image = text;
    out->size = size - SEAL;
    return true;
}
static bool keep_text(Diags *ds, const char *folder, const char *name, const char *text) {
    char path[CACHE_PATH + 256];
    snprintf(path, sizeof path, "%s/%.200s.cu", folder, name);
    if (cache_folder_make(folder) && write_file(path, text, strlen(text), "", 0)) return true;
    diag_error(ds, "E603", (Span){0}, "cannot keep the emitted CUDA in %s: %s", path, strerror(errno));
    return false;
}
static bool compile(Diags *ds, const CudaNvrtc *n, const char *name, const char *text, const char *arch,
                    const char *folder, CudaCode *out) {
    nvrtcProgram program = NULL;
    char target[40];
    snprintf(target, sizeof target, "--gpu-architecture=%s", arch);
    const char *all[NOPTIONS + 1] = {target};
    for (int i = 0; i < NOPTIONS; i++) all[i + 1] = options[i];
    nvrtcResult r = n->program_new(&program, text, name, 0, NULL, NULL);
    if (!r) r = n->compile(program, NOPTIONS + 1, all);
    bool ptx = arch[0] == 'c';
    size_t size = 0;
    nvrtcResult got = r ? r : ptx ? n->ptx_size(program, &size) : n->cubin_size(program, &size);
    char *image = got ? NULL : mem_try(size + 1, 1);
    if (image) got = ptx ? n->ptx(program, image) : n->cubin(program, image);
    out->image = image;
    out->size = size;
    bool ok = !got && image;
    if (!ok) {
        char *log = NULL;
        size_t length = 0;
        if (program && !n->log_size(program, &length) && (log = mem_try(length + 1, 1)) && n->log(program, log))
            log[0] = 0;
        Diag *d = diag_error(ds, "E623", (Span){0}, "NVRTC refused the emitted CUDA (result %d): %.500s",
                             (int)(r ? r : got), log && *log ? log : "it says no more");
        if (keep_text(ds, folder, name, text))
            diag_help(d, "this is a fault of amal: report it with %s/%s.cu; --backend c runs without NVRTC", folder,
                      name);
        mem_free(log);
        cuda_code_free(out);
    }
    if (program) n->program_free(&program);
    return ok;
}
static bool kernel_folder(Diags *ds, const char *wanted, char folder[CACHE_PATH]) {
    if (wanted) snprintf(folder, CACHE_PATH, "%s", wanted);
    if (wanted ? cache_folder_make(folder) : cache_folder_open(ds, "kernels", folder, CACHE_PATH)) return true;
    diag_help(diag_error(ds, "E603", (Span){0}, "no folder for compiled kernels: %s cannot be written", folder),
              "set AMAL_CACHE to a folder that can be written");
    return false;
}
/* Where the cache has the code of a text, in `folder`. */
static void cached_path(const CudaNvrtc *n, const char *folder, const char *text, const char *arch, int driver_version,
                        char *path, size_t size) {
    int major = 0, minor = 0;
    n->version(&major, &minor);
    Buf key = {0};
    buf_printf(&key, "%s\n%s\nNVRTC %d.%d, driver %d\n", text, arch, major, minor, driver_version);
    for (int i = 0; i < NOPTIONS; i++) buf_puts(&key, options[i]);
    uint64_t a = hash_bytes(key.data, key.len, 1), b = hash_bytes(key.data, key.len, 2);
    buf_free(&key);
    snprintf(path, size, "%s/%016llx%016llx.cubin", folder, (unsigned long long)a, (unsigned long long)b);
}
/* What the built program that runs has for the device; NULL: nothing, and *outcome says why. */
static const AmalImage *carried_image(const char *text, const BackendOptions *o, CarriedOutcome *outcome) {
    const char *why;
    const CudaDevice *d = o->carried ? cuda_device_found(&why) : NULL;
    *outcome = CARRIED_ABSENT;
    return d ? carry_image(o->carried, text, d->major, d->minor, outcome) : NULL;
}
/* There is no NVRTC for what a built program lacks. */
static bool nothing_fits(Diags *ds, const char *name, const BackendOptions *o, bool foreign) {
    const char *why;
    const CudaDevice *d = cuda_device_found(&why);
    Buf archs = {0};
    for (int i = 0; i < o->carried->nimages; i++) {
        const AmalImage *m = &o->carried->images[i];
        if (!memcmp(m->hash, o->carried->images[0].hash, sizeof m->hash))
            buf_printf(&archs, "%s%s_%d", i ? ", " : "", m->ptx ? "compute" : "sm", m->arch);
    }
    Diag *e =
        foreign
            ? diag_error(ds, "E628", (Span){0}, "this program has no code of `%s` for %s (compute capability %d.%d)",
                         name, d ? d->name : "this GPU", d ? d->major : 0, d ? d->minor : 0)
            : diag_error(ds, "E628", (Span){0},
                         "this program has no code of `%s` for a GPU: the data or params have other sizes than "
                         "when it was built",
                         name);
    if (foreign)
        diag_help(
            e,
            "it has code for %s: build it with --gpu-arch, or install NVRTC of the CUDA toolkit (CUDA_HOME), or run "
            "with --backend c",
            archs.data ? archs.data : "none");
    else
        diag_help(
            e, "build it again with data and params like these, or install NVRTC of the CUDA toolkit (CUDA_HOME), or "
               "run with --backend c");
    buf_free(&archs);
    return false;
}
bool cuda_is_compiled(const char *text, const char *arch, int driver_version, const BackendOptions *o) {
    CarriedOutcome outcome;
    if (carried_image(text, o, &outcome)) return true;
    char folder[CACHE_PATH], path[CACHE_PATH + 64];
    const char *why;
    const CudaNvrtc *n = cuda_nvrtc(&why);
    if (o->cache_dir) snprintf(folder, sizeof folder, "%s", o->cache_dir);
    if (!n || (!o->cache_dir && !cache_folder_find("kernels", folder, sizeof folder, &why))) return false;
    cached_path(n, folder, text, arch, driver_version, path, sizeof path);
    CudaCode code = {0};
    bool there = read_sealed(path, &code);
    cuda_code_free(&code);
    return there;
}
bool cuda_compile_anew(Diags *ds, const char *name, const char *text, const char *arch, CudaCode *out) {
    char folder[CACHE_PATH];
    const CudaNvrtc *n = opened(ds, (Span){0});
    *out = (CudaCode){0};
    snprintf(out->arch, sizeof out->arch, "%s", arch);
    if (!n || !kernel_folder(ds, NULL, folder)) return false; /* a text that is refused is kept there */
    double start = time_now();
    if (!compile(ds, n, name, text, arch, folder, out)) return false;
    out->seconds = time_now() - start;
    return true;
}
bool cuda_compile(Diags *ds, const char *name, const char *text, const char *arch, int driver_version,
                  const BackendOptions *o, CudaCode *out) {
    double start = time_now();
    *out = (CudaCode){0};
    snprintf(out->arch, sizeof out->arch, "%s", arch);
    if (o->dump_cuda && !keep_text(ds, o->dump_cuda, name, text)) return false;
    CarriedOutcome outcome;
    const AmalImage *own = carried_image(text, o, &outcome);
    if (o->outcome) *o->outcome = outcome;
    if (own) {
        out->image = own->bytes;
        out->size = own->size;
        out->carried = out->cached = true;
        snprintf(out->arch, sizeof out->arch, "%s_%d", own->ptx ? "compute" : "sm", own->arch);
        return true;
    }
    const char *why;
    if (o->carried && o->carried->nimages && !cuda_nvrtc(&why))
        return nothing_fits(ds, name, o, outcome == CARRIED_FOREIGN);
    const CudaNvrtc *n = opened(ds, (Span){0});
    if (!n) return false;
    char folder[CACHE_PATH], path[CACHE_PATH + 64], made[CACHE_PATH + 96];
    if (!kernel_folder(ds, o->cache_dir, folder)) return false;
    cached_path(n, folder, text, arch, driver_version, path, sizeof path);
    out->cached = read_sealed(path, out);
    if (!out->cached) {
        if (!compile(ds, n, name, text, arch, folder, out)) return false;
        char end[SEAL];
        uint64_t h = hash_bytes(out->image, out->size, 3);
        memcpy(end, seal_mark, 8);
        memcpy(end + 8, &h, 8);
        snprintf(made, sizeof made, "%s.%ld.tmp", path, (long)getpid());
        if (!write_file(made, out->image, out->size, end, SEAL) || rename(made, path)) {
            diag_help(diag_error(ds, "E603", (Span){0}, "cannot write %s: %s", path, strerror(errno)),
                      "set AMAL_CACHE to a folder that can be written and has room");
            unlink(made);
            cuda_code_free(out);
            return false;
        }
    }
    out->seconds = time_now() - start;
    return true;
}
void cuda_code_free(CudaCode *c) {
    if (!c->carried) mem_free((char *)c->image);
    c->image = NULL;
}
