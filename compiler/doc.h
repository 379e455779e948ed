/* doc.h: the reference of what scripts can call and of what a script declares, from the comments that stand there; for
 * `amal doc`, the interactive `:doc`, and editors.
 *
 * A declaration's documentation is the comment directly above it, or else the one behind it on its line. `NAME:` at its
 * beginning is left out. A line `  name  text` further in, with the name of a setting or column, describes that one;
 * lines still further in go on with it. The comment at the top of a script is the script's when an empty line follows
 * or it begins with the file's name. */
#ifndef AMAL_DOC_H
#define AMAL_DOC_H
#include "compiler/ast.h"

typedef enum {
    DOC_SCRIPT,
    DOC_PARAM,
    DOC_SOURCE,
    DOC_TARGET,
    DOC_DEPENDENCY, /* a labelled tgd or check */
    DOC_ALGORITHM,
    DOC_METRIC,
    DOC_FUNCTION,    /* of the algebra */
    DOC_ROW_FUNCTION /* of conditions and heads */
} DocKind;
typedef struct DocPart { /* a setting of an algorithm, a column of a source or target */
    const char *name;
    const char *value; /* default; type, or role and encoding; NULL: none */
    const char *text;  /* NULL: not described */
} DocPart;
typedef struct DocEntry {
    DocKind kind;
    const char *name;
    const char *signature; /* how it is called or declared; several lines for an algorithm */
    const char *summary;   /* its first sentence, on one line; "" when nothing is said */
    const char *text;      /* all that is said, lines as written */
    VEC(DocPart) parts;
    const char *file; /* NULL: built in */
    int line;
    Span span; /* of the name */
} DocEntry;
typedef VEC(DocEntry) DocEntries;

const char *doc_kind_text(DocKind kind); /* "algorithm", "metric" … */
/* What is there without a script: algorithms and metrics of the standard library, functions. False: the standard
 * library cannot be read or has errors, which is reported. */
bool doc_standard(Arena *arena, Diags *ds, DocEntries *out);
/* What a script declares. */
void doc_script(Arena *arena, Diags *ds, const Script *script, DocEntries *out);
/* The next entry with this name behind `after` (-1: the first), or -1. */
int doc_find(const DocEntries *entries, const char *name, int after);
const char *doc_nearest(Arena *arena, const DocEntries *entries, const char *name); /* NULL: none is near */

void doc_print_text(Buf *out, const DocEntry *e);
void doc_print_markdown(Buf *out, const DocEntry *e);
void doc_print_json(Buf *out, const DocEntry *const *entries, int count); /* an array */
void doc_print_index(Buf *out, const DocEntries *entries);                /* a line each, by kind */
#endif
