# command_data.sh: choices of strategy, models on other data, bad data at run time; sourced by command.sh's runner after it.

# ---- the strategy says what decided ----
awk 'BEGIN { print "k,d,a,y"; for (i = 0; i < 4000; i++) printf "%d,%d,%.3f,%.3f\n", i, i % 10, (i * 37 % 101) / 10, (i * 53 % 89) / 7 }' >"$tmp/command/facts.csv"
awk 'BEGIN { print "d,b,c,e,f"; for (i = 0; i < 10; i++) printf "%d,%.2f,%.2f,%.2f,%.2f\n", i, i / 3, i * i / 7, 9 - i, (i * 7 % 10) }' >"$tmp/command/dims.csv"
sed '1s/.*/k,e/; s/^\([0-9]*\),[0-9]*,\([0-9.]*\),.*/\1,\2/' "$tmp/command/facts.csv" >"$tmp/command/pairs.csv"
head -80 "$tmp/command/facts.csv" >"$tmp/command/few.csv"
why() { # name, the rest of the script after its sources, text expected in "why", arguments...
    local name=$1 rest=$2 text=$3
    shift 3
    { printf 'source F from "facts.csv" { k: int, d: int, a: num, y: num }\nsource D from "dims.csv" { d: int, b: num, c: num, e: num, f: num, key(d) }\n'
      printf 'source P from "pairs.csv" { k: int, e: num, key(k) }\nsource W from "few.csv" { k: int, d: int, a: num, y: num }\n%s\n' "$rest"
      printf 'train m = linear_regression(iterations = 5) on T;\n'; } >"$tmp/command/why_$name.amal"
    expect 0 "$text" run "why_$name.amal" --backend interp "$@"
}
why single 'target T { y: label num, a: feature num } F(_, _, a, y) -> T(y, a);' "nothing to join"
why star 'target T { y: label num, a: feature num, b: feature num, c: feature num, e: feature num } F(_, d, a, y) & D(d, b, c, e, _) -> T(y, a, b, c, e);' "rule 2"
why many 'target T { y: label num, a: feature num, b: feature num } F(_, d, a, _) & W(_, d, b, y) -> T(y, a, b);' "rule 3"
why union 'target T { y: label num, a: feature num } F(_, _, a, y) -> T(y, a); P(k, e) -> T(e, k);' "rule 4"
why cost 'target T { y: label num, a: feature num, e: feature num } F(k, _, a, y) & P(k, e) -> T(y, a, e);' "estimated"
why cost 'target T { y: label num, a: feature num, e: feature num } F(k, _, a, y) & P(k, e) -> T(y, a, e);' "(analytic cost: the learned model is of the c backend)"
why asked 'target T { y: label num, a: feature num } F(_, _, a, y) -> T(y, a);' "asked for with --strategy materialize" --strategy materialize
why option 'option strategy factorize; target T { y: label num, a: feature num } F(_, _, a, y) -> T(y, a);' "asked for with option strategy factorize"

# ---- a model on rows it was not trained on keeps its dictionaries and fills ----
printf 'c,x,y\nred,1,1\ngreen,2,3\nred,3,2\nblue,,5\ngreen,6,4\n' >"$tmp/command/old.csv"
printf 'c,x,y\ngreen,,0\nred,100,0\n' >"$tmp/command/new.csv"
printf 'c,x,y\npurple,1,0\n' >"$tmp/command/strange.csv"
serve() { # file
    printf '%s\n' 'source O from "old.csv" { c: text, x: num, y: num }' "source N from \"$1\" { c: text, x: num, y: num }" \
        'target T { y: label num, c: feature onehot, x: feature num missing mean }' 'O(c, x, y) -> T(y, c, x);' \
        'target S { y: label num, c: feature onehot, x: feature num missing mean }' 'N(c, x, y) -> S(y, c, x);' \
        'train m = ridge(lambda = 1) on T;' 'predict m on S to "served.csv";' 'save m to "served.model";' 'print m.w; print m.b;' >"$tmp/command/serve.amal"
}
serve new.csv
expect 0 "" run serve.amal --json served.json
# the missing x of the first new row is the mean of the old ones, (1 + 2 + 3 + 6) / 4 = 3; features: blue green red x
holds "fills and dictionaries are those of the training" sh -c '
    w() { "$0" get served.json print/0/values/$1; }
    first=$(sed -n 2p served.csv | sed "s/.*,//"); second=$(sed -n 3p served.csv | sed "s/.*,//")
    awk -v g="$(w 1)" -v r="$(w 2)" -v x="$(w 3)" -v b="$("$0" get served.json print/1/values/0)" -v p="$first" -v q="$second" \
        "BEGIN { d = g + 3 * x + b - p; e = r + 100 * x + b - q; exit !(d * d + e * e < 1e-20) }"' "$json"
mv "$tmp/command/served.csv" "$tmp/command/served_first.csv"
sed -e '/^train/s/.*/load m from "served.model";/' -e '/^save/d' -e '/^O(/d; /^source O/d; /^target T/d' "$tmp/command/serve.amal" >"$tmp/command/serve_loaded.amal"
expect 0 "" run serve_loaded.amal
holds "so too from the file, without the old data" cmp served.csv served_first.csv
serve strange.csv
expect 1 "E330" run serve.amal

# ---- data that cannot be trained on ----
bad_run() { # code, name, script
    printf '%s\n' "$3" >"$tmp/command/bad_$2.amal"
    expect 1 "$1" run "bad_$2.amal" --backend interp
    expect 1 "$1" run "bad_$2.amal" --backend c
}
printf 'a,y\n' >"$tmp/command/nothing.csv"
printf 'a,y\n1,2\ninf,3\n' >"$tmp/command/endless.csv"
printf 'a,y\n1,2\n2,\n' >"$tmp/command/unlabelled.csv"
bad_run E403 empty 'source S from "nothing.csv" { a: num, y: num } target T { y: label num, a: feature num } S(a, y) -> T(y, a); train m = ridge() on T;'
bad_run E405 endless 'source S from "endless.csv" { a: num, y: num } target T { y: label num, a: feature num } S(a, y) -> T(y, a); train m = linear_regression(standardize = false) on T;'
bad_run E405 diverging 'source S from "points.csv" { id: text, a: num, b: num, y: num } target T { y: label num, a: feature num, b: feature num } S(_, a, b, y) -> T(y, a, b); train m = linear_regression(step = 100, iterations = 2000, standardize = false) on T;'
bad_run E404 singular 'source S from "points.csv" { id: text, a: num, b: num, y: num } target T { y: label num, a: feature num, b: feature num } S(_, a, b, y) -> T(y, a, 2 * a); train m = ridge(lambda = 0, intercept = false) on T;'
bad_run E310 unlabelled 'source S from "unlabelled.csv" { a: num, y: num } target T { y: label num, a: feature num } S(a, y) -> T(y, a); train m = ridge() on T;'
bad_run E401 rows 'option max_rows 100; source F from "facts.csv" { k: int, d: int, a: num, y: num } target T { y: label num, a: feature num } F(_, d, a, _) & F as G(_, d, _, y) -> T(y, a); train m = ridge() on T;'

# ---- not enough memory: said, and nothing half-written ----
(cd "$tmp/command" && ulimit -v 400000 && OPENBLAS_NUM_THREADS=1 timeout 60 "$amal" run why_star.amal --threads 1 --backend interp --json memory.json >"$tmp/stdout" 2>"$tmp/stderr")
code=$?
if [ $code -eq 0 ] || { { [ $code -eq 1 ] || [ $code -eq 70 ]; } && grep -qE 'E402|E902' "$tmp/stderr"; }; then ok; else bad "little memory" "exit code $code: $(cat "$tmp/stderr")"; fi
