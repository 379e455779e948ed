/* compiler.h: the C compiler of the system as a program: its command, what it says of itself, one run of it. */
#ifndef AMAL_COMPILER_H
#define AMAL_COMPILER_H
#include "compiler/diag.h"

/* CC may name arguments too: `ccache gcc`, `gcc -m64`. Words of `cc`, kept in `words`; their number. */
enum { CC_WORDS = 16, CC_LENGTH = 1024 };
int compiler_words(const char *cc, char *words, char **argv);
/* A compiler at work, so that several can be: started, then waited for, in any order. */
typedef struct CompilerRun {
    long process; /* 0: it could not be started */
    int said;     /* reads its standard error and output */
} CompilerRun;
void compiler_start(char *const *argv, CompilerRun *run);
/* Waits; the first `most - 1` bytes of what it said are kept in `said`. Returns the exit status, -1 when it could not
 * be started, -2 when ctrl-C (which reaches it too) or a request to end stopped it. */
int compiler_finish(CompilerRun *run, char *said, size_t most);
int compiler_run(char *const *argv, char *said, size_t most); /* both */
/* The first 511 bytes of what `cc --version` says; false: it cannot be started or fails. It is asked once and then
 * remembered on disk, under the names, places, sizes and times of every file that the command's words can mean; a
 * script in their place is asked each time, since what it starts is not known. */
enum { COMPILER_VERSION = 512 };
bool compiler_version(const char *cc, char version[COMPILER_VERSION]);
/* What a kernel depends on besides its text and flags: the compiler, and the processor that -march=native means. */
void compiler_identity(const char *cc, Buf *out);
#endif
