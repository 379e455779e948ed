#!/usr/bin/env bash
# Runs every test and sums up; the last line is `N passed, N failed`. Called by `make test` after everything is built.
#
#   unit          each program of tests/unit and tests/differential, its own counts; one that was not built is a failure
#   golden        tests/golden/*.amal: what goes to standard error against .expected (and to standard output against .stdout where there is one)
#   command       tests/command*.sh: options, exit codes, model files, signals
#   repl          tests/repl/*.in, read by `amal repl`, and *.pty, typed into it on a terminal: all that it says against .expected
#   build         tests/build.sh: programs and libraries that amal build makes, and what make install puts where
#   examples      examples/*/*.amal: what they compute against *.expect, the files they write against *.expected.csv
#   reference     tests/reference/*.amal against the numbers in ../shared/data/*/reference.json
#   docs          tests/docs/*.sh: every code explained and tested, every name in the reference, the tutorial's commands and what they write
#   bench         tests/bench/test_bench.py: the harness of `make bench` on tiny tables
#   lsp           tests/lsp/*.lsp: conversations with the language server, against .expected
#   differential  tests/differential/*.amal: {interp, c} x {factorize, factorize over sorted rows, with tables absorbed, with both, materialize} x each rewrite switched off, all the same to 1e-9; c in single precision too, and without warnings
#   cuda          tests/cuda.sh: emitted CUDA through NVRTC, and on the CPU where there is no GPU
#
# Arguments: names of sections, or --update-golden. AMAL_TEST_FULL=1 runs every rewrite switched off on every way of running; without it each
# rewrite is switched off on {interp, c} x factorize.
set -u
cd "$(dirname "$0")/.."
build=${BUILD:-build}
case "$build" in /*) ;; *) build="$PWD/$build" ;; esac
amal="$build/amal"
json="$build/tests/tools/json_tool"
shared="$PWD/../shared/data"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export AMAL_VERIFY=1 AMAL_ESTIMATOR=off AMAL_CACHE="${AMAL_CACHE:-$build/kernels}" NO_COLOR=1
passed=0
failed=0
skipped=0
ok() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    printf 'FAILED  %s\n' "$1"
    [ $# -lt 2 ] || printf '%s\n' "$2" | head -25 | sed 's/^/        /'
}
skip() {
    skipped=$((skipped + 1))
    printf 'skipped %s: %s\n' "$1" "$2"
}
section() { printf '== %s\n' "$1"; }

# ---- unit ----
# The counts a program prints: cmocka's, or a line `N passed, N failed` of its own.
add_counts() { # name, exit code, output file
    local p f
    if p=$(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed.*/\1 \2/p' "$3" | tail -1) && [ -n "$p" ]; then
        f=${p#* }
        p=${p% *}
    else
        p=$(sed -nE 's/^\[  PASSED  \] ([0-9]+) test.*/\1/p' "$3" | awk '{ s += $1 } END { print s + 0 }')
        f=$(sed -nE 's/^\[  FAILED  \] ([0-9]+) test.*/\1/p' "$3" | awk '{ s += $1 } END { print s + 0 }')
    fi
    if [ "$2" -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
    if [ "$2" -eq 0 ] && [ "$((p + f))" -eq 0 ]; then f=1; fi # a program that counts nothing tests nothing
    passed=$((passed + p))
    failed=$((failed + f))
    printf '%-44s %5d passed, %d failed\n' "$1" "$p" "$f"
    if [ "$f" -gt 0 ]; then grep -vE '^\[ +(RUN|OK) +\]' "$3" | tail -25 | sed 's/^/        /'; fi
    grep -E '^(skipped|SKIP)|\[  SKIPPED \]' "$3" | sort -u | sed 's/^/        /'
}
run_unit() {
    section "unit"
    local source program
    for source in tests/unit/*.c tests/differential/*.c; do
        [ -e "$source" ] || continue
        program="$build/${source%.c}"
        if [ ! -x "$program" ] || [ "$source" -nt "$program" ]; then
            bad "${source%.c}" "it was not built"
            continue
        fi
        timeout "${AMAL_TEST_SECONDS:-900}" "$program" >"$tmp/out" 2>&1
        add_counts "${source%.c}" $? "$tmp/out"
    done
}

# ---- golden ----
# The first line of a script says how it is run: `# amal check --set x=1`; none: `# amal check`.
golden_output() { # script
    local arguments
    arguments=$(sed -n '1s/^# amal //p' "$1")
    # shellcheck disable=SC2086
    (cd tests/golden && timeout 60 "$amal" ${arguments:-check} "$(basename "$1")" >"$tmp/stdout" 2>"$tmp/stderr")
    local code=$?
    [ $code -lt 100 ] || printf 'exit code %d\n' "$code" >>"$tmp/stderr"
}
run_golden() {
    section "golden"
    local script expected
    for script in tests/golden/*.amal; do
        [ -e "$script" ] || continue
        case "$script" in tests/golden/_*) continue ;; esac # files that others use
        expected="${script%.amal}.expected"
        golden_output "$script"
        if [ "${update:-}" ]; then
            cp "$tmp/stderr" "$expected"
            [ ! -e "${script%.amal}.stdout" ] || cp "$tmp/stdout" "${script%.amal}.stdout"
        elif [ ! -e "$expected" ]; then
            bad "$script" "there is no $expected"
        elif ! diff -u "$expected" "$tmp/stderr" >"$tmp/diff"; then
            bad "$script" "$(cat "$tmp/diff")"
        elif [ -e "${script%.amal}.stdout" ] && ! diff -u "${script%.amal}.stdout" "$tmp/stdout" >"$tmp/diff"; then
            bad "$script" "$(cat "$tmp/diff")"
        else
            ok
        fi
    done
    [ "${update:-}" ] && return
    # every code that a message can carry has its long explanation
    local code
    for code in $(grep -rhoE '"[EW][0-9]{3}"' compiler/*.c grammar/*.y grammar/*.re ir/*.c backends --include='*.c' --include='*.y' --include='*.re' | tr -d '"' | sort -u); do
        if "$amal" explain "$code" >"$tmp/stdout" 2>&1 && [ "$(wc -c <"$tmp/stdout")" -gt 60 ]; then ok; else bad "explain $code" "no explanation, or one of a few words"; fi
    done
}

# ---- repl ----
# The first line of the input says with what it is run: `# amal repl FILE --set x=1`. Times and estimates are no part of what is expected.
repl_output() { # input
    local arguments
    arguments=$(sed -n '1s/^# amal repl //p' "$1")
    # shellcheck disable=SC2086
    (cd tests/repl && timeout 60 "$amal" repl $arguments <"$(basename "$1")" >"$tmp/said" 2>&1; echo "exit code $?" >>"$tmp/said")
    sed -E -e 's/(seconds:|why:) .*/\1 …/' -e 's/, (factorized|materialized)$/, …/' -e 's/^\([0-9.]+ s\)$/(… s)/' "$tmp/said" >"$tmp/stdout"
}
# What is typed on a terminal, and its screen (tests/tools/pty.c); sessions find the history of those before.
pty_output() { # input
    (cd tests/repl && env -u NO_COLOR XDG_STATE_HOME="$tmp/state" HOME="$tmp" timeout 120 "$build/tests/tools/pty" "$(basename "$1")" "$amal" repl \
        >"$tmp/said" 2>&1; echo "code $?" >>"$tmp/said")
    sed -E -e 's/(seconds:|why:) .*/\1 …/' -e 's/, (factorized|materialized)$/, …/' -e 's/after iteration [0-9]+/after some iterations/' "$tmp/said" >"$tmp/stdout"
}
run_repl() {
    section "repl"
    local input expected
    for input in tests/repl/*.in tests/repl/*.pty; do
        expected="${input%.*}.expected"
        case "$input" in *.in) repl_output "$input" ;; *) pty_output "$input" ;; esac
        if [ "${update:-}" ]; then
            cp "$tmp/stdout" "$expected"
        elif ! diff -u "$expected" "$tmp/stdout" >"$tmp/diff" 2>&1; then
            bad "$input" "$(cat "$tmp/diff")"
        else
            ok
        fi
    done
    rm -f tests/repl/data/*.tmp.*
}

# ---- examples ----
# Does the script, or a file beside it that it uses, read ../shared/data where there is none?
needs_shared() {
    [ -d "$shared" ] && return 1
    local -a used
    mapfile -t used < <(sed -nE "s|^use \"([^\"]+)\";.*|$(dirname "$1")/\1|p" "$1")
    grep -q 'shared/data' "$1" "${used[@]}"
}
run_examples() {
    section "examples"
    local script name expected written
    mkdir -p "$tmp/tree"
    cp -r examples "$tmp/tree/examples"
    ln -sfn "$(dirname "$shared")" "$tmp/shared"
    for script in examples/*/*.amal; do
        name=${script#examples/}
        if needs_shared "$script"; then
            skip "$script" "its data are in ../shared/data, which is not here"
            continue
        fi
        if ! timeout 600 "$amal" run "$tmp/tree/$script" --json "$tmp/out.json" >"$tmp/stdout" 2>"$tmp/stderr"; then
            bad "$script" "$(cat "$tmp/stderr")"
            continue
        fi
        expected="${script%.amal}.expect"
        if [ ! -e "$expected" ]; then
            [ -e "${script%.amal}.expected.csv" ] || bad "$script" "it has neither an .expect nor an .expected.csv"
        elif "$json" check "$tmp/out.json" "$expected" "$shared" >"$tmp/diff" 2>&1; then ok; else bad "$script" "$(cat "$tmp/diff")"; fi
        expected="${script%.amal}.expected.csv"
        written="$tmp/tree/${script%.amal}.csv"
        if [ -e "$expected" ] && ! diff -u "$expected" "$written" >"$tmp/diff" 2>&1; then bad "$script" "$(cat "$tmp/diff")"; else ok; fi
    done
}

# ---- reference and differential: many independent runs, several at a time ----
# Runs the cases of the file, one a line, each an argument list for one_case.sh (in quotes what may hold spaces); what they print is what
# failed.
run_cases() { # file
    local bad_ones total
    total=$(wc -l <"$1")
    AMAL="$amal" JSON_TOOL="$json" xargs -r -P "${AMAL_TEST_JOBS:-$(nproc)}" -L 1 tests/one_case.sh <"$1" >"$tmp/wrong" 2>&1
    cat "$tmp/wrong"
    bad_ones=$(grep -c '^FAILED ' "$tmp/wrong")
    failed=$((failed + bad_ones))
    passed=$((passed + total - bad_ones))
}
run_reference() {
    section "reference"
    local script backend strategy
    : >"$tmp/cases"
    for script in tests/reference/*.amal; do
        [ -e "$script" ] || continue
        case "$script" in tests/reference/_*) continue ;; esac # files that others use
        if needs_shared "$script"; then
            skip "$script" "its data are in ../shared/data, which is not here"
            continue
        fi
        for backend in c interp; do
            for strategy in factorize materialize; do echo "reference $script \"$shared\" $backend $strategy" >>"$tmp/cases"; done
        done
    done
    run_cases "$tmp/cases"
}
run_differential() {
    section "differential"
    local script base backend strategy rewrite rewrites
    rewrites=$("$amal" help rewrites)
    [ -n "$rewrites" ] || bad "list of rewrites" "amal help rewrites lists none"
    : >"$tmp/cases"
    for script in tests/differential/*.amal; do
        [ -e "$script" ] || continue
        case "$script" in tests/differential/_*) continue ;; esac
        # the oracle: the interpreter on the materialized target
        base="$tmp/$(basename "$script").base.json"
        if ! timeout 300 "$amal" run "$script" --backend interp --strategy materialize --json "$base" --quiet >/dev/null 2>"$tmp/stderr"; then
            bad "$script (interp, materialize)" "$(cat "$tmp/stderr")"
            continue
        fi
        ok
        # in single precision the oracle has the same numbers as emitted code; they move results by 1e-5 at most
        if ! timeout 300 "$amal" run "$script" --backend interp --strategy materialize --precision single --json "$base.single" --quiet >/dev/null 2>"$tmp/stderr"; then
            bad "$script (interp, materialize, single)" "$(cat "$tmp/stderr")"
        elif ! "$json" compare "$base" "$base.single" 1e-5 >"$tmp/stdout" 2>&1; then
            bad "$script (single against double)" "$(cat "$tmp/stdout")"
        else
            ok
            for strategy in factorize sorted absorbed arranged materialize; do echo "single $script \"$base.single\" c $strategy" >>"$tmp/cases"; done
        fi
        for strategy in factorize arranged; do echo "tidy $script \"$tmp/tidy\" c $strategy" >>"$tmp/cases"; done
        for backend in interp c; do
            for strategy in sorted absorbed arranged; do echo "differential $script \"$base\" $backend $strategy" >>"$tmp/cases"; done
            for strategy in factorize materialize; do
                [ "$backend $strategy" = "interp materialize" ] || echo "differential $script \"$base\" $backend $strategy" >>"$tmp/cases"
                if [ "$strategy" = materialize ] && [ -z "${AMAL_TEST_FULL:-}" ]; then continue; fi
                for rewrite in $rewrites; do echo "differential $script \"$base\" $backend $strategy $rewrite" >>"$tmp/cases"; done
            done
        done
    done
    run_cases "$tmp/cases"
}

run_command() {
    section "command"
    # shellcheck source=tests/command.sh
    . tests/command.sh
    # shellcheck source=tests/command_data.sh
    . tests/command_data.sh
    # shellcheck source=tests/command_cache.sh
    . tests/command_cache.sh
    # shellcheck source=tests/command_pages.sh
    . tests/command_pages.sh
    # shellcheck source=tests/command_tools.sh
    . tests/command_tools.sh
    # shellcheck source=tests/command_estimator.sh
    . tests/command_estimator.sh
}

# ---- lsp ----
run_lsp() {
    section "lsp"
    local conversation name client="$build/tests/lsp/lsp_client"
    for conversation in tests/lsp/*.lsp; do
        name=$(basename "$conversation" .lsp)
        rm -rf "$tmp/lsp"
        cp -r tests/lsp "$tmp/lsp"
        (cd "$tmp/lsp" && timeout 60 "$client" "$amal" "$name.lsp" >"$tmp/stdout" 2>"$tmp/stderr")
        local code=$?
        if [ "${update:-}" ] && [ $code -eq 0 ]; then
            cp "$tmp/stdout" "tests/lsp/$name.expected"
        elif [ $code -ne 0 ]; then
            bad "$conversation" "$(cat "$tmp/stderr"; tail -5 "$tmp/stdout")"
        elif ! diff -u "tests/lsp/$name.expected" "$tmp/stdout" >"$tmp/diff"; then
            bad "$conversation" "$(cat "$tmp/diff")"
        else
            ok
        fi
    done
}

run_cuda() {
    section "cuda"
    # shellcheck source=tests/cuda.sh
    . tests/cuda.sh
}

run_build() {
    section "build"
    # shellcheck source=tests/build.sh
    . tests/build.sh
    # shellcheck source=tests/build_library.sh
    . tests/build_library.sh
    # shellcheck source=tests/build_install.sh
    . tests/build_install.sh
}

run_docs() {
    section "docs"
    local script
    for script in tests/docs/*.sh; do
        BUILD="$build" "$script" >"$tmp/out" 2>&1
        add_counts "$script" $? "$tmp/out"
    done
}

run_bench() {
    section "bench"
    local python=${PYTHON:-/usr/bin/python3}
    if [ ! -x "$python" ]; then
        skip "tests/bench" "$python is missing"
        return
    fi
    "$python" tests/bench/test_bench.py "$amal" "$tmp/bench" >"$tmp/out" 2>&1
    add_counts "tests/bench/test_bench.py" $? "$tmp/out"
}

update=
sections=()
for argument in "$@"; do
    if [ "$argument" = --update-golden ]; then update=1; else sections+=("$argument"); fi
done
if [ "$update" ]; then
    run_golden
    run_repl
    run_lsp
    exit 0
fi
[ ${#sections[@]} -gt 0 ] || sections=(unit golden command repl build examples docs lsp bench reference differential cuda)
for name in "${sections[@]}"; do "run_$name"; done
if [ "$skipped" -gt 0 ]; then printf '%d skipped, for the reasons above\n' "$skipped"; fi
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
