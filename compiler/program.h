/* program.h: a script after resolution: names bound, static checks done, the mapping ready to be built.
 *
 * resolve.c builds a Program from the parsed script, the stdlib and the files it uses; it opens sources only for their
 * schemas. mapping.c turns one target of a Program plus its tables into a MappingSpec. typecheck.c checks shapes of the
 * algebra. */
#ifndef AMAL_PROGRAM_H
#define AMAL_PROGRAM_H
#include "backends/runtime/integration.h"
#include "compiler/ast.h"

typedef struct Source {
    const SourceDecl *decl;
    int index;
    int ncols;
    ColumnDecl *cols; /* declared or inferred */
    bool schema_known;
    bool *wanted; /* columns that some tgd, check or match reads */
} Source;
typedef struct Target {
    const TargetDecl *decl;
    int index;
    VEC(const TgdDecl *) tgds;      /* in order, before expansion of optional atoms */
    VEC(const MatchDecl *) matches; /* those over sources of this target */
    const Stmt *split;              /* ST_SPLIT or NULL */
    MappingSpec *spec;              /* static part: tables are NULL until mapping_bind() */
    int nfeatures_known;            /* numeric features, before encodings; -1 unknown */
    bool has_label, has_weight;
} Target;
/* What the shape checker found out about an expression or a variable, for editors: "n x d". */
typedef struct ShapeNote {
    Span at;
    const char *shape;
} ShapeNote;
typedef struct Program {
    Arena *arena;
    Diags *diags;
    const Script *script;
    const char *base_dir;
    const Script *built_with; /* of a built program: sources with the columns found then; else NULL */
    VEC(Source) sources;
    VEC(Target) targets;
    VEC(const EgdDecl *) egds;
    VEC(const AlgorithmDecl *) algorithms; /* the script's shadow the stdlib's */
    VEC(const FuncDecl *) metrics;
    VEC(const Stmt *) steps;  /* let print train evaluate predict save load option for export, in order */
    VEC(const Stmt *) params; /* ST_PARAM */
    VEC(Script *) used;       /* `use`d files, then the stdlib, kept alive */
    int nused;                /* how many of them are `use`d files */
    const struct ResolveOptions *options;
    uint32_t shapes_of; /* file whose shapes are noted while they are checked; 0: none */
    VEC(ShapeNote) shapes;
} Program;

typedef struct Setting {
    const char *name, *value;
} Setting; /* --set NAME=value */

/* As table_schema(), for who keeps schemas between two resolutions. One that returns false and reports nothing has no
 * schema yet: what depends on it is left unchecked. */
typedef bool (*SchemaReader)(void *user, Arena *arena, Diags *ds, const SourceDecl *decl, const TableOptions *opt,
                             int *ncols, ColumnDecl **cols);
typedef struct ResolveOptions {
    bool partial;        /* a target that no tgd fills, a match of roles that no tgd has: tgds are yet to come */
    SchemaReader schema; /* NULL: table_schema() */
    /* The text of a used file that is not as it is on disk (for mem_free()), or NULL: it is. NULL: all are. */
    char *(*text)(void *user, const char *path, size_t *len);
    void *user;
} ResolveOptions;

/* Resolves everything that can be known without rows. Reports; NULL only when nothing useful is left (callers test
 * diag_error_count). `stdlib` are already parsed scripts (algorithms and metrics). */
Program *program_resolve(Arena *arena, Diags *ds, const Script *script, int nstdlib, Script **stdlib,
                         const char *base_dir);
Program *program_resolve_with(Arena *arena, Diags *ds, const Script *script, int nstdlib, Script **stdlib,
                              const char *base_dir, const ResolveOptions *options);
/* A statement whose relative paths get the prefix: itself when it has none, else a copy. */
Stmt *program_rebase(Arena *a, const char *prefix, Stmt *s);
/* The statements of a script with those of the files it uses in the place of `use`, paths seen from base_dir; prefix:
 * the script's own folder seen from there, "" when it is the same. */
void program_collect(Arena *arena, Diags *ds, Script *script, const char *prefix, const char *base_dir, StmtVec *out);
const Source *program_source(const Program *p, const char *name);
Target *program_target(Program *p, const char *name);
const AlgorithmDecl *program_algorithm(const Program *p, const char *name);
const FuncDecl *program_metric(const Program *p, const char *name);

/* Static mapping of one target: expands optional atoms, binds variables to columns, checks E110..E171, E210..E212,
 * E310, W1xx; fills t->spec without tables. */
bool mapping_resolve(Program *p, Target *t);
/* Attaches tables (tables[i] belongs to p->sources[i], NULL where unused) and link tables; settles types. The spec is
 * then ready for integration_build(). false: reported. */
bool mapping_bind(Program *p, Target *t, Table **tables, const TableOptions *opt);

/* typecheck.c: symbolic shapes of every algorithm used, every let and print. Dimensions are linear forms over symbols
 * (n, d, k …) and constants. false: reported (E130..E139). */
bool typecheck_program(Program *p);
#endif
