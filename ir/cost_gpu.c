/* cost_gpu.c: what one evaluation of a function, or a join, takes on a GPU, from the same operations and bytes as on
 * the CPU (cost.c) and speeds that were measured.
 *
 * A node takes the larger of its operations over the speed of arithmetic and its bytes over the bandwidth, weighted by
 * how often its region runs. What is read here and there comes from the second-level cache, in sectors of 32 bytes:
 * gathers, sums by key and the small matrix of a product with sparse rows. A reduction costs a launch besides (it ends
 * a pass) and what adding up the blocks' sums takes, a sum by key two more, an operator that runs on the host two and a
 * wait for the device, which takes as long as a few launches; so does the condition of a `while`. An operator on small
 * values takes its barrier and a way to the second-level cache and back. An iteration of a loop is the launch of a
 * graph. Copying the tables there is not in it: a script does that once (ir_array_bytes). */
#include "ir/level1.h"
#include <math.h>

enum { WAIT_LAUNCHES = 4 };
#define SECTOR_BYTES 32.0
#define CACHE_SPEED 2.5 /* of the second-level cache, in bandwidths of memory: about that on an H100 */
/* In launches, as what they wait for is of the same kind. Profiles of an H200, whose launches take 0.5 us: 2 to 4 us
 * for the sums that a pass leaves, 3 to 7 us for 5 to 9 small operators. */
#define FINISH_LAUNCHES 4.0
#define SMALL_LAUNCHES 1.2

/* So many reads of `cols` numbers each, anywhere. */
static double scattered_bytes(double reads, double cols) {
    return reads * fmax(SECTOR_BYTES, 8 * cols) / CACHE_SPEED;
}
static double bytes_of(const IrFunc *f, const IrNode *n, double bytes) {
    switch (n->op) {
    case IR_GATHER:
    case IR_SCATTER: {
        const Indicator *ind = &f->tables.data[n->table].data->indicators[n->indicator];
        double rows = (double)(n->op == IR_GATHER ? n->rows : n->args[0]->rows), cols = (double)n->cols;
        bool ordered = ind->segments || ind->ascending;
        if (n->op == IR_GATHER) return 4 * rows + (ordered ? 0 : scattered_bytes(rows, cols));
        /* the values are written by a pass, and read by a kernel that adds them up */
        return 8 * rows * cols + (ordered ? 8 * rows * cols : 4 * rows + scattered_bytes(rows, cols));
    }
    case IR_MATMUL:
        for (int a = 0; a < 2; a++) {
            const IrNode *x = n->args[a];
            if (x->op != IR_DATA) continue;
            const Matrix *m = f->tables.data[x->table].data->blocks[x->block].data;
            if (m->kind != MAT_DENSE)
                bytes += scattered_bytes(ir_stored_cells(m), (double)(n->rspace ? n->cols : a ? n->rows : n->cols));
        }
        return bytes;
    default: return bytes;
    }
}

static double launches_of(const IrNode *n) {
    switch (n->op) {
    case IR_SCATTER: return 3;
    case IR_SOLVE:
    case IR_CHOLESKY:
    case IR_EIGVALS:
    case IR_EIGVECS:
    case IR_RANK:
    case IR_CROSS:
    case IR_EXTREME:
    case IR_T_ROWS: return 2 + WAIT_LAUNCHES;
    case IR_MATMUL: return n->ta && n->args[0]->rspace ? 1 : 0;
    default: return ir_ops[n->op].cls == IRC_REDUCE && n->args[0]->rspace ? 1 : 0;
    }
}
static bool is_small(const IrNode *n) {
    return n->nargs > 0 && !n->nregions && !n->rspace && !n->cspace && n->op != IR_PROJ && !n->args[0]->rspace;
}
/* What an operator takes whatever its size. */
static double fixed_seconds(const IrNode *n, const IrGpu *gpu) {
    double launches = launches_of(n);
    if (is_small(n))
        launches += SMALL_LAUNCHES;
    else if (!n->rspace && launches == 1)
        launches += FINISH_LAUNCHES;
    return launches * gpu->launch;
}
static void add_region(const IrFunc *f, const IrRegion *r, const IrCost *each, const IrGpu *gpu, IrCost *total) {
    double weight = ir_region_weight(r);
    if (r->kind == REGION_LOOP) total->seconds += weight * gpu->graph;
    if (r->kind == REGION_WHILE_COND) total->seconds += weight * WAIT_LAUNCHES * gpu->launch;
    for (int i = 0; i < r->nodes.len; i++) {
        const IrNode *n = r->nodes.data[i];
        for (int k = 0; k < n->nregions; k++) add_region(f, n->regions[k], each, gpu, total);
        const IrCost *c = &each[n->id];
        double bytes = bytes_of(f, n, c->bytes);
        total->flops += weight * c->flops;
        total->bytes += weight * bytes;
        total->seconds += weight * (fmax(c->flops / gpu->flops, bytes / gpu->bytes) + fixed_seconds(n, gpu));
    }
}
IrCost ir_cost_gpu(const IrFunc *f, const IrGpu *gpu) {
    IrCost *each = arena_array(f->arena, IrCost, f->next_id + 1), total = {0};
    ir_cost_each(f, 1, each);
    add_region(f, f->body, each, gpu, &total);
    return total;
}
double ir_array_bytes(const Integration *in, bool (*there)(void *user, const void *array), void *user) {
    double bytes = 0;
    for (int b = 0; b < in->nblocks; b++)
        if (!there || !there(user, in->blocks[b].data)) bytes += (double)mat_bytes_floats(in->blocks[b].data);
    for (int i = 0; i < in->nindicators; i++) {
        const Indicator *ind = &in->indicators[i];
        if (!ind->identity && (!there || !there(user, ind))) bytes += (double)sizeof(int32_t) * (double)ind->rows;
    }
    return bytes;
}

/* ---- joins ---- */
const IrGpu ir_gpu_nominal = {.flops = 5e12, .bytes = 5e11, .transfer = 6e9, .launch = 5e-6};
/* Before the first look-up: kernels are loaded, memory is taken. */
#define JOIN_BEGIN_SECONDS 5e-3

/* Indexing a row, and finding one, each goes through two arrays: the number of the key's group, and its row. */
double ir_join_host(const IrJoin *j) {
    return ir_seconds(0, j->codes + 2 * IR_INDEX_BYTES * (j->table_rows + j->rows * j->places), 1);
}
double ir_join_gpu(const IrJoin *j, const IrGpu *gpu) {
    double found = 4 * j->rows * j->places, moved = IR_INDEX_BYTES * (j->table_rows + j->rows * j->places);
    return JOIN_BEGIN_SECONDS + (j->codes + found) / gpu->transfer + (2 * (j->codes + found) + moved) / gpu->bytes +
           gpu->launch * (j->places * 2 + j->keys);
}
