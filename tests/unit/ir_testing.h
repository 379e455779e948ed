/* ir_testing.h: functions written as text, for tests of the IR: "colsums((X - r) / q)" over the names below.
 *
 *   X  n x d  the features of T          y, u  n x 1   R, Q  n x k   over T's rows
 *   r, q  1 x d    w, g  d x 1    B  d x k    C  k x d    V, W  k x k    v  1 x k    p  k x 1    s, t  1 x 1    small,
 * inputs ones(a, b), eye(a), iota(a) take n, d, k or a number (ones(n, .) runs over T's rows); cols(e, from, to) and
 * rows(e, from, to) count from 0, `to` exclusive; everything else is called as in ops.def. */
#ifndef AMAL_IR_TESTING_H
#define AMAL_IR_TESTING_H
#include <ctype.h>
#include <stdlib.h>

#include "backends/backend.h"
#include "ir/pattern.h"
#include "tests/unit/factor_testing.h"

enum { TEST_K = 3 };
static const char test_input_names[] = "yuRQrqwgBCVWvpst";
typedef struct World {
    Arena *arena;
    Diags *ds;
    Integration *data;
    IrFunc *f;
    IrBuilder *b;
    int table;
    int64_t n, d;
    Matrix *inputs[sizeof test_input_names - 1];
} World;

/* Three tables: the target's own rows, and two that target rows point into; every cell has an owner. Not plain: a CSR
 * block and a one-hot one. */
static inline Integration *world_target(int64_t n, bool plain) {
    static const int64_t widths[3] = {2, 3, 4};
    Integration *t = mem_alloc(sizeof *t);
    t->rows = n;
    t->nspaces = t->nindicators = t->nblocks = 3;
    t->spaces = mem_alloc(sizeof *t->spaces * 3);
    t->indicators = mem_alloc(sizeof *t->indicators * 3);
    t->blocks = mem_alloc(sizeof *t->blocks * 3);
    static const char *const names[3] = {"own", "shops", "goods"};
    for (int k = 0; k < 3; k++) {
        int64_t rows = k ? 1 + n / 3 : n;
        int32_t *idx = mem_alloc(sizeof *idx * (size_t)(n + 1));
        double *count = mem_alloc(sizeof *count * (size_t)(rows + 1));
        for (int64_t i = 0; i < n; i++) {
            idx[i] = (int32_t)(k ? test_below(rows) : i);
            count[idx[i]]++;
        }
        if (!k) mem_free(idx);
        t->spaces[k] = (IntSpace){.name = names[k], .role = k, .rows = rows};
        t->indicators[k] =
            (Indicator){.space = k, .rows = n, .idx = k ? idx : NULL, .identity = !k, .total = true, .count = count};
        for (int64_t r = 0; r < rows; r++) t->indicators[k].used += count[r] > 0;
        Matrix *data = random_matrix(plain || !k ? S_DENSE : k == 1 ? S_CSR : S_CODES, rows, widths[k]);
        if (data->kind == MAT_DENSE)
            for (int64_t i = 0; i < rows * widths[k]; i++) data->data[i] = 0.25 + fabs(data->data[i]);
        t->blocks[k] = (IntBlock){.space = k, .indicator = k, .data = data, .label = names[k]};
        t->blocks[k].target_cols = mem_alloc(sizeof(int32_t) * (size_t)widths[k]);
        for (int64_t c = 0; c < widths[k]; c++) t->blocks[k].target_cols[c] = (int32_t)(t->cols + c);
        t->cols += widths[k];
    }
    return t;
}
static inline void input_shape(const World *w, char name, int64_t *rows, int64_t *cols, bool *over_rows) {
    *over_rows = strchr("yuRQ", name) != NULL;
    *rows = *over_rows ? w->n : strchr("wgB", name) ? w->d : strchr("CVWp", name) ? TEST_K : 1;
    *cols = strchr("rqC", name) ? w->d : strchr("RQBVWv", name) ? TEST_K : 1;
}
static inline void world_function(World *w) {
    w->f = ir_func_new(w->arena, w->ds, "test");
    w->table = ir_add_table(w->f, w->data, "T");
    for (int i = 0; test_input_names[i]; i++) {
        int64_t rows, cols;
        bool over_rows;
        input_shape(w, test_input_names[i], &rows, &cols, &over_rows);
        ir_add_input(w->f, arena_strndup(w->arena, &test_input_names[i], 1), rows, cols,
                     over_rows ? w->f->tables.data[w->table].target_space : 0, (Span){0});
    }
    w->b = ir_builder(w->f);
}
static inline World world_new(int64_t n, bool plain) {
    World w = {.arena = arena_new(), .n = n};
    w.ds = diags_new(w.arena);
    w.data = world_target(n, plain);
    w.d = w.data->cols;
    for (int i = 0; test_input_names[i]; i++) {
        int64_t rows, cols;
        bool over_rows;
        input_shape(&w, test_input_names[i], &rows, &cols, &over_rows);
        w.inputs[i] = mat_new_dense(rows, cols);
        for (int64_t j = 0; j < rows * cols; j++)
            w.inputs[i]->data[j] = 0.25 + (double)test_below(8) / 4; /* positive: divisors, logarithms */
    }
    world_function(&w);
    return w;
}
static inline void world_free(World *w) {
    for (int i = 0; test_input_names[i]; i++) mat_free(w->inputs[i]);
    test_integration_free(w->data);
    arena_free(w->arena);
}

typedef struct Text {
    World *w;
    const char *at;
} Text;
static inline bool text_take(Text *t, char c) {
    while (*t->at == ' ') t->at++;
    if (*t->at != c) return false;
    t->at++;
    return true;
}
static IrNode *text_sum(Text *t);
static inline int64_t text_size(Text *t, int *space) {
    while (*t->at == ' ' || *t->at == ',') t->at++;
    if (isdigit((unsigned char)*t->at)) {
        char *end;
        int64_t v = strtoll(t->at, &end, 10);
        t->at = end;
        return v;
    }
    char c = *t->at++;
    if (c == 'n' && space) *space = t->w->f->tables.data[t->w->table].target_space;
    return c == 'n' ? t->w->n : c == 'd' ? t->w->d : TEST_K;
}
static inline IrNode *text_call(Text *t, const char *name, size_t len) {
    IrBuilder *b = t->w->b;
    int space = 0;
    if (!text_take(t, '(')) fail_msg("( is missing at %s", t->at);
    bool cols = len == 4 && !memcmp(name, "cols", 4), rows = len == 4 && !memcmp(name, "rows", 4);
    IrNode *made = NULL;
    if (cols || rows) {
        IrNode *x = text_sum(t);
        int64_t from = text_size(t, NULL), to = text_size(t, NULL);
        made = ir_slice(b, cols ? IR_SLICE_COLS : IR_SLICE_ROWS, x, from, to);
    } else if (len == 4 && !memcmp(name, "ones", 4)) {
        int64_t r = text_size(t, &space), c = text_size(t, NULL);
        made = ir_full(b, 1, r, c, space);
    } else if (len == 3 && !memcmp(name, "eye", 3)) {
        made = ir_eye(b, text_size(t, NULL));
    } else if (len == 4 && !memcmp(name, "iota", 4)) {
        int64_t r = text_size(t, &space);
        made = ir_iota(b, r, space);
    } else {
        IrNode *args[8];
        int k = 0;
        do args[k++] = text_sum(t);
        while (text_take(t, ','));
        for (int op = 0; op < IR_COUNT_OF_OPS && !made; op++) {
            const IrOpInfo *o = &ir_ops[op];
            if (strlen(o->text) != len || memcmp(o->text, name, len) != 0 || (o->arity >= 0 && o->arity != k)) continue;
            IrNode proto = {.op = (IrOp)op, .nargs = k};
            made = ir_make(b, &proto, args);
        }
    }
    if (!made || !text_take(t, ')')) fail_msg("cannot read %s", name);
    return made;
}
static inline IrNode *text_atom(Text *t) {
    IrBuilder *b = t->w->b;
    IrNode *x;
    if (text_take(t, '(')) {
        x = text_sum(t);
        if (!text_take(t, ')')) fail_msg(") is missing at %s", t->at);
    } else if (isdigit((unsigned char)*t->at)) {
        char *end;
        x = ir_const(b, strtod(t->at, &end));
        t->at = end;
    } else {
        size_t len = 0;
        while (isalnum((unsigned char)t->at[len])) len++;
        const char *name = t->at;
        t->at += len;
        if (len > 1)
            x = text_call(t, name, len);
        else if (*name == 'X')
            x = ir_table(b, t->w->table);
        else if (*name == 'n')
            x = ir_const(b, (double)t->w->n);
        else if (*name == 'd')
            x = ir_const(b, (double)t->w->d);
        else
            x = ir_input(b, (int)(strchr(test_input_names, *name) - test_input_names));
    }
    while (text_take(t, '\'')) x = ir_unary(b, IR_TRANSPOSE, x);
    return x;
}
static inline IrNode *text_unary(Text *t) {
    if (!text_take(t, '-')) return text_atom(t);
    IrNode *x = text_unary(t);
    return x->op == IR_CONST ? ir_const(t->w->b, -x->num) : ir_unary(t->w->b, IR_NEG, x);
}
static inline IrNode *text_power(Text *t) {
    IrNode *x = text_unary(t);
    return text_take(t, '^') ? ir_binary(t->w->b, IR_POW, x, text_unary(t)) : x;
}
static inline IrNode *text_matmul(Text *t) {
    IrNode *x = text_power(t);
    while (text_take(t, '@')) {
        IrNode *y = text_power(t);
        bool ta = x->op == IR_TRANSPOSE, tb = y->op == IR_TRANSPOSE;
        x = ir_matmul(t->w->b, ta ? x->args[0] : x, ta, tb ? y->args[0] : y, tb);
    }
    return x;
}
static inline IrNode *text_product(Text *t) {
    IrNode *x = text_matmul(t);
    for (;;) {
        if (text_take(t, '*'))
            x = ir_binary(t->w->b, IR_MUL, x, text_matmul(t));
        else if (text_take(t, '/'))
            x = ir_binary(t->w->b, IR_DIV, x, text_matmul(t));
        else
            return x;
    }
}
static IrNode *text_sum(Text *t) {
    IrNode *x = text_product(t);
    for (;;) {
        if (text_take(t, '+'))
            x = ir_binary(t->w->b, IR_ADD, x, text_product(t));
        else if (text_take(t, '-'))
            x = ir_binary(t->w->b, IR_SUB, x, text_product(t));
        else
            return x;
    }
}
static inline IrNode *text_build(World *w, const char *text) {
    Text t = {w, text};
    IrNode *x = text_sum(&t);
    if (*t.at) fail_msg("\"%s\" is left over of \"%s\"", t.at, text);
    return x;
}
static inline void world_output(World *w, IrNode *n) {
    vec_push(w->arena, &w->f->body->results, n);
    vec_push(w->arena, &w->f->output_names, "out");
}
static inline IrFunc *text_function(World *w, const char *text) {
    world_function(w);
    world_output(w, text_build(w, text));
    ir_verify(w->f, "building");
    return w->f;
}
static inline const char *text_of(World *w, const IrNode *n) {
    Buf out = {0};
    ir_print_expr(&out, n, 100);
    const char *s = arena_strdup(w->arena, out.data);
    buf_free(&out);
    return s;
}
/* All outputs, at most 8; free them with outputs_free(). */
static inline void world_run_all(World *w, IrFunc *f, Matrix **out) {
    BackendOptions o = {.threads = 1};
    RunContext rc = {.diags = w->ds, .threads = 1};
    memset(out, 0, sizeof *out * 8);
    Executable *x = backend_interp.prepare(w->ds, f, &o);
    if (!x || !backend_interp.run(x, &rc, w->inputs, out)) {
        diag_print(w->ds, stderr, false);
        fail_msg("the function does not run");
    }
    backend_interp.release(x);
}
static inline void outputs_free(Matrix **out) {
    for (int i = 0; i < 8; i++) mat_free(out[i]);
}
static inline Matrix *world_run(World *w, IrFunc *f) {
    Matrix *out[8];
    world_run_all(w, f, out);
    return out[0];
}
static inline bool near(double a, double b, double scale) {
    return a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= 1e-9 * (scale + fabs(a));
}
static inline void assert_equal_values(const Matrix *a, const Matrix *b, const char *what) {
    if (a->rows != b->rows || a->cols != b->cols) fail_msg("%s: another shape", what);
    double scale = 1;
    for (int64_t r = 0; r < a->rows; r++)
        for (int64_t c = 0; c < a->cols; c++)
            if (isfinite(mat_get(a, r, c))) scale = fmax(scale, fabs(mat_get(a, r, c)));
    for (int64_t r = 0; r < a->rows; r++)
        for (int64_t c = 0; c < a->cols; c++)
            if (!near(mat_get(a, r, c), mat_get(b, r, c), scale))
                fail_msg("%s: cell %lld, %lld: %.17g and %.17g", what, (long long)r, (long long)c, mat_get(a, r, c),
                         mat_get(b, r, c));
}
#endif
