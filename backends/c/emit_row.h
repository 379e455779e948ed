/* emit_row.h: what the emitters of rows, reductions and passes share. Private to backends/c. */
#ifndef AMAL_EMIT_ROW_H
#define AMAL_EMIT_ROW_H
#include "backends/c/emit.h"

#define LINE(...) emit_line(e, &e->lines, __VA_ARGS__)
#define DOUBLES "const double *restrict "

const char *emit_computed_cell(Emit *e, const IrNode *n, const char *b, const char *j);
/* A one-hot row that stays its index, and its 0-based column: -1, or any number outside, for none. */
bool emit_is_onehot_index(const Emit *e, const IrNode *n);
const char *emit_onehot_column(Emit *e, const IrNode *n, const char *b);
/* Sparse blocks: the loop over a row's entries p, their columns and values; the code of a one-hot row. */
bool emit_is_csr(Emit *e, const IrNode *d);
bool emit_is_codes(Emit *e, const IrNode *d);
void emit_csr_loop(Emit *e, const IrNode *d, const char *then);
const char *emit_csr_column(Emit *e, const IrNode *d);
const char *emit_csr_value(Emit *e, const IrNode *d);
const char *emit_code_of(Emit *e, const IrNode *d);
/* Where row b of a value lies in memory, or NULL when it is computed cell by cell. */
const char *emit_row_address(Emit *e, const IrNode *n, const char *b);
/* Where a row node's result goes: its row b, and cell (b, j) of it. */
const char *emit_result_row(Emit *e, const IrNode *n, const char *b);
const char *emit_result_cell(Emit *e, const IrNode *n, const char *b, const char *j);
/* Asks, in the loop over b, for rows b of x some rows before `rows` of them are read; once a pass. */
void emit_prefetch_stream(Emit *e, const IrNode *x, int rows);
/* Columns 0..cols as vectors of the processor's width, then a narrower one; whole vectors where the rows are padded.
 * The last may hold fewer columns than its width: reading it reads those only, and what is added to it needs room for
 * the whole. Where the processor cannot, vectors get narrower instead. */
enum { LANES_MOST = 64 };
typedef struct Lanes {
    int n, at[LANES_MOST], width[LANES_MOST], cols[LANES_MOST];
} Lanes;
Lanes emit_lanes_of(Emit *e, const IrNode *n);
Lanes emit_lanes_to(const Emit *e, int64_t cols);
int emit_lanes_end(const Lanes *l); /* the column behind the last vector */
const char *emit_lane_type(int width);
/* The vector in memory at address + at, to read or to write. */
const char *emit_lane(Emit *e, int width, const char *address, int64_t at);
/* Vector v of the row at `address`, to read. */
const char *emit_lane_read(Emit *e, const Lanes *l, int v, const char *address);
void emit_row_node(Emit *e, const IrNode *n);
void emit_row_product(Emit *e, const IrNode *n);
void emit_reduce_node(Emit *e, const IrNode *n);
const char *emit_identity(const IrNode *n); /* what a reduction over no rows gives; NULL: 0, as zeroed memory has it */
#endif
