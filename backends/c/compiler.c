/* compiler.c: see compiler.h. */
#define _GNU_SOURCE /* pipe2 */
#include "backends/c/compiler.h"
#include "backends/runtime/cache_folder.h"
#include "backends/runtime/table.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int compiler_words(const char *cc, char *words, char **argv) {
    int n = 0;
    snprintf(words, CC_LENGTH, "%s", cc);
    for (char *save = NULL, *w = strtok_r(words, " \t", &save); w && n < CC_WORDS; w = strtok_r(NULL, " \t", &save))
        argv[n++] = w;
    if (!n) argv[n++] = words;
    return n;
}

void compiler_start(char *const *argv, CompilerRun *run) {
    int fd[2];
    *run = (CompilerRun){0};
    if (pipe2(fd, O_CLOEXEC)) return;
    pid_t pid = fork();
    if (!pid) {
        dup2(fd[1], 1), dup2(fd[1], 2);
        int null = open("/dev/null", O_RDONLY);
        if (null >= 0) dup2(null, 0);
        execvp(argv[0], argv);
        _exit(127);
    }
    close(fd[1]);
    if (pid < 0)
        close(fd[0]);
    else
        *run = (CompilerRun){pid, fd[0]};
}
int compiler_finish(CompilerRun *run, char *said, size_t most) {
    said[0] = 0;
    if (!run->process) return -1;
    size_t len = 0;
    char chunk[4096];
    ssize_t got;
    while ((got = read(run->said, chunk, sizeof chunk)) > 0 || (got < 0 && errno == EINTR)) {
        if (got < 0) continue;
        size_t take = (size_t)got < most - 1 - len ? (size_t)got : most - 1 - len;
        memcpy(said + len, chunk, take);
        len += take;
    }
    said[len] = 0;
    close(run->said);
    int status = 0;
    while (waitpid((pid_t)run->process, &status, 0) < 0)
        if (errno != EINTR) return -1;
    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGTERM)) return -2;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
int compiler_run(char *const *argv, char *said, size_t most) {
    CompilerRun run;
    compiler_start(argv, &run);
    return compiler_finish(&run, said, most);
}

/* ---------------- what the compiler is ---------------- */
/* Adds everything that tells whether the file is still the same one; false: there is none that could be started. */
static bool add_file(Buf *b, const char *path, bool *script) {
    struct stat st;
    if (stat(path, &st) || !S_ISREG(st.st_mode) || access(path, X_OK)) return false;
    char begin[2] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, begin, 2) != 2 || !memcmp(begin, "#!", 2)) *script = true;
    if (fd >= 0) (void)close(fd); /* only read */
    buf_printf(b, "%s %llu %llu %lld %lld.%09ld %lld.%09ld\n", path, (unsigned long long)st.st_dev,
               (unsigned long long)st.st_ino, (long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
               (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
    return true;
}
/* Every file that a word of the command can mean: all of that name along PATH, because the first may be a front (as of
 * ccache) that starts the next. False: they do not tell what runs. */
static bool add_files(Buf *b, const char *cc) {
    char words[CC_LENGTH], *argv[CC_WORDS], path[4096];
    int n = compiler_words(cc, words, argv);
    bool script = false, first = false;
    buf_printf(b, "%s\n", cc);
    for (int i = 0; i < n; i++) {
        bool found = false;
        if (strchr(argv[i], '/')) {
            found = add_file(b, argv[i], &script);
        } else if (argv[i][0] != '-') {
            for (const char *p = getenv("PATH"), *end; p && *p; p = *end ? end + 1 : end) {
                end = p + strcspn(p, ":");
                snprintf(path, sizeof path, "%.*s/%s", (int)(end - p), end > p ? p : ".", argv[i]);
                found = add_file(b, path, &script) || found;
            }
        }
        first = first || (i == 0 && found);
    }
    return first && !script;
}

/* A memo is one file: a hash of the rest, what the version belongs to, a NUL, the version. */
static bool memo_read(const char *path, const Buf *files, char version[COMPILER_VERSION]) {
    char text[16384];
    FILE *f = fopen(path, "rb");
    if (!f) return false;
    size_t n = fread(text, 1, sizeof text, f);
    bool ok = !ferror(f) && n > 8 + files->len && n - 9 - files->len < COMPILER_VERSION;
    fclose(f);
    uint64_t h = 0;
    if (ok) memcpy(&h, text, 8);
    ok = ok && h == hash_bytes(text + 8, n - 8, 4) && !memcmp(text + 8, files->data, files->len) &&
         !text[8 + files->len];
    if (!ok) return false;
    memset(version, 0, COMPILER_VERSION);
    memcpy(version, text + 9 + files->len, n - 9 - files->len);
    return true;
}
static void memo_write(const char *path, const Buf *files, const char *version) {
    Buf b = {0};
    uint64_t h = 0;
    buf_add(&b, (char *)&h, 8);
    buf_add(&b, files->data, files->len);
    buf_add(&b, "", 1);
    buf_puts(&b, version);
    h = hash_bytes(b.data + 8, b.len - 8, 4);
    memcpy(b.data, &h, 8);
    Arena *arena = arena_new(); /* a memo that cannot be written is made again: nothing to report */
    (void)file_write_atomic(diags_new(arena), (Span){0}, path, b.data, b.len);
    arena_free(arena);
    buf_free(&b);
}

static bool ask_version(const char *cc, char version[COMPILER_VERSION]) {
    char words[CC_LENGTH], *argv[CC_WORDS + 2];
    int n = compiler_words(cc, words, argv);
    argv[n] = "--version", argv[n + 1] = NULL;
    return compiler_run(argv, version, COMPILER_VERSION) == 0;
}

bool compiler_version(const char *cc, char version[COMPILER_VERSION]) {
    static char known[COMPILER_VERSION], known_cc[CC_LENGTH];
    if (*known_cc && !strcmp(known_cc, cc)) {
        memcpy(version, known, COMPILER_VERSION);
        return true;
    }
    char folder[CACHE_PATH], path[CACHE_PATH + 32];
    const char *why;
    Buf files = {0};
    bool kept = add_files(&files, cc) && cache_folder_find("compilers", folder, sizeof folder, &why);
    if (kept)
        snprintf(path, sizeof path, "%s/%016llx", folder, (unsigned long long)hash_bytes(files.data, files.len, 0));
    bool found = kept && memo_read(path, &files, version), ok = found || ask_version(cc, version);
    if (ok && !found && kept) memo_write(path, &files, version);
    buf_free(&files);
    if (ok && strlen(cc) < sizeof known_cc) {
        memcpy(known, version, COMPILER_VERSION);
        snprintf(known_cc, sizeof known_cc, "%s", cc);
    }
    return ok;
}

void compiler_identity(const char *cc, Buf *out) {
    char version[COMPILER_VERSION] = "";
    if (compiler_version(cc, version)) buf_puts(out, version);
    FILE *f = fopen("/proc/cpuinfo", "r");
    if (!f) return;
    char line[4096];
    while (fgets(line, sizeof line, f))
        if (!strncmp(line, "flags", 5) || !strncmp(line, "Features", 8)) {
            buf_puts(out, line);
            break;
        }
    fclose(f);
}
