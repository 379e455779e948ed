/* format.c: the formatter's decisions: what stands together, where lines may break, and that nothing else changed
 * (contract: format.h; the lines themselves are laid out in format_layout.c).
 *
 * The text is its tokens and comments in their order, called pieces here. Before each stands a gap: nothing, a blank,
 * or a line's end. Gaps follow from the pieces beside them; where a line may break, from the author. */
#include "compiler/format_internal.h"
#include "grammar/parse_internal.h"

/* ---- pieces ---- */
static bool is_one_of(int kind, const char *marks) {
    return kind > 0 && kind < 128 && strchr(marks, kind);
}

static const char *without_returns(Arena *arena, const char *text, size_t *len) {
    char *out = arena_alloc(arena, *len + 1), *o = out;
    for (size_t i = 0; i < *len; i++)
        if (text[i] != '\r') *o++ = text[i];
    *len = (size_t)(o - out);
    return out;
}

static void add_piece(Format *f, Span span, int kind, const Comment *comment) {
    Piece p = {.kind = kind, .text = f->source + span.begin, .len = span.end - span.begin, .closer = -1};
    if (comment) {
        p.len = strlen(comment->text);
        p.text = without_returns(f->arena, comment->text, &p.len);
        p.own_line = comment->own_line;
        p.to_line_end = *p.text == '#';
    }
    for (uint32_t i = f->source_at; i < span.begin; i++) p.newlines += f->source[i] == '\n';
    p.apart = span.begin > f->source_at;
    f->source_at = span.end;
    int inside = f->brackets.len ? f->brackets.data[f->brackets.len - 1] : -1;
    bool in_clause = inside >= 0 && f->pieces.data[inside].block == BLOCK_CLAUSES; /* its brackets need not match */
    if (kind == '}' || (is_one_of(kind, ")]") && !in_clause)) {
        p.opener = f->brackets.data[--f->brackets.len];
        f->pieces.data[p.opener].closer = f->pieces.len;
        p.block = f->pieces.data[p.opener].block;
    } else {
        p.opener = inside;
    }
    if (is_one_of(kind, "([{") && !in_clause) vec_push(f->arena, &f->brackets, f->pieces.len);
    vec_push(f->arena, &f->pieces, p);
}

/* Tokens and comments by place. A `;` behind nothing is an empty statement, and left out. */
static void collect(Format *f, const Script *s) {
    BlockKind next = BLOCK_STATEMENTS; /* what a brace would open */
    int comment = 0, last = ';';
    bool target = false;
    for (int i = 0; i <= s->tokens.len; i++) {
        uint32_t at = i < s->tokens.len ? s->tokens.data[i].span.begin : UINT32_MAX;
        for (; comment < s->comments.len && s->comments.data[comment].span.begin < at; comment++)
            add_piece(f, s->comments.data[comment].span, PIECE_COMMENT, &s->comments.data[comment]);
        if (i == s->tokens.len) break;
        const Token *t = &s->tokens.data[i];
        if (t->kind == ';' && last == ';') {
            f->source_at = t->span.end;
            continue;
        }
        add_piece(f, t->span, t->kind, NULL);
        Piece *p = &f->pieces.data[f->pieces.len - 1];
        if (t->kind == '{') {
            p->block = last == TOK_IN ? BLOCK_SET : next;
            p->of_target = target;
        }
        last = piece_is_block(p) ? ';' : t->kind;
        if (last == ';') next = BLOCK_STATEMENTS;
        if (t->kind == TOK_SOURCE || t->kind == TOK_TARGET) next = BLOCK_COLUMNS;
        if (t->kind == TOK_FUZZY) next = BLOCK_CLAUSES;
        target = t->kind == TOK_TARGET || (target && last != ';');
    }
}

int format_code_before(const Format *f, int i) {
    for (i--; i >= 0 && f->pieces.data[i].kind == PIECE_COMMENT;) i--;
    return i;
}

int format_code_from(const Format *f, int i) {
    while (i < f->pieces.len && f->pieces.data[i].kind == PIECE_COMMENT) i++;
    return i;
}

/* ---- blanks ---- */
static bool ends_operand(const Piece *p) {
    switch (p->kind) {
    case TOK_IDENT:
    case TOK_NUMBER:
    case TOK_STRING:
    case TOK_NULLVALUE:
    case TOK_TRUE:
    case TOK_FALSE:
    case ')':
    case ']':
    case '\'':
    case '?': return true;
    case '}': return p->block == BLOCK_SET;
    default: return false;
    }
}

static int kind_at(const Format *f, int i) {
    return i >= 0 ? f->pieces.data[i].kind : 0;
}

/* `option NAME value`: the value follows a name without an operator between them. */
static bool begins_option_value(const Format *f, int i) {
    int name = format_code_before(f, i);
    return kind_at(f, name) == TOK_IDENT && kind_at(f, format_code_before(f, name)) == TOK_OPTION;
}

/* `forall x, y (…)`: the last of the names is no function. */
static bool ends_forall(const Format *f, int name) {
    while (kind_at(f, name) == TOK_IDENT) {
        int before = format_code_before(f, name);
        if (kind_at(f, before) == TOK_FORALL) return true;
        if (kind_at(f, before) != ',') return false;
        name = format_code_before(f, before);
    }
    return false;
}

static bool wants_blank(const Format *f, int i) {
    const Piece *p = &f->pieces.data[i];
    if (i == 0) return false;
    const Piece *b = &f->pieces.data[i - 1];
    if (p->to_line_end) return true;
    if (p->opener >= 0 && f->pieces.data[p->opener].block == BLOCK_CLAUSES && p->kind != '}' && b->kind != '{')
        return p->apart && p->kind != ';';
    if (p->kind == PIECE_COMMENT || b->kind == PIECE_COMMENT) return p->apart;
    /* Marks that would be read as one mark: 1 .. .5 */
    if (is_one_of((unsigned char)b->text[b->len - 1], ".<>=!|&*/") && is_one_of((unsigned char)*p->text, ".=>|&*"))
        return true;
    if (piece_is_block(p) || piece_is_block(b)) return !(p->kind == '}' && b->kind == '{') && p->kind != ';';
    if (p->kind == ']' && b->kind == ',') return true; /* X[1, ] */
    if (is_one_of(p->kind, ",;)]?:'.}") || p->kind == TOK_DOTDOT) return false;
    if (is_one_of(b->kind, "([.{") || b->kind == TOK_DOTDOT || b->unary) return false;
    if (p->kind == '(' && b->kind == TOK_IDENT) return begins_option_value(f, i) || ends_forall(f, i - 1);
    if (p->kind == '[') return !ends_operand(b);
    return true;
}

/* ---- lines ---- */
/* Would the word begin a statement if it began a line (lexer.re)? */
static bool begins_statement(const Format *f, int i) {
    const Piece *p = &f->pieces.data[i];
    int n, next = format_code_from(f, i + 1), then = next < f->pieces.len ? f->pieces.data[next].kind : 0;
    const char *const *words = lex_statement_words(&n);
    for (int k = 0; k < n; k++)
        if (strlen(words[k]) == p->len && memcmp(words[k], p->text, p->len) == 0)
            return then != ':' && !(then == '(' && !lex_is_keyword(words[k]));
    return false;
}

/* How good a place before piece i is to break a line: 0 is best; -1 for no place at all. */
static int line_rank(const Format *f, int i) {
    const Piece *p = &f->pieces.data[i];
    int before = format_code_before(f, i), kind = kind_at(f, before);
    if (before < 0 || begins_statement(f, i)) return -1;
    if (f->pieces.data[before].unary) return -1;
    switch (p->kind) {
    case TOK_ARROW: return 0;
    case '&': return 1;
    case TOK_FROM:
    case TOK_ON:
    case TOK_WITH:
    case TOK_TO:
    case TOK_VIA:
    case TOK_ASSIGN: return 3;
    case TOK_OR: return 4;
    case TOK_AND: return 5;
    case TOK_NE:
    case TOK_LE:
    case TOK_GE:
    case '<':
    case '>':
    case TOK_EQEQ: return 6;
    case '+':
    case '|': return 7;
    case '-': return p->unary ? -1 : 7;
    case '*':
    case '/':
    case '@': return 8;
    default: return kind == ',' ? RANK_LIST : -1;
    }
}

/* Where the author's line break is kept, beside the places above. */
static bool keeps_line(const Format *f, int i) {
    const Piece *p = &f->pieces.data[i];
    int before = format_code_before(f, i), kind = kind_at(f, before);
    if (line_rank(f, i) >= 0) return true;
    if (before < 0 || begins_statement(f, i) || f->pieces.data[before].unary) return false;
    if (is_one_of(p->kind, ")]") || (p->kind == '}' && p->block == BLOCK_SET))
        return f->pieces.data[p->opener + 1].line;
    if (is_one_of(p->kind, ",;?:'.[({") || p->kind == TOK_DOTDOT || !p->space) return is_one_of(kind, "([{");
    return is_one_of(kind, "([{=:&+*/@<>|-") || kind == TOK_ARROW || kind == TOK_AND || kind == TOK_OR;
}

void format_open_block(Format *f, int brace) {
    Piece *b = &f->pieces.data[brace];
    if (b->open) return;
    b->open = true;
    for (int i = brace + 1; i <= b->closer; i++) {
        Piece *p = &f->pieces.data[i];
        if (i == b->closer) {
            p->open = true;
            p->line = true;
        } else if (p->opener != brace || p->kind == '}') {
            continue;
        } else if (i == brace + 1) {
            p->line |= !(p->kind == PIECE_COMMENT && !p->own_line);
        } else if (f->pieces.data[i - 1].kind == PIECE_COMMENT && f->pieces.data[i - 1].line && p->starts) {
            p->line |= f->pieces.data[i - 1].to_line_end || p->newlines > 0;
        } else if (p->starts && p->kind != PIECE_COMMENT) {
            p->line |= b->block != BLOCK_COLUMNS || b->of_target || format_code_before(f, i) == brace;
        }
    }
}

/* Which pieces begin a statement or a column. */
static void mark_starts(Format *f) {
    for (int i = 0; i < f->pieces.len; i++) {
        Piece *p = &f->pieces.data[i];
        int code = format_code_from(f, i), before = format_code_before(f, i), kind = kind_at(f, before);
        if (code == f->pieces.len || piece_is_block(&f->pieces.data[code])) {
            bool ends = code == f->pieces.len || f->pieces.data[code].kind == '}';
            p->starts = p->kind == PIECE_COMMENT && ends; /* stands where a statement would */
            continue;
        }
        const Piece *b = before >= 0 ? &f->pieces.data[before] : NULL;
        bool columns = p->opener >= 0 && f->pieces.data[p->opener].block == BLOCK_COLUMNS;
        p->starts = !b || kind == ';' || (columns && kind == ',') ||
                    (piece_is_block(b) && f->pieces.data[code].kind != TOK_ELSE);
    }
}

static void decide_gaps(Format *f) {
    int n = f->pieces.len;
    for (int i = 0; i < n; i++) {
        Piece *p = &f->pieces.data[i];
        int before = format_code_before(f, i);
        p->unary =
            p->kind == '-' && before >= 0 && (!ends_operand(&f->pieces.data[before]) || begins_option_value(f, i));
    }
    mark_starts(f);
    for (int i = 0; i < n; i++) f->pieces.data[i].space = wants_blank(f, i);
    for (int i = 1; i < n; i++) {
        Piece *p = &f->pieces.data[i];
        const Piece *b = &f->pieces.data[i - 1];
        bool top = p->opener < 0 && !is_one_of(p->kind, ")]}");
        p->rank = p->space && b->kind != PIECE_COMMENT && p->kind != PIECE_COMMENT ? line_rank(f, i) : -1;
        p->may_line = p->rank >= 0;
        if (b->to_line_end)
            p->line = true;
        else if (p->kind == PIECE_COMMENT)
            p->line = p->own_line;
        else if (b->kind == PIECE_COMMENT && (b->line || !p->starts))
            p->line = p->newlines > 0;
        else if (p->starts && top)
            p->line = true;
        else
            p->line = p->newlines > 0 && keeps_line(f, i);
    }
}

/* Does the block need lines of its own: are there already some in it, or several statements? */
static bool has_lines(const Format *f, int brace) {
    const Piece *b = &f->pieces.data[brace];
    int statements = 0;
    for (int i = brace + 1; i < b->closer; i++) {
        const Piece *p = &f->pieces.data[i];
        if (p->line || p->to_line_end) return true;
        statements += p->starts && p->kind != PIECE_COMMENT && p->opener == brace;
    }
    int first = format_code_from(f, brace + 1);
    if (first < b->closer && f->pieces.data[first].newlines > 0) return true;
    if (b->block == BLOCK_CLAUSES) return b->closer > brace + 1;
    return b->block == BLOCK_STATEMENTS && statements > 1;
}

static void open_blocks(Format *f) {
    for (int i = f->pieces.len - 1; i >= 0; i--) { /* inner ones first */
        const Piece *p = &f->pieces.data[i];
        if (p->kind == '{' && piece_is_block(p) && has_lines(f, i)) format_open_block(f, i);
    }
    for (int i = 1; i < f->pieces.len; i++) {
        Piece *p = &f->pieces.data[i];
        const Piece *b = &f->pieces.data[i - 1];
        bool closing = p->kind == '}' && p->block != BLOCK_SET, opening = piece_is_block(b) && b->kind == '{';
        p->empty_line = p->line && p->starts && !closing && !opening && p->newlines > 1;
    }
}

/* ---- the same script? ---- */
/* Its canonical text without comments and empty lines. */
static char *meaning(const Script *s) {
    Script bare = *s;
    bare.comments.len = 0;
    Buf text = {0}, out = {0};
    ast_print_script(&text, &bare);
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] != '\n' || (i && text.data[i - 1] != '\n')) buf_add(&out, &text.data[i], 1);
    buf_puts(&out, "");
    buf_free(&text);
    return buf_take(&out);
}

static bool same_comments(Arena *arena, const Script *a, const Script *b) {
    if (a->comments.len != b->comments.len) return false;
    for (int i = 0; i < a->comments.len; i++) {
        size_t n = strlen(a->comments.data[i].text), m = strlen(b->comments.data[i].text);
        const char *s = without_returns(arena, a->comments.data[i].text, &n);
        const char *t = without_returns(arena, b->comments.data[i].text, &m);
        if (n != m || memcmp(s, t, n) != 0) return false;
    }
    return true;
}

static void check_same(Arena *arena, const Script *before, const char *text, size_t len) {
    Diags *ds = diags_new(arena);
    Script *after = parse_script(arena, ds, diag_add_file(ds, "formatted", text, len), text, len);
    char *a = meaning(before), *b = meaning(after);
    bool same = diag_error_count(ds) == 0 && strcmp(a, b) == 0 && same_comments(arena, before, after);

    mem_free(a);
    mem_free(b);
    if (!same) internal_error("the formatted text would mean something else");
}

bool format_text(Arena *arena, Diags *ds, uint32_t file, const char *text, size_t len, Buf *out) {
    int errors = diag_error_count(ds);
    Script *script = parse_script(arena, ds, file, text, len);
    if (diag_error_count(ds) > errors) return false;
    Format f = {.arena = arena, .source = text};
    size_t from = out->len;
    collect(&f, script);
    decide_gaps(&f);
    open_blocks(&f);
    format_layout(&f, out);
    check_same(arena, script, out->data ? out->data + from : "", out->len - from);
    return true;
}
