/* test_cache.c: data kept for later runs: the same to the last bit, never of another file, option or schema, never
 * trusted when damaged, bounded, and shared by runs at the same time. */
#include "tests/unit/table_testing.h"

#include "backends/runtime/cache.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

static Cache cache;

static int cache_setup(void **state) {
    if (table_setup(state)) return -1;
    setenv("AMAL_CACHE", in_folder("cache"), 1);
    cache_least_bytes = 0;
    return 0;
}
/* Before each test: an empty cache that is in use. */
static int cache_fresh(void **state) {
    (void)table_fresh(state);
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s'", in_folder("cache"));
    if (system(command)) return -1;
    unsetenv("AMAL_CACHE_LIMIT");
    cache_open(&cache, ds, true);
    cache_use(&cache);
    return cache.on ? 0 : -1;
}
#define CACHE_TEST(function) cmocka_unit_test_setup(function, cache_fresh)

static const char all_types[] = "source s from \"all.csv\" (null = \"NA\") { n: num, i: int, b: bool, t: text, c: cat, "
                                "d: date, m: time, id: rowid }";
static void write_all_types(int rows) {
    Buf b = {0};
    buf_puts(&b, "n,i,b,t,c,d,m\n");
    for (int r = 0; r < rows; r++) {
        if (r % 7 == 3)
            buf_puts(&b, "NA,NA,NA,NA,NA,NA,NA\n");
        else
            buf_printf(&b, "%.17g,%lld,%s,text %d ä,%c,2013-01-%02d,2013-01-02 03:04:%02d\n", (r - 5) / 3.0,
                       r * 1000003LL, r % 2 ? "true" : "false", r % 40, 'a' + r % 5, r % 28 + 1, r % 60);
    }
    write_bytes("all.csv", b.data, b.len);
    buf_free(&b);
}

static void expect_same(const Table *a, const Table *b) {
    assert_int_equal(a->rows, b->rows);
    assert_int_equal(a->ncols, b->ncols);
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->path, b->path);
    size_t n = (size_t)a->rows;
    for (int i = 0; i < a->ncols; i++) {
        const Column *x = &a->cols[i], *y = &b->cols[i];
        assert_string_equal(x->name, y->name);
        assert_int_equal(x->type, y->type);
        assert_int_equal(x->nulls, y->nulls);
        assert_int_equal(!x->num, !y->num);
        assert_int_equal(!x->ints, !y->ints);
        assert_int_equal(!x->codes, !y->codes);
        if (x->num && n) assert_memory_equal(x->num, y->num, n * 8);
        if (x->ints && n) assert_memory_equal(x->ints, y->ints, n * 8);
        if (x->codes && n) assert_memory_equal(x->codes, y->codes, n * 4);
        if (x->dict) {
            assert_int_equal(x->dict->count, y->dict->count);
            for (int32_t k = 0; k < x->dict->count; k++) {
                assert_string_equal(x->dict->text[k], y->dict->text[k]);
                assert_int_equal(dict_find(y->dict, x->dict->text[k], x->dict->len[k]), k);
            }
            assert_int_equal(dict_find(y->dict, "not there", 9), -1);
        }
        if (!x->matrix) continue;
        assert_int_equal(x->matrix->kind, y->matrix->kind);
        for (int64_t r = 0; r < a->rows; r++)
            for (int64_t c = 0; c < x->matrix->cols; c++)
                assert_true(mat_get(x->matrix, r, c) == mat_get(y->matrix, r, c));
    }
}
static Table *read_anew(const char *script) {
    cache_use(NULL);
    Table *t = read_source(script);
    cache_use(&cache);
    assert_null(t->entry);
    return t;
}
/* Read twice: kept by the first, found by the second, both as without a cache. */
static void expect_kept(const char *script) {
    Table *plain = read_anew(script), *first = read_source(script), *second = read_source(script);
    assert_null(first->entry);
    assert_non_null(second->entry);
    expect_same(plain, first);
    expect_same(plain, second);
    table_free(plain);
    table_free(first);
    table_free(second);
}
static int entries(CacheEntries *all) {
    *all = (CacheEntries){0};
    cache_list(arena, cache.folder, all);
    return all->len;
}
static bool from_cache(const char *script) {
    Table *t = read_source(script);
    bool kept = t->entry != NULL;
    table_free(t);
    return kept;
}

static void kinds(void **state) {
    (void)state;
    write_all_types(500);
    expect_kept(all_types);
    write_all_types(0);
    expect_kept(all_types);
    write_gzip("z.csv.gz", "a,b\n1,x\n2,y\n");
    expect_kept("source s from \"z.csv.gz\" { a: int, b: text }");
    expect_kept("source s from \"z.csv.gz\";");
    write_text("m.mtx", "%%MatrixMarket matrix coordinate real general\n9 9 3\n1 2 3.5\n4 1 -1\n9 9 1e-3\n");
    expect_kept("source s from \"m.mtx\";");
    write_text("p.mtx", "%%MatrixMarket matrix coordinate pattern general\n9 9 2\n1 2\n4 1\n");
    expect_kept("source s from \"p.mtx\";");
    write_text("d.mtx", "%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n4\n");
    expect_kept("source s from \"d.mtx\";");
    if (table_duckdb_available(&(const char *){0}, &(const char *){0})) {
        write_text("j.json", "{\"a\": 1.5, \"b\": \"x\"}\n{\"a\": null, \"b\": \"y\"}\n");
        expect_kept("source s from \"j.json\" { a: num, b: text }");
    }
}

/* A dictionary from the cache takes new texts, as one that was read does. */
static void dictionaries_grow(void **state) {
    (void)state;
    write_all_types(300);
    table_free(read_source(all_types));
    Table *t = read_source(all_types);
    assert_non_null(t->entry);
    Dict *d = t->cols[table_find(t, "t")].dict;
    int32_t n = d->count;
    for (int i = 0; i < 1000; i++) {
        char text[32];
        int len = snprintf(text, sizeof text, "new %d", i);
        assert_int_equal(dict_add(d, text, len), n + i);
    }
    assert_int_equal(dict_find(d, "new 999", 7), n + 999);
    assert_int_equal(dict_add(d, d->text[0], d->len[0]), 0);
    table_free(t);
}

/* Every option, name and type is part of the key; so is what is read of the file. */
static void keys(void **state) {
    (void)state;
    write_text("k.csv", "a,b\n1,2\n3,4\n");
    static const char *const scripts[] = {
        "source s from \"k.csv\" { a: num, b: num }",
        "source s from \"k.csv\" { a: int, b: num }",
        "source s from \"k.csv\" { b: num, a: num }",
        "source s from \"k.csv\" { a: num null \"3\", b: num }",
        "source s from \"k.csv\" { a: num, x: num as \"b\" }",
        "source s from \"k.csv\" { a: num not null, b: num }",
        "source s from \"k.csv\" (null = \"3\") { a: num, b: num }",
        "source s from \"k.csv\" (null = \"3\", null = \"4\") { a: num, b: num }",
        "source s from \"k.csv\" (quote = \"\") { a: num, b: num }",
        "source s from \"k.csv\" (encoding = \"latin-1\") { a: num, b: num }",
        "source s from \"k.csv\" (header = false) { a: text, b: text }",
        "source s from \"k.csv\" (header = false, skip = 1) { a: text, b: text }",
        "source s from \"k.csv\";",
    };
    const int n = sizeof scripts / sizeof *scripts;
    for (int i = 0; i < n; i++)
        if (from_cache(scripts[i])) fail_msg("an entry of another declaration was taken for: %s", scripts[i]);
    for (int i = 0; i < n; i++)
        if (!from_cache(scripts[i])) fail_msg("not kept: %s", scripts[i]);
    TableOptions options = {.base_dir = folder, .threads = 1, .wanted = (bool[]){true, false}, .nwanted = 2};
    Table *t = table_read(ds, parse_source(scripts[0]), &options);
    assert_null(t->entry);
    assert_null(t->cols[1].num);
    table_free(t);
}

static void set_times(const char *name, const struct stat *st) {
    struct timespec times[2] = {st->st_atim, st->st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, in_folder(name), times, 0), 0);
}
/* Other content of the same size under the same time of modification is seen: while the file is young by its content,
 * later because the time of change differs. A touched file is known again by its content. */
static void changed_content(void **state) {
    (void)state;
    const char *script = "source s from \"c.csv\" { a: int }";
    for (int settled = 0; settled < 2; settled++) {
        struct stat st;
        write_text("c.csv", "a\n10\n20\n");
        if (settled) nanosleep(&(struct timespec){CACHE_SETTLED, 200000000}, NULL);
        assert_int_equal(stat(in_folder("c.csv"), &st), 0);
        table_free(read_source(script));
        assert_true(from_cache(script));
        assert_int_equal(utimensat(AT_FDCWD, in_folder("c.csv"), NULL, 0), 0);
        assert_true(from_cache(script));
        write_text("c.csv", "a\n10\n21\n");
        set_times("c.csv", &st);
        Table *t = read_source(script);
        assert_null(t->entry);
        expect_column(t, "a", "10|21");
        table_free(t);
        write_text("c.csv", "a\n10\n21\n22\n");
        assert_false(from_cache(script));
        assert_true(from_cache(script));
    }
    assert_int_equal(unlink(in_folder("c.csv")), 0);
    expect_error(script, "E450", "no such file");
}

static void damage(const char *path, const char *bytes, size_t len, size_t at, int how) {
    int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT, 0644);
    assert_true(fd >= 0);
    if (how) {
        assert_int_equal(write(fd, bytes, at), at);
    } else {
        char other = (char)(bytes[at] ^ (1 << at % 8));
        assert_int_equal(write(fd, bytes, len), len);
        assert_int_equal(pwrite(fd, &other, 1, (off_t)at), 1);
    }
    assert_int_equal(close(fd), 0);
}
/* Each 23rd byte changed, and the file cut there: the table is right every time. */
static void damaged(void **state) {
    (void)state;
    write_all_types(40);
    Table *plain = read_anew(all_types);
    table_free(read_source(all_types));
    CacheEntries all;
    assert_int_equal(entries(&all), 1);
    const char *path = all.data[0].file;
    static char bytes[1 << 16];
    int fd = open(path, O_RDONLY);
    ssize_t len = read(fd, bytes, sizeof bytes);
    assert_true(len > 1000 && len < (ssize_t)sizeof bytes);
    assert_int_equal(close(fd), 0);
    int said = 0;
    for (size_t at = 0; at < (size_t)len; at += 23)
        for (int how = 0; how < 2; how++) {
            damage(path, bytes, (size_t)len, at, how);
            ds = cache.ds = diags_new(arena);
            Table *t = read_source(all_types);
            expect_same(plain, t);
            table_free(t);
            said += diag_warning_count(ds);
            if (how) assert_string_equal(diag_last_code(ds), "W605");
        }
    assert_true(said > (int)len / 23); /* all that were cut, and all changes but those of padding and of the stamp */
    table_free(plain);
}

static void bounded(void **state) {
    (void)state;
    write_all_types(2000);
    table_free(read_source(all_types));
    CacheEntries all;
    assert_int_equal(entries(&all), 1);
    int64_t one = all.data[0].bytes;
    cache.limit = 3 * one + one / 2;
    char script[200];
    for (int i = 0; i < 6; i++) { /* the first is used again and again: it stays */
        snprintf(script, sizeof script,
                 "source s from \"all.csv\" (null = \"NA\", null = \"x%d\") { n: num, i: int, "
                 "b: bool, t: text, c: cat, d: date, m: time, id: rowid }",
                 i);
        assert_false(from_cache(script));
        assert_true(from_cache(all_types));
        int64_t bytes = 0;
        entries(&all);
        for (int k = 0; k < all.len; k++) bytes += all.data[k].bytes;
        assert_true(bytes <= cache.limit);
    }
    assert_int_equal(entries(&all), 3);
    assert_true(from_cache(script));
    cache.limit = one / 2; /* larger than the limit: not kept */
    write_all_types(2001);
    assert_false(from_cache(all_types));
    assert_false(from_cache(all_types));
    cache_least_bytes = 1 << 30; /* too small to pay */
    cache.limit = CACHE_LIMIT_DEFAULT;
    assert_false(from_cache(all_types));
    assert_false(from_cache(all_types));
    cache_least_bytes = 0;
}

/* A disk that is full: here the largest file that may be written is too small. */
static void unwritable(void **state) {
    (void)state;
    write_all_types(2000);
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){4096, before.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    Table *t = read_source(all_types);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_string_equal(diag_last_code(ds), "W604");
    assert_int_equal(diag_warning_count(ds), 1);
    table_free(t);
    CacheEntries all;
    assert_int_equal(entries(&all), 0); /* nothing half-written either */
    ds = diags_new(arena);
    setenv("AMAL_CACHE", in_folder("all.csv"), 1); /* a file where the folder should be */
    cache_open(&cache, ds, true);
    assert_false(cache.on);
    assert_string_equal(diag_last_code(ds), "W603");
    setenv("AMAL_CACHE", in_folder("cache"), 1);
    setenv("AMAL_CACHE_LIMIT", "much", 1);
    ds = diags_new(arena);
    cache_open(&cache, ds, true);
    assert_false(cache.on);
    assert_string_equal(diag_last_code(ds), "W603");
    setenv("AMAL_CACHE_LIMIT", "0", 1);
    ds = diags_new(arena);
    cache_open(&cache, ds, true);
    assert_false(cache.on);
    assert_int_equal(diag_warning_count(ds), 0); /* it was asked for */
}

/* The text that was inflated for a schema serves the rows, unless the file is another one by then. */
static void two_readings(void **state) {
    (void)state;
    const char *script = "source s from \"t.csv.gz\";";
    const SourceDecl *decl = parse_source(script);
    TableOptions options = {.base_dir = folder, .threads = 2};
    cache_least_bytes = 1 << 30; /* nothing on the disk */
    for (int changed = 0; changed < 2; changed++) {
        int n;
        ColumnDecl *cols;
        write_gzip("t.csv.gz", "a,b\n1,x\n2,y\n");
        assert_true(table_schema(arena, ds, decl, &options, &n, &cols));
        assert_int_equal(n, 2);
        assert_int_equal(cols[0].type, TY_INT);
        assert_non_null(cache.waiting);
        assert_true(table_schema(arena, ds, decl, &options, &n, &cols)); /* once more: it takes, and gives back */
        if (changed) write_gzip("t.csv.gz", "a,b\n1.5,x\n2,y\n3,z\n");
        Table *t = table_read(ds, decl, &options);
        assert_non_null(t);
        expect_column(t, "a", changed ? "1.5|2|3" : "1|2");
        expect_column(t, "b", changed ? "x|y|z" : "x|y");
        table_free(t);
        cache_close(&cache);
        assert_null(cache.waiting);
    }
    cache_least_bytes = 0;
    size_t len;
    Hash128 h = content_hash("x", 1);
    cache_wait(&cache, h, 5, mem_try(8, 1), 8);
    cache_wait(&cache, h, 5, mem_try(8, 1), 8);                   /* known already: freed */
    cache_wait(&cache, h, 6, mem_try(8, 1), CACHE_WAITING_BYTES); /* too much: freed */
    assert_null(cache_take(&cache, h, 6, &len));
    void *data = cache_take(&cache, h, 5, &len);
    assert_non_null(data);
    assert_int_equal(len, 8);
    mem_free(data);
    assert_null(cache_take(&cache, h, 5, &len));
    assert_null(cache_take(NULL, h, 5, &len));
}

static void concurrent(void **state) {
    (void)state;
    enum { RUNS = 6 };
    write_all_types(3000);
    Table *plain = read_anew(all_types);
    pid_t pids[RUNS];
    for (int i = 0; i < RUNS; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i]) continue;
        for (int k = 0; k < 25; k++) {
            Table *t = read_with(all_types, 1, NULL, folder);
            if (!t || t->rows != plain->rows || memcmp(t->cols[0].num, plain->cols[0].num, (size_t)t->rows * 8))
                _exit(1);
            table_free(t);
            CacheEntries all = {0};
            if (i == 0 && k % 5 == 4) /* one that clears the cache meanwhile */
                cache_list(arena, cache.folder, &all);
            for (int e = 0; e < all.len; e++) (void)unlink(all.data[e].file);
        }
        _exit(diag_warning_count(ds) ? 2 : 0);
    }
    for (int i = 0; i < RUNS; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    table_free(plain);
    assert_true(from_cache(all_types) || from_cache(all_types));
}

static void sizes(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t bytes; /* -1: none */
    } cases[] = {{"0", 0},       {"123", 123},        {"4G", INT64_C(4) << 30},
                 {"1.5k", 1536}, {"500M", 500 << 20}, {"2T", INT64_C(2) << 40},
                 {"", -1},       {"G", -1},           {"-1", -1},
                 {"4GB", -1},    {"nan", -1},         {"1e30", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t bytes = -1;
        bool ok = cache_parse_size(cases[i].text, &bytes);
        assert_int_equal(ok, cases[i].bytes >= 0);
        if (ok) assert_int_equal(bytes, cases[i].bytes);
    }
}

/* A change of any one bit changes the hash, whatever the length and the place. */
static void hashes(void **state) {
    (void)state;
    static unsigned char data[3 * CONTENT_CHUNK];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)rng_u64(1, 2, i);
    static const size_t lengths[] = {
        1, 7, 8, 63, 64, 65, 4096, CONTENT_CHUNK - 1, CONTENT_CHUNK, CONTENT_CHUNK + 1, sizeof data};
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        size_t n = lengths[k];
        Hash128 h = content_hash(data, n);
        for (int i = 0; i < 64; i++) {
            size_t bit = (size_t)(rng_u64(3, k, (uint64_t)i) % (8 * n));
            data[bit / 8] ^= (unsigned char)(1 << bit % 8);
            assert_false(hash_same(content_hash(data, n), h));
            data[bit / 8] ^= (unsigned char)(1 << bit % 8);
        }
        assert_true(hash_same(content_hash(data, n), h));
        if (n > 16) { /* the top bits of two words of one lane do not cancel */
            data[7] ^= 0x80;
            if (n > 72) data[71] ^= 0x80;
            assert_false(hash_same(content_hash(data, n), h));
            data[7] ^= 0x80;
            if (n > 72) data[71] ^= 0x80;
        }
    }
    assert_false(hash_same(content_hash("", 0), content_hash("\0", 1)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CACHE_TEST(kinds),        CACHE_TEST(dictionaries_grow), CACHE_TEST(keys),         CACHE_TEST(changed_content),
        CACHE_TEST(damaged),      CACHE_TEST(bounded),           CACHE_TEST(unwritable),   CACHE_TEST(concurrent),
        CACHE_TEST(two_readings), cmocka_unit_test(sizes),       cmocka_unit_test(hashes),
    };
    return cmocka_run_group_tests(tests, cache_setup, table_teardown);
}
