/* run_lowered.c: from a lowered function to its values: passes, backend, inputs, run (contract: run_internal.h).
 *
 * Backend: the one asked for with --backend; otherwise emitted C for training, and for values, predictions and metrics
 * the interpreter unless the estimate says that running takes longer than compiling would. */
#include "compiler/run_internal.h"
#include <stdlib.h>

#define COMPILING_SECONDS 0.25

PassOptions run_passes(const Run *r, const char *strategy) {
    PassOptions o = r->o->passes;
    o.threads = r->o->threads;
    o.strategy = strategy;
    return o;
}

const Integration *run_data(Run *r, const Integration *in) {
    bool wanted = r->o->strategy == STRATEGY_MATERIALIZE ||
                  (r->o->strategy == STRATEGY_AUTO && data_is_materialized(r->data, in));
    return wanted ? data_materialized(r->data, in) : in;
}

static const Backend *pick_backend(Run *r, const IrFunc *f, RunPurpose purpose) {
    /* a plan is looked at on the backend that is asked for; what has to run before it may lack a GPU */
    if (purpose == RUN_TRAIN || (r->o->backend && !r->o->explain)) return run_training_backend(r);
    const char *why;
    bool slow = f->tables.len > 0 && ir_cost(f, r->o->threads).seconds > COMPILING_SECONDS;
    return slow && backend_c.available(&why) ? &backend_c : &backend_interp;
}

const Backend *run_training_backend(const Run *r) {
    return r->o->backend ? backend_by_name(r->o->backend) : &backend_c;
}

static bool check_available(Run *r, const Backend *b, Span at, const BackendOptions *o) {
    if (b->check) return b->check(r->ds, at, o);
    const char *why = NULL;
    if (b->available(&why)) return true;
    Diag *d =
        diag_error(r->ds, "E602", at, "the %s backend cannot be used: %s", b->name, why ? why : "a part is missing");
    diag_help(
        d,
        strcmp(b->name, "c") == 0
            ? "install a C compiler (`amal doctor` says what was found), or run with --backend interp, which is slower"
            : "`amal doctor` says what was found");
    return false;
}

/* The value of one input. Vectors of the integration are wrapped, not copied: `mine` says that the wrapper is to be
 * freed. */
static Matrix *input_value(const LowerInput *in, const Matrix *prediction, bool *mine) {
    *mine = false;
    switch (in->kind) {
    case LI_LABEL: *mine = true; return mat_wrap_dense(in->data->rows, 1, in->data->label);
    case LI_WEIGHT: *mine = true; return mat_wrap_dense(in->data->rows, 1, in->data->weight);
    case LI_PREDICTION: return (Matrix *)prediction;
    case LI_PARAM:
    case LI_VALUE: return (Matrix *)in->value;
    }
    internal_error("input kind %d", (int)in->kind);
}

/* The order that T's rows stand in, for a value over them; NULL: the script's. */
static const int32_t *order_of(const IrFunc *f, int rspace) {
    return f->spaces.data[rspace].order;
}
/* Rows of m into that order, or out of it again. NULL: no memory. */
static Matrix *reorder_rows(const Matrix *m, const int32_t *order, bool back) {
    Matrix *out = mat_new_dense(m->rows, m->cols);
    for (int64_t i = 0; out && i < m->rows; i++) {
        int64_t from = back ? i : order[i], to = back ? order[i] : i;
        memcpy(out->data + to * out->ld, m->data + from * m->ld, sizeof(double) * (size_t)m->cols);
    }
    return out;
}

/* Backends take dense inputs that they do not change. */
static Matrix **gather_inputs(Run *r, const Lowered *l, const Matrix *prediction, bool *mine) {
    Matrix **inputs = arena_array(r->arena, Matrix *, l->ninputs + 1);
    for (int i = 0; i < l->ninputs; i++) {
        Matrix *m = input_value(&l->inputs[i], prediction, &mine[i]);
        if (m && m->kind != MAT_DENSE) {
            m = mat_to_dense(m);
            mine[i] = true;
        }
        const int32_t *order = order_of(l->func, l->func->inputs.data[i].rspace);
        bool own = l->inputs[i].kind == LI_LABEL || l->inputs[i].kind == LI_WEIGHT; /* of the sorted view itself */
        if (m && order && !own) {
            Matrix *sorted = reorder_rows(m, order, false);
            if (mine[i]) mat_free(m);
            m = sorted;
            mine[i] = true;
        }
        if (!m) {
            diag_error(r->ds, "E402", (Span){0}, "not enough memory for an input of `%s`", l->func->name);
            for (int k = 0; k < i; k++)
                if (mine[k]) mat_free(inputs[k]);
            return NULL;
        }
        inputs[i] = m;
    }
    return inputs;
}

static BackendOptions backend_options(const Run *r, const PassOptions *passes) {
    return (BackendOptions){.passes = passes,
                            .threads = r->o->threads,
                            .keep_dir = r->o->keep_dir,
                            .dump_cuda = r->o->dump_cuda,
                            .gpu_arch = r->o->gpu_arch,
                            .any_order = r->o->any_order,
                            .to_look = r->o->explain};
}

bool run_lowered(Run *r, Lowered *l, RunPurpose purpose, const Matrix *prediction, RunResult *out) {
    memset(out, 0, sizeof *out);
    PassOptions passes = run_passes(r, purpose == RUN_TRAIN ? r->strategy : "factorized");
    double begin = time_now();
    IrFunc *f = ir_optimize(l->func, &passes);
    const Backend *b = pick_backend(r, f, purpose);
    BackendOptions o = backend_options(r, &passes);
    RunProfile *profile = purpose == RUN_TRAIN && b->profiles ? r->profile : NULL;
    o.profile = profile != NULL;
    o.to_look = false;
    if (!check_available(r, b, (Span){0}, &o)) return false;
    Executable *x = b->prepare(r->ds, f, &o);
    double prepared = time_now();
    if (!x) return false;
    bool *mine = arena_array(r->arena, bool, l->ninputs + 1);
    Matrix **inputs = gather_inputs(r, l, prediction, mine);
    out->outputs = arena_array(r->arena, Matrix *, f->output_names.len + 1);
    Progress bar;
    progress_begin(&bar, r->training, purpose == RUN_TRAIN && !r->o->quiet);
    RunContext rc = {.diags = r->ds,
                     .threads = r->o->threads,
                     .progress = progress_update,
                     .user = &bar,
                     .profile = profile,
                     .check_finite = purpose == RUN_TRAIN};
    bool ok = inputs && b->run(x, &rc, inputs, out->outputs);
    for (int i = 0; ok && i < f->output_names.len; i++) {
        const int32_t *order = order_of(f, f->body->results.data[i]->rspace);
        if (!order) continue;
        Matrix *back = reorder_rows(out->outputs[i], order, true);
        if (!back) {
            diag_error(r->ds, "E402", (Span){0}, "not enough memory for a result of `%s`", l->func->name);
            ok = false;
            break;
        }
        mat_free(out->outputs[i]);
        out->outputs[i] = back;
    }
    progress_end(&bar);
    for (int i = 0; inputs && i < l->ninputs; i++)
        if (mine[i]) mat_free(inputs[i]);
    out->iterations = rc.iterations;
    out->seconds = rc.seconds;
    out->seconds_compile = prepared - begin;
    out->backend = b->name;
    r->seconds_compile += out->seconds_compile;
    if (purpose == RUN_TRAIN) r->seconds_train += out->seconds;
    b->release(x);
    return ok;
}

bool run_explain(Run *r, Lowered *l, Buf *out) {
    PassOptions passes = run_passes(r, r->strategy);
    IrFunc *f = ir_optimize(l->func, &passes);
    ir_print(out, f);
    for (int i = 0; i < f->notes.len; i++) buf_printf(out, "note: %s\n", f->notes.data[i]);
    IrCost cost = ir_cost(f, r->o->threads);
    buf_printf(out, "estimated: %.3g flops, %.3g bytes, %.3g s with %d threads\n", cost.flops, cost.bytes, cost.seconds,
               r->o->threads);
    const Backend *b = pick_backend(r, f, RUN_TRAIN);
    BackendOptions o = backend_options(r, &passes);
    if (!check_available(r, b, (Span){0}, &o)) return false;
    Executable *x = b->prepare(r->ds, f, &o);
    if (!x) return false;
    buf_printf(out, "\n%s backend:\n", b->name);
    b->describe(x, out);
    b->release(x);
    return true;
}
