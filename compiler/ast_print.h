/* ast_print.h: the pieces that ast_print.c (statements) and ast_print_expr.c (words and expressions) have for each
 * other and for documentation. */
#ifndef AMAL_AST_PRINT_H
#define AMAL_AST_PRINT_H
#include "compiler/ast.h"

/* How tightly expressions bind, loosest first. */
enum { P_ELSE = 1, P_OR, P_AND, P_NOT, P_COMPARE, P_SUM, P_PRODUCT, P_NEGATE, P_POWER, P_POSTFIX, P_ATOM };

void ast_print_name(Buf *b, const char *s);          /* where a name may stand; backquotes where it needs them */
void ast_print_column(Buf *b, const char *s);        /* before `:`, or before the `=` of an argument */
void ast_print_after_operand(Buf *b, const char *s); /* behind a name or a number */
void ast_print_names(Buf *b, const NameVec *v);
void ast_print_text(Buf *b, const char *s);
void ast_print_number(Buf *b, double x);
void ast_print_list(Buf *b, Expr *const *args, int n);
void ast_print_level(Buf *b, const Expr *e, int least); /* operators looser than `least` get parentheses */
void ast_print_params(Buf *b, const ParamVec *v);       /* (a, X: [n, d], k = 3) */
void ast_print_source_column(Buf *b, const ColumnDecl *c);
void ast_print_target_column(Buf *b, const TargetColumn *c);
#endif
