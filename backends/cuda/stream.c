/* stream.c: passes over arrays that do not fit in the device's memory.
 *
 * Rows arrive in pieces: two buffers on the device and two of pinned memory on the host, so that a piece is copied
 * while the kernel works on the one before it. Kernels see an array whose first row is where it would be: the base is
 * the buffer less what comes before the piece. Sums go on from piece to piece in the order of the rows.
 *
 * A piece of compressed rows has as many rows as its cells have room; a piece of rows sorted by key is a range of
 * chunks. Kernels over rows and kernels over chunks are never in one piece: they use the same buffers. */
#include "backends/cuda/run.h"

enum { PIECE_MOST = 64 << 20 };

typedef struct Stream {
    int64_t rows, entries; /* the most in a piece: rows; entries of rows sorted by key */
    CUdeviceptr device;
    char *pinned[2];
    size_t bytes;   /* of one piece, all its arrays */
    size_t *offset; /* by bind, in a piece */
    CUevent copied[2], done[2];
    bool used[2];
} Stream;

/* ---- sizes ---- */
static bool of_keys(const CudaBind *b) {
    return b->kind == BIND_KEYS || b->kind == BIND_SPARSE;
}
static bool of_cells(const CudaBind *b) {
    return b->kind == BIND_COLIDX || b->kind == BIND_VALUES;
}
static const Matrix *matrix_of(const Job *j, const CudaBind *b) {
    return j->x->func->tables.data[b->table].data->blocks[b->index].data;
}
/* Of a row in an array with as many numbers a row. */
static size_t row_bytes(const Job *j, int bind) {
    const CudaBind *b = &j->x->program->binds.data[bind];
    return j->bind[bind].item * (b->kind == BIND_DENSE ? (size_t)matrix_of(j, b)->ld : 1);
}
static int64_t cells_most(const Job *j, int bind, int64_t rows) {
    const Matrix *m = matrix_of(j, &j->x->program->binds.data[bind]);
    double mean = (double)m->rowptr[m->rows] / (double)m->rows;
    int64_t cells = (int64_t)(mean * (double)rows);
    return cells > j->bind[bind].most_cells ? cells : j->bind[bind].most_cells;
}
static size_t bind_bytes(const Job *j, int bind, int64_t rows) {
    const CudaBind *b = &j->x->program->binds.data[bind];
    if (of_cells(b)) return j->bind[bind].item * (size_t)cells_most(j, bind, rows);
    return row_bytes(j, bind) * (size_t)(rows + (b->kind == BIND_ROWPTR));
}
static size_t entry_bytes(const CudaBind *b) {
    return sizeof(int32_t) + (b->kind == BIND_SPARSE ? job_number_bytes(b->single) : 0);
}
size_t stream_piece_bytes(const Job *j, int64_t rows) {
    size_t all = 0, keys = 0;
    for (int i = 0; i < j->x->program->binds.len; i++) {
        const CudaBind *b = &j->x->program->binds.data[i];
        if (!j->bind[i].streamed) continue;
        if (!of_keys(b))
            all += cuda_aligned(bind_bytes(j, i, rows));
        else if (keys < entry_bytes(b) * SEGMENT_CHUNK)
            keys = entry_bytes(b) * SEGMENT_CHUNK;
    }
    if (keys) keys = cuda_aligned(keys) + CUDA_ALIGNMENT; /* two arrays, each at an aligned place */
    return all > keys ? all : keys;
}
int64_t stream_cells_of(const Matrix *m) {
    int64_t most = 0;
    for (int64_t r = 0; r < m->rows; r += STREAM_ROWS) {
        int64_t last = r + STREAM_ROWS < m->rows ? r + STREAM_ROWS : m->rows;
        if (m->rowptr[last] - m->rowptr[r] > most) most = m->rowptr[last] - m->rowptr[r];
    }
    return most;
}
bool stream_needed(const Job *j, const CudaKernel *k) {
    for (int i = 0; i < k->args.len; i++) {
        const CudaArg *a = &k->args.data[i];
        bool array = a->kind == ARG_BIND || a->kind == ARG_CHUNK_ROWS || a->kind == ARG_CHUNK_VALUES;
        if (array && j->bind[a->index].streamed) return true;
    }
    return false;
}

/* ---- what may be streamed ---- */
static int64_t space_of_bind(const Job *j, const CudaBind *b) {
    const IrTable *t = &j->x->func->tables.data[b->table];
    if (b->kind == BIND_INDEX) return t->target_space;
    if (b->kind == BIND_COUNT) return t->block_space[t->data->indicators[b->index].space];
    return t->block_space[t->data->blocks[b->index].space];
}
/* Entries of rows sorted by key. */
static int64_t entries_of(const Job *j, const CudaBind *b) {
    const Integration *in = j->x->func->tables.data[b->table].data;
    if (b->kind == BIND_KEYS) return in->indicators[b->index].rows;
    const Matrix *m = in->blocks[b->index].data;
    return m->kind == MAT_CODES ? m->rows : m->rowptr[m->rows];
}
bool stream_may(const Job *j, int i) {
    const CudaBind *b = &j->x->program->binds.data[i];
    if (b->anywhere || j->bind[i].streamed) return false;
    switch (b->kind) {
    case BIND_KEYS:
    case BIND_SPARSE: return entries_of(j, b) > 4 * SEGMENT_CHUNK;
    case BIND_DENSE:
    case BIND_ROWPTR:
    case BIND_COLIDX:
    case BIND_VALUES:
    case BIND_CODES:
    case BIND_INDEX: return job_rows(j, (int)space_of_bind(j, b)) > 4 * STREAM_ROWS;
    default: return false;
    }
}

/* ---- buffers ---- */
/* As many rows as fit into `most` bytes, in steps of STREAM_ROWS, at least one step. */
static int64_t rows_within(const Job *j, size_t most) {
    int64_t low = 1, high = 1;
    while (high < (1 << 20) && stream_piece_bytes(j, 2 * high * STREAM_ROWS) <= most) high *= 2;
    low = high, high *= 2;
    while (low + 1 < high) {
        int64_t middle = (low + high) / 2;
        *(stream_piece_bytes(j, middle * STREAM_ROWS) <= most ? &low : &high) = middle;
    }
    return low * STREAM_ROWS;
}
bool stream_open(Job *j) {
    const CudaDriver *a = j->d->api;
    int n = j->x->program->binds.len;
    bool any_rows = false, any_keys = false;
    for (int i = 0; i < n; i++) {
        if (!j->bind[i].streamed) continue;
        *(of_keys(&j->x->program->binds.data[i]) ? &any_keys : &any_rows) = true;
    }
    if (!any_rows && !any_keys) return true;
    Stream *s = arena_new_of(j->arena, Stream);
    j->stream = s;
    size_t free_bytes = 0, total = 0;
    if (!job_ok(j, a->memory_info(&free_bytes, &total), NULL, "asking for its free memory")) return false;
    size_t most = free_bytes / 4 < PIECE_MOST ? free_bytes / 4 : PIECE_MOST;
    s->rows = any_rows ? rows_within(j, most) : STREAM_ROWS;
    s->bytes = stream_piece_bytes(j, s->rows);
    if (any_keys && s->bytes < most) s->bytes = most / CUDA_ALIGNMENT * CUDA_ALIGNMENT;
    s->offset = arena_array(j->arena, size_t, n + 1);
    size_t at = 0;
    for (int i = 0; i < n; i++)
        if (j->bind[i].streamed && !of_keys(&j->x->program->binds.data[i])) {
            s->offset[i] = at;
            at += cuda_aligned(bind_bytes(j, i, s->rows));
        }
    if (!cuda_memory(j->d, &s->device, 2 * s->bytes, j->rc->diags, (Span){0}, "pieces of the sources")) {
        j->failed = true;
        return false;
    }
    for (int k = 0; k < 2; k++) {
        void *p = NULL;
        if (!job_ok(j, a->pinned_new(&p, s->bytes), NULL, "pinning memory of the host")) return false;
        s->pinned[k] = p;
        if (!job_ok(j, a->event_new(&s->copied[k], CU_EVENT_DISABLE_TIMING), NULL, "making an event") ||
            !job_ok(j, a->event_new(&s->done[k], CU_EVENT_DISABLE_TIMING), NULL, "making an event"))
            return false;
    }
    return true;
}
void stream_close(Job *j) {
    Stream *s = j->stream;
    if (!s) return;
    const CudaDriver *a = j->d->api;
    a->stream_wait(j->d->copies);
    for (int k = 0; k < 2; k++) {
        if (s->copied[k]) a->event_free(s->copied[k]);
        if (s->done[k]) a->event_free(s->done[k]);
        if (s->pinned[k]) a->pinned_free(s->pinned[k]);
    }
    if (s->device) a->memory_free(s->device);
}

/* ---- pieces ---- */
/* Numbers from, from + 1 … of an array, `size` bytes each, to `offset` in the piece: to pinned memory, from there to
 * the device. What the kernel takes for the array is where its number 0 would be. */
static bool send(Job *j, int half, size_t offset, const void *host, size_t size, int64_t from, int64_t count,
                 const IrNode *at, CUdeviceptr *base) {
    Stream *s = j->stream;
    size_t bytes = size * (size_t)count;
    CUdeviceptr to = s->device + (CUdeviceptr)half * s->bytes + offset;
    *base = to - (CUdeviceptr)(size * (size_t)from);
    if (!bytes) return true;
    char *pinned = s->pinned[half] + offset;
    memcpy(pinned, (const char *)host + size * (size_t)from, bytes);
    return job_ok(j, j->d->api->copy_in(to, pinned, bytes, j->d->copies), at, "copying rows to its memory");
}
static bool send_rows(Job *j, int half, int bind, int64_t first, int64_t last, const IrNode *at, CUdeviceptr *base) {
    const CudaBind *b = &j->x->program->binds.data[bind];
    size_t offset = j->stream->offset[bind];
    if (!of_cells(b))
        return send(j, half, offset, j->bind[bind].host, row_bytes(j, bind), first,
                    last - first + (b->kind == BIND_ROWPTR), at, base);
    const int64_t *rowptr = matrix_of(j, b)->rowptr;
    return send(j, half, offset, j->bind[bind].host, j->bind[bind].item, rowptr[first], rowptr[last] - rowptr[first],
                at, base);
}
static bool send_keys(Job *j, int half, int bind, int64_t first, int64_t last, const IrNode *at, JobPiece *piece) {
    const Segments *g = j->bind[bind].segments;
    const CudaBind *b = &j->x->program->binds.data[bind];
    int64_t from = g->bounds[first], count = g->bounds[last] - from;
    const void *values = b->single ? (const void *)g->floats : g->values;
    return (!g->rows || send(j, half, 0, g->rows, sizeof *g->rows, from, count, at, &piece->base[bind])) &&
           (!values || send(j, half, cuda_aligned(sizeof *g->rows * (size_t)j->stream->entries), values,
                            job_number_bytes(b->single), from, count, at, &piece->values));
}
static int64_t rows_end(const Job *j, const CudaKernel *k, int64_t first, int64_t rows) {
    int64_t last = first + j->stream->rows < rows ? first + j->stream->rows : rows;
    for (int i = 0; i < k->args.len; i++) {
        const CudaArg *a = &k->args.data[i];
        if (a->kind != ARG_BIND || !j->bind[a->index].streamed || !of_cells(&j->x->program->binds.data[a->index]))
            continue;
        const int64_t *rowptr = matrix_of(j, &j->x->program->binds.data[a->index])->rowptr;
        int64_t most = cells_most(j, a->index, j->stream->rows);
        while (rowptr[last] - rowptr[first] > most) last = first + (last - first - 1) / STREAM_ROWS * STREAM_ROWS;
    }
    return last;
}
static int64_t chunks_end(const Job *j, int bind, int64_t first) {
    const Segments *g = j->bind[bind].segments;
    int64_t last = first + 1, beyond = g->chunks + 1; /* one chunk always has room */
    while (last + 1 < beyond) {
        int64_t middle = (last + beyond) / 2;
        *(g->bounds[middle] - g->bounds[first] <= j->stream->entries ? &last : &beyond) = middle;
    }
    return last;
}
bool stream_launch(Job *j, int kernel) {
    const CudaDriver *a = j->d->api;
    const CudaKernel *k = j->x->program->kernels.data[kernel];
    Stream *s = j->stream;
    bool keys = k->grid == GRID_CHUNKS, ok = true;
    if (keys) { /* both arrays of an entry, each at an aligned place */
        size_t each = entry_bytes(&j->x->program->binds.data[k->bind]);
        s->entries = (int64_t)((s->bytes - CUDA_ALIGNMENT) / each);
    }
    int64_t of = keys ? j->bind[k->bind].chunks : job_rows(j, k->space);
    JobPiece piece = {.most = keys ? of : s->rows < of ? s->rows : of};
    piece.base = mem_alloc(sizeof *piece.base * (size_t)(j->x->program->binds.len + 1));
    if (!of) ok = job_pass(j, kernel, 0, 0, 1, &piece);
    for (int64_t first = 0, last, number = 0; ok && first < of; first = last, number++) {
        int half = (int)(number % 2);
        last = keys ? chunks_end(j, k->bind, first) : rows_end(j, k, first, of);
        if (s->used[half]) {
            ok = job_ok(j, a->event_wait(s->copied[half]), k->node, "copying rows to its memory") &&
                 job_ok(j, a->stream_after(j->d->copies, s->done[half], 0), k->node, "ordering its work");
        }
        if (ok && keys) ok = send_keys(j, half, k->bind, first, last, k->node, &piece);
        for (int i = 0; ok && !keys && i < k->args.len; i++) {
            const CudaArg *arg = &k->args.data[i];
            if (arg->kind == ARG_BIND && j->bind[arg->index].streamed)
                ok = send_rows(j, half, arg->index, first, last, k->node, &piece.base[arg->index]);
        }
        s->used[half] = true;
        ok = ok && job_ok(j, a->event_record(s->copied[half], j->d->copies), k->node, "ordering its work") &&
             job_ok(j, a->stream_after(j->d->stream, s->copied[half], 0), k->node, "ordering its work") &&
             job_pass(j, kernel, first, last, number == 0, &piece) &&
             job_ok(j, a->event_record(s->done[half], j->d->stream), k->node, "ordering its work");
    }
    mem_free(piece.base);
    return ok;
}
