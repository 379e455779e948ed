/* program_internal.h: what program_main.c (a built program) and program_library.c (a built library) share. */
#ifndef AMAL_PROGRAM_INTERNAL_H
#define AMAL_PROGRAM_INTERNAL_H
#include "compiler/carried.h"
#include "compiler/command.h"

typedef struct ProgramCall {
    const AmalProgram *program;
    Command command;
    Invocation invocation;
    VEC(const Stmt *) params; /* of the script, in order */
} ProgramCall;
/* A call with `options` (names of rows OPTION) and the params of the script, before anything was given. In the arena.
 */
ProgramCall *program_call_new(Arena *arena, const AmalProgram *p, const char *options);
/* Reads argv[from …]. 0, or EXIT_USAGE: said. */
int program_call_parse(ProgramCall *call, int argc, char **argv, int from);
/* Is the param an option of its own, or only for --set? */
bool program_param_is_option(const ProgramCall *call, const Stmt *param);
/* Opens the script with what was given, its paths relative to `folder`. NULL: reported. */
Program *program_call_open(ProgramCall *call, Diags *ds, const char *folder);
#endif
