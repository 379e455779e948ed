/* test_programs.c: random algorithms, well shaped by construction. The shape checker must accept each, lowering too,
 * and the interpreter must give the same numbers for the function as it was lowered and after all passes. With one
 * operand replaced by a value of any other shape, nothing may crash, and what the checker rejects for its shapes
 * lowering must not accept.
 *
 * AMAL_TEST_PROGRAMS=N runs N of each kind, AMAL_TEST_SEED=S another sequence, AMAL_TEST_SHOW=1 prints each before it
 * runs. */
#include "tests/unit/lower_testing.h"

enum {
    ROWS = 7,
    COLS = 3,
    DEPTH = 3
}; /* with k = 2 all sizes differ, so that a clash of symbols is a clash of numbers */

/* Shapes by the names of their sizes. */
typedef enum { ONE, N1, D1, ROW_D, ND, DD, NK, KD, NSHAPES } ShapeName;
static const char *const rows_of[NSHAPES] = {"1", "n", "d", "1", "n", "d", "n", "k"}, *const cols_of[NSHAPES] = {
                                                                                          "1", "1", "1", "d",
                                                                                          "d", "d", "k", "d"};

typedef struct Gen {
    uint64_t seed, at;
    Buf text;
    int depth;
    int wrong; /* countdown to the operand that gets another shape; -1: never */
    int vars;  /* v0 … */
    ShapeName shape[8];
} Gen;

static int pick(Gen *g, int n) {
    return (int)(rng_u64(g->seed, 0, g->at++) % (uint64_t)n);
}

static void expr(Gen *g, ShapeName s);

static void call(Gen *g, const char *before, ShapeName s, const char *after) {
    buf_puts(&g->text, before);
    expr(g, s);
    buf_puts(&g->text, after);
}

static void leaf(Gen *g, ShapeName s) {
    for (int tries = 0; tries < 4; tries++) {
        int v = pick(g, g->vars + 1);
        if (v < g->vars && g->shape[v] == s) {
            buf_printf(&g->text, "v%d", v);
            return;
        }
    }
    if (s == ND && pick(g, 2))
        buf_puts(&g->text, "X");
    else if (s == N1 && pick(g, 2))
        buf_puts(&g->text, "y");
    else if (s == ONE)
        buf_printf(&g->text, "%d.5", pick(g, 3));
    else if (pick(g, 3) == 0)
        buf_printf(&g->text, "rand(%s, %s, seed = %d)", rows_of[s], cols_of[s], pick(g, 5));
    else if (pick(g, 2))
        buf_printf(&g->text, "full(%s, %s, 0.%d)", rows_of[s], cols_of[s], pick(g, 9));
    else
        buf_printf(&g->text, "ones(%s, %s)", rows_of[s], cols_of[s]);
}

/* Functions that keep numbers bounded. Comparisons are with numbers that nothing computes exactly: at a jump, rounding
 * would decide. */
static void bounded(Gen *g, ShapeName s) {
    static const char *const f[] = {"tanh(", "sigmoid(", "abs(", "sin(", "floor(0.31371 + ", "-(", "not (0.27133 < "};
    call(g, f[pick(g, 7)], s, ")");
}

static void elementwise(Gen *g, ShapeName s) {
    static const char *const op[] = {
        " + ", " - ", " * ", " / 3.7 - ", " + 0.19 * ", " > 0.41371 + 0.10177 * ", " <= 0.30379 * "};
    ShapeName t = s; /* the other side may be a row, a column or a number */
    int how = pick(g, 4);
    if (how == 0) t = ONE;
    if (how == 1 && (s == ND || s == NK)) t = N1;
    if (how == 2 && (s == ND || s == DD || s == KD)) t = ROW_D;
    bool first = pick(g, 2) == 0;
    buf_puts(&g->text, "(");
    expr(g, first ? s : t);
    buf_puts(&g->text, op[pick(g, 7)]);
    expr(g, first ? t : s);
    buf_puts(&g->text, ")");
}

static void product(Gen *g, ShapeName s) {
    switch (s) {
    case ONE: call(g, "tanh((", ROW_D, ")"), call(g, " @ (", D1, "))"); break;
    case N1: call(g, "tanh((", ND, ")"), call(g, " @ (", D1, "))"); break;
    case D1: call(g, "tanh((", ND, ")'"), call(g, " @ (", N1, ") / n)"); break;
    case ROW_D: call(g, "tanh((", N1, ")'"), call(g, " @ (", ND, ") / n)"); break;
    case ND: call(g, "tanh((", NK, ")"), call(g, " @ (", KD, "))"); break;
    case DD: call(g, "tanh((", ND, ")'"), call(g, " @ (", ND, ") / n)"); break;
    case NK: call(g, "tanh((", ND, ")"), call(g, " @ (", KD, ")')"); break;
    default: call(g, "tanh((", NK, ")'"), call(g, " @ (", ND, ") / n)"); break;
    }
}

static void special(Gen *g, ShapeName s) {
    int how = pick(g, 3);
    switch (s) {
    case ONE: call(g, how == 0 ? "mean(" : how == 1 ? "max(" : "norm(", how == 0 ? ND : N1, ")"); break;
    case N1:
        if (how == 0)
            call(g, "(", ND, ")[, 2]");
        else if (how == 1)
            call(g, "rowmeans(", ND, ")");
        else
            call(g, "rowmin(", NK, ")");
        break;
    case D1:
        if (how == 0)
            call(g, "(", ROW_D, ")'");
        else if (how == 1)
            call(g, "diag(", DD, ")");
        else
            call(g, "solve(tanh(", DD, ") + 4 * eye(d), "), call(g, "", D1, ")");
        break;
    case ROW_D:
        if (how == 0)
            call(g, "colmeans(", ND, ")");
        else if (how == 1)
            call(g, "(", KD, ")[1, ]");
        else
            call(g, "colmax(", ND, ")");
        break;
    case ND:
        if (how == 0)
            call(g, "cbind(", N1, ", "), call(g, "(", ND, ")[, 2..d])");
        else if (how == 1)
            call(g, "where(", N1, ", "), call(g, "", ND, ", "), call(g, "", ROW_D, ")");
        else
            call(g, "(X - ", ROW_D, ")");
        break;
    case DD:
        if (how == 0)
            call(g, "(", DD, ")'");
        else if (how == 1)
            call(g, "rbind(", ROW_D, ", "), call(g, "(", DD, ")[2..d, ])");
        else
            buf_puts(&g->text, "eye(d)");
        break;
    case NK:
        if (how == 0)
            call(g, "(", ND, ")[, 1..k]");
        else if (how == 1)
            call(g, "onehot(1 + (", N1, " > 0.51973), k)");
        else
            call(g, "cbind(", N1, ", "), call(g, "", N1, ")");
        break;
    default: call(g, "(", DD, ")[1..k, ]"); break;
    }
}

static void expr(Gen *g, ShapeName s) {
    if (g->wrong == 0) s = (ShapeName)((s + 1 + pick(g, NSHAPES - 1)) % NSHAPES);
    if (g->wrong >= 0) g->wrong--;
    if (g->depth >= DEPTH) {
        leaf(g, s);
        return;
    }
    g->depth++;
    switch (pick(g, 6)) {
    case 0: leaf(g, s); break;
    case 1: bounded(g, s); break;
    case 2: elementwise(g, s); break;
    case 3: product(g, s); break;
    default: special(g, s); break;
    }
    g->depth--;
}

/* v := bounded expression, so that loops stay finite. */
static void assign(Gen *g, int v) {
    buf_printf(&g->text, "v%d = tanh(", v);
    expr(g, g->shape[v]);
    buf_puts(&g->text, "); ");
}

static void statement(Gen *g, int depth) {
    int how = pick(g, depth > 2 ? 2 : 7), v = pick(g, g->vars);
    switch (how) {
    case 2: buf_printf(&g->text, "repeat %d { ", pick(g, 4)); break;
    case 3: buf_printf(&g->text, "for i%d in %d..k { ", depth, pick(g, 3)); break;
    case 4:
        buf_printf(&g->text, "c%d = 0; while (c%d < %d) { c%d = c%d + 1; ", depth, depth, 1 + pick(g, 3), depth, depth);
        break;
    case 5: call(g, "if (", ONE, " > 0.31713) { "); break;
    case 6: buf_printf(&g->text, "if (%s) { ", pick(g, 2) ? "flag" : "k > 2"); break;
    default: assign(g, v); return;
    }
    for (int i = 0, n = 1 + pick(g, 3); i < n; i++) statement(g, depth + 1);
    buf_puts(&g->text, "} ");
    if (how >= 5 && pick(g, 2)) {
        buf_puts(&g->text, "else { ");
        for (int i = 0, n = 1 + pick(g, 2); i < n; i++) statement(g, depth + 1);
        buf_puts(&g->text, "} ");
    }
}

static char *program(uint64_t seed, bool wrong) {
    Gen g = {.seed = seed, .wrong = -1};
    buf_puts(&g.text, "algorithm a(k = 2, flag = true) { fit(X: [n, d], y: [n, 1]) { u = k + flag; ");
    int vars = 3 + pick(&g, 4), wrong_at = wrong ? 1 + pick(&g, 40) : -1;
    for (int v = 0; v < vars; v++) {
        g.shape[v] = (ShapeName)pick(&g, NSHAPES);
        buf_printf(&g.text, "v%d = ", v);
        leaf(&g, g.shape[v]);
        buf_puts(&g.text, "; ");
        g.vars = v + 1;
    }
    g.wrong = wrong_at;
    for (int i = 0, n = 2 + pick(&g, 5); i < n; i++) statement(&g, 0);
    buf_puts(&g.text, "return ");
    for (int v = 0; v < vars; v++) buf_printf(&g.text, "%sv%d", v ? ", " : "", v);
    buf_puts(&g.text, "; } }");
    return buf_take(&g.text);
}

static int wanted(int otherwise) {
    const char *n = getenv("AMAL_TEST_PROGRAMS");
    return n ? atoi(n) : otherwise;
}

static uint64_t first_seed(void) {
    const char *s = getenv("AMAL_TEST_SEED");
    return s ? strtoull(s, NULL, 10) : 1;
}

static Integration *data(World *w, uint64_t seed) {
    double x[ROWS * COLS], y[ROWS];
    for (int i = 0; i < ROWS * COLS; i++) x[i] = rng_normal(seed, 1, (uint64_t)i);
    for (int i = 0; i < ROWS; i++) y[i] = rng_uniform(seed, 2, (uint64_t)i) > 0.5;
    return world_data(w, ROWS, COLS, x, y, NULL);
}

static void test_well_shaped(void **state) {
    (void)state;
    int n = wanted(400);
    for (int i = 0; i < n; i++) {
        uint64_t seed = first_seed() * 1000003 + (uint64_t)i;
        char *text = program(seed, false);
        World *w = world_new(text);
        if (!typecheck_program(&w->p)) {
            diag_print(w->ds, stderr, false);
            fail_msg("program %d is rejected: %s", i, text);
        }
        if (getenv("AMAL_TEST_SHOW")) print_message("%s\n", text);
        Model *m = world_train(w, "a", "", data(w, seed));
        if (!m) {
            diag_print(w->ds, stderr, false);
            fail_msg("program %d cannot run: %s", i, text);
        }
        world_free(w);
        mem_free(text);
    }
    print_message("%d programs\n", n);
}

static void test_one_wrong_operand(void **state) {
    (void)state;
    int n = wanted(400), rejected = 0;
    for (int i = 0; i < n; i++) {
        uint64_t seed = first_seed() * 1000003 + (uint64_t)i;
        char *text = program(seed, true);
        World *w = world_new(text);
        bool accepted = typecheck_program(&w->p);
        rejected += !accepted;
        bool dead = strstr(text, "if (") || strstr(text, "repeat 0"); /* code that lowering may never see */
        const AlgorithmDecl *a = world_algorithm(w, "a");
        HyperValue *hyper;
        int nhyper;
        assert_true(lower_hyper(&w->env, a, NULL, (Span){0}, &nhyper, &hyper));
        Lowered *l = lower_fit(&w->env, a, nhyper, hyper, data(w, seed), (Span){0}, "m");
        if (l) ir_verify(l->func, "lower");
        if (l && !accepted && !dead) {
            diag_print(w->ds, stderr, false);
            fail_msg("program %d is rejected but lowered: %s", i, text);
        }
        if (!l) assert_true(diag_error_count(w->ds) > 0);
        world_free(w);
        mem_free(text);
    }
    print_message("%d programs, %d rejected\n", n, rejected);
    assert_true(rejected > n / 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_well_shaped), cmocka_unit_test(test_one_wrong_operand)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
