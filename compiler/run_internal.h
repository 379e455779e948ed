/* run_internal.h: what run.c (steps) and run_lowered.c (from a lowered function to its values) share. Not for others.
 */
#ifndef AMAL_RUN_INTERNAL_H
#define AMAL_RUN_INTERNAL_H
#include "backends/backend.h"
#include "compiler/data.h"
#include "compiler/lower.h"
#include "compiler/report.h"
#include "compiler/script.h"
#include "compiler/strategy.h"

typedef struct LoopValue {
    const char *name;
    double value;
} LoopValue;
typedef struct NamedModel {
    const char *key; /* in the report */
    Model *model;
} NamedModel;
typedef struct Explain Explain;
typedef struct Run {
    Arena *arena;
    Diags *ds;
    Program *program;
    const RunOptions *o;
    Data *data;
    Report *report;
    VEC(Binding) bindings;  /* one a name */
    VEC(Matrix *) values;   /* lets and printed values: owned */
    VEC(NamedModel) models; /* owned */
    VEC(LoopValue) loops;   /* the loops around the running step */
    const char *strategy;   /* of the training under way */
    IrGram gram;            /* the same */
    const Backend *backend; /* of the training under way, where auto chose it; NULL: what was asked for, or c */
    VEC(const void *) sent; /* explain: arrays that the GPU would have from earlier trainings */
    const char *training;   /* "training m", for its progress bar */
    double seconds_choose, seconds_compile, seconds_train;
    bool rebinding;      /* only what binds names runs: what printed or wrote has done so before */
    Explain *plan;       /* explain.h; NULL: not wanted */
    RunProfile *profile; /* of the training under way; NULL: not wanted */
} Run;

#define COMPILING_SECONDS 0.25 /* what the C compiler takes for a training, roughly */
typedef enum { RUN_VALUE, RUN_TRAIN, RUN_PREDICT, RUN_METRIC } RunPurpose;
typedef struct RunResult {
    Matrix **outputs; /* as the function's output_names; the caller's to free */
    int64_t iterations;
    double seconds, seconds_compile;
    const char *backend;
} RunResult;

/* ---- run.c: a run in its parts, for those who keep it ---- */
Run *run_open(Arena *arena, Diags *ds, Program *p, const RunOptions *given, FILE *human); /* human: as report_new() */
bool run_steps(Run *r,
               const Stmt **stopped); /* all steps; false: reported, or interrupted, at *stopped (NULL: before) */
void run_close(Run *r);

LowerEnv run_env(Run *r);
/* The options of the command line, completed by the script's `option` statements and the defaults. */
RunOptions run_options_settle(const Program *p, const RunOptions *given);
bool run_step(Run *r, const Stmt *s);
/* What training would run: what `explain` shows and `train` goes on with. NULL: reported. */
Lowered *run_lower_training(Run *r, const Stmt *s, StrategyChoice *choice);
void run_bind(Run *r, Binding b);                           /* what it binds is not the run's to free */
const Binding *run_binding(const Run *r, const char *name); /* NULL: nothing has that name */
bool run_params(Run *r);                                    /* params become values; false: reported */
bool run_bind_targets(Run *r, const Expr *e);               /* builds the targets that e names; false: reported */
Matrix *run_evaluate(Run *r, const Expr *e);                /* a new matrix; NULL: reported */
const Backend *run_training_backend(const Run *r);
const char *run_backend_asked(const Run *r); /* its name; NULL: none, or auto */
BackendOptions run_backend_options(const Run *r, const PassOptions *passes);
const char *run_data_name(Run *r, const DataRef *ref); /* "T.train" */
/* A `train` statement with what its algorithm was given. */
typedef struct Training {
    const Stmt *s;
    const AlgorithmDecl *a;
    int nhyper;
    const HyperValue *hyper;
} Training;
/* NULL why: reported. How it runs on the backend that was asked for (run_choose.c); and on which, with `backend auto`
 * (run_backend.c). */
StrategyChoice run_choose_strategy(Run *r, const Training *t, const Integration *in);
StrategyChoice run_choose(Run *r, const Training *t, const Integration *in);
/* explain: this training would run on `data`, which is `in` or made of it: a GPU would have its arrays from then on. */
void run_note_planned(Run *r, const Integration *in, const Integration *data);
/* A training's program on some data, for candidates_of(): its `user` is a LoweringOf. */
typedef struct LoweringOf {
    Run *r;
    const Training *t;
} LoweringOf;
struct CandidateScope; /* candidates.h */
struct CandidateProgram;
/* Which candidates what was asked for leaves. false: reported. */
bool run_candidate_scope(Run *r, const Training *t, const Integration *in, struct CandidateScope *out);
IrFunc *run_lower_candidate(void *user, const struct CandidateProgram *p);
/* Options of the passes for one function; for the training under way. */
PassOptions run_passes(const Run *r, const char *strategy);
PassOptions run_training_passes(const Run *r);
void run_strategy(Run *r, const StrategyChoice *c); /* c is that of the training under way */
/* The form of a target's data that everything but training uses: materialized when that was asked for or is there, else
 * as it is. */
const Integration *run_data(Run *r, const Integration *in);
/* Optimizes, prepares and runs; fills the inputs from the lowered function's description. prediction: for metrics.
 * false: reported. */
bool run_lowered(Run *r, Lowered *l, RunPurpose purpose, const Matrix *prediction, RunResult *out);
/* Optimizes and prepares only; what the optimized function and the backend say of themselves. */
bool run_explain(Run *r, Lowered *l, Buf *out);
#endif
