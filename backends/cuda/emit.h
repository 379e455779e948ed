/* emit.h: CUDA text, and the program that launches it, from a fused plan. Private to backends/cuda.
 *
 * The same FusePlan that the C backend emits becomes kernels and a tree of operations that the host walks (run.c):
 *
 *   pass_P       one kernel a pass: rows stand in registers (emit_lanes.c), or blocks of threads take tiles of TILE
 *                rows, whose values stand in shared memory; sums in registers and then in parts, a row a block
 *   finish_P     adds the parts of pass P up in the order of the blocks
 *   segment_N    sums by key (a scatter, or the transpose of a sparse block times a value): over the rows sorted by
 * key, in chunks of bounded length, so that no atomics are needed; fold_N adds the chunks of one key up small_K
 * consecutive small operators, one block copy_K       a value laid out anew
 *
 * Text depends on the plan only, never on addresses or numbers of rows, as in the C backend. Values are packed: a row
 * of c columns takes c doubles; a value that a gather may read at "none" has one more row, of zeros. */
#ifndef AMAL_CUDA_EMIT_H
#define AMAL_CUDA_EMIT_H
#include "ir/fuse.h"

/* ---- what kernels take ---- */
typedef enum {
    BIND_DENSE,  /* a block's numbers, ld apart */
    BIND_ROWPTR, /* CSR */
    BIND_COLIDX,
    BIND_VALUES,
    BIND_CODES,   /* one-hot */
    BIND_INDEX,   /* per target row: the row of the space that it reads; the number of its rows: none */
    BIND_COUNT,   /* per row of the space: how many target rows read it */
    BIND_COLUMNS, /* per column of a block: its column of T */
    BIND_INPUT,
    BIND_ORDER,  /* of a space whose rows are sorted: per row, its number in the script's order */
    BIND_KEYS,   /* an indicator's rows sorted by key: chunks (bounds), then rows; see segments.h */
    BIND_SPARSE, /* a sparse block's cells sorted by column: the same, and their values */
    BIND_OF_KINDS
} CudaBindKind;
typedef struct CudaBind {
    CudaBindKind kind;
    int table, index; /* block, indicator, input or space */
    const char *name;
    bool anywhere; /* some kernel reads rows other than its own: it cannot arrive piece by piece */
    bool single;   /* its numbers are floats: of a block in single precision */
} CudaBind;
/* A value kept in the device's memory from one kernel to the next. */
typedef struct CudaSlot {
    int64_t rows, cols;
    int rspace; /* 0: small */
    const char *name;
    bool none_row; /* read at the row after its last, which is zeros, for "none" */
    bool panel;    /* of one pass, which goes over its rows in pieces: it has the rows of a piece only */
} CudaSlot;
typedef enum {
    ARG_BIND,  /* pointer */
    ARG_SLOT,  /* pointer */
    ARG_ROWS,  /* rows of a space */
    ARG_FIRST, /* the rows of this launch: [first, last) */
    ARG_LAST,
    ARG_FRESH,   /* 0: parts go on from what is there (later pieces of a streamed pass) */
    ARG_NUMBER,  /* a CONST's number, by node id */
    ARG_PARTS,   /* parts of reduction `index` (CudaProgram.parts) */
    ARG_BLOCKS,  /* blocks that wrote the parts of kernel `index` */
    ARG_SCRATCH, /* values of a tile that shared memory has no room for */
    ARG_STATUS,  /* struct Status */
    ARG_WATCH,   /* int a carried value: finite when its loop began */
    ARG_CHUNKS,  /* of a BIND_KEYS or BIND_SPARSE: bounds of chunks */
    ARG_CHUNK_ROWS,
    ARG_CHUNK_VALUES,
    ARG_CHUNK_FIRST, /* per key: its first chunk; one more */
    ARG_CHUNK_BEGIN, /* the chunks of this launch: [begin, end) */
    ARG_CHUNK_END,
    ARG_KEY_COUNT,
    ARG_LANES,  /* threads that share a chunk */
    ARG_FOLDS,  /* threads that share a key's chunks */
    ARG_DIRECT, /* every key has one chunk: its sums are the result */
    ARG_CHUNK_SUMS
} CudaArgKind;
typedef struct CudaArg {
    CudaArgKind kind;
    int index;
    const char *name, *type;
    bool written;
} CudaArg;
/* A product that cuBLAS makes, of dense values row after row. One of a pass is made before or after its kernel, and
 * over the same rows; what it reads and writes are arguments of that kernel too. One of small values is an operation.
 */
typedef struct CudaOperand {
    CudaArgKind kind; /* ARG_BIND or ARG_SLOT */
    int index;
    int64_t ld;
} CudaOperand;
typedef struct CudaProduct {
    const IrNode *node; /* rows @ small; rows' @ rows, added up; the same with itself: one half of it, see cu_halves */
    CudaOperand x, y, to;
    bool adds, half, before, small;
} CudaProduct;
typedef enum {
    GRID_ONE,    /* one block */
    GRID_TILES,  /* tiles of the rows of `space`, as many blocks as the device runs at once */
    GRID_CELLS,  /* rows of `space` (0: one) times `cells` threads */
    GRID_CHUNKS, /* chunks of bind `bind`, times `cells` when > 0, else times lanes */
    GRID_KEYS,   /* keys of bind `bind` times `cells`, times the threads that share one */
    GRID_BLOCKS  /* `cells` blocks */
} CudaGrid;
typedef struct CudaKernel {
    const char *name;
    VEC(CudaArg) args;
    CudaGrid grid;
    int space, bind;
    int64_t cells;
    int threads, tile;
    int lanes;       /* threads that hold a row in registers (emit_lanes.c); 0: its tile's rows are in shared memory */
    int at_once;     /* blocks that a multiprocessor is to have registers for; 0: as the compiler thinks */
    int64_t scratch; /* doubles a block */
    int64_t parts;   /* doubles a block, of all its reductions: bounds the blocks */
    const IrNode *node;   /* whose line a failure names */
    const FusePass *pass; /* it goes over its rows in tiles */
    const FusePass *of;   /* it belongs to this pass; its first kernel leads */
    bool leads;
    VEC(CudaProduct) products;
    int64_t panel; /* rows of a piece; 0: all at once */
    bool idle;     /* nothing is left to it but its products: it is not launched */
    bool folds;    /* of GRID_KEYS: it has nothing to do where every key has one chunk */
} CudaKernel;
typedef struct CudaParts { /* of one reduction: blocks x cells */
    int kernel;
    int64_t cells;
} CudaParts;

/* ---- what the host does ---- */
typedef enum {
    CUOP_LAUNCH,
    CUOP_PRODUCT,
    CUOP_ZERO,
    CUOP_COPY,
    CUOP_SWAP,
    CUOP_HOST,
    CUOP_LOOP,
    CUOP_WHILE,
    CUOP_IF
} CudaOpKind;
typedef struct CudaBody CudaBody;
typedef struct CudaOp {
    CudaOpKind kind;
    int kernel;   /* LAUNCH */
    int to, from; /* slots: ZERO to; COPY, SWAP; LOOP: to is the index's slot, from the number of rounds; WHILE, IF:
                     from is the condition. -1: a constant, `number` */
    double number;
    const IrNode *node;
    const CudaProduct *product; /* PRODUCT */
    int at, end;                /* its number in the order of the walk, and that of its end (lifetimes.h) */
    CudaBody *body, *other;     /* LOOP, WHILE: body, other is the condition's; IF: both sides */
} CudaOp;
struct CudaBody {
    VEC(CudaOp) ops;
    bool plain; /* launches, products, zeroes, copies and swaps only: may be captured as a graph */
    int id;
};
typedef struct CudaProgram {
    char *text; /* on the heap */
    VEC(CudaBind) binds;
    VEC(CudaSlot) slots;
    VEC(CudaKernel *) kernels;
    VEC(CudaParts) parts;
    CudaBody *body;
    int nbodies, nwatched;
    VEC(const IrNode *) watched;       /* carried values, by number in the watch */
    int *slot_of;                      /* by node id: slot of a kept value; -1: none */
    int *outputs, noutputs;            /* per result: slot, or -1: opaque, held by the host */
    VEC(const IrNode *) host;          /* operators that run on the host */
    VEC(const CudaProduct *) products; /* of small values */
} CudaProgram;
/* deterministic: sums by key without atomics. blas: wide products are left to cuBLAS. */
CudaProgram *cuda_emit(FusePlan *plan, bool deterministic, bool blas);
/* A product that cuBLAS is wanted for; NULL: none. */
const IrNode *cuda_wide_product(const FusePlan *plan);
/* What is wide, and how much memory a piece of rows takes that a product waits for. Tests take other numbers. */
typedef struct CudaWidth {
    int64_t side;       /* both sides of the small matrix have so many cells at least, and */
    int64_t rectangles; /* it has more squares of 8 x 8 than this */
    int64_t cells;      /* of a piece: about, but … */
    int64_t rows;       /* … a multiple of these rows; even */
} CudaWidth;
extern CudaWidth cuda_width;
/* The slot of a value that is kept (carried values and results of control resolved); -1: a leaf that is no slot, or
 * opaque. */
int cu_slot(const CudaProgram *p, const IrNode *n);

/* ---- shared by the emitter's files ---- */
/* From CUDA 12.1 on a kernel takes 32764 bytes of parameters: 8 bytes each. */
enum { CUDA_ARGS_MOST = 4000 };
enum {
    CUDA_THREADS = 128,
    CUDA_LANE_THREADS = 256,
    CUDA_LANE_THREADS_MOST = 320,
    CUDA_FINISH_THREADS = 1024,
    CUDA_SMALL_THREADS = 256,
    CUDA_SHARED_BYTES = 44 * 1024
};
/* Small values of so many cells are made by many blocks. */
enum { CUDA_WIDE_CELLS = 4096 };

typedef struct CuFinish {
    const IrNode *node;
    int parts, kernel, pass; /* which parts; the kernel and the pass that left them */
} CuFinish;
typedef struct CuIndex {
    int table, indicator;
} CuIndex;
/* Of a product by tensor cores: squares of 8 x 8 cells that a warp has, how warps share them, doubles that a lane holds
 * over all tiles. Sums that hold none are made otherwise; so are products of rows without `warps`. */
typedef struct CuMma {
    int high, wide, across, warps, held;
} CuMma;
typedef struct Cu {
    FusePlan *plan;
    IrFunc *f;
    Arena *arena;
    CudaProgram *out;
    bool deterministic, blas;
    Buf text;       /* finished kernels */
    bool *spilled;  /* by node id: a row value that a segment kernel reads: kept */
    bool *product;  /* by node id: cuBLAS makes it */
    bool *factored; /* by node id: a row value of the pass that cuBLAS reads or writes: kept, if for a piece only */
    /* the kernel being emitted */
    CudaKernel *kernel;
    Buf top, lines, tail;
    int indent;
    const FusePass *pass;
    const FusePass *of; /* kernels that are begun belong to it */
    bool leads;         /* the next of them is its first */
    int tile;
    bool *staged, *scratched; /* by node id: rows copied to shared memory; a local too wide for it */
    VEC(CuIndex) indexes;     /* copied there too: the rows that the tile's rows read */
    int *shares;              /* by node id: of sums by one-hot codes, threads that share the rows; 0: made otherwise */
    CuMma *mma;               /* by node id */
    int *turned;   /* by node id: of rows @ small, the slot of the small matrix, transposed; -1: as it lies */
    bool own_rows; /* cu_stored_cell is asked for the tile's own rows */
    bool in_lanes; /* the pass's values stand in registers of the threads that hold its rows (emit_lanes.c) */
    bool *dirty;   /* by node id: written since the last barrier */
    bool any_dirty;
    bool small_open, wide; /* a kernel of small operators is being emitted; it has many blocks */
    const IrNode
        *wide_node; /* one that was made in it, cell by cell like all of them: others may join; NULL: none may */
    int nsmall;
    CudaBody *body;       /* receives operations */
    VEC(CuFinish) finish; /* reductions that have left parts, which are not added up yet */
} Cu;
#define TOP(...) cu_line(e, &e->top, __VA_ARGS__)
#define LINE(...) cu_line(e, &e->lines, __VA_ARGS__)
#define TAIL(...) cu_line(e, &e->tail, __VA_ARGS__)
void cu_line(Cu *e, Buf *b, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
const char *cu_where(Cu *e, const IrNode *n);
/* Kernels: begun, filled, ended: then its text stands and its launch is the body's next operation. */
CudaKernel *cu_kernel_begin(Cu *e, const char *name, CudaGrid grid, int threads, const IrNode *node);
void cu_kernel_end(Cu *e);
void cu_flush(Cu *e); /* ends the open small kernel, if any */
void cu_op(Cu *e, CudaOp op);
const char *cu_arg(Cu *e, CudaArgKind kind, int index); /* the parameter's name */
const char *cu_bind(Cu *e, CudaBindKind kind, int table, int index);
const char *cu_row_bind(Cu *e, CudaBindKind kind, int table, int index); /* read at the tile's own rows only */
int cu_bind_index(Cu *e, CudaBindKind kind, int table, int index);
const char *cu_slot_arg(Cu *e, int slot, bool written);
const char *cu_value(Cu *e, const IrNode *n, bool written); /* the parameter of a kept value */
int cu_new_slot(Cu *e, int64_t rows, int64_t cols, int rspace, const char *name);
const char *cu_index_row(Cu *e, int table, int indicator, const char *b); /* the row that row b of the tile reads */
bool cu_is_scalar(const IrNode *n);
const char *cu_constant(Cu *e, const IrNode *n);
const char *cu_number(Cu *e, double v);
const char *cu_operator(Cu *e, const IrNode *n, const char *const *x);

/* emit_cell.c: cell (row, j) of a value. In a pass b is the row of the tile; elsewhere `row` is the row itself. */
const char *cu_cell(Cu *e, const IrNode *n, const char *b, const char *j);
const char *cu_computed(Cu *e, const IrNode *n, const char *b, const char *j);
const char *cu_stored_cell(Cu *e, const IrNode *n, const char *row, const char *j); /* where it lies in memory */
const char *cu_small(Cu *e, const IrNode *n, const char *r, const char *c);
int64_t cu_row_distance(const Cu *e, const IrNode *x); /* between rows in memory, in numbers */
const char *cu_code(Cu *e, const IrNode *x);           /* of a block of codes: that of row b */
/* The rows, `distance` numbers apart, that a gather reads whatever the index says; NULL: not every row is there. */
const char *cu_gathered_rows(Cu *e, const IrNode *n, int64_t *distance);
bool cu_in_pass(const Cu *e, const IrNode *n); /* a row value of the pass being emitted */
bool cu_is_inline(const Cu *e, const IrNode *n);
bool cu_is_local(const Cu *e, const IrNode *n);
bool cu_is_kept(const Cu *e, const IrNode *n); /* has a slot: stored, or read by a segment kernel */
const char *cu_index_column(Cu *e, const IrNode *n, const char *b);
bool cu_is_csr(const Cu *e, const IrNode *n);
bool cu_is_codes(const Cu *e, const IrNode *n);
bool cu_is_one_hot(const Cu *e, const IrNode *n);                /* codes, or a row that stays its column */
bool cu_has_numbers(const Cu *e, const IrNode *x, int64_t cols); /* rows of the pass, of so many numbers or more */

/* emit_pass.c, emit_row.c, emit_reduce.c, emit_small.c */
void cu_pass(Cu *e, const FusePass *pass);
/* n's rows are read through an index, or added to, without a kernel of its own; noted in Cu.indexes (false: is there).
 */
bool cu_reads_index(const Cu *e, const IrNode *n);
bool cu_note_index(Cu *e, const IrNode *n);
const char *cu_own_rows(Cu *e, const IrNode *x); /* numbers over the pass's rows, of which it reads its own */
/* Cell (r, c) of the small operand of x @ op(y); column and value of the cell `p` of compressed rows, the pass's own or
 * others. */
const char *cu_small_at(Cu *e, const IrNode *n, const char *r, const char *c);
const char *cu_csr_column(Cu *e, const IrNode *x, bool own);
const char *cu_csr_value(Cu *e, const IrNode *x, bool own);
void cu_row_node(Cu *e, const IrNode *n);
bool cu_by_row(const Cu *e,
               const IrNode *n); /* its rows are computed by one thread each, in the order of the threads */
bool cu_in_tile(const Cu *e, const IrNode *x); /* numbers that stand in shared memory, row after row */
/* What assigns `v` to cell (b, j) of a row value: to the tile's copy, the kept value, or both. */
const char *cu_row_result(Cu *e, const IrNode *n, const char *j, const char *v);
void cu_barrier_for(Cu *e, const IrNode *n, bool by_row);
bool cu_needs_segments(const Cu *e, const IrNode *n); /* a reduction made by a segment kernel after the pass */
const IrNode *cu_segment_operand(const Cu *e, const IrNode *n); /* the row value that it reads; NULL: none */
void cu_reduce_node(Cu *e, const IrNode *n);
const char *cu_column_of(Cu *e, const IrNode *x); /* of row b, where x is one-hot; NULL: x has numbers */
int cu_how(const IrNode *n); /* its values are combined (prelude.cuh): 0 added, 1 the smaller, 2 the larger */
const char *cu_neutral(const IrNode *n); /* what they begin with */
const char *cu_combined(Cu *e, const IrNode *n, const char *s, const char *v);
int cu_new_parts(Cu *e, const IrNode *n); /* of a sum of the kernel that is being emitted; finish_P adds them up */
/* Which of the pass's sums by one-hot codes stand in shared memory (Cu.shares), and the bytes that they take. */
int64_t cu_share_codes(Cu *e, const FusePass *pass);
void cu_finish(Cu *e);                               /* adds up what parts there are */
bool cu_is_unfinished(const Cu *e, const IrNode *n); /* its parts are not added up yet */
int cu_transposed(Cu *e, const IrNode *y);           /* a new slot */
void cu_segments(Cu *e, const IrNode *n);
void cu_small_node(Cu *e, const IrNode *n);
/* emit_lanes.c: the kernel of a pass whose rows fit in registers; false: it is not such a pass. */
bool cu_pass_in_lanes(Cu *e, const FusePass *pass);
/* emit_mma.c: products by tensor cores. false: this one is made otherwise. */
int cu_mma_plan(Cu *e, const FusePass *pass); /* blocks at once; 0: none is made so */
bool cu_mma_by_code(const Cu *e, const IrNode *n);
bool cu_mma_rows(Cu *e, const IrNode *n);
bool cu_mma_sums(Cu *e, const IrNode *n, int parts);
int64_t cu_stride(const Cu *e, const IrNode *x); /* between rows of the pass in shared memory */
/* emit_product.c: which products are cuBLAS's; those of the pass being emitted; what follows its kernel. */
void cu_choose_products(Cu *e, const IrRegion *r);
bool cu_is_product(const Cu *e, const IrNode *n);
int64_t cu_panel_rows(const IrNode *n);
void cu_products(Cu *e, const FusePass *pass);
void cu_halves(Cu *e, const FusePass *pass);
bool cu_small_product(Cu *e, const IrNode *n); /* false: it is not cuBLAS's */
/* Statements of the open small kernel. */
void cu_small_begin(Cu *e, const IrNode *n);
void cu_copy(Cu *e, int to, const IrNode *from);
void cu_check_columns(Cu *e, const FusePass *pass);
void cu_check_carried(Cu *e, const IrNode *loop, const IrRegion *params, int first, int at_slot, bool begin);
#endif
