/* integration_internal.h: what the files integration*.c share. Nothing here is for other modules.
 *
 * The order of work (integration.c): checks -> matches -> keys -> family -> rows -> columns -> encoders -> missing
 * values -> blocks. Small structures live in the state's arena; arrays whose length is a row count come from mem_try
 * and are freed by their owner. */
#ifndef AMAL_INTEGRATION_INTERNAL_H
#define AMAL_INTEGRATION_INTERNAL_H
#include "backends/runtime/integration.h"
#include "backends/runtime/rowexpr_internal.h"
#include <math.h>
#include <stdlib.h>

#define ROLE_BIT(k) (UINT64_C(1) << (k))
#define MAX_TARGET_ROWS INT32_MAX /* row numbers are int32 throughout */

/* ---------------- keys: integration_keys.c ---------------- */
/* Distinct uint64 values numbered 0, 1, … in order of arrival. */
typedef struct Intern {
    uint64_t *key; /* per slot */
    int32_t *id;   /* per slot; -1: empty */
    uint64_t mask;
    int32_t count;
} Intern;
bool intern_init(Intern *t, int64_t expected);
int32_t intern_add(Intern *t, uint64_t key);        /* -2: no memory */
int32_t intern_find(const Intern *t, uint64_t key); /* -1: absent */
void intern_free(Intern *t);

/* Columns that are compared with each other get codes that are equal exactly when the values are; null has -1. */
typedef struct KeyColumn {
    const Column *col;
    int64_t rows;
    int32_t *key; /* filled; mem_free by the owner */
} KeyColumn;
enum { KEYS_NO_MEMORY = -1, KEYS_MIXED = -2 };
int64_t keys_encode(int n, KeyColumn *cols); /* number of codes, or KEYS_… */

/* Rows of one table grouped by a tuple of codes: group g holds rows[start[g] .. start[g + 1]), ascending. */
typedef struct KeyIndex {
    int nkeys;
    int64_t mul[MAX_ROLES +
                1]; /* stage i combines (group so far, code i): g * mul[i] + code when mul[i] > 0, else by pairs[i] */
    Intern pairs[MAX_ROLES + 1];
    int64_t groups, indexed;
    int32_t *start, *rows;
    bool unique;
} KeyIndex;
/* `own[i]` has a code a row, below domain[i]; rows with ok[row] = 0 or a null code are left out. nkeys 0: one group. */
bool key_index_build(KeyIndex *x, int64_t rows, const uint8_t *ok, int nkeys, const int32_t *const *own,
                     const int64_t *domain);
int64_t key_index_find(const KeyIndex *x, const int32_t *codes); /* group, or -1 */
void key_index_free(KeyIndex *x);

/* ---------------- family: integration_family.c ---------------- */
typedef struct KeyNode { /* a column, or the entity id of match -1 - column, of a role */
    int role, column;
    const int32_t *key;
    int64_t domain;
} KeyNode;
/* A join of the roles in `all`: what the triggers of one tgd, or of a whole consistent family, satisfy. */
typedef struct Join {
    uint64_t all, core; /* union and intersection of the bodies */
    int nbodies;
    uint64_t *bodies; /* distinct */
    int *tgd;         /* the first tgd with that body */
    int *group;       /* per node: which nodes are equal; -1: not joined */
    int ngroups;
    int nconds;
    const RowExpr **conds;
    uint64_t *cond_roles;
} Join;
typedef struct Family {
    int nnodes;
    KeyNode *nodes;
    int **tgd_group; /* per tgd: group per node (the node number of its first member), -1: not joined */
    int nconds;      /* structurally distinct conditions */
    const RowExpr **conds;
    uint64_t *cond_roles;
    int **tgd_conds, *ntgd_conds;
    bool consistent; /* every tgd is the restriction of one join to its body */
    Join join;       /* of all tgds, when consistent */
} Family;

/* ---------------- columns: integration_columns.c ---------------- */
typedef struct Feeder { /* a column of a role's table, or an expression over it, that feeds one target column */
    int role, column;   /* column -1: derived */
    const RowExpr *expr;
    const Column *col;
} Feeder;
typedef enum { ALT_FEEDER, ALT_CONST, ALT_MULTI } AltKind;
typedef struct Alt {
    AltKind kind;
    int feeder;
    const RowExpr *expr;
} Alt;
enum { OWNER_NONE = -1, OWNER_CONST = -2 }; /* otherwise a feeder */
typedef struct ColumnPlan {
    int nfeeders;
    Feeder *feeders;
    int *nalts; /* per tgd */
    Alt **alts;
    int *owner;       /* per tgd: structural owner (irrelevant when computed) */
    Column *consts;   /* a row a tgd; NULL: no constants */
    Column *computed; /* a row a target row; owns the whole column; NULL otherwise */
    double epoch;     /* encoding days: day 0, since 1970-01-01 */
} ColumnPlan;
typedef struct Derived {
    int role;
    const RowExpr *expr;
    Column *col;
} Derived;

/* ---------------- the whole ---------------- */
struct IntegrationState {
    Arena *arena;
    Diags *ds;
    const MappingSpec *spec;
    bool failed;           /* a diagnostic was reported */
    int64_t *table_rows;   /* per role */
    int32_t ***entity;     /* [match][role]: entity id per row; NULL when the role is not in the match */
    int64_t *entities;     /* per match */
    int32_t ***column_key; /* [table][column]: codes; NULL when not joined */
    int64_t **column_domain;
    Family family;
    int64_t rows;
    int32_t *tgd_of;
    int32_t **ci;
    int64_t *tgd_rows; /* rows of each tgd, after rows were dropped */
    int nderived, derived_cap;
    Derived *derived;
    ColumnPlan *plans;
    const Encoder *given;  /* encoders of a model, or NULL */
    int on_device;         /* joins whose look-ups a device made */
    const char *kept_here; /* why the first of the others was not made there */
};
typedef struct IntegrationState IntState;

void int_no_memory(IntState *s, const char *what, int64_t rows); /* E402, sets failed */
bool int_given_up(IntState *s);                                  /* true: ctrl-C; E460, sets failed */
const Table *int_table(const IntState *s, int role);

bool int_checks(IntState *s);
bool int_matches(IntState *s);
bool int_keys(IntState *s);
void int_keys_free(IntState *s);
void int_family(IntState *s);
bool family_joined(const IntState *s, int tgd, int role_a, int col_a, int role_b, int col_b);
void family_kind(const IntState *s, Integration *out);
bool int_rows(IntState *s);
void int_row_statistics(IntState *s, Integration *out);
/* Filters of one role inside a join: conditions on that role alone and equalities inside it. *ok is NULL when all rows
 * pass. */
bool join_filter(IntState *s, const Join *j, int role, uint8_t **ok);
/* Triggers of a join: integration_trigger.c; of a family whose roles all share one key: integration_entity.c. */
typedef struct Triggers {
    int64_t n, cap;
    int nroles;
    int32_t *tgd;
    int32_t **row; /* per role; NULL for roles outside */
} Triggers;
typedef enum { TRIGGERS_DONE, TRIGGERS_UNSUITED, TRIGGERS_FAILED } TriggersResult;
TriggersResult int_triggers(IntState *s, const Join *j, Triggers *out);
TriggersResult int_entity_rows(IntState *s, const Join *j, Triggers *out);
const char *int_joined(const IntState *s); /* Integration.joined */
bool triggers_reserve(IntState *s, Triggers *t, uint64_t roles, int64_t n);
void triggers_free(Triggers *t);
void int_too_many_rows(IntState *s, bool exact, double rows);

bool int_columns(IntState *s);
bool int_distinct(IntState *s);
bool int_keep_rows(IntState *s, const uint8_t *keep, int64_t kept);
void int_conflicts(IntState *s, Integration *out);
void int_columns_free(IntState *s);
/* The value of cell (row, j): false when nothing feeds it; the value itself may still be null. `root` is the row of the
 * whole target. */
static inline bool plan_cell(const ColumnPlan *p, int tgd, int32_t *const *ci, int64_t row, int64_t root,
                             const Column **col, int64_t *at) {
    if (p->computed) return *col = p->computed, *at = root, true;
    int owner = p->owner[tgd];
    if (owner == OWNER_NONE) return false;
    if (owner == OWNER_CONST) return *col = p->consts, *at = tgd, true;
    const Feeder *f = &p->feeders[owner];
    return *col = f->col, *at = ci[f->role][row], true;
}
static inline double column_number(const Column *c, int64_t r) {
    return rx_column_number(c, r);
}

bool int_encoders(IntState *s, Integration *out);
bool int_missing(IntState *s, Integration *out);
/* Positions in column j's dictionary, a number per row of col: -1 null, -3 not in the dictionary. mem_free. */
int32_t *int_codes(IntState *s, const Integration *out, int j, const Column *col, int64_t rows);
double int_number(const ColumnPlan *p, const TargetColumnSpec *spec, const Column *col,
                  int64_t row); /* encodings num, days; NaN: null */
/* Encoded number of every cell of column j (not onehot, not vector), NaN where missing. */
bool int_gather(IntState *s, const Integration *out, int j, double *values);
void int_number_text(double x, char out[40]); /* shortest text that reads back the same */
void int_value_text(const Column *c, int64_t row, char out[64], const char **text, int32_t *len);
bool int_features(IntState *s, Integration *out);
bool int_blocks(IntState *s, Integration *out);
bool int_targets(IntState *s, Integration *out);                                       /* label, weight */
bool indicator_finish(Indicator *ind, int32_t *idx, int64_t rows, int64_t space_rows); /* takes idx */
static inline void integration_memo(Integration *in) { /* nothing is counted yet; needs the arena */
    in->range_memo = arena_new_of(in->arena, struct RangeMemo);
    in->nnz_memo = arena_new_of(in->arena, int64_t);
    *in->nnz_memo = -1;
}
static inline int64_t indicator_row(const Indicator *ind, int64_t i) {
    if (ind->idx) return ind->idx[i];
    if (ind->identity) return i;
    return i >= ind->begin && i < ind->end ? i - ind->begin + ind->first : -1;
}
/* A row of few numbers, for which memcpy takes longer to find out how many they are than to copy them. */
static inline void copy_numbers(double *restrict to, const double *restrict from, int64_t n) {
    if (n > 4) {
        memcpy(to, from, (size_t)n * sizeof *to);
        return;
    }
    int64_t i = 0;
    if (n & 4) memcpy(to, from, 4 * sizeof *to), i = 4;
    if (n & 2) memcpy(to + i, from + i, 2 * sizeof *to), i += 2;
    if (n & 1) to[i] = from[i];
}
#endif
