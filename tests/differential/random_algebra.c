/* random_algebra.c: every operator over T, three ways: the interpreter on level 1 (T as one matrix), the interpreter on the factorized function, and
 * emitted C, on random targets: dense, CSR and one-hot blocks; identity, range, masked and repeated indicators; zero rows, one row, no columns.
 *
 *     random_algebra [--count N] [--seed S] [--threads T] [--keep DIR]
 *
 * Prints the seed of each failure: `--count 1 --seed S` repeats it. */
#include "backends/backend.h"
#include "backends/runtime/kernels.h"
#include <math.h>
#include <setjmp.h>
#include <stdlib.h>

static uint64_t seed, at;
static double uniform(void) { return rng_uniform(seed, 1, at++); }
static int64_t below(int64_t n) { return n > 0 ? (int64_t)(uniform() * (double)n) : 0; }

/* ---- random targets ---- */
static void fill_count(Indicator *ind, int64_t space_rows) {
    ind->count = mem_alloc(sizeof(double) * (size_t)(space_rows + 1));
    ind->total = true;
    ind->injective = true;
    for (int64_t i = 0; i < ind->rows; i++) {
        int64_t r = ind->identity ? i : ind->range ? (i >= ind->begin && i < ind->end ? i - ind->begin + ind->first : -1) : ind->idx[i];
        if (r < 0) ind->total = false;
        else if (ind->count[r]++ > 0) ind->injective = false;
    }
    for (int64_t r = 0; r < space_rows; r++) ind->used += ind->count[r] > 0;
}
static Matrix *random_block(int64_t rows, int64_t cols, int kind) {
    if (kind == 1) {
        int64_t nnz = 0, *where = mem_alloc(sizeof *where * (size_t)(rows * cols + 1));
        for (int64_t k = 0; k < rows * cols; k++)
            if (uniform() < 0.3) where[nnz++] = k;
        bool pattern = uniform() < 0.3;
        Matrix *m = mat_new_csr(rows, cols, nnz, pattern);
        int64_t p = 0;
        for (int64_t r = 0; r < rows; r++) {
            for (; p < nnz && where[p] / cols == r; p++) {
                m->colidx[p] = (int32_t)(where[p] % cols);
                if (!pattern) m->values[p] = floor(uniform() * 9) - 3.5;
            }
            m->rowptr[r + 1] = p;
        }
        mem_free(where);
        return m;
    }
    if (kind == 2) {
        Matrix *m = mat_new_codes(rows, cols);
        for (int64_t r = 0; r < rows; r++) m->codes[r] = (int32_t)below(cols + 1) - 1;
        return m;
    }
    Matrix *m = mat_new_dense(rows, cols);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < cols; c++) m->data[r * m->ld + c] = floor(uniform() * 64) / 8 - 3;
    return m;
}
/* Every cell of T has one owner: where a table has no row for a target row, a fill table of one row owns its columns. */
static void add_fill(Integration *in, const Indicator *of, int64_t first_col, int64_t cols) {
    int s = in->nspaces++, k = in->nindicators++;
    in->spaces[s] = (IntSpace){.name = "fill", .role = -1, .rows = 1};
    Indicator *ind = &in->indicators[k];
    *ind = (Indicator){.space = s, .rows = in->rows};
    int32_t *idx = mem_alloc(sizeof *idx * (size_t)(in->rows + 1));
    for (int64_t i = 0; i < in->rows; i++) {
        bool present = of->identity || (of->range ? i >= of->begin && i < of->end : of->idx[i] >= 0);
        idx[i] = present ? -1 : 0;
    }
    ind->idx = idx;
    fill_count(ind, 1);
    IntBlock *b = &in->blocks[in->nblocks++];
    *b = (IntBlock){.space = s, .indicator = k, .label = "fill", .data = random_block(1, cols, 0)};
    b->target_cols = mem_alloc(sizeof(int32_t) * (size_t)(cols + 1));
    for (int64_t c = 0; c < cols; c++) b->target_cols[c] = (int32_t)(first_col + c);
}
/* Columns of T are dealt to 1..3 tables. */
static Integration *random_target(bool sparse_allowed) {
    static const int64_t sizes[] = {0, 1, 2, 7, 63, 64, 65, 130, 1500, 3000};
    Integration *in = mem_alloc(sizeof *in);
    in->rows = sizes[below(uniform() < 0.1 ? 10 : 9)];
    in->kind = "random";
    int nspaces = 1 + (int)below(3);
    in->nspaces = nspaces; /* fills come after them */
    in->spaces = mem_alloc(sizeof *in->spaces * 16);
    in->indicators = mem_alloc(sizeof *in->indicators * 16);
    in->blocks = mem_alloc(sizeof *in->blocks * 32);
    static const char *const names[] = {"S1", "S2", "S3"};
    for (int s = 0; s < nspaces; s++) {
        Indicator *ind = &in->indicators[in->nindicators];
        int kind = s == 0 && uniform() < 0.6 ? 0 : uniform() < 0.25 ? 1 : 2;
        int64_t rows = kind == 0 ? in->rows : 1 + below(40);
        *ind = (Indicator){.space = s, .rows = in->rows};
        if (kind == 0) ind->identity = true;
        else if (kind == 1) {
            ind->range = true;
            ind->begin = below(in->rows + 1);
            int64_t most = in->rows - ind->begin < rows ? in->rows - ind->begin : rows;
            ind->end = ind->begin + below(most + 1);
            ind->first = below(rows - (ind->end - ind->begin) + 1);
        } else {
            bool holes = uniform() < 0.5;
            int32_t *idx = mem_alloc(sizeof *idx * (size_t)(in->rows + 1));
            for (int64_t i = 0; i < in->rows; i++) idx[i] = holes && uniform() < 0.3 ? -1 : (int32_t)below(rows);
            ind->idx = idx;
        }
        in->spaces[s] = (IntSpace){.name = names[s], .role = s, .rows = rows};
        fill_count(ind, rows);
        int mine = in->nindicators++;
        int nb = 1 + (int)(uniform() < 0.3);
        for (int k = 0; k < nb; k++) {
            int64_t cols = below(8) ? 1 + below(5) : 0;
            IntBlock *b = &in->blocks[in->nblocks++];
            *b = (IntBlock){.space = s, .indicator = mine, .label = names[s]};
            b->data = random_block(rows, cols, sparse_allowed ? (int)below(3) : 0);
            b->target_cols = mem_alloc(sizeof(int32_t) * (size_t)(cols + 1));
            for (int64_t c = 0; c < cols; c++) b->target_cols[c] = (int32_t)(in->cols + c);
            if (cols && !in->indicators[mine].total) add_fill(in, &in->indicators[mine], in->cols, cols);
            in->cols += cols;
        }
    }
    if (in->cols == 0) { /* one column at least: targets without features are a diagnostic before algebra */
        IntBlock *b = &in->blocks[0];
        mat_free(b->data);
        b->data = random_block(in->spaces[b->space].rows, 1, 0);
        b->target_cols[0] = 0;
        if (!in->indicators[b->indicator].total) add_fill(in, &in->indicators[b->indicator], 0, 1);
        in->cols = 1;
    }
    return in;
}
static void free_target(Integration *in) {
    for (int i = 0; i < in->nindicators; i++) {
        mem_free((void *)in->indicators[i].idx);
        mem_free(in->indicators[i].count);
    }
    for (int i = 0; i < in->nblocks; i++) {
        mat_free(in->blocks[i].data);
        mem_free(in->blocks[i].target_cols);
    }
    mem_free(in->spaces);
    mem_free(in->indicators);
    mem_free(in->blocks);
    mem_free(in);
}

/* ---- random programs: values over T's rows, T-like values and small values, combined by every operator that accepts them ---- */
typedef struct Pool {
    IrNode *v[64];
    int n;
} Pool;
static void put(Pool *p, IrNode *n) {
    if (p->n < 64) p->v[p->n++] = n;
}
static IrNode *pick(Pool *p) { return p->v[below(p->n)]; }
static IrNode *small_matrix(IrBuilder *b, int64_t rows, int64_t cols) {
    return ir_binary(b, IR_SUB, ir_rand(b, IR_RAND, rows, cols, 0, ir_const(b, (double)below(1000))), ir_const(b, 0.4));
}
static IrNode *tame(IrBuilder *b, IrNode *x) { return ir_unary(b, IR_TANH, x); } /* keeps powers of random values small */

static IrNode *grow(IrBuilder *b, IrFunc *f, IrNode *x, Pool *like, Pool *rows, Pool *small, IrNode *y) {
    int64_t d = f->tables.data[0].data->cols, n = f->tables.data[0].data->rows;
    static const IrOp unary[] = {IR_EXP, IR_SQUARE, IR_ABS, IR_SIGN, IR_NEG, IR_SIGMOID, IR_NOT, IR_COS, IR_FLOOR, IR_TANH};
    static const IrOp binary[] = {IR_ADD, IR_SUB, IR_MUL, IR_MIN2, IR_MAX2, IR_LT, IR_GE, IR_EQ, IR_AND};
    IrNode *v = pick(like), *r, *s;
    (void)x;
    switch (below(26)) {
    case 0: v = ir_unary(b, unary[below(10)], v); if (v->op == IR_EXP) v = tame(b, v); put(like, v); return v;
    case 1: v = ir_binary(b, binary[below(9)], v, ir_const(b, floor(uniform() * 5) - 2)); put(like, v); return v;
    case 2: v = ir_binary(b, binary[below(9)], v, small_matrix(b, 1, v->cols)); put(like, v); return v;
    case 3: { IrNode *w = pick(like); if (w->cols != v->cols) return NULL; v = ir_binary(b, binary[below(9)], v, w); put(like, v); return v; }
    case 4: v = ir_binary(b, uniform() < 0.5 ? IR_MUL : IR_SUB, v, y); put(like, v); return v;
    case 5: { if (v->cols < 2) return NULL; int64_t c0 = below(v->cols), c1 = c0 + 1 + below(v->cols - c0); v = ir_slice(b, IR_SLICE_COLS, v, c0, c1); put(like, v); return v; }
    case 6: case 7: { int64_t k = 1 + below(4); r = ir_matmul(b, v, false, small_matrix(b, v->cols, k), false); put(rows, r); return r; }
    case 8: { int64_t k = 1 + below(12); r = ir_matmul(b, v, false, small_matrix(b, k, v->cols), true); put(rows, r); return r; }
    case 9: case 10: s = ir_matmul(b, v, true, pick(rows), false); put(small, s); return s;
    case 11: if (uniform() < 0.5) { r = pick(rows); r = ir_onehot(b, ir_unary(b, IR_ROWARGMAX, r), 1 + below(5)); put(rows, r); s = ir_matmul(b, r, true, v, false); put(small, s); return s; }
        s = ir_matmul(b, pick(rows), true, v, false); put(small, s); return s;
    case 12: { IrNode *w = pick(like); s = ir_matmul(b, v, true, w, false); put(small, s); return s; }
    case 13: r = ir_unary(b, IR_ROWSUMS, v); put(rows, r); return r;
    case 14: s = ir_unary(b, IR_COLSUMS, v); put(small, s); return s;
    case 15: s = ir_unary(b, IR_SUM, v); put(small, s); return s;
    case 16: { static const IrOp ops[] = {IR_ROWMIN, IR_ROWMAX, IR_ROWARGMIN, IR_ROWARGMAX}; r = ir_unary(b, ops[below(4)], v); put(rows, r); return r; }
    case 17: { static const IrOp ops[] = {IR_COLMIN, IR_COLMAX, IR_MINALL, IR_MAXALL}; if (!n) return NULL; s = ir_unary(b, ops[below(4)], v); put(small, s); return s; }
    case 18: { if (!n) return NULL; int64_t i0 = below(n), i1 = i0 + 1 + below(n - i0 > 5 ? 5 : n - i0); s = ir_slice(b, IR_SLICE_ROWS, uniform() < 0.5 ? v : pick(rows), i0, i1 > n ? n : i1); put(small, s); return s; }
    case 19: { r = pick(rows); r = ir_onehot(b, ir_unary(b, IR_ROWARGMIN, r), r->cols); put(rows, r); return r; }
    case 20: { r = pick(rows); r = ir_unary(b, unary[below(10)], r); if (r->op == IR_EXP) r = tame(b, r); put(rows, r); return r; }
    case 21: { r = pick(rows); IrNode *q = pick(rows); if (r->cols != q->cols && r->cols != 1 && q->cols != 1) return NULL; r = ir_binary(b, binary[below(9)], r, q); put(rows, r); return r; }
    case 22: { static const IrOp ops[] = {IR_SUM, IR_COLSUMS, IR_COLMIN, IR_MAXALL}; if (!n) return NULL; s = ir_unary(b, ops[below(4)], pick(rows)); put(small, s); return s; }
    case 23: { r = pick(rows); IrNode *q = pick(rows); s = ir_matmul(b, r, true, q, false); put(small, s); return s; }
    case 24: { IrNode *a[2] = {pick(rows), uniform() < 0.5 ? pick(rows) : v}; r = ir_nary(b, IR_CBIND, 2, a); if (r->cols > 40) return NULL; put(rows, r); return r; }
    default: { s = pick(small); s = ir_unary(b, IR_TRANSPOSE, s); s = ir_binary(b, IR_MUL, s, ir_const(b, 0.5)); put(small, s); (void)d; return s; }
    }
}
static IrFunc *random_program(Arena *arena, Diags *ds, const Integration *in) {
    IrFunc *f = ir_func_new(arena, ds, "random");
    int t = ir_add_table(f, in, "T"), space = f->tables.data[t].target_space;
    int yi = ir_add_input(f, "y", in->rows, 1, space, (Span){0});
    IrBuilder *b = ir_builder(f);
    Pool like = {0}, rows = {0}, small = {0};
    IrNode *x = ir_table(b, t), *y = ir_input(b, yi);
    put(&like, x);
    put(&rows, y);
    put(&small, small_matrix(b, in->cols, 1 + below(3)));
    for (int i = 0, made = 0; i < 60 && made < 9; i++) made += grow(b, f, x, &like, &rows, &small, y) != NULL;
    /* a loop that carries a small value, and one that carries a value over the rows */
    IrNode *init[2] = {small_matrix(b, in->cols, 1), ir_binary(b, IR_MUL, y, ir_const(b, 0.5))};
    IrRegion *r = ir_region_begin(b, REGION_LOOP);
    ir_region_param(b, 1, 1, 0, "i");
    IrNode *w = ir_region_param(b, in->cols, 1, 0, "w"), *h = ir_region_param(b, in->rows, 1, space, "h");
    IrNode *z = ir_matmul(b, pick(&like)->cols == in->cols ? x : x, false, w, false);
    IrNode *e = ir_binary(b, IR_SUB, ir_unary(b, IR_SIGMOID, z), h);
    IrNode *g = ir_matmul(b, x, true, e, false);
    IrNode *next[2] = {ir_binary(b, IR_SUB, w, ir_binary(b, IR_MUL, ir_const(b, 0.01 / (double)(in->rows + 1)), g)), ir_binary(b, IR_MUL, ir_const(b, 0.5), ir_binary(b, IR_ADD, h, ir_unary(b, IR_TANH, z)))};
    ir_region_end(b, 2, next);
    IrNode *loop = ir_loop(b, ir_const(b, (double)below(4)), r, 2, init);
    IrNode *res[64];
    int n = 0;
    res[n++] = ir_proj(b, loop, 0);
    res[n++] = ir_proj(b, loop, 1);
    for (int i = 1; i < small.n; i++) res[n++] = small.v[i];
    for (int i = 1; i < rows.n && n < 40; i++) res[n++] = rows.v[i];
    if (uniform() < 0.2) res[n++] = pick(&like);
    for (int i = 0; i < n; i++) {
        vec_push(arena, &f->body->results, res[i]);
        vec_push(arena, &f->output_names, "r");
    }
    return f;
}

static bool close_enough(double a, double b, double scale) {
    if (a == b || (isnan(a) && isnan(b))) return true;
    return fabs(a - b) <= 1e-9 * (scale + fabs(a));
}
static int compare(const char *what, int outputs, Matrix **a, Matrix **b) {
    for (int k = 0; k < outputs; k++) {
        if (a[k]->rows != b[k]->rows || a[k]->cols != b[k]->cols) {
            printf("seed %llu: output %d of %s has another shape\n", (unsigned long long)seed, k, what);
            return 1;
        }
        double scale = 1;
        for (int64_t i = 0; i < a[k]->rows * a[k]->cols; i++) {
            double v = fabs(mat_get(a[k], i / a[k]->cols, i % a[k]->cols));
            if (v > scale && isfinite(v)) scale = v;
        }
        for (int64_t i = 0; i < a[k]->rows; i++)
            for (int64_t j = 0; j < a[k]->cols; j++)
                if (!close_enough(mat_get(a[k], i, j), mat_get(b[k], i, j), scale)) {
                    printf("seed %llu: output %d of %s differs at (%lld, %lld): %.17g, %.17g\n", (unsigned long long)seed, k, what, (long long)i, (long long)j, mat_get(a[k], i, j), mat_get(b[k], i, j));
                    return 1;
                }
    }
    return 0;
}
static bool run(const Backend *be, Diags *ds, IrFunc *f, int threads, const char *keep, Matrix *y, Matrix **out) {
    PassOptions po = {.threads = threads};
    BackendOptions o = {.passes = &po, .threads = threads, .keep_dir = keep};
    Executable *x = be->prepare(ds, f, &o);
    if (!x) return false;
    RunContext rc = {.diags = ds, .threads = threads};
    bool ok = be->run(x, &rc, &y, out);
    be->release(x);
    return ok;
}
static int one(int threads, const char *keep, bool simplify) {
    Arena *arena = arena_new();
    Diags *ds = diags_new(arena);
    at = 0;
    Integration *in = random_target(uniform() < 0.6);
    IrFunc *f = random_program(arena, ds, in);
    ir_verify(f, "building");
    int n = f->body->results.len, bad = 0;
    Matrix *y = mat_new_dense(in->rows, 1), *a[64] = {0}, *b[64] = {0}, *c[64] = {0};
    for (int64_t i = 0; i < in->rows; i++) y->data[i] = floor(uniform() * 8) / 4 - 1;
    PassOptions po = {.threads = threads, .verify = true};
    bool ok = run(&backend_interp, ds, f, threads, NULL, y, a);
    if (keep) {
        Buf t = {0};
        ir_print(&t, f);
        puts(t.data);
        buf_free(&t);
    }
    IrFunc *g = simplify ? ir_optimize(f, &po) : ir_factorize(f, &po);
    if (keep) {
        Buf t = {0};
        ir_print(&t, g);
        puts(t.data);
        buf_free(&t);
    }
    ir_verify(g, "factorize");
    ok = ok && run(&backend_interp, ds, g, threads, NULL, y, b) && run(&backend_c, ds, g, threads, keep, y, c);
    if (!ok) {
        printf("seed %llu: a run failed\n", (unsigned long long)seed);
        diag_print(ds, stdout, false);
        bad = 1;
    } else {
        bad = compare("the factorized interpreter", n, a, b) || compare("emitted C", n, a, c);
    }
    for (int k = 0; k < n; k++) mat_free(a[k]), mat_free(b[k]), mat_free(c[k]);
    mat_free(y);
    free_target(in);
    arena_free(arena);
    return bad;
}

int main(int argc, char **argv) {
    int64_t count = 40, failed = 0, threads = 2;
    uint64_t first = 1;
    const char *keep = NULL;
    bool simplify = true;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--count") && i + 1 < argc) count = atoll(argv[++i]);
        else if (!strcmp(argv[i], "--seed") && i + 1 < argc) first = strtoull(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--threads") && i + 1 < argc) threads = atoll(argv[++i]);
        else if (!strcmp(argv[i], "--keep") && i + 1 < argc) keep = argv[++i];
        else if (!strcmp(argv[i], "--plain")) simplify = false;
        else {
            fprintf(stderr, "usage: random_algebra [--count N] [--seed S] [--threads T] [--keep DIR] [--plain]\n");
            return 2;
        }
    }
    for (int64_t k = 0; k < count; k++) {
        seed = first + (uint64_t)k;
        failed += one((int)threads, keep, simplify);
    }
    printf("%lld passed, %lld failed\n", (long long)(count - failed), (long long)failed);
    return failed != 0;
}
