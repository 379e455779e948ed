#!/usr/bin/env bash
# Every code of a message is explained, tested and in the index. Called by tests/run_tests.sh; alone: BUILD=build tests/docs/check_codes.sh
#
#   row      each code that the sources raise has a row in compiler/diag_codes.def, and the rows are sorted
#   test     each such code stands in a message of tests/golden/*.expected, or in a unit, differential, command or build test, or is raised here:
#            what depends on the environment cannot be a golden script
#   index    docs/errors.md has a line for every row, with its title, and says of no others that they are not raised
#
# The last line is `N passed, N failed`; a failure is listed, and the exit code is 1.
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
}

# ---- what depends on the environment: raised here ----
# A code is raised when the command says it; its name then counts as tested.
raised=
raises() { # code, folder, command …
    local code=$1 folder=$2
    shift 2
    raised="$raised $code"
    if (cd "$folder" && NO_COLOR=1 AMAL_CACHE="$tmp/kernels" "$@") 2>&1 >/dev/null | grep -q "error\[$code\]"; then ok; else bad "$code is not raised by: $*"; fi
}
mkdir -p "$tmp/away" "$tmp/kernels"
printf 'p,q\n1,2\n3,5\n' >"$tmp/away/a.csv"
printf 'p,q\n1,2\n' >"$tmp/away/b.csv"
mkfifo "$tmp/away/pipe.csv" # who writes to it waits for the run, which has looked at b.csv by then
{ printf 'p,r\n1,2\n' >"$tmp/away/b.csv" && cat "$tmp/away/a.csv"; } >"$tmp/away/pipe.csv" &
writer=$!
cat >"$tmp/away/changes.amal" <<'S'
source A from "pipe.csv" { p: num, q: num }
source B from "b.csv";
target T { x: feature num }
target U { x: feature num }
A(p: x) -> T(x: x);
B(q: x) -> U(x: x);
export T to "t.csv";
export U to "u.csv";
S
cat >"$tmp/away/trains.amal" <<'S'
source A from "a.csv";
target T { y: label num, x: feature num }
A(p: x, q: y) -> T(x: x, y: y);
train m = ridge(lambda = 1) on T;
S
cat >"$tmp/away/parquet.amal" <<'S'
source A from "a.parquet" { x: num }
target T { x: feature num }
A(x: x) -> T(x: x);
print nrow(features(T));
S
: >"$tmp/away/a.parquet"
raises E419 "$tmp/away" "$amal" run changes.amal
kill "$writer" 2>/dev/null # it is gone unless the run never read
raises E602 "$tmp/away" env CC=/nonexistent/cc "$amal" run trains.amal
if ldconfig -p 2>/dev/null | grep -q 'libduckdb\.so'; then
    printf 'skipped E610: libduckdb is where every program finds it\n'
    raised="$raised E610"
else
    cp "$amal" "$tmp/away/amal" # without the library beside it
    raises E610 "$tmp/away" env -u DUCKDB_DIR -u LD_LIBRARY_PATH ./amal run parquet.amal
fi

# ---- rows ----
rows=$(sed -nE 's/^X\("([EW][0-9]{3})", .*/\1/p' compiler/diag_codes.def)
if [ "$rows" = "$(LC_ALL=C sort -u <<<"$rows")" ]; then ok; else bad "the rows of compiler/diag_codes.def are not sorted, or one stands twice"; fi
used=$(grep -rhoE '"[EW][0-9]{3}"' compiler ir backends grammar --include='*.c' --include='*.h' --include='*.y' --include='*.re' | tr -d '"' | LC_ALL=C sort -u)
tested=$({
    grep -rhoE '(error|warning)\[[EW][0-9]{3}\]' tests/golden --include='*.expected'
    grep -rhoE '\b[EW][0-9]{3}\b' tests/unit tests/differential tests/command.sh tests/command_estimator.sh tests/cuda*.sh tests/build.sh --include='*.c' --include='*.h' --include='*.sh'
} | grep -oE '[EW][0-9]{3}')
for code in $used; do
    if grep -qx "$code" <<<"$rows"; then ok; else bad "$code is raised, but has no row in compiler/diag_codes.def"; fi
    if grep -qx "$code" <<<"$tested" || [[ " $raised " == *" $code "* ]]; then ok; else bad "$code is raised, but no test has it"; fi
done

# ---- the index ----
# Raised without a literal in a call: E901 by internal_error(), E902 by the command.
for code in $rows; do
    title=$(sed -nE "s/^X\\(\"$code\", \"(.*)\",\$/\\1/p" compiler/diag_codes.def)
    line=$(grep -E "^\| $code \|" docs/errors.md)
    mark=
    case "$code" in E901 | E902) ;; *) grep -qx "$code" <<<"$used" || mark=' *(not raised by this version)*' ;; esac
    if [ "$line" = "| $code | $title$mark |" ]; then ok; else bad "docs/errors.md: the line of $code should be: | $code | $title$mark |"; fi
done
for code in $(grep -oE '^\| [EW][0-9]{3} \|' docs/errors.md | grep -oE '[EW][0-9]{3}'); do
    grep -qx "$code" <<<"$rows" || bad "docs/errors.md has $code, which does not exist"
done

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
