/* data.c: reads sources and builds integrations when a step first needs them (contract: data.h). */
#include "backends/cuda/join.h"
#include "compiler/check.h"
#include "compiler/data_disk.h"
#include "compiler/script.h"

typedef struct Built { /* one integration of a target: the run's own, or one encoded for a loaded model */
    const Target *target;
    const Model *model; /* NULL: the run's own */
    bool failed;
    Integration *root;
    int nparts;
    Integration **parts;
    DiskTarget disk; /* .root: an earlier run kept it */
} Built;
typedef struct Copy { /* materialized, or arranged */
    const Integration *of;
    bool joined;
    Arrangement how; /* not joined */
    Integration *made;
} Copy;
struct Data {
    Arena *arena;
    Diags *ds;
    Program *program;
    const RunOptions *options;
    Table **tables; /* as program->sources; NULL: not read */
    bool *failed;   /* as program->sources: reading failed and was reported */
    bool *bound;    /* as program->targets */
    VEC(Built) built;
    VEC(Copy) copies;
    VEC(const Target *) report_targets;
    VEC(const Integration *) report_roots;
    DataCache *cache; /* owns what is read and built; NULL: this Data does */
    const DataKeys *keys;
    Kept *kept;
    double seconds_read, seconds_match, seconds_materialize;
};

Data *data_open(Arena *arena, Diags *ds, Program *p, const RunOptions *o) {
    Data *d = arena_new_of(arena, Data);
    d->arena = arena;
    d->ds = ds;
    d->program = p;
    d->options = o;
    d->tables = arena_array(arena, Table *, p->sources.len + 1);
    d->failed = arena_array(arena, bool, p->sources.len + 1);
    d->bound = arena_array(arena, bool, p->targets.len + 1);
    return d;
}

void data_use_cache(Data *d, DataCache *cache, const DataKeys *keys, Kept *kept) {
    d->cache = cache;
    d->keys = keys;
    d->kept = kept;
}

void data_close(Data *d) {
    for (int i = 0; i < d->copies.len; i++) /* the cache keeps joined ones */
        if (!d->cache || !d->copies.data[i].joined) integration_free(d->copies.data[i].made);
    for (int i = 0; !d->cache && i < d->built.len; i++) {
        Built *b = &d->built.data[i];
        for (int k = 0; k < b->nparts; k++) integration_free(b->parts[k]);
        if (b->root) integration_free(b->root);
        for (int k = 0; k < b->disk.ntables; k++) table_free(b->disk.tables[k]);
    }
    for (int i = 0; i < d->program->targets.len; i++) {
        MappingSpec *spec = d->bound[i] ? d->program->targets.data[i].spec : NULL;
        for (int k = 0; spec && k < spec->nmatches; k++)
            if (spec->matches[k].links) {
                table_free(spec->matches[k].links);
                spec->matches[k].links = NULL;
            }
    }
    for (int i = 0; !d->cache && i < d->program->sources.len; i++)
        if (d->tables[i]) table_free(d->tables[i]);
}

static bool read_source(Data *d, int index) {
    if (d->tables[index]) return true;
    if (d->failed[index]) return false;
    const Source *s = &d->program->sources.data[index];
    if (d->cache && (d->tables[index] = data_cache_table(d->cache, d->keys->sources[index], s->ncols, s->wanted)))
        return true;
    if (d->cache) data_cache_widen(d->cache, d->keys->sources[index], s->ncols, s->wanted);
    TableOptions opt = {
        .base_dir = d->program->base_dir, .threads = d->options->threads, .wanted = s->wanted, .nwanted = s->ncols};
    double begin = time_now();
    Table *t = d->tables[index] = table_read(d->ds, s->decl, &opt);
    d->seconds_read += time_now() - begin;
    d->failed[index] = !t;
    if (t && d->cache) data_cache_add_table(d->cache, d->keys->sources[index], t, s->ncols, s->wanted);
    return t != NULL;
}

const Table *data_source(Data *d, const Source *s) {
    AMAL_CHECK(d->cache != NULL); /* a narrower read could be in use otherwise */
    for (int i = 0; i < s->ncols; i++) s->wanted[i] = true;
    d->tables[s->index] = NULL;
    return read_source(d, s->index) ? d->tables[s->index] : NULL;
}

/* Reads what the mapping's roles and checks use, and attaches it. */
static bool bind_target(Data *d, Target *t) {
    if (d->bound[t->index]) return true;
    const MappingSpec *spec = t->spec;
    bool ok = true;
    for (int i = 0; i < spec->nroles; i++) ok = read_source(d, spec->roles[i].source) && ok;
    for (int i = 0; i < spec->nchecks; i++) {
        ok = read_source(d, spec->checks[i].source) && ok;
        if (spec->checks[i].kind == EGD_FK) ok = read_source(d, spec->checks[i].source2) && ok;
    }
    if (!ok) return false;
    TableOptions opt = {.base_dir = d->program->base_dir, .threads = d->options->threads};
    double begin = time_now();
    ok = mapping_bind(d->program, t, d->tables, &opt);
    d->seconds_read += time_now() - begin;
    if (!ok) return false;
    if (d->options->max_rows > 0) t->spec->max_rows = d->options->max_rows;
    t->spec->threads = d->options->threads;
    /* a built program carries no code for it */
    bool on_gpu =
        d->options->backend && strcmp(d->options->backend, "cuda") == 0 && !d->options->explain && !d->options->carried;
    t->spec->device = on_gpu ? &cuda_join : NULL;
    d->bound[t->index] = true;
    return true;
}

/* The whole number that `split … seed` gives: a literal or a param. */
static bool split_seed(Data *d, const Expr *e, uint64_t *seed) {
    *seed = 0;
    if (!e) return true;
    for (int i = 0; e->kind == EX_NAME && i < d->program->params.len; i++)
        if (strcmp(d->program->params.data[i]->let.name.text, e->text) == 0) e = d->program->params.data[i]->let.value;
    if (e->kind == EX_NUM && e->num >= 0 && e->num < 9007199254740992.0 && e->num == (double)(uint64_t)e->num) {
        *seed = (uint64_t)e->num;
        return true;
    }
    diag_error(d->ds, "E175", e->span, "the seed of a split is a whole number, 0 or more");
    return false;
}

static bool build_parts(Data *d, Built *b) {
    const Stmt *split = b->target->split;
    if (!split) return true;
    int n = split->split.parts.len;
    const char **names = arena_array(d->arena, const char *, n);
    double *shares = arena_array(d->arena, double, n);
    for (int i = 0; i < n; i++) {
        names[i] = split->split.parts.data[i].name.text;
        shares[i] = split->split.parts.data[i].share;
    }
    uint64_t seed;
    if (!split_seed(d, split->split.seed, &seed)) return false;
    Integration **parts = arena_array(d->arena, Integration *, n);
    if (!integration_split(d->ds, b->root, n, names, shares, seed, parts)) return false;
    b->parts = parts;
    b->nparts = n;
    return true;
}

/* A loaded model's encoders in the order of the target's columns. NULL: reported. */
static const Encoder *model_encoders(Data *d, const Target *t, const Model *m, Span at) {
    const MappingSpec *spec = t->spec;
    Encoder *out = arena_array(d->arena, Encoder, spec->ncols + 1);
    for (int j = 0; j < spec->ncols; j++) {
        int found = -1;
        for (int k = 0; k < m->nencoders; k++)
            if (strcmp(m->encoder_columns[k], spec->cols[j].name) == 0) found = k;
        if (found >= 0) {
            out[j] = m->encoders[found];
        } else if (spec->cols[j].role == ROLE_FEATURE) {
            Diag *g = diag_error(d->ds, "E461", at, "the model `%s` was trained without the feature `%s` of %s",
                                 m->name, spec->cols[j].name, spec->target);
            diag_note(g, spec->cols[j].span, "`%s` is declared here", spec->cols[j].name);
            diag_help(g, "predict on a target with the columns of the one it was trained on (%s)", m->target);
            return NULL;
        }
    }
    return out;
}

static Built *find_built(Data *d, const Target *t, const Model *m) {
    for (int i = 0; i < d->built.len; i++)
        if (d->built.data[i].target == t && d->built.data[i].model == m) return &d->built.data[i];
    return NULL;
}

/* What the cache holds of a target; its parts are made anew when the split is another one. false: reported. */
static bool take_cached(Data *d, Built *b, CachedTarget *c) {
    b->root = c->root;
    uint64_t split_key = d->keys->splits[b->target->index];
    if (c->split_key != split_key) {
        if (!build_parts(d, b)) return false;
        data_cache_set_parts(c, split_key, b->nparts, b->parts);
    }
    b->nparts = c->nparts;
    b->parts = c->parts;
    return true;
}

/* From an earlier run, unless a step needs the tables it was made of, or their columns. */
static bool restore(Data *d, Target *t, const TargetKey *key, Cache *disk, Built *b) {
    if (d->options->whole_targets || target_needs_tables(d->program, t)) return false;
    double begin = time_now();
    bool ok = target_restore(d->arena, disk, key, t, &b->disk);
    if (ok) {
        b->root = b->disk.root;
        b->nparts = b->disk.nparts;
        b->parts = b->disk.parts;
        t->spec->threads = d->options->threads;
    }
    d->seconds_read += time_now() - begin;
    return ok;
}

static Built *build(Data *d, const Target *target, const Model *m, Span at) {
    Built *known = find_built(d, target, m);
    if (known) return known->failed ? NULL : known;
    Target *t = &d->program->targets.data[target->index];
    Built b = {.target = target, .model = m, .failed = true};
    CachedTarget *cached = d->cache ? data_cache_target(d->cache, d->keys->targets[target->index], m) : NULL;
    Cache *disk = d->cache || m ? NULL : cache_current(); /* a session has its tables at hand */
    TargetKey key = {0};
    if (disk && disk->on) target_key(d->arena, d->program, t, d->options, &key);
    if (cached) {
        b.failed = !take_cached(d, &b, cached);
    } else if (key.usable && restore(d, t, &key, disk, &b)) {
        b.failed = false;
    } else if (bind_target(d, t)) {
        const Encoder *encoders = m ? model_encoders(d, t, m, at) : NULL;
        double begin = time_now();
        int said = diag_raised(d->ds);
        if (!m || encoders) b.root = integration_build(d->ds, t->spec, encoders);
        if (b.root && d->cache)
            cached = data_cache_add_target(d->cache, d->keys->targets[target->index], m, b.root, d->kept);
        b.failed = !b.root || !(cached ? take_cached(d, &b, cached) : build_parts(d, &b));
        /* what was said while it was built has to be said again: such a target is not kept */
        if (!b.failed && key.usable && diag_raised(d->ds) == said)
            target_keep(d->arena, disk, &key, t, d->tables, b.root, b.nparts, b.parts);
        d->seconds_match += time_now() - begin;
    }
    buf_free(&key.key);
    /* what is kept for later runs has its doubles */
    bool single = d->options->precision && !strcmp(d->options->precision, "single");
    if (!b.failed && single && !integration_is_single(b.root))
        b.failed = !integration_round(d->ds, b.root, d->options->threads);
    if (!b.failed && !m) check_matches(d->ds, target, b.root);
    if (!b.failed) {
        vec_push(d->arena, &d->report_targets, target);
        vec_push(d->arena, &d->report_roots, b.root);
    }
    vec_push(d->arena, &d->built, b);
    return b.failed ? NULL : &d->built.data[d->built.len - 1];
}

static const Integration *pick(Built *b, const DataRef *ref) {
    if (!b) return NULL;
    if (!ref->part.text) return b->root;
    for (int i = 0; i < b->nparts; i++)
        if (strcmp(b->parts[i]->part, ref->part.text) == 0) return b->parts[i];
    internal_error("%s has no part %s", ref->target.text, ref->part.text);
}

const Integration *data_target(Data *d, const Target *t) {
    Built *b = build(d, t, NULL, t->decl->name.span);
    return b ? b->root : NULL;
}

const Integration *data_ref(Data *d, const DataRef *ref) {
    const Target *t = program_target(d->program, ref->target.text);
    AMAL_CHECK(t != NULL);
    return pick(build(d, t, NULL, ref->span), ref);
}

static bool same_features(Data *d, const Integration *in, const Model *m, Span at) {
    int64_t j = 0;
    while (j < in->cols && j < m->nfeatures && strcmp(in->features[j].name, m->features[j]) == 0) j++;
    if (j == in->cols && j == m->nfeatures) return true;
    Diag *g = diag_error(d->ds, "E461", at, "the model `%s` has %lld features and %s gives %lld", m->name,
                         (long long)m->nfeatures, in->spec->target, (long long)in->cols);
    if (j < in->cols && j < m->nfeatures)
        diag_note(g, in->spec->span, "feature %lld is `%s` here and `%s` in the model", (long long)j + 1,
                  in->features[j].name, m->features[j]);
    else if (j < m->nfeatures)
        diag_note(g, in->spec->span, "`%s` is missing here", m->features[j]);
    else
        diag_note(g, in->spec->span, "`%s` is not in the model", in->features[j].name);
    diag_help(g, "predict on a target with the same columns, in the same order, as the one it was trained on");
    return false;
}

const Integration *data_for_model(Data *d, const DataRef *ref, const Model *m) {
    const Target *t = program_target(d->program, ref->target.text);
    AMAL_CHECK(t != NULL);
    Built *own = find_built(d, t, NULL);
    if (own && !own->failed && m->nencoders == own->root->spec->ncols && m->encoders == own->root->encoders)
        return pick(own, ref);
    Built *b = build(d, t, m, ref->span);
    const Integration *in = pick(b, ref);
    return in && same_features(d, in, m, ref->span) ? in : NULL;
}

static const Copy *find_copy(const Data *d, const Integration *in, bool joined, Arrangement how) {
    for (int i = 0; i < d->copies.len; i++) {
        const Copy *c = &d->copies.data[i];
        if (c->of != in || c->joined != joined) continue;
        if (joined || (c->how.sort_by == how.sort_by && c->how.absorbed == how.absorbed)) return c;
    }
    return NULL;
}
static const Integration *copy_of(Data *d, const Integration *in, bool joined, Arrangement how) {
    const Copy *known = find_copy(d, in, joined, how);
    if (known) return known->made;
    Integration *kept = d->cache && joined ? data_cache_copy(d->cache, in) : NULL;
    if (kept) return kept;
    double begin = time_now();
    Copy c = {.of = in, .joined = joined, .how = how};
    c.made = joined ? integration_materialize(d->ds, in, d->options->threads)
                    : integration_arrange(d->ds, in, how, d->options->threads);
    d->seconds_materialize += time_now() - begin;
    if (c.made && d->cache && joined) data_cache_add_copy(d->cache, in, c.made);
    if (c.made) vec_push(d->arena, &d->copies, c);
    return c.made;
}
static const Arrangement as_it_is = {.sort_by = -1};
bool data_is_materialized(const Data *d, const Integration *in) {
    for (int i = 0; i < d->copies.len; i++)
        if (d->copies.data[i].made == in && d->copies.data[i].joined) return true;
    return in->materialized || find_copy(d, in, true, as_it_is) || (d->cache && data_cache_copy(d->cache, in));
}
const Integration *data_materialized(Data *d, const Integration *in) {
    return in->materialized ? in : copy_of(d, in, true, as_it_is);
}
bool data_is_arranged(const Data *d, const Integration *in, Arrangement a) {
    return arrangement_is_plain(a) || find_copy(d, in, false, a);
}
const Integration *data_arranged(Data *d, const Integration *in, Arrangement a) {
    return arrangement_is_plain(a) ? in : copy_of(d, in, false, a);
}

int data_parts(Data *d, const Target *t, const Integration *const **parts) {
    Built *b = find_built(d, t, NULL);
    if (!b || b->failed) return 0;
    *parts = (const Integration *const *)b->parts;
    return b->nparts;
}

double data_seconds_read(const Data *d) {
    return d->seconds_read;
}
double data_seconds_match(const Data *d) {
    return d->seconds_match;
}
double data_seconds_materialize(const Data *d) {
    return d->seconds_materialize;
}

const char *data_read_note(const Data *d) {
    int read = 0, cached = 0, targets = 0;
    for (int i = 0; i < d->program->sources.len; i++) {
        read += d->tables[i] != NULL;
        cached += d->tables[i] && d->tables[i]->entry;
    }
    for (int i = 0; i < d->built.len; i++) targets += d->built.data[i].disk.root != NULL;
    if (!cached && !targets) return "";
    if (cached == read) return " (from the cache)";
    if (!cached) return arena_printf(d->arena, " (%d of %d targets from the cache)", targets, d->built.len);
    return arena_printf(d->arena, " (%d of %d sources from the cache)", cached, read);
}

void data_cached_json(const Data *d, Buf *out) {
    bool first = true;
    buf_puts(out, "{\"sources\": [");
    for (int i = 0; i < d->program->sources.len; i++) {
        if (!d->tables[i] || !d->tables[i]->entry) continue;
        buf_puts(out, first ? "" : ", ");
        diag_json_text(out, d->program->sources.data[i].decl->name.text);
        first = false;
    }
    first = true;
    buf_puts(out, "], \"targets\": [");
    for (int i = 0; i < d->built.len; i++) {
        if (!d->built.data[i].disk.root) continue;
        buf_puts(out, first ? "" : ", ");
        diag_json_text(out, d->built.data[i].target->decl->name.text);
        first = false;
    }
    buf_puts(out, "]}");
}

int data_built(const Data *d, const Target *const **targets, const Integration *const **roots) {
    *targets = d->report_targets.data;
    *roots = d->report_roots.data;
    return d->report_targets.len;
}
