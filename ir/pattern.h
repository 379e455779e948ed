/* pattern.h: rules of rewrites.def as trees, matched against nodes and built into nodes.
 *
 * A value under examination is a node and whether it is seen transposed. Seen transposed, an elementwise node is the
 * same operator over transposed operands, a product swaps its operands, and rowsums is colsums: so one rule covers the
 * products on both sides and both orientations, and no transpose is ever made for a value over rows of T. */
#ifndef AMAL_IR_PATTERN_H
#define AMAL_IR_PATTERN_H
#include "ir/level1.h"

typedef struct IrVal {
    IrNode *n;
    bool t;
} IrVal;
typedef struct Simplifier {
    IrBuilder *b;
    IrTlike tlike;
    const PassOptions *options;
    uint64_t skip;     /* groups left out, bits as in PassOptions.disabled */
    int depth, steps;  /* of the settling that runs */
    int fired;         /* rules applied in this round */
    const int *uses;   /* of the old function's nodes, by id */
    int root_id;       /* new node standing for the visited old one */
    const IrNode *old; /* that old node, NULL while settling what a rule made */
} Simplifier;

/* Operators, as a set; one and what it is seen as transposed are the same. */
typedef struct OpSet {
    uint64_t bits[2];
} OpSet;
typedef struct Pattern Pattern;
typedef struct Rule {
    const char *name, *group;
    const char *left_text, *right_text, *guard_text;
    IrNode *(*code)(Simplifier *s, IrNode *n); /* NULL: left, right and guard are patterns */
    Pattern *left, *right;
    struct Guard *guards;
    int nguards, nvars, nswaps, group_index;
    bool straight;
    OpSet operands; /* which the left side has below its own: without them a node is not looked at */
} Rule;
Rule *ir_rules(int *count); /* parsed on the first call */
/* Numbers of the rules that may hold of a node of this operator, in their order; *count of them. */
const uint8_t *ir_rules_of(IrOp op, int *count);

OpSet pattern_operands(const IrNode *n);
static inline bool ops_are_among(OpSet some, OpSet all) {
    return !(some.bits[0] & ~all.bits[0]) && !(some.bits[1] & ~all.bits[1]);
}
/* What the rule makes of n (same shape and spaces), or NULL. */
IrNode *pattern_apply(Simplifier *s, const Rule *r, IrNode *n);

/* Building with settled parts: every node made goes through the rules itself. */
IrNode *simplify_settle(Simplifier *s, IrNode *n);
IrVal val_of(IrNode *n); /* strips transposes */
int64_t val_rows(IrVal v);
int64_t val_cols(IrVal v);
int val_rspace(IrVal v);
int val_cspace(IrVal v);
bool val_scalar(IrVal v);
IrNode *val_node(Simplifier *s, IrVal v); /* makes the transpose when it is one */
IrNode *val_accept(Simplifier *s, IrVal v,
                   const IrNode *n); /* v as a replacement of n: NULL when its shape or spaces differ, or it is n */
IrVal val_op(Simplifier *s, IrOp op, int n, const IrVal *args);
IrVal val_product(Simplifier *s, IrVal x, IrVal y);
IrVal val_slice_rows(Simplifier *s, IrVal x, int64_t i0, int64_t i1);
IrVal val_slice_cols(Simplifier *s, IrVal x, int64_t i0, int64_t i1);
IrVal val_bind_cols(Simplifier *s, int n, const IrVal *parts); /* cbind of the values as seen */
IrVal val_number(Simplifier *s, double v);
static inline IrVal val_transposed(IrVal v) {
    return (IrVal){v.n, !v.t};
}

/* rules.c */
#define RULE(name, group, left, right, guard)
#define CODE(name, group, left, right, function) IrNode *function(Simplifier *s, IrNode *n);
#include "ir/rewrites.def"
#undef RULE
#undef CODE
#endif
