/* timing.c: see timing.h. */
#include "backends/cuda/timing.h"

enum { PAIRS = 128 };
static const char doing[] = "measuring a pass";

typedef struct Timing {
    CUevent from[PAIRS], to[PAIRS];
    int pass[PAIRS];
    int begun; /* pairs that were recorded and not read yet */
} Timing;

bool timing_open(Job *j) {
    if (!j->rc->profile) return true;
    const CudaDriver *a = j->d->api;
    profile_begin(j->rc->profile, j->x->plan->passes.len, j->x->func->next_id);
    Timing *t = arena_new_of(j->arena, Timing);
    j->timing = t;
    for (int i = 0; i < PAIRS; i++)
        if (!job_ok(j, a->event_new(&t->from[i], CU_EVENT_DEFAULT), NULL, "making an event") ||
            !job_ok(j, a->event_new(&t->to[i], CU_EVENT_DEFAULT), NULL, "making an event"))
            return false;
    return true;
}
void timing_close(Job *j) {
    for (int i = 0; j->timing && i < PAIRS; i++) {
        if (j->timing->from[i]) j->d->api->event_free(j->timing->from[i]);
        if (j->timing->to[i]) j->d->api->event_free(j->timing->to[i]);
    }
}
bool timing_begin(Job *j, const CudaKernel *k) {
    Timing *t = j->timing;
    if (!t || !k->of) return true;
    if (t->begun == PAIRS && !timing_take(j)) return false;
    t->pass[t->begun] = k->of->id;
    if (k->leads) j->rc->profile->passes[k->of->id].calls++;
    return job_ok(j, j->d->api->event_record(t->from[t->begun], j->d->stream), k->node, doing);
}
bool timing_end(Job *j, const CudaKernel *k) {
    Timing *t = j->timing;
    if (!t || !k->of) return true;
    return job_ok(j, j->d->api->event_record(t->to[t->begun++], j->d->stream), k->node, doing);
}
bool timing_take(Job *j) {
    Timing *t = j->timing;
    if (!t || !t->begun) return true;
    if (!job_ok(j, j->d->api->event_wait(t->to[t->begun - 1]), j->last, doing)) return false;
    for (int i = 0; i < t->begun; i++) {
        float ms = 0;
        if (!job_ok(j, j->d->api->event_ms(&ms, t->from[i], t->to[i]), j->last, doing)) return false;
        j->rc->profile->passes[t->pass[i]].seconds += (double)ms / 1e3;
    }
    t->begun = 0;
    return true;
}
bool timing_carried(Job *j, const IrNode *loop, int64_t at) {
    if (!j->timing) return true;
    const IrRegion *r = loop->regions[loop->nregions - 1];
    int first = loop->op == IR_LOOP; /* its number comes before what it carries */
    for (int k = first; k < r->params.len; k++) {
        const IrNode *p = r->params.data[k];
        int slot = cu_slot(j->x->program, p);
        int64_t cells = p->rspace || !p->name || slot < 0 ? 0 : p->rows * p->cols;
        if (cells <= 0 || cells > PROFILE_CELLS_MOST) continue;
        size_t bytes = sizeof(double) * (size_t)cells;
        double *v = mem_alloc(bytes);
        bool ok = job_ok(j, j->d->api->copy_out(v, j->slot[slot], bytes, j->d->stream), loop, "reading its memory") &&
                  job_ok(j, j->d->api->stream_wait(j->d->stream), loop,
                         "running the kernels of this line, or of one before it");
        if (ok) profile_carried(j->rc->profile, loop, k - first, p->name, at, v, cells);
        mem_free(v);
        if (!ok) return false;
    }
    return true;
}
