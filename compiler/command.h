/* command.h: the command line: which commands and options there are (commands.def), what was given, and the ways out.
 *
 *   command.c             the table of commands: finds and calls one
 *   command_parse.c       the table of options, parsing, messages: without the commands, for built programs too
 *   command_options.c     the options' setters
 *   command_text.c        lines of help pages
 *   command_help.c        `amal help`, `amal CMD --help`, man pages, docs/commands.md
 *   command_completion.c  completions of the shells
 *   commands.c            the small commands; the others stand in files of their own
 *
 * Results go to standard output, progress and diagnostics to standard error. */
#ifndef AMAL_COMMAND_H
#define AMAL_COMMAND_H
#include "compiler/driver.h"
#include <limits.h>

enum { EXIT_WRONG = 1, EXIT_USAGE = 2, EXIT_MISSING = 3, EXIT_INTERNAL = 70, EXIT_INTERRUPTED = 130 };

typedef enum CommandKind {
    VALUE_NONE,
    VALUE_CHOICE,
    VALUE_COUNT,
    VALUE_FILE,
    VALUE_FOLDER,
    VALUE_TEXT,
    VALUE_PASS,
    VALUE_REWRITE
} CommandKind;

typedef enum CommandOption {
#define EXIT(code, text)
#define VARIABLE(name, text)
#define OPTION(id, name, value, kind, most, set, help) OPTION_##id,
#define COMMAND(name, function, arguments, least, most, help, options, exits, text)
#define RESERVED(name)
#include "compiler/commands.def"
    NOPTIONS
} CommandOption;

typedef struct Command Command;
typedef struct Invocation {
    const Command *command;
    RunOptions run;
    VEC(Setting) settings;
    VEC(const char *) warnings;
    VEC(const char *) arguments;
    const char *values[NOPTIONS]; /* what was given, the last time; NULL: nothing. Options without a value: "" */
    Arena *arena;
} Invocation;

typedef struct OptionRow {
    const char *id, *name, *value;
    CommandKind kind;
    int64_t most;
    int (*set)(Invocation *v, const char *value);
    const char *help;
} OptionRow;
struct Command {
    const char *name;
    int (*run)(Invocation *v);
    const char *arguments;
    int least, most;
    const char *help, *options, *exits, *text;
    const char *page; /* that lists its options; NULL: `amal help NAME` */
};
typedef struct ExitRow {
    int code;
    const char *text;
} ExitRow;
typedef struct VariableRow {
    const char *name, *text;
} VariableRow;

/* ---- command.c: the commands ---- */
extern const Command command_table[];
extern const VariableRow command_variables[];
extern const int command_count, command_variable_count;
const Command *command_by_name(const char *name);        /* NULL: there is none */
int command_invoke(Arena *arena, int argc, char **argv); /* the whole command line; its exit code */
/* Data of earlier runs are used, and kept, from here to the end of the command, unless --no-cache was given. */
void command_open_cache(Invocation *v, Diags *ds);
/* Opens the script that is the only argument (v->run.script from here on) with its --set values. NULL: reported in ds,
 * *code says with what to leave. */
Program *command_open(Invocation *v, Diags *ds, int *code);

/* ---- command_parse.c: the options ---- */
extern const OptionRow command_options[NOPTIONS];
extern const ExitRow command_exits[];
extern const int command_exit_count;
bool command_takes(const Command *c, CommandOption o); /* every command takes --help */
bool command_exits_with(const Command *c, const ExitRow *e);
bool command_list_has(const char *list, const char *word);      /* words separated by blanks */
const char *command_option_text(Arena *arena, CommandOption o); /* "--threads N", "-W[no-|error=]W123|error|none" */
int command_option_order(const CommandOption **order);          /* all by name; their number */
/* The i-th of a CHOICE's "a|b|c", in the arena; NULL: there are fewer. */
const char *command_choice(Arena *arena, CommandOption o, int i);
/* Options and arguments of argv[from …] for v->command. extra: looks at each option first; true: it was its own, with
 * *i moved to the last word taken and *code not 0 when it was wrong (said). 0, or EXIT_USAGE: said. */
typedef bool (*CommandExtra)(Invocation *v, void *user, int argc, char **argv, int *i, int *code);
int command_parse(Invocation *v, int argc, char **argv, int from, CommandExtra extra, void *user);
void command_name_program(const char *name); /* what messages begin with; amal unless said */
void command_usage_to(FILE *out);            /* where they go; standard error unless said (NULL) */
/* `amal: …` on standard error; EXIT_USAGE. */
int command_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const char *command_value(const Invocation *v, CommandOption o); /* of an option without a setter; NULL: not given */
/* A new collection of diagnostics with the -W options applied. NULL: an option is unknown, said (EXIT_USAGE). */
Diags *command_diags(Invocation *v);
/* Prints the diagnostics after standard output was flushed; the exit code: `code`, or 1 when there were errors. */
int command_finish(Diags *ds, int code);
bool command_colour(void); /* may standard error be coloured? */

/* ---- command_text.c ---- */
enum { COMMAND_PAGE_WIDTH = 80 };
/* Words of `text` up to `width` columns, each line after `indent` blanks; the first line goes on at column `at`. An
 * empty line separates paragraphs. */
void command_wrap(Buf *out, const char *text, int at, int indent, int width);
/* `left` in a column of its own and what it means beside it, or below where it is too long. */
void command_entry(Buf *out, const char *left, int room, const char *text);

/* ---- command_help.c, command_completion.c: pages, in `out` ---- */
void command_page(Buf *out, const Command *c); /* NULL: `amal help` */
void command_man(Buf *out, const Command *c);  /* NULL: amal.1 */
void command_markdown(Buf *out);
bool command_completion(Buf *out, const char *shell); /* false: the shell is not known */

#define EXIT(code, text)
#define VARIABLE(name, text)
#define OPTION(id, name, value, kind, most, set, help)
#define COMMAND(name, function, arguments, least, most, help, options, exits, text) int function(Invocation *v);
#define RESERVED(name)
#include "compiler/commands.def"
#endif
