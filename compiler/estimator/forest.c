/* forest.c: predictions of boosted trees, and what makes two of them differ (contract: forest.h).
 *
 * Shapley values with one reference: a set of features takes its values from x, the others take theirs from z. On a
 * path of a tree only features that send x and z different ways matter; where such a one is met first, the walk goes
 * both ways, and a leaf that was reached with a features of x and b of z has its share of the (a + b)! orders in which
 * they may change (Lundberg and others, "From local explanations to global understanding with explainable AI for
 * trees", 2020, interventional feature perturbation). */
#include "compiler/estimator/forest.h"
#include "compiler/json.h"
#include <math.h>
#include <stdlib.h>

static double tree_predict(const Tree *t, const double *x) {
    int at = 0;
    while (t->nodes[at].feature >= 0) {
        const TreeNode *n = &t->nodes[at];
        at = (float)x[n->feature] < n->value ? n->yes : n->no;
    }
    return t->nodes[at].value;
}
double forest_predict(const Forest *f, const double *x) {
    double sum = f->base;
    for (int i = 0; i < f->count; i++) sum += tree_predict(&f->trees[i], x);
    return sum;
}

/* ---- differences ---- */
typedef struct Walk {
    const Tree *tree;
    const double *x, *z;
    double *out;
    int met; /* features on the path that tell x and z apart */
    int feature[TREE_DEPTH];
    bool as_x[TREE_DEPTH]; /* it has the value of x */
} Walk;
static void add_leaf(const Walk *w, double value) {
    int of_x = 0;
    for (int i = 0; i < w->met; i++) of_x += w->as_x[i];
    int of_z = w->met - of_x;
    double orders = 1; /* of met features, over those that have x's first and z's then */
    for (int i = 1; i <= of_z; i++) orders *= (double)(of_x + i) / i;
    for (int i = 0; i < w->met; i++)
        w->out[w->feature[i]] += w->as_x[i] ? value / (orders * of_x) : -value / (orders * of_z);
}
static void walk(Walk *w, int at) {
    const TreeNode *n = &w->tree->nodes[at];
    if (n->feature < 0) {
        add_leaf(w, n->value);
        return;
    }
    int x = (float)w->x[n->feature] < n->value ? n->yes : n->no,
        z = (float)w->z[n->feature] < n->value ? n->yes : n->no;
    int known = 0;
    while (known < w->met && w->feature[known] != n->feature) known++;
    if (x == z || known < w->met) {
        walk(w, x == z || w->as_x[known] ? x : z);
        return;
    }
    w->feature[w->met++] = n->feature;
    w->as_x[known] = true;
    walk(w, x);
    w->as_x[known] = false;
    walk(w, z);
    w->met--;
}
void forest_differences(const Forest *f, const double *x, const double *z, double *out) {
    for (int i = 0; i < f->count; i++) walk(&(Walk){.tree = &f->trees[i], .x = x, .z = z, .out = out}, 0);
}

/* ---- text ---- */
/* The fewest digits that are this number and no other. A model is read when a training is compiled: each digit counts.
 */
static void put_float(Buf *out, float v) {
    char text[32];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)v);
        if (strtof(text, NULL) == v) break;
    }
    buf_puts(out, text);
}
/* A node in a line: "= value" for a leaf; else the feature, the value that it is compared with, and where it goes on:
 * below the value with the next node and else with the third number's, or with the third's and the fourth's. */
void forest_print(Buf *out, const char *name, const Forest *f) {
    buf_printf(out, "forest %s %d %.9g\n", name, f->count, f->base);
    for (int i = 0; i < f->count; i++) {
        const Tree *t = &f->trees[i];
        buf_printf(out, "tree %d\n", t->count);
        for (int k = 0; k < t->count; k++) {
            const TreeNode *n = &t->nodes[k];
            if (n->feature < 0) {
                buf_printf(out, "= %.5g\n", (double)n->value);
                continue;
            }
            buf_printf(out, "%d ", n->feature);
            put_float(out, n->value);
            if (n->yes != k + 1) buf_printf(out, " %d", n->yes);
            buf_printf(out, " %d\n", n->no);
        }
    }
}

typedef struct Reader {
    const char *at;
    bool ok;
} Reader;
static void read_word(Reader *r, const char *word) {
    size_t n = strlen(word);
    if (!r->ok || strncmp(r->at, word, n)) r->ok = false;
    if (r->ok) r->at += n;
}
/* A decimal number of at most 15 digits times a power of ten of at most 22, which two exact doubles give in one
 * rounding; any other is strtod's. A model has tens of thousands of numbers and is read when a training is compiled. */
static const char *short_number(const char *at, double *v) {
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    uint64_t digits = 0;
    bool minus = *at == '-';
    const char *begin = at += minus, *point = NULL;
    for (; *at >= '0' && *at <= '9'; at++) digits = 10 * digits + (uint64_t)(*at - '0');
    if (*at == '.')
        for (point = at++; *at >= '0' && *at <= '9'; at++) digits = 10 * digits + (uint64_t)(*at - '0');
    ptrdiff_t n = at - begin - (point != NULL);
    if (n < 1 || n > 15) return NULL;
    int power = point ? (int)(point + 1 - at) : 0, more = 0;
    if (*at == 'e') {
        bool sign = at[1] == '-';
        at += sign || at[1] == '+' ? 2 : 1;
        if (*at < '0' || *at > '9') return NULL;
        for (; *at >= '0' && *at <= '9' && more < 100; at++) more = 10 * more + (*at - '0');
        power += sign ? -more : more;
    }
    if (power < -22 || power > 22 || (*at != ' ' && *at != '\n')) return NULL;
    double x = power < 0 ? (double)digits / tens[-power] : (double)digits * tens[power];
    *v = minus ? -x : x;
    return at;
}
static double read_number(Reader *r) {
    char *end;
    double quick;
    if (!r->ok || *r->at == '\n' || *r->at == 0) return r->ok = false, 0;
    const char *at = *r->at == ' ' ? r->at + 1 : r->at, *behind = short_number(at, &quick);
    if (behind) return r->at = behind, quick;
    double v = strtod(r->at, &end);
    if (end == r->at || !isfinite(v)) return r->ok = false, 0;
    r->at = end;
    return v;
}
/* A whole number of at most four digits, which a node has most of. */
static int read_index(Reader *r) {
    int v = 0, digits = 0;
    if (*r->at == ' ') r->at++;
    for (; *r->at >= '0' && *r->at <= '9' && digits < 5; digits++) v = 10 * v + (*r->at++ - '0');
    if (!digits || digits > 4 || (*r->at != ' ' && *r->at != '\n')) r->ok = false;
    return v;
}
static int read_count(Reader *r, int least, int most) {
    double v = read_number(r);
    if (!(v >= least && v <= most) || v != floor(v)) return r->ok = false, least;
    return (int)v;
}
static bool line_ends(Reader *r) {
    if (*r->at != '\n') return false;
    r->at++;
    return true;
}
/* Nodes stand behind those they hang on, so a walk ends; each is reached once at most TREE_DEPTH deep. */
static bool tree_sound(const Tree *t) {
    int depth[4096];
    if (t->count > (int)(sizeof depth / sizeof *depth)) return false;
    for (int k = 0; k < t->count; k++) depth[k] = k ? -1 : 0;
    for (int k = 0; k < t->count; k++) {
        const TreeNode *n = &t->nodes[k];
        if (depth[k] < 0 || depth[k] > TREE_DEPTH || !isfinite(n->value)) return false;
        if (n->feature < 0) continue;
        if (n->yes <= k || n->no <= k || n->yes >= t->count || n->no >= t->count || n->yes == n->no) return false;
        if (depth[n->yes] >= 0 || depth[n->no] >= 0) return false;
        depth[n->yes] = depth[n->no] = depth[k] + 1;
    }
    return t->count > 0;
}
bool forest_read(Arena *arena, const char **text, const char *name, int nfeatures, Forest *out, const char **why) {
    Reader r = {*text, true};
    read_word(&r, "forest ");
    read_word(&r, name);
    read_word(&r, " ");
    *out = (Forest){.count = read_count(&r, 0, 4096)};
    out->base = read_number(&r);
    r.ok = r.ok && line_ends(&r);
    out->trees = arena_array(arena, Tree, out->count + 1);
    for (int i = 0; r.ok && i < out->count; i++) {
        Tree *t = &out->trees[i];
        read_word(&r, "tree ");
        t->count = read_count(&r, 1, 4095);
        r.ok = r.ok && line_ends(&r);
        t->nodes = arena_array(arena, TreeNode, t->count);
        for (int k = 0; r.ok && k < t->count; k++) {
            TreeNode *n = &t->nodes[k];
            bool leaf = *r.at == '=';
            if (leaf) r.at++;
            n->feature = leaf ? -1 : read_index(&r);
            n->value = (float)read_number(&r);
            if (!leaf) {
                n->yes = k + 1;
                n->no = read_index(&r);
                if (*r.at == ' ') n->yes = n->no, n->no = read_index(&r);
            }
            r.ok = r.ok && n->feature < nfeatures && line_ends(&r);
        }
        r.ok = r.ok && tree_sound(t);
    }
    *text = r.at;
    *why = "its trees cannot be read";
    return r.ok;
}

/* ---- XGBoost's dump: {"nodeid", "split": "f3", "split_condition", "yes", "no", "children"} or {"leaf"} ---- */
static int node_count(const Json *j) {
    const Json *c = json_member(j, "children");
    int n = 1;
    for (int i = 0; c && i < c->count; i++) n += node_count(&c->items[i]);
    return n;
}
static double number_of(const Json *j, const char *name, bool *ok) {
    const Json *v = json_member(j, name);
    if (!v || v->kind != JSON_NUMBER) return *ok = false, 0;
    return v->number;
}
static int put_dump(const Json *j, int nfeatures, Tree *t, bool *ok) {
    int at = t->count++;
    TreeNode *n = &t->nodes[at];
    n->feature = -1;
    const Json *children = json_member(j, "children");
    if (!children) {
        n->value = (float)number_of(j, "leaf", ok);
        return at;
    }
    const char *split = json_text(json_member(j, "split"));
    n->feature = split && *split == 'f' ? atoi(split + 1) : -1;
    n->value = (float)number_of(j, "split_condition", ok);
    if (n->feature < 0 || n->feature >= nfeatures || children->count != 2) return *ok = false, at;
    bool first = number_of(&children->items[0], "nodeid", ok) == number_of(j, "yes", ok);
    int a = put_dump(&children->items[first ? 0 : 1], nfeatures, t, ok);
    int b = put_dump(&children->items[first ? 1 : 0], nfeatures, t, ok);
    n->yes = a;
    n->no = b;
    return at;
}
bool tree_from_dump(Arena *arena, const char *json, int nfeatures, Tree *out) {
    const char *why;
    size_t at;
    Json *j = json_parse(arena, json, strlen(json), &why, &at);
    if (!j) return false;
    bool ok = true;
    *out = (Tree){.nodes = arena_array(arena, TreeNode, node_count(j))};
    (void)put_dump(j, nfeatures, out, &ok);
    return ok && tree_sound(out);
}
