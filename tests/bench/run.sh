#!/usr/bin/env bash
# Factorized against materialized training on the same data in the same run: seconds of training alone, the smallest of three.
# The kernels are compiled before they are timed.
set -u
cd "$(dirname "$0")/../.."
build=${BUILD:-build}
amal="$build/amal"
json="$build/tests/tools/json_tool"
out=$(mktemp)
trap 'rm -f "$out"' EXIT
best() { # script, strategy
    local smallest= seconds i
    for i in 1 2 3; do
        "$amal" run "$1" --strategy "$2" --backend c --quiet --json "$out" >/dev/null || return 1
        seconds=$("$json" get "$out" seconds/train)
        smallest=$(awk -v a="${smallest:-1e9}" -v b="$seconds" 'BEGIN { print (b < a) ? b : a }')
    done
    echo "$smallest"
}
printf '%-34s %12s %12s %8s\n' "training seconds" factorized materialized ratio
for script in tests/bench/*.amal examples/flights/late.amal; do
    [ -e "$script" ] || continue
    if grep -q 'shared/data' "$script" && [ ! -d ../shared/data ]; then
        printf '%-34s skipped: its data are in ../shared/data, which is not here\n' "$script"
        continue
    fi
    f=$(best "$script" factorize) && m=$(best "$script" materialize) || { echo "$script failed"; exit 1; }
    printf '%-34s %12.4f %12.4f %8.2f\n' "$(basename "$script")" "$f" "$m" "$(awk -v a="$m" -v b="$f" 'BEGIN { print a / b }')"
done
