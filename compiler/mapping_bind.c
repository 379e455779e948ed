/* mapping_bind.c: a MappingSpec meets its tables: their columns must be those the mapping was resolved with, and the
 * link files of `match … via` are read.
 *
 * Ownership: link tables belong to the caller through spec->matches[i].links (table_free). Errors: E112, E151, E419
 * and the readers'. */
#include "compiler/resolve_internal.h"

/* The table has the columns that the mapping was resolved with. false: reported. */
static bool check_table(Program *p, const Source *s, const Table *t) {
    for (int c = 0; c < s->ncols; c++) {
        const char *name = s->cols[c].name.text;
        bool named = c < t->ncols && !strcmp(t->cols[c].name, name);
        if (!s->wanted[c] || (named && value_class(t->cols[c].type) == value_class(s->cols[c].type))) continue;
        Diag *d = diag_error(p->diags, "E419", s->decl->name.span,
                             "the columns of `%s` changed while it was read: `%s` is %s", s->decl->name.text, name,
                             named ? arena_printf(p->arena, "now %s", type_text(t->cols[c].type)) : "not where it was");
        diag_help(d, "is another program writing the file? Run again when it is done");
        return false;
    }
    return true;
}

/* ---------------- link files ---------------- */

static int link_column(Program *p, const MatchDecl *d, Name name, int n, ColumnDecl *cols, TypeKind type) {
    TextVec names = {0};
    for (int i = 0; i < n; i++) {
        vec_push(p->arena, &names, cols[i].name.text);
        if (strcmp(cols[i].name.text, name.text)) continue;
        cols[i].type = type;
        return i;
    }
    Diag *e = diag_error(p->diags, "E112", name.span, "\"%s\" has no column `%s`", d->via, name.text);
    resolve_help_names(e, name.text, &names, "column");
    return -1;
}

/* The links' columns are read with the types of the keys they name, so that "01" and 1 cannot be confused. */
static TypeKind key_type(const Program *p, const MappingSpec *spec, int role, int column) {
    if (column < 0) return TY_INT;
    TypeKind t = p->sources.data[spec->roles[role].source].cols[column].type;
    return t == TY_ROWID ? TY_INT : t;
}

static bool read_links(Program *p, const MappingSpec *spec, const MatchDecl *d, MatchSpec *s, const TableOptions *opt) {
    SourceDecl decl = {.name = {"links", d->via_span}, .uri = d->via, .uri_span = d->via_span};
    TableOptions own = *opt;
    own.wanted = NULL;
    int n = 0;
    ColumnDecl *cols = NULL;
    if (!table_schema(p->arena, p->diags, &decl, &own, &n, &cols)) return false;
    Name score = match_argument(d, "score");
    s->link_left = link_column(p, d, match_argument(d, "left"), n, cols, key_type(p, spec, s->roles[0], s->left_col));
    s->link_right =
        link_column(p, d, match_argument(d, "right"), n, cols, key_type(p, spec, s->roles[1], s->right_col));
    s->link_score = score.text ? link_column(p, d, score, n, cols, TY_NUM) : -1;
    if (s->link_left < 0 || s->link_right < 0 || (score.text && s->link_score < 0)) return false;
    if (s->link_left == s->link_right) {
        Diag *e = diag_error(p->diags, "E151", d->via_span, "left and right are the same column of \"%s\"", d->via);
        diag_help(e, "name two columns: `(left = …, right = …)`");
        return false;
    }
    bool *wanted = arena_array(p->arena, bool, n + 1);
    wanted[s->link_left] = wanted[s->link_right] = true;
    if (s->link_score >= 0) wanted[s->link_score] = true;
    own.wanted = wanted;
    own.nwanted = n;
    for (int i = 0; i < n; i++) {
        vec_push(p->arena, &decl.columns, cols[i]);
        if (!wanted[i]) decl.columns.data[i].type = TY_TEXT; /* anything goes in a column that is not read */
    }
    decl.has_columns = true;
    Table *t = table_read(p->diags, &decl, &own);
    if (!t) return false;
    s->link_left = table_find(t, cols[s->link_left].name.text);
    s->link_right = table_find(t, cols[s->link_right].name.text);
    if (s->link_score >= 0) s->link_score = table_find(t, cols[s->link_score].name.text);
    AMAL_CHECK(s->link_left >= 0 && s->link_right >= 0);
    s->links = t;
    return true;
}

bool mapping_bind(Program *p, Target *t, Table **tables, const TableOptions *opt) {
    if (!t->spec && !mapping_resolve(p, t)) return false;
    MappingSpec *spec = t->spec;
    for (int i = 0; i < p->sources.len; i++) {
        const Source *s = &p->sources.data[i];
        bool needed = false;
        for (int r = 0; r < spec->nroles; r++) needed |= spec->roles[r].source == i;
        for (int k = 0; k < spec->nchecks; k++) needed |= spec->checks[k].source2 == i;
        if (!needed) continue;
        if (!tables[i]) internal_error("no table for source %s", s->decl->name.text);
        if (!check_table(p, s, tables[i])) return false;
    }
    spec->tables = tables;
    spec->ntables = p->sources.len;
    spec->threads = opt ? opt->threads : 1;
    AMAL_CHECK(spec->nmatches == t->matches.len);
    TableOptions links = opt ? *opt : (TableOptions){.base_dir = p->base_dir, .threads = 1};
    for (int i = 0; i < spec->nmatches; i++)
        if (t->matches.data[i]->via && !spec->matches[i].links &&
            !read_links(p, spec, t->matches.data[i], &spec->matches[i], &links))
            return false;
    return true;
}
