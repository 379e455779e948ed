"""rows.py: the comparisons, one function a row of the report. A function takes a Context and returns what it measured, as a Row."""
import os
import pickle
import shutil
import tempfile
import time
import warnings

import numpy as np

import data
import duck
import peers
import scripts
import timing
from peers import Missing

FEW = 2            # steps of the shorter training; also what the sides are compared on
TOLERANCE = 1e-8   # largest difference of two sides' models, relative to the largest entry
OURS = "amal"


class WrongResult(Exception):
    """Two sides computed different models: a benchmark of the wrong thing is an error."""


class Context:
    """Where things are, how large and how often. Keeps the case that was made last, because the next row often has the same."""

    def __init__(self, amal, shared, folder, threads, rounds, quick):
        self.amal, self.shared, self.folder = amal, shared, folder
        self.threads, self.rounds, self.quick = threads, rounds, quick
        self.kept = (None, None)
        self.sample_seconds = 0.03 if quick else 0.2

    def size(self, rows):
        """Rows of a table in this run: a fiftieth, a multiple of 64, when it is to be quick."""
        return max(64, rows // 50 // 64 * 64) if self.quick else rows

    def keep(self, key, make):
        if self.kept[0] != key:
            self.kept = (None, None)
            self.kept = (key, make())
        return self.kept[1]

    def files(self, tables):
        return tables.write(os.path.join(self.folder, "data"))

    def kernels(self, source, flags=()):
        return peers.kernels(os.path.join(self.shared, "reference-kernels"), os.path.join(self.folder, "kernels"), source, flags, self.threads)


class Row:
    """One comparison. sides: name -> samples in `unit`, ours first. goals: (side, at_least) in times its speed, or (None, at_most) in the unit,
    for every side. agree: side -> difference of its model from ours. left_out: side -> why."""

    def __init__(self, title, unit):
        self.title, self.unit = title, unit
        self.sides, self.goals, self.agree, self.left_out, self.notes = {}, [], {}, {}, []
        self.others = 0.0

    def measure(self, sides, rounds, scale=1e3):
        samples, self.others = timing.interleave(sides, rounds)
        self.sides.update({k: [scale * s for s in v] for k, v in samples.items()})

    def compare(self, side, model, ours, tolerance=TOLERANCE):
        """The two models have to be the same."""
        difference = float(np.max(np.abs(model - ours)) / np.max(np.abs(ours)))
        self.agree[side] = difference
        if not difference <= tolerance:
            raise WrongResult(f"{self.title}: the model of {side} differs from {OURS}'s by {difference:.3g}, more than {tolerance:g}")

    def as_dict(self):
        return {"title": self.title, "unit": self.unit, "sides": self.sides, "agree": self.agree, "left_out": self.left_out, "notes": self.notes,
                "goals": [{"against": a, "limit": limit} for a, limit in self.goals], "others": round(self.others, 3)}


def params(run, model, name):
    """A parameter of the report as a matrix; a column as a vector."""
    p = run.report["train"][model]["params"][name]
    m = np.array(p["values"]).reshape(p["shape"])
    return m[:, 0] if m.shape[1] == 1 else m


class PerStep:
    """Seconds a step of `amal`: the same training with few and with many steps in one process, the difference by their number, so that what is
    done once (reading, matching, compiling, allocating) cancels."""

    def __init__(self, ctx, script, *options, threads=None, seconds=None, many=None):
        self.ctx, self.script, self.options, self.threads = ctx, script, options, threads
        self.many = FEW + (many or 4)
        if many:
            return
        rough = max(self.sample(), 1e-6)
        self.many = FEW + int(min(400, max(4, (seconds or 2 * ctx.sample_seconds) / rough)))

    def sample(self):
        self.run = self.ctx.amal.run(self.script, *self.options, settings={"few": FEW, "many": self.many}, threads=self.threads)
        return (self.run.train_seconds("many_steps") - self.run.train_seconds("few_steps")) / (self.many - FEW)


# What each algorithm of steps.amal is called with, the name of its hyperparameter of steps, and of its model.
CALLS = {"linear": ("linear_steps", "step = {step!r}", "", "w"),
         "logistic": ("logistic_steps", "step = {step!r}", "", "w"),
         "kmeans": ("kmeans_steps", "centres = start", "let start = features(T)[1..10, ];\n", "C"),
         "nmf": ("nmf_steps", "", "", "H")}
TITLES = {"linear": "linear regression", "logistic": "logistic regression", "kmeans": "k-means, k = 10", "nmf": "NMF, r = 5"}


def steps_script(ctx, name, tables, algorithm, step, of=("few", "many")):
    call, arguments, before, _ = CALLS[algorithm]
    return ctx.amal.write(name, tables + scripts.trainings(call, arguments.format(step=step), before, of).format(*["steps"] * len(of)))


def options_for(algorithm, sort="never"):
    # Linear regression would be trained on X'X, made once: no step would touch the rows. Compared is the plan that does.
    return ("--strategy", "factorize", "--sort", sort) + (("--disable", "chain") if algorithm == "linear" else ())


def compare_steps(row, ctx, script, algorithm, steppers, sort="never"):
    """Measures amal and every stepper, each from the same start, and checks that they take the same steps."""
    ours = PerStep(ctx, script, *options_for(algorithm, sort))
    model = params(ours.run, "few_steps", CALLS[algorithm][3])
    for name, stepper in steppers.items():
        for _ in range(FEW):
            stepper.step()
        row.compare(name, stepper.model, model)
        stepper.reset()
    row.measure({OURS: ours.sample, **{n: (lambda s=s: timing.seconds_of(s.step, ctx.sample_seconds)) for n, s in steppers.items()}}, ctx.rounds)
    if algorithm == "linear":
        row.notes.append("with --disable chain: the rewrite that makes X'X once is off, so that a step walks over the rows on every side")


def problem_of(n, width, y, centres):
    return peers.Problem(n, width, y, 2 / (n * width), centres)


# ---- dense ----
KERNEL, SORTED = "hand-written, rows as they are", "hand-written, rows sorted by key"
DENSE_GOALS = {"linear": (7, 4), "logistic": (7, 4), "kmeans": (20, 20), "nmf": (12, 10)}


def dense_star(ctx):
    return ctx.keep("dense", lambda: data.Star(ctx.size(1000000), 20, [ctx.size(50000)], [40]))


def dense_kernels(ctx, star, problem, algorithm, plans):
    """Steppers of dense.c by the names of their plans; raises Missing."""
    library = ctx.kernels("dense.c", ["-DPFG=2", "-DLPF=4", f"-DD1={star.d1}", f"-DD2={star.widths[0]}"])
    made = {}
    for name in plans:
        if name == SORTED:
            X, key, y, order = peers.sort_rows(star)
            made[name] = peers.DenseKernels(problem, algorithm, library, "ff", (X, star.dims[0], key), y, order)
        else:
            made[name] = peers.DenseKernels(problem, algorithm, library, "f", (star.X, star.dims[0], star.keys[0]), star.y)
    return made


def dense(ctx, algorithm):
    star = dense_star(ctx)
    row = Row(f"dense, {TITLES[algorithm]}", "ms an iteration")
    T = star.target()
    problem = problem_of(star.n, star.width, star.y, T[:peers.K].copy())
    steppers = {"numpy on T": peers.OnTarget(problem, algorithm, T),
                "numpy, Morpheus-style": peers.Morpheus(problem, algorithm, star.X, star.keys, star.dims)}
    try:
        steppers.update(dense_kernels(ctx, star, problem, algorithm, (KERNEL, SORTED)))
        row.goals.append((SORTED, 1 / 1.2))
    except Missing as why:
        row.left_out[KERNEL] = row.left_out[SORTED] = str(why)
    on_target, morpheus = DENSE_GOALS[algorithm]
    row.goals += [("numpy on T", on_target), ("numpy, Morpheus-style", morpheus)]
    script = steps_script(ctx, f"dense_{algorithm}", scripts.star_tables(star, ctx.files(star)), algorithm, problem.step)
    compare_steps(row, ctx, script, algorithm, steppers, "always")
    row.notes.append("with --sort always: rows sorted by key, which longer trainings choose by themselves; sorting is not in the time of a step")
    return row


def linear_200(ctx):
    """200 iterations in all: the whole training of amal, where X'X is made once, against 200 fused passes over T."""
    star = dense_star(ctx)
    row = Row("dense, 200 iterations of linear regression", "ms in all")
    library = ctx.kernels("dense.c", ["-DPFG=2", "-DLPF=4", f"-DD1={star.d1}", f"-DD2={star.widths[0]}"])
    T = star.target()
    problem = problem_of(star.n, star.width, star.y, T[:peers.K])
    fused = peers.DenseKernels(problem, "linear", library, "m", (T,), star.y)
    text = scripts.star_tables(star, ctx.files(star)) + f'use "{scripts.HERE}/steps.amal";\n' \
        f"train all = linear_steps(step = {problem.step!r}, steps = 200) on T;\n"
    script = ctx.amal.write("dense_linear_200", text)
    held = {}

    def ours():
        held["run"] = ctx.amal.run(script, "--strategy", "factorize")
        return held["run"].train_seconds("all")

    def theirs():
        fused.reset()
        begin = time.perf_counter()
        for _ in range(200):
            fused.step()
        return time.perf_counter() - begin

    ours()  # compiles
    row.measure({OURS: ours, "hand-written, fused on T": theirs}, ctx.rounds)
    row.compare("hand-written, fused on T", fused.model, params(held["run"], "all", "w"))
    row.goals.append(("hand-written, fused on T", 100))
    row.notes.append("training alone on both sides: neither reading nor, for the other side, making T is in it")
    return row


# ---- hamlet-movie ----
MOVIE_GOALS = {"linear": (40, 4), "logistic": (35, 4), "kmeans": (40, 10), "nmf": (15, 5)}


def movie_case(ctx):
    why = data.Movie.missing(os.path.join(ctx.shared, "data"))
    if why:
        raise Missing(why)
    return ctx.keep("movie", lambda: data.Movie(os.path.join(ctx.shared, "data")))


def movie(ctx, algorithm):
    m = movie_case(ctx)
    row = Row(f"hamlet-movie, {TITLES[algorithm]}", "ms an iteration")
    T = m.target()
    problem = problem_of(m.n, m.width, m.y, T[:peers.K].toarray())
    steppers = {"scipy CSR on T": peers.OnTarget(problem, algorithm, T),
                "scipy, take and bincount": peers.TakeCount(problem, algorithm, m.keys, m.dims)}
    try:
        steppers[KERNEL] = peers.SparseKernels(problem, algorithm, ctx.kernels("sparse.c"), m.keys, m.dims)
        row.goals.append((KERNEL, 1 / 1.2))
    except Missing as why:
        row.left_out[KERNEL] = str(why)
    on_target, factorized = MOVIE_GOALS[algorithm]
    row.goals += [("scipy CSR on T", on_target), ("scipy, take and bincount", factorized)]
    compare_steps(row, ctx, steps_script(ctx, f"movie_{algorithm}", scripts.movie_tables(m), algorithm, problem.step), algorithm, steppers)
    row.notes.append("scipy's sparse products run on one thread")
    return row


# ---- a table that T hardly repeats ----
def centred_ridge(T, y):
    Z = T - T.mean(axis=0)
    return np.linalg.solve(Z.T @ Z + np.eye(T.shape[1]), Z.T @ (y - y.mean()))


def meeting(ctx):
    """Nothing is redundant in T, so that only what is not made can be saved: the join, the centred copy, sums for each row of the dimension."""
    n = ctx.size(500000)
    star = data.Star(n, 5, [n * 10 // 13], [8], seed=4)
    row = Row("ridge over a table whose rows are read 1.3 times", "ms a training")
    script = ctx.amal.write("meet", scripts.star_tables(star, ctx.files(star)) + "train m = ridge(lambda = 1) on T;\n")
    T = star.target()
    runs = []

    def ours():
        runs[:] = [ctx.amal.run(script, "--strategy", "factorize", "--sort", "never", "--absorb", "never")]
        return runs[0].train_seconds("m")

    ours()
    row.compare("numpy on T", centred_ridge(T, star.y), params(runs[0], "m", "w"))
    row.measure({OURS: ours, "numpy on T": lambda: timing.timed(lambda: centred_ridge(T, star.y))[1],
                 "numpy, which joins first": lambda: timing.timed(lambda: centred_ridge(star.target(), star.y))[1]}, ctx.rounds)
    row.goals += [("numpy on T", 3), ("numpy, which joins first", 6)]
    row.notes.append("a whole training, in a process of its own, without reading and matching; numpy's T, or its parts, lie in memory")
    return row


# ---- scikit-learn on T ----
def sklearn_step(make, fit, few, many):
    """Seconds an iteration: two fits with different limits of iterations, by the iterations that they took."""
    def timed(limit):
        model = make(limit)
        begin = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it says that so few iterations do not converge
            fit(model)
        return time.perf_counter() - begin, int(np.max(model.n_iter_))

    def sample():
        (a, m), (b, n) = timed(few), timed(many)
        return (b - a) / (n - m)
    return sample


def sklearn_kmeans(ctx):
    from sklearn.cluster import KMeans
    star = dense_star(ctx)
    row = Row("dense, k-means of the library, k = 10", "ms an iteration")
    T = star.target()
    start = T[:peers.K].copy()
    text = scripts.star_tables(star, ctx.files(star)) + scripts.trainings(
        "kmeans", "k = 10, centres = start", "let start = features(T)[1..10, ];\n").format("iterations", "iterations")
    ours = PerStep(ctx, ctx.amal.write("sklearn_kmeans", text), "--strategy", "factorize")

    def make(limit):
        return KMeans(n_clusters=peers.K, init=start, n_init=1, max_iter=limit, tol=0, algorithm="lloyd")
    row.compare("scikit-learn, lloyd", make(FEW).fit(T).cluster_centers_, params(ours.run, "few_steps", "C"))
    row.measure({OURS: ours.sample, "scikit-learn, lloyd": sklearn_step(make, lambda model: model.fit(T), FEW, FEW + 8)}, ctx.rounds)
    row.goals.append(("scikit-learn, lloyd", 5))
    return row


def sklearn_logistic(ctx):
    from sklearn.linear_model import LogisticRegression
    star = dense_star(ctx)
    row = Row("dense, logistic regression of the library", "ms an iteration")
    T = star.target()
    text = scripts.star_tables(star, ctx.files(star)) + scripts.trainings(
        "logistic_regression", "standardize = false, step = 0.01").format("iterations", "iterations")
    ours = PerStep(ctx, ctx.amal.write("sklearn_logistic", text), "--strategy", "factorize")

    def make(limit):
        return LogisticRegression(C=1e6, solver="lbfgs", max_iter=limit, tol=1e-14)
    row.measure({OURS: ours.sample, "scikit-learn, lbfgs": sklearn_step(make, lambda model: model.fit(T, star.y), 3, 15)}, ctx.rounds)
    row.goals.append(("scikit-learn, lbfgs", 5))
    row.notes.append("a step of gradient descent against one of lbfgs: both are about one pass over the rows; the models are compared by e2e-logistic, "
                     "where both have converged")
    return row


# ---- files to a saved model ----
def pandas_join(paths, star):
    import pandas
    joined = pandas.read_csv(paths[0])
    for k in range(len(star.rows)):
        joined = joined.merge(pandas.read_csv(paths[k + 1]), left_on=f"k{k + 1}", right_on="id", how="inner")
        joined = joined.drop(columns="id")
    columns = [c for c in joined.columns if c[0] in "ab"]
    return joined[columns].to_numpy(), joined["y"].to_numpy(dtype=float)


def end_to_end(ctx, title, call, make):
    """call: the training in the script; make: the same of scikit-learn."""
    star = dense_star(ctx)
    row = Row(f"files to a saved model, {title}", "s in all")
    paths = ctx.files(star)
    out = os.path.join(ctx.folder, "out")
    os.makedirs(out, exist_ok=True)
    script = ctx.amal.write("e2e_" + title.split()[0], scripts.star_tables(star, paths) + f'train m = {call} on T;\nsave m to "{out}/amal.model";\n')
    held = {}
    cache = tempfile.mkdtemp(dir=ctx.folder)

    def cold():
        shutil.rmtree(cache)
        held["run"] = ctx.amal.run(script, cache=cache)
        return held["run"].wall

    def again():
        return ctx.amal.run(script, cache=cache).wall

    def by(load):
        def sample():
            begin = time.perf_counter()
            model = make(star.n).fit(*load())
            with open(os.path.join(out, "sklearn.pickle"), "wb") as f:
                pickle.dump(model, f)
            held["model"] = model
            return time.perf_counter() - begin
        return sample

    sides = {OURS + ", cold": cold, OURS + ", again": again, "pandas + scikit-learn": by(lambda: pandas_join(paths, star))}
    try:
        engine = duck.DuckDB(ctx.threads)
        sides["DuckDB + scikit-learn"] = by(lambda: engine.join_star(paths, star))
    except Missing as why:
        row.left_out["DuckDB + scikit-learn"] = str(why)
    try:
        row.measure(sides, min(ctx.rounds, 3), scale=1)
    finally:
        shutil.rmtree(cache, ignore_errors=True)
    row.compare("scikit-learn", np.ravel(held["model"].coef_), params(held["run"], "m", "w"), tolerance=1e-3)
    row.goals += [((OURS + ", cold", side), 3) for side in sides if "scikit" in side]
    row.goals += [((OURS + ", again", side), 20) for side in sides if "scikit" in side]
    row.notes.append("cold: no compiled kernel and no cached table; again: the same command once more. The files are in the page cache for every side. "
                     "amal's seconds are those of the whole process; the others' leave out starting Python and importing packages")
    return row


def e2e_ridge(ctx):
    from sklearn.linear_model import Ridge
    return end_to_end(ctx, "ridge regression", "ridge(lambda = 1)", lambda n: Ridge(alpha=1.0))


def e2e_logistic(ctx):
    from sklearn.linear_model import LogisticRegression
    return end_to_end(ctx, "logistic regression", "logistic_newton(l2 = 1e-4, standardize = false)",
                      lambda n: LogisticRegression(C=1 / (1e-4 * n), solver="lbfgs", max_iter=1000, tol=1e-7))


# ---- memory ----
def memory(ctx, title, tables, size_of_target, size_of_sources):
    row = Row(f"memory at the peak, {title}", "MB")
    script = ctx.amal.write("memory_" + title.split()[0], tables + f'use "{scripts.HERE}/steps.amal";\n'
                            "train m = logistic_steps(step = 1e-8, steps = 10) on T;\n")
    runs = [ctx.amal.peak(script, "--strategy", "factorize") / 1e6 for _ in range(2)]
    row.sides = {OURS: runs, "size of T": [size_of_target / 1e6] * 2, "the sources' own tables": [size_of_sources / 1e6] * 2}
    row.goals.append(("size of T", 4))
    row.notes.append("the largest resident size of the whole process, reading included, with nothing in the cache; the sources' tables are part of it")
    return row


def memory_dense(ctx):
    star = dense_star(ctx)
    return memory(ctx, "dense", scripts.star_tables(star, ctx.files(star)), 8 * star.n * star.width,
                  8 * (star.X.size + star.n + star.dims[0].size) + 4 * star.n)


def memory_movie(ctx):
    m = movie_case(ctx)
    entries = sum(int(np.diff(d.indptr)[k].sum()) for d, k in zip(m.dims, m.keys))
    own = sum(12 * d.nnz + 8 * d.shape[0] for d in m.dims)
    return memory(ctx, "hamlet-movie", scripts.movie_tables(m), 12 * entries + 8 * m.n, own + 8 * m.n + 8 * m.n)


# ---- compile time ----
LIBRARY = {"linear_regression": "", "ridge": "", "logistic_regression": "", "logistic_newton": "l2 = 0.1", "kmeans": "k = 5", "nmf": ""}


def compile_time(ctx, warm):
    """The whole process on a few rows: from the script to the end of a training that itself takes no time."""
    star = data.Star(320, 20, [64], [40], seed=2)
    row = Row(f"script to running code, {'kernel in the cache' if warm else 'nothing in the cache'}", "ms")
    tables = scripts.star_tables(star, ctx.files(star))
    cache = tempfile.mkdtemp(dir=ctx.folder)

    def sampler(algorithm):
        script = ctx.amal.write("compile_" + algorithm, f"{tables}train m = {algorithm}({LIBRARY[algorithm]}) on T;\n")

        def sample():
            if not warm:
                shutil.rmtree(cache)
            return ctx.amal.run(script, "--strategy", "factorize", cache=cache).wall
        return sample

    try:
        samplers = {algorithm: sampler(algorithm) for algorithm in LIBRARY}
        if warm:
            for sample in samplers.values():
                sample()
        row.measure(samplers, ctx.rounds)
    finally:
        shutil.rmtree(cache, ignore_errors=True)
    row.goals.append((None, 30 if warm else 500))
    row.notes.append(f"wall clock of the process on {star.n} rows of 20 + 40 columns, all of reading, matching and training included")
    return row


def choosing(ctx):
    """What --strategy auto takes to choose, the model's reading included, where it weighs the most ways: a training whose loops may run on X'X."""
    stars = {"one table": data.Star(20000, 10, [1000], [20], seed=3), "three tables": data.Star(20000, 10, [1000, 400, 100], [20, 10, 5], seed=3)}
    row = Row("choosing how to run", "ms")
    cache = tempfile.mkdtemp(dir=ctx.folder)

    def sampler(name, star, algorithm):
        script = ctx.amal.write(f"choose_{name.split()[0]}_{algorithm}", f"{scripts.star_tables(star, ctx.files(star))}train m = {algorithm}({LIBRARY[algorithm]}) on T;\n")
        return lambda: ctx.amal.run(script, "--strategy", "auto", cache=cache).report["seconds"]["choose"]

    try:
        samplers = {f"{algorithm}, {name}": sampler(name, star, algorithm) for name, star in stars.items() for algorithm in LIBRARY}
        for sample in samplers.values():
            sample()
        row.measure(samplers, ctx.rounds)
    finally:
        shutil.rmtree(cache, ignore_errors=True)
    row.goals.append((None, 2))
    row.notes.append("seconds.choose of the report, in a process that chooses once: lowering and costing every way, reading the model, asking it")
    return row


ROWS = {}
for _algorithm in peers.ALGORITHMS:
    ROWS[f"dense-{_algorithm}"] = lambda ctx, a=_algorithm: dense(ctx, a)
ROWS["linear-200"] = linear_200
ROWS["meet-ridge"] = meeting
ROWS["sklearn-kmeans"], ROWS["sklearn-logistic"] = sklearn_kmeans, sklearn_logistic
ROWS["e2e-ridge"], ROWS["e2e-logistic"] = e2e_ridge, e2e_logistic
ROWS["memory-dense"] = memory_dense
for _algorithm in peers.ALGORITHMS:
    ROWS[f"movie-{_algorithm}"] = lambda ctx, a=_algorithm: movie(ctx, a)
ROWS["memory-movie"] = memory_movie
ROWS["compile-cold"] = lambda ctx: compile_time(ctx, False)
ROWS["compile-warm"] = lambda ctx: compile_time(ctx, True)
ROWS["choose"] = choosing
