/* target.h: the processor that emitted code is made for. The one place that knows how wide its vectors are: text and
 * compiler flags follow from it, and both are part of a kernel's key.
 *
 * The machine's own processor, unless AMAL_TARGET names another that it can run: x86-64 (SSE2), x86-64-v3 (AVX2) or
 * x86-64-v4 (AVX-512). `native` and the empty string mean the machine. */
#ifndef AMAL_TARGET_H
#define AMAL_TARGET_H
#include "compiler/diag.h"

enum { TARGET_FLAGS = 2 };
typedef struct CpuTarget {
    const char *flags[TARGET_FLAGS]; /* of the compiler; NULL: no more */
    int lanes;                       /* doubles in a vector: 8, 4 or 2 */
    int registers;                   /* for vectors */
    bool parts;                      /* reads the first numbers of a vector, and nothing beyond (prelude.h: part8) */
} CpuTarget;
bool target_find(Diags *ds, CpuTarget *out); /* false: AMAL_TARGET names none (E602) */
/* By name, in any of the forms above or `portable`, the least of them. false: there is none on this kind of processor.
 */
bool target_named(const char *name, CpuTarget *out);
#endif
