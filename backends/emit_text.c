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
const char *emit_text_small(Arena *arena, const IrNode *n, EmitCell cell, void *emitter, const char *columns) {
    const IrNode *x = n->nargs ? n->args[0] : NULL;
    switch (n->op) {
    case IR_TRANSPOSE: return cell(emitter, x, "c", "r");
    case IR_STORED: return cell(emitter, x, "r", "c");
    case IR_SLICE_COLS: return cell(emitter, x, "r", arena_printf(arena, "(c + %lld)", (long long)n->i0));
    case IR_SLICE_ROWS: return cell(emitter, x, arena_printf(arena, "(r + %lld)", (long long)n->i0), "c");
    case IR_PICK: return cell(emitter, x, arena_printf(arena, "%s[r]", columns), "c");
    case IR_PICK_COLS: return cell(emitter, x, "r", arena_printf(arena, "%s[c]", columns));
    case IR_ONEHOT: return arena_printf(arena, "(double)(%s == c + 1)", cell(emitter, x, "r", "0"));
    case IR_EYE: return "(double)(r == c)";
    case IR_DIAG: {
        bool down = x->cols == 1 && x->rows == n->rows, across = x->rows == 1 && n->rows > 1;
        if (!down && !across) return cell(emitter, x, "r", "r");
        return arena_printf(arena, "(r == c ? %s : 0)", cell(emitter, x, down ? "r" : "0", down ? "0" : "r"));
    }
    default: return NULL;
    }
}
