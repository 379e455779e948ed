/* integration_arrange.c: the rows of T in the order of one indicator, and columns of some roles a row for each row of T
 * (contract: integration.h).
 *
 * Sorted, what an index picks streams: equal keys stand together, so that a table's row is read once and sums for it
 * stay in registers. A counting sort gives the order and the segments; what lies row by row in T's order is copied
 * once. Absorbed, no index is needed at all. A block that rows of T may have no row of keeps those apart by a range or
 * an index of its own: every cell of T has one owner, and zeros in its place would be a second one. */
#include "backends/runtime/integration_internal.h"
#include "backends/runtime/kernels.h"

static bool in_order(const Indicator *ind) {
    return ind->ascending && ind->injective;
}
bool integration_can_absorb(const Integration *in, int block) {
    const Indicator *ind = &in->indicators[in->blocks[block].indicator];
    return in->spaces[in->blocks[block].space].role >= 0 && !ind->identity && !in_order(ind);
}
bool integration_copies(const Integration *in, Arrangement a, int block) {
    const Indicator *ind = &in->indicators[in->blocks[block].indicator];
    int role = in->spaces[in->blocks[block].space].role;
    if (a.sort_by >= 0 && ind->total && 2 * ind->used > ind->rows) return true;
    return role >= 0 && a.absorbed >> role & 1 && integration_can_absorb(in, block);
}
int64_t integration_copied_rows(const Integration *in, int block) {
    const Indicator *ind = &in->indicators[in->blocks[block].indicator];
    double rows = 0;
    if (ind->total) return ind->rows;
    for (int64_t r = 0; r < in->spaces[ind->space].rows; r++) rows += ind->count[r];
    return (int64_t)rows;
}
size_t integration_copied_bytes(const Integration *in, Arrangement a) {
    double bytes = 0;
    for (int b = 0; b < in->nblocks; b++) {
        const Matrix *m = in->blocks[b].data;
        if (!integration_copies(in, a, b) || !m->rows) continue;
        bytes += (double)mat_bytes(m) / (double)m->rows * (double)integration_copied_rows(in, b);
    }
    return (size_t)bytes;
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
typedef struct Copying {
    const Matrix *from;
    Matrix *to;
    const Indicator *ind; /* of the rows as they are arranged */
    const int32_t *rows;  /* row k of the copy is for row rows[k] of T; NULL: for row k */
} Copying;
static inline int64_t source_row(const Copying *z, int64_t k) {
    return indicator_row(z->ind, z->rows ? z->rows[k] : k);
}
enum { PART_CELLS = 1 << 16 }; /* below, waking threads takes longer than they save */
int integration_parts(int threads, double cells) {
    return threads > 1 && cells > PART_CELLS ? threads : 1;
}
enum { AHEAD = 16 }; /* rows asked for before they are copied: their addresses follow no pattern */
static void copy_rows(void *ctx, int part, int nparts) {
    const Copying *z = ctx;
    const Matrix *from = z->from;
    Matrix *to = z->to;
    int64_t begin = to->rows * part / nparts, end = to->rows * (part + 1) / nparts;
    for (int64_t i = begin; i < end; i++) {
        int64_t r = source_row(z, i);
        if (from->kind == MAT_CODES) {
            to->codes[i] = from->codes[r];
        } else if (from->kind == MAT_DENSE) {
            if (i + AHEAD < end) {
                const double *ahead = from->data + source_row(z, i + AHEAD) * from->ld;
                for (int64_t c = 0; c < from->cols; c += 8) __builtin_prefetch(ahead + c);
            }
            copy_numbers(to->data + i * to->ld, from->data + r * from->ld, from->cols);
        } else {
            int64_t k = from->rowptr[r], n = from->rowptr[r + 1] - k;
            memcpy(to->colidx + to->rowptr[i], from->colidx + k, (size_t)n * sizeof *to->colidx);
            if (from->values) memcpy(to->values + to->rowptr[i], from->values + k, (size_t)n * sizeof *to->values);
        }
    }
}
static Matrix *copied(Copying *z, int64_t rows, int threads) {
    const Matrix *from = z->from;
    if (from->kind == MAT_DENSE)
        z->to = mat_new_dense(rows, from->cols);
    else if (from->kind == MAT_CODES)
        z->to = mat_new_codes(rows, from->cols);
    else {
        int64_t nnz = 0;
        for (int64_t i = 0; i < rows; i++) {
            int64_t r = source_row(z, i);
            nnz += from->rowptr[r + 1] - from->rowptr[r];
        }
        z->to = mat_new_csr(rows, from->cols, nnz, !from->values);
        for (int64_t i = 0; z->to && i < rows; i++) {
            int64_t r = source_row(z, i);
            z->to->rowptr[i + 1] = z->to->rowptr[i] + from->rowptr[r + 1] - from->rowptr[r];
        }
    }
    if (!z->to) return NULL;
    double cells = (double)rows * (from->kind == MAT_DENSE ? (double)from->cols : 2);
    thread_run(integration_parts(threads, cells), copy_rows, z);
    z->to->single = from->single;
    return z->to;
}

/* ---- the view ---- */
typedef struct Reordering {
    const Integration *in;
    const int32_t *order;
    const Indicator *ind; /* to idx; NULL: x to y */
    int32_t *idx;
    const double *x;
    double *y;
} Reordering;
static void reorder_part(void *ctx, int part, int nparts) {
    const Reordering *z = ctx;
    int64_t begin = z->in->rows * part / nparts, end = z->in->rows * (part + 1) / nparts;
    for (int64_t i = begin; z->ind && i < end; i++) z->idx[i] = (int32_t)indicator_row(z->ind, z->order[i]);
    for (int64_t i = begin; !z->ind && i < end; i++) z->y[i] = z->x[z->order[i]];
}
static void reorder(Reordering z, int threads) {
    thread_run(integration_parts(threads, (double)z.in->rows), reorder_part, &z);
}
static bool ascends(const int32_t *idx, int64_t n) {
    int32_t latest = -1;
    for (int64_t i = 0; i < n; i++) {
        if (idx[i] < 0) continue;
        if (idx[i] < latest) return false;
        latest = idx[i];
    }
    return true;
}
/* What is counted stays as it was; only the order of the rows is another. Takes idx. */
static bool reordered_indicator(Indicator *ind, const Indicator *old, int32_t *idx, int64_t space_rows) {
    bool ascending = ascends(idx, old->rows);
    if (ascending && old->injective) return indicator_finish(ind, idx, old->rows, space_rows); /* a range, perhaps */
    double *count = mem_try((size_t)space_rows, sizeof *count);
    if (!count) return mem_free(idx), false;
    memcpy(count, old->count, sizeof *count * (size_t)space_rows);
    *ind = (Indicator){.space = old->space,
                       .rows = old->rows,
                       .idx = idx,
                       .total = old->total,
                       .ascending = ascending,
                       .injective = old->injective,
                       .used = old->used,
                       .count = count};
    return true;
}
static bool sort_indicators(Integration *out, const Integration *in, int by, int64_t *segments, int threads) {
    for (int i = 0; i < in->nindicators; i++) {
        const Indicator *old = &in->indicators[i];
        Indicator *ind = &out->indicators[out->nindicators++];
        ind->space = old->space;
        int32_t *idx = mem_try((size_t)out->rows + 1, sizeof *idx);
        if (!idx) return false;
        reorder((Reordering){.in = in, .order = out->order, .ind = old, .idx = idx}, threads);
        if (!reordered_indicator(ind, old, idx, in->spaces[ind->space].rows)) return false;
        if (i == by && ind->total) ind->segments = segments;
    }
    return true;
}
/* What copies are stored over: T's rows, one space for all of them; or those rows of T that an indicator has a row for.
 * `of` is then that indicator. */
typedef struct Place {
    int of, indicator;
    int32_t *rows;
    int64_t count;
} Place;
static bool open_place(Integration *out, const Integration *in, int block, Place *p) {
    const Indicator *old = &out->indicators[in->blocks[block].indicator];
    int64_t n = out->rows;
    p->count = 0;
    int32_t *idx = NULL;
    if (old->total) {
        p->count = n;
    } else {
        idx = mem_try((size_t)n + 1, sizeof *idx);
        p->rows = mem_try((size_t)n + 1, sizeof *p->rows);
        if (!idx || !p->rows) return mem_free(idx), false;
        for (int64_t i = 0; i < n; i++) {
            idx[i] = indicator_row(old, i) < 0 ? -1 : (int32_t)p->count;
            if (idx[i] >= 0) p->rows[p->count++] = (int32_t)i;
        }
    }
    IntSpace *space = &out->spaces[out->nspaces];
    *space = in->spaces[in->blocks[block].space];
    space->rows = p->count;
    space->has_fill_row = false;
    p->indicator = out->nindicators;
    Indicator *ind = &out->indicators[out->nindicators++];
    *ind = (Indicator){.identity = !idx, .space = out->nspaces++};
    return indicator_finish(ind, idx, n, p->count);
}
static bool copy_blocks(Integration *out, const Integration *in, Arrangement a, int threads) {
    Place *places = arena_array(out->arena, Place, in->nblocks + 1);
    int nplaces = 0;
    bool ok = true;
    for (int b = 0; ok && b < in->nblocks; b++) {
        if (!integration_copies(in, a, b)) continue;
        int of = in->blocks[b].indicator, k = 0;
        const Indicator *ind = &out->indicators[of];
        if (ind->total) of = -1;
        while (k < nplaces && places[k].of != of) k++;
        Place *p = &places[k];
        if (k == nplaces) {
            p->of = of;
            nplaces++;
            if (!(ok = open_place(out, in, b, p))) break;
        }
        Matrix *m = copied(&(Copying){.from = in->blocks[b].data, .ind = ind, .rows = p->rows}, p->count, threads);
        if (!(ok = m != NULL)) break;
        out->made[out->nmade++] = m;
        out->blocks[b].data = m;
        out->blocks[b].indicator = p->indicator;
        out->blocks[b].space = out->indicators[p->indicator].space;
    }
    for (int k = 0; k < nplaces; k++) mem_free(places[k].rows);
    return ok;
}
static double *reordered(const Integration *in, const double *x, const int32_t *order, int threads) {
    double *y = mem_try((size_t)in->rows + 1, sizeof *y);
    if (y) reorder((Reordering){.in = in, .order = order, .x = x, .y = y}, threads);
    return y;
}
/* The rows' order, and all that has a number for each row. */
static bool sort_rows(Integration *out, const Integration *in, int by, int threads) {
    int64_t n = in->rows, keys = in->spaces[in->indicators[by].space].rows;
    int64_t *segments = mem_try((size_t)keys + 2, sizeof *segments);
    out->borrows_rows = false;
    out->tgd_of = NULL;
    out->ci = NULL;
    out->tgd_begin = NULL;
    out->tgd_ordered = false;
    out->root_rows = NULL;
    out->order = mem_try((size_t)n + 1, sizeof *out->order);
    out->label = out->weight = NULL;
    bool ok = segments && out->order;
    if (ok) {
        counting_sort(&in->indicators[by], keys, segments, out->order);
        ok = (!in->label || (out->label = reordered(in, in->label, out->order, threads))) &&
             (!in->weight || (out->weight = reordered(in, in->weight, out->order, threads)));
    }
    ok = ok && sort_indicators(out, in, by, segments, threads);
    if (out->nindicators <= by || !out->indicators[by].segments) mem_free(segments);
    return ok;
}
Integration *integration_arrange(Diags *ds, const Integration *in, Arrangement a, int threads) {
    Integration *out = mem_alloc(sizeof *out);
    *out = *in;
    out->parent = in;
    out->owns = out->mapped = false;
    out->borrows_rows = true;
    out->entry = NULL;
    out->arena = arena_new();
    integration_memo(out);
    if (in->range_memo) *out->range_memo = *in->range_memo; /* the same labels */
    out->nindicators = out->nborrowed = out->nmade = 0;
    out->spaces = arena_array(out->arena, IntSpace, in->nspaces + in->nblocks + 1);
    memcpy(out->spaces, in->spaces, sizeof *in->spaces * (size_t)in->nspaces);
    out->blocks = arena_array(out->arena, IntBlock, in->nblocks + 1);
    memcpy(out->blocks, in->blocks, sizeof *in->blocks * (size_t)in->nblocks);
    out->indicators = arena_array(out->arena, Indicator, in->nindicators + in->nblocks + 1);
    out->made = arena_array(out->arena, Matrix *, in->nblocks + 1);
    bool ok = true;
    if (a.sort_by >= 0) {
        ok = sort_rows(out, in, a.sort_by, threads);
    } else {
        memcpy(out->indicators, in->indicators, sizeof *in->indicators * (size_t)in->nindicators);
        out->nindicators = out->nborrowed = in->nindicators;
    }
    if (ok && copy_blocks(out, in, a, threads)) return out;
    diag_error(ds, "E402", in->spec->span, "not enough memory to arrange %lld rows of target %s for training",
               (long long)in->rows, in->spec->target);
    integration_free(out);
    return NULL;
}
