/* test_parser.c: lexer, parser, constructors and canonical printing. Expected texts are written by hand from the
 * language's reference; every script that parses must also print to a text that parses to the same text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiler/ast.h"
#include <glob.h>
#include <stdlib.h>

typedef struct Parsed {
    Arena *arena;
    Diags *ds;
    Script *script;
    Buf text; /* canonical */
} Parsed;

static Parsed parse_bytes(const char *text, size_t len) {
    Parsed p = {.arena = arena_new()};
    p.ds = diags_new(p.arena);
    uint32_t file = diag_add_file(p.ds, "t.amal", text, len);
    p.script = parse_script(p.arena, p.ds, file, text, len);
    ast_print_script(&p.text, p.script);
    return p;
}

static Parsed parse(const char *text) {
    return parse_bytes(text, strlen(text));
}

static void drop(Parsed *p) {
    buf_free(&p->text);
    arena_free(p->arena);
}

static void expect_clean(const char *text) {
    Parsed p = parse(text);
    if (diag_error_count(p.ds)) {
        diag_print(p.ds, stderr, false);
        fail_msg("errors in: %s", text);
    }
    Parsed q = parse(p.text.data);
    if (diag_error_count(q.ds)) {
        diag_print(q.ds, stderr, false);
        fail_msg("errors in the canonical text of: %s", text);
    }
    assert_string_equal(p.text.data, q.text.data);
    assert_int_equal(p.script->stmts.len, q.script->stmts.len);
    drop(&p);
    drop(&q);
}

static void expect_text(const char *text, const char *canonical) {
    Parsed p = parse(text);
    if (diag_error_count(p.ds)) diag_print(p.ds, stderr, false);
    assert_int_equal(diag_error_count(p.ds), 0);
    assert_string_equal(p.text.data, canonical);
    drop(&p);
    expect_clean(canonical);
}

/* The codes of all messages, in order: "E010 E011". */
static void expect_codes_of(const char *text, size_t len, const char *codes) {
    Parsed p = parse_bytes(text, len);
    Buf json = {0}, found = {0};
    diag_print_json(p.ds, &json);
    for (const char *s = json.data; (s = strstr(s, "{\"code\": \"")); s += 10)
        buf_printf(&found, "%s%.4s", found.len ? " " : "", s + 10);
    if (strcmp(found.data ? found.data : "", codes) != 0) diag_print(p.ds, stderr, false);
    assert_string_equal(found.data ? found.data : "", codes);
    buf_free(&json);
    buf_free(&found);
    drop(&p);
}

static void expect_codes(const char *text, const char *codes) {
    expect_codes_of(text, strlen(text), codes);
}

/* A message, its place and its code, as printed on the first line. */
static void expect_first_line(const char *text, const char *line) {
    Parsed p = parse(text);
    char shown[4096] = "";
    FILE *f = tmpfile();
    assert_non_null(f);
    diag_print(p.ds, f, false);
    rewind(f);
    assert_non_null(fgets(shown, sizeof shown, f));
    assert_int_equal(fclose(f), 0);
    shown[strcspn(shown, "\n")] = 0;
    assert_string_equal(shown, line);
    drop(&p);
}

/* ---- what parses, and how it prints ---- */
static const char late[] =
    "# late.amal: will a flight arrive late?\n"
    "source flights  from \"flights.csv\"  (null = \"NA\") {\n"
    "  year: int, month: int, day: int, dep_time: num, dep_delay: num, arr_delay: num,\n"
    "  carrier: text, tailnum: text, origin: text, dest: text, distance: num\n}\n"
    "source planes   from \"planes.csv\"   (null = \"NA\") { tailnum: text, year: num, seats: num, engines: num, "
    "key(tailnum) }\n"
    "source airports from \"airports.csv\" (null = \"NA\") { faa: text, lat: num, lon: num, alt: num, key(faa) }\n\n"
    "target T {\n  late:     label   num,\n  distance: feature num,\n  carrier:  feature onehot,\n"
    "  built:    feature num missing mean,\n  seats:    feature num missing mean,\n  alt:      feature num missing "
    "0\n}\n\n"
    "m: flights(tailnum: t, dest: d, distance: x, carrier: c, arr_delay: a)\n   & planes(tailnum: t, year: b, seats: "
    "s)?\n"
    "   & airports(faa: d, alt: h)?\n   & a is not null\n"
    "   -> T(late: a > 15, distance: x, carrier: c, built: b, seats: s, alt: h);\n\n"
    "split T into train 0.8, test 0.2 seed 42;\n\n"
    "train risk = logistic_regression(iterations = 200, step = 0.5, standardize = true) on T.train;\n"
    "evaluate risk on T.test with auc, accuracy, log_loss;\npredict  risk on T.test to \"late.csv\";\n"
    "save     risk to \"late.model\";\n";

static void test_reference_script(void **state) {
    (void)state;
    expect_clean(late);
    Parsed p = parse(late);
    assert_int_equal(p.script->stmts.len, 10);
    const Stmt *s = p.script->stmts.data[0];
    assert_int_equal(s->kind, ST_SOURCE);
    assert_int_equal(s->source->columns.len, 11);
    assert_string_equal(s->source->options.data[0].name.text, "null");
    s = p.script->stmts.data[4];
    assert_int_equal(s->kind, ST_TGD);
    assert_string_equal(s->tgd->label.text, "m");
    assert_int_equal(s->tgd->body.len, 3);
    assert_false(s->tgd->body.data[0]->optional);
    assert_true(s->tgd->body.data[2]->optional);
    assert_int_equal(s->tgd->conditions.len, 1);
    assert_int_equal(s->tgd->conditions.data[0]->kind, EX_ISNULL);
    assert_int_equal(s->tgd->head.data[0]->args.data[0].value->op, OP_GT);
    int line, column;
    diag_locate(p.ds, s->tgd->body.data[1]->span, &line, &column);
    assert_int_equal(line, 19);
    assert_int_equal(column, 6);
    drop(&p);
}

static void test_statements(void **state) {
    (void)state;
    static const char *const clean[] = {
        "",
        ";;;",
        "# nothing\n",
        "#!/usr/bin/env amal\nlet a = 1;",
        "source S from \"x.csv\";",
        "source S at north from \"x.csv\" (delimiter = \";\", quote = \"'\", header = false, skip = 3);",
        "source S from \"x.csv\" { a: num as \"A a\" null \"\" not null, b: date(\"%d/%m\"), c: time(\"%H\"), d: "
        "vector(12), e: rowid, };",
        "source S from \"x.csv\" { a: bool, b: cat, c: int, key(a, b), key(c) }",
        "silo A at \"pg://h\" policy local;",
        "silo A at \"pg://h\" policy local, aggregate(10);",
        "silo A at \"pg://h\";",
        "target T order base conflict mean distinct { x: feature num }",
        "target T { y: label, w: weight num, i: id, a: feature hash(16), b: feature days(\"2000-01-01\"), c: feature "
        "ordinal missing \"u\","
        " d: feature onehot(base = \"1\") missing drop, e: feature vector, f: feature num missing -1.5, g: feature num "
        "missing error }",
        "S(a, b) -> T(a, b);",
        "S(a, _), R(b: b, ...) -> T(...);",
        "S(a: \"x\", b: 1, c: null, d: true, e: -1) -> T(a: 1);",
        "S as r(a), S as q(b: a)? -> T(a: a);",
        "S(x) & x in {1, 2, } & not x > 3 & (x + 1) * 2 = 4 -> T(x);",
        "S(x) and x > 3 and R(x) -> T(x);",
        "S(g) & contains(g, \"Drama\") & not starts(g, \"x\") -> T(g);",
        "S(x) & not R(x) -> T(x);",
        "S(x) & not exists R(x) -> T(x);",
        "S(x) & not exists y, z: R(x, y, z) -> T(x);",
        "S(x) & asof t1 <= t2 within 2 h -> T(x);",
        "S(x) -> exists y, z: T(x, y, z) & U(z);",
        "S(x) -> T(a: x | 0, b: log(x) + 1, c: x > 15, d: x = 1, e: (x | y) * 2);",
        "S(n, a) & S(n, b) -> a = b;",
        "e: forall n, a, b: S(n, a) & S(n, b) -> a = b;",
        "key S(n, m);",
        "fd S(x, y -> z);",
        "fk S(a, b) -> R(c, d);",
        "match S1, S2 on n, m;",
        "match S1, S2 on S1.pid = S2.patient assign many_to_one;",
        "match S1, S2 via \"links.csv\" (left = pid, right = rowid, score = p) assign one_to_one;",
        "match S1, S2 via \"links.csv\";",
        "match S1, S2 fuzzy { block year, soundex(name); accept probability >= 0.95; }",
        "split T into train 0.8, test 0.2 seed 42;",
        "split T into a 1;",
        "let x = 1;",
        "param lambda = 0.1;",
        "print X' @ X;",
        "train m = ols on T;",
        "train m = ridge(lambda = 0.1, standardize = true) on T.train;",
        "evaluate m on T with rmse;",
        "predict m on T.test to \"p.csv\";",
        "save m to \"m\"; load m from \"m\";",
        "option max_rows 1e9; option egd warn; option threads -1; option name \"x\";",
        "use \"o.amal\";",
        "export T to \"t.parquet\";",
        "export T.train to \"t.csv\" with provenance;",
        "for x in {0.1, 1, 10} { train m = ridge(lambda = x) on T; print x; }",
        "for i in 1..3 { for j in 0..i { print i + j; } }",
        "metric rmse(y: [n, 1], p: [n, 1]) { return sqrt(mean((y - p) ^ 2)); }",
        "algorithm a { fit(X: [n, d]) { return X; } }",
        "algorithm a(k, s = 1e-3) { predict(X: [m, d]) { return X; }; fit(X: [n, d], y: [n, 1], s: [n, 1]) { w = 1; "
        "return w, k; } }",
        "algorithm a { fit(X: [n, 3]) { repeat 3 { w = 1; } while (w < 3) { w = w + 1; } for i in 1..k { w = i; }"
        " for z in {1, 2} { } if (w = 1) { w = 2; } else if (w > 2) { w = 3; } else { w = 4; } return w; } }",
        "print X[1..3, ] + X[, 2] + X[i] + X[i, j] + X[,] + X[1..k, 2..3]';",
        "print rand(3, 4, seed = 1) + f((a = b)) + g(a == b);",
        "print -x ^ 2 - -3 + 2 ^ -1; print not a and b or not (c or d); print a is null = true;",
        "print \"a\\\"b\\\\c\\n\\t\";",
        "let a = .5 + 1e-3 + 1E+20 + 123456789012345678;",
        "let `resting HR` = `a b`.`c d` + `null` + `if`(1);"};
    for (size_t i = 0; i < sizeof clean / sizeof *clean; i++) expect_clean(clean[i]);
}

static void test_canonical(void **state) {
    (void)state;
    expect_text("print ((a)+(b*c));print (a+b)*c;", "print a + b * c;\nprint (a + b) * c;\n");
    expect_text("print a-(b-c)-d;print (a^b)^c^d;", "print a - (b - c) - d;\nprint (a ^ b) ^ c ^ d;\n");
    expect_text("print -(a^b) + (-a)^b; print (-a)'; print (a')';",
                "print -a ^ b + (-a) ^ b;\nprint (-a)';\nprint a'';\n");
    expect_text("print A @ b * c; print A @ (b * c);", "print A @ b * c;\nprint A @ (b * c);\n");
    expect_text("print not (a and b) or c; print (a > b) = c;", "print not (a and b) or c;\nprint (a > b) = c;\n");
    expect_text("print a ≤ b; print a ≥ b; print a ≠ b; print a == b;",
                "print a <= b;\nprint a >= b;\nprint a != b;\nprint a = b;\n");
    expect_text("let x=1 ; # one\n\n\n# two\nlet y=2;", "let x = 1;  # one\n\n# two\nlet y = 2;\n");
    expect_text("algorithm a{fit(X:[n,d]){w=1;# in\nreturn w;}}",
                "algorithm a {\n  fit(X: [n, d]) {\n    w = 1;  # in\n    return w;\n  }\n}\n");
    expect_text("target T{x:feature num,#a\ny:label num # b\n}",
                "target T {\n  x: feature num,  #a\n  y: label num  # b\n}\n");
    expect_text("S(a,b)&R(b)?->T(a:a>15);", "S(a, b) & R(b)? -> T(a: a > 15);\n");
}

static void test_logicians_marks(void **state) {
    (void)state;
    expect_text("m1: ∀ m,n,a,hr,o,dd (S1(m,n,a,hr) ∧ S2(m,n,a,o,dd) ⟶ T(m,a,hr,o));",
                "m1: forall m, n, a, hr, o, dd: S1(m, n, a, hr) & S2(m, n, a, o, dd) -> T(m, a, hr, o);\n");
    expect_text("∀m,n,a,hr (S1(m,n,a,hr) ⟶ ∃o T(m,a,hr,o));",
                "forall m, n, a, hr: S1(m, n, a, hr) -> exists o: T(m, a, hr, o);\n");
    expect_text("m: ∀x ∀y: S(x,y) → ∃z ∃w: T(x,z,w);", "m: forall x, y: S(x, y) -> exists z, w: T(x, z, w);\n");
    expect_text("forall x, y S(x, y) & (x + y) > 1 -> exists z T(x, z);",
                "forall x, y: S(x, y) & x + y > 1 -> exists z: T(x, z);\n");
    expect_text("∀ n,a,b (S(n,a) ∧ S(n,b) → a = b);", "forall n, a, b: S(n, a) & S(n, b) -> a = b;\n");
}

static void test_soft_keywords(void **state) {
    (void)state;
    static const char *const words[] = {
        "key",     "label",  "id",        "order",  "match", "model",   "feature",  "date",     "time",   "num",
        "is",      "in",     "not",       "as",     "with",  "on",      "to",       "from",     "via",    "source",
        "target",  "train",  "test",      "split",  "let",   "print",   "for",      "if",       "else",   "while",
        "repeat",  "return", "seed",      "at",     "into",  "missing", "conflict", "distinct", "and",    "or",
        "null",    "true",   "exists",    "forall", "asof",  "within",  "assign",   "fuzzy",    "policy", "fit",
        "predict", "metric", "algorithm", "use",    "load"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const char *w = words[i];
        Buf b = {0};
        buf_printf(&b,
                   "source S from \"x.csv\" (%s = 1) { %s: text, `b`: num, key(b) }\ntarget T { %s: feature num, y: "
                   "label num }\n",
                   w, w, w);
        buf_printf(&b, "S(%s: x, b: y) & R(`%s`, x)? -> T(%s: x, y: y);\n", w, w, w);
        buf_printf(&b, "%s: S(b: y) -> exists x: T(%s: x, y: y);\n", w, w);
        expect_clean(b.data);
        Parsed p = parse(b.data);
        assert_string_equal(p.script->stmts.data[0]->source->columns.data[0].name.text, w);
        assert_string_equal(p.script->stmts.data[2]->tgd->body.data[0]->args.data[0].column.text, w);
        assert_string_equal(p.script->stmts.data[3]->tgd->label.text, w);
        drop(&p);
        buf_free(&b);
    }
    /* as variables, without backquotes */
    expect_clean("S(key, order, to, is, in, as, with, on) & order > 3 & is is not null & in not in {1} & on = with -> "
                 "T(order, to, in, as);");
    expect_clean("algorithm a { fit(X: [n, d]) { for = 1; train = for + 2; print = train; if (print > 1) { from = 1; } "
                 "return from; } }");
    expect_clean(
        "evaluate on on on.on with with, on;  train in = as(to = 1) on with;  split seed into seed 0.5 seed 3;");
}

/* ---- what does not ---- */
static void test_errors(void **state) {
    (void)state;
    static const struct {
        const char *text, *codes;
    } cases[] = {{"S1(m,n -> T(m);\nlet x = 1;", "E010"},
                 {"let a = ;\nlet b = 1 + ;\nlet c = (2;", "E010 E010 E010"},
                 {"let a = 1\nprint a;", "E011"},
                 {"let a = 1", "E011"},
                 {"let a = (1", "E012"},
                 {"trian m = ols() on T;", "E010"},
                 {"w = 3;", "E010"},
                 {"print \"abc\nprint 1;", "E003"},
                 {"print `abc\nprint 1;", "E005"},
                 {"print ``;", "E005"},
                 {"print 1; /* open", "E004"},
                 {"print \"a\\qb\";", "E006"},
                 {"print a % b;", "E007"},
                 {"print 'x';", "E007"},
                 {"print “x”;", "E007"},
                 {"print größe;", "E007"},
                 {"print a && b;", "E007"},
                 {"print 12abc;", "E008"},
                 {"print 1e999;", "E008"},
                 {"print 1e-999;", "E008"},
                 {"source S from \"x\" { a: float, b: num num, c: int }", "E014 E010"},
                 {"target T { a: input num, b: feature dummy, c: feature num missing avg }", "E015 E016 E024"},
                 {"target T order first { a: feature num }", "E024"},
                 {"target T order tgd order base { a: feature num }", "E017"},
                 {"target T { a: feature hash(0), b: feature days, c: feature num(3) }", "E018 E018 E018"},
                 {"source S from \"x\" { a: vector(0), b: date(3), c: num(3) }", "E018 E018 E018"},
                 {"source S from \"x\" { a: num as \"x\" as \"y\" }", "E017"},
                 {"source S from \"x\" { unique(a), b: num }", "E024"},
                 {"train m = ridge(0.1) on T;", "E019"},
                 {"S(a: x, y) -> T(a: x);", "E019"},
                 {"S(..., a: x) -> T(a: x);", "E019"},
                 {"print rand(3, seed: 1);", "E020"},
                 {"S(x) & x > 3? -> T(x);", "E020"},
                 {"algorithm a { predict(X: [m, d]) { return X; } }", "E021"},
                 {"algorithm a { fit(X: [n, d]) { } fit(X: [n, d]) { } score(X: [n, d]) { } }", "E021 E021"},
                 {"S(x) -> x > 3;", "E022"},
                 {"S(x) -> T(x)?;", "E022"},
                 {"S(x) -> not T(x);", "E022"},
                 {"S(n, a) & a > 3 -> a = n;", "E022"},
                 {"match A, B on A.x > B.y;", "E022"},
                 {"export T to \"t\" with lineage;", "E024"},
                 {"S(x) & asof t1 > t2 within 2 h -> T(x);", "E025"},
                 {"algorithm a { fit(X: [n, d]) { w = = 1; v = 2; u = ; return v; } }\nlet x = ;", "E010 E010 E010"},
                 {"algorithm a( { fit(X: [n, d]) { w = 1; } }\nlet x = ;", "E010 E010"},
                 {"for x in {1, 2} { let a = ; print x; }\nlet y = ;", "E010 E010"},
                 {"}", "E010"},
                 {")", "E010"},
                 {"a.b.;", "E010"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) expect_codes(cases[i].text, cases[i].codes);
}

static void test_recovery_keeps_the_rest(void **state) {
    (void)state;
    Parsed p = parse("S1(m,n -> T(m);\nlet x = 1;\nlet = 3;\nlet y = 2\ntrain m = ols() on T;\nsource S from \"s\" { "
                     "a: num num, b: int }\nprint x;");
    assert_int_equal(diag_error_count(p.ds), 4);
    int kinds[8], n = 0;
    for (int i = 0; i < p.script->stmts.len && n < 8; i++) kinds[n++] = p.script->stmts.data[i]->kind;
    assert_int_equal(n, 4);
    assert_int_equal(kinds[0], ST_LET);
    assert_int_equal(kinds[1], ST_TRAIN);
    assert_int_equal(kinds[2], ST_SOURCE);
    assert_int_equal(kinds[3], ST_PRINT);
    drop(&p);
}

static void test_words_of_errors(void **state) {
    (void)state;
    expect_first_line("S1(m,n -> T(m);", "t.amal:1:8: error[E010]: expected `)`, `,` or `:`, found `->`");
    expect_first_line("let x = 3\ntrain m = ols() on T;",
                      "t.amal:1:10: error[E011]: expected `;` after the statement, found `train`");
    expect_first_line("source S form \"x\";", "t.amal:1:10: error[E010]: expected `from` or `at`, found `form`");
    expect_first_line("let é = 1;", "t.amal:1:5: error[E007]: a name with letters beyond A to Z");
    expect_first_line("/* é */ let = 1;", "t.amal:1:16: error[E010]: expected `->`, `,` or `&`, found `;`");
    expect_first_line("print \"abc", "t.amal:1:7: error[E003]: this text has no end");
    expect_first_line("\n  /* abc", "t.amal:2:3: error[E004]: this comment has no end");
    expect_first_line("print (a", "t.amal:1:9: error[E012]: expected `)`, found the end of the file");
    expect_first_line("print (a\n\n", "t.amal:1:9: error[E012]: expected `)`, found the end of the file");
    expect_first_line("print a + * b;", "t.amal:1:11: error[E010]: expected an expression, found `*`");
}

/* ---- hostile texts ---- */
static char *repeated(const char *head, const char *piece, int times, const char *tail) {
    Buf b = {0};
    buf_puts(&b, head);
    for (int i = 0; i < times; i++) buf_puts(&b, piece);
    buf_puts(&b, tail);
    return buf_take(&b);
}

static void expect_repeated(const char *head, const char *piece, int times, const char *tail, const char *codes) {
    char *text = repeated(head, piece, times, tail);
    expect_codes(text, codes);
    mem_free(text);
}

static void test_nesting(void **state) {
    (void)state;
    expect_repeated("print ", "(", 255, "1", "E012");
    expect_repeated("print ", "(", 257, "1", "E009");
    expect_repeated("print ", "(", 100000, "", "E009");
    expect_repeated("print ", "f(", 5000, "", "E009");
    expect_repeated("print ", "x[", 5000, "", "E009");
    expect_repeated("", "for x in {1} {", 5000, "", "E009");
    expect_repeated("print ", "-", 100000, "1;", "E009");
    expect_repeated("print ", "not ", 100000, "x;", "E009");
    expect_repeated("print 1", "^2", 100000, ";", "E009");
    expect_repeated("print 1", "+2", 900, ";", "");
    expect_repeated("print 1", "+2", 100000, ";", "E009");
    expect_repeated("print x", "'", 100000, ";", "E009");
    expect_repeated("print x", ".y", 100000, ";", "E009");
    expect_repeated("let x = 1;", "S(x) -> T(x);", 5000, "", "");
    expect_repeated("S(x)", " & S(x)", 5000, " -> T(x);", "");
    expect_repeated("algorithm a { fit(X: [n, d]) { if (a) { }", " else if (a) { }", 300, " return X; } }", "");
    char *text = repeated("algorithm a { fit(X: [n, d]) { if (a) { }", " else if (a) { }", 100000, " return X; } }");
    Parsed p = parse(text); /* too deep for the parser's stack, and said so */
    assert_int_equal(diag_error_count(p.ds), 1);
    drop(&p);
    mem_free(text);
}

static void test_bad_bytes(void **state) {
    (void)state;
    expect_codes_of("let a\0 = 1;", 11, "E001");
    expect_codes_of("\0\0\0\0", 4, "E001");
    expect_codes("let a = \"\xff\xfe\";", "E002");
    expect_codes("# \xc3\nlet a = 1;", "E002");
    expect_codes("let a = \xf0\x9f\x98\x80;", "E007");
    expect_codes("\xed\xa0\x80 let a = 1;", "E002");
    expect_codes("\xef\xbb\xbflet a = 1;\r\nlet b = 2;\r\n", "");
    expect_codes("let\u00a0a = 1;", "");
    expect_codes("let a = 1;\x01", "E007");
    expect_codes("let a = \"\x01\";", "");
    Parsed p = parse("let a = 1; \xff let b = 2; \xff let c = 3;");
    assert_int_equal(diag_error_count(p.ds), 2);
    assert_int_equal(p.script->stmts.len, 3);
    drop(&p);
}

static void test_every_prefix(void **state) {
    (void)state;
    static const char tail[] =
        "match A, B via \"l\" (left = a) assign one_to_one; algorithm r(l = 0.1) { fit(X: [n, d]) { w = X[1..2, ]';"
        " if (w is null) { return w; } else { repeat 3 { w = w ^ -1; } } } } # c\n/* d */ m: ∀x (S(x) → ∃y T(x, y));";
    Buf all = {0};
    buf_puts(&all, late);
    buf_puts(&all, tail);
    for (size_t n = 0; n <= all.len; n++) {
        Parsed p = parse_bytes(all.data, n);
        drop(&p);
    }
    /* and every byte left out, one at a time */
    Buf cut = {0};
    for (size_t n = 0; n < sizeof tail - 1; n++) {
        cut.len = 0;
        buf_add(&cut, tail, n);
        buf_add(&cut, tail + n + 1, sizeof tail - 2 - n);
        Parsed p = parse_bytes(cut.data, cut.len);
        drop(&p);
    }
    buf_free(&cut);
    buf_free(&all);
}

static void test_many_errors(void **state) {
    (void)state;
    char *text = repeated("", "let = ;\n", 20000, "print 1;");
    Parsed p = parse(text);
    assert_int_equal(p.script->stmts.len, 1);
    assert_true(diag_error_count(p.ds) >= 1000);
    drop(&p);
    mem_free(text);
}

static void test_too_long(void **state) {
    (void)state;
    size_t len = (64u << 20) + 1;
    char *text = mem_try(len, 1);
    assert_non_null(text);
    memset(text, ' ', len);
    expect_codes_of(text, len, "E013");
    mem_free(text);
}

/* ---- memory that fails ---- */
static jmp_buf out_of_memory;
static void leave(size_t bytes) {
    (void)bytes;
    longjmp(out_of_memory, 1);
}

static void test_failing_allocations(void **state) {
    (void)state;
    static const char text[] =
        "source S from \"s\" { a: num, key(a) }\ntarget T { x: feature num }\nm: S(a: x) & x in {1} -> T(x: x | 0);\n"
        "let = 1;\nprint f(x = 1)[1..2, ]';\nalgorithm a { fit(X: [n, d]) { w = 1; return w; } }\n";
    mem_on_exhaustion(leave);
    volatile int failures = 0;
    for (volatile int64_t n = 1;; n++) {
        Arena *volatile arena = NULL;
        volatile bool done = false;
        if (setjmp(out_of_memory) == 0) {
            mem_fail_after(n);
            arena = arena_new();
            Diags *ds = diags_new(arena);
            uint32_t file = diag_add_file(ds, "t.amal", text, sizeof text - 1);
            Script *s = parse_script(arena, ds, file, text, sizeof text - 1);
            mem_fail_after(-1);
            assert_int_equal(s->stmts.len, 5);
            done = true;
        } else {
            failures++;
        }
        mem_fail_after(-1);
        arena_free(arena);
        if (done) break;
        assert_true(n < 10000);
    }
    mem_on_exhaustion(NULL);
    assert_true(failures > 3); /* the arena, and chunks of it that double */
}

/* ---- the scripts that are there ---- */
static void test_scripts_of_the_tree(void **state) {
    (void)state;
    static const char *const patterns[] = {"stdlib/*.amal", "examples/*/*.amal"};
    for (size_t i = 0; i < 2; i++) {
        glob_t found;
        if (glob(patterns[i], 0, NULL, &found) != 0) continue; /* run from another folder */
        for (size_t k = 0; k < found.gl_pathc; k++) {
            FILE *f = fopen(found.gl_pathv[k], "rb");
            assert_non_null(f);
            Buf b = {0};
            char part[4096];
            for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;) buf_add(&b, part, n);
            assert_int_equal(fclose(f), 0);
            expect_clean(b.data);
            buf_free(&b);
        }
        globfree(&found);
    }
}

/* ---- details of the tree ---- */
static void test_tree(void **state) {
    (void)state;
    Parsed p = parse("# how it works\n# in two lines\nalgorithm a(k = 3) { fit(X: [n, 2]) { return X; } }\n"
                     "# not this one\n\nalgorithm b { fit(X: [n, d]) { return X; } }\n"
                     "print f(1, a = 2, b == 3);\nS as r(x: v) & contains(v, \"q\") & not R(v) -> T(x: v | 0);\n"
                     "match A, B on n, A.x = B.y;\nprint X[, 1..2];");
    assert_int_equal(diag_error_count(p.ds), 0);
    Stmt *const *s = p.script->stmts.data;
    assert_string_equal(s[0]->algorithm->doc, "how it works\nin two lines");
    assert_int_equal((int)s[0]->algorithm->fit->params.data[0].dims.data[1]->num, 2);
    assert_null(s[1]->algorithm->doc);
    assert_null(s[1]->algorithm->predict);
    const Expr *call = s[2]->print;
    assert_int_equal(call->kind, EX_CALL);
    assert_int_equal(call->nargs, 2);
    assert_int_equal(call->named.len, 1);
    assert_string_equal(call->named.data[0].name.text, "a");
    assert_int_equal(call->args[1]->op, OP_EQ);
    const TgdDecl *t = s[3]->tgd;
    assert_string_equal(t->body.data[0]->role.text, "r");
    assert_int_equal(t->body.len, 2);
    assert_true(t->body.data[1]->negated);
    assert_int_equal(t->conditions.len, 1);
    assert_int_equal(t->head.data[0]->args.data[0].value->kind, EX_ELSE);
    assert_int_equal(s[4]->match->on.len, 1);
    assert_int_equal(s[4]->match->on_exprs.len, 1);
    const Expr *index = s[5]->print;
    assert_int_equal(index->nargs, 3);
    assert_null(index->args[1]);
    assert_int_equal(index->args[2]->kind, EX_RANGE);
    drop(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reference_script),
                                       cmocka_unit_test(test_statements),
                                       cmocka_unit_test(test_canonical),
                                       cmocka_unit_test(test_logicians_marks),
                                       cmocka_unit_test(test_soft_keywords),
                                       cmocka_unit_test(test_errors),
                                       cmocka_unit_test(test_recovery_keeps_the_rest),
                                       cmocka_unit_test(test_words_of_errors),
                                       cmocka_unit_test(test_nesting),
                                       cmocka_unit_test(test_bad_bytes),
                                       cmocka_unit_test(test_every_prefix),
                                       cmocka_unit_test(test_many_errors),
                                       cmocka_unit_test(test_too_long),
                                       cmocka_unit_test(test_failing_allocations),
                                       cmocka_unit_test(test_scripts_of_the_tree),
                                       cmocka_unit_test(test_tree)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
