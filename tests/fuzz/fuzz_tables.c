/* fuzz_tables.c: the readers of CSV, gzip and Matrix Market files under broken input.
 *
 * What must hold for every file: no crash, no endless loop; the number of threads changes neither the table nor the
 * messages; a table whose types were inferred reads without an error in any cell; and what is written reads back the
 * same.
 *
 *   fuzz_tables --seconds N [--seed S] [--only I]
 * mutates the seeds below for N seconds. Run I of seed S depends on nothing else: a failure is repeated by --seed S
 * --only I. */
#include "backends/runtime/table.h"
#include "backends/runtime/table_csv.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

typedef struct Seed {
    const char *script, *file, *text;
    bool gzip;
} Seed;
static const Seed seeds[] = {
    {"source s from \"f.csv\";", "f.csv", "a,b,c,d\n1,x,2013-01-31,1.5\n2,\"y, \"\"q\"\"\",2013-02-01,-1e3\n,,,\n",
     false},
    {"source s from \"f.csv\" { a: int, b: text, c: date, d: num null \"NA\" };", "f.csv",
     "a,b,c,d\n1,x,2013-01-31,1.5\n\n2,\"two\nlines\",2013-02-01,NA\n3,\"\",,\n4,5\" z,1999-12-31,.7\n", false},
    {"source s from \"f.csv\" (header = false, quote = \"'\") { a: num, b: text, r: rowid };", "f.csv",
     "1;'x;y'\n2;z\n3;''\n", false},
    {"source s from \"f.csv\" (encoding = \"latin-1\", skip = 1) { a: text, t: time };", "f.csv",
     "made by hand\na|t\nJos\xE9|2013-01-01T05:00:00Z\nx|\n", false},
    {"source s from \"f.csv\";", "f.csv", "only\n1\n\n3\n\"\"\n", false},
    {"source s from \"f.csv\";", "f.csv", "a\tb\r\ntrue\t2013-01-01 05:00\r\nfalse\t2013-01-01T06:00:00.5+02:00\r\n",
     false},
    {"source s from \"f.csv\";", "f.csv", "a,b\r1,2\r3,4\r", false},
    {"source s from \"f.csv.gz\";", "f.csv.gz", "a,b\n1,x\n2,y\n1,x\n2,y\n1,x\n2,y\n", true},
    {"source s from \"f.mtx\" { k: rowid, x: vector };", "f.mtx",
     "%%MatrixMarket matrix coordinate real general\n% c\n3 5 4\n1 1 2.5\n3 5 -1\n3 2 1e3\n1 4 7\n", false},
    {"source s from \"f.mtx\" { x: vector };", "f.mtx",
     "%%MatrixMarket matrix coordinate pattern symmetric\n4 4 3\n1 1\n3 2\n4 4\n", false},
    {"source s from \"f.mtx\" { x: vector };", "f.mtx",
     "%%MatrixMarket matrix array integer skew-symmetric\n3 3\n1\n-2\n3\n", false},
};
enum { SEEDS = sizeof seeds / sizeof *seeds };

static uint64_t seed_now, run_now, drawn;
static char folder[] = "/tmp/amal-fuzz-XXXXXX";
static char path[128], out_path[128];

static size_t draw(size_t below) {
    return (size_t)(rng_u64(seed_now, run_now, drawn++) % below);
}

static void say_where(int signal) {
    (void)signal;
    fprintf(stderr, "at --seed %" PRIu64 " --only %" PRIu64 ", file %s\n", seed_now, run_now, path);
}
void __ubsan_on_report(void);
void __ubsan_on_report(void) {
    say_where(0);
}

static void fail(const char *what, const char *first, const char *second) {
    fprintf(stderr, "FAILED: %s\n--- first\n%s\n--- second\n%s\n", what, first ? first : "", second ? second : "");
    abort();
}

static void mutate(Buf *b) {
    static const char *const pieces[] = {
        "\"",       "\"\"", ",",          "\n",  "\r\n", "\r",    ";",          "|",
        "\t",       "NA",   "nan",        "inf", "-",    "1e999", "0",          "9223372036854775808",
        "\xC3\xA9", "\xE2", "2000-02-29", " ",   "%",    "true",  "99999999999"};
    size_t at = b->len ? draw(b->len + 1) : 0, kind = draw(5);
    if (kind == 0 && b->len) { /* one byte */
        b->data[draw(b->len)] = (char)draw(256);
    } else if (kind == 1 && b->len) { /* a cut */
        size_t n = 1 + draw(b->len - at ? b->len - at : 1);
        if (n > b->len - at) n = b->len - at;
        memmove(b->data + at, b->data + at + n, b->len - at - n);
        b->len -= n;
    } else { /* a piece, or a copy of a stretch */
        const char *piece = pieces[draw(sizeof pieces / sizeof *pieces)];
        Buf changed = {0};
        buf_add(&changed, b->data, at);
        if (kind == 2 && b->len)
            buf_add(&changed, b->data, draw(b->len) + 1);
        else
            buf_puts(&changed, piece);
        buf_add(&changed, b->data + at, b->len - at);
        buf_free(b);
        *b = changed;
    }
}

static void save(const void *data, size_t len) {
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, len, f) != len || fclose(f)) abort();
}

/* The table as text, its messages when there is none. */
static void describe(Buf *out, Diags *ds, const Table *t) {
    if (!t) {
        diag_print_json(ds, out);
        return;
    }
    buf_printf(out, "%" PRId64 " rows\n", t->rows);
    for (int i = 0; i < t->ncols; i++) {
        const Column *c = &t->cols[i];
        buf_printf(out, "%s %s %" PRId64 ":", c->name, type_text(c->type), c->nulls);
        for (int64_t r = 0; r < t->rows; r++) {
            if (column_is_null(c, r))
                buf_puts(out, " null");
            else if (c->num)
                buf_printf(out, " %.17g", c->num[r]);
            else if (c->ints)
                buf_printf(out, " %" PRId64, c->ints[r]);
            else if (c->codes)
                buf_printf(out, " %d=%s", c->codes[r], c->dict->text[c->codes[r]]);
        }
        if (c->matrix)
            for (int64_t r = 0; r < c->matrix->rows && c->matrix->cols < 1000; r++)
                for (int64_t k = 0; k < c->matrix->cols; k++) buf_printf(out, " %.17g", mat_get(c->matrix, r, k));
        buf_puts(out, "\n");
    }
}

static Table *read_once(Arena *arena, const char *script, int threads, Buf *text) {
    Diags *ds = diags_new(arena);
    uint32_t file = diag_add_file(ds, "fuzz.amal", script, strlen(script));
    Script *s = parse_script(arena, ds, file, script, strlen(script));
    if (diag_error_count(ds)) fail("the script has errors", script, NULL);
    Table *t = table_read(ds, s->stmts.data[0]->source, &(TableOptions){.base_dir = folder, .threads = threads});
    if (!t && !diag_error_count(ds)) fail("no table and no message", script, NULL);
    if (t && diag_error_count(ds)) fail("a table and an error", script, NULL);
    describe(text, ds, t);
    return t;
}

/* Columns with odd names cannot be declared again in a script, nor can vectors: those tables are not written. */
static bool writable(const Table *t) {
    for (int i = 0; i < t->ncols; i++) {
        const char *name = t->cols[i].name;
        if (t->cols[i].matrix || !*name || strpbrk(name, "`\n\r") ||
            strlen(name) != strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789"))
            return false;
    }
    return t->ncols > 0;
}

static void check_written(Arena *arena, const Table *t, const char *first) {
    Diags *ds = diags_new(arena);
    if (!writable(t)) return;
    if (!table_write(ds, (Span){0}, t, out_path, NULL)) fail("it cannot be written", first, NULL);
    Buf script = {0}, text = {0};
    buf_puts(&script, "source s from \"out.csv\" {");
    for (int i = 0; i < t->ncols; i++)
        buf_printf(&script, "%s`%s`: %s", i ? ", " : " ", t->cols[i].name,
                   t->cols[i].type == TY_ROWID ? "rowid" : type_text(t->cols[i].type));
    buf_puts(&script, " };");
    Table *u = read_once(arena, script.data, 1, &text);
    if (strcmp(first, text.data)) fail("what is written does not read back the same", first, text.data);
    table_free(u);
    buf_free(&script);
    buf_free(&text);
}

static void run_one(uint64_t seed, uint64_t run) {
    seed_now = seed;
    run_now = run;
    drawn = 0;
    const Seed *start = &seeds[draw(SEEDS)];
    snprintf(path, sizeof path, "%s/%s", folder, start->file);
    snprintf(out_path, sizeof out_path, "%s/out.csv", folder);
    Buf b = {0};
    buf_puts(&b, start->text);
    size_t changes = draw(7);
    bool late = start->gzip && draw(2); /* of gzip either the text or the packed bytes are broken */
    for (size_t i = 0; i < changes && !late; i++) mutate(&b);
    if (start->gzip) {
        gzFile f = gzopen(path, "wb");
        if (!f || (b.len && gzwrite(f, b.data, (unsigned)b.len) <= 0) || gzclose(f) != Z_OK) abort();
        FILE *packed = fopen(path, "rb");
        char bytes[4096];
        b.len = 0;
        if (!packed) abort();
        for (size_t n; (n = fread(bytes, 1, sizeof bytes, packed));) buf_add(&b, bytes, n);
        if (fclose(packed)) abort();
        for (size_t i = 0; i < changes && late; i++) mutate(&b);
    }
    save(b.data, b.len);
    buf_free(&b);
    Arena *arena = arena_new();
    Buf one = {0}, many = {0};
    Table *t = read_once(arena, start->script, 1, &one);
    Table *u = read_once(arena, start->script, 2 + (int)draw(6), &many);
    if (strcmp(one.data, many.data)) fail("the number of threads changes the result", one.data, many.data);
    bool inferred = !strchr(start->script, '{');
    if (!t && inferred && (strstr(one.data, "E417") || strstr(one.data, "E414")))
        fail("an inferred type does not fit", one.data, NULL);
    if (t && strstr(start->script, ".csv")) check_written(arena, t, one.data);
    table_free(t);
    table_free(u);
    buf_free(&one);
    buf_free(&many);
    arena_free(arena);
}

int main(int argc, char **argv) {
    double seconds = 10;
    uint64_t seed = 1, only = UINT64_MAX;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--seconds")) seconds = strtod(argv[i + 1], NULL);
        if (!strcmp(argv[i], "--seed")) seed = strtoull(argv[i + 1], NULL, 10);
        if (!strcmp(argv[i], "--only")) only = strtoull(argv[i + 1], NULL, 10);
    }
    if (signal(SIGABRT, say_where) == SIG_ERR || !mkdtemp(folder)) return 2;
    csv_part_bytes = 16;
    double start = time_now();
    uint64_t runs = 0, first = only == UINT64_MAX ? 0 : only;
    for (uint64_t run = first; time_now() - start < seconds; run++) {
        run_one(seed, run);
        runs++;
        if (only != UINT64_MAX) break;
    }
    printf("%" PRIu64 " runs, nothing found\n", runs);
    char command[160];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) ? 2 : 0;
}
