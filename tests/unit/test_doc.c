/* test_doc.c: what documentation finds in a script's comments, written down by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiler/doc.h"

static const char script[] = "# t.amal: the whole.\n# More of it.\n"
                             "source A from \"a.csv\" { x: num, y: text };\n"
                             "\n"
                             "# not attached\n"
                             "\n"
                             "# Where they live.\n"
                             "#   z   height, in metres\n"
                             "#       above the sea\n"
                             "source B from \"b.csv\" { z: num, w: num };\n"
                             "param p = 3; # how many\n"
                             "param q = 4;\n"
                             "# a value\n"
                             "/* f: does it. Then\n"
                             " * that. */\n"
                             "algorithm f(k = 2, l = 1) { fit(X: [n, d]) { return X; } }\n"
                             "m: A(x: v) -> T(x: v);\n"
                             "A(x: v) -> T(x: v);\n";

static void test_script(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Diags *ds = diags_new(arena);
    uint32_t file = diag_add_file(ds, "folder/t.amal", script, sizeof script - 1);
    Script *s = parse_script(arena, ds, file, script, sizeof script - 1);
    assert_int_equal(diag_error_count(ds), 0);
    DocEntries all = {0};
    doc_script(arena, ds, s, &all);
    static const struct {
        DocKind kind;
        const char *name, *summary;
        int line;
    } expected[] = {{DOC_SCRIPT, "t.amal", "the whole.", 1},
                    {DOC_SOURCE, "A", "", 3},
                    {DOC_SOURCE, "B", "Where they live.", 10},
                    {DOC_PARAM, "p", "how many", 11},
                    {DOC_PARAM, "q", "", 12},
                    {DOC_ALGORITHM, "f", "a value f: does it.", 16},
                    {DOC_DEPENDENCY, "m", "", 17}};
    assert_int_equal(all.len, 7);
    for (int i = 0; i < all.len; i++) {
        assert_int_equal(all.data[i].kind, expected[i].kind);
        assert_string_equal(all.data[i].name, expected[i].name);
        assert_string_equal(all.data[i].summary, expected[i].summary);
        assert_int_equal(all.data[i].line, expected[i].line);
    }
    assert_string_equal(all.data[0].text, "the whole.\nMore of it.");
    const DocEntry *b = &all.data[2];
    assert_string_equal(b->parts.data[0].text, "height, in metres above the sea");
    assert_string_equal(b->parts.data[0].value, "num");
    assert_null(b->parts.data[1].text);
    assert_string_equal(all.data[5].signature, "f(k = 2, l = 1)\nfit(X: [n, d])");
    assert_string_equal(all.data[5].text, "a value\nf: does it. Then\nthat.");
    assert_string_equal(all.data[6].signature, "m: A(x: v) -> T(x: v)");
    assert_int_equal(doc_find(&all, "f", -1), 5);
    assert_int_equal(doc_find(&all, "f", 5), -1);
    assert_string_equal(doc_nearest(arena, &all, "t.amel"), "t.amal");
    arena_free(arena);
}

static void test_standard(void **state) {
    (void)state;
    Arena *arena = arena_new();
    Diags *ds = diags_new(arena);
    DocEntries all = {0};
    assert_true(doc_standard(arena, ds, &all));
    int ridge = doc_find(&all, "ridge", -1), min = doc_find(&all, "min", -1);
    assert_true(ridge >= 0 && min >= 0);
    assert_int_equal(all.data[ridge].kind, DOC_ALGORITHM);
    assert_int_equal(all.data[min].kind, DOC_FUNCTION);
    min = doc_find(&all, "min", min);
    assert_int_equal(all.data[min].kind, DOC_ROW_FUNCTION);
    assert_int_equal(doc_find(&all, "min", min), -1);
    /* each setting of each algorithm is described */
    for (int i = 0; i < all.len; i++)
        for (int k = 0; all.data[i].kind == DOC_ALGORITHM && k < all.data[i].parts.len; k++)
            if (!all.data[i].parts.data[k].text)
                fail_msg("%s: nothing about %s", all.data[i].name, all.data[i].parts.data[k].name);
    arena_free(arena);
}

static void test_markdown(void **state) {
    (void)state;
    DocPart parts[] = {{"k", "2", "so *many*"}};
    DocEntry e = {
        .kind = DOC_ALGORITHM, .name = "f", .signature = "f(k = 2)", .text = "A_b.\n  x = y\n  k  so *many*\nEnd."};
    e.parts.data = parts;
    e.parts.len = 1;
    Buf out = {0};
    doc_print_markdown(&out, &e);
    assert_string_equal(
        out.data,
        "### `f`\n\n```amal\nf(k = 2)\n```\n\nA\\_b.\n\n```\n  x = y\n```\n\n- `k` = `2`: so \\*many\\*\n\nEnd.\n\n");
    buf_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_script), cmocka_unit_test(test_standard),
                                       cmocka_unit_test(test_markdown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
