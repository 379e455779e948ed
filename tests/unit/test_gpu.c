/* test_gpu.c: rows sorted by key, what a GPU measures of itself and what the cost model makes of it, one upload a
 * source, memory that values share. Where there is no GPU it runs on tests/cuda/shim.c; without a C++ compiler what
 * needs that is skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>

#include "backends/cuda/device.h"
#include "backends/cuda/run.h"
#include "compiler/estimator/gpu_kept.h"
#include "tests/unit/gpu_testing.h"

static bool have_device;

/* Sums by key over the chunks, as the kernels do. */
static void check_segments(const Segments *s, const int64_t *key_of, int64_t rows) {
    int64_t seen = 0;
    assert_int_equal(s->first[0], 0);
    assert_int_equal(s->first[s->keys], s->chunks);
    assert_int_equal(s->bounds[s->chunks], s->entries);
    for (int64_t k = 0; k < s->keys; k++) {
        assert_true(s->first[k + 1] > s->first[k]);
        int64_t last = -1;
        for (int64_t c = s->first[k]; c < s->first[k + 1]; c++) {
            assert_true(s->bounds[c + 1] >= s->bounds[c] && s->bounds[c + 1] - s->bounds[c] <= SEGMENT_CHUNK);
            for (int64_t e = s->bounds[c]; e < s->bounds[c + 1]; e++, seen++) {
                int64_t row = s->rows ? s->rows[e] : e;
                assert_true(row > last && row < rows);
                assert_int_equal(key_of[row], k);
                last = row;
            }
        }
    }
    int64_t want = 0;
    for (int64_t i = 0; i < rows; i++) want += key_of[i] >= 0;
    assert_int_equal(seen, want);
    assert_true(s->lanes >= 1 && s->lanes <= 32 && (s->lanes & (s->lanes - 1)) == 0);
}
static void segments_hold_every_row_once(void **state) {
    (void)state;
    enum { ROWS = 5000, KEYS = 40 };
    static int32_t idx[ROWS];
    static int64_t key_of[ROWS];
    Segments s;
    for (int way = 0; way < 5; way++) {
        for (int i = 0; i < ROWS; i++) { /* scattered; with holes; nearly all of one key; sorted; none at all */
            idx[i] = way == 0   ? (int32_t)(i * 7919 % KEYS)
                     : way == 1 ? (int32_t)(i % 3 ? i * 31 % KEYS : -1)
                     : way == 2 ? (int32_t)(i % 100 ? 5 : i % KEYS)
                     : way == 3 ? (int32_t)((int64_t)i * KEYS / ROWS)
                                : -1;
            key_of[i] = idx[i];
        }
        Indicator ind = {.rows = ROWS, .idx = idx};
        assert_true(segments_of_indicator(&ind, KEYS, &s));
        assert_true((s.rows == NULL) == (way == 3));
        check_segments(&s, key_of, ROWS);
        segments_free(&s);
    }
    Indicator range = {.rows = 10, .range = true, .begin = 2, .end = 6, .first = 1};
    int64_t wanted[10];
    for (int i = 0; i < 10; i++) wanted[i] = i >= 2 && i < 6 ? i - 1 : -1;
    assert_true(segments_of_indicator(&range, 7, &s));
    check_segments(&s, wanted, 10);
    segments_free(&s);
}
static void segments_of_sparse_blocks_are_their_columns(void **state) {
    (void)state;
    Matrix *m = mat_new_csr(3, 4, 4, false);
    static const int64_t ptr[] = {0, 2, 2, 4};
    static const int32_t col[] = {0, 3, 1, 3};
    static const double val[] = {1, 2, 3, 4};
    memcpy(m->rowptr, ptr, sizeof ptr);
    memcpy(m->colidx, col, sizeof col);
    memcpy(m->values, val, sizeof val);
    Segments s;
    assert_true(segments_of_sparse(m, &s));
    assert_int_equal(s.keys, 4);
    assert_int_equal(s.entries, 4);
    static const int64_t bounds[] = {0, 1, 2, 2, 4};
    assert_memory_equal(s.bounds, bounds, sizeof bounds);
    static const int32_t rows[] = {0, 2, 0, 2};
    static const double values[] = {1, 3, 2, 4};
    assert_memory_equal(s.rows, rows, sizeof rows);
    assert_memory_equal(s.values, values, sizeof values);
    assert_null(s.floats);
    segments_free(&s);
    m->single = true;
    assert_true(segments_of_sparse(m, &s));
    static const float floats[] = {1, 3, 2, 4};
    assert_memory_equal(s.floats, floats, sizeof floats);
    assert_null(s.values);
    segments_free(&s);
    static const float stored[] = {1, 2, 3, 4};
    assert_memory_equal(mat_floats(m, 2), stored, sizeof stored);
    mat_free(m);
}

static void a_device_measures_itself(void **state) {
    (void)state;
    if (!have_device) skip();
    Arena *arena = arena_new();
    Diags *ds = diags_new(arena);
    BackendOptions o = {0};
    GpuSpeeds gpu;
    bool ok = gpu_measure(ds, &o, &gpu);
    diag_print(ds, stderr, false);
    assert_true(ok);
    assert_true(gpu.name[0]);
#define ROW(field, text) assert_true(isfinite(gpu.field) && gpu.field >= 0);
    GPU_ROWS(ROW)
#undef ROW
    assert_true(gpu_speeds_are_sound(&gpu));
    arena_free(arena);
}
static IrFunc *descent(Arena *arena, Diags *ds, const Integration *in, double rounds) {
    IrFunc *f = ir_func_new(arena, ds, "descent");
    int t = ir_add_table(f, in, "T"), y = ir_add_input(f, "y", in->rows, 1, f->tables.data[t].target_space, (Span){0});
    IrBuilder *b = ir_builder(f);
    IrNode *x = ir_table(b, t), *label = ir_input(b, y), *init = ir_full(b, 0.5, in->cols, 1, 0),
           *step = ir_const(b, 1e-6);
    IrRegion *r = ir_region_begin(b, REGION_LOOP);
    ir_region_param(b, 1, 1, 0, "i");
    IrNode *w = ir_region_param(b, in->cols, 1, 0, "w");
    IrNode *e = ir_binary(b, IR_SUB, ir_unary(b, IR_SIGMOID, ir_matmul(b, x, false, w, false)), label);
    IrNode *next = ir_binary(b, IR_SUB, w, ir_binary(b, IR_MUL, step, ir_matmul(b, x, true, e, false)));
    ir_region_end(b, 1, &next);
    vec_push(arena, &f->body->results, ir_proj(b, ir_loop(b, ir_const(b, rounds), r, 1, &init), 0));
    vec_push(arena, &f->output_names, "w");
    return f;
}
/* One dense table whose rows are the target's. */
static Integration *plain_target(int64_t rows) {
    Integration *in = mem_alloc(sizeof *in);
    in->rows = rows;
    in->cols = 6;
    in->kind = "single";
    in->spaces = mem_alloc(sizeof *in->spaces);
    in->indicators = mem_alloc(sizeof *in->indicators);
    in->blocks = mem_alloc(sizeof *in->blocks);
    in->nspaces = in->nindicators = in->nblocks = 1;
    in->spaces[0] = (IntSpace){.name = "S", .role = 0, .rows = rows};
    in->indicators[0] = (Indicator){.rows = rows, .identity = true, .total = true, .injective = true, .used = rows};
    in->indicators[0].count = mem_alloc(sizeof(double) * (size_t)rows);
    Matrix *m = mat_new_dense(rows, in->cols);
    for (int64_t i = 0; i < rows; i++) {
        in->indicators[0].count[i] = 1;
        for (int64_t j = 0; j < in->cols; j++) m->data[i * m->ld + j] = rng_uniform(3, (uint64_t)j, (uint64_t)i) - 0.5;
    }
    in->blocks[0] = (IntBlock){.data = m, .label = "S", .target_cols = mem_alloc(sizeof(int32_t) * (size_t)in->cols)};
    for (int32_t j = 0; j < in->cols; j++) in->blocks[0].target_cols[j] = j;
    return in;
}
static void free_target(Integration *in) {
    mem_free(in->indicators[0].count);
    mat_free(in->blocks[0].data);
    mem_free(in->blocks[0].target_cols);
    mem_free(in->spaces);
    mem_free(in->indicators);
    mem_free(in->blocks);
    mem_free(in);
}
static bool is_the_matrix(void *matrix, const void *array) {
    return matrix == array;
}
static void costs_follow_what_was_measured(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Diags *ds = diags_new(arena);
    Integration *in = plain_target(3000);
    PassOptions po = {.threads = 1};
    IrFunc *few = ir_optimize(descent(arena, ds, in, 10), &po), *many = ir_optimize(descent(arena, ds, in, 1000), &po);
    IrGpu gpu = {.flops = 1e12, .bytes = 1e12, .transfer = 1e10, .launch = 2e-6};
    IrCost a = ir_cost_gpu(few, &gpu), b = ir_cost_gpu(many, &gpu);
    assert_true(a.seconds > 0 && b.seconds > a.seconds);
    /* an iteration is the launch of a graph */
    assert_float_equal(ir_cost_gpu(many, &(IrGpu){1e12, 1e12, 1e10, 2e-6, 1e-3}).seconds - b.seconds, 1, 1e-9);
    /* the tables go there once, whatever is computed */
    double way = ir_array_bytes(in, NULL, NULL);
    assert_true(way >= 3000 * 6 * 8 && way < 3000 * 6 * 8 * 1.01);
    assert_float_equal(ir_array_bytes(in, is_the_matrix, in->blocks[0].data), 0, 0);
    assert_float_equal(ir_array_bytes(in, is_the_matrix, NULL), way, 0);
    /* slower in any respect is slower; operations and bytes are those of the CPU's estimate */
    assert_true(ir_cost_gpu(many, &(IrGpu){1e9, 1e12, 1e10, 2e-6, 0}).seconds > b.seconds);
    assert_true(ir_cost_gpu(many, &(IrGpu){1e12, 1e9, 1e10, 2e-6, 0}).seconds > b.seconds);
    assert_true(ir_cost_gpu(many, &(IrGpu){1e12, 1e12, 1e10, 2e-5, 0}).seconds > b.seconds);
    IrCost cpu = ir_cost(many, 1);
    assert_float_equal(cpu.flops / b.flops, 1, 1e-9);
    assert_float_equal(cpu.bytes / b.bytes, 1, 1e-9);
    free_target(in);
    arena_free(arena);
}
static double trained(IrFunc *f, Diags *ds, Matrix *y) {
    PassOptions po = {.threads = 1};
    BackendOptions o = {.passes = &po, .threads = 1};
    Executable *x = backend_cuda.prepare(ds, f, &o);
    RunContext rc = {.diags = ds, .threads = 1};
    Matrix *out = NULL;
    bool ok = x && backend_cuda.run(x, &rc, &y, &out);
    diag_print(ds, stderr, false);
    assert_true(ok);
    assert_int_equal(rc.iterations, 12);
    backend_cuda.release(x);
    double v = mat_get(out, 0, 0);
    mat_free(out);
    return v;
}
static void a_source_is_uploaded_once(void **state) {
    (void)state;
    if (!have_device) skip();
    Arena *arena = arena_new();
    Diags *ds = diags_new(arena);
    Integration *in = plain_target(700);
    Matrix *y = mat_new_dense(in->rows, 1);
    PassOptions po = {.threads = 1};
    IrFunc *f = ir_optimize(descent(arena, ds, in, 12), &po);
    int64_t before = cuda_uploads();
    double first = trained(f, ds, y);
    int64_t once = cuda_uploads();
    double again = trained(f, ds, y);
    int64_t twice = cuda_uploads();
    assert_true(once - before > twice - once); /* the label comes again, the block does not */
    assert_int_equal(twice - once, 1);
    assert_true(first == again);
    cuda_forget(in); /* and after the integration is gone it does */
    assert_true(trained(f, ds, y) == first);
    assert_int_equal(cuda_uploads() - twice, once - before);
    cuda_forget(in);
    mat_free(y);
    free_target(in);
    arena_free(arena);
}

/* ---- memory ---- */
/* Each value over the rows is made from the one before it and from its sum, so that each stands in memory from one pass
 * to the next and no longer; in a loop when `rounds` > 0. */
static IrFunc *chain(Arena *arena, Diags *ds, const Integration *in, int links, double rounds) {
    IrFunc *f = ir_func_new(arena, ds, "chain");
    int t = ir_add_table(f, in, "T");
    IrBuilder *b = ir_builder(f);
    IrNode *x = ir_table(b, t), *w = ir_full(b, 0.5, in->cols, 1, 0), *zero = ir_const(b, 0);
    IrRegion *r = NULL;
    IrNode *sum = zero;
    if (rounds > 0) {
        r = ir_region_begin(b, REGION_LOOP);
        ir_region_param(b, 1, 1, 0, "i");
        sum = ir_region_param(b, 1, 1, 0, "s");
    }
    IrNode *v = ir_unary(b, IR_TANH, ir_binary(b, IR_ADD, ir_matmul(b, x, false, w, false), sum));
    for (int k = 0; k < links; k++) {
        sum = ir_unary(b, IR_SUM, v);
        v = ir_unary(b, IR_TANH, ir_binary(b, IR_ADD, v, ir_binary(b, IR_MUL, sum, ir_const(b, 1e-3 * (k + 1)))));
    }
    sum = ir_unary(b, IR_SUM, v);
    if (r) {
        ir_region_end(b, 1, &sum);
        sum = ir_proj(b, ir_loop(b, ir_const(b, rounds), r, 1, &zero), 0);
    }
    vec_push(arena, &f->body->results, sum);
    vec_push(arena, &f->output_names, "s");
    return f;
}
static void values_share_memory_when_they_are_not_held_together(void **state) {
    (void)state;
    enum { ROWS = 2000, LINKS = 9 };
    Arena *arena = arena_new();
    Diags *ds = diags_new(arena);
    Integration *in = plain_target(ROWS);
    PassOptions po = {.threads = 1};
    for (int looped = 0; looped < 2; looped++) {
        CudaProgram *p =
            cuda_emit(ir_fuse_plain(ir_optimize(chain(arena, ds, in, LINKS, looped ? 5 : 0), &po)), true, false);
        CudaLayout *l = cuda_lay_out(arena, p, NULL);
        size_t value = cuda_aligned(sizeof(double) * ROWS);
        assert_true(l->apart >= LINKS * value);
        assert_true(l->bytes < 4 * value); /* the one before, the one that is made, and small values */
        for (int i = 0; i < l->buffers.len; i++)
            for (int k = 0; k < i; k++) {
                const CudaBuffer *a = &l->buffers.data[i], *b = &l->buffers.data[k];
                bool together = a->first <= b->last && b->first <= a->last && a->first >= 0 && b->first >= 0;
                bool apart = a->at + a->bytes <= b->at || b->at + b->bytes <= a->at;
                assert_true(!together || apart);
                assert_true(a->at + a->bytes <= l->bytes);
            }
        mem_free(p->text);
    }
    free_target(in);
    arena_free(arena);
}
/* A lifetime that is too short is found: what is held too briefly is no number when it is read. */
static void reading_what_is_not_held_gives_no_number(void **state) {
    (void)state;
    if (!have_device) skip();
    enum { LINKS = 4 };
    Arena *arena = arena_new();
    Diags *ds = diags_new(arena);
    Integration *in = plain_target(600);
    setenv("AMAL_VERIFY", "1", 1);
    for (int looped = 0; looped < 2; looped++) {
        PassOptions po = {.threads = 1};
        BackendOptions o = {.passes = &po, .threads = 1};
        IrFunc *f = ir_optimize(chain(arena, ds, in, LINKS, looped ? 6 : 0), &po);
        Executable *plain = backend_interp.prepare(ds, f, &o), *x = backend_cuda.prepare(ds, f, &o);
        RunContext rc = {.diags = ds, .threads = 1};
        Matrix *want = NULL, *got = NULL;
        assert_true(plain && x && backend_interp.run(plain, &rc, NULL, &want) && backend_cuda.run(x, &rc, NULL, &got));
        assert_float_equal(mat_get(got, 0, 0) / mat_get(want, 0, 0), 1, 1e-9);
        mat_free(got);
        int shortened = 0, found = 0;
        for (int i = 0; i < x->layout->buffers.len; i++) {
            CudaBuffer *b = &x->layout->buffers.data[i];
            if (b->kind != BUFFER_SLOT || x->program->slots.data[b->index].rspace == 0 || b->last <= b->first) continue;
            int last = b->last;
            b->last = b->first; /* as if nothing read it after the pass that made it */
            assert_true(backend_cuda.run(x, &rc, NULL, &got));
            found += isnan(mat_get(got, 0, 0)) != 0;
            mat_free(got);
            b->last = last;
            shortened++;
        }
        assert_true(shortened >= LINKS - 1);
        assert_int_equal(found, shortened);
        mat_free(want);
        backend_interp.release(plain);
        backend_cuda.release(x);
    }
    diag_print(ds, stderr, false);
    unsetenv("AMAL_VERIFY");
    cuda_forget(in);
    free_target(in);
    arena_free(arena);
}

int main(void) {
    have_device = find_test_device();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_hold_every_row_once),
        cmocka_unit_test(segments_of_sparse_blocks_are_their_columns),
        cmocka_unit_test(a_device_measures_itself),
        cmocka_unit_test(costs_follow_what_was_measured),
        cmocka_unit_test(a_source_is_uploaded_once),
        cmocka_unit_test(values_share_memory_when_they_are_not_held_together),
        cmocka_unit_test(reading_what_is_not_held_gives_no_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
