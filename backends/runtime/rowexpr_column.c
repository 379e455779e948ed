/* rowexpr_column.c: a row expression over every row of one role.
 *
 * Numbers go in blocks of rows through the tree. A subtree that reads one text column and nothing else is evaluated
 * once per entry of its dictionary and then looked up. What mixes texts of several columns is evaluated row by row. */
#include "backends/runtime/rowexpr_internal.h"
#include <math.h>

enum { BLOCK = 512 };
typedef struct Node Node;
struct Node {
    const RowExpr *e;
    int nargs;
    Node **args;
    const Column *col; /* RX_COLUMN, or the text column of a table of results */
    double *lut;       /* result per dictionary code + 1 (0: null); NULL: none */
    bool by_row;       /* evaluated by rx_eval */
    int function;
};
typedef struct Eval {
    Diags *ds;
    const Table *table;
    RxContext rx;
    const Table *tables[64];
    int64_t rows[64];
    Arena *arena;
    bool failed;
} Eval;

/* Which column a tree reads: -1 none yet, -2 several. */
static void columns_read(const RowExpr *e, int *role, int *column) {
    if (e->kind == RX_COLUMN) {
        if (*column == -1)
            *column = e->column;
        else if (*column != e->column)
            *column = -2;
        *role = e->role;
    }
    for (int i = 0; i < e->nargs; i++) columns_read(e->args[i], role, column);
}
static bool is_text_column(const Column *c) {
    return c->type == TY_TEXT || c->type == TY_CAT;
}
static bool is_text(const RowExpr *e) {
    return e->type == TY_TEXT || e->type == TY_CAT;
}
static bool touches_text(const RowExpr *e) {
    for (int i = 0; i < e->nargs; i++)
        if (is_text(e->args[i])) return true;
    return is_text(e);
}
static bool needs_time_rules(const RowExpr *e) {
    for (int i = 0; i < e->nargs; i++)
        if (e->args[i]->type == TY_TIME || e->args[i]->type == TY_DATE) return true;
    return false;
}

static void check_regexes(Eval *v, const RowExpr *e) {
    if (e->kind == RX_CALL && !strcmp(e->text, "extract") && e->args[1]->kind == RX_TEXT) {
        regex_t r;
        int rc = regcomp(&r, e->args[1]->text, REG_EXTENDED);
        if (rc) {
            char why[128];
            regerror(rc, &r, why, sizeof why);
            Diag *d = diag_error(v->ds, "E132", e->args[1]->span, "\"%s\" is not a regular expression: %s",
                                 e->args[1]->text, why);
            diag_help(d, "extract() takes POSIX extended regular expressions; a literal mark is escaped with \\\\");
            v->failed = true;
        } else
            regfree(&r);
    }
    for (int i = 0; i < e->nargs; i++) check_regexes(v, e->args[i]);
}

static Node *prepare(Eval *v, const RowExpr *e) {
    Node *n = arena_new_of(v->arena, Node);
    n->e = e;
    int role = 0, column = -1;
    columns_read(e, &role, &column);
    if (e->kind == RX_COLUMN) {
        n->col = &v->table->cols[e->column];
        n->by_row = is_text_column(n->col);
        return n;
    }
    if (column >= 0 && is_text_column(&v->table->cols[column]) && !is_text(e)) {
        n->col = &v->table->cols[column];
        int32_t count = n->col->dict ? n->col->dict->count : 0;
        n->lut = arena_array(v->arena, double, count + 1);
        v->rx.by_code = true;
        for (int32_t c = -1; c < count; c++) {
            v->rows[role] = c;
            n->lut[c + 1] = rx_eval(&v->rx, e).num;
            rx_reset(&v->rx);
        }
        v->rx.by_code = false;
        return n;
    }
    if (touches_text(e) || needs_time_rules(e) || (e->kind == RX_CALL && !rx_function_of_numbers(rx_function(e)))) {
        n->by_row = true;
        return n;
    }
    if (e->kind == RX_CALL) n->function = rx_function(e);
    n->nargs = e->nargs;
    n->args = arena_array(v->arena, Node *, e->nargs);
    for (int i = 0; i < e->nargs; i++) n->args[i] = prepare(v, e->args[i]);
    return n;
}

static double truth_and(double a, double b, bool stop) {
    bool ka = !isnan(a), kb = !isnan(b);
    if ((ka && (a != 0) == stop) || (kb && (b != 0) == stop)) return stop;
    return ka && kb ? !stop : NAN;
}
static double compare_numbers(Op op, double a, double b) {
    if (isnan(a) || isnan(b)) return NAN;
    switch (op) {
    case OP_EQ: return a == b;
    case OP_NE: return a != b;
    case OP_LT: return a < b;
    case OP_LE: return a <= b;
    case OP_GT: return a > b;
    default: return a >= b;
    }
}

/* out[0..n) = the node over rows [at, at + n). */
static void eval_block(Eval *v, const Node *n, int64_t at, int len, double *out) {
    const RowExpr *e = n->e;
    if (n->lut) {
        for (int i = 0; i < len; i++) out[i] = n->lut[n->col->codes[at + i] + 1];
        return;
    }
    if (n->by_row) {
        for (int i = 0; i < len; i++) {
            for (int r = 0; r < 64; r++) v->rows[r] = at + i;
            RxValue x = rx_eval(&v->rx, e);
            out[i] = x.type == TY_TEXT ? NAN : x.num;
            rx_reset(&v->rx);
        }
        return;
    }
    double b[BLOCK];
    switch (e->kind) {
    case RX_NUM:
        for (int i = 0; i < len; i++) out[i] = e->num;
        return;
    case RX_TEXT:
    case RX_NULL:
        for (int i = 0; i < len; i++) out[i] = NAN;
        return;
    case RX_COLUMN:
        for (int i = 0; i < len; i++) out[i] = rx_column_number(n->col, at + i);
        return;
    default: break;
    }
    eval_block(v, n->args[0], at, len, out);
    switch (e->kind) {
    case RX_UNARY:
        for (int i = 0; i < len; i++) out[i] = e->op == OP_NEG ? -out[i] : isnan(out[i]) ? NAN : out[i] == 0;
        return;
    case RX_BINARY:
        eval_block(v, n->args[1], at, len, b);
        switch (e->op) {
        case OP_ADD:
            for (int i = 0; i < len; i++) out[i] += b[i];
            return;
        case OP_SUB:
            for (int i = 0; i < len; i++) out[i] -= b[i];
            return;
        case OP_MUL:
            for (int i = 0; i < len; i++) out[i] *= b[i];
            return;
        case OP_DIV:
            for (int i = 0; i < len; i++) out[i] /= b[i];
            return;
        case OP_POW:
            for (int i = 0; i < len; i++) out[i] = rx_arithmetic(OP_POW, out[i], b[i]);
            return;
        case OP_AND:
        case OP_OR:
            for (int i = 0; i < len; i++) out[i] = truth_and(out[i], b[i], e->op == OP_OR);
            return;
        default:
            for (int i = 0; i < len; i++) out[i] = compare_numbers(e->op, out[i], b[i]);
            return;
        }
    case RX_ISNULL:
        for (int i = 0; i < len; i++) out[i] = isnan(out[i]) != (e->num != 0);
        return;
    case RX_CALL:
        if (n->nargs == 1)
            for (int i = 0; i < len; i++) out[i] = rx_call_number(n->function, out[i], NAN);
        for (int k = 1; k < n->nargs; k++) {
            eval_block(v, n->args[k], at, len, b);
            for (int i = 0; i < len; i++) out[i] = rx_call_number(n->function, out[i], b[i]);
        }
        return;
    case RX_ELSE:
        for (int k = 1; k < n->nargs; k++) {
            eval_block(v, n->args[k], at, len, b);
            for (int i = 0; i < len; i++) out[i] = isnan(out[i]) ? b[i] : out[i];
        }
        return;
    case RX_IN: {
        double hit[BLOCK];
        for (int i = 0; i < len; i++) hit[i] = isnan(out[i]) ? NAN : 0;
        for (int k = 1; k < n->nargs; k++) {
            eval_block(v, n->args[k], at, len, b);
            for (int i = 0; i < len; i++) {
                if (isnan(out[i]) || hit[i] == 1) continue;
                if (isnan(b[i]))
                    hit[i] = NAN;
                else if (out[i] == b[i])
                    hit[i] = 1;
            }
        }
        for (int i = 0; i < len; i++) out[i] = isnan(hit[i]) ? NAN : hit[i] != (e->num != 0);
        return;
    }
    default: internal_error("row expression of kind %d over a block", e->kind);
    }
}

static bool eval_text(Eval *v, const RowExpr *e, Column *out) {
    int role = 0, column = -1;
    columns_read(e, &role, &column);
    out->dict = dict_new();
    out->codes = mem_try((size_t)v->table->rows, sizeof *out->codes);
    if (!out->codes || !out->dict) return false;
    const Column *one = column >= 0 ? &v->table->cols[column] : NULL;
    bool by_dict = one && is_text_column(one) && one->dict;
    int64_t n = by_dict ? one->dict->count + 1 : v->table->rows;
    int32_t *codes = by_dict ? arena_array(v->arena, int32_t, n) : out->codes;
    v->rx.by_code = by_dict;
    for (int64_t i = 0; i < n; i++) {
        for (int r = 0; r < 64; r++) v->rows[r] = by_dict ? i - 1 : i;
        RxValue x = rx_eval(&v->rx, e);
        codes[i] = x.type == TY_TEXT && x.text ? dict_add(out->dict, x.text, x.len) : -1;
        rx_reset(&v->rx);
        if (codes[i] == -2) return false;
    }
    v->rx.by_code = false;
    for (int64_t i = 0; i < v->table->rows; i++) {
        if (by_dict) out->codes[i] = codes[one->codes[i] + 1];
        out->nulls += out->codes[i] < 0;
    }
    return true;
}

Column *rowexpr_eval_column(Diags *ds, const RowExpr *e, const Table *t) {
    Eval v = {.ds = ds, .table = t};
    for (int i = 0; i < 64; i++) v.tables[i] = t;
    v.rx.tables = v.tables;
    v.rx.rows = v.rows;
    check_regexes(&v, e);
    if (v.failed) return NULL;
    v.arena = arena_new();
    Column *out = mem_alloc(sizeof *out);
    out->name = "";
    out->type = is_text(e) ? TY_TEXT : e->type == TY_DATE || e->type == TY_TIME ? e->type : TY_NUM;
    out->span = e->span;
    bool ok = true;
    if (out->type == TY_TEXT)
        ok = eval_text(&v, e, out);
    else {
        bool ints = out->type != TY_NUM;
        if (ints)
            ok = (out->ints = mem_try((size_t)t->rows, sizeof *out->ints)) != NULL;
        else
            ok = (out->num = mem_try((size_t)t->rows, sizeof *out->num)) != NULL;
        Node *root = ok ? prepare(&v, e) : NULL;
        double block[BLOCK];
        for (int64_t at = 0; ok && at < t->rows; at += BLOCK) {
            int len = t->rows - at < BLOCK ? (int)(t->rows - at) : BLOCK;
            eval_block(&v, root, at, len, ints ? block : out->num + at);
            for (int i = 0; i < len; i++) {
                double x = ints ? block[i] : out->num[at + i];
                out->nulls += isnan(x);
                if (ints) out->ints[at + i] = isnan(x) || fabs(x) > 9e18 ? TABLE_NULL_INT : (int64_t)floor(x);
            }
        }
    }
    rx_release(&v.rx);
    arena_free(v.arena);
    if (ok) return out;
    diag_error(ds, "E402", e->span, "not enough memory for a computed column of %lld rows", (long long)t->rows);
    rowexpr_column_free(out);
    return NULL;
}
void rowexpr_column_free(Column *c) {
    if (!c) return;
    mem_free(c->num);
    mem_free(c->ints);
    mem_free(c->codes);
    if (c->dict) dict_free(c->dict);
    mem_free(c);
}
