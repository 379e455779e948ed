/* session_internal.h: what session*.c share, and the commands of the REPL that look at data. Not for others.
 *
 *   session.c        statements: what they replace, when they run
 *   session_needs.c  what a statement needs of the session, and the keys of everything
 *   session_turn.c   one turn: a program of what is needed, run on what is kept */
#ifndef AMAL_SESSION_INTERNAL_H
#define AMAL_SESSION_INTERNAL_H
#include "compiler/run_internal.h"
#include "compiler/session.h"

typedef struct Made { /* what a step bound */
    const char *name;
    Matrix *value; /* or */
    Model *model;
} Made;
typedef struct Entry { /* a statement of the session */
    Stmt *stmt;
    const char *text;     /* canonical */
    uint64_t hash;        /* of the text */
    const Script *script; /* it stands in, with its comments; NULL: a file that another used */
    int batch;            /* statements of one file have one number: they do not replace each other */
    /* steps that bind names */
    bool made_valid;
    uint64_t made_key; /* of all that they were made of */
    int nmade;
    Made *made;
    Kept *kept; /* where models live; NULL: nothing was made */
} Entry;
typedef VEC(Entry *) EntryVec;

typedef struct KnownSchema {
    uint64_t key;
    int ncols;
    ColumnDecl *cols;
} KnownSchema;

struct Session {
    Arena *arena; /* texts, trees and entries: as long as the session */
    Diags *files; /* all texts; warnings that were shown */
    SessionOptions o;
    ScriptVec stdlib;
    EntryVec declared, steps;
    VEC(KnownSchema) schemas;
    DataCache *cache;
    VEC(const Integration *) reported; /* targets whose summary was printed */
    int batches;
    /* the declarations as they were last resolved, in an arena of their own */
    Arena *checked_arena;
    Program *checked;
    Diags *checked_diags;
};

/* ---- session_needs.c ---- */
typedef struct Needs {
    bool *declared; /* per declaration */
    bool *steps;    /* per step: what it binds is needed */
} Needs;
Needs needs_new(Arena *a, const Session *s);
void needs_of(const Session *s, Needs *n, const Stmt *stmt, int before); /* before: steps that stand before it */
void needs_expr(const Session *s, Needs *n, const Expr *e);
bool needs_target(const Session *s, Needs *n, const char *name); /* false: not declared */
bool needs_source(const Session *s, Needs *n, const char *name);
bool needs_model(const Session *s, Needs *n, const char *name); /* the step that bound it; false: none did */
/* Is there a target whose tgds have all roles of the match? */
bool session_match_fits(const Session *s, const MatchDecl *m);
void needs_close(const Session *s, Needs *n); /* what the declarations themselves need; at the end */
/* The names that a step binds, those of its loop's body included. */
void session_bound_names(Arena *a, const Stmt *stmt, NameVec *out);
int session_binder(const Session *s, const char *name, int before);  /* the last step that binds it; -1: none */
int session_find(const Session *s, StmtKind kind, const char *name); /* the declaration; -1: none */

typedef struct Keys {  /* as they are now */
    uint64_t *sources; /* per declaration that is a source */
    uint64_t *targets; /* per declaration that is a target */
    uint64_t *splits;
    uint64_t *steps; /* per step */
} Keys;
Keys session_keys(Arena *a, const Session *s);
uint64_t session_step_key(Arena *a, const Session *s, const Keys *k, const Stmt *stmt, int before);
uint64_t session_file_stamp(const char *base_dir, const char *uri); /* changes when the file does */

/* ---- session_turn.c ---- */
typedef struct Turn {
    Session *s;
    Kept *kept;
    Arena *arena;
    Diags *ds;
    Program *program;
    Needs needs;
    Keys keys;
    DataKeys data_keys;
    RunOptions options;
    Run run;
    bool running;
    VEC(Entry) outdated; /* what steps had made before they were made again: freed at the end */
} Turn;
void turn_begin(Turn *t, Session *s); /* then fill t->needs */
/* Resolves what is needed, with `stmt` (may be NULL) behind it. false: reported. */
bool turn_resolve(Turn *t, Stmt *stmt);
/* Opens the data and binds what steps made; makes again what is stale. false: reported, or interrupted. */
bool turn_bind(Turn *t);
bool turn_step(Turn *t, Entry *e); /* runs a step that is not in the session yet; what it binds goes to e */
/* Prints what is left to say, frees what nobody keeps; fresh: an entry that is not in the session yet, or NULL. */
void turn_end(Turn *t, const Entry *fresh);
void session_forget_made(Entry *e);
void session_sweep(Session *s);

/* ---- session.c ---- */
bool session_read_schema(void *session, Arena *arena, Diags *ds, const SourceDecl *decl, const TableOptions *opt,
                         int *ncols, ColumnDecl **cols);
#define SESSION_BASE "." /* paths are relative to where the session was started */
#endif
