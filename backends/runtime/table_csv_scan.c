/* table_csv_scan.c: the bytes of a CSV file into records, fields and cells, on several threads.
 *
 * Records end with \n or \r\n (with \r in files without \n). A field that begins with the quote runs to the closing
 * quote; "" inside stands for one; delimiters and ends of lines inside are text. Quotes elsewhere are ordinary
 * characters. A wholly blank line is no record, unless records have one field: then it is a null.
 *
 * Threads: the text is cut at about equal places; whether such a place is inside quotes follows from the parity of the
 * quotes before it, which is right for well-formed files only. So every part notes where its last record really ended:
 * if that is not where the next begins, the cut was wrong, and the whole text is walked as one part. The result
 * therefore never depends on the number of threads. Parts of text columns have dictionaries of their own that are
 * merged in file order. */
#include "backends/runtime/table_csv.h"

#include <math.h>
#include <pthread.h>
#include <strings.h>

/* ---------------- fields ---------------- */
static const char *csv_quoted_field(const CsvText *t, const char *p, CsvField *f) {
    f->quoted = true;
    f->text = ++p;
    for (;;) {
        const char *q = memchr(p, t->quote, (size_t)(t->end - p));
        if (!q) {
            f->len = (size_t)(t->end - f->text);
            f->broken = "a quoted field begins here and is never closed";
            return t->end;
        }
        p = q + 1;
        if (p < t->end && *p == t->quote) {
            f->doubled = true;
            p++;
            continue;
        }
        f->len = (size_t)(q - f->text);
        break;
    }
    bool closed =
        p == t->end || *p == t->delimiter || *p == t->newline || (*p == '\r' && p + 1 < t->end && p[1] == t->newline);
    if (closed) return p;
    f->broken = "text follows the closing quote of a field";
    while (p < t->end && *p != t->delimiter && *p != t->newline) p++;
    return p;
}

static inline __attribute__((always_inline)) const char *field_read(const CsvText *t, const char *p, CsvField *f) {
    f->quoted = f->doubled = false;
    f->broken = NULL;
    if (t->quote && p < t->end && *p == t->quote) return csv_quoted_field(t, p, f);
    const char *begin = p, *end = t->end;
    char delimiter = t->delimiter, newline = t->newline;
    while (p < end && *p != delimiter && *p != newline) p++;
    f->text = begin;
    f->len = (size_t)(p - begin);
    bool last = p == end || *p == newline;
    if (last && newline == '\n' && f->len && p[-1] == '\r') f->len--;
    return p;
}

const char *csv_field(const CsvText *t, const char *p, CsvField *f) {
    return field_read(t, p, f);
}

const char *csv_next_record(const CsvText *t, const char *p) {
    if (p < t->end && *p == '\r' && t->newline == '\n') p++;
    return p < t->end ? p + 1 : p;
}

size_t csv_undouble(const CsvText *t, const CsvField *f, char *to) {
    size_t n = 0;
    for (size_t i = 0; i < f->len; i++) {
        to[n++] = f->text[i];
        if (f->text[i] == t->quote) i++;
    }
    return n;
}

bool csv_blank_line(const CsvText *t, const char *p) {
    if (p < t->end && *p == '\r' && t->newline == '\n') p++;
    return p == t->end || *p == t->newline;
}

static int64_t csv_count(const char *p, const char *end, char byte) {
    int64_t n = 0;
    while (p < end && (p = memchr(p, byte, (size_t)(end - p)))) n++, p++;
    return n;
}

int64_t csv_line(const CsvText *t, const char *p) {
    return 1 + csv_count(t->data, p, t->newline);
}

/* ---------------- cells ---------------- */
/* The field's text, without doubled quotes. NULL: no memory. */
static const char *part_text(const CsvPlan *plan, CsvPart *part, const CsvField *f, size_t *len) {
    *len = f->len;
    if (!f->doubled) return f->text;
    if (part->scratch_size < f->len) {
        mem_free(part->scratch);
        part->scratch_size = f->len * 2;
        part->scratch = mem_try(part->scratch_size, 1);
        if (!part->scratch) {
            part->scratch_size = 0;
            part->no_memory = true;
            return NULL;
        }
    }
    *len = csv_undouble(plan->text, f, part->scratch);
    return part->scratch;
}

static bool cell_is_text(TypeKind type) {
    return type == TY_TEXT || type == TY_CAT;
}

static bool text_is_null(const CsvPlan *plan, const ColumnDecl *d, const CsvField *f, const char *text, size_t len) {
    /* "" in quotes is a text, but says nothing where a number or a date should be */
    if (!len && (!f->quoted || !cell_is_text(d->type))) return true;
    if (source_is_null_text(plan->source, d, text, len)) return true;
    if (cell_is_text(d->type) || (text[0] != ' ' && text[0] != '\t' && text[len - 1] != ' ' && text[len - 1] != '\t'))
        return false;
    while (len && (*text == ' ' || *text == '\t')) text++, len--;
    while (len && (text[len - 1] == ' ' || text[len - 1] == '\t')) len--;
    return len && source_is_null_text(plan->source, d, text, len);
}

static CellStatus cell_store(CsvPart *part, const ColumnDecl *d, const Column *c, int column, int64_t at,
                             const char *text, size_t len, const char **why) {
    switch (d->type) {
    case TY_NUM: return cell_num(text, len, &c->num[at]);
    case TY_INT: return cell_int(text, len, &c->ints[at], why);
    case TY_BOOL: return cell_bool(text, len, &c->ints[at]);
    case TY_DATE: return cell_date(text, len, d->format, &c->ints[at], why);
    case TY_TIME: return cell_time(text, len, d->format, &c->ints[at], why);
    case TY_TEXT:
    case TY_CAT: {
        int32_t code = len > INT32_MAX ? -2 : dict_add(part->dicts[column], text, (int32_t)len);
        if (code < 0) part->no_memory = true;
        c->codes[at] = code;
        return CELL_OK;
    }
    default: internal_error("a CSV cell for a column of type %s", type_text(d->type));
    }
}

static void cell_take(CsvPlan *plan, CsvPart *part, int column, const CsvField *f, int64_t at) {
    const ColumnDecl *d = &plan->schema->cols[column];
    const Column *c = &plan->table->cols[column];
    CsvProblem *problem = &part->problems[column];
    size_t len;
    const char *text = part_text(plan, part, f, &len), *why = NULL;
    if (!text) return;
    CellStatus status =
        text_is_null(plan, d, f, text, len) ? CELL_NULL : cell_store(part, d, c, column, at, text, len, &why);
    if (status == CELL_OK) return;
    if (status == CELL_BAD && !problem->bad++) {
        problem->first_bad = f->text;
        problem->field = *f;
        problem->why = why;
    }
    if (status == CELL_NULL && d->not_null && !problem->null++) problem->first_null = f->text;
    part->nulls[column]++;
    if (c->num)
        c->num[at] = NAN;
    else if (c->ints)
        c->ints[at] = TABLE_NULL_INT;
    else
        c->codes[at] = -1;
}

/* Keeps of the field's possible types those that this cell also allows. Leading zeros and plus signs make a text of
 * digits a code, not a number: reading 0114709 as a number would lose them. */
static void cell_guess(CsvPlan *plan, CsvPart *part, int field, const CsvField *f) {
    static const ColumnDecl any = {.type = TY_NUM};
    uint8_t g = part->guesses[field];
    if (g == GUESS_SEEN) return; /* a text already */
    size_t len;
    const char *text = part_text(plan, part, f, &len);
    if (!text || text_is_null(plan, &any, f, text, len)) return;
    g |= GUESS_SEEN;
    int64_t whole;
    double number;
    const char *why;
    if (g & (GUESS_INT | GUESS_NUM)) {
        const char *digits = text + (text[0] == '-');
        size_t n = len - (size_t)(digits - text);
        bool code = *text == '+' || *text == ' ' || text[len - 1] == ' ' ||
                    (n > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9');
        bool plain = n > 0;
        for (size_t i = 0; i < n && plain; i++) plain = digits[i] >= '0' && digits[i] <= '9';
        if (code || !plain || cell_int(text, len, &whole, &why) != CELL_OK) g &= (uint8_t)~GUESS_INT;
        if (code || cell_num(text, len, &number) == CELL_BAD) g &= (uint8_t)~GUESS_NUM;
    }
    bool truth = (len == 4 && !strncasecmp(text, "true", 4)) || (len == 5 && !strncasecmp(text, "false", 5));
    if (!truth) g &= (uint8_t)~GUESS_BOOL;
    if ((g & GUESS_DATE) && cell_date(text, len, NULL, &whole, &why) != CELL_OK) g &= (uint8_t)~GUESS_DATE;
    if ((g & GUESS_TIME) && cell_time(text, len, NULL, &whole, &why) != CELL_OK) g &= (uint8_t)~GUESS_TIME;
    part->guesses[field] = g;
}

/* ---------------- parts ---------------- */
static void part_walk(CsvPlan *plan, CsvPart *part) {
    const CsvText *t = plan->text;
    const char *p = part->begin;
    int64_t rows = 0;
    part->not_text = memchr(p, 0, (size_t)(part->limit - p));
    const char *invalid = utf8_invalid(p, (size_t)(part->limit - p));
    if (invalid && (!part->not_text || invalid < part->not_text)) part->not_text = invalid;
    while (p < part->limit && !part->no_memory) {
        if (t->nfields > 1 && csv_blank_line(t, p)) {
            p = csv_next_record(t, p);
            continue;
        }
        const char *record = p;
        int field = 0;
        for (;; field++) {
            CsvField f;
            p = field_read(t, p, &f);
            if (f.broken && !part->broken) {
                part->broken = f.broken;
                part->broken_at = f.text;
            }
            if (field < t->nfields && !plan->schema)
                cell_guess(plan, part, field, &f);
            else if (field < t->nfields)
                for (int c = plan->field_first[field]; c >= 0; c = plan->column_next[c])
                    cell_take(plan, part, c, &f, part->offset + rows);
            if (p == t->end || *p != t->delimiter) break;
            p++;
        }
        p = csv_next_record(t, p);
        if (field + 1 == t->nfields) {
            rows++;
        } else if (!part->ragged++) {
            part->first_ragged = record;
            part->ragged_fields = field + 1;
        }
    }
    part->stop = p;
    part->rows = rows;
}

static void part_free(CsvPart *part, int ncols) {
    for (int i = 0; part->dicts && i < ncols; i++) dict_free(part->dicts[i]);
    mem_free(part->dicts);
    mem_free(part->problems);
    mem_free(part->nulls);
    mem_free(part->guesses);
    mem_free(part->scratch);
    part->dicts = NULL;
    part->problems = NULL;
    part->nulls = NULL;
    part->guesses = NULL;
    part->scratch = NULL;
    part->scratch_size = 0;
}

static bool part_prepare(const CsvPlan *plan, CsvPart *part) {
    if (!plan->schema) {
        part->guesses = mem_try((size_t)plan->text->nfields, 1);
        if (part->guesses) memset(part->guesses, GUESS_ALL, (size_t)plan->text->nfields);
        return part->guesses != NULL;
    }
    size_t n = plan->schema->ncols > 0 ? (size_t)plan->schema->ncols : 1;
    part->problems = mem_try(n, sizeof *part->problems);
    part->nulls = mem_try(n, sizeof *part->nulls);
    part->dicts = mem_try(n, sizeof *part->dicts);
    if (!part->problems || !part->nulls || !part->dicts) return false;
    for (int i = 0; i < plan->schema->ncols; i++)
        if (cell_is_text(plan->schema->cols[i].type) && source_wants(plan->source, i) && !(part->dicts[i] = dict_new()))
            return false;
    return true;
}

void csv_plan_free(CsvPlan *plan) {
    for (int i = 0; i < plan->nparts; i++) part_free(&plan->parts[i], plan->schema ? plan->schema->ncols : 0);
}

size_t csv_part_bytes = 1 << 19;

int64_t csv_cut(CsvPlan *plan, int threads) {
    enum { MOST_PARTS = 256 };
    const CsvText *t = plan->text;
    size_t len = (size_t)(t->end - t->body);
    size_t n = len / csv_part_bytes + 1;
    if (n > (size_t)(threads > 1 ? threads : 1)) n = (size_t)(threads > 1 ? threads : 1);
    if (n > MOST_PARTS) n = MOST_PARTS;
    plan->parts = arena_array(plan->source->arena, CsvPart, n);
    plan->nparts = 0;
    bool inside = false;
    const char *begin = t->body, *counted = t->body;
    int64_t rows = 0;
    for (size_t k = 1; k <= n && (begin < t->end || k == 1); k++) {
        const char *limit = k == n ? t->end : t->body + len / n * k;
        if (limit < counted) continue;
        if (k < n) {
            if (t->quote) inside ^= csv_count(counted, limit, t->quote) & 1;
            while (limit < t->end && (inside || *limit != t->newline)) {
                if (t->quote && *limit == t->quote) inside = !inside;
                limit++;
            }
            if (limit < t->end) limit++;
            counted = limit;
        }
        CsvPart *part = &plan->parts[plan->nparts++];
        *part = (CsvPart){.begin = begin, .limit = limit, .offset = rows};
        rows += csv_count(begin, limit, t->newline) + (limit == t->end);
        begin = limit;
    }
    return rows;
}

typedef struct CsvWork {
    CsvPlan *plan;
    CsvPart *part;
} CsvWork;
static void *part_thread(void *arg) {
    CsvWork *w = arg;
    part_walk(w->plan, w->part);
    return NULL;
}

static bool csv_walk_parts(CsvPlan *plan) {
    for (int i = 0; i < plan->nparts; i++)
        if (!part_prepare(plan, &plan->parts[i])) return false;
    pthread_t *threads = arena_array(plan->source->arena, pthread_t, plan->nparts);
    bool *started = arena_array(plan->source->arena, bool, plan->nparts);
    CsvWork *work = arena_array(plan->source->arena, CsvWork, plan->nparts);
    for (int i = 0; i < plan->nparts; i++) {
        work[i] = (CsvWork){plan, &plan->parts[i]};
        started[i] = i > 0 && !pthread_create(&threads[i], NULL, part_thread, &work[i]);
    }
    for (int i = 0; i < plan->nparts; i++) {
        if (!started[i])
            part_walk(plan, &plan->parts[i]); /* the first one, and those for which there was no thread */
        else if (pthread_join(threads[i], NULL))
            internal_error("a reading thread cannot be joined");
    }
    for (int i = 0; i < plan->nparts; i++)
        if (plan->parts[i].no_memory) return false;
    return true;
}

bool csv_walk(CsvPlan *plan) {
    if (!csv_walk_parts(plan)) return false;
    bool whole = true;
    for (int i = 0; i < plan->nparts; i++) whole = whole && plan->parts[i].stop == plan->parts[i].limit;
    if (whole) return true;
    CsvPart *all = &plan->parts[0];
    const char *limit = plan->parts[plan->nparts - 1].limit;
    csv_plan_free(plan);
    plan->nparts = 1;
    *all = (CsvPart){.begin = all->begin, .limit = limit};
    return csv_walk_parts(plan);
}
