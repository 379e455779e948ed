/* cost.c: what one evaluation of a function takes, from shapes, stored cells and trip counts.
 *
 * The model: a node takes max(operations / speed, bytes / bandwidth), both times the threads, weighted by how often its
 * region runs; the function takes their sum. Elementwise values over a row space are assumed fused (a pass over the
 * rows keeps them in registers), so they cost arithmetic only; products and reductions read what is stored: blocks,
 * inputs, and values made outside the region. What is stored over T's own rows is read once in a region, however many
 * products take it: they share the pass. Small values cost bytes when they are too large for a cache. Gathers and
 * scatters pay for each row that goes through an index. T at level 1 counts as its blocks do, so that the cost of a
 * function before and after factorize is of one size. Where the rows of T are sorted by an index, that index is read
 * and nothing else (fuse.h, segments). Speeds: level1.h. */
#include "ir/level1.h"
#include <math.h>

/* ---- what is T-like ---- */
const IrNode *ir_tlike(IrTlike *memo, const IrNode *n) {
    if (n->op == IR_TABLE) return n;
    IrClass c = ir_ops[n->op].cls;
    if (c != IRC_UNARY && c != IRC_BINARY && n->op != IR_WHERE && n->op != IR_CBIND && n->op != IR_SLICE_COLS)
        return NULL;
    while (memo->table.len <= n->id) vec_push(memo->arena, &memo->table, NULL);
    if (memo->table.data[n->id]) return memo->table.data[n->id] == n ? NULL : memo->table.data[n->id];
    const IrNode *found = NULL;
    for (int i = 0; i < n->nargs && !found; i++) {
        const IrNode *a = n->args[i];
        if (a->rspace == n->rspace && (a->cols == n->cols || n->op == IR_CBIND || n->op == IR_SLICE_COLS))
            found = ir_tlike(memo, a);
    }
    memo->table.data[n->id] = found ? found : n;
    return found;
}

/* ---- T ---- */
double ir_stored_cells(const Matrix *m) {
    switch (m->kind) {
    case MAT_DENSE: return (double)m->rows * (double)m->cols;
    case MAT_CSR: return m->rowptr ? (double)m->rowptr[m->rows] : 0;
    case MAT_CODES: return (double)m->rows;
    }
    return 0;
}
static bool through_index(const Integration *data, int block) {
    const Indicator *ind = &data->indicators[data->blocks[block].indicator];
    return !ind->identity && !ind->segments;
}
IrTableCost ir_table_cost(const Integration *data) {
    IrTableCost t = {.rows = (double)data->rows, .cols = (double)data->cols};
    for (int b = 0; b < data->nblocks; b++) {
        const IntBlock *blk = &data->blocks[b];
        const Matrix *m = blk->data;
        double cells = ir_stored_cells(m), rows = m->rows > 0 ? (double)m->rows : 1, per_row = cells / rows;
        t.cells += cells;
        t.bytes += m->kind == MAT_DENSE ? (m->single ? 4 : 8) * cells : m->kind == MAT_CODES ? 4 * cells : 12 * cells;
        if (m->kind != MAT_DENSE) t.sparse = true;
        bool moves = through_index(data, b);
        if (moves) t.gathers += t.rows;
        t.gram += cells * per_row;
        for (int e = 0; e < b; e++) {
            /* the narrower side's rows travel to the other side's table, or the pairs of cells are counted row by row
             */
            const Matrix *o = data->blocks[e].data;
            double other = ir_stored_cells(o), other_per_row = o->rows > 0 ? other / (double)o->rows : 0;
            double travel = per_row < other_per_row ? t.rows * per_row + other * (double)m->cols
                                                    : t.rows * other_per_row + cells * (double)o->cols;
            double pairs = t.rows * per_row * other_per_row;
            t.gram += travel < pairs ? travel : pairs;
            int moving = moves + through_index(data, e);
            t.gram_bytes += moving * ir_index_bytes(t.rows, fmin(per_row, other_per_row));
        }
    }
    t.gram_bytes += t.bytes;
    return t;
}
double ir_product_flops(double m, double k, double n) {
    return 2 * m * k * n;
}
double ir_seconds(double flops, double bytes, int threads) {
    double t = threads > 0 ? threads : 1;
    return fmax(flops / (IR_FLOPS_PER_SECOND * t), bytes / (IR_BYTES_PER_SECOND * t));
}

IrCellKind ir_cell_kind(IrOp op) {
    switch (op) {
    case IR_EXP:
    case IR_LOG:
    case IR_LOG1P:
    case IR_EXPM1:
    case IR_SIGMOID:
    case IR_TANH:
    case IR_SIN:
    case IR_COS: return CELL_CURVE;
    case IR_SQRT:
    case IR_DIV:
    case IR_RECIP: return CELL_DIVISION;
    case IR_POW:
    case IR_MOD: return CELL_POWER;
    case IR_RAND: return CELL_UNIFORM;
    case IR_RANDN: return CELL_NORMAL;
    default: return CELL_PLAIN;
    }
}
double ir_dense_flops(const IrNode *n) {
    const double rows = n->nargs ? (double)n->args[0]->rows : 0;
    switch (n->op) {
    case IR_SOLVE: return 2.0 / 3 * pow(rows, 3) + 2.0 * rows * (double)n->rows * (double)n->cols;
    case IR_CHOLESKY: return pow(rows, 3) / 3;
    case IR_EIGVALS:
    case IR_EIGVECS: return 10 * pow(rows, 3);
    default: return 0;
    }
}
double ir_index_bytes(double rows, double cols) {
    return rows * (4 + fmax(IR_INDEX_BYTES, 8 * cols));
}
double ir_small_bytes(double cells) {
    return 8 * cells > IR_CACHE_BYTES ? 8 * cells : 0;
}
double ir_product_speed(double cols) {
    return cols >= IR_WIDE ? 4 : cols >= IR_WIDE / 2 ? 2 : 1;
}

/* ---- trips ---- */
double ir_trip_count(const IrNode *loop) {
    if (loop->op != IR_LOOP || loop->args[0]->op != IR_CONST) return -1;
    double v = floor(loop->args[0]->num);
    return v > 0 ? v : 0;
}
/* The carried value that v is, in a region of `loop`; -1: none. */
static int carried_number(const IrRegion *r, const IrNode *v) {
    for (int i = 0; i < r->params.len; i++)
        if (r->params.data[i] == v) return i;
    return -1;
}
/* Most rounds of `while (… and k < limit)` whose body adds a number to k; -1: no such bound. A loop that also waits for
 * something to settle is taken to use them: how soon that will be, the data alone knows. */
static double while_bound(const IrNode *loop, const IrNode *cond) {
    if (cond->op == IR_AND) return fmax(while_bound(loop, cond->args[0]), while_bound(loop, cond->args[1]));
    bool less = cond->op == IR_LT || cond->op == IR_LE, more = cond->op == IR_GT || cond->op == IR_GE;
    if (!less && !more) return -1;
    const IrNode *count = cond->args[more], *limit = cond->args[less];
    int k = carried_number(loop->regions[0], count);
    if (k < 0 || limit->op != IR_CONST || loop->args[k]->op != IR_CONST) return -1;
    const IrNode *next = loop->regions[1]->results.data[k];
    if (next->op != IR_ADD) return -1;
    int own = carried_number(loop->regions[1], next->args[0]) == k ? 0 : 1;
    const IrNode *step = next->args[1 - own];
    if (carried_number(loop->regions[1], next->args[own]) != k || step->op != IR_CONST || !(step->num > 0)) return -1;
    double rounds = (limit->num - loop->args[k]->num) / step->num;
    bool equal = cond->op == IR_LE || cond->op == IR_GE;
    return fmax(0, equal ? floor(rounds) + 1 : ceil(rounds));
}
static double region_trips(const IrRegion *r) {
    if (r->kind != REGION_LOOP && r->kind != REGION_WHILE_COND && r->kind != REGION_WHILE_BODY) return 1;
    double trips = !r->owner                ? -1
                   : r->kind == REGION_LOOP ? ir_trip_count(r->owner)
                                            : while_bound(r->owner, r->owner->regions[0]->results.data[0]);
    return trips < 0 ? IR_UNKNOWN_TRIPS : trips;
}
double ir_region_weight(const IrRegion *r) {
    double w = 1;
    for (; r; r = r->parent) w *= region_trips(r);
    return w;
}

/* ---- nodes ---- */
typedef struct Costing {
    const IrFunc *f;
    IrTlike tlike;
    int threads;
    const IrRegion **read; /* by node id: the region that last read the value */
    double *nnz;           /* by node id: stored cells of a sparse block value; 0: dense or not asked yet */
    IrCost total;
    IrCost *each; /* by node id: once, without the weight; NULL: not wanted */
} Costing;

static double op_weight(IrOp op) {
    static const double weights[CELL_KINDS] = {[CELL_PLAIN] = 1,  [CELL_DIVISION] = 4, [CELL_CURVE] = 8,
                                               [CELL_POWER] = 20, [CELL_UNIFORM] = 4,  [CELL_NORMAL] = 40};
    return weights[ir_cell_kind(op)];
}
/* Stored cells of a value: those of the block it comes from as long as its operators keep zeros, else all of them. */
static double cells_of(Costing *z, const IrNode *n) {
    double all = (double)n->rows * (double)n->cols;
    if (z->nnz[n->id] > 0) return z->nnz[n->id] - 1;
    double cells = all;
    if (ir_at_stored(n)) {
        for (int i = 0; i < n->nargs; i++)
            if (n->args[i]->rspace) cells = fmin(cells, cells_of(z, n->args[i]));
    } else if (n->op == IR_DATA)
        cells = ir_stored_cells(z->f->tables.data[n->table].data->blocks[n->block].data);
    else if (n->op == IR_TABLE)
        cells = ir_table_cost(z->f->tables.data[n->table].data).cells;
    else if (n->op == IR_ONEHOT)
        cells = (double)n->rows;
    else if ((n->op == IR_STORED || ir_op_has(n->op, 'Z')) && n->nargs && n->args[0]->rows == n->rows &&
             n->args[0]->cols == n->cols)
        cells = fmin(all, cells_of(z, n->args[0]));
    if (n->op == IR_MUL)
        cells = fmin(cells, cells_of(z, n->args[1]) *
                                (n->args[1]->cols == n->cols && n->args[1]->rows == n->rows ? 1 : INFINITY));
    z->nnz[n->id] = cells + 1;
    return cells;
}
/* T's own rows, and those of a table that T's rows are sorted by: all that takes them in a region is one sweep. */
static bool read_once(const IrFunc *f, const IrNode *x) {
    const IrSpace *s = &f->spaces.data[x->rspace];
    if (s->kind == SPACE_TARGET) return true;
    if (x->op != IR_DATA) return false;
    const Integration *in = f->tables.data[x->table].data;
    return in->indicators[in->blocks[x->block].indicator].segments != NULL;
}
static double operand_bytes(Costing *z, const IrNode *n, const IrNode *x) {
    bool stored = x->op == IR_DATA || x->op == IR_INPUT || x->op == IR_STORED || x->op == IR_TABLE || x->op == IR_ARG ||
                  x->home != n->home;
    if (!stored || ir_is_small(x)) return 0;
    if (read_once(z->f, x)) {
        if (z->read[x->id] == n->home) return 0;
        z->read[x->id] = n->home;
    }
    bool single = x->op == IR_DATA && z->f->tables.data[x->table].data->blocks[x->block].data->single;
    return (single ? 4 : 8) * cells_of(z, x);
}
/* What reading T's blocks takes at level 1: one pass reads them, the products share it. */
static double table_bytes(Costing *z, const IrNode *n, const IrNode *table, const IrTableCost *t) {
    bool again = z->read[table->id] == n->home;
    z->read[table->id] = n->home;
    return again ? 0 : t->bytes;
}
/* Returns how much faster than a narrow product it runs. */
static double cost_product(Costing *z, const IrNode *n, double *flops, double *bytes) {
    const IrNode *x = n->args[0], *y = n->args[1], *tx = ir_tlike(&z->tlike, x), *ty = ir_tlike(&z->tlike, y);
    double m = (double)n->rows, k = (double)(n->ta ? x->rows : x->cols), c = (double)n->cols;
    if (tx || ty) {
        const IrNode *table = tx ? tx : ty;
        IrTableCost t = ir_table_cost(z->f->tables.data[table->table].data);
        double wide = tx ? c : m;
        bool gram = tx && ty && n->ta && !n->tb;
        *flops = gram ? 2 * t.gram : (2 * t.cells + t.gathers) * wide;
        *bytes =
            gram ? t.gram_bytes
                 : table_bytes(z, n, table, &t) + (t.rows > 0 ? t.gathers / t.rows * ir_index_bytes(t.rows, wide) : 0);
        return ir_product_speed(gram ? t.cols : wide);
    }
    double cx = cells_of(z, x), cy = cells_of(z, y), ax = m * k, ay = k * c;
    *flops = ir_product_flops(m, k, c) * (ax > 0 ? cx / ax : 0) * (ay > 0 ? cy / ay : 0);
    *bytes = operand_bytes(z, n, x) + operand_bytes(z, n, y);
    return ir_product_speed(m < c && n->ta ? m : c);
}
/* A node on small values runs on one thread; what it sweeps that is too large for the cache comes from memory. */
static double small_bytes(const Costing *z, const IrNode *n) {
    if (!ir_is_small(n) || ir_ops[n->op].cls == IRC_LEAF) return 0;
    double bytes = ir_small_bytes((double)n->rows * (double)n->cols);
    for (int i = 0; i < n->nargs; i++)
        if (ir_is_small(n->args[i])) bytes += ir_small_bytes((double)n->args[i]->rows * (double)n->args[i]->cols);
    return bytes * (z->threads > 0 ? z->threads : 1);
}
static bool is_column_by_table(Costing *z, const IrNode *n) {
    if (n->nargs != 2 || n->cols == 1 || !n->rspace || !ir_tlike(&z->tlike, n)) return false;
    return (n->args[0]->cols == 1 && n->args[0]->rspace) || (n->args[1]->cols == 1 && n->args[1]->rspace);
}
static void cost_node(Costing *z, const IrNode *n, double weight) {
    double all = (double)n->rows * (double)n->cols, flops = 0, bytes = 0, speed = 1;
    const IrNode *x = n->nargs ? n->args[0] : NULL;
    switch (n->op) {
    case IR_MATMUL: speed = cost_product(z, n, &flops, &bytes); break;
    case IR_SOLVE:
    case IR_CHOLESKY:
    case IR_EIGVALS:
    case IR_EIGVECS: flops = ir_dense_flops(n); break;
    case IR_GATHER:
    case IR_SCATTER: {
        const Indicator *ind = &z->f->tables.data[n->table].data->indicators[n->indicator];
        double rows = (double)(n->op == IR_GATHER ? n->rows : x->rows);
        flops = rows * (double)n->cols;
        if (ind->segments)
            bytes = 4 * rows; /* what is read or added to stays in the block */
        else if (ind->ascending)
            bytes = 4 * rows + 8 * (double)(n->op == IR_GATHER ? x->rows : n->rows) * (double)n->cols;
        else
            bytes = ir_index_bytes(rows, (double)n->cols);
        break;
    }
    case IR_CROSS: {
        const IrNode *y = n->args[1];
        double rows = (double)z->f->tables.data[n->table].data->rows;
        flops = 2 * rows * (cells_of(z, x) / fmax(1, (double)x->rows)) * (cells_of(z, y) / fmax(1, (double)y->rows));
        bytes = 8 * rows + 8 * (cells_of(z, x) + cells_of(z, y));
        break;
    }
    case IR_STORED: bytes = 8 * cells_of(z, n); break;
    case IR_RANK: flops = all * 20; break;
    default:
        if (ir_at_stored(n)) {
            flops = cells_of(z, n) * op_weight(n->op);
            break;
        }
        switch (ir_ops[n->op].cls) {
        case IRC_UNARY:
        case IRC_BINARY:
            /* a number for each row of T: its cells are not those of the blocks any more */
            flops = (is_column_by_table(z, n) ? all : cells_of(z, n)) * op_weight(n->op);
            break;
        case IRC_REDUCE:
        case IRC_ROWWISE:
        case IRC_SMALL:
        case IRC_FACT:
            flops = all;
            if (n->rspace && x && ir_tlike(&z->tlike, x))
                flops += ir_table_cost(z->f->tables.data[ir_tlike(&z->tlike, x)->table].data).gathers * (double)n->cols;
            for (int i = 0; i < n->nargs; i++) {
                flops += cells_of(z, n->args[i]);
                bytes += operand_bytes(z, n, n->args[i]);
            }
            flops *= op_weight(n->op);
            break;
        default: break;
        }
    }
    bytes += small_bytes(z, n);
    if (z->each) z->each[n->id] = (IrCost){flops, bytes, ir_seconds(flops / speed, bytes, z->threads)};
    z->total.flops += weight * flops;
    z->total.bytes += weight * bytes;
    z->total.seconds += weight * ir_seconds(flops / speed, bytes, z->threads);
}
static void cost_region(Costing *z, const IrRegion *r, double weight) {
    weight *= region_trips(r);
    for (int i = 0; i < r->nodes.len; i++) {
        const IrNode *n = r->nodes.data[i];
        for (int k = 0; k < n->nregions; k++) cost_region(z, n->regions[k], weight);
        if (!n->nregions) cost_node(z, n, weight);
    }
}
IrCost ir_cost(const IrFunc *f, int threads) {
    return ir_cost_each(f, threads, NULL);
}
IrCost ir_cost_each(const IrFunc *f, int threads, IrCost *each) {
    Costing z = {.f = f, .tlike = {.arena = f->arena}, .threads = threads, .each = each};
    z.read = arena_array(f->arena, const IrRegion *, f->next_id + 1);
    z.nnz = arena_array(f->arena, double, f->next_id + 1);
    cost_region(&z, f->body, 1);
    return z.total;
}
