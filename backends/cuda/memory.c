/* memory.c: what a run takes of the device's memory, planned before any is taken.
 *
 * The arrays of the sources (and what is made of them: indices, rows sorted by key) are residents. Values, parts and
 * scratch are one block. When all does not fit: residents that no run uses go; then arrays that kernels read only at
 * their own rows are streamed, the largest first; then it is E624, with the numbers. */
#include "backends/cuda/gather.h"
#include <stdlib.h>

enum { MARGIN_MOST = 256 << 20, POISON = 0xff }; /* doubles of such bytes are no numbers */

static const Integration *root_of(const Integration *in) {
    while (in->parent && !in->owns) in = in->parent;
    return in;
}

/* ---- binds ---- */
int32_t *job_index_array(const Indicator *ind, int64_t space_rows) {
    int32_t *a = mem_try((size_t)ind->rows + 1, sizeof *a);
    for (int64_t i = 0; a && i < ind->rows; i++) {
        int64_t v = ind->identity ? i
                    : ind->range  ? (i >= ind->begin && i < ind->end ? i - ind->begin + ind->first : -1)
                                  : ind->idx[i];
        a[i] = (int32_t)(v < 0 ? space_rows : v);
    }
    return a;
}
static bool no_memory(Job *j, const char *what, double bytes) {
    diag_error(j->rc->diags, "E402", (Span){0}, "no memory for %s: %.1f MB", what, bytes / 1e6);
    j->failed = true;
    return false;
}
/* Where the array is on the host, or how large it will be when it has to be made. */
static void find_bind(Job *j, int i) {
    const CudaBind *b = &j->x->program->binds.data[i];
    JobBind *o = &j->bind[i];
    if (b->kind == BIND_INPUT) {
        const Matrix *m = j->inputs[b->index];
        if (m->kind != MAT_DENSE || m->ld != m->cols)
            internal_error("input %s is not packed", j->x->func->inputs.data[b->index].name);
        *o = (JobBind){.host = m->data, .bytes = sizeof(double) * (size_t)(m->rows * m->cols), .item = sizeof(double)};
        return;
    }
    if (b->kind == BIND_ORDER) {
        const IrSpace *s = &j->x->func->spaces.data[b->index];
        *o = (JobBind){.host = s->order, .bytes = 4 * (size_t)s->rows, .item = 4};
        return;
    }
    const Integration *in = j->x->func->tables.data[b->table].data;
    bool indicator = b->kind == BIND_INDEX || b->kind == BIND_COUNT || b->kind == BIND_KEYS;
    const Indicator *ind = indicator ? &in->indicators[b->index] : NULL;
    const Matrix *m = indicator ? NULL : in->blocks[b->index].data;
    size_t rows = m ? (size_t)m->rows : 0, nnz = m && m->kind == MAT_CSR ? (size_t)m->rowptr[m->rows] : 0;
    size_t item = job_number_bytes(b->single);
    switch (b->kind) {
    case BIND_DENSE:
        *o = (JobBind){.host = b->single ? NULL : m->data, .bytes = item * rows * (size_t)m->ld, .item = item};
        break;
    case BIND_ROWPTR: *o = (JobBind){.host = m->rowptr, .bytes = 8 * (rows + 1), .item = 8}; break;
    case BIND_COLIDX:
        *o = (JobBind){.host = m->colidx, .bytes = 4 * nnz, .item = 4, .most_cells = stream_cells_of(m)};
        break;
    case BIND_VALUES:
        *o = (JobBind){.host = b->single ? NULL : m->values, .bytes = item * nnz, .item = item};
        o->most_cells = stream_cells_of(m);
        break;
    case BIND_CODES: *o = (JobBind){.host = m->codes, .bytes = 4 * rows, .item = 4}; break;
    case BIND_COLUMNS:
        *o = (JobBind){.host = in->blocks[b->index].target_cols, .bytes = 4 * (size_t)m->cols, .item = 4};
        break;
    case BIND_COUNT:
        *o = (JobBind){.host = ind->count, .bytes = 8 * (size_t)in->spaces[ind->space].rows, .item = 8};
        break;
    case BIND_INDEX:
        *o = (JobBind){.host = ind->idx && ind->total ? ind->idx : NULL, .bytes = 4 * (size_t)ind->rows, .item = 4};
        break;
    case BIND_KEYS: *o = (JobBind){.bytes = 4 * (size_t)ind->rows + 16 * (size_t)in->spaces[ind->space].rows}; break;
    case BIND_SPARSE:
        *o = (JobBind){.bytes = (4 + item) * (m->kind == MAT_CODES ? rows : nnz) + 16 * (size_t)m->cols};
        break;
    default: break;
    }
}
static const void *identity_of(const Job *j, const CudaBind *b) {
    if (b->kind == BIND_ORDER) return j->x->func->spaces.data[b->index].order;
    const Integration *in = j->x->func->tables.data[b->table].data;
    bool indicator = b->kind == BIND_INDEX || b->kind == BIND_COUNT || b->kind == BIND_KEYS;
    return indicator                 ? (const void *)&in->indicators[b->index]
           : b->kind == BIND_COLUMNS ? (const void *)in->blocks[b->index].target_cols
                                     : (const void *)in->blocks[b->index].data;
}
static const Integration *owner_of(const Job *j, const CudaBind *b) {
    for (int t = 0; b->kind == BIND_ORDER && t < j->x->func->tables.len; t++)
        if (j->x->func->tables.data[t].target_space == b->index) return j->x->func->tables.data[t].data;
    const Integration *in = j->x->func->tables.data[b->table].data;
    bool indicator = b->kind == BIND_INDEX || b->kind == BIND_COUNT || b->kind == BIND_KEYS;
    if (!indicator && b->kind != BIND_COLUMNS) /* what an arranged view copied goes with it */
        for (int k = 0; k < in->nmade; k++)
            if (in->made[k] == in->blocks[b->index].data) return in;
    return indicator ? in : root_of(in);
}
static bool is_resident(Job *j, int i) {
    const CudaBind *b = &j->x->program->binds.data[i];
    return b->kind != BIND_INPUT && cuda_resident_find(job_kind(b->kind, b->single, 0), identity_of(j, b));
}
/* What stays for later runs, or, where `own`, for this one only. */
static CudaResident *resident(Job *j, const CudaBind *b, int part, const void *host, size_t bytes, bool own) {
    int kind = job_kind(b->kind, b->single, part);
    CudaResident *r = own ? NULL : cuda_resident_find(kind, identity_of(j, b));
    if (!r)
        r = own ? cuda_resident_new(j->d, j->rc->diags, kind, NULL, NULL, host, bytes)
                : cuda_resident_new(j->d, j->rc->diags, kind, identity_of(j, b), owner_of(j, b), host, bytes);
    if (r)
        cuda_resident_use(j->d, r, 1);
    else
        j->failed = true;
    return r;
}
/* Rows sorted by key: the numbers of keys and chunks stay with the first of their arrays. */
static bool bind_segments(Job *j, const CudaBind *b, JobBind *o) {
    const Integration *in = j->x->func->tables.data[b->table].data;
    CudaResident *there = cuda_resident_find(job_kind(b->kind, b->single, 0), identity_of(j, b));
    if (there) {
        CudaResident **part[] = {&o->bounds, &o->first, &o->rows, &o->values};
        for (int k = 0; k < 4; k++)
            if ((*part[k] = cuda_resident_find(job_kind(b->kind, b->single, k), identity_of(j, b))))
                cuda_resident_use(j->d, *part[k], 1);
        const int64_t *n = cuda_resident_numbers(there);
        o->keys = n[0], o->chunks = n[1], o->lanes = (int)n[2], o->folds = (int)n[3];
        return true;
    }
    Segments *s = o->streamed ? arena_new_of(j->arena, Segments) : &(Segments){0};
    bool made = b->kind == BIND_KEYS ? segments_of_indicator(&in->indicators[b->index],
                                                             in->spaces[in->indicators[b->index].space].rows, s)
                                     : segments_of_sparse(in->blocks[b->index].data, s);
    if (!made) return no_memory(j, "rows sorted by key", (double)o->bytes);
    o->keys = s->keys;
    o->chunks = s->chunks;
    o->lanes = s->lanes;
    o->folds = s->folds;
    if (o->streamed) { /* entries arrive piece by piece: what they are cut by belongs to this run */
        o->segments = s;
        o->first = resident(j, b, 1, s->first, 8 * (size_t)(s->keys + 1), true);
        o->bounds = o->first ? resident(j, b, 0, s->bounds, 8 * (size_t)(s->chunks + 1), true) : NULL;
        return o->bounds != NULL;
    }
    const void *values = b->single ? (const void *)s->floats : s->values;
    size_t number = job_number_bytes(b->single), entries = (size_t)s->entries;
    /* the one that says that all are there comes last */
    bool ok = (o->first = resident(j, b, 1, s->first, 8 * (size_t)(s->keys + 1), false)) &&
              (!s->rows || (o->rows = resident(j, b, 2, s->rows, 4 * entries, false))) &&
              (!values || (o->values = resident(j, b, 3, values, number * entries, false))) &&
              (o->bounds = resident(j, b, 0, s->bounds, 8 * (size_t)(s->chunks + 1), false));
    if (ok) {
        int64_t *n = cuda_resident_numbers(o->bounds);
        n[0] = s->keys, n[1] = s->chunks, n[2] = s->lanes, n[3] = s->folds;
    }
    segments_free(s);
    return ok;
}
/* What is there only once it is wanted: floats; an index with absent rows, or of rows in order. */
static bool make_host(Job *j, int i) {
    const CudaBind *b = &j->x->program->binds.data[i];
    JobBind *o = &j->bind[i];
    if ((b->kind != BIND_INDEX && !b->single) || o->host || is_resident(j, i)) return true;
    const Integration *in = j->x->func->tables.data[b->table].data;
    if (b->single) {
        o->host = mat_floats(in->blocks[b->index].data, j->rc->threads);
        return o->host || no_memory(j, "numbers in single precision", (double)o->bytes);
    }
    const Indicator *ind = &in->indicators[b->index];
    o->made = job_index_array(ind, in->spaces[ind->space].rows);
    o->host = o->made;
    return o->made || no_memory(j, "an indicator", (double)o->bytes);
}
static bool bring(Job *j, int i) {
    const CudaBind *b = &j->x->program->binds.data[i];
    JobBind *o = &j->bind[i];
    if (b->kind == BIND_KEYS || b->kind == BIND_SPARSE) return bind_segments(j, b, o);
    const Integration *in = b->kind == BIND_DENSE ? j->x->func->tables.data[b->table].data : NULL;
    if (in && !o->streamed && !is_resident(j, i) && gather_applies(j, in, b->index)) {
        o->array = gather_target(j, in, job_kind(b->kind, b->single, 0));
        if (o->array) cuda_resident_use(j->d, o->array, 1);
        return o->array != NULL;
    }
    if (!make_host(j, i)) return false;
    if (o->streamed) return true;
    o->array = resident(j, b, 0, o->host, o->bytes, b->kind == BIND_INPUT);
    mem_free(o->made);
    o->made = NULL;
    return o->array != NULL;
}

/* ---- the block ---- */
/* Chunks of a bind before they are made: never fewer than there will be. */
static size_t chunks_most(const Executable *x, int bind) {
    const CudaBind *b = &x->program->binds.data[bind];
    const Integration *in = x->func->tables.data[b->table].data;
    if (b->kind == BIND_KEYS) {
        const Indicator *ind = &in->indicators[b->index];
        return (size_t)in->spaces[ind->space].rows + (size_t)ind->rows / SEGMENT_CHUNK + 1;
    }
    const Matrix *m = in->blocks[b->index].data;
    size_t entries = m->kind == MAT_CODES ? (size_t)m->rows : (size_t)m->rowptr[m->rows];
    return (size_t)m->cols + entries / SEGMENT_CHUNK + 1;
}
void job_lay_out(Executable *x) {
    const CudaProgram *p = x->program;
    Arena *arena = x->plan->arena;
    size_t *parts = arena_array(arena, size_t, p->parts.len + 1),
           *sums = arena_array(arena, size_t, p->kernels.len + 1),
           *scratch = arena_array(arena, size_t, p->kernels.len + 1);
    for (int i = 0; i < p->parts.len; i++) {
        const CudaParts *of = &p->parts.data[i];
        parts[i] = sizeof(double) * (size_t)of->cells * (size_t)x->most_blocks[of->kernel];
    }
    for (int k = 0; k < p->kernels.len; k++) {
        const CudaKernel *kernel = p->kernels.data[k];
        if (kernel->grid == GRID_CHUNKS)
            sums[k] = sizeof(double) * chunks_most(x, kernel->bind) * (size_t)kernel->parts;
        scratch[k] = sizeof(double) * (size_t)kernel->scratch * (size_t)x->most_blocks[k];
    }
    x->layout =
        cuda_lay_out(arena, x->program,
                     (const size_t *[]){[BUFFER_PARTS] = parts, [BUFFER_SUMS] = sums, [BUFFER_SCRATCH] = scratch});
}
/* The state of the run comes first, then what is cleared when the run begins, then the rest. */
static size_t state_bytes(const Job *j) {
    return cuda_aligned(STATUS_BYTES) + cuda_aligned(sizeof(int) * (size_t)(j->x->program->watched.len + 1));
}
static CUdeviceptr *place_of(Job *j, const CudaBuffer *b) {
    switch (b->kind) {
    case BUFFER_SLOT: return &j->slot[b->index];
    case BUFFER_PARTS: return &j->parts[b->index];
    case BUFFER_SUMS: return &j->sums[b->index];
    default: return &j->scratch[b->index];
    }
}
static bool open_block(Job *j, CUdeviceptr base) {
    const CudaLayout *l = j->x->layout;
    size_t state = state_bytes(j);
    j->block = base;
    j->status = base;
    j->watch = base + cuda_aligned(STATUS_BYTES);
    for (int i = 0; i < l->buffers.len; i++) *place_of(j, &l->buffers.data[i]) = base + state + l->buffers.data[i].at;
    const char *verify = getenv("AMAL_VERIFY");
    j->poisoning = verify && *verify;
    size_t rest = l->bytes - l->cleared;
    return job_ok(j, j->d->api->fill(base, 0, state + l->cleared, j->d->stream), NULL, "clearing memory") &&
           (!j->poisoning || !rest ||
            job_ok(j, j->d->api->fill(base + state + l->cleared, POISON, rest, j->d->stream), NULL, "clearing memory"));
}
bool job_poison(Job *j, const CudaOp *done) {
    const CudaLayout *l = j->x->layout;
    for (int i = 0; j->poisoning && i < l->buffers.len; i++) {
        const CudaBuffer *b = &l->buffers.data[i];
        if (b->last == done->end && !b->cleared &&
            !job_ok(j, j->d->api->fill(*place_of(j, b), POISON, b->bytes, j->d->stream), done->node, "clearing memory"))
            return false;
    }
    return true;
}
/* What is brought to the device and stays there for the run. */
static double missing_bytes(Job *j) {
    double all = 0;
    for (int i = 0; i < j->x->program->binds.len; i++) {
        const CudaBind *b = &j->x->program->binds.data[i];
        if (is_resident(j, i)) continue;
        if (!j->bind[i].streamed)
            all += (double)j->bind[i].bytes;
        else if (b->kind == BIND_KEYS || b->kind == BIND_SPARSE) /* their chunks */
            all += 16.0 * (double)chunks_most(j->x, i);
    }
    return all;
}
static bool fit(Job *j, size_t block) {
    size_t free_bytes = 0, total = 0;
    if (!job_ok(j, j->d->api->memory_info(&free_bytes, &total), NULL, "asking for its free memory")) return false;
    size_t margin = total / 64 < MARGIN_MOST ? total / 64 : MARGIN_MOST;
    double have = (double)free_bytes - (double)margin, need = (double)block + missing_bytes(j);
    if (need <= have) return true;
    size_t gone = cuda_residents_free_unused(j->d);
    have += (double)gone;
    need = (double)block + missing_bytes(j);
    double whole = need;
    while (need > have) {
        int largest = -1;
        for (int i = 0; i < j->x->program->binds.len; i++)
            if (stream_may(j, i) && !is_resident(j, i) && (largest < 0 || j->bind[i].bytes > j->bind[largest].bytes))
                largest = i;
        if (largest < 0) break;
        j->bind[largest].streamed = true;
        need = (double)block + missing_bytes(j) + 2 * (double)stream_piece_bytes(j, STREAM_ROWS);
    }
    if (need <= have) return true;
    Diag *d = diag_error(j->rc->diags, "E624",
                         j->x->func->body->results.len ? j->x->func->body->results.data[0]->span : (Span){0},
                         "%s takes %.1f MB of the GPU's memory, and %.1f MB of %.1f MB are free", j->x->func->name,
                         whole / 1e6, (double)(free_bytes + gone) / 1e6, (double)total / 1e6);
    diag_note(d, (Span){0},
              "values and sums take %.1f MB, the sources %.1f MB; streaming what can be streamed leaves %.1f MB",
              (double)block / 1e6, (whole - (double)block) / 1e6, need / 1e6);
    diag_help(
        d, "--strategy factorize where the joined table was asked for, fewer components or clusters, a GPU with more "
           "memory, or --backend c");
    j->failed = true;
    return false;
}

bool job_plan(Job *j) {
    const CudaProgram *p = j->x->program;
    j->bind = arena_array(j->arena, JobBind, p->binds.len + 1);
    j->slot = arena_array(j->arena, CUdeviceptr, p->slots.len + 1);
    j->parts = arena_array(j->arena, CUdeviceptr, p->parts.len + 1);
    j->sums = arena_array(j->arena, CUdeviceptr, p->kernels.len + 1);
    j->scratch = arena_array(j->arena, CUdeviceptr, p->kernels.len + 1);
    j->blocks = arena_array(j->arena, int, p->kernels.len + 1);
    for (int i = 0; i < p->binds.len; i++) find_bind(j, i);
    size_t block = state_bytes(j) + j->x->layout->bytes;
    if (!fit(j, block)) return false;
    CUdeviceptr base = 0;
    if (!cuda_memory(j->d, &base, block, j->rc->diags, (Span){0}, "values")) {
        j->failed = true;
        return false;
    }
    if (!open_block(j, base)) return false;
    void *pinned = NULL;
    if (!job_ok(j, j->d->api->pinned_new(&pinned, sizeof *j->landing), NULL, "pinning memory of the host"))
        return false;
    j->landing = pinned;
    *j->landing = (JobLanding){.status = {.watching = j->rc->check_finite}};
    if (!job_ok(j, j->d->api->copy_in(j->status, &j->landing->status, sizeof j->landing->status, j->d->stream), NULL,
                "writing its memory"))
        return false;
    if (!job_ok(j, j->d->api->stream_wait(j->d->stream), NULL, "writing its memory")) return false;
    for (int i = 0; i < p->binds.len; i++)
        if (!bring(j, i)) {
            j->failed = true;
            return false;
        }
    return stream_open(j);
}
void job_free(Job *j) {
    const CudaDriver *a = j->d->api;
    stream_close(j);
    for (int i = 0; i < j->graphs.len; i++) a->graph_exec_free(j->graphs.data[i].exec);
    for (int i = 0; j->bind && i < j->x->program->binds.len; i++) {
        JobBind *b = &j->bind[i];
        CudaResident *const all[] = {b->array, b->bounds, b->first, b->rows, b->values};
        for (int k = 0; k < 5; k++)
            if (all[k]) cuda_resident_use(j->d, all[k], -1);
        mem_free(b->made);
        if (b->segments) segments_free(b->segments);
    }
    if (j->block) a->memory_free(j->block);
    if (j->landing) a->pinned_free(j->landing);
}
