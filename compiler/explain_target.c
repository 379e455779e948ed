/* explain_target.c: what a target is made of, as data (contract: explain.h): its sources with counts, its tgds, its
 * joins, which column comes from where, the indicators (which source row each row of the target reads), and the blocks.
 */
#include "backends/runtime/kernels.h"
#include "compiler/explain.h"

enum { MOST_SHOWN_ROWS = 24, SAMPLED_ROWS = 240 };

static int64_t used_rows(const Integration *in, int role) {
    const Table *t = in->spec->tables[in->spec->roles[role].source];
    return t->rows - (in->unmatched ? in->unmatched[role] : 0);
}

/* All rows when they are few, else rows spread evenly: where in the source each row of the target finds its row. */
static void indicator_json(Buf *out, const Integration *in, int role) {
    int64_t n = in->rows <= MOST_SHOWN_ROWS ? in->rows : SAMPLED_ROWS < in->rows ? SAMPLED_ROWS : in->rows;
    buf_puts(out, "[");
    for (int64_t k = 0; k < n; k++) {
        int64_t i = n == in->rows ? k : (int64_t)((double)k * (double)in->rows / (double)n);
        buf_printf(out, "%s%d", k ? "," : "", in->ci[role] ? (int)in->ci[role][i] : -1);
    }
    buf_puts(out, "]");
}

static void roles_json(Buf *out, const Program *p, const Integration *in) {
    const MappingSpec *spec = in->spec;
    for (int k = 0; k < spec->nroles; k++) {
        const Source *s = &p->sources.data[spec->roles[k].source];
        const Table *t = spec->tables[spec->roles[k].source];
        int64_t present = 0;
        for (int64_t i = 0; in->ci[k] && i < in->rows; i++) present += in->ci[k][i] >= 0;
        buf_puts(out, k ? ",\n  {\"name\": " : "\n  {\"name\": ");
        report_text(out, spec->roles[k].name);
        buf_puts(out, ", \"source\": ");
        report_text(out, s->decl->name.text);
        buf_puts(out, ", \"from\": ");
        report_text(out, s->decl->uri);
        buf_printf(out, ", \"rows\": %lld, \"used\": %lld, \"target_rows\": %lld, \"null_keys\": %lld, \"columns\": [",
                   (long long)t->rows, (long long)used_rows(in, k), (long long)present,
                   (long long)(in->dropped_null_key ? in->dropped_null_key[k] : 0));
        for (int c = 0; c < s->ncols; c++) {
            buf_puts(out, c ? ", {\"name\": " : "{\"name\": ");
            report_text(out, s->cols[c].name.text);
            int at = table_find(t, s->cols[c].name.text);
            TypeKind type = at >= 0 ? t->cols[at].type : s->cols[c].type;
            buf_printf(out, ", \"type\": \"%s\", \"read\": %s}", type_text(type), s->wanted[c] ? "true" : "false");
        }
        buf_puts(out, "], \"indicator\": ");
        indicator_json(out, in, k);
        buf_puts(out, "}");
    }
}

static const char *source_column(const Program *p, const MappingSpec *spec, int role, int column) {
    return p->sources.data[spec->roles[role].source].cols[column].name.text;
}

/* Columns that a derived value reads: "role.column" texts. */
static void reads_json(Buf *out, const Program *p, const MappingSpec *spec, const RowExpr *e, bool *first) {
    if (!e) return;
    if (e->kind == RX_COLUMN) {
        buf_printf(out, "%s[%d, ", *first ? "" : ", ", e->role);
        *first = false;
        report_text(out, source_column(p, spec, e->role, e->column));
        buf_puts(out, "]");
    }
    for (int i = 0; i < e->nargs; i++) reads_json(out, p, spec, e->args[i], first);
}

/* Where column j comes from, over all tgds, each origin once: [role, column, computed]. */
static void origins_json(Buf *out, const Program *p, const MappingSpec *spec, int j) {
    Buf seen = {0};
    bool any = false;
    buf_puts(out, "[");
    for (int g = 0; g < spec->ntgds; g++)
        for (int a = 0; a < spec->tgds[g].head[j].nalts; a++) {
            const HeadAlt *h = &spec->tgds[g].head[j].alts[a];
            Buf one = {0};
            bool first = true;
            if (h->kind == HEAD_COLUMN) {
                buf_printf(&one, "{\"reads\": [[%d, ", h->role);
                report_text(&one, source_column(p, spec, h->role, h->column));
                buf_puts(&one, "]], \"computed\": false}");
            } else if (h->kind == HEAD_DERIVED || h->kind == HEAD_MULTI) {
                buf_puts(&one, "{\"reads\": [");
                reads_json(&one, p, spec, h->expr, &first);
                buf_puts(&one, "], \"computed\": true}");
            }
            if (one.len && !(seen.data && strstr(seen.data, one.data))) {
                buf_printf(out, "%s%s", any ? ", " : "", one.data);
                any = true;
                buf_puts(&seen, one.data);
            }
            buf_free(&one);
        }
    buf_puts(out, "]");
    buf_free(&seen);
}

static void columns_json(Buf *out, const Program *p, const Integration *in) {
    static const char *const roles[] = {"feature", "label", "weight", "id"};
    static const char *const encodings[] = {"num", "onehot", "ordinal", "hash", "days", "vector", "text"};
    static const char *const missing[] = {"", "constant", "mean", "drop", "error"};
    for (int j = 0; j < in->spec->ncols; j++) {
        const TargetColumnSpec *c = &in->spec->cols[j];
        buf_puts(out, j ? ",\n  {\"name\": " : "\n  {\"name\": ");
        report_text(out, c->name);
        buf_printf(out,
                   ", \"role\": \"%s\", \"encoding\": \"%s\", \"missing\": \"%s\", \"features\": %lld, \"origins\": ",
                   roles[c->role], encodings[c->encoding], missing[c->missing],
                   (long long)(c->role == ROLE_FEATURE ? in->encoders[j].nfeatures : 0));
        origins_json(out, p, in->spec, j);
        buf_puts(out, "}");
    }
}

static void tgds_json(Buf *out, Arena *arena, const Program *p, const Target *t, const Integration *in) {
    const MappingSpec *spec = in->spec;
    int64_t *rows = arena_array(arena, int64_t, spec->ntgds + 1);
    for (int64_t i = 0; i < in->rows; i++) rows[in->tgd_of[i]]++;
    for (int k = 0; k < t->tgds.len; k++) {
        const TgdDecl *d = t->tgds.data[k];
        const char *source = diag_file_text(p->diags, d->span.file);
        int line, column;
        diag_locate(p->diags, d->span, &line, &column);
        buf_puts(out, k ? ",\n  {\"text\": " : "\n  {\"text\": ");
        report_text(out, arena_strndup(arena, source + d->span.begin, d->span.end - d->span.begin));
        buf_printf(out, ", \"line\": %d, \"bodies\": [", line);
        bool first = true;
        for (int g = 0; g < spec->ntgds; g++) {
            if (spec->tgds[g].span.begin != d->span.begin || spec->tgds[g].span.file != d->span.file) continue;
            buf_printf(out, "%s{\"roles\": [", first ? "" : ", ");
            first = false;
            bool any = false;
            for (int r = 0; r < spec->nroles; r++) {
                if (!(spec->tgds[g].body >> r & 1)) continue;
                buf_printf(out, "%s%d", any ? ", " : "", r);
                any = true;
            }
            buf_printf(out, "], \"rows\": %lld}", (long long)rows[g]);
        }
        buf_puts(out, "]}");
    }
}

/* Each pair of columns that some tgd joins by, once. */
static void joins_json(Buf *out, Arena *arena, const Program *p, const MappingSpec *spec) {
    VEC(const JoinEq *) seen = {0};
    for (int g = 0; g < spec->ntgds; g++)
        for (int i = 0; i < spec->tgds[g].neqs; i++) {
            const JoinEq *q = &spec->tgds[g].eqs[i];
            bool again = false;
            for (int k = 0; k < seen.len && !again; k++) {
                const JoinEq *o = seen.data[k];
                again = o->a.role == q->a.role && o->a.column == q->a.column && o->b.role == q->b.role &&
                        o->b.column == q->b.column;
            }
            if (again) continue;
            buf_printf(out, "%s{\"a\": [%d, ", seen.len ? ", " : "", q->a.role);
            report_text(out, source_column(p, spec, q->a.role, q->a.column));
            buf_printf(out, "], \"b\": [%d, ", q->b.role);
            report_text(out, source_column(p, spec, q->b.role, q->b.column));
            buf_puts(out, "], \"by\": ");
            report_text(out, q->variable ? q->variable : "");
            buf_puts(out, "}");
            vec_push(arena, &seen, q);
        }
}

static void blocks_json(Buf *out, const Integration *in) {
    static const char *const kinds[] = {[MAT_DENSE] = "dense", [MAT_CSR] = "sparse", [MAT_CODES] = "one code a row"};
    for (int b = 0; b < in->nblocks; b++) {
        const IntBlock *k = &in->blocks[b];
        const Indicator *i = &in->indicators[k->indicator];
        const IntSpace *s = &in->spaces[k->space];
        buf_puts(out, b ? ",\n  {\"label\": " : "\n  {\"label\": ");
        report_text(out, k->label ? k->label : s->name);
        buf_puts(out, ", \"space\": ");
        report_text(out, s->name);
        buf_printf(
            out,
            ", \"role\": %d, \"rows\": %lld, \"columns\": %lld, \"stored\": \"%s\", \"bytes\": %zu, \"indicator\": "
            "\"%s\", \"used\": %lld, \"total\": %s, \"injective\": %s}",
            s->role, (long long)s->rows, (long long)k->data->cols, kinds[k->data->kind], mat_bytes(k->data),
            i->identity ? "identity"
            : i->range  ? "range"
                        : "index",
            (long long)i->used, i->total ? "true" : "false", i->injective ? "true" : "false");
    }
}

void explain_target_json(Buf *out, Arena *arena, const Program *p, const Target *t, const Integration *in) {
    buf_puts(out, "{\"name\": ");
    report_text(out, t->decl->name.text);
    buf_printf(out, ", \"rows\": %lld, \"features\": %lld, \"kind\": \"%s\", \"detail\": ", (long long)in->rows,
               (long long)in->cols, in->kind);
    report_text(out, in->kind_detail ? in->kind_detail : "");
    if (in->joined) {
        buf_puts(out, ", \"joined\": ");
        report_text(out, in->joined);
    }
    buf_printf(out, ", \"dropped_missing\": %lld, \"bytes_factorized\": %zu, \"bytes_joined\": %zu, \"sources\": [",
               (long long)in->dropped_missing, integration_factorized_bytes(in), integration_materialized_bytes(in));
    roles_json(out, p, in);
    buf_puts(out, "],\n \"columns\": [");
    columns_json(out, p, in);
    buf_puts(out, "],\n \"tgds\": [");
    tgds_json(out, arena, p, t, in);
    buf_puts(out, "],\n \"joins\": [");
    joins_json(out, arena, p, in->spec);
    buf_puts(out, "],\n \"conflicts\": [");
    for (int k = 0; k < in->nconflicts; k++) {
        const ConflictReport *c = &in->conflicts[k];
        buf_puts(out, k ? ", {\"column\": " : "{\"column\": ");
        report_text(out, in->spec->cols[c->column].name);
        buf_printf(out, ", \"roles\": [%d, %d], \"compared\": %lld, \"differing\": %lld}", c->role_a, c->role_b,
                   (long long)c->compared, (long long)c->differing);
    }
    buf_puts(out, "],\n \"blocks\": [");
    blocks_json(out, in);
    buf_puts(out, "]}");
}
