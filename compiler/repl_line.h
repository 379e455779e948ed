/* repl_line.h: lines of input, from a person or from a file.
 *
 * On a terminal that can move its cursor a person edits with libedit: its keys (and ~/.editrc), a history that later
 * sessions find again, completion by Tab, colours as one types. Other terminals get prompts, everything else nothing.
 */
#ifndef AMAL_REPL_LINE_H
#define AMAL_REPL_LINE_H
#include "compiler/repl.h"

typedef enum {
    LINE_READ,
    LINE_CANCELLED, /* ctrl-C: what was typed is dropped */
    LINE_END        /* the end of the file, or ctrl-D */
} LineState;
typedef struct LineReader LineReader;
LineReader *line_reader_new(Repl *r, FILE *in);
void line_reader_free(LineReader *l);
/* The next line without its end; it lives until the next call. A statement taken from the history may be several lines.
 * before: what was typed of the same statement; "" when the line begins one. */
LineState line_read(LineReader *l, const char *before, const char **line);
/* A whole statement or command, for the history. */
void line_remember(LineReader *l, const char *text);
#endif
