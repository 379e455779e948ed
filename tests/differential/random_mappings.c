/* random_mappings.c: integrations of random mappings against the definitions, evaluated the slow way.
 *
 *     random_mappings [--count N] [--seed S] [--compiled N] [--gpu 1]
 *
 * Each case draws up to four roles over up to three tables of a few rows (keys with nulls, repeated values, int against
 * num, texts of different dictionaries), a family of bodies (all connected sets over a core, any choice of bodies, one
 * body, disjoint ones; equal bodies too), equalities that may form cycles, conditions over one or two roles, now and
 * then a match, and target columns of every encoding and `missing` kind. What is right is computed here by enumerating
 * all combinations of rows, comparing all pairs of triggers, and evaluating cells one at a time: no code is shared with
 * the runtime; every factorized operator over the integration is compared with the same over
 * the dense cells (mapping_algebra.h), the first few also as emitted C. --gpu 1 has the look-ups of joins made on the
 * GPU (or tests/cuda/shim.c), a few rows at a time. Prints the seed of each failure (`--count 1 --seed S` repeats it)
 * and, last, `N passed, N failed`. */
#include "backends/cuda/join.h"
#include "tests/differential/mapping_algebra.h"
#include "tests/differential/mapping_oracle.h"

/* Factorized operators against the dense target. The first `compiled` functions run as emitted C too. Returns what is
 * wrong, or NULL. */
static const char *check_factorized(const Integration *in, double *dense, Rng *g);

static char failure[400];
#define EXPECT(c, ...)                                                                                                 \
    do {                                                                                                               \
        if (!(c)) {                                                                                                    \
            snprintf(failure, sizeof failure, __VA_ARGS__);                                                            \
            return false;                                                                                              \
        }                                                                                                              \
    } while (0)

/* ---------------- comparisons ---------------- */
static int64_t read_indicator(const Indicator *ind, int64_t i) {
    if (ind->identity) return i;
    if (ind->range) return i >= ind->begin && i < ind->end ? i - ind->begin + ind->first : -1;
    return ind->idx[i];
}
static bool check_indicators(const Integration *in) {
    for (int b = 0; b < in->nindicators; b++) {
        const Indicator *ind = &in->indicators[b];
        int64_t space = in->spaces[ind->space].rows, used = 0, latest = -1;
        double *count = mem_alloc(sizeof(double) * (size_t)(space + 1));
        bool total = true, ascending = true, injective = true, good = true;
        for (int64_t i = 0; i < in->rows; i++) {
            int64_t r = read_indicator(ind, i);
            if (r < 0) {
                total = false;
                continue;
            }
            good &= r < space;
            if (r < latest) ascending = false;
            latest = r;
            if (count[r]++ > 0) injective = false;
        }
        for (int64_t r = 0; r < space; r++) used += count[r] > 0, good &= count[r] == ind->count[r];
        mem_free(count);
        EXPECT(good, "indicator %d: counts or rows are wrong", b);
        EXPECT(ind->rows == in->rows && total == ind->total && ascending == ind->ascending &&
                   injective == ind->injective && used == ind->used,
               "indicator %d: flags are wrong", b);
        EXPECT((ind->idx == NULL) == (ind->identity || ind->range), "indicator %d: idx beside identity or range", b);
        EXPECT(!ind->identity || space == in->rows, "indicator %d: identity over %lld rows", b, (long long)space);
    }
    return true;
}
/* Every cell is owned once, and the blocks' cells are the target. */
static bool check_blocks(const Integration *in, const double *dense) {
    int64_t cells = in->rows * in->cols;
    int *owners = mem_alloc(sizeof(int) * (size_t)(cells + 1));
    double *sum = mem_alloc(sizeof(double) * (size_t)(cells + 1));
    const char *wrong = NULL;
    for (int b = 0; b < in->nblocks; b++) {
        const IntBlock *blk = &in->blocks[b];
        const Indicator *ind = &in->indicators[blk->indicator];
        if (blk->data->rows != in->spaces[blk->space].rows || ind->space != blk->space)
            wrong = "a block does not have its space's rows";
        for (int64_t i = 0; i < in->rows && !wrong; i++) {
            int64_t r = read_indicator(ind, i);
            for (int64_t k = 0; r >= 0 && k < blk->data->cols; k++) {
                if (k && blk->target_cols[k] <= blk->target_cols[k - 1]) wrong = "target columns do not ascend";
                owners[i * in->cols + blk->target_cols[k]]++;
                sum[i * in->cols + blk->target_cols[k]] += mat_get(blk->data, r, k);
            }
        }
    }
    int64_t at = 0;
    for (; at < cells && !wrong; at++) {
        if (owners[at] != 1)
            wrong = "a cell is not owned by exactly one block";
        else if (!(fabs(sum[at] - dense[at]) <= 1e-12))
            wrong = "a cell of a block is wrong";
    }
    int count = at ? owners[at - 1] : 0;
    double have = at ? sum[at - 1] : 0, want = at ? dense[at - 1] : 0;
    mem_free(owners);
    mem_free(sum);
    EXPECT(!wrong, "%s: cell %lld (row %lld, column %lld), %d owners, %g instead of %g", wrong, (long long)at - 1,
           in->cols ? (long long)((at - 1) / in->cols) : 0, in->cols ? (long long)((at - 1) % in->cols) : 0, count,
           have, want);
    return true;
}
static bool check_rows_function(const Integration *in, const double *dense, Rng *g) {
    int64_t n = in->rows ? 1 + below(g, 5) : 0, rows[8];
    double *out = mem_alloc(sizeof(double) * (size_t)(n * in->cols + 1));
    for (int64_t i = 0; i < n; i++) rows[i] = below(g, (int)in->rows);
    integration_rows(in, rows, n, out);
    bool good = true;
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < in->cols; c++)
            good &= fabs(out[i * in->cols + c] - dense[rows[i] * in->cols + c]) <= 1e-12;
    mem_free(out);
    EXPECT(good, "integration_rows gives other cells");
    return true;
}
static bool check_one(const Integration *in, double *dense, Diags *ds, Rng *g) {
    if (!check_indicators(in) || !check_blocks(in, dense) || !check_rows_function(in, dense, g)) return false;
    int64_t nnz = 0;
    for (int64_t k = 0; k < in->rows * in->cols; k++) nnz += dense[k] != 0;
    EXPECT(integration_materialized_nnz(in) == nnz, "materialized_nnz is %lld, not %lld",
           (long long)integration_materialized_nnz(in), (long long)nnz);
    Integration *m = integration_materialize(ds, in, 1);
    EXPECT(m, "materialize failed");
    bool sparse = (double)nnz < 0.25 * (double)(in->rows * in->cols);
    bool ok = check_indicators(m) && check_blocks(m, dense);
    bool kind = m->blocks[0].data->kind == (sparse ? MAT_CSR : MAT_DENSE) && m->materialized && m->nblocks == 1 &&
                m->indicators[0].identity;
    integration_free(m);
    if (!ok) return false;
    EXPECT(kind, "the materialized target is stored wrongly");
    const char *wrong = check_factorized(in, dense, g);
    EXPECT(!wrong, "factorized: %s", wrong);
    return true;
}
static bool check_export(const Case *c, const Oracle *o, const Integration *in, const int64_t *rows, Diags *ds) {
    Table *t = integration_export(ds, in, true);
    EXPECT(t, "export failed");
    int at = 0;
    for (int j = 0; j < c->spec.ncols; j++) {
        const TargetColumnSpec *s = &c->spec.cols[j];
        if (s->encoding == ENC_VECTOR) {
            at += o->width[j];
            continue;
        }
        const Column *col = &t->cols[at++];
        for (int64_t i = 0; i < in->rows; i++) {
            int64_t r = rows ? rows[i] : i;
            Cell want = o->cell[j][r], have;
            bool coded = s->encoding == ENC_ONEHOT || s->encoding == ENC_ORDINAL;
            if (want.null && o->has_fill[j]) { /* the fill, decoded */
                double f = o->fill[j];
                if (coded && f >= 0 && f < o->ncat[j] && f == floor(f)) {
                    want = (Cell){.text = true};
                    strcpy(want.s, o->cat[j][(int)f]);
                } else if (!coded || s->encoding == ENC_ORDINAL)
                    want = (Cell){.x = s->encoding == ENC_DAYS ? 15000 + floor(f) : f};
            }
            char a[24] = "null", b[24] = "null";
            have = cell_at(t, at - 1, (int)i);
            if (have.null != want.null) {
                table_free(t);
                EXPECT(false, "export: %s row %lld is%s null", s->name, (long long)i, have.null ? "" : " not");
            }
            if (have.null) continue;
            bool number = !have.text && !want.text;
            text_of(have, col->type == TY_DATE ? 2 : 0, a);
            text_of(want, col->type == TY_DATE && !want.text ? 2 : 0, b);
            if (number ? fabs(have.x - want.x) > 1e-9
                       : strcmp(a, b) && fabs(strtod(a, NULL) - strtod(b, NULL)) > 1e-12) {
                table_free(t);
                EXPECT(false, "export: %s row %lld is %s, not %s", s->name, (long long)i, a, b);
            }
        }
    }
    bool good = at + c->spec.nroles == t->ncols;
    for (int k = 0; good && k < c->spec.nroles; k++)
        for (int64_t i = 0; i < in->rows; i++) good &= t->cols[at + k].ints[i] == o->row[rows ? rows[i] : i].v[k];
    table_free(t);
    EXPECT(good, "export: provenance is wrong");
    Table *ids = integration_ids(ds, in);
    EXPECT(ids && ids->rows == in->rows && ids->ncols >= 1, "ids failed");
    if (!strcmp(ids->cols[0].name, "row"))
        for (int64_t i = 0; i < in->rows; i++) good &= ids->cols[0].ints[i] == (rows ? rows[i] : i);
    table_free(ids);
    EXPECT(good, "ids: row numbers are wrong");
    return true;
}
static bool check_split(const Case *c, const Oracle *o, const Integration *in, double *dense, Diags *ds, Rng *g) {
    const char *names[3] = {"a", "b", "c"};
    double shares[3] = {0.5, 0.3, 0.2};
    Integration *part[3];
    int nparts = 1 + below(g, 3), *seen = mem_alloc(sizeof(int) * (size_t)(in->rows + 1));
    int64_t total = 0;
    bool ok = true;
    EXPECT(integration_split(ds, in, nparts, names, shares, g->seed, part), "split failed");
    for (int p = 0; p < nparts && ok; p++) {
        Integration *q = part[p];
        int64_t size = (int64_t)floor(shares[p] * (double)in->rows + 1e-9);
        double *sub = mem_alloc(sizeof(double) * (size_t)(q->rows * in->cols + 1));
        if (p == 2) size = in->rows - total;
        total += q->rows;
        ok = q->rows == size && q->cols == in->cols;
        if (!ok)
            snprintf(failure, sizeof failure, "part %d has %lld rows, not %lld", p, (long long)q->rows,
                     (long long)size);
        for (int64_t i = 0; i < q->rows; i++) {
            int64_t r = q->root_rows[i];
            if (seen[r]++ || (i && q->root_rows[i - 1] >= r))
                ok = false, snprintf(failure, sizeof failure, "part %d: rows not disjoint or not ascending", p);
            memcpy(sub + i * in->cols, dense + r * in->cols, sizeof(double) * (size_t)in->cols);
            if (in->label && q->label[i] != in->label[r])
                ok = false, snprintf(failure, sizeof failure, "part %d: labels are wrong", p);
            for (int k = 0; k < c->spec.nroles; k++)
                if (q->ci[k][i] != o->row[r].v[k])
                    ok = false, snprintf(failure, sizeof failure, "part %d: CI is wrong", p);
        }
        ok = ok && check_one(q, sub, ds, g) && check_export(c, o, q, q->root_rows, ds);
        mem_free(sub);
    }
    for (int p = 0; p < nparts; p++) integration_free(part[p]);
    mem_free(seen);
    return ok;
}
/* Every join that can be made on the GPU is, whatever its size. */
static const char *suits(const JoinLookUps *l) {
    (void)l;
    return NULL;
}
static JoinDevice device;
static bool on_gpu;
static int64_t joined_there;
static bool check_case(Case *c, Oracle *o, Diags *ds, bool *skipped) {
    Rng *g = &c->g;
    memset(o, 0, offsetof(Oracle, row));
    memset(&o->label_missing, 0, 2);
    memset(o->ncat, 0, sizeof o->ncat);
    o->cols = 0;
    if (!oracle_rows(c, o)) return *skipped = true;
    oracle_cells(c, o);
    if (c->spec.distinct)
        for (int i = o->n - 1; i > 0; i--)
            for (int k = 0; k < i; k++)
                if (rows_equal(c, o, i, k)) {
                    remove_row(c, o, i);
                    break;
                }
    oracle_encode(c, o);
    oracle_missing(c, o);
    if (on_gpu) c->spec.device = &device;
    Integration *in = integration_build(ds, &c->spec, NULL);
    joined_there += in && in->joined && !strncmp(in->joined, "on the GPU", 10);
    if (o->label_missing || o->feature_missing) {
        bool refused = !in;
        integration_free(in);
        EXPECT(refused, "a missing label or value was accepted");
        const char *code = diag_last_code(ds);
        EXPECT(code && ((o->label_missing && !strcmp(code, "E310")) || (o->feature_missing && !strcmp(code, "E312"))),
               "error %s instead of E310 or E312", code ? code : "none");
        return true;
    }
    EXPECT(in, "build failed: %s", diag_last_code(ds));
    double *dense = NULL;
    bool ok = in->rows == o->n;
    if (!ok) snprintf(failure, sizeof failure, "%lld rows (%s), not %d", (long long)in->rows, in->kind_detail, o->n);
    for (int i = 0; ok && i < o->n; i++) {
        for (int k = 0; ok && k < c->spec.nroles; k++) {
            ok = in->ci[k][i] == o->row[i].v[k];
            if (!ok)
                snprintf(failure, sizeof failure, "CI_%d[%d] is %d, not %d (%s)", k, i, in->ci[k][i], o->row[i].v[k],
                         in->kind_detail);
        }
        if (ok && in->tgd_of[i] != o->row[i].tgd)
            ok = false,
            snprintf(failure, sizeof failure, "row %d is of tgd %d, not %d", i, in->tgd_of[i], o->row[i].tgd);
    }
    if (ok && (in->cols != o->cols || in->dropped_missing != o->dropped))
        ok = false, snprintf(failure, sizeof failure, "%lld columns, not %d; %lld rows dropped, not %d",
                             (long long)in->cols, o->cols, (long long)in->dropped_missing, o->dropped);
    for (int j = 0; ok && j < c->spec.ncols; j++) {
        if (c->spec.cols[j].role != ROLE_LABEL) continue;
        for (int i = 0; ok && i < o->n; i++) {
            double want = encoded(c, o, j, o->cell[j][i]);
            if (isnan(want)) want = o->fill[j];
            ok = fabs(in->label[i] - want) <= 1e-12;
            if (!ok) snprintf(failure, sizeof failure, "label of row %d is %g, not %g", i, in->label[i], want);
        }
    }
    for (int t = 0; ok && in->tgd_ordered && t < c->spec.ntgds; t++)
        for (int64_t i = in->tgd_begin[t]; i < in->tgd_begin[t + 1]; i++) ok &= in->tgd_of[i] == t;
    if (ok) {
        dense = mem_alloc(sizeof(double) * (size_t)(o->n * o->cols + 1));
        oracle_dense(c, o, dense);
        ok = check_one(in, dense, ds, g) && check_export(c, o, in, NULL, ds) && check_split(c, o, in, dense, ds, g);
    }
    if (ok) { /* the same data through the encoders just learnt: the same target */
        Integration *again = integration_build(ds, &c->spec, in->encoders);
        ok = again && again->rows == in->rows && again->cols == in->cols && check_blocks(again, dense);
        if (!again) snprintf(failure, sizeof failure, "build with given encoders failed: %s", diag_last_code(ds));
        integration_free(again);
    }
    mem_free(dense);
    integration_free(in);
    return ok;
}

static int64_t compiled = 3;
static const char *check_factorized(const Integration *in, double *dense, Rng *g) {
    if (!in->cols || in->cols > 300 || (in->parent && chance(g, 0.7))) return NULL; /* parts: some of them */
    uint64_t seed = g->seed * 64 + (uint64_t)below(g, 64);
    bool emit = in->rows > 2 && in->nblocks > 1 && compiled-- > 0;
    const char *wrong = compare_algebra(in, dense, seed, every_operator, emit);
    if (!wrong && chance(g, 0.3)) wrong = compare_algebra(in, dense, seed, random_program, emit);
    return wrong;
}

int main(int argc, char **argv) {
    int64_t count = 3000, passed = 0, failed = 0, skipped = 0;
    uint64_t seed = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--count"))
            count = strtoll(argv[i + 1], NULL, 10);
        else if (!strcmp(argv[i], "--seed"))
            seed = strtoull(argv[i + 1], NULL, 10);
        else if (!strcmp(argv[i], "--compiled"))
            compiled = strtoll(argv[i + 1], NULL, 10);
        else if (!strcmp(argv[i], "--gpu"))
            on_gpu = true;
    }
    device = cuda_join;
    device.unsuited = suits;
    device.piece = 3;
    Oracle *o = mem_alloc(sizeof *o);
    draw_exact = false;
    for (int64_t k = 0; passed < count && k < 2 * count; k++) {
        Case c;
        bool skip = false;
        make_case(&c, seed + (uint64_t)k);
        Arena *arena = arena_new();
        Diags *ds = diags_new(arena);
        if (check_case(&c, o, ds, &skip)) {
            if (skip)
                skipped++;
            else
                passed++;
        } else {
            printf("FAILED seed %llu: %s\n", (unsigned long long)(seed + (uint64_t)k), failure);
            if (diag_error_count(ds)) diag_print(ds, stdout, false);
            if (++failed == 20) break;
        }
        arena_free(arena);
        free_case(&c);
    }
    mem_free(o);
    if (skipped) printf("%lld cases with too many triggers for the slow way were left out\n", (long long)skipped);
    if (on_gpu) printf("%lld of them joined on the GPU\n", (long long)joined_there);
    if (on_gpu && !joined_there) failed++;
    printf("%lld passed, %lld failed\n", (long long)passed, (long long)failed);
    return failed ? 1 : 0;
}
