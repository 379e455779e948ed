/* typecheck.c: symbolic shapes of a program's algorithms, metrics, lets and prints (contract: program.h).
 *
 * fit's parameters are X, y and weights in this order; their dimensions become rigid symbols that the body may use as
 * numbers. predict sees its own rows, fit's columns, the hyperparameters, and what fit returns. A metric sees the
 * parameters that it names: X, y, p (the predictions), s (weights), and by name the model's parameters and
 * hyperparameters. Errors: E131..E139, E180..E182; warning W131 (hyperparameter that nothing uses). */
#include "compiler/typecheck.h"

/* ---- hyperparameters ---- */
static bool asks_size(const Expr *x, const char *name) {
    if (!x) return false;
    if (x->kind == EX_CALL && (strcmp(x->text, "nrow") == 0 || strcmp(x->text, "ncol") == 0) && x->nargs == 1 &&
        x->args[0]->kind == EX_NAME && strcmp(x->args[0]->text, name) == 0)
        return true;
    for (int i = 0; i < x->nargs; i++)
        if (asks_size(x->args[i], name)) return true;
    for (int i = 0; i < x->named.len; i++)
        if (asks_size(x->named.data[i].value, name)) return true;
    return false;
}

static bool body_asks_size(const StmtVec *body, const char *name) {
    for (int i = 0; i < body->len; i++) {
        const Stmt *s = body->data[i];
        bool found = false;
        switch (s->kind) {
        case ST_ASSIGN: found = asks_size(s->assign.value, name); break;
        case ST_REPEAT:
        case ST_WHILE: found = asks_size(s->repeat.count, name) || body_asks_size(&s->repeat.body, name); break;
        case ST_FOR: found = asks_size(s->loop_for.over, name) || body_asks_size(&s->loop_for.body, name); break;
        case ST_IF:
            found = asks_size(s->if_.cond, name) || body_asks_size(&s->if_.then, name) ||
                    body_asks_size(&s->if_.otherwise, name);
            break;
        default: break;
        }
        if (found) return true;
    }
    return false;
}

/* A hyperparameter is a number. One whose size the body asks for, nrow(centres), may be a matrix too. */
static TcVar hyper_var(Tc *t, const AlgorithmDecl *a, int i) {
    const Param *p = &a->hyper.data[i];
    TcVar v = {.name = p->name.text, .def = p->name.span, .hyper = i};
    v.value = tc_matrix(dim_const(1), dim_const(1), p->name.span);
    bool matrix = p->dims.len > 0 || (a->fit && body_asks_size(&a->fit->body, p->name.text)) ||
                  (a->predict && body_asks_size(&a->predict->body, p->name.text));
    if (matrix) {
        v.value.rows = dim_symbol(t, arena_printf(t->arena, "nrow(%s)", p->name.text), true);
        v.value.cols = dim_symbol(t, arena_printf(t->arena, "ncol(%s)", p->name.text), true);
    } else {
        v.value.valued = true;
        v.value.value = dim_symbol(t, p->name.text, true);
    }
    return v;
}

/* ---- parameters ---- */
typedef struct NamedDim {
    const char *name;
    Dim dim;
} NamedDim;
typedef VEC(NamedDim) NamedDims;

/* One dimension of a declared shape: a number, or a name that becomes a symbol where it is first seen. */
static Dim declared_dim(Tc *t, const Expr *x, NamedDims *dims) {
    if (x->kind == EX_NUM) return dim_const((int64_t)x->num);
    if (x->kind != EX_NAME) {
        if (x->kind != EX_ERROR)
            diag_error(t->ds, "E134", x->span, "a dimension is a name or a number, such as X: [n, d]");
        return dim_symbol(t, "?", true);
    }
    for (int i = 0; i < dims->len; i++)
        if (strcmp(dims->data[i].name, x->text) == 0) return dims->data[i].dim;
    /* A hyperparameter may name a dimension: C: [k, d]. */
    const TcVar *h = tc_find(t, x->text);
    NamedDim nd = {x->text, h && h->hyper >= 0 && h->value.valued ? h->value.value : dim_symbol(t, x->text, false)};
    vec_push(t->arena, dims, nd);
    if (!h) {
        TcVar v = {.name = x->text, .def = x->span, .hyper = -1};
        v.value = tc_matrix(dim_const(1), dim_const(1), x->span);
        v.value.valued = true;
        v.value.value = nd.dim;
        vec_push(t->arena, &t->vars, v);
    }
    return nd.dim;
}

static void bind_param(Tc *t, const Param *p, const Param *first, NamedDims *dims) {
    TcVar v = {.name = p->name.text, .def = p->name.span, .hyper = -1};
    Dim r = dim_const(1), c = dim_const(1);
    if (p->dims.len == 2) {
        r = declared_dim(t, p->dims.data[0], dims);
        c = declared_dim(t, p->dims.data[1], dims);
    } else if (p->dims.len != 0) {
        Diag *d =
            diag_error(t->ds, "E134", p->name.span, "%s needs two dimensions, %d given", p->name.text, p->dims.len);
        diag_help(d, "write %s: [n, %s]", p->name.text, p == first ? "d" : "1");
    }
    v.value = tc_matrix(r, c, p->name.span);
    tc_note_shape(t, p->name.span, &v.value);
    vec_push(t->arena, &t->vars, v);
}

static bool need_dims(Tc *t, const FuncDecl *fn) {
    bool ok = true;
    for (int i = 0; i < fn->params.len; i++) {
        const Param *p = &fn->params.data[i];
        if (p->dims.len) continue;
        Diag *d = diag_error(t->ds, "E134", p->name.span, "%s needs its dimensions", p->name.text);
        diag_help(d, i == 0 ? "write %s: [n, d]" : "write %s: [n, 1]", p->name.text);
        ok = false;
    }
    return ok;
}

/* ---- algorithms ---- */
typedef struct FitResult {
    int n;
    const char **names;
    TcVar *vars;
    Dim columns; /* of X */
} FitResult;

static void check_fit_return(Tc *t, const Stmt *ret, FitResult *out) {
    VEC(const char *) names = {0};
    VEC(TcVar) vars = {0};
    for (int i = 0; i < ret->ret.len; i++) {
        const Expr *x = ret->ret.data[i];
        TcValue v = tc_expr(t, x);
        if (x->kind == EX_ERROR) continue;
        if (x->kind != EX_NAME) {
            Diag *d = diag_error(t->ds, "E138", x->span, "what fit returns must have a name");
            diag_help(d, "assign it before: w = %s; return w;", func_expr_text(t->arena, x));
            continue;
        }
        bool twice = false;
        for (int k = 0; k < names.len; k++) twice = twice || strcmp(names.data[k], x->text) == 0;
        if (twice) {
            diag_error(t->ds, "E138", x->span, "%s is returned twice", x->text);
            continue;
        }
        vec_push(t->arena, &names, x->text);
        v.valued = false;
        TcVar var = {.name = x->text, .value = v, .def = x->span, .hyper = -1};
        vec_push(t->arena, &vars, var);
    }
    out->n = names.len;
    out->names = names.data;
    out->vars = vars.data;
}

static void check_fit(Tc *t, const AlgorithmDecl *a, FitResult *out) {
    const FuncDecl *fit = a->fit;
    t->fit = NULL;
    if (fit->params.len < 1 || fit->params.len > 3) {
        Diag *d = diag_error(t->ds, "E134", fit->name.span.file ? fit->name.span : fit->span,
                             "fit takes X; X and y; or X, y and weights");
        diag_help(d, "write fit(X: [n, d], y: [n, 1])");
    }
    (void)need_dims(t, fit);
    NamedDims dims = {0};
    for (int i = 0; i < fit->params.len; i++) bind_param(t, &fit->params.data[i], fit->params.data, &dims);
    const Param *x = fit->params.len ? &fit->params.data[0] : NULL;
    out->columns = x && x->dims.len == 2 ? tc_find(t, x->name.text)->value.cols : dim_symbol(t, "d", true);
    const Stmt *ret;
    tc_body(t, fit, "fit", &ret);
    if (ret) check_fit_return(t, ret, out);
}

static void check_predict(Tc *t, const AlgorithmDecl *a, const FitResult *fit) {
    const FuncDecl *fn = a->predict;
    t->fit = a->fit;
    if (fn->params.len != 1) {
        Diag *d = diag_error(t->ds, "E134", fn->name.span.file ? fn->name.span : fn->span,
                             "predict takes the features: predict(X: [m, d])");
        diag_note(d, a->fit->span, "fit returns what else it needs");
    }
    for (int i = 0; i < fit->n; i++) vec_push(t->arena, &t->vars, fit->vars[i]);
    (void)need_dims(t, fn);
    NamedDims dims = {0};
    /* X's columns are fit's columns whatever the name; its rows are other rows. */
    if (fn->params.len && fn->params.data[0].dims.len == 2 && fn->params.data[0].dims.data[1]->kind == EX_NAME) {
        const Expr *c = fn->params.data[0].dims.data[1];
        NamedDim nd = {c->text, fit->columns};
        vec_push(t->arena, &dims, nd);
        TcVar v = {.name = c->text, .def = c->span, .hyper = -1};
        v.value = tc_matrix(dim_const(1), dim_const(1), c->span);
        v.value.valued = true;
        v.value.value = fit->columns;
        vec_push(t->arena, &t->vars, v);
    }
    for (int i = 0; i < fn->params.len; i++) bind_param(t, &fn->params.data[i], fn->params.data, &dims);
    const Stmt *ret;
    tc_body(t, fn, "predict", &ret);
    if (!ret) return;
    if (ret->ret.len != 1) {
        diag_error(t->ds, "E138", ret->span, "predict returns one value, %d given", ret->ret.len);
        return;
    }
    TcValue v = tc_expr(t, ret->ret.data[0]);
    const TcVar *x = fn->params.len ? tc_find(t, fn->params.data[0].name.text) : NULL;
    const Dim *rows = NULL;
    for (int i = 0; x && i < dims.len; i++)
        if (fn->params.data[0].dims.len == 2 && fn->params.data[0].dims.data[0]->kind == EX_NAME &&
            strcmp(dims.data[i].name, fn->params.data[0].dims.data[0]->text) == 0)
            rows = &dims.data[i].dim;
    if (v.bad || !rows || !dim_clash(t, v.rows, *rows)) return;
    Diag *d = diag_error(t->ds, "E131", ret->ret.data[0]->span, "predict must return a row for each row of %s",
                         fn->params.data[0].name.text);
    tc_note(t, d, ret->ret.data[0], &v);
    diag_note(d, fn->params.data[0].name.span, "%s has %s rows", fn->params.data[0].name.text, dim_text(t, rows));
}

static void start_function(Tc *t, const AlgorithmDecl *a) {
    t->vars = (TcVarVec){0};
    for (int i = 0; a && i < a->hyper.len; i++) {
        TcVar v = hyper_var(t, a, i);
        vec_push(t->arena, &t->vars, v);
    }
}

static void check_algorithm(Tc *t, const AlgorithmDecl *a) {
    if (!a->fit) {
        Diag *d = diag_error(t->ds, "E138", a->name.span, "algorithm %s has no fit", a->name.text);
        diag_help(d, "write algorithm %s() { fit(X: [n, d], y: [n, 1]) { … return w; } }", a->name.text);
        return;
    }
    t->script_level = false;
    t->algorithm = a;
    t->hyper_used = arena_array(t->arena, bool, a->hyper.len + 1);
    int errors = diag_error_count(t->ds);
    for (int i = 0; i < a->hyper.len; i++) {
        const Param *p = &a->hyper.data[i];
        t->vars = (TcVarVec){0};
        if (p->value) (void)tc_expr(t, p->value); /* constants only: nothing is in scope */
        for (int k = 0; k < i; k++)
            if (strcmp(a->hyper.data[k].name.text, p->name.text) == 0) {
                Diag *d =
                    diag_error(t->ds, "E113", p->name.span, "the hyperparameter `%s` is declared twice", p->name.text);
                diag_note(d, a->hyper.data[k].name.span, "it is declared here first");
            }
    }
    FitResult fit = {0};
    start_function(t, a);
    check_fit(t, a, &fit);
    bool fit_ok = diag_error_count(t->ds) == errors;
    if (a->predict && (fit_ok || fit.n)) {
        start_function(t, a);
        check_predict(t, a, &fit);
    }
    t->fit = NULL;
    for (int i = 0; fit_ok && i < a->hyper.len; i++)
        if (!t->hyper_used[i]) {
            Diag *d = diag_warn(t->ds, "W131", a->hyper.data[i].name.span, "nothing uses the hyperparameter %s",
                                a->hyper.data[i].name.text);
            diag_help(d, "use it in fit or predict, or remove it");
        }
    t->hyper_used = NULL;
}

static void check_metric(Tc *t, const FuncDecl *m) {
    t->script_level = false;
    t->algorithm = NULL;
    t->hyper_used = NULL;
    t->vars = (TcVarVec){0};
    NamedDims dims = {0};
    for (int i = 0; i < m->params.len; i++) {
        const Param *p = &m->params.data[i];
        bind_param(t, p, m->params.data, &dims);
        if (p->dims.len) continue;
        TcVar *v = &t->vars.data[t->vars.len - 1]; /* without dimensions: a number of the model */
        v->value.valued = true;
        v->value.value = dim_symbol(t, p->name.text, true);
    }
    const Stmt *ret;
    tc_body(t, m, m->name.text, &ret);
    if (!ret) return;
    if (ret->ret.len != 1) {
        diag_error(t->ds, "E138", ret->span, "a metric returns one number, %d values given", ret->ret.len);
        return;
    }
    (void)tc_scalar(t, ret->ret.data[0], "what a metric returns");
}

/* ---- the script's own statements ---- */
static void script_var(Tc *t, Name name, TcValue v) {
    TcVar *old = tc_find(t, name.text);
    tc_note_shape(t, name.span, &v);
    TcVar var = {.name = name.text, .value = v, .def = name.span, .hyper = -1};
    var.value.name = NULL;
    if (old)
        *old = var;
    else
        vec_push(t->arena, &t->vars, var);
}

static void add_model(Tc *t, const char *name, const AlgorithmDecl *a) {
    TcModel m = {name, a};
    for (int i = 0; i < t->models.len; i++)
        if (strcmp(t->models.data[i].name, name) == 0) {
            t->models.data[i] = m;
            return;
        }
    vec_push(t->arena, &t->models, m);
}

static void check_step(Tc *t, const Stmt *s);

static void check_for(Tc *t, const Stmt *s) {
    const Expr *over = s->loop_for.over;
    for (int i = 0; i < over->nargs; i++) {
        const Expr *x = over->args[i];
        if (x && x->kind != EX_STR) (void)tc_scalar(t, x, "a value of for");
    }
    script_var(t, s->loop_for.var, tc_matrix(dim_const(1), dim_const(1), s->loop_for.var.span));
    for (int i = 0; i < s->loop_for.body.len; i++) check_step(t, s->loop_for.body.data[i]);
}

static void check_step(Tc *t, const Stmt *s) {
    switch (s->kind) {
    case ST_LET: script_var(t, s->let.name, tc_expr(t, s->let.value)); break;
    case ST_PRINT: (void)tc_expr(t, s->print); break;
    case ST_TRAIN:
        for (int i = 0; i < s->train.args.len; i++) (void)tc_expr(t, s->train.args.data[i].value);
        add_model(t, s->train.name.text, program_algorithm(t->p, s->train.algorithm.text));
        break;
    case ST_LOAD: add_model(t, s->file.model.text, NULL); break;
    case ST_FOR: check_for(t, s); break;
    default: break;
    }
}

bool typecheck_program(Program *p) {
    int before = diag_error_count(p->diags);
    Tc t = {.p = p, .arena = p->arena, .ds = p->diags};
    for (int i = 0; i < p->algorithms.len; i++) check_algorithm(&t, p->algorithms.data[i]);
    for (int i = 0; i < p->metrics.len; i++) check_metric(&t, p->metrics.data[i]);
    t.vars = (TcVarVec){0};
    t.algorithm = NULL;
    t.script_level = true;
    for (int i = 0; i < p->params.len; i++) {
        const Stmt *s = p->params.data[i];
        if (s->let.value && s->let.value->kind == EX_STR) continue; /* a text, for file names and options */
        /* The command line may set another number: only the shape is known. */
        TcValue v = s->let.value ? tc_expr(&t, s->let.value) : tc_matrix(dim_const(1), dim_const(1), s->span);
        v.valued = false;
        script_var(&t, s->let.name, v);
    }
    for (int i = 0; i < p->steps.len; i++) check_step(&t, p->steps.data[i]);
    return diag_error_count(p->diags) == before;
}
