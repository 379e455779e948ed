/* program_call.c: what a built program is called with: its script's params as options, and those of a run (contract:
 * program_internal.h). A param `lambda` is the option --lambda; one whose name an option has already, or that is no
 * word, is set by --set alone. */
#include "compiler/program_internal.h"
#include "compiler/script.h"
#include <stdlib.h>

static bool option_named(const Command *c, const char *name) {
    for (int o = 0; o < NOPTIONS; o++)
        if (command_takes(c, (CommandOption)o) && strncmp(command_options[o].name, "--", 2) == 0 &&
            strcmp(command_options[o].name + 2, name) == 0)
            return true;
    return strcmp(name, "version") == 0;
}

static bool is_word(const char *name) {
    for (; *name; name++)
        if (strchr(" =\t\n", *name)) return false;
    return true;
}

bool program_param_is_option(const ProgramCall *call, const Stmt *param) {
    const char *name = param->let.name.text;
    return !option_named(&call->command, name) && is_word(name);
}

/* No option, but nearly a param: said. */
static bool misspelt_param(const ProgramCall *call, const char *given, int *code) {
    const Invocation *v = &call->invocation;
    const char **names = arena_array(v->arena, const char *, call->params.len + NOPTIONS);
    int n = 0;
    for (int k = 0; k < call->params.len; k++)
        if (program_param_is_option(call, call->params.data[k]))
            names[n++] = arena_printf(v->arena, "--%s", call->params.data[k]->let.name.text);
    int nparams = n;
    for (int o = 0; o < NOPTIONS; o++)
        if (command_takes(v->command, (CommandOption)o)) names[n++] = command_options[o].name;
    const char *near = text_nearest(given, names, n);
    for (int k = 0; near && k < nparams; k++)
        if (near == names[k]) {
            *code = command_usage("there is no option %s; did you mean %s?", given, near);
            return true;
        }
    return false;
}

/* --lambda 0.5 and --lambda=0.5. */
static bool param_option(Invocation *v, void *user, int argc, char **argv, int *i, int *code) {
    const ProgramCall *call = user;
    const char *a = argv[*i];
    if (strncmp(a, "--", 2) != 0) return false;
    size_t len = strcspn(a + 2, "=");
    for (int k = 0; k < call->params.len; k++) {
        const char *name = call->params.data[k]->let.name.text, *value = a[2 + len] ? a + 3 + len : NULL;
        if (strlen(name) != len || memcmp(name, a + 2, len) != 0 ||
            !program_param_is_option(call, call->params.data[k]))
            continue;
        if (!value && *i + 1 >= argc) {
            *code = command_usage("--%s wants a value", name);
            return true;
        }
        if (!value) value = argv[++*i];
        vec_push(v->arena, &v->settings, ((Setting){name, value}));
        return true;
    }
    return misspelt_param(call, arena_strndup(v->arena, a, len + 2), code);
}

ProgramCall *program_call_new(Arena *arena, const AmalProgram *p, const char *options) {
    ProgramCall *call = arena_new_of(arena, ProgramCall);
    const char *check = getenv("AMAL_VERIFY");
    call->program = p;
    call->command = (Command){.name = p->name,
                              .arguments = "",
                              .options = options,
                              .exits = "0 1 2 3 70 130",
                              .page = arena_printf(arena, "%s --help", p->name)};
    call->invocation.arena = arena;
    call->invocation.command = &call->command;
    call->invocation.run.script = p->script;
    call->invocation.run.carried = p;
    call->invocation.run.backend = p->backend;
    call->invocation.run.passes.dump_to = stderr;
    call->invocation.run.passes.verify = check && *check;
    const Script *s = script_parse_carried(arena, diags_new(arena), p);
    for (int i = 0; i < s->stmts.len; i++)
        if (s->stmts.data[i]->kind == ST_PARAM) vec_push(arena, &call->params, (const Stmt *)s->stmts.data[i]);
    command_name_program(p->name);
    return call;
}

int program_call_parse(ProgramCall *call, int argc, char **argv, int from) {
    Invocation *v = &call->invocation;
    int wrong = command_parse(v, argc, argv, from, param_option, call);
    if (wrong || v->values[OPTION_help] || !v->arguments.len) return wrong;
    return command_usage("it takes options, no arguments such as %s: `%s` lists them", v->arguments.data[0],
                         call->command.page);
}

Program *program_call_open(ProgramCall *call, Diags *ds, const char *folder) {
    Invocation *v = &call->invocation;
    v->run.nsettings = v->settings.len;
    v->run.settings = v->settings.data;
    Program *p = script_open_carried(v->arena, ds, call->program, folder, v->settings.len, v->settings.data);
    return p && diag_error_count(ds) == 0 ? p : NULL;
}
