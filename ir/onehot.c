/* onehot.c: sums and extremes over a one-hot block without a cell for each row and column (contract: level1.h).
 *
 * A column of the block holds ones and zeros only, so f(x, r), for rows r and numbers, takes two values in it:
 *     sum_i m_i f(x_ic, r_c) = h_c f(1, r_c) + (s - h_c) f(0, r_c),   h = m' X,  s = sum m.
 * Terms that no row has are left out: f may be infinite there. The least and the greatest in a column are those of the
 * two values that some row has. */
#include "ir/level1.h"

enum { DEEPEST = 16 }; /* operators over the block; shared operands are gone through again */

/* v with `cell` in the place of the block. NULL: v is not elementwise over one one-hot block, rows and numbers. */
static IrNode *with_cell(IrBuilder *b, IrNode *v, double cell, IrNode **block, int depth) {
    if (!v->rspace && !v->cspace) return v->rows == 1 ? v : NULL;
    if (v->op == IR_DATA) {
        const Integration *in = b->func->tables.data[v->table].data;
        if (in->blocks[v->block].data->kind != MAT_CODES || (*block && *block != v)) return NULL;
        *block = v;
        return ir_full(b, cell, 1, v->cols, 0);
    }
    if (!ir_is_elementwise(v->op) || depth == DEEPEST) return NULL;
    IrNode *args[3];
    for (int i = 0; i < v->nargs; i++)
        if (!(args[i] = with_cell(b, v->args[i], cell, block, depth + 1))) return NULL;
    return ir_make(b, v, args);
}
static IrNode *times(IrBuilder *b, IrNode *count, IrNode *value) {
    IrNode *none = ir_const(b, 0);
    return ir_where(b, ir_binary(b, IR_GT, count, none), ir_binary(b, IR_MUL, count, value), none);
}
IrNode *ir_onehot_colsums(IrBuilder *b, IrNode *v, IrNode *multiplicity) {
    IrNode *block = NULL;
    if (v->op == IR_DATA) return NULL; /* its own columns are counted as they are */
    IrNode *one = with_cell(b, v, 1, &block, 0);
    if (!one || !block || one->cols != block->cols) return NULL;
    IrNode *zero = with_cell(b, v, 0, &block, 0);
    IrNode *hits = multiplicity ? ir_matmul(b, multiplicity, true, block, false) : ir_unary(b, IR_COLSUMS, block);
    IrNode *rows = multiplicity ? ir_unary(b, IR_SUM, multiplicity) : ir_const(b, (double)block->rows);
    return ir_binary(b, IR_ADD, times(b, hits, one), times(b, ir_binary(b, IR_SUB, rows, hits), zero));
}
IrNode *ir_onehot_extreme(IrBuilder *b, IrOp both, double none, IrNode *v, IrNode *multiplicity) {
    IrNode *block = NULL, *one = with_cell(b, v, 1, &block, 0);
    if (!one || !block || one->cols != block->cols) return NULL;
    IrNode *zero = with_cell(b, v, 0, &block, 0), *nothing = ir_const(b, 0), *bound = ir_const(b, none);
    IrNode *hits = multiplicity ? ir_matmul(b, multiplicity, true, block, false) : ir_unary(b, IR_COLSUMS, block);
    IrNode *rows = multiplicity ? ir_unary(b, IR_SUM, multiplicity) : ir_const(b, (double)block->rows);
    IrNode *misses = ir_binary(b, IR_SUB, rows, hits);
    return ir_binary(b, both, ir_where(b, ir_binary(b, IR_GT, hits, nothing), one, bound),
                     ir_where(b, ir_binary(b, IR_GT, misses, nothing), zero, bound));
}
