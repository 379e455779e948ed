/* repl_data.c: commands of the REPL that look at sources and targets (contract: repl.h). */
#include "compiler/ast_print.h"
#include "compiler/box.h"
#include "compiler/repl.h"
#include "compiler/scan.h"
#include "compiler/session_internal.h"
#include <stdlib.h>

enum { HEAD_ROWS = 10, SHOWN_ROWS = 40, DRAWN_ROWS = 24, DRAWN_COLS = 16 };

static bool no_such(Repl *r, const char *what, const char *name) {
    return repl_wrong(r, "there is no %s `%s`; :sources and :tgds list what there is", what, name);
}

static void table_box(Repl *r, int ncols, const BoxColumn *columns, int64_t nrows, BoxCell cell, void *user,
                      bool plain) {
    Box b = {.ncols = ncols, .columns = columns, .nrows = nrows, .cell = cell, .user = user, .plain = plain};
    b.width = box_screen_width(r->out);
    box_print(r->out, &b);
}

/* ---------------- values ---------------- */

typedef struct Shown {
    const Matrix *value;
    const char *const *row_names;
} Shown;

static const char *matrix_cell(void *user, Arena *a, int64_t row, int col) {
    const Shown *s = user;
    if (col == 0) return s->row_names ? s->row_names[row] : arena_printf(a, "%lld", (long long)row + 1);
    return arena_printf(a, "%.6g", num_unsigned_nan(mat_get(s->value, row, col - 1)));
}

void repl_show(void *user, const char *expr, const Matrix *value, const char *const *row_names) {
    Repl *r = user;
    if (value->rows == 1 && value->cols == 1) {
        fprintf(r->out, "%.10g\n", num_unsigned_nan(mat_get(value, 0, 0)));
        return;
    }
    (void)expr;
    enum { MOST_COLUMNS = 256 }; /* more than any screen shows */
    int64_t cols = value->cols > MOST_COLUMNS ? MOST_COLUMNS : value->cols;
    Arena *a = arena_new();
    BoxColumn *columns = arena_array(a, BoxColumn, cols + 1);
    columns[0] = (BoxColumn){row_names ? "feature" : "row", NULL, !row_names};
    for (int64_t j = 0; j < cols; j++)
        columns[j + 1] = (BoxColumn){arena_printf(a, "%lld", (long long)j + 1), NULL, true};
    Shown s = {value, row_names};
    Box b = {.ncols = (int)cols + 1, .columns = columns, .nrows = value->rows, .cell = matrix_cell, .user = &s};
    b.width = box_screen_width(r->out);
    b.most_rows = SHOWN_ROWS;
    b.plain = true;
    box_print(r->out, &b);
    fprintf(r->out, "  %lld x %lld%s\n", (long long)value->rows, (long long)value->cols,
            value->rows > SHOWN_ROWS ? " (cut)" : "");
    arena_free(a);
}

/* ---------------- :sources, :schema, :tgds ---------------- */

typedef struct SourceRows {
    Session *s;
    const Program *p;
    Keys keys;
} SourceRows;

static const char *source_cell(void *user, Arena *a, int64_t row, int col) {
    const SourceRows *u = user;
    const Source *s = &u->p->sources.data[row];
    switch (col) {
    case 0: return s->decl->name.text;
    case 1: return s->decl->uri;
    case 2: return s->schema_known ? arena_printf(a, "%d", s->ncols) : "?";
    case 3: {
        int at = session_find(u->s, ST_SOURCE, s->decl->name.text);
        int64_t rows = at < 0 ? -1 : data_cache_rows(u->s->cache, u->keys.sources[at]);
        return rows < 0 ? "not read yet" : arena_printf(a, "%lld", (long long)rows);
    }
    default: {
        Buf b = {0};
        for (int i = 0; i < u->p->egds.len; i++) {
            const EgdDecl *e = u->p->egds.data[i];
            if (e->kind != EGD_KEY || strcmp(e->source.text, s->decl->name.text) != 0) continue;
            buf_puts(&b, b.len ? "; " : "");
            ast_print_names(&b, &e->cols);
        }
        const char *text = arena_strndup(a, b.data ? b.data : "", b.len);
        buf_free(&b);
        return text;
    }
    }
}

bool repl_sources(Repl *r, const char *argument) {
    (void)argument;
    static const BoxColumn columns[] = {{"source", NULL, false},
                                        {"from", NULL, false},
                                        {"columns", NULL, true},
                                        {"rows", NULL, true},
                                        {"key", NULL, false}};
    Arena *a = arena_new();
    SourceRows u = {r->session, session_program(r->session), session_keys(a, r->session)};
    if (u.p->sources.len)
        table_box(r, 5, columns, u.p->sources.len, source_cell, &u, true);
    else
        fputs("no sources\n", r->out);
    arena_free(a);
    return true;
}

static const char *column_cell(void *user, Arena *a, int64_t row, int col) {
    const Source *s = user;
    const ColumnDecl *c = &s->cols[row];
    if (col == 0) return c->name.text;
    if (col == 1)
        return c->type == TY_VECTOR && c->width ? arena_printf(a, "vector(%lld)", (long long)c->width)
               : c->format                      ? arena_printf(a, "%s(\"%s\")", type_text(c->type), c->format)
                                                : type_text(c->type);
    if (col == 2) return c->header ? c->header : "";
    return c->not_null ? "not null" : c->null_text ? arena_printf(a, "null \"%s\"", c->null_text) : "";
}

static const char *target_cell(void *user, Arena *a, int64_t row, int col) {
    const TargetColumn *c = &((const TargetDecl *)user)->columns.data[row];
    static const char *const roles[] = {
        [ROLE_FEATURE] = "feature", [ROLE_LABEL] = "label", [ROLE_WEIGHT] = "weight", [ROLE_ID] = "id"};
    static const char *const encodings[] = {
        [ENC_NUM] = "num",   [ENC_ONEHOT] = "onehot", [ENC_ORDINAL] = "ordinal", [ENC_HASH] = "hash",
        [ENC_DAYS] = "days", [ENC_VECTOR] = "vector", [ENC_TEXT] = "text"};
    static const char *const missing[] = {
        [MISS_DEFAULT] = "", [MISS_CONST] = "", [MISS_MEAN] = "mean", [MISS_DROP] = "drop", [MISS_ERROR] = "error"};
    if (col == 0) return c->name.text;
    if (col == 1) return roles[c->role];
    if (col == 2) return encodings[c->encoding];
    if (c->missing != MISS_CONST || !c->missing_value) return missing[c->missing];
    Buf b = {0};
    ast_print_expr(&b, c->missing_value);
    const char *text = arena_strndup(a, b.data, b.len);
    buf_free(&b);
    return text;
}

bool repl_schema(Repl *r, const char *argument) {
    static const BoxColumn of_source[] = {
        {"column", NULL, false}, {"type", NULL, false}, {"header", NULL, false}, {"nulls", NULL, false}};
    static const BoxColumn of_target[] = {
        {"column", NULL, false}, {"role", NULL, false}, {"encoding", NULL, false}, {"missing", NULL, false}};
    const Program *p = session_program(r->session);
    Arena *a = arena_new();
    const char *name = repl_bare_name(a, argument);
    const Source *s = program_source(p, name);
    const Target *t = program_target((Program *)p, name);
    bool ok = s ? s->schema_known || repl_wrong(r, "the columns of `%s` could not be found out", name)
                : t || no_such(r, "source or target", name);
    if (ok && s)
        table_box(r, 4, of_source, s->ncols, column_cell, (void *)s, true);
    else if (ok)
        table_box(r, 4, of_target, t->decl->columns.len, target_cell, (void *)t->decl, true);
    arena_free(a);
    return ok;
}

bool repl_tgds(Repl *r, const char *argument) {
    (void)argument;
    Session *s = r->session;
    bool any = false;
    for (int i = 0; i < s->declared.len; i++) {
        const Entry *e = s->declared.data[i];
        StmtKind k = e->stmt->kind;
        if (k != ST_TGD && k != ST_EGD && k != ST_MATCH && k != ST_SPLIT && k != ST_TARGET) continue;
        if (k == ST_TARGET)
            fprintf(r->out, "target %s, %d column%s\n", e->stmt->target->name.text, e->stmt->target->columns.len,
                    e->stmt->target->columns.len == 1 ? "" : "s");
        else
            fputs(e->text, r->out);
        any = true;
    }
    if (!any) fputs("no targets and no tgds\n", r->out);
    return true;
}

/* ---------------- a target's data ---------------- */

/* A turn in which the target can be built. false: reported; turn_end() is due either way. */
static bool open_target(Repl *r, Turn *t, const char *name, const Integration **in) {
    turn_begin(t, r->session);
    if (!needs_target(r->session, &t->needs, name)) return no_such(r, "target", name);
    if (!turn_resolve(t, NULL) || !turn_bind(t)) return false;
    Target *target = program_target(t->program, name);
    *in = data_target(t->run.data, target);
    return *in != NULL;
}

static bool close_target(Repl *r, Turn *t, bool ok) {
    turn_end(t, NULL);
    session_sweep(r->session);
    return ok;
}

bool repl_kind(Repl *r, const char *argument) {
    Turn t;
    const Integration *in;
    bool ok = open_target(r, &t, argument, &in);
    if (ok) {
        report_target(report_new(t.arena, r->out, false), in);
        const Integration *const *parts;
        int n = data_parts(t.run.data, program_target(t.program, argument), &parts);
        for (int i = 0; i < n; i++)
            fprintf(r->out, "  %s.%s %lld rows\n", argument, parts[i]->part, (long long)parts[i]->rows);
        for (int i = 0; i < in->nblocks; i++) {
            const IntBlock *b = &in->blocks[i];
            const Indicator *ind = &in->indicators[b->indicator];
            fprintf(r->out, "  block %-24s %lld x %lld, %s%s\n", b->label, (long long)b->data->rows,
                    (long long)b->data->cols,
                    b->data->kind == MAT_DENSE   ? "dense"
                    : b->data->kind == MAT_CODES ? "one-hot"
                                                 : "sparse",
                    ind->identity    ? ", a row each"
                    : ind->injective ? ", rows used once at most"
                                     : "");
        }
        fprintf(r->out, "  %.4g MB as blocks, %.4g MB joined\n", (double)integration_factorized_bytes(in) / 1e6,
                (double)integration_materialized_bytes(in) / 1e6);
    }
    return close_target(r, &t, ok);
}

/* ---------------- :head ---------------- */

static const char *table_cell(void *user, Arena *a, int64_t row, int col) {
    const Table *t = user;
    Buf b = {0};
    table_cell_text(&b, &t->cols[col], row);
    const char *text = arena_strndup(a, b.data ? b.data : "", b.len);
    buf_free(&b);
    return text;
}

static void show_table(Repl *r, const Table *t, int64_t rows, int64_t of_rows) {
    Arena *a = arena_new();
    BoxColumn *columns = arena_array(a, BoxColumn, t->ncols + 1);
    for (int i = 0; i < t->ncols; i++)
        columns[i] = (BoxColumn){t->cols[i].name, type_text(t->cols[i].type), t->cols[i].num || t->cols[i].ints};
    Box b = {.ncols = t->ncols, .columns = columns, .nrows = rows, .of_rows = of_rows, .cell = table_cell};
    b.user = (void *)t;
    b.width = box_screen_width(r->out);
    box_print(r->out, &b);
    arena_free(a);
}

static bool head_of_source(Repl *r, const char *name, int64_t n) {
    Turn t;
    turn_begin(&t, r->session);
    (void)needs_source(r->session, &t.needs, name);
    bool ok = turn_resolve(&t, NULL) && turn_bind(&t);
    const Source *s = ok ? program_source(t.program, name) : NULL;
    const Table *table = s ? data_source(t.run.data, s) : NULL;
    if (table) show_table(r, table, table->rows < n ? table->rows : n, table->rows);
    return close_target(r, &t, table != NULL);
}

static bool head_of_target(Repl *r, const char *name, int64_t n) {
    Turn t;
    const Integration *in;
    bool ok = open_target(r, &t, name, &in);
    if (ok) {
        int64_t rows = in->rows < n ? in->rows : n;
        int64_t *numbers = arena_array(t.arena, int64_t, rows + 1);
        for (int64_t i = 0; i < rows; i++) numbers[i] = i;
        Integration *first = integration_select(t.ds, in, "head", numbers, rows);
        Table *table = first ? integration_export(t.ds, first, false) : NULL;
        ok = table != NULL;
        if (ok) show_table(r, table, rows, in->rows);
        table_free(table);
        integration_free(first);
    }
    return close_target(r, &t, ok);
}

static bool head(Repl *r, const char *name, int64_t n) {
    return session_find(r->session, ST_SOURCE, name) >= 0   ? head_of_source(r, name, n)
           : session_find(r->session, ST_TARGET, name) >= 0 ? head_of_target(r, name, n)
                                                            : no_such(r, "source or target", name);
}

bool repl_first_rows(Repl *r, const char *name) {
    return head(r, name, HEAD_ROWS);
}

bool repl_head(Repl *r, const char *argument) {
    ScanToken quoted = scan_next(argument, strlen(argument), 0);
    size_t name = quoted.kind == SCAN_QUOTED ? quoted.end : strcspn(argument, " \t");
    const char *count = argument + name + strspn(argument + name, " \t");
    char *end = NULL;
    long long n = *count ? strtoll(count, &end, 10) : HEAD_ROWS;
    if ((end && *end) || n < 1) return repl_wrong(r, "`%s` is not a number of rows", count);
    Arena *a = arena_new();
    bool ok = head(r, repl_bare_name(a, arena_strndup(a, argument, name)), n);
    arena_free(a);
    return ok;
}

/* ---------------- :matrices ---------------- */

/* Does role k give cell (i, j) of the target a value, as far as the mapping says? */
static bool gives(const Integration *in, int k, int64_t i, int j) {
    return in->ci[k][i] >= 0 && in->cm[k][j] != -1;
}

/* A cell is redundant in role k when a role that comes before it in the column's precedence gives it too. */
static bool redundant(const Integration *in, int k, int64_t i, int j) {
    const TargetColumnSpec *c = &in->spec->cols[j];
    if (!gives(in, k, i, j)) return false;
    for (int p = 0; p < c->nprec && c->prec[p] != k; p++)
        if (gives(in, c->prec[p], i, j)) return true;
    return false;
}

/* The number of the source's column among those that are mapped, as the papers count: by their order in the source,
 * computed ones behind them. */
static int mapped_number(const Integration *in, int k, int j) {
    int own = in->cm[k][j], before = 0;
    if (own == -1) return -1;
    for (int other = 0; other < in->spec->ncols; other++) {
        int v = in->cm[k][other];
        bool first = v != -1; /* a column mapped twice counts once */
        for (int e = 0; e < other && first; e++) first = in->cm[k][e] != v;
        bool less = own >= 0 ? v >= 0 && v < own : v >= 0 || v > own;
        before += first && v != own && less;
    }
    return before;
}

/* Columns of the screen for what stands below a name. */
static int drawn_width(const char *name, int least, int most) {
    int n = text_width(name);
    return n < least ? least : n > most ? most : n;
}

static void draw_mapping(Repl *r, const Integration *in) {
    enum { LEAST = 6, MOST = 12, ROLE_LEAST = 10, ROLE_MOST = 20 };
    const MappingSpec *spec = in->spec;
    int left = ROLE_LEAST;
    for (int k = 0; k < spec->nroles; k++) left = drawn_width(spec->roles[k].name, left, ROLE_MOST);
    fprintf(r->out, "CM: which of its columns each source gives to %s\n  %*s", spec->target, left, "");
    for (int j = 0; j < spec->ncols; j++) {
        fputs(" ", r->out);
        text_put(r->out, spec->cols[j].name, drawn_width(spec->cols[j].name, LEAST, MOST), 1);
    }
    for (int k = 0; k < spec->nroles; k++) {
        fputs("\n  ", r->out);
        text_put(r->out, spec->roles[k].name, left, -1);
        for (int j = 0; j < spec->ncols; j++)
            fprintf(r->out, " %*d", drawn_width(spec->cols[j].name, LEAST, MOST), mapped_number(in, k, j));
    }
    fputs("\n", r->out);
}

static bool any_redundant(const Integration *in, int k) {
    for (int64_t i = 0; i < in->rows; i++)
        for (int j = 0; j < in->spec->ncols; j++)
            if (redundant(in, k, i, j)) return true;
    return false;
}

static void draw_rows(Repl *r, const Integration *in) {
    enum { LEAST = 6, MOST = 12 };
    const MappingSpec *spec = in->spec;
    bool shown[MAX_ROLES], any = false;
    int last = 0;
    for (int k = 0; k < spec->nroles; k++) {
        shown[k] = any_redundant(in, k);
        any |= shown[k];
        if (shown[k]) last = k;
    }
    fprintf(r->out, "CI: which of its rows each source gives; R: %s\n  %-4s",
            any ? "0 where a source before it gives the cell too" : "no cell is given twice", "row");
    for (int k = 0; k < spec->nroles; k++) {
        fputs(" ", r->out);
        text_put(r->out, spec->roles[k].name, drawn_width(spec->roles[k].name, LEAST, MOST), 1);
    }
    for (int k = 0; k < spec->nroles; k++)
        if (shown[k]) fprintf(r->out, "   R of %s", spec->roles[k].name);
    fputs("\n", r->out);
    for (int64_t i = 0; i < in->rows; i++) {
        fprintf(r->out, "  %-4lld", (long long)i);
        for (int k = 0; k < spec->nroles; k++)
            fprintf(r->out, " %*d", drawn_width(spec->roles[k].name, LEAST, MOST), in->ci[k][i]);
        for (int k = 0; k < spec->nroles; k++) {
            if (!shown[k]) continue;
            int width = 5 + text_width(spec->roles[k].name), used = 2 * spec->ncols - 1;
            fputs("   ", r->out);
            for (int j = 0; j < spec->ncols; j++) fprintf(r->out, "%s%d", j ? " " : "", !redundant(in, k, i, j));
            if (k != last) fprintf(r->out, "%*s", used < width ? width - used : 0, "");
        }
        fputs("\n", r->out);
    }
}

static void sum_up(Repl *r, const Integration *in) {
    const MappingSpec *spec = in->spec;
    for (int k = 0; k < spec->nroles; k++) {
        int64_t present = 0, given = 0, twice = 0;
        int mapped = 0;
        for (int j = 0; j < spec->ncols; j++) mapped += in->cm[k][j] != -1;
        for (int64_t i = 0; i < in->rows; i++) {
            present += in->ci[k][i] >= 0;
            for (int j = 0; j < spec->ncols && in->ci[k][i] >= 0; j++) {
                given += gives(in, k, i, j);
                twice += redundant(in, k, i, j);
            }
        }
        fputs("  ", r->out);
        text_put(r->out, spec->roles[k].name, drawn_width(spec->roles[k].name, 16, 40), -1);
        fprintf(r->out, " %d of %d columns, %lld of %lld rows (%.3g %%), %lld cells, %lld of them redundant\n", mapped,
                spec->ncols, (long long)present, (long long)in->rows,
                in->rows ? 100.0 * (double)present / (double)in->rows : 0.0, (long long)given, (long long)twice);
    }
}

bool repl_matrices(Repl *r, const char *argument) {
    Turn t;
    const Integration *in;
    bool ok = open_target(r, &t, argument, &in);
    if (ok) {
        fprintf(r->out, "%s: %lld rows x %d columns from %d sources, %s\n", argument, (long long)in->rows,
                in->spec->ncols, in->spec->nroles, in->kind_detail && *in->kind_detail ? in->kind_detail : in->kind);
        if (in->rows <= DRAWN_ROWS && in->spec->ncols <= DRAWN_COLS) {
            draw_mapping(r, in);
            draw_rows(r, in);
        } else
            sum_up(r, in);
    }
    return close_target(r, &t, ok);
}
