/* fuse_internal.h: what the parts of fusing tell each other (fuse.h has the contract). */
#ifndef AMAL_FUSE_INTERNAL_H
#define AMAL_FUSE_INTERNAL_H
#include "ir/fuse.h"

/* n gathers x, made in the same region row by row, over the table that its rows are sorted by. */
bool fuse_gathers_segments(const FusePlan *p, const IrNode *n);
/* Does a user in the same pass find u in the block? */
bool fuse_in_block(const FusePlan *p, const IrNode *n, const IrNode *u);
/* A reader that takes a one-hot row as its code. */
bool fuse_reads_code(const IrNode *user);
/* Gives passes values of their own, where making them again is cheaper than keeping them for other passes. Changes the
 * function; true: something did, and p is to be scheduled anew. */
bool fuse_own(const FusePlan *p);
#endif
