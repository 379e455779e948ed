/* mapping_algebra.h: every factorized operator over the integration of a mapping against the same function over its
 * dense cells.
 *
 * One function holds each operator of the language over T; now and then a random one (random_program.h) is compared
 * too. The oracle runs level 1 in the interpreter on a target of one dense block, made from the cells that the
 * definition gives. */
#ifndef AMAL_MAPPING_ALGEBRA_H
#define AMAL_MAPPING_ALGEBRA_H
#include "tests/differential/random_program.h"

static IrFunc *every_operator(Arena *arena, Diags *ds, const Integration *in) {
    IrFunc *f = ir_func_new(arena, ds, "operators");
    int t = ir_add_table(f, in, "T"), space = f->tables.data[t].target_space;
    int yi = ir_add_input(f, "y", in->rows, 1, space, (Span){0});
    IrBuilder *b = ir_builder(f);
    Maker k = {.b = b, .n = in->rows, .d = in->cols, .space = space};
    IrNode *x = ir_table(b, t), *y = ir_input(b, yi), *one = ir_const(b, 1), *v[64];
    IrNode *r = ir_rand(b, IR_RAND, in->rows, 2, space, ir_const(b, 3)), *w = ir_unary(b, IR_ABS, y),
           *m = small_matrix(&k, in->cols, 3);
    int n = 0;
    v[n++] = ir_matmul(b, x, false, m, false);
    v[n++] = ir_matmul(b, x, false, small_matrix(&k, 2, in->cols), true);
    v[n++] = ir_matmul(b, x, true, r, false);
    v[n++] = ir_matmul(b, r, true, x, false);
    v[n++] = ir_unary(b, IR_ROWSUMS, x);
    v[n++] = ir_unary(b, IR_COLSUMS, x);
    v[n++] = ir_unary(b, IR_SUM, x);
    static const IrOp extremes[] = {IR_MINALL, IR_MAXALL, IR_COLMIN,    IR_COLMAX,
                                    IR_ROWMIN, IR_ROWMAX, IR_ROWARGMIN, IR_ROWARGMAX};
    for (int i = 0; i < 8; i++) v[n++] = ir_unary(b, extremes[i], x);
    v[n++] = ir_matmul(b, x, true, x, false);
    v[n++] = ir_matmul(b, x, true, ir_binary(b, IR_MUL, w, x), false);
    v[n++] = ir_matmul(b, ir_binary(b, IR_MUL, x, y), false, m, false);
    v[n++] = ir_unary(b, IR_COLSUMS, ir_binary(b, IR_MUL, x, y));
    /* functions with f(0) other than 0 */
    IrNode *cosine = ir_unary(b, IR_COS, x), *shifted = ir_binary(b, IR_ADD, x, one),
           *is_zero = ir_binary(b, IR_EQ, x, ir_const(b, 0));
    v[n++] = ir_unary(b, IR_COLSUMS, cosine);
    v[n++] = ir_matmul(b, cosine, false, m, false);
    v[n++] = ir_matmul(b, cosine, true, r, false);
    v[n++] = ir_matmul(b, shifted, true, cosine, false);
    v[n++] = ir_unary(b, IR_ROWSUMS, is_zero);
    v[n++] = ir_unary(b, IR_COLMAX, cosine);
    v[n++] = ir_unary(b, IR_SUM, ir_where(b, is_zero, shifted, ir_const(b, 0.5)));
    /* parts */
    int64_t c0 = up_to(in->cols), c1 = c0 + 1 + up_to(in->cols - c0), i0 = up_to(in->rows);
    IrNode *part = ir_slice(b, IR_SLICE_COLS, x, c0, c1);
    v[n++] = ir_matmul(b, part, false, small_matrix(&k, c1 - c0, 2), false);
    v[n++] = ir_matmul(b, part, true, x, false);
    v[n++] = ir_unary(b, IR_ROWMAX, part);
    v[n++] = taken(&k, IR_TAKE_COLS, x, positions(&k, 2, in->cols));
    if (in->rows) {
        v[n++] = ir_slice(b, IR_SLICE_ROWS, x, i0, i0 + 1);
        v[n++] = taken(&k, IR_TAKE_ROWS, ir_binary(b, IR_MUL, cosine, w), positions(&k, 3, in->rows));
    }
    /* standardized, with an intercept */
    IrNode *rows = ir_const(b, (double)in->rows + 1), *mu = ir_binary(b, IR_DIV, ir_unary(b, IR_COLSUMS, x), rows),
           *sd = ir_binary(b, IR_ADD, ir_unary(b, IR_ABS, mu), one);
    IrNode *z = ir_binary(b, IR_DIV, ir_binary(b, IR_SUB, x, mu), sd), *pair[2] = {one, z},
           *design = ir_nary(b, IR_CBIND, 2, pair);
    v[n++] = ir_matmul(b, z, false, m, false);
    v[n++] = ir_matmul(b, z, true, r, false);
    v[n++] = ir_matmul(b, z, true, z, false);
    v[n++] = ir_matmul(b, design, true, design, false);
    v[n++] = ir_matmul(b, design, true, ir_binary(b, IR_MUL, w, design), false);
    v[n++] = ir_matmul(b, x, false, ir_matmul(b, x, true, y, false), false);
    v[n++] = ir_unary(b, IR_TANH, x);
    for (int i = 0; i < n; i++) {
        vec_push(arena, &f->body->results, v[i]);
        vec_push(arena, &f->output_names, "r");
    }
    return f;
}

static bool algebra_run(const Backend *be, Diags *ds, IrFunc *f, Matrix *y, Matrix **out) {
    BackendOptions o = {.threads = 1};
    Executable *x = be->prepare(ds, f, &o);
    RunContext rc = {.diags = ds, .threads = 1};
    bool ok = x && be->run(x, &rc, &y, out);
    if (x) be->release(x);
    return ok;
}
static bool same_matrix(const Matrix *a, const Matrix *b) {
    if (a->rows != b->rows || a->cols != b->cols) return false;
    double scale = 1;
    for (int64_t i = 0; i < a->rows * a->cols; i++)
        scale = isfinite(a->data[i]) ? fmax(scale, fabs(a->data[i])) : scale;
    for (int64_t i = 0; i < a->rows * a->cols; i++) {
        double p = a->data[i], q = b->data[i];
        if (p != q && !(isnan(p) && isnan(q)) && !(fabs(p - q) <= 1e-9 * scale)) return false;
    }
    return true;
}
/* NULL, or what is wrong. `make` draws the same function for both targets. */
static const char *compare_algebra(const Integration *in, double *dense, uint64_t seed,
                                   IrFunc *(*make)(Arena *, Diags *, const Integration *), bool compiled) {
    static char wrong[200];
    enum { MOST = 80 };
    Arena *arena = arena_new();
    Diags *ds = diags_new(arena);
    int32_t *cols = mem_alloc(sizeof *cols * (size_t)(in->cols + 1));
    double *count = mem_alloc(sizeof *count * (size_t)(in->rows + 1));
    for (int64_t c = 0; c < in->cols; c++) cols[c] = (int32_t)c;
    for (int64_t i = 0; i < in->rows; i++) count[i] = 1;
    IntSpace own = {.name = "dense", .role = -1, .rows = in->rows};
    Indicator same = {.rows = in->rows,
                      .identity = true,
                      .total = true,
                      .ascending = true,
                      .injective = true,
                      .used = in->rows,
                      .count = count};
    IntBlock block = {.data = mat_wrap_dense(in->rows, in->cols, dense), .target_cols = cols, .label = "dense"};
    Integration whole = {.rows = in->rows,
                         .cols = in->cols,
                         .kind = "dense",
                         .nspaces = 1,
                         .spaces = &own,
                         .nindicators = 1,
                         .indicators = &same,
                         .nblocks = 1,
                         .blocks = &block};
    draw_seed = seed;
    draw_at = 0;
    IrFunc *level1 = make(arena, ds, &whole);
    draw_at = 0;
    IrFunc *f = make(arena, ds, in);
    Matrix *y = mat_new_dense(in->rows, 1), *a[MOST] = {0}, *b[MOST] = {0};
    for (int64_t i = 0; i < in->rows; i++) y->data[i] = floor(uniform() * 8) / 4 - 1;
    PassOptions po = {.threads = 1};
    IrFunc *g = maybe(0.25) ? ir_optimize(f, &po) : ir_factorize(f, &po);
    ir_verify(g, "factorize");
    const char *result = NULL;
    if (!algebra_run(&backend_interp, ds, level1, y, a)) result = "level 1 failed";
    for (int way = 0; way < 1 + compiled && !result; way++) {
        if (!algebra_run(way ? &backend_c : &backend_interp, ds, g, y, b))
            result = way ? "emitted C failed" : "level 2 failed";
        for (int k = 0; k < level1->body->results.len; k++) {
            if (!result && !same_matrix(a[k], b[k])) {
                snprintf(wrong, sizeof wrong, "%s: result %d of %s (algebra seed %llu)", way ? "emitted C" : "level 2",
                         k, f->name, (unsigned long long)seed);
                result = wrong;
            }
            mat_free(b[k]);
            b[k] = NULL;
        }
    }
    for (int k = 0; k < level1->body->results.len; k++) mat_free(a[k]);
    mat_free(y);
    mat_free(block.data);
    mem_free(cols);
    mem_free(count);
    arena_free(arena);
    return result;
}
#endif
