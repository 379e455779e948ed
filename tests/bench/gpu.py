#!/usr/bin/env python3
"""gpu.py: the four algorithms on a GPU, in one run: seconds an iteration of `amal` on the GPU, factorized (rows as they are, and sorted by key) and on the
joined table, of `amal` on the CPU, and of PyTorch and CuPy on the joined table where they can be imported; and how much of the GPU's own copy bandwidth a step reaches.

    gpu.py [NAME...] [--amal FILE] [--speeds FILE] [--folder DIR] [--results FILE] [--shared DIR] [--algorithms NAME...] [--rounds N] [--threads N] [--large] [--quick]

NAME: dense, large, movie (dense and movie unless named; --large adds the 20,000,000 rows). Every side starts from the same model and must take the
same steps. Results go to docs/benchmarks/gpu.json (with --quick below FOLDER), where rows that are not measured now stay, and from there to
docs/benchmarks.md; lines to standard output. Exit code 3: there is no GPU, and nothing was measured.
"""
import argparse
import importlib
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True


class Torch:
    """What the steps need, of PyTorch."""

    def __init__(self, torch):
        self.m = torch
        if not torch.cuda.is_available():
            raise ImportError("it sees no GPU")

    def array(self, x):
        return self.m.as_tensor(x, dtype=self.m.float64, device="cuda")

    def sparse(self, x):
        of = self.m.as_tensor
        return self.m.sparse_csr_tensor(of(x.indptr), of(x.indices), of(x.data), x.shape, device="cuda")

    def sigmoid(self, x):
        return self.m.sigmoid(x)

    def at_least(self, x, low):
        return self.m.clamp(x, min=low)

    def onehot(self, a, k):
        return self.m.nn.functional.one_hot(a, k).to(self.m.float64)

    def wait(self):
        self.m.cuda.synchronize()

    def host(self, x):
        return x.cpu().numpy()


class Cupy:
    """The same of CuPy."""

    def __init__(self, cupy):
        self.m = cupy
        cupy.cuda.runtime.getDeviceCount()

    def array(self, x):
        return self.m.asarray(x)

    def sparse(self, x):
        return importlib.import_module("cupyx.scipy.sparse").csr_matrix(x)

    def sigmoid(self, x):
        return 1 / (1 + self.m.exp(-x))

    def at_least(self, x, low):
        return self.m.maximum(x, low)

    def onehot(self, a, k):
        return (a[:, None] == self.m.arange(k)[None, :]).astype(self.m.float64)

    def wait(self):
        self.m.cuda.Stream.null.synchronize()

    def host(self, x):
        return self.m.asnumpy(x)


class OnDevice:
    """The steps of peers.Stepper on T in the GPU's memory."""

    def __init__(self, peers, problem, algorithm, tables, lib):
        self.peers, self.p, self.algorithm, self.lib = peers, problem, algorithm, lib
        self.T, self.TT = tables
        self.y = lib.array(problem.y)
        self.reset()

    def reset(self):
        import numpy as np
        p, lib = self.p, self.lib
        if self.algorithm in ("linear", "logistic"):
            self.state = lib.array(np.zeros(p.d))
        elif self.algorithm == "kmeans":
            self.state = lib.array(p.centres)
        else:
            self.state, self.W = lib.array(self.peers.start_h(p.d)), lib.array(self.peers.start_w(p.n))

    def once(self):
        T, TT, lib, s = self.T, self.TT, self.lib, self.state
        if self.algorithm == "linear":
            self.state = s - self.p.step * (TT @ (T @ s - self.y))
        elif self.algorithm == "logistic":
            self.state = s - self.p.step * (TT @ (lib.sigmoid(T @ s) - self.y))
        elif self.algorithm == "kmeans":
            A = lib.onehot(((s * s).sum(1) - 2 * (T @ s.T)).argmin(1), self.peers.K)
            size = A.sum(0)
            self.state = lib.m.where(size[:, None] > 0, (TT @ A).T / lib.at_least(size, 1)[:, None], s)
        else:
            H = s * (TT @ self.W).T / lib.at_least((self.W.T @ self.W) @ s, 1e-12)
            self.W = self.W * (T @ H.T) / lib.at_least(self.W @ (H @ H.T), 1e-12)
            self.state = H

    def step(self):
        self.once()
        self.lib.wait()

    def seconds(self, at_least):
        """Mean seconds of a step, of as many as take at_least seconds; nothing is waited for between them."""
        self.step()
        begin = time.perf_counter()
        self.step()
        calls = max(1, int(at_least / max(time.perf_counter() - begin, 1e-9)))
        begin = time.perf_counter()
        for _ in range(calls):
            self.once()
        self.lib.wait()
        return (time.perf_counter() - begin) / calls

    @property
    def model(self):
        return self.lib.host(self.state)


def on_device(lib, T):
    """T and its transpose. Products with a sparse transpose are fastest from its own rows."""
    if hasattr(T, "tocsr"):
        return lib.sparse(T), lib.sparse(T.T.tocsr())
    there = lib.array(T)
    return there, there.T


def libraries():
    """name -> adaptor of those that can be used; name -> why of the others."""
    found, missing = {}, {}
    for name, module, adaptor in (("PyTorch on T", "torch", Torch), ("CuPy on T", "cupy", Cupy)):
        try:
            found[name] = adaptor(importlib.import_module(module))
        except Exception as why:  # an import of either may fail in many ways; none of them is ours to mend
            missing[name] = f"{type(why).__name__}: {why}"
    return found, missing


def made(name, ctx, data, scripts):
    """Tables for the script, T (None where it is too large), rows, columns, y, bytes that a factorized step streams, the first rows of T."""
    if name == "movie":
        from rows import movie_case
        m = movie_case(ctx)
        streamed = sum(d.data.nbytes + d.indices.nbytes for d in m.dims) + 4 * len(m.keys) * m.n + 8 * m.n
        T = m.target()
        return scripts.movie_tables(m), T, m.n, m.width, m.y, streamed, T[:10].toarray()
    n, rows = (20000000, 1000000) if name == "large" else (1000000, 50000)
    star = data.Star(ctx.size(n), 20, [ctx.size(rows)], [40])
    streamed = star.X.nbytes + sum(d.nbytes for d in star.dims) + 4 * star.n + 8 * star.n
    T = star.target() if star.n * star.width * 8 < 24e9 else None
    return scripts.star_tables(star, ctx.files(star)), T, star.n, star.width, star.y, streamed, (star.target() if T is None else T)[:10].copy()


FACTORIZED = "amal, GPU, factorized"


def ours(case, algorithm):
    """name -> (options of amal, steps to measure over: on a GPU about a fifth of a second)."""
    plain = ("--strategy", "factorize", "--sort", "never", "--absorb", "never")
    rows_sorted = ("--strategy", "factorize", "--sort", "always", "--absorb", "never")
    off = ("--disable", "chain") if algorithm == "linear" else ()  # X'X, made once, would leave no step that goes over the rows
    cuda, c = ("--backend", "cuda", *off), ("--backend", "c", *off)
    sides = {FACTORIZED: (*cuda, *plain), "amal, GPU, rows sorted": (*cuda, *rows_sorted), "amal, GPU, materialized": (*cuda, "--strategy", "materialize"),
             "amal, CPU, factorized": (*c, *(plain if case == "movie" else rows_sorted))}
    if case == "large":
        del sides["amal, GPU, rows sorted"]
    steps = 20 if case == "large" else 1
    return {name: (options, (100 if "CPU" in name else 2000) // steps) for name, options in sides.items()}


def kept(path):
    if not os.path.exists(path):
        return {"rows": {}}
    with open(path) as f:
        return json.load(f)


def main():
    p = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].strip())
    p.add_argument("names", nargs="*")
    p.add_argument("--amal", default=os.path.join(ROOT, "build", "amal"))
    p.add_argument("--speeds", default=os.path.join(ROOT, "build", "tests", "bench", "gpu_speeds"))
    p.add_argument("--folder", default=os.path.join(ROOT, "build", "bench"))
    p.add_argument("--algorithms", nargs="+", choices=("linear", "logistic", "kmeans", "nmf"), help="all unless named")
    p.add_argument("--results")
    p.add_argument("--shared", default=os.path.join(ROOT, "..", "shared"))
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    p.add_argument("--large", action="store_true")
    p.add_argument("--quick", action="store_true")
    a = p.parse_args()
    unknown = [n for n in a.names if n not in ("dense", "large", "movie")]
    if unknown:
        print(f"gpu.py: there is no case {unknown[0]}: dense, large, movie", file=sys.stderr)
        return 2
    done = subprocess.run([a.speeds], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"no GPU, nothing measured: {done.stderr.strip()}")
        return 3
    speeds = json.loads(done.stdout)
    try:
        import numpy as np

        import bench
        import data
        import peers
        import report
        import scripts
        import timing
        from rows import CALLS, FEW, Context, PerStep, Row, WrongResult, params, problem_of, steps_script
    except ImportError as why:
        print(f"nothing measured: {why} (python3-numpy and python3-scipy are needed)")
        return 3
    a.names = a.names or ["dense", "movie"] + (["large"] if a.large else [])
    a.folder = os.path.abspath(a.folder)
    page = os.path.join(ROOT, "docs", "benchmarks")
    path = a.results or os.path.join(a.folder if a.quick else page, "gpu.json")
    amal = scripts.Amal(os.path.abspath(a.amal), os.path.join(a.folder, "scripts"), os.path.join(a.folder, "cache"), a.threads)
    ctx = Context(amal, a.shared, a.folder, a.threads, a.rounds, a.quick)
    found, missing = libraries()
    print(f"{speeds['gpu']}: copies {speeds['bytes'] / 1e9:.0f} GB/s within its memory, {speeds['transfer'] / 1e9:.1f} GB/s to it")
    for name, why in missing.items():
        print(f"left out: {name} ({why})")
    results = kept(path)
    wrong = 0
    for case in a.names:
        tables, T, n, width, y, streamed, centres = made(case, ctx, data, scripts)
        there = {name: on_device(lib, T) for name, lib in found.items()} if T is not None else {}
        for algorithm in a.algorithms or peers.ALGORITHMS:
            row = Row(f"{case}, {algorithm}", "ms an iteration")
            problem = problem_of(n, width, y, centres)
            script = steps_script(ctx, f"gpu_{case}_{algorithm}", tables, algorithm, problem.step, bring=True)
            sides = {name: PerStep(ctx, script, *options, many=many) for name, (options, many) in ours(case, algorithm).items()}
            samples = {name: side.sample for name, side in sides.items()}
            steppers = {name: OnDevice(peers, problem, algorithm, of, found[name]) for name, of in there.items()}
            models = {}
            for name, stepper in steppers.items():
                try:
                    for _ in range(FEW):
                        stepper.step()
                    models[name] = stepper.model
                except Exception as why:  # an operation that the library does not have for these arrays
                    print(f"{row.title}: left out: {name} ({type(why).__name__}: {why})")
                    continue
                samples[name] = lambda s=stepper: s.seconds(ctx.sample_seconds)
            try:
                measured, _ = timing.interleave(samples, a.rounds, 0)
                models.update({name: params(side.run, "few_steps", CALLS[algorithm][3]) for name, side in sides.items()})
                for name, model in models.items():
                    row.compare(name, model, models[FACTORIZED])
            except (WrongResult, scripts.AmalError) as why:
                print(f"{row.title}: {why}", flush=True)
                wrong += 1
                continue
            medians = {name: float(np.median(v)) for name, v in measured.items()}
            share = streamed / medians[FACTORIZED] / speeds["bytes"]
            results["rows"][row.title] = {"gpu": speeds["gpu"], "copy": speeds["bytes"], "threads": a.threads, "rounds": a.rounds, "date": time.strftime("%Y-%m-%d"),
                                          "share_of_copy": share, "seconds": measured}
            print(f"{row.title}: " + ", ".join(f"{name} {1e3 * s:.3f} ms ({s / medians[FACTORIZED]:.2f}x)" for name, s in medians.items()) +
                  f"; {100 * share:.0f} % of copy bandwidth", flush=True)
            with open(path + ".tmp", "w") as f:
                json.dump(results, f, indent=1)
            os.replace(path + ".tmp", path)
        del there
    print(f"written: {path}")
    if path == os.path.join(page, "gpu.json"):
        report.write_page(bench.load(os.path.join(page, "results.json")), page + ".md")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
