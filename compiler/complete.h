/* complete.h: what can stand at a place of a script: for the REPL's Tab key and for editors.
 *
 * The text may be unfinished and wrong. Names come from the program, when there is one (the last that could be
 * resolved), and from the declarations in the text itself, so that what was typed a moment ago is known. */
#ifndef AMAL_COMPLETE_H
#define AMAL_COMPLETE_H
#include "compiler/program.h"

/* In the order in which candidates are listed. */
typedef enum {
    COMPLETE_COLUMN,
    COMPLETE_PART,    /* of a target (T.train), or what a model's fit returned (risk.w) */
    COMPLETE_SETTING, /* an algorithm's hyperparameter, an option of a source: `name = ` */
    COMPLETE_VALUE,   /* a let, a param, a variable of the statement or the function */
    COMPLETE_MODEL,
    COMPLETE_TARGET,
    COMPLETE_SOURCE,
    COMPLETE_ALGORITHM,
    COMPLETE_METRIC,
    COMPLETE_FUNCTION,
    COMPLETE_WORD, /* a type, a role, an encoding, an option or its value */
    COMPLETE_KEYWORD,
    COMPLETE_FILE,
    COMPLETE_COUNT_OF_KINDS
} CompleteKind;
const char *complete_kind_text(CompleteKind k); /* "column" … */

typedef struct Completion {
    const char *text; /* as it is to be inserted: in backquotes where a name needs them */
    CompleteKind kind;
    const char *detail; /* a type, a signature, a formula; NULL: nothing to add */
} Completion;
typedef struct Completions {
    size_t begin;          /* text[begin, cursor) is what a candidate replaces */
    VEC(Completion) found; /* that start with it; by kind, then by name, each once */
} Completions;

/* p may be NULL. base_dir: where files of the script lie. cursor <= len. Everything lives in the arena. */
Completions complete_at(Arena *arena, const Program *p, const char *base_dir, const char *text, size_t len,
                        size_t cursor);
/* The longest text that all candidates start with: "" when there is none. In the arena. */
const char *complete_common(Arena *arena, const Completions *c);
#endif
