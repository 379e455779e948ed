/* random_algebra.c: every operator over T, three ways: the interpreter on level 1 (T as one matrix), the interpreter on
 * the factorized function, and emitted C, the last two also over sorted rows and with tables absorbed, on random
 * targets: dense, CSR and one-hot blocks; identity, range, masked and repeated indicators; zero rows, one row, no
 * columns.
 *
 *     random_algebra [--count N] [--seed S] [--threads T] [--keep DIR] [--plain] [--interp] [--cuda] [--any-order]
 * [--products] [--single]
 *
 * --plain factorizes without rewrites before it, --interp leaves emitted C out (many more in the time),
 * --cuda takes emitted CUDA for emitted C (on a GPU, or on tests/cuda/shim.c by CUDA_HOME), --any-order with atomics,
 * --products with every dense product left to cuBLAS, two rows at a time, --single rounds T to single precision. Prints
 * the seed of each failure: `--count 1 --seed S` repeats it. */
#include "backends/cuda/device.h"
#include "backends/cuda/emit.h"
#include "tests/differential/random_target.h"

static bool close_enough(double a, double b, double scale) {
    if (a == b || (isnan(a) && isnan(b))) return true;
    return fabs(a - b) <= 1e-9 * (scale + fabs(a));
}
static int compare(const char *what, int outputs, Matrix **a, Matrix **b) {
    for (int k = 0; k < outputs; k++) {
        if (a[k]->rows != b[k]->rows || a[k]->cols != b[k]->cols) {
            printf("seed %llu: output %d of %s has another shape\n", (unsigned long long)draw_seed, k, what);
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
                    printf("seed %llu: output %d of %s differs at (%lld, %lld): %.17g, %.17g\n",
                           (unsigned long long)draw_seed, k, what, (long long)i, (long long)j, mat_get(a[k], i, j),
                           mat_get(b[k], i, j));
                    return 1;
                }
    }
    return 0;
}
static int64_t sorted_runs, absorbed_runs;
static bool any_order, single;
static bool run(const Backend *be, Diags *ds, IrFunc *f, int threads, const char *keep, Matrix *y, Matrix **out) {
    PassOptions po = {.threads = threads};
    BackendOptions o = {.passes = &po,
                        .threads = threads,
                        .keep_dir = keep,
                        .dump_cuda = be == &backend_cuda ? keep : NULL,
                        .any_order = any_order};
    Executable *x = be->prepare(ds, f, &o);
    if (!x) return false;
    RunContext rc = {.diags = ds, .threads = threads};
    bool ok = be->run(x, &rc, &y, out);
    be->release(x);
    return ok;
}
/* Emitted code is made for several widths of vectors: one a seed, of those that this machine can run. */
static void choose_target(void) {
#if defined(__x86_64__)
    static const char *const targets[] = {"native", "x86-64", "x86-64-v3"};
    setenv("AMAL_TARGET",
           targets[draw_seed % (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? 3 : 2)], 1);
#endif
}
/* The same program over the same rows arranged otherwise: both backends, results put back. Sorted only where its order
 * is free. -1: a run failed. */
static int compare_arranged(Arena *arena, Diags *ds, const Integration *in, Arrangement how, uint64_t at, int threads,
                            const char *keep, const Backend *emit, Matrix *y, int outputs, Matrix **want) {
    int bad = 0;
    Integration *view = integration_arrange(ds, in, how, threads);
    if (!view) return -1;
    draw_at = at;
    IrFunc *f = random_program(arena, ds, view);
    PassOptions po = {.threads = threads, .verify = true};
    IrFunc *g = ir_optimize(f, &po);
    const IrNode *node;
    if (how.sort_by < 0 || ir_order_is_free(g, f->tables.data[0].target_space, &node)) {
        Matrix *ys = mat_new_dense(in->rows, 1);
        for (int64_t i = 0; i < in->rows; i++) ys->data[i] = y->data[view->order ? view->order[i] : i];
        for (int way = 0; way < 1 + (emit != NULL) && !bad; way++) {
            Matrix *got[64] = {0};
            if (!run(way ? emit : &backend_interp, ds, g, threads, keep, ys, got)) bad = -1;
            for (int k = 0; k < outputs && !bad; k++) {
                if (!g->spaces.data[g->body->results.data[k]->rspace].order) continue;
                Matrix *back = mat_new_dense(got[k]->rows, got[k]->cols);
                for (int64_t i = 0; i < in->rows; i++)
                    for (int64_t j = 0; j < back->cols; j++)
                        back->data[view->order[i] * back->cols + j] = mat_get(got[k], i, j);
                mat_free(got[k]);
                got[k] = back;
            }
            if (!bad)
                bad = compare(way ? "emitted code over arranged rows" : "the interpreter over arranged rows", outputs,
                              want, got);
            for (int k = 0; k < outputs; k++) mat_free(got[k]);
        }
        mat_free(ys);
        sorted_runs += how.sort_by >= 0;
        absorbed_runs += how.absorbed != 0;
    }
    cuda_forget(view);
    integration_free(view);
    return bad;
}
/* Sorted by one of the indexes; some of the tables absorbed, over rows in either order. */
static int compare_arrangements(Arena *arena, Diags *ds, const Integration *in, uint64_t at, int threads,
                                const char *keep, const Backend *emit, Matrix *y, int outputs, Matrix **want) {
    int by = -1, bad = 0;
    uint64_t tables = 0;
    for (int i = 0, start = in->nindicators ? up_to(in->nindicators) : 0; i < in->nindicators && by < 0; i++) {
        int k = (start + i) % in->nindicators;
        if (in->indicators[k].idx) by = k;
    }
    for (int s = 0; s < in->nspaces; s++)
        if (in->spaces[s].role >= 0 && maybe(0.6)) tables |= 1ull << in->spaces[s].role;
    int absorbed_by = maybe(0.5) ? by : -1;
    bool odd = draw_seed % 2;
    if (by >= 0)
        bad = compare_arranged(arena, ds, in, (Arrangement){.sort_by = by}, at, threads, keep, odd ? emit : NULL, y,
                               outputs, want);
    if (!bad && tables)
        bad = compare_arranged(arena, ds, in, (Arrangement){absorbed_by, tables}, at, threads, keep, odd ? NULL : emit,
                               y, outputs, want);
    return bad;
}
static int one(int threads, const char *keep, bool simplify, const Backend *emit) {
    Arena *arena = arena_new();
    Diags *ds = diags_new(arena);
    draw_at = 0;
    Integration *in = random_target(maybe(0.6));
    if (single && !integration_round(ds, in, threads)) internal_error("no memory");
    uint64_t at = draw_at;
    IrFunc *f = random_program(arena, ds, in);
    ir_verify(f, "building");
    int n = f->body->results.len, bad = 0;
    choose_target();
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
    ok = ok && run(&backend_interp, ds, g, threads, NULL, y, b) && (!emit || run(emit, ds, g, threads, keep, y, c));
    if (!ok) {
        printf("seed %llu: a run failed\n", (unsigned long long)draw_seed);
        diag_print(ds, stdout, false);
        bad = 1;
    } else {
        bad = compare("the factorized interpreter", n, a, b) ||
              (emit && compare(emit == &backend_c ? "emitted C" : "emitted CUDA", n, a, c));
        if (!bad) bad = compare_arrangements(arena, ds, in, at, threads, keep, emit, y, n, a);
        if (bad < 0) {
            printf("seed %llu: a run over arranged rows failed\n", (unsigned long long)draw_seed);
            diag_print(ds, stdout, false);
            bad = 1;
        }
    }
    for (int k = 0; k < n; k++) mat_free(a[k]), mat_free(b[k]), mat_free(c[k]);
    mat_free(y);
    cuda_forget(in);
    free_target(in);
    arena_free(arena);
    return bad;
}

int main(int argc, char **argv) {
    int64_t count = 40, failed = 0, threads = 2;
    uint64_t first = 1;
    const char *keep = NULL;
    bool simplify = true;
    const Backend *emit = &backend_c;
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--count") && i + 1 < argc)
            count = atoll(argv[++i]);
        else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
            first = strtoull(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--threads") && i + 1 < argc)
            threads = atoll(argv[++i]);
        else if (!strcmp(argv[i], "--keep") && i + 1 < argc)
            keep = argv[++i];
        else if (!strcmp(argv[i], "--plain"))
            simplify = false;
        else if (!strcmp(argv[i], "--interp"))
            emit = NULL;
        else if (!strcmp(argv[i], "--cuda"))
            emit = &backend_cuda;
        else if (!strcmp(argv[i], "--any-order"))
            any_order = true;
        else if (!strcmp(argv[i], "--products"))
            cuda_width = (CudaWidth){.rows = 2};
        else if (!strcmp(argv[i], "--single"))
            single = true;
        else {
            fprintf(stderr, "usage: random_algebra [--count N] [--seed S] [--threads T] [--keep DIR] [--plain] "
                            "[--interp] [--cuda] [--any-order] [--products] [--single]\n");
            return 2;
        }
    }
    for (int64_t k = 0; k < count; k++) {
        draw_seed = first + (uint64_t)k;
        failed += one((int)threads, keep, simplify, emit);
    }
    printf("%lld of them over sorted rows too, %lld with tables absorbed\n", (long long)sorted_runs,
           (long long)absorbed_runs);
    printf("%lld passed, %lld failed\n", (long long)(count - failed), (long long)failed);
    return failed != 0;
}
