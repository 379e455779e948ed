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
/* The two values of each column, and how many rows have each: rows of the block's columns. false: v is no function of
 * one one-hot block. */
typedef struct Counts {
    IrNode *one, *zero, *hits, *misses;
} Counts;
static bool count(IrBuilder *b, IrNode *v, IrNode *multiplicity, Counts *out) {
    IrNode *block = NULL;
    out->one = with_cell(b, v, 1, &block, 0);
    if (!out->one || !block || out->one->cols != block->cols) return false;
    out->zero = with_cell(b, v, 0, &block, 0);
    out->hits = multiplicity ? ir_matmul(b, multiplicity, true, block, false) : ir_unary(b, IR_COLSUMS, block);
    IrNode *rows = multiplicity ? ir_unary(b, IR_SUM, multiplicity) : ir_const(b, (double)block->rows);
    out->misses = ir_binary(b, IR_SUB, rows, out->hits);
    return true;
}
/* `value` where some row has it, else `none`. */
static IrNode *where_any(IrBuilder *b, IrNode *rows, IrNode *value, IrNode *none) {
    return ir_where(b, ir_binary(b, IR_GT, rows, ir_const(b, 0)), value, none);
}
IrNode *ir_onehot_colsums(IrBuilder *b, IrNode *v, IrNode *multiplicity) {
    Counts c;
    if (v->op == IR_DATA) return NULL; /* its own columns are counted as they are */
    if (!count(b, v, multiplicity, &c)) return NULL;
    IrNode *nothing = ir_const(b, 0);
    return ir_binary(b, IR_ADD, where_any(b, c.hits, ir_binary(b, IR_MUL, c.hits, c.one), nothing),
                     where_any(b, c.misses, ir_binary(b, IR_MUL, c.misses, c.zero), nothing));
}
IrNode *ir_onehot_extreme(IrBuilder *b, IrOp both, double none, IrNode *v, IrNode *multiplicity) {
    Counts c;
    if (!count(b, v, multiplicity, &c)) return NULL;
    IrNode *bound = ir_const(b, none);
    return ir_binary(b, both, where_any(b, c.hits, c.one, bound), where_any(b, c.misses, c.zero, bound));
}
