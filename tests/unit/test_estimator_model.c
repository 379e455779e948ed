/* test_estimator_model.c: what the estimator learns: trees, their text and their contributions against sums over all
 * subsets; model files that were changed; measurements, the seconds fitted to them, and a rule that trees find in them;
 * the machine. */
#include "tests/unit/estimator_testing.h"

#include "compiler/estimator/fit.h"
#include "compiler/estimator/generate.h"
#include "compiler/estimator/train.h"
#include "compiler/estimator/xgboost.h"
#include <inttypes.h>
#include <unistd.h>

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
    Estimator e = estimator_example();
    e.run = forest;
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

/* test_estimator_model --model FEATURE AT BELOW ABOVE: a model of one tree for tests of the command: e^BELOW of the
 * analytic cost where the feature is less than AT, else e^ABOVE. */
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
        cmocka_unit_test_setup_teardown(differences_are_of_shapley_values, setup, teardown),
        cmocka_unit_test_setup_teardown(trees_survive_their_text, setup, teardown),
        cmocka_unit_test_setup_teardown(a_changed_model_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(measurements_survive_their_file, setup, teardown),
        cmocka_unit_test_setup_teardown(makes_are_shared, setup, teardown),
        cmocka_unit_test_setup_teardown(seconds_of_work_are_fitted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_rule_is_learned, setup, teardown),
        cmocka_unit_test_setup_teardown(the_machine_is_measured, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
