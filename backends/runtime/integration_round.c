/* integration_round.c: the numbers of a target in single precision (contract: integration.h).
 *
 * Rounded are the stored numbers of all blocks, sparse ones too, so that a target holds the same numbers whichever way
 * it is trained on. A number of magnitude in [FLT_MIN, FLT_MAX] loses at most 2^-24 of itself; 0, infinities and
 * not-a-number are floats already. Anything else would lose more than that, or all: then the target keeps its doubles.
 * Two passes over the numbers by all threads, the first of which only looks. */
#include "backends/runtime/integration_internal.h"
#include "backends/runtime/kernels.h"
#include <float.h>
#include <math.h>

enum { PARTS_MOST = 64 };
typedef struct Rounding {
    const Matrix *m;
    int64_t beyond[PARTS_MOST], first[PARTS_MOST]; /* by part: numbers beyond single precision; where the first is */
} Rounding;

static int64_t stored_count(const Matrix *m) {
    return m->kind == MAT_DENSE ? m->rows * m->ld : m->values ? m->rowptr[m->rows] : 0;
}
static double *stored(const Matrix *m) {
    return m->kind == MAT_DENSE ? m->data : m->values;
}
static bool fits(double x) {
    double size = fabs(x);
    return (size >= FLT_MIN && size <= FLT_MAX) || size == 0 || !isfinite(x);
}

static void look(void *ctx, int part, int nparts) {
    Rounding *z = ctx;
    int64_t n = stored_count(z->m), begin = n * part / nparts, end = n * (part + 1) / nparts, beyond = 0;
    const double *x = stored(z->m);
    for (int64_t i = begin; i < end; i++) beyond += !fits(x[i]);
    z->beyond[part] = beyond;
    if (!beyond) return;
    int64_t i = begin;
    while (fits(x[i])) i++;
    z->first[part] = i;
}
static void round_part(void *ctx, int part, int nparts) {
    const Rounding *z = ctx;
    int64_t n = stored_count(z->m), end = n * (part + 1) / nparts;
    double *x = stored(z->m);
    for (int64_t i = n * part / nparts; i < end; i++) x[i] = (double)(float)x[i];
}

/* The feature that stored number i of a block belongs to. */
static const Feature *feature_at(const Integration *in, const IntBlock *b, int64_t i) {
    int64_t c = b->data->kind == MAT_DENSE ? i % b->data->ld : b->data->colidx[i];
    return &in->features[b->target_cols[c]];
}

/* Numbers that a table or a cache entry keeps too are copied: they have their doubles still. */
static bool own_numbers(Matrix *m) {
    if (m->owned || (m->kind != MAT_DENSE && !m->values)) return true;
    Matrix *copy = mat_copy(m);
    if (!copy) return false;
    *m = *copy;
    mem_free(copy);
    return true;
}

bool integration_round(Diags *ds, Integration *in, int threads) {
    Rounding z = {0};
    int parts = threads < 1 ? 1 : threads > PARTS_MOST ? PARTS_MOST : threads;
    int64_t beyond = 0;
    const Feature *feature = NULL;
    double example = 0;
    for (int b = 0; b < in->nblocks; b++) {
        z.m = in->blocks[b].data;
        thread_run(parts, look, &z);
        for (int p = 0; p < parts; p++) {
            if (z.beyond[p] && !feature) {
                feature = feature_at(in, &in->blocks[b], z.first[p]);
                example = stored(z.m)[z.first[p]];
            }
            beyond += z.beyond[p];
        }
    }
    if (feature) {
        Diag *d = diag_warn(ds, "W435", in->spec->cols[feature->column].span,
                            "%lld number%s of %s %s beyond single precision, such as %.6g in `%s`: all stay double",
                            (long long)beyond, beyond == 1 ? "" : "s", in->spec->target, beyond == 1 ? "is" : "are",
                            example, feature->name);
        diag_help(d, "scale the column so that its numbers are between 1.2e-38 and 3.4e38, or leave out the precision");
        return true;
    }
    for (int b = 0; b < in->nblocks; b++) {
        Matrix *m = in->blocks[b].data;
        if (!own_numbers(m)) {
            diag_error(ds, "E402", in->spec->span, "not enough memory for %lld numbers of target %s",
                       (long long)stored_count(m), in->spec->target);
            return false;
        }
        z.m = m;
        thread_run(parts, round_part, &z);
        m->single = true;
    }
    return true;
}

bool integration_is_single(const Integration *in) {
    bool single = in->nblocks > 0;
    for (int b = 0; b < in->nblocks; b++) single = single && in->blocks[b].data->single;
    return single;
}
