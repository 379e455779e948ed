/* resolve_checks.c: keys, functional dependencies, foreign keys and equality-generating dependencies: their names,
 * and their form as CheckSpecs of a mapping. A general egd over two rows of one source is a functional dependency and
 * becomes one.
 *
 * Errors: E110, E111, E112, E120, E130, E190. */
#include "compiler/resolve_internal.h"

static bool columns_known(Program *p, const Source *s, const NameVec *cols) {
    bool ok = true;
    for (int i = 0; i < cols->len; i++) ok &= resolve_column(p, s, cols->data[i]) >= 0;
    return ok && s->schema_known;
}

/* Position of a variable in an atom: the column's number, -1 absent. */
static int atom_position(const Source *s, const Atom *a, const char *var) {
    for (int i = 0; i < a->args.len; i++) {
        const AtomArg *arg = &a->args.data[i];
        if (!arg->value || arg->value->kind != EX_NAME || strcmp(arg->value->text, var)) continue;
        return arg->column.text ? source_column(s, arg->column.text) : i < s->ncols ? i : -1;
    }
    return -1;
}

static void unsupported_egd(Program *p, const EgdDecl *e, const char *what) {
    Diag *d = resolve_unsupported(p->diags, e->span, what);
    diag_help(d, "an egd compares two rows of one source that agree on some columns: `S(n, a) & S(n, b) -> a = b;`");
}

/* S(n, a) & S(n, b) -> a = b  is  fd S(n -> a). */
static void resolve_general(Program *p, const EgdDecl *e) {
    if (e->body.len != 2 || strcmp(e->body.data[0]->relation.text, e->body.data[1]->relation.text)) {
        for (int i = 0; i < e->body.len; i++)
            if (resolve_source(p, e->body.data[i]->relation) < 0) return;
        unsupported_egd(p, e, "an egd over other than two rows of one source");
        return;
    }
    int index = resolve_source(p, e->body.data[0]->relation);
    if (index < 0) return;
    const Source *s = &p->sources.data[index];
    if (!s->schema_known) return;
    const Atom *a = e->body.data[0], *b = e->body.data[1];
    for (int k = 0; k < 2; k++) {
        const Atom *at = e->body.data[k];
        if (!at->named && !at->rest && at->args.len != s->ncols) {
            Diag *d = diag_error(p->diags, "E110", at->span, "%s has %d columns, the atom gives %d", s->decl->name.text,
                                 s->ncols, at->args.len);
            diag_note(d, s->decl->name.span, "`%s` is declared here", s->decl->name.text);
            diag_help(d, "write `_` for a column that does not matter, or `...` for all the others");
            return;
        }
        for (int i = 0; at->named && i < at->args.len; i++)
            if (resolve_column(p, s, at->args.data[i].column) < 0) return;
    }
    EgdDecl *fd = arena_new_of(p->arena, EgdDecl);
    *fd = (EgdDecl){.kind = EGD_FD, .source = a->relation, .span = e->span};
    const Expr *sides[2] = {e->left, e->right};
    for (int k = 0; k < 2; k++) {
        if (!sides[k] || sides[k]->kind != EX_NAME) {
            unsupported_egd(p, e, "an egd whose sides are not variables");
            return;
        }
        if (atom_position(s, a, sides[k]->text) < 0 && atom_position(s, b, sides[k]->text) < 0) {
            Diag *d = diag_error(p->diags, "E120", sides[k]->span, "`%s` is not bound in the body of this egd",
                                 sides[k]->text);
            diag_help(d, "give it a place in one of the atoms");
            return;
        }
    }
    for (int i = 0; i < a->args.len; i++) {
        const Expr *v = a->args.data[i].value;
        if (!v || (v->kind == EX_NAME && !strcmp(v->text, "_"))) continue;
        if (v->kind != EX_NAME) {
            unsupported_egd(p, e, "an egd with a constant");
            return;
        }
        int here = atom_position(s, a, v->text), there = atom_position(s, b, v->text);
        if (there < 0) continue;
        if (here != there) {
            unsupported_egd(p, e, "an egd that joins two different columns");
            return;
        }
        vec_push(p->arena, &fd->cols, ((Name){s->cols[here].name.text, v->span}));
    }
    int left = atom_position(s, a, e->left->text), right = atom_position(s, b, e->right->text);
    if (left < 0) left = atom_position(s, b, e->left->text), right = atom_position(s, a, e->right->text);
    if (left < 0 || left != right || !fd->cols.len) {
        unsupported_egd(p, e,
                        !fd->cols.len ? "an egd whose rows agree on no column"
                                      : "an egd that compares two different columns");
        return;
    }
    vec_push(p->arena, &fd->cols2, ((Name){s->cols[left].name.text, e->left->span}));
    vec_push(p->arena, &p->egds, (const EgdDecl *)fd);
}

void resolve_egd(Program *p, const EgdDecl *e) {
    if (e->kind == EGD_GENERAL) {
        resolve_general(p, e);
        return;
    }
    int index = resolve_source(p, e->source), index2 = e->kind == EGD_FK ? resolve_source(p, e->source2) : index;
    if (index < 0 || index2 < 0) return;
    const Source *s = &p->sources.data[index], *s2 = &p->sources.data[index2];
    bool ok = columns_known(p, s, &e->cols);
    if (e->kind != EGD_KEY) ok &= columns_known(p, s2, &e->cols2);
    if (!ok) return;
    if (e->kind == EGD_FK) {
        if (e->cols.len != e->cols2.len) {
            Diag *d = diag_error(p->diags, "E110", e->span, "the foreign key has %d columns, what it refers to has %d",
                                 e->cols.len, e->cols2.len);
            diag_help(d, "name as many columns on both sides: `fk %s(a, b) -> %s(c, d);`", e->source.text,
                      e->source2.text);
            return;
        }
        for (int i = 0; i < e->cols.len; i++) {
            const ColumnDecl *a = &s->cols[source_column(s, e->cols.data[i].text)],
                             *b = &s2->cols[source_column(s2, e->cols2.data[i].text)];
            if (value_class(a->type) == value_class(b->type)) continue;
            Diag *d =
                diag_error(p->diags, "E130", e->cols.data[i].span, "%s.%s is %s, but %s.%s is %s", s->decl->name.text,
                           a->name.text, type_text(a->type), s2->decl->name.text, b->name.text, type_text(b->type));
            diag_help(d, "declare both with the same type");
            return;
        }
    }
    vec_push(p->arena, &p->egds, e);
}

static bool same_check(const CheckSpec *a, const CheckSpec *b) {
    return a->kind == b->kind && a->source == b->source && a->source2 == b->source2 && a->ncols == b->ncols &&
           a->ncols2 == b->ncols2 && !memcmp(a->cols, b->cols, sizeof(int) * (size_t)a->ncols) &&
           !memcmp(a->cols2, b->cols2, sizeof(int) * (size_t)a->ncols2);
}

static int *check_columns(Program *p, const Source *s, const NameVec *cols) {
    int *out = arena_array(p->arena, int, cols->len + 1);
    for (int i = 0; i < cols->len; i++) out[i] = source_column(s, cols->data[i].text);
    return out;
}

void mapping_checks(Program *p, MappingSpec *spec) {
    VEC(CheckSpec) checks = {0};
    for (int i = 0; i < p->egds.len; i++) {
        const EgdDecl *e = p->egds.data[i];
        const Source *s = program_source(p, e->source.text),
                     *s2 = e->kind == EGD_FK ? program_source(p, e->source2.text) : s;
        bool used = false;
        for (int r = 0; r < spec->nroles; r++) used |= spec->roles[r].source == s->index;
        if (!used) continue;
        CheckSpec c = {.kind = e->kind,
                       .source = s->index,
                       .source2 = s2->index,
                       .ncols = e->cols.len,
                       .ncols2 = e->cols2.len,
                       .cols = check_columns(p, s, &e->cols),
                       .cols2 = check_columns(p, s2, &e->cols2),
                       .span = e->span};
        bool known = false;
        for (int k = 0; k < checks.len; k++) known |= same_check(&checks.data[k], &c);
        if (!known) vec_push(p->arena, &checks, c);
    }
    spec->checks = checks.data;
    spec->nchecks = checks.len;
}
