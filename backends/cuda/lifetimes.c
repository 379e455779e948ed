/* lifetimes.c: see lifetimes.h. */
#include "backends/cuda/lifetimes.h"
#include <stdlib.h>

typedef struct Range {
    int at, end;
} Range;
typedef struct Lives {
    Arena *arena;
    CudaProgram *p;
    CudaLayout *out;
    int *group;       /* by slot: one that stands for all those that trade places */
    bool *none_row;   /* by such a slot: one of them is read at a row of zeros after the last */
    bool *read_first; /* by buffer: nothing had written it when it was first read */
    VEC(Range) loops; /* inner ones before those around them */
} Lives;

/* ---- operations ---- */
static void number(CudaBody *b, int *clock) {
    for (int i = 0; b && i < b->ops.len; i++) {
        CudaOp *op = &b->ops.data[i];
        op->at = op->end = (*clock)++;
        if (!op->body && !op->other) continue;
        number(op->kind == CUOP_WHILE ? op->other : op->body, clock);
        number(op->kind == CUOP_WHILE ? op->body : op->other, clock);
        op->end = (*clock)++;
    }
}

/* ---- slots that trade places ---- */
static int group_of(const Lives *z, int slot) {
    while (z->group[slot] != slot) slot = z->group[slot];
    return slot;
}
static void join_swapped(Lives *z, const CudaBody *b) {
    for (int i = 0; b && i < b->ops.len; i++) {
        const CudaOp *op = &b->ops.data[i];
        if (op->kind == CUOP_SWAP) z->group[group_of(z, op->from)] = group_of(z, op->to);
        join_swapped(z, op->body);
        join_swapped(z, op->other);
    }
}

/* ---- buffers ---- */
static size_t slot_bytes(const Lives *z, int slot) {
    const CudaSlot *s = &z->p->slots.data[slot];
    return sizeof(double) * (size_t)(s->rows + z->none_row[group_of(z, slot)]) * (size_t)s->cols;
}
static void list_buffers(Lives *z, const size_t *const bytes[BUFFER_OF_KINDS]) {
    const int count[BUFFER_OF_KINDS] = {z->p->slots.len, z->p->parts.len, z->p->kernels.len, z->p->kernels.len};
    for (int kind = 0; kind < BUFFER_OF_KINDS; kind++) {
        z->out->place[kind] = arena_array(z->arena, int, count[kind] + 1);
        for (int i = 0; i < count[kind]; i++) {
            CudaBuffer b = {.kind = (CudaBufferKind)kind, .index = i, .first = -1, .last = -1};
            b.bytes = kind == BUFFER_SLOT ? slot_bytes(z, i) : bytes && bytes[kind] ? bytes[kind][i] : 0;
            z->out->place[kind][i] = b.bytes ? z->out->buffers.len : -1;
            if (b.bytes) vec_push(z->arena, &z->out->buffers, b);
        }
    }
    z->read_first = arena_array(z->arena, bool, z->out->buffers.len + 1);
}

/* ---- when they are held ---- */
static void touch(Lives *z, CudaBufferKind kind, int index, int at, bool written) {
    if (index < 0) return;
    int place = z->out->place[kind][kind == BUFFER_SLOT ? group_of(z, index) : index];
    if (place < 0) return;
    CudaBuffer *b = &z->out->buffers.data[place];
    if (b->first < 0) {
        b->first = at;
        z->read_first[place] = !written;
    }
    b->last = at;
}
static void touch_arguments(Lives *z, const CudaOp *op) {
    const CudaKernel *k = z->p->kernels.data[op->kernel];
    for (int i = 0; i < k->args.len; i++) {
        const CudaArg *a = &k->args.data[i];
        switch (a->kind) {
        case ARG_SLOT: touch(z, BUFFER_SLOT, a->index, op->at, a->written); break;
        case ARG_PARTS: touch(z, BUFFER_PARTS, a->index, op->at, true); break;
        case ARG_CHUNK_SUMS: touch(z, BUFFER_SUMS, a->index, op->at, true); break;
        case ARG_SCRATCH: touch(z, BUFFER_SCRATCH, op->kernel, op->at, true); break;
        default: break;
        }
    }
}
static void touch_operand(Lives *z, const CudaOperand *o, int at, bool written) {
    if (o->kind == ARG_SLOT) touch(z, BUFFER_SLOT, o->index, at, written);
}
static void walk(Lives *z, const CudaBody *body) {
    for (int i = 0; body && i < body->ops.len; i++) {
        const CudaOp *op = &body->ops.data[i];
        switch (op->kind) {
        case CUOP_LAUNCH: touch_arguments(z, op); break;
        case CUOP_PRODUCT:
            touch_operand(z, &op->product->x, op->at, false);
            touch_operand(z, &op->product->y, op->at, false);
            touch_operand(z, &op->product->to, op->at, true);
            break;
        case CUOP_ZERO: touch(z, BUFFER_SLOT, op->to, op->at, true); break;
        case CUOP_COPY:
        case CUOP_SWAP:
            touch(z, BUFFER_SLOT, op->from, op->at, false);
            touch(z, BUFFER_SLOT, op->to, op->at, true);
            break;
        case CUOP_HOST:
            for (int a = 0; a < op->node->nargs; a++)
                touch(z, BUFFER_SLOT, cu_slot(z->p, op->node->args[a]), op->at, false);
            touch(z, BUFFER_SLOT, op->to, op->at, true);
            break;
        case CUOP_IF:
        case CUOP_LOOP:
            touch(z, BUFFER_SLOT, op->from, op->at, false);
            walk(z, op->body);
            walk(z, op->other);
            break;
        case CUOP_WHILE:
            walk(z, op->other);
            walk(z, op->body);
            touch(z, BUFFER_SLOT, op->from, op->end, false);
            break;
        }
        if (op->kind == CUOP_LOOP || op->kind == CUOP_WHILE) vec_push(z->arena, &z->loops, ((Range){op->at, op->end}));
    }
}
static void hold(Lives *z, int end) {
    for (int k = 0; k < z->p->slots.len; k++) { /* trading places, they are held alike */
        int own = z->out->place[BUFFER_SLOT][k], of = z->out->place[BUFFER_SLOT][group_of(z, k)];
        if (own < 0 || of < 0) continue;
        z->out->buffers.data[own].first = z->out->buffers.data[of].first;
        z->out->buffers.data[own].last = z->out->buffers.data[of].last;
        z->out->buffers.data[own].cleared = z->read_first[of] || z->none_row[group_of(z, k)];
    }
    for (int i = 0; i < z->out->buffers.len; i++) {
        CudaBuffer *b = &z->out->buffers.data[i];
        if (b->cleared) b->first = 0, b->last = end;
        for (int k = 0; k < z->loops.len; k++) {
            Range l = z->loops.data[k];
            bool cut = b->first <= l.end && b->last >= l.at && (b->first < l.at || b->last > l.end);
            if (cut && b->first > l.at) b->first = l.at;
            if (cut && b->last < l.end) b->last = l.end;
        }
    }
}

/* ---- where they lie ---- */
static int larger_first(const void *a, const void *b) {
    const CudaBuffer *x = *(CudaBuffer *const *)a, *y = *(CudaBuffer *const *)b;
    if (x->cleared != y->cleared) return x->cleared ? -1 : 1;
    if (x->bytes != y->bytes) return x->bytes > y->bytes ? -1 : 1;
    return x < y ? -1 : x > y;
}
static void place(Arena *arena, CudaLayout *out) {
    int n = out->buffers.len, nplaced = 0;
    CudaBuffer **order = arena_array(arena, CudaBuffer *, n + 1), **placed = arena_array(arena, CudaBuffer *, n + 1);
    for (int i = 0; i < n; i++) order[i] = &out->buffers.data[i];
    if (n) qsort(order, (size_t)n, sizeof *order, larger_first);
    for (int i = 0; i < n; i++) {
        CudaBuffer *b = order[i];
        if (b->first < 0) continue; /* nothing uses it */
        size_t at = 0, bytes = cuda_aligned(b->bytes);
        int k = 0;
        for (; k < nplaced; k++) { /* by place: those held at another time may be written over */
            const CudaBuffer *o = placed[k];
            if (o->first > b->last || o->last < b->first) continue;
            if (at + bytes <= o->at) break;
            size_t after = o->at + cuda_aligned(o->bytes);
            if (after > at) at = after;
        }
        b->at = at;
        for (k = nplaced++; k > 0 && placed[k - 1]->at > at; k--) placed[k] = placed[k - 1];
        placed[k] = b;
        if (b->cleared) out->cleared = at + bytes;
        if (at + bytes > out->bytes) out->bytes = at + bytes;
        out->apart += bytes;
    }
}
CudaLayout *cuda_lay_out(Arena *arena, CudaProgram *p, const size_t *const bytes[BUFFER_OF_KINDS]) {
    Lives lives = {.arena = arena, .p = p, .out = arena_new_of(arena, CudaLayout)}, *z = &lives;
    int n = p->slots.len, end = 0;
    number(p->body, &end);
    z->group = arena_array(arena, int, n + 1);
    z->none_row = arena_array(arena, bool, n + 1);
    for (int i = 0; i < n; i++) z->group[i] = i;
    join_swapped(z, p->body);
    for (int i = 0; i < n; i++)
        if (p->slots.data[i].none_row) z->none_row[group_of(z, i)] = true;
    list_buffers(z, bytes);
    walk(z, p->body);
    for (int k = 0; k < p->noutputs; k++) touch(z, BUFFER_SLOT, p->outputs[k], end, false);
    hold(z, end);
    place(arena, z->out);
    return z->out;
}
