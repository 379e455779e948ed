/* test_mapping.c: resolution and the static mapping, against the definitions of semantics.md and the static rows of
 * edge-cases.md.
 *
 * A mapping is compared as text: one line a tgd, made by dump() from the MappingSpec alone. Every expectation was
 * worked out by hand from the definitions. Scripts whose diagnostics are tested must report exactly the codes named. */
#include "compiler/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/arena_testing.h"

static const char *const library = "algorithm ridge(lambda = 0.1, steps = 10) { fit(X: [n, d], y: [n, 1]) { w = "
                                   "solve(X' @ X + lambda * eye(d), X' @ y); return w; }\n"
                                   "  predict(X: [m, d]) { return X @ w; } }\n"
                                   "algorithm centres(k) { fit(X: [n, d]) { c = zeros(k, d); return c; } }\n"
                                   "metric rmse(y: [n, 1], p: [n, 1]) { return sqrt(mean((y - p) ^ 2)); }\n"
                                   "metric spread(p: [n, 1]) { return max(p) - min(p); }\n";

static Script *parse(const char *path, const char *text) {
    uint32_t file = diag_add_file(ds, path, text, strlen(text));
    Script *s = parse_script(arena, ds, file, text, strlen(text));
    s->path = path;
    return s;
}

static Program *resolve_in(const char *dir, const char *text) {
    Script *lib = parse("library.amal", library);
    Program *p = program_resolve(arena, ds, parse("test.amal", text), 1, &lib, dir);
    assert_non_null(p);
    return p;
}

static void restart(void) {
    arena_free(arena);
    (void)setup(NULL);
}

static char *messages(void) {
    Buf b = {0};
    diag_print_json(ds, &b);
    char *text = buf_take(&b);
    char *copy = arena_strdup(arena, text);
    mem_free(text);
    return copy;
}

/* The codes reported, in order, separated by blanks. */
static const char *codes(void) {
    Buf b = {0};
    const char *at = messages();
    while ((at = strstr(at, "\"code\""))) {
        const char *open = strchr(strchr(at, ':'), '"');
        buf_printf(&b, "%s%.4s", b.len ? " " : "", open + 1);
        at = open;
    }
    char *text = buf_take(&b);
    char *copy = arena_strdup(arena, text);
    mem_free(text);
    return copy;
}

static void expect_codes(const char *text, const char *expected) {
    restart();
    (void)resolve_in("", text);
    if (strcmp(codes(), expected)) print_message("%s\n%s\n", text, messages());
    assert_string_equal(codes(), expected);
}

static void expect_message(const char *part) {
    if (!strstr(messages(), part)) print_message("no \"%s\" in %s\n", part, messages());
    assert_non_null(strstr(messages(), part));
}

static MappingSpec *spec_of(const char *text) {
    restart();
    Program *p = resolve_in("", text);
    if (diag_error_count(ds)) print_message("%s\n%s\n", text, messages());
    assert_int_equal(diag_error_count(ds), 0);
    assert_true(p->targets.len >= 1);
    assert_non_null(p->targets.data[0].spec);
    return p->targets.data[0].spec;
}

/* ---------------- a mapping as text ---------------- */

static void dump_expr(Buf *b, const MappingSpec *s, const RowExpr *e) {
    switch (e->kind) {
    case RX_NUM: buf_printf(b, "%.15g%s", e->num, e->type == TY_DATE ? "d" : ""); return;
    case RX_TEXT: buf_printf(b, "'%s'", e->text); return;
    case RX_NULL: buf_puts(b, "null"); return;
    case RX_COLUMN: buf_printf(b, "%s.%d", s->roles[e->role].name, e->column); return;
    case RX_UNARY: buf_printf(b, "%s(", op_text(e->op)); break;
    case RX_BINARY: buf_printf(b, "%s(", op_text(e->op)); break;
    case RX_CALL: buf_printf(b, "%s(", e->text); break;
    case RX_ISNULL: buf_puts(b, e->num != 0 ? "notnull(" : "isnull("); break;
    case RX_IN: buf_puts(b, e->num != 0 ? "notin(" : "in("); break;
    case RX_ELSE: buf_puts(b, "else("); break;
    }
    for (int i = 0; i < e->nargs; i++) {
        if (i) buf_puts(b, ",");
        dump_expr(b, s, e->args[i]);
    }
    buf_puts(b, ")");
}

static void dump_alt(Buf *b, const MappingSpec *s, const HeadAlt *a) {
    switch (a->kind) {
    case HEAD_EXISTENTIAL: buf_puts(b, "?"); return;
    case HEAD_COLUMN: buf_printf(b, "%s.%d", s->roles[a->role].name, a->column); return;
    case HEAD_DERIVED: buf_printf(b, "%s:", s->roles[a->role].name); break;
    case HEAD_CONST: buf_puts(b, "const:"); break;
    case HEAD_MULTI: buf_puts(b, "multi:"); break;
    }
    dump_expr(b, s, a->expr);
}

static const char *dump_tgd(const MappingSpec *s, const TgdSpec *t) {
    Buf b = {0};
    buf_puts(&b, "{");
    for (int r = 0, first = 1; r < s->nroles; r++)
        if (t->body >> r & 1) {
            buf_printf(&b, "%s%s", first ? "" : " ", s->roles[r].name);
            first = 0;
        }
    buf_puts(&b, "}");
    for (int i = 0; i < t->neqs; i++)
        buf_printf(&b, " %s.%d=%s.%d", s->roles[t->eqs[i].a.role].name, t->eqs[i].a.column,
                   s->roles[t->eqs[i].b.role].name, t->eqs[i].b.column);
    for (int i = 0; i < t->nconds; i++) {
        buf_puts(&b, " if ");
        dump_expr(&b, s, t->conds[i]);
    }
    buf_puts(&b, " ->");
    for (int j = 0; j < s->ncols; j++) {
        buf_puts(&b, " ");
        for (int k = 0; k < t->head[j].nalts; k++) {
            if (k) buf_puts(&b, "|");
            dump_alt(&b, s, &t->head[j].alts[k]);
        }
    }
    char *text = buf_take(&b);
    char *copy = arena_strdup(arena, text);
    mem_free(text);
    return copy;
}

static const char *dump(const MappingSpec *s) {
    Buf b = {0};
    for (int t = 0; t < s->ntgds; t++) buf_printf(&b, "%s\n", dump_tgd(s, &s->tgds[t]));
    for (int j = 0; j < s->ncols; j++) {
        buf_printf(&b, "%s:", s->cols[j].name);
        for (int k = 0; k < s->cols[j].nprec; k++) buf_printf(&b, " %s", s->roles[s->cols[j].prec[k]].name);
        buf_puts(&b, "\n");
    }
    char *text = buf_take(&b);
    char *copy = arena_strdup(arena, text);
    mem_free(text);
    return copy;
}

static void expect_dump(const char *script, const char *expected) {
    const MappingSpec *s = spec_of(script);
    if (strcmp(dump(s), expected)) print_message("%s\n", script);
    assert_string_equal(dump(s), expected);
}

/* ---------------- the running example ---------------- */

#define SOURCES                                                                                                        \
    "source S1 from \"S1.csv\" { m: num, n: text, a: num, hr: num }\n"                                                 \
    "source S2 from \"S2.csv\" { m: num, n: text, a: num, o: num, dd: date }\n"
#define TARGET "target T { m: label num, a: feature num, hr: feature num, o: feature num }\n"

static void test_table_one(void **state) {
    (void)state;
    static const struct {
        const char *ascii, *logic, *sources, *expected;
    } rows[] = {
        {"m1: S1(m,n,a,hr) & S2(m,n,a,o,dd) -> T(m,a,hr,o); m2: S1(m,n,a,hr) -> exists o T(m,a,hr,o);\n"
         "m3: S2(m,n,a,o,dd) -> exists hr T(m,a,hr,o);",
         "m1 : ∀ m,n,a,hr,o,dd (S1(m,n,a,hr) ∧ S2(m,n,a,o,dd) → T(m,a,hr,o)); m2 : ∀ m,n,a,hr (S1(m,n,a,hr) → ∃o "
         "T(m,a,hr,o));\n"
         "m3 : ∀ m,n,a,o,dd (S2(m,n,a,o,dd) → ∃hr T(m,a,hr,o));",
         SOURCES,
         "{S1 S2} S1.0=S2.0 S1.1=S2.1 S1.2=S2.2 -> S1.0|S2.0 S1.2|S2.2 S1.3 S2.3\n"
         "{S1} -> S1.0 S1.2 S1.3 ?\n"
         "{S2} -> S2.0 S2.2 ? S2.3\n"
         "m: S1 S2\na: S1 S2\nhr: S1\no: S2\n"},
        {"m1: S1(m,n,a,hr) & S2(m,n,a,o,dd) -> T(m,a,hr,o);",
         "m1: ∀m,n,a,hr,o,dd (S1(m,n,a,hr) ∧ S2(m,n,a,o,dd) ⟶ T(m,a,hr,o));", SOURCES,
         "{S1 S2} S1.0=S2.0 S1.1=S2.1 S1.2=S2.2 -> S1.0|S2.0 S1.2|S2.2 S1.3 S2.3\n"
         "m: S1 S2\na: S1 S2\nhr: S1\no: S2\n"},
        {"m1: S1(m,n,a,hr) & S2(n,a,o,dd) -> T(m,a,hr,o); m2: S1(m,n,a,hr) -> exists o T(m,a,hr,o);",
         "m1: ∀m,n,a,hr,o,dd (S1(m,n,a,hr) ∧ S2(n,a,o,dd) ⟶ T(m,a,hr,o)); m2: ∀m,n,a,hr (S1(m,n,a,hr) ⟶ ∃o "
         "T(m,a,hr,o));",
         "source S1 from \"S1.csv\" { m: num, n: text, a: num, hr: num }\nsource S2 from \"S2.csv\" { n: text, a: num, "
         "o: num, dd: date }\n",
         "{S1 S2} S1.1=S2.0 S1.2=S2.1 -> S1.0 S1.2|S2.1 S1.3 S2.2\n"
         "{S1} -> S1.0 S1.2 S1.3 ?\n"
         "m: S1\na: S1 S2\nhr: S1\no: S2\n"},
        {"m2: S1(m,n,a,hr,o) -> T(m,a,hr,o); m3: S2(m,n,a,hr,o,dd) -> T(m,a,hr,o);",
         "m2: ∀m,n,a,hr,o (S1(m,n,a,hr,o) ⟶ T(m,a,hr,o)); m3: ∀m,n,a,hr,o,dd (S2(m,n,a,hr,o,dd) ⟶ T(m,a,hr,o));",
         "source S1 from \"S1.csv\" { m: num, n: text, a: num, hr: num, o: num }\n"
         "source S2 from \"S2.csv\" { m: num, n: text, a: num, hr: num, o: num, dd: date }\n",
         "{S1} -> S1.0 S1.2 S1.3 S1.4\n"
         "{S2} -> S2.0 S2.2 S2.3 S2.4\n"
         "m: S1 S2\na: S1 S2\nhr: S1 S2\no: S1 S2\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Buf a = {0}, l = {0};
        buf_printf(&a, "%s%s%s", rows[i].sources, TARGET, rows[i].ascii);
        buf_printf(&l, "%s%s%s", rows[i].sources, TARGET, rows[i].logic);
        char *ascii = buf_take(&a), *logic = buf_take(&l);
        expect_dump(ascii, rows[i].expected);
        expect_dump(logic, rows[i].expected);
        assert_int_equal(diag_warning_count(ds), 0); /* the forall list says that n and dd are meant */
        mem_free(ascii);
        mem_free(logic);
    }
}

static void test_optional_is_the_family(void **state) {
    (void)state;
    expect_dump(SOURCES TARGET "S1(m,n,a,hr)? & S2(m,n,a,o,_)? -> T(m,a,hr,o);",
                "{S1 S2} S1.0=S2.0 S1.1=S2.1 S1.2=S2.2 -> S1.0|S2.0 S1.2|S2.2 S1.3 S2.3\n"
                "{S1} -> S1.0 S1.2 S1.3 ?\n"
                "{S2} -> S2.0 S2.2 ? S2.3\n"
                "m: S1 S2\na: S1 S2\nhr: S1\no: S2\n");
    expect_dump(SOURCES TARGET "S1(m,n,a,hr) & S2(m,n,a,o,_)? -> T(m,a,hr,o);",
                "{S1 S2} S1.0=S2.0 S1.1=S2.1 S1.2=S2.2 -> S1.0|S2.0 S1.2|S2.2 S1.3 S2.3\n"
                "{S1} -> S1.0 S1.2 S1.3 ?\n"
                "m: S1 S2\na: S1 S2\nhr: S1\no: S2\n");
    /* the same set written from the last to the first keeps that order, and its base is S2 */
    expect_dump(SOURCES TARGET "m3: S2(m,n,a,o,_) -> exists hr T(m,a,hr,o); m2: S1(m,n,a,hr) -> exists o T(m,a,hr,o);\n"
                               "m1: S1(m,n,a,hr) & S2(m,n,a,o,_) -> T(m,a,hr,o);",
                "{S2} -> S2.0 S2.2 ? S2.3\n"
                "{S1} -> S1.0 S1.2 S1.3 ?\n"
                "{S2 S1} S2.0=S1.0 S2.1=S1.1 S2.2=S1.2 -> S2.0|S1.0 S2.2|S1.2 S1.3 S2.3\n"
                "m: S2 S1\na: S2 S1\nhr: S1\no: S2\n");
}

#define ABC                                                                                                            \
    "source A from \"a.csv\" { x: int, p: num }\n"                                                                     \
    "source B from \"b.csv\" { x: int, y: int, q: num }\n"                                                             \
    "source C from \"c.csv\" { y: int, r: num }\n"                                                                     \
    "target T { p: feature num, q: feature num, r: feature num }\n"

static void test_optional_chain(void **state) {
    (void)state;
    expect_dump(ABC "A(x, p)? & B(x, y, q) & C(y, r)? -> T(p, q, r);", "{B A C} B.0=A.0 B.1=C.0 -> A.1 B.2 C.1\n"
                                                                       "{B A} B.0=A.0 -> A.1 B.2 ?\n"
                                                                       "{B C} B.1=C.0 -> ? B.2 C.1\n"
                                                                       "{B} -> ? B.2 ?\n"
                                                                       "p: A\nq: B\nr: C\n");
    expect_dump(ABC "A(x, p)? & B(x, y, q)? & C(y, r)? -> T(p, q, r);", "{A B C} A.0=B.0 B.1=C.0 -> A.1 B.2 C.1\n"
                                                                        "{A B} A.0=B.0 -> A.1 B.2 ?\n"
                                                                        "{B C} B.1=C.0 -> ? B.2 C.1\n"
                                                                        "{A} -> A.1 ? ?\n"
                                                                        "{B} -> ? B.2 ?\n"
                                                                        "{C} -> ? ? C.1\n"
                                                                        "p: A\nq: B\nr: C\n");
    const MappingSpec *s = spec_of(ABC "link: A(x, p)? & B(x, y, q) & C(y, r)? -> T(p, q, r);");
    assert_string_equal(s->tgds[0].label, "link");
    assert_string_equal(s->tgds[3].label, "link without A, C");
}

static void test_many_optionals(void **state) {
    (void)state;
    for (int dims = 8; dims <= 13; dims += 5) {
        Buf b = {0};
        buf_puts(&b, "source F from \"f.csv\" {");
        for (int i = 0; i < dims; i++) buf_printf(&b, " k%d: int,", i);
        buf_puts(&b, " v: num }\n");
        for (int i = 0; i < dims; i++) buf_printf(&b, "source D%d from \"d%d.csv\" { k: int, v: num, key(k) }\n", i, i);
        buf_puts(&b, "target T { v: feature num");
        for (int i = 0; i < dims; i++) buf_printf(&b, ", c%d: feature num", i);
        buf_puts(&b, " }\nF(");
        for (int i = 0; i < dims; i++) buf_printf(&b, "k%d: x%d, ", i, i);
        buf_puts(&b, "v: v)");
        for (int i = 0; i < dims; i++) buf_printf(&b, " & D%d(k: x%d, v: v%d)?", i, i, i);
        buf_puts(&b, " -> T(v: v");
        for (int i = 0; i < dims; i++) buf_printf(&b, ", c%d: v%d", i, i);
        buf_puts(&b, ");\n");
        char *text = buf_take(&b);
        double start = time_now();
        if (dims == 8) {
            const MappingSpec *s = spec_of(text);
            assert_int_equal(s->ntgds, 256);
            assert_int_equal(s->nchecks, 8);
            assert_string_equal(dump_tgd(s, &s->tgds[255]), "{F} -> F.8 ? ? ? ? ? ? ? ?");
        } else
            expect_codes(text, "E161");
        assert_true(time_now() - start < 2.0);
        mem_free(text);
    }
}

/* ---------------- bodies ---------------- */

#define FLIGHTS                                                                                                        \
    "source flights from \"f.csv\" { tail: text, dest: text, x: num, late: num, day: date(\"%Y-%m-%d\") }\n"           \
    "source planes from \"p.csv\" { tail: text, year: num, seats: num, key(tail) }\n"                                  \
    "source airports from \"a.csv\" { faa: text, alt: num, key(faa) }\n"

static void test_conditions(void **state) {
    (void)state;
    expect_dump(
        FLIGHTS "target T { l: label num, s: feature num, alt: feature num }\n"
                "flights(tail: t, dest: d, late: a, day: w) & planes(tail: t, seats: s)? & airports(faa: d, alt: h)?\n"
                "& a is not null & w >= \"2013-01-31\" & s > 10 & d in {\"JFK\", \"EWR\"} & s + h < 9 -> T(l: a > 15, "
                "s: s, alt: h);",
        "{flights planes airports} flights.0=planes.0 flights.1=airports.0 if notnull(flights.3) if "
        ">=(flights.4,15736d) if >(planes.2,10)"
        " if in(flights.1,'JFK','EWR') if <(+(planes.2,airports.1),9) -> flights:>(flights.3,15) planes.2 airports.1\n"
        "{flights planes} flights.0=planes.0 if notnull(flights.3) if >=(flights.4,15736d) if >(planes.2,10)"
        " if in(flights.1,'JFK','EWR') -> flights:>(flights.3,15) planes.2 ?\n"
        "{flights airports} flights.1=airports.0 if notnull(flights.3) if >=(flights.4,15736d)"
        " if in(flights.1,'JFK','EWR') -> flights:>(flights.3,15) ? airports.1\n"
        "{flights} if notnull(flights.3) if >=(flights.4,15736d) if in(flights.1,'JFK','EWR') -> "
        "flights:>(flights.3,15) ? ?\n"
        "l: flights\ns: planes\nalt: airports\n");
    /* constants in atoms, a variable twice in one atom, x = y as a join, and `and` taken apart */
    expect_dump("source A from \"a.csv\" { x: int, y: int, s: text }\nsource B from \"b.csv\" { z: int, q: num "
                "}\ntarget T { q: feature num }\n"
                "A(v, v, \"on\") & B(w, q) & v = w and q > 0 -> T(q);",
                "{A B} A.0=B.0 if =(A.0,A.1) if =(A.2,'on') if >(B.1,0) -> B.1\nq: B\n");
    /* dates count days: 2013-01-31 is day 15736; a date less a date is a number */
    expect_dump(FLIGHTS "target T { n: feature num }\nflights(day: d, ...) -> T(n: d - \"2013-01-31\");",
                "{flights} -> flights:-(flights.4,15736d)\nn: flights\n");
}

static void test_heads(void **state) {
    (void)state;
    const char *two =
        "source A from \"a.csv\" { k: int, x: num, y: num }\nsource B from \"b.csv\" { k: int, z: num }\n";
    char *text = arena_printf(arena,
                              "%starget T { c: feature num, d: feature num, e: feature num, f: feature num }\n"
                              "A(k, x, y) & B(k, z) -> T(log(x) + k, 2 * 3, x * z, x | z);",
                              two);
    text = strdup(text);
    expect_dump(text,
                "{A B} A.0=B.0 -> A:+(log(A.1),A.0) const:*(2,3) multi:*(A.1,B.1) A.1|B.1\nc: A\nd:\ne:\nf: A B\n");
    free(text);
    /* k is equal by join: z + k can be computed by B alone; k by either */
    expect_dump(
        "source A from \"a.csv\" { k: int, x: num }\nsource B from \"b.csv\" { k: int, z: num }\n"
        "target T { c: feature num, d: feature num, x: feature num }\nA(k, x)? & B(k, z)? -> T(z + k, k + 1, x);",
        "{A B} A.0=B.0 -> B:+(B.1,B.0) A:+(A.0,1)|B:+(B.0,1) A.1\n"
        "{A} -> ? A:+(A.0,1) A.1\n"
        "{B} -> B:+(B.1,B.0) B:+(B.0,1) ?\n"
        "c: B\nd: A B\nx: A\n");
    /* under a match they need not be equal: A, the base, gives k */
    expect_dump("source A from \"a.csv\" { k: int, x: num }\nsource B from \"b.csv\" { k: int, z: num, p: int }\n"
                "target T { c: feature num, k: feature num, x: feature num }\nA(k, x) & B(k, z, _) -> T(z + k, k, "
                "x);\nmatch A, B on A.k = B.p;",
                "{A B} -> multi:+(B.1,A.0) A.0|B.0 A.1\nc:\nk: A B\nx: A\n");
}

static void test_precedence(void **state) {
    (void)state;
#define TWO                                                                                                            \
    "source A from \"a.csv\" { k: int, x: num }\nsource B from \"b.csv\" { k: int, x: num }\ntarget T { x: feature "   \
    "num }\n"
    expect_dump(TWO "A(k, x)? & B(k, y)? -> T(x | y);", "{A B} A.0=B.0 -> A.1|B.1\n{A} -> A.1\n{B} -> B.1\nx: A B\n");
    expect_dump(TWO "A(k, x)? & B(k, y)? -> T(y | x);", "{A B} A.0=B.0 -> B.1|A.1\n{A} -> A.1\n{B} -> B.1\nx: B A\n");
    /* a default at the end; a body without x has the default alone */
    expect_dump(TWO "A(k, _) & B(k, y)? -> T(y | 7);", "{A B} A.0=B.0 -> B:else(B.1,7)\n{A} -> const:7\nx: B\n");
    expect_codes(TWO "m1: A(k, x) & B(k, y) -> T(x | y); m2: A(k, x) & B(k, y) & x > 1 -> T(y | x);", "E213");
    /* the base of a left join is what every tgd needs, wherever it is written */
    expect_dump(TWO "match A, B on k; A(k, x)? & B(k, x) -> T(x);", "{B A} -> B.1|A.1\n{B} -> B.1\nx: B A\n");
    expect_dump(TWO "match A, B on k; A(k, x) & B(k, x) -> T(x); B(_, x) -> T(x);",
                "{B A} -> B.1|A.1\n{B} -> B.1\nx: B A\n");
    expect_dump(TWO "match A, B on k; A(k, x)? & B(k, x)? -> T(x);",
                "{A B} -> A.1|B.1\n{A} -> A.1\n{B} -> B.1\nx: A B\n");
    /* a head that does not name the base's column takes the other's */
    expect_dump(TWO "A(k, x) & B(k, _) -> T(x); B(_, x) -> T(x);", "{B A} B.0=A.0 -> A.1\n{B} -> B.1\nx: A B\n");
    /* the base of a left join is what every tgd needs, wherever it is written */
    expect_dump(TWO "match A, B on k; A(k, x)? & B(k, x) -> T(x);", "{B A} -> B.1|A.1\n{B} -> B.1\nx: B A\n");
    expect_dump(TWO "match A, B on k; A(k, x) & B(k, x) -> T(x); B(_, x) -> T(x);",
                "{B A} -> B.1|A.1\n{B} -> B.1\nx: B A\n");
    expect_dump(TWO "match A, B on k; A(k, x)? & B(k, x)? -> T(x);",
                "{A B} -> A.1|B.1\n{A} -> A.1\n{B} -> B.1\nx: A B\n");
#undef TWO
}

static void test_match(void **state) {
    (void)state;
#define PAIR                                                                                                           \
    "source A from \"a.csv\" { id: text, n: text, a: num, key(id) }\nsource B from \"b.csv\" { code: int, n: text, "   \
    "a: num, key(code) }\n"                                                                                            \
    "source C from \"c.csv\" { n: text, c: num }\ntarget T { a: feature num, c: feature num }\n"
    const MappingSpec *s = spec_of(PAIR "A(id, n, a)? & B(code, n, a)? & C(n, c)? -> T(a, c); match A, B on n;");
    assert_string_equal(dump_tgd(s, &s->tgds[0]),
                        "{A B C} A.1=C.0 -> A.2|B.2 C.1"); /* no equality between A and B, none twice with C */
    assert_string_equal(dump_tgd(s, &s->tgds[1]), "{A B} -> A.2|B.2 ?");
    assert_string_equal(dump_tgd(s, &s->tgds[3]), "{B C} B.1=C.0 -> B.2 C.1");
    assert_int_equal(s->nmatches, 1);
    assert_int_equal(s->matches[0].neqs, 1);
    assert_int_equal(s->matches[0].eqs[0].a.column, 1);
    assert_false(s->matches[0].one_to_one);
    s = spec_of(PAIR "A(_, _, a) & B(_, _, a) -> exists c T(a, c); C(_, c) -> exists a T(a, c);\n"
                     "match A, B via \"links.csv\" (left = l, right = r, score = p) assign one_to_one;");
    assert_true(s->matches[0].one_to_one);
    assert_int_equal(s->matches[0].left_col, 0); /* the only key */
    assert_int_equal(s->matches[0].right_col, 0);
    s = spec_of(PAIR "A(_, _, a) & B(_, _, a) -> exists c T(a, c); C(_, c) -> exists a T(a, c);\n"
                     "match A, B via \"links.csv\" (left = n, right = r, right_key = rowid);");
    assert_int_equal(s->matches[0].left_col, 1); /* a column of the same name */
    assert_int_equal(s->matches[0].right_col, -1);
#define REST "A(_, _, a) & B(_, _, a) -> exists c T(a, c); C(_, c) -> exists a T(a, c);\n"
    expect_codes(PAIR REST "match A, D on n;", "E111");
    expect_codes(PAIR "A(_, n, a) & B(_, n, a) -> exists c T(a, c); C(_, c) -> exists a T(a, c); match A, B on id;",
                 "E112");
    expect_codes(PAIR REST "match A, B on A.id = B.code;", "E130");
    expect_codes(PAIR REST "match A, B via \"l.csv\" (left = id);", "E151");
    expect_codes(PAIR REST "match A, B via \"l.csv\" (left = id, right = code, score2 = p);", "E151");
    expect_codes(PAIR REST "match A, B via \"l.csv\" (left = id, right = code, left_key = idd);", "E112");
    expect_codes(PAIR "A(_, n, a) & C(n, c) -> T(a, c); match A, C via \"l.csv\" (left = id, right = z);", "E151");
    expect_codes(PAIR REST "match A, B on n assign one_to_many;", "E151");
    expect_codes(PAIR REST "match A, B fuzzy { block n; };", "E190");
#undef REST
#undef PAIR
}

/* ---------------- diagnostics ---------------- */

static void test_bodies_wrong(void **state) {
    (void)state;
    expect_codes(SOURCES TARGET "S1(m,n,a) -> exists hr, o T(m,a,hr,o);", "E110");
    expect_message("S1 has 4 columns, the atom gives 3");
    expect_codes(SOURCES TARGET "S1(m,_,a,hr) -> exists o T(m,a,hr);", "E110");
    expect_message("`o` is missing");
    expect_codes(SOURCES TARGET "S1(m,_,a,hr) -> T(m: m, a: a, hr: hr);", "E110");
    expect_codes(SOURCES TARGET "S3(m,_,a,hr) -> exists o T(m,a,hr,o);", "E111");
    expect_message("did you mean `S1`?");
    expect_codes(SOURCES TARGET "S1(m,_,a,hr) -> exists o TT(m,a,hr,o);", "E111");
    expect_codes(SOURCES TARGET "S1(mm: m, a: a, hr: hr) -> exists o T(m,a,hr,o);", "E112");
    expect_codes(SOURCES TARGET "S1(m: m, a: a, hr: hr) -> exists o T(m: m, a: a, hr: hr, oo: o);", "E112");
    expect_message("target `T` has no column `oo`");
    expect_codes(SOURCES TARGET "S1(m: m, m: k, a: a, hr: hr) & k > 0 -> exists o T(m,a,hr,o);", "E113");
    expect_codes(SOURCES TARGET "S1(m,_,a,hr) -> T(m,a,hr,o);", "E120");
    expect_codes(SOURCES TARGET "S1(m,_,age,hr) & ago > 3 -> exists o T(m,age,hr,o);", "E120");
    expect_message("did you mean `age`?");
    expect_codes(SOURCES TARGET "S1(m,_,a,hr) -> exists o, a T(m,a,hr,o);", "E121");
    expect_codes(SOURCES TARGET "S1(m,_,a,hr) -> exists o T(m,a,hr,log(o));", "E122");
    expect_codes(SOURCES TARGET "S1(m,n,a,hr) & S2(n,_,_,o,_) -> T(m,a,hr,o);", "E130");
    expect_codes(SOURCES TARGET "S1(m,n,a,hr) & n > 3 -> exists o T(m,a,hr,o);", "E130");
    expect_codes(SOURCES TARGET "S1(m,n,a,hr) & n -> exists o T(m,a,hr,o);", "E130");
    expect_codes(SOURCES TARGET "S2(m,_,a,o,d) & d > \"2013-02-30\" -> exists hr T(m,a,hr,o);", "E130");
    expect_codes(SOURCES TARGET "S1(m,\"x\",\"x\",hr) -> exists a, o T(m,a,hr,o);", "E130");
    expect_codes(SOURCES TARGET "S1(m,_,a,hr) & a = null -> exists o T(m,a,hr,o);", "E130");
    expect_codes(SOURCES TARGET "S1(m,_,a,hr) -> exists z, o T(m,a,hr,o) & T(a,a,z,o);", "E140");
    expect_codes(SOURCES TARGET "S1(m,_,a,hr) -> exists o T(m,a,hr @ 2,o);", "E143");
    expect_codes(SOURCES TARGET "S1(m,_,a,hr) -> exists o T(m,a,lgo(hr),o);", "E144");
    expect_codes(SOURCES TARGET "S1(m,n,a,hr) & S1(m,n,_,_) -> exists o T(m,a,hr,o);", "E150");
    expect_codes(SOURCES TARGET "S1(m,_,a,hr) & S2(_,_,_,o,_) -> T(m,a,hr,o);", "E160");
    expect_codes(SOURCES TARGET
                 "S1 as r(m,n,a,hr) & S2 as s(_,n,_,o,_) -> T(m,a,hr,o); S2 as r(m,_,a,o,_) -> exists hr T(m,a,hr,o);",
                 "E152");
    expect_codes(SOURCES TARGET, "E170");
}

static void test_warnings(void **state) {
    (void)state;
    expect_codes(SOURCES TARGET "forall m, a, hr: S1(m,n,a,hr) & S2(_,n,_,o,_) -> T(m,a,hr,o);", "W122 W122");
    expect_codes(SOURCES TARGET "S1(m,n,a,hr) -> exists o T(m,a,hr,o); S2(m,_,a,o,_) -> exists hr T(m,a,hr,o);",
                 "W123");
    expect_codes(SOURCES TARGET "S1(m,n,a,hr) & S2(m,n,a,o,_)? -> T(m,a,hr,o);",
                 ""); /* once in a body with o left out: not single */
    expect_codes(SOURCES TARGET "S1(m,_,a,hr) -> exists o, z T(m,a,hr,o); S2(m,_,a,o,_) -> exists hr T(m,a,hr,o);",
                 "W124");
    expect_codes(SOURCES "target T { m: label num, a: feature num }\nS1(m,_,_,_) -> T(m > 1, m);", "W125");
    expect_codes(SOURCES "target T { a: feature num }\ntarget U { o: feature num }\n"
                         "S1(_,n,a,_) & S2(_,n,_,o,_) -> T(a) & U(o);",
                 "");
    const MappingSpec *s = spec_of(
        SOURCES TARGET "m1: S1(m,n,a,hr) & S2(m,n,a,o,_) -> T(m,a,hr,o); S2(m,n,a,o,_) & S1(m,n,a,hr) -> T(m,a,hr,o);");
    assert_string_equal(codes(), "W180");
    assert_int_equal(s->ntgds, 1);
    s = spec_of(SOURCES TARGET "S1(m,n,a,hr) & S2(m,n,a,o,_)? -> T(m,a,hr,o); S1(m,_,a,hr) -> exists o T(m,a,hr,o);");
    assert_string_equal(codes(), "W180");
    assert_int_equal(s->ntgds, 2);
}

static void test_columns_wrong(void **state) {
    (void)state;
    expect_codes(
        "source S from \"s.csv\" { c: text, x: num }\ntarget T { c: feature num, x: feature num }\nS(c, x) -> T(c, x);",
        "E131");
    expect_message("onehot");
    expect_codes(
        "source S from \"s.csv\" { c: text, x: num }\ntarget T { c: label num, x: feature num }\nS(c, x) -> T(c, x);",
        "E131");
    expect_codes(
        "source S from \"s.csv\" { c: date, x: num }\ntarget T { c: feature num, x: feature num }\nS(c, x) -> T(c, x);",
        "E131");
    expect_codes("source S from \"s.mtx\" { c: rowid, x: vector(4) }\ntarget T { x: feature num }\nS(_, x) -> T(x);",
                 "E131");
    expect_codes("source S from \"s.csv\" { c: text, x: num }\ntarget T { c: label onehot, x: feature num }\nS(c, x) "
                 "-> T(c, x);",
                 "E174");
    expect_codes("source S from \"s.csv\" { c: text, x: num }\ntarget T { c: feature hash(8), x: feature num }\nS(c, "
                 "x) -> T(c, x);",
                 "E190");
    expect_codes("source S from \"s.csv\" { c: text, x: num }\ntarget T { c: feature onehot missing mean, x: feature "
                 "num }\nS(c, x) -> T(c, x);",
                 "E178");
    expect_codes("source S from \"s.csv\" { c: num, x: num }\ntarget T { c: label num missing mean, x: feature num "
                 "}\nS(c, x) -> T(c, x);",
                 "E311");
    expect_codes("source S from \"s.csv\" { c: num, x: num }\ntarget T { c: label num, d: label num, x: feature num "
                 "}\nS(c, x) -> T(c, c, x);",
                 "E179");
    expect_codes(SOURCES "target T { a: feature num, b: feature num }\nS1(_,_,a,_) -> exists b T(a, b);", "E172");
    expect_codes(SOURCES "target T { a: feature num }\nS1(m,_,a,_) -> T(m | a);", "E210");
    expect_codes(SOURCES
                 "target T { a: feature num }\nm1: S1(_,n,a,_) & S2(_,n,_,_,_) -> T(a); m2: S1(m,_,_,_) -> T(m);",
                 "E211");
    /* S1 is in both bodies, but only one of them shows its column: the owner of the cell would be S1 all the same */
    expect_codes(SOURCES "target T { a: feature num, o: feature num }\nm1: S1(_,n,a,_) & S2(_,n,_,o,_) -> exists z "
                         "T(z, o); m2: S1(_,_,a,_) -> exists o T(a, o);",
                 "W123 E211");
    expect_codes(SOURCES "target T { a: feature num }\nm1: S1(_,_,a,_) -> T(a); m2: S1(_,_,a,_) -> T(a + 1);", "E211");
    expect_codes(SOURCES "target T { a: feature num }\nm1: S1(_,_,a,_) -> T(a); m2: S2(_,n,_,_,_) -> T(n);", "E173");
    expect_codes(SOURCES TARGET
                 "m1: S1(m,_,a,hr) -> exists o T(m,a,hr,o); m2: S2(_,_,a,o,_) -> exists m, hr T(m,a,hr,o);",
                 "E310");
    expect_codes(SOURCES "target T { m: label num missing drop, a: feature num }\nm1: S1(m,_,a,_) -> T(m,a); m2: "
                         "S2(_,_,a,_,_) -> exists m T(m,a);",
                 "");
    expect_codes(SOURCES "target T { m: label num, o: feature num }\nS1(m,n,_,_)? & S2(_,n,_,o,_) -> T(m, o);", "E310");
}

static void test_declarations_wrong(void **state) {
    (void)state;
    expect_codes(SOURCES "source S1 from \"x.csv\" { m: num }\n", "E113");
    expect_codes("source S from \"x.csv\" { m: num, m: num }\n", "E113");
    expect_codes("source S from \"x.csv\" { m: num, key(n) }\n", "E112");
    expect_codes(SOURCES "key S1(nn);", "E112");
    expect_codes(SOURCES "fk S1(n) -> S2(a);", "E130");
    expect_codes(SOURCES "fk S1(n, a) -> S2(n);", "E110");
    expect_codes(SOURCES "S1(n, a) & S1(n, b) -> a = b;", "E110");
    expect_codes(SOURCES "S1(n: n, a: a) & S2(n: n, a: b) -> a = b;", "E190");
    expect_codes("silo H at \"tcp://h\" policy local;\nsource S at H from \"x.csv\" { m: num }\n", "E190 E190");
    expect_codes("source S from \"postgres://db?table=t\" { m: num }\n", "E190");
    expect_codes(SOURCES "target T conflict mean { a: feature num }\nS1(a: a) -> T(a);", "E190");
    expect_codes(SOURCES "target T { a: feature num }\nS1(a: a) -> T(a);\nsplit T into train 0.8, test 0.3;", "E175");
    expect_codes(SOURCES "target T { a: feature num }\nS1(a: a) -> T(a);\nsplit T into train 0.8, train 0.1;", "E113");
    expect_codes(SOURCES "target T { a: feature num }\nS1(a: a) -> T(a);\nsplit T into train 0.8, test 0;", "E175");
    expect_codes(SOURCES "target T { a: feature num }\nS1(a: a) -> T(a);\nsplit U into train 0.8;", "E111");
    expect_codes("option max_row 5;", "E176");
    expect_message("did you mean `max_rows`?");
    expect_codes("option max_rows 0;", "E176");
    expect_codes("option egd wran;", "E176");
}

static void test_checks(void **state) {
    (void)state;
    const MappingSpec *s = spec_of(
        SOURCES
        "target T { a: feature num }\nS1(a: a, ...) -> T(a);\nkey S1(n);\nfd S1(n -> a, hr);\nfk S1(n) -> S2(n);\n"
        "S1(n: n, a: x) & S1(n: n, a: y) -> x = y;\nkey S2(n);\noption egd warn;\noption max_rows 5000;");
    assert_int_equal(s->nchecks, 4); /* S2 has no role here, so its own key does not matter */
    assert_int_equal(s->checks[0].kind, EGD_KEY);
    assert_int_equal(s->checks[1].kind, EGD_FD);
    assert_int_equal(s->checks[1].ncols2, 2);
    assert_int_equal(s->checks[1].cols2[1], 3);
    assert_int_equal(s->checks[2].kind, EGD_FK);
    assert_int_equal(s->checks[2].source2, 1);
    assert_int_equal(s->checks[3].kind, EGD_FD);
    assert_int_equal(s->checks[3].cols[0], 1);
    assert_int_equal(s->checks[3].cols2[0], 2);
    assert_true(s->egd_warn);
    assert_int_equal(s->max_rows, 5000);
}

static void test_wanted(void **state) {
    (void)state;
    restart();
    Program *p = resolve_in("", SOURCES TARGET "S1(m,n,a,hr) & S2(_,n,_,o,_)? -> T(m,a,hr,o);");
    assert_int_equal(diag_error_count(ds), 0);
    static const bool want2[] = {false, true, false, true, false};
    for (int c = 0; c < 4; c++) assert_true(p->sources.data[0].wanted[c]);
    for (int c = 0; c < 5; c++) assert_int_equal(p->sources.data[1].wanted[c], want2[c]);
    assert_int_equal(p->targets.data[0].nfeatures_known, 3);
    assert_true(p->targets.data[0].has_label);
}

/* ---------------- steps ---------------- */

#define DATA                                                                                                           \
    "source S from \"s.csv\" { x: num, y: num }\ntarget T { y: label num, x: feature num }\nS(x, y) -> T(y, x);\n"     \
    "target U { x: feature num }\nS(x, _) -> U(x);\nsplit T into train 0.8, test 0.2 seed 1;\n"

static void test_steps(void **state) {
    (void)state;
    expect_codes(DATA "train m = ridge(lambda = 1) on T.train; evaluate m on T.test with rmse; predict m on T.test to "
                      "\"p.csv\"; save m to \"m\";\n"
                      "for l in {1, 2} { train m = ridge(lambda = l) on T; print rmse; }\nload k from \"k\"; predict k "
                      "on T to \"k.csv\"; export T to \"t.csv\";",
                 "");
    expect_codes(DATA "train m = rigde() on T;", "E114");
    expect_message("did you mean `ridge`?");
    expect_codes(DATA "train m = ridge(lamda = 1) on T;", "E117");
    expect_message("did you mean `lambda`?");
    expect_codes(DATA "train m = ridge(lambda = 1, lambda = 2) on T;", "E113");
    expect_codes(DATA "train m = centres() on T;", "E117");
    expect_codes(DATA "train m = ridge() on V;", "E111");
    expect_codes(DATA "train m = ridge() on T.trian;", "E114");
    expect_codes(DATA "train m = ridge() on U;", "E171");
    expect_codes(DATA "train m = centres(k = 2) on U; evaluate m on U with rmse;", "E171");
    expect_codes(DATA "print label(U);", "E171");
    expect_codes(DATA "train m = ridge() on T; evaluate m on T with rsme;", "E114");
    expect_codes(DATA "evaluate m on T with rmse; train m = ridge() on T;", "E114");
    expect_message("steps run in order");
    expect_codes(DATA "train m = centres(k = 2) on U; predict m on U to \"p.csv\";", "E118");
    expect_codes(DATA "let T = 3;", "E113");
    expect_codes(DATA "train m = ridge() on T; let m = 3;", "E113");
    expect_codes(DATA "export T.half to \"t.csv\";", "E114");
    /* the script's own algorithm shadows the library's */
    restart();
    Program *p = resolve_in(
        "", DATA "algorithm ridge(q = 1) { fit(X: [n, d], y: [n, 1]) { return y; } }\ntrain m = ridge(q = 2) on T;");
    assert_string_equal(codes(), "");
    assert_string_equal(program_algorithm(p, "ridge")->hyper.data[0].name.text, "q");
    assert_non_null(program_metric(p, "rmse"));
    assert_null(program_metric(p, "ridge"));
}

static void test_params(void **state) {
    (void)state;
    expect_dump(
        "param limit = 15;\nsource S from \"s.csv\" { x: num }\ntarget T { x: feature num }\nS(x) & x < limit -> T(x);",
        "{S} if <(S.0,15) -> S.0\nx: S\n");
}

/* ---------------- files ---------------- */

static void write_file(const char *dir, const char *name, const char *text) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void test_use(void **state) {
    (void)state;
    char dir[] = "/tmp/amal-use-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char sub[600];
    snprintf(sub, sizeof sub, "%s/data", dir);
    assert_int_equal(mkdir(sub, 0700), 0);
    write_file(
        dir, "data/tables.amal",
        "use \"common.amal\";\nsource S from \"s.csv\" { x: num }\nsource Q from \"sqlite:q.db?table=t\" { x: num }\n");
    write_file(dir, "data/common.amal", "target T { x: feature num }\n");
    write_file(dir, "loop.amal", "use \"data/../loop2.amal\";\n");
    write_file(dir, "loop2.amal", "use \"loop.amal\";\n");
    restart();
    Program *p = resolve_in(dir, "use \"data/tables.amal\";\nuse \"data/common.amal\";\nS(x) -> T(x);\n");
    assert_string_equal(codes(), "");
    assert_int_equal(p->targets.len, 1); /* used along two ways, taken once */
    assert_string_equal(program_source(p, "S")->decl->uri, "data/s.csv");
    assert_string_equal(program_source(p, "Q")->decl->uri, "sqlite:data/q.db?table=t");
    restart();
    (void)resolve_in(dir, "use \"loop.amal\";\n");
    assert_string_equal(codes(), "E115");
    restart();
    (void)resolve_in(dir, "use \"nowhere.amal\";\n");
    assert_string_equal(codes(), "E116");
    static const char *const files[] = {"data/tables.amal", "data/common.amal", "loop.amal", "loop2.amal", "data", ""};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[700];
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        assert_int_equal(remove(path), 0);
    }
}

static void test_bind(void **state) {
    (void)state;
    const char *why = NULL, *version = NULL;
    if (!table_duckdb_available(&version, &why)) {
        print_message("skipped: reading a link file needs libduckdb: %s\n", why);
        skip();
    }
    char dir[] = "/tmp/amal-bind-XXXXXX";
    assert_non_null(mkdtemp(dir));
    write_file(dir, "links.csv", "idA,idB,p\n01,2,0.5\n1,1,0.75\n");
    restart();
    Program *p = resolve_in(dir, "source A from \"a.csv\" { id: text, a: num, key(id) }\nsource B from \"b.csv\" { a: "
                                 "num }\ntarget T { a: feature num }\n"
                                 "A(_, a) & B(a) -> T(a);\nmatch A, B via \"links.csv\" (left = idA, right = idB, "
                                 "right_key = rowid, score = p) assign one_to_one;");
    assert_string_equal(codes(), "");
    double num[] = {1, 2};
    int32_t text[] = {0, 1};
    Dict *dict = dict_new();
    assert_int_equal(dict_add(dict, "01", 2), 0);
    assert_int_equal(dict_add(dict, "1", 1), 1);
    Column a[] = {{.name = "id", .type = TY_TEXT, .codes = text, .dict = dict},
                  {.name = "a", .type = TY_NUM, .num = num}};
    Column b[] = {{.name = "a", .type = TY_NUM, .num = num}};
    Table *tables[] = {table_from_columns("A", 2, 2, a), table_from_columns("B", 2, 1, b)};
    TableOptions opt = {.base_dir = dir, .threads = 1};
    bool ok = mapping_bind(p, &p->targets.data[0], tables, &opt);
    if (!ok) print_message("%s\n", messages());
    assert_true(ok);
    const MatchSpec *m = &p->targets.data[0].spec->matches[0];
    const Column *left = &m->links->cols[m->link_left], *right = &m->links->cols[m->link_right];
    assert_int_equal(m->links->rows, 2);
    assert_non_null(left->codes); /* read as text, like the key: "01" is not 1 */
    assert_string_equal(left->dict->text[left->codes[0]], "01");
    assert_int_equal(right->ints[0], 2);
    assert_true(m->links->cols[m->link_score].num[1] == 0.75);
    assert_int_equal(m->right_col, -1);
    table_free(m->links);
    table_free(tables[0]);
    table_free(tables[1]);
    dict_free(dict);
    char path[600];
    snprintf(path, sizeof path, "%s/links.csv", dir);
    assert_int_equal(remove(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_table_one),
        T(test_optional_is_the_family),
        T(test_optional_chain),
        T(test_many_optionals),
        T(test_conditions),
        T(test_heads),
        T(test_precedence),
        T(test_match),
        T(test_bodies_wrong),
        T(test_warnings),
        T(test_columns_wrong),
        T(test_declarations_wrong),
        T(test_checks),
        T(test_wanted),
        T(test_steps),
        T(test_params),
        T(test_use),
        T(test_bind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
