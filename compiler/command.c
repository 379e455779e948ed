/* command.c: parses the command line by the table of commands.def and calls the command (contract: command.h). */
#include "backends/runtime/cache.h"
#include "compiler/command.h"
#include "compiler/script.h"
#include <stdlib.h>

/* ---------------- the table ---------------- */

#define EXIT(code, text)
#define VARIABLE(name, text)
#define OPTION(id, name, value, kind, most, set, help)
#define COMMAND(name, function, arguments, least, most, help, options, exits, text)                                    \
    {#name, function, arguments, least, most, help, options, exits, text, NULL},
#define RESERVED(name)
const Command command_table[] = {
#include "compiler/commands.def"
};
const int command_count = sizeof command_table / sizeof *command_table;
#define EXIT(code, text)
#define VARIABLE(name, text) {#name, text},
#define OPTION(id, name, value, kind, most, set, help)
#define COMMAND(name, function, arguments, least, most, help, options, exits, text)
#define RESERVED(name)
const VariableRow command_variables[] = {
#include "compiler/commands.def"
};
const int command_variable_count = sizeof command_variables / sizeof *command_variables;
#define EXIT(code, text)
#define VARIABLE(name, text)
#define OPTION(id, name, value, kind, most, set, help)
#define COMMAND(name, function, arguments, least, most, help, options, exits, text)
#define RESERVED(name) #name,
static const char *const reserved[] = {
#include "compiler/commands.def"
    NULL};

const Command *command_by_name(const char *name) {
    for (int i = 0; i < command_count; i++)
        if (strcmp(command_table[i].name, name) == 0) return &command_table[i];
    return NULL;
}

/* ---------------- what commands use ---------------- */

void command_open_cache(Invocation *v, Diags *ds) {
    Cache *c = arena_new_of(v->arena, Cache);
    cache_open(c, ds, !v->run.no_cache);
    cache_use(c);
}

Program *command_open(Invocation *v, Diags *ds, int *code) {
    command_open_cache(v, ds);
    v->run.script = v->arguments.data[0];
    v->run.nsettings = v->settings.len;
    v->run.settings = v->settings.data;
    Program *p = script_open(v->arena, ds, v->run.script, v->run.nsettings, v->run.settings);
    *code = 0;
    if (p && diag_error_count(ds) == 0) return p;
    const char *last = diag_last_code(ds);
    *code = command_finish(ds, interrupt_requested()                 ? EXIT_INTERRUPTED
                               : last && strncmp(last, "E6", 2) == 0 ? EXIT_MISSING
                                                                     : EXIT_WRONG);
    return NULL;
}

static int unknown_command(const char *given) {
    const char *names[64];
    int n = 0;
    for (const char *const *r = reserved; *r; r++)
        if (strcmp(*r, given) == 0)
            return command_usage("%s is not built into version " AMAL_VERSION " yet; `amal help` lists what is", given);
    AMAL_CHECK(command_count < 64);
    for (; n < command_count; n++) names[n] = command_table[n].name;
    size_t len = strlen(given);
    if (len > 5 && strcmp(given + len - 5, ".amal") == 0)
        return command_usage("there is no command %s; did you mean: amal run %s?", given, given);
    const char *near = text_nearest(given, names, n);
    if (near) return command_usage("there is no command %s; did you mean %s?", given, near);
    return command_usage("there is no command %s; `amal help` lists them", given);
}

static int wrong_arguments(const Invocation *v) {
    const Command *c = v->command;
    const char *form = arena_printf(v->arena, "amal %s%s%s", c->name, *c->arguments ? " " : "", c->arguments);
    if (c->most == 0) return command_usage("%s takes no arguments: %s", c->name, form);
    if (v->arguments.len < c->least) return command_usage("%s wants an argument: %s", c->name, form);
    return command_usage("%s takes at most %d argument%s, not %d: %s", c->name, c->most, c->most == 1 ? "" : "s",
                         v->arguments.len, form);
}

int command_invoke(Arena *arena, int argc, char **argv) {
    Invocation *v = arena_new_of(arena, Invocation);
    v->arena = arena;
    v->run.passes.dump_to = stderr;
    const char *check = getenv("AMAL_VERIFY"), *name = argc > 1 ? argv[1] : "--help";
    v->run.passes.verify = check && *check;
    if (strcmp(name, "--version") == 0) {
        puts("amal " AMAL_VERSION);
        return 0;
    }
    bool asked = strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0;
    v->command = command_by_name(asked ? "help" : name);
    if (!v->command) return unknown_command(name);
    int wrong = command_parse(v, argc, argv, 2, NULL, NULL);
    if (wrong) return wrong;
    if (v->values[OPTION_help]) {
        Buf page = {0};
        command_page(&page, v->command);
        fwrite(page.data, 1, page.len, stdout);
        buf_free(&page);
        return 0;
    }
    if (v->arguments.len < v->command->least || v->arguments.len > v->command->most) return wrong_arguments(v);
    int code = v->command->run(v);
    if (cache_current()) cache_close(cache_current());
    cache_use(NULL);
    return argc < 2 ? EXIT_USAGE : code;
}
