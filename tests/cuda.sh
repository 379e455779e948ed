# shellcheck shell=bash
# The cuda backend, sourced by run_tests.sh. Without a GPU: what is declared of CUDA against its headers, emitted CUDA through NVRTC (both
# skipped where the toolkit is not), and emitted CUDA on the CPU (tests/cuda/shim.c, by CUDA_HOME), where c++ is. AMAL_TEST_GPU=1 (make
# test-gpu) runs scripts and random programs on the GPU that is there instead of the shim.

cuda_folder="$tmp/cuda"
mkdir -p "$cuda_folder"
shim="$build/tests/cuda"
toolkit="${CUDA_HOME:-/usr/local/cuda}"
cuda_scripts=()
for script in tests/differential/*.amal tests/cuda/*.amal; do
    case "$script" in */_*) ;; *) cuda_scripts+=("$script") ;; esac
done

# Wide on both sides: what cuBLAS is for. Facts have 130 features, keys 110; the classes are as many as the features of a factor.
awk -v n=1300 'BEGIN { printf "key,y"; for (c = 0; c < 130; c++) printf ",a%d", c; print ""
    for (r = 0; r < n; r++) { printf "%d,%.2f", (r * r + 3 * r) % 45, (r % 7 - 3) / 4
        for (c = 0; c < 130; c++) printf ",%.3f", ((r * 31 + c * 17 + r * c) % 101 - 50) / 200; print "" } }' >"$cuda_folder/wide_facts.csv"
awk 'BEGIN { printf "key"; for (c = 0; c < 110; c++) printf ",b%d", c; print ""
    for (r = 0; r < 40; r++) { printf "%d", r; for (c = 0; c < 110; c++) printf ",%.3f", ((r * 13 + c * 29 + r * c) % 97 - 48) / 200; print "" } }' >"$cuda_folder/wide_keys.csv"
awk 'function all(stem, n, form,    c, s) { for (c = 0; c < n; c++) { s = form; gsub(/@/, stem c, s); printf ", %s", s } }
    BEGIN { printf "source facts from \"wide_facts.csv\";\nsource keys from \"wide_keys.csv\";\ntarget T { y: label num"
    all("a", 130, "@: feature num"); all("b", 110, "@: feature num"); printf " }\nfacts(key: k, y: y"; all("a", 130, "@: @"); printf "), keys(key: k"
    all("b", 110, "@: @"); printf ") -> T(y: y"; all("a", 130, "@: @"); all("b", 110, "@: @"); print ");" }' >"$cuda_folder/wide.amal"
cat >>"$cuda_folder/wide.amal" <<'S'
algorithm normal() { fit(X: [n, d], y: [n, 1]) { w = solve(X' @ X + 5 * eye(d), X' @ y); return w; } }
algorithm reweighted(rounds = 3) {
  fit(X: [n, d], y: [n, 1]) {
    w = zeros(d, 1);
    repeat rounds { p = sigmoid(X @ w); w = w - solve(X' @ (X * (p * (1 - p))) + 5 * eye(d), X' @ (p - y)); }
    return w;
  }
}
algorithm factors(rounds = 6) {
  fit(X: [n, d]) {
    W = X[1..96, ]';
    repeat rounds { Z = X @ W; W = (X' @ Z) / n + W / 2; }
    H = sigmoid(X @ W);
    s = rowsums(W);
    G = H' @ H;
    return s, G;
  }
}
algorithm carried(rounds = 4) { # U is overwritten by the pass that computes V
  fit(X: [n, d]) {
    U = X + 0.1;
    G = zeros(d, d);
    repeat rounds { V = sigmoid(U); G = G / 2 + (U' @ V) / n; U = U / 2 + V / 8; }
    s = rowsums(G);
    t = colsums(G);
    return s, t;
  }
}
train a = normal() on T;
print a.w;
train b = reweighted() on T;
print b.w;
train c = factors() on T;
train d = carried() on T;
S
cuda_scripts+=("$cuda_folder/wide.amal")
# its target is large enough to be kept, which reports tell: kept it is in all that are compared
"$amal" run "$cuda_folder/wide.amal" --backend interp --quiet >/dev/null 2>&1

# ---- declarations ----
if [ -e "$toolkit/include/cuda.h" ] && [ -e "$toolkit/include/nvrtc.h" ] && [ -e "$toolkit/include/cublas_v2.h" ]; then
    if ${CC:-cc} -std=gnu17 -Wall -Wextra -Werror -fsyntax-only -I. -I"$toolkit/include" tests/cuda/check_driver.c >"$tmp/out" 2>&1; then
        ok
    else
        bad "backends/cuda/driver.h differs from CUDA's headers" "$(cat "$tmp/out")"
    fi
else
    skip "backends/cuda/driver.h against CUDA's headers" "they are not in $toolkit/include"
fi

# ---- NVRTC: every kernel of every script, for three architectures ----
# What explain emits of the tests' and the examples' scripts, in whatever way they train. The shim stands in for NVRTC, and compiles nothing.
cuda_emits() {
    local script strategy
    : >"$tmp/cases"
    for script in "${cuda_scripts[@]}" tests/reference/*.amal examples/*/*.amal; do
        case "$script" in */_*) continue ;; esac
        if needs_shared "$script"; then
            skip "$script in CUDA" "its data are in ../shared/data, which is not here"
            continue
        fi
        for strategy in factorize sorted materialize; do echo "emit $script \"$cuda_folder/emitted\" cuda $strategy" >>"$tmp/cases"; done
    done
    for script in "${cuda_scripts[@]}"; do
        for strategy in factorize materialize; do echo "emit_single $script \"$cuda_folder/emitted\" cuda $strategy" >>"$tmp/cases"; done
    done
    AMAL_CACHE="$cuda_folder/emitting" CUDA_HOME="$shim" SHIM_NO_CODE=1 run_cases "$tmp/cases"
}
# All that is different among those, once each.
cuda_compiles() {
    local newest
    newest=$("$amal" explain "${cuda_scripts[0]}" --backend cuda --gpu-arch sm_1 2>&1 | grep -oE 'sm_[0-9]+' | tail -1)
    cuda_emits
    timeout 1800 "$build/tests/cuda/compile_all" "$cuda_folder/emitted" sm_80 sm_90 "$newest" >"$tmp/out" 2>&1
    add_counts "NVRTC: sm_80 sm_90 $newest, $(sed -n 's/^[0-9]* kernels, //p' "$tmp/out")" $? "$tmp/out"
    # the same by the command; a text that does not compile is a failure
    cuda_says_nothing explain tests/differential/star_linear.amal --backend cuda --gpu-arch "$newest"
    mkdir -p "$cuda_folder/wrong/x"
    sed 's/^}$/    undeclared();\n}/' "$(find "$cuda_folder/emitted" -name '*.cu' | LC_ALL=C sort | head -1)" >"$cuda_folder/wrong/x/wrong.cu"
    if "$build/tests/cuda/compile_all" "$cuda_folder/wrong" sm_80 >"$tmp/out" 2>&1 || ! grep -q 'E623.*undeclared' "$tmp/out"; then bad "wrong CUDA compiles" "$(cat "$tmp/out")"; else ok; fi
}
cuda_says_nothing() { # arguments
    if timeout 300 "$amal" "$@" >"$tmp/stdout" 2>"$tmp/stderr" && [ ! -s "$tmp/stderr" ]; then ok; else bad "$*" "$(cat "$tmp/stderr")"; fi
}
# shellcheck source=tests/cuda_build.sh
. tests/cuda_build.sh
if [ -n "${AMAL_TEST_GPU:-}" ]; then
    : # what is compiled for this GPU runs on it, below
elif ! "$amal" doctor | grep -qE '^ +ok +NVRTC'; then
    skip "emitted CUDA through NVRTC" "NVRTC was not found (CUDA_HOME, /usr/local/cuda)"
elif [ ! -e "$shim/lib64/libcuda.so.1" ]; then
    skip "emitted CUDA through NVRTC" "tests/cuda/shim.c was not compiled"
else
    cuda_compiles
    built_for_gpus
fi

# ---- running ----
# Scripts as the interpreter on the materialized target, in double and in single precision.
cuda_differential() {
    local script base kind precision strategy
    : >"$tmp/cases"
    for script in "${cuda_scripts[@]}"; do
        for kind in differential single; do
            precision=double
            [ "$kind" != single ] || precision=single
            base="$tmp/$(basename "$script").$kind.json"
            if ! timeout 300 "$amal" run "$script" --backend interp --strategy materialize --precision $precision --json "$base" --quiet >/dev/null 2>"$tmp/stderr"; then
                bad "$script (interp, materialize, $precision)" "$(cat "$tmp/stderr")"
                continue
            fi
            for strategy in factorize sorted absorbed arranged materialize; do
                [ "$kind/$strategy" = single/absorbed ] || [ "$kind/$strategy" = single/arranged ] ||
                    echo "$kind $script \"$base\" cuda $strategy" >>"$tmp/cases"
            done
        done
    done
    run_cases "$tmp/cases"
}
random_cuda() { # arguments of random_algebra
    timeout 900 "$build/tests/differential/random_algebra" "$@" --cuda >"$tmp/out" 2>&1
    add_counts "random_algebra ${SHIM_ORDER:-} $* --cuda" $? "$tmp/out"
}
# The same on a GPU, where NVRTC takes most of the time (seconds a program, which has some hundred kernels): a share of the seeds for some
# processes, each of which takes hold of the device. AMAL_TEST_FULL=1 takes four times as many.
random_gpu() { # programs, other arguments of random_algebra
    local jobs each k pids=() count=$1
    [ -z "${AMAL_TEST_FULL:-}" ] || count=$((4 * count))
    jobs=$(nproc)
    [ "$jobs" -le 4 ] || jobs=4 # sixteen hinder each other
    each=$(((count + jobs - 1) / jobs))
    shift
    for ((k = 0; k < jobs; k++)); do
        timeout 900 "$build/tests/differential/random_algebra" --seed $((1 + k * each)) --count $each "$@" --cuda >"$tmp/out.$k" 2>&1 &
        pids+=($!)
    done
    for ((k = 0; k < jobs; k++)); do
        wait "${pids[k]}"
        add_counts "random_algebra --seed $((1 + k * each)) --count $each $* --cuda" $? "$tmp/out.$k"
    done
}
# Every memory access, race and barrier of one script, by NVIDIA's checker.
cuda_sanitized() {
    local checker tool
    checker=$(command -v compute-sanitizer || command -v "$toolkit/bin/compute-sanitizer") || checker=
    if [ -z "$checker" ]; then
        skip "compute-sanitizer" "it was not found"
        return
    fi
    for tool in memcheck racecheck synccheck initcheck; do
        if "$checker" --tool "$tool" --error-exitcode 9 "$amal" run tests/cuda/stream.amal --backend cuda --quiet >"$tmp/out" 2>&1; then
            ok
        else
            bad "compute-sanitizer --tool $tool" "$(cat "$tmp/out")"
        fi
    done
}
# The command must say a code, with this exit code, and not stop by a signal.
cuda_says() { # code, exit code, arguments
    local code=$1 exit=$2 got
    shift 2
    timeout 60 "$amal" "$@" >"$tmp/stdout" 2>"$tmp/stderr"
    got=$?
    if [ $got -eq "$exit" ] && grep -q "error\[$code\]" "$tmp/stderr"; then ok; else bad "$code, exit code $exit wanted, got $got: $*" "$(cat "$tmp/stderr")"; fi
}
# Which calls of the driver a run of a script makes when the device has so many bytes.
cuda_calls() { # script, strategy, bytes, other options
    local script=$1 strategy=$2 bytes=$3
    shift 3
    SHIM_CALLS="$cuda_folder/calls" SHIM_MEMORY=$bytes timeout 60 "$amal" run "$script" --backend cuda --strategy "$strategy" --quiet "$@" >/dev/null 2>"$tmp/stderr" ||
        bad "$script in $bytes bytes" "$(cat "$tmp/stderr")"
}
# It arrives piece by piece, and its results are those of the interpreter.
streamed() { # script, differential or single, strategy, bytes
    local base="$tmp/$(basename "$1").$2.json" precision=double
    [ "$2" != single ] || precision=single
    cuda_calls "$1" "$3" "$4" --precision $precision
    if grep -q cuEventRecord "$cuda_folder/calls"; then ok; else bad "$1 ($precision, $3, $4 bytes) is not streamed"; fi
    SHIM_MEMORY=$4 AMAL="$amal" JSON_TOOL="$json" tests/one_case.sh "$2" "$1" "$base" cuda "$3" >"$tmp/out"
    if [ -s "$tmp/out" ]; then bad "$1 ($precision, $3, $4 bytes), streamed" "$(cat "$tmp/out")"; else ok; fi
}
# Compressed rows of a fact table, a few of them with most of the cells, in less memory than they take.
cuda_streams_sparse() {
    local script="$cuda_folder/rows.amal" kind precision
    awk 'BEGIN { n = 3000; d = 60; cells = 0
        for (r = 0; r < n; r++) { k = r % 300 == 7 ? 50 : r % 5; for (i = 0; i < k; i++) line[cells++] = r + 1 " " 1 + (r * 7 + i * (k == 50 ? 1 : 13)) % d " " ((r * 31 + i * 17) % 64 - 20) / 8 }
        print "%%MatrixMarket matrix coordinate real general"; print n, d, cells; for (i = 0; i < cells; i++) print line[i] }' >"$cuda_folder/rows.mtx"
    awk 'BEGIN { print "id,key,y"; for (r = 0; r < 3000; r++) print r "," r * 13 % 50 "," (r * 7 % 11) / 8 }' >"$cuda_folder/facts.csv"
    cp tests/cuda/data/keys.csv "$cuda_folder/keys.csv"
    cat >"$script" <<'END'
source facts from "facts.csv" { id: int, key: int, y: num, key(id) }
source rows from "rows.mtx" { rid: rowid, x: vector(60), key(rid) }
source keys from "keys.csv";
target T { y: label num, x: feature vector, p: feature num, q: feature num }
facts(i, k, y) & rows(i, x) & keys(key: k, p: p, q: q) -> T(y, x, p, q);
algorithm descend(step = 0.001, steps = 6) {
  fit(X: [n, d], y: [n, 1]) {
    w = zeros(d, 1);
    repeat steps { w = w - step * (X' @ (sigmoid(X @ w) - y)); }
    return w;
  }
  predict(X: [m, d]) { return sigmoid(X @ w); }
}
train m = descend() on T;
evaluate m on T with rmse;
print m.w; print sum(rowsums(features(T)) ^ 2);
END
    for kind in differential single; do
        precision=double
        [ "$kind" != single ] || precision=single
        timeout 300 "$amal" run "$script" --backend interp --strategy materialize --precision $precision --json "$tmp/rows.amal.$kind.json" --quiet >/dev/null 2>"$tmp/stderr" ||
            bad "$script (interp, materialize, $precision)" "$(cat "$tmp/stderr")"
        streamed "$script" "$kind" factorize 200000
        streamed "$script" "$kind" materialize 160000
    done
    cuda_calls "$script" factorize 100000000
    if ! grep -q cuEventRecord "$cuda_folder/calls"; then ok; else bad "compressed rows that fit are streamed"; fi
}
# What is kept for later models gives way to what a model needs: whatever the size of the device, a script whose arrays can be streamed runs.
cuda_gives_way() {
    local script="$cuda_folder/way.amal" memory base="$tmp/way.json"
    awk 'BEGIN { print "y,a,b,c"; for (r = 0; r < 20011; r++) printf "%d,%.2f,%.2f,%.2f\n", r % 2, (r * 31 % 97) / 8, (r * 17 % 89) / 8, (r * 13 % 83) / 8 }' >"$cuda_folder/way.csv"
    cat >"$script" <<'END'
source f from "way.csv";
target T { y: label num, a: feature num, b: feature num, c: feature num }
f(y: y, a: a, b: b, c: c) -> T(y: y, a: a, b: b, c: c);
algorithm sums() { fit(X: [n, d], y: [n, 1]) { s = X' @ X; t = X' @ y; return s, t; } }
algorithm descend(rounds = 3) {
  fit(X: [n, d], y: [n, 1]) {
    w = zeros(d, 1);
    repeat rounds { w = w - 0.01 * (X' @ (sigmoid(X @ w) - y)) / n; }
    return w;
  }
}
train m = sums() on T;
train q = descend() on T;
END
    timeout 60 "$amal" run "$script" --backend interp --strategy materialize --precision single --json "$base" --quiet >/dev/null 2>"$tmp/stderr" || bad "$script (interp)" "$(cat "$tmp/stderr")"
    for ((memory = 300000; memory <= 780000; memory += 40000)); do
        SHIM_MEMORY=$memory AMAL="$amal" JSON_TOOL="$json" tests/one_case.sh single "$script" "$base" cuda materialize >"$tmp/out"
        if [ -s "$tmp/out" ]; then bad "$script in $memory bytes" "$(cat "$tmp/out")"; else ok; fi
    done
}
# A profiled run says what its passes took, and computes the same.
cuda_profiled() {
    local script=tests/cuda/stream.amal memory
    for memory in 1000000000 160000; do # in a loop that is a graph otherwise, and streamed
        SHIM_MEMORY=$memory timeout 60 "$amal" run "$script" --backend cuda --strategy factorize --profile --json "$cuda_folder/profiled.json" >"$tmp/out" 2>"$tmp/stderr" || bad "$script --profile" "$(cat "$tmp/stderr")"
        if grep -qE '^  profile: [0-9.]+ (us|ms|s) in passes over rows' "$tmp/out" && grep -qE '^  pass [0-9]+ over 3000 rows of T: 12 calls, [0-9.]+ (ms|s)' "$tmp/out" &&
            grep -qE '^ +[0-9]+ +[0-9.]+ (us|ms|s)  repeat rounds \{ w = w' "$tmp/out"; then ok; else bad "$script --profile ($memory bytes)" "$(cat "$tmp/out")"; fi
        if "$json" compare "$tmp/stream.amal.differential.json" "$cuda_folder/profiled.json" 1e-9 >"$tmp/out" 2>&1; then ok; else bad "a profiled run ($memory bytes) computes something else" "$(cat "$tmp/out")"; fi
    done
    timeout 60 "$amal" explain "$script" --backend cuda --run --json "$cuda_folder/plan.json" --html "$cuda_folder/plan.html" >/dev/null 2>"$tmp/stderr" || bad "$script: explain --run" "$(cat "$tmp/stderr")"
    # 12 rounds of descent and 5 of the groups: a point each
    if grep -q '"backend": "cuda"' "$cuda_folder/plan.json" && grep -q '"in_passes": [0-9.]*[1-9]' "$cuda_folder/plan.json" && grep -q '"calls": 12' "$cuda_folder/plan.json" &&
        grep -q '"name": "w"' "$cuda_folder/plan.json" && grep -q '"name": "C"' "$cuda_folder/plan.json"; then ok; else bad "explain --run with cuda: passes and curves"; fi
}
cuda_errors() {
    local script=tests/differential/star_linear.amal n empty="$cuda_folder/empty" half="$cuda_folder/half"
    mkdir -p "$empty/lib64" "$half/lib64"
    echo 'int nothing_here;' | ${CC:-cc} -shared -fPIC -x c -o "$empty/lib64/libcuda.so.1" -
    cp "$empty/lib64/libcuda.so.1" "$half/lib64/libnvrtc.so.13"
    cp "$shim/lib64/libcuda.so.1" "$half/lib64/libcuda.so.1"
    local run=(run "$script" --backend cuda --quiet)
    CUDA_HOME="$empty" cuda_says E620 3 "${run[@]}"
    SHIM_DRIVER=11080 cuda_says E620 3 "${run[@]}"
    SHIM_DEVICES=0 cuda_says E621 3 "${run[@]}"
    SHIM_CAPABILITY=75 cuda_says E621 3 "${run[@]}"
    AMAL_GPU=7 cuda_says E621 3 "${run[@]}"
    SHIM_FAIL=cuInit:1:999 cuda_says E621 3 "${run[@]}"
    CUDA_HOME="$half" cuda_says E622 3 "${run[@]}"
    AMAL_CACHE="$cuda_folder/refused" SHIM_CXX=false cuda_says E623 3 "${run[@]}"
    if [ "$(find "$cuda_folder/refused" -name '*.cu' | wc -l)" -gt 0 ]; then ok; else bad "E623 keeps the emitted CUDA"; fi
    SHIM_MEMORY=3000 cuda_says E624 3 "${run[@]}"
    SHIM_FAIL=cuLaunchKernel:2:719 cuda_says E625 3 "${run[@]}"
    cuda_says E626 3 "${run[@]}" --gpu-arch sm_12
    cuda_says E626 3 explain "$script" --backend cuda --gpu-arch nonsense
    # one array more than a kernel takes
    awk -v n=2200 'BEGIN { printf "y"; for (i = 0; i < n; i++) printf ",c%d", i; print ""
        for (r = 0; r < 3; r++) { printf "%d", r; for (i = 0; i < n; i++) printf ",%s", (r + i) % 2 ? "a" : "b"; print "" } }' >"$cuda_folder/w.csv"
    awk -v n=2200 'BEGIN { printf "source S from \"w.csv\";\ntarget T { y: label num"; for (i = 0; i < n; i++) printf ", c%d: feature onehot", i
        printf " }\nS(y: y"; for (i = 0; i < n; i++) printf ", c%d: c%d", i, i; printf ") -> T(y: y"; for (i = 0; i < n; i++) printf ", c%d: c%d", i, i
        print ");\nalgorithm plain() { fit(X: [n, d], y: [n, 1]) { w = X @ (X'"'"' @ y); return w; } }\ntrain m = plain() on T;" }' >"$cuda_folder/w.amal"
    cuda_says E627 3 run "$cuda_folder/w.amal" --backend cuda --strategy factorize --quiet
    # a failing number of a column, a diverging loop: found on the device
    cuda_says E406 1 run tests/cuda/_column.amal --backend cuda --quiet
    cuda_says E405 1 run tests/cuda/_diverges.amal --backend cuda --quiet
    # every call of the driver and of NVRTC, the first and the last of each: reported, nothing worse
    local symbol calls code
    AMAL_CACHE="$cuda_folder/failing" SHIM_CALLS="$cuda_folder/calls" SHIM_MEMORY=160000 timeout 60 "$amal" run tests/cuda/stream.amal --backend cuda --strategy factorize --quiet >/dev/null 2>&1
    while read -r symbol calls; do
        for n in 1 "$calls"; do
            # the last call of this one is made when all is done, to give memory back
            if [ "$symbol" = cuCtxSetCurrent ] && [ "$n" != 1 ]; then continue; fi
            for code in 2 719; do
                # freeing what is there no more is no failure; nor is a cubin that the cache has
                case "$symbol" in cuMemFree* | cuModuleUnload | cuStreamDestroy* | cuEventDestroy* | cuGraph*Destroy | nvrtcCreate* | nvrtcCompile* | nvrtcGetCUBIN*) continue ;; esac
                SHIM_FAIL="$symbol:$n:$code" SHIM_MEMORY=160000 AMAL_CACHE="$cuda_folder/failing" timeout 60 "$amal" run tests/cuda/stream.amal --backend cuda --strategy factorize --quiet >"$tmp/stdout" 2>"$tmp/stderr"
                local got=$?
                # no memory, once: what an earlier model left gives way
                if [ $got -eq 0 ] && [ "$symbol:$code" = cuMemAlloc_v2:2 ] && [ "$n" != 1 ]; then ok && continue; fi
                # how often the device is waited for depends on how fast it is: the last call may not come
                if [ $got -eq 0 ] && [ "$n" != 1 ] && [[ "$symbol" =~ cuStreamSynchronize|cuMemcpyDtoH ]]; then continue; fi
                if [ $got -eq 3 ] && grep -qE 'error\[E62[1-6]\]' "$tmp/stderr"; then ok; else bad "call $n of $symbol returns $code: exit code $got" "$(cat "$tmp/stderr")"; fi
            done
        done
    done <"$cuda_folder/calls"
    # what measures the device, each call failing once
    local speeds="$build/tests/bench/gpu_speeds" got
    SHIM_CALLS="$cuda_folder/calls_measure" timeout 60 "$speeds" >"$tmp/stdout" 2>"$tmp/stderr"
    got=$?
    if [ $got -eq 0 ] && grep -q '"launch": [0-9]' "$tmp/stdout"; then ok; else bad "gpu_speeds: exit code $got" "$(cat "$tmp/stderr")"; fi
    while read -r symbol calls; do
        case "$symbol" in cuMemFree* | cuModuleUnload | cuStreamSynchronize | cuStreamDestroy* | cuEventDestroy* | cuGraph*Destroy | nvrtc*) continue ;; esac
        SHIM_FAIL="$symbol:1:719" timeout 60 "$speeds" >"$tmp/stdout" 2>"$tmp/stderr"
        got=$?
        if [ $got -eq 3 ] && grep -qE 'error\[E62[1-6]\]' "$tmp/stderr"; then ok; else bad "gpu_speeds, call 1 of $symbol fails: exit code $got" "$(cat "$tmp/stderr")"; fi
    done <"$cuda_folder/calls_measure"
    # arrays that do not fit arrive piece by piece, and are not asked for when they do
    if grep -q cuEventRecord "$cuda_folder/calls"; then ok; else bad "tests/cuda/stream.amal is not streamed"; fi
    script=tests/cuda/stream.amal
    streamed $script differential factorize 160000
    streamed $script single factorize 100000
    # floats take half the memory: what is streamed as doubles fits
    cuda_calls $script factorize 160000 --precision single
    if ! grep -q cuEventRecord "$cuda_folder/calls"; then ok; else bad "tests/cuda/stream.amal in single precision is streamed"; fi
    cuda_calls $script factorize 1000000000
    if ! grep -q cuEventRecord "$cuda_folder/calls" && grep -q cuGraphLaunch "$cuda_folder/calls"; then ok; else bad "what fits is not streamed, and its loop is a graph" "$(cat "$cuda_folder/calls")"; fi
}

# What cuBLAS is asked for, and what happens without it.
cuda_products() {
    local script="$cuda_folder/wide.amal" base="$tmp/wide.amal.differential.json" way memory symbol calls n code got none="$cuda_folder/no_blas"
    for way in factorize materialize; do
        SHIM_CALLS="$cuda_folder/calls_blas" AMAL="$amal" JSON_TOOL="$json" tests/one_case.sh differential "$script" "$base" cuda $way >"$tmp/out"
        if [ -s "$tmp/out" ]; then bad "wide products, $way" "$(cat "$tmp/out")"; else ok; fi
        for symbol in cublasDsyrk_v2 cublasDgemm_v2 cuGraphLaunch; do
            if grep -q "^$symbol" "$cuda_folder/calls_blas"; then ok; else bad "wide products, $way: $symbol" "$(cat "$cuda_folder/calls_blas")"; fi
        done
    done
    # sums stay where the carried value that they read is overwritten
    AMAL="$amal" JSON_TOOL="$json" tests/one_case.sh differential "$script" "$base" cuda materialize rotate >"$tmp/out"
    if [ -s "$tmp/out" ]; then bad "wide products, without rotate" "$(cat "$tmp/out")"; else ok; fi
    # the least memory in which it runs: T arrives piece by piece, and sums go on from one to the next
    for ((memory = 2000000; memory < 20000000; memory += 400000)); do
        SHIM_CALLS="$cuda_folder/calls_blas" SHIM_MEMORY=$memory AMAL="$amal" JSON_TOOL="$json" tests/one_case.sh differential "$script" "$base" cuda materialize >"$tmp/out"
        grep -q E624 "$tmp/out" || break
    done
    if [ -s "$tmp/out" ] || ! grep -q cuEventRecord "$cuda_folder/calls_blas"; then bad "wide products, streamed" "$(cat "$tmp/out" "$cuda_folder/calls_blas")"; else ok; fi
    while read -r symbol calls; do
        case "$symbol" in cublas*) ;; *) continue ;; esac
        for n in 1 "$calls"; do
            for code in 3 13; do # no memory; it failed
                SHIM_FAIL="$symbol:$n:$code" SHIM_MEMORY=$memory timeout 60 "$amal" run "$script" --backend cuda --strategy materialize --quiet >"$tmp/stdout" 2>"$tmp/stderr"
                got=$?
                if [ $got -eq 3 ] && grep -qE 'error\[E62[45]\].*cuBLAS' "$tmp/stderr"; then ok; else bad "call $n of $symbol returns $code: exit code $got" "$(cat "$tmp/stderr")"; fi
            done
        done
    done <"$cuda_folder/calls_blas"
    mkdir -p "$none/lib64"
    cp "$shim/lib64/libcuda.so.1" "$none/lib64/libcuda.so.1"
    cp "$shim/lib64/libcuda.so.1" "$none/lib64/libnvrtc.so.13"
    echo 'int nothing_here;' | ${CC:-cc} -shared -fPIC -x c -o "$none/lib64/libcublas.so.13" -
    CUDA_HOME="$none" AMAL="$amal" JSON_TOOL="$json" SHIM_CALLS="$cuda_folder/calls_blas" tests/one_case.sh differential "$script" "$base" cuda factorize >"$tmp/out"
    if [ -s "$tmp/out" ] || grep -q cublas "$cuda_folder/calls_blas"; then bad "wide products without cuBLAS" "$(cat "$tmp/out")"; else ok; fi
    CUDA_HOME="$none" timeout 60 "$amal" run "$script" --backend cuda --quiet >/dev/null 2>"$tmp/stderr"
    if [ "$(grep -c 'warning\[W608\]' "$tmp/stderr")" = 4 ]; then ok; else bad "W608 says that cuBLAS is missing, once for each training" "$(cat "$tmp/stderr")"; fi
    CUDA_HOME="$none" "$amal" doctor >"$tmp/stdout"
    if grep -qE '^ +-- +cuBLAS +cuBLAS is too old' "$tmp/stdout"; then ok; else bad "amal doctor without cuBLAS" "$(cat "$tmp/stdout")"; fi
}
# Rows that are found on the GPU are those that the host finds, and it is said where they were found.
cuda_joins() {
    local script="$cuda_folder/star.amal" twice="$cuda_folder/twice.amal" run symbol got
    timeout 900 "$build/tests/differential/random_mappings" --count 400 --seed 7000 --compiled 0 --gpu 1 >"$tmp/out" 2>&1
    add_counts "random_mappings --gpu" $? "$tmp/out"
    awk 'BEGIN { print "a,b,c,y"; for (r = 0; r < 400000; r++) printf "%d,%s,%d,%d\n", (r * 7919) % 61, "t" (r * 31 % 53), r % 100 ? (r * r) % 47 : -1, r % 9 }' >"$cuda_folder/star_facts.csv"
    awk 'BEGIN { print "k,x"; for (r = 0; r < 60; r++) printf "%d,%d\n", 59 - r, r % 11 }' >"$cuda_folder/star_a.csv"
    awk 'BEGIN { print "k,x"; for (r = 0; r < 50; r++) printf "t%d,%d\n", r, r % 7 }' >"$cuda_folder/star_b.csv"
    awk 'BEGIN { print "k,x,n"; for (r = 0; r < 47; r++) printf "%d,%d,%d\n", r, r % 5, r % 8 }' >"$cuda_folder/star_c.csv"
    awk 'BEGIN { print "n,x"; for (r = 0; r < 7; r++) printf "%d,%d\n", r, r }' >"$cuda_folder/star_n.csv"
    cat >"$script" <<'S'
source F from "star_facts.csv";
source A from "star_a.csv";
source B from "star_b.csv";
source C from "star_c.csv";
source N from "star_n.csv";
target T { y: label num, a: feature num, b: feature num, c: feature num missing 0, n: feature num missing 0 }
F(a: a, b: b, c: c, y: y), A(k: a, x: p), B(k: b, x: q), C(k: c, n: m, x: r)?, N(n: m, x: u)? -> T(y: y, a: p, b: q, c: r, n: u);
algorithm sums() { fit(X: [n, d], y: [n, 1]) { w = X' @ y; return w; } }
train s = sums() on T;
S
    sed 's/star_b.csv/star_b2.csv/' "$script" >"$twice"
    { cat "$cuda_folder/star_b.csv" && echo t3,1; } >"$cuda_folder/star_b2.csv"
    run=(timeout 300 "$amal" run "$script" --no-cache)
    "${run[@]}" --backend c --quiet --json "$tmp/star.c.json" >/dev/null 2>"$tmp/stderr" || bad "$script (c)" "$(cat "$tmp/stderr")"
    SHIM_CALLS="$cuda_folder/calls_join" "${run[@]}" --backend cuda --json "$tmp/star.json" >"$tmp/out" 2>&1
    if grep -q '^  joined on the GPU$' "$tmp/out" && "$json" compare "$tmp/star.c.json" "$tmp/star.json" 1e-9 >>"$tmp/out" 2>&1; then ok; else bad "a join on the GPU" "$(cat "$tmp/out")"; fi
    timeout 300 "$amal" run "$twice" --no-cache --backend cuda >"$tmp/out" 2>&1
    if grep -q '^  joined on the host: a table has two rows of one key$' "$tmp/out"; then ok; else bad "a join that the GPU does not make" "$(cat "$tmp/out")"; fi
    timeout 60 "$amal" run tests/differential/star_linear.amal --no-cache --backend cuda >"$tmp/out" 2>&1
    if grep -q '^  joined on the host: its tables are too small' "$tmp/out"; then ok; else bad "a join that does not pay" "$(cat "$tmp/out")"; fi
    [ -z "${AMAL_TEST_GPU:-}" ] || return # what follows is the shim's
    SHIM_MEMORY=1000000 "${run[@]}" --backend cuda >"$tmp/out" 2>&1
    if grep -q "^  joined on the host: the GPU's memory is too small" "$tmp/out"; then ok; else bad "a join without memory" "$(cat "$tmp/out")"; fi
    for symbol in cuMemGetInfo_v2 cuMemAlloc_v2 cuMemsetD8Async cuMemcpyHtoDAsync_v2 cuMemcpyDtoHAsync_v2 cuLaunchKernel cuModuleLoadData cuModuleGetFunction cuStreamSynchronize; do
        SHIM_FAIL="$symbol:1:719" "${run[@]}" --backend cuda --quiet >"$tmp/stdout" 2>"$tmp/stderr"
        got=$?
        if [ $got -eq 3 ] && grep -q 'error\[E625\]' "$tmp/stderr"; then ok; else bad "a join where call 1 of $symbol fails: exit code $got" "$(cat "$tmp/stderr")"; fi
    done
}

if [ -n "${AMAL_TEST_GPU:-}" ]; then
    if "$amal" doctor | grep -qE '^ +ok +GPU'; then
        cuda_differential
        random_gpu 40
        random_gpu 12 --any-order
        random_gpu 12 --plain
        random_gpu 12 --products
        cuda_joins
        random_gpu 12 --single
        cuda_sanitized
    else
        bad "make test-gpu" "$("$amal" doctor | grep -A1 GPU)"
    fi
elif command -v "${SHIM_CXX:-c++}" >/dev/null && [ -e "$shim/lib64/libcuda.so.1" ]; then
    export CUDA_HOME="$shim"
    cuda_differential
    random_cuda --count 14
    SHIM_ORDER=backward random_cuda --count 14
    SHIM_ORDER=mixed random_cuda --count 14
    random_cuda --count 4 --any-order
    random_cuda --count 30 --products
    cuda_products
    cuda_joins
    random_cuda --count 8 --single
    cuda_errors
    cuda_streams_sparse
    cuda_gives_way
    cuda_profiled
    # shellcheck source=tests/cuda_auto.sh
    . tests/cuda_auto.sh
    auto_run
    built_runs
    unset CUDA_HOME
else
    skip "emitted CUDA on the CPU" "there is no C++ compiler (c++), which tests/cuda/shim.c runs"
fi
