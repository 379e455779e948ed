/* test_estimator.c: what the estimator sees and offers: features against formulas worked out by hand, on tables of
 * every degenerate size; candidates and their work; synthetic data that a seed decides; choices beyond what was trained
 * on. */
#include "tests/unit/estimator_testing.h"

#include "compiler/estimator/generate.h"
#include "compiler/lower.h"
#include "compiler/script.h"

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
/* ---- consulting ---- */
static void the_choice_says_why(void **state) {
    (void)state;
    World w;
    Candidate c[CANDIDATES];
    const char *why;
    Estimator e = estimator_example(); /* rows are beyond what it was trained on */
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

/* ---- work ---- */
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(features_follow_their_formulas, setup, teardown),
        cmocka_unit_test_setup_teardown(degenerate_sizes_have_features, setup, teardown),
        cmocka_unit_test_setup_teardown(all_sets_of_few_tables_are_candidates, setup, teardown),
        cmocka_unit_test_setup_teardown(many_tables_are_searched_greedily, setup, teardown),
        cmocka_unit_test_setup_teardown(gram_and_iteration_are_both_candidates, setup, teardown),
        cmocka_unit_test_setup_teardown(a_seed_decides_the_data, setup, teardown),
        cmocka_unit_test_setup_teardown(the_choice_says_why, setup, teardown),
        cmocka_unit_test_setup_teardown(work_is_counted, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
