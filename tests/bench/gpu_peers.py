"""gpu_peers.py: PyTorch and CuPy as peers of `amal` on a GPU: the steps of peers.py on the joined table in the GPU's memory."""
import importlib
import time

import numpy as np

import peers


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

    def give_back(self):
        """Memory that is kept for later arrays, to the GPU."""
        self.m.cuda.empty_cache()


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

    def give_back(self):
        self.m.get_default_memory_pool().free_all_blocks()


class OnDevice:
    """The steps of peers.Stepper on T in the GPU's memory."""

    def __init__(self, problem, algorithm, tables, lib):
        self.p, self.algorithm, self.lib = problem, algorithm, lib
        self.T, self.TT = tables
        self.y = lib.array(problem.y)
        self.reset()

    def reset(self):
        p, lib = self.p, self.lib
        if self.algorithm in ("linear", "logistic"):
            self.state = lib.array(np.zeros(p.d))
        elif self.algorithm == "kmeans":
            self.state = lib.array(p.centres)
        else:
            self.state, self.W = lib.array(peers.start_h(p.d)), lib.array(peers.start_w(p.n))

    def once(self):
        T, TT, lib, s = self.T, self.TT, self.lib, self.state
        if self.algorithm == "linear":
            self.state = s - self.p.step * (TT @ (T @ s - self.y))
        elif self.algorithm == "logistic":
            self.state = s - self.p.step * (TT @ (lib.sigmoid(T @ s) - self.y))
        elif self.algorithm == "kmeans":
            A = lib.onehot(((s * s).sum(1) - 2 * (T @ s.T)).argmin(1), peers.K)
            size = A.sum(0)
            self.state = lib.m.where(size[:, None] > 0, (TT @ A).T / lib.at_least(size, 1)[:, None], s)
        else:
            H = s * (TT @ self.W).T / lib.at_least((self.W.T @ self.W) @ s, 1e-12)
            self.W = self.W * (T @ H.T) / lib.at_least(self.W @ (H @ H.T), 1e-12)
            self.state = H

    def step(self):
        self.once()
        self.lib.wait()

    def run(self, steps):
        """Seconds of so many steps; nothing is waited for between them."""
        begin = time.perf_counter()
        for _ in range(steps):
            self.once()
        self.lib.wait()
        return time.perf_counter() - begin

    def seconds(self, at_least):
        """Mean seconds of a step, of as many as take at_least seconds."""
        self.step()
        calls = max(1, int(at_least / max(self.run(1), 1e-9)))
        return self.run(calls) / calls

    @property
    def model(self):
        return self.lib.host(self.state)


def on_device(lib, T):
    """T and its transpose, once they are there. Products with a sparse transpose are fastest from its own rows."""
    if hasattr(T, "tocsr"):
        there, transposed = lib.sparse(T), lib.sparse(T.T.tocsr())
    else:
        there = lib.array(T)
        transposed = there.T
    lib.wait()
    return there, transposed


def libraries():
    """name -> adaptor of those that can be used; name -> why of the others."""
    found, missing = {}, {}
    for name, module, adaptor in (("PyTorch on T", "torch", Torch), ("CuPy on T", "cupy", Cupy)):
        try:
            found[name] = adaptor(importlib.import_module(module))
        except Exception as why:  # an import of either may fail in many ways; none of them is ours to mend
            missing[name] = f"{type(why).__name__}: {why}"
    return found, missing
