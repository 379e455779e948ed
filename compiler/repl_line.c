/* repl_line.c: lines of input (contract: repl_line.h).
 *
 * libedit draws the line without colours. Each time it waits for a key, what stands on the screen is written over with
 * the same characters in colours, at the same places, and the cursor put back: libedit need not know. */
#define _DEFAULT_SOURCE
#include "compiler/repl_line.h"
#include "compiler/box.h"
#include "compiler/repl_complete.h"
#include "compiler/repl_history.h"
#include "compiler/repl_paint.h"
#include <errno.h>
#include <histedit.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

static const char first_prompt[] = "amal> ", more_prompt[] = "  ... ";

struct LineReader {
    Repl *repl;
    FILE *in;
    char *line; /* getline()'s */
    size_t room;
    /* of the line editor; NULL: there is none */
    EditLine *el;
    History *history;
    Arena *arena;
    const char *history_file;
    bool history_failed;
    const char *before;
    char *edited;
};

/* ---------------- signals while a line is edited ---------------- */

static volatile sig_atomic_t resized, continued;

static void on_window(int number) {
    *(number == SIGWINCH ? &resized : &continued) = 1;
}

/* ---------------- the line editor's calls ---------------- */

static LineReader *reader_of(EditLine *el) {
    void *l = NULL;
    el_get(el, EL_CLIENTDATA, &l);
    return l;
}

static char *prompt_of(EditLine *el) {
    return (char *)(*reader_of(el)->before ? more_prompt : first_prompt);
}

static int screen_rows(void) {
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : 24;
}

/* The line on the screen, in colours. */
static void paint(LineReader *l) {
    const LineInfo *info = el_line(l->el);
    size_t len = (size_t)(info->lastchar - info->buffer), cursor = (size_t)(info->cursor - info->buffer);
    int width = box_screen_width(l->repl->out), prompt = text_width(prompt_of(l->el));
    PaintPlace end = paint_place(info->buffer, len, prompt, width);
    PaintPlace here = paint_place(info->buffer, cursor, prompt, width);
    if (!len || end.row >= screen_rows()) return; /* libedit shows a part of it */
    Buf out = {0};
    buf_puts(&out, "\0337\r");
    if (here.row) buf_printf(&out, "\033[%dA", here.row);
    buf_printf(&out, "\033[%dC", prompt);
    paint_text(&out, l->before, info->buffer, len);
    buf_puts(&out, "\0338");
    fwrite(out.data, 1, out.len, l->repl->out);
    fflush(l->repl->out);
    buf_free(&out);
}

/* libedit draws a line anew from where it takes the cursor to be then: where the prompt begins. The line may have come
 * to other rows with the new width; after a stop the cursor is on a row of its own. */
static void to_first_row(LineReader *l) {
    const LineInfo *info = el_line(l->el);
    PaintPlace here = paint_place(info->buffer, (size_t)(info->cursor - info->buffer), text_width(prompt_of(l->el)),
                                  box_screen_width(l->repl->out));
    fputs("\r", l->repl->out);
    if (here.row && !continued) fprintf(l->repl->out, "\033[%dA", here.row);
    fputs("\033[J", l->repl->out);
    fflush(l->repl->out);
}

/* One byte; -1: the end, or an interruption (errno EINTR). */
static int read_byte(LineReader *l, unsigned char *byte) {
    struct pollfd p = {.fd = fileno(l->in), .events = POLLIN};
    for (;;) {
        int ready = poll(&p, 1, -1); /* returns when a signal comes, which read() would not */
        if (ready < 0 && errno != EINTR) return -1;
        if (interrupt_requested()) {
            errno = EINTR;
            return -1;
        }
        if (resized || continued) {
            if (continued) el_set(l->el, EL_PREP_TERM, 1);
            to_first_row(l);
            el_resize(l->el);
            el_set(l->el, EL_REFRESH);
            resized = continued = 0;
            if (l->repl->colour) paint(l);
        }
        if (ready <= 0) continue;
        ssize_t n = read(p.fd, byte, 1);
        if (n < 0 && errno == EINTR) continue;
        return n == 1 ? 1 : -1;
    }
}

/* The next character; bytes that are no UTF-8 become the replacement mark. */
static int read_character(EditLine *el, wchar_t *out) {
    LineReader *l = reader_of(el);
    unsigned char b;
    if (l->repl->colour) paint(l);
    errno = 0;
    if (read_byte(l, &b) != 1) return errno == EINTR ? -1 : 0;
    int more = b >= 0xf0 && b < 0xf5 ? 3 : b >= 0xe0 && b < 0xf0 ? 2 : b >= 0xc2 && b < 0xe0 ? 1 : 0;
    uint32_t point = more ? b & (0x3fu >> more) : b < 0x80 ? b : 0xfffd;
    for (int i = 0; i < more; i++) {
        if (read_byte(l, &b) != 1) return -1;
        if ((b & 0xc0) != 0x80) {
            point = 0xfffd;
            break;
        }
        point = point << 6 | (b & 0x3fu);
    }
    *out = (wchar_t)point;
    return 1;
}

/* ---------------- Tab ---------------- */

static bool input_waits(const LineReader *l) {
    struct pollfd p = {.fd = fileno(l->in), .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

/* Below the line, which is then drawn again. */
static void show_list(LineReader *l, const LineInfo *info, const Completions *c) {
    size_t len = (size_t)(info->lastchar - info->buffer), cursor = (size_t)(info->cursor - info->buffer);
    int width = box_screen_width(l->repl->out), prompt = text_width(prompt_of(l->el));
    int below =
        paint_place(info->buffer, len, prompt, width).row - paint_place(info->buffer, cursor, prompt, width).row;
    for (int i = 0; i <= below; i++) fputs("\r\n", l->repl->out);
    repl_list(l->repl->out, c, l->repl->colour);
    el_set(l->el, EL_REFRESH);
}

/* What goes on behind the only candidate there is. */
static const char *behind(const Completion *c, char next) {
    size_t n = strlen(c->text);
    switch (c->kind) {
    case COMPLETE_KEYWORD: return " ";
    case COMPLETE_SETTING: return " = ";
    case COMPLETE_FUNCTION:
    case COMPLETE_ALGORITHM: return next == '(' ? "" : "(";
    case COMPLETE_FILE: return next == '"' || (n && c->text[n - 1] == '/') ? "" : "\"";
    default: return "";
    }
}

static unsigned char complete(EditLine *el, int key) {
    (void)key;
    LineReader *l = reader_of(el);
    if (input_waits(l)) return el_insertstr(el, "  ") == 0 ? CC_REFRESH : CC_ERROR; /* pasted: a tab is blank */
    const LineInfo *info = el_line(el);
    Arena *a = arena_new();
    char *text = arena_strndup(a, info->buffer, (size_t)(info->lastchar - info->buffer));
    size_t cursor = (size_t)(info->cursor - info->buffer);
    Completions c = repl_complete(l->repl, a, l->before, text, cursor);
    const char *common = complete_common(a, &c);
    unsigned char result = CC_ERROR;
    if (c.found.len > 0 && strlen(common) > cursor - c.begin) {
        char *typed = arena_strndup(a, text + c.begin, cursor - c.begin);
        int points = 0; /* el_deletestr() counts characters */
        for (const char *p = typed; *p; p++) points += ((unsigned char)*p & 0xc0) != 0x80;
        el_deletestr(el, points);
        bool command = !*l->before && text[0] == ':'; /* its arguments are not in quotes */
        const char *more = c.found.len > 1 || (command && c.found.data[0].kind != COMPLETE_KEYWORD)
                               ? ""
                               : behind(&c.found.data[0], text[cursor]);
        result = el_insertstr(el, arena_printf(a, "%s%s", common, more)) == 0 ? CC_REFRESH : CC_ERROR;
    } else if (c.found.len > 1) {
        show_list(l, info, &c);
        result = CC_NORM;
    }
    arena_free(a);
    return result;
}

/* ---------------- history ---------------- */

static void history_problem(LineReader *l, const char *why) {
    if (!l->history_failed) fprintf(l->repl->err, "note: the history in %s cannot be kept: %s\n", l->history_file, why);
    l->history_failed = true;
}

static void add_entry(void *user, const char *text) {
    LineReader *l = user;
    HistEvent event;
    history(l->history, &event, H_ENTER, text);
}

void line_remember(LineReader *l, const char *text) {
    if (!l->el) return;
    const char *why;
    char *entry = arena_strdup(l->arena, text);
    for (size_t n = strlen(entry); n && entry[n - 1] == '\n';) entry[--n] = 0;
    add_entry(l, entry);
    if (l->history_file && !l->history_failed && !history_append(l->history_file, entry, &why)) history_problem(l, why);
}

/* ---------------- the reader ---------------- */

static bool can_edit(const Repl *r, FILE *in) {
    const char *term = getenv("TERM");
    return r->interactive && isatty(fileno(in)) && term && *term && strcmp(term, "dumb") != 0;
}

static void bind_keys(EditLine *el) {
    static const char *const keys[][2] = {{"\t", "amal-complete"},
                                          {"^R", "em-inc-search-prev"},
                                          {"\033[A", "ed-search-prev-history"},
                                          {"\033OA", "ed-search-prev-history"},
                                          {"\033[B", "ed-search-next-history"},
                                          {"\033OB", "ed-search-next-history"},
                                          {"\033[1;5C", "em-next-word"},
                                          {"\033[1;5D", "ed-prev-word"},
                                          {"\033[H", "ed-move-to-beg"},
                                          {"\033[F", "ed-move-to-end"},
                                          {"\033[1~", "ed-move-to-beg"},
                                          {"\033[4~", "ed-move-to-end"},
                                          {"\033OH", "ed-move-to-beg"},
                                          {"\033OF", "ed-move-to-end"},
                                          {"\033[3~", "ed-delete-next-char"}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) el_set(el, EL_BIND, keys[i][0], keys[i][1], NULL);
}

static void start_editor(LineReader *l) {
    HistEvent event;
    const char *why;
    l->el = el_init("amal", l->in, l->repl->out, l->repl->err);
    l->history = history_init();
    if (!l->el || !l->history) {
        if (l->el) el_end(l->el);
        if (l->history) history_end(l->history);
        l->el = NULL;
        fputs("note: the line editor could not be started\n", l->repl->err);
        return;
    }
    history(l->history, &event, H_SETSIZE, HISTORY_MOST);
    history(l->history, &event, H_SETUNIQUE, 1);
    el_set(l->el, EL_CLIENTDATA, l);
    el_set(l->el, EL_PROMPT, prompt_of);
    el_set(l->el, EL_EDITOR, "emacs");
    el_set(l->el, EL_SIGNAL, 0);
    el_set(l->el, EL_HIST, history, l->history);
    el_set(l->el, EL_GETCFN, read_character);
    el_set(l->el, EL_ADDFN, "amal-complete", "completes the word before the cursor", complete);
    bind_keys(l->el);
    (void)el_source(l->el, NULL); /* ~/.editrc, when there is one */
    l->history_file = history_path(l->arena);
    if (l->history_file && !history_read(l->history_file, add_entry, l, &why)) history_problem(l, why);
    struct sigaction action = {.sa_handler = on_window};
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGWINCH, &action, NULL) != 0 || sigaction(SIGCONT, &action, NULL) != 0)
        fputs("note: changes of the window's size will not be seen\n", l->repl->err);
}

LineReader *line_reader_new(Repl *r, FILE *in) {
    LineReader *l = mem_alloc(sizeof *l);
    *l = (LineReader){.repl = r, .in = in, .arena = arena_new(), .before = ""};
    if (can_edit(r, in)) start_editor(l);
    return l;
}

void line_reader_free(LineReader *l) {
    if (l->el) {
        el_end(l->el);
        history_end(l->history);
    }
    arena_free(l->arena);
    free(l->line);
    mem_free(l->edited);
    mem_free(l);
}

static LineState edited_line(LineReader *l, const char **line) {
    int count = 0;
    const char *text = el_gets(l->el, &count);
    if (interrupt_requested()) {
        fputs("^C\n", l->repl->out);
        return LINE_CANCELLED;
    }
    if (!text || count <= 0) {
        fputs("\n", l->repl->out);
        return LINE_END;
    }
    size_t n = strlen(text);
    while (n && text[n - 1] == '\n') n--;
    mem_free(l->edited);
    l->edited = mem_alloc(n + 1);
    memcpy(l->edited, text, n);
    *line = l->edited;
    return LINE_READ;
}

LineState line_read(LineReader *l, const char *before, const char **line) {
    l->before = before;
    fflush(l->repl->out);
    if (l->el) return edited_line(l, line);
    if (l->repl->interactive) {
        fputs(*before ? more_prompt : first_prompt, l->repl->out);
        fflush(l->repl->out);
        struct pollfd p = {.fd = fileno(l->in), .events = POLLIN};
        while (poll(&p, 1, -1) < 0 && errno == EINTR)
            if (interrupt_requested()) {
                fputs("\n", l->repl->out);
                return LINE_CANCELLED;
            }
    }
    ssize_t n = getline(&l->line, &l->room, l->in);
    if (n < 0) return LINE_END;
    while (n > 0 && (l->line[n - 1] == '\n' || l->line[n - 1] == '\r')) l->line[--n] = 0;
    *line = l->line;
    return LINE_READ;
}
