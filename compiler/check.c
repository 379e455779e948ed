/* check.c: warnings about declarations and algorithms, without rows (contract: check.h). */
#include "compiler/check.h"
#include <ctype.h>

/* ---------------- W126: what nothing reads ---------------- */

/* `S(x, _)` and `S(a: x, ...)` leave columns out in so many words. */
static bool leaves_out(const Program *p, const char *source) {
    for (int i = 0; i < p->targets.len; i++)
        for (int k = 0; k < p->targets.data[i].tgds.len; k++) {
            const AtomVec *body = &p->targets.data[i].tgds.data[k]->body;
            for (int a = 0; a < body->len; a++)
                if (strcmp(body->data[a]->relation.text, source) == 0 && (!body->data[a]->named || body->data[a]->rest))
                    return true;
        }
    return false;
}

static void check_unread(const Program *p, const Source *s) {
    int unread = 0;
    Span at = {0};
    Buf names = {0};
    for (int i = 0; i < s->ncols; i++) {
        if (s->wanted && s->wanted[i]) continue;
        if (!unread++) at = s->cols[i].name.span;
        buf_printf(&names, "%s`%s`", unread > 1 ? ", " : "", s->cols[i].name.text);
    }
    const char *name = s->decl->name.text;
    if (unread && unread == s->ncols)
        diag_help(diag_warn(p->diags, "W126", s->decl->name.span, "nothing reads the source `%s`", name),
                  "map it to a target, or take it out");
    else if (unread && s->decl->has_columns && !leaves_out(p, name))
        diag_help(
            diag_warn(p->diags, "W126", at, "nothing reads %s of %s", names.data, name),
            "a column that was forgotten in the mapping looks like this; one that is not needed can be taken out");
    buf_free(&names);
}

/* ---------------- W127: columns that look personal ---------------- */

static const struct {
    const char *words, *says;
} personal[] = {
    {"email", "an e-mail address"},
    {"e mail", "an e-mail address"},
    {"mail address", "an e-mail address"},
    {"phone", "a telephone number"},
    {"telephone", "a telephone number"},
    {"mobile number", "a telephone number"},
    {"cell number", "a telephone number"},
    {"fax", "a telephone number"},
    {"ssn", "a social security number"},
    {"social security", "a social security number"},
    {"national id", "a number of identity"},
    {"tax id", "a number of identity"},
    {"passport", "a number of identity"},
    {"driving licence", "a number of identity"},
    {"driver license", "a number of identity"},
    {"license plate", "a car's number"},
    {"iban", "a bank account"},
    {"account number", "a bank account"},
    {"credit card", "a card's number"},
    {"card number", "a card's number"},
    {"birth date", "a date of birth"},
    {"birthdate", "a date of birth"},
    {"birthday", "a date of birth"},
    {"date of birth", "a date of birth"},
    {"dob", "a date of birth"},
    {"first name", "a person's name"},
    {"firstname", "a person's name"},
    {"last name", "a person's name"},
    {"lastname", "a person's name"},
    {"family name", "a person's name"},
    {"given name", "a person's name"},
    {"maiden name", "a person's name"},
    {"full name", "a person's name"},
    {"surname", "a person's name"},
    {"patient name", "a person's name"},
    {"customer name", "a person's name"},
    {"user name", "a person's name"},
    {"username", "a person's name"},
    {"employee name", "a person's name"},
    {"home address", "where a person lives"},
    {"street address", "where a person lives"},
    {"ip address", "a network address"},
};

/* birthDate, birth_date, BIRTH-DATE: " birth date ". */
static void split_words(Buf *b, const char *name) {
    buf_puts(b, " ");
    for (const char *s = name; *s; s++) {
        bool letter = isalnum((unsigned char)*s), blank = b->data[b->len - 1] == ' ';
        bool hump = s > name && isupper((unsigned char)*s) && islower((unsigned char)s[-1]);
        if ((!letter || hump) && !blank) buf_puts(b, " ");
        if (!letter) continue;
        char c = (char)tolower((unsigned char)*s);
        buf_add(b, &c, 1);
    }
    buf_puts(b, " ");
}

/* Nothing that changes what is meant may follow: a phone number is one, whether there is a phone service is none. */
static bool ends_here(const char *rest) {
    static const char *const more[] = {" ", " number ", " no ", " nr ", " address ", " 1 ", " 2 ", " hash "};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        if (strcmp(rest, more[i]) == 0) return true;
    return false;
}

const char *check_personal(const char *name) {
    Buf words = {0};
    split_words(&words, name);
    const char *says = NULL;
    for (size_t i = 0; i < sizeof personal / sizeof *personal && !says; i++) {
        size_t n = strlen(personal[i].words);
        for (const char *at = words.data; !says && (at = strstr(at, personal[i].words)); at++)
            if (at[-1] == ' ' && ends_here(at + n)) says = personal[i].says;
    }
    buf_free(&words);
    return says;
}

/* A feature or a label that is a source's column as it stands. */
static void check_people(const Program *p, const Target *t) {
    const MappingSpec *spec = t->spec;
    for (int j = 0; j < spec->ncols; j++) {
        const TargetColumnSpec *c = &spec->cols[j];
        if (c->role != ROLE_FEATURE && c->role != ROLE_LABEL) continue;
        bool told = false;
        for (int k = 0; k < spec->ntgds && !told; k++)
            for (int a = 0; a < spec->tgds[k].head[j].nalts && !told; a++) {
                const HeadAlt *h = &spec->tgds[k].head[j].alts[a];
                if (h->kind != HEAD_COLUMN) continue;
                const Source *s = &p->sources.data[spec->roles[h->role].source];
                const char *source = s->cols[h->column].name.text, *says = check_personal(source);
                if (!says) says = check_personal(c->name);
                if (!says) continue;
                told = true;
                Diag *d =
                    diag_warn(p->diags, "W127", c->span, "the %s `%s` looks like %s (%s.%s)",
                              c->role == ROLE_LABEL ? "label" : "feature", c->name, says, s->decl->name.text, source);
                if (c->encoding == ENC_ONEHOT || c->encoding == ENC_ORDINAL)
                    diag_note(d, c->span, "a saved model holds each of its values");
                diag_help(d, "leave it out, make it an id, or derive what matters from it, as an age or a region");
            }
    }
}

void check_declarations(const Program *p) {
    for (int i = 0; i < p->sources.len; i++) check_unread(p, &p->sources.data[i]);
    for (int i = 0; i < p->targets.len; i++)
        if (p->targets.data[i].spec) check_people(p, &p->targets.data[i]);
}

/* ---------------- descent ---------------- */

static bool mentions(const Expr *e, const char *name) {
    if (!e) return false;
    if (e->kind == EX_NAME && strcmp(e->text, name) == 0) return true;
    for (int i = 0; i < e->nargs; i++)
        if (mentions(e->args[i], name)) return true;
    return false;
}

static bool is_step(const Expr *e, const AlgorithmDecl *a) {
    if (e->kind == EX_NUM) return true;
    for (int i = 0; e->kind == EX_NAME && i < a->hyper.len; i++)
        if (strcmp(a->hyper.data[i].name.text, e->text) == 0) return true;
    return false;
}

/* Is a factor of the product a number or a setting? */
static bool has_step(const Expr *e, const AlgorithmDecl *a) {
    if (e->kind == EX_UNARY) return has_step(e->args[0], a);
    if (e->kind != EX_BINARY || (e->op != OP_MUL && e->op != OP_DIV && e->op != OP_MATMUL)) return false;
    if (e->op == OP_MUL && (is_step(e->args[0], a) || is_step(e->args[1], a))) return true;
    return has_step(e->args[0], a) || (e->op == OP_MUL && has_step(e->args[1], a));
}

/* Is there `w = w - step * …` (or +) in a loop, with w more than the loop's own count? */
static bool descends(const StmtVec *v, const AlgorithmDecl *a, bool in_loop) {
    for (int i = 0; i < v->len; i++) {
        const Stmt *s = v->data[i];
        if (s->kind == ST_ASSIGN && in_loop) {
            const Expr *e = s->assign.value;
            bool moves = e->kind == EX_BINARY && (e->op == OP_SUB || e->op == OP_ADD) && e->args[0]->kind == EX_NAME &&
                         strcmp(e->args[0]->text, s->assign.name.text) == 0;
            if (moves && has_step(e->args[1], a)) return true;
        }
        if (s->kind == ST_REPEAT || s->kind == ST_WHILE) {
            if (descends(&s->repeat.body, a, true)) return true;
        } else if (s->kind == ST_FOR) {
            if (descends(&s->loop_for.body, a, true)) return true;
        } else if (s->kind == ST_IF) {
            if (descends(&s->if_.then, a, in_loop) || descends(&s->if_.otherwise, a, in_loop)) return true;
        }
    }
    return false;
}

/* Does an expression divide something made of the features, cell by cell? */
static bool divides(const Expr *e, const char *features) {
    if (!e) return false;
    if (e->kind == EX_BINARY && e->op == OP_DIV && mentions(e->args[0], features)) return true;
    for (int i = 0; i < e->nargs; i++)
        if (divides(e->args[i], features)) return true;
    return false;
}

/* The value that a setting has in this training, when it is written as a constant; else its default. */
static const Expr *setting_of(const AlgorithmDecl *a, const NamedArgVec *args, const char *name) {
    for (int i = 0; i < args->len; i++)
        if (strcmp(args->data[i].name.text, name) == 0) return args->data[i].value;
    for (int i = 0; i < a->hyper.len; i++)
        if (strcmp(a->hyper.data[i].name.text, name) == 0) return a->hyper.data[i].value;
    return NULL;
}

/* Are the features divided by something before any loop? Under `if (setting)` it counts when the setting is on. */
static bool scales(const StmtVec *v, const AlgorithmDecl *a, const NamedArgVec *args, const char *features) {
    for (int i = 0; i < v->len; i++) {
        const Stmt *s = v->data[i];
        if (s->kind == ST_ASSIGN && divides(s->assign.value, features)) return true;
        if (s->kind != ST_IF) continue;
        const Expr *on = s->if_.cond->kind == EX_NAME ? setting_of(a, args, s->if_.cond->text) : NULL;
        bool off = on && (on->kind == EX_BOOL || on->kind == EX_NUM) && on->num == 0;
        if (!off && scales(&s->if_.then, a, args, features)) return true;
        if (scales(&s->if_.otherwise, a, args, features)) return true;
    }
    return false;
}

bool check_descends_unscaled(const AlgorithmDecl *a, const NamedArgVec *args) {
    if (!a->fit || !a->fit->params.len || !descends(&a->fit->body, a, false)) return false;
    return !scales(&a->fit->body, a, args, a->fit->params.data[0].name.text);
}
