/* kept.c: see kept.h. */
#include "compiler/estimator/kept.h"
#include "backends/runtime/cache_folder.h"
#include "backends/runtime/table.h"
#include <stdlib.h>

void kept_print(Buf *out, const KeptNumber *rows, int n, const void *from) {
    for (int i = 0; i < n; i++)
        buf_printf(out, "%s %.6g\n", rows[i].name, *(const double *)(const void *)((const char *)from + rows[i].at));
}
bool kept_number(const KeptNumber *rows, int n, void *into, const char *line) {
    const char *blank = strchr(line, ' ');
    if (!blank) return false;
    char *end;
    double v = strtod(blank + 1, &end);
    if (end == blank + 1 || *end) return false;
    size_t len = (size_t)(blank - line);
    for (int i = 0; i < n; i++)
        if (strlen(rows[i].name) == len && !memcmp(line, rows[i].name, len)) {
            *(double *)(void *)((char *)into + rows[i].at) = v;
            return true;
        }
    return false;
}

bool estimator_path(const char *file, char *out, size_t size) {
    char folder[CACHE_PATH];
    const char *why;
    if (!cache_folder_find("estimator", folder, sizeof folder, &why)) return false;
    return snprintf(out, size, "%s/%s", folder, file) < (int)size;
}
bool kept_read(const char *file, const char *head, bool (*line)(void *user, const char *text), void *user,
               bool *there) {
    char path[CACHE_PATH], text[2048], *rest = NULL;
    *there = false;
    if (!estimator_path(file, path, sizeof path)) return false;
    FILE *f = fopen(path, "r");
    if (!f) return false;
    *there = true;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    if (strncmp(text, head, strlen(head)) || text[n - 1] != '\n') return false; /* the last line is whole */
    for (char *l = strtok_r(text + strlen(head), "\n", &rest); l; l = strtok_r(NULL, "\n", &rest))
        if (!line(user, l)) return false;
    return true;
}
bool kept_write(Diags *ds, const char *file, const Buf *text) {
    char path[CACHE_PATH];
    if (estimator_path(file, path, sizeof path)) return file_write_atomic(ds, (Span){0}, path, text->data, text->len);
    diag_help(diag_error(ds, "E440", (Span){0}, "there is no cache folder to keep the measurements in"),
              "name one in AMAL_CACHE");
    return false;
}
