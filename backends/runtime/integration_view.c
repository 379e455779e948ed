/* integration_view.c: parts of a target, its materialization, and dense rows.
 *
 * A part selects rows of the indicators only; the blocks' data are shared with the whole, which must outlive it.
 * Materializing writes every cell once, since every cell is owned by one block: dense n x d (bands of rows in threads),
 * or CSR when under a quarter of the cells are non-zero. */
#include "backends/runtime/integration_internal.h"
#include "backends/runtime/kernels.h"
#include "compiler/machine.h"
#include <math.h>

/* ---------------- parts ---------------- */
static bool select_indicators(Integration *out, const Integration *in, const int64_t *rows) {
    out->indicators = arena_array(out->arena, Indicator, in->nindicators + 1);
    out->nindicators = 0;
    for (int i = 0; i < in->nindicators; i++) {
        Indicator *ind = &out->indicators[out->nindicators++];
        int32_t *idx = mem_try((size_t)out->rows, sizeof *idx);
        if (!idx) return false;
        for (int64_t r = 0; r < out->rows; r++) idx[r] = (int32_t)indicator_row(&in->indicators[i], rows[r]);
        ind->space = in->indicators[i].space;
        if (!indicator_finish(ind, idx, out->rows, in->spaces[ind->space].rows)) return false;
    }
    return true;
}
Integration *integration_select(Diags *ds, const Integration *in, const char *part, const int64_t *rows, int64_t n) {
    Integration *out = mem_alloc(sizeof *out);
    int nroles = in->spec->nroles;
    *out = *in;
    out->parent = in;
    out->part = part;
    out->rows = n;
    out->owns = out->borrows_rows = out->materialized = out->mapped = false;
    out->entry = NULL;
    out->arena = arena_new();
    integration_memo(out);
    out->nindicators = 0;
    out->ci = arena_array(out->arena, int32_t *, nroles);
    out->root_rows = mem_try((size_t)n, sizeof *out->root_rows);
    out->tgd_of = mem_try((size_t)n, sizeof *out->tgd_of);
    out->label = in->label ? mem_try((size_t)n, sizeof *out->label) : NULL;
    out->weight = in->weight ? mem_try((size_t)n, sizeof *out->weight) : NULL;
    bool ok = out->root_rows && out->tgd_of && !out->label == !in->label && !out->weight == !in->weight;
    for (int k = 0; k < nroles; k++) ok = (out->ci[k] = mem_try((size_t)n, sizeof(int32_t))) && ok;
    for (int64_t i = 0; ok && i < n; i++) {
        int64_t r = rows[i];
        AMAL_CHECK(r >= 0 && r < in->rows && (i == 0 || rows[i - 1] < r));
        out->root_rows[i] = in->root_rows ? in->root_rows[r] : r;
        out->tgd_of[i] = in->tgd_of[r];
        if (in->label) out->label[i] = in->label[r];
        if (in->weight) out->weight[i] = in->weight[r];
    }
    for (int k = 0; k < nroles && ok; k++)
        for (int64_t i = 0; i < n; i++) out->ci[k][i] = in->ci[k][rows[i]];
    out->tgd_begin = arena_array(out->arena, int64_t, in->spec->ntgds + 1);
    for (int64_t i = 0; ok && i < n; i++) out->tgd_begin[out->tgd_of[i] + 1]++;
    for (int t = 0; t < in->spec->ntgds; t++) out->tgd_begin[t + 1] += out->tgd_begin[t];
    if (ok && select_indicators(out, in, rows)) return out;
    diag_error(ds, "E402", in->spec->span, "not enough memory for a part of %lld rows of target %s", (long long)n,
               in->spec->target);
    integration_free(out);
    return NULL;
}

typedef struct Draw {
    double u;
    int64_t row;
} Draw;
static int by_draw(const void *a, const void *b) {
    const Draw *x = a, *y = b;
    if (x->u != y->u) return x->u < y->u ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}
/* Rows in the order of their draws: thrown into n buckets by value, which then hold about one each. */
static bool draw_order(int64_t n, uint64_t seed, Draw *sorted) {
    int64_t *start = mem_try((size_t)n + 1, sizeof *start);
    if (!start) return false;
#define BUCKET(u) ((int64_t)((u) * (double)n) < n ? (int64_t)((u) * (double)n) : n - 1)
    for (int64_t i = 0; i < n; i++) start[BUCKET(rng_uniform(seed, 0, (uint64_t)i)) + 1]++;
    for (int64_t b = 0; b < n; b++) start[b + 1] += start[b];
    for (int64_t i = 0; i < n; i++) {
        double u = rng_uniform(seed, 0, (uint64_t)i);
        sorted[start[BUCKET(u)]++] = (Draw){u, i};
    }
#undef BUCKET
    for (int64_t b = 0, from = 0; b < n; from = start[b++])
        if (start[b] - from > 1) qsort(sorted + from, (size_t)(start[b] - from), sizeof *sorted, by_draw);
    mem_free(start);
    return true;
}
bool integration_split(Diags *ds, const Integration *in, int nparts, const char *const *names, const double *shares,
                       uint64_t seed, Integration **out) {
    int64_t n = in->rows, at = 0;
    Draw *order = mem_try((size_t)n, sizeof *order);
    int32_t *part_of = mem_try((size_t)n, sizeof *part_of);
    int64_t *rows = mem_try((size_t)n, sizeof *rows);
    double sum = 0;
    bool ok = order && part_of && rows && draw_order(n, seed, order);
    if (!ok) diag_error(ds, "E402", in->spec->span, "not enough memory to split target %s", in->spec->target);
    for (int64_t i = 0; ok && i < n; i++) part_of[i] = -1;
    for (int p = 0; p < nparts; p++) {
        out[p] = NULL;
        sum += shares[p];
        int64_t size = (int64_t)floor(shares[p] * (double)n + 1e-9); /* 0.29 * 100 is 29 */
        if ((p == nparts - 1 && fabs(sum - 1) < 1e-9) || size > n - at) size = n - at;
        for (int64_t i = 0; ok && i < size; i++) part_of[order[at + i].row] = p;
        at += size;
    }
    for (int p = 0; p < nparts && ok; p++) {
        int64_t count = 0;
        for (int64_t i = 0; i < n; i++)
            if (part_of[i] == p) rows[count++] = i;
        ok = (out[p] = integration_select(ds, in, names[p], rows, count)) != NULL;
    }
    for (int p = 0; p < nparts && !ok; p++) integration_free(out[p]), out[p] = NULL;
    mem_free(order);
    mem_free(part_of);
    mem_free(rows);
    return ok;
}

/* ---------------- sizes ---------------- */
static int64_t row_nnz(const Matrix *m, int64_t r) {
    if (m->kind == MAT_CODES) return m->codes[r] >= 0;
    if (m->kind == MAT_CSR && !m->values) return m->rowptr[r + 1] - m->rowptr[r];
    int64_t n = 0;
    if (m->kind == MAT_CSR)
        for (int64_t k = m->rowptr[r]; k < m->rowptr[r + 1]; k++) n += m->values[k] != 0;
    else
        for (int64_t c = 0; c < m->cols; c++) n += m->data[r * m->ld + c] != 0;
    return n;
}
typedef struct Count {
    const Integration *in;
    int64_t *parts;
} Count;
static void count_part(void *ctx, int part, int nparts) {
    const Count *z = ctx;
    double total = 0;
    for (int b = 0; b < z->in->nblocks; b++) {
        const Matrix *m = z->in->blocks[b].data;
        const Indicator *ind = &z->in->indicators[z->in->blocks[b].indicator];
        for (int64_t r = m->rows * part / nparts; r < m->rows * (part + 1) / nparts; r++)
            if (ind->count[r] > 0) total += ind->count[r] * (double)row_nnz(m, r);
    }
    z->parts[part] = (int64_t)total;
}
int64_t integration_materialized_nnz(const Integration *in) {
    if (in->nnz_memo && *in->nnz_memo >= 0) return *in->nnz_memo;
    int64_t parts[64] = {0}, total = 0;
    int threads = in->spec && in->spec->threads > 1 ? in->spec->threads : 1;
    if (threads > 64 || in->rows < 65536) threads = threads > 64 ? 64 : 1;
    thread_run(threads, count_part, &(Count){in, parts});
    for (int i = 0; i < threads; i++) total += parts[i];
    if (in->nnz_memo) *in->nnz_memo = total;
    return total;
}
static bool is_sparse(const Integration *in, int64_t nnz) {
    return (double)nnz < 0.25 * (double)in->rows * (double)in->cols;
}
size_t integration_materialized_bytes(const Integration *in) {
    int64_t nnz = integration_materialized_nnz(in);
    if (is_sparse(in, nnz)) return (size_t)nnz * 12 + (size_t)(in->rows + 1) * 8;
    return (size_t)((double)in->rows * (double)in->cols * 8);
}
size_t integration_factorized_bytes(const Integration *in) {
    size_t bytes = 0;
    for (int b = 0; b < in->nblocks; b++) bytes += mat_bytes(in->blocks[b].data);
    for (int i = 0; i < in->nindicators; i++) bytes += in->indicators[i].idx ? (size_t)in->rows * sizeof(int32_t) : 0;
    return bytes;
}

/* ---------------- dense rows ---------------- */
static void put_row(const IntBlock *b, int64_t r, double *out) {
    const Matrix *m = b->data;
    const int32_t *to = b->target_cols;
    switch (m->kind) {
    case MAT_DENSE:
        if (m->cols > 0 && to[m->cols - 1] - to[0] == m->cols - 1)
            copy_numbers(out + to[0], m->data + r * m->ld, m->cols);
        else
            for (int64_t c = 0; c < m->cols; c++) out[to[c]] = m->data[r * m->ld + c];
        return;
    case MAT_CODES:
        if (m->codes[r] >= 0) out[to[m->codes[r]]] = 1;
        return;
    case MAT_CSR:
        for (int64_t k = m->rowptr[r]; k < m->rowptr[r + 1]; k++) out[to[m->colidx[k]]] = m->values ? m->values[k] : 1;
        return;
    }
}
void integration_rows(const Integration *in, const int64_t *rows, int64_t n, double *out) {
    memset(out, 0, (size_t)n * (size_t)in->cols * sizeof *out);
    for (int b = 0; b < in->nblocks; b++) {
        const Indicator *ind = &in->indicators[in->blocks[b].indicator];
        for (int64_t i = 0; i < n; i++) {
            int64_t r = indicator_row(ind, rows[i]);
            if (r >= 0) put_row(&in->blocks[b], r, out + i * in->cols);
        }
    }
}

void integration_label_range(const Integration *in, double *lo, double *hi) {
    struct RangeMemo *m = in->range_memo;
    if (m && m->known) {
        *lo = m->lo, *hi = m->hi;
        return;
    }
    num_range(in->label, in->label ? in->rows : 0, lo, hi);
    if (m) *m = (struct RangeMemo){true, *lo, *hi};
}

/* ---------------- materialization ---------------- */
typedef struct Fill {
    const Integration *in;
    Matrix *m;
} Fill;
static void dense_part(void *ctx, int part, int nparts) {
    enum { BAND = 256 }; /* rows that stay in the cache while all blocks write them */
    const Integration *in = ((Fill *)ctx)->in;
    Matrix *m = ((Fill *)ctx)->m;
    int64_t begin = in->rows * part / nparts, end = in->rows * (part + 1) / nparts;
    for (int64_t from = begin; from < end && !work_given_up(); from += BAND) {
        int64_t to = from + BAND < end ? from + BAND : end;
        for (int b = 0; b < in->nblocks; b++) {
            const Indicator *ind = &in->indicators[in->blocks[b].indicator];
            for (int64_t i = from; i < to; i++) {
                int64_t r = indicator_row(ind, i);
                if (r >= 0) put_row(&in->blocks[b], r, m->data + i * m->ld);
            }
        }
    }
}
static Matrix *dense_all(const Integration *in, int threads) {
    Matrix *m = mat_new_dense(in->rows, in->cols);
    if (m) thread_run(integration_parts(threads, (double)in->rows * (double)in->cols), dense_part, &(Fill){in, m});
    return m;
}
static inline int64_t append(Matrix *m, int64_t at, int64_t row_start, int32_t col, double value) {
    if (value == 0) return at;
    int64_t k = at; /* blocks interleave rarely: insertion finds its place at once */
    for (; k > row_start && m->colidx[k - 1] > col; k--)
        m->colidx[k] = m->colidx[k - 1], m->values[k] = m->values[k - 1];
    m->colidx[k] = col;
    m->values[k] = value;
    return at + 1;
}
/* Sparse rows are counted first, so that each thread knows where its rows begin: `stored` has how many cells other than
 * 0 each row of a block has; NULL: the block says so itself. */
typedef struct SparseFill {
    const Integration *in;
    int32_t *const *stored;
    Matrix *m;
} SparseFill;
static bool counts_itself(const Matrix *m) {
    return m->kind == MAT_CODES || (m->kind == MAT_CSR && !m->values);
}
static void count_stored(void *ctx, int part, int nparts) {
    const SparseFill *z = ctx;
    for (int b = 0; b < z->in->nblocks; b++) {
        const Matrix *d = z->in->blocks[b].data;
        if (!z->stored[b] || work_given_up()) continue;
        for (int64_t r = d->rows * part / nparts; r < d->rows * (part + 1) / nparts; r++)
            z->stored[b][r] = (int32_t)row_nnz(d, r);
    }
}
static void count_part_rows(void *ctx, int part, int nparts) {
    const SparseFill *z = ctx;
    int64_t begin = z->in->rows * part / nparts, end = z->in->rows * (part + 1) / nparts;
    for (int b = 0; b < z->in->nblocks && !work_given_up(); b++) {
        const Indicator *ind = &z->in->indicators[z->in->blocks[b].indicator];
        const Matrix *d = z->in->blocks[b].data;
        for (int64_t i = begin; i < end; i++) {
            int64_t r = indicator_row(ind, i);
            if (r >= 0) z->m->rowptr[i + 1] += z->stored[b] ? z->stored[b][r] : row_nnz(d, r);
        }
    }
}
static void sparse_part(void *ctx, int part, int nparts) {
    const SparseFill *z = ctx;
    const Integration *in = z->in;
    Matrix *m = z->m;
    int64_t begin = in->rows * part / nparts, end = in->rows * (part + 1) / nparts;
    for (int64_t i = begin; i < end; i++) {
        if (i % 4096 == 0 && work_given_up()) break;
        int64_t start = m->rowptr[i], at = start;
        for (int b = 0; b < in->nblocks; b++) {
            const IntBlock *blk = &in->blocks[b];
            const Matrix *d = blk->data;
            int64_t r = indicator_row(&in->indicators[blk->indicator], i);
            if (r < 0) continue;
            if (d->kind == MAT_CODES) {
                if (d->codes[r] >= 0) at = append(m, at, start, blk->target_cols[d->codes[r]], 1);
            } else if (d->kind == MAT_CSR)
                for (int64_t k = d->rowptr[r]; k < d->rowptr[r + 1]; k++)
                    at = append(m, at, start, blk->target_cols[d->colidx[k]], d->values ? d->values[k] : 1);
            else
                for (int64_t c = 0; c < d->cols && at < m->rowptr[i + 1]; c++)
                    at = append(m, at, start, blk->target_cols[c], d->data[r * d->ld + c]);
        }
    }
}
static Matrix *sparse_all(const Integration *in, int64_t nnz, int threads) {
    int32_t **stored = mem_alloc(sizeof *stored * (size_t)(in->nblocks + 1));
    Matrix *m = mat_new_csr(in->rows, in->cols, nnz, false);
    bool ok = m != NULL;
    for (int b = 0; ok && b < in->nblocks; b++) {
        const Matrix *d = in->blocks[b].data;
        if (!counts_itself(d)) ok = (stored[b] = mem_try((size_t)d->rows + 1, sizeof **stored)) != NULL;
    }
    if (ok) {
        SparseFill z = {in, stored, m};
        int parts = integration_parts(threads, (double)in->rows * in->nblocks);
        thread_run(parts, count_stored, &z);
        thread_run(parts, count_part_rows, &z);
        for (int64_t i = 0; i < in->rows; i++) m->rowptr[i + 1] += m->rowptr[i];
        bool counted = !work_given_up();
        AMAL_CHECK(!counted || m->rowptr[in->rows] == nnz);
        if (counted) thread_run(parts, sparse_part, &z);
    }
    for (int b = 0; b < in->nblocks; b++) mem_free(stored[b]);
    mem_free(stored);
    if (ok) return m;
    mat_free(m);
    return NULL;
}
Integration *integration_materialize(Diags *ds, const Integration *in, int threads) {
    int64_t nnz = integration_materialized_nnz(in);
    bool sparse = is_sparse(in, nnz);
    double bytes = sparse ? (double)nnz * 12 + (double)(in->rows + 1) * 8 : (double)in->rows * (double)in->cols * 8;
    Matrix *m = !machine_has_memory(bytes) ? NULL : sparse ? sparse_all(in, nnz, threads) : dense_all(in, threads);
    if (work_given_up()) {
        mat_free(m);
        diag_error(ds, "E460", in->spec->span, "interrupted while target %s was materialized", in->spec->target);
        return NULL;
    }
    if (!m) {
        Diag *d = diag_error(
            ds, "E402", in->spec->span, "materializing target %s (%lld x %lld, %s) takes %.3g GB, more than there is",
            in->spec->target, (long long)in->rows, (long long)in->cols, sparse ? "sparse" : "dense", bytes / 1e9);
        diag_help(d, "factorized it takes %.3g GB: leave out `--strategy materialize`",
                  (double)integration_factorized_bytes(in) / 1e9);
        return NULL;
    }
    m->single = integration_is_single(in);
    Integration *out = mem_alloc(sizeof *out);
    *out = *in;
    out->parent = in;
    out->owns = out->borrows_rows = out->materialized = true;
    out->mapped = false;
    out->entry = NULL;
    out->arena = arena_new();
    integration_memo(out);
    if (in->range_memo) *out->range_memo = *in->range_memo; /* the same labels */
    out->spaces = arena_array(out->arena, IntSpace, 1);
    out->nspaces = 1;
    out->spaces[0] = (IntSpace){.name = "materialized", .role = -1, .rows = in->rows};
    out->indicators = arena_array(out->arena, Indicator, 1);
    out->indicators[0] = (Indicator){.identity = true};
    out->nindicators = 1;
    out->blocks = arena_array(out->arena, IntBlock, 1);
    out->nblocks = 1;
    out->blocks[0] =
        (IntBlock){.data = m, .label = "materialized", .target_cols = arena_array(out->arena, int32_t, in->cols + 1)};
    for (int64_t c = 0; c < in->cols; c++) out->blocks[0].target_cols[c] = (int32_t)c;
    if (indicator_finish(&out->indicators[0], NULL, in->rows, in->rows)) return out;
    diag_error(ds, "E402", in->spec->span, "not enough memory to materialize target %s", in->spec->target);
    integration_free(out);
    return NULL;
}
