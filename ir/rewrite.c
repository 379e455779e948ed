/* rewrite.c: rebuilding a function through a builder, and removing what nothing needs. */
#include "ir/ir.h"

typedef struct Rebuild {
    const IrFunc *from;
    IrBuilder *b;
    IrVisit visit;
    void *ctx;
    IrNode **map; /* old id -> new node */
} Rebuild;

static void rebuild_region(Rebuild *z, const IrRegion *r);
static void map_results(Rebuild *z, const IrRegion *r) {
    IrNode **res = arena_array(z->b->func->arena, IrNode *, r->results.len ? r->results.len : 1);
    for (int i = 0; i < r->results.len; i++) res[i] = z->map[r->results.data[i]->id];
    ir_region_end(z->b, r->results.len, res);
}
static IrRegion *rebuild_inner(Rebuild *z, const IrRegion *r) {
    IrRegion *n = ir_region_begin(z->b, r->kind);
    for (int i = 0; i < r->params.len; i++) {
        const IrNode *p = r->params.data[i];
        z->b->span = p->span;
        z->map[p->id] = ir_region_param(z->b, p->rows, p->cols, p->rspace, p->name);
        z->map[p->id]->cspace = p->cspace;
    }
    rebuild_region(z, r);
    map_results(z, r);
    return n;
}
static IrNode *rebuild_control(Rebuild *z, const IrNode *n) {
    Arena *a = z->b->func->arena;
    IrNode **args = arena_array(a, IrNode *, n->nargs ? n->nargs : 1);
    for (int i = 0; i < n->nargs; i++) args[i] = z->map[n->args[i]->id];
    IrRegion *r[2] = {0};
    for (int i = 0; i < n->nregions; i++) r[i] = rebuild_inner(z, n->regions[i]);
    z->b->span = n->span;
    z->b->name = n->name;
    if (n->op == IR_LOOP) return ir_loop(z->b, args[0], r[0], n->nargs - 1, args + 1);
    if (n->op == IR_WHILE) return ir_while(z->b, r[0], r[1], n->nargs, args);
    return ir_if(z->b, args[0], r[0], r[1]);
}
static void rebuild_region(Rebuild *z, const IrRegion *r) {
    for (int i = 0; i < r->nodes.len; i++) {
        const IrNode *n = r->nodes.data[i];
        if (n->nregions) {
            z->map[n->id] = rebuild_control(z, n);
            continue;
        }
        IrNode **args = arena_array(z->b->func->arena, IrNode *, n->nargs ? n->nargs : 1);
        for (int k = 0; k < n->nargs; k++) args[k] = z->map[n->args[k]->id];
        z->b->span = n->span;
        z->b->name = n->name;
        IrNode *made = z->visit ? z->visit(z->b, n, args, z->ctx) : NULL;
        z->b->span = n->span;
        z->b->name = n->name;
        z->map[n->id] = made ? made : ir_make(z->b, n, args);
    }
}
IrFunc *ir_rebuild(const IrFunc *f, IrVisit visit, void *ctx, bool cse, bool hoist) {
    IrFunc *g = arena_new_of(f->arena, IrFunc);
    *g = *f;
    g->next_id = 0;
    g->body = arena_new_of(f->arena, IrRegion);
    g->body->kind = REGION_FUNC;
    Rebuild z = {.from = f, .b = ir_builder(g), .visit = visit, .ctx = ctx};
    z.b->cse = cse;
    z.b->hoist = hoist;
    z.map = arena_array(f->arena, IrNode *, f->next_id + 1);
    rebuild_region(&z, f->body);
    for (int i = 0; i < f->body->results.len; i++) vec_push(f->arena, &g->body->results, z.map[f->body->results.data[i]->id]);
    return g;
}

/* ---- dead code ---- */
static void need(IrNode *n, bool *live);
static void need_region(IrRegion *r, bool *live) {
    for (int i = 0; i < r->results.len; i++) need(r->results.data[i], live);
}
static void need(IrNode *n, bool *live) {
    if (live[n->id]) return;
    live[n->id] = true;
    for (int i = 0; i < n->nargs; i++) need(n->args[i], live);
    for (int i = 0; i < n->nregions; i++) need_region(n->regions[i], live);
}
static void sweep(IrRegion *r, const bool *live) {
    int k = 0;
    for (int i = 0; i < r->nodes.len; i++) {
        IrNode *n = r->nodes.data[i];
        if (!live[n->id]) continue;
        for (int j = 0; j < n->nregions; j++) sweep(n->regions[j], live);
        r->nodes.data[k++] = n;
    }
    r->nodes.len = k;
}
void ir_dead_code(IrFunc *f) {
    bool *live = arena_array(f->arena, bool, f->next_id + 1);
    need_region(f->body, live);
    sweep(f->body, live);
}
