/* cache_folder.h: where amal keeps what a later run can use again.
 *
 * One root: $AMAL_CACHE, else $XDG_CACHE_HOME/amal, else ~/.cache/amal; below it kernels/ (compiled code), compilers/
 * (what compilers said of themselves) and data/ (tables and joins as they are in memory). Code is loaded from there and
 * data are believed, so a folder must belong to the user and be writable by nobody else. */
#ifndef AMAL_CACHE_FOLDER_H
#define AMAL_CACHE_FOLDER_H
#include "compiler/diag.h"

enum { CACHE_PATH = 2048 };
/* The root as the environment names it; false: none is named ($HOME is not set). */
bool cache_root(char *out, size_t size);
/* Makes the folder `sub` of the root when it is missing. false: *why says what is wrong with `out`. */
bool cache_folder_find(const char *sub, char *out, size_t size, const char **why);
/* The same; where the root cannot be used, a folder below /tmp, which is said (W603). false: none can be used; `out`
 * is the last one tried. */
bool cache_folder_open(Diags *ds, const char *sub, char *out, size_t size);
/* Makes a folder and those it stands in. false: errno says why. */
bool cache_folder_make(const char *path);
#endif
