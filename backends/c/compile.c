/* compile.c: see compile.h. */
#include "backends/c/carry.h"
#include "backends/c/compile.h"
#include "backends/c/compiler.h"
#include "backends/runtime/cache_folder.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Nothing that changes what a formula means: not-a-number, infinities and the sign of zero are as IEEE 754 has them.
 * Loops that are worth vectors, and sums whose order is free, say so themselves (omp simd), so -O2 gives the code of
 * -O3 in two thirds of the time. */
static const char *const flags[] = {
    "-O2", "-std=gnu17", "-fPIC", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-fopenmp-simd", "-w"};
enum { NFLAGS = sizeof flags / sizeof *flags };

const char *compile_command(const BackendOptions *o) {
    if (o && o->cc && *o->cc) return o->cc;
    const char *cc = getenv("CC");
    return cc && *cc ? cc : "cc";
}
bool compile_available(const char *cc, const char **why_not) {
    BackendOptions o = {.cc = cc};
    char version[COMPILER_VERSION];
    if (compiler_version(compile_command(&o), version)) return true;
    *why_not = "no C compiler: install gcc, or set CC";
    return false;
}

int compile_flags(const CpuTarget *target, char **argv) {
    int n = 0;
    for (int i = 0; i < NFLAGS; i++) argv[n++] = (char *)flags[i];
    for (int i = 0; i < TARGET_FLAGS && target->flags[i]; i++) argv[n++] = (char *)target->flags[i];
    AMAL_CHECK(n <= COMPILE_FLAGS);
    return n;
}

static bool kernel_folder(Diags *ds, const BackendOptions *o, char *out, size_t size) {
    if (!o->cache_dir) return cache_folder_open(ds, "kernels", out, size);
    snprintf(out, size, "%s", o->cache_dir);
    return cache_folder_make(out);
}
static bool write_text(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    if (!f) return false;
    bool ok = fwrite(text, 1, strlen(text), f) == strlen(text);
    return fclose(f) == 0 && ok;
}
/* A kernel ends with a seal: a mark and the hash of what stands before it (the loader of programs does not read that
 * far). A file that was cut short or damaged would stop the program when it is loaded or run, not fail to load. */
enum { SEAL = 16 };
static const char seal_mark[8] = "amalkern";
static char *read_whole(const char *path, size_t *size) {
    FILE *f = fopen(path, "rb");
    struct stat st;
    if (!f) return NULL;
    char *text = fstat(fileno(f), &st) || !S_ISREG(st.st_mode) ? NULL : mem_try((size_t)st.st_size + 1, 1);
    if (text && fread(text, 1, (size_t)st.st_size, f) != (size_t)st.st_size) {
        mem_free(text);
        text = NULL;
    }
    *size = (size_t)st.st_size;
    fclose(f);
    return text;
}
static bool seal(const char *path) {
    size_t size;
    char *text = read_whole(path, &size), end[SEAL];
    if (!text) return false;
    uint64_t h = hash_bytes(text, size, 3);
    mem_free(text);
    memcpy(end, seal_mark, 8);
    memcpy(end + 8, &h, 8);
    FILE *f = fopen(path, "ab");
    if (!f) return false;
    bool ok = fwrite(end, 1, SEAL, f) == SEAL;
    return fclose(f) == 0 && ok;
}
static bool sealed(const char *path) {
    size_t size;
    char *text = read_whole(path, &size);
    bool ok = text && size > SEAL && !memcmp(text + size - SEAL, seal_mark, 8);
    if (ok) {
        uint64_t h = hash_bytes(text, size - SEAL, 3);
        ok = !memcmp(text + size - 8, &h, 8);
    }
    mem_free(text);
    return ok;
}
static bool load(Loaded *l) {
    l->handle = dlopen(l->path, RTLD_NOW | RTLD_LOCAL);
    if (!l->handle) return false;
    *(void **)&l->run = dlsym(l->handle, "amal_run");
    *(void **)&l->passes = dlsym(l->handle, "amal_passes");
    if (l->run) return true;
    dlclose(l->handle);
    l->handle = NULL;
    return false;
}

static void kernel_path(const char *folder, const char *text, const CpuTarget *target, const BackendOptions *o,
                        char *path, size_t size, uint64_t *key_hash) {
    Buf key = {0};
    buf_puts(&key, text);
    compiler_identity(compile_command(o), &key);
    for (int i = 0; i < NFLAGS; i++) buf_puts(&key, flags[i]);
    for (int i = 0; i < TARGET_FLAGS && target->flags[i]; i++) buf_puts(&key, target->flags[i]);
    uint64_t a = hash_bytes(key.data, key.len, 1), b = hash_bytes(key.data, key.len, 2);
    buf_free(&key);
    snprintf(path, size, "%s/%016llx%016llx.so", folder, (unsigned long long)a, (unsigned long long)b);
    *key_hash = a;
}
bool compile_is_kept(const char *text, const CpuTarget *target, const BackendOptions *o) {
    char folder[CACHE_PATH], path[4096];
    const char *why;
    uint64_t hash;
    if (o->cache_dir) snprintf(folder, sizeof folder, "%s", o->cache_dir);
    if (!o->cache_dir && !cache_folder_find("kernels", folder, sizeof folder, &why)) return false;
    kernel_path(folder, text, target, o, path, sizeof path, &hash);
    return sealed(path);
}

bool compile_load(Diags *ds, const char *name, const char *text, const CpuTarget *target, const BackendOptions *o,
                  Loaded *out) {
    double start = time_now();
    *out = (Loaded){0};
    const char *cc = compile_command(o);
    if (o->sink) {
        carry_add(o->sink, name, text);
        return true;
    }
    if (o->keep_dir) {
        char kept[4096];
        snprintf(kept, sizeof kept, "%s/%s.c", o->keep_dir, name);
        if (!cache_folder_make(o->keep_dir) || !write_text(kept, text)) {
            diag_error(ds, "E603", (Span){0}, "cannot keep the emitted C in %s: %s", kept, strerror(errno));
            return false;
        }
    }
    uint64_t a;
    char folder[CACHE_PATH];
    if (!kernel_folder(ds, o, folder, sizeof folder)) {
        diag_help(diag_error(ds, "E603", (Span){0}, "no folder for compiled kernels: %s cannot be written", folder),
                  "set AMAL_CACHE to a folder that can be written");
        return false;
    }
    kernel_path(folder, text, target, o, out->path, sizeof out->path, &a);
    if (sealed(out->path) && load(out)) {
        out->cached = true;
        out->seconds = time_now() - start;
        return true;
    }
    char c_file[4200], made[4200], said[4096];
    snprintf(c_file, sizeof c_file, "%s/%016llx.%ld.c", folder, (unsigned long long)a, (long)getpid());
    snprintf(made, sizeof made, "%s/%016llx.%ld.so.tmp", folder, (unsigned long long)a, (long)getpid());
    if (!write_text(c_file, text)) {
        diag_error(ds, "E603", (Span){0}, "cannot write %s: %s", c_file, strerror(errno));
        unlink(c_file);
        return false;
    }
    char words[CC_LENGTH], *argv[CC_WORDS + COMPILE_FLAGS + 12];
    int n = compiler_words(cc, words, argv);
    n += compile_flags(target, argv + n);
    argv[n++] = "-shared";
    argv[n++] = "-o";
    argv[n++] = made;
    argv[n++] = c_file;
#if defined(__x86_64__) && defined(__GLIBC__)
    argv[n++] = "-lmvec";
#endif
    argv[n++] = "-lm";
    argv[n] = NULL;
    int status = compiler_run(argv, said, sizeof said);
    bool ok = status == 0 && seal(made) && !rename(made, out->path);
    if (!ok) {
        unlink(made);
        if (status == -2)
            diag_error(ds, "E460", (Span){0}, "interrupted while the emitted code was compiled");
        else if (status == 0)
            diag_help(diag_error(ds, "E603", (Span){0}, "cannot write %s: %s", out->path, strerror(errno)),
                      "set AMAL_CACHE to a folder that can be written and has room");
        else if (status == 127 || status < 0)
            diag_help(diag_error(ds, "E602", (Span){0}, "the C compiler `%s` could not be started", cc),
                      "install gcc, set CC, or run with --backend interp");
        else
            diag_help(diag_error(ds, "E602", (Span){0}, "the C compiler refused the emitted code: %.500s", said),
                      "this is a fault of amal: report it with the file that --keep-c DIR writes; --backend interp "
                      "runs without the compiler");
        unlink(c_file);
        return false;
    }
    unlink(c_file);
    if (!load(out)) {
        const char *why = dlerror();
        diag_error(ds, "E603", (Span){0}, "the compiled kernel does not load: %s", why ? why : "no amal_run in it");
        return false;
    }
    out->seconds = time_now() - start;
    return true;
}
void compile_release(Loaded *l) {
    if (l->handle) dlclose(l->handle);
    l->handle = NULL;
}
