/* effort.c: counts work (contract: effort.h). What an operator becomes in emitted code is backends/c's to say; this
 * follows it: tiles in registers, entries of sparse rows, one-hot rows that stay an index, sums by segments. */
#include "compiler/estimator/effort.h"
#include "ir/level1.h"
#include <math.h>

const EffortRow effort_rows[ALL_EFFORTS] = {
#define EFFORT(id, rate, unit, meaning) {#id, unit, meaning, offsetof(Hardware, rate)},
#define MAKE_EFFORT(id, rate, unit, meaning)
#include "compiler/estimator/effort.def"
#define EFFORT(id, rate, unit, meaning)
#define MAKE_EFFORT(id, rate, unit, meaning) {#id, unit, meaning, offsetof(Hardware, rate)},
#include "compiler/estimator/effort.def"
};

#define LAST_CACHE 32e6    /* bytes: what is beside us on the machine uses it too */
#define UNDER_WAY 4.0      /* rows that a processor works on at a time */
#define SHARED_PAIRS 32768 /* a sparse product of fewer operations is one thread's (kernels_common.c) */
#define PART_ROWS 1024     /* a pass of fewer rows a thread takes fewer threads (prelude.h: parts_for) */
enum { LANES = 8, WIDEST = 64 /* columns that vectors take */, SUMS = 20 /* vectors of sums that registers hold */ };
enum { TILE_ROWS = 8, TILES_MOST = 8 }; /* of a tile of x' y of wide rows (prelude.h: add_tiles) */

/* ---- near, mid, far ---- */
typedef struct Place {
    double near, mid, far; /* shares, of sum 1 */
} Place;
/* 0 below half of `cache`, 1 above twice of it, between them by the logarithm. */
static double beyond(double bytes, double cache) {
    if (bytes <= cache / 2) return 0;
    return fmin(1, log2(2 * bytes / cache) / 2);
}
static Place place_of(double bytes, const Hardware *hw) {
    double out = beyond(bytes, hw->cache > 0 ? hw->cache : 1 << 20), far = beyond(bytes, LAST_CACHE);
    return (Place){1 - out, out - far, far};
}
static double vectors(double cols) {
    return ceil(cols / LANES);
}

/* How many rows of a table the target's rows read, when those that are read seldom count for less: the reciprocal of
 * the chance that two of them read the same. From at most SAMPLE rows of the table, spread evenly. */
static double spread_of(const Integration *in, const Indicator *ind) {
    enum { SAMPLE = 4096 };
    int64_t rows = in->spaces[ind->space].rows, step = rows / SAMPLE + 1;
    double sum = 0, squares = 0;
    for (int64_t r = 0; ind->count && r < rows; r += step) {
        sum += ind->count[r];
        squares += ind->count[r] * ind->count[r];
    }
    return squares > 0 ? fmax(1, sum * sum / squares * (double)step) : (double)rows;
}

/* ---- passes ---- */
typedef struct Counting {
    const FusePlan *plan;
    const IrFunc *f;
    const Hardware *hw;
    int threads;
    double *out;
    double *bytes;    /* by pass: read and written once */
    double **spreads; /* by table and indicator: spread_of(); 0: not asked yet */
    double parts;     /* threads that share the pass at hand */
    double weight;    /* how often it runs, over those threads */
} Counting;

static void add(Counting *c, Effort kind, double units) {
    c->out[kind] += c->weight * units;
}
static double spread_through(const Counting *c, int table, int indicator) {
    const Integration *in = c->f->tables.data[table].data;
    if (!c->spreads[table]) c->spreads[table] = arena_array(c->plan->arena, double, in->nindicators + 1);
    double *known = &c->spreads[table][indicator];
    if (*known == 0) *known = spread_of(in, &in->indicators[indicator]);
    return *known;
}
static double rows_of(const Counting *c, int space) {
    return (double)c->f->spaces.data[space].rows;
}
/* Of a value over the stored cells of a block: their number. */
static double stored_entries(const Counting *c, const IrNode *n) {
    for (int i = 0; i < n->nargs; i++)
        if (ir_at_stored(n->args[i])) return stored_entries(c, n->args[i]);
    for (int i = 0; i < n->nargs; i++)
        if (fuse_is_sparse(c->f, n->args[i])) return ir_stored_cells(fuse_block(c->f, n->args[i])->data);
    return 0;
}
static MatKind kind_of(const Counting *c, const IrNode *n) {
    return n->op == IR_DATA ? fuse_block(c->f, n)->data->kind : fuse_is_code(c->plan, n) ? MAT_CODES : MAT_DENSE;
}
/* Entries of x's sparse rows visited, each with `width` numbers to add up. */
static void add_sparse(Counting *c, const IrNode *x, double rows, double width) {
    if (kind_of(c, x) == MAT_CODES) {
        add(c, EFFORT_codes, rows);
        if (width > 1) add(c, EFFORT_code_vectors, rows * vectors(width));
        return;
    }
    const Matrix *m = fuse_block(c->f, x)->data;
    double entries = (double)m->rowptr[m->rows];
    add(c, EFFORT_entry_rows, rows);
    add(c, EFFORT_entries, entries);
    if (width > 1) add(c, EFFORT_entry_vectors, entries * vectors(width));
}
static void count_product(Counting *c, const IrNode *n, double rows) {
    const IrNode *x = n->args[0], *y = n->args[1];
    double k = (double)x->cols, w = (double)n->cols;
    if (n->rspace) { /* rows of x against a small value */
        if (kind_of(c, x) != MAT_DENSE)
            add_sparse(c, x, rows, w);
        else if (w == 1 && k <= WIDEST) {
            add(c, EFFORT_dot, rows * vectors(k));
            add(c, EFFORT_dot_rows, rows);
        } else
            add(c, w == 1 || w > WIDEST ? EFFORT_loose : EFFORT_tile, rows * (w == 1 ? vectors(k) : k * vectors(w)));
        return;
    }
    bool sx = kind_of(c, x) != MAT_DENSE, sy = kind_of(c, y) != MAT_DENSE;
    if (sx || sy) {
        add_sparse(c, sx ? x : y, rows, sx && sy ? 1 : sx ? w : k);
        return;
    }
    double narrow = fmin(k, w), wide = fmax(k, w), sums = narrow == 1 ? vectors(wide) : k * vectors(w);
    if (x == y) /* of each vector of columns, the rows down to the diagonal */
        for (double v = 1; v < vectors(w); v++) sums -= k - v * LANES;
    bool fits = narrow == 1 ? wide <= WIDEST : w <= WIDEST && k <= TILES_MOST * fmax(1, floor(SUMS / vectors(w)));
    fits = fits || k >= TILE_ROWS;
    add(c, fits ? EFFORT_outer : EFFORT_loose, rows * sums);
    add(c, EFFORT_outer_rows, rows * ceil(sums / SUMS));
}
static void count_index(Counting *c, const IrNode *n, double rows) {
    const IrNode *x = n->args[0];
    bool gather = n->op == IR_GATHER, once = fuse_is_code(c->plan, x);
    double cols = once ? 1 : (double)n->cols, lines = ceil(cols / LANES) - 1;
    const Indicator *ind = &c->f->tables.data[n->table].data->indicators[n->indicator];
    if (gather ? fuse_is_from_block(c->plan, n) : fuse_is_to_block(c->plan, n)) {
        add(c, EFFORT_segment_rows, rows);
        add(c, EFFORT_segment_vectors, rows * lines);
        return;
    }
    double table = rows_of(c, gather ? x->rspace : n->rspace);
    double spread = fmin(table, spread_through(c, n->table, n->indicator));
    Place p = place_of(ind->ascending ? 0 : 8 * spread * (double)n->cols, c->hw);
    if (gather) {
        add(c, EFFORT_gather_near, rows * p.near);
        add(c, EFFORT_gather_mid, rows * p.mid);
        add(c, EFFORT_gather_far, rows * p.far);
        add(c, EFFORT_gather_more, rows * lines * (1 - p.far));
        add(c, EFFORT_gather_far_more, rows * lines * p.far);
        return;
    }
    add(c, EFFORT_scatter_near, rows * p.near);
    add(c, EFFORT_scatter_mid, rows * p.mid);
    add(c, EFFORT_scatter_far, rows * p.far);
    add(c, EFFORT_scatter_more, rows * lines);
    add(c, EFFORT_scatter_again, rows * (lines + 1) * (ind->ascending ? 1 : fmin(1, UNDER_WAY / spread)));
    add(c, EFFORT_scatter_parts, 8 * table * (double)n->cols * (c->parts > 1 ? 2 * c->parts : 1));
}
static Effort cell_effort(IrOp op) {
    static const Effort of[CELL_KINDS] = {
        [CELL_PLAIN] = EFFORT_cells,   [CELL_DIVISION] = EFFORT_divisions, [CELL_CURVE] = EFFORT_curves,
        [CELL_POWER] = EFFORT_randoms, [CELL_UNIFORM] = EFFORT_draws,      [CELL_NORMAL] = EFFORT_randoms};
    return of[ir_cell_kind(op)];
}
static void count_node(Counting *c, const IrNode *n) {
    double rows = rows_of(c, fuse_space(n)), all = rows * (double)n->cols;
    switch (n->op) {
    case IR_MATMUL: count_product(c, n, rows); return;
    case IR_GATHER:
    case IR_SCATTER: count_index(c, n, rows); return;
    case IR_ONEHOT: return;
    default: break;
    }
    const IrNode *x = n->nargs ? n->args[0] : NULL;
    if (x && ir_ops[n->op].cls != IRC_BINARY && n->nargs == 1 && kind_of(c, x) != MAT_DENSE) {
        add_sparse(c, x, rows, 1);
        return;
    }
    bool sums = ir_ops[n->op].cls == IRC_REDUCE || n->op == IR_ROWSUMS || n->op == IR_ROWMIN || n->op == IR_ROWMAX ||
                n->op == IR_ROWARGMIN || n->op == IR_ROWARGMAX;
    if (sums) {
        add(c, EFFORT_sums, rows * (x->cols > 1 ? vectors((double)x->cols) : 1.0 / LANES));
        return;
    }
    Effort kind = cell_effort(n->op);
    add(c, kind, kind == EFFORT_randoms ? all : all / LANES);
}
/* What a region's passes sweep over and over. */
static double region_bytes(const Counting *c, const IrRegion *r) {
    double bytes = 0;
    for (int i = 0; i < c->plan->passes.len; i++)
        if (c->plan->passes.data[i]->region == r) bytes += c->bytes[i];
    return bytes;
}
static void count_pass(Counting *c, const FusePass *p, double bytes) {
    double rows = rows_of(c, p->space), keys = p->segments ? rows_of(c, p->segments->keys) : 0;
    double often = ir_region_weight(p->region);
    c->parts = fmin(c->threads, floor((rows + keys) / PART_ROWS) + 1);
    c->weight = often;
    add(c, EFFORT_start, 1);
    if (c->parts > 1) add(c, EFFORT_fork, 1);
    Place at = place_of(region_bytes(c, p->region), c->hw);
    double shared = c->parts * c->hw->read_one / hardware_bandwidth(c->hw, c->parts);
    c->weight = often / c->parts;
    add(c, EFFORT_stream_near, bytes * at.near);
    add(c, EFFORT_stream_mid, bytes * at.mid);
    add(c, EFFORT_stream_far, bytes * at.far * shared);
    add(c, EFFORT_rows, rows);
    add(c, EFFORT_segment_keys, keys);
    for (int i = 0; i < p->nodes.len; i++) count_node(c, p->nodes.data[i]);
}
static double small_operations(const IrNode *n) {
    double all = (double)n->rows * (double)n->cols;
    const IrNode *x = n->nargs ? n->args[0] : NULL;
    if (n->op == IR_MATMUL)
        return ir_product_flops((double)n->rows, (double)(n->ta ? x->rows : x->cols), (double)n->cols);
    double dense = ir_dense_flops(n);
    return dense > 0 ? dense : fmax(all, x ? (double)x->rows * (double)x->cols : 0);
}
/* A block, or what kernels made of one: they keep it sparse. */
static bool is_sparse_value(const Counting *c, const IrNode *n) {
    return FUSE(n)->opaque || kind_of(c, n) != MAT_DENSE;
}
/* Threads that add up x' y of sparse rows into sums of their own (kernels_product.c); 1: into the result. */
static double pair_parts(const Counting *c, const IrNode *n, IrCost once) {
    bool by_rows = n->op == IR_CROSS || n->rows > n->args[0]->rows;
    return by_rows || once.flops < SHARED_PAIRS ? 1 : c->threads;
}
static void count_kernel(Counting *c, const IrNode *n, IrCost once) {
    add(c, EFFORT_kernel, 1);
    if (ir_at_stored(n) || n->op == IR_EXTREME) {
        add(c, EFFORT_stored, stored_entries(c, n) / c->threads);
        return;
    }
    if (n->op == IR_RANK)
        add(c, EFFORT_ranks, (double)n->rows * log2(2 + (double)n->rows));
    else if (n->op == IR_CROSS ||
             (n->op == IR_MATMUL && is_sparse_value(c, n->args[0]) && is_sparse_value(c, n->args[1]))) {
        bool cross = n->op == IR_CROSS;
        add(c, EFFORT_pair_rows, (double)(cross ? c->f->tables.data[n->table].data->rows : n->args[0]->rows));
        Place p = place_of(8 * (double)n->rows * (double)n->cols, c->hw);
        add(c, EFFORT_pairs, once.flops / 2 * p.near);
        add(c, EFFORT_pairs_mid, once.flops / 2 * (p.mid + p.far));
        double parts = pair_parts(c, n, once);
        add(c, EFFORT_scatter_parts, 8 * (double)n->rows * (double)n->cols * (parts > 1 ? 2 * parts : 1));
    } else
        add(c, EFFORT_kernel_seconds, once.seconds);
}
/* An array that emitted code allocates before it runs. Threads that take its pages wait for each other. */
static void add_array(const Counting *c, double bytes) {
    c->out[bytes >= MEM_MAPPED ? EFFORT_mapped : EFFORT_fresh] += bytes;
}
static void count_kept(const Counting *c) {
    for (int i = 0; i < c->plan->passes.len; i++) {
        const FusePass *p = c->plan->passes.data[i];
        for (int k = 0; k < p->nodes.len; k++) {
            const IrNode *n = p->nodes.data[k];
            bool sums = n->op == IR_SCATTER && !fuse_is_to_block(c->plan, n);
            double bytes = 8 * (double)n->rows * (double)n->cols;
            if (n->rspace && (FUSE(n)->stored || sums)) add_array(c, bytes);
            if (n->rspace && sums) add_array(c, bytes * (c->threads - 1));
        }
    }
    for (int r = 0; r < c->plan->regions.len; r++) {
        const FuseRegion *fr = c->plan->regions.data[r];
        for (int i = 0; i < fr->steps.len; i++) {
            const IrNode *n = fr->steps.data[i].node;
            if (n && ir_is_small(n) && FUSE(n)->kind != FUSE_CONTROL)
                add_array(c, 8 * (double)n->rows * (double)n->cols);
        }
    }
}
/* What a step on small values sweeps, in order. Emitted code does it on one thread. */
static double small_bytes(const IrNode *n) {
    double cells = ir_is_small(n) ? (double)n->rows * (double)n->cols : 0;
    for (int i = 0; i < n->nargs; i++)
        if (ir_is_small(n->args[i])) cells += (double)n->args[i]->rows * (double)n->args[i]->cols;
    return 8 * cells;
}
static bool reads_rows(const IrNode *n) {
    bool rows = n->rspace || n->cspace || n->op == IR_CROSS;
    for (int i = 0; i < n->nargs; i++) rows = rows || n->args[i]->rspace || n->args[i]->cspace;
    return rows;
}
/* Small values that a region's steps sweep are near as long as they are small: near, their operations are all that they
 * take. X'X of thousands of columns is far. */
static Place small_place(const Counting *c, const FuseRegion *fr) {
    double bytes = 0;
    for (int i = 0; i < fr->steps.len; i++) {
        const IrNode *n = fr->steps.data[i].node;
        if (n && FUSE(n)->kind != FUSE_CONTROL) bytes += small_bytes(n);
    }
    return place_of(bytes, c->hw);
}
static void count_steps(Counting *c, const IrCost *each) {
    for (int r = 0; r < c->plan->regions.len; r++) {
        const FuseRegion *fr = c->plan->regions.data[r];
        c->weight = ir_region_weight(fr->region);
        Place at = small_place(c, fr);
        for (int i = 0; i < fr->steps.len; i++) {
            const IrNode *n = fr->steps.data[i].node;
            if (!n || FUSE(n)->kind == FUSE_CONTROL) continue;
            add(c, EFFORT_stream_mid, small_bytes(n) * at.mid);
            add(c, EFFORT_stream_far, small_bytes(n) * at.far);
            if (FUSE(n)->kind == FUSE_KERNEL && reads_rows(n)) {
                count_kernel(c, n, each[n->id]);
                continue;
            }
            add(c, EFFORT_small, 1);
            add(c, EFFORT_small_cells, small_operations(n));
        }
    }
}
void effort_run(const FusePlan *plan, const IrCost *each, int threads, const Hardware *hw, double out[NEFFORTS]) {
    Counting c = {.plan = plan, .f = plan->func, .hw = hw, .threads = threads > 0 ? threads : 1, .out = out};
    c.bytes = arena_array(plan->arena, double, plan->passes.len + 1);
    c.spreads = arena_array(plan->arena, double *, c.f->tables.len + 1);
    for (int i = 0; i < plan->passes.len; i++) {
        double read, written;
        fuse_pass_bytes(plan, plan->passes.data[i], &read, &written);
        c.bytes[i] = read + written;
    }
    for (int k = 0; k < NEFFORTS; k++) out[k] = 0;
    out[EFFORT_run] = 1;
    count_kept(&c);
    for (int i = 0; i < plan->passes.len; i++) count_pass(&c, plan->passes.data[i], c.bytes[i]);
    count_steps(&c, each);
}

/* ---- making data ---- */
Making effort_making(Arena *arena, const Integration *in, int threads, const Hardware *hw) {
    Picked *picked = arena_array(arena, Picked, in->nindicators + 1);
    for (int i = 0; i < in->nindicators; i++) picked[i].spread = spread_of(in, &in->indicators[i]);
    for (int b = 0; b < in->nblocks; b++) {
        Picked *p = &picked[in->blocks[b].indicator];
        if (p->rows == 0) p->rows = (double)integration_copied_rows(in, b);
    }
    return (Making){in, hw, threads, picked, NULL};
}
static double row_bytes(const Matrix *m) {
    return m->rows > 0 ? (double)mat_bytes(m) / (double)m->rows : 0;
}
static void make_array(const Making *k, double bytes) {
    k->out[bytes >= MEM_MAPPED ? MAKE_mapped_bytes : MAKE_fresh_bytes] += bytes;
}
/* Rows picked out of `bytes`, in an order that follows no pattern, or in theirs. */
static void make_picks(const Making *k, double rows, double bytes, bool in_order, MakeEffort near, MakeEffort mid,
                       MakeEffort far) {
    Place p = place_of(in_order ? 0 : bytes, k->hw);
    k->out[near] += rows * p.near;
    k->out[mid] += rows * p.mid;
    k->out[far] += rows * p.far;
}
/* `rows` rows for rows of the target out of a block, written into an array of `all` bytes. */
static void make_copies(const Making *k, int block, bool in_order, double rows, double all, double parts) {
    const IntBlock *b = &k->in->blocks[block];
    const Matrix *m = b->data;
    double mean = m->kind == MAT_CSR && m->rows > 0 ? (double)m->rowptr[m->rows] / (double)m->rows : 1;
    make_picks(k, rows / parts, row_bytes(m) * k->picked[b->indicator].spread, in_order, MAKE_row_picks,
               MAKE_row_picks_mid, MAKE_row_picks_far);
    if (m->kind != MAT_DENSE) {
        k->out[MAKE_entry_copies] += rows * mean / parts;
        return;
    }
    double bytes = 8 * rows * (double)m->cols, far = beyond(all, LAST_CACHE);
    k->out[MAKE_cell_copies] += bytes * (1 - far) / parts;
    k->out[MAKE_cell_copies_far] += bytes * far * k->hw->read_one / hardware_bandwidth(k->hw, parts);
}
/* The threads that so many cells are shared by, `times` in turn. */
static double making_parts(const Making *k, double cells, double times) {
    int parts = integration_parts(k->threads, cells);
    if (parts > 1) k->out[MAKE_make_fork] += times;
    return parts;
}
void effort_join(Making k, double bytes, double nnz, double out[NMAKE_EFFORTS]) {
    const Integration *in = k.in;
    k.out = out;
    for (int i = 0; i < NMAKE_EFFORTS; i++) out[i] = 0;
    out[MAKE_join] = 1;
    double rows = (double)in->rows, cells = rows * (double)(nnz < 0 ? in->cols : in->nblocks);
    double parts = making_parts(&k, cells, nnz < 0 ? 1 : 3); /* sparse rows are counted twice, and filled */
    if (nnz < 0) {
        make_array(&k, bytes);
    } else {
        make_array(&k, 4 * nnz);
        make_array(&k, 8 * nnz);
        make_array(&k, 8 * rows);
        out[MAKE_sparse_entries] = nnz / parts;
    }
    for (int b = 0; b < in->nblocks; b++) {
        const Matrix *x = in->blocks[b].data;
        const Picked *p = &k.picked[in->blocks[b].indicator];
        bool in_order = in->indicators[in->blocks[b].indicator].ascending;
        if (nnz < 0) {
            make_copies(&k, b, in_order, p->rows, bytes, parts);
            continue;
        }
        make_picks(&k, p->rows / parts, row_bytes(x) * p->spread, in_order, MAKE_sparse_picks, MAKE_sparse_picks_mid,
                   MAKE_sparse_picks_far);
        if (x->kind == MAT_DENSE) out[MAKE_sparse_cells] += p->rows / parts * (double)x->cols;
    }
}
/* The rows' order, by counting them; then every index, and what has a number for each row, in that order. */
static void make_order(const Making *k, int by) {
    const Integration *in = k->in;
    const Indicator *ind = &in->indicators[by];
    double rows = (double)in->rows;
    make_picks(k, rows, 8 * k->picked[by].spread, ind->ascending, MAKE_sorted_rows, MAKE_sorted_mid, MAKE_sorted_far);
    make_array(k, 4 * rows);
    int numbers = (in->label != NULL) + (in->weight != NULL);
    double parts = making_parts(k, rows, in->nindicators + numbers);
    for (int i = 0; i < in->nindicators + numbers; i++) {
        double width = i < in->nindicators ? 4 : 8;
        bool written_out = i >= in->nindicators || in->indicators[i].idx;
        make_array(k, width * rows);
        make_picks(k, rows / parts, width * rows, !written_out || ind->ascending, MAKE_reindexed, MAKE_reindexed_mid,
                   MAKE_reindexed_far);
    }
}
void effort_arrange(Making k, Arrangement a, double out[NMAKE_EFFORTS]) {
    const Integration *in = k.in;
    k.out = out;
    for (int i = 0; i < NMAKE_EFFORTS; i++) out[i] = 0;
    if (arrangement_is_plain(a)) return;
    out[MAKE_arrange] = 1;
    if (a.sort_by >= 0) make_order(&k, a.sort_by);
    bool as_it_was = a.sort_by < 0 || in->indicators[a.sort_by].ascending;
    for (int b = 0; b < in->nblocks; b++) {
        const Matrix *x = in->blocks[b].data;
        int indicator = in->blocks[b].indicator;
        bool in_order = indicator == a.sort_by || (as_it_was && in->indicators[indicator].ascending);
        if (!integration_copies(in, a, b) || !x->rows) continue;
        double rows = k.picked[indicator].rows, bytes = row_bytes(x) * rows;
        double parts = making_parts(&k, rows * (x->kind == MAT_DENSE ? (double)x->cols : 2), 1);
        make_array(&k, bytes);
        make_copies(&k, b, in_order, rows, bytes, parts);
    }
}

/* ---- seconds ---- */
static double rate_of(const Hardware *hw, int kind) {
    return *(const double *)((const char *)hw + effort_rows[kind].rate);
}
EffortSeconds effort_moved(const EffortSeconds *s, const Hardware *from, const Hardware *to) {
    EffortSeconds out;
    for (int k = 0; k < ALL_EFFORTS; k++) out.of[k] = s->of[k] * rate_of(from, k) / rate_of(to, k);
    return out;
}
void effort_units_moved(double units[ALL_EFFORTS], const Hardware *from, const Hardware *to) {
    for (int k = 0; k < ALL_EFFORTS; k++) units[k] *= rate_of(to, k) / rate_of(from, k);
}
double effort_run_seconds(const EffortSeconds *s, const double units[ALL_EFFORTS]) {
    double seconds = 0;
    for (int k = 0; k < NEFFORTS; k++) seconds += s->of[k] * units[k];
    return seconds;
}
double effort_make_seconds(const EffortSeconds *s, const double units[ALL_EFFORTS]) {
    double seconds = 0;
    for (int k = NEFFORTS; k < ALL_EFFORTS; k++) seconds += s->of[k] * units[k];
    return seconds;
}
