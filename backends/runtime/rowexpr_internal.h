/* rowexpr_internal.h: what the row expressions' two evaluators (one row, whole column) share, and calendar helpers. */
#ifndef AMAL_ROWEXPR_INTERNAL_H
#define AMAL_ROWEXPR_INTERNAL_H
#include "backends/runtime/rowexpr.h"
#include <regex.h>

#define RX_DAY 86400e6 /* microseconds */

/* A number, date (days) or time (microseconds), NaN: null; or a text, NULL: null. */
typedef struct RxValue {
    TypeKind type; /* TY_NUM TY_TEXT TY_DATE TY_TIME */
    double num;
    const char *text;
    int32_t len;
} RxValue;
typedef struct RxContext {
    const Table *const *tables; /* per role */
    const int64_t *rows;        /* per role; a dictionary code when by_code */
    bool by_code;
    struct RxBlock *block; /* texts made by functions */
    size_t used;
    char *regex_pattern; /* of the compiled regex below; NULL: none */
    regex_t regex;
} RxContext;

RxValue rx_eval(RxContext *c, const RowExpr *e);
void rx_reset(RxContext *c);   /* forgets texts made so far */
void rx_release(RxContext *c); /* frees scratch memory and the regex */
bool rx_is_null(RxValue v);
double rx_arithmetic(Op op, double a, double b);
int rx_function(const RowExpr *e);
bool rx_function_of_numbers(int f);
double rx_call_number(int f, double x, double y);
double rx_column_number(const Column *c, int64_t row);                         /* NaN: null */
int rx_compare_text(const char *a, int32_t alen, const char *b, int32_t blen); /* by bytes */
void rowexpr_column_free(Column *c); /* a column made by rowexpr_eval_column */
bool rowexpr_equal(const RowExpr *a, const RowExpr *b);

int64_t calendar_days(int64_t y, int m, int d); /* since 1970-01-01 */
void calendar_date(int64_t days, int64_t *y, int *m, int *d);
/* ISO 8601 date or date-time; micros is the time of day. false: not one. */
bool calendar_parse(const char *s, int32_t len, int64_t *days, double *micros);
#endif
