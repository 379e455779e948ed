/* doc.c: collects documentation (contract: doc.h; doc_print.c writes it). */
#include "compiler/doc.h"
#include "compiler/ast_print.h"
#include "compiler/functions.h"
#include "compiler/script.h"
#include <ctype.h>

const char *doc_kind_text(DocKind kind) {
    static const char *const texts[] = {"script",    "param",  "source",   "target",          "dependency",
                                        "algorithm", "metric", "function", "function of rows"};
    return texts[kind];
}

static const char *take(Arena *arena, Buf *b) {
    const char *out = arena_strndup(arena, b->data ? b->data : "", b->len);
    buf_free(b);
    return out;
}

/* ---------------- comments ---------------- */

/* A comment's lines without its marks; one blank behind a mark belongs to it. */
static void add_comment(Buf *b, const char *text) {
    bool block = *text == '/';
    const char *p = text + (block ? 2 : 1), *end = text + strlen(text) - (block ? 2 : 0);
    while (p < end) {
        const char *line = memchr(p, '\n', (size_t)(end - p)), *stop = line ? line : end;
        const char *from = p;
        if (block && p > text + 2) { /* further lines of a block may begin with a star */
            while (from < stop && (*from == ' ' || *from == '\t')) from++;
            if (from < stop && *from == '*') from++;
        }
        if (from < stop && *from == ' ') from++;
        while (stop > from && isspace((unsigned char)stop[-1])) stop--;
        buf_add(b, from, (size_t)(stop - from));
        buf_puts(b, "\n");
        p = line ? line + 1 : end;
    }
}

static bool blank_lines(const char *text, uint32_t from, uint32_t to, int *newlines) {
    *newlines = 0;
    for (; from < to; from++) {
        if (!isspace((unsigned char)text[from])) return false;
        *newlines += text[from] == '\n';
    }
    return true;
}

/* The comments that end directly above `at`: [*first, *last). */
static void comments_above(const Script *s, const char *text, uint32_t at, int *first, int *last) {
    int newlines;
    *last = s->comments.len;
    while (*last && s->comments.data[*last - 1].span.begin >= at) --*last;
    *first = *last;
    while (*first && s->comments.data[*first - 1].own_line &&
           blank_lines(text, s->comments.data[*first - 1].span.end, at, &newlines) && newlines <= 1)
        at = s->comments.data[--*first].span.begin;
}

static const char *comment_behind(Arena *arena, const Script *s, const char *text, uint32_t end) {
    int newlines;
    if (text[end] == ';') end++;
    for (int i = 0; i < s->comments.len; i++) {
        const Comment *c = &s->comments.data[i];
        if (c->span.begin < end) continue;
        if (c->own_line || !blank_lines(text, end, c->span.begin, &newlines) || newlines) return "";
        Buf b = {0};
        add_comment(&b, c->text);
        return take(arena, &b);
    }
    return "";
}

/* How many comments at the top of the file are the script's own. */
static int header_comments(const Script *s, const char *text) {
    int n = 0, newlines = 0;
    uint32_t at = 0;
    const char *slash = strrchr(s->path, '/'), *name = slash ? slash + 1 : s->path;
    while (n < s->comments.len && s->comments.data[n].own_line &&
           blank_lines(text, at, s->comments.data[n].span.begin, &newlines) && (newlines <= 1 || !n))
        at = s->comments.data[n++].span.end;
    if (!n) return 0;
    Buf b = {0};
    add_comment(&b, s->comments.data[0].text);
    bool named = b.data && strncmp(b.data, name, strlen(name)) == 0 && b.data[strlen(name)] == ':';
    buf_free(&b);
    uint32_t next = s->stmts.len ? s->stmts.data[0]->span.begin : (uint32_t)strlen(text);
    bool apart = !blank_lines(text, at, next, &newlines) || newlines > 1 || !s->stmts.len;
    return named || apart ? n : 0;
}

/* ---------------- what they say ---------------- */

static size_t line_length(const char *p) {
    return strcspn(p, "\n");
}

static size_t indentation(const char *p) {
    return strspn(p, " ");
}

/* The first sentence, its lines joined. */
static const char *first_sentence(Arena *arena, const char *text) {
    Buf b = {0};
    for (const char *p = text; *p && *p != '\n'; p++) {
        if (p > text && indentation(p) > 0 && p[-1] == '\n') break; /* a list or formula */
        size_t n = line_length(p);
        if (b.len) buf_puts(&b, " ");
        for (size_t i = 0; i < n; i++) {
            bool end = p[i] == '.' && (i + 1 == n || p[i + 1] == ' ');
            if (end) {
                buf_add(&b, p, i + 1);
                return take(arena, &b);
            }
        }
        buf_add(&b, p, n);
        p += n;
        if (!*p) break;
    }
    return take(arena, &b);
}

/* Does the line at p describe one of the parts, as `  a, b  text`? Gives the text's place. */
static const char *part_line(const DocEntry *e, const char *p, bool *named) {
    size_t n = line_length(p), at = indentation(p);
    memset(named, 0, sizeof(bool) * (size_t)e->parts.len);
    if (at == 0) return NULL;
    for (;;) {
        size_t from = at;
        while (at < n && (isalnum((unsigned char)p[at]) || p[at] == '_')) at++;
        bool known = false;
        for (int k = 0; k < e->parts.len; k++) {
            const char *name = e->parts.data[k].name;
            if (strlen(name) != at - from || memcmp(name, p + from, at - from) != 0) continue;
            named[k] = known = true;
        }
        if (!known) return NULL;
        size_t blanks = indentation(p + at);
        if (blanks >= 2 && at + blanks < n) return p + at + blanks;
        if (at >= n || p[at] != ',') return NULL;
        at += 1 + indentation(p + at + 1);
    }
}

static void describe_parts(Arena *arena, DocEntry *e) {
    if (!e->parts.len) return;
    bool *named = arena_array(arena, bool, e->parts.len);
    for (const char *p = e->text; *p;) {
        const char *text = part_line(e, p, named), *next = p + line_length(p) + (p[line_length(p)] == '\n');
        if (text) {
            Buf b = {0};
            buf_add(&b, text, line_length(text));
            size_t own = indentation(p);
            for (; *next && *next != '\n' && indentation(next) > own;
                 next += line_length(next) + (next[line_length(next)] == '\n')) {
                bool *scratch = arena_array(arena, bool, e->parts.len);
                if (part_line(e, next, scratch)) break;
                buf_puts(&b, " ");
                buf_add(&b, next + indentation(next), line_length(next) - indentation(next));
            }
            const char *said = take(arena, &b);
            for (int k = 0; k < e->parts.len; k++)
                if (named[k]) e->parts.data[k].text = said;
        }
        p = next;
    }
}

/* Gives the entry its text: a leading `NAME:` goes, ends are trimmed. */
static void set_text(Arena *arena, DocEntry *e, const char *text) {
    size_t n = strlen(e->name);
    if (strncmp(text, e->name, n) == 0 && text[n] == ':') text += n + 1 + indentation(text + n + 1);
    size_t len = strlen(text);
    while (len && isspace((unsigned char)text[len - 1])) len--;
    e->text = arena_strndup(arena, text, len);
    e->summary = first_sentence(arena, e->text);
    describe_parts(arena, e);
}

/* ---------------- a script ---------------- */

typedef struct Collector {
    Arena *arena;
    Diags *ds;
    const Script *script;
    const char *source;
    DocEntries *out;
} Collector;

static void add_entry(Collector *c, DocEntry e, const Stmt *s, Span name) {
    int first, last, column;
    comments_above(c->script, c->source, s->span.begin, &first, &last);
    int header = header_comments(c->script, c->source);
    if (first < header) first = header < last ? header : last;
    Buf b = {0};
    for (int i = first; i < last; i++) add_comment(&b, c->script->comments.data[i].text);
    const char *text = take(c->arena, &b);
    if (!*text) text = comment_behind(c->arena, c->script, c->source, s->span.end);
    e.span = name;
    e.file = diag_file_path(c->ds, c->script->file);
    diag_locate(c->ds, name, &e.line, &column);
    set_text(c->arena, &e, text);
    vec_push(c->arena, c->out, e);
}

static void add_params(Collector *c, DocEntry *e, const ParamVec *v) {
    for (int i = 0; i < v->len; i++) {
        Buf value = {0};
        if (v->data[i].value) ast_print_expr(&value, v->data[i].value);
        DocPart part = {v->data[i].name.text, value.data ? arena_strdup(c->arena, value.data) : NULL, NULL};
        buf_free(&value);
        vec_push(c->arena, &e->parts, part);
    }
}

static void add_algorithm(Collector *c, const Stmt *s) {
    const AlgorithmDecl *a = s->algorithm;
    Buf b = {0};
    ast_print_name(&b, a->name.text);
    if (a->hyper.len) ast_print_params(&b, &a->hyper);
    const FuncDecl *functions[2] = {a->fit, a->predict};
    for (int i = 0; i < 2; i++) {
        if (!functions[i]) continue;
        buf_printf(&b, "\n%s", functions[i]->name.text);
        ast_print_params(&b, &functions[i]->params);
    }
    DocEntry e = {.kind = DOC_ALGORITHM, .name = a->name.text, .signature = take(c->arena, &b)};
    add_params(c, &e, &a->hyper);
    add_entry(c, e, s, a->name.span);
}

static void add_metric(Collector *c, const Stmt *s) {
    Buf b = {0};
    ast_print_name(&b, s->metric->name.text);
    ast_print_params(&b, &s->metric->params);
    DocEntry e = {.kind = DOC_METRIC, .name = s->metric->name.text, .signature = take(c->arena, &b)};
    add_entry(c, e, s, s->metric->name.span);
}

/* name: the rest of a column as it is declared. */
static void add_column(Collector *c, DocEntry *e, const char *name, Buf *declared) {
    const char *colon = strstr(declared->data, ": ");
    DocPart part = {name, colon ? arena_strdup(c->arena, colon + 2) : NULL, NULL};
    buf_free(declared);
    vec_push(c->arena, &e->parts, part);
}

static void add_source(Collector *c, const Stmt *s) {
    const SourceDecl *d = s->source;
    Buf b = {0};
    ast_print_name(&b, d->name.text);
    buf_puts(&b, " from ");
    ast_print_text(&b, d->uri);
    DocEntry e = {.kind = DOC_SOURCE, .name = d->name.text, .signature = take(c->arena, &b)};
    for (int i = 0; i < d->columns.len; i++) {
        ast_print_source_column(&b, &d->columns.data[i]);
        add_column(c, &e, d->columns.data[i].name.text, &b);
    }
    add_entry(c, e, s, d->name.span);
}

static void add_target(Collector *c, const Stmt *s) {
    const TargetDecl *d = s->target;
    Buf b = {0};
    ast_print_name(&b, d->name.text);
    DocEntry e = {.kind = DOC_TARGET, .name = d->name.text, .signature = take(c->arena, &b)};
    for (int i = 0; i < d->columns.len; i++) {
        ast_print_target_column(&b, &d->columns.data[i]);
        add_column(c, &e, d->columns.data[i].name.text, &b);
    }
    add_entry(c, e, s, d->name.span);
}

static void add_stmt(Collector *c, const Stmt *s) {
    Buf b = {0};
    switch (s->kind) {
    case ST_SOURCE: add_source(c, s); return;
    case ST_TARGET: add_target(c, s); return;
    case ST_ALGORITHM: add_algorithm(c, s); return;
    case ST_METRIC: add_metric(c, s); return;
    case ST_PARAM:
        ast_print_name(&b, s->let.name.text);
        buf_puts(&b, " = ");
        ast_print_expr(&b, s->let.value);
        add_entry(c, (DocEntry){.kind = DOC_PARAM, .name = s->let.name.text, .signature = take(c->arena, &b)}, s,
                  s->let.name.span);
        return;
    case ST_TGD:
    case ST_EGD: {
        const Name *label = s->kind == ST_TGD ? &s->tgd->label : &s->egd->label;
        if (!label->text) return;
        Script one = {.path = c->script->path, .file = c->script->file};
        vec_push(c->arena, &one.stmts, (Stmt *)s);
        ast_print_script(&b, &one);
        while (b.len && (b.data[b.len - 1] == '\n' || b.data[b.len - 1] == ';')) b.len--;
        add_entry(c, (DocEntry){.kind = DOC_DEPENDENCY, .name = label->text, .signature = take(c->arena, &b)}, s,
                  label->span);
        return;
    }
    default: return;
    }
}

static void add_header(Collector *c) {
    int n = header_comments(c->script, c->source);
    if (!n) return;
    const char *slash = strrchr(c->script->path, '/');
    Buf b = {0};
    for (int i = 0; i < n; i++) add_comment(&b, c->script->comments.data[i].text);
    const char *name = slash ? slash + 1 : c->script->path;
    DocEntry e = {.kind = DOC_SCRIPT, .name = name, .signature = name};
    e.span = (Span){c->script->file, 0, 0};
    e.file = diag_file_path(c->ds, c->script->file);
    e.line = 1;
    set_text(c->arena, &e, take(c->arena, &b));
    vec_push(c->arena, c->out, e);
}

void doc_script(Arena *arena, Diags *ds, const Script *script, DocEntries *out) {
    Collector c = {arena, ds, script, diag_file_text(ds, script->file), out};
    add_header(&c);
    for (int i = 0; i < script->stmts.len; i++) add_stmt(&c, script->stmts.data[i]);
}

/* ---------------- what is built in ---------------- */

static void add_function(Arena *arena, DocEntries *out, DocKind kind, const char *name, const char *usage,
                         const char *says) {
    DocEntry e = {.kind = kind, .name = name, .signature = usage};
    set_text(arena, &e, says);
    vec_push(arena, out, e);
}

static void add_functions(Arena *arena, DocEntries *out) {
#define FN(KIND, name, least, most, last, usage, formula) add_function(arena, out, DOC_FUNCTION, name, usage, formula);
#include "compiler/functions.def"
#undef FN
    static const char *const operands[] = {"", "x", "x, y", "x, y, z"};
    for (int op = 0; op < IR_COUNT_OF_OPS; op++) {
        const IrOpInfo *o = &ir_ops[op];
        FuncInfo info;
        if (!ir_op_has((IrOp)op, 'N') || !func_find(o->text, &info) || info.kind != FN_OP)
            continue; /* min: functions.def */
        AMAL_CHECK(o->arity <= 3);
        const char *usage = arena_printf(arena, "%s(%s)", o->text, o->arity < 0 ? "x, y, …" : operands[o->arity]);
        add_function(arena, out, DOC_FUNCTION, o->text, usage, o->formula);
    }
}

static void add_row_functions(Arena *arena, DocEntries *out) {
    static const struct {
        const char *name, *types, *says;
    } functions[] = {
#define X(name, types, result, says) {#name, types, says},
#include "backends/runtime/rowexpr.def"
#undef X
    };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        Buf b = {0};
        buf_printf(&b, "%s(", functions[i].name);
        for (const char *t = functions[i].types; *t; t++) {
            const char *type = *t == 'n' ? "number" : *t == 't' ? "text" : *t == 'd' ? "date" : "…";
            buf_printf(&b, "%s%s", t > functions[i].types ? ", " : "", type);
        }
        buf_puts(&b, ")");
        add_function(arena, out, DOC_ROW_FUNCTION, functions[i].name, take(arena, &b), functions[i].says);
    }
}

bool doc_standard(Arena *arena, Diags *ds, DocEntries *out) {
    ScriptVec stdlib = {0};
    if (!script_stdlib(arena, ds, &stdlib)) return false;
    for (int i = 0; i < stdlib.len; i++) {
        DocEntries all = {0};
        doc_script(arena, ds, stdlib.data[i], &all);
        for (int k = 0; k < all.len; k++) /* a file's own comment says little to those who look for a name */
            if (all.data[k].kind != DOC_SCRIPT) vec_push(arena, out, all.data[k]);
    }
    add_functions(arena, out);
    add_row_functions(arena, out);
    return true;
}

int doc_find(const DocEntries *entries, const char *name, int after) {
    for (int i = after + 1; i < entries->len; i++)
        if (strcmp(entries->data[i].name, name) == 0) return i;
    return -1;
}

const char *doc_nearest(Arena *arena, const DocEntries *entries, const char *name) {
    const char **names = arena_array(arena, const char *, entries->len + 1);
    for (int i = 0; i < entries->len; i++) names[i] = entries->data[i].name;
    return text_nearest(name, names, entries->len);
}
