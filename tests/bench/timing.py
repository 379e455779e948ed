"""timing.py: samples, rounds, medians and ratios. No package is needed here."""
import os
import statistics
import time


def cpu_busy():
    """Seconds that all processors were busy since the machine started."""
    with open("/proc/stat") as f:
        user, nice, system, _, _, irq, soft, steal = map(int, f.readline().split()[1:9])
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")


def cpu_own():
    t = os.times()
    return t.user + t.system + t.children_user + t.children_system


class Watch:
    """The share of one processor that other programs used between two moments."""

    def __init__(self):
        self.began, self.busy, self.own = time.perf_counter(), cpu_busy(), cpu_own()

    def others(self):
        seconds = max(time.perf_counter() - self.began, 1e-6)
        return max(0.0, ((cpu_busy() - self.busy) - (cpu_own() - self.own)) / seconds)


def timed(work):
    """What it returns, and the seconds it took."""
    begin = time.perf_counter()
    result = work()
    return result, time.perf_counter() - begin


def seconds_of(step, at_least):
    """Mean seconds of step() over as many calls as take at_least seconds, after one call that is not counted."""
    step()
    begin = time.perf_counter()
    step()
    once = time.perf_counter() - begin
    calls = max(1, int(at_least / max(once, 1e-9)))
    begin = time.perf_counter()
    for _ in range(calls):
        step()
    return (time.perf_counter() - begin) / calls


QUIET = 0.15  # share of a processor that other programs may use in a round that counts as quiet


def interleave(sides, rounds, more=None):
    """sides: name -> function that returns one sample. Every side once a round, until so many rounds were quiet or `more` (as many again) are done
    beyond them; the quietest count, those with a time that is none last, in the order they were measured. Returns ({name: samples}, the largest
    share of a processor that other programs used in one of them)."""
    done = []
    most = rounds + (rounds if more is None else more)
    while len(done) < most and sum(others <= QUIET for others, _ in done) < rounds:
        watch, samples = Watch(), {}
        for name, sample in sides.items():
            time.sleep(0.05)  # threads of the side before stop spinning
            samples[name] = sample()
        # a difference of two runs that is not positive says that one of them was disturbed
        done.append((watch.others() if min(samples.values()) > 0 else 1.0, samples))
    limit = sorted(others for others, _ in done)[rounds - 1]
    kept = [(others, samples) for others, samples in done if others <= limit][:rounds]
    return {name: [samples[name] for _, samples in kept] for name in sides}, max(others for others, _ in kept)


def summary(samples):
    return {"median": statistics.median(samples), "min": min(samples), "max": max(samples)}


def ratio(ours, theirs):
    """How many times faster we are, of samples of the same rounds: median, min and max over the rounds."""
    return summary([b / a for a, b in zip(ours, theirs)])
