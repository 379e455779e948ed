/* session.c: the statements of a session: what they replace, and when they run (contract: session.h).
 *
 * A declaration is accepted when nothing is wrong with itself, as seen when all declarations are resolved together;
 * what it breaks elsewhere is said, and is an error where it is used. So a source can get other columns before the
 * tgd that reads them follows. */
#include "compiler/session_internal.h"
#include "compiler/functions.h"
#include "compiler/scan.h"
#include "compiler/script.h"
#include "compiler/words.h"
#include <stdlib.h>

/* ---------------- the session ---------------- */

static bool load_stdlib(Session *s) {
    Diags *ds = diags_child(s->arena, s->files);
    if (!script_stdlib(s->arena, ds, &s->stdlib) || diag_error_count(ds) > 0) {
        diag_print(ds, s->o.err, s->o.colour);
        return false;
    }
    return true;
}

static void session_begin(Session *s) {
    s->arena = arena_new();
    s->files = diags_new(s->arena);
    for (int i = 0; i < s->o.nwarnings; i++) (void)diag_set_warning(s->files, s->o.warnings[i]);
    s->cache = data_cache_new();
}

static void session_end(Session *s) {
    for (int i = 0; i < s->steps.len; i++) session_forget_made(s->steps.data[i]);
    data_cache_free(s->cache);
    if (s->checked_arena) arena_free(s->checked_arena);
    arena_free(s->arena);
}

Session *session_new(const SessionOptions *o) {
    Session *s = mem_alloc(sizeof *s);
    s->o = *o;
    session_begin(s);
    if (load_stdlib(s)) return s;
    session_free(s);
    return NULL;
}

void session_free(Session *s) {
    session_end(s);
    mem_free(s);
}

void session_reset(Session *s) {
    SessionOptions o = s->o;
    session_end(s);
    memset(s, 0, sizeof *s);
    s->o = o;
    session_begin(s);
    (void)load_stdlib(s); /* it was read before; what became of it is said */
}

RunOptions *session_run_options(Session *s) {
    return &s->o.run;
}

bool session_read_schema(void *session, Arena *arena, Diags *ds, const SourceDecl *decl, const TableOptions *opt,
                         int *ncols, ColumnDecl **cols) {
    Session *s = session;
    Buf text = {0};
    Stmt stmt = {.kind = ST_SOURCE, .source = (SourceDecl *)decl};
    Stmt *one = &stmt;
    Script script = {.stmts = {&one, 1, 1}};
    ast_print_script(&text, &script);
    uint64_t key = hash_bytes(text.data, text.len, session_file_stamp(opt->base_dir, decl->uri));
    buf_free(&text);
    (void)arena;
    for (int i = 0; i < s->schemas.len; i++)
        if (s->schemas.data[i].key == key) {
            *ncols = s->schemas.data[i].ncols;
            *cols = s->schemas.data[i].cols;
            return true;
        }
    if (!table_schema(s->arena, ds, decl, opt, ncols, cols)) return false;
    vec_push(s->arena, &s->schemas, ((KnownSchema){key, *ncols, *cols}));
    return true;
}

/* ---------------- entries ---------------- */

static Entry *entry_new(Session *s, Stmt *stmt, const Script *script, int batch) {
    Entry *e = arena_new_of(s->arena, Entry);
    Buf text = {0};
    Script one = {0};
    vec_push(s->arena, &one.stmts, stmt);
    ast_print_script(&text, &one);
    e->stmt = stmt;
    e->text = arena_strndup(s->arena, text.data ? text.data : "", text.len);
    e->hash = hash_bytes(text.data, text.len, 0);
    e->batch = batch;
    e->script = script;
    buf_free(&text);
    return e;
}

static bool is_step(const Stmt *s) {
    switch (s->kind) {
    case ST_LET:
    case ST_PRINT:
    case ST_TRAIN:
    case ST_EVALUATE:
    case ST_PREDICT:
    case ST_SAVE:
    case ST_LOAD:
    case ST_FOR:
    case ST_EXPORT: return true;
    default: return false;
    }
}

/* The roles of a body as one text, in order of names: tgds over the same ones are taken for versions of each other. */
static const char *body_text(Arena *a, const AtomVec *body) {
    const char *names[MAX_ROLES];
    int n = 0;
    for (int i = 0; i < body->len && n < MAX_ROLES; i++) {
        const char *name = body->data[i]->role.text ? body->data[i]->role.text : body->data[i]->relation.text;
        int at = n++;
        for (; at > 0 && strcmp(names[at - 1], name) > 0; at--) names[at] = names[at - 1];
        names[at] = name;
    }
    const char *text = "";
    for (int i = 0; i < n; i++) text = arena_printf(a, "%s%s\n", text, names[i]);
    return text;
}

static bool same_heads(const TgdDecl *a, const TgdDecl *b) {
    if (a->head.len != b->head.len) return false;
    for (int i = 0; i < a->head.len; i++)
        if (strcmp(a->head.data[i]->relation.text, b->head.data[i]->relation.text) != 0) return false;
    return true;
}

static bool same_tgd(Arena *a, const Entry *x, const Entry *y) {
    const TgdDecl *p = x->stmt->tgd, *q = y->stmt->tgd;
    if (p->label.text || q->label.text) return p->label.text && q->label.text && !strcmp(p->label.text, q->label.text);
    if (x->hash == y->hash && strcmp(x->text, y->text) == 0) return true;
    return x->batch != y->batch && same_heads(p, q) && strcmp(body_text(a, &p->body), body_text(a, &q->body)) == 0;
}

static bool same_roles(const MatchDecl *p, const MatchDecl *q) {
    if (p->roles.len != q->roles.len) return false;
    for (int i = 0; i < p->roles.len; i++) {
        bool found = false;
        for (int k = 0; k < q->roles.len; k++) found |= strcmp(p->roles.data[i].text, q->roles.data[k].text) == 0;
        if (!found) return false;
    }
    return true;
}

/* Does `y`, given later, take the place of `x`? */
static bool replaces(Arena *a, const Entry *x, const Entry *y) {
    const Stmt *p = x->stmt, *q = y->stmt;
    if (p->kind != q->kind) return false;
    switch (p->kind) {
    case ST_SOURCE: return strcmp(p->source->name.text, q->source->name.text) == 0;
    case ST_TARGET: return strcmp(p->target->name.text, q->target->name.text) == 0;
    case ST_ALGORITHM: return strcmp(p->algorithm->name.text, q->algorithm->name.text) == 0;
    case ST_METRIC: return strcmp(p->metric->name.text, q->metric->name.text) == 0;
    case ST_PARAM: return strcmp(p->let.name.text, q->let.name.text) == 0;
    case ST_SPLIT: return strcmp(p->split.target.text, q->split.target.text) == 0;
    case ST_OPTION: return strcmp(p->option.name.text, q->option.name.text) == 0;
    case ST_TGD: return same_tgd(a, x, y);
    case ST_MATCH: return same_roles(p->match, q->match);
    default: return strcmp(x->text, y->text) == 0;
    }
}

/* ---------------- declarations ---------------- */

/* All of `list` resolved in a new arena, as far as it goes. */
static Program *resolve_all(Session *s, const EntryVec *list, Arena *arena, Diags *ds) {
    Script *script = arena_new_of(arena, Script);
    for (int i = 0; i < list->len; i++) vec_push(arena, &script->stmts, list->data[i]->stmt);
    ResolveOptions *o = arena_new_of(arena, ResolveOptions);
    *o = (ResolveOptions){.partial = true, .schema = session_read_schema, .user = s};
    diags_skip_remembered(ds, true);
    Program *p = program_resolve_with(arena, ds, script, s->stdlib.len, s->stdlib.data, SESSION_BASE, o);
    (void)typecheck_program(p);
    diags_skip_remembered(ds, false);
    return p;
}

static void set_checked(Session *s, Arena *arena, Program *p, Diags *ds) {
    if (s->checked_arena) arena_free(s->checked_arena);
    s->checked_arena = arena;
    s->checked = p;
    s->checked_diags = ds;
}

/* Takes `list` for the declarations. What it breaks is said. */
static void accept(Session *s, const EntryVec *list, Arena *arena, Program *p, Diags *ds) {
    bool breaks = diag_error_count(ds) > 0 && (!s->checked_diags || diag_new_errors(ds, s->checked_diags) > 0);
    diag_print_new(ds, s->checked_diags, s->o.err, s->o.colour);
    if (breaks) fputs("note: the statement was taken; what it breaks has to be mended before it is used\n", s->o.err);
    diags_remember_warnings(ds);
    s->declared = *list;
    set_checked(s, arena, p, ds);
}

/* Which names hold something that would be made anew? */
static void say_stale(Session *s) {
    Arena *a = arena_new();
    Keys keys = session_keys(a, s);
    bool any = false;
    for (int i = 0; i < s->steps.len; i++) {
        const Entry *e = s->steps.data[i];
        for (int k = 0; e->made_valid && e->made_key != keys.steps[i] && k < e->nmade; k++) {
            if (session_binder(s, e->made[k].name, s->steps.len) != i) continue; /* only others see it */
            fprintf(s->o.err, "%s`%s`", any ? ", " : "note: made again when it is used next: ", e->made[k].name);
            any = true;
        }
    }
    if (any) fputs("\n", s->o.err);
    arena_free(a);
}

static bool declare(Session *s, Entry *const *fresh, int n) {
    Arena *arena = arena_new();
    EntryVec list = {0};
    for (int i = 0; i < s->declared.len; i++) vec_push(s->arena, &list, s->declared.data[i]);
    for (int k = 0; k < n; k++) {
        bool placed = false;
        for (int i = 0; i < list.len && !placed; i++) {
            if (!replaces(arena, list.data[i], fresh[k]) || list.data[i]->batch == fresh[k]->batch) continue;
            const Stmt *old = list.data[i]->stmt;
            if (old->kind == ST_TGD && !old->tgd->label.text && strcmp(list.data[i]->text, fresh[k]->text) != 0)
                fputs("note: takes the place of the tgd over the same sources; give both a label to keep both\n",
                      s->o.err);
            list.data[i] = fresh[k];
            placed = true;
        }
        if (!placed) vec_push(s->arena, &list, fresh[k]);
    }
    Diags *ds = diags_child(arena, s->files);
    Program *p = resolve_all(s, &list, arena, ds);
    int wrong = 0;
    for (int k = 0; k < n; k++) wrong += diag_errors_within(ds, fresh[k]->stmt->span);
    if (wrong) {
        diag_print_new(ds, s->checked_diags, s->o.err, s->o.colour);
        arena_free(arena);
        return false;
    }
    accept(s, &list, arena, p, ds);
    for (int k = 0; k < n; k++)
        if (fresh[k]->stmt->kind == ST_MATCH && !session_match_fits(s, fresh[k]->stmt->match))
            fputs("note: no target has all roles of this match yet\n", s->o.err);
    say_stale(s);
    return true;
}

const Program *session_program(Session *s) {
    if (!s->checked) {
        Arena *arena = arena_new();
        Diags *ds = diags_child(arena, s->files);
        set_checked(s, arena, resolve_all(s, &s->declared, arena, ds), ds);
    }
    s->checked->steps.len = 0;
    for (int i = 0; i < s->declared.len; i++)
        if (s->declared.data[i]->stmt->kind == ST_OPTION)
            vec_push(s->checked_arena, &s->checked->steps, (const Stmt *)s->declared.data[i]->stmt);
    for (int i = 0; i < s->steps.len; i++)
        if (s->steps.data[i]->nmade)
            vec_push(s->checked_arena, &s->checked->steps, (const Stmt *)s->steps.data[i]->stmt);
    return s->checked;
}

/* ---------------- steps ---------------- */

/* A model and a value cannot have one name: the script that the session is would not hold. false: reported. */
static bool name_is_free(Session *s, Turn *t, const Stmt *stmt) {
    NameVec names = {0};
    session_bound_names(t->arena, stmt, &names);
    for (int i = 0; i < names.len; i++) {
        int at = session_binder(s, names.data[i].text, s->steps.len);
        const Entry *e = at >= 0 ? s->steps.data[at] : NULL;
        for (int k = 0; e && k < e->nmade; k++) {
            bool model = stmt->kind == ST_TRAIN || stmt->kind == ST_LOAD;
            if (stmt->kind == ST_FOR || strcmp(e->made[k].name, names.data[i].text) != 0 ||
                (e->made[k].model != NULL) == model)
                continue;
            Diag *d = diag_error(t->ds, "E113", names.data[i].span, "the %s `%s` has the name of a %s",
                                 model ? "model" : "value", names.data[i].text, model ? "value" : "model");
            diag_note(d, e->stmt->span, "which is made here");
            diag_help(d, "choose another name");
            return false;
        }
    }
    return true;
}

static SessionResult run_one(Session *s, Stmt *stmt) {
    Entry *e = entry_new(s, stmt, NULL, 0);
    Turn t;
    turn_begin(&t, s);
    bool ok = name_is_free(s, &t, stmt) && turn_resolve(&t, stmt) && turn_bind(&t) && turn_step(&t, e);
    bool interrupted = !ok && interrupt_requested();
    if (ok) vec_push(s->arena, &s->steps, e);
    turn_end(&t, ok ? e : NULL);
    session_sweep(s);
    return ok ? SESSION_DONE : interrupted ? SESSION_INTERRUPTED : SESSION_FAILED;
}

static SessionResult worst(SessionResult a, SessionResult b) {
    return a > b ? a : b;
}

static const Script *in_script(const Script *script, const Stmt *s) {
    return script && s->span.file == script->file ? script : NULL;
}

/* Statements of one file: declarations together, then the steps up to one that fails. */
static SessionResult enter_batch(Session *s, const Script *script, Stmt *const *stmts, int n) {
    Arena *a = arena_new();
    VEC(Entry *) fresh = {0};
    int batch = ++s->batches;
    for (int i = 0; i < n; i++)
        if (!is_step(stmts[i])) vec_push(a, &fresh, entry_new(s, stmts[i], in_script(script, stmts[i]), batch));
    SessionResult r = !fresh.len || declare(s, fresh.data, fresh.len) ? SESSION_DONE : SESSION_FAILED;
    arena_free(a);
    for (int i = 0; i < n && r == SESSION_DONE; i++)
        if (is_step(stmts[i])) r = run_one(s, stmts[i]);
    return r;
}

/* ---------------- text ---------------- */

static bool calls_are_known(const Expr *e) {
    FuncInfo f;
    if (!e) return true;
    if (e->kind == EX_CALL && !func_find(e->text, &f)) return false;
    for (int i = 0; i < e->nargs; i++)
        if (!calls_are_known(e->args[i])) return false;
    for (int i = 0; i < e->named.len; i++)
        if (!calls_are_known(e->named.data[i].value)) return false;
    return true;
}

bool session_is_expression(const char *text, size_t len) {
    Arena *a = arena_new();
    Diags *ds = diags_new(a);
    uint32_t file = diag_add_file(ds, "", text, len);
    ScanToken first = scan_next(text, len, 0);
    for (; first.kind == SCAN_COMMENT;) first = scan_next(text, len, first.end);
    bool command = false; /* `print -x` subtracts nothing from `print` */
    int nwords;
    const char *const *words = words_at(WORDS_EXPRESSION_STATEMENTS, &nwords);
    for (int i = 0; i < nwords; i++) command |= first.kind == SCAN_WORD && scan_is(text, first, words[i]);
    const Expr *e = command ? NULL : parse_expression(a, ds, file, text, len);
    bool is = e && calls_are_known(e);
    arena_free(a);
    return is;
}

/* One statement, of `use` the whole file. */
static SessionResult enter_stmt(Session *s, const Script *script, Stmt *stmt) {
    if (stmt->kind != ST_USE) return enter_batch(s, script, &stmt, 1);
    Diags *ds = diags_child(s->arena, s->files);
    Script user = {.path = ""};
    vec_push(s->arena, &user.stmts, stmt);
    StmtVec all = {0};
    program_collect(s->arena, ds, &user, "", SESSION_BASE, &all);
    diag_print(ds, s->o.err, s->o.colour);
    return diag_error_count(ds) ? SESSION_FAILED : enter_batch(s, NULL, all.data, all.len);
}

SessionResult session_enter(Session *s, const char *label, int first_line, const char *text, size_t len) {
    Arena *scratch = arena_new();
    Diags *ds = diags_child(scratch, s->files);
    uint32_t file = diag_add_lines(ds, label, text, len, first_line);
    SessionResult result = SESSION_DONE;
    if (session_is_expression(text, len)) {
        Stmt *stmt = arena_new_of(s->arena, Stmt);
        stmt->kind = ST_PRINT;
        stmt->print = parse_expression(s->arena, ds, file, text, len);
        stmt->span = stmt->print->span;
        result = run_one(s, stmt);
    } else {
        Script *script = parse_script(s->arena, ds, file, text, len);
        diag_print(ds, s->o.err, s->o.colour);
        if (diag_error_count(ds)) result = SESSION_FAILED;
        for (int i = 0; i < script->stmts.len && result != SESSION_INTERRUPTED; i++)
            result = worst(result, enter_stmt(s, script, script->stmts.data[i]));
    }
    arena_free(scratch);
    return result;
}

SessionResult session_load(Session *s, const char *path) {
    Diags *ds = diags_child(s->arena, s->files);
    Script *script = script_parse(s->arena, ds, path);
    StmtVec all = {0};
    if (script && diag_error_count(ds) == 0) {
        script_apply_settings(s->arena, ds, script, s->o.run.nsettings, s->o.run.settings, false);
        const char *folder = script_folder(s->arena, path);
        program_collect(s->arena, ds, script, strcmp(folder, ".") == 0 ? "" : folder, SESSION_BASE, &all);
    }
    diag_print(ds, s->o.err, s->o.colour);
    return diag_error_count(ds) ? SESSION_FAILED : enter_batch(s, script, all.data, all.len);
}

/* What leads from the file's folder back to where the session is: paths of the saved script need it. */
static const char *way_back(Arena *a, const char *path) {
    const char *folder = script_folder(a, path), *way = "";
    if (strcmp(folder, ".") == 0) return "";
    char *here = realpath(SESSION_BASE, NULL);
    bool simple = folder[0] != '/';
    for (const char *p = folder; simple && *p;) {
        size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.') simple = false;
        if (n && !(n == 1 && p[0] == '.')) way = *way ? arena_printf(a, "../%s", way) : "..";
        p += n + (p[n] == '/');
    }
    if (!simple && here) way = arena_strdup(a, here);
    free(here);
    return way;
}

SessionResult session_save(Session *s, const char *path) {
    Buf text = {0};
    Arena *a = arena_new();
    const char *prefix = way_back(a, path);
    Script script = {0};
    for (int i = 0; i < s->declared.len + s->steps.len; i++) {
        const Entry *e = i < s->declared.len ? s->declared.data[i] : s->steps.data[i - s->declared.len];
        vec_push(a, &script.stmts, program_rebase(a, prefix, e->stmt));
    }
    ast_print_script(&text, &script);
    Diags *ds = diags_child(a, s->files);
    const char *what = script_part_at(a, session_program(s), path);
    if (what) diag_error(ds, "E440", (Span){0}, "\"%s\" is %s", path, what);
    bool ok = !what && file_write_atomic(ds, (Span){0}, path, text.data ? text.data : "", text.len);
    diag_print(ds, s->o.err, s->o.colour);
    if (ok) fprintf(s->o.out, "wrote %s, %d statements\n", path, s->declared.len + s->steps.len);
    buf_free(&text);
    arena_free(a);
    return ok ? SESSION_DONE : SESSION_FAILED;
}

static bool begins_so(const Entry *e, const char *text) {
    size_t n = strlen(text);
    while (n && text[n - 1] == ';') n--;
    return n > 0 && strncmp(e->text, text, n) == 0;
}

bool session_drop(Session *s, const char *name) {
    static const StmtKind kinds[] = {ST_SOURCE, ST_TARGET, ST_TGD, ST_ALGORITHM, ST_METRIC, ST_PARAM};
    int at = -1;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && at < 0; i++) at = session_find(s, kinds[i], name);
    int candidates = 0;
    for (int i = 0; at < 0 && i < s->declared.len; i++) candidates += begins_so(s->declared.data[i], name);
    for (int i = 0; candidates == 1 && at < 0; i++)
        if (begins_so(s->declared.data[i], name)) at = i;
    if (at < 0) return false;
    EntryVec list = {0};
    for (int i = 0; i < s->declared.len; i++)
        if (i != at) vec_push(s->arena, &list, s->declared.data[i]);
    Arena *arena = arena_new();
    Diags *ds = diags_child(arena, s->files);
    Program *p = resolve_all(s, &list, arena, ds);
    accept(s, &list, arena, p, ds);
    session_sweep(s);
    return true;
}
