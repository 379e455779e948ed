/* emit_small.c: operators on small values, as plain loops with constant bounds. */
#include "backends/c/emit.h"
#include "backends/emit_text.h"

static void loops_begin(Emit *e, int64_t rows, int64_t cols) {
    emit_line(e, &e->body, "for (int64_t r = 0; r < %lld; r++)", (long long)rows);
    if (cols > 1) emit_line(e, &e->body, "    " SIMD);
    emit_line(e, &e->body, "    for (int64_t c = 0; c < %lld; c++)", (long long)cols);
}
static const char *target(Emit *e, const IrNode *n) {
    return emit_is_scalar(n) ? arena_printf(e->arena, "f->%s", emit_member(e, n))
                             : arena_printf(e->arena, "f->%s[r * %lld + c]", emit_member(e, n), (long long)n->cols);
}
/* out(r, c) = text, where text may use r and c */
static void fill(Emit *e, const IrNode *n, const char *text) {
    if (emit_is_scalar(n)) {
        emit_line(e, &e->body, "{ const int64_t r = 0, c = 0; (void)r, (void)c; f->%s = %s; }", emit_member(e, n),
                  text);
        return;
    }
    loops_begin(e, n->rows, n->cols);
    emit_line(e, &e->body, "        %s = %s;", target(e, n), text);
}
static const char *at(void *emitter, const IrNode *x, const char *r, const char *c) {
    Emit *e = emitter;
    return emit_small_cell(e, x, x->rows == 1 ? "0" : r, x->cols == 1 ? "0" : c);
}

static void small_product(Emit *e, const IrNode *n) {
    const IrNode *x = n->args[0], *y = n->args[1];
    int64_t inner = n->ta ? x->rows : x->cols;
    const char *xs = n->ta ? at(e, x, "k", "r") : at(e, x, "r", "k"),
               *ys = n->tb ? at(e, y, "c", "k") : at(e, y, "k", "c");
    emit_line(e, &e->body, "for (int64_t r = 0; r < %lld; r++)", (long long)n->rows);
    emit_line(e, &e->body, "    for (int64_t c = 0; c < %lld; c++) {", (long long)n->cols);
    emit_line(e, &e->body, "        double s = 0;");
    emit_line(e, &e->body, "        " SIMD_SUM);
    emit_line(e, &e->body, "        for (int64_t k = 0; k < %lld; k++) s += %s * %s;", (long long)inner, xs, ys);
    emit_line(e, &e->body, "        %s = s;", target(e, n));
    emit_line(e, &e->body, "    }");
}
static void small_reduce(Emit *e, const IrNode *n) {
    const IrNode *x = n->args[0];
    const char *v = at(e, x, "r", "c");
    bool rows = n->op == IR_ROWSUMS || n->op == IR_ROWMIN || n->op == IR_ROWMAX || n->op == IR_ROWARGMIN ||
                n->op == IR_ROWARGMAX;
    bool cols = n->op == IR_COLSUMS || n->op == IR_COLMIN || n->op == IR_COLMAX;
    const char *start = "0", *step = "s += x;";
    switch (n->op) {
    case IR_ROWMIN:
    case IR_COLMIN:
    case IR_MINALL: start = "__builtin_inf()", step = "s = x < s || x != x ? x : s;"; break;
    case IR_ROWMAX:
    case IR_COLMAX:
    case IR_MAXALL: start = "-__builtin_inf()", step = "s = x > s || x != x ? x : s;"; break;
    case IR_ROWARGMIN: start = "1", step = "if (x < best) best = x, s = c + 1;"; break;
    case IR_ROWARGMAX: start = "1", step = "if (x > best) best = x, s = c + 1;"; break;
    default: break;
    }
    const char *best = n->op == IR_ROWARGMIN   ? " double best = __builtin_inf();"
                       : n->op == IR_ROWARGMAX ? " double best = -__builtin_inf();"
                                               : "";
    if (rows || cols) {
        emit_line(e, &e->body, "for (int64_t %c = 0; %c < %lld; %c++) {", rows ? 'r' : 'c', rows ? 'r' : 'c',
                  (long long)(rows ? x->rows : x->cols), rows ? 'r' : 'c');
        emit_line(e, &e->body, "    double s = %s;%s", start, best);
        if (n->op == IR_ROWSUMS || n->op == IR_COLSUMS) emit_line(e, &e->body, "    " SIMD_SUM);
        emit_line(e, &e->body, "    for (int64_t %c = 0; %c < %lld; %c++) { const double x = %s; %s }",
                  rows ? 'c' : 'r', rows ? 'c' : 'r', (long long)(rows ? x->cols : x->rows), rows ? 'c' : 'r', v, step);
        if (emit_is_scalar(n))
            emit_line(e, &e->body, "    f->%s = s;", emit_member(e, n));
        else
            emit_line(e, &e->body, "    f->%s[%c] = s;", emit_member(e, n), rows ? 'r' : 'c');
        emit_line(e, &e->body, "}");
        return;
    }
    emit_line(e, &e->body, "{");
    emit_line(e, &e->body, "    double s = %s;", start);
    emit_line(e, &e->body, "    for (int64_t r = 0; r < %lld; r++)", (long long)x->rows);
    if (n->op == IR_SUM) emit_line(e, &e->body, "        " SIMD_SUM);
    emit_line(e, &e->body, "        for (int64_t c = 0; c < %lld; c++) { const double x = %s; %s }", (long long)x->cols,
              v, step);
    emit_line(e, &e->body, "    f->%s = s;", emit_member(e, n));
    emit_line(e, &e->body, "}");
}
static void small_bind(Emit *e, const IrNode *n) {
    int64_t offset = 0;
    for (int a = 0; a < n->nargs; a++) {
        const IrNode *x = n->args[a];
        int64_t rows = n->op == IR_CBIND ? n->rows : x->rows;
        loops_begin(e, rows, x->cols);
        if (emit_is_scalar(n))
            emit_line(e, &e->body, "        f->%s = %s;", emit_member(e, n), at(e, x, "r", "c"));
        else if (n->op == IR_CBIND)
            emit_line(e, &e->body, "        f->%s[r * %lld + c + %lld] = %s;", emit_member(e, n), (long long)n->cols,
                      (long long)offset, at(e, x, "r", "c"));
        else
            emit_line(e, &e->body, "        f->%s[(r + %lld) * %lld + c] = %s;", emit_member(e, n), (long long)offset,
                      (long long)n->cols, at(e, x, "r", "c"));
        offset += n->op == IR_CBIND ? x->cols : x->rows;
    }
}
static void small_place(Emit *e, const IrNode *n) {
    const char *start = n->op == IR_PLACE_COLS && n->i0 == 1   ? "__builtin_inf()"
                        : n->op == IR_PLACE_COLS && n->i0 == 2 ? "-__builtin_inf()"
                                                               : "0";
    fill(e, n, start);
    for (int a = 0; a < n->nargs; a++) {
        const IrNode *x = n->args[a];
        const char *cols = arena_printf(e->arena, "f->%s", emit_bind(e, BIND_COLUMNS, n->table, n->blocks[a])), *to;
        if (emit_is_scalar(n))
            to = arena_printf(e->arena, "f->%s", emit_member(e, n));
        else if (n->op == IR_PLACE)
            to =
                arena_printf(e->arena, "f->%s[(int64_t)%s[r] * %lld + c]", emit_member(e, n), cols, (long long)n->cols);
        else
            to = arena_printf(e->arena, "f->%s[r * %lld + %s[c]]", emit_member(e, n), (long long)n->cols, cols);
        loops_begin(e, x->rows, x->cols);
        const char *v = at(e, x, "r", "c");
        if (n->op == IR_PLACE || n->i0 == 0)
            emit_line(e, &e->body, "        %s += %s;", to, v);
        else
            emit_line(e, &e->body, "        %s = %s(%s, %s);", to, n->i0 == 1 ? "least_of" : "most_of", to, v);
    }
}
/* Each cell by itself. */
static void small_cells(Emit *e, const IrNode *n) {
    bool picks = n->op == IR_PICK || n->op == IR_PICK_COLS;
    const char *columns =
        picks ? arena_printf(e->arena, "f->%s", emit_bind(e, BIND_COLUMNS, n->table, n->block)) : NULL;
    const char *cell = emit_text_small(e->arena, n, at, e, columns), *a[3];
    for (int k = 0; !cell && k < n->nargs; k++) a[k] = at(e, n->args[k], "r", "c");
    fill(e, n, cell ? cell : emit_operator(e, n, a));
}
void emit_small(Emit *e, const IrNode *n) {
    emit_line(e, &e->body, "/* %s */", emit_where(e, n));
    switch (n->op) {
    case IR_MATMUL: small_product(e, n); break;
    case IR_SUM:
    case IR_MINALL:
    case IR_MAXALL:
    case IR_COLSUMS:
    case IR_COLMIN:
    case IR_COLMAX:
    case IR_ROWSUMS:
    case IR_ROWMIN:
    case IR_ROWMAX:
    case IR_ROWARGMIN:
    case IR_ROWARGMAX: small_reduce(e, n); break;
    case IR_CBIND:
    case IR_RBIND: small_bind(e, n); break;
    case IR_PLACE:
    case IR_PLACE_COLS: small_place(e, n); break;
    default: small_cells(e, n);
    }
}
