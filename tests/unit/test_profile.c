/* test_profile.c: what a profile keeps of carried values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backends/profile.h"
#include <math.h>

static void test_norms(void **state) {
    (void)state;
    Arena *arena = arena_new();
    RunProfile *p = profile_new(arena);
    IrNode loop = {0};
    profile_begin(p, 0, 0);
    const double w[3][2] = {{0, 0}, {3, 4}, {3, 2}};
    for (int at = 0; at < 3; at++) profile_carried(p, &loop, 0, "w", at, w[at], 2);
    const double b[2] = {1, 0.5};
    for (int at = 0; at < 2; at++) profile_carried(p, &loop, 1, "b", at, &b[at], 1);
    profile_carried(p, &loop, 2, "rows", 0, NULL, 0); /* has a row for each row of a target: not kept */
    profile_carried(p, &loop, 2, "rows", 1, NULL, 0);
    assert_int_equal(p->curves.len, 2);
    const ProfileCurve *c = &p->curves.data[0];
    assert_int_equal(c->points.len, 2);
    assert_true(c->points.data[0].change == 5 && c->points.data[0].size == 5);
    assert_true(c->points.data[1].change == 2 && c->points.data[1].size == sqrt(13));
    assert_true(isnan(c->points.data[1].value));
    assert_true(p->curves.data[1].points.data[0].value == 0.5);
    arena_free(arena);
}

static void test_long_loop(void **state) {
    (void)state;
    Arena *arena = arena_new();
    RunProfile *p = profile_new(arena);
    IrNode loop = {0};
    profile_begin(p, 0, 0);
    for (int64_t at = 0; at <= 100000; at++) {
        double v = (double)at * (double)at;
        profile_carried(p, &loop, 0, "v", at, &v, 1);
    }
    const ProfileCurve *c = &p->curves.data[0];
    assert_true(c->points.len > 500 && c->points.len <= 1024);
    for (int i = 0; i < c->points.len; i++) { /* spread evenly; a step is over one iteration, whatever is kept */
        double at = (double)c->points.data[i].iteration;
        assert_int_equal(c->points.data[i].iteration, (i + 1) * c->every);
        assert_true(c->points.data[i].change == 2 * at - 1 && c->points.data[i].value == at * at);
    }
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_norms), cmocka_unit_test(test_long_loop)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
