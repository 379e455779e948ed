/* order.c: whether a function may run over a target's rows in any order (contract: ir.h).
 *
 * Sums over rows, values computed row by row, gathers and scatters do not care in which order the rows stand; iota and
 * random numbers count by the script's rows wherever these stand (IrSpace.order). What takes rows by number, lays rows
 * out as columns, or pairs the rows with a value whose rows stand in the script's order, does. */
#include "ir/ir.h"

static bool node_is_free(const IrFunc *f, const IrNode *n, int space) {
    int64_t rows = f->spaces.data[space].rows;
    if (n->cspace == space) return false;
    bool over = n->rspace == space, by_place = false;
    for (int a = 0; a < n->nargs; a++) {
        if (n->args[a]->rspace == space) over = true;
        if (n->args[a]->cspace == space) return false;
        by_place = by_place || (!n->args[a]->rspace && n->args[a]->rows == rows && rows > 1);
    }
    switch (n->op) {
    case IR_LOOP:
    case IR_WHILE:
    case IR_IF:
    case IR_PROJ: return true;
    case IR_T_ROWS: return f->tables.data[n->table].target_space != space;
    case IR_SLICE_ROWS:
    case IR_TAKE_ROWS:
    case IR_RBIND:
    case IR_TRANSPOSE:
    case IR_DIAG: return !over;
    default: return !(over && by_place);
    }
}
static bool region_is_free(const IrFunc *f, const IrRegion *r, int space, const IrNode **at) {
    for (int i = 0; i < r->params.len; i++)
        if (r->params.data[i]->cspace == space) return *at = r->params.data[i], false;
    for (int i = 0; i < r->nodes.len; i++) {
        const IrNode *n = r->nodes.data[i];
        if (!node_is_free(f, n, space)) return *at = n, false;
        for (int k = 0; k < n->nregions; k++)
            if (!region_is_free(f, n->regions[k], space, at)) return false;
    }
    return true;
}
bool ir_order_is_free(const IrFunc *f, int space, const IrNode **at) {
    return region_is_free(f, f->body, space, at);
}
