/* table_temp.c: files that appear whole or not at all.
 *
 * A file is written under a temporary name in its own folder, flushed to the disk and renamed. Temporary names are kept
 * in a fixed registry so that a signal handler can remove them: file_cleanup_temporaries() calls nothing but unlink().
 * Errors: E440 with the system's reason; nothing is left behind then. */
#include "backends/runtime/table_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEMP_SLOTS = 16 };
static char temp_paths[TEMP_SLOTS][PATH_MAX];
static atomic_int temp_states[TEMP_SLOTS]; /* 0 free, 1 being named, 2 on the disk */

void file_cleanup_temporaries(void) {
    for (int i = 0; i < TEMP_SLOTS; i++)
        if (atomic_load(&temp_states[i]) == 2) (void)unlink(temp_paths[i]); /* nothing could be done about a failure */
}

static bool temp_error(Diags *ds, Span at, const char *path, const char *why) {
    diag_error(ds, "E440", at, "cannot write \"%s\": %s", path, why);
    return false;
}

static bool temp_take_slot(TempFile *t) {
    for (int i = 0; i < TEMP_SLOTS; i++) {
        int free_state = 0;
        if (!atomic_compare_exchange_strong(&temp_states[i], &free_state, 1)) continue;
        *t = (TempFile){i, temp_paths[i]};
        return true;
    }
    return false;
}

static void temp_release(TempFile *t) {
    atomic_store(&temp_states[t->slot], 0);
}

int temp_open(const char *path, TempFile *out, int *fd) {
    static atomic_uint counter;
    size_t folder = strrchr(path, '/') ? (size_t)(strrchr(path, '/') - path + 1) : 0;
    if (!temp_take_slot(out)) return EMFILE;
    *fd = -1;
    for (int attempt = 0; attempt < 100 && *fd < 0; attempt++) {
        int n = snprintf(out->path, PATH_MAX, "%.*s.amal-%ld-%u.tmp", (int)folder, path, (long)getpid(),
                         atomic_fetch_add(&counter, 1));
        if (n < 0 || n >= PATH_MAX) errno = ENAMETOOLONG;
        if (n < 0 || n >= PATH_MAX) break;
        *fd = open(out->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (*fd < 0 && errno != EEXIST) break;
    }
    if (*fd < 0) {
        int error = errno;
        temp_release(out);
        return error;
    }
    atomic_store(&temp_states[out->slot], 2);
    return 0;
}

void temp_forget(TempFile *t) {
    temp_release(t);
}

bool temp_create(Diags *ds, Span at, const char *path, TempFile *out, int *fd) {
    struct stat st;
    size_t folder = strrchr(path, '/') ? (size_t)(strrchr(path, '/') - path + 1) : 0;
    if (!path[folder]) return temp_error(ds, at, path, "it names no file");
    if (!stat(path, &st) && !S_ISREG(st.st_mode))
        return temp_error(ds, at, path, S_ISDIR(st.st_mode) ? "it is a folder" : "it is not an ordinary file");
    int file, error = temp_open(path, out, &file);
    if (error)
        return temp_error(ds, at, path,
                          error == EMFILE   ? "too many files are being written at once"
                          : error == ENOENT ? "there is no such folder"
                                            : strerror(error));
    if (fd)
        *fd = file;
    else
        (void)close(file); /* nothing was written */
    return true;
}

void temp_abandon(TempFile *t) {
    (void)unlink(t->path); /* it may be gone already */
    temp_release(t);
}

bool temp_commit(Diags *ds, Span at, TempFile *t, const char *path) {
    int fd = open(t->path, O_RDONLY | O_CLOEXEC);
    int error = fd < 0 || fsync(fd) ? errno : 0;
    if (fd >= 0) (void)close(fd); /* opened to flush only */
    if (!error && rename(t->path, path)) error = errno;
    if (error) {
        temp_abandon(t);
        return temp_error(ds, at, path, strerror(error));
    }
    temp_release(t);
    return true;
}

bool file_write_atomic(Diags *ds, Span at, const char *path, const void *data, size_t len) {
    TempFile t;
    int fd;
    if (!temp_create(ds, at, path, &t, &fd)) return false;
    int error = file_write_all(fd, data, len);
    if (close(fd) && !error) error = errno;
    if (error) {
        temp_abandon(&t);
        return temp_error(ds, at, path, strerror(error));
    }
    return temp_commit(ds, at, &t, path);
}

int file_write_all(int fd, const void *data, size_t len) {
    const char *p = data;
    while (len) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}
