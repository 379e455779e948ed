/* table_csv.c: CSV files (and their kin with other delimiters), plain or gzip.
 *
 * The reader is our own because a declared column is a promise about every cell: no rounding of 1.5 into an int, null
 * texts a column,
 * "" in quotes a text and an empty field null, and an error that names the physical line, also after quoted line ends
 * and inside gzip; and because it runs at about three times the speed of a general one. tests/unit/test_table.c holds
 * it against DuckDB's reader.
 *
 * Without a column block types are inferred from every row of the file: int, num, bool (true/false), date and time
 * (ISO), else text. Delimiter when not said: tab for .tsv and .tab, | for .psv, else the one of , ; tab | that finds
 * most declared columns in the header, or without a declaration cuts the first hundred records most evenly.
 *
 * Errors: E415 header, E416 ragged rows and quoting, E417 types, E414 nulls, E418 NUL bytes, bad UTF-8 and UTF-16. */
#include "backends/runtime/table_csv.h"

#include <inttypes.h>
#include <math.h>

typedef struct CsvFile {
    const Source *source;
    FileBytes bytes;
    CsvText text;
    const char **names; /* nfields */
    const char *header; /* its place, for messages; NULL without one */
} CsvFile;

static void csv_close(CsvFile *f) {
    file_unload(&f->bytes);
}

static Diag *csv_error(const CsvFile *f, const char *code, const char *place, const char *message) {
    return diag_data(f->source->ds, code, f->source->at, f->source->path, place ? csv_line(&f->text, place) : 0, "%s",
                     message);
}

/* ---------------- bytes and dialect ---------------- */
static bool csv_from_latin1(CsvFile *f) {
    size_t extra = 0;
    for (size_t i = 0; i < f->bytes.len; i++) extra += (unsigned char)f->bytes.data[i] >> 7;
    if (!extra) return true;
    char *text = mem_try(f->bytes.len + extra, 1), *to = text;
    if (!text) {
        source_report_memory(f->source, 0, f->bytes.len + extra);
        return false;
    }
    for (size_t i = 0; i < f->bytes.len; i++) {
        unsigned char c = (unsigned char)f->bytes.data[i];
        if (c < 0x80) {
            *to++ = (char)c;
        } else {
            *to++ = (char)(0xC0 | c >> 6);
            *to++ = (char)(0x80 | (c & 0x3F));
        }
    }
    FileBytes converted = {
        .data = text, .len = f->bytes.len + extra, .hashed = f->bytes.hashed, .content = f->bytes.content};
    file_unload(&f->bytes);
    f->bytes = converted;
    return true;
}

static int csv_field_count(const CsvText *t, const char *p) {
    int n = 0;
    for (;;) {
        CsvField field;
        p = csv_field(t, p, &field);
        n++;
        if (p == t->end || *p != t->delimiter || n == INT32_MAX) return n;
        p++;
    }
}

static const char *csv_skip_record(const CsvText *t, const char *p) {
    CsvField field;
    while ((p = csv_field(t, p, &field)) < t->end && *p == t->delimiter) p++;
    return csv_next_record(t, p);
}

static const char *csv_field_name(const Source *s, const CsvText *t, const CsvField *field) {
    char *name = arena_strndup(s->arena, field->text, field->len);
    if (field->doubled) name[csv_undouble(t, field, name)] = 0;
    return name;
}

/* How many declared columns the first record names under t's delimiter. */
static int csv_names_found(const Source *s, const CsvText *t) {
    int found = 0;
    for (const char *p = t->body;; p++) {
        CsvField field;
        p = csv_field(t, p, &field);
        const char *name = csv_field_name(s, t, &field);
        for (int i = 0; i < s->decl->columns.len; i++) {
            const ColumnDecl *c = &s->decl->columns.data[i];
            found += !strcmp(c->header ? c->header : c->name.text, name);
        }
        if (p == t->end || *p != t->delimiter) return found;
    }
}

/* How many of the first records have as many fields as the first one, when that is more than one. */
static int csv_evenness(const CsvText *t) {
    int first = csv_field_count(t, t->body), even = 0, seen = 0;
    if (first < 2) return 0;
    for (const char *p = t->body; p < t->end && seen < 100; p = csv_skip_record(t, p)) {
        if (csv_blank_line(t, p)) continue;
        seen++;
        even += csv_field_count(t, p) == first;
    }
    return even * 1000 + (first < 999 ? first : 999);
}

static char csv_find_delimiter(const Source *s, const CsvText *text) {
    static const char candidates[] = {',', ';', '\t', '|'};
    if (name_ends(s->path, ".tsv") || name_ends(s->path, ".tab") || name_ends(s->path, ".tsv.gz") ||
        name_ends(s->path, ".tab.gz"))
        return '\t';
    if (name_ends(s->path, ".psv") || name_ends(s->path, ".psv.gz")) return '|';
    char best = ',';
    int best_score = 0;
    for (size_t i = 0; i < sizeof candidates; i++) {
        CsvText t = *text;
        t.delimiter = candidates[i];
        if (t.delimiter == t.quote) continue;
        int score = s->decl->has_columns && s->header ? csv_names_found(s, &t) : csv_evenness(&t);
        if (score > best_score) {
            best_score = score;
            best = t.delimiter;
        }
    }
    return best;
}

static bool csv_skip_lines(CsvFile *f) {
    CsvText *t = &f->text;
    for (int64_t i = 0; i < f->source->skip; i++) {
        if (t->body == t->end) {
            Diag *d = csv_error(f, "E415", NULL, "the file ends within the lines to skip");
            diag_note(d, f->source->at, "skip = %" PRId64, f->source->skip);
            return false;
        }
        const char *q = memchr(t->body, t->newline, (size_t)(t->end - t->body));
        t->body = q ? q + 1 : t->end;
    }
    return true;
}

/* The header's names; a name that is missing or comes twice is an error only when it is used. */
static bool csv_read_header(CsvFile *f) {
    CsvText *t = &f->text;
    const Source *s = f->source;
    while (t->body < t->end && csv_blank_line(t, t->body)) t->body = csv_next_record(t, t->body);
    if (t->body == t->end && (s->header || !s->decl->has_columns)) {
        Diag *d = csv_error(f, "E415", NULL,
                            s->header ? "the file is empty: it has no header line"
                                      : "the file is empty: nothing says what its columns are");
        if (s->header) diag_help(d, "if its lines are all data, write (header = false)");
        return false;
    }
    if (!s->delimiter) t->delimiter = csv_find_delimiter(s, t);
    if (t->body == t->end) { /* no lines and no header: the declaration says how many fields a line would have */
        t->nfields = 0;
        for (int i = 0; i < s->decl->columns.len; i++) t->nfields += s->decl->columns.data[i].type != TY_ROWID;
    } else {
        t->nfields = csv_field_count(t, t->body);
    }
    f->names = arena_array(s->arena, const char *, t->nfields > 0 ? t->nfields : 1);
    const char *p = t->body;
    for (int i = 0; i < t->nfields; i++) {
        CsvField field = {.text = ""};
        if (s->header) {
            p = csv_field(t, p, &field) + 1;
            const char *wrong = field.broken                          ? field.broken
                                : memchr(field.text, 0, field.len)    ? "NUL byte in the header"
                                : utf8_invalid(field.text, field.len) ? "the header is not valid UTF-8"
                                                                      : NULL;
            if (wrong) {
                csv_error(f, field.broken ? "E416" : "E418", field.text, wrong);
                return false;
            }
        }
        f->names[i] = field.len ? csv_field_name(s, t, &field) : arena_printf(s->arena, "column%d", i + 1);
    }
    if (s->header) {
        f->header = t->body;
        t->body = csv_skip_record(t, t->body);
    }
    return true;
}

static bool csv_open(const Source *s, CsvFile *f) {
    *f = (CsvFile){.source = s};
    if (!file_load(s, &f->bytes)) return false;
    if (s->encoding == TEXT_LATIN1 && !csv_from_latin1(f)) {
        csv_close(f);
        return false;
    }
    static const char nothing[1];
    const unsigned char *b = (const unsigned char *)f->bytes.data;
    size_t n = f->bytes.len;
    f->text =
        (CsvText){.data = n ? f->bytes.data : nothing, .delimiter = s->delimiter, .quote = s->quote, .newline = '\n'};
    f->text.end = f->text.data + n;
    f->text.body = f->text.data;
    if (n >= 3 && b[0] == 0xEF && b[1] == 0xBB && b[2] == 0xBF) f->text.body += 3;
    bool ok = true;
    if (n >= 2 && ((b[0] == 0xFF && b[1] == 0xFE) || (b[0] == 0xFE && b[1] == 0xFF))) {
        diag_help(csv_error(f, "E418", NULL, "the file is UTF-16"), "convert it: iconv -f UTF-16 -t UTF-8");
        ok = false;
    }
    if (n && !memchr(f->text.data, '\n', n) && memchr(f->text.data, '\r', n)) f->text.newline = '\r';
    ok = ok && csv_skip_lines(f) && csv_read_header(f);
    if (!ok) csv_close(f);
    return ok;
}

/* ---------------- which field feeds which column ---------------- */
static int csv_find_name(const CsvFile *f, const char *name, int from) {
    for (int i = from; i < f->text.nfields; i++)
        if (!strcmp(f->names[i], name)) return i;
    return -1;
}

static int csv_report_missing(const CsvFile *f, const ColumnDecl *c, const char *name) {
    const Source *s = f->source;
    Diag *d = diag_data(s->ds, "E415", c->name.span.file ? c->name.span : s->at, s->path,
                        f->header ? csv_line(&f->text, f->header) : 0, "no column is headed %s",
                        source_quote(s, name, strlen(name)));
    const char *near = text_nearest(name, f->names, f->text.nfields);
    if (near && c->header) {
        diag_help(d, "did you mean `as %s`?", source_quote(s, near, strlen(near)));
    } else if (near) {
        diag_help(d, "did you mean %s? `%s: %s as %s` gives it the script's name", source_quote(s, near, strlen(near)),
                  name, type_text(c->type), source_quote(s, near, strlen(near)));
    } else {
        Buf b = {0};
        for (int i = 0; i < f->text.nfields && i < 20; i++) buf_printf(&b, "%s%s", i ? ", " : "", f->names[i]);
        char *list = buf_take(&b);
        diag_help(d, "the file has: %s%s", list, f->text.nfields > 20 ? ", …" : "");
        mem_free(list);
    }
    return -1;
}

/* The field that a declared column reads, or -1: reported. */
static int csv_field_of(const CsvFile *f, const ColumnDecl *c, int position) {
    const Source *s = f->source;
    if (!s->header && !c->header) return position;
    const char *name = c->header ? c->header : c->name.text;
    int at = csv_find_name(f, name, 0);
    if (at < 0) return csv_report_missing(f, c, name);
    int again = csv_find_name(f, name, at + 1);
    if (again < 0) return at;
    Diag *d = diag_data(s->ds, "E415", c->name.span.file ? c->name.span : s->at, s->path,
                        f->header ? csv_line(&f->text, f->header) : 0, "the header %s occurs twice: fields %d and %d",
                        source_quote(s, name, strlen(name)), at + 1, again + 1);
    diag_help(d, "rename one of them in the file, or read it without its header: (header = false, skip = %" PRId64 ")",
              s->skip + 1);
    return -1;
}

/* fields[column] = field, -1 for rowid and columns nobody wants. */
static bool csv_map_fields(const CsvFile *f, const Schema *schema, int *fields) {
    const Source *s = f->source;
    bool ok = true, renamed = false;
    int position = 0;
    for (int i = 0; i < schema->ncols; i++) {
        const ColumnDecl *c = &schema->cols[i];
        fields[i] = -1;
        if (c->type == TY_ROWID) continue;
        renamed = renamed || c->header;
        if (c->type == TY_VECTOR) {
            diag_help(
                diag_error(s->ds, "E456", c->type_span.file ? c->type_span : s->at, "a CSV file has no vector columns"),
                "vectors come from Matrix Market files and from lists in Parquet and JSON");
            ok = false;
        } else if (schema->inferred) {
            fields[i] = i;
        } else {
            fields[i] = csv_field_of(f, c, position);
            ok = ok && fields[i] >= 0;
        }
        position++;
        if (!source_wants(s, i)) fields[i] = -1;
    }
    if (ok && !s->header && !schema->inferred && !renamed && position != f->text.nfields) {
        Diag *d = diag_data(s->ds, "E415", s->decl->name.span, s->path, csv_line(&f->text, f->text.body),
                            "the lines have %d field%s, but %d %s declared", f->text.nfields,
                            f->text.nfields == 1 ? "" : "s", position, position == 1 ? "column is" : "columns are");
        diag_help(d, "without a header every field is declared, in order");
        ok = false;
    }
    return ok;
}

static bool csv_names_unique(const CsvFile *f) {
    bool ok = true;
    for (int i = 0; i < f->text.nfields; i++) {
        int again = csv_find_name(f, f->names[i], i + 1);
        if (again < 0) continue;
        Diag *d =
            diag_data(f->source->ds, "E415", f->source->at, f->source->path,
                      f->header ? csv_line(&f->text, f->header) : 0, "the header %s occurs twice: fields %d and %d",
                      source_quote(f->source, f->names[i], strlen(f->names[i])), i + 1, again + 1);
        diag_help(d, "rename one of them in the file, or declare the columns with (header = false, skip = %" PRId64 ")",
                  f->source->skip + 1);
        ok = false;
        break;
    }
    return ok;
}

/* ---------------- reports ---------------- */
/* NUL bytes and bad UTF-8, then quoting, then ragged rows: each makes what follows unreliable. */
static bool csv_report_structure(const CsvFile *f, const CsvPlan *plan) {
    const Source *s = f->source;
    int64_t ragged = 0;
    const CsvPart *first = NULL;
    for (int i = 0; i < plan->nparts; i++) {
        const CsvPart *p = &plan->parts[i];
        if (p->not_text) {
            if (!*p->not_text) {
                diag_help(csv_error(f, "E418", p->not_text, "the line holds a NUL byte"),
                          "the file is damaged or no text file");
            } else {
                Diag *d = diag_data(s->ds, "E418", s->at, s->path, csv_line(&f->text, p->not_text),
                                    "the line is not valid UTF-8 (byte \\x%02X)", (unsigned char)*p->not_text);
                diag_help(d, "if the file is Latin-1, write (encoding = \"latin-1\")");
            }
            return false;
        }
    }
    for (int i = 0; i < plan->nparts; i++) {
        const CsvPart *p = &plan->parts[i];
        if (p->broken) {
            Diag *d = csv_error(f, "E416", p->broken_at, p->broken);
            diag_help(d, "inside quotes a quote is written twice; (quote = \"\") reads quotes as ordinary characters");
            return false;
        }
        if (p->ragged && !first) first = p;
        ragged += p->ragged;
    }
    if (!first) return true;
    Diag *d = diag_data(s->ds, "E416", s->at, s->path, csv_line(&f->text, first->first_ragged),
                        "this row has %d field%s, the %s %d", first->ragged_fields,
                        first->ragged_fields == 1 ? "" : "s", s->header ? "header" : "first row", f->text.nfields);
    if (ragged > 1)
        diag_note(d, (Span){0}, "%" PRId64 " rows have another number of fields; this is the first", ragged);
    if (f->text.delimiter == '\t')
        diag_help(d, "fields are cut at tabs; quote a field that holds one");
    else
        diag_help(d, "fields are cut at `%c`; quote a field that holds it, or say (delimiter = \"…\")",
                  f->text.delimiter);
    return false;
}

static bool csv_report_column(const CsvFile *f, const CsvPlan *plan, int column) {
    const Source *s = f->source;
    const ColumnDecl *c = &plan->schema->cols[column];
    int64_t bad = 0, null = 0;
    const CsvProblem *first_bad = NULL, *first_null = NULL;
    for (int i = 0; i < plan->nparts; i++) {
        const CsvProblem *p = &plan->parts[i].problems[column];
        if (p->bad && !bad) first_bad = p;
        if (p->null && !null) first_null = p;
        bad += p->bad;
        null += p->null;
    }
    if (bad) {
        const char *name = csv_field_name(s, &f->text, &first_bad->field);
        const char *shown = source_quote(s, name, strlen(name));
        Diag *d = diag_data(s->ds, "E417", c->name.span.file ? c->name.span : s->at, s->path,
                            csv_line(&f->text, first_bad->first_bad), "column `%s`: %s is not %s %s%s%s", c->name.text,
                            shown, c->type == TY_INT ? "an" : "a", type_text(c->type), first_bad->why ? ": " : "",
                            first_bad->why ? first_bad->why : "");
        if (plan->schema->inferred) source_note_inferred(d, s, c);
        if (bad > 1) diag_note(d, (Span){0}, "%" PRId64 " cells of this column cannot be read; this is the first", bad);
        column_help(d, c, shown, strlen(name), first_bad->why != NULL);
    }
    if (null) {
        Diag *d = diag_data(s->ds, "E414", c->name.span.file ? c->name.span : s->at, s->path,
                            csv_line(&f->text, first_null->first_null), "column `%s` is null, but declared not null",
                            c->name.text);
        if (null > 1) diag_note(d, (Span){0}, "%" PRId64 " cells of this column are null; this is the first", null);
    }
    return !bad && !null;
}

/* ---------------- schema ---------------- */
static TypeKind guess_type(uint8_t g) {
    if (!(g & GUESS_SEEN)) return TY_TEXT; /* no cell says anything */
    if (g & GUESS_INT) return TY_INT;
    if (g & GUESS_NUM) return TY_NUM;
    if (g & GUESS_BOOL) return TY_BOOL;
    if (g & GUESS_DATE) return TY_DATE;
    return g & GUESS_TIME ? TY_TIME : TY_TEXT;
}

/* What guesses follow from besides the bytes. */
static uint64_t csv_guessing(const CsvFile *f) {
    Buf key = {0};
    const char *path;
    bool known = source_key(f->source, &key, &path);
    uint64_t h = known ? hash_bytes(key.data, key.len, 7) | 1 : WAITING_TEXT; /* never that of a text */
    buf_free(&key);
    return h;
}

static bool csv_infer(const CsvFile *f, uint8_t *guesses) {
    const Source *s = f->source;
    CsvPlan plan = {.source = s, .text = &f->text};
    size_t n = (size_t)f->text.nfields, len = 0;
    uint64_t what = f->bytes.hashed && n ? csv_guessing(f) : WAITING_TEXT;
    uint8_t *known = what == WAITING_TEXT ? NULL : cache_take(cache_current(), f->bytes.content, what, &len);
    if (known && len == n) memcpy(guesses, known, n);
    mem_free(known);
    if (known && len == n) return true;
    csv_cut(&plan, s->opt->threads);
    bool ok = csv_walk(&plan);
    if (!ok) source_report_memory(s, 0, (size_t)f->text.nfields);
    ok = ok && csv_report_structure(f, &plan);
    for (int i = 0; i < f->text.nfields; i++) guesses[i] = GUESS_ALL;
    for (int k = 0; ok && k < plan.nparts; k++) {
        for (int i = 0; i < f->text.nfields; i++) {
            uint8_t g = plan.parts[k].guesses[i], seen = (uint8_t)((g | guesses[i]) & GUESS_SEEN);
            guesses[i] = (uint8_t)((g & guesses[i] & GUESS_ALL) | seen);
        }
    }
    csv_plan_free(&plan);
    known = ok && what != WAITING_TEXT ? mem_try(n, 1) : NULL;
    if (known) {
        memcpy(known, guesses, n);
        cache_wait(cache_current(), f->bytes.content, what, known, n);
    }
    return ok;
}

static bool csv_find_schema(const CsvFile *f, Schema *out) {
    const Source *s = f->source;
    bool need = !s->decl->has_columns;
    for (int i = 0; i < s->decl->columns.len; i++) need = need || s->decl->columns.data[i].type == TY_INFER;
    *out = (Schema){s->decl->columns.len, s->decl->columns.data, false};
    if (!need) return true;
    uint8_t *guesses = arena_array(s->arena, uint8_t, f->text.nfields > 0 ? f->text.nfields : 1);
    if ((!s->decl->has_columns && !csv_names_unique(f)) || !csv_infer(f, guesses)) return false;
    int n = s->decl->has_columns ? s->decl->columns.len : f->text.nfields;
    out->cols = arena_array(s->arena, ColumnDecl, n > 0 ? n : 1);
    out->ncols = n;
    out->inferred = !s->decl->has_columns;
    int position = 0;
    for (int i = 0; i < n; i++) {
        ColumnDecl *c = &out->cols[i];
        if (out->inferred) {
            *c = (ColumnDecl){.name = {f->names[i], {0}}, .type = guess_type(guesses[i])};
            continue;
        }
        *c = s->decl->columns.data[i];
        if (c->type == TY_INFER) {
            int field = csv_field_of(f, c, position);
            if (field < 0 || field >= f->text.nfields) return false;
            c->type = guess_type(guesses[field]);
        }
        position += c->type != TY_ROWID;
    }
    return true;
}

bool csv_schema(const Source *s, Schema *out) {
    CsvFile f;
    if (!csv_open(s, &f)) return false;
    bool ok = csv_find_schema(&f, out);
    file_unload_schema(&f.bytes);
    return ok;
}

/* ---------------- reading ---------------- */
/* Moves a column's parts together: the offsets allowed for as many rows as there are lines. */
static void column_compact(Column *c, const CsvPlan *plan) {
    void *data = c->num ? (void *)c->num : c->ints ? (void *)c->ints : (void *)c->codes;
    size_t size = c->codes ? sizeof(int32_t) : 8;
    int64_t rows = 0;
    for (int k = 0; k < plan->nparts; k++) {
        const CsvPart *p = &plan->parts[k];
        if (p->offset != rows && p->rows)
            memmove((char *)data + (size_t)rows * size, (char *)data + (size_t)p->offset * size,
                    (size_t)p->rows * size);
        rows += p->rows;
    }
}

/* One dictionary for all parts: the first part's is taken over, codes of the others are translated. */
static bool column_merge_dicts(Column *c, CsvPlan *plan, int column) {
    dict_free(c->dict);
    c->dict = plan->parts[0].dicts[column];
    plan->parts[0].dicts[column] = NULL;
    for (int k = 1; k < plan->nparts; k++) {
        const CsvPart *p = &plan->parts[k];
        const Dict *from = p->dicts[column];
        int32_t *code = mem_try(from->count > 0 ? (size_t)from->count : 1, sizeof *code);
        if (!code) return false;
        bool ok = true;
        for (int32_t i = 0; i < from->count && ok; i++)
            ok = (code[i] = dict_add(c->dict, from->text[i], from->len[i])) >= 0;
        for (int64_t r = p->offset; r < p->offset + p->rows && ok; r++)
            if (c->codes[r] >= 0) c->codes[r] = code[c->codes[r]];
        mem_free(code);
        if (!ok) return false;
    }
    return true;
}

static bool csv_finish(const CsvFile *f, CsvPlan *plan) {
    Table *t = plan->table;
    const Schema *schema = plan->schema;
    bool ok = csv_report_structure(f, plan);
    if (!ok) return false;
    for (int i = 0; i < schema->ncols; i++)
        if (source_wants(f->source, i) && schema->cols[i].type != TY_ROWID) ok = csv_report_column(f, plan, i) && ok;
    if (!ok) return false;
    t->rows = 0;
    for (int k = 0; k < plan->nparts; k++) t->rows += plan->parts[k].rows;
    for (int i = 0; i < t->ncols; i++) {
        Column *c = &t->cols[i];
        if (!source_wants(f->source, i)) continue;
        if (c->type == TY_ROWID) {
            column_fill_rowid(c, t->rows);
            continue;
        }
        for (int k = 0; k < plan->nparts; k++) c->nulls += plan->parts[k].nulls[i];
        if (c->codes && !column_merge_dicts(c, plan, i)) {
            source_report_memory(f->source, t->rows, 0);
            return false;
        }
        column_compact(c, plan);
    }
    return true;
}

static bool csv_fill(const CsvFile *f, const Schema *schema, Table **out) {
    const Source *s = f->source;
    int n = schema->ncols > 0 ? schema->ncols : 1, nfields = f->text.nfields > 0 ? f->text.nfields : 1;
    int *fields = arena_array(s->arena, int, n), *next = arena_array(s->arena, int, n),
        *first = arena_array(s->arena, int, nfields);
    if (!csv_map_fields(f, schema, fields)) return false;
    for (int i = 0; i < nfields; i++) first[i] = -1;
    for (int i = schema->ncols - 1; i >= 0; i--) {
        next[i] = -1;
        if (fields[i] < 0) continue;
        next[i] = first[fields[i]];
        first[fields[i]] = i;
    }
    CsvPlan plan = {.source = s, .text = &f->text, .schema = schema, .field_first = first, .column_next = next};
    int64_t bound = csv_cut(&plan, s->opt->threads);
    bool ok = (plan.table = table_new(s, schema, bound)) != NULL;
    if (ok && !csv_walk(&plan)) {
        source_report_memory(s, bound, f->bytes.len);
        ok = false;
    }
    ok = ok && csv_finish(f, &plan);
    csv_plan_free(&plan);
    if (ok)
        *out = plan.table;
    else
        table_free(plan.table);
    return ok;
}

Table *csv_read(const Source *s) {
    CsvFile f;
    Schema schema;
    Table *t = NULL;
    if (!csv_open(s, &f)) return NULL;
    if (csv_find_schema(&f, &schema) && !csv_fill(&f, &schema, &t)) t = NULL;
    csv_close(&f);
    return t;
}
