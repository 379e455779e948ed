/* data_disk.c: see data_disk.h. */
#include "compiler/data_disk.h"

#include <ctype.h>

/* Statements that only use targets; any other, also of a kind that does not exist yet, is part of the key. */
static bool only_uses(const Stmt *s) {
    switch (s->kind) {
    case ST_ALGORITHM:
    case ST_METRIC:
    case ST_LET:
    case ST_PRINT:
    case ST_TRAIN:
    case ST_EVALUATE:
    case ST_PREDICT:
    case ST_SAVE:
    case ST_LOAD:
    case ST_EXPORT:
    case ST_FOR:
    case ST_USE: return true;
    default: return false;
    }
}

static bool is_literal(const Expr *e) {
    if (e && e->kind == EX_UNARY) e = e->args[0];
    return !e || e->kind == EX_NUM || e->kind == EX_STR || e->kind == EX_BOOL;
}

/* Is the word in the text? Found too often costs an entry, never a wrong one. */
static bool has_word(const char *text, const char *word) {
    size_t n = strlen(word);
    for (const char *p = text; (p = strstr(p, word)); p++) {
        bool begins = p == text || !(isalnum((unsigned char)p[-1]) || p[-1] == '_');
        if (begins && !(isalnum((unsigned char)p[n]) || p[n] == '_')) return true;
    }
    return false;
}

typedef VEC(Stmt *) Statements;
static void print_all(const Script *of, const Statements *v, Buf *out) {
    Script part = {.path = of->path, .file = of->file}; /* without its comments */
    part.stmts.data = v->data;
    part.stmts.len = v->len;
    if (v->len) ast_print_script(out, &part);
}
static void print_statements(Arena *arena, const Script *s, Buf *out) {
    Statements v = {0};
    for (int i = 0; i < s->stmts.len; i++)
        if (!only_uses(s->stmts.data[i]) && s->stmts.data[i]->kind != ST_PARAM) vec_push(arena, &v, s->stmts.data[i]);
    print_all(s, &v, out);
}
/* The params that the text mentions, with the values that --set gave; all of them when one's value may name others. */
static void print_params(Arena *arena, const Program *p, const char *text, Buf *out) {
    Statements mentioned = {0}, all = {0};
    bool literal = true;
    for (int i = 0; i < p->params.len; i++) {
        Stmt *s = (Stmt *)(uintptr_t)p->params.data[i]; /* only printed */
        vec_push(arena, &all, s);
        if (!has_word(text, s->let.name.text)) continue;
        vec_push(arena, &mentioned, s);
        literal = literal && is_literal(s->let.value);
    }
    print_all(p->script, literal ? &mentioned : &all, out);
}

static bool add_source(Arena *arena, Program *p, int index, const RunOptions *o, TargetKey *out) {
    for (int i = 0; i < out->sources.len; i++)
        if (out->sources.data[i] == index) return true;
    const Source *s = &p->sources.data[index];
    TableOptions opt = {.base_dir = p->base_dir, .threads = o->threads};
    const char *path = NULL;
    buf_printf(&out->key, "source %d\n", index);
    if (!table_key(arena, s->decl, &opt, &out->key, &path)) return false;
    vec_push(arena, &out->sources, index);
    vec_push(arena, &out->path, path);
    return true;
}

void target_key(Arena *arena, Program *p, const Target *t, const RunOptions *o, TargetKey *out) {
    *out = (TargetKey){0};
    const MappingSpec *spec = t->spec;
    if (!spec) return;
    for (int i = 0; i < t->matches.len; i++)
        if (t->matches.data[i]->via) return; /* link files are not among the sources */
    cache_key_begin(&out->key, "target");
    buf_printf(&out->key, "%s max_rows %lld\n", t->decl->name.text, (long long)o->max_rows);
    bool ok = true;
    for (int i = 0; i < spec->nroles; i++) ok = ok && add_source(arena, p, spec->roles[i].source, o, out);
    for (int i = 0; i < spec->nchecks; i++) {
        ok = ok && add_source(arena, p, spec->checks[i].source, o, out);
        if (spec->checks[i].kind == EGD_FK) ok = ok && add_source(arena, p, spec->checks[i].source2, o, out);
    }
    Buf text = {0};
    print_statements(arena, p->script, &text);
    for (int i = 0; i < p->used.len; i++) print_statements(arena, p->used.data[i], &text);
    buf_puts(&text, "\n");
    buf_add(&out->key, text.data, text.len);
    print_params(arena, p, text.data, &out->key);
    buf_free(&text);
    out->usable = ok;
}

static bool names(const DataRef *ref, const Target *t) {
    return ref->target.text && !strcmp(ref->target.text, t->decl->name.text);
}
static bool has_ids(const Target *t) {
    for (int j = 0; j < t->spec->ncols; j++)
        if (t->spec->cols[j].role == ROLE_ID) return true;
    return false;
}
static bool step_needs_tables(const Stmt *s, const Target *t) {
    if (s->kind == ST_EXPORT) return names(&s->export_.on, t);
    if (s->kind == ST_PREDICT) return names(&s->predict.on, t) && has_ids(t);
    for (int i = 0; s->kind == ST_FOR && i < s->loop_for.body.len; i++)
        if (step_needs_tables(s->loop_for.body.data[i], t)) return true;
    return false;
}
bool target_needs_tables(const Program *p, const Target *t) {
    for (int i = 0; i < p->steps.len; i++)
        if (step_needs_tables(p->steps.data[i], t)) return true;
    return false;
}

static int part_names(Arena *arena, const Target *t, const char ***out) {
    int n = t->split ? t->split->split.parts.len : 0;
    *out = arena_array(arena, const char *, n + 1);
    for (int i = 0; i < n; i++) (*out)[i] = t->split->split.parts.data[i].name.text;
    return n;
}

bool target_restore(Arena *arena, Cache *c, const TargetKey *key, Target *t, DiskTarget *out) {
    CacheReader r;
    const char **parts;
    int nparts = part_names(arena, t, &parts);
    if (!key->usable || !cache_read(c, &key->key, key->path.len, key->path.data, NULL, &r)) return false;
    bool ok = integration_load(arena, t->spec, nparts, parts, &r, out);
    cache_reader_close(c, &r);
    return ok;
}

void target_keep(Arena *arena, Cache *c, const TargetKey *key, const Target *t, Table *const *tables,
                 const Integration *root, int nparts, Integration *const *parts) {
    int n = key->sources.len;
    FileStamp *stamps = arena_array(arena, FileStamp, n + 1);
    int64_t bytes = 0;
    if (!key->usable || !c || !c->on) return;
    for (int i = 0; i < n; i++) {
        const Table *from = tables[key->sources.data[i]];
        if (!from || !from->stamp) return; /* it changed while it was read */
        stamps[i] = *from->stamp;
        bytes += (int64_t)stamps[i].size;
    }
    if (bytes < cache_least_bytes) return;
    CacheWriter w = {0};
    const char *about = arena_printf(arena, "target `%s` of %s", t->decl->name.text, key->path.data[0]);
    for (int i = 1; i < n; i++) about = arena_printf(arena, "%s, %s", about, key->path.data[i]);
    if (integration_save(root, nparts, parts, &w)) (void)cache_write(c, &key->key, about, n, stamps, &w);
    cache_writer_free(&w);
}
