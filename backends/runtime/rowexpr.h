/* rowexpr.h: expressions over the columns of one row per role: conditions of bodies and computed head terms.
 *
 * A RowExpr is a small typed tree built by compiler/mapping.c from head terms and conditions; the runtime evaluates it
 * over all rows of a role at once, or for one trigger. Null in gives null out, except IS NULL and ELSE; comparisons
 * with null are null (not true). Functions (rowexpr.def, one row each: name, argument types, result type, one line):
 * numbers exp log log1p sqrt abs floor ceil round min max pow; text length(s) lower(s) upper(s) trim(s) contains(s, t)
 * starts(s, t) ends(s, t) count(s, t) part(s, sep, i) (1-based, negative from the end) extract(s, regex) (first group,
 * POSIX extended) replace(s, a, b) number(s); dates year month day weekday hour. */
#ifndef AMAL_ROWEXPR_H
#define AMAL_ROWEXPR_H
#include "backends/runtime/table.h"

typedef enum {
    RX_NUM,
    RX_TEXT,
    RX_NULL,
    RX_COLUMN,
    RX_UNARY,
    RX_BINARY,
    RX_CALL,
    RX_ISNULL,
    RX_IN,
    RX_ELSE
} RowExprKind;
typedef struct RowExpr RowExpr;
struct RowExpr {
    RowExprKind kind;
    TypeKind type;    /* TY_NUM (numbers and truth values), TY_TEXT, TY_DATE, TY_TIME */
    Op op;            /* RX_UNARY RX_BINARY */
    double num;       /* RX_NUM; RX_ISNULL, RX_IN: 1 = negated */
    const char *text; /* RX_TEXT; RX_CALL: function name */
    int role, column; /* RX_COLUMN: role number and column of its table */
    int nargs;
    RowExpr **args;
    Span span;
};
/* Result type of a call, or -1 with a message in *why (unknown function with the nearest name, wrong count or type). */
int rowexpr_call_type(const char *name, int nargs, const TypeKind *types, const char **why);
/* The set of roles it reads, as a bit mask. */
uint64_t rowexpr_roles(const RowExpr *e);
void rowexpr_print(Buf *out, const RowExpr *e, const char *const *role_names, const Table *const *tables);

/* Evaluates over every row of one role (all columns it reads belong to it) into a new column of the expression's type.
 * NULL: reported. */
Column *rowexpr_eval_column(Diags *ds, const RowExpr *e, const Table *t);
/* Truth per trigger: rows[role] is the row chosen of tables[role] (-1: absent gives null). Returns 1 true, 0 false, -1
 * null. */
int rowexpr_eval_truth(const RowExpr *e, const Table *const *tables, const int64_t *rows);
double rowexpr_eval_num(const RowExpr *e, const Table *const *tables, const int64_t *rows); /* NaN: null */
#endif
