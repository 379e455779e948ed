/* lsp_hover.c: what is said about the name, or the expression, under the pointer: its declaration in the language,
 * types, shapes as the checker found them, and comments. */
#include "compiler/doc.h"
#include "compiler/lsp/lsp_internal.h"

static void code_begin(Buf *out) {
    buf_puts(out, "```amal\n");
}
static void code_end(Buf *out) {
    buf_puts(out, "\n```");
}

/* A statement in canonical form, as a block of code. */
static void code_statement(Buf *out, Arena *arena, const Stmt *s) {
    Script one = {0};
    vec_push(arena, &one.stmts, (Stmt *)s);
    code_begin(out);
    size_t from = out->len;
    ast_print_script(out, &one);
    while (out->len > from && out->data[out->len - 1] == '\n') out->data[--out->len] = 0;
    code_end(out);
}

static const char *spoken(const char *shape) {
    return strcmp(shape, "1 x 1") == 0 ? "a number" : shape;
}

static const char *shape_at(const Document *d, Span at) {
    const char *shape = NULL;
    for (int i = 0; d->p && i < d->p->shapes.len; i++) {
        const ShapeNote *n = &d->p->shapes.data[i];
        if (n->at.begin == at.begin && n->at.end == at.end) shape = n->shape; /* the last: as it leaves a loop */
    }
    return shape ? spoken(shape) : NULL;
}

/* The innermost expression around the offset of which the shape is known. */
static const ShapeNote *shape_around(const Document *d, size_t offset) {
    const ShapeNote *best = NULL;
    for (int i = 0; d->p && i < d->p->shapes.len; i++) {
        const ShapeNote *n = &d->p->shapes.data[i];
        if (offset < n->at.begin || offset > n->at.end) continue;
        if (!best || n->at.end - n->at.begin <= best->at.end - best->at.begin) best = n;
    }
    return best;
}

static void say_source(Buf *out, Arena *arena, const Source *s) {
    SourceDecl shown = *s->decl;
    Stmt stmt = {.kind = ST_SOURCE, .source = &shown};
    if (!shown.has_columns && s->schema_known) {
        shown.has_columns = true;
        for (int i = 0; i < s->ncols; i++) {
            ColumnDecl c = s->cols[i];
            if (c.header && !strcmp(c.header, c.name.text)) c.header = NULL;
            vec_push(arena, &shown.columns, c);
        }
    }
    code_statement(out, arena, &stmt);
    if (!s->decl->has_columns)
        buf_puts(out, s->schema_known ? "\n\nThe columns were found in the file."
                                      : "\n\nIts columns are not known: the file is still being read, or cannot be.");
}

static void say_column(Buf *out, const Source *s, const ColumnDecl *c) {
    code_begin(out);
    buf_printf(out, "%s.%s: %s", s->decl->name.text, c->name.text, type_text(c->type));
    if (c->width) buf_printf(out, "(%lld)", (long long)c->width);
    if (c->not_null) buf_puts(out, " not null");
    code_end(out);
    if (c->header && strcmp(c->header, c->name.text) != 0) buf_printf(out, "\n\nIn the file: `%s`.", c->header);
}

static void say_target_column(Buf *out, Arena *arena, const Target *t, const TargetColumn *c) {
    TargetDecl one = {.name = t->decl->name};
    Stmt stmt = {.kind = ST_TARGET, .target = &one};
    vec_push(arena, &one.columns, *c);
    code_statement(out, arena, &stmt);
}

static void say_variable(Buf *out, const BoundVar *v) {
    code_begin(out);
    const BoundColumn *first = v->columns.len ? &v->columns.data[0] : NULL;
    bool typed = first && first->column >= 0;
    buf_printf(out, "%s%s%s", v->name, typed ? ": " : "",
               typed ? type_text(first->source->cols[first->column].type) : "");
    code_end(out);
    if (v->existential) buf_puts(out, "\n\nNo value: the target's `missing` clause decides.");
    for (int i = 0; i < v->columns.len; i++) {
        const BoundColumn *b = &v->columns.data[i];
        if (b->column < 0) continue;
        buf_printf(out, "%s`%s.%s`", i ? " = " : "\n\n", b->role, b->source->cols[b->column].name.text);
    }
}

static void say_parameters(Buf *out, const ParamVec *params) {
    buf_puts(out, "(");
    for (int i = 0; i < params->len; i++) {
        const Param *p = &params->data[i];
        buf_printf(out, "%s%s", i ? ", " : "", p->name.text);
        for (int k = 0; k < p->dims.len; k++) {
            buf_puts(out, k ? ", " : ": [");
            ast_print_expr(out, p->dims.data[k]);
        }
        if (p->dims.len) buf_puts(out, "]");
        if (p->value) {
            buf_puts(out, " = ");
            ast_print_expr(out, p->value);
        }
    }
    buf_puts(out, ")");
}

static void say_returns(Buf *out, const FuncDecl *f) {
    const Stmt *last = f && f->body.len ? f->body.data[f->body.len - 1] : NULL;
    if (!last || last->kind != ST_RETURN) return;
    for (int i = 0; i < last->ret.len; i++) {
        buf_puts(out, i ? ", " : " -> ");
        ast_print_expr(out, last->ret.data[i]);
    }
}

/* What the comments of the script, or of the standard library, say about a name. NULL: nothing. */
static const DocEntry *documented(const Document *d, DocKind kind, const char *name) {
    DocEntries *own = arena_new_of(d->arena, DocEntries), *standard = arena_new_of(d->arena, DocEntries);
    doc_script(d->arena, d->ds, d->p->script, own);
    for (int i = -1; (i = doc_find(own, name, i)) >= 0;)
        if (own->data[i].kind == kind) return &own->data[i];
    if (!doc_standard(d->arena, d->ds, standard)) return NULL;
    for (int i = -1; (i = doc_find(standard, name, i)) >= 0;)
        if (standard->data[i].kind == kind) return &standard->data[i];
    return NULL;
}

/* Signature and documentation, without the heading. */
static bool say_documented(Buf *out, const Document *d, DocKind kind, const char *name) {
    const DocEntry *e = documented(d, kind, name);
    if (!e) return false;
    Buf text = {0};
    doc_print_markdown(&text, e);
    const char *body = strstr(text.data, "```amal");
    buf_puts(out, body ? body : text.data);
    buf_free(&text);
    while (out->len && out->data[out->len - 1] == '\n') out->data[--out->len] = 0;
    return true;
}

/* The line about one setting or column. */
static void say_part_text(Buf *out, const Document *d, DocKind kind, const char *name, const char *part) {
    const DocEntry *e = documented(d, kind, name);
    for (int i = 0; e && i < e->parts.len; i++)
        if (!strcmp(e->parts.data[i].name, part) && e->parts.data[i].text)
            buf_printf(out, "\n\n%s", e->parts.data[i].text);
}

/* The comment above a declaration that is shown as it stands. */
static void say_comment(Buf *out, const Document *d, DocKind kind, const char *name) {
    const DocEntry *e = documented(d, kind, name);
    if (e && e->text && *e->text) buf_printf(out, "\n\n%s", e->text);
}

static void say_hyper(Buf *out, const AlgorithmDecl *a, const Param *p) {
    ParamVec one = {0};
    one.data = (Param *)p;
    one.len = 1;
    code_begin(out);
    buf_puts(out, a->name.text);
    say_parameters(out, &one);
    code_end(out);
    buf_printf(out, "\n\nA setting of `%s`.", a->name.text);
}

static void say_model(Buf *out, const Document *d, const Stmt *s) {
    code_statement(out, d->arena, s);
    const AlgorithmDecl *a = s->kind == ST_TRAIN ? program_algorithm(d->p, s->train.algorithm.text) : NULL;
    if (!a || !a->fit) return;
    Buf returns = {0};
    say_returns(&returns, a->fit);
    if (returns.len) buf_printf(out, "\n\n`%s`%s", a->name.text, returns.data);
    buf_free(&returns);
}

static void say_part(Buf *out, const Stmt *split, const char *name) {
    for (int i = 0; i < split->split.parts.len; i++)
        if (!strcmp(split->split.parts.data[i].name.text, name))
            buf_printf(out, "`%s.%s`: %g of the rows of `%s`.", split->split.target.text, name,
                       split->split.parts.data[i].share, split->split.target.text);
}

static bool say_value(Buf *out, const Document *d, const NameRef *r) {
    const char *shape = shape_at(d, r->at);
    if (!shape) shape = shape_at(d, r->def);
    const Stmt *s = r->what;
    if (s && s->kind == ST_PARAM) {
        code_statement(out, d->arena, s);
        return true;
    }
    if (!shape) return false;
    code_begin(out);
    buf_printf(out, "%s: %s", r->name, shape);
    code_end(out);
    return true;
}

static bool say(Buf *out, const Document *d, const NameRef *r) {
    switch (r->kind) {
    case NAME_SOURCE:
        if (!r->what) return false;
        say_source(out, d->arena, r->what);
        say_comment(out, d, DOC_SOURCE, ((const Source *)r->what)->decl->name.text);
        return true;
    case NAME_COLUMN:
        say_column(out, r->owner, r->what);
        say_part_text(out, d, DOC_SOURCE, ((const Source *)r->owner)->decl->name.text, r->name);
        return true;
    case NAME_TARGET: {
        Stmt stmt = {.kind = ST_TARGET, .target = (TargetDecl *)((const Target *)r->what)->decl};
        code_statement(out, d->arena, &stmt);
        say_comment(out, d, DOC_TARGET, r->name);
        return true;
    }
    case NAME_TARGET_COLUMN:
        say_target_column(out, d->arena, r->owner, r->what);
        say_part_text(out, d, DOC_TARGET, ((const Target *)r->owner)->decl->name.text, r->name);
        return true;
    case NAME_VARIABLE: say_variable(out, r->what); return true;
    case NAME_TGD: {
        Stmt stmt = {.kind = ST_TGD, .tgd = (TgdDecl *)r->what};
        code_statement(out, d->arena, &stmt);
        return true;
    }
    case NAME_PART: say_part(out, r->what, r->name); return out->len > 0;
    case NAME_ALGORITHM: return say_documented(out, d, DOC_ALGORITHM, r->name);
    case NAME_HYPER:
        say_hyper(out, r->owner, r->what);
        say_part_text(out, d, DOC_ALGORITHM, ((const AlgorithmDecl *)r->owner)->name.text, r->name);
        return true;
    case NAME_METRIC: return say_documented(out, d, DOC_METRIC, r->name);
    case NAME_MODEL: say_model(out, d, r->what); return true;
    case NAME_FIELD: {
        const char *shape = shape_at(d, r->def);
        const ShapeNote *whole = shape ? NULL : shape_around(d, r->at.end);
        if (!shape && whole) shape = spoken(whole->shape);
        code_begin(out);
        buf_printf(out, "%s%s%s", r->name, shape ? ": " : "", shape ? shape : "");
        code_end(out);
        buf_printf(out, "\n\nReturned by `%s`.", ((const AlgorithmDecl *)r->owner)->name.text);
        return true;
    }
    case NAME_VALUE: return say_value(out, d, r);
    case NAME_FUNCTION: return say_documented(out, d, DOC_FUNCTION, r->name);
    case NAME_ROW_FUNCTION: return say_documented(out, d, DOC_ROW_FUNCTION, r->name);
    case NAME_FILE: return false;
    }
    return false;
}

bool document_hover(const Document *d, size_t offset, Buf *markdown, Span *at) {
    const NameRef *r = names_at(&d->names, offset);
    if (r && say(markdown, d, r)) {
        *at = r->at;
        return true;
    }
    const ShapeNote *n = shape_around(d, offset);
    if (!n) return false;
    *at = n->at;
    code_begin(markdown);
    buf_add(markdown, d->text.data + n->at.begin, n->at.end - n->at.begin);
    buf_printf(markdown, ": %s", spoken(n->shape));
    code_end(markdown);
    return true;
}
