/* test_table.c: CSV sources: every type, nulls, quoting, dialects, compression, and errors with their exact lines. The
 * other formats are in test_table_formats.c, the shared data sets in test_table_data.c. */
#include "tests/unit/table_testing.h"

#include "backends/runtime/table_private.h"

#include <math.h>

/* ---- cells ---- */
static void test_numbers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double value;
    } good[] = {{"63.0", 63},
                {".7", 0.7},
                {"28", 28},
                {"-1e3", -1000},
                {"+4", 4},
                {" 5 ", 5},
                {"5.", 5},
                {"1E-5", 1e-5},
                {"0.1", 0.1},
                {"1e400", INFINITY},
                {"Infinity", INFINITY},
                {"-inf", -INFINITY},
                {"123456789012345678901234567890", 123456789012345678901234567890.0},
                {"0.000000000000000000000000000000123456789", 0.000000000000000000000000000000123456789},
                {"2.2250738585072011e-308", 2.2250738585072011e-308},
                {"9007199254740993", 9007199254740992.0},
                {"41.1304722", 41.1304722},
                {"1e23", 1e23},
                {"-0", -0.0}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        double v = 77;
        if (cell_num(good[i].text, strlen(good[i].text), &v) != CELL_OK || v != good[i].value ||
            signbit(v) != signbit(good[i].value))
            fail_msg("%s gave %.17g", good[i].text, v);
    }
    static const char *const bad[] = {"",     " ",   "?",   "NA", "1,5", "1.2.3", "e5",    "1e",  "1e+",
                                      "0x10", "1 2", "--1", ".",  "+",   "infin", "1_000", "nan1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double v;
        if (cell_num(bad[i], strlen(bad[i]), &v) != CELL_BAD) fail_msg("%s was taken for a number", bad[i]);
    }
    double v;
    assert_int_equal(cell_num("NaN", 3, &v), CELL_NULL);
}

/* What the C library prints with 17 digits is read back as the same number, by whichever path. */
static void test_numbers_round_trip(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 200000; i++) {
        uint64_t bits = rng_u64(7, 0, i);
        double x, y = 0;
        memcpy(&x, &bits, sizeof x);
        if (!isfinite(x)) continue;
        if (i % 2) x = (double)(int64_t)(bits % 20000001) / 1000 - 10000; /* ordinary numbers */
        char text[40];
        int n = snprintf(text, sizeof text, i % 4 == 1 ? "%.15g" : "%.17g", x);
        double expected = strtod(text, NULL);
        if (cell_num(text, (size_t)n, &y) != CELL_OK || y != expected) fail_msg("%s gave %.17g", text, y);
    }
}

static void test_integers(void **state) {
    (void)state;
    int64_t v = 0;
    const char *why = NULL;
#define INT_OF(text) (cell_int(text, strlen(text), &v, &why))
    assert_int_equal(INT_OF("63"), CELL_OK);
    assert_int_equal(v, 63);
    assert_int_equal(INT_OF("63.0"), CELL_OK);
    assert_int_equal(v, 63);
    assert_int_equal(INT_OF("-7e2"), CELL_OK);
    assert_int_equal(v, -700);
    assert_int_equal(INT_OF("007"), CELL_OK);
    assert_int_equal(v, 7);
    assert_int_equal(INT_OF("9223372036854775807"), CELL_OK);
    assert_true(v == INT64_MAX);
    assert_int_equal(INT_OF("9007199254740993"), CELL_OK);
    assert_true(v == INT64_C(9007199254740993));
    assert_int_equal(INT_OF("1.5"), CELL_BAD);
    assert_string_equal(why, "it has a fractional part");
    assert_int_equal(INT_OF("9223372036854775808"), CELL_BAD);
    assert_int_equal(INT_OF("-9223372036854775808"), CELL_BAD); /* stands for null */
    assert_int_equal(INT_OF("1e300"), CELL_BAD);
    assert_int_equal(INT_OF("inf"), CELL_BAD);
    assert_int_equal(INT_OF("x"), CELL_BAD);
    assert_null(why);
#undef INT_OF
}

static void test_dates(void **state) {
    (void)state;
    int64_t v = 0;
    const char *why = NULL;
#define DATE_OF(text, format) (cell_date(text, strlen(text), format, &v, &why))
#define TIME_OF(text, format) (cell_time(text, strlen(text), format, &v, &why))
    assert_int_equal(DATE_OF("1970-01-01", NULL), CELL_OK);
    assert_int_equal(v, 0);
    assert_int_equal(DATE_OF("2013-01-31", NULL), CELL_OK);
    assert_int_equal(v, 15736);
    assert_int_equal(DATE_OF("1969-12-31 00:00:00", NULL), CELL_OK);
    assert_int_equal(v, -1);
    assert_int_equal(DATE_OF("2000-02-29", NULL), CELL_OK);
    assert_int_equal(DATE_OF("1900-02-29", NULL), CELL_BAD);
    assert_string_equal(why, "there is no such day");
    assert_int_equal(DATE_OF("2013-13-01", NULL), CELL_BAD);
    assert_int_equal(DATE_OF("2013-00-10", NULL), CELL_BAD);
    assert_int_equal(DATE_OF("2013-1-1", NULL), CELL_BAD);
    assert_int_equal(DATE_OF("2013-01-31 05:00", NULL), CELL_BAD);
    assert_string_equal(why, "it has a time of day");
    assert_int_equal(DATE_OF("31/01/2013", "%d/%m/%Y"), CELL_OK);
    assert_int_equal(v, 15736);
    assert_int_equal(DATE_OF("01/31/2013", "%d/%m/%Y"), CELL_BAD);
    assert_int_equal(DATE_OF("1 February 2013", "%-d %B %Y"), CELL_OK);
    assert_int_equal(v, 15737);
    assert_int_equal(DATE_OF("Feb 1, 13", "%b %d, %y"), CELL_OK);
    assert_int_equal(v, 15737);
    assert_int_equal(DATE_OF("2013-032", "%Y-%j"), CELL_OK);
    assert_int_equal(v, 15737);
    assert_int_equal(DATE_OF("31/01/2013x", "%d/%m/%Y"), CELL_BAD);
    assert_int_equal(TIME_OF("2013-01-01T06:00:00Z", NULL), CELL_OK);
    assert_true(v == INT64_C(1357020000000000));
    assert_int_equal(TIME_OF("2013-01-01 06:00:00.25", NULL), CELL_OK);
    assert_true(v == INT64_C(1357020000250000));
    assert_int_equal(TIME_OF("2013-01-01T06:00+05:30", NULL), CELL_OK);
    assert_true(v == INT64_C(1357020000000000) - INT64_C(19800000000));
    assert_int_equal(TIME_OF("1969-12-31 23:59:59", NULL), CELL_OK);
    assert_true(v == -1000000);
    assert_int_equal(TIME_OF("2013-01-01 25:00", NULL), CELL_BAD);
    assert_int_equal(TIME_OF("12:30 PM", "%I:%M %p"), CELL_OK);
    assert_true(v == INT64_C(45000000000));
    assert_int_equal(TIME_OF("12:30 am", "%I:%M %p"), CELL_OK);
    assert_true(v == INT64_C(1800000000));
#undef DATE_OF
#undef TIME_OF
    for (int64_t day = -800000; day < 800000; day += 97) {
        int64_t year;
        int month, of_month;
        date_to_civil(day, &year, &month, &of_month);
        assert_true(date_from_civil(year, month, of_month) == day);
    }
}

static void test_utf8(void **state) {
    (void)state;
    assert_null(utf8_invalid("plain ascii, longer than a word", 31));
    assert_null(utf8_invalid("Lu\xC3\xADs \xE2\x82\xAC \xF0\x9F\x8E\xB5", 15));
    static const char *const bad[] = {
        "\xC3",     "\x80", "\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF8\x88\x80\x80",
        "a\xE2\x82"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_non_null(utf8_invalid(bad[i], strlen(bad[i])));
}

/* ---- dictionaries ---- */
static void test_dict(void **state) {
    (void)state;
    Dict *d = dict_new();
    char text[32];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 50000; i++) {
            int n = snprintf(text, sizeof text, "key%d", i * 7);
            assert_int_equal(dict_add(d, text, n), i);
        }
    }
    assert_int_equal(d->count, 50000);
    assert_int_equal(dict_add(d, "", 0), 50000);
    assert_int_equal(dict_find(d, "", 0), 50000);
    assert_int_equal(dict_find(d, "key7", 4), 1);
    assert_int_equal(dict_find(d, "key8", 4), -1);
    assert_string_equal(d->text[3], "key21");
    dict_free(d);
}

/* ---- files ---- */
static void test_types(void **state) {
    (void)state;
    write_text("a.csv", "n,i,b,t,c,d,w\n"
                        "1.5,63,true,007,x,2013-01-31,2013-01-31 06:00:00\n"
                        ".7,63.0,no, pad ,y,1970-01-01,1970-01-01T00:00:01Z\n"
                        ",,,,,,\n"
                        "nan,-1,0,\"\",x,,\n");
    Table *t = read_source(
        "source s from \"a.csv\" { id: rowid, n: num, i: int, b: bool, t: text, c: cat, d: date, w: time };");
    assert_int_equal(t->rows, 4);
    expect_column(t, "id", "1|2|3|4");
    expect_column(t, "n", "1.5|0.69999999999999996|null|null");
    expect_column(t, "i", "63|63|null|-1");
    expect_column(t, "b", "1|0|null|0");
    expect_column(t, "t", "007| pad |null|"); /* "" in quotes is a text */
    expect_column(t, "c", "x|y|null|x");
    expect_column(t, "d", "15736|0|null|null");
    expect_column(t, "w", "1359612000000000|1000000|null|null");
    assert_string_equal(t->name, "s");
    table_free(t);
}

static void test_nulls(void **state) {
    (void)state;
    write_text("n.csv", "a,b,c\nNA,NA,?\n1,?,2\n\"NA\",x,\" NA \"\n-,-,-1\n");
    Table *t =
        read_source("source s from \"n.csv\" (null = \"NA\", null = \"-\") { a: num, b: text, c: num null \"?\" };");
    expect_column(t, "a", "null|1|null|null");
    expect_column(t, "b", "null|?|x|null"); /* ? is null in c only */
    expect_column(t, "c", "null|2|null|-1");
    table_free(t);
    t = read_source("source s from \"n.csv\" (null = (\"NA\" | \"-\" | \"x\")) { b: text };");
    expect_column(t, "b", "null|?|null|null");
    table_free(t);
    t = read_source("source s from \"n.csv\" (null = \"NA\") { b: text };");
    expect_column(t, "b", "null|?|x|-");
    table_free(t);
}

static void test_quoting(void **state) {
    (void)state;
    write_text("q.csv", "\"a,1\",b\r\n\"x, \"\"y\"\"\",1\r\n\"line\nbreak\",2\r\n5\" pipe,3\r\n\"\",4\r\n,5");
    Table *t = read_source("source s from \"q.csv\" { a: text as \"a,1\", b: int };");
    expect_column(t, "a", "x, \"y\"|line\nbreak|5\" pipe||null");
    expect_column(t, "b", "1|2|3|4|5");
    table_free(t);
    write_text("q2.csv", "a;b\n'x;y';1\n\"z\";2\n");
    t = read_source("source s from \"q2.csv\" (quote = \"'\") { a: text, b: int };");
    expect_column(t, "a", "x;y|\"z\"");
    table_free(t);
    write_text("q3.csv", "a,b\n\"x,1\n");
    t = read_source("source s from \"q3.csv\" (quote = \"\") { a: text, b: int };");
    expect_column(t, "a", "\"x");
    table_free(t);
}

static void test_dialects(void **state) {
    (void)state;
    write_text("d.tsv", "a\tb\n1\tx, y\n");
    Table *t = read_source("source s from \"d.tsv\" { b: text, a: int };");
    expect_column(t, "b", "x, y");
    table_free(t);
    write_text("d.csv", "# made by hand\n\n\xEF\xBB\xBF");
    write_text("e.csv", "\xEF\xBB\xBF"
                        "a|b\n1|2,5\n\n3|4,5\n\n");
    t = read_source("source s from \"e.csv\" { a: int, b: text };");
    expect_column(t, "a", "1|3"); /* a blank line is no record */
    expect_column(t, "b", "2,5|4,5");
    table_free(t);
    write_text("f.csv", "made by hand\nsecond line\na,b\n1,2\n");
    t = read_source("source s from \"f.csv\" (skip = 2) { b: int };");
    expect_column(t, "b", "2");
    table_free(t);
    write_text("g.csv", "1,x\n2,y\n");
    t = read_source("source s from \"g.csv\" (header = false) { k: int, v: text, r: rowid };");
    expect_column(t, "v", "x|y");
    expect_column(t, "r", "1|2");
    table_free(t);
    t = read_source("source s from \"g.csv\" (header = false);");
    expect_column(t, "column1", "1|2");
    table_free(t);
    write_text("h.csv", "n\xE9,v\nJos\xE9,1\n");
    t = read_source("source s from \"h.csv\" (encoding = \"latin-1\") { who: text as \"n\xC3\xA9\" };");
    expect_column(t, "who", "Jos\xC3\xA9");
    table_free(t);
    write_text("mac.csv", "a,b\r1,2\r3,4\r");
    t = read_source("source s from \"mac.csv\" { b: int };");
    expect_column(t, "b", "2|4");
    table_free(t);
    write_text("one.csv", "a\n1\n\n3\n");
    t = read_source("source s from \"one.csv\" { a: num };");
    expect_column(t, "a", "1|null|3"); /* of one field, a blank line is an empty one */
    table_free(t);
    write_text("semi.csv", "x;y\n1,5;2\n");
    t = read_source("source s from \"semi.csv\" { x: text, y: int };");
    expect_column(t, "x", "1,5");
    table_free(t);
}

static void test_empty(void **state) {
    (void)state;
    write_text("empty.csv", "");
    write_text("header.csv", "a,b");
    Table *t = read_source("source s from \"header.csv\" { a: int, b: text };");
    assert_int_equal(t->rows, 0);
    table_free(t);
    t = read_source("source s from \"header.csv\";");
    assert_int_equal(t->ncols, 2);
    table_free(t);
    t = read_source("source s from \"empty.csv\" (header = false) { a: int };");
    assert_int_equal(t->rows, 0);
    table_free(t);
    expect_error("source s from \"empty.csv\" { a: int };", "E415", "the file is empty: it has no header line");
    write_text("blank.csv", "\n\n");
    expect_error("source s from \"blank.csv\";", "E415", "no header line");
}

static void test_inference(void **state) {
    (void)state;
    write_text("i.csv", "i,n,b,d,w,t,code,none,mix,`odd name`\n"
                        "1,1,true,2013-01-31,2013-01-31T05:00:00Z,x,0114709,,1,q\n"
                        "-5,2.5,FALSE,2013-02-01,2013-01-31 05:00,5,12,,x,q\n"
                        ",,,,,,,,,\n");
    const SourceDecl *decl = parse_source("source s from \"i.csv\";");
    TableOptions options = {.base_dir = folder, .threads = 4};
    int ncols;
    ColumnDecl *cols;
    assert_true(table_schema(arena, ds, decl, &options, &ncols, &cols));
    static const TypeKind expected[] = {TY_INT,  TY_NUM,  TY_BOOL, TY_DATE, TY_TIME,
                                        TY_TEXT, TY_TEXT, TY_TEXT, TY_TEXT, TY_TEXT};
    assert_int_equal(ncols, 10);
    for (int i = 0; i < ncols; i++) assert_int_equal(cols[i].type, expected[i]);
    Table *t = read_source("source s from \"i.csv\";");
    expect_column(t, "code", "0114709|12|null"); /* leading zeros are kept */
    expect_column(t, "mix", "1|x|null");
    expect_column(t, "w", "1359608400000000|1359608400000000|null");
    table_free(t);
}

static void test_wanted(void **state) {
    (void)state;
    write_text("w.csv", "a,b\n1,bad\n2,worse\n");
    const bool wanted[] = {true, false};
    Table *t = read_with("source s from \"w.csv\" { a: int, b: num };", 1, wanted, folder);
    assert_non_null(t);
    expect_column(t, "a", "1|2");
    assert_null(t->cols[1].num);
    table_free(t);
    /* two columns of the script may read one of the file */
    t = read_source("source s from \"w.csv\" { a: int, again: text as \"a\" };");
    expect_column(t, "again", "1|2");
    table_free(t);
}

static void test_gzip(void **state) {
    (void)state;
    write_gzip("z.csv.gz", "a,b\n1,x\n2,y\n");
    Table *t = read_source("source s from \"z.csv.gz\" { a: int, b: text };");
    expect_column(t, "b", "x|y");
    table_free(t);
    /* members one after the other are one text; gzip is told by its bytes */
    char command[256];
    snprintf(command, sizeof command,
             "cd %s && printf 'a,b\\n1,x\\n' | gzip > m.csv && printf '2,y\\n' | gzip >> m.csv", folder);
    assert_int_equal(system(command), 0);
    t = read_source("source s from \"m.csv\" { a: int, b: text };");
    expect_column(t, "a", "1|2");
    table_free(t);
    snprintf(command, sizeof command, "cd %s && head -c 25 z.csv.gz > cut.csv.gz", folder);
    assert_int_equal(system(command), 0);
    expect_error("source s from \"cut.csv.gz\" { a: int };", "E451", "ends too early");
    write_text("not.csv.gz", "a,b\n1,2\n");
    expect_error("source s from \"not.csv.gz\" { a: int };", "E451", "does not begin as one");
    write_bytes("broken.csv.gz", "\x1F\x8B\x08\0\0\0\0\0\0\3garbage that is no deflate stream", 43);
    expect_error("source s from \"broken.csv.gz\" { a: int };", "E451", "damaged");
    write_gzip("bad.csv.gz", "a,b\n1,\"two\nlines\"\nx,y\n");
    expect_error("source s from \"bad.csv.gz\" { a: int, b: text };", "E417",
                 "bad.csv.gz:4:", "column `a`: \"x\" is not an int");
}

/* The number of threads changes nothing, also where quoted line ends make the first cut wrong. */
static void test_threads(void **state) {
    (void)state;
    Buf b = {0};
    buf_puts(&b, "k,name,v\n");
    for (int i = 0; i < 150000; i++) {
        const char *odd = i % 1000 == 17 ? "5\" pipe" : i % 7 == 0 ? "\"quoted,\n\"\"text\"\"\nover lines\"" : "plain";
        buf_printf(&b, "%d,%s%s,%d.25\n", i, odd, i % 11 == 0 && i % 7 && i % 1000 != 17 ? "er" : "", i % 100);
    }
    write_bytes("big.csv", b.data, b.len);
    buf_free(&b);
    const char *script = "source s from \"big.csv\" { k: int, name: text, v: num };";
    Table *one = read_with(script, 1, NULL, folder);
    assert_non_null(one);
    assert_int_equal(one->rows, 150000);
    for (int threads = 2; threads <= 7; threads++) {
        Table *t = read_with(script, threads, NULL, folder);
        assert_non_null(t);
        assert_int_equal(t->rows, one->rows);
        assert_int_equal(t->cols[1].dict->count, one->cols[1].dict->count);
        assert_memory_equal(t->cols[0].ints, one->cols[0].ints, (size_t)one->rows * 8);
        assert_memory_equal(t->cols[1].codes, one->cols[1].codes, (size_t)one->rows * 4);
        assert_memory_equal(t->cols[2].num, one->cols[2].num, (size_t)one->rows * 8);
        for (int32_t i = 0; i < one->cols[1].dict->count; i++)
            assert_string_equal(t->cols[1].dict->text[i], one->cols[1].dict->text[i]);
        table_free(t);
    }
    table_free(one);
}

/* ---- errors ---- */
static void test_bad_cells(void **state) {
    (void)state;
    write_text("c.csv", "age,ca,d,n\n63,0,2013-01-31,1\n\"6\n4\",?,31/01/2013,\n28,?,2013-02-30,2.5\n");
    expect_error("source s from \"c.csv\" { ca: num };", "E417", "c.csv:4: error", "column `ca`: \"?\" is not a num",
                 "2 cells of this column cannot be read", "write `ca: num null \"?\"`");
    expect_error("source s from \"c.csv\" { age: int };", "E417", "c.csv:3: error", "\"6\\x0A4\" is not an int");
    expect_error("source s from \"c.csv\" { d: date };", "E417", "c.csv:4: error", "\"31/01/2013\" is not a date",
                 "date(\"%d/%m/%Y\")");
    expect_error("source s from \"c.csv\" { d: date(\"%d/%m/%Y\") };", "E417", "c.csv:2: error",
                 "the declared format is \"%d/%m/%Y\"");
    expect_error("source s from \"c.csv\" { n: int };", "E417", "c.csv:5: error",
                 "\"2.5\" is not an int: it has a fractional part");
    expect_error("source s from \"c.csv\" { n: num not null };", "E414", "c.csv:4: error",
                 "column `n` is null, but declared not null");
    expect_error("source s from \"c.csv\" { ca: num, n: num not null };", "E414", "error[E417]");
    expect_error("source s from \"c.csv\" { d: bool };", "E417", "c.csv:2: error", "is not a bool");
}

static void test_bad_headers(void **state) {
    (void)state;
    write_text("h.csv", "\ntailnum,seats,x,x\nN1,2,3,4\n");
    expect_error("source s from \"h.csv\" { tailnm: text };", "E415", "h.csv:2: error",
                 "no column is headed \"tailnm\"", "did you mean \"tailnum\"?");
    expect_error("source s from \"h.csv\" { weight: num };", "E415", "the file has: tailnum, seats, x, x");
    expect_error("source s from \"h.csv\" { x: num };", "E415", "the header \"x\" occurs twice: fields 3 and 4");
    expect_error("source s from \"h.csv\";", "E415", "occurs twice");
    Table *t = read_source("source s from \"h.csv\" { seats: int };"); /* what is not read does no harm */
    table_free(t);
    expect_error("source s from \"h.csv\" (header = false) { a: text };", "E415",
                 "the lines have 4 fields, but 1 column is declared");
    expect_error("source s from \"h.csv\" (skip = 9) { a: text };", "E415", "ends within the lines to skip");
    expect_error("source s from \"h.csv\" { seats: vector(2) };", "E456", "a CSV file has no vector columns");
}

static void test_ragged(void **state) {
    (void)state;
    write_text("r.csv", "a,b,c\n1,2,3\n\"x\ny\",2,3\n1,2\n1,2,3,4\n");
    expect_error("source s from \"r.csv\" { a: text };", "E416", "r.csv:5: error",
                 "this row has 2 fields, the header 3", "2 rows have another number of fields");
    write_text("u.csv", "a,b\n1,2\n\"never closed,2\n3,4\n");
    expect_error("source s from \"u.csv\" { a: text };", "E416", "u.csv:3: error", "never closed");
    write_text("v.csv", "a,b\n1,2\n\"x\"y,2\n");
    expect_error("source s from \"v.csv\" { a: text };", "E416", "v.csv:3: error", "text follows the closing quote");
}

static void test_bad_bytes(void **state) {
    (void)state;
    write_bytes("nul.csv", "a,b\n1,2\n3,\0\n", 12);
    expect_error("source s from \"nul.csv\" { a: int };", "E418", "nul.csv:3: error", "NUL byte");
    write_text("bytes.csv", "a,b\nx,1\ny,1\nJos\xE9,2\n");
    expect_error("source s from \"bytes.csv\" { a: text };", "E418", "bytes.csv:4: error",
                 "not valid UTF-8 (byte \\xE9)", "latin-1");
    write_bytes("wide.csv",
                "\xFF\xFE"
                "a\0,\0b\0\n\0",
                10);
    expect_error("source s from \"wide.csv\" { a: text };", "E418", "UTF-16");
    write_bytes("nulhead.csv", "a\0,b\n1,2\n", 9);
    expect_error("source s from \"nulhead.csv\" { b: int };", "E418", "NUL byte in the header");
}

static void test_bad_files(void **state) {
    (void)state;
    write_text("planes.csv", "a\n1\n");
    expect_error("source s from \"plane.csv\" { a: int };", "E450", "there is no such file",
                 "did you mean `planes.csv`?");
    expect_error("source s from \"nowhere/planes.csv\" { a: int };", "E450", "there is no such file");
    assert_int_equal(mkdir(in_folder("dir.csv"), 0777), 0);
    expect_error("source s from \"dir.csv\" { a: int };", "E450", "a folder");
    expect_error("source s from \"planes.xls\" { a: int };", "E455", "the ending of \"planes.xls\"");
    expect_error("source s from \"shop.db\" { a: int };", "E455", "sqlite:shop.db?table=NAME");
    expect_error("source s from \"https://example.org/x.csv\" { a: int };", "E455", "is not a file of this machine");
    if (geteuid() == 0) {
        print_message("skipped: an unreadable file: root may read every file\n");
    } else {
        assert_int_equal(chmod(in_folder("planes.csv"), 0), 0);
        expect_error("source s from \"planes.csv\" { a: int };", "E450", "Permission denied");
    }
}

static void test_bad_options(void **state) {
    (void)state;
    write_text("o.csv", "a\n1\n");
    expect_error("source s from \"o.csv\" (delimter = \";\") { a: int };", "E455", "no option `delimter`",
                 "did you mean `delimiter`?");
    expect_error("source s from \"o.csv\" (delimiter = \"||\") { a: int };", "E455", "one ASCII character");
    expect_error("source s from \"o.csv\" (skip = -1) { a: int };", "E455", "`skip`");
    expect_error("source s from \"o.csv\" (header = \"yes\") { a: int };", "E455", "true or false");
    expect_error("source s from \"o.csv\" (encoding = \"ebcdic\") { a: int };", "E455", "latin-1");
    expect_error("source s from \"o.csv\" { a: date(\"%Q\") };", "E455", "a letter after % that is not known");
    expect_error("source s from \"o.csv\" { a: date(\"%d/%m\") };", "E455", "a date needs a year");
}

static jmp_buf exhausted;
static void on_exhaustion(size_t bytes) {
    (void)bytes;
    longjmp(exhausted, 1);
}

/* Every allocation of a small read fails once: an explained error or main's way out, never a crash or half a table. */
static void test_failing_memory(void **state) {
    (void)state;
    write_gzip("m.csv.gz", "a,b,d\n1,x,2013-01-01\n2,\"y\"\"z\",2013-01-02\n");
    const SourceDecl *decl = parse_source("source s from \"m.csv.gz\" { a: num, b: text, d: date };");
    TableOptions options = {.base_dir = folder, .threads = 2};
    volatile int explained = 0, left = 0;
    mem_on_exhaustion(on_exhaustion);
    for (volatile int64_t n = 1; n < 500; n++) {
        ds = diags_new(arena);
        if (setjmp(exhausted)) {
            left++;
            continue;
        }
        mem_fail_after(n);
        Table *t = table_read(ds, decl, &options);
        mem_fail_after(-1);
        if (t) {
            assert_int_equal(diag_error_count(ds), 0);
            expect_column(t, "b", "x|y\"z");
            table_free(t);
            break;
        }
        assert_string_equal(diag_last_code(ds), "E402");
        explained++;
    }
    mem_on_exhaustion(NULL);
    assert_true(explained > 10);
    assert_true(left > 0);
}

static void test_failing_dict(void **state) {
    (void)state;
    int failures = 0;
    for (int64_t n = 1; n < 200; n++) {
        mem_fail_after(n);
        Dict *d = dict_new();
        int32_t last = 0;
        for (int i = 0; d && i < 3000 && last >= 0; i++) {
            char text[16];
            last = dict_add(d, text, snprintf(text, sizeof text, "%d", i));
        }
        mem_fail_after(-1);
        failures += !d || last == -2;
        int32_t count = d ? d->count : 0;
        if (d && last == -2) assert_int_equal(dict_add(d, "again", 5), count); /* still usable */
        dict_free(d);
    }
    assert_true(failures > 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TABLE_TEST(test_numbers),      TABLE_TEST(test_numbers_round_trip),
        TABLE_TEST(test_integers),     TABLE_TEST(test_dates),
        TABLE_TEST(test_utf8),         TABLE_TEST(test_dict),
        TABLE_TEST(test_types),        TABLE_TEST(test_nulls),
        TABLE_TEST(test_quoting),      TABLE_TEST(test_dialects),
        TABLE_TEST(test_empty),        TABLE_TEST(test_inference),
        TABLE_TEST(test_wanted),       TABLE_TEST(test_gzip),
        TABLE_TEST(test_threads),      TABLE_TEST(test_bad_cells),
        TABLE_TEST(test_bad_headers),  TABLE_TEST(test_ragged),
        TABLE_TEST(test_bad_bytes),    TABLE_TEST(test_bad_files),
        TABLE_TEST(test_bad_options),  TABLE_TEST(test_failing_memory),
        TABLE_TEST(test_failing_dict),
    };
    return cmocka_run_group_tests(tests, table_setup, table_teardown);
}
