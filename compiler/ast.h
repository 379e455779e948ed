/* ast.h: what a script says, exactly as it was written. Produced by grammar/parser.y; consumed by resolve,
 * typecheck, lower and the formatter. Every node has a span. Everything lives in the compilation's arena.
 * Constructors are ast_*; grammar actions are one line and call them. */
#ifndef AMAL_AST_H
#define AMAL_AST_H
#include "compiler/base.h"
#include "compiler/diag.h"

typedef struct Expr Expr;
typedef struct Stmt Stmt;
typedef VEC(Expr *) ExprVec;
typedef VEC(Stmt *) StmtVec;
typedef struct Name {
    const char *text;
    Span span;
} Name;
typedef VEC(Name) NameVec;

/* ---- expressions: algebra, conditions of bodies and head terms share one type ---- */
typedef enum {
    EX_NUM,       /* num */
    EX_STR,       /* text */
    EX_BOOL,      /* num is 0 or 1 */
    EX_NULL,      /* null */
    EX_NAME,      /* text; also `_` in atoms (text "_") */
    EX_FIELD,     /* args[0] . text           T.train, risk.w, S1.pid */
    EX_CALL,      /* text(args...; named)     sigmoid(x), rand(3, 4, seed = 1) */
    EX_UNARY,     /* op args[0]               UN_NEG UN_NOT */
    EX_BINARY,    /* args[0] op args[1] */
    EX_TRANSPOSE, /* args[0]' */
    EX_INDEX,     /* args[0][args[1], args[2]]; an absent index is NULL; X[i] has nargs 2 */
    EX_RANGE,     /* args[0] .. args[1] */
    EX_SET,       /* { args... }              in {…}, for x in {…} */
    EX_ISNULL,    /* args[0] is null; num = 1 for "is not null" */
    EX_IN,        /* args[0] in args[1] (EX_SET); num = 1 for "not in" */
    EX_ELSE,      /* args[0] | args[1]        "x, else y" in head terms */
    EX_ERROR      /* recovered from: already reported */
} ExprKind;
typedef enum {
    OP_ADD,
    OP_SUB,
    OP_MUL,
    OP_DIV,
    OP_POW,
    OP_MATMUL,
    OP_EQ,
    OP_NE,
    OP_LT,
    OP_LE,
    OP_GT,
    OP_GE,
    OP_AND,
    OP_OR,
    OP_NEG,
    OP_NOT
} Op;
const char *op_text(Op op); /* "+", "@", "and" … as written */

typedef struct NamedArg {
    Name name;
    Expr *value;
} NamedArg;
typedef VEC(NamedArg) NamedArgVec;
struct Expr {
    ExprKind kind;
    Op op;
    Span span;    /* the whole expression */
    Span op_span; /* the operator's mark, for carets */
    double num;
    const char *text;
    Span text_span;
    int nargs;
    Expr **args;
    NamedArgVec named;
};

/* ---- sources ---- */
typedef enum { TY_INFER, TY_NUM, TY_INT, TY_BOOL, TY_TEXT, TY_CAT, TY_DATE, TY_TIME, TY_VECTOR, TY_ROWID } TypeKind;
typedef struct ColumnDecl {
    Name name;
    TypeKind type;
    Span type_span;
    const char *format; /* date("…"), time("…"); NULL: ISO */
    int64_t width;      /* vector(n) */
    const char *header; /* as "…"; NULL: the name */
    const char *null_text;
    bool not_null;
} ColumnDecl;
typedef VEC(ColumnDecl) ColumnDeclVec;
typedef struct SourceDecl {
    Name name, silo;
    const char *uri;
    Span uri_span;
    NamedArgVec options; /* delimiter quote header null skip encoding … */
    bool has_columns;    /* false: schema inferred */
    ColumnDeclVec columns;
    VEC(NameVec) keys; /* key(a, b) inside the block */
    Span keys_span;
} SourceDecl;

/* ---- dependencies ---- */
typedef struct AtomArg { /* positional: column.text == NULL */
    Name column;
    Expr *value; /* EX_NAME (variable or "_") or a constant */
} AtomArg;
typedef VEC(AtomArg) AtomArgVec;
typedef struct Atom {
    Name relation; /* source or target */
    Name role;     /* S as r; text NULL when absent */
    AtomArgVec args;
    bool named;    /* S(a: x) rather than S(x) */
    bool rest;     /* `...` closes the list */
    bool optional; /* A(…)? */
    bool negated;  /* not A(…): always reported (E141 / unsupported) */
    Span span;
} Atom;
typedef VEC(Atom *) AtomVec;
typedef struct AsofCond {
    Expr *earlier, *later; /* asof earlier <= later within amount unit */
    Expr *within;
    const char *unit;
    Span span;
} AsofCond;
typedef struct TgdDecl {
    Name label; /* text NULL when absent */
    bool has_forall;
    NameVec forall, exists;
    AtomVec body;
    ExprVec conditions;    /* also bare calls of the text functions contains, starts, ends, matches */
    VEC(AsofCond *) asofs; /* parsed, "not supported yet" */
    AtomVec head;          /* one atom over the target (several are parsed; resolve reports) */
    Span span;
} TgdDecl;
typedef enum { EGD_GENERAL, EGD_KEY, EGD_FD, EGD_FK } EgdKind;
typedef struct EgdDecl {
    EgdKind kind;
    Name label; /* as of a tgd */
    bool has_forall;
    NameVec forall;
    AtomVec body; /* EGD_GENERAL: body -> left = right */
    Expr *left, *right;
    Name source; /* key S(a,b) · fd S(a -> b) · fk S(a) -> R(b) */
    NameVec cols, cols2;
    Name source2;
    Span span;
} EgdDecl;
typedef struct MatchDecl {
    NameVec roles;    /* match S1, S2 … */
    NameVec on;       /* on n, m */
    ExprVec on_exprs; /* on S1.pid = S2.patient */
    const char *via;  /* via "links.csv" */
    Span via_span;
    NamedArgVec via_args;  /* left right score */
    bool fuzzy;            /* parsed, "not supported yet" */
    NameVec fuzzy_clauses; /* each clause of the block as text: "block year" */
    const char *assign;    /* one_to_one | many_to_one | NULL */
    Span assign_span, span;
} MatchDecl;

/* ---- targets ---- */
typedef enum { ROLE_FEATURE, ROLE_LABEL, ROLE_WEIGHT, ROLE_ID } ColumnRole;
typedef enum { ENC_NUM, ENC_ONEHOT, ENC_ORDINAL, ENC_HASH, ENC_DAYS, ENC_VECTOR, ENC_TEXT } Encoding;
typedef enum { MISS_DEFAULT, MISS_CONST, MISS_MEAN, MISS_DROP, MISS_ERROR } MissingKind;
typedef struct TargetColumn {
    Name name;
    ColumnRole role;
    Encoding encoding; /* label/feature without one: ENC_NUM; feature vector: ENC_VECTOR; id: ENC_TEXT = as is */
    bool encoding_given;
    Span encoding_span;
    const char *epoch;   /* days("…") */
    int64_t buckets;     /* hash(n) */
    Expr *base_category; /* onehot(base = "1"): this category has no column (reference coding); NULL: all have */
    MissingKind missing;
    Expr *missing_value;
    Span missing_span;
} TargetColumn;
typedef VEC(TargetColumn) TargetColumnVec;
typedef struct TargetDecl {
    Name name;
    const char *order;    /* "tgd" (default) | "base" */
    const char *conflict; /* "base" (default) | "nonnull"; others parsed, reported */
    Span order_span, conflict_span;
    bool distinct;
    TargetColumnVec columns;
} TargetDecl;

/* ---- algorithms and metrics ---- */
typedef struct Param {
    Name name;
    ExprVec dims; /* X: [n, d] -> 2 expressions (names or numbers); empty: scalar or unshaped */
    Expr *value;  /* default of a hyperparameter */
} Param;
typedef VEC(Param) ParamVec;
typedef struct FuncDecl { /* fit, predict or a metric */
    Name name;
    ParamVec params;
    StmtVec body;
    Span span;
} FuncDecl;
typedef struct AlgorithmDecl {
    Name name;
    ParamVec hyper;          /* algorithm ridge(lambda = 0.1) */
    FuncDecl *fit, *predict; /* predict may be NULL */
    const char *doc;         /* the comment block directly above, or NULL */
} AlgorithmDecl;

/* A reference to data: T or T.part. */
typedef struct DataRef {
    Name target, part;
    Span span;
} DataRef;
typedef struct SplitPart {
    Name name;
    double share;
} SplitPart;

typedef enum {
    ST_SOURCE,
    ST_SILO,
    ST_TGD,
    ST_EGD,
    ST_MATCH,
    ST_TARGET,
    ST_SPLIT,
    ST_ALGORITHM,
    ST_METRIC,
    ST_LET,
    ST_PRINT,
    ST_TRAIN,
    ST_EVALUATE,
    ST_PREDICT,
    ST_SAVE,
    ST_LOAD,
    ST_OPTION,
    ST_FOR,
    ST_USE,
    ST_EXPORT,
    ST_PARAM,
    /* inside fit / predict / metric bodies */
    ST_ASSIGN,
    ST_REPEAT,
    ST_WHILE,
    ST_IF,
    ST_RETURN /* and ST_FOR */
} StmtKind;
struct Stmt {
    StmtKind kind;
    Span span;
    bool blank_before; /* an empty line stands above it: the formatter keeps it */
    union {
        SourceDecl *source;
        struct {
            Name name;
            const char *uri;
            ExprVec policies;
        } silo; /* policies: local, aggregate(k) */
        TgdDecl *tgd;
        EgdDecl *egd;
        MatchDecl *match;
        TargetDecl *target;
        struct {
            Name target;
            VEC(SplitPart) parts;
            Expr *seed;
        } split;
        AlgorithmDecl *algorithm;
        FuncDecl *metric; /* metric rmse(y: [n,1], p: [n,1]) { return …; } */
        struct {
            Name name;
            Expr *value;
        } let; /* let, param */
        Expr *print;
        struct {
            Name name, algorithm;
            NamedArgVec args;
            DataRef on;
        } train;
        struct {
            Name model;
            DataRef on;
            NameVec metrics;
        } evaluate;
        struct {
            Name model;
            DataRef on;
            const char *file;
            Span file_span;
        } predict;
        struct {
            Name model;
            const char *file;
            Span file_span;
        } file; /* save, load */
        struct {
            Name name;
            Expr *value;
        } option;
        struct {
            Name var;
            Expr *over;
            StmtVec body;
        } loop_for; /* over: EX_SET or EX_RANGE */
        struct {
            const char *file;
            Span file_span;
        } use;
        struct {
            DataRef on;
            const char *file;
            Span file_span;
            bool provenance;
        } export_;
        struct {
            Name name;
            Expr *value;
        } assign;
        struct {
            Expr *count;
            StmtVec body;
        } repeat; /* while: count is the condition */
        struct {
            Expr *cond;
            StmtVec then, otherwise;
        } if_;
        ExprVec ret; /* return w, b; */
    };
};

typedef struct Comment { /* kept for the formatter */
    Span span;
    const char *text; /* with its marks */
    bool own_line;    /* nothing but blanks before it on its line */
    bool blank_before;
} Comment;
typedef struct Token { /* kept for the formatter */
    Span span;
    int kind; /* of grammar/parser.h, after the words have been told by their neighbours */
} Token;
typedef struct Script {
    const char *path;
    const struct AmalProgram *carried; /* the built program it comes from (carried.h); NULL: a file */
    uint32_t file;
    StmtVec stmts;
    VEC(Comment) comments; /* in order */
    VEC(Token) tokens;     /* in order */
} Script;

/* Parses text (not NUL-terminated) registered as `file` in ds. Always returns a script: statements with errors are
 * left out and reported. Limits: nesting 256, 64 MB of text. */
Script *parse_script(Arena *arena, Diags *ds, uint32_t file, const char *text, size_t len);

/* A text that is one expression, with or without a `;`. NULL: it is not, which is reported. */
Expr *parse_expression(Arena *arena, Diags *ds, uint32_t file, const char *text, size_t len);

void ast_print_expr(Buf *out, const Expr *e);     /* canonical text, minimal parentheses */
void ast_print_script(Buf *out, const Script *s); /* canonical text of the whole: parse(print(s)) prints the same */
const char *type_text(TypeKind t);
#endif
