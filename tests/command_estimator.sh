# command_estimator.sh: synthetic data, measuring, models that cannot be used; sourced by run_tests.sh after command_data.sh, which made
# why_cost.amal.

# ---- generate ----
expect 0 "train.amal: outer join of 2 tables" generate made --seed 2
expect 0 "" generate again --seed 2 --quiet
holds "generate: the same seed, the same bytes" diff -r made again
expect 0 "no errors" check made/train.amal
expect 0 "star of 4 tables, 4826 rows, 1695 features" generate broad --seed 1 --range broad
expect 0 "no errors" check broad/train.amal
expect 0 "4826 rows, 4826 used in 4826 rows of T" run broad/train.amal --strategy factorize
expect 0 "why:" run made/train.amal --strategy factorize --sort never
expect 2 "wide|published" generate made --range narrow
expect 2 "generate wants an argument" generate
expect 1 "E440" generate points.csv/below

# ---- calibrate ----
expect 2 "--budget, -o and --predictions belong to --train" calibrate --budget 3
expect 2 "belong to --train" calibrate -o new.model
expect 2 "--from and --range belong to --train" calibrate --range broad
expect 2 "leave out the scripts, or it" calibrate --train --budget 3 made/train.amal
expect 0 "bytes a second that one thread sums up" calibrate
printf 'dataset,training\n' >"$tmp/command/rows.csv"
if "$amal" doctor | grep -q 'ok  XGBoost'; then
    expect 1 "E470" calibrate --train --from missing.csv -o new.model
    expect 1 "are not of this version" calibrate --train --from rows.csv -o new.model
    expect 1 "E470" calibrate --from rows.csv made/train.amal
    expect 0 "made/train.amal: " calibrate --from measured.csv made/train.amal
    holds "the measurements say what machine they are of" grep -q '^# threads [0-9]' measured.csv
    { cat "$tmp/command/made/train.amal" && printf 'algorithm odd() {\n  fit(X: [n, d], y: [n, 1]) { w = solve(0 * (X'"'"' @ X), X'"'"' @ y); return w; }\n  predict(X: [m, d]) { return X @ w; }\n}\ntrain odd = odd() on T;\n'; } >"$tmp/command/made/odd.amal"
    expect 0 "warning[W609]: \`odd\` was not measured" calibrate --from measured.csv made/odd.amal
    holds "what is wrong with it is said once" sh -c 'test "$(grep -c "error\[" "$1")" = 1' sh "$tmp/stderr"
    holds "what was measured again is of the same machine" sh -c 'test "$(grep -c "^# threads" measured.csv)" = 1'
    expect 1 "E471" calibrate --train --from measured.csv -o new.model
    expect 2 "names the measurements themselves" calibrate --train --from measured.csv -o ./measured.csv
    cp stdlib/estimator.csv "$tmp/command/many.csv"
    holds "calibrate: interrupted while it trains" sh -c 'timeout -s INT 4 "$1" calibrate --train --from many.csv -o new.model --quiet; test $? -eq 124' sh "$amal"
else
    expect 3 "E611" calibrate --train --from missing.csv -o new.model
    skip "calibrate --train" "there is no libxgboost"
fi
holds "calibrate: no model where training failed" test ! -e new.model

# ---- without a model that can be used ----
estimator() { # AMAL_ESTIMATOR, text
    export AMAL_ESTIMATOR=$1
    expect 0 "$2" run why_cost.amal
    export AMAL_ESTIMATOR=off
}
estimator off "(analytic cost: AMAL_ESTIMATOR is off)"
estimator points.csv "warning[W607]: the estimator's model cannot be used: points.csv: it is not an estimator's model"
estimator points.csv "(analytic cost: points.csv: it is not an estimator's model"
estimator missing.model "W607"
: >"$tmp/command/empty.model"
estimator empty.model "W607"
printf 'amal estimator 4\nversion 0\nend 0000000000000000\n' >"$tmp/command/damaged.model"
estimator damaged.model "it is damaged: its checksum is wrong"

# ---- the shipped model: it decides, also where a rule of thumb would ----
unset AMAL_ESTIMATOR
expect 0 "why: predicted factorized" run why_cost.amal
expect 0 "why: predicted factorized" run why_star.amal
expect 0 "by the work" run why_star.amal
expect 0 "why: one table already holds every column" run why_single.amal

# ---- another: what it finds slow is not done ----
awk 'BEGIN { print "k,l,a,y"; for (i = 0; i < 4000; i++) printf "%d,%d,%g,%g\n", i * 7919 % 50, i * 31 % 40, i % 13 / 13, i % 7 / 7 }' >"$tmp/command/two.csv"
awk 'BEGIN { print "k,b,c"; for (i = 0; i < 50; i++) printf "%d,%g,%g\n", i, i % 11 / 11, i % 5 }' >"$tmp/command/keys.csv"
cat >"$tmp/command/two.amal" <<'END'
source S from "two.csv" { k: int, l: int, a: num, y: num }
source R from "keys.csv" { k: int, b: num, c: num, key(k) }
source Q from "keys.csv" { k: int, b: num, c: num, key(k) }
target T { y: label num, a: feature num, b: feature num, c: feature num, e: feature num, f: feature num }
S(k: k, l: l, a: a, y: y) & R(k: k, b: b, c: c) & Q(k: l, b: e, c: f) -> T(y: y, a: a, b: b, c: c, e: e, f: f);
train m = linear_regression(iterations = 3, step = 0.01) on T;
train l = logistic_regression(iterations = 20) on T;
print m.w;
END
model() { # FEATURE AT BELOW ABOVE TEXT [OPTION …]
    local text=$5
    "$build/tests/unit/test_estimator_model" --model "$1" "$2" "$3" "$4" >"$tmp/command/tree.model"
    shift 5
    export AMAL_ESTIMATOR=tree.model
    expect 0 "$text" run two.amal "$@" --json tree.json
    export AMAL_ESTIMATOR=off
}
export AMAL_ESTIMATOR=off
expect 0 "m: linear_regression" run two.amal --json plain.json
model lmm 0.05 9 -9 "without X'X beside"
holds "the same model over the rows as on X'X" "$json" compare plain.json tree.json 1e-9
model absorbed 0.1 9 -9 "absorbed beside" --strategy factorize
holds "the same model with tables absorbed" "$json" compare plain.json tree.json 1e-9
model absorbed 0.1 9 -9 "l: logistic_regression on T (4000 rows), factorized"
export AMAL_ESTIMATOR=off
