/* repl_line.h: lines of input, from a person or from a file. */
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
/* The next line without its end; it lives until the next call. `more`: it continues what was typed before. */
LineState line_read(LineReader *l, bool more, const char **line);
/* A whole statement for the history of a person's session. */
void line_remember(LineReader *l, const char *text);
#endif
