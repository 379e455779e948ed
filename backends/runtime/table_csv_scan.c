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
#include "backends/runtime/kernels.h"
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

/* Eight bytes as a word whose lowest byte comes first. */
static inline uint64_t word_at(const char *p) {
    uint64_t w;
    memcpy(&w, p, sizeof w);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    w = __builtin_bswap64(w);
#endif
    return w;
}
#define EACH_BYTE(x) (UINT64_C(0x0101010101010101) * (uint8_t)(x))
/* The high bit of every byte that is zero; above the lowest such byte there may be others. */
static inline uint64_t zero_bytes(uint64_t w) {
    return (w - EACH_BYTE(1)) & ~w & EACH_BYTE(0x80);
}
static inline const char *field_end(const char *p, const char *end, char delimiter, char newline) {
    while (end - p >= 8) {
        uint64_t w = word_at(p), at = zero_bytes(w ^ EACH_BYTE(delimiter)) | zero_bytes(w ^ EACH_BYTE(newline));
        if (at) return p + (__builtin_ctzll(at) >> 3);
        p += 8;
    }
    while (p < end && *p != delimiter && *p != newline) p++;
    return p;
}

static inline __attribute__((always_inline)) const char *field_read(const CsvText *t, const char *p, CsvField *f) {
    f->quoted = f->doubled = false;
    f->broken = NULL;
    if (t->quote && p < t->end && *p == t->quote) return csv_quoted_field(t, p, f);
    const char *begin = p, *end = t->end;
    char delimiter = t->delimiter, newline = t->newline;
    p = field_end(p, end, delimiter, newline);
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

/* ---------------- plain numbers ---------------- */
/* Most cells of most files are numbers as in -12.5: few digits, no quotes, no exponent. Such a field is read where it
 * stands, eight digits at a time; whatever is anything else goes the general way, so that both ways give the same
 * value: the mantissa and the power of ten are exact, and one division rounds correctly (table_cell.c). */
enum { PLAIN_ROOM = 40 }; /* bytes that may be looked at */
static const double plain_powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                      1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
static const uint64_t whole_powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};

/* Takes up to 16 digits at p into *m; their number. */
static inline int digits_take(const char *p, uint64_t *m) {
    int taken = 0;
    for (int round = 0; round < 2; round++) {
        uint64_t d = word_at(p + taken) ^ EACH_BYTE('0');
        /* a byte is a digit when it is below 10: its upper half is clear, also after 6 was added */
        uint64_t other = ((d + EACH_BYTE(6)) | d) & EACH_BYTE(0xF0);
        int n = other ? __builtin_ctzll(other) >> 3 : 8;
        if (!n) break;
        d <<= (8 - n) * 8; /* leading zeros */
        d = d * 10 + (d >> 8);
        d = ((d & UINT64_C(0x000000FF000000FF)) * UINT64_C(0x000F424000000064) +
             ((d >> 16) & UINT64_C(0x000000FF000000FF)) * UINT64_C(0x0000271000000001)) >>
            32;
        *m = *m * whole_powers[n] + d;
        taken += n;
        if (n < 8) break;
    }
    return taken;
}
/* The place after the number, or NULL: it is not a plain one. `whole`: of digits only, into *i; else into *v. */
static inline const char *plain_number(const char *p, char delimiter, char newline, bool whole, double *v, int64_t *i) {
    bool negative = *p == '-';
    uint64_t m = 0;
    p += negative;
    int n = digits_take(p, &m), fraction = 0;
    p += n;
    if (!whole && *p == '.') {
        fraction = digits_take(p + 1, &m);
        p += 1 + fraction;
    }
    /* 18 digits do not wrap; a mantissa above 2^53 is no double, and goes the general way below */
    if (n + fraction == 0 || n + fraction > 18 || (*p != delimiter && *p != newline)) return NULL;
    if (whole) {
        *i = negative ? -(int64_t)m : (int64_t)m;
        return p;
    }
    if (m > UINT64_C(1) << 53) return NULL;
    double x = (double)m / plain_powers[fraction];
    *v = negative ? -x : x;
    return p;
}

/* What a field feeds, when it is that simple. */
typedef enum { FIELD_GENERAL, FIELD_SKIPPED, FIELD_NUM, FIELD_INT } FieldKind;
typedef struct PlainField {
    FieldKind kind;
    void *data; /* the column's */
} PlainField;

static bool numeric_byte(char c) {
    return c && strchr("+-.0123456789", c);
}
static bool null_is_number(const CsvPlan *plan, const ColumnDecl *d) {
    bool number = d->null_text && numeric_byte(*d->null_text);
    for (int i = 0; i < plan->source->nnulls; i++) number = number || numeric_byte(*plan->source->nulls[i]);
    return number;
}
static PlainField *plain_fields(const CsvPlan *plan) {
    const CsvText *t = plan->text;
    PlainField *out = mem_try((size_t)t->nfields + 1, sizeof *out);
    if (!out || !plan->schema || numeric_byte(t->delimiter) || numeric_byte(t->quote)) return out;
    for (int f = 0; f < t->nfields; f++) {
        int c = plan->field_first[f];
        if (c < 0) out[f].kind = FIELD_SKIPPED;
        if (c < 0 || plan->column_next[c] >= 0 || null_is_number(plan, &plan->schema->cols[c])) continue;
        TypeKind type = plan->schema->cols[c].type;
        if (type == TY_NUM) out[f] = (PlainField){FIELD_NUM, plan->table->cols[c].num};
        if (type == TY_INT) out[f] = (PlainField){FIELD_INT, plan->table->cols[c].ints};
    }
    return out;
}

/* ---------------- parts ---------------- */
/* Looks for bytes that are no text up to the line that `to` stands in; how far it came. */
static const char *part_check_text(const CsvText *t, CsvPart *part, const char *from) {
    enum { BLOCK = 1 << 16 }; /* stays in the cache until its cells are read */
    const char *to = part->limit - from > BLOCK ? from + BLOCK : part->limit;
    if (to < part->limit) { /* not in the middle of a character */
        const char *line = memchr(to, t->newline, (size_t)(part->limit - to));
        to = line ? line + 1 : part->limit;
    }
    const char *zero = memchr(from, 0, (size_t)(to - from)), *invalid = utf8_invalid(from, (size_t)(to - from));
    part->not_text = !zero || (invalid && invalid < zero) ? invalid : zero;
    return to;
}

static void part_walk(CsvPlan *plan, CsvPart *part) {
    const CsvText *t = plan->text;
    const char *p = part->begin;
    int64_t rows = 0;
    const char *checked = p, *plain_end = t->end - p > PLAIN_ROOM ? t->end - PLAIN_ROOM : p;
    PlainField *plain = plain_fields(plan);
    part->no_memory = !plain;
    while (p < part->limit && !part->no_memory) {
        if (p >= checked) part->no_memory = work_given_up();
        if (p >= checked && !part->not_text) checked = part_check_text(t, part, checked);
        if (t->nfields > 1 && csv_blank_line(t, p)) {
            p = csv_next_record(t, p);
            continue;
        }
        const char *record = p;
        int field = 0;
        for (;; field++) {
            CsvField f;
            if (field < t->nfields && plain[field].kind != FIELD_GENERAL && p < plain_end) {
                const PlainField *x = &plain[field];
                const char *q = x->kind == FIELD_NUM   ? plain_number(p, t->delimiter, t->newline, false,
                                                                      (double *)x->data + part->offset + rows, NULL)
                                : x->kind == FIELD_INT ? plain_number(p, t->delimiter, t->newline, true, NULL,
                                                                      (int64_t *)x->data + part->offset + rows)
                                : *p == t->quote       ? NULL
                                                       : field_end(p, t->end, t->delimiter, t->newline);
                if (q) {
                    p = q;
                    if (p == t->end || *p != t->delimiter) break;
                    p++;
                    continue;
                }
            }
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
    while (checked < part->limit && !part->not_text) checked = part_check_text(t, part, checked);
    mem_free(plain);
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

enum { MOST_PARTS = 256 };
typedef struct CsvCounts { /* of about equal stretches of the body */
    const CsvText *text;
    int64_t lines[MOST_PARTS], quotes[MOST_PARTS];
} CsvCounts;
static const char *stretch_begin(const CsvText *t, int k, int n) {
    return k == n ? t->end : t->body + (size_t)(t->end - t->body) / (size_t)n * (size_t)k;
}
static void count_stretch(void *ctx, int k, int n) {
    CsvCounts *c = ctx;
    const CsvText *t = c->text;
    const char *from = stretch_begin(t, k, n), *to = stretch_begin(t, k + 1, n);
    c->lines[k] = csv_count(from, to, t->newline);
    c->quotes[k] = t->quote ? csv_count(from, to, t->quote) : 0;
}

int64_t csv_cut(CsvPlan *plan, int threads) {
    const CsvText *t = plan->text;
    size_t most = (size_t)(t->end - t->body) / csv_part_bytes + 1;
    int n = threads < 1 ? 1 : threads < MOST_PARTS ? threads : MOST_PARTS;
    if (most < (size_t)n) n = (int)most;
    plan->parts = arena_array(plan->source->arena, CsvPart, n);
    plan->nparts = 0;
    CsvCounts *counts = arena_new_of(plan->source->arena, CsvCounts);
    counts->text = t;
    thread_run(n, count_stretch, counts);
    const char *begin = t->body;
    int64_t lines = 0, quotes = 0, before = 0; /* before: lines before `begin` */
    for (int k = 1; k <= n && (begin < t->end || k == 1); k++) {
        const char *limit = stretch_begin(t, k, n), *from = limit;
        lines += counts->lines[k - 1];
        quotes += counts->quotes[k - 1];
        if (limit < begin) continue; /* the last record was longer than a stretch */
        bool inside = quotes & 1;
        while (k < n && limit < t->end && (inside || *limit != t->newline)) {
            if (t->quote && *limit == t->quote) inside = !inside;
            limit++;
        }
        if (k < n && limit < t->end) limit++;
        plan->parts[plan->nparts++] = (CsvPart){.begin = begin, .limit = limit, .offset = before};
        before = lines + csv_count(from, limit, t->newline);
        begin = limit;
    }
    return before + 1; /* the last line may lack its end */
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
