/* fuzz_lsp.c: what the language server does with scripts as they look while they are written, and with messages that
 * are broken.
 *
 * Scripts of the repository are cut, doubled and changed byte by byte; each is analysed as a document, its diagnostics
 * and outline are written, and hover, completion and quick fixes are asked for at random places. What is written must
 * be JSON that the reader takes; then that JSON is damaged and read again. No crash, no internal error, no endless
 * loop.
 *
 *   fuzz_lsp --seconds N [--seed S] [--only I] */
#include "compiler/complete.h"
#include "compiler/diag.h"
#include "compiler/lsp/lsp_internal.h"
#include <glob.h>
#include <inttypes.h>
#include <stdlib.h>

typedef struct Draw {
    uint64_t seed, run, next;
} Draw;
static size_t draw(Draw *d, size_t below) {
    return below ? (size_t)(rng_u64(d->seed, d->run, d->next++) % below) : 0;
}

static Buf *scripts;
static size_t nscripts;

static void read_scripts(void) {
    static const char *const patterns[] = {"stdlib/*.amal", "examples/*/*.amal", "tests/golden/*.amal"};
    for (size_t p = 0; p < sizeof patterns / sizeof patterns[0]; p++) {
        glob_t found;
        if (glob(patterns[p], 0, NULL, &found) != 0) continue;
        for (size_t i = 0; i < found.gl_pathc; i++) {
            FILE *f = fopen(found.gl_pathv[i], "rb");
            if (!f) continue;
            Buf b = {0};
            char part[4096];
            for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;) buf_add(&b, part, n);
            fclose(f);
            scripts = mem_realloc(scripts, sizeof *scripts * (nscripts + 1));
            scripts[nscripts++] = b;
        }
        globfree(&found);
    }
}

static void splice(Buf *b, size_t at, size_t removed, const char *text, size_t len) {
    Buf out = {0};
    buf_add(&out, b->data ? b->data : "", at);
    buf_add(&out, text, len);
    if (b->data) buf_add(&out, b->data + at + removed, b->len - at - removed);
    buf_free(b);
    *b = out;
}

static void damage(Buf *b, Draw *d, const Buf *other) {
    size_t at = draw(d, b->len + 1), left = b->len - at, from = draw(d, other->len), some = draw(d, 80);
    size_t removed = draw(d, left < 60 ? left + 1 : 60);
    char byte = (char)(draw(d, 2) ? 32 + draw(d, 95) : draw(d, 256));
    if (some > other->len - from) some = other->len - from;
    switch (draw(d, 5)) {
    case 0: splice(b, at, removed, "", 0); break;
    case 1: splice(b, at, left, "", 0); break; /* the script so far */
    case 2: splice(b, at, 0, &byte, 1); break;
    case 3: splice(b, at, left ? 1 : 0, &byte, 1); break;
    default: splice(b, at, removed, other->data ? other->data + from : "", some); break;
    }
}

static void must_be_json(Arena *arena, const Buf *b, const char *what) {
    const char *why;
    size_t at;
    if (json_parse(arena, b->data, b->len, &why, &at)) return;
    fprintf(stderr, "FAILED: %s are not JSON: %s at %zu\n%s\n", what, why, at, b->data);
    abort();
}

static bool no_schema(void *context, Arena *arena, Diags *ds, const SourceDecl *decl, const TableOptions *opt,
                      int *ncols, ColumnDecl **cols) {
    (void)context, (void)arena, (void)ds, (void)decl, (void)opt, (void)ncols, (void)cols;
    return false;
}

/* UTF-8 is a matter of the wire: documents are valid. */
static void make_valid(Buf *b) {
    for (size_t i = 0; i < b->len; i++)
        if ((unsigned char)b->data[i] >= 0x80 || !b->data[i]) b->data[i] = ' ';
}

static void run(uint64_t seed, uint64_t number) {
    Draw d = {seed, number, 0};
    const Buf *start = &scripts[draw(&d, nscripts)];
    Document doc = {
        .uri = (char *)"file:///fuzz.amal", .path = (char *)"examples/fuzz.amal", .resolving = {.schema = no_schema}};
    buf_add(&doc.text, start->data ? start->data : "", start->len);
    for (size_t n = draw(&d, 5); n; n--) damage(&doc.text, &d, &scripts[draw(&d, nscripts)]);
    make_valid(&doc.text);
    Units units = draw(&d, 2) ? UNITS_UTF16 : UNITS_UTF8;
    document_analyse(&doc);
    Arena *arena = arena_new();
    Buf out = {0};
    document_diagnostics(&doc, units, &out);
    must_be_json(arena, &out, "diagnostics");
    Buf broken = {0};
    buf_add(&broken, out.data, out.len);
    damage(&broken, &d, &out);
    const char *why;
    size_t at;
    (void)json_parse(arena, broken.data, broken.len, &why, &at);
    buf_free(&broken);
    out.len = 0;
    document_symbols(&doc, units, &out);
    must_be_json(arena, &out, "symbols");
    for (int i = 0; i < 8; i++) {
        size_t offset = draw(&d, doc.text.len + 1);
        Position p = position_of(doc.text.data, doc.text.len, offset, units);
        size_t again = position_offset(doc.text.data, doc.text.len, p, units);
        if (again != offset && doc.text.data[offset - 1] != '\r') abort();
        Span where;
        out.len = 0;
        if (doc.p) (void)document_hover(&doc, offset, &out, &where);
        out.len = 0;
        document_fixes(&doc, offset, offset, units, &out);
        must_be_json(arena, &out, "fixes");
        (void)complete_at(arena, doc.p, "examples", doc.text.data, doc.text.len, offset);
    }
    buf_free(&out);
    arena_free(arena);
    document_forget(&doc);
    buf_free(&doc.text);
}

static uint64_t seed_now, run_now;
void __asan_on_error(void);
void __asan_on_error(void) {
    fprintf(stderr, "repeat it with: --seed %" PRIu64 " --only %" PRIu64 "\n", seed_now, run_now);
}
static void internal(void) {
    __asan_on_error();
    abort();
}

int main(int argc, char **argv) {
    double seconds = 10, start = time_now();
    uint64_t seed = 1, only = UINT64_MAX, runs = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--seconds")) seconds = strtod(argv[i + 1], NULL);
        if (!strcmp(argv[i], "--seed")) seed = strtoull(argv[i + 1], NULL, 10);
        if (!strcmp(argv[i], "--only")) only = strtoull(argv[i + 1], NULL, 10);
    }
    diag_on_internal_error(internal);
    read_scripts();
    if (!nscripts) {
        fputs("run it in the repository: there are no scripts here\n", stderr);
        return 2;
    }
    seed_now = seed;
    for (run_now = only == UINT64_MAX ? 0 : only; time_now() - start < seconds; run_now++, runs++) {
        run(seed, run_now);
        if (only != UINT64_MAX) break;
    }
    printf("%" PRIu64 " runs, nothing found\n", runs);
    for (size_t i = 0; i < nscripts; i++) buf_free(&scripts[i]);
    mem_free(scripts);
    return 0;
}
