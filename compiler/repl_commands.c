/* repl_commands.c: the table of the REPL's commands, and those that are about the session (contract: repl.h). */
#include "compiler/repl.h"
#include "backends/backend.h"
#include "backends/runtime/kernels.h"
#include "compiler/doc.h"
#include "compiler/scan.h"
#include "compiler/session_internal.h"
#include "compiler/words.h"
#include <ctype.h>
#include <stdlib.h>

const ReplCommand repl_commands[] = {
#define REPL(name, function, arguments, kind, help) {#name, function, arguments, REPL_##kind, help},
#include "compiler/repl.def"
#undef REPL
};
const int repl_command_count = sizeof repl_commands / sizeof *repl_commands;
enum { MOST_COMMANDS = 64 };

bool repl_wrong(Repl *r, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fflush(r->out);
    vfprintf(r->err, fmt, ap);
    fputs("\n", r->err);
    va_end(ap);
    return false;
}

/* The command by its name, or by a beginning that only it has. */
static const ReplCommand *find_command(Repl *r, const char *name) {
    const ReplCommand *found = NULL;
    const char *names[MOST_COMMANDS];
    size_t n = strlen(name);
    int begin_so = 0;
    for (int i = 0; i < repl_command_count; i++) {
        const ReplCommand *c = &repl_commands[i];
        names[i] = c->name;
        if (strcmp(c->name, name) == 0) return c;
        if (n && strncmp(c->name, name, n) == 0) {
            begin_so++;
            found = c;
        }
    }
    if (begin_so == 1) return found;
    const char *near = text_nearest(name, names, repl_command_count);
    if (begin_so > 1) {
        repl_wrong(r, ":%s could be more than one command; :help lists them", name);
    } else if (near) {
        repl_wrong(r, "there is no command :%s; did you mean :%s?", name, near);
    } else {
        repl_wrong(r, "there is no command :%s; :help lists them", name);
    }
    return NULL;
}

const char *repl_bare_name(Arena *a, const char *text) {
    size_t len = strlen(text);
    ScanToken t = scan_next(text, len, 0);
    if (t.kind != SCAN_QUOTED || t.open || scan_next(text, len, t.end).kind != SCAN_END) return text;
    return arena_strndup(a, text + t.begin + 1, t.end - t.begin - 2);
}

static bool is_of_a_name(ReplArgument kind) {
    return kind == REPL_DECLARED || kind == REPL_DOCUMENTED || kind == REPL_MODEL || kind == REPL_TARGET;
}

bool repl_command(Repl *r, const char *line) {
    Arena *a = arena_new();
    const char *p = line + 1, *end = p + strlen(p);
    while (end > p && (isspace((unsigned char)end[-1]) || end[-1] == ';')) end--;
    size_t n = 0;
    while (p + n < end && !isspace((unsigned char)p[n])) n++;
    const ReplCommand *c = find_command(r, arena_strndup(a, p, n));
    p += n;
    while (p < end && isspace((unsigned char)*p)) p++;
    const char *argument = arena_strndup(a, p, (size_t)(end - p));
    if (c && is_of_a_name(c->kind)) argument = repl_bare_name(a, argument);
    bool ok = c != NULL;
    if (c && !*argument && *c->arguments && *c->arguments != '[')
        ok = repl_wrong(r, ":%s wants %s: %s", c->name, c->arguments, c->help);
    else if (c && *argument && !*c->arguments)
        ok = repl_wrong(r, ":%s takes nothing: `%s`", c->name, argument);
    else if (c)
        ok = c->run(r, argument);
    fflush(r->out);
    arena_free(a);
    return ok;
}

/* ---------------- help ---------------- */

static void help_line(Repl *r, const ReplCommand *c) {
    char left[64];
    snprintf(left, sizeof left, ":%s %s", c->name, c->arguments);
    fprintf(r->out, "  %-40s %s\n", left, c->help);
}

bool repl_help(Repl *r, const char *argument) {
    if (*argument) {
        const ReplCommand *c = find_command(r, argument + (*argument == ':'));
        if (c) help_line(r, c);
        return c != NULL;
    }
    for (int i = 0; i < repl_command_count; i++) help_line(r, &repl_commands[i]);
    fputs("A statement ends with `;`, an expression with its line; the name of a source, target or model shows it.\n"
          "A declaration takes the place of the one with its name, and what depends on it is made again when it is "
          "used.\n",
          r->out);
    return true;
}

bool repl_doc(Repl *r, const char *argument) {
    if ((*argument == 'E' || *argument == 'W') && diag_explain(argument, r->out)) return true;
    Session *s = r->session;
    Arena *a = arena_new();
    Diags *ds = diags_child(a, s->files);
    DocEntries entries = {0};
    bool ok = doc_standard(a, ds, &entries);
    for (int i = 0; ok && i < s->declared.len; i++) {
        const Script *script = s->declared.data[i]->script;
        bool again = script == NULL;
        for (int k = 0; k < i && !again; k++) again = s->declared.data[k]->script == script;
        if (!again) doc_script(a, ds, script, &entries);
    }
    diag_print(ds, r->err, s->o.colour);
    int at = ok ? doc_find(&entries, argument, -1) : -1;
    if (ok && at < 0) {
        const char *near = doc_nearest(a, &entries, argument);
        ok = near ? repl_wrong(r, "nothing is called `%s`; did you mean `%s`?", argument, near)
                  : repl_wrong(r, "nothing is called `%s`", argument);
    }
    bool first = true;
    for (; ok && at >= 0; at = doc_find(&entries, argument, at)) {
        Buf text = {0};
        doc_print_text(&text, &entries.data[at]);
        fprintf(r->out, "%s%s", first ? "" : "\n", text.data ? text.data : "");
        buf_free(&text);
        first = false;
    }
    arena_free(a);
    return ok;
}

/* ---------------- options ---------------- */

static bool one_of(Repl *r, const char *what, const char *given, const char *const *words, int n, int *at) {
    for (int i = 0; i < n; i++)
        if (strcmp(words[i], given) == 0) {
            *at = i;
            return true;
        }
    Buf list = {0};
    for (int i = 0; i < n; i++) buf_printf(&list, "%s%s", i ? ", " : "", words[i]);
    repl_wrong(r, "%s `%s` is not known: %s", what, given, list.data);
    buf_free(&list);
    return false;
}

bool repl_strategy(Repl *r, const char *argument) {
    RunOptions *o = session_run_options(r->session);
    int n, at;
    const char *const *words = words_at(WORDS_STRATEGY_VALUES, &n);
    if (*argument) {
        if (!one_of(r, "the strategy", argument, words, n, &at)) return false;
        o->strategy = (Strategy)at;
        o->strategy_by = ":strategy";
    }
    fprintf(r->out, "strategy %s%s\n", words[o->strategy], o->strategy_by ? "" : ", unless the script says otherwise");
    return true;
}

bool repl_backend(Repl *r, const char *argument) {
    RunOptions *o = session_run_options(r->session);
    int n, at;
    const char *const *words = words_at(WORDS_BACKEND_VALUES, &n);
    if (*argument) {
        if (!one_of(r, "the backend", argument, words, n, &at)) return false;
        o->backend = words[at];
    }
    fprintf(r->out, "backend %s\n", o->backend ? o->backend : "c, unless the script says otherwise");
    return true;
}

bool repl_threads(Repl *r, const char *argument) {
    RunOptions *o = session_run_options(r->session);
    if (*argument) {
        char *end;
        long n = strtol(argument, &end, 10);
        if (*end || n < 1 || n > 1024) return repl_wrong(r, "a number from 1 to 1024 is wanted, not `%s`", argument);
        o->threads = (int)n;
    }
    fprintf(r->out, "threads %d\n", o->threads ? o->threads : thread_default_count());
    return true;
}

bool repl_time(Repl *r, const char *argument) {
    static const char *const words[] = {"off", "on"};
    int at = r->time_on;
    if (*argument && !one_of(r, "the switch", argument, words, 2, &at)) return false;
    r->time_on = at;
    fprintf(r->out, "time %s\n", words[at]);
    return true;
}

/* ---------------- the session ---------------- */

bool repl_load(Repl *r, const char *argument) {
    return session_load(r->session, argument) == SESSION_DONE;
}

bool repl_save(Repl *r, const char *argument) {
    return session_save(r->session, argument) == SESSION_DONE;
}

bool repl_reset(Repl *r, const char *argument) {
    (void)argument;
    session_reset(r->session);
    return true;
}

bool repl_quit(Repl *r, const char *argument) {
    (void)argument;
    return r->quit = true;
}

bool repl_drop(Repl *r, const char *argument) {
    if (session_drop(r->session, argument)) return true;
    return repl_wrong(r, "no declaration has the name `%s`, and not exactly one begins so", argument);
}
