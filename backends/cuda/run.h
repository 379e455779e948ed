/* run.h: an emitted program on the device. Private to backends/cuda.
 *
 * A Job is one run: its arrays, and what runs are told. Memory is planned before any is taken (memory.c): one block for
 * all values, parts and scratch; the arrays of the sources stay from run to run (device.h); when these do not fit,
 * those that kernels only read at their own rows arrive piece by piece (stream.c). */
#ifndef AMAL_CUDA_RUN_H
#define AMAL_CUDA_RUN_H
#include "backends/cuda/device.h"
#include "backends/cuda/emit.h"
#include "backends/cuda/nvrtc.h"
#include "backends/cuda/segments.h"

struct Executable {
    IrFunc *func;
    FusePlan *plan;
    CudaProgram *program;
    CudaCode code;
    IrNode **by_id;
    /* on the device, made by the first run */
    const CudaDevice *device;
    CUmodule module;
    CUfunction *functions; /* by kernel */
    int *most_blocks;      /* by kernel: blocks that run at once */
};

/* What a bind is on the device. */
typedef struct JobBind {
    CudaResident *array, *bounds, *first, *rows, *values; /* the last four: of KEYS and SPARSE */
    int64_t keys, chunks;
    int lanes;
    const void *host; /* arrays of the source: where it is on the host */
    void *made;       /* made for the device; freed after it was copied there */
    size_t bytes;
    size_t item; /* bytes a number */
    bool streamed;
    CUdeviceptr piece[2]; /* streamed: two buffers */
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
    CUdeviceptr *slot, *parts, *sums; /* by slot, reduction, kernel */
    JobLanding *landing;
    CUdeviceptr block, scratch, status, watch;
    size_t block_bytes;
    int *blocks;           /* by kernel: of its last launch */
    const IrNode *last;    /* of the kernel that was launched last */
    struct Stream *stream; /* NULL: nothing is streamed */
    VEC(JobGraph) graphs;
    Arena *arena;
    int depth; /* loops around */
    int64_t at, of, iterations;
    double last_progress;
    bool failed, capturing;
} Job;

/* memory.c */
enum { KIND_PARTS = 32 }; /* resident kinds of one bind: kind * KIND_PARTS + part */
/* The row of the space that each target row reads, the number of the space's rows where none; NULL: no memory. */
int32_t *job_index_array(const Indicator *ind, int64_t space_rows);
bool job_plan(Job *j); /* binds, the block, pieces: false: reported (E402, E624, E625) */
void job_free(Job *j);
/* stream.c: a kernel over the rows of a space, in pieces when it reads streamed arrays. */
bool stream_open(Job *j);
void stream_close(Job *j);
bool stream_needed(const Job *j, const CudaKernel *k);
bool stream_launch(Job *j, int kernel);
size_t stream_row_bytes(const Job *j, int bind);
enum { STREAM_ROWS = 256 }; /* a piece has a multiple of these rows */
int64_t stream_piece_rows(const Job *j, size_t most);
/* launch.c */
bool job_ok(Job *j, CUresult r, const IrNode *at, const char *doing);
/* Rows first … last; parts go on from what is there unless fresh. Bases: by bind, NULL or how far its rows
 * are from where they would be (streams). */
bool job_launch(Job *j, int kernel, int64_t first, int64_t last, int fresh, const CUdeviceptr *bases);
/* Where the array of an argument lies, as the kernel sees it: row 0. */
CUdeviceptr job_array(const Job *j, CudaArgKind kind, int index, int64_t first, const CUdeviceptr *bases);
/* product.c: a kernel with the products of its pass, over rows first … last. */
bool job_pass(Job *j, int kernel, int64_t first, int64_t last, int fresh, const CUdeviceptr *bases);
bool job_product(Job *j, const CudaProduct *p); /* of small values */
bool product_open(const CudaDevice *d, Diags *ds);
bool job_run(Job *j, const CudaBody *b);
bool job_status(Job *j);
int64_t job_rows(const Job *j, int space);
#endif
