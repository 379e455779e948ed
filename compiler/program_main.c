/* program_main.c: main() of a program that `amal build` made: the script's params and the options of a run (carried.h).
 *
 * Everything the script names, to be read or written, is relative to --data, the current folder unless given. */
#include "backends/runtime/kernels.h"
#include "compiler/guard.h"
#include "compiler/program_internal.h"
#include "compiler/run_internal.h"

#define OPTIONS "backend folder json max_rows no_cache quiet set sort strategy threads warning"

/* The comment that the script begins with, without its marks. */
static void introduction(Buf *out, const char *text) {
    const char *separator = "\n";
    if (strncmp(text, "#!", 2) == 0) text += strcspn(text, "\n");
    text += strspn(text, "\n");
    for (; *text == '#'; text += strcspn(text, "\n"), text += *text == '\n') {
        const char *line = text + strspn(text, "#");
        line += *line == ' ';
        buf_puts(out, separator);
        buf_add(out, line, strcspn(line, "\n"));
        buf_puts(out, "\n");
        separator = "";
    }
}

static void print_help(const ProgramCall *call, Arena *arena) {
    const AmalProgram *p = call->program;
    const Command *c = &call->command;
    Buf out = {0};
    buf_printf(&out, "%s [options]: runs %s, built by amal " AMAL_VERSION "\n", p->name, p->script);
    introduction(&out, p->text);
    if (call->params.len) buf_puts(&out, "\nParams of the script:\n");
    for (int i = 0; i < call->params.len; i++) {
        const Stmt *s = call->params.data[i];
        Buf value = {0}, left = {0};
        ast_print_expr(&value, s->let.value);
        buf_printf(&left, program_param_is_option(call, s) ? "--%s VALUE" : "--set %s=VALUE", s->let.name.text);
        buf_printf(&out, "  %-39s %s unless given\n", left.data, value.data);
        buf_free(&value);
        buf_free(&left);
    }
    buf_puts(&out, "\nOptions:\n");
    const CommandOption *order;
    int n = command_option_order(&order);
    for (int i = 0; i < n; i++)
        if (command_takes(c, order[i]))
            command_entry(&out, command_option_text(arena, order[i]), 40, command_options[order[i]].help);
    command_entry(&out, "--version", 40, "says which amal made it");
    buf_puts(&out, "\nExit codes:\n");
    for (int i = 0; i < command_exit_count; i++) {
        char code[16];
        snprintf(code, sizeof code, "%d", command_exits[i].code);
        if (command_exits_with(c, &command_exits[i])) command_entry(&out, code, 5, command_exits[i].text);
    }
    if (*p->schemas) buf_printf(&out, "\nColumns that its data have, as found when it was built:\n%s", p->schemas);
    fwrite(out.data, 1, out.len, stdout);
    buf_free(&out);
}

/* What to do about data that are not there or not as they were, besides what was reported. */
static void say_about_data(const AmalProgram *p, const char *folder, const char *code) {
    static const char *const shape[] = {"E414", "E415", "E416", "E417", "E452", "E454", "E456"};
    if (!code) return;
    if (strcmp(code, "E450") == 0)
        fprintf(stderr, "%s: files are looked for in `%s`: --data DIR names another folder\n", p->name, folder);
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        if (strcmp(code, shape[i]) == 0)
            fprintf(stderr,
                    "%s: the data have another schema than the one it was built for (`%s --help` says more): data with "
                    "that "
                    "schema, or a new build, are needed\n",
                    p->name, p->name);
}

static int run_carried(ProgramCall *call, Diags *ds) {
    const char *folder = command_value(&call->invocation, OPTION_folder);
    if (!folder || !*folder) folder = ".";
    Program *program = program_call_open(call, ds, folder);
    int code = EXIT_WRONG;
    if (program) {
        diag_print(ds, stderr, command_colour()); /* warnings come before the work */
        code = run_program(call->invocation.arena, ds, program, &call->invocation.run);
    }
    const char *last = diag_error_count(ds) ? diag_last_code(ds) : NULL;
    code = command_finish(ds, code);
    say_about_data(call->program, folder, last);
    return code;
}

static int program_body(Arena *arena, int argc, char **argv, const void *user) {
    const AmalProgram *p = user;
    ProgramCall *call = program_call_new(arena, p, OPTIONS);
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("%s, made by amal " AMAL_VERSION "\n", p->name);
        return 0;
    }
    int wrong = program_call_parse(call, argc, argv, 1);
    if (wrong) return wrong;
    if (call->invocation.values[OPTION_help]) {
        print_help(call, arena);
        return 0;
    }
    Diags *ds = command_diags(&call->invocation);
    if (!ds) return EXIT_USAGE;
    int code = run_carried(call, ds);
    if (code == EXIT_INTERRUPTED) {
        file_cleanup_temporaries();
        command_usage("interrupted");
    }
    return code;
}

int amal_program_main(const AmalProgram *p, int argc, char **argv) {
    kernel_blas_own();
    return guard_program(program_body, argc, argv, p);
}
