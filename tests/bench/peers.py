"""peers.py: what the comparisons are against. Each peer is a Stepper: it holds a model and takes one step of an algorithm at a time, on its own
representation of the same data, written as a numpy user would, or by the hand-written kernels where they are.

Algorithms and starts are those of steps.amal. Models: w (d) for linear and logistic; C (k x d); H (r x d).
"""
import ctypes
import os
import subprocess

import numpy as np

K, RANK = 10, 5
ALGORITHMS = ("linear", "logistic", "kmeans", "nmf")


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def start_w(n, rank=RANK):
    return 0.1 + ((np.arange(n)[:, None] * rank + np.arange(rank)) % 7) / 7


def start_h(d, rank=RANK):
    return 0.1 + ((np.arange(rank)[:, None] * d + np.arange(d)) % 5) / 5


class Problem:
    """What is trained: the data's sizes, the label, a step length, and the first K rows of T as centres."""

    def __init__(self, n, d, y, step, centres):
        self.n, self.d, self.y, self.step, self.centres = n, d, y, step, centres


class Stepper:
    """algorithm: one of ALGORITHMS. A subclass gives the products that the steps need:

    forward(M)   X M for M of d rows (a vector or a matrix)
    backward(R)  X' R for R of n rows
    assign(a)    (X' A, column sums of A) for the one-hot A of cluster numbers a
    """

    def __init__(self, problem, algorithm):
        self.p, self.algorithm = problem, algorithm
        self.step = getattr(self, "step_" + algorithm)
        self.reset()

    def reset(self):
        p = self.p
        if self.algorithm in ("linear", "logistic"):
            self.model = np.zeros(p.d)
        elif self.algorithm == "kmeans":
            self.model = p.centres.copy()
        else:
            self.model = start_h(p.d)
            self.W = start_w(p.n)

    def assign(self, a):
        A = np.zeros((self.p.n, K))
        A[np.arange(self.p.n), a] = 1
        return self.backward(A), A.sum(0)

    def step_linear(self):
        self.model = self.model - self.p.step * self.backward(self.forward(self.model) - self.p.y)

    def step_logistic(self):
        self.model = self.model - self.p.step * self.backward(sigmoid(self.forward(self.model)) - self.p.y)

    def move_centres(self, sums, size):
        """sums: d x k."""
        self.model = np.where(size[:, None] > 0, sums.T / np.maximum(size, 1)[:, None], self.model)

    def step_kmeans(self):
        C = self.model
        a = ((C * C).sum(1) - 2 * self.forward(np.ascontiguousarray(C.T))).argmin(1)
        self.move_centres(*self.assign(a))

    def step_nmf(self):
        W, H = self.W, self.model
        H = H * self.backward(W).T / np.maximum((W.T @ W) @ H, 1e-12)
        self.W = W * self.forward(np.ascontiguousarray(H.T)) / np.maximum(W @ (H @ H.T), 1e-12)
        self.model = H


class OnTarget(Stepper):
    """numpy or scipy on the joined T."""

    def __init__(self, problem, algorithm, T):
        self.T, self.TT = T, T.T
        super().__init__(problem, algorithm)

    def forward(self, M):
        return self.T @ M

    def backward(self, R):
        return self.TT @ R


class Morpheus(Stepper):
    """numpy in the manner of Morpheus: every product with T is rewritten over the sources, rows are repeated by sparse indicator matrices."""

    def __init__(self, problem, algorithm, own, keys, dims):
        import scipy.sparse as sp
        self.own, self.dims = own, dims
        n = problem.n
        self.K = [sp.csr_matrix((np.ones(n), k, np.arange(n + 1)), shape=(n, d.shape[0])) for k, d in zip(keys, dims)]
        self.KT = [k.T for k in self.K]
        super().__init__(problem, algorithm)

    def forward(self, M):
        at = self.own.shape[1]
        z = self.own @ M[:at]
        for k, d in zip(self.K, self.dims):
            z += k @ (d @ M[at:at + d.shape[1]])
            at += d.shape[1]
        return z

    def backward(self, R):
        return np.concatenate([self.own.T @ R] + [d.T @ (k @ R) for k, d in zip(self.KT, self.dims)])


class TakeCount(Stepper):
    """Factorized by hand in numpy over sparse dimensions: rows are repeated by take, summed by bincount."""

    def __init__(self, problem, algorithm, keys, dims):
        self.keys, self.dims = keys, dims
        self.dimsT = [d.T for d in dims]
        super().__init__(problem, algorithm)

    def forward(self, M):
        at, z = 0, 0
        for k, d in zip(self.keys, self.dims):
            z = z + np.take(d @ M[at:at + d.shape[1]], k, axis=0)
            at += d.shape[1]
        return z

    def backward(self, R):
        parts = []
        for k, d, dT in zip(self.keys, self.dims, self.dimsT):
            if R.ndim == 1:
                q = np.bincount(k, R, d.shape[0])
            else:
                q = np.column_stack([np.bincount(k, R[:, c], d.shape[0]) for c in range(R.shape[1])])
            parts.append(dT @ q)
        return np.concatenate(parts)

    def assign(self, a):
        counts = [np.bincount(k * np.int64(K) + a, minlength=d.shape[0] * K).reshape(-1, K) for k, d in zip(self.keys, self.dims)]
        return np.concatenate([dT @ q for dT, q in zip(self.dimsT, counts)]), np.bincount(a, minlength=K).astype(float)


# ---- the hand-written kernels ----


class Missing(Exception):
    """A part that is not on this machine: the row or the side is skipped, and this says why."""


def kernels(folder, out, source, flags, threads):
    """Compiles ../shared/reference-kernels/SOURCE into a library below out, once, and loads it."""
    path = os.path.join(folder, source)
    if not os.path.exists(path):
        raise Missing("the hand-written kernels are in ../shared/reference-kernels, which is not here")
    with open("/proc/cpuinfo") as f:
        if "avx512dq" not in f.read():
            raise Missing("the hand-written kernels need AVX-512, which this processor does not have")
    os.makedirs(out, exist_ok=True)
    target = os.path.join(out, f"{source[:-2]}{''.join(f for f in flags if f.startswith('-D'))}.so")
    if not os.path.exists(target) or os.path.getmtime(target) < os.path.getmtime(path):
        command = [os.environ.get("CC", "cc"), "-O3", "-march=native", "-fopenmp", "-ffast-math", *flags, "-shared", "-fPIC", path,
                   "-o", target + ".tmp", "-lopenblas", "-lmvec", "-lm"]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise Missing(f"the hand-written kernels do not compile: {done.stderr[:300]}")
        os.rename(target + ".tmp", target)
    library = ctypes.CDLL(target)
    library.set_nt(threads)
    return library


def at(a):
    return a.ctypes.data_as(ctypes.c_void_p)


def count(i):
    return ctypes.c_int64(i)


class DenseKernels(Stepper):
    """dense.c. plan: "m" fused on T, "f" factorized, "ff" rows sorted by the key and fully fused.

    tables: (T,) for "m"; (S1, S2, ci) for the others, sorted for "ff"; order: which row of T stands where, for the start of W.
    """

    def __init__(self, problem, algorithm, library, plan, tables, y, order=None):
        self.library, self.plan, self.tables, self.y_rows, self.order = library, plan, tables, y, order
        self.sizes = [count(problem.n)] + ([count(tables[1].shape[0])] if plan != "m" else [])
        super().__init__(problem, algorithm)

    def reset(self):
        super().reset()
        if self.algorithm == "nmf":
            if self.order is not None:
                self.W = self.W[self.order].copy()
            self.H = np.ascontiguousarray(self.model.T)
            T = self.tables
            # the first X' W and W' W, which the kernel otherwise returns with the new W
            if self.plan == "m":
                self.A = T[0].T @ self.W
            else:
                q = np.column_stack([np.bincount(T[2], self.W[:, c], T[1].shape[0]) for c in range(RANK)])
                self.A = np.vstack([T[0].T @ self.W, T[1].T @ q])
            self.B = self.W.T @ self.W

    def call(self, name, *arguments):
        getattr(self.library, f"{name}_{self.plan}")(*[at(a) for a in (*self.tables, *arguments)], *self.sizes)

    def gradient(self, name):
        g = np.empty(self.p.d)
        self.call(name, self.y_rows, self.model, g)
        self.model = self.model - self.p.step * g

    def step_linear(self):
        self.gradient("lin")

    def step_logistic(self):
        self.gradient("log")

    def step_kmeans(self):
        sums, size = np.empty((K, self.p.d)), np.empty(K)
        self.call("km", self.model, sums, size)
        self.move_centres(sums.T, size)

    def step_nmf(self):
        H = self.H * self.A / np.maximum(self.H @ self.B, 1e-12)
        self.A, self.B = np.empty((self.p.d, RANK)), np.empty((RANK, RANK))
        self.call("gn", self.W, H, self.A, self.B)
        self.H, self.model = H, H.T


class SparseKernels(Stepper):
    """sparse.c, factorized: two sparse dimensions, no features of the fact table."""

    def __init__(self, problem, algorithm, library, keys, dims):
        self.library, self.keys, self.dims = library, keys, dims
        self.held = [(d.indptr.astype(np.int64), d.indices.astype(np.int32), d.data) for d in dims]
        self.tables = []
        for (rows, cols, values), d in zip(self.held, dims):
            self.tables += [at(rows), at(cols), at(values), count(d.shape[0]), count(d.shape[1])]
        self.tables += [at(k) for k in keys]
        super().__init__(problem, algorithm)

    def reset(self):
        super().reset()
        if self.algorithm == "nmf":
            W = np.zeros((self.p.n, 8))
            W[:, :RANK] = self.W
            q = [np.column_stack([np.bincount(k, W[:, c], d.shape[0]) for c in range(RANK)]) for k, d in zip(self.keys, self.dims)]
            self.A = np.zeros((self.p.d, 8))
            self.A[:, :RANK] = np.vstack([d.T @ x for d, x in zip(self.dims, q)])
            self.B = np.zeros((5, 8))
            self.B[:, :RANK] = self.W.T @ self.W
            self.W = W

    def gradient(self, kind):
        g = np.empty(self.p.d)
        self.library.gd_f(*self.tables, at(self.p.y), at(self.model), at(g), count(self.p.n), ctypes.c_int(kind))
        self.model = self.model - self.p.step * g

    def step_linear(self):
        self.gradient(0)

    def step_logistic(self):
        self.gradient(1)

    def step_kmeans(self):
        C = self.model
        scaled, norms = np.zeros((self.p.d, 16)), np.full(16, 1e300)
        scaled[:, :K], norms[:K] = -2 * C.T, (C * C).sum(1)
        sums, size = np.empty((self.p.d, 16)), np.empty(16)
        self.library.km_f(*self.tables, at(scaled), at(norms), at(sums), at(size), count(self.p.n))
        self.move_centres(sums[:, :K], size[:K])

    def step_nmf(self):
        H = self.model.T
        H = H * self.A[:, :RANK] / np.maximum(H @ self.B[:, :RANK], 1e-12)
        padded, squares = np.zeros((self.p.d, 8)), np.ones((5, 8))
        padded[:, :RANK], squares[:, :RANK] = H, H.T @ H
        self.A, self.B = np.empty((self.p.d, 8)), np.empty((5, 8))
        self.library.gn_f(*self.tables, at(self.W), at(padded), at(squares), at(self.A), at(self.B), count(self.p.n))
        self.model = H.T


def sort_rows(star):
    """(S1, ci, y, order) of a one-dimensional star with rows sorted by the key."""
    order = np.argsort(star.keys[0], kind="stable")
    return star.X[order], star.keys[0][order], star.y[order], order
