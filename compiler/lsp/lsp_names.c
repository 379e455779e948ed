/* lsp_names.c: every name of the main script with its kind and the place of its declaration: what hover and definitions
 * look up.
 *
 * Walks the tree as resolve and typecheck do, but only looks: a name that means nothing has no entry. Names of the
 * standard library have no place in a text that an editor could open; their entries say what they are all the same. */
#include "compiler/lsp/lsp_internal.h"
#include "compiler/resolve_internal.h"

typedef struct Local { /* a name inside a function, a model or a value of the script */
    const char *name;
    Span def;
    NameKind kind;
    const void *what, *owner;
} Local;
typedef struct Walk {
    Program *p;
    Arena *arena;
    NameIndex *out;
    VEC(Local) locals;    /* the last of a name counts */
    VEC(BoundVar *) vars; /* of the tgd at hand; the head's and body's names are looked up here */
    bool rows;            /* in conditions and head terms */
} Walk;

static void add(Walk *w, NameKind kind, Span at, Span def, const char *name, const void *what, const void *owner) {
    if (at.file != w->p->script->file || at.end <= at.begin || !name) return;
    vec_push(w->arena, &w->out->refs, ((NameRef){kind, at, def, name, what, owner}));
}

static void declare(Walk *w, NameKind kind, Name name, const void *what, const void *owner) {
    add(w, kind, name.span, name.span, name.text, what, owner);
    vec_push(w->arena, &w->locals, ((Local){name.text, name.span, kind, what, owner}));
}

static const Local *local(const Walk *w, const char *name) {
    for (int i = w->locals.len - 1; i >= 0; i--)
        if (!strcmp(w->locals.data[i].name, name)) return &w->locals.data[i];
    return NULL;
}

static void use_local(Walk *w, const char *name, Span at) {
    const Local *l = local(w, name);
    if (l) add(w, l->kind, at, l->def, name, l->what, l->owner);
}

static void use_source(Walk *w, Name name) {
    const Source *s = program_source(w->p, name.text);
    if (s) add(w, NAME_SOURCE, name.span, s->decl->name.span, name.text, s, NULL);
}

static void use_column(Walk *w, const Source *s, Name name) {
    int c = s ? source_column(s, name.text) : -1;
    if (c >= 0) add(w, NAME_COLUMN, name.span, s->cols[c].name.span, name.text, &s->cols[c], s);
}

static void use_target(Walk *w, Name name) {
    const Target *t = program_target(w->p, name.text);
    if (t) add(w, NAME_TARGET, name.span, t->decl->name.span, name.text, t, NULL);
}

static void use_data(Walk *w, const DataRef *d) {
    use_target(w, d->target);
    const Target *t = program_target(w->p, d->target.text);
    for (int i = 0; d->part.text && t && t->split && i < t->split->split.parts.len; i++) {
        Name part = t->split->split.parts.data[i].name;
        if (!strcmp(part.text, d->part.text)) add(w, NAME_PART, d->part.span, part.span, part.text, t->split, t);
    }
}

/* ---- tgds ---- */

static BoundVar *bound(const Walk *w, const char *name) {
    for (int i = 0; i < w->vars.len; i++)
        if (!strcmp(w->vars.data[i]->name, name)) return w->vars.data[i];
    return NULL;
}

static BoundVar *bind(Walk *w, const char *name, Span at) {
    BoundVar *v = bound(w, name);
    if (v) return v;
    v = arena_new_of(w->arena, BoundVar);
    v->name = name;
    v->first = at;
    vec_push(w->arena, &w->vars, v);
    return v;
}

static bool is_variable(const Expr *e) {
    return e && e->kind == EX_NAME && strcmp(e->text, "_") != 0;
}

static void bind_atom(Walk *w, const Atom *a) {
    const Source *s = program_source(w->p, a->relation.text);
    for (int i = 0; i < a->args.len; i++) {
        const AtomArg *arg = &a->args.data[i];
        if (!is_variable(arg->value)) continue;
        BoundVar *v = bind(w, arg->value->text, arg->value->span);
        int column = !s ? -1 : arg->column.text ? source_column(s, arg->column.text) : i < s->ncols ? i : -1;
        const char *role = a->role.text ? a->role.text : a->relation.text;
        if (s) vec_push(w->arena, &v->columns, ((BoundColumn){s, role, column}));
    }
}

static void expression(Walk *w, const Expr *e);

static void use_variable(Walk *w, const Expr *e) {
    BoundVar *v = bound(w, e->text);
    if (v)
        add(w, NAME_VARIABLE, e->span, v->first, e->text, v, NULL);
    else
        use_local(w, e->text, e->span); /* a param */
}

static void body_atom(Walk *w, const Atom *a) {
    use_source(w, a->relation);
    const Source *s = program_source(w->p, a->relation.text);
    if (a->role.text) add(w, NAME_SOURCE, a->role.span, a->role.span, a->role.text, s, NULL);
    for (int i = 0; i < a->args.len; i++) {
        const AtomArg *arg = &a->args.data[i];
        if (arg->column.text) use_column(w, s, arg->column);
        expression(w, arg->value);
    }
}

static void head_atom(Walk *w, const Atom *a) {
    use_target(w, a->relation);
    const Target *t = program_target(w->p, a->relation.text);
    for (int i = 0; i < a->args.len; i++) {
        const AtomArg *arg = &a->args.data[i];
        for (int c = 0; t && arg->column.text && c < t->decl->columns.len; c++) {
            const TargetColumn *col = &t->decl->columns.data[c];
            if (!strcmp(col->name.text, arg->column.text))
                add(w, NAME_TARGET_COLUMN, arg->column.span, col->name.span, col->name.text, col, t);
        }
        expression(w, arg->value);
    }
}

static void tgd(Walk *w, const TgdDecl *t) {
    w->vars.len = 0;
    w->rows = true;
    if (t->label.text) add(w, NAME_TGD, t->label.span, t->label.span, t->label.text, t, NULL);
    for (int i = 0; i < t->exists.len; i++) bind(w, t->exists.data[i].text, t->exists.data[i].span)->existential = true;
    for (int i = 0; i < t->body.len; i++) bind_atom(w, t->body.data[i]);
    for (int k = 0; k < 2; k++) {
        const NameVec *names = k ? &t->exists : &t->forall;
        for (int i = 0; i < names->len; i++) {
            BoundVar *v = bound(w, names->data[i].text);
            if (v) add(w, NAME_VARIABLE, names->data[i].span, v->first, v->name, v, NULL);
        }
    }
    for (int i = 0; i < t->body.len; i++) body_atom(w, t->body.data[i]);
    for (int i = 0; i < t->conditions.len; i++) expression(w, t->conditions.data[i]);
    for (int i = 0; i < t->head.len; i++) head_atom(w, t->head.data[i]);
    w->rows = false;
    w->vars.len = 0;
}

static void egd(Walk *w, const EgdDecl *e) {
    if (e->kind == EGD_GENERAL) {
        w->vars.len = 0;
        w->rows = true;
        for (int i = 0; i < e->body.len; i++) bind_atom(w, e->body.data[i]);
        for (int i = 0; i < e->body.len; i++) body_atom(w, e->body.data[i]);
        expression(w, e->left);
        expression(w, e->right);
        w->rows = false;
        w->vars.len = 0;
        return;
    }
    use_source(w, e->source);
    const Source *s = program_source(w->p, e->source.text), *s2 = s;
    if (e->source2.text) {
        use_source(w, e->source2);
        s2 = program_source(w->p, e->source2.text);
    }
    for (int i = 0; i < e->cols.len; i++) use_column(w, s, e->cols.data[i]);
    for (int i = 0; i < e->cols2.len; i++) use_column(w, s2, e->cols2.data[i]);
}

/* ---- expressions ---- */

static const Span nowhere;

static void call(Walk *w, const Expr *e) {
    add(w, w->rows ? NAME_ROW_FUNCTION : NAME_FUNCTION, e->text_span, nowhere, e->text, NULL, NULL);
    for (int i = 0; i < e->named.len; i++) expression(w, e->named.data[i].value);
}

/* T.train, risk.w, S.column of a match. */
static void field(Walk *w, const Expr *e) {
    const Expr *of = e->args[0];
    if (of->kind != EX_NAME) {
        expression(w, of);
        return;
    }
    const Local *l = local(w, of->text);
    if (l && l->kind == NAME_MODEL) {
        add(w, NAME_MODEL, of->span, l->def, of->text, l->what, NULL);
        const Stmt *s = l->what;
        const AlgorithmDecl *a = s->kind == ST_TRAIN ? program_algorithm(w->p, s->train.algorithm.text) : NULL;
        const Stmt *last = a && a->fit && a->fit->body.len ? a->fit->body.data[a->fit->body.len - 1] : NULL;
        for (int i = 0; last && last->kind == ST_RETURN && i < last->ret.len; i++) {
            const Expr *r = last->ret.data[i];
            if (r->kind == EX_NAME && !strcmp(r->text, e->text))
                add(w, NAME_FIELD, e->text_span, r->span, e->text, s, a);
        }
        return;
    }
    const Target *t = program_target(w->p, of->text);
    DataRef d = {.target = {of->text, of->span}, .part = {e->text, e->text_span}};
    if (t)
        use_data(w, &d);
    else {
        use_source(w, d.target);
        use_column(w, program_source(w->p, of->text), d.part);
    }
}

static void expression(Walk *w, const Expr *e) {
    if (!e) return;
    switch (e->kind) {
    case EX_NAME:
        if (w->rows)
            use_variable(w, e);
        else if (local(w, e->text))
            use_local(w, e->text, e->span);
        else
            use_target(w, (Name){e->text, e->span}); /* features(T) */
        return;
    case EX_FIELD: field(w, e); return;
    case EX_CALL: call(w, e); break;
    default: break;
    }
    for (int i = 0; i < e->nargs; i++) expression(w, e->args[i]);
}

/* ---- algorithms and metrics ---- */

static void statements(Walk *w, const StmtVec *body);

static void assigned(Walk *w, Name name) {
    const Local *l = local(w, name.text);
    if (l)
        add(w, l->kind, name.span, l->def, name.text, l->what, l->owner);
    else
        declare(w, NAME_VALUE, name, NULL, NULL);
}

static void body_statement(Walk *w, const Stmt *s) {
    switch (s->kind) {
    case ST_ASSIGN:
        expression(w, s->assign.value);
        assigned(w, s->assign.name);
        break;
    case ST_REPEAT:
    case ST_WHILE:
        expression(w, s->repeat.count);
        statements(w, &s->repeat.body);
        break;
    case ST_FOR:
        expression(w, s->loop_for.over);
        declare(w, NAME_VALUE, s->loop_for.var, NULL, NULL);
        statements(w, &s->loop_for.body);
        break;
    case ST_IF:
        expression(w, s->if_.cond);
        statements(w, &s->if_.then);
        statements(w, &s->if_.otherwise);
        break;
    case ST_RETURN:
        for (int i = 0; i < s->ret.len; i++) expression(w, s->ret.data[i]);
        break;
    default: break;
    }
}

static void statements(Walk *w, const StmtVec *body) {
    for (int i = 0; i < body->len; i++) body_statement(w, body->data[i]);
}

static void function(Walk *w, const FuncDecl *f) {
    for (int i = 0; i < f->params.len; i++) {
        const Param *p = &f->params.data[i];
        declare(w, NAME_VALUE, p->name, NULL, NULL);
        for (int k = 0; k < p->dims.len; k++) {
            const Expr *x = p->dims.data[k];
            if (x->kind == EX_NAME) assigned(w, (Name){x->text, x->span});
        }
    }
    statements(w, &f->body);
}

static void algorithm(Walk *w, const AlgorithmDecl *a) {
    int outside = w->locals.len;
    add(w, NAME_ALGORITHM, a->name.span, a->name.span, a->name.text, a, NULL);
    for (int i = 0; i < a->hyper.len; i++) declare(w, NAME_HYPER, a->hyper.data[i].name, &a->hyper.data[i], a);
    int inside = w->locals.len;
    if (a->fit) function(w, a->fit);
    if (a->fit && a->predict) { /* predict sees what fit returns: the last assignment's place serves as well as any */
        const StmtVec *body = &a->fit->body;
        const Stmt *last = body->len ? body->data[body->len - 1] : NULL;
        VEC(Local) kept = {0};
        for (int i = 0; last && last->kind == ST_RETURN && i < last->ret.len; i++) {
            const Local *l = last->ret.data[i]->kind == EX_NAME ? local(w, last->ret.data[i]->text) : NULL;
            if (l) vec_push(w->arena, &kept, *l);
        }
        w->locals.len = inside;
        for (int i = 0; i < kept.len; i++) vec_push(w->arena, &w->locals, kept.data[i]);
        function(w, a->predict);
    }
    w->locals.len = outside;
}

/* ---- statements ---- */

static void train(Walk *w, const Stmt *s) {
    const AlgorithmDecl *a = program_algorithm(w->p, s->train.algorithm.text);
    if (a) add(w, NAME_ALGORITHM, s->train.algorithm.span, a->name.span, a->name.text, a, NULL);
    for (int i = 0; i < s->train.args.len; i++) {
        const NamedArg *arg = &s->train.args.data[i];
        for (int k = 0; a && k < a->hyper.len; k++)
            if (!strcmp(a->hyper.data[k].name.text, arg->name.text))
                add(w, NAME_HYPER, arg->name.span, a->hyper.data[k].name.span, arg->name.text, &a->hyper.data[k], a);
        expression(w, arg->value);
    }
    use_data(w, &s->train.on);
    declare(w, NAME_MODEL, s->train.name, s, NULL);
}

static void statement(Walk *w, const Stmt *s) {
    switch (s->kind) {
    case ST_SOURCE: {
        const Source *src = program_source(w->p, s->source->name.text);
        use_source(w, s->source->name);
        for (int i = 0; i < s->source->columns.len; i++) use_column(w, src, s->source->columns.data[i].name);
        for (int k = 0; k < s->source->keys.len; k++)
            for (int i = 0; i < s->source->keys.data[k].len; i++) use_column(w, src, s->source->keys.data[k].data[i]);
        break;
    }
    case ST_TARGET: {
        const Target *t = program_target(w->p, s->target->name.text);
        use_target(w, s->target->name);
        for (int i = 0; t && i < s->target->columns.len; i++) {
            const TargetColumn *c = &s->target->columns.data[i];
            add(w, NAME_TARGET_COLUMN, c->name.span, c->name.span, c->name.text, c, t);
        }
        break;
    }
    case ST_TGD: tgd(w, s->tgd); break;
    case ST_EGD: egd(w, s->egd); break;
    case ST_MATCH:
        for (int i = 0; i < s->match->roles.len; i++) use_source(w, s->match->roles.data[i]);
        for (int i = 0; i < s->match->on_exprs.len; i++) expression(w, s->match->on_exprs.data[i]);
        break;
    case ST_SPLIT: {
        use_target(w, (Name){s->split.target.text, s->split.target.span});
        for (int i = 0; i < s->split.parts.len; i++) {
            Name part = s->split.parts.data[i].name;
            add(w, NAME_PART, part.span, part.span, part.text, s, program_target(w->p, s->split.target.text));
        }
        break;
    }
    case ST_ALGORITHM: algorithm(w, s->algorithm); break;
    case ST_METRIC: {
        int outside = w->locals.len;
        add(w, NAME_METRIC, s->metric->name.span, s->metric->name.span, s->metric->name.text, s->metric, NULL);
        function(w, s->metric);
        w->locals.len = outside;
        break;
    }
    case ST_LET:
        expression(w, s->let.value);
        declare(w, NAME_VALUE, s->let.name, s, NULL);
        break;
    case ST_PRINT: expression(w, s->print); break;
    case ST_TRAIN: train(w, s); break;
    case ST_EVALUATE:
        use_local(w, s->evaluate.model.text, s->evaluate.model.span);
        use_data(w, &s->evaluate.on);
        for (int i = 0; i < s->evaluate.metrics.len; i++) {
            const FuncDecl *m = program_metric(w->p, s->evaluate.metrics.data[i].text);
            if (m) add(w, NAME_METRIC, s->evaluate.metrics.data[i].span, m->name.span, m->name.text, m, NULL);
        }
        break;
    case ST_PREDICT:
        use_local(w, s->predict.model.text, s->predict.model.span);
        use_data(w, &s->predict.on);
        break;
    case ST_SAVE: use_local(w, s->file.model.text, s->file.model.span); break;
    case ST_LOAD: declare(w, NAME_MODEL, s->file.model, s, NULL); break;
    case ST_FOR:
        expression(w, s->loop_for.over);
        declare(w, NAME_VALUE, s->loop_for.var, NULL, NULL);
        for (int i = 0; i < s->loop_for.body.len; i++) statement(w, s->loop_for.body.data[i]);
        break;
    case ST_EXPORT: use_data(w, &s->export_.on); break;
    case ST_USE: add(w, NAME_FILE, s->use.file_span, nowhere, s->use.file, NULL, NULL); break;
    default: break;
    }
}

/* Models and values that used files make; params may be used before they are declared. */
static void declare_outside(Walk *w) {
    for (int i = 0; i < w->p->params.len; i++) {
        const Stmt *s = w->p->params.data[i];
        declare(w, NAME_VALUE, s->let.name, s, NULL);
    }
    for (int i = 0; i < w->p->steps.len; i++) {
        const Stmt *s = w->p->steps.data[i];
        if (s->span.file == w->p->script->file) continue;
        if (s->kind == ST_LET) declare(w, NAME_VALUE, s->let.name, s, NULL);
        if (s->kind == ST_TRAIN) declare(w, NAME_MODEL, s->train.name, s, NULL);
        if (s->kind == ST_LOAD) declare(w, NAME_MODEL, s->file.model, s, NULL);
    }
}

void names_collect(Program *p, NameIndex *out) {
    Walk w = {.p = p, .arena = p->arena, .out = out};
    declare_outside(&w);
    for (int i = 0; i < p->script->stmts.len; i++) statement(&w, p->script->stmts.data[i]);
}

const NameRef *names_at(const NameIndex *n, size_t offset) {
    const NameRef *best = NULL;
    for (int i = 0; i < n->refs.len; i++) {
        const NameRef *r = &n->refs.data[i];
        if (offset < r->at.begin || offset > r->at.end) continue;
        /* at a border the name that begins there */
        if (!best || (best->at.end == offset && r->at.begin == offset)) best = r;
    }
    return best;
}
