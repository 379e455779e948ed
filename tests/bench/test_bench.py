#!/usr/bin/env python3
"""test_bench.py AMAL FOLDER: the harness of `make bench` on tiny tables: its arithmetic, its checks, its JSON and its page. No time is judged.

The last line is `N passed, N failed`; what needs a package that is not installed is skipped, and said.
"""
import contextlib
import copy
import importlib.util
import io
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as xml

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import bench
import estimator
import gpu
import plot
import report
import timing

AMAL, FOLDER = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
counts = {"passed": 0, "failed": 0}


def check(what, holds, detail=""):
    counts["passed" if holds else "failed"] += 1
    if not holds:
        print(f"FAILED  {what} {detail}")


def raises(kind, call):
    try:
        call()
    except kind as e:
        return str(e)
    return None


def test_timing():
    order = []
    samples, others = timing.interleave({"a": lambda: order.append("a") or 1.0, "b": lambda: order.append("b") or 2.0}, 3)
    check("sides are measured in turn", order[:6] == ["a", "b"] * 3 and len(order) <= 12)
    check("a sample a round", samples == {"a": [1.0] * 3, "b": [2.0] * 3})
    check("other programs use a share of at least nothing", others >= 0)
    loads, real = iter([0.9, 0.0, 0.5, 0.1]), timing.Watch
    timing.Watch = lambda: type("Load", (), {"others": lambda self: next(loads)})()
    rounds = iter([10.0, 11.0, 12.0, 13.0])
    kept = timing.interleave({"a": lambda: next(rounds)}, 2)
    timing.Watch = real
    check("rounds that others disturb are measured again, the quietest count", kept == ({"a": [11.0, 13.0]}, 0.1), str(kept))
    check("a ratio is taken within its round", timing.ratio([1, 2, 4], [2, 8, 4]) == {"median": 2, "min": 1, "max": 4})
    calls = []
    timing.seconds_of(lambda: calls.append(0), 0)
    check("one call is not counted, one tells how long it takes", len(calls) == 3)


ROW = {"title": "a row", "unit": "ms an iteration", "sides": {"amal": [1.0, 2.0, 3.0], "numpy on T": [8.0, 20.0, 18.0]}, "agree": {"numpy on T": 1e-15},
       "left_out": {"hand-written, rows as they are": "they are not here"}, "notes": ["a note"], "others": 0.5, "date": "2020-01-01", "quick": False,
       "rounds": 3, "threads": 2, "goals": [{"against": "numpy on T", "limit": 7}, {"against": "numpy on T", "limit": 9}, {"against": None, "limit": 20}]}
CURVE = {"title": "Rows <&>", "x_label": "rows", "unit": "ms an iteration", "x": [10, 100, 1000], "log": True, "others": 0, "notes": ["straight"],
         "series": {"one": [[1, 2, 3], [10, 11, 12], [100, 110, 120]], "two": [[2], [4], [8]]}, "date": "2020-01-01", "quick": False, "rounds": 3, "threads": 2}


def test_report():
    judged = report.judge(ROW)
    check("goals are met or missed by the median ratio", [j[3] for j in judged] == [True, False, True], str(judged))
    check("ratios with their spread", judged[0][1].startswith("8.00x (6.00 .. 10.0)"), judged[0][1])
    pair = dict(ROW, sides={"amal, again": [1.0], "other": [5.0]}, goals=[{"against": ["amal, again", "other"], "limit": 6}])
    by_hand = dict(ROW, sides={**ROW["sides"], "hand-written, rows as they are": [0.5, 1.0, 3.0]}, goals=ROW["goals"][:1])
    check("what code by hand reaches", report.judge(by_hand)[0][1] == "8.00x (6.00 .. 10.0); by hand 16.0x", report.judge(by_hand)[0][1])
    check("one side against another", report.judge(pair)[0][3] is False and "5.00x" in report.judge(pair)[0][1])
    lines = "\n".join(report.text("a-row", ROW))
    check("the terminal says what is missed", lines.count("MISSED") == 1 and lines.count(": met") == 2, lines)
    check("and what was left out", "left out: they are not here" in lines)
    check("quick runs are not judged", "met" not in "\n".join(report.text("a-row", dict(ROW, quick=True))).replace("meanwhile", ""))
    check("skipped rows say why", report.text("x", {"skipped": "no data"}) == ["x: skipped: no data"])
    check("three digits", [report.number(x) for x in (0, 0.0123, 1.234, 12.34, 1234.5)] == ["0", "0.012", "1.23", "12.3", "1,234"])


def test_page():
    results = {"format": 1, "machine": {"processor": "P", "processors": 2, "vectors": "V", "memory_gib": 1, "system": "S"}, "versions": {"amal": "amal 1"},
               "rows": {"a-row": ROW, "b-row": {"skipped": "no data"}}, "curves": {"scaling-rows": CURVE}}
    path = os.path.join(FOLDER, "page.md")
    report.write_page(results, path)
    with open(path) as f:
        page = f.read()
    check("the page counts goals", "2 of 3 met." in page)
    check("the page has the goals' table", "| a-row | numpy on T | 8.00x (6.00 .. 10.0) | at least 9.00x: **missed** |" in page, page)
    check("the page says what was left out", "`b-row`: no data" in page)
    check("the page shows differences of models", "1.0e-15" in page)
    for name in ("iterations", "scaling-rows"):
        check(f"the page shows {name}", f"page/{name}.svg" in page)
        with open(os.path.join(FOLDER, "page", name + ".svg")) as f:
            text = f.read()
        root = xml.fromstring(text)
        texts = "\n".join(e.text or "" for e in root.iter("{http://www.w3.org/2000/svg}text"))
        check(f"{name}: axis with its unit", "milliseconds" in texts, texts)
        check(f"{name}: legible on dark and light", "prefers-color-scheme:dark" in text and 'class="back"' in text)
        numbers = [float(v) for e in root.iter() for k in ("x", "y", "cx", "cy", "x1", "y1", "x2", "y2") if (v := e.get(k))]
        check(f"{name}: all inside the picture", min(numbers) >= 0 and max(numbers) <= 1000, f"{min(numbers)} {max(numbers)}")
    check("a mark a point, and one in the legend", len(list(root.iter("{http://www.w3.org/2000/svg}circle"))) == 4)
    check("legends name the series", "one" in texts and "two" in texts and "Rows <&>" in texts)
    axis = plot.Axis(0, 10, 100, 200, False)
    check("axes map ends to ends", axis.at(0) == 100 and axis.at(10) == 200 and plot.Axis(1, 100, 0, 1, True).at(10) == 0.5)


GPU_ROW = {"gpu": "G", "copy": 1e12, "threads": 4, "rounds": 3, "date": "2026-01-01", "share_of_copy": 0.5,
           "seconds": {"amal, GPU, factorized": [1e-4, 2e-4, 3e-4], "amal, CPU, factorized": [1e-3] * 3, "CuPy on T": [8e-4] * 3, "other": [1e-4] * 3}}
PASSES = [{"over": "T", "rows": 9, "bytes": 80e6, "seconds": 1e-4}, {"over": "T", "rows": 9, "bytes": 80e6, "seconds": 2e-4},
          {"over": "dim1", "rows": 3, "bytes": 40e6, "seconds": 1e-4}]


def test_gpu_report():
    section = report.gpu_section({"dense, x": GPU_ROW, "movie, x": GPU_ROW})
    check("of a GPU: ratios of medians", section.count("| CuPy on T | 0.800 (0.800 .. 0.800) | 4.00x | at least 3x: met |\n") == 2, section)
    check("and goals, on the CPU those of dense rows", section.count("| at least 9x: **missed** |") == 1 and section.count("| 5.00x |  |") == 1, section)
    check("and what it is of copying", "Copies: 1,000 GB/s; share: 50 %." in section, section)
    check("rows of older runs have no passes and no total", "| plan |" not in section and "in all, s |" not in section, section)
    row = {**GPU_ROW, "rounds": 1, "passes": {"amal, GPU, factorized": PASSES, "amal, GPU, rows sorted": PASSES[:1]},
           "total": {"iterations": 50, "seconds": {side: 1.25 for side in GPU_ROW["seconds"]}}}
    section = report.gpu_section({"large, x": row})
    check("seconds in all are a column", "| goal | 50 iterations in all, s |\n|---|---|---|---|---|\n" in section and section.count("| 1.25 |\n") == 4, section)
    check("a pass that streams has a goal", "| factorized | T | 80.0 | 100 | 800 | 80 % | at least 70 %: met |" in section, section)
    check("and may miss it", "| factorized | T | 80.0 | 200 | 400 | 40 % | at least 70 %: **missed** |" in section, section)
    check("one that fits the cache has none", "| factorized | dim1 | 40.0 | 100 | 400 | 40 % |  |" in section, section)
    check("each plan has its passes", section.count("| rows sorted | T |") == 1 and ", 1 round." in section, section)
    lines = "\n".join(report.gpu_text("large, x", row))
    check("the terminal says the same", "in all 1.25" in lines and "pass over T: 80.0 MB in 100 us, 800 GB/s, 80 % of copies at least 70 %: met" in lines,
          lines)
    lines = "\n".join(report.gpu_text("large, x", {**row, "quick": True}))
    check("and judges no quick run", "met" not in lines and "missed" not in lines and "at least 3x" in lines, lines)


def test_gpu_driver():
    budget = gpu.Budget(10, iter([0, 4, 9, 12, 13]).__next__)
    check("no row begins when the budget is used up", list(budget.rows("a", "xyz")) == ["x", "y"] and list(budget.rows("b", "x")) == [])
    check("and those left out are known", budget.left_out == ["a, z", "b, x"], str(budget.left_out))
    check("dense and movie unless named", gpu.arguments([]).names == ["dense", "movie"] and gpu.arguments(["movie", "--large"]).names == ["movie", "large"])
    a = gpu.arguments(["large", "--rounds", "3", "--budget", "90"])
    check("large has rounds of its own", (a.rounds, a.large_rounds, a.budget, a.results) == (3, 1, 90, gpu.RESULTS))
    check("quick results are kept elsewhere", gpu.arguments(["--quick", "--folder", FOLDER]).results == os.path.join(FOLDER, "gpu.json"))
    command = [sys.executable, gpu.__file__]
    for words in (["nothing-such"], ["--rounds", "0"], ["--algorithms", "sorting"]):
        check(f"{words} is a wrong command line", subprocess.run([*command, *words], capture_output=True, check=False).returncode == 2)
    done = subprocess.run([*command, "--speeds", "false"], capture_output=True, text=True, check=False)
    check("without a GPU nothing is measured", done.returncode == 3 and "no GPU, nothing measured" in done.stdout, done.stdout + done.stderr)


def test_driver():
    check("rows by name or beginning", bench.wanted(["dense", "movie-nmf"], ["dense-a", "dense-b", "movie-nmf", "e"]) ==
          (["dense-a", "dense-b", "movie-nmf"], []))
    check("all when none is named, unknown ones told", bench.wanted([], ["a"]) == (["a"], []) and bench.wanted(["z"], ["a"]) == ([], ["z"]))
    path = os.path.join(FOLDER, "results.json")
    bench.store(path, {"rows": {"a": 1}})
    check("results are kept", bench.load(path) == {"rows": {"a": 1}} and not os.path.exists(path + ".tmp"))
    check("six digits", bench.round_values({"a": [1.23456789]}) == {"a": [1.23457]})


def test_tables():
    import numpy as np
    import data
    star = data.Star(130, 3, [7, 11], [2, 1], seed=5)
    fact, dim1, dim2 = star.write(FOLDER)
    table = np.loadtxt(fact, delimiter=",", skiprows=1)
    check("a file holds the same doubles as memory", np.array_equal(table[:, 3:], star.X) and np.array_equal(table[:, 2], star.y))
    check("keys find their rows", np.array_equal(table[:, 0] - data.first_id(7), star.keys[0]) and np.array_equal(table[:, 1] - data.first_id(11), star.keys[1]))
    check("dimensions too", np.array_equal(np.loadtxt(dim1, delimiter=",", skiprows=1)[:, 1:], star.dims[0])
          and np.loadtxt(dim2, delimiter=",", skiprows=1)[0, 0] == data.first_id(11))
    check("the target is the join", np.array_equal(star.target()[5], np.concatenate([star.X[5], star.dims[0][star.keys[0][5]], star.dims[1][star.keys[1][5]]])))
    check("a seed is a table", np.array_equal(data.Star(130, 3, [7, 11], [2, 1], seed=5).X, star.X))
    return star


def test_sides(ctx, rows):
    """Every side of every algorithm agrees, and one that does not is found."""
    import numpy as np
    import peers
    for algorithm in peers.ALGORITHMS:
        row = rows.dense(ctx, algorithm).as_dict()
        check(f"{algorithm}: the sides agree", set(row["agree"]) == set(row["sides"]) - {"amal"} and max(row["agree"].values()) < 1e-10, str(row["agree"]))
        check(f"{algorithm}: a sample a round of every side", all(len(s) == ctx.rounds for s in row["sides"].values()) and len(row["sides"]) >= 3)
        check(f"{algorithm}: rows are JSON", json.loads(json.dumps(bench.round_values(row)))["unit"] == "ms an iteration")
    wrong = rows.Row("a row", "ms")
    said = raises(rows.WrongResult, lambda: wrong.compare("wrong", np.array([1.0, 2.1]), np.array([1.0, 2.0])))
    check("a side that computes something else is an error", said is not None and "wrong differs from amal's by 0.05" in said, str(said))
    check("not a number is one too", raises(rows.WrongResult, lambda: wrong.compare("nan", np.array([np.nan]), np.array([1.0]))) is not None)


def test_sparse(ctx):
    import numpy as np
    import peers
    import scipy.sparse as sp
    g = np.random.default_rng(7)
    dims = [sp.csr_matrix((g.random((m, d)) < 0.3) * g.random((m, d))) for m, d in ((9, 12), (13, 8))]
    keys = [g.integers(0, d.shape[0], 200, dtype=np.int32) for d in dims]
    T = sp.hstack([d[k] for d, k in zip(dims, keys)], format="csr")
    problem = peers.Problem(200, 20, (g.random(200) < 0.5).astype(float), 1e-3, T[:peers.K].toarray())
    for algorithm in peers.ALGORITHMS:
        sides = [peers.OnTarget(problem, algorithm, T), peers.TakeCount(problem, algorithm, keys, dims)]
        try:
            sides.append(peers.SparseKernels(problem, algorithm, ctx.kernels("sparse.c"), keys, dims))
        except peers.Missing as why:
            print(f"skipped the sparse hand-written kernels: {why}")
        for side in sides:
            for _ in range(3):
                side.step()
        check(f"sparse {algorithm}: the sides agree", all(np.allclose(s.model, sides[0].model, rtol=1e-9, atol=1e-12) for s in sides))


class OnHost:
    """What the steps on a GPU need, of numpy."""

    def __init__(self, np):
        self.m = np

    def array(self, x):
        return self.m.array(x)

    def sparse(self, x):
        return x

    def sigmoid(self, x):
        return 1 / (1 + self.m.exp(-x))

    def at_least(self, x, low):
        return self.m.maximum(x, low)

    def onehot(self, a, k):
        return (a[:, None] == self.m.arange(k)).astype(float)

    def wait(self):
        pass

    def host(self, x):
        return x

    def give_back(self):
        pass


class Scarce(OnHost):
    def __init__(self, np, cells):
        super().__init__(np)
        self.cells = cells

    def array(self, x):
        if x.size > self.cells:
            raise MemoryError("too large")
        return super().array(x)


def test_gpu_rows(ctx):
    import numpy as np
    import gpu_rows
    import peers
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        case = gpu_rows.Case(ctx, "dense", {"host": OnHost(np), "scarce": Scarce(np, 600)})
    check("a library whose memory is too small is left out", list(case.there) == ["host"] and case.making["host"] > 0)
    check("and said", said.getvalue() == "dense: left out: scarce (MemoryError: too large)\n", said.getvalue())
    T = case.there["host"][0]
    check("the first rows of T are made alone", T.shape == (case.n, case.width) and np.array_equal(T[:peers.K], case.centres))
    for algorithm in peers.ALGORITHMS:
        problem = peers.Problem(case.n, case.width, case.y, 2 / (case.n * case.width), case.centres)
        steppers, models = gpu_rows.steppers_of(case, problem, algorithm, algorithm)
        other = peers.OnTarget(problem, algorithm, T)
        for _ in range(gpu_rows.FEW):
            other.step()
        check(f"{algorithm}: the steps on a GPU are those on the CPU", np.allclose(models["host"], other.model, rtol=1e-9, atol=1e-12))
        steppers["host"].reset()
        check(f"{algorithm}: so many steps take time, and end where they do", steppers["host"].run(gpu_rows.FEW) > 0 and
              np.array_equal(steppers["host"].model, models["host"]))
    case.close()
    check("what a case had on the GPU goes", not case.there)
    explained = {"passes": [{"over": "T", "rows": 9, "reads": 70, "writes": 10}, {"over": "dim1", "rows": 3, "reads": 5, "writes": 0},
                            {"over": "T", "rows": 9, "reads": 1, "writes": 1}],
                 "run": {"passes": [{"calls": 20, "seconds": 4.0}, {"calls": 1, "seconds": 1.0}, {"calls": 20, "seconds": 0}]}}
    passes = gpu_rows.passes_of(explained)
    check("passes of the loop, a call", passes == [{"over": "T", "rows": 9, "bytes": 80, "seconds": 0.2}], str(passes))

    class Counted:
        def __init__(self, *kernels):
            self.left, self.runs = list(kernels), 0

        def kernels(self):
            return self.left.pop(0)

        def run(self, script, *options, settings):
            self.runs += 1
            return type("Run", (), {"wall": self.runs})
    check("a run that compiled is done again", gpu_rows.whole_run(Counted({"a"}, {"a", "b"}), "", (), 5) == 2)
    check("one that did not is not", gpu_rows.whole_run(Counted({"a"}, {"a"}), "", (), 5) == 1)
    script = case.script(ctx, "linear", 1e-6, "brought", "few", "many")
    plan = ctx.amal.explain(script, "--backend", "c", "--strategy", "factorize", "--disable", "chain", settings={"few": 2, "many": 6})[-1]
    check("a plan has measured passes", plan["name"] == "many_steps" and plan["run"]["iterations"] == 6 and gpu_rows.passes_of(plan), str(plan["run"]))
    ctx.amal.run(script, "--backend", "c", settings={"many": 6})
    before = ctx.amal.kernels()
    ctx.amal.run(case.script(ctx, "linear", 1e-6, "many"), "--backend", "c", settings={"many": 6})
    check("a training alone finds its kernels", before and ctx.amal.kernels() == before, str(ctx.amal.kernels() - before))


def test_gpu_command():
    """The whole of it, small, where the imitation of the driver (tests/cuda/shim.c) is built and the C++ compiler that it needs is there."""
    build = os.path.dirname(AMAL)
    speeds, imitation = os.path.join(build, "tests", "bench", "gpu_speeds"), os.path.join(build, "tests", "cuda")
    environment = dict(os.environ, CUDA_HOME=imitation)
    if not os.path.exists(speeds) or subprocess.run([speeds], capture_output=True, env=environment, check=False).returncode != 0:
        print("skipped the measurements on a GPU: neither a GPU nor its imitation is here")
        return
    results = os.path.join(FOLDER, "gpu.json")
    bench.store(results, {"rows": {"movie, nmf": GPU_ROW}})
    options = ["--quick", "--rounds", "1", "--amal", AMAL, "--speeds", speeds, "--folder", FOLDER, "--results", results]

    def run(*words):
        done = subprocess.run([sys.executable, gpu.__file__, *words, *options], capture_output=True, text=True, env=environment, check=False)
        return done.returncode, done.stdout + done.stderr
    code, said = run("dense", "--algorithms", "linear")
    check("the command measures on a GPU", code == 0 and "dense, linear: ms an iteration" in said, said)
    rows = bench.load(results)["rows"]
    row = rows.get("dense, linear", {})
    check("rows that are not measured stay", list(rows) == ["movie, nmf", "dense, linear"], str(list(rows)))
    check("passes of both plans are kept", [len(p) > 0 for p in row.get("passes", {}).values()] == [True, True], str(row))
    in_all = row.get("total", {}).get("seconds", {})
    check("and seconds in all of every side", len(in_all) >= 4 and set(in_all) == set(row["seconds"]) and min(in_all.values()) > 0, str(row))
    code, said = run("dense", "--budget", "0")
    check("what the budget leaves out is said", code == 0 and "0 s have passed: dense, linear; dense, logistic; dense, kmeans; dense, nmf" in said, said)
    code, said = run("movie", "--shared", FOLDER)
    check("and data that are not here", code == 0 and "movie: left out: its data are" in said, said)


def test_absent(ctx, rows):
    nowhere = copy.copy(ctx)
    nowhere.shared = os.path.join(FOLDER, "nowhere")
    check("data that are not here are said", "not here" in (raises(rows.Missing, lambda: rows.movie(nowhere, "linear")) or ""))
    left = rows.dense(nowhere, "logistic").left_out
    check("kernels that are not here are said", any("reference-kernels" in why for why in left.values()), str(left))
    broken = ctx.amal.write("broken", "this is no script;")
    import scripts
    check("a run that fails is an error", raises(scripts.AmalError, lambda: ctx.amal.run(broken)) is not None)


def test_command():
    results, page = os.path.join(FOLDER, "quick.json"), os.path.join(FOLDER, "quick.md")
    command = [sys.executable, bench.__file__, "--quick", "--rounds", "1", "--amal", AMAL, "--folder", FOLDER, "--results", results, "--page", page]
    done = subprocess.run([*command, "memory-dense", "scaling-threads"], capture_output=True, text=True, check=False)
    check("the command measures", done.returncode == 0 and "scaling-threads" in done.stdout, done.stdout + done.stderr)
    kept = bench.load(results)
    check("results hold what was named", list(kept["rows"]) == ["memory-dense"] and list(kept["curves"]) == ["scaling-threads"])
    check("and the machine without its name", set(kept["machine"]) == {"processor", "processors", "vectors", "memory_gib", "system"})
    check("a page is written", os.path.exists(page) and os.path.exists(os.path.join(FOLDER, "quick", "scaling-threads.svg")))
    check("unknown names are an error", subprocess.run([*command, "nothing-such"], capture_output=True, check=False).returncode != 0)


def test_estimator():
    head = "dataset,training,candidate,seconds,predicted,analytic,tuple_ratio,feature_ratio,rows,cols,oracle,model,materialize"
    lines = [head,
             "wide-1,a ridge,factorized,0.004,0.005,0.001,20,3,100,7,1,1,0", "wide-1,a ridge,materialized,0.008,0.007,0.001,20,3,100,7,0,0,1",
             "wide-2,a ridge,factorized,0.009,0.005,0.001,2,0.5,100,7,0,1,0", "wide-2,a ridge,materialized,0.006,0.007,0.001,2,0.5,100,7,1,0,1",
             "x.amal,b nmf,factorized,0.05,0.05,0.01,2,1,100,7,0,0,0", "x.amal,b nmf,sorted by d,0.04,0.03,0.01,2,1,100,7,0,1,0",
             "x.amal,b nmf,materialized,0.02,0.05,0.01,2,1,100,7,1,0,1"]
    said = "  2  threads\ntrained on 2 trainings of 2 data sets; on data sets that were held out:\n  accuracy\noracle 1\non the scripts that were measured:\n  accuracy\n"
    paths = {name: os.path.join(FOLDER, name) for name in ("predictions.csv", "said.txt", "estimator.md", "pictures")}
    for name, text in (("predictions.csv", "\n".join(lines) + "\n"), ("said.txt", said + "model: m\n"),
                       ("estimator.md", "before\n<!-- evaluation -->\nold\n<!-- end -->\nafter\n")):
        with open(paths[name], "w") as f:
            f.write(text)
    estimator.main(*paths.values())
    with open(paths["estimator.md"]) as f:
        page = f.read()
    check("the estimator's page keeps what stands around", page.startswith("before\n") and page.endswith("after\n") and "old" not in page, page)
    check("it has the tables", page.count("```text") == 2 and page.count("```") == 4 and "On the scripts that were measured:" in page, page)
    check("and each script with what was lost", "| x | b nmf | sorted by d | 40 | 20 | 20 | 100 % |" in page, page)
    kinds = estimator.boundary(estimator.trainings(paths["predictions.csv"]))
    check("a right and a wrong choice are marked as such", kinds.count("<circle") == 2 and kinds.count('class="c3"') == 2, kinds)
    for name in ("boundary.svg", "predicted.svg"):
        xml.parse(os.path.join(paths["pictures"], name))


def main():
    os.makedirs(FOLDER, exist_ok=True)
    for test in (test_timing, test_report, test_page, test_gpu_report, test_gpu_driver, test_driver, test_estimator):
        test()
    if importlib.util.find_spec("numpy") is None:
        print("skipped the sides of the comparisons: python3-numpy is not installed")
    else:
        import rows
        import scripts

        class Tiny(rows.Context):
            def size(self, n):
                return max(64, n // 1000 // 64 * 64)
        amal = scripts.Amal(AMAL, os.path.join(FOLDER, "scripts"), os.path.join(FOLDER, "cache"), 2)
        ctx = Tiny(amal, os.path.join(bench.ROOT, "..", "shared"), FOLDER, 2, 1, True)
        ctx.sample_seconds = 0.001
        test_tables()
        if importlib.util.find_spec("scipy") is None:
            print("skipped the sides on sparse matrices: python3-scipy is not installed")
        else:
            test_sides(ctx, rows)
            test_sparse(ctx)
            test_absent(ctx, rows)
            test_gpu_rows(ctx)
            test_gpu_command()
        test_command()
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
