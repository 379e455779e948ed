/* format.h: a script's text in the house style of the language, with its comments; for `amal fmt` and editors.
 *
 * What changes is blanks, indentation, alignment, empty statements, and lines that are too long. Words, numbers and
 * marks stay as they are written, in their order; so do line breaks in places where lines may break. The result says
 * the same (it is parsed again and compared with what was meant; a difference is an internal error), and formatting it
 * once more changes nothing. */
#ifndef AMAL_FORMAT_H
#define AMAL_FORMAT_H
#include "compiler/ast.h"

enum { FORMAT_COLUMNS = 120, FORMAT_INDENT = 2 };

/* Appends the formatted text of `text`, registered as `file` in ds, to `out`. False: the text does not parse, which is
 * reported in ds, and nothing is appended. The arena holds what is needed meanwhile. */
bool format_text(Arena *arena, Diags *ds, uint32_t file, const char *text, size_t len, Buf *out);
#endif
