/* main.c: the program amal. What it does is in command.c and the rows of commands.def. */
#include "backends/runtime/kernels.h"
#include "compiler/command.h"
#include "compiler/guard.h"

static int body(Arena *arena, int argc, char **argv, const void *user) {
    (void)user;
    return command_invoke(arena, argc, argv);
}

int main(int argc, char **argv) {
    kernel_blas_own();
    return guard_program(body, argc, argv, NULL);
}
