/* box.h: tables drawn in a frame of lines, names above types above rows, as the REPL shows them.
 *
 *   ┌─────────┬────────┐
 *   │ tailnum │ seats  │
 *   │  text   │  num   │
 *   ├─────────┼────────┤
 *   │ N10156  │     55 │
 *   └─────────┴────────┘
 *     1 row, 2 columns
 *
 * Widths are those of characters on the screen: two for wide ones, none for combining marks. A table that is wider than
 * the screen loses columns from its middle, a long one rows; both is said below it. Control characters in cells are
 * shown as pictures, so that no data can drive the terminal. */
#ifndef AMAL_BOX_H
#define AMAL_BOX_H
#include "compiler/base.h"

typedef struct BoxColumn {
    const char *name, *type; /* type NULL in all columns: no line of types */
    bool right;              /* numbers stand at the right */
} BoxColumn;
/* The text of a cell, in the arena. */
typedef const char *(*BoxCell)(void *user, Arena *arena, int64_t row, int column);
typedef struct Box {
    int ncols;
    const BoxColumn *columns;
    int64_t nrows;
    BoxCell cell;
    void *user;
    int64_t of_rows; /* when these are the first of so many; else 0 */
    int width;       /* of the screen */
    int most_rows;   /* shown: more than these lose their middle; 0: none is lost */
    bool plain;      /* no line of counts below */
} Box;
void box_print(FILE *out, const Box *b);
int text_width(const char *s); /* columns on the screen */
/* The text in so many columns of the screen; one that is longer ends in … . at: -1 left, 0 in the middle, 1 right. */
void text_put(FILE *out, const char *s, int width, int at);
/* The width of the terminal that `out` is, else of COLUMNS, else 100. */
int box_screen_width(FILE *out);
#endif
