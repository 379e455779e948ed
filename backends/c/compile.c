/* compile.c: see compile.h. */
#include "backends/c/carry.h"
#include "backends/c/compile.h"
#include "backends/c/compiler.h"
#include "backends/runtime/cache_folder.h"
#include "backends/runtime/kernels.h"
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

/* ---- compiling ---- */
/* A text in units of about equal length: functions, each behind the text before the first of them, which declares what
 * they read. The first unit has the text behind them too. A short text is one unit. */
enum { MOST_UNITS = 8, MOST_FUNCTIONS = 512, UNIT_BYTES = 4 << 10 };
typedef struct Units {
    int n;
    Buf text[MOST_UNITS];
} Units;
typedef struct Function {
    const char *begin;
    size_t len;
} Function;
static int by_length(const void *a, const void *b) {
    const Function *f = a, *g = b;
    return f->len != g->len ? (f->len < g->len ? 1 : -1) : f->begin < g->begin ? -1 : 1;
}
static void split_text(const char *text, int most, Units *out) {
    static const char begins[] = "\n" COMPILE_FUNCTION, runs[] = "\nint amal_run(";
    Function f[MOST_FUNCTIONS];
    size_t taken[MOST_UNITS] = {0};
    int n = 0;
    const char *tail = strstr(text, runs), *at = strstr(text, begins);
    *out = (Units){.n = 1};
    size_t head = at ? (size_t)(at - text) : 0, all = at && tail ? (size_t)(tail - at) : 0;
    for (; all && at && at < tail && n < MOST_FUNCTIONS; n++) {
        const char *next = strstr(at + 1, begins), *end = next && next < tail ? next : tail;
        f[n] = (Function){at, (size_t)(end - at)};
        at = end;
    }
    int units = (int)(all / UNIT_BYTES);
    if (units > most) units = most;
    if (units > MOST_UNITS) units = MOST_UNITS;
    if (units > n) units = n;
    if (units < 2 || n == MOST_FUNCTIONS) {
        buf_puts(&out->text[0], text);
        return;
    }
    out->n = units;
    for (int u = 0; u < units; u++) {
        buf_puts(&out->text[u], "#define PASS __attribute__((visibility(\"hidden\")))\n");
        buf_add(&out->text[u], text, head);
    }
    for (int i = 0; i < n; i++) { /* all are declared where they are called */
        const char *end = strchr(f[i].begin + 1, '(');
        buf_printf(&out->text[0], "%.*s(void *frame, int part, int parts);", (int)(end - f[i].begin), f[i].begin);
    }
    taken[0] = strlen(tail);
    qsort(f, (size_t)n, sizeof *f, by_length);
    for (int i = 0; i < n; i++) {
        int least = 0;
        for (int u = 1; u < units; u++)
            if (taken[u] < taken[least]) least = u;
        buf_add(&out->text[least], f[i].begin, f[i].len);
        taken[least] += f[i].len;
    }
    buf_puts(&out->text[0], tail);
    for (int u = 1; u < units; u++) buf_puts(&out->text[u], "\n");
}

/* The words of one call of the compiler. */
typedef struct Call {
    char words[CC_LENGTH], *argv[CC_WORDS + COMPILE_FLAGS + MOST_UNITS + 12];
    int n;
} Call;
static void add_word(Call *c, const char *word) {
    c->argv[c->n++] = (char *)word;
    c->argv[c->n] = NULL;
}
static void call_begin(Call *c, const char *cc, const CpuTarget *target) {
    c->n = compiler_words(cc, c->words, c->argv);
    c->n += compile_flags(target, c->argv + c->n);
}
/* Units side by side into `made`, by way of files whose names begin with `base`; none is left. As compiler_finish(), or
 * NOT_WRITTEN. */
enum { NOT_WRITTEN = -3 };
static int compile_units(const char *cc, const CpuTarget *target, const char *base, const Units *units,
                         const char *made, char *said, size_t most) {
    CompilerRun run[MOST_UNITS] = {0};
    char text[MOST_UNITS][4224], object[MOST_UNITS][4224];
    int status = 0;
    for (int u = 0; u < units->n; u++) {
        snprintf(text[u], sizeof text[u], "%s.%d.c", base, u);
        snprintf(object[u], sizeof object[u], "%s.%d.o", base, u);
        if (!write_text(text[u], units->text[u].data)) status = NOT_WRITTEN;
    }
    int written = errno;
    for (int u = 0; u < units->n && !status; u++) {
        Call c;
        call_begin(&c, cc, target);
        add_word(&c, "-c");
        add_word(&c, "-o");
        add_word(&c, object[u]);
        add_word(&c, text[u]);
        compiler_start(c.argv, &run[u]);
    }
    for (int u = 0; u < units->n && status != NOT_WRITTEN; u++) {
        char own[4096];
        int ended = compiler_finish(&run[u], own, sizeof own);
        if (ended && (!status || ended == -2)) {
            status = ended;
            snprintf(said, most, "%s", own);
        }
    }
    if (!status) {
        Call c;
        call_begin(&c, cc, target);
        add_word(&c, "-shared");
        add_word(&c, "-o");
        add_word(&c, made);
        for (int u = 0; u < units->n; u++) add_word(&c, object[u]);
#if defined(__x86_64__) && defined(__GLIBC__)
        add_word(&c, "-lmvec");
#endif
        add_word(&c, "-lm");
        status = compiler_run(c.argv, said, most);
    }
    for (int u = 0; u < units->n; u++) {
        unlink(text[u]);
        unlink(object[u]);
    }
    errno = written;
    return status;
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
    char base[4200], made[4208], said[4096] = "";
    snprintf(base, sizeof base, "%s/%016llx.%ld", folder, (unsigned long long)a, (long)getpid());
    snprintf(made, sizeof made, "%s.so.tmp", base);
    Units units;
    split_text(text, o->threads > 0 ? o->threads : thread_default_count(), &units);
    int status = compile_units(cc, target, base, &units, made, said, sizeof said);
    for (int u = 0; u < units.n; u++) buf_free(&units.text[u]);
    bool ok = status == 0 && seal(made) && !rename(made, out->path);
    if (!ok) {
        unlink(made);
        if (status == -2)
            diag_error(ds, "E460", (Span){0}, "interrupted while the emitted code was compiled");
        else if (status == 0 || status == NOT_WRITTEN)
            diag_help(diag_error(ds, "E603", (Span){0}, "cannot write %s%s: %s", status ? "the emitted C in " : "",
                                 status ? folder : out->path, strerror(errno)),
                      "set AMAL_CACHE to a folder that can be written and has room");
        else if (status == 127 || status < 0)
            diag_help(diag_error(ds, "E602", (Span){0}, "the C compiler `%s` could not be started", cc),
                      "install gcc, set CC, or run with --backend interp");
        else
            diag_help(diag_error(ds, "E602", (Span){0}, "the C compiler refused the emitted code: %.500s", said),
                      "this is a fault of amal: report it with the file that --keep-c DIR writes; --backend interp "
                      "runs without the compiler");
        return false;
    }
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
