/* repl.c: `amal repl`: from lines of input to statements and commands (contract: repl.h).
 *
 * A statement ends with its `;` or its block; an expression of known functions ends with its line; a person's empty
 * line ends what is unfinished; the end of the input ends everything. Input that is not a terminal gets no prompts, and
 * the exit code says whether something failed. */
#include "compiler/repl.h"
#include "compiler/command.h"
#include "compiler/repl_line.h"
#include "compiler/scan.h"
#include "compiler/session_internal.h"
#include <ctype.h>
#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

static bool only_blanks(const char *s) {
    while (isspace((unsigned char)*s)) s++;
    return *s == 0;
}

/* ---------------- a name alone ---------------- */

static void show_model(Repl *r, const Model *m) {
    fprintf(r->out, "%s: %s on %s, %lld features", m->name, m->algorithm->name.text, m->target,
            (long long)m->nfeatures);
    if (m->loaded)
        fputs(", loaded\n", r->out);
    else
        fprintf(r->out, ", %s, %lld iterations\n", m->strategy, (long long)m->iterations);
    for (int i = 0; i < m->nhyper; i++)
        if (m->hyper[i].is_number) fprintf(r->out, "  %s = %.10g\n", m->hyper[i].name, m->hyper[i].num);
    for (int i = 0; i < m->nparams; i++)
        fprintf(r->out, "  %s.%s: %lld x %lld\n", m->name, m->params[i].name, (long long)m->params[i].value->rows,
                (long long)m->params[i].value->cols);
}

bool repl_look(Repl *r, const char *text, size_t len, bool *ok) {
    ScanToken t = scan_next(text, len, 0), after = scan_next(text, len, t.end);
    if (after.kind == SCAN_MARK && text[after.begin] == ';') after = scan_next(text, len, after.end);
    if ((t.kind != SCAN_WORD && t.kind != SCAN_QUOTED) || t.open || after.kind != SCAN_END) return false;
    size_t quotes = t.kind == SCAN_QUOTED;
    Arena *a = arena_new();
    const char *name = arena_strndup(a, text + t.begin + quotes, t.end - t.begin - 2 * quotes);
    Session *s = r->session;
    int at = session_binder(s, name, s->steps.len);
    bool found = true;
    if (at >= 0) {
        Turn turn;
        turn_begin(&turn, s);
        (void)needs_model(s, &turn.needs, name);
        *ok = turn_resolve(&turn, NULL) && turn_bind(&turn);
        const Binding *b = *ok ? run_binding(&turn.run, name) : NULL;
        if (b && b->kind == BIND_MODEL)
            show_model(r, b->model);
        else
            found = !*ok; /* a value is an expression */
        turn_end(&turn, NULL);
        session_sweep(s);
    } else if (session_find(s, ST_SOURCE, name) >= 0 || session_find(s, ST_TARGET, name) >= 0) {
        *ok = repl_first_rows(r, name);
    } else if (strcmp(name, "quit") == 0 || strcmp(name, "exit") == 0) {
        *ok = repl_quit(r, "");
    } else if (strcmp(name, "help") == 0) {
        *ok = repl_help(r, "");
    } else {
        found = false;
    }
    arena_free(a);
    return found;
}

/* ---------------- input ---------------- */

typedef struct Pending {
    Buf text;
    int first_line;
} Pending;

static void run_text(Repl *r, const char *label, int first_line, const char *text, size_t len) {
    bool ok;
    interrupt_forget();
    if (!repl_look(r, text, len, &ok)) {
        SessionResult result = session_enter(r->session, label, first_line, text, len);
        ok = result == SESSION_DONE;
    }
    fflush(r->out);
    fflush(r->err);
    r->failed |= !ok;
}

static void timed(Repl *r, double begin) {
    if (r->time_on) fprintf(r->out, "(%.3f s)\n", time_now() - begin);
    fflush(r->out);
}

/* Is text[begin, len) complete without a `;`? */
static bool stands_alone(const char *text, size_t begin, size_t len) {
    return !scan_is_open(text + begin, len - begin) && session_is_expression(text + begin, len - begin);
}

/* Runs text[begin, end); what stands around it becomes blanks, so that places stay what they are. */
static void run_piece(Repl *r, const Pending *p, size_t begin, size_t end, bool closed) {
    Buf piece = {0};
    buf_add(&piece, p->text.data, end);
    for (size_t i = 0; i < begin; i++)
        if (piece.data[i] != '\n') piece.data[i] = ' ';
    if (!closed) { /* its `;` was left out */
        while (piece.len && isspace((unsigned char)piece.data[piece.len - 1])) piece.data[--piece.len] = 0;
        buf_puts(&piece, ";");
    }
    double start = time_now();
    run_text(r, r->interactive ? "input" : "standard input", p->first_line, piece.data, piece.len);
    timed(r, start);
    buf_free(&piece);
}

/* Runs what is pending when it is finished, piece by piece; `end`: it is, whatever it looks like. */
static void take(Repl *r, LineReader *lines, Pending *p, bool end) {
    const char *text = p->text.data;
    size_t len = p->text.len, begin = 0, n;
    ScanState state = scan_state(text, len);
    if (state == SCAN_UNFINISHED && !end) {
        size_t rest = 0;
        while ((n = scan_statement(text + rest, len - rest))) rest += n;
        if (!stands_alone(text, rest, len)) return;
    }
    if (state == SCAN_EMPTY && scan_is_open(text, len) && !end) return; /* in a comment */
    if (state != SCAN_EMPTY) line_remember(lines, text);
    bool stop = false;
    while (!stop && (n = scan_statement(text + begin, len - begin))) {
        run_piece(r, p, begin, begin + n, true);
        stop = interrupt_requested();
        begin += n;
    }
    if (!stop && scan_state(text + begin, len - begin) != SCAN_EMPTY)
        run_piece(r, p, begin, len, stands_alone(text, begin, len) || scan_is_open(text + begin, len - begin));
    interrupt_forget();
    buf_free(&p->text);
    p->text = (Buf){0};
}

static void run_command(Repl *r, LineReader *lines, const char *line) {
    line_remember(lines, line);
    double begin = time_now();
    interrupt_forget();
    if (!repl_command(r, line)) r->failed = true;
    interrupt_forget();
    if (!r->quit) timed(r, begin);
}

static void read_input(Repl *r, FILE *in) {
    LineReader *lines = line_reader_new(r, in);
    Pending p = {0};
    int number = 0;
    for (LineState state = LINE_READ; state != LINE_END && !r->quit;) {
        const char *line;
        bool more = p.text.len > 0;
        state = line_read(lines, more ? p.text.data : "", &line);
        if (state == LINE_CANCELLED) {
            buf_free(&p.text);
            p.text = (Buf){0};
            interrupt_forget();
        }
        if (state != LINE_READ) continue;
        int first_line = ++number;
        for (const char *c = line; *c; c++) number += *c == '\n';
        bool blank = only_blanks(line);
        if (!more) {
            const char *first = line;
            while (isspace((unsigned char)*first)) first++;
            if (blank) continue;
            if (*first == ':') {
                run_command(r, lines, first);
                continue;
            }
            p.first_line = first_line;
        }
        bool ends = blank && r->interactive && !scan_is_open(p.text.data, p.text.len);
        buf_puts(&p.text, line);
        buf_puts(&p.text, "\n");
        take(r, lines, &p, ends);
    }
    if (p.text.len && !r->quit) take(r, lines, &p, true);
    buf_free(&p.text);
    line_reader_free(lines);
}

int command_repl(Invocation *v) {
    if (!command_diags(v)) return EXIT_USAGE; /* the -W options are good */
    /* widths of characters on the screen need a locale that knows UTF-8; nothing else follows the locale */
    if (!setlocale(LC_CTYPE, "C.UTF-8")) (void)setlocale(LC_CTYPE, "en_US.UTF-8");
    Repl r = {.out = stdout, .err = stderr, .interactive = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)};
    r.colour = command_colour() && r.interactive;
    v->run.nsettings = v->settings.len;
    v->run.settings = v->settings.data;
    SessionOptions o = {.run = v->run,
                        .out = r.out,
                        .err = r.err,
                        .colour = command_colour(),
                        .nwarnings = v->warnings.len,
                        .warnings = v->warnings.data,
                        .show = repl_show,
                        .show_user = &r};
    r.session = session_new(&o);
    if (!r.session) return EXIT_WRONG;
    interrupt_stay();
    if (r.interactive) fputs("amal " AMAL_VERSION ", :help for help, ctrl-D leaves\n", r.out);
    if (v->arguments.len) r.failed = session_load(r.session, v->arguments.data[0]) != SESSION_DONE;
    interrupt_forget();
    read_input(&r, stdin);
    session_free(r.session);
    return r.failed && !r.interactive ? EXIT_WRONG : 0;
}
