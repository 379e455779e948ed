/* explain.c: records trainings as they are planned and run, and puts the plan together (contract: explain.h). */
#include "compiler/explain.h"
#include "ir/fuse.h"
#include "ir/level1.h"
#include <math.h>
#include <stdlib.h>

typedef struct LineTime {
    uint32_t file;
    int line;
    double seconds;
} LineTime;
typedef VEC(LineTime) LineTimes;
typedef struct Planned { /* a training */
    Buf json;            /* what is known before it runs, without the closing brace */
    IrFunc *func;        /* optimized */
    FusePlan *plan;
    IrCost *each;    /* by node id */
    int unfused;     /* node ids before fusing, which is how many the interpreter knows */
    IrNodeVec nodes; /* before fusing, which leaves out what it does otherwise */
    const AlgorithmDecl *algorithm;
    double predicted, seconds; /* seconds: measured */
    const RunProfile *profile; /* NULL: the backend has none */
    LineTimes lines;
} Planned;
struct Explain {
    Arena *arena;
    const RunOptions *options;
    VEC(Planned *) trainings;
};

Explain *explain_new(Arena *arena, const RunOptions *o) {
    Explain *e = arena_new_of(arena, Explain);
    e->arena = arena;
    e->options = o;
    return e;
}

static void put_cost(Buf *out, const IrCost *c) {
    buf_puts(out, "{\"flops\": ");
    report_number(out, c->flops);
    buf_puts(out, ", \"bytes\": ");
    report_number(out, c->bytes);
    buf_puts(out, ", \"seconds\": ");
    report_number(out, c->seconds);
    buf_puts(out, "}");
}

/* ---------------- the algebra, pass by pass ---------------- */

typedef struct Stages {
    Buf *out;
    int count;
} Stages;

static void put_stage(void *user, const char *pass, const char *help, const IrFunc *f) {
    Stages *s = user;
    buf_puts(s->out, s->count++ ? ",\n {\"pass\": " : "\n {\"pass\": ");
    report_text(s->out, pass);
    buf_puts(s->out, ", \"does\": ");
    report_text(s->out, help);
    buf_printf(s->out, ", \"level\": %d, \"lines\": ", f->factorized ? 2 : 1);
    explain_algebra_json(s->out, f);
    buf_puts(s->out, "}");
}

/* What a way of training should take. false: reported. */
static bool cost_way(Run *r, const Stmt *s, const AlgorithmDecl *a, int nhyper, const HyperValue *hyper,
                     const Integration *data, bool materialized, IrCost *cost) {
    LowerEnv env = run_env(r);
    Lowered *l = lower_fit(&env, a, nhyper, hyper, data, s->span, s->train.name.text);
    if (!l) return false;
    PassOptions o = run_passes(r, materialized ? "materialized" : "factorized");
    o.dump_after = NULL;
    *cost = ir_cost(ir_optimize(l->func, &o), r->o->threads);
    return true;
}

/* ---------------- passes over rows ---------------- */

static int line_of(const IrFunc *f, const IrNode *n) {
    int line = 0, column = 0;
    if (f->diags && n->span.file) diag_locate(f->diags, n->span, &line, &column);
    return line;
}

static double pass_seconds(const Planned *p, const FusePass *pass) {
    double s = 0;
    for (int i = 0; i < pass->nodes.len; i++) s += p->each[pass->nodes.data[i]->id].seconds;
    return s;
}

static void list_nodes(Arena *arena, const IrRegion *region, IrNodeVec *out) {
    for (int i = 0; i < region->nodes.len; i++) {
        IrNode *n = region->nodes.data[i];
        vec_push(arena, out, n);
        for (int k = 0; k < n->nregions; k++) list_nodes(arena, n->regions[k], out);
    }
}
static void put_passes(Buf *out, const Planned *p) {
    const IrFunc *f = p->func;
    buf_puts(out, "[");
    for (int i = 0; i < p->plan->passes.len; i++) {
        const FusePass *pass = p->plan->passes.data[i];
        const IrSpace *s = &f->spaces.data[pass->space];
        double read, written;
        fuse_pass_bytes(p->plan, pass, &read, &written);
        buf_printf(out, "%s{\"id\": %d, \"over\": ", i ? ",\n  " : "\n  ", pass->id);
        report_text(out, s->name);
        if (pass->segments) {
            buf_puts(out, ", \"by\": ");
            report_text(out, f->spaces.data[pass->segments->keys].name);
        }
        buf_printf(out, ", \"rows\": %lld, \"calls\": %.0f, \"reads\": %.0f, \"writes\": %.0f, \"seconds\": ",
                   (long long)s->rows, ir_region_weight(pass->region), read, written);
        report_number(out, pass_seconds(p, pass));
        buf_puts(out, ", \"lines\": [");
        for (int k = 0; k < pass->nodes.len; k++) {
            const IrNode *n = pass->nodes.data[k];
            Buf text = {0};
            if (n->name)
                buf_printf(&text, "%s = ", n->name);
            else
                buf_printf(&text, "%%%d = ", n->id);
            ir_print_line(&text, f, n);
            buf_puts(out, k ? ", {\"text\": " : "{\"text\": ");
            report_text(out, text.data);
            buf_printf(out, ", \"line\": %d, \"kept\": %s}", line_of(f, n),
                       FUSE(n)->stored || FUSE(n)->kind == FUSE_REDUCE ? "true" : "false");
            buf_free(&text);
        }
        buf_puts(out, "]}");
    }
    buf_puts(out, "]");
}

/* ---------------- a training ---------------- */

/* The lines of the algorithm's fit, to hang times on. */
static void put_source(Run *r, Buf *out, const AlgorithmDecl *a) {
    Span at = a->fit->span;
    const char *text = diag_file_text(r->ds, at.file);
    int first, last, column;
    diag_locate(r->ds, (Span){at.file, at.begin, at.begin}, &first, &column);
    diag_locate(r->ds, (Span){at.file, at.end, at.end}, &last, &column);
    uint32_t from = at.begin;
    while (from > 0 && text[from - 1] != '\n') from--;
    const char *end = strchr(text + at.end, '\n');
    buf_puts(out, "{\"file\": ");
    report_text(out, diag_file_path(r->ds, at.file));
    buf_printf(out, ", \"first\": %d, \"text\": ", first);
    size_t n = end ? (size_t)(end - (text + from)) : strlen(text + from);
    report_text(out, arena_strndup(r->arena, text + from, n));
    buf_puts(out, "}");
}

static void put_absorbed(Run *r, Buf *out, const Integration *in, uint64_t roles) {
    const char *comma = "";
    buf_puts(out, ", \"absorbed\": [");
    for (int role = 0; role < MAX_ROLES; role++)
        if (roles >> role & 1) {
            buf_puts(out, comma);
            report_text(out, strategy_role_names(r->arena, in, 1ull << role));
            comma = ", ";
        }
    buf_puts(out, "]");
}

bool explain_training(Run *r, const char *key, const Stmt *s, const Integration *in, const Integration *data,
                      int nhyper, const HyperValue *hyper, const StrategyChoice *choice) {
    const AlgorithmDecl *a = program_algorithm(r->program, s->train.algorithm.text);
    Planned *p = arena_new_of(r->arena, Planned);
    p->algorithm = a;
    Buf *out = &p->json;
    IrCost ways[2];
    if (!cost_way(r, s, a, nhyper, hyper, in, false, &ways[0]) ||
        !cost_way(r, s, a, nhyper, hyper, strategy_phantom(r->arena, in), true, &ways[1]))
        return false;
    LowerEnv env = run_env(r);
    Lowered *l = lower_fit(&env, a, nhyper, hyper, data, s->span, s->train.name.text);
    if (!l) return false;
    int line, column;
    diag_locate(r->ds, s->span, &line, &column);
    buf_puts(out, "{\"name\": ");
    report_text(out, key);
    buf_puts(out, ", \"algorithm\": ");
    report_text(out, a->name.text);
    buf_puts(out, ", \"on\": ");
    const char *part = s->train.on.part.text;
    report_text(out, part ? arena_printf(r->arena, "%s.%s", s->train.on.target.text, part) : s->train.on.target.text);
    buf_puts(out, ", \"target\": ");
    report_text(out, s->train.on.target.text);
    buf_printf(out, ", \"rows\": %lld, \"line\": %d, \"settings\": {", (long long)in->rows, line);
    bool first = true;
    for (int i = 0; i < nhyper; i++) {
        explain_key(out, &first, hyper[i].name);
        if (hyper[i].is_number)
            report_number(out, hyper[i].num);
        else
            buf_printf(out, "\"%lld x %lld\"", (long long)hyper[i].matrix->rows, (long long)hyper[i].matrix->cols);
    }
    buf_printf(out, "}, \"backend\": \"%s\", \"strategy\": \"%s\", \"sorted_by\": ", run_training_backend(r)->name,
               choice->materialize ? "materialized" : "factorized");
    Arrangement lie = choice->materialize ? (Arrangement){.sort_by = -1} : choice->arrangement;
    if (lie.sort_by >= 0)
        report_text(out, strategy_order_name(in, lie.sort_by));
    else
        buf_puts(out, "null");
    put_absorbed(r, out, in, lie.absorbed);
    buf_puts(out, ", \"why\": ");
    report_text(out, choice->why);
    buf_puts(out, ", \"estimates\": {\"factorized\": ");
    put_cost(out, &ways[0]);
    buf_puts(out, ", \"materialized\": ");
    put_cost(out, &ways[1]);
    buf_puts(out, ", \"joining\": ");
    report_number(out, strategy_join_seconds(in, data_is_materialized(r->data, in)));
    buf_puts(out, "}, \"candidates\": [");
    for (int i = 0; i < choice->nways; i++) {
        buf_puts(out, i ? ", {\"name\": " : "{\"name\": ");
        report_text(out, choice->ways[i].name);
        buf_puts(out, ", \"estimated\": ");
        report_number(out, choice->ways[i].analytic);
        buf_puts(out, ", \"predicted\": ");
        report_number(out, choice->ways[i].predicted);
        buf_printf(out, ", \"chosen\": %s}", choice->ways[i].chosen ? "true" : "false");
    }
    buf_puts(out, "],\n \"stages\": [");
    Stages stages = {.out = out};
    put_stage(&stages, "as written", "the algorithm over T", l->func);
    PassOptions o = run_training_passes(r);
    o.dump_after = NULL;
    o.after = put_stage;
    o.user = &stages;
    p->func = ir_optimize(l->func, &o);
    buf_puts(out, "],\n \"notes\": [");
    for (int i = 0; i < p->func->notes.len; i++) {
        buf_puts(out, i ? ", " : "");
        report_text(out, p->func->notes.data[i]);
    }
    IrCost all = ir_cost(p->func, r->o->threads);
    p->predicted = all.seconds;
    p->unfused = p->func->next_id;
    list_nodes(r->arena, p->func->body, &p->nodes);
    p->plan = run_training_backend(r)->plain_passes ? ir_fuse_plain(p->func) : ir_fuse(p->func);
    p->each = arena_array(r->arena, IrCost, p->func->next_id + 1); /* fusing may add nodes */
    (void)ir_cost_each(p->func, r->o->threads, p->each);
    buf_puts(out, "],\n \"estimate\": ");
    put_cost(out, &all);
    buf_puts(out, ", \"passes\": ");
    put_passes(out, p);
    buf_puts(out, ",\n \"source\": ");
    put_source(r, out, a);
    vec_push(r->arena, &r->plan->trainings, p);
    return true;
}

/* ---------------- what it took ---------------- */

static void add_line_time(Arena *arena, LineTimes *v, const IrFunc *f, const IrNode *n, double seconds) {
    int line = line_of(f, n);
    if (!line) return; /* it comes from nowhere in the script: a constant */
    for (int i = 0; i < v->len; i++)
        if (v->data[i].line == line && v->data[i].file == n->span.file) {
            v->data[i].seconds += seconds;
            return;
        }
    vec_push(arena, v, ((LineTime){n->span.file, line, seconds}));
}

/* A pass's time goes to its nodes as their estimates are to each other. */
static void spread_pass(Arena *arena, LineTimes *v, const Planned *p, const FusePass *pass, double seconds) {
    double all = pass_seconds(p, pass);
    for (int i = 0; i < pass->nodes.len; i++) {
        const IrNode *n = pass->nodes.data[i];
        double share = all > 0 ? p->each[n->id].seconds / all : 1.0 / pass->nodes.len;
        if (share > 0) add_line_time(arena, v, p->func, n, seconds * share);
    }
}

static void spread_kernels(Arena *arena, LineTimes *v, const Planned *p, const RunProfile *m) {
    for (int i = 0; i < p->nodes.len; i++) {
        const IrNode *n = p->nodes.data[i];
        if (n->id < m->nkernels && m->kernels[n->id].calls)
            add_line_time(arena, v, p->func, n, m->kernels[n->id].seconds);
    }
}

static void put_curves(Buf *out, const RunProfile *m, const IrFunc *f) {
    buf_puts(out, "[");
    for (int i = 0; i < m->curves.len; i++) {
        const ProfileCurve *c = &m->curves.data[i];
        buf_puts(out, i ? ",\n  {\"name\": " : "\n  {\"name\": ");
        report_text(out, c->name);
        buf_printf(out, ", \"line\": %d, \"cells\": %lld, \"points\": [", line_of(f, c->loop), (long long)c->cells);
        for (int k = 0; k < c->points.len; k++) {
            const ProfilePoint *q = &c->points.data[k];
            buf_printf(out, "%s[%lld, ", k ? ", " : "", (long long)q->iteration);
            report_number(out, q->change);
            buf_puts(out, ", ");
            report_number(out, q->size);
            buf_puts(out, ", ");
            report_number(out, q->value);
            buf_puts(out, "]");
        }
        buf_puts(out, "]}");
    }
    buf_puts(out, "]");
}

void explain_measured(Explain *e, const RunResult *res, const RunProfile *m) {
    Planned *p = e->trainings.data[e->trainings.len - 1];
    Buf *out = &p->json;
    buf_puts(out, ",\n \"run\": {\"backend\": ");
    report_text(out, res->backend);
    buf_printf(out, ", \"iterations\": %lld, \"seconds\": ", (long long)res->iterations);
    report_number(out, res->seconds);
    buf_puts(out, ", \"compile\": ");
    report_number(out, res->seconds_compile);
    p->seconds = res->seconds;
    bool passes = m && m->npasses == p->plan->passes.len; /* else: operators one by one */
    bool ours = m && (m->nkernels == p->func->next_id || (!m->npasses && m->nkernels == p->unfused));
    if (ours && m->passes && (passes || !m->npasses)) {
        LineTimes *lines = &p->lines;
        p->profile = m;
        double in_passes = 0, in_kernels = 0;
        if (passes) buf_puts(out, ", \"passes\": [");
        for (int i = 0; i < m->npasses; i++) {
            buf_printf(out, "%s{\"calls\": %lld, \"seconds\": ", i ? ", " : "", (long long)m->passes[i].calls);
            report_number(out, m->passes[i].seconds);
            buf_puts(out, "}");
            in_passes += m->passes[i].seconds;
            spread_pass(e->arena, lines, p, p->plan->passes.data[i], m->passes[i].seconds);
        }
        for (int i = 0; i < m->nkernels; i++) in_kernels += m->kernels[i].seconds;
        spread_kernels(e->arena, lines, p, m);
        if (passes) {
            buf_puts(out, "], \"in_passes\": ");
            report_number(out, in_passes);
        }
        buf_puts(out, ", \"in_kernels\": ");
        report_number(out, in_kernels);
        buf_puts(out, ", \"lines\": [");
        for (int i = 0; i < lines->len; i++) {
            buf_puts(out, i ? ", {\"file\": " : "{\"file\": ");
            report_text(out, lines->data[i].file ? diag_file_path(p->func->diags, lines->data[i].file) : "");
            buf_printf(out, ", \"line\": %d, \"seconds\": ", lines->data[i].line);
            report_number(out, lines->data[i].seconds);
            buf_puts(out, "}");
        }
        buf_puts(out, "],\n \"curves\": ");
        put_curves(out, m, p->func);
    }
    buf_puts(out, "}");
}

/* 1.23 s, 45.6 ms, 7.89 us */
static const char *time_text(Arena *arena, double s) {
    return s >= 1      ? arena_printf(arena, "%.3g s", s)
           : s >= 1e-3 ? arena_printf(arena, "%.3g ms", 1e3 * s)
                       : arena_printf(arena, "%.3g us", 1e6 * s);
}

static int by_place(const void *a, const void *b) {
    const LineTime *x = a, *y = b;
    if (x->file != y->file) return x->file < y->file ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

static const char *line_text(Arena *arena, const IrFunc *f, uint32_t file, int line) {
    const char *s = file ? diag_file_text(f->diags, file) : "";
    for (int i = 1; i < line && *s; s++) i += *s == '\n';
    s += strspn(s, " \t");
    return arena_strndup(arena, s, strcspn(s, "\r\n"));
}

const char *explain_profile(Explain *e) {
    const Planned *p = e->trainings.data[e->trainings.len - 1];
    const RunProfile *m = p->profile;
    if (!m) return "  profile: this backend measures the whole training only; --backend c measures more\n";
    Buf out = {0};
    double passes = 0, kernels = 0;
    for (int i = 0; i < m->npasses; i++) passes += m->passes[i].seconds;
    for (int i = 0; i < m->nkernels; i++) kernels += m->kernels[i].seconds;
    if (!m->npasses && p->plan->passes.len)
        buf_printf(&out, "  profile: %s in operators, one by one, %s in the rest; predicted for compiled passes %s\n",
                   time_text(e->arena, kernels), time_text(e->arena, fmax(0, p->seconds - kernels)),
                   time_text(e->arena, p->predicted));
    else
        buf_printf(
            &out,
            "  profile: %s in passes over rows, %s in whole-matrix operators, %s in the rest; predicted %s in all\n",
            time_text(e->arena, passes), time_text(e->arena, kernels),
            time_text(e->arena, fmax(0, p->seconds - passes - kernels)), time_text(e->arena, p->predicted));
    if (p->lines.len) qsort(p->lines.data, (size_t)p->lines.len, sizeof *p->lines.data, by_place);
    for (int i = 0; i < p->lines.len; i++) {
        const LineTime *t = &p->lines.data[i];
        bool file = i == 0 || t->file != p->lines.data[i - 1].file;
        if (file && t->file) buf_printf(&out, "  %s\n", diag_file_path(p->func->diags, t->file));
        buf_printf(&out, "  %5d %9s  %s\n", t->line, time_text(e->arena, t->seconds),
                   line_text(e->arena, p->func, t->file, t->line));
    }
    for (int i = 0; i < m->npasses; i++) {
        const FusePass *pass = p->plan->passes.data[i];
        const IrSpace *s = &p->func->spaces.data[pass->space];
        const ProfileTime *t = &m->passes[i];
        buf_printf(&out, "  pass %d over %lld rows of %s: %lld call%s, %s; predicted %s\n", pass->id,
                   (long long)s->rows, s->name, (long long)t->calls, t->calls == 1 ? "" : "s",
                   time_text(e->arena, t->seconds), time_text(e->arena, pass_seconds(p, pass) * (double)t->calls));
    }
    const char *text = arena_strndup(e->arena, out.data, out.len);
    buf_free(&out);
    return text;
}

/* ---------------- all of it ---------------- */

void explain_json(Run *r, Buf *out) {
    Explain *e = r->plan;
    const char *path = r->o->script, *slash = strrchr(path, '/');
    const char *text = diag_file_text(r->ds, r->program->script->file);
    buf_puts(out, "{\"amal\": ");
    report_text(out, AMAL_VERSION);
    buf_puts(out, ", \"script\": {\"name\": ");
    report_text(out, slash ? slash + 1 : path);
    buf_puts(out, ", \"text\": ");
    report_text(out, text);
    buf_printf(out, "}, \"threads\": %d, \"ran\": %s,\n\"targets\": [", r->o->threads,
               r->o->explain ? "false" : "true");
    const Target *const *targets;
    const Integration *const *roots;
    int n = data_built(r->data, &targets, &roots);
    bool any = false;
    for (int i = 0; i < n; i++) {
        bool seen = false; /* built again for a loaded model */
        for (int k = 0; k < i; k++) seen = seen || targets[k] == targets[i];
        if (seen) continue;
        buf_puts(out, any ? ",\n" : "\n");
        any = true;
        const Integration *root = roots[i];
        while (root->parent) root = root->parent;
        explain_target_json(out, r->arena, r->program, targets[i], root);
    }
    buf_puts(out, "],\n\"trainings\": [");
    for (int i = 0; i < e->trainings.len; i++) {
        buf_puts(out, i ? ",\n" : "\n");
        buf_add(out, e->trainings.data[i]->json.data, e->trainings.data[i]->json.len);
        buf_puts(out, "}");
    }
    buf_puts(out, "],\n\"evaluate\": ");
    report_metrics_json(r->report, out);
    buf_puts(out, ",\n\"seconds\": {\"read\": ");
    report_number(out, data_seconds_read(r->data));
    buf_puts(out, ", \"match\": ");
    report_number(out, data_seconds_match(r->data));
    buf_puts(out, ", \"join\": ");
    report_number(out, data_seconds_materialize(r->data));
    buf_puts(out, ", \"compile\": ");
    report_number(out, r->seconds_compile);
    buf_puts(out, ", \"train\": ");
    report_number(out, r->seconds_train);
    buf_puts(out, "}}\n");
    for (int i = 0; i < e->trainings.len; i++) buf_free(&e->trainings.data[i]->json);
}
