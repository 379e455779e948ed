/* session_needs.c: what a statement needs of its session, and the keys by which one sees what changed (contract:
 * session_internal.h).
 *
 * A name in an expression means the last step before that binds it, else a target, else nothing of the session. A
 * target needs its tgds with the targets that share them, the sources they read, every check on those and what the
 * checks refer to, the matches between its roles, and its split. Algorithms, metrics, params and options are few and
 * are always there. */
#include "compiler/session_internal.h"
#include "compiler/scan.h"
#include <sys/stat.h>

Needs needs_new(Arena *a, const Session *s) {
    return (Needs){arena_array(a, bool, s->declared.len + 1), arena_array(a, bool, s->steps.len + 1)};
}

/* ---------------- names ---------------- */

static const char *declared_name(const Stmt *s) {
    switch (s->kind) {
    case ST_SOURCE: return s->source->name.text;
    case ST_TARGET: return s->target->name.text;
    case ST_ALGORITHM: return s->algorithm->name.text;
    case ST_METRIC: return s->metric->name.text;
    case ST_PARAM: return s->let.name.text;
    case ST_SPLIT: return s->split.target.text;
    case ST_OPTION: return s->option.name.text;
    case ST_TGD: return s->tgd->label.text;
    default: return NULL;
    }
}

int session_find(const Session *s, StmtKind kind, const char *name) {
    for (int i = s->declared.len - 1; i >= 0; i--) {
        const Stmt *d = s->declared.data[i]->stmt;
        const char *own = d->kind == kind ? declared_name(d) : NULL;
        if (own && strcmp(own, name) == 0) return i;
    }
    return -1;
}

void session_bound_names(Arena *a, const Stmt *s, NameVec *out) {
    if (s->kind == ST_LET) vec_push(a, out, s->let.name);
    if (s->kind == ST_TRAIN) vec_push(a, out, s->train.name);
    if (s->kind == ST_LOAD) vec_push(a, out, s->file.model);
    if (s->kind == ST_FOR)
        for (int i = 0; i < s->loop_for.body.len; i++) session_bound_names(a, s->loop_for.body.data[i], out);
}

static bool binds(const Stmt *s, const char *name) {
    if (s->kind == ST_LET) return strcmp(s->let.name.text, name) == 0;
    if (s->kind == ST_TRAIN) return strcmp(s->train.name.text, name) == 0;
    if (s->kind == ST_LOAD) return strcmp(s->file.model.text, name) == 0;
    for (int i = 0; s->kind == ST_FOR && i < s->loop_for.body.len; i++)
        if (binds(s->loop_for.body.data[i], name)) return true;
    return false;
}

int session_binder(const Session *s, const char *name, int before) {
    for (int i = before - 1; i >= 0; i--)
        if (binds(s->steps.data[i]->stmt, name)) return i;
    return -1;
}

/* ---------------- what a statement mentions ---------------- */

typedef struct Visitor {
    void *user;
    void (*name)(void *user, const char *name, bool field);  /* in an expression, or as a model; field: name.field */
    void (*target)(void *user, const char *name, bool part); /* part: of a part of it */
    void (*algorithm)(void *user, const char *name);         /* or metric */
    void (*file)(void *user, const char *uri);               /* that is read */
} Visitor;

static void visit_expr(const Visitor *v, const Expr *e) {
    if (!e) return;
    bool field = e->kind == EX_FIELD && e->args[0]->kind == EX_NAME;
    if (e->kind == EX_NAME || field) v->name(v->user, field ? e->args[0]->text : e->text, field);
    if (field) return;
    for (int i = 0; i < e->nargs; i++) visit_expr(v, e->args[i]);
    for (int i = 0; i < e->named.len; i++) visit_expr(v, e->named.data[i].value);
}

static void visit(const Visitor *v, const Stmt *s) {
    switch (s->kind) {
    case ST_LET: visit_expr(v, s->let.value); break;
    case ST_PRINT: visit_expr(v, s->print); break;
    case ST_TRAIN:
        for (int i = 0; i < s->train.args.len; i++) visit_expr(v, s->train.args.data[i].value);
        v->algorithm(v->user, s->train.algorithm.text);
        v->target(v->user, s->train.on.target.text, s->train.on.part.text != NULL);
        break;
    case ST_EVALUATE:
        v->name(v->user, s->evaluate.model.text, true);
        v->target(v->user, s->evaluate.on.target.text, s->evaluate.on.part.text != NULL);
        for (int i = 0; i < s->evaluate.metrics.len; i++) v->algorithm(v->user, s->evaluate.metrics.data[i].text);
        break;
    case ST_PREDICT:
        v->name(v->user, s->predict.model.text, true);
        v->target(v->user, s->predict.on.target.text, s->predict.on.part.text != NULL);
        break;
    case ST_SAVE: v->name(v->user, s->file.model.text, true); break;
    case ST_LOAD: v->file(v->user, s->file.file); break;
    case ST_EXPORT: v->target(v->user, s->export_.on.target.text, s->export_.on.part.text != NULL); break;
    case ST_FOR:
        visit_expr(v, s->loop_for.over);
        for (int i = 0; i < s->loop_for.body.len; i++) visit(v, s->loop_for.body.data[i]);
        break;
    default: break;
    }
}

/* ---------------- needs ---------------- */

typedef struct Seeker {
    const Session *s;
    Needs *n;
    int before;
} Seeker;

static bool fills(const TgdDecl *t, const char *target) {
    for (int i = 0; i < t->head.len; i++)
        if (strcmp(t->head.data[i]->relation.text, target) == 0) return true;
    return false;
}

bool needs_source(const Session *s, Needs *n, const char *name) {
    int i = session_find(s, ST_SOURCE, name);
    if (i >= 0) n->declared[i] = true;
    return i >= 0;
}

bool needs_target(const Session *s, Needs *n, const char *name) {
    int at = session_find(s, ST_TARGET, name);
    if (at < 0 || n->declared[at]) return at >= 0;
    n->declared[at] = true;
    int split = session_find(s, ST_SPLIT, name);
    if (split >= 0) n->declared[split] = true;
    for (int i = 0; i < s->declared.len; i++) {
        const Stmt *d = s->declared.data[i]->stmt;
        if (d->kind != ST_TGD || n->declared[i] || !fills(d->tgd, name)) continue;
        n->declared[i] = true;
        for (int k = 0; k < d->tgd->head.len; k++) (void)needs_target(s, n, d->tgd->head.data[k]->relation.text);
        for (int k = 0; k < d->tgd->body.len; k++) (void)needs_source(s, n, d->tgd->body.data[k]->relation.text);
    }
    return true;
}

static void seek_name(void *user, const char *name, bool field) {
    (void)field;
    Seeker *k = user;
    int i = session_binder(k->s, name, k->before);
    if (i < 0) {
        (void)needs_target(k->s, k->n, name);
        return;
    }
    bool known = k->n->steps[i];
    k->n->steps[i] = true;
    if (!known) needs_of(k->s, k->n, k->s->steps.data[i]->stmt, i);
}

static void seek_target(void *user, const char *name, bool part) {
    (void)part;
    Seeker *k = user;
    (void)needs_target(k->s, k->n, name);
}

static void seek_nothing(void *user, const char *name) {
    (void)user;
    (void)name;
}

void needs_of(const Session *s, Needs *n, const Stmt *stmt, int before) {
    Seeker k = {s, n, before};
    Visitor v = {&k, seek_name, seek_target, seek_nothing, seek_nothing};
    visit(&v, stmt);
}

void needs_expr(const Session *s, Needs *n, const Expr *e) {
    Seeker k = {s, n, s->steps.len};
    Visitor v = {&k, seek_name, seek_target, seek_nothing, seek_nothing};
    visit_expr(&v, e);
}

bool needs_model(const Session *s, Needs *n, const char *name) {
    int i = session_binder(s, name, s->steps.len);
    if (i < 0) return false;
    Seeker k = {s, n, s->steps.len};
    seek_name(&k, name, true);
    return true;
}

/* Does the check read an included source? Then it and what it refers to are included. */
static bool close_check(const Session *s, Needs *n, int at) {
    const EgdDecl *e = s->declared.data[at]->stmt->egd;
    const char *names[MAX_ROLES + 2];
    int count = 0;
    if (e->source.text) names[count++] = e->source.text;
    if (e->source2.text) names[count++] = e->source2.text;
    for (int i = 0; i < e->body.len && count < MAX_ROLES + 2; i++) names[count++] = e->body.data[i]->relation.text;
    bool reads = false;
    for (int i = 0; i < count; i++) {
        int source = session_find(s, ST_SOURCE, names[i]);
        reads |= source >= 0 && n->declared[source];
    }
    if (!reads) return false;
    n->declared[at] = true;
    for (int i = 0; i < count; i++) (void)needs_source(s, n, names[i]);
    return true;
}

static bool has_role(const TgdDecl *t, const char *role) {
    for (int k = 0; k < t->body.len; k++) {
        const Atom *a = t->body.data[k];
        if (strcmp(a->role.text ? a->role.text : a->relation.text, role) == 0) return true;
    }
    return false;
}

/* How many of the match's roles do tgds have: those that are needed (NULL: all), of one target (NULL: any)? */
static int roles_of(const Session *s, const Needs *n, const char *target, const MatchDecl *m) {
    int found = 0;
    for (int k = 0; k < m->roles.len; k++)
        for (int i = 0; i < s->declared.len; i++) {
            const Stmt *d = s->declared.data[i]->stmt;
            if (d->kind != ST_TGD || (n && !n->declared[i]) || (target && !fills(d->tgd, target))) continue;
            if (!has_role(d->tgd, m->roles.data[k].text)) continue;
            found++;
            break;
        }
    return found;
}

bool session_match_fits(const Session *s, const MatchDecl *m) {
    for (int i = 0; i < s->declared.len; i++) {
        const Stmt *d = s->declared.data[i]->stmt;
        if (d->kind == ST_TARGET && roles_of(s, NULL, d->target->name.text, m) == m->roles.len) return true;
    }
    return false;
}

void needs_close(const Session *s, Needs *n) {
    for (int i = 0; i < s->declared.len; i++) {
        StmtKind k = s->declared.data[i]->stmt->kind;
        n->declared[i] |= k == ST_ALGORITHM || k == ST_METRIC || k == ST_PARAM || k == ST_OPTION;
    }
    for (bool more = true; more;) {
        more = false;
        for (int i = 0; i < s->declared.len; i++)
            if (s->declared.data[i]->stmt->kind == ST_EGD && !n->declared[i]) more |= close_check(s, n, i);
    }
    for (int i = 0; i < s->declared.len; i++) {
        const Stmt *d = s->declared.data[i]->stmt;
        if (d->kind != ST_MATCH) continue;
        int found = roles_of(s, n, NULL, d->match);
        /* one that fits no target is an error where some of its roles are */
        n->declared[i] = found == d->match->roles.len || (found > 0 && !session_match_fits(s, d->match));
    }
}

/* ---------------- keys ---------------- */

uint64_t session_file_stamp(const char *base_dir, const char *uri) {
    if (!uri) return 0;
    Arena *a = arena_new();
    const char *path = script_source_file(a, base_dir, uri);
    struct stat st;
    int64_t parts[6] = {0};
    if (stat(path, &st) == 0) {
        parts[0] = (int64_t)st.st_dev, parts[1] = (int64_t)st.st_ino, parts[2] = (int64_t)st.st_size;
        parts[3] = (int64_t)st.st_mtim.tv_sec, parts[4] = (int64_t)st.st_mtim.tv_nsec, parts[5] = 1;
    }
    arena_free(a);
    return hash_bytes(parts, sizeof parts, 0);
}

static uint64_t mix(uint64_t key, uint64_t more) {
    return hash_bytes(&more, sizeof more, key);
}

/* Is the word written in the text? */
static bool mentions(const char *text, const char *word) {
    size_t len = strlen(text);
    for (ScanToken t = scan_next(text, len, 0); t.kind != SCAN_END; t = scan_next(text, len, t.end)) {
        size_t quotes = t.kind == SCAN_QUOTED;
        ScanToken bare = {t.kind, t.begin + quotes, t.end - quotes, false};
        if ((t.kind == SCAN_WORD || quotes) && scan_is(text, bare, word)) return true;
    }
    return false;
}

/* The values of params that the text mentions. */
static uint64_t params_in(const Session *s, const char *text, uint64_t key) {
    for (int i = 0; i < s->declared.len; i++) {
        const Entry *e = s->declared.data[i];
        if (e->stmt->kind != ST_PARAM || !mentions(text, e->stmt->let.name.text)) continue;
        key = mix(key, e->hash);
        Buf b = {0};
        if (e->stmt->let.value) ast_print_expr(&b, e->stmt->let.value);
        if (b.len) key = hash_bytes(b.data, b.len, key);
        buf_free(&b);
    }
    return key;
}

static uint64_t target_key(Arena *a, const Session *s, const Keys *k, const char *name) {
    Needs n = needs_new(a, s);
    (void)needs_target(s, &n, name);
    needs_close(s, &n);
    uint64_t key = hash_bytes(name, strlen(name), 1);
    for (int i = 0; i < s->declared.len; i++) {
        const Entry *e = s->declared.data[i];
        StmtKind kind = e->stmt->kind;
        const char *name = kind == ST_OPTION ? e->stmt->option.name.text : "";
        bool option = !strcmp(name, "max_rows") || !strcmp(name, "egd") || !strcmp(name, "precision");
        bool part = kind == ST_SOURCE || kind == ST_TARGET || kind == ST_TGD || kind == ST_EGD || kind == ST_MATCH;
        if (!n.declared[i] || !(option || part)) continue;
        key = params_in(s, e->text, mix(key, e->hash));
        if (kind == ST_SOURCE) key = mix(key, k->sources[i]);
        if (kind == ST_MATCH) key = mix(key, session_file_stamp(SESSION_BASE, e->stmt->match->via));
    }
    return mix(key, (uint64_t)s->o.run.max_rows);
}

typedef struct KeyMixer {
    const Session *s;
    const Keys *k;
    int before;
    uint64_t key;
} KeyMixer;

static void mix_target(void *user, const char *name, bool part) {
    KeyMixer *m = user;
    int i = session_find(m->s, ST_TARGET, name);
    if (i >= 0) m->key = mix(mix(m->key, m->k->targets[i]), part ? m->k->splits[i] : 0);
}

static void mix_name(void *user, const char *name, bool field) {
    KeyMixer *m = user;
    int i = session_binder(m->s, name, m->before);
    if (i >= 0)
        m->key = mix(m->key, m->k->steps[i]);
    else
        mix_target(user, name, field);
}

static void mix_algorithm(void *user, const char *name) {
    KeyMixer *m = user;
    int i = session_find(m->s, ST_ALGORITHM, name);
    if (i < 0) i = session_find(m->s, ST_METRIC, name);
    if (i >= 0) m->key = mix(m->key, m->s->declared.data[i]->hash);
}

static void mix_file(void *user, const char *uri) {
    KeyMixer *m = user;
    m->key = mix(m->key, session_file_stamp(SESSION_BASE, uri));
}

uint64_t session_step_key(Arena *a, const Session *s, const Keys *k, const Stmt *stmt, int before) {
    Buf text = {0};
    Script one = {0};
    vec_push(a, &one.stmts, (Stmt *)stmt);
    ast_print_script(&text, &one);
    KeyMixer m = {s, k, before, hash_bytes(text.data, text.len, 2)};
    Visitor v = {&m, mix_name, mix_target, mix_algorithm, mix_file};
    visit(&v, stmt);
    uint64_t key = params_in(s, text.data, m.key);
    buf_free(&text);
    return key;
}

Keys session_keys(Arena *a, const Session *s) {
    Keys k = {.sources = arena_array(a, uint64_t, s->declared.len + 1),
              .targets = arena_array(a, uint64_t, s->declared.len + 1),
              .splits = arena_array(a, uint64_t, s->declared.len + 1),
              .steps = arena_array(a, uint64_t, s->steps.len + 1)};
    for (int i = 0; i < s->declared.len; i++) {
        const Entry *e = s->declared.data[i];
        if (e->stmt->kind == ST_SOURCE)
            k.sources[i] = params_in(s, e->text, mix(e->hash, session_file_stamp(SESSION_BASE, e->stmt->source->uri)));
    }
    for (int i = 0; i < s->declared.len; i++) {
        const Stmt *d = s->declared.data[i]->stmt;
        if (d->kind != ST_TARGET) continue;
        k.targets[i] = target_key(a, s, &k, d->target->name.text);
        int split = session_find(s, ST_SPLIT, d->target->name.text);
        if (split >= 0) k.splits[i] = params_in(s, s->declared.data[split]->text, s->declared.data[split]->hash);
    }
    for (int i = 0; i < s->steps.len; i++) k.steps[i] = session_step_key(a, s, &k, s->steps.data[i]->stmt, i);
    return k;
}
