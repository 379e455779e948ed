/* integration_testing.h: mappings in a small notation, for the tests of integrations and row expressions: tables as
 * lines of cells between bars, roles "S1,S2", equalities "S1.n=S2.n", heads "S1.a|S2.a", "-" (exists), "=3". A test has
 * one spec, and one Integration `in`, freed by teardown(). */
#ifndef AMAL_INTEGRATION_TESTING_H
#define AMAL_INTEGRATION_TESTING_H
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "backends/runtime/integration.h"

/* ---------------- building specs ---------------- */
static Arena *arena;
static Diags *ds;
static MappingSpec spec;
static Integration *in;

static inline int setup(void **state) {
    (void)state;
    arena = arena_new();
    ds = diags_new(arena);
    memset(&spec, 0, sizeof spec);
    spec.target = "T";
    spec.max_rows = 1000000000;
    spec.tables = arena_array(arena, Table *, 16);
    spec.roles = arena_array(arena, RoleSpec, 16);
    spec.tgds = arena_array(arena, TgdSpec, 600);
    spec.cols = arena_array(arena, TargetColumnSpec, 16);
    spec.checks = arena_array(arena, CheckSpec, 8);
    spec.matches = arena_array(arena, MatchSpec, 4);
    in = NULL;
    return 0;
}
static inline int teardown(void **state) {
    (void)state;
    integration_free(in);
    for (int t = 0; t < spec.ntables; t++) table_free(spec.tables[t]);
    for (int m = 0; m < spec.nmatches; m++)
        if (spec.matches[m].links) table_free(spec.matches[m].links);
    arena_free(arena);
    return 0;
}
/* table("S1", "m,n:text,a", rows, "3|Jane|37", …): cells between bars, empty is null. */
static inline Table *make_table(const char *name, const char *columns, int rows, const char *const *cells) {
    Column cols[16] = {0};
    int n = 0;
    char *names = arena_strdup(arena, columns);
    for (char *p = strtok(names, ","); p; p = strtok(NULL, ","), n++) {
        char *type = strchr(p, ':');
        if (type) *type++ = 0;
        cols[n].name = p;
        cols[n].type = !type                   ? TY_NUM
                       : !strcmp(type, "text") ? TY_TEXT
                       : !strcmp(type, "int")  ? TY_INT
                       : !strcmp(type, "date") ? TY_DATE
                                               : TY_BOOL;
        if (cols[n].type == TY_NUM)
            cols[n].num = arena_array(arena, double, rows + 1);
        else if (cols[n].type == TY_TEXT)
            cols[n].codes = arena_array(arena, int32_t, rows + 1), cols[n].dict = dict_new();
        else
            cols[n].ints = arena_array(arena, int64_t, rows + 1);
    }
    for (int r = 0; r < rows; r++) {
        const char *p = cells[r];
        for (int c = 0; c < n; c++) {
            size_t len = strcspn(p, "|");
            if (cols[c].num)
                cols[c].num[r] = len ? strtod(p, NULL) : NAN;
            else if (cols[c].ints)
                cols[c].ints[r] = len ? strtoll(p, NULL, 10) : TABLE_NULL_INT;
            else
                cols[c].codes[r] = len ? dict_add(cols[c].dict, p, (int32_t)len) : -1;
            p += len + (p[len] == '|');
        }
    }
    Table *t = table_from_columns(name, rows, n, cols);
    for (int c = 0; c < n; c++)
        if (cols[c].dict) dict_free(cols[c].dict);
    return t;
}
#define TABLE(name, columns, ...)                                                                                      \
    do {                                                                                                               \
        const char *const cells_[] = {__VA_ARGS__};                                                                    \
        add_table(make_table(name, columns, (int)(sizeof cells_ / sizeof *cells_) - (cells_[0] == NULL), cells_));     \
    } while (0)
static inline void add_role(const char *name, int source) {
    spec.roles[spec.nroles++] = (RoleSpec){.name = name, .source = source};
}
static inline void add_table(Table *t) {
    spec.tables[spec.ntables] = t;
    add_role(t->name, spec.ntables++);
}
static inline TargetColumnSpec *target(const char *name, ColumnRole role, Encoding encoding, TypeKind type) {
    TargetColumnSpec *c = &spec.cols[spec.ncols++];
    *c = (TargetColumnSpec){.name = name, .role = role, .encoding = encoding, .type = type, .missing_value = 0};
    return c;
}
static inline ColRef ref(const char *text, size_t len) {
    char buf[64];
    snprintf(buf, sizeof buf, "%.*s", (int)len, text);
    char *dot = strchr(buf, '.');
    assert_non_null(dot);
    *dot = 0;
    for (int r = 0; r < spec.nroles; r++)
        if (!strcmp(spec.roles[r].name, buf)) {
            int c = table_find(spec.tables[spec.roles[r].source], dot + 1);
            assert_true(c >= 0);
            return (ColRef){r, c};
        }
    fail_msg("no role %s", buf);
    return (ColRef){0, 0};
}
static inline JoinEq *equalities(const char *eqs, int *n) {
    JoinEq *out = arena_array(arena, JoinEq, 16);
    char *copy = arena_strdup(arena, eqs);
    for (char *p = strtok(copy, " "); p; p = strtok(NULL, " ")) {
        char *equals = strchr(p, '=');
        out[(*n)++] = (JoinEq){ref(p, (size_t)(equals - p)), ref(equals + 1, strlen(equals + 1)), {0}, "x"};
    }
    return out;
}
static inline RowExpr *number(double x) {
    RowExpr *e = arena_new_of(arena, RowExpr);
    *e = (RowExpr){.kind = RX_NUM, .type = TY_NUM, .num = x};
    return e;
}
static inline RowExpr *text(const char *s) {
    RowExpr *e = arena_new_of(arena, RowExpr);
    *e = (RowExpr){.kind = RX_TEXT, .type = TY_TEXT, .text = s};
    return e;
}
static inline RowExpr *column(const char *name) {
    RowExpr *e = arena_new_of(arena, RowExpr);
    ColRef c = ref(name, strlen(name));
    TypeKind type = spec.tables[spec.roles[c.role].source]->cols[c.column].type;
    *e = (RowExpr){.kind = RX_COLUMN,
                   .type = type == TY_TEXT || type == TY_DATE || type == TY_TIME ? type : TY_NUM,
                   .role = c.role,
                   .column = c.column};
    return e;
}
static inline RowExpr *node(RowExprKind kind, Op op, const char *name, TypeKind type, int n, ...) {
    RowExpr *e = arena_new_of(arena, RowExpr);
    *e = (RowExpr){
        .kind = kind, .op = op, .text = name, .type = type, .nargs = n, .args = arena_array(arena, RowExpr *, n + 1)};
    va_list ap;
    va_start(ap, n);
    for (int i = 0; i < n; i++) e->args[i] = va_arg(ap, RowExpr *);
    va_end(ap);
    return e;
}
#define BIN(op, a, b) node(RX_BINARY, op, NULL, TY_NUM, 2, a, b)
static inline TgdSpec *tgd(const char *roles, const char *eqs, const char *heads) {
    TgdSpec *t = &spec.tgds[spec.ntgds++];
    *t = (TgdSpec){.label = "m"};
    char *copy = arena_strdup(arena, roles);
    for (char *p = strtok(copy, ","); p; p = strtok(NULL, ","))
        for (int r = 0; r < spec.nroles; r++)
            if (!strcmp(spec.roles[r].name, p)) t->body |= UINT64_C(1) << r;
    t->eqs = equalities(eqs, &t->neqs);
    t->conds = arena_array(arena, RowExpr *, 4);
    t->head = arena_array(arena, HeadTerm, spec.ncols + 1);
    int j = 0;
    for (const char *p = heads; *p && j < spec.ncols; j++) {
        HeadTerm *h = &t->head[j];
        h->alts = arena_array(arena, HeadAlt, 8);
        size_t term = strcspn(p, " ");
        for (const char *end = p + term; p < end;) {
            size_t len = strcspn(p, "| ");
            HeadAlt *a = &h->alts[h->nalts++];
            if (*p == '-')
                a->kind = HEAD_EXISTENTIAL;
            else if (*p == '=')
                *a = (HeadAlt){.kind = HEAD_CONST, .expr = number(strtod(p + 1, NULL))};
            else {
                ColRef c = ref(p, len);
                *a = (HeadAlt){.kind = HEAD_COLUMN, .role = c.role, .column = c.column};
            }
            p += len + (p[len] == '|');
        }
        while (*p == ' ') p++;
    }
    assert_int_equal(j, spec.ncols);
    return t;
}
static inline void condition(TgdSpec *t, RowExpr *e) {
    t->conds[t->nconds++] = e;
}
static inline void build(void) {
    in = integration_build(ds, &spec, NULL);
    if (!in) diag_print(ds, stdout, false);
    assert_non_null(in);
}
static inline void build_fails(const char *code) {
    in = integration_build(ds, &spec, NULL);
    assert_null(in);
    assert_string_equal(diag_last_code(ds), code);
}
#define CI(role, ...)                                                                                                  \
    do {                                                                                                               \
        const int32_t want_[] = {__VA_ARGS__};                                                                         \
        assert_int_equal(in->rows, (int64_t)(sizeof want_ / sizeof *want_));                                           \
        for (int i_ = 0; i_ < (int)(sizeof want_ / sizeof *want_); i_++)                                               \
            assert_int_equal(in->ci[role][i_], want_[i_]);                                                             \
    } while (0)
#define X(...)                                                                                                         \
    do {                                                                                                               \
        const double want_[] = {__VA_ARGS__};                                                                          \
        int64_t n_ = (int64_t)(sizeof want_ / sizeof *want_);                                                          \
        assert_int_equal(in->rows * in->cols, n_);                                                                     \
        double *have_ = dense();                                                                                       \
        for (int64_t i_ = 0; i_ < n_; i_++) assert_true(fabs(have_[i_] - want_[i_]) < 1e-12);                          \
    } while (0)
static inline double *dense(void) {
    double *x = arena_array(arena, double, in->rows * in->cols + 1);
    int64_t *rows = arena_array(arena, int64_t, in->rows + 1);
    for (int64_t i = 0; i < in->rows; i++) rows[i] = i;
    integration_rows(in, rows, in->rows, x);
    return x;
}
#define HAVE(code) assert_true(has_code(code))
static inline bool has_code(const char *code) {
    Buf b = {0};
    diag_print_json(ds, &b);
    bool found = b.data && strstr(b.data, code);
    buf_free(&b);
    return found;
}
#endif
