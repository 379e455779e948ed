#!/usr/bin/env bash
# docs/internals.md derives what rewrites: each group of ir/rewrites.def has its paragraph, each pass its row. docs/README.md names every
# page. Called by tests/run_tests.sh; alone: BUILD=build tests/docs/check_internals.sh
#
# The last line is `N passed, N failed`; the exit code is 1 when something failed.
set -u
cd "$(dirname "$0")/../.."
build=${BUILD:-build}
passed=0
failed=0
ok() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    printf 'FAILED  %s\n' "$1"
}
groups=$(sed -nE 's/^(RULE|CODE)\("[^"]+", "([a-z]+)".*/\2/p' ir/rewrites.def | sort -u)
[ -n "$groups" ] || bad "no groups were found in ir/rewrites.def"
for group in $groups; do
    if grep -qE "^\*\*$group\.\*\* " docs/internals.md; then ok; else bad "docs/internals.md does not derive the rules of the group $group"; fi
done
passes=$(sed -nE 's/^    \{"([a-z]+)", "[^"]*".*/\1/p' ir/pass.c)
[ -n "$passes" ] || bad "no passes were found in ir/pass.c"
for pass in $passes; do
    if grep -qE "^\| \`$pass\` \|" docs/internals.md; then ok; else bad "docs/internals.md does not say what the pass $pass does"; fi
done
for page in docs/*.md docs/*/README.md; do
    [ "$page" = docs/README.md ] || if grep -qF "](${page#docs/})" docs/README.md; then ok; else bad "docs/README.md does not name $page"; fi
done
# links between pages: the files are there, and so are the headings
while IFS=: read -r page target; do
    file=${target%%#*} anchor=${target#*#}
    [ "$anchor" != "$target" ] || anchor=
    at=$(dirname "$page")/$file
    [ -n "$file" ] || at=$page
    if [ ! -e "$at" ]; then bad "$page: there is no $target"
    elif [ -n "$anchor" ] && ! sed -nE 's/^#+ +//p' "$at" | tr '[:upper:]' '[:lower:]' | sed -E 's/[^a-z0-9 _-]//g; s/ /-/g' | grep -qxF -- "$anchor"; then
        bad "$page: $file has no heading for #$anchor"
    else ok; fi
done < <(grep -oE '\]\([^)]+\)' docs/*.md docs/*/README.md README.md CONTRIBUTING.md examples/*.md examples/*/*.md | sed -E 's/:\]\(/:/; s/\)$//' | grep -v ':https\?://')

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
