/* integration_walk.h: the walk over the rows of a join: what integration_trigger.c, which makes it, shares with
 * integration_device.c, which has its look-ups made elsewhere. */
#ifndef AMAL_INTEGRATION_WALK_H
#define AMAL_INTEGRATION_WALK_H
#include "backends/runtime/integration_internal.h"

typedef struct Placed {
    int role;
    bool optional;
    uint64_t providers;
    int nkeys;
    const int32_t **own;  /* codes of its own columns */
    const int32_t **from; /* codes of the providers' columns */
    int64_t *domain;
    int *from_role;
    uint8_t *ok; /* rows that its conditions leave; NULL: all */
    KeyIndex index;
    int nconds; /* conditions over several roles, tested when this one is chosen */
    const RowExpr **conds;
    uint64_t cond_roles;
} Placed;
typedef struct Emission { /* what is emitted for one set of roles found */
    int n;
    int *bodies;
    bool exact;
} Emission;
typedef struct Walk {
    IntState *s;
    const Join *j;
    int n;
    Placed place[MAX_ROLES];
    int start;
    uint8_t *start_ok;
    bool functional, counting, unsuited, failed, stop;
    Intern masks;
    Emission *emit;
    int emit_cap;
    int64_t row[MAX_ROLES];
    const Table *tables[MAX_ROLES];
    int64_t count, limit;
    Triggers *out;
} Walk;

/* One or more target rows, or none, for the roles found: the rows in w->row. */
void walk_emit(Walk *w, uint64_t found);
/* The rows of the whole join by look-ups on the device that the mapping names. false: none, or it is not for this join;
 * w->failed says whether one that was begun went wrong. */
bool walk_on_device(Walk *w);
#endif
