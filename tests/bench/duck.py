"""duck.py: joins by libduckdb through its C interface, for hosts without its Python package: the library that `make deps` fetched."""
import ctypes
import os

import numpy as np

from peers import Missing

P = ctypes.c_void_p


class Result(ctypes.Structure):
    _fields_ = [("a", ctypes.c_uint64), ("b", ctypes.c_uint64), ("c", ctypes.c_uint64), ("d", P), ("e", P), ("internal", P)]


class DuckDB:
    """One in-memory database with so many threads."""

    def __init__(self, threads):
        folder = os.environ.get("DUCKDB_DIR", os.path.join("build", "deps"))
        path = os.path.join(folder, "libduckdb.so")
        if not os.path.exists(path):
            raise Missing("libduckdb is not here: `make deps` fetches it")
        self.lib = ctypes.CDLL(os.path.abspath(path))
        for name, result, arguments in (("duckdb_fetch_chunk", P, [Result]), ("duckdb_data_chunk_get_size", ctypes.c_uint64, [P]),
                                        ("duckdb_data_chunk_get_vector", P, [P, ctypes.c_uint64]), ("duckdb_vector_get_data", P, [P]),
                                        ("duckdb_result_error", ctypes.c_char_p, [P]), ("duckdb_query", ctypes.c_int, [P, ctypes.c_char_p, P]),
                                        ("duckdb_destroy_data_chunk", None, [P]), ("duckdb_destroy_result", None, [P])):
            function = getattr(self.lib, name)
            function.restype, function.argtypes = result, arguments
        self.db, self.connection = P(), P()
        if self.lib.duckdb_open(None, ctypes.byref(self.db)) or self.lib.duckdb_connect(self.db, ctypes.byref(self.connection)):
            raise Missing("libduckdb does not open a database")
        self.doubles(f"SET threads = {int(threads)}", 0)

    def doubles(self, query, columns):
        """The result of a query whose columns are all doubles without nulls, as a matrix."""
        result = Result()
        if self.lib.duckdb_query(self.connection, query.encode(), ctypes.byref(result)):
            said = self.lib.duckdb_result_error(ctypes.byref(result)).decode()
            raise RuntimeError(f"DuckDB: {said}")
        parts = []
        while columns:
            chunk = self.lib.duckdb_fetch_chunk(result)
            if not chunk:
                break
            rows = self.lib.duckdb_data_chunk_get_size(chunk)
            part = np.empty((rows, columns))
            for c in range(columns):
                values = self.lib.duckdb_vector_get_data(self.lib.duckdb_data_chunk_get_vector(chunk, c))
                part[:, c] = np.ctypeslib.as_array(ctypes.cast(values, ctypes.POINTER(ctypes.c_double)), (rows,))
            parts.append(part)
            handle = P(chunk)
            self.lib.duckdb_destroy_data_chunk(ctypes.byref(handle))
        self.lib.duckdb_destroy_result(ctypes.byref(result))
        return np.concatenate(parts) if parts else np.empty((0, columns))

    def join_star(self, paths, star):
        """Features and label of a data.Star whose files are at paths."""
        columns = [f"a{j + 1}" for j in range(star.d1)]
        source = f"read_csv('{paths[0]}') f"
        for k, width in enumerate(star.widths):
            columns += [f"b{k + 1}_{j + 1}" for j in range(width)]
            source += f" JOIN read_csv('{paths[k + 1]}') d{k + 1} ON f.k{k + 1} = d{k + 1}.id"
        wanted = ", ".join(f"{c}::DOUBLE" for c in columns + ["y"])
        table = self.doubles(f"SELECT {wanted} FROM {source}", len(columns) + 1)
        return np.ascontiguousarray(table[:, :-1]), table[:, -1].copy()
