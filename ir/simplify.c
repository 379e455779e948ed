/* simplify.c: the rules of rewrites.def applied to a fixed point, while the function is rebuilt (so equal nodes are
 * shared and invariants stand outside loops).
 *
 * A node whose operands are settled is matched against every rule until none applies; what a rule makes is settled in
 * turn while it is built. Rounds of rebuilding go on until no rule fires. A limit on steps guards against rules that
 * undo each other; tests hold every function they make under it. Requires: level 1, or level 2 before fuse. Breaks:
 * nothing. */
#include "ir/pattern.h"

enum { MOST_ROUNDS = 20, MOST_STEPS = 2000, MOST_DEPTH = 200 };

static bool rule_on(const Simplifier *s, const Rule *r, int index) {
    uint64_t group = 1ull << (IR_OFF_GROUP + r->group_index);
    return !((s->options->disabled | s->skip) & group) && !(s->options->disabled_rules[index / 64] >> (index % 64) & 1);
}
IrNode *simplify_settle(Simplifier *s, IrNode *n) {
    if (s->depth >= MOST_DEPTH) return n;
    const IrNode *old = s->old;
    s->depth++;
    int count;
    const Rule *rules = ir_rules(&count);
    const uint8_t *may = ir_rules_of(n->op, &count);
    OpSet operands = pattern_operands(n);
    for (int i = 0; i < count; i++) {
        const Rule *r = &rules[may[i]];
        if (!ops_are_among(r->operands, operands) || !rule_on(s, r, may[i])) continue;
        s->old = n->id == s->root_id ? old : NULL;
        IrNode *made = r->code ? r->code(s, n) : pattern_apply(s, r, n);
        if (!made || made == n) continue;
        s->fired++;
        if (++s->steps > MOST_STEPS) internal_error("rules do not end: the last was %s", r->name);
        n = made;
        may = ir_rules_of(n->op, &count);
        operands = pattern_operands(n);
        i = -1; /* from the first rule again: constants and identities before the rest */
    }
    s->depth--;
    s->old = old;
    return n;
}

static IrNode *visit(IrBuilder *b, const IrNode *old, IrNode **args, void *ctx) {
    Simplifier *s = ctx;
    s->b = b;
    s->tlike.arena = b->func->arena;
    s->depth = s->steps = 0;
    IrNode *made = ir_make(b, old, args);
    s->old = old;
    s->root_id = made->id;
    b->name = NULL; /* what rules make inside has no name of its own */
    IrNode *n = simplify_settle(s, made);
    if (n != made && !n->name && n->op != IR_CONST) n->name = old->name;
    return n;
}
static void count_uses(const IrRegion *r, int *uses) {
    for (int i = 0; i < r->nodes.len; i++) {
        const IrNode *n = r->nodes.data[i];
        for (int a = 0; a < n->nargs; a++) uses[n->args[a]->id]++;
        for (int k = 0; k < n->nregions; k++) count_uses(n->regions[k], uses);
    }
    for (int i = 0; i < r->results.len; i++) uses[r->results.data[i]->id]++;
}
IrFunc *ir_simplify_without(const IrFunc *f, const PassOptions *o, uint64_t skip) {
    bool cse = !(o->disabled >> IR_OFF_CSE & 1), hoist = !(o->disabled >> IR_OFF_HOIST & 1);
    for (int round = 0; round < MOST_ROUNDS; round++) {
        int *uses = arena_array(f->arena, int, f->next_id + 1);
        count_uses(f->body, uses);
        Simplifier s = {.options = o, .skip = skip, .uses = uses};
        IrFunc *g = ir_rebuild(f, visit, &s, cse, hoist);
        ir_dead_code(g);
        if (!s.fired) return g;
        f = g;
    }
    return (IrFunc *)f;
}
IrFunc *ir_simplify(const IrFunc *f, const PassOptions *o) {
    return ir_simplify_without(f, o, 0);
}
