/* interp.h: one IR node evaluated by the kernels: what the interpreter does for every node, and other backends may do
 * for operators that they do not emit. */
#ifndef AMAL_INTERP_H
#define AMAL_INTERP_H
#include "backends/runtime/kernels.h"

/* The value of a node that is neither control, PROJ, ARG nor STORED, given its operands' values (inputs: the
 * function's, for INPUT). *borrowed: the result belongs to the inputs or the integration and must not be freed. NULL:
 * k->code and k->error say why. */
Matrix *interp_eval(KernelContext *k, const IrFunc *f, const IrNode *n, const Matrix *const *args,
                    Matrix *const *inputs, bool *borrowed);
/* T as one matrix: the block itself when it is all of T, else assembled (CSR where mostly zeros). */
Matrix *interp_table(KernelContext *k, const Integration *t, bool *borrowed);
/* Reports k's failure at the node's place in the script. */
void interp_report(Diags *ds, const KernelContext *k, const IrNode *n);
#endif
