/* lsp.c: the life of the server: messages in, the documents they open and change, answers out.
 *
 * What has arrived is read before anything is answered, so that a request that was cancelled meanwhile is not computed
 * and a burst of changes is analysed once. Diagnostics are published when nothing is left to answer. Every answer is
 * computed under lsp_guarded(). */
#include "compiler/lsp/lsp_internal.h"
#include "compiler/command.h"
#include "compiler/complete.h"
#include "compiler/format.h"
#include "compiler/script.h"
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    CODE_PARSE = -32700,
    CODE_INVALID = -32600,
    CODE_NO_METHOD = -32601,
    CODE_PARAMS = -32602,
    CODE_INTERNAL = -32603,
    CODE_NOT_INITIALIZED = -32002,
    CODE_CANCELLED = -32800
};
enum { LOG_ERROR = 1, LOG_WARNING = 2 };
#define ANALYSED_MOST ((size_t)4 << 20) /* bytes of a document; a longer one is kept and not looked at */

typedef struct Incoming {
    struct Incoming *next;
    Arena *arena;
    const Json *json;
    bool cancelled;
} Incoming;
typedef struct Server {
    Transport in;
    FILE *out;
    Units units;
    Schemas *schemas;
    WarningOptions warnings;
    bool initialized, shut, leave;
    Incoming *first, **last;
    int ndocuments, room;
    Document **documents;
} Server;

/* ---- guards ---- */

static _Thread_local jmp_buf *way_back;

bool lsp_guarded(void (*f)(void *), void *arg) {
    jmp_buf here, *volatile outside = way_back;
    bool ok = setjmp(here) == 0;
    if (ok) {
        way_back = &here;
        f(arg);
    }
    way_back = outside;
    return ok;
}

static void go_back(void) {
    if (way_back) longjmp(*way_back, 1);
    _exit(70); /* nothing can be answered any more */
}
static void exhausted(size_t bytes) {
    fprintf(stderr, "error[E902]: out of memory: %zu bytes could not be had\n", bytes);
    go_back();
}

/* ---- out ---- */

static void send_notification(Server *s, const char *method, const Buf *params) {
    Buf b = {0};
    buf_printf(&b, "{\"jsonrpc\":\"2.0\",\"method\":\"%s\",\"params\":", method);
    buf_add(&b, params->data, params->len);
    buf_puts(&b, "}");
    transport_send(s->out, &b);
    buf_free(&b);
}

static void log_message(Server *s, int type, const char *text) {
    Buf b = {0};
    buf_printf(&b, "{\"type\":%d,\"message\":", type);
    diag_json_text(&b, text);
    buf_puts(&b, "}");
    send_notification(s, "window/logMessage", &b);
    buf_free(&b);
}

static void write_id(Buf *out, const Json *id) {
    if (id && id->kind == JSON_TEXT)
        diag_json_text(out, id->text);
    else if (id && id->kind == JSON_NUMBER)
        buf_printf(out, "%.17g", id->number);
    else
        buf_puts(out, "null");
}

static void send_result(Server *s, const Json *id, const Buf *result) {
    Buf b = {0};
    buf_puts(&b, "{\"jsonrpc\":\"2.0\",\"id\":");
    write_id(&b, id);
    buf_puts(&b, ",\"result\":");
    buf_puts(&b, result->len ? result->data : "null");
    buf_puts(&b, "}");
    transport_send(s->out, &b);
    buf_free(&b);
}

static void send_error(Server *s, const Json *id, int code, const char *message) {
    Buf b = {0};
    buf_puts(&b, "{\"jsonrpc\":\"2.0\",\"id\":");
    write_id(&b, id);
    buf_printf(&b, ",\"error\":{\"code\":%d,\"message\":", code);
    diag_json_text(&b, message);
    buf_puts(&b, "}}");
    transport_send(s->out, &b);
    buf_free(&b);
}

/* ---- documents ---- */

static Document *find_document(const Server *s, const char *uri) {
    for (int i = 0; uri && i < s->ndocuments; i++)
        if (!strcmp(s->documents[i]->uri, uri)) return s->documents[i];
    return NULL;
}

static Document *document_of(const Server *s, const Json *params) {
    return find_document(s, json_text(json_path(params, "textDocument/uri")));
}

static char *copy_text(const char *text) {
    Buf b = {0};
    buf_puts(&b, text);
    return buf_take(&b);
}

static void close_document(Server *s, Document *d) {
    int at = 0;
    while (s->documents[at] != d) at++;
    memmove(s->documents + at, s->documents + at + 1, sizeof *s->documents * (size_t)(s->ndocuments - at - 1));
    s->ndocuments--;
    document_forget(d);
    buf_free(&d->text);
    mem_free(d->uri);
    mem_free(d->path);
    mem_free(d);
}

static void all_dirty(Server *s) {
    for (int i = 0; i < s->ndocuments; i++) s->documents[i]->dirty = true;
}

static void analyse_document(Server *s, Document *d) {
    if (!d->dirty) return;
    d->dirty = false;
    d->schemas_seen = schemas_found(s->schemas);
    if (d->text.len > ANALYSED_MOST) {
        document_forget(d);
        log_message(s, LOG_WARNING, "a document of more than 4 MB is not analysed");
        return;
    }
    document_analyse(d);
    if (!d->ds)
        log_message(s, LOG_ERROR, "the document could not be analysed; what was printed on standard error says why");
}

typedef struct Publishing {
    const Server *s;
    const Document *d;
    Buf out;
} Publishing;

static void write_published(void *arg) {
    Publishing *p = arg;
    buf_puts(&p->out, "{\"uri\":");
    diag_json_text(&p->out, p->d->uri);
    buf_printf(&p->out, ",\"version\":%lld,\"diagnostics\":", (long long)p->d->version);
    document_diagnostics(p->d, p->s->units, &p->out);
    buf_puts(&p->out, "}");
}

static void publish(Server *s, Document *d) {
    Publishing p = {.s = s, .d = d};
    if (lsp_guarded(write_published, &p)) send_notification(s, "textDocument/publishDiagnostics", &p.out);
    buf_free(&p.out);
}

static void publish_all(Server *s) {
    for (int i = 0; i < s->ndocuments; i++) {
        Document *d = s->documents[i];
        bool changed = d->dirty;
        analyse_document(s, d);
        if (changed) publish(s, d);
    }
}

/* ---- what an analysis asks for: schemas, and scripts that are used and open ---- */

static bool read_schema(void *user, Arena *arena, Diags *ds, const SourceDecl *decl, const TableOptions *opt,
                        int *ncols, ColumnDecl **cols) {
    Server *s = user;
    return schemas_lookup(s->schemas, arena, ds, decl, opt, ncols, cols);
}

static char *open_text(void *user, const char *path, size_t *len) {
    const Server *s = user;
    char *real = realpath(path, NULL), *found = NULL;
    for (int i = 0; i < s->ndocuments && !found; i++) {
        const Document *d = s->documents[i];
        if (!d->path || (strcmp(d->path, path) != 0 && (!real || strcmp(d->path, real) != 0))) continue;
        Buf b = {0};
        buf_add(&b, d->text.data, d->text.len);
        *len = b.len;
        found = buf_take(&b);
    }
    free(real);
    return found;
}

/* A document changed: others that use scripts may use it. */
static void touch(Server *s, Document *changed) {
    changed->dirty = true;
    for (int i = 0; i < s->ndocuments; i++) {
        Document *d = s->documents[i];
        const StmtVec *stmts = d->p ? &d->p->script->stmts : NULL;
        for (int k = 0; stmts && k < stmts->len; k++) d->dirty = d->dirty || stmts->data[k]->kind == ST_USE;
    }
}

static void did_open(Server *s, const Json *params) {
    const char *uri = json_text(json_path(params, "textDocument/uri"));
    const Json *text = json_path(params, "textDocument/text");
    if (!uri || !json_text(text)) return;
    Document *d = find_document(s, uri);
    if (!d) {
        if (s->ndocuments == s->room) {
            s->room = s->room ? 2 * s->room : 8;
            s->documents = mem_realloc(s->documents, sizeof *s->documents * (size_t)s->room);
        }
        d = mem_alloc(sizeof *d);
        d->uri = copy_text(uri);
        d->path = uri_path(uri);
        d->resolving = (ResolveOptions){.schema = read_schema, .text = open_text, .user = s};
        d->warnings = &s->warnings;
        s->documents[s->ndocuments++] = d;
    }
    d->text.len = 0;
    buf_add(&d->text, text->text, text->len);
    d->version = json_int(json_path(params, "textDocument/version"), INT32_MIN, INT32_MAX, 0);
    touch(s, d);
}

static void apply_change(Server *s, Document *d, const Json *change) {
    const Json *text = json_member(change, "text");
    Position from, to;
    if (!json_text(text)) return;
    size_t begin = 0, end = d->text.len;
    if (position_read(json_path(change, "range/start"), &from) && position_read(json_path(change, "range/end"), &to)) {
        begin = position_offset(d->text.data, d->text.len, from, s->units);
        end = position_offset(d->text.data, d->text.len, to, s->units);
        if (end < begin) end = begin;
    }
    Buf now = {0};
    buf_add(&now, d->text.data, begin);
    buf_add(&now, text->text, text->len);
    buf_add(&now, d->text.data + end, d->text.len - end);
    buf_free(&d->text);
    d->text = now;
}

static void did_change(Server *s, const Json *params) {
    Document *d = document_of(s, params);
    const Json *changes = json_member(params, "contentChanges");
    if (!d || !changes || changes->kind != JSON_LIST) return;
    for (int i = 0; i < changes->count; i++) apply_change(s, d, &changes->items[i]);
    d->version = json_int(json_path(params, "textDocument/version"), INT32_MIN, INT32_MAX, d->version);
    touch(s, d);
}

static void did_close(Server *s, const Json *params) {
    Document *d = document_of(s, params);
    if (!d) return;
    touch(s, d);
    document_forget(d); /* nothing said, nothing shown */
    publish(s, d);
    close_document(s, d);
}

static void files_changed(Server *s, const Json *params) {
    (void)params;
    all_dirty(s);
}

/* ---- requests: each writes its result; false: the parameters are not what it needs ---- */

/* The client's initializationOptions.warnings: what stands behind -W on a command line. */
static void take_warnings(Server *s, const Json *list) {
    const int room = (int)(sizeof s->warnings.options / sizeof s->warnings.options[0]);
    Arena *arena = arena_new();
    for (int i = 0; list && list->kind == JSON_LIST && i < list->count; i++) {
        const char *option = json_text(&list->items[i]);
        if (option && s->warnings.count < room && diag_set_warning(diags_new(arena), option))
            s->warnings.options[s->warnings.count++] = copy_text(option);
        else
            log_message(s, LOG_WARNING,
                        arena_printf(arena, "warnings: %s is not one of W123, no-W123, error=W123, error, none",
                                     option ? option : "what is no text"));
    }
    arena_free(arena);
}

static bool initialize(Server *s, const Json *params, Buf *out) {
    take_warnings(s, json_path(params, "initializationOptions/warnings"));
    const Json *offered = json_path(params, "capabilities/general/positionEncodings");
    for (int i = 0; offered && offered->kind == JSON_LIST && i < offered->count; i++) {
        const char *unit = json_text(&offered->items[i]);
        if (unit && !strcmp(unit, "utf-8")) s->units = UNITS_UTF8;
    }
    s->initialized = true;
    buf_printf(out,
               "{\"capabilities\":{\"positionEncoding\":\"%s\",\"textDocumentSync\":{\"openClose\":true,\"change\":2,"
               "\"save\":true},"
               "\"hoverProvider\":true,\"definitionProvider\":true,\"referencesProvider\":true,"
               "\"documentSymbolProvider\":true,"
               "\"documentFormattingProvider\":true,"
               "\"completionProvider\":{\"triggerCharacters\":[\".\",\"(\",\":\",\"\\\"\"]},"
               "\"codeActionProvider\":{\"codeActionKinds\":[\"quickfix\"]}},"
               "\"serverInfo\":{\"name\":\"amal\",\"version\":\"" AMAL_VERSION "\"}}",
               s->units == UNITS_UTF8 ? "utf-8" : "utf-16");
    return true;
}

static bool shut_down(Server *s, const Json *params, Buf *out) {
    (void)params;
    (void)out;
    s->shut = true;
    return true;
}

/* The document and the byte that a request is about. NULL: it names none. */
static Document *place_of(Server *s, const Json *params, size_t *offset) {
    Document *d = document_of(s, params);
    Position at;
    if (!d || !position_read(json_member(params, "position"), &at)) return NULL;
    *offset = position_offset(d->text.data, d->text.len, at, s->units);
    analyse_document(s, d);
    return d;
}

static bool hover(Server *s, const Json *params, Buf *out) {
    size_t offset;
    const Document *d = place_of(s, params, &offset);
    if (!d) return false;
    Buf text = {0};
    Span at;
    if (d->p && document_hover(d, offset, &text, &at)) {
        buf_puts(out, "{\"contents\":{\"kind\":\"markdown\",\"value\":");
        diag_json_text(out, text.data);
        buf_puts(out, "},\"range\":");
        Places places = document_places(d, s->units);
        position_write_range(out, &places, at.begin, at.end);
        buf_puts(out, "}");
    }
    buf_free(&text);
    return true;
}

static void write_place(const char *uri, Places *places, Span at, Buf *out) {
    buf_puts(out, "{\"uri\":");
    diag_json_text(out, uri);
    buf_puts(out, ",\"range\":");
    position_write_range(out, places, at.begin, at.end);
    buf_puts(out, "}");
}

static bool definition(Server *s, const Json *params, Buf *out) {
    size_t offset;
    const Document *d = place_of(s, params, &offset);
    if (!d) return false;
    const NameRef *r = d->p ? names_at(&d->names, offset) : NULL;
    if (!r) return true;
    if (r->def.file == r->at.file) {
        Places places = document_places(d, s->units);
        write_place(d->uri, &places, r->def, out);
        return true;
    }
    const char *path = r->def.file ? diag_file_path(d->ds, r->def.file) : NULL;
    if (r->kind == NAME_FILE) path = script_relative(d->arena, d->p->base_dir, r->name);
    if (!path || access(path, R_OK) != 0) return true; /* the standard library is in no file */
    const char *text = r->def.file ? diag_file_text(d->ds, r->def.file) : "";
    char *uri = uri_of_path(path);
    write_place(uri, &(Places){.text = text, .len = strlen(text), .units = s->units}, r->def, out);
    mem_free(uri);
    return true;
}

static bool references(Server *s, const Json *params, Buf *out) {
    size_t offset;
    const Document *d = place_of(s, params, &offset);
    if (!d) return false;
    const NameRef *r = d->p ? names_at(&d->names, offset) : NULL;
    bool declaration = json_true(json_path(params, "context/includeDeclaration")), first = true;
    Places places = document_places(d, s->units);
    buf_puts(out, "[");
    for (int i = 0; r && r->def.file && i < d->names.refs.len; i++) {
        const NameRef *o = &d->names.refs.data[i];
        if (o->def.file != r->def.file || o->def.begin != r->def.begin || strcmp(o->name, r->name) != 0) continue;
        if (!declaration && o->at.file == o->def.file && o->at.begin == o->def.begin) continue;
        buf_puts(out, first ? "" : ",");
        write_place(d->uri, &places, o->at, out);
        first = false;
    }
    buf_puts(out, "]");
    return true;
}

static bool symbols(Server *s, const Json *params, Buf *out) {
    Document *d = document_of(s, params);
    if (!d) return false;
    analyse_document(s, d);
    document_symbols(d, s->units, out);
    return true;
}

static bool code_action(Server *s, const Json *params, Buf *out) {
    Document *d = document_of(s, params);
    Position from, to;
    if (!d || !position_read(json_path(params, "range/start"), &from) ||
        !position_read(json_path(params, "range/end"), &to))
        return false;
    analyse_document(s, d);
    document_fixes(d, position_offset(d->text.data, d->text.len, from, s->units),
                   position_offset(d->text.data, d->text.len, to, s->units), s->units, out);
    return true;
}

static bool completion(Server *s, const Json *params, Buf *out) {
    /* CompletionItemKind of the protocol */
    static const int kinds[] = {
        [COMPLETE_COLUMN] = 5, [COMPLETE_PART] = 20,    [COMPLETE_SETTING] = 10, [COMPLETE_VALUE] = 6,
        [COMPLETE_MODEL] = 6,  [COMPLETE_TARGET] = 22,  [COMPLETE_SOURCE] = 22,  [COMPLETE_ALGORITHM] = 7,
        [COMPLETE_METRIC] = 3, [COMPLETE_FUNCTION] = 3, [COMPLETE_WORD] = 12,    [COMPLETE_KEYWORD] = 14,
        [COMPLETE_FILE] = 17};
    _Static_assert(sizeof kinds / sizeof kinds[0] == COMPLETE_COUNT_OF_KINDS, "a kind for each");
    size_t offset;
    const Document *d = place_of(s, params, &offset);
    if (!d) return false;
    Arena *arena = arena_new();
    const char *folder = script_folder(arena, d->path ? d->path : "");
    Completions c = complete_at(arena, d->p, folder, d->text.data, d->text.len, offset);
    Places places = document_places(d, s->units);
    buf_puts(out, "{\"isIncomplete\":false,\"items\":[");
    for (int i = 0; i < c.found.len; i++) {
        const Completion *found = &c.found.data[i];
        buf_puts(out, i ? ",{\"label\":" : "{\"label\":");
        diag_json_text(out, found->text);
        buf_printf(out, ",\"kind\":%d,\"sortText\":\"%05d\",\"detail\":", kinds[found->kind], i);
        diag_json_text(out, found->detail ? found->detail : complete_kind_text(found->kind));
        buf_puts(out, ",\"textEdit\":{\"range\":");
        position_write_range(out, &places, c.begin, offset);
        buf_puts(out, ",\"newText\":");
        diag_json_text(out, found->text);
        buf_puts(out, "}}");
    }
    buf_puts(out, "]}");
    arena_free(arena);
    return true;
}

/* One edit that replaces the text, none when it is as the formatter would have it; null where it does not parse. */
static bool formatting(Server *s, const Json *params, Buf *out) {
    const Document *d = document_of(s, params);
    if (!d) return false;
    if (d->text.len > ANALYSED_MOST) return true;
    Arena *arena = arena_new();
    Diags *ds = diags_new(arena);
    uint32_t file = diag_add_file(ds, "document", d->text.data, d->text.len);
    Buf text = {0};
    if (format_text(arena, ds, file, d->text.data, d->text.len, &text)) {
        buf_puts(out, "[");
        if (text.len != d->text.len || (text.len && memcmp(text.data, d->text.data, text.len) != 0)) {
            buf_puts(out, "{\"range\":");
            Places places = document_places(d, s->units);
            position_write_range(out, &places, 0, d->text.len);
            buf_puts(out, ",\"newText\":");
            diag_json_text(out, text.data ? text.data : "");
            buf_puts(out, "}");
        }
        buf_puts(out, "]");
    }
    buf_free(&text);
    arena_free(arena);
    return true;
}

/* ---- dispatch ---- */

typedef struct Request {
    const char *method;
    bool (*answer)(Server *s, const Json *params, Buf *result);
} Request;
static const Request requests[] = {
    {"initialize", initialize},
    {"shutdown", shut_down},
    {"textDocument/codeAction", code_action},
    {"textDocument/completion", completion},
    {"textDocument/definition", definition},
    {"textDocument/documentSymbol", symbols},
    {"textDocument/formatting", formatting},
    {"textDocument/hover", hover},
    {"textDocument/references", references},
};
typedef struct Notification {
    const char *method;
    void (*take)(Server *s, const Json *params);
} Notification;
static const Notification notifications[] = {
    {"textDocument/didChange", did_change},
    {"textDocument/didClose", did_close},
    {"textDocument/didOpen", did_open},
    {"textDocument/didSave", files_changed},
    {"workspace/didChangeWatchedFiles", files_changed},
};

typedef struct Answering {
    Server *s;
    const Request *request;
    const Notification *notification;
    const Json *params;
    Buf result;
    bool fits;
} Answering;

static void answer(void *arg) {
    Answering *a = arg;
    if (a->notification)
        a->notification->take(a->s, a->params);
    else
        a->fits = a->request->answer(a->s, a->params, &a->result);
}

static void handle_request(Server *s, const char *method, const Json *id, const Json *params) {
    const Request *r = NULL;
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++)
        if (!strcmp(requests[i].method, method)) r = &requests[i];
    bool first = r && r->answer == initialize;
    if (!s->initialized && !first) {
        send_error(s, id, CODE_NOT_INITIALIZED, "the first request is `initialize`");
        return;
    }
    if (s->shut || (s->initialized && first)) {
        send_error(s, id, CODE_INVALID, s->shut ? "after `shutdown` only `exit` follows" : "`initialize` comes once");
        return;
    }
    if (!r) {
        send_error(s, id, CODE_NO_METHOD, "this server does not have the method");
        return;
    }
    Answering a = {.s = s, .request = r, .params = params};
    if (!lsp_guarded(answer, &a))
        send_error(s, id, CODE_INTERNAL,
                   "the server could not compute this; what was printed on standard error says why");
    else if (!a.fits)
        send_error(s, id, CODE_PARAMS, "the parameters name no open document, or no place in it");
    else
        send_result(s, id, &a.result);
    buf_free(&a.result);
}

static void handle(Server *s, const Incoming *m) {
    const char *method = json_text(json_member(m->json, "method"));
    const Json *id = json_member(m->json, "id"), *params = json_member(m->json, "params");
    if (!method) {
        /* an answer to a request; this server makes none */
        if (!json_member(m->json, "result") && !json_member(m->json, "error"))
            send_error(s, id, CODE_INVALID, "a message is an object with a `method`");
        return;
    }
    if (id) {
        if (m->cancelled)
            send_error(s, id, CODE_CANCELLED, "cancelled");
        else
            handle_request(s, method, id, params);
        return;
    }
    if (!strcmp(method, "exit")) {
        s->leave = true;
        return;
    }
    if (!s->initialized || s->shut) return;
    for (size_t i = 0; i < sizeof notifications / sizeof notifications[0]; i++)
        if (!strcmp(notifications[i].method, method)) {
            Answering a = {.s = s, .notification = &notifications[i], .params = params};
            if (!lsp_guarded(answer, &a)) log_message(s, LOG_ERROR, "out of memory: a change was lost");
        }
}

/* ---- in ---- */

static bool same_id(const Json *a, const Json *b) {
    if (!a || !b || a->kind != b->kind) return false;
    return a->kind == JSON_NUMBER ? a->number == b->number : a->kind == JSON_TEXT && !strcmp(a->text, b->text);
}

typedef struct Taking {
    Server *s;
    const char *body, *why;
    size_t len, at;
    Incoming *got;
} Taking;

static void take_message(void *arg) {
    Taking *t = arg;
    Incoming *m = mem_alloc(sizeof *m);
    m->arena = arena_new();
    t->got = m;
    m->json = json_parse(m->arena, t->body, t->len, &t->why, &t->at);
}

static void drop(Incoming *m) {
    if (m->arena) arena_free(m->arena);
    mem_free(m);
}

/* Puts the message behind those that wait; a cancellation marks its request at once. */
static void enqueue(Server *s, const char *body, size_t len) {
    Taking t = {.s = s, .body = body, .len = len};
    bool ok = lsp_guarded(take_message, &t);
    if (!ok || !t.got->json) {
        char text[160];
        snprintf(text, sizeof text, "a message that is not JSON: %s at byte %zu", ok ? t.why : "out of memory", t.at);
        send_error(s, NULL, CODE_PARSE, text);
        if (t.got) drop(t.got);
        return;
    }
    const char *method = json_text(json_member(t.got->json, "method"));
    if (method && !strcmp(method, "$/cancelRequest")) {
        const Json *id = json_path(t.got->json, "params/id");
        for (Incoming *m = s->first; m; m = m->next)
            m->cancelled = m->cancelled || same_id(json_member(m->json, "id"), id);
        drop(t.got);
        return;
    }
    *s->last = t.got;
    s->last = &t.got->next;
}

static void receive(Server *s) {
    const char *body, *why = "";
    size_t len;
    for (;;) {
        WireState state = transport_next(&s->in, &body, &len, &why);
        if (state == WIRE_NOTHING) return;
        if (state == WIRE_MESSAGE)
            enqueue(s, body, len);
        else
            send_error(s, NULL, CODE_INVALID, why);
    }
}

static void serve(Server *s) {
    int wake = schemas_wake_fd(s->schemas);
    while (!s->leave && !ferror(s->out) && !interrupt_requested()) {
        transport_fill(&s->in, false, wake);
        receive(s);
        if (s->first) {
            Incoming *m = s->first;
            s->first = m->next;
            if (!s->first) s->last = &s->first;
            handle(s, m);
            drop(m);
            continue;
        }
        if (s->in.ended) return;
        schemas_awake(s->schemas);
        int64_t found = schemas_found(s->schemas);
        for (int i = 0; i < s->ndocuments; i++) s->documents[i]->dirty |= s->documents[i]->schemas_seen != found;
        publish_all(s);
        transport_fill(&s->in, true, wake);
    }
}

int lsp_run(int in, FILE *out) {
    Server s = {.in = {.fd = in}, .out = out};
    s.last = &s.first;
    s.schemas = schemas_start();
    if (!s.schemas) {
        fputs("amal: lsp: no second thread could be started\n", stderr);
        return 1;
    }
    mem_on_exhaustion(exhausted);
    diag_on_internal_error(go_back);
    signal(SIGPIPE, SIG_IGN); /* a client that went away is seen by ferror() */
    serve(&s);
    while (s.first) {
        Incoming *m = s.first;
        s.first = m->next;
        drop(m);
    }
    while (s.ndocuments) close_document(&s, s.documents[s.ndocuments - 1]);
    mem_free(s.documents);
    for (int i = 0; i < s.warnings.count; i++) mem_free(s.warnings.options[i]);
    buf_free(&s.in.in);
    schemas_stop(s.schemas);
    return s.shut ? 0 : 1;
}

int command_lsp(Invocation *v) {
    (void)v;
    return lsp_run(STDIN_FILENO, stdout);
}
