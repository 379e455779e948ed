/* test_json.c: the JSON reader: values, texts in all their spellings, limits, and what must be refused. */
#include "compiler/json.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static Arena *arena;
static const char *why;
static size_t at;

static Json *parse(const char *text) {
    why = NULL;
    return json_parse(arena, text, strlen(text), &why, &at);
}

static void refused(const char *text, const char *reason, size_t place) {
    assert_null(parse(text));
    assert_string_equal(why, reason);
    assert_int_equal(at, place);
}

static void values(void **state) {
    (void)state;
    assert_int_equal(parse(" null ")->kind, JSON_NULL);
    assert_true(json_true(parse("true")));
    assert_false(json_true(parse("false")));
    assert_false(json_true(parse("1")));
    assert_true(parse("-0.25e+2")->number == -25);
    assert_true(parse("1E-2")->number == 0.01);
    assert_true(parse("0")->number == 0);
    const Json *j = parse("{\"a\": {\"b\": [1, \"two\", [], {}]}, \"a b\" : null, \"c\":1, \"c\":2}");
    assert_int_equal(json_path(j, "a/b")->count, 4);
    assert_string_equal(json_text(&json_path(j, "a/b")->items[1]), "two");
    assert_int_equal(json_member(j, "a b")->kind, JSON_NULL);
    assert_null(json_path(j, "a/x/b"));
    assert_null(json_path(NULL, "a"));
    assert_null(json_member(parse("[1]"), "a"));
    assert_null(json_text(json_path(j, "c")));
    assert_int_equal(json_int(json_member(j, "c"), 0, 9, -1), 2); /* the last of two */
    assert_int_equal(json_int(json_member(j, "c"), 3, 9, -1), -1);
    assert_int_equal(json_int(parse("1.5"), 0, 9, -1), -1);
    assert_int_equal(json_int(parse("1e300"), 0, INT64_MAX, -1), -1);
    assert_int_equal(json_int(NULL, 0, 9, 7), 7);
}

static void texts(void **state) {
    (void)state;
    assert_string_equal(parse("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"")->text, "\"\\/\b\f\n\r\t");
    assert_string_equal(parse("\"\\u00e9\\u4e2d\\ud83d\\ude00\"")->text, "é中😀");
    assert_string_equal(parse("\"é中😀\"")->text, "é中😀");
    assert_string_equal(parse("\"\\ud83dx\"")->text, "\xef\xbf\xbdx");
    assert_string_equal(parse("\"\\ude00\"")->text, "\xef\xbf\xbd");
    assert_string_equal(parse("\"\\ud83d\\u0041\"")->text, "\xef\xbf\xbd"
                                                           "A");
    const Json *j = parse("\"a\\u0000b\"");
    assert_int_equal(j->len, 3);
    assert_memory_equal(j->text, "a\0b", 4);
}

static void refusals(void **state) {
    (void)state;
    refused("", "a value is expected", 0);
    refused("nul", "a value is expected", 0);
    refused("[1,]", "a value is expected", 3);
    refused("[1 2]", "`,` or `]` is expected", 3);
    refused("{\"a\" 1}", "`:` is expected", 5);
    refused("{a: 1}", "a name is expected", 1);
    refused("{\"a\": 1 \"b\"", "`,` or `}` is expected", 8);
    refused("1 1", "something follows the value", 2);
    refused("01", "something follows the value", 1);
    refused("1.", "digits are expected behind the point", 2);
    refused("1e", "digits are expected in the exponent", 2);
    refused("\"a", "a text does not end", 2);
    refused("\"\\", "a text does not end", 2);
    refused("\"\\x\"", "an escape that JSON does not have", 3);
    refused("\"\\u12g4\"", "\\u needs four hexadecimal digits", 5);
    refused("\"\n\"", "a control character in a text", 1);
    refused("\"\xff\"", "bytes that are not UTF-8", 1);
    refused("\"\xc0\xaf\"", "bytes that are not UTF-8", 1);
    refused("\"\xed\xa0\x80\"", "bytes that are not UTF-8", 1);
}

static void depth(void **state) {
    (void)state;
    char text[2 * JSON_DEPTH + 4] = "";
    for (int levels = JSON_DEPTH; levels <= JSON_DEPTH + 1; levels++) {
        memset(text, '[', (size_t)levels);
        memset(text + levels, ']', (size_t)levels);
        text[2 * levels] = 0;
        if (levels == JSON_DEPTH)
            assert_non_null(parse(text));
        else
            refused(text, "lists and objects nest too deep", JSON_DEPTH);
    }
}

static int setup(void **state) {
    (void)state;
    arena = arena_new();
    return 0;
}
static int teardown(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(values), cmocka_unit_test(texts), cmocka_unit_test(refusals),
                                       cmocka_unit_test(depth)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
