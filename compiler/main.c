/* main.c: the program: the ways out that are not returns. What it does is in command.c and the rows of commands.def. */
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

int main(int argc, char **argv) {
    main_thread = pthread_self();
    mem_on_exhaustion(out_of_memory);
    diag_on_internal_error(internal_failure);
    interrupt_install();
    if (setjmp(way_out)) {
        file_cleanup_temporaries();
        return EXIT_INTERNAL;
    }
    Arena *arena = arena_new();
    int code = command_invoke(arena, argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("amal: standard output could not be written\n", stderr);
        if (code == 0) code = EXIT_WRONG;
    }
    arena_free(arena);
    return code;
}
