/* integration_sort.c: the rows of T in the order of one indicator (contract: integration.h).
 *
 * What an index picks then streams: equal keys stand together, so that a table's row is read once and sums for it stay
 * in registers. A counting sort gives the order and the segments; what lies row by row in T's order is copied once. */
#include "backends/runtime/integration_internal.h"
#include "backends/runtime/kernels.h"

bool integration_moves_when_sorted(const Integration *in, int block) {
    const Indicator *ind = &in->indicators[in->blocks[block].indicator];
    return ind->total && 2 * ind->used > ind->rows;
}

/* order[i]: the row that comes i-th. `end` has room for one number a key and one more: end[r] becomes where key r's
 * rows begin, end[keys] their number; rows without a key follow. */
static void counting_sort(const Indicator *ind, int64_t keys, int64_t *end, int32_t *order) {
    for (int64_t i = 0; i < ind->rows; i++) {
        int64_t r = indicator_row(ind, i);
        end[r < 0 ? keys : r]++;
    }
    int64_t at = 0;
    for (int64_t r = 0; r <= keys; r++) {
        int64_t count = end[r];
        end[r] = at;
        at += count;
    }
    for (int64_t i = 0; i < ind->rows; i++) {
        int64_t r = indicator_row(ind, i);
        order[end[r < 0 ? keys : r]++] = (int32_t)i;
    }
    for (int64_t r = keys; r > 0; r--) end[r] = end[r - 1];
    end[0] = 0;
}

/* ---- copies ---- */
typedef struct Move {
    const Matrix *from;
    Matrix *to;
    const Indicator *ind;
    const int32_t *order;
} Move;
enum { AHEAD = 16 }; /* rows asked for before they are copied: their addresses follow no pattern */
static void move_rows(void *ctx, int part, int nparts) {
    const Move *z = ctx;
    const Matrix *from = z->from;
    Matrix *to = z->to;
    int64_t begin = to->rows * part / nparts, end = to->rows * (part + 1) / nparts;
    for (int64_t i = begin; i < end; i++) {
        int64_t r = indicator_row(z->ind, z->order[i]);
        if (from->kind == MAT_CODES) {
            to->codes[i] = from->codes[r];
        } else if (from->kind == MAT_DENSE) {
            if (i + AHEAD < end) {
                const double *ahead = from->data + indicator_row(z->ind, z->order[i + AHEAD]) * from->ld;
                for (int64_t c = 0; c < from->cols; c += 8) __builtin_prefetch(ahead + c);
            }
            memcpy(to->data + i * to->ld, from->data + r * from->ld, (size_t)from->cols * sizeof *to->data);
        } else {
            int64_t k = from->rowptr[r], n = from->rowptr[r + 1] - k;
            memcpy(to->colidx + to->rowptr[i], from->colidx + k, (size_t)n * sizeof *to->colidx);
            if (from->values) memcpy(to->values + to->rowptr[i], from->values + k, (size_t)n * sizeof *to->values);
        }
    }
}
static Matrix *moved(const Matrix *from, const Indicator *ind, const int32_t *order, int threads) {
    Matrix *to;
    if (from->kind == MAT_DENSE)
        to = mat_new_dense(ind->rows, from->cols);
    else if (from->kind == MAT_CODES)
        to = mat_new_codes(ind->rows, from->cols);
    else {
        int64_t nnz = 0;
        for (int64_t i = 0; i < ind->rows; i++) {
            int64_t r = indicator_row(ind, i);
            nnz += from->rowptr[r + 1] - from->rowptr[r];
        }
        to = mat_new_csr(ind->rows, from->cols, nnz, !from->values);
        for (int64_t i = 0; to && i < ind->rows; i++) {
            int64_t r = indicator_row(ind, order[i]);
            to->rowptr[i + 1] = to->rowptr[i] + from->rowptr[r + 1] - from->rowptr[r];
        }
    }
    if (to) thread_run(threads > 1 && ind->rows > 65536 ? threads : 1, move_rows, &(Move){from, to, ind, order});
    if (to) to->single = from->single;
    return to;
}

/* ---- the view ---- */
static bool sort_indicators(Integration *out, const Integration *in, int by, int64_t *segments) {
    out->indicators = arena_array(out->arena, Indicator, in->nindicators + in->nblocks + 1);
    for (int i = 0; i < in->nindicators; i++) {
        const Indicator *old = &in->indicators[i];
        Indicator *ind = &out->indicators[out->nindicators++];
        ind->space = old->space;
        int32_t *idx = mem_try((size_t)out->rows + 1, sizeof *idx);
        if (!idx) return false;
        for (int64_t r = 0; r < out->rows; r++) idx[r] = (int32_t)indicator_row(old, out->order[r]);
        if (!indicator_finish(ind, idx, out->rows, in->spaces[ind->space].rows)) return false;
        if (i == by && ind->total) ind->segments = segments;
    }
    return true;
}
/* One space and one identity indicator for all blocks that are moved: they all have a row a row of T now. */
static bool move_blocks(Integration *out, const Integration *in, int threads) {
    int own = -1;
    for (int b = 0; b < in->nblocks; b++) {
        if (!integration_moves_when_sorted(in, b)) continue;
        const IntBlock *old = &in->blocks[b];
        if (own < 0) {
            own = out->nindicators;
            IntSpace *space = &out->spaces[out->nspaces];
            *space = in->spaces[old->space];
            space->rows = in->rows;
            space->has_fill_row = false;
            Indicator *ind = &out->indicators[out->nindicators++];
            *ind = (Indicator){.identity = true, .space = out->nspaces++};
            if (!indicator_finish(ind, NULL, in->rows, in->rows)) return false;
        }
        Matrix *m = moved(old->data, &in->indicators[old->indicator], out->order, threads);
        if (!m) return false;
        out->made[out->nmade++] = m;
        out->blocks[b].data = m;
        out->blocks[b].indicator = own;
        out->blocks[b].space = out->indicators[own].space;
    }
    return true;
}
static double *reordered(const double *x, const int32_t *order, int64_t n) {
    double *y = mem_try((size_t)n + 1, sizeof *y);
    for (int64_t i = 0; y && i < n; i++) y[i] = x[order[i]];
    return y;
}
Integration *integration_sort(Diags *ds, const Integration *in, int indicator, int threads) {
    int64_t n = in->rows, keys = in->spaces[in->indicators[indicator].space].rows;
    Integration *out = mem_alloc(sizeof *out);
    *out = *in;
    out->parent = in;
    out->owns = out->borrows_rows = out->mapped = false;
    out->entry = NULL;
    out->arena = arena_new();
    integration_memo(out);
    out->nindicators = out->nmade = 0;
    out->tgd_of = NULL;
    out->ci = NULL;
    out->tgd_begin = NULL;
    out->tgd_ordered = false;
    out->root_rows = NULL;
    out->spaces = arena_array(out->arena, IntSpace, in->nspaces + 1);
    memcpy(out->spaces, in->spaces, sizeof *in->spaces * (size_t)in->nspaces);
    out->blocks = arena_array(out->arena, IntBlock, in->nblocks + 1);
    memcpy(out->blocks, in->blocks, sizeof *in->blocks * (size_t)in->nblocks);
    out->made = arena_array(out->arena, Matrix *, in->nblocks + 1);
    int64_t *segments = mem_try((size_t)keys + 2, sizeof *segments);
    out->order = mem_try((size_t)n + 1, sizeof *out->order);
    out->label = out->weight = NULL;
    bool ok = segments && out->order;
    if (ok) {
        counting_sort(&in->indicators[indicator], keys, segments, out->order);
        ok = (!in->label || (out->label = reordered(in->label, out->order, n))) &&
             (!in->weight || (out->weight = reordered(in->weight, out->order, n)));
    }
    ok = ok && sort_indicators(out, in, indicator, segments);
    if (out->nindicators <= indicator || !out->indicators[indicator].segments) mem_free(segments);
    if (ok && move_blocks(out, in, threads)) return out;
    diag_error(ds, "E402", in->spec->span, "not enough memory to sort %lld rows of target %s", (long long)n,
               in->spec->target);
    integration_free(out);
    return NULL;
}
