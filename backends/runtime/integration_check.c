/* integration_check.c: keys, functional dependencies and foreign keys of the sources, checked before anything is
 * joined.
 *
 * key S(c…): no two rows agree on c… (a null agrees with nothing).  fd S(x… -> y…): rows that agree on x… agree on y…
 * where neither is null. fk S(c…) -> R(d…): every tuple c… without null is some tuple d…. Violations are E410, E410,
 * E412 with the first ten groups and their row numbers, from 1; under `option egd warn` W411 and W412, which say by how
 * much joins fan out or how many rows find no partner. */
#include "backends/runtime/integration_internal.h"

enum { SHOWN = 10 };

/* Rows of `t` grouped by columns; the codes are freed before returning. */
static bool group_by(IntState *s, const Table *t, int ncols, const int *cols, KeyIndex *x) {
    KeyColumn *key = arena_array(s->arena, KeyColumn, ncols + 1);
    const int32_t **own = arena_array(s->arena, const int32_t *, ncols + 1);
    int64_t *domain = arena_array(s->arena, int64_t, ncols + 1);
    bool ok = true;
    for (int i = 0; i < ncols && ok; i++) {
        key[i] = (KeyColumn){.col = &t->cols[cols[i]], .rows = t->rows};
        domain[i] = keys_encode(1, &key[i]);
        own[i] = key[i].key;
        ok = domain[i] >= 0;
    }
    ok = ok && key_index_build(x, t->rows, NULL, ncols, own, domain);
    for (int i = 0; i < ncols; i++) mem_free(key[i].key);
    if (!ok) int_no_memory(s, "checking keys", t->rows);
    return ok;
}
static void print_columns(Buf *b, const Table *t, int n, const int *cols) {
    for (int i = 0; i < n; i++) buf_printf(b, "%s%s", i ? ", " : "", t->cols[cols[i]].name);
}
static void print_values(Buf *b, const Table *t, int n, const int *cols, int64_t row) {
    char scratch[64];
    const char *text;
    int32_t len;
    for (int i = 0; i < n; i++) {
        int_value_text(&t->cols[cols[i]], row, scratch, &text, &len);
        buf_printf(b, "%s%s = ", i ? ", " : "", t->cols[cols[i]].name);
        buf_add(b, text, (size_t)(len < 60 ? len : 60));
        if (len > 60) buf_puts(b, "…");
    }
}
static void print_rows(Buf *b, const KeyIndex *x, int64_t g) {
    buf_puts(b, ": rows");
    for (int32_t at = x->start[g]; at < x->start[g + 1] && at < x->start[g] + SHOWN; at++)
        buf_printf(b, "%s %d", at > x->start[g] ? "," : "", x->rows[at] + 1);
    if (x->start[g + 1] - x->start[g] > SHOWN) buf_printf(b, ", … (%d in all)", x->start[g + 1] - x->start[g]);
}

/* Do two rows of group g disagree on the columns? (fd) */
static bool disagrees(const KeyIndex *x, int64_t g, int ncols, const KeyColumn *key) {
    for (int c = 0; c < ncols; c++) {
        int32_t first = -1;
        for (int32_t at = x->start[g]; at < x->start[g + 1]; at++) {
            int32_t v = key[c].key[x->rows[at]];
            if (first < 0)
                first = v;
            else if (v >= 0 && v != first)
                return true;
        }
    }
    return false;
}
static bool check_groups(IntState *s, const CheckSpec *c) {
    const Table *t = s->spec->tables[c->source];
    bool fd = c->kind != EGD_KEY;
    KeyIndex x;
    if (!group_by(s, t, c->ncols, c->cols, &x)) return false;
    KeyColumn *key = arena_array(s->arena, KeyColumn, c->ncols2 + 1);
    bool ok = true;
    for (int i = 0; fd && i < c->ncols2 && ok; i++) {
        key[i] = (KeyColumn){.col = &t->cols[c->cols2[i]], .rows = t->rows};
        ok = keys_encode(1, &key[i]) >= 0;
    }
    if (!ok) int_no_memory(s, "checking dependencies", t->rows);
    int64_t bad = 0, groups = 0, largest = 0, shown[SHOWN];
    uint8_t *violated = ok ? mem_try((size_t)x.groups, 1) : NULL;
    if (ok && !violated) ok = false, int_no_memory(s, "checking keys", x.groups);
    for (int64_t g = 0; ok && g < x.groups; g++) {
        int64_t size = x.start[g + 1] - x.start[g];
        groups += size > 0;
        violated[g] = size > 1 && (!fd || disagrees(&x, g, c->ncols2, key));
        bad += violated[g];
        if (violated[g] && size > largest) largest = size;
    }
    if (bad) { /* the first ten in the order of their first row */
        int64_t *first_row = mem_alloc((size_t)SHOWN * sizeof *first_row);
        int n = 0;
        for (int64_t g = 0; g < x.groups; g++) {
            if (!violated[g]) continue;
            int64_t row = x.rows[x.start[g]];
            int at = n < SHOWN ? n++ : SHOWN;
            while (at > 0 && first_row[at - 1] > row) {
                if (at < SHOWN) first_row[at] = first_row[at - 1], shown[at] = shown[at - 1];
                at--;
            }
            if (at < SHOWN) first_row[at] = row, shown[at] = g;
        }
        mem_free(first_row);
        Buf cols = {0}, cols2 = {0};
        print_columns(&cols, t, c->ncols, c->cols);
        print_columns(&cols2, t, fd ? c->ncols2 : 0, c->cols2);
        double factor = groups ? (double)x.indexed / (double)groups : 1;
        Diag *d;
        if (!fd && s->spec->egd_warn)
            d = diag_warn(
                s->ds, "W411", c->span,
                "(%s) is not a key of %s: %lld value%s repeated, up to %lld times; a join on it fans out by %.4g",
                cols.data, t->name, (long long)bad, bad == 1 ? " is" : "s are", (long long)largest, factor);
        else if (!fd)
            d = diag_error(s->ds, "E410", c->span, "(%s) is not a key of %s: %lld value%s repeated", cols.data, t->name,
                           (long long)bad, bad == 1 ? " is" : "s are");
        else if (s->spec->egd_warn)
            d = diag_warn(s->ds, "W411", c->span,
                          "in %s, (%s) does not determine (%s): %lld value%s several; a join on it fans out by %.4g",
                          t->name, cols.data, cols2.data, (long long)bad, bad == 1 ? " has" : "s have", factor);
        else
            d = diag_error(s->ds, "E410", c->span, "in %s, (%s) does not determine (%s): %lld value%s several", t->name,
                           cols.data, cols2.data, (long long)bad, bad == 1 ? " has" : "s have");
        for (int i = 0; i < n; i++) {
            Buf note = {0};
            print_values(&note, t, c->ncols, c->cols, x.rows[x.start[shown[i]]]);
            print_rows(&note, &x, shown[i]);
            diag_note(d, (Span){0}, "%s", note.data);
            buf_free(&note);
        }
        if (bad > n) diag_note(d, (Span){0}, "and %lld more", (long long)(bad - n));
        if (!s->spec->egd_warn) {
            diag_help(d, "mend the data, or say `option egd warn` to join all of them");
            s->failed = true;
        }
        buf_free(&cols);
        buf_free(&cols2);
    }
    mem_free(violated);
    for (int i = 0; i < c->ncols2; i++) mem_free(key[i].key);
    key_index_free(&x);
    return ok;
}

static bool check_foreign_key(IntState *s, const CheckSpec *c) {
    const Table *from = s->spec->tables[c->source], *to = s->spec->tables[c->source2];
    int n = c->ncols;
    KeyColumn *key = arena_array(s->arena, KeyColumn, 2 * n + 2);
    const int32_t **own = arena_array(s->arena, const int32_t *, n + 1);
    int64_t *domain = arena_array(s->arena, int64_t, n + 1);
    bool ok = n == c->ncols2;
    if (!ok) internal_error("a foreign key of %d columns refers to %d", n, c->ncols2);
    for (int i = 0; i < n && ok; i++) {
        key[2 * i] = (KeyColumn){.col = &from->cols[c->cols[i]], .rows = from->rows};
        key[2 * i + 1] = (KeyColumn){.col = &to->cols[c->cols2[i]], .rows = to->rows};
        domain[i] = keys_encode(2, &key[2 * i]);
        own[i] = key[2 * i + 1].key;
        if (domain[i] == KEYS_MIXED) {
            diag_error(s->ds, "E130", c->span, "%s.%s and %s.%s cannot be compared: one is text, the other a number",
                       from->name, key[2 * i].col->name, to->name, key[2 * i + 1].col->name);
            s->failed = true;
        }
        ok = domain[i] >= 0;
    }
    KeyIndex x = {0};
    ok = ok && key_index_build(&x, to->rows, NULL, n, own, domain);
    int64_t dangling = 0, shown[SHOWN];
    for (int64_t r = 0; ok && r < from->rows; r++) {
        int32_t codes[MAX_ROLES + 1];
        bool null = false;
        for (int i = 0; i < n; i++) codes[i] = key[2 * i].key[r], null |= codes[i] < 0;
        if (null) continue;
        int64_t g = key_index_find(&x, codes);
        if (g >= 0 && x.start[g + 1] > x.start[g]) continue;
        if (dangling < SHOWN) shown[dangling] = r;
        dangling++;
    }
    if (dangling) {
        Buf cols = {0}, cols2 = {0};
        print_columns(&cols, from, n, c->cols);
        print_columns(&cols2, to, n, c->cols2);
        bool warn = s->spec->egd_warn;
#define DANGLING                                                                                                       \
    "%lld row%s of %s ha%s a (%s) that is no (%s) of %s", (long long)dangling, dangling == 1 ? "" : "s", from->name,   \
        dangling == 1 ? "s" : "ve", cols.data, cols2.data, to->name
        Diag *d = warn ? diag_warn(s->ds, "W412", c->span, DANGLING) : diag_error(s->ds, "E412", c->span, DANGLING);
#undef DANGLING
        for (int64_t i = 0; i < dangling && i < SHOWN; i++) {
            Buf note = {0};
            print_values(&note, from, n, c->cols, shown[i]);
            diag_note(d, (Span){0}, "row %lld: %s", (long long)shown[i] + 1, note.data);
            buf_free(&note);
        }
        if (!warn) {
            diag_help(d, "add the missing rows to %s, make the key null, or leave out the fk", to->name);
            s->failed = true;
        }
        buf_free(&cols);
        buf_free(&cols2);
    }
    key_index_free(&x);
    for (int i = 0; i < 2 * n; i++) mem_free(key[i].key);
    if (!ok && !s->failed) int_no_memory(s, "checking foreign keys", from->rows);
    return ok;
}

bool int_checks(IntState *s) {
    for (int i = 0; i < s->spec->nchecks; i++) {
        const CheckSpec *c = &s->spec->checks[i];
        if (!s->spec->tables[c->source] || (c->kind == EGD_FK && !s->spec->tables[c->source2]))
            continue; /* a source that this target does not read */
        if (!(c->kind == EGD_FK ? check_foreign_key(s, c) : check_groups(s, c))) return false;
    }
    return !s->failed;
}
