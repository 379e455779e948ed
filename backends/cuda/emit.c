/* emit.c: slots, kernels and their parameters, and the control flow around them. */
#include "backends/cuda/emit.h"
#include "backends/emit_text.h"
#include "compiler/embedded.h"
#include <ctype.h>

/* Text that stands at the top of every emitted file. */
TEXT_OF(amal_cuda_prelude_text, "backends/cuda/prelude.cuh");
TEXT_OF(amal_cuda_cells_text, "ir/cells.h");

void cu_line(Cu *e, Buf *b, const char *fmt, ...) {
    int indent = fmt[0] == '#' ? 0 : b == &e->lines ? e->indent : 1; /* directives begin their line */
    for (int i = 0; i < indent; i++) buf_puts(b, "    ");
    va_list ap;
    va_start(ap, fmt);
    char *s = arena_vprintf(e->arena, fmt, ap);
    va_end(ap);
    buf_puts(b, s);
    buf_puts(b, "\n");
}
const char *cu_where(Cu *e, const IrNode *n) {
    return emit_text_where(e->f, n);
}

/* ---- slots ---- */
int cu_new_slot(Cu *e, int64_t rows, int64_t cols, int rspace, const char *name) {
    CudaSlot s = {.rows = rows, .cols = cols, .rspace = rspace, .name = name};
    vec_push(e->arena, &e->out->slots, s);
    return e->out->slots.len - 1;
}
/* NAME_vID: nothing else that kernels take ends so. */
static int slot_for(Cu *e, const IrNode *n) {
    const char *name = n->name && *n->name ? n->name : NULL;
    name = name ? arena_printf(e->arena, "%s%s_v%d", isdigit((unsigned char)*name) ? "v" : "",
                               emit_text_name(e->arena, name), n->id)
                : arena_printf(e->arena, "v_%d", n->id);
    int slot = cu_new_slot(e, n->rows, n->cols, n->rspace, name);
    if (e->factored[n->id] && !FUSE(n)->stored && !e->spilled[n->id]) {
        CudaSlot *s = &e->out->slots.data[slot];
        s->panel = true;
        if (s->rows > cu_panel_rows(n)) s->rows = cu_panel_rows(n);
    }
    return slot;
}
int cu_slot(const CudaProgram *p, const IrNode *n) {
    if (n->op == IR_PROJ) {
        const IrNode *c = n->args[0];
        if (c->op == IR_LOOP) return p->slot_of[c->regions[0]->params.data[n->i0 + 1]->id];
        if (c->op == IR_WHILE) return p->slot_of[c->regions[1]->params.data[n->i0]->id];
        return p->slot_of[c->id] + (int)n->i0;
    }
    if (n->op == IR_ARG && n->home && n->home->kind == REGION_WHILE_COND)
        for (int i = 0; i < n->home->params.len; i++) /* condition and body share the carried values */
            if (n->home->params.data[i] == n) return p->slot_of[n->home->owner->regions[1]->params.data[i]->id];
    if (FUSE(n)->in_place)
        for (int i = 0; i < n->home->results.len; i++)
            if (n->home->results.data[i] == n) return p->slot_of[n->home->params.data[i + 1]->id];
    return p->slot_of[n->id];
}
static bool keeps_value(const Cu *e, const IrNode *n) {
    switch (FUSE(n)->kind) {
    case FUSE_ROW: return cu_is_kept(e, n) && !FUSE(n)->in_place;
    case FUSE_REDUCE:
    case FUSE_SMALL: return true;
    case FUSE_KERNEL: return !FUSE(n)->opaque;
    default: return n->op == IR_ARG;
    }
}
/* Where the two sides give a small value and one over a space, their result is over the space. */
static const IrNode *either_shape(const IrNode *n, int k) {
    const IrNode *a = n->regions[0]->results.data[k];
    return a->rspace ? a : n->regions[1]->results.data[k];
}
static void declare_region(Cu *e, const IrRegion *r) {
    for (int i = 0; i < r->params.len; i++)
        if (r->kind != REGION_WHILE_COND) e->out->slot_of[r->params.data[i]->id] = slot_for(e, r->params.data[i]);
    for (int i = 0; i < r->nodes.len; i++) {
        const IrNode *n = r->nodes.data[i];
        if (FUSE(n)->kind == FUSE_REDUCE && cu_needs_segments(e, n)) {
            const IrNode *u = cu_segment_operand(e, n);
            if (u && FUSE(u)->kind == FUSE_ROW && !FUSE(u)->stored && u->home == r) e->spilled[u->id] = true;
        }
    }
    cu_choose_products(e, r);
    for (int i = 0; i < r->nodes.len; i++) {
        const IrNode *n = r->nodes.data[i];
        if (keeps_value(e, n)) e->out->slot_of[n->id] = slot_for(e, n);
        for (int k = 0; k < n->nregions; k++) declare_region(e, n->regions[k]);
        if (n->op != IR_IF) continue;
        for (int k = 0; k < n->regions[0]->results.len; k++) {
            const IrNode *v = either_shape(n, k);
            int s = cu_new_slot(e, v->rows, v->cols, v->rspace, arena_printf(e->arena, "either_%d_%d", n->id, k));
            if (!k) e->out->slot_of[n->id] = s;
        }
    }
}

/* ---- parameters ---- */
int cu_bind_index(Cu *e, CudaBindKind kind, int table, int index) {
    for (int i = 0; i < e->out->binds.len; i++) {
        const CudaBind *b = &e->out->binds.data[i];
        if (b->kind == kind && b->table == table && b->index == index) return i;
    }
    static const char *const stem[BIND_OF_KINDS] = {"D",     "rows",    "cols", "vals",  "code", "ci",
                                                    "count", "feature", "in",   "order", "keys", "cells"};
    const char *what;
    if (kind == BIND_INPUT)
        what = e->f->inputs.data[index].name;
    else if (kind == BIND_ORDER)
        what = e->f->spaces.data[index].name;
    else {
        const Integration *in = e->f->tables.data[table].data;
        bool indicator = kind == BIND_INDEX || kind == BIND_COUNT || kind == BIND_KEYS;
        what = in->spaces[indicator ? in->indicators[index].space : in->blocks[index].space].name;
    }
    CudaBind b = {.kind = kind, .table = table, .index = index};
    if (kind == BIND_DENSE || kind == BIND_VALUES || kind == BIND_SPARSE)
        b.single = e->f->tables.data[table].data->blocks[index].data->single;
    b.name = arena_printf(e->arena, "%s_%s_%d%s", stem[kind], emit_text_name(e->arena, what), index,
                          table ? arena_printf(e->arena, "_%d", table) : "");
    vec_push(e->arena, &e->out->binds, b);
    return e->out->binds.len - 1;
}
const char *cu_row_bind(Cu *e, CudaBindKind kind, int table, int index) {
    return cu_arg(e, ARG_BIND, cu_bind_index(e, kind, table, index));
}
const char *cu_bind(Cu *e, CudaBindKind kind, int table, int index) {
    int i = cu_bind_index(e, kind, table, index);
    if (!e->own_rows) e->out->binds.data[i].anywhere = true;
    return cu_arg(e, ARG_BIND, i);
}
static void name_argument(Cu *e, CudaArg *a) {
    static const struct {
        const char *name, *type;
        bool numbered;
    } known[] = {
        [ARG_ROWS] = {"n_", "int64_t", true},
        [ARG_FIRST] = {"first_row", "int64_t", false},
        [ARG_LAST] = {"last_row", "int64_t", false},
        [ARG_FRESH] = {"fresh", "int", false},
        [ARG_NUMBER] = {"number_", "double", true},
        [ARG_PARTS] = {"parts_", "double *", true},
        [ARG_BLOCKS] = {"blocks_", "int", true},
        [ARG_SCRATCH] = {"scratch", "double *", false},
        [ARG_STATUS] = {"status", "Status *", false},
        [ARG_WATCH] = {"watch", "int *", false},
        [ARG_CHUNKS] = {"chunks_", "const int64_t *__restrict__", true},
        [ARG_CHUNK_ROWS] = {"by_key_", "const int32_t *__restrict__", true},
        [ARG_CHUNK_VALUES] = {"cells_", "const double *__restrict__", true},
        [ARG_CHUNK_FIRST] = {"first_", "const int64_t *__restrict__", true},
        [ARG_CHUNK_BEGIN] = {"chunk_begin_", "int64_t", true},
        [ARG_CHUNK_END] = {"chunk_end_", "int64_t", true},
        [ARG_KEY_COUNT] = {"key_count_", "int64_t", true},
        [ARG_LANES] = {"lanes_", "int", true},
        [ARG_FOLDS] = {"folds_", "int", true},
        [ARG_DIRECT] = {"direct_", "int", true},
        [ARG_CHUNK_SUMS] = {"sums_", "double *", true},
    };
    static const char *const bind_type[BIND_OF_KINDS] = {"const double *__restrict__",  "const int64_t *__restrict__",
                                                         "const int32_t *__restrict__", "const double *__restrict__",
                                                         "const int32_t *__restrict__", "const int32_t *__restrict__",
                                                         "const double *__restrict__",  "const int32_t *__restrict__",
                                                         "const double *__restrict__",  "const int32_t *__restrict__"};
    static const char floats[] = "const float *__restrict__";
    if (a->kind == ARG_BIND) {
        const CudaBind *b = &e->out->binds.data[a->index];
        a->name = b->name;
        a->type = b->single ? floats : bind_type[b->kind];
    } else if (a->kind == ARG_SLOT) {
        a->name = e->out->slots.data[a->index].name;
    } else {
        a->name = known[a->kind].numbered ? arena_printf(e->arena, "%s%d", known[a->kind].name, a->index)
                                          : known[a->kind].name;
        a->type = known[a->kind].type;
        if (a->kind == ARG_CHUNK_VALUES && e->out->binds.data[a->index].single) a->type = floats;
    }
}
static CudaArg *argument(Cu *e, CudaArgKind kind, int index) {
    for (int i = 0; i < e->kernel->args.len; i++) {
        CudaArg *a = &e->kernel->args.data[i];
        if (a->kind == kind && a->index == index) return a;
    }
    CudaArg a = {.kind = kind, .index = index};
    name_argument(e, &a);
    vec_push(e->arena, &e->kernel->args, a);
    return &e->kernel->args.data[e->kernel->args.len - 1];
}
const char *cu_arg(Cu *e, CudaArgKind kind, int index) {
    return argument(e, kind, index)->name;
}
const char *cu_slot_arg(Cu *e, int slot, bool written) {
    CudaArg *a = argument(e, ARG_SLOT, slot);
    a->written = a->written || written;
    return a->name;
}
const char *cu_value(Cu *e, const IrNode *n, bool written) {
    if (n->op == IR_INPUT) return cu_bind(e, BIND_INPUT, 0, (int)n->i0);
    int slot = cu_slot(e->out, n);
    if (slot < 0) internal_error("%%%d (%s) is in no memory of the device", n->id, ir_ops[n->op].name);
    return cu_slot_arg(e, slot, written);
}

/* ---- kernels and operations ---- */
CudaKernel *cu_kernel_begin(Cu *e, const char *name, CudaGrid grid, int threads, const IrNode *node) {
    cu_flush(e);
    e->kernel = arena_new_of(e->arena, CudaKernel);
    *e->kernel = (CudaKernel){.name = name, .grid = grid, .threads = threads, .node = node, .bind = -1, .of = e->of};
    e->top = e->lines = e->tail = (Buf){0};
    e->indent = 1;
    return e->kernel;
}
void cu_kernel_end(Cu *e) {
    CudaKernel *k = e->kernel;
    Buf *t = &e->text;
    const char *bounds = k->at_once ? arena_printf(e->arena, ", %d", k->at_once) : "";
    buf_printf(t, "extern \"C\" __global__ void __launch_bounds__(%d%s) %s(", k->threads, bounds, k->name);
    for (int i = 0; i < k->args.len; i++) {
        const CudaArg *a = &k->args.data[i];
        const char *type = a->kind != ARG_SLOT ? a->type : a->written ? "double *" : "const double *__restrict__";
        buf_printf(t, "%s%s %s", i ? ", " : "", type, a->name);
    }
    buf_puts(t, ") {\n");
    if (e->top.len) buf_add(t, e->top.data, e->top.len);
    if (e->lines.len) buf_add(t, e->lines.data, e->lines.len);
    if (e->tail.len) buf_add(t, e->tail.data, e->tail.len);
    buf_puts(t, "}\n\n");
    buf_free(&e->top), buf_free(&e->lines), buf_free(&e->tail);
    e->kernel = NULL;
    k->leads = k->of && e->leads;
    if (k->of) e->leads = false;
    vec_push(e->arena, &e->out->kernels, k);
    CudaOp op = {.kind = CUOP_LAUNCH, .kernel = e->out->kernels.len - 1, .node = k->node};
    vec_push(e->arena, &e->body->ops, op);
}
void cu_flush(Cu *e) {
    if (!e->small_open) return;
    e->small_open = false;
    cu_kernel_end(e);
}
void cu_op(Cu *e, CudaOp op) {
    cu_flush(e);
    vec_push(e->arena, &e->body->ops, op);
    if (op.kind != CUOP_ZERO && op.kind != CUOP_COPY && op.kind != CUOP_SWAP && op.kind != CUOP_PRODUCT)
        e->body->plain = false;
}
static CudaBody *body_begin(Cu *e) {
    cu_flush(e);
    CudaBody *b = arena_new_of(e->arena, CudaBody);
    b->plain = true;
    b->id = e->out->nbodies++;
    e->body = b;
    return b;
}
static void body_end(Cu *e, CudaBody *outer) {
    cu_flush(e);
    e->body = outer;
}

/* ---- control flow ---- */
static void emit_region(Cu *e, const IrRegion *r);

/* A slot that holds n: its own, or a new one that it is copied to. */
static int slot_holding(Cu *e, const IrNode *n) {
    int slot = cu_slot(e->out, n);
    if (slot >= 0) return slot;
    slot = cu_new_slot(e, n->rows, n->cols, n->rspace, arena_printf(e->arena, "held_%d", e->out->slots.len));
    cu_copy(e, slot, n);
    return slot;
}
/* Carried values take their next values together: those that read another carried value of the same loop go through a
 * copy. */
static void assign_carried(Cu *e, const IrRegion *r, const IrRegion *params, int first) {
    int n = r->results.len, *late = arena_array(e->arena, int, n ? n : 1);
    for (int k = 0; k < n; k++) {
        const IrNode *v = r->results.data[k];
        int own = cu_slot(e->out, v);
        late[k] = -1;
        for (int j = 0; j < n; j++)
            if (j != k && own >= 0 && own == cu_slot(e->out, params->params.data[first + j]) && !FUSE(v)->in_place)
                late[k] = 0;
        if (late[k] < 0) continue;
        late[k] = cu_new_slot(e, v->rows, v->cols, v->rspace, arena_printf(e->arena, "next_%d_%d", r->owner->id, k));
        cu_copy(e, late[k], v);
    }
    for (int k = 0; k < n; k++) {
        const IrNode *v = r->results.data[k], *p = params->params.data[first + k];
        if (v == p || FUSE(v)->in_place) continue;
        int to = cu_slot(e->out, p);
        if (late[k] >= 0) {
            cu_op(e, (CudaOp){.kind = CUOP_COPY, .to = to, .from = late[k], .node = v});
            continue;
        }
        bool alone = true;
        for (int j = 0; j < n; j++) alone = alone && (j == k || r->results.data[j] != v);
        if ((v->rspace || v->rows * v->cols >= CUDA_WIDE_CELLS) && v->home == r && keeps_value(e, v) && alone)
            cu_op(e, (CudaOp){.kind = CUOP_SWAP, .to = to, .from = cu_slot(e->out, v), .node = v});
        else
            cu_copy(e, to, v);
    }
}
static void set_counter(Cu *e, const IrNode *loop, int slot, const char *text) {
    cu_small_begin(e, loop);
    LINE("if (threadIdx.x == 0) %s[0] %s;", cu_slot_arg(e, slot, true), text);
    LINE("__syncthreads();");
}
static void emit_loop(Cu *e, const IrNode *n) {
    const IrRegion *r = n->regions[0];
    const IrNode *count = n->args[0];
    CudaOp op = {.kind = CUOP_LOOP, .node = n, .from = -1, .to = cu_slot(e->out, r->params.data[0])};
    if (count->op == IR_CONST || count->op == IR_FULL)
        op.number = count->num;
    else
        op.from = slot_holding(e, count);
    for (int k = 1; k < r->params.len; k++) cu_copy(e, cu_slot(e->out, r->params.data[k]), n->args[k]);
    set_counter(e, n, op.to, "= 0");
    cu_check_carried(e, n, r, 1, op.to, true);
    CudaBody *outer = e->body;
    op.body = body_begin(e);
    set_counter(e, n, op.to, "+= 1");
    emit_region(e, r);
    assign_carried(e, r, r, 1);
    cu_check_carried(e, n, r, 1, op.to, false);
    body_end(e, outer);
    cu_op(e, op);
}
static void emit_while(Cu *e, const IrNode *n) {
    const IrRegion *cond = n->regions[0], *r = n->regions[1];
    CudaOp op = {.kind = CUOP_WHILE, .node = n};
    op.to = cu_new_slot(e, 1, 1, 0, arena_printf(e->arena, "round_%d", n->id));
    for (int k = 0; k < r->params.len; k++) cu_copy(e, cu_slot(e->out, r->params.data[k]), n->args[k]);
    set_counter(e, n, op.to, "= 0");
    cu_check_carried(e, n, r, 0, op.to, true);
    CudaBody *outer = e->body;
    op.other = body_begin(e);
    emit_region(e, cond);
    op.from = slot_holding(e, cond->results.data[0]);
    body_end(e, outer);
    op.body = body_begin(e);
    set_counter(e, n, op.to, "+= 1");
    emit_region(e, r);
    assign_carried(e, r, r, 0);
    cu_check_carried(e, n, r, 0, op.to, false);
    body_end(e, outer);
    cu_op(e, op);
}
static void emit_if(Cu *e, const IrNode *n) {
    CudaOp op = {.kind = CUOP_IF, .node = n, .from = slot_holding(e, n->args[0])};
    CudaBody *outer = e->body;
    for (int side = 0; side < 2; side++) {
        CudaBody *b = body_begin(e);
        emit_region(e, n->regions[side]);
        for (int k = 0; k < n->regions[side]->results.len; k++)
            cu_copy(e, e->out->slot_of[n->id] + k, n->regions[side]->results.data[k]);
        body_end(e, outer);
        if (side)
            op.other = b;
        else
            op.body = b;
    }
    cu_op(e, op);
}
static void emit_host(Cu *e, const IrNode *n) {
    if (cu_small_product(e, n)) return;
    vec_push(e->arena, &e->out->host, n);
    cu_op(e, (CudaOp){.kind = CUOP_HOST, .to = FUSE(n)->opaque ? -1 : cu_slot(e->out, n), .node = n});
}
static bool reads_unfinished(const Cu *e, const FusePass *pass) {
    for (int k = 0; k < pass->nodes.len; k++)
        for (int a = 0; a < pass->nodes.data[k]->nargs; a++)
            if (cu_is_unfinished(e, pass->nodes.data[k]->args[a])) return true;
    return false;
}
static void emit_region(Cu *e, const IrRegion *r) {
    const FuseRegion *fr = fuse_region(e->plan, r);
    for (int i = 0; i < fr->steps.len; i++) {
        const FuseStep *s = &fr->steps.data[i];
        if (!s->pass || reads_unfinished(e, s->pass)) cu_finish(e);
        if (s->pass)
            cu_pass(e, s->pass);
        else if (FUSE(s->node)->kind == FUSE_SMALL)
            cu_small_node(e, s->node);
        else if (FUSE(s->node)->kind == FUSE_KERNEL)
            emit_host(e, s->node);
        else if (s->node->op == IR_LOOP)
            emit_loop(e, s->node);
        else if (s->node->op == IR_WHILE)
            emit_while(e, s->node);
        else
            emit_if(e, s->node);
    }
    cu_finish(e);
}

CudaProgram *cuda_emit(FusePlan *plan, bool deterministic, bool blas) {
    IrFunc *f = plan->func;
    Cu em = {.plan = plan, .f = f, .arena = plan->arena, .deterministic = deterministic, .blas = blas}, *e = &em;
    e->out = arena_new_of(e->arena, CudaProgram);
    int nodes = f->next_id + 1;
    e->spilled = arena_array(e->arena, bool, nodes);
    e->product = arena_array(e->arena, bool, nodes);
    e->factored = arena_array(e->arena, bool, nodes);
    e->staged = arena_array(e->arena, bool, nodes);
    e->scratched = arena_array(e->arena, bool, nodes);
    e->dirty = arena_array(e->arena, bool, nodes);
    e->out->slot_of = arena_array(e->arena, int, nodes);
    e->turned = arena_array(e->arena, int, nodes);
    e->shares = arena_array(e->arena, int, nodes);
    e->mma = arena_array(e->arena, CuMma, nodes);
    for (int i = 0; i < nodes; i++) e->out->slot_of[i] = e->turned[i] = -1;
    declare_region(e, f->body);
    e->out->body = body_begin(e);
    emit_region(e, f->body);
    e->out->noutputs = f->body->results.len;
    e->out->outputs = arena_array(e->arena, int, f->body->results.len + 1);
    for (int k = 0; k < f->body->results.len; k++) {
        const IrNode *v = f->body->results.data[k];
        e->out->outputs[k] = FUSE(v)->opaque ? -1 : slot_holding(e, v);
    }
    body_end(e, NULL);
    Buf t = {0};
    buf_printf(&t,
               "/* %s, emitted by amal " AMAL_VERSION
               ": the kernels of its passes over rows. Rows stand in registers or, "
               "in tiles, in shared memory;\n * sums in registers; n_S: rows of space S; ci_S: the row of S that a "
               "target row reads "
               "(the number of rows of S: none); D_S: S's numbers. */\n",
               f->name);
    buf_puts(&t, amal_cuda_prelude_text);
    buf_puts(&t, amal_cuda_cells_text);
    buf_puts(&t, "\n");
    if (e->text.len) buf_add(&t, e->text.data, e->text.len);
    buf_free(&e->text);
    e->out->text = buf_take(&t);
    return e->out;
}
