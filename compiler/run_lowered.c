/* run_lowered.c: from a lowered function to its values: passes, backend, inputs, run (contract: run_internal.h).
 *
 * Backend: the one asked for with --backend; otherwise emitted C for training (or the GPU, with `backend auto`:
 * run_backend.c), and for values, predictions and metrics the interpreter unless the estimate says that running takes
 * longer than compiling would. */
#include "backends/c/carry.h"
#include "compiler/estimator/gpu_kept.h"
#include "compiler/run_internal.h"
#include <stdlib.h>

PassOptions run_passes(const Run *r, const char *strategy) {
    PassOptions o = r->o->passes;
    o.threads = r->o->threads;
    o.strategy = strategy;
    return o;
}

PassOptions run_training_passes(const Run *r) {
    PassOptions o = run_passes(r, r->strategy);
    ir_choose_gram(&o, r->gram);
    return o;
}
void run_strategy(Run *r, const StrategyChoice *c) {
    r->strategy = c->materialize ? "materialized" : "factorized";
    r->gram = c->gram;
}

const Integration *run_data(Run *r, const Integration *in) {
    bool wanted = r->o->strategy == STRATEGY_MATERIALIZE ||
                  (r->o->strategy == STRATEGY_AUTO && data_is_materialized(r->data, in));
    if (r->o->rehearsal && !strategy_fits_memory(in)) wanted = false;
    return wanted ? data_materialized(r->data, in) : in;
}

static const Backend *pick_backend(Run *r, const IrFunc *f, RunPurpose purpose) {
    if (purpose == RUN_TRAIN) return run_training_backend(r);
    /* a plan is looked at on the backend that is asked for, and code for it is collected: what has to run before may
     * lack a GPU. A built program has no code for what reads no target. */
    bool here = !r->o->explain && !r->o->rehearsal && !(r->o->carried && !f->tables.len);
    if (run_backend_asked(r) && here) return backend_by_name(r->o->backend);
    const char *why;
    bool slow = f->tables.len > 0 && ir_cost(f, r->o->threads).seconds > COMPILING_SECONDS;
    return slow && (r->o->carried || backend_c.available(&why)) ? &backend_c : &backend_interp;
}

const char *run_backend_asked(const Run *r) {
    return r->o->backend && strcmp(r->o->backend, BACKEND_AUTO) ? r->o->backend : NULL;
}
const Backend *run_training_backend(const Run *r) {
    const char *asked = run_backend_asked(r);
    return asked ? backend_by_name(asked) : r->backend ? r->backend : &backend_c;
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

BackendOptions run_backend_options(const Run *r, const PassOptions *passes) {
    return (BackendOptions){.passes = passes,
                            .threads = r->o->threads,
                            .keep_dir = r->o->keep_dir,
                            .dump_cuda = r->o->dump_cuda,
                            .gpu_arch = r->o->gpu_arch,
                            .any_order = r->o->any_order,
                            .to_look = r->o->explain};
}

/* Of a built program. Kernels that it carries need no compiler; for others there may be one, and if not, and no backend
 * was asked for, the interpreter does the work of C. What is not as it was built is said. *b: what the result is for.
 */
static Executable *prepare_carried(Run *r, const Backend **b, IrFunc *f, BackendOptions o) {
    int found = CARRIED_THERE;
    DiagMark mark = diag_mark(r->ds);
    o.carried = r->o->carried;
    o.outcome = &found;
    Executable *x = (*b)->prepare(r->ds, f, &o);
    const char *code = x ? "" : diag_last_code(r->ds);
    bool compiling = strcmp(code, "E602") == 0 || strcmp(code, "E603") == 0;
    bool gpu = *b == &backend_cuda;
    if (found == CARRIED_THERE || (!x && (gpu || !compiling || run_backend_asked(r)))) return x;
    char word[32] = "";
    bool foreign = found == CARRIED_FOREIGN;
    if (foreign && !gpu) (void)carry_lacks(r->o->carried->needs, word, sizeof word);
    if (!x) diag_take_back(r->ds, mark);
    Diag *d = diag_warn(r->ds, "W606", (Span){0}, "`%s` is %s: %s%s", f->name,
                        x ? "compiled now" : "interpreted, which is slower, for want of a C compiler",
                        foreign ? gpu ? "its code is for GPUs of other kinds" : "its code needs a processor with "
                                : "the data or params have other sizes than when the program was built",
                        word);
    diag_help(d, foreign ? gpu ? "build the program with --gpu-arch for this GPU"
                               : "build the program with --target portable, or on a machine like this one"
                         : "build the program again with data and params like these");
    if (x) return x;
    *b = &backend_interp;
    return backend_interp.prepare(r->ds, f, &o);
}

static Executable *prepare(Run *r, const Backend **b, IrFunc *f, const PassOptions *passes, bool profile) {
    BackendOptions o = run_backend_options(r, passes);
    o.profile = profile && (*b)->profiles;
    o.to_look = false;
    bool compiles = *b == &backend_c || (*b == &backend_cuda && r->o->carried && r->o->carried->nimages);
    if (r->o->carried && compiles) return prepare_carried(r, b, f, o);
    return check_available(r, *b, (Span){0}, &o) ? (*b)->prepare(r->ds, f, &o) : NULL;
}

static bool collect_kernel(Run *r, IrFunc *f, const PassOptions *passes) {
    BackendOptions o = run_backend_options(r, passes);
    o.sink = r->o->rehearsal;
    o.target = r->o->target;
    Executable *x = backend_c.prepare(r->ds, f, &o);
    if (!x) return false;
    backend_c.release(x);
    if (!(o.sink = r->o->rehearsal_cuda)) return true;
    if (!(x = backend_cuda.prepare(r->ds, f, &o))) return false;
    backend_cuda.release(x);
    return true;
}

/* In a rehearsal what would be computed is 0. false: reported. */
static bool rehearsed_outputs(Run *r, const IrFunc *f, RunResult *out) {
    out->backend = backend_c.name;
    for (int i = 0; i < f->output_names.len; i++) {
        const IrNode *n = f->body->results.data[i];
        out->outputs[i] = mat_new_dense(n->rows, n->cols);
        if (out->outputs[i]) continue;
        diag_error(r->ds, "E402", n->span, "no memory for a result of %lld x %lld", (long long)n->rows,
                   (long long)n->cols);
        for (int k = 0; k < i; k++) mat_free(out->outputs[k]);
        return false;
    }
    return true;
}

bool run_lowered(Run *r, Lowered *l, RunPurpose purpose, const Matrix *prediction, RunResult *out) {
    memset(out, 0, sizeof *out);
    PassOptions passes = purpose == RUN_TRAIN ? run_training_passes(r) : run_passes(r, "factorized");
    double begin = time_now();
    IrFunc *f = ir_optimize(l->func, &passes);
    out->outputs = arena_array(r->arena, Matrix *, f->output_names.len + 1);
    if (r->o->rehearsal) {
        if ((purpose == RUN_TRAIN || f->tables.len > 0) && !collect_kernel(r, f, &passes)) return false;
        if (purpose != RUN_VALUE) return rehearsed_outputs(r, f, out);
    }
    const Backend *b = pick_backend(r, f, purpose);
    Executable *x = prepare(r, &b, f, &passes, purpose == RUN_TRAIN && r->profile);
    RunProfile *profile = purpose == RUN_TRAIN && b->profiles ? r->profile : NULL;
    double prepared = time_now();
    if (!x) return false;
    bool *mine = arena_array(r->arena, bool, l->ninputs + 1);
    Matrix **inputs = gather_inputs(r, l, prediction, mine);
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
    PassOptions passes = run_training_passes(r);
    IrFunc *f = ir_optimize(l->func, &passes);
    ir_print(out, f);
    for (int i = 0; i < f->notes.len; i++) buf_printf(out, "note: %s\n", f->notes.data[i]);
    IrCost cost = ir_cost(f, r->o->threads);
    buf_printf(out, "estimated: %.3g flops, %.3g bytes, %.3g s with %d threads\n", cost.flops, cost.bytes, cost.seconds,
               r->o->threads);
    const Backend *b = pick_backend(r, f, RUN_TRAIN);
    GpuSpeeds gpu;
    const char *why;
    if (b == &backend_cuda && gpu_kept(&gpu, &why)) {
        IrGpu speeds = gpu_speeds_ir(&gpu);
        buf_printf(out, "estimated on %s: %.3g s, once its arrays are there\n", gpu.name,
                   ir_cost_gpu(f, &speeds).seconds);
    }
    BackendOptions o = run_backend_options(r, &passes);
    if (!check_available(r, b, (Span){0}, &o)) return false;
    Executable *x = b->prepare(r->ds, f, &o);
    if (!x) return false;
    buf_printf(out, "\n%s backend:\n", b->name);
    b->describe(x, out);
    b->release(x);
    return true;
}
