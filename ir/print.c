/* print.c: a function as text for dumps and tests, and a node as algebra for people. */
#include <math.h>

#include "ir/ir.h"

static void indent(Buf *b, int depth) {
    for (int i = 0; i < depth; i++) buf_puts(b, "  ");
}
static void print_number(Buf *b, double v) {
    char s[40];
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(s, sizeof s, "%.*g", digits, v);
        double back = 0;
        if (sscanf(s, "%lf", &back) == 1 && (back == v || v != v)) break;
    }
    buf_puts(b, s);
}
static void print_dim(Buf *b, const IrFunc *f, int64_t n, int space) {
    if (space)
        buf_puts(b, f->spaces.data[space].name);
    else
        buf_printf(b, "%lld", (long long)n);
}
static void print_attributes(Buf *b, const IrFunc *f, const IrNode *n) {
    switch (n->op) {
    case IR_CONST:
        buf_puts(b, " ");
        print_number(b, n->num);
        break;
    case IR_FULL:
        buf_puts(b, " ");
        print_number(b, n->num);
        break;
    case IR_INPUT: buf_printf(b, " %s", f->inputs.data[n->i0].name); break;
    case IR_TABLE: buf_printf(b, " %s", f->tables.data[n->table].name); break;
    case IR_SLICE_ROWS:
    case IR_SLICE_COLS: buf_printf(b, " [%lld, %lld)", (long long)n->i0, (long long)n->i1); break;
    case IR_ONEHOT:
    case IR_PROJ:
    case IR_ARG: buf_printf(b, " #%lld", (long long)n->i0); break;
    case IR_DATA:
    case IR_PICK:
    case IR_PICK_COLS: {
        const IntBlock *k = &f->tables.data[n->table].data->blocks[n->block];
        buf_printf(b, " %s", k->label ? k->label : "block");
        break;
    }
    case IR_COUNT:
    case IR_GATHER:
    case IR_SCATTER: {
        const Integration *in = f->tables.data[n->table].data;
        buf_printf(b, " by %s#%d", in->spaces[in->indicators[n->indicator].space].name, n->indicator);
        break;
    }
    case IR_EXTREME:
    case IR_PLACE_COLS:
        if (n->i0) buf_puts(b, n->i0 == 1 ? " min" : " max");
        break;
    default:
        if (ir_at_stored(n)) buf_puts(b, " stored");
        break;
    }
}
static void print_region(Buf *b, const IrFunc *f, const IrRegion *r, int depth);
static void print_node(Buf *b, const IrFunc *f, const IrNode *n, int depth) {
    indent(b, depth);
    buf_printf(b, "%%%d = %s%s", n->id, ir_ops[n->op].text, n->ta ? (n->tb ? " ''" : " '.") : n->tb ? " .'" : "");
    print_attributes(b, f, n);
    for (int i = 0; i < n->nargs; i++) buf_printf(b, " %%%d", n->args[i]->id);
    if (!n->nregions) {
        buf_puts(b, " : ");
        print_dim(b, f, n->rows, n->rspace);
        buf_puts(b, " x ");
        print_dim(b, f, n->cols, n->cspace);
    }
    int line = 0, column = 0;
    if (f->diags && n->span.file) diag_locate(f->diags, n->span, &line, &column);
    if (n->name || line) buf_puts(b, "   #");
    if (n->name) buf_printf(b, " %s", n->name);
    if (line) buf_printf(b, " (line %d)", line);
    buf_puts(b, "\n");
    for (int k = 0; k < n->nregions; k++) {
        indent(b, depth);
        buf_puts(b, k ? "} {" : "{");
        for (int i = 0; i < n->regions[k]->params.len; i++) buf_printf(b, " %%%d", n->regions[k]->params.data[i]->id);
        buf_puts(b, "\n");
        print_region(b, f, n->regions[k], depth + 1);
        if (k == n->nregions - 1) {
            indent(b, depth);
            buf_puts(b, "}\n");
        }
    }
}
static void print_region(Buf *b, const IrFunc *f, const IrRegion *r, int depth) {
    for (int i = 0; i < r->nodes.len; i++) print_node(b, f, r->nodes.data[i], depth);
    indent(b, depth);
    buf_puts(b, "->");
    for (int i = 0; i < r->results.len; i++) buf_printf(b, " %%%d", r->results.data[i]->id);
    buf_puts(b, "\n");
}
void ir_print(Buf *b, const IrFunc *f) {
    buf_printf(b, "function %s (level %d)\n", f->name, f->factorized ? 2 : 1);
    print_region(b, f, f->body, 1);
}

static void expr(Buf *b, const IrNode *n, int depth, bool top, bool by_name);
static void operand(Buf *b, const IrNode *n, bool transposed, int depth, bool by_name) {
    IrClass c = ir_ops[n->op].cls;
    bool wraps = depth > 0 && (c == IRC_BINARY || n->op == IR_MATMUL || n->op == IR_NEG);
    if (wraps) buf_puts(b, "(");
    expr(b, n, depth, false, by_name);
    if (wraps) buf_puts(b, ")");
    if (transposed) buf_puts(b, "'");
}
static void expr(Buf *b, const IrNode *n, int depth, bool top, bool by_name) {
    if (n->op == IR_CONST || (n->op == IR_FULL && depth <= 0)) {
        if (by_name && !ir_plain_number(n->num))
            buf_printf(b, "number_%d", n->id);
        else
            print_number(b, n->num);
        return;
    }
    if (n->op == IR_PROJ) {
        buf_puts(b, n->name ? n->name : "result");
        return;
    }
    if (!top && (depth <= 0 || ir_ops[n->op].cls == IRC_LEAF)) {
        if (n->name)
            buf_puts(b, n->name);
        else if (n->op == IR_TABLE)
            buf_puts(b, "X");
        else if (ir_ops[n->op].cls == IRC_LEAF)
            buf_puts(b, ir_ops[n->op].text);
        else
            buf_printf(b, "%%%d", n->id);
        return;
    }
    if (n->op == IR_MATMUL || ir_ops[n->op].cls == IRC_BINARY) {
        const char *text = ir_ops[n->op].text;
        if (strlen(text) <= 2 || n->op == IR_AND || n->op == IR_OR) {
            operand(b, n->args[0], n->op == IR_MATMUL && n->ta, depth - 1, by_name);
            buf_printf(b, " %s ", text);
            operand(b, n->args[1], n->op == IR_MATMUL && n->tb, depth - 1, by_name);
            return;
        }
    }
    if (n->op == IR_NEG) {
        buf_puts(b, "-");
        operand(b, n->args[0], false, depth - 1, by_name);
        return;
    }
    if (n->op == IR_TRANSPOSE) {
        operand(b, n->args[0], true, depth - 1, by_name);
        return;
    }
    buf_printf(b, "%s", ir_ops[n->op].text);
    if (ir_ops[n->op].cls == IRC_LEAF) return;
    buf_puts(b, "(");
    for (int i = 0; i < n->nargs; i++) {
        if (i) buf_puts(b, ", ");
        expr(b, n->args[i], depth - 1, false, by_name);
    }
    buf_puts(b, ")");
}
/* Names where there are some, attributes where algebra has no marks for them: gather by flights#0 %6. */
void ir_print_line(Buf *out, const IrFunc *f, const IrNode *n) {
    IrClass c = ir_ops[n->op].cls;
    if (n->op == IR_CONST || n->op == IR_MATMUL || c == IRC_BINARY || c == IRC_UNARY || n->op == IR_TRANSPOSE ||
        (c != IRC_LEAF && c != IRC_FACT && c != IRC_CONTROL)) {
        expr(out, n, 1, true, false);
        return;
    }
    buf_puts(out, ir_ops[n->op].text);
    print_attributes(out, f, n);
    for (int i = 0; i < n->nargs; i++) {
        buf_puts(out, " ");
        if (n->op == IR_PROJ)
            buf_printf(out, "%%%d", n->args[i]->id);
        else
            expr(out, n->args[i], 0, false, false);
    }
}
void ir_print_shape(Buf *out, const IrFunc *f, const IrNode *n) {
    print_dim(out, f, n->rows, n->rspace);
    buf_puts(out, " × ");
    print_dim(out, f, n->cols, n->cspace);
}
void ir_print_expr(Buf *out, const IrNode *n, int depth) {
    expr(out, n, depth, true, false);
}
void ir_print_formula(Buf *out, const IrNode *n, int depth) {
    expr(out, n, depth, true, true);
}
bool ir_plain_number(double v) {
    static const double plain[] = {0, 1, -1, 2, -2, 0.5, -0.5};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (v == plain[i]) return true;
    return isnan(v) || isinf(v);
}
