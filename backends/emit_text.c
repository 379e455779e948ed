/* emit_text.c: see emit_text.h. */
#include "backends/emit_text.h"
#include <ctype.h>

const char *emit_text_number(Arena *arena, double v) {
    char *s = NULL;
    for (int digits = 15; digits <= 17; digits++) {
        s = arena_printf(arena, "%.*g", digits, v);
        double back = 0;
        if (sscanf(s, "%lf", &back) == 1 && back == v) break;
    }
    if (!strpbrk(s, ".e")) s = arena_printf(arena, "%s.0", s);
    return v < 0 ? arena_printf(arena, "(%s)", s) : s;
}
const char *emit_text_name(Arena *arena, const char *name) {
    char *s = arena_strdup(arena, name);
    for (char *p = s; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '_') *p = '_';
    return s;
}
const char *emit_text_where(const IrFunc *f, const IrNode *n) {
    Buf b = {0};
    int line = 0, column = 0;
    if (f->diags && n->span.file) diag_locate(f->diags, n->span, &line, &column);
    if (line) buf_printf(&b, "line %d: ", line);
    if (n->name) buf_printf(&b, "%s = ", n->name);
    ir_print_formula(&b, n, 2);
    char *text = buf_take(&b), *kept = arena_strdup(f->arena, text ? text : "");
    mem_free(text);
    for (char *p = kept; *p; p++)
        if (p[0] == '*' && p[1] == '/') *p = '.';
    return kept;
}
