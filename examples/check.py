#!/usr/bin/env python3
"""Computes what the examples should give, by other means: pandas joins the tables, numpy, scipy and scikit-learn train on the result.

    examples/check.py            writes every NAME.expect beside its NAME.amal (those of ../shared/data where that is)
    examples/check.py FOLDER...  only those of these folders

amal is never run. A line of a .expect file is `path value tolerance`, the path into what `amal run NAME.amal --json` writes; `make test`
compares. Debian: python3-pandas python3-sklearn.
"""
import gzip
import sqlite3
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.io
import scipy.sparse as sp
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor, Ridge
from sklearn.metrics import log_loss, mean_poisson_deviance, mean_squared_error, r2_score, roc_auc_score

HERE = Path(__file__).resolve().parent
SHARED = HERE.parent.parent / "shared" / "data"


# ---- the documented random numbers and split ----

def mix(x):
    x = x ^ (x >> np.uint64(30))
    x = x * np.uint64(0xBF58476D1CE4E5B9)
    x = x ^ (x >> np.uint64(27))
    x = x * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def uniform(seed, stream, index):
    with np.errstate(over="ignore"):
        golden = np.uint64(0x9E3779B97F4A7C15)
        x = mix(np.array([seed], dtype=np.uint64) + golden)
        x = mix(x + np.uint64(stream) * np.uint64(0xD1342543DE82EF95) + golden)
        x = mix(x + index.astype(np.uint64) * golden + np.uint64(0x632BE59BD9B4E019))
    return (x >> np.uint64(11)).astype(float) * 2.0**-53


def split(n, shares, seed):
    """Row numbers of each part, as `split T into ... seed` makes them."""
    order = np.argsort(uniform(seed, 0, np.arange(n)), kind="stable")
    parts, at = [], 0
    for i, share in enumerate(shares):
        size = n - at if i == len(shares) - 1 else int(np.floor(share * n + 1e-9))
        parts.append(np.sort(order[at:at + size]))
        at += size
    return parts


# ---- algorithms, as their comments in stdlib/ and in the scripts state them ----

def scaled(X):
    mu, sd = X.mean(0), X.std(0)
    return (X - mu) / sd, mu, sd


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def descend(X, y, steps, step, link, standardize=True):
    """Gradient descent with an intercept; link is the prediction of X w + b. Returns w and b in the features' units."""
    Z, mu, sd = scaled(X) if standardize else (X, np.zeros(X.shape[1]), np.ones(X.shape[1]))
    w, b, n = np.zeros(X.shape[1]), 0.0, X.shape[0]
    for _ in range(steps):
        r = link(Z @ w + b) - y
        w, b = w - step * (Z.T @ r) / n, b - step * r.sum() / n
    w = w / sd
    return w, b - mu @ w


def lloyd(Z, k):
    """k-means from the first k distinct rows; the inertia at the end."""
    first = []
    for row in Z:
        if not any((row == c).all() for c in first):
            first.append(row)
        if len(first) == k:
            break
    C, old = np.array(first), None
    for _ in range(300):
        near = ((Z[:, None, :] - C) ** 2).sum(2).argmin(1)
        if old is not None and (near == old).all():
            break
        C, old = np.array([Z[near == j].mean(0) for j in range(k)]), near
    return ((Z - C[near]) ** 2).sum()


def rmse(y, p):
    return np.sqrt(mean_squared_error(y, p))


# ---- what is expected ----

class Expect:
    def __init__(self, name, checked):
        self.path, self.lines = HERE / (name + ".expect"), [f"# {line}" for line in checked.split("\n")]

    def add(self, path, value, tolerance="1e-8"):
        self.lines.append(f"{path} {value:.15g} {tolerance}" if isinstance(value, float) else f"{path} {value} 0")

    def values(self, path, values, tolerance="1e-7"):
        values = np.asarray(values, dtype=float).ravel()
        for i, v in enumerate(values):
            self.add(f"{path}/{i}", float(v), tolerance)

    def write(self):
        temporary = self.path.with_suffix(".new")
        temporary.write_text("\n".join(self.lines) + "\n")
        temporary.replace(self.path)
        print(self.path.relative_to(HERE.parent))


def close(a, b, tolerance):
    """Two ways of computing one thing have to agree before either is written down."""
    assert np.allclose(a, b, rtol=tolerance, atol=tolerance), (a, b)


# ---- flights ----

def flights_tables():
    data = HERE / "flights" / "data"
    flights = pd.read_csv(data / "flights.csv.gz", na_values="NA", keep_default_na=False)
    planes = pd.read_csv(data / "planes.csv", na_values="NA", keep_default_na=False)
    airports = pd.read_csv(data / "airports.csv", na_values="NA", keep_default_na=False)
    weather = pd.read_csv(data / "weather.csv.gz", na_values="NA", keep_default_na=False)
    return flights, planes, airports, weather


def numbers(frame, column):
    return pd.to_numeric(frame[column]).astype(float)


def late(name, T, columns, seed=42):
    """Logistic regression by 200 steps on four fifths of T, judged on the rest."""
    X = np.column_stack(columns)
    y = (numbers(T, "arr_delay") > 15).to_numpy(float)
    train, test = split(len(T), [0.8, 0.2], seed)
    w, b = descend(X[train], y[train], 200, 0.5, sigmoid)
    p = sigmoid(X[test] @ w + b)
    e = Expect(name, "numpy: 200 steps of gradient descent on the table that pandas joined;\n"
               "scikit-learn: auc, log_loss. Written by examples/check.py.")
    e.add("targets/T/rows", len(T))
    e.add("targets/T/columns", X.shape[1])
    e.add("targets/T/parts/train", len(train))
    e.add("evaluate/risk/T.test/auc", roc_auc_score(y[test], p), "1e-7")
    e.add("evaluate/risk/T.test/accuracy", float(((p >= 0.5) == y[test]).mean()), "1e-7")
    e.add("evaluate/risk/T.test/log_loss", log_loss(y[test], p), "1e-7")
    e.values("train/risk/params/w/values", w, "1e-6")
    e.write()


def fill(column):
    return column.fillna(column.mean())


def onehot(column):
    names = sorted(column.dropna().unique(), key=lambda s: s.encode())
    return np.column_stack([(column == name).to_numpy(float) for name in names])


def flights():
    f, planes, airports, weather = flights_tables()
    f = f[f.arr_delay.notna()]
    T = f.merge(planes[["tailnum", "year", "seats"]].rename(columns={"year": "built"}), on="tailnum", how="left", indicator="p")
    T = T.sort_values("p", key=lambda p: p != "both", kind="stable")
    late("flights/short", T, [numbers(T, "distance"), onehot(T.carrier), fill(numbers(T, "built")), fill(numbers(T, "seats"))])

    a = airports[["faa", "alt"]].rename(columns={"faa": "dest"})
    T = f.merge(planes[["tailnum", "year", "seats"]].rename(columns={"year": "built"}), on="tailnum", how="left", indicator="p")
    T = T.merge(a, on="dest", how="left", indicator="a")
    T = T.merge(weather, on=["origin", "year", "month", "day", "hour"], how="left", indicator="h")
    # the rows of a target stand by tgd, the tgds by the number of atoms left out: first the rows with plane, airport and weather
    absent = sum((T[mark] != "both") * (10 + bit) for mark, bit in (("p", 4), ("a", 2), ("h", 1)))
    T = T.iloc[np.argsort(absent.to_numpy(), kind="stable")]
    late("flights/late", T, [numbers(T, "distance"), numbers(T, "hour"), onehot(T.carrier), fill(numbers(T, "built")),
                             fill(numbers(T, "seats")), numbers(T, "alt").fillna(0), fill(numbers(T, "temp")), fill(numbers(T, "humid")),
                             fill(numbers(T, "wind_speed")), numbers(T, "precip").fillna(0), fill(numbers(T, "visib"))])


# ---- one-hot ----

def codes(column, source):
    names = sorted(source.dropna().unique(), key=lambda s: s.encode())
    at = column.map({name: i for i, name in enumerate(names)})
    known = at.notna().to_numpy()
    return sp.csr_matrix((np.ones(known.sum()), (np.flatnonzero(known), at[known].astype(int))), shape=(len(column), len(names)))


def onehot_planes():
    flown, planes, _, _ = flights_tables()
    f = flown[flown.arr_delay.notna()]
    T = f.merge(planes[["tailnum", "manufacturer", "model"]], on="tailnum", how="left")
    # a column of the target has a category for each value of the source's column, whether or not a row of T has it
    X = sp.hstack([codes(T[c], source[c]) for c, source in (("tailnum", flown), ("origin", flown), ("dest", flown), ("manufacturer", planes), ("model", planes))])
    X = X.tocsr()
    y = numbers(T, "arr_delay").to_numpy()
    w, b = descend(X, y, 50, 0.5, lambda x: x, standardize=False)
    p = X @ w + b
    e = Expect("onehot/planes", "scipy: 50 steps of gradient descent on the sparse matrix of the table that pandas joined.\n"
               "scikit-learn: r2. Written by examples/check.py.")
    e.add("targets/T/rows", len(T))
    e.add("targets/T/columns", X.shape[1])
    e.add("evaluate/effects/T/rmse", float(rmse(y, p)))
    e.add("evaluate/effects/T/r2", r2_score(y, p), "1e-7")
    e.add("print/1/values/0", float(np.linalg.norm(w)))
    e.write()


# ---- many to many ----

def manytomany():
    f, _, _, weather = flights_tables()
    f = f[f.dep_delay.notna()][["origin", "month", "day", "dep_delay", "distance"]]
    T = f.merge(weather.drop(columns="year"), on=["origin", "month", "day"])
    X = np.column_stack([numbers(T, "distance"), numbers(T, "hour"), fill(numbers(T, "temp")), fill(numbers(T, "humid")),
                         fill(numbers(T, "wind_speed")), numbers(T, "precip").fillna(0), fill(numbers(T, "visib"))])
    y = numbers(T, "dep_delay").to_numpy()
    model = LinearRegression().fit(X, y)
    p = model.predict(X)
    e = Expect("manytomany/day", "scikit-learn: LinearRegression on the joined table, which pandas makes. Written by examples/check.py.")
    e.add("targets/T/rows", len(T))
    e.add("evaluate/dependence/T/rmse", float(rmse(y, p)))
    e.add("evaluate/dependence/T/r2", r2_score(y, p), "1e-7")
    e.values("train/dependence/params/w/values", model.coef_, "1e-6")
    e.write()


# ---- algorithms ----

def heart(label, names):
    data, frames = HERE / "hospitals" / "data", []
    for hospital in ("cleveland", "hungarian", "switzerland", "va"):
        frames.append(pd.read_csv(data / f"{hospital}.csv", na_values="?")[names + [label, "cp"]])
    T = pd.concat(frames, ignore_index=True).astype(float)
    return T.dropna().reset_index(drop=True)


def chest(T, base=True):
    kinds = sorted(T.cp.unique())
    return np.column_stack([(T.cp == k).astype(float) for k in (kinds[1:] if base else kinds)])


def algorithms():
    # principal components
    f, planes, _, weather = flights_tables()
    T = f.merge(planes[["tailnum", "year", "seats", "engines"]].rename(columns={"year": "built"}), on="tailnum")
    T = T.merge(weather.drop(columns="year"), on=["origin", "month", "day", "hour"])
    names = ["dep_delay", "distance", "hour", "built", "seats", "engines", "temp", "humid", "wind_speed", "visib"]
    X = T[names].apply(pd.to_numeric).dropna().to_numpy(float)
    Z, _, _ = scaled(X)
    _, s, Vt = np.linalg.svd(Z, full_matrices=False)
    V = Vt.T * np.sign(Vt.T[np.abs(Vt.T).argmax(0), range(len(names))])
    variance = s**2 / len(Z)
    e = Expect("algorithms/pca", "numpy: singular values of the standardized joined table. Written by examples/check.py.")
    e.add("targets/T/rows", len(X))
    e.add("evaluate/axes/T/unexplained", float(1 - variance[:3].sum() / variance.sum()))
    e.values("print/0/values", variance)
    e.values("print/1/values", V[:, :3], "a1e-7")
    e.write()

    # Poisson regression
    days = pd.read_csv(HERE / "algorithms" / "data" / "days.csv")
    noon = weather[weather.hour == 12].drop(columns=["year", "hour"])
    T = days.merge(noon, on=["origin", "month", "day"]).dropna(subset=["temp", "humid", "wind_speed"]).reset_index(drop=True)
    X = np.column_stack([T.origin == "JFK", T.origin == "LGA", T.month.isin([12, 1, 2]), numbers(T, "temp"), numbers(T, "humid"),
                         numbers(T, "wind_speed"), numbers(T, "visib")]).astype(float)
    rate, exposure = (T.cancelled / T.flights).to_numpy(), T.flights.to_numpy(float)
    Z, mu, sd = scaled(X)
    A, w = np.column_stack([Z, np.ones(len(Z))]), np.r_[np.zeros(Z.shape[1]), np.log(np.average(rate, weights=exposure))]
    for _ in range(30):
        m = exposure * np.exp(A @ w)
        w = w + np.linalg.solve(A.T @ (m[:, None] * A), A.T @ (exposure * rate - m))
    coefficients, b = w[:-1] / sd, w[-1] - (mu / sd) @ w[:-1]
    model = PoissonRegressor(alpha=0, tol=1e-10, max_iter=10000).fit(Z, rate, sample_weight=exposure)
    close(model.coef_, w[:-1], 1e-4)
    p = np.exp(X @ coefficients + b)
    e = Expect("algorithms/poisson", "numpy: Newton's method on the joined table; agrees with scikit-learn's PoissonRegressor to 1e-4.\n"
               "scikit-learn: the deviance. Written by examples/check.py.")
    e.add("targets/T/rows", len(T))
    e.add("evaluate/trouble/T/deviance", float(mean_poisson_deviance(rate, p, sample_weight=exposure) * exposure.sum()))
    e.values("print/0/values", coefficients)
    e.add("print/1/values/0", float(b))
    e.write()

    # softmax regression
    names = ["age", "sex", "trestbps", "thalach", "exang", "oldpeak"]
    T = heart("target", names)
    X, y = np.column_stack([T[names], chest(T)]), T.target.astype(int).to_numpy()
    Z, mu, sd = scaled(X)
    Y, W, b = np.eye(5)[y], np.zeros((X.shape[1], 5)), np.zeros(5)
    for _ in range(3000):
        E = np.exp(Z @ W + b)
        G = (E / E.sum(1, keepdims=True) - Y) / len(y)
        W, b = W - 0.5 * (Z.T @ G + 0.01 * W), b - 0.5 * G.sum(0)
    model = LogisticRegression(multi_class="multinomial", C=1 / (0.01 * len(y)), tol=1e-10, max_iter=10000).fit(Z, y)
    close(model.coef_.T, W, 1e-3)
    p = E = np.exp(Z @ W + b)
    p = E / E.sum(1, keepdims=True)
    e = Expect("algorithms/softmax", "numpy: 3000 steps of gradient descent on the union; agrees with scikit-learn's LogisticRegression,\n"
               "which goes on to the optimum, to 1e-3. scikit-learn: log_loss. Written by examples/check.py.")
    e.add("targets/T/rows", len(T))
    e.add("evaluate/grade/T/cross_entropy", log_loss(y, p))
    e.add("evaluate/grade/T/hits", float((p.argmax(1) == y).mean()))
    e.values("print/0/values", W / sd[:, None])
    e.values("print/1/values", b - (mu / sd) @ W)
    e.write()


# ---- hospitals, search ----

def hospitals():
    names = ["age", "sex", "trestbps", "thalach", "exang", "oldpeak"]
    T = heart("target", names)
    X, y = np.column_stack([T[names], chest(T)]), (T.target > 0).to_numpy(float)
    w, b = descend(X, y, 200, 0.1, sigmoid)
    p = sigmoid(X @ w + b)
    e = Expect("hospitals/heart", "numpy: 200 steps of gradient descent, and Lloyd's algorithm, on the union. scikit-learn: auc, log_loss.\n"
               "Written by examples/check.py.")
    e.add("targets/T/rows", len(T))
    e.add("evaluate/sick/T/auc", roc_auc_score(y, p))
    e.add("evaluate/sick/T/accuracy", float(((p >= 0.5) == y).mean()))
    e.add("evaluate/sick/T/log_loss", log_loss(y, p))
    e.values("train/sick/params/w/values", w)
    e.add("evaluate/groups/T/inertia", float(lloyd(scaled(X)[0], 2)))
    e.write()


def search():
    names = ["age", "sex", "trestbps", "exang", "oldpeak"]
    T = heart("thalach", names)
    X, y = np.column_stack([T[names], chest(T, base=False)]), T.thalach.to_numpy()
    train, valid, test = split(len(T), [0.6, 0.2, 0.2], 7)
    e = Expect("search/search", "scikit-learn: Ridge on the part that is trained on; generalized cross-validation from the eigenvalues\n"
               "(numpy). Written by examples/check.py.")
    e.add("targets/T/rows", len(T))
    for l in (1, 10, 100, 1000):
        e.add(f"evaluate/fit[l={l}]/T.valid/rmse", float(rmse(y[valid], Ridge(alpha=l, tol=1e-12).fit(X[train], y[train]).predict(X[valid]))))
    for s in (0.01, 0.1):
        for k in (10, 100):
            w, b = descend(X[train], y[train], k, s, lambda x: x)
            e.add(f"evaluate/descent[s={s},k={k}]/T.valid/rmse", float(rmse(y[valid], X[valid] @ w + b)))
    A, c, scores = X[train] - X[train].mean(0), y[train] - y[train].mean(), {}
    U, s, _ = np.linalg.svd(A, full_matrices=False)
    for l in (0.1, 1, 10, 100, 1000):
        shrink = s**2 / (s**2 + l)
        rss = ((c - U @ (shrink * (U.T @ c))) ** 2).sum()
        scores[l] = len(c) * rss / (len(c) - shrink.sum() - 1) ** 2
    best = min(scores, key=scores.get)
    e.add("evaluate/chosen/T.test/rmse", float(rmse(y[test], Ridge(alpha=best, tol=1e-12).fit(X[train], y[train]).predict(X[test]))))
    e.add("print/0/values/0", float(best))
    e.add("print/1/values/0", float(scores[best]))
    e.write()


# ---- chinook ----

def chinook():
    db = sqlite3.connect(f"file:{HERE}/chinook/Chinook.sqlite?mode=ro", uri=True)
    T = pd.read_sql("""select t.Milliseconds, t.Bytes, m.Name as medium, g.Name as genre
                       from Track t join Album a on t.AlbumId = a.AlbumId join Artist r on a.ArtistId = r.ArtistId
                       join MediaType m on t.MediaTypeId = m.MediaTypeId join Genre g on t.GenreId = g.GenreId order by t.TrackId""", db)
    kinds = [sorted(set(T[c]) - {base}, key=lambda s: s.encode()) for c, base in (("medium", "MPEG audio file"), ("genre", "Rock"))]
    X = np.column_stack([T.Milliseconds] + [T.medium == k for k in kinds[0]] + [T.genre == k for k in kinds[1]]).astype(float)
    y = T.Bytes.to_numpy(float)
    A, c = X - X.mean(0), y - y.mean()
    w = np.linalg.solve(A.T @ A + 0.001 * np.eye(X.shape[1]), A.T @ c)
    close(Ridge(alpha=0.001, solver="svd").fit(X, y).coef_, w, 1e-6)
    p = A @ w + y.mean()
    e = Expect("chinook/tracks", "SQLite joins, numpy solves the normal equations; agrees with scikit-learn's Ridge to 1e-6. Written by\nexamples/check.py.")
    e.add("targets/T/rows", len(T))
    e.add("targets/T/columns", X.shape[1])
    e.add("evaluate/size/T/rmse", float(rmse(y, p)))
    e.add("evaluate/size/T/r2", r2_score(y, p))
    e.values("train/size/params/w/values", w, "1e-6")
    e.write()


# ---- data that is not in the repository ----

def movielens():
    data = SHARED / "movielens-small"
    T = pd.read_csv(data / "ratings.csv").merge(pd.read_csv(data / "movies.csv"), on="movieId")
    T["year"] = T.title.str.extract(r"[(]([0-9]{4})[)] *$")[0].astype(float)
    T = T.dropna(subset=["year"])
    X = np.column_stack([T.year] + [T.genres.str.contains(g) for g in ("Drama", "Comedy", "Horror", "War")]).astype(float)
    y = T.rating.to_numpy()
    model = LinearRegression().fit(X, y)
    e = Expect("movielens/ratings", "scikit-learn: LinearRegression on the table that pandas joined. Written by examples/check.py.")
    e.add("targets/T/rows", len(T))
    e.add("evaluate/taste/T/rmse", float(rmse(y, model.predict(X))))
    e.add("evaluate/taste/T/r2", r2_score(y, model.predict(X)), "1e-7")
    e.values("train/taste/params/w/values", model.coef_, "1e-6")
    e.write()


def hamlet():
    data = SHARED / "hamlet-movie"
    fact = pd.read_csv(data / "fact.csv.gz")
    with gzip.open(data / "r1.mtx.gz") as one, gzip.open(data / "r2.mtx.gz") as two:
        users, films = scipy.io.mmread(one).tocsr(), scipy.io.mmread(two).tocsr()
    X, y = sp.hstack([users[fact.fk1 - 1], films[fact.fk2 - 1]]).tocsr(), fact.y.to_numpy(float)
    e = Expect("hamlet/movie", "scipy: 20 steps of descent on the joined sparse matrix. scikit-learn: log_loss. Written by examples/check.py.")
    e.add("targets/T/rows", X.shape[0])
    e.add("targets/T/columns", X.shape[1])
    for at, (link, step) in enumerate(((lambda x: x, 5.741446467659649e-08), (sigmoid, 2.2965785870638595e-07))):
        w = np.zeros(X.shape[1])
        for _ in range(20):
            w = w - step * (X.T @ (link(X @ w) - y))
        p = link(X @ w)
        if at == 0:
            e.add("evaluate/linear/T/half_sse", float(((p - y) ** 2).sum() / 2))
        else:
            e.add("evaluate/liked/T/log_loss", log_loss(y, p))
            e.add("evaluate/liked/T/accuracy", float(((p >= 0.5) == y).mean()))
        e.add(f"print/{at}/values/0", float(np.linalg.norm(w)))
    e.write()


FOLDERS = {"algorithms": algorithms, "chinook": chinook, "flights": flights, "hamlet": hamlet, "hospitals": hospitals,
           "manytomany": manytomany, "movielens": movielens, "onehot": onehot_planes, "search": search}
AWAY = {"hamlet": "hamlet-movie", "movielens": "movielens-small"}

for folder in sys.argv[1:] or sorted(FOLDERS):
    if folder in AWAY and not (SHARED / AWAY[folder]).is_dir():
        print(f"{folder}: its data are not here")
    else:
        FOLDERS[folder]()
