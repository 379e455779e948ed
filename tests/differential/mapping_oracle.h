/* mapping_oracle.h: the rows and cells that a mapping has by definition: all combinations of rows are tried, all pairs
 * of triggers compared, and every cell is evaluated by itself. */
#ifndef AMAL_MAPPING_ORACLE_H
#define AMAL_MAPPING_ORACLE_H
#include "tests/differential/mapping_case.h"

/* ---------------- the definitions ---------------- */
typedef struct Row {
    int tgd, v[MAXK];
} Row;
typedef struct Oracle {
    int n, dropped;
    Row row[MAXTRIG];
    bool label_missing, feature_missing;
    Cell cell[MAXJ][MAXTRIG];
    bool owned[MAXJ][MAXTRIG]; /* vectors: is there a row */
    int vector_role[MAXJ][MAXTRIG];
    int ncat[MAXJ];
    char cat[MAXJ][64][24];
    double fill[MAXJ];
    bool has_fill[MAXJ];
    int first[MAXJ], width[MAXJ], cols;
} Oracle;

static bool is_trigger(const Case *c, int t, const int *v) {
    for (int a = 0; a < c->nvars; a++)
        for (int x = 0; x < c->spec.nroles; x++)
            for (int y = x + 1; y < c->spec.nroles; y++) {
                int both = 1 << x | 1 << y;
                if ((c->vars[a].roles & (int)c->spec.tgds[t].body & both) != both) continue;
                if (a == c->match_key) {
                    if (c->entity[x][v[x]] != c->entity[y][v[y]]) return false;
                } else if (c->tgd_vars[t] >> a & 1) {
                    if (!same(cell_at(role_table(c, x), c->vars[a].key, v[x]),
                              cell_at(role_table(c, y), c->vars[a].key, v[y])))
                        return false;
                }
            }
    for (int k = 0; k < c->nconds; k++) {
        const Cond *q = &c->conds[k];
        if (!(c->tgd_conds[t] >> k & 1)) continue;
        Cell x = cell_at(role_table(c, q->a), q->kind == 1 ? COL_CAT : q->kind == 3 ? COL_INT : COL_NUM, v[q->a]);
        Cell y = q->kind == 3 ? cell_at(role_table(c, q->b), COL_INT, v[q->b]) : null_cell();
        bool ok = q->kind == 0   ? !x.null && x.x > q->c
                  : q->kind == 1 ? !x.null && !strcmp(x.s, "b")
                  : q->kind == 2 ? !x.null
                                 : !x.null && !y.null && x.x <= y.x;
        if (!ok) return false;
    }
    return true;
}
static const MappingSpec *sorting;
static int by_order(const void *a, const void *b) {
    const Row *x = a, *y = b;
    if (sorting->base_order) {
        int base = __builtin_ctzll(sorting->tgds[0].body);
        if (x->v[base] != y->v[base])
            return x->v[base] < 0 ? 1 : y->v[base] < 0 ? -1 : x->v[base] < y->v[base] ? -1 : 1;
    }
    if (x->tgd != y->tgd) return x->tgd < y->tgd ? -1 : 1;
    for (int k = 0; k < MAXK; k++)
        if (x->v[k] != y->v[k]) return x->v[k] < y->v[k] ? -1 : 1;
    return 0;
}
static bool oracle_rows(const Case *c, Oracle *o) {
    static Row trig[MAXTRIG];
    int n = 0, K = c->spec.nroles;
    for (int t = 0; t < c->spec.ntgds; t++) {
        int v[MAXK], size[MAXK];
        bool empty = false;
        for (int k = 0; k < K; k++) {
            bool in = c->spec.tgds[t].body >> k & 1;
            size[k] = in ? (int)role_table(c, k)->rows : 0;
            v[k] = in ? 0 : -1;
            empty |= in && !size[k];
        }
        for (int k = 0; !empty && k >= 0;) {
            if (is_trigger(c, t, v)) {
                if (n == MAXTRIG) return false;
                trig[n].tgd = t;
                for (k = 0; k < MAXK; k++) trig[n].v[k] = k < K ? v[k] : -1;
                n++;
            }
            for (k = K - 1; k >= 0; k--) {
                if (!size[k]) continue;
                if (++v[k] < size[k]) break;
                v[k] = 0;
            }
        }
    }
    o->n = 0;
    for (int a = 0; a < n; a++) {
        bool maximal = true;
        for (int b = 0; b < n && maximal; b++) {
            bool below_b = true, equal = true;
            for (int k = 0; k < K; k++) {
                below_b &= trig[a].v[k] == -1 || trig[a].v[k] == trig[b].v[k];
                equal &= trig[a].v[k] == trig[b].v[k];
            }
            maximal = !below_b || (equal && a <= b);
        }
        if (maximal) o->row[o->n++] = trig[a];
    }
    sorting = &c->spec;
    qsort(o->row, (size_t)o->n, sizeof(Row), by_order);
    return true;
}
static Cell alt_cell(const Case *c, int j, const HeadAlt *a, const int *v) {
    if (a->kind == HEAD_EXISTENTIAL) return null_cell();
    if (a->kind == HEAD_CONST) {
        Cell x = {.text = c->kind[j] == 1, .x = c->constant[j]};
        if (x.text) snprintf(x.s, sizeof x.s, "%s", c->constant[j] == 1 ? "a" : "zz");
        return x;
    }
    if (a->kind == HEAD_MULTI) {
        int ra = a->expr->args[0]->role, rb = a->expr->args[1]->role;
        Cell x = cell_at(role_table(c, ra), c->feed[j][ra], v[ra]),
             y = cell_at(role_table(c, rb), c->feed[j][rb], v[rb]);
        x.null |= y.null;
        x.x *= y.x;
        return x;
    }
    Cell x = cell_at(role_table(c, a->role), c->feed[j][a->role], v[a->role]);
    if (c->derived[j][a->role]) x.x = 2 * x.x + 1;
    return x;
}
static void oracle_cells(const Case *c, Oracle *o) {
    for (int i = 0; i < o->n; i++)
        for (int j = 0; j < c->spec.ncols; j++) {
            const HeadTerm *h = &c->spec.tgds[o->row[i].tgd].head[j];
            o->cell[j][i] = null_cell();
            o->owned[j][i] = h->alts[0].kind != HEAD_EXISTENTIAL;
            o->vector_role[j][i] = h->alts[0].role;
            if (c->kind[j] == 3) continue;
            int last = c->spec.conflict == CONFLICT_NONNULL ? h->nalts : 1;
            for (int a = 0; a < last && o->cell[j][i].null; a++)
                o->cell[j][i] = alt_cell(c, j, &h->alts[a], o->row[i].v);
        }
}
static void vector_of(const Case *c, const Oracle *o, int j, int i, double *out) {
    int r = o->vector_role[j][i];
    for (int k = 0; k < 3; k++)
        out[k] = o->owned[j][i]   ? mat_get(role_table(c, r)->cols[COL_VEC].matrix, o->row[i].v[r], k)
                 : o->has_fill[j] ? o->fill[j]
                                  : 0;
}
static bool rows_equal(const Case *c, const Oracle *o, int a, int b) {
    for (int j = 0; j < c->spec.ncols; j++) {
        if (c->kind[j] == 3) {
            double x[3], y[3];
            if (o->owned[j][a] != o->owned[j][b]) return false;
            vector_of(c, o, j, a, x);
            vector_of(c, o, j, b, y);
            if (memcmp(x, y, sizeof x)) return false;
        } else if (!same(o->cell[j][a], o->cell[j][b]) && !(o->cell[j][a].null && o->cell[j][b].null))
            return false;
    }
    return true;
}
static void remove_row(const Case *c, Oracle *o, int i) {
    memmove(&o->row[i], &o->row[i + 1], sizeof(Row) * (size_t)(o->n - i - 1));
    for (int j = 0; j < c->spec.ncols; j++) {
        memmove(&o->cell[j][i], &o->cell[j][i + 1], sizeof(Cell) * (size_t)(o->n - i - 1));
        memmove(&o->owned[j][i], &o->owned[j][i + 1], sizeof(bool) * (size_t)(o->n - i - 1));
        memmove(&o->vector_role[j][i], &o->vector_role[j][i + 1], sizeof(int) * (size_t)(o->n - i - 1));
    }
    o->n--;
}
static void text_of(Cell v, int kind, char out[24]) {
    if (v.text)
        snprintf(out, 24, "%s", v.s);
    else if (kind == 2)
        snprintf(out, 24, "2011-%02d-%02d", v.x < 15006 ? 1 : 2, (int)v.x - 15000 + 26 - (v.x < 15006 ? 0 : 31));
    else
        snprintf(out, 24, "%.15g", v.x + 0.0 == 0 ? 0.0 : v.x);
}
static int category(const Oracle *o, int j, const char *s) {
    for (int k = 0; k < o->ncat[j]; k++)
        if (!strcmp(o->cat[j][k], s)) return k;
    return -1;
}
static void note_category(Oracle *o, int j, Cell v, int kind) {
    char s[24];
    if (v.null) return;
    text_of(v, kind, s);
    if (category(o, j, s) < 0) strcpy(o->cat[j][o->ncat[j]++], s);
}
static int by_text(const void *a, const void *b) {
    return strcmp(a, b);
}
static int by_size(const void *a, const void *b) {
    double x = strtod(a, NULL), y = strtod(b, NULL);
    return (x > y) - (x < y);
}
static double encoded(const Case *c, const Oracle *o, int j, Cell v) {
    char s[24];
    if (v.null) return NAN;
    if (c->spec.cols[j].encoding == ENC_DAYS) return v.x - 15000;
    if (c->spec.cols[j].encoding == ENC_NUM) return v.x;
    text_of(v, c->kind[j], s);
    return category(o, j, s);
}
static void oracle_encode(const Case *c, Oracle *o) {
    for (int j = 0; j < c->spec.ncols; j++) {
        const TargetColumnSpec *s = &c->spec.cols[j];
        bool dict = s->encoding == ENC_ONEHOT || s->encoding == ENC_ORDINAL;
        for (int t = 0; dict && t < c->spec.ntgds; t++)
            for (int a = 0; a < s->nprec; a++) { /* every value of every column that a head names */
                const HeadTerm *h = &c->spec.tgds[t].head[j];
                if (a >= h->nalts || h->alts[a].kind == HEAD_EXISTENTIAL || h->alts[a].kind == HEAD_MULTI) continue;
                int v[MAXK] = {0}, rows = h->alts[a].kind == HEAD_CONST ? 1 : (int)role_table(c, h->alts[a].role)->rows;
                for (int r = 0; r < rows; r++) {
                    for (int k = 0; k < MAXK; k++) v[k] = r;
                    note_category(o, j, alt_cell(c, j, &h->alts[a], v), c->kind[j]);
                }
            }
        for (int i = 0; dict && i < o->n; i++) note_category(o, j, o->cell[j][i], c->kind[j]);
        if (dict)
            qsort(o->cat[j], (size_t)o->ncat[j], sizeof o->cat[j][0],
                  s->encoding == ENC_ORDINAL && c->kind[j] == 0 ? by_size : by_text);
        bool onehot = s->encoding == ENC_ONEHOT;
        o->has_fill[j] = s->missing == MISS_CONST || s->missing == MISS_MEAN ||
                         (s->missing == MISS_DEFAULT && s->role == ROLE_FEATURE);
        o->fill[j] = s->missing == MISS_CONST ? s->missing_value : 0;
        if (onehot) {
            char text[24];
            snprintf(text, sizeof text, "%.15g", s->missing_value + 0.0);
            o->fill[j] = s->missing == MISS_CONST ? category(o, j, text) : -1;
        }
        if (s->missing == MISS_MEAN) {
            double sum = 0, n = 0;
            for (int i = 0; i < o->n; i++)
                if (!o->cell[j][i].null) sum += encoded(c, o, j, o->cell[j][i]), n++;
            o->fill[j] = n ? sum / n : 0;
        }
        o->first[j] = o->cols;
        o->width[j] = s->role != ROLE_FEATURE ? 0 : onehot ? o->ncat[j] : s->encoding == ENC_VECTOR ? 3 : 1;
        if (s->encoding == ENC_VECTOR) { /* the width is known from a column that feeds it */
            bool fed = false;
            for (int t = 0; t < c->spec.ntgds; t++) fed |= c->spec.tgds[t].head[j].alts[0].kind == HEAD_COLUMN;
            if (!fed) o->width[j] = 0;
        }
        o->cols += o->width[j];
    }
}
static void oracle_missing(const Case *c, Oracle *o) {
    for (int i = o->n - 1; i >= 0; i--)
        for (int j = 0; j < c->spec.ncols; j++)
            if (c->spec.cols[j].missing == MISS_DROP && (c->kind[j] == 3 ? !o->owned[j][i] : o->cell[j][i].null)) {
                remove_row(c, o, i);
                o->dropped++;
                break;
            }
    for (int i = 0; i < o->n; i++)
        for (int j = 0; j < c->spec.ncols; j++) {
            bool missing = c->kind[j] == 3 ? !o->owned[j][i] : o->cell[j][i].null;
            o->label_missing |=
                missing && c->spec.cols[j].role == ROLE_LABEL && c->spec.cols[j].missing == MISS_DEFAULT;
            o->feature_missing |= missing && c->spec.cols[j].missing == MISS_ERROR;
        }
}
static void oracle_dense(const Case *c, const Oracle *o, double *x) {
    for (int i = 0; i < o->n; i++)
        for (int j = 0; j < c->spec.ncols; j++) {
            double *out = x + (size_t)i * (size_t)o->cols + o->first[j];
            if (!o->width[j]) continue;
            if (c->kind[j] == 3) {
                vector_of(c, o, j, i, out);
                continue;
            }
            double v = encoded(c, o, j, o->cell[j][i]);
            if (isnan(v)) v = o->has_fill[j] ? o->fill[j] : 0;
            if (c->spec.cols[j].encoding != ENC_ONEHOT)
                out[0] = v;
            else
                for (int k = 0; k < o->width[j]; k++) out[k] = v == k;
        }
}
#endif
