/* machine.h: how much of the machine this process may use. Containers and services are control groups, which leave it
 * less than the machine has: of processors by a quota of their time, of memory by a limit. */
#ifndef AMAL_MACHINE_H
#define AMAL_MACHINE_H
#include "compiler/base.h"

typedef struct MachineLimits {
    double processors; /* whose time the groups may take; INFINITY: all */
    double memory;     /* bytes that they may have; INFINITY: all */
    double
        memory_left; /* of them, now: what the system could take back from the cache of files is not counted as taken */
} MachineLimits;
/* What the process's control groups allow, of version 1 and 2 (Linux: admin-guide/cgroup-v1, cgroup-v2), each with
 * those that it is in. root: "", or for tests a folder that stands for /. */
MachineLimits machine_limits(const char *root);
/* Threads that can run at a time: processors that the process may run on, no more than the quota's whole ones, 1 at
 * least. The quota is read once. */
int machine_processors(void);
/* Bytes that the process may have, of the machine's and the groups'; read once. 0: unknown. */
double machine_memory(void);
/* Whether it could have so many bytes more now, without swapping. Less than 256 MB are not asked about. */
bool machine_has_memory(double bytes);
#endif
