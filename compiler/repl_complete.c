/* repl_complete.c: what Tab offers (contract: repl_complete.h). */
#include "compiler/repl_complete.h"
#include "compiler/box.h"
#include "compiler/doc.h"
#include "compiler/session_internal.h"
#include "compiler/words.h"
#include <ctype.h>

static void offer(Arena *a, Completions *c, const char *typed, const char *name, CompleteKind kind,
                  const char *detail) {
    if (strncmp(name, typed, strlen(typed)) != 0) return;
    for (int i = 0; i < c->found.len; i++)
        if (strcmp(c->found.data[i].text, name) == 0) return;
    vec_push(a, &c->found, ((Completion){name, kind, detail}));
}

static void offer_words(Arena *a, Completions *c, const char *typed, WordPlace place) {
    int n;
    const char *const *words = words_at(place, &n);
    for (int i = 0; i < n; i++) offer(a, c, typed, words[i], COMPLETE_WORD, NULL);
}

static void offer_declared(Repl *r, Arena *a, Completions *c, const char *typed, bool sources, bool targets,
                           bool others) {
    const Program *p = session_program(r->session);
    for (int i = 0; targets && i < p->targets.len; i++)
        offer(a, c, typed, p->targets.data[i].decl->name.text, COMPLETE_TARGET, NULL);
    for (int i = 0; sources && i < p->sources.len; i++)
        offer(a, c, typed, p->sources.data[i].decl->name.text, COMPLETE_SOURCE, p->sources.data[i].decl->uri);
    for (int i = 0; others && i < r->session->declared.len; i++) {
        const Stmt *s = r->session->declared.data[i]->stmt;
        if (s->kind == ST_TGD && s->tgd->label.text) offer(a, c, typed, s->tgd->label.text, COMPLETE_WORD, "tgd");
        if (s->kind == ST_ALGORITHM) offer(a, c, typed, s->algorithm->name.text, COMPLETE_ALGORITHM, NULL);
        if (s->kind == ST_METRIC) offer(a, c, typed, s->metric->name.text, COMPLETE_METRIC, NULL);
        if (s->kind == ST_PARAM) offer(a, c, typed, s->let.name.text, COMPLETE_VALUE, "param");
    }
}

static void offer_models(Repl *r, Arena *a, Completions *c, const char *typed) {
    const Session *s = r->session;
    for (int i = 0; i < s->steps.len; i++)
        for (int k = 0; k < s->steps.data[i]->nmade; k++)
            if (s->steps.data[i]->made[k].model)
                offer(a, c, typed, s->steps.data[i]->made[k].name, COMPLETE_MODEL, NULL);
}

static void offer_documented(Arena *a, Completions *c, const char *typed) {
    DocEntries entries = {0};
    Diags *ds = diags_new(a);
    if (!doc_standard(a, ds, &entries)) return; /* said when the session began */
    for (int i = 0; i < entries.len; i++)
        offer(a, c, typed, entries.data[i].name, COMPLETE_FUNCTION, entries.data[i].summary);
}

static void argument(Repl *r, Arena *a, ReplArgument kind, Completions *c, const char *text, size_t at, size_t cursor) {
    const char *typed = arena_strndup(a, text + at, cursor - at);
    const char *blank = strrchr(typed, ' ');
    bool second = blank != NULL;
    if (blank && kind != REPL_EXPRESSION && kind != REPL_FILE) typed = blank + 1;
    c->begin = cursor - strlen(typed);
    switch (kind) {
    case REPL_NOTHING:
    case REPL_NUMBER: break;
    case REPL_BACKEND: offer_words(a, c, typed, WORDS_BACKEND_VALUES); break;
    case REPL_STRATEGY: offer_words(a, c, typed, WORDS_STRATEGY_VALUES); break;
    case REPL_SWITCH:
        offer(a, c, typed, "on", COMPLETE_WORD, NULL);
        offer(a, c, typed, "off", COMPLETE_WORD, NULL);
        break;
    case REPL_COMMAND:
        for (int i = 0; i < repl_command_count; i++)
            offer(a, c, typed, repl_commands[i].name, COMPLETE_KEYWORD, repl_commands[i].help);
        break;
    case REPL_DECLARED: offer_declared(r, a, c, typed, true, true, true); break;
    case REPL_RELATION:
        if (!second) offer_declared(r, a, c, typed, true, true, false);
        break;
    case REPL_TARGET: offer_declared(r, a, c, typed, false, true, false); break;
    case REPL_MODEL: offer_models(r, a, c, typed); break;
    case REPL_DOCUMENTED:
        offer_documented(a, c, typed);
        offer_declared(r, a, c, typed, true, true, true);
        break;
    case REPL_PASS: {
        int n;
        const char *const *names = ir_pass_names(&n);
        for (int i = 0; !second && i < n; i++) offer(a, c, typed, names[i], COMPLETE_WORD, NULL);
        if (second) offer_models(r, a, c, typed);
        break;
    }
    case REPL_EXPRESSION: { /* as behind `print` */
        const char *as = arena_printf(a, "print %s", typed);
        *c = complete_at(a, session_program(r->session), SESSION_BASE, as, strlen(as), strlen(as));
        c->begin += at - strlen("print ");
        break;
    }
    case REPL_FILE: { /* as in `use "` */
        const char *as = arena_printf(a, "use \"%s", typed);
        *c = complete_at(a, NULL, SESSION_BASE, as, strlen(as), strlen(as));
        c->begin += at - strlen("use \"");
        break;
    }
    }
}

Completions repl_complete(Repl *r, Arena *arena, const char *before, const char *text, size_t cursor) {
    Completions c = {.begin = cursor};
    if (*before || text[0] != ':') {
        size_t n = strlen(before);
        char *whole = arena_printf(arena, "%s%s", before, text);
        c = complete_at(arena, session_program(r->session), SESSION_BASE, whole, strlen(whole), n + cursor);
        c.begin -= n;
        return c;
    }
    size_t end = 1;
    while (end < cursor && !isspace((unsigned char)text[end])) end++;
    const char *name = arena_strndup(arena, text + 1, end - 1);
    if (end == cursor) { /* in the command's name */
        c.begin = 1;
        for (int i = 0; i < repl_command_count; i++)
            offer(arena, &c, name, repl_commands[i].name, COMPLETE_KEYWORD, repl_commands[i].help);
        return c;
    }
    size_t at = end;
    while (at < cursor && isspace((unsigned char)text[at])) at++;
    for (int i = 0; i < repl_command_count; i++)
        if (strcmp(repl_commands[i].name, name) == 0) argument(r, arena, repl_commands[i].kind, &c, text, at, cursor);
    return c;
}

/* ---------------- the list ---------------- */

static void put_padded(FILE *out, const char *s, int width) {
    fputs(s, out);
    for (int i = text_width(s); i < width; i++) fputc(' ', out);
}

void repl_list(FILE *out, const Completions *c, bool colour) {
    enum { WITH_DETAILS = 16, MOST = 120, DETAIL_WIDEST = 60 };
    int widest = 0, screen = box_screen_width(out), n = c->found.len < MOST ? c->found.len : MOST;
    for (int i = 0; i < n; i++)
        if (text_width(c->found.data[i].text) > widest) widest = text_width(c->found.data[i].text);
    if (n <= WITH_DETAILS) {
        for (int i = 0; i < n; i++) {
            const Completion *f = &c->found.data[i];
            int room = screen - widest - 16;
            fputs("  ", out);
            put_padded(out, f->text, widest);
            fprintf(out, "%s  %-9s", colour ? "\033[90m" : "", complete_kind_text(f->kind));
            size_t bytes = f->detail ? strcspn(f->detail, "\n") : 0;
            if (room > 8 && bytes) {
                size_t shown = bytes < (size_t)room ? bytes : (size_t)room;
                while (shown < bytes && shown && ((unsigned char)f->detail[shown] & 0xc0) == 0x80) shown--;
                fprintf(out, " %.*s%s", (int)shown, f->detail, shown < bytes ? "…" : "");
            }
            fprintf(out, "%s\n", colour ? "\033[0m" : "");
        }
        return;
    }
    int columns = (screen - 2) / (widest + 2);
    if (columns < 1) columns = 1;
    int rows = (n + columns - 1) / columns;
    for (int row = 0; row < rows; row++) {
        fputs("  ", out);
        for (int i = row; i < n; i += rows)
            if (i + rows < n)
                put_padded(out, c->found.data[i].text, widest + 2);
            else
                fputs(c->found.data[i].text, out);
        fputs("\n", out);
    }
    if (n < c->found.len) fprintf(out, "  and %d more\n", c->found.len - n);
}
