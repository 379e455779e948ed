/* resolve_steps.c: the names that a script's steps use: models, algorithms, metrics, targets and their parts,
 * hyperparameters; the shares of splits; options. Names inside algebra are typecheck's, except targets and parts,
 * which are looked up here.
 *
 * Errors: E113, E114, E117, E118, E171, E175, E176. */
#include "compiler/resolve_internal.h"
#include "compiler/words.h"

#include <math.h>

/* ---------------- splits and options ---------------- */

static void check_split(Program *p, const Stmt *s) {
    Target *t = program_target(p, s->split.target.text);
    if (!t) {
        TextVec names = {0};
        for (int i = 0; i < p->targets.len; i++) vec_push(p->arena, &names, p->targets.data[i].decl->name.text);
        Diag *d = diag_error(p->diags, "E111", s->split.target.span, "there is no target `%s`", s->split.target.text);
        resolve_help_names(d, s->split.target.text, &names, "target");
    }
    double sum = 0;
    for (int i = 0; i < s->split.parts.len; i++) {
        const SplitPart *part = &s->split.parts.data[i];
        if (!(part->share > 0) || !isfinite(part->share)) {
            Diag *d = diag_error(p->diags, "E175", part->name.span, "the share of part `%s` is %.15g", part->name.text,
                                 part->share);
            diag_help(d, "shares are fractions of the rows, greater than 0");
        } else
            sum += part->share;
        for (int j = 0; j < i; j++) {
            if (strcmp(part->name.text, s->split.parts.data[j].name.text)) continue;
            Diag *d = diag_error(p->diags, "E113", part->name.span, "the split has two parts `%s`", part->name.text);
            diag_note(d, s->split.parts.data[j].name.span, "the first is here");
            break;
        }
    }
    if (sum > 1 + 1e-9) { /* 0.7 + 0.2 + 0.1 is not exactly 1 in binary */
        Diag *d =
            diag_error(p->diags, "E175", s->span, "the shares of this split sum to %.15g, more than all rows", sum);
        diag_help(d, "shares are fractions of the rows: 0.8 and 0.2, not 80 and 20");
    }
    if (!s->split.parts.len) diag_error(p->diags, "E175", s->span, "a split needs at least one part");
    if (s->split.seed) {
        const Expr *seed = resolve_constant(p, s->split.seed);
        if (!seed || seed->kind != EX_NUM || seed->num < 0 || seed->num != floor(seed->num) ||
            seed->num > 9007199254740992.0) {
            Diag *d =
                diag_error(p->diags, "E175", s->split.seed->span, "the seed of a split is a whole number, 0 or more");
            diag_help(d, "for example `seed 42`");
        }
    }
}

/* The words that an option may be; WORDS_COUNT_OF_PLACES: it takes a positive whole number. */
static WordPlace option_values(const char *name) {
    if (!strcmp(name, "backend")) return WORDS_BACKEND_VALUES;
    if (!strcmp(name, "deterministic")) return WORDS_SWITCH_VALUES;
    if (!strcmp(name, "egd")) return WORDS_EGD_VALUES;
    if (!strcmp(name, "precision")) return WORDS_PRECISION_VALUES;
    if (!strcmp(name, "sort")) return WORDS_SORT_VALUES;
    if (!strcmp(name, "absorb")) return WORDS_ABSORB_VALUES;
    return !strcmp(name, "strategy") ? WORDS_STRATEGY_VALUES : WORDS_COUNT_OF_PLACES;
}

static void check_option(Program *p, const Stmt *s) {
    int count;
    const char *const *options = words_at(WORDS_OPTIONS, &count), *option = NULL;
    TextVec names = {0};
    for (int i = 0; i < count; i++) {
        vec_push(p->arena, &names, options[i]);
        if (!strcmp(options[i], s->option.name.text)) option = options[i];
    }
    if (!option) {
        Diag *d = diag_error(p->diags, "E176", s->option.name.span, "there is no option `%s`", s->option.name.text);
        resolve_help_names(d, s->option.name.text, &names, "option");
        return;
    }
    const Expr *v = s->option.value;
    Span at = v ? v->span : s->span;
    WordPlace values = option_values(option);
    if (values == WORDS_COUNT_OF_PLACES) {
        const Expr *c = resolve_constant(p, v);
        if (c && c->kind == EX_NUM && c->num >= 1 && c->num == floor(c->num) && c->num <= 9007199254740992.0) return;
        Diag *d = diag_error(p->diags, "E176", at, "option `%s` takes a whole number, 1 or more", option);
        diag_help(d, "for example `option %s %s;`", option, strcmp(option, "threads") ? "1000000" : "4");
        return;
    }
    const char *word = v && (v->kind == EX_NAME || v->kind == EX_STR) ? v->text : NULL;
    /* or names of tables, which the training knows (E464, E465) */
    if ((values == WORDS_SORT_VALUES || values == WORDS_ABSORB_VALUES) && word) return;
    TextVec words = {0};
    const char *const *allowed = words_at(values, &count);
    for (int i = 0; i < count; i++) {
        vec_push(p->arena, &words, allowed[i]);
        if (word && !strcmp(word, allowed[i])) return;
    }
    Diag *d = diag_error(p->diags, "E176", at, "option `%s` cannot be `%s`", option, word ? word : "this");
    resolve_help_names(d, word ? word : "", &words, "value");
}

void resolve_settings(Program *p, Stmt *const *stmts, int count) {
    for (int i = 0; i < count; i++) {
        if (stmts[i]->kind == ST_SPLIT) check_split(p, stmts[i]);
        if (stmts[i]->kind == ST_OPTION) check_option(p, stmts[i]);
    }
}

/* ---------------- steps ---------------- */

typedef struct Model {
    Name name;
    const AlgorithmDecl *algorithm; /* NULL: loaded, or unknown */
} Model;
typedef struct Steps {
    Program *p;
    VEC(Model) models; /* trained or loaded so far */
    VEC(Name) later;   /* every model of the script, for a better message */
    NameVec lets;
} Steps;

static const Target *find_target(Program *p, Name name) {
    const Target *t = program_target(p, name.text);
    if (t) return t;
    TextVec names = {0};
    for (int i = 0; i < p->targets.len; i++) vec_push(p->arena, &names, p->targets.data[i].decl->name.text);
    Diag *d = diag_error(p->diags, "E111", name.span, "there is no target `%s`", name.text);
    if (program_source(p, name.text))
        diag_note(d, program_source(p, name.text)->decl->name.span, "`%s` is a source", name.text);
    resolve_help_names(d, name.text, &names, "target");
    return NULL;
}

static void check_part(Program *p, const Target *t, Name part) {
    TextVec names = {0};
    if (t->split)
        for (int i = 0; i < t->split->split.parts.len; i++) {
            vec_push(p->arena, &names, t->split->split.parts.data[i].name.text);
            if (!strcmp(t->split->split.parts.data[i].name.text, part.text)) return;
        }
    const char *name = t->decl->name.text;
    Diag *d = diag_error(p->diags, "E114", part.span, "target `%s` has no part `%s`", name, part.text);
    if (t->split) {
        diag_note(d, t->split->span, "it is split here");
        resolve_help_names(d, part.text, &names, "part");
    } else
        diag_help(d, "split it first: `split %s into train 0.8, test 0.2 seed 42;`", name);
}

static const Target *check_data(Program *p, const DataRef *on) {
    const Target *t = find_target(p, on->target);
    if (t && on->part.text) check_part(p, t, on->part);
    return t;
}

static void require_label(Program *p, const Target *t, Span at, const char *why) {
    if (!t || t->has_label) return;
    Diag *d = diag_error(p->diags, "E171", at, "target `%s` has no label, but %s", t->decl->name.text, why);
    diag_note(d, t->decl->name.span, "`%s` is declared here", t->decl->name.text);
    diag_help(d, "declare one of its columns as label, for example `y: label num`");
}

/* Targets and parts inside algebra: label(T), features(T.train). */
static void check_expr(Steps *s, const Expr *e) {
    if (!e) return;
    Program *p = s->p;
    if (e->kind == EX_CALL && !strcmp(e->text, "label") && e->nargs == 1) {
        const Expr *a = e->args[0];
        const Expr *base = a->kind == EX_FIELD ? a->args[0] : a;
        if (base->kind == EX_NAME) require_label(p, program_target(p, base->text), e->span, "`label` is asked for");
    }
    if (e->kind == EX_FIELD && e->args[0]->kind == EX_NAME) {
        const Target *t = program_target(p, e->args[0]->text);
        if (t) check_part(p, t, (Name){e->text, e->text_span.file ? e->text_span : e->span});
    }
    for (int i = 0; i < e->nargs; i++) check_expr(s, e->args[i]);
    for (int i = 0; i < e->named.len; i++) check_expr(s, e->named.data[i].value);
}

/* A name for a value that already is something else: two meanings of one name in later steps. */
static void check_clash(Steps *s, Name name, const char *what) {
    Program *p = s->p;
    Span first = {0};
    const char *is = NULL;
    const Target *t = program_target(p, name.text);
    if (t) first = t->decl->name.span, is = "a target";
    for (int i = 0; i < p->params.len && !is; i++)
        if (!strcmp(p->params.data[i]->let.name.text, name.text))
            first = p->params.data[i]->let.name.span, is = "a parameter";
    bool model = !strcmp(what, "model");
    for (int i = 0; i < s->lets.len && !is && model; i++)
        if (!strcmp(s->lets.data[i].text, name.text)) first = s->lets.data[i].span, is = "a `let`";
    for (int i = 0; i < s->models.len && !is && !model; i++)
        if (!strcmp(s->models.data[i].name.text, name.text)) first = s->models.data[i].name.span, is = "a model";
    if (!is) return;
    Diag *d = diag_error(p->diags, "E113", name.span, "the %s `%s` has the name of %s", what, name.text, is);
    diag_note(d, first, "which is declared here");
    diag_help(d, "choose another name");
}

static const Model *check_model(Steps *s, Name name) {
    Program *p = s->p;
    for (int i = s->models.len - 1; i >= 0; i--)
        if (!strcmp(s->models.data[i].name.text, name.text)) return &s->models.data[i];
    TextVec names = {0};
    for (int i = 0; i < s->models.len; i++) vec_push(p->arena, &names, s->models.data[i].name.text);
    Diag *d = diag_error(p->diags, "E114", name.span, "there is no model `%s` at this point", name.text);
    for (int i = 0; i < s->later.len; i++)
        if (!strcmp(s->later.data[i].text, name.text)) {
            diag_note(d, s->later.data[i].span, "it is made only here: steps run in order");
            return NULL;
        }
    if (program_algorithm(p, name.text))
        diag_note(d, name.span, "`%s` is an algorithm; `train NAME = %s(…) on T;` makes a model", name.text, name.text);
    resolve_help_names(d, name.text, &names, "model");
    return NULL;
}

static void check_hyper(Program *p, const AlgorithmDecl *a, const NamedArgVec *args, Name used) {
    TextVec names = {0};
    for (int h = 0; h < a->hyper.len; h++) vec_push(p->arena, &names, a->hyper.data[h].name.text);
    for (int i = 0; i < args->len; i++) {
        Name n = args->data[i].name;
        bool known = false;
        for (int h = 0; h < names.len; h++) known |= !strcmp(names.data[h], n.text);
        if (!known) {
            Diag *d = diag_error(p->diags, "E117", n.span, "`%s` has no hyperparameter `%s`", a->name.text, n.text);
            diag_note(d, a->name.span, "`%s` is declared here", a->name.text);
            resolve_help_names(d, n.text, &names, "hyperparameter");
        }
        for (int j = 0; j < i; j++) {
            if (strcmp(args->data[j].name.text, n.text)) continue;
            Diag *d = diag_error(p->diags, "E113", n.span, "the hyperparameter `%s` is given twice", n.text);
            diag_note(d, args->data[j].name.span, "the first is here");
            break;
        }
    }
    for (int h = 0; h < a->hyper.len; h++) {
        if (a->hyper.data[h].value) continue;
        bool given = false;
        for (int i = 0; i < args->len; i++) given |= !strcmp(args->data[i].name.text, names.data[h]);
        if (given) continue;
        Diag *d =
            diag_error(p->diags, "E117", used.span, "`%s` needs the hyperparameter `%s`", a->name.text, names.data[h]);
        diag_note(d, a->hyper.data[h].name.span, "it has no default");
        diag_help(d, "write `%s(%s = …)`", a->name.text, names.data[h]);
    }
}

static void step_train(Steps *s, const Stmt *st) {
    Program *p = s->p;
    Name used = st->train.algorithm;
    const AlgorithmDecl *a = program_algorithm(p, used.text);
    if (!a) {
        TextVec names = {0};
        for (int i = 0; i < p->algorithms.len; i++) vec_push(p->arena, &names, p->algorithms.data[i]->name.text);
        Diag *d = diag_error(p->diags, "E114", used.span, "there is no algorithm `%s`", used.text);
        if (program_metric(p, used.text)) diag_note(d, used.span, "`%s` is a metric", used.text);
        resolve_help_names(d, used.text, &names, "algorithm");
    } else
        check_hyper(p, a, &st->train.args, used);
    for (int i = 0; i < st->train.args.len; i++) check_expr(s, st->train.args.data[i].value);
    const Target *t = check_data(p, &st->train.on);
    if (a && a->fit && a->fit->params.len >= 2)
        require_label(p, t, st->train.on.span, arena_printf(p->arena, "`%s` learns from one", a->name.text));
    check_clash(s, st->train.name, "model");
    vec_push(p->arena, &s->models, ((Model){st->train.name, a}));
}

static void step_evaluate(Steps *s, const Stmt *st) {
    Program *p = s->p;
    (void)check_model(s, st->evaluate.model);
    const Target *t = check_data(p, &st->evaluate.on);
    TextVec names = {0};
    for (int i = 0; i < p->metrics.len; i++) vec_push(p->arena, &names, p->metrics.data[i]->name.text);
    for (int i = 0; i < st->evaluate.metrics.len; i++) {
        Name n = st->evaluate.metrics.data[i];
        const FuncDecl *m = program_metric(p, n.text);
        if (!m) {
            Diag *d = diag_error(p->diags, "E114", n.span, "there is no metric `%s`", n.text);
            resolve_help_names(d, n.text, &names, "metric");
            continue;
        }
        for (int k = 0; k < m->params.len; k++)
            if (!strcmp(m->params.data[k].name.text, "y"))
                require_label(p, t, n.span, arena_printf(p->arena, "the metric `%s` compares with it", n.text));
    }
}

static void step_predict(Steps *s, const Stmt *st) {
    const Model *m = check_model(s, st->predict.model);
    (void)check_data(s->p, &st->predict.on);
    if (!m || !m->algorithm || m->algorithm->predict) return;
    Diag *d = diag_error(s->p->diags, "E118", st->predict.model.span,
                         "`%s` cannot predict: its algorithm `%s` has no `predict`", st->predict.model.text,
                         m->algorithm->name.text);
    diag_note(d, m->algorithm->name.span, "`%s` is declared here", m->algorithm->name.text);
    diag_help(d, "add `predict(X: [m, d]) { return …; }` to it");
}

static void walk(Steps *s, const Stmt *st);

static void step_for(Steps *s, const Stmt *st) {
    check_expr(s, st->loop_for.over);
    check_clash(s, st->loop_for.var, "loop variable");
    for (int i = 0; i < st->loop_for.body.len; i++) {
        const Stmt *b = st->loop_for.body.data[i];
        switch (b->kind) {
        case ST_LET:
        case ST_PRINT:
        case ST_TRAIN:
        case ST_EVALUATE:
        case ST_PREDICT:
        case ST_SAVE:
        case ST_LOAD:
        case ST_FOR:
        case ST_EXPORT: walk(s, b); break;
        default: {
            Diag *d = diag_error(s->p->diags, "E177", b->span, "this statement cannot stand inside `for`");
            diag_help(d, "declare it before the loop; a loop holds let, print, train, evaluate, predict, save, load, "
                         "export and for");
        }
        }
    }
}

static void walk(Steps *s, const Stmt *st) {
    Program *p = s->p;
    switch (st->kind) {
    case ST_LET:
        check_expr(s, st->let.value);
        check_clash(s, st->let.name, "value");
        vec_push(p->arena, &s->lets, st->let.name);
        break;
    case ST_PRINT: check_expr(s, st->print); break;
    case ST_TRAIN: step_train(s, st); break;
    case ST_EVALUATE: step_evaluate(s, st); break;
    case ST_PREDICT: step_predict(s, st); break;
    case ST_SAVE: (void)check_model(s, st->file.model); break;
    case ST_LOAD:
        check_clash(s, st->file.model, "model");
        vec_push(p->arena, &s->models, ((Model){st->file.model, NULL}));
        break;
    case ST_FOR: step_for(s, st); break;
    case ST_EXPORT: (void)check_data(p, &st->export_.on); break;
    default: break;
    }
}

static void find_models(Steps *s, const Stmt *st) {
    if (st->kind == ST_TRAIN) vec_push(s->p->arena, &s->later, st->train.name);
    if (st->kind == ST_LOAD) vec_push(s->p->arena, &s->later, st->file.model);
    if (st->kind == ST_FOR)
        for (int i = 0; i < st->loop_for.body.len; i++) find_models(s, st->loop_for.body.data[i]);
}

void resolve_steps(Program *p) {
    Steps s = {.p = p};
    for (int i = 0; i < p->steps.len; i++) find_models(&s, p->steps.data[i]);
    for (int i = 0; i < p->steps.len; i++) walk(&s, p->steps.data[i]);
}
