/* repl_history.c: the statements of earlier sessions (contract: repl_history.h). */
#include "compiler/repl_history.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

const char *history_path(Arena *arena) {
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (state && *state) return arena_printf(arena, "%s/amal/history", state);
    return home && *home ? arena_printf(arena, "%s/.local/state/amal/history", home) : NULL;
}

/* The folders above the file. */
static bool make_folders(const char *path) {
    Arena *a = arena_new();
    char *copy = arena_strdup(a, path);
    bool ok = true;
    for (char *p = copy + 1; ok && (p = strchr(p, '/')); p++) {
        *p = 0;
        ok = mkdir(copy, 0700) == 0 || errno == EEXIST;
        *p = '/';
    }
    arena_free(a);
    return ok;
}

static void put_entry(Buf *out, const char *text) {
    size_t n = strlen(text);
    while (n && text[n - 1] == '\n') n--;
    for (size_t i = 0; i < n; i++)
        if (text[i] == '\n')
            buf_puts(out, "\\n");
        else if (text[i] == '\\')
            buf_puts(out, "\\\\");
        else
            buf_add(out, &text[i], 1);
    buf_puts(out, "\n");
}

/* Undoes put_entry() in place. */
static void undo(char *line) {
    char *to = line;
    for (const char *p = line; *p; p++) {
        if (*p == '\\' && (p[1] == 'n' || p[1] == '\\'))
            *to++ = *++p == 'n' ? '\n' : '\\';
        else
            *to++ = *p;
    }
    *to = 0;
}

static bool write_all(int fd, const char *data, size_t n) {
    for (size_t done = 0; done < n;) {
        ssize_t w = write(fd, data + done, n - done);
        if (w < 0 && errno == EINTR) continue;
        if (w <= 0) return false;
        done += (size_t)w;
    }
    return true;
}

/* The file with its last entries only. */
static bool shorten(const char *path, char **lines, int n) {
    Buf out = {0};
    for (int i = n - HISTORY_MOST; i < n; i++) put_entry(&out, lines[i]);
    Arena *a = arena_new();
    char *other = arena_printf(a, "%s.XXXXXX", path);
    int fd = mkstemp(other);
    bool ok = fd >= 0 && write_all(fd, out.data, out.len);
    if (fd >= 0) ok = close(fd) == 0 && ok && rename(other, path) == 0;
    if (fd >= 0 && !ok) (void)unlink(other);
    arena_free(a);
    buf_free(&out);
    return ok;
}

bool history_read(const char *path, void (*entry)(void *user, const char *text), void *user, const char **why) {
    FILE *f = fopen(path, "r");
    if (!f) {
        *why = strerror(errno);
        return errno == ENOENT;
    }
    Arena *a = arena_new();
    VEC(char *) lines = {0};
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    while ((n = getline(&line, &room, f)) >= 0) {
        while (n > 0 && line[n - 1] == '\n') line[--n] = 0;
        if (!n) continue;
        char *copy = arena_strdup(a, line);
        undo(copy);
        vec_push(a, &lines, copy);
    }
    bool ok = !ferror(f);
    *why = strerror(errno);
    free(line);
    fclose(f);
    int first = lines.len > HISTORY_MOST ? lines.len - HISTORY_MOST : 0;
    for (int i = first; i < lines.len; i++) entry(user, lines.data[i]);
    if (ok && lines.len > 2 * HISTORY_MOST && !shorten(path, lines.data, lines.len)) {
        *why = strerror(errno);
        ok = false;
    }
    arena_free(a);
    return ok;
}

bool history_append(const char *path, const char *text, const char **why) {
    Buf out = {0};
    put_entry(&out, text);
    int fd = make_folders(path) ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    bool ok = fd >= 0 && write_all(fd, out.data, out.len);
    *why = strerror(errno);
    if (fd >= 0 && close(fd) != 0) ok = false;
    buf_free(&out);
    return ok;
}
