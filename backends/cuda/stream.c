/* stream.c: passes over arrays that do not fit in the device's memory.
 *
 * The rows arrive in pieces: two buffers on the device and two of pinned memory on the host, so that a piece is copied
 * while the kernel works on the one before it. Kernels see an array whose first row is where it would be: the base is
 * the buffer less the rows before the piece. Sums go on from piece to piece in the order of the rows. */
#include "backends/cuda/run.h"

enum { PIECE_MOST = 64 << 20 };

typedef struct Stream {
    int64_t rows; /* of a piece */
    CUdeviceptr device;
    char *pinned[2];
    size_t bytes;   /* of one piece, all its arrays */
    size_t *offset; /* by bind, in a piece */
    CUevent copied[2], done[2];
    bool used[2];
} Stream;

size_t stream_row_bytes(const Job *j, int bind) {
    const CudaBind *b = &j->x->program->binds.data[bind];
    if (b->kind != BIND_DENSE) return j->bind[bind].item;
    return sizeof(double) * (size_t)j->x->func->tables.data[b->table].data->blocks[b->index].data->ld;
}
bool stream_needed(const Job *j, const CudaKernel *k) {
    for (int i = 0; i < k->args.len; i++)
        if (k->args.data[i].kind == ARG_BIND && j->bind[k->args.data[i].index].streamed) return true;
    return false;
}
static size_t aligned(size_t bytes) {
    return (bytes + 255) / 256 * 256;
}
bool stream_open(Job *j) {
    const CudaDriver *a = j->d->api;
    int n = j->x->program->binds.len;
    size_t row = 0;
    for (int i = 0; i < n; i++)
        if (j->bind[i].streamed) row += stream_row_bytes(j, i);
    if (!row) return true;
    Stream *s = arena_new_of(j->arena, Stream);
    j->stream = s;
    size_t free_bytes = 0, total = 0;
    if (!job_ok(j, a->memory_info(&free_bytes, &total), NULL, "asking for its free memory")) return false;
    size_t most = free_bytes / 4 < PIECE_MOST ? free_bytes / 4 : PIECE_MOST;
    s->rows = (int64_t)(most / row) / STREAM_ROWS * STREAM_ROWS;
    if (s->rows < STREAM_ROWS) s->rows = STREAM_ROWS;
    s->offset = arena_array(j->arena, size_t, n + 1);
    for (int i = 0; i < n; i++)
        if (j->bind[i].streamed) {
            s->offset[i] = s->bytes;
            s->bytes += aligned(stream_row_bytes(j, i) * (size_t)s->rows);
        }
    if (!cuda_ok(j->d, a->memory_new(&s->device, 2 * s->bytes), j->rc->diags, (Span){0}, "pieces of the sources",
                 2 * (double)s->bytes)) {
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
/* One array's rows into the piece: to pinned memory, from there to the device. */
static bool send(Job *j, Stream *s, int bind, int half, int64_t first, int64_t last, const IrNode *at) {
    size_t row = stream_row_bytes(j, bind), bytes = row * (size_t)(last - first);
    char *pinned = s->pinned[half] + s->offset[bind];
    memcpy(pinned, (const char *)j->bind[bind].host + row * (size_t)first, bytes);
    CUdeviceptr to = s->device + (CUdeviceptr)half * s->bytes + s->offset[bind];
    return job_ok(j, j->d->api->copy_in(to, pinned, bytes, j->d->copies), at, "copying rows to its memory");
}
bool stream_launch(Job *j, int kernel) {
    const CudaDriver *a = j->d->api;
    const CudaKernel *k = j->x->program->kernels.data[kernel];
    Stream *s = j->stream;
    int64_t rows = job_rows(j, k->space);
    CUdeviceptr *bases = mem_alloc(sizeof *bases * (size_t)(j->x->program->binds.len + 1));
    bool ok = true;
    if (!rows) ok = job_pass(j, kernel, 0, 0, 1, bases);
    for (int64_t first = 0, piece = 0; ok && first < rows; first += s->rows, piece++) {
        int half = (int)(piece % 2);
        int64_t last = first + s->rows < rows ? first + s->rows : rows;
        if (s->used[half]) {
            ok = job_ok(j, a->event_wait(s->copied[half]), k->node, "copying rows to its memory") &&
                 job_ok(j, a->stream_after(j->d->copies, s->done[half], 0), k->node, "ordering its work");
        }
        for (int i = 0; ok && i < k->args.len; i++) {
            const CudaArg *arg = &k->args.data[i];
            if (arg->kind != ARG_BIND || !j->bind[arg->index].streamed) continue;
            ok = send(j, s, arg->index, half, first, last, k->node);
            bases[arg->index] = s->device + (CUdeviceptr)half * s->bytes + s->offset[arg->index] -
                                (CUdeviceptr)(stream_row_bytes(j, arg->index) * (size_t)first);
        }
        s->used[half] = true;
        ok = ok && job_ok(j, a->event_record(s->copied[half], j->d->copies), k->node, "ordering its work") &&
             job_ok(j, a->stream_after(j->d->stream, s->copied[half], 0), k->node, "ordering its work") &&
             job_pass(j, kernel, first, last, piece == 0, bases) &&
             job_ok(j, a->event_record(s->done[half], j->d->stream), k->node, "ordering its work");
    }
    mem_free(bases);
    return ok;
}
