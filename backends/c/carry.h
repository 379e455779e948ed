/* carry.h: kernels that a program carries instead of compiling them, and the texts of those that a build collects. */
#ifndef AMAL_CARRY_H
#define AMAL_CARRY_H
#include "compiler/base.h"
#include "compiler/carried.h"

/* Emitted text has no strings, so that what stands between slash and star is a comment. */
void carry_hash(const char *text, uint64_t hash[2]);

/* Texts of kernels in order of first appearance, each once. In the arena. */
typedef struct KernelText {
    const char *name, *text;
    uint64_t hash[2];
} KernelText;
typedef struct KernelSink {
    Arena *arena;
    VEC(KernelText) kernels;
} KernelSink;
void carry_add(KernelSink *sink, const char *name, const char *text);

/* How a carried program came by a kernel. */
typedef enum CarriedOutcome {
    CARRIED_THERE,   /* it was in the program */
    CARRIED_ABSENT,  /* the data have other sizes than when it was built: not in the program */
    CARRIED_FOREIGN, /* in the program, but this processor lacks what it needs, or it is for other GPUs */
} CarriedOutcome;
/* The kernel of this text; NULL: *outcome says why it cannot be used. */
int (*carry_find(const AmalProgram *p, const char *text, CarriedOutcome *outcome))(struct AmalRt *);
/* The code of this CUDA text for a device: made for its generation, or PTX. NULL: *outcome says why there is none
 * (CARRIED_FOREIGN: there is code for other devices). */
const AmalImage *carry_image(const AmalProgram *p, const char *text, int major, int minor, CarriedOutcome *outcome);
/* The first word of `needs` that this processor lacks, in `word`; false: it has all. */
bool carry_lacks(const char *needs, char *word, size_t size);

/* What gcc and clang define for a processor's features, and their names in /proc/cpuinfo: for the text of `needs`. */
extern const char carry_needs_c[]; /* C that defines `const char amal_needs[]`, compiled as the kernels are */
#endif
