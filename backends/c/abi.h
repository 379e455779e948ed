/* What emitted code and amal agree on: the services a compiled training function calls. Spelled out at the top of every
 * emitted file. */
#include <math.h>
#include <stdint.h>
#include <string.h>

typedef struct AmalRt AmalRt;
struct AmalRt {
    int threads;
    const void *const *bind;                 /* data, indicators, inputs: in the order that amal_run takes them */
    const int64_t *rows;                     /* rows of each space */
    void *(*alloc)(AmalRt *, int64_t count); /* zeroed doubles, aligned to 64 bytes; NULL: no memory */
    void (*run)(int parts, void (*pass)(void *, int, int), void *frame);   /* pass(frame, part, parts) on the threads */
    int (*kernel)(AmalRt *, int node, const void *const *args, void *out); /* whole-matrix operators; not 0: failed */
    int (*column)(AmalRt *, int node, double at, int64_t of); /* not 0: at names none of the columns 1 .. of */
    int (*carried)(AmalRt *, int loop, int64_t at, int64_t of, int k, const double *v,
                   int64_t n); /* at 0: before the loop; then after an iteration; not 0: stop */
    void (*output)(AmalRt *, int k, const void *v);
    double (*normal)(uint64_t seed, uint64_t stream, uint64_t index);
};
