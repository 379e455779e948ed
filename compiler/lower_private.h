/* lower_private.h: the parts of lowering (private to lower*.c).
 *
 * A variable of the script is the IR node of its last assignment (rebinding gives SSA; loops and conditionals carry
 * what their bodies assign). Scalars known before training are CONST nodes and fold, so conditions on hyperparameters
 * choose their branch here. Every function returns false, or a value without node, when an error was reported; lowering
 * then stops. */
#ifndef AMAL_LOWER_PRIVATE_H
#define AMAL_LOWER_PRIVATE_H
#include "compiler/functions.h"
#include "compiler/lower.h"

typedef struct LowerValue {
    IrNode *node; /* NULL: an error was reported */
    int count_of; /* > 0: the number of rows of this space, so that zeros(nrow(X), k) runs over X's rows */
} LowerValue;
typedef struct LowerVar {
    const char *name;
    LowerValue value; /* no node: the branches of an if left different shapes, an error where it is used */
    Span def;
} LowerVar;
typedef VEC(LowerVar) LowerVars;
typedef struct LowerTable {
    const Integration *data;
    int table;
} LowerTable;
typedef struct Lower {
    LowerEnv *env;
    Arena *arena;
    Diags *ds;
    IrFunc *func;
    IrBuilder *b;
    LowerVars vars;
    VEC(LowerInput) inputs;
    VEC(LowerTable) tables;
    bool script_level; /* lets, models and targets are visible */
    int statements;    /* lowered so far: sets unroll, and a loop's body may be lowered more than once */
} Lower;
enum { LOWER_STATEMENTS = 200000 };

/* ---- lower.c ---- */
LowerVar *lower_find(Lower *l, const char *name);
void lower_set(Lower *l, Name name, LowerValue v);
int lower_table(Lower *l, const Integration *data);
IrNode *lower_input(Lower *l, LowerInput in, const char *name, int64_t rows, int64_t cols, int rspace, Span span);
const char *lower_shape_text(Lower *l, const IrNode *n);

/* ---- lower_expr.c ---- */
LowerValue lower_value(Lower *l, const Expr *x);
LowerValue lower_const(Lower *l, double v);
bool lower_is_const(const LowerValue *v, double *out);
/* One number; E180 otherwise. */
LowerValue lower_scalar(Lower *l, const Expr *x, const char *what);
/* A whole number >= 0 known before training; E182 otherwise. */
bool lower_size(Lower *l, const Expr *x, const char *what, int64_t *out, int *count_of);
/* Operators with folding; `x` is blamed for shapes that do not agree (E131), `names` are the operands' expressions (may
 * be NULL). */
LowerValue lower_op1(Lower *l, const Expr *x, IrOp op, LowerValue a);
LowerValue lower_op2(Lower *l, const Expr *x, IrOp op, LowerValue a, LowerValue b);
LowerValue lower_op3(Lower *l, const Expr *x, IrOp op, LowerValue a, LowerValue b, LowerValue c);
LowerValue lower_matmul(Lower *l, const Expr *x, LowerValue a, LowerValue b);
/* Any operator without attributes but the given ones; reports E131. */
LowerValue lower_node(Lower *l, const Expr *x, const IrNode *proto, int n, IrNode **args);

/* ---- lower_call.c ---- */
LowerValue lower_call(Lower *l, const Expr *x);
/* ---- lower_index.c ---- */
LowerValue lower_index(Lower *l, const Expr *x);
/* ---- lower_stmt.c ---- */
/* All statements but a final return, which `ret` gets. */
bool lower_body(Lower *l, const FuncDecl *fn, const Stmt **ret);
#endif
