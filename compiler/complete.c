/* complete.c: what can stand at a place of a script (contract: complete.h).
 *
 * The text before the cursor is cut into tokens; brackets and statements are followed without a parse, so that
 * unfinished text is no obstacle. The place is then named by the first word of the statement, the innermost open
 * bracket with what stands before it, and the token before the cursor. */
#include "compiler/complete.h"
#include "compiler/ast_print.h"
#include "compiler/complete_names.h"
#include "compiler/functions.h"
#include "compiler/script.h"
#include "compiler/words.h"
#include "grammar/parse_internal.h"
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

/* ---------------- candidates ---------------- */

static void push(Complete *c, const char *text, CompleteKind kind, const char *detail) {
    vec_push(c->arena, &c->out.found, ((Completion){text, kind, detail}));
}

static void add(Complete *c, const char *name, CompleteKind kind, const char *detail) {
    if (strncmp(name, c->typed, strlen(c->typed)) != 0) return;
    bool is_name = kind != COMPLETE_KEYWORD && kind != COMPLETE_WORD && kind != COMPLETE_FILE;
    if (!is_name) {
        if (!c->quoted) push(c, name, kind, detail); /* between backquotes stands a name */
        return;
    }
    if (c->quoted) {
        push(c, arena_printf(c->arena, "`%s`", name), kind, detail);
        return;
    }
    Buf b = {0};
    (kind == COMPLETE_COLUMN || kind == COMPLETE_SETTING ? ast_print_column : ast_print_name)(&b, name);
    push(c, arena_strndup(c->arena, b.data, b.len), kind, detail);
    buf_free(&b);
}

static void add_words(Complete *c, WordPlace place, CompleteKind kind) {
    int n;
    const char *const *words = words_at(place, &n);
    for (int i = 0; i < n; i++) add(c, words[i], kind, NULL);
}

static void add_keywords(Complete *c, const char *words) {
    while (*words) {
        size_t n = strcspn(words, " ");
        add(c, arena_strndup(c->arena, words, n), COMPLETE_KEYWORD, NULL);
        words += n + (words[n] == ' ');
    }
}

/* Every known name of the kind. */
static void add_names(Complete *c, CompleteKind kind) {
    for (int i = 0; i < c->names.len; i++)
        if (c->names.data[i].kind == kind && !c->names.data[i].of)
            add(c, c->names.data[i].name, kind, c->names.data[i].detail);
}

/* What belongs to `of`: columns of a source or target, parts, what fit returns, settings of an algorithm. */
static void add_members(Complete *c, const char *of, CompleteKind kind) {
    for (int i = 0; i < c->names.len; i++) {
        const CompleteName *n = &c->names.data[i];
        if (n->kind == kind && n->of && strcmp(n->of, of) == 0) add(c, n->name, kind, n->detail);
    }
}

static void add_functions(Complete *c) {
    FuncInfo f;
    for (int i = 0; func_at(i, &f); i++) {
        if (lex_is_keyword(f.name)) continue; /* `not` is offered as what it is */
        add(c, f.name, COMPLETE_FUNCTION, f.usage ? arena_printf(c->arena, "%s: %s", f.usage, f.formula) : f.formula);
    }
}

/* The variables of a dependency, the locals of a function: words of the outer statement that name nothing else. */
static void add_variables(Complete *c) {
    for (int i = c->first; i < c->ntokens; i++) {
        ScanToken t = c->tokens[i];
        if (t.kind != SCAN_WORD && t.kind != SCAN_QUOTED) continue;
        bool label = i + 1 < c->ntokens && scan_is(c->text, c->tokens[i + 1], ":");
        const char *name = complete_word(c, i);
        if ((c->dependency && label) || i == c->first || lex_is_keyword(name) || lex_is_clause(name)) continue;
        FuncInfo f;
        if (complete_known(c, name) || func_find(name, &f) || strcmp(name, "_") == 0) continue;
        add(c, name, COMPLETE_VALUE, NULL);
    }
}

static void add_values(Complete *c) {
    add_names(c, COMPLETE_VALUE);
    add_names(c, COMPLETE_MODEL);
    add_names(c, COMPLETE_TARGET);
    add_functions(c);
    add_keywords(c, "true false null not");
}

/* T and its parts. */
static void add_data(Complete *c) {
    add_names(c, COMPLETE_TARGET);
    for (int i = 0; i < c->names.len; i++) {
        const CompleteName *n = &c->names.data[i];
        if (n->kind != COMPLETE_PART || !n->of || !complete_is(c, n->of, COMPLETE_TARGET)) continue;
        if (strncmp(n->of, c->typed, strlen(c->typed)) != 0) continue;
        Buf b = {0};
        ast_print_name(&b, n->of);
        buf_puts(&b, ".");
        ast_print_name(&b, n->name);
        push(c, arena_strndup(c->arena, b.data, b.len), COMPLETE_PART, NULL);
        buf_free(&b);
    }
}

static void add_statements(Complete *c, bool top) {
    int count, nbody;
    const char *const *words = lex_statement_words(&count), *const *body = words_at(WORDS_BODY_STATEMENTS, &nbody);
    if (!top) {
        for (int i = 0; i < nbody; i++) add(c, body[i], COMPLETE_KEYWORD, NULL);
        return;
    }
    for (int i = 0; i < count; i++) {
        bool inner = false;
        for (int k = 0; k < nbody; k++) inner |= strcmp(words[i], body[k]) == 0 && strcmp(words[i], "for") != 0;
        if (!inner) add(c, words[i], COMPLETE_KEYWORD, NULL);
    }
    add_keywords(c, "forall asof");
}

/* ---------------- files ---------------- */

static void add_files(Complete *c, size_t quote) {
    size_t from = quote + 1;
    if (c->cursor - from >= 7 && memcmp(c->text + from, "sqlite:", 7) == 0) from += 7;
    char *path = arena_strndup(c->arena, c->text + from, c->cursor - from), *slash = strrchr(path, '/');
    size_t folder_length = slash ? (size_t)(slash + 1 - path) : 0;
    const char *folder = arena_strndup(c->arena, path, folder_length);
    const char *real = !folder_length ? c->base_dir : script_relative(c->arena, c->base_dir, folder);
    c->out.begin = from + folder_length;
    c->typed = path + folder_length;
    DIR *d = opendir(*real ? real : ".");
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.' && c->typed[0] != '.') continue;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        struct stat st;
        bool is_folder =
            stat(arena_printf(c->arena, "%s/%s", *real ? real : ".", e->d_name), &st) == 0 && S_ISDIR(st.st_mode);
        add(c, arena_printf(c->arena, "%s%s", e->d_name, is_folder ? "/" : ""), COMPLETE_FILE, NULL);
    }
    if (d) closedir(d);
}

/* ---------------- places ---------------- */

static bool before_is(const Complete *c, const char *word) {
    return c->ntokens > c->inner && scan_is(c->text, c->tokens[c->ntokens - 1], word);
}

/* Does an operand end before the cursor, so that an operator or a clause comes next? */
static bool after_operand(const Complete *c) {
    if (c->ntokens <= c->inner) return false;
    ScanToken t = c->tokens[c->ntokens - 1];
    if (t.kind == SCAN_MARK) return strchr(")]}'?", c->text[t.begin]) != NULL;
    if (t.kind != SCAN_WORD) return true;
    const char *word = complete_word(c, c->ntokens - 1);
    static const char *const before_operands[] = {"and",  "or", "not",   "in",     "print",  "on",
                                                  "with", "if", "while", "repeat", "return", "seed"};
    for (size_t i = 0; i < sizeof before_operands / sizeof *before_operands; i++)
        if (strcmp(word, before_operands[i]) == 0) return false;
    return true;
}

static void expression(Complete *c) {
    if (after_operand(c)) {
        add_keywords(c, "and or is in not");
        return;
    }
    add_values(c);
    add_variables(c);
}

/* Inside `name( …`. */
static bool in_parentheses(Complete *c, const char *head, const CompleteBracket *b) {
    const char *name = b->name;
    bool fresh = before_is(c, "(") || before_is(c, ",");
    if (strcmp(head, "key") == 0 || strcmp(head, "fd") == 0 || strcmp(head, "fk") == 0) {
        if (name) add_members(c, name, COMPLETE_COLUMN);
        return true;
    }
    if (strcmp(head, "source") == 0 && b->depth == 1) {
        if (fresh)
            add_words(c, WORDS_SOURCE_OPTIONS, COMPLETE_SETTING);
        else if (before_is(c, "="))
            add_keywords(c, "true false");
        return true;
    }
    if (strcmp(head, "match") == 0) {
        if (fresh) add_words(c, WORDS_LINK_COLUMNS, COMPLETE_SETTING);
        return true;
    }
    if (!name) return false;
    if (strcmp(head, "train") == 0 && b->depth == 1) {
        if (!fresh) return false;
        add_members(c, name, COMPLETE_SETTING);
        return true;
    }
    const char *relation = complete_relation(c, b);
    bool is_source = complete_is(c, relation, COMPLETE_SOURCE), is_target = complete_is(c, relation, COMPLETE_TARGET);
    if (!is_source && !is_target) return false;
    if (fresh)
        add_members(c, relation, COMPLETE_COLUMN);
    else if (before_is(c, ":")) {
        c->dependency = true;
        add_variables(c);
    }
    return true;
}

static void source_block(Complete *c) {
    if (before_is(c, ":"))
        add_words(c, WORDS_COLUMN_TYPES, COMPLETE_WORD);
    else if (before_is(c, "{") || before_is(c, ","))
        add_keywords(c, "key");
    else
        add_keywords(c, "as null not");
}

static void target_block(Complete *c) {
    int n;
    const char *const *roles = words_at(WORDS_TARGET_ROLES, &n);
    if (before_is(c, ":")) {
        add_words(c, WORDS_TARGET_ROLES, COMPLETE_WORD);
        return;
    }
    if (before_is(c, "missing")) {
        add_words(c, WORDS_MISSING, COMPLETE_WORD);
        return;
    }
    if (before_is(c, "{") || before_is(c, ",")) return;
    for (int i = 0; i < n; i++)
        if (before_is(c, roles[i])) add_words(c, WORDS_ENCODINGS, COMPLETE_WORD);
    add_keywords(c, "missing");
}

static void option_statement(Complete *c, int at) {
    if (at == 1) {
        add_words(c, WORDS_OPTIONS, COMPLETE_WORD);
        return;
    }
    if (before_is(c, "strategy")) add_words(c, WORDS_STRATEGY_VALUES, COMPLETE_WORD);
    if (before_is(c, "precision")) add_words(c, WORDS_PRECISION_VALUES, COMPLETE_WORD);
    if (before_is(c, "absorb")) add_words(c, WORDS_ABSORB_VALUES, COMPLETE_WORD);
    if (before_is(c, "sort")) add_words(c, WORDS_SORT_VALUES, COMPLETE_WORD);
    if (before_is(c, "backend")) add_words(c, WORDS_BACKEND_VALUES, COMPLETE_WORD);
    if (before_is(c, "egd")) add_words(c, WORDS_EGD_VALUES, COMPLETE_WORD);
    if (before_is(c, "deterministic")) add_words(c, WORDS_SWITCH_VALUES, COMPLETE_WORD);
}

/* A statement that begins `HEAD THING`, where THING is a name of `kind` and `clauses` follow it; after `on` data, after
 * `with` metrics. */
static void about(Complete *c, int at, CompleteKind kind, const char *clauses) {
    if (at == 1)
        add_names(c, kind);
    else if (before_is(c, "on"))
        add_data(c);
    else if (before_is(c, "with") || before_is(c, ","))
        add_names(c, COMPLETE_METRIC);
    else
        add_keywords(c, clauses);
}

/* Outside brackets, behind the statement's first word; `at` tokens of it stand before the cursor. false: not a
 * statement of this kind. */
static bool keyword_statement(Complete *c, const char *head, int at) {
    if (strcmp(head, "source") == 0) {
        if (at > 1) add_keywords(c, "from at");
    } else if (strcmp(head, "target") == 0) {
        if (before_is(c, "order") || before_is(c, "conflict"))
            add_words(c, before_is(c, "order") ? WORDS_ORDERS : WORDS_CONFLICTS, COMPLETE_WORD);
        else if (at > 1)
            add_words(c, WORDS_TARGET_CLAUSES, COMPLETE_KEYWORD);
    } else if (strcmp(head, "split") == 0) {
        about(c, at, COMPLETE_TARGET, "into seed");
    } else if (strcmp(head, "evaluate") == 0) {
        about(c, at, COMPLETE_MODEL, "on with");
    } else if (strcmp(head, "predict") == 0) {
        about(c, at, COMPLETE_MODEL, "on to");
    } else if (strcmp(head, "save") == 0) {
        about(c, at, COMPLETE_MODEL, "to");
    } else if (strcmp(head, "load") == 0) {
        if (at > 1) add_keywords(c, "from");
    } else if (strcmp(head, "export") == 0) {
        if (at == 1)
            add_data(c);
        else
            add_keywords(c, "to with provenance");
    } else if (strcmp(head, "train") == 0) {
        if (before_is(c, "="))
            add_names(c, COMPLETE_ALGORITHM);
        else if (before_is(c, "on"))
            add_data(c);
        else if (at > 3)
            add_keywords(c, "on");
    } else if (strcmp(head, "option") == 0) {
        option_statement(c, at);
    } else if (strcmp(head, "key") == 0 || strcmp(head, "fd") == 0 || strcmp(head, "fk") == 0) {
        add_names(c, COMPLETE_SOURCE);
    } else if (strcmp(head, "match") == 0) {
        if (before_is(c, "assign"))
            add_words(c, WORDS_ASSIGNMENTS, COMPLETE_WORD);
        else if (at == 1 || before_is(c, ","))
            add_names(c, COMPLETE_SOURCE);
        else
            add_keywords(c, "on via assign");
    } else {
        return strcmp(head, "use") == 0 || strcmp(head, "silo") == 0;
    }
    return true;
}

/* `name.` before the cursor. */
static void members(Complete *c) {
    const char *of = complete_word(c, c->ntokens - 2);
    add_members(c, of, COMPLETE_PART);
    if (complete_is(c, of, COMPLETE_SOURCE)) add_members(c, of, COMPLETE_COLUMN);
}

static void place(Complete *c) {
    int at = c->ntokens - c->inner;
    const char *head = c->first < c->ntokens ? complete_word(c, c->first) : "";
    const char *inner = at > 0 ? complete_word(c, c->inner) : "";
    if (c->ntokens >= 2 && before_is(c, ".") && *complete_word(c, c->ntokens - 2)) {
        members(c);
        return;
    }
    const CompleteBracket *b = c->nbrackets ? &c->brackets[c->nbrackets - 1] : NULL;
    bool in_body = strcmp(head, "algorithm") == 0 || strcmp(head, "metric") == 0;
    if (b && b->mark == '(' && !in_body && in_parentheses(c, *inner ? inner : head, b)) return;
    if (b && b->mark == '{' && strcmp(head, "source") == 0) {
        source_block(c);
    } else if (b && b->mark == '{' && strcmp(head, "target") == 0) {
        target_block(c);
    } else if (at == 0) {
        add_statements(c, !in_body);
        if (in_body) {
            add_variables(c);
            return;
        }
        add_names(c, COMPLETE_SOURCE);
        add_values(c);
    } else if (b && b->mark != '{') {
        expression(c);
    } else if (in_body || !keyword_statement(c, inner, at)) {
        if (!in_body && !after_operand(c)) add_names(c, COMPLETE_SOURCE);
        if (!in_body && before_is(c, "->")) {
            add_names(c, COMPLETE_TARGET);
            add_keywords(c, "exists");
        }
        expression(c);
    }
}

/* ---------------- the whole ---------------- */

static int candidate_order(const void *a, const void *b) {
    const Completion *x = a, *y = b;
    return x->kind != y->kind ? (x->kind > y->kind) - (x->kind < y->kind) : strcmp(x->text, y->text);
}

/* Sorted, each text once: the first kind it has counts. */
static void settle(Complete *c) {
    if (c->out.found.len == 0) return;
    qsort(c->out.found.data, (size_t)c->out.found.len, sizeof(Completion), candidate_order);
    int kept = 0;
    for (int i = 0; i < c->out.found.len; i++) {
        bool again = false;
        for (int k = 0; k < kept && !again; k++)
            again = strcmp(c->out.found.data[k].text, c->out.found.data[i].text) == 0;
        if (!again) c->out.found.data[kept++] = c->out.found.data[i];
    }
    c->out.found.len = kept;
}

Completions complete_at(Arena *arena, const Program *p, const char *base_dir, const char *text, size_t len,
                        size_t cursor) {
    Complete c = {.arena = arena, .text = text, .len = len, .cursor = cursor, .typed = ""};
    c.base_dir = base_dir && *base_dir ? base_dir : ".";
    c.out.begin = cursor;
    ScanToken at = complete_tokens(&c);
    if (at.kind == SCAN_COMMENT) return c.out;
    if (at.kind == SCAN_TEXT) {
        static const char *const before_files[] = {"from", "use", "to", "via", NULL};
        for (int i = 0; before_files[i]; i++)
            if (before_is(&c, before_files[i])) {
                add_files(&c, at.begin);
                break;
            }
        settle(&c);
        return c.out;
    }
    if (at.kind == SCAN_WORD || at.kind == SCAN_QUOTED) {
        size_t skip = at.kind == SCAN_QUOTED;
        c.out.begin = at.begin;
        c.quoted = skip != 0;
        c.typed = arena_strndup(arena, text + at.begin + skip, cursor - at.begin - skip);
    }
    complete_collect(&c, p);
    place(&c);
    settle(&c);
    return c.out;
}

const char *complete_common(Arena *arena, const Completions *c) {
    if (c->found.len == 0) return "";
    const char *first = c->found.data[0].text;
    size_t n = strlen(first);
    for (int i = 1; i < c->found.len; i++) {
        size_t k = 0;
        while (k < n && c->found.data[i].text[k] == first[k]) k++;
        n = k;
    }
    while (n > 0 && ((unsigned char)first[n] & 0xC0) == 0x80) n--; /* never inside a character */
    return arena_strndup(arena, first, n);
}

const char *complete_kind_text(CompleteKind k) {
    static const char *const texts[COMPLETE_COUNT_OF_KINDS] = {
        [COMPLETE_COLUMN] = "column",     [COMPLETE_PART] = "part",           [COMPLETE_SETTING] = "setting",
        [COMPLETE_VALUE] = "value",       [COMPLETE_MODEL] = "model",         [COMPLETE_TARGET] = "target",
        [COMPLETE_SOURCE] = "source",     [COMPLETE_ALGORITHM] = "algorithm", [COMPLETE_METRIC] = "metric",
        [COMPLETE_FUNCTION] = "function", [COMPLETE_WORD] = "word",           [COMPLETE_KEYWORD] = "keyword",
        [COMPLETE_FILE] = "file"};
    return texts[k];
}
