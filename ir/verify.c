/* verify.c: what every pass must leave behind. A broken function is a fault of the compiler: E901 with the pass, the
 * node and what is wrong.
 *
 * Checked: each node stands once, in its home; operands are defined before they are used and visible; the number of
 * operands; shapes and spaces are those the operands give; attributes name what exists; regions belong to their control
 * node, and carried values keep their shape; outputs have names; level 2 does not name T. */
#include "ir/ir.h"

typedef struct Check {
    const IrFunc *f;
    const char *after;
    bool *defined; /* by id: defined before here, in a region that is visible here */
} Check;

#define WRONG(z, n, ...) wrong((z)->f, (z)->after, (n), __VA_ARGS__)
_Noreturn static void wrong(const IrFunc *f, const char *after, const IrNode *n, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
_Noreturn static void wrong(const IrFunc *f, const char *after, const IrNode *n, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    const char *what = arena_vprintf(f->arena, fmt, ap);
    va_end(ap);
    internal_error("after %s, in %s: %%%d (%s) %s", after, f->name, n->id, ir_ops[n->op].name, what);
}
static bool same_shape(const IrNode *a, const IrNode *b) {
    return a->rows == b->rows && a->cols == b->cols && a->rspace == b->rspace && a->cspace == b->cspace;
}

static void verify_attributes(const Check *z, const IrNode *n) {
    const IrFunc *f = z->f;
    const IrOpInfo *o = &ir_ops[n->op];
    if (n->rspace < 0 || n->rspace >= f->spaces.len || n->cspace < 0 || n->cspace >= f->spaces.len)
        WRONG(z, n, "runs over a space that does not exist");
    if (n->op == IR_INPUT && (n->i0 < 0 || n->i0 >= f->inputs.len)) WRONG(z, n, "names input %lld", (long long)n->i0);
    bool facts = o->cls == IRC_FACT || n->op == IR_TABLE || (o->shape >= SHAPE_DATA && o->shape <= SHAPE_CROSS);
    if (!facts) return;
    if (n->table < 0 || n->table >= f->tables.len) WRONG(z, n, "names table %d", n->table);
    const Integration *t = f->tables.data[n->table].data;
    bool block = o->shape == SHAPE_DATA || o->shape == SHAPE_PICK || o->shape == SHAPE_PICK_COLS;
    if (block && (n->block < 0 || n->block >= t->nblocks)) WRONG(z, n, "names block %d of %d", n->block, t->nblocks);
    bool indicator = o->shape == SHAPE_COUNT || o->shape == SHAPE_GATHER || o->shape == SHAPE_SCATTER;
    if (indicator && (n->indicator < 0 || n->indicator >= t->nindicators))
        WRONG(z, n, "names indicator %d of %d", n->indicator, t->nindicators);
    int blocks = o->shape == SHAPE_PLACE || o->shape == SHAPE_PLACE_COLS || o->shape == SHAPE_EXPAND ? n->nargs
                 : o->shape == SHAPE_T_ROWS                                                          ? n->nargs - 1
                 : o->shape == SHAPE_CROSS                                                           ? 2
                                                                                                     : 0;
    for (int i = 0; i < blocks; i++) {
        if (n->blocks[i] < 0 || n->blocks[i] >= t->nblocks)
            WRONG(z, n, "names block %d of %d", n->blocks[i], t->nblocks);
        const IrNode *x = n->args[o->shape == SHAPE_T_ROWS ? i + 1 : i];
        int64_t width = t->blocks[n->blocks[i]].data->cols;
        if (o->shape == SHAPE_PLACE && x->rows != width)
            WRONG(z, n, "places %lld rows where block %d has %lld columns", (long long)x->rows, n->blocks[i],
                  (long long)width);
        if (o->shape != SHAPE_PLACE && o->shape != SHAPE_CROSS && x->cols != width)
            WRONG(z, n, "places %lld columns where block %d has %lld", (long long)x->cols, n->blocks[i],
                  (long long)width);
    }
}
static void verify_carried(const Check *z, const IrNode *n) {
    int first = n->op == IR_LOOP ? 1 : 0, carried = n->nargs - first;
    const IrRegion *body = n->regions[n->nregions - 1];
    if (n->op == IR_IF) {
        const IrRegion *a = n->regions[0], *b = n->regions[1];
        if (a->results.len != b->results.len)
            WRONG(z, n, "has branches of %d and %d results", a->results.len, b->results.len);
        for (int i = 0; i < a->results.len; i++)
            if (a->results.data[i]->rows != b->results.data[i]->rows ||
                a->results.data[i]->cols != b->results.data[i]->cols)
                WRONG(z, n, "result %d has two shapes", i);
        return;
    }
    for (int k = 0; k < n->nregions; k++)
        if (n->regions[k]->params.len != carried + first)
            WRONG(z, n, "carries %d values into %d parameters", carried, n->regions[k]->params.len - first);
    if (body->results.len != carried) WRONG(z, n, "carries %d values and gets %d", carried, body->results.len);
    if (n->op == IR_WHILE && n->regions[0]->results.len != 1)
        WRONG(z, n, "has %d conditions", n->regions[0]->results.len);
    for (int i = 0; i < carried; i++) {
        const IrNode *p = body->params.data[first + i];
        if (!same_shape(p, body->results.data[i])) WRONG(z, n, "changes the shape of carried value %d", i);
        if (p->rows != n->args[first + i]->rows || p->cols != n->args[first + i]->cols)
            WRONG(z, n, "starts carried value %d with another shape", i);
        if (n->op == IR_WHILE && !same_shape(p, n->regions[0]->params.data[i]))
            WRONG(z, n, "tests carried value %d in another shape", i);
    }
}
static void verify_region(Check *z, const IrRegion *r);
static void verify_node(Check *z, const IrRegion *r, const IrNode *n) {
    const IrOpInfo *o = &ir_ops[n->op];
    if (n->home != r) WRONG(z, n, "stands in a region that is not its home");
    if (n->id < 0 || n->id >= z->f->next_id || z->defined[n->id])
        WRONG(z, n, "stands twice, or its number is out of range");
    if (o->arity >= 0 && n->nargs != o->arity) WRONG(z, n, "has %d operands", n->nargs);
    for (int a = 0; a < n->nargs; a++)
        if (!z->defined[n->args[a]->id])
            WRONG(z, n, "uses %%%d, which is not defined before it or not visible", n->args[a]->id);
    for (int k = 0; k < n->nregions; k++) {
        if (n->regions[k]->parent != r || n->regions[k]->owner != n || n->regions[k]->depth != r->depth + 1)
            WRONG(z, n, "does not own its region %d", k);
        verify_region(z, n->regions[k]);
    }
    if (o->cls == IRC_CONTROL && n->op != IR_PROJ) {
        verify_carried(z, n);
    } else {
        if (n->op == IR_PROJ) {
            const IrNode *c = n->args[0];
            int results = !c->nregions       ? 0
                          : c->op == IR_IF   ? c->regions[0]->results.len
                          : c->op == IR_LOOP ? c->nargs - 1
                                             : c->nargs;
            if (n->i0 < 0 || n->i0 >= results) WRONG(z, n, "reads result %lld of %d", (long long)n->i0, results);
        }
        verify_attributes(z, n);
        IrNode again = *n;
        const char *why = NULL;
        if (!ir_infer_shape(z->f, &again, &why)) WRONG(z, n, "does not fit: %s", why ? why : "shapes");
        if (!same_shape(&again, n))
            WRONG(z, n, "is %lld x %lld but its operands give %lld x %lld", (long long)n->rows, (long long)n->cols,
                  (long long)again.rows, (long long)again.cols);
    }
    if (z->f->factorized && n->op == IR_TABLE) WRONG(z, n, "still names the whole of T");
    z->defined[n->id] = true;
}
static void verify_region(Check *z, const IrRegion *r) {
    for (int i = 0; i < r->params.len; i++) {
        const IrNode *p = r->params.data[i];
        if (p->op != IR_ARG || p->home != r || p->i0 != i) WRONG(z, p, "is no parameter %d of its region", i);
        z->defined[p->id] = true;
    }
    for (int i = 0; i < r->nodes.len; i++) verify_node(z, r, r->nodes.data[i]);
    for (int i = 0; i < r->results.len; i++)
        if (!z->defined[r->results.data[i]->id])
            WRONG(z, r->results.data[i], "is a result but not defined, or not visible");
    /* what stands in an inner region cannot be seen from outside it */
    if (r->kind == REGION_FUNC) return;
    for (int i = 0; i < r->params.len; i++) z->defined[r->params.data[i]->id] = false;
    for (int i = 0; i < r->nodes.len; i++) z->defined[r->nodes.data[i]->id] = false;
}
void ir_verify(const IrFunc *f, const char *after_pass) {
    Check z = {.f = f, .after = after_pass, .defined = mem_alloc((size_t)f->next_id + 1)};
    verify_region(&z, f->body);
    mem_free(z.defined);
    if (f->output_names.len && f->output_names.len != f->body->results.len)
        internal_error("after %s: %s has %d outputs and %d names", after_pass, f->name, f->body->results.len,
                       f->output_names.len);
}
