/* measure.c: times the candidates of trainings (contract: measure.h).
 *
 * All candidates of a training are compiled first, in processes of their own so that all processors compile; then each
 * runs once untimed, then in turn, at least LEAST_ROUNDS times and until MEASURE_SECONDS have passed, or MOST_ROUNDS
 * times: the machine's moods meet all candidates alike. The least time counts: what disturbs a round only makes it
 * slower, and where memory is lent by a host, pages that come back from it cost a join many times its work in some
 * rounds. */
#include "compiler/estimator/measure.h"
#include "backends/backend.h"
#include "backends/runtime/kernels.h"
#include "compiler/data.h"
#include "compiler/estimator/candidates.h"
#include "compiler/lower.h"
#include "compiler/script.h"
#include <math.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LEAST_ROUNDS = 4, MOST_ROUNDS = 100 };
#define MEASURE_SECONDS 0.5
#define MAKE_SECONDS 0.15
#define FAR_BEHIND 6.0
#define TOO_SLOW 8.0 /* a candidate whose analytic cost is so many times the least is not timed */

typedef struct Timing {
    const Measuring *m;
    Arena *arena;
    LowerEnv env;
    const AlgorithmDecl *a;
    const Stmt *s;
    int nhyper;
    HyperValue *hyper;
    Integration *made[CANDIDATES]; /* owned; NULL: the integration itself */
    Lowered *lowered[CANDIDATES];
    IrFunc *func[CANDIDATES];
    Executable *exe[CANDIDATES];
    bool may_fail[CANDIDATES]; /* one way of many: where it runs out of memory the others are timed without it */
    bool left_out[CANDIDATES];
    double run[CANDIDATES][MOST_ROUNDS], make[CANDIDATES];
} Timing;

static PassOptions passes_of(const Timing *t, const char *strategy) {
    return (PassOptions){.threads = t->m->threads, .strategy = strategy};
}
static Lowered *lower_on(Timing *t, const Integration *data) {
    return lower_fit(&t->env, t->a, t->nhyper, t->hyper, data, t->s->span, t->s->train.name.text);
}
static IrFunc *lower_candidate(void *user, const CandidateProgram *p) {
    Timing *t = user;
    const Lowered *l = p->over_t ? NULL : lower_on(t, p->data);
    PassOptions o = passes_of(t, p->strategy);
    return l || p->over_t ? candidate_optimize(p, l ? l->func : p->over_t, &o) : NULL;
}
static double least(const double *v, int n) {
    double best = v[0];
    for (int i = 1; i < n; i++) best = fmin(best, v[i]);
    return best;
}

/* An earlier candidate on the same data; -1: none. */
static int made_before(const Candidate *c, int i) {
    for (int k = 0; k < i; k++)
        if (c[k].materialize == c[i].materialize && c[k].arrangement.sort_by == c[i].arrangement.sort_by &&
            c[k].arrangement.absorbed == c[i].arrangement.absorbed)
            return k;
    return -1;
}
/* Joins or arranges, a few times in turn; the last result is kept. */
static bool make_data(Timing *t, const Integration *in, const Candidate *c, int n) {
    for (int i = 0; i < n; i++) {
        double best = INFINITY, began = time_now();
        int before = made_before(c, i);
        if (before >= 0) {
            t->made[i] = t->made[before];
            t->make[i] = t->make[before];
            continue;
        }
        if (!c[i].materialize && arrangement_is_plain(c[i].arrangement)) continue;
        for (int r = 0; r < LEAST_ROUNDS || (r < MOST_ROUNDS && time_now() - began < MAKE_SECONDS); r++) {
            if (t->made[i]) integration_free(t->made[i]);
            double begin = time_now();
            t->made[i] = c[i].materialize ? integration_materialize(t->m->ds, in, t->m->threads)
                                          : integration_arrange(t->m->ds, in, c[i].arrangement, t->m->threads);
            double took = time_now() - begin;
            if (!t->made[i]) return false;
            best = fmin(best, took);
        }
        t->make[i] = best;
    }
    return true;
}
/* Kernels into the folder, by a process each: preparing again finds them there. */
static void compile_all(Timing *t, BackendOptions *o, int n) {
    pid_t child[CANDIDATES];
    fflush(NULL);
    for (int i = 0; i < n; i++)
        if ((child[i] = fork()) == 0) {
            Executable *x = backend_c.prepare(t->m->ds, t->func[i], o);
            _exit(x ? 0 : 1);
        }
    for (int i = 0; i < n; i++)
        if (child[i] > 0) (void)waitpid(child[i], NULL, 0);
}
static bool prepare_all(Timing *t, const Integration *in, const Candidate *c, int n) {
    PassOptions passes = passes_of(t, "factorized");
    BackendOptions o = {.passes = &passes, .threads = t->m->threads, .cache_dir = t->m->kernels};
    for (int i = 0; i < n; i++) {
        PassOptions own = passes_of(t, c[i].materialize ? "materialized" : "factorized");
        ir_choose_gram(&own, c[i].gram);
        if (!(t->lowered[i] = lower_on(t, t->made[i] ? t->made[i] : in))) return false;
        t->func[i] = ir_optimize(t->lowered[i]->func, &own);
    }
    compile_all(t, &o, n);
    for (int i = 0; i < n; i++)
        if (!(t->exe[i] = backend_c.prepare(t->m->ds, t->func[i], &o))) return false;
    return true;
}
/* One run; its seconds, or -1: reported, or it needs inputs that only a whole script has. */
static double run_once(Timing *t, int i) {
    const Lowered *l = t->lowered[i];
    Matrix *inputs[8], **outputs = arena_array(t->arena, Matrix *, t->func[i]->output_names.len + 1);
    if (l->ninputs > 8) return -1;
    int n = 0;
    bool ok = true;
    for (; ok && n < l->ninputs; n++) {
        const LowerInput *in = &l->inputs[n];
        ok = in->kind == LI_LABEL || in->kind == LI_WEIGHT;
        double *v = !ok ? NULL : in->kind == LI_LABEL ? in->data->label : in->data->weight;
        ok = v && (inputs[n] = mat_wrap_dense(in->data->rows, 1, v));
        if (!ok) break;
    }
    RunContext rc = {.diags = t->may_fail[i] ? diags_new(t->arena) : t->m->ds, .threads = t->m->threads};
    double begin = time_now();
    ok = ok && backend_c.run(t->exe[i], &rc, inputs, outputs);
    double took = time_now() - begin;
    for (int k = 0; ok && k < t->func[i]->output_names.len; k++) mat_free(outputs[k]);
    for (int k = 0; k < n; k++) mat_free(inputs[k]);
    return ok ? took : -1;
}
/* Rounds of all candidates in turn; their number, 0: failed. One that is far behind in the first two is not run again.
 */
static int run_rounds(Timing *t, int n) {
    double begin = 0, best = INFINITY;
    for (int r = -1; r < MOST_ROUNDS; r++) {
        if (r == 0) begin = time_now();
        if (r >= LEAST_ROUNDS && time_now() - begin > MEASURE_SECONDS) return r;
        for (int i = 0; i < n; i++) {
            bool behind = r > 1 && least(t->run[i], 2) > FAR_BEHIND * best;
            if (t->left_out[i]) continue;
            double took = behind ? least(t->run[i], 2) : run_once(t, i);
            if (took < 0 && (r >= 0 || !t->may_fail[i])) return 0;
            if (took < 0) t->left_out[i] = true;
            if (took >= 0 && r >= 0) {
                t->run[i][r] = took;
                best = fmin(best, took);
            }
        }
    }
    return MOST_ROUNDS;
}

static void add_lines(Timing *t, const Integration *in, const char *dataset, const Candidate *c, int n, int rounds,
                      double (*x)[NFEATURES], MeasuredVec *out) {
    StrategyChoice rule;
    bool logic = strategy_by_rule(t->arena, in, false, &rule), fi = morpheusfi_factorizes(in);
    for (int i = 0; i < n; i++) {
        if (t->left_out[i]) continue;
        Measured m = {.dataset = dataset,
                      .training = arena_printf(t->arena, "%s %s", t->s->train.name.text, t->a->name.text),
                      .candidate = c[i].name,
                      .rule = logic,
                      .morpheusfi = fi,
                      .analytic_run = c[i].cost.seconds,
                      .analytic_make = c[i].make,
                      .run = least(t->run[i], rounds),
                      .make = t->make[i]};
        memcpy(m.effort, c[i].effort, sizeof m.effort);
        memcpy(m.x, x[i], sizeof m.x);
        vec_push(t->arena, out, m);
    }
}
static void measure_training(const Measuring *m, Arena *arena, Program *p, const Stmt *s, const Integration *in,
                             const char *dataset, MeasuredVec *out) {
    Timing *t = arena_new_of(arena, Timing);
    *t = (Timing){.m = m, .arena = arena, .env = {.arena = arena, .diags = m->ds, .program = p}, .s = s};
    t->a = program_algorithm(p, s->train.algorithm.text);
    Candidate c[CANDIDATES];
    if (in->rows < 1 || in->cols < 1 || !strategy_fits_memory(in)) return;
    if (!lower_hyper(&t->env, t->a, &s->train.args, s->span, &t->nhyper, &t->hyper)) return;
    CandidateScope scope = candidates_scope(in);
    const IrNode *by_place;
    int n = candidates_of(arena, in, m->threads, &scope, lower_candidate, t, c, &by_place), kept = 0;
    if (!n) return;
    double x[CANDIDATES][NFEATURES], least = INFINITY;
    features_of(in, c, n, m->threads, m->hw, x);
    for (int i = 0; i < n; i++) least = fmin(least, candidate_analytic(&c[i]));
    for (int i = 0; i < n; i++) { /* the two that every baseline chooses between are always timed */
        bool other = c[i].gram != GRAM_BY_COST || !arrangement_is_plain(c[i].arrangement);
        if (other && candidate_analytic(&c[i]) > TOO_SLOW * least) continue;
        t->may_fail[kept] = other;
        c[kept] = c[i];
        memmove(x[kept++], x[i], sizeof x[i]);
    }
    int rounds = make_data(t, in, c, kept) && prepare_all(t, in, c, kept) ? run_rounds(t, kept) : 0;
    if (rounds) add_lines(t, in, dataset, c, kept, rounds, x, out);
    for (int i = 0; i < kept; i++) {
        if (t->exe[i]) backend_c.release(t->exe[i]);
        if (t->made[i] && made_before(c, i) < 0) integration_free(t->made[i]);
    }
}

bool measure_generated(Arena *arena, const Measuring *m, uint64_t seed, GenerateRange range, MeasuredVec *out) {
    Dataset d;
    if (!generate_dataset(arena, seed, range, &d)) {
        diag_help(diag_error(m->ds, "E402", (Span){0}, "not enough memory for the data set of seed %llu",
                             (unsigned long long)seed),
                  "free memory, or stop here: what was measured is kept");
        return false;
    }
    static const ResolveOptions whole = {0};
    int said;
    const char *name = arena_printf(arena, "%s-%llu", generate_ranges[range], (unsigned long long)seed);
    Measuring quiet = *m;
    quiet.ds = diags_new(arena); /* a training that fails is left out */
    Program *p = script_open_text(arena, quiet.ds, name, d.script, strlen(d.script), &whole, &said);
    AMAL_CHECK(p && !diag_error_count(quiet.ds) && p->sources.len == d.ntables);
    Target *t = &p->targets.data[0];
    TableOptions opt = {.base_dir = ".", .threads = m->threads};
    Integration *in = mapping_bind(p, t, d.tables, &opt) ? integration_build(quiet.ds, t->spec, NULL) : NULL;
    for (int i = 0; in && i < p->steps.len; i++) measure_training(&quiet, arena, p, p->steps.data[i], in, name, out);
    if (in) integration_free(in);
    dataset_free(&d);
    return true;
}
bool measure_script(Arena *arena, const Measuring *m, const char *path, MeasuredVec *out) {
    Program *p = script_open(arena, m->ds, path, 0, NULL);
    if (!p || diag_error_count(m->ds)) return false;
    RunOptions o = {.script = path, .threads = m->threads, .quiet = true};
    Data *d = data_open(arena, m->ds, p, &o);
    const char *slash = strrchr(path, '/');
    int known = 0; /* warnings that count as errors */
    bool ok = true;
    for (int i = 0; ok && i < p->steps.len && !interrupt_requested(); i++) {
        const Stmt *s = p->steps.data[i];
        if (s->kind != ST_TRAIN) continue;
        const Integration *in = data_ref(d, &s->train.on);
        Measuring own = *m;
        own.ds = diags_child(arena, m->ds);
        int before = out->len;
        if (in) measure_training(&own, arena, p, s, in, slash ? slash + 1 : path, out);
        ok = in && diag_error_count(m->ds) == known;
        if (!ok || out->len > before || interrupt_requested()) continue;
        if (!m->said) diag_print(own.ds, stderr, false);
        diag_help(diag_warn(m->ds, "W609", s->span, "`%s` was not measured", s->train.name.text),
                  diag_error_count(own.ds)
                      ? "mend what is wrong with it"
                      : "it has no rows or columns, does not fit in memory, or needs more than its target");
        known = diag_error_count(m->ds);
    }
    data_close(d);
    return ok && !interrupt_requested();
}
