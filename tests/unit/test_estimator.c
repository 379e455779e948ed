/* test_estimator.c: the estimator in its parts: features against formulas worked out by hand, on tables of every
 * degenerate size; synthetic data that a seed decides; trees, their text and their contributions against sums over all
 * subsets; model files that were changed; measurements; choices beyond what was trained on. */
#include "compiler/data.h"
#include "compiler/estimator/consult.h"
#include "compiler/estimator/fit.h"
#include "compiler/estimator/generate.h"
#include "compiler/estimator/train.h"
#include "compiler/estimator/xgboost.h"
#include "compiler/lower.h"
#include "compiler/script.h"
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static Arena *arena;
static Diags *ds;
static const Hardware machine = {
    .threads = 2, .read_one = 1e10, .read_all = 1.5e10, .near = 2e8, .far = 2e7, .flops = 1e10, .cache = 1 << 20};

static int setup(void **state) {
    (void)state;
    arena = arena_new();
    ds = diags_new(arena);
    return 0;
}
static int teardown(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

/* ---- a star: `rows` orders of `keys` customers, two numbers each ---- */
typedef struct World {
    Program *p;
    Table *tables[2];
    Integration *in;
    LowerEnv env;
    const Stmt *train;
    int nhyper, threads;
    HyperValue *hyper;
} World;
static const char star[] =
    "source F from \"f.csv\" { k: int, a: num, b: num, y: num }\n"
    "source D from \"d.csv\" { k: int, c: num, d: num }\n"
    "target T { y: label num, a: feature num, b: feature num, c: feature num missing 0, d: feature num missing 0 }\n"
    "F(k: k, a: a, b: b, y: y) & D(k: k, c: c, d: d)? -> T(y: y, a: a, b: b, c: c, d: d);\n"
    "train m = linear_regression(iterations = 7) on T;\n";
static const char label_only[] = "source F from \"f.csv\" { k: int, a: num, b: num, y: num }\n"
                                 "source D from \"d.csv\" { k: int, c: num, d: num }\n"
                                 "target T { y: label num }\nF(_, _, _, y) -> T(y: y);\n"
                                 "train m = ridge() on T;\n";
static Table *numbers(const char *name, const char *columns, int64_t rows, int64_t keys) {
    Column cols[16] = {0};
    int n = (int)strlen(columns);
    for (int c = 0; c < n; c++) {
        cols[c].name = arena_strndup(arena, columns + c, 1);
        bool key = columns[c] == 'k' || columns[c] == 'l';
        cols[c].type = key ? TY_INT : TY_NUM;
        if (!key)
            cols[c].num = arena_array(arena, double, rows + 1);
        else
            cols[c].ints = arena_array(arena, int64_t, rows + 1);
        for (int64_t i = 0; i < rows; i++) {
            if (!key)
                cols[c].num[i] = (double)((i * (7 + c)) % 11) + 1;
            else
                cols[c].ints[i] = (columns[c] == 'k' ? i : i / keys) % keys;
        }
    }
    return table_from_columns(name, rows, n, cols);
}
/* A script over F, `rows` rows of the columns of `fact`, and D, `keys` rows of those of `dimension`. */
static void world_open(World *w, const char *text, const char *fact, const char *dimension, int64_t rows, int64_t keys,
                       int threads) {
    static const ResolveOptions whole = {0};
    int said;
    *w = (World){.threads = threads};
    w->p = script_open_text(arena, ds, "t.amal", text, strlen(text), &whole, &said);
    assert_int_equal(diag_error_count(ds), 0);
    w->tables[0] = numbers("F", fact, rows, keys);
    w->tables[1] = numbers("D", dimension, keys, keys);
    Target *t = &w->p->targets.data[0];
    assert_true(mapping_bind(w->p, t, w->tables, &(TableOptions){.base_dir = ".", .threads = threads}));
    w->in = integration_build(ds, t->spec, NULL);
    assert_non_null(w->in);
    w->env = (LowerEnv){.arena = arena, .diags = ds, .program = w->p};
    w->train = w->p->steps.data[0];
    const AlgorithmDecl *a = program_algorithm(w->p, w->train->train.algorithm.text);
    assert_true(lower_hyper(&w->env, a, &w->train->train.args, w->train->span, &w->nhyper, &w->hyper));
}
static void world_make(World *w, const char *text, int64_t rows, int64_t keys, int threads) {
    world_open(w, text, "kaby", "kcd", rows, keys, threads);
}
static void world_free(World *w) {
    integration_free(w->in);
    for (int i = 0; i < 2; i++) table_free(w->tables[i]);
}
static IrFunc *lower(void *user, const CandidateProgram *p) {
    World *w = user;
    const AlgorithmDecl *a = program_algorithm(w->p, w->train->train.algorithm.text);
    const Lowered *l = p->over_t ? NULL : lower_fit(&w->env, a, w->nhyper, w->hyper, p->data, w->train->span, "m");
    PassOptions o = {.threads = w->threads, .strategy = p->strategy, .verify = true};
    return l || p->over_t ? candidate_optimize(p, l ? l->func : p->over_t, &o) : NULL;
}

static IrFunc *lower_on(World *w, const Integration *data) {
    return lower(w, &(CandidateProgram){.data = data, .strategy = "factorized"});
}
/* All candidates there are, by the analytic cost of X'X. */
static int all_of(World *w, int threads, Candidate *c) {
    CandidateScope scope = candidates_scope(w->in);
    scope.gram = false;
    const IrNode *by_place;
    return candidates_of(arena, w->in, threads, &scope, lower, w, c, &by_place);
}

static void features_follow_their_formulas(void **state) {
    (void)state;
    World w;
    Candidate c[CANDIDATES];
    double x[CANDIDATES][NFEATURES];
    world_make(&w, star, 800, 40, 2);
    int n = all_of(&w, 2, c);
    assert_int_equal(n, 3); /* as it is, sorted by D, joined */
    assert_string_equal(c[1].name, "sorted by D");
    features_of(w.in, c, n, 2, &machine, x);
    IrCost cost[3]; /* of the programs as they run: passes make some values again that they had for each other */
    for (int i = 0; i < n; i++) cost[i] = ir_cost(c[i].func, 2);
    for (int i = 0; i < n; i++) {
        assert_float_equal(x[i][FEATURE_rows], log10(801), 1e-12);
        assert_float_equal(x[i][FEATURE_cols], log10(5), 1e-12);
        assert_float_equal(x[i][FEATURE_blocks], 2, 0);
        assert_float_equal(x[i][FEATURE_tuple_ratio], log10(21), 1e-12);  /* 800 / 40 */
        assert_float_equal(x[i][FEATURE_feature_ratio], log10(2), 1e-12); /* 2 / 2 */
        assert_float_equal(x[i][FEATURE_selectivity], 40.0 / 41, 0.03);   /* one row of fills may stand below */
        assert_float_equal(x[i][FEATURE_threads], 2, 0);
        assert_float_equal(x[i][FEATURE_density], 1, 1e-12);
        assert_float_equal(x[i][FEATURE_seconds], log10(cost[i].seconds), 1e-9);
        assert_float_equal(x[i][FEATURE_materialized], i == 2, 0);
        assert_float_equal(x[i][FEATURE_sorted], i == 1, 0);
        double shares = 0;
        for (int k = FEATURE_scalar; k <= FEATURE_small; k++) shares += x[i][k];
        assert_float_equal(shares, 1, 1e-9); /* every operator is of one kind */
        assert_float_equal(x[i][FEATURE_complexity_ratio], log10(cost[2].flops / cost[0].flops), 1e-9);
        assert_float_equal(x[i][FEATURE_own_bytes], log10(cost[i].bytes / cost[2].bytes), 1e-9);
    }
    assert_true(x[0][FEATURE_index] > 0 && x[0][FEATURE_random_bytes] > 0);
    assert_float_equal(x[1][FEATURE_random_bytes], 0, 0); /* rows stand in the order of the index */
    assert_float_equal(x[2][FEATURE_index], 0, 0);
    assert_float_equal(x[2][FEATURE_trips], log10(8), 1e-12); /* 7 rounds */
    world_free(&w);
}
static void degenerate_sizes_have_features(void **state) {
    (void)state;
    static const struct {
        const char *script;
        int64_t rows, keys;
        int threads;
    } cases[] = {{star, 0, 1, 2}, {star, 1, 1, 1}, {star, 3, 3, 1}, {label_only, 5, 1, 2}, {label_only, 0, 1, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        World w;
        Candidate c[CANDIDATES];
        double x[CANDIDATES][NFEATURES];
        world_make(&w, cases[i].script, cases[i].rows, cases[i].keys, cases[i].threads);
        int n = all_of(&w, cases[i].threads, c);
        assert_true(n >= 2);
        features_of(w.in, c, n, cases[i].threads, &machine, x); /* checks that all are finite */
        (void)morpheusfi_factorizes(w.in);
        world_free(&w);
    }
}

/* ---- arrangements: `tables` copies of one table of ten rows, which T's rows repeat, `widths` columns of each ---- */
enum { MOST_TABLES = 6 };
static void arranged_world(World *w, int tables, const int *widths, int64_t rows) {
    static const char columns[] = "kabcdefgh"; /* of a table; the key is the first */
    Buf text = {0};
    buf_puts(&text,
             "source F from \"f.csv\" { k: int, l: int, a: num, y: num }\n"
             "source D from \"d.csv\" { k: int, a: num, b: num, c: num, d: num, e: num, f: num, g: num, h: num }\n"
             "target T { y: label num, fa: feature num");
    for (int t = 0; t < tables; t++)
        for (int c = 1; c <= widths[t]; c++) buf_printf(&text, ", r%d%c: feature num", t, columns[c]);
    buf_puts(&text, " }\nF(k: k, l: l, a: a, y: y)");
    for (int t = 0; t < tables; t++) {
        buf_printf(&text, " & D as R%d(k: %s", t, t % 2 ? "l" : "k"); /* keys that have nothing to do with each other */
        for (int c = 1; c <= widths[t]; c++) buf_printf(&text, ", %c: r%d%c", columns[c], t, columns[c]);
        buf_puts(&text, ")");
    }
    buf_puts(&text, " -> T(y: y, fa: a");
    for (int t = 0; t < tables; t++)
        for (int c = 1; c <= widths[t]; c++) buf_printf(&text, ", r%d%c: r%d%c", t, columns[c], t, columns[c]);
    buf_puts(&text, ");\ntrain m = logistic_regression(iterations = 20) on T;\n");
    world_open(w, text.data, "klay", columns, rows, 10, 2);
    buf_free(&text);
}
static const Candidate *named(const Candidate *c, int n, const char *name) {
    for (int i = 0; i < n; i++)
        if (!strcmp(c[i].name, name)) return &c[i];
    return NULL;
}
/* With two tables there are five arrangements, and each is a candidate: {R0}, {R1}, by R0 {}, by R0 {R1}, … */
static void all_sets_of_few_tables_are_candidates(void **state) {
    (void)state;
    World w;
    Candidate c[CANDIDATES];
    static const int widths[] = {2, 3};
    arranged_world(&w, 2, widths, 4000);
    assert_int_equal(__builtin_popcountll(strategy_absorbable(w.in, -1)), 2);
    int orders[4], norders = strategy_orders(w.in, orders, 4);
    assert_int_equal(norders, 2);
    assert_int_equal(__builtin_popcountll(strategy_absorbable(w.in, orders[0])), 1); /* not the one that sorts */
    int n = all_of(&w, 2, c);
    assert_true(n <= CANDIDATES);
    assert_string_equal(c[0].name, "factorized");
    assert_string_equal(c[n - 1].name, "materialized");
    assert_null(named(c, n, "R0 and R1 absorbed")); /* that is materialized */
    bool sorts = false;
    for (int i = 1; i < n - 1; i++) {
        Arrangement a = c[i].arrangement;
        assert_false(arrangement_is_plain(a));
        for (int k = 0; k < i; k++) assert_string_not_equal(c[i].name, c[k].name);
        sorts = sorts || (a.sort_by >= 0 && !a.absorbed);
        /* the phantom is what is made */
        Integration *made = integration_arrange(ds, w.in, a, 2);
        assert_non_null(made);
        IrFunc *real = lower_on(&w, made);
        assert_float_equal(ir_cost(real, 2).seconds, c[i].cost.seconds, 1e-9 * c[i].cost.seconds);
        integration_free(made);
    }
    assert_true(sorts);
    /* asked for: nothing else */
    CandidateScope scope = candidates_scope(w.in);
    const char *wrong;
    const IrNode *by_place;
    int len;
    assert_true(strategy_roles_named(w.in, "R1", &scope.exactly, &wrong, &len));
    scope.absorb = true;
    scope.absorbable = scope.exactly;
    n = candidates_of(arena, w.in, 2, &scope, lower, &w, c, &by_place);
    assert_int_equal(n, 4); /* factorized, R1 absorbed, sorted by R0 with R1 absorbed, materialized */
    assert_non_null(named(c, n, "R1 absorbed"));
    assert_non_null(named(c, n, "sorted by R0 with R1 absorbed"));
    assert_false(arrangement_is_plain(candidates_least(c, n, &scope)->arrangement));
    assert_false(strategy_roles_named(w.in, "R0, R7", &scope.exactly, &wrong, &len));
    assert_int_equal(len, 2);
    assert_memory_equal(wrong, "R7", 2);
    assert_true(strategy_roles_named(w.in, "R0, R1", &scope.exactly, &wrong, &len));
    assert_string_equal(strategy_role_names(arena, w.in, scope.exactly), "R0 and R1");
    world_free(&w);
}
/* Of more tables the greedy search keeps a bounded number, the best of what it met first. */
static void many_tables_are_searched_greedily(void **state) {
    (void)state;
    World w;
    Candidate c[CANDIDATES];
    static const int widths[MOST_TABLES] = {1, 1, 8, 1, 8, 1};
    arranged_world(&w, MOST_TABLES, widths, 3000);
    int n = all_of(&w, 2, c);
    assert_true(n > 3 && n <= CANDIDATES);
    double best = INFINITY;
    for (int i = 1; i < n - 1; i++) best = fmin(best, candidate_analytic(&c[i]));
    /* one column costs less beside T's rows than through an index, whatever the wide ones do */
    uint64_t narrow, all = strategy_absorbable(w.in, -1);
    const char *wrong;
    int len;
    assert_int_equal(__builtin_popcountll(all), MOST_TABLES);
    assert_true(strategy_roles_named(w.in, "R0, R1, R3, R5", &narrow, &wrong, &len));
    Matrix **copies = arena_array(arena, Matrix *, w.in->nblocks + 1);
    Arrangement a = {-1, narrow};
    IrFunc *f = lower_on(&w, strategy_arranged_phantom(arena, w.in, a, copies));
    assert_true(best <= 1.0001 * (ir_cost(f, 2).seconds + strategy_arrange_seconds(w.in, a, 2)));
    world_free(&w);
}

/* Gradients of a linear model can be on X'X or over the rows: each of the two is a candidate, whatever the analytic
 * cost prefers. Those of a logistic one cannot. */
static void gram_and_iteration_are_both_candidates(void **state) {
    (void)state;
    static const struct {
        int64_t rows, keys;
        const char *iterations;
    } cases[] = {{4000, 40, "200"}, {60, 40, "2"}};
    for (int k = 0; k < 2; k++) {
        World w;
        Candidate c[CANDIDATES];
        double x[CANDIDATES][NFEATURES];
        char *text = arena_strdup(arena, star), *at = strstr(text, "iterations = 7");
        text = arena_printf(arena, "%.*siterations = %s) on T;\n", (int)(at - text), text, cases[k].iterations);
        world_make(&w, text, cases[k].rows, cases[k].keys, 2);
        CandidateScope scope = candidates_scope(w.in);
        const IrNode *by_place;
        int n = candidates_of(arena, w.in, 2, &scope, lower, &w, c, &by_place), on = 0, off = 0;
        assert_true(n <= CANDIDATES);
        assert_true(c[0].func->residuals > 0);
        for (int i = 0; i < n; i++) {
            (*(c[i].func->on_gram ? &on : &off))++;
            for (int j = 0; j < i; j++) assert_string_not_equal(c[i].name, c[j].name);
        }
        assert_true(on >= 2 && off >= 2);
        if (!k) assert_non_null(named(c, n, "factorized without X'X")); /* 200 rounds over 4000 rows */
        features_of(w.in, c, n, 2, &machine, x);
        /* what both are compared with are the two that the analytic cost has */
        for (int i = 0; i < n; i++) assert_float_equal(x[i][FEATURE_seconds_ratio], x[0][FEATURE_seconds_ratio], 1e-12);
        world_free(&w);
    }
}

/* ---- synthetic data ---- */
static void a_seed_decides_the_data(void **state) {
    (void)state;
    int sparse = 0;
    for (uint64_t seed = 1; seed <= 24; seed++) {
        GenerateRange range = seed <= 12 ? RANGE_WIDE : RANGE_BROAD;
        Dataset a, b, other;
        static const ResolveOptions whole = {0};
        int said;
        assert_true(generate_dataset(arena, seed, range, &a));
        assert_true(generate_dataset(arena, seed, range, &b));
        assert_true(generate_dataset(arena, seed + 100, range, &other));
        assert_string_equal(a.script, b.script);
        assert_string_not_equal(a.script, other.script);
        assert_int_equal(a.ntables, b.ntables);
        for (int t = 0; t < a.ntables; t++)
            for (int c = 0; c < a.tables[t]->ncols; c++) {
                const Column *p = &a.tables[t]->cols[c], *q = &b.tables[t]->cols[c];
                size_t rows = (size_t)a.tables[t]->rows;
                if (p->num) assert_memory_equal(p->num, q->num, rows * sizeof *p->num);
                if (p->ints) assert_memory_equal(p->ints, q->ints, rows * sizeof *p->ints);
                if (p->codes) assert_memory_equal(p->codes, q->codes, rows * sizeof *p->codes);
                if (p->matrix) {
                    assert_memory_equal(p->matrix->colidx, q->matrix->colidx, (size_t)mat_nnz(p->matrix) * 4);
                    sparse++;
                }
            }
        Program *p = script_open_text(arena, ds, "s.amal", a.script, strlen(a.script), &whole, &said);
        assert_int_equal(diag_count(ds), 0);
        Target *t = &p->targets.data[0];
        assert_true(mapping_bind(p, t, a.tables, &(TableOptions){.base_dir = ".", .threads = 1}));
        Integration *in = integration_build(ds, t->spec, NULL);
        assert_non_null(in);
        assert_true(in->rows > 0 && in->cols > 0);
        integration_free(in);
        dataset_free(&a);
        dataset_free(&b);
        dataset_free(&other);
    }
    assert_true(sparse > 0);
}
/* ---- trees ---- */
enum { K = 4 };
static TreeNode tree_nodes[][7] = {
    {{0, 0.5f, 1, 2},
     {1, 0.3f, 3, 4},
     {-1, 2.5f, 0, 0},
     {-1, -1, 0, 0},
     {0, 0.2f, 5, 6},
     {-1, 4, 0, 0},
     {-1, 0.5f, 0, 0}},
    {{2, 0.1f, 1, 2}, {-1, 1, 0, 0}, {3, 0.9f, 3, 4}, {-1, -2, 0, 0}, {-1, 7, 0, 0}},
};
static Tree trees[] = {{7, tree_nodes[0]}, {5, tree_nodes[1]}};
static const Forest forest = {0.25, 2, trees};

/* What the forest gives where the features of `known` are those of x, and the others those of z. */
static double value_of(const double *x, const double *z, unsigned known) {
    double mixed[K];
    for (int k = 0; k < K; k++) mixed[k] = known >> k & 1 ? x[k] : z[k];
    return forest_predict(&forest, mixed);
}
/* The Shapley value of feature k, by all subsets of the others. */
static double shapley(const double *x, const double *z, int k) {
    static const double factorial[] = {1, 1, 2, 6, 24};
    double value = 0;
    for (unsigned s = 0; s < 1u << K; s++) {
        if (s >> k & 1) continue;
        int size = __builtin_popcount(s);
        double weight = factorial[size] * factorial[K - size - 1] / factorial[K];
        value += weight * (value_of(x, z, s | 1u << k) - value_of(x, z, s));
    }
    return value;
}
static void differences_are_of_shapley_values(void **state) {
    (void)state;
    for (int trial = 0; trial < 50; trial++) {
        double x[K], z[K], got[K] = {0}, sum = 0;
        for (int k = 0; k < K; k++) {
            x[k] = rng_uniform(5, (uint64_t)trial, (uint64_t)k);
            z[k] = trial % 3 == k ? x[k] : rng_uniform(7, (uint64_t)trial, (uint64_t)k);
        }
        forest_differences(&forest, x, z, got);
        for (int k = 0; k < K; k++) {
            assert_true(fabs(got[k] - shapley(x, z, k)) < 1e-9);
            sum += got[k];
        }
        assert_true(fabs(sum - (forest_predict(&forest, x) - forest_predict(&forest, z))) < 1e-9);
    }
}
static void trees_survive_their_text(void **state) {
    (void)state;
    Buf text = {0};
    Forest back;
    const char *why;
    forest_print(&text, "run", &forest);
    const char *at = text.data;
    assert_true(forest_read(arena, &at, "run", K, &back, &why));
    assert_ptr_equal(at, text.data + text.len);
    for (int trial = 0; trial < 20; trial++) {
        double x[K];
        for (int k = 0; k < K; k++) x[k] = rng_uniform(6, (uint64_t)trial, (uint64_t)k);
        assert_float_equal(forest_predict(&back, x), forest_predict(&forest, x), 0);
    }
    /* whatever is changed: refused, or still a forest that can be walked */
    for (size_t i = 0; i < text.len; i++)
        for (int c = 0; c < 4; c++) {
            char keep = text.data[i];
            double x[K] = {0.1, 0.2, 0.3, 0.4};
            text.data[i] = "9- \n"[c];
            at = text.data;
            if (forest_read(arena, &at, "run", K, &back, &why)) (void)forest_predict(&back, x);
            text.data[i] = keep;
        }
    static const char *const wrong[] = {"",
                                        "forest run",
                                        "forest run 1 0\ntree 1\n",
                                        "forest run 1 0\ntree 2\n0 1 1 1\n1\n",
                                        "forest run 1 0\ntree 1\n0 1 0 0\n",
                                        "forest run 1 0\ntree 1\nnan\n",
                                        "forest run -1 0\n",
                                        "forest other 0 0\n",
                                        "forest run 1 0\ntree 3\n0 1 1 2 5\n1\n1\n",
                                        "forest run 1 0\ntree 3\n9 1 1 2\n1\n1\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        at = wrong[i];
        assert_false(forest_read(arena, &at, "run", K, &back, &why));
    }
    buf_free(&text);
}

/* ---- model files ---- */
static Estimator example(void) {
    Estimator e = {.version = AMAL_VERSION, .hw = machine, .datasets = 30, .trainings = 60, .run = forest};
    for (int k = 0; k < NFEATURES; k++) e.most[k] = 1;
    for (int k = 0; k < ALL_EFFORTS; k++) e.seconds.of[k] = 1e-9;
    return e;
}
/* The text with a right checksum again. */
static char *sealed(const char *text) {
    const char *end = strstr(text, "\nend ") + 1;
    return arena_printf(arena, "%.*send %016" PRIx64 "\n", (int)(end - text), text,
                        hash_bytes(text, (size_t)(end - text), 0));
}
static void a_changed_model_is_refused(void **state) {
    (void)state;
    Buf text = {0};
    Estimator e = example();
    const char *why = NULL;
    estimator_print(&text, &e);
    Estimator *back = estimator_read(arena, text.data, text.len, &why);
    assert_non_null(back);
    assert_int_equal(back->trainings, 60);
    assert_false(back->gram);
    e.gram = true; /* a word more in the line of what it was trained on */
    Buf both = {0};
    estimator_print(&both, &e);
    back = estimator_read(arena, both.data, both.len, &why);
    assert_true(back && back->gram && back->trainings == 60);
    buf_free(&both);
    assert_float_equal(back->hw.far, machine.far, 0);
    assert_int_equal(back->run.count, 2);
    assert_float_equal(back->seconds.of[EFFORT_tile], 1e-9, 0);
    for (size_t i = 0; i < text.len; i += 7) {
        char keep = text.data[i];
        text.data[i] ^= 1;
        assert_null(estimator_read(arena, text.data, text.len, &why));
        text.data[i] = keep;
    }
    for (size_t n = 0; n < text.len; n += 97) {
        char *cut = arena_strndup(arena, text.data, n);
        assert_null(estimator_read(arena, cut, n, &why));
    }
    /* other features: named as such, whether one has another name, one is missing or one is more */
    char *renamed = arena_strdup(arena, text.data), *name = strstr(renamed, "feature rows");
    memcpy(name, "feature cows", 12);
    char *again = sealed(renamed);
    assert_null(estimator_read(arena, again, strlen(again), &why));
    assert_non_null(strstr(why, "features are not those of this version"));
    const char *line = strstr(text.data, "feature rows"), *next = strchr(line, '\n') + 1;
    char *fewer = sealed(arena_printf(arena, "%.*s%s", (int)(line - text.data), text.data, next));
    assert_null(estimator_read(arena, fewer, strlen(fewer), &why));
    assert_non_null(strstr(why, "features are not those of this version"));
    const char *last = strstr(text.data, "forest run");
    char *more = sealed(arena_printf(arena, "%.*sfeature extra 0 1\n%s", (int)(last - text.data), text.data, last));
    assert_null(estimator_read(arena, more, strlen(more), &why));
    assert_non_null(strstr(why, "features are not those of this version"));
    buf_free(&text);
}

/* ---- consulting ---- */
static void the_choice_says_why(void **state) {
    (void)state;
    World w;
    Candidate c[CANDIDATES];
    const char *why;
    Estimator e = example(); /* trained on features from 0 to 1: rows are beyond */
    e.run = (Forest){0};
    world_make(&w, star, 800, 40, 2);
    int n = all_of(&w, 2, c);
    const Candidate *best = consult(arena, &e, w.in, 2, false, c, n, &why);
    for (int i = 0; i < n; i++) { /* a model without trees is the work alone */
        assert_true(candidate_predicted(best) <= candidate_predicted(&c[i]));
        assert_float_equal(candidate_predicted(&c[i]), candidate_fitted(&c[i]), 1e-12);
        assert_non_null(strstr(why, c[i].name));
    }
    assert_non_null(strstr(why, "margin"));
    assert_non_null(strstr(why, "it extrapolates in rows (2.9, trained on 0 to 1)"));
    assert_false(consult(arena, &e, w.in, 2, true, c, n, &why)->materialize);
    /* a tree that says: materialized is e^-9 of what its work says */
    TreeNode nodes[] = {{FEATURE_materialized, 0.5f, 1, 2}, {-1, 0, 0, 0}, {-1, -9, 0, 0}};
    Tree tree = {3, nodes};
    e.run = (Forest){0, 1, &tree};
    c[n - 1].there = true;
    best = consult(arena, &e, w.in, 2, false, c, n, &why);
    assert_true(best->materialize);
    assert_non_null(strstr(why, "already joined"));
    assert_non_null(strstr(why, "by materialized"));
    world_free(&w);
}

/* ---- measurements and training ---- */
/* Candidates whose times follow a rule that their work does not know: the joined one is four times as fast where the
 * skew is high. */
static void measurements(MeasuredVec *m, int datasets) {
    for (int d = 0; d < datasets; d++)
        for (int i = 0; i < 2; i++) {
            Measured r = {.dataset = arena_printf(arena, "wide-%d", d + 1),
                          .training = "a ridge",
                          .candidate = i ? "materialized" : "factorized",
                          .analytic_run = 1e-2,
                          .analytic_make = i ? 4e-3 : 0,
                          .make = i ? 4e-3 : 0};
            for (int k = 0; k < NFEATURES; k++) r.x[k] = rng_uniform(9, (uint64_t)d, (uint64_t)k);
            r.effort[EFFORT_rows] = 1e7;
            r.effort[NEFFORTS + MAKE_fresh_bytes] = i ? 4e7 : 0;
            r.x[FEATURE_materialized] = i;
            r.run = 1e-2 * (i && r.x[FEATURE_skew] > 0.5 ? 0.25 : 1);
            vec_push(arena, m, r);
        }
}
static void measurements_survive_their_file(void **state) {
    (void)state;
    char path[] = "/tmp/amal-rows-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    MeasuredVec m = {0};
    MeasuredFile back;
    Buf text = {0};
    Hardware twice = machine; /* as fast as two of it: its units count for half */
    twice.flops *= 2;
    twice.read_one *= 2;
    measurements(&m, 3);
    measured_header(&text);
    measured_machine(&text, &machine);
    for (int i = 0; i < m.len; i++) {
        if (i == 4) measured_machine(&text, &twice);
        measured_line(&text, &m.data[i]);
    }
    size_t len = text.len;
    buf_puts(&text, "wide-4,a ridge,fac"); /* interrupted */
    assert_int_equal(write(fd, text.data, text.len), (ssize_t)text.len);
    assert_true(measured_read(arena, ds, path, &back));
    assert_int_equal(back.rows.len, 6);
    assert_int_equal(back.whole, len);
    assert_float_equal(back.first.flops, machine.flops, 1e-5 * machine.flops);
    assert_float_equal(back.last.flops, twice.flops, 1e-5 * twice.flops);
    assert_int_equal(measured_end(&back.rows, 2), 4);
    assert_string_equal(back.rows.data[3].candidate, "materialized");
    assert_float_equal(back.rows.data[3].x[FEATURE_skew], m.data[3].x[FEATURE_skew], 1e-4);
    assert_float_equal(back.rows.data[3].effort[EFFORT_rows], 1e7, 0);
    assert_float_equal(back.rows.data[3].effort[NEFFORTS + MAKE_fresh_bytes], 4e7, 0);
    assert_float_equal(back.rows.data[5].effort[EFFORT_rows], 5e6, 1e2);
    assert_float_equal(back.rows.data[5].effort[NEFFORTS + MAKE_fresh_bytes], 2e7, 1e3);
    buf_puts(&text, "\n");
    assert_int_equal(write(fd, "\n", 1), 1);
    assert_false(measured_read(arena, ds, path, &back)); /* a whole line that is none */
    assert_string_equal(diag_last_code(ds), "E470");
    assert_int_equal(pwrite(fd, "c", 1, 3), 1); /* another header */
    assert_false(measured_read(arena, ds, path, &back));
    close(fd);
    unlink(path);
    assert_false(measured_read(arena, ds, path, &back));
    buf_free(&text);
}
/* A join is the same for two trainings of a data set, with X'X or without; not in another data set, nor of other work.
 */
static void makes_are_shared(void **state) {
    (void)state;
    char path[] = "/tmp/amal-rows-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    MeasuredVec one = {0};
    measurements(&one, 2);
    Measured first = one.data[1], with = first, again = first, more = first, next = one.data[3];
    with.candidate = "materialized with X'X";
    with.make /= 2;
    again.training = with.training = more.training = "b ridge";
    more.make /= 8;
    more.effort[NEFFORTS + MAKE_fresh_bytes] *= 2;
    const Measured *all[] = {&first, &again, &with, &more, &next};
    Buf text = {0};
    measured_header(&text);
    measured_machine(&text, &machine);
    for (int i = 0; i < 5; i++) measured_line(&text, all[i]);
    assert_int_equal(write(fd, text.data, text.len), (ssize_t)text.len);
    MeasuredFile back;
    assert_true(measured_read(arena, ds, path, &back));
    static const double makes[] = {2e-3, 2e-3, 2e-3, 5e-4, 4e-3};
    for (int i = 0; i < 5; i++) {
        assert_float_equal(back.rows.data[i].make, makes[i], 0);
        assert_float_equal(back.rows.data[i].run, all[i]->run, 1e-4 * all[i]->run);
    }
    close(fd);
    unlink(path);
    buf_free(&text);
}
/* Times that are sums of work, and now and then ten times as much: the seconds come back. */
static void seconds_of_work_are_fitted(void **state) {
    (void)state;
    static const double seconds[][2] = {{EFFORT_fork, 5e-6},
                                        {EFFORT_stream_far, 1e-10},
                                        {EFFORT_tile, 2e-10},
                                        {NEFFORTS + MAKE_fresh_bytes, 3e-11},
                                        {NEFFORTS + MAKE_row_picks, 4e-9}};
    MeasuredVec m = {0};
    bool wanted[300];
    for (int i = 0; i < 300; i++) {
        Measured r = {.dataset = "wide-1", .training = "a ridge", .candidate = "factorized"};
        for (size_t k = 0; k < sizeof seconds / sizeof *seconds; k++) {
            int kind = (int)seconds[k][0];
            double units = 1e-4 / seconds[k][1] * pow(100, rng_uniform(3, k, (uint64_t)i));
            r.effort[kind] = units;
            *(kind < NEFFORTS ? &r.run : &r.make) += units * seconds[k][1];
        }
        r.effort[EFFORT_dot] = 1e6 * rng_uniform(3, 9, (uint64_t)i); /* takes no time */
        if (i % 20 == 0) r.run *= 10;
        wanted[i] = i % 7 != 0;
        if (!wanted[i]) r.run = r.make = 1e3;
        vec_push(arena, &m, r);
    }
    EffortSeconds got = fit_seconds(arena, &m, wanted);
    for (size_t k = 0; k < sizeof seconds / sizeof *seconds; k++)
        assert_float_equal(got.of[(int)seconds[k][0]] / seconds[k][1], 1, 0.05);
    for (int k = 0; k < ALL_EFFORTS; k++) assert_true(got.of[k] >= 0);
    assert_true(got.of[EFFORT_dot] * 1e6 < 2e-5);
    assert_float_equal(got.of[EFFORT_curves], 0, 0); /* nobody had any */
    /* a machine that reads twice as fast does what is read in half the time, and the rest in the same */
    Hardware faster = machine;
    faster.read_one *= 2;
    EffortSeconds moved = effort_moved(&got, &machine, &faster);
    assert_float_equal(moved.of[EFFORT_stream_far] / got.of[EFFORT_stream_far], 0.5, 1e-12);
    assert_float_equal(moved.of[EFFORT_tile], got.of[EFFORT_tile], 0);
}
static void work_is_counted(void **state) {
    (void)state;
    World w;
    Candidate c[CANDIDATES];
    double x[CANDIDATES][NFEATURES];
    const char *rest = strstr(star, "linear_regression"); /* whose rounds would not go over the rows */
    world_make(&w, arena_printf(arena, "%.*slogistic%s", (int)(rest - star), star, rest + strlen("linear")), 80000, 40,
               1);
    int n = all_of(&w, 2, c);
    assert_int_equal(n, 3);
    features_of(w.in, c, n, 2, &machine, x);
    const double *plain = c[0].effort, *sorted = c[1].effort, *joined = c[2].effort;
    /* seven rounds, two threads: the rows of T read, and add to, those of D through an index */
    assert_float_equal(plain[EFFORT_run], 1, 0);
    assert_true(plain[EFFORT_gather_near] >= 7 * 80000 / 2 && plain[EFFORT_scatter_near] >= 7 * 80000 / 2);
    assert_float_equal(plain[EFFORT_segment_rows] + joined[EFFORT_segment_rows], 0, 0);
    assert_true(sorted[EFFORT_segment_rows] >= 2 * 7 * 80000 / 2 && sorted[EFFORT_gather_near] == 0);
    assert_float_equal(joined[EFFORT_gather_near] + joined[EFFORT_scatter_near] + joined[EFFORT_scatter_parts], 0, 0);
    assert_true(joined[EFFORT_stream_mid] > 1.3 * plain[EFFORT_stream_mid]);
    /* making: nothing, sorting, a join */
    for (int k = NEFFORTS; k < ALL_EFFORTS; k++) assert_float_equal(plain[k], 0, 0);
    assert_float_equal(sorted[NEFFORTS + MAKE_sorted_rows] + sorted[NEFFORTS + MAKE_sorted_mid] +
                           sorted[NEFFORTS + MAKE_sorted_far],
                       80000, 1e-6);
    assert_float_equal(joined[NEFFORTS + MAKE_join], 1, 0);
    assert_float_equal(joined[NEFFORTS + MAKE_mapped_bytes], (double)integration_materialized_bytes(w.in), 0);
    /* one thread does all that two did */
    features_of(w.in, c, n, 1, &machine, x);
    assert_true(plain[EFFORT_gather_near] >= 7 * 80000 && plain[EFFORT_fork] == 0);
    world_free(&w);
}
static void a_rule_is_learned(void **state) {
    (void)state;
    MeasuredVec few = {0}, m = {0};
    Held held;
    const char *version, *why;
    measurements(&few, 5);
    assert_null(estimator_train(arena, ds, &machine, &few, &held));
    assert_string_equal(diag_last_code(ds), "E471");
    if (!xgboost_available(&version, &why)) {
        printf("skipped: no XGBoost: %s\n", why);
        assert_null((measurements(&m, 40), estimator_train(arena, ds, &machine, &m, &held)));
        assert_string_equal(diag_last_code(ds), "E611");
        return;
    }
    measurements(&m, 120);
    Estimator *e = estimator_train(arena, ds, &machine, &m, &held);
    assert_non_null(e);
    int right = 0, n = 0;
    for (int begin = 0, end; begin < m.len; begin = end, n++) {
        end = measured_end(&m, begin);
        right += choose(CHOOSE_MODEL, &m, &held, begin, end) == choose(CHOOSE_ORACLE, &m, &held, begin, end);
    }
    assert_true(right >= n * 9 / 10); /* on data sets that were held out */
    Buf text = {0};
    assert_true(evaluation_print(&text, &m, &held, OF_SYNTHETIC));
    assert_false(evaluation_print(&text, &m, &held, OF_PUBLISHED));
    assert_false(evaluation_print(&text, &m, &held, OF_SCRIPTS));
    /* the same measurements give the same model, and its text the same predictions */
    Estimator *again = estimator_train(arena, ds, &machine, &m, &held);
    Buf a = {0}, b = {0};
    estimator_print(&a, e);
    estimator_print(&b, again);
    assert_string_equal(a.data, b.data);
    Estimator *back = estimator_read(arena, a.data, a.len, &why);
    assert_non_null(back);
    double inputs[NINPUTS];
    model_inputs(&e->seconds, m.data[0].effort, m.data[0].x, inputs);
    assert_float_equal(inputs[NFEATURES + EFFORT_rows], 1, 1e-12); /* all of the work */
    assert_float_equal(forest_predict(&back->run, inputs), forest_predict(&e->run, inputs), 1e-4);
    assert_float_equal(back->seconds.of[EFFORT_rows] / e->seconds.of[EFFORT_rows], 1, 1e-4);
    buf_free(&text);
    buf_free(&a);
    buf_free(&b);
}

static void the_machine_is_measured(void **state) {
    (void)state;
    Hardware h, back = {0};
    Buf text = {0};
    mem_fail_after(0);
    bool without = hardware_measure(ds, &h);
    mem_fail_after(-1);
    assert_false(without);
    assert_string_equal(diag_last_code(ds), "E472");
    assert_true(hardware_measure(ds, &h));
    assert_true(hardware_is_sound(&h));
    hardware_print(&text, &h);
    char *rest = NULL;
    for (char *line = strtok_r(text.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        assert_true(hardware_read(&back, line));
    assert_true(hardware_is_sound(&back));
    assert_float_equal(back.near / h.near, 1, 1e-4);
    assert_false(hardware_read(&back, "speed 3"));
    assert_false(hardware_read(&back, "near"));
    assert_false(hardware_is_sound(&(Hardware){.threads = 1, .read_one = INFINITY}));
    assert_float_equal(hardware_bandwidth(&machine, 1), 1e10, 0);
    assert_float_equal(hardware_bandwidth(&machine, 2), 1.5e10, 0);
    buf_free(&text);
}

/* test_estimator --model FEATURE AT BELOW ABOVE: a model of one tree for tests of the command: e^BELOW of the analytic
 * cost where the feature is less than AT, else e^ABOVE. */
static int print_model(char **a) {
    Estimator e = example();
    TreeNode nodes[] = {{0, strtof(a[1], NULL), 1, 2}, {-1, strtof(a[2], NULL), 0, 0}, {-1, strtof(a[3], NULL), 0, 0}};
    Tree tree = {3, nodes};
    for (int k = 0; k < NFEATURES; k++)
        if (!strcmp(feature_rows[k].name, a[0])) nodes[0].feature = k;
    e.run = (Forest){0, 1, &tree};
    e.make = (Forest){0};
    e.gram = true;
    Buf text = {0};
    estimator_print(&text, &e);
    fputs(text.data, stdout);
    buf_free(&text);
    return 0;
}
int main(int argc, char **argv) {
    if (argc == 6 && !strcmp(argv[1], "--model")) return print_model(argv + 2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(features_follow_their_formulas, setup, teardown),
        cmocka_unit_test_setup_teardown(degenerate_sizes_have_features, setup, teardown),
        cmocka_unit_test_setup_teardown(all_sets_of_few_tables_are_candidates, setup, teardown),
        cmocka_unit_test_setup_teardown(many_tables_are_searched_greedily, setup, teardown),
        cmocka_unit_test_setup_teardown(gram_and_iteration_are_both_candidates, setup, teardown),
        cmocka_unit_test_setup_teardown(a_seed_decides_the_data, setup, teardown),
        cmocka_unit_test_setup_teardown(differences_are_of_shapley_values, setup, teardown),
        cmocka_unit_test_setup_teardown(trees_survive_their_text, setup, teardown),
        cmocka_unit_test_setup_teardown(a_changed_model_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(the_choice_says_why, setup, teardown),
        cmocka_unit_test_setup_teardown(measurements_survive_their_file, setup, teardown),
        cmocka_unit_test_setup_teardown(makes_are_shared, setup, teardown),
        cmocka_unit_test_setup_teardown(seconds_of_work_are_fitted, setup, teardown),
        cmocka_unit_test_setup_teardown(work_is_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_rule_is_learned, setup, teardown),
        cmocka_unit_test_setup_teardown(the_machine_is_measured, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
