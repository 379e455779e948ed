/* commands.c: the small commands: run, check, explain, doctor, help (rows of commands.def). */
#include "compiler/check.h"
#include "compiler/command.h"
#include "compiler/run_internal.h"

static int open_and_run(Invocation *v) {
    Diags *ds = command_diags(v);
    int code;
    if (!ds) return EXIT_USAGE;
    Program *p = command_open(v, ds, &code);
    if (!p) return code;
    diag_print(ds, stderr, command_colour()); /* warnings come before the work */
    code = command_finish(ds, run_program(v->arena, ds, p, &v->run));
    if (code == EXIT_INTERRUPTED) {
        file_cleanup_temporaries();
        fputs("amal: interrupted\n", stderr);
    }
    return code;
}

int command_run(Invocation *v) {
    return open_and_run(v);
}

static void print_schema(const Source *s) {
    printf("source %s from \"%s\" {", s->decl->name.text, s->decl->uri);
    for (int i = 0; i < s->ncols; i++) {
        const ColumnDecl *c = &s->cols[i];
        Buf name = {0};
        ast_print_expr(&name, &(Expr){.kind = EX_NAME, .text = c->name.text});
        printf("%s %s: %s", i ? "," : "", name.data, type_text(c->type));
        buf_free(&name);
    }
    puts(" }");
}

int command_check(Invocation *v) {
    Diags *ds = command_diags(v);
    if (!ds) return EXIT_USAGE;
    v->run.script = v->arguments.data[0];
    command_open_cache(v, ds);
    Program *p = script_open(v->arena, ds, v->run.script, v->settings.len, v->settings.data);
    if (p && diag_error_count(ds) == 0) check_declarations(p);
    if (p && diag_error_count(ds) == 0 && v->values[OPTION_data]) {
        RunOptions options = run_options_settle(p, &v->run);
        options.whole_targets = true;
        Data *d = data_open(v->arena, ds, p, &options);
        check_data(p, d);
        data_close(d);
    }
    for (int i = 0; p && i < p->sources.len; i++)
        if (!p->sources.data[i].decl->has_columns && p->sources.data[i].schema_known) print_schema(&p->sources.data[i]);
    if (p && diag_error_count(ds) == 0 && !v->run.quiet)
        printf("%s: %d source%s, %d target%s, %d step%s: no errors\n", v->run.script, p->sources.len,
               p->sources.len == 1 ? "" : "s", p->targets.len, p->targets.len == 1 ? "" : "s", p->steps.len,
               p->steps.len == 1 ? "" : "s");
    return command_finish(ds, 0);
}

static bool looks_like_code(const char *s) {
    if (s[0] != 'E' && s[0] != 'W') return false;
    for (int i = 1; i < 4; i++)
        if (s[i] < '0' || s[i] > '9') return false;
    return s[4] == 0;
}

int command_explain(Invocation *v) {
    const char *what = v->arguments.data[0];
    if (looks_like_code(what)) return diag_explain(what, stdout) ? 0 : command_usage("there is no code %s", what);
    v->run.explain = !v->values[OPTION_run];
    v->run.plan_json = v->run.json != NULL;
    if (!v->run.explain && !v->run.json && !v->run.html)
        return command_usage("explain --run wants a place for the plan: --html PLAN.html, or --json OUT");
    return open_and_run(v);
}

int command_doctor(Invocation *v) {
    (void)v;
    return doctor_run(stdout);
}

/* The page that `amal help …` asks for. false: said. */
static bool help_page(Invocation *v, Buf *out) {
    const char *topic = v->arguments.len ? v->arguments.data[0] : NULL;
    const char *of = v->arguments.len > 1 ? v->arguments.data[1] : NULL;
    if (topic && strcmp(topic, "man") == 0) {
        if (of && !command_by_name(of)) return command_usage("there is no command %s", of), false;
        command_man(out, of ? command_by_name(of) : NULL);
        return true;
    }
    if (topic && strcmp(topic, "completion") == 0) {
        if (of && command_completion(out, of)) return true;
        return command_usage("help completion wants a shell: bash, zsh or fish"), false;
    }
    if (of) return command_usage("help %s takes nothing more: `%s`", topic, of), false;
    if (!topic) return command_page(out, NULL), true;
    if (strcmp(topic, "markdown") == 0) return command_markdown(out), true;
    if (strcmp(topic, "rewrites") == 0 || strcmp(topic, "passes") == 0) {
        int n;
        const char *const *names = *topic == 'r' ? ir_disable_names(&n) : ir_pass_names(&n);
        for (int i = 0; i < n; i++) buf_printf(out, "%s\n", names[i]);
        return true;
    }
    const Command *c = command_by_name(topic);
    if (c) return command_page(out, c), true;
    const char *names[64] = {"rewrites", "passes", "man", "completion", "markdown"};
    int n = 5;
    for (int i = 0; i < command_count && n < 64; i++) names[n++] = command_table[i].name;
    const char *near = text_nearest(topic, names, n);
    if (near) return command_usage("there is no page `%s`; did you mean %s?", topic, near), false;
    return command_usage("there is no page `%s`; `amal help` lists the commands", topic), false;
}

int command_help(Invocation *v) {
    Buf out = {0};
    bool ok = help_page(v, &out);
    if (ok) fwrite(out.data, 1, out.len, stdout);
    buf_free(&out);
    return ok ? 0 : EXIT_USAGE;
}
