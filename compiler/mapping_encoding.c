/* mapping_encoding.c: does a target column's role, encoding and `missing` clause fit what feeds it?
 * Errors: E131, E174, E178, E190, E311, E313. */
#include "backends/runtime/rowexpr_internal.h"
#include "compiler/resolve_internal.h"

#include <math.h>
#include <stdlib.h>

static const char *encoding_text(Encoding e) {
    switch (e) {
    case ENC_NUM: return "num";
    case ENC_ONEHOT: return "onehot";
    case ENC_ORDINAL: return "ordinal";
    case ENC_HASH: return "hash";
    case ENC_DAYS: return "days";
    case ENC_VECTOR: return "vector";
    case ENC_TEXT: return "text";
    }
    return "?";
}
static const char *role_text(ColumnRole r) {
    return r == ROLE_LABEL ? "label" : r == ROLE_WEIGHT ? "weight" : r == ROLE_ID ? "id" : "feature";
}

static bool encoding_of_role(MapCtx *m, const TargetColumn *c) {
    Span at = c->encoding_span.file ? c->encoding_span : c->name.span;
    if (c->encoding == ENC_HASH) {
        Diag *d = resolve_unsupported(m->ds, at, "`hash`");
        diag_help(d, "use `onehot`: its columns are counted by what is not zero, so that many categories cost little");
        return false;
    }
    bool ok = true;
    if (c->role == ROLE_LABEL) ok = c->encoding == ENC_NUM || c->encoding == ENC_ORDINAL || c->encoding == ENC_DAYS;
    if (c->role == ROLE_WEIGHT) ok = c->encoding == ENC_NUM;
    if (c->role == ROLE_FEATURE) ok = c->encoding != ENC_TEXT;
    if (c->role == ROLE_ID) ok = !c->encoding_given || c->encoding == ENC_TEXT || c->encoding == ENC_NUM;
    if (ok) return true;
    Diag *d = diag_error(m->ds, "E174", at, "a %s cannot be %s", role_text(c->role), encoding_text(c->encoding));
    if (c->role == ROLE_LABEL)
        diag_help(d, "a label is one number a row: `label num`, or `label ordinal` for categories");
    else if (c->role == ROLE_WEIGHT)
        diag_help(d, "a weight is one number a row: `weight num`");
    else if (c->role == ROLE_ID)
        diag_help(d, "an id is kept as it is: write `id` alone");
    else
        diag_help(d, "use `feature onehot` for categories");
    return false;
}

static bool mismatch(MapCtx *m, const TargetColumn *c, TypeKind type, const char *help) {
    Span at = c->encoding_span.file ? c->encoding_span : c->name.span;
    Diag *d = diag_error(m->ds, "E131", at, "the %s `%s` is %s, but what feeds it is %s", role_text(c->role),
                         c->name.text, encoding_text(c->encoding), type_text(type));
    diag_help(d, "%s", help);
    return false;
}

static bool encoding_of_type(MapCtx *m, const TargetColumn *c, TypeKind type) {
    ValueClass v = value_class(type);
    bool label = c->role == ROLE_LABEL;
    if (v == VAL_UNKNOWN || (c->role == ROLE_ID && v != VAL_VECTOR)) return true;
    if (v == VAL_VECTOR && c->encoding != ENC_VECTOR)
        return mismatch(m, c, type,
                        c->role == ROLE_FEATURE ? "a vector is a whole block of columns: write `feature vector`"
                                                : "a vector holds many numbers a row: it can only be a feature");
    switch (c->encoding) {
    case ENC_NUM:
        if (v == VAL_TEXT)
            return mismatch(
                m, c, type,
                label ? "write `label ordinal` to number its values, or compare it: `x = \"yes\"`"
                      : "write `feature onehot` for categories, or number(x) in the head if the texts are numbers");
        if (v == VAL_DATE || v == VAL_TIME)
            return mismatch(
                m, c, type,
                "write `days(\"1970-01-01\")` to count days, or year(x), month(x), weekday(x), hour(x) in the head");
        return true;
    case ENC_DAYS:
        if (v == VAL_DATE || v == VAL_TIME) return true;
        return mismatch(m, c, type,
                        v == VAL_TEXT ? "declare the source's column as date(\"%Y-%m-%d\")" : "write `num`");
    case ENC_ONEHOT:
        if (v == VAL_TEXT || v == VAL_NUM) return true;
        return mismatch(m, c, type, "take a part of the date in the head: year(x), month(x), weekday(x), hour(x)");
    case ENC_VECTOR:
        if (v == VAL_VECTOR) return true;
        return mismatch(m, c, type, v == VAL_TEXT ? "write `feature onehot`" : "write `feature num`");
    case ENC_ORDINAL:
    case ENC_HASH:
    case ENC_TEXT: break;
    }
    return true;
}

static bool missing_error(MapCtx *m, const TargetColumn *c, const char *what, const char *help) {
    Diag *d = diag_error(m->ds, "E178", c->missing_span.file ? c->missing_span : c->name.span, "%s", what);
    diag_help(d, "%s", help);
    return false;
}

static bool missing_clause(MapCtx *m, TargetColumnSpec *out, const TargetColumn *c) {
    out->missing = c->missing;
    if (c->role == ROLE_LABEL && c->missing == MISS_MEAN) {
        Diag *d = diag_error(m->ds, "E311", c->missing_span.file ? c->missing_span : c->name.span,
                             "the label `%s` would be made up where it is missing", c->name.text);
        diag_help(d, "write `missing drop` to leave such rows out, or `missing error` (the default)");
        return false;
    }
    bool categories = c->encoding == ENC_ONEHOT || c->encoding == ENC_ORDINAL;
    if (c->missing == MISS_MEAN && categories)
        return missing_error(m, c, "categories have no mean",
                             "a row without a value has a zero in every column unless it says `drop` or `error`");
    if (c->missing == MISS_MEAN && c->role == ROLE_ID)
        return missing_error(m, c, "an id has no mean", "leave `missing mean` out");
    if (c->missing != MISS_CONST) return true;
    const Expr *v = resolve_constant(m->p, c->missing_value);
    if (!v || (v->kind != EX_NUM && v->kind != EX_BOOL) || !isfinite(v->num))
        return missing_error(m, c, "what stands for a missing value is a number",
                             "for example `missing 0`, `missing mean`, `missing drop` or `missing error`");
    if (c->encoding == ENC_ONEHOT && v->num != 0)
        return missing_error(
            m, c, "a number cannot stand for a missing category",
            "name a category in the head, `x | \"unknown\"`, or leave `missing` out: all columns are then 0");
    out->missing_value = v->num;
    return true;
}

/* A number as onehot's categories spell it: the shortest text that reads back the same. */
static const char *number_text(Arena *a, double x) {
    for (int digits = 1; digits < 17; digits++) {
        char *s = arena_printf(a, "%.*g", digits, x);
        if (strtod(s, NULL) == x && !strchr(s, 'e')) return s;
    }
    return arena_printf(a, "%.17g", x);
}

static bool reference_category(MapCtx *m, TargetColumnSpec *out, const TargetColumn *c) {
    if (!c->base_category) return true;
    const Expr *v = resolve_constant(m->p, c->base_category);
    if (v && v->kind == EX_STR)
        out->base_category = v->text;
    else if (v && v->kind == EX_NUM)
        out->base_category = number_text(m->arena, v->num);
    else if (v && v->kind == EX_BOOL)
        out->base_category = v->num != 0 ? "1" : "0";
    else {
        Diag *d = diag_error(m->ds, "E174", c->base_category->span, "the base category is a text or a number");
        diag_help(d, "for example `onehot(base = \"1\")`");
        return false;
    }
    return true;
}

bool mapping_encoding(MapCtx *m, TargetColumnSpec *out, const TargetColumn *c) {
    out->name = c->name.text;
    out->role = c->role;
    out->encoding = c->role == ROLE_ID ? ENC_TEXT : c->encoding;
    out->epoch = c->epoch;
    out->span = c->name.span;
    bool ok = encoding_of_role(m, c);
    if (ok) ok = encoding_of_type(m, c, out->type);
    int64_t days;
    double micros;
    if (c->encoding == ENC_DAYS && c->epoch && !calendar_parse(c->epoch, (int32_t)strlen(c->epoch), &days, &micros)) {
        Diag *d = diag_error(m->ds, "E313", c->encoding_span.file ? c->encoding_span : c->name.span,
                             "\"%s\" is not a date to count days from", c->epoch);
        diag_help(d, "write it as \"1970-01-01\"");
        ok = false;
    }
    ok &= missing_clause(m, out, c);
    ok &= reference_category(m, out, c);
    return ok;
}
