/* cache_folder.c: see cache_folder.h. */
#include "backends/runtime/cache_folder.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool cache_folder_make(const char *path) {
    char part[CACHE_PATH];
    size_t n = strlen(path);
    if (!n || n >= sizeof part) {
        errno = n ? ENAMETOOLONG : ENOENT;
        return false;
    }
    memcpy(part, path, n + 1);
    for (char *p = part + 1; *p; p++) {
        if (*p != '/') continue;
        *p = 0;
        if (mkdir(part, 0755) && errno != EEXIST) return false;
        *p = '/';
    }
    return !mkdir(part, 0755) || errno == EEXIST;
}

bool cache_root(char *out, size_t size) {
    static const struct {
        const char *variable, *below;
    } places[] = {{"AMAL_CACHE", ""}, {"XDG_CACHE_HOME", "/amal"}, {"HOME", "/.cache/amal"}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *value = getenv(places[i].variable);
        if (!value || !*value) continue;
        snprintf(out, size, "%s%s", value, places[i].below);
        return true;
    }
    *out = 0;
    return false;
}

static bool folder_usable(const char *path, const char **why) {
    struct stat st;
    *why = NULL;
    if (!cache_folder_make(path) || access(path, W_OK) || stat(path, &st))
        *why = strerror(errno);
    else if (!S_ISDIR(st.st_mode))
        *why = "it is not a folder";
    else if (st.st_uid != getuid())
        *why = "it belongs to another user";
    else if (st.st_mode & 022)
        *why = "others may write into it";
    return !*why;
}

bool cache_folder_find(const char *sub, char *out, size_t size, const char **why) {
    char root[CACHE_PATH];
    *why = "neither AMAL_CACHE nor HOME is set";
    *out = 0;
    if (!cache_root(root, sizeof root)) return false;
    snprintf(out, size, "%s/%s", root, sub);
    return folder_usable(out, why);
}

bool cache_folder_open(Diags *ds, const char *sub, char *out, size_t size) {
    const char *why, *again;
    if (cache_folder_find(sub, out, size, &why)) return true;
    char wanted[CACHE_PATH];
    snprintf(wanted, sizeof wanted, "%s", *out ? out : "the cache");
    snprintf(out, size, "/tmp/amal-%ld/%s", (long)getuid(), sub);
    if (!folder_usable(out, &again)) return false;
    diag_help(diag_warn(ds, "W603", (Span){0}, "%s cannot be used (%s): %s is used instead", wanted, why, out),
              "set AMAL_CACHE to a folder that is yours and that nobody else can write into");
    return true;
}
