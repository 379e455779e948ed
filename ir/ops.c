/* ops.c: the table of ops.def. */
#include "ir/ir.h"

#define IRC(cls) IRC_##cls
const IrOpInfo ir_ops[IR_COUNT_OF_OPS] = {
#define OP(NAME, text, arity, shape, cls, flags, formula)                                                              \
    [IR_##NAME] = {#NAME, text, arity, SHAPE_##shape, IRC_##cls, flags, formula},
#include "ir/ops.def"
#undef OP
};

IrOp ir_op_by_name(const char *name, int nargs) {
    for (int op = 0; op < IR_COUNT_OF_OPS; op++) {
        const IrOpInfo *o = &ir_ops[op];
        if (!strcmp(o->text, name) && strchr(o->flags, 'N') && (o->arity < 0 || nargs < 0 || o->arity == nargs))
            return (IrOp)op;
    }
    return IR_COUNT_OF_OPS;
}
