/* lsp_analysis.c: from a document's text to a program, and what is wrong with it in the terms of the protocol. */
#include "compiler/check.h"
#include "compiler/lsp/lsp_internal.h"
#include "compiler/script.h"
#include <ctype.h>
#include <unistd.h>

static void analyse(void *arg) {
    Document *d = arg;
    d->arena = arena_new();
    d->ds = diags_new(d->arena);
    for (int i = 0; d->warnings && i < d->warnings->count; i++)
        AMAL_CHECK(diag_set_warning(d->ds, d->warnings->options[i])); /* looked at when they came */
    const char *path = d->path ? d->path : "untitled.amal";
    d->p =
        script_open_text(d->arena, d->ds, path, d->text.data ? d->text.data : "", d->text.len, &d->resolving, &d->said);
    if (!d->p) return;
    /* As `amal check` does; but a script without targets is open because others use it. */
    if (diag_error_count(d->ds) == 0 && d->p->targets.len) {
        check_declarations(d->p);
        d->said = diag_count(d->ds);
    }
    names_collect(d->p, &d->names);
}

void document_forget(Document *d) {
    if (d->arena) arena_free(d->arena);
    d->arena = NULL;
    d->ds = NULL;
    d->p = NULL;
    d->said = 0;
    d->names = (NameIndex){0};
}

void document_analyse(Document *d) {
    document_forget(d);
    if (!lsp_guarded(analyse, d)) document_forget(d);
}

/* ---- diagnostics ---- */

enum { MAIN_FILE = 1 }; /* script_open_text() registers the text first */

/* Where a message stands in the document: one about a file that it uses stands at the `use`. */
static Span place(const Document *d, Span at) {
    if (at.file == MAIN_FILE) return at;
    const Script *s = d->p ? d->p->script : NULL;
    for (int i = 0; at.file && s && i < s->stmts.len; i++)
        if (s->stmts.data[i]->kind == ST_USE) return s->stmts.data[i]->use.file_span;
    return (Span){MAIN_FILE, 0, 0};
}

/* The place of a span as a Location; false: its file cannot be opened (the standard library, nowhere). */
static bool write_location(const Document *d, Span at, Units units, Buf *out) {
    if (!at.file) return false;
    const char *path = diag_file_path(d->ds, at.file), *text = diag_file_text(d->ds, at.file);
    if (at.file != MAIN_FILE && access(path, R_OK) != 0) return false;
    char *uri = at.file == MAIN_FILE ? NULL : uri_of_path(path);
    buf_puts(out, "{\"uri\":");
    diag_json_text(out, uri ? uri : d->uri);
    buf_puts(out, ",\"range\":");
    Places places =
        at.file == MAIN_FILE ? document_places(d, units) : (Places){.text = text, .len = strlen(text), .units = units};
    position_write_range(out, &places, at.begin, at.end);
    buf_puts(out, "}");
    mem_free(uri);
    return true;
}

static void write_related(const Document *d, const DiagView *v, Units units, Buf *out) {
    bool first = true;
    for (int i = -1; i < v->nnotes; i++) {
        Span at = i < 0 ? v->at : v->notes[i].at;
        if (i < 0 && at.file == MAIN_FILE) continue; /* the message's own place is elsewhere: told first */
        Buf location = {0};
        if (write_location(d, at, units, &location)) {
            buf_printf(out, "%s{\"location\":%s,\"message\":", first ? ",\"relatedInformation\":[" : ",",
                       location.data);
            diag_json_text(out, i < 0 ? v->text : v->notes[i].text);
            buf_puts(out, "}");
            first = false;
        }
        buf_free(&location);
    }
    if (!first) buf_puts(out, "]");
}

/* The message with its notes that have no place of their own, and its help. */
static void write_text(const Document *d, const DiagView *v, Buf *out) {
    Buf text = {0};
    if (v->data_file && v->data_line)
        buf_printf(&text, "%s:%lld: ", v->data_file, (long long)v->data_line);
    else if (v->data_file)
        buf_printf(&text, "%s: ", v->data_file);
    else if (v->at.file > MAIN_FILE) {
        int line, column;
        diag_locate(d->ds, v->at, &line, &column);
        buf_printf(&text, "%s:%d:%d: ", diag_file_path(d->ds, v->at.file), line, column);
    }
    buf_puts(&text, v->text);
    for (int i = 0; i < v->nnotes; i++)
        if (!v->notes[i].at.file) buf_printf(&text, "\nnote: %s", v->notes[i].text);
    if (v->help) buf_printf(&text, "\nhelp: %s", v->help);
    diag_json_text(out, text.data);
    buf_free(&text);
}

void document_diagnostics(const Document *d, Units units, Buf *out) {
    Places places = document_places(d, units);
    buf_puts(out, "[");
    for (int i = 0; d->ds && i < d->said; i++) {
        DiagView v = diag_view(d->ds, i);
        Span at = place(d, v.at);
        buf_printf(out, "%s{\"range\":", i ? "," : "");
        position_write_range(out, &places, at.begin, at.end);
        buf_printf(out,
                   ",\"severity\":%d,\"code\":\"%s\",\"source\":\"amal\",\"message\":", v.level == DIAG_ERROR ? 1 : 2,
                   v.code);
        write_text(d, &v, out);
        write_related(d, &v, units, out);
        buf_puts(out, "}");
    }
    buf_puts(out, "]");
}

/* ---- quick fixes ---- */

/* The one name that a help line proposes: "did you mean `planes`?", "did you mean nrow?"; NULL: it proposes none. */
static const char *proposal(Arena *arena, const char *help) {
    static const char start[] = "did you mean ";
    const char *s = help ? strstr(help, start) : NULL;
    if (!s) return NULL;
    s += sizeof start - 1;
    bool quoted = *s == '`';
    s += quoted;
    size_t n = strcspn(s, quoted ? "`" : "?");
    if (!n || !s[n] || (!quoted && memchr(s, ' ', n))) return NULL;
    return arena_strndup(arena, s, n);
}

/* The span without what is not the name: the name of a call, of T.train the part behind the point. */
static Span name_span(const Document *d, Span at) {
    const char *text = d->text.data;
    if (at.end - at.begin >= 2 && text[at.begin] == '`' && text[at.end - 1] == '`') return at;
    for (uint32_t i = at.begin; i < at.end; i++)
        if (!isalnum((unsigned char)text[i]) && text[i] != '_') return (Span){0};
    return at.end > at.begin ? at : (Span){0};
}

static const char *as_name(Arena *arena, const char *name) {
    bool plain = isalpha((unsigned char)*name) || *name == '_';
    for (const char *s = name; *s; s++) plain = plain && (isalnum((unsigned char)*s) || *s == '_');
    return plain ? name : arena_printf(arena, "`%s`", name);
}

void document_fixes(const Document *d, size_t begin, size_t end, Units units, Buf *out) {
    Places places = document_places(d, units);
    bool first = true;
    buf_puts(out, "[");
    for (int i = 0; d->ds && i < d->said; i++) {
        DiagView v = diag_view(d->ds, i);
        if (v.at.file != MAIN_FILE || v.at.begin > end || v.at.end < begin || v.at.end > d->text.len) continue;
        const char *name = proposal(d->arena, v.help);
        Span at = name ? name_span(d, v.at) : (Span){0};
        if (!at.file) continue;
        buf_printf(out, "%s{\"title\":", first ? "" : ",");
        diag_json_text(out, arena_printf(d->arena, "Change to %s", name));
        buf_puts(out, ",\"kind\":\"quickfix\",\"isPreferred\":true,\"edit\":{\"changes\":{");
        diag_json_text(out, d->uri);
        buf_puts(out, ":[{\"range\":");
        position_write_range(out, &places, at.begin, at.end);
        buf_puts(out, ",\"newText\":");
        diag_json_text(out, as_name(d->arena, name));
        buf_puts(out, "}]}}}");
        first = false;
    }
    buf_puts(out, "]");
}
