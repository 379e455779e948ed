/* repl.h: `amal repl`: a session with a prompt, and commands that begin with a colon.
 *
 *   repl.c           input to statements and commands, until it ends
 *   repl_commands.c  the table of commands (repl.def), and those about the session
 *   repl_line.c      lines of input: the line editor, with repl_history.c, repl_complete.c and repl_paint.c
 *   repl_data.c      commands that look at sources and targets
 *   repl_plan.c      commands that look at programs */
#ifndef AMAL_REPL_H
#define AMAL_REPL_H
#include "compiler/session.h"

typedef struct Repl {
    Session *session;
    FILE *out, *err;
    bool interactive; /* input comes from a person at a terminal */
    bool colour;      /* that terminal shows colours */
    bool time_on, quit;
    bool failed; /* a statement or a command did */
} Repl;

typedef enum {
    REPL_NOTHING,
    REPL_BACKEND,
    REPL_COMMAND,
    REPL_DECLARED,
    REPL_DOCUMENTED,
    REPL_EXPRESSION,
    REPL_FILE,
    REPL_MODEL,
    REPL_NUMBER,
    REPL_PASS,
    REPL_RELATION,
    REPL_STRATEGY,
    REPL_SWITCH,
    REPL_TARGET
} ReplArgument;
typedef struct ReplCommand {
    const char *name;
    bool (*run)(Repl *r, const char *argument);
    const char *arguments;
    ReplArgument kind;
    const char *help;
} ReplCommand;
extern const ReplCommand repl_commands[];
extern const int repl_command_count;

bool repl_command(Repl *r, const char *line); /* a line that begins with a colon. false: it failed, which is said */
/* `name: …` on standard error; false, so that commands can return it. */
bool repl_wrong(Repl *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* `text` without the backquotes around it, in the arena; itself when it is not one quoted name. */
const char *repl_bare_name(Arena *a, const char *text);
/* The value of print and of bare expressions (ReportShow; user is the Repl). */
void repl_show(void *user, const char *expr, const Matrix *value, const char *const *row_names);
bool repl_first_rows(Repl *r, const char *name); /* of a source or a target */
/* A name alone, of a source, target or model, stands for a look at it; `help`, `quit` and `exit` for the commands, when
 * nothing has that name. false: it is none of them. */
bool repl_look(Repl *r, const char *text, size_t len, bool *ok);

#define REPL(name, function, arguments, kind, help) bool function(Repl *r, const char *argument);
#include "compiler/repl.def"
#undef REPL
#endif
