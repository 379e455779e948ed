/* features.c: features of candidates (contract: features.h). */
#include "compiler/estimator/features.h"
#include "ir/fuse.h"
#include "ir/level1.h"
#include <math.h>

#define SKEW_ROWS 65536

const FeatureRow feature_rows[NFEATURES] = {
#define FEATURE(id, formula, unit, normalization, meaning) {#id, unit, normalization, meaning},
#include "compiler/estimator/features.def"
};

/* ---- the target ---- */
static double stored_bytes(const Matrix *m) {
    return ir_stored_cells(m) * (m->kind == MAT_DENSE ? 8 : m->kind == MAT_CODES ? 4 : 12);
}
/* Uses of the most used row, in means: of the rows looked at, which are spread evenly. */
static double use_skew(const Integration *in, const Indicator *ind) {
    int64_t rows = in->spaces[ind->space].rows, step = rows / SKEW_ROWS + 1;
    double most = 0;
    for (int64_t r = 0; ind->count && r < rows; r += step) most = fmax(most, ind->count[r]);
    return ind->used > 0 && ind->rows > 0 ? most * (double)ind->used / (double)ind->rows : 1;
}
static TargetFacts target_facts(const Integration *in) {
    StrategyRatios r = strategy_ratios(in);
    TargetFacts t = {.rows = (double)in->rows,
                     .cols = (double)in->cols,
                     .blocks = in->nblocks,
                     .tuple_ratio = r.tuple_ratio,
                     .feature_ratio = r.feature_ratio,
                     .selectivity = 1,
                     .skew = 1};
    double cells = t.rows * t.cols, stored = 0, used = 0, held = 0;
    int repeated = 0;
    for (int b = 0; b < in->nblocks; b++) {
        const IntBlock *blk = &in->blocks[b];
        const Indicator *ind = &in->indicators[blk->indicator];
        stored += ir_stored_cells(blk->data);
        t.sparse += blk->data->kind != MAT_DENSE;
        t.partial += !ind->total || in->spaces[blk->space].has_fill_row;
        if (ind->injective || in->spaces[blk->space].role < 0) continue;
        repeated++;
        t.ordered += ind->ascending;
        t.skew = fmax(t.skew, use_skew(in, ind));
        t.largest = fmax(t.largest, stored_bytes(blk->data));
        used += (double)ind->used;
        held += (double)in->spaces[blk->space].rows;
    }
    if (held > 0) t.selectivity = used / held;
    if (repeated) t.ordered /= repeated;
    if (in->nblocks) {
        t.sparse /= in->nblocks;
        t.partial /= in->nblocks;
    }
    t.stored = cells > 0 ? stored / cells : 0;
    t.density = cells > 0 ? (double)integration_materialized_nnz(in) / cells : 0;
    return t;
}

bool morpheusfi_factorizes(const Integration *in) {
    int p = 0, q = 0;
    bool each = true;
    for (int b = 0; b < in->nblocks; b++) {
        const IntBlock *blk = &in->blocks[b];
        if (in->spaces[blk->space].role < 0) continue;
        const Matrix *m = blk->data;
        double cells = (double)m->rows * (double)m->cols, nonzero = 0;
        if (m->kind == MAT_DENSE)
            for (int64_t i = 0; i < m->rows; i++)
                for (int64_t j = 0; j < m->cols; j++) nonzero += m->data[i * m->ld + j] != 0;
        else
            nonzero = ir_stored_cells(m);
        double density = cells > 0 ? nonzero / cells : 0;
        p++;
        q += density < 0.05;
        if (m->rows > 0 && density * (double)in->rows / (double)m->rows <= 1) each = false;
    }
    return q < p / 2 || (2 * q >= p && each);
}

/* ---- the program ---- */
static Work kind_of(const IrNode *n) {
    switch (n->op) {
    case IR_GATHER:
    case IR_SCATTER: return WORK_INDEX;
    case IR_CROSS: return WORK_GRAM;
    case IR_MATMUL:
        if (n->rspace) return WORK_LMM;
        if (!n->args[0]->rspace && !n->args[1]->rspace) return WORK_SMALL;
        return n->args[0]->op == IR_DATA && n->rows > 1 && n->cols > 1 && n->args[1]->op != IR_ONEHOT ? WORK_GRAM
                                                                                                      : WORK_RMM;
    default: break;
    }
    bool rows = n->rspace != 0;
    for (int i = 0; i < n->nargs; i++) rows = rows || n->args[i]->rspace;
    if (!rows) return WORK_SMALL;
    if (ir_ops[n->op].cls == IRC_ROWWISE) return WORK_ROWSUMS;
    if (ir_ops[n->op].cls == IRC_REDUCE) return n->rspace ? WORK_ROWSUMS : WORK_COLSUMS;
    return WORK_SCALAR;
}
static void add_node(WorkTotals *w, const IrFunc *f, const IrNode *n, IrCost once) {
    double weight = ir_region_weight(n->home);
    w->by[kind_of(n)] += weight * once.seconds;
    w->flops += weight * once.flops;
    w->bytes += weight * once.bytes;
    w->seconds += weight * once.seconds;
    w->trips = fmax(w->trips, weight);
    if (n->op == IR_MATMUL) w->width = fmax(w->width, (double)(n->rspace || n->cols > n->rows ? n->cols : n->rows));
    if (n->op != IR_GATHER && n->op != IR_SCATTER) return;
    const Indicator *ind = &f->tables.data[n->table].data->indicators[n->indicator];
    if (ind->ascending || ind->segments) return;
    w->random_bytes += weight * once.bytes;
    w->index_rows += weight * (double)(n->op == IR_GATHER ? n->rows : n->args[0]->rows);
}
static void add_region(WorkTotals *w, const IrFunc *f, const IrRegion *r, const IrCost *each) {
    for (int i = 0; i < r->nodes.len; i++) {
        const IrNode *n = r->nodes.data[i];
        for (int k = 0; k < n->nregions; k++) add_region(w, f, n->regions[k], each);
        if (!n->nregions) add_node(w, f, n, each[n->id]);
    }
}
/* each: ir_cost_each() of the program. */
static WorkTotals work_totals(const FusePlan *plan, const IrCost *each) {
    WorkTotals w = {0};
    const IrFunc *f = plan->func;
    add_region(&w, f, f->body, each);
    for (int i = 0; i < plan->passes.len; i++) {
        const FusePass *p = plan->passes.data[i];
        double weight = ir_region_weight(p->region), read, written;
        fuse_pass_bytes(plan, p, &read, &written);
        w.passes += weight;
        w.pass_read += weight * read;
        w.pass_written += weight * written;
        w.pass_rows += weight * (double)f->spaces.data[p->space].rows;
    }
    return w;
}

/* ---- the features ---- */
static double size(double v) {
    return log10(1 + fmax(0, v));
}
static double share(double a, double b) {
    return b > 0 ? a / b : 0;
}
static double ratio(double a, double b) {
    if (a <= 0 || b <= 0) return a > b ? 6 : a < b ? -6 : 0;
    return fmin(6, fmax(-6, log10(a / b)));
}
static void fill(const FeatureInput *x, double *out) {
#define FEATURE(id, formula, unit, normalization, meaning) out[FEATURE_##id] = (formula);
#include "compiler/estimator/features.def"
    for (int i = 0; i < NFEATURES; i++) AMAL_CHECK(isfinite(out[i]));
}

static double absorbed_share(const Integration *in, Arrangement a) {
    double absorbed = 0, all = 0;
    for (int b = 0; b < in->nblocks; b++) {
        int role = in->spaces[in->blocks[b].space].role;
        double cols = (double)in->blocks[b].data->cols;
        all += cols;
        if (role >= 0 && a.absorbed >> role & 1 && integration_copies(in, a, b)) absorbed += cols;
    }
    return share(absorbed, all);
}
static void effort_of_making(Making k, Candidate *c) {
    double *out = c->effort + NEFFORTS;
    if (!c->materialize) {
        effort_arrange(k, c->arrangement, out);
        return;
    }
    bool sparse = c->data->blocks[0].data->kind != MAT_DENSE;
    effort_join(k, (double)integration_materialized_bytes(k.in),
                sparse ? (double)integration_materialized_nnz(k.in) : -1, out);
}
void features_of(const Integration *in, Candidate *c, int n, int threads, const Hardware *hw,
                 double (*out)[NFEATURES]) {
    FeatureInput x = {.t = target_facts(in), .hw = hw, .threads = threads > 0 ? threads : 1};
    const WorkTotals *of[MOST_CANDIDATES];
    AMAL_CHECK(n > 0 && n <= MOST_CANDIDATES);
    Making making = effort_making(c[0].func->arena, in, threads, hw);
    for (int i = 0; i < n; i++) {
        WorkTotals *w = arena_new_of(c[i].func->arena, WorkTotals);
        const FusePlan *plan = ir_fuse(c[i].func);
        IrCost *each = arena_array(c[i].func->arena, IrCost, c[i].func->next_id + 1);
        (void)ir_cost_each(c[i].func, threads, each);
        *w = work_totals(plan, each);
        effort_run(plan, each, threads, hw, c[i].effort);
        effort_of_making(making, &c[i]);
        of[i] = w;
        if (c[i].gram != GRAM_BY_COST) continue;
        if (c[i].materialize)
            x.mat = *w;
        else if (arrangement_is_plain(c[i].arrangement))
            x.fact = *w;
    }
    for (int i = 0; i < n; i++) {
        x.own = *of[i];
        x.materialized = c[i].materialize;
        x.sorted = c[i].arrangement.sort_by >= 0;
        x.absorbed = absorbed_share(in, c[i].arrangement);
        x.make_bytes = (double)(c[i].materialize ? integration_materialized_bytes(in)
                                                 : integration_copied_bytes(in, c[i].arrangement));
        x.make_sparse = c[i].materialize && c[i].data->blocks[0].data->kind != MAT_DENSE;
        fill(&x, out[i]);
    }
}
