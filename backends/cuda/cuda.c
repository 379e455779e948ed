/* cuda.c: the CUDA backend: fuse, emit, compile by NVRTC, run on the device (run.h). Looking at a plan (`amal explain`)
 * needs NVRTC only; running needs a driver and a GPU. */
#include "backends/c/carry.h"
#include "backends/cuda/timing.h"

static void index_nodes(Executable *x, IrRegion *r) {
    for (int i = 0; i < r->params.len; i++) x->by_id[r->params.data[i]->id] = r->params.data[i];
    for (int i = 0; i < r->nodes.len; i++) {
        IrNode *n = r->nodes.data[i];
        x->by_id[n->id] = n;
        for (int k = 0; k < n->nregions; k++) index_nodes(x, n->regions[k]);
    }
}
static void cuda_release(Executable *x) {
    if (!x) return;
    if (x->module) x->device->api->module_unload(x->module);
    mem_free(x->functions);
    mem_free(x->most_blocks);
    if (x->program) mem_free(x->program->text);
    cuda_code_free(&x->code);
    mem_free(x);
}
static bool cuda_check(Diags *ds, Span at, const BackendOptions *o) {
    char arch[24];
    const CudaDevice *d = o->to_look ? NULL : cuda_device(ds, at);
    if (!d && !o->to_look) return false;
    return cuda_choose_arch(ds, at, o, d ? d->major : 0, d ? d->minor : 0, arch);
}
/* Whether cuBLAS makes the wide products, if there are any: otherwise amal's own kernels do, which is said. Built
 * programs carry those, and do not ask. */
static bool with_blas(Diags *ds, const FusePlan *plan) {
    const IrNode *n = cuda_wide_product(plan);
    const char *why;
    if (!n || cuda_blas(&why)) return n != NULL;
    const IrNode *x = n->args[0];
    Diag *d = diag_warn(ds, "W608", n->span, "the wide products of %s are made without cuBLAS, which is slower: %s",
                        plan->func->name, why);
    diag_note(d, (Span){0}, "this one takes %lld columns to %lld", (long long)x->cols, (long long)n->cols);
    diag_help(d,
              "install cuBLAS (the package libcublas of the CUDA toolkit), or name the toolkit's folder in CUDA_HOME");
    return false;
}
static Executable *cuda_prepare(Diags *ds, IrFunc *f, const BackendOptions *o) {
    char arch[24];
    bool look = o->to_look || o->sink;
    const CudaDevice *d = look ? NULL : cuda_device(ds, (Span){0});
    if (!d && !look) return NULL;
    if (!o->sink && !cuda_choose_arch(ds, (Span){0}, o, d ? d->major : 0, d ? d->minor : 0, arch)) return NULL;
    Executable *x = mem_alloc(sizeof *x);
    x->func = f;
    x->device = d;
    x->carried = o->carried;
    f->numbers_named = o->sink || o->carried;
    x->plan = ir_fuse_plain(f);
    x->program = cuda_emit(x->plan, !o->any_order, !o->sink && !o->carried && with_blas(ds, x->plan));
    x->by_id = arena_array(f->arena, IrNode *, f->next_id + 1);
    index_nodes(x, f->body);
    bool fits = true;
    for (int k = 0; k < x->program->kernels.len; k++)
        fits = fits && x->program->kernels.data[k]->args.len <= CUDA_ARGS_MOST;
    if (o->sink) { /* what cannot run is not collected: the program that is built says so when it is to run */
        if (fits) carry_add(o->sink, f->name, x->program->text);
        return x;
    }
    for (int k = 0; k < x->program->kernels.len && !fits; k++)
        if (x->program->kernels.data[k]->args.len > CUDA_ARGS_MOST) {
            diag_help(diag_error(ds, "E627", x->program->kernels.data[k]->node->span,
                                 "a kernel of %s would take %d arrays and numbers, and %d is the most", f->name,
                                 x->program->kernels.data[k]->args.len, CUDA_ARGS_MOST),
                      "--strategy materialize, or --backend c");
            cuda_release(x);
            return NULL;
        }
    if (!cuda_compile(ds, f->name, x->program->text, arch, d ? d->driver_version : 0, o, &x->code)) {
        cuda_release(x);
        return NULL;
    }
    return x;
}

/* ---- running ---- */
static bool load(Executable *x, Diags *ds) {
    const CudaDevice *d = x->device;
    int n = x->program->kernels.len;
    if (!x->module &&
        !cuda_ok(d, d->api->module_load(&x->module, x->code.image), ds, (Span){0}, "loading the kernels", 0))
        return false;
    if (x->functions) return true;
    bool products = x->program->products.len > 0;
    for (int k = 0; k < n; k++) products = products || x->program->kernels.data[k]->products.len;
    if (products && !product_open(d, ds)) return false;
    x->functions = mem_alloc(sizeof *x->functions * (size_t)(n + 1));
    x->most_blocks = mem_alloc(sizeof *x->most_blocks * (size_t)(n + 1));
    size_t free_bytes = 0, total = 0;
    if (!cuda_ok(d, d->api->memory_info(&free_bytes, &total), ds, (Span){0}, "asking for its free memory", 0))
        return false;
    for (int k = 0; k < n; k++) {
        const CudaKernel *kernel = x->program->kernels.data[k];
        int at_once = 0;
        if (!cuda_ok(d, d->api->module_function(&x->functions[k], x->module, kernel->name), ds, kernel->node->span,
                     "loading the kernels", 0) ||
            !cuda_ok(d, d->api->occupancy(&at_once, x->functions[k], kernel->threads, 0), ds, kernel->node->span,
                     "asking how many blocks run at once", 0))
            return false;
        int64_t most = (int64_t)(at_once > 0 ? at_once : 1) * d->multiprocessors;
        /* a block more is a row of parts and a piece of scratch more */
        int64_t doubles = kernel->parts + kernel->scratch;
        if (doubles && kernel->grid == GRID_TILES) {
            int64_t share = (int64_t)(total / 16) / (8 * doubles);
            if (most > share) most = share > 0 ? share : 1;
        }
        x->most_blocks[k] = (int)most;
    }
    job_lay_out(x);
    return true;
}
static bool bring_outputs(Job *j) {
    const CudaProgram *p = j->x->program;
    for (int k = 0; k < j->x->func->body->results.len; k++) {
        const IrNode *n = j->x->func->body->results.data[k];
        if (p->outputs[k] < 0) {
            j->outputs[k] = mat_to_dense(j->opaque[n->id]);
        } else {
            const CudaSlot *s = &p->slots.data[p->outputs[k]];
            size_t bytes = sizeof(double) * (size_t)s->rows * (size_t)s->cols;
            j->outputs[k] = mat_new_dense(n->rows, n->cols);
            if (j->outputs[k] && bytes &&
                (!job_ok(j, j->d->api->copy_out(j->outputs[k]->data, j->slot[p->outputs[k]], bytes, j->d->stream), n,
                         "reading results") ||
                 !job_ok(j, j->d->api->stream_wait(j->d->stream), n, "reading results")))
                return false;
        }
        if (!j->outputs[k]) {
            diag_error(j->rc->diags, "E402", n->span, "no memory for a result of %lld x %lld", (long long)n->rows,
                       (long long)n->cols);
            return false;
        }
    }
    return true;
}
static bool cuda_run(Executable *x, RunContext *rc, Matrix *const *inputs, Matrix **outputs) {
    double start = time_now();
    for (int k = 0; k < x->func->body->results.len; k++) outputs[k] = NULL;
    if (!x->device) internal_error("prepared to be looked at, and run");
    if (!cuda_ok(x->device, x->device->api->context_use(x->device->context), rc->diags, (Span){0},
                 "taking the GPU's context", 0) ||
        !load(x, rc->diags))
        return false;
    Job j = {.x = x, .rc = rc, .d = x->device, .inputs = inputs, .outputs = outputs, .arena = arena_new()};
    j.last_progress = start;
    j.opaque = arena_array(j.arena, Matrix *, x->func->next_id + 1);
    bool ok = job_plan(&j) && timing_open(&j) && job_run(&j, x->program->body) && job_status(&j) && timing_take(&j) &&
              bring_outputs(&j);
    timing_close(&j);
    job_free(&j);
    for (int i = 0; i < x->func->next_id; i++) mat_free(j.opaque[i]);
    for (int k = 0; !ok && k < x->func->body->results.len; k++) {
        mat_free(outputs[k]);
        outputs[k] = NULL;
    }
    rc->iterations = j.iterations;
    rc->seconds = time_now() - start;
    arena_free(j.arena);
    return ok;
}

static void cuda_describe(const Executable *x, Buf *out) {
    const CudaProgram *p = x->program;
    buf_printf(out, "%d passes over rows as %d CUDA kernels for %s%s:\n", x->plan->passes.len, p->kernels.len,
               x->code.arch, x->code.cached ? " (from the kernel cache)" : "");
    for (int i = 0; i < x->plan->passes.len; i++) {
        backend_describe_pass(out, x->plan, x->plan->passes.data[i]);
        for (int k = 0; k < p->kernels.len; k++) {
            const CudaKernel *kernel = p->kernels.data[k];
            if (kernel->pass != x->plan->passes.data[i]) continue;
            if (kernel->lanes)
                buf_printf(out, "    on the GPU: %d thread%s a row, its numbers in registers, blocks of %d threads\n",
                           kernel->lanes, kernel->lanes == 1 ? "" : "s", kernel->threads);
            else if (!kernel->idle)
                buf_printf(out, "    on the GPU: tiles of %d rows, blocks of %d threads%s\n", kernel->tile,
                           kernel->threads, kernel->scratch ? ", wide rows in memory" : "");
            for (int q = 0; q < kernel->products.len; q++) {
                buf_puts(out, "    by cuBLAS: ");
                ir_print_expr(out, kernel->products.data[q].node, 1);
                if (kernel->panel) buf_printf(out, ", %lld rows at a time", (long long)kernel->panel);
                buf_puts(out, "\n");
            }
        }
    }
    for (int i = 0; i < p->products.len; i++) {
        buf_puts(out, "  by cuBLAS: ");
        ir_print_expr(out, p->products.data[i]->node, 1);
        buf_puts(out, "\n");
    }
    const CudaLayout *l = cuda_lay_out(x->plan->arena, x->program, NULL);
    buf_printf(out, "  values take %.2f MB of the GPU's memory; %.2f MB if each had its own\n", (double)l->bytes / 1e6,
               (double)l->apart / 1e6);
    for (int i = 0; i < p->host.len; i++) {
        const IrNode *n = p->host.data[i];
        int line = 0, column = 0;
        if (x->func->diags && n->span.file) diag_locate(x->func->diags, n->span, &line, &column);
        buf_printf(out, "  on the host: ");
        ir_print_expr(out, n, 1);
        if (line) buf_printf(out, "   # line %d", line);
        buf_puts(out, "\n");
    }
}
static double cuda_compile_seconds(const Executable *x) {
    return x->code.seconds;
}
static const char *cuda_text(const Executable *x) {
    return x->program->text;
}
static bool cuda_available(const char **why_not) {
    static char detail[256];
    const char *why = cuda_device_missing(detail, sizeof detail);
    if (!why && cuda_nvrtc(&why)) return true;
    *why_not = why;
    return false;
}

const Backend backend_cuda = {.name = "cuda",
                              .help = "CUDA kernels, compiled by NVRTC, on an NVIDIA GPU",
                              .sorted_rows = true,
                              .available = cuda_available,
                              .check = cuda_check,
                              .prepare = cuda_prepare,
                              .run = cuda_run,
                              .release = cuda_release,
                              .describe = cuda_describe,
                              .compile_seconds = cuda_compile_seconds,
                              .text = cuda_text,
                              .profiles = true,
                              .plain_passes = true};
