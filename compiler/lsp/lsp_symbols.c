/* lsp_symbols.c: the outline of a script: declarations, tgds and models in the order of the text. */
#include "compiler/lsp/lsp_internal.h"

/* Kinds of the protocol. */
enum {
    KIND_FILE = 1,
    KIND_CLASS = 5,
    KIND_METHOD = 6,
    KIND_FIELD = 8,
    KIND_FUNCTION = 12,
    KIND_VARIABLE = 13,
    KIND_CONSTANT = 14,
    KIND_STRUCT = 23,
    KIND_EVENT = 24
};

typedef struct Outline {
    Places places;
    Buf *out;
    bool first; /* of the list at hand */
} Outline;

static void open_symbol(Outline *o, const char *name, const char *detail, int kind, Span whole, Span at) {
    if (!at.file) at = whole;
    if (at.begin < whole.begin || at.end > whole.end) whole = span_join(whole, at);
    buf_printf(o->out, "%s{\"name\":", o->first ? "" : ",");
    diag_json_text(o->out, name && *name ? name : "?");
    if (detail) {
        buf_puts(o->out, ",\"detail\":");
        diag_json_text(o->out, detail);
    }
    buf_printf(o->out, ",\"kind\":%d,\"range\":", kind);
    position_write_range(o->out, &o->places, whole.begin, whole.end);
    buf_puts(o->out, ",\"selectionRange\":");
    position_write_range(o->out, &o->places, at.begin, at.end);
    buf_puts(o->out, ",\"children\":[");
    o->first = true;
}

static void close_symbol(Outline *o) {
    buf_puts(o->out, "]}");
    o->first = false;
}

static void leaf(Outline *o, const char *name, const char *detail, int kind, Span at) {
    open_symbol(o, name, detail, kind, at, at);
    close_symbol(o);
}

static void tgd(Outline *o, const Stmt *s) {
    const TgdDecl *t = s->tgd;
    Buf text = {0};
    for (int i = 0; i < t->body.len; i++) buf_printf(&text, "%s%s", i ? " & " : "", t->body.data[i]->relation.text);
    buf_puts(&text, " -> ");
    for (int i = 0; i < t->head.len; i++) buf_printf(&text, "%s%s", i ? " & " : "", t->head.data[i]->relation.text);
    Span at = t->label.text ? t->label.span : t->body.len ? t->body.data[0]->relation.span : s->span;
    open_symbol(o, t->label.text ? t->label.text : text.data, t->label.text ? text.data : NULL, KIND_EVENT, s->span,
                at);
    close_symbol(o);
    buf_free(&text);
}

static void algorithm(Outline *o, const Stmt *s) {
    const AlgorithmDecl *a = s->algorithm;
    open_symbol(o, a->name.text, "algorithm", KIND_CLASS, s->span, a->name.span);
    for (int i = 0; i < a->hyper.len; i++)
        leaf(o, a->hyper.data[i].name.text, "hyperparameter", KIND_FIELD, a->hyper.data[i].name.span);
    if (a->fit) leaf(o, "fit", NULL, KIND_METHOD, a->fit->span);
    if (a->predict) leaf(o, "predict", NULL, KIND_METHOD, a->predict->span);
    close_symbol(o);
}

static void symbol(Outline *o, const Stmt *s) {
    switch (s->kind) {
    case ST_SOURCE: {
        const SourceDecl *d = s->source;
        open_symbol(o, d->name.text, d->uri, KIND_STRUCT, s->span, d->name.span);
        for (int i = 0; i < d->columns.len; i++)
            leaf(o, d->columns.data[i].name.text, type_text(d->columns.data[i].type), KIND_FIELD,
                 d->columns.data[i].name.span);
        close_symbol(o);
        break;
    }
    case ST_TARGET: {
        static const char *const roles[] = {"feature", "label", "weight", "id"};
        const TargetDecl *t = s->target;
        open_symbol(o, t->name.text, "target", KIND_STRUCT, s->span, t->name.span);
        for (int i = 0; i < t->columns.len; i++)
            leaf(o, t->columns.data[i].name.text, roles[t->columns.data[i].role], KIND_FIELD,
                 t->columns.data[i].name.span);
        close_symbol(o);
        break;
    }
    case ST_TGD: tgd(o, s); break;
    case ST_ALGORITHM: algorithm(o, s); break;
    case ST_METRIC:
        open_symbol(o, s->metric->name.text, "metric", KIND_FUNCTION, s->span, s->metric->name.span);
        close_symbol(o);
        break;
    case ST_TRAIN:
        open_symbol(o, s->train.name.text, s->train.algorithm.text, KIND_VARIABLE, s->span, s->train.name.span);
        close_symbol(o);
        break;
    case ST_LOAD:
        open_symbol(o, s->file.model.text, s->file.file, KIND_VARIABLE, s->span, s->file.model.span);
        close_symbol(o);
        break;
    case ST_LET:
    case ST_PARAM:
        open_symbol(o, s->let.name.text, s->kind == ST_LET ? "let" : "param", KIND_CONSTANT, s->span, s->let.name.span);
        close_symbol(o);
        break;
    case ST_USE: leaf(o, s->use.file, "use", KIND_FILE, s->span); break;
    case ST_FOR:
        for (int i = 0; i < s->loop_for.body.len; i++) symbol(o, s->loop_for.body.data[i]);
        break;
    default: break;
    }
}

void document_symbols(const Document *d, Units units, Buf *out) {
    Outline o = {.places = document_places(d, units), .out = out, .first = true};
    buf_puts(out, "[");
    for (int i = 0; d->p && i < d->p->script->stmts.len; i++) symbol(&o, d->p->script->stmts.data[i]);
    buf_puts(out, "]");
}
