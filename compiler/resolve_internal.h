/* resolve_internal.h: what the files of the resolver share (resolve*.c, mapping*.c). Not for others.
 *
 * Files: resolve.c (statements and names), resolve_steps.c (train … export, splits, options), resolve_checks.c (keys,
 * fds, fks, egds), mapping.c (one target), mapping_atoms.c (bodies), mapping_expand.c (their tgds), mapping_expr.c
 * (typed row expressions), mapping_head.c (head terms), mapping_columns.c and mapping_encoding.c (target columns),
 * mapping_match.c (match), mapping_bind.c (tables). */
#ifndef AMAL_RESOLVE_INTERNAL_H
#define AMAL_RESOLVE_INTERNAL_H
#include "compiler/program.h"

#define MAX_TGDS 4096 /* expanded tgds of one target */

/* ---- names ---- */
/* The nearest of the names to `name`, from lists built while looking something up. */
typedef VEC(const char *) TextVec;
const char *resolve_nearest(const char *name, const TextVec *names);
/* E114 etc. for a name that is not among `known`: adds "did you mean" or the list of what there is. */
void resolve_help_names(Diag *d, const char *name, const TextVec *known, const char *what);
int source_column(const Source *s, const char *name);         /* -1: absent */
int resolve_column(Program *p, const Source *s, Name column); /* reports E112; -1 */
int resolve_source(Program *p, Name name);                    /* reports E111; -1 */
/* The constant an expression stands for: a number, text, truth value, `null`, a negated number, or a `param` holding
 * one of them. NULL when it is something else. */
const Expr *resolve_constant(const Program *p, const Expr *e);
Diag *resolve_unsupported(Diags *ds, Span at, const char *what); /* E190 */

/* ---- steps, checks ---- */
void resolve_settings(Program *p, Stmt *const *stmts, int count); /* splits and options */
void resolve_steps(Program *p);
void resolve_egd(Program *p, const EgdDecl *e);     /* validates, adds to p->egds in its key/fd/fk form */
void mapping_checks(Program *p, MappingSpec *spec); /* the checks over the sources of a mapping */

/* ---- values of rows ---- */
typedef enum { VAL_NUM, VAL_TEXT, VAL_DATE, VAL_TIME, VAL_VECTOR, VAL_UNKNOWN } ValueClass;
ValueClass value_class(TypeKind t);
const char *value_text(ValueClass c); /* "a number" … */

/* ---- bodies ---- */
typedef struct VarOcc {
    int atom, column;
    Span span;
} VarOcc;
typedef struct Var {
    const char *name;
    Span span;
    bool existential;
    int uses;        /* mentions outside quantifier lists */
    VEC(VarOcc) occ; /* by role number */
} Var;
typedef struct BodyAtom {
    const Atom *atom;
    int source, role;
} BodyAtom;
typedef struct AtomConst { /* S(…, "JFK", …) */
    int atom, column;
    const Expr *value;
} AtomConst;
typedef struct Body { /* one written tgd, its names bound */
    const TgdDecl *decl;
    const Atom *head;
    const char *label;
    int natoms;
    BodyAtom *atoms; /* at most MAX_ROLES: sets of atoms are 64-bit masks */
    uint64_t optional;
    VEC(Var) vars;
    VEC(AtomConst) consts;
    ExprVec conds;      /* conjunctions taken apart */
    uint64_t *adjacent; /* per atom: atoms that share a variable, an equality or a match */
    Expr **head_of;     /* per target column: its term */
} Body;
typedef struct MapCtx {
    Program *p;
    Target *t;
    Arena *arena;
    Diags *ds;
    MappingSpec *spec;
    VEC(RoleSpec) roles;
    VEC(TgdSpec) tgds;
    VEC(const Body *) body_of; /* per tgd of `tgds` */
    VEC(MatchSpec) matches;
    int written;                 /* number of the written tgd at hand */
    uint64_t matched[MAX_ROLES]; /* per role: the roles under one match with it */
    uint64_t *after;             /* [column * MAX_ROLES + role]: roles that an `x | y` puts after this one */
    Span *after_at;              /* where it says so */
} MapCtx;

Body *body_bind(MapCtx *m, const TgdDecl *decl); /* NULL: reported */
bool body_expand(MapCtx *m, const Body *b);      /* adds its tgds */
/* Is e `x = y` of two bound variables? */
bool body_equality(const Body *b, const Expr *e, const Var **x, const Var **y);
bool body_joinable(MapCtx *m, const Body *b, const char *name, VarOcc x, VarOcc y); /* reports E130 */
uint64_t body_component(const Body *b, uint64_t set); /* the atoms of `set` connected with its first */
Var *body_var(const Body *b, const char *name);
const Source *body_source(const MapCtx *m, const Body *b, int atom);
ValueClass body_class(const MapCtx *m, const Body *b, VarOcc o);
/* The occurrence of v that gives its value when the atoms of `present` are there: the first by role; -1 when absent. */
int var_first(const Var *v, uint64_t present);
int var_in_atom(const Var *v, int atom); /* occurrence number or -1 */
/* rep[i] = the first occurrence that occurrence i corresponds to: itself, unless a match pairs their rows or they
 * share an atom; -1: not present. Representatives of one variable are joined by equality; the others follow them. */
void var_representatives(const MapCtx *m, const Body *b, const Var *v, uint64_t present, int *rep);

/* ---- row expressions ---- */
typedef struct ExprScope {
    MapCtx *m;
    const Body *b;
    uint64_t present; /* atoms of this body */
    int prefer;       /* atom to read variables from when they occur there; -1: none */
    bool lone;        /* a head term that is a name and nothing else: it could be existential */
    bool missing;     /* out: a variable is bound only by atoms left out */
    bool failed;      /* out: reported */
    uint64_t atoms;   /* out: atoms read */
} ExprScope;
RowExpr *rowexpr_compile(ExprScope *s, const Expr *e); /* NULL: s->missing or s->failed */
RowExpr *rowexpr_column(MapCtx *m, int role, int column, Span at);
/* column = constant (or `is null`) for a constant in an atom. NULL: reported. */
RowExpr *rowexpr_const_cond(MapCtx *m, const Body *b, const AtomConst *c);
/* The first present atom (by role) from which every variable of e can be read without going against a match's
 * precedence; -1: none. */
int expr_single_atom(const MapCtx *m, const Body *b, uint64_t present, const Expr *e);
bool expr_covered(const Body *b, int atom, const Expr *e); /* every variable of e occurs in that atom */
bool expr_has_vars(const Body *b, const Expr *e);
void expr_walk_names(const Expr *e, void (*visit)(void *, const Expr *), void *arg);

/* ---- target columns, matches ---- */
bool mapping_head(MapCtx *m, const Body *b, uint64_t present, HeadTerm *head); /* mapping_head.c */
bool head_alt_equal(const HeadAlt *a, const HeadAlt *b);
TypeKind head_alt_type(const MapCtx *m, const HeadAlt *a, int64_t *width);
bool mapping_columns(MapCtx *m);                                                 /* mapping_columns.c */
bool mapping_encoding(MapCtx *m, TargetColumnSpec *c, const TargetColumn *decl); /* mapping_encoding.c */
bool mapping_matches(MapCtx *m);
/* Text of a named argument of `match … via` (a name or a string), with its place; text NULL when absent. */
Name match_argument(const MatchDecl *d, const char *name);
void mapping_wanted(Program *p, const MappingSpec *spec);
#endif
