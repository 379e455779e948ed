"""gpu_rows.py: the comparisons of gpu.py: a Case has the tables, `measured` a row of one algorithm on it."""
import collections
import time

import data
import gpu_peers
import peers
import scripts
import timing
from rows import CALLS, FEW, PerStep, Row, movie_case, params, problem_of, steps_script

FACTORIZED, SORTED = "amal, GPU, factorized", "amal, GPU, rows sorted"
MATERIALIZED, ON_CPU = "amal, GPU, materialized", "amal, CPU, factorized"

# Iterations: what one is measured over on the GPU (a fifth of a second or more) and on the CPU, those of the run that measures passes, those in all.
Steps = collections.namedtuple("Steps", "gpu cpu passes in_all")
STEPS = {"dense": Steps(2000, 100, 50, 200), "movie": Steps(2000, 100, 50, 200), "large": Steps(100, 5, 20, 50)}
QUICK = Steps(8, 8, 4, 10)
STARS = {"dense": (1000000, 50000), "large": (20000000, 1000000)}  # rows of the fact table and of the dimension


class Case:
    """tables: their part of a script. n, width, y, centres: of the joined table T. streamed: bytes that a factorized iteration has to read.
    there: library -> T and its transpose in the GPU's memory; making: library -> seconds that took, T made on the host first. T is made once."""

    def __init__(self, ctx, name, libraries):
        self.name, self.libraries, self.steps = name, libraries, QUICK if ctx.quick else STEPS[name]
        if name == "movie":
            made = movie_case(ctx)
            self.tables, own = scripts.movie_tables(made), 0
            dims = [d.data.nbytes + d.indices.nbytes for d in made.dims]
            self.centres = made.target(slice(peers.K)).toarray()
        else:
            rows, dim_rows = STARS[name]
            made = data.Star(ctx.size(rows), 20, [ctx.size(dim_rows)], [40])
            self.tables, own = scripts.star_tables(made, ctx.files(made)), made.X.nbytes
            dims = [d.nbytes for d in made.dims]
            self.centres = made.target(slice(peers.K))
        self.n, self.width, self.y = made.n, made.width, made.y
        self.streamed = own + sum(dims) + sum(k.nbytes for k in made.keys) + made.y.nbytes
        self.there, self.making = {}, {}
        if libraries:
            self.bring(*timing.timed(made.target))

    def bring(self, T, seconds):
        for name, lib in self.libraries.items():
            lib.array(self.centres)  # starts the library, which is not counted
            lib.wait()
            try:
                self.there[name], copying = timing.timed(lambda lib=lib: gpu_peers.on_device(lib, T))
            except Exception as why:  # its memory is too small, or the library lacks an operation
                print(f"{self.name}: left out: {name} ({type(why).__name__}: {why})")
                continue
            self.making[name] = seconds + copying

    def script(self, ctx, algorithm, step, *of):
        return steps_script(ctx, f"gpu_{self.name}_{algorithm}_{'_'.join(of)}", self.tables, algorithm, step, of)

    def close(self):
        self.there.clear()
        for lib in self.libraries.values():
            lib.give_back()


def options_of(case, algorithm):
    """Options of amal of each of its sides."""
    plain = ("--strategy", "factorize", "--sort", "never", "--absorb", "never")
    rows_sorted = ("--strategy", "factorize", "--sort", "always", "--absorb", "never")
    off = ("--disable", "chain") if algorithm == "linear" else ()  # X'X, made once, would leave no step that goes over the rows
    cuda, c = ("--backend", "cuda", *off), ("--backend", "c", *off)
    return {FACTORIZED: (*cuda, *plain), SORTED: (*cuda, *rows_sorted), MATERIALIZED: (*cuda, "--strategy", "materialize"),
            ON_CPU: (*c, *(plain if case == "movie" else rows_sorted))}


def passes_of(training):
    """Of what `amal explain --run --json` says of a training: the passes of its loop, with bytes and seconds a call."""
    return [{"over": plan["over"], "rows": plan["rows"], "bytes": plan["reads"] + plan["writes"], "seconds": ran["seconds"] / ran["calls"]}
            for plan, ran in zip(training["passes"], training["run"]["passes"]) if ran["calls"] > 1 and ran["seconds"] > 0]


def whole_run(amal, script, options, steps):
    """Seconds of a process that trains so many steps, with its kernels in the cache: again where the first had to compile one."""
    before = amal.kernels()
    run = amal.run(script, *options, settings={"many": steps})
    if amal.kernels() - before:
        run = amal.run(script, *options, settings={"many": steps})
    return run.wall


def steppers_of(case, problem, algorithm, title):
    """name -> stepper of the libraries that can take the algorithm's steps; name -> its model after FEW of them."""
    steppers, models = {}, {}
    for name, tables in case.there.items():
        try:
            stepper = gpu_peers.OnDevice(problem, algorithm, tables, case.libraries[name])
            for _ in range(FEW):
                stepper.step()
            models[name] = stepper.model
            steppers[name] = stepper
        except Exception as why:  # an operation that the library does not have for these arrays
            print(f"{title}: left out: {name} ({type(why).__name__}: {why})")
    return steppers, models


def measured(ctx, case, algorithm, rounds, copy):
    """Seconds an iteration of every side, passes of the factorized ones, and seconds in all. copy: bytes a second that copying within
    the GPU's memory reaches. Raises WrongResult and AmalError."""
    row = Row(f"{case.name}, {algorithm}", "s an iteration")
    steps, options = case.steps, options_of(case.name, algorithm)
    problem = problem_of(case.n, case.width, case.y, case.centres)
    script = case.script(ctx, algorithm, problem.step, "brought", "few", "many")
    sides = {name: PerStep(ctx, script, *o, many=steps.cpu if name == ON_CPU else steps.gpu) for name, o in options.items()}
    steppers, models = steppers_of(case, problem, algorithm, row.title)
    samples = {**{name: side.sample for name, side in sides.items()},
               **{name: (lambda s=stepper: s.seconds(ctx.sample_seconds)) for name, stepper in steppers.items()}}
    seconds, _ = timing.interleave(samples, rounds, 0)
    models.update({name: params(side.run, "few_steps", CALLS[algorithm][3]) for name, side in sides.items()})
    for name, model in models.items():
        row.compare(name, model, models[FACTORIZED])
    passes = {name: passes_of(ctx.amal.explain(script, *options[name], settings={"few": FEW, "many": steps.passes})[-1]) for name in (FACTORIZED, SORTED)}
    alone = case.script(ctx, algorithm, problem.step, "many")
    in_all = {name: whole_run(ctx.amal, alone, o, steps.in_all) for name, o in options.items()}
    for name, stepper in steppers.items():
        stepper.reset()
        in_all[name] = case.making[name] + stepper.run(steps.in_all)
    share = case.streamed / timing.summary(seconds[FACTORIZED])["median"] / copy
    return {"copy": copy, "threads": ctx.threads, "rounds": rounds, "quick": ctx.quick, "date": time.strftime("%Y-%m-%d"), "share_of_copy": share,
            "seconds": seconds, "passes": passes, "total": {"iterations": steps.in_all, "seconds": in_all}}
