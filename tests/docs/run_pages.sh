#!/usr/bin/env bash
# Does what the pages of docs/ say that show commands, each in a fresh copy of docs/tutorial, and compares what they show. Called by
# tests/run_tests.sh; alone: BUILD=build tests/docs/run_pages.sh [--update] [PAGE...]
#
# A page's blocks, in order:
#   ```amal NAME    the file NAME (a block `amal` alone is only shown)
#   ```sh           commands, run by `bash` with `amal` in the path; then, directly behind,
#   ```text         what they write, both streams
# Seconds, estimates, the strategy that they lead to and digits beyond the sixth decimal differ from machine to machine: they are masked in both.
# With --update, the page's text blocks become what the commands write now: read the difference before you commit it.
#
# The last line is `N passed, N failed`; the exit code is 1 when something failed.
set -u
cd "$(dirname "$0")/../.."
update=
pages=()
for argument in "$@"; do
    if [ "$argument" = --update ]; then update=1; else pages+=("$argument"); fi
done
[ ${#pages[@]} -gt 0 ] || pages=(docs/tutorial.md docs/coming-from.md)
build=${BUILD:-build}
case "$build" in /*) ;; *) build="$PWD/$build" ;; esac
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/bin"
ln -s "$build/amal" "$tmp/bin/amal"
export PATH="$tmp/bin:$PATH" NO_COLOR=1 LC_ALL=C.UTF-8
export AMAL_CACHE="${AMAL_CACHE:-$build/kernels}"
mkdir -p "$AMAL_CACHE"
passed=0
failed=0

mask() {
    sed -E -e 's/(read|match|compile|train) [0-9]+\.[0-9]+/\1 …/g' -e 's/^  why: (estimated|predicted) .*/  why: …/' \
        -e 's/^(.* rows\), )(factorized|materialized)$/\1…/' -e 's/ \(from the kernel cache\)//' -e 's/^estimated: .*/estimated: …/' \
        -e 's/([0-9]\.[0-9]{6})[0-9]+/\1/g' -e 's/[[:blank:]]+$//' "$1"
}

run_page() { # page
    local page=$1 last= block kind
    rm -rf "$tmp/work" "$tmp/blocks" "$tmp"/new.*
    mkdir "$tmp/work" "$tmp/blocks"
    cp docs/tutorial/* "$tmp/work/"
    # blocks/NNN.KIND, KIND one of amal:NAME, sh, text
    awk -v out="$tmp/blocks" '
        !on && /^```(amal|sh|text)/ { n++; kind = substr($0, 4); sub(/^amal /, "amal:", kind); file = sprintf("%s/%03d.%s", out, n, kind); printf "" > file; on = 1; next }
        /^```/ { on = 0 }
        on { print > file }' "$page"

    for block in "$tmp"/blocks/*; do
        kind=$(basename "$block")
        kind=${kind#*.}
        case "$kind" in
        amal:*) cp "$block" "$tmp/work/${kind#amal:}" ;;
        sh)
            last="$tmp/said"
            (cd "$tmp/work" && bash "$block") >"$last" 2>&1
            ;;
        text)
            cp "$last" "$tmp/new.$(basename "$block")"
            mask "$block" >"$tmp/wanted"
            mask "$last" >"$tmp/found"
            if diff -u "$tmp/wanted" "$tmp/found" >"$tmp/diff"; then
                passed=$((passed + 1))
            else
                failed=$((failed + 1))
                printf 'FAILED  %s, block %s\n' "$page" "${block##*/}"
                head -40 "$tmp/diff" | sed 's/^/        /'
            fi
            ;;
        esac
    done

    if [ "$update" ]; then
        awk -v dir="$tmp" '
            !on && /^```(amal|sh|text)/ { n++; on = 1; text = /^```text/; print; if (text) { file = sprintf("%s/new.%03d.text", dir, n); while ((getline line < file) > 0) print line; } next }
            /^```/ { on = 0; text = 0 }
            !text { print }' "$page" >"$tmp/page" && cp "$tmp/page" "$page"
    fi
}

for page in "${pages[@]}"; do run_page "$page"; done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
