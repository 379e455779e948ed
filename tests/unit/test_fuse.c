/* Passes: how many there are is what fuse, rotate and sorted rows are for; that they compute the same is the business
 * of the differential tests. */
#include "tests/unit/ir_testing.h"

#include "ir/fuse.h"

static int passes_in(const FusePlan *p, const IrRegion *r) {
    int n = 0;
    for (int i = 0; i < p->passes.len; i++) n += p->passes.data[i]->region == r;
    return n;
}
static FusePlan *plan_of(World *w, const char *text) {
    PassOptions o = {.threads = 1, .verify = true};
    return ir_fuse(ir_optimize(text_function(w, text), &o));
}

/* A gradient over three tables: what they give, T, what they take. */
static void test_segments(void **state) {
    (void)state;
    static const char gradient[] = "X' @ (sigmoid(X @ w) - y)";
    World w = world_new(400, true);
    FusePlan *p = plan_of(&w, gradient);
    assert_int_equal(p->passes.len, 5); /* shops and goods before, T, shops and goods after */
    for (int by = 1; by <= 2; by++) {
        Integration *plain = w.data;
        w.data = integration_arrange(w.ds, plain, (Arrangement){.sort_by = by}, 1);
        p = plan_of(&w, gradient);
        assert_int_equal(p->passes.len, 3); /* one of the two shares T's sweep */
        const FusePass *shared = NULL;
        for (int i = 0; i < p->passes.len; i++)
            if (p->passes.data[i]->segments) shared = p->passes.data[i];
        assert_non_null(shared);
        int stages[3] = {0}, kept = 0;
        for (int i = 0; i < shared->nodes.len; i++) {
            const IrNode *n = shared->nodes.data[i];
            stages[FUSE(n)->stage]++;
            kept += FUSE(n)->stored;
        }
        assert_true(stages[0] > 0 && stages[1] > 0 && stages[2] > 0);
        assert_int_equal(kept, 0); /* nothing of it is written to memory but the sums */
        p = plan_of(&w, "X @ w");
        assert_int_equal(p->passes.len, 2); /* the other table before; what leaves the shared sweep is kept */
        assert_true(FUSE(p->func->body->results.data[0])->stored);
        integration_free(w.data);
        w.data = plain;
    }
    world_free(&w);
}

/* Column sums, least and greatest of a function of T: a one-hot block is counted, a sparse one gone through by its
 * stored cells; neither is laid out (what no pass can do would be a kernel on its cells). */
static void test_sparse_sums(void **state) {
    (void)state;
    World w = world_new(90, false);
    static const char *const texts[] = {"colsums(square(X - r))",
                                        "colsums(exp(X / q))",
                                        "colsums(log(X + 1) * s)",
                                        "colsums(where(X, X - r, q))",
                                        "colsums(1 / X)",
                                        "colsums(pmax(X, r) * q)",
                                        "colmax(X)",
                                        "colmin(X - r)",
                                        "colmax(where(X, q, r))",
                                        "colmin(r - exp(X))"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        PassOptions o = {.threads = 1, .verify = true};
        IrFunc *f = text_function(&w, texts[i]), *g = ir_optimize(f, &o);
        Matrix *a = world_run(&w, f), *b = world_run(&w, g);
        assert_equal_values(a, b, texts[i]);
        mat_free(a);
        mat_free(b);
        for (int k = 0; k < g->body->nodes.len; k++) {
            const IrNode *n = g->body->nodes.data[k];
            const IntBlock *block = NULL;
            for (int a = 0; a < n->nargs; a++)
                if (n->args[a]->op == IR_DATA) block = fuse_block(g, n->args[a]);
            bool keeps = n->nargs == 1 && ir_op_has(n->op, 'Z') && block && block->data->kind == MAT_CSR;
            bool lays_out = block && block->data->kind != MAT_DENSE && ir_is_elementwise(n->op) && !ir_at_stored(n);
            lays_out = lays_out && !keeps;
            if (lays_out) fail_msg("%s: a block that is not dense is laid out", texts[i]);
        }
    }
    world_free(&w);
}

/* g = R' y;  R = R - y g': two sweeps an iteration, one when g is carried. */
static void test_rotation(void **state) {
    (void)state;
    World w = world_new(60, true);
    IrFunc *made[2];
    for (int off = 0; off < 2; off++) {
        world_function(&w);
        IrNode *r0 = text_build(&w, "R"), *y = text_build(&w, "y"), *times = ir_const(w.b, 3);
        IrRegion *body = ir_region_begin(w.b, REGION_LOOP);
        ir_region_param(w.b, 1, 1, 0, "i");
        IrNode *r = ir_region_param(w.b, r0->rows, r0->cols, r0->rspace, "R");
        IrNode *g = ir_matmul(w.b, r, true, y, false);
        IrNode *next =
            ir_binary(w.b, IR_SUB, r, ir_matmul(w.b, y, false, ir_binary(w.b, IR_MUL, g, ir_const(w.b, 1e-3)), true));
        ir_region_end(w.b, 1, &next);
        IrNode *loop = ir_loop(w.b, times, body, 1, &r0);
        world_output(&w, ir_proj(w.b, loop, 0));
        ir_verify(w.f, "building");
        PassOptions o = {.threads = 1, .verify = true};
        if (off) assert_true(ir_disable(&o, "rotate"));
        made[off] = ir_optimize(w.f, &o);
        const IrRegion *inner = NULL;
        for (int i = 0; i < made[off]->body->nodes.len; i++)
            if (made[off]->body->nodes.data[i]->op == IR_LOOP) inner = made[off]->body->nodes.data[i]->regions[0];
        assert_non_null(inner);
        Matrix *out = world_run(&w, made[off]);
        assert_int_equal(passes_in(ir_fuse(made[off]), inner), off ? 2 : 1);
        static Matrix *first;
        if (off)
            assert_equal_values(first, out, "rotated and not"), mat_free(first), mat_free(out);
        else
            first = out;
    }
    world_free(&w);
}

/* What takes rows by their place keeps the script's order. */
static void test_order(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool free;
    } cases[] = {
        {"X' @ (sigmoid(X @ w) - y)", true},
        {"X @ w", true},
        {"colsums(X * y)", true},
        {"rows(y, 2, 5)", false},
        {"rows(X, 0, 3)", false},
        {"rank(y)", true},
        {"R' @ R", true},
        {"y' * 2", false},
    };
    World w = world_new(40, true);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        PassOptions o = {.threads = 1, .verify = true};
        const IrNode *at;
        IrFunc *f = ir_optimize(text_function(&w, cases[i].text), &o);
        if (ir_order_is_free(f, f->tables.data[w.table].target_space, &at) != cases[i].free)
            fail_msg("%s: its order is %sfree", cases[i].text, cases[i].free ? "not " : "");
    }
    world_free(&w);
}

/* One-hot rows that two passes add up by: each makes its own of the codes, and no numbers of them are kept. */
static void test_codes(void **state) {
    (void)state;
    World w = world_new(60, true);
    world_function(&w);
    IrNode *rows = text_build(&w, "R"), *codes = ir_onehot(w.b, text_build(&w, "rowargmin(R)"), 3);
    IrNode *most = ir_unary(w.b, IR_COLMAX, ir_matmul(w.b, codes, true, rows, false));
    IrNode *spread = ir_unary(w.b, IR_ABS, ir_binary(w.b, IR_SUB, rows, most));
    world_output(&w, ir_matmul(w.b, codes, true, spread, false));
    ir_verify(w.f, "building");
    PassOptions o = {.threads = 1, .verify = true};
    IrFunc *f = ir_optimize(w.f, &o);
    FusePlan *p = ir_fuse(f);
    ir_verify(f, "fusing");
    assert_int_equal(p->passes.len, 2);
    for (int i = 0; i < 2; i++) {
        int found = 0;
        for (int k = 0; k < p->passes.data[i]->nodes.len; k++) {
            const IrNode *n = p->passes.data[i]->nodes.data[k];
            found += n->op == IR_ONEHOT && fuse_is_code(p, n);
            assert_true(!FUSE(n)->stored || n->op == IR_ROWARGMIN);
        }
        assert_int_equal(found, 1);
    }
    world_free(&w);
}

/* What sums and products make of the data is made again by the passes that read it: no centred copy of a table is kept,
 * as long as that takes few operators. */
static void test_made_again(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool again;
    } cases[] = {{"(X - r)' @ (X - r)", true},
                 {"(pmax(X, r) - r)' @ X", true},
                 {"(sin(X) - r)' @ (sin(X) - r)", false},
                 {"X - r", false}};
    World w = world_new(60, true);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        FusePlan *p = plan_of(&w, cases[i].text);
        ir_verify(p->func, "fusing");
        int kept = 0;
        for (int k = 0; k < p->passes.len; k++)
            for (int j = 0; j < p->passes.data[k]->nodes.len; j++) {
                const IrNode *n = p->passes.data[k]->nodes.data[j];
                kept += FUSE(n)->stored && n->cols > 1 && n->op != IR_SCATTER;
            }
        assert_int_equal(kept == 0, cases[i].again);
        int ids = p->func->next_id; /* other plans of it are of the same nodes */
        (void)ir_fuse_plain(p->func);
        (void)ir_fuse(p->func);
        assert_int_equal(p->func->next_id, ids);
    }
    world_free(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segments), cmocka_unit_test(test_sparse_sums), cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_order),    cmocka_unit_test(test_codes),       cmocka_unit_test(test_made_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
