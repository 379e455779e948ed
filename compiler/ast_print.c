/* ast_print.c: the tree as canonical text, for `amal fmt` and for messages.
 *
 * Promise: parse(print(s)) prints the same text again. Comments and single empty lines between statements are
 * kept: a comment on its own line stays before what follows it, one behind code stays behind it;
 * one inside an expression moves behind the statement. */
#include "compiler/ast_print.h"
#include "grammar/parse_internal.h"

enum { LINE_MOST = 100, INDENT = 2 };
typedef struct Printer {
    Buf *out;
    const Script *script; /* NULL: no comments to place */
    int comment;          /* the next one to print */
    int indent;
} Printer;

/* ---- comments and lines ---- */
static const Comment *next_comment(const Printer *p, uint32_t before) {
    if (!p->script || p->comment >= p->script->comments.len) return NULL;
    const Comment *c = &p->script->comments.data[p->comment];
    return c->span.begin < before ? c : NULL;
}

static void print_indent(const Printer *p) {
    buf_printf(p->out, "%*s", p->indent, "");
}

/* Ends a line of code: the comments behind it first. */
static void print_line_end(Printer *p, uint32_t before) {
    bool open = true;
    for (const Comment *c; (c = next_comment(p, before)) && !c->own_line; p->comment++) {
        if (open)
            buf_printf(p->out, "  %s", c->text);
        else {
            print_indent(p);
            buf_printf(p->out, "%s\n", c->text);
        }
        if (open && *c->text == '#') {
            buf_puts(p->out, "\n");
            open = false;
        }
    }
    if (open) buf_puts(p->out, "\n");
}

/* The comments before a place, each on its own line. True when there were some. */
static bool print_comments(Printer *p, uint32_t before, bool first) {
    bool any = false;
    for (const Comment *c; (c = next_comment(p, before)); p->comment++) {
        if (c->blank_before && !(first && !any)) buf_puts(p->out, "\n");
        print_indent(p);
        buf_printf(p->out, "%s\n", c->text);
        any = true;
    }
    return any;
}

static bool has_comment_before(const Printer *p, uint32_t end) {
    return next_comment(p, end) != NULL;
}

/* ---- parts of statements ---- */
static void print_named(Buf *b, const NamedArgVec *v) {
    for (int i = 0; i < v->len; i++) {
        if (i) buf_puts(b, ", ");
        ast_print_column(b, v->data[i].name.text);
        buf_puts(b, " = ");
        ast_print_level(b, v->data[i].value, P_COMPARE + 1);
    }
}

static void print_data(Buf *b, const DataRef *d) {
    ast_print_name(b, d->target.text);
    if (!d->part.text) return;
    buf_puts(b, ".");
    ast_print_name(b, d->part.text);
}

static void print_atom(Buf *b, const Atom *a) {
    if (a->negated) buf_puts(b, "not ");
    ast_print_name(b, a->relation.text);
    if (a->role.text) {
        buf_puts(b, " as ");
        ast_print_name(b, a->role.text);
    }
    buf_puts(b, "(");
    for (int i = 0; i < a->args.len; i++) {
        if (i) buf_puts(b, ", ");
        if (a->args.data[i].column.text) {
            ast_print_column(b, a->args.data[i].column.text);
            buf_puts(b, ": ");
        }
        ast_print_level(b, a->args.data[i].value, 0);
    }
    if (a->rest) buf_puts(b, a->args.len ? ", ..." : "...");
    buf_puts(b, a->optional ? ")?" : ")");
}

/* Joins pieces with ` & `; each begins a line when the whole does not fit one. */
static void join_piece(Printer *p, Buf *b, const char *joint, bool broken) {
    if (broken)
        buf_printf(b, "\n%*s%s", p->indent + INDENT + 1, "", joint);
    else
        buf_printf(b, " %s", joint);
    buf_puts(b, " ");
}

static void print_body(Printer *p, Buf *b, const TgdDecl *t, bool broken) {
    int n = 0;
    for (int i = 0; i < t->body.len; i++) {
        if (n++) join_piece(p, b, "&", broken);
        print_atom(b, t->body.data[i]);
    }
    for (int i = 0; i < t->conditions.len; i++) {
        if (n++) join_piece(p, b, "&", broken);
        ast_print_level(b, t->conditions.data[i], 0);
    }
    for (int i = 0; i < t->asofs.len; i++) {
        const AsofCond *c = t->asofs.data[i];
        if (n++) join_piece(p, b, "&", broken);
        buf_puts(b, "asof ");
        ast_print_level(b, c->earlier, P_COMPARE + 1);
        buf_puts(b, " <= ");
        ast_print_level(b, c->later, P_COMPARE + 1);
        buf_puts(b, " within ");
        ast_print_level(b, c->within, 0);
        buf_puts(b, " ");
        ast_print_after_operand(b, c->unit);
    }
}

static void print_label(Buf *b, const Name *label, bool has_forall, const NameVec *forall) {
    if (label->text) {
        ast_print_column(b, label->text);
        buf_puts(b, ": ");
    }
    if (!has_forall) return;
    buf_puts(b, "forall ");
    ast_print_names(b, forall);
    buf_puts(b, ": ");
}

static void print_tgd_as(Printer *p, Buf *b, const TgdDecl *t, bool broken) {
    print_label(b, &t->label, t->has_forall, &t->forall);
    print_body(p, b, t, broken);
    join_piece(p, b, "->", broken);
    if (t->exists.len) {
        buf_puts(b, "exists ");
        ast_print_names(b, &t->exists);
        buf_puts(b, ": ");
    }
    for (int i = 0; i < t->head.len; i++) {
        if (i) buf_puts(b, " & ");
        print_atom(b, t->head.data[i]);
    }
    buf_puts(b, ";");
}

static void print_tgd(Printer *p, const TgdDecl *t) {
    size_t from = p->out->len;
    print_tgd_as(p, p->out, t, false);
    if (p->out->len - from + (size_t)p->indent <= LINE_MOST) return;
    p->out->len = from;
    print_tgd_as(p, p->out, t, true);
}

static void print_egd(Buf *b, const EgdDecl *e) {
    if (e->kind == EGD_GENERAL) {
        print_label(b, &e->label, e->has_forall, &e->forall);
        for (int i = 0; i < e->body.len; i++) {
            if (i) buf_puts(b, " & ");
            print_atom(b, e->body.data[i]);
        }
        buf_puts(b, " -> ");
        ast_print_level(b, e->left, P_COMPARE + 1);
        buf_puts(b, " = ");
        ast_print_level(b, e->right, P_COMPARE + 1);
        buf_puts(b, ";");
        return;
    }
    buf_puts(b, e->kind == EGD_KEY ? "key " : e->kind == EGD_FD ? "fd " : "fk ");
    ast_print_name(b, e->source.text);
    buf_puts(b, "(");
    ast_print_names(b, &e->cols);
    if (e->kind != EGD_KEY) buf_puts(b, e->kind == EGD_FD ? " -> " : ") -> ");
    if (e->kind == EGD_FK) {
        ast_print_name(b, e->source2.text);
        buf_puts(b, "(");
    }
    if (e->kind != EGD_KEY) ast_print_names(b, &e->cols2);
    buf_puts(b, ");");
}

static void print_match(Printer *p, const MatchDecl *m) {
    Buf *b = p->out;
    buf_puts(b, "match ");
    ast_print_names(b, &m->roles);
    if (m->fuzzy) {
        buf_puts(b, " fuzzy {\n");
        for (int i = 0; i < m->fuzzy_clauses.len; i++)
            buf_printf(b, "%*s%s;\n", p->indent + INDENT, "", m->fuzzy_clauses.data[i].text);
        print_indent(p);
        buf_puts(b, "}");
        return;
    }
    if (m->via) {
        buf_puts(b, " via ");
        ast_print_text(b, m->via);
        if (m->via_args.len) {
            buf_puts(b, " (");
            print_named(b, &m->via_args);
            buf_puts(b, ")");
        }
    } else {
        buf_puts(b, " on ");
        ast_print_names(b, &m->on);
        if (m->on.len && m->on_exprs.len) buf_puts(b, ", ");
        ast_print_list(b, m->on_exprs.data, m->on_exprs.len);
    }
    if (m->assign) {
        buf_puts(b, " assign ");
        ast_print_name(b, m->assign);
    }
    buf_puts(b, ";");
}

/* ---- blocks of columns ---- */
void ast_print_source_column(Buf *b, const ColumnDecl *c) {
    ast_print_column(b, c->name.text);
    buf_printf(b, ": %s", type_text(c->type));
    if (c->type == TY_VECTOR && c->width) buf_printf(b, "(%lld)", (long long)c->width);
    if (c->format) {
        buf_puts(b, "(");
        ast_print_text(b, c->format);
        buf_puts(b, ")");
    }
    if (c->header) {
        buf_puts(b, " as ");
        ast_print_text(b, c->header);
    }
    if (c->null_text) {
        buf_puts(b, " null ");
        ast_print_text(b, c->null_text);
    }
    if (c->not_null) buf_puts(b, " not null");
}

void ast_print_target_column(Buf *b, const TargetColumn *c) {
    static const char *const roles[] = {"feature", "label", "weight", "id"};
    static const char *const encodings[] = {"num", "onehot", "ordinal", "hash", "days", "vector", "text"};
    ast_print_column(b, c->name.text);
    buf_printf(b, ": %s", roles[c->role]);
    if (c->encoding_given) buf_printf(b, " %s", encodings[c->encoding]);
    if (c->encoding_given && c->encoding == ENC_HASH) buf_printf(b, "(%lld)", (long long)c->buckets);
    if (c->epoch) {
        buf_puts(b, "(");
        ast_print_text(b, c->epoch);
        buf_puts(b, ")");
    }
    if (c->base_category) {
        buf_puts(b, "(base = ");
        ast_print_level(b, c->base_category, P_COMPARE + 1);
        buf_puts(b, ")");
    }
    if (c->missing == MISS_DEFAULT) return;
    buf_puts(b, " missing ");
    if (c->missing == MISS_CONST)
        ast_print_level(b, c->missing_value, 0);
    else
        buf_puts(b, c->missing == MISS_MEAN ? "mean" : c->missing == MISS_DROP ? "drop" : "error");
}

/* The columns of a source or a target: on one line when they fit it and no comment stands between them. */
static void print_columns(Printer *p, const SourceDecl *s, const TargetDecl *t, uint32_t end, size_t line_start) {
    int columns = s ? s->columns.len : t->columns.len, n = columns + (s ? s->keys.len : 0);
    bool comments = has_comment_before(p, end);
    size_t from = p->out->len;
    for (int broken = comments; broken < 2; broken++) {
        p->out->len = from;
        p->indent += INDENT;
        buf_puts(p->out, broken ? " {" : " { ");
        for (int i = 0; i < n; i++) {
            const NameVec *key = i >= columns ? &s->keys.data[i - columns] : NULL;
            Span at = key ? key->data[0].span : s ? s->columns.data[i].name.span : t->columns.data[i].name.span;
            if (broken) {
                print_line_end(p, at.begin);
                print_comments(p, at.begin, !i);
                print_indent(p);
            }
            if (key) {
                buf_puts(p->out, "key(");
                ast_print_names(p->out, key);
                buf_puts(p->out, ")");
            } else if (s) {
                ast_print_source_column(p->out, &s->columns.data[i]);
            } else {
                ast_print_target_column(p->out, &t->columns.data[i]);
            }
            if (i + 1 < n) buf_puts(p->out, broken ? "," : ", ");
        }
        if (broken) {
            print_line_end(p, end);
            print_comments(p, end, !n);
        }
        p->indent -= INDENT;
        if (broken) print_indent(p);
        buf_puts(p->out, broken ? "}" : " }");
        if (p->out->len - line_start + (size_t)p->indent <= LINE_MOST) return;
    }
}

static void print_source(Printer *p, const SourceDecl *s, Span span) {
    Buf *b = p->out;
    size_t from = b->len;
    buf_puts(b, "source ");
    ast_print_name(b, s->name.text);
    if (s->silo.text) {
        buf_puts(b, " at ");
        ast_print_name(b, s->silo.text);
    }
    buf_puts(b, " from ");
    ast_print_text(b, s->uri);
    if (s->options.len) {
        buf_puts(b, " (");
        print_named(b, &s->options);
        buf_puts(b, ")");
    }
    if (s->has_columns || s->keys.len)
        print_columns(p, s, NULL, span.end, from);
    else
        buf_puts(b, ";");
}

static void print_target(Printer *p, const TargetDecl *t, Span span) {
    Buf *b = p->out;
    size_t from = b->len;
    buf_puts(b, "target ");
    ast_print_name(b, t->name.text);
    if (t->order_span.file) buf_printf(b, " order %s", t->order);
    if (t->conflict_span.file) buf_printf(b, " conflict %s", t->conflict);
    if (t->distinct) buf_puts(b, " distinct");
    print_columns(p, NULL, t, span.end, from);
}

/* ---- statements ---- */
static void print_stmt(Printer *p, const Stmt *s);

/* The statements of a block that ends at `end`. */
static void print_stmts(Printer *p, const StmtVec *v, uint32_t end) {
    for (int i = 0; i < v->len; i++) {
        const Stmt *s = v->data[i];
        bool comments = print_comments(p, s->span.begin, !i);
        if (s->blank_before && (i || comments)) buf_puts(p->out, "\n");
        print_indent(p);
        print_stmt(p, s);
        print_line_end(p, i + 1 < v->len ? v->data[i + 1]->span.begin : end);
    }
    print_comments(p, end, !v->len);
}

static void print_block(Printer *p, const StmtVec *v, uint32_t end) {
    buf_puts(p->out, "{");
    p->indent += INDENT;
    print_line_end(p, v->len ? v->data[0]->span.begin : end);
    print_stmts(p, v, end);
    p->indent -= INDENT;
    print_indent(p);
    buf_puts(p->out, "}");
}

void ast_print_params(Buf *b, const ParamVec *v) {
    buf_puts(b, "(");
    for (int i = 0; i < v->len; i++) {
        const Param *q = &v->data[i];
        if (i) buf_puts(b, ", ");
        if (q->dims.len) {
            ast_print_column(b, q->name.text);
            buf_puts(b, ": [");
            ast_print_list(b, q->dims.data, q->dims.len);
            buf_puts(b, "]");
        } else {
            ast_print_name(b, q->name.text);
        }
        if (q->value) {
            buf_puts(b, " = ");
            ast_print_level(b, q->value, 0);
        }
    }
    buf_puts(b, ")");
}

static void print_function(Printer *p, const FuncDecl *f) {
    ast_print_name(p->out, f->name.text);
    ast_print_params(p->out, &f->params);
    buf_puts(p->out, " ");
    print_block(p, &f->body, f->span.end);
}

static void print_algorithm(Printer *p, const AlgorithmDecl *a, uint32_t end) {
    Buf *b = p->out;
    buf_puts(b, "algorithm ");
    ast_print_name(b, a->name.text);
    if (a->hyper.len) ast_print_params(b, &a->hyper);
    buf_puts(b, " {");
    p->indent += INDENT;
    const FuncDecl *functions[2] = {a->fit, a->predict};
    if (a->predict && (!a->fit || a->predict->span.begin < a->fit->span.begin)) {
        functions[0] = a->predict;
        functions[1] = a->fit;
    }
    for (int i = 0; i < 2 && functions[i]; i++) {
        print_line_end(p, functions[i]->span.begin);
        print_comments(p, functions[i]->span.begin, !i);
        print_indent(p);
        print_function(p, functions[i]);
    }
    print_line_end(p, end);
    print_comments(p, end, false);
    p->indent -= INDENT;
    print_indent(p);
    buf_puts(b, "}");
}

static void print_if(Printer *p, const Stmt *s) {
    Buf *b = p->out;
    const StmtVec *other = &s->if_.otherwise;
    buf_puts(b, "if (");
    ast_print_level(b, s->if_.cond, 0);
    buf_puts(b, ") ");
    print_block(p, &s->if_.then, other->len ? other->data[0]->span.begin : s->span.end);
    if (!other->len) return;
    buf_puts(b, " else ");
    if (other->len == 1 && other->data[0]->kind == ST_IF)
        print_stmt(p, other->data[0]);
    else
        print_block(p, other, s->span.end);
}

/* The value of an option follows a name directly: parentheses keep a leading word from being read as a clause. */
static void print_option_value(Buf *b, const Expr *e) {
    Buf text = {0};
    ast_print_level(&text, e, 0);
    size_t n = strcspn(text.data, " '.[(");
    char *word = mem_alloc(n + 1);
    memcpy(word, text.data, n);
    bool clause = lex_is_clause(word);
    if (clause && !text.data[n])
        ast_print_after_operand(b, word);
    else
        buf_printf(b, clause ? "(%s)" : "%s", text.data);
    mem_free(word);
    buf_free(&text);
}

static void print_file(Buf *b, const char *joint, const char *file) {
    buf_puts(b, joint);
    ast_print_text(b, file);
    buf_puts(b, ";");
}

/* name = value; */
static void print_binding(Buf *b, const char *word, const Name *name, const Expr *value) {
    buf_puts(b, word);
    ast_print_name(b, name->text);
    buf_puts(b, " = ");
    ast_print_level(b, value, 0);
    buf_puts(b, ";");
}

static void print_train(Buf *b, const Stmt *s) {
    buf_puts(b, "train ");
    ast_print_name(b, s->train.name.text);
    buf_puts(b, " = ");
    ast_print_name(b, s->train.algorithm.text);
    buf_puts(b, "(");
    print_named(b, &s->train.args);
    buf_puts(b, ") on ");
    print_data(b, &s->train.on);
    buf_puts(b, ";");
}

static void print_split(Buf *b, const Stmt *s) {
    buf_puts(b, "split ");
    ast_print_name(b, s->split.target.text);
    for (int i = 0; i < s->split.parts.len; i++) {
        buf_puts(b, i ? ", " : " into ");
        ast_print_name(b, s->split.parts.data[i].name.text);
        buf_puts(b, " ");
        ast_print_number(b, s->split.parts.data[i].share);
    }
    if (s->split.seed) {
        buf_puts(b, " seed ");
        ast_print_level(b, s->split.seed, 0);
    }
    buf_puts(b, ";");
}

static void print_model_on(Buf *b, const char *word, const Name *model, const DataRef *on) {
    buf_puts(b, word);
    ast_print_name(b, model->text);
    buf_puts(b, " on ");
    print_data(b, on);
}

static void print_loop(Printer *p, const char *word, const Expr *control, bool enclosed, const StmtVec *body,
                       Span span) {
    buf_printf(p->out, "%s%s", word, enclosed ? "(" : "");
    ast_print_level(p->out, control, 0);
    buf_puts(p->out, enclosed ? ") " : " ");
    print_block(p, body, span.end);
}

static void print_stmt(Printer *p, const Stmt *s) {
    Buf *b = p->out;
    switch (s->kind) {
    case ST_SOURCE: print_source(p, s->source, s->span); return;
    case ST_SILO:
        buf_puts(b, "silo ");
        ast_print_name(b, s->silo.name.text);
        buf_puts(b, " at ");
        ast_print_text(b, s->silo.uri);
        if (s->silo.policies.len) buf_puts(b, " policy ");
        ast_print_list(b, s->silo.policies.data, s->silo.policies.len);
        buf_puts(b, ";");
        return;
    case ST_TGD: print_tgd(p, s->tgd); return;
    case ST_EGD: print_egd(b, s->egd); return;
    case ST_MATCH: print_match(p, s->match); return;
    case ST_TARGET: print_target(p, s->target, s->span); return;
    case ST_SPLIT: print_split(b, s); return;
    case ST_ALGORITHM: print_algorithm(p, s->algorithm, s->span.end); return;
    case ST_METRIC:
        buf_puts(b, "metric ");
        print_function(p, s->metric);
        return;
    case ST_LET: print_binding(b, "let ", &s->let.name, s->let.value); return;
    case ST_PARAM: print_binding(b, "param ", &s->let.name, s->let.value); return;
    case ST_ASSIGN: print_binding(b, "", &s->assign.name, s->assign.value); return;
    case ST_PRINT:
        buf_puts(b, "print ");
        ast_print_level(b, s->print, 0);
        buf_puts(b, ";");
        return;
    case ST_TRAIN: print_train(b, s); return;
    case ST_EVALUATE:
        print_model_on(b, "evaluate ", &s->evaluate.model, &s->evaluate.on);
        buf_puts(b, " with ");
        ast_print_names(b, &s->evaluate.metrics);
        buf_puts(b, ";");
        return;
    case ST_PREDICT:
        print_model_on(b, "predict ", &s->predict.model, &s->predict.on);
        print_file(b, " to ", s->predict.file);
        return;
    case ST_SAVE:
    case ST_LOAD:
        buf_puts(b, s->kind == ST_SAVE ? "save " : "load ");
        ast_print_name(b, s->file.model.text);
        print_file(b, s->kind == ST_SAVE ? " to " : " from ", s->file.file);
        return;
    case ST_OPTION:
        buf_puts(b, "option ");
        ast_print_name(b, s->option.name.text);
        buf_puts(b, " ");
        print_option_value(b, s->option.value);
        buf_puts(b, ";");
        return;
    case ST_USE: print_file(b, "use ", s->use.file); return;
    case ST_EXPORT:
        buf_puts(b, "export ");
        print_data(b, &s->export_.on);
        buf_puts(b, " to ");
        ast_print_text(b, s->export_.file);
        buf_puts(b, s->export_.provenance ? " with provenance;" : ";");
        return;
    case ST_FOR:
        buf_puts(b, "for ");
        ast_print_name(b, s->loop_for.var.text);
        print_loop(p, " in ", s->loop_for.over, false, &s->loop_for.body, s->span);
        return;
    case ST_REPEAT: print_loop(p, "repeat ", s->repeat.count, false, &s->repeat.body, s->span); return;
    case ST_WHILE: print_loop(p, "while ", s->repeat.count, true, &s->repeat.body, s->span); return;
    case ST_IF: print_if(p, s); return;
    case ST_RETURN:
        buf_puts(b, "return ");
        ast_print_list(b, s->ret.data, s->ret.len);
        buf_puts(b, ";");
        return;
    }
}

void ast_print_script(Buf *out, const Script *s) {
    Printer p = {.out = out, .script = s};
    print_stmts(&p, &s->stmts, UINT32_MAX);
    if (!out->data) buf_puts(out, ""); /* an empty script is an empty text, not NULL */
}
