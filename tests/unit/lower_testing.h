/* lower_testing.h: scripts without sources, data given as numbers: what the tests of typecheck, lowering and the stdlib
 * share. */
#ifndef AMAL_LOWER_TESTING_H
#define AMAL_LOWER_TESTING_H
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "backends/backend.h"
#include "compiler/lower.h"
#include "compiler/script.h"

typedef struct World {
    Arena *arena;
    Diags *ds;
    Program p;
    VEC(Binding) bindings;
    VEC(Matrix *) owned;
    LowerEnv env;
} World;

static inline void world_add(World *w, const Script *s) {
    for (int i = 0; i < s->stmts.len; i++) {
        const Stmt *st = s->stmts.data[i];
        switch (st->kind) {
        case ST_ALGORITHM: vec_push(w->arena, &w->p.algorithms, st->algorithm); break;
        case ST_METRIC: vec_push(w->arena, &w->p.metrics, st->metric); break;
        case ST_PARAM: vec_push(w->arena, &w->p.params, st); break;
        case ST_TARGET: {
            Target t = {.decl = st->target, .has_label = true};
            vec_push(w->arena, &w->p.targets, t);
            break;
        }
        case ST_SPLIT: w->p.targets.data[w->p.targets.len - 1].split = st; break;
        default: vec_push(w->arena, &w->p.steps, st);
        }
    }
}

static inline World *world_new(const char *text) {
    Arena *a = arena_new();
    World *w = arena_new_of(a, World);
    w->arena = a;
    w->ds = diags_new(a);
    w->p.arena = a;
    w->p.diags = w->ds;
    Script *s = parse_script(a, w->ds, diag_add_file(w->ds, "test.amal", text, strlen(text)), text, strlen(text));
    w->p.script = s;
    world_add(w, s);
    w->env = (LowerEnv){.arena = a, .diags = w->ds, .program = &w->p};
    if (diag_error_count(w->ds)) diag_print(w->ds, stderr, false);
    assert_int_equal(diag_error_count(w->ds), 0);
    return w;
}

static inline void world_add_stdlib(World *w) {
    for (const StdlibFile *f = stdlib_files; f->path; f++) {
        size_t n = strlen(f->text);
        world_add(w, parse_script(w->arena, w->ds, diag_add_file(w->ds, f->path, f->text, n), f->text, n));
    }
    if (diag_error_count(w->ds)) diag_print(w->ds, stderr, false);
    assert_int_equal(diag_error_count(w->ds), 0);
}

static inline void world_free(World *w) {
    for (int i = 0; i < w->owned.len; i++) mat_free(w->owned.data[i]);
    arena_free(w->arena);
}

static inline const AlgorithmDecl *world_algorithm(const World *w, const char *name) {
    for (int i = 0; i < w->p.algorithms.len; i++)
        if (strcmp(w->p.algorithms.data[i]->name.text, name) == 0) return w->p.algorithms.data[i];
    fail_msg("no algorithm %s", name);
    return NULL;
}

static inline const FuncDecl *world_metric(const World *w, const char *name) {
    for (int i = 0; i < w->p.metrics.len; i++)
        if (strcmp(w->p.metrics.data[i]->name.text, name) == 0) return w->p.metrics.data[i];
    fail_msg("no metric %s", name);
    return NULL;
}

static inline Matrix *world_matrix(World *w, int64_t rows, int64_t cols, const double *v) {
    Matrix *m = mat_new_dense(rows, cols);
    assert_non_null(m);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < cols; c++) m->data[r * m->ld + c] = v[r * cols + c];
    vec_push(w->arena, &w->owned, m);
    return m;
}

/* X as one block whose row i is row i of the target; label and weight may be NULL. */
static inline Integration *world_data(World *w, int64_t rows, int64_t cols, const double *x, const double *label,
                                      const double *weight) {
    Arena *a = w->arena;
    Integration *t = arena_new_of(a, Integration);
    MappingSpec *spec = arena_new_of(a, MappingSpec);
    spec->target = "T";
    t->spec = spec;
    t->rows = rows;
    t->cols = cols;
    t->kind = "single";
    t->materialized = true;
    t->nspaces = t->nindicators = t->nblocks = 1;
    t->spaces = arena_new_of(a, IntSpace);
    *t->spaces = (IntSpace){.name = "computed", .role = -1, .rows = rows};
    t->indicators = arena_new_of(a, Indicator);
    *t->indicators =
        (Indicator){.rows = rows, .identity = true, .total = true, .ascending = true, .injective = true, .used = rows};
    t->indicators->count = arena_array(a, double, rows + 1);
    for (int64_t i = 0; i < rows; i++) t->indicators->count[i] = 1;
    t->blocks = arena_new_of(a, IntBlock);
    *t->blocks = (IntBlock){.data = world_matrix(w, rows, cols, x), .label = "T"};
    t->blocks->target_cols = arena_array(a, int32_t, cols + 1);
    t->features = arena_array(a, Feature, cols + 1);
    for (int64_t c = 0; c < cols; c++) {
        t->blocks->target_cols[c] = (int32_t)c;
        t->features[c] = (Feature){.name = arena_printf(a, "f%d", (int)c + 1), .category = -1};
    }
    if (label) {
        t->label = arena_array(a, double, rows + 1);
        memcpy(t->label, label, sizeof(double) * (size_t)rows);
    }
    if (weight) {
        t->weight = arena_array(a, double, rows + 1);
        memcpy(t->weight, weight, sizeof(double) * (size_t)rows);
    }
    return t;
}

static inline void world_bind(World *w, Binding b) {
    vec_push(w->arena, &w->bindings, b);
    w->env.bindings = w->bindings.data;
    w->env.nbindings = w->bindings.len;
}

/* Runs a lowered function as it is, without passes. NULL outputs: reported. */
static inline Matrix **world_run_raw(World *w, IrFunc *f, Lowered *l, const Matrix *prediction) {
    ir_verify(f, "lower");
    PassOptions passes = {.threads = 1};
    BackendOptions o = {.passes = &passes, .threads = 1};
    Executable *x = backend_interp.prepare(w->ds, f, &o);
    if (!x) return NULL;
    Matrix **in = arena_array(w->arena, Matrix *, l->ninputs + 1);
    for (int i = 0; i < l->ninputs; i++) {
        const LowerInput *li = &l->inputs[i];
        if (li->kind == LI_LABEL)
            in[i] = world_matrix(w, li->data->rows, 1, li->data->label);
        else if (li->kind == LI_WEIGHT)
            in[i] = world_matrix(w, li->data->rows, 1, li->data->weight);
        else if (li->kind == LI_PREDICTION)
            in[i] = (Matrix *)prediction;
        else
            in[i] = (Matrix *)li->value;
    }
    Matrix **out = arena_array(w->arena, Matrix *, f->output_names.len + 1);
    RunContext rc = {.diags = w->ds, .threads = 1};
    bool ok = backend_interp.run(x, &rc, in, out);
    backend_interp.release(x);
    if (!ok) return NULL;
    for (int i = 0; i < f->output_names.len; i++) vec_push(w->arena, &w->owned, out[i]);
    return out;
}

/* The same with all passes; both ways must agree. */
static inline Matrix **world_run(World *w, Lowered *l, const Matrix *prediction) {
    assert_non_null(l);
    Matrix **raw = world_run_raw(w, l->func, l, prediction);
    if (!raw) return NULL;
    PassOptions passes = {.threads = 1, .verify = true};
    IrFunc *f = ir_optimize(l->func, &passes);
    assert_non_null(f);
    Matrix **better = world_run_raw(w, f, l, prediction);
    if (!better) diag_print(w->ds, stderr, false);
    assert_non_null(better);
    assert_int_equal(f->output_names.len, l->func->output_names.len);
    for (int i = 0; i < l->func->output_names.len; i++) {
        assert_int_equal(raw[i]->rows, better[i]->rows);
        assert_int_equal(raw[i]->cols, better[i]->cols);
        for (int64_t r = 0; r < raw[i]->rows; r++)
            for (int64_t c = 0; c < raw[i]->cols; c++) {
                double a = mat_get(raw[i], r, c), b = mat_get(better[i], r, c);
                if (isnan(a) && isnan(b)) continue;
                if (fabs(a - b) > 1e-9 * (1 + fabs(a)))
                    fail_msg("%s[%d, %d]: %.17g as lowered, %.17g after the passes", l->func->output_names.data[i],
                             (int)r + 1, (int)c + 1, a, b);
            }
    }
    return raw;
}

/* A trained model: name = value hyperparameters in `args` as text, such as "k = 2". NULL: reported. */
static inline Model *world_train(World *w, const char *algorithm, const char *args, const Integration *data) {
    const AlgorithmDecl *a = world_algorithm(w, algorithm);
    char *text = arena_printf(w->arena, "train m = %s(%s) on T;", algorithm, args);
    Script *s = parse_script(w->arena, w->ds, diag_add_file(w->ds, "train", text, strlen(text)), text, strlen(text));
    assert_int_equal(s->stmts.len, 1);
    Model *m = arena_new_of(w->arena, Model);
    m->name = "m";
    m->algorithm = a;
    m->rows = data->rows;
    m->nfeatures = data->cols;
    if (!lower_hyper(&w->env, a, &s->stmts.data[0]->train.args, s->stmts.data[0]->span, &m->nhyper, &m->hyper))
        return NULL;
    Lowered *l = lower_fit(&w->env, a, m->nhyper, m->hyper, data, s->stmts.data[0]->span, "m");
    if (!l) return NULL;
    Matrix **out = world_run(w, l, NULL);
    if (!out) return NULL;
    m->nparams = l->func->output_names.len;
    m->params = arena_array(w->arena, ModelParam, m->nparams + 1);
    for (int i = 0; i < m->nparams; i++)
        m->params[i] = (ModelParam){.name = l->func->output_names.data[i],
                                    .value = out[i],
                                    .row_indexed = l->func->body->results.data[i]->rspace != 0};
    return m;
}

static inline const Matrix *model_value(const Model *m, const char *name) {
    for (int i = 0; i < m->nparams; i++)
        if (strcmp(m->params[i].name, name) == 0) return m->params[i].value;
    fail_msg("no parameter %s", name);
    return NULL;
}

static inline Matrix *world_predict(World *w, const Model *m, const Integration *data) {
    Lowered *l = lower_predict(&w->env, m, data, (Span){0});
    Matrix **out = l ? world_run(w, l, NULL) : NULL;
    return out ? out[0] : NULL;
}

static inline double world_measure(World *w, const char *metric, const Model *m, const Integration *data,
                                   const Matrix *p) {
    Lowered *l = lower_metric(&w->env, world_metric(w, metric), m, data, p ? p->cols : 0, (Span){0});
    if (!l) diag_print(w->ds, stderr, false);
    assert_non_null(l);
    Matrix **out = world_run(w, l, p);
    assert_non_null(out);
    return mat_get(out[0], 0, 0);
}

static inline void assert_near(double a, double b, double tolerance) {
    if (!(fabs(a - b) <= tolerance * (1 + fabs(b)))) fail_msg("%.17g is not %.17g", a, b);
}

/* All cells of a matrix against numbers in rows. */
static inline void assert_cells(const Matrix *m, int64_t rows, int64_t cols, const double *v) {
    assert_non_null(m);
    assert_int_equal(m->rows, rows);
    assert_int_equal(m->cols, cols);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < cols; c++) {
            double x = mat_get(m, r, c), y = v[r * cols + c];
            if (isnan(x) && isnan(y)) continue;
            if (x != y && !(fabs(x - y) <= 1e-12 * (1 + fabs(y))))
                fail_msg("cell %d, %d is %.17g, expected %.17g", (int)r + 1, (int)c + 1, x, y);
        }
}
#endif
