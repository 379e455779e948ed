/* pattern.c: parsing, matching and building of the rules in rewrites.def (pattern.h says how values are seen). */
#include "ir/pattern.h"
#include <ctype.h>
#include <stdlib.h>

/* ---- rules as trees ---- */
typedef enum { PAT_VAR, PAT_NUM, PAT_OP, PAT_NROW, PAT_NCOL } PatKind;
enum { MOST_VARS = 6 };
struct Pattern {
    PatKind kind;
    int var;
    double num;
    IrOp op;
    int swap; /* commutative: which bit of the tried order is this one's; else -1 */
    int nargs;
    Pattern *args[3];
};
typedef enum {
    G_SCALAR,
    G_CONST,
    G_POSITIVE,
    G_NEGATIVE,
    G_ROW,
    G_COL,
    G_TLIKE,
    G_WIDE,
    G_HEAVY,
    G_SPLIT,
    G_MANY,
    G_SINGLE,
    G_SQUARE,
    G_LIKE,
    G_SMALL
} GuardKind;
static const char *const guard_names[] = {"scalar", "const", "positive", "negative", "row",    "col",  "tlike", "wide",
                                          "heavy",  "split", "many",     "single",   "square", "like", "small"};
typedef struct Guard {
    GuardKind kind;
    bool no;
    int a, b;
} Guard;

static Rule rules[] = {
#define RULE(name, group, left, right, guard)                                                                          \
    {name, group, left, right, guard, NULL, NULL, NULL, NULL, 0, 0, 0, 0, false, {{0, 0}}},
#define CODE(name, group, left, right, function)                                                                       \
    {name, group, left, right, "", function, NULL, NULL, NULL, 0, 0, 0, 0, false, {{0, 0}}},
#include "ir/rewrites.def"
#undef RULE
#undef CODE
};
enum { RULE_COUNT = sizeof rules / sizeof rules[0] };
_Static_assert(RULE_COUNT <= UINT8_MAX, "rules have numbers of a byte");
static struct {
    int n;
    uint8_t rules[RULE_COUNT];
} rules_of[IR_COUNT_OF_OPS];
static const char *groups[32];
static int group_count;

typedef struct Reader {
    Arena *arena;
    const char *at, *rule;
    char vars[MOST_VARS];
    int nvars;
    bool may_add;
} Reader;
static char peek(Reader *r) {
    while (*r->at == ' ') r->at++;
    return *r->at;
}
static bool take(Reader *r, char c) {
    if (peek(r) != c) return false;
    r->at++;
    return true;
}
static Pattern *pattern_op(Reader *r, IrOp op, Pattern *x, Pattern *y) {
    Pattern *p = arena_new_of(r->arena, Pattern);
    *p = (Pattern){.kind = PAT_OP, .op = op, .nargs = y ? 2 : 1, .args = {x, y}};
    return p;
}
static int variable(Reader *r, char c) {
    for (int i = 0; i < r->nvars; i++)
        if (r->vars[i] == c) return i;
    if (!r->may_add || r->nvars == MOST_VARS) internal_error("rule %s: the right side or guard names %c", r->rule, c);
    r->vars[r->nvars] = c;
    return r->nvars++;
}
static Pattern *read_sum(Reader *r);
static size_t word_length(const char *s) {
    size_t n = 0;
    while (isalnum((unsigned char)s[n])) n++;
    return n;
}
static Pattern *read_call(Reader *r, size_t len) {
    Pattern *p = arena_new_of(r->arena, Pattern);
    p->kind = PAT_OP;
    p->op = IR_COUNT_OF_OPS;
    if (len == 4 && !memcmp(r->at, "nrow", 4))
        p->kind = PAT_NROW;
    else if (len == 4 && !memcmp(r->at, "ncol", 4))
        p->kind = PAT_NCOL;
    else {
        for (int op = 0; op < IR_COUNT_OF_OPS; op++)
            if (ir_ops[op].arity > 0 && strlen(ir_ops[op].text) == len && !memcmp(ir_ops[op].text, r->at, len)) {
                p->op = (IrOp)op;
                break;
            }
        if (p->op == IR_COUNT_OF_OPS) internal_error("rule %s: no operator %.*s", r->rule, (int)len, r->at);
    }
    r->at += len;
    if (!take(r, '(')) internal_error("rule %s: ( is missing", r->rule);
    do {
        if (p->nargs == 3) internal_error("rule %s: too many operands", r->rule);
        p->args[p->nargs++] = read_sum(r);
    } while (take(r, ','));
    if (!take(r, ')')) internal_error("rule %s: ) is missing", r->rule);
    return p;
}
static Pattern *read_postfix(Reader *r) {
    Pattern *p;
    char c = peek(r);
    size_t len = word_length(r->at);
    if (take(r, '(')) {
        p = read_sum(r);
        if (!take(r, ')')) internal_error("rule %s: ) is missing", r->rule);
    } else if (isdigit((unsigned char)c)) {
        char *end;
        p = arena_new_of(r->arena, Pattern);
        *p = (Pattern){.kind = PAT_NUM, .num = strtod(r->at, &end)};
        r->at = end;
    } else if (len > 1) {
        p = read_call(r, len);
    } else if (isalpha((unsigned char)c)) {
        p = arena_new_of(r->arena, Pattern);
        *p = (Pattern){.kind = PAT_VAR, .var = variable(r, c)};
        r->at++;
    } else {
        internal_error("rule %s: a value is missing at \"%s\"", r->rule, r->at);
    }
    while (take(r, '\'')) p = pattern_op(r, IR_TRANSPOSE, p, NULL);
    return p;
}
static Pattern *read_unary(Reader *r) {
    if (!take(r, '-')) return read_postfix(r);
    Pattern *p = read_unary(r);
    if (p->kind != PAT_NUM) return pattern_op(r, IR_NEG, p, NULL);
    p->num = -p->num;
    return p;
}
static Pattern *read_power(Reader *r) {
    Pattern *p = read_unary(r);
    return take(r, '^') ? pattern_op(r, IR_POW, p, read_unary(r)) : p;
}
static Pattern *read_matmul(Reader *r) {
    Pattern *p = read_power(r);
    while (take(r, '@')) p = pattern_op(r, IR_MATMUL, p, read_power(r));
    return p;
}
static Pattern *read_product(Reader *r) {
    Pattern *p = read_matmul(r);
    for (;;) {
        if (take(r, '*'))
            p = pattern_op(r, IR_MUL, p, read_matmul(r));
        else if (take(r, '/'))
            p = pattern_op(r, IR_DIV, p, read_matmul(r));
        else
            return p;
    }
}
static Pattern *read_sum(Reader *r) {
    Pattern *p = read_product(r);
    for (;;) {
        if (take(r, '+'))
            p = pattern_op(r, IR_ADD, p, read_product(r));
        else if (take(r, '-'))
            p = pattern_op(r, IR_SUB, p, read_product(r));
        else
            return p;
    }
}
static void read_guards(Reader *r, Rule *rule) {
    rule->guards = arena_array(r->arena, Guard, 8);
    while (peek(r)) {
        Guard g = {.no = take(r, '!'), .b = -1};
        peek(r);
        size_t len = word_length(r->at);
        if (len == 8 && !memcmp(r->at, "straight", 8)) {
            rule->straight = true;
            r->at += len;
        } else {
            int k = 0, n = (int)(sizeof guard_names / sizeof guard_names[0]);
            while (k < n && (strlen(guard_names[k]) != len || memcmp(guard_names[k], r->at, len) != 0)) k++;
            if (k == n || rule->nguards == 8) internal_error("rule %s: no guard %.*s", rule->name, (int)len, r->at);
            g.kind = (GuardKind)k;
            r->at += len;
            if (!take(r, '(')) internal_error("rule %s: ( is missing", rule->name);
            peek(r);
            g.a = variable(r, *r->at++);
            if (take(r, ',')) {
                peek(r);
                g.b = variable(r, *r->at++);
            }
            if (!take(r, ')')) internal_error("rule %s: ) is missing", rule->name);
            rule->guards[rule->nguards++] = g;
        }
        if (!take(r, '&') && peek(r)) internal_error("rule %s: & is missing", rule->name);
    }
}
static int number_swaps(Pattern *p, int next) {
    p->swap = p->kind == PAT_OP && ir_op_has(p->op, 'C') ? next++ : -1;
    for (int i = 0; i < p->nargs; i++) next = number_swaps(p->args[i], next);
    return next;
}
static IrOp seen_as(IrOp op, bool t) {
    if (!t) return op;
    switch (op) {
    case IR_ROWSUMS: return IR_COLSUMS;
    case IR_COLSUMS: return IR_ROWSUMS;
    case IR_ROWMIN: return IR_COLMIN;
    case IR_COLMIN: return IR_ROWMIN;
    case IR_ROWMAX: return IR_COLMAX;
    case IR_COLMAX: return IR_ROWMAX;
    default: return op;
    }
}
static void put_op(OpSet *s, IrOp op) {
    IrOp turned = seen_as(op, true);
    if (turned < op) op = turned;
    s->bits[op / 64] |= 1ull << op % 64;
}
_Static_assert(IR_COUNT_OF_OPS <= 128, "an OpSet has 128 bits");
OpSet pattern_operands(const IrNode *n) {
    OpSet s = {{0, 0}};
    for (int i = 0; i < n->nargs; i++) put_op(&s, val_of(n->args[i]).n->op);
    return s;
}
static OpSet operands_of(const Pattern *left) {
    OpSet s = {{0, 0}};
    for (int i = 0; i < left->nargs; i++) {
        const Pattern *p = left->args[i];
        while (p->kind == PAT_OP && p->op == IR_TRANSPOSE) p = p->args[0];
        if (p->kind == PAT_OP) put_op(&s, p->op);
        if (p->kind == PAT_NUM) put_op(&s, IR_CONST);
    }
    return s;
}
/* Whether a rule's left side may be a node of this operator, seen as it is or transposed. */
static bool may_hold(const Rule *r, IrOp op, bool t) {
    return r->code || r->left->kind != PAT_OP || r->left->op == seen_as(op, t);
}
static void rules_index(void) {
    for (int op = 0; op < IR_COUNT_OF_OPS; op++)
        for (int i = 0; i < RULE_COUNT; i++)
            if (may_hold(&rules[i], (IrOp)op, false) || may_hold(&rules[i], (IrOp)op, true))
                rules_of[op].rules[rules_of[op].n++] = (uint8_t)i;
}
static void rules_parse(void) {
    static bool parsed;
    if (parsed) return;
    parsed = true;
    static Arena *arena; /* the rules live as long as the process */
    arena = arena_new();
    for (int i = 0; i < RULE_COUNT; i++) {
        Rule *rule = &rules[i];
        int g = 0;
        while (g < group_count && strcmp(groups[g], rule->group) != 0) g++;
        if (g == group_count) groups[group_count++] = rule->group;
        rule->group_index = g;
        if (rule->code) continue;
        Reader r = {.arena = arena, .at = rule->left_text, .rule = rule->name, .may_add = true};
        rule->left = read_sum(&r);
        if (peek(&r)) internal_error("rule %s: \"%s\" is left over", rule->name, r.at);
        rule->nswaps = number_swaps(rule->left, 0);
        if (rule->left->op != IR_TRANSPOSE) rule->operands = operands_of(rule->left);
        r.may_add = false;
        r.at = rule->right_text;
        rule->right = read_sum(&r);
        if (peek(&r)) internal_error("rule %s: \"%s\" is left over", rule->name, r.at);
        r.at = rule->guard_text;
        read_guards(&r, rule);
        rule->nvars = r.nvars;
    }
    rules_index();
}
const uint8_t *ir_rules_of(IrOp op, int *count) {
    rules_parse();
    *count = rules_of[op].n;
    return rules_of[op].rules;
}
Rule *ir_rules(int *count) {
    rules_parse();
    *count = RULE_COUNT;
    return rules;
}
int ir_rule_find(const char *name) {
    for (int i = 0; i < RULE_COUNT; i++)
        if (!strcmp(rules[i].name, name)) return i;
    return -1;
}
int ir_group_find(const char *name) {
    rules_parse();
    for (int g = 0; g < group_count; g++)
        if (!strcmp(groups[g], name)) return g;
    return -1;
}
int ir_group_count(void) {
    rules_parse();
    return group_count;
}
const char *ir_group_name(int group) {
    return groups[group];
}

/* ---- values as seen ---- */
int64_t val_rows(IrVal v) {
    return v.t ? v.n->cols : v.n->rows;
}
int64_t val_cols(IrVal v) {
    return v.t ? v.n->rows : v.n->cols;
}
int val_rspace(IrVal v) {
    return v.t ? v.n->cspace : v.n->rspace;
}
int val_cspace(IrVal v) {
    return v.t ? v.n->rspace : v.n->cspace;
}
bool val_scalar(IrVal v) {
    return v.n->rows == 1 && v.n->cols == 1 && !v.n->rspace && !v.n->cspace;
}
IrVal val_of(IrNode *n) {
    IrVal v = {n, false};
    while (v.n->op == IR_TRANSPOSE) v = (IrVal){v.n->args[0], !v.t};
    return v;
}
static IrVal val_strip(IrVal v) {
    IrVal w = val_of(v.n);
    w.t ^= v.t;
    if (val_scalar(w)) w.t = false;
    return w;
}
IrNode *val_node(Simplifier *s, IrVal v) {
    v = val_strip(v);
    return v.t ? simplify_settle(s, ir_unary(s->b, IR_TRANSPOSE, v.n)) : v.n;
}
IrNode *val_accept(Simplifier *s, IrVal v, const IrNode *n) {
    IrNode *made = val_node(s, v);
    bool same_shape =
        made->rows == n->rows && made->cols == n->cols && made->rspace == n->rspace && made->cspace == n->cspace;
    return made != n && same_shape ? made : NULL;
}
static IrNode *make(Simplifier *s, IrOp op, int n, IrNode **args) {
    IrNode proto = {.op = op, .nargs = n, .span = s->b->span};
    return simplify_settle(s, ir_make(s->b, &proto, args));
}

IrVal val_number(Simplifier *s, double v) {
    return (IrVal){ir_const(s->b, v), false};
}
IrVal val_product(Simplifier *s, IrVal x, IrVal y) {
    x = val_strip(x), y = val_strip(y);
    return (IrVal){simplify_settle(s, ir_matmul(s->b, x.n, x.t, y.n, y.t)), false};
}
IrVal val_op(Simplifier *s, IrOp op, int n, const IrVal *given) {
    IrVal args[3];
    IrNode *nodes[3];
    for (int i = 0; i < n; i++) args[i] = val_strip(given[i]);
    if (op == IR_MATMUL) return val_product(s, args[0], args[1]);
    if (op == IR_TRANSPOSE) return val_transposed(args[0]);
    if (ir_is_elementwise(op)) {
        /* the largest operand says whether the result is seen transposed; a value over rows always wins */
        double most = -1;
        bool t = false;
        for (int i = 0; i < n; i++) {
            double size = (double)args[i].n->rows * (double)args[i].n->cols;
            if (args[i].n->rspace || args[i].n->cspace) size += 1e18;
            if (val_scalar(args[i])) size = 0;
            if (size > most || (size == most && !args[i].t)) most = size, t = args[i].t;
        }
        for (int i = 0; i < n; i++)
            nodes[i] = val_scalar(args[i]) ? args[i].n : val_node(s, (IrVal){args[i].n, args[i].t != t});
        return (IrVal){make(s, op, n, nodes), t};
    }
    switch (op) {
    case IR_ROWSUMS:
    case IR_COLSUMS:
    case IR_ROWMIN:
    case IR_COLMIN:
    case IR_ROWMAX:
    case IR_COLMAX: return (IrVal){make(s, seen_as(op, args[0].t), 1, &args[0].n), args[0].t};
    case IR_SUM:
    case IR_MINALL:
    case IR_MAXALL: return (IrVal){make(s, op, 1, &args[0].n), false};
    default:
        for (int i = 0; i < n; i++) nodes[i] = val_node(s, args[i]);
        return (IrVal){make(s, op, n, nodes), false};
    }
}
static IrVal val_slice(Simplifier *s, IrVal x, bool rows, int64_t i0, int64_t i1) {
    x = val_strip(x);
    if (i0 == 0 && i1 == (rows ? val_rows(x) : val_cols(x)) && !(rows ? val_rspace(x) : val_cspace(x))) return x;
    return (IrVal){simplify_settle(s, ir_slice(s->b, rows != x.t ? IR_SLICE_ROWS : IR_SLICE_COLS, x.n, i0, i1)), x.t};
}
IrVal val_slice_rows(Simplifier *s, IrVal x, int64_t i0, int64_t i1) {
    return val_slice(s, x, true, i0, i1);
}
IrVal val_slice_cols(Simplifier *s, IrVal x, int64_t i0, int64_t i1) {
    return val_slice(s, x, false, i0, i1);
}
IrVal val_bind_cols(Simplifier *s, int n, const IrVal *parts) {
    bool down = false, across = false;
    for (int i = 0; i < n; i++) {
        if (val_scalar(parts[i])) continue;
        if (val_strip(parts[i]).t)
            down = true;
        else
            across = true;
    }
    down = down && !across;
    IrNode **nodes = arena_array(s->b->func->arena, IrNode *, n);
    for (int i = 0; i < n; i++) nodes[i] = val_node(s, down ? val_transposed(parts[i]) : parts[i]);
    return (IrVal){simplify_settle(s, ir_nary(s->b, down ? IR_RBIND : IR_CBIND, n, nodes)), down};
}

/* ---- matching ---- */
typedef struct Bindings {
    IrVal val[MOST_VARS];
} Bindings;

/* `order`: one bit a commutative mark of the pattern, set: its operands are matched the other way round. */
static bool match(const Pattern *p, IrVal v, unsigned order, Bindings *b) {
    v = val_strip(v);
    switch (p->kind) {
    case PAT_VAR:
        if (!b->val[p->var].n) {
            b->val[p->var] = v;
            return true;
        }
        return b->val[p->var].n == v.n && b->val[p->var].t == v.t;
    case PAT_NUM: return v.n->op == IR_CONST && v.n->num == p->num;
    case PAT_OP: break;
    default: return false;
    }
    IrNode *n = v.n;
    if (p->op == IR_TRANSPOSE) return match(p->args[0], val_transposed(v), order, b);
    if (p->op != seen_as(n->op, v.t) || p->nargs != n->nargs) return false;
    if (p->op == IR_MATMUL) {
        IrVal x = {n->args[0], n->ta}, y = {n->args[1], n->tb};
        return v.t ? match(p->args[0], val_transposed(y), order, b) && match(p->args[1], val_transposed(x), order, b)
                   : match(p->args[0], x, order, b) && match(p->args[1], y, order, b);
    }
    if (v.t && (p->op == IR_ROWARGMIN || p->op == IR_ROWARGMAX)) return false;
    if (!ir_is_elementwise(p->op) && ir_ops[p->op].cls != IRC_REDUCE && ir_ops[p->op].cls != IRC_ROWWISE &&
        p->op != IR_DIAG)
        return false;
    int swap = p->swap >= 0 && order >> p->swap & 1;
    for (int i = 0; i < p->nargs; i++)
        if (!match(p->args[i], (IrVal){n->args[swap ? 1 - i : i], v.t}, order, b)) return false;
    return true;
}
static const IrNode *tlike(Simplifier *s, IrVal v) {
    return ir_tlike(&s->tlike, v.n);
}
static bool holds(Simplifier *s, const Guard *g, const Bindings *b) {
    IrVal x = b->val[g->a], y = g->b >= 0 ? b->val[g->b] : (IrVal){0};
    switch (g->kind) {
    case G_SCALAR: return val_scalar(x);
    case G_CONST: return x.n->op == IR_CONST;
    case G_POSITIVE: return x.n->op == IR_CONST && x.n->num > 0;
    case G_NEGATIVE: return x.n->op == IR_CONST && x.n->num < 0;
    case G_ROW:
        return val_rows(x) == 1 && !val_rspace(x) && val_cols(x) == val_cols(y) &&
               (!val_cspace(x) || val_cspace(x) == val_cspace(y));
    case G_COL:
        return val_cols(x) == 1 && !val_cspace(x) && val_rows(x) == val_rows(y) &&
               (!val_rspace(x) || val_rspace(x) == val_rspace(y));
    case G_TLIKE: return tlike(s, x) != NULL;
    case G_WIDE: return x.n->rspace || x.n->cspace;
    case G_HEAVY: return tlike(s, x) || val_cspace(x);
    case G_SPLIT: {
        const IrNode *table = tlike(s, x);
        return !tlike(s, y) || (table && ir_table_cost(s->b->func->tables.data[table->table].data).sparse);
    }
    case G_MANY: return val_cols(x) > 1;
    case G_SINGLE: return val_cols(x) == 1 && !val_cspace(x);
    case G_SQUARE: return val_rows(x) == val_cols(y) && val_rows(x) > 1;
    case G_SMALL: return val_rows(x) == 1 && !x.n->rspace && !x.n->cspace;
    case G_LIKE: return val_cols(x) == val_cols(y);
    }
    return false;
}

/* ---- building ---- */
/* `down`: the result is wanted seen transposed, so products are made the other way round. */
static IrVal build(Simplifier *s, const Pattern *p, const Bindings *b, bool down) {
    switch (p->kind) {
    case PAT_VAR: return b->val[p->var];
    case PAT_NUM: return val_number(s, p->num);
    case PAT_NROW: return val_number(s, (double)val_rows(b->val[p->args[0]->var]));
    case PAT_NCOL: return val_number(s, (double)val_cols(b->val[p->args[0]->var]));
    case PAT_OP: break;
    }
    IrVal args[3];
    for (int i = 0; i < p->nargs; i++) args[i] = build(s, p->args[i], b, down && ir_is_elementwise(p->op));
    if (down && p->op == IR_MATMUL)
        return val_transposed(val_product(s, val_transposed(args[1]), val_transposed(args[0])));
    return val_op(s, p->op, p->nargs, args);
}
static IrNode *apply_in_order(Simplifier *s, const Rule *r, IrNode *n, bool t, unsigned order) {
    Bindings b = {0};
    if (!match(r->left, (IrVal){n, t}, order, &b)) return NULL;
    for (int g = 0; g < r->nguards; g++)
        if (holds(s, &r->guards[g], &b) == r->guards[g].no) return NULL;
    int fired = s->fired;
    IrVal v = build(s, r->right, &b, t);
    IrNode *made = val_accept(s, t ? val_transposed(v) : v, n);
    if (!made) s->fired = fired; /* nothing of it stays */
    return made;
}
IrNode *pattern_apply(Simplifier *s, const Rule *r, IrNode *n) {
    for (int t = 0; t <= (r->straight ? 0 : 1); t++) {
        if (!may_hold(r, n->op, t)) continue;
        for (unsigned order = 0; order < 1u << r->nswaps; order++) {
            IrNode *made = apply_in_order(s, r, n, t, order);
            if (made) return made;
        }
    }
    return NULL;
}
