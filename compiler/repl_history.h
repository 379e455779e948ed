/* repl_history.h: the statements of earlier sessions.
 *
 * The file is $XDG_STATE_HOME/amal/history, or ~/.local/state/amal/history: an entry a line, `\n` for the line ends in
 * it and `\\` for a backslash. Entries are appended one by one, so that sessions side by side keep them all; when there
 * are many more than HISTORY_MOST the file is written anew with the last ones. A file that cannot be read or written is
 * said once, and the session goes on without. */
#ifndef AMAL_REPL_HISTORY_H
#define AMAL_REPL_HISTORY_H
#include "compiler/base.h"

enum { HISTORY_MOST = 2000 };
/* NULL: there is no home to keep it in. */
const char *history_path(Arena *arena);
/* Calls `entry` for each, oldest first. false: *why says what went wrong; a file that is not there is empty. */
bool history_read(const char *path, void (*entry)(void *user, const char *text), void *user, const char **why);
bool history_append(const char *path, const char *text, const char **why);
#endif
