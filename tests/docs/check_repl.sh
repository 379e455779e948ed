#!/usr/bin/env bash
# The session of docs/repl.md: what stands behind its prompts is typed, and everything else in its blocks has to be what comes back.
# Times, estimates, and which way of training an estimate chose are no part of what is expected.
set -u
cd "$(dirname "$0")/../.."
build=${BUILD:-build}
case "$build" in /*) ;; *) build="$PWD/$build" ;; esac
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
unify() { sed -E -e 's/(seconds: read|why:) .*/\1 …/' -e 's/, (factorized|materialized)$/, …/'; }
awk '/^```repl$/ { on = 1; next } /^```$/ { on = 0 } on' docs/repl.md >"$tmp/session"
sed -nE 's/^(amal> |  \.\.\. )//p' "$tmp/session" >"$tmp/typed"
grep -vE '^(amal> |  \.\.\. )' "$tmp/session" | unify >"$tmp/expected"
if [ ! -s "$tmp/typed" ]; then
    echo "FAILED  docs/repl.md has no session"
    echo "0 passed, 1 failed"
    exit 1
fi
(cd examples/mortality && "$build/amal" repl <"$tmp/typed" 2>&1) | unify >"$tmp/said"
if diff -u "$tmp/expected" "$tmp/said" >"$tmp/diff"; then
    echo "1 passed, 0 failed"
else
    echo "FAILED  the session of docs/repl.md"
    cat "$tmp/diff"
    echo "0 passed, 1 failed"
    exit 1
fi
