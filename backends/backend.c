/* backend.c: the backends by name. */
#include "backends/backend.h"

const Backend *backend_by_name(const char *name) {
    static const Backend *const backends[] = {&backend_c, &backend_interp};
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
        if (strcmp(backends[i]->name, name) == 0) return backends[i];
    return NULL;
}
