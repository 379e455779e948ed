/* complete_names.c: the tokens around the cursor, and the names that a program and a text declare (contract:
 * complete_names.h). */
#include "compiler/complete_names.h"

enum { DEEPEST = 256 };

/* ---------------- tokens ---------------- */

const char *complete_word(const Complete *c, int token) {
    if (token < 0 || token >= c->ntokens) return "";
    ScanToken t = c->tokens[token];
    if (t.kind != SCAN_WORD && t.kind != SCAN_QUOTED) return "";
    size_t quotes = t.kind == SCAN_QUOTED;
    return arena_strndup(c->arena, c->text + t.begin + quotes, t.end - t.begin - quotes - (quotes && !t.open));
}

/* A statement that ends with the brace of its block. A set, as in `in {…}`, ends none. */
static bool opens_block(const Complete *c, int token) {
    return token == 0 || !scan_is(c->text, c->tokens[token - 1], "in");
}

static void follow_brackets(Complete *c) {
    c->brackets = arena_array(c->arena, CompleteBracket, DEEPEST);
    int *begins = arena_array(c->arena, int, DEEPEST + 1); /* where the statement began that holds bracket i */
    bool *blocks = arena_array(c->arena, bool, DEEPEST);
    int begin = 0, depth = 0;
    for (int i = 0; i < c->ntokens; i++) {
        ScanToken t = c->tokens[i];
        char mark = t.kind == SCAN_MARK ? c->text[t.begin] : 0;
        if (mark == '(' || mark == '[' || mark == '{') {
            if (c->nbrackets == DEEPEST) return;
            const char *name = complete_word(c, i - 1);
            blocks[c->nbrackets] = mark == '{' && opens_block(c, i);
            begins[c->nbrackets] = begin;
            c->brackets[c->nbrackets++] = (CompleteBracket){mark, i, ++depth, *name ? name : NULL};
            if (blocks[c->nbrackets - 1]) begin = i + 1, depth = 0;
        } else if (mark == ')' || mark == ']' || mark == '}') {
            if (!c->nbrackets) continue;
            c->nbrackets--;
            bool ends = blocks[c->nbrackets];
            begin = ends ? i + 1 : begins[c->nbrackets];
            depth = c->brackets[c->nbrackets].depth - 1;
        } else if (mark == ';') {
            while (c->nbrackets && !blocks[c->nbrackets - 1]) c->nbrackets--;
            begin = i + 1;
            depth = 0;
        }
    }
    c->inner = begin;
    c->first = begin;
    for (int k = c->nbrackets - 1; k >= 0; k--) c->first = begins[k];
}

ScanToken complete_tokens(Complete *c) {
    VEC(ScanToken) all = {0};
    ScanToken at = {.kind = SCAN_END};
    for (ScanToken t = scan_next(c->text, c->len, 0); t.kind != SCAN_END; t = scan_next(c->text, c->len, t.end)) {
        if (t.begin >= c->cursor) break;
        bool goes_on = t.kind == SCAN_WORD || t.open || c->text[t.begin] == '#';
        bool touches = goes_on ? t.end >= c->cursor : t.end > c->cursor;
        if (touches && t.kind != SCAN_MARK) {
            at = t;
            break;
        }
        if (t.kind != SCAN_COMMENT) vec_push(c->arena, &all, t);
    }
    c->tokens = all.data;
    c->ntokens = all.len;
    follow_brackets(c);
    return at;
}

/* ---------------- names ---------------- */

static void name_add(Complete *c, const char *name, CompleteKind kind, const char *of, const char *detail) {
    for (int i = 0; i < c->names.len; i++) {
        CompleteName *n = &c->names.data[i];
        bool same_owner = n->of == of || (n->of && of && strcmp(n->of, of) == 0);
        if (n->kind != kind || !same_owner || strcmp(n->name, name) != 0) continue;
        if (!n->detail) n->detail = detail;
        return;
    }
    vec_push(c->arena, &c->names, ((CompleteName){name, kind, of, detail}));
}

bool complete_known(const Complete *c, const char *name) {
    for (int i = 0; i < c->names.len; i++)
        if (!c->names.data[i].of && strcmp(c->names.data[i].name, name) == 0) return true;
    return false;
}

bool complete_is(const Complete *c, const char *name, CompleteKind kind) {
    for (int i = 0; i < c->names.len; i++)
        if (!c->names.data[i].of && c->names.data[i].kind == kind && strcmp(c->names.data[i].name, name) == 0)
            return true;
    return false;
}

const char *complete_relation(const Complete *c, const CompleteBracket *b) {
    if (b->token >= 3 && scan_is(c->text, c->tokens[b->token - 2], "as")) return complete_word(c, b->token - 3);
    return b->name ? b->name : "";
}

static void collect_returns(Complete *c, const char *model, const AlgorithmDecl *a) {
    for (int i = 0; a && a->fit && i < a->fit->body.len; i++) {
        const Stmt *s = a->fit->body.data[i];
        if (s->kind != ST_RETURN) continue;
        for (int k = 0; k < s->ret.len; k++)
            if (s->ret.data[k]->kind == EX_NAME) name_add(c, s->ret.data[k]->text, COMPLETE_PART, model, NULL);
    }
}

static void collect_step(Complete *c, const Program *p, const Stmt *s) {
    if (s->kind == ST_LET) name_add(c, s->let.name.text, COMPLETE_VALUE, NULL, "let");
    if (s->kind == ST_LOAD) name_add(c, s->file.model.text, COMPLETE_MODEL, NULL, "loaded");
    if (s->kind == ST_TRAIN) {
        name_add(c, s->train.name.text, COMPLETE_MODEL, NULL, s->train.algorithm.text);
        collect_returns(c, s->train.name.text, program_algorithm(p, s->train.algorithm.text));
    }
    if (s->kind == ST_FOR)
        for (int i = 0; i < s->loop_for.body.len; i++) collect_step(c, p, s->loop_for.body.data[i]);
}

static const char *algorithm_usage(Complete *c, const AlgorithmDecl *a) {
    Buf b = {0};
    buf_printf(&b, "%s(", a->name.text);
    for (int i = 0; i < a->hyper.len; i++) {
        buf_printf(&b, "%s%s", i ? ", " : "", a->hyper.data[i].name.text);
        if (!a->hyper.data[i].value) continue;
        buf_puts(&b, " = ");
        ast_print_expr(&b, a->hyper.data[i].value);
    }
    buf_puts(&b, ")");
    const char *text = arena_strndup(c->arena, b.data, b.len);
    buf_free(&b);
    return text;
}

static void collect_program(Complete *c, const Program *p) {
    static const char *const roles[] = {
        [ROLE_FEATURE] = "feature", [ROLE_LABEL] = "label", [ROLE_WEIGHT] = "weight", [ROLE_ID] = "id"};
    for (int i = 0; i < p->sources.len; i++) {
        const Source *s = &p->sources.data[i];
        name_add(c, s->decl->name.text, COMPLETE_SOURCE, NULL, s->decl->uri);
        for (int k = 0; k < s->ncols; k++)
            name_add(c, s->cols[k].name.text, COMPLETE_COLUMN, s->decl->name.text, type_text(s->cols[k].type));
    }
    for (int i = 0; i < p->targets.len; i++) {
        const Target *t = &p->targets.data[i];
        const char *name = t->decl->name.text;
        name_add(c, name, COMPLETE_TARGET, NULL, NULL);
        for (int k = 0; k < t->decl->columns.len; k++)
            name_add(c, t->decl->columns.data[k].name.text, COMPLETE_COLUMN, name,
                     roles[t->decl->columns.data[k].role]);
        for (int k = 0; t->split && k < t->split->split.parts.len; k++)
            name_add(c, t->split->split.parts.data[k].name.text, COMPLETE_PART, name, NULL);
    }
    for (int i = 0; i < p->algorithms.len; i++) {
        const AlgorithmDecl *a = p->algorithms.data[i];
        name_add(c, a->name.text, COMPLETE_ALGORITHM, NULL, algorithm_usage(c, a));
        for (int k = 0; k < a->hyper.len; k++)
            name_add(c, a->hyper.data[k].name.text, COMPLETE_SETTING, a->name.text, NULL);
    }
    for (int i = 0; i < p->metrics.len; i++) name_add(c, p->metrics.data[i]->name.text, COMPLETE_METRIC, NULL, NULL);
    for (int i = 0; i < p->params.len; i++)
        name_add(c, p->params.data[i]->let.name.text, COMPLETE_VALUE, NULL, "param");
    for (int i = 0; i < p->steps.len; i++) collect_step(c, p, p->steps.data[i]);
}

/* Columns of a block that follows `at`: words before a `:` directly inside its braces, with the word behind it. */
static void text_columns(Complete *c, int at, const char *of, const ScanToken *tokens, int n) {
    Complete view = *c;
    view.tokens = (ScanToken *)tokens;
    view.ntokens = n;
    int i = at, depth = 0;
    while (i < n && !scan_is(c->text, tokens[i], "{") && !scan_is(c->text, tokens[i], ";")) i++;
    for (; i < n && !(depth == 0 && scan_is(c->text, tokens[i], ";")); i++) {
        char mark = tokens[i].kind == SCAN_MARK ? c->text[tokens[i].begin] : 0;
        depth += mark == '{' || mark == '(';
        depth -= mark == '}' || mark == ')';
        if (mark == '}' && depth <= 0) return;
        bool named = depth == 1 && i + 1 < n && scan_is(c->text, tokens[i + 1], ":");
        if (named && *complete_word(&view, i))
            name_add(c, complete_word(&view, i), COMPLETE_COLUMN, of, complete_word(&view, i + 2));
    }
}

/* `split T into a 0.8, b 0.2`. */
static void text_parts(Complete *c, Complete *view, int at, const char *of) {
    for (int i = at; i < view->ntokens && !scan_is(c->text, view->tokens[i], ";"); i++)
        if (i > at && !scan_is(c->text, view->tokens[i - 1], "seed") && view->tokens[i].kind == SCAN_NUMBER &&
            *complete_word(view, i - 1))
            name_add(c, complete_word(view, i - 1), COMPLETE_PART, of, NULL);
}

/* Declarations by their first two words, wherever a statement may begin. */
static void collect_text(Complete *c, const Program *p) {
    static const struct {
        const char *word;
        CompleteKind kind;
    } declarations[] = {{"source", COMPLETE_SOURCE},       {"target", COMPLETE_TARGET}, {"let", COMPLETE_VALUE},
                        {"param", COMPLETE_VALUE},         {"train", COMPLETE_MODEL},   {"load", COMPLETE_MODEL},
                        {"algorithm", COMPLETE_ALGORITHM}, {"metric", COMPLETE_METRIC}};
    enum { COUNT = sizeof declarations / sizeof *declarations };
    VEC(ScanToken) all = {0};
    for (ScanToken t = scan_next(c->text, c->len, 0); t.kind != SCAN_END; t = scan_next(c->text, c->len, t.end))
        if (t.kind != SCAN_COMMENT) vec_push(c->arena, &all, t);
    Complete view = *c;
    view.tokens = all.data;
    view.ntokens = all.len;
    for (int i = 0; i + 1 < all.len; i++) {
        bool begins = i == 0 || (all.data[i - 1].kind == SCAN_MARK && strchr(";{}", c->text[all.data[i - 1].begin]));
        const char *name = begins ? complete_word(&view, i + 1) : "";
        if (!*name || all.data[i + 1].end == c->cursor) continue; /* the word being typed declares nothing yet */
        if (scan_is(c->text, all.data[i], "split")) text_parts(c, &view, i + 2, name);
        for (int k = 0; k < COUNT; k++) {
            if (!scan_is(c->text, all.data[i], declarations[k].word)) continue;
            name_add(c, name, declarations[k].kind, NULL, NULL);
            if (k < 2) text_columns(c, i + 2, name, all.data, all.len);
            if (declarations[k].kind == COMPLETE_MODEL && p)
                collect_returns(c, name, program_algorithm(p, complete_word(&view, i + 3)));
        }
    }
}

void complete_collect(Complete *c, const Program *p) {
    if (p) collect_program(c, p);
    collect_text(c, p);
}
