/* c.c: the C backend: fuse, emit, compile, load; and the services that emitted code calls (abi.h). */
#include "backends/backend.h"
#include "backends/c/carry.h"
#include "backends/c/compile.h"
#include "backends/c/emit.h"
#include "backends/interp/eval.h"
#include <math.h>
#include <stdlib.h>

struct Executable {
    IrFunc *func;
    FusePlan *plan;
    Emitted *code;
    Loaded loaded;
    IrNode **by_id; /* nodes that emitted code names */
    void **made;    /* indicators as plain arrays, made once */
    int nmade, cap_made;
    const void **bind;
    int64_t *rows;
};

static void index_nodes(Executable *x, IrRegion *r) {
    for (int i = 0; i < r->nodes.len; i++) {
        IrNode *n = r->nodes.data[i];
        x->by_id[n->id] = n;
        for (int k = 0; k < n->nregions; k++) index_nodes(x, n->regions[k]);
    }
}

/* Row of the space that each target row reads, the number of the space's rows where none. */
static int32_t *indicator_array(const Indicator *ind, int64_t space_rows) {
    if (ind->idx && ind->total) return NULL; /* as it is */
    int32_t *a = mem_try((size_t)ind->rows + 1, sizeof *a);
    if (!a) return NULL;
    for (int64_t i = 0; i < ind->rows; i++) {
        int64_t v = ind->identity ? i
                    : ind->range  ? (i >= ind->begin && i < ind->end ? i - ind->begin + ind->first : -1)
                                  : ind->idx[i];
        a[i] = (int32_t)(v < 0 ? space_rows : v);
    }
    return a;
}
static bool bind_data(Executable *x, Diags *ds) {
    x->bind = mem_alloc(sizeof *x->bind * (size_t)(x->code->binds.len + 1));
    x->made = mem_alloc(sizeof *x->made * (size_t)(x->code->binds.len + 1));
    for (int i = 0; i < x->code->binds.len; i++) {
        const Bind *b = &x->code->binds.data[i];
        if (b->kind == BIND_INPUT) continue;
        if (b->kind == BIND_NUMBER) {
            x->bind[i] = &x->by_id[b->index]->num;
            continue;
        }
        if (b->kind == BIND_ORDER) {
            x->bind[i] = x->func->spaces.data[b->index].order;
            continue;
        }
        const Integration *in = x->func->tables.data[b->table].data;
        bool indicator = b->kind == BIND_INDEX || b->kind == BIND_COUNT || b->kind == BIND_SEGMENTS;
        const IntBlock *blk = indicator ? NULL : &in->blocks[b->index];
        switch (b->kind) {
        case BIND_DENSE: x->bind[i] = blk->data->data; break;
        case BIND_FLOATS:
            if (!(x->bind[i] = mat_floats(blk->data, in->spec->threads))) {
                diag_error(ds, "E402", (Span){0}, "no memory for %lld numbers in single precision",
                           (long long)(blk->data->rows * blk->data->ld));
                return false;
            }
            break;
        case BIND_ROWPTR: x->bind[i] = blk->data->rowptr; break;
        case BIND_COLIDX: x->bind[i] = blk->data->colidx; break;
        case BIND_VALUES: x->bind[i] = blk->data->values; break;
        case BIND_CODES: x->bind[i] = blk->data->codes; break;
        case BIND_COLUMNS: x->bind[i] = blk->target_cols; break;
        case BIND_SEGMENTS: x->bind[i] = in->indicators[b->index].segments; break;
        case BIND_COUNT: x->bind[i] = in->indicators[b->index].count; break;
        case BIND_INDEX: {
            const Indicator *ind = &in->indicators[b->index];
            if (ind->idx && ind->total) {
                x->bind[i] = ind->idx;
                break;
            }
            int32_t *a = indicator_array(ind, in->spaces[ind->space].rows);
            if (!a) {
                diag_error(ds, "E402", (Span){0}, "no memory for an indicator of %lld rows", (long long)ind->rows);
                return false;
            }
            x->made[x->nmade++] = a;
            x->bind[i] = a;
            break;
        }
        default: break;
        }
    }
    x->rows = mem_alloc(sizeof *x->rows * (size_t)x->func->spaces.len);
    for (int s = 0; s < x->func->spaces.len; s++) x->rows[s] = x->func->spaces.data[s].rows;
    return true;
}
static void c_release(Executable *x) {
    if (!x) return;
    for (int i = 0; i < x->nmade; i++) mem_free(x->made[i]);
    mem_free(x->made);
    mem_free(x->bind);
    mem_free(x->rows);
    if (x->code) mem_free(x->code->text);
    compile_release(&x->loaded);
    mem_free(x);
}
/* For profiles: the passes' functions in their order, by which the host tells them. */
static void append_pass_table(const FusePlan *plan, Emitted *code) {
    Buf text = {0};
    buf_printf(&text, "%svoid (*const amal_passes[])(void *, int, int) = {", code->text);
    for (int i = 0; i < plan->passes.len; i++) buf_printf(&text, "%spass_%d", i ? ", " : "", plan->passes.data[i]->id);
    buf_puts(&text, plan->passes.len ? "};\n" : "0};\n");
    mem_free(code->text);
    code->text = buf_take(&text);
}
/* The kernel that the built program carries for this plan, emitted as it was when the program was built. */
static bool find_carried(Executable *x, const BackendOptions *o) {
    CpuTarget built = {.lanes = o->carried->lanes, .registers = o->carried->registers};
    CarriedOutcome outcome;
    x->code = emit_c(x->plan, &built);
    x->loaded.run = carry_find(o->carried, x->code->text, &outcome);
    x->loaded.cached = x->loaded.run != NULL;
    if (o->outcome) *o->outcome = outcome;
    if (x->loaded.run) return true;
    mem_free(x->code->text);
    x->code = NULL;
    return false;
}
static bool emit_and_load(Executable *x, Diags *ds, const BackendOptions *o) {
    CpuTarget target;
    if (o->target)
        target = *o->target;
    else if (!target_find(ds, &target))
        return false;
    x->code = emit_c(x->plan, &target);
    if (o->profile) append_pass_table(x->plan, x->code);
    return compile_load(ds, x->func->name, x->code->text, &target, o, &x->loaded);
}
static Executable *c_prepare(Diags *ds, IrFunc *f, const BackendOptions *o) {
    Executable *x = mem_alloc(sizeof *x);
    x->func = f;
    f->numbers_named = o->sink || o->carried;
    x->plan = ir_fuse(f);
    x->by_id = arena_array(f->arena, IrNode *, f->next_id + 1);
    index_nodes(x, f->body);
    if (!((o->carried && find_carried(x, o)) || emit_and_load(x, ds, o)) || !bind_data(x, ds)) {
        c_release(x);
        return NULL;
    }
    return x;
}
bool c_is_compiled(IrFunc *f, const BackendOptions *o) {
    Executable x = {.func = f};
    CpuTarget target;
    Diags *unsaid = diags_new(f->arena); /* what is wrong with the processor's name is said where code is made */
    f->numbers_named = o->carried != NULL;
    x.plan = ir_fuse(f);
    if (o->carried && find_carried(&x, o)) {
        mem_free(x.code->text);
        return true;
    }
    if (!target_find(unsaid, &target)) return false;
    x.code = emit_c(x.plan, &target);
    bool kept = compile_is_kept(x.code->text, &target, o);
    mem_free(x.code->text);
    return kept;
}

/* ---- services ---- */
typedef struct Host {
    AmalRt rt; /* first: emitted code gets a pointer to it */
    Executable *x;
    RunContext *rc;
    Matrix **outputs;
    Matrix **opaque; /* by node id */
    void **blocks;
    int nblocks, cap;
    bool *watched; /* by node id of a carried value: finite before its loop */
    bool failed;
    double last_progress;
    int64_t at, of; /* of the outermost loop */
    int64_t iterations;
    int last_pass; /* of a profiled run */
} Host;

static void *host_alloc(AmalRt *rt, int64_t count) {
    Host *h = (Host *)rt;
    if (h->nblocks == h->cap) {
        h->cap = h->cap ? 2 * h->cap : 32;
        h->blocks = mem_realloc(h->blocks, sizeof *h->blocks * (size_t)h->cap);
    }
    size_t bytes = sizeof(double) * (size_t)(count > 0 ? count : 1);
    void *p = count < 0 ? NULL : mem_try((size_t)(count > 0 ? count : 1), sizeof(double));
    if (!p) {
        diag_help(diag_error(h->rc->diags, "E402", (Span){0}, "no memory for %.1f MB of intermediate values",
                             (double)bytes / 1e6),
                  "fewer components or clusters, or a machine with more memory");
        h->failed = true;
        return NULL;
    }
    h->blocks[h->nblocks++] = p;
    return p;
}
static void host_run(int parts, void (*pass)(void *, int, int), void *frame) {
    thread_run(parts, pass, frame);
}
/* The same with a clock; amal_run calls it on the thread that called c_run. What is no pass adds up the sums of the
 * pass that ran before it, and its time is that pass's. */
static _Thread_local Host *profiled;
static void host_run_timed(int parts, void (*pass)(void *, int, int), void *frame) {
    const Executable *x = profiled->x;
    int i = 0;
    while (i < x->plan->passes.len && x->loaded.passes[i] != pass) i++;
    bool own = i < x->plan->passes.len;
    if (own) profiled->last_pass = i;
    double begin = time_now();
    thread_run(parts, pass, frame);
    ProfileTime *t = &profiled->rc->profile->passes[profiled->last_pass];
    t->seconds += time_now() - begin;
    t->calls += own;
}

/* Emitted code pads the rows of what it lays out itself (emit.h). */
static int64_t value_stride(const IrNode *v) {
    return v->rspace && v->op != IR_INPUT ? emit_pad(v->cols) : v->cols;
}

static Matrix *host_operand(Host *h, KernelContext *k, const IrNode *v, const void *p, bool *temporary) {
    *temporary = true;
    if (FUSE(v)->opaque) {
        *temporary = false;
        return h->opaque[v->id];
    }
    if (p) {
        Matrix *m = mat_wrap_dense(v->rows, v->cols, (double *)p);
        if (m) m->ld = value_stride(v);
        return m;
    }
    return interp_eval_node(k, h->x->func, v, NULL);
}
static int host_kernel(AmalRt *rt, int node, const void *const *args, void *out) {
    Host *h = (Host *)rt;
    double begin = h->rc->profile ? time_now() : 0;
    const IrNode *n = h->x->by_id[node];
    KernelContext k = {.threads = rt->threads};
    Matrix **m = mem_alloc(sizeof *m * (size_t)(n->nargs + 1));
    bool *temporary = mem_alloc((size_t)n->nargs + 1), ok = true;
    for (int a = 0; a < n->nargs; a++) ok = (m[a] = host_operand(h, &k, n->args[a], args[a], &temporary[a])) && ok;
    Matrix *r = ok ? interp_eval_node(&k, h->x->func, n, m) : NULL;
    if (r && out) {
        Matrix *dense = r->kind == MAT_DENSE ? r : mat_to_dense(r);
        if (dense)
            for (int64_t i = 0; i < dense->rows; i++)
                memcpy((double *)out + i * value_stride(n), dense->data + i * dense->ld,
                       sizeof(double) * (size_t)dense->cols);
        ok = dense != NULL;
        if (dense != r) mat_free(dense);
        mat_free(r);
    } else if (r) {
        mat_free(h->opaque[n->id]);
        h->opaque[n->id] = r->owned ? r : mat_copy(r);
        if (!r->owned) mat_free(r);
        ok = h->opaque[n->id] != NULL;
    } else {
        ok = false;
    }
    if (!ok) {
        diag_error(h->rc->diags, k.code ? k.code : "E402", n->span, "%s",
                   k.error[0] ? k.error : "no memory for this value");
        h->failed = true;
    }
    for (int a = 0; a < n->nargs; a++)
        if (temporary[a]) mat_free(m[a]);
    mem_free(m);
    mem_free(temporary);
    if (h->rc->profile) profile_add(&h->rc->profile->kernels[node], time_now() - begin);
    return !ok;
}
static int host_column(AmalRt *rt, int node, double at, int64_t of) {
    Host *h = (Host *)rt;
    if (at >= 1 && at <= (double)of && at == floor(at)) return 0;
    backend_report_column(h->rc->diags, h->x->by_id[node], at, of);
    h->failed = true;
    return 1;
}
static bool in_a_loop(const IrNode *n) {
    for (const IrRegion *r = n->home; r; r = r->parent)
        if (r->kind == REGION_LOOP || r->kind == REGION_WHILE_BODY || r->kind == REGION_WHILE_COND) return true;
    return false;
}
static int host_carried(AmalRt *rt, int loop, int64_t at, int64_t of, int k, const double *v, int64_t n) {
    Host *h = (Host *)rt;
    const IrNode *l = h->x->by_id[loop];
    const IrNode *p = k < 0 ? NULL : l->regions[l->nregions - 1]->params.data[k + (l->op == IR_LOOP)];
    if (h->rc->check_finite && n && p && p->name) { /* values without a name are not the script's: rotate made them */
        bool finite = true;
        for (int64_t i = 0; i < n; i++) finite = finite && isfinite(v[i]);
        if (!at)
            h->watched[p->id] = finite;
        else if (!finite && h->watched[p->id]) {
            backend_report_diverged(h->rc->diags, l, p, at);
            h->failed = true;
            return 1;
        }
    }
    if (h->rc->profile && p && p->name && !in_a_loop(l)) profile_carried(h->rc->profile, l, k, p->name, at, v, n);
    if (k > 0 || !at) return 0;
    if (!in_a_loop(l)) {
        h->iterations++;
        h->at = at;
        h->of = of;
    }
    if (!h->rc->progress) return 0;
    double now = time_now();
    if (now - h->last_progress < 0.05) return 0;
    h->last_progress = now;
    if (h->rc->progress(h->rc->user, h->at, h->of)) return 0;
    diag_error(h->rc->diags, "E460", l->span, "interrupted after iteration %lld", (long long)h->at);
    h->failed = true;
    return 1;
}
static void move_rows(double *to, const double *from, const IrNode *n, int64_t stride) {
    if (to == from && stride == n->cols) return;
    for (int64_t i = 0; i < n->rows; i++)
        memmove(to + i * n->cols, from + i * stride, sizeof(double) * (size_t)n->cols);
}
/* A result of many rows in the array that it was made in, where that is the run's own: its rows move together, and no
 * second array of new memory is filled. NULL: it is another's, or no memory. */
static Matrix *result_in_place(Host *h, const IrNode *n, const void *v) {
    int64_t bytes = (int64_t)sizeof(double) * n->rows * n->cols;
    for (int i = 0; bytes >= MEM_MAPPED && i < h->nblocks; i++) {
        if (h->blocks[i] != v) continue;
        Matrix *m = mat_wrap_dense(n->rows, n->cols, h->blocks[i]);
        if (!m) return NULL;
        move_rows(m->data, m->data, n, value_stride(n));
        mem_trim(m->data, (size_t)bytes);
        m->owned = true;
        h->blocks[i] = NULL;
        return m;
    }
    return NULL;
}
/* Whether a result before k has this array. */
static bool is_taken(const Host *h, int k, const void *v) {
    bool taken = false;
    for (int i = 0; i < k; i++) taken = taken || (h->outputs[i] && h->outputs[i]->data == v);
    return taken;
}
static void host_output(AmalRt *rt, int k, const void *v) {
    Host *h = (Host *)rt;
    const IrNode *n = h->x->func->body->results.data[k];
    if (!v) {
        h->outputs[k] = h->opaque[n->id] ? mat_to_dense(h->opaque[n->id]) : NULL;
    } else if (!(h->outputs[k] = result_in_place(h, n, v))) {
        h->outputs[k] = mat_new_dense(n->rows, n->cols);
        int64_t stride = is_taken(h, k, v) ? n->cols : value_stride(n);
        if (h->outputs[k]) move_rows(h->outputs[k]->data, v, n, stride);
    }
    if (!h->outputs[k]) {
        diag_error(h->rc->diags, "E402", n->span, "no memory for a result of %lld x %lld", (long long)n->rows,
                   (long long)n->cols);
        h->failed = true;
    }
}

static bool c_run(Executable *x, RunContext *rc, Matrix *const *inputs, Matrix **outputs) {
    double start = time_now();
    Host h = {.x = x, .rc = rc, .outputs = outputs, .last_progress = start};
    h.rt = (AmalRt){.threads = rc->threads > 0 ? rc->threads : thread_default_count(),
                    .rows = x->rows,
                    .alloc = host_alloc,
                    .run = rc->profile ? host_run_timed : host_run,
                    .kernel = host_kernel,
                    .column = host_column,
                    .carried = host_carried,
                    .output = host_output,
                    .normal = rng_normal};
    h.watched = mem_alloc((size_t)x->func->next_id + 1);
    h.opaque = mem_alloc(sizeof *h.opaque * (size_t)(x->func->next_id + 1));
    const void **bind = mem_alloc(sizeof *bind * (size_t)(x->code->binds.len + 1));
    for (int i = 0; i < x->code->binds.len; i++) {
        const Bind *b = &x->code->binds.data[i];
        bind[i] = b->kind == BIND_INPUT ? inputs[b->index]->data : x->bind[i];
        if (b->kind == BIND_INPUT &&
            (inputs[b->index]->kind != MAT_DENSE || inputs[b->index]->ld != inputs[b->index]->cols))
            internal_error("input %s is not packed", x->func->inputs.data[b->index].name);
    }
    h.rt.bind = bind;
    if (rc->profile) {
        AMAL_CHECK(x->loaded.passes != NULL);
        profile_begin(rc->profile, x->plan->passes.len, x->func->next_id);
        profiled = &h;
    }
    for (int k = 0; k < x->func->body->results.len; k++) outputs[k] = NULL;
    bool ok = x->loaded.run(&h.rt) == 0 && !h.failed;
    if (!ok && !h.failed) internal_error("emitted code stopped without a reason");
    if (!ok)
        for (int k = 0; k < x->func->body->results.len; k++) {
            mat_free(outputs[k]);
            outputs[k] = NULL;
        }
    for (int i = 0; i < h.nblocks; i++) mem_free(h.blocks[i]);
    mem_free(h.blocks);
    for (int i = 0; i < x->func->next_id; i++) mat_free(h.opaque[i]);
    mem_free(h.opaque);
    mem_free(h.watched);
    mem_free(bind);
    rc->iterations = h.iterations;
    rc->seconds = time_now() - start;
    return ok;
}

static void c_describe(const Executable *x, Buf *out) {
    buf_printf(out, "%d passes over rows, as C%s:\n", x->plan->passes.len,
               x->loaded.cached ? " (from the kernel cache)" : "");
    for (int i = 0; i < x->plan->passes.len; i++) backend_describe_pass(out, x->plan, x->plan->passes.data[i]);
}
static double c_compile_seconds(const Executable *x) {
    return x->loaded.seconds;
}
static bool c_available(const char **why_not) {
    return compile_available(NULL, why_not);
}

static const char *c_text(const Executable *x) {
    return x->code->text;
}

const Backend backend_c = {.name = "c",
                           .sorted_rows = true,
                           .help = "emits fused C, compiled by the system's compiler",
                           .available = c_available,
                           .prepare = c_prepare,
                           .run = c_run,
                           .release = c_release,
                           .describe = c_describe,
                           .compile_seconds = c_compile_seconds,
                           .text = c_text,
                           .profiles = true};
