/* fuse_internal.h: what the parts of fusing tell each other (fuse.h has the contract). */
#ifndef AMAL_FUSE_INTERNAL_H
#define AMAL_FUSE_INTERNAL_H
#include "ir/fuse.h"

/* Does a user in the same pass find u in the block? */
bool fuse_in_block(const FusePlan *p, const IrNode *n, const IrNode *u);
/* A reader that takes a one-hot row as its code. */
bool fuse_reads_code(const IrNode *user);

typedef enum FuseOwn {
    FUSE_OWN_GATHERS, /* gathers of values that are cheaply made of the data become values of gathers */
    FUSE_OWN_COPIES   /* passes make such values, and one-hot rows, themselves: by the plan after the gathers */
} FuseOwn;
/* Gives passes values of their own, where making them again is cheaper than keeping them for other passes; p has no
 * segments. Changes the function; true: something did, and it is to be scheduled anew. */
bool fuse_own(const FusePlan *p, FuseOwn step);
#endif
