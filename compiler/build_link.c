/* build_link.c: from the C of a built program to the file (contract: build.h).
 *
 * In a folder of its own below TMPDIR: program.c (script, tables, main), needs.c (what the kernels need of the
 * processor, found by compiling it as they are) and a file a kernel, compiled several at a time; then linked with
 * libamal.a beside the output under a temporary name and renamed. Nothing that differs from build to build gets into
 * the bytes: no symbols or paths (-s), no build id. */
#include "backends/c/compile.h"
#include "backends/c/compiler.h"
#include "backends/runtime/cache_folder.h"
#include "backends/runtime/kernels.h"
#include "backends/runtime/table.h"
#include "compiler/build.h"
#include "compiler/script.h"
#include "compiler/driver.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef AMAL_LINK
#error "AMAL_LINK: the libraries that libamal.a needs; the Makefile says them"
#endif

enum { PATH_ROOM = 4200, SAID = 4096, MOST_ARGUMENTS = 64 };

typedef struct Unit { /* a file to compile */
    char c[PATH_ROOM], o[PATH_ROOM];
    bool kernel; /* with the kernels' flags */
    int status;
    char said[SAID];
} Unit;
typedef struct Job {
    const Build *b;
    const char *cc, *folder;
    int n;
    Unit *units;
} Job;

/* ---------------- before any work ---------------- */

static bool library_in(const char *folder, const char *below, char *path, size_t size) {
    int n = snprintf(path, size, "%s%slibamal.a", folder, below);
    return n > 0 && (size_t)n < size && access(path, R_OK) == 0;
}

/* Where libamal.a is: AMAL_RUNTIME when it is set, else beside amal (the build folder) or ../lib/amal (installed). */
static bool find_library(const Build *b, char *path, size_t size) {
    const char *given = getenv("AMAL_RUNTIME");
    char self[PATH_ROOM];
    if (given && *given) {
        if (library_in(given, "/", path, size)) return true;
        diag_help(diag_error(b->diags, "E604", (Span){0}, "AMAL_RUNTIME: there is no libamal.a in `%s`", given),
                  "unset it, or let it name the folder of libamal.a");
        return false;
    }
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) {
        self[n] = 0;
        char *slash = strrchr(self, '/');
        if (slash) slash[1] = 0;
        if (slash && (library_in(self, "", path, size) || library_in(self, "../lib/amal/", path, size))) return true;
    }
    diag_help(
        diag_error(b->diags, "E604", (Span){0}, "libamal.a, the runtime, is neither beside amal nor in ../lib/amal"),
        "install amal with `make install`, or let AMAL_RUNTIME name the folder of libamal.a");
    return false;
}

static bool writable(const Build *b, const char *path) {
    struct stat st;
    const char *slash = strrchr(path, '/'), *why = NULL;
    const char *folder = !slash ? "." : slash == path ? "/" : arena_strndup(b->arena, path, (size_t)(slash - path));
    if (!*path || (slash && !slash[1]))
        why = "it names no file";
    else if (stat(folder, &st) != 0)
        why = errno == ENOENT ? "there is no such folder" : strerror(errno);
    else if (access(folder, W_OK) != 0)
        why = strerror(errno);
    else if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        why = S_ISDIR(st.st_mode) ? "it is a folder" : "it is not an ordinary file";
    if (!why) return true;
    diag_help(diag_error(b->diags, "E440", (Span){0}, "cannot write \"%s\": %s", path, why),
              "`-o FILE` names another place");
    return false;
}

/* What is written is none of the files that it is made of. */
static bool spares(const Build *b, const char *path) {
    const char *what = script_part_at(b->arena, b->program, path);
    if (!what) return true;
    diag_help(diag_error(b->diags, "E440", (Span){0}, "\"%s\" is %s", path, what), "`-o FILE` names another file");
    return false;
}

bool build_link_ready(const Build *b) {
    char library[PATH_ROOM];
    const char *why;
    if (!compile_available(NULL, &why)) {
        diag_help(diag_error(b->diags, "E602", (Span){0}, "a program is built by the system's C compiler: %s", why),
                  "`amal doctor` says what was found; a program once built needs none");
        return false;
    }
    return find_library(b, library, sizeof library) && writable(b, b->output) && spares(b, b->output) &&
           (!b->header || (writable(b, b->header) && spares(b, b->header)));
}

/* ---------------- compiling ---------------- */

static void compile_unit(const Job *job, Unit *u) {
    char words[CC_LENGTH], *argv[CC_WORDS + COMPILE_FLAGS + 12];
    int n = compiler_words(job->cc, words, argv);
    if (u->kernel) {
        n += compile_flags(&job->b->target, argv + n);
    } else {
        argv[n++] = arena_printf(job->b->arena, "-Wa,-I,%s", job->folder); /* where program.c finds images.bin */
        argv[n++] = "-O1";
        argv[n++] = "-fPIC";
        argv[n++] = "-w";
    }
    argv[n++] = "-fvisibility=hidden";
    argv[n++] = "-c";
    argv[n++] = "-o";
    argv[n++] = u->o;
    argv[n++] = u->c;
    argv[n] = NULL;
    u->status = compiler_run(argv, u->said, sizeof u->said);
}

static void compile_some(void *ctx, int part, int nparts) {
    const Job *job = ctx;
    for (int i = part; i < job->n && !interrupt_requested(); i += nparts) compile_unit(job, &job->units[i]);
}

static bool write_bytes(const Build *b, const char *path, const char *text, size_t size) {
    FILE *f = fopen(path, "w");
    bool ok = f && fwrite(text, 1, size, f) == size;
    if (f && fclose(f) != 0) ok = false;
    if (!ok) diag_error(b->diags, "E440", (Span){0}, "cannot write \"%s\": %s", path, strerror(errno));
    return ok;
}

static bool write_unit(const Build *b, const char *path, const char *text) {
    return write_bytes(b, path, text, strlen(text));
}
static bool write_images(const Build *b, const char *folder) {
    if (!b->images.len) return true;
    Buf bytes = {0};
    build_images_bytes(b, &bytes);
    bool ok = write_bytes(b, arena_printf(b->arena, "%s/" BUILD_IMAGES_FILE, folder), bytes.data, bytes.len);
    buf_free(&bytes);
    return ok;
}

/* false: reported. */
static bool run_failed(const Build *b, const char *cc, int status, const char *said, const char *what) {
    if (status == 0) return false;
    if (status == -2 || interrupt_requested())
        diag_error(b->diags, "E460", (Span){0}, "interrupted while the program was %s", what);
    else if (status == 127 || status < 0)
        diag_help(diag_error(b->diags, "E602", (Span){0}, "the C compiler `%s` could not be started", cc),
                  "install gcc, or set CC");
    else
        diag_help(diag_error(b->diags, "E604", (Span){0}, "the program could not be %s: %.1500s", what, said),
                  "a library that is not found is that of libopenblas-dev, libsqlite3-dev or zlib1g-dev");
    return true;
}

static void add_unit(Job *job, const char *folder, const char *file, bool kernel) {
    Unit *u = &job->units[job->n++];
    snprintf(u->c, sizeof u->c, "%s/%s.c", folder, file);
    snprintf(u->o, sizeof u->o, "%s/%s.o", folder, file);
    u->kernel = kernel;
}

/* Writes every file of C into `folder`; the units to compile are added to the job. */
static bool write_units(const Build *b, const char *folder, Job *job) {
    Buf text = {0};
    build_emit_program(b, &text);
    add_unit(job, folder, "program", false);
    bool ok = write_unit(b, job->units[0].c, text.data) && write_images(b, folder);
    buf_free(&text);
    add_unit(job, folder, "needs", true);
    ok = ok && write_unit(b, job->units[1].c, carry_needs_c);
    for (int i = 0; ok && i < b->kernels.kernels.len; i++) {
        const KernelText *k = &b->kernels.kernels.data[i];
        char file[24];
        snprintf(file, sizeof file, "kernel%d", i + 1);
        add_unit(job, folder, file, true);
        Buf named = {0}; /* each kernel's function has a name of its own */
        buf_printf(&named, "#define amal_run amal_kernel_%016llx%016llx\n%s", (unsigned long long)k->hash[0],
                   (unsigned long long)k->hash[1], k->text);
        ok = write_unit(b, job->units[job->n - 1].c, named.data);
        buf_free(&named);
    }
    return ok;
}

/* ---------------- linking ---------------- */

static bool link_units(const Build *b, const Job *job, const char *made) {
    char library[PATH_ROOM], words[CC_LENGTH], libraries[] = AMAL_LINK, said[SAID];
    if (!find_library(b, library, sizeof library)) return false;
    char **argv = arena_array(b->arena, char *, CC_WORDS + MOST_ARGUMENTS + job->n);
    int n = compiler_words(job->cc, words, argv);
    if (b->header) {
        argv[n++] = "-shared";
        argv[n++] = arena_printf(b->arena, "-Wl,-soname,lib%s.so", b->name);
    }
    argv[n++] = "-s";
    argv[n++] = "-Wl,--build-id=none";
    argv[n++] = "-Wl,--as-needed";
    argv[n++] = "-o";
    argv[n++] = (char *)made;
    for (int i = 0; i < job->n; i++) argv[n++] = job->units[i].o;
    argv[n++] = library;
#if defined(__x86_64__) && defined(__GLIBC__)
    argv[n++] = "-lmvec";
#endif
    for (char *save = NULL, *w = strtok_r(libraries, " ", &save); w; w = strtok_r(NULL, " ", &save)) argv[n++] = w;
    argv[n] = NULL;
    int status = compiler_run(argv, said, sizeof said);
    return !run_failed(b, job->cc, status, said, "linked");
}

static bool finish(const Build *b, const char *made) {
    if (rename(made, b->output) == 0) return true;
    diag_error(b->diags, "E440", (Span){0}, "cannot write \"%s\": %s", b->output, strerror(errno));
    return false;
}

/* For --keep-c: the folder keeps what was written, not what was compiled. */
static bool keep_folder(const Build *b) {
    if (cache_folder_make(b->keep)) return true;
    diag_error(b->diags, "E603", (Span){0}, "cannot keep the emitted C in %s: %s", b->keep, strerror(errno));
    return false;
}

bool build_link(const Build *b) {
    Job job = {.b = b, .cc = compile_command(NULL)};
    const char *temporary = getenv("TMPDIR");
    char *folder = arena_printf(b->arena, "%s/amal-build-XXXXXX", temporary && *temporary ? temporary : "/tmp");
    const char *made = arena_printf(b->arena, "%s.amal-%ld.tmp", b->output, (long)getpid());
    if (b->keep && !keep_folder(b)) return false;
    if (!mkdtemp(folder)) {
        diag_help(diag_error(b->diags, "E440", (Span){0}, "cannot make the folder %s: %s", folder, strerror(errno)),
                  "TMPDIR names another place for it");
        return false;
    }
    job.units = arena_array(b->arena, Unit, b->kernels.kernels.len + 2);
    job.folder = b->keep ? b->keep : folder;
    bool ok = write_units(b, job.folder, &job);
    for (int i = 0; i < job.n; i++) snprintf(job.units[i].o, sizeof job.units[i].o, "%s/%d.o", folder, i);
    int threads = thread_default_count();
    if (ok) thread_run(threads < job.n ? threads : job.n, compile_some, &job);
    for (int i = 0; ok && i < job.n; i++)
        ok = !run_failed(b, job.cc, job.units[i].status, job.units[i].said, "compiled");
    if (ok && interrupt_requested()) ok = !run_failed(b, job.cc, -2, "", "compiled");
    ok = ok && link_units(b, &job, made) && finish(b, made);
    if (ok && b->header) {
        Buf text = {0};
        build_emit_header(b, &text);
        ok = file_write_atomic(b->diags, (Span){0}, b->header, text.data, text.len);
        buf_free(&text);
    }
    if (!ok) (void)unlink(made); /* it may not be there */
    for (int i = 0; i < job.n; i++) {
        (void)unlink(job.units[i].o); /* some may not be there */
        if (!b->keep) (void)unlink(job.units[i].c);
    }
    if (!b->keep) (void)unlink(arena_printf(b->arena, "%s/" BUILD_IMAGES_FILE, folder)); /* it may not be there */
    (void)rmdir(folder); /* the system's folder of temporary files: what is left there does no harm */
    return ok;
}
