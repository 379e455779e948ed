/* profile.c: keeps what a run measures (contract: profile.h). */
#include "backends/profile.h"
#include <math.h>

enum { MOST_POINTS = 1024, MOST_CURVES = 32 };

RunProfile *profile_new(Arena *arena) {
    RunProfile *p = arena_new_of(arena, RunProfile);
    p->arena = arena;
    return p;
}

void profile_begin(RunProfile *p, int npasses, int nkernels) {
    p->npasses = npasses;
    p->nkernels = nkernels;
    p->passes = arena_array(p->arena, ProfileTime, npasses + 1);
    p->kernels = arena_array(p->arena, ProfileTime, nkernels + 1);
    p->curves.len = 0;
}

static ProfileCurve *find_curve(RunProfile *p, const IrNode *loop, int carried) {
    for (int i = 0; i < p->curves.len; i++)
        if (p->curves.data[i].loop == loop && p->curves.data[i].carried == carried) return &p->curves.data[i];
    return NULL;
}

/* Every second point goes, and from now on half as many are kept. */
static void thin_out(ProfileCurve *c) {
    int n = 0;
    for (int i = 1; i < c->points.len; i += 2) c->points.data[n++] = c->points.data[i];
    c->points.len = n;
    c->every *= 2;
}

void profile_carried(RunProfile *p, const IrNode *loop, int carried, const char *name, int64_t at, const double *v,
                     int64_t cells) {
    ProfileCurve *c = find_curve(p, loop, carried);
    if (at == 0) {
        if (c || p->curves.len == MOST_CURVES || cells <= 0 || cells > PROFILE_CELLS_MOST) return;
        ProfileCurve fresh = {.loop = loop, .name = name, .carried = carried, .cells = cells, .every = 1};
        fresh.last = arena_array(p->arena, double, cells);
        memcpy(fresh.last, v, sizeof(double) * (size_t)cells);
        vec_push(p->arena, &p->curves, fresh);
        return;
    }
    if (!c) return;
    double change = 0, size = 0;
    for (int64_t i = 0; i < cells; i++) {
        double d = v[i] - c->last[i];
        change += d * d;
        size += v[i] * v[i];
    }
    memcpy(c->last, v, sizeof(double) * (size_t)cells);
    if (at % c->every) return;
    if (c->points.len == MOST_POINTS) thin_out(c);
    if (at % c->every) return;
    vec_push(p->arena, &c->points, ((ProfilePoint){at, sqrt(change), sqrt(size), cells == 1 ? v[0] : NAN}));
}
