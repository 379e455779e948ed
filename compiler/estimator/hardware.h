/* hardware.h: what this machine does in a second, measured once and kept in the cache folder (estimator/hardware).
 *
 * Measuring takes about a second. What is kept is believed until `amal calibrate` measures again, or until the number
 * of processors changes. Units: bytes and rows a second of one thread unless said. */
#ifndef AMAL_HARDWARE_H
#define AMAL_HARDWARE_H
#include "compiler/estimator/kept.h"

/* ROW(name, text): the numbers, in the order they are kept in. */
#define HARDWARE_ROWS(ROW)                                                                                             \
    ROW(threads, "threads")                                                                                            \
    ROW(read_one, "bytes a second that one thread sums up")                                                            \
    ROW(read_all, "bytes a second that all threads sum up together")                                                   \
    ROW(near, "rows of 64 bytes a second through an index into a table of 128 kB")                                     \
    ROW(far, "rows of 64 bytes a second through an index into a table of 64 MB")                                       \
    ROW(flops, "multiplications and additions a second, on numbers in the nearest cache")                              \
    ROW(cache, "bytes of the second-level cache; 0: not known")

typedef struct Hardware {
#define ROW(name, text) double name;
    HARDWARE_ROWS(ROW)
#undef ROW
} Hardware;

/* false: reported (E472): there is no memory, or no clock that moves. */
bool hardware_measure(Diags *ds, Hardware *out);
bool hardware_is_sound(const Hardware *h); /* finite, and positive where it has to be */
/* As many processors, and caches of the same size: rates differ by what else runs there. */
bool hardware_alike(const Hardware *a, const Hardware *b);
/* What was measured on this machine earlier. false: nothing, or nothing that can be believed. */
bool hardware_kept(Hardware *out);
/* false: reported (E440). */
bool hardware_keep(Diags *ds, const Hardware *h);
/* Bytes a second that `threads` threads read. */
double hardware_bandwidth(const Hardware *h, double threads);
/* Lines "name value": for files. */
void hardware_print(Buf *out, const Hardware *h);
/* One such line into `h`; false: it is none. */
bool hardware_read(Hardware *h, const char *line);
#endif
