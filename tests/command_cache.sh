# command_cache.sh: data kept for later runs, as a user meets them; sourced by run_tests.sh after command.sh. tests/unit/test_cache.c has the details.

mkdir -p "$tmp/kept"
awk 'BEGIN { print "k,d,a,y,t"; for (i = 0; i < 60000; i++) printf "%d,%d,%.3f,%.3f,t%d\n", i, i % 50, (i * 37 % 101) / 10, (i * 53 % 89) / 7, i % 9 }' >"$tmp/kept/facts.csv"
awk 'BEGIN { print "d,b"; for (i = 0; i < 50; i++) printf "%d,%.2f\n", i, i / 3 }' >"$tmp/kept/dims.csv"
cat >"$tmp/kept/kept.amal" <<'END'
param step = 0.1;
source F from "facts.csv" (null = "NA");
source D from "dims.csv" { d: int, b: num, key(d) }
target T { y: label num, a: feature num, b: feature num, t: feature onehot }
F(d: d, a: a, y: y, t: t) & D(d: d, b: b) -> T(y: y, a: a, b: b, t: t);
split T into train 0.8, test 0.2 seed 7;
train m = ridge(lambda = step) on T.train;
evaluate m on T.test with rmse;
print m.w;
END
kept() { (cd "$tmp/kept" && AMAL_CACHE="$tmp/kept/cache" timeout 60 "$amal" run kept.amal "$@" 2>"$tmp/stderr"); }
# The run's lines without its seconds, which differ.
lines() { sed 's/; seconds.*//' "$1"; }
kept --no-cache >"$tmp/kept/plain"
if [ -z "$(ls "$tmp/kept/cache/data" 2>/dev/null)" ]; then ok; else bad "--no-cache keeps nothing" "$(ls "$tmp/kept/cache/data")"; fi
kept >"$tmp/kept/first"
kept >"$tmp/kept/second"
if cmp -s <(lines "$tmp/kept/plain") <(lines "$tmp/kept/first") && cmp -s <(lines "$tmp/kept/plain") <(lines "$tmp/kept/second"); then ok; else bad "runs with and without the cache" "$(cat "$tmp/kept/plain" "$tmp/kept/second" "$tmp/stderr")"; fi
if ! grep -q "cache" "$tmp/kept/first" && grep -q "from the cache" "$tmp/kept/second"; then ok; else bad "the line of seconds names the cache" "$(cat "$tmp/kept/first" "$tmp/kept/second")"; fi
kept --no-cache --json - >"$tmp/kept/plain.json"
kept --json - >"$tmp/kept/kept.json"
params() { sed -n '/"train": {/,/"evaluate"/p' "$1"; }
if [ -n "$(params "$tmp/kept/kept.json")" ] && cmp -s <(params "$tmp/kept/plain.json") <(params "$tmp/kept/kept.json"); then ok; else bad "parameters are the same to the last bit" "$(params "$tmp/kept/kept.json")"; fi
if grep -q '"cached": {"sources": \[\]' "$tmp/kept/plain.json" && grep -qE '"cached": \{.*"(F|T)"' "$tmp/kept/kept.json"; then ok; else bad "the report says what was cached" "$(grep cached "$tmp/kept/plain.json" "$tmp/kept/kept.json")"; fi

# other data: the first value differs, the size does not, and the time of modification is set back
touch -r "$tmp/kept/facts.csv" "$tmp/kept/time"
sed -i '2s/^0,0,0.000/0,0,9.000/' "$tmp/kept/facts.csv"
touch -r "$tmp/kept/time" "$tmp/kept/facts.csv"
kept --no-cache >"$tmp/kept/plain"
kept >"$tmp/kept/changed"
if cmp -s <(lines "$tmp/kept/plain") <(lines "$tmp/kept/changed"); then ok; else bad "changed data are read anew" "$(cat "$tmp/kept/changed")"; fi

# runs at the same time, in an empty cache; one file is damaged before the last
rm -rf "$tmp/kept/cache/data"
for i in 1 2 3 4; do kept >"$tmp/kept/run$i" & done
wait
for i in 1 2 3 4; do if cmp -s <(lines "$tmp/kept/plain") <(lines "$tmp/kept/run$i"); then ok; else bad "runs that share an empty cache" "$(cat "$tmp/kept/run$i")"; fi; done
for entry in "$tmp"/kept/cache/data/*.data; do printf damaged | dd of="$entry" bs=1 seek=600 conv=notrunc status=none; done
kept >"$tmp/kept/again"
if cmp -s <(lines "$tmp/kept/plain") <(lines "$tmp/kept/again") && grep -q 'W605' "$tmp/stderr"; then ok; else bad "damaged data are made again, and said" "$(cat "$tmp/kept/again" "$tmp/stderr")"; fi

# the command
cache() { (cd "$tmp/kept" && AMAL_CACHE="$tmp/kept/cache" timeout 60 "$amal" cache "$@" >"$tmp/stdout" 2>"$tmp/stderr"); }
if cache && grep -qE 'kB +[0-9]+ s ago  table `F` of /.*facts.csv' "$tmp/stdout" && grep -q 'of kernels' "$tmp/stdout"; then ok; else bad "amal cache" "$(cat "$tmp/stdout" "$tmp/stderr")"; fi
if cache clear --older-than 1h && grep -q '0 files removed' "$tmp/stdout"; then ok; else bad "amal cache clear --older-than" "$(cat "$tmp/stdout" "$tmp/stderr")"; fi
if cache clear && [ -z "$(ls -A "$tmp/kept/cache/data" "$tmp/kept/cache/kernels" | grep -E 'data$|so$')" ]; then ok; else bad "amal cache clear" "$(cat "$tmp/stdout" "$tmp/stderr"; ls -A "$tmp/kept/cache/data")"; fi
if cache clear --older-than soon; then bad "amal cache clear --older-than soon" "it is taken"; else ok; fi
if cache --older-than 1h || cache sweep; then bad "amal cache sweep" "it is taken"; else ok; fi

# a folder that cannot be used is said, and the run goes on; a file that shrinks is no reason to crash
holds "unusable folder of data" sh -c 'cd "$2" && AMAL_CACHE="$2/dims.csv/x" "$1" run kept.amal --backend interp 2>&1 >/dev/null | grep -q "W603.*no data are kept"' sh "$amal" "$tmp/kept"
awk 'BEGIN { print "k,d,a,y,t"; for (i = 0; i < 60000; i++) printf "%d,%d,%.3f,%.3f,t%d\n", i, i % 50, 1, 2, i % 9 }' >"$tmp/kept/long.csv"
sed 's/facts.csv/shrinks.csv/' "$tmp/kept/kept.amal" >"$tmp/kept/shrinks.amal"
crashed=
for i in 1 2 3 4 5 6 7 8; do
    cp "$tmp/kept/long.csv" "$tmp/kept/shrinks.csv"
    (cd "$tmp/kept" && AMAL_CACHE="$tmp/kept/cache" timeout 60 "$amal" run shrinks.amal --backend interp >/dev/null 2>&1) &
    sleep "0.00$i"
    truncate -s $((i * 1000)) "$tmp/kept/shrinks.csv"
    wait $!
    [ $? -lt 100 ] || crashed="$crashed $i"
done
if [ -z "$crashed" ]; then ok; else bad "a file that shrinks while it is read" "crashed in tries$crashed"; fi
