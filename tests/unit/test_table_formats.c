/* test_table_formats.c: Matrix Market, SQLite, Parquet and JSON sources, and files written and read back. */
#include "tests/unit/table_testing.h"

#include "backends/runtime/table_private.h"

#include <dirent.h>
#include <math.h>
#include <sqlite3.h>

static bool have_duckdb(void) {
    const char *why;
    if (table_duckdb_available(NULL, &why)) return true;
    print_message("skipped: Parquet and JSON: %s\n", why);
    return false;
}

/* ---- Matrix Market ---- */
static void test_mtx_kinds(void **state) {
    (void)state;
    write_text("p.mtx",
               "%%MatrixMarket matrix coordinate pattern general\n% made by hand\n\n3 5 4\n1 1\n3 5\n3 2\n1 4\n");
    Table *t = read_source("source s from \"p.mtx\" { id: rowid, x: vector(5) };");
    assert_int_equal(t->rows, 3);
    expect_column(t, "id", "1|2|3");
    expect_column(t, "x", "1 0 0 1 0|0 0 0 0 0|0 1 0 0 1");
    assert_int_equal(t->cols[1].matrix->kind, MAT_DENSE); /* 4 of 15 cells are more than a quarter */
    table_free(t);
    write_text("q.mtx", "%%MatrixMarket matrix coordinate pattern general\r\n3 6 4\r\n1 1\r\n3 5\r\n3 2\r\n1 4\r\n");
    t = read_source("source s from \"q.mtx\" { x: vector };");
    assert_int_equal(t->cols[0].matrix->kind, MAT_CSR);
    assert_null(t->cols[0].matrix->values);
    expect_column(t, "x", "1 0 0 1 0 0|0 0 0 0 0 0|0 1 0 0 1 0");
    table_free(t);
    write_text("r.mtx", "%%MatrixMarket MATRIX Coordinate Real General\n2 9 3\n2 9 -1.5e2\n1 3 .5\n2 1 7\n");
    t = read_source("source s from \"r.mtx\" { x: vector(9) };");
    assert_int_equal(t->cols[0].matrix->kind, MAT_CSR);
    expect_column(t, "x", "0 0 0.5 0 0 0 0 0 0|7 0 0 0 0 0 0 0 -150");
    table_free(t);
    write_text("i.mtx", "%%MatrixMarket matrix coordinate integer symmetric\n3 3 3\n1 1 4\n2 1 -3\n3 2 9\n");
    t = read_source("source s from \"i.mtx\" { x: vector(3) };");
    expect_column(t, "x", "4 -3 0|-3 0 9|0 9 0");
    table_free(t);
    write_text("k.mtx", "%%MatrixMarket matrix coordinate real skew-symmetric\n3 3 2\n2 1 5\n3 1 -2\n");
    t = read_source("source s from \"k.mtx\" { x: vector(3) };");
    expect_column(t, "x", "0 -5 2|5 0 0|-2 0 0");
    table_free(t);
    write_text("a.mtx", "%%MatrixMarket matrix array real general\n2 3\n1\n2\n3\n4\n5\n6.5\n");
    t = read_source("source s from \"a.mtx\" { x: vector(3) };");
    expect_column(t, "x", "1 3 5|2 4 6.5"); /* column after column */
    table_free(t);
    write_text("as.mtx", "%%MatrixMarket matrix array integer symmetric\n2 2\n1\n2\n3\n");
    t = read_source("source s from \"as.mtx\" { x: vector(2) };");
    expect_column(t, "x", "1 2|2 3");
    table_free(t);
    write_gzip("z.mtx.gz", "%%MatrixMarket matrix coordinate real general\n2 1 2\n1 1 23\n2 1 28\n");
    t = read_source("source s from \"z.mtx.gz\" { v: num };");
    expect_column(t, "v", "23|28"); /* one column may be a number */
    table_free(t);
    t = read_source("source s from \"z.mtx.gz\";");
    expect_column(t, "rowid", "1|2");
    expect_column(t, "x", "23|28");
    table_free(t);
    write_text("none.mtx", "%%MatrixMarket matrix coordinate real general\n0 4 0\n");
    t = read_source("source s from \"none.mtx\" { x: vector(4) };");
    assert_int_equal(t->rows, 0);
    table_free(t);
}

static void test_mtx_schema(void **state) {
    (void)state;
    write_text("w.mtx", "%%MatrixMarket matrix coordinate pattern general\n3 5 1\n1 1\n");
    TableOptions options = {.base_dir = folder, .threads = 1};
    int n;
    ColumnDecl *cols;
    assert_true(table_schema(arena, ds, parse_source("source s from \"w.mtx\";"), &options, &n, &cols));
    assert_int_equal(n, 2);
    assert_int_equal(cols[1].type, TY_VECTOR);
    assert_int_equal(cols[1].width, 5);
}

static void test_mtx_errors(void **state) {
    (void)state;
#define MTX_ERROR(text, ...)                                                                                           \
    (write_text("e.mtx", text), expect_error("source s from \"e.mtx\" { x: vector(3) };", "E453", __VA_ARGS__))
#define BANNER "%%MatrixMarket matrix coordinate real general\n"
    MTX_ERROR("1 2 3\n", "e.mtx:1: error", "does not begin with %%MatrixMarket");
    MTX_ERROR("", "does not begin");
    MTX_ERROR("%%MatrixMarket vector coordinate real general\n", "is not a matrix");
    MTX_ERROR("%%MatrixMarket matrix coordinate complex general\n", "complex numbers");
    MTX_ERROR("%%MatrixMarket matrix array pattern general\n", "neither real, integer");
    MTX_ERROR("%%MatrixMarket matrix coordinate real hermitian\n", "symmetry");
    MTX_ERROR(BANNER "% c\n2 3\n", "e.mtx:3: error", "the size line");
    MTX_ERROR(BANNER "2 3 2\n1 1 5\n3 1 5\n", "e.mtx:4: error", "entry (3, 1) lies outside the 2 x 3 matrix");
    MTX_ERROR(BANNER "2 3 2\n1 1 5\n0 1 5\n", "e.mtx:4: error", "outside");
    MTX_ERROR(BANNER "2 3 3\n1 1 5\n2 2 5\n% again\n1 1 6\n", "e.mtx:6: error", "the entry (1, 1) was given before");
    MTX_ERROR(BANNER "2 3 3\n1 1 5.000000\n2 2 5\n", "e.mtx:5: error", "ends after 2 of 3 entries");
    MTX_ERROR(BANNER "2 3 1\n1 1 5\n2 2 5\n", "e.mtx:4: error", "goes on after the 1 entries");
    MTX_ERROR(BANNER "2 3 1\n1 1\n", "e.mtx:2: error", "too short");
    MTX_ERROR(BANNER "2 3 1\n1 1       \n", "e.mtx:3: error", "a number was expected");
    MTX_ERROR(BANNER "2 3 1\n1 1 5x\n", "e.mtx:3: error", "\"5x\"");
    MTX_ERROR(BANNER "2 3 1\n1 1 nan\n", "e.mtx:3: error", "\"nan\"");
    MTX_ERROR(BANNER "2 3 1\n1 1 5 6\n", "e.mtx:3: error", "three numbers");
    MTX_ERROR(BANNER "2 3 999999999999\n1 1 5\n", "e.mtx:2: error", "too short to hold them");
    MTX_ERROR(BANNER "99999999999 3 0\n", "e.mtx:2: error", "too large");
    MTX_ERROR("%%MatrixMarket matrix coordinate integer general\n1 3 1\n1 1 2.5\n", "e.mtx:3: error", "not an integer");
    MTX_ERROR("%%MatrixMarket matrix coordinate real symmetric\n2 3 0\n", "is square");
    MTX_ERROR("%%MatrixMarket matrix coordinate real symmetric\n3 3 2\n2 1 5\n1 2 5\n", "e.mtx:4: error",
              "given before");
    MTX_ERROR("%%MatrixMarket matrix coordinate real skew-symmetric\n3 3 1\n2 2 5\n", "e.mtx:3: error", "diagonal");
    MTX_ERROR("%%MatrixMarket matrix array real general\n1 3\n1\n2\n\n\n\n", "ends after 2 of 3");
    MTX_ERROR("%%MatrixMarket matrix array real general\n1 3\n1\n2\n3\n4\n", "e.mtx:6: error", "goes on after the 3");
    write_text("f.mtx", BANNER "2 3 1\n1 1 5\n");
    expect_error("source s from \"f.mtx\" { x: vector(4) };", "E454", "declared vector(4)", "has 3 columns",
                 "vector(3)");
    expect_error("source s from \"f.mtx\" { x: vector(3), y: num };", "E456", "`y`");
    expect_error("source s from \"f.mtx\" { x: num };", "E456", "`x`");
    expect_error("source s from \"f.mtx\" (header = true) { x: vector(3) };", "E455", "no meaning");
#undef BANNER
#undef MTX_ERROR
}

/* ---- SQLite ---- */
static void make_database(const char *name, const char *sql) {
    sqlite3 *db;
    assert_int_equal(sqlite3_open(in_folder(name), &db), SQLITE_OK);
    char *error = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK) fail_msg("%s", error);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_sqlite(void **state) {
    (void)state;
    make_database(
        "d.db", "create table \"odd \"\"name\" (i integer, n real, t text, d text, b integer, mix);"
                "insert into \"odd \"\"name\" values (1, 2, 'x', '2013-01-31', 1, 1), (null, null, '', null, 0, 'two'),"
                "(-5, 0.5, '007', '1970-01-01', null, 2.5);");
    Table *t = read_source(
        "source s from \"sqlite:d.db?table=odd%20%22name\" { r: rowid, i: int, n: num, t: text, d: date, b: bool };");
    assert_int_equal(t->rows, 3);
    expect_column(t, "r", "1|2|3");
    expect_column(t, "i", "1|null|-5");
    expect_column(t, "n", "2|null|0.5");
    expect_column(t, "t", "x||007"); /* an empty text is not null */
    expect_column(t, "d", "15736|null|0");
    expect_column(t, "b", "1|0|null");
    table_free(t);
    t = read_source("source s from \"sqlite:d.db?query=select n, t as label from 'odd \\\"name' where n %2B 1 > 2\" { "
                    "n: num, label: text };");
    expect_column(t, "label", "x");
    table_free(t);
    t = read_source("source s from \"sqlite:d.db?table=odd%20%22name\";");
    static const TypeKind expected[] = {TY_INT, TY_NUM, TY_TEXT, TY_DATE, TY_INT, TY_TEXT};
    for (int i = 0; i < t->ncols; i++) assert_int_equal(t->cols[i].type, expected[i]);
    expect_column(t, "mix", "1|two|2.5");
    table_free(t);
    make_database("null.db", "create table m (i integer, n real, t text);"
                             "insert into m values (-999, -999.0, '-999'), (1, 2.5, 'x');");
    t = read_source("source s from \"sqlite:null.db?table=m\" (null = \"-999\") { i: int, n: num, t: text };");
    expect_column(t, "i", "null|1");
    expect_column(t, "n", "null|2.5");
    expect_column(t, "t", "null|x");
    table_free(t);
    make_database("many.db", "create table m (k integer, v text); with recursive c(i) as (select 1 union all select i "
                             "+ 1 from c where i < 5000)"
                             " insert into m select i, 'v' || (i % 10) from c;");
    t = read_source("source s from \"sqlite:many.db?table=m\" { k: int, v: cat, r: rowid };");
    assert_int_equal(t->rows, 5000);
    assert_int_equal(t->cols[1].dict->count, 10);
    assert_int_equal(t->cols[0].ints[4999], 5000);
    assert_int_equal(t->cols[2].ints[4999], 5000);
    table_free(t);
}

static void test_sqlite_errors(void **state) {
    (void)state;
    make_database(
        "e.db",
        "create table orders (id integer, total real); insert into orders values (1, 2.5), (2, 'x'), (3, null);");
    expect_error("source s from \"sqlite:e.db?table=order\" { id: int };", "E452", "no such table",
                 "did you mean the table `orders`?");
    expect_error("source s from \"sqlite:e.db?table=orders\" { idd: int };", "E415", "no column `idd`",
                 "did you mean `id`?");
    expect_error("source s from \"sqlite:e.db?table=orders\" { total: num };", "E417",
                 "row 2, column `total`: \"x\" is not a num", "null \"x\"");
    expect_error("source s from \"sqlite:e.db?table=orders\" { total: num null \"x\" not null };", "E414",
                 "row 2, column `total` is null", "2 cells");
    expect_error("source s from \"sqlite:e.db?query=select total as id from orders where total = 2.5\" { id: int };",
                 "E417", "fractional");
    expect_error("source s from \"sqlite:e.db?query=select * from nowhere\" { id: int };", "E452",
                 "no such table: nowhere");
    expect_error("source s from \"sqlite:e.db?query=delete from orders\" { id: int };", "E452",
                 "not one that returns rows");
    expect_error("source s from \"sqlite:e.db?query=select 1 as a; select 2\" { a: int };", "E452", "one SELECT");
    expect_error("source s from \"sqlite:e.db\" { id: int };", "E455", "which table");
    expect_error("source s from \"sqlite:e.db?table=a%2\" { id: int };", "E455", "%-escape");
    expect_error("source s from \"sqlite:ee.db?table=orders\" { id: int };", "E450", "there is no such file",
                 "did you mean `e.db`?");
    write_text("g.db", "this is long enough to be told from a database file by its very first bytes\n");
    expect_error("source s from \"sqlite:g.db?table=orders\" { id: int };", "E452", "not an SQLite file");
}

/* ---- writing ---- */
static int files_in_folder(void) {
    DIR *d = opendir(folder);
    assert_non_null(d);
    int n = 0;
    for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] == '.' && strstr(e->d_name, ".tmp") != NULL;
    closedir(d);
    return n;
}

/* One table with every type, nulls and awkward values. */
static Table *every_type(void) {
    write_text("all.csv", "n,i,b,t,d,w\n0.1,1,true,\"a,b\",2013-01-31,2013-01-31 06:00:00\n"
                          "1e300,-9007199254740993,false,\"\",1969-12-31,1969-12-31 23:59:59.25\n"
                          ",,,,,\n-0,0,true,\"q\"\"\nr\",0099-03-01,0099-03-01 00:00:00\n"
                          "inf,7,false,long enough not to be inlined \xE2\x82\xAC,2000-02-29,2000-02-29 12:00:00\n"
                          "0.30000000000000004,8,false,x,2000-02-29,2000-02-29 12:00:00\n123456789012,9,true,y,,\n");
    return read_source("source s from \"all.csv\" { r: rowid, n: num, i: int, b: bool, t: text, d: date, w: time };");
}

static void expect_same(const Table *a, const Table *b, int skip) {
    assert_int_equal(a->rows, b->rows);
    for (int i = skip; i < a->ncols; i++)
        assert_string_equal(column_text(a, a->cols[i].name), column_text(b, a->cols[i].name));
}

static void test_write_csv(void **state) {
    (void)state;
    Table *t = every_type();
    int64_t bytes = 0;
    assert_true(table_write(ds, (Span){0}, t, in_folder("out.csv"), &bytes));
    char *text = file_text("out.csv");
    assert_int_equal(bytes, strlen(text));
    assert_non_null(strstr(text, "r,n,i,b,t,d,w\n1,0.1,1,true,\"a,b\",2013-01-31,2013-01-31 06:00:00\n"));
    assert_non_null(strstr(text, "\n2,1e+300,-9007199254740993,false,\"\",1969-12-31,1969-12-31 23:59:59.250000\n"));
    assert_non_null(strstr(text, "\n3,,,,,,\n4,-0,0,true,\"q\"\"\nr\",0099-03-01,"));
    assert_non_null(strstr(text, "\n6,0.30000000000000004,8,"));
    assert_non_null(strstr(text, "\n7,123456789012,9,"));
    Table *u = read_source("source s from \"out.csv\" { r: int, n: num, i: int, b: bool, t: text, d: date, w: time };");
    expect_same(t, u, 0);
    table_free(u);
    table_free(t);
    assert_int_equal(files_in_folder(), 0);
}

static void test_write_numbers(void **state) {
    (void)state;
    enum { N = 20000 };
    double *x = mem_alloc(N * sizeof *x);
    for (int i = 0; i < N; i++) {
        uint64_t bits = rng_u64(3, 1, (uint64_t)i);
        memcpy(&x[i], &bits, sizeof *x);
        if (i % 3 == 0) x[i] = (double)(bits % 1000000) / 100;
    }
    Column c = {.name = "x", .type = TY_NUM, .num = x};
    Table *t = table_from_columns("t", N, 1, &c);
    assert_non_null(t);
    assert_true(table_write(ds, (Span){0}, t, in_folder("x.csv"), NULL));
    Table *u = read_source("source s from \"x.csv\" { x: num };");
    assert_int_equal(u->rows, N); /* a null of a table of one column is a blank line */
    for (int i = 0; i < N; i++)
        if (u->cols[0].num[i] != x[i] && !(isnan(x[i]) && isnan(u->cols[0].num[i])))
            fail_msg("%.17g came back as %.17g", x[i], u->cols[0].num[i]);
    table_free(t);
    table_free(u);
    mem_free(x);
}

static void test_write_vector(void **state) {
    (void)state;
    write_text("v.mtx", "%%MatrixMarket matrix coordinate real general\n2 3 2\n1 1 1.5\n2 3 2\n");
    Table *t = read_source("source s from \"v.mtx\" { x: vector(3), k: rowid };");
    assert_true(table_write(ds, (Span){0}, t, in_folder("v.csv"), NULL));
    assert_string_equal(file_text("v.csv"), "x[1],x[2],x[3],k\n1.5,0,0,1\n0,0,2,2\n");
    if (have_duckdb()) {
        assert_true(table_write(ds, (Span){0}, t, in_folder("v.parquet"), NULL));
        Table *u = read_source("source s from \"v.parquet\" { x: vector(3), k: int };");
        expect_same(t, u, 0);
        table_free(u);
        expect_error("source s from \"v.parquet\" { x: vector(4) };", "E454",
                     "row 1, column `x`: 3 numbers, but vector(4)");
    }
    table_free(t);
}

static void test_write_errors(void **state) {
    (void)state;
    write_text("one.csv", "a\n1\n");
    Table *t = read_source("source s from \"one.csv\" { a: int };");
    assert_false(table_write(ds, (Span){0}, t, in_folder("no/such/out.csv"), NULL));
    assert_string_equal(diag_last_code(ds), "E440");
    assert_false(table_write(ds, (Span){0}, t, in_folder("out.xlsx"), NULL));
    assert_false(table_write(ds, (Span){0}, t, folder, NULL));
    assert_int_equal(mkdir(in_folder("d.csv"), 0777), 0);
    assert_false(table_write(ds, (Span){0}, t, in_folder("d.csv"), NULL));
    assert_int_equal(diag_error_count(ds), 4);
    table_free(t);
    /* what was there stays when writing fails, and temporaries can be removed at any time */
    TempFile temp;
    int fd;
    write_text("kept.txt", "old");
    assert_true(temp_create(ds, (Span){0}, in_folder("kept.txt"), &temp, &fd));
    assert_int_equal(files_in_folder(), 1);
    file_cleanup_temporaries();
    assert_int_equal(files_in_folder(), 0);
    assert_int_equal(close(fd), 0);
    assert_false(temp_commit(ds, (Span){0}, &temp, in_folder("kept.txt")));
    assert_string_equal(file_text("kept.txt"), "old");
    assert_true(file_write_atomic(ds, (Span){0}, in_folder("kept.txt"), "new", 3));
    assert_string_equal(file_text("kept.txt"), "new");
    assert_int_equal(files_in_folder(), 0);
}

/* ---- Parquet and JSON ---- */
static void test_parquet(void **state) {
    (void)state;
    if (!have_duckdb()) return;
    Table *t = every_type();
    int64_t bytes = 0;
    assert_true(table_write(ds, (Span){0}, t, in_folder("all.parquet"), &bytes));
    assert_true(bytes > 100);
    Table *u =
        read_source("source s from \"all.parquet\" { r: int, n: num, i: int, b: bool, t: text, d: date, w: time };");
    expect_same(t, u, 0);
    table_free(u);
    u = read_source("source s from \"all.parquet\";");
    for (int i = 1; i < t->ncols; i++) assert_int_equal(t->cols[i].type, u->cols[i].type);
    expect_same(t, u, 0);
    table_free(u);
    u = read_source(
        "source s from \"all.parquet\" { when: text as \"d\", day: time as \"d\", truth: num as \"b\", k: rowid };");
    expect_column(u, "when", "2013-01-31|1969-12-31|null|0099-03-01|2000-02-29|2000-02-29|null");
    expect_column(u, "truth", "1|0|null|1|0|0|1");
    assert_true(u->cols[1].ints[0] == INT64_C(1359590400000000));
    table_free(u);
    expect_error("source s from \"all.parquet\" { n: int };", "E417",
                 "row 1, column `n`: \"0.1\" is not an int: it has a fractional part");
    expect_error("source s from \"all.parquet\" { i: num };", "E417",
                 "\"-9007199254740993\" is not a num: a num would round it");
    expect_error("source s from \"all.parquet\" { i: bool };", "E417", "row 2");
    expect_error("source s from \"all.parquet\" { w: date };", "E417",
                 "row 1, column `w`: \"2013-01-31 06:00:00.000000\" is not a date", "time of day");
    expect_error("source s from \"all.parquet\" { n: date };", "E456",
                 "column `n` is DOUBLE in the file, which cannot be read as date");
    expect_error("source s from \"all.parquet\" { nn: num };", "E415", "there is no column `nn`");
    expect_error("source s from \"all.parquet\" { t: text not null };", "E414", "row 3");
    expect_error("source s from \"all.parquet\" (header = true) { n: num };", "E455", "no meaning");
    write_text("fake.parquet", "no parquet at all\n");
    expect_error("source s from \"fake.parquet\" { n: num };", "E452", "fake.parquet");
    expect_error("source s from \"al.parquet\" { n: num };", "E450", "did you mean `all.parquet`?");
    table_free(t);
}

static void test_parquet_rows_in_order(void **state) {
    (void)state;
    if (!have_duckdb()) return;
    enum { N = 300000 };
    int64_t *k = mem_alloc(N * sizeof *k);
    for (int i = 0; i < N; i++) k[i] = i * 7 % 1000003;
    Column c = {.name = "k", .type = TY_INT, .ints = k};
    Table *t = table_from_columns("t", N, 1, &c);
    assert_true(table_write(ds, (Span){0}, t, in_folder("many.parquet"), NULL));
    Table *u = read_source("source s from \"many.parquet\" { k: int };");
    assert_int_equal(u->rows, N);
    assert_memory_equal(u->cols[0].ints, k, N * sizeof *k);
    table_free(t);
    table_free(u);
    mem_free(k);
}

static void test_json(void **state) {
    (void)state;
    if (!have_duckdb()) return;
    write_text("a.json",
               "[{\"a\": 1, \"b\": \"x\", \"d\": \"2013-01-31\", \"v\": [1, 2.5], \"t\": true, \"o\": {\"p\": 1}},\n"
               " {\"a\": 9007199254740993, \"b\": null, \"d\": \"1970-01-01\", \"v\": [3, 4], \"o\": {\"p\": 2}}]\n");
    Table *t = read_source(
        "source s from \"a.json\" { a: int, b: text, d: date, v: vector(2), t: bool, same: text as \"d\" };");
    expect_column(t, "a", "1|9007199254740993");
    expect_column(t, "b", "x|null");
    expect_column(t, "d", "15736|0");
    expect_column(t, "v", "1 2.5|3 4");
    expect_column(t, "t", "1|null");
    expect_column(t, "same", "2013-01-31|1970-01-01");
    table_free(t);
    expect_error("source s from \"a.json\";", "E456", "column `o`");
    expect_error("source s from \"a.json\" { b: num };", "E417", "row 1, column `b`: \"x\" is not a num");
    write_text("b.ndjson", "{\"k\": 1.50, \"when\": \"2013-01-02T05:00:00Z\"}\n{\"k\": 2, \"when\": "
                           "\"2013-01-03T05:00:00Z\"}\n{\"k\": \"NA\"}\n");
    t = read_source("source s from \"b.ndjson\" (null = \"NA\") { k: num, when: text };");
    expect_column(t, "k", "1.5|2|null");
    expect_column(t, "when", "2013-01-02T05:00:00Z|2013-01-03T05:00:00Z|null"); /* as it is written */
    table_free(t);
    write_gzip("c.json.gz", "{\"k\": 1, \"w\": \"u\"}\n{\"k\": 2, \"w\": \"v\"}\n");
    t = read_source("source s from \"c.json.gz\";");
    assert_int_equal(t->cols[0].type, TY_INT);
    expect_column(t, "w", "u|v");
    table_free(t);
    write_text("bad.json", "{\"k\": 1,}{]");
    expect_error("source s from \"bad.json\" { k: int };", "E452", "bad.json");
    write_text("star*.json", "{\"k\": 1}");
    expect_error("source s from \"star*.json\" { k: int };", "E455", "file name");
}

static void test_from_columns(void **state) {
    (void)state;
    double x[] = {1, NAN, 3};
    Column c = {.name = "x", .type = TY_NUM, .num = x};
    Table *t = table_from_columns("t", 3, 1, &c);
    assert_non_null(t);
    x[0] = 9;
    expect_column(t, "x", "1|null|3");
    assert_int_equal(table_find(t, "y"), -1);
    table_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TABLE_TEST(test_mtx_kinds),
        TABLE_TEST(test_mtx_schema),
        TABLE_TEST(test_mtx_errors),
        TABLE_TEST(test_sqlite),
        TABLE_TEST(test_sqlite_errors),
        TABLE_TEST(test_write_csv),
        TABLE_TEST(test_write_numbers),
        TABLE_TEST(test_write_vector),
        TABLE_TEST(test_write_errors),
        TABLE_TEST(test_parquet),
        TABLE_TEST(test_parquet_rows_in_order),
        TABLE_TEST(test_json),
        TABLE_TEST(test_from_columns),
    };
    return cmocka_run_group_tests(tests, table_setup, table_teardown);
}
