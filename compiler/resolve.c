/* resolve.c: from parsed scripts to a Program: statements of all used files, sources with their schemas, targets with
 * their tgds, and every name bound. See program.h for the contract; semantics of names are in docs (language.md,
 * "Script statements").
 *
 * Ownership: everything lives in the arena. Errors: E110..E119, E150..E176, E190 through diag_*; nothing is dropped
 * silently. */
#include "backends/runtime/kernels.h"
#include "compiler/carried.h"
#include "compiler/resolve_internal.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#define MAX_SCRIPT_BYTES (64u << 20)

/* ---------------- names ---------------- */

const char *resolve_nearest(const char *name, const TextVec *names) {
    return names->len ? text_nearest(name, names->data, names->len) : NULL;
}

void resolve_help_names(Diag *d, const char *name, const TextVec *known, const char *what) {
    const char *near = resolve_nearest(name, known);
    if (near) {
        diag_help(d, "did you mean `%s`?", near);
        return;
    }
    if (!known->len) {
        diag_help(d, "there is no %s here", what);
        return;
    }
    Buf b = {0};
    int shown = known->len < 12 ? known->len : 12;
    for (int i = 0; i < shown; i++) buf_printf(&b, "%s`%s`", i ? ", " : "", known->data[i]);
    if (shown < known->len) buf_printf(&b, " and %d more", known->len - shown);
    char *text = buf_take(&b);
    diag_help(d, "there is %s", text);
    mem_free(text);
}

int source_column(const Source *s, const char *name) {
    for (int i = 0; i < s->ncols; i++)
        if (!strcmp(s->cols[i].name.text, name)) return i;
    return -1;
}

int resolve_column(Program *p, const Source *s, Name column) {
    int c = source_column(s, column.text);
    if (c >= 0 || !s->schema_known) return c;
    TextVec names = {0};
    for (int i = 0; i < s->ncols; i++) vec_push(p->arena, &names, s->cols[i].name.text);
    Diag *d =
        diag_error(p->diags, "E112", column.span, "source `%s` has no column `%s`", s->decl->name.text, column.text);
    diag_note(d, s->decl->name.span, "`%s` is declared here", s->decl->name.text);
    resolve_help_names(d, column.text, &names, "column");
    return -1;
}

const Source *program_source(const Program *p, const char *name) {
    for (int i = 0; i < p->sources.len; i++)
        if (!strcmp(p->sources.data[i].decl->name.text, name)) return &p->sources.data[i];
    return NULL;
}

Target *program_target(Program *p, const char *name) {
    for (int i = 0; i < p->targets.len; i++)
        if (!strcmp(p->targets.data[i].decl->name.text, name)) return &p->targets.data[i];
    return NULL;
}

const AlgorithmDecl *program_algorithm(const Program *p, const char *name) {
    for (int i = 0; i < p->algorithms.len; i++)
        if (!strcmp(p->algorithms.data[i]->name.text, name)) return p->algorithms.data[i];
    return NULL;
}

const FuncDecl *program_metric(const Program *p, const char *name) {
    for (int i = 0; i < p->metrics.len; i++)
        if (!strcmp(p->metrics.data[i]->name.text, name)) return p->metrics.data[i];
    return NULL;
}

int resolve_source(Program *p, Name name) {
    const Source *s = program_source(p, name.text);
    if (s) return s->index;
    TextVec names = {0};
    for (int i = 0; i < p->sources.len; i++) vec_push(p->arena, &names, p->sources.data[i].decl->name.text);
    Diag *d = diag_error(p->diags, "E111", name.span, "there is no source `%s`", name.text);
    const Target *t = program_target(p, name.text);
    if (t) diag_note(d, t->decl->name.span, "`%s` is a target; bodies read sources", name.text);
    resolve_help_names(d, name.text, &names, "source");
    return -1;
}

Diag *resolve_unsupported(Diags *ds, Span at, const char *what) {
    return diag_error(ds, "E190", at, "%s is not supported yet", what);
}

static const Expr *fold_negation(const Program *p, const Expr *e) {
    const Expr *inner = resolve_constant(p, e->args[0]);
    if (!inner || inner->kind != EX_NUM) return NULL;
    Expr *n = arena_new_of(p->arena, Expr);
    *n = *inner;
    n->num = -inner->num;
    n->span = e->span;
    return n;
}

const Expr *resolve_constant(const Program *p, const Expr *e) {
    if (!e) return NULL;
    if (e->kind == EX_NUM || e->kind == EX_STR || e->kind == EX_BOOL || e->kind == EX_NULL) return e;
    if (e->kind == EX_UNARY && e->op == OP_NEG) return fold_negation(p, e);
    if (e->kind != EX_NAME) return NULL;
    for (int i = 0; i < p->params.len; i++) {
        const Stmt *s = p->params.data[i];
        /* a parameter defined by another one could refer to itself: only literals are followed */
        const Expr *v = s->let.value;
        if (strcmp(s->let.name.text, e->text) || !v) continue;
        if (v->kind == EX_NUM || v->kind == EX_STR || v->kind == EX_BOOL) return v;
        if (v->kind == EX_UNARY && v->op == OP_NEG && v->args[0]->kind == EX_NUM) return fold_negation(p, v);
    }
    return NULL;
}

/* ---------------- statements of all files ---------------- */

typedef struct OpenFile {
    const char *real; /* resolved path: the same file under two names is one */
    const struct OpenFile *user;
    Span use;
} OpenFile;
typedef struct Declared {
    int space;
    const char *what;
    Name name;
} Declared;
typedef struct Collector {
    Program *p;
    VEC(Stmt *) stmts;
    TextVec done; /* real paths of files already taken in */
    VEC(Declared) declared;
    bool lost_tgd;
} Collector;
enum { SPACE_RELATION, SPACE_ALGORITHM, SPACE_METRIC, SPACE_TGD, SPACE_PARAM, SPACE_SPLIT };

/* false: the name is taken (reported, E113). */
static bool declare(Collector *c, int space, const char *what, Name name) {
    for (int i = 0; i < c->declared.len; i++) {
        Declared *o = &c->declared.data[i];
        if (o->space != space || strcmp(o->name.text, name.text)) continue;
        Diag *d = diag_error(c->p->diags, "E113", name.span, "the %s `%s` is declared twice", what, name.text);
        diag_note(d, o->name.span, "the first, a %s, is here", o->what);
        diag_help(d, "rename one of them, or take one away");
        return false;
    }
    vec_push(c->p->arena, &c->declared, ((Declared){space, what, name}));
    return true;
}

static const char *real_path(Arena *a, const char *path) {
    char *r = realpath(path, NULL);
    const char *copy = arena_strdup(a, r ? r : path);
    free(r);
    return copy;
}

static const char *folder_of(Arena *a, const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? arena_strndup(a, path, (size_t)(slash - path)) : "";
}

static const char *path_join(Arena *a, const char *dir, const char *path) {
    if (!dir || !*dir || !strcmp(dir, ".") || path[0] == '/') return path;
    return arena_printf(a, "%s/%s", dir, path);
}

/* A path of a used file, seen from the main script's folder. */
static const char *path_rebase(Arena *a, const char *prefix, const char *uri) {
    if (!*prefix || !uri || uri[0] == '/' || strstr(uri, "://")) return uri;
    if (!strncmp(uri, "sqlite:", 7)) return uri[7] == '/' ? uri : arena_printf(a, "sqlite:%s/%s", prefix, uri + 7);
    return arena_printf(a, "%s/%s", prefix, uri);
}

Stmt *program_rebase(Arena *a, const char *prefix, Stmt *s) {
    if (!*prefix) return s;
    Stmt *copy = arena_new_of(a, Stmt);
    *copy = *s;
    switch (s->kind) {
    case ST_SOURCE:
        copy->source = arena_new_of(a, SourceDecl);
        *copy->source = *s->source;
        copy->source->uri = path_rebase(a, prefix, s->source->uri);
        return copy;
    case ST_MATCH:
        copy->match = arena_new_of(a, MatchDecl);
        *copy->match = *s->match;
        copy->match->via = path_rebase(a, prefix, s->match->via);
        return copy;
    case ST_PREDICT: copy->predict.file = path_rebase(a, prefix, s->predict.file); return copy;
    case ST_SAVE:
    case ST_LOAD: copy->file.file = path_rebase(a, prefix, s->file.file); return copy;
    case ST_EXPORT: copy->export_.file = path_rebase(a, prefix, s->export_.file); return copy;
    case ST_FOR:
        memset(&copy->loop_for.body, 0, sizeof copy->loop_for.body);
        for (int i = 0; i < s->loop_for.body.len; i++)
            vec_push(a, &copy->loop_for.body, program_rebase(a, prefix, s->loop_for.body.data[i]));
        return copy;
    default: return s;
    }
}

/* The text of a used file that the program carries (it has all that were used when it was built). */
static char *carried_script(const AmalProgram *carried, const char *path, size_t *len) {
    for (const AmalFile *f = carried->files; f->path; f++)
        if (strcmp(f->path, path) == 0) {
            Buf b = {0};
            buf_add(&b, f->text, *len = strlen(f->text));
            return buf_take(&b);
        }
    internal_error("the program lacks the script %s", path);
}

/* The whole of a used file. NULL: reported (E116). */
static char *read_script(Collector *c, Span at, const char *path, size_t *len) {
    const ResolveOptions *o = c->p->options;
    char *given = o && o->text ? o->text(o->user, path, len) : NULL;
    if (given) return given;
    FILE *f = fopen(path, "rb");
    Buf b = {0};
    int why = errno;
    if (f) {
        char chunk[65536];
        size_t n;
        why = 0;
        errno = 0;
        while (b.len <= MAX_SCRIPT_BYTES && (n = fread(chunk, 1, sizeof chunk, f)) > 0) buf_add(&b, chunk, n);
        if (ferror(f)) why = errno ? errno : EIO;
        if (fclose(f) != 0 && !why) why = errno;
    }
    if (!why && b.len <= MAX_SCRIPT_BYTES) {
        *len = b.len;
        return buf_take(&b);
    }
    Diag *d = diag_error(c->p->diags, "E116", at, "cannot read `%s`: %s", path,
                         why ? strerror(why) : "more than 64 MB of text");
    diag_help(d, "paths are relative to the script that uses them");
    buf_free(&b);
    return NULL;
}

static void collect(Collector *c, Script *s, const char *prefix, const OpenFile *self);

/* prefix: folder of the using script relative to the main one's. */
static void collect_use(Collector *c, const Stmt *u, const char *prefix, const OpenFile *user) {
    Program *p = c->p;
    const char *rebased = path_rebase(p->arena, prefix, u->use.file);
    const char *path = path_join(p->arena, p->base_dir, rebased);
    const AmalProgram *carried = p->script->carried;
    OpenFile self = {carried ? rebased : real_path(p->arena, path), user, u->use.file_span};
    for (const OpenFile *o = user; o; o = o->user) {
        if (strcmp(o->real, self.real)) continue;
        Diag *d = diag_error(p->diags, "E115", u->use.file_span, "`%s` uses itself", u->use.file);
        for (const OpenFile *w = user; w != o; w = w->user) diag_note(d, w->use, "used from here");
        diag_help(d, "take this `use` away, or move what both need into a third file");
        return;
    }
    for (int i = 0; i < c->done.len; i++)
        if (!strcmp(c->done.data[i], self.real)) return; /* used twice along different ways: taken once */
    vec_push(p->arena, &c->done, self.real);
    size_t len = 0;
    char *text = carried ? carried_script(carried, rebased, &len) : read_script(c, u->use.file_span, path, &len);
    if (!text) return;
    uint32_t file = diag_add_file(p->diags, carried ? rebased : path, text, len);
    Script *s = parse_script(p->arena, p->diags, file, text, len);
    s->path = rebased;
    mem_free(text);
    vec_push(p->arena, &p->used, s);
    collect(c, s, folder_of(p->arena, rebased), &self);
}

static void collect(Collector *c, Script *s, const char *prefix, const OpenFile *self) {
    for (int i = 0; i < s->stmts.len; i++) {
        Stmt *st = s->stmts.data[i];
        if (st->kind == ST_USE)
            collect_use(c, st, prefix, self);
        else
            vec_push(c->p->arena, &c->stmts, program_rebase(c->p->arena, prefix, st));
    }
}

/* ---------------- sources ---------------- */

static void check_columns(Program *p, const Source *s) {
    for (int i = 0; i < s->ncols; i++)
        for (int j = 0; j < i; j++) {
            if (strcmp(s->cols[i].name.text, s->cols[j].name.text)) continue;
            Diag *d = diag_error(p->diags, "E113", s->cols[i].name.span, "source `%s` has two columns `%s`",
                                 s->decl->name.text, s->cols[i].name.text);
            diag_note(d, s->cols[j].name.span, "the first is here");
            diag_help(d, "rename one: `%s_2: %s as \"%s\"`", s->cols[i].name.text, type_text(s->cols[i].type),
                      s->cols[i].header ? s->cols[i].header : s->cols[i].name.text);
            break;
        }
}

/* A source of a built program that declares no columns has those that were found when it was built. */
static const SourceDecl *with_built_columns(const Program *p, const SourceDecl *decl) {
    if (decl->has_columns || !p->script->carried) return decl;
    for (int i = 0; i < p->built_with->stmts.len; i++) {
        const Stmt *s = p->built_with->stmts.data[i];
        if (s->kind != ST_SOURCE || strcmp(s->source->name.text, decl->name.text) != 0) continue;
        SourceDecl *with = arena_new_of(p->arena, SourceDecl);
        *with = *decl;
        with->has_columns = true;
        with->columns = s->source->columns;
        return with;
    }
    return decl;
}

static void add_source(Collector *c, const SourceDecl *decl) {
    Program *p = c->p;
    decl = with_built_columns(p, decl);
    if (!declare(c, SPACE_RELATION, "source", decl->name)) return;
    Source s = {.decl = decl, .index = p->sources.len, .ncols = decl->columns.len, .cols = decl->columns.data};
    if (decl->silo.text) {
        Diag *d = resolve_unsupported(p->diags, decl->silo.span, "a source in a silo (`at NAME`)");
        diag_help(d, "leave `at %s` out and give a file that can be read from here", decl->silo.text);
    }
    bool remote = decl->uri && (!strncmp(decl->uri, "postgres://", 11) || !strncmp(decl->uri, "postgresql://", 13));
    if (remote) {
        Diag *d = resolve_unsupported(p->diags, decl->uri_span, "reading from PostgreSQL");
        diag_help(d, "export the table first, for example `\\copy (SELECT …) TO 'table.csv' CSV HEADER` in psql");
    }
    if (decl->has_columns) {
        s.schema_known = true;
        check_columns(p, &s);
        if (!s.ncols) {
            Diag *d = diag_error(p->diags, "E112", decl->name.span, "source `%s` has no columns", decl->name.text);
            diag_help(d, "leave the `{ }` out to have the columns read from the file");
        }
    } else if (!remote) {
        TableOptions opt = {.base_dir = p->base_dir, .threads = thread_default_count()};
        s.schema_known = p->options->schema
                             ? p->options->schema(p->options->user, p->arena, p->diags, decl, &opt, &s.ncols, &s.cols)
                             : table_schema(p->arena, p->diags, decl, &opt, &s.ncols, &s.cols);
        if (!s.schema_known) s.ncols = 0;
    }
    s.wanted = arena_array(p->arena, bool, s.ncols + 1);
    vec_push(p->arena, &p->sources, s);
}

/* ---------------- targets ---------------- */

static bool target_columns_ok(Program *p, const TargetDecl *t) {
    bool ok = true;
    const TargetColumn *label = NULL, *weight = NULL;
    for (int i = 0; i < t->columns.len; i++) {
        const TargetColumn *c = &t->columns.data[i];
        for (int j = 0; j < i; j++) {
            if (strcmp(c->name.text, t->columns.data[j].name.text)) continue;
            Diag *d = diag_error(p->diags, "E113", c->name.span, "target `%s` has two columns `%s`", t->name.text,
                                 c->name.text);
            diag_note(d, t->columns.data[j].name.span, "the first is here");
            ok = false;
            break;
        }
        const TargetColumn **one = c->role == ROLE_LABEL ? &label : c->role == ROLE_WEIGHT ? &weight : NULL;
        if (!one) continue;
        const char *what = c->role == ROLE_LABEL ? "label" : "weight";
        if (*one) {
            Diag *d = diag_error(p->diags, "E179", c->name.span, "target `%s` has a second %s", t->name.text, what);
            diag_note(d, (*one)->name.span, "the first is here");
            diag_help(d, "make it a feature, or declare another target for it");
            ok = false;
        } else
            *one = c;
    }
    if (!t->columns.len) {
        Diag *d = diag_error(p->diags, "E172", t->name.span, "target `%s` has no columns", t->name.text);
        diag_help(d, "for example `x: feature num`");
        ok = false;
    }
    return ok;
}

static void add_target(Collector *c, const TargetDecl *decl) {
    Program *p = c->p;
    if (!declare(c, SPACE_RELATION, "target", decl->name)) return;
    target_columns_ok(p, decl);
    if (decl->conflict && (!strcmp(decl->conflict, "mean") || !strcmp(decl->conflict, "error"))) {
        Diag *d =
            resolve_unsupported(p->diags, decl->conflict_span, arena_printf(p->arena, "`conflict %s`", decl->conflict));
        diag_help(d, "`conflict base` takes the value of the first source in order, `conflict nonnull` the first that "
                     "is not missing; "
                     "differences are reported either way");
    }
    Target t = {.decl = decl, .index = p->targets.len, .nfeatures_known = -1};
    for (int i = 0; i < decl->columns.len; i++) {
        t.has_label |= decl->columns.data[i].role == ROLE_LABEL;
        t.has_weight |= decl->columns.data[i].role == ROLE_WEIGHT;
    }
    vec_push(p->arena, &p->targets, t);
}

/* ---------------- tgds ---------------- */

static bool expr_mentions(const Expr *e, const char *name) {
    if (!e) return false;
    if (e->kind == EX_NAME) return !strcmp(e->text, name);
    for (int i = 0; i < e->nargs; i++)
        if (expr_mentions(e->args[i], name)) return true;
    for (int i = 0; i < e->named.len; i++)
        if (expr_mentions(e->named.data[i].value, name)) return true;
    return false;
}

static bool atom_mentions(const Atom *a, const char *name) {
    for (int i = 0; i < a->args.len; i++)
        if (expr_mentions(a->args.data[i].value, name)) return true;
    return false;
}

/* Several head atoms mean one tgd each, unless they share an unknown: then their rows would have to be joined by it. */
static bool check_shared_existential(Program *p, const TgdDecl *t) {
    for (int v = 0; v < t->exists.len; v++) {
        const Atom *first = NULL;
        for (int h = 0; h < t->head.len; h++) {
            if (!atom_mentions(t->head.data[h], t->exists.data[v].text)) continue;
            if (!first) {
                first = t->head.data[h];
                continue;
            }
            Diag *d = diag_error(p->diags, "E140", t->head.data[h]->span,
                                 "two target atoms share the existential variable `%s`", t->exists.data[v].text);
            diag_note(d, first->span, "the other is here");
            diag_help(d, "give each target its own variable: an unknown value cannot join two targets");
            return false;
        }
    }
    return true;
}

/* false: a head atom was reported, so its target may lack the tgd. */
static bool attach_tgd(Program *p, const TgdDecl *decl) {
    if (!check_shared_existential(p, decl)) return false;
    bool ok = true;
    for (int h = 0; h < decl->head.len; h++) {
        Atom *head = decl->head.data[h];
        Target *t = program_target(p, head->relation.text);
        if (!t) {
            TextVec names = {0};
            for (int i = 0; i < p->targets.len; i++) vec_push(p->arena, &names, p->targets.data[i].decl->name.text);
            Diag *d = diag_error(p->diags, "E111", head->relation.span, "there is no target `%s`", head->relation.text);
            if (program_source(p, head->relation.text))
                diag_note(d, head->relation.span, "it is a source; the head of a tgd is a target");
            resolve_help_names(d, head->relation.text, &names, "target");
            ok = false;
            continue;
        }
        TgdDecl *one = arena_new_of(p->arena, TgdDecl);
        *one = *decl;
        memset(&one->head, 0, sizeof one->head);
        vec_push(p->arena, &one->head, head); /* its own first; the others still use the variables */
        for (int k = 0; k < decl->head.len; k++)
            if (k != h) vec_push(p->arena, &one->head, decl->head.data[k]);
        vec_push(p->arena, &t->tgds, (const TgdDecl *)one);
    }
    return ok;
}

/* Role names of a target: aliases, or the sources' names. */
static bool target_has_role(const Target *t, const char *name) {
    for (int i = 0; i < t->tgds.len; i++) {
        const TgdDecl *d = t->tgds.data[i];
        for (int j = 0; j < d->body.len; j++) {
            const Atom *a = d->body.data[j];
            if (!strcmp(a->role.text ? a->role.text : a->relation.text, name)) return true;
        }
    }
    return false;
}

static void attach_match(Program *p, const MatchDecl *m) {
    if (m->fuzzy) {
        Diag *d = resolve_unsupported(p->diags, m->span, "`match … fuzzy`");
        diag_help(
            d,
            "make the pairs with another tool and read them with `match A, B via \"links.csv\" (left = …, right = …)`");
        return;
    }
    bool attached = false;
    for (int i = 0; i < p->targets.len; i++) {
        Target *t = &p->targets.data[i];
        bool all = m->roles.len > 0;
        for (int r = 0; r < m->roles.len; r++) all &= target_has_role(t, m->roles.data[r].text);
        if (all) vec_push(p->arena, &t->matches, m);
        attached |= all;
    }
    if (attached || p->options->partial) return;
    TextVec names = {0};
    for (int i = 0; i < p->targets.len; i++)
        for (int j = 0; j < p->targets.data[i].tgds.len; j++) {
            const TgdDecl *d = p->targets.data[i].tgds.data[j];
            for (int a = 0; a < d->body.len; a++)
                vec_push(p->arena, &names,
                         d->body.data[a]->role.text ? d->body.data[a]->role.text : d->body.data[a]->relation.text);
        }
    for (int r = 0; r < m->roles.len; r++) {
        bool known = false;
        for (int i = 0; i < names.len; i++) known |= !strcmp(names.data[i], m->roles.data[r].text);
        if (known) continue;
        Diag *d = diag_error(p->diags, "E111", m->roles.data[r].span, "no tgd has a role `%s` to match",
                             m->roles.data[r].text);
        resolve_help_names(d, m->roles.data[r].text, &names, "role");
        return;
    }
    Diag *d = diag_error(p->diags, "E151", m->span, "no target has all the roles of this match");
    diag_help(d, "the matched roles must occur in the tgds of one target");
}

/* ---------------- the whole ---------------- */

static void add_declaration(Collector *c, Stmt *s) {
    Program *p = c->p;
    switch (s->kind) {
    case ST_SOURCE: add_source(c, s->source); break;
    case ST_TARGET: add_target(c, s->target); break;
    case ST_ALGORITHM:
        if (declare(c, SPACE_ALGORITHM, "algorithm", s->algorithm->name))
            vec_push(p->arena, &p->algorithms, (const AlgorithmDecl *)s->algorithm);
        break;
    case ST_METRIC:
        if (declare(c, SPACE_METRIC, "metric", s->metric->name))
            vec_push(p->arena, &p->metrics, (const FuncDecl *)s->metric);
        break;
    case ST_PARAM:
        if (declare(c, SPACE_PARAM, "parameter", s->let.name)) vec_push(p->arena, &p->params, (const Stmt *)s);
        break;
    case ST_SILO: {
        Diag *d = resolve_unsupported(p->diags, s->span, "`silo`");
        diag_help(d, "declare each source with a file that can be read from here");
        break;
    }
    case ST_LET:
    case ST_PRINT:
    case ST_TRAIN:
    case ST_EVALUATE:
    case ST_PREDICT:
    case ST_SAVE:
    case ST_LOAD:
    case ST_OPTION:
    case ST_FOR:
    case ST_EXPORT: vec_push(p->arena, &p->steps, (const Stmt *)s); break;
    default: break;
    }
}

static void add_dependency(Collector *c, Stmt *s) {
    if (s->kind == ST_TGD) {
        if (s->tgd->label.text) declare(c, SPACE_TGD, "tgd", s->tgd->label);
        c->lost_tgd |= !attach_tgd(c->p, s->tgd);
    } else if (s->kind == ST_EGD) {
        resolve_egd(c->p, s->egd);
    } else if (s->kind == ST_SPLIT) {
        Target *t = program_target(c->p, s->split.target.text);
        if (t && declare(c, SPACE_SPLIT, "split of", s->split.target)) t->split = s;
    }
}

static void add_stdlib(Program *p, int nstdlib, Script **stdlib) {
    for (int i = 0; i < nstdlib; i++) {
        vec_push(p->arena, &p->used, stdlib[i]);
        for (int j = 0; j < stdlib[i]->stmts.len; j++) {
            const Stmt *s = stdlib[i]->stmts.data[j];
            if (s->kind == ST_ALGORITHM && !program_algorithm(p, s->algorithm->name.text))
                vec_push(p->arena, &p->algorithms, (const AlgorithmDecl *)s->algorithm);
            if (s->kind == ST_METRIC && !program_metric(p, s->metric->name.text))
                vec_push(p->arena, &p->metrics, (const FuncDecl *)s->metric);
        }
    }
}

/* Keys declared inside source blocks. */
static void add_source_keys(Program *p) {
    for (int i = 0; i < p->sources.len; i++) {
        const SourceDecl *d = p->sources.data[i].decl;
        for (int k = 0; k < d->keys.len; k++) {
            EgdDecl *e = arena_new_of(p->arena, EgdDecl);
            *e = (EgdDecl){.kind = EGD_KEY, .source = d->name, .cols = d->keys.data[k], .span = d->keys_span};
            if (!e->span.file) e->span = d->name.span;
            resolve_egd(p, e);
        }
    }
}

Program *program_resolve(Arena *arena, Diags *ds, const Script *script, int nstdlib, Script **stdlib,
                         const char *base_dir) {
    static const ResolveOptions whole = {0};
    return program_resolve_with(arena, ds, script, nstdlib, stdlib, base_dir, &whole);
}

void program_collect(Arena *arena, Diags *ds, Script *script, const char *prefix, const char *base_dir, StmtVec *out) {
    Program *p = arena_new_of(arena, Program);
    *p = (Program){.arena = arena, .diags = ds, .script = script, .base_dir = base_dir};
    Collector c = {.p = p};
    OpenFile self = {.real = real_path(arena, script->path ? script->path : "")};
    vec_push(arena, &c.done, self.real);
    collect(&c, script, prefix, &self);
    for (int i = 0; i < c.stmts.len; i++) vec_push(arena, out, c.stmts.data[i]);
}

Program *program_resolve_with(Arena *arena, Diags *ds, const Script *script, int nstdlib, Script **stdlib,
                              const char *base_dir, const ResolveOptions *options) {
    if (!script) return NULL;
    Program *p = arena_new_of(arena, Program);
    *p = (Program){.arena = arena, .diags = ds, .script = script, .base_dir = base_dir ? base_dir : ""};
    p->options = options;
    Collector c = {.p = p};
    if (script->carried) {
        const char *columns = script->carried->schemas;
        uint32_t file = diag_add_file(ds, "the columns when it was built", columns, strlen(columns));
        p->built_with = parse_script(arena, ds, file, columns, strlen(columns));
    }
    OpenFile self = {.real = real_path(arena, script->path ? script->path : "")};
    vec_push(arena, &c.done, self.real);
    collect(&c, (Script *)script, "", &self);
    for (int i = 0; i < c.stmts.len; i++) add_declaration(&c, c.stmts.data[i]);
    p->nused = p->used.len;
    add_stdlib(p, nstdlib, stdlib);
    add_source_keys(p);
    for (int i = 0; i < c.stmts.len; i++) add_dependency(&c, c.stmts.data[i]);
    for (int i = 0; i < c.stmts.len; i++)
        if (c.stmts.data[i]->kind == ST_MATCH) attach_match(p, c.stmts.data[i]->match);
    resolve_settings(p, c.stmts.data, c.stmts.len);
    for (int i = 0; i < p->targets.len; i++)
        if (p->targets.data[i].tgds.len || !(c.lost_tgd || options->partial))
            (void)mapping_resolve(p, &p->targets.data[i]); /* reported */
    resolve_steps(p);
    return p;
}
