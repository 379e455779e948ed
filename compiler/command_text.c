/* command_text.c: lines of the help pages (contract: command.h). */
#include "compiler/command.h"

void command_wrap(Buf *out, const char *text, int at, int indent, int width) {
    bool first = true;
    int column = at;
    while (*text) {
        size_t blank = strspn(text, " \n"), len;
        bool paragraph = blank >= 2 && memchr(text, '\n', blank);
        text += blank;
        len = strcspn(text, " \n");
        if (!len) break;
        if (paragraph) {
            buf_printf(out, "\n\n%*s", indent, "");
            column = indent;
            first = true;
        } else if (!first && column + 1 + (int)len > width) {
            buf_printf(out, "\n%*s", indent, "");
            column = indent;
            first = true;
        }
        if (!first) buf_puts(out, " ");
        buf_add(out, text, len);
        column += (int)len + !first;
        first = false;
        text += len;
    }
    buf_puts(out, "\n");
}

void command_entry(Buf *out, const char *left, int room, const char *text) {
    buf_printf(out, "  %-*s", room, left);
    if ((int)strlen(left) >= room) buf_printf(out, "\n  %*s", room, "");
    command_wrap(out, text, room + 2, room + 2, COMMAND_PAGE_WIDTH);
}
