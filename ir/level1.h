/* level1.h: what the level-1 passes (simplify, chain, cost) know about T without looking into its blocks one by one.
 *
 * A value is T-like when it has a cell for every cell of T (or for some of its columns) and can be computed block by
 * block: T, f(T), T op scalar, T op row, T op column, T op T, columns of those. Products with T-like operands are what
 * factorize makes cheap. */
#ifndef AMAL_IR_LEVEL1_H
#define AMAL_IR_LEVEL1_H
#include "ir/ir.h"

/* Memo of ir_tlike by node id: one per function under examination. */
typedef struct IrTlike {
    Arena *arena;
    VEC(const IrNode *) table; /* by node id: the TABLE, the node itself for "no", NULL unknown */
} IrTlike;
const IrNode *ir_tlike(IrTlike *memo, const IrNode *n); /* the TABLE that n is T-like over, or NULL */

/* What products with T cost, from the stored cells of its blocks. n rows, d columns. */
typedef struct IrTableCost {
    double rows, cols;
    double cells;   /* stored cells of all blocks */
    double gathers; /* target rows that go through an index, summed over the blocks: 0 when every block is the target's
                       own rows */
    double gram;    /* multiplications of X'X */
    double bytes;   /* of the blocks */
    double gram_bytes; /* read and moved through indexes by X'X */
    bool sparse;       /* some block is not dense */
} IrTableCost;
IrTableCost ir_table_cost(const Integration *data);

/* Assumed speeds of one thread of emitted code, from the table in the design's performance notes: a fused pass reads 15
 * GB/s; products of narrow values run at 8e9 operations a second, wide ones (IR_WIDE columns or more) four times
 * faster, in vector registers; one row through an index costs as much as reading IR_INDEX_BYTES in order. Only ratios
 * matter to what is decided with them. */
#define IR_FLOPS_PER_SECOND 8e9
#define IR_BYTES_PER_SECOND 15e9
#define IR_INDEX_BYTES 48.0
#define IR_WIDE 8
#define IR_UNKNOWN_TRIPS 10
#define IR_MOST_GRAM_BYTES (256.0 * 1024 * 1024)
#define IR_CACHE_BYTES (1024.0 * 1024)
double ir_seconds(double flops, double bytes, int threads);
/* Bytes that moving `rows` rows of `cols` cells through an index is worth. */
double ir_index_bytes(double rows, double cols);
/* How much faster a product of `cols` columns runs than one of one column. */
double ir_product_speed(double cols);
/* Bytes of a small value that come from memory, or go there: none of one that stays in the second-level cache. */
double ir_small_bytes(double cells);
/* Multiplications and additions of m x k @ k x n. */
double ir_product_flops(double m, double k, double n);
/* Numbers that a block stores: all cells, the entries of sparse rows, one a row of a one-hot block. Of phantoms too. */
double ir_stored_cells(const Matrix *m);
/* What a cell costs beside a sum or a comparison of two. */
typedef enum { CELL_PLAIN, CELL_DIVISION, CELL_CURVE, CELL_POWER, CELL_UNIFORM, CELL_NORMAL, CELL_KINDS } IrCellKind;
IrCellKind ir_cell_kind(IrOp op);
/* Operations of solve, cholesky, eigvals and eigvecs; 0: another operator. */
double ir_dense_flops(const IrNode *n);
/* How often a region's nodes run for one run of the function. */
double ir_region_weight(const IrRegion *r);

/* sparse.c, for factorize: the column sums of v, an elementwise function of one one-hot or sparse block, rows and
 * numbers; each row counts as often as `multiplicity` (a count for each row of the block's table; NULL: once) says.
 * NULL: v is something else, or as sparse as its block is. */
IrNode *ir_sparse_colsums(IrBuilder *b, IrNode *v, IrNode *multiplicity);
/* The least or the greatest in each column of the same, of rows whose multiplicity is not 0: both is IR_MIN2 or
 * IR_MAX2, none what an empty column gives. NULL also for a sparse block as it is, all of whose rows count. */
IrNode *ir_sparse_extreme(IrBuilder *b, IrOp both, double none, IrNode *v, IrNode *multiplicity);

/* simplify.c: as ir_simplify, but without the groups in `skip` (bits as in PassOptions.disabled). */
IrFunc *ir_simplify_without(const IrFunc *f, const PassOptions *o, uint64_t skip);
/* Names of rules and groups (rewrites.def). */
int ir_rule_find(const char *name);
int ir_group_find(const char *name);
int ir_group_count(void);
const char *ir_group_name(int group);
#endif
