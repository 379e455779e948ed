/* data_cache.c: what a session keeps between its statements (contract: data_cache.h). */
#include "compiler/data_cache.h"

typedef struct CachedTable {
    uint64_t key;
    Table *table;
    int ncols;
    bool *has; /* per declared column: was it read? */
} CachedTable;
struct DataCache {
    int ntables, ntargets;
    CachedTable **tables;
    CachedTarget **targets;
};

Kept *kept_new(void) {
    Kept *k = mem_alloc(sizeof *k);
    *k = (Kept){arena_new(), 1};
    return k;
}

void kept_hold(Kept *k) {
    k->users++;
}

void kept_release(Kept *k) {
    if (--k->users > 0) return;
    arena_free(k->arena);
    mem_free(k);
}

DataCache *data_cache_new(void) {
    return mem_alloc(sizeof(DataCache));
}

/* ---------------- tables ---------------- */

static void cached_table_free(CachedTable *t) {
    table_free(t->table);
    mem_free(t->has);
    mem_free(t);
}

static bool covers(const CachedTable *t, int ncols, const bool *wanted) {
    if (t->ncols != ncols) return false;
    for (int i = 0; i < ncols; i++)
        if ((!wanted || wanted[i]) && !t->has[i]) return false;
    return true;
}

Table *data_cache_table(const DataCache *c, uint64_t key, int ncols, const bool *wanted) {
    for (int i = 0; i < c->ntables; i++)
        if (c->tables[i]->key == key && covers(c->tables[i], ncols, wanted)) return c->tables[i]->table;
    return NULL;
}

void data_cache_widen(const DataCache *c, uint64_t key, int ncols, bool *wanted) {
    for (int i = 0; i < c->ntables; i++)
        for (int k = 0; c->tables[i]->key == key && c->tables[i]->ncols == ncols && k < ncols; k++)
            wanted[k] |= c->tables[i]->has[k];
}

void data_cache_add_table(DataCache *c, uint64_t key, Table *t, int ncols, const bool *wanted) {
    CachedTable *n = mem_alloc(sizeof *n);
    *n = (CachedTable){key, t, ncols, mem_alloc((size_t)ncols + 1)};
    for (int i = 0; i < ncols; i++) n->has[i] = !wanted || wanted[i];
    c->tables = mem_realloc(c->tables, sizeof *c->tables * (size_t)(c->ntables + 1));
    c->tables[c->ntables++] = n;
}

int64_t data_cache_rows(const DataCache *c, uint64_t key) {
    for (int i = 0; i < c->ntables; i++)
        if (c->tables[i]->key == key) return c->tables[i]->table->rows;
    return -1;
}

/* ---------------- targets ---------------- */

static void drop_copies(CachedTarget *t, const Integration *of) {
    int kept = 0;
    for (int i = 0; i < t->ncopies; i++)
        if (!of || t->copies[i].of == of)
            integration_free(t->copies[i].made);
        else
            t->copies[kept++] = t->copies[i];
    t->ncopies = kept;
}

static void drop_parts(CachedTarget *t) {
    for (int i = 0; i < t->nparts; i++) {
        drop_copies(t, t->parts[i]);
        integration_free(t->parts[i]);
    }
    mem_free(t->parts);
    t->parts = NULL;
    t->nparts = 0;
}

static void cached_target_free(CachedTarget *t) {
    drop_copies(t, NULL);
    drop_parts(t);
    integration_free(t->root);
    mem_free(t->copies);
    kept_release(t->kept);
    mem_free(t);
}

CachedTarget *data_cache_target(DataCache *c, uint64_t key, const Model *m) {
    for (int i = 0; i < c->ntargets; i++)
        if (c->targets[i]->key == key && c->targets[i]->model == m) return c->targets[i];
    return NULL;
}

CachedTarget *data_cache_add_target(DataCache *c, uint64_t key, const Model *m, Integration *root, Kept *kept) {
    CachedTarget *t = mem_alloc(sizeof *t);
    *t = (CachedTarget){.key = key, .model = m, .root = root, .kept = kept};
    kept_hold(kept);
    c->targets = mem_realloc(c->targets, sizeof *c->targets * (size_t)(c->ntargets + 1));
    c->targets[c->ntargets++] = t;
    return t;
}

void data_cache_set_parts(CachedTarget *t, uint64_t split_key, int n, Integration **parts) {
    drop_parts(t);
    t->split_key = split_key;
    t->parts = mem_alloc(sizeof *t->parts * (size_t)(n + 1));
    t->nparts = n;
    for (int i = 0; i < n; i++) t->parts[i] = parts[i];
}

static CachedTarget *owner_of(const DataCache *c, const Integration *in) {
    while (in->parent) in = in->parent;
    for (int i = 0; i < c->ntargets; i++)
        if (c->targets[i]->root == in) return c->targets[i];
    return NULL;
}

Integration *data_cache_copy(const DataCache *c, const Integration *of) {
    const CachedTarget *t = owner_of(c, of);
    for (int i = 0; t && i < t->ncopies; i++)
        if (t->copies[i].of == of) return t->copies[i].made;
    return NULL;
}

void data_cache_add_copy(DataCache *c, const Integration *of, Integration *made) {
    CachedTarget *t = owner_of(c, of);
    AMAL_CHECK(t != NULL);
    t->copies = mem_realloc(t->copies, sizeof *t->copies * (size_t)(t->ncopies + 1));
    t->copies[t->ncopies++] = (CachedCopy){of, made};
}

/* ---------------- what may go ---------------- */

static bool has_key(int n, const uint64_t *keys, uint64_t key) {
    for (int i = 0; i < n; i++)
        if (keys[i] == key) return true;
    return false;
}

static bool target_wanted(const CachedTarget *t, const CacheRoots *r) {
    bool model_lives = t->model == NULL;
    for (int i = 0; i < r->nmodels; i++) {
        if (r->models[i]->encoders == t->root->encoders) return true;
        model_lives |= r->models[i] == t->model;
    }
    return model_lives && has_key(r->ntargets, r->targets, t->key);
}

static bool table_wanted(const DataCache *c, const CachedTable *t, const CacheRoots *r) {
    for (int i = 0; i < c->ntargets; i++) {
        const MappingSpec *spec = c->targets[i]->root->spec;
        for (int k = 0; k < spec->ntables; k++)
            if (spec->tables[k] == t->table) return true;
    }
    if (!has_key(r->ntables, r->tables, t->key)) return false;
    for (int i = 0; i < c->ntables; i++) /* a later read of the same file has all that this one has */
        if (c->tables[i] != t && c->tables[i]->key == t->key && covers(c->tables[i], t->ncols, t->has)) return false;
    return true;
}

void data_cache_sweep(DataCache *c, const CacheRoots *roots) {
    int kept = 0;
    for (int i = 0; i < c->ntargets; i++)
        if (target_wanted(c->targets[i], roots))
            c->targets[kept++] = c->targets[i];
        else
            cached_target_free(c->targets[i]);
    c->ntargets = kept;
    for (int i = 0; i < c->ntables;)
        if (table_wanted(c, c->tables[i], roots)) {
            i++;
        } else {
            cached_table_free(c->tables[i]);
            c->tables[i] = c->tables[--c->ntables];
        }
}

bool data_cache_holds(const DataCache *c, const Integration *root) {
    for (int i = 0; i < c->ntargets; i++)
        if (c->targets[i]->root == root) return true;
    return false;
}

void data_cache_free(DataCache *c) {
    for (int i = 0; i < c->ntargets; i++) cached_target_free(c->targets[i]);
    for (int i = 0; i < c->ntables; i++) cached_table_free(c->tables[i]);
    mem_free(c->targets);
    mem_free(c->tables);
    mem_free(c);
}
