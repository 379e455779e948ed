/* fuse.h: level 3: which nodes share one sweep over the rows of a space, and what is stored between sweeps (design:
 * ir.md).
 *
 * Within a region every node gets a time. Passes run at even times, small work at odd times:
 *     a row node after its row operands of the same space: the same time; after a small value: the next even time;
 *     after a reduction or a value of another space: two later. Small work after a reduction: one later.
 * Row nodes then sink to the time of their first consumer, so that little crosses. Nodes of one space and time form a
 * pass: one loop over those rows.
 *
 * Segments. Where the rows of a target are sorted by the table row that an indicator reads (Indicator.segments), the
 * table's rows and the target's can share a sweep: a block of the table's rows, then the target rows that read them,
 * then that block again. A time has three stages for that: 0 what the table's rows give to the target's (gather),
 * 1 the target's rows, 2 what takes the sums that these leave for each row of the table (scatter). A gather and a
 * scatter through that indicator then need no other time, and what they carry stays in the block.
 *
 * Contract: requires level 2 (factorized). Gives every non-leaf node exactly one step; every value read by another
 * pass, region, gather or kernel is `stored`; no reduction is read before its pass has ended. fuse_verify checks this.
 */
#ifndef AMAL_FUSE_H
#define AMAL_FUSE_H
#include "ir/ir.h"

typedef enum {
    FUSE_LEAF,   /* data, counts, inputs, parameters, constants: nothing to compute */
    FUSE_ROW,    /* row by row inside a pass */
    FUSE_REDUCE, /* accumulated by a pass */
    FUSE_SMALL,  /* written out as loops on small values */
    FUSE_KERNEL, /* a kernel of the runtime, on whole values */
    FUSE_CONTROL,
    FUSE_ALIAS /* PROJ: the carried value or branch result it names */
} FuseKind;
typedef struct FuseInfo {
    FuseKind kind;
    int time, pass; /* pass: -1 none */
    int stage;      /* in a pass over segments: 0, 1, 2 as above; 0 otherwise */
    bool stored;    /* a row value, or a scatter by segments, kept in memory (over its space) */
    bool opaque;    /* held by the host as a Matrix (may be sparse, or have rows of a space as columns) */
    int uses;
    IrNode *only_user; /* when uses == 1 */
    bool in_place;     /* writes the carried value's own array */
    int *cross;        /* private */
} FuseInfo;
#define FUSE(n) ((FuseInfo *)(n)->note)

/* Rows of `target` sorted by the rows of `keys` that they read through `indicator` of `table`. */
typedef struct FuseSegments {
    int table, indicator, target, keys;
} FuseSegments;
typedef struct FusePass {
    int id, space, time;
    const FuseSegments *segments; /* space is segments->target, and nodes may run over segments->keys; NULL: plain */
    IrRegion *region;
    IrNodeVec nodes; /* FUSE_ROW and FUSE_REDUCE, in dependency order */
} FusePass;
typedef struct FuseStep {
    FusePass *pass; /* or */
    IrNode *node;   /* small, kernel, control */
} FuseStep;
typedef struct FuseRegion {
    IrRegion *region;
    VEC(FuseStep) steps;
} FuseRegion;
typedef struct FusePlan {
    IrFunc *func;
    Arena *arena;
    VEC(FuseRegion *) regions;
    VEC(FusePass *) passes;
    VEC(FuseSegments) segments;
} FusePlan;

/* Gives passes copies of nodes that are cheaper made again than kept (fuse_own.c): f changes, and what it gives does
 * not. */
FusePlan *ir_fuse(IrFunc *f);
/* Without segments: every pass runs over the rows of one space, also where those of a target are sorted. */
FusePlan *ir_fuse_plain(IrFunc *f);
void fuse_verify(const FusePlan *p);
const FuseRegion *fuse_region(const FusePlan *p, const IrRegion *r);
/* The space whose rows n's pass runs over: its own, or of a reduction the one it sums over. */
int fuse_space(const IrNode *n);
/* n gathers or scatters through the indicator that the rows of its pass are sorted by, and the value that it takes, or
 * the sums that it makes, stand in the pass's block of table rows. */
bool fuse_is_from_block(const FusePlan *p, const IrNode *n);
bool fuse_is_to_block(const FusePlan *p, const IrNode *n);
/* A one-hot row that its pass only adds up by, or counts: no row of it is made, it stays its code. */
bool fuse_is_code(const FusePlan *p, const IrNode *n);
/* A user that reads each cell of n once, so that n's formula may stand in its own. */
bool fuse_reads_once(const IrNode *user, const IrNode *n);
bool fuse_is_single(const IrFunc *f, const IrNode *n); /* a dense block whose numbers are floats */
bool fuse_is_sparse(const IrFunc *f, const IrNode *n); /* DATA stored as CSR or codes */
const IntBlock *fuse_block(const IrFunc *f, const IrNode *data);
/* Bytes a pass reads and writes once, for explain. */
void fuse_pass_bytes(const FusePlan *p, const FusePass *pass, double *read, double *written);
#endif
