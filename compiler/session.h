/* session.h: a script that grows by statements: what the REPL runs, without its terminal.
 *
 * Declarations (source, target, tgd, key, match, split, algorithm, metric, param, option) hold for the whole session,
 * whatever their order; one of the same name takes the place of the earlier one. Steps (let, train, print …) run when
 * they are given and see the names that steps before them bound. Tables, targets and what steps bound stay; each has a
 * key of everything it was made of, so after a redefinition, or when a file changed, exactly what it bears on is made
 * again, when it is next used. A statement that fails leaves the session as it was.
 *
 * Results go to options.out, messages to options.err. */
#ifndef AMAL_SESSION_H
#define AMAL_SESSION_H
#include "compiler/driver.h"
#include "compiler/report.h"

typedef struct SessionOptions {
    RunOptions run; /* as on the command line; --set values count for params of files */
    FILE *out, *err;
    bool colour; /* of messages */
    int nwarnings;
    const char *const *warnings; /* -W options, known to be good */
    ReportShow show;             /* values; NULL: as `amal run` prints them */
    void *show_user;
} SessionOptions;

typedef struct Session Session;
typedef enum { SESSION_DONE, SESSION_FAILED, SESSION_INTERRUPTED } SessionResult;

Session *session_new(const SessionOptions *o);
void session_free(Session *s);
RunOptions *session_run_options(Session *s); /* :strategy and the like change them */

/* Finished statements, one after the other, or one expression, whose value is shown. They come from `label` (a file's
 * name, "input"), where their first line is number first_line. The result is the worst of them: one that fails does not
 * keep the next from running. */
SessionResult session_enter(Session *s, const char *label, int first_line, const char *text, size_t len);
/* Does the text stand for itself, as an expression over known functions? Then it is complete without a `;`. */
bool session_is_expression(const char *text, size_t len);
/* The statements of a file, paths relative to it: its declarations together, then its steps up to one that fails. */
SessionResult session_load(Session *s, const char *path);
/* Writes the session as a script in canonical form: declarations, then the steps that succeeded. */
SessionResult session_save(Session *s, const char *path);
/* Takes away what has this name: a source, target, tgd (by its label), algorithm, metric or param; or else the only
 * declaration whose canonical text begins so. false: there is none. */
bool session_drop(Session *s, const char *name);
void session_reset(Session *s); /* forgets everything; options stay */

/* All declarations resolved, as far as they can be; and every step that still holds, for names of models and values.
 * For completion: until the next statement. */
const Program *session_program(Session *s);
#endif
