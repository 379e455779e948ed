/* guard.h: runs the whole of a program with the ways out that are not returns: memory exhausted, an impossible state,
 * ctrl-C. Only for what has a main() of its own. */
#ifndef AMAL_GUARD_H
#define AMAL_GUARD_H
#include "compiler/base.h"

/* body's exit code; 70 when it broke off; 1 when it was 0 and standard output could not be written. The arena lives as
 * long as the call. */
int guard_program(int (*body)(Arena *arena, int argc, char **argv, const void *user), int argc, char **argv,
                  const void *user);
#endif
