/* rotate.c: reductions over a carried value of the rows move to where that value is made, one iteration earlier.
 *
 *     loop carry W:  g = W' @ X;  W' = f(W, g)        two sweeps: g needs all rows before the first row of W' is known
 *     loop carry W, g (from W0' @ X):  W' = f(W, g);  g' = W'' @ X     one sweep: fuse adds row i of W' to g' at once
 *
 * Requires level 2. Breaks nothing. A reduction moves when everything it reads in its loop is a carried value over the
 * reduction's rows, or is computed from such values row by row: then its value for the next iteration depends on
 * nothing that the pass which makes the next values does not hold. It is computed once more than it is used (after the
 * last iteration), in a pass that runs anyway. Nothing that may fail moves. Sums for each row of a table that are
 * carried thereby are values over the table's rows in their turn: what reduces them moves in a second round. */
#include "ir/ir.h"

static bool is_reduction(const IrNode *n) {
    switch (n->op) {
    case IR_SUM:
    case IR_COLSUMS:
    case IR_MINALL:
    case IR_MAXALL:
    case IR_COLMIN:
    case IR_COLMAX: return n->args[0]->rspace && !n->args[0]->cspace;
    case IR_SCATTER: return !n->args[0]->cspace;
    case IR_MATMUL: return n->ta && !n->tb && n->args[0]->rspace && !n->args[0]->cspace && !n->args[1]->cspace;
    default: return false;
    }
}
/* What a value is for the reductions of region r over the rows of `space`. */
typedef enum { UNSEEN, OTHER, OUTSIDE, CARRIED } Follows;
/* CARRIED: a carried value, or computed row by row from such values and from what is OUTSIDE r. */
static Follows follows_rows(IrNode *n, const IrRegion *r, int space, bool sums_only) {
    if (n->home != r) return OUTSIDE;
    if (n->rspace != space || n->cspace) return OTHER;
    if (n->mark != UNSEEN) return (Follows)n->mark;
    n->mark = OTHER;
    if (n->op == IR_ARG) {
        int first = r->kind == REGION_LOOP ? 1 : 0;
        const IrNode *next = r->results.data[n->i0 - first];
        bool made_here = next->home == r && next->op != IR_ARG && next->op != IR_PROJ && next->rspace == space &&
                         (!sums_only || next->op == IR_SCATTER);
        return (Follows)(n->mark = made_here ? CARRIED : OTHER);
    }
    IrClass c = ir_ops[n->op].cls;
    if (c == IRC_CONTROL || n->op == IR_PROJ || n->op == IR_GATHER || ir_op_has(n->op, 'F')) return OTHER;
    if (c != IRC_UNARY && c != IRC_BINARY && c != IRC_ROWWISE) return OTHER;
    Follows all = OUTSIDE;
    for (int i = 0; i < n->nargs; i++) {
        Follows one = follows_rows(n->args[i], r, space, sums_only);
        if (one == OTHER) return OTHER;
        if (one == CARRIED) all = CARRIED;
    }
    return (Follows)(n->mark = (int)all);
}
static void find_in(const IrFunc *f, const IrRegion *r, bool sums_only, IrNodeVec *carry, bool *any) {
    bool body = r->kind == REGION_LOOP || r->kind == REGION_WHILE_BODY;
    for (int i = 0; i < r->params.len; i++) r->params.data[i]->mark = UNSEEN;
    for (int i = 0; i < r->nodes.len; i++) r->nodes.data[i]->mark = UNSEEN;
    for (int i = 0; i < r->nodes.len; i++) {
        IrNode *n = r->nodes.data[i];
        for (int k = 0; k < n->nregions; k++) find_in(f, n->regions[k], sums_only, carry, any);
        if (!body || !is_reduction(n)) continue;
        bool carried = false, other = false;
        for (int k = 0; k < n->nargs; k++) {
            Follows one = follows_rows(n->args[k], r, n->args[0]->rspace, sums_only);
            carried = carried || one == CARRIED;
            other = other || one == OTHER;
        }
        if (other || !carried) continue;
        vec_push(f->arena, &carry[r->owner->id], n);
        *any = true;
    }
}
static IrFunc *rotate_once(const IrFunc *f, const PassOptions *o, bool sums_only) {
    IrNodeVec *carry = arena_array(f->arena, IrNodeVec, f->next_id + 1);
    bool any = false;
    find_in(f, f->body, sums_only, carry, &any);
    if (!any) return (IrFunc *)f;
    IrFunc *g = ir_rebuild_carrying(f, carry, !(o->disabled >> IR_OFF_CSE & 1), !(o->disabled >> IR_OFF_HOIST & 1));
    ir_dead_code(g);
    return g;
}
IrFunc *ir_rotate(const IrFunc *f, const PassOptions *o) {
    const IrFunc *g = rotate_once(f, o, false);
    return g == f ? (IrFunc *)f : rotate_once(g, o, true);
}
