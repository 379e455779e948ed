/* verify.c: what every pass must leave behind. */
#include "ir/ir.h"

typedef struct Check {
    const IrFunc *f;
    const char *after;
    bool *defined;
} Check;

static void verify_region(Check *z, const IrRegion *r) {
    for (int i = 0; i < r->params.len; i++) {
        const IrNode *p = r->params.data[i];
        if (p->op != IR_ARG || p->home != r) internal_error("after %s: parameter %%%d is not of its region", z->after, p->id);
        z->defined[p->id] = true;
    }
    for (int i = 0; i < r->nodes.len; i++) {
        IrNode *n = r->nodes.data[i];
        const IrOpInfo *o = &ir_ops[n->op];
        if (n->home != r) internal_error("after %s: %%%d (%s) stands in a region that is not its home", z->after, n->id, o->name);
        if (o->arity >= 0 && n->nargs != o->arity) internal_error("after %s: %%%d (%s) has %d operands", z->after, n->id, o->name, n->nargs);
        for (int a = 0; a < n->nargs; a++)
            if (!z->defined[n->args[a]->id]) internal_error("after %s: %%%d (%s) uses %%%d before it is defined", z->after, n->id, o->name, n->args[a]->id);
        for (int k = 0; k < n->nregions; k++) {
            if (n->regions[k]->parent != r || n->regions[k]->owner != n) internal_error("after %s: a region of %%%d is not its own", z->after, n->id);
            verify_region(z, n->regions[k]);
        }
        if (!n->nregions) {
            IrNode again = *n;
            const char *why = NULL;
            if (!ir_infer_shape(z->f, &again, &why)) internal_error("after %s: %%%d (%s): %s", z->after, n->id, o->name, why);
            if (again.rows != n->rows || again.cols != n->cols || again.rspace != n->rspace || again.cspace != n->cspace)
                internal_error("after %s: %%%d (%s) is %lld x %lld but should be %lld x %lld", z->after, n->id, o->name, (long long)n->rows, (long long)n->cols, (long long)again.rows, (long long)again.cols);
        }
        if (z->f->factorized && n->op == IR_TABLE) internal_error("after %s: %%%d still names the whole of T", z->after, n->id);
        z->defined[n->id] = true;
    }
    for (int i = 0; i < r->results.len; i++)
        if (!z->defined[r->results.data[i]->id]) internal_error("after %s: result %%%d is not defined", z->after, r->results.data[i]->id);
}
void ir_verify(const IrFunc *f, const char *after_pass) {
    Check z = {.f = f, .after = after_pass, .defined = arena_array(f->arena, bool, f->next_id + 1)};
    verify_region(&z, f->body);
}
