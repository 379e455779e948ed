/* main.c: the command: its subcommands in one sorted table, its options, and the ways out.
 *
 * Exit codes: 0 done, 1 the script or its data are wrong, 2 the command line is wrong, 3 an outside part is missing, 70
 * internal (also out of memory), 130 interrupted. Results go to standard output, progress and diagnostics to standard
 * error. */
#include "backends/backend.h"
#include "backends/runtime/kernels.h"
#include "backends/runtime/table.h"
#include "compiler/driver.h"
#include "compiler/script.h"
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>
#include <unistd.h>

enum { EXIT_WRONG = 1, EXIT_USAGE = 2, EXIT_MISSING = 3, EXIT_INTERNAL = 70, EXIT_INTERRUPTED = 130 };

typedef struct Invocation {
    RunOptions run;
    VEC(Setting) settings;
    VEC(const char *) warnings;
    VEC(const char *) arguments;
    Arena *arena;
} Invocation;
typedef int (*Subcommand)(Invocation *v);

/* ---------------- ways out that are not returns ---------------- */

static jmp_buf way_out;
static pthread_t main_thread;

static void out_of_memory(size_t bytes) {
    fprintf(stderr, "error[E902]: out of memory: %zu bytes could not be had\n", bytes);
    fputs("help: close other programs, or give the script less data; `amal explain E902` says more\n", stderr);
    if (!pthread_equal(pthread_self(), main_thread)) { /* only the main thread may jump to its frame */
        file_cleanup_temporaries();
        _exit(EXIT_INTERNAL);
    }
    longjmp(way_out, 1);
}

static void internal_failure(void) {
    file_cleanup_temporaries();
    _exit(EXIT_INTERNAL);
}

/* ---------------- subcommands ---------------- */

static bool colour_wanted(void) {
    const char *no = getenv("NO_COLOR");
    return isatty(STDERR_FILENO) && !(no && *no);
}

static int usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int usage(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fputs("amal: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputs("\n", stderr);
    va_end(ap);
    return EXIT_USAGE;
}

static int one_script(Invocation *v, const char *command) {
    if (v->arguments.len == 1) {
        v->run.script = v->arguments.data[0];
        return 0;
    }
    return usage("%s takes one script: amal %s FILE.amal", command, command);
}

/* A new collection of diagnostics with the -W options applied. NULL: an option is unknown, said. */
static Diags *new_diags(Invocation *v) {
    Diags *ds = diags_new(v->arena);
    for (int i = 0; i < v->warnings.len; i++)
        if (!diag_set_warning(ds, v->warnings.data[i])) {
            usage("-W%s is not known; write -WW123, -Wno-W123, -Werror=W123, -Werror or -Wnone", v->warnings.data[i]);
            return NULL;
        }
    return ds;
}

static int finish(Diags *ds, int code) {
    fflush(stdout);
    diag_print(ds, stderr, colour_wanted());
    if (code == 0 && diag_error_count(ds) > 0) return EXIT_WRONG;
    return code;
}

static int open_and_run(Invocation *v) {
    Diags *ds = new_diags(v);
    if (!ds) return EXIT_USAGE;
    v->run.nsettings = v->settings.len;
    v->run.settings = v->settings.data;
    Program *p = script_open(v->arena, ds, v->run.script, v->run.nsettings, v->run.settings);
    if (!p || diag_error_count(ds) > 0) {
        const char *last = diag_last_code(ds);
        return finish(ds, last && strncmp(last, "E6", 2) == 0 ? EXIT_MISSING : EXIT_WRONG);
    }
    diag_print(ds, stderr, colour_wanted()); /* warnings come before the work */
    int code = finish(ds, run_program(v->arena, ds, p, &v->run));
    if (code == EXIT_INTERRUPTED) {
        file_cleanup_temporaries();
        fputs("amal: interrupted\n", stderr);
    }
    return code;
}

static int command_run(Invocation *v) {
    int code = one_script(v, "run");
    return code ? code : open_and_run(v);
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

static int command_check(Invocation *v) {
    int code = one_script(v, "check");
    Diags *ds = code ? NULL : new_diags(v);
    if (!ds) return EXIT_USAGE;
    Program *p = script_open(v->arena, ds, v->run.script, v->settings.len, v->settings.data);
    for (int i = 0; p && i < p->sources.len; i++)
        if (!p->sources.data[i].decl->has_columns && p->sources.data[i].schema_known) print_schema(&p->sources.data[i]);
    if (p && diag_error_count(ds) == 0 && !v->run.quiet)
        printf("%s: %d source%s, %d target%s, %d step%s: no errors\n", v->run.script, p->sources.len,
               p->sources.len == 1 ? "" : "s", p->targets.len, p->targets.len == 1 ? "" : "s", p->steps.len,
               p->steps.len == 1 ? "" : "s");
    return finish(ds, 0);
}

static bool looks_like_code(const char *s) {
    if (s[0] != 'E' && s[0] != 'W') return false;
    for (int i = 1; i < 4; i++)
        if (s[i] < '0' || s[i] > '9') return false;
    return s[4] == 0;
}

static int command_explain(Invocation *v) {
    if (v->arguments.len == 1 && looks_like_code(v->arguments.data[0])) {
        if (diag_explain(v->arguments.data[0], stdout)) return 0;
        return usage("there is no code %s", v->arguments.data[0]);
    }
    int code = one_script(v, "explain");
    v->run.explain = true;
    return code ? code : open_and_run(v);
}

static int command_doctor(Invocation *v) {
    if (v->arguments.len) return usage("doctor takes no arguments");
    return doctor_run(stdout);
}

static int command_fmt(Invocation *v) {
    int code = one_script(v, "fmt");
    Diags *ds = code ? NULL : new_diags(v);
    if (!ds) return EXIT_USAGE;
    Script *s = script_parse(v->arena, ds, v->run.script);
    if (s && diag_error_count(ds) == 0) {
        Buf out = {0};
        ast_print_script(&out, s);
        fwrite(out.data, 1, out.len, stdout);
        buf_free(&out);
    }
    return finish(ds, 0);
}

static int command_later(Invocation *v) {
    (void)v;
    return usage("this command is not built into version " AMAL_VERSION " yet; `amal help` lists what is");
}

static int command_help(Invocation *v);
static int command_version(Invocation *v) {
    (void)v;
    puts("amal " AMAL_VERSION);
    return 0;
}

static const struct {
    const char *name;
    Subcommand run;
    const char *help;
} subcommands[] = {
    {"--help", command_help, NULL},
    {"--version", command_version, "the version"},
    {"-h", command_help, NULL},
    {"bench", command_later, NULL},
    {"build", command_later, NULL},
    {"calibrate", command_later, NULL},
    {"check", command_check, "FILE     names, types and shapes, without reading rows"},
    {"doctor", command_doctor, "         what was found on this machine, and what a missing part costs"},
    {"explain", command_explain, "FILE     the plan of every training; or CODE: what E131 or W122 means"},
    {"fmt", command_fmt, "FILE     the script in its canonical form, without its comments"},
    {"help", command_help, "         this page; help rewrites: what --disable takes"},
    {"repl", command_later, NULL},
    {"run", command_run, "FILE     runs a script"},
};
enum { NSUBCOMMANDS = sizeof subcommands / sizeof *subcommands };

/* ---------------- options ---------------- */

static bool positive(const char *text, int64_t *v) {
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    *v = n;
    return *text && !*end && errno == 0 && n > 0;
}

static int set_strategy(Invocation *v, const char *x) {
    static const char *const names[] = {"auto", "factorize", "materialize"};
    for (int i = 0; i < 3; i++)
        if (strcmp(x, names[i]) == 0) {
            v->run.strategy = (Strategy)i;
            v->run.strategy_by = "--strategy";
            return 0;
        }
    return usage("--strategy %s is not known: auto, factorize or materialize", x);
}

static int set_backend(Invocation *v, const char *x) {
    if (strcmp(x, "cuda") == 0)
        return usage("--backend cuda is not built into version " AMAL_VERSION " yet: c or interp");
    if (!backend_by_name(x)) return usage("--backend %s is not known: c or interp", x);
    v->run.backend = x;
    return 0;
}

static int set_threads(Invocation *v, const char *x) {
    int64_t n;
    if (!positive(x, &n) || n > 1024) return usage("--threads %s: a number from 1 to 1024 is wanted", x);
    v->run.threads = (int)n;
    return 0;
}

static int set_param(Invocation *v, const char *x) {
    const char *eq = strchr(x, '=');
    if (!eq || eq == x) return usage("--set %s: NAME=value is wanted", x);
    vec_push(v->arena, &v->settings, ((Setting){arena_strndup(v->arena, x, (size_t)(eq - x)), eq + 1}));
    return 0;
}

static int set_json(Invocation *v, const char *x) {
    v->run.json = x;
    return 0;
}

static int pass_name_error(const char *option, const char *x) {
    int n;
    const char *const *names = ir_disable_names(&n), *near = text_nearest(x, names, n);
    if (near) return usage("%s %s is not known; did you mean `%s`?", option, x, near);
    fprintf(stderr, "amal: %s %s is not known; there are:", option, x);
    for (int i = 0; i < n; i++) fprintf(stderr, " %s", names[i]);
    fputs("\n", stderr);
    return EXIT_USAGE;
}

static int set_dump(Invocation *v, const char *x) {
    PassOptions scratch = {0};
    if (strcmp(x, "all") != 0 && !ir_disable(&scratch, x)) return pass_name_error("--dump-after", x);
    v->run.passes.dump_after = x;
    return 0;
}

static int set_disable(Invocation *v, const char *x) {
    return ir_disable(&v->run.passes, x) ? 0 : pass_name_error("--disable", x);
}

static int set_keep(Invocation *v, const char *x) {
    v->run.keep_dir = x;
    return 0;
}

static int set_max_rows(Invocation *v, const char *x) {
    return positive(x, &v->run.max_rows) ? 0 : usage("--max-rows %s: a number of rows, 1 or more, is wanted", x);
}

static int set_quiet(Invocation *v, const char *x) {
    (void)x;
    v->run.quiet = true;
    return 0;
}

static const struct {
    const char *name;
    int (*set)(Invocation *v, const char *value);
    const char *value; /* what it takes; NULL: nothing */
    const char *help;
} options[] = {
    {"--backend", set_backend, "c|interp", "emitted C (the default for training) or the interpreter"},
    {"--disable", set_disable, "REWRITE", "switches a pass, a group of rewrites or one rewrite off; may be repeated"},
    {"--dump-after", set_dump, "PASS", "prints the program after a pass (or after all)"},
    {"--json", set_json, "OUT|-", "writes one JSON object with everything the run found"},
    {"--keep-c", set_keep, "DIR", "keeps the emitted C there"},
    {"--max-rows", set_max_rows, "N", "refuses joins with more rows, before memory is taken"},
    {"--quiet", set_quiet, NULL, "only what print and evaluate say"},
    {"--set", set_param, "NAME=VALUE", "the value of a param of the script; may be repeated"},
    {"--strategy", set_strategy, "auto|factorize|materialize",
     "train on the sources as they are, or on the joined table"},
    {"--threads", set_threads, "N", "threads; all processors unless given"},
};
enum { NOPTIONS = sizeof options / sizeof *options };

/* `amal help rewrites`: what --disable takes, one a line. */
static int help_rewrites(void) {
    int n;
    const char *const *names = ir_disable_names(&n);
    for (int i = 0; i < n; i++) puts(names[i]);
    return 0;
}

static int command_help(Invocation *v) {
    if (v->arguments.len == 1 && strcmp(v->arguments.data[0], "rewrites") == 0) return help_rewrites();
    if (v->arguments.len) return usage("help takes no argument but `rewrites`");
    puts("amal: trains models over tables joined by a declarative script\n\nCommands:");
    for (int i = 0; i < NSUBCOMMANDS; i++)
        if (subcommands[i].help && subcommands[i].name[0] != '-')
            printf("  amal %-8s %s\n", subcommands[i].name, subcommands[i].help);
    puts("  amal --version\n\nOptions:");
    for (int i = 0; i < NOPTIONS; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s %s", options[i].name, options[i].value ? options[i].value : "");
        printf("  %-38s %s\n", left, options[i].help);
    }
    puts("  -WW123 -Wno-W123 -Werror=W123 -Werror  warnings: on, off, as errors");
    puts("\nExit codes: 0 done, 1 the script or its data are wrong, 2 the command line is wrong, 3 an outside part\n"
         "is missing, 70 internal, 130 interrupted.");
    return 0;
}

static int option_at(Invocation *v, int argc, char **argv, int *i) {
    const char *a = argv[*i], *eq = strchr(a, '=');
    size_t len = eq ? (size_t)(eq - a) : strlen(a);
    if (a[0] == '-' && a[1] == 'W') {
        vec_push(v->arena, &v->warnings, a + 2);
        return 0;
    }
    const char *names[NOPTIONS];
    for (int k = 0; k < NOPTIONS; k++) {
        names[k] = options[k].name;
        if (strlen(options[k].name) != len || memcmp(options[k].name, a, len) != 0) continue;
        if (!options[k].value) return eq ? usage("%s takes no value", options[k].name) : options[k].set(v, NULL);
        if (eq) return options[k].set(v, eq + 1);
        if (*i + 1 >= argc) return usage("%s wants a value: %s %s", options[k].name, options[k].name, options[k].value);
        return options[k].set(v, argv[++*i]);
    }
    const char *near = text_nearest(arena_strndup(v->arena, a, len), names, NOPTIONS);
    if (near) return usage("there is no option %.*s; did you mean %s?", (int)len, a, near);
    return usage("there is no option %.*s; `amal help` lists them", (int)len, a);
}

static int invoke(Arena *arena, int argc, char **argv) {
    Invocation v = {.arena = arena};
    v.run.passes.dump_to = stderr;
    const char *check = getenv("AMAL_VERIFY");
    v.run.passes.verify = check && *check;
    if (argc < 2) {
        command_help(&v);
        return EXIT_USAGE;
    }
    int found = -1;
    const char *names[NSUBCOMMANDS];
    for (int k = 0; k < NSUBCOMMANDS; k++) {
        names[k] = subcommands[k].name;
        if (strcmp(argv[1], subcommands[k].name) == 0) found = k;
    }
    if (found < 0) {
        size_t n = strlen(argv[1]);
        if (n > 5 && strcmp(argv[1] + n - 5, ".amal") == 0)
            return usage("there is no command %s; did you mean: amal run %s?", argv[1], argv[1]);
        const char *near = text_nearest(argv[1], names, NSUBCOMMANDS);
        if (near) return usage("there is no command %s; did you mean %s?", argv[1], near);
        return usage("there is no command %s; `amal help` lists them", argv[1]);
    }
    bool only_arguments = false;
    for (int i = 2; i < argc; i++) {
        if (!only_arguments && strcmp(argv[i], "--") == 0)
            only_arguments = true;
        else if (only_arguments || argv[i][0] != '-' || !argv[i][1])
            vec_push(arena, &v.arguments, argv[i]);
        else {
            int code = option_at(&v, argc, argv, &i);
            if (code) return code;
        }
    }
    return subcommands[found].run(&v);
}

int main(int argc, char **argv) {
    main_thread = pthread_self();
    mem_on_exhaustion(out_of_memory);
    diag_on_internal_error(internal_failure);
    interrupt_install();
    if (setjmp(way_out)) {
        file_cleanup_temporaries();
        return EXIT_INTERNAL;
    }
    Arena *arena = arena_new();
    int code = invoke(arena, argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("amal: standard output could not be written\n", stderr);
        if (code == 0) code = EXIT_WRONG;
    }
    arena_free(arena);
    return code;
}
