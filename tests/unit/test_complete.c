/* test_complete.c: what completion offers at places of scripts. In the texts `|` is the cursor. */
#include "compiler/complete.h"
#include "compiler/scan.h"
#include "compiler/script.h"
#include <setjmp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char declarations[] = "source flights from \"f.csv\" { tailnum: text, dest: text, `arr delay`: num }\n"
                                   "source planes from \"p.csv\" { tailnum: text, seats: num, key(tailnum) }\n"
                                   "target T { late: label num, seats: feature num }\n"
                                   "flights(tailnum: t, `arr delay`: a) & planes(tailnum: t, seats: s)?\n"
                                   "  & a is not null -> T(late: a > 15, seats: s);\n"
                                   "split T into train 0.8, test 0.2 seed 1;\n"
                                   "param lambda = 0.1;\n"
                                   "train risk = ridge(lambda = lambda) on T.train;\n"
                                   "let best = 3;\n";

typedef struct Fixture {
    Arena *arena;
    Program *program;
    char folder[64];
} Fixture;

static void write_file(const char *folder, const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int set_up(void **state) {
    static Fixture f;
    f.arena = arena_new();
    strcpy(f.folder, "/tmp/amal_complete_XXXXXX");
    assert_non_null(mkdtemp(f.folder));
    write_file(f.folder, "script.amal", declarations);
    write_file(f.folder, "planes.csv", "tailnum,seats\n");
    write_file(f.folder, "plain.txt", "\n");
    char path[128];
    snprintf(path, sizeof path, "%s/places", f.folder);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/script.amal", f.folder);
    Diags *ds = diags_new(f.arena);
    f.program = script_open(f.arena, ds, path, 0, NULL);
    diag_print(ds, stderr, false);
    assert_int_equal(diag_error_count(ds), 0);
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    Fixture *f = *state;
    static const char *const files[] = {"script.amal", "planes.csv", "plain.txt"};
    char path[128];
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", f->folder, files[i]);
        (void)unlink(path);
    }
    snprintf(path, sizeof path, "%s/places", f->folder);
    (void)rmdir(path);
    (void)rmdir(f->folder);
    arena_free(f->arena);
    return 0;
}

static Completions at_mark(const Fixture *f, const Program *p, const char *marked) {
    const char *mark = strchr(marked, '|');
    assert_non_null(mark);
    size_t before = (size_t)(mark - marked);
    char *text = arena_printf(f->arena, "%.*s%s", (int)before, marked, mark + 1);
    return complete_at(f->arena, p, f->folder, text, strlen(text), before);
}

static bool offers(const Completions *c, const char *word) {
    for (int i = 0; i < c->found.len; i++)
        if (strcmp(c->found.data[i].text, word) == 0) return true;
    return false;
}

/* `wanted`: words that are offered, a blank inside one written `+`; after a `!` words that are not. */
static void expect(const Fixture *f, const Program *p, const char *marked, const char *wanted) {
    Completions c = at_mark(f, p, marked);
    bool want = true;
    char *words = arena_strdup(f->arena, wanted);
    for (char *w = strtok(words, " "); w; w = strtok(NULL, " ")) {
        if (strcmp(w, "!") == 0) {
            want = false;
            continue;
        }
        for (char *plus = strchr(w, '+'); plus; plus = strchr(plus, '+')) *plus = ' ';
        if (offers(&c, w) == want) continue;
        fprintf(stderr, "%s: `%s` is %soffered; offered are:", marked, w, want ? "not " : "");
        for (int i = 0; i < c.found.len; i++) fprintf(stderr, " %s", c.found.data[i].text);
        fputs("\n", stderr);
        fail();
    }
}

static const char *const places[][2] = {
    {"|", "source target train let print flights T sigmoid risk best ! tailnum auc"},
    {"so|", "source solve ! target train"},
    {"x |", "! source flights"},
    {"source s |", "from at ! flights"},
    {"source s from \"x\" (|", "null delimiter header"},
    {"source s from \"x\" (header = |", "true false ! delimiter"},
    {"source s from \"x\" { a: |", "num text cat date rowid ! feature"},
    {"source s from \"x\" { a: t|", "text time ! num"},
    {"source s from \"x\" { a: num |", "as null not"},
    {"target U { a: |", "feature label id ! num"},
    {"target U { a: feature |", "num onehot missing ! label"},
    {"target U { a: feature num missing |", "mean drop error"},
    {"target U |", "order conflict distinct"},
    {"target U conflict |", "base nonnull"},
    {"fl|", "flights floor ! planes"},
    {"flights(|", "tailnum dest `arr+delay` ! seats T sigmoid"},
    {"flights(tailnum: |", "! tailnum dest sigmoid"},
    {"flights(tailnum: t) & planes(tailnum: |", "t ! tailnum flights"},
    {"flights(tailnum: t) & planes(seats: s) -> |", "T exists ! print"},
    {"flights(tailnum: t) & planes(seats: s) -> T(|", "late seats ! tailnum"},
    {"m: flights as f(|", "tailnum dest"},
    {"key planes(|", "tailnum seats ! dest"},
    {"fk flights(tailnum) -> planes(|", "seats ! dest"},
    {"key |", "flights planes ! T"},
    {"match flights, |", "planes"},
    {"match flights, planes via \"l.csv\" (|", "left right score"},
    {"train m = |", "ridge kmeans logistic_regression ! T risk sigmoid"},
    {"train m = ridge(|", "lambda intercept ! iterations sigmoid"},
    {"train m = ridge(lambda = |", "best lambda ! intercept"},
    {"train m = ridge(lambda = 1) |", "on ! with"},
    {"train m = ridge() on |", "T T.train T.test ! flights"},
    {"train m = ridge() on T.|", "train test ! late"},
    {"evaluate |", "risk ! T ridge"},
    {"evaluate risk on T with |", "auc rmse ! T ridge"},
    {"evaluate risk on T with auc, a|", "accuracy auc ! rmse"},
    {"predict risk on T |", "to"},
    {"option |", "strategy threads max_rows precision"},
    {"option strategy |", "auto factorize materialize ! c"},
    {"option precision |", "double single ! auto"},
    {"print risk.|", "w b ! train"},
    {"risk.w|", "w ! b"},
    {"print sum(ri|", "risk ! T"},
    {"print features(T) |", "! T sigmoid"},
    {"let a = 1; print a + |", "a best risk sigmoid ! source"},
    {"for k in {1, 2} { train m = |", "ridge ! k"},
    {"for k in {1, 2} { |", "train print ! return"},
    {"algorithm a(step = 1) { fit(X: [n, d]) { |", "return repeat while ! train source"},
    {"algorithm a(step = 1) { fit(X: [n, d]) { w = X @ |", "step n X sigmoid ! flights return"},
    {"use \"|", "planes.csv plain.txt places/ script.amal"},
    {"source s from \"pla|", "planes.csv plain.txt places/ ! script.amal"},
    {"source s from \"sqlite:pla|", "planes.csv"},
    {"print \"|", "! planes.csv"},
    {"# so|", "! source"},
    {"/* so|", "! source"},
    {"source new from \"x\" { c1: num, c2: text }\nnew(|", "c1 c2"},
    {"target U { u1: label num }\nsplit U into a 0.5, b 0.5;\ntrain m = ridge() on U.|", "a b"},
    {"train fresh = ridge() on T; print fresh.|", "w b"},
};

static void test_places(void **state) {
    const Fixture *f = *state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) expect(f, f->program, places[i][0], places[i][1]);
}

/* Without a program the declarations of the text itself are known. */
static void test_text_alone(void **state) {
    const Fixture *f = *state;
    char *text = arena_printf(f->arena, "%sprint flights(|", declarations);
    expect(f, NULL, text, "tailnum dest");
    text = arena_printf(f->arena, "%sevaluate |", declarations);
    expect(f, NULL, text, "risk ! T");
    text = arena_printf(f->arena, "%strain m = ridge() on |", declarations);
    expect(f, NULL, text, "T T.test");
}

/* Any place of any text may be asked for; what comes replaces what stands before the cursor and starts with it. */
static void test_everywhere(void **state) {
    const Fixture *f = *state;
    size_t n = strlen(declarations);
    for (size_t cut = 0; cut <= n; cut++)
        for (int whole = 0; whole < 2; whole++) {
            Completions c = complete_at(f->arena, f->program, f->folder, declarations, whole ? n : cut, cut);
            assert_true(c.begin <= cut);
            for (int i = 0; i < c.found.len; i++) {
                const char *text = c.found.data[i].text, *typed = declarations + c.begin;
                if (*text == '`' && *typed != '`') text++; /* a name that needs them */
                assert_memory_equal(text, typed, cut - c.begin);
            }
        }
}

static void test_common(void **state) {
    const Fixture *f = *state;
    Completions c = at_mark(f, f->program, "use \"pla|");
    assert_string_equal(complete_common(f->arena, &c), "pla");
    c = at_mark(f, f->program, "sigm|");
    assert_string_equal(complete_common(f->arena, &c), "sigmoid");
    assert_int_equal(c.begin, 0);
}

static void test_states(void **state) {
    (void)state;
    static const struct {
        const char *text;
        ScanState state;
    } texts[] = {
        {"", SCAN_EMPTY},
        {" # note\n", SCAN_EMPTY},
        {"print 1;", SCAN_FINISHED},
        {"print 1; # note", SCAN_FINISHED},
        {"print 1", SCAN_UNFINISHED},
        {"print 1; let", SCAN_UNFINISHED},
        {"print (1;", SCAN_UNFINISHED},
        {"source s from \"x\" { a: num }", SCAN_FINISHED},
        {"source s from \"x\" {", SCAN_UNFINISHED},
        {"source s from \"x\"", SCAN_UNFINISHED},
        {"for x in {1, 2}", SCAN_UNFINISHED},
        {"for x in {1, 2} { print x; }", SCAN_FINISHED},
        {"S(a: x) & x in {1, 2}", SCAN_UNFINISHED},
        {"algorithm a() { fit(X: [n, d]) { return w; }", SCAN_UNFINISHED},
        {"algorithm a() { fit(X: [n, d]) { return w; } }", SCAN_FINISHED},
        {"print \"a;b\"", SCAN_UNFINISHED},
        {"print 1; /* and", SCAN_UNFINISHED},
        {"print \"no end;\n", SCAN_FINISHED}, /* the parser will say what is wrong with it */
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (scan_state(texts[i].text, strlen(texts[i].text)) != texts[i].state)
            fail_msg("`%s` is %d", texts[i].text, (int)scan_state(texts[i].text, strlen(texts[i].text)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places), cmocka_unit_test(test_text_alone), cmocka_unit_test(test_everywhere),
        cmocka_unit_test(test_common), cmocka_unit_test(test_states),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
