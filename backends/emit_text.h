/* emit_text.h: pieces of text that every backend that emits code writes alike. In the arena. */
#ifndef AMAL_EMIT_TEXT_H
#define AMAL_EMIT_TEXT_H
#include "ir/ir.h"

/* A finite number, in as few digits as give it back; negative ones in parentheses. */
const char *emit_text_number(Arena *arena, double v);
/* A script's name with what no C name may hold as underscores. */
const char *emit_text_name(Arena *arena, const char *name);
/* What a piece of code computes, for its comment: the script's line and the algebra. */
const char *emit_text_where(const IrFunc *f, const IrNode *n);
/* A cell of a small operand, at a row and a column that are texts too. */
typedef const char *(*EmitCell)(void *emitter, const IrNode *x, const char *r, const char *c);
/* Cell (r, c) of n where it is one cell of its operand, or says where it stands. `columns`: the array of numbers that
 * IR_PICK and IR_PICK_COLS go by. NULL: n is another operator. */
const char *emit_text_small(Arena *arena, const IrNode *n, EmitCell cell, void *emitter, const char *columns);
#endif
