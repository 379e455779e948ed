#!/usr/bin/env python3
"""gpu.py: the four algorithms on a GPU, in one run: seconds an iteration and in all, of `amal` on the GPU, factorized (rows as they are, and sorted by key)
and on the joined table, of `amal` on the CPU, and of PyTorch and CuPy on the joined table where they can be imported; and how much of the GPU's own copy
bandwidth an iteration and each of its passes reach.

    gpu.py [NAME...]          measures dense, movie, large (20,000,000 rows); dense and movie when none is named
        --large               large as well
        --algorithms NAME...  only these of linear, logistic, kmeans, nmf
        --quick               small tables and few iterations, to see that everything works; nothing below docs/ is written
        --rounds N            rounds (5): in each, every side of a row is measured once
        --large-rounds N      the same of large (1)
        --budget SECONDS      begins no row when so many have passed since the start, and says which rows were left out
        --threads N           threads of the CPU's side (all processors)
        --amal FILE           the command (build/amal)
        --speeds FILE         the program that measures copies (build/tests/bench/gpu_speeds)
        --folder DIR          where tables, scripts and the cache are kept (build/bench)
        --shared DIR          where data/hamlet-movie is (../shared)
        --results FILE        where results are kept; rows that are not measured now stay as they are there (docs/benchmarks/gpu.json, from which
                              docs/benchmarks.md is written; with --quick gpu.json in the folder)

Every side starts from the same model and must take the same steps. What is not on this machine is left out and said.
Exit codes: 0 done, also where rows were left out; 1 a run failed, or a side computed something else; 2 the command line is wrong; 3 there is no GPU, or no
numpy or scipy, and nothing was measured.
"""
import argparse
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
import bench
import report

NAMES = ("dense", "movie", "large")
ALGORITHMS = ("linear", "logistic", "kmeans", "nmf")
PAGE = os.path.join(ROOT, "docs", "benchmarks.md")
RESULTS = os.path.join(ROOT, "docs", "benchmarks", "gpu.json")


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("it has to be 1 or more")
    return number


def arguments(words=None):
    p = argparse.ArgumentParser(usage="gpu.py [NAME...] [OPTION...]; --help lists them")
    p.format_help = lambda: __doc__
    p.add_argument("names", nargs="*")
    p.add_argument("--large", action="store_true")
    p.add_argument("--algorithms", nargs="+", choices=ALGORITHMS, default=ALGORITHMS)
    p.add_argument("--quick", action="store_true")
    p.add_argument("--rounds", type=positive, default=5)
    p.add_argument("--large-rounds", type=positive, default=1)
    p.add_argument("--budget", type=float, default=float("inf"))
    p.add_argument("--threads", type=positive, default=os.cpu_count() or 1)
    p.add_argument("--amal", default=os.path.join(ROOT, "build", "amal"))
    p.add_argument("--speeds", default=os.path.join(ROOT, "build", "tests", "bench", "gpu_speeds"))
    p.add_argument("--folder", default=os.path.join(ROOT, "build", "bench"))
    p.add_argument("--shared", default=os.path.join(ROOT, "..", "shared"))
    p.add_argument("--results")
    a = p.parse_args(words)
    for name in a.names:
        if name not in NAMES:
            p.error(f"there is no case {name}: {', '.join(NAMES)}")
    a.names = a.names or ["dense", "movie"]
    if a.large and "large" not in a.names:
        a.names.append("large")
    a.folder, a.shared = os.path.abspath(a.folder), os.path.abspath(a.shared)
    a.results = a.results or (os.path.join(a.folder, "gpu.json") if a.quick else RESULTS)
    return a


def kept(path):
    if not os.path.exists(path):
        return {"rows": {}}
    with open(path) as f:
        return json.load(f)


class Budget:
    """Seconds that may be used; the rows that are left out once they are."""

    def __init__(self, seconds, clock=time.perf_counter):
        self.seconds, self.clock, self.began, self.left_out = seconds, clock, clock(), []

    def allows(self, row):
        if self.clock() - self.began < self.seconds:
            return True
        self.left_out.append(row)
        return False

    def rows(self, case, algorithms):
        """The algorithms of a case, each once there is still time for it."""
        return (algorithm for algorithm in algorithms if self.allows(f"{case}, {algorithm}"))


def measure(a, speeds, budget):
    """Measures what is wanted into the results; returns how many failed."""
    import gpu_peers
    import gpu_rows
    import rows
    import scripts
    libraries, missing = gpu_peers.libraries()
    for name, why in missing.items():
        print(f"left out: {name} ({why})")
    amal = scripts.Amal(os.path.abspath(a.amal), os.path.join(a.folder, "scripts"), os.path.join(a.folder, "cache"), a.threads)
    ctx = rows.Context(amal, a.shared, a.folder, a.threads, a.rounds, a.quick)
    results = kept(a.results)
    failed = 0
    for name in a.names:
        case = None
        for algorithm in budget.rows(name, a.algorithms):
            try:
                case = case or gpu_rows.Case(ctx, name, libraries)
                row = {"gpu": speeds["gpu"], **gpu_rows.measured(ctx, case, algorithm, a.large_rounds if name == "large" else a.rounds, speeds["bytes"])}
            except rows.Missing as why:
                print(f"{name}: left out: {why}", flush=True)
                break
            except (rows.WrongResult, scripts.AmalError) as why:
                print(f"FAILED {name}, {algorithm}: {why}", flush=True)
                failed += 1
                continue
            row = results["rows"][f"{name}, {algorithm}"] = bench.round_values(row)
            bench.store(a.results, results)
            print("\n".join(report.gpu_text(f"{name}, {algorithm}", row)), flush=True)
        if case:
            case.close()
    return failed


def main():
    a = arguments()
    budget = Budget(a.budget)
    # Tables of 20,000,000 rows are more than the cache keeps unless told.
    os.environ.setdefault("AMAL_CACHE_LIMIT", "0")
    done = subprocess.run([a.speeds], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"no GPU, nothing measured: {done.stderr.strip()}")
        return 3
    speeds = json.loads(done.stdout)
    print(f"{speeds['gpu']}: copies {speeds['bytes'] / 1e9:.0f} GB/s within its memory, {speeds['transfer'] / 1e9:.1f} GB/s to it")
    lacking = [package for module, package in bench.PACKAGES.items() if module in ("numpy", "scipy") and module in bench.missing_packages()]
    if lacking:
        print(f"nothing measured: {' '.join(lacking)} not installed")
        return 3
    failed = measure(a, speeds, budget)
    if budget.left_out:
        print(f"left out, because {a.budget:g} s have passed: {'; '.join(budget.left_out)}")
    print(f"results: {a.results}")
    if a.results == RESULTS:
        report.write_page(bench.load(os.path.join(os.path.dirname(RESULTS), "results.json")), PAGE)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
