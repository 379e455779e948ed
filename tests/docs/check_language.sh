#!/usr/bin/env bash
# docs/language.md names everything there is, and every script in docs/ is one. Called by tests/run_tests.sh; alone: BUILD=build tests/docs/check_language.sh
#
#   names    functions of algebra and of rows, algorithms and metrics of the standard library
#   command  docs/commands.md is what compiler/commands.def says
#   scripts  each block ```amal of docs/*.md parses, and its canonical form parses to the same
#
# The last line is `N passed, N failed`; the exit code is 1 when something failed.
set -u
cd "$(dirname "$0")/../.."
build=${BUILD:-build}
case "$build" in /*) ;; *) build="$PWD/$build" ;; esac
amal="$build/amal"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
passed=0
failed=0
ok() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    printf 'FAILED  %s\n' "$1"
    [ $# -lt 2 ] || printf '%s\n' "$2" | head -12 | sed 's/^/        /'
}

# ---- names ----
named() { # what, how it is written, pattern
    if grep -qE "$3" docs/language.md; then ok; else bad "docs/language.md lacks the $1 $2"; fi
}
for f in $(sed -nE 's/^FN\([A-Z]+, *"([a-z]+)".*/\1/p' compiler/functions.def) \
    $(sed -nE 's/^OP\([A-Z0-9]+, *"([a-z0-9]+)", *-?[0-9]+, *[A-Z0-9_]+, *[A-Z]+, *"[A-Z]*N[A-Z]*".*/\1/p' ir/ops.def) \
    $(sed -nE 's/^X\(([a-z0-9]+), .*/\1/p' backends/runtime/rowexpr.def); do
    named function "$f" "^\| .*\`$f\("
done
for a in $(sed -nE 's/^algorithm ([a-z_]+).*/\1/p' stdlib/*.amal); do named algorithm "$a" "^\| \`$a\` \|"; done
for m in $(sed -nE 's/^metric ([a-z0-9_]+).*/\1/p' stdlib/*.amal); do named metric "$m" "\`$m\`[,.]"; done

# ---- command ----
if said=$("$amal" help markdown | diff -u docs/commands.md - 2>&1); then ok; else bad "docs/commands.md is not what \`make docs\` writes" "$said"; fi

# ---- scripts ----
for page in docs/*.md; do
    awk -v out="$tmp/$(basename "$page" .md)" '/^```amal/ { n++; on = 1; next } /^```/ { on = 0 } on { print > (out "_" n ".amal") }' "$page"
done
for script in "$tmp"/*.amal; do
    [ -e "$script" ] || continue
    name=$(basename "$script" .amal)
    if ! said=$("$amal" fmt "$script" 2>&1 >"$tmp/once"); then
        bad "script $name does not parse" "$said"
    elif cp "$tmp/once" "$tmp/again.txt" && "$amal" fmt "$tmp/again.txt" >"$tmp/twice" 2>&1 && cmp -s "$tmp/once" "$tmp/twice"; then
        ok
    else
        bad "script $name: its canonical form says something else"
    fi
done

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
