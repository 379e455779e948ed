/* kept.h: measurements as small texts in the folder estimator/ of the cache: a first line that says what it is, then
 * lines "name value". */
#ifndef AMAL_KEPT_H
#define AMAL_KEPT_H
#include "compiler/diag.h"
#include <stddef.h>

/* A double of what is kept: where it stands there. */
typedef struct KeptNumber {
    const char *name;
    size_t at;
} KeptNumber;
/* All of them as lines; one such line into `into`, false: it is none. */
void kept_print(Buf *out, const KeptNumber *rows, int n, const void *from);
bool kept_number(const KeptNumber *rows, int n, void *into, const char *line);

/* Where the estimator keeps what it measured: `file` in that folder. false: there is no cache. */
bool estimator_path(const char *file, char *out, size_t size);
/* Gives the file's lines after the first, which is `head`, to `line`. false: it is not there, or (*there) begins
 * otherwise, or `line` refused one. */
bool kept_read(const char *file, const char *head, bool (*line)(void *user, const char *text), void *user, bool *there);
/* false: reported (E440). */
bool kept_write(Diags *ds, const char *file, const Buf *text);
#endif
