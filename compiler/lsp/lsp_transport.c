/* lsp_transport.c: messages on the wire: header lines, an empty line, a body of Content-Length bytes.
 *
 * Nothing here trusts the other side: a header block is at most HEADER_MOST bytes, a body at most JSON_MAX_BYTES; a
 * larger one is read past, so that what follows it is understood again. */
#define _GNU_SOURCE /* memmem */
#include "compiler/lsp/lsp_internal.h"
#include <errno.h>
#include <poll.h>
#include <strings.h>
#include <unistd.h>

enum { HEADER_MOST = 16384, CHUNK = 65536 };

void transport_fill(Transport *t, bool wait, int wake) {
    struct pollfd fds[2] = {{.fd = t->fd, .events = POLLIN}, {.fd = wake, .events = POLLIN}};
    if (t->ended || poll(fds, 2, wait ? -1 : 0) <= 0 || !fds[0].revents) return;
    char chunk[CHUNK];
    ssize_t n = read(t->fd, chunk, sizeof chunk);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (n <= 0) {
        t->ended = true;
        return;
    }
    if (t->taken) { /* what is done goes before more comes */
        memmove(t->in.data, t->in.data + t->taken, t->in.len - t->taken);
        t->in.len -= t->taken;
        t->taken = 0;
    }
    size_t past = t->skip < (size_t)n ? t->skip : (size_t)n;
    t->skip -= past;
    buf_add(&t->in, chunk + past, (size_t)n - past);
}

/* The number in a header block's Content-Length; SIZE_MAX when there is none. */
static size_t content_length(const char *s, const char *end) {
    static const char name[] = "Content-Length:";
    size_t found = SIZE_MAX;
    while (s < end) {
        const char *line = memchr(s, '\n', (size_t)(end - s));
        if (!line) line = end;
        if ((size_t)(line - s) >= sizeof name - 1 && strncasecmp(s, name, sizeof name - 1) == 0) {
            const char *d = s + sizeof name - 1;
            while (d < line && (*d == ' ' || *d == '\t')) d++;
            size_t value = 0;
            bool digits = d < line && *d >= '0' && *d <= '9';
            for (; d < line && *d >= '0' && *d <= '9'; d++)
                value = value > SIZE_MAX / 32 ? SIZE_MAX / 2 : value * 10 + (size_t)(*d - '0');
            while (d < line && (*d == ' ' || *d == '\r')) d++;
            if (digits && d == line) found = value;
        }
        s = line + 1;
    }
    return found;
}

WireState transport_next(Transport *t, const char **body, size_t *len, const char **why) {
    const char *from = t->in.data + t->taken;
    size_t left = t->in.len - t->taken;
    if (!left || t->skip) return WIRE_NOTHING;
    const char *end = memmem(from, left, "\r\n\r\n", 4);
    if (!end) {
        if (left <= HEADER_MOST) return WIRE_NOTHING;
        *why = "a header that does not end";
        t->taken = t->in.len;
        return WIRE_BROKEN;
    }
    size_t header = (size_t)(end - from) + 4, size = content_length(from, end);
    if (size == SIZE_MAX) {
        *why = "a header without Content-Length";
        t->taken += header;
        return WIRE_BROKEN;
    }
    if (size > JSON_MAX_BYTES) {
        *why = "a message that is too large";
        size_t here = left - header < size ? left - header : size;
        t->taken += header + here;
        t->skip = size - here;
        return WIRE_BROKEN;
    }
    if (left - header < size) return WIRE_NOTHING;
    *body = from + header;
    *len = size;
    t->taken += header + size;
    return WIRE_MESSAGE;
}

void transport_send(FILE *out, const Buf *body) {
    fprintf(out, "Content-Length: %zu\r\n\r\n", body->len);
    fwrite(body->data, 1, body->len, out);
    fflush(out);
}
