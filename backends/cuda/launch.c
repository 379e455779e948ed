/* launch.c: walks the program: launches, copies, loops (as graphs where a body only launches), conditionals, operators
 * on the host. What fails is reported at the line of the operator that was being launched. */
#include "backends/cuda/timing.h"
#include "backends/interp/eval.h"
#include <math.h>

enum { GRAPH_ROUNDS = 4, BLOCKS_A_PROCESSOR = 16 };
#define PROGRESS_SECONDS 0.05

bool job_ok(Job *j, CUresult r, const IrNode *at, const char *doing) {
    if (r == CUDA_SUCCESS) return true;
    cuda_ok(j->d, r, j->rc->diags, at ? at->span : (Span){0}, doing, 0);
    j->failed = true;
    if (!j->capturing) { /* nothing may still be on its way to or from memory that the caller now frees */
        j->d->api->stream_wait(j->d->stream);
        j->d->api->stream_wait(j->d->copies);
    }
    return false;
}
int64_t job_rows(const Job *j, int space) {
    return j->x->func->spaces.data[space].rows;
}
static size_t value_bytes(const CudaSlot *s) {
    return sizeof(double) * (size_t)s->rows * (size_t)s->cols;
}

/* ---- launches ---- */
typedef union Argument {
    CUdeviceptr p;
    int64_t n;
    int i;
    double v;
} Argument;
static int64_t needed_blocks(const Job *j, const CudaKernel *k, int64_t count) {
    const JobBind *b = k->bind >= 0 ? &j->bind[k->bind] : NULL;
    int64_t threads = 0;
    switch (k->grid) {
    case GRID_ONE: return 1;
    case GRID_TILES: return (count + k->tile - 1) / k->tile;
    case GRID_CELLS: threads = (k->space ? job_rows(j, k->space) : 1) * k->cells; break;
    case GRID_CHUNKS: threads = count * (k->cells ? k->cells : b->lanes); break;
    case GRID_KEYS: threads = k->folds && b->chunks == b->keys ? 0 : b->keys * k->cells * b->folds; break;
    case GRID_BLOCKS: return k->cells;
    }
    int64_t blocks = (threads + k->threads - 1) / k->threads,
            most = (int64_t)j->d->multiprocessors * BLOCKS_A_PROCESSOR;
    return blocks < most ? blocks : most;
}
CUdeviceptr job_array(const Job *j, CudaArgKind kind, int index, int64_t first, const JobPiece *piece) {
    if (kind == ARG_SLOT) {
        const CudaSlot *s = &j->x->program->slots.data[index];
        return j->slot[index] - (s->panel ? sizeof(double) * (CUdeviceptr)(first * s->cols) : 0);
    }
    const JobBind *b = &j->bind[index];
    return b->streamed ? piece->base[index] : b->array ? cuda_resident_at(b->array) : 0;
}
static void argument(const Job *j, int kernel, const CudaArg *a, int64_t first, int64_t last, int fresh,
                     const JobPiece *piece, Argument *out) {
    const JobBind *b = a->kind >= ARG_CHUNKS && a->kind < ARG_CHUNK_SUMS ? &j->bind[a->index] : NULL;
    switch (a->kind) {
    case ARG_BIND:
    case ARG_SLOT: out->p = job_array(j, a->kind, a->index, first, piece); break;
    case ARG_ROWS: out->n = job_rows(j, a->index); break;
    case ARG_FIRST: out->n = first; break;
    case ARG_LAST: out->n = last; break;
    case ARG_FRESH: out->i = fresh; break;
    case ARG_NUMBER: out->v = j->x->by_id[a->index]->num; break;
    case ARG_PARTS: out->p = j->parts[a->index]; break;
    case ARG_BLOCKS: out->i = j->blocks[a->index]; break;
    case ARG_SCRATCH: out->p = j->scratch[kernel]; break;
    case ARG_STATUS: out->p = j->status; break;
    case ARG_WATCH: out->p = j->watch; break;
    case ARG_CHUNKS: out->p = cuda_resident_at(b->bounds); break;
    case ARG_CHUNK_ROWS: out->p = b->streamed ? piece->base[a->index] : b->rows ? cuda_resident_at(b->rows) : 0; break;
    case ARG_CHUNK_VALUES: out->p = b->streamed ? piece->values : cuda_resident_at(b->values); break;
    case ARG_CHUNK_FIRST: out->p = cuda_resident_at(b->first); break;
    case ARG_CHUNK_BEGIN: out->n = first; break;
    case ARG_CHUNK_END: out->n = last; break;
    case ARG_KEY_COUNT: out->n = b->keys; break;
    case ARG_LANES: out->i = b->lanes; break;
    case ARG_FOLDS: out->i = b->folds; break;
    case ARG_DIRECT: out->i = b->chunks == b->keys; break;
    case ARG_CHUNK_SUMS: out->p = j->sums[a->index]; break;
    }
}
bool job_launch(Job *j, int kernel, int64_t first, int64_t last, int fresh, const JobPiece *piece) {
    const CudaKernel *k = j->x->program->kernels.data[kernel];
    int64_t blocks = needed_blocks(j, k, piece ? piece->most : last - first);
    if (k->grid == GRID_TILES && blocks > j->x->most_blocks[kernel]) blocks = j->x->most_blocks[kernel];
    if (fresh) j->blocks[kernel] = (int)blocks;
    if (blocks <= 0) return true;
    Argument value[CUDA_ARGS_MOST];
    void *at[CUDA_ARGS_MOST];
    for (int i = 0; i < k->args.len; i++) {
        argument(j, kernel, &k->args.data[i], first, last, fresh, piece, &value[i]);
        at[i] = &value[i];
    }
    j->last = k->node;
    return job_ok(j,
                  j->d->api->launch(j->x->functions[kernel], (unsigned)blocks, 1, 1, (unsigned)k->threads, 1, 1, 0,
                                    j->d->stream, at, NULL),
                  k->node, "launching a kernel");
}

/* ---- what the device says ---- */
static bool wait_for(Job *j) {
    return job_ok(j, j->d->api->stream_wait(j->d->stream), j->last,
                  "running the kernels of this line, or of one before it");
}
static bool report(Job *j, const JobStatus *s) {
    const IrNode *n = j->x->by_id[s->node];
    j->failed = true;
    if (s->code == 1) return backend_report_column(j->rc->diags, n, s->at, (int64_t)s->value);
    return backend_report_diverged(j->rc->diags, n, n->regions[n->nregions - 1]->params.data[s->part], (int64_t)s->at);
}
/* Waits for what was launched. false: something failed, reported. */
bool job_status(Job *j) {
    JobStatus *s = &j->landing->status;
    if (!job_ok(j, j->d->api->copy_out(s, j->status, sizeof *s, j->d->stream), j->last, "reading its memory") ||
        !wait_for(j))
        return false;
    return s->code ? report(j, s) : true;
}
static bool read_number(Job *j, int slot, const IrNode *at, double *out) {
    double *to = &j->landing->number;
    if (!job_ok(j, j->d->api->copy_out(to, j->slot[slot], sizeof *to, j->d->stream), at, "reading its memory") ||
        !job_status(j))
        return false;
    *out = *to;
    return true;
}

/* ---- operators on the host ---- */
static Matrix *read_value(Job *j, const IrNode *n, int slot) {
    Matrix *m = mat_new_dense(n->rows, n->cols);
    if (!m) {
        diag_error(j->rc->diags, "E402", n->span, "no memory for a value of %lld x %lld", (long long)n->rows,
                   (long long)n->cols);
        j->failed = true;
        return NULL;
    }
    size_t bytes = value_bytes(&(CudaSlot){.rows = n->rows, .cols = n->cols});
    if (!bytes ||
        (job_ok(j, j->d->api->copy_out(m->data, j->slot[slot], bytes, j->d->stream), n, "reading its memory") &&
         wait_for(j)))
        return m;
    mat_free(m);
    return NULL;
}
static bool write_value(Job *j, const IrNode *n, int slot, const Matrix *m) {
    size_t row = sizeof(double) * (size_t)n->cols;
    if (m->ld == m->cols) {
        size_t bytes = row * (size_t)n->rows;
        return !bytes ||
               (job_ok(j, j->d->api->copy_in(j->slot[slot], m->data, bytes, j->d->stream), n, "writing its memory") &&
                wait_for(j));
    }
    for (int64_t i = 0; row && i < n->rows; i++)
        if (!job_ok(j, j->d->api->copy_in(j->slot[slot] + (CUdeviceptr)i * row, m->data + i * m->ld, row, j->d->stream),
                    n, "writing its memory"))
            return false;
    return wait_for(j);
}
static Matrix *host_operand(Job *j, KernelContext *k, const IrNode *v, bool *temporary) {
    *temporary = false;
    if (FUSE(v)->opaque) return j->opaque[v->id];
    if (v->op == IR_INPUT) return j->inputs[v->i0];
    *temporary = true;
    int slot = cu_slot(j->x->program, v);
    return slot >= 0 ? read_value(j, v, slot) : interp_eval_node(k, j->x->func, v, NULL);
}
static bool run_host(Job *j, const CudaOp *op) {
    const IrNode *n = op->node;
    KernelContext k = {.threads = j->rc->threads};
    Matrix **m = mem_alloc(sizeof *m * (size_t)(n->nargs + 1));
    bool *temporary = mem_alloc((size_t)n->nargs + 1), ok = job_status(j);
    double began = time_now(); /* what was launched before it is over */
    for (int a = 0; a < n->nargs && ok; a++) ok = (m[a] = host_operand(j, &k, n->args[a], &temporary[a])) != NULL;
    Matrix *r = ok ? interp_eval_node(&k, j->x->func, n, m) : NULL;
    if (r && op->to >= 0) {
        Matrix *dense = r->kind == MAT_DENSE ? r : mat_to_dense(r);
        ok = dense && write_value(j, n, op->to, dense);
        if (dense != r) mat_free(dense);
        mat_free(r);
    } else if (r) {
        mat_free(j->opaque[n->id]);
        j->opaque[n->id] = r->owned ? r : mat_copy(r);
        if (!r->owned) mat_free(r);
        ok = j->opaque[n->id] != NULL;
    } else {
        ok = false;
    }
    if (!ok && !j->failed) {
        Diag *d = diag_error(j->rc->diags, k.code ? k.code : "E402", n->span, "%s",
                             k.error[0] ? k.error : "no memory for this value");
        if (k.help) diag_help(d, "%s", k.help);
        j->failed = true;
    }
    for (int a = 0; a < n->nargs; a++)
        if (temporary[a]) mat_free(m[a]);
    mem_free(m);
    mem_free(temporary);
    if (j->rc->profile) profile_add(&j->rc->profile->kernels[n->id], time_now() - began);
    return ok;
}

/* ---- graphs ---- */
static bool may_capture(const Job *j, const CudaBody *b) {
    if (!b->plain || j->capturing || j->timing) return false;
    for (int i = 0; i < b->ops.len; i++)
        if (b->ops.data[i].kind == CUOP_LAUNCH && stream_needed(j, j->x->program->kernels.data[b->ops.data[i].kernel]))
            return false;
    return true;
}
/* A library may load code when it is called for the first time, which a capture does not allow. */
static bool has_products(const Job *j, const CudaBody *b) {
    for (int i = 0; i < b->ops.len; i++) {
        const CudaOp *op = &b->ops.data[i];
        if (op->kind == CUOP_PRODUCT) return true;
        if (op->kind == CUOP_LAUNCH && j->x->program->kernels.data[op->kernel]->products.len) return true;
    }
    return false;
}
static void swap_slots(Job *j, const CudaOp *op) {
    CUdeviceptr p = j->slot[op->to];
    j->slot[op->to] = j->slot[op->from];
    j->slot[op->from] = p;
}
/* The body as one launch: captured once for each arrangement of the slots (values that trade places have two). */
static bool run_graph(Job *j, const CudaBody *b) {
    const CudaDriver *a = j->d->api;
    size_t bytes = sizeof *j->slot * (size_t)j->x->program->slots.len;
    for (int i = 0; i < j->graphs.len; i++) {
        const JobGraph *g = &j->graphs.data[i];
        if (g->body != b->id || memcmp(g->slots, j->slot, bytes) != 0) continue;
        for (int k = 0; k < b->ops.len; k++)
            if (b->ops.data[k].kind == CUOP_SWAP) swap_slots(j, &b->ops.data[k]);
        return job_ok(j, a->graph_launch(g->exec, j->d->stream), j->last, "launching an iteration");
    }
    JobGraph made = {.body = b->id, .slots = arena_alloc(j->arena, bytes + 1)};
    memcpy(made.slots, j->slot, bytes);
    if (!job_ok(j, a->capture_begin(j->d->stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL), j->last,
                "recording an iteration"))
        return false;
    j->capturing = true;
    bool ok = job_run(j, b);
    j->capturing = false;
    CUgraph graph = NULL;
    CUresult end = a->capture_end(j->d->stream, &graph);
    ok = ok && job_ok(j, end, j->last, "recording an iteration");
    ok = ok && job_ok(j, a->graph_instantiate(&made.exec, graph, 0), j->last, "preparing an iteration");
    if (graph) a->graph_free(graph);
    if (!ok) return false;
    vec_push(j->arena, &j->graphs, made);
    return job_ok(j, a->graph_launch(made.exec, j->d->stream), j->last, "launching an iteration");
}

/* ---- control flow ---- */
/* Between iterations: false to stop. */
static bool go_on(Job *j, const IrNode *loop) {
    if (!job_status(j)) return false;
    if (!j->rc->progress) return true;
    j->last_progress = time_now();
    if (j->rc->progress(j->rc->user, j->at, j->of)) return true;
    diag_error(j->rc->diags, "E460", loop->span, "interrupted after iteration %lld", (long long)j->at);
    j->failed = true;
    return false;
}
/* Iterations are launched ahead of the device; it is asked how it fares after as many as take about PROGRESS_SECONDS.
 */
static bool run_loop(Job *j, const CudaOp *op) {
    double count = op->number;
    if (op->from >= 0 && !read_number(j, op->from, op->node, &count)) return false;
    int64_t of = count >= 1 ? count < 9e15 ? (int64_t)count : INT64_MAX : 0, batch = 1, launched = 0;
    bool graph = of >= GRAPH_ROUNDS && may_capture(j, op->body), outermost = j->depth++ == 0, ok = true;
    bool first_plain = graph && has_products(j, op->body);
    double began = time_now();
    if (outermost) ok = timing_carried(j, op->node, 0);
    for (int64_t at = 1; ok && at <= of; at++) {
        ok = graph && !(first_plain && at == 1) ? run_graph(j, op->body) : job_run(j, op->body);
        if (ok && outermost) ok = timing_carried(j, op->node, at);
        if (!ok) break;
        if (outermost) {
            j->iterations++;
            j->at = at;
            j->of = of;
        }
        if (++launched < batch && at < of) continue;
        ok = go_on(j, op->node);
        double now = time_now();
        if (now - began < PROGRESS_SECONDS / 2)
            batch *= 2;
        else if (now - began > PROGRESS_SECONDS && batch > 1)
            batch /= 2;
        launched = 0;
        began = now;
    }
    j->depth--;
    return ok;
}
static bool run_while(Job *j, const CudaOp *op) {
    bool outermost = j->depth++ == 0, ok = !outermost || timing_carried(j, op->node, 0);
    for (int64_t at = 1; ok; at++) {
        double more = 0;
        ok = job_run(j, op->other) && read_number(j, op->from, op->node, &more);
        if (!ok || !(more != 0)) break;
        ok = job_run(j, op->body) && (!outermost || timing_carried(j, op->node, at));
        if (ok && outermost) {
            j->iterations++;
            j->at = at;
            j->of = 0;
        }
        if (ok && time_now() - j->last_progress > PROGRESS_SECONDS) ok = go_on(j, op->node);
        if (!ok) break;
    }
    j->depth--;
    return ok;
}
static bool run_op(Job *j, const CudaOp *op) {
    const CudaSlot *slots = j->x->program->slots.data;
    switch (op->kind) {
    case CUOP_LAUNCH: {
        const CudaKernel *k = j->x->program->kernels.data[op->kernel];
        if (!timing_begin(j, k)) return false;
        if (stream_needed(j, k)) return stream_launch(j, op->kernel) && timing_end(j, k);
        int64_t all = k->grid == GRID_TILES    ? job_rows(j, k->space)
                      : k->grid == GRID_CHUNKS ? j->bind[k->bind].chunks
                                               : 0;
        return job_pass(j, op->kernel, 0, all, 1, NULL) && timing_end(j, k);
    }
    case CUOP_PRODUCT: return job_product(j, op->product);
    case CUOP_ZERO: {
        size_t bytes = value_bytes(&slots[op->to]);
        return !bytes ||
               job_ok(j, j->d->api->fill(j->slot[op->to], 0, bytes, j->d->stream), op->node, "clearing memory");
    }
    case CUOP_COPY: {
        size_t bytes = value_bytes(&slots[op->from]);
        return !bytes || job_ok(j, j->d->api->copy(j->slot[op->to], j->slot[op->from], bytes, j->d->stream), op->node,
                                "copying a value");
    }
    case CUOP_SWAP: swap_slots(j, op); return true;
    case CUOP_HOST: return run_host(j, op);
    case CUOP_LOOP: return run_loop(j, op);
    case CUOP_WHILE: return run_while(j, op);
    case CUOP_IF: {
        double which = 0;
        return read_number(j, op->from, op->node, &which) && job_run(j, which != 0 ? op->body : op->other);
    }
    }
    internal_error("operation %d", (int)op->kind);
}
bool job_run(Job *j, const CudaBody *b) {
    for (int i = 0; i < b->ops.len; i++)
        if (!run_op(j, &b->ops.data[i]) || !job_poison(j, &b->ops.data[i])) return false;
    return true;
}
