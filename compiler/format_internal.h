/* format_internal.h: what the formatter's two parts share: format.c decides about pieces and gaps, format_layout.c
 * makes lines of them. */
#ifndef AMAL_FORMAT_INTERNAL_H
#define AMAL_FORMAT_INTERNAL_H
#include "compiler/format.h"
#include "grammar/parser.h"

enum { PIECE_COMMENT = -1, RANK_LIST = 2 /* behind a comma */ };
typedef enum {
    BLOCK_NONE,
    BLOCK_STATEMENTS, /* of a loop, a function, an algorithm */
    BLOCK_COLUMNS,    /* of a source or a target */
    BLOCK_CLAUSES,    /* of a fuzzy match: their blanks are part of the text */
    BLOCK_SET         /* {1, 2} */
} BlockKind;
typedef struct Piece { /* a token or a comment, and the gap before it */
    const char *text;
    size_t len;
    int kind;         /* TOK_*, a mark, or PIECE_COMMENT */
    int newlines;     /* in the gap, as it was written */
    bool apart;       /* the gap was not empty */
    bool own_line;    /* a comment before which its line is blank */
    bool to_line_end; /* a comment that goes to the end of its line */
    int opener;       /* the innermost bracket it stands in; of a closing one, the one it closes; -1: none */
    int closer;       /* of an opening bracket */
    int filled;       /* of an opening bracket: up to here its list was filled anew */
    BlockKind block;  /* of a brace, either one */
    bool unary;       /* - of a negative number, not: no gap behind it */
    bool starts;      /* a statement or a column of a block; a comment that stands before one */
    bool open;        /* of a brace: its content has lines of its own */
    bool of_target;   /* of a brace */
    bool space, line; /* the gap: a blank, a line's end */
    bool may_line;    /* a line that is too long may break here */
    bool empty_line;  /* the line's end is followed by an empty line */
    int rank;         /* of such a place, the best is the smallest */
    int pad;          /* more blanks, for alignment */
} Piece;
typedef VEC(Piece) PieceVec;
typedef struct Format {
    Arena *arena;
    const char *source;
    uint32_t source_at; /* end of the last piece */
    PieceVec pieces;
    VEC(int) brackets; /* open ones, while pieces are collected */
} Format;

static inline bool piece_is_block(const Piece *p) {
    return (p->kind == '{' || p->kind == '}') && p->block != BLOCK_SET;
}
/* The piece before i that is no comment, or -1; the one at i or behind that is none, or the number of pieces. */
int format_code_before(const Format *f, int i);
int format_code_from(const Format *f, int i);
/* Gives a block lines of its own. */
void format_open_block(Format *f, int brace);
/* Breaks lines that are too long, aligns, and appends the text. */
void format_layout(Format *f, Buf *out);
#endif
