/* integration.h: from tables and tgds to the matrices that training runs on (semantics.md).
 *
 * Input: a MappingSpec, pure data, built by compiler/mapping.c from the script: roles, bodies, equalities, conditions,
 * head columns, checks. Output: an Integration: the target's rows as indicators (CI), columns as blocks (CM and column
 * classes), labels, weights and ids as columns, and the counts that reports and the cost model need. R is never made.
 *
 * Rows are the maximal provenance vectors of semantics.md, in tgd order (or base order). Every cell (i, j) of the
 * feature matrix X is owned by exactly one block, so that X = sum over blocks b of G_b D_b M_b', where G_b is the 0/1
 * matrix of block b's indicator:
 *
 *     X[i, block.target_cols[c]] = D_b[idx_b[i], c]   when idx_b[i] >= 0
 *
 * Absent optional rows and fills: where a column has one owner role in all tgds, its block's D gets one extra last row
 * that holds the fill values, and the indicator points there, so that it is total; fills of overlapped columns and
 * constants of a tgd are a block over the pseudo-table "fill" with a row a tgd. */
#ifndef AMAL_INTEGRATION_H
#define AMAL_INTEGRATION_H
#include "backends/runtime/rowexpr.h"

#define MAX_ROLES 64

/* ---------------- input ---------------- */
typedef struct RoleSpec {
    const char *name; /* alias or source name */
    int source;       /* index into tables */
    Span span;
} RoleSpec;
typedef struct ColRef {
    int role, column;
} ColRef;
typedef struct JoinEq { /* a.column = b.column, from one shared variable */
    ColRef a, b;
    Span span;
    const char *variable;
} JoinEq;
/* What target column j is in one tgd. Alternatives in order of precedence. */
typedef enum { HEAD_EXISTENTIAL, HEAD_COLUMN, HEAD_DERIVED, HEAD_CONST, HEAD_MULTI } HeadKind;
typedef struct HeadAlt {
    HeadKind kind;
    int role;      /* COLUMN, DERIVED */
    int column;    /* COLUMN: table column */
    RowExpr *expr; /* DERIVED (one role), CONST, MULTI (several roles, of this tgd's body) */
    Span span;
} HeadAlt;
typedef struct HeadTerm {
    int nalts;
    HeadAlt *alts; /* a variable bound in several roles gives one COLUMN alternative each, base role first */
} HeadTerm;
typedef struct TgdSpec {
    const char *label; /* "m1", or "m1 without planes" for expanded optional atoms */
    Span span;
    uint64_t body; /* set of roles */
    int neqs;
    JoinEq *eqs; /* join equalities (empty between roles joined by a match) */
    int nconds;
    RowExpr **conds; /* over roles of the body */
    Span *cond_spans;
    HeadTerm *head; /* one per target column */
} TgdSpec;
typedef struct CheckSpec { /* key, fd, fk, not-null are checked on the source tables before joining */
    EgdKind kind;
    int source, source2;
    int ncols, ncols2;
    int *cols, *cols2; /* fd: cols -> cols2; fk: cols in source -> cols2 in source2 */
    Span span;
} CheckSpec;
typedef struct MatchSpec { /* rows of these roles are one entity */
    int nroles;
    int *roles;
    int neqs;
    JoinEq *eqs;                           /* on … */
    Table *links;                          /* via: NULL otherwise */
    int link_left, link_right, link_score; /* columns of links (-1: no score) */
    int left_col, right_col; /* columns of roles[0], roles[1] that the links name; -1: row numbers, from 1 */
    bool one_to_one;
    bool many_to_one; /* several rows of one source may be the same entity; otherwise that is E420 */
    Span span;
} MatchSpec;
typedef struct TargetColumnSpec {
    const char *name;
    ColumnRole role;
    Encoding encoding;
    TypeKind type; /* common type of what feeds it */
    const char *epoch;
    MissingKind missing; /* MISS_DEFAULT: 0 for features, "error" for labels and weights */
    double missing_value;
    const char *base_category; /* onehot(base = …): left out; NULL: none */
    Span span;
    int nprec; /* precedence over roles: L_j */
    int *prec;
} TargetColumnSpec;
typedef enum { CONFLICT_BASE, CONFLICT_NONNULL } ConflictPolicy;
typedef struct MappingSpec {
    const char *target;
    Span span;
    int ntables;
    Table **tables;
    int nroles;
    RoleSpec *roles;
    int ntgds;
    TgdSpec *tgds;
    int ncols;
    TargetColumnSpec *cols;
    int nchecks;
    CheckSpec *checks;
    int nmatches;
    MatchSpec *matches;
    ConflictPolicy conflict;
    bool base_order, distinct, egd_warn;
    int64_t max_rows; /* option max_rows, default 1e9 */
    int threads;
    const struct JoinDevice *device; /* where the look-ups of large joins are made (join_device.h); NULL: here */
} MappingSpec;

/* ---------------- output ---------------- */
/* Which row of table-space `space` target row i reads. */
typedef struct Indicator {
    int space;          /* index into Integration.spaces */
    int64_t rows;       /* rows of the target */
    const int32_t *idx; /* -1: none; NULL when identity or range */
    bool identity;      /* idx[i] = i for all i */
    bool range;         /* idx[i] = i - begin + first for begin <= i < end, else -1 */
    int64_t begin, end, first;
    bool total;     /* no -1 */
    bool ascending; /* non-decreasing over its non-negative entries */
    bool injective; /* no source row is used twice */
    int64_t used;   /* distinct source rows used */
    int64_t
        *segments; /* of the indicator that the rows are sorted by: rows segments[r] <= i < segments[r+1] of the target
                      read row r (spaces[space].rows + 1 numbers; total, ascending); NULL: not sorted by it */
    double *count; /* n_b[r]: how often target rows use row r of the space; length spaces[space].rows */
} Indicator;
/* Rows that blocks are stored over: one per role that owns columns (its source rows, plus the fill row), the fill
 * pseudo-table, and one identity space for columns computed per target row. */
typedef struct IntSpace {
    const char *name; /* role name, "fill", or "computed" */
    int role;         /* -1: not a role */
    int64_t rows;     /* including the fill row */
    bool has_fill_row;
} IntSpace;
typedef struct IntBlock {
    int space, indicator;
    Matrix *data;         /* spaces[space].rows x ncols */
    int32_t *target_cols; /* ncols positions in X, ascending */
    const char *label;    /* "planes{seats, built}" */
} IntBlock;
typedef struct Feature { /* one column of X */
    const char *name;    /* "seats", "carrier=UA", "ux[17]" */
    int column;          /* target column it encodes */
    int32_t category;    /* position in its dictionary, -1: numeric */
} Feature;
typedef struct Encoder { /* how target column j became numbers: kept by models, so that new data are encoded alike */
    Encoding encoding;
    Dict *dict;   /* onehot, ordinal: sorted by bytes; NULL otherwise */
    int32_t base; /* code left out, or -1 */
    double fill;  /* value of a missing cell (constant or mean), in encoded numbers */
    bool has_fill;
    int64_t first_feature, nfeatures; /* columns of X; nfeatures 0 for labels, ids */
} Encoder;
typedef struct ConflictReport {
    int column, role_a, role_b;
    int64_t compared, equal, differing;
    double max_diff;
    int nfirst;
    int64_t first_rows[10];
} ConflictReport;
/* How the rows of the target lie for a training. */
typedef struct Arrangement {
    int sort_by;       /* in the order of the rows that this indicator reads; -1: in their own */
    uint64_t absorbed; /* set of roles whose columns are copied, a row for each row of the target */
} Arrangement;
static inline bool arrangement_is_plain(Arrangement a) { /* nothing has to be made */
    return a.sort_by < 0 && !a.absorbed;
}
typedef struct Integration Integration;
struct Integration {
    const MappingSpec *spec;
    const Integration *parent; /* for a part: shares spaces and blocks' data with it; NULL otherwise */
    const char *part;          /* "train", … or NULL */
    int64_t rows, cols;        /* X is rows x cols */
    const char *kind;          /* "single" "inner" "left" "full outer" "union" "mixed" */
    const char *kind_detail;   /* "left, core flights", or for mixed: "{S1,S2} 3, {S1} 1" */
    int64_t *tgd_begin;        /* rows of tgd t are [tgd_begin[t], tgd_begin[t+1]) when `tgd_ordered` */
    bool tgd_ordered;
    int32_t *tgd_of; /* per row */
    int32_t **ci;    /* ci[role][i]: 0-based source row or -1 (provenance; the papers' CI) */
    int **cm;        /* cm[role][j]: table column (>= 0), -1 unmapped, <= -2 derived number -2-k */
    int nspaces;
    IntSpace *spaces;
    int nindicators;
    Indicator *indicators;
    int nblocks;
    IntBlock *blocks;
    Feature *features;      /* cols */
    Encoder *encoders;      /* per target column */
    double *label, *weight; /* rows; NULL when the target has none */
    Dict *label_dict;       /* ordinal labels */
    int nconflicts;
    ConflictReport *conflicts;
    int64_t *dropped_null_key; /* per role: rows with a null key that no tgd keeps */
    int64_t *unmatched;        /* per role: rows used by no target row */
    int64_t dropped_missing;   /* rows removed by `missing drop` */
    const char
        *joined; /* where its rows were found, and why there; NULL: no device was offered, or it comes from the cache */
    bool materialized;              /* made by integration_materialize */
    bool owns;                      /* of spaces, blocks' data, features and encoders: not a part, not materialized */
    int64_t *root_rows;             /* of a part: its rows' numbers in the whole target; NULL: the whole */
    struct IntegrationState *state; /* private, as are the next two */
    Arena *arena;
    bool borrows_rows; /* tgd_of, ci, label, weight belong to the parent */
    struct RangeMemo {
        bool known;
        double lo, hi;
    } * range_memo;    /* of the labels; NULL: looked for each time */
    int64_t *nnz_memo; /* integration_materialized_nnz(), once counted; -1 before; NULL: counted each time */
    int32_t *order;    /* of a sorted view: its row i is row order[i] of `parent`; NULL: the rows' own order */
    int nborrowed;     /* of an arranged view: so many indicators, the first, are the parent's */
    int nmade;         /* blocks' data that an arranged view copied, and owns */
    Matrix **made;
    bool mapped; /* its arrays lie in a cache entry; state is NULL (integration_cache.h) */
    void *entry; /* of a whole target: the entry, entry_len bytes */
    size_t entry_len;
};

/* Reported: NULL. `encoders`, when given (predicting with a loaded model), are used instead of learning new
 * dictionaries and means; unseen categories are E330. */
Integration *integration_build(Diags *ds, const MappingSpec *spec, const Encoder *encoders);
/* The part of T that holds rows[0..n) (ascending target rows). Shares data. */
Integration *integration_select(Diags *ds, const Integration *in, const char *part, const int64_t *rows, int64_t n);
/* Random disjoint parts: row i goes by rng_uniform(seed, 0, i) and the running shares. Sizes are exact: floor(share *
 * n), the last part takes the rest when shares sum to 1. out[p] gets part p. */
bool integration_split(Diags *ds, const Integration *in, int nparts, const char *const *names, const double *shares,
                       uint64_t seed, Integration **out);
/* T as one block (dense, or CSR when under a quarter of the cells are non-zero) over one identity indicator. NULL:
 * reported (E402: does not fit, with the numbers). `bytes` is what it would take. */
Integration *integration_materialize(Diags *ds, const Integration *in, int threads);
/* Single precision: every number of X becomes the nearest float, in place, and the blocks are marked `single`, for all
 * that shares them (parts) and for what is materialized or arranged from them. W435, and nothing is changed: a number
 * that is too large or too small for the 24 bits of a float. false: reported (E402). */
bool integration_round(Diags *ds, Integration *in, int threads);
bool integration_is_single(const Integration *in);
/* The same rows arranged for training. Sorted: in ascending order of the rows that an indicator reads, equals in their
 * own order, rows without one last; blocks that hold about one row for each row of the target are copied into that
 * order. Absorbed: the blocks of a role that rows of the target share are copied, a row for each row of the target that
 * has one. A copy's indicator is the identity, or ascending and injective where rows of the target have no row. All
 * else is shared; so are features and encoders. A sorted view has no provenance (ci, tgd_of). NULL: reported (E402).
 * O(rows + bytes of what is copied). */
Integration *integration_arrange(Diags *ds, const Integration *in, Arrangement a, int threads);
bool integration_can_absorb(const Integration *in, int block); /* of a role, and not read row after row already */
bool integration_copies(const Integration *in, Arrangement a, int block); /* is that block copied? */
int integration_parts(int threads, double cells); /* threads that joining and arranging so many cells take */
int64_t integration_copied_rows(const Integration *in, int block); /* rows of its copy */
size_t integration_copied_bytes(const Integration *in, Arrangement a);
size_t integration_materialized_bytes(const Integration *in);
size_t integration_factorized_bytes(const Integration *in);
int64_t integration_materialized_nnz(const Integration *in);
/* The least and the greatest label: infinity and -infinity where there are none. */
void integration_label_range(const Integration *in, double *lo, double *hi);
/* The target as a table of source values in target columns' types (labels and ids included, encodings undone, fills
 * shown), with one column "ROLE.row" a role when `provenance` (0-based, -1 absent). */
Table *integration_export(Diags *ds, const Integration *in, bool provenance);
/* Only the id columns (predictions are written beside them); a "row" column when the target has none. */
Table *integration_ids(Diags *ds, const Integration *in);
/* Dense rows of X for the given target rows: out is n x cols. */
void integration_rows(const Integration *in, const int64_t *rows, int64_t n, double *out);
void integration_free(Integration *in);
/* Called at the beginning of every integration_free: copies of its arrays elsewhere have to go. One listener. */
void integration_on_free(void (*listener)(const Integration *in));
#endif
