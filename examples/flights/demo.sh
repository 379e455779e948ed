#!/usr/bin/env bash
# The main job of the demo: 336,776 flights joined with planes, airports and weather, trained on without making the joined table.
set -eu
cd "$(dirname "$0")"
build=${BUILD:-build}
case "$build" in /*) ;; *) build="../../$build" ;; esac
echo "== amal run examples/flights/late.amal"
"$build/amal" run late.amal
echo
echo "== the same, on the joined table (--strategy materialize)"
"$build/amal" run late.amal --strategy materialize
