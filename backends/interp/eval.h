/* eval.h: one node on whole values: what the interpreter does for every node, and the C backend for those that no pass
 * computes.
 *
 * interp_eval_node handles every operator but CONTROL, ARG, INPUT and PROJ; leaves (CONST, FULL, EYE, IOTA, TABLE,
 * DATA, COUNT) take no operands. The result is new and owned by the caller (DATA, COUNT and TABLE may be unowned views:
 * mat_free is right for both). NULL: k->error and k->code say why. */
#ifndef AMAL_EVAL_H
#define AMAL_EVAL_H
#include "backends/runtime/kernels.h"

Matrix *interp_eval_node(KernelContext *k, const IrFunc *f, const IrNode *n, Matrix *const *args);
#endif
