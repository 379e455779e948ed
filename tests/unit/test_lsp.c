/* test_lsp.c: parts of the language server by themselves: positions, URIs, the wire, schemas in the second thread. */
#include "compiler/lsp/lsp_internal.h"
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void at(const char *text, size_t offset, Units units, uint32_t line, uint32_t character) {
    Position p = position_of(text, strlen(text), offset, units);
    assert_int_equal(p.line, line);
    assert_int_equal(p.character, character);
}

static void positions(void **state) {
    (void)state;
    const char *text = "aé😀b\r\nc\rd\n";
    at(text, 0, UNITS_UTF16, 0, 0);
    at(text, 3, UNITS_UTF16, 0, 2); /* behind é: two bytes, one unit */
    at(text, 7, UNITS_UTF16, 0, 4); /* behind 😀: four bytes, two units */
    at(text, 7, UNITS_UTF8, 0, 7);
    at(text, 5, UNITS_UTF16, 0, 2);  /* inside 😀: before it */
    at(text, 10, UNITS_UTF16, 1, 0); /* behind \r\n */
    at(text, 9, UNITS_UTF16, 0, 5);  /* between \r and \n: the end of the line */
    at(text, 12, UNITS_UTF16, 2, 0); /* behind \r */
    at(text, 14, UNITS_UTF16, 3, 0);
    at(text, 99, UNITS_UTF16, 3, 0);
    size_t n = strlen(text);
    assert_int_equal(position_offset(text, n, (Position){0, 3}, UNITS_UTF16), 3); /* between the halves of 😀 */
    assert_int_equal(position_offset(text, n, (Position){0, 4}, UNITS_UTF16), 7);
    assert_int_equal(position_offset(text, n, (Position){0, 99}, UNITS_UTF16), 8);
    assert_int_equal(position_offset(text, n, (Position){2, 1}, UNITS_UTF16), 13);
    assert_int_equal(position_offset(text, n, (Position){9, 9}, UNITS_UTF16), n);
    assert_int_equal(position_offset("", 0, (Position){0, 0}, UNITS_UTF16), 0);
    assert_int_equal(position_offset("\xff\xffx", 3, (Position){0, 2}, UNITS_UTF16), 2); /* not UTF-8: a unit each */
}

static void range(Places *p, size_t begin, size_t end, const char *expected) {
    Buf b = {0};
    position_write_range(&b, p, begin, end);
    assert_string_equal(b.data, expected);
    buf_free(&b);
}

/* Whatever was asked for before, a range is the same; ten thousand in the order of the text take no time. */
static void ranges(void **state) {
    (void)state;
    const char *text = "aé😀b\r\nc\rd\n";
    Places p = {.text = text, .len = strlen(text), .units = UNITS_UTF16};
    const char *wide = "{\"start\":{\"line\":1,\"character\":0},\"end\":{\"line\":3,\"character\":0}}";
    const char *inside = "{\"start\":{\"line\":0,\"character\":2},\"end\":{\"line\":0,\"character\":4}}";
    range(&p, 10, 99, wide);
    range(&p, 5, 7, inside);
    range(&p, 9, 3, "{\"start\":{\"line\":0,\"character\":5},\"end\":{\"line\":0,\"character\":5}}");
    range(&p, 10, 99, wide);
    range(&p, 10, 99, wide);
    Buf many = {0}, out = {0};
    for (int i = 0; i < 200000; i++) buf_puts(&many, "let xyz = 12345;\n");
    Places q = {.text = many.data, .len = many.len, .units = UNITS_UTF16};
    clock_t begin = clock();
    for (size_t i = 0; i < 200000; i++) {
        position_write_range(&out, &q, i * 17, i * 17 + 16);
        position_write_range(&out, &q, i * 17 + 4, i * 17 + 7);
    }
    assert_true(clock() - begin < 5 * CLOCKS_PER_SEC); /* each from the beginning: minutes */
    assert_int_equal(q.at.line, 199999);
    assert_int_equal(q.at.character, 4);
    buf_free(&many);
    buf_free(&out);
}

static void uris(void **state) {
    (void)state;
    char *path = uri_path("file:///tmp/a%20b/%c3%A9.amal");
    assert_string_equal(path, "/tmp/a b/é.amal");
    char *uri = uri_of_path(path);
    assert_string_equal(uri, "file:///tmp/a%20b/%C3%A9.amal");
    mem_free(path);
    mem_free(uri);
    path = uri_path("file://host/x%2");
    assert_string_equal(path, "/x%2");
    mem_free(path);
    assert_null(uri_path("untitled:1"));
    assert_null(uri_path("file://"));
    assert_null(uri_path("file:///a%00b"));
}

static void feed(Transport *t, const char *bytes) {
    buf_add(&t->in, bytes, strlen(bytes));
}

static void wire(void **state) {
    (void)state;
    Transport t = {.fd = -1};
    const char *body = NULL, *why = NULL;
    size_t len = 0;
    assert_int_equal(transport_next(&t, &body, &len, &why), WIRE_NOTHING);
    feed(&t, "content-length:  2\r\nContent-Type: x\r\n\r\n{");
    assert_int_equal(transport_next(&t, &body, &len, &why), WIRE_NOTHING);
    feed(&t, "}Content-Length: 1\r\n\r\n7");
    assert_int_equal(transport_next(&t, &body, &len, &why), WIRE_MESSAGE);
    assert_int_equal(len, 2);
    assert_memory_equal(body, "{}", 2);
    assert_int_equal(transport_next(&t, &body, &len, &why), WIRE_MESSAGE);
    assert_memory_equal(body, "7", 1);
    static const char *const broken[] = {"Length: 1\r\n\r\n", "Content-Length: -1\r\n\r\n",
                                         "Content-Length: 1x\r\n\r\n", "Content-Length:\r\n\r\n", "\r\n\r\n"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        feed(&t, broken[i]);
        assert_int_equal(transport_next(&t, &body, &len, &why), WIRE_BROKEN);
        assert_string_equal(why, "a header without Content-Length");
    }
    feed(&t, "Content-Length: 99999999999999999999999999\r\n\r\nrest");
    assert_int_equal(transport_next(&t, &body, &len, &why), WIRE_BROKEN);
    assert_string_equal(why, "a message that is too large");
    assert_int_equal(transport_next(&t, &body, &len, &why), WIRE_NOTHING); /* the rest is passed over */
    buf_free(&t.in);
    t = (Transport){.fd = -1};
    for (int i = 0; i < 2000; i++) feed(&t, "no header ");
    assert_int_equal(transport_next(&t, &body, &len, &why), WIRE_BROKEN);
    assert_string_equal(why, "a header that does not end");
    buf_free(&t.in);
}

/* ---- schemas ---- */
static char folder[] = "/tmp/amal-test-lsp-XXXXXX";

static void write_table(const char *text) {
    char path[64];
    snprintf(path, sizeof path, "%s/t.csv", folder);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

typedef struct Found {
    bool known;
    int ncols, messages;
    TypeKind first;
} Found;
static Found look(Schemas *s) {
    Arena *arena = arena_new();
    Diags *ds = diags_new(arena);
    SourceDecl decl = {.name = {.text = "t"}, .uri = "t.csv"};
    TableOptions opt = {.base_dir = folder};
    ColumnDecl *cols = NULL;
    Found f = {0};
    f.known = schemas_lookup(s, arena, ds, &decl, &opt, &f.ncols, &cols);
    f.messages = diag_count(ds);
    if (f.known && f.ncols) f.first = cols[0].type;
    arena_free(arena);
    return f;
}

static void wait_for(Schemas *s, int64_t found) {
    for (int i = 0; i < 100 && schemas_found(s) < found; i++) {
        struct pollfd p = {.fd = schemas_wake_fd(s), .events = POLLIN};
        assert_true(poll(&p, 1, 10000) > 0);
        schemas_awake(s);
    }
    assert_int_equal(schemas_found(s), found);
}

static void schemas(void **state) {
    (void)state;
    assert_non_null(mkdtemp(folder));
    Schemas *s = schemas_start();
    assert_non_null(s);
    /* nothing is known yet, and nothing is said; then that there is no file */
    Found f = look(s);
    assert_false(f.known);
    assert_int_equal(f.messages, 0);
    wait_for(s, 1);
    f = look(s);
    assert_false(f.known);
    assert_int_equal(f.messages, 1);
    /* the file comes: what was known stays until it is read */
    write_table("a,b\n1,x\n");
    f = look(s);
    assert_false(f.known);
    wait_for(s, 2);
    f = look(s);
    assert_true(f.known);
    assert_int_equal(f.ncols, 2);
    assert_int_equal(f.first, TY_INT);
    assert_int_equal(schemas_found(s), 2); /* looked up, not read again */
    write_table("a,b,c\n1.5,x,y\n");
    f = look(s);
    assert_true(f.known);
    assert_int_equal(f.ncols, 2);
    wait_for(s, 3);
    f = look(s);
    assert_int_equal(f.ncols, 3);
    assert_int_equal(f.first, TY_NUM);
    schemas_stop(s);
    char path[64];
    snprintf(path, sizeof path, "%s/t.csv", folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(positions), cmocka_unit_test(ranges), cmocka_unit_test(uris),
                                       cmocka_unit_test(wire), cmocka_unit_test(schemas)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
