/* guard.c: see guard.h. */
#include "compiler/guard.h"
#include "backends/runtime/table.h"
#include "compiler/command.h"
#include <pthread.h>
#include <setjmp.h>
#include <unistd.h>

static jmp_buf way_out;
static pthread_t main_thread;

static void out_of_memory(size_t bytes) {
    fprintf(stderr, "error[E902]: out of memory: %zu bytes could not be had\n", bytes);
    fputs("help: close other programs, or give the script less data; `amal explain E902` says more\n", stderr);
    if (!pthread_equal(pthread_self(), main_thread)) { /* only the main thread may jump to its frame */
        file_cleanup_temporaries();
        _exit(EXIT_INTERNAL);
    }
    longjmp(way_out, 1);
}

static void internal_failure(void) {
    file_cleanup_temporaries();
    _exit(EXIT_INTERNAL);
}

int guard_program(int (*body)(Arena *arena, int argc, char **argv, const void *user), int argc, char **argv,
                  const void *user) {
    main_thread = pthread_self();
    mem_on_exhaustion(out_of_memory);
    diag_on_internal_error(internal_failure);
    interrupt_install();
    if (setjmp(way_out)) {
        file_cleanup_temporaries();
        return EXIT_INTERNAL;
    }
    Arena *arena = arena_new();
    int code = body(arena, argc, argv, user);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        command_usage("standard output could not be written");
        if (code == 0) code = EXIT_WRONG;
    }
    arena_free(arena);
    return code;
}
