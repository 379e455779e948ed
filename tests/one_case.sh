#!/usr/bin/env bash
# One run of one script, for run_tests.sh, which starts several at a time. Prints nothing when all is well, else the name of the case and
# what is wrong; always exits 0. AMAL and JSON_TOOL name the programs.
#
#   one_case.sh differential SCRIPT BASE BACKEND STRATEGY [REWRITE]   same results as in BASE, to 1e-9; STRATEGY sorted: factorized, rows
#                                                                     sorted; absorbed: factorized, tables absorbed; arranged: both
#   one_case.sh single SCRIPT BASE BACKEND STRATEGY                   the same with --precision single
#   one_case.sh reference SCRIPT DATA BACKEND STRATEGY                as SCRIPT's .expect says
#   one_case.sh tidy SCRIPT FOLDER c STRATEGY                         the C of each training, without a warning but of what is not used
#   one_case.sh emit SCRIPT FOLDER cuda STRATEGY                      the CUDA of each training, into a folder of FOLDER
#   one_case.sh emit_single SCRIPT FOLDER cuda STRATEGY               the same with --precision single
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
folder="$against/${script//\//_}-$strategy-$precision"
sort=never absorb=never
case "$strategy" in
sorted) strategy=factorize sort=always ;;
absorbed) strategy=factorize absorb=always ;;
arranged) strategy=factorize sort=always absorb=always ;;
esac
if [[ "$kind" = emit* ]]; then
    timeout "${AMAL_CASE_SECONDS:-900}" "$AMAL" explain "$script" --backend "$backend" --strategy "$strategy" --sort $sort --absorb $absorb --precision $precision --dump-cuda "$folder" >/dev/null 2>"$said" || wrong
    [ -n "$(find "$folder" -name '*.cu' 2>/dev/null)" ] || ! grep -q '^ *train ' "$script" || { echo "no CUDA was emitted" >"$said" && wrong; }
    exit 0
fi
if [ "$kind" = tidy ]; then
    timeout "${AMAL_CASE_SECONDS:-900}" "$AMAL" run "$script" --backend c --strategy "$strategy" --sort $sort --absorb $absorb --keep-c "$folder" --quiet >/dev/null 2>"$said" || wrong
    for text in "$folder"/*.c; do
        ${CC:-cc} -std=gnu17 -march=native -fopenmp-simd -Wall -Wextra -Wno-unused -Werror -fsyntax-only "$text" >"$said" 2>&1 || wrong
    done
    exit 0
fi
timeout "${AMAL_CASE_SECONDS:-900}" "$AMAL" run "$script" --backend "$backend" --strategy "$strategy" --sort $sort --absorb $absorb --precision $precision ${rewrite:+--disable "$rewrite"} \
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
