/* emit.c: the file around the passes: frame, allocation, control flow. */
#include "compiler/embedded.h"
#include "backends/c/emit.h"
#include "backends/emit_text.h"
#include <ctype.h>

/* Headers whose text stands at the top of every emitted file. */
TEXT_OF(amal_abi_text, "backends/c/abi.h");
TEXT_OF(amal_cells_text, "ir/cells.h");
TEXT_OF(amal_prelude_text, "backends/c/prelude.h");

void emit_line(Emit *e, Buf *b, const char *fmt, ...) {
    for (int i = 0; i < e->indent; i++) buf_puts(b, "    ");
    va_list ap;
    va_start(ap, fmt);
    char *s = arena_vprintf(e->arena, fmt, ap);
    va_end(ap);
    buf_puts(b, s);
    buf_puts(b, "\n");
}

static const char *numbered(Emit *e, const char *name, int id) {
    if (!name || !*name) return arena_printf(e->arena, "v_%d", id);
    return arena_printf(e->arena, "%s%s_%d", isdigit((unsigned char)*name) ? "v" : "", emit_text_name(e->arena, name),
                        id);
}
const char *emit_member(Emit *e, const IrNode *n) {
    if (n->op == IR_PROJ) {
        const IrNode *c = n->args[0];
        if (c->op == IR_LOOP) return emit_member(e, c->regions[0]->params.data[n->i0 + 1]);
        if (c->op == IR_WHILE) return emit_member(e, c->regions[1]->params.data[n->i0]);
        return arena_printf(e->arena, "either_%d_%lld", c->id, (long long)n->i0);
    }
    if (n->op == IR_INPUT) return emit_bind(e, BIND_INPUT, 0, (int)n->i0);
    if (n->op == IR_ARG && n->home && n->home->kind == REGION_WHILE_COND) {
        /* condition and body share the carried values */
        for (int i = 0; i < n->home->params.len; i++)
            if (n->home->params.data[i] == n) return emit_member(e, n->home->owner->regions[1]->params.data[i]);
    }
    if (FUSE(n)->in_place)
        for (int i = 0; i < n->home->results.len; i++)
            if (n->home->results.data[i] == n) return emit_member(e, n->home->params.data[i + 1]);
    return numbered(e, n->name, n->id);
}

const char *emit_bind(Emit *e, BindKind kind, int table, int index) {
    for (int i = 0; i < e->out->binds.len; i++) {
        const Bind *b = &e->out->binds.data[i];
        if (b->kind == kind && b->table == table && b->index == index) return b->member;
    }
    static const char *const stem[] = {"D",     "D",       "rows",     "cols",  "vals", "code",  "ci",
                                       "count", "feature", "segments", "order", "in",   "number"};
    static const char *const type[] = {"const double *",  "const float *",   "const int64_t *", "const int32_t *",
                                       "const double *",  "const int32_t *", "const int32_t *", "const double *",
                                       "const int32_t *", "const int64_t *", "const int32_t *", "const double *",
                                       "double "};
    const char *what = "";
    if (kind == BIND_NUMBER)
        what = "";
    else if (kind == BIND_ORDER)
        what = e->f->spaces.data[index].name;
    else if (kind == BIND_INPUT)
        what = e->f->inputs.data[index].name;
    else {
        const Integration *in = e->f->tables.data[table].data;
        bool indicator = kind == BIND_INDEX || kind == BIND_COUNT || kind == BIND_SEGMENTS;
        int space = indicator ? in->indicators[index].space : in->blocks[index].space;
        what = in->spaces[space].name;
    }
    Bind b = {.kind = kind, .table = table, .index = index};
    if (kind == BIND_NUMBER)
        b.member = arena_printf(e->arena, "number_%d", index);
    else
        b.member = arena_printf(e->arena, "%s_%s_%d%s", stem[kind], emit_text_name(e->arena, what), index,
                                table ? arena_printf(e->arena, "_%d", table) : "");
    bool scalar = kind == BIND_NUMBER || (kind == BIND_INPUT && e->f->inputs.data[index].rows == 1 &&
                                          e->f->inputs.data[index].cols == 1 && !e->f->inputs.data[index].rspace);
    int indent = e->indent;
    e->indent = 1;
    emit_line(e, &e->members, "%s%s;", scalar ? "double " : type[kind], b.member);
    emit_line(e, &e->setup, scalar ? "f->%s = *(const double *)rt->bind[%d];" : "f->%s = rt->bind[%d];", b.member,
              e->out->binds.len);
    e->indent = indent;
    vec_push(e->arena, &e->out->binds, b);
    return b.member;
}

static const char *dense_member(Emit *e, const IrNode *data) {
    return emit_bind(e, fuse_is_single(e->f, data) ? BIND_FLOATS : BIND_DENSE, data->table, data->block);
}
const char *emit_dense(Emit *e, const IrNode *data) {
    return emit_hoist(e, dense_member(e, data),
                      fuse_is_single(e->f, data) ? "const float *restrict " : "const double *restrict ");
}

const char *emit_where(Emit *e, const IrNode *n) {
    return emit_text_where(e->f, n);
}

static bool keeps_value(const Emit *e, const IrNode *n) {
    const FuseInfo *fi = FUSE(n);
    switch (fi->kind) {
    case FUSE_ROW: return fi->stored && !fi->in_place;
    case FUSE_REDUCE: return fi->stored || !fuse_is_to_block(e->plan, n);
    case FUSE_SMALL: return true;
    case FUSE_KERNEL: return !fi->opaque;
    default: return n->op == IR_ARG;
    }
}
static void declare(Emit *e, const IrNode *n, const char *member) {
    int indent = e->indent;
    e->indent = 1;
    if (emit_is_scalar(n)) {
        emit_line(e, &e->members, "double %s;", member);
        e->indent = indent;
        return;
    }
    /* no numbers of rows in the text: the same script on more rows finds its kernel in the cache */
    if (n->rspace)
        emit_line(e, &e->members, "double *%s; /* rows of %s x %lld */", member, e->f->spaces.data[n->rspace].name,
                  (long long)n->cols);
    else
        emit_line(e, &e->members, "double *%s; /* %lld x %lld */", member, (long long)n->rows, (long long)n->cols);
    if (n->rspace)
        emit_line(e, &e->setup, "if (!(f->%s = rt->alloc(rt, (f->n_%d + 1) * %lld))) return 1;", member, n->rspace,
                  (long long)emit_pad(n->cols));
    else
        emit_line(e, &e->setup, "if (!(f->%s = rt->alloc(rt, %lld))) return 1;", member,
                  (long long)(n->rows * n->cols));
    e->indent = indent;
}
/* Where the two sides give a small value and one over a space, their result is over the space. */
static const IrNode *either_shape(const IrNode *n, int k) {
    const IrNode *a = n->regions[0]->results.data[k];
    return a->rspace ? a : n->regions[1]->results.data[k];
}
static void declare_region(Emit *e, const IrRegion *r) {
    for (int i = 0; i < r->params.len; i++)
        if (r->kind != REGION_WHILE_COND) declare(e, r->params.data[i], emit_member(e, r->params.data[i]));
    for (int i = 0; i < r->nodes.len; i++) {
        const IrNode *n = r->nodes.data[i];
        const FuseInfo *fi = FUSE(n);
        if (keeps_value(e, n)) declare(e, n, emit_member(e, n));
        if (fi->kind == FUSE_REDUCE && n->op == IR_SCATTER && !fuse_is_to_block(e->plan, n)) {
            emit_scatter_allocate(e, n);
        } else if (fi->kind == FUSE_REDUCE && n->op != IR_SCATTER) {
            int indent = e->indent;
            e->indent = 1;
            emit_line(e, &e->members, "double *parts_%s;", emit_member(e, n));
            emit_line(e, &e->setup, "if (!(f->parts_%s = rt->alloc(rt, (int64_t)rt->threads * %lld))) return 1;",
                      emit_member(e, n), (long long)(emit_acc_size(e, n) ? emit_acc_size(e, n) : 1));
            e->indent = indent;
        }
        if (n->op == IR_IF)
            for (int k = 0; k < n->regions[0]->results.len; k++)
                declare(e, either_shape(n, k), arena_printf(e->arena, "either_%d_%d", n->id, k));
        for (int k = 0; k < n->nregions; k++) declare_region(e, n->regions[k]);
    }
}

static const char *count_text(Emit *e, const IrNode *n) {
    if (n->rspace) return arena_printf(e->arena, "(f->n_%d + 1) * %lld", n->rspace, (long long)emit_pad(n->cols));
    return arena_printf(e->arena, "%lld", (long long)(n->rows * n->cols));
}
/* member = value of n, whatever n is; laid out as `to` is: a small value of as many rows may become one over a space.
 */
static void copy_value(Emit *e, const char *member, const IrNode *to, const IrNode *n) {
    Buf *b = &e->body;
    if (emit_is_scalar(n)) {
        emit_line(e, b, emit_is_scalar(to) ? "f->%s = %s;" : "f->%s[0] = %s;", member, emit_small_cell(e, n, "0", "0"));
        return;
    }
    long long to_stride = (long long)(to->rspace ? emit_pad(to->cols) : to->cols),
              from_stride = (long long)emit_stride(e, n);
    const char *rows = to->rspace ? arena_printf(e->arena, "f->n_%d", to->rspace)
                                  : arena_printf(e->arena, "%lld", (long long)to->rows),
               *v = NULL;
    if (n->op == IR_FULL)
        v = emit_constant(e, n);
    else if (n->op == IR_IOTA)
        v = e->f->spaces.data[n->rspace].order
                ? arena_printf(e->arena, "(double)(f->%s[r] + 1)", emit_bind(e, BIND_ORDER, 0, n->rspace))
                : "(double)(r + 1)";
    else if (n->op == IR_COUNT)
        v = arena_printf(e->arena, "f->%s[r]", emit_bind(e, BIND_COUNT, n->table, n->indicator));
    else if (n->op == IR_DATA) {
        if (fuse_is_sparse(e->f, n)) internal_error("a sparse block leaves its pass");
        v = arena_printf(e->arena, "f->%s[r * %lld + c]", dense_member(e, n), from_stride);
    } else if (n->op == IR_INPUT || from_stride != to_stride) {
        v = arena_printf(e->arena, "f->%s[r * %lld + c]", emit_member(e, n), from_stride);
    }
    if (v) {
        if (emit_is_scalar(to))
            emit_line(e, b, "{ const int64_t r = 0, c = 0; (void)r, (void)c; f->%s = %s; }", member, v);
        else {
            emit_line(e, b, "for (int64_t r = 0; r < %s; r++)", rows);
            emit_line(e, b, "    for (int64_t c = 0; c < %lld; c++) f->%s[r * %lld + c] = %s;", (long long)n->cols,
                      member, to_stride, v);
        }
        return;
    }
    emit_line(e, b, "memmove(f->%s, f->%s, sizeof(double) * (size_t)(%s * %lld));", member, emit_member(e, n), rows,
              to_stride);
}

static void emit_region(Emit *e, const IrRegion *r);

static const char *member_or_empty(Emit *e, const IrNode *v) {
    return v->op == IR_PROJ || v->op == IR_ARG ? emit_member(e, v) : "";
}
/* Carried values take their next values together: those that read another carried value of the same loop go through a
 * copy. */
static void assign_carried(Emit *e, const IrRegion *r, const IrRegion *params, int first) {
    int n = r->results.len;
    bool *late = arena_array(e->arena, bool, n ? n : 1);
    for (int k = 0; k < n; k++) {
        const IrNode *v = r->results.data[k];
        for (int j = 0; j < n; j++)
            late[k] =
                late[k] || (j != k && (v == params->params.data[first + j] ||
                                       !strcmp(member_or_empty(e, v), emit_member(e, params->params.data[first + j]))));
        if (late[k]) {
            const char *tmp = arena_printf(e->arena, "next_%d_%d", r->owner->id, k);
            declare(e, v, tmp);
            copy_value(e, tmp, v, v);
        }
    }
    for (int k = 0; k < n; k++) {
        const IrNode *v = r->results.data[k], *p = params->params.data[first + k];
        if (v == p || FUSE(v)->in_place) continue;
        const char *to = emit_member(e, p);
        if (late[k]) {
            const char *tmp = arena_printf(e->arena, "next_%d_%d", r->owner->id, k);
            if (emit_is_scalar(v))
                emit_line(e, &e->body, "f->%s = f->%s;", to, tmp);
            else
                emit_line(e, &e->body, "memcpy(f->%s, f->%s, sizeof(double) * (size_t)(%s));", to, tmp,
                          count_text(e, v));
            continue;
        }
        bool alone = true;
        for (int j = 0; j < n; j++) alone = alone && (j == k || r->results.data[j] != v);
        if (v->rspace && v->home == r && keeps_value(e, v) && alone) {
            emit_line(e, &e->body, "{ double *const swap = f->%s; f->%s = f->%s; f->%s = swap; }", to, to,
                      emit_member(e, v), emit_member(e, v));
            continue;
        }
        copy_value(e, to, p, v);
    }
}
static void report_carried(Emit *e, const IrNode *loop, const IrRegion *params, int first, const char *at,
                           const char *of) {
    for (int k = 0; first + k < params->params.len; k++) {
        const IrNode *p = params->params.data[first + k];
        const char *m = emit_member(e, p);
        const char *count = p->rspace ? "0" : arena_printf(e->arena, "%lld", (long long)(p->rows * p->cols));
        emit_line(e, &e->body, "if (rt->carried(rt, %d, %s, %s, %d, %sf->%s, %s)) return 1;", loop->id, at, of, k,
                  emit_is_scalar(p) ? "&" : "", m, count);
    }
    if (params->params.len == first)
        emit_line(e, &e->body, "if (rt->carried(rt, %d, %s, %s, -1, 0, 0)) return 1;", loop->id, at, of);
}
static bool reads(const IrRegion *r, const IrNode *v) {
    for (int i = 0; i < r->nodes.len; i++) {
        const IrNode *n = r->nodes.data[i];
        for (int a = 0; a < n->nargs; a++)
            if (n->args[a] == v) return true;
        for (int k = 0; k < n->nregions; k++)
            if (reads(n->regions[k], v)) return true;
    }
    for (int i = 0; i < r->results.len; i++)
        if (r->results.data[i] == v) return true;
    return false;
}
/* Does nothing read v, which its region keeps, once the loop has taken it as a carried value's start? */
static bool ends_in_loop(const Emit *e, const IrNode *v, const IrNode *loop) {
    if (!v->rspace || v->home != loop->home || !keeps_value(e, v)) return false;
    const IrRegion *r = v->home;
    int taken = 0;
    for (int i = 0; i < r->nodes.len; i++) {
        const IrNode *n = r->nodes.data[i];
        for (int a = 0; a < n->nargs; a++) {
            if (n->args[a] != v) continue;
            if (n == loop)
                taken++;
            else if (n->nregions || FUSE(n)->time >= FUSE(loop)->time)
                return false;
        }
        for (int k = 0; k < n->nregions; k++)
            if (reads(n->regions[k], v)) return false;
    }
    for (int i = 0; i < r->results.len; i++)
        if (r->results.data[i] == v) return false;
    return taken == 1;
}
/* A carried value's start: the array itself where nothing else needs it, else a copy. */
static void start_carried(Emit *e, const IrNode *loop, const IrNode *param, const IrNode *v) {
    const char *to = emit_member(e, param), *from = emit_member(e, v);
    if (!ends_in_loop(e, v, loop))
        copy_value(e, to, param, v);
    else
        emit_line(e, &e->body, "{ double *const swap = f->%s; f->%s = f->%s; f->%s = swap; }", to, to, from, from);
}
static void emit_loop(Emit *e, const IrNode *n) {
    const IrRegion *r = n->regions[0];
    emit_line(e, &e->body, "{ /* %s */", emit_where(e, n));
    e->indent++;
    emit_line(e, &e->body, "const int64_t of = times_of(%s);", emit_small_cell(e, n->args[0], "0", "0"));
    for (int k = 1; k < r->params.len; k++) start_carried(e, n, r->params.data[k], n->args[k]);
    report_carried(e, n, r, 1, "0", "of");
    emit_line(e, &e->body, "for (int64_t at = 1; at <= of; at++) {");
    e->indent++;
    emit_line(e, &e->body, "f->%s = (double)at;", emit_member(e, r->params.data[0]));
    emit_region(e, r);
    assign_carried(e, r, r, 1);
    report_carried(e, n, r, 1, "at", "of");
    e->indent--;
    emit_line(e, &e->body, "}");
    e->indent--;
    emit_line(e, &e->body, "}");
}
static void emit_while(Emit *e, const IrNode *n) {
    const IrRegion *cond = n->regions[0], *r = n->regions[1];
    emit_line(e, &e->body, "{ /* %s */", emit_where(e, n));
    e->indent++;
    for (int k = 0; k < r->params.len; k++) start_carried(e, n, r->params.data[k], n->args[k]);
    report_carried(e, n, r, 0, "0", "0");
    emit_line(e, &e->body, "for (int64_t at = 1;; at++) {");
    e->indent++;
    emit_region(e, cond);
    emit_line(e, &e->body, "if (%s == 0) break;", emit_small_cell(e, cond->results.data[0], "0", "0"));
    emit_region(e, r);
    assign_carried(e, r, r, 0);
    report_carried(e, n, r, 0, "at", "0");
    e->indent--;
    emit_line(e, &e->body, "}");
    e->indent--;
    emit_line(e, &e->body, "}");
}
static void emit_if(Emit *e, const IrNode *n) {
    emit_line(e, &e->body, "if (%s != 0) {", emit_small_cell(e, n->args[0], "0", "0"));
    for (int side = 0; side < 2; side++) {
        e->indent++;
        emit_region(e, n->regions[side]);
        for (int k = 0; k < n->regions[side]->results.len; k++)
            copy_value(e, arena_printf(e->arena, "either_%d_%d", n->id, k), either_shape(n, k),
                       n->regions[side]->results.data[k]);
        e->indent--;
        emit_line(e, &e->body, side ? "}" : "} else {");
    }
}
static void emit_kernel(Emit *e, const IrNode *n) {
    Buf *b = &e->body;
    emit_line(e, b, "{ /* %s */", emit_where(e, n));
    Buf args = {0};
    for (int a = 0; a < n->nargs; a++) {
        const IrNode *x = n->args[a];
        bool host = FUSE(x)->opaque || x->op == IR_DATA || x->op == IR_COUNT || x->op == IR_FULL || x->op == IR_IOTA ||
                    x->op == IR_CONST;
        if (a) buf_puts(&args, ", ");
        if (host)
            buf_puts(&args, "0");
        else
            buf_printf(&args, "%sf->%s", emit_is_scalar(x) ? "&" : "", emit_member(e, x));
    }
    emit_line(e, b, "    const void *const args[] = {%s};", args.len ? args.data : "0");
    buf_free(&args);
    const char *out =
        FUSE(n)->opaque ? "0" : arena_printf(e->arena, "%sf->%s", emit_is_scalar(n) ? "&" : "", emit_member(e, n));
    emit_line(e, b, "    if (rt->kernel(rt, %d, args, %s)) return 1;", n->id, out);
    emit_line(e, b, "}");
}
static void emit_pass_call(Emit *e, const FusePass *pass) {
    Buf *b = &e->body;
    for (int i = 0; i < pass->nodes.len; i++) { /* columns chosen by number are checked before the rows are read */
        const IrNode *n = pass->nodes.data[i];
        if (n->op != IR_TAKE_COLS) continue;
        const IrNode *index = n->args[1];
        emit_line(e, b, "for (int64_t k = 0; k < %lld; k++)", (long long)n->cols);
        emit_line(e, b, "    if (rt->column(rt, %d, %s, %lld)) return 1;", n->id,
                  emit_small_cell(e, index, index->cols == 1 ? "k" : "0", index->cols == 1 ? "0" : "k"),
                  (long long)n->args[0]->cols);
    }
    emit_line(e, b, "{");
    if (pass->segments)
        emit_line(e, b, "    const int parts = parts_for(f->n_%d + f->n_%d, rt->threads);", pass->space,
                  pass->segments->keys);
    else
        emit_line(e, b, "    const int parts = parts_for(f->n_%d, rt->threads);", pass->space);
    if (e->before.len) buf_add(b, e->before.data, e->before.len);
    emit_line(e, b, "    rt->run(parts, pass_%d, f);", pass->id);
    for (int i = 0; i < pass->nodes.len; i++) {
        const IrNode *n = pass->nodes.data[i];
        if (FUSE(n)->kind != FUSE_REDUCE || fuse_is_to_block(e->plan, n)) continue;
        const char *m = emit_member(e, n);
        if (n->op == IR_SCATTER) {
            emit_scatter_add_up(e, n);
            continue;
        }
        long long size = (long long)emit_acc_size(e, n), stride = (long long)emit_acc_stride(e, n);
        bool least = n->op == IR_MINALL || n->op == IR_COLMIN, most = n->op == IR_MAXALL || n->op == IR_COLMAX;
        const char *to = emit_is_scalar(n) ? arena_printf(e->arena, "f->%s", m)
                                           : arena_printf(e->arena, "f->%s[r * %lld + c]", m, (long long)n->cols);
        bool turned = emit_acc_is_transposed(e, n); /* memory is walked along */
        const char *at = arena_printf(e->arena,
                                      emit_is_symmetric(n) ? "(r < c ? r : c) * %lld + (r < c ? c : r)"
                                      : turned             ? "c * %lld + r"
                                                           : "r * %lld + c",
                                      stride);
        const char *from = arena_printf(e->arena, "f->parts_%s[p * %lldL + %s]", m, size, at);
        const char *rows = arena_printf(e->arena, "for (int64_t r = 0; r < %lld; r++)", (long long)n->rows);
        const char *cols = arena_printf(e->arena, "for (int64_t c = 0; c < %lld; c++)", (long long)n->cols);
        emit_line(e, b, "    %s", turned ? cols : rows);
        emit_line(e, b, "        %s {", turned ? rows : cols);
        emit_line(e, b, "            double s = f->parts_%s[%s];", m, at);
        emit_line(e, b, "            for (int p = 1; p < parts; p++) s = %s;",
                  arena_printf(e->arena,
                               least  ? "least_of(s, %s)"
                               : most ? "most_of(s, %s)"
                                      : "s + %s",
                               from));
        emit_line(e, b, "            %s = s;", to);
        emit_line(e, b, "        }");
    }
    emit_line(e, b, "}");
}
static void emit_region(Emit *e, const IrRegion *r) {
    const FuseRegion *fr = fuse_region(e->plan, r);
    for (int i = 0; i < fr->steps.len; i++) {
        const FuseStep *s = &fr->steps.data[i];
        if (s->pass) {
            e->body_indent = e->indent;
            emit_pass(e, s->pass);
            e->indent = e->body_indent;
            emit_pass_call(e, s->pass);
            buf_free(&e->before);
            continue;
        }
        switch (FUSE(s->node)->kind) {
        case FUSE_SMALL: emit_small(e, s->node); break;
        case FUSE_KERNEL: emit_kernel(e, s->node); break;
        default:
            if (s->node->op == IR_LOOP)
                emit_loop(e, s->node);
            else if (s->node->op == IR_WHILE)
                emit_while(e, s->node);
            else
                emit_if(e, s->node);
        }
    }
}

Emitted *emit_c(FusePlan *plan, const CpuTarget *target) {
    Emit em = {.plan = plan, .f = plan->func, .arena = plan->arena, .target = target}, *e = &em;
    e->out = arena_new_of(e->arena, Emitted);
    IrFunc *f = plan->func;
    e->indent = 1;
    for (int s = 1; s < f->spaces.len; s++) {
        emit_line(e, &e->members, "int64_t n_%d; /* rows of %s */", s, f->spaces.data[s].name);
        emit_line(e, &e->setup, "f->n_%d = rt->rows[%d];", s, s);
    }
    declare_region(e, f->body);
    e->indent = 1;
    emit_region(e, f->body);
    e->indent = 1;
    for (int k = 0; k < f->body->results.len; k++) {
        const IrNode *v = f->body->results.data[k];
        if (FUSE(v)->opaque) {
            emit_line(e, &e->body, "rt->output(rt, %d, 0);", k);
        } else if (FUSE(v)->kind == FUSE_LEAF && v->op != IR_ARG && v->op != IR_INPUT) {
            const char *tmp = arena_printf(e->arena, "out_%d", k);
            declare(e, v, tmp);
            copy_value(e, tmp, v, v);
            emit_line(e, &e->body, "rt->output(rt, %d, %sf->%s);", k, emit_is_scalar(v) ? "&" : "", tmp);
        } else {
            emit_line(e, &e->body, "rt->output(rt, %d, %sf->%s);", k, emit_is_scalar(v) ? "&" : "", emit_member(e, v));
        }
    }
    Buf t = {0};
    e->indent = 0;
    emit_line(e, &t,
              "/* %s, emitted by amal " AMAL_VERSION
              ". One struct with every value that is kept, one function a pass over the rows, then the\n * control "
              "flow. n_S: rows of S; ci_S: the row of S that a target row reads (the number of rows of S: none); D_S: "
              "S's numbers. */",
              f->name);
    buf_puts(&t, amal_abi_text);
    buf_printf(&t, "#define LANES %d /* doubles in a vector of the processor */\n", target->lanes);
    buf_puts(&t, amal_cells_text);
    buf_puts(&t, amal_prelude_text);
    buf_puts(&t, "\nstruct Frame {\n    AmalRt *rt;\n");
    if (e->members.len) buf_add(&t, e->members.data, e->members.len);
    buf_puts(&t, "};\n\n");
    if (e->passes.len) buf_add(&t, e->passes.data, e->passes.len);
    buf_puts(&t, "int amal_run(AmalRt *rt) {\n    struct Frame frame = {.rt = rt}, *const f = &frame;\n");
    if (e->setup.len) buf_add(&t, e->setup.data, e->setup.len);
    if (e->body.len) buf_add(&t, e->body.data, e->body.len);
    buf_puts(&t, "    return 0;\n}\n");
    e->out->text = buf_take(&t);
    buf_free(&e->members);
    buf_free(&e->setup);
    buf_free(&e->passes);
    buf_free(&e->body);
    return e->out;
}
