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
#endif
