/* integration_cache.c: see integration_cache.h.
 *
 * What is the same for the whole target and its parts (spaces, blocks, features, encoders) is put once; then, for the
 * whole and each part, the rows: provenance, labels, weights and indicators. */
#include "backends/runtime/integration_cache.h"
#include "backends/runtime/integration_internal.h"
#include "backends/runtime/table_private.h"

#include <sys/mman.h>

/* ---------------- writing ---------------- */
static void put_rows(const Integration *in, CacheWriter *w) {
    const MappingSpec *spec = in->spec;
    size_t n = (size_t)in->rows;
    cache_put_int(w, in->rows);
    cache_put_int(w, integration_materialized_nnz(in)); /* reading every cell, which later runs need not do */
    cache_put_int(w, in->tgd_ordered);
    cache_put_int(w, (in->label != NULL) | (in->weight != NULL) << 1 | (in->root_rows != NULL) << 2);
    cache_put_array(w, in->tgd_begin, ((size_t)spec->ntgds + 1) * sizeof *in->tgd_begin);
    cache_put_array(w, in->tgd_of, n * sizeof *in->tgd_of);
    for (int k = 0; k < spec->nroles; k++) {
        cache_put_int(w, in->ci[k] != NULL);
        if (in->ci[k]) cache_put_array(w, in->ci[k], n * sizeof *in->ci[k]);
    }
    if (in->label) cache_put_array(w, in->label, n * sizeof *in->label);
    if (in->weight) cache_put_array(w, in->weight, n * sizeof *in->weight);
    if (in->root_rows) cache_put_array(w, in->root_rows, n * sizeof *in->root_rows);
    cache_put_int(w, in->nindicators);
    for (int i = 0; i < in->nindicators; i++) {
        const Indicator *x = &in->indicators[i];
        const int64_t head[] = {x->space, x->rows,  x->idx != NULL, x->identity,  x->range,     x->begin,
                                x->end,   x->first, x->total,       x->ascending, x->injective, x->used};
        for (size_t k = 0; k < sizeof head / sizeof *head; k++) cache_put_int(w, head[k]);
        if (x->idx) cache_put_array(w, x->idx, n * sizeof *x->idx);
        cache_put_array(w, x->count, (size_t)in->spaces[x->space].rows * sizeof *x->count);
    }
}

static bool put_columns(const Integration *in, CacheWriter *w) {
    const MappingSpec *spec = in->spec;
    bool ok = true;
    cache_put_int(w, in->nspaces);
    for (int i = 0; i < in->nspaces; i++) {
        cache_put_text(w, in->spaces[i].name);
        cache_put_int(w, in->spaces[i].role);
        cache_put_int(w, in->spaces[i].rows);
        cache_put_int(w, in->spaces[i].has_fill_row);
    }
    cache_put_int(w, in->nblocks);
    for (int b = 0; b < in->nblocks; b++) {
        const IntBlock *x = &in->blocks[b];
        cache_put_int(w, x->space);
        cache_put_int(w, x->indicator);
        cache_put_text(w, x->label);
        matrix_save(x->data, w);
        cache_put_array(w, x->target_cols, (size_t)x->data->cols * sizeof *x->target_cols);
    }
    for (int64_t j = 0; j < in->cols; j++) {
        cache_put_text(w, in->features[j].name);
        cache_put_int(w, in->features[j].column);
        cache_put_int(w, in->features[j].category);
    }
    int labelled = -1;
    for (int j = 0; j < spec->ncols && ok; j++) {
        const Encoder *e = &in->encoders[j];
        if (e->dict && e->dict == in->label_dict) labelled = j;
        const int64_t head[] = {e->encoding, e->dict != NULL, e->base, e->has_fill, e->first_feature, e->nfeatures};
        for (size_t k = 0; k < sizeof head / sizeof *head; k++) cache_put_int(w, head[k]);
        cache_put_num(w, e->fill);
        if (e->dict) ok = dict_save(e->dict, w);
    }
    cache_put_int(w, labelled);
    return ok;
}

bool integration_save(const Integration *root, int nparts, Integration *const *parts, CacheWriter *w) {
    const MappingSpec *spec = root->spec;
    cache_put_int(w, spec->ntables);
    for (int i = 0; i < spec->ntables; i++) {
        const Table *t = spec->tables[i];
        cache_put_int(w, t ? t->rows : -1);
        cache_put_text(w, t ? t->name : NULL);
        cache_put_text(w, t ? t->path : NULL);
    }
    cache_put_int(w, spec->nroles);
    cache_put_int(w, spec->ncols);
    cache_put_int(w, spec->ntgds);
    cache_put_int(w, root->cols);
    cache_put_text(w, root->kind);
    cache_put_text(w, root->kind_detail);
    for (int k = 0; k < spec->nroles; k++) {
        cache_put_int(w, root->dropped_null_key[k]);
        cache_put_int(w, root->unmatched[k]);
        for (int j = 0; j < spec->ncols; j++) cache_put_int(w, root->cm[k][j]);
    }
    cache_put_int(w, root->dropped_missing);
    cache_put_int(w, root->nconflicts);
    for (int i = 0; i < root->nconflicts; i++) {
        const ConflictReport *c = &root->conflicts[i];
        const int64_t head[] = {c->column, c->role_a, c->role_b, c->compared, c->equal, c->differing, c->nfirst};
        for (size_t k = 0; k < sizeof head / sizeof *head; k++) cache_put_int(w, head[k]);
        cache_put_num(w, c->max_diff);
        for (int k = 0; k < c->nfirst; k++) cache_put_int(w, c->first_rows[k]);
    }
    if (!put_columns(root, w)) return false;
    put_rows(root, w);
    cache_put_int(w, nparts);
    for (int p = 0; p < nparts; p++) put_rows(parts[p], w);
    return true;
}

/* ---------------- reading ---------------- */
static const char *get_name(Arena *arena, CacheReader *r) {
    const char *s = cache_get_text(r);
    return s ? arena_strdup(arena, s) : NULL;
}

static bool get_indicator(const Integration *in, Indicator *x, CacheReader *r) {
    *x = (Indicator){.space = (int)cache_get_count(r, 0, in->nspaces - 1)};
    int64_t space_rows = r->damaged ? 0 : in->spaces[x->space].rows;
    x->rows = cache_get_count(r, in->rows, in->rows);
    bool has_idx = cache_get_count(r, 0, 1);
    x->identity = cache_get_count(r, 0, 1);
    x->range = cache_get_count(r, 0, 1);
    x->begin = cache_get_count(r, 0, in->rows);
    x->end = cache_get_count(r, 0, in->rows);
    x->first = cache_get_count(r, 0, space_rows);
    x->total = cache_get_count(r, 0, 1);
    x->ascending = cache_get_count(r, 0, 1);
    x->injective = cache_get_count(r, 0, 1);
    x->used = cache_get_count(r, 0, space_rows);
    if (has_idx) x->idx = cache_get_array(r, (size_t)in->rows * sizeof *x->idx);
    x->count = cache_get_array(r, (size_t)space_rows * sizeof *x->count);
    return !r->damaged;
}

static bool get_rows(Integration *in, CacheReader *r) {
    const MappingSpec *spec = in->spec;
    in->rows = cache_get_count(r, 0, INT32_MAX);
    *in->nnz_memo = cache_get_count(r, 0, INT64_MAX);
    in->tgd_ordered = cache_get_count(r, 0, 1);
    int has = (int)cache_get_count(r, 0, 7);
    size_t n = (size_t)in->rows;
    in->tgd_begin = cache_get_array(r, ((size_t)spec->ntgds + 1) * sizeof *in->tgd_begin);
    in->tgd_of = cache_get_array(r, n * sizeof *in->tgd_of);
    in->ci = arena_array(in->arena, int32_t *, spec->nroles + 1);
    for (int k = 0; k < spec->nroles && !r->damaged; k++)
        in->ci[k] = cache_get_count(r, 0, 1) ? cache_get_array(r, n * sizeof *in->ci[k]) : NULL;
    in->label = has & 1 ? cache_get_array(r, n * sizeof *in->label) : NULL;
    in->weight = has & 2 ? cache_get_array(r, n * sizeof *in->weight) : NULL;
    in->root_rows = has & 4 ? cache_get_array(r, n * sizeof *in->root_rows) : NULL;
    in->nindicators = 0;
    int count = (int)cache_get_count(r, 0, 1 << 20);
    in->indicators = arena_array(in->arena, Indicator, count + 1);
    while (in->nindicators < count && !r->damaged)
        if (get_indicator(in, &in->indicators[in->nindicators], r)) in->nindicators++;
    return !r->damaged;
}

static bool get_columns(Integration *in, CacheReader *r) {
    Arena *arena = in->arena;
    in->nspaces = (int)cache_get_count(r, 0, 1 << 20);
    in->spaces = arena_array(arena, IntSpace, in->nspaces + 1);
    for (int i = 0; i < in->nspaces && !r->damaged; i++) {
        IntSpace *x = &in->spaces[i];
        x->name = get_name(arena, r);
        x->role = (int)cache_get_count(r, -1, in->spec->nroles - 1);
        x->rows = cache_get_count(r, 0, INT64_MAX / 16);
        x->has_fill_row = cache_get_count(r, 0, 1);
    }
    int blocks = (int)cache_get_count(r, 0, 1 << 20);
    in->blocks = arena_array(arena, IntBlock, blocks + 1);
    for (in->nblocks = 0; in->nblocks < blocks && !r->damaged;) {
        IntBlock *x = &in->blocks[in->nblocks];
        x->space = (int)cache_get_count(r, 0, in->nspaces - 1);
        x->indicator = (int)cache_get_count(r, 0, 1 << 20);
        x->label = get_name(arena, r);
        if (!(x->data = matrix_load(r))) return false;
        in->nblocks++;
        x->target_cols = cache_get_array(r, (size_t)x->data->cols * sizeof *x->target_cols);
        if (x->data->rows != in->spaces[x->space].rows) r->damaged = true;
    }
    in->features = arena_array(arena, Feature, in->cols + 1);
    for (int64_t j = 0; j < in->cols && !r->damaged; j++) {
        Feature *x = &in->features[j];
        x->name = cache_get_text(r); /* stays in the mapping: there may be many */
        x->column = (int)cache_get_count(r, 0, in->spec->ncols - 1);
        x->category = (int32_t)cache_get_count(r, -1, INT32_MAX);
    }
    in->encoders = arena_array(arena, Encoder, in->spec->ncols + 1);
    for (int j = 0; j < in->spec->ncols && !r->damaged; j++) {
        Encoder *e = &in->encoders[j];
        e->encoding = (Encoding)cache_get_count(r, 0, 255);
        bool has_dict = cache_get_count(r, 0, 1);
        e->base = (int32_t)cache_get_count(r, -1, INT32_MAX);
        e->has_fill = cache_get_count(r, 0, 1);
        e->first_feature = cache_get_count(r, 0, in->cols);
        e->nfeatures = cache_get_count(r, 0, in->cols);
        e->fill = cache_get_num(r);
        if (has_dict && !(e->dict = dict_load(r))) return false;
    }
    int labelled = (int)cache_get_count(r, -1, in->spec->ncols - 1);
    in->label_dict = labelled >= 0 ? in->encoders[labelled].dict : NULL;
    return !r->damaged;
}

static bool get_counts(Integration *in, CacheReader *r) {
    const MappingSpec *spec = in->spec;
    Arena *arena = in->arena;
    (void)cache_get_count(r, spec->nroles, spec->nroles); /* of the same mapping: the key says so */
    (void)cache_get_count(r, spec->ncols, spec->ncols);
    (void)cache_get_count(r, spec->ntgds, spec->ntgds);
    in->cols = cache_get_count(r, 0, INT32_MAX);
    in->kind = get_name(arena, r);
    in->kind_detail = get_name(arena, r);
    if (!in->kind) r->damaged = true;
    in->dropped_null_key = arena_array(arena, int64_t, spec->nroles);
    in->unmatched = arena_array(arena, int64_t, spec->nroles);
    in->cm = arena_array(arena, int *, spec->nroles);
    for (int k = 0; k < spec->nroles && !r->damaged; k++) {
        in->dropped_null_key[k] = cache_get_int(r);
        in->unmatched[k] = cache_get_int(r);
        in->cm[k] = arena_array(arena, int, spec->ncols + 1);
        for (int j = 0; j < spec->ncols; j++) in->cm[k][j] = (int)cache_get_count(r, INT32_MIN, INT32_MAX);
    }
    in->dropped_missing = cache_get_int(r);
    in->nconflicts = (int)cache_get_count(r, 0, 1 << 20);
    in->conflicts = arena_array(arena, ConflictReport, in->nconflicts + 1);
    for (int i = 0; i < in->nconflicts && !r->damaged; i++) {
        ConflictReport *c = &in->conflicts[i];
        c->column = (int)cache_get_count(r, 0, spec->ncols - 1);
        c->role_a = (int)cache_get_count(r, 0, spec->nroles - 1);
        c->role_b = (int)cache_get_count(r, 0, spec->nroles - 1);
        c->compared = cache_get_int(r);
        c->equal = cache_get_int(r);
        c->differing = cache_get_int(r);
        c->nfirst = (int)cache_get_count(r, 0, (int64_t)(sizeof c->first_rows / sizeof *c->first_rows));
        c->max_diff = cache_get_num(r);
        for (int k = 0; k < c->nfirst; k++) c->first_rows[k] = cache_get_int(r);
    }
    return !r->damaged;
}

static bool get_tables(Arena *arena, const MappingSpec *spec, CacheReader *r, DiskTarget *out) {
    int n = (int)cache_get_count(r, 0, 1 << 20);
    out->tables = arena_array(arena, Table *, n + 1);
    for (out->ntables = 0; out->ntables < n && !r->damaged; out->ntables++) {
        int64_t rows = cache_get_count(r, -1, INT64_MAX / 16);
        const char *name = cache_get_text(r), *path = cache_get_text(r);
        if (rows < 0) continue;
        Table *t = r->damaged || !name ? NULL : table_frame(name, path, 0);
        if (!t) return false;
        t->rows = rows;
        t->span = spec->span;
        out->tables[out->ntables] = t;
    }
    return !r->damaged;
}

static Integration *part_of(const Integration *root, const char *name) {
    Integration *in = mem_alloc(sizeof *in);
    *in = *root;
    in->parent = root;
    in->part = name;
    in->owns = false;
    in->entry = NULL;
    in->nindicators = 0;
    in->arena = arena_new();
    integration_memo(in);
    return in;
}

bool integration_load(Arena *arena, MappingSpec *spec, int nparts, const char *const *names, CacheReader *r,
                      DiskTarget *out) {
    *out = (DiskTarget){0};
    Integration *root = mem_alloc(sizeof *root);
    *root = (Integration){.spec = spec, .owns = true, .mapped = true, .arena = arena_new()};
    integration_memo(root);
    bool ok = get_tables(arena, spec, r, out) && get_counts(root, r) && get_columns(root, r) && get_rows(root, r);
    for (int b = 0; ok && b < root->nblocks; b++) ok = root->blocks[b].indicator < root->nindicators;
    if (ok && cache_get_count(r, nparts, nparts) != nparts) ok = false;
    out->parts = arena_array(arena, Integration *, nparts + 1);
    while (ok && !r->damaged && out->nparts < nparts) {
        Integration *p = part_of(root, names[out->nparts]);
        out->parts[out->nparts++] = p;
        ok = get_rows(p, r);
    }
    if (ok && !r->damaged) {
        out->root = root;
        root->entry = cache_reader_keep(r, &root->entry_len);
        spec->tables = out->tables;
        spec->ntables = out->ntables;
        return true;
    }
    for (int p = 0; p < out->nparts; p++) integration_free(out->parts[p]);
    integration_free(root);
    for (int i = 0; i < out->ntables; i++) table_free(out->tables[i]);
    *out = (DiskTarget){0};
    return false;
}
