/* generate.c: synthetic tables and the script over them (contract: generate.h). */
#include "compiler/estimator/generate.h"
#include <math.h>

enum {
    MOST_BROAD = 3000 /* columns; X'X is made of them */,
    MOST_RIDGE = 600,
    MOST_COLUMNS = 64,
    CHOICES = 1000,
    MOST_MOVES = 25 /* rounds of k-means: it rarely settles before */
};
typedef enum { SHAPE_STAR, SHAPE_SNOWFLAKE, SHAPE_UNION, SHAPE_PAIRS, SHAPE_OUTER, NSHAPES } Shape;
static const char *const shape_names[NSHAPES] = {"star", "snowflake", "union", "one-to-one join", "outer join"};

const char *const generate_ranges[NRANGES] = {
#define ROW(id, name) name,
    GENERATE_RANGES(ROW)
#undef ROW
};
GenerateRange generate_range(const char *name) {
    for (int k = 0; name && k < NRANGES; k++)
        if (!strcmp(name, generate_ranges[k])) return (GenerateRange)k;
    return RANGE_WIDE;
}

typedef struct Plan { /* of one table */
    const char *name;
    int64_t rows;
    int features, categories; /* categories: 0, or those of one more column of texts */
    double zeros;             /* share of zero cells */
    bool sparse_columns;      /* zeros fill whole columns (published) instead of cells */
    int parent;               /* the table whose rows name this one's by `kN`; -1: the fact table */
    bool optional;            /* some of these rows name nothing */
    int skew;                 /* the key is floor(keys * u^skew) */
    bool ordered;             /* rows stand in the order of the key */
    int sparse, entries;      /* 0, or the table is one sparse matrix of so many columns, with so many entries a row */
    bool ones;                /* those are all 1 */
    int category_skew;        /* as skew, of the categories; 0: 1 */
} Plan;
typedef struct Generator {
    Arena *arena;
    uint64_t seed, drawn;
    GenerateRange range;
    Shape shape;
    int ntables;
    Plan plan[GENERATE_TABLES];
} Generator;

/* ---- choices: one stream, in the order they are made ---- */
static double draw(Generator *g) {
    return rng_uniform(g->seed, CHOICES, g->drawn++);
}
static int draw_int(Generator *g, int least, int most) {
    return least + (int)(draw(g) * (most - least + 1));
}
static double draw_scale(Generator *g, double least, double most) {
    return least * pow(most / least, draw(g));
}

static void plan_wide(Generator *g) {
    double shape = draw(g);
    g->shape = shape < 0.5    ? SHAPE_STAR
               : shape < 0.75 ? SHAPE_SNOWFLAKE
               : shape < 0.82 ? SHAPE_UNION
               : shape < 0.91 ? SHAPE_PAIRS
                              : SHAPE_OUTER;
    g->ntables = g->shape == SHAPE_STAR        ? draw_int(g, 2, GENERATE_TABLES)
                 : g->shape == SHAPE_SNOWFLAKE ? draw_int(g, 3, 4)
                                               : 2;
    int64_t rows = (int64_t)draw_scale(g, 500, 300000);
    int cols = draw_int(g, 4, 48), left = cols;
    for (int t = 0; t < g->ntables; t++) {
        Plan *p = &g->plan[t];
        int fair = left - (g->ntables - 1 - t);
        p->features = t == g->ntables - 1 ? left : draw_int(g, 1, fair < 1 ? 1 : fair);
        left -= p->features;
        p->categories = draw(g) < 0.25 ? draw_int(g, 3, 40) : 0;
        p->zeros = draw(g) < 0.5 ? 0 : 0.95 * draw(g);
        p->optional = t && draw(g) < 0.25;
        p->skew = draw(g) < 0.5 ? 1 : draw_int(g, 2, 5);
        p->ordered = t == 1 && draw(g) < 0.15;
        p->parent = g->shape == SHAPE_SNOWFLAKE && t >= 2 ? t - 1 : 0;
        double fan = draw_scale(g, 1, 1000);
        p->rows = t == 0 || g->shape == SHAPE_PAIRS ? rows : (int64_t)((double)g->plan[p->parent].rows / fan) + 1;
        if (g->shape == SHAPE_UNION && t) p->rows = (int64_t)((double)rows * (0.1 + 0.9 * draw(g)));
    }
}
static void plan_published(Generator *g) {
    static const int64_t rows[] = {100000, 500000, 1000000};
    static const Shape shapes[] = {SHAPE_STAR, SHAPE_STAR, SHAPE_OUTER, SHAPE_UNION}; /* inner, left, outer, union */
    int kind = draw_int(g, 0, 3), cols = draw_int(g, 10, 50);
    int64_t n = rows[draw_int(g, 0, 2)];
    double share = 0.1 + 0.9 * draw(g), zeros = 0.9 * draw(g);
    g->shape = shapes[kind];
    g->ntables = 2;
    int second = (int)(share * (cols - 1));
    g->plan[0] = (Plan){.rows = n, .features = cols - (second < 1 ? 1 : second)};
    g->plan[1] = (Plan){.rows = (int64_t)((0.1 + 0.9 * draw(g)) * (double)n), .features = second < 1 ? 1 : second};
    g->plan[1].optional = kind == 1;
    for (int t = 0; t < 2; t++) {
        g->plan[t].zeros = zeros;
        g->plan[t].sparse_columns = true;
        g->plan[t].skew = 1;
    }
}
/* Wide columns are few: at least one table has some, or is a sparse matrix. */
static void plan_broad(Generator *g) {
    int room = MOST_BROAD;
    g->shape = draw(g) < 0.75 ? SHAPE_STAR : SHAPE_SNOWFLAKE;
    g->ntables = g->shape == SHAPE_STAR ? draw_int(g, 2, 4) : 3;
    int chosen = draw_int(g, 0, g->ntables - 1);
    int64_t rows = (int64_t)draw_scale(g, 2000, 500000);
    for (int t = 0; t < g->ntables; t++) {
        Plan *p = &g->plan[t];
        bool leaf = t && (g->shape == SHAPE_STAR || t == g->ntables - 1);
        p->parent = g->shape == SHAPE_SNOWFLAKE && t >= 2 ? t - 1 : 0;
        double fan = draw_scale(g, 1, 2000);
        p->rows = t ? (int64_t)((double)g->plan[p->parent].rows / fan) + 1 : rows;
        p->features = draw_int(g, 1, 12);
        p->zeros = draw(g) < 0.7 ? 0 : 0.95 * draw(g);
        p->skew = draw(g) < 0.5 ? 1 : draw_int(g, 2, 5);
        p->ordered = t == 1 && draw(g) < 0.15;
        p->category_skew = draw(g) < 0.5 ? 1 : draw_int(g, 2, 3);
        int width = (int)draw_scale(g, 50, 2000), entries = (int)draw_scale(g, 2, 40);
        bool wide = draw(g) < 0.35, sparse = draw(g) < 0.5;
        p->ones = draw(g) < 0.5;
        if (width > room) width = room;
        if ((!wide && t != chosen) || width < 2) continue;
        room -= width;
        if (leaf && sparse) {
            p->sparse = width;
            p->entries = entries < width ? entries : width;
            p->features = 0;
        } else
            p->categories = width < p->rows / 2 ? width : (int)(p->rows / 2) + 1;
    }
}

/* ---- tables ---- */
typedef struct TableBuild {
    Generator *g;
    int table, ncols, drawn;
    Column cols[MOST_COLUMNS];
    bool ok;
} TableBuild;
static uint64_t stream_of(TableBuild *b) {
    return (uint64_t)(b->table * MOST_COLUMNS + b->ncols);
}
static Column *add_column(TableBuild *b, const char *name, TypeKind type) {
    AMAL_CHECK(b->ncols < MOST_COLUMNS);
    Column *c = &b->cols[b->ncols++];
    size_t rows = (size_t)b->g->plan[b->table].rows;
    *c = (Column){.name = name, .type = type};
    if (type == TY_NUM)
        b->ok = (c->num = mem_try(rows, sizeof *c->num)) != NULL && b->ok;
    else if (type == TY_INT)
        b->ok = (c->ints = mem_try(rows, sizeof *c->ints)) != NULL && b->ok;
    else
        b->ok = (c->codes = mem_try(rows, sizeof *c->codes)) != NULL && (c->dict = dict_new()) != NULL && b->ok;
    return c;
}
/* The rows' own keys, 1 … rows. Beside a sparse matrix they are the numbers of its rows. */
static void add_own_key(TableBuild *b) {
    Column *c = add_column(b, "k", TY_INT);
    if (b->g->plan[b->table].sparse) c->type = TY_ROWID;
    for (int64_t i = 0; b->ok && i < b->g->plan[b->table].rows; i++) c->ints[i] = i + 1;
}
static double to_power(double u, int power) {
    double v = u;
    while (--power > 0) v *= u;
    return v;
}
/* Keys of the rows of table `to`; for one-to-one joins each of them once. */
static void add_foreign_key(TableBuild *b, int to) {
    const Plan *p = &b->g->plan[to];
    uint64_t stream = stream_of(b);
    Column *c = add_column(b, arena_printf(b->g->arena, "k%d", to), TY_INT);
    int64_t rows = b->g->plan[b->table].rows;
    for (int64_t i = 0; b->ok && i < rows; i++) {
        double u = rng_uniform(b->g->seed, stream, (uint64_t)i);
        if (b->g->shape == SHAPE_PAIRS)
            c->ints[i] = i + 1;
        else if (p->ordered)
            c->ints[i] = (int64_t)((double)i / (double)rows * (double)p->rows) + 1;
        else
            c->ints[i] = (int64_t)(to_power(u, p->skew) * (double)p->rows) + 1;
        bool none = p->optional && rng_uniform(b->g->seed, stream, (uint64_t)(rows + i)) < 0.1;
        if (none) c->ints[i] = p->rows + 1 + i;
    }
    for (int64_t i = rows - 1; b->ok && b->g->shape == SHAPE_PAIRS && i > 0; i--) {
        int64_t j = (int64_t)(rng_uniform(b->g->seed, stream, (uint64_t)i) * (double)(i + 1)), keep = c->ints[i];
        c->ints[i] = c->ints[j];
        c->ints[j] = keep;
    }
}
/* One entry in each of as many equal ranges of columns as a row has entries. */
static void add_matrix(TableBuild *b) {
    const Plan *p = &b->g->plan[b->table];
    uint64_t stream = stream_of(b);
    AMAL_CHECK(b->ncols < MOST_COLUMNS);
    Column *c = &b->cols[b->ncols++];
    *c = (Column){.name = arena_printf(b->g->arena, "%s_x", p->name), .type = TY_VECTOR};
    c->matrix = mat_new_csr(p->rows, p->sparse, p->rows * p->entries, p->ones);
    b->ok = b->ok && c->matrix;
    for (int64_t i = 0; b->ok && i < p->rows * p->entries; i++) {
        int64_t e = i % p->entries, from = e * p->sparse / p->entries, to = (e + 1) * p->sparse / p->entries;
        uint64_t bits = rng_u64(b->g->seed, stream, (uint64_t)i);
        c->matrix->colidx[i] = (int32_t)(from + (int64_t)(bits >> 32) % (to - from));
        if (!p->ones) c->matrix->values[i] = 0.01 * (double)(1 + (bits & 0xffff) % 999);
        if (e == p->entries - 1) c->matrix->rowptr[i / p->entries + 1] = i + 1;
    }
}
static void add_features(TableBuild *b) {
    Generator *g = b->g;
    const Plan *p = &g->plan[b->table];
    for (int f = 0; f < p->features; f++) {
        uint64_t stream = stream_of(b);
        Column *c = add_column(b, arena_printf(g->arena, "%s_%d", p->name, f + 1), TY_NUM);
        bool zero = p->sparse_columns && f < (int)(p->zeros * p->features);
        for (int64_t i = 0; b->ok && i < p->rows; i++) {
            uint64_t bits = rng_u64(g->seed, stream, (uint64_t)i);
            bool none = p->sparse_columns ? zero && bits % 100 != 0 : (double)(bits >> 40) < p->zeros * 16777216.0;
            c->num[i] = none ? 0 : 0.01 * (double)(1 + (bits & 0xffff) % 999);
        }
    }
    if (!p->categories) return;
    uint64_t stream = stream_of(b);
    Column *c = add_column(b, arena_printf(g->arena, "%s_kind", p->name), TY_TEXT);
    for (int v = 0; b->ok && v < p->categories; v++) {
        char text[16];
        int n = snprintf(text, sizeof text, "v%02d", v);
        b->ok = dict_add(c->dict, text, n) == v;
    }
    for (int64_t i = 0; b->ok && i < p->rows; i++)
        c->codes[i] = (int32_t)(to_power(rng_uniform(g->seed, stream, (uint64_t)i), p->category_skew) * p->categories);
}
static void add_label(TableBuild *b) {
    uint64_t stream = stream_of(b);
    Column *c = add_column(b, "y", TY_NUM);
    for (int64_t i = 0; b->ok && i < b->g->plan[b->table].rows; i++)
        c->num[i] = rng_uniform(b->g->seed, stream, (uint64_t)i) < 0.4;
}
static Table *make_table(Generator *g, int t) {
    TableBuild *b = arena_new_of(g->arena, TableBuild);
    *b = (TableBuild){.g = g, .table = t, .ok = true};
    if (t && g->shape != SHAPE_UNION) add_own_key(b);
    for (int to = 1; to < g->ntables && g->shape != SHAPE_UNION; to++)
        if (g->plan[to].parent == t) add_foreign_key(b, to);
    if (!t || g->shape == SHAPE_UNION || g->shape == SHAPE_OUTER) add_label(b);
    if (g->plan[t].sparse)
        add_matrix(b);
    else
        add_features(b);
    Table *made = b->ok ? table_from_columns(g->plan[t].name, g->plan[t].rows, b->ncols, b->cols) : NULL;
    for (int i = 0; i < b->ncols; i++) {
        mem_free(b->cols[i].num);
        mem_free(b->cols[i].ints);
        mem_free(b->cols[i].codes);
        mat_free(b->cols[i].matrix);
        if (b->cols[i].dict) dict_free(b->cols[i].dict);
    }
    return made;
}

/* ---- the script ---- */
static bool is_key(const Column *c) {
    return c->type == TY_INT || c->type == TY_ROWID;
}
/* name(k: k1, y: y, fact_1: fact_1, …), with the keys, when they are wanted, by the names of those who name them. */
static void put_atom(Buf *s, const Table *t, int number, bool label, bool keys) {
    const char *comma = "";
    buf_printf(s, "%s(", t->name);
    for (int c = 0; c < t->ncols; c++) {
        const char *name = t->cols[c].name;
        bool own = !strcmp(name, "k");
        if (!strcmp(name, "y") ? !label : is_key(&t->cols[c]) && !keys) continue;
        if (own)
            buf_printf(s, "%sk: k%d", comma, number);
        else
            buf_printf(s, "%s%s: %s", comma, name, name);
        comma = ", ";
    }
    buf_puts(s, ")");
}
static bool is_feature(const Column *c) {
    return strcmp(c->name, "y") && !is_key(c);
}
/* -> exists …: T(y: y, …) for a body of the tables in `body`. */
static void put_head(Buf *s, const Dataset *d, unsigned body) {
    const char *comma = "";
    Buf exists = {0}, head = {0};
    for (int t = 0; t < d->ntables; t++)
        for (int c = 0; c < d->tables[t]->ncols; c++) {
            const Column *col = &d->tables[t]->cols[c];
            if (!is_feature(col)) continue;
            if (!(body >> t & 1)) buf_printf(&exists, "%s%s", exists.len ? ", " : "", col->name);
            buf_printf(&head, "%s%s: %s", comma, col->name, col->name);
            comma = ", ";
        }
    buf_puts(s, " -> ");
    if (exists.len) buf_printf(s, "exists %s: ", exists.data);
    buf_printf(s, "T(y: y, %s);\n", head.data);
    buf_free(&exists);
    buf_free(&head);
}
static void put_bodies(Buf *s, const Generator *g, const Dataset *d) {
    if (g->shape == SHAPE_UNION || g->shape == SHAPE_OUTER) {
        unsigned all = (1u << g->ntables) - 1;
        if (g->shape == SHAPE_OUTER) {
            put_atom(s, d->tables[0], 0, true, true);
            buf_puts(s, " & ");
            put_atom(s, d->tables[1], 1, false, true);
            put_head(s, d, all);
        }
        for (int t = 0; t < g->ntables; t++) {
            put_atom(s, d->tables[t], t, true, false);
            put_head(s, d, 1u << t);
        }
        return;
    }
    for (int t = 0; t < g->ntables; t++) {
        if (t) buf_puts(s, " & ");
        put_atom(s, d->tables[t], t, true, true);
        /* what hangs on a row that may be missing may be missing too */
        bool optional = false;
        for (int up = t; up > 0; up = g->plan[up].parent) optional = optional || g->plan[up].optional;
        if (optional) buf_puts(s, "?");
    }
    put_head(s, d, (1u << g->ntables) - 1);
}
/* cells: those that one round goes through. Steps are so short that nothing diverges: columns of a table with few rows
 * depend on each other. */
static void put_broad_trainings(Buf *s, Generator *g, double cells, double cols) {
    int most = (int)fmax(2, fmin(1000, 1e9 / cells));
    int rounds = (int)fmax(2, fmin(draw_scale(g, 4, 1000), most)),
        again = (int)fmax(2, fmin(draw_scale(g, 4, 1000), most));
    int k = draw_int(g, 2, 12), few = (int)fmax(2, fmin(draw_scale(g, 4, 60), 4e8 / (cells * k)));
    bool raw = draw(g) < 0.3;
    double second = draw(g);
    buf_printf(s, "train a = linear_regression(iterations = %d, %s) on T;\n", rounds,
               raw ? "standardize = false, step = 0.00001" : "step = 0.0001");
    if (second < 0.4)
        buf_printf(s, "train b = linear_regression(iterations = %d, step = 0.0001, intercept = %s) on T;\n", again,
                   draw(g) < 0.5 ? "false" : "true");
    else if (second < 0.65)
        buf_printf(s, "train b = logistic_regression(iterations = %d) on T;\n", again);
    else if (second < 0.8)
        buf_printf(s, "train b = kmeans(k = %d, iterations = %d) on T;\n", k, few < MOST_MOVES ? few : MOST_MOVES);
    else if (second < 0.9 || cols > MOST_RIDGE)
        buf_printf(s, "train b = nmf(rank = %d, iterations = %d) on T;\n", k, few);
    else
        buf_puts(s, "train b = ridge() on T;\n");
}
static void put_trainings(Buf *s, Generator *g, double cells) {
    /* rounds and sizes are so that a training takes tens of milliseconds */
    int rounds = (int)fmax(2, fmin(draw_scale(g, 4, 200), 3e8 / cells));
    int k = draw_int(g, 2, 12), rank = draw_int(g, 2, 10);
    int wide = (int)fmax(2, fmin(rounds, 4e8 / (cells * (k > rank ? k : rank))));
    double first = draw(g), second = draw(g);
    buf_printf(s, "train a = %s(iterations = %d) on T;\n", first < 0.5 ? "linear_regression" : "logistic_regression",
               rounds);
    if (second < 0.35)
        buf_printf(s, "train b = kmeans(k = %d, iterations = %d) on T;\n", k, wide < MOST_MOVES ? wide : MOST_MOVES);
    else if (second < 0.65)
        buf_printf(s, "train b = nmf(rank = %d, iterations = %d) on T;\n", rank, wide);
    else
        buf_puts(s, "train b = ridge() on T;\n");
}
static const char *make_script(Generator *g, const Dataset *d, double rows, double cols) {
    double stored = 0; /* cells of a row, joined */
    for (int t = 0; t < g->ntables; t++)
        stored += g->plan[t].features + (g->plan[t].categories > 0) + g->plan[t].entries;
    Buf s = {0};
    buf_printf(&s, "# Synthetic data, seed %llu: %s.\n", (unsigned long long)g->seed, d->summary);
    for (int t = 0; t < d->ntables; t++) {
        const Table *table = d->tables[t];
        bool sparse = g->plan[t].sparse != 0;
        buf_printf(&s, "source %s from \"%s.%s\" {", table->name, table->name, sparse ? "mtx" : "csv");
        for (int c = 0; c < table->ncols; c++) {
            const Column *col = &table->cols[c];
            buf_printf(&s, "%s %s: %s", c ? "," : "", col->name, type_text(col->type));
            if (col->type == TY_VECTOR) buf_printf(&s, "(%d)", g->plan[t].sparse);
        }
        buf_puts(&s, sparse ? ", key(k) }\n" : " }\n");
    }
    buf_puts(&s, "target T {\n  y: label num");
    for (int t = 0; t < d->ntables; t++)
        for (int c = 0; c < d->tables[t]->ncols; c++) {
            const Column *col = &d->tables[t]->cols[c];
            if (!is_feature(col)) continue;
            buf_printf(&s, ",\n  %s: feature %s", col->name,
                       col->type == TY_NUM      ? "num"
                       : col->type == TY_VECTOR ? "vector"
                                                : "onehot");
            if (col->type == TY_NUM) buf_puts(&s, " missing 0");
        }
    buf_puts(&s, "\n}\n");
    put_bodies(&s, g, d);
    if (g->range == RANGE_BROAD)
        put_broad_trainings(&s, g, rows * stored, cols);
    else
        put_trainings(&s, g, rows * cols);
    const char *text = arena_strndup(g->arena, s.data, s.len);
    buf_free(&s);
    return text;
}

bool generate_dataset(Arena *arena, uint64_t seed, GenerateRange range, Dataset *out) {
    Generator *g = arena_new_of(arena, Generator);
    *g = (Generator){.arena = arena, .seed = seed, .range = range};
    *out = (Dataset){0};
    switch (range) {
    case RANGE_WIDE: plan_wide(g); break;
    case RANGE_PUBLISHED: plan_published(g); break;
    default: plan_broad(g);
    }
    double rows = 0, cols = 0;
    for (int t = 0; t < g->ntables; t++) {
        g->plan[t].name = t ? arena_printf(arena, "dim%d", t) : "fact";
        if (!t || g->shape == SHAPE_UNION) rows += (double)g->plan[t].rows;
        cols += g->plan[t].features + g->plan[t].categories + g->plan[t].sparse;
    }
    out->summary =
        arena_printf(arena, "%s of %d tables, %.0f rows, %.0f features", shape_names[g->shape], g->ntables, rows, cols);
    for (; out->ntables < g->ntables; out->ntables++)
        if (!(out->tables[out->ntables] = make_table(g, out->ntables))) {
            dataset_free(out);
            return false;
        }
    out->script = make_script(g, out, rows, cols);
    return true;
}

void dataset_free(Dataset *d) {
    for (int t = 0; t < d->ntables; t++) table_free(d->tables[t]);
    d->ntables = 0;
}
