/* repl_complete.h: what Tab offers: of commands their names and arguments, of statements what complete.h finds. */
#ifndef AMAL_REPL_COMPLETE_H
#define AMAL_REPL_COMPLETE_H
#include "compiler/complete.h"
#include "compiler/repl.h"

/* before: earlier lines of the statement. `begin` counts in text. In the arena. */
Completions repl_complete(Repl *r, Arena *arena, const char *before, const char *text, size_t cursor);
/* The candidates as they are listed below the line. */
void repl_list(FILE *out, const Completions *c, bool colour);
#endif
