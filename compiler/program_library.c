/* program_library.c: the functions of a library that `amal build --shared` made (carried.h).
 *
 * A model keeps the run that trained it: its data hold the dictionaries that predictions are encoded with. A prediction
 * opens the script anew over its own folder of data, in an arena of its own that lives until the next one.
 *
 * Calls take turns. Memory exhausted or an impossible state ends the call with 70; what it had taken is lost, and as
 * nobody can know what else is broken, every later call says so and does nothing. On a thread of the pool there is no
 * way back to the caller: the process ends. */
#include "compiler/program_internal.h"
#include "compiler/run_internal.h"
#include "compiler/script.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>

#define OPTIONS "backend max_rows no_cache set sort strategy threads warning"
enum { MESSAGE_ROOM = 16384 };

struct AmalModel {
    const AmalProgram *program;
    Arena *arena, *last; /* of the training; of the last prediction */
    Run *run;
    const char *const *settings;
};

typedef struct Call {
    const AmalProgram *program;
    AmalModel *model, **out;
    const char *data, *name, *target;
    const char *const *settings;
    const double **values;
    size_t *rows, *columns;
    FILE *said;
} Call;

static pthread_mutex_t turns = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local char message[MESSAGE_ROOM];
static jmp_buf way_out;
static pthread_t caller;
static bool broken;

static void leave(void) {
    if (!pthread_equal(pthread_self(), caller)) abort();
    longjmp(way_out, 1);
}

static void out_of_memory(size_t bytes) {
    snprintf(message, sizeof message, "out of memory: %zu bytes could not be had\n", bytes);
    leave();
}

static void internal_failure(void) {
    snprintf(message, sizeof message, "an internal error, reported on standard error\n");
    leave();
}

/* Runs body with what it says collected in the message. */
static int take_turn(int (*body)(Call *c), Call *c) {
    char *text = NULL;
    size_t len = 0;
    if (pthread_mutex_lock(&turns) != 0) return EXIT_INTERNAL;
    message[0] = 0;
    caller = pthread_self();
    mem_on_exhaustion(out_of_memory);
    diag_on_internal_error(internal_failure);
    int code = EXIT_INTERNAL;
    if (broken) {
        snprintf(message, sizeof message, "an earlier call broke off: the library cannot be used any more\n");
    } else if (!(c->said = open_memstream(&text, &len))) {
        snprintf(message, sizeof message, "out of memory\n");
    } else if (setjmp(way_out)) {
        broken = true;
        command_usage_to(NULL);
    } else {
        command_usage_to(c->said);
        code = body(c);
        command_usage_to(NULL);
        if (fclose(c->said) == 0) snprintf(message, sizeof message, "%s", text);
        free(text);
    }
    (void)pthread_mutex_unlock(&turns); /* it is ours */
    return code;
}

const char *amal_library_message(void) {
    return message;
}

static int finish(Call *c, Diags *ds, int code) {
    diag_print(ds, c->said, false);
    if (diag_error_count(ds) == 0) return code;
    const char *last = diag_last_code(ds);
    return last && strncmp(last, "E6", 2) == 0 ? EXIT_MISSING : EXIT_WRONG;
}

/* The script with the settings of the training, over a folder of data. NULL: *code and the message say why. */
static Run *open_run(Call *c, Arena *arena, const AmalProgram *p, const char *const *settings, int *code) {
    ProgramCall *call = program_call_new(arena, p, OPTIONS);
    VEC(char *) words = {0};
    for (int i = 0; settings && settings[i]; i++) vec_push(arena, &words, arena_strdup(arena, settings[i]));
    call->command.page = arena_printf(arena, "%s.h", p->name);
    *code = program_call_parse(call, words.len, words.data, 0);
    if (!*code && call->invocation.values[OPTION_help])
        *code = command_usage("settings are options as in --lambda=0.5, not --help; %s lists them", call->command.page);
    Diags *ds = *code ? NULL : command_diags(&call->invocation);
    if (!ds) {
        *code = EXIT_USAGE;
        return NULL;
    }
    call->invocation.run.quiet = true;
    Program *program = program_call_open(call, ds, c->data && *c->data ? c->data : ".");
    if (!program) {
        *code = finish(c, ds, EXIT_WRONG);
        return NULL;
    }
    Run *r = run_open(arena, ds, program, &call->invocation.run, NULL);
    r->rebinding = true; /* trains, but prints, evaluates and writes nothing */
    return r;
}

/* ---------------- train ---------------- */

static void free_model(AmalModel *m) {
    if (m->run) run_close(m->run);
    if (m->last) arena_free(m->last);
    arena_free(m->arena); /* m is in it */
}

static int train(Call *c) {
    if (!c->out) return command_usage("no place for the model was given");
    Arena *arena = arena_new();
    AmalModel *m = arena_new_of(arena, AmalModel);
    VEC(const char *) kept = {0};
    int code;
    for (int i = 0; c->settings && c->settings[i]; i++)
        vec_push(arena, &kept, (const char *)arena_strdup(arena, c->settings[i]));
    vec_push(arena, &kept, (const char *)NULL);
    *m = (AmalModel){.program = c->program, .arena = arena, .settings = kept.data};
    m->run = open_run(c, arena, c->program, m->settings, &code);
    const Stmt *stopped = NULL;
    if (m->run) {
        (void)run_steps(m->run, &stopped); /* what is wrong is in the diagnostics */
        code = finish(c, m->run->ds, 0);
    }
    if (code == 0 && m->run->models.len == 0) code = command_usage("the script trains no model and loads none");
    if (code == 0)
        *c->out = m;
    else
        free_model(m);
    return code;
}

int amal_library_train(const AmalProgram *p, const char *data, const char *const *settings, AmalModel **model) {
    if (model) *model = NULL;
    return take_turn(train, &(Call){.program = p, .data = data, .settings = settings, .out = model});
}

/* ---------------- predict ---------------- */

static void no_values(const double **values, size_t *rows, size_t *columns) {
    if (values) *values = NULL;
    if (rows) *rows = 0;
    if (columns) *columns = 0;
}

/* Has the call a model, and places for what it gives? 0, or said. */
static int wants_values(const Call *c) {
    if (!c->model) return command_usage("no model was given");
    if (!c->values || !c->rows || !c->columns) return command_usage("no place for values, rows and columns was given");
    return 0;
}

/* The model of this name, the last trained under it; NULL: said. */
static const Model *find_model(const AmalModel *m, const char *name) {
    const NamedModel *models = m->run->models.data;
    VEC(const char *) known = {0};
    for (int i = m->run->models.len - 1; i >= 0; i--) {
        if (!name || !*name || strcmp(models[i].key, name) == 0 || strcmp(models[i].model->name, name) == 0)
            return models[i].model;
        vec_push(m->arena, &known, models[i].key);
    }
    const char *near = text_nearest(name, known.data, known.len);
    command_usage(near ? "there is no model %s; did you mean %s?" : "there is no model %s", name, near);
    return NULL;
}

/* "T" or "T.test" as the script would write it. false: said. */
static bool target_of(Run *r, const char *text, DataRef *ref) {
    const char *dot = strrchr(text, '.');
    *ref = (DataRef){.target.text = text};
    if (program_target(r->program, text)) return true;
    if (dot) {
        ref->target.text = arena_strndup(r->arena, text, (size_t)(dot - text));
        ref->part.text = dot + 1;
    }
    const Target *t = program_target(r->program, ref->target.text);
    for (int i = 0; dot && t && t->split && i < t->split->split.parts.len; i++)
        if (strcmp(t->split->split.parts.data[i].name.text, dot + 1) == 0) return true;
    command_usage("the script has no target %s", text);
    return false;
}

static int predict(Call *c) {
    AmalModel *m = c->model;
    int code = wants_values(c);
    if (code) return code;
    if (m->last) arena_free(m->last);
    m->last = arena_new();
    const Model *model = find_model(m, c->name);
    if (!model) return EXIT_USAGE;
    if (!model->algorithm->predict) return command_usage("%s does not predict", model->algorithm->name.text);
    Run *r = open_run(c, m->last, m->program, m->settings, &code);
    if (!r) return code;
    DataRef ref;
    if (!target_of(r, c->target && *c->target ? c->target : model->target, &ref)) {
        run_close(r);
        return EXIT_USAGE;
    }
    const Integration *in = data_for_model(r->data, &ref, model);
    const Integration *data = in ? run_data(r, in) : NULL;
    LowerEnv env = run_env(r);
    Lowered *l = data ? lower_predict(&env, model, data, (Span){0}) : NULL;
    RunResult result = {0};
    if (l && run_lowered(r, l, RUN_PREDICT, NULL, &result)) {
        const Matrix *p = result.outputs[0];
        double *values = arena_array(m->last, double, p->rows * p->cols + 1);
        for (int64_t i = 0; i < p->rows; i++)
            for (int64_t j = 0; j < p->cols; j++) values[i * p->cols + j] = mat_get(p, i, j);
        *c->values = values;
        *c->rows = (size_t)p->rows;
        *c->columns = (size_t)p->cols;
        mat_free(result.outputs[0]);
    }
    code = finish(c, r->ds, 0);
    run_close(r);
    return code;
}

int amal_library_predict(AmalModel *m, const char *model, const char *target, const char *data, const double **values,
                         size_t *rows, size_t *columns) {
    no_values(values, rows, columns);
    return take_turn(predict, &(Call){.model = m,
                                      .name = model,
                                      .target = target,
                                      .data = data,
                                      .values = values,
                                      .rows = rows,
                                      .columns = columns});
}

/* ---------------- parameters ---------------- */

static int parameter(Call *c) {
    const char *name = c->name ? c->name : "", *dot = strrchr(name, '.');
    int code = wants_values(c);
    if (code) return code;
    const Model *model = find_model(c->model, dot ? arena_strndup(c->model->arena, name, (size_t)(dot - name)) : NULL);
    if (!model) return EXIT_USAGE;
    VEC(const char *) known = {0};
    if (dot) name = dot + 1;
    for (int i = 0; i < model->nparams; i++) {
        const Matrix *v = model->params[i].value;
        vec_push(c->model->arena, &known, model->params[i].name);
        if (strcmp(model->params[i].name, name) != 0) continue;
        AMAL_CHECK(v->kind == MAT_DENSE && v->ld == v->cols);
        *c->values = v->data;
        *c->rows = (size_t)v->rows;
        *c->columns = (size_t)v->cols;
        return 0;
    }
    const char *near = text_nearest(name, known.data, known.len);
    return command_usage(near ? "%s has no parameter %s; did you mean %s?" : "%s has no parameter %s", model->name,
                         name, near);
}

int amal_library_parameter(AmalModel *m, const char *name, const double **values, size_t *rows, size_t *columns) {
    no_values(values, rows, columns);
    return take_turn(parameter, &(Call){.model = m, .name = name, .values = values, .rows = rows, .columns = columns});
}

static int discard(Call *c) {
    free_model(c->model);
    return 0;
}

void amal_library_free(AmalModel *m) {
    if (m) (void)take_turn(discard, &(Call){.model = m}); /* nothing can be done about a library that broke off */
}
