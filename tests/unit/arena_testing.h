/* arena_testing.h: an arena and diagnostics anew for each test. */
#ifndef AMAL_ARENA_TESTING_H
#define AMAL_ARENA_TESTING_H
#include "compiler/diag.h"

static Arena *arena;
static Diags *ds;

static inline int setup(void **state) {
    (void)state;
    arena = arena_new();
    ds = diags_new(arena);
    return 0;
}
static inline int teardown(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}
#endif
