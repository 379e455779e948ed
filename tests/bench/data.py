"""data.py: the tables of the comparisons, made from a fixed seed or read from ../shared/data.

A Star is a fact table and its dimensions, all numbers with six decimals, so that what a CSV file says and what stands in memory are the
same doubles on every side. Files are written once, below the folder that is given, and found again by their names.
"""
import concurrent.futures
import gzip
import os

import numpy as np

DECIMALS = 6
ROWS_A_PART = 100000


class Star:
    """n rows with d1 features, a label and a key per dimension; dimension k has rows[k] rows and widths[k] features.

    Members: X (n x d1), y (n, 0 or 1), keys (a list of int32 row numbers, from 0), dims (a list of matrices).
    """

    def __init__(self, n, d1, rows, widths, seed=1):
        self.n, self.d1, self.rows, self.widths, self.seed = n, d1, list(rows), list(widths), seed
        g = np.random.default_rng(seed)
        self._cells = g.integers(0, 10**DECIMALS, (n, d1), dtype=np.int32)
        self._dim_cells = [g.integers(0, 10**DECIMALS, (m, w), dtype=np.int32) for m, w in zip(self.rows, self.widths)]
        self.keys = [g.integers(0, m, n, dtype=np.int32) for m in self.rows]
        self.X = self._cells / 10.0**DECIMALS
        self.dims = [c / 10.0**DECIMALS for c in self._dim_cells]
        # A label that the features explain in part: the sign of a random plane, blurred.
        score = (self.X - 0.5) @ g.standard_normal(d1)
        for key, dim, w in zip(self.keys, self.dims, self.widths):
            score += ((dim - 0.5) @ g.standard_normal(w))[key]
        self.y = (score + g.logistic(0, 0.5, n) > 0).astype(float)
        self.width = d1 + sum(self.widths)

    def name(self):
        dims = "_".join(f"{m}x{w}" for m, w in zip(self.rows, self.widths))
        return f"star_{self.n}x{self.d1}_{dims}_s{self.seed}"

    def target(self, rows=slice(None)):
        """The joined table's features, of all rows or of some: what the materialized sides compute on."""
        return np.hstack([self.X[rows]] + [d[k[rows]] for d, k in zip(self.dims, self.keys)])

    def write(self, folder):
        """Writes the CSV files that are not there yet; returns the paths of the fact table and the dimensions."""
        base = os.path.join(folder, self.name())
        paths = [base + "_fact.csv"] + [f"{base}_dim{k + 1}.csv" for k in range(len(self.rows))]
        header = [f"k{k + 1}" for k in range(len(self.rows))] + ["y"] + [f"a{j + 1}" for j in range(self.d1)]
        ints = np.column_stack([k.astype(np.int64) + first_id(m) for k, m in zip(self.keys, self.rows)] + [self.y.astype(np.int64)])
        widths = [len(str(first_id(m))) for m in self.rows] + [1]
        write_csv(paths[0], header, ints, widths, self._cells)
        for k, (m, cells) in enumerate(zip(self.rows, self._dim_cells)):
            ids = (np.arange(m, dtype=np.int64) + first_id(m))[:, None]
            write_csv(paths[k + 1], ["id"] + [f"b{k + 1}_{j + 1}" for j in range(cells.shape[1])], ids, [len(str(first_id(m)))], cells)
        return paths


def first_id(rows):
    """Ids of one table all have as many digits: they start at a power of ten above the number of rows."""
    return 10 ** len(str(rows))


def write_csv(path, header, ints, widths, cells):
    """Whole numbers of the given widths, then fractions 0.dddddd; as bytes, because a million rows number by number take minutes. All rows are as
    long, so that threads write theirs where they belong."""
    if os.path.exists(path):
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    wide = sum(widths) + len(widths) + cells.shape[1] * (DECIMALS + 3)
    top = (",".join(header) + "\n").encode()

    def write(f, start):
        part, frac = ints[start:start + ROWS_A_PART], cells[start:start + ROWS_A_PART]
        out = np.full((len(part), wide), ord(","), dtype=np.uint8)
        at = 0
        for j, w in enumerate(widths):
            digits(out[:, at:at + w], part[:, j])
            at += w + 1
        block = out[:, at:].reshape(len(part), cells.shape[1], DECIMALS + 3)
        block[:, :, 0], block[:, :, 1] = ord("0"), ord(".")
        digits(block[:, :, 2:2 + DECIMALS], frac)
        out[:, -1] = ord("\n")
        os.pwrite(f.fileno(), out.tobytes(), len(top) + start * wide)

    with open(path + ".tmp", "wb") as f, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        os.pwrite(f.fileno(), top, 0)
        for done in [pool.submit(write, f, start) for start in range(0, len(ints), ROWS_A_PART)]:
            done.result()
    os.rename(path + ".tmp", path)


def digits(out, numbers):
    """The decimal digits of numbers into the last axis of out."""
    rest = numbers.copy()
    for k in range(out.shape[-1] - 1, -1, -1):
        out[..., k] = rest % 10 + ord("0")
        rest //= 10


class Categories:
    """A fact table of n rows whose dimension has one text column of so many values: T is wide where the column is one-hot."""

    def __init__(self, n, d1, rows, values, seed=1):
        self.star = Star(n, d1, [rows], [1], seed)
        self.values = values
        # every value occurs, so that the width of T is known
        self.codes = np.random.default_rng(seed + 1).permutation(np.arange(rows) % values)

    def write(self, folder):
        fact = self.star.write(folder)[0]
        dim = os.path.join(folder, f"{self.star.name()}_values{self.values}.csv")
        if not os.path.exists(dim):
            base = first_id(self.star.rows[0])
            with open(dim + ".tmp", "w") as f:
                f.write("id,c\n")
                f.writelines(f"{base + i},v{code}\n" for i, code in enumerate(self.codes))
            os.rename(dim + ".tmp", dim)
        return [fact, dim]


class Movie:
    """hamlet-movie: y, the two keys (int32, from 0) and the two one-hot matrices as scipy CSR."""

    FILES = ("fact.csv.gz", "r1.mtx.gz", "r2.mtx.gz")

    def __init__(self, shared):
        import scipy.io
        import scipy.sparse as sp
        self.folder = os.path.join(shared, "hamlet-movie")
        with gzip.open(os.path.join(self.folder, "fact.csv.gz"), "rt") as f:
            names = f.readline().strip().split(",")
            table = np.loadtxt(f, delimiter=",", usecols=[names.index(c) for c in ("y", "fk1", "fk2")])
        self.y = table[:, 0].copy()
        self.keys = [(table[:, k] - 1).astype(np.int32) for k in (1, 2)]
        self.dims = [sp.csr_matrix(scipy.io.mmread(os.path.join(self.folder, name)), dtype=float) for name in self.FILES[1:]]
        for d in self.dims:
            d.sort_indices()
        self.n = len(self.y)
        self.width = sum(d.shape[1] for d in self.dims)

    @staticmethod
    def missing(shared):
        """Why the data cannot be read, or None."""
        for name in Movie.FILES:
            path = os.path.join(shared, "hamlet-movie", name)
            if not os.path.exists(path):
                return "its data are in ../shared/data/hamlet-movie, which is not here"
        return None

    def target(self, rows=slice(None)):
        import scipy.sparse as sp
        return sp.hstack([d[k[rows]] for d, k in zip(self.dims, self.keys)], format="csr")
