# shellcheck shell=bash
# Programs that carry code for GPUs. Sourced by cuda.sh: built_for_gpus by real NVRTC, where it is, built_runs on the shim.

built="$cuda_folder/built"
mkdir -p "$built/data" "$built/other" "$built/a" "$built/b"
{
    echo "key,a,b,y"
    for i in $(seq 40); do echo "k$((i % 7)),$i.5,$((i * i % 17)),$((3 * i - i * i % 17 + i * 7919 % 23))"; done
} >"$built/data/rows.csv"
{ echo "key,p,kind" && for i in 0 1 2 3 4 5 6; do echo "k$i,$((10 + i * i)),c$((i % 3))"; done; } >"$built/data/keys.csv"
cp "$built"/data/*.csv "$built/other/"
sed -i 's/,c2$/,c9/; $a k7,3,elsewhere' "$built/other/keys.csv"
echo 'k7,4,5,6' >>"$built/other/rows.csv"
cat >"$built/data/s.amal" <<'END'
param rate = 0.125;
param lambda = 2;
source rows from "rows.csv";
source keys from "keys.csv";
key keys(key);
target T { y: label num, a: feature num, b: feature num, p: feature num, kind: feature onehot }
rows(key: k, a: a, b: b, y: y) & keys(key: k, p: p, kind: c) -> T(y: y, a: a, b: b, p: p, kind: c);
train m = ridge(lambda = lambda) on T;
train g = linear_regression(iterations = 9, step = rate, standardize = true) on T;
evaluate g on T with rmse;
print sum(features(T));
print m.w;
END
cp "$built/data/s.amal" "$built/other/"
# built_says CODE TEXT COMMAND: exit code, and a text among what it says; no kernels of other runs are there
built_says() {
    local code=$1 text=$2 got
    shift 2
    AMAL_CACHE="$built/cache" timeout 300 "$@" >"$tmp/stdout" 2>"$tmp/stderr"
    got=$?
    if [ "$got" -ne "$code" ]; then bad "$*" "exit code $got instead of $code: $(cat "$tmp/stderr")"
    elif [ -n "$text" ] && ! grep -qF -- "$text" "$tmp/stdout" "$tmp/stderr"; then bad "$*" "no \`$text\` in: $(cat "$tmp/stdout" "$tmp/stderr")"
    else ok; fi
}
built_same() { # name, folder of the data: what the program reported is what the interpreter finds
    "$amal" run "$built/$2/s.amal" "${@:3}" --backend interp --strategy materialize --json "$tmp/built_interp.json" --quiet >/dev/null 2>&1
    if "$json" compare "$tmp/built_interp.json" "$tmp/built.json" 1e-9 >"$tmp/diff" 2>&1; then ok; else bad "$1" "$(cat "$tmp/diff")"; fi
}

# By NVRTC: it builds, the same bytes twice, and says what it lacks where it starts.
built_for_gpus() {
    local script="$built/data/s.amal"
    built_says 0 "and for GPUs (sm_80 and newer ones)" "$amal" build "$script" --backend cuda --gpu-arch sm_80 -o "$built/a/s"
    built_says 0 "" "$amal" build "$script" --backend cuda --gpu-arch sm_80,sm_80 -o "$built/b/s"
    if cmp "$built/a/s" "$built/b/s" >"$tmp/diff" 2>&1; then ok; else bad "two builds for a GPU" "$(cat "$tmp/diff")"; fi
    if grep -qa '\.target sm_80' "$built/a/s" && grep -qa '^//.*NVVM' "$built/a/s"; then ok; else bad "PTX is in the program"; fi
    built_says 3 "E626" "$amal" build "$script" --backend cuda --gpu-arch sm_80,sm_12 -o "$built/a/t"
    built_says 2 "--gpu-arch sm_80 belongs to --backend cuda or auto" "$amal" build "$script" --gpu-arch sm_80 -o "$built/a/t"
    CUDA_HOME="$cuda_folder/none" built_says 0 "" "$built/a/s" --data "$built/data" --backend c --json "$tmp/built.json" --quiet
    built_same "a program for a GPU, on the CPU" data
    if "$amal" doctor | grep -qE '^ +ok +GPU'; then
        built_says 0 "" "$built/a/s" --data "$built/data" --json "$tmp/built.json" --quiet
        built_same "a program for a GPU, on it" data
    else
        built_says 3 "E620" "$built/a/s" --data "$built/data"
    fi
}

# On the shim: from a build to results, with no NVRTC where it runs unless said.
built_runs() {
    local script="$built/data/s.amal" program="$built/a/p" alone="$cuda_folder/alone" strategy
    mkdir -p "$alone/lib64"
    cp "$shim/lib64/libcuda.so.1" "$alone/lib64/"
    echo 'int nothing_here;' | ${CC:-cc} -shared -fPIC -x c -o "$alone/lib64/libnvrtc.so.13" -
    built_says 0 "" "$amal" build "$script" --backend cuda --gpu-arch sm_80 -o "$program"
    rm -rf "$built/cache/kernels"
    for strategy in auto factorize materialize; do
        CUDA_HOME="$alone" built_says 0 "cuda backend" "$program" --data "$built/data" --strategy $strategy --json "$tmp/built.json"
        if [ -s "$tmp/stderr" ]; then bad "a program on a GPU, $strategy" "$(cat "$tmp/stderr")"; else ok; fi
        built_same "a program on a GPU, $strategy" data
    done
    CUDA_HOME="$alone" built_says 0 "" "$program" --data "$built/data" --sort always --json "$tmp/built.json" --quiet
    built_same "a program on a GPU, sorted" data
    # numbers of params are no part of the code
    CUDA_HOME="$alone" built_says 0 "" "$program" --data "$built/data" --rate 0.5 --lambda 3 --json "$tmp/built.json" --quiet
    built_same "a program on a GPU, other params" data --set rate=0.5 --set lambda=3
    if [ -e "$built/cache/kernels" ]; then bad "a program with its code compiled some" "$(ls "$built/cache/kernels")"; else ok; fi
    # newer devices take PTX, older ones nothing; what is missing is compiled where NVRTC is
    SHIM_CAPABILITY=86 CUDA_HOME="$alone" built_says 0 "" "$program" --data "$built/data" --quiet
    SHIM_CAPABILITY=120 CUDA_HOME="$alone" built_says 0 "" "$program" --data "$built/data" --quiet
    built_says 0 "" "$amal" build "$script" --backend cuda --gpu-arch sm_100,sm_90 -o "$built/a/newer"
    SHIM_CAPABILITY=80 CUDA_HOME="$alone" built_says 3 "E628" "$built/a/newer" --data "$built/data"
    if grep -q 'for shim 0 (compute capability 8.0)' "$tmp/stderr" && grep -q 'it has code for sm_90, sm_100, compute_100:' "$tmp/stderr"; then ok; else bad "what code there is" "$(cat "$tmp/stderr")"; fi
    SHIM_CAPABILITY=80 built_says 0 "is compiled now: its code is for GPUs of other kinds" "$built/a/newer" --data "$built/data" --json "$tmp/built.json"
    built_same "code for other GPUs, compiled" data
    SHIM_CAPABILITY=90 CUDA_HOME="$alone" built_says 0 "" "$built/a/newer" --data "$built/data" --quiet
    CUDA_HOME="$alone" built_says 3 "E628" "$program" --data "$built/other"
    if grep -q 'other sizes than when it was built' "$tmp/stderr"; then ok; else bad "why there is no code" "$(cat "$tmp/stderr")"; fi
    built_says 0 "is compiled now: the data or params have other sizes" "$program" --data "$built/other" --json "$tmp/built.json"
    built_same "other data, compiled" other
    # no GPU: said, with the CPU's code at hand
    SHIM_DEVICES=0 built_says 3 "E621" "$program" --data "$built/data"
    CUDA_HOME="$cuda_folder/empty" built_says 3 "E620" "$program" --data "$built/data"
    SHIM_DEVICES=0 CC=/nonexistent/cc built_says 0 "c backend" "$program" --data "$built/data" --backend c
    # auto in a program: by what was measured
    built_says 0 "" "$amal" build "$script" --backend auto --gpu-arch sm_80 -o "$built/a/auto"
    CUDA_HOME="$alone" built_says 0 "no GPU was measured" "$built/a/auto" --data "$built/data"
    mkdir -p "$built/cache/estimator"
    cp "$auto_cache/estimator/gpu" "$built/cache/estimator/gpu" # a fast one
    CUDA_HOME="$alone" built_says 0 "cuda backend" "$built/a/auto" --data "$built/data"
    if grep -q 'c backend' "$tmp/stdout"; then bad "auto in a program" "$(cat "$tmp/stdout")"; else ok; fi
    SHIM_DEVICES=0 CC=/nonexistent/cc built_says 0 "c backend" "$built/a/auto" --data "$built/data"
    # a library
    built_says 0 "" "$amal" build "$script" --backend cuda --gpu-arch sm_80 --shared -o "$built/a/libs.so"
    cat >"$built/use.c" <<'END'
#include "s.h"
#include <stdio.h>
int main(int n, char **folder) {
    const double *v;
    size_t rows, columns;
    s_model *m;
    int code = n < 2 ? 2 : s_train(folder[1], 0, &m);
    if (!code) code = s_parameter(m, "m.w", &v, &rows, &columns);
    if (code) return fputs(s_message(), stderr), code;
    for (size_t i = 0; i < rows * columns; i++) printf("%.9g\n", v[i]);
    s_free(m);
    return 0;
}
END
    if ${CC:-cc} -I"$built/a" -o "$built/a/use" "$built/use.c" -L"$built/a" -ls -Wl,-rpath,"$built/a" >"$tmp/out" 2>&1; then ok; else bad "a program that uses the library" "$(cat "$tmp/out")"; fi
    CUDA_HOME="$alone" SHIM_CALLS="$tmp/library_calls" built_says 0 "" "$built/a/use" "$built/data"
    cp "$tmp/stdout" "$tmp/on_gpu"
    if grep -q cuLaunchKernel "$tmp/library_calls"; then ok; else bad "a library runs on the GPU" "$(cat "$tmp/library_calls")"; fi
    "$amal" run "$script" --backend interp --json "$tmp/built.json" --quiet >/dev/null 2>&1
    if awk 'NR == FNR { want[NR] = $1; n = NR; next } { d = $1 - want[FNR]; if (d < 0) d = -d; if (d > 1e-7 * (1 + (want[FNR] < 0 ? -want[FNR] : want[FNR]))) bad = 1 }
        END { exit bad || FNR != n || !n }' <(grep -oE '"m": \{[^}]*"w": \{"shape": [^]]*\], "values": \[[^]]*' "$tmp/built.json" | sed 's/.*\[//' | tr ',' '\n') "$tmp/on_gpu"; then ok; else bad "a library's parameters" "$(cat "$tmp/on_gpu")"; fi
    SHIM_DEVICES=0 built_says 3 "E621" "$built/a/use" "$built/data"
    # C that is kept can be built by hand
    built_says 0 "" "$amal" build "$script" --backend cuda --gpu-arch sm_80 --keep-c "$built/kept" -o "$built/a/p2"
    if [ -s "$built/kept/images.bin" ] && ${CC:-cc} -Wa,-I,"$built/kept" -w -c -o "$built/kept/program.o" "$built/kept/program.c" 2>"$tmp/out"; then ok; else bad "--keep-c with code for GPUs" "$(cat "$tmp/out")"; fi
}
