/* integration_blocks.c: column classes become blocks; every cell of X is owned by exactly one.
 *
 * For role k and target column j, sig = the tgds whose cells of j the role owns. Columns of one role with one sig and
 * one storage are one block over the role's space (its source rows), reached by one indicator: CI_k on the rows of the
 * tgds in sig, -1 elsewhere. Where a role is the only owner of a column wherever it is present, the tgds without it
 * read one extra row of fills instead, so that the indicator is total. What no role owns otherwise (fills of overlapped
 * columns, constants) is a block over the pseudo-table "fill" with a row a tgd; computed columns are a block over the
 * identity. */
#include "backends/runtime/integration_internal.h"
#include "backends/runtime/kernels.h"

typedef enum { STORE_DENSE, STORE_CODES, STORE_CSR, STORE_DENSE_VECTOR } Storage;
enum { SPACE_FILL = MAX_ROLES, SPACE_COMPUTED, SPACES };
typedef struct Plan { /* an indicator to be made */
    int space;        /* role, SPACE_FILL or SPACE_COMPUTED */
    bool total;       /* absent rows read the fill row */
    uint8_t *sig;     /* per tgd */
} Plan;
typedef struct Piece { /* one target column over one indicator */
    int plan, column, feeder;
    Storage storage;
} Piece;
typedef struct Layout {
    IntState *s;
    Integration *out;
    int nplans, plan_cap, npieces, piece_cap;
    Plan *plans;
    Piece *pieces;
    bool used[SPACES], fill_row[SPACES];
    int space_of[SPACES];
    uint8_t *live; /* per tgd: has rows */
} Layout;

static int plan_of(Layout *l, int space, bool total, const uint8_t *sig) {
    int n = l->s->spec->ntgds;
    for (int i = 0; i < l->nplans; i++)
        if (l->plans[i].space == space && l->plans[i].total == total && !memcmp(l->plans[i].sig, sig, (size_t)n))
            return i;
    if (l->nplans == l->plan_cap) {
        Plan *old = l->plans;
        l->plan_cap = l->plan_cap ? 2 * l->plan_cap : 16;
        l->plans = arena_array(l->s->arena, Plan, l->plan_cap);
        if (l->nplans) memcpy(l->plans, old, (size_t)l->nplans * sizeof *old);
    }
    Plan *p = &l->plans[l->nplans];
    *p = (Plan){.space = space, .total = total, .sig = arena_array(l->s->arena, uint8_t, n)};
    memcpy(p->sig, sig, (size_t)n);
    l->used[space] = true;
    l->fill_row[space] |= total;
    return l->nplans++;
}
static void add_piece(Layout *l, int plan, int column, int feeder, Storage storage) {
    if (l->npieces == l->piece_cap) {
        Piece *old = l->pieces;
        l->piece_cap = l->piece_cap ? 2 * l->piece_cap : 32;
        l->pieces = arena_array(l->s->arena, Piece, l->piece_cap);
        if (l->npieces) memcpy(l->pieces, old, (size_t)l->npieces * sizeof *old);
    }
    l->pieces[l->npieces++] = (Piece){.plan = plan, .column = column, .feeder = feeder, .storage = storage};
}
static Storage storage_of(const IntState *s, int j, int feeder) {
    if (s->spec->cols[j].encoding == ENC_ONEHOT) return STORE_CODES;
    if (s->spec->cols[j].encoding != ENC_VECTOR) return STORE_DENSE;
    return feeder >= 0 && s->plans[j].feeders[feeder].col->matrix->kind == MAT_DENSE ? STORE_DENSE_VECTOR : STORE_CSR;
}
static void place_column(Layout *l, int j) {
    IntState *s = l->s;
    const MappingSpec *spec = s->spec;
    const ColumnPlan *p = &s->plans[j];
    uint8_t *sig = arena_array(s->arena, uint8_t, spec->ntgds);
    if (p->computed) {
        memset(sig, 1, (size_t)spec->ntgds);
        add_piece(l, plan_of(l, SPACE_COMPUTED, false, sig), j, -1, storage_of(s, j, -1));
        return;
    }
    int owners = 0, only = -1;
    bool constants = false, everywhere = true;
    for (int f = 0; f < p->nfeeders; f++)
        for (int t = 0; t < spec->ntgds; t++)
            if (l->live[t] && p->owner[t] == f) {
                owners++, only = f;
                break;
            }
    for (int t = 0; t < spec->ntgds; t++) {
        if (!l->live[t]) continue;
        constants |= p->owner[t] == OWNER_CONST;
        everywhere &= p->owner[t] >= 0;
    }
    bool simple = owners == 1 && !constants && !everywhere;
    for (int t = 0; simple && t < spec->ntgds; t++) /* wherever the role is, it owns the column */
        simple = !l->live[t] || p->owner[t] == only || !(spec->tgds[t].body & ROLE_BIT(p->feeders[only].role));
    if (simple && storage_of(s, j, only) == STORE_CSR && s->spec->cols[j].encoding == ENC_VECTOR &&
        l->out->encoders[j].fill != 0)
        simple = false;
    for (int f = 0; f < p->nfeeders; f++) {
        bool any = false;
        for (int t = 0; t < spec->ntgds; t++) any |= sig[t] = l->live[t] && p->owner[t] == f;
        if (any) add_piece(l, plan_of(l, p->feeders[f].role, simple, sig), j, f, storage_of(s, j, f));
    }
    if (simple || everywhere) return;
    for (int t = 0; t < spec->ntgds; t++) sig[t] = l->live[t] && p->owner[t] < 0;
    Storage storage = storage_of(s, j, -1);
    if (storage == STORE_CSR && l->out->encoders[j].fill != 0) storage = STORE_DENSE_VECTOR;
    add_piece(l, plan_of(l, SPACE_FILL, false, sig), j, -1, storage);
}

/* ---------------- indicators ---------------- */
bool indicator_finish(Indicator *ind, int32_t *idx, int64_t rows, int64_t space_rows) {
    int64_t begin = 0, end = rows, latest = -1;
    ind->rows = rows;
    ind->count = mem_try((size_t)space_rows, sizeof *ind->count);
    if (!ind->count) return mem_free(idx), false;
    if (!idx) { /* identity, or range set by the caller */
        begin = ind->identity ? 0 : ind->begin;
        end = ind->identity ? rows : ind->end;
        if (ind->identity) ind->range = true, ind->begin = 0, ind->end = rows, ind->first = 0;
        for (int64_t i = begin; i < end; i++) ind->count[i - begin + ind->first] = 1;
        ind->total = begin == 0 && end == rows;
        ind->ascending = ind->injective = true;
        ind->used = end - begin;
        return true;
    }
    while (begin < rows && idx[begin] < 0) begin++;
    while (end > begin && idx[end - 1] < 0) end--;
    if (begin == end) begin = end = 0;
    ind->total = begin == 0 && end == rows;
    ind->ascending = ind->injective = ind->range = true;
    for (int64_t i = begin; i < end; i++) {
        int32_t r = idx[i];
        if (r != idx[begin] + (i - begin)) ind->range = false;
        if (r < 0) {
            ind->total = false;
            continue;
        }
        if (r < latest) ind->ascending = false;
        latest = r;
        if (ind->count[r]++ > 0)
            ind->injective = false;
        else
            ind->used++;
    }
    ind->idx = idx;
    if (ind->range) {
        ind->begin = begin;
        ind->end = end;
        ind->first = begin < end ? idx[begin] : 0;
        ind->identity = begin == 0 && end == rows && ind->first == 0 && rows == space_rows;
        ind->idx = NULL;
        mem_free(idx);
    }
    return true;
}
static bool make_indicators(Layout *l) {
    IntState *s = l->s;
    Integration *out = l->out;
    out->indicators = arena_array(s->arena, Indicator, l->nplans + 1);
    for (int p = 0; p < l->nplans; p++) {
        const Plan *plan = &l->plans[p];
        Indicator *ind = &out->indicators[out->nindicators++];
        ind->space = l->space_of[plan->space];
        int64_t space_rows = out->spaces[ind->space].rows;
        int32_t *idx = NULL;
        if (plan->space == SPACE_COMPUTED)
            ind->identity = true;
        else if (!(idx = mem_try((size_t)s->rows, sizeof *idx)))
            return int_no_memory(s, "indicators", s->rows), false;
        if (int_given_up(s)) return mem_free(idx), false;
        for (int64_t i = 0; idx && i < s->rows; i++) {
            int t = s->tgd_of[i];
            if (plan->space == SPACE_FILL)
                idx[i] = plan->sig[t] ? t : -1;
            else
                idx[i] = plan->sig[t] ? s->ci[plan->space][i] : plan->total ? (int32_t)space_rows - 1 : -1;
        }
        if (!indicator_finish(ind, idx, s->rows, space_rows)) return int_no_memory(s, "indicators", s->rows), false;
    }
    return true;
}

/* ---------------- data ---------------- */
static inline int32_t feature_code(const Encoder *e, int32_t code) {
    if (code < 0 || code == e->base) return -1;
    return code - (e->base >= 0 && code > e->base);
}
static Matrix *codes_block(Layout *l, const Piece *p, int64_t rows) {
    IntState *s = l->s;
    const ColumnPlan *cp = &s->plans[p->column];
    const Encoder *e = &l->out->encoders[p->column];
    Matrix *m = mat_new_codes(rows, e->nfeatures);
    int32_t fill = feature_code(e, e->has_fill ? (int32_t)e->fill : -1);
    const Column *col = l->plans[p->plan].space == SPACE_FILL ? cp->consts
                        : cp->computed                        ? cp->computed
                                                              : cp->feeders[p->feeder].col;
    int64_t have = l->plans[p->plan].space == SPACE_FILL ? s->spec->ntgds
                   : cp->computed                        ? s->rows
                                                         : int_table(s, cp->feeders[p->feeder].role)->rows;
    int32_t *codes = m && col ? int_codes(s, l->out, p->column, col, have) : NULL;
    if (!m || (col && !codes)) return mat_free(m), NULL;
    for (int64_t r = 0; r < rows; r++)
        m->codes[r] = codes && r < have && codes[r] != -1 ? feature_code(e, codes[r]) : fill;
    mem_free(codes);
    return m;
}
/* A vector column as it is, with the extra fill row when the space has one. Shares the table's arrays when it can. */
static Matrix *vector_block(Layout *l, const Piece *p, int64_t rows) {
    const Encoder *e = &l->out->encoders[p->column];
    if (l->plans[p->plan].space == SPACE_FILL) {
        if (p->storage == STORE_CSR) return mat_new_csr(rows, e->nfeatures, 0, false);
        Matrix *m = mat_new_dense(rows, e->nfeatures);
        for (int64_t r = 0; m && r < rows; r++)
            for (int64_t c = 0; c < m->cols; c++) m->data[r * m->ld + c] = e->fill;
        return m;
    }
    const Matrix *src = l->s->plans[p->column].feeders[p->feeder].col->matrix;
    if (src->rows == rows) {
        Matrix *m = mem_alloc(sizeof *m);
        *m = *src;
        m->owned = false;
        return m;
    }
    if (src->kind == MAT_CSR) {
        int64_t nnz = src->rowptr[src->rows];
        Matrix *m = mat_new_csr(rows, src->cols, nnz, !src->values);
        if (!m) return NULL;
        memcpy(m->rowptr, src->rowptr, (size_t)(src->rows + 1) * sizeof *m->rowptr);
        for (int64_t r = src->rows; r < rows; r++) m->rowptr[r + 1] = nnz;
        if (nnz) memcpy(m->colidx, src->colidx, (size_t)nnz * sizeof *m->colidx);
        if (nnz && src->values) memcpy(m->values, src->values, (size_t)nnz * sizeof *m->values);
        return m;
    }
    if (src->kind == MAT_CODES) {
        Matrix *m = mat_new_codes(rows, src->cols);
        if (!m) return NULL;
        if (src->rows) memcpy(m->codes, src->codes, (size_t)src->rows * sizeof *m->codes);
        for (int64_t r = src->rows; r < rows; r++) m->codes[r] = -1;
        return m;
    }
    Matrix *m = mat_new_dense(rows, src->cols);
    for (int64_t r = 0; m && r < rows; r++)
        for (int64_t c = 0; c < src->cols; c++)
            m->data[r * m->ld + c] = r < src->rows ? src->data[r * src->ld + c] : e->fill;
    return m;
}
/* One column of a dense block: where its cells come from. */
typedef struct Filling {
    const ColumnPlan *plan;
    const TargetColumnSpec *spec;
    const Encoder *encoder;
    const Column *col; /* NULL: fills only */
    int32_t *codes;    /* of a column with a dictionary */
    int64_t have;      /* rows of col; fills follow */
} Filling;
typedef struct FillJob {
    Matrix *m;
    const Filling *columns;
} FillJob;
static void fill_cells(Matrix *m, const Filling *f, int64_t c, int64_t r, int64_t to) {
    double fill = f->encoder->has_fill ? f->encoder->fill : 0, *out = m->data + c;
    if (f->col && f->col->num && !f->encoder->dict &&
        f->spec->encoding == ENC_NUM) /* the usual column, without a call a cell */
        for (int64_t stop = to < f->have ? to : f->have; r < stop; r++)
            out[r * m->ld] = isnan(f->col->num[r]) ? fill : f->col->num[r];
    for (; r < to; r++) {
        double x = NAN;
        if (f->codes && r < f->have)
            x = f->codes[r] >= 0 ? f->codes[r] : NAN;
        else if (!f->encoder->dict && f->col && r < f->have)
            x = int_number(f->plan, f->spec, f->col, r);
        out[r * m->ld] = isnan(x) ? fill : x;
    }
}
/* Bands of rows that stay in the cache while their columns are written. */
static void fill_part(void *ctx, int part, int nparts) {
    enum { BAND = 256 };
    const FillJob *job = ctx;
    Matrix *m = job->m;
    int64_t begin = m->rows * part / nparts, end = m->rows * (part + 1) / nparts;
    for (int64_t from = begin; from < end; from += BAND)
        for (int64_t c = 0; c < m->cols; c++)
            fill_cells(m, &job->columns[c], c, from, from + BAND < end ? from + BAND : end);
}
static Matrix *dense_block(Layout *l, const Piece *pieces, int n, int64_t rows) {
    IntState *s = l->s;
    Matrix *m = mat_new_dense(rows, n);
    Filling *columns = arena_array(s->arena, Filling, n);
    bool ok = m != NULL;
    for (int c = 0; ok && c < n; c++) {
        int j = pieces[c].column, space = l->plans[pieces[c].plan].space;
        const ColumnPlan *cp = &s->plans[j];
        Filling *f = &columns[c];
        f->plan = cp;
        f->spec = &s->spec->cols[j];
        f->encoder = &l->out->encoders[j];
        f->col = space == SPACE_FILL       ? cp->consts
                 : space == SPACE_COMPUTED ? cp->computed
                                           : cp->feeders[pieces[c].feeder].col;
        f->have = space == SPACE_FILL ? s->spec->ntgds : space == SPACE_COMPUTED ? s->rows : int_table(s, space)->rows;
        if (f->encoder->dict && f->col) ok = (f->codes = int_codes(s, l->out, j, f->col, f->have)) != NULL;
    }
    int threads = s->spec->threads > 1 && (double)rows * n > 1e6 ? s->spec->threads : 1;
    if (ok) thread_run(threads, fill_part, &(FillJob){m, columns});
    for (int c = 0; c < n; c++) mem_free(columns[c].codes);
    if (!ok) mat_free(m), m = NULL;
    return m;
}
static const char *block_label(Layout *l, const Piece *pieces, int n) {
    Buf b = {0};
    buf_printf(&b, "%s{", l->out->spaces[l->space_of[l->plans[pieces[0].plan].space]].name);
    for (int i = 0; i < n; i++) buf_printf(&b, "%s%s", i ? ", " : "", l->s->spec->cols[pieces[i].column].name);
    buf_puts(&b, "}");
    const char *text = arena_strndup(l->s->arena, b.data, b.len);
    buf_free(&b);
    return text;
}
static bool make_block(Layout *l, const Piece *pieces, int n) {
    IntState *s = l->s;
    Integration *out = l->out;
    IntBlock *b = &out->blocks[out->nblocks];
    b->indicator = pieces[0].plan;
    b->space = out->indicators[b->indicator].space;
    int64_t rows = out->spaces[b->space].rows, width = n;
    if (pieces[0].storage == STORE_CODES)
        b->data = codes_block(l, pieces, rows);
    else if (pieces[0].storage == STORE_DENSE)
        b->data = dense_block(l, pieces, n, rows);
    else
        b->data = vector_block(l, pieces, rows);
    if (!b->data) return s->failed ? false : (int_no_memory(s, "the sources' columns", rows), false);
    out->nblocks++;
    if (pieces[0].storage != STORE_DENSE) width = out->encoders[pieces[0].column].nfeatures;
    b->target_cols = arena_array(s->arena, int32_t, width + 1);
    for (int64_t c = 0; c < width; c++)
        b->target_cols[c] =
            (int32_t)(pieces[0].storage == STORE_DENSE ? out->encoders[pieces[c].column].first_feature
                                                       : out->encoders[pieces[0].column].first_feature + c);
    b->label = block_label(l, pieces, n);
    return true;
}

bool int_blocks(IntState *s, Integration *out) {
    const MappingSpec *spec = s->spec;
    Layout l = {.s = s, .out = out, .live = arena_array(s->arena, uint8_t, spec->ntgds)};
    for (int t = 0; t < spec->ntgds; t++) l.live[t] = s->tgd_rows[t] > 0;
    for (int j = 0; j < spec->ncols; j++)
        if (out->encoders[j].nfeatures > 0) place_column(&l, j);
    out->spaces = arena_array(s->arena, IntSpace, SPACES);
    for (int k = 0; k < SPACES; k++) {
        if (!l.used[k]) continue;
        l.space_of[k] = out->nspaces;
        IntSpace *sp = &out->spaces[out->nspaces++];
        if (k == SPACE_FILL)
            *sp = (IntSpace){.name = "fill", .role = -1, .rows = spec->ntgds};
        else if (k == SPACE_COMPUTED)
            *sp = (IntSpace){.name = "computed", .role = -1, .rows = s->rows};
        else
            *sp = (IntSpace){.name = spec->roles[k].name,
                             .role = k,
                             .rows = int_table(s, k)->rows + l.fill_row[k],
                             .has_fill_row = l.fill_row[k]};
    }
    if (!make_indicators(&l)) return false;
    out->blocks = arena_array(s->arena, IntBlock, l.npieces + 1);
    Piece *group = arena_array(s->arena, Piece, l.npieces + 1);
    bool *done = arena_array(s->arena, bool, l.npieces + 1);
    for (int space = 0; space < out->nspaces; space++)
        for (int i = 0; i < l.npieces; i++) {
            if (done[i] || out->indicators[l.pieces[i].plan].space != space) continue;
            int n = 0;
            for (int k = i; k < l.npieces; k++) {
                bool same = k == i || (l.pieces[i].storage == STORE_DENSE && l.pieces[k].storage == STORE_DENSE &&
                                       l.pieces[k].plan == l.pieces[i].plan);
                if (done[k] || !same) continue;
                group[n++] = l.pieces[k];
                done[k] = true;
            }
            if (!make_block(&l, group, n)) return false;
        }
    return true;
}
