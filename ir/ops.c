/* ops.c: the table of ops.def. */
#include "ir/ir.h"
#include <ctype.h>
#include <math.h>

#include "ir/cells.h"

#define IRC(cls) IRC_##cls
const IrOpInfo ir_ops[IR_COUNT_OF_OPS] = {
#define OP(NAME, text, arity, shape, cls, flags, formula)                                                              \
    [IR_##NAME] = {#NAME, text, arity, SHAPE_##shape, IRC_##cls, flags, formula},
#include "ir/ops.def"
};
/* NULL: not an operator of cells. */
static const char *const cell_code[IR_COUNT_OF_OPS] = {
#define OP(NAME, ...)
#define CELL(NAME, text, arity, shape, cls, flags, formula, ...) [IR_##NAME] = #__VA_ARGS__,
#include "ir/ops.def"
};

void ir_cell_code(Buf *out, IrOp op, const char *const *cells) {
    if (!cell_code[op]) internal_error("%s has no formula over cells", ir_ops[op].name);
    for (const char *p = cell_code[op]; *p;) {
        const char *word = p;
        while (isalnum((unsigned char)*p) || *p == '_') p++;
        if (p == word)
            buf_add(out, p++, 1);
        else if (p == word + 1 && *word >= 'x' && *word <= 'z')
            buf_puts(out, cells[*word - 'x']);
        else
            buf_add(out, word, (size_t)(p - word));
    }
}

bool ir_cell_value(IrOp op, double x, double y, double z, double *out) {
    (void)y, (void)z;
    switch (op) {
#define OP(NAME, ...)
#define CELL(NAME, text, arity, shape, cls, flags, formula, ...)                                                       \
    case IR_##NAME:                                                                                                    \
        *out = (__VA_ARGS__);                                                                                          \
        return true;
#include "ir/ops.def"
    default: return false;
    }
}

IrOp ir_op_by_name(const char *name, int nargs) {
    for (int op = 0; op < IR_COUNT_OF_OPS; op++) {
        const IrOpInfo *o = &ir_ops[op];
        if (!strcmp(o->text, name) && strchr(o->flags, 'N') && (o->arity < 0 || nargs < 0 || o->arity == nargs))
            return (IrOp)op;
    }
    return IR_COUNT_OF_OPS;
}
