"""scripts.py: the scripts that `amal` runs, written from the shape of the tables; and how one is run and measured."""
import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def star_tables(star, paths):
    """Sources, target and tgd of a data.Star whose files are at paths."""
    keys = "".join(f"k{k + 1}: int, " for k in range(len(star.rows)))
    own = [f"a{j + 1}" for j in range(star.d1)]
    text = f'source fact from "{paths[0]}" {{ {keys}y: num, {", ".join(c + ": num" for c in own)} }}\n'
    columns, body = list(own), [f'fact({"".join(f"k{k + 1}: k{k + 1}, " for k in range(len(star.rows)))}y: y, {same(own)})']
    for k, width in enumerate(star.widths):
        cols = [f"b{k + 1}_{j + 1}" for j in range(width)]
        text += f'source dim{k + 1} from "{paths[k + 1]}" {{ id: int, {", ".join(c + ": num" for c in cols)}, key(id) }}\n'
        body.append(f"dim{k + 1}(id: k{k + 1}, {same(cols)})")
        columns += cols
    text += f'target T {{ y: label num, {", ".join(c + ": feature num" for c in columns)} }}\n'
    return text + f'{" & ".join(body)} -> T(y: y, {same(columns)});\n'


def categories_tables(cats, paths):
    """The same of a data.Categories: the dimension's one column is one-hot."""
    own = [f"a{j + 1}" for j in range(cats.star.d1)]
    return (f'source fact from "{paths[0]}" {{ k1: int, y: num, {", ".join(c + ": num" for c in own)} }}\n'
            f'source dim1 from "{paths[1]}" {{ id: int, c: text, key(id) }}\n'
            f'target T {{ y: label num, {", ".join(c + ": feature num" for c in own)}, c: feature onehot }}\n'
            f"fact(k1: k, y: y, {same(own)}) & dim1(id: k, c: c) -> T(y: y, {same(own)}, c: c);\n")


def movie_tables(movie):
    r1, r2 = movie.dims[0].shape[1], movie.dims[1].shape[1]
    folder = movie.folder
    return (f'source fact from "{folder}/fact.csv.gz" {{ y: num, fk1: int, fk2: int }}\n'
            f'source r1 from "{folder}/r1.mtx.gz" {{ rid: rowid, x: vector({r1}), key(rid) }}\n'
            f'source r2 from "{folder}/r2.mtx.gz" {{ rid: rowid, x: vector({r2}), key(rid) }}\n'
            "target T { y: label num, a: feature vector, b: feature vector }\n"
            "fact(y: y, fk1: u, fk2: v) & r1(rid: u, x: a) & r2(rid: v, x: b) -> T(y, a, b);\n")


def same(names):
    return ", ".join(f"{c}: {c}" for c in names)


STEPS = {"brought": 1, "few": 2, "many": 4}  # unless the command line sets them


def trainings(algorithm, arguments, before="", of=("few", "many")):
    """Trainings that differ only in their number of steps, which the command line sets. brought, where it comes first, brings the data to where they are
    used, which the next would pay for. Kernels go by a training's name: many alone finds those that it had beside few."""
    call = f"{algorithm}({arguments + ', ' if arguments else ''}"
    return "".join([f'use "{HERE}/steps.amal";\n', *(f"param {name} = {STEPS[name]};\n" for name in of), before,
                    *(f"train {name}_steps = {call}{{}} = {name}) on T;\n" for name in of)])


class AmalError(Exception):
    pass


class Run:
    """What one run of the command left: its JSON report, and seconds of wall clock."""

    def __init__(self, report, wall):
        self.report, self.wall = report, wall

    def train_seconds(self, model):
        return self.report["seconds"]["models"][model]["train"]


class Amal:
    """The command under test. folder: where scripts are written; cache: where its kernels and tables are kept."""

    def __init__(self, path, folder, cache, threads):
        self.path, self.folder, self.cache, self.threads = path, folder, cache, threads

    def write(self, name, text):
        os.makedirs(self.folder, exist_ok=True)
        path = os.path.join(self.folder, name + ".amal")
        with open(path, "w") as f:
            f.write(text)
        return path

    def command(self, script, out, options, settings, threads, verb="run"):
        command = [self.path, verb, script, "--quiet", "--json", out, "--threads", str(threads or self.threads), *options]
        for name, value in dict(settings).items():
            command += ["--set", f"{name}={value}"]
        return command

    def environment(self, cache):
        return dict(os.environ, AMAL_CACHE=cache or self.cache)

    def kernels(self):
        """Names of the kernels in the cache."""
        folder = os.path.join(self.cache, "kernels")
        return set(os.listdir(folder)) if os.path.isdir(folder) else set()

    def explain(self, script, *options, settings=()):
        """The plan of every training, and what its passes took."""
        return self.run(script, "--run", *options, settings=settings, verb="explain").report["trainings"]

    def run(self, script, *options, settings=(), cache=None, threads=None, verb="run"):
        """Runs the script; an exit code other than 0 is an AmalError with what it said."""
        fd, out = tempfile.mkstemp(suffix=".json")
        os.close(fd)
        command = self.command(script, out, options, settings, threads, verb)
        try:
            begin = time.perf_counter()
            done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=self.environment(cache), text=True, check=False)
            wall = time.perf_counter() - begin
            if done.returncode != 0:
                raise AmalError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[:2000]}")
            with open(out) as f:
                return Run(json.load(f), wall)
        finally:
            os.unlink(out)

    def peak(self, script, *options):
        """The largest resident size of a run that finds nothing in its cache, in bytes. A small process starts it: the system counts what a process was before its first exec as
        its own, and this one is large."""
        watch = ("import os, sys\npid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)\n_, status, used = os.wait4(pid, 0)\n"
                 "print(os.waitstatus_to_exitcode(status), used.ru_maxrss)")
        command = self.command(script, os.path.join(self.folder, "peak.json"), options, (), None)
        with tempfile.TemporaryDirectory(dir=self.folder) as cache:
            done = subprocess.run([sys.executable, "-S", "-E", "-c", watch, *command], capture_output=True, env=self.environment(cache), text=True,
                                  check=True)
        code, size = done.stdout.split()[-2:]
        if code != "0":
            raise AmalError(f"{' '.join(command)} ended with {code}:\n{done.stderr[:2000]}")
        return int(size) * 1024
