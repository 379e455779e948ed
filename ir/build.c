/* build.c: functions, regions, and the one way nodes are made: hash-consed, and placed in the outermost region that has
 * their operands. */
#include "ir/ir.h"

IrFunc *ir_func_new(Arena *arena, Diags *ds, const char *name) {
    IrFunc *f = arena_new_of(arena, IrFunc);
    f->arena = arena;
    f->diags = ds;
    f->name = name;
    IrSpace small = {.kind = SPACE_SMALL, .rows = 0, .name = "small"};
    vec_push(arena, &f->spaces, small);
    f->body = arena_new_of(arena, IrRegion);
    f->body->kind = REGION_FUNC;
    return f;
}
int ir_add_table(IrFunc *f, const Integration *data, const char *name) {
    IrTable t = {.data = data, .name = name};
    int table = f->tables.len;
    IrSpace target = {.kind = SPACE_TARGET, .table = table, .rows = data->rows, .name = name, .order = data->order};
    t.target_space = f->spaces.len;
    vec_push(f->arena, &f->spaces, target);
    t.block_space = arena_array(f->arena, int, data->nspaces ? data->nspaces : 1);
    for (int s = 0; s < data->nspaces; s++) {
        IrSpace space = {.kind = SPACE_TABLE,
                         .table = table,
                         .space = s,
                         .rows = data->spaces[s].rows,
                         .name = data->spaces[s].name};
        t.block_space[s] = f->spaces.len;
        vec_push(f->arena, &f->spaces, space);
    }
    vec_push(f->arena, &f->tables, t);
    return table;
}
IrNode *ir_insert(IrFunc *f, IrRegion *r, int at, const IrNode *as) {
    IrNode *n = arena_new_of(f->arena, IrNode);
    *n = *as;
    n->id = f->next_id++;
    n->home = r;
    vec_push(f->arena, &r->nodes, n);
    for (int i = r->nodes.len - 1; i > at; i--) r->nodes.data[i] = r->nodes.data[i - 1];
    r->nodes.data[at] = n;
    return n;
}
IrFunc *ir_with_data(const IrFunc *f, const Integration *data) {
    IrFunc *g = arena_new_of(f->arena, IrFunc);
    *g = *f;
    AMAL_CHECK(f->tables.len == 1 && !f->factorized && data->rows == f->tables.data[0].data->rows);
    memset(&g->spaces, 0, sizeof g->spaces);
    memset(&g->tables, 0, sizeof g->tables);
    vec_push(g->arena, &g->spaces, f->spaces.data[0]);
    (void)ir_add_table(g, data, f->tables.data[0].name);
    return g;
}
int ir_add_input(IrFunc *f, const char *name, int64_t rows, int64_t cols, int rspace, Span span) {
    IrInput in = {.name = name,
                  .rows = rows,
                  .cols = cols,
                  .rspace = rspace,
                  .span = span,
                  .lo = -__builtin_inf(),
                  .hi = __builtin_inf()};
    vec_push(f->arena, &f->inputs, in);
    return f->inputs.len - 1;
}

/* ---- the hash of nodes ---- */
typedef struct NodeSet {
    IrNode **slot;
    uint32_t cap, count;
} NodeSet;
IrBuilder *ir_builder(IrFunc *f) {
    IrBuilder *b = arena_new_of(f->arena, IrBuilder);
    *b = (IrBuilder){.func = f, .region = f->body, .cse = true, .hoist = true};
    b->table_ = arena_new_of(f->arena, NodeSet);
    return b;
}
static int blocks_of(const IrNode *n) {
    switch (n->op) {
    case IR_PLACE:
    case IR_PLACE_COLS:
    case IR_EXPAND: return n->nargs;
    case IR_T_ROWS: return n->nargs - 1;
    case IR_CROSS: return 2;
    default: return 0;
    }
}
static uint64_t mix(uint64_t h, uint64_t v) {
    return (h ^ v) * 0x9E3779B97F4A7C15ull ^ (h >> 29);
}
static uint64_t node_hash(const IrNode *n) {
    uint64_t bits;
    memcpy(&bits, &n->num, sizeof bits);
    uint64_t h = mix(mix(mix(17, (uint64_t)n->op), (uint64_t)(n->ta * 2 + n->tb)), bits);
    h = mix(mix(h, (uint64_t)n->i0), (uint64_t)n->i1);
    h = mix(mix(mix(h, (uint64_t)n->table), (uint64_t)n->block), (uint64_t)n->indicator);
    h = mix(mix(mix(h, (uint64_t)n->rows), (uint64_t)n->cols), (uint64_t)n->rspace);
    for (int i = 0; i < blocks_of(n); i++) h = mix(h, (uint64_t)n->blocks[i]);
    for (int i = 0; i < n->nargs; i++) h = mix(h, (uint64_t)n->args[i]->id);
    return h ^ h >> 31;
}
static bool node_equal(const IrNode *a, const IrNode *b) {
    if (a->op != b->op || a->ta != b->ta || a->tb != b->tb || memcmp(&a->num, &b->num, sizeof a->num) ||
        a->i0 != b->i0 || a->i1 != b->i1 || a->table != b->table || a->block != b->block ||
        a->indicator != b->indicator || a->nargs != b->nargs || a->rows != b->rows || a->cols != b->cols ||
        a->rspace != b->rspace || a->cspace != b->cspace)
        return false;
    for (int i = 0; i < blocks_of(a); i++)
        if (a->blocks[i] != b->blocks[i]) return false;
    for (int i = 0; i < a->nargs; i++)
        if (a->args[i] != b->args[i]) return false;
    return true;
}
static bool visible(const IrRegion *home, const IrRegion *from) {
    for (; from; from = from->parent)
        if (from == home) return true;
    return false;
}
static void table_put(IrBuilder *b, IrNode *n) {
    NodeSet *t = b->table_;
    if (t->count * 2 >= t->cap) {
        NodeSet bigger = {.cap = t->cap ? t->cap * 2 : 256};
        bigger.slot = arena_array(b->func->arena, IrNode *, bigger.cap);
        for (uint32_t i = 0; i < t->cap; i++)
            if (t->slot[i]) {
                uint32_t k = (uint32_t)node_hash(t->slot[i]) & (bigger.cap - 1);
                while (bigger.slot[k]) k = (k + 1) & (bigger.cap - 1);
                bigger.slot[k] = t->slot[i];
            }
        bigger.count = t->count;
        *t = bigger;
    }
    uint32_t k = (uint32_t)node_hash(n) & (t->cap - 1);
    while (t->slot[k]) k = (k + 1) & (t->cap - 1);
    t->slot[k] = n;
    t->count++;
}
static IrNode *table_find_node(IrBuilder *b, const IrNode *n, const IrRegion *from) {
    NodeSet *t = b->table_;
    if (!t->cap) return NULL;
    for (uint32_t k = (uint32_t)node_hash(n) & (t->cap - 1); t->slot[k]; k = (k + 1) & (t->cap - 1))
        if (node_equal(t->slot[k], n) && visible(t->slot[k]->home, from)) return t->slot[k];
    return NULL;
}

static bool is_leaf(IrOp op) {
    return ir_ops[op].cls == IRC_LEAF && op != IR_ARG && op != IR_PROJ;
}
/* Where a node may stand: from the wanted region outwards as long as every operand is still visible. Branches keep what
 * they were given, and nodes that may fail stay where they were written. */
static IrRegion *home_of(const IrBuilder *b, const IrNode *n) {
    if (is_leaf(n->op) && !n->nargs) return b->func->body;
    IrRegion *r = b->region;
    if (!b->hoist || ir_op_has(n->op, 'F')) return r;
    while (r->parent && r->kind != REGION_BRANCH) {
        for (int i = 0; i < n->nargs; i++)
            if (!visible(n->args[i]->home, r->parent)) return r;
        r = r->parent;
    }
    return r;
}
static IrNode *finish(IrBuilder *b, IrNode *n) {
    const char *why;
    if (!ir_infer_shape(b->func, n, &why))
        internal_error("%s: %s", ir_ops[n->op].name, why ? why : "shapes do not agree");
    if (b->cse) {
        IrNode *same = table_find_node(b, n, b->region);
        if (!same && ir_op_has(n->op, 'C')) {
            IrNode *swapped[2] = {n->args[1], n->args[0]}, turned = *n;
            turned.args = swapped;
            same = table_find_node(b, &turned, b->region);
        }
        if (same) {
            if (!same->name && b->name) same->name = b->name;
            return same;
        }
    }
    IrNode *kept = arena_new_of(b->func->arena, IrNode);
    *kept = *n;
    kept->id = b->func->next_id++;
    kept->mark = 0;
    kept->note = NULL;
    if (n->nargs) {
        kept->args = arena_array(b->func->arena, IrNode *, n->nargs);
        memcpy(kept->args, n->args, sizeof *kept->args * (size_t)n->nargs);
    }
    int nb = blocks_of(n);
    if (nb) {
        kept->blocks = arena_array(b->func->arena, int, nb);
        memcpy(kept->blocks, n->blocks, sizeof *kept->blocks * (size_t)nb);
    }
    kept->home = home_of(b, n);
    vec_push(b->func->arena, &kept->home->nodes, kept);
    table_put(b, kept);
    return kept;
}
static IrNode *simple(IrBuilder *b, IrNode n) {
    n.span = b->span;
    n.name = b->name;
    return finish(b, &n);
}
IrNode *ir_make(IrBuilder *b, const IrNode *proto, IrNode **args) {
    IrNode n = *proto;
    n.args = args;
    n.regions = NULL;
    n.nregions = 0;
    return finish(b, &n);
}
IrNode *ir_const(IrBuilder *b, double v) {
    IrNode n = {.op = IR_CONST, .num = v, .span = b->span};
    return finish(b, &n);
}
IrNode *ir_input(IrBuilder *b, int index) {
    IrNode n = {.op = IR_INPUT, .i0 = index, .span = b->span, .name = b->func->inputs.data[index].name};
    return finish(b, &n);
}
IrNode *ir_table(IrBuilder *b, int table) {
    return simple(b, (IrNode){.op = IR_TABLE, .table = table});
}
IrNode *ir_full(IrBuilder *b, double v, int64_t rows, int64_t cols, int rspace) {
    if (rows == 1 && cols == 1 && !rspace) return ir_const(b, v);
    return simple(b, (IrNode){.op = IR_FULL, .num = v, .rows = rows, .cols = cols, .rspace = rspace});
}
IrNode *ir_eye(IrBuilder *b, int64_t n) {
    return simple(b, (IrNode){.op = IR_EYE, .rows = n, .cols = n});
}
IrNode *ir_iota(IrBuilder *b, int64_t n, int rspace) {
    return simple(b, (IrNode){.op = IR_IOTA, .rows = n, .cols = 1, .rspace = rspace});
}
IrNode *ir_rand(IrBuilder *b, IrOp op, int64_t rows, int64_t cols, int rspace, IrNode *seed) {
    return simple(b, (IrNode){.op = op, .rows = rows, .cols = cols, .rspace = rspace, .nargs = 1, .args = &seed});
}
IrNode *ir_unary(IrBuilder *b, IrOp op, IrNode *x) {
    return simple(b, (IrNode){.op = op, .nargs = 1, .args = &x});
}
IrNode *ir_binary(IrBuilder *b, IrOp op, IrNode *x, IrNode *y) {
    IrNode *args[2] = {x, y};
    return simple(b, (IrNode){.op = op, .nargs = 2, .args = args});
}
IrNode *ir_where(IrBuilder *b, IrNode *c, IrNode *x, IrNode *y) {
    IrNode *args[3] = {c, x, y};
    return simple(b, (IrNode){.op = IR_WHERE, .nargs = 3, .args = args});
}
IrNode *ir_matmul(IrBuilder *b, IrNode *x, bool ta, IrNode *y, bool tb) {
    IrNode *args[2] = {x, y};
    return simple(b, (IrNode){.op = IR_MATMUL, .ta = ta, .tb = tb, .nargs = 2, .args = args});
}
IrNode *ir_nary(IrBuilder *b, IrOp op, int n, IrNode **args) {
    return n == 1 ? args[0] : simple(b, (IrNode){.op = op, .nargs = n, .args = args});
}
IrNode *ir_slice(IrBuilder *b, IrOp op, IrNode *x, int64_t i0, int64_t i1) {
    return simple(b, (IrNode){.op = op, .i0 = i0, .i1 = i1, .nargs = 1, .args = &x});
}
IrNode *ir_onehot(IrBuilder *b, IrNode *x, int64_t k) {
    return simple(b, (IrNode){.op = IR_ONEHOT, .i0 = k, .nargs = 1, .args = &x});
}

/* ---- control ---- */
IrRegion *ir_region_begin(IrBuilder *b, IrRegionKind kind) {
    IrRegion *r = arena_new_of(b->func->arena, IrRegion);
    r->kind = kind;
    r->parent = b->region;
    r->depth = b->region->depth + 1;
    b->region = r;
    return r;
}
IrNode *ir_region_param(IrBuilder *b, int64_t rows, int64_t cols, int rspace, const char *name) {
    IrNode *n = arena_new_of(b->func->arena, IrNode);
    *n = (IrNode){.op = IR_ARG,
                  .id = b->func->next_id++,
                  .rows = rows,
                  .cols = cols,
                  .rspace = rspace,
                  .i0 = b->region->params.len,
                  .home = b->region,
                  .name = name,
                  .span = b->span};
    vec_push(b->func->arena, &b->region->params, n);
    return n;
}
void ir_region_end(IrBuilder *b, int nresults, IrNode **results) {
    for (int i = 0; i < nresults; i++) vec_push(b->func->arena, &b->region->results, results[i]);
    b->region = b->region->parent;
}
static IrNode *control(IrBuilder *b, IrOp op, int nargs, IrNode **args, int nregions, IrRegion **regions) {
    IrNode *n = arena_new_of(b->func->arena, IrNode);
    *n = (IrNode){
        .op = op, .id = b->func->next_id++, .nargs = nargs, .nregions = nregions, .home = b->region, .span = b->span};
    n->args = arena_array(b->func->arena, IrNode *, nargs ? nargs : 1);
    memcpy(n->args, args, sizeof *args * (size_t)nargs);
    n->regions = arena_array(b->func->arena, IrRegion *, nregions);
    for (int i = 0; i < nregions; i++) {
        n->regions[i] = regions[i];
        regions[i]->owner = n;
    }
    vec_push(b->func->arena, &b->region->nodes, n);
    return n;
}
static void check_carried(const IrRegion *params, int first, const IrRegion *r) {
    AMAL_CHECK(params->params.len - first == r->results.len);
    for (int i = 0; i < r->results.len; i++) {
        const IrNode *p = params->params.data[first + i], *v = r->results.data[i];
        if (p->rows != v->rows || p->cols != v->cols)
            internal_error("carried value %s changes from %lld x %lld to %lld x %lld", p->name ? p->name : "?",
                           (long long)p->rows, (long long)p->cols, (long long)v->rows, (long long)v->cols);
    }
}
IrNode *ir_loop(IrBuilder *b, IrNode *count, IrRegion *body, int ncarried, IrNode **init) {
    check_carried(body, 1, body);
    IrNode **args = arena_array(b->func->arena, IrNode *, ncarried + 1);
    args[0] = count;
    for (int i = 0; i < ncarried; i++) args[i + 1] = init[i];
    return control(b, IR_LOOP, ncarried + 1, args, 1, &body);
}
IrNode *ir_while(IrBuilder *b, IrRegion *cond, IrRegion *body, int ncarried, IrNode **init) {
    check_carried(body, 0, body);
    IrRegion *r[2] = {cond, body};
    return control(b, IR_WHILE, ncarried, init, 2, r);
}
IrNode *ir_if(IrBuilder *b, IrNode *cond, IrRegion *then, IrRegion *otherwise) {
    AMAL_CHECK(then->results.len == otherwise->results.len);
    IrRegion *r[2] = {then, otherwise};
    return control(b, IR_IF, 1, &cond, 2, r);
}
IrNode *ir_proj(IrBuilder *b, IrNode *control_node, int64_t i) {
    IrNode n = {.op = IR_PROJ, .i0 = i, .nargs = 1, .args = &control_node, .span = b->span, .name = b->name};
    return finish(b, &n);
}
