"""report.py: what was measured as text for the terminal, and as docs/benchmarks.md with its plots. No package is needed here."""
import json
import os

import plot
import timing

OURS = "amal"


def number(x):
    """Three significant digits, without an exponent."""
    if x == 0:
        return "0"
    if abs(x) >= 100:
        return f"{x:,.0f}"
    digits = 2 if abs(x) < 10 else 1
    if abs(x) < 0.995:
        digits = 3
    return f"{x:.{digits}f}"


def spread(samples):
    s = timing.summary(samples)
    return f"{number(s['median'])} ({number(s['min'])} .. {number(s['max'])})"


def reached_by_hand(row, theirs):
    """How many times faster than that side the fastest hand-written code is that does not compute on T; None where there is none."""
    by_hand = [s for s in row["sides"] if s.startswith("hand-written, rows")]
    if not by_hand or theirs in by_hand:
        return None
    return max(timing.ratio(row["sides"][s], row["sides"][theirs])["median"] for s in by_hand)


def judge(row):
    """Each goal of a row: (what is held against what, the value, what it should be, met), all texts but the last. For `at_most` goals the value is
    the slowest side's median."""
    judged = []
    for goal in row["goals"]:
        against, limit = goal["against"], goal["limit"]
        if against is None:
            side = max(row["sides"], key=lambda s: timing.summary(row["sides"][s])["median"])
            value = timing.summary(row["sides"][side])["median"]
            judged.append((f"the slowest: {side}", spread(row["sides"][side]), f"at most {number(limit)} {row['unit']}", value <= limit))
            continue
        ours, theirs = against if isinstance(against, (list, tuple)) else (OURS, against)
        r = timing.ratio(row["sides"][ours], row["sides"][theirs])
        what = theirs if ours == OURS else f"{theirs} ({ours})"
        value = f"{number(r['median'])}x ({number(r['min'])} .. {number(r['max'])})"
        by_hand = reached_by_hand(row, theirs)
        if by_hand is not None:
            value += f"; by hand {number(by_hand)}x"
        judged.append((what, value, f"at least {number(limit)}x", r["median"] >= limit))
    return judged


def verdict(row, met, missed):
    """Goals are for tables of full size."""
    return "" if row["quick"] else ": met" if met else f": {missed}"


def text(name, row):
    """Lines for the terminal."""
    if "skipped" in row:
        return [f"{name}: skipped: {row['skipped']}"]
    if "series" in row:
        lines = [f"{name}: {row['title']} ({row['unit']} by {row['x_label']})"]
        for label, values in row["series"].items():
            lines.append(f"  {label:28s} " + "  ".join(f"{x:g}: {number(timing.summary(s)['median'])}" for x, s in zip(row["x"], values)))
    else:
        lines = [f"{name}: {row['title']} ({row['unit']})"]
        lines += [f"  {side:34s} {spread(samples)}" for side, samples in row["sides"].items()]
        lines += [f"  against {what}: {value}, goal {goal}{verdict(row, met, 'MISSED')}" for what, value, goal, met in judge(row)]
        lines += [f"  {side}: left out: {why}" for side, why in row["left_out"].items()]
    if row["others"] > 0.1:
        lines.append(f"  other programs used up to {100 * row['others']:.0f} % of a processor meanwhile")
    return lines


HEAD = """# Benchmarks

Made by `make bench` from [results.json](benchmarks/results.json) and [notes.md](benchmarks/notes.md), not edited by hand. Every number is the median of the rounds of one run, with the
smallest and the largest; the sides of a row are measured in turn in every round, and a ratio is taken within a round before its median is.
Rounds in which other programs were busy are measured again, at most as many times as there are rounds. Absolute times are this machine's; the
ratios are what counts.

"""

HOW = """
## How to repeat

    .ci/deps.sh --bench                      # the other sides: Debian's python3-numpy, -scipy, -sklearn, -pandas
    make bench                               # all rows and curves: about a quarter of an hour
    make bench BENCH="dense-logistic movie"  # rows by name, or by how they begin; the others stay as they are
    make bench BENCH="--quick"               # small tables and two rounds; writes build/bench/quick.md instead of this page
    make bench-gpu BENCH="dense movie large" # on a machine with a GPU; PyTorch and CuPy where they are installed

Tables are made from a fixed seed below `build/bench/data`, or read from `../shared/data`; the hand-written kernels are compiled from
`../shared/reference-kernels`. What is not there is left out, and said. A row whose sides do not arrive at the same model is an error, and no number
of it is written.

## What the sides are

- **amal**: an iteration is the difference of two trainings in one process, with few and with many iterations, by the number of iterations between
  them; reading, matching, compiling and what is done once per training cancel. The algorithms are those of `tests/bench/steps.amal`, but the
  library's where a row says so.
- **numpy on T**, **scipy CSR on T**: the same algebra on the joined table, which is made before. **numpy, Morpheus-style**: every product is
  rewritten over the sources, with sparse indicator matrices. **scipy, take and bincount**: the same by `take` and `bincount`.
- **hand-written**: fused C with AVX-512 for exactly these shapes; with rows as they are, with rows sorted by the key (the sorting itself is not in it),
  or fused on T.
- All sides compute in float64 with as many threads as the table says; numpy's products run in OpenBLAS.
- A difference of models is the largest of any entry, relative to the largest entry.
"""


def write_page(results, path):
    folder = os.path.splitext(path)[0]
    os.makedirs(folder, exist_ok=True)
    out = [HEAD]
    m, v = results.get("machine", {}), results.get("versions", {})
    if m:
        out.append(f"{m['processor']}, {m['processors']} processors, {m['vectors']}, {m['memory_gib']:g} GiB, {m['system']}. "
                   + ", ".join(f"{k} {x}" if k not in ("amal", "compiler") else x for k, x in v.items()) + ".\n\n")
    measured = {n: r for n, r in results["rows"].items() if "skipped" not in r}
    skipped = {n: r["skipped"] for kind in ("rows", "curves") for n, r in results[kind].items() if "skipped" in r}
    out.append(goals_table(measured))
    notes = os.path.join(folder, "notes.md")
    if os.path.exists(notes):
        with open(notes) as f:
            out.append("\n" + f.read())
    if any(r["unit"].endswith("an iteration") for r in measured.values()):
        write(os.path.join(folder, "iterations.svg"), iterations_plot(measured))
        out.append(f"\n![Milliseconds an iteration]({os.path.basename(folder)}/iterations.svg)\n")
    out.append("\n## Rows in full\n")
    for name, row in measured.items():
        out.append(row_section(name, row))
    curves = {n: c for n, c in results["curves"].items() if "skipped" not in c}
    if curves:
        out.append("\n## Scaling\n")
    for name, curve in curves.items():
        write(os.path.join(folder, name + ".svg"), curve_plot(curve))
        out.append(curve_section(name, curve, os.path.basename(folder)))
    gpu = os.path.join(folder, "gpu.json")
    if os.path.exists(gpu):
        with open(gpu) as f:
            out.append(gpu_section(json.load(f)["rows"]))
    if skipped:
        out.append("\n## Left out in this run\n\n" + "".join(f"- `{n}`: {why}\n" for n, why in skipped.items()))
    out.append(HOW)
    write(path, "".join(out))


def write(path, content):
    with open(path + ".tmp", "w") as f:
        f.write(content)
    os.rename(path + ".tmp", path)


def goals_table(rows):
    judged = [(name, row, *j) for name, row in rows.items() for j in judge(row)]
    full = [j for j in judged if not j[1]["quick"]]
    met = sum(j[5] for j in full)
    lines = [f"## Goals\n\n{met} of {len(full)} met.\n\n| row | against | amal is faster (or smaller) by | goal |\n|---|---|---|---|\n"]
    lines += [f"| {name} | {what} | {value} | {goal}{verdict(row, ok, '**missed**')} |\n" for name, row, what, value, goal, ok in judged]
    lines.append("\n`by hand`: what the fastest hand-written code of the row reaches against the same side.\n")
    return "".join(lines)


def about(entry):
    noisy = f"; other programs used up to {100 * entry['others']:.0f} % of a processor meanwhile" if entry["others"] > 0.1 else ""
    return f"{entry['date']}, {entry['rounds']} rounds, {entry['threads']} threads{', small tables (--quick)' if entry['quick'] else ''}{noisy}"


def row_section(name, row):
    lines = [f"\n### {name}\n\n{row['title']}; {about(row)}.\n\n| side | {row['unit']} | difference of models |\n|---|---|---|\n"]
    for side, samples in row["sides"].items():
        agree = next((f"{d:.1e}" for s, d in row["agree"].items() if s in side), "")
        lines.append(f"| {side} | {spread(samples)} | {agree} |\n")
    lines += [f"\n{side}: left out, because {why}.\n" for side, why in row["left_out"].items()]
    lines += [f"\n{note[0].upper()}{note[1:]}.\n" for note in row["notes"]]
    return "".join(lines)


def curve_section(name, curve, folder):
    lines = [f"\n### {curve['title']}\n\n![{curve['title']}]({folder}/{name}.svg)\n\n{about(curve)}.\n"]
    lines += [f"\n- {note}" for note in curve["notes"]]
    lines.append("\n\n| " + " | ".join(["ms"] + [f"{x:g}" if x < 1e4 else f"{x:,.0f}" for x in curve["x"]]) + " |\n|---" + "|---" * len(curve["x"]) + "|\n")
    for label, values in curve["series"].items():
        lines.append(f"| {label} | " + " | ".join(number(timing.summary(s)["median"]) for s in values) + " |\n")
    return "".join(lines)


# Of amal on a GPU, factorized, against another side: at least so many times as fast.
GPU_GOALS = {"amal, GPU, materialized": 1, "amal, CPU, factorized": 9, "PyTorch on T": 3, "CuPy on T": 3}
STREAMS = 60e6  # bytes a call: a pass with more streams from memory; of fewer the L2 cache (50 MB on an H100, 60 MB on an H200) keeps what the next call reads
STREAMS_GOAL = 0.7  # of copy bandwidth, of such a pass


def gpu_sides(name, row):
    """Each side of a row: (its name, median seconds an iteration, how many times as long as the first side, "" or its goal and whether it is met)."""
    medians = {side: timing.summary(v)["median"] for side, v in row["seconds"].items()}
    first = next(iter(medians.values()))
    # that of the CPU is one of dense tables
    goals = {side: goal for side, goal in GPU_GOALS.items() if "CPU" not in side or not name.startswith("movie")}
    return [(side, s, s / first, gpu_goal(row, f"{goals[side]}x", s / first >= goals[side]) if side in goals else "") for side, s in medians.items()]


def gpu_passes(row):
    """Each pass of the loops of a row: (plan, over, MB a call, microseconds a call, bytes a second, share of copies, "" or its goal and whether it is met)."""
    said = []
    for side, passes in row.get("passes", {}).items():
        for p in passes:
            speed = p["bytes"] / p["seconds"]
            share = speed / row["copy"]
            goal = gpu_goal(row, f"{100 * STREAMS_GOAL:.0f} %", share >= STREAMS_GOAL) if p["bytes"] > STREAMS else ""
            said.append((side.removeprefix("amal, GPU, "), p["over"], p["bytes"] / 1e6, 1e6 * p["seconds"], speed, share, goal))
    return said


def gpu_goal(row, limit, met):
    return f"at least {limit}{verdict({'quick': False, **row}, met, '**missed**')}"


def gpu_text(name, row):
    """Lines for the terminal."""
    lines = [f"{name}: ms an iteration; {row['total']['iterations']} iterations in all: s"]
    lines += [f"  {side:26s} {number(1e3 * s):>8s}, {number(ratio):>5s}x as long; in all {number(row['total']['seconds'][side])} {goal}".rstrip()
              for side, s, ratio, goal in gpu_sides(name, row)]
    lines += [f"  {plan}, pass over {over}: {number(mb)} MB in {number(us)} us, {speed / 1e9:,.0f} GB/s, {100 * share:.0f} % of copies {goal}".rstrip()
              for plan, over, mb, us, speed, share, goal in gpu_passes(row)]
    return [*lines, f"  an iteration: {100 * row['share_of_copy']:.0f} % of copies"]


GPU_HEAD = f"""
## On a GPU

Made by `make bench-gpu` ([gpu.json](benchmarks/gpu.json)), in double precision. Every side arrives at the same model.

- *ms*: an iteration, with everything in the GPU's memory. *As long*: how many times as long as `amal` on the GPU, factorized. *Share*: the bytes that its
  iteration has to stream, over all of its time, as a share of what copying within the GPU's memory reaches (bytes read and written together).
- *Iterations in all*: seconds, once. Of `amal` the whole process for one training, from files to its end, sorting included, with its kernels and tables in
  the cache and the files in the page cache. Of PyTorch and CuPy on T: making T on the host with numpy or scipy, copying it to the GPU, and the
  iterations; reading files and starting Python and the library are not in it, which favours them.
- *Passes* of an iteration, of both factorized plans: the bytes that one call reads and writes (each once, as `amal explain` counts them), and what it took,
  by the GPU's own events before and after its kernels, in a run that launches kernel by kernel. The goal is for passes that stream: those of more than
  {STREAMS / 1e6:.0f} MB, which is beyond the L2 cache of these GPUs (50 and 60 MB); of smaller ones the next call finds part in it, and the share says little.
"""


def gpu_section(rows):
    """What gpu.py measured; rows of older runs have neither passes nor a total."""
    lines = [GPU_HEAD]
    for name, row in rows.items():
        rounds = f"{row['rounds']} round{'s' * (row['rounds'] != 1)}"
        lines.append(f"\n### {name}\n\n{row['gpu']}; {row['threads']} threads on the CPU; {row['date']}, {rounds}. "
                     f"Copies: {row['copy'] / 1e9:,.0f} GB/s; share: {100 * row['share_of_copy']:.0f} %.\n\n")
        total = row.get("total")
        head = "| side | ms | as long | goal |" + (f" {total['iterations']} iterations in all, s |" if total else "")
        lines.append(f"{head}\n{'|---' * (head.count('|') - 1)}|\n")
        for side, _, ratio, goal in gpu_sides(name, row):
            in_all = f" {number(total['seconds'][side])} |" if total else ""
            lines.append(f"| {side} | {spread([1e3 * s for s in row['seconds'][side]])} | {number(ratio)}x | {goal} |{in_all}\n")
        passes = gpu_passes(row)
        if passes:
            lines.append("\n| plan | pass over | MB | us | GB/s | share | goal |\n|---|---|---|---|---|---|---|\n")
            lines += [f"| {plan} | {over} | {number(mb)} | {number(us)} | {speed / 1e9:,.0f} | {100 * share:.0f} % | {goal} |\n"
                      for plan, over, mb, us, speed, share, goal in passes]
    return "".join(lines)


def kind_of(side):
    """Sides of different rows that are the same kind of thing share a colour."""
    for word, kind in ((OURS, OURS), ("hand-written, rows as", "hand-written"), ("hand-written", None), ("on T", "numpy or scipy on T"),
                       ("numpy,", "numpy or scipy, factorized"), ("scipy,", "numpy or scipy, factorized"), ("scikit", "scikit-learn")):
        if side.startswith(word) or (word == "on T" and side.endswith(word)):
            return kind
    return None


def iterations_plot(rows):
    groups = []
    for name, row in rows.items():
        if row["unit"].endswith("an iteration"):
            groups.append((name, {kind_of(s): timing.summary(v) for s, v in row["sides"].items() if kind_of(s)}))
    return plot.dots("One iteration", "milliseconds (logarithmic)", groups)


def curve_plot(curve):
    series = {label: [timing.summary(s) for s in values] for label, values in curve["series"].items()}
    return plot.lines(curve["title"], curve["x_label"], "milliseconds an iteration", curve["x"], series, curve["log"])
