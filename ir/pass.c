/* pass.c: the passes over the IR in their order, and what may be switched off by name. */
#include "ir/level1.h"

typedef struct Pass {
    const char *name, *help;
    IrFunc *(*run)(const IrFunc *f, const PassOptions *o);
    int off; /* bit that leaves it out */
    const char *requires, *breaks;
} Pass;

/* Before the order of products is chosen, shifted features stay whole: (X - mu)'(X - mu) computed once from the shifted
 * blocks is exact where X'X - n mu mu' cancels. Afterwards what is left of X - mu inside other products is split. */
static IrFunc *run_first(const IrFunc *f, const PassOptions *o) {
    return ir_simplify_without(f, o, 1ull << (IR_OFF_GROUP + ir_group_find("shift")));
}
static IrFunc *run_factorize(const IrFunc *f, const PassOptions *o) {
    return f->tables.len ? ir_factorize(f, o) : (IrFunc *)f;
}
static const Pass passes[] = {
    {"simplify", "rewrites of rewrites.def to a fixed point, common sub-expressions, loop invariants outside loops",
     run_first, IR_OFF_SIMPLIFY, "level 1, shapes known", "nothing"},
    {"chain", "order of products by cost and trip counts; products of invariants once instead of in every iteration",
     ir_chain, IR_OFF_CHAIN, "simplified", "products may be simplified again"},
    {"settle", "simplify again, with shifts split out of products", ir_simplify, IR_OFF_SIMPLIFY, "chosen products",
     "nothing"},
    {"factorize", "T's blocks and indicators instead of T", run_factorize, IR_OFF_FACTORIZE, "simplified", "level 1"},
    {"rotate", "sums over a carried value of the rows are made where its next value is, one iteration earlier",
     ir_rotate, IR_OFF_ROTATE, "level 2", "nothing"},
};
enum { PASS_COUNT = sizeof passes / sizeof passes[0] };

/* cse and hoist are not passes of their own: every rebuilding shares and places nodes. gram is a part of chain. */
static const struct {
    const char *name;
    int bit;
} switches[] = {
    {"cse", IR_OFF_CSE},         {"hoist", IR_OFF_HOIST}, {"simplify", IR_OFF_SIMPLIFY},
    {"settle", IR_OFF_SIMPLIFY}, {"chain", IR_OFF_CHAIN}, {"factorize", IR_OFF_FACTORIZE},
    {"rotate", IR_OFF_ROTATE},   {"gram", IR_OFF_GRAM},
};
enum { SWITCH_COUNT = sizeof switches / sizeof switches[0] };

void ir_choose_gram(PassOptions *o, IrGram gram) {
    if (gram == GRAM_NEVER) o->disabled |= 1ull << IR_OFF_GRAM;
    o->gram_always = gram == GRAM_ALWAYS;
}
bool ir_disable(PassOptions *o, const char *name) {
    for (int i = 0; i < SWITCH_COUNT; i++)
        if (!strcmp(switches[i].name, name)) {
            o->disabled |= 1ull << switches[i].bit;
            return true;
        }
    int group = ir_group_find(name);
    if (group >= 0) {
        o->disabled |= 1ull << (IR_OFF_GROUP + group);
        return true;
    }
    int rule = ir_rule_find(name);
    if (rule < 0) return false;
    o->disabled_rules[rule / 64] |= 1ull << (rule % 64);
    return true;
}

/* Passes and groups; single rules are accepted by ir_disable() too, and are listed in rewrites.def. "factorize" is not
 * in the list: without it a function stays at level 1, which only the interpreter runs. */
const char *const *ir_disable_names(int *count) {
    static const char *names[64];
    static int known;
    if (!known) {
        int k = 0;
        for (int i = 0; i < SWITCH_COUNT; i++)
            if (switches[i].bit != IR_OFF_FACTORIZE && strcmp(switches[i].name, "settle") != 0)
                names[k++] = switches[i].name;
        for (int g = 0; g < ir_group_count(); g++) names[k++] = ir_group_name(g);
        known = k;
    }
    *count = known;
    return names;
}

const char *const *ir_pass_names(int *count) {
    static const char *names[PASS_COUNT + 1];
    for (int i = 0; i < PASS_COUNT; i++) names[i] = passes[i].name;
    names[PASS_COUNT] = "all";
    *count = PASS_COUNT + 1;
    return names;
}

bool ir_pass_known(const char *name) {
    int n;
    const char *const *names = ir_pass_names(&n);
    for (int i = 0; i < n; i++)
        if (!strcmp(names[i], name)) return true;
    return false;
}

static IrFunc *run_passes(const IrFunc *f, const PassOptions *o, int begin, int end) {
    IrFunc *g = (IrFunc *)f;
    for (int i = begin; i < end; i++) {
        const Pass *p = &passes[i];
        if (o->disabled >> p->off & 1) continue;
        g = p->run(g, o);
        if (o->verify) ir_verify(g, p->name);
        if (o->after) o->after(o->user, p->name, p->help, g);
        if (o->dump_after && o->dump_to && (!strcmp(o->dump_after, p->name) || !strcmp(o->dump_after, "all"))) {
            Buf text = {0};
            ir_print(&text, g);
            fprintf(o->dump_to, "# after %s\n%s", p->name, text.data ? text.data : "");
            buf_free(&text);
        }
    }
    return g;
}
IrFunc *ir_optimize(const IrFunc *f, const PassOptions *o) {
    return run_passes(f, o, 0, PASS_COUNT);
}
enum { WHATEVER_STORAGE = 1 }; /* passes: shifts, which ask whether T is sparse, are left out of the first */
IrFunc *ir_optimize_first(const IrFunc *f, const PassOptions *o) {
    return run_passes(f, o, 0, WHATEVER_STORAGE);
}
IrFunc *ir_optimize_rest(const IrFunc *f, const PassOptions *o) {
    uint64_t off = o->disabled;
    /* without either, factorize would add to the nodes of f, which others share */
    if (off >> IR_OFF_SIMPLIFY & 1 && off >> IR_OFF_CHAIN & 1)
        f = ir_rebuild(f, NULL, NULL, !(off >> IR_OFF_CSE & 1), !(off >> IR_OFF_HOIST & 1));
    return run_passes(f, o, WHATEVER_STORAGE, PASS_COUNT);
}
