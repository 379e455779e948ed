/* segments.c: see segments.h. */
#include "backends/cuda/segments.h"

void segments_free(Segments *s) {
    mem_free(s->bounds);
    mem_free(s->first);
    mem_free(s->rows);
    mem_free(s->values);
    mem_free(s->floats);
    *s = (Segments){0};
}
/* From the numbers of entries (count[k]) to chunks. */
static bool cut(Segments *s, const int64_t *count) {
    s->first = mem_try((size_t)s->keys + 1, sizeof *s->first);
    if (!s->first) return false;
    for (int64_t k = 0; k < s->keys; k++)
        s->first[k + 1] = s->first[k] + (count[k] > 0 ? (count[k] + SEGMENT_CHUNK - 1) / SEGMENT_CHUNK : 1);
    s->chunks = s->first[s->keys];
    s->bounds = mem_try((size_t)s->chunks + 1, sizeof *s->bounds);
    if (!s->bounds) return false;
    int64_t at = 0, most = 1;
    for (int64_t k = 0; k < s->keys; k++) {
        if (s->first[k + 1] - s->first[k] > most) most = s->first[k + 1] - s->first[k];
        for (int64_t c = s->first[k]; c < s->first[k + 1]; c++) {
            int64_t done = (c - s->first[k]) * SEGMENT_CHUNK;
            s->bounds[c] = at + done;
        }
        at += count[k];
    }
    s->bounds[s->chunks] = s->entries = at;
    int64_t mean = s->chunks ? s->entries / s->chunks : 0;
    for (s->lanes = 1; s->lanes < 32 && s->lanes * 4 <= mean; s->lanes *= 2) {}
    for (s->folds = 1; s->folds < 32 && s->folds * 8 <= most; s->folds *= 2) {}
    return true;
}
static int64_t row_read(const Indicator *ind, int64_t i) {
    if (ind->identity) return i;
    if (ind->range) return i >= ind->begin && i < ind->end ? i - ind->begin + ind->first : -1;
    return ind->idx[i];
}
bool segments_of_indicator(const Indicator *ind, int64_t space_rows, Segments *s) {
    *s = (Segments){.keys = space_rows};
    int64_t *at = mem_try((size_t)space_rows + 1, sizeof *at), last = 0;
    bool in_order = true, ok = at != NULL;
    for (int64_t i = 0; ok && i < ind->rows; i++) {
        int64_t k = row_read(ind, i);
        in_order = in_order && k >= last;
        if (k < 0) continue;
        at[k]++;
        last = k;
    }
    ok = ok && cut(s, at);
    if (ok && !in_order) {
        int64_t sum = 0;
        for (int64_t k = 0; k < space_rows; k++) {
            int64_t n = at[k];
            at[k] = sum;
            sum += n;
        }
        ok = (s->rows = mem_try((size_t)s->entries + 1, sizeof *s->rows)) != NULL;
        for (int64_t i = 0; ok && i < ind->rows; i++) {
            int64_t k = row_read(ind, i);
            if (k >= 0) s->rows[at[k]++] = (int32_t)i;
        }
    }
    mem_free(at);
    if (!ok) segments_free(s);
    return ok;
}
bool segments_of_sparse(const Matrix *m, Segments *s) {
    *s = (Segments){.keys = m->cols};
    int64_t *at = mem_try((size_t)m->cols + 1, sizeof *at);
    bool ok = at != NULL, codes = m->kind == MAT_CODES;
    int64_t nnz = codes ? m->rows : m->rowptr[m->rows];
    for (int64_t p = 0; ok && p < nnz; p++) {
        int32_t c = codes ? m->codes[p] : m->colidx[p];
        if (c >= 0) at[c]++;
    }
    ok = ok && cut(s, at);
    ok = ok && (s->rows = mem_try((size_t)s->entries + 1, sizeof *s->rows)) != NULL;
    if (ok && !codes && m->values) {
        size_t n = (size_t)s->entries + 1;
        if (m->single)
            ok = (s->floats = mem_try(n, sizeof *s->floats)) != NULL;
        else
            ok = (s->values = mem_try(n, sizeof *s->values)) != NULL;
    }
    for (int64_t k = 0, sum = 0; ok && k < m->cols; k++) {
        int64_t n = at[k];
        at[k] = sum;
        sum += n;
    }
    for (int64_t r = 0; ok && r < m->rows; r++) {
        if (codes) {
            if (m->codes[r] >= 0) s->rows[at[m->codes[r]]++] = (int32_t)r;
            continue;
        }
        for (int64_t p = m->rowptr[r]; p < m->rowptr[r + 1]; p++) {
            if (s->values) s->values[at[m->colidx[p]]] = m->values[p];
            if (s->floats) s->floats[at[m->colidx[p]]] = (float)m->values[p];
            s->rows[at[m->colidx[p]]++] = (int32_t)r;
        }
    }
    mem_free(at);
    if (!ok) segments_free(s);
    return ok;
}
