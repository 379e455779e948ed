# shellcheck shell=bash
# --backend auto: which of CPU and GPU is taken, and what is said about it. Sourced by cuda.sh, with CUDA_HOME naming the shim; speeds that no
# GPU has make it take the one or the other.

auto_cache="$cuda_folder/auto"
auto_script=tests/differential/star_linear.amal
# speeds NAME [FIELD=NUMBER ...]: what was measured of a GPU, which is fast at everything but what is given
speeds() {
    local name=$1 field value
    declare -A row=([memory]=1e11 [bytes]=1e18 [transfer]=1e18 [flops]=1e18 [launch]=1e-15 [graph]=1e-15 [start]=0 [compile]=1e-15 [compile_byte]=0)
    shift
    for field in "$@"; do row[${field%%=*}]=${field#*=}; done
    mkdir -p "$auto_cache/estimator"
    {
        printf 'amal gpu 1\nname %s\n' "$name"
        for field in "${!row[@]}"; do echo "$field ${row[$field]}"; done
    } >"$auto_cache/estimator/gpu"
}
# auto_says CODE TEXT ARGUMENTS: exit code, and a text among what it says
auto_says() {
    local code=$1 text=$2 got
    shift 2
    AMAL_CACHE="$auto_cache" timeout 120 "$amal" "$@" >"$tmp/stdout" 2>"$tmp/stderr"
    got=$?
    if [ "$got" -ne "$code" ]; then bad "$*" "exit code $got instead of $code: $(cat "$tmp/stderr")"
    elif ! grep -qF -- "$text" "$tmp/stdout" "$tmp/stderr"; then bad "$*" "no \`$text\` in: $(cat "$tmp/stdout" "$tmp/stderr")"
    else ok; fi
}
auto_lacks() { if grep -qF -- "$1" "$tmp/stdout" "$tmp/stderr"; then bad "\`$1\` is said" "$(cat "$tmp/stdout")"; else ok; fi; }

auto_run() {
    local run=(run "$auto_script" --backend auto)
    rm -rf "$auto_cache"
    # none that can be used, or none that was measured: the CPU, and why
    CUDA_HOME="$cuda_folder/empty" auto_says 0 "; backend c: the NVIDIA driver is too old" "${run[@]}"
    SHIM_DEVICES=0 auto_says 0 "; backend c: the NVIDIA driver knows no GPU on this machine" "${run[@]}"
    CUDA_HOME="$cuda_folder/empty" auto_says 0 "no GPU was measured: the NVIDIA driver is too old" calibrate
    auto_says 0 "; backend c: this machine has a GPU, shim 0, but no GPU was measured" "${run[@]}"
    auto_lacks "cuda backend,"
    speeds "another GPU"
    auto_says 0 "this machine's GPU is shim 0, and another GPU was measured" "${run[@]}"
    speeds "shim 0" bytes=0
    auto_says 0 "what was measured of the GPU cannot be read" "${run[@]}"
    # measured
    auto_says 0 "seconds that NVRTC takes for a short text" calibrate
    auto_says 0 ", on the GPU (shim 0) factorized " "${run[@]}"
    SHIM_FAIL=cuMemAlloc_v2:1 auto_says 3 "E624" calibrate
    # a fast one is taken, and gives what the interpreter does
    speeds "shim 0"
    auto_says 0 "cuda backend" "${run[@]}" --json "$tmp/auto.json"
    auto_says 0 "; the CPU takes " "${run[@]}"
    auto_lacks "c backend,"
    "$amal" run "$auto_script" --backend interp --strategy materialize --json "$tmp/auto_interp.json" --quiet >/dev/null 2>&1
    if "$json" compare "$tmp/auto_interp.json" "$tmp/auto.json" 1e-9 >"$tmp/diff" 2>&1; then ok; else bad "--backend auto on the GPU" "$(cat "$tmp/diff")"; fi
    if grep -q '"backend": "cuda"' "$tmp/auto.json"; then ok; else bad "the report names the backend that auto took" "$(head -c 600 "$tmp/auto.json")"; fi
    # a slow one is not, whatever it is slow at
    local slow
    for slow in launch=10 bytes=1 transfer=1 flops=1 start=10; do
        speeds "shim 0" "$slow"
        auto_says 0 "; the GPU takes " "${run[@]}"
        auto_lacks "cuda backend"
    done
    speeds "shim 0" graph=10 # counts for loops alone
    auto_says 0 "cuda backend; " "${run[@]}"
    auto_lacks "cuda backend, "
    speeds "shim 0" memory=1000
    auto_says 0 "factorized not at all (its arrays take" "${run[@]}"
    auto_lacks "cuda backend"
    # compiling counts until the code is kept; starting, once a run
    speeds "shim 0" compile=10
    auto_says 0 "(of it " run "$auto_script" --backend cuda
    auto_lacks "for compiling"
    rm -rf "$auto_cache/kernels"
    auto_says 0 "10 s for compiling" "${run[@]}"
    speeds "shim 0" start=0.125
    auto_says 0 "0.125 s for starting the GPU" run "$auto_script" --backend cuda
    if [ "$(grep -c 'for starting the GPU' "$tmp/stdout")" = 1 ]; then ok; else bad "the GPU is started once a run" "$(cat "$tmp/stdout")"; fi
    # the sources are copied once
    speeds "shim 0" transfer=1
    auto_says 0 "s for copying" run tests/cuda/stream.amal --backend cuda --strategy factorize
    awk 'match($0, /[0-9.e+]+ s for copying/) { print substr($0, RSTART, RLENGTH) + 0 }' "$tmp/stdout" >"$tmp/copying"
    if [ "$(wc -l <"$tmp/copying")" -ge 1 ] && [ "$(awk 'NR == 1 { a = $1 } END { print (NR == 1 || $1 < a / 10) }' "$tmp/copying")" = 1 ]; then ok; else bad "sources are copied once" "$(cat "$tmp/copying")"; fi
    CUDA_HOME="$cuda_folder/plan" auto_says 0 "s for copying" explain tests/cuda/stream.amal --backend cuda --strategy factorize
    awk 'match($0, /[0-9.e+]+ s for copying/) { print substr($0, RSTART, RLENGTH) + 0 }' "$tmp/stdout" >"$tmp/copying_planned"
    if diff "$tmp/copying" "$tmp/copying_planned" >"$tmp/diff"; then ok; else bad "explain counts what is copied as a run does" "$(cat "$tmp/diff")"; fi
    # what was asked for holds on the GPU, and what is not the CPU's choice is said for it alone
    speeds "shim 0"
    auto_says 0 "asked for with --strategy materialize; backend cuda" "${run[@]}" --strategy materialize
    auto_lacks "factorized "
    auto_says 0 "on the GPU (shim 0) sorted by shops " "${run[@]}" --sort shops
    auto_lacks "on the GPU (shim 0) factorized"
    auto_says 1 "E464" "${run[@]}" --sort nothing
    # in the script, in the REPL, in explain; and in explain without a GPU, by what is kept
    { echo 'option backend auto;'; sed 's,"data/,"'"$PWD"'/tests/cuda/data/,g' tests/cuda/stream.amal; } >"$cuda_folder/auto.amal"
    auto_says 0 "cuda backend" run "$cuda_folder/auto.amal"
    auto_says 0 "c backend" run "$cuda_folder/auto.amal" --backend c
    auto_lacks "on the GPU"
    printf ':backend auto\n:load %s\n:backend nonsense\n' "$PWD/$auto_script" | (cd tests/differential && AMAL_CACHE="$auto_cache" timeout 120 "$amal" repl) >"$tmp/stdout" 2>&1
    if grep -q '^backend auto' "$tmp/stdout" && grep -q 'cuda backend' "$tmp/stdout" && grep -q 'is not known: c, interp, cuda, auto' "$tmp/stdout"; then ok; else bad ":backend auto" "$(cat "$tmp/stdout")"; fi
    local plan=(explain "$auto_script" --backend auto)
    auto_says 0 "cuda backend:" "${plan[@]}"
    CUDA_HOME="$cuda_folder/plan" auto_says 0 "; as on a machine with that GPU: here a run takes c: the NVIDIA driver is too old" "${plan[@]}"
    if grep -q '^cuda backend:' "$tmp/stdout" && grep -q 'estimated on shim 0: ' "$tmp/stdout"; then ok; else bad "a plan for a GPU that is elsewhere" "$(cat "$tmp/stdout")"; fi
    CUDA_HOME="$cuda_folder/plan" auto_says 0 "; backend c: the NVIDIA driver is too old" "${run[@]}"
    CUDA_HOME="$cuda_folder/plan" auto_says 0 "plan" "${plan[@]}" --html "$tmp/plan.html" --json "$tmp/plan.json"
    if grep -q '"backend": "cuda"' "$tmp/plan.json" && grep -q '"name": "materialized, on the GPU"' "$tmp/plan.json" && grep -q '"name": "factorized, on the CPU"' "$tmp/plan.json"; then ok; else bad "the plan's candidates" "$(head -c 3000 "$tmp/plan.json")"; fi
    CUDA_HOME="$cuda_folder/empty" auto_says 0 "; backend c: NVRTC is too old" "${plan[@]}"
}
# a toolkit with NVRTC and without a driver
mkdir -p "$cuda_folder/empty/lib64" "$cuda_folder/plan/lib64"
echo 'int nothing_here;' | ${CC:-cc} -shared -fPIC -x c -o "$cuda_folder/empty/lib64/libcuda.so.1" -
cp "$cuda_folder/empty/lib64/libcuda.so.1" "$cuda_folder/empty/lib64/libnvrtc.so.13"
cp "$cuda_folder/empty/lib64/libcuda.so.1" "$cuda_folder/plan/lib64/libcuda.so.1"
cp "$shim"/lib64/libnvrtc.so.13 "$cuda_folder/plan/lib64/" 2>/dev/null || cp "$shim"/lib64/libnvrtc.so* "$cuda_folder/plan/lib64/"
