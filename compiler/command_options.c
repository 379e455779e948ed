/* command_options.c: what the options of the command line do to a run (rows of commands.def). Choices and counts were
 * checked against the table before. */
#include "backends/backend.h"
#include "compiler/command_options.h"
#include <stdlib.h>

int set_sort(Invocation *v, const char *x) {
    v->run.sort = x;
    v->run.sort_by = "--sort";
    return 0;
}
int set_absorb(Invocation *v, const char *x) {
    v->run.absorb = x;
    v->run.absorb_by = "--absorb";
    return 0;
}
int set_strategy(Invocation *v, const char *x) {
    v->run.strategy = x[0] == 'f' ? STRATEGY_FACTORIZE : x[0] == 'm' ? STRATEGY_MATERIALIZE : STRATEGY_AUTO;
    v->run.strategy_by = "--strategy";
    return 0;
}

int set_backend(Invocation *v, const char *x) {
    AMAL_CHECK(backend_by_name(x) || !strcmp(x, BACKEND_AUTO));
    v->run.backend = x;
    return 0;
}

int set_precision(Invocation *v, const char *x) {
    v->run.precision = x;
    return 0;
}

int set_threads(Invocation *v, const char *x) {
    v->run.threads = atoi(x);
    return 0;
}

int set_max_rows(Invocation *v, const char *x) {
    v->run.max_rows = strtoll(x, NULL, 10);
    return 0;
}

int set_param(Invocation *v, const char *x) {
    const char *eq = strchr(x, '=');
    if (!eq || eq == x) return command_usage("--set %s: NAME=value is wanted", x);
    vec_push(v->arena, &v->settings, ((Setting){arena_strndup(v->arena, x, (size_t)(eq - x)), eq + 1}));
    return 0;
}

int set_no_cache(Invocation *v, const char *x) {
    (void)x;
    v->run.no_cache = true;
    return 0;
}

int set_json(Invocation *v, const char *x) {
    v->run.json = x;
    return 0;
}

static int name_error(const char *option, const char *x, const char *const *names, int n) {
    const char *near = text_nearest(x, names, n);
    if (near) return command_usage("%s %s is not known; did you mean `%s`?", option, x, near);
    fprintf(stderr, "amal: %s %s is not known; there are:", option, x);
    for (int i = 0; i < n; i++) fprintf(stderr, " %s", names[i]);
    fputs("\n", stderr);
    return EXIT_USAGE;
}

int set_dump_after(Invocation *v, const char *x) {
    int n;
    const char *const *names = ir_pass_names(&n);
    if (!ir_pass_known(x)) return name_error("--dump-after", x, names, n);
    v->run.passes.dump_after = x;
    return 0;
}

int set_disable(Invocation *v, const char *x) {
    int n;
    const char *const *names = ir_disable_names(&n);
    return ir_disable(&v->run.passes, x) ? 0 : name_error("--disable", x, names, n);
}

int set_profile(Invocation *v, const char *x) {
    (void)x;
    v->run.profile = true;
    return 0;
}

int set_html(Invocation *v, const char *x) {
    v->run.html = x;
    return 0;
}

int set_keep_c(Invocation *v, const char *x) {
    v->run.keep_dir = x;
    return 0;
}

int set_dump_cuda(Invocation *v, const char *x) {
    v->run.dump_cuda = x;
    return 0;
}

int set_gpu_arch(Invocation *v, const char *x) {
    v->run.gpu_arch = x;
    return 0;
}

int set_quiet(Invocation *v, const char *x) {
    (void)x;
    v->run.quiet = true;
    return 0;
}

int set_warning(Invocation *v, const char *x) {
    vec_push(v->arena, &v->warnings, x);
    return 0;
}
