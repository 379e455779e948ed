/* test_carry.c: kernels that a built program carries: which text finds which, and what processors they are for. */
#include "backends/c/carry.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static int kernel_a(struct AmalRt *rt) {
    (void)rt;
    return 1;
}
static int kernel_b(struct AmalRt *rt) {
    (void)rt;
    return 2;
}

static void texts_find_their_kernels(void **state) {
    (void)state;
    const char *a = "int f(void) { return 1; /* 0.5 * x */ }", *b = "int f(void) { return 2; }";
    AmalKernel kernels[] = {{.run = kernel_a}, {.run = kernel_b}};
    carry_hash(a, kernels[0].hash);
    carry_hash(b, kernels[1].hash);
    AmalProgram p = {.needs = "", .kernels = kernels, .nkernels = 2};
    CarriedOutcome outcome;
    assert_true(carry_find(&p, a, &outcome) == kernel_a && outcome == CARRIED_THERE);
    assert_true(carry_find(&p, b, &outcome) == kernel_b && outcome == CARRIED_THERE);
    assert_true(carry_find(&p, "int f(void) { return 3; }", &outcome) == NULL && outcome == CARRIED_ABSENT);
    /* comments do not count, what stands beside them does */
    assert_true(carry_find(&p, "int f(void) { return 1; /* number * x */ }", &outcome) == kernel_a);
    assert_true(carry_find(&p, "int f(void) { return 1; } /* } */", &outcome) == NULL);
    p.needs = " no_such_feature";
    assert_true(carry_find(&p, a, &outcome) == NULL && outcome == CARRIED_FOREIGN);
    assert_true(carry_find(&p, "", &outcome) == NULL && outcome == CARRIED_ABSENT);
}

static void each_text_is_collected_once(void **state) {
    (void)state;
    KernelSink sink = {.arena = arena_new()};
    carry_add(&sink, "f", "a /* 1 */");
    carry_add(&sink, "g", "b");
    carry_add(&sink, "h", "a /* 2 */");
    assert_int_equal(sink.kernels.len, 2);
    assert_string_equal(sink.kernels.data[0].name, "f");
    assert_string_equal(sink.kernels.data[1].text, "b");
    arena_free(sink.arena);
}

/* A word of the line of features has to be the whole word: avx is not a part of avx2. */
static void processors(void **state) {
    (void)state;
    char word[32] = "", line[8192] = "", needs[8300], first[64] = "";
    assert_false(carry_lacks("", word, sizeof word));
    assert_false(carry_lacks("  ", word, sizeof word));
    assert_true(carry_lacks(" no_such_feature", word, sizeof word));
    assert_string_equal(word, "no_such_feature");
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && fgets(line, sizeof line, f) && strncmp(line, "flags", 5) && strncmp(line, "Features", 8)) line[0] = 0;
    if (f) fclose(f);
    char *colon = strchr(line, ':');
    if (!colon || sscanf(colon + 1, "%63s", first) != 1) skip(); /* this system does not say */
    line[strcspn(line, "\n")] = 0;
    assert_false(carry_lacks(colon + 1, word, sizeof word));
    snprintf(needs, sizeof needs, " %sx", first);
    assert_true(carry_lacks(needs, word, sizeof word));
    snprintf(needs, sizeof needs, "%s no_such_feature", colon + 1);
    assert_true(carry_lacks(needs, word, sizeof word));
    assert_string_equal(word, "no_such_feature");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_find_their_kernels),
        cmocka_unit_test(each_text_is_collected_once),
        cmocka_unit_test(processors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
