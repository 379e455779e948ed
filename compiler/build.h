/* build.h: `amal build`: from a script and data to a program or a library that needs neither amal nor a compiler.
 *
 *   build.c       the command: what is to be made, a rehearsal that collects the kernels, what is said at the end
 *   build_images.c  code for GPUs
 *   build_emit.c  the C of the program: its script, its table of kernels, its main() or exported functions
 *   build_link.c  compiles and links, under a temporary name
 *
 * A program is the whole of libamal.a with the script's text and its kernels (carried.h). The same script, data,
 * options, compiler and amal give the same bytes. */
#ifndef AMAL_BUILD_H
#define AMAL_BUILD_H
#include "backends/c/carry.h"
#include "backends/c/target.h"
#include "compiler/program.h"

typedef struct BuildImage { /* AmalImage, on the heap of the build */
    uint64_t hash[2];
    int arch;
    bool ptx;
    char *bytes;
    size_t size;
} BuildImage;
typedef struct Build {
    Arena *arena;
    Diags *diags;
    const char *name;   /* of the program; of a library a C identifier */
    const char *output; /* path */
    const char *header; /* path of a library's header; NULL: a program */
    const char *keep;   /* folder for the C; NULL: not wanted */
    CpuTarget target;
    bool native;       /* for processors like this one */
    const char *level; /* otherwise: which, in words */
    bool own_library;  /* AMAL_STDLIB stood in for the standard library */
    KernelSink kernels, cuda;
    const char *backend;    /* that it runs on unless told otherwise; NULL: as the script says */
    bool gpu;               /* with code for GPUs */
    VEC(int) archs;         /* of GPUs: 80, 90 */
    VEC(BuildImage) images; /* of each text in `cuda`, one for each architecture, and PTX */
    Program *program;
    const char *script; /* file name without its folder */
} Build;

/* ---- build_images.c ---- */
/* archs: of --gpu-arch, or NULL. false: reported (E622, E626). */
bool build_images_ready(Build *b, const char *archs);
bool build_images(Build *b); /* compiles what was collected; false: reported */
/* The file of all their bytes, and the C of their table, which takes that file in. */
#define BUILD_IMAGES_FILE "images.bin"
void build_images_bytes(const Build *b, Buf *out);
void build_images_c(const Build *b, Buf *out);

/* ---- build_emit.c ---- */
void build_emit_program(const Build *b, Buf *out);
void build_emit_header(const Build *b, Buf *out);

/* ---- build_link.c ---- */
/* Is there what linking needs, and can the outputs be written? Before any work. false: reported (E440, E602, E604). */
bool build_link_ready(const Build *b);
/* Writes b->output. false: reported. */
bool build_link(const Build *b);
#endif
