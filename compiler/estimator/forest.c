/* forest.c: predictions and contributions of boosted trees (contract: forest.h).
 *
 * Contributions: the path-dependent algorithm of Lundberg, Erion and Lee, "Consistent individualized feature
 * attribution for tree ensembles" (2018), algorithm 2: along each path it keeps, for every set size, the share of
 * subsets of the features on the path that lead here. */
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

/* ---- contributions ---- */
typedef struct Step {
    int feature;
    double zero, one, weight; /* shares that pass here without and with the feature; of subsets of this size */
} Step;
typedef struct Walk {
    const Tree *tree;
    const double *x;
    double sign, *out;
} Walk;
static void extend(Step *p, int depth, double zero, double one, int feature) {
    p[depth] = (Step){feature, zero, one, depth == 0};
    for (int i = depth - 1; i >= 0; i--) {
        p[i + 1].weight += one * p[i].weight * (i + 1) / (depth + 1);
        p[i].weight = zero * p[i].weight * (depth - i) / (depth + 1);
    }
}
static void unwind(Step *p, int depth, int index) {
    double one = p[index].one, zero = p[index].zero, next = p[depth].weight;
    for (int i = depth - 1; i >= 0; i--) {
        if (one != 0) {
            double old = p[i].weight;
            p[i].weight = next * (depth + 1) / ((i + 1) * one);
            next = old - p[i].weight * zero * (depth - i) / (depth + 1);
        } else if (zero != 0) {
            p[i].weight = p[i].weight * (depth + 1) / (zero * (depth - i));
        }
    }
    for (int i = index; i < depth; i++) {
        p[i].feature = p[i + 1].feature;
        p[i].zero = p[i + 1].zero;
        p[i].one = p[i + 1].one;
    }
}
static double unwound_sum(const Step *p, int depth, int index) {
    double one = p[index].one, zero = p[index].zero, next = p[depth].weight, total = 0;
    for (int i = depth - 1; i >= 0; i--) {
        if (one != 0) {
            double w = next * (depth + 1) / ((i + 1) * one);
            total += w;
            next = p[i].weight - w * zero * (depth - i) / (depth + 1);
        } else if (zero != 0) {
            total += p[i].weight / (zero * (depth - i) / (depth + 1));
        }
    }
    return total;
}
static void walk(const Walk *w, int at, const Step *above, int depth, double zero, double one, int feature) {
    Step p[TREE_DEPTH + 2];
    const TreeNode *n = &w->tree->nodes[at];
    if (depth) memcpy(p, above, sizeof *p * (size_t)depth);
    extend(p, depth, zero, one, feature);
    if (n->feature < 0) {
        for (int i = 1; i <= depth; i++)
            w->out[p[i].feature] += w->sign * unwound_sum(p, depth, i) * (p[i].one - p[i].zero) * n->value;
        return;
    }
    int hot = (float)w->x[n->feature] < n->value ? n->yes : n->no, cold = hot == n->yes ? n->no : n->yes, known = 1;
    double in_zero = 1, in_one = 1, cover = n->cover > 0 ? n->cover : 1;
    while (known <= depth && p[known].feature != n->feature) known++;
    if (known <= depth) {
        in_zero = p[known].zero;
        in_one = p[known].one;
        unwind(p, depth, known);
        depth--;
    }
    walk(w, hot, p, depth + 1, w->tree->nodes[hot].cover / cover * in_zero, in_one, n->feature);
    walk(w, cold, p, depth + 1, w->tree->nodes[cold].cover / cover * in_zero, 0, n->feature);
}
/* Every node sends both the same way: so does every subset of features, and contributions are the same. */
static bool tree_decides_alike(const Tree *t, const double *x, const double *z) {
    for (int i = 0; i < t->count; i++) {
        const TreeNode *n = &t->nodes[i];
        if (n->feature >= 0 && ((float)x[n->feature] < n->value) != ((float)z[n->feature] < n->value)) return false;
    }
    return true;
}
void forest_differences(const Forest *f, const double *x, const double *z, double *out) {
    for (int i = 0; i < f->count; i++) {
        const Tree *t = &f->trees[i];
        if (tree_decides_alike(t, x, z)) continue;
        walk(&(Walk){t, x, 1, out}, 0, NULL, 0, 1, 1, -1);
        walk(&(Walk){t, z, -1, out}, 0, NULL, 0, 1, 1, -1);
    }
}

/* ---- text ---- */
void forest_print(Buf *out, const char *name, const Forest *f) {
    buf_printf(out, "forest %s %d %.9g\n", name, f->count, f->base);
    for (int i = 0; i < f->count; i++) {
        const Tree *t = &f->trees[i];
        buf_printf(out, "tree %d\n", t->count);
        for (int k = 0; k < t->count; k++) {
            const TreeNode *n = &t->nodes[k];
            if (n->feature < 0)
                buf_printf(out, "%.6g %.6g\n", (double)n->value, (double)n->cover);
            else
                buf_printf(out, "%d %.9g %d %d %.6g\n", n->feature, (double)n->value, n->yes, n->no, (double)n->cover);
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
    int64_t digits = 0;
    int n = 0, power = 0, more = 0;
    bool minus = *at == '-', point = false, sign;
    for (at += minus; (*at >= '0' && *at <= '9') || (*at == '.' && !point); at++) {
        if (*at == '.') {
            point = true;
            continue;
        }
        digits = 10 * digits + (*at - '0');
        power -= point;
        if (++n > 15) return NULL;
    }
    if (!n) return NULL;
    if (*at == 'e') {
        sign = at[1] == '-';
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
        if (depth[k] < 0 || depth[k] > TREE_DEPTH || !isfinite(n->value) || !(n->cover >= 0)) return false;
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
            double v[5];
            int got = 0;
            while (got < 5 && r.ok && *r.at != '\n') v[got++] = read_number(&r);
            r.ok = r.ok && (got == 2 || got == 5) && line_ends(&r);
            if (!r.ok) break;
            if (got == 2)
                *n = (TreeNode){-1, (float)v[0], 0, 0, (float)v[1]};
            else if (v[0] >= 0 && v[0] < nfeatures && v[2] >= 0 && v[2] < 4096 && v[3] >= 0 && v[3] < 4096)
                *n = (TreeNode){(int)v[0], (float)v[1], (int)v[2], (int)v[3], (float)v[4]};
            else
                r.ok = false;
        }
        r.ok = r.ok && tree_sound(t);
    }
    *text = r.at;
    *why = "its trees cannot be read";
    return r.ok;
}

/* ---- XGBoost's dump: {"nodeid", "split": "f3", "split_condition", "yes", "no", "cover", "children"} or {"leaf"} ----
 */
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
    n->cover = (float)number_of(j, "cover", ok);
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
