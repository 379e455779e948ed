/* parser.y: tokens to the syntax tree (Bison 3.8). Actions are one line and call constructors of ast.c and
 * ast_stmt.c; what is an atom, what a condition, is decided there when the whole item is known.
 *
 * Precedence, low to high: `|` (else) · or · and · not · = != < <= > >= is in · + - · * / @ · unary minus ·
 * ^ (to the right) · postfix ' [ ] . As in Python, `@` stands with `*` and groups to the left: A @ b * c is
 * (A @ b) * c, and X' @ X @ w is (X' @ X) @ w as written; the compiler chooses the order it computes in.
 *
 * `==` is `=` that never names an argument: f(a == b) compares, f(a = b) gives the argument a.
 *
 * Recovery: a statement in error is skipped to its `;`, to the end of the block it stands in, or to a line that
 * starts another statement; a column in error to the next `,`; blocks in between are skipped whole (lexer.re). */
%code requires {
#include "grammar/parse_internal.h"
}
%code {
#include "grammar/parse_internal.h"
/* Bison's stacks live in the arena of the compilation. */
static _Thread_local Arena *stack_arena;
#define YYMALLOC(n) arena_alloc(stack_arena, (n))
#define YYFREE(p) ((void)(p))
#define YYMAXDEPTH 20000
#define YYLLOC_DEFAULT(Current, Rhs, N)                                                             \
    ((Current) = (N) ? span_join(YYRHSLOC(Rhs, 1), YYRHSLOC(Rhs, N))                                \
                     : (Span){YYRHSLOC(Rhs, 0).file, YYRHSLOC(Rhs, 0).end, YYRHSLOC(Rhs, 0).end})
static void amal_error(Span *at, ParseState *ps, const char *message);
#define NEW(T) arena_new_of(ps->arena, T)
#define STMT(KIND) ast_stmt(ps, KIND, yyloc)
}
%define api.pure full
%define api.prefix {amal_}
%define api.token.prefix {TOK_}
%define api.location.type {Span}
%define parse.error custom
%define parse.lac full
%define lr.type ielr
%locations
%param { ParseState *ps }
%initial-action { stack_arena = ps->arena; @$ = (Span){ps->file, 0, 0}; }

%union {
    double number;
    const char *text;
    Name name;
    Expr *expr;
    ExprVec *exprs;
    NameVec *names;
    ArgVec *args;
    struct { Name column; Expr *value; ArgKind kind; } arg;
    Item item;
    ItemVec *items;
    Formula formula;
    Stmt *stmt;
    StmtVec *stmts;
    SourceDecl *source;
    ColumnDecl *column;
    TargetDecl *target;
    ParamVec *params;
    FuncDecl *func;
    FuncVec *funcs;
    DataRef data;
    SplitPartVec *parts;
}
%token <name> IDENT "a name"
%token <number> NUMBER "a number"
%token <text> STRING "a text"
%token QUOTED
%token EXPRESSION_ALONE "expression alone" /* comes first when the text is one expression (lexer.re) */
%token SOURCE "source" SILO "silo" TARGET "target" SPLIT "split" ALGORITHM "algorithm" METRIC "metric" LET "let"
%token TRAIN "train" EVALUATE "evaluate" PREDICT "predict" SAVE "save" LOAD "load" OPTION "option" FOR "for"
%token USE "use" EXPORT "export" PARAM "param" KEY "key" FD "fd" FK "fk" MATCH "match"
%token PRINT "print" RETURN "return" REPEAT "repeat" IF "if" WHILE "while" ELSE "else"
%token FROM "from" AT "at" INTO "into" SEED "seed" ON "on" WITH "with" TO "to" VIA "via" ASSIGN "assign"
%token FUZZY "fuzzy" WITHIN "within" ORDER "order" CONFLICT "conflict" DISTINCT "distinct" MISSING "missing"
%token POLICY "policy" AS "as" IS "is" IN "in" NOTIN "not in" AND "and" OR "or" NOT "not"
%token NULLVALUE "null" TRUE "true" FALSE "false" EXISTS "exists" FORALL "forall" ASOF "asof"
%token ARROW "->" LE "<=" GE ">=" NE "!=" EQEQ "==" ELLIPSIS "..." DOTDOT ".."

%left '|'
%left OR
%left AND
%precedence NOT
%nonassoc '=' EQEQ NE '<' LE '>' GE IS IN NOTIN
%left '+' '-'
%left '*' '/' '@'
%precedence UMINUS
%right '^'
%precedence '\'' '[' '.'

%type <expr> expr literal set constant over encoding opt_encoding opt_missing uri opt_seed opt_default index
%type <exprs> exprs set_members dims opt_dims policies
%type <names> names foralls exs fuzzy_block fuzzy_clauses words
%type <args> args arg_list opt_args
%type <arg> arg
%type <item> item
%type <items> items
%type <formula> formula
%type <stmt> stmt kw_stmt kw_simple kw_block dependency body_stmt body_kw if_stmt match
%type <stmts> block stmts body body_stmts otherwise
%type <source> source_head source_block
%type <column> column
%type <target> target_head target_block
%type <params> params param_list opt_params
%type <func> function
%type <funcs> functions
%type <data> data
%type <parts> parts
%type <name> opt_at opt_assign word
%%

/* The script comes first in both, so that the parser begins with its empty beginning, where errors can be recovered from. */
text: script | script EXPRESSION_ALONE expr ends { ps->expression = $3; };
ends: %empty | ';';
script:
  %empty { }
| script stmt { if ($2) vec_push(ps->arena, &ps->script->stmts, $2); ast_check_unplaced(ps); }
| script error '}' { yyerrok; }
;
stmt:
  kw_stmt
| dependency ';'
| ';' { $$ = NULL; }
| error ';' { $$ = NULL; yyerrok; }
| error kw_stmt { $$ = $2; yyerrok; }
;
kw_stmt: kw_simple ';' | kw_block;

stmts:
  %empty { $$ = NEW(StmtVec); }
| stmts stmt { $$ = ast_stmts(ps, $1, $2); }
;
block:
  '{' stmts '}' { $$ = $2; }
| '{' stmts error '}' { $$ = $2; yyerrok; }
;

kw_simple:
  source_head { $$ = STMT(ST_SOURCE); $$->source = $1; }
| SILO IDENT AT uri { $$ = STMT(ST_SILO); $$->silo.name = $2; $$->silo.uri = $4->text; }
| SILO IDENT AT uri POLICY policies { $$ = STMT(ST_SILO); $$->silo.name = $2; $$->silo.uri = $4->text; $$->silo.policies = *$6; }
| KEY IDENT '(' names ')' { $$ = STMT(ST_EGD); *$$->egd = (EgdDecl){.kind = EGD_KEY, .source = $2, .cols = *$4, .span = @$}; }
| FD IDENT '(' names ARROW names ')' { $$ = STMT(ST_EGD); *$$->egd = (EgdDecl){.kind = EGD_FD, .source = $2, .cols = *$4, .cols2 = *$6, .span = @$}; }
| FK IDENT '(' names ')' ARROW IDENT '(' names ')' { $$ = STMT(ST_EGD); *$$->egd = (EgdDecl){.kind = EGD_FK, .source = $2, .cols = *$4, .source2 = $7, .cols2 = *$9, .span = @$}; }
| match
| SPLIT IDENT INTO parts opt_seed { $$ = ast_split(ps, $2, $4, $5, @$); }
| LET IDENT '=' expr { $$ = STMT(ST_LET); $$->let.name = $2; $$->let.value = $4; }
| PARAM IDENT '=' expr { $$ = STMT(ST_PARAM); $$->let.name = $2; $$->let.value = $4; }
| PRINT expr { $$ = STMT(ST_PRINT); $$->print = $2; }
| TRAIN IDENT '=' IDENT opt_args ON data { $$ = STMT(ST_TRAIN); $$->train.name = $2; $$->train.algorithm = $4; $$->train.args = ast_named_only(ps, $5, "an algorithm's settings"); $$->train.on = $7; }
| EVALUATE IDENT ON data WITH names { $$ = STMT(ST_EVALUATE); $$->evaluate.model = $2; $$->evaluate.on = $4; $$->evaluate.metrics = *$6; }
| PREDICT IDENT ON data TO uri { $$ = STMT(ST_PREDICT); $$->predict.model = $2; $$->predict.on = $4; $$->predict.file = $6->text; $$->predict.file_span = @6; }
| SAVE IDENT TO uri { $$ = STMT(ST_SAVE); $$->file.model = $2; $$->file.file = $4->text; $$->file.file_span = @4; }
| LOAD IDENT FROM uri { $$ = STMT(ST_LOAD); $$->file.model = $2; $$->file.file = $4->text; $$->file.file_span = @4; }
| OPTION IDENT expr { $$ = STMT(ST_OPTION); $$->option.name = $2; $$->option.value = $3; }
| USE uri { $$ = STMT(ST_USE); $$->use.file = $2->text; $$->use.file_span = @2; }
| EXPORT data TO uri { $$ = STMT(ST_EXPORT); $$->export_.on = $2; $$->export_.file = $4->text; $$->export_.file_span = @4; }
| EXPORT data TO uri WITH word { $$ = STMT(ST_EXPORT); $$->export_.on = $2; $$->export_.file = $4->text; $$->export_.file_span = @4; $$->export_.provenance = ast_word_is(ps, $6, "provenance"); }
;
kw_block:
  source_block { $$ = STMT(ST_SOURCE); $$->source = $1; }
| target_block { $$ = STMT(ST_TARGET); $$->target = $1; }
| ALGORITHM IDENT opt_params '{' functions '}' { $$ = ast_algorithm(ps, $2, $3, $5, @$); }
| METRIC IDENT '(' params ')' body { $$ = STMT(ST_METRIC); *$$->metric = (FuncDecl){$2, *$4, *$6, @$}; }
| FOR IDENT IN over block { $$ = STMT(ST_FOR); $$->loop_for.var = $2; $$->loop_for.over = $4; $$->loop_for.body = *$5; }
| MATCH names FUZZY fuzzy_block { $$ = ast_match(ps, $2, NULL, NULL, NULL, $4, (Name){0}, @$); }
;

uri: STRING { $$ = ast_leaf(ps, EX_STR, $1, 0, @$); };
word: IDENT;
data:
  IDENT { $$ = (DataRef){$1, {0}, @$}; }
| IDENT '.' IDENT { $$ = (DataRef){$1, $3, @$}; }
;
opt_args: %empty { $$ = NULL; } | '(' args ')' { $$ = $2; };
policies:
  expr { $$ = ast_exprs(ps, NULL, $1); }
| policies ',' expr { $$ = ast_exprs(ps, $1, $3); }
;
parts:
  IDENT NUMBER { $$ = NEW(SplitPartVec); vec_push(ps->arena, $$, ((SplitPart){$1, $2})); }
| parts ',' IDENT NUMBER { $$ = $1; vec_push(ps->arena, $$, ((SplitPart){$3, $4})); }
;
opt_seed: %empty { $$ = NULL; } | SEED expr { $$ = $2; };

match:
  MATCH names ON exprs opt_assign { $$ = ast_match(ps, $2, $4, NULL, NULL, NULL, $5, @$); }
| MATCH names VIA uri opt_args opt_assign { $$ = ast_match(ps, $2, NULL, $4, $5, NULL, $6, @$); }
;
opt_assign: %empty { $$ = (Name){0}; } | ASSIGN IDENT { $$ = $2; };
/* The clauses of a fuzzy match are kept as they stand: their words are not settled yet. */
fuzzy_block: '{' fuzzy_clauses '}' { $$ = $2; };
fuzzy_clauses:
  %empty { $$ = NEW(NameVec); }
| fuzzy_clauses words ';' { $$ = ast_names(ps, $1, ast_clause_text(ps, @2)); }
;
words: fuzzy_word { $$ = NULL; } | words fuzzy_word { $$ = NULL; };
fuzzy_word:
  IDENT | NUMBER | STRING | '(' | ')' | '[' | ']' | ',' | ':' | '.' | '?' | '|' | '&' | '+' | '-' | '*' | '/' | '@' | '^' | '\''
| '=' | '<' | '>' | LE | GE | NE | EQEQ | ARROW | ELLIPSIS | DOTDOT | NULLVALUE | TRUE | FALSE | NOT | AND | OR | IS | IN | NOTIN | AS | ON | WITH | TO
| FROM | AT | INTO | SEED | VIA | ASSIGN | FUZZY | WITHIN | ORDER | CONFLICT | DISTINCT | MISSING | POLICY | ASOF | MATCH | KEY
;

/* ---- sources ---- */
source_head: SOURCE IDENT opt_at FROM uri opt_args { $$ = ast_source(ps, $2, $3, $5, $6); };
opt_at: %empty { $$ = (Name){0}; } | AT IDENT { $$ = $2; };
source_block:
  source_head '{' columns '}' { $$ = $1; ast_source_columns(ps, $$); }
| source_head '{' columns ',' '}' { $$ = $1; ast_source_columns(ps, $$); }
;
columns:
  source_column
| columns ',' source_column
;
source_column:
  column { vec_push(ps->arena, &ps->columns, $1); }
| IDENT '(' names ')' { ast_column_key(ps, $1, $3, @$); }
| error { }
;
column:
  IDENT ':' IDENT { $$ = ast_column(ps, $1, $3, NULL, @3); }
| IDENT ':' IDENT '(' args ')' { $$ = ast_column(ps, $1, $3, $5, span_join(@3, @6)); }
| column AS STRING { $$ = $1; $$->header = ast_once(ps, $1->header, $3, @2); }
| column NULLVALUE STRING { $$ = $1; $$->null_text = ast_once(ps, $1->null_text, $3, @2); }
| column NOT NULLVALUE { $$ = $1; $$->not_null = true; }
;

/* ---- targets ---- */
target_head:
  TARGET IDENT { $$ = ast_target(ps, $2); }
| target_head ORDER IDENT { $$ = ast_target_word(ps, $1, "order", $3); }
| target_head CONFLICT IDENT { $$ = ast_target_word(ps, $1, "conflict", $3); }
| target_head DISTINCT { $$ = $1; $$->distinct = true; }
;
target_block:
  target_head '{' target_columns '}' { $$ = $1; ast_target_columns(ps, $$); }
| target_head '{' target_columns ',' '}' { $$ = $1; ast_target_columns(ps, $$); }
;
target_columns:
  target_column
| target_columns ',' target_column
;
target_column:
  IDENT ':' IDENT opt_encoding opt_missing { ast_target_column(ps, $1, $3, $4, $5); }
| error { }
;
opt_encoding: %empty { $$ = NULL; } | encoding;
encoding:
  IDENT { $$ = ast_leaf(ps, EX_NAME, $1.text, 0, @$); }
| IDENT '(' args ')' { $$ = ast_call(ps, $1, $3, @$); }
;
opt_missing:
  %empty { $$ = NULL; }
| MISSING IDENT { $$ = ast_leaf(ps, EX_NAME, $2.text, 0, @2); }
| MISSING constant { $$ = $2; }
;
constant: literal | '-' NUMBER { $$ = ast_unary(ps, OP_NEG, @1, ast_leaf(ps, EX_NUM, NULL, $2, @2)); };

/* ---- dependencies ---- */
dependency:
  formula { $$ = ast_dependency(ps, (Name){0}, $1, @$); }
| IDENT ':' formula { $$ = ast_dependency(ps, $1, $3, @$); }
;
formula:
  items ARROW items { $$ = ast_formula($1, NULL, $3); }
| items ARROW exs items { $$ = ast_formula($1, $3, $4); }
| '(' items ARROW items ')' { $$ = ast_formula($2, NULL, $4); }
| '(' items ARROW exs items ')' { $$ = ast_formula($2, $4, $5); }
| foralls formula { $$ = ast_formula_forall(ps, $1, $2); }
;
foralls: FORALL names colon { $$ = $2; };
exs: EXISTS names colon { $$ = $2; } | exs EXISTS names colon { $$ = ast_names_join(ps, $1, $3); };
colon: %empty | ':';
items:
  item { $$ = ast_items(ps, NULL, $1); }
| items '&' item { $$ = ast_items(ps, $1, $3); }
| items ',' item { $$ = ast_items(ps, $1, $3); }
;
item:
  expr { $$ = ast_item($1, @$); }
| expr '?' { $$ = ast_item($1, @$); $$.optional = true; }
| IDENT AS IDENT '(' args ')' { $$ = ast_item_role(ps, $1, $3, $5, @$); }
| IDENT AS IDENT '(' args ')' '?' { $$ = ast_item_role(ps, $1, $3, $5, @$); $$.optional = true; }
| NOT EXISTS IDENT '(' args ')' { $$ = ast_item(ast_call(ps, $3, $5, span_join(@3, @6)), @$); $$.negated = true; }
| NOT EXISTS names colon IDENT '(' args ')' { $$ = ast_item(ast_call(ps, $5, $7, span_join(@5, @8)), @$); $$.negated = true; }
| ASOF expr WITHIN NUMBER IDENT { $$ = ast_item_asof(ps, $2, ast_leaf(ps, EX_NUM, NULL, $4, @4), $5, @$); }
;

/* ---- algorithms and metrics ---- */
opt_params: %empty { $$ = NEW(ParamVec); } | '(' params ')' { $$ = $2; };
params: %empty { $$ = NEW(ParamVec); } | param_list | param_list ',' { $$ = $1; };
param_list:
  IDENT opt_dims opt_default { $$ = NEW(ParamVec); ast_param(ps, $$, $1, $2, $3); }
| param_list ',' IDENT opt_dims opt_default { $$ = $1; ast_param(ps, $$, $3, $4, $5); }
;
opt_dims: %empty { $$ = NULL; } | ':' '[' dims ']' { $$ = $3; };
dims: expr { $$ = ast_exprs(ps, NULL, $1); } | dims ',' expr { $$ = ast_exprs(ps, $1, $3); };
opt_default: %empty { $$ = NULL; } | '=' expr { $$ = $2; };
functions:
  %empty { $$ = NEW(FuncVec); }
| functions function { $$ = $1; vec_push(ps->arena, $$, $2); }
| functions ';'
| functions error ';' { $$ = $1; yyerrok; }
;
function: IDENT '(' params ')' body { $$ = NEW(FuncDecl); *$$ = (FuncDecl){$1, *$3, *$5, @$}; };
body:
  '{' body_stmts '}' { $$ = $2; }
| '{' body_stmts error '}' { $$ = $2; yyerrok; }
;
body_stmts:
  %empty { $$ = NEW(StmtVec); }
| body_stmts body_stmt { $$ = ast_stmts(ps, $1, $2); }
;
body_stmt:
  IDENT '=' expr ';' { $$ = STMT(ST_ASSIGN); $$->assign.name = $1; $$->assign.value = $3; }
| body_kw
| ';' { $$ = NULL; }
| error ';' { $$ = NULL; yyerrok; }
| error body_kw { $$ = $2; yyerrok; }
;
body_kw:
  RETURN exprs ';' { $$ = STMT(ST_RETURN); $$->ret = *$2; }
| REPEAT expr body { $$ = STMT(ST_REPEAT); $$->repeat.count = $2; $$->repeat.body = *$3; }
| FOR IDENT IN over body { $$ = STMT(ST_FOR); $$->loop_for.var = $2; $$->loop_for.over = $4; $$->loop_for.body = *$5; }
| WHILE expr body { $$ = STMT(ST_WHILE); $$->repeat.count = $2; $$->repeat.body = *$3; }
| if_stmt
;
if_stmt: IF expr body otherwise { $$ = STMT(ST_IF); $$->if_.cond = $2; $$->if_.then = *$3; $$->if_.otherwise = *$4; };
otherwise:
  %empty { $$ = NEW(StmtVec); }
| ELSE body { $$ = $2; }
| ELSE if_stmt { $$ = ast_stmts(ps, NULL, $2); }
;
over: set | expr DOTDOT expr { $$ = ast_range(ps, $1, $3); };

/* ---- expressions ---- */
names:
  IDENT { $$ = ast_names(ps, NULL, $1); }
| names ',' IDENT { $$ = ast_names(ps, $1, $3); }
;
exprs:
  expr { $$ = ast_exprs(ps, NULL, $1); }
| exprs ',' expr { $$ = ast_exprs(ps, $1, $3); }
;
args: %empty { $$ = NEW(ArgVec); } | arg_list | arg_list ',' { $$ = $1; };
arg_list:
  arg { $$ = ast_args(ps, NULL, $1.kind, $1.column, $1.value, @1); }
| arg_list ',' arg { $$ = ast_args(ps, $1, $3.kind, $3.column, $3.value, @3); }
;
arg:
  expr { $$.kind = ARG_PLAIN; $$.column = (Name){0}; $$.value = $1; }
| IDENT ':' expr { $$.kind = ARG_COLUMN; $$.column = $1; $$.value = $3; }
| ELLIPSIS { $$.kind = ARG_REST; $$.column = (Name){0}; $$.value = NULL; }
;
set: '{' set_members '}' { $$ = ast_set(ps, $2, @$); } | '{' set_members ',' '}' { $$ = ast_set(ps, $2, @$); };
set_members:
  expr { $$ = ast_exprs(ps, NULL, $1); }
| set_members ',' expr { $$ = ast_exprs(ps, $1, $3); }
;
literal:
  NUMBER { $$ = ast_leaf(ps, EX_NUM, NULL, $1, @$); }
| STRING { $$ = ast_leaf(ps, EX_STR, $1, 0, @$); }
| TRUE { $$ = ast_leaf(ps, EX_BOOL, NULL, 1, @$); }
| FALSE { $$ = ast_leaf(ps, EX_BOOL, NULL, 0, @$); }
| NULLVALUE { $$ = ast_leaf(ps, EX_NULL, NULL, 0, @$); }
;
index: expr | expr DOTDOT expr { $$ = ast_range(ps, $1, $3); };
expr:
  literal
| IDENT { $$ = ast_leaf(ps, EX_NAME, $1.text, 0, @$); }
| IDENT '(' args ')' { $$ = ast_call(ps, $1, $3, @$); }
| '(' expr ')' { $$ = ast_paren($2, @$); }
| expr '.' IDENT { $$ = ast_field(ps, $1, $3); }
| expr '[' index ']' { $$ = ast_index(ps, $1, $3, NULL, 2, @$); }
| expr '[' index ',' ']' { $$ = ast_index(ps, $1, $3, NULL, 3, @$); }
| expr '[' ',' index ']' { $$ = ast_index(ps, $1, NULL, $4, 3, @$); }
| expr '[' index ',' index ']' { $$ = ast_index(ps, $1, $3, $5, 3, @$); }
| expr '[' ',' ']' { $$ = ast_index(ps, $1, NULL, NULL, 3, @$); }
| expr '\'' { $$ = ast_postfix(ps, EX_TRANSPOSE, $1, 0, NULL, @$); }
| '-' expr %prec UMINUS { $$ = ast_unary(ps, OP_NEG, @1, $2); }
| NOT expr { $$ = ast_unary(ps, OP_NOT, @1, $2); }
| expr '^' expr { $$ = ast_binary(ps, $1, OP_POW, @2, $3); }
| expr '*' expr { $$ = ast_binary(ps, $1, OP_MUL, @2, $3); }
| expr '/' expr { $$ = ast_binary(ps, $1, OP_DIV, @2, $3); }
| expr '@' expr { $$ = ast_binary(ps, $1, OP_MATMUL, @2, $3); }
| expr '+' expr { $$ = ast_binary(ps, $1, OP_ADD, @2, $3); }
| expr '-' expr { $$ = ast_binary(ps, $1, OP_SUB, @2, $3); }
| expr '=' expr { $$ = ast_binary(ps, $1, OP_EQ, @2, $3); }
| expr EQEQ expr { $$ = ast_paren(ast_binary(ps, $1, OP_EQ, @2, $3), @$); }
| expr NE expr { $$ = ast_binary(ps, $1, OP_NE, @2, $3); }
| expr '<' expr { $$ = ast_binary(ps, $1, OP_LT, @2, $3); }
| expr LE expr { $$ = ast_binary(ps, $1, OP_LE, @2, $3); }
| expr '>' expr { $$ = ast_binary(ps, $1, OP_GT, @2, $3); }
| expr GE expr { $$ = ast_binary(ps, $1, OP_GE, @2, $3); }
| expr AND expr { $$ = ast_binary(ps, $1, OP_AND, @2, $3); }
| expr OR expr { $$ = ast_binary(ps, $1, OP_OR, @2, $3); }
| expr '|' expr { $$ = ast_postfix(ps, EX_ELSE, $1, 0, $3, @$); }
| expr IS NULLVALUE { $$ = ast_postfix(ps, EX_ISNULL, $1, 0, NULL, @$); }
| expr IS NOT NULLVALUE { $$ = ast_postfix(ps, EX_ISNULL, $1, 1, NULL, @$); }
| expr IN set { $$ = ast_postfix(ps, EX_IN, $1, 0, $3, @$); }
| expr NOTIN IN set { $$ = ast_postfix(ps, EX_IN, $1, 1, $4, @$); }
;
%%
/* Collects what could have stood here, in words, for parse_report.c. */
static int yyreport_syntax_error(const yypcontext_t *context, ParseState *ps) {
    enum { MOST = 120 };
    yysymbol_kind_t kinds[MOST];
    const char *names[MOST];
    if (diag_error_count(ps->ds) >= PARSE_ERRORS) return 0;
    int count = yypcontext_expected_tokens(context, kinds, MOST);
    if (count < 0) return count;
    for (int i = 0; i < count; i++) names[i] = yysymbol_name(kinds[i]);
    yysymbol_kind_t found = yypcontext_token(context);
    parse_report_syntax(ps, *yypcontext_location(context),
                        found == YYSYMBOL_YYEMPTY ? "nothing" : yysymbol_name(found), names, count);
    return 0;
}

/* Bison calls this for one thing only: its stack is full. */
static void amal_error(Span *at, ParseState *ps, const char *message) {
    (void)message;
    parse_report_depth(ps, *at);
}
