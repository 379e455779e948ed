/* test_base.c: memory, texts, near names, random numbers, and what a diagnostic looks like. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiler/base.h"
#include "compiler/diag.h"
#include <math.h>

static void test_arena(void **state) {
    (void)state;
    Arena *a = arena_new();
    char *first = arena_strdup(a, "abc");
    for (size_t n = 0; n < 5000; n += 7) {
        unsigned char *p = arena_alloc(a, n);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < n; i++) assert_int_equal(p[i], 0);
        memset(p, 255, n);
    }
    unsigned char *large = arena_alloc(a, 3 << 20);
    large[(3 << 20) - 1] = 1;
    assert_string_equal(first, "abc");
    assert_string_equal(arena_printf(a, "%s-%d", "x", 42), "x-42");
    assert_string_equal(arena_strndup(a, "abcdef", 3), "abc");
    VEC(int) v = {0};
    for (int i = 0; i < 1000; i++) vec_push(a, &v, i);
    for (int i = 0; i < 1000; i++) assert_int_equal(v.data[i], i);
    arena_free(a);
    arena_free(NULL);
}

static void test_mem_try(void **state) {
    (void)state;
    double *p = mem_try(1000, sizeof *p);
    assert_non_null(p);
    assert_int_equal((uintptr_t)p % 64, 0);
    for (int i = 0; i < 1000; i++) assert_true(p[i] == 0);
    mem_free(p);
    p = mem_try(0, 8);
    assert_non_null(p);
    mem_free(p);
    assert_null(mem_try(SIZE_MAX / 2, 4));
    assert_null(mem_try(SIZE_MAX - 8, 1));
    mem_fail_after(2);
    p = mem_try(1, 1);
    assert_non_null(p);
    assert_null(mem_try(1, 1));
    mem_free(p);
    p = mem_try(1, 1); /* only the second failed */
    assert_non_null(p);
    mem_free(p);
    mem_fail_after(-1);
}

/* What is behind the first bytes of an array goes back to the system where it is whole pages, whatever its size. */
static void test_mem_trim(void **state) {
    (void)state;
    static const size_t cells[] = {10, 40000, 700000}; /* an array of the C library's, one of a region, one by itself */
    for (size_t k = 0; k < 3; k++) {
        double *p = mem_try(cells[k], sizeof *p);
        assert_non_null(p);
        for (size_t i = 0; i < cells[k]; i++) p[i] = (double)i;
        mem_trim(p, cells[k] / 3 * sizeof *p);
        mem_trim(p, cells[k] / 2 * sizeof *p); /* what is gone stays so */
        double *q = mem_try(cells[k], sizeof *q);
        assert_non_null(q);
        for (size_t i = 0; i < cells[k]; i++) assert_true(q[i] == 0);
        for (size_t i = 0; i < cells[k] / 3; i++) assert_true(p[i] == (double)i);
        mem_free(p);
        mem_free(q);
    }
    mem_trim(NULL, 0);
}

static jmp_buf exhausted;
static size_t refused;
static void leave(size_t bytes) {
    refused = bytes;
    longjmp(exhausted, 1);
}

static void test_exhaustion(void **state) {
    (void)state;
    mem_on_exhaustion(leave);
    if (setjmp(exhausted) == 0) {
        mem_fail_after(1);
        mem_free(mem_alloc(123));
        fail();
    }
    assert_int_equal(refused, 123);
    mem_fail_after(-1);
    mem_on_exhaustion(NULL);
}

static void test_buf(void **state) {
    (void)state;
    Buf b = {0};
    for (int i = 0; i < 1000; i++) buf_printf(&b, "%d,", i % 10);
    assert_int_equal(b.len, 2000);
    buf_add(&b, "x\0y", 3);
    buf_puts(&b, "!");
    assert_int_equal(b.len, 2004);
    char *s = buf_take(&b);
    assert_memory_equal(s + 2000, "x\0y!", 5);
    mem_free(s);
    assert_null(b.data);
    s = buf_take(&b);
    assert_string_equal(s, "");
    mem_free(s);
    buf_free(&b);
}

static void test_nearest(void **state) {
    (void)state;
    static const char *const names[] = {"planes", "flights", "airports", "a", "Weather"};
    assert_string_equal(text_nearest("plane", names, 5), "planes");
    assert_string_equal(text_nearest("palnes", names, 5), "planes");
    assert_string_equal(text_nearest("fligths", names, 5), "flights");
    assert_string_equal(text_nearest("weather", names, 5), "Weather");
    assert_null(text_nearest("trains", names, 5));
    assert_null(text_nearest("b", names, 5)); /* every letter would have to change */
    assert_null(text_nearest("", names, 5));
    assert_null(text_nearest("planes", names, 0));
}

static void test_range(void **state) {
    (void)state;
    double x[11], lo, hi;
    for (int n = 0; n <= 11; n++) { /* every remainder, and both ends at every place */
        for (int i = 0; i < n; i++) x[i] = i * 7 % 11 - 5;
        double least = INFINITY, most = -INFINITY;
        for (int i = 0; i < n; i++) least = fmin(least, x[i]), most = fmax(most, x[i]);
        num_range(x, n, &lo, &hi);
        assert_true(lo == least && hi == most);
    }
    for (int i = 0; i < 11; i++) { /* one that is no number: nothing is known */
        double kept = x[i];
        x[i] = NAN;
        num_range(x, 11, &lo, &hi);
        assert_true(lo == -INFINITY && hi == INFINITY);
        x[i] = kept;
    }
}
static void test_numbers(void **state) {
    (void)state;
    /* fixed: saved splits and seeds must mean the same in every version */
    assert_true(rng_u64(1, 2, 3) == UINT64_C(0xbc940ddbb95942ee)); /* worked out by another program */
    assert_true(rng_u64(1, 2, 3) != rng_u64(1, 3, 2));
    assert_true(rng_u64(1, 2, 3) != rng_u64(2, 1, 3));
    double sum = 0, squares = 0, normal = 0, normal2 = 0;
    enum { N = 200000 };
    for (uint64_t i = 0; i < N; i++) {
        double u = rng_uniform(42, 0, i), z = rng_normal(42, 1, i);
        assert_true(u >= 0 && u < 1 && isfinite(z));
        sum += u;
        squares += u * u;
        normal += z;
        normal2 += z * z;
    }
    assert_true(fabs(sum / N - 0.5) < 0.003 && fabs(squares / N - 1.0 / 3) < 0.003);
    assert_true(fabs(normal / N) < 0.01 && fabs(normal2 / N - 1) < 0.02);
    assert_true(hash_bytes("abc", 3, 0) != hash_bytes("abd", 3, 0));
    assert_true(hash_bytes("abc", 3, 0) != hash_bytes("abc", 3, 1));
    assert_true(hash_bytes("a\0", 2, 0) != hash_bytes("a", 1, 0));
    assert_int_equal(hash_bytes("0123456789abcdef", 16, 7), hash_bytes("0123456789abcdef", 16, 7));
    assert_true(time_now() > 0);
}

/* ---- diagnostics ---- */
static void expect_print(Diags *ds, const char *expected) {
    char shown[8192] = "";
    FILE *f = tmpfile();
    assert_non_null(f);
    diag_print(ds, f, false);
    rewind(f);
    size_t n = fread(shown, 1, sizeof shown - 1, f);
    shown[n] = 0;
    assert_int_equal(fclose(f), 0);
    assert_string_equal(shown, expected);
}

static void test_layout(void **state) {
    (void)state;
    Arena *a = arena_new();
    Diags *ds = diags_new(a);
    static const char text[] = "let a = 1;\n\tlet \xc3\xa9 = \"\x01\xff\"; # x\r\nlast";
    uint32_t f = diag_add_file(ds, "s.amal", text, sizeof text - 1);
    Diag *d = diag_error(ds, "E131", (Span){f, 16, 18}, "shapes do not agree in %s", "X @ w");
    diag_note(d, (Span){f, 4, 5}, "w is %d x 1", 12);
    diag_note(d, (Span){0}, "nowhere");
    diag_help(d, "declare w");
    diag_help(d, "or v");
    expect_print(ds, "s.amal:2:6: error[E131]: shapes do not agree in X @ w\n"
                     "    2 | \tlet \xc3\xa9 = \"\xe2\x90\x81\xef\xbf\xbd\"; # x\n"
                     "      | \t    ^\n"
                     "s.amal:1:5: note: w is 12 x 1\n  note: nowhere\n  help: declare w\n  help: or v\n");
    expect_print(ds, ""); /* once only */
    diag_error(ds, "E010", (Span){f, 4, 40}, "over two lines\x1b[31m");
    expect_print(ds, "s.amal:1:5: error[E010]: over two lines\\x1b[31m\n    1 | let a = 1;\n      |     ^~~~~~\n");
    diag_error(ds, "E011", (Span){f, 1000, 1001}, "beyond");
    expect_print(ds, "s.amal:3:5: error[E011]: beyond\n    3 | last\n      |     ^\n");
    diag_data(ds, "E417", (Span){f, 0, 3}, "s.csv", 17, "bad");
    expect_print(
        ds, "s.csv:17: error[E417]: bad\ns.amal:1:1: note: read because of this\n    1 | let a = 1;\n      | ^~~\n");
    diag_data(ds, "E450", (Span){0}, "s.csv", 0, "missing");
    expect_print(ds, "s.csv: error[E450]: missing\n");
    int line, column;
    diag_locate(ds, (Span){f, 19, 20}, &line, &column);
    assert_int_equal(line, 2);
    assert_int_equal(column, 8);
    diag_locate(ds, (Span){0}, &line, &column);
    assert_int_equal(line, 0);
    arena_free(a);
}

static void test_long_lines(void **state) {
    (void)state;
    Arena *a = arena_new();
    Diags *ds = diags_new(a);
    char text[1000];
    memset(text, 'x', sizeof text);
    uint32_t f = diag_add_file(ds, "s", text, sizeof text);
    diag_error(ds, "E010", (Span){f, 500, 900}, "clipped");
    Buf expected = {0};
    buf_puts(&expected, "s:1:501: error[E010]: clipped\n    1 | \xe2\x80\xa6");
    for (int i = 0; i < 110; i++) buf_puts(&expected, "x");
    buf_puts(&expected, "\xe2\x80\xa6\n      |  ");
    for (int i = 0; i < 40; i++) buf_puts(&expected, " ");
    for (int i = 0; i < 70; i++) buf_puts(&expected, i ? "~" : "^");
    buf_puts(&expected, "\n");
    expect_print(ds, expected.data);
    buf_free(&expected);
    arena_free(a);
}

static void test_collecting(void **state) {
    (void)state;
    Arena *a = arena_new();
    Diags *ds = diags_new(a);
    uint32_t f = diag_add_file(ds, "s", "abc", 3);
    assert_null(diag_last_code(ds));
    Span at = {f, 0, 1};
    diag_error(ds, "E111", at, "one");
    diag_error(ds, "E111", at, "one");
    diag_error(ds, "E111", at, "two");
    diag_error(ds, "E112", at, "one");
    assert_int_equal(diag_error_count(ds), 3);
    assert_string_equal(diag_last_code(ds), "E112");
    assert_true(diag_set_warning(ds, "no-W123"));
    assert_true(diag_set_warning(ds, "error=W122"));
    assert_false(diag_set_warning(ds, "W999"));
    assert_false(diag_set_warning(ds, "E111"));
    diag_note(diag_warn(ds, "W123", at, "silent"), at, "on a throw-away");
    assert_int_equal(diag_warning_count(ds), 0);
    diag_warn(ds, "W122", at, "loud");
    assert_int_equal(diag_error_count(ds), 4);
    diag_warn(ds, "W180", at, "plain");
    assert_int_equal(diag_warning_count(ds), 1);
    assert_true(diag_set_warning(ds, "none"));
    assert_true(diag_set_warning(ds, "W124"));
    diag_warn(ds, "W125", at, "silent");
    diag_warn(ds, "W124", at, "said");
    assert_int_equal(diag_warning_count(ds), 2);
    assert_true(diag_set_warning(ds, "all"));
    assert_true(diag_set_warning(ds, "error"));
    assert_true(diag_set_warning(ds, "no-error=W131"));
    diag_warn(ds, "W131", at, "stays");
    diag_warn(ds, "W180", at, "an error now");
    assert_int_equal(diag_warning_count(ds), 3);
    assert_int_equal(diag_error_count(ds), 5);
    Buf json = {0};
    diag_print_json(ds, &json);
    assert_non_null(
        strstr(json.data, "{\"code\": \"W122\", \"level\": \"error\", \"file\": \"s\", \"line\": 1, \"column\": 1"));
    buf_free(&json);
    arena_free(a);
}

/* Many messages are counted, not kept. */
static void test_flood(void **state) {
    (void)state;
    Arena *a = arena_new();
    Diags *ds = diags_new(a);
    for (int i = 0; i < 300; i++) diag_error(ds, "E010", (Span){0}, "number %d", i);
    assert_int_equal(diag_error_count(ds), 300);
    Buf expected = {0};
    for (int i = 0; i < 200; i++) buf_printf(&expected, "error[E010]: number %d\n", i);
    buf_puts(&expected, "and 100 more that are not shown (the first 200 are)\n");
    expect_print(ds, expected.data);
    buf_free(&expected);
    arena_free(a);
}

/* Every row of the table can be explained, is in order, and says more than its title. */
static void test_explanations(void **state) {
    (void)state;
    static const char *const codes[] = {
#define X(code, title, text) code,
#include "compiler/diag_codes.def"
#undef X
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (i) assert_true(strcmp(codes[i - 1], codes[i]) < 0);
        FILE *f = tmpfile();
        assert_non_null(f);
        assert_true(diag_explain(codes[i], f));
        assert_true(ftell(f) > 60);
        rewind(f);
        char line[512];
        while (fgets(line, sizeof line, f)) assert_true(*line == ' ' || strlen(line) <= 100);
        assert_int_equal(fclose(f), 0);
    }
    assert_false(diag_explain("E999", stderr));
    assert_false(diag_explain("", stderr));
    assert_false(diag_explain("a very long code indeed", stderr));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena),       cmocka_unit_test(test_mem_try),    cmocka_unit_test(test_mem_trim),
        cmocka_unit_test(test_exhaustion),  cmocka_unit_test(test_buf),        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_range),       cmocka_unit_test(test_numbers),    cmocka_unit_test(test_layout),
        cmocka_unit_test(test_long_lines),  cmocka_unit_test(test_collecting), cmocka_unit_test(test_flood),
        cmocka_unit_test(test_explanations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
