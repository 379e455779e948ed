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
 * gather, which waits for no pass over the table: of one operator always, of more unless many rows read each row. */
#include "ir/fuse_internal.h"
#include "ir/level1.h"

enum { MOST_MADE_AGAIN = 4 /* operators */, MOST_READERS = 4 /* rows that gather one row, of more than an operator */ };

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
typedef struct Formula {
    int operators;
    int64_t cols; /* of its leaves over rows, each counted once */
    const IrNode *leaf[MOST_MADE_AGAIN + 1];
    int leaves;
} Formula;
/* Rows that stand in memory, whoever makes `of` of them. */
static bool is_there(const IrNode *v, const IrNode *of) {
    return FUSE(v)->kind == FUSE_LEAF ||
           (v != of && FUSE(v)->kind == FUSE_ROW && FUSE(v)->stored && v->home == of->home);
}
/* Adds what makes v's cells, for those of `of`, of small values and of rows that stand in memory. false: it cannot be
 * made again, or not cheaply. */
static bool formula_of(const Owning *o, const IrNode *v, const IrNode *of, Formula *out) {
    if (ir_is_small(v)) return !FUSE(v)->opaque;
    if (is_there(v, of)) {
        if (v->op == IR_ARG || fuse_is_sparse(o->f, v)) return false; /* what a loop carries may be overwritten */
        for (int i = 0; i < out->leaves; i++)
            if (out->leaf[i] == v) return true;
        if (out->leaves > MOST_MADE_AGAIN) return false;
        out->leaf[out->leaves++] = v;
        out->cols += v->cols;
        return true;
    }
    bool cheap = FUSE(v)->kind == FUSE_ROW && ir_is_elementwise(v->op) && !ir_at_stored(v) && v->home == o->r &&
                 ir_cell_kind(v->op) == CELL_PLAIN;
    bool known = cheap && ++out->operators <= MOST_MADE_AGAIN;
    for (int i = 0; i < v->nargs && known; i++) known = formula_of(o, v->args[i], of, out);
    return known;
}
static bool may_make_again(const Owning *o, const IrNode *n, const IrNode *u, const Formula *made) {
    const FuseInfo *fi = FUSE(n);
    if (fi->kind != FUSE_ROW && fi->kind != FUSE_REDUCE) return false;
    if (n->op != IR_GATHER) return fuse_space(n) == u->rspace;
    const Indicator *ind = &o->f->tables.data[n->table].data->indicators[n->indicator];
    /* a row that is absent would be 0 before u, not after */
    return ind->total && made->leaves == 1 && (made->operators == 1 || n->rows <= MOST_READERS * u->rows);
}
/* u is kept, only for passes of its region that may make it again, and has as many cells as its leaves, but for a
 * column. */
static bool is_made_again(const Owning *o, const IrNode *u) {
    Formula made = {0};
    if (FUSE(u)->kind != FUSE_ROW || !FUSE(u)->stored || !formula_of(o, u, u, &made) || made.cols > u->cols + 1)
        return false;
    int uses = 0;
    for (int i = 0; i < o->r->nodes.len; i++) {
        const IrNode *n = o->r->nodes.data[i];
        for (int a = 0; a < n->nargs; a++) {
            if (n->args[a] != u) continue;
            if (!fuse_in_block(o->plan, n, u) && !may_make_again(o, n, u, &made)) return false;
            uses++;
        }
    }
    return uses == FUSE(u)->uses; /* none in other regions, none as a result */
}
/* The rows of v once more, made of what stands in memory: all of them, or those that `gather` takes. */
static IrNode *made_again(Owning *o, int *at, const IrNode *gather, IrNode *v, const IrNode *of) {
    bool there = is_there(v, of);
    if (ir_is_small(v) || (there && !gather)) return v;
    Own *known = there ? own_of(o, v, -gather->id) : NULL; /* gathered once, however often it stands in the formula */
    if (known && known->own) return known->own;
    IrNode like = there ? *gather : *v;
    like.cols = v->cols;
    if (gather) {
        like.rows = gather->rows;
        like.rspace = gather->rspace;
    }
    IrNode *n = insert(o, at, &like);
    if (known) known->own = n;
    int last = *at - 1; /* its operands come before it */
    for (int i = 0; i < n->nargs; i++) n->args[i] = there ? v : made_again(o, &last, gather, v->args[i], of);
    *at = last + 1;
    return n;
}
/* n, which gathers u, becomes what u is, of gathers. */
static void gather_leaves(Owning *o, int *at, IrNode *n, IrNode *u) {
    IrNode *made = made_again(o, at, n, u, u), was = *n;
    *n = *made;
    n->id = was.id;
    n->note = was.note;
    n->span = was.span;
}

static bool own_values(const FusePlan *p, IrRegion *r, FuseOwn step) {
    Owning o = {.plan = p, .f = p->func, .r = r};
    o.again = arena_array(o.f->arena, bool, o.f->next_id);
    for (int i = 0; i < r->nodes.len; i++) o.again[r->nodes.data[i]->id] = is_made_again(&o, r->nodes.data[i]);
    bool changed = false;
    for (int i = 0; i < r->nodes.len; i++) {
        IrNode *n = r->nodes.data[i];
        for (int k = 0; k < n->nregions; k++) changed = own_values(p, n->regions[k], step) || changed;
        for (int a = 0; a < n->nargs; a++) {
            IrNode *u = n->args[a];
            bool code = wants_codes(&o, n, u), gather = n->op == IR_GATHER && !code;
            if (!code && (u->home != r || !o.again[u->id] || fuse_in_block(p, n, u))) continue;
            if (gather != (step == FUSE_OWN_GATHERS)) continue;
            changed = true;
            if (gather) {
                gather_leaves(&o, &i, n, u);
                break;
            }
            Own *own = own_of(&o, u, FUSE(n)->pass);
            if (!own->own) own->own = code ? insert(&o, &i, u) : made_again(&o, &i, NULL, u, u);
            n->args[a] = own->own;
        }
    }
    return changed;
}
bool fuse_own(const FusePlan *p, FuseOwn step) {
    return own_values(p, p->func->body, step);
}
