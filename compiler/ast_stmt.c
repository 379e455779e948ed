/* ast_stmt.c: constructors of statements: what their words mean and which of them go together.
 *
 * Words that are not keywords of the grammar (types, roles, encodings) are looked up here, so that a mistyped
 * one gets an answer with the nearest that exists. */
#include "compiler/words.h"
#include "grammar/parse_internal.h"
#include <ctype.h>
#include <math.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static RawExpr *raw_of(const Expr *e) {
    return (RawExpr *)e;
}

static bool blank_line_before(const ParseState *ps, uint32_t at) {
    int newlines = 0;
    while (at && isspace((unsigned char)ps->text[at - 1])) newlines += ps->text[--at] == '\n';
    return newlines > 1;
}

Stmt *ast_stmt(ParseState *ps, StmtKind kind, Span span) {
    Stmt *s = arena_new_of(ps->arena, Stmt);
    s->kind = kind;
    s->span = span;
    s->blank_before = blank_line_before(ps, span.begin);
    if (kind == ST_EGD) s->egd = arena_new_of(ps->arena, EgdDecl);
    if (kind == ST_METRIC) s->metric = arena_new_of(ps->arena, FuncDecl);
    return s;
}

/* Reports a word that is none of those that may stand here. */
static void unknown_word(ParseState *ps, const char *code, const char *what, Name word, const char *const *words,
                         int count) {
    Diag *d = diag_error(ps->ds, code, word.span, "`%s` is no %s", word.text, what);
    const char *near = text_nearest(word.text, words, count);
    if (near) {
        diag_help(d, "did you mean `%s`?", near);
        return;
    }
    Buf list = {0};
    for (int i = 0; i < count; i++) buf_printf(&list, "%s`%s`", !i ? "" : i + 1 < count ? ", " : " or ", words[i]);
    diag_help(d, "write %s", list.data);
    buf_free(&list);
}

static int word_index(const char *word, const char *const *words, int count) {
    for (int i = 0; i < count; i++)
        if (!strcmp(words[i], word)) return i;
    return -1;
}

bool ast_word_is(ParseState *ps, Name word, const char *expected) {
    if (!strcmp(word.text, expected)) return true;
    unknown_word(ps, "E024", "word for this place", word, &expected, 1);
    return false;
}

const char *ast_once(ParseState *ps, const char *before, const char *now, Span clause) {
    if (before) diag_error(ps->ds, "E017", clause, "this is said twice for one column");
    return before ? before : now;
}

Name ast_clause_text(ParseState *ps, Span span) {
    char *out = arena_alloc(ps->arena, span.end - span.begin + 1), *o = out;
    bool quoted = false;
    int blank;
    for (uint32_t i = span.begin; i < span.end; i++) {
        char c = ps->text[i];
        if (quoted || c == '"') {
            if (c == '"' && (!quoted || ps->text[i - 1] != '\\')) quoted = !quoted;
            *o++ = c;
        } else if (c == '#') {
            while (i + 1 < span.end && ps->text[i + 1] != '\n') i++;
        } else if (c == '/' && ps->text[i + 1] == '*') {
            for (i += 2; ps->text[i] != '*' || ps->text[i + 1] != '/';) i++;
            i++;
        } else if (!(blank = lex_blank_length(ps->text + i))) {
            *o++ = c;
        } else {
            if (o > out && o[-1] != ' ') *o++ = ' ';
            i += (uint32_t)blank - 1;
        }
    }
    while (o > out && o[-1] == ' ') o--;
    *o = 0;
    return ast_name(out, span);
}

/* A whole number from 1 to 2^31, as the one argument of `word(n)`; 0 when it is not. */
static int64_t whole_argument(ParseState *ps, const char *word, const Expr *e, int nargs, Span span) {
    bool whole =
        nargs == 1 && e && e->kind == EX_NUM && e->num >= 1 && e->num <= 2147483648.0 && e->num == floor(e->num);
    if (whole) return (int64_t)e->num;
    diag_help(diag_error(ps->ds, "E018", span, "`%s` takes one whole number of at least 1", word), "as in: %s(16)",
              word);
    return 0;
}

NamedArgVec ast_named_only(ParseState *ps, const ArgVec *args, const char *what) {
    NamedArgVec named = {0};
    for (int i = 0; args && i < args->len; i++) {
        const Arg *a = &args->data[i];
        const Expr *v = a->value;
        bool fits = a->kind == ARG_PLAIN && v->kind == EX_BINARY && v->op == OP_EQ && v->args[0]->kind == EX_NAME;
        if (fits) {
            NamedArg n = {ast_name(v->args[0]->text, v->args[0]->span), v->args[1]};
            vec_push(ps->arena, &named, n);
        } else if (a->kind == ARG_REST || v->kind != EX_ERROR) {
            diag_help(diag_error(ps->ds, "E019", a->span, "%s are given by name", what), "write `name = value`");
        }
    }
    return named;
}

/* ---- dependencies ---- */
static Atom *atom_new(ParseState *ps, const Item *item, const Expr *call, bool negated) {
    Atom *a = arena_new_of(ps->arena, Atom);
    const ArgVec *raw = raw_of(call)->raw;
    raw_of(call)->is_atom = true;
    a->relation = ast_name(call->text, call->text_span);
    a->role = item->role;
    a->optional = item->optional;
    a->negated = negated;
    a->span = item->span;
    int plain = 0;
    for (int i = 0; i < raw->len; i++) {
        const Arg *arg = &raw->data[i];
        if (arg->kind == ARG_REST) {
            if (i + 1 < raw->len || a->rest)
                diag_error(ps->ds, "E019", arg->span, "`...` stands for the other columns and comes last, once");
            a->rest = true;
            continue;
        }
        if (arg->kind == ARG_COLUMN)
            a->named = true;
        else
            plain++;
        AtomArg out = {arg->kind == ARG_COLUMN ? arg->column : (Name){0}, arg->value};
        vec_push(ps->arena, &a->args, out);
    }
    for (int i = 0; a->named && plain && i < a->args.len; i++) {
        const AtomArg *arg = &a->args.data[i];
        if (arg->column.text) continue;
        diag_help(diag_error(ps->ds, "E019", arg->value->span, "this argument of `%s` names no column, others do",
                             a->relation.text),
                  "name all columns (`column: value`) or none");
        break;
    }
    return a;
}

/* Functions of texts that are conditions when they stand alone in a body. */
static bool is_text_function(const char *name) {
    int count;
    const char *const *names = words_at(WORDS_TEXT_CONDITIONS, &count);
    return word_index(name, names, count) >= 0;
}

static bool has_marks(const Expr *call) {
    for (int i = 0; i < raw_of(call)->raw->len; i++)
        if (raw_of(call)->raw->data[i].kind != ARG_PLAIN) return true;
    return false;
}

static bool is_atom_call(const Item *item, const Expr *e) {
    return e->kind == EX_CALL && (!is_text_function(e->text) || item->role.text || item->optional || has_marks(e));
}

/* Is an atom joined by the word `and`? Then `and` does the work of `&`. */
static bool joins_atoms(const Item *item, const Expr *e) {
    if (e->kind == EX_BINARY && e->op == OP_AND) return joins_atoms(item, e->args[0]) || joins_atoms(item, e->args[1]);
    return is_atom_call(item, e) || (e->kind == EX_UNARY && e->op == OP_NOT && is_atom_call(item, e->args[0]));
}

static void body_add(ParseState *ps, AtomVec *atoms, ExprVec *conditions, const Item *item, Expr *e) {
    if (e->kind == EX_BINARY && e->op == OP_AND && joins_atoms(item, e)) {
        for (int side = 0; side < 2; side++) {
            Item half = ast_item(e->args[side], e->args[side]->span);
            half.optional = item->optional && side == 1;
            body_add(ps, atoms, conditions, &half, e->args[side]);
        }
    } else if (is_atom_call(item, e)) {
        vec_push(ps->arena, atoms, atom_new(ps, item, e, item->negated));
    } else if (e->kind == EX_UNARY && e->op == OP_NOT && is_atom_call(item, e->args[0])) {
        vec_push(ps->arena, atoms, atom_new(ps, item, e->args[0], true));
    } else {
        if (item->optional)
            diag_help(diag_error(ps->ds, "E020", item->span, "`?` makes an atom optional; this is a condition"),
                      "write `?` behind the atom: S(x)? & x > 3");
        vec_push(ps->arena, conditions, e);
    }
}

static void head_add(ParseState *ps, AtomVec *atoms, const Item *item) {
    const Expr *e = item->expr;
    if (e && e->kind == EX_ERROR) return;
    if (!e || e->kind != EX_CALL || item->negated) {
        diag_help(diag_error(ps->ds, "E022", item->span, "a head says what follows: an atom of the target, or `a = b`"),
                  "conditions belong before the arrow");
        return;
    }
    if (item->optional)
        diag_error(ps->ds, "E022", item->span,
                   "an atom of a head cannot be optional: `?` belongs to atoms of the body");
    vec_push(ps->arena, atoms, atom_new(ps, item, e, false));
}

Stmt *ast_dependency(ParseState *ps, Name label, Formula f, Span span) {
    const Item *first = &f.head->data[0];
    bool equality = f.head->len == 1 && first->expr && first->expr->kind == EX_BINARY && first->expr->op == OP_EQ;
    Stmt *s = ast_stmt(ps, equality ? ST_EGD : ST_TGD, span);
    TgdDecl *t = arena_new_of(ps->arena, TgdDecl);
    for (int i = 0; i < f.body->len; i++) {
        const Item *item = &f.body->data[i];
        if (item->asof)
            vec_push(ps->arena, &t->asofs, item->asof);
        else
            body_add(ps, &t->body, &t->conditions, item, item->expr);
    }
    if (equality) {
        *s->egd = (EgdDecl){.kind = EGD_GENERAL,
                            .label = label,
                            .has_forall = f.has_forall,
                            .body = t->body,
                            .left = first->expr->args[0],
                            .right = first->expr->args[1],
                            .span = span};
        if (f.forall) s->egd->forall = *f.forall;
        if (f.exists || t->conditions.len || t->asofs.len)
            diag_help(diag_error(ps->ds, "E022",
                                 f.exists            ? f.exists->data[0].span
                                 : t->conditions.len ? t->conditions.data[0]->span
                                                     : t->asofs.data[0]->span,
                                 "a dependency that ends in an equality has atoms only"),
                      "as in: S(n, a) & S(n, b) -> a = b;");
        return s;
    }
    t->label = label;
    t->has_forall = f.has_forall;
    if (f.forall) t->forall = *f.forall;
    if (f.exists) t->exists = *f.exists;
    t->span = span;
    for (int i = 0; i < f.head->len; i++) head_add(ps, &t->head, &f.head->data[i]);
    s->tgd = t;
    return s;
}

/* ---- sources ---- */
SourceDecl *ast_source(ParseState *ps, Name name, Name silo, Expr *uri, ArgVec *options) {
    SourceDecl *s = arena_new_of(ps->arena, SourceDecl);
    s->name = name;
    s->silo = silo;
    s->uri = uri->text;
    s->uri_span = uri->span;
    s->options = ast_named_only(ps, options, "the options of a source");
    memset(&ps->columns, 0, sizeof ps->columns);
    memset(&ps->keys, 0, sizeof ps->keys);
    ps->keys_span = (Span){0};
    return s;
}

ColumnDecl *ast_column(ParseState *ps, Name name, Name type, ArgVec *args, Span type_span) {
    int nwords;
    const char *const *words = words_at(WORDS_COLUMN_TYPES, &nwords);
    static const TypeKind kinds[] = {TY_NUM, TY_INT, TY_BOOL, TY_TEXT, TY_CAT, TY_DATE, TY_TIME, TY_VECTOR, TY_ROWID};
    ColumnDecl *c = arena_new_of(ps->arena, ColumnDecl);
    c->name = name;
    c->type_span = type_span;
    int i = word_index(type.text, words, nwords);
    if (i < 0) {
        unknown_word(ps, "E014", "type of a column", type, words, nwords);
        return c;
    }
    c->type = kinds[i];
    const Expr *first = args && args->len ? args->data[0].value : NULL;
    if (!args) return c;
    if (c->type == TY_VECTOR) {
        c->width = whole_argument(ps, "vector", first, args->len, type_span);
    } else if (c->type == TY_DATE || c->type == TY_TIME) {
        if (args->len == 1 && first && first->kind == EX_STR)
            c->format = first->text;
        else
            diag_help(diag_error(ps->ds, "E018", type_span, "`%s` takes its format as a text", words[i]),
                      "as in: date(\"%%Y-%%m-%%d\")");
    } else {
        diag_error(ps->ds, "E018", type_span, "the type `%s` takes nothing between parentheses", words[i]);
    }
    return c;
}

void ast_column_key(ParseState *ps, Name word, const NameVec *cols, Span span) {
    if (!ast_word_is(ps, word, "key")) return;
    vec_push(ps->arena, &ps->keys, *cols);
    ps->keys_span = span_join(ps->keys_span, span);
}

void ast_source_columns(ParseState *ps, SourceDecl *s) {
    s->has_columns = ps->columns.len > 0;
    for (int i = 0; i < ps->columns.len; i++) vec_push(ps->arena, &s->columns, *ps->columns.data[i]);
    for (int i = 0; i < ps->keys.len; i++) vec_push(ps->arena, &s->keys, ps->keys.data[i]);
    s->keys_span = ps->keys_span;
}

/* ---- targets ---- */
TargetDecl *ast_target(ParseState *ps, Name name) {
    TargetDecl *t = arena_new_of(ps->arena, TargetDecl);
    t->name = name;
    t->order = "tgd";
    t->conflict = "base";
    memset(&ps->target_columns, 0, sizeof ps->target_columns);
    return t;
}

TargetDecl *ast_target_word(ParseState *ps, TargetDecl *t, const char *clause, Name value) {
    bool order = !strcmp(clause, "order");
    int count;
    const char *const *words = words_at(order ? WORDS_ORDERS : WORDS_CONFLICTS, &count);
    int i = word_index(value.text, words, count);
    Span *span = order ? &t->order_span : &t->conflict_span;
    if (span->file) diag_error(ps->ds, "E017", value.span, "`%s` is said twice for one target", clause);
    if (i < 0)
        unknown_word(ps, "E024", order ? "order of rows" : "policy for conflicts", value, words, count);
    else if (order)
        t->order = words[i];
    else
        t->conflict = words[i];
    *span = value.span;
    return t;
}

static void column_encoding(ParseState *ps, TargetColumn *c, const Expr *e) {
    int nwords;
    const char *const *words = words_at(WORDS_ENCODINGS, &nwords);
    static const Encoding kinds[] = {ENC_NUM, ENC_ONEHOT, ENC_ORDINAL, ENC_HASH, ENC_DAYS, ENC_VECTOR, ENC_TEXT};
    int i = word_index(e->text, words, nwords);
    if (i < 0) {
        unknown_word(ps, "E016", "encoding", ast_name(e->text, e->text_span), words, nwords);
        return;
    }
    c->encoding = kinds[i];
    c->encoding_given = true;
    c->encoding_span = e->span;
    const ArgVec *args = e->kind == EX_CALL ? raw_of(e)->raw : NULL;
    const Expr *first = e->nargs ? e->args[0] : NULL;
    if (c->encoding == ENC_HASH) {
        c->buckets = whole_argument(ps, "hash", first, args ? args->len : 0, e->span);
    } else if (c->encoding == ENC_DAYS) {
        if (args && args->len == 1 && first && first->kind == EX_STR)
            c->epoch = first->text;
        else
            diag_help(diag_error(ps->ds, "E018", e->span, "`days` takes the day it counts from as a text"),
                      "as in: days(\"1970-01-01\")");
    } else if (c->encoding == ENC_ONEHOT && args) {
        NamedArgVec named = ast_named_only(ps, args, "the settings of `onehot`");
        for (int k = 0; k < named.len; k++)
            if (ast_word_is(ps, named.data[k].name, "base")) c->base_category = named.data[k].value;
    } else if (args) {
        diag_error(ps->ds, "E018", e->span, "the encoding `%s` takes nothing between parentheses", e->text);
    }
}

static void column_missing(ParseState *ps, TargetColumn *c, Expr *e) {
    int nwords;
    const char *const *words = words_at(WORDS_MISSING, &nwords);
    static const MissingKind kinds[] = {MISS_MEAN, MISS_DROP, MISS_ERROR};
    c->missing_span = e->span;
    c->missing = MISS_CONST;
    if (e->kind != EX_NAME) {
        c->missing_value = e;
        return;
    }
    int i = word_index(e->text, words, nwords);
    if (i >= 0)
        c->missing = kinds[i];
    else {
        unknown_word(ps, "E024", "way to fill missing values", ast_name(e->text, e->span), words, nwords);
        c->missing = MISS_DEFAULT;
    }
}

void ast_target_column(ParseState *ps, Name name, Name role, Expr *encoding, Expr *missing) {
    int nwords;
    const char *const *words = words_at(WORDS_TARGET_ROLES, &nwords);
    static const ColumnRole kinds[] = {ROLE_FEATURE, ROLE_LABEL, ROLE_WEIGHT, ROLE_ID};
    TargetColumn c = {.name = name};
    int i = word_index(role.text, words, nwords);
    if (i < 0)
        unknown_word(ps, "E015", "role of a column", role, words, nwords);
    else
        c.role = kinds[i];
    c.encoding = c.role == ROLE_ID ? ENC_TEXT : ENC_NUM;
    if (encoding) column_encoding(ps, &c, encoding);
    if (missing) column_missing(ps, &c, missing);
    vec_push(ps->arena, &ps->target_columns, c);
}

void ast_target_columns(ParseState *ps, TargetDecl *t) {
    t->columns = ps->target_columns;
    memset(&ps->target_columns, 0, sizeof ps->target_columns);
}

/* ---- algorithms ---- */
void ast_param(ParseState *ps, ParamVec *v, Name name, const ExprVec *dims, Expr *value) {
    Param p = {.name = name, .value = value};
    if (dims) p.dims = *dims;
    vec_push(ps->arena, v, p);
}

/* The comments directly above `at`, without their marks; NULL when there are none. */
static const char *doc_above(ParseState *ps, uint32_t at) {
    const Script *s = ps->script;
    int last = s->comments.len;
    while (last && s->comments.data[last - 1].span.begin >= at) last--;
    int first = last;
    while (first && s->comments.data[first - 1].own_line) {
        int newlines = 0;
        for (uint32_t i = s->comments.data[first - 1].span.end; i < at; i++) {
            if (!isspace((unsigned char)ps->text[i])) newlines = 2; /* a statement stands between */
            newlines += ps->text[i] == '\n';
        }
        if (newlines > 1) break;
        at = s->comments.data[--first].span.begin;
    }
    if (first == last) return NULL;
    Buf b = {0};
    for (int i = first; i < last; i++) {
        const char *text = s->comments.data[i].text;
        size_t n = strlen(text);
        bool block = *text == '/';
        if (block) n -= 2;
        size_t from = block ? 2 : 1;
        while (from < n && text[from] == ' ') from++;
        if (i > first) buf_puts(&b, "\n");
        buf_add(&b, text + from, n > from ? n - from : 0);
    }
    const char *doc = arena_strdup(ps->arena, b.data);
    buf_free(&b);
    return doc;
}

Stmt *ast_algorithm(ParseState *ps, Name name, const ParamVec *hyper, const FuncVec *functions, Span span) {
    static const char *const words[] = {"fit", "predict"};
    Stmt *s = ast_stmt(ps, ST_ALGORITHM, span);
    AlgorithmDecl *a = s->algorithm = arena_new_of(ps->arena, AlgorithmDecl);
    a->name = name;
    a->hyper = *hyper;
    a->doc = doc_above(ps, span.begin);
    for (int i = 0; i < functions->len; i++) {
        FuncDecl *f = functions->data[i];
        int which = word_index(f->name.text, words, COUNT(words));
        if (which < 0) {
            unknown_word(ps, "E021", "part of an algorithm", f->name, words, COUNT(words));
            continue;
        }
        FuncDecl **place = which ? &a->predict : &a->fit;
        if (*place) {
            Diag *d = diag_error(ps->ds, "E021", f->name.span, "`%s` has a second `%s`", name.text, f->name.text);
            diag_note(d, (*place)->name.span, "the first is here");
        } else {
            *place = f;
        }
    }
    if (!a->fit)
        diag_help(diag_error(ps->ds, "E021", name.span, "the algorithm `%s` has no `fit`", name.text),
                  "as in: fit(X: [n, d], y: [n, 1]) { … return w; }");
    return s;
}

/* ---- the others ---- */
Stmt *ast_match(ParseState *ps, const NameVec *roles, const ExprVec *on, const Expr *via, const ArgVec *args,
                const NameVec *fuzzy, Name assign, Span span) {
    Stmt *s = ast_stmt(ps, ST_MATCH, span);
    MatchDecl *m = s->match = arena_new_of(ps->arena, MatchDecl);
    m->roles = *roles;
    m->span = span;
    for (int i = 0; on && i < on->len; i++) {
        Expr *e = on->data[i];
        if (e->kind == EX_NAME) {
            vec_push(ps->arena, &m->on, ast_name(e->text, e->span));
        } else if (e->kind == EX_BINARY && e->op == OP_EQ) {
            vec_push(ps->arena, &m->on_exprs, e);
        } else if (e->kind != EX_ERROR) {
            diag_help(diag_error(ps->ds, "E022", e->span, "rows are matched on columns or on equalities of columns"),
                      "as in: match S1, S2 on n;  or: match S1, S2 on S1.pid = S2.patient;");
        }
    }
    if (via) {
        m->via = via->text;
        m->via_span = via->span;
        m->via_args = ast_named_only(ps, args, "the columns of a link table");
    }
    if (fuzzy) {
        m->fuzzy = true;
        m->fuzzy_clauses = *fuzzy;
    }
    m->assign = assign.text;
    m->assign_span = assign.span;
    return s;
}

Stmt *ast_split(ParseState *ps, Name target, const SplitPartVec *parts, Expr *seed, Span span) {
    Stmt *s = ast_stmt(ps, ST_SPLIT, span);
    s->split.target = target;
    s->split.seed = seed;
    for (int i = 0; i < parts->len; i++) vec_push(ps->arena, &s->split.parts, parts->data[i]);
    return s;
}
