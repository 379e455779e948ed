/* fuse_own.c: values that each pass makes for itself (contract: fuse_internal.h).
 *
 * What one pass makes and another reads is kept in memory in between. Two kinds of values are cheaper made again where
 * they are read:
 *
 * One-hot rows. One that is kept, or that something in its pass reads as numbers, has as many of them as columns,
 * although readers that add up by codes want none. Those of a pass get one of their own, which the pass makes of the
 * column of codes: only that one crosses passes. Then a row adds to its own code's sums only, as the interpreter has
 * it, also where it is not finite.
 *
 * Cells that a few sums and products make of the data, x - mean(x) above all. Reading them takes as long as reading the
 * data, and keeping them takes new memory of the size of the data. A gather of such a value becomes the value of a
 * gather, unless many rows read each row: then it is cheaper to subtract once. */
#include "ir/fuse_internal.h"
#include "ir/level1.h"

enum { MOST_MADE_AGAIN = 4 /* operators */, MOST_READERS = 4 /* rows that gather one row of a table */ };

typedef struct Own { /* made for the readers of `of` in a pass */
    const IrNode *of;
    int pass;
    IrNode *own;
} Own;
typedef struct Owning {
    const FusePlan *plan;
    IrFunc *f;
    IrRegion *r;
    bool *again; /* by node id: made again by the passes that read it */
    VEC(Own) made;
} Owning;

/* A node like `as` before the one at *at, which moves up; its operands are its own to change. */
static IrNode *insert(Owning *o, int *at, const IrNode *as) {
    IrNode *n = ir_insert(o->f, o->r, (*at)++, as);
    n->args = arena_array(o->f->arena, IrNode *, as->nargs + 1);
    for (int i = 0; i < as->nargs; i++) n->args[i] = as->args[i];
    return n;
}
static Own *own_of(Owning *o, const IrNode *of, int pass) {
    for (int k = 0; k < o->made.len; k++)
        if (o->made.data[k].of == of && o->made.data[k].pass == pass) return &o->made.data[k];
    Own own = {of, pass, NULL};
    vec_push(o->f->arena, &o->made, own);
    return &o->made.data[o->made.len - 1];
}

/* ---- one-hot rows ---- */
static bool wants_codes(const Owning *o, const IrNode *n, const IrNode *u) {
    return FUSE(n)->kind == FUSE_REDUCE && fuse_reads_code(n) && u->op == IR_ONEHOT && FUSE(u)->kind == FUSE_ROW &&
           !fuse_is_code(o->plan, u);
}

/* ---- cells ---- */
/* Operators that make v's cells of leaves and small values; too many: it cannot be made again, or not cheaply. */
static int operators_of(const Owning *o, const IrNode *v) {
    if (ir_is_small(v)) return FUSE(v)->opaque ? MOST_MADE_AGAIN + 1 : 0;
    if (FUSE(v)->kind == FUSE_LEAF) /* what a loop carries may be overwritten in place */
        return v->op == IR_ARG || fuse_is_sparse(o->f, v) ? MOST_MADE_AGAIN + 1 : 0;
    bool cheap = FUSE(v)->kind == FUSE_ROW && ir_is_elementwise(v->op) && !ir_at_stored(v) && v->home == o->r &&
                 ir_cell_kind(v->op) == CELL_PLAIN;
    int sum = cheap ? 1 : MOST_MADE_AGAIN + 1;
    for (int i = 0; i < v->nargs && sum <= MOST_MADE_AGAIN; i++) sum += operators_of(o, v->args[i]);
    return sum;
}
static bool may_make_again(const Owning *o, const IrNode *n, const IrNode *u) {
    const FuseInfo *fi = FUSE(n);
    if (fi->kind != FUSE_ROW && fi->kind != FUSE_REDUCE) return false;
    if (n->op != IR_GATHER || fuse_gathers_segments(o->plan, n)) return true;
    const Indicator *ind = &o->f->tables.data[n->table].data->indicators[n->indicator];
    return ind->total && n->rows <= MOST_READERS * u->rows; /* a row that is absent would be 0 before u, not after */
}
/* u is kept, only for passes of its region that may make it again. */
static bool is_made_again(const Owning *o, const IrNode *u) {
    if (FUSE(u)->kind != FUSE_ROW || !FUSE(u)->stored || operators_of(o, u) > MOST_MADE_AGAIN) return false;
    int uses = 0;
    for (int i = 0; i < o->r->nodes.len; i++) {
        const IrNode *n = o->r->nodes.data[i];
        for (int a = 0; a < n->nargs; a++) {
            if (n->args[a] != u) continue;
            if (!fuse_in_block(o->plan, n, u) && !may_make_again(o, n, u)) return false;
            uses++;
        }
    }
    return uses == FUSE(u)->uses; /* none in other regions, none as a result */
}
static IrNode *made_again(Owning *o, int *at, IrNode *v) {
    if (ir_is_small(v) || FUSE(v)->kind == FUSE_LEAF) return v;
    IrNode *n = insert(o, at, v);
    int last = *at - 1; /* its operands come before it */
    for (int i = 0; i < v->nargs; i++) n->args[i] = made_again(o, &last, v->args[i]);
    *at = last + 1;
    return n;
}
/* v, as the rows that `gather` takes of it: of its leaves, which are gathered instead. */
static IrNode *gathered(Owning *o, int *at, const IrNode *gather, IrNode *v) {
    if (ir_is_small(v)) return v;
    bool leaf = FUSE(v)->kind == FUSE_LEAF;
    IrNode like = leaf ? *gather : *v;
    like.rows = gather->rows;
    like.cols = v->cols;
    like.rspace = gather->rspace;
    IrNode *n = insert(o, at, &like);
    int last = *at - 1;
    for (int i = 0; i < n->nargs; i++) n->args[i] = leaf ? v : gathered(o, &last, gather, v->args[i]);
    *at = last + 1;
    return n;
}

/* n, which gathers u, becomes what u is, of gathers. */
static void gather_leaves(Owning *o, int *at, IrNode *n, const IrNode *u) {
    IrNode **args = arena_array(o->f->arena, IrNode *, u->nargs);
    for (int i = 0; i < u->nargs; i++) args[i] = gathered(o, at, n, u->args[i]);
    IrNode was = *n;
    *n = *u;
    n->args = args;
    n->id = was.id;
    n->rows = was.rows;
    n->rspace = was.rspace;
    n->note = was.note;
    n->span = was.span;
}

static bool own_values(const FusePlan *p, IrRegion *r) {
    Owning o = {.plan = p, .f = p->func, .r = r};
    o.again = arena_array(o.f->arena, bool, o.f->next_id);
    for (int i = 0; i < r->nodes.len; i++) o.again[r->nodes.data[i]->id] = is_made_again(&o, r->nodes.data[i]);
    bool changed = false;
    for (int i = 0; i < r->nodes.len; i++) {
        IrNode *n = r->nodes.data[i];
        for (int k = 0; k < n->nregions; k++) changed = own_values(p, n->regions[k]) || changed;
        for (int a = 0; a < n->nargs; a++) {
            IrNode *u = n->args[a];
            bool code = wants_codes(&o, n, u);
            if (!code && (u->home != r || !o.again[u->id] || fuse_in_block(p, n, u))) continue;
            changed = true;
            if (n->op == IR_GATHER && !fuse_gathers_segments(p, n)) {
                gather_leaves(&o, &i, n, u);
                break;
            }
            Own *own = own_of(&o, u, FUSE(n)->pass);
            if (!own->own) own->own = code ? insert(&o, &i, u) : made_again(&o, &i, u);
            n->args[a] = own->own;
        }
    }
    return changed;
}
bool fuse_own(const FusePlan *p) {
    return own_values(p, p->func->body);
}
