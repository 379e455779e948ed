#!/usr/bin/env bash
# Reads what `gcov -n` prints for every object and gives one line a source file and the sum. Headers and system files are left out.
awk -F"'" '
/^File / { file = $2 }
/^Lines executed:/ {
    if (file ~ /^(compiler|ir|backends)\/.*\.c$/) {
        split($0, part, /[:% ]+/)
        lines = part[5]
        share = part[3]
        if (!(file in total) || share > best[file]) { best[file] = share; total[file] = lines }
    }
    file = ""
}
END {
    for (f in total) {
        printf "%6.1f %%  %5d lines  %s\n", best[f], total[f], f | "sort -k5"
        n += total[f]
        hit += best[f] * total[f] / 100
    }
    close("sort -k5")
    if (n) printf "%6.1f %%  %5d lines  in all\n", 100 * hit / n, n
}'
