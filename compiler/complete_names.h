/* complete_names.h: what complete.c (places) and complete_names.c (tokens and names) share. Not for others. */
#ifndef AMAL_COMPLETE_NAMES_H
#define AMAL_COMPLETE_NAMES_H
#include "compiler/complete.h"
#include "compiler/scan.h"

typedef struct CompleteName {
    const char *name;
    CompleteKind kind;
    const char *of; /* the source, target, model or algorithm it belongs to; NULL: a name by itself */
    const char *detail;
} CompleteName;
typedef struct CompleteBracket {
    char mark;
    int token;        /* its number */
    int depth;        /* 1: opened directly in its statement */
    const char *name; /* the word before it; NULL: none */
} CompleteBracket;
typedef struct Complete {
    Arena *arena;
    const char *text, *base_dir;
    size_t len, cursor;
    const char *typed; /* of the word under the cursor, its part before the cursor */
    bool quoted;       /* that word is between backquotes */
    Completions out;
    ScanToken *tokens; /* before the cursor, without the word under it and without comments */
    int ntokens;
    int first, inner; /* tokens that begin the outermost and the innermost statement at the cursor */
    int nbrackets;
    CompleteBracket *brackets;
    bool dependency; /* variables are wanted of a dependency */
    VEC(CompleteName) names;
} Complete;

/* Fills tokens, first, inner and brackets; returns the token that the cursor stands in (SCAN_END: in none). */
ScanToken complete_tokens(Complete *c);
/* The names that the program and the text declare. */
void complete_collect(Complete *c, const Program *p);
const char *complete_word(const Complete *c, int token);  /* without backquotes; "" when it is no word */
bool complete_known(const Complete *c, const char *name); /* is it declared by itself? */
bool complete_is(const Complete *c, const char *name, CompleteKind kind);
/* The relation of an atom: the name before the bracket, or before its `as`. */
const char *complete_relation(const Complete *c, const CompleteBracket *b);
#endif
