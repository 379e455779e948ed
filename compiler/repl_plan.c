/* repl_plan.c: commands of the REPL that look at programs: shapes, plans, passes, emitted C (contract: repl.h). */
#include "compiler/repl.h"
#include "compiler/script.h"
#include "compiler/session_internal.h"

/* What an argument means: the training of a model, or an expression. */
typedef struct Subject {
    Turn turn;
    Lowered *lowered;
    const Stmt *train; /* NULL: an expression */
    StrategyChoice choice;
} Subject;

static const Stmt *train_of(Session *s, const char *text) {
    Arena *a = arena_new();
    int at = session_binder(s, repl_bare_name(a, text), s->steps.len);
    arena_free(a);
    const Stmt *stmt = at >= 0 ? s->steps.data[at]->stmt : NULL;
    return stmt && stmt->kind == ST_TRAIN ? stmt : NULL;
}

/* The training is lowered again as it would run now. */
static bool open_training(Subject *u) {
    Session *s = u->turn.s;
    needs_of(s, &u->turn.needs, u->train, s->steps.len);
    if (!turn_resolve(&u->turn, NULL) || !turn_bind(&u->turn)) return false;
    u->lowered = run_lower_training(&u->turn.run, u->train, &u->choice);
    if (u->lowered) run_strategy(&u->turn.run, &u->choice);
    return u->lowered != NULL;
}

static bool open_expression(Subject *u, const char *text) {
    Session *s = u->turn.s;
    size_t len = strlen(text);
    uint32_t file = diag_add_file(s->files, "input", text, len);
    Stmt *print = arena_new_of(u->turn.arena, Stmt);
    print->kind = ST_PRINT;
    print->print = parse_expression(u->turn.arena, u->turn.ds, file, text, len);
    if (!print->print) return false;
    print->span = print->print->span;
    if (!turn_resolve(&u->turn, print) || !turn_bind(&u->turn)) return false;
    if (!run_bind_targets(&u->turn.run, print->print)) return false;
    LowerEnv env = run_env(&u->turn.run);
    u->lowered = lower_expr(&env, print->print);
    u->turn.run.strategy = "factorized";
    return u->lowered != NULL;
}

static bool open_subject(Repl *r, Subject *u, const char *argument) {
    memset(u, 0, sizeof *u);
    turn_begin(&u->turn, r->session);
    u->train = train_of(r->session, argument);
    return u->train ? open_training(u) : open_expression(u, argument);
}

static bool close_subject(Repl *r, Subject *u, bool ok) {
    turn_end(&u->turn, NULL);
    session_sweep(r->session);
    return ok;
}

bool repl_shape(Repl *r, const char *argument) {
    Subject u;
    bool ok = open_subject(r, &u, argument);
    for (int i = 0; ok && i < u.lowered->func->body->results.len; i++) {
        const IrNode *n = u.lowered->func->body->results.data[i];
        if (u.train) fprintf(r->out, "%s: ", u.lowered->func->output_names.data[i]);
        fprintf(r->out, "%lld x %lld\n", (long long)n->rows, (long long)n->cols);
    }
    return close_subject(r, &u, ok);
}

bool repl_plan(Repl *r, const char *argument) {
    Subject u;
    bool ok = open_subject(r, &u, argument);
    if (ok) {
        if (u.train) fprintf(r->out, "%s: %s\n  why: %s\n\n", argument, u.turn.run.strategy, u.choice.why);
        Buf text = {0};
        ir_print(&text, u.lowered->func);
        fprintf(r->out, "As written:\n%s\nAfter the passes:\n", text.data ? text.data : "");
        buf_free(&text);
        ok = run_explain(&u.turn.run, u.lowered, &text);
        if (text.data) fputs(text.data, r->out);
        buf_free(&text);
    }
    return close_subject(r, &u, ok);
}

/* The model that was trained last; NULL: none was. */
static const char *last_model(Session *s) {
    for (int i = s->steps.len - 1; i >= 0; i--)
        if (s->steps.data[i]->stmt->kind == ST_TRAIN) return s->steps.data[i]->stmt->train.name.text;
    return NULL;
}

bool repl_ir(Repl *r, const char *argument) {
    Arena *a = arena_new();
    size_t n = strcspn(argument, " \t");
    const char *pass = arena_strndup(a, argument, n);
    const char *what = argument + n + strspn(argument + n, " \t");
    if (!*what) what = last_model(r->session);
    int count;
    const char *const *names = ir_pass_names(&count);
    bool ok = false;
    if (!ir_pass_known(pass)) {
        const char *near = text_nearest(pass, names, count);
        Buf all = {0};
        for (int i = 0; i < count; i++) buf_printf(&all, "%s%s", i ? ", " : "", names[i]);
        repl_wrong(r, near ? "there is no pass `%s`; did you mean `%s`?" : "there is no pass `%s`; there are: %s", pass,
                   near ? near : all.data);
        buf_free(&all);
    } else if (!what) {
        repl_wrong(r, "no model was trained yet: name an expression, as in :ir %s sum(label(T))", pass);
    } else {
        Subject u;
        ok = open_subject(r, &u, what);
        if (ok) {
            PassOptions o = run_training_passes(&u.turn.run);
            o.dump_after = pass;
            o.dump_to = r->out;
            (void)ir_optimize(u.lowered->func, &o);
        }
        ok = close_subject(r, &u, ok);
    }
    arena_free(a);
    return ok;
}

bool repl_c(Repl *r, const char *argument) {
    if (!train_of(r->session, argument)) return repl_wrong(r, "there is no trained model `%s`", argument);
    Subject u;
    bool ok = open_subject(r, &u, argument);
    if (ok) {
        PassOptions passes = run_training_passes(&u.turn.run);
        BackendOptions o = {.passes = &passes, .threads = u.turn.options.threads};
        Executable *x = backend_c.prepare(u.turn.ds, ir_optimize(u.lowered->func, &passes), &o);
        ok = x != NULL;
        if (ok) fputs(backend_c.text(x), r->out);
        if (ok) backend_c.release(x);
    }
    return close_subject(r, &u, ok);
}
