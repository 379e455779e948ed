/* mapping_case.h: a random mapping with its tables, and how this test sees their values. */
#ifndef AMAL_MAPPING_CASE_H
#define AMAL_MAPPING_CASE_H
#include "backends/runtime/integration.h"
#include <math.h>
#include <stdlib.h>

enum { MAXR = 6, MAXK = 4, MAXT = 24, MAXJ = 5, NKEYS = 3, MAXTRIG = 4096 };
enum { COL_K0, COL_K1, COL_K2, COL_NUM, COL_INT, COL_CAT, COL_DAY, COL_VEC, NCOLS };

typedef struct Rng {
    uint64_t seed, at;
} Rng;
static int below(Rng *g, int n) {
    return n > 0 ? (int)(rng_uniform(g->seed, 1, g->at++) * n) : 0;
}
static bool chance(Rng *g, double p) {
    return rng_uniform(g->seed, 1, g->at++) < p;
}

/* ---------------- values, as this test sees them ---------------- */
typedef struct Cell {
    bool null, text;
    double x;
    char s[24];
} Cell;
static Cell null_cell(void) {
    return (Cell){.null = true};
}
static Cell cell_at(const Table *t, int col, int row) {
    const Column *c = &t->cols[col];
    Cell v = {0};
    if (row < 0) return null_cell();
    if (c->num)
        v.x = c->num[row], v.null = isnan(v.x);
    else if (c->ints)
        v.x = (double)c->ints[row], v.null = c->ints[row] == TABLE_NULL_INT;
    else if (c->codes[row] < 0)
        v.null = true;
    else
        v.text = true, snprintf(v.s, sizeof v.s, "%s", c->dict->text[c->codes[row]]);
    return v;
}
static bool same(Cell a, Cell b) {
    return !a.null && !b.null && a.text == b.text && (a.text ? !strcmp(a.s, b.s) : a.x == b.x);
}

/* ---------------- a random case ---------------- */
typedef struct Cond { /* kind 0: a.num > c; 1: a.cat = "b"; 2: a.num is not null; 3: a.int <= b.int */
    int kind, a, b;
    double c;
    RowExpr *expr;
} Cond;
typedef struct Variable {
    int key;
    int roles;
} Variable;
typedef struct Case {
    Rng g;
    Arena *arena;
    MappingSpec spec;
    Table *tables[3];
    Table *links;
    int nvars, nconds;
    Variable vars[8];
    Cond conds[4];
    bool per_tgd; /* conditions and equalities vary from tgd to tgd */
    uint32_t tgd_vars[MAXT], tgd_conds[MAXT];
    int match_key; /* variable that a match replaces, or -1 */
    int entity[MAXK][MAXR];
    /* columns: what feeds target column j from role k: a table column; derived: 2 * num + 1 */
    int kind[MAXJ];       /* 0 numeric 1 cat 2 day 3 vector */
    int feed[MAXJ][MAXK]; /* table column, -1 none */
    bool derived[MAXJ][MAXK];
    int constant[MAXJ]; /* 0 none, else value where no role feeds (text: a, b, …) */
    bool multi[MAXJ];   /* numeric: product of the first two feeding roles where both are */
    int order[MAXJ][MAXK];
} Case;

static Table *random_table(Case *c, int rows, int index) {
    Rng *g = &c->g;
    Column cols[NCOLS] = {0};
    static const char *names[NCOLS] = {"k0", "k1", "k2", "x", "n", "cat", "day", "vec"};
    static const char *words[] = {"a", "b", "c", "ab", ""};
    for (int i = 0; i < NCOLS; i++) {
        Column *col = &cols[i];
        col->name = names[i];
        bool text = i == COL_K1 || i == COL_CAT;
        col->type = text                                          ? TY_TEXT
                    : i == COL_NUM || (i == COL_K0 && index != 1) ? TY_NUM
                    : i == COL_DAY                                ? TY_DATE
                    : i == COL_VEC                                ? TY_VECTOR
                                                                  : TY_INT;
        if (text)
            col->codes = arena_array(c->arena, int32_t, rows + 1), col->dict = dict_new();
        else if (col->type == TY_NUM)
            col->num = arena_array(c->arena, double, rows + 1);
        else if (i != COL_VEC)
            col->ints = arena_array(c->arena, int64_t, rows + 1);
        int shift = below(g, 3), spread = 2 + below(g, 4);
        bool unique = i < NKEYS && chance(g, 0.4);
        for (int r = 0; r < rows; r++) {
            bool null = chance(g, 0.15);
            int v = unique ? (r + shift) % 6 : below(g, spread);
            if (text)
                col->codes[r] = null ? -1 : dict_add(col->dict, words[v % 5], (int32_t)strlen(words[v % 5]));
            else if (col->num)
                col->num[r] = null                       ? NAN
                              : i == COL_NUM             ? v / 2.0 - 0.5
                              : v == 0 && chance(g, 0.5) ? -0.0
                              : v == 3                   ? 2.5
                                                         : v;
            else if (col->ints)
                col->ints[r] = null           ? TABLE_NULL_INT
                               : i == COL_DAY ? 15000 + v
                               : i == COL_K2  ? (int64_t)v * 5000000000
                                              : v;
        }
    }
    bool sparse = chance(g, 0.5);
    Matrix *m = mat_new_dense(rows, 3);
    int64_t nnz = 0;
    for (int r = 0; r < rows; r++)
        for (int k = 0; k < 3; k++) nnz += (m->data[r * 3 + k] = chance(g, 0.4) ? below(g, 5) : 0) != 0;
    if (sparse) {
        Matrix *s = mat_new_csr(rows, 3, nnz, false);
        int64_t at = 0;
        for (int r = 0; r < rows; r++) {
            for (int k = 0; k < 3; k++)
                if (m->data[r * 3 + k] != 0) s->colidx[at] = k, s->values[at++] = m->data[r * 3 + k];
            s->rowptr[r + 1] = at;
        }
        mat_free(m);
        m = s;
    }
    cols[COL_VEC].matrix = m;
    char *name = arena_printf(c->arena, "S%d", index);
    Table *t = table_from_columns(name, rows, NCOLS, cols);
    dict_free(cols[COL_K1].dict);
    dict_free(cols[COL_CAT].dict);
    mat_free(m);
    return t;
}
static RowExpr *rx(Case *c, RowExprKind kind, Op op, TypeKind type, int n, RowExpr *a, RowExpr *b) {
    RowExpr *e = arena_new_of(c->arena, RowExpr);
    *e = (RowExpr){.kind = kind, .op = op, .type = type, .nargs = n, .args = arena_array(c->arena, RowExpr *, 2)};
    e->args[0] = a;
    e->args[1] = b;
    return e;
}
static RowExpr *rx_col(Case *c, int role, int column, TypeKind type) {
    RowExpr *e = rx(c, RX_COLUMN, OP_ADD, type, 0, NULL, NULL);
    e->role = role;
    e->column = column;
    return e;
}
static RowExpr *rx_num(Case *c, double x) {
    RowExpr *e = rx(c, RX_NUM, OP_ADD, TY_NUM, 0, NULL, NULL);
    e->num = x;
    return e;
}
static RowExpr *rx_text(Case *c, const char *s) {
    RowExpr *e = rx(c, RX_TEXT, OP_ADD, TY_TEXT, 0, NULL, NULL);
    e->text = s;
    return e;
}
static RowExpr *cond_expr(Case *c, const Cond *k) {
    switch (k->kind) {
    case 0: return rx(c, RX_BINARY, OP_GT, TY_NUM, 2, rx_col(c, k->a, COL_NUM, TY_NUM), rx_num(c, k->c));
    case 1: return rx(c, RX_BINARY, OP_EQ, TY_NUM, 2, rx_col(c, k->a, COL_CAT, TY_TEXT), rx_text(c, "b"));
    case 2: {
        RowExpr *e = rx(c, RX_ISNULL, OP_ADD, TY_NUM, 1, rx_col(c, k->a, COL_NUM, TY_NUM), NULL);
        e->num = 1;
        return e;
    }
    default:
        return rx(c, RX_BINARY, OP_LE, TY_NUM, 2, rx_col(c, k->a, COL_INT, TY_NUM), rx_col(c, k->b, COL_INT, TY_NUM));
    }
}
static int cond_roles(const Cond *k) {
    return 1 << k->a | (k->kind == 3 ? 1 << k->b : 0);
}
static bool connected(const Case *c, int body) {
    int reached = body & -body, before = 0;
    while (reached != before) {
        before = reached;
        for (int v = 0; v < c->nvars; v++)
            if (c->vars[v].roles & reached) reached |= c->vars[v].roles & body;
    }
    return body && reached == body;
}
static Table *role_table(const Case *c, int role) {
    return c->tables[c->spec.roles[role].source];
}

static void random_joins(Case *c) {
    Rng *g = &c->g;
    int used[MAXK] = {0}; /* keys already bound by a variable, per role */
    for (int r = 1; r < c->spec.nroles; r++) {
        int v = below(g, c->nvars + 2);
        if (v < c->nvars && !(used[r] >> c->vars[v].key & 1)) {
            c->vars[v].roles |= 1 << r;
            used[r] |= 1 << c->vars[v].key;
            continue;
        }
        for (int tries = 0; tries < 30; tries++) {
            int other = below(g, r), key = below(g, NKEYS);
            if ((used[r] | used[other]) >> key & 1) continue;
            c->vars[c->nvars++] = (Variable){key, 1 << r | 1 << other};
            used[r] |= 1 << key;
            used[other] |= 1 << key;
            break;
        }
    }
    for (int extra = below(g, 3); extra > 0 && c->spec.nroles > 1 && c->nvars < 7;
         extra--) { /* composite keys and cycles */
        int a = below(g, c->spec.nroles), b = below(g, c->spec.nroles), key = below(g, NKEYS);
        if (a == b || ((used[a] | used[b]) >> key & 1)) continue;
        c->vars[c->nvars++] = (Variable){key, 1 << a | 1 << b};
        used[a] |= 1 << key;
        used[b] |= 1 << key;
    }
    for (int i = below(g, 3); i > 0; i--) {
        Cond *k = &c->conds[c->nconds++];
        *k = (Cond){.kind = below(g, 4),
                    .a = below(g, c->spec.nroles),
                    .b = below(g, c->spec.nroles),
                    .c = below(g, 3) / 2.0 - 0.5};
        if (k->kind == 3 && k->a == k->b) k->kind = 2;
        k->expr = cond_expr(c, k);
    }
}
static void add_body(Case *c, int body) {
    int t = c->spec.ntgds++;
    c->spec.tgds[t].body = (uint64_t)body;
    c->spec.tgds[t].label = "m";
}
static void random_family(Case *c) {
    Rng *g = &c->g;
    int all = (1 << c->spec.nroles) - 1, bodies[1 << MAXK], n = 0;
    c->spec.tgds = arena_array(c->arena, TgdSpec, MAXT);
    for (int b = 1; b <= all; b++)
        if (connected(c, b)) bodies[n++] = b;
    int kind = below(g, 5);
    if (kind <= 1) { /* optional atoms: all connected sets over a core */
        int core = kind == 0 ? 1 + below(g, all) : 0;
        for (int size = c->spec.nroles; size > 0; size--)
            for (int i = 0; i < n; i++)
                if (__builtin_popcount((unsigned)bodies[i]) == size && (bodies[i] & core) == core)
                    add_body(c, bodies[i]);
    } else if (kind == 2) {
        for (int r = 0; r < c->spec.nroles; r++) add_body(c, 1 << r);
    } else if (kind == 3) {
        for (int i = 0; i < n && c->spec.ntgds < MAXT - 1; i++)
            if (chance(g, 0.4)) add_body(c, bodies[below(g, n)]);
    }
    if (!c->spec.ntgds) add_body(c, connected(c, all) ? all : bodies[below(g, n)]);
    c->per_tgd = chance(g, 0.2);
}
static void random_match(Case *c) {
    Rng *g = &c->g;
    c->match_key = -1;
    int v = below(g, c->nvars);
    if (!c->nvars || !chance(g, 0.2) || __builtin_popcount((unsigned)c->vars[v].roles) < 2) return;
    c->match_key = v;
    MatchSpec *m = arena_new_of(c->arena, MatchSpec);
    c->spec.matches = m;
    c->spec.nmatches = 1;
    m->many_to_one = true;
    m->roles = arena_array(c->arena, int, MAXK);
    for (int r = 0; r < c->spec.nroles; r++)
        if (c->vars[v].roles >> r & 1) m->roles[m->nroles++] = r;
    m->eqs = arena_array(c->arena, JoinEq, MAXK);
    m->left_col = m->right_col = m->link_score = -1;
    /* which rows are one entity, by closing a reachability matrix */
    int base[MAXK + 1] = {0}, n;
    static bool linked[MAXK * MAXR][MAXK * MAXR];
    memset(linked, 0, sizeof linked);
    for (int p = 0; p < m->nroles; p++) base[p + 1] = base[p] + (int)role_table(c, m->roles[p])->rows;
    n = base[m->nroles];
    m->one_to_one = chance(g, 0.4);
    if (m->nroles == 2 && chance(g, 0.5)) {
        int nl = base[1] && base[2] - base[1] ? below(g, 6) : 0;
        double left[6], right[6], score[6];
        bool taken[MAXK * MAXR] = {0}, done[6] = {0};
        for (int l = 0; l < nl; l++)
            left[l] = 1 + below(g, base[1]), right[l] = 1 + below(g, base[2] - base[1]), score[l] = below(g, 3);
        Column cols[3] = {{.name = "l", .type = TY_NUM, .num = left},
                          {.name = "r", .type = TY_NUM, .num = right},
                          {.name = "s", .type = TY_NUM, .num = score}};
        m->links = c->links = table_from_columns("links", nl, 3, cols);
        m->link_right = 1;
        m->link_score = 2;
        for (int step = 0; step < nl; step++) {
            int best = -1;
            for (int l = 0; l < nl; l++)
                if (!done[l] && (best < 0 || score[l] > score[best] ||
                                 (score[l] == score[best] &&
                                  (left[l] < left[best] || (left[l] == left[best] && right[l] < right[best])))))
                    best = l;
            int a = (int)left[best] - 1, b = base[1] + (int)right[best] - 1;
            done[best] = true;
            if (m->one_to_one && (taken[a] || taken[b])) continue;
            taken[a] = taken[b] = true;
            linked[a][b] = true;
        }
    } else {
        int col = c->vars[v].key;
        for (int p = 1; p < m->nroles; p++)
            m->eqs[m->neqs++] = (JoinEq){{m->roles[p - 1], col}, {m->roles[p], col}, {0}, "v"};
        for (int p = 0; p < m->nroles; p++)
            for (int q = p + 1; q < m->nroles; q++) {
                bool taken[MAXK * MAXR] = {0};
                for (int a = base[p]; a < base[p + 1]; a++)
                    for (int b = base[q]; b < base[q + 1]; b++) {
                        if (!same(cell_at(role_table(c, m->roles[p]), col, a - base[p]),
                                  cell_at(role_table(c, m->roles[q]), col, b - base[q])))
                            continue;
                        if (m->one_to_one && (taken[a] || taken[b])) continue;
                        taken[a] = taken[b] = true;
                        linked[a][b] = true;
                    }
            }
    }
    for (int a = 0; a < n; a++)
        for (int b = 0; b < n; b++)
            if (linked[a][b] || a == b) linked[a][b] = linked[b][a] = true;
    for (int k = 0; k < n; k++)
        for (int a = 0; a < n; a++)
            for (int b = 0; b < n; b++) linked[a][b] |= linked[a][k] && linked[k][b];
    for (int p = 0; p < m->nroles; p++)
        for (int a = base[p]; a < base[p + 1]; a++)
            for (int b = n - 1; b >= 0; b--)
                if (linked[a][b]) c->entity[m->roles[p]][a - base[p]] = b;
}
static void fill_tgds(Case *c) {
    Rng *g = &c->g;
    for (int t = 0; t < c->spec.ntgds; t++) {
        TgdSpec *tgd = &c->spec.tgds[t];
        int body = (int)tgd->body;
        tgd->eqs = arena_array(c->arena, JoinEq, 8 * MAXK);
        tgd->conds = arena_array(c->arena, RowExpr *, 8);
        tgd->cond_spans = arena_array(c->arena, Span, 8);
        for (int v = 0; v < c->nvars; v++) {
            if (v == c->match_key || (c->per_tgd && chance(g, 0.3))) continue;
            c->tgd_vars[t] |= 1u << v;
            int before = -1;
            for (int r = 0; r < c->spec.nroles; r++) {
                if (!(c->vars[v].roles & body & 1 << r)) continue;
                if (before >= 0)
                    tgd->eqs[tgd->neqs++] = (JoinEq){{before, c->vars[v].key}, {r, c->vars[v].key}, {0}, "v"};
                before = chance(g, 0.5) || before < 0 ? r : before;
            }
        }
        for (int k = 0; k < c->nconds; k++) {
            if ((cond_roles(&c->conds[k]) & ~body) || (c->per_tgd && chance(g, 0.5))) continue;
            c->tgd_conds[t] |= 1u << k;
            tgd->conds[tgd->nconds++] = c->conds[k].expr;
        }
    }
}
static void random_columns(Case *c) {
    Rng *g = &c->g;
    MappingSpec *s = &c->spec;
    s->ncols = 1 + below(g, MAXJ);
    s->cols = arena_array(c->arena, TargetColumnSpec, MAXJ);
    s->conflict = chance(g, 0.4) ? CONFLICT_NONNULL : CONFLICT_BASE;
    bool label = false;
    for (int j = 0; j < s->ncols; j++) {
        TargetColumnSpec *t = &s->cols[j];
        int kind = c->kind[j] = below(g, 8) % 4 == 3 ? below(g, 4) : below(g, 2);
        t->name = arena_printf(c->arena, "c%d", j);
        t->role = chance(g, 0.15) ? ROLE_ID : ROLE_FEATURE;
        if (!label && kind < 2 && chance(g, 0.3)) t->role = ROLE_LABEL, label = true;
        if (kind == 3) t->role = ROLE_FEATURE;
        t->type = kind == 0 ? TY_NUM : kind == 1 ? TY_TEXT : kind == 2 ? TY_DATE : TY_VECTOR;
        t->epoch = "2011-01-26"; /* day 15000 */
        if (t->role == ROLE_ID)
            t->encoding = ENC_TEXT;
        else if (t->role == ROLE_LABEL)
            t->encoding = kind == 0 && chance(g, 0.7) ? ENC_NUM : ENC_ORDINAL;
        else
            t->encoding = kind == 3        ? ENC_VECTOR
                          : kind == 2      ? (chance(g, 0.5) ? ENC_DAYS : ENC_ONEHOT)
                          : kind == 1      ? (chance(g, 0.7) ? ENC_ONEHOT : ENC_ORDINAL)
                          : chance(g, 0.6) ? ENC_NUM
                          : chance(g, 0.5) ? ENC_ONEHOT
                                           : ENC_ORDINAL;
        int miss = below(g, 12);
        t->missing = miss < 5                                              ? MISS_DEFAULT
                     : miss < 8                                            ? MISS_CONST
                     : miss < 10 && t->encoding != ENC_ONEHOT && kind != 3 ? MISS_MEAN
                     : miss < 11                                           ? MISS_DROP
                     : chance(g, 0.3)                                      ? MISS_ERROR
                                                                           : MISS_DEFAULT;
        if (t->role == ROLE_LABEL && t->missing == MISS_DEFAULT && chance(g, 0.8)) t->missing = MISS_CONST;
        t->missing_value = below(g, 3) - 0.5 * below(g, 2);
        if (t->role == ROLE_ID) t->missing = MISS_DEFAULT;
        c->constant[j] = kind < 2 && chance(g, 0.15) ? 1 + below(g, 3) : 0;
        c->multi[j] = kind == 0 && chance(g, 0.1);
        for (int r = 0; r < s->nroles; r++) {
            c->order[j][r] = r;
            c->feed[j][r] = chance(g, 0.45) ? (kind == 0   ? (chance(g, 0.5) ? COL_NUM : COL_INT)
                                               : kind == 1 ? COL_CAT
                                               : kind == 2 ? COL_DAY
                                                           : COL_VEC)
                                            : -1;
            c->derived[j][r] = kind == 0 && c->feed[j][r] >= 0 && chance(g, 0.2);
        }
        if (chance(g, 0.5))
            for (int r = s->nroles - 1; r > 0; r--) {
                int o = below(g, r + 1), swap = c->order[j][r];
                c->order[j][r] = c->order[j][o];
                c->order[j][o] = swap;
            }
        t->prec = c->order[j];
        t->nprec = s->nroles;
    }
    for (int t = 0; t < s->ntgds; t++) {
        s->tgds[t].head = arena_array(c->arena, HeadTerm, MAXJ);
        for (int j = 0; j < s->ncols; j++) {
            HeadTerm *h = &s->tgds[t].head[j];
            h->alts = arena_array(c->arena, HeadAlt, MAXK + 1);
            for (int i = 0; i < s->nroles; i++) {
                int r = c->order[j][i];
                if (!(s->tgds[t].body >> r & 1) || c->feed[j][r] < 0) continue;
                RowExpr *twice = rx(c, RX_BINARY, OP_MUL, TY_NUM, 2, rx_num(c, 2), rx_col(c, r, c->feed[j][r], TY_NUM));
                h->alts[h->nalts++] = c->derived[j][r]
                                          ? (HeadAlt){.kind = HEAD_DERIVED,
                                                      .role = r,
                                                      .expr = rx(c, RX_BINARY, OP_ADD, TY_NUM, 2, twice, rx_num(c, 1))}
                                          : (HeadAlt){.kind = HEAD_COLUMN, .role = r, .column = c->feed[j][r]};
            }
            if (c->multi[j] && h->nalts >= 2) {
                int a = h->alts[0].role, b = h->alts[1].role;
                h->nalts = 1;
                h->alts[0] = (HeadAlt){.kind = HEAD_MULTI,
                                       .expr = rx(c, RX_BINARY, OP_MUL, TY_NUM, 2, rx_col(c, a, c->feed[j][a], TY_NUM),
                                                  rx_col(c, b, c->feed[j][b], TY_NUM))};
            }
            if (!h->nalts && c->constant[j])
                h->alts[h->nalts++] = (HeadAlt){.kind = HEAD_CONST,
                                                .expr = c->kind[j] == 0 ? rx_num(c, c->constant[j])
                                                                        : rx_text(c, c->constant[j] == 1 ? "a" : "zz")};
            if (!h->nalts) h->alts[h->nalts++] = (HeadAlt){.kind = HEAD_EXISTENTIAL};
        }
    }
}
static void make_case(Case *c, uint64_t seed) {
    memset(c, 0, sizeof *c);
    c->g = (Rng){seed, 0};
    c->arena = arena_new();
    MappingSpec *s = &c->spec;
    s->target = "T";
    s->max_rows = 1000000000;
    s->threads = 1;
    s->ntables = 1 + below(&c->g, 3);
    s->tables = c->tables;
    s->nroles = 1 + below(&c->g, MAXK);
    for (int t = 0; t < s->ntables; t++)
        c->tables[t] = random_table(c, below(&c->g, s->nroles == 4 ? MAXR : MAXR + 1), t);
    s->roles = arena_array(c->arena, RoleSpec, MAXK);
    for (int r = 0; r < s->nroles; r++)
        s->roles[r] = (RoleSpec){.name = arena_printf(c->arena, "r%d", r), .source = below(&c->g, s->ntables)};
    random_joins(c);
    random_match(c);
    random_family(c);
    fill_tgds(c);
    random_columns(c);
    s->base_order = chance(&c->g, 0.25);
    s->distinct = chance(&c->g, 0.15);
}
static void free_case(Case *c) {
    for (int t = 0; t < c->spec.ntables; t++) table_free(c->tables[t]);
    if (c->links) table_free(c->links);
    arena_free(c->arena);
}
#endif
