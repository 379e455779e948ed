#!/usr/bin/env bash
# One run of one script, for run_tests.sh, which starts several at a time. Prints nothing when all is well, else the name of the case and
# what is wrong; always exits 0. AMAL and JSON_TOOL name the programs.
#
#   one_case.sh differential SCRIPT BASE BACKEND STRATEGY [REWRITE]   same results as in BASE, to 1e-9; STRATEGY sorted: factorized, rows sorted
#   one_case.sh single SCRIPT BASE BACKEND STRATEGY                   the same with --precision single
#   one_case.sh reference SCRIPT DATA BACKEND STRATEGY                as SCRIPT's .expect says
#   one_case.sh compile SCRIPT - cuda ARCH                            what is emitted for each training compiles for ARCH
#   one_case.sh compile_single SCRIPT - cuda ARCH                     the same with --precision single
set -u
kind=$1 script=$2 against=$3 backend=$4 strategy=$5 rewrite=${6:-}
precision=double
case "$kind" in *single) precision=single ;; esac
name="$script ($backend, $strategy, $precision${rewrite:+, without $rewrite})"
out=$(mktemp)
said=$(mktemp)
trap 'rm -f "$out" "$said"' EXIT
wrong() {
    printf 'FAILED  %s\n' "$name"
    head -25 "$said" | sed 's/^/        /'
    exit 0
}
if [[ "$kind" = compile* ]]; then
    timeout "${AMAL_CASE_SECONDS:-900}" "$AMAL" explain "$script" --backend "$backend" --gpu-arch "$strategy" --precision $precision >/dev/null 2>"$said" || wrong
    exit 0
fi
sort=never
[ "$strategy" != sorted ] || { strategy=factorize sort=always; }
timeout "${AMAL_CASE_SECONDS:-900}" "$AMAL" run "$script" --backend "$backend" --strategy "$strategy" --sort $sort --precision $precision ${rewrite:+--disable "$rewrite"} \
    --json "$out" --quiet >/dev/null 2>"$said"
code=$?
if [ $code -ne 0 ]; then
    echo "exit code $code" >>"$said"
    wrong
fi
if [ "$kind" = reference ]; then
    "$JSON_TOOL" check "$out" "${script%.amal}.expect" "$against" >"$said" 2>&1 || wrong
else
    "$JSON_TOOL" compare "$against" "$out" 1e-9 >"$said" 2>&1 || wrong
fi
