/* fuzz_parser.c: the lexer, the parser, the printer and the diagnostics under broken input.
 *
 * What must hold for every text: no crash, no endless loop; and when a script has no errors, its canonical text
 * has none either and prints the same again; formatting it gives a text that formatting leaves alone.
 *
 * LLVMFuzzerTestOneInput is the usual entry (build with -fsanitize=fuzzer -DAMAL_LIBFUZZER). Without libFuzzer:
 *   fuzz_parser --seconds N [--seed S] [--only I] [FILES]
 * mutates the seeds below and the scripts of stdlib/, examples/ and tests/ for N seconds. Run I of seed S depends
 * on nothing else, so that a failure is repeated by --seed S --only I; files named are run as they stand. */
#include "compiler/format.h"
#include <glob.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *what, const char *first, const char *second) {
    fprintf(stderr, "FAILED: %s\n--- first\n%s\n--- second\n%s\n", what, first, second);
    abort();
}

/* That the formatted text means the same is checked by format_text itself. */
static void check_format(Arena *arena, Diags *ds, const char *text, size_t size) {
    Buf once = {0}, twice = {0};
    bool ok = format_text(arena, ds, diag_add_file(ds, "fuzz.amal", text, size), text, size, &once);
    buf_puts(&once, "");
    ok = ok && format_text(arena, ds, diag_add_file(ds, "once.amal", once.data, once.len), once.data, once.len, &twice);
    buf_puts(&twice, "");
    if (!ok) fail("a script without errors is not formatted", text, once.data);
    if (strcmp(once.data, twice.data) != 0) fail("formatting twice is not formatting once", once.data, twice.data);
    buf_free(&once);
    buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static FILE *nowhere;
    if (!nowhere && !(nowhere = fopen("/dev/null", "w"))) abort();
    Arena *arena = arena_new();
    Diags *ds = diags_new(arena);
    uint32_t file = diag_add_file(ds, "fuzz.amal", (const char *)data, size);
    Script *script = parse_script(arena, ds, file, (const char *)data, size);
    diag_print(ds, nowhere, true);
    Buf first = {0}, second = {0};
    ast_print_script(&first, script);
    if (diag_error_count(ds) == 0) {
        file = diag_add_file(ds, "printed.amal", first.data, first.len);
        Script *again = parse_script(arena, ds, file, first.data, first.len);
        ast_print_script(&second, again);
        if (diag_error_count(ds)) {
            diag_print(ds, stderr, false);
            fail("the canonical text has errors", first.data, second.data);
        }
        if (strcmp(first.data, second.data) != 0) fail("the canonical text is not stable", first.data, second.data);
        check_format(arena, ds, (const char *)data, size);
    }
    buf_puts(&second, "\n");
    diag_print_json(ds, &second);
    buf_free(&first);
    buf_free(&second);
    arena_free(arena);
    return 0;
}

#ifndef AMAL_LIBFUZZER
static const char *const seeds[] = {
    "source S at silo1 from \"s.csv\" (null = \"NA\", delimiter = \";\") { a: num, b: date(\"%Y\") as \"B b\" not "
    "null, key(a) }",
    "target T order base conflict nonnull distinct { y: label num missing drop, x: feature onehot(base = \"1\") "
    "missing 0 }",
    "m1: ∀ m,n,a,hr,o,dd (S1(m,n,a,hr) ∧ S2(m,n,a,o,dd) ⟶ T(m,a,hr,o));\n∀m,n (S1(m,n) ⟶ ∃o T(m,o));",
    "m: S(a: x, ...) & R as r(_, y)? & x > 15 & y not in {1, \"b\"} & not contains(x, \"z\") & x is not null"
    " & asof t1 <= t2 within 2 h -> exists z: T(a: log(x) | y, b: z);",
    "S(n, a) & S(n, b) -> a = b; key S(n); fd S(x, y -> z); fk S(a) -> R(b);",
    "match A, B on n; match A, B on A.x = B.y assign one_to_one; match A, B via \"l.csv\" (left = a, right = b);"
    " match A, B fuzzy { block year; accept probability >= 0.95; }",
    "# the closed form\nalgorithm ridge(lambda = 0.1) { fit(X: [n, d], y: [n, 1]) { w = solve(X' @ X + lambda * "
    "eye(d), X' @ y);"
    " repeat 3 { w = -w ^ 2 / X[1..3, ] - X[, 2] + X[i]; } for i in 1..k { } while (a < 1) { a = a + 1; }"
    " if (a = 1) { b = 1; } else if (b) { } else { } return w, b; } predict(X: [m, d]) { return (X @ w)'; } }",
    "metric rmse(y: [n, 1], p: [n, 1]) { return sqrt(mean((y - p) ^ 2)); }",
    "split T into train 0.8, test 0.2 seed 42; train r = ridge(lambda = 1e-3) on T.train; evaluate r on T.test with "
    "rmse, r2;\n"
    "predict r on T.test to \"p.csv\"; save r to \"m\"; load r from \"m\"; export T to \"t.csv\" with provenance;",
    "let a = 1; param p = 2; print r.w[1, ]; option max_rows 1e9; use \"o.amal\"; for x in {0.1, 1} { print x; }",
    "silo A at \"pg\" policy local, aggregate(10); /* c */ let `resting HR` = rand(3, 4, seed = 1) # end\n;"};
static const char *const tokens[] = {"->",
                                     "∀",
                                     "∃",
                                     "∧",
                                     "≤",
                                     "⟶",
                                     "..",
                                     "...",
                                     "'",
                                     "\"",
                                     "`",
                                     "/*",
                                     "*/",
                                     "#",
                                     "\n",
                                     "{",
                                     "}",
                                     "(",
                                     ")",
                                     "[",
                                     "]",
                                     ";",
                                     ",",
                                     ":",
                                     "?",
                                     "|",
                                     "&",
                                     "@",
                                     "^",
                                     "==",
                                     "!=",
                                     "<=",
                                     "%",
                                     "\\",
                                     "1e999",
                                     "0.5",
                                     "12a",
                                     "null",
                                     "true",
                                     "is",
                                     "is not null",
                                     "in",
                                     "in {",
                                     "not",
                                     "not in {1}",
                                     "and",
                                     "or",
                                     "as",
                                     "with",
                                     "on",
                                     "to",
                                     "from",
                                     "at",
                                     "seed",
                                     "missing",
                                     "exists",
                                     "forall",
                                     "asof",
                                     "within",
                                     "else",
                                     "if",
                                     "while",
                                     "repeat",
                                     "return",
                                     "print",
                                     "let",
                                     "key",
                                     "fd",
                                     "fk",
                                     "match",
                                     "source",
                                     "target",
                                     "train",
                                     "for",
                                     "use",
                                     "option",
                                     "order",
                                     "distinct",
                                     "\xff",
                                     "\xc3",
                                     "é",
                                     "\xe2\x80\x9c",
                                     "\xef\xbb\xbf",
                                     "((((((((",
                                     "{{{{",
                                     "- - -"};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

typedef struct Text {
    char *data;
    size_t len;
} Text;
static struct {
    Text *data;
    size_t len;
} corpus;

static void corpus_add(const char *text, size_t len) {
    corpus.data = mem_realloc(corpus.data, (corpus.len + 1) * sizeof(Text));
    char *copy = mem_alloc(len + 1);
    memcpy(copy, text, len);
    corpus.data[corpus.len++] = (Text){copy, len};
}

static bool file_read(const char *path, Buf *out) {
    FILE *f = fopen(path, "rb");
    if (!f) return false;
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;) buf_add(out, part, n);
    bool ok = !ferror(f);
    return fclose(f) == 0 && ok;
}

static void corpus_fill(void) {
    static const char *const patterns[] = {"stdlib/*.amal", "examples/*/*.amal", "tests/*/*.amal"};
    for (size_t i = 0; i < COUNT(seeds); i++) corpus_add(seeds[i], strlen(seeds[i]));
    for (size_t i = 0; i < COUNT(patterns); i++) {
        glob_t found;
        if (glob(patterns[i], 0, NULL, &found) != 0) continue;
        for (size_t k = 0; k < found.gl_pathc; k++) {
            Buf b = {0};
            if (file_read(found.gl_pathv[k], &b) && b.data) corpus_add(b.data, b.len);
            buf_free(&b);
        }
        globfree(&found);
    }
}

/* The numbers of one run, drawn one after the other. */
typedef struct Draw {
    uint64_t seed, run, next;
} Draw;
static size_t draw(Draw *d, size_t below) {
    return below ? (size_t)(rng_u64(d->seed, d->run, d->next++) % below) : 0;
}

static void splice(Buf *b, size_t at, size_t removed, const char *text, size_t len) {
    Buf out = {0};
    buf_add(&out, b->data ? b->data : "", at);
    buf_add(&out, text, len);
    if (b->data) buf_add(&out, b->data + at + removed, b->len - at - removed);
    buf_free(b);
    *b = out;
}

static void mutate(Buf *b, Draw *d) {
    size_t at = draw(d, b->len + 1), left = b->len - at, n = draw(d, left < 40 ? left + 1 : 40);
    const Text *other = &corpus.data[draw(d, corpus.len)];
    size_t from = draw(d, other->len), some = draw(d, 60);
    const char *token = tokens[draw(d, COUNT(tokens))];
    char byte = (char)draw(d, 256);
    if (some > other->len - from) some = other->len - from;
    switch (draw(d, 8)) {
    case 0: splice(b, at, n, "", 0); break;
    case 1: splice(b, at, 0, &byte, 1); break;
    case 2: splice(b, at, left ? 1 : 0, &byte, 1); break;
    case 3: splice(b, at, 0, other->data + from, some); break;
    case 4: splice(b, at, n, other->data + from, some); break;
    case 5: splice(b, at, left, "", 0); break;
    case 6:
        splice(b, at, 0, " ", 1); /* fall through: a token between blanks */
        __attribute__((fallthrough));
    default: splice(b, at, 0, token, strlen(token)); break;
    }
}

/* Where to look when the process dies: the sanitizers call these by name. */
static uint64_t seed_now, run_now;
void __asan_on_error(void);
void __ubsan_on_report(void);
static void say_where(int signal_number) {
    (void)signal_number;
    fprintf(stderr, "repeat it with: --seed %" PRIu64 " --only %" PRIu64 "\n", seed_now, run_now);
}
void __asan_on_error(void) {
    say_where(0);
}
void __ubsan_on_report(void) {
    say_where(0);
}

static void run_mutated(uint64_t seed, uint64_t run) {
    seed_now = seed;
    run_now = run;
    Draw d = {seed, run, 0};
    const Text *start = &corpus.data[draw(&d, corpus.len)];
    size_t changes = draw(&d, 7);
    Buf b = {0};
    buf_add(&b, start->data, start->len);
    for (size_t i = 0; i < changes; i++) mutate(&b, &d);
    LLVMFuzzerTestOneInput((const uint8_t *)b.data, b.len);
    buf_free(&b);
}

int main(int argc, char **argv) {
    double seconds = 10;
    uint64_t seed = 1, only = UINT64_MAX;
    int files = 0;
    for (int i = 1; i < argc; i++) {
        bool value = i + 1 < argc;
        if (!strcmp(argv[i], "--seconds") && value)
            seconds = strtod(argv[++i], NULL);
        else if (!strcmp(argv[i], "--seed") && value)
            seed = strtoull(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--only") && value)
            only = strtoull(argv[++i], NULL, 10);
        else {
            Buf b = {0};
            if (!file_read(argv[i], &b)) {
                fprintf(stderr, "cannot read %s\n", argv[i]);
                return 2;
            }
            LLVMFuzzerTestOneInput((const uint8_t *)(b.data ? b.data : ""), b.len);
            buf_free(&b);
            files++;
        }
    }
    if (files) {
        printf("%d files, nothing found\n", files);
        return 0;
    }
    if (signal(SIGABRT, say_where) == SIG_ERR) return 2;
    corpus_fill();
    double start = time_now();
    uint64_t runs = 0, first = only == UINT64_MAX ? 0 : only;
    for (uint64_t run = first; time_now() - start < seconds; run++) {
        run_mutated(seed, run);
        runs++;
        if (only != UINT64_MAX) break;
    }
    printf("%" PRIu64 " runs, nothing found\n", runs);
    for (size_t i = 0; i < corpus.len; i++) mem_free(corpus.data[i].data);
    mem_free(corpus.data);
    return 0;
}
#endif
