/* diag.h: every message a user sees about a script or its data.
 *
 * A diagnostic has a stable code (E110, W122), a span, a one-line message, located notes and a help line.
 * They are collected in order, de-duplicated (same code, same span), and printed by diag_print() with the source
 * line and carets. The long explanation of each code is one row of diag_codes.def (code, title, text), which
 * `amal explain CODE` prints; a code used anywhere without a row there fails the tests.
 *
 * Layout printed:
 *   train.amal:14:9: error[E131]: shapes do not agree in X @ w
 *      14 |   p = X @ w;
 *         |       ^~~~~
 *   train.amal:9:3: note: w is 12 x 1
 *   help: declare w with ncol(X) rows
 * Columns are counted in code points from 1. */
#ifndef AMAL_DIAG_H
#define AMAL_DIAG_H
#include "compiler/base.h"

typedef enum { DIAG_ERROR, DIAG_WARNING } DiagLevel;
typedef struct Diag Diag;
typedef struct Diags Diags;

Diags *diags_new(Arena *arena);
/* A collection of its own for one statement of a session: files that either knows, or adds, both know; -W settings are
 * the parent's. The parent outlives it. */
Diags *diags_child(Arena *arena, Diags *parent);
/* Between two calls with true and false, warnings that were remembered are left out. */
void diags_skip_remembered(Diags *child, bool skip);
void diags_remember_warnings(const Diags *child);                                  /* in its parent */
uint32_t diag_add_file(Diags *ds, const char *path, const char *text, size_t len); /* text is copied */
/* The same for lines of a longer text: the first of them is line number `first_line`. */
uint32_t diag_add_lines(Diags *ds, const char *path, const char *text, size_t len, int first_line);
const char *diag_file_path(const Diags *ds, uint32_t file);
const char *diag_file_text(const Diags *ds, uint32_t file);
void diag_locate(const Diags *ds, Span s, int *line, int *column); /* 0,0 when nowhere */

/* Each returns the diagnostic so that notes and help can be added; never NULL (a suppressed warning returns a
 * throw-away). diag_data() is diag_error() whose place is a data file, printed "file:line:" (line/col 0 = unknown). */
Diag *diag_error(Diags *ds, const char *code, Span at, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
Diag *diag_warn(Diags *ds, const char *code, Span at, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
Diag *diag_data(Diags *ds, const char *code, Span at, const char *file, int64_t line, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
void diag_note(Diag *d, Span at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void diag_help(Diag *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* For what may fail without harm: a mark before it, and the errors since then taken back. Warnings stay. */
typedef struct DiagMark {
    int kept, errors, unkept_errors;
} DiagMark;
DiagMark diag_mark(const Diags *ds);
void diag_take_back(Diags *ds, DiagMark since);

int diag_error_count(const Diags *ds);
int diag_errors_within(const Diags *ds, Span range); /* those whose place lies in it, or that have none */
int diag_warning_count(const Diags *ds);
int diag_raised(const Diags *ds); /* how often anything was said or would have been, switched-off warnings included */
const char *diag_last_code(const Diags *ds);
bool diag_set_warning(Diags *ds,
                      const char *option); /* "W122", "no-W122", "error=W122", "error", "none"; false: unknown */
int diag_new_errors(const Diags *ds, const Diags *known);
void diag_print(Diags *ds, FILE *out, bool colour); /* prints what has not been printed yet */
void diag_print_new(Diags *ds, const Diags *known, FILE *out,
                    bool colour);          /* without what is in `known` (may be NULL) */
void diag_print_json(Diags *ds, Buf *out); /* array of {code, level, file, line, column, message, notes, help} */
/* One message as it was collected, for those who show it in their own way. */
typedef struct DiagNote {
    Span at; /* file 0: nowhere */
    const char *text;
} DiagNote;
typedef struct DiagView {
    DiagLevel level;
    const char *code, *text, *help; /* help NULL: none */
    Span at;
    const char *data_file; /* a place in a data file instead; NULL: none */
    int64_t data_line;
    int nnotes;
    const DiagNote *notes;
} DiagView;
int diag_count(const Diags *ds); /* messages kept */
DiagView diag_view(const Diags *ds, int i);
void diag_json_text(Buf *out, const char *s);   /* s as a JSON string, quotes included */
bool diag_explain(const char *code, FILE *out); /* false: no such code */
/* Impossible states: prints E901 with file:line and aborts through the handler set by main (exit 70). */
_Noreturn void internal_error_(const char *file, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void diag_on_internal_error(void (*handler)(void)); /* main's way out; it does not return */
#define internal_error(...) internal_error_(__FILE__, __LINE__, __VA_ARGS__)
#define AMAL_CHECK(c) ((c) ? (void)0 : internal_error("broken invariant: %s", #c))
#endif
