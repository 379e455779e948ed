/* driver.h: what the command's parts share: the options of a run, ctrl-C, and the progress bar. */
#ifndef AMAL_DRIVER_H
#define AMAL_DRIVER_H
#include "compiler/program.h"
#include "ir/ir.h"

#define BACKEND_AUTO "auto"
typedef enum { STRATEGY_AUTO, STRATEGY_FACTORIZE, STRATEGY_MATERIALIZE } Strategy;

typedef struct RunOptions {
    const char *script;
    Strategy strategy;
    const char *strategy_by; /* what asked for it, for messages: "--strategy", "option strategy"; NULL: nothing did */
    const char *sort;        /* "auto", "always", "never", or the table to sort T's rows by; NULL: auto */
    const char *sort_by;     /* what asked for it, as above */
    const char *absorb;      /* "auto", "always", "never", or the tables to absorb into T's rows, "R, S"; NULL: auto */
    const char *absorb_by;   /* what asked for it, as above */
    const char *backend;   /* NULL: C for training, and for the rest whichever the estimate favours; BACKEND_AUTO: C or
                              CUDA for training, as estimated */
    const char *precision; /* of features' numbers: "double" or "single"; NULL: double */
    int threads;           /* 0: not said on the command line */
    int nsettings;
    const Setting *settings; /* --set */
    const char *json;        /* a path, "-", or NULL */
    PassOptions passes;      /* --disable, --dump-after */
    const char *keep_dir;    /* --keep-c */
    const char *dump_cuda;   /* --dump-cuda */
    const char *gpu_arch;    /* --gpu-arch */
    bool any_order;          /* option deterministic off */
    int64_t max_rows;        /* 0: what the script says */
    bool quiet;
    bool whole_targets; /* targets are built even when the cache has them: for what looks at the sources' columns */
    bool no_cache;      /* --no-cache: data of earlier runs are not used, and none are kept */
    bool explain;       /* show plans instead of training */
    const char *html;   /* the plan as a page, here; NULL: not wanted. With explain, json is the plan too */
    bool profile;       /* trainings say what each line and pass took */
    bool plan_json;     /* json is the plan, not the report */
    /* A rehearsal: kernels are collected there; trainings, predictions and metrics have values of 0, nothing is
     * written. NULL: a run. */
    struct KernelSink *rehearsal;
    struct KernelSink *rehearsal_cuda; /* those for a GPU; NULL: not wanted */
    const struct CpuTarget *target;    /* that code is emitted for; NULL: as AMAL_TARGET says */
    const struct AmalProgram *carried; /* the built program that runs; NULL: amal does */
} RunOptions;

/* ---- run.c: executes a script's steps. Returns the exit code of the command. ---- */
int run_program(Arena *arena, Diags *ds, Program *p, const RunOptions *o);

/* ---- doctor.c ---- */
int doctor_run(FILE *out);

/* ---- progress.c: ctrl-C and the bar on standard error ---- */
void interrupt_install(void); /* first SIGINT/SIGTERM: interrupt_requested(); second: leaves at once with 130 */
bool interrupt_requested(void);
/* For sessions: ctrl-C never leaves, however often; what was requested is forgotten. SIGTERM leaves at once. */
void interrupt_stay(void);
void interrupt_forget(void);
typedef struct Progress {
    const char *what;
    bool shown, wanted;
    double started, last;
} Progress;
void progress_begin(Progress *p, const char *what, bool wanted); /* drawn only on a terminal, after half a second */
bool progress_update(void *p, int64_t done, int64_t total);      /* RunContext.progress; false: stop */
void progress_end(Progress *p);
#endif
