/* emit.h: C text from a fused plan. Private to backends/c.
 *
 * One emitted file holds: the ABI (abi.h), a struct Frame with every value that is kept, one function a pass, and
 * amal_run with the control flow. Text depends on the plan only (names, small dimensions, script lines), never on
 * addresses or data: equal plans give equal text, which is the key of the kernel cache. Sizes of row spaces, data and
 * indicators arrive at run time. */
#ifndef AMAL_EMIT_H
#define AMAL_EMIT_H
#include "backends/c/target.h"
#include "ir/fuse.h"

/* What amal_run's bind[] holds, in order; the host fills it. */
typedef enum {
    BIND_DENSE,
    BIND_FLOATS,
    BIND_ROWPTR,
    BIND_COLIDX,
    BIND_VALUES,
    BIND_CODES,
    BIND_INDEX,
    BIND_COUNT,
    BIND_COLUMNS,
    BIND_SEGMENTS,
    BIND_ORDER,
    BIND_INPUT,
    BIND_NUMBER
} BindKind;
typedef struct Bind {
    BindKind kind;
    int table, index; /* block, indicator, input, or node of a number */
    const char *member;
} Bind;
/* The loop that follows is over independent numbers, or adds up s: gcc and clang make vectors of it. */
#define SIMD "#pragma omp simd"
#define SIMD_SUM "#pragma omp simd reduction(+ : s)"

typedef struct Emitted {
    char *text;
    VEC(Bind) binds;
} Emitted;
/* The whole file. Everything in the plan's arena, text on the heap. */
Emitted *emit_c(FusePlan *plan, const CpuTarget *target);

/* ---- shared by the emitter's files ---- */
typedef struct Emit {
    FusePlan *plan;
    IrFunc *f;
    Arena *arena;
    Emitted *out;
    const CpuTarget *target;
    Buf members; /* struct Frame */
    Buf setup;   /* start of amal_run: binds and allocations */
    Buf passes;  /* pass functions */
    Buf body;    /* control flow of amal_run */
    int indent;
    /* the pass being emitted */
    const FusePass *pass;
    Buf lines;                 /* its row block */
    Buf top;                   /* before its loop over blocks */
    Buf before;                /* in amal_run, before it is called */
    int body_indent;           /* of its call */
    VEC(const char *) copied;  /* small rows it keeps padded copies of */
    VEC(const char *) hoisted; /* frame members it reads, declared once at its top */
    VEC(const char *) hoisted_decl;
    VEC(const char *) streams;  /* blocks whose rows are prefetched already */
    int block;                  /* rows per block */
    VEC(const IrNode *) packed; /* values of which the pass has packed rows (emit_reduce.c) */
    VEC(const IrNode *) filled; /* those whose packed rows are the ones that this stage is at */
    int64_t packed_bytes;
    VEC(const IrNode *) widened; /* blocks in single precision of which this stage reads the rows it is at */
} Emit;
void emit_line(Emit *e, Buf *b, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
const char *emit_number(Emit *e, double v);
/* The number of a CONST or FULL. It arrives at run time unless it is one of the few that formulas are made of, so that
 * neither the rows of the data nor a step or penalty are in the text: other data and other hyperparameters find the
 * kernel in the cache. */
const char *emit_constant(Emit *e, const IrNode *n);
/* The frame member that keeps n's value (PROJ and carried values resolved). */
const char *emit_member(Emit *e, const IrNode *n);
bool emit_is_scalar(const IrNode *n); /* 1 x 1 and small: a plain double member */
/* The member's name inside the pass, hoisted into a local at its top. */
const char *emit_hoist(Emit *e, const char *member, const char *ctype);
const char *emit_bind(Emit *e, BindKind kind, int table, int index);
/* The numbers of a dense block, doubles or floats; in a pass. */
const char *emit_dense(Emit *e, const IrNode *data);
/* A block of floats whose rows, of those that the pass is at, are made doubles first: the array w<id>, of the block's
 * stride. Others are read where they lie, cell by cell when they are floats. */
bool emit_is_widened(const Emit *e, const IrNode *n);
const char *emit_widened(Emit *e, const IrNode *n);
const char *emit_cell(Emit *e, const IrNode *n, const char *b,
                      const char *j); /* in a pass: cell (i + b, j) or of a small value (0, j) */
const char *emit_small_cell(Emit *e, const IrNode *n, const char *r, const char *c); /* outside passes */
const char *emit_operator(Emit *e, const IrNode *n, const char *const *x); /* elementwise formula over operand texts */
bool emit_is_local(const Emit *e, const IrNode *n);                        /* kept in a block-local array */
bool emit_is_inline(const Emit *e, const IrNode *n);
/* Sums for each row of the block of table rows that the pass is at: read where they are added up. */
bool emit_is_block_sum(const Emit *e, const IrNode *n);
bool emit_is_picked_row(const Emit *e, const IrNode *n);
/* Rows of values that emitted code lays out itself are padded to whole vectors: cells between cols and the stride hold
 * anything and are never read as results. */
int64_t emit_pad(int64_t cols);
int64_t emit_stride(const Emit *e, const IrNode *n);
/* Whether cells (b, cols..stride) of an expression may be read too, so that loops run over whole vectors. */
bool emit_is_padded(Emit *e, const IrNode *n, int64_t cols);
bool emit_is_symmetric(const IrNode *n); /* a reduction whose upper half says all */
void emit_pass(Emit *e, const FusePass *pass);
void emit_small(Emit *e, const IrNode *n);
/* A reduction's accumulator: rows x stride doubles (SCATTER: a row a row of its space). */
int64_t emit_acc_stride(const Emit *e, const IrNode *n);
int64_t emit_acc_size(const Emit *e, const IrNode *n);
/* x' y for a sparse y is added up as y' x: cell (r, c) stands at c * stride + r. */
bool emit_acc_is_transposed(const Emit *e, const IrNode *n);
/* ---- emit_scatter.c: sums for each row of a table, one array a thread ---- */
bool emit_scatter_counts(const Emit *e, const IrNode *n); /* whole numbers while the pass runs */
void emit_scatter_allocate(Emit *e, const IrNode *n);     /* in the frame */
void emit_scatter_declare(Emit *e, const IrNode *n);      /* at the top of the pass: g<id> */
void emit_scatter_add_up(Emit *e, const IrNode *n);       /* in amal_run, after the pass */
void emit_scatter_segments(Emit *e, const IrNode *n);     /* into the sums of the block of keys that a pass is at */
const char *emit_where(Emit *e, const IrNode *n);         /* comment: line and algebra */
#endif
