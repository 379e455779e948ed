/* session_turn.c: one turn of a session (contract: session_internal.h).
 *
 * A turn makes a program of what is needed, in an arena of its own: declarations and earlier steps as trees that are
 * there, resolved and checked anew (milliseconds), run on the tables and targets that are kept. Of the earlier steps
 * none runs that still holds: its values are bound as they are. */
#include "compiler/session_internal.h"
#include "backends/runtime/kernels.h"
#include <unistd.h>

void turn_begin(Turn *t, Session *s) {
    *t = (Turn){.s = s, .kept = kept_new()};
    t->arena = t->kept->arena;
    t->ds = diags_child(t->arena, s->files);
    t->needs = needs_new(t->arena, s);
}

bool turn_resolve(Turn *t, Stmt *stmt) {
    Session *s = t->s;
    if (stmt) needs_of(s, &t->needs, stmt, s->steps.len);
    needs_close(s, &t->needs);
    Script *script = arena_new_of(t->arena, Script);
    for (int i = 0; i < s->declared.len; i++)
        if (t->needs.declared[i]) vec_push(t->arena, &script->stmts, s->declared.data[i]->stmt);
    for (int i = 0; i < s->steps.len; i++)
        if (t->needs.steps[i]) vec_push(t->arena, &script->stmts, s->steps.data[i]->stmt);
    if (stmt) vec_push(t->arena, &script->stmts, stmt);
    ResolveOptions *o = arena_new_of(t->arena, ResolveOptions);
    *o = (ResolveOptions){.schema = session_read_schema, .user = s};
    diags_skip_remembered(t->ds, true);
    t->program = program_resolve_with(t->arena, t->ds, script, s->stdlib.len, s->stdlib.data, SESSION_BASE, o);
    bool ok = diag_error_count(t->ds) == 0 && typecheck_program(t->program);
    diags_skip_remembered(t->ds, false);
    fflush(s->o.out);
    if (ok) diag_print(t->ds, s->o.err, s->o.colour); /* warnings come before the work */
    return ok;
}

/* ---------------- binding what is there ---------------- */

static void data_keys(Turn *t) {
    Program *p = t->program;
    uint64_t *sources = arena_array(t->arena, uint64_t, p->sources.len + 1),
             *targets = arena_array(t->arena, uint64_t, p->targets.len + 1),
             *splits = arena_array(t->arena, uint64_t, p->targets.len + 1);
    for (int i = 0; i < p->sources.len; i++)
        sources[i] = t->keys.sources[session_find(t->s, ST_SOURCE, p->sources.data[i].decl->name.text)];
    for (int i = 0; i < p->targets.len; i++) {
        int at = session_find(t->s, ST_TARGET, p->targets.data[i].decl->name.text);
        targets[i] = t->keys.targets[at];
        splits[i] = t->keys.splits[at];
    }
    t->data_keys = (DataKeys){sources, targets, splits};
}

static void bind_made(Run *r, const Entry *e) {
    for (int i = 0; i < e->nmade; i++) {
        const Made *m = &e->made[i];
        if (m->model) vec_push(r->arena, &r->models, ((NamedModel){m->name, m->model}));
        run_bind(
            r, (Binding){
                   .name = m->name, .kind = m->model ? BIND_MODEL : BIND_VALUE, .value = m->value, .model = m->model});
    }
}

/* Moves what the step bound from the run to its entry. */
static void take_made(Turn *t, Entry *e) {
    Run *r = &t->run;
    NameVec names = {0};
    session_bound_names(t->arena, e->stmt, &names);
    e->made = arena_array(t->s->arena, Made, names.len + 1);
    e->nmade = 0;
    for (int i = 0; i < names.len; i++) {
        const Binding *b = run_binding(r, names.data[i].text);
        bool taken = false;
        for (int k = 0; k < e->nmade; k++) taken |= strcmp(e->made[k].name, names.data[i].text) == 0;
        if (!b || taken) continue; /* a loop of no rounds binds nothing */
        Made m = {.name = arena_strdup(t->s->arena, b->name)};
        for (int k = 0; b->kind == BIND_VALUE && k < r->values.len; k++)
            if (r->values.data[k] == b->value) {
                m.value = r->values.data[k];
                r->values.data[k] = r->values.data[--r->values.len];
                break;
            }
        for (int k = 0; b->kind == BIND_MODEL && k < r->models.len; k++)
            if (r->models.data[k].model == b->model) m.model = r->models.data[k].model;
        if (m.value || m.model) e->made[e->nmade++] = m;
    }
    e->made_valid = true;
    e->made_key = session_step_key(t->arena, t->s, &t->keys, e->stmt, t->s->steps.len);
    if (e->nmade) {
        e->kept = t->kept;
        kept_hold(e->kept);
    }
}

void session_forget_made(Entry *e) {
    for (int i = 0; i < e->nmade; i++) {
        if (e->made[i].value) mat_free(e->made[i].value);
        if (e->made[i].model) model_free(e->made[i].model);
    }
    e->nmade = 0;
    e->made_valid = false;
    if (e->kept) kept_release(e->kept);
    e->kept = NULL;
}

/* Steps that were made of something that is no longer so run again, without what they printed and wrote. */
static bool make_again(Turn *t, int at) {
    Session *s = t->s;
    Entry *e = s->steps.data[at];
    NameVec names = {0};
    session_bound_names(t->arena, e->stmt, &names);
    fflush(s->o.out);
    for (int i = 0; e->made_valid && i < names.len; i++)
        fprintf(s->o.err, "%s`%s`%s", i ? ", " : "", names.data[i].text,
                i + 1 < names.len ? "" : ": made again, because what it is made of changed\n");
    vec_push(t->arena, &t->outdated, *e);
    e->nmade = 0;
    e->made_valid = false;
    e->kept = NULL;
    t->run.rebinding = true;
    bool ok = run_step(&t->run, e->stmt);
    t->run.rebinding = false;
    if (!ok) return false;
    take_made(t, e);
    e->made_key = t->keys.steps[at];
    return true;
}

bool turn_bind(Turn *t) {
    Session *s = t->s;
    t->keys = session_keys(t->arena, s);
    data_keys(t);
    t->options = run_options_settle(t->program, &s->o.run);
    Run *r = &t->run;
    *r = (Run){.arena = t->arena, .ds = t->ds, .program = t->program, .o = &t->options};
    r->data = data_open(t->arena, t->ds, t->program, &t->options);
    data_use_cache(r->data, s->cache, &t->data_keys, t->kept);
    r->report = report_new(t->arena, s->o.out, s->o.run.quiet);
    if (s->o.show) report_show_with(r->report, s->o.show, s->o.show_user);
    for (int i = 0; i < s->reported.len; i++) report_target_known(r->report, s->reported.data[i]);
    t->running = true;
    if (!run_params(r)) return false;
    for (int i = 0; i < s->steps.len; i++) {
        Entry *e = s->steps.data[i];
        if (!t->needs.steps[i]) continue;
        if (e->made_valid && e->made_key == t->keys.steps[i])
            bind_made(r, e);
        else if (!make_again(t, i))
            return false;
    }
    return true;
}

bool turn_step(Turn *t, Entry *e) {
    bool ok = run_step(&t->run, e->stmt);
    fflush(t->s->o.out);
    if (ok) take_made(t, e);
    return ok;
}

/* ---------------- the end ---------------- */

static bool session_owns(const Session *s, const Model *m, const Entry *extra) {
    for (int i = -1; i < s->steps.len; i++) {
        const Entry *e = i < 0 ? extra : s->steps.data[i];
        for (int k = 0; e && k < e->nmade; k++)
            if (e->made[k].model == m) return true;
    }
    return false;
}

void turn_end(Turn *t, const Entry *fresh) {
    Session *s = t->s;
    fflush(s->o.out);
    if (interrupt_requested()) { /* the terminal has written ^C where the cursor was */
        if (isatty(fileno(s->o.err))) fputs("\n", s->o.err);
        if (diag_error_count(t->ds) == 0) fputs("interrupted\n", s->o.err);
    }
    diag_print(t->ds, s->o.err, s->o.colour);
    diags_remember_warnings(t->ds);
    if (t->running) {
        const Target *const *targets;
        const Integration *const *roots;
        int n = data_built(t->run.data, &targets, &roots);
        for (int i = 0; i < n; i++) {
            bool known = false;
            for (int k = 0; k < s->reported.len; k++) known |= s->reported.data[k] == roots[i];
            if (!known && report_has_target(t->run.report, roots[i])) vec_push(s->arena, &s->reported, roots[i]);
        }
        for (int i = 0; i < t->run.values.len; i++) mat_free(t->run.values.data[i]);
        for (int i = 0; i < t->run.models.len; i++)
            if (!session_owns(s, t->run.models.data[i].model, fresh)) model_free(t->run.models.data[i].model);
        data_close(t->run.data);
    }
    for (int i = 0; i < t->outdated.len; i++) session_forget_made(&t->outdated.data[i]);
    kept_release(t->kept);
}

/* Values that no later statement can see, and data that are of no declaration any more. */
void session_sweep(Session *s) {
    Arena *a = arena_new();
    Needs live = needs_new(a, s);
    for (int i = 0; i < s->steps.len; i++) {
        NameVec names = {0};
        session_bound_names(a, s->steps.data[i]->stmt, &names);
        for (int k = 0; k < names.len; k++) (void)needs_model(s, &live, names.data[k].text);
    }
    VEC(Model *) models = {0};
    for (int i = 0; i < s->steps.len; i++) {
        Entry *e = s->steps.data[i];
        if (!live.steps[i]) session_forget_made(e);
        for (int k = 0; k < e->nmade; k++)
            if (e->made[k].model) vec_push(a, &models, e->made[k].model);
    }
    Keys keys = session_keys(a, s);
    VEC(uint64_t) tables = {0}, targets = {0};
    for (int i = 0; i < s->declared.len; i++) {
        if (s->declared.data[i]->stmt->kind == ST_SOURCE) vec_push(a, &tables, keys.sources[i]);
        if (s->declared.data[i]->stmt->kind == ST_TARGET) vec_push(a, &targets, keys.targets[i]);
    }
    CacheRoots roots = {.ntables = tables.len,
                        .ntargets = targets.len,
                        .nmodels = models.len,
                        .tables = tables.data,
                        .targets = targets.data,
                        .models = models.data};
    data_cache_sweep(s->cache, &roots);
    int kept = 0;
    for (int i = 0; i < s->reported.len; i++)
        if (data_cache_holds(s->cache, s->reported.data[i])) s->reported.data[kept++] = s->reported.data[i];
    s->reported.len = kept;
    arena_free(a);
}
