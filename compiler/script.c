/* script.c: reads and checks a script before anything runs (contract: script.h). */
#include "compiler/script.h"
#include "compiler/carried.h"
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

char *script_read_file(Arena *arena, const char *path, size_t limit, size_t *len, const char **why) {
    bool standard_input = strcmp(path, "-") == 0;
    FILE *f = standard_input ? stdin : fopen(path, "rb");
    if (!f) {
        *why = strerror(errno);
        return NULL;
    }
    struct stat st;
    Buf text = {0};
    char chunk[16384];
    size_t n;
    *why = NULL;
    if (fstat(fileno(f), &st) == 0 && S_ISDIR(st.st_mode)) *why = "it is a folder";
    while (!*why && (n = fread(chunk, 1, sizeof chunk, f)) > 0) {
        buf_add(&text, chunk, n);
        if (text.len > limit) *why = "it is too large";
    }
    if (!*why && ferror(f)) *why = strerror(errno);
    if (!standard_input) fclose(f);
    char *out = NULL;
    if (!*why) {
        out = arena_alloc(arena, text.len + 1);
        if (text.len) memcpy(out, text.data, text.len);
        *len = text.len;
    }
    buf_free(&text);
    return out;
}

const char *script_folder(Arena *arena, const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return ".";
    return slash == path ? "/" : arena_strndup(arena, path, (size_t)(slash - path));
}

const char *script_relative(Arena *arena, const char *base_dir, const char *file) {
    if (file[0] == '/' || strcmp(base_dir, ".") == 0) return file;
    return arena_printf(arena, "%s/%s", base_dir, file);
}

const char *script_source_file(Arena *arena, const char *base_dir, const char *uri) {
    if (strncmp(uri, "sqlite:", 7) == 0) uri += 7;
    if (strncmp(uri, "file://", 7) == 0) uri += 7;
    return script_relative(arena, base_dir, arena_strndup(arena, uri, strcspn(uri, "?")));
}

bool script_is_one_file(const char *a, const char *b) {
    struct stat x, y;
    return a && b && !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

const char *script_part_at(Arena *arena, const Program *p, const char *path) {
    if (!p->built_with && p->script && script_is_one_file(path, p->script->path)) return "the script";
    for (int i = 0; !p->built_with && i < p->nused; i++)
        if (script_is_one_file(path, script_relative(arena, p->base_dir, p->used.data[i]->path)))
            return "a script that this one uses";
    for (int i = 0; i < p->sources.len; i++) {
        const SourceDecl *d = p->sources.data[i].decl;
        if (d->uri && script_is_one_file(path, script_source_file(arena, p->base_dir, d->uri)))
            return arena_printf(arena, "the file of the source `%s`", d->name.text);
    }
    for (int t = 0; t < p->targets.len; t++)
        for (int i = 0; i < p->targets.data[t].matches.len; i++) {
            const char *via = p->targets.data[t].matches.data[i]->via;
            if (via && script_is_one_file(path, script_source_file(arena, p->base_dir, via)))
                return arena_printf(arena, "the link table of a match of `%s`", p->targets.data[t].decl->name.text);
        }
    return NULL;
}

Script *script_parse(Arena *arena, Diags *ds, const char *path) {
    size_t len = 0;
    const char *why = NULL;
    char *text = script_read_file(arena, path, SCRIPT_MAX_BYTES, &len, &why);
    if (!text) {
        diag_data(ds, "E450", (Span){0}, path, 0, "the script cannot be read: %s", why);
        return NULL;
    }
    uint32_t file = diag_add_file(ds, strcmp(path, "-") == 0 ? "standard input" : path, text, len);
    Script *s = parse_script(arena, ds, file, text, len);
    s->path = path;
    return s;
}

static void stdlib_add(Arena *arena, Diags *ds, ScriptVec *out, const char *path, const char *text, size_t len) {
    uint32_t file = diag_add_file(ds, path, text, len);
    Script *s = parse_script(arena, ds, file, text, len);
    s->path = path;
    vec_push(arena, out, s);
}

static int name_order(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool stdlib_from_folder(Arena *arena, Diags *ds, ScriptVec *out, const char *folder) {
    DIR *d = opendir(folder);
    if (!d) {
        diag_data(ds, "E450", (Span){0}, folder, 0, "AMAL_STDLIB: the folder cannot be read: %s", strerror(errno));
        return false;
    }
    VEC(char *) names = {0};
    for (struct dirent *e; (e = readdir(d));) {
        size_t n = strlen(e->d_name);
        if (n > 5 && strcmp(e->d_name + n - 5, ".amal") == 0) vec_push(arena, &names, arena_strdup(arena, e->d_name));
    }
    closedir(d);
    if (names.len) qsort(names.data, (size_t)names.len, sizeof *names.data, name_order);
    for (int i = 0; i < names.len; i++) {
        const char *path = arena_printf(arena, "%s/%s", folder, names.data[i]), *why = NULL;
        size_t len = 0;
        char *text = script_read_file(arena, path, SCRIPT_MAX_BYTES, &len, &why);
        if (!text) {
            diag_data(ds, "E450", (Span){0}, path, 0, "the file cannot be read: %s", why);
            return false;
        }
        stdlib_add(arena, ds, out, path, text, len);
    }
    return true;
}

static void stdlib_built_in(Arena *arena, Diags *ds, ScriptVec *out) {
    for (const StdlibFile *f = stdlib_files; f->path; f++)
        stdlib_add(arena, ds, out, f->path, f->text, strlen(f->text));
}

bool script_stdlib(Arena *arena, Diags *ds, ScriptVec *out) {
    const char *folder = getenv("AMAL_STDLIB");
    if (folder && *folder) return stdlib_from_folder(arena, ds, out, folder);
    stdlib_built_in(arena, ds, out);
    return true;
}

/* A built program has amal's own library or the one that it was built with, whatever the environment names. */
static void stdlib_carried(Arena *arena, Diags *ds, ScriptVec *out, const AmalProgram *carried) {
    if (!carried->library) stdlib_built_in(arena, ds, out);
    for (const AmalFile *f = carried->library; f && f->path; f++)
        stdlib_add(arena, ds, out, f->path, f->text, strlen(f->text));
}

void script_apply_settings(Arena *arena, Diags *ds, Script *s, int n, const Setting *settings, bool all) {
    for (int k = 0; k < n; k++) {
        Stmt *param = NULL;
        VEC(const char *) known = {0};
        for (int i = 0; i < s->stmts.len; i++) {
            Stmt *st = s->stmts.data[i];
            if (st->kind != ST_PARAM) continue;
            vec_push(arena, &known, st->let.name.text);
            if (strcmp(st->let.name.text, settings[k].name) == 0) param = st;
        }
        if (!param && !all) continue;
        if (!param) {
            Diag *d = diag_error(ds, "E119", (Span){0}, "--set %s=%s: the script has no param `%s`", settings[k].name,
                                 settings[k].value, settings[k].name);
            const char *near = text_nearest(settings[k].name, known.data, known.len);
            if (near)
                diag_help(d, "did you mean `%s`?", near);
            else
                diag_help(d, "declare it in the script: param %s = 1;", settings[k].name);
            continue;
        }
        Expr *e = arena_new_of(arena, Expr), *old = param->let.value;
        e->span = e->op_span = e->text_span = old ? old->span : param->span;
        char *end;
        double v = strtod(settings[k].value, &end);
        bool number = settings[k].value[0] && !*end;
        if (number && !isfinite(v) && !(old && old->kind == EX_STR)) {
            Diag *d = diag_error(ds, "E119", param->span, "--set %s=%s is not a finite number", settings[k].name,
                                 settings[k].value);
            diag_help(d, "numbers are finite in scripts too");
            continue;
        }
        if (number) {
            e->kind = EX_NUM;
            e->num = v;
        } else if (strcmp(settings[k].value, "true") == 0 || strcmp(settings[k].value, "false") == 0) {
            e->kind = EX_BOOL;
            e->num = settings[k].value[0] == 't';
        } else {
            e->kind = EX_STR;
            e->text = settings[k].value;
        }
        bool text = old && old->kind == EX_STR;
        if (old && text != (e->kind == EX_STR)) {
            if (text) { /* a number given for a text is that text */
                e->kind = EX_STR;
                e->text = settings[k].value;
            } else {
                Diag *d = diag_error(ds, "E119", param->span, "--set %s=%s: the param `%s` is a number",
                                     settings[k].name, settings[k].value, settings[k].name);
                diag_help(d, "give a number, true or false");
                continue;
            }
        }
        if (e->kind == EX_NUM && e->num < 0) { /* as the parser writes negative numbers */
            Expr *neg = arena_new_of(arena, Expr);
            *neg = *e;
            neg->kind = EX_UNARY;
            neg->op = OP_NEG;
            neg->nargs = 1;
            neg->args = arena_array(arena, Expr *, 1);
            neg->args[0] = e;
            e->num = -e->num;
            e = neg;
        }
        param->let.value = e;
    }
}

/* Resolves and checks a parsed script; the standard library may not have errors either. shapes_of, said: as for
 * script_open_text(), 0 and NULL to stop at the first kind of error. */
static Program *check_script(Arena *arena, Diags *ds, Script *script, const char *folder, int nsettings,
                             const Setting *settings, const ResolveOptions *options, uint32_t shapes_of, int *said) {
    int before = diag_error_count(ds);
    ScriptVec stdlib = {0};
    if (script->carried)
        stdlib_carried(arena, ds, &stdlib, script->carried);
    else if (!script_stdlib(arena, ds, &stdlib))
        return NULL;
    if (diag_error_count(ds) > before)
        return NULL; /* a statement that was left out would only cause messages about what is missing */
    script_apply_settings(arena, ds, script, nsettings, settings, true);
    Program *p = program_resolve_with(arena, ds, script, stdlib.len, stdlib.data, folder, options);
    if (!p) return NULL;
    p->shapes_of = shapes_of;
    bool resolved = diag_error_count(ds) == 0;
    if (said && before == 0) *said = diag_count(ds);
    if (resolved || shapes_of) typecheck_program(p);
    if (said && resolved) *said = diag_count(ds);
    return p;
}

static Program *check_whole(Arena *arena, Diags *ds, Script *script, const char *folder, int nsettings,
                            const Setting *settings) {
    static const ResolveOptions whole = {0};
    /* What a statement that cannot be read would have declared is unknown: messages about its absence would mislead. */
    if (!script || diag_error_count(ds) > 0) return NULL;
    return check_script(arena, ds, script, folder, nsettings, settings, &whole, 0, NULL);
}

Program *script_open_text(Arena *arena, Diags *ds, const char *path, const char *text, size_t len,
                          const ResolveOptions *options, int *said) {
    uint32_t file = diag_add_file(ds, path, text, len);
    Script *script = parse_script(arena, ds, file, text, len);
    script->path = path;
    *said = diag_count(ds);
    return check_script(arena, ds, script, script_folder(arena, path), 0, NULL, options, file, said);
}

Program *script_open(Arena *arena, Diags *ds, const char *path, int nsettings, const Setting *settings) {
    return check_whole(arena, ds, script_parse(arena, ds, path), script_folder(arena, path), nsettings, settings);
}

Script *script_parse_carried(Arena *arena, Diags *ds, const AmalProgram *carried) {
    size_t len = strlen(carried->text);
    uint32_t file = diag_add_file(ds, carried->script, carried->text, len);
    Script *s = parse_script(arena, ds, file, carried->text, len);
    s->path = carried->script;
    s->carried = carried;
    return s;
}

Program *script_open_carried(Arena *arena, Diags *ds, const AmalProgram *carried, const char *folder, int nsettings,
                             const Setting *settings) {
    return check_whole(arena, ds, script_parse_carried(arena, ds, carried), folder, nsettings, settings);
}
