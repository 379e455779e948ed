#!/usr/bin/env bash
# The lists of words in docs/editors/ are the compiler's. Called by tests/run_tests.sh; alone: BUILD=build tests/docs/check_editors.sh
#
# Each list stands whole and in the compiler's order in each grammar: one word more, less or elsewhere fails. The JSON files are JSON.
# The last line is `N passed, N failed`; the exit code is 1 when something failed.
set -u
cd "$(dirname "$0")/../.."
build=${BUILD:-build}
case "$build" in /*) ;; *) build="$PWD/$build" ;; esac
vscode=docs/editors/vscode/syntaxes/amal.tmLanguage.json vim=docs/editors/vim/syntax/amal.vim emacs=docs/editors/emacs/amal-mode.el
passed=0
failed=0
ok() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    printf 'FAILED  %s\n' "$1"
}

# holds WHAT FILE BEFORE LIST AFTER: the list of words, joined by |, stands in the file between the two marks
holds() {
    if grep -qF -- "$3$4$5" "$2"; then ok; else bad "$2: the $1 should be $3$4$5"; fi
}
# everywhere WHAT WORDS... (AFTER: what follows the list where it goes on)
everywhere() {
    local what=$1 list lisp
    shift
    [ $# -gt 0 ] || bad "no $what were found in the compiler"
    list=$(printf '|%s' "$@")
    lisp=$(printf ' "%s"' "$@")
    holds "$what" "$vscode" '(' "${list#|}" "${AFTER:-)}"
    holds "$what" "$vim" '(' "${list#|}" "${AFTER:-)}"
    holds "$what" "$emacs" "'(" "${lisp# }" ')'
}
lexer_words() { # name of a table of grammar/lexer.re
    sed -n "/^static const Word $1\[\]/,/};/p" grammar/lexer.re | grep -oE '\{"[a-z]+"' | tr -d '{"'
}
place() { # of compiler/words.def
    sed -nE "s/^WORDS\($1, (.*)\)/\1/p" compiler/words.def | grep -oE '[a-z_0-9]+'
}

# shellcheck disable=SC2046
everywhere "words of statements" $(lexer_words statement_words)
# shellcheck disable=SC2046
AFTER='|else|fit)' everywhere "words of bodies" $(lexer_words expression_words)
# shellcheck disable=SC2046
everywhere "words of clauses" $(lexer_words clause_words)
# shellcheck disable=SC2046
everywhere "roles" $(place TARGET_ROLES)
# shellcheck disable=SC2046
everywhere "types and encodings" $({ place COLUMN_TYPES; place ENCODINGS; } | LC_ALL=C sort -u)
# shellcheck disable=SC2046
everywhere "functions" $({
    sed -nE 's/^FN\([A-Z0-9_]+, *"([a-z0-9]+)".*/\1/p' compiler/functions.def
    sed -nE 's/^(OP|CELL)\([A-Z0-9]+, *"([a-z0-9]+)", *-?[0-9]+, *[A-Z0-9_]+, *[A-Z]+, *"[A-Z]*N[A-Z]*".*/\2/p' ir/ops.def
    sed -nE 's/^X\(([a-z0-9]+), .*/\1/p' backends/runtime/rowexpr.def
} | LC_ALL=C sort -u)
for word in forall exists asof; do
    if grep -qF "\"$word\"" grammar/lexer.re; then ok; else bad "the lexer does not know $word"; fi
done
everywhere "quantifiers" forall exists asof
everywhere "constants" null true false

for file in docs/editors/vscode/*.json docs/editors/vscode/syntaxes/*.json; do
    "$build/tests/tools/json_tool" get "$file" nothing >/dev/null 2>&1
    if [ $? -eq 1 ]; then ok; else bad "$file is not JSON"; fi
done

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
