/* emit_product.c: z = x @ y, rows of x against a small y, inside a pass.
 *
 * One column: y stands in registers, one sum of a vector a row. Several columns: y is read as a table whose rows are
 * padded to whole vectors, and a tile of rows times some vectors of columns is summed in named registers: each number
 * of x is broadcast once. Sparse rows read the table's rows that their entries name. */
#include "backends/c/emit_row.h"

/* Cell (r, c) of the small operand y of x @ op(y). */
static const char *small_at(Emit *e, const IrNode *n, const char *r, const char *c) {
    const IrNode *y = n->args[1];
    if (y->op == IR_CONST || y->op == IR_FULL) return emit_constant(e, y);
    if (y->op == IR_IOTA) return arena_printf(e->arena, "(double)(%s + 1)", n->tb ? c : r);
    const char *m = emit_member(e, y);
    if (emit_is_scalar(y)) return emit_hoist(e, m, "const double ");
    m = emit_hoist(e, m, DOUBLES);
    const char *a = n->tb ? c : r, *b = n->tb ? r : c;
    if (y->cols == 1) return arena_printf(e->arena, "%s[%s]", m, a);
    if (y->rows == 1) return arena_printf(e->arena, "%s[%s]", m, b);
    return arena_printf(e->arena, "%s[(int64_t)%s * %lld + %s]", m, a, (long long)y->cols, b);
}

/* y as a table of `width` numbers a row: an array y<id> of this pass, filled at its top; a table that is too large for
 * the stack is made before the pass, once for all threads. */
enum { TABLE_ON_STACK = 2048 };
static const char *table_of(Emit *e, const IrNode *n, int64_t width) {
    const char *name = arena_printf(e->arena, "y%d", n->id);
    int64_t inner = n->args[0]->cols, k = n->cols;
    bool local = inner * width <= TABLE_ON_STACK;
    Buf *to = local ? &e->top : &e->before;
    const FusePass *pass = e->pass;
    if (!local) { /* stands in amal_run: its operands are read from the frame */
        emit_line(e, &e->members, "double *y%d; /* %lld x %lld */", n->id, (long long)inner, (long long)width);
        int indent = e->indent;
        e->indent = 1;
        emit_line(e, &e->setup, "if (!(f->y%d = rt->alloc(rt, %lld))) return 1;", n->id, (long long)(inner * width));
        e->indent = indent;
        e->pass = NULL;
    }
    const char *cell = small_at(e, n, "j", "k"), *row = local ? name : arena_printf(e->arena, "f->%s", name);
    e->pass = pass;
    int indent = e->indent;
    e->indent = local ? 1 : e->body_indent + 1;
    if (local)
        emit_line(e, to, "double %s[%lld] __attribute__((aligned(64))) = {0};", name,
                  (long long)(inner ? inner * width : 1));
    emit_line(e, to, "for (int64_t j = 0; j < %lld; j++)", (long long)inner);
    emit_line(e, to, "    for (int k = 0; k < %lld; k++) %s[j * %lld + k] = %s;", (long long)k, row, (long long)width,
              cell);
    e->indent = indent;
    return local ? name : emit_hoist(e, name, DOUBLES);
}

/* A tile's accumulators, named s<row>_<vector>. */
typedef struct Tile {
    int rows, vectors, lanes;
    int64_t inner, width;
    const char *table;
} Tile;
static void tile_begin(Emit *e, const Tile *t) {
    Buf decl = {0};
    for (int r = 0; r < t->rows; r++)
        for (int v = 0; v < t->vectors; v++) buf_printf(&decl, "%ss%d_%d = {0}", r + v ? ", " : "", r, v);
    LINE("    %s %s;", emit_lane_type(t->lanes), decl.data);
    buf_free(&decl);
}
/* Adds up x's rows b .. b + rows - 1 against the columns from `at` on, and stores the sums. */
static void tile_rows(Emit *e, const IrNode *n, const Tile *t, int64_t at) {
    const IrNode *x = n->args[0];
    const char *row[16];
    for (int r = 0; r < t->rows; r++) {
        const char *b = r ? arena_printf(e->arena, "(b + %d)", r) : "b", *address = emit_row_address(e, x, b);
        row[r] = address ? arena_printf(e->arena, "x%d[j]", r) : emit_cell(e, x, b, "j");
        if (address) LINE("    const double *const x%d = %s;", r, address);
    }
    tile_begin(e, t);
    LINE("    for (int j = 0; j < %lld; j++) {", (long long)t->inner);
    for (int v = 0; v < t->vectors; v++)
        LINE("        const %s y_%d = %s;", emit_lane_type(t->lanes), v,
             emit_lane(e, t->lanes, arena_printf(e->arena, "%s + j * %lld", t->table, (long long)t->width),
                       at + v * t->lanes));
    for (int r = 0; r < t->rows; r++)
        for (int v = 0; v < t->vectors; v++) LINE("        s%d_%d += %s * y_%d;", r, v, row[r], v);
    LINE("    }");
    for (int r = 0; r < t->rows; r++)
        for (int v = 0; v < t->vectors; v++)
            LINE("    %s = s%d_%d;",
                 emit_lane(e, t->lanes, emit_result_row(e, n, r ? arena_printf(e->arena, "(b + %d)", r) : "b"),
                           at + v * t->lanes),
                 r, v);
}
static int least(int a, int b) {
    return a < b ? a : b;
}
static void dense_product(Emit *e, const IrNode *n, int64_t width) {
    const IrNode *x = n->args[0];
    Tile t = {.lanes = least(e->target->lanes, (int)width), .inner = x->cols, .width = width};
    t.table = table_of(e, n, width);
    int sums = e->target->registers / 2, vectors = (int)width / t.lanes, rows = 8;
    for (int v = 0; v < vectors; v += t.vectors) {
        t.vectors = least(vectors - v, sums / 2);
        while (rows > 1 && rows * t.vectors > sums) rows /= 2;
        t.rows = rows;
        LINE("for (int b = 0; b + %d <= m; b += %d) { /* %s */", rows, rows, emit_where(e, n));
        emit_prefetch_stream(e, x, rows);
        tile_rows(e, n, &t, v * t.lanes);
        LINE("}");
        if (rows == 1) continue;
        t.rows = 1;
        LINE("for (int b = m - m %% %d; b < m; b++) {", rows);
        tile_rows(e, n, &t, v * t.lanes);
        LINE("}");
    }
}
/* Rows of width numbers added up in named vectors: the entries of a CSR row, or the row that a code names. */
static void sparse_product(Emit *e, const IrNode *n, int64_t width) {
    const IrNode *x = n->args[0];
    Lanes l = emit_lanes_to(e, width);
    const char *table = table_of(e, n, width);
    LINE("for (int b = 0; b < m; b++) { /* %s */", emit_where(e, n));
    for (int v = 0; v < l.n; v++) LINE("    %s s%d = {0};", emit_lane_type(l.width[v]), v);
    const char *column, *value = "1.0";
    if (emit_is_csr(e, x)) {
        emit_csr_loop(e, x, "{");
        column = emit_csr_column(e, x);
        value = emit_csr_value(e, x);
    } else {
        LINE("    if (%s >= 0) {", emit_code_of(e, x));
        column = emit_code_of(e, x);
    }
    LINE("        const double *const y = %s + (int64_t)%s * %lld;", table, column, (long long)width);
    for (int v = 0; v < l.n; v++)
        LINE("        s%d += %s%s;", v, strcmp(value, "1.0") ? arena_printf(e->arena, "%s * ", value) : "",
             emit_lane(e, l.width[v], "y", l.at[v]));
    LINE("    }");
    for (int v = 0; v < l.n; v++)
        LINE("    %s = s%d;", emit_lane(e, l.width[v], emit_result_row(e, n, "b"), l.at[v]), v);
    LINE("}");
}
/* More columns than vectors hold: the row of sums is an array. */
static void wide_product(Emit *e, const IrNode *n) {
    const IrNode *x = n->args[0];
    long long k = (long long)n->cols;
    LINE("for (int b = 0; b < m; b++) { /* %s */", emit_where(e, n));
    LINE("    for (int k = 0; k < %lld; k++) %s = 0;", k, emit_result_cell(e, n, "b", "k"));
    const char *column = "j", *value;
    if (emit_is_csr(e, x)) {
        emit_csr_loop(e, x, "{");
        column = emit_csr_column(e, x);
        value = emit_csr_value(e, x);
    } else if (emit_is_codes(e, x)) {
        LINE("    if (%s >= 0) {", emit_code_of(e, x));
        column = emit_code_of(e, x);
        value = "1.0";
    } else {
        LINE("    for (int j = 0; j < %lld; j++) {", (long long)x->cols);
        value = emit_cell(e, x, "b", "j");
    }
    LINE("        const double v = %s;", value);
    LINE("        " SIMD);
    LINE("        for (int k = 0; k < %lld; k++) %s += v * %s;", k, emit_result_cell(e, n, "b", "k"),
         small_at(e, n, column, "k"));
    LINE("    }");
    LINE("}");
}

/* The row `x` times w: as a number, or, when all vectors are as wide, as one that is still to be folded. */
static const char *row_times(Emit *e, const Lanes *l, const char *w, bool folded) {
    Buf sum = {0};
    for (int v = 0; v < l->n;) { /* lanes of one width add up before they are folded */
        int last = v;
        while (last + 1 < l->n && l->width[last + 1] == l->width[v]) last++;
        const char *fold = !folded || l->width[v] == 1 ? "" : arena_printf(e->arena, "fold%d", l->width[v]);
        buf_printf(&sum, "%s%s(", v ? " + " : "", fold);
        for (int k = v; k <= last; k++)
            buf_printf(&sum, "%s%s * %s", k > v ? " + " : "", emit_lane_read(e, l, k, "x"),
                       emit_lane(e, l->width[k], w, l->at[k]));
        buf_puts(&sum, ")");
        v = last + 1;
    }
    const char *text = arena_strdup(e->arena, sum.data);
    buf_free(&sum);
    return text;
}
/* z = x @ w for one column: w in registers, one sum of a vector a row; as many rows as a vector has numbers are folded
 * together. false: wide, or not in memory. */
static bool vector_dot(Emit *e, const IrNode *n) {
    const IrNode *x = n->args[0];
    const char *row = emit_row_address(e, x, "b"), *rows = emit_row_address(e, x, "(b + r)");
    if (!row || x->cols < 4 || x->cols > 64) return false;
    Lanes l = emit_lanes_to(e, x->cols);
    if (e->target->parts) l.width[l.n - 1] = e->target->lanes; /* all are as wide: they fold as one */
    int indent = e->indent;
    e->indent = 1;
    emit_line(e, &e->top, "double w%d[%d] __attribute__((aligned(64))) = {0};", n->id, emit_lanes_end(&l));
    emit_line(e, &e->top, "for (int j = 0; j < %lld; j++) w%d[j] = %s;", (long long)x->cols, n->id,
              small_at(e, n, "j", "0"));
    e->indent = indent;
    const char *w = arena_printf(e->arena, "w%d", n->id);
    bool together = l.width[0] == e->target->lanes && l.width[l.n - 1] == l.width[0];
    if (together) {
        int lanes = e->target->lanes;
        LINE("for (int b = 0; b + %d <= m; b += %d) { /* %s */", lanes, lanes, emit_where(e, n));
        emit_prefetch_stream(e, x, lanes);
        LINE("    vd s[%d];", lanes);
        LINE("    #pragma GCC unroll %d", lanes);
        LINE("    for (int r = 0; r < %d; r++) {", lanes);
        LINE("        const double *const x = %s;", rows);
        LINE("        s[r] = %s;", row_times(e, &l, w, false));
        LINE("    }");
        LINE("    *(vu *)(%s) = fold_all(s);", emit_result_row(e, n, "b"));
        LINE("}");
        LINE("for (int b = m - m %% %d; b < m; b++) {", lanes);
    } else {
        LINE("for (int b = 0; b < m; b++) { /* %s */", emit_where(e, n));
        emit_prefetch_stream(e, x, 1);
    }
    LINE("    const double *const x = %s;", row);
    LINE("    %s = %s;", emit_result_cell(e, n, "b", "0"), row_times(e, &l, w, true));
    LINE("}");
    return true;
}
static void one_column(Emit *e, const IrNode *n) {
    const IrNode *x = n->args[0];
    if (!fuse_is_sparse(e->f, x) && vector_dot(e, n)) return;
    LINE("for (int b = 0; b < m; b++) { /* %s */", emit_where(e, n));
    if (emit_is_codes(e, x)) {
        LINE("    const int64_t a = %s;", emit_code_of(e, x));
        LINE("    %s = a < 0 ? 0 : %s;", emit_result_cell(e, n, "b", "0"), small_at(e, n, "a", "0"));
        LINE("}");
        return;
    }
    if (!emit_is_csr(e, x)) emit_prefetch_stream(e, x, 1);
    LINE("    double s = 0;");
    if (emit_is_csr(e, x)) {
        LINE("    " SIMD_SUM);
        emit_csr_loop(e, x, "");
        LINE("        s += %s * %s;", emit_csr_value(e, x), small_at(e, n, emit_csr_column(e, x), "0"));
    } else {
        LINE("    " SIMD_SUM);
        LINE("    for (int j = 0; j < %lld; j++) s += %s * %s;", (long long)x->cols, emit_cell(e, x, "b", "j"),
             small_at(e, n, "j", "0"));
    }
    LINE("    %s = s;", emit_result_cell(e, n, "b", "0"));
    LINE("}");
}

void emit_row_product(Emit *e, const IrNode *n) {
    int64_t width = emit_pad(n->cols);
    if (n->cols == 1)
        one_column(e, n);
    else if (n->cols > 64)
        wide_product(e, n);
    else if (fuse_is_sparse(e->f, n->args[0]))
        sparse_product(e, n, width);
    else
        dense_product(e, n, width);
}
