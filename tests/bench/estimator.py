#!/usr/bin/env python3
"""estimator.py PREDICTIONS.csv SAID.txt PAGE.md PICTURES: the evaluation of the estimator, for `make bench-estimator`.

PREDICTIONS: what `amal calibrate --train --predictions` wrote; SAID: what it printed. Puts the printed tables, the data sets one by one and two
pictures into PAGE between the lines <!-- evaluation --> and <!-- end -->; the pictures go to the folder PICTURES, beside the page.
"""
import csv
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import plot

BEGIN, END = "<!-- evaluation -->", "<!-- end -->"
KINDS = ["factorized faster, and chosen", "joined faster, and chosen", "factorized faster, joined chosen", "joined faster, factorized chosen"]
CHOICE = "model"


def synthetic(name):
    return name.startswith(("wide-", "published-", "broad-"))


def trainings(path):
    """(data set, training) -> its candidates, in the order of the file."""
    found = {}
    with open(path, newline="") as f:
        for row in csv.DictReader(f):
            found.setdefault((row["dataset"], row["training"]), []).append(row)
    return found


def is_joined(candidate):
    """On the joined table, on X'X or not."""
    return candidate.startswith("materialized")


def summary(candidates):
    """Seconds of the best factorized one, of the joined one, of the chosen one; was the chosen one factorized?"""
    joined = next(float(c["seconds"]) for c in candidates if c["candidate"] == "materialized")
    factorized = min(float(c["seconds"]) for c in candidates if not is_joined(c["candidate"]))
    chosen = next(c for c in candidates if c[CHOICE] == "1")
    return factorized, joined, float(chosen["seconds"]), chosen["candidate"]


def scatter(title, x_label, y_label, points, names, diagonal=False):
    """points: (x, y, kind); both axes logarithmic."""
    width, height, left, right, top, bottom = 760, 520, 74, 24, 66 + 20 * len(names), 56
    p = plot.Picture(width, height, title)
    xs = plot.Axis(min(x for x, _, _ in points), max(x for x, _, _ in points), left + 12, width - right - 12, True)
    ys = plot.Axis(min(y for _, y, _ in points), max(y for _, y, _ in points), height - bottom, top, True)
    for v in ys.ticks:
        p.line(left, ys.at(v), width - right, ys.at(v), "grid")
        p.text(left - 8, ys.at(v) + 4.5, plot.short(v), "end")
    for v in xs.ticks:
        p.line(xs.at(v), top, xs.at(v), height - bottom, "grid")
        p.text(xs.at(v), height - bottom + 20, plot.short(v), "middle")
    if diagonal:
        low, high = max(xs.low, ys.low), min(xs.high, ys.high)
        p.line(xs.at(low), ys.at(low), xs.at(high), ys.at(high), "axis")
    p.text((left + width - right) / 2, height - 14, x_label, "middle")
    p.text(20, (top + height - bottom) / 2, y_label, "middle", turn=True)
    p.legend(left + 8, 50, names)
    for x, y, kind in points:
        p.mark(xs.at(x), ys.at(y), kind)
    return p.done()


def boundary(found):
    """The data sets with a repeated table, by tuple and feature ratio, marked by what was faster and what was chosen."""
    points = []
    for (dataset, _), candidates in found.items():
        c = candidates[0]
        x, y = float(c["tuple_ratio"]), float(c["feature_ratio"])
        if not synthetic(dataset) or x < 1 or y <= 0 or y > 1e6:
            continue
        factorized, joined, _, chosen = summary(candidates)
        points.append((x, y, 2 * ((not is_joined(chosen)) != (factorized < joined)) + (joined <= factorized)))
    return scatter("Factorized or joined, on held-out synthetic data", "tuple ratio", "feature ratio", points, KINDS)


def predicted(found):
    points = [(float(c["seconds"]) * 1e3, float(c["predicted"]) * 1e3, 0 if synthetic(d) else 1) for (d, _), cs in found.items() for c in cs]
    return scatter("Predicted against measured", "measured, milliseconds", "predicted, milliseconds", points,
                   ["synthetic data, held out", "scripts"], diagonal=True)


def tables(said):
    """The printed tables, each under what stands before it."""
    lines = said.split("\n")
    first = next(i for i, line in enumerate(lines) if line.startswith("trained on"))
    out = []
    for line in lines[first:]:
        heading = line.endswith(":") and not line.startswith("model:")
        if line.startswith("model:") or not line:
            continue
        out += (["```", ""] if heading and out else []) + ([line[0].upper() + line[1:], "", "```text"] if heading else [line])
    return "\n".join(out + ["```"])


def each_script(found):
    lines = ["| data set | training | chosen | ms | best, ms | joined, ms | lost |", "|---|---|---|---:|---:|---:|---:|"]
    for (dataset, training), candidates in found.items():
        if synthetic(dataset):
            continue
        factorized, joined, taken, chosen = summary(candidates)
        best = min(factorized, joined)
        lines.append(f"| {dataset.removesuffix('.amal')} | {training} | {chosen} | {taken * 1e3:.3g} | {best * 1e3:.3g} | {joined * 1e3:.3g} "
                     f"| {100 * (taken / best - 1):.0f} % |")
    return "\n".join(lines) if len(lines) > 2 else "No scripts were measured."


def write(path, text):
    with open(path + ".tmp", "w") as f:
        f.write(text)
    os.replace(path + ".tmp", path)


def main(predictions, said, page, pictures):
    found = trainings(predictions)
    os.makedirs(pictures, exist_ok=True)
    write(os.path.join(pictures, "boundary.svg"), boundary(found))
    write(os.path.join(pictures, "predicted.svg"), predicted(found))
    folder = os.path.relpath(pictures, os.path.dirname(page))
    with open(said) as f, open(page) as old:
        printed, text = f.read(), old.read()
    body = "\n\n".join([tables(printed), each_script(found),
                        f"![what was faster and what was chosen, by tuple and feature ratio]({folder}/boundary.svg)",
                        f"![predicted against measured time]({folder}/predicted.svg)"])
    before, rest = text.split(BEGIN)
    write(page, before + BEGIN + "\n" + body + "\n" + END + rest.split(END)[1])


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__.split(":")[0])
    main(*sys.argv[1:])
