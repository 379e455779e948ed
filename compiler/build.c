/* build.c: `amal build` (contract: build.h).
 *
 * The kernels of a program are found by a rehearsal: the script is run on the data there are, with trainings,
 * predictions and metrics that give 0 at once, once for each way in which a training may go; what would be compiled is
 * collected. So the program has every plan of each training and chooses at its start, by the same rules as `amal run`,
 * from the data it then has.
 *
 * A step may depend on what a training found (a loop over values of a model): with zeros in its place the step can
 * fail. Then the rehearsal ends there, which is said; code that was not met is compiled or interpreted at run time. */
#include "compiler/build.h"
#include "compiler/command.h"
#include "compiler/run_internal.h"
#include <ctype.h>
#include <stdlib.h>

/* ---------------- names ---------------- */

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* `late` of "data/late.amal"; of "data/liblate.so" for a library. */
static const char *bare_name(Arena *arena, const char *path, const char *ending) {
    const char *name = file_name(path);
    size_t n = strlen(name), e = strlen(ending);
    return n > e && strcmp(name + n - e, ending) == 0 ? arena_strndup(arena, name, n - e) : name;
}

static const char *identifier(Arena *arena, const char *text) {
    if (strncmp(text, "lib", 3) == 0 && text[3]) text += 3;
    char *name = arena_printf(arena, "%s%s", isdigit((unsigned char)*text) ? "_" : "", text);
    for (char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p)) *p = '_';
    return name;
}

static void name_outputs(Build *b, const Invocation *v) {
    const char *given = command_value(v, OPTION_output), *script = bare_name(v->arena, b->script, ".amal");
    if (!command_value(v, OPTION_shared)) {
        b->output = given ? given : arena_printf(v->arena, strcmp(script, b->script) ? "%s" : "%s.exe", script);
        b->name = file_name(b->output);
        return;
    }
    b->name = identifier(v->arena, given ? bare_name(v->arena, given, ".so") : script);
    b->output = given ? given : arena_printf(v->arena, "lib%s.so", b->name);
    b->header = arena_printf(v->arena, "%.*s%s.h", (int)(file_name(b->output) - b->output), b->output, b->name);
}

/* ---------------- rehearsal ---------------- */

/* Errors that values of 0 can cause; those about files, formats and compilers are real, whatever the values. */
static bool may_be_of_values(const char *code) {
    static const char *const real[] = {"E402", "E41", "E44", "E45", "E46", "E5", "E6", "E9"};
    for (size_t i = 0; i < sizeof real / sizeof *real; i++)
        if (strncmp(code, real[i], strlen(real[i])) == 0) return false;
    return true;
}

/* Who has a library predicts with every model, also where the script does not. false: reported. */
static bool rehearse_predictions(Run *r) {
    bool ok = true;
    for (int i = 0; ok && i < r->models.len; i++) {
        const Model *m = r->models.data[i].model;
        if (!m->algorithm->predict || !program_target(r->program, m->target)) continue;
        const Integration *in = data_for_model(r->data, &(DataRef){.target.text = m->target}, m);
        const Integration *data = in ? run_data(r, in) : NULL;
        LowerEnv env = run_env(r);
        Lowered *l = data ? lower_predict(&env, m, data, (Span){0}) : NULL;
        RunResult out;
        ok = l && run_lowered(r, l, RUN_PREDICT, NULL, &out);
        if (ok) mat_free(out.outputs[0]);
    }
    return ok;
}

/* The ways in which a training may go at run time: as the target's tables are, with the target's rows sorted by the
 * table that the estimate finds best, and joined. Tables are absorbed where the script asks for it, and only there. */
static const struct {
    Strategy strategy;
    const char *sort;
} ways[] = {{STRATEGY_FACTORIZE, "never"}, {STRATEGY_FACTORIZE, "always"}, {STRATEGY_MATERIALIZE, "never"}};
enum { NWAYS = sizeof ways / sizeof *ways };

/* Collects the kernels of one way. false: reported; *stopped: the step that cannot be rehearsed. */
static bool rehearse(Build *b, const Invocation *v, int way, const Stmt **stopped) {
    RunOptions o = v->run;
    o.strategy = ways[way].strategy;
    o.sort = ways[way].sort;
    o.strategy_by = o.sort_by = o.absorb_by = "amal build";
    o.absorb = run_options_settle(b->program, &v->run).absorb;
    if (!o.absorb || !strcmp(o.absorb, "auto")) o.absorb = "never";
    o.quiet = true;
    o.keep_dir = NULL;
    o.rehearsal = &b->kernels;
    o.rehearsal_cuda = b->gpu ? &b->cuda : NULL;
    o.target = &b->target;
    DiagMark mark = diag_mark(b->diags);
    const Stmt *at = NULL;
    Run *r = run_open(b->arena, b->diags, b->program, &o, NULL);
    bool ok = run_steps(r, &at);
    if (!ok && !interrupt_requested() && r->models.len && may_be_of_values(diag_last_code(b->diags))) {
        diag_take_back(b->diags, mark);
        *stopped = at;
        ok = true;
    }
    if (ok && b->header) ok = rehearse_predictions(r);
    run_close(r);
    return ok;
}

static void say_what_was_made(const Build *b, const Stmt *stopped) {
    printf("%s: %d kernel%s %s", b->output, b->kernels.kernels.len, b->kernels.kernels.len == 1 ? "" : "s",
           b->native ? "for processors like this one" : b->level);
    for (int i = 0; i < b->archs.len; i++) printf(i ? ", sm_%d" : ", and for GPUs (sm_%d", b->archs.data[i]);
    if (b->archs.len) printf(" and newer ones)");
    printf(b->header ? "; functions in %s\n" : "; `--help` lists its options\n", b->header);
    int line = 0, column = 0;
    if (!stopped) return;
    diag_locate(b->diags, stopped->span, &line, &column);
    printf(
        "  from line %d on, steps depend on what is trained before: what is missing is compiled or interpreted at run "
        "time\n",
        line);
}

static int build_program(Build *b, Invocation *v) {
    const Stmt *stopped = NULL;
    bool ok = build_link_ready(b) && (!b->gpu || build_images_ready(b, v->run.gpu_arch));
    for (int way = 0; ok && way < NWAYS; way++) ok = rehearse(b, v, way, &stopped);
    ok = ok && (!b->gpu || build_images(b)) && build_link(b);
    if (interrupt_requested()) {
        command_finish(b->diags, 0);
        command_usage("interrupted");
        return EXIT_INTERRUPTED;
    }
    const char *last = ok ? NULL : diag_last_code(b->diags);
    if (ok && !v->run.quiet) say_what_was_made(b, stopped);
    return command_finish(b->diags, ok ? 0 : last && strncmp(last, "E6", 2) == 0 ? EXIT_MISSING : EXIT_WRONG);
}

int command_build(Invocation *v) {
    const char *path = v->arguments.data[0], *target = command_value(v, OPTION_target),
               *library = getenv("AMAL_STDLIB");
    if (!target) target = "portable";
    if (strcmp(path, "-") == 0) return command_usage("build wants a file: a program is named after its script");
    Diags *ds = command_diags(v);
    int code;
    if (!ds) return EXIT_USAGE;
    Program *p = command_open(v, ds, &code);
    if (!p) return code;
    Build b = {.arena = v->arena,
               .diags = ds,
               .program = p,
               .script = file_name(path),
               .keep = v->run.keep_dir,
               .native = strcmp(target, "native") == 0,
               .level = strcmp(target, "portable") == 0 ? "for any processor of this kind"
                                                        : arena_printf(v->arena, "for %s and later", target),
               .own_library = library && *library,
               .backend = v->run.backend,
               .kernels = {.arena = v->arena},
               .cuda = {.arena = v->arena}};
    if (!target_named(target, &b.target)) {
        diag_help(diag_error(ds, "E602", (Span){0}, "--target %s is of another kind than this processor", target),
                  "portable and native mean processors like this one");
        return command_finish(ds, EXIT_MISSING);
    }
    const char *backend = run_options_settle(p, &v->run).backend;
    b.gpu = backend && (!strcmp(backend, "cuda") || !strcmp(backend, BACKEND_AUTO));
    if (v->run.gpu_arch && !b.gpu)
        return command_usage("--gpu-arch %s belongs to --backend cuda or auto", v->run.gpu_arch);
    name_outputs(&b, v);
    return build_program(&b, v);
}
