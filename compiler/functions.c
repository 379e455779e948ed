/* functions.c: the table of functions that scripts call. Errors: E134 (arguments). */
#include "compiler/functions.h"

enum { ANY_COUNT = 1 << 20 }; /* cbind and rbind take as many operands as are written */

static const FuncInfo functions[] = {
#define FN(KIND, name, least, most, last, usage, formula)                                                              \
    {FN_##KIND, name, least, most, last, usage, formula, IR_COUNT_OF_OPS},
#include "compiler/functions.def"
#undef FN
};
enum { NFUNCTIONS = (int)(sizeof functions / sizeof functions[0]) };

bool func_at(int i, FuncInfo *out) {
    if (i < NFUNCTIONS) {
        *out = functions[i];
        return true;
    }
    int rest = i - NFUNCTIONS;
    for (int op = 0; op < IR_COUNT_OF_OPS; op++) {
        const IrOpInfo *o = &ir_ops[op];
        if (!ir_op_has((IrOp)op, 'N') || rest-- > 0) continue;
        int least = o->arity < 0 ? 1 : o->arity, most = o->arity < 0 ? ANY_COUNT : o->arity;
        *out = (FuncInfo){FN_OP, o->text, least, most, "", NULL, o->formula, (IrOp)op};
        return true;
    }
    return false;
}

bool func_find(const char *name, FuncInfo *out) {
    for (int i = 0; func_at(i, out); i++)
        if (strcmp(out->name, name) == 0) return true;
    return false;
}

const char *func_nearest(const char *name) {
    const char *names[NFUNCTIONS + IR_COUNT_OF_OPS];
    int n = 0;
    for (int i = 0; i < NFUNCTIONS; i++) names[n++] = functions[i].name;
    for (int op = 0; op < IR_COUNT_OF_OPS; op++)
        if (ir_op_has((IrOp)op, 'N')) names[n++] = ir_ops[op].text;
    return text_nearest(name, names, n);
}

static void report_count(Diags *ds, const FuncInfo *f, const Expr *call, int given) {
    Diag *d;
    if (f->least == f->most)
        d = diag_error(ds, "E134", call->span, "%s takes %d argument%s, %d given", f->name, f->least,
                       f->least == 1 ? "" : "s", given);
    else if (given < f->least)
        d = diag_error(ds, "E134", call->span, "%s takes at least %d argument%s, %d given", f->name, f->least,
                       f->least == 1 ? "" : "s", given);
    else
        d = diag_error(ds, "E134", call->span, "%s takes at most %d arguments, %d given", f->name, f->most, given);
    if (strcmp(f->last, "seed") == 0 && given == f->most - 1)
        diag_help(d, "give a seed, so that every run gets the same numbers: %s", f->usage);
    else if (f->usage)
        diag_help(d, "write %s", f->usage);
}

int func_arguments(Diags *ds, const FuncInfo *f, const Expr *call, Expr **args) {
    int n = 0;
    for (int i = 0; i < call->nargs; i++) args[n++] = call->args[i];
    int total = call->nargs + call->named.len;
    for (int i = 0; i < call->named.len; i++) {
        const NamedArg *a = &call->named.data[i];
        if (!*f->last || strcmp(a->name.text, f->last) != 0) {
            Diag *d = diag_error(ds, "E134", a->name.span, "%s has no argument named %s", f->name, a->name.text);
            if (f->usage) diag_help(d, "write %s", f->usage);
            return -1;
        }
        if (i > 0) {
            diag_error(ds, "E134", a->name.span, "%s is given twice", a->name.text);
            return -1;
        }
    }
    if (total < f->least || total > f->most) {
        report_count(ds, f, call, total);
        return -1;
    }
    if (call->named.len) {
        if (call->nargs != f->most - 1) {
            report_count(ds, f, call, total);
            return -1;
        }
        args[n++] = call->named.data[0].value;
    }
    return n;
}

const char *func_expr_text(Arena *arena, const Expr *x) {
    enum { LONGEST = 48 };
    Buf b = {0};
    ast_print_expr(&b, x);
    const char *text = b.data ? b.data : "";
    size_t n = b.data ? b.len : 0;
    char *out;
    if (n <= LONGEST)
        out = arena_strndup(arena, text, n);
    else {
        size_t cut = LONGEST - 2;
        while (cut > 0 && ((unsigned char)text[cut] & 0xC0) == 0x80) cut--; /* never inside a character */
        out = arena_printf(arena, "%.*s …", (int)cut, text);
    }
    buf_free(&b);
    return out;
}
