/* integration_columns.c: which source column owns which cell of the target.
 *
 * For target column j and tgd t the head gives alternatives in order of precedence. Their first is the structural owner
 * of the cells (rows of t) x j: a column of a role, an expression over one role (a derived column of that role,
 * computed once), or a constant of the tgd. A column becomes `computed`, with a value a target row, only where that
 * cannot express it: an expression over several roles, or, under `conflict nonnull`, an owner that is null in some row
 * where a later alternative is not. */
#include "backends/runtime/integration_internal.h"

static Column *column_new(TypeKind type, int64_t rows) {
    Column *c = mem_alloc(sizeof *c);
    c->name = "";
    c->type = type == TY_TEXT || type == TY_CAT                      ? TY_TEXT
              : type == TY_DATE || type == TY_TIME || type == TY_INT ? type
                                                                     : TY_NUM;
    bool ok;
    if (c->type == TY_TEXT) {
        c->dict = dict_new();
        ok = (c->codes = mem_try((size_t)rows, sizeof *c->codes)) != NULL && c->dict;
        for (int64_t r = 0; ok && r < rows; r++) c->codes[r] = -1;
    } else if (c->type == TY_NUM) {
        ok = (c->num = mem_try((size_t)rows, sizeof *c->num)) != NULL;
        for (int64_t r = 0; ok && r < rows; r++) c->num[r] = NAN;
    } else {
        ok = (c->ints = mem_try((size_t)rows, sizeof *c->ints)) != NULL;
        for (int64_t r = 0; ok && r < rows; r++) c->ints[r] = TABLE_NULL_INT;
    }
    if (!ok) rowexpr_column_free(c), c = NULL;
    return c;
}
static void column_put_number(Column *c, int64_t at, double x, bool from_date) {
    if (isnan(x)) return;
    if (c->num)
        c->num[at] = x;
    else
        c->ints[at] = (int64_t)(c->type == TY_TIME && from_date ? x * RX_DAY : x);
}
static bool column_put_text(Column *c, int64_t at, const char *text, int32_t len) {
    if (c->codes) return (c->codes[at] = dict_add(c->dict, text, len)) >= 0;
    int64_t days;
    double micros;
    if (c->num) internal_error("text in a numeric target column");
    if (calendar_parse(text, len, &days, &micros))
        c->ints[at] = c->type == TY_DATE ? days : (int64_t)((double)days * RX_DAY + micros);
    return true;
}
static bool column_put_value(Column *c, int64_t at, RxValue v) {
    char text[64];
    if (rx_is_null(v)) return true;
    if (v.type == TY_TEXT) return column_put_text(c, at, v.text, v.len);
    if (!c->codes) return column_put_number(c, at, v.num, v.type == TY_DATE), true;
    int_number_text(v.num, text);
    return column_put_text(c, at, text, (int32_t)strlen(text));
}
static bool column_put_cell(Column *c, int64_t at, const Column *from, int64_t row) {
    char scratch[64];
    const char *text;
    int32_t len;
    if (column_is_null(from, row)) return true;
    if (c->ints && from->ints && c->type == TY_INT) return c->ints[at] = from->ints[row], true;
    if (!c->codes) return column_put_number(c, at, column_number(from, row), from->type == TY_DATE), true;
    int_value_text(from, row, scratch, &text, &len);
    return column_put_text(c, at, text, len);
}

/* ---------------- plans ---------------- */
static const Column *derived_column(IntState *s, int role, const RowExpr *e) {
    for (int i = 0; i < s->nderived; i++)
        if (s->derived[i].role == role && rowexpr_equal(s->derived[i].expr, e)) return s->derived[i].col;
    if (s->nderived == s->derived_cap) {
        Derived *old = s->derived;
        s->derived_cap = s->derived_cap ? 2 * s->derived_cap : 8;
        s->derived = arena_array(s->arena, Derived, s->derived_cap);
        if (s->nderived) memcpy(s->derived, old, (size_t)s->nderived * sizeof *old);
    }
    Column *c = rowexpr_eval_column(s->ds, e, int_table(s, role));
    if (!c) return s->failed = true, NULL;
    s->derived[s->nderived++] = (Derived){role, e, c};
    return c;
}
static int feeder_of(IntState *s, ColumnPlan *p, int *cap, const HeadAlt *a) {
    bool derived = a->kind == HEAD_DERIVED;
    for (int i = 0; i < p->nfeeders; i++) {
        const Feeder *f = &p->feeders[i];
        if (f->role != a->role || derived != (f->column < 0)) continue;
        if (derived ? rowexpr_equal(f->expr, a->expr) : f->column == a->column) return i;
    }
    if (p->nfeeders == *cap) {
        Feeder *old = p->feeders;
        *cap = *cap ? 2 * *cap : 4;
        p->feeders = arena_array(s->arena, Feeder, *cap);
        if (p->nfeeders) memcpy(p->feeders, old, (size_t)p->nfeeders * sizeof *old);
    }
    Feeder f = {.role = a->role, .column = derived ? -1 : a->column, .expr = derived ? a->expr : NULL};
    f.col = derived ? derived_column(s, a->role, a->expr) : &int_table(s, a->role)->cols[a->column];
    p->feeders[p->nfeeders] = f;
    return p->nfeeders++;
}
static bool constant_of(IntState *s, int j, int t, ColumnPlan *p, const RowExpr *e) {
    RxContext c = {0};
    RxValue v = rx_eval(&c, e);
    bool null = rx_is_null(v), ok = true;
    if (!null && !p->consts)
        ok = (p->consts =
                  column_new(s->spec->cols[j].type == TY_INT ? TY_NUM : s->spec->cols[j].type, s->spec->ntgds)) != NULL;
    if (!null && ok && column_is_null(p->consts, t)) ok = column_put_value(p->consts, t, v);
    rx_release(&c);
    if (!ok) int_no_memory(s, "constants", s->spec->ntgds);
    return !null;
}
static void plan_column(IntState *s, int j) {
    const MappingSpec *spec = s->spec;
    ColumnPlan *p = &s->plans[j];
    int cap = 0;
    p->nalts = arena_array(s->arena, int, spec->ntgds);
    p->alts = arena_array(s->arena, Alt *, spec->ntgds);
    p->owner = arena_array(s->arena, int, spec->ntgds);
    for (int t = 0; t < spec->ntgds && !s->failed; t++) {
        const HeadTerm *h = &spec->tgds[t].head[j];
        p->alts[t] = arena_array(s->arena, Alt, h->nalts + 1);
        for (int a = 0; a < h->nalts && !s->failed; a++) {
            const HeadAlt *alt = &h->alts[a];
            Alt *out = &p->alts[t][p->nalts[t]];
            switch (alt->kind) {
            case HEAD_EXISTENTIAL: continue;
            case HEAD_COLUMN:
            case HEAD_DERIVED: *out = (Alt){.kind = ALT_FEEDER, .feeder = feeder_of(s, p, &cap, alt)}; break;
            case HEAD_CONST:
                if (!constant_of(s, j, t, p, alt->expr)) continue; /* null */
                *out = (Alt){.kind = ALT_CONST};
                break;
            case HEAD_MULTI: *out = (Alt){.kind = ALT_MULTI, .expr = alt->expr}; break;
            }
            p->nalts[t]++;
        }
        p->owner[t] = !p->nalts[t] ? OWNER_NONE : p->alts[t][0].kind == ALT_FEEDER ? p->alts[t][0].feeder : OWNER_CONST;
    }
}

/* ---------------- computed columns ---------------- */
typedef struct RowReader {
    const Table *tables[MAX_ROLES];
    int64_t rows[MAX_ROLES];
    RxContext rx;
} RowReader;
static bool alt_null(const ColumnPlan *p, const Alt *a, int t, int32_t *const *ci, int64_t i) {
    if (a->kind == ALT_FEEDER) return column_is_null(p->feeders[a->feeder].col, ci[p->feeders[a->feeder].role][i]);
    return a->kind == ALT_CONST && column_is_null(p->consts, t);
}
static bool needs_computing(const IntState *s, const ColumnPlan *p) {
    bool several = false;
    for (int t = 0; t < s->spec->ntgds; t++) {
        if (!s->tgd_rows[t]) continue;
        int last = s->spec->conflict == CONFLICT_NONNULL ? p->nalts[t] : p->nalts[t] > 0;
        for (int a = 0; a < last; a++)
            if (p->alts[t][a].kind == ALT_MULTI) return true;
        several |= last > 1;
    }
    for (int64_t i = 0; several && i < s->rows; i++) {
        int t = s->tgd_of[i];
        if (p->nalts[t] < 2 || !alt_null(p, &p->alts[t][0], t, s->ci, i)) continue;
        for (int a = 1; a < p->nalts[t]; a++)
            if (!alt_null(p, &p->alts[t][a], t, s->ci, i)) return true;
    }
    return false;
}
/* Whole numbers stay exact above 2^53 when nothing but integer columns feeds the computed one. */
static TypeKind computed_type(const IntState *s, int j) {
    const ColumnPlan *p = &s->plans[j];
    TypeKind type = s->spec->cols[j].type;
    if (type != TY_INT && type != TY_ROWID && type != TY_BOOL) return type;
    bool whole = true;
    for (int f = 0; f < p->nfeeders; f++) whole &= p->feeders[f].col->ints != NULL;
    for (int t = 0; t < s->spec->ntgds; t++)
        for (int a = 0; a < p->nalts[t]; a++) whole &= p->alts[t][a].kind == ALT_FEEDER;
    return whole ? TY_INT : TY_NUM;
}
static bool compute_column(IntState *s, int j, RowReader *reader) {
    ColumnPlan *p = &s->plans[j];
    Column *out = column_new(computed_type(s, j), s->rows);
    bool ok = out != NULL;
    for (int64_t i = 0; ok && i < s->rows; i++) {
        int t = s->tgd_of[i], last = s->spec->conflict == CONFLICT_NONNULL ? p->nalts[t] : p->nalts[t] > 0;
        for (int a = 0; ok && a < last && column_is_null(out, i); a++) {
            const Alt *alt = &p->alts[t][a];
            if (alt->kind == ALT_FEEDER) {
                const Feeder *f = &p->feeders[alt->feeder];
                ok = column_put_cell(out, i, f->col, s->ci[f->role][i]);
            } else if (alt->kind == ALT_CONST)
                ok = column_put_cell(out, i, p->consts, t);
            else {
                for (int k = 0; k < s->spec->nroles; k++) reader->rows[k] = s->ci[k][i];
                ok = column_put_value(out, i, rx_eval(&reader->rx, alt->expr));
                rx_reset(&reader->rx);
            }
        }
    }
    p->computed = out;
    if (!ok) int_no_memory(s, "a computed column", s->rows);
    return ok;
}

bool int_columns(IntState *s) {
    const MappingSpec *spec = s->spec;
    RowReader reader = {0};
    for (int k = 0; k < spec->nroles; k++) reader.tables[k] = int_table(s, k);
    reader.rx.tables = reader.tables;
    reader.rx.rows = reader.rows;
    s->plans = arena_array(s->arena, ColumnPlan, spec->ncols + 1);
    for (int j = 0; j < spec->ncols && !s->failed; j++) {
        plan_column(s, j);
        if (!s->failed && spec->cols[j].encoding != ENC_VECTOR && needs_computing(s, &s->plans[j]))
            compute_column(s, j, &reader);
    }
    rx_release(&reader.rx);
    return !s->failed;
}
void int_columns_free(IntState *s) {
    for (int i = 0; i < s->nderived; i++) rowexpr_column_free(s->derived[i].col);
    s->nderived = 0;
    for (int j = 0; s->plans && j < s->spec->ncols; j++) {
        rowexpr_column_free(s->plans[j].consts);
        rowexpr_column_free(s->plans[j].computed);
    }
    s->plans = NULL;
}

/* ---------------- removing rows ---------------- */
bool int_keep_rows(IntState *s, const uint8_t *keep, int64_t kept) {
    memset(s->tgd_rows, 0, (size_t)s->spec->ntgds * sizeof *s->tgd_rows);
    int64_t n = 0;
    for (int64_t i = 0; i < s->rows; i++) {
        if (!keep[i]) continue;
        s->tgd_of[n] = s->tgd_of[i];
        s->tgd_rows[s->tgd_of[n]]++;
        for (int k = 0; k < s->spec->nroles; k++) s->ci[k][n] = s->ci[k][i];
        for (int j = 0; j < s->spec->ncols; j++) {
            Column *c = s->plans[j].computed;
            if (!c) continue;
            if (c->num)
                c->num[n] = c->num[i];
            else if (c->ints)
                c->ints[n] = c->ints[i];
            else
                c->codes[n] = c->codes[i];
        }
        n++;
    }
    AMAL_CHECK(n == kept);
    s->rows = n;
    return true;
}

/* Codes of column j's cells, equal when the values are; null has a code of its own. */
static bool cell_codes(IntState *s, int j, int32_t *code) {
    const ColumnPlan *p = &s->plans[j];
    int n = p->computed ? 1 : p->nfeeders + (p->consts != NULL);
    KeyColumn *key = arena_array(s->arena, KeyColumn, n + 1);
    for (int i = 0; i < n; i++)
        key[i] = p->computed ? (KeyColumn){.col = p->computed, .rows = s->rows}
                 : i < p->nfeeders
                     ? (KeyColumn){.col = p->feeders[i].col, .rows = int_table(s, p->feeders[i].role)->rows}
                     : (KeyColumn){.col = p->consts, .rows = s->spec->ntgds};
    int64_t domain = n ? keys_encode(n, key) : 0;
    if (domain == KEYS_MIXED) internal_error("text and numbers feed target column %s", s->spec->cols[j].name);
    if (domain < 0) return false;
    for (int64_t i = 0; i < s->rows; i++) {
        int owner = p->computed ? 0 : p->owner[s->tgd_of[i]];
        const int32_t *k = owner == OWNER_NONE ? NULL : key[owner == OWNER_CONST ? n - 1 : owner].key;
        int64_t row = p->computed ? i : owner >= 0 ? s->ci[p->feeders[owner].role][i] : s->tgd_of[i];
        code[i] = k ? k[row] + 1 : 0;
    }
    for (int i = 0; i < n; i++) mem_free(key[i].key);
    return true;
}
/* Vectors are compared by their non-zero cells. */
static bool vector_codes(IntState *s, int j, int32_t *code) {
    const ColumnPlan *p = &s->plans[j];
    Dict *seen = dict_new();
    Buf bytes = {0};
    bool ok = seen != NULL;
    for (int64_t i = 0; ok && i < s->rows; i++) {
        const Column *c;
        int64_t at;
        code[i] = 0;
        if (!plan_cell(p, s->tgd_of[i], s->ci, i, i, &c, &at)) continue;
        bytes.len = 0;
        for (int64_t k = 0; k < c->matrix->cols; k++) {
            double x = mat_get(c->matrix, at, k);
            if (x == 0) continue;
            buf_add(&bytes, (const char *)&k, sizeof k);
            buf_add(&bytes, (const char *)&x, sizeof x);
        }
        ok = (code[i] = dict_add(seen, bytes.data ? bytes.data : "", (int32_t)bytes.len) + 1) > 0;
    }
    buf_free(&bytes);
    dict_free(seen);
    return ok;
}
bool int_distinct(IntState *s) {
    if (!s->spec->distinct || !s->rows) return true;
    int32_t *id = mem_try((size_t)s->rows, sizeof *id), *code = mem_try((size_t)s->rows, sizeof *code);
    uint8_t *keep = mem_try((size_t)s->rows, 1);
    bool ok = id && code && keep;
    int64_t kept = 0, last = -1;
    for (int j = 0; ok && j < s->spec->ncols; j++) {
        Intern pairs = {0};
        ok = (s->spec->cols[j].encoding == ENC_VECTOR ? vector_codes(s, j, code) : cell_codes(s, j, code)) &&
             intern_init(&pairs, 1024);
        for (int64_t i = 0; ok && i < s->rows; i++)
            ok = (id[i] = intern_add(&pairs, (uint64_t)id[i] << 32 | (uint32_t)code[i])) >= 0;
        intern_free(&pairs);
    }
    for (int64_t i = 0; ok && i < s->rows; i++) { /* numbers are given in order of first appearance */
        keep[i] = id[i] > last;
        if (keep[i]) last = id[i], kept++;
    }
    if (ok)
        int_keep_rows(s, keep, kept);
    else
        int_no_memory(s, "distinct rows", s->rows);
    mem_free(id);
    mem_free(code);
    mem_free(keep);
    return ok;
}

/* ---------------- conflicts ---------------- */
static void compare_cells(ConflictReport *r, const Column *a, int64_t x, const Column *b, int64_t y, int64_t row) {
    if (column_is_null(a, x) || column_is_null(b, y)) return;
    bool equal;
    if (a->codes && b->codes) {
        int32_t ca = a->codes[x], cb = b->codes[y];
        equal = a->dict->len[ca] == b->dict->len[cb] &&
                !memcmp(a->dict->text[ca], b->dict->text[cb], (size_t)a->dict->len[ca]);
    } else {
        double diff = fabs(column_number(a, x) - column_number(b, y));
        equal = !(diff > 0);
        if (diff > r->max_diff) r->max_diff = diff;
    }
    r->compared++;
    if (equal)
        r->equal++;
    else {
        if (r->nfirst < 10) r->first_rows[r->nfirst++] = row;
        r->differing++;
    }
}
/* Every pair of columns that meet in some tgd's head and that no equality of the body makes equal. */
void int_conflicts(IntState *s, Integration *out) {
    const MappingSpec *spec = s->spec;
    int cap = 0;
    for (int j = 0; j < spec->ncols; j++) {
        const ColumnPlan *p = &s->plans[j];
        if (spec->cols[j].encoding == ENC_VECTOR) continue;
        for (int a = 0; a < p->nfeeders; a++)
            for (int b = a + 1; b < p->nfeeders; b++) {
                ConflictReport r = {.column = j, .role_a = p->feeders[a].role, .role_b = p->feeders[b].role};
                bool *meet = arena_array(s->arena, bool, spec->ntgds), any = false;
                const Feeder *fa = &p->feeders[a], *fb = &p->feeders[b];
                for (int t = 0; t < spec->ntgds; t++) {
                    int found = 0;
                    for (int i = 0; i < p->nalts[t]; i++)
                        found += p->alts[t][i].kind == ALT_FEEDER &&
                                 (p->alts[t][i].feeder == a || p->alts[t][i].feeder == b);
                    meet[t] = found == 2 && (fa->column < 0 || fb->column < 0 ||
                                             !family_joined(s, t, fa->role, fa->column, fb->role, fb->column));
                    any |= meet[t];
                }
                if (!any) continue;
                for (int64_t i = 0; i < s->rows; i++)
                    if (meet[s->tgd_of[i]])
                        compare_cells(&r, fa->col, s->ci[fa->role][i], fb->col, s->ci[fb->role][i], i);
                if (out->nconflicts == cap) {
                    ConflictReport *old = out->conflicts;
                    cap = cap ? 2 * cap : 8;
                    out->conflicts = arena_array(s->arena, ConflictReport, cap);
                    if (out->nconflicts) memcpy(out->conflicts, old, (size_t)out->nconflicts * sizeof *old);
                }
                out->conflicts[out->nconflicts++] = r;
            }
    }
}
