/* table_testing.h: a folder of files that a test writes, sources read from it by their declarations in the language,
 * and columns as text: "1|null|2.5". */
#ifndef AMAL_TABLE_TESTING_H
#define AMAL_TABLE_TESTING_H
#include "backends/runtime/table.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

static Arena *arena;
static Diags *ds;
static char folder[64];

static inline int table_setup(void **state) {
    (void)state;
    arena = arena_new();
    ds = diags_new(arena);
    strcpy(folder, "/tmp/amal-table-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static inline int table_teardown(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    arena_free(arena);
    return system(command);
}

/* Before each test: what an earlier one reported is forgotten. */
static inline int table_fresh(void **state) {
    (void)state;
    ds = diags_new(arena);
    return 0;
}
#define TABLE_TEST(function) cmocka_unit_test_setup(function, table_fresh)

static inline const char *in_folder(const char *name) {
    return arena_printf(arena, "%s/%s", folder, name);
}

static inline void write_bytes(const char *name, const char *text, size_t len) {
    FILE *f = fopen(in_folder(name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static inline void write_text(const char *name, const char *text) {
    write_bytes(name, text, strlen(text));
}

static inline void write_gzip(const char *name, const char *text) {
    gzFile f = gzopen(in_folder(name), "wb");
    assert_non_null(f);
    assert_int_equal(gzwrite(f, text, (unsigned)strlen(text)), strlen(text));
    assert_int_equal(gzclose(f), Z_OK);
}

static inline char *file_text(const char *name) {
    FILE *f = fopen(in_folder(name), "rb");
    assert_non_null(f);
    char *text = arena_alloc(arena, 1 << 16);
    size_t n = fread(text, 1, (1 << 16) - 1, f);
    text[n] = 0;
    assert_int_equal(fclose(f), 0);
    return text;
}

/* The declaration in `script`, which is one source statement. */
static inline const SourceDecl *parse_source(const char *script) {
    uint32_t file = diag_add_file(ds, "test.amal", script, strlen(script));
    Script *s = parse_script(arena, ds, file, script, strlen(script));
    if (diag_error_count(ds)) diag_print(ds, stderr, false);
    assert_int_equal(diag_error_count(ds), 0);
    assert_int_equal(s->stmts.data[0]->kind, ST_SOURCE);
    return s->stmts.data[0]->source;
}

static inline Table *read_with(const char *script, int threads, const bool *wanted, const char *base) {
    TableOptions options = {.base_dir = base, .threads = threads, .wanted = wanted};
    return table_read(ds, parse_source(script), &options);
}

/* Reads with one and with several threads: both must agree on success. */
static inline Table *read_source(const char *script) {
    Table *t = read_with(script, 4, NULL, folder);
    if (!t) diag_print(ds, stderr, false);
    assert_non_null(t);
    assert_int_equal(diag_error_count(ds), 0);
    return t;
}

static inline void put_cell(Buf *b, const Column *c, int64_t r) {
    if (column_is_null(c, r))
        buf_puts(b, "null");
    else if (c->num)
        buf_printf(b, "%.17g", c->num[r]);
    else if (c->ints)
        buf_printf(b, "%" PRId64, c->ints[r]);
    else if (c->codes)
        buf_add(b, c->dict->text[c->codes[r]], (size_t)c->dict->len[c->codes[r]]);
    else if (c->matrix)
        for (int64_t k = 0; k < c->matrix->cols; k++) buf_printf(b, "%s%.17g", k ? " " : "", mat_get(c->matrix, r, k));
}

static inline const char *column_text(const Table *t, const char *name) {
    int at = table_find(t, name);
    if (at < 0) fail_msg("there is no column %s", name);
    Buf b = {0};
    int64_t nulls = 0;
    for (int64_t r = 0; r < t->rows; r++) {
        if (r) buf_puts(&b, "|");
        put_cell(&b, &t->cols[at], r);
        nulls += column_is_null(&t->cols[at], r);
    }
    assert_int_equal(nulls, t->cols[at].nulls);
    char *text = buf_take(&b);
    char *kept = arena_strdup(arena, text ? text : "");
    mem_free(text);
    return kept;
}

#define expect_column(t, name, text) assert_string_equal(column_text(t, name), text)

/* Reads a source that must fail; what is printed must hold every fragment. */
static inline void expect_failure(const char *script, const char *code, const char *const *fragments) {
    const SourceDecl *decl = parse_source(script);
    TableOptions options = {.base_dir = folder, .threads = 4};
    Table *t = table_read(ds, decl, &options);
    assert_null(t);
    assert_true(diag_error_count(ds) > 0);
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    diag_print(ds, f, false);
    fclose(f);
    if (!strstr(text, code)) fail_msg("no %s in:\n%s", code, text);
    for (; *fragments; fragments++)
        if (!strstr(text, *fragments)) fail_msg("no \"%s\" in:\n%s", *fragments, text);
    free(text);
    ds = diags_new(arena); /* the errors were expected */
}
#define expect_error(script, code, ...) expect_failure(script, code, (const char *const[]){__VA_ARGS__, NULL})
#endif
