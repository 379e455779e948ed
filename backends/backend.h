/* backend.h: the contract of a backend: one struct of function pointers.
 *
 * A backend prepares an IR function once (compiling and loading code where it has any) and runs it any number of times
 * on inputs of the same shapes. Outputs are new matrices owned by the caller. */
#ifndef AMAL_BACKEND_H
#define AMAL_BACKEND_H
#include "backends/profile.h"
#include "ir/ir.h"

struct FusePlan;
struct FusePass;

typedef struct RunContext {
    Diags *diags;
    int threads;
    /* Called at most every 50 ms from the running loop: done of total iterations (total 0: unknown). Returns false to
     * stop (ctrl-C). NULL: not wanted. */
    bool (*progress)(void *user, int64_t done, int64_t total);
    void *user;
    RunProfile *profile; /* filled by run, where the backend can (profiles); NULL: not wanted */
    bool check_finite;   /* stop with E403/E405 at the iteration where a carried value stops being finite */
    /* filled by run */
    int64_t iterations; /* of the outermost loop(s) */
    double seconds;
} RunContext;
typedef struct BackendOptions {
    const PassOptions *passes;
    int threads;
    const char *keep_dir;           /* --keep-c */
    const char *cache_dir;          /* kernels by content; NULL: the user's default */
    const char *cc;                 /* compiler command; NULL: $CC, then cc */
    bool profile;                   /* runs will be profiled */
    const char *dump_cuda;          /* --dump-cuda */
    const char *gpu_arch;           /* --gpu-arch; NULL: of the GPU that is there, else sm_80 */
    bool to_look;                   /* for explain: nothing will run */
    bool any_order;                 /* option deterministic off: sums may take whatever order is fastest */
    const struct CpuTarget *target; /* backends/c/target.h; NULL: as AMAL_TARGET says */
    struct KernelSink
        *sink; /* kernels are collected there, not compiled: what is prepared cannot run (backends/c/carry.h) */
    const struct AmalProgram *carried; /* kernels of a built program, looked at first; NULL: none */
    int *outcome;                      /* with carried: a CarriedOutcome */
} BackendOptions;
typedef struct Executable Executable; /* each backend's own */
typedef struct Backend {
    const char *name, *help;
    bool sorted_rows; /* honours IrSpace.order and Indicator.segments */
    bool (*available)(const char **why_not);
    /* Reports what is missing by codes of its own; NULL: `available` is asked. */
    bool (*check)(Diags *ds, Span at, const BackendOptions *o);
    /* NULL: reported. f must outlive the result. */
    Executable *(*prepare)(Diags *ds, IrFunc *f, const BackendOptions *o);
    /* inputs[i]: f->inputs[i]'s shape. outputs[i]: set for f->output_names[i]. false: reported, outputs all NULL. */
    bool (*run)(Executable *x, RunContext *rc, Matrix *const *inputs, Matrix **outputs);
    void (*release)(Executable *x);
    /* Lines for explain: passes and what each reads and writes. */
    void (*describe)(const Executable *x, Buf *out);
    double (*compile_seconds)(const Executable *x);
    const char *(*text)(const Executable *x); /* what was compiled; NULL: a backend that compiles nothing */
    bool profiles;                            /* its runs fill a profile */
    bool plain_passes;                        /* each of its passes runs over the rows of one space (ir_fuse_plain) */
} Backend;
/* What runs report alike, on whatever backend: a number that names no column (E406); a carried value that stopped being
 * finite (E405). Always false. */
bool backend_report_column(Diags *ds, const IrNode *n, double at, int64_t of);
bool backend_report_diverged(Diags *ds, const IrNode *loop, const IrNode *carried, int64_t at);
/* The passes, their nodes and what they read and write, for explain. */
void backend_describe_pass(Buf *out, const struct FusePlan *plan, const struct FusePass *pass);
extern const Backend backend_interp, backend_c, backend_cuda;
const Backend *backend_by_name(const char *name); /* NULL: unknown */
#endif
