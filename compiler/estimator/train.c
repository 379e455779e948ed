/* train.c: trains the estimator and tells what it is worth (contract: train.h).
 *
 * Folds are made of whole data sets, so nothing that a model predicts here has it seen under another algorithm. */
#include "compiler/estimator/train.h"
#include "compiler/estimator/fit.h"
#include "compiler/estimator/generate.h"
#include "compiler/estimator/xgboost.h"
#include <math.h>

enum { FOLDS = 5, LEAST_DATASETS = 20 };
#define ALIKE 1.03 /* within 3 % both answers are right */

/* Of ways to run one training, the ratio of their times decides: an error that all of them share costs nothing. A row
 * weighs about COMPARED then, so that a leaf has two of them at least. */
#define COMPARED 10
static const char *const regression[][2] = {{"objective", "reg:squarederror"}, {"eta", "0.05"}, {"subsample", "0.7"},
                                            {"colsample_bytree", "0.4"},       {"lambda", "1"}, {NULL, NULL}};
static const BoostOptions run_options = {300, 5, 3 * COMPARED / 2, regression}, make_options = {120, 3, 3, regression};
/* As published (Ilargi); weights balance the classes. */
static const char *const published[][2] = {{"objective", "binary:logistic"},
                                           {"eta", "0.2"},
                                           {"subsample", "0.7"},
                                           {"colsample_bytree", "0.8"},
                                           {"gamma", "0.2"},
                                           {"alpha", "1"},
                                           {"lambda", "0.1"},
                                           {NULL, NULL}};
static const BoostOptions published_options = {400, 8, 1, published};
static const FeatureId of_machine[] = {FEATURE_threads, FEATURE_compute_time, FEATURE_memory_time, FEATURE_index_time,
                                       FEATURE_table_size};

static bool is_of_range(const Measured *m, GenerateRange range) {
    size_t len = strlen(generate_ranges[range]);
    return !strncmp(m->dataset, generate_ranges[range], len) && m->dataset[len] == '-';
}
bool measured_is_synthetic(const Measured *m) {
    for (int k = 0; k < NRANGES; k++)
        if (is_of_range(m, (GenerateRange)k)) return true;
    return false;
}
static double total(const Measured *m) {
    return m->run + m->make;
}
static bool is_plain(const Measured *m) { /* unsorted factorized */
    return !strcmp(m->candidate, "factorized");
}
static bool is_joined(const Measured *m) {
    return !strncmp(m->candidate, "materialized", 12); /* with X'X or without, too */
}
/* The least time among the factorized candidates, or of the materialized one. */
static double best_of(const MeasuredVec *m, int begin, int end, bool joined) {
    double best = INFINITY;
    for (int i = begin; i < end; i++)
        if (is_joined(&m->data[i]) == joined) best = fmin(best, total(&m->data[i]));
    return best;
}

/* ---- training ---- */
typedef enum { LEARN_RUN, LEARN_MAKE, LEARN_FACTORIZE } Learned;
typedef struct Learning {
    Arena *arena;
    Diags *ds;
    const MeasuredVec *m;
    const int *fold; /* by measurement; -1: never trained on */
    bool *wanted;
    EffortSeconds seconds; /* of the folds at hand */
    float *x, *y, *weight;
    int *group; /* by row learned from: its training */
    double *part;
} Learning;
static double fitted_run(const Learning *l, const Measured *r) {
    return effort_run_seconds(&l->seconds, r->effort);
}
static double fitted_make(const Learning *l, const Measured *r) {
    return effort_make_seconds(&l->seconds, r->effort);
}
/* The seconds of each kind of work, from all folds but one; -1: from all. */
static void learn_seconds(Learning *l, int without) {
    for (int i = 0; i < l->m->len; i++) l->wanted[i] = l->fold[i] >= 0 && l->fold[i] != without;
    l->seconds = fit_seconds(l->arena, l->m, l->wanted);
}
/* blind: without the machine's features. */
static void put_inputs(const Learning *l, const Measured *r, bool blind, double out[NINPUTS]) {
    model_inputs(&l->seconds, r->effort, r->x, out);
    for (size_t k = 0; blind && k < sizeof of_machine / sizeof *of_machine; k++) out[of_machine[k]] = 0;
}
/* On all folds but one; -1: on all. */
static bool learn(Learning *l, Learned what, bool blind, int without, Forest *out) {
    int n = 0, groups = 0, classes[2] = {0, 0};
    for (int begin = 0, end; begin < l->m->len; begin = end, groups++) {
        end = measured_end(l->m, begin);
        bool faster = what == LEARN_FACTORIZE && best_of(l->m, begin, end, false) < best_of(l->m, begin, end, true);
        for (int i = begin; i < end; i++) {
            const Measured *r = &l->m->data[i];
            bool wanted = what == LEARN_RUN    ? fitted_run(l, r) > 0
                          : what == LEARN_MAKE ? r->make > 0 && fitted_make(l, r) > 0
                                               : is_plain(r);
            if (l->fold[i] < 0 || l->fold[i] == without || !wanted) continue;
            double inputs[NINPUTS];
            put_inputs(l, r, blind, inputs);
            for (int k = 0; k < NINPUTS; k++) l->x[n * NINPUTS + k] = (float)inputs[k];
            l->y[n] = what == LEARN_RUN    ? (float)log(r->run / fitted_run(l, r))
                      : what == LEARN_MAKE ? (float)log(r->make / fitted_make(l, r))
                                           : faster;
            l->group[n] = groups;
            l->part[n] = r->run / total(r);
            classes[faster]++;
            n++;
        }
    }
    if (!n) return *out = (Forest){0}, true; /* nothing was made: the work alone says */
    for (int i = 0; i < n; i++)
        l->weight[i] = what == LEARN_FACTORIZE ? (float)n / (2 * (float)classes[l->y[i] > 0.5f]) : 1;
    const BoostOptions *o = what == LEARN_FACTORIZE ? &published_options
                            : what == LEARN_MAKE    ? &make_options
                                                    : &run_options;
    const BoostGroups trainings = {l->group, l->part, COMPARED};
    return xgboost_train(l->arena, l->ds, o, n, NINPUTS, l->x, l->y, l->weight, what == LEARN_RUN ? &trainings : NULL,
                         out);
}
static double predicted(const Learning *l, const Forest *run, const Forest *make, const Measured *r, bool blind) {
    double inputs[NINPUTS];
    put_inputs(l, r, blind, inputs);
    return fitted_run(l, r) * exp(forest_predict(run, inputs)) + fitted_make(l, r) * exp(forest_predict(make, inputs));
}
/* Predicts what `fold` holds by what the others taught. */
static bool hold_out(Learning *l, int fold, Held *held) {
    Forest f[5];
    learn_seconds(l, fold);
    bool ok = learn(l, LEARN_RUN, false, fold, &f[0]) && learn(l, LEARN_MAKE, false, fold, &f[1]) &&
              learn(l, LEARN_RUN, true, fold, &f[2]) && learn(l, LEARN_MAKE, true, fold, &f[3]) &&
              learn(l, LEARN_FACTORIZE, false, fold, &f[4]);
    for (int i = 0; ok && i < l->m->len; i++) {
        if (l->fold[i] != fold) continue;
        const Measured *r = &l->m->data[i];
        double inputs[NINPUTS];
        put_inputs(l, r, false, inputs);
        held->fitted[i] = fitted_run(l, r) + fitted_make(l, r);
        held->total[i] = predicted(l, &f[0], &f[1], r, false);
        held->blind[i] = predicted(l, &f[2], &f[3], r, true);
        held->factorize[i] = forest_predict(&f[4], inputs);
    }
    return ok;
}

/* Folds by data set, in the order they were measured. Returns the number of data sets. */
static int make_folds(const MeasuredVec *m, int *fold, int *trainings) {
    int datasets = 0;
    *trainings = 0;
    for (int i = 0; i < m->len; i++) {
        bool synthetic = measured_is_synthetic(&m->data[i]);
        bool first = !i || strcmp(m->data[i].dataset, m->data[i - 1].dataset);
        if (synthetic && first) datasets++;
        if (synthetic && (first || strcmp(m->data[i].training, m->data[i - 1].training))) ++*trainings;
        fold[i] = synthetic ? (datasets - 1) % FOLDS : -1;
    }
    return datasets;
}
Estimator *estimator_train(Arena *arena, Diags *ds, const Hardware *hw, const MeasuredVec *m, Held *held) {
    int *fold = arena_array(arena, int, m->len + 1), trainings, datasets = make_folds(m, fold, &trainings);
    if (datasets < LEAST_DATASETS) {
        diag_help(diag_error(ds, "E471", (Span){0}, "%d synthetic data sets were measured; %d are needed to train on",
                             datasets, LEAST_DATASETS),
                  "measure longer: amal calibrate --train --budget 15");
        return NULL;
    }
    Learning l = {.arena = arena, .ds = ds, .m = m, .fold = fold};
    l.wanted = arena_array(arena, bool, m->len);
    l.x = arena_array(arena, float, (size_t)m->len *NINPUTS);
    l.y = arena_array(arena, float, m->len);
    l.weight = arena_array(arena, float, m->len);
    l.group = arena_array(arena, int, m->len);
    l.part = arena_array(arena, double, m->len);
    held->total = arena_array(arena, double, m->len);
    held->fitted = arena_array(arena, double, m->len);
    held->blind = arena_array(arena, double, m->len);
    held->factorize = arena_array(arena, double, m->len);
    for (int k = -1; k < FOLDS; k++) /* -1: scripts, by all of the synthetic data */
        if (!hold_out(&l, k, held)) return NULL;
    learn_seconds(&l, -1);
    Estimator *e = arena_new_of(arena, Estimator);
    *e = (Estimator){
        .version = AMAL_VERSION, .hw = *hw, .datasets = datasets, .trainings = trainings, .seconds = l.seconds};
    if (!learn(&l, LEARN_RUN, false, -1, &e->run) || !learn(&l, LEARN_MAKE, false, -1, &e->make)) return NULL;
    for (int i = 0; i < m->len; i++) e->gram = e->gram || (fold[i] >= 0 && strstr(m->data[i].candidate, "X'X"));
    for (int k = 0; k < NFEATURES; k++) {
        e->least[k] = INFINITY;
        e->most[k] = -INFINITY;
        for (int i = 0; i < m->len; i++) {
            if (fold[i] < 0) continue;
            e->least[k] = fmin(e->least[k], m->data[i].x[k]);
            e->most[k] = fmax(e->most[k], m->data[i].x[k]);
        }
    }
    return e;
}

/* ---- evaluation ---- */
static int least_by(const MeasuredVec *m, int begin, int end, const double *seconds, bool factorized_only) {
    int best = -1;
    for (int i = begin; i < end; i++) {
        if (factorized_only && is_joined(&m->data[i])) continue;
        if (best < 0 || seconds[i] < seconds[best]) best = i;
    }
    return best;
}
static double ten(double x) { /* of size(v) */
    return pow(10, x) - 1;
}
int choose(Chooser by, const MeasuredVec *m, const Held *held, int begin, int end) {
    int plain = begin, joined = begin, oracle = begin, analytic = begin;
    for (int i = begin; i < end; i++) {
        const Measured *r = &m->data[i], *o = &m->data[oracle], *a = &m->data[analytic];
        if (is_plain(r)) plain = i;
        if (!strcmp(r->candidate, "materialized")) joined = i;
        if (total(r) < total(o)) oracle = i;
        if (r->analytic_run + r->analytic_make < a->analytic_run + a->analytic_make) analytic = i;
    }
    const Measured *p = &m->data[plain];
    switch (by) {
    case CHOOSE_ORACLE: return oracle;
    case CHOOSE_AUTO: return least_by(m, begin, end, held->total, p->rule > 0);
    case CHOOSE_MODEL: return least_by(m, begin, end, held->total, false);
    case CHOOSE_FITTED: return least_by(m, begin, end, held->fitted, false);
    case CHOOSE_BLIND: return least_by(m, begin, end, held->blind, false);
    case CHOOSE_BINARY: return held->factorize[plain] > 0 ? plain : joined;
    case CHOOSE_ANALYTIC: return analytic;
    case CHOOSE_COMPLEXITY: return p->x[FEATURE_complexity_ratio] > 0 ? plain : joined;
    case CHOOSE_RATIOS:
        return ten(p->x[FEATURE_tuple_ratio]) >= 5 && ten(p->x[FEATURE_feature_ratio]) >= 1 ? plain : joined;
    case CHOOSE_MORPHEUSFI: return p->morpheusfi > 0 ? plain : joined;
    case CHOOSE_FACTORIZE: return plain;
    case CHOOSE_MATERIALIZE: return joined;
    case NCHOOSERS: break;
    }
    internal_error("a way of choosing");
}
typedef struct Score {
    int n, right, found, said, both; /* of the class "factorized is faster": found rightly, said, there */
    double taken, best, joined, worst, worst_joined;
} Score;
static bool belongs(const Measured *m, EvaluatedOf of) {
    if (of == OF_PUBLISHED || of == OF_BROAD) return is_of_range(m, of == OF_BROAD ? RANGE_BROAD : RANGE_PUBLISHED);
    return measured_is_synthetic(m) == (of == OF_SYNTHETIC);
}
static Score score(Chooser by, const MeasuredVec *m, const Held *held, EvaluatedOf of) {
    Score s = {0};
    for (int begin = 0, end; begin < m->len; begin = end) {
        end = measured_end(m, begin);
        if (!belongs(&m->data[begin], of)) continue;
        const Measured *r = &m->data[choose(by, m, held, begin, end)];
        double f = best_of(m, begin, end, false), j = best_of(m, begin, end, true), best = fmin(f, j);
        bool says = !is_joined(r), alike = fmax(f, j) <= ALIKE * best, is = alike ? says : f < j;
        s.n++;
        s.right += says == is;
        s.found += is;
        s.said += says;
        s.both += says && is;
        s.taken += total(r);
        s.best += best;
        s.joined += j;
        s.worst = fmax(s.worst, total(r) / best);
        s.worst_joined = fmax(s.worst_joined, total(r) / j);
    }
    return s;
}
static const char *const chooser_names[] = {
#define ROW(id, name, meaning) name,
    CHOOSERS(ROW)
#undef ROW
};
bool evaluation_print(Buf *out, const MeasuredVec *m, const Held *held, EvaluatedOf of) {
    if (!score(CHOOSE_ORACLE, m, held, of).n) return false;
    buf_printf(out, "%-24s %9s %6s %8s %8s %9s %12s\n", "", "accuracy", "F1", "regret", "speedup", "worst",
               "worst ÷ mat.");
    for (int by = 0; by < NCHOOSERS; by++) {
        Score s = score((Chooser)by, m, held, of);
        double f1 = s.found + s.said > 0 ? 2.0 * s.both / (s.found + s.said) : 0;
        buf_printf(out, "%-24s %9.3f %6.3f %7.1f%% %8.2f %9.2f %11.2f\n", chooser_names[by], (double)s.right / s.n, f1,
                   100 * (s.taken / s.best - 1), s.joined / s.taken, s.worst, s.worst_joined);
    }
    return true;
}
void held_print(Buf *out, const MeasuredVec *m, const Held *held) {
    buf_puts(out, "dataset,training,candidate,seconds,predicted,analytic,tuple_ratio,feature_ratio,rows,cols");
    for (int by = 0; by < NCHOOSERS; by++) buf_printf(out, ",%s", chooser_names[by]);
    buf_puts(out, "\n");
    for (int begin = 0, end; begin < m->len; begin = end) {
        end = measured_end(m, begin);
        int chosen[NCHOOSERS];
        for (int by = 0; by < NCHOOSERS; by++) chosen[by] = choose((Chooser)by, m, held, begin, end);
        for (int i = begin; i < end; i++) {
            const Measured *r = &m->data[i];
            buf_printf(out, "%s,%s,%s,%.5g,%.5g,%.5g,%.5g,%.5g,%.6g,%.6g", r->dataset, r->training, r->candidate,
                       total(r), held->total[i], r->analytic_run + r->analytic_make, ten(r->x[FEATURE_tuple_ratio]),
                       ten(r->x[FEATURE_feature_ratio]), ten(r->x[FEATURE_rows]), ten(r->x[FEATURE_cols]));
            for (int by = 0; by < NCHOOSERS; by++) buf_printf(out, ",%d", chosen[by] == i);
            buf_puts(out, "\n");
        }
    }
}
