/* interp.c: the backend that walks the IR and runs a kernel a node: the engine of small values and the oracle of the
 * tests.
 *
 * Plan (made once): for every region the live nodes and, after each, the values that nothing needs any more. A node
 * used inside a nested region is needed until the control node that owns the region is done; a region's results until
 * its end. So memory holds what is still to be read, and a loop's temporaries die within the iteration. Nodes that no
 * result needs are not run.
 *
 * Values are counted references: carried values, results of loops and stored values share one matrix. Outputs are dense
 * and owned by the caller.
 *
 * Stops: a failing kernel at its node's place in the script; a carried small value that was finite when its loop began
 * and is not after an iteration (E405, when wanted); progress() returning false (E460). Progress is asked for at most
 * every 50 ms, between iterations of any loop, in iterations of the outermost. */
#include <math.h>

#include "backends/backend.h"
#include "backends/interp/eval.h"

#define PROGRESS_SECONDS 0.05

typedef struct Value {
    int refs;
    Matrix *m;
    int ntuple; /* of a control node: its results */
    struct Value **tuple;
} Value;
typedef struct Plan {
    const IrRegion *region;
    int *dead_first; /* per node and one more: range of `dead` to drop after it */
    IrNode **dead;
} Plan;
struct Executable {
    const IrFunc *f;
    int threads;
    int nplans, nnodes;
    Plan *plans;     /* [0] is the function's body */
    int *first_plan; /* by node id: plan of a control node's first region; the others follow */
    bool *live;      /* by node id */
};
typedef struct Runner {
    const Executable *x;
    RunContext *rc;
    KernelContext k;
    Matrix *const *inputs;
    Value **slot; /* by node id */
    int loop_depth;
    int64_t done, total; /* of the outermost loop */
    double reported;
} Runner;

/* ---------------- the plan ---------------- */
typedef struct Frame {
    const IrRegion *region;
    int pos;
} Frame;
typedef struct Planner {
    Executable *x;
    int *level, *last; /* by node id: where it is defined; the last position that needs it; -1: a parameter */
    Frame *frames;
    int depth;
} Planner;

static int count_regions(const IrRegion *r) {
    int n = 1;
    for (int i = 0; i < r->nodes.len; i++)
        for (int j = 0; j < r->nodes.data[i]->nregions; j++) n += count_regions(r->nodes.data[i]->regions[j]);
    return n;
}

/* An explicit stack: chains of nodes may be long. */
static void mark_live(Executable *x) {
    const IrNode **stack = mem_alloc(sizeof *stack * ((size_t)x->nnodes + 1));
    int top = 0;
#define PUSH(NODE)                                                                                                     \
    do {                                                                                                               \
        const IrNode *node_ = (NODE);                                                                                  \
        if (!x->live[node_->id]) {                                                                                     \
            x->live[node_->id] = true;                                                                                 \
            stack[top++] = node_;                                                                                      \
        }                                                                                                              \
    } while (0)
    for (int i = 0; i < x->f->body->results.len; i++) PUSH(x->f->body->results.data[i]);
    while (top) {
        const IrNode *n = stack[--top];
        for (int i = 0; i < n->nargs; i++) PUSH(n->args[i]);
        for (int r = 0; r < n->nregions; r++)
            for (int i = 0; i < n->regions[r]->results.len; i++) PUSH(n->regions[r]->results.data[i]);
    }
#undef PUSH
    mem_free(stack);
}

static void plan_use(Planner *p, const IrNode *n) {
    if (p->last[n->id] < 0) return;
    p->last[n->id] = p->frames[p->level[n->id]].pos;
}

static void plan_deaths(Planner *p, Plan *plan) {
    const IrRegion *r = plan->region;
    int n = r->nodes.len, total = 0;
    plan->dead_first = mem_alloc(sizeof(int) * ((size_t)n + 2));
    plan->dead = mem_alloc(sizeof(IrNode *) * ((size_t)n + 1));
    for (int i = 0; i < n; i++) {
        const IrNode *v = r->nodes.data[i];
        if (p->x->live[v->id] && p->last[v->id] < n) plan->dead_first[p->last[v->id] + 1]++;
    }
    for (int i = 0; i < n; i++) plan->dead_first[i + 1] += plan->dead_first[i];
    int *at = mem_alloc(sizeof(int) * ((size_t)n + 1));
    memcpy(at, plan->dead_first, sizeof(int) * (size_t)n);
    for (int i = 0; i < n; i++) {
        IrNode *v = r->nodes.data[i];
        if (p->x->live[v->id] && p->last[v->id] < n) plan->dead[at[p->last[v->id]]++] = v, total++;
    }
    mem_free(at);
    AMAL_CHECK(total == plan->dead_first[n]);
}

static void plan_region(Planner *p, const IrRegion *r, int number) {
    Executable *x = p->x;
    int level = p->depth++;
    p->frames[level] = (Frame){r, 0};
    x->plans[number].region = r;
    for (int i = 0; i < r->params.len; i++) p->last[r->params.data[i]->id] = -1;
    for (int i = 0; i < r->nodes.len; i++) {
        const IrNode *n = r->nodes.data[i];
        if (!x->live[n->id]) continue;
        p->frames[level].pos = i;
        for (int a = 0; a < n->nargs; a++) plan_use(p, n->args[a]);
        if (n->nregions) {
            x->first_plan[n->id] = x->nplans;
            x->nplans += n->nregions;
            for (int j = 0; j < n->nregions; j++) plan_region(p, n->regions[j], x->first_plan[n->id] + j);
        }
        p->level[n->id] = level;
        p->last[n->id] = i;
    }
    p->frames[level].pos = r->nodes.len;
    for (int i = 0; i < r->results.len; i++) plan_use(p, r->results.data[i]);
    plan_deaths(p, &x->plans[number]);
    p->depth--;
}

static bool interp_available(const char **why_not) {
    (void)why_not;
    return true;
}

static Executable *interp_prepare(Diags *ds, IrFunc *f, const BackendOptions *o) {
    (void)ds;
    Executable *x = mem_alloc(sizeof *x);
    int regions = count_regions(f->body);
    size_t nodes = (size_t)f->next_id + 1;
    *x = (Executable){.f = f, .threads = o ? o->threads : 0, .nplans = 1, .nnodes = f->next_id + 1};
    x->plans = mem_alloc(sizeof *x->plans * (size_t)regions);
    x->first_plan = mem_alloc(sizeof *x->first_plan * nodes);
    x->live = mem_alloc(sizeof *x->live * nodes);
    mark_live(x);
    Planner p = {.x = x};
    p.level = mem_alloc(sizeof *p.level * nodes);
    p.last = mem_alloc(sizeof *p.last * nodes);
    p.frames = mem_alloc(sizeof *p.frames * (size_t)regions);
    plan_region(&p, f->body, 0);
    mem_free(p.level);
    mem_free(p.last);
    mem_free(p.frames);
    return x;
}

static void interp_release(Executable *x) {
    if (!x) return;
    for (int i = 0; i < x->nplans; i++) {
        mem_free(x->plans[i].dead_first);
        mem_free(x->plans[i].dead);
    }
    mem_free(x->plans);
    mem_free(x->first_plan);
    mem_free(x->live);
    mem_free(x);
}

/* ---------------- values ---------------- */
static Value *value_new(Matrix *m) {
    Value *v = mem_alloc(sizeof *v);
    *v = (Value){.refs = 1, .m = m};
    return v;
}
static Value *value_keep(Value *v) {
    v->refs++;
    return v;
}
static void value_drop(Value *v) {
    if (!v || --v->refs) return;
    for (int i = 0; i < v->ntuple; i++) value_drop(v->tuple[i]);
    mem_free(v->tuple);
    mat_free(v->m);
    mem_free(v);
}
static void slot_set(Runner *r, const IrNode *n, Value *v) {
    value_drop(r->slot[n->id]);
    r->slot[n->id] = v;
}
static Value *slot_get(const Runner *r, const IrNode *n) {
    Value *v = r->slot[n->id];
    if (!v) internal_error("%%%d (%s) is read before it is computed", n->id, ir_ops[n->op].name);
    return v;
}
static double scalar_of(const Runner *r, const IrNode *n) {
    const Matrix *m = slot_get(r, n)->m;
    if (m->rows != 1 || m->cols != 1)
        internal_error("%%%d is %lld x %lld, not a number", n->id, (long long)m->rows, (long long)m->cols);
    return mat_get(m, 0, 0);
}
static void tuple_drop(Value **t, int n) {
    for (int i = 0; i < n; i++) value_drop(t[i]);
    mem_free(t);
}
static Value **tuple_new(int n) {
    return mem_alloc(sizeof(Value *) * ((size_t)n + 1));
}

/* ---------------- running ---------------- */
/* Reports the kernel's failure at the node's place in the script. */
static bool run_failed(Runner *r, const IrNode *n) {
    Diag *d = diag_error(r->rc->diags, r->k.code, n->span, "%s", r->k.error);
    if (r->k.help) diag_help(d, "%s", r->k.help);
    return false;
}

static bool run_region(Runner *r, const Plan *p);

/* The region's results, kept; its slots are empty afterwards. */
static Value **take_results(Runner *r, const Plan *p) {
    const IrRegion *g = p->region;
    Value **out = tuple_new(g->results.len);
    for (int i = 0; i < g->results.len; i++) out[i] = value_keep(slot_get(r, g->results.data[i]));
    for (int i = 0; i < g->nodes.len; i++) slot_set(r, g->nodes.data[i], NULL);
    for (int i = 0; i < g->params.len; i++) slot_set(r, g->params.data[i], NULL);
    return out;
}

static bool is_finite(const Matrix *m, double *bad) {
    const double *v = m->kind == MAT_CSR ? m->values : m->data;
    if (m->kind == MAT_CODES || !v) return true;
    int64_t n = m->kind == MAT_CSR ? mat_nnz(m) : m->rows * m->cols;
    for (int64_t i = 0; i < n; i++) {
        *bad = m->kind == MAT_CSR ? v[i] : v[i / m->cols * m->ld + i % m->cols];
        if (!isfinite(*bad)) return false;
    }
    return true;
}

/* Carried values that stopped being finite in this iteration. `watched[i]`: it is small and was finite when the loop
 * began. */
static bool check_carried(Runner *r, const IrNode *loop, const IrRegion *body, Value *const *carried,
                          const bool *watched, int first_param, int64_t at, int64_t of) {
    for (int i = 0; i < body->results.len; i++) {
        double bad = 0;
        if (!watched[i] || is_finite(carried[i]->m, &bad)) continue;
        const IrNode *result = body->results.data[i], *param = body->params.data[first_param + i];
        const char *name = param->name ? param->name : result->name ? result->name : "a value";
        Span span = result->span.file ? result->span : loop->span;
        char total[32] = "";
        if (of > 0) snprintf(total, sizeof total, " of %lld", (long long)of);
        Diag *d = diag_error(r->rc->diags, "E405", span,
                             "training diverged: `%s` is not finite (%s) after iteration %lld%s", name,
                             bad != bad ? "not a number"
                             : bad > 0  ? "+infinity"
                                        : "-infinity",
                             (long long)at, total);
        diag_help(d, "use a smaller step, or bring the features to one scale (standardize = true); log or division by "
                     "zero also gives such values");
        return false;
    }
    return true;
}

/* After an iteration of a loop. false: stop. */
static bool iteration_done(Runner *r, const IrNode *loop, int64_t at, int64_t of) {
    if (r->loop_depth == 1) {
        r->rc->iterations++;
        r->done = at;
        r->total = of;
    }
    if (!r->rc->progress) return true;
    double now = time_now();
    if (now - r->reported < PROGRESS_SECONDS) return true;
    r->reported = now;
    if (r->rc->progress(r->rc->user, r->done, r->total)) return true;
    diag_error(r->rc->diags, "E460", loop->span, "interrupted after iteration %lld", (long long)r->done);
    return false;
}

/* What moves in the outermost loops, for a profile: small values, before the loop (at 0) and after each iteration. */
static void note_carried(Runner *r, const IrNode *loop, const IrRegion *body, Value *const *carried, int first_param,
                         int64_t at) {
    for (int i = 0; r->rc->profile && r->loop_depth == 1 && i < body->results.len; i++) {
        const IrNode *p = body->params.data[first_param + i];
        const Matrix *m = carried[i]->m;
        if (p->name && !p->rspace && m->kind == MAT_DENSE && m->ld == m->cols)
            profile_carried(r->rc->profile, loop, i, p->name, at, m->data, m->rows * m->cols);
    }
}

static bool *watch_carried(const Runner *r, const IrRegion *body, Value *const *carried, int first_param) {
    bool *watched = mem_alloc(sizeof *watched * ((size_t)body->results.len + 1));
    double bad;
    for (int i = 0; r->rc->check_finite && i < body->results.len; i++)
        watched[i] = body->params.data[first_param + i]->name && !body->params.data[first_param + i]->rspace &&
                     is_finite(carried[i]->m, &bad);
    return watched;
}

/* The carried values become the region's parameters; the references in `carried` go with them. */
static void give_params(Runner *r, const IrRegion *g, int first_param, Value **carried) {
    for (int i = first_param; i < g->params.len; i++) slot_set(r, g->params.data[i], carried[i - first_param]);
    mem_free(carried);
}
static Value **start_carried(const Runner *r, const IrNode *n, int first_arg) {
    Value **carried = tuple_new(n->nargs);
    for (int i = first_arg; i < n->nargs; i++) carried[i - first_arg] = value_keep(slot_get(r, n->args[i]));
    return carried;
}

static Value **run_loop(Runner *r, const IrNode *n) {
    const Plan *p = &r->x->plans[r->x->first_plan[n->id]];
    const IrRegion *body = p->region;
    double count = scalar_of(r, n->args[0]);
    int64_t times = count >= 1 ? (count < 9e15 ? (int64_t)count : INT64_MAX) : 0;
    Value **carried = start_carried(r, n, 1);
    int ncarried = n->nargs - 1;
    bool *watched = watch_carried(r, body, carried, 1), ok = true;
    note_carried(r, n, body, carried, 1, 0);
    for (int64_t i = 1; ok && i <= times; i++) {
        Matrix *index = kernel_iota(&r->k, 1, NULL);
        if (!index) {
            ok = run_failed(r, n);
            break;
        }
        index->data[0] = (double)i;
        slot_set(r, body->params.data[0], value_new(index));
        give_params(r, body, 1, carried);
        carried = NULL;
        if (!(ok = run_region(r, p))) break;
        carried = take_results(r, p);
        note_carried(r, n, body, carried, 1, i);
        ok = check_carried(r, n, body, carried, watched, 1, i, times) && iteration_done(r, n, i, times);
    }
    mem_free(watched);
    if (ok) return carried;
    if (carried) tuple_drop(carried, ncarried);
    return NULL;
}

static Value **run_while(Runner *r, const IrNode *n) {
    const Plan *cond = &r->x->plans[r->x->first_plan[n->id]], *p = cond + 1;
    Value **carried = start_carried(r, n, 0);
    bool *watched = watch_carried(r, p->region, carried, 0), ok = true;
    note_carried(r, n, p->region, carried, 0, 0);
    for (int64_t i = 1; ok; i++) {
        Value **seen = tuple_new(n->nargs);
        for (int c = 0; c < n->nargs; c++) seen[c] = value_keep(carried[c]);
        give_params(r, cond->region, 0, seen);
        if (!(ok = run_region(r, cond))) break;
        double more = scalar_of(r, cond->region->results.data[0]);
        tuple_drop(take_results(r, cond), cond->region->results.len);
        if (!(more != 0)) break;
        give_params(r, p->region, 0, carried);
        carried = NULL;
        if (!(ok = run_region(r, p))) break;
        carried = take_results(r, p);
        note_carried(r, n, p->region, carried, 0, i);
        ok = check_carried(r, n, p->region, carried, watched, 0, i, 0) && iteration_done(r, n, i, 0);
    }
    mem_free(watched);
    if (ok) return carried;
    if (carried) tuple_drop(carried, n->nargs);
    return NULL;
}

static Value **run_if(Runner *r, const IrNode *n) {
    const Plan *p = &r->x->plans[r->x->first_plan[n->id]] + (scalar_of(r, n->args[0]) != 0 ? 0 : 1);
    return run_region(r, p) ? take_results(r, p) : NULL;
}

static bool run_control(Runner *r, const IrNode *n) {
    Value **results;
    if (n->op == IR_IF) {
        results = run_if(r, n);
    } else {
        r->loop_depth++;
        results = n->op == IR_LOOP ? run_loop(r, n) : run_while(r, n);
        r->loop_depth--;
    }
    if (!results) return false;
    Value *v = value_new(NULL);
    v->tuple = results;
    v->ntuple = n->op == IR_IF ? n->regions[0]->results.len : n->op == IR_LOOP ? n->nargs - 1 : n->nargs;
    slot_set(r, n, v);
    return true;
}

/* An input is read where it is; its header is a copy, so that it is freed like any other. */
static Matrix *input_view(Runner *r, const IrNode *n) {
    const Matrix *in = r->inputs[n->i0];
    if (in->rows != n->rows || in->cols != n->cols)
        internal_error("input %lld is %lld x %lld, declared %lld x %lld", (long long)n->i0, (long long)in->rows,
                       (long long)in->cols, (long long)n->rows, (long long)n->cols);
    Matrix *v = mem_alloc(sizeof *v);
    *v = *in;
    v->owned = false;
    return v;
}

static bool run_node(Runner *r, const IrNode *n) {
    enum { FEW = 8 };
    if (ir_ops[n->op].cls == IRC_CONTROL && n->op != IR_PROJ) return run_control(r, n);
    if (n->op == IR_PROJ) {
        const Value *control = slot_get(r, n->args[0]);
        AMAL_CHECK(n->i0 < control->ntuple);
        slot_set(r, n, value_keep(control->tuple[n->i0]));
        return true;
    }
    if (n->op == IR_STORED) {
        slot_set(r, n, value_keep(slot_get(r, n->args[0])));
        return true;
    }
    Matrix *few[FEW], **args = n->nargs <= FEW ? few : mem_alloc(sizeof *args * (size_t)n->nargs);
    for (int i = 0; i < n->nargs; i++) args[i] = slot_get(r, n->args[i])->m;
    RunProfile *profile = r->rc->profile;
    double begin = profile ? time_now() : 0;
    Matrix *m = n->op == IR_INPUT ? input_view(r, n) : interp_eval_node(&r->k, r->x->f, n, args);
    if (profile) profile_add(&profile->kernels[n->id], time_now() - begin);
    if (args != few) mem_free(args);
    if (!m) return run_failed(r, n);
    slot_set(r, n, value_new(m));
    return true;
}

static bool run_region(Runner *r, const Plan *p) {
    for (int i = 0; i < p->region->nodes.len; i++) {
        const IrNode *n = p->region->nodes.data[i];
        if (!r->x->live[n->id]) continue;
        if (!run_node(r, n)) return false;
        for (int d = p->dead_first[i]; d < p->dead_first[i + 1]; d++) slot_set(r, p->dead[d], NULL);
    }
    return true;
}

/* A dense matrix of the caller's own. */
static Matrix *take_output(Runner *r, const IrNode *n) {
    Value *v = slot_get(r, n);
    if (v->refs == 1 && v->m->owned && v->m->kind == MAT_DENSE) {
        Matrix *m = v->m;
        v->m = mem_alloc(sizeof *v->m);
        *v->m = *m;
        v->m->owned = false;
        return m;
    }
    Matrix *m = mat_to_dense(v->m);
    if (m) return m;
    char what[64];
    snprintf(what, sizeof what, "a result of %lld x %lld", (long long)v->m->rows, (long long)v->m->cols);
    kernel_no_memory(&r->k, (double)v->m->rows * (double)v->m->cols * sizeof(double), what);
    run_failed(r, n);
    return NULL;
}

static bool interp_run(Executable *x, RunContext *rc, Matrix *const *inputs, Matrix **outputs) {
    int threads = rc->threads > 0 ? rc->threads : x->threads > 0 ? x->threads : thread_default_count();
    Runner r = {.x = x, .rc = rc, .inputs = inputs, .k = {.threads = threads}};
    r.slot = mem_alloc(sizeof *r.slot * (size_t)x->nnodes);
    rc->iterations = 0;
    if (rc->profile) profile_begin(rc->profile, 0, x->f->next_id);
    double begin = r.reported = time_now();
    int nout = x->f->body->results.len;
    for (int i = 0; i < nout; i++) outputs[i] = NULL;
    bool ok = run_region(&r, &x->plans[0]);
    for (int i = 0; ok && i < nout; i++) ok = (outputs[i] = take_output(&r, x->f->body->results.data[i])) != NULL;
    for (int i = 0; !ok && i < nout; i++) {
        mat_free(outputs[i]);
        outputs[i] = NULL;
    }
    for (int i = 0; i < x->nnodes; i++) value_drop(r.slot[i]);
    mem_free(r.slot);
    rc->seconds = time_now() - begin;
    return ok;
}

static void interp_describe(const Executable *x, Buf *out) {
    int nodes = 0, looped = 0;
    for (int i = 0; i < x->nplans; i++) {
        const IrRegion *g = x->plans[i].region;
        for (int n = 0; n < g->nodes.len; n++) {
            if (!x->live[g->nodes.data[n]->id]) continue;
            nodes++;
            looped += g->parent != NULL;
        }
    }
    buf_printf(out, "  node by node, every value stored: %d operators, %d of them inside loops or conditionals\n",
               nodes, looped);
}
static double interp_compile_seconds(const Executable *x) {
    (void)x;
    return 0;
}

const Backend backend_interp = {
    .name = "interp",
    .sorted_rows = true,
    .profiles = true,
    .help = "walks the plan with the runtime's kernels: no compiler needed, slower",
    .available = interp_available,
    .prepare = interp_prepare,
    .run = interp_run,
    .release = interp_release,
    .describe = interp_describe,
    .compile_seconds = interp_compile_seconds,
};
