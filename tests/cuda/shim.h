/* shim.h: what the files of the imitated libraries share (shim.c, shim_blas.c). */
#ifndef AMAL_TEST_SHIM_H
#define AMAL_TEST_SHIM_H
#include "backends/cuda/driver.h"

int shim_call(const char *symbol); /* counts it; what it returns when SHIM_FAIL wants it to fail, else 0 */
void shim_fault(const char *what); /* a use that the real library does not allow: ends the program */
void shim_check_range(CUdeviceptr p, size_t bytes);
/* Done when somebody waits for it, or with the graph that is being captured. */
int shim_add(CUstream s, void (*call)(const void *given), const void *given, size_t bytes);
int shim_captures(CUstream s);
#define CALL(symbol)                                                                                                   \
    do {                                                                                                               \
        int result_ = shim_call(#symbol);                                                                              \
        if (result_) return result_;                                                                                   \
    } while (0)
#endif
