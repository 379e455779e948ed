/* carried.h: what a program that `amal build` made carries: its script, the columns that were inferred, and compiled
 * kernels, for the processor and, where it was built for one, for GPUs. The C that amal writes for such a program
 * begins with the text of this file, so it stands on its own.
 *
 * A kernel is found by the hash of the text it was compiled from: data of other sizes than the build's give other text,
 * and then it is not found (compile.h says what happens). */
#ifndef AMAL_CARRIED_H
#define AMAL_CARRIED_H
#include <stddef.h>
#include <stdint.h>

struct AmalRt;
typedef struct AmalFile {
    const char *path, *text;
} AmalFile;
typedef struct AmalKernel {
    uint64_t hash[2]; /* of the text */
    int (*run)(struct AmalRt *rt);
} AmalKernel;
typedef struct AmalImage {
    uint64_t hash[2]; /* of the CUDA text */
    int arch;         /* 80, 90: compute capability times ten */
    int ptx; /* not 0: PTX, which the driver compiles for devices of this capability and later; ends with a 0 */
    const char *bytes;
    size_t size;
} AmalImage;
typedef struct AmalProgram {
    const char *name;        /* of the program */
    const char *script;      /* the script's file name, for messages */
    const char *text;        /* the script */
    const AmalFile *files;   /* the scripts that it uses, by their paths from its folder; ends with {NULL, NULL} */
    const AmalFile *library; /* the standard library when it was not amal's own; NULL otherwise */
    const char *schemas;     /* sources of which it declares no columns, with those found when it was built */
    const char *needs;       /* what the kernels need of the processor, as /proc/cpuinfo names it, after blanks */
    int lanes, registers;    /* of the processor that they were emitted for: doubles in a vector, vectors */
    const AmalKernel *kernels;
    int nkernels;
    const AmalImage *images;
    int nimages;
    const char *backend; /* that it was built for; NULL: as the script says */
} AmalProgram;

/* A program of its own: options, run, report. The exit code. */
int amal_program_main(const AmalProgram *p, int argc, char **argv);

/* A library: train, predict, parameters (docs/building.md). Each returns 0 or an exit code of amal, and amal_message()
 * says what was wrong, or what there is to say besides, in the calling thread's last call. */
typedef struct AmalModel AmalModel;
int amal_library_train(const AmalProgram *p, const char *data, const char *const *settings, AmalModel **model);
int amal_library_predict(AmalModel *m, const char *model, const char *target, const char *data, const double **values,
                         size_t *rows, size_t *columns);
int amal_library_parameter(AmalModel *m, const char *name, const double **values, size_t *rows, size_t *columns);
const char *amal_library_message(void);
void amal_library_free(AmalModel *m);
#endif
