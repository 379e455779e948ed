# build.sh: programs that `amal build` makes; sourced by run_tests.sh, which provides ok, bad, skip, $amal, $json, $tmp.

# said CODE TEXT command...: exit code, and a text among what it says
said() {
    local code=$1 text=$2 got
    shift 2
    timeout 120 "$@" >"$tmp/stdout" 2>"$tmp/stderr"
    got=$?
    if [ "$got" -ne "$code" ]; then bad "$*" "exit code $got instead of $code: $(cat "$tmp/stderr")"
    elif [ -n "$text" ] && ! grep -qF -- "$text" "$tmp/stdout" "$tmp/stderr"; then bad "$*" "no \`$text\` in: $(cat "$tmp/stdout" "$tmp/stderr")"
    else ok; fi
}
silent() { if [ -s "$tmp/stderr" ]; then bad "$1" "$(cat "$tmp/stderr")"; else ok; fi; }
alike() { # name, two JSON reports: the same results
    if "$json" compare "$2" "$3" 1e-9 >"$tmp/diff" 2>&1; then ok; else bad "$1" "$(cat "$tmp/diff")"; fi
}

# a folder of data, a script with params and another that it uses, and the same data grown: more rows; other shops
work="$tmp/built"
mkdir -p "$work/script/parts" "$work/more/parts" "$work/other/parts" "$work/renamed/parts" "$work/text/parts" "$work/out" "$work/away"
{
    echo "id,shop,a,b,y"
    for i in $(seq 60); do echo "$i,s$((i % 4)),$i.5,$((i * i % 17)),$((3 * i - i * i % 17 + i % 4 + i * 7919 % 23))"; done
} >"$work/script/sales.csv"
printf 'shop,area,city\n' >"$work/script/parts/shops.csv"
for i in 0 1 2 3; do echo "s$i,$((10 + i * i)),c$((i % 3))" >>"$work/script/parts/shops.csv"; done
cat >"$work/script/parts/shops.amal" <<'END'
source shops from "shops.csv";
key shops(shop);
END
cat >"$work/script/sales.amal" <<'END'
#!/usr/bin/env amal
# What a sale brings: "quoted", back\slash, a question??=
param lambda = 0.5;
param steps = 30;
param data = 1;
use "parts/shops.amal";
source sales from "sales.csv" { id: int, shop: text, a: num, b: num, y: num }
target T { id: id, y: label num, a: feature num, b: feature num, area: feature num, city: feature onehot }
sales(i, s, a, b, y) & shops(shop: s, area: r, city: c) -> T(i, y, a, b, r, c);
train m = ridge(lambda = lambda) on T;
train g = linear_regression(iterations = steps) on T;
evaluate m on T with rmse;
evaluate g on T with rmse, r2;
predict m on T to "predicted.csv";
for k in {2, 3} { train c = kmeans(k = k, seed = 3) on T; }
print m.w;
END
for d in more other renamed text; do cp "$work"/script/sales.csv "$work/$d/" && cp "$work"/script/parts/shops.csv "$work/$d/parts/" && cp "$work"/script/sales.amal "$work/$d/" && cp "$work"/script/parts/shops.amal "$work/$d/parts/"; done
for i in $(seq 61 200); do echo "$i,s$((i % 4)),$i.25,$((i * i % 13)),$((3 * i - i % 7 + i * 7919 % 29))"; done >>"$work/more/sales.csv"
sed -i 's/,c2$/,c9/; $a s4,31,elsewhere' "$work/other/parts/shops.csv"
echo '61,s4,7,8,9' >>"$work/other/sales.csv"
sed -i '1s/area/surface/' "$work/renamed/parts/shops.csv"
sed -i 's/^s1,[0-9]*/s1,large/' "$work/text/parts/shops.csv"

said 0 "sales: " "$amal" build "$work/script/sales.amal" -o "$work/out/sales"
silent "a build says nothing on standard error"
program="$work/out/sales"
without="$work/without" # runs a command from another folder, with neither a compiler nor kernels of other runs
printf '#!/bin/sh\ncd "%s" && CC=/nonexistent/cc AMAL_CACHE="%s" exec "$@"\n' "$work/away" "$work/no-cache" >"$without"
chmod +x "$without"

# the same results as amal run, whatever the strategy, from any folder
for strategy in auto factorize materialize; do
    "$amal" run "$work/script/sales.amal" --strategy $strategy --json "$work/one.json" --quiet >/dev/null 2>&1
    mv "$work/script/predicted.csv" "$work/predicted.csv"
    said 0 "m on T:  rmse" "$without" "$program" --data "$work/script" --strategy $strategy --json "$work/two.json"
    silent "a program without a compiler, $strategy"
    alike "a program against amal run, $strategy" "$work/one.json" "$work/two.json"
    if cmp -s <(cut -d, -f1 "$work/predicted.csv") <(cut -d, -f1 "$work/script/predicted.csv"); then ok; else bad "predictions of a built program" "$strategy"; fi
done
(cd "$work/script" && said 0 "" "$program" --quiet && cd "$tmp")
said 0 "" "$without" "$program" --data "$work/script" --threads 1 --backend interp --json "$work/two.json" --quiet
alike "a program interpreted" "$work/one.json" "$work/two.json"

# the script's params are options
"$amal" run "$work/script/sales.amal" --set lambda=4 --set steps=7 --set data=2 --json "$work/one.json" --quiet >/dev/null 2>&1
said 0 "" "$without" "$program" --data "$work/script" --lambda 4 --steps=7 --set data=2 --json "$work/two.json" --quiet
silent "other params"
alike "params as options" "$work/one.json" "$work/two.json"
said 0 "--lambda VALUE" "$program" --help
for text in "What a sale brings: \"quoted\", back\\slash, a question??=" "--steps VALUE" "30 unless given" "--set data=VALUE" "--strategy auto|factorize|materialize" \
    "--data DIR" "city: text"; do
    if grep -qF -- "$text" "$tmp/stdout"; then ok; else bad "help of a built program" "no $text in $(cat "$tmp/stdout")"; fi
done
if grep -q -- '--disable' "$tmp/stdout"; then bad "help of a built program" "it lists what it does not take"; else ok; fi
# every option that the help lists is taken, and others are refused
for option in $(sed -nE 's/^  (--[a-z-]+|-W).*/\1/p' "$tmp/stdout"); do
    "$program" "$option=" >"$work/said" 2>&1
    if grep -q 'there is no option' "$work/said"; then [ "$option" = --version ] || bad "sales $option" "$(cat "$work/said")"; else ok; fi
done
said 0 "made by amal" "$program" --version
said 2 "did you mean --lambda?" "$program" --lambdas 3
said 2 "sales takes no --disable" "$program" --disable fuse
said 2 "did you mean factorize?" "$program" --strategy factorise
said 2 "--lambda wants a value" "$program" --lambda
said 2 "no arguments" "$program" sales.csv
said 1 "the param \`lambda\` is a number" "$program" --data "$work/script" --lambda much

# grown data need no compiler; other dictionaries do, or are interpreted, and say so
same_as_run() { # folder, name
    "$amal" run "$work/$1/sales.amal" --json "$work/one.json" --quiet >/dev/null 2>&1
    alike "$2" "$work/one.json" "$work/two.json"
}
said 0 "" "$without" "$program" --data "$work/more" --json "$work/two.json" --quiet
silent "more rows"
same_as_run more "more rows"
said 0 "for want of a C compiler: the data or params have other sizes" "$without" "$program" --data "$work/other" --json "$work/two.json" --quiet
same_as_run other "other shops, interpreted"
said 0 "is compiled now: the data or params have other sizes" "$program" --data "$work/other" --json "$work/two.json" --quiet
same_as_run other "other shops, compiled"
said 0 "" "$program" --data "$work/other" --quiet -Wno-W606
silent "-Wno-W606"
said 3 "E602" "$without" "$program" --data "$work/other" --backend c --quiet

# data of another schema, and none
said 1 "no column is headed \"area\"" "$program" --data "$work/renamed"
if grep -q 'the data have another schema than the one it was built for' "$tmp/stderr"; then ok; else bad "another schema is said" "$(cat "$tmp/stderr")"; fi
said 1 "is not" "$program" --data "$work/text"
if grep -q '"large"' "$tmp/stderr" && grep -q 'another schema' "$tmp/stderr"; then ok; else bad "another type is said" "$(cat "$tmp/stderr")"; fi
said 1 "files are looked for in \`$work/away\`: --data DIR" "$program" --data "$work/away"

# the same build gives the same bytes, wherever it is made; nothing of the place is in them
mkdir -p "$work/elsewhere"
cp -r "$work/script" "$work/elsewhere/"
(cd "$work/elsewhere/script" && TMPDIR="$work/elsewhere" "$amal" build sales.amal -o ../sales --quiet) >"$work/said" 2>&1
if cmp "$program" "$work/elsewhere/sales" >>"$work/said" 2>&1; then ok; else bad "two builds of the same" "$(cat "$work/said")"; fi
if grep -qF "$work" "$program"; then bad "a program that names the folder it was built in"; else ok; fi
if (cd "$work" && ls -A out elsewhere) | grep -E 'amal-|tmp'; then bad "temporary files of a build stay"; else ok; fi

# --target names the processor
if command -v objdump >/dev/null && [ "$(uname -m)" = x86_64 ]; then
    if objdump -d "$program" | grep -qE '%[yz]mm'; then bad "a portable program has code for AVX"; else ok; fi
    said 0 "for processors like this one" "$amal" build "$work/script/sales.amal" -o "$work/out/native" --target native
    if ! grep -qw avx /proc/cpuinfo; then skip "--target native has vectors" "this processor has no AVX"
    elif objdump -d "$work/out/native" | grep -qE '%[yz]mm'; then ok; else bad "--target native does not use this processor"; fi
    "$amal" run "$work/script/sales.amal" --json "$work/one.json" --quiet >/dev/null 2>&1
    said 0 "" "$without" "$work/out/native" --data "$work/script" --json "$work/two.json" --quiet
    silent "a native program"
    alike "a native program against amal run" "$work/one.json" "$work/two.json"
else
    skip "--target" "objdump is not installed, or this is no x86-64"
fi

# a standard library of one's own goes with the program
mkdir -p "$work/stdlib"
cp stdlib/*.amal "$work/stdlib/"
sed -i 's/lambda = 0.1/lambda = 7/' "$work/stdlib"/*.amal
cat >"$work/script/own.amal" <<'END'
source sales from "sales.csv";
target T { y: label num, a: feature num }
sales(a: a, y: y) -> T(y, a);
train m = ridge() on T;
print m.w[1, 1];
let root = cholesky(m.w[1, 1] ^ 2 * eye(2));
print root;
END
AMAL_STDLIB="$work/stdlib" said 0 "from line 6 on, steps depend on what is trained" "$amal" build "$work/script/own.amal" -o "$work/out/own"
AMAL_STDLIB="$work/stdlib" "$amal" run "$work/script/own.amal" --quiet >"$work/one" 2>&1
AMAL_STDLIB=/nonexistent "$work/out/own" --data "$work/script" --quiet >"$work/two" 2>&1
if cmp -s "$work/one" "$work/two"; then ok; else bad "a standard library of one's own" "$(diff "$work/one" "$work/two")"; fi

# what goes wrong is said, and leaves nothing behind
CC=/nonexistent/cc said 3 "E602" "$amal" build "$work/script/sales.amal" -o "$work/out/x"
AMAL_RUNTIME="$work" said 3 "E604" "$amal" build "$work/script/sales.amal" -o "$work/out/x"
said 1 "there is no such folder" "$amal" build "$work/script/sales.amal" -o "$work/none/x"
said 1 "it is a folder" "$amal" build "$work/script/sales.amal" -o "$work/out"
cp "$work/script/sales.csv" "$work/sales.csv"
said 1 "is the file of the source \`sales\`" "$amal" build "$work/script/sales.amal" -o "$work/script/sales.csv"
said 1 "is a script that this one uses" "$amal" build "$work/script/sales.amal" -o "$work/script/parts/shops.amal"
if cmp "$work/sales.csv" "$work/script/sales.csv"; then ok; else bad "a build over a file that it reads"; fi
said 1 "is the script" "$amal" build "$work/script/sales.amal" -o "$work/script/sales.amal"
TMPDIR="$work/none" said 1 "TMPDIR names another place" "$amal" build "$work/script/sales.amal" -o "$work/out/x"
mv "$work/script/sales.csv" "$work/sales.csv"
said 1 E450 "$amal" build "$work/script/sales.amal" -o "$work/out/x"
mv "$work/sales.csv" "$work/script/sales.csv"
said 2 "wants a file" "$amal" build -
said 2 "did you mean native?" "$amal" build "$work/script/sales.amal" --target naive
if [ -e "$work/out/x" ] || (cd "$work" && ls -A out) | grep -E tmp; then bad "a build that failed leaves files" "$(ls -A "$work/out")"; else ok; fi
