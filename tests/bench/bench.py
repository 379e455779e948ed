#!/usr/bin/env python3
"""bench.py: measures `amal` against other ways of the same work, in one run, and writes docs/benchmarks.md from what it measured.

    bench.py [NAME...]        measures the rows and curves that are named, or begin so (dense, movie-kmeans, scaling); all when none is
        --quick               small tables and two rounds, to see that everything works; nothing below docs/ is written
        --rounds N            rounds (5): in each, every side of a row is measured once
        --threads N           threads of every side (2)
        --amal FILE           the command (build/amal)
        --results FILE        where results are kept; rows that are not measured now stay as they are there (docs/benchmarks/results.json)
        --page FILE           the page that is written, with its plots in a folder of the same name (docs/benchmarks.md)
        --render              measures nothing: writes the page from the results
        --list                names of rows and curves

What is not on this machine (packages, data, kernels) is left out and said. A side that computes something else than the others is an error.
Exit codes: 0 done, 1 something failed, 2 the command line is wrong.
"""
import argparse
import datetime
import importlib.util
import json
import os
import platform
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
PACKAGES = {"numpy": "python3-numpy", "scipy": "python3-scipy", "sklearn": "python3-sklearn", "pandas": "python3-pandas"}
# By the beginning of a row's name, what it needs beyond numpy.
NEEDS = {"dense-": ["scipy"], "movie-": ["scipy"], "memory-movie": ["scipy"], "sklearn-": ["sklearn"], "e2e-": ["sklearn", "pandas"]}


def missing_packages():
    return [name for name in PACKAGES if importlib.util.find_spec(name) is None]


def arguments():
    p = argparse.ArgumentParser(usage="bench.py [NAME...] [--quick] [--rounds N] [--threads N] [--amal FILE] [--results FILE] [--page FILE] "
                                      "[--render] [--list]")
    p.add_argument("names", nargs="*")
    p.add_argument("--quick", action="store_true")
    p.add_argument("--rounds", type=int)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--amal", default=os.path.join(ROOT, "build", "amal"))
    p.add_argument("--folder", default=os.path.join(ROOT, "build", "bench"))
    p.add_argument("--results")
    p.add_argument("--page")
    p.add_argument("--render", action="store_true")
    p.add_argument("--list", action="store_true")
    a = p.parse_args()
    a.rounds = a.rounds or (2 if a.quick else 5)
    a.folder = os.path.abspath(a.folder)
    results = os.path.join(ROOT, "docs", "benchmarks", "results.json")
    a.results = a.results or (os.path.join(a.folder, "quick.json") if a.quick else results)
    a.page = a.page or (os.path.join(a.folder, "quick.md") if a.quick else os.path.join(ROOT, "docs", "benchmarks.md"))
    return a


def machine():
    """The processor and the memory; no names."""
    with open("/proc/cpuinfo") as f:
        text = f.read()
    model = re.search(r"^model name\s*:\s*(.*)$", text, re.M)
    flags = text.split()
    vectors = next((name for flag, name in (("avx512f", "AVX-512"), ("avx2", "AVX2"), ("asimd", "NEON")) if flag in flags), "no wide vectors")
    with open("/proc/meminfo") as f:
        memory = int(re.search(r"MemTotal:\s*(\d+)", f.read()).group(1)) / 1048576
    return {"processor": model.group(1) if model else platform.machine(), "processors": os.cpu_count(), "vectors": vectors,
            "memory_gib": round(memory, 1), "system": f"{platform.system()} {platform.machine()}"}


def first_line(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()[0].strip()
    except (OSError, IndexError):
        return "unknown"


def versions(amal):
    found = {"amal": first_line(amal, "--version"), "compiler": first_line(os.environ.get("CC", "cc"), "--version"),
             "python": platform.python_version()}
    for name in PACKAGES:
        if importlib.util.find_spec(name):
            found[name] = __import__(name).__version__
    return found


def load(path):
    if not os.path.exists(path):
        return {"format": 1, "rows": {}, "curves": {}}
    with open(path) as f:
        return json.load(f)


def store(path, results):
    """Whole or not at all."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".tmp", "w") as f:
        json.dump(results, f, indent=1)
        f.write("\n")
    os.rename(path + ".tmp", path)


def wanted(names, known):
    """The known names that are among names or begin with one of them, in the order of known; names that fit none."""
    chosen = [k for k in known if not names or any(k == n or k.startswith(n) for n in names)]
    return chosen, [n for n in names if not any(k == n or k.startswith(n) for k in known)]


def round_values(x):
    """Six significant digits in what is stored."""
    if isinstance(x, float):
        return float(f"{x:.6g}")
    if isinstance(x, list):
        return [round_values(v) for v in x]
    if isinstance(x, dict):
        return {k: round_values(v) for k, v in x.items()}
    return x


def measure(a, absent):
    """Measures what is wanted into the results; returns how many failed."""
    import report
    import rows
    import scaling
    import scripts
    known = list(rows.ROWS) + list(scaling.CURVES)
    chosen, unknown = wanted(a.names, known)
    if unknown:
        sys.exit(f"bench: there is no row {', '.join(unknown)}; --list lists them")
    results = load(a.results)
    results["machine"], results["versions"] = machine(), versions(a.amal)
    amal = scripts.Amal(os.path.abspath(a.amal), os.path.join(a.folder, "scripts"), os.path.join(a.folder, "cache"), a.threads)
    os.makedirs(a.folder, exist_ok=True)
    ctx = rows.Context(amal, os.path.join(ROOT, "..", "shared"), a.folder, a.threads, a.rounds, a.quick)
    failed = 0
    for name in chosen:
        lacking = sorted({p for prefix, packages in NEEDS.items() if name.startswith(prefix) for p in packages if p in absent})
        kind, make = ("rows", rows.ROWS[name]) if name in rows.ROWS else ("curves", scaling.CURVES[name])
        about = {"date": datetime.date.today().isoformat(), "quick": a.quick, "threads": a.threads, "rounds": a.rounds}
        try:
            if lacking:
                raise rows.Missing("not installed: " + " ".join(PACKAGES[p] for p in lacking))
            results[kind][name] = round_values({**make(ctx).as_dict(), **about})
        except rows.Missing as why:
            results[kind][name] = {"skipped": str(why), **about}
        except (rows.WrongResult, scripts.AmalError) as wrong:
            print(f"FAILED {name}: {wrong}", flush=True)
            results[kind].pop(name, None)
            failed += 1
            continue
        # in their own order, whenever they were measured; what there is no more goes
        results[kind] = {n: results[kind][n] for n in known if n in results[kind]}
        store(a.results, results)
        print("\n".join(report.text(name, results[kind][name])), flush=True)
    return failed


def main():
    a = arguments()
    # Before any package is imported: every side has the same number of threads, and waiting threads sleep.
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(a.threads)
    os.environ["OMP_WAIT_POLICY"] = "passive"
    absent = missing_packages()
    if absent:
        print(f"bench: not installed: {' '.join(PACKAGES[p] for p in absent)}; what needs them is left out "
              "(`.ci/deps.sh --bench` installs them)", flush=True)
    failed = 0
    if not a.render:
        if "numpy" in absent:
            print("bench: without python3-numpy nothing can be measured")
            return 1
        if a.list:
            import rows
            import scaling
            print("\n".join(list(rows.ROWS) + list(scaling.CURVES)))
            return 0
        failed = measure(a, absent)
    import report
    report.write_page(load(a.results), a.page)
    print(f"results: {os.path.relpath(a.results)}, page: {os.path.relpath(a.page)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
