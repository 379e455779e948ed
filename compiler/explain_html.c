/* explain_html.c: the plan as one page (contract: explain.h). The page is compiler/explain/page.html with the style,
 * the program and the plan's data in the places that are marked; it loads nothing. */
#include "compiler/embedded.h"
#include "compiler/explain.h"

/* Files that are part of the program. */
TEXT_OF(amal_page_html, "compiler/explain/page.html");
TEXT_OF(amal_page_css, "compiler/explain/page.css");
TEXT_OF(amal_page_js, "compiler/explain/page.js");

static void put_escaped(Buf *out, const char *s) {
    for (; *s; s++)
        if (*s == '&')
            buf_puts(out, "&amp;");
        else if (*s == '<')
            buf_puts(out, "&lt;");
        else if (*s == '>')
            buf_puts(out, "&gt;");
        else if (*s == '"')
            buf_puts(out, "&quot;");
        else
            buf_add(out, s, 1);
}

/* Inside texts of JSON `<` may be written as a number, which keeps a text from ending the element it stands in. */
static void put_json(Buf *out, const char *s) {
    for (; *s; s++)
        if (*s == '<')
            buf_puts(out, "\\u003c");
        else
            buf_add(out, s, 1);
}

void explain_page(Buf *out, const char *title, const char *json) {
    static const char *const marks[] = {"{{title}}", "{{style}}", "{{program}}", "{{plan}}"};
    for (const char *p = amal_page_html; *p;) {
        int found = -1;
        for (int i = 0; i < 4 && found < 0; i++)
            if (strncmp(p, marks[i], strlen(marks[i])) == 0) found = i;
        switch (found) {
        case 0: put_escaped(out, title); break;
        case 1: buf_puts(out, amal_page_css); break;
        case 2: buf_puts(out, amal_page_js); break;
        case 3: put_json(out, json); break;
        default: buf_add(out, p, 1);
        }
        p += found < 0 ? 1 : strlen(marks[found]);
    }
}
