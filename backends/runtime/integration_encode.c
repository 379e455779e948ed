/* integration_encode.c: how cells become numbers: dictionaries, fills, missing values.
 *
 * A dictionary (onehot, ordinal) lists every value of all source columns, constants and computed cells that feed the
 * target column, as text: onehot sorted by bytes, ordinal of numbers and dates by size. A number's text is the shortest
 * that reads back the same. The mean that fills missing cells is over the target's rows (so weighted by how often a
 * source row is used), before `missing drop` removes any. Fill values are in encoded numbers; for onehot the fill is a
 * code, or -1 for a row of zeros. */
#include "backends/runtime/integration_internal.h"

enum { SHOWN = 10, UNSEEN = -3 };

void int_number_text(double x, char out[40]) {
    if (x == 0) x = 0; /* -0 */
    for (int p = 15; p <= 17; p++) {
        snprintf(out, 40, "%.*g", p, x);
        if (strtod(out, NULL) == x) return;
    }
}
static void date_text(double days, char out[64]) {
    int64_t y;
    int m, d;
    calendar_date((int64_t)days, &y, &m, &d);
    snprintf(out, 64, "%04lld-%02d-%02d", (long long)y, m, d);
}
static void time_text(int64_t micros, char out[64]) {
    int64_t days = micros / (int64_t)RX_DAY - (micros % (int64_t)RX_DAY < 0), rest = micros - days * (int64_t)RX_DAY;
    date_text((double)days, out);
    size_t n = strlen(out);
    snprintf(out + n, 64 - n, " %02d:%02d:%02d", (int)(rest / 3600000000), (int)(rest / 60000000 % 60),
             (int)(rest / 1000000 % 60));
    n = strlen(out);
    if (rest % 1000000) snprintf(out + n, 64 - n, ".%06d", (int)(rest % 1000000));
}
void int_value_text(const Column *c, int64_t row, char out[64], const char **text, int32_t *len) {
    *text = out;
    if (column_is_null(c, row))
        snprintf(out, 64, "null");
    else if (c->codes) {
        *text = c->dict->text[c->codes[row]];
        *len = c->dict->len[c->codes[row]];
        return;
    } else if (c->type == TY_DATE)
        date_text((double)c->ints[row], out);
    else if (c->type == TY_TIME)
        time_text(c->ints[row], out);
    else if (c->type == TY_BOOL)
        snprintf(out, 64, "%s", c->ints[row] ? "true" : "false");
    else if (c->ints)
        snprintf(out, 64, "%lld", (long long)c->ints[row]);
    else
        int_number_text(column_number(c, row), out);
    *len = (int32_t)strlen(out);
}
double int_number(const ColumnPlan *p, const TargetColumnSpec *spec, const Column *col, int64_t row) {
    double x = column_number(col, row);
    if (spec->encoding != ENC_DAYS) return x;
    return (col->type == TY_TIME ? x / RX_DAY : x) - p->epoch;
}

/* ---------------- dictionaries ---------------- */
typedef struct Value {
    double number; /* sorts ordinals; NaN: text */
    const char *text;
    int32_t len;
} Value;
static int by_bytes(const void *a, const void *b) {
    const Value *x = a, *y = b;
    return rx_compare_text(x->text, x->len, y->text, y->len);
}
static int by_number(const void *a, const void *b) {
    const Value *x = a, *y = b;
    if (x->number != y->number && !isnan(x->number) && !isnan(y->number)) return x->number < y->number ? -1 : 1;
    return by_bytes(a, b);
}
/* Adds the distinct values of a column to a dictionary; *numeric turns false when it holds texts. */
static bool add_values(Dict *d, const Column *c, int64_t rows, bool *numeric, double **number, int32_t *cap) {
    char scratch[64];
    const char *text;
    int32_t len;
    bool ok = true;
    Intern seen = {0};
    uint8_t *used = NULL;
    if (c->codes) {
        *numeric = false;
        used = mem_try((size_t)(c->dict ? c->dict->count : 0) + 1, 1);
        if (!used) return false;
    } else if (!intern_init(&seen, 64))
        return false;
    for (int64_t r = 0; ok && r < rows; r++) {
        double x = 0;
        if (column_is_null(c, r)) continue;
        if (c->codes) {
            if (used[c->codes[r]]) continue;
            used[c->codes[r]] = 1;
        } else {
            uint64_t bits;
            int32_t known = seen.count;
            x = column_number(c, r);
            if (x == 0) x = 0;
            memcpy(&bits, &x, sizeof bits);
            if (c->ints) bits = (uint64_t)c->ints[r];
            int32_t id = intern_add(&seen, bits);
            ok = id >= 0;
            if (id < known) continue;
        }
        int_value_text(c, r, scratch, &text, &len);
        int32_t known = d->count, code = dict_add(d, text, len);
        ok = ok && code >= 0;
        if (!ok || code < known) continue;
        if (code >= *cap) {
            int32_t grown = *cap ? *cap * 2 : 64;
            double *n = mem_try((size_t)grown, sizeof *n);
            if (!n)
                ok = false;
            else if (*cap)
                memcpy(n, *number, (size_t)*cap * sizeof *n);
            if (!n) break;
            mem_free(*number);
            *number = n;
            *cap = grown;
        }
        (*number)[code] = c->codes ? NAN : x;
    }
    intern_free(&seen);
    mem_free(used);
    return ok;
}
static Dict *learn_dictionary(IntState *s, int j) {
    const ColumnPlan *p = &s->plans[j];
    Dict *found = dict_new(), *sorted = NULL;
    double *number = NULL;
    int32_t cap = 0;
    bool numeric = true, ok = found != NULL;
    for (int f = 0; f < p->nfeeders && ok; f++)
        ok = add_values(found, p->feeders[f].col, int_table(s, p->feeders[f].role)->rows, &numeric, &number, &cap);
    if (ok && p->consts) ok = add_values(found, p->consts, s->spec->ntgds, &numeric, &number, &cap);
    if (ok && p->computed) ok = add_values(found, p->computed, s->rows, &numeric, &number, &cap);
    Value *v = ok ? mem_try((size_t)found->count, sizeof *v) : NULL;
    if (v) {
        for (int32_t i = 0; i < found->count; i++) v[i] = (Value){number[i], found->text[i], found->len[i]};
        if (found->count)
            qsort(v, (size_t)found->count, sizeof *v,
                  numeric && s->spec->cols[j].encoding == ENC_ORDINAL ? by_number : by_bytes);
        sorted = dict_new();
        for (int32_t i = 0; i < found->count && sorted; i++)
            if (dict_add(sorted, v[i].text, v[i].len) < 0) dict_free(sorted), sorted = NULL;
    }
    if (!sorted) int_no_memory(s, "a dictionary", 0);
    mem_free(v);
    mem_free(number);
    dict_free(found);
    return sorted;
}
int32_t *int_codes(IntState *s, const Integration *out, int j, const Column *col, int64_t rows) {
    const Dict *d = out->encoders[j].dict;
    char scratch[64];
    const char *text;
    int32_t len, *codes = mem_try((size_t)rows, sizeof *codes), *map = NULL,
                 cap = col->codes && col->dict ? col->dict->count : 64;
    Intern seen = {0};
    bool ok = codes && (map = mem_try((size_t)cap + 1, sizeof *map)) && (col->codes || intern_init(&seen, 64));
    for (int32_t c = 0; ok && col->codes && c < cap; c++) {
        map[c] = dict_find(d, col->dict->text[c], col->dict->len[c]);
        if (map[c] < 0) map[c] = UNSEEN;
    }
    for (int64_t r = 0; ok && r < rows; r++) {
        if (column_is_null(col, r))
            codes[r] = -1;
        else if (col->codes)
            codes[r] = map[col->codes[r]];
        else {
            uint64_t bits;
            int32_t known = seen.count;
            double x = column_number(col, r);
            if (x == 0) x = 0;
            memcpy(&bits, &x, sizeof bits);
            if (col->ints) bits = (uint64_t)col->ints[r];
            int32_t id = intern_add(&seen, bits);
            if (id < 0)
                ok = false;
            else if (id == known) {
                if (id >= cap) {
                    int32_t *grown = mem_try((size_t)cap * 2 + 1, sizeof *grown);
                    if (!grown) {
                        ok = false;
                        break;
                    }
                    memcpy(grown, map, (size_t)cap * sizeof *grown);
                    mem_free(map);
                    map = grown;
                    cap *= 2;
                }
                int_value_text(col, r, scratch, &text, &len);
                map[id] = dict_find(d, text, len);
                if (map[id] < 0) map[id] = UNSEEN;
            }
            if (ok) codes[r] = map[id];
        }
    }
    intern_free(&seen);
    mem_free(map);
    if (ok) return codes;
    mem_free(codes);
    int_no_memory(s, "category codes", rows);
    return NULL;
}

bool int_gather(IntState *s, const Integration *out, int j, double *values) {
    const TargetColumnSpec *spec = &s->spec->cols[j];
    const ColumnPlan *p = &s->plans[j];
    int n = p->computed ? 1 : p->nfeeders + 1;
    int32_t **codes = arena_array(s->arena, int32_t *, n);
    bool coded = out->encoders[j].dict != NULL, ok = true;
    for (int f = 0; coded && ok && f < n; f++) {
        const Column *c = p->computed ? p->computed : f < p->nfeeders ? p->feeders[f].col : p->consts;
        int64_t rows = p->computed       ? s->rows
                       : f < p->nfeeders ? int_table(s, p->feeders[f].role)->rows
                                         : s->spec->ntgds;
        if (c) ok = (codes[f] = int_codes(s, out, j, c, rows)) != NULL;
    }
    for (int64_t i = 0; ok && i < s->rows; i++) {
        const Column *c;
        int64_t at;
        if (i % 65536 == 0 && int_given_up(s)) ok = false;
        int owner = p->computed ? 0 : p->owner[s->tgd_of[i]];
        values[i] = NAN;
        if (!plan_cell(p, s->tgd_of[i], s->ci, i, i, &c, &at)) continue;
        if (!coded)
            values[i] = int_number(p, spec, c, at);
        else {
            int32_t code = codes[owner == OWNER_CONST ? n - 1 : owner][at];
            if (code >= 0) values[i] = code;
        }
    }
    for (int f = 0; f < n; f++) mem_free(codes[f]);
    return ok;
}

/* ---------------- encoders ---------------- */
static void mean_fill(IntState *s, Integration *out, int j) {
    const TargetColumnSpec *spec = &s->spec->cols[j];
    if (spec->encoding == ENC_ONEHOT || spec->encoding == ENC_VECTOR) {
        Diag *d = diag_error(s->ds, "E312", spec->span, "`missing mean` of %s needs numbers, and %s gives none",
                             spec->name, spec->encoding == ENC_ONEHOT ? "onehot" : "a vector");
        diag_help(d, "a missing category is a row of zeros by default; `missing drop` leaves the row out");
        s->failed = true;
        return;
    }
    double *values = mem_try((size_t)s->rows, sizeof *values), sum = 0, carry = 0;
    if (!values) return int_no_memory(s, "a mean", s->rows);
    int64_t n = 0;
    if (int_gather(s, out, j, values))
        for (int64_t i = 0; i < s->rows;
             i++) { /* Neumaier's compensated sum: the mean does not depend on how rows are ordered to 1e-16 */
            double x = values[i], t = sum + x;
            if (isnan(x)) continue;
            carry += fabs(sum) >= fabs(x) ? sum - t + x : x - t + sum;
            sum = t;
            n++;
        }
    if (!n && s->rows && !s->failed)
        diag_warn(s->ds, "W312", spec->span, "%s has no value at all: its `missing mean` is 0", spec->name);
    out->encoders[j].fill = n ? (isfinite(sum + carry) ? sum + carry : sum) / (double)n : 0;
    out->encoders[j].has_fill = true;
    mem_free(values);
}
static void learn_fill(IntState *s, Integration *out, int j) {
    const TargetColumnSpec *spec = &s->spec->cols[j];
    Encoder *e = &out->encoders[j];
    bool onehot = spec->encoding == ENC_ONEHOT;
    switch (spec->missing) {
    case MISS_MEAN: mean_fill(s, out, j); return;
    case MISS_DROP:
    case MISS_ERROR: return;
    case MISS_DEFAULT:
        if (spec->role != ROLE_FEATURE) return;
        e->fill = onehot ? -1 : 0;
        e->has_fill = true;
        return;
    case MISS_CONST:
        e->fill = spec->missing_value;
        e->has_fill = true;
        if (onehot) { /* the category of that number, or a row of zeros */
            char text[40];
            int_number_text(spec->missing_value, text);
            e->fill = dict_find(e->dict, text, (int32_t)strlen(text));
        }
        return;
    }
}
static void base_category(IntState *s, Integration *out, int j) {
    const TargetColumnSpec *spec = &s->spec->cols[j];
    Encoder *e = &out->encoders[j];
    if (!spec->base_category) return;
    e->base = dict_find(e->dict, spec->base_category, (int32_t)strlen(spec->base_category));
    char *end;
    double x = strtod(spec->base_category, &end);
    if (e->base < 0 && end != spec->base_category && !*end) { /* "1.0" names the category 1 */
        char text[40];
        int_number_text(x, text);
        e->base = dict_find(e->dict, text, (int32_t)strlen(text));
    }
    if (e->base >= 0 || !e->dict->count) return;
    Diag *d = diag_error(s->ds, "E331", spec->span, "%s has no category \"%s\" to be the base", spec->name,
                         spec->base_category);
    const char *near = text_nearest(spec->base_category, (const char *const *)e->dict->text, e->dict->count);
    if (near) diag_help(d, "did you mean \"%s\"?", near);
    s->failed = true;
}
bool int_encoders(IntState *s, Integration *out) {
    const MappingSpec *spec = s->spec;
    out->encoders = arena_array(s->arena, Encoder, spec->ncols + 1);
    for (int j = 0; j < spec->ncols && !s->failed; j++) {
        const TargetColumnSpec *c = &spec->cols[j];
        Encoder *e = &out->encoders[j];
        e->encoding = c->encoding;
        e->base = -1;
        if (c->encoding == ENC_DAYS) {
            int64_t days = 0;
            double micros;
            if (c->epoch && !calendar_parse(c->epoch, (int32_t)strlen(c->epoch), &days, &micros)) {
                diag_error(s->ds, "E313", c->span, "\"%s\" is not a date such as \"1970-01-01\"", c->epoch);
                return s->failed = true, false;
            }
            s->plans[j].epoch = (double)days;
        }
        if (s->given) {
            e->dict = s->given[j].dict;
            e->base = s->given[j].base;
            e->fill = s->given[j].fill;
            e->has_fill = s->given[j].has_fill;
            continue;
        }
        if (c->encoding == ENC_ONEHOT || c->encoding == ENC_ORDINAL) {
            e->dict = learn_dictionary(s, j);
            if (e->dict) base_category(s, out, j);
        }
        if (!s->failed) learn_fill(s, out, j);
    }
    return !s->failed;
}

/* ---------------- missing cells and unseen categories ---------------- */
static bool cell_missing(const IntState *s, int j, int64_t i) {
    const Column *c;
    int64_t at;
    return !plan_cell(&s->plans[j], s->tgd_of[i], s->ci, i, i, &c, &at) || column_is_null(c, at);
}
static bool drop_rows(IntState *s, Integration *out) {
    uint8_t *keep = NULL;
    int64_t kept = s->rows;
    for (int j = 0; j < s->spec->ncols; j++) {
        if (s->spec->cols[j].missing != MISS_DROP) continue;
        if (!keep) {
            keep = mem_try((size_t)s->rows, 1);
            if (!keep) return int_no_memory(s, "`missing drop`", s->rows), false;
            memset(keep, 1, (size_t)s->rows);
        }
        for (int64_t i = 0; i < s->rows; i++)
            if (keep[i] && cell_missing(s, j, i)) keep[i] = 0, kept--;
    }
    out->dropped_missing = s->rows - kept;
    if (kept < s->rows) int_keep_rows(s, keep, kept);
    mem_free(keep);
    return true;
}
static void print_where(const IntState *s, Diag *d, int64_t i) {
    Buf where = {0};
    for (int k = 0; k < s->spec->nroles; k++)
        if (s->ci[k][i] >= 0)
            buf_printf(&where, "%s%s row %d", where.len ? ", " : "", s->spec->roles[k].name, s->ci[k][i] + 1);
    diag_note(d, (Span){0}, "target row %lld: %s", (long long)i, where.data ? where.data : "");
    buf_free(&where);
}
static void report_missing(IntState *s, int j) {
    const TargetColumnSpec *c = &s->spec->cols[j];
    int64_t n = 0, shown[SHOWN];
    for (int64_t i = 0; i < s->rows; i++)
        if (cell_missing(s, j, i)) {
            if (n < SHOWN) shown[n] = i;
            n++;
        }
    if (!n) return;
    bool said = c->missing == MISS_ERROR;
    Diag *d = diag_error(s->ds, said ? "E312" : "E310", c->span, "%s%s has no value in %lld row%s of %s",
                         said                     ? ""
                         : c->role == ROLE_WEIGHT ? "weight "
                                                  : "label ",
                         c->name, (long long)n, n == 1 ? "" : "s", s->spec->target);
    for (int64_t k = 0; k < n && k < SHOWN; k++) print_where(s, d, shown[k]);
    diag_help(d, "`missing drop` leaves such rows out; `missing mean` or a constant fills them");
    s->failed = true;
}
static void report_unseen(IntState *s, Integration *out, int j) {
    const ColumnPlan *p = &s->plans[j];
    const TargetColumnSpec *c = &s->spec->cols[j];
    int n = p->computed ? 1 : p->nfeeders + 1;
    int64_t bad = 0, shown[SHOWN];
    int32_t **codes = arena_array(s->arena, int32_t *, n);
    for (int f = 0; f < n && !s->failed; f++) {
        const Column *col = p->computed ? p->computed : f < p->nfeeders ? p->feeders[f].col : p->consts;
        int64_t rows = p->computed       ? s->rows
                       : f < p->nfeeders ? int_table(s, p->feeders[f].role)->rows
                                         : s->spec->ntgds;
        if (col) codes[f] = int_codes(s, out, j, col, rows);
    }
    for (int64_t i = 0; i < s->rows && !s->failed; i++) {
        const Column *col;
        int64_t at;
        if (!plan_cell(p, s->tgd_of[i], s->ci, i, i, &col, &at)) continue;
        int owner = p->computed ? 0 : p->owner[s->tgd_of[i]];
        if (codes[owner == OWNER_CONST ? n - 1 : owner][at] != UNSEEN) continue;
        if (bad < SHOWN) shown[bad] = i;
        bad++;
    }
    for (int f = 0; f < n; f++) mem_free(codes[f]);
    if (!bad) return;
    Diag *d =
        diag_error(s->ds, "E330", c->span, "%lld row%s of %s ha%s a category of %s that the model was not trained on",
                   (long long)bad, bad == 1 ? "" : "s", s->spec->target, bad == 1 ? "s" : "ve", c->name);
    for (int64_t k = 0; k < bad && k < SHOWN; k++) {
        const Column *col;
        int64_t at;
        char scratch[64];
        const char *text;
        int32_t len;
        if (!plan_cell(p, s->tgd_of[shown[k]], s->ci, shown[k], shown[k], &col, &at)) continue;
        int_value_text(col, at, scratch, &text, &len);
        diag_note(d, (Span){0}, "target row %lld: %.*s", (long long)shown[k], len < 60 ? len : 60, text);
    }
    diag_help(d, "train on data that have these categories, or leave the rows out with a condition");
    s->failed = true;
}
bool int_missing(IntState *s, Integration *out) {
    if (!drop_rows(s, out)) return false;
    for (int j = 0; j < s->spec->ncols; j++) {
        const TargetColumnSpec *c = &s->spec->cols[j];
        bool must = c->missing == MISS_ERROR ||
                    (c->missing == MISS_DEFAULT && (c->role == ROLE_LABEL || c->role == ROLE_WEIGHT));
        if (must) report_missing(s, j);
        if (s->given && out->encoders[j].dict) report_unseen(s, out, j);
    }
    return !s->failed;
}

/* ---------------- features ---------------- */
static int64_t vector_width(IntState *s, int j) {
    const ColumnPlan *p = &s->plans[j];
    int64_t width = 0;
    for (int f = 0; f < p->nfeeders; f++) {
        const Column *c = p->feeders[f].col;
        if (!c->matrix) internal_error("column %s feeds a vector and is none", c->name);
        if (f && c->matrix->cols != width) {
            Diag *d = diag_error(s->ds, "E213", s->spec->cols[j].span, "vectors of different width feed %s",
                                 s->spec->cols[j].name);
            diag_note(d, p->feeders[0].col->span, "`%s` has %lld numbers a row", p->feeders[0].col->name,
                      (long long)width);
            diag_note(d, c->span, "`%s` has %lld", c->name, (long long)c->matrix->cols);
            s->failed = true;
        }
        width = c->matrix->cols;
    }
    return width;
}
bool int_features(IntState *s, Integration *out) {
    const MappingSpec *spec = s->spec;
    int64_t total = 0;
    for (int j = 0; j < spec->ncols; j++) {
        Encoder *e = &out->encoders[j];
        if (spec->cols[j].role != ROLE_FEATURE) continue;
        e->first_feature = total;
        e->nfeatures = spec->cols[j].encoding == ENC_VECTOR   ? vector_width(s, j)
                       : spec->cols[j].encoding == ENC_ONEHOT ? e->dict->count - (e->base >= 0)
                                                              : 1;
        total += e->nfeatures;
        if (total > INT32_MAX - 1) {
            diag_error(s->ds, "E402", spec->cols[j].span, "%s has too many features", spec->target);
            s->failed = true;
        }
        if (s->failed) return false;
    }
    out->cols = total;
    out->features = arena_array(s->arena, Feature, total + 1);
    for (int j = 0; j < spec->ncols; j++) {
        const Encoder *e = &out->encoders[j];
        const char *name = spec->cols[j].name;
        for (int64_t k = 0; k < e->nfeatures; k++) {
            Feature *f = &out->features[e->first_feature + k];
            *f = (Feature){.name = name, .column = j, .category = -1};
            if (spec->cols[j].encoding == ENC_ONEHOT) {
                f->category = (int32_t)(k + (e->base >= 0 && k >= e->base));
                f->name = arena_printf(s->arena, "%s=%s", name, e->dict->text[f->category]);
            } else if (spec->cols[j].encoding == ENC_VECTOR)
                f->name = arena_printf(s->arena, "%s[%lld]", name, (long long)k + 1);
        }
    }
    return true;
}
bool int_targets(IntState *s, Integration *out) {
    for (int j = 0; j < s->spec->ncols; j++) {
        ColumnRole role = s->spec->cols[j].role;
        if (role != ROLE_LABEL && role != ROLE_WEIGHT) continue;
        double *v = mem_try((size_t)s->rows, sizeof *v);
        if (!v) return int_no_memory(s, "labels", s->rows), false;
        if (role == ROLE_LABEL)
            out->label = v, out->label_dict = out->encoders[j].dict;
        else
            out->weight = v;
        if (!int_gather(s, out, j, v)) return false;
        for (int64_t i = 0; i < s->rows; i++)
            if (isnan(v[i])) v[i] = out->encoders[j].fill;
    }
    return true;
}
