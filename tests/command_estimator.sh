# command_estimator.sh: synthetic data, measuring, models that cannot be used; sourced by run_tests.sh after command_data.sh, which made
# why_cost.amal.

# ---- generate ----
expect 0 "train.amal: outer join of 2 tables" generate made --seed 2
expect 0 "" generate again --seed 2 --quiet
holds "generate: the same seed, the same bytes" diff -r made again
expect 0 "no errors" check made/train.amal
expect 0 "why:" run made/train.amal --strategy factorize --sort never
expect 2 "wide|published" generate made --range narrow
expect 2 "generate wants an argument" generate
expect 1 "E440" generate points.csv/below

# ---- calibrate ----
expect 2 "--budget 3 belongs to --train" calibrate --budget 3
expect 0 "bytes a second that one thread sums up" calibrate
printf 'dataset,training\n' >"$tmp/command/rows.csv"
if "$amal" doctor | grep -q 'ok  XGBoost'; then
    expect 1 "E470" calibrate --train --from missing.csv -o new.model
    expect 1 "are not of this version" calibrate --train --from rows.csv -o new.model
    expect 1 "E470" calibrate --from rows.csv made/train.amal
    expect 0 "made/train.amal: " calibrate --from measured.csv made/train.amal
    expect 1 "E471" calibrate --train --from measured.csv -o new.model
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
printf 'amal estimator 2\nversion 0\nend 0000000000000000\n' >"$tmp/command/damaged.model"
estimator damaged.model "it is damaged: its checksum is wrong"

# ---- the shipped model: it decides, also where a rule of thumb would ----
unset AMAL_ESTIMATOR
expect 0 "why: predicted factorized" run why_cost.amal
expect 0 "why: predicted factorized" run why_star.amal
expect 0 "by the work" run why_star.amal
expect 0 "why: one table already holds every column" run why_single.amal
export AMAL_ESTIMATOR=off
