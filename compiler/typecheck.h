/* typecheck.h: the parts of the shape checker (private to typecheck*.c).
 *
 * A dimension is a linear form over symbols, c + k1 s1 + k2 s2 …. A symbol is rigid when a signature declares it
 * (fit(X: [n, d]): the algorithm must work for every n and d), open when it is a number that only the run knows (a
 * hyperparameter, a result of floor, the columns of a target after encoding). Two dimensions clash when they differ
 * whatever the open symbols are: only then is an error reported; what may agree is left to lowering, which knows the
 * numbers. */
#ifndef AMAL_TYPECHECK_H
#define AMAL_TYPECHECK_H
#include "compiler/functions.h"
#include "compiler/program.h"

enum { DIM_TERMS = 4 };
typedef struct Dim {
    int64_t c;
    int n; /* terms, by ascending symbol; a form that needs more becomes an open symbol */
    int sym[DIM_TERMS];
    int64_t k[DIM_TERMS];
} Dim;
typedef struct DimSymbol {
    const char *name;
    bool open;
} DimSymbol;

/* What is known of an expression's value. */
typedef struct TcValue {
    bool bad; /* an error was reported: say nothing more about it */
    Dim rows, cols;
    bool valued; /* a scalar whose number is the form `value` */
    Dim value;
    Span from;        /* where it got its shape: for notes */
    const char *name; /* the variable it was read from; NULL for other expressions */
} TcValue;
typedef struct TcVar {
    const char *name;
    TcValue value;
    Span def;
    bool maybe; /* set on some ways through the code only; `maybe_at` is the branch or loop */
    Span maybe_at;
    const char *maybe_why;
    bool torn;     /* the branches of the if at `maybe_at` left different shapes: an error where it is used */
    Span torn_def; /* the other branch's definition */
    TcValue torn_value;
    int hyper; /* index of the hyperparameter, or -1 */
} TcVar;
typedef VEC(TcVar) TcVarVec;
/* A model that statements before trained or loaded. Fields NULL: unknown (a loaded file). */
typedef struct TcModel {
    const char *name;
    const AlgorithmDecl *algorithm;
} TcModel;
typedef struct Tc {
    Program *p;
    Arena *arena;
    Diags *ds;
    VEC(DimSymbol) syms;
    TcVarVec vars;
    VEC(TcModel) models; /* at the level of the script */
    bool script_level;   /* features(T), risk.w are allowed */
    bool *hyper_used;    /* of the algorithm at hand */
    const AlgorithmDecl *algorithm;
    /* in predict: what fit does not return, for a better message */
    const FuncDecl *fit;
} Tc;

/* ---- forms: typecheck_dim.c ---- */
Dim dim_const(int64_t c);
Dim dim_symbol(Tc *t, const char *name, bool open);
Dim dim_add(Tc *t, Dim a, Dim b, int64_t sign);
Dim dim_scale(Tc *t, Dim a, int64_t k);
bool dim_is_const(const Dim *d, int64_t *value);
bool dim_equal(const Dim *a, const Dim *b);
bool dim_clash(const Tc *t, Dim a, Dim b);
bool dim_clash_broadcast(const Tc *t, Dim a, Dim b); /* neither is 1 and they clash */
Dim dim_meet(const Tc *t, Dim a, Dim b);             /* the better known of two that do not clash */
Dim dim_broadcast(const Tc *t, Dim a, Dim b);        /* of two that do not clash */
const char *dim_text(Tc *t, const Dim *d);
const char *shape_text(Tc *t, const TcValue *v);      /* "n x d" */
void tc_note_shape(Tc *t, Span at, const TcValue *v); /* for editors, when they asked for it (Program.shapes_of) */

/* ---- expressions: typecheck_expr.c, typecheck_call.c ---- */
TcValue tc_expr(Tc *t, const Expr *x);
TcValue tc_call(Tc *t, const Expr *x);
TcValue tc_scalar(Tc *t, const Expr *x, const char *what); /* reports E180 when it cannot be one number */
TcValue tc_matrix(Dim rows, Dim cols, Span from);
TcValue tc_bad(void);
TcValue tc_broadcast(Tc *t, const Expr *whole, const Expr *xa, TcValue a, const Expr *xb, TcValue b);
Dim tc_value_dim(Tc *t, const Expr *x, TcValue v); /* the number a scalar is, as a form */
TcVar *tc_find(Tc *t, const char *name);
void tc_note(Tc *t, Diag *d, const Expr *x, const TcValue *v);
bool tc_is_one(const TcValue *v);                  /* surely 1 x 1 */
bool tc_not_scalar(const Tc *t, const TcValue *v); /* surely not 1 x 1 */

/* ---- bodies: typecheck_body.c ---- */
/* Checks the statements; `ret` gets the final return statement (NULL: none, reported for function `what`). */
void tc_body(Tc *t, const FuncDecl *fn, const char *what, const Stmt **ret);
void tc_assigned(Arena *arena, const StmtVec *body, NameVec *out); /* names assigned anywhere inside, each once */
#endif
