/* run.h: an emitted program on the device. Private to backends/cuda.
 *
 * A Job is one run: its arrays, and what runs are told. Memory is planned before any is taken (memory.c): one block for
 * all values, parts and scratch, in which those that are never held together lie in the same place (lifetimes.h); the
 * arrays of the sources stay from run to run (device.h); when these do not fit, those that kernels only read at their
 * own rows arrive piece by piece (stream.c). */
#ifndef AMAL_CUDA_RUN_H
#define AMAL_CUDA_RUN_H
#include "backends/cuda/device.h"
#include "backends/cuda/emit.h"
#include "backends/cuda/lifetimes.h"
#include "backends/cuda/nvrtc.h"
#include "backends/cuda/segments.h"

struct Executable {
    IrFunc *func;
    FusePlan *plan;
    CudaProgram *program;
    CudaCode code;
    const struct AmalProgram *carried; /* the built program that runs; NULL: amal does */
    IrNode **by_id;
    /* on the device, made by the first run */
    const CudaDevice *device;
    CUmodule module;
    CUfunction *functions; /* by kernel */
    int *most_blocks;      /* by kernel: blocks that run at once */
    CudaLayout *layout;    /* of all values, parts and scratch */
};

/* What a bind is on the device. */
typedef struct JobBind {
    CudaResident *array, *bounds, *first, *rows, *values; /* the last four: of KEYS and SPARSE */
    int64_t keys, chunks;
    int lanes, folds;
    const void *host; /* arrays of the source: where it is on the host; floats: NULL until they are made */
    void *made;       /* made for the device; freed after it was copied there */
    size_t bytes;
    size_t item; /* bytes a number */
    bool streamed;
    Segments *segments; /* KEYS and SPARSE, streamed: on the host */
    int64_t most_cells; /* COLIDX and VALUES: the most of STREAM_ROWS rows, from a multiple of as many on */
} JobBind;
typedef struct JobGraph {
    int body;
    CUdeviceptr *slots; /* as they were when it was captured */
    CUgraphExec exec;
} JobGraph;
enum { STATUS_BYTES = 32 };
typedef struct JobStatus { /* struct Status of prelude.cuh */
    int watching, code, node, part;
    double at, value;
} JobStatus;
typedef struct JobLanding { /* pinned: what is read from the device again and again */
    JobStatus status;
    double number;
} JobLanding;
typedef struct Job {
    Executable *x;
    RunContext *rc;
    const CudaDevice *d;
    Matrix *const *inputs;
    Matrix **outputs, **opaque; /* opaque: by node id */
    JobBind *bind;
    CUdeviceptr *slot, *parts, *sums, *scratch; /* by slot, reduction, kernel, kernel */
    JobLanding *landing;
    CUdeviceptr block, status, watch;
    bool poisoning;        /* what is not held any more becomes no number */
    int *blocks;           /* by kernel: of its last launch */
    const IrNode *last;    /* of the kernel that was launched last */
    struct Stream *stream; /* NULL: nothing is streamed */
    struct Timing *timing; /* NULL: no profile is wanted */
    VEC(JobGraph) graphs;
    Arena *arena;
    int depth; /* loops around */
    int64_t at, of, iterations;
    double last_progress;
    bool failed, capturing;
} Job;

/* memory.c */
/* Kinds of residents: floats of a matrix in single precision are other arrays than its doubles. */
enum { KIND_PARTS = 32, KIND_SINGLE = 16 };
static inline int job_kind(CudaBindKind kind, bool single, int part) {
    return (int)kind * KIND_PARTS + (single ? KIND_SINGLE : 0) + part;
}
static inline size_t job_number_bytes(bool single) {
    return single ? sizeof(float) : sizeof(double);
}
/* The row of the space that each target row reads, the number of the space's rows where none; NULL: no memory. */
int32_t *job_index_array(const Indicator *ind, int64_t space_rows);
bool job_plan(Job *j); /* binds, the block, pieces: false: reported (E402, E624, E625) */
/* x->layout, once the blocks that run at once are known. */
void job_lay_out(Executable *x);
/* In tests (AMAL_VERIFY): what was held for the last time by the operation that ends here is filled with what is no
 * number, so that whoever reads it later does not agree with the interpreter. */
bool job_poison(Job *j, const CudaOp *done);
void job_free(Job *j);
/* stream.c: a kernel over the rows of a space, in pieces when it reads streamed arrays. */
/* Whether bind i is an array of rows that passes read at their own rows only, or one of rows sorted by key. */
bool stream_may(const Job *j, int i);
bool stream_open(Job *j);
void stream_close(Job *j);
bool stream_needed(const Job *j, const CudaKernel *k);
bool stream_launch(Job *j, int kernel);
enum { STREAM_ROWS = 256 };                            /* a piece has a multiple of these rows */
size_t stream_piece_bytes(const Job *j, int64_t rows); /* of all that is streamed, `rows` at a time */
int64_t stream_cells_of(const Matrix *m);              /* most_cells of a CSR matrix */
/* Of one launch: what its kernel takes for the arrays that are streamed. */
typedef struct JobPiece {
    CUdeviceptr *base, values; /* by bind: where its row or entry 0 would be; values of a SPARSE */
    int64_t most;              /* rows or chunks of the largest piece: all have as many blocks */
} JobPiece;
/* launch.c */
bool job_ok(Job *j, CUresult r, const IrNode *at, const char *doing);
/* Rows or chunks first … last; parts go on from what is there unless fresh. piece: NULL where nothing is streamed. */
bool job_launch(Job *j, int kernel, int64_t first, int64_t last, int fresh, const JobPiece *piece);
/* Where the array of an argument lies, as the kernel sees it: row 0. */
CUdeviceptr job_array(const Job *j, CudaArgKind kind, int index, int64_t first, const JobPiece *piece);
/* product.c: a kernel with the products of its pass, over rows first … last. */
bool job_pass(Job *j, int kernel, int64_t first, int64_t last, int fresh, const JobPiece *piece);
bool job_product(Job *j, const CudaProduct *p); /* of small values */
bool product_open(const CudaDevice *d, Diags *ds);
bool job_run(Job *j, const CudaBody *b);
bool job_status(Job *j);
int64_t job_rows(const Job *j, int space);
#endif
