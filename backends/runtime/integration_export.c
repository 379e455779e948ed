/* integration_export.c: the target as a table again: source values in the target columns' types, encodings undone,
 * fills shown.
 *
 * A cell is its owner's value; a missing one is the fill that training sees (a category's text, a date for `days`), or
 * null where the fill has no such value (a onehot row of zeros) and for ids. A whole-number column turns into num when
 * its fill is none. A vector column becomes one num column a component. */
#include "backends/runtime/integration_internal.h"
#include "compiler/machine.h"

static bool whole_type(TypeKind t) {
    return t == TY_INT || t == TY_BOOL || t == TY_ROWID;
}

/* What a missing cell of column j shows: a number, or a category. */
static void missing_value(const Integration *in, int j, double *number, int32_t *category) {
    const Encoder *e = &in->encoders[j];
    const TargetColumnSpec *c = &in->spec->cols[j];
    *number = NAN;
    *category = -1;
    if (!e->has_fill) return;
    if (e->dict) {
        if (e->fill >= 0 && e->fill < e->dict->count && e->fill == floor(e->fill))
            *category = (int32_t)e->fill;
        else if (c->encoding == ENC_ORDINAL)
            *number = e->fill;
    } else if (c->encoding == ENC_DAYS) {
        *number = e->fill + in->state->plans[j].epoch;
        if (c->type == TY_TIME) *number *= RX_DAY;
        *number = c->type == TY_NUM ? *number : floor(*number); /* the date that moment falls on */
    } else
        *number = e->fill;
}
static bool export_texts(const Integration *in, int j, Column *out) {
    const ColumnPlan *p = &in->state->plans[j];
    const Encoder *e = &in->encoders[j];
    double number;
    int32_t category;
    char scratch[64];
    missing_value(in, j, &number, &category);
    out->type = TY_TEXT;
    out->dict = dict_new();
    out->codes = mem_try((size_t)in->rows, sizeof *out->codes);
    /* Codes are translated once per source dictionary. */
    int nfrom = p->nfeeders + 2, at_from = 0;
    struct {
        const Column *col;
        int32_t *map;
    } *from = mem_alloc((size_t)nfrom * sizeof *from);
    bool ok = out->codes && out->dict;
    for (int64_t i = 0; ok && i < in->rows; i++) {
        const Column *c;
        int64_t row;
        const char *text;
        int32_t len;
        out->codes[i] = -1;
        if (!plan_cell(p, in->tgd_of[i], in->ci, i, in->root_rows ? in->root_rows[i] : i, &c, &row) ||
            column_is_null(c, row)) {
            if (category >= 0)
                ok = (out->codes[i] = dict_add(out->dict, e->dict->text[category], e->dict->len[category])) >= 0;
            else if (!isnan(number)) {
                int_number_text(number, scratch);
                ok = (out->codes[i] = dict_add(out->dict, scratch, (int32_t)strlen(scratch))) >= 0;
            }
            continue;
        }
        int32_t *known = NULL;
        if (c->codes) {
            int f = 0;
            while (f < at_from && from[f].col != c) f++;
            if (f == at_from) {
                from[at_from].col = c;
                from[at_from].map = mem_try((size_t)c->dict->count, sizeof(int32_t));
                ok = from[at_from++].map != NULL;
            }
            if (!ok) break;
            known = &from[f].map[c->codes[row]];
            if (*known) {
                out->codes[i] = *known - 1;
                continue;
            }
        }
        int_value_text(c, row, scratch, &text, &len);
        ok = (out->codes[i] = dict_add(out->dict, text, len)) >= 0;
        if (known) *known = out->codes[i] + 1;
    }
    for (int f = 0; f < at_from; f++) mem_free(from[f].map);
    mem_free(from);
    return ok;
}
/* Whole numbers, dates and times as int64 as long as every cell is one. false with *fraction: they are not. */
static bool export_whole(const Integration *in, int j, Column *out, bool *fraction) {
    const ColumnPlan *p = &in->state->plans[j];
    const TargetColumnSpec *spec = &in->spec->cols[j];
    double number;
    int32_t category;
    missing_value(in, j, &number, &category);
    if (category >= 0) {
        const char *text = in->encoders[j].dict->text[category];
        int64_t days;
        double micros;
        if (calendar_parse(text, (int32_t)strlen(text), &days, &micros))
            number = spec->type == TY_TIME ? (double)days * RX_DAY + micros : (double)days;
        else
            number = !strcmp(text, "true") ? 1 : !strcmp(text, "false") ? 0 : strtod(text, NULL);
    }
    out->type = spec->type == TY_ROWID ? TY_INT : spec->type;
    out->ints = mem_try((size_t)in->rows, sizeof *out->ints);
    for (int64_t i = 0; out->ints && i < in->rows; i++) {
        const Column *c;
        int64_t row;
        double x = number;
        out->ints[i] = TABLE_NULL_INT;
        if (plan_cell(p, in->tgd_of[i], in->ci, i, in->root_rows ? in->root_rows[i] : i, &c, &row) &&
            !column_is_null(c, row)) {
            bool midnight = spec->type == TY_TIME && c->type == TY_DATE;
            if (c->ints && !midnight) {
                out->ints[i] = c->ints[row];
                continue;
            }
            x = column_number(c, row) * (midnight ? RX_DAY : 1);
        }
        if (isnan(x)) continue;
        if (x != floor(x) || fabs(x) > 9e18) return *fraction = true, false;
        out->ints[i] = (int64_t)x;
    }
    return out->ints != NULL;
}
static bool export_numbers(const Integration *in, int j, Column *out) {
    const ColumnPlan *p = &in->state->plans[j];
    double number;
    int32_t category;
    missing_value(in, j, &number, &category);
    if (category >= 0) number = strtod(in->encoders[j].dict->text[category], NULL);
    out->type = TY_NUM;
    out->num = mem_try((size_t)in->rows, sizeof *out->num);
    for (int64_t i = 0; out->num && i < in->rows; i++) {
        const Column *c;
        int64_t row;
        double x = NAN;
        if (plan_cell(p, in->tgd_of[i], in->ci, i, in->root_rows ? in->root_rows[i] : i, &c, &row))
            x = c->num ? c->num[row] : column_number(c, row);
        out->num[i] = isnan(x) ? number : x;
    }
    return out->num != NULL;
}
static bool export_vector(const Integration *in, int j, int64_t component, Column *out) {
    const ColumnPlan *p = &in->state->plans[j];
    out->type = TY_NUM;
    out->num = mem_try((size_t)in->rows, sizeof *out->num);
    for (int64_t i = 0; out->num && i < in->rows; i++) {
        const Column *c;
        int64_t row;
        bool has = plan_cell(p, in->tgd_of[i], in->ci, i, i, &c, &row);
        out->num[i] = has ? mat_get(c->matrix, row, component) : in->encoders[j].has_fill ? in->encoders[j].fill : NAN;
    }
    return out->num != NULL;
}
static bool export_column(const Integration *in, int j, Column *out) {
    const TargetColumnSpec *c = &in->spec->cols[j];
    bool fraction = false;
    *out = (Column){.name = c->name, .span = c->span};
    if (c->type == TY_TEXT || c->type == TY_CAT) return export_texts(in, j, out);
    if (whole_type(c->type) || c->type == TY_DATE || c->type == TY_TIME) {
        if (export_whole(in, j, out, &fraction)) return true;
        if (!fraction) return false;
        mem_free(out->ints);
        out->ints = NULL;
    }
    return export_numbers(in, j, out);
}
static bool whole_column(Column *out, const char *name, int64_t rows) {
    *out = (Column){.name = name, .type = TY_INT, .ints = mem_try((size_t)rows, sizeof(int64_t))};
    return out->ints != NULL;
}

typedef struct Export {
    Diags *ds;
    const Integration *in;
    Arena *arena;
    Column *cols;
    int n;
    bool ok;
} Export;
static Column *next_column(Export *x) {
    return x->ok ? &x->cols[x->n++] : NULL;
}
static Table *finish(Export *x) {
    const Integration *in = x->in;
    Table *t = x->ok ? table_from_columns(in->spec->target, in->rows, x->n, x->cols) : NULL;
    if (!t)
        diag_error(x->ds, "E402", in->spec->span, "not enough memory to write out target %s (%lld rows)",
                   in->spec->target, (long long)in->rows);
    for (int i = 0; i < x->n; i++) {
        mem_free(x->cols[i].num);
        mem_free(x->cols[i].ints);
        mem_free(x->cols[i].codes);
        if (x->cols[i].dict) dict_free(x->cols[i].dict);
    }
    arena_free(x->arena);
    return t;
}

Table *integration_export(Diags *ds, const Integration *in, bool provenance) {
    const MappingSpec *spec = in->spec;
    Export x = {.ds = ds, .in = in, .arena = arena_new(), .ok = true};
    int64_t ncols = spec->ncols + spec->nroles;
    for (int j = 0; j < spec->ncols; j++)
        if (spec->cols[j].encoding == ENC_VECTOR) ncols += in->encoders[j].nfeatures;
    if (!machine_has_memory((double)ncols * (double)in->rows * 8) || ncols > INT32_MAX / 2) x.ok = false;
    x.cols = x.ok ? arena_array(x.arena, Column, ncols) : NULL;
    for (int j = 0; j < spec->ncols && x.ok; j++) {
        bool vector = spec->cols[j].encoding == ENC_VECTOR;
        for (int64_t k = 0; k < (vector ? in->encoders[j].nfeatures : 1) && x.ok; k++) {
            Column *c = next_column(&x);
            x.ok = vector ? export_vector(in, j, k, c) : export_column(in, j, c);
            c->name = vector ? in->features[in->encoders[j].first_feature + k].name : spec->cols[j].name;
        }
    }
    for (int k = 0; provenance && k < spec->nroles && x.ok; k++) {
        Column *c = next_column(&x);
        x.ok = whole_column(c, arena_printf(x.arena, "%s.row", spec->roles[k].name), in->rows);
        for (int64_t i = 0; x.ok && i < in->rows; i++) c->ints[i] = in->ci[k][i];
    }
    return finish(&x);
}
Table *integration_ids(Diags *ds, const Integration *in) {
    const MappingSpec *spec = in->spec;
    Export x = {.ds = ds, .in = in, .arena = arena_new(), .ok = true};
    x.cols = arena_array(x.arena, Column, spec->ncols + 1);
    for (int j = 0; j < spec->ncols && x.ok; j++)
        if (spec->cols[j].role == ROLE_ID) x.ok = export_column(in, j, next_column(&x));
    if (!x.n && x.ok) {
        Column *c = next_column(&x);
        x.ok = whole_column(c, "row", in->rows);
        for (int64_t i = 0; x.ok && i < in->rows; i++) c->ints[i] = in->root_rows ? in->root_rows[i] : i;
    }
    return finish(&x);
}
