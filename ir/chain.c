/* chain.c: the order of products, chosen by cost with the loops around them.
 *
 * Association: a chain of products (A @ B @ C ...) is the matrix-chain problem, solved by dynamic programming; a
 * product of factors that a loop does not change is paid once outside it, others in every iteration. Products with T
 * cost what its blocks cost (level1.h).
 *
 * Distribution: a residual r = X @ w - y inside a loop that is only reduced, by L' @ r, colsums(r) or sum(r), is not
 * needed itself when L' @ r = (L' @ X) @ w - L' @ y has products of invariants that are cheaper to make once than r is
 * to make and reduce in every iteration: gradient descent for linear models then runs on X'X and X'y. The products made
 * must fit (IR_MOST_GRAM_BYTES).
 *
 * Requires: simplified level 1. Breaks: new products may be simplified again. */
#include "ir/pattern.h"
#include <math.h>

enum { MOST_FACTORS = 12, MOST_TERMS = 16 };

typedef struct Chain {
    const IrFunc *from;
    IrBuilder *b;
    bool hoist;
    IrTlike tlike; /* of the new function */
    IrTlike old_tlike;
    const int *uses;  /* of the old function's nodes */
    VEC(bool) single; /* by new id: made for an old node with one use */
    bool *distribute; /* by old id: residuals whose reductions are written out */
    bool always;      /* all that can be */
    int residuals, on_gram;
    double weight[64]; /* by depth, around the visited node */
    int depth;
} Chain;

/* ---- cost of one product ---- */
typedef struct Factor {
    int64_t rows, cols;
    int rspace, cspace;
    const IrNode *table; /* T-like over it */
    bool t;
} Factor;
static double product_seconds(const IrFunc *f, const Factor *x, const Factor *y) {
    double m = (double)x->rows, k = (double)x->cols, n = (double)y->cols, flops, bytes = 0,
           wide = !x->table && y->table ? m : n;
    if (x->rspace && y->cspace) return INFINITY;
    if (!x->rspace && !y->cspace && 8 * m * n > IR_MOST_GRAM_BYTES) return INFINITY;
    if (!x->table && !y->table) {
        flops = ir_product_flops(m, k, n);
        if (!x->rspace && !x->cspace && !y->cspace) bytes = ir_small_bytes(m * k) + ir_small_bytes(k * n);
    } else {
        IrTableCost t = ir_table_cost(f->tables.data[(x->table ? x->table : y->table)->table].data);
        bool gram = x->table && y->table && x->t && !y->t;
        flops = gram ? 2 * t.gram : (2 * t.cells + t.gathers) * wide;
        bytes = gram ? t.gram_bytes + 2 * ir_small_bytes(m * n)
                     : t.bytes + (t.rows > 0 ? t.gathers / t.rows * ir_index_bytes(t.rows, wide) : 0);
    }
    return ir_seconds(flops / ir_product_speed(wide), bytes, 1);
}
static Factor factor_of(IrTlike *memo, IrVal v) {
    return (Factor){val_rows(v), val_cols(v), val_rspace(v), val_cspace(v), ir_tlike(memo, v.n), v.t};
}
static Factor factor_product(const Factor *x, const Factor *y) {
    return (Factor){.rows = x->rows, .cols = y->cols, .rspace = x->rspace, .cspace = y->cspace};
}

/* ---- association ---- */
typedef struct Tree { /* the order that was written */
    IrVal leaf;
    int left, right; /* -1: leaf */
    int first, last; /* factors */
} Tree;
typedef struct Flat {
    IrVal factor[MOST_FACTORS];
    int count;
    Tree tree[2 * MOST_FACTORS];
    int ntree;
    double best[MOST_FACTORS][MOST_FACTORS];
    int split[MOST_FACTORS][MOST_FACTORS];
} Flat;
/* Returns the tree node, or -1 when there are too many factors. Only products with no other use are opened: another use
 * pays for them anyway. */
static int flatten(Chain *z, Flat *c, IrVal v, bool root) {
    IrVal w = val_of(v.n);
    w.t ^= v.t;
    if (c->ntree + 2 > 2 * MOST_FACTORS || c->count + 1 > MOST_FACTORS) return -1;
    int at = c->ntree++;
    bool open = w.n->op == IR_MATMUL && (root || (w.n->id < z->single.len && z->single.data[w.n->id])) &&
                c->count + 2 <= MOST_FACTORS;
    if (!open) {
        c->tree[at] = (Tree){w, -1, -1, c->count, c->count};
        c->factor[c->count++] = w;
        return at;
    }
    IrVal x = {w.n->args[0], w.n->ta}, y = {w.n->args[1], w.n->tb};
    if (w.t) {
        IrVal keep = x;
        x = val_transposed(y), y = val_transposed(keep);
    }
    int left = flatten(z, c, x, false), right = left < 0 ? -1 : flatten(z, c, y, false);
    if (left < 0 || right < 0) return -1;
    c->tree[at] = (Tree){w, left, right, c->tree[left].first, c->tree[right].last};
    return at;
}
static Factor range_factor(Chain *z, const Flat *c, int i, int j) {
    Factor x = factor_of(&z->tlike, c->factor[i]);
    if (i == j) return x;
    Factor y = factor_of(&z->tlike, c->factor[j]);
    return factor_product(&x, &y);
}
/* How often the product of factors i..j runs: as often as the innermost region that changes one of them. */
static double range_weight(const Chain *z, const Flat *c, int i, int j) {
    int depth = 0;
    for (int k = i; k <= j; k++)
        if (c->factor[k].n->home->depth > depth) depth = c->factor[k].n->home->depth;
    return z->weight[z->hoist && depth < z->depth ? depth : z->depth];
}
static double split_seconds(Chain *z, const Flat *c, int i, int k, int j) {
    Factor x = range_factor(z, c, i, k), y = range_factor(z, c, k + 1, j);
    return product_seconds(z->b->func, &x, &y) * range_weight(z, c, i, j);
}
static double written_seconds(Chain *z, const Flat *c, int at) {
    const Tree *t = &c->tree[at];
    if (t->left < 0) return 0;
    return written_seconds(z, c, t->left) + written_seconds(z, c, t->right) +
           split_seconds(z, c, t->first, c->tree[t->left].last, t->last);
}
static IrVal build_range(Chain *z, const Flat *c, int i, int j) {
    if (i == j) return c->factor[i];
    IrVal x = build_range(z, c, i, c->split[i][j]), y = build_range(z, c, c->split[i][j] + 1, j);
    return (IrVal){ir_matmul(z->b, x.n, x.t, y.n, y.t), false};
}
static IrNode *associate(Chain *z, IrNode *n) {
    Flat *c = arena_new_of(z->b->func->arena, Flat);
    if (flatten(z, c, (IrVal){n, false}, true) < 0 || c->count < 3) return NULL;
    for (int len = 2; len <= c->count; len++)
        for (int i = 0; i + len <= c->count; i++) {
            int j = i + len - 1;
            c->best[i][j] = INFINITY;
            c->split[i][j] = i;
            for (int k = i; k < j; k++) {
                double cost = c->best[i][k] + c->best[k + 1][j] + split_seconds(z, c, i, k, j);
                if (cost < c->best[i][j]) c->best[i][j] = cost, c->split[i][j] = k;
            }
        }
    double best = c->best[0][c->count - 1];
    if (!(best < 0.99 * written_seconds(z, c, 0))) return NULL;
    return build_range(z, c, 0, c->count - 1).n;
}

/* ---- distribution ---- */
typedef struct Step { /* what is done to a term on its way into the sum: * by, / by, or its sign */
    IrOp op;
    IrNode *by;
} Step;
typedef struct Term {
    IrNode *value;
    int nsteps;
    Step steps[6];
    bool shared; /* some value on the way has other uses: it is made anyway */
} Term;
typedef struct Terms {
    Term term[MOST_TERMS];
    int count;
} Terms;
static bool is_row(const IrNode *n) {
    return n->rows == 1 && !n->rspace && !n->cspace;
}
/* r as a sum of terms, each a product, an invariant (home above `depth`), or a small row repeated down. `uses` may be
 * NULL. */
static bool decompose(const IrNode *r, int depth, const int *uses, Term way, Terms *out) {
    if (uses && way.value && uses[r->id] > 1) way.shared = true;
    way.value = (IrNode *)r;
    if (!is_row(r) && r->home->depth >= depth && r->op != IR_MATMUL) {
        bool two = r->op == IR_ADD || r->op == IR_SUB;
        if (two || r->op == IR_NEG) {
            Term minus = way;
            if (r->op != IR_ADD) {
                if (minus.nsteps == 6) return false;
                minus.steps[minus.nsteps++] = (Step){IR_NEG, NULL};
            }
            return two ? decompose(r->args[0], depth, uses, way, out) && decompose(r->args[1], depth, uses, minus, out)
                       : decompose(r->args[0], depth, uses, minus, out);
        }
        if ((r->op == IR_MUL || r->op == IR_DIV) && way.nsteps < 6) {
            for (int i = 0; i < (r->op == IR_MUL ? 2 : 1); i++)
                if (is_row(r->args[1 - i]) && !is_row(r->args[i])) {
                    way.steps[way.nsteps++] = (Step){r->op, r->args[1 - i]};
                    return decompose(r->args[i], depth, uses, way, out);
                }
        }
        return false;
    }
    if (out->count == MOST_TERMS) return false;
    out->term[out->count++] = way;
    return true;
}
/* In `consumer`, r is summed over its rows: L' @ r gives L (as seen), colsums and sum give no L. */
static bool reduces(const IrNode *consumer, const IrNode *r, IrVal *left, bool *mirrored) {
    *left = (IrVal){0};
    *mirrored = false;
    if (consumer->op == IR_COLSUMS || consumer->op == IR_SUM) return true;
    if (consumer->op != IR_MATMUL || consumer->args[0] == consumer->args[1]) return false;
    if (consumer->args[1] == r && !consumer->tb) {
        *left = (IrVal){consumer->args[0], consumer->ta};
        return true;
    }
    if (consumer->args[0] == r && consumer->ta) {
        *left = (IrVal){consumer->args[1], !consumer->tb};
        *mirrored = true;
        return true;
    }
    return false;
}
typedef struct Users {
    VEC(const IrNode *) list; /* consumers of r */
    bool other;               /* r leaves the region: a result, or an operand of control */
} Users;
static void find_users(Chain *z, const IrRegion *region, const IrNode *r, Users *u) {
    for (int i = 0; i < region->nodes.len; i++) {
        const IrNode *n = region->nodes.data[i];
        for (int a = 0; a < n->nargs; a++)
            if (n->args[a] == r) {
                vec_push(z->from->arena, &u->list, n);
                if (n->nregions) u->other = true;
            }
        for (int k = 0; k < n->nregions; k++) find_users(z, n->regions[k], r, u);
    }
    for (int i = 0; i < region->results.len; i++)
        if (region->results.data[i] == r) u->other = true;
}
static double home_weight(const IrNode *a, const IrNode *b) {
    return ir_region_weight(b && b->home->depth > a->home->depth ? b->home : a->home);
}

/* Seconds of making r and reducing it in every iteration, and those of the written-out form. false: it has none. */
static bool weigh(Chain *z, const IrNode *r, const Terms *terms, const Users *u, double *make, double *write) {
    const IrFunc *f = z->from;
    double weight = ir_region_weight(r->home), before = 0, after = 0, k = (double)r->cols;
    int products = 0;
    for (int t = 0; t < terms->count; t++) {
        const IrNode *v = terms->term[t].value;
        if (v->op != IR_MATMUL || v->home->depth < r->home->depth) continue;
        IrVal a = {v->args[0], v->ta}, b = {v->args[1], v->tb};
        if (a.n->home->depth >= r->home->depth || b.n->rspace) return false;
        products++;
        Factor x = factor_of(&z->old_tlike, a), y = factor_of(&z->old_tlike, b);
        if (!terms->term[t].shared && z->uses[v->id] == 1) before += weight * product_seconds(f, &x, &y);
    }
    if (!products) return false;
    for (int c = 0; c < u->list.len; c++) {
        IrVal left;
        bool mirrored;
        if (!reduces(u->list.data[c], r, &left, &mirrored)) return false;
        if (left.n && left.n->home->depth >= r->home->depth) return false;
        Factor l = left.n ? factor_of(&z->old_tlike, left) : (Factor){.rows = 1, .cols = r->rows, .cspace = r->rspace};
        Factor rf = {.rows = r->rows, .cols = r->cols, .rspace = r->rspace};
        before += weight * product_seconds(f, &l, &rf);
        for (int t = 0; t < terms->count; t++) {
            const IrNode *v = terms->term[t].value;
            bool product = v->op == IR_MATMUL && v->home->depth >= r->home->depth;
            IrVal inner = product ? (IrVal){v->args[0], v->ta} : (IrVal){(IrNode *)v, false};
            Factor y = factor_of(&z->old_tlike, inner);
            if (is_row(v)) {
                after += weight * ir_seconds(2 * (double)l.rows * k, 0, 1);
                continue;
            }
            after += product_seconds(f, &l, &y) * (left.n ? home_weight(inner.n, left.n) : home_weight(inner.n, NULL));
            if (product) after += weight * ir_seconds(ir_product_flops((double)l.rows, (double)y.cols, k), 0, 1);
        }
    }
    *make = before;
    *write = after;
    return isfinite(after); /* else products do not fit */
}
static void find_residuals(Chain *z, const IrRegion *region) {
    for (int i = 0; i < region->nodes.len; i++) {
        const IrNode *n = region->nodes.data[i];
        for (int k = 0; k < n->nregions; k++) find_residuals(z, n->regions[k]);
        if (!n->rspace || n->cspace || n->op == IR_MATMUL || ir_region_weight(region) <= 1) continue;
        Terms terms = {0};
        if (!decompose(n, region->depth, z->uses, (Term){0}, &terms) || terms.count < 2) continue;
        Users u = {0};
        double make, write;
        find_users(z, z->from->body, n, &u);
        if (u.other || !u.list.len || !weigh(z, n, &terms, &u, &make, &write)) continue;
        z->residuals++;
        if (z->always || write < 0.8 * make) z->on_gram++, z->distribute[n->id] = true;
    }
}
static IrNode *flagged(IrBuilder *b, IrVal v) {
    return v.t ? ir_unary(b, IR_TRANSPOSE, v.n) : v.n;
}
/* left @ v, or colsums(v) when there is no left. */
static IrNode *reduce_product(IrBuilder *b, IrVal left, IrVal v) {
    return left.n ? ir_matmul(b, left.n, left.t, v.n, v.t) : ir_unary(b, IR_COLSUMS, flagged(b, v));
}
static IrNode *reduce_term(Chain *z, IrVal left, const IrNode *r, const Term *t) {
    IrBuilder *b = z->b;
    IrNode *v = t->value, *made;
    if (is_row(v)) {
        IrNode *rows = left.n ? flagged(b, (IrVal){ir_unary(b, left.t ? IR_COLSUMS : IR_ROWSUMS, left.n), left.t})
                              : ir_const(b, (double)r->rows);
        made = left.n ? ir_matmul(b, rows, false, v, false) : ir_binary(b, IR_MUL, rows, v);
    } else if (v->op == IR_MATMUL && v->home->depth >= r->home->depth) {
        made = ir_matmul(b, reduce_product(b, left, (IrVal){v->args[0], v->ta}), false, v->args[1], v->tb);
    } else {
        made = reduce_product(b, left, (IrVal){v, false});
    }
    for (int i = t->nsteps - 1; i >= 0; i--)
        made = t->steps[i].by ? ir_binary(b, t->steps[i].op, made, t->steps[i].by) : ir_unary(b, IR_NEG, made);
    return made;
}
static IrNode *write_out(Chain *z, const IrNode *old, int which, IrNode **args) {
    IrNode probe = *old, *r = args[which], *sum = NULL;
    probe.args = args;
    IrVal left;
    bool mirrored;
    Terms terms = {0};
    if (!reduces(&probe, r, &left, &mirrored) || !decompose(r, r->home->depth, NULL, (Term){0}, &terms)) return NULL;
    for (int t = 0; t < terms.count; t++) {
        IrNode *v = reduce_term(z, left, r, &terms.term[t]);
        sum = sum ? ir_binary(z->b, IR_ADD, sum, v) : v;
    }
    if (old->op == IR_SUM) {
        /* a term of one column stands for all of them */
        if (sum->cols != r->cols) sum = ir_binary(z->b, IR_ADD, sum, ir_full(z->b, 0, 1, r->cols, 0));
        sum = ir_unary(z->b, IR_SUM, sum);
    }
    if (mirrored) sum = ir_unary(z->b, IR_TRANSPOSE, sum);
    return sum->rows == old->rows && sum->cols == old->cols && sum->rspace == old->rspace && sum->cspace == old->cspace
               ? sum
               : NULL;
}

static IrNode *visit(IrBuilder *b, const IrNode *old, IrNode **args, void *ctx) {
    Chain *z = ctx;
    z->b = b;
    z->tlike.arena = b->func->arena;
    z->depth = old->home->depth < 63 ? old->home->depth : 63;
    for (const IrRegion *r = old->home; r; r = r->parent)
        if (r->depth < 64) z->weight[r->depth] = ir_region_weight(r);
    IrNode *n = NULL;
    for (int a = 0; a < old->nargs && !n; a++)
        if (z->distribute[old->args[a]->id]) n = write_out(z, old, a, args);
    if (!n) {
        n = ir_make(b, old, args);
        b->name = NULL;
        IrNode *better = n->op == IR_MATMUL && z->uses[old->id] ? associate(z, n) : NULL;
        if (better) {
            if (!better->name) better->name = old->name;
            n = better;
        }
    }
    while (z->single.len <= n->id) vec_push(b->func->arena, &z->single, false);
    z->single.data[n->id] = z->uses[old->id] == 1;
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
IrFunc *ir_chain(const IrFunc *f, const PassOptions *o) {
    int *uses = arena_array(f->arena, int, f->next_id + 1);
    count_uses(f->body, uses);
    bool hoist = !(o->disabled >> IR_OFF_HOIST & 1);
    Chain z = {.from = f, .hoist = hoist, .old_tlike = {.arena = f->arena}, .uses = uses};
    z.distribute = arena_array(f->arena, bool, f->next_id + 1);
    z.always = o->gram_always;
    if (hoist && !(o->disabled >> IR_OFF_GRAM & 1)) find_residuals(&z, f->body);
    IrFunc *g = ir_rebuild(f, visit, &z, !(o->disabled >> IR_OFF_CSE & 1), hoist);
    g->residuals = z.residuals;
    g->on_gram = z.on_gram;
    ir_dead_code(g);
    return g;
}
