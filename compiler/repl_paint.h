/* repl_paint.h: colours for text that is being typed, and where its characters stand on the screen. */
#ifndef AMAL_REPL_PAINT_H
#define AMAL_REPL_PAINT_H
#include "compiler/base.h"

/* Appends the text with escape sequences for keywords, texts, numbers, comments and functions. Its line ends become
 * carriage return and line feed. before: what was typed on earlier lines of the same statement. */
void paint_text(Buf *out, const char *before, const char *text, size_t len);

typedef struct PaintPlace {
    int row, column;
} PaintPlace;
/* Where the line editor puts what follows text[0, n), typed behind a prompt of that many columns, on a screen of that
 * width: lines wrap, a wide character does not stand on two of them, a control character takes two columns. */
PaintPlace paint_place(const char *text, size_t n, int prompt, int width);
#endif
