/* lower.c: the entry points of lowering (contract: lower.h): what the parameters of fit, predict and metrics are, and
 * what they give. */
#include "compiler/lower_private.h"

#include <math.h>

/* ---- variables, tables, inputs ---- */
LowerVar *lower_find(Lower *l, const char *name) {
    for (int i = l->vars.len - 1; i >= 0; i--)
        if (strcmp(l->vars.data[i].name, name) == 0) return &l->vars.data[i];
    return NULL;
}

void lower_set(Lower *l, Name name, LowerValue v) {
    LowerVar *old = lower_find(l, name.text);
    LowerVar var = {name.text, v, name.span};
    if (old)
        *old = var;
    else
        vec_push(l->arena, &l->vars, var);
}

int lower_table(Lower *l, const Integration *data) {
    for (int i = 0; i < l->tables.len; i++)
        if (l->tables.data[i].data == data) return l->tables.data[i].table;
    const char *target = data->spec && data->spec->target ? data->spec->target : "T";
    const char *name = data->part ? arena_printf(l->arena, "%s.%s", target, data->part) : target;
    LowerTable t = {data, ir_add_table(l->func, data, name)};
    vec_push(l->arena, &l->tables, t);
    return t.table;
}

/* The space of a target's rows. */
static int row_space(Lower *l, const Integration *data) {
    int table = lower_table(l, data);
    return l->func->tables.data[table].target_space;
}

static bool same_input(const LowerInput *a, const LowerInput *b) {
    return a->kind == b->kind && a->index == b->index && a->data == b->data && a->value == b->value;
}

/* The range of a vector, for rewrites that need to know (0/1 labels). */
static void note_range(IrInput *in, double lo, double hi) {
    if (lo <= hi) in->lo = lo, in->hi = hi;
}
static void note_weights(IrInput *in, const double *v, int64_t n) {
    double lo, hi;
    num_range(v, n, &lo, &hi);
    note_range(in, lo, hi);
}

IrNode *lower_input(Lower *l, LowerInput in, const char *name, int64_t rows, int64_t cols, int rspace, Span span) {
    l->b->span = span;
    for (int i = 0; i < l->inputs.len; i++)
        if (same_input(&l->inputs.data[i], &in)) return ir_input(l->b, i);
    int index = ir_add_input(l->func, name, rows, cols, rspace, span);
    AMAL_CHECK(index == l->inputs.len);
    vec_push(l->arena, &l->inputs, in);
    IrInput *made = &l->func->inputs.data[index];
    double lo, hi;
    if (in.kind == LI_LABEL) integration_label_range(in.data, &lo, &hi), note_range(made, lo, hi);
    if (in.kind == LI_WEIGHT) note_weights(made, in.data->weight, rows);
    return ir_input(l->b, index);
}

const char *lower_shape_text(Lower *l, const IrNode *n) {
    return arena_printf(l->arena, "%lld x %lld", (long long)n->rows, (long long)n->cols);
}

static Lower *lower_new(LowerEnv *e, const char *name, bool script_level) {
    Lower *l = arena_new_of(e->arena, Lower);
    l->env = e;
    l->arena = e->arena;
    l->ds = e->diags;
    l->func = ir_func_new(e->arena, e->diags, name);
    l->b = ir_builder(l->func);
    l->script_level = script_level;
    return l;
}

static void output(Lower *l, const char *name, IrNode *n) {
    vec_push(l->arena, &l->func->body->results, n);
    vec_push(l->arena, &l->func->output_names, name);
}

static Lowered *finish(Lower *l) {
    Lowered *r = arena_new_of(l->arena, Lowered);
    r->func = l->func;
    r->ninputs = l->inputs.len;
    r->inputs = l->inputs.data;
    return r;
}

/* ---- parameters ---- */
static bool bind_dim(Lower *l, const Param *p, int which, const IrNode *n, Span at) {
    const Expr *x = p->dims.data[which];
    int64_t size = which == 0 ? n->rows : n->cols;
    const char *what = which == 0 ? "rows" : "columns";
    if (x->kind == EX_NAME) {
        const LowerVar *known = lower_find(l, x->text);
        double v;
        if (!known) {
            LowerValue value = lower_const(l, (double)size);
            value.count_of = which == 0 ? n->rspace : n->cspace;
            Name name = {x->text, x->span};
            lower_set(l, name, value);
            return true;
        }
        if (!lower_is_const(&known->value, &v) || v == (double)size) return true;
        Diag *d = diag_error(l->ds, "E131", at, "%s has %lld %s, and %s is %g already", p->name.text, (long long)size,
                             what, x->text, v);
        diag_note(d, p->name.span, "%s is declared here", p->name.text);
        diag_note(d, known->def, "%s is %g from here", x->text, v);
        return false;
    }
    if (x->kind == EX_NUM && x->num != (double)size) {
        Diag *d = diag_error(l->ds, "E131", at, "%s has %lld %s, %g are declared", p->name.text, (long long)size, what,
                             x->num);
        diag_note(d, x->span, "%s is declared here", p->name.text);
        diag_help(d, "a name instead of the number allows any size: %s: [n, d]", p->name.text);
        return false;
    }
    return true;
}

static bool bind_param(Lower *l, const Param *p, IrNode *n, Span at) {
    for (int i = 0; i < p->dims.len && i < 2; i++)
        if (!bind_dim(l, p, i, n, at)) return false;
    lower_set(l, p->name, (LowerValue){.node = n});
    return true;
}

static IrNode *features(Lower *l, const Integration *data, const Param *p) {
    int table = lower_table(l, data);
    l->b->span = p->name.span;
    l->b->name = p->name.text;
    IrNode *n = ir_table(l->b, table);
    l->b->name = NULL;
    return n;
}

/* Label or weights as an input over the target's rows. NULL: the target has none (reported). */
static IrNode *role_column(Lower *l, const Integration *data, const Param *p, bool label, const char *who, Span at) {
    const char *target = data->spec && data->spec->target ? data->spec->target : "the target";
    if (!(label ? data->label : data->weight)) {
        Diag *d =
            diag_error(l->ds, "E171", at, "%s needs a %s, and %s has none", who, label ? "label" : "weight", target);
        diag_note(d, p->name.span, "it is asked for here");
        diag_help(d, "give one of the target's columns the role: NAME: %s num", label ? "label" : "weight");
        return NULL;
    }
    int space = row_space(l, data);
    LowerInput in = {.kind = label ? LI_LABEL : LI_WEIGHT, .data = data};
    return lower_input(l, in, p->name.text, data->rows, 1, space, p->name.span);
}

static void bind_hyper(Lower *l, const AlgorithmDecl *a, int n, const HyperValue *hyper) {
    for (int i = 0; i < n; i++) {
        Span def = {0};
        for (int k = 0; k < a->hyper.len; k++)
            if (strcmp(a->hyper.data[k].name.text, hyper[i].name) == 0) def = a->hyper.data[k].name.span;
        Name name = {hyper[i].name, def};
        LowerValue v;
        if (hyper[i].is_number)
            v = lower_const(l, hyper[i].num);
        else {
            LowerInput in = {.kind = LI_VALUE, .index = -1, .value = hyper[i].matrix};
            v = (LowerValue){
                .node = lower_input(l, in, hyper[i].name, hyper[i].matrix->rows, hyper[i].matrix->cols, 0, def)};
        }
        lower_set(l, name, v);
    }
}

/* What fit returned. Values with a row per row of these data run over them. */
static IrNode *model_param(Lower *l, const Model *m, int i, const Integration *data, Span def) {
    const ModelParam *p = &m->params[i];
    int space = 0;
    if (p->row_indexed && p->value->rows == data->rows) space = row_space(l, data);
    LowerInput in = {.kind = LI_PARAM, .index = i, .value = p->value};
    return lower_input(l, in, p->name, p->value->rows, p->value->cols, space, def);
}

/* ---- hyperparameters ---- */
static const NamedArg *find_arg(const NamedArgVec *args, const char *name) {
    for (int i = 0; args && i < args->len; i++)
        if (strcmp(args->data[i].name.text, name) == 0) return &args->data[i];
    return NULL;
}

static bool hyper_value(LowerEnv *e, const Expr *x, bool from_script, HyperValue *out) {
    Lower *l = lower_new(e, "hyper", from_script);
    LowerValue v = lower_value(l, x);
    if (!v.node) return false;
    if (lower_is_const(&v, &out->num)) {
        out->is_number = true;
        return true;
    }
    if (v.node->op == IR_INPUT && l->inputs.data[v.node->i0].value) {
        out->matrix = (Matrix *)l->inputs.data[v.node->i0].value;
        return true;
    }
    Diag *d = diag_error(e->diags, "E182", x->span, "%s must be known before training, %s is computed", out->name,
                         func_expr_text(e->arena, x));
    diag_help(d, "compute it first: let value = %s; and give value", func_expr_text(e->arena, x));
    return false;
}

bool lower_hyper(LowerEnv *e, const AlgorithmDecl *a, const NamedArgVec *args, Span at, int *n, HyperValue **out) {
    int count = a->hyper.len;
    bool ok = true;
    *n = count;
    *out = arena_array(e->arena, HyperValue, count + 1);
    for (int i = 0; args && i < args->len; i++) {
        bool known = false;
        for (int k = 0; k < count; k++)
            known = known || strcmp(a->hyper.data[k].name.text, args->data[i].name.text) == 0;
        if (known) continue;
        diag_error(e->diags, "E117", args->data[i].name.span, "`%s` has no hyperparameter `%s`", a->name.text,
                   args->data[i].name.text);
        ok = false;
    }
    for (int i = 0; i < count; i++) {
        const Param *p = &a->hyper.data[i];
        const NamedArg *given = find_arg(args, p->name.text);
        const Expr *x = given ? given->value : p->value;
        (*out)[i].name = p->name.text;
        if (!x) {
            Diag *d =
                diag_error(e->diags, "E117", at, "`%s` needs the hyperparameter `%s`", a->name.text, p->name.text);
            diag_note(d, p->name.span, "it has no default");
            ok = false;
            continue;
        }
        ok = hyper_value(e, x, given != NULL, &(*out)[i]) && ok;
    }
    return ok;
}

/* ---- fit ---- */
Lowered *lower_fit(LowerEnv *e, const AlgorithmDecl *a, int nhyper, const HyperValue *hyper, const Integration *data,
                   Span at, const char *name) {
    Lower *l = lower_new(e, arena_printf(e->arena, "%s_fit", name ? name : a->name.text), false);
    const FuncDecl *fit = a->fit;
    if (!fit || fit->params.len < 1 || fit->params.len > 3) {
        diag_error(e->diags, "E134", fit ? fit->span : a->name.span, "fit takes X; X and y; or X, y and weights");
        return NULL;
    }
    bind_hyper(l, a, nhyper, hyper);
    for (int i = 0; i < fit->params.len; i++) {
        const Param *p = &fit->params.data[i];
        IrNode *n = i == 0 ? features(l, data, p) : role_column(l, data, p, i == 1, a->name.text, at);
        if (!n || !bind_param(l, p, n, at)) return NULL;
    }
    const Stmt *ret;
    if (!lower_body(l, fit, &ret)) return NULL;
    for (int i = 0; i < ret->ret.len; i++) {
        const Expr *x = ret->ret.data[i];
        if (x->kind != EX_NAME) {
            diag_error(e->diags, "E138", x->span, "what fit returns must have a name");
            return NULL;
        }
        LowerValue v = lower_value(l, x);
        if (!v.node) return NULL;
        if (v.node->cspace) {
            Diag *d = diag_error(e->diags, "E138", x->span, "%s has a column for each row of the data", x->text);
            diag_help(d, "return its transpose: a value may have a row for each row of the data");
            return NULL;
        }
        output(l, x->text, v.node);
    }
    return finish(l);
}

/* ---- predict ---- */
Lowered *lower_predict(LowerEnv *e, const Model *m, const Integration *data, Span at) {
    const FuncDecl *fn = m->algorithm->predict;
    Lower *l = lower_new(e, arena_printf(e->arena, "%s_predict", m->name), false);
    if (!fn || fn->params.len != 1) {
        diag_error(e->diags, "E118", at, "`%s` cannot predict: its algorithm `%s` has no `predict`", m->name,
                   m->algorithm->name.text);
        return NULL;
    }
    bind_hyper(l, m->algorithm, m->nhyper, m->hyper);
    for (int i = 0; i < m->nparams; i++) {
        Name name = {m->params[i].name, m->algorithm->fit ? m->algorithm->fit->span : fn->span};
        lower_set(l, name, (LowerValue){.node = model_param(l, m, i, data, name.span)});
    }
    IrNode *x = features(l, data, &fn->params.data[0]);
    if (!bind_param(l, &fn->params.data[0], x, at)) return NULL;
    const Stmt *ret;
    if (!lower_body(l, fn, &ret)) return NULL;
    if (ret->ret.len != 1) {
        diag_error(e->diags, "E138", ret->span, "predict returns one value, %d given", ret->ret.len);
        return NULL;
    }
    LowerValue v = lower_value(l, ret->ret.data[0]);
    if (!v.node) return NULL;
    if (v.node->rows != data->rows || v.node->cspace) {
        diag_error(e->diags, "E131", ret->ret.data[0]->span,
                   "predict must return a row for each of the %lld rows of %s: it returns %s", (long long)data->rows,
                   fn->params.data[0].name.text, lower_shape_text(l, v.node));
        return NULL;
    }
    output(l, "p", v.node);
    return finish(l);
}

/* ---- metrics ---- */
static IrNode *metric_param(Lower *l, const FuncDecl *metric, const Param *p, const Model *m, const Integration *data,
                            int64_t prediction_cols, Span at) {
    const char *name = p->name.text;
    int space = row_space(l, data);
    if (strcmp(name, "X") == 0) return features(l, data, p);
    if (strcmp(name, "y") == 0) return role_column(l, data, p, true, metric->name.text, at);
    if (strcmp(name, "s") == 0) return role_column(l, data, p, false, metric->name.text, at);
    if (strcmp(name, "p") == 0) {
        if (prediction_cols > 0)
            return lower_input(l, (LowerInput){.kind = LI_PREDICTION}, "p", data->rows, prediction_cols, space,
                               p->name.span);
        diag_error(l->ds, "E118", at, "%s needs predictions, and the algorithm of %s has no predict", metric->name.text,
                   m->name);
        return NULL;
    }
    VEC(const char *) names = {0};
    for (int i = 0; i < m->nparams; i++) {
        if (strcmp(m->params[i].name, name) == 0) {
            if (m->params[i].row_indexed && m->params[i].value->rows != data->rows) {
                Diag *d = diag_error(
                    l->ds, "E139", at, "%s looks at the rows that %s was trained on: %s has %lld rows, these data %lld",
                    metric->name.text, m->name, name, (long long)m->params[i].value->rows, (long long)data->rows);
                diag_help(d, "evaluate it on what it was trained on");
                return NULL;
            }
            return model_param(l, m, i, data, p->name.span);
        }
        vec_push(l->arena, &names, m->params[i].name);
    }
    for (int i = 0; i < m->nhyper; i++) {
        if (strcmp(m->hyper[i].name, name) == 0) {
            if (m->hyper[i].is_number) return ir_const(l->b, m->hyper[i].num);
            LowerInput in = {.kind = LI_VALUE, .index = -1, .value = m->hyper[i].matrix};
            return lower_input(l, in, name, m->hyper[i].matrix->rows, m->hyper[i].matrix->cols, 0, p->name.span);
        }
        vec_push(l->arena, &names, m->hyper[i].name);
    }
    Diag *d = diag_error(l->ds, "E139", at, "%s needs %s, which the model %s does not have", metric->name.text, name,
                         m->name);
    diag_note(d, p->name.span, "it is asked for here");
    Buf list = {0};
    for (int i = 0; i < names.len; i++) buf_printf(&list, "%s%s", i ? ", " : "", names.data[i]);
    if (names.len) diag_help(d, "the model has %s", list.data);
    buf_free(&list);
    return NULL;
}

Lowered *lower_metric(LowerEnv *e, const FuncDecl *metric, const Model *m, const Integration *data,
                      int64_t prediction_cols, Span at) {
    Lower *l = lower_new(e, arena_printf(e->arena, "%s_%s", m->name, metric->name.text), false);
    for (int i = 0; i < metric->params.len; i++) {
        const Param *p = &metric->params.data[i];
        IrNode *n = metric_param(l, metric, p, m, data, prediction_cols, at);
        if (!n || !bind_param(l, p, n, at)) return NULL;
    }
    const Stmt *ret;
    if (!lower_body(l, metric, &ret)) return NULL;
    if (ret->ret.len != 1) {
        diag_error(e->diags, "E138", ret->span, "a metric returns one number, %d values given", ret->ret.len);
        return NULL;
    }
    LowerValue v = lower_scalar(l, ret->ret.data[0], "what a metric returns");
    if (!v.node) return NULL;
    output(l, metric->name.text, v.node);
    return finish(l);
}

/* ---- let and print ---- */
Lowered *lower_expr(LowerEnv *e, const Expr *x) {
    Lower *l = lower_new(e, "value", true);
    LowerValue v = lower_value(l, x);
    if (!v.node) return NULL;
    output(l, "value", v.node);
    return finish(l);
}
