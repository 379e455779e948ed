/* explain_algebra.c: a function's algebra as lines that can be compared between passes (contract: explain.h).
 *
 * Passes rebuild functions, so that numbers of nodes say nothing from one to the next. Each line therefore carries a
 * hash of what its node computes: the operator, its attributes and the hashes of its operands. A carried value is its
 * place in its loop. Lines with the same hash compute the same. */
#include "compiler/explain.h"

static uint64_t mix(uint64_t h, uint64_t v) {
    return hash_bytes(&v, sizeof v, h);
}

static uint64_t node_hash(const IrNode *n, uint64_t *known) {
    if (known[n->id]) return known[n->id];
    uint64_t h = mix(17, (uint64_t)n->op), bits;
    memcpy(&bits, &n->num, sizeof bits);
    if (n->op == IR_ARG) {
        h = mix(h, n->home ? (uint64_t)n->home->depth : 0);
        int place = 0;
        while (n->home && place < n->home->params.len && n->home->params.data[place] != n) place++;
        return known[n->id] = mix(h, (uint64_t)place) | 1;
    }
    h = mix(h, bits);
    h = mix(h, (uint64_t)n->ta << 1 | (uint64_t)n->tb);
    h = mix(h, (uint64_t)n->rows * 1000003u + (uint64_t)n->cols);
    h = mix(h, (uint64_t)n->i0);
    h = mix(h, (uint64_t)n->i1);
    if (n->op == IR_TABLE || ir_ops[n->op].cls == IRC_FACT) {
        h = mix(h, (uint64_t)n->table);
        h = mix(h, (uint64_t)n->block);
        h = mix(h, (uint64_t)n->indicator);
    }
    for (int i = 0; i < n->nargs; i++) h = mix(h, node_hash(n->args[i], known));
    for (int k = 0; k < n->nregions; k++)
        for (int i = 0; i < n->regions[k]->results.len; i++)
            h = mix(h, node_hash(n->regions[k]->results.data[i], known));
    return known[n->id] = h | 1; /* 0: not known yet */
}

typedef struct Lines {
    Buf *out;
    const IrFunc *f;
    uint64_t *known;
    bool any;
} Lines;

static void put_line(Lines *l, uint64_t hash, int depth, const char *name, const char *text, const char *shape,
                     int line) {
    buf_printf(l->out, "%s[\"%llx\",%d,", l->any ? ",\n" : "", (unsigned long long)hash, depth);
    report_text(l->out, name);
    buf_puts(l->out, ",");
    report_text(l->out, text);
    buf_puts(l->out, ",");
    report_text(l->out, shape);
    buf_printf(l->out, ",%d]", line);
    l->any = true;
}

static int line_of(const IrFunc *f, const IrNode *n) {
    int line = 0, column = 0;
    if (f->diags && n->span.file) diag_locate(f->diags, n->span, &line, &column);
    return line;
}

static const char *node_name(const IrFunc *f, const IrNode *n) {
    return arena_printf(f->arena, n->name && n->op != IR_DATA ? "%%%d %s" : "%%%d", n->id, n->name);
}

static void put_region(Lines *l, const IrRegion *r, int depth);

static void put_node(Lines *l, const IrNode *n, int depth) {
    Buf text = {0}, shape = {0};
    ir_print_line(&text, l->f, n);
    if (!n->nregions) ir_print_shape(&shape, l->f, n);
    put_line(l, node_hash(n, l->known), depth, node_name(l->f, n), text.data ? text.data : "",
             shape.data ? shape.data : "", line_of(l->f, n));
    buf_free(&text);
    buf_free(&shape);
    for (int k = 0; k < n->nregions; k++) {
        uint64_t at = mix(mix(23, (uint64_t)depth), (uint64_t)k);
        if (k) put_line(l, at, depth, "", n->op == IR_IF ? "else" : "do", "", 0);
        for (int i = 0; i < n->regions[k]->params.len; i++) {
            const IrNode *p = n->regions[k]->params.data[i];
            ir_print_shape(&shape, l->f, p);
            put_line(l, node_hash(p, l->known), depth + 1, node_name(l->f, p),
                     i || n->op != IR_LOOP ? "carried" : "index", shape.data, 0);
            buf_free(&shape);
        }
        put_region(l, n->regions[k], depth + 1);
    }
}

static void put_region(Lines *l, const IrRegion *r, int depth) {
    for (int i = 0; i < r->nodes.len; i++) put_node(l, r->nodes.data[i], depth);
    Buf b = {0};
    uint64_t h = 29;
    for (int i = 0; i < r->results.len; i++) {
        const IrNode *n = r->results.data[i];
        h = mix(h, node_hash(n, l->known));
        buf_printf(&b, "%s%s", i ? ", " : "", node_name(l->f, n));
    }
    put_line(l, h, depth, "→", b.data ? b.data : "", "", 0);
    buf_free(&b);
}

void explain_algebra_json(Buf *out, const IrFunc *f) {
    Lines l = {.out = out, .f = f, .known = arena_array(f->arena, uint64_t, f->next_id + 1)};
    buf_puts(out, "[");
    put_region(&l, f->body, 0);
    buf_puts(out, "]");
}
