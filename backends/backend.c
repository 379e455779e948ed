/* backend.c: the backends by name, and what they say alike. */
#include "backends/backend.h"
#include "ir/fuse.h"

const Backend *backend_by_name(const char *name) {
    static const Backend *const backends[] = {&backend_c, &backend_cuda, &backend_interp};
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
        if (strcmp(backends[i]->name, name) == 0) return backends[i];
    return NULL;
}

bool backend_report_column(Diags *ds, const IrNode *n, double at, int64_t of) {
    diag_help(diag_error(ds, "E406", n->span, "index %.15g does not name a column: there are %lld", at, (long long)of),
              "indices are whole numbers that count from 1");
    return false;
}
bool backend_report_diverged(Diags *ds, const IrNode *loop, const IrNode *carried, int64_t at) {
    Diag *d = diag_error(ds, "E405", loop->span, "training diverged: `%s` is not finite after iteration %lld",
                         carried->name ? carried->name : "a value", (long long)at);
    diag_help(d,
              "a smaller step, or features on one scale (standardize = true), usually mends it; infinities in the data "
              "do it too");
    return false;
}
void backend_describe_pass(Buf *out, const FusePlan *plan, const FusePass *p) {
    double read, written;
    fuse_pass_bytes(plan, p, &read, &written);
    const IrFunc *f = plan->func;
    const IrSpace *s = &f->spaces.data[p->space];
    bool repeated = p->region->kind != REGION_FUNC && p->region->kind != REGION_BRANCH;
    buf_printf(out, "  pass %d over ", p->id);
    if (p->segments) {
        const IrSpace *keys = &f->spaces.data[p->segments->keys];
        buf_printf(out, "%lld rows of %s and, with each, the rows of %s that read it (%lld)", (long long)keys->rows,
                   keys->name, s->name, (long long)s->rows);
    } else {
        buf_printf(out, "%lld rows of %s", (long long)s->rows, s->name);
    }
    buf_printf(out, "%s: reads %.*f %s, writes %.*f %s\n", repeated ? ", each iteration" : ", once", read < 1e5 ? 2 : 1,
               read < 1e5 ? read / 1e3 : read / 1e6, read < 1e5 ? "kB" : "MB", written < 1e5 ? 2 : 1,
               written < 1e5 ? written / 1e3 : written / 1e6, written < 1e5 ? "kB" : "MB");
    for (int k = 0; k < p->nodes.len; k++) {
        const IrNode *n = p->nodes.data[k];
        int line = 0, column = 0;
        if (f->diags && n->span.file) diag_locate(f->diags, n->span, &line, &column);
        if (n->name)
            buf_printf(out, "    %s = ", n->name);
        else
            buf_printf(out, "    %%%d = ", n->id); /* as the operands of others name it */
        ir_print_expr(out, n, 1);
        if (line) buf_printf(out, "   # line %d", line);
        if (FUSE(n)->stored) buf_puts(out, FUSE(n)->in_place ? ", stored in place" : ", stored");
        buf_puts(out, "\n");
    }
}
