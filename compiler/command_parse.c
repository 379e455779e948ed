/* command_parse.c: the options of commands.def: reads them from a command line, for any Command (contract: command.h).
 * Stands apart from the table of commands, so that a program that `amal build` makes has the one without the other. */
#include "compiler/command.h"
#include "compiler/command_options.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define EXIT(code, text)
#define VARIABLE(name, text)
#define OPTION(id, name, value, kind, most, set, help) {#id, name, value, VALUE_##kind, most, set, help},
#define COMMAND(name, function, arguments, least, most, help, options, exits, text)
#define RESERVED(name)
const OptionRow command_options[NOPTIONS] = {
#include "compiler/commands.def"
};
#define EXIT(code, text) {code, text},
#define VARIABLE(name, text)
#define OPTION(id, name, value, kind, most, set, help)
#define COMMAND(name, function, arguments, least, most, help, options, exits, text)
#define RESERVED(name)
const ExitRow command_exits[] = {
#include "compiler/commands.def"
};
const int command_exit_count = sizeof command_exits / sizeof *command_exits;

bool command_list_has(const char *list, const char *word) {
    size_t n = strlen(word);
    for (const char *p = list; *p; p += strspn(p, " ")) {
        size_t len = strcspn(p, " ");
        if (len == n && memcmp(p, word, n) == 0) return true;
        p += len;
    }
    return false;
}

bool command_takes(const Command *c, CommandOption o) {
    return o == OPTION_help || command_list_has(c->options, command_options[o].id);
}

bool command_exits_with(const Command *c, const ExitRow *e) {
    char code[16];
    snprintf(code, sizeof code, "%d", e->code);
    return command_list_has(c->exits, code);
}

const char *command_option_text(Arena *arena, CommandOption o) {
    const OptionRow *r = &command_options[o];
    if (!r->value) return r->name;
    /* the value of -W is written at once, that of words and of -o after a blank */
    return arena_printf(arena, "%s%s%s", r->name, o == OPTION_warning ? "" : " ", r->value);
}

static int by_name(const void *a, const void *b) {
    const char *x = command_options[*(const CommandOption *)a].name,
               *y = command_options[*(const CommandOption *)b].name;
    bool short_x = x[1] != '-', short_y = y[1] != '-';
    if (short_x != short_y) return short_x ? 1 : -1;
    return strcmp(x, y);
}

int command_option_order(const CommandOption **order) {
    static CommandOption sorted[NOPTIONS];
    for (int i = 0; i < NOPTIONS; i++) sorted[i] = (CommandOption)i;
    qsort(sorted, NOPTIONS, sizeof *sorted, by_name);
    *order = sorted;
    return NOPTIONS;
}

const char *command_choice(Arena *arena, CommandOption o, int i) {
    const char *p = command_options[o].value;
    for (; i > 0; i--) {
        p = strchr(p, '|');
        if (!p) return NULL;
        p++;
    }
    return arena_strndup(arena, p, strcspn(p, "|"));
}

/* ---------------- what commands use ---------------- */

static const char *program_name = "amal";

void command_name_program(const char *name) {
    program_name = name;
}

static FILE *messages; /* NULL: standard error */

void command_usage_to(FILE *out) {
    messages = out;
}

int command_usage(const char *fmt, ...) {
    FILE *out = messages ? messages : stderr;
    va_list ap;
    va_start(ap, fmt);
    fprintf(out, "%s: ", program_name);
    vfprintf(out, fmt, ap);
    fputs("\n", out);
    va_end(ap);
    return EXIT_USAGE;
}

const char *command_value(const Invocation *v, CommandOption o) {
    AMAL_CHECK(command_takes(v->command, o));
    return v->values[o];
}

bool command_colour(void) {
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDERR_FILENO) && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

Diags *command_diags(Invocation *v) {
    Diags *ds = diags_new(v->arena);
    for (int i = 0; i < v->warnings.len; i++)
        if (!diag_set_warning(ds, v->warnings.data[i])) {
            command_usage("-W%s is not known; write -WW123, -Wno-W123, -Werror=W123, -Werror or -Wnone",
                          v->warnings.data[i]);
            return NULL;
        }
    return ds;
}

int command_finish(Diags *ds, int code) {
    fflush(stdout);
    diag_print(ds, stderr, command_colour());
    if (code == 0 && diag_error_count(ds) > 0) return EXIT_WRONG;
    return code;
}

/* ---------------- parsing ---------------- */

static bool count_of(const char *text, int64_t most) {
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && errno == 0 && n > 0 && n <= most;
}

static int set_option(Invocation *v, CommandOption o, const char *value) {
    const OptionRow *r = &command_options[o];
    if (r->kind == VALUE_COUNT && !count_of(value, r->most)) {
        if (r->most == INT64_MAX) return command_usage("%s %s: a whole number, 1 or more, is wanted", r->name, value);
        return command_usage("%s %s: a number from 1 to %lld is wanted", r->name, value, (long long)r->most);
    }
    bool known = r->kind != VALUE_CHOICE;
    const char *names[16], *choice;
    int n = 0;
    for (; !known && n < 16 && (choice = command_choice(v->arena, o, n)); n++)
        known = strcmp(names[n] = choice, value) == 0;
    if (!known) {
        const char *near = text_nearest(value, names, n);
        if (near) return command_usage("%s %s is not known; did you mean %s?", r->name, value, near);
        return command_usage("%s %s is not known: %s", r->name, value, r->value);
    }
    v->values[o] = value ? value : "";
    return r->set ? r->set(v, value) : 0;
}

static int unknown_option(Invocation *v, const char *given) {
    const char *names[NOPTIONS], *elsewhere = NULL;
    int n = 0;
    for (int o = 0; o < NOPTIONS; o++) {
        if (command_takes(v->command, (CommandOption)o))
            names[n++] = command_options[o].name;
        else if (strcmp(command_options[o].name, given) == 0)
            elsewhere = given;
    }
    const char *near = elsewhere ? NULL : text_nearest(given, names, n), *name = v->command->name;
    if (near) return command_usage("there is no option %s; did you mean %s?", given, near);
    const char *page = v->command->page ? v->command->page : arena_printf(v->arena, "amal help %s", name);
    if (elsewhere) return command_usage("%s takes no %s; `%s` lists its options", name, given, page);
    return command_usage("there is no option %s; `%s` lists them", given, page);
}

/* The option at argv[*i]; *i moves to the last word that was taken. */
static int option_at(Invocation *v, int argc, char **argv, int *i) {
    const char *a = argv[*i], *eq = strchr(a, '=');
    size_t len = eq ? (size_t)(eq - a) : strlen(a);
    for (int o = 0; o < NOPTIONS; o++) {
        const OptionRow *r = &command_options[o];
        if (!command_takes(v->command, (CommandOption)o)) continue;
        bool letter = r->name[1] != '-' && r->value && strncmp(a, r->name, 2) == 0;
        if (letter && a[2] && a[2] != '=') return set_option(v, (CommandOption)o, a + 2); /* -Wnone */
        if (strlen(r->name) != len || memcmp(r->name, a, len) != 0) continue;
        if (!r->value) return eq ? command_usage("%s takes no value", r->name) : set_option(v, (CommandOption)o, NULL);
        if (eq) return set_option(v, (CommandOption)o, eq + 1);
        if (*i + 1 >= argc)
            return command_usage("%s wants a value: %s", r->name, command_option_text(v->arena, (CommandOption)o));
        return set_option(v, (CommandOption)o, argv[++*i]);
    }
    if (strcmp(a, "-h") == 0) return set_option(v, OPTION_help, NULL);
    return unknown_option(v, arena_strndup(v->arena, a, len));
}

int command_parse(Invocation *v, int argc, char **argv, int from, CommandExtra extra, void *user) {
    bool only_arguments = false;
    for (int i = from; i < argc; i++) {
        if (!only_arguments && strcmp(argv[i], "--") == 0) {
            only_arguments = true;
        } else if (only_arguments || argv[i][0] != '-' || !argv[i][1]) {
            vec_push(v->arena, &v->arguments, argv[i]);
        } else {
            int code = 0;
            if (extra && extra(v, user, argc, argv, &i, &code)) {
                if (code) return code;
                continue;
            }
            code = option_at(v, argc, argv, &i);
            if (code) return code;
        }
    }
    return 0;
}
