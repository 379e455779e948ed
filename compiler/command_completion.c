/* command_completion.c: completions of bash, zsh and fish, written from the rows of commands.def (contract: command.h).
 *
 * After `amal` the commands; after a command its options; after an option with a value the choices, the names that
 * `amal help rewrites` or `amal help passes` lists, files or folders; else the arguments: files, or the names of
 * commands and pages. */
#include "compiler/command.h"

typedef enum { ARGUMENT_NONE, ARGUMENT_FILE, ARGUMENT_COMMAND } Argument;

static Argument argument_of(const Command *c) {
    if (strstr(c->arguments, "FILE")) return ARGUMENT_FILE;
    return strstr(c->arguments, "COMMAND") ? ARGUMENT_COMMAND : ARGUMENT_NONE;
}

static void names_of_commands(Buf *out) {
    for (int i = 0; i < command_count; i++) buf_printf(out, "%s%s", i ? " " : "", command_table[i].name);
}

static void names_of_options(Buf *out, const Command *c) {
    const CommandOption *order;
    int n = command_option_order(&order);
    const char *separator = "";
    for (int i = 0; i < n; i++)
        if (command_takes(c, order[i])) {
            buf_printf(out, "%s%s", separator, command_options[order[i]].name);
            separator = " ";
        }
}

static void choices_of(Buf *out, CommandOption o) {
    for (const char *p = command_options[o].value; *p; p++) buf_printf(out, "%c", *p == '|' ? ' ' : *p);
}

/* Text between single quotes of a shell: those within end the quotes, stand by themselves, and open them again. fish
 * has a backslash for that. */
static void quoted(Buf *out, const char *text, const char *quote) {
    for (; *text; text++) {
        if (*text == '\'')
            buf_puts(out, quote);
        else
            buf_add(out, text, 1);
    }
}

/* Of `amal help`: it lists the names that the option takes. */
static const char *topic_of(const OptionRow *r) {
    return r->kind == VALUE_PASS ? "passes" : "rewrites";
}

/* ---------------- bash ---------------- */

static void bash(Buf *out) {
    buf_puts(
        out,
        "# bash completion of amal; `amal help completion bash` writes it\n_amal() {\n"
        "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}\n"
        "    COMPREPLY=()\n    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        mapfile -t COMPREPLY < <(compgen -W \"");
    names_of_commands(out);
    buf_puts(out, " --help --version\" -- \"$word\")\n        return\n    fi\n    case $before in\n");
    for (int i = 0; i < NOPTIONS; i++) {
        const OptionRow *r = &command_options[i];
        if (!r->value || r->kind == VALUE_TEXT) continue;
        buf_printf(out, "    %s) ", r->name);
        if (r->kind == VALUE_CHOICE) {
            buf_puts(out, "mapfile -t COMPREPLY < <(compgen -W \"");
            choices_of(out, (CommandOption)i);
            buf_puts(out, "\" -- \"$word\")");
        } else if (r->kind == VALUE_PASS || r->kind == VALUE_REWRITE) {
            buf_printf(out, "mapfile -t COMPREPLY < <(compgen -W \"$(amal help %s 2> /dev/null)\" -- \"$word\")",
                       topic_of(r));
        } else if (r->kind != VALUE_COUNT) {
            buf_printf(out, "mapfile -t COMPREPLY < <(compgen -%c -- \"$word\")", r->kind == VALUE_FOLDER ? 'd' : 'f');
        }
        buf_puts(out, r->kind == VALUE_COUNT ? "return ;;\n" : "; return ;;\n");
    }
    buf_puts(out, "    esac\n    case $command in\n");
    for (int i = 0; i < command_count; i++) {
        const Command *c = &command_table[i];
        buf_printf(out, "    %s)\n        if [[ $word == -* ]]; then mapfile -t COMPREPLY < <(compgen -W \"", c->name);
        names_of_options(out, c);
        buf_puts(out, "\" -- \"$word\")\n");
        if (argument_of(c) == ARGUMENT_FILE)
            buf_puts(out, "        else mapfile -t COMPREPLY < <(compgen -f -X '!*.amal' -- \"$word\"; compgen -d -- "
                          "\"$word\")\n");
        if (argument_of(c) == ARGUMENT_COMMAND) {
            buf_puts(out, "        else mapfile -t COMPREPLY < <(compgen -W \"");
            names_of_commands(out);
            buf_puts(out, "\" -- \"$word\")\n");
        }
        buf_puts(out, "        fi ;;\n");
    }
    buf_puts(out, "    esac\n}\ncomplete -o filenames -F _amal amal\n");
}

/* ---------------- zsh ---------------- */

/* `what` within the brackets of an option of _arguments: there brackets and colons have a meaning. */
static void zsh_text(Buf *out, const char *what) {
    for (; *what; what++) {
        if (*what == '[' || *what == ']' || *what == ':' || *what == '\\') buf_puts(out, "\\");
        if (*what == '\'')
            buf_puts(out, "'\\''");
        else
            buf_add(out, what, 1);
    }
}

static void zsh(Buf *out) {
    buf_puts(out, "#compdef amal\n# zsh completion of amal; `amal help completion zsh` writes it\n_amal() {\n"
                  "    local -a commands\n    commands=(\n");
    for (int i = 0; i < command_count; i++) {
        buf_printf(out, "        '%s:", command_table[i].name);
        zsh_text(out, command_table[i].help);
        buf_puts(out, "'\n");
    }
    buf_puts(out, "    )\n    if (( CURRENT == 2 )); then\n        _describe command commands\n        return\n    fi\n"
                  "    local command=$words[2]\n    shift words\n    (( CURRENT-- ))\n    case $command in\n");
    const CommandOption *order;
    int n = command_option_order(&order);
    for (int i = 0; i < command_count; i++) {
        const Command *c = &command_table[i];
        buf_printf(out, "    %s)\n        _arguments \\\n", c->name);
        for (int k = 0; k < n; k++) {
            const OptionRow *r = &command_options[order[k]];
            if (!command_takes(c, order[k])) continue;
            buf_printf(out, "            '*%s%s[", r->name, r->value && r->name[1] != '-' ? "-" : "");
            zsh_text(out, r->help);
            buf_puts(out, "]");
            if (r->value) {
                buf_puts(out, ":");
                zsh_text(out, r->value);
                buf_puts(out, ":");
            }
            if (r->kind == VALUE_CHOICE) {
                buf_puts(out, "(");
                choices_of(out, order[k]);
                buf_puts(out, ")");
            } else if (r->kind == VALUE_PASS || r->kind == VALUE_REWRITE) {
                buf_printf(out, "(${(f)\"$(amal help %s 2> /dev/null)\"})", topic_of(r));
            } else if (r->kind == VALUE_FILE) {
                buf_puts(out, "_files");
            } else if (r->kind == VALUE_FOLDER) {
                buf_puts(out, "_files -/");
            }
            buf_puts(out, "' \\\n");
        }
        if (argument_of(c) == ARGUMENT_FILE) {
            buf_puts(out, "            '*:file:_files -g \"*.amal\"'");
        } else if (argument_of(c) == ARGUMENT_COMMAND) {
            buf_puts(out, "            '1:command:(");
            names_of_commands(out);
            buf_puts(out, ")'");
        } else {
            buf_puts(out, "            ''");
        }
        buf_puts(out, " ;;\n");
    }
    buf_puts(out, "    esac\n}\n_amal \"$@\"\n");
}

/* ---------------- fish ---------------- */

static void fish(Buf *out) {
    buf_puts(out, "# fish completion of amal; `amal help completion fish` writes it\ncomplete -c amal -f\n");
    for (int i = 0; i < command_count; i++) {
        buf_printf(out, "complete -c amal -n __fish_use_subcommand -a %s -d '", command_table[i].name);
        quoted(out, command_table[i].help, "\\'");
        buf_puts(out, "'\n");
    }
    for (int i = 0; i < command_count; i++) {
        const Command *c = &command_table[i];
        for (int o = 0; o < NOPTIONS; o++) {
            const OptionRow *r = &command_options[o];
            if (!command_takes(c, (CommandOption)o)) continue;
            bool word = r->name[1] == '-';
            buf_printf(out, "complete -c amal -n '__fish_seen_subcommand_from %s' -%c %s", c->name, word ? 'l' : 's',
                       r->name + (word ? 2 : 1));
            if (r->kind == VALUE_CHOICE) {
                buf_puts(out, " -x -a '");
                choices_of(out, (CommandOption)o);
                buf_puts(out, "'");
            } else if (r->kind == VALUE_PASS || r->kind == VALUE_REWRITE) {
                buf_printf(out, " -x -a '(amal help %s 2> /dev/null)'", topic_of(r));
            } else if (r->kind == VALUE_FILE) {
                buf_puts(out, " -r -F");
            } else if (r->kind == VALUE_FOLDER) {
                buf_puts(out, " -x -a '(__fish_complete_directories)'");
            } else if (r->value) {
                buf_puts(out, " -x");
            }
            buf_puts(out, " -d '");
            quoted(out, r->help, "\\'");
            buf_puts(out, "'\n");
        }
        if (argument_of(c) == ARGUMENT_NONE) continue;
        buf_printf(out, "complete -c amal -n '__fish_seen_subcommand_from %s'", c->name);
        if (argument_of(c) == ARGUMENT_FILE) {
            buf_puts(out, " -k -a '(__fish_complete_suffix .amal)'\n");
        } else {
            buf_puts(out, " -a '");
            names_of_commands(out);
            buf_puts(out, "'\n");
        }
    }
}

bool command_completion(Buf *out, const char *shell) {
    static const struct {
        const char *name;
        void (*write)(Buf *out);
    } shells[] = {{"bash", bash}, {"fish", fish}, {"zsh", zsh}};
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
        if (strcmp(shells[i].name, shell) == 0) {
            shells[i].write(out);
            return true;
        }
    return false;
}
