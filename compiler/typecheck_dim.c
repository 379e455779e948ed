/* typecheck_dim.c: linear forms over symbols, the dimensions of symbolic shapes. */
#include "compiler/typecheck.h"

enum { COEFFICIENT_LIMIT = 1 << 30 }; /* beyond it a form becomes an open symbol: nothing overflows */

Dim dim_const(int64_t c) {
    return (Dim){.c = c};
}

Dim dim_symbol(Tc *t, const char *name, bool open) {
    DimSymbol s = {name, open};
    vec_push(t->arena, &t->syms, s);
    return (Dim){.n = 1, .sym = {t->syms.len - 1}, .k = {1}};
}

static bool too_large(int64_t v) {
    return v > COEFFICIENT_LIMIT || v < -COEFFICIENT_LIMIT;
}

Dim dim_add(Tc *t, Dim a, Dim b, int64_t sign) {
    Dim r = {.c = a.c + sign * b.c};
    bool fits = !too_large(r.c);
    int i = 0, j = 0;
    while (i < a.n || j < b.n) {
        int sym;
        int64_t k;
        if (j >= b.n || (i < a.n && a.sym[i] < b.sym[j]))
            sym = a.sym[i], k = a.k[i], i++;
        else if (i >= a.n || b.sym[j] < a.sym[i])
            sym = b.sym[j], k = sign * b.k[j], j++;
        else
            sym = a.sym[i], k = a.k[i] + sign * b.k[j], i++, j++;
        if (k == 0) continue;
        if (r.n == DIM_TERMS || too_large(k)) {
            fits = false;
            break;
        }
        r.sym[r.n] = sym;
        r.k[r.n++] = k;
    }
    return fits ? r : dim_symbol(t, "?", true);
}

Dim dim_scale(Tc *t, Dim a, int64_t k) {
    if (k == 0) return dim_const(0);
    if (too_large(k)) return dim_symbol(t, "?", true);
    a.c *= k;
    bool fits = !too_large(a.c);
    for (int i = 0; i < a.n; i++) {
        a.k[i] *= k;
        fits = fits && !too_large(a.k[i]);
    }
    return fits ? a : dim_symbol(t, "?", true);
}

bool dim_is_const(const Dim *d, int64_t *value) {
    if (d->n) return false;
    if (value) *value = d->c;
    return true;
}

bool dim_equal(const Dim *a, const Dim *b) {
    if (a->c != b->c || a->n != b->n) return false;
    for (int i = 0; i < a->n; i++)
        if (a->sym[i] != b->sym[i] || a->k[i] != b->k[i]) return false;
    return true;
}

static bool has_open(const Tc *t, const Dim *d) {
    for (int i = 0; i < d->n; i++)
        if (t->syms.data[d->sym[i]].open) return true;
    return false;
}

bool dim_clash(const Tc *t, Dim a, Dim b) {
    /* The open symbols that both share cancel: k + 1 clashes with k. What is left must hold none. */
    for (int i = 0; i < a.n; i++) {
        bool cancels = false;
        for (int j = 0; j < b.n; j++) cancels = cancels || (a.sym[i] == b.sym[j] && a.k[i] == b.k[j]);
        if (!cancels && t->syms.data[a.sym[i]].open) return false;
    }
    for (int j = 0; j < b.n; j++) {
        bool cancels = false;
        for (int i = 0; i < a.n; i++) cancels = cancels || (a.sym[i] == b.sym[j] && a.k[i] == b.k[j]);
        if (!cancels && t->syms.data[b.sym[j]].open) return false;
    }
    return !dim_equal(&a, &b);
}

static bool is_one(const Dim *d) {
    return d->n == 0 && d->c == 1;
}

bool dim_clash_broadcast(const Tc *t, Dim a, Dim b) {
    return !is_one(&a) && !is_one(&b) && dim_clash(t, a, b);
}

Dim dim_meet(const Tc *t, Dim a, Dim b) {
    return has_open(t, &a) && !has_open(t, &b) ? b : a;
}

Dim dim_broadcast(const Tc *t, Dim a, Dim b) {
    if (is_one(&a)) return b;
    if (is_one(&b)) return a;
    return dim_meet(t, a, b);
}

const char *dim_text(Tc *t, const Dim *d) {
    Buf b = {0};
    for (int i = 0; i < d->n; i++) {
        int64_t k = d->k[i];
        if (i)
            buf_puts(&b, k < 0 ? " - " : " + ");
        else if (k < 0)
            buf_puts(&b, "-");
        if (k != 1 && k != -1) buf_printf(&b, "%lld ", (long long)(k < 0 ? -k : k));
        buf_puts(&b, t->syms.data[d->sym[i]].name);
    }
    if (!d->n)
        buf_printf(&b, "%lld", (long long)d->c);
    else if (d->c)
        buf_printf(&b, " %c %lld", d->c < 0 ? '-' : '+', (long long)(d->c < 0 ? -d->c : d->c));
    const char *text = arena_strndup(t->arena, b.data, b.len);
    buf_free(&b);
    return text;
}

void tc_note_shape(Tc *t, Span at, const TcValue *v) {
    if (!at.file || at.file != t->p->shapes_of || v->bad) return;
    vec_push(t->p->arena, &t->p->shapes, ((ShapeNote){at, shape_text(t, v)}));
}

const char *shape_text(Tc *t, const TcValue *v) {
    const char *r = dim_text(t, &v->rows), *c = dim_text(t, &v->cols);
    bool br = v->rows.n > 0 && (v->rows.n > 1 || v->rows.c), bc = v->cols.n > 0 && (v->cols.n > 1 || v->cols.c);
    return arena_printf(t->arena, "%s%s%s x %s%s%s", br ? "(" : "", r, br ? ")" : "", bc ? "(" : "", c, bc ? ")" : "");
}
