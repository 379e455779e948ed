/* scan.h: the pieces of a script's text, complete or not: for colours, for completion, and to see where a statement
 * ends while it is being typed.
 *
 * The grammar's lexer (grammar/lexer.re) decides what a word means and reports errors; this one only finds where words,
 * texts, numbers, comments and marks begin and end, in any text, and never fails. */
#ifndef AMAL_SCAN_H
#define AMAL_SCAN_H
#include "compiler/base.h"

typedef enum {
    SCAN_END,
    SCAN_WORD,   /* a name or a keyword */
    SCAN_QUOTED, /* `a name` */
    SCAN_TEXT,   /* "a text" */
    SCAN_NUMBER,
    SCAN_MARK, /* one operator or bracket, "->" and the like as one */
    SCAN_COMMENT
} ScanKind;
typedef struct ScanToken {
    ScanKind kind;
    size_t begin, end;
    bool open; /* a text, a quoted name or a block comment that lacks its end */
} ScanToken;

/* The next token at or after `at`; blanks are skipped. SCAN_END at the end of the text. */
ScanToken scan_next(const char *text, size_t len, size_t at);
bool scan_is(const char *text, ScanToken t, const char *word); /* its text is `word` */

typedef enum { SCAN_EMPTY, SCAN_UNFINISHED, SCAN_FINISHED } ScanState;
/* Is the text one or more finished statements? Unfinished: a bracket, a text or a comment is open, or the last
 * statement has neither its `;` nor a closing block. Empty: nothing but blanks and comments. */
ScanState scan_state(const char *text, size_t len);
/* The length of the first finished statement with what stands before it; 0: none is finished. */
size_t scan_statement(const char *text, size_t len);
/* Is a bracket, a text or a comment open at the end? */
bool scan_is_open(const char *text, size_t len);
#endif
