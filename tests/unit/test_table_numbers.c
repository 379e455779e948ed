/* test_table_numbers.c: numbers that the CSV reader takes where they stand are those of strtod, bit by bit, whatever
 * their length, form, neighbours and place in the file. */
#include "tests/unit/table_testing.h"

#include "backends/runtime/table_csv.h"

static uint64_t counter;
static int below(int n) {
    return (int)(rng_u64(11, 7, counter++) % (uint64_t)n);
}
static void put_digits(Buf *b, int n) {
    for (int i = 0; i < n; i++) buf_printf(b, "%d", below(10));
}
/* Mostly plain ones; some with more digits than are exact, exponents, signs, blanks, and nulls. */
static void put_number(Buf *b, bool whole) {
    static const char *const odd[] = {
        "", "-0", "0", "9007199254740993", "18014398509481985", "999999999999999999", "000000000000000000012"};
    static const char *const odd_reals[] = {"NA",
                                            "-0.0",
                                            ".5",
                                            "5.",
                                            "1e5",
                                            "-1E-3",
                                            "+7.25",
                                            " 3.5 ",
                                            "inf",
                                            "nan",
                                            "0.1000000000000000055511151231257827",
                                            "123456789012345678.9",
                                            "4503599627370497.5",
                                            "9007199254740993.0",
                                            "1.7976931348623157e308",
                                            "4.9e-324"};
    int kind = below(10);
    if (kind == 0) {
        buf_puts(b, odd[below(sizeof odd / sizeof *odd)]);
    } else if (kind == 1 && !whole) {
        buf_puts(b, odd_reals[below(sizeof odd_reals / sizeof *odd_reals)]);
    } else {
        buf_puts(b, below(2) ? "-" : "");
        put_digits(b, 1 + below(whole ? 18 : 20));
        if (!whole && below(4)) {
            buf_puts(b, ".");
            put_digits(b, below(20));
        }
    }
}

static void check_column(const Table *t, const char *name, char **texts, bool whole) {
    const Column *c = &t->cols[table_find(t, name)];
    for (int64_t r = 0; r < t->rows; r++) {
        const char *text = texts[r];
        bool null = !*text || !strcmp(text, "NA") || !strcmp(text, "nan");
        if (null != column_is_null(c, r)) fail_msg("%s, row %" PRId64 ": \"%s\" is null: %d", name, r + 1, text, !null);
        if (null) continue;
        if (whole) {
            if (c->ints[r] != strtoll(text, NULL, 10)) fail_msg("%s: \"%s\" became %" PRId64, name, text, c->ints[r]);
        } else {
            double want = strtod(text, NULL);
            if (memcmp(&want, &c->num[r], sizeof want)) fail_msg("%s: \"%s\" became %.17g", name, text, c->num[r]);
        }
    }
}

static void check_file(const char *line_end, bool last_line_ends) {
    enum { ROWS = 4000 };
    char **texts[3];
    Buf b = {0};
    buf_printf(&b, "a,left,i,b%s", line_end);
    for (int k = 0; k < 3; k++) texts[k] = arena_array(arena, char *, ROWS);
    for (int r = 0; r < ROWS; r++) {
        for (int k = 0; k < 3; k++) {
            Buf n = {0};
            put_number(&n, k == 1);
            texts[k][r] = n.data ? arena_strndup(arena, n.data, n.len) : arena_strdup(arena, "");
            buf_free(&n);
        }
        buf_printf(&b, "%s,%s,%s,%s%s", texts[0][r], r % 3 ? "xyz" : "\"a,\"\"b\"", texts[1][r], texts[2][r],
                   r + 1 < ROWS || last_line_ends ? line_end : "");
    }
    write_bytes("n.csv", b.data, b.len);
    buf_free(&b);
    for (int threads = 1; threads <= 4; threads += 3) {
        Table *t =
            read_with("source s from \"n.csv\" (null = \"NA\") { a: num, i: int, b: num }", threads, NULL, folder);
        if (!t) diag_print(ds, stderr, false);
        assert_non_null(t);
        assert_int_equal(t->rows, ROWS);
        check_column(t, "a", texts[0], false);
        check_column(t, "i", texts[1], true);
        check_column(t, "b", texts[2], false);
        table_free(t);
    }
}
static void numbers(void **state) {
    (void)state;
    check_file("\n", true);
    check_file("\r\n", true);
    check_file("\n", false);
}

/* Delimiters, quotes and nulls that could be parts of numbers are what they were declared to be. */
static void numeric_marks(void **state) {
    (void)state;
    write_text("p.csv", "a.b\n1.2\n3.4\n");
    Table *t = read_source("source s from \"p.csv\" (delimiter = \".\") { a: num, b: int }");
    expect_column(t, "a", "1|3");
    expect_column(t, "b", "2|4");
    table_free(t);
    write_text("q.csv", "a,b\n1521,2\n141,3\n");
    t = read_source("source s from \"q.csv\" (quote = \"1\") { a: num, b: int }");
    expect_column(t, "a", "52|4");
    expect_column(t, "b", "2|3");
    table_free(t);
}
static void null_numbers(void **state) {
    (void)state;
    write_text("m.csv", "a,b,c\n-999,-999,-999\n1,-1,0\n-999.0,7,-1\n");
    Table *t =
        read_source("source s from \"m.csv\" (null = \"-999\") { a: num, b: int null \"-1\", c: num null \"0\" }");
    expect_column(t, "a", "null|1|-999");
    expect_column(t, "b", "null|null|7");
    expect_column(t, "c", "null|null|-1");
    table_free(t);
}

int main(void) {
    csv_part_bytes = 1 << 12; /* short texts are cut for several threads too */
    const struct CMUnitTest tests[] = {TABLE_TEST(numbers), TABLE_TEST(numeric_marks), TABLE_TEST(null_numbers)};
    return cmocka_run_group_tests(tests, table_setup, table_teardown);
}
