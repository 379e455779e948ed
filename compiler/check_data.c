/* check_data.c: warnings about the rows that targets are made of (contract: check.h). */
#include "compiler/check.h"
#include <math.h>

/* ---------------- W430: what never matches ---------------- */

static const char *plural(int64_t n) {
    return n == 1 ? "" : "s";
}

static void note_roles(Diag *d, const Integration *in, uint64_t body) {
    const MappingSpec *spec = in->spec;
    for (int k = 0; k < spec->nroles; k++) {
        if (!(body >> k & 1)) continue;
        const Table *t = spec->tables[spec->roles[k].source];
        int64_t nulls = in->dropped_null_key ? in->dropped_null_key[k] : 0;
        const char *name = spec->roles[k].name;
        if (nulls)
            diag_note(d, spec->roles[k].span, "%s: %lld row%s, %lld unused for a null key", name, (long long)t->rows,
                      plural(t->rows), (long long)nulls);
        else
            diag_note(d, spec->roles[k].span, "%s: %lld row%s", name, (long long)t->rows, plural(t->rows));
    }
}

/* Is it one of those that the tgd as written stands for? */
static bool is_of(const TgdSpec *g, const TgdDecl *written) {
    return g->span.begin == written->span.begin && g->span.file == written->span.file;
}

void check_matches(Diags *ds, const Target *t, const Integration *in) {
    const MappingSpec *spec = in->spec;
    if (in->rows == 0) return; /* W402 says more */
    int64_t *rows = mem_alloc(sizeof(int64_t) * (size_t)(spec->ntgds + 1));
    for (int64_t i = 0; i < in->rows; i++) rows[in->tgd_of[i]]++;
    uint64_t *whole = mem_alloc(sizeof(uint64_t) * (size_t)(spec->ntgds + 1)); /* all atoms of the tgd as written */
    for (int k = 0; k < t->tgds.len; k++) {
        const TgdDecl *decl = t->tgds.data[k];
        int64_t fired = 0, of_larger = 0;
        uint64_t body = 0; /* all atoms of it */
        int conditions = 0;
        for (int g = 0; g < spec->ntgds; g++) {
            if (!is_of(&spec->tgds[g], decl)) continue;
            fired += rows[g];
            body |= spec->tgds[g].body;
            if (spec->tgds[g].nconds > conditions) conditions = spec->tgds[g].nconds;
        }
        for (int g = 0; g < spec->ntgds; g++) {
            if (is_of(&spec->tgds[g], decl)) whole[g] = body;
            if ((spec->tgds[g].body & body) == body && spec->tgds[g].body != body) of_larger += rows[g];
        }
        if (fired || of_larger || !body) continue; /* its matches may all be part of larger ones */
        Diag *d = diag_warn(ds, "W430", decl->span, "this gives no row of %s", spec->target);
        note_roles(d, in, body);
        if (in->dropped_missing)
            diag_note(d, spec->span, "%lld row%s of all dependencies dropped for missing values",
                      (long long)in->dropped_missing, plural(in->dropped_missing));
        diag_help(d, conditions ? "look at its keys and conditions: no combination of rows satisfies them all"
                                : "look at its keys: no values agree");
    }
    for (int r = 0; r < spec->nroles; r++) {
        const Table *table = spec->tables[spec->roles[r].source];
        bool always = true, used = false;
        for (int g = 0; g < spec->ntgds; g++)
            if (rows[g]) always = always && spec->tgds[g].body >> r & 1;
        for (int64_t i = 0; i < in->rows && !used; i++) used = in->ci[r][i] >= 0;
        bool optional = false; /* left out of a body that it could be in */
        for (int g = 0; g < spec->ntgds && !optional; g++)
            optional = rows[g] && !(spec->tgds[g].body >> r & 1) && whole[g] >> r & 1;
        if (used || always || !optional || table->rows == 0) continue;
        Diag *d = diag_warn(ds, "W430", spec->roles[r].span, "no row of %s matches: it is absent in all of %s",
                            spec->roles[r].name, spec->target);
        note_roles(d, in, (uint64_t)1 << r);
        diag_help(d, "look at its keys: no value of them is in the tables it is joined with");
    }
    mem_free(whole);
    mem_free(rows);
}

/* ---------------- W431: columns without a value ---------------- */

static void check_nulls(Diags *ds, const Program *p, const MappingSpec *spec) {
    for (int r = 0; r < spec->nroles; r++) {
        const Source *s = &p->sources.data[spec->roles[r].source];
        const Table *t = spec->tables[spec->roles[r].source];
        for (int c = 0; c < t->ncols; c++) {
            if (!s->wanted[c] || t->rows == 0 || t->cols[c].nulls != t->rows) continue;
            Diag *d = diag_warn(ds, "W431", t->cols[c].span, "%s.%s has no value in any of %lld row%s", t->name,
                                t->cols[c].name, (long long)t->rows, plural(t->rows));
            diag_help(d, "look at its name in the file (as \"…\"), its type and what means null (null \"…\")");
        }
    }
}

/* ---------------- W432: keys that multiply rows ---------------- */

typedef struct KeyCount {
    bool unique;
    int64_t most; /* rows that share a value, at most */
    int64_t values;
} KeyCount;

static uint64_t cell_hash(const Column *c, int64_t r, uint64_t seed) {
    double x = c->num ? c->num[r] + 0.0 : 0; /* -0 is 0 */
    if (c->num) return hash_bytes(&x, sizeof x, seed);
    if (c->ints) return hash_bytes(&c->ints[r], sizeof c->ints[r], seed);
    if (c->codes) return hash_bytes(&c->codes[r], sizeof c->codes[r], seed);
    return hash_bytes(&r, sizeof r, seed);
}

/* Values of the columns, rows with a null left out, told apart by 64 bits of hash. False: not enough memory. */
static bool count_keys(const Table *t, int n, const int *cols, KeyCount *out) {
    size_t size = 16;
    while (size < 2 * (size_t)t->rows) size *= 2;
    uint64_t *hash = mem_try(size, sizeof *hash);
    int32_t *times = mem_try(size, sizeof *times);
    bool ok = hash && times;
    *out = (KeyCount){.most = 0};
    for (int64_t r = 0; ok && r < t->rows; r++) {
        uint64_t h = 1;
        bool null = false;
        for (int k = 0; k < n; k++) {
            null = null || column_is_null(&t->cols[cols[k]], r);
            h = cell_hash(&t->cols[cols[k]], r, h);
        }
        if (null) continue;
        size_t at = (size_t)h & (size - 1);
        while (times[at] && hash[at] != h) at = (at + 1) & (size - 1);
        hash[at] = h;
        if (!times[at]++) out->values++;
        if (times[at] > out->most) out->most = times[at];
    }
    out->unique = out->most <= 1;
    mem_free(hash);
    mem_free(times);
    return ok;
}

static const char *key_text(Arena *arena, const MappingSpec *spec, int role, int n, const int *cols) {
    const Table *t = spec->tables[spec->roles[role].source];
    Buf b = {0};
    buf_printf(&b, "%s(", spec->roles[role].name);
    for (int k = 0; k < n; k++) buf_printf(&b, "%s%s", k ? ", " : "", t->cols[cols[k]].name);
    buf_puts(&b, ")");
    const char *text = arena_strdup(arena, b.data);
    buf_free(&b);
    return text;
}

static void check_pair(Diags *ds, Arena *arena, const MappingSpec *spec, const TgdSpec *g, int a, int b) {
    int *cols[2] = {arena_array(arena, int, g->neqs + 1), arena_array(arena, int, g->neqs + 1)}, n = 0;
    for (int i = 0; i < g->neqs; i++) {
        ColRef x = g->eqs[i].a, y = g->eqs[i].b;
        if (x.role == b && y.role == a) x = g->eqs[i].b, y = g->eqs[i].a;
        if (x.role != a || y.role != b) continue;
        cols[0][n] = x.column;
        cols[1][n++] = y.column;
    }
    if (!n) return;
    bool without_a = false, without_b = false;
    for (int h = 0; h < spec->ntgds; h++) {
        bool has_a = spec->tgds[h].body >> a & 1, has_b = spec->tgds[h].body >> b & 1;
        without_a = without_a || (has_b && !has_a);
        without_b = without_b || (has_a && !has_b);
    }
    const int roles[2] = {a, b};
    KeyCount keys[2];
    for (int k = 0; k < 2; k++)
        if (!count_keys(spec->tables[spec->roles[roles[k]].source], n, cols[k], &keys[k])) return;
    const char *names[2] = {key_text(arena, spec, a, n, cols[0]), key_text(arena, spec, b, n, cols[1])};
    if (!keys[0].unique && !keys[1].unique) {
        Diag *d = diag_warn(ds, "W432", spec->roles[b].span,
                            "neither %s nor %s is unique: rows are joined many to many", names[0], names[1]);
        for (int k = 0; k < 2; k++)
            diag_note(d, spec->roles[roles[k]].span, "%s: %lld values, one of them in %lld rows", names[k],
                      (long long)keys[k].values, (long long)keys[k].most);
        diag_help(d, "if that is meant, all is well; if one of them should be a key, say so: key %s;",
                  names[keys[0].most < keys[1].most ? 0 : 1]);
        return;
    }
    for (int k = 0; k < 2; k++) {
        bool optional = k ? without_b && !without_a : without_a && !without_b;
        if (!optional || keys[k].unique) continue;
        Diag *d = diag_warn(ds, "W432", spec->roles[roles[k]].span,
                            "%s is not unique: a row of %s may become up to %lld rows of %s", names[k],
                            spec->roles[roles[1 - k]].name, (long long)keys[k].most, spec->target);
        diag_help(d, "an optional atom usually looks something up by its key; if that is meant, all is well");
    }
}

static void check_keys(Diags *ds, Arena *arena, const MappingSpec *spec) {
    for (int a = 0; a < spec->nroles; a++)
        for (int b = a + 1; b < spec->nroles; b++) {
            const TgdSpec *g = NULL; /* the one that joins them by most columns: others are parts of it */
            uint64_t both = (uint64_t)1 << a | (uint64_t)1 << b;
            for (int k = 0; k < spec->ntgds; k++)
                if ((spec->tgds[k].body & both) == both && (!g || spec->tgds[k].neqs > g->neqs)) g = &spec->tgds[k];
            if (g) check_pair(ds, arena, spec, g, a, b);
        }
}

/* ---------------- W433, W434: what the features look like ---------------- */

enum { SAMPLE_ROWS = 10000, SAMPLE_CELLS = 8 << 20, SCALES_APART = 100 };
#define GIVES_AWAY 0.999999 /* of the correlation with the label */

typedef struct Moments {
    int64_t rows;
    double *sd, *with_label; /* of each feature; correlation, NaN where one of the two is constant */
} Moments;

/* Of rows spread evenly over the target. False: too wide, or not enough memory. */
static bool sample_moments(Arena *arena, const Integration *in, Moments *m) {
    int64_t n = in->rows < SAMPLE_ROWS ? in->rows : SAMPLE_ROWS, d = in->cols;
    if (d == 0 || d > SAMPLE_CELLS / 100) return false;
    if (n * d > SAMPLE_CELLS) n = SAMPLE_CELLS / d;
    if (n < 10) return false;
    int64_t *rows = arena_array(arena, int64_t, n);
    double *x = mem_try((size_t)(n * d), sizeof(double));
    if (!x) return false;
    for (int64_t i = 0; i < n; i++) rows[i] = (int64_t)((double)i * (double)in->rows / (double)n);
    integration_rows(in, rows, n, x);
    *m = (Moments){n, arena_array(arena, double, d), arena_array(arena, double, d)};
    double my = 0, vy = 0;
    for (int64_t i = 0; in->label && i < n; i++) my += in->label[rows[i]] / (double)n;
    for (int64_t i = 0; in->label && i < n; i++) vy += (in->label[rows[i]] - my) * (in->label[rows[i]] - my);
    for (int64_t j = 0; j < d; j++) {
        double mean = 0, v = 0, c = 0;
        for (int64_t i = 0; i < n; i++) mean += x[i * d + j] / (double)n;
        for (int64_t i = 0; i < n; i++) {
            double e = x[i * d + j] - mean;
            v += e * e;
            if (in->label) c += e * (in->label[rows[i]] - my);
        }
        m->sd[j] = v > 1e-18 * mean * mean * (double)n ? sqrt(v / (double)n) : 0;
        m->with_label[j] = m->sd[j] > 0 && vy > 0 ? c / sqrt(v * vy) : NAN;
    }
    mem_free(x);
    return true;
}

static void check_label(Diags *ds, const Integration *in, const Moments *m) {
    for (int64_t j = 0; j < in->cols; j++) {
        if (!(fabs(m->with_label[j]) >= GIVES_AWAY)) continue;
        const TargetColumnSpec *c = &in->spec->cols[in->features[j].column];
        Diag *d = diag_warn(ds, "W434", c->span, "the feature `%s` is the label%s, in %lld rows that were looked at",
                            in->features[j].name, m->with_label[j] > 0 ? " but for its scale" : " turned around",
                            (long long)m->rows);
        diag_help(d, "a model that sees the answer learns nothing else: is it known before the label is?");
    }
}

static void check_scales(Diags *ds, const Program *p, const Stmt *s, const Integration *in, const Moments *m) {
    const AlgorithmDecl *a = program_algorithm(p, s->train.algorithm.text);
    if (!a || !check_descends_unscaled(a, &s->train.args)) return;
    int64_t least = -1, most = -1;
    for (int64_t j = 0; j < in->cols; j++) {
        Encoding e = in->encoders[in->features[j].column].encoding;
        if (m->sd[j] == 0 || (e != ENC_NUM && e != ENC_ORDINAL && e != ENC_DAYS)) continue;
        if (least < 0 || m->sd[j] < m->sd[least]) least = j;
        if (most < 0 || m->sd[j] > m->sd[most]) most = j;
    }
    if (least < 0 || m->sd[most] < SCALES_APART * m->sd[least]) return;
    Diag *d = diag_warn(ds, "W433", s->train.algorithm.span,
                        "`%s` takes steps of one length for features of different scales", a->name.text);
    diag_note(d, in->spec->cols[in->features[most].column].span, "`%s` has standard deviation %.3g",
              in->features[most].name, m->sd[most]);
    diag_note(d, in->spec->cols[in->features[least].column].span, "`%s` has standard deviation %.3g",
              in->features[least].name, m->sd[least]);
    bool setting = false;
    for (int i = 0; i < a->hyper.len; i++) setting = setting || strcmp(a->hyper.data[i].name.text, "standardize") == 0;
    diag_help(d, setting
                     ? "write standardize = true"
                     : "scale them first, as (X - colmeans(X)) / colsds(X): else the largest sets the step, and the "
                       "others hardly move");
}

static void check_trainings(Diags *ds, const Program *p, const StmtVec *v, const Target *t, const Integration *in,
                            const Moments *m) {
    for (int i = 0; i < v->len; i++) {
        const Stmt *s = v->data[i];
        if (s->kind == ST_FOR) check_trainings(ds, p, &s->loop_for.body, t, in, m);
        if (s->kind == ST_TRAIN && strcmp(s->train.on.target.text, t->decl->name.text) == 0)
            check_scales(ds, p, s, in, m);
    }
}

bool check_data(Program *p, Data *d) {
    bool ok = true;
    for (int i = 0; i < p->targets.len; i++) {
        const Target *t = &p->targets.data[i];
        const Integration *in = data_target(d, t);
        if (!in) {
            ok = false;
            continue;
        }
        check_nulls(p->diags, p, in->spec);
        check_keys(p->diags, p->arena, in->spec);
        Moments m;
        if (!sample_moments(p->arena, in, &m)) continue;
        check_label(p->diags, in, &m);
        for (int k = 0; k < p->steps.len; k++) {
            Stmt *const step = (Stmt *)p->steps.data[k];
            StmtVec one = {.data = (Stmt **)&step, .len = 1};
            check_trainings(p->diags, p, &one, t, in, &m);
        }
    }
    return ok;
}
