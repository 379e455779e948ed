/* rewrite.c: rebuilding a function through a builder, and removing what nothing needs.
 *
 * Rebuilding goes through the regions in order and keeps a map from old nodes to new ones. On the way control nodes are
 * settled: a loop that is known not to run gives its initial values, a carried value that no iteration changes is its
 * initial value, and of a conditional with a known condition only the branch taken is rebuilt, in place.
 *
 * A loop may be told to carry values of its body too (ir_rebuild_carrying, for rotate): such a value e(p), of carried
 * values p, becomes a parameter that starts as e(initial p) and that each iteration sets to e(next p). */
#include "ir/ir.h"

typedef struct Rebuild {
    IrBuilder *b;
    IrVisit visit;
    void *ctx;
    IrNode **map; /* old id -> new node */
    IrNode **
        *known;  /* old control's id -> what its results are without it; NULL entries: read from the new control node */
    int **index; /* old control's id -> number of each result in the new control node */
    int nodes;   /* ids of old nodes are below it */
    const IrNodeVec *carry; /* old loop's id -> values of its body that it is to carry; NULL: none */
} Rebuild;

static void rebuild_nodes(Rebuild *z, const IrRegion *r);
static IrNode *mapped(const Rebuild *z, const IrNode *n) {
    return z->map[n->id];
}

/* n, a value of region r's body, computed from `values` instead of r's parameters from `first` on. `made` remembers, by
 * id, what has been computed already. */
static IrNode *recompute(Rebuild *z, const IrRegion *r, int first, const IrNode *n, IrNode *const *values,
                         IrNode **made) {
    if (n->home != r) return mapped(z, n);
    if (n->op == IR_ARG) return values[n->i0 - first];
    if (made[n->id]) return made[n->id];
    IrNode **args = arena_array(z->b->func->arena, IrNode *, n->nargs ? n->nargs : 1);
    for (int i = 0; i < n->nargs; i++) args[i] = recompute(z, r, first, n->args[i], values, made);
    z->b->span = n->span;
    z->b->name = NULL;
    return made[n->id] = ir_make(z->b, n, args);
}
/* Rebuilds r with the parameters and results that `keep` names (NULL: all), and those that it is to carry besides.
 * Parameters before `first` always stay. */
static IrRegion *rebuild_region(Rebuild *z, const IrRegion *r, int first, const bool *keep, bool keep_results,
                                const IrNodeVec *carry) {
    Arena *a = z->b->func->arena;
    int ncarry = carry ? carry->len : 0;
    IrRegion *made = ir_region_begin(z->b, r->kind);
    for (int i = 0; i < r->params.len; i++) {
        const IrNode *p = r->params.data[i];
        if (i >= first && keep && !keep[i - first]) continue;
        z->b->span = p->span;
        IrNode *q = ir_region_param(z->b, p->rows, p->cols, p->rspace, p->name);
        q->cspace = p->cspace;
        z->map[p->id] = q;
    }
    bool body = r->kind != REGION_WHILE_COND;
    for (int i = 0; i < ncarry; i++) {
        const IrNode *e = carry->data[i];
        z->b->span = e->span;
        IrNode *q = ir_region_param(z->b, e->rows, e->cols, e->rspace, NULL);
        if (body) z->map[e->id] = q;
    }
    rebuild_nodes(z, r);
    IrNode **results = arena_array(a, IrNode *, r->results.len + ncarry + 1),
           **next = arena_array(a, IrNode *, r->results.len + 1);
    int n = 0;
    for (int i = 0; i < r->results.len; i++) {
        next[i] = mapped(z, r->results.data[i]);
        if (keep_results || !keep || keep[i]) results[n++] = next[i];
    }
    IrNode **made_of_next = body && ncarry ? arena_array(a, IrNode *, z->nodes) : NULL;
    for (int i = 0; body && i < ncarry; i++) results[n++] = recompute(z, r, first, carry->data[i], next, made_of_next);
    ir_region_end(z->b, n, results);
    return made;
}
static void rebuild_loop(Rebuild *z, const IrNode *n) {
    Arena *a = z->b->func->arena;
    bool counted = n->op == IR_LOOP;
    int first = counted ? 1 : 0, carried = n->nargs - first, kept = 0;
    const IrRegion *body = n->regions[counted ? 0 : 1];
    const IrNodeVec *carry = z->carry && z->carry[n->id].len ? &z->carry[n->id] : NULL;
    IrNode **known = z->known[n->id] = arena_array(a, IrNode *, carried + 1),
           **from_all = arena_array(a, IrNode *, carried + 1),
           **init = arena_array(a, IrNode *, carried + (carry ? carry->len : 0) + 1);
    int *index = z->index[n->id] = arena_array(a, int, carried + 1);
    bool *keep = arena_array(a, bool, carried + 1);
    const IrNode *count = counted ? mapped(z, n->args[0]) : NULL;
    bool never = count && count->op == IR_CONST && count->num < 1;
    for (int i = 0; i < carried; i++) {
        const IrNode *p = body->params.data[first + i];
        IrNode *from = from_all[i] = mapped(z, n->args[first + i]);
        if (never || body->results.data[i] == p) {
            known[i] = from;
            z->map[p->id] = from;
            if (!counted) z->map[n->regions[0]->params.data[i]->id] = from;
        } else {
            keep[i] = true;
            index[i] = kept;
            init[kept++] = from;
        }
    }
    if (never) return;
    IrNode **made_of_init = carry ? arena_array(a, IrNode *, z->nodes) : NULL;
    for (int i = 0; carry && i < carry->len; i++)
        init[kept + i] = recompute(z, body, first, carry->data[i], from_all, made_of_init);
    if (carry) kept += carry->len;
    z->b->span = n->span;
    z->b->name = n->name;
    if (counted) {
        IrRegion *r = rebuild_region(z, body, 1, keep, false, carry);
        z->b->span = n->span;
        z->map[n->id] = ir_loop(z->b, mapped(z, n->args[0]), r, kept, init);
    } else {
        IrRegion *cond = rebuild_region(z, n->regions[0], 0, keep, true, carry),
                 *r = rebuild_region(z, body, 0, keep, false, carry);
        z->b->span = n->span;
        z->map[n->id] = ir_while(z->b, cond, r, kept, init);
    }
    z->map[n->id]->name = n->name;
}
static void rebuild_if(Rebuild *z, const IrNode *n) {
    Arena *a = z->b->func->arena;
    const IrNode *cond = mapped(z, n->args[0]);
    int results = n->regions[0]->results.len;
    if (cond->op == IR_CONST) {
        const IrRegion *taken = n->regions[cond->num != 0 ? 0 : 1];
        IrNode **known = z->known[n->id] = arena_array(a, IrNode *, results + 1);
        rebuild_nodes(z, taken);
        for (int i = 0; i < results; i++) known[i] = mapped(z, taken->results.data[i]);
        return;
    }
    IrRegion *then = rebuild_region(z, n->regions[0], 0, NULL, true, NULL),
             *otherwise = rebuild_region(z, n->regions[1], 0, NULL, true, NULL);
    z->b->span = n->span;
    z->map[n->id] = ir_if(z->b, mapped(z, n->args[0]), then, otherwise);
    z->map[n->id]->name = n->name;
}
static IrNode *rebuild_result(Rebuild *z, const IrNode *n) {
    const IrNode *control = n->args[0];
    IrNode **known = z->known[control->id];
    if (known && known[n->i0]) return known[n->i0];
    const int *index = z->index[control->id];
    z->b->span = n->span;
    z->b->name = n->name;
    return ir_proj(z->b, mapped(z, control), index ? index[n->i0] : n->i0);
}
static void rebuild_nodes(Rebuild *z, const IrRegion *r) {
    for (int i = 0; i < r->nodes.len; i++) {
        const IrNode *n = r->nodes.data[i];
        if (z->carry && z->map[n->id]) continue; /* carried by this loop now */
        if (n->op == IR_LOOP || n->op == IR_WHILE)
            rebuild_loop(z, n);
        else if (n->op == IR_IF)
            rebuild_if(z, n);
        else if (n->op == IR_PROJ)
            z->map[n->id] = rebuild_result(z, n);
        else {
            IrNode **args = arena_array(z->b->func->arena, IrNode *, n->nargs ? n->nargs : 1);
            for (int k = 0; k < n->nargs; k++) args[k] = mapped(z, n->args[k]);
            z->b->span = n->span;
            z->b->name = n->name;
            IrNode *made = z->visit ? z->visit(z->b, n, args, z->ctx) : NULL;
            z->b->span = n->span;
            z->b->name = n->name;
            z->map[n->id] = made ? made : ir_make(z->b, n, args);
        }
    }
}
static IrFunc *rebuild(const IrFunc *f, IrVisit visit, void *ctx, bool cse, bool hoist, const IrNodeVec *carry) {
    Arena *a = f->arena;
    IrFunc *g = ir_func_new(a, f->diags, f->name);
    g->factorized = f->factorized;
    g->residuals = f->residuals;
    g->on_gram = f->on_gram;
    g->spaces.len = 0; /* ir_func_new() made the small one, which f has too */
    for (int i = 0; i < f->spaces.len; i++) vec_push(a, &g->spaces, f->spaces.data[i]);
    for (int i = 0; i < f->tables.len; i++) vec_push(a, &g->tables, f->tables.data[i]);
    for (int i = 0; i < f->inputs.len; i++) vec_push(a, &g->inputs, f->inputs.data[i]);
    for (int i = 0; i < f->output_names.len; i++) vec_push(a, &g->output_names, f->output_names.data[i]);
    for (int i = 0; i < f->notes.len; i++) vec_push(a, &g->notes, f->notes.data[i]);
    Rebuild z = {.b = ir_builder(g), .visit = visit, .ctx = ctx, .nodes = f->next_id, .carry = carry};
    z.b->cse = cse;
    z.b->hoist = hoist;
    z.map = arena_array(a, IrNode *, f->next_id + 1);
    z.known = arena_array(a, IrNode **, f->next_id + 1);
    z.index = arena_array(a, int *, f->next_id + 1);
    rebuild_nodes(&z, f->body);
    for (int i = 0; i < f->body->results.len; i++) vec_push(a, &g->body->results, mapped(&z, f->body->results.data[i]));
    return g;
}
IrFunc *ir_rebuild(const IrFunc *f, IrVisit visit, void *ctx, bool cse, bool hoist) {
    return rebuild(f, visit, ctx, cse, hoist, NULL);
}
IrFunc *ir_rebuild_carrying(const IrFunc *f, const IrNodeVec *carry, bool cse, bool hoist) {
    return rebuild(f, NULL, NULL, cse, hoist, carry);
}

/* ---- dead code ---- */
typedef struct Liveness {
    Arena *arena;
    bool *live;     /* nodes, by id */
    bool **carried; /* by the control node's id: which of its results are needed */
    IrNodeVec work;
} Liveness;
static void need(Liveness *z, IrNode *n) {
    if (z->live[n->id]) return;
    z->live[n->id] = true;
    vec_push(z->arena, &z->work, n);
}
static int result_count(const IrNode *control) {
    return control->op == IR_IF     ? control->regions[0]->results.len
           : control->op == IR_LOOP ? control->nargs - 1
                                    : control->nargs;
}
/* Result i of a control node: the value it starts from, the one each iteration or branch gives, and the parameters that
 * stand for it. */
static void need_result(Liveness *z, IrNode *control, int64_t i) {
    need(z, control);
    bool **needed = &z->carried[control->id];
    if (!*needed) *needed = arena_array(z->arena, bool, result_count(control) + 1);
    if ((*needed)[i]) return;
    (*needed)[i] = true;
    if (control->op == IR_IF) {
        for (int k = 0; k < 2; k++) need(z, control->regions[k]->results.data[i]);
        return;
    }
    need(z, control->args[i + (control->op == IR_LOOP ? 1 : 0)]);
    need(z, control->regions[control->nregions - 1]->results.data[i]);
}
static void need_operands(Liveness *z, IrNode *n) {
    switch (n->op) {
    case IR_PROJ: need_result(z, n->args[0], n->i0); break;
    case IR_ARG: {
        IrNode *control = n->home->owner;
        if (!control || (n->home->kind == REGION_LOOP && n->i0 == 0)) break;
        need_result(z, control, n->i0 - (n->home->kind == REGION_LOOP ? 1 : 0));
        break;
    }
    case IR_LOOP:
    case IR_IF: need(z, n->args[0]); break;
    case IR_WHILE: need(z, n->regions[0]->results.data[0]); break;
    default:
        for (int i = 0; i < n->nargs; i++) need(z, n->args[i]);
    }
}
static void shrink(IrNodeVec *v, int first, const bool *needed) {
    int k = first;
    for (int i = first; i < v->len; i++)
        if (needed && needed[i - first]) v->data[k++] = v->data[i];
    v->len = k;
}
static void sweep(const Liveness *z, IrRegion *r);
/* Drops the carried values and results that are not needed and numbers the rest anew. */
static void sweep_control(const Liveness *z, IrNode *n) {
    const bool *needed = z->carried[n->id];
    int first = n->op == IR_LOOP ? 1 : 0;
    if (n->op != IR_IF) {
        int k = first;
        for (int i = first; i < n->nargs; i++)
            if (needed && needed[i - first]) n->args[k++] = n->args[i];
        n->nargs = k;
    }
    for (int i = 0; i < n->nregions; i++) {
        IrRegion *r = n->regions[i];
        if (n->op != IR_IF) shrink(&r->params, first, needed);
        for (int p = 0; p < r->params.len; p++) r->params.data[p]->i0 = p;
        if (r->kind != REGION_WHILE_COND) shrink(&r->results, 0, needed);
        sweep(z, r);
    }
}
static void sweep(const Liveness *z, IrRegion *r) {
    int k = 0;
    for (int i = 0; i < r->nodes.len; i++) {
        IrNode *n = r->nodes.data[i];
        if (!z->live[n->id]) continue;
        if (n->op == IR_PROJ) {
            int64_t before = n->i0, now = 0;
            for (int64_t j = 0; j < before; j++) now += z->carried[n->args[0]->id][j];
            n->i0 = now;
        }
        if (n->nregions) sweep_control(z, n);
        r->nodes.data[k++] = n;
    }
    r->nodes.len = k;
}
void ir_dead_code(IrFunc *f) {
    Liveness z = {.arena = f->arena};
    z.live = arena_array(f->arena, bool, f->next_id + 1);
    z.carried = arena_array(f->arena, bool *, f->next_id + 1);
    for (int i = 0; i < f->body->results.len; i++) need(&z, f->body->results.data[i]);
    while (z.work.len) {
        IrNode *n = z.work.data[--z.work.len];
        need_operands(&z, n);
    }
    sweep(&z, f->body);
}
