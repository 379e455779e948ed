/* repl_line.c: lines of input (contract: repl_line.h). */
#define _DEFAULT_SOURCE
#include "compiler/repl_line.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

struct LineReader {
    Repl *repl;
    FILE *in;
    char *line;
    size_t capacity;
};

LineReader *line_reader_new(Repl *r, FILE *in) {
    LineReader *l = mem_alloc(sizeof *l);
    *l = (LineReader){.repl = r, .in = in};
    return l;
}

void line_reader_free(LineReader *l) {
    free(l->line);
    mem_free(l);
}

LineState line_read(LineReader *l, bool more, const char **line) {
    if (l->repl->interactive) {
        fputs(more ? "  ... " : "amal> ", l->repl->out);
        fflush(l->repl->out);
        /* poll returns when a signal comes; reading would not */
        struct pollfd p = {.fd = fileno(l->in), .events = POLLIN};
        while (poll(&p, 1, -1) < 0 && errno == EINTR)
            if (interrupt_requested()) {
                fputs("\n", l->repl->out);
                return LINE_CANCELLED;
            }
    }
    ssize_t n = getline(&l->line, &l->capacity, l->in);
    if (n < 0) return LINE_END;
    while (n > 0 && (l->line[n - 1] == '\n' || l->line[n - 1] == '\r')) l->line[--n] = 0;
    *line = l->line;
    return LINE_READ;
}

void line_remember(LineReader *l, const char *text) {
    (void)l;
    (void)text;
}
