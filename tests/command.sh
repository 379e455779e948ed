# command.sh: what the command does beside running scripts; sourced by run_tests.sh, which provides ok, bad, $amal, $tmp.

# expect CODE "text that must appear in the output" arguments...
expect() {
    local code=$1 text=$2 got
    shift 2
    (cd "$tmp/command" && timeout 60 "$amal" "$@" >"$tmp/stdout" 2>"$tmp/stderr")
    got=$?
    if [ "$got" -ne "$code" ]; then bad "amal $*" "exit code $got instead of $code: $(cat "$tmp/stderr")"
    elif [ -n "$text" ] && ! grep -qF -- "$text" "$tmp/stdout" "$tmp/stderr"; then bad "amal $*" "no \`$text\` in: $(cat "$tmp/stdout" "$tmp/stderr")"
    else ok; fi
}
# holds NAME command...: the command succeeds
holds() {
    local name=$1
    shift
    if (cd "$tmp/command" && "$@") >"$tmp/stdout" 2>&1; then ok; else bad "$name" "$(cat "$tmp/stdout")"; fi
}

mkdir -p "$tmp/command"
cat >"$tmp/command/points.csv" <<'END'
id,a,b,y
p,1,2,5
q,2,1,4
r,3,5,13
s,4,4,12
t,5,9,23
u,6,1,8
END
cat >"$tmp/command/points.amal" <<'END'
param lambda = 0;
source S from "points.csv" { id: text, a: num, b: num, y: num }
target T { id: id, y: label num, a: feature num, b: feature num }
S(i, a, b, y) -> T(i, y, a, b);
train m = ridge(lambda = lambda) on T;
evaluate m on T with rmse;
predict m on T to "predicted.csv";
save m to "points.model";
export T to "exported.csv" with provenance;
print nrow(features(T)) + lambda;
END
sed -e 's/^train.*/load m from "points.model";/' -e '/^save/d' -e '/^export/d' -e 's/predicted/again/' "$tmp/command/points.amal" >"$tmp/command/loaded.amal"

# the command line
expect 2 "amal help" nonsense-command-far-from-any
expect 2 "did you mean run?" rnu points.amal
expect 2 "did you mean: amal run points.amal?" points.amal
expect 2 "did you mean --strategy?" run points.amal --stratgy auto
expect 2 "there is no option --zzzzzzzz" run points.amal --zzzzzzzz
expect 2 "wants a value" run points.amal --json
expect 2 "--threads" run points.amal --threads none
expect 2 "--max-rows" run points.amal --max-rows 0
expect 2 "auto|c|cuda|interp" run points.amal --backend fortran
expect 2 "did you mean factorize?" run points.amal --strategy factorise
expect 2 "fmt takes no --threads" fmt points.amal --threads 2
expect 2 "is not known" run points.amal --disable nothing-of-the-kind
expect 2 "NAME=value" run points.amal --set lambda
expect 2 "-Wnonsense" run points.amal -Wnonsense
expect 2 "takes no value" run points.amal --quiet=1
expect 2 "wants an argument: amal run FILE.amal" run
expect 2 "takes at most 1 argument, not 2" run points.amal loaded.amal
expect 2 "takes no arguments" doctor now
expect 2 "not built into version" bench
expect 2 "not built into version" bench
expect 0 "amal 0.1.0" --version
expect 0 "amal run" help
expect 2 "amal run"
expect 0 "--max-rows N" run --help
expect 2 "did you mean run?" help rum
expect 2 "bash, zsh or fish" help completion tcsh
if "$amal" doctor | grep -qE '^ +-- +DuckDB'; then
    expect 3 "Some scripts will not run" doctor
    skip "amal doctor where all is there" "libduckdb was not found"
else
    expect 0 "Everything that scripts need is here" doctor
fi
expect 0 "" explain E131
expect 1 "cannot be read" run missing.amal
expect 1 "cannot be read" check "$tmp"
expect 1 "E119" run points.amal --set lamda=1
expect 1 "did you mean \`lambda\`?" run points.amal --set lamda=1
expect 1 "E119" run points.amal --set lambda=many

# a run, its outputs, and the same model from its file
expect 0 "no errors" check points.amal
expect 0 "m on T:  rmse" run points.amal
holds "predictions are written beside the ids" grep -q '^p,5' predicted.csv
holds "a row each" test "$(wc -l <"$tmp/command/predicted.csv")" -eq 7
holds "provenance is exported" grep -q 'S.row' exported.csv
expect 0 "rmse" run loaded.amal
holds "the loaded model predicts the same" cmp predicted.csv again.csv
expect 0 "= 8.5" run points.amal --set lambda=2.5
expect 0 "" run points.amal --json out.json --quiet
holds "the JSON object can be read" "$json" get out.json evaluate/m/T/rmse
holds "its rows" test "$("$json" get "$tmp/command/out.json" targets/T/rows)" = 6
expect 0 '"amal": "0.1.0"' run points.amal --json -
cp "$tmp/stdout" "$tmp/command/only.json"
holds "with --json - standard output is JSON alone" "$json" get only.json targets/T/columns
expect 0 "why" explain points.amal
expect 0 "" run points.amal --keep-c kept --backend c
holds "--keep-c keeps the emitted C" sh -c 'ls kept/*.c'
expect 0 "" run points.amal --dump-after all
for pass in $("$amal" help passes); do
    expect 0 "" run points.amal --dump-after "$pass"
    holds "--dump-after $pass prints" grep -q "^# after ${pass/all/simplify}$" "$tmp/stderr"
done
expect 2 "did you mean \`simplify\`" run points.amal --dump-after simplfy
expect 2 "there are: simplify chain settle factorize rotate all" run points.amal --dump-after hoist
# a row that `missing drop` takes away uses nothing
printf 'x,y\n1,2\n2,\n3,\n4,5\n' >"$tmp/command/gaps.csv"
cat >"$tmp/command/gaps.amal" <<'END'
source G from "gaps.csv" { x: num, y: num }
target T { y: label num missing drop, x: feature num }
G(x: x, y: y) -> T(y: y, x: x);
print rowsums(features(T));
END
expect 0 "" run gaps.amal --no-cache --json gaps.json
holds "the report says so" test "$("$json" get "$tmp/command/gaps.json" targets/T/sources/G/used)" = 2
expect 0 "" run points.amal --backend interp --strategy materialize --threads 1
expect 1 "E401" run points.amal --max-rows 5
(cd "$tmp/command" && "$amal" fmt points.amal >formatted.amal && "$amal" fmt formatted.amal >twice.amal)
holds "formatting twice changes nothing more" cmp formatted.amal twice.amal
expect 0 "rmse" run formatted.amal

# two runs are byte-identical but for the times
expect 0 "" run points.amal --json one.json --quiet
expect 0 "" run points.amal --json two.json --quiet
holds "two runs agree byte for byte" sh -c 'sed "/seconds/d" one.json >a; sed "/seconds/d" two.json >b; cmp a b'

# damaged and foreign model files are refused
cp "$tmp/command/points.model" "$tmp/command/good.model"
damaged() { # name, code
    cp "$tmp/command/$1" "$tmp/command/points.model"
    expect 1 "$2" run loaded.amal
}
printf 'something else entirely\n' >"$tmp/command/foreign.model"
damaged foreign.model E457
sed '1s/1$/9/' "$tmp/command/good.model" >"$tmp/command/newer.model"
damaged newer.model E458
sed 's/iterations [0-9]*/iterations 77/' "$tmp/command/good.model" >"$tmp/command/changed.model"
damaged changed.model E459
for part in 1 20 200 400 4; do
    head -c "$(($(wc -c <"$tmp/command/good.model") * part / (part + 3)))" "$tmp/command/good.model" >"$tmp/command/short.model"
    damaged short.model E45
done
: >"$tmp/command/empty.model"
damaged empty.model E457
rm "$tmp/command/points.model"
expect 1 E450 run loaded.amal
cp "$tmp/command/good.model" "$tmp/command/points.model"
sed -e 's/b: feature num }/b: feature num, c: feature num }/' -e 's/T(i, y, a, b)/T(i, y, a, b, a * b)/' "$tmp/command/loaded.amal" >"$tmp/command/wider.amal"
expect 1 E461 run wider.amal

# outputs that cannot be written leave nothing behind
sed 's#predicted.csv#missing-folder/predicted.csv#' "$tmp/command/points.amal" >"$tmp/command/unwritable.amal"
expect 1 E440 run unwritable.amal
holds "no temporary files stay" sh -c '! ls -A | grep -i tmp'
# what a program is made of is not written over by a report either
cp "$tmp/command/points.csv" "$tmp/command/kept.csv"
expect 1 '"points.csv" is the file of the source' run points.amal --json points.csv
expect 1 '"./points.csv" is the file of the source' run points.amal --html ./points.csv
expect 1 '"points.amal" is the script' explain points.amal --json points.amal
holds "the source is as it was" cmp points.csv kept.csv
expect 1 '"predicted.csv" is a file that the script writes' run points.amal --json predicted.csv
expect 1 '"points.model" is a file that the script loads' run loaded.amal --json points.model
expect 1 '"both" cannot be both' run points.amal --json both --html both

# a missing compiler is said, with the code for it
(cd "$tmp/command" && CC=/nonexistent/cc AMAL_CACHE="$tmp/empty-cache" timeout 60 "$amal" run points.amal >"$tmp/stdout" 2>"$tmp/stderr")
if [ $? -eq 3 ] && grep -q 'E60' "$tmp/stderr"; then ok; else bad "no C compiler" "$(cat "$tmp/stderr")"; fi

# the kernel cache: shared by runs that start at once, never trusted when damaged, and left without temporary files
kernels() { (cd "$tmp/command" && AMAL_CACHE="$tmp/kernel-cache" timeout 60 "$amal" run points.amal --quiet); }
for i in 1 2 3 4 5 6; do kernels >"$tmp/run$i" 2>&1 & done
wait
for i in 2 3 4 5 6; do if cmp -s "$tmp/run1" "$tmp/run$i"; then ok; else bad "runs that share an empty cache" "$(cat "$tmp/run$i")"; fi; done
holds "only kernels stay in the cache" sh -c '! ls -A "$1" | grep -v "\.so$"' sh "$tmp/kernel-cache/kernels"
for size in 0 64 3000; do
    for kernel in "$tmp"/kernel-cache/kernels/*.so; do truncate -s "$size" "$kernel"; done
    kernels >"$tmp/again" 2>&1
    if cmp -s "$tmp/run1" "$tmp/again"; then ok; else bad "kernels cut to $size bytes" "$(cat "$tmp/again")"; fi
done
for kernel in "$tmp"/kernel-cache/kernels/*.so; do printf damaged | dd of="$kernel" bs=1 seek=5000 conv=notrunc status=none; done
kernels >"$tmp/again" 2>&1
if cmp -s "$tmp/run1" "$tmp/again"; then ok; else bad "kernels with other bytes" "$(cat "$tmp/again")"; fi
holds "a cache that cannot be used is said" sh -c 'AMAL_CACHE="$2/points.csv/x" "$1" run points.amal --backend c 2>&1 | grep -q "warning\[W603\]: .*/points.csv/x/kernels cannot be used (Not a directory): /tmp/amal-.* is used instead"' sh "$amal" "$tmp/command"

# what a compiler says of itself is asked once, and again when its file changes; of a script, which may start anything, each time
asked() { (cd "$tmp/command" && rm -f "$tmp/asked" && CC="$tmp/command/$1" AMAL_CACHE="$tmp/asked-cache" "$amal" run points.amal --quiet --backend c >/dev/null && cat "$tmp/asked" 2>/dev/null | grep -c -- --version); }
cat >"$tmp/command/front.c" <<END
#include <stdio.h>
#include <unistd.h>
int main(int n, char **v) {
    FILE *f = fopen("$tmp/asked", "a");
    for (int i = 1; i < n; i++) fprintf(f, "%s\n", v[i]);
    fclose(f);
    v[0] = "${CC:-cc}";
    execvp(v[0], v);
    return 1;
}
END
printf '#!/bin/sh\nexec "%s" "$@"\n' "$tmp/command/front" >"$tmp/command/script"
chmod +x "$tmp/command/script"
if ${CC:-cc} -o "$tmp/command/front" "$tmp/command/front.c" 2>/dev/null; then
    got="$(asked front) $(asked front) $(touch "$tmp/command/front" && asked front) $(asked front) $(asked script) $(asked script)"
    if [ "$got" = "1 0 1 0 1 1" ]; then ok; else bad "how often the compiler is asked for its version" "$got"; fi
    for memo in "$tmp"/asked-cache/compilers/*; do printf x | dd of="$memo" bs=1 seek=40 conv=notrunc status=none; done
    if [ "$(asked front)" = 1 ]; then ok; else bad "a damaged version is asked for again" "$(ls -l "$tmp/asked-cache/compilers")"; fi

    # functions are compiled side by side, one unit for each thread at most, and make the same kernel
    units() { (cd "$tmp/command" && rm -f "$tmp/asked" && CC="$tmp/command/front" AMAL_CACHE="$tmp/units-cache-$1" "$amal" run units.amal --quiet --backend c --threads "$1" >"$tmp/units$1" && grep -cx -- -c "$tmp/asked"); }
    sed '/^train/,$d' "$tmp/command/points.amal" >"$tmp/command/units.amal"
    printf 'train m = kmeans(k = 2, iterations = 5) on T;\nprint m.C;\n' >>"$tmp/command/units.amal"
    got="$(units 1) $(units 2)"
    if [ "${got#* }" -gt "${got% *}" ] && cmp -s "$tmp/units1" "$tmp/units2"; then ok; else bad "units that are compiled side by side" "$got: $(cat "$tmp/units1" "$tmp/units2")"; fi
    holds "only kernels stay where units were compiled" sh -c '! ls -A "$1" | grep -v "\.so$"' sh "$tmp/units-cache-2/kernels"
else
    skip "how often the compiler is asked" "CC is not one word"
    skip "units that are compiled side by side" "CC is not one word"
fi
holds "CC may name arguments" env CC="${CC:-cc} -O1" AMAL_CACHE="$tmp/other-cache" "$amal" run points.amal --backend c

# emitted text depends on the script and the schema: not on the run, the number of rows, or the numbers of the script
mkdir -p "$tmp/command/more"
cp "$tmp/command/points.amal" "$tmp/command/more/"
cp "$tmp/command/points.csv" "$tmp/command/more/"
for i in 1 2 3 4 5 6 7 8 9; do echo "more$i,$i,$((i * i % 7)),$((i % 4))"; done >>"$tmp/command/more/points.csv"
holds "emitted text" sh -c '"$1" run points.amal --set lambda=3 --keep-c one && "$1" run points.amal --set lambda=3 --keep-c two && diff -r one two &&
    "$1" run points.amal --set lambda=7 --keep-c two && diff -r one two && "$1" run more/points.amal --set lambda=3 --keep-c two && diff -r one two' sh "$amal"

# what emitted code and the interpreter say alike: columns that are not there; a carried value may start infinite, but not become so
cat >"$tmp/command/carried.amal" <<'END'
use "points.amal";
param at = 1;
let X = features(T);
algorithm smallest(column = 1) {
  fit(X: [n, d], y: [n, 1]) {
    best = 1 / 0;
    repeat 3 { best = pmin(best, sum(tanh(X @ ones(ncol(X), 4))[, column * ones(2, 1)])); }
    return best;
  }
  predict(X: [m, d]) { return rowsums(X) + best; }
}
train s = smallest(column = at) on T;
print s.best;
END
for backend in c interp; do
    expect 0 "11.98021479" run carried.amal --backend "$backend"
    expect 1 E406 run carried.amal --backend "$backend" --set at=5
    expect 1 E406 run carried.amal --backend "$backend" --set at=1.5
done

# ctrl-C: the training stops, nothing half-written stays, the exit code is 130
cat >"$tmp/command/long.amal" <<'END'
source S from "points.csv" { id: text, a: num, b: num, y: num }
target T { y: label num, a: feature num, b: feature num }
S(_, a, b, y) -> T(y, a, b);
algorithm forever(steps = 1e12) {
  fit(X: [n, d], y: [n, 1]) {
    w = zeros(ncol(X), 1);
    repeat steps { w = w - 1e-6 * (X' @ sigmoid(X @ w - y)); }
    return w;
  }
}
train m = forever() on T;
END
# a join that looks at 10^11 pairs of rows, one that makes 2 * 10^8 rows, and a pipe whose writer says nothing
seq -f 'k,%.0f' 1 300000 | sed '1i k,x' >"$tmp/command/many.csv"
seq -f 'k,%.0f' 1 700 | sed '1i k,x' >"$tmp/command/some.csv"
cat >"$tmp/command/pairs.amal" <<'END'
source A from "many.csv" { k: text, x: num }
source B from "many.csv" { k: text, x: num }
target T { x: feature num }
A(k: k, x: x) & B(k: k, x: z) & x < z - 1e9 -> T(x: x);
print nrow(features(T));
END
cat >"$tmp/command/rows.amal" <<'END'
source A from "some.csv" { k: text, x: num }
source B from "many.csv" { k: text, x: num }
target T { x: feature num, z: feature num }
A(k: k, x: x) & B(k: k, x: z) -> T(x: x, z: z);
option max_rows 2000000000;
print nrow(features(T));
END
mkfifo "$tmp/command/pipe.csv"
sleep 60 >"$tmp/command/pipe.csv" &
writer=$!
sed 's/many.csv/pipe.csv/' "$tmp/command/pairs.amal" >"$tmp/command/pipe.amal"
for what in interp c pairs rows pipe; do
    script=long.amal options="--backend $what"
    case $what in pairs | rows | pipe) script=$what.amal options= ;; esac
    # shellcheck disable=SC2086
    (cd "$tmp/command" && exec "$amal" run $script $options >"$tmp/stdout" 2>"$tmp/stderr") &
    running=$!
    sleep 1
    kill -INT "$running"
    for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$running" 2>/dev/null && sleep 0.5; done
    if kill -0 "$running" 2>/dev/null; then
        kill -KILL "$running"
        wait "$running" 2>/dev/null
        bad "ctrl-C ($what)" "the run goes on five seconds later"
    else
        wait "$running"
        code=$?
        if [ $code -eq 130 ] && grep -q E460 "$tmp/stderr"; then ok; else bad "ctrl-C ($what)" "exit code $code: $(cat "$tmp/stderr")"; fi
    fi
done
kill "$writer"
wait "$writer" 2>/dev/null
