/* compile.h: from C text to a loaded function, through the system's compiler and a cache on disk.
 *
 * Key: the text, the compiler's version line, the flags (with the target's, target.h), and the processor's feature
 * line: a kernel is never loaded where it was not made for. Cache: DIR/<key>.so written under a temporary name and
 * renamed, so that concurrent runs share it. DIR is kernels/ of the cache (backends/runtime/cache_folder.h). A kernel
 * is sealed with the hash of its bytes; a file that is not whole, or does not load, is never run but made again.
 *
 * The functions of a text are compiled side by side, on as many processors as there are. */
#ifndef AMAL_COMPILE_H
#define AMAL_COMPILE_H
#include "backends/backend.h"
#include "backends/c/abi.h"
#include "backends/c/target.h"

/* What an emitted function begins with, at the start of a line: the file's own (prelude.h), unless it is compiled in
 * units. */
#define COMPILE_FUNCTION "PASS void "

typedef struct Loaded {
    void *handle;
    int (*run)(AmalRt *);
    void (*const *passes)(void *, int, int); /* of a kernel that was emitted for profiles; NULL: of another */
    double seconds;
    bool cached;
    char path[4096];
} Loaded;
/* With o->sink the text is collected and nothing loaded. */
bool compile_load(Diags *ds, const char *name, const char *text, const CpuTarget *target, const BackendOptions *o,
                  Loaded *out); /* false: reported (E602, E603) */
/* Would compile_load find the text's kernel in the cache? */
bool compile_is_kept(const char *text, const CpuTarget *target, const BackendOptions *o);
void compile_release(Loaded *l);
bool compile_available(const char *cc, const char **why_not);
const char *compile_command(const BackendOptions *o); /* the compiler's command; o may be NULL */
/* Is there a kernel for f already: in the built program that runs, or in the cache? f is optimized, and may be on
 * phantom data. (c.c) */
bool c_is_compiled(IrFunc *f, const BackendOptions *o);
/* The flags that make position-independent code of a kernel: their number. */
enum { COMPILE_FLAGS = 16 };
int compile_flags(const CpuTarget *target, char **argv);
#endif
