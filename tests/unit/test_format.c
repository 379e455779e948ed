/* test_format.c: the formatter. What it must do for every script, formatting twice is formatting once and the meaning
 * stays (which format_text checks itself, and ends the program otherwise), is looked at for all scripts of the
 * repository, and for the same with their line breaks, blanks and comments drawn anew. How lines look is written down
 * by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiler/format.h"
#include <glob.h>
#include <stdlib.h>

static char *format_of(const char *text, size_t len) {
    Arena *arena = arena_new();
    Diags *ds = diags_new(arena);
    Buf out = {0};
    if (!format_text(arena, ds, diag_add_file(ds, "t.amal", text, len), text, len, &out)) {
        assert_true(diag_error_count(ds) > 0);
        assert_int_equal(out.len, 0);
        arena_free(arena);
        return NULL;
    }
    assert_int_equal(diag_error_count(ds), 0);
    arena_free(arena);
    buf_puts(&out, "");
    return buf_take(&out);
}

static void expect(const char *text, const char *formatted) {
    char *once = format_of(text, strlen(text));
    assert_non_null(once);
    assert_string_equal(once, formatted);
    char *twice = format_of(once, strlen(once));
    assert_string_equal(twice, formatted);
    mem_free(once);
    mem_free(twice);
}

static void test_blanks(void **state) {
    (void)state;
    expect("", "");
    expect("let a=1+2*3;", "let a = 1 + 2 * 3;\n");
    expect("let   a =-b ^-2 ;;", "let a = -b ^ -2;\n");
    expect("let a = X '@Y [1 .. 3,]- Z[ ,2 ] ;", "let a = X' @ Y[1..3, ] - Z[, 2];\n");
}

static void test_lines(void **state) {
    (void)state;
    /* statements on lines of their own, also in blocks of several; blocks of one may stay on theirs */
    expect("let a = 1; print a;", "let a = 1;\nprint a;\n");
    expect("for x in{1,2}{print x;}", "for x in {1, 2} { print x; }\n");
    expect("for x in {1, 2} { print x; print x; }", "for x in {1, 2} {\n  print x;\n  print x;\n}\n");
    expect("for x in {1, 2} {\nprint x; }", "for x in {1, 2} {\n  print x;\n}\n");
    expect("algorithm a {fit(X: [n, d]) {if (d>1) {w=1;} else {w=2;} return w;}}",
           "algorithm a {\n  fit(X: [n, d]) {\n    if (d > 1) { w = 1; } else { w = 2; }\n    return w;\n  }\n}\n");
    /* the author's line breaks */
    expect("m: S(a: x)\n& R(a: x)\n->\nT(a: x);", "m: S(a: x)\n  & R(a: x)\n  ->\n  T(a: x);\n");
    expect("let a = cbind(\nb,\nc\n);\nlet d = cbind(b,\nc);",
           "let a = cbind(\n  b,\n  c\n);\nlet d = cbind(b,\n              c);\n");
    expect("let\na\n=\n1;", "let a =\n  1;\n");
    /* one empty line where there were some, none at the beginnings of blocks */
    expect("\n\nlet a = 1;\n\n\n\nlet b = 2;\n\n", "let a = 1;\n\nlet b = 2;\n");
    expect("for x in {1} {\n\n  print x;\n\n}", "for x in {1} {\n  print x;\n}\n");
    expect("let a = 1;\r\nlet b = 2;\r\n", "let a = 1;\nlet b = 2;\n");
}

static void test_columns(void **state) {
    (void)state;
    expect("source S from \"s.csv\" {a:num,b:text}\nsource Long from \"l.csv\";",
           "source S    from \"s.csv\" { a: num, b: text }\nsource Long from \"l.csv\";\n");
    expect("source S from \"s.csv\";\n\nsource Long from \"l.csv\";",
           "source S from \"s.csv\";\n\nsource Long from \"l.csv\";\n");
    expect("target T {\ny:label num, xs:feature onehot(base = \"1\"), z: id }",
           "target T {\n  y:  label   num,\n  xs: feature onehot(base = \"1\"),\n  z:  id\n}\n");
    expect("source S from \"s.csv\" {\n  a: num, bb: text,\n c: num }",
           "source S from \"s.csv\" {\n  a: num, bb: text,\n  c: num\n}\n");
    expect("source S from \"s.csv\" {\n  a: num,\n bb: text,\n key(a, bb) }",
           "source S from \"s.csv\" {\n  a:  num,\n  bb: text,\n  key(a, bb)\n}\n");
}

static void test_comments(void **state) {
    (void)state;
    expect("#one\nlet a = 1; # two\n  # three\n\n\n# four", "#one\nlet a = 1;  # two\n# three\n\n# four\n");
    expect("let a = 1; # x\nlet bcd = 2; # y", "let a = 1;    # x\nlet bcd = 2;  # y\n");
    expect("let a = 1 /* in */ + /* out */ 2;", "let a = 1 /* in */ + /* out */ 2;\n");
    expect("let a = f(x, # first\ny);", "let a = f(x,  # first\n          y);\n");
    expect("for x in {1} { # why\nprint x; }", "for x in {1} {  # why\n  print x;\n}\n");
    expect("for x in {1} { print x;\n# last\n}", "for x in {1} {\n  print x;\n  # last\n}\n");
    expect("source S from \"s.csv\" { a: num # x\n, b: num }",
           "source S from \"s.csv\" {\n  a: num  # x\n    , b: num\n}\n");
}

static void test_long_lines(void **state) {
    (void)state;
    expect("S(alpha: alpha, beta: beta, gamma: gamma) & R(alpha: alpha, delta: delta) & Q(alpha: alpha, epsilon: "
           "epsilon) -> "
           "T(a: alpha, b: beta);",
           "S(alpha: alpha, beta: beta, gamma: gamma) & R(alpha: alpha, delta: delta) & Q(alpha: alpha, epsilon: "
           "epsilon)\n"
           "  -> T(a: alpha, b: beta);\n");
    expect("source S from \"a/rather/long/path/to/a/file.csv\" { alpha: num, beta: num, gamma: num, delta: num, "
           "epsilon: num, zeta: num }",
           "source S from \"a/rather/long/path/to/a/file.csv\" {\n"
           "  alpha: num, beta: num, gamma: num, delta: num, epsilon: num, zeta: num\n}\n");
    /* lists are filled anew behind the place where they were too long */
    expect("let x = cbind(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb, "
           "cccccccccccccccccc,\nd,\ne);",
           "let x = cbind(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb,\n"
           "              cccccccccccccccccc, d, e);\n");
    /* what has no place to break stays */
    expect("use "
           "\"012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234"
           "5678901234567890\";",
           "use "
           "\"012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234"
           "5678901234567890\";\n");
}

static void test_refused(void **state) {
    (void)state;
    assert_null(format_of("let a = ;", 9));
    assert_null(format_of("let a = \"x;", 11));
}

/* ---- properties ---- */
static void formats_once(const char *text, size_t len) {
    char *once = format_of(text, len);
    assert_non_null(once);
    char *twice = format_of(once, strlen(once));
    assert_non_null(twice);
    assert_string_equal(once, twice);
    mem_free(once);
    mem_free(twice);
}

/* The script's tokens with other gaps between them, and more comments; false: what came out does not parse, because a
 * word moved to the beginning of a line, say. */
static bool redrawn(const char *text, size_t len, uint64_t seed, Buf *out) {
    static const char *const gaps[] = {" ",      "\n",      "  ",           "\n\n\n",
                                       " # c\n", "/* c */", "\n  # own\n ", "\t/* own\n  */\r\n"};
    Arena *arena = arena_new();
    Diags *ds = diags_new(arena);
    Script *s = parse_script(arena, ds, diag_add_file(ds, "t.amal", text, len), text, len);
    int comment = 0;
    uint32_t end = 0;
    out->len = 0;
    for (int i = 0; i < s->tokens.len; i++) {
        Span at = s->tokens.data[i].span;
        for (; comment < s->comments.len && s->comments.data[comment].span.begin < at.begin; comment++)
            buf_printf(out, " %s\n", s->comments.data[comment].text);
        uint64_t roll = rng_u64(seed, 1, (uint64_t)i);
        const char *gap = roll % 4 ? " " : gaps[roll / 4 % 8];
        if (at.begin > end || roll % 16 == 0) buf_puts(out, gap);
        buf_add(out, text + at.begin, at.end - at.begin);
        end = at.end;
    }
    buf_puts(out, "");
    Diags *again = diags_new(arena);
    parse_script(arena, again, diag_add_file(again, "t.amal", out->data, out->len), out->data, out->len);
    bool ok = diag_error_count(again) == 0 && diag_error_count(ds) == 0;
    arena_free(arena);
    return ok;
}

static void test_repository(void **state) {
    (void)state;
    static const char *const patterns[] = {"stdlib/*.amal", "examples/*/*.amal", "docs/*/*.amal", "tests/*/*.amal"};
    int scripts = 0, drawn = 0;
    for (size_t k = 0; k < sizeof patterns / sizeof *patterns; k++) {
        glob_t found;
        if (glob(patterns[k], 0, NULL, &found) != 0) continue;
        for (size_t i = 0; i < found.gl_pathc; i++) {
            FILE *f = fopen(found.gl_pathv[i], "rb");
            assert_non_null(f);
            Buf text = {0}, other = {0};
            char part[4096];
            for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;) buf_add(&text, part, n);
            fclose(f);
            char *formatted = text.data ? format_of(text.data, text.len) : NULL;
            if (formatted) {
                scripts++;
                formats_once(text.data, text.len);
                for (uint64_t seed = 0; seed < 6; seed++) {
                    if (!redrawn(text.data, text.len, seed, &other)) continue;
                    drawn++;
                    formats_once(other.data, other.len);
                }
            }
            mem_free(formatted);
            buf_free(&text);
            buf_free(&other);
        }
        globfree(&found);
    }
    assert_true(scripts > 100);
    assert_true(drawn > scripts);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blanks),     cmocka_unit_test(test_lines),   cmocka_unit_test(test_columns),
        cmocka_unit_test(test_comments),   cmocka_unit_test(test_refused), cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_repository),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
