/* sparse.c: sums and extremes over a one-hot or a sparse block without a cell for each row and column (contract:
 * level1.h).
 *
 * Let f(x, r) be elementwise in one block, rows r and numbers. A cell that the block does not store is 0, and there f
 * is one number a column. With h = m' P, P one where a cell is stored, and s = sum m: sum_i m_i f(x_ic, r_c) = sum over
 * stored cells of m_i f(x_ic, r_c) + (s - h_c) f(0, r_c). The stored cells of a one-hot block are ones: their part is
 * h_c f(1, r_c). Those of a sparse block are gone through by f's operators themselves, at stored cells only
 * (ir_at_stored). Terms that no row has are left out: f may be infinite there. The least and the greatest in a one-hot
 * column are those of the two values that some row has, in a sparse one those of f(0), if some row has it, and of the
 * stored cells. */
#include "ir/level1.h"

enum { DEEPEST = 16 }; /* operators over the block; shared operands are gone through again */

static MatKind kind_of(const IrBuilder *b, const IrNode *block) {
    return b->func->tables.data[block->table].data->blocks[block->block].data->kind;
}
/* v with `cell` in the place of the block. NULL: v is not elementwise over one block that is not dense, rows and
 * numbers. */
static IrNode *with_cell(IrBuilder *b, IrNode *v, double cell, IrNode **block, int depth) {
    if (!v->rspace && !v->cspace) return v->rows == 1 ? v : NULL;
    if (v->op == IR_DATA) {
        if (kind_of(b, v) == MAT_DENSE || (*block && *block != v)) return NULL;
        *block = v;
        return ir_full(b, cell, 1, v->cols, 0);
    }
    if (!ir_is_elementwise(v->op) || depth == DEEPEST) return NULL;
    IrNode *args[3];
    for (int i = 0; i < v->nargs; i++)
        if (!(args[i] = with_cell(b, v->args[i], cell, block, depth + 1))) return NULL;
    return ir_make(b, v, args);
}
/* v, which with_cell() knows, at the stored cells of its block. */
static IrNode *at_stored(IrBuilder *b, IrNode *v) {
    if (!v->rspace || v->op == IR_DATA) return v;
    IrNode *args[3], stored = *v;
    for (int i = 0; i < v->nargs; i++) args[i] = at_stored(b, v->args[i]);
    stored.i0 = 1;
    return ir_make(b, &stored, args);
}
/* One at each stored cell of a sparse block: x to the power 0, also where x is no number. */
static IrNode *pattern(IrBuilder *b, IrNode *block) {
    IrNode *args[2] = {block, ir_const(b, 0)};
    return ir_make(b, &(IrNode){.op = IR_POW, .i0 = 1, .nargs = 2, .span = b->span}, args);
}
/* f(0) = 0 whatever the rows and numbers are: its operators keep the block as sparse as it is. */
static bool keeps_zeros(const IrNode *v) {
    for (; v->op != IR_DATA; v = v->args[0])
        if (v->nargs != 1 || !ir_op_has(v->op, 'Z')) return false;
    return true;
}
static IrNode *sum_columns(IrBuilder *b, IrNode *v, IrNode *multiplicity) {
    return multiplicity ? ir_matmul(b, multiplicity, true, v, false) : ir_unary(b, IR_COLSUMS, v);
}
/* What the columns of a block have beside their stored cells, and of a one-hot block there: rows of its columns. */
typedef struct Counts {
    IrNode *one, *zero, *hits, *misses; /* f(1), f(0), rows where a cell is stored, and where none is */
    bool sparse;
} Counts;
static bool count(IrBuilder *b, IrNode *v, IrNode *multiplicity, Counts *out) {
    IrNode *block = NULL;
    out->zero = with_cell(b, v, 0, &block, 0);
    if (!out->zero || !block || out->zero->cols != block->cols) return false;
    out->sparse = kind_of(b, block) == MAT_CSR;
    out->one = out->sparse ? NULL : with_cell(b, v, 1, &block, 0);
    out->hits = sum_columns(b, out->sparse ? pattern(b, block) : block, multiplicity);
    IrNode *rows = multiplicity ? ir_unary(b, IR_SUM, multiplicity) : ir_const(b, (double)block->rows);
    out->misses = ir_binary(b, IR_SUB, rows, out->hits);
    return true;
}
/* `value` where some row has it, else `none`. */
static IrNode *where_any(IrBuilder *b, IrNode *rows, IrNode *value, IrNode *none) {
    return ir_where(b, ir_binary(b, IR_GT, rows, ir_const(b, 0)), value, none);
}
IrNode *ir_sparse_colsums(IrBuilder *b, IrNode *v, IrNode *multiplicity) {
    Counts c;
    if (v->op == IR_DATA) return NULL; /* its own columns are counted as they are */
    if (!count(b, v, multiplicity, &c) || (c.sparse && keeps_zeros(v))) return NULL;
    IrNode *nothing = ir_const(b, 0);
    IrNode *stored = c.sparse ? sum_columns(b, at_stored(b, v), multiplicity)
                              : where_any(b, c.hits, ir_binary(b, IR_MUL, c.hits, c.one), nothing);
    return ir_binary(b, IR_ADD, stored, where_any(b, c.misses, ir_binary(b, IR_MUL, c.misses, c.zero), nothing));
}
/* The least or the greatest of f at the stored cells of the rows that count, by columns. */
static IrNode *stored_extreme(IrBuilder *b, IrOp both, IrNode *v, IrNode *multiplicity) {
    IrNode *rows = multiplicity ? multiplicity : ir_full(b, 1, v->rows, 1, v->rspace);
    IrNode *args[2] = {at_stored(b, v), rows};
    return ir_make(b, &(IrNode){.op = IR_EXTREME, .i0 = both == IR_MIN2 ? 1 : 2, .nargs = 2, .span = b->span}, args);
}
IrNode *ir_sparse_extreme(IrBuilder *b, IrOp both, double none, IrNode *v, IrNode *multiplicity) {
    Counts c;
    if (v->op == IR_DATA && !multiplicity && kind_of(b, v) == MAT_CSR) return NULL; /* a kernel that knows of zeros */
    if (!count(b, v, multiplicity, &c)) return NULL;
    IrNode *bound = ir_const(b, none);
    IrNode *stored = c.sparse ? stored_extreme(b, both, v, multiplicity) : where_any(b, c.hits, c.one, bound);
    return ir_binary(b, both, stored, where_any(b, c.misses, c.zero, bound));
}
