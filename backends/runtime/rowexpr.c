/* rowexpr.c: the row expressions' functions, types and evaluator for one row (or one trigger).
 *
 * Values are numbers (NaN is null; dates count days, times microseconds since 1970-01-01) and texts. Truth follows
 * SQL's three values: false & null is false, true | null is true. A comparison of a date with a time compares instants;
 * a text constant compared with a date or time is read as ISO 8601. time - time is in seconds, and time + number adds
 * seconds. Texts made by functions live in the evaluator's scratch memory until it is reset. rowexpr_column.c evaluates
 * whole columns. */
#define _GNU_SOURCE /* memmem */
#include "backends/runtime/rowexpr_internal.h"
#include <ctype.h>
#include <math.h>
#include <stdlib.h>

static const struct Function {
    const char *name, *args;
    char result;
} functions[] = {
#define X(name, args, result, line) {#name, args, result},
#include "backends/runtime/rowexpr.def"
#undef X
};
enum {
#define X(name, args, result, line) RXF_##name,
#include "backends/runtime/rowexpr.def"
#undef X
    RXF_COUNT
};

static int function_find(const char *name) {
    for (int i = 0; i < RXF_COUNT; i++)
        if (!strcmp(functions[i].name, name)) return i;
    return -1;
}
static char type_letter(TypeKind t) {
    switch (t) {
    case TY_TEXT:
    case TY_CAT: return 't';
    case TY_DATE:
    case TY_TIME: return 'd';
    case TY_INFER: return '?';
    case TY_VECTOR: return 'v';
    default: return 'n';
    }
}
static const char *letter_text(char c) {
    return c == 't' ? "text" : c == 'd' ? "a date or time" : c == 'v' ? "a vector" : "a number";
}

int rowexpr_call_type(const char *name, int nargs, const TypeKind *types, const char **why) {
    static _Thread_local char message[256];
    *why = message;
    int f = function_find(name);
    if (f < 0) {
        const char *names[RXF_COUNT];
        for (int i = 0; i < RXF_COUNT; i++) names[i] = functions[i].name;
        const char *near = text_nearest(name, names, RXF_COUNT);
        if (near)
            snprintf(message, sizeof message, "there is no function %.64s here; did you mean %s?", name, near);
        else
            snprintf(message, sizeof message, "there is no function %.64s in conditions and head terms", name);
        return -1;
    }
    const char *a = functions[f].args;
    int fixed = (int)strcspn(a, "+");
    bool more = a[fixed] == '+';
    if (nargs < fixed || (nargs > fixed && !more)) {
        snprintf(message, sizeof message, "%s takes %s%d argument%s, not %d", name, more ? "at least " : "", fixed,
                 fixed == 1 ? "" : "s", nargs);
        return -1;
    }
    for (int i = 0; i < nargs; i++) {
        char want = a[i < fixed ? i : fixed - 1], have = type_letter(types[i]);
        if (have != want && have != '?') {
            snprintf(message, sizeof message, "argument %d of %s is %s, not %s", i + 1, name, letter_text(have),
                     letter_text(want));
            return -1;
        }
    }
    return functions[f].result == 't' ? TY_TEXT : TY_NUM;
}

uint64_t rowexpr_roles(const RowExpr *e) {
    uint64_t roles = e->kind == RX_COLUMN ? UINT64_C(1) << e->role : 0;
    for (int i = 0; i < e->nargs; i++) roles |= rowexpr_roles(e->args[i]);
    return roles;
}

bool rowexpr_equal(const RowExpr *a, const RowExpr *b) {
    if (a == b) return true;
    if (a->kind != b->kind || a->type != b->type || a->nargs != b->nargs) return false;
    switch (a->kind) {
    case RX_NUM:
        if (memcmp(&a->num, &b->num, sizeof a->num)) return false;
        break;
    case RX_TEXT:
    case RX_CALL:
        if (strcmp(a->text, b->text)) return false;
        break;
    case RX_COLUMN:
        if (a->role != b->role || a->column != b->column) return false;
        break;
    case RX_UNARY:
    case RX_BINARY:
        if (a->op != b->op) return false;
        break;
    case RX_ISNULL:
    case RX_IN:
        if ((a->num != 0) != (b->num != 0)) return false;
        break;
    case RX_NULL:
    case RX_ELSE: break;
    }
    for (int i = 0; i < a->nargs; i++)
        if (!rowexpr_equal(a->args[i], b->args[i])) return false;
    return true;
}

/* ---------------- values ---------------- */
#define RX_NULL_NUM ((RxValue){.type = TY_NUM, .num = NAN})
static RxValue rx_number(double x) {
    return (RxValue){.type = TY_NUM, .num = x};
}
static RxValue rx_text(const char *s, int64_t len) {
    return (RxValue){.type = TY_TEXT, .text = s, .len = (int32_t)len};
}
static RxValue rx_null(TypeKind type) {
    return (RxValue){.type = type, .num = NAN};
}
bool rx_is_null(RxValue v) {
    return v.type == TY_TEXT ? !v.text : isnan(v.num);
}
static int rx_truth(RxValue v) {
    return rx_is_null(v) ? -1 : v.type == TY_TEXT ? v.len > 0 : v.num != 0;
}

struct RxBlock {
    struct RxBlock *next;
    size_t size;
    char data[];
};
static char *scratch(RxContext *c, size_t n) {
    if (!c->block || c->used + n > c->block->size) {
        size_t size = n > 4000 ? n : 4000;
        struct RxBlock *b = mem_alloc(sizeof *b + size);
        b->next = c->block;
        b->size = size;
        c->block = b;
        c->used = 0;
    }
    c->used += n;
    return c->block->data + c->used - n;
}
void rx_reset(RxContext *c) {
    while (c->block && c->block->next) {
        struct RxBlock *b = c->block->next;
        c->block->next = b->next;
        mem_free(b);
    }
    c->used = 0;
}
void rx_release(RxContext *c) {
    rx_reset(c);
    mem_free(c->block);
    c->block = NULL;
    if (c->regex_pattern) regfree(&c->regex);
    mem_free(c->regex_pattern);
    c->regex_pattern = NULL;
}

double rx_column_number(const Column *c, int64_t row) {
    if (c->num) return c->num[row];
    if (c->ints) return c->ints[row] == TABLE_NULL_INT ? NAN : (double)c->ints[row];
    return c->type == TY_ROWID ? (double)(row + 1) : NAN;
}
static RxValue column_value(const RxContext *c, const RowExpr *e) {
    const Column *col = &c->tables[e->role]->cols[e->column];
    TypeKind type = col->codes || col->type == TY_TEXT || col->type == TY_CAT ? TY_TEXT
                    : col->type == TY_DATE || col->type == TY_TIME            ? col->type
                                                                              : TY_NUM;
    int64_t row = c->rows[e->role];
    if (row < 0) return rx_null(type);
    if (type != TY_TEXT) return (RxValue){.type = type, .num = rx_column_number(col, row)};
    /* When a whole column is evaluated once per dictionary entry, the "row" is the code. */
    int32_t code = c->by_code ? (int32_t)row : col->codes[row];
    return code < 0 ? rx_null(TY_TEXT) : rx_text(col->dict->text[code], col->dict->len[code]);
}

/* Brings a date and a time, or a date or time and a text, to one scale. */
static void align_times(RxValue *a, RxValue *b) {
    for (int swap = 0; swap < 2; swap++) {
        RxValue *x = swap ? b : a, *y = swap ? a : b;
        bool dated = x->type == TY_DATE || x->type == TY_TIME;
        if (dated && y->type == TY_TEXT) {
            int64_t days;
            double micros;
            if (!y->text || !calendar_parse(y->text, y->len, &days, &micros))
                *y = rx_null(TY_TIME);
            else
                *y = (RxValue){.type = TY_TIME, .num = (double)days * RX_DAY + micros};
        }
        if (x->type == TY_DATE && y->type == TY_TIME) *x = (RxValue){.type = TY_TIME, .num = x->num * RX_DAY};
    }
}
int rx_compare_text(const char *a, int32_t alen, const char *b, int32_t blen) {
    int c = memcmp(a, b, (size_t)(alen < blen ? alen : blen));
    return c ? c : (alen > blen) - (alen < blen);
}
static RxValue compare(Op op, RxValue a, RxValue b) {
    align_times(&a, &b);
    if (rx_is_null(a) || rx_is_null(b)) return RX_NULL_NUM;
    if ((a.type == TY_TEXT) != (b.type == TY_TEXT)) internal_error("text compared with a number in a row expression");
    int c = a.type == TY_TEXT ? rx_compare_text(a.text, a.len, b.text, b.len) : (a.num > b.num) - (a.num < b.num);
    switch (op) {
    case OP_EQ: return rx_number(c == 0);
    case OP_NE: return rx_number(c != 0);
    case OP_LT: return rx_number(c < 0);
    case OP_LE: return rx_number(c <= 0);
    case OP_GT: return rx_number(c > 0);
    default: return rx_number(c >= 0);
    }
}
double rx_arithmetic(Op op, double a, double b) {
    switch (op) {
    case OP_ADD: return a + b;
    case OP_SUB: return a - b;
    case OP_MUL: return a * b;
    case OP_DIV: return a / b;
    case OP_POW: return isnan(a) || isnan(b) ? NAN : pow(a, b); /* pow(1, null) and pow(null, 0) are null */
    default: internal_error("operator %d in a row expression", op);
    }
}
static RxValue binary(const RowExpr *e, RxValue a, RxValue b) {
    switch (e->op) {
    case OP_AND:
    case OP_OR: {
        int x = rx_truth(a), y = rx_truth(b), stop = e->op == OP_OR;
        if (x == stop || y == stop) return rx_number(stop);
        return x < 0 || y < 0 ? RX_NULL_NUM : rx_number(!stop);
    }
    case OP_EQ:
    case OP_NE:
    case OP_LT:
    case OP_LE:
    case OP_GT:
    case OP_GE: return compare(e->op, a, b);
    default: break;
    }
    double unit = 1;
    if (a.type != TY_NUM && b.type != TY_NUM) {
        align_times(&a, &b);
        if (e->op == OP_SUB && a.type == TY_TIME) unit = 1e-6;
    } else if (a.type == TY_TIME && b.type == TY_NUM)
        b.num *= 1e6;
    else if (b.type == TY_TIME && a.type == TY_NUM)
        a.num *= 1e6;
    double r = rx_arithmetic(e->op, a.num, b.num) * unit;
    return (RxValue){.type = e->type == TY_DATE || e->type == TY_TIME ? e->type : TY_NUM, .num = r};
}

/* ---------------- functions of text ---------------- */
static int32_t find(const char *s, int32_t len, const char *t, int32_t tlen) {
    if (!tlen) return 0;
    const char *p = memmem(s, (size_t)len, t, (size_t)tlen);
    return p ? (int32_t)(p - s) : -1;
}
/* Simple case pairs: ASCII, Latin-1, Greek and Cyrillic, whose capitals and small letters have two-byte codes of equal
 * length. */
static unsigned fold_point(unsigned u, bool up) {
    static const struct {
        unsigned from, to;
        int shift;
    } ranges[] = {{'A', 'Z', 32},     {0xC0, 0xD6, 32},   {0xD8, 0xDE, 32},  {0x391, 0x3A1, 32},
                  {0x3A3, 0x3A9, 32}, {0x410, 0x42F, 32}, {0x400, 0x40F, 80}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        unsigned shift = (unsigned)ranges[i].shift;
        if (!up && u >= ranges[i].from && u <= ranges[i].to) return u + shift;
        if (up && u >= ranges[i].from + shift && u <= ranges[i].to + shift) return u - shift;
    }
    return u;
}
static RxValue change_case(RxContext *c, RxValue s, bool up) {
    char *out = scratch(c, (size_t)s.len + 1);
    for (int32_t i = 0; i < s.len; i++) {
        unsigned b = (unsigned char)s.text[i];
        if (b < 0x80)
            out[i] = (char)fold_point(b, up);
        else if ((b & 0xE0) == 0xC0 && i + 1 < s.len) {
            unsigned u = fold_point((b & 0x1Fu) << 6 | ((unsigned char)s.text[i + 1] & 0x3Fu), up);
            out[i++] = (char)(0xC0 | u >> 6);
            out[i] = (char)(0x80 | (u & 0x3F));
        } else
            out[i] = s.text[i];
    }
    return rx_text(out, s.len);
}
static RxValue text_part(RxValue s, RxValue sep, double which) {
    if (!sep.len || which == 0 || which != floor(which)) return rx_null(TY_TEXT);
    if (which < 0) { /* count the pieces, then go from the front */
        int32_t pieces = 1;
        for (int32_t at = 0, f; (f = find(s.text + at, s.len - at, sep.text, sep.len)) >= 0; at += f + sep.len)
            pieces++;
        which += pieces + 1;
        if (which < 1) return rx_null(TY_TEXT);
    }
    int32_t at = 0;
    for (;;) {
        int32_t f = find(s.text + at, s.len - at, sep.text, sep.len), end = f < 0 ? s.len : at + f;
        if (--which == 0) return rx_text(s.text + at, end - at);
        if (f < 0) return rx_null(TY_TEXT);
        at = end + sep.len;
    }
}
static RxValue text_replace(RxContext *c, RxValue s, RxValue a, RxValue b) {
    if (!a.len) return s;
    int64_t hits = 0;
    for (int32_t at = 0, f; (f = find(s.text + at, s.len - at, a.text, a.len)) >= 0; at += f + a.len) hits++;
    int64_t len = s.len + hits * ((int64_t)b.len - a.len);
    if (len > INT32_MAX) return rx_null(TY_TEXT);
    char *out = scratch(c, (size_t)len + 1), *p = out;
    int32_t at = 0;
    for (int32_t f; (f = find(s.text + at, s.len - at, a.text, a.len)) >= 0; at += f + a.len) {
        memcpy(p, s.text + at, (size_t)f);
        memcpy(p + f, b.text, (size_t)b.len);
        p += f + b.len;
    }
    memcpy(p, s.text + at, (size_t)(s.len - at));
    return rx_text(out, len);
}
static const char *terminated(RxContext *c, RxValue s) {
    char *z = scratch(c, (size_t)s.len + 1);
    memcpy(z, s.text, (size_t)s.len);
    z[s.len] = 0;
    return z;
}
static RxValue text_extract(RxContext *c, RxValue s, RxValue pattern) {
    if (!c->regex_pattern || (int32_t)strlen(c->regex_pattern) != pattern.len ||
        memcmp(c->regex_pattern, pattern.text, (size_t)pattern.len)) {
        if (c->regex_pattern) regfree(&c->regex);
        mem_free(c->regex_pattern);
        c->regex_pattern = NULL;
        const char *z = terminated(c, pattern);
        if (regcomp(&c->regex, z, REG_EXTENDED)) return rx_null(TY_TEXT);
        c->regex_pattern = mem_alloc((size_t)pattern.len + 1);
        memcpy(c->regex_pattern, z, strlen(z));
    }
    regmatch_t m[2];
    if (regexec(&c->regex, terminated(c, s), 2, m, 0)) return rx_null(TY_TEXT);
    int g = c->regex.re_nsub > 0 ? 1 : 0;
    return m[g].rm_so < 0 ? rx_null(TY_TEXT) : rx_text(s.text + m[g].rm_so, m[g].rm_eo - m[g].rm_so);
}
static RxValue text_number(RxContext *c, RxValue s) {
    const char *z = terminated(c, s);
    char *end;
    while (isspace((unsigned char)*z)) z++;
    if (!*z || !strpbrk("0123456789.", (char[]){z[strspn(z, "+-")], 0})) return RX_NULL_NUM; /* no "inf", "nan" */
    double x = strtod(z, &end);
    while (isspace((unsigned char)*end)) end++;
    return *end || end == z ? RX_NULL_NUM : rx_number(x);
}
static RxValue trim(RxValue s) {
    while (s.len && isspace((unsigned char)s.text[0])) s.text++, s.len--;
    while (s.len && isspace((unsigned char)s.text[s.len - 1])) s.len--;
    return s;
}
static RxValue date_field(int f, RxValue v) {
    double days = v.type == TY_TIME ? floor(v.num / RX_DAY) : v.num;
    if (fabs(days) > 1e9) return RX_NULL_NUM;
    int64_t y, n = (int64_t)days;
    int m, d;
    calendar_date(n, &y, &m, &d);
    switch (f) {
    case RXF_year: return rx_number((double)y);
    case RXF_month: return rx_number(m);
    case RXF_day: return rx_number(d);
    case RXF_weekday: return rx_number((double)(((n + 3) % 7 + 7) % 7 + 1)); /* 1970-01-01 was a Thursday */
    default: return rx_number(v.type == TY_TIME ? floor((v.num - days * RX_DAY) / 3.6e9) : 0);
    }
}

double rx_call_number(int f, double x, double y) {
    switch (f) {
    case RXF_exp: return exp(x);
    case RXF_log: return log(x);
    case RXF_log1p: return log1p(x);
    case RXF_sqrt: return sqrt(x);
    case RXF_abs: return fabs(x);
    case RXF_floor: return floor(x);
    case RXF_ceil: return ceil(x);
    case RXF_round: return round(x);
    case RXF_pow: return rx_arithmetic(OP_POW, x, y);
    case RXF_min: return isnan(x) || isnan(y) ? NAN : x < y ? x : y;
    case RXF_max: return isnan(x) || isnan(y) ? NAN : x > y ? x : y;
    default: internal_error("function %d is not one of numbers", f);
    }
}
int rx_function(const RowExpr *e) {
    int f = function_find(e->text);
    if (f < 0) internal_error("no row function %s", e->text);
    return f;
}
bool rx_function_of_numbers(int f) {
    return f <= RXF_pow;
}

static RxValue call(RxContext *c, const RowExpr *e) {
    int f = rx_function(e);
    TypeKind result = functions[f].result == 't' ? TY_TEXT : TY_NUM;
    RxValue a[3];
    if (rx_function_of_numbers(f)) {
        double x = rx_eval(c, e->args[0]).num, y = NAN;
        if (e->nargs == 1) return rx_number(rx_call_number(f, x, y));
        for (int i = 1; i < e->nargs; i++) x = rx_call_number(f, x, rx_eval(c, e->args[i]).num);
        return rx_number(x);
    }
    if (e->nargs > 3) internal_error("too many arguments of %s", e->text);
    for (int i = 0; i < e->nargs; i++) {
        a[i] = rx_eval(c, e->args[i]);
        if (rx_is_null(a[i])) return rx_null(result);
    }
    switch (f) {
    case RXF_length: {
        int32_t n = 0;
        for (int32_t i = 0; i < a[0].len; i++) n += ((unsigned char)a[0].text[i] & 0xC0) != 0x80;
        return rx_number(n);
    }
    case RXF_lower: return change_case(c, a[0], false);
    case RXF_upper: return change_case(c, a[0], true);
    case RXF_trim: return trim(a[0]);
    case RXF_contains: return rx_number(find(a[0].text, a[0].len, a[1].text, a[1].len) >= 0);
    case RXF_starts: return rx_number(a[0].len >= a[1].len && !memcmp(a[0].text, a[1].text, (size_t)a[1].len));
    case RXF_ends:
        return rx_number(a[0].len >= a[1].len && !memcmp(a[0].text + a[0].len - a[1].len, a[1].text, (size_t)a[1].len));
    case RXF_count: {
        int64_t n = 0;
        if (a[1].len)
            for (int32_t at = 0, g; (g = find(a[0].text + at, a[0].len - at, a[1].text, a[1].len)) >= 0;
                 at += g + a[1].len)
                n++;
        return rx_number((double)n);
    }
    case RXF_part: return text_part(a[0], a[1], a[2].num);
    case RXF_extract: return text_extract(c, a[0], a[1]);
    case RXF_replace: return text_replace(c, a[0], a[1], a[2]);
    case RXF_number: return text_number(c, a[0]);
    default: return date_field(f, a[0]);
    }
}

RxValue rx_eval(RxContext *c, const RowExpr *e) {
    switch (e->kind) {
    case RX_NUM: return (RxValue){.type = e->type == TY_DATE || e->type == TY_TIME ? e->type : TY_NUM, .num = e->num};
    case RX_TEXT: return rx_text(e->text, (int64_t)strlen(e->text));
    case RX_NULL: return rx_null(e->type == TY_TEXT || e->type == TY_CAT ? TY_TEXT : TY_NUM);
    case RX_COLUMN: return column_value(c, e);
    case RX_UNARY: {
        RxValue a = rx_eval(c, e->args[0]);
        if (e->op == OP_NEG) return (RxValue){.type = a.type, .num = -a.num};
        int t = rx_truth(a);
        return t < 0 ? RX_NULL_NUM : rx_number(!t);
    }
    case RX_BINARY: {
        RxValue a = rx_eval(c, e->args[0]);
        return binary(e, a, rx_eval(c, e->args[1]));
    }
    case RX_CALL: return call(c, e);
    case RX_ISNULL: return rx_number(rx_is_null(rx_eval(c, e->args[0])) != (e->num != 0));
    case RX_IN: {
        RxValue a = rx_eval(c, e->args[0]);
        if (rx_is_null(a)) return RX_NULL_NUM;
        bool unknown = false;
        for (int i = 1; i < e->nargs; i++) {
            RxValue r = compare(OP_EQ, a, rx_eval(c, e->args[i]));
            if (rx_is_null(r))
                unknown = true;
            else if (r.num != 0)
                return rx_number(e->num == 0);
        }
        return unknown ? RX_NULL_NUM : rx_number(e->num != 0);
    }
    case RX_ELSE: {
        RxValue a = rx_eval(c, e->args[0]);
        for (int i = 1; i < e->nargs && rx_is_null(a); i++) a = rx_eval(c, e->args[i]);
        return a;
    }
    }
    internal_error("row expression of kind %d", e->kind);
}

int rowexpr_eval_truth(const RowExpr *e, const Table *const *tables, const int64_t *rows) {
    RxContext c = {.tables = tables, .rows = rows};
    int t = rx_truth(rx_eval(&c, e));
    rx_release(&c);
    return t;
}
double rowexpr_eval_num(const RowExpr *e, const Table *const *tables, const int64_t *rows) {
    RxContext c = {.tables = tables, .rows = rows};
    RxValue v = rx_eval(&c, e);
    double x = v.type == TY_TEXT ? NAN : v.num;
    rx_release(&c);
    return x;
}

static void print_number(Buf *out, double x) {
    char s[40];
    for (int p = 15; p <= 17; p++) {
        snprintf(s, sizeof s, "%.*g", p, x);
        if (strtod(s, NULL) == x) break;
    }
    buf_puts(out, s);
}
void rowexpr_print(Buf *out, const RowExpr *e, const char *const *role_names, const Table *const *tables) {
    switch (e->kind) {
    case RX_NUM:
        if (e->type == TY_DATE) {
            int64_t y;
            int m, d;
            calendar_date((int64_t)e->num, &y, &m, &d);
            buf_printf(out, "\"%04lld-%02d-%02d\"", (long long)y, m, d);
        } else
            print_number(out, e->num);
        return;
    case RX_TEXT:
        buf_puts(out, "\"");
        for (const char *p = e->text; *p; p++) {
            if (*p == '"' || *p == '\\') buf_puts(out, "\\");
            if (*p == '\n')
                buf_puts(out, "\\n");
            else
                buf_add(out, p, 1);
        }
        buf_puts(out, "\"");
        return;
    case RX_NULL: buf_puts(out, "null"); return;
    case RX_COLUMN:
        buf_printf(out, "%s.%s", role_names[e->role],
                   tables && tables[e->role] ? tables[e->role]->cols[e->column].name : "?");
        return;
    case RX_UNARY:
        buf_puts(out, e->op == OP_NEG ? "-" : "not ");
        rowexpr_print(out, e->args[0], role_names, tables);
        return;
    case RX_BINARY:
    case RX_ELSE:
        for (int i = 0; i < e->nargs; i++) {
            if (i) buf_printf(out, " %s ", e->kind == RX_ELSE ? "|" : op_text(e->op));
            bool inner = e->args[i]->kind == RX_BINARY || e->args[i]->kind == RX_ELSE;
            if (inner) buf_puts(out, "(");
            rowexpr_print(out, e->args[i], role_names, tables);
            if (inner) buf_puts(out, ")");
        }
        return;
    case RX_ISNULL:
        rowexpr_print(out, e->args[0], role_names, tables);
        buf_puts(out, e->num != 0 ? " is not null" : " is null");
        return;
    case RX_CALL:
    case RX_IN:
        if (e->kind == RX_CALL)
            buf_printf(out, "%s(", e->text);
        else {
            rowexpr_print(out, e->args[0], role_names, tables);
            buf_puts(out, e->num != 0 ? " not in {" : " in {");
        }
        for (int first = e->kind == RX_IN, i = first; i < e->nargs; i++) {
            if (i > first) buf_puts(out, ", ");
            rowexpr_print(out, e->args[i], role_names, tables);
        }
        buf_puts(out, e->kind == RX_CALL ? ")" : "}");
        return;
    }
}
