/* fuse.c: see fuse.h. */
#include "ir/fuse_internal.h"

const IntBlock *fuse_block(const IrFunc *f, const IrNode *n) {
    return &f->tables.data[n->table].data->blocks[n->block];
}
bool fuse_is_sparse(const IrFunc *f, const IrNode *n) {
    return n->op == IR_DATA && fuse_block(f, n)->data->kind != MAT_DENSE;
}
bool fuse_is_single(const IrFunc *f, const IrNode *n) {
    return n->op == IR_DATA && fuse_block(f, n)->data->kind == MAT_DENSE && fuse_block(f, n)->data->single;
}

bool fuse_reads_once(const IrNode *user, const IrNode *n) {
    if (ir_is_elementwise(user->op)) return user->cols == n->cols;
    switch (user->op) {
    case IR_SUM:
    case IR_COLSUMS:
    case IR_ROWSUMS:
    case IR_MINALL:
    case IR_MAXALL:
    case IR_COLMIN:
    case IR_COLMAX:
    case IR_SLICE_COLS:
    case IR_STORED: return true;
    default: return false;
    }
}

const FuseRegion *fuse_region(const FusePlan *p, const IrRegion *r) {
    for (int i = 0; i < p->regions.len; i++)
        if (p->regions.data[i]->region == r) return p->regions.data[i];
    internal_error("region without a schedule");
}

static bool is_row_value(const IrNode *n) {
    return n->rspace && !n->cspace;
}
static bool is_leaf(const IrNode *n) {
    switch (n->op) {
    case IR_CONST:
    case IR_INPUT:
    case IR_ARG:
    case IR_DATA:
    case IR_COUNT:
    case IR_FULL:
    case IR_IOTA: return true;
    default: return false;
    }
}
/* A dense operand that a pass over `space` can read row by row, or a small one that it can hold whole. */
static bool row_operand(const IrFunc *f, const IrNode *v, int space) {
    return is_row_value(v) && v->rspace == space && !FUSE(v)->opaque && !fuse_is_sparse(f, v);
}
static bool sparse_operand(const IrFunc *f, const IrNode *v, int space) {
    return v->rspace == space && fuse_is_sparse(f, v);
}
static bool small_operand(const IrNode *v) {
    return ir_is_small(v) && !FUSE(v)->opaque;
}
static bool broadcast_operand(const IrFunc *f, const IrNode *v, const IrNode *result) {
    if (row_operand(f, v, result->rspace)) return v->cols == result->cols || v->cols == 1;
    return small_operand(v) && v->rows == 1 && (v->cols == 1 || v->cols == result->cols);
}

/* Whether a pass can compute n row by row (FUSE_ROW) or accumulate it (FUSE_REDUCE); otherwise FUSE_SMALL or
 * FUSE_KERNEL. */
static FuseKind classify(const IrFunc *f, const IrNode *n) {
    IrClass cls = ir_ops[n->op].cls;
    if (cls == IRC_CONTROL) return FUSE_CONTROL;
    if (n->op == IR_PROJ) return FUSE_ALIAS;
    if (is_leaf(n)) return FUSE_LEAF;
    const IrNode *x = n->nargs > 0 ? n->args[0] : NULL, *y = n->nargs > 1 ? n->args[1] : NULL;
    int s = n->rspace;
    if (s && !n->cspace) {
        switch (n->op) {
        case IR_MATMUL:
            if (!n->ta && (row_operand(f, x, s) || sparse_operand(f, x, s)) && small_operand(y)) return FUSE_ROW;
            return FUSE_KERNEL;
        case IR_ROWSUMS: return row_operand(f, x, s) || sparse_operand(f, x, s) ? FUSE_ROW : FUSE_KERNEL;
        case IR_ROWMIN:
        case IR_ROWMAX:
        case IR_ROWARGMIN:
        case IR_ROWARGMAX:
        case IR_SLICE_COLS:
        case IR_ONEHOT:
        case IR_STORED: return row_operand(f, x, s) ? FUSE_ROW : FUSE_KERNEL;
        case IR_TAKE_COLS: return row_operand(f, x, s) && small_operand(y) ? FUSE_ROW : FUSE_KERNEL;
        case IR_GATHER: return is_row_value(x) && !FUSE(x)->opaque && !fuse_is_sparse(f, x) ? FUSE_ROW : FUSE_KERNEL;
        case IR_EXPAND:
            for (int i = 0; i < n->nargs; i++)
                if (!is_row_value(n->args[i]) || FUSE(n->args[i])->opaque) return FUSE_KERNEL;
            return FUSE_ROW;
        case IR_RAND:
        case IR_RANDN: return small_operand(x) ? FUSE_ROW : FUSE_KERNEL;
        case IR_CBIND:
            for (int i = 0; i < n->nargs; i++)
                if (!row_operand(f, n->args[i], s) && !(small_operand(n->args[i]) && n->args[i]->rows == 1))
                    return FUSE_KERNEL;
            return FUSE_ROW;
        case IR_SCATTER:
            return is_row_value(x) && !FUSE(x)->opaque && !fuse_is_sparse(f, x) ? FUSE_REDUCE : FUSE_KERNEL;
        default:
            if (cls != IRC_UNARY && cls != IRC_BINARY && n->op != IR_WHERE) return FUSE_KERNEL;
            for (int i = 0; i < n->nargs; i++)
                if (!broadcast_operand(f, n->args[i], n)) return FUSE_KERNEL;
            return FUSE_ROW;
        }
    }
    if (n->cspace) return FUSE_KERNEL;
    /* small results */
    switch (n->op) {
    case IR_MATMUL:
        if (is_row_value(x) || is_row_value(y)) {
            if (!n->ta || n->tb || !is_row_value(x) || x->rspace != y->rspace) return FUSE_KERNEL;
            bool dx = row_operand(f, x, x->rspace), dy = row_operand(f, y, x->rspace);
            bool sx = sparse_operand(f, x, x->rspace), sy = sparse_operand(f, y, x->rspace);
            return (dx && (dy || sy)) || (sx && dy) ? FUSE_REDUCE : FUSE_KERNEL;
        }
        if (!small_operand(x) || !small_operand(y)) return FUSE_KERNEL;
        return (double)n->rows * (double)n->cols * (double)(n->ta ? x->rows : x->cols) > 1e5 && n->rows > 8 &&
                       n->cols > 8
                   ? FUSE_KERNEL
                   : FUSE_SMALL;
    case IR_COLSUMS:
        if (is_row_value(x))
            return row_operand(f, x, x->rspace) || sparse_operand(f, x, x->rspace) ? FUSE_REDUCE : FUSE_KERNEL;
        return small_operand(x) ? FUSE_SMALL : FUSE_KERNEL;
    case IR_SUM:
    case IR_MINALL:
    case IR_MAXALL:
    case IR_COLMIN:
    case IR_COLMAX:
        if (is_row_value(x)) return row_operand(f, x, x->rspace) ? FUSE_REDUCE : FUSE_KERNEL;
        return small_operand(x) ? FUSE_SMALL : FUSE_KERNEL;
    case IR_ROWSUMS:
    case IR_ROWMIN:
    case IR_ROWMAX:
    case IR_ROWARGMIN:
    case IR_ROWARGMAX:
    case IR_TRANSPOSE:
    case IR_CBIND:
    case IR_RBIND:
    case IR_SLICE_COLS:
    case IR_SLICE_ROWS:
    case IR_ONEHOT:
    case IR_PICK:
    case IR_PICK_COLS:
    case IR_PLACE:
    case IR_PLACE_COLS:
    case IR_STORED:
    case IR_WHERE:
    case IR_EYE:
    case IR_DIAG: break;
    default:
        if (cls != IRC_UNARY && cls != IRC_BINARY) return FUSE_KERNEL;
    }
    for (int i = 0; i < n->nargs; i++)
        if (!small_operand(n->args[i])) return FUSE_KERNEL;
    return FUSE_SMALL;
}
/* Kernels that keep sparse operands sparse give a value whose storage is known only at run time. */
static bool result_is_opaque(const IrFunc *f, const IrNode *n) {
    if (n->cspace) return true;
    IrClass cls = ir_ops[n->op].cls;
    bool keeps = cls == IRC_UNARY || cls == IRC_BINARY || n->op == IR_SLICE_COLS || n->op == IR_TAKE_COLS ||
                 n->op == IR_EXPAND || n->op == IR_GATHER || n->op == IR_STORED || n->op == IR_WHERE ||
                 n->op == IR_TRANSPOSE || n->op == IR_SLICE_ROWS || n->op == IR_TAKE_ROWS;
    if (!keeps) return false;
    for (int i = 0; i < n->nargs; i++)
        if (FUSE(n->args[i])->opaque || fuse_is_sparse(f, n->args[i])) return n->rspace != 0 || n->cspace != 0;
    return false;
}

/* ---- segments ---- */
static void find_segments(FusePlan *p) {
    const IrFunc *f = p->func;
    for (int t = 0; t < f->tables.len; t++) {
        const IrTable *table = &f->tables.data[t];
        for (int i = 0; i < table->data->nindicators; i++) {
            const Indicator *ind = &table->data->indicators[i];
            if (!ind->segments || ind->identity) continue;
            FuseSegments s = {t, i, table->target_space, table->block_space[ind->space]};
            bool taken = false; /* a space belongs to one pair at most */
            for (int k = 0; k < p->segments.len; k++)
                taken = taken || p->segments.data[k].target == s.target || p->segments.data[k].keys == s.keys ||
                        p->segments.data[k].target == s.keys || p->segments.data[k].keys == s.target;
            if (!taken) vec_push(p->arena, &p->segments, s);
        }
    }
}
static bool has_segments(IrFunc *f) {
    FusePlan p = {.func = f, .arena = f->arena};
    find_segments(&p);
    return p.segments.len > 0;
}
static const FuseSegments *segments_of(const FusePlan *p, int target) {
    for (int i = 0; i < p->segments.len; i++)
        if (p->segments.data[i].target == target) return &p->segments.data[i];
    return NULL;
}
static bool goes_through(const FusePlan *p, const IrNode *n, int target) {
    const FuseSegments *s = segments_of(p, target);
    return s && n->table == s->table && n->indicator == s->indicator;
}
/* A gather of x, made in the same region row by row over the sorted-by table; a scatter into it. */
static bool gathers_segments(const FusePlan *p, const IrNode *n) {
    return n->op == IR_GATHER && FUSE(n)->kind == FUSE_ROW && goes_through(p, n, n->rspace);
}
static bool scatters_segments(const FusePlan *p, const IrNode *n) {
    return n->op == IR_SCATTER && FUSE(n)->kind == FUSE_REDUCE && goes_through(p, n, n->args[0]->rspace);
}
int fuse_space(const IrNode *n) {
    FuseKind k = FUSE(n)->kind;
    return k == FUSE_ROW ? n->rspace : k == FUSE_REDUCE ? n->args[0]->rspace : 0;
}
static const FusePass *pass_of(const FusePlan *p, const IrNode *n) {
    return FUSE(n)->pass < 0 ? NULL : p->passes.data[FUSE(n)->pass];
}
bool fuse_is_from_block(const FusePlan *p, const IrNode *n) {
    const FusePass *pass = pass_of(p, n);
    const FuseInfo *fu = n->nargs ? FUSE(n->args[0]) : NULL;
    return pass && pass->segments && gathers_segments(p, n) && fu->kind == FUSE_ROW && fu->pass == pass->id &&
           !fu->stored;
}
bool fuse_is_to_block(const FusePlan *p, const IrNode *n) {
    const FusePass *pass = pass_of(p, n);
    return pass && pass->segments && scatters_segments(p, n);
}

static int even_after(int t) {
    return (t + 2) / 2 * 2;
}
static int odd_after(int t) {
    return t % 2 ? t : t + 1;
}
static bool in_region(const IrNode *v, const IrRegion *r) {
    return v->home == r && FUSE(v)->kind != FUSE_LEAF;
}

/* The deepest-visible ancestor statement: an operand used inside nested regions is needed by the control node that
 * stands in r. */
static void region_operands(const IrRegion *inner, const IrRegion *r, int *time) {
    for (int i = 0; i < inner->nodes.len + inner->results.len; i++) {
        const IrNode *v = i < inner->nodes.len ? inner->nodes.data[i] : inner->results.data[i - inner->nodes.len];
        if (i >= inner->nodes.len) {
            if (in_region(v, r) && odd_after(FUSE(v)->time) > *time) *time = odd_after(FUSE(v)->time);
            continue;
        }
        for (int a = 0; a < v->nargs; a++)
            if (in_region(v->args[a], r) && odd_after(FUSE(v->args[a])->time) > *time)
                *time = odd_after(FUSE(v->args[a])->time);
        for (int k = 0; k < v->nregions; k++) region_operands(v->regions[k], r, time);
    }
}
/* A point in a region's schedule: times in order, and the stages of each. */
static int point(int time, int stage) {
    return 3 * time + stage;
}
static int first_stage(const FusePlan *p, int space) {
    return segments_of(p, space) ? 1 : 0;
}
/* The first point at which n, computed in a pass, may read u. */
static int after_operand(const FusePlan *p, const IrNode *n, const IrNode *u) {
    const FuseInfo *fu = FUSE(u);
    int space = fuse_space(n);
    if (fu->kind == FUSE_ROW && u->rspace == space && n->op != IR_GATHER) return point(fu->time, fu->stage);
    if (fu->kind == FUSE_ROW && gathers_segments(p, n) && fu->stage == 0) return point(fu->time, 1);
    if (scatters_segments(p, u) && u->rspace == space && n->op != IR_GATHER) return point(fu->time, 2);
    return point(even_after(fu->time), first_stage(p, space));
}
static int earliest(const FusePlan *p, const IrNode *n, const IrRegion *r) {
    const FuseInfo *fi = FUSE(n);
    bool pass = fi->kind == FUSE_ROW || fi->kind == FUSE_REDUCE;
    int at = pass ? point(0, first_stage(p, fuse_space(n))) : point(1, 0);
    for (int a = 0; a < n->nargs; a++) {
        const IrNode *u = n->args[a];
        if (!in_region(u, r)) continue;
        int need = pass ? after_operand(p, n, u) : point(odd_after(FUSE(u)->time), 0);
        if (need > at) at = need;
    }
    for (int k = 0; k < n->nregions; k++) {
        int t = at / 3;
        region_operands(n->regions[k], r, &t);
        if (point(t, 0) > at) at = point(t, 0);
    }
    return at;
}
/* The last point at which u may be computed for n to read it there, -2: it is stored, as early as it can be. */
static int before_use(const FusePlan *p, const IrNode *n, const IrNode *u) {
    const FuseInfo *fi = FUSE(n);
    if (fi->kind != FUSE_ROW && fi->kind != FUSE_REDUCE) return -2;
    if (fuse_space(n) == u->rspace && n->op != IR_GATHER) return point(fi->time, fi->stage);
    return gathers_segments(p, n) ? point(fi->time, 0) : -2;
}

bool fuse_in_block(const FusePlan *p, const IrNode *n, const IrNode *u) {
    if (FUSE(n)->pass != FUSE(u)->pass) return false;
    if (FUSE(u)->kind == FUSE_REDUCE) return scatters_segments(p, u) && n->op != IR_GATHER;
    return n->op != IR_GATHER || gathers_segments(p, n);
}
static void count_use(const FusePlan *p, IrNode *v, IrNode *user, const IrRegion *where) {
    FuseInfo *fi = FUSE(v);
    fi->uses++;
    fi->only_user = fi->uses == 1 ? user : NULL;
    bool kept = fi->kind == FUSE_ROW || (fi->kind == FUSE_REDUCE && fuse_is_to_block(p, v));
    if (kept && (v->home != where || !user || !fuse_in_block(p, user, v))) fi->stored = true;
}
static void count_region_uses(const FusePlan *p, IrRegion *r) {
    for (int i = 0; i < r->nodes.len; i++) {
        IrNode *n = r->nodes.data[i];
        for (int a = 0; a < n->nargs; a++) count_use(p, n->args[a], n, r);
        for (int k = 0; k < n->nregions; k++) count_region_uses(p, n->regions[k]);
    }
    for (int i = 0; i < r->results.len; i++) count_use(p, r->results.data[i], NULL, r);
}

/* Values of r that a nested region reads are stored before it: they do not sink. */
static void needed_inside(const IrRegion *inner, const IrRegion *r, int *first_use) {
    for (int i = 0; i < inner->nodes.len; i++) {
        const IrNode *n = inner->nodes.data[i];
        for (int a = 0; a < n->nargs; a++)
            if (n->args[a]->home == r) first_use[n->args[a]->id] = -2;
        for (int k = 0; k < n->nregions; k++) needed_inside(n->regions[k], r, first_use);
    }
    for (int i = 0; i < inner->results.len; i++)
        if (inner->results.data[i]->home == r) first_use[inner->results.data[i]->id] = -2;
}

/* Do target rows and table rows hand something to each other at this time, or at least sums to the table? */
static bool share_segments(const FusePlan *p, const FuseSegments *s, const IrRegion *r, int time) {
    for (int i = 0; i < r->nodes.len; i++) {
        const IrNode *n = r->nodes.data[i];
        if (FUSE(n)->time != time || fuse_space(n) != s->target) continue;
        if (scatters_segments(p, n)) return true;
        if (gathers_segments(p, n) && in_region(n->args[0], r) && FUSE(n->args[0])->kind == FUSE_ROW &&
            FUSE(n->args[0])->time == time)
            return true;
    }
    return false;
}
/* The nodes of this time over `space`, or over both spaces of `segments`, that are in no pass yet, as one. */
static void make_pass(FusePlan *p, FuseRegion *fr, int time, int space, const FuseSegments *segments) {
    FusePass *pass = NULL;
    IrRegion *r = fr->region;
    for (int i = 0; i < r->nodes.len; i++) {
        IrNode *n = r->nodes.data[i];
        FuseInfo *fi = FUSE(n);
        int over = fuse_space(n);
        bool here = segments ? over == segments->target || over == segments->keys : over == space;
        if (!over || !here || fi->time != time || fi->pass >= 0) continue;
        if (!pass) {
            pass = arena_new_of(p->arena, FusePass);
            *pass = (FusePass){.id = p->passes.len,
                               .space = segments ? segments->target : space,
                               .time = time,
                               .segments = segments,
                               .region = r};
            vec_push(p->arena, &p->passes, pass);
            FuseStep st = {.pass = pass};
            vec_push(p->arena, &fr->steps, st);
        }
        fi->pass = pass->id;
        vec_push(p->arena, &pass->nodes, n);
    }
}

static void schedule_region(FusePlan *p, IrRegion *r) {
    IrFunc *f = p->func;
    FuseRegion *fr = arena_new_of(p->arena, FuseRegion);
    fr->region = r;
    vec_push(p->arena, &p->regions, fr);
    int last = 0;
    for (int i = 0; i < r->nodes.len; i++) {
        IrNode *n = r->nodes.data[i];
        FuseInfo *fi = FUSE(n);
        for (int k = 0; k < n->nregions; k++) schedule_region(p, n->regions[k]);
        if (fi->kind == FUSE_LEAF) continue;
        int at = earliest(p, n, r);
        fi->time = at / 3;
        fi->stage = at % 3;
        if (fi->time > last) last = fi->time;
    }
    /* row nodes sink to their first consumer; the nodes are in dependency order, so consumers are settled first going
     * backwards */
    int *first_use = arena_array(p->arena, int, f->next_id);
    for (int i = 0; i < f->next_id; i++) first_use[i] = -1;
    for (int i = r->nodes.len - 1; i >= 0; i--) {
        IrNode *n = r->nodes.data[i];
        FuseInfo *fi = FUSE(n);
        if (fi->kind == FUSE_ROW && first_use[n->id] > point(fi->time, fi->stage)) {
            fi->time = first_use[n->id] / 3;
            fi->stage = first_use[n->id] % 3;
        }
        for (int a = 0; a < n->nargs; a++) {
            IrNode *u = n->args[a];
            if (!in_region(u, r) || FUSE(u)->kind != FUSE_ROW) continue;
            int need = before_use(p, n, u);
            if (first_use[u->id] == -1 || need < first_use[u->id]) first_use[u->id] = need;
        }
        for (int k = 0; k < n->nregions; k++) needed_inside(n->regions[k], r, first_use);
    }
    for (int t = 0; t <= last; t++) {
        if (t % 2 == 0) {
            for (int i = 0; i < p->segments.len; i++)
                if (share_segments(p, &p->segments.data[i], r, t)) make_pass(p, fr, t, 0, &p->segments.data[i]);
            for (int s = 1; s < f->spaces.len; s++) make_pass(p, fr, t, s, NULL);
        } else {
            for (int i = 0; i < r->nodes.len; i++) {
                IrNode *n = r->nodes.data[i];
                FuseInfo *fi = FUSE(n);
                if (fi->time != t || (fi->kind != FUSE_SMALL && fi->kind != FUSE_KERNEL && fi->kind != FUSE_CONTROL))
                    continue;
                FuseStep st = {.node = n};
                vec_push(p->arena, &fr->steps, st);
            }
        }
    }
}

static void prepare_region(FusePlan *p, IrRegion *r) {
    for (int i = 0; i < r->params.len; i++) {
        FuseInfo *fi = arena_new_of(p->arena, FuseInfo);
        *fi = (FuseInfo){.kind = FUSE_LEAF, .pass = -1};
        r->params.data[i]->note = fi;
    }
    for (int i = 0; i < r->nodes.len; i++) {
        IrNode *n = r->nodes.data[i];
        FuseInfo *fi = arena_new_of(p->arena, FuseInfo);
        fi->pass = -1;
        n->note = fi;
        for (int k = 0; k < n->nregions; k++) prepare_region(p, n->regions[k]);
        fi->kind = classify(p->func, n);
        fi->opaque = fi->kind == FUSE_KERNEL && result_is_opaque(p->func, n);
    }
}
/* What a loop carries and what a branch leaves behind is dense: emitted code copies it. */
static void carry_dense(IrNode *v) {
    if (v->cspace) internal_error("%%%d has a column for each row of T and is carried (lowering reports E137)", v->id);
    FUSE(v)->opaque = false;
}
static void mark_carried(IrRegion *r) {
    if (r->kind != REGION_FUNC)
        for (int i = 0; i < r->results.len; i++) carry_dense(r->results.data[i]);
    for (int i = 0; i < r->nodes.len; i++) {
        IrNode *n = r->nodes.data[i];
        for (int a = 0; n->nregions && a < n->nargs; a++) carry_dense(n->args[a]);
        for (int k = 0; k < n->nregions; k++) mark_carried(n->regions[k]);
    }
}

/* The array of a carried row value may be overwritten in place when everything that reads it runs no later than the
 * pass that writes it, reads only its own row, and the new value is used by nothing outside that pass. */
static bool used_in_its_pass_only(const IrRegion *r, const IrNode *v) {
    int results = 0;
    for (int k = 0; k < r->results.len; k++) results += r->results.data[k] == v;
    for (int i = 0; i < r->nodes.len; i++) {
        const IrNode *n = r->nodes.data[i];
        for (int a = 0; a < n->nargs; a++)
            if (n->args[a] == v && (FUSE(n)->pass != FUSE(v)->pass || n->op == IR_GATHER)) return false;
    }
    return results == 1;
}
static void mark_in_place(const FusePlan *p, IrRegion *r) {
    for (int i = 0; i < r->nodes.len; i++)
        for (int k = 0; k < r->nodes.data[i]->nregions; k++) mark_in_place(p, r->nodes.data[i]->regions[k]);
    if (r->kind != REGION_LOOP) return;
    for (int c = 0; c < r->results.len; c++) {
        IrNode *v = r->results.data[c], *param = r->params.data[c + 1];
        if (FUSE(v)->kind != FUSE_ROW || v->home != r || !used_in_its_pass_only(r, v)) continue;
        bool ok = true;
        for (int i = 0; i < r->nodes.len && ok; i++) {
            IrNode *n = r->nodes.data[i];
            for (int a = 0; a < n->nargs; a++)
                if (n->args[a] == param)
                    ok = ok && FUSE(n)->time <= FUSE(v)->time && n->op != IR_GATHER && FUSE(n)->kind != FUSE_CONTROL;
            ok = ok && !n->nregions;
        }
        for (int k = 0; k < r->results.len; k++) ok = ok && (k == c || r->results.data[k] != param);
        FUSE(v)->in_place = ok;
    }
}

/* ---- one-hot rows ---- */
bool fuse_reads_code(const IrNode *user) {
    return user->op == IR_SCATTER || user->op == IR_COLSUMS ||
           (user->op == IR_MATMUL && user->ta && user->args[0] != user->args[1]);
}
bool fuse_is_code(const FusePlan *p, const IrNode *n) {
    if (n->op != IR_ONEHOT || FUSE(n)->kind != FUSE_ROW || FUSE(n)->stored) return false;
    const FusePass *pass = pass_of(p, n);
    for (int i = 0; i < pass->nodes.len; i++) {
        const IrNode *u = pass->nodes.data[i];
        for (int a = 0; a < u->nargs; a++)
            if (u->args[a] == n && !fuse_reads_code(u)) return false;
    }
    return true;
}

/* ---- plans ---- */
static FusePlan *schedule(IrFunc *f, bool segments) {
    FusePlan *p = arena_new_of(f->arena, FusePlan);
    p->func = f;
    p->arena = f->arena;
    prepare_region(p, f->body);
    mark_carried(f->body);
    if (segments) find_segments(p);
    schedule_region(p, f->body);
    count_region_uses(p, f->body);
    return p;
}
/* Gives passes the values that they had better make for themselves, and returns the plain plan then: once, whatever
 * plans of f are made, so that all of them are of the same nodes. */
static FusePlan *own_values(IrFunc *f) {
    FusePlan *p = schedule(f, false);
    f->owned = true;
    for (FuseOwn step = FUSE_OWN_GATHERS; step <= FUSE_OWN_COPIES; step++) {
        if (!fuse_own(p, step)) continue;
        ir_dead_code(f);
        p = schedule(f, false);
    }
    return p;
}
static FusePlan *fuse(IrFunc *f, bool segments) {
    FusePlan *p = f->owned ? NULL : own_values(f);
    if (!p || (segments && has_segments(f))) p = schedule(f, segments);
    mark_in_place(p, f->body);
    fuse_verify(p);
    return p;
}
FusePlan *ir_fuse(IrFunc *f) {
    return fuse(f, true);
}
FusePlan *ir_fuse_plain(IrFunc *f) {
    return fuse(f, false);
}

void fuse_verify(const FusePlan *p) {
    for (int i = 0; i < p->passes.len; i++) {
        const FusePass *pass = p->passes.data[i];
        for (int k = 0; k < pass->nodes.len; k++) {
            const IrNode *n = pass->nodes.data[k];
            for (int a = 0; a < n->nargs; a++) {
                const IrNode *u = n->args[a];
                const FuseInfo *fu = FUSE(u);
                if (u->home != pass->region || fu->kind == FUSE_LEAF) continue;
                bool same = fu->pass == pass->id && fuse_in_block(p, n, u) &&
                            (u->op == IR_SCATTER          ? FUSE(n)->stage == 2
                             : fuse_space(n) == u->rspace ? fu->stage <= FUSE(n)->stage
                                                          : fu->stage == 0);
                if (!same && fu->time >= pass->time)
                    internal_error("%%%d is read by %%%d before its pass has ended", u->id, n->id);
                if (!same && fu->kind == FUSE_ROW && !fu->stored)
                    internal_error("%%%d crosses passes but is not stored", u->id);
            }
        }
    }
}

static double node_bytes(const IrFunc *f, const IrNode *n) {
    const Matrix *m = n->op == IR_DATA ? fuse_block(f, n)->data : NULL;
    if (m && fuse_is_single(f, n)) return 4.0 * (double)m->rows * (double)m->ld;
    if (m) return (double)mat_bytes(m);
    return 8.0 * (double)n->rows * (double)n->cols;
}
void fuse_pass_bytes(const FusePlan *p, const FusePass *pass, double *read, double *written) {
    *read = *written = 0;
    IrNodeVec seen = {0};
    for (int i = 0; i < pass->nodes.len; i++) {
        const IrNode *n = pass->nodes.data[i];
        for (int a = 0; a < n->nargs; a++) {
            IrNode *u = n->args[a];
            bool dup = FUSE(u)->pass == pass->id || !u->rspace || u->op == IR_FULL || u->op == IR_IOTA;
            for (int k = 0; k < seen.len && !dup; k++) dup = seen.data[k] == u;
            if (dup) continue;
            vec_push(p->arena, &seen, u);
            *read += node_bytes(p->func, u);
        }
        if (n->op == IR_GATHER || n->op == IR_SCATTER) *read += 4.0 * (double)p->func->spaces.data[pass->space].rows;
        bool summed = n->op == IR_SCATTER && !fuse_is_to_block(p, n);
        if (FUSE(n)->stored || summed) *written += node_bytes(p->func, n);
    }
}
