/* command_help.c: `amal help`, `amal CMD --help`, the man pages and docs/commands.md, all from the rows of commands.def
 * (contract: command.h). The same rows give the same bytes: no date stands in a man page. */
#include "compiler/command.h"

#define SUMMARY "trains models over tables joined by a declarative script"

/* ---------------- plain pages ---------------- */

static void overview(Buf *out) {
    buf_puts(out, "amal: " SUMMARY "\n\nCommands:\n");
    for (int i = 0; i < command_count; i++) {
        const Command *c = &command_table[i];
        Buf left = {0};
        buf_printf(&left, "amal %s %s", c->name, c->arguments);
        command_entry(out, left.data, 32, c->help);
        buf_free(&left);
    }
    command_entry(out, "amal --version", 32, "the version");
    buf_puts(out, "\n`amal help COMMAND` says what a command does and lists its options.\n\nExit codes:\n");
    for (int i = 0; i < command_exit_count; i++) {
        char code[16];
        snprintf(code, sizeof code, "%d", command_exits[i].code);
        command_entry(out, code, 5, command_exits[i].text);
    }
    buf_puts(out, "\nEnvironment:\n");
    for (int i = 0; i < command_variable_count; i++)
        command_entry(out, command_variables[i].name, 14, command_variables[i].text);
}

void command_page(Buf *out, const Command *c) {
    if (!c) {
        overview(out);
        return;
    }
    Arena *arena = arena_new();
    buf_printf(out, "amal %s%s%s [options]\n\n", c->name, *c->arguments ? " " : "", c->arguments);
    command_wrap(out, c->text, 0, 0, COMMAND_PAGE_WIDTH);
    buf_puts(out, "\nOptions:\n");
    const CommandOption *order;
    int n = command_option_order(&order);
    for (int i = 0; i < n; i++)
        if (command_takes(c, order[i]))
            command_entry(out, command_option_text(arena, order[i]), 40, command_options[order[i]].help);
    buf_puts(out, "\nExit codes:\n");
    for (int i = 0; i < command_exit_count; i++) {
        char code[16];
        snprintf(code, sizeof code, "%d", command_exits[i].code);
        if (command_exits_with(c, &command_exits[i])) command_entry(out, code, 5, command_exits[i].text);
    }
    arena_free(arena);
}

/* ---------------- man pages ---------------- */

/* Text for troff: hyphens that can be copied, no line that it takes for a request, names between backquotes bold. */
static void troff(Buf *out, const char *text) {
    bool bold = false, line = true;
    for (; *text; text++) {
        if (text[0] == '\n' && text[1] == '\n') {
            buf_puts(out, "\n.PP\n");
            text++;
            line = true;
            continue;
        }
        if (line && (*text == '.' || *text == '\'')) buf_puts(out, "\\&");
        line = *text == '\n';
        if (*text == '`') {
            buf_puts(out, (bold = !bold) ? "\\fB" : "\\fR");
        } else if (*text == '-') {
            buf_puts(out, "\\-");
        } else if (*text == '\\') {
            buf_puts(out, "\\e");
        } else {
            buf_add(out, text, 1);
        }
    }
    if (bold) buf_puts(out, "\\fR");
}

static void troff_entry(Buf *out, const char *left, const char *text) {
    buf_puts(out, ".TP\n\\fB");
    troff(out, left);
    buf_puts(out, "\\fR\n");
    troff(out, text);
    buf_puts(out, "\n");
}

static void troff_exits(Buf *out, const Command *c) {
    buf_puts(out, ".SH EXIT STATUS\n");
    for (int i = 0; i < command_exit_count; i++) {
        char code[16];
        snprintf(code, sizeof code, "%d", command_exits[i].code);
        if (!c || command_exits_with(c, &command_exits[i])) troff_entry(out, code, command_exits[i].text);
    }
}

/* The other pages: all but that of `c` (NULL: amal.1 itself). */
static void troff_see_also(Buf *out, const Command *c) {
    const char *separator = "";
    buf_puts(out, ".SH SEE ALSO\n");
    if (c) {
        buf_puts(out, "\\fBamal\\fR(1)");
        separator = ",\n";
    }
    for (int i = 0; i < command_count; i++) {
        if (&command_table[i] == c) continue;
        buf_printf(out, "%s\\fBamal\\-%s\\fR(1)", separator, command_table[i].name);
        separator = ",\n";
    }
    buf_puts(out, "\n");
}

static void man_overview(Buf *out) {
    buf_puts(out,
             ".TH AMAL 1 \"\" \"amal " AMAL_VERSION "\" \"Amalur\"\n.SH NAME\namal \\- " SUMMARY "\n.SH SYNOPSIS\n"
             "\\fBamal\\fR \\fICOMMAND\\fR [\\fIoptions\\fR] [\\fIarguments\\fR]\n.br\n\\fBamal \\-\\-version\\fR\n"
             ".SH DESCRIPTION\n");
    troff(out,
          "A script declares which tables mean what, and what is to be learned from them; `amal` trains without making "
          "the joined table first where that is cheaper. `amal help COMMAND` says what a command does.");
    buf_puts(out, "\n.SH COMMANDS\n");
    for (int i = 0; i < command_count; i++) {
        Buf left = {0};
        buf_printf(&left, "amal %s %s", command_table[i].name, command_table[i].arguments);
        troff_entry(out, left.data, command_table[i].help);
        buf_free(&left);
    }
    troff_exits(out, NULL);
    buf_puts(out, ".SH ENVIRONMENT\n");
    for (int i = 0; i < command_variable_count; i++)
        troff_entry(out, command_variables[i].name, command_variables[i].text);
    troff_see_also(out, NULL);
}

void command_man(Buf *out, const Command *c) {
    if (!c) {
        man_overview(out);
        return;
    }
    Arena *arena = arena_new();
    buf_puts(out, ".TH AMAL\\-");
    for (const char *p = c->name; *p; p++) buf_printf(out, "%c", *p - 'a' + 'A');
    buf_printf(out, " 1 \"\" \"amal " AMAL_VERSION "\" \"Amalur\"\n.SH NAME\namal\\-%s \\- ", c->name);
    troff(out, c->help);
    buf_printf(out, "\n.SH SYNOPSIS\n\\fBamal %s\\fR", c->name);
    if (*c->arguments) {
        buf_puts(out, " \\fI");
        troff(out, c->arguments);
        buf_puts(out, "\\fR");
    }
    buf_puts(out, " [\\fIoptions\\fR]\n.SH DESCRIPTION\n");
    troff(out, c->text);
    buf_puts(out, "\n.SH OPTIONS\n");
    const CommandOption *order;
    int n = command_option_order(&order);
    for (int i = 0; i < n; i++)
        if (command_takes(c, order[i]))
            troff_entry(out, command_option_text(arena, order[i]), command_options[order[i]].help);
    troff_exits(out, c);
    troff_see_also(out, c);
    arena_free(arena);
}

/* ---------------- docs/commands.md ---------------- */

/* A cell of a table: its bars escaped. */
static void cell(Buf *out, const char *text) {
    for (; *text; text++) buf_printf(out, *text == '|' ? "\\|" : "%c", *text);
}

void command_markdown(Buf *out) {
    Arena *arena = arena_new();
    const CommandOption *order;
    int n = command_option_order(&order);
    buf_puts(
        out,
        "# The command\n\n`amal COMMAND [options] [arguments]`. `amal help COMMAND` and `man amal-COMMAND` say the "
        "same as this page, which\n`make docs` writes from `compiler/commands.def`.\n\n| command | does "
        "|\n|---|---|\n");
    for (int i = 0; i < command_count; i++) {
        const Command *c = &command_table[i];
        buf_printf(out, "| [`amal %s%s", c->name, *c->arguments ? " " : "");
        cell(out, c->arguments);
        buf_printf(out, "`](#amal-%s) | ", c->name);
        cell(out, c->help);
        buf_puts(out, " |\n");
    }
    buf_puts(out, "| `amal --version` | the version |\n\n| exit code | |\n|---|---|\n");
    for (int i = 0; i < command_exit_count; i++)
        buf_printf(out, "| %d | %s |\n", command_exits[i].code, command_exits[i].text);
    buf_puts(out,
             "\nResults go to standard output, progress and diagnostics to standard error; colour and the progress bar "
             "only to a\nterminal.\n\n| environment | |\n|---|---|\n");
    for (int i = 0; i < command_variable_count; i++)
        buf_printf(out, "| `%s` | %s |\n", command_variables[i].name, command_variables[i].text);
    for (int i = 0; i < command_count; i++) {
        const Command *c = &command_table[i];
        buf_printf(out, "\n## amal %s\n\n", c->name);
        command_wrap(out, c->text, 0, 0, 120);
        buf_puts(out, "\n| option | |\n|---|---|\n");
        for (int k = 0; k < n; k++) {
            if (!command_takes(c, order[k])) continue;
            buf_puts(out, "| `");
            cell(out, command_option_text(arena, order[k]));
            buf_puts(out, "` | ");
            cell(out, command_options[order[k]].help);
            buf_puts(out, " |\n");
        }
    }
    arena_free(arena);
}
