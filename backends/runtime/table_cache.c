/* table_cache.c: tables and inferred schemas in the cache (cache.h).
 *
 * What is kept follows from one ordinary file and the declaration: CSV, Matrix Market, JSON and Parquet. An SQLite file
 * has journals beside it and queries of any kind, so SQLite is always asked. */
#include "backends/runtime/cache.h"
#include "backends/runtime/table_private.h"

#include <limits.h>
#include <stdlib.h>

/* ---------------- keys ---------------- */
static void key_text(Buf *key, const char *s) {
    if (s)
        buf_printf(key, " %zu:%s", strlen(s), s); /* the length keeps texts apart, whatever they hold */
    else
        buf_puts(key, " -");
}

bool source_key(const Source *s, Buf *key, const char **path) {
    char full[PATH_MAX];
    FileStamp st;
    if (s->format == FORMAT_SQLITE || !realpath(s->path, full) || stamp_take(full, &st) == STAMP_NONE) return false;
    *path = arena_strdup(s->arena, full);
    key_text(key, full);
    buf_printf(key, " format %d delimiter %d quote %d header %d skip %lld encoding %d nulls %d", (int)s->format,
               s->delimiter, s->quote, s->header, (long long)s->skip, (int)s->encoding, s->nnulls);
    for (int i = 0; i < s->nnulls; i++) key_text(key, s->nulls[i]);
    buf_printf(key, "\ncolumns %d\n", s->decl->has_columns ? s->decl->columns.len : -1);
    for (int i = 0; i < s->decl->columns.len; i++) {
        const ColumnDecl *c = &s->decl->columns.data[i];
        key_text(key, c->name.text);
        buf_printf(key, " %d %lld %d", (int)c->type, (long long)c->width, c->not_null);
        key_text(key, c->format);
        key_text(key, c->header);
        key_text(key, c->null_text);
        buf_puts(key, "\n");
    }
    return true;
}

/* What may be kept of the source. STAMP: it is too small for an entry of its own, but a target made of it may be kept.
 * Otherwise `key` and the path are set. */
typedef enum { KEEP_NOTHING, KEEP_STAMP, KEEP_ENTRY } Keeping;
static Keeping keeps(const Source *s, const char *kind, Buf *key, const char **path) {
    Cache *c = cache_current();
    FileStamp st;
    if (!c || !c->on) return KEEP_NOTHING;
    cache_key_begin(key, kind);
    if (!source_key(s, key, path) || stamp_take(*path, &st) != STAMP_FILE) return KEEP_NOTHING;
    return (int64_t)st.size >= cache_least_bytes ? KEEP_ENTRY : KEEP_STAMP;
}

/* DuckDB opens the file by itself; our own readers tell what they read. */
static void begin_watching(Source *s, CacheWatch *w, const char *path) {
    cache_watch_begin(w, path, s->format == FORMAT_CSV || s->format == FORMAT_MTX);
    s->watch = w;
}

/* ---------------- schemas ---------------- */
static void schema_save(const Schema *schema, CacheWriter *w) {
    cache_put_int(w, schema->ncols);
    cache_put_int(w, schema->inferred);
    for (int i = 0; i < schema->ncols; i++) {
        cache_put_text(w, schema->cols[i].name.text);
        cache_put_int(w, schema->cols[i].type);
        cache_put_int(w, schema->cols[i].width);
    }
}
/* What a declaration says stays as it is; its types are settled. */
static bool schema_load(Source *s, CacheReader *r, Schema *out) {
    const SourceDecl *d = s->decl;
    int n = (int)cache_get_count(r, 0, INT_MAX / (int)sizeof(ColumnDecl));
    bool inferred = cache_get_count(r, 0, 1);
    if (r->damaged || (d->has_columns && n != d->columns.len)) return !(r->damaged = true);
    *out = (Schema){n, arena_array(s->arena, ColumnDecl, n > 0 ? n : 1), inferred};
    for (int i = 0; i < n && !r->damaged; i++) {
        const char *name = cache_get_text(r);
        ColumnDecl *c = &out->cols[i];
        if (d->has_columns) *c = d->columns.data[i];
        if (!d->has_columns && name) c->name.text = arena_strdup(s->arena, name);
        c->type = (TypeKind)cache_get_count(r, TY_INFER + 1, TY_ROWID);
        c->width = cache_get_count(r, 0, INT64_MAX);
        r->damaged = r->damaged || !c->name.text;
    }
    return !r->damaged;
}

bool schema_cached(Source *s, Schema *out, bool (*read)(Source *s, Schema *out)) {
    Buf key = {0};
    const char *path = NULL;
    CacheReader r;
    CacheWatch watch = {0};
    Keeping keeping = keeps(s, "schema", &key, &path);
    bool ok = false;
    if (keeping == KEEP_ENTRY && cache_read(cache_current(), &key, 1, &path, NULL, &r)) {
        ok = schema_load(s, &r, out);
        cache_reader_close(cache_current(), &r);
    }
    if (!ok) {
        if (keeping) begin_watching(s, &watch, path);
        ok = read(s, out);
        if (ok && keeping == KEEP_ENTRY && cache_watch_end(&watch)) {
            CacheWriter w = {0};
            schema_save(out, &w);
            (void)cache_write(cache_current(), &key, arena_printf(s->arena, "schema of %s", path), 1, &watch.stamp, &w);
            cache_writer_free(&w);
        }
    }
    buf_free(&key);
    return ok;
}

/* ---------------- tables ---------------- */
void matrix_save(const Matrix *m, CacheWriter *w) {
    int64_t nnz = m->kind == MAT_CSR ? m->rowptr[m->rows] : 0;
    const int64_t head[] = {m->kind, m->rows, m->cols, m->ld, nnz, m->values != NULL};
    for (size_t i = 0; i < sizeof head / sizeof *head; i++) cache_put_int(w, head[i]);
    switch (m->kind) {
    case MAT_DENSE: cache_put_array(w, m->data, (size_t)m->rows * (size_t)m->ld * sizeof *m->data); return;
    case MAT_CSR:
        cache_put_array(w, m->rowptr, (size_t)(m->rows + 1) * sizeof *m->rowptr);
        cache_put_array(w, m->colidx, (size_t)nnz * sizeof *m->colidx);
        if (m->values) cache_put_array(w, m->values, (size_t)nnz * sizeof *m->values);
        return;
    case MAT_CODES: cache_put_array(w, m->codes, (size_t)m->rows * sizeof *m->codes); return;
    }
    internal_error("a matrix of kind %d", (int)m->kind);
}
Matrix *matrix_load(CacheReader *r) {
    int64_t most = (int64_t)r->map.len / 4;
    MatKind kind = (MatKind)cache_get_count(r, MAT_DENSE, MAT_CODES);
    int64_t rows = cache_get_count(r, 0, INT64_MAX / 16), cols = cache_get_count(r, 0, INT32_MAX),
            ld = cache_get_count(r, 0, INT32_MAX), nnz = cache_get_count(r, 0, most);
    bool values = cache_get_count(r, 0, 1);
    if (kind == MAT_DENSE && ld && rows > most / ld) r->damaged = true;
    Matrix *m = r->damaged ? NULL : mem_try(1, sizeof *m);
    if (!m) return NULL;
    *m = (Matrix){.kind = kind, .rows = rows, .cols = cols, .ld = ld};
    if (kind == MAT_DENSE) m->data = cache_get_array(r, (size_t)(rows * ld) * sizeof *m->data);
    if (kind == MAT_CODES) m->codes = cache_get_array(r, (size_t)rows * sizeof *m->codes);
    if (kind == MAT_CSR) {
        m->rowptr = cache_get_array(r, (size_t)(rows + 1) * sizeof *m->rowptr);
        m->colidx = cache_get_array(r, (size_t)nnz * sizeof *m->colidx);
        if (values) m->values = cache_get_array(r, (size_t)nnz * sizeof *m->values);
        if (m->rowptr && m->rowptr[rows] != nnz) r->damaged = true;
    }
    if (!r->damaged) return m;
    mem_free(m);
    return NULL;
}

static bool table_save(const Table *t, CacheWriter *w) {
    bool ok = true;
    cache_put_int(w, t->rows);
    cache_put_int(w, t->ncols);
    size_t n = (size_t)t->rows;
    for (int i = 0; i < t->ncols && ok; i++) {
        const Column *c = &t->cols[i];
        cache_put_text(w, c->name);
        cache_put_int(w, c->type);
        cache_put_int(w, c->nulls);
        cache_put_int(w,
                      (c->num != NULL) | (c->ints != NULL) << 1 | (c->codes != NULL) << 2 | (c->matrix != NULL) << 3);
        if (c->num) cache_put_array(w, c->num, n * sizeof *c->num);
        if (c->ints) cache_put_array(w, c->ints, n * sizeof *c->ints);
        if (c->codes) cache_put_array(w, c->codes, n * sizeof *c->codes);
        if (c->codes) ok = dict_save(c->dict, w);
        if (c->matrix) matrix_save(c->matrix, w);
    }
    return ok;
}

static bool column_load(CacheReader *r, Column *c, size_t n) {
    const char *name = cache_get_text(r);
    c->type = (TypeKind)cache_get_count(r, TY_INFER + 1, TY_ROWID);
    c->nulls = cache_get_count(r, 0, (int64_t)n);
    int has = (int)cache_get_count(r, 0, 15);
    c->mapped = true;
    c->name = name ? table_text_copy(name) : NULL;
    if (has & 1) c->num = cache_get_array(r, n * sizeof *c->num);
    if (has & 2) c->ints = cache_get_array(r, n * sizeof *c->ints);
    if (has & 4) c->codes = cache_get_array(r, n * sizeof *c->codes);
    if (has & 4) c->dict = dict_load(r);
    if (has & 8) c->matrix = matrix_load(r);
    return !r->damaged && c->name && (!(has & 4) || c->dict) && (!(has & 8) || c->matrix);
}
static Table *table_load(Source *s, CacheReader *r) {
    int64_t rows = cache_get_count(r, 0, INT64_MAX / 16);
    int ncols = (int)cache_get_count(r, 0, INT_MAX / (int)sizeof(Column));
    const SourceDecl *d = s->decl;
    if (d->has_columns && ncols != d->columns.len) r->damaged = true;
    Table *t = r->damaged ? NULL : table_frame(d->name.text, s->path, ncols);
    bool ok = t != NULL;
    for (int i = 0; ok && i < ncols; i++) {
        ok = column_load(r, &t->cols[i], (size_t)rows);
        t->cols[i].span =
            d->has_columns && d->columns.data[i].name.span.file ? d->columns.data[i].name.span : d->name.span;
    }
    if (!ok) {
        table_free(t);
        return NULL;
    }
    t->span = d->name.span;
    t->rows = rows;
    t->entry = cache_reader_keep(r, &t->entry_len);
    return t;
}

/* Without memory for the stamp the target is not kept: nothing else depends on it. */
static void note_stamp(Table *t, const FileStamp *stamp) {
    t->stamp = mem_try(1, sizeof *t->stamp);
    if (t->stamp) *t->stamp = *stamp;
}

Table *table_cached(Source *s, Table *(*read)(Source *s)) {
    Buf key = {0};
    const char *path = NULL;
    Table *t = NULL;
    CacheReader r;
    CacheWatch watch = {0};
    FileStamp stamp;
    Cache *c = cache_current();
    Keeping keeping = keeps(s, "table", &key, &path);
    int n = s->opt->wanted ? s->opt->nwanted : 0; /* 0: all */
    buf_puts(&key, "wanted ");
    for (int i = 0; i < n; i++) buf_puts(&key, source_wants(s, i) ? "1" : "0");
    if (keeping == KEEP_ENTRY && cache_read(c, &key, 1, &path, &stamp, &r)) {
        t = table_load(s, &r);
        if (t) note_stamp(t, &stamp);
        cache_reader_close(c, &r);
    }
    if (!t) {
        if (keeping) begin_watching(s, &watch, path);
        t = read(s);
        if (t && keeping && cache_watch_end(&watch)) {
            note_stamp(t, &watch.stamp);
            CacheWriter w = {0};
            if (keeping == KEEP_ENTRY && table_save(t, &w))
                (void)cache_write(c, &key, arena_printf(s->arena, "table `%s` of %s", s->decl->name.text, path), 1,
                                  &watch.stamp, &w);
            cache_writer_free(&w);
        }
    }
    buf_free(&key);
    return t;
}
