/* ir.h: one IR for all levels (design: ir.md).
 *
 * A Func is a region of nodes in dependency order. A node has an operator (a row of ops.def), operands, a shape (rows x
 * cols, known numbers: functions are built once the data's sizes are known) and spaces: what its rows and columns run
 * over. Space 0 is "small"; other spaces are rows of a target or of a block's table (Func.spaces). Nodes are
 * hash-consed: equal operator, attributes and operands in the same or an enclosing region are one node. A node's home
 * is the innermost region that one of its operands needs (loop invariants therefore stand outside the loop), unless its
 * operator may fail, or the region is a conditional's.
 *
 * Levels: after lowering and simplification (level 1) X is the leaf TABLE; after factorize (level 2) only DATA, COUNT,
 * GATHER, SCATTER … refer to sources. The interpreter runs both; the C backend runs level 2 grouped into passes by fuse
 * (level 3). */
#ifndef AMAL_IR_H
#define AMAL_IR_H
#include "backends/runtime/integration.h"

typedef enum {
#define OP(NAME, ...) IR_##NAME,
#include "ir/ops.def"
    IR_COUNT_OF_OPS
} IrOp;
typedef enum { IRC_LEAF, IRC_UNARY, IRC_BINARY, IRC_ROWWISE, IRC_REDUCE, IRC_SMALL, IRC_CONTROL, IRC_FACT } IrClass;
typedef enum {
    SHAPE_SCALAR,
    SHAPE_INPUT,
    SHAPE_TABLE,
    SHAPE_ARG,
    SHAPE_FULL,
    SHAPE_SAME,
    SHAPE_BCAST,
    SHAPE_BCAST3,
    SHAPE_MATMUL,
    SHAPE_TRANSPOSE,
    SHAPE_CBIND,
    SHAPE_RBIND,
    SHAPE_SLICE_COLS,
    SHAPE_SLICE_ROWS,
    SHAPE_TAKE_COLS,
    SHAPE_TAKE_ROWS,
    SHAPE_DIAG,
    SHAPE_ONEHOT,
    SHAPE_ALL,
    SHAPE_ROWS,
    SHAPE_COLS,
    SHAPE_SOLVE,
    SHAPE_EIGVALS,
    SHAPE_NONE,
    SHAPE_PROJ,
    SHAPE_DATA,
    SHAPE_COUNT,
    SHAPE_GATHER,
    SHAPE_SCATTER,
    SHAPE_PICK,
    SHAPE_PICK_COLS,
    SHAPE_PLACE,
    SHAPE_PLACE_COLS,
    SHAPE_EXPAND,
    SHAPE_T_ROWS,
    SHAPE_CROSS
} IrShapeRule;
typedef struct IrOpInfo {
    const char *name, *text;
    int arity;
    IrShapeRule shape;
    IrClass cls;
    const char *flags, *formula;
} IrOpInfo;
extern const IrOpInfo ir_ops[IR_COUNT_OF_OPS];
static inline bool ir_op_has(IrOp op, char flag) {
    return strchr(ir_ops[op].flags, flag) != NULL;
}
static inline bool ir_is_elementwise(IrOp op) { /* cell by cell, operands broadcast */
    return ir_ops[op].cls == IRC_UNARY || ir_ops[op].cls == IRC_BINARY || op == IR_WHERE;
}
/* An elementwise operator at the cells that its sparse operand stores, and at no others: its result stores the same
 * ones. Operands have that pattern, or are rows and numbers; factorize makes it, kernels run it. */
#define ir_at_stored(n) (ir_is_elementwise((n)->op) && (n)->i0 != 0)
IrOp ir_op_by_name(const char *script_name, int nargs); /* flag N only; IR_COUNT_OF_OPS: none */
/* The C expression of an operator that works cell by cell, with the operands' texts in the places of x, y and z. */
void ir_cell_code(Buf *out, IrOp op, const char *const *cells);
/* The number that such an operator gives. false: it is none. */
bool ir_cell_value(IrOp op, double x, double y, double z, double *out);

typedef struct IrNode IrNode;
typedef struct IrRegion IrRegion;
typedef VEC(IrNode *) IrNodeVec;

struct IrNode {
    IrOp op;
    bool ta, tb; /* MATMUL: operand used transposed */
    int id;      /* unique in the function, ascending with creation */
    int64_t rows, cols;
    int rspace, cspace; /* 0 small; else index into Func.spaces */
    double num;         /* CONST, FULL; GATHER: value for absent rows */
    int64_t i0, i1; /* SLICE_*, ONEHOT, PROJ, INPUT (index), ARG (index), PLACE_COLS (0 sum, 1 min, 2 max), EXTREME (1,
                       2), CROSS (0 no weights, 1 last operand), cell by cell (1: ir_at_stored) */
    int table;      /* TABLE DATA COUNT GATHER SCATTER PICK* PLACE* EXPAND T_ROWS CROSS: index into Func.tables */
    int block;      /* DATA, PICK, PICK_COLS */
    int indicator;  /* COUNT GATHER SCATTER */
    int *blocks;    /* PLACE, PLACE_COLS, EXPAND, T_ROWS, CROSS (2): block of each block operand */
    int nargs;
    IrNode **args;
    IrRegion **regions; /* CONTROL */
    int nregions;
    IrRegion *home;   /* the region it stands in */
    const char *name; /* the script's variable, for readable code; may be NULL */
    Span span;
    int mark;   /* scratch of the running pass */
    void *note; /* scratch of the running pass */
};
/* Over no space: its rows and columns are numbers that the program knows. */
static inline bool ir_is_small(const IrNode *n) {
    return !n->rspace && !n->cspace;
}
typedef enum { REGION_FUNC, REGION_LOOP, REGION_WHILE_COND, REGION_WHILE_BODY, REGION_BRANCH } IrRegionKind;
struct IrRegion {
    IrRegionKind kind;
    IrRegion *parent;
    int depth;
    IrNode *owner;    /* the control node */
    IrNodeVec params; /* ARG nodes: LOOP: index, carried...; WHILE: carried... */
    IrNodeVec nodes;  /* in dependency order, params not included */
    IrNodeVec results;
};
typedef enum { SPACE_SMALL, SPACE_TARGET, SPACE_TABLE } IrSpaceKind;
typedef struct IrSpace {
    IrSpaceKind kind;
    int table; /* index into Func.tables */
    int space; /* SPACE_TABLE: Integration.spaces index */
    int64_t rows;
    const char *name;
    const int32_t *order; /* SPACE_TARGET in another order than the script's: row i is the script's row order[i], which
                             is what iota, rand and randn count by; NULL: as in the script */
} IrSpace;
typedef struct IrInput {
    const char *name;
    int64_t rows, cols;
    int rspace; /* 0, or the target space of a table */
    Span span;
    /* value range known from the data: lets rules such as 0/1 labels fire; unknown: -inf, inf */
    double lo, hi;
} IrInput;
typedef struct IrTable {
    const Integration *data; /* factorized or materialized */
    const char *name;        /* "T", "T.train" */
    int target_space;
    int *block_space; /* per Integration space: index into Func.spaces */
} IrTable;
typedef struct IrFunc {
    Arena *arena;
    Diags *diags;
    const char *name;    /* "risk_fit" */
    VEC(IrSpace) spaces; /* [0] is small */
    VEC(IrTable) tables;
    VEC(IrInput) inputs;
    VEC(const char *) output_names;
    IrRegion *body; /* results = outputs */
    int next_id;
    bool factorized;        /* level 2 */
    bool owned;             /* passes have values of their own (fuse.c) */
    int residuals, on_gram; /* that can be made on products of invariants, and that are (chain) */
    bool numbers_named; /* of built programs: emitted code names numbers that rewrites have no use for, 2 and a half too
                         */
    VEC(const char *) notes; /* what passes want the plan to say: "materializes rows of T: line 12, T * W …" */
} IrFunc;

/* ---- building: build.c ---- */
typedef struct IrBuilder {
    IrFunc *func;
    IrRegion *region; /* where new nodes are wanted */
    bool cse, hoist;  /* both on unless disabled */
    Span span;        /* given to new nodes */
    const char *name;
    void *table_; /* hash of nodes: private */
} IrBuilder;
IrFunc *ir_func_new(Arena *arena, Diags *ds, const char *name);
int ir_add_table(IrFunc *f, const Integration *data, const char *name); /* adds the target space; block spaces too */
/* A node like `as`, with an id of its own, put before what stands at `at` in r: for passes that add to a function. */
IrNode *ir_insert(IrFunc *f, IrRegion *r, int at, const IrNode *as);
/* f, of one table and at level 1, over other blocks of the same target: a function that shares f's nodes. */
IrFunc *ir_with_data(const IrFunc *f, const Integration *data);
int ir_add_input(IrFunc *f, const char *name, int64_t rows, int64_t cols, int rspace, Span span);
IrBuilder *ir_builder(IrFunc *f); /* at f->body */
IrNode *ir_const(IrBuilder *b, double v);
IrNode *ir_input(IrBuilder *b, int index);
IrNode *ir_table(IrBuilder *b, int table);
IrNode *ir_full(IrBuilder *b, double v, int64_t rows, int64_t cols, int rspace);
IrNode *ir_eye(IrBuilder *b, int64_t n);
IrNode *ir_iota(IrBuilder *b, int64_t n, int rspace);
IrNode *ir_rand(IrBuilder *b, IrOp op, int64_t rows, int64_t cols, int rspace, IrNode *seed);
IrNode *ir_unary(IrBuilder *b, IrOp op, IrNode *x);
IrNode *ir_binary(IrBuilder *b, IrOp op, IrNode *x, IrNode *y);
IrNode *ir_where(IrBuilder *b, IrNode *c, IrNode *x, IrNode *y);
IrNode *ir_matmul(IrBuilder *b, IrNode *x, bool ta, IrNode *y, bool tb);
IrNode *ir_nary(IrBuilder *b, IrOp op, int n, IrNode **args); /* CBIND RBIND */
IrNode *ir_slice(IrBuilder *b, IrOp op, IrNode *x, int64_t i0, int64_t i1);
IrNode *ir_onehot(IrBuilder *b, IrNode *x, int64_t k);
/* The general form: copies op, attributes and name of `proto`, with new operands (shape re-inferred; returns an equal
 * node if there is one). Not for CONTROL. */
IrNode *ir_make(IrBuilder *b, const IrNode *proto, IrNode **args);
/* Control: begin a region, build into it, end it. */
IrRegion *ir_region_begin(IrBuilder *b, IrRegionKind kind); /* b->region becomes it */
IrNode *ir_region_param(IrBuilder *b, int64_t rows, int64_t cols, int rspace, const char *name);
void ir_region_end(IrBuilder *b, int nresults, IrNode **results); /* b->region returns to the parent */
IrNode *ir_loop(IrBuilder *b, IrNode *count, IrRegion *body, int ncarried, IrNode **init);
IrNode *ir_while(IrBuilder *b, IrRegion *cond, IrRegion *body, int ncarried, IrNode **init);
IrNode *ir_if(IrBuilder *b, IrNode *cond, IrRegion *then, IrRegion *otherwise);
IrNode *ir_proj(IrBuilder *b, IrNode *control, int64_t i);

/* ---- shapes: shape.c. false: *why is the reason in the user's words (both shapes named) ---- */
bool ir_infer_shape(const IrFunc *f, IrNode *n, const char **why);
/* ---- verify.c: shapes re-inferred, operands defined before use and visible, spaces and attributes valid, level
 * contract; internal_error otherwise ---- */
void ir_verify(const IrFunc *f, const char *after_pass);
/* ---- print.c: deterministic text, one line a node:  %7 = sigmoid %6 : T x 1   # z (line 12) ---- */
void ir_print(Buf *out, const IrFunc *f);
void ir_print_expr(Buf *out, const IrNode *n, int depth); /* as algebra, for explain: X' @ (sigmoid(X @ w) - y) */
void ir_print_formula(Buf *out, const IrNode *n,
                      int depth); /* for emitted code: numbers that are not plain by name, number_12 */
void ir_print_line(Buf *out, const IrFunc *f,
                   const IrNode *n); /* one node for people: algebra, or an operator with what it is by */
void ir_print_shape(Buf *out, const IrFunc *f, const IrNode *n); /* T.train × 19 */
bool ir_plain_number(double v); /* one of the few that formulas are made of: 0, 1, 2, a half, not finite */

/* ---- rewriting: rewrite.c. Rebuilds f bottom-up into a new function through a builder; `visit` gets the node with its
 * new operands and returns a replacement built with b, or NULL to keep the operator. ---- */
typedef IrNode *(*IrVisit)(IrBuilder *b, const IrNode *old, IrNode **new_args, void *ctx);
IrFunc *ir_rebuild(const IrFunc *f, IrVisit visit, void *ctx, bool cse, bool hoist);
/* As ir_rebuild, without a visitor; each loop (by its id: f->next_id entries) carries the values of its body in
 * carry[id] too. Their operands inside the body are carried values, or made of carried values by operators that cannot
 * fail. */
IrFunc *ir_rebuild_carrying(const IrFunc *f, const IrNodeVec *carry, bool cse, bool hoist);
/* Removes nodes that no result needs, unneeded carried values, and loops that run a known zero times. */
void ir_dead_code(IrFunc *f);

/* ---- passes: pass.c holds the table {name, one line, function, requires, breaks}. ---- */
/* Bits of PassOptions.disabled; rewrite groups follow from IR_OFF_GROUP on in the order of their first rule. */
enum {
    IR_OFF_CSE,
    IR_OFF_HOIST,
    IR_OFF_SIMPLIFY,
    IR_OFF_CHAIN,
    IR_OFF_FACTORIZE,
    IR_OFF_ROTATE,
    IR_OFF_GRAM,
    IR_OFF_GROUP
};
/* Residuals of a loop that are only reduced, on products of invariants such as X'X: where that costs less, never, or
 * wherever it can be. */
typedef enum IrGram { GRAM_BY_COST, GRAM_NEVER, GRAM_ALWAYS } IrGram;
typedef struct PassOptions {
    uint64_t disabled;          /* bit per pass and rewrite group, see ir_disable() */
    uint64_t disabled_rules[4]; /* bit per rule of rewrites.def */
    const char *dump_after;     /* pass name, "all" or NULL */
    FILE *dump_to;
    int threads;
    bool verify;          /* after every pass */
    bool gram_always;     /* X'X wherever it can be, not where it costs less */
    const char *strategy; /* "factorized" | "materialized": for notes only */
    void (*after)(void *user, const char *pass, const char *help,
                  const IrFunc *f); /* sees each result; NULL: not wanted */
    void *user;
} PassOptions;
void ir_choose_gram(PassOptions *o, IrGram gram);
bool ir_disable(PassOptions *o, const char *name); /* a pass or a rule's name; false: unknown (see ir_disable_names) */
const char *const *ir_disable_names(int *count);
bool ir_pass_known(const char *name);
const char *const *ir_pass_names(int *count); /* what `dump_after` may be: the passes in their order, and "all" */
IrFunc *ir_simplify(const IrFunc *f,
                    const PassOptions *o); /* level 1 -> 1: rewrites.def to a fixed point, cse, hoist */
IrFunc *ir_chain(
    const IrFunc *f,
    const PassOptions *o); /* level 1 -> 1: order of products, Gram across loops, by cost weighted with trip counts */
IrFunc *ir_factorize(const IrFunc *f, const PassOptions *o); /* level 1 -> 2 */
IrFunc *ir_rotate(const IrFunc *f,
                  const PassOptions *o); /* level 2 -> 2: reductions of carried row values one iteration earlier */
IrFunc *ir_optimize(const IrFunc *f, const PassOptions *o); /* all of them in the order of the table */
/* The same in two parts: first what does not ask how T is stored, so that it may be done once for several ways to store
 * it. */
IrFunc *ir_optimize_first(const IrFunc *f, const PassOptions *o);
IrFunc *ir_optimize_rest(const IrFunc *f, const PassOptions *o);

/* ---- order.c: may the rows of `space` (a target's) stand in another order than the script's? Nothing of f then names
 * rows by their place, and what it gives for them can be put back. false: *why is what stands in the way, *at the node.
 * ---- */
bool ir_order_is_free(const IrFunc *f, int space, const IrNode **at);

/* ---- cost.c: what one evaluation of the function takes (loops weighted by trip counts; unknown counts 10) ---- */
typedef struct IrCost {
    double flops, bytes, seconds;
} IrCost;
IrCost ir_cost(const IrFunc *f, int threads);
/* As ir_cost; each[id] (f->next_id entries, zeroed) becomes what one evaluation of a node takes. */
IrCost ir_cost_each(const IrFunc *f, int threads, IrCost *each);
/* What a GPU can do, as measured (backends/cuda/measure.h): operations, bytes of its memory and bytes copied to it a
 * second; seconds that a launch takes, and a graph of launches. cost_gpu.c: the same function on it, once its arrays
 * are there. */
typedef struct IrGpu {
    double flops, bytes, transfer, launch, graph;
} IrGpu;
IrCost ir_cost_gpu(const IrFunc *f, const IrGpu *gpu);
/* Bytes of a target's arrays; not of those that `there` (NULL: none) says are on the device. Arrays are known by the
 * addresses of matrices and indicators. */
double ir_array_bytes(const Integration *in, bool (*there)(void *user, const void *array), void *user);
/* One that was not measured: less than any that the cuda backend takes. Copies are from memory that is not pinned. */
extern const IrGpu ir_gpu_nominal;
/* The look-ups of a join: `rows` rows find one in each of `places` tables, which have `table_rows` together, by `keys`
 * keys of `codes` bytes in all. Seconds on one processor, and on a GPU with the way there and back. */
typedef struct IrJoin {
    double rows, places, table_rows, keys, codes;
} IrJoin;
double ir_join_host(const IrJoin *j);
double ir_join_gpu(const IrJoin *j, const IrGpu *gpu);
double ir_trip_count(const IrNode *loop); /* -1: unknown */
#endif
