/* format_layout.c: the formatter's lines (contract: format_internal.h).
 *
 * Indentation follows from brackets: what stands in a block is FORMAT_INDENT further in, what goes on with a statement
 * as much again; lines inside parentheses stand under their first piece, or FORMAT_INDENT further in when nothing
 * stands behind the parenthesis. A line with more than FORMAT_COLUMNS columns is broken at its best place: a block gets
 * lines of its own, else the place of the smallest rank in the fewest brackets, the rightmost of those. */
#include "compiler/format_internal.h"

typedef struct Level {   /* an open bracket, or the whole text */
    int indent, closing; /* of lines inside, of the closing bracket */
    bool block;          /* an open one: statements stand at indent, what goes on with them further in */
    int brace;
} Level;
typedef VEC(Level) LevelVec;
typedef struct Layout {
    Format *f;
    LevelVec levels;
    int column, line_indent; /* of the line being written, counted in code points */
    int line_first;          /* its first piece */
} Layout;

static int text_columns(const char *s, size_t n) {
    int columns = 0;
    for (size_t i = 0; i < n; i++) columns += ((unsigned char)s[i] & 0xc0) != 0x80;
    return columns;
}

static Level *top_level(Layout *l) {
    return &l->levels.data[l->levels.len - 1];
}

static void level_push(Layout *l, Level level) {
    vec_push(l->f->arena, &l->levels, level);
}

/* Begins the line of piece i, which is not yet written. */
static void begin_line(Layout *l, int i) {
    const Piece *p = &l->f->pieces.data[i];
    const Level *level = top_level(l);
    bool closing = p->opener >= 0 && l->f->pieces.data[p->opener].closer == i;
    int code = format_code_from(l->f, i);
    bool before_closing =
        p->kind == PIECE_COMMENT && level->brace >= 0 && code == l->f->pieces.data[level->brace].closer;
    if (closing)
        l->line_indent = level->closing;
    else if (!level->block)
        l->line_indent = level->indent;
    else
        l->line_indent = level->indent + (p->starts || before_closing ? 0 : FORMAT_INDENT);
    l->column = l->line_indent;
    l->line_first = i;
}

/* Moves over piece i: columns and brackets. */
static void pass_piece(Layout *l, int i) {
    Format *f = l->f;
    const Piece *p = &f->pieces.data[i];
    if (!p->line) l->column += p->space + p->pad + (p->to_line_end && p->space);
    for (size_t at = 0; at < p->len; at++)
        if (p->text[at] == '\n')
            l->column = 0; /* in a comment */
        else
            l->column += text_columns(p->text + at, 1);
    if (p->closer >= 0) {
        bool hanging = p->closer > i + 1 && f->pieces.data[i + 1].line;
        Level next = {.indent = l->column, .closing = l->column, .brace = i};
        if (p->open) {
            int base = top_level(l)->indent;
            next = (Level){.indent = base + FORMAT_INDENT, .closing = base, .block = true, .brace = i};
        } else if (piece_is_block(p) || hanging) {
            next = (Level){.indent = l->line_indent + FORMAT_INDENT, .closing = l->line_indent, .brace = i};
        }
        level_push(l, next);
    } else if (p->opener >= 0 && f->pieces.data[p->opener].closer == i) {
        l->levels.len--;
    }
}

static int piece_depth(const Format *f, int i) {
    int depth = 0;
    for (int b = f->pieces.data[i].opener; b >= 0; b = f->pieces.data[b].opener) depth++;
    return depth;
}

/* A list that was broken at `at`, because it was too long there, is filled anew from there on. */
static void refill(Format *f, int at) {
    const Piece *p = &f->pieces.data[at];
    if (p->rank != RANK_LIST || p->opener < 0 || f->pieces.data[p->opener].of_target) return;
    Piece *list = &f->pieces.data[p->opener];
    if (list->filled > at) return; /* what breaks it has since, this file has made */
    for (int i = at + 1; i < list->closer; i++) {
        Piece *q = &f->pieces.data[i];
        if (q->kind == PIECE_COMMENT || q->empty_line) return;
        if (q->opener == p->opener && q->rank == RANK_LIST) q->line = false;
        list->filled = i;
    }
}

/* Breaks the line that begins at `first` and is too long at piece `last`. False: it has no place to. */
static bool break_line(Format *f, int first, int last) {
    for (int i = first; i < last; i++) {
        const Piece *p = &f->pieces.data[i];
        if (p->kind == '{' && piece_is_block(p) && !p->open && p->closer > i + 1) {
            format_open_block(f, i);
            return true;
        }
    }
    int best = -1, best_rank = 0;
    for (int i = first + 1; i <= last; i++) {
        const Piece *p = &f->pieces.data[i];
        if (!p->may_line || p->line) continue;
        int rank = piece_depth(f, i) * 16 + p->rank;
        if (best < 0 || rank <= best_rank) {
            best = i;
            best_rank = rank;
        }
    }
    if (best < 0) return false;
    f->pieces.data[best].line = true;
    refill(f, best);
    return true;
}

/* Decides where long lines break. Each break sends it back to the beginning of its line. */
static void break_long_lines(Format *f) {
    Layout l = {.f = f}, at_line;
    LevelVec saved = {0};
    level_push(&l, (Level){.block = true, .brace = -1});
    bool given_up = false;
    at_line = l;
    for (int i = 0; i < f->pieces.len; i++) {
        const Piece *p = &f->pieces.data[i];
        if (p->line || i == 0) {
            begin_line(&l, i);
            given_up = false;
            at_line = l;
            saved.len = 0;
            for (int k = 0; k < l.levels.len; k++) vec_push(f->arena, &saved, l.levels.data[k]);
        }
        pass_piece(&l, i);
        if (given_up || l.column <= FORMAT_COLUMNS || p->kind == PIECE_COMMENT) continue;
        if (!break_line(f, at_line.line_first, i)) {
            given_up = true;
            continue;
        }
        LevelVec levels = l.levels;
        l = at_line;
        l.levels = levels;
        l.levels.len = 0;
        for (int k = 0; k < saved.len; k++) level_push(&l, saved.data[k]);
        i = l.line_first; /* its own place does not change: go on behind it */
        l.column = l.line_indent;
        pass_piece(&l, i);
    }
}

/* ---- alignment ---- */
/* The columns of pieces from `first` on up to `end`, exclusive, on one line. */
static int width_of(const Format *f, int first, int end) {
    int width = 0;
    for (int i = first; i < end; i++)
        width +=
            (i > first ? f->pieces.data[i].space : 0) + text_columns(f->pieces.data[i].text, f->pieces.data[i].len);
    return width;
}

/* Pads cells so that the piece behind each begins in one column: cells[k] is the first piece of row k, behind[k] the
 * piece behind its cell (0: the row has none). */
static void align(Format *f, const int *cells, int *behind, int rows) {
    int widest = 0;
    for (int k = 0; k < rows; k++) {
        for (int i = cells[k]; i <= behind[k]; i++)
            if (f->pieces.data[i].kind == PIECE_COMMENT) behind[k] = 0; /* a comment keeps its distance */
        int width = behind[k] ? width_of(f, cells[k], behind[k]) : 0;
        if (width > widest) widest = width;
    }
    for (int k = 0; k < rows; k++)
        if (behind[k]) f->pieces.data[behind[k]].pad = widest - width_of(f, cells[k], behind[k]);
}

/* A block of columns with one column a line: `name:` is padded; in a target the role behind it too. */
static void align_columns(Format *f, int brace) {
    const Piece *b = &f->pieces.data[brace];
    int rows = 0, capacity = b->closer - brace;
    int *first = arena_array(f->arena, int, capacity), *second = arena_array(f->arena, int, capacity);
    int *third = arena_array(f->arena, int, capacity);
    for (int i = brace + 1; i < b->closer; i++) {
        const Piece *p = &f->pieces.data[i];
        if (p->opener != brace || p->kind == PIECE_COMMENT) continue;
        if (!p->starts) {
            if (p->line) return; /* a column over several lines: no table */
            continue;
        }
        if (!p->line) return;
        if (i + 2 >= b->closer || f->pieces.data[i + 1].kind != ':' || f->pieces.data[i + 2].kind == PIECE_COMMENT)
            continue; /* key(…) */
        bool more = b->of_target && f->pieces.data[i + 3].kind == TOK_IDENT;
        first[rows] = i;
        second[rows] = i + 2;
        third[rows++] = more ? i + 3 : 0;
    }
    align(f, first, second, rows);
    align(f, second, third, rows);
}

/* Sources on lines that follow each other: `from` in one column. */
static void align_sources(Format *f) {
    int *first = arena_array(f->arena, int, f->pieces.len + 1), *behind = arena_array(f->arena, int, f->pieces.len + 1);
    int rows = 0;
    for (int i = 0; i <= f->pieces.len; i++) {
        const Piece *p = i < f->pieces.len ? &f->pieces.data[i] : NULL;
        if (p && (p->opener >= 0 || !p->starts)) continue;
        if (!p || p->kind != TOK_SOURCE || p->empty_line) {
            align(f, first, behind, rows);
            rows = 0;
        }
        if (!p || p->kind != TOK_SOURCE) continue;
        int from = i;
        while (from < f->pieces.len && f->pieces.data[from].kind != TOK_FROM &&
               !(from > i && f->pieces.data[from].line))
            from++;
        if (from == f->pieces.len || f->pieces.data[from].kind != TOK_FROM || f->pieces.data[from].line) continue;
        first[rows] = i;
        behind[rows++] = from;
    }
}

/* ---- text ---- */
static void put_blanks(Buf *out, int n) {
    buf_printf(out, "%*s", n, "");
}

/* Comments at the ends of lines that follow each other begin in one column, unless one would leave the line. */
static void align_comments(Format *f, const int *columns) {
    for (int i = 0; i < f->pieces.len;) {
        if (columns[i] < 0) {
            i++;
            continue;
        }
        int widest = 0, longest = 0, end = i, last = i;
        for (; end < f->pieces.len; end++) {
            const Piece *p = &f->pieces.data[end];
            if (p->line && end > i && (p->empty_line || columns[end - 1] < 0)) break; /* a line without a comment */
            if (columns[end] < 0) continue;
            last = end;
            int length = text_columns(p->text, p->len);
            if (columns[end] > widest) widest = columns[end];
            if (length > longest) longest = length;
        }
        for (int k = i; k <= last && widest + longest <= FORMAT_COLUMNS; k++)
            if (columns[k] >= 0) f->pieces.data[k].pad = widest - columns[k];
        i = last + 1;
    }
}

static void write_text(Format *f, Buf *out, int *columns) {
    Layout l = {.f = f};
    level_push(&l, (Level){.block = true, .brace = -1});
    for (int i = 0; i < f->pieces.len; i++) {
        const Piece *p = &f->pieces.data[i];
        if (p->line || i == 0) {
            begin_line(&l, i);
            if (out && i) buf_puts(out, p->empty_line ? "\n\n" : "\n");
            if (out) put_blanks(out, l.line_indent);
        } else if (out) {
            put_blanks(out, p->space + p->pad + (p->to_line_end && p->space));
        }
        pass_piece(&l, i);
        if (columns) columns[i] = p->to_line_end && !p->line && i ? l.column - text_columns(p->text, p->len) : -1;
        if (out) buf_add(out, p->text, p->len);
    }
    if (out && f->pieces.len) buf_puts(out, "\n");
}

void format_layout(Format *f, Buf *out) {
    break_long_lines(f);
    for (int i = 0; i < f->pieces.len; i++) {
        const Piece *p = &f->pieces.data[i];
        if (p->kind == '{' && p->block == BLOCK_COLUMNS && p->open) align_columns(f, i);
    }
    align_sources(f);
    int *columns = arena_array(f->arena, int, f->pieces.len + 1);
    write_text(f, NULL, columns);
    align_comments(f, columns);
    write_text(f, out, NULL);
}
