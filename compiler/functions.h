/* functions.h: the functions that scripts call, by name: functions.def and the operators of ir/ops.def with flag N.
 *
 * Used by typecheck (shapes) and lower (meaning), so that both know the same names and numbers of arguments. */
#ifndef AMAL_FUNCTIONS_H
#define AMAL_FUNCTIONS_H
#include "compiler/ast.h"
#include "ir/ir.h"

typedef enum {
    FN_OP, /* an operator of ops.def */
#define FN(KIND, ...) FN_##KIND,
#include "compiler/functions.def"
#undef FN
} FuncKind;
typedef struct FuncInfo {
    FuncKind kind;
    const char *name;
    int least, most;             /* arguments */
    const char *last;            /* the final argument may be given by this name; "" when none may */
    const char *usage, *formula; /* how it is called (NULL for operators), what it gives */
    IrOp op;                     /* FN_OP */
} FuncInfo;

bool func_find(const char *name, FuncInfo *out);
/* All of them by number, 0 and up; false: there are no more. */
bool func_at(int i, FuncInfo *out);
const char *func_nearest(const char *name); /* for "did you mean"; NULL when nothing is near */

/* The arguments of a call in order, a named last one included: args has room for at least 8 or call->nargs + 1. Reports
 * a wrong number or name of arguments (E134) and returns -1; else the count. */
int func_arguments(Diags *ds, const FuncInfo *f, const Expr *call, Expr **args);

/* Text of an expression for messages, shortened to fit a line. Lives in the arena. */
const char *func_expr_text(Arena *arena, const Expr *x);
#endif
