/* doc_print.c: documentation as plain text, Markdown and JSON (contract: doc.h). */
#include "compiler/doc.h"
#include <ctype.h>

static size_t line_length(const char *p) {
    return strcspn(p, "\n");
}

/* Each line of the text behind `before`. */
static void put_lines(Buf *out, const char *before, const char *text) {
    for (const char *p = text; *p;) {
        size_t n = line_length(p);
        buf_puts(out, n ? before : "");
        buf_add(out, p, n);
        buf_puts(out, "\n");
        p += n + (p[n] == '\n');
    }
}

void doc_print_text(Buf *out, const DocEntry *e) {
    const char *rest = strchr(e->signature, '\n');
    buf_printf(out, "%s %.*s\n", doc_kind_text(e->kind), (int)line_length(e->signature), e->signature);
    if (rest) put_lines(out, "  ", rest + 1);
    if (*e->text) {
        buf_puts(out, "\n");
        put_lines(out, "", e->text);
    }
    bool columns = e->kind == DOC_SOURCE || e->kind == DOC_TARGET;
    if (columns && e->parts.len) buf_puts(out, "\n");
    for (int i = 0; columns && i < e->parts.len; i++) {
        const DocPart *p = &e->parts.data[i];
        buf_printf(out, "  %-12s %s\n", p->name, p->value ? p->value : "");
    }
    if (e->file) buf_printf(out, "\n%s:%d\n", e->file, e->line);
}

/* Words of a text that Markdown would take for marks of its own. */
static void put_escaped(Buf *out, const char *s, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (strchr("*_`<|\\#[", s[i])) buf_puts(out, "\\");
        buf_add(out, &s[i], 1);
    }
}

static bool is_part(const DocEntry *e, const char *line) {
    line += strspn(line, " ");
    size_t n = 0;
    while (isalnum((unsigned char)line[n]) || line[n] == '_') n++;
    for (int i = 0; i < e->parts.len; i++)
        if (strlen(e->parts.data[i].name) == n && n && memcmp(e->parts.data[i].name, line, n) == 0) return true;
    return false;
}

static void put_parts(Buf *out, const DocEntry *e) {
    for (int i = 0; i < e->parts.len; i++) {
        const DocPart *p = &e->parts.data[i];
        buf_printf(out, "- `%s`", p->name);
        if (p->value) buf_printf(out, e->kind == DOC_ALGORITHM ? " = `%s`" : ": `%s`", p->value);
        if (p->text) {
            buf_puts(out, ": ");
            put_escaped(out, p->text, strlen(p->text));
        }
        buf_puts(out, "\n");
    }
}

/* Prose as paragraphs, formulas (lines further in) as code; the settings stand in a list of their own, where the first
 * of them was described. */
void doc_print_markdown(Buf *out, const DocEntry *e) {
    enum { NOTHING, PROSE, CODE, PARTS } before = NOTHING;
    bool listed = false;
    buf_printf(out, "### `%s`\n\n```amal\n%s\n```\n\n", e->name, e->signature);
    for (const char *p = e->text; *p;) {
        size_t n = line_length(p), in = strspn(p, " ");
        int now = !n ? NOTHING : !in ? PROSE : is_part(e, p) || before == PARTS ? PARTS : CODE;
        if (now != (int)before && before != NOTHING)
            buf_puts(out, before == CODE ? "```\n\n" : before == PROSE ? "\n" : "\n");
        if (now == CODE && before != CODE) buf_puts(out, "```\n");
        if (now == CODE) buf_printf(out, "%.*s\n", (int)n, p);
        if (now == PROSE) {
            put_escaped(out, p, n);
            buf_puts(out, "\n");
        }
        if (now == PARTS && !listed) {
            put_parts(out, e);
            listed = true;
        }
        before = now;
        p += n + (p[n] == '\n');
    }
    if (before == CODE) buf_puts(out, "```\n");
    if (*e->text) buf_puts(out, "\n");
    if (!listed && e->parts.len) {
        put_parts(out, e);
        buf_puts(out, "\n");
    }
}

void doc_print_json(Buf *out, const DocEntry *const *entries, int count) {
    buf_puts(out, "[");
    for (int i = 0; i < count; i++) {
        const DocEntry *e = entries[i];
        buf_puts(out, i ? ",\n " : "\n ");
        buf_printf(out, "{\"kind\": \"%s\", \"name\": ", doc_kind_text(e->kind));
        diag_json_text(out, e->name);
        buf_puts(out, ", \"signature\": ");
        diag_json_text(out, e->signature);
        buf_puts(out, ", \"summary\": ");
        diag_json_text(out, e->summary);
        buf_puts(out, ", \"text\": ");
        diag_json_text(out, e->text);
        buf_puts(out, ", \"parts\": [");
        for (int k = 0; k < e->parts.len; k++) {
            const DocPart *p = &e->parts.data[k];
            buf_puts(out, k ? ", {\"name\": " : "{\"name\": ");
            diag_json_text(out, p->name);
            const char *const names[] = {"value", "text"}, *const values[] = {p->value, p->text};
            for (int f = 0; f < 2; f++) {
                if (!values[f]) continue;
                buf_printf(out, ", \"%s\": ", names[f]);
                diag_json_text(out, values[f]);
            }
            buf_puts(out, "}");
        }
        buf_puts(out, "]");
        if (e->file) {
            buf_puts(out, ", \"file\": ");
            diag_json_text(out, e->file);
            buf_printf(out, ", \"line\": %d", e->line);
        }
        buf_puts(out, "}");
    }
    buf_puts(out, count ? "\n]\n" : "]\n");
}

void doc_print_index(Buf *out, const DocEntries *entries) {
    enum { NAME_COLUMNS = 20 };
    bool any = false;
    for (int kind = DOC_SCRIPT; kind <= DOC_ROW_FUNCTION; kind++) {
        bool first = true;
        for (int i = 0; i < entries->len; i++) {
            const DocEntry *e = &entries->data[i];
            if ((int)e->kind != kind) continue;
            if (first) buf_printf(out, "%s%s\n", any ? "\n" : "", doc_kind_text(e->kind));
            first = false;
            any = true;
            buf_printf(out, "  %-*s %s\n", NAME_COLUMNS, e->name, *e->summary ? e->summary : e->signature);
        }
    }
}
