/* lower.h: from the AST's algebra to level-1 IR, for data whose sizes are known. */
#ifndef AMAL_LOWER_H
#define AMAL_LOWER_H
#include "compiler/model.h"
#include "compiler/program.h"
#include "ir/ir.h"

/* What names mean outside algorithms: `let` values, models, targets and their parts, params. */
typedef struct Binding {
    const char *name;
    enum { BIND_VALUE, BIND_MODEL, BIND_TARGET } kind;
    const Matrix *value;     /* BIND_VALUE */
    const Model *model;      /* BIND_MODEL: risk.w */
    const Integration *data; /* BIND_TARGET: the whole target */
    int nparts;
    const Integration *const *parts; /* by .part name */
} Binding;
typedef struct LowerEnv {
    Arena *arena;
    Diags *diags;
    Program *program;
    int nbindings;
    const Binding *bindings;
} LowerEnv;
/* Tells the caller how to fill the inputs of a lowered function. */
typedef struct LowerInput {
    enum { LI_LABEL, LI_WEIGHT, LI_PARAM, LI_VALUE, LI_PREDICTION } kind;
    int index;               /* LI_PARAM: model parameter; LI_VALUE: binding */
    const Integration *data; /* LI_LABEL, LI_WEIGHT: whose */
    const Matrix *value;     /* LI_PARAM, LI_VALUE; hyperparameters that are matrices too */
} LowerInput;
typedef struct Lowered {
    IrFunc *func;
    int ninputs;
    LowerInput *inputs; /* as func->inputs */
} Lowered;

/* Hyperparameters of a train statement: evaluates arguments (numbers, true/false, lets, params, expressions over them)
 * and defaults. */
bool lower_hyper(LowerEnv *e, const AlgorithmDecl *a, const NamedArgVec *args, Span at, int *n, HyperValue **out);
/* Scalar hyperparameters become constants (so conditions on them fold and trip counts are known). Outputs: what fit
 * returns, by name. */
Lowered *lower_fit(LowerEnv *e, const AlgorithmDecl *a, int nhyper, const HyperValue *hyper, const Integration *data,
                   Span at, const char *name);
/* Outputs: the predictions ("p"), rows of `data` x c. The model's parameters are inputs, hyperparameters constants. */
Lowered *lower_predict(LowerEnv *e, const Model *m, const Integration *data, Span at);
/* A metric sees y, p, s (by these parameter names; p is an input LI_PREDICTION), X, and the model's parameters by name.
 * Output: one scalar. */
Lowered *lower_metric(LowerEnv *e, const FuncDecl *metric, const Model *m, const Integration *data,
                      int64_t prediction_cols, Span at);
/* let and print. Output "value". */
Lowered *lower_expr(LowerEnv *e, const Expr *x);
#endif
