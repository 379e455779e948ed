/* report.c: what a run says, for people and as JSON (contract: report.h). */
#include "compiler/report.h"
#include <math.h>
#include <stdlib.h>

#define SHOWN_ROWS 20
#define SHOWN_COLS 8
/* Values of a parameter or of print beyond this many cells are left out of the JSON ("values": null); save or export
 * holds them all. */
#define JSON_MAX_CELLS 5000000

typedef struct Trained {
    const char *key;
    const Model *model;
} Trained;
typedef struct Metric {
    const char *key, *data, *metric;
    double value;
} Metric;
typedef struct Printed {
    const char *expr;
    const Matrix *value;
} Printed;
struct Report {
    Arena *arena;
    FILE *human;
    bool quiet;
    VEC(const Integration *) targets;
    VEC(Trained) trained;
    VEC(Metric) metrics;
    VEC(Printed) printed;
    ReportShow show;
    void *show_user;
};

Report *report_new(Arena *arena, FILE *human, bool quiet) {
    Report *r = arena_new_of(arena, Report);
    r->arena = arena;
    r->human = human;
    r->quiet = quiet;
    return r;
}

void report_show_with(Report *r, ReportShow show, void *user) {
    r->show = show;
    r->show_user = user;
}

/* ---------------- lines for people ---------------- */

typedef struct SourceUse {
    const char *name;
    int64_t rows, used, target_rows, null_keys;
} SourceUse;

static SourceUse source_use(const Integration *in, int role) {
    const MappingSpec *spec = in->spec;
    const Table *t = spec->tables[spec->roles[role].source];
    SourceUse u = {.name = spec->roles[role].name, .rows = t ? t->rows : 0};
    for (int64_t i = 0; in->ci && in->ci[role] && i < in->rows; i++) u.target_rows += in->ci[role][i] >= 0;
    if (in->unmatched) u.used = u.rows - in->unmatched[role];
    if (in->dropped_null_key) u.null_keys = in->dropped_null_key[role];
    return u;
}

static const Integration *root_of(const Integration *in) {
    while (in->parent) in = in->parent;
    return in;
}

void report_target_known(Report *r, const Integration *root) {
    vec_push(r->arena, &r->targets, root);
}

bool report_has_target(const Report *r, const Integration *root) {
    for (int i = 0; i < r->targets.len; i++)
        if (r->targets.data[i] == root) return true;
    return false;
}

void report_target(Report *r, const Integration *root) {
    if (report_has_target(r, root)) return;
    vec_push(r->arena, &r->targets, root);
    if (!r->human || r->quiet) return;
    fprintf(r->human, "%s: %lld rows x %lld features, %s\n", root->spec->target, (long long)root->rows,
            (long long)root->cols, root->kind_detail && *root->kind_detail ? root->kind_detail : root->kind);
    if (root->joined) fprintf(r->human, "  joined %s\n", root->joined);
    for (int k = 0; k < root->spec->nroles; k++) {
        SourceUse u = source_use(root, k);
        fprintf(r->human, "  %-16s %9lld rows, %lld used in %lld rows of %s", u.name, (long long)u.rows,
                (long long)u.used, (long long)u.target_rows, root->spec->target);
        if (u.null_keys) fprintf(r->human, "; of the others %lld have a null key", (long long)u.null_keys);
        fputc('\n', r->human);
    }
    if (root->dropped_missing)
        fprintf(r->human, "  %lld rows dropped for missing values\n", (long long)root->dropped_missing);
    for (int k = 0; k < root->nconflicts; k++) {
        const ConflictReport *c = &root->conflicts[k];
        if (c->differing)
            fprintf(r->human, "  %s: %s and %s differ in %lld of %lld rows (by %.6g at most)\n",
                    root->spec->cols[c->column].name, root->spec->roles[c->role_a].name,
                    root->spec->roles[c->role_b].name, (long long)c->differing, (long long)c->compared, c->max_diff);
    }
}

void report_train(Report *r, const char *key, const Model *m, const Integration *on, const char *describe,
                  double seconds_read, const char *read_note, double seconds_match) {
    vec_push(r->arena, &r->trained, ((Trained){key, m}));
    if (!r->human || r->quiet) return;
    fprintf(r->human, "%s: %s on %s%s%s (%lld rows), %s\n", key, m->algorithm->name.text, on->spec->target,
            on->part ? "." : "", on->part ? on->part : "", (long long)on->rows, m->strategy);
    fprintf(r->human, "  why: %s\n", m->why);
    fprintf(r->human, "  %s backend", m->backend);
    if (m->iterations > 0)
        fprintf(r->human, ", %lld iteration%s", (long long)m->iterations, m->iterations == 1 ? "" : "s");
    fprintf(r->human, "; seconds: read %.3f%s, match %.3f, compile %.3f, train %.3f\n", seconds_read, read_note,
            seconds_match, m->seconds_compile, m->seconds_train);
    if (describe && *describe) fputs(describe, r->human);
}

void report_metric(Report *r, const char *key, const char *data, const char *metric, double value, bool last) {
    bool first = r->metrics.len == 0 || strcmp(r->metrics.data[r->metrics.len - 1].key, key) != 0 ||
                 strcmp(r->metrics.data[r->metrics.len - 1].data, data) != 0;
    for (int i = 0; i < r->metrics.len;
         i++) /* measured again, as after a new training under the same name: the last counts */
        if (!strcmp(r->metrics.data[i].key, key) && !strcmp(r->metrics.data[i].data, data) &&
            !strcmp(r->metrics.data[i].metric, metric)) {
            memmove(&r->metrics.data[i], &r->metrics.data[i + 1], sizeof(Metric) * (size_t)(r->metrics.len - i - 1));
            r->metrics.len--;
            break;
        }
    vec_push(r->arena, &r->metrics, ((Metric){key, data, metric, value}));
    if (!r->human) return;
    if (first) fprintf(r->human, "%s on %s:", key, data);
    fprintf(r->human, "  %s %.6g", metric, num_unsigned_nan(value));
    if (last) fputc('\n', r->human);
}

static void print_cell(FILE *f, double v) {
    fprintf(f, " %11.6g", num_unsigned_nan(v));
}

/* Characters, not bytes: names of features are UTF-8. */
static int text_columns(const char *s) {
    int n = 0;
    for (; *s; s++) n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

void report_print(Report *r, const char *expr, const Matrix *value, const char *const *row_names) {
    vec_push(r->arena, &r->printed, ((Printed){expr, value}));
    if (!r->human) return;
    if (r->show) {
        r->show(r->show_user, expr, value, row_names);
        return;
    }
    if (value->rows == 1 && value->cols == 1) {
        fprintf(r->human, "%s = %.10g\n", expr, num_unsigned_nan(mat_get(value, 0, 0)));
        return;
    }
    fprintf(r->human, "%s: %lld x %lld\n", expr, (long long)value->rows, (long long)value->cols);
    int64_t rows = value->rows > SHOWN_ROWS ? SHOWN_ROWS : value->rows,
            cols = value->cols > SHOWN_COLS ? SHOWN_COLS : value->cols;
    int width = 4;
    for (int64_t i = 0; row_names && i < rows; i++)
        if (text_columns(row_names[i]) > width) width = text_columns(row_names[i]);
    for (int64_t i = 0; i < rows; i++) {
        if (row_names)
            fprintf(r->human, "  %s%*s", row_names[i], width - text_columns(row_names[i]), "");
        else
            fprintf(r->human, "  %*lld", width, (long long)i + 1);
        for (int64_t j = 0; j < cols; j++) print_cell(r->human, mat_get(value, i, j));
        fputs(cols < value->cols ? " ...\n" : "\n", r->human);
    }
    if (rows < value->rows || cols < value->cols)
        fprintf(r->human, "  (%lld of %lld rows, %lld of %lld columns shown)\n", (long long)rows,
                (long long)value->rows, (long long)cols, (long long)value->cols);
}

void report_file(Report *r, const char *what, const char *path, int64_t rows, int64_t bytes) {
    if (!r->human || r->quiet) return;
    fprintf(r->human, "%s: wrote %s", what, path);
    if (rows >= 0) fprintf(r->human, ", %lld rows", (long long)rows);
    if (bytes >= 0) fprintf(r->human, ", %.1f kB", (double)bytes / 1e3);
    fputc('\n', r->human);
}

/* ---------------- JSON ---------------- */

void report_number(Buf *out, double v) {
    char text[40];
    if (!isfinite(v)) {
        buf_puts(out, "null");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v) break;
    }
    buf_puts(out, text);
}

void report_text(Buf *out, const char *s) {
    diag_json_text(out, s ? s : "");
}

static void key(Buf *out, bool *first, const char *name) {
    buf_puts(out, *first ? "" : ", ");
    *first = false;
    report_text(out, name);
    buf_puts(out, ": ");
}

static void matrix_fields(Buf *out, const Matrix *m) {
    buf_printf(out, "\"shape\": [%lld, %lld], \"values\": ", (long long)m->rows, (long long)m->cols);
    if ((double)m->rows * (double)m->cols > JSON_MAX_CELLS) {
        buf_puts(out, "null");
        return;
    }
    buf_puts(out, "[");
    for (int64_t i = 0; i < m->rows; i++)
        for (int64_t j = 0; j < m->cols; j++) {
            if (i || j) buf_puts(out, ", ");
            report_number(out, mat_get(m, i, j));
        }
    buf_puts(out, "]");
}

static void json_target(Buf *out, const Integration *in, Data *data) {
    buf_printf(out, "{\"rows\": %lld, \"columns\": %lld, \"kind\": ", (long long)in->rows, (long long)in->cols);
    report_text(out, in->kind);
    buf_puts(out, ", \"sources\": {");
    bool first = true;
    for (int k = 0; k < in->spec->nroles; k++) {
        SourceUse u = source_use(in, k);
        key(out, &first, u.name);
        buf_printf(out, "{\"rows\": %lld, \"used\": %lld, \"target_rows\": %lld, \"null_keys\": %lld}",
                   (long long)u.rows, (long long)u.used, (long long)u.target_rows, (long long)u.null_keys);
    }
    buf_puts(out, "}, \"conflicts\": [");
    for (int k = 0; k < in->nconflicts; k++) {
        const ConflictReport *c = &in->conflicts[k];
        buf_puts(out, k ? ", {\"column\": " : "{\"column\": ");
        report_text(out, in->spec->cols[c->column].name);
        buf_puts(out, ", \"sources\": [");
        report_text(out, in->spec->roles[c->role_a].name);
        buf_puts(out, ", ");
        report_text(out, in->spec->roles[c->role_b].name);
        buf_printf(out, "], \"compared\": %lld, \"equal\": %lld, \"differing\": %lld, \"max_difference\": ",
                   (long long)c->compared, (long long)c->equal, (long long)c->differing);
        report_number(out, c->max_diff);
        buf_puts(out, "}");
    }
    buf_printf(out, "], \"dropped_missing\": %lld, \"parts\": {", (long long)in->dropped_missing);
    const Target *const *targets;
    const Integration *const *roots, *const *parts = NULL;
    int n = data_built(data, &targets, &roots), nparts = 0;
    for (int i = 0; i < n; i++)
        if (roots[i] == in) nparts = data_parts(data, targets[i], &parts);
    first = true;
    for (int i = 0; i < nparts; i++) {
        key(out, &first, parts[i]->part);
        buf_printf(out, "%lld", (long long)parts[i]->rows);
    }
    buf_puts(out, "}}");
}

static void json_model(Buf *out, const Model *m) {
    buf_puts(out, "{\"algorithm\": ");
    report_text(out, m->algorithm->name.text);
    buf_puts(out, ", \"strategy\": ");
    report_text(out, m->strategy);
    buf_puts(out, ", \"why\": ");
    report_text(out, m->why);
    buf_puts(out, ", \"backend\": ");
    report_text(out, m->backend);
    buf_printf(out, ", \"iterations\": %lld, \"params\": {", (long long)m->iterations);
    bool first = true;
    for (int i = 0; i < m->nparams; i++) {
        key(out, &first, m->params[i].name);
        buf_puts(out, "{");
        matrix_fields(out, m->params[i].value);
        buf_puts(out, "}");
    }
    buf_puts(out, "}}");
}

static void json_metrics(Buf *out, const Report *r) {
    bool first = true;
    for (int i = 0; i < r->metrics.len; i++) {
        const Metric *m = &r->metrics.data[i];
        bool seen = false;
        for (int k = 0; k < i; k++) seen = seen || strcmp(r->metrics.data[k].key, m->key) == 0;
        if (seen) continue;
        key(out, &first, m->key);
        buf_puts(out, "{");
        bool first_data = true;
        for (int k = i; k < r->metrics.len; k++) {
            const Metric *d = &r->metrics.data[k];
            bool seen_data = strcmp(d->key, m->key) != 0;
            for (int l = i; l < k; l++)
                seen_data =
                    seen_data || (!strcmp(r->metrics.data[l].key, m->key) && !strcmp(r->metrics.data[l].data, d->data));
            if (seen_data) continue;
            key(out, &first_data, d->data);
            buf_puts(out, "{");
            bool first_metric = true;
            for (int l = k; l < r->metrics.len; l++) {
                const Metric *v = &r->metrics.data[l];
                if (strcmp(v->key, m->key) != 0 || strcmp(v->data, d->data) != 0) continue;
                key(out, &first_metric, v->metric);
                report_number(out, v->value);
            }
            buf_puts(out, "}");
        }
        buf_puts(out, "}");
    }
}

/* Was the model trained once more under the same name? Then the last counts. */
static bool trained_again(const Report *r, int i) {
    for (int k = i + 1; k < r->trained.len; k++)
        if (strcmp(r->trained.data[k].key, r->trained.data[i].key) == 0) return true;
    return false;
}

/* Of the whole run, and of each model, and what came from the cache; all on one line, so that the rest of a report can
 * be compared without it. */
static void json_seconds(const Report *r, Buf *out, const ReportSeconds *s, const Data *data) {
    buf_printf(
        out, "],\n \"seconds\": {\"read\": %.6f, \"match\": %.6f, \"choose\": %.6f, \"compile\": %.6f, \"train\": %.6f",
        s->read, s->match, s->choose, s->compile, s->train);
    buf_printf(out, ", \"total\": %.6f, \"models\": {", s->total);
    bool first = true;
    for (int i = 0; i < r->trained.len; i++) {
        if (trained_again(r, i)) continue;
        const Model *m = r->trained.data[i].model;
        key(out, &first, r->trained.data[i].key);
        buf_printf(out, "{\"choose\": %.6f, \"compile\": %.6f, \"train\": %.6f}", m->seconds_choose, m->seconds_compile,
                   m->seconds_train);
    }
    buf_puts(out, "}}, \"cached\": ");
    if (data)
        data_cached_json(data, out);
    else
        buf_puts(out, "{\"sources\": [], \"targets\": []}");
}

void report_metrics_json(const Report *r, Buf *out) {
    buf_puts(out, "{");
    json_metrics(out, r);
    buf_puts(out, "}");
}

void report_json(const Report *r, Buf *out, const char *script, Data *data, const ReportSeconds *s,
                 const char *errors) {
    buf_puts(out, "{\"amal\": ");
    report_text(out, AMAL_VERSION);
    buf_puts(out, ", \"script\": ");
    report_text(out, script);
    if (errors) buf_printf(out, ", \"errors\": %s", errors);
    buf_puts(out, ",\n \"targets\": {");
    const Target *const *targets;
    const Integration *const *roots;
    int n = data ? data_built(data, &targets, &roots) : 0;
    bool first = true;
    for (int i = 0; i < n; i++) {
        bool seen = false; /* built again for a loaded model */
        for (int k = 0; k < i; k++) seen = seen || targets[k] == targets[i];
        if (seen) continue;
        key(out, &first, targets[i]->decl->name.text);
        json_target(out, root_of(roots[i]), data);
    }
    buf_puts(out, "},\n \"train\": {");
    first = true;
    for (int i = 0; i < r->trained.len; i++) {
        if (trained_again(r, i)) continue;
        key(out, &first, r->trained.data[i].key);
        json_model(out, r->trained.data[i].model);
    }
    buf_puts(out, "},\n \"evaluate\": {");
    json_metrics(out, r);
    buf_puts(out, "},\n \"print\": [");
    for (int i = 0; i < r->printed.len; i++) {
        buf_puts(out, i ? ", {\"name\": " : "{\"name\": ");
        report_text(out, r->printed.data[i].expr);
        buf_puts(out, ", ");
        matrix_fields(out, r->printed.data[i].value);
        buf_puts(out, "}");
    }
    json_seconds(r, out, s, data);
    buf_puts(out, "}\n");
}
