/* test_table_data.c: the shared data sets: rows and missing cells as their READMEs say, the same tables from SQLite and
 * CSV, and every CSV cell held against DuckDB's reader. Skipped, with the reason, when ../shared/data is not there. */
#include "tests/unit/table_testing.h"

#include "backends/runtime/duckdb_api.h"

static const char *const data = "../shared/data";

static bool have_data(void) {
    if (!access(data, R_OK)) return true;
    print_message("skipped: the shared data sets: there is no %s\n", data);
    return false;
}

static Table *read_data(const char *script) {
    Table *t = read_with(script, 2, NULL, data);
    if (!t) diag_print(ds, stderr, false);
    assert_non_null(t);
    return t;
}

/* ---- rows and missing cells ---- */
typedef struct DataSet {
    const char *uri, *options;
    int64_t rows;
    int cols;
    const char *missing; /* "ca 4, thal 2", as in the READMEs */
} DataSet;
static const DataSet data_sets[] = {
    {"heart-four-hospitals/cleveland.csv", "", 303, 14, "ca 4, thal 2"},
    {"heart-four-hospitals/hungarian.csv", "(null = \"?\")", 294, 14,
     "trestbps 1, chol 23, fbs 8, restecg 1, thalach 1, exang 1, slope 190, ca 291, thal 266"},
    {"heart-four-hospitals/switzerland.csv", "", 123, 14,
     "trestbps 2, fbs 75, restecg 1, thalach 1, exang 1, oldpeak 6, slope 17, ca 118, thal 52"},
    {"heart-four-hospitals/va.csv", "", 200, 14,
     "trestbps 56, chol 7, fbs 7, thalach 53, exang 53, oldpeak 56, slope 102, ca 198, thal 166"},
    {"chinook/Artist.csv", "", 275, 2, ""},
    {"chinook/Album.csv", "", 347, 3, ""},
    {"chinook/Genre.csv", "", 25, 2, ""},
    {"chinook/MediaType.csv", "", 5, 2, ""},
    {"chinook/Track.csv", "", 3503, 9, "Composer 977"},
    {"chinook/Playlist.csv", "", 18, 2, ""},
    {"chinook/PlaylistTrack.csv", "", 8715, 2, ""},
    {"chinook/Employee.csv", "", 8, 15, "ReportsTo 1"},
    {"chinook/Customer.csv", "", 59, 13, "Company 49, State 29, PostalCode 4, Phone 1, Fax 47"},
    {"chinook/Invoice.csv", "", 412, 9, "BillingState 202, BillingPostalCode 28"},
    {"chinook/InvoiceLine.csv", "", 2240, 5, ""},
    {"nycflights13/flights.csv.gz", "(null = \"NA\")", 336776, 16,
     "dep_time 8255, dep_delay 8255, arr_time 8713, arr_delay 9430, tailnum 2512, air_time 9430, hour 8255, minute "
     "8255"},
    {"nycflights13/planes.csv", "(null = \"NA\")", 3322, 9, "year 70, speed 3299"},
    {"nycflights13/airports.csv", "(null = \"NA\")", 1458, 8, "tzone 3"},
    {"nycflights13/airlines.csv", "(null = \"NA\")", 16, 2, ""},
    {"nycflights13/weather.csv", "(null = \"NA\")", 26115, 15,
     "temp 1, dewp 1, humid 1, wind_dir 460, wind_speed 4, wind_gust 20778, pressure 2729"},
    {"movielens-small/ratings.csv", "", 100836, 4, ""},
    {"movielens-small/movies.csv", "", 9742, 3, ""},
    {"movielens-small/tags.csv", "", 3683, 4, ""},
    {"movielens-small/links.csv", "", 9742, 3, "tmdbId 8"},
    {"er-dblp-acm/dblp.csv", "", 2616, 5, "venue 104, year 106"},
    {"er-dblp-acm/acm.csv", "", 2294, 5, "authors 14"},
    {"er-dblp-acm/matches_dblp_acm.csv", "", 2224, 2, ""},
    {"er-fodors-zagats/fodors.csv", "", 533, 6, "type 1"},
    {"er-fodors-zagats/zagats.csv", "", 331, 6, ""},
    {"er-fodors-zagats/matches_fodors_zagats.csv", "", 112, 2, ""},
    {"hamlet-movie/fact.csv.gz", "", 1000209, 4, ""},
    {"hamlet-walmart/fact.csv.gz", "", 421570, 4, ""},
};

static void test_rows_and_missing(void **state) {
    (void)state;
    if (!have_data()) return;
    for (size_t i = 0; i < sizeof data_sets / sizeof *data_sets; i++) {
        const DataSet *d = &data_sets[i];
        Table *t = read_data(arena_printf(arena, "source s from \"%s\" %s;", d->uri, d->options));
        Buf b = {0};
        for (int c = 0; c < t->ncols; c++)
            if (t->cols[c].nulls) buf_printf(&b, "%s%s %" PRId64, b.len ? ", " : "", t->cols[c].name, t->cols[c].nulls);
        buf_puts(&b, "");
        if (t->rows != d->rows || t->ncols != d->cols || strcmp(b.data ? b.data : "", d->missing))
            fail_msg("%s: %" PRId64 " x %d, missing %s", d->uri, t->rows, t->ncols, b.data);
        buf_free(&b);
        table_free(t);
    }
}

static TypeKind type_of(const Table *t, const char *name) {
    return t->cols[table_find(t, name)].type;
}

static void test_inferred_types(void **state) {
    (void)state;
    if (!have_data()) return;
    Table *t = read_data("source s from \"movielens-small/links.csv\";");
    assert_int_equal(type_of(t, "imdbId"), TY_TEXT); /* leading zeros */
    assert_int_equal(type_of(t, "tmdbId"), TY_INT);
    table_free(t);
    t = read_data("source s from \"nycflights13/weather.csv\" (null = \"NA\");");
    assert_int_equal(type_of(t, "time_hour"), TY_TIME);
    assert_int_equal(type_of(t, "temp"), TY_NUM);
    assert_int_equal(type_of(t, "wind_dir"), TY_INT);
    assert_true(t->cols[table_find(t, "time_hour")].ints[0] == INT64_C(1357020000000000));
    table_free(t);
    t = read_data("source s from \"er-dblp-acm/dblp.csv\" { year: int };"); /* written 1999.0 */
    assert_int_equal(t->cols[0].ints[0], 1999);
    table_free(t);
}

static void test_matrices(void **state) {
    (void)state;
    if (!have_data()) return;
    static const struct {
        const char *uri;
        int64_t rows, cols, nnz;
        MatKind kind;
    } files[] = {{"hamlet-movie/r1.mtx.gz", 6040, 9509, 30200, MAT_CSR},
                 {"hamlet-movie/r2.mtx.gz", 3706, 3839, 81532, MAT_CSR},
                 {"hamlet-walmart/r1.mtx.gz", 2340, 2387, 23400, MAT_CSR},
                 {"hamlet-walmart/r2.mtx.gz", 45, 53, 135, MAT_CSR},
                 {"hamlet-walmart/s.mtx.gz", 421570, 1, 421570, MAT_DENSE}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        Table *t = read_data(arena_printf(arena, "source s from \"%s\" { id: rowid, x: vector(%" PRId64 ") };",
                                          files[i].uri, files[i].cols));
        const Matrix *m = t->cols[1].matrix;
        assert_int_equal(t->rows, files[i].rows);
        assert_int_equal(m->rows, files[i].rows);
        assert_int_equal(m->cols, files[i].cols);
        assert_int_equal(mat_nnz(m), files[i].nnz);
        assert_int_equal(m->kind, files[i].kind);
        table_free(t);
    }
}

/* ---- one table by two ways ---- */
static void expect_equal_tables(const Table *a, const Table *b, const char *what) {
    if (a->rows != b->rows || a->ncols != b->ncols)
        fail_msg("%s: %" PRId64 " x %d against %" PRId64 " x %d", what, a->rows, a->ncols, b->rows, b->ncols);
    for (int c = 0; c < a->ncols; c++) {
        const Column *x = &a->cols[c], *y = &b->cols[table_find(b, a->cols[c].name)];
        for (int64_t r = 0; r < a->rows; r++) {
            Buf p = {0}, q = {0};
            put_cell(&p, x, r);
            put_cell(&q, y, r);
            bool same = p.len == q.len && !memcmp(p.data ? p.data : "", q.data ? q.data : "", p.len);
            if (!same)
                fail_msg("%s, row %" PRId64 ", column %s: \"%.*s\" against \"%.*s\"", what, r + 1, x->name, (int)p.len,
                         p.data, (int)q.len, q.data);
            buf_free(&p);
            buf_free(&q);
        }
    }
}

static void test_sqlite_against_csv(void **state) {
    (void)state;
    if (!have_data()) return;
    static const char *const tables[] = {"Artist",        "Album",    "Genre",    "MediaType", "Track",      "Playlist",
                                         "PlaylistTrack", "Employee", "Customer", "Invoice",   "InvoiceLine"};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        Table *a = read_data(arena_printf(arena, "source s from \"chinook/%s.csv\";", tables[i]));
        /* the types of the CSV for both: SQLite keeps dates and prices in its own */
        TableOptions options = {.base_dir = data, .threads = 1};
        SourceDecl decl =
            *parse_source(arena_printf(arena, "source s from \"sqlite:chinook/Chinook.sqlite?table=%s\";", tables[i]));
        decl.has_columns = true;
        for (int c = 0; c < a->ncols; c++)
            vec_push(arena, &decl.columns, ((ColumnDecl){.name = {a->cols[c].name, {0}}, .type = a->cols[c].type}));
        Table *b = table_read(ds, &decl, &options);
        if (!b) diag_print(ds, stderr, false);
        assert_non_null(b);
        expect_equal_tables(a, b, tables[i]);
        table_free(a);
        table_free(b);
    }
}

/* DuckDB reads the CSV as texts and writes Parquet; read back, every cell must be what our CSV reader says. */
static void test_duckdb_against_csv(void **state) {
    (void)state;
    const char *why;
    if (!have_data()) return;
    if (!table_duckdb_available(NULL, &why)) {
        print_message("skipped: DuckDB's reader against ours: %s\n", why);
        return;
    }
    DuckdbSession q;
    assert_true(duckdb_session(ds, (Span){0}, 2, &q));
    for (size_t i = 0; i < sizeof data_sets / sizeof *data_sets; i++) {
        if (data_sets[i].rows > 400000) continue; /* nothing new in them, and cell by cell is slow */
        const char *uri = data_sets[i].uri;
        const char *sql = arena_printf(arena,
                                       "copy (select * from read_csv('%s/%s', all_varchar = true, header = true, delim "
                                       "= ',', quote = '\"', nullstr = '', "
                                       "allow_quoted_nulls = false)) to '%s' (format parquet)",
                                       data, uri, in_folder("oracle.parquet"));
        DuckdbResult result;
        if (q.api->query(q.connection, sql, &result) != 0) fail_msg("%s", q.api->result_error(&result));
        q.api->destroy_result(&result);
        Table *b = read_with("source s from \"oracle.parquet\";", 2, NULL, folder);
        assert_non_null(b);
        SourceDecl decl = *parse_source(arena_printf(arena, "source s from \"%s\";", uri));
        decl.has_columns = true;
        for (int c = 0; c < b->ncols; c++)
            vec_push(arena, &decl.columns, ((ColumnDecl){.name = {b->cols[c].name, {0}}, .type = TY_TEXT}));
        TableOptions options = {.base_dir = data, .threads = 3};
        Table *a = table_read(ds, &decl, &options);
        if (!a) diag_print(ds, stderr, false);
        assert_non_null(a);
        expect_equal_tables(a, b, uri);
        table_free(a);
        table_free(b);
    }
    duckdb_session_close(&q);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TABLE_TEST(test_rows_and_missing),   TABLE_TEST(test_inferred_types),     TABLE_TEST(test_matrices),
        TABLE_TEST(test_sqlite_against_csv), TABLE_TEST(test_duckdb_against_csv),
    };
    return cmocka_run_group_tests(tests, table_setup, table_teardown);
}
