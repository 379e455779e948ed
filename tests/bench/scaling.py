"""scaling.py: seconds an iteration of `amal` as one thing about the data grows and all else stays. A function returns a Curve."""
import data
import scripts
import timing
from rows import PerStep, steps_script

STEP = 1e-9


class Curve:
    """series: name -> a list of samples (ms an iteration) for each x."""

    def __init__(self, title, x_label, x, log=True):
        self.title, self.x_label, self.x, self.log = title, x_label, list(x), log
        self.series, self.notes, self.others = {}, [], 0.0

    def medians(self, name):
        return [timing.summary(s)["median"] for s in self.series[name]]

    def as_dict(self):
        return {"title": self.title, "x_label": self.x_label, "unit": "ms an iteration", "x": self.x, "log": self.log, "series": self.series,
                "notes": self.notes, "others": round(self.others, 3)}


def measure(ctx, curve, points, series):
    """points: (name of the script, its tables) for each x, as functions that make them; series: name -> (algorithm, options, threads)."""
    for make in points:
        name, tables = make()
        steps = {label: PerStep(ctx, steps_script(ctx, f"scaling_{name}_{algorithm}", tables, algorithm, STEP), *options, threads=threads)
                 for label, (algorithm, options, threads) in series.items()}
        samples, others = timing.interleave({label: s.sample for label, s in steps.items()}, min(3, ctx.rounds), more=1)
        for label, values in samples.items():
            curve.series.setdefault(label, []).append([1e3 * v for v in values])
        curve.others = max(curve.others, others)
    return curve


def star_point(ctx, *shape):
    def make():
        star = data.Star(*shape, seed=3)
        return star.name(), scripts.star_tables(star, ctx.files(star))
    return make


FACTORIZED, JOINED = ("--strategy", "factorize"), ("--strategy", "materialize")
BOTH = {"factorized": ("logistic", FACTORIZED, None), "joined first": ("logistic", JOINED, None)}


def by_rows(ctx):
    sizes = [ctx.size(n) for n in (1000, 10000, 100000, 300000, 1000000, 3000000, 10000000)]
    steady = [k for k, n in enumerate(sizes) if n >= ctx.size(100000)]
    curve = Curve("Rows of the target", "rows of T (5 own columns, 20 of a dimension with a twentieth of the rows)", sizes)
    measure(ctx, curve, [star_point(ctx, n, 5, [max(n // 20, 1)], [20]) for n in sizes],
            {"logistic regression": ("logistic", FACTORIZED, None), "k-means, k = 10": ("kmeans", FACTORIZED, None)})
    for name in curve.series:
        medians = curve.medians(name)
        exponent = slope([curve.x[k] for k in steady], [medians[k] for k in steady])
        curve.notes.append(f"{name}: from {curve.x[steady[0]]:,} rows on time grows as rows to the power {exponent:.2f} (1 is linear)")
    return curve


def slope(x, y):
    """Exponent e of y ~ x^e by least squares on logarithms."""
    import numpy as np
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def by_tuple_ratio(ctx):
    n, ratios = ctx.size(1000000), [1, 2, 5, 10, 20, 50, 100]
    curve = Curve("Tuple ratio", f"rows of T for each row of the dimension ({n:,} rows, 5 own columns, 20 of the dimension)", ratios)
    return measure(ctx, curve, [star_point(ctx, n, 5, [n // r], [20]) for r in ratios], BOTH)


def by_feature_ratio(ctx):
    n, ratios = ctx.size(1000000), [0.5, 1, 2, 4, 8]
    curve = Curve("Feature ratio", f"columns of the dimension for each of the fact table's 8 ({n:,} rows, a dimension of {n // 20:,})", ratios)
    return measure(ctx, curve, [star_point(ctx, n, 8, [n // 20], [int(8 * r)]) for r in ratios], BOTH)


def by_dimensions(ctx):
    n, counts = ctx.size(500000), list(range(1, 9))
    curve = Curve("Number of dimensions", f"dimension tables ({n:,} rows of 5 own columns; each dimension {n // 20:,} x 10)", counts, log=False)
    return measure(ctx, curve, [star_point(ctx, n, 5, [n // 20] * q, [10] * q) for q in counts], BOTH)


def by_width(ctx):
    n, values = ctx.size(1000000), [10, 100, 1000, 10000] if not ctx.quick else [10, 100, 1000]
    curve = Curve("Width of the target", f"columns of T: 5 numbers and a one-hot text of the dimension, the sources' sizes fixed ({n:,} and {n // 20:,} rows)",
                  [5 + v for v in values])

    def point(v):
        def make():
            cats = data.Categories(n, 5, n // 20, v, seed=3)
            return f"{cats.star.name()}_values{v}", scripts.categories_tables(cats, ctx.files(cats))
        return make
    measure(ctx, curve, [point(v) for v in values], {"logistic regression": ("logistic", FACTORIZED, None)})
    m = curve.medians("logistic regression")
    curve.notes.append(f"the slowest is {max(m) / min(m):.2f} times the fastest")
    return curve


def by_threads(ctx):
    n = ctx.size(1000000)
    counts = [t for t in (1, 2, 4, 8, 16) if t <= ctx.threads]
    curve = Curve("Threads", f"threads ({n:,} rows of 20 columns, a dimension of {n // 20:,} x 40)", counts, log=False)
    star = data.Star(n, 20, [n // 20], [40])
    tables = scripts.star_tables(star, ctx.files(star))
    for threads in counts:
        one = Curve("", "", [threads])
        measure(ctx, one, [lambda: (star.name(), tables)], {"logistic regression": ("logistic", FACTORIZED, threads),
                                                             "k-means, k = 10": ("kmeans", FACTORIZED, threads)})
        for name, samples in one.series.items():
            curve.series.setdefault(name, []).extend(samples)
        curve.others = max(curve.others, one.others)
    return curve


CURVES = {"scaling-rows": by_rows, "scaling-tuple-ratio": by_tuple_ratio, "scaling-feature-ratio": by_feature_ratio,
          "scaling-dimensions": by_dimensions, "scaling-width": by_width, "scaling-threads": by_threads}
