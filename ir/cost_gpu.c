/* cost_gpu.c: what one evaluation of a function takes on a GPU, from the same operations and bytes as on the CPU
 * (cost.c) and speeds that were measured.
 *
 * A node takes the larger of its operations over the speed of arithmetic and its bytes over the bandwidth, weighted by
 * how often its region runs. A reduction costs a launch besides (it ends a pass), a sum by key two more, an operator
 * that runs on the host two and a wait for the device, which takes as long as a few launches. The tables are copied to
 * the device once. */
#include "ir/level1.h"
#include <math.h>

enum { WAIT_LAUNCHES = 4 };

static double launches_of(const IrNode *n) {
    switch (n->op) {
    case IR_SCATTER: return 3;
    case IR_SOLVE:
    case IR_CHOLESKY:
    case IR_EIGVALS:
    case IR_EIGVECS:
    case IR_RANK:
    case IR_CROSS:
    case IR_T_ROWS: return 2 + WAIT_LAUNCHES;
    case IR_MATMUL: return n->ta && n->args[0]->rspace ? 1 : 0;
    default: return ir_ops[n->op].cls == IRC_REDUCE && n->args[0]->rspace ? 1 : 0;
    }
}
static void add_region(const IrRegion *r, const IrCost *each, const IrGpu *gpu, IrCost *total) {
    double weight = ir_region_weight(r);
    for (int i = 0; i < r->nodes.len; i++) {
        const IrNode *n = r->nodes.data[i];
        for (int k = 0; k < n->nregions; k++) add_region(n->regions[k], each, gpu, total);
        const IrCost *c = &each[n->id];
        total->flops += weight * c->flops;
        total->bytes += weight * c->bytes;
        total->seconds += weight * (fmax(c->flops / gpu->flops, c->bytes / gpu->bytes) + launches_of(n) * gpu->launch);
    }
}
IrCost ir_cost_gpu(const IrFunc *f, const IrGpu *gpu) {
    IrCost *each = arena_array(f->arena, IrCost, f->next_id + 1), total = {0};
    ir_cost_each(f, 1, each);
    add_region(f->body, each, gpu, &total);
    double tables = 0;
    for (int t = 0; t < f->tables.len; t++) {
        const Integration *in = f->tables.data[t].data;
        tables += ir_table_cost(in).bytes + 4.0 * (double)in->rows * (double)in->nindicators;
    }
    total.seconds += tables / gpu->transfer;
    return total;
}
