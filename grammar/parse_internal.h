/* parse_internal.h: what the lexer, the grammar, the tree's constructors and the reporter of syntax errors share.
 *
 * The lexer decides what a word is by its neighbours (see lexer.re), so the grammar knows one kind of name.
 * Atoms and calls look alike until the whole item is read (`S(a, b)` against `f(a, b) > 3`): the grammar reads
 * both as expressions, and ast_dependency() makes atoms of those that stand alone. Until then a call remembers
 * its arguments as they were written (RawExpr.raw).
 *
 * Ownership: everything lives in the compilation's arena, Bison's stacks too, so that a failing allocation
 * that leaves by longjmp loses nothing. */
#ifndef AMAL_PARSE_INTERNAL_H
#define AMAL_PARSE_INTERNAL_H
#include "compiler/ast.h"

enum {
    PARSE_NESTING = 256, /* brackets in brackets */
    PARSE_DEPTH = 1000,  /* of an expression's tree: long chains of operators lean to one side */
    PARSE_TEXT_MOST = 64 << 20,
    PARSE_ERRORS = 1000 /* more than this many errors are not worth explaining */
};

typedef enum { ARG_PLAIN, ARG_COLUMN, ARG_REST } ArgKind;
typedef struct Arg { /* x · column: x · ... */
    ArgKind kind;
    Name column;
    Expr *value;
    Span span;
} Arg;
typedef VEC(Arg) ArgVec;
typedef struct RawExpr { /* every expression the parser makes */
    Expr expr;           /* first: an Expr * of the parser is a RawExpr * */
    bool paren;          /* written between parentheses */
    bool is_atom;        /* a call that became an atom */
    int depth;
    ArgVec *raw; /* EX_CALL */
} RawExpr;
typedef struct Item { /* of a body or a head, before it is known to be an atom or a condition */
    Expr *expr;
    Name role;
    bool optional, negated;
    AsofCond *asof;
    Span span;
} Item;
typedef VEC(Item) ItemVec;
typedef struct Formula {
    bool has_forall;
    NameVec *forall, *exists;
    ItemVec *body, *head;
} Formula;
typedef struct FuncVec {
    FuncDecl **data;
    int len, cap;
} FuncVec;
typedef VEC(SplitPart) SplitPartVec;

typedef struct Bracket {
    char mark; /* ( [ { and s for the brace of a set */
    Span span;
} Bracket;
typedef struct BadByte {
    uint32_t at, length;
    bool nul;
} BadByte;

typedef struct ParseState {
    Arena *arena;
    Diags *ds;
    uint32_t file;
    Script *script;
    const char *text, *limit; /* a copy in which bad bytes are blanks; *limit is NUL */
    const char *cursor, *marker;
    VEC(BadByte) bad;
    int bad_reported;
    /* what came before, for the words that are keywords by their place */
    int previous;
    bool after_operand, at_start;
    Span previous_span;
    const char *previous_word; /* the previous token's text when it was a name */
    const char *word_before;   /* the same of the token before it */
    Span span_before;
    const char *binding; /* the name, in a statement that begins `name =` */
    Bracket dropped;     /* what the previous `;` or `}` found still open */
    Bracket open[PARSE_NESTING];
    int depth, braces;
    int recover_braces;        /* >= 0: after an error, blocks opened deeper than this are skipped whole */
    bool stopped;              /* nothing more is worth saying */
    VEC(ColumnDecl *) columns; /* of the block being read */
    VEC(NameVec) keys;
    Span keys_span;
    TargetColumnVec target_columns;
    bool expression_wanted; /* the text is one expression; the lexer says so first, once */
    Expr *expression;
    VEC(RawExpr *) unplaced; /* calls with the marks of an atom that are not one yet */
} ParseState;

/* lexer.re */
union AMAL_STYPE;
int amal_lex(union AMAL_STYPE *value, Span *where, ParseState *ps);
bool lex_is_keyword(const char *word); /* a word that needs backquotes where a name may stand */
bool lex_is_clause(const char *word);  /* needs them behind an operand */
const char *const *lex_statement_words(int *count);
int lex_blank_length(const char *p); /* bytes of the blank at p, which may be beyond ASCII; 0: none */

/* parse_report.c */
void parse_report_syntax(ParseState *ps, Span at, const char *found, const char *const *expected, int count);
void parse_report_depth(ParseState *ps, Span at);

/* ast.c: constructors. Those that check report and give what can be given. */
Name ast_name(const char *text, Span span);
Expr *ast_leaf(ParseState *ps, ExprKind kind, const char *text, double num, Span span);
Expr *ast_field(ParseState *ps, Expr *of, Name field);
Expr *ast_call(ParseState *ps, Name function, ArgVec *args, Span span);
Expr *ast_unary(ParseState *ps, Op op, Span op_span, Expr *e);
Expr *ast_binary(ParseState *ps, Expr *left, Op op, Span op_span, Expr *right);
Expr *ast_postfix(ParseState *ps, ExprKind kind, Expr *e, double num, Expr *second, Span span); /* ' is in | */
Expr *ast_index(ParseState *ps, Expr *of, Expr *rows, Expr *cols, int nargs, Span span);
Expr *ast_range(ParseState *ps, Expr *from, Expr *to);
Expr *ast_set(ParseState *ps, const ExprVec *members, Span span);
Expr *ast_paren(Expr *e, Span span);

NameVec *ast_names(ParseState *ps, NameVec *v, Name n);
ExprVec *ast_exprs(ParseState *ps, ExprVec *v, Expr *e);
ArgVec *ast_args(ParseState *ps, ArgVec *v, ArgKind kind, Name column, Expr *value, Span span);
ItemVec *ast_items(ParseState *ps, ItemVec *v, Item item);
StmtVec *ast_stmts(ParseState *ps, StmtVec *v, Stmt *s);
Item ast_item(Expr *e, Span span);
Item ast_item_role(ParseState *ps, Name relation, Name role, ArgVec *args, Span span);
Item ast_item_asof(ParseState *ps, Expr *order, Expr *amount, Name unit, Span span);
NameVec *ast_names_join(ParseState *ps, NameVec *a, const NameVec *b);
Formula ast_formula(ItemVec *body, NameVec *exists, ItemVec *head);
Formula ast_formula_forall(ParseState *ps, NameVec *forall, Formula f);
void ast_check_unplaced(ParseState *ps);

/* ast_stmt.c */
Stmt *ast_stmt(ParseState *ps, StmtKind kind, Span span);
Stmt *ast_dependency(ParseState *ps, Name label, Formula f, Span span);
SourceDecl *ast_source(ParseState *ps, Name name, Name silo, Expr *uri, ArgVec *options);
ColumnDecl *ast_column(ParseState *ps, Name name, Name type, ArgVec *args, Span type_span);
void ast_column_key(ParseState *ps, Name word, const NameVec *cols, Span span);
void ast_source_columns(ParseState *ps, SourceDecl *s);
TargetDecl *ast_target(ParseState *ps, Name name);
TargetDecl *ast_target_word(ParseState *ps, TargetDecl *t, const char *clause, Name value);
void ast_target_column(ParseState *ps, Name name, Name role, Expr *encoding, Expr *missing);
void ast_target_columns(ParseState *ps, TargetDecl *t);
NamedArgVec ast_named_only(ParseState *ps, const ArgVec *args, const char *what);
void ast_param(ParseState *ps, ParamVec *v, Name name, const ExprVec *dims, Expr *value);
Stmt *ast_algorithm(ParseState *ps, Name name, const ParamVec *hyper, const FuncVec *functions, Span span);
Stmt *ast_match(ParseState *ps, const NameVec *roles, const ExprVec *on, const Expr *via, const ArgVec *args,
                const NameVec *fuzzy, Name assign, Span span);
Stmt *ast_split(ParseState *ps, Name target, const SplitPartVec *parts, Expr *seed, Span span);
const char *ast_once(ParseState *ps, const char *before, const char *now, Span clause);
bool ast_word_is(ParseState *ps, Name word, const char *expected);
Name ast_clause_text(ParseState *ps, Span span); /* the words of a span, blanks made one */
#endif
