/* lsp_internal.h: what the files of the language server share. Not for others.
 *
 * Files: lsp.c (life, dispatch, documents), lsp_transport.c (messages on the wire), lsp_position.c (places: bytes and
 * the client's units), lsp_schema.c (schemas in a second thread), lsp_analysis.c (a text to a program; diagnostics,
 * quick fixes), lsp_names.c (every name of a script with its declaration), lsp_hover.c (what is said about them),
 * lsp_symbols.c (outline). */
#ifndef AMAL_LSP_INTERNAL_H
#define AMAL_LSP_INTERNAL_H
#include "compiler/json.h"
#include "compiler/lsp/lsp.h"
#include "compiler/program.h"
#include <setjmp.h>

/* ---- places: lsp_position.c ---- */
typedef enum { UNITS_UTF16, UNITS_UTF8 } Units; /* what a position's `character` counts, as agreed with the client */
typedef struct Position {
    uint32_t line, character;
} Position;
/* A text of which places are asked for. The last beginning is kept: places in the order of the text take one walk. */
typedef struct Places {
    const char *text;
    size_t len;
    Units units;
    size_t known; /* bytes before `at` */
    Position at;
} Places;
Position position_of(const char *text, size_t len, size_t offset, Units units);
/* Beyond the end of a line or of the text: its end; inside a character: its beginning. */
size_t position_offset(const char *text, size_t len, Position at, Units units);
bool position_read(const Json *j, Position *out); /* {line, character}; false: it is none */
void position_write_range(Buf *out, Places *places, size_t begin, size_t end);
/* A file name from a file: URI, its %xx undone, and back; NULL: it is no such URI. Heap. */
char *uri_path(const char *uri);
char *uri_of_path(const char *path);

/* ---- the wire: lsp_transport.c ---- */
typedef struct Transport {
    int fd;
    Buf in;
    size_t taken, skip; /* bytes of `in` that are done; bytes of a body that is too large still to come */
    bool ended;
} Transport;
typedef enum { WIRE_NOTHING, WIRE_MESSAGE, WIRE_BROKEN } WireState;
/* Reads what is there; waits for it, or for a byte on `wake`, when `wait`. false: interrupted by wake alone. */
void transport_fill(Transport *t, bool wait, int wake);
/* The next whole message, valid until the next call. WIRE_BROKEN: a header or a body was skipped, *why says why. */
WireState transport_next(Transport *t, const char **body, size_t *len, const char **why);
void transport_send(FILE *out, const Buf *body);

/* ---- schemas: lsp_schema.c ---- */
typedef struct Schemas Schemas;
Schemas *schemas_start(void); /* NULL: no thread */
void schemas_stop(Schemas *s);
int schemas_wake_fd(const Schemas *s);   /* readable when a schema was found */
void schemas_awake(Schemas *s);          /* takes the bytes from it */
int64_t schemas_found(const Schemas *s); /* how many so far */
/* SchemaReader (program.h); the context is the Schemas. */
bool schemas_lookup(void *schemas, Arena *arena, Diags *ds, const SourceDecl *decl, const TableOptions *opt, int *ncols,
                    ColumnDecl **cols);

/* ---- names: lsp_names.c ---- */
typedef enum {
    NAME_SOURCE,        /* what: Source */
    NAME_COLUMN,        /* of a source. what: ColumnDecl; owner: Source */
    NAME_TARGET,        /* what: Target */
    NAME_TARGET_COLUMN, /* what: TargetColumn; owner: Target */
    NAME_VARIABLE,      /* of a tgd. what: BoundVar */
    NAME_TGD,           /* its label */
    NAME_PART,          /* of a split: T.train */
    NAME_ALGORITHM,     /* what: AlgorithmDecl */
    NAME_HYPER,         /* what: Param; owner: AlgorithmDecl */
    NAME_METRIC,        /* what: FuncDecl */
    NAME_MODEL,         /* what: Stmt (train or load) */
    NAME_FIELD,         /* of a model: risk.w */
    NAME_VALUE,         /* let, param, parameter, loop variable, variable of a body */
    NAME_FUNCTION,      /* of algebra */
    NAME_ROW_FUNCTION,  /* of conditions and head terms */
    NAME_FILE           /* of a `use`: the whole text */
} NameKind;
typedef struct BoundColumn {
    const Source *source;
    const char *role;
    int column; /* -1: unknown */
} BoundColumn;
typedef struct BoundVar {
    const char *name;
    Span first;
    bool existential;
    VEC(BoundColumn) columns;
} BoundVar;
typedef struct NameRef {
    NameKind kind;
    Span at, def; /* def.file 0: it has no place in a text */
    const char *name;
    const void *what, *owner;
} NameRef;
typedef struct NameIndex {
    VEC(NameRef) refs;
} NameIndex;
void names_collect(Program *p, NameIndex *out); /* of the main script */
const NameRef *names_at(const NameIndex *n, size_t offset);

/* ---- documents and what is known of them: lsp_analysis.c ---- */
typedef struct WarningOptions {
    int count;
    char *options[32]; /* as behind -W */
} WarningOptions;
typedef struct Document {
    char *uri, *path;
    Buf text;
    int64_t version;
    bool dirty;                     /* text or schemas changed since the analysis */
    int64_t schemas_seen;           /* schemas_found() at the analysis */
    bool published;                 /* some diagnostics are on the client's screen */
    ResolveOptions resolving;       /* where schemas come from */
    const WarningOptions *warnings; /* as the client wants them */
    Arena *arena;                   /* of the analysis; NULL: there is none */
    Diags *ds;
    int said;
    Program *p; /* NULL: nothing could be resolved */
    NameIndex names;
} Document;
void document_analyse(Document *d);                                  /* of d->text; what was known before is gone */
void document_forget(Document *d);                                   /* the analysis */
void document_diagnostics(const Document *d, Units units, Buf *out); /* JSON array */
void document_fixes(const Document *d, size_t begin, size_t end, Units units,
                    Buf *out); /* JSON array of code actions */
static inline Places document_places(const Document *d, Units units) {
    return (Places){.text = d->text.data, .len = d->text.len, .units = units};
}

/* ---- lsp_hover.c, lsp_symbols.c ---- */
bool document_hover(const Document *d, size_t offset, Buf *markdown, Span *at); /* false: nothing to say */
void document_symbols(const Document *d, Units units, Buf *out);                /* JSON array */

/* ---- ways back from exhausted memory and internal errors: lsp.c ---- */
/* Runs f(arg) so that neither ends the program; false: one of them happened. Nests; any thread. */
bool lsp_guarded(void (*f)(void *), void *arg);
#endif
