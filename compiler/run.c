/* run.c: executes the steps of a resolved script, one after the other (contract: driver.h).
 *
 * A `train` goes: data → hyperparameters → strategy (rules, then cost) → lower → optimize → backend → model. The other
 * steps take the same way through run_lowered.c. Steps stop at the first error; what was printed and written before it
 * stays. */
#include "compiler/explain.h"
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---------------- names of the run ---------------- */

void run_bind(Run *r, Binding b) {
    for (int i = 0; i < r->bindings.len; i++)
        if (strcmp(r->bindings.data[i].name, b.name) == 0) {
            r->bindings.data[i] = b;
            return;
        }
    vec_push(r->arena, &r->bindings, b);
}

static void unbind(Run *r, const char *name) {
    for (int i = 0; i < r->bindings.len; i++)
        if (strcmp(r->bindings.data[i].name, name) == 0) {
            r->bindings.data[i] = r->bindings.data[--r->bindings.len];
            return;
        }
}

const Binding *run_binding(const Run *r, const char *name) {
    for (int i = 0; i < r->bindings.len; i++)
        if (strcmp(r->bindings.data[i].name, name) == 0) return &r->bindings.data[i];
    return NULL;
}

static void bind_value(Run *r, const char *name, Matrix *value) {
    vec_push(r->arena, &r->values, value);
    run_bind(r, (Binding){.name = name, .kind = BIND_VALUE, .value = value});
}

static void bind_scalar(Run *r, const char *name, double v) {
    Matrix *m = mat_new_dense(1, 1);
    AMAL_CHECK(m != NULL);
    m->data[0] = v;
    bind_value(r, name, m);
}

/* Builds the targets that an expression names, and binds them with their parts. */
bool run_bind_targets(Run *r, const Expr *e) {
    if (!e) return true;
    if (e->kind == EX_NAME) {
        const Target *t = program_target(r->program, e->text);
        const Binding *known = t ? run_binding(r, e->text) : NULL;
        if (!t || (known && known->kind == BIND_TARGET)) return true;
        const Integration *root = data_target(r->data, t), *const *parts = NULL;
        if (!root) return false;
        int n = data_parts(r->data, t, &parts);
        const Integration **bound = arena_array(r->arena, const Integration *, n + 1);
        for (int i = 0; i < n; i++)
            if (!(bound[i] = run_data(r, parts[i]))) return false;
        const Integration *data = run_data(r, root);
        if (!data) return false;
        run_bind(r,
                 (Binding){.name = t->decl->name.text, .kind = BIND_TARGET, .data = data, .nparts = n, .parts = bound});
        return true;
    }
    for (int i = 0; i < e->nargs; i++)
        if (!run_bind_targets(r, e->args[i])) return false;
    for (int i = 0; i < e->named.len; i++)
        if (!run_bind_targets(r, e->named.data[i].value)) return false;
    return true;
}

LowerEnv run_env(Run *r) {
    return (LowerEnv){.arena = r->arena,
                      .diags = r->ds,
                      .program = r->program,
                      .nbindings = r->bindings.len,
                      .bindings = r->bindings.data};
}

/* "m", or inside loops "m[lambda=0.1, k=3]". */
static const char *loop_key(Run *r, const char *name) {
    if (r->loops.len == 0) return name;
    Buf b = {0};
    buf_printf(&b, "%s[", name);
    for (int i = 0; i < r->loops.len; i++) {
        buf_printf(&b, "%s%s=", i ? "," : "", r->loops.data[i].name);
        report_number(&b, r->loops.data[i].value);
    }
    buf_puts(&b, "]");
    const char *key = arena_strndup(r->arena, b.data, b.len);
    buf_free(&b);
    return key;
}

const char *run_data_name(Run *r, const DataRef *ref) {
    return ref->part.text ? arena_printf(r->arena, "%s.%s", ref->target.text, ref->part.text) : ref->target.text;
}

static const char *output_path(Run *r, const char *file) {
    return script_relative(r->arena, r->program->base_dir, file);
}

/* What a program is made of is not written over: a second run would read its own results. */
static bool spares_inputs(Run *r, const char *path, Span at) {
    const char *what = script_part_at(r->arena, r->program, path);
    if (!what) return true;
    diag_help(diag_error(r->ds, "E440", at, "\"%s\" is %s", path, what), "write to another file");
    return false;
}

/* The report or the plan that the command line names: it spares what the script loads and writes, too. */
static bool spares_files(Run *r, const char *path) {
    if (!path) return true;
    if (!spares_inputs(r, path, (Span){0})) return false;
    for (int i = 0; i < r->program->steps.len; i++) {
        const Stmt *s = r->program->steps.data[i];
        const char *file = s->kind == ST_LOAD || s->kind == ST_SAVE ? s->file.file
                           : s->kind == ST_PREDICT                  ? s->predict.file
                           : s->kind == ST_EXPORT                   ? s->export_.file
                                                                    : NULL;
        if (file) file = output_path(r, file);
        if (!file || (strcmp(file, path) && !script_is_one_file(file, path))) continue; /* it may not be there yet */
        diag_help(diag_error(r->ds, "E440", (Span){0}, "\"%s\" is a file that the script %s", path,
                             s->kind == ST_LOAD ? "loads" : "writes"),
                  "write to another file");
        return false;
    }
    return true;
}
static bool spares_all(Run *r) {
    const char *json = r->o->json, *html = r->o->html;
    if (!spares_files(r, json) || !spares_files(r, html)) return false;
    if (!json || !html || strcmp(json, html)) return true;
    diag_help(diag_error(r->ds, "E440", (Span){0}, "\"%s\" cannot be both, JSON and a page", json), "name two files");
    return false;
}

/* ---------------- let, print, for ---------------- */

/* The value of an expression as a new matrix. NULL: reported. */
Matrix *run_evaluate(Run *r, const Expr *e) {
    if (!run_bind_targets(r, e)) return NULL;
    LowerEnv env = run_env(r);
    Lowered *l = lower_expr(&env, e);
    if (!l) return NULL;
    RunResult out;
    if (!run_lowered(r, l, RUN_VALUE, NULL, &out)) return NULL;
    return out.outputs[0];
}

static bool step_let(Run *r, const Stmt *s) {
    Matrix *m = run_evaluate(r, s->let.value);
    if (!m) return false;
    bind_value(r, s->let.name.text, m);
    return true;
}

/* `print risk.w` shows the features' names where the rows are features. A matrix as wide as there are features has them
 * across (centres, one a row), and its height says nothing. */
static const char *const *feature_rows(Run *r, const Expr *e, const Matrix *m) {
    if (e->kind != EX_FIELD || e->args[0]->kind != EX_NAME) return NULL;
    const Binding *b = run_binding(r, e->args[0]->text);
    return b && b->kind == BIND_MODEL && b->model->nfeatures == m->rows && m->cols != m->rows ? b->model->features
                                                                                              : NULL;
}

static bool step_print(Run *r, const Stmt *s) {
    Matrix *m = run_evaluate(r, s->print);
    if (!m) return false;
    vec_push(r->arena, &r->values, m);
    Buf text = {0};
    ast_print_expr(&text, s->print);
    report_print(r->report, arena_strndup(r->arena, text.data, text.len), m, feature_rows(r, s->print, m));
    buf_free(&text);
    return true;
}

static bool scalar_expr(Run *r, const Expr *e, double *v) {
    Matrix *m = run_evaluate(r, e);
    if (!m) return false;
    bool one = m->rows == 1 && m->cols == 1;
    if (one)
        *v = mat_get(m, 0, 0);
    else
        diag_error(r->ds, "E180", e->span, "a loop runs over numbers; this is %lld x %lld", (long long)m->rows,
                   (long long)m->cols);
    mat_free(m);
    return one;
}

static bool loop_body(Run *r, const Stmt *s, double v) {
    const char *name = s->loop_for.var.text;
    const Binding *outer = run_binding(r, name);
    Binding saved = outer ? *outer : (Binding){0};
    bind_scalar(r, name, v);
    vec_push(r->arena, &r->loops, ((LoopValue){name, v}));
    bool ok = true;
    for (int i = 0; ok && i < s->loop_for.body.len; i++) ok = run_step(r, s->loop_for.body.data[i]);
    r->loops.len--;
    if (saved.name)
        run_bind(r, saved);
    else
        unbind(r, name);
    return ok;
}

static bool step_for(Run *r, const Stmt *s) {
    const Expr *over = s->loop_for.over;
    if (over->kind == EX_RANGE) {
        double from, to;
        if (!scalar_expr(r, over->args[0], &from) || !scalar_expr(r, over->args[1], &to)) return false;
        for (double v = from; v <= to; v++)
            if (!loop_body(r, s, v)) return false;
        return true;
    }
    for (int i = 0; i < over->nargs; i++) {
        double v;
        if (!scalar_expr(r, over->args[i], &v) || !loop_body(r, s, v)) return false;
    }
    return true;
}

/* ---------------- train ---------------- */

static bool trainable(Run *r, const Integration *in, const Stmt *s) {
    const char *name = run_data_name(r, &s->train.on);
    if (in->rows == 0) {
        Diag *d = diag_error(r->ds, "E403", s->train.on.span, "%s has no rows to train on", name);
        if (in->dropped_missing)
            diag_note(d, in->spec->span, "%lld rows were dropped for missing values", (long long)in->dropped_missing);
        for (int k = 0; in->dropped_null_key && k < in->spec->nroles; k++)
            if (in->dropped_null_key[k])
                diag_note(d, in->spec->roles[k].span, "%lld rows of %s have a null key",
                          (long long)in->dropped_null_key[k], in->spec->roles[k].name);
        diag_help(d, "look at the joined rows with: export %s to \"rows.csv\" with provenance;",
                  s->train.on.target.text);
        return false;
    }
    if (in->cols == 0) {
        diag_error(r->ds, "E403", s->train.on.span, "%s has no feature columns to train on", name);
        return false;
    }
    return true;
}

static bool is_row_indexed(const IrFunc *f, int output) {
    return f->body->results.data[output]->rspace != 0;
}

static bool parameters_finite(Run *r, const Stmt *s, const Model *m) {
    for (int i = 0; i < m->nparams; i++) {
        const Matrix *v = m->params[i].value;
        for (int64_t row = 0; row < v->rows; row++)
            for (int64_t c = 0; c < v->cols; c++) {
                double x = mat_get(v, row, c);
                if (isfinite(x)) continue;
                const char *after = !m->iterations
                                        ? ""
                                        : arena_printf(r->arena, " after %lld iteration%s", (long long)m->iterations,
                                                       m->iterations == 1 ? "" : "s");
                Diag *d =
                    diag_error(r->ds, "E405", s->train.name.span,
                               "training of `%s` gave no finite `%s`: cell (%lld, %lld) is %g%s", s->train.name.text,
                               m->params[i].name, (long long)row + 1, (long long)c + 1, num_unsigned_nan(x), after);
                diag_help(d, "use a smaller step, standardize the features, or look for infinite values in the data");
                return false;
            }
    }
    return true;
}

/* Matrices given as hyperparameters are the values of lets: a model keeps its own copies. */
static HyperValue *own_hyper(Run *r, const Stmt *s, int n, const HyperValue *hyper) {
    HyperValue *own = arena_array(r->arena, HyperValue, n + 1);
    for (int i = 0; i < n; i++) {
        own[i] = hyper[i];
        if (hyper[i].is_number || (own[i].matrix = mat_copy(hyper[i].matrix))) continue;
        diag_error(r->ds, "E402", s->span, "not enough memory for the hyperparameter `%s`", hyper[i].name);
        for (int k = 0; k < i; k++)
            if (!own[k].is_number) mat_free(own[k].matrix);
        return NULL;
    }
    return own;
}

/* Takes the outputs over. NULL: reported. */
static Model *make_model(Run *r, const Stmt *s, const Integration *in, int nhyper, const HyperValue *hyper,
                         const Lowered *l, const RunResult *res) {
    const Integration *root = in;
    while (root->parent) root = root->parent;
    Model *m = arena_new_of(r->arena, Model);
    m->name = s->train.name.text;
    m->algorithm = program_algorithm(r->program, s->train.algorithm.text);
    m->nhyper = nhyper;
    m->hyper = own_hyper(r, s, nhyper, hyper);
    if (!m->hyper) {
        for (int i = 0; i < l->func->output_names.len; i++) mat_free(res->outputs[i]);
        return NULL;
    }
    m->nparams = l->func->output_names.len;
    m->params = arena_array(r->arena, ModelParam, m->nparams + 1);
    for (int i = 0; i < m->nparams; i++)
        m->params[i] = (ModelParam){
            .name = l->func->output_names.data[i], .value = res->outputs[i], .row_indexed = is_row_indexed(l->func, i)};
    m->target = in->spec->target;
    m->nfeatures = root->cols;
    m->features = arena_array(r->arena, const char *, root->cols + 1);
    for (int64_t j = 0; j < root->cols; j++) m->features[j] = root->features[j].name;
    m->nencoders = root->spec->ncols;
    m->encoder_columns = arena_array(r->arena, const char *, root->spec->ncols + 1);
    for (int j = 0; j < root->spec->ncols; j++) m->encoder_columns[j] = root->spec->cols[j].name;
    m->encoders = root->encoders;
    m->backend = res->backend;
    m->iterations = res->iterations;
    m->rows = in->rows;
    m->seconds_compile = res->seconds_compile;
    m->seconds_train = res->seconds;
    return m;
}

/* Everything up to running: what `explain` shows and `train` goes on with. NULL: reported. */
static Lowered *prepare_training(Run *r, const Stmt *s, const Integration **in, int *nhyper, HyperValue **hyper,
                                 StrategyChoice *choice) {
    const AlgorithmDecl *a = program_algorithm(r->program, s->train.algorithm.text);
    for (int i = 0; i < s->train.args.len; i++)
        if (!run_bind_targets(r, s->train.args.data[i].value)) return NULL;
    if (!(*in = data_ref(r->data, &s->train.on)) || !trainable(r, *in, s)) return NULL;
    const Integration *root = *in;
    while (root->parent) root = root->parent;
    report_target(r->report, root);
    LowerEnv env = run_env(r);
    if (!lower_hyper(&env, a, &s->train.args, s->span, nhyper, hyper)) return NULL;
    *choice = run_choose(r, &(Training){s, a, *nhyper, *hyper}, *in);
    if (!choice->why) return NULL;
    if (r->o->rehearsal && !strategy_fits_memory(*in)) choice->materialize = false; /* as a run's rules say */
    const Integration *data =
        choice->materialize ? data_materialized(r->data, *in) : data_arranged(r->data, *in, choice->arrangement);
    if (!data) return NULL;
    run_note_planned(r, *in, data);
    env = run_env(r);
    return lower_fit(&env, a, *nhyper, *hyper, data, s->span, s->train.name.text);
}

Lowered *run_lower_training(Run *r, const Stmt *s, StrategyChoice *choice) {
    const Integration *in;
    int nhyper;
    HyperValue *hyper;
    return prepare_training(r, s, &in, &nhyper, &hyper, choice);
}

static bool plan_training(Run *r, const Stmt *s, const Integration *in, const Lowered *l, int nhyper,
                          const HyperValue *hyper, const StrategyChoice *choice) {
    const Integration *data = l->func->tables.data[0].data;
    return explain_training(r, loop_key(r, s->train.name.text), s, in, data, nhyper, hyper, choice);
}

static bool step_train(Run *r, const Stmt *s) {
    const Integration *in;
    int nhyper;
    HyperValue *hyper;
    StrategyChoice choice;
    Lowered *l = prepare_training(r, s, &in, &nhyper, &hyper, &choice);
    if (!l) return false;
    run_strategy(r, &choice);
    r->training = arena_printf(r->arena, "training %s", s->train.name.text);
    if (r->plan && !plan_training(r, s, in, l, nhyper, hyper, &choice)) return false;
    r->profile = r->plan ? profile_new(r->arena) : NULL;
    RunResult res;
    if (!run_lowered(r, l, RUN_TRAIN, NULL, &res)) return false;
    if (r->plan) explain_measured(r->plan, &res, r->profile);
    Model *m = make_model(r, s, in, nhyper, hyper, l, &res);
    if (!m) return false;
    m->strategy = r->strategy;
    m->why = choice.why;
    m->seconds_choose = choice.seconds;
    vec_push(r->arena, &r->models, ((NamedModel){loop_key(r, m->name), m}));
    if (!parameters_finite(r, s, m)) return false;
    run_bind(r, (Binding){.name = m->name, .kind = BIND_MODEL, .model = m});
    report_train(r->report, r->models.data[r->models.len - 1].key, m, in,
                 r->o->profile ? explain_profile(r->plan) : NULL, data_seconds_read(r->data), data_read_note(r->data),
                 data_seconds_match(r->data) + data_seconds_materialize(r->data));
    return true;
}

/* explain: the plan instead of the training. */
static bool step_explain(Run *r, const Stmt *s) {
    const Integration *in;
    int nhyper;
    HyperValue *hyper;
    StrategyChoice choice;
    Lowered *l = prepare_training(r, s, &in, &nhyper, &hyper, &choice);
    if (!l) return false;
    run_strategy(r, &choice);
    if (r->plan) return plan_training(r, s, in, l, nhyper, hyper, &choice);
    printf("\n%s = %s on %s: %s\n  why: %s\n\nAs written, over T:\n", s->train.name.text, s->train.algorithm.text,
           run_data_name(r, &s->train.on), r->strategy, choice.why);
    Buf text = {0};
    ir_print(&text, l->func);
    printf("%s\nAfter the passes:\n", text.data ? text.data : "");
    buf_free(&text);
    bool ok = run_explain(r, l, &text);
    if (text.data) fputs(text.data, stdout);
    buf_free(&text);
    return ok;
}

/* ---------------- evaluate, predict, save, load, export ---------------- */

static const Model *find_model(Run *r, Name name, const char **key) {
    const Binding *b = run_binding(r, name.text);
    if (!b || b->kind != BIND_MODEL) {
        diag_error(r->ds, "E114", name.span, "there is no model `%s` at this point", name.text);
        return NULL;
    }
    for (int i = 0; i < r->models.len; i++)
        if (r->models.data[i].model == b->model) *key = r->models.data[i].key;
    return b->model;
}

/* Predictions of m for `in`: a new matrix with a row a target row. NULL: reported. */
static Matrix *predict(Run *r, const Model *m, const Integration *in, Span at) {
    LowerEnv env = run_env(r);
    Lowered *l = lower_predict(&env, m, in, at);
    RunResult out;
    if (!l || !run_lowered(r, l, RUN_PREDICT, NULL, &out)) return NULL;
    return out.outputs[0];
}

static bool step_evaluate(Run *r, const Stmt *s) {
    const char *key = NULL;
    const Model *m = find_model(r, s->evaluate.model, &key);
    const Integration *in = m ? data_for_model(r->data, &s->evaluate.on, m) : NULL;
    if (!in || !(in = run_data(r, in))) return false;
    if (in->rows == 0) {
        diag_error(r->ds, "E403", s->evaluate.on.span, "%s has no rows to evaluate on",
                   run_data_name(r, &s->evaluate.on));
        return false;
    }
    Matrix *p = NULL;
    if (m->algorithm->predict && !(p = predict(r, m, in, s->evaluate.model.span))) return false;
    bool ok = true;
    for (int i = 0; ok && i < s->evaluate.metrics.len; i++) {
        Name name = s->evaluate.metrics.data[i];
        LowerEnv env = run_env(r);
        Lowered *l = lower_metric(&env, program_metric(r->program, name.text), m, in, p ? p->cols : 0, name.span);
        RunResult out;
        ok = l && run_lowered(r, l, RUN_METRIC, p, &out);
        if (!ok) break;
        report_metric(r->report, key, run_data_name(r, &s->evaluate.on), name.text, mat_get(out.outputs[0], 0, 0),
                      i + 1 == s->evaluate.metrics.len);
        mat_free(out.outputs[0]);
    }
    if (p) mat_free(p);
    return ok;
}

/* The target's ids with the predictions beside them. */
static bool write_predictions(Run *r, const Stmt *s, const Integration *in, const Matrix *p) {
    Table *ids = integration_ids(r->ds, in);
    if (!ids) return false;
    int n = ids->ncols + (int)p->cols;
    Column *cols = arena_array(r->arena, Column, n);
    memcpy(cols, ids->cols, sizeof(Column) * (size_t)ids->ncols);
    Matrix **columns = arena_array(r->arena, Matrix *, p->cols + 1);
    bool ok = true;
    for (int64_t c = 0; ok && c < p->cols; c++) {
        columns[c] = mat_new_dense(p->rows, 1);
        ok = columns[c] != NULL;
        for (int64_t i = 0; ok && i < p->rows; i++) columns[c]->data[i] = mat_get(p, i, c);
        const char *name = p->cols == 1 ? "prediction" : arena_printf(r->arena, "prediction_%lld", (long long)c + 1);
        while (table_find(ids, name) >= 0) name = arena_printf(r->arena, "%s_", name);
        if (ok) cols[ids->ncols + c] = (Column){.name = name, .type = TY_NUM, .num = columns[c]->data};
    }
    if (!ok) diag_error(r->ds, "E402", s->span, "not enough memory for %lld predictions", (long long)p->rows);
    Table t = {
        .name = "predictions", .path = s->predict.file, .span = s->span, .rows = p->rows, .ncols = n, .cols = cols};
    const char *path = output_path(r, s->predict.file);
    int64_t bytes = 0;
    ok = ok && table_write(r->ds, s->predict.file_span, &t, path, &bytes);
    if (ok) report_file(r->report, s->predict.model.text, path, t.rows, bytes);
    for (int64_t c = 0; c < p->cols; c++)
        if (columns[c]) mat_free(columns[c]);
    table_free(ids);
    return ok;
}

static bool step_predict(Run *r, const Stmt *s) {
    const char *key;
    const Model *m = find_model(r, s->predict.model, &key);
    const Integration *in = m ? data_for_model(r->data, &s->predict.on, m) : NULL;
    if (!in || !spares_inputs(r, output_path(r, s->predict.file), s->predict.file_span)) return false;
    const Integration *data = run_data(r, in);
    Matrix *p = data ? predict(r, m, data, s->predict.model.span) : NULL;
    if (!p) return false;
    bool ok = r->o->rehearsal || write_predictions(r, s, in, p);
    mat_free(p);
    return ok;
}

static bool step_save(Run *r, const Stmt *s) {
    const char *key, *path = output_path(r, s->file.file);
    const Model *m = find_model(r, s->file.model, &key);
    if (!m || !spares_inputs(r, path, s->file.file_span)) return false;
    if (!model_save(r->ds, s->file.file_span, m, path)) return false;
    report_file(r->report, m->name, path, -1, -1);
    return true;
}

static bool step_load(Run *r, const Stmt *s) {
    Model *m = model_load(r->arena, r->ds, s->file.file_span, output_path(r, s->file.file), s->file.model.text);
    if (!m) return false;
    vec_push(r->arena, &r->models, ((NamedModel){loop_key(r, m->name), m}));
    run_bind(r, (Binding){.name = m->name, .kind = BIND_MODEL, .model = m});
    return true;
}

static bool step_export(Run *r, const Stmt *s) {
    const Integration *in = data_ref(r->data, &s->export_.on);
    const char *path = output_path(r, s->export_.file);
    if (!in || !spares_inputs(r, path, s->export_.file_span)) return false;
    Table *t = integration_export(r->ds, in, s->export_.provenance);
    if (!t) return false;
    int64_t bytes = 0;
    bool ok = table_write(r->ds, s->export_.file_span, t, path, &bytes);
    if (ok) report_file(r->report, run_data_name(r, &s->export_.on), path, t->rows, bytes);
    table_free(t);
    return ok;
}

/* ---------------- all steps ---------------- */

bool run_step(Run *r, const Stmt *s) {
    if (interrupt_requested()) return false;
    bool binds = s->kind == ST_LET || s->kind == ST_TRAIN || s->kind == ST_LOAD || s->kind == ST_FOR;
    if (r->rebinding && !binds) return true;
    if (r->o->explain) {
        if (s->kind == ST_TRAIN) return step_explain(r, s);
        return s->kind == ST_LET ? step_let(r, s) : s->kind == ST_FOR ? step_for(r, s) : true;
    }
    if (r->o->rehearsal && (s->kind == ST_SAVE || s->kind == ST_EXPORT)) return true;
    switch (s->kind) {
    case ST_LET: return step_let(r, s);
    case ST_PRINT: return step_print(r, s);
    case ST_TRAIN: return step_train(r, s);
    case ST_EVALUATE: return step_evaluate(r, s);
    case ST_PREDICT: return step_predict(r, s);
    case ST_SAVE: return step_save(r, s);
    case ST_LOAD: return step_load(r, s);
    case ST_EXPORT: return step_export(r, s);
    case ST_FOR: return step_for(r, s);
    case ST_OPTION: return true; /* settled by resolve */
    default: internal_error("statement %d is not a step", (int)s->kind);
    }
}

/* Params become values; texts stay with the resolver. */
bool run_params(Run *r) {
    for (int i = 0; i < r->program->params.len; i++) {
        const Stmt *s = r->program->params.data[i];
        if (s->let.value && s->let.value->kind != EX_STR && !step_let(r, s)) return false;
    }
    return true;
}

static void write_json(Run *r, double began) {
    ReportSeconds s = {.read = data_seconds_read(r->data),
                       .match = data_seconds_match(r->data) + data_seconds_materialize(r->data),
                       .choose = r->seconds_choose,
                       .compile = r->seconds_compile,
                       .train = r->seconds_train,
                       .total = time_now() - began};
    Buf out = {0}, errors = {0};
    if (diag_error_count(r->ds)) diag_print_json(r->ds, &errors);
    report_json(r->report, &out, r->o->script, r->data, &s, errors.data);
    if (strcmp(r->o->json, "-") == 0)
        fwrite(out.data, 1, out.len, stdout);
    else
        (void)file_write_atomic(r->ds, (Span){0}, r->o->json, out.data, out.len);
    buf_free(&out);
    buf_free(&errors);
}

/* The plan as JSON or as a page; in whole, or not at all. */
static void write_plan(Run *r) {
    Buf json = {0}, page = {0};
    for (int i = 0; i < r->program->targets.len; i++) /* those that no step needed, too */
        if (!data_target(r->data, &r->program->targets.data[i])) return;
    explain_json(r, &json);
    if (r->o->plan_json && strcmp(r->o->json, "-") == 0)
        fwrite(json.data, 1, json.len, stdout);
    else if (r->o->plan_json)
        (void)file_write_atomic(r->ds, (Span){0}, r->o->json, json.data, json.len);
    if (r->o->html) {
        explain_page(&page, r->o->script, json.data);
        if (file_write_atomic(r->ds, (Span){0}, r->o->html, page.data, page.len))
            report_file(r->report, "plan", r->o->html, -1, (int64_t)page.len);
    }
    buf_free(&json);
    buf_free(&page);
}

static int exit_code(const Diags *ds) {
    if (interrupt_requested()) return 130;
    if (diag_error_count(ds) == 0) return 0;
    const char *last = diag_last_code(ds);
    return last && strncmp(last, "E6", 2) == 0 ? 3 : 1;
}

Run *run_open(Arena *arena, Diags *ds, Program *p, const RunOptions *given, FILE *human) {
    Run *r = arena_new_of(arena, Run);
    RunOptions *o = arena_new_of(arena, RunOptions);
    *o = run_options_settle(p, given);
    *r = (Run){.arena = arena, .ds = ds, .program = p, .o = o, .data = data_open(arena, ds, p, o)};
    r->report = report_new(arena, human, o->quiet);
    if (o->html || o->plan_json || o->profile) r->plan = explain_new(arena, o);
    return r;
}

bool run_steps(Run *r, const Stmt **stopped) {
    bool ok = run_params(r);
    for (int i = 0; ok && i < r->program->steps.len; i++) {
        *stopped = r->program->steps.data[i];
        ok = run_step(r, *stopped);
        fflush(stdout);
    }
    if (!ok && !interrupt_requested()) AMAL_CHECK(diag_error_count(r->ds) > 0);
    return ok;
}

void run_close(Run *r) {
    for (int i = 0; i < r->models.len; i++) model_free(r->models.data[i].model);
    for (int i = 0; i < r->values.len; i++) mat_free(r->values.data[i]);
    data_close(r->data);
}

int run_program(Arena *arena, Diags *ds, Program *p, const RunOptions *given) {
    double began = time_now();
    bool json_only = given->json && strcmp(given->json, "-") == 0;
    const Stmt *stopped = NULL;
    Run *r = run_open(arena, ds, p, given, json_only ? NULL : stdout);
    bool spares = spares_all(r);
    bool ok = spares && run_steps(r, &stopped);
    if (spares && r->o->json && !r->o->plan_json && !interrupt_requested()) write_json(r, began);
    if (ok && (r->o->html || r->o->plan_json)) write_plan(r);
    run_close(r);
    return exit_code(ds);
}
