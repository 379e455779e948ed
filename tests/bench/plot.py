"""plot.py: plots as SVG text. Each has its own background, light or dark as the reader's system is, so that it can be read on any page."""
import math

COLOURS = [("#1f5fa8", "#7fb6f2"), ("#b4500c", "#f5a45f"), ("#2c7a3f", "#85d196"), ("#7b3f9d", "#cda0ea"), ("#6b6b6b", "#b9b9b9")]
STYLE = ("<style>text{font-family:system-ui,sans-serif;font-size:13px;fill:#222}.back{fill:#fff}.grid{stroke:#ddd}.axis{stroke:#666}.title{font-size:16px;"
         "font-weight:600}" + "".join(f".c{i}{{stroke:{light};fill:{light}}}" for i, (light, _) in enumerate(COLOURS))
         + "@media(prefers-color-scheme:dark){text{fill:#eee}.back{fill:#16181c}.grid{stroke:#3a3d42}.axis{stroke:#aaa}"
         + "".join(f".c{i}{{stroke:{dark};fill:{dark}}}" for i, (_, dark) in enumerate(COLOURS)) + "}.line{fill:none;stroke-width:2}</style>")


def escape(s):
    return str(s).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


class Picture:
    def __init__(self, width, height, title):
        self.parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
                      f'aria-label="{escape(title)}">{STYLE}<rect class="back" width="{width}" height="{height}"/>']
        self.text(16, 26, title, css="title")

    def text(self, x, y, what, anchor="start", css="", turn=False):
        turned = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turn else ""
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{f" class={chr(34)}{css}{chr(34)}" if css else ""}{turned}>'
                          f"{escape(what)}</text>")

    def line(self, x1, y1, x2, y2, css):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{css}"/>')

    def path(self, points, colour):
        self.parts.append(f'<polyline class="line c{colour}" style="fill:none" points="' + " ".join(f"{x:.1f},{y:.1f}" for x, y in points) + '"/>')

    def mark(self, x, y, i):
        """Series differ by shape as well as by colour."""
        r = 4.5
        shapes = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r}" class="c0"/>',
                  f'<rect x="{x - r:.1f}" y="{y - r:.1f}" width="{2 * r}" height="{2 * r}" class="c1"/>',
                  f'<path d="M{x:.1f} {y - 6:.1f}l6 10h-12z" class="c2"/>',
                  f'<path d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z" class="c3"/>',
                  f'<path d="M{x - 5:.1f} {y - 5:.1f}l10 10m0 -10l-10 10" class="c4" stroke-width="2.5"/>']
        self.parts.append(shapes[i % len(shapes)])

    def legend(self, x, y, names):
        for i, name in enumerate(names):
            self.mark(x, y + 20 * i, i)
            self.text(x + 14, y + 4.5 + 20 * i, name)

    def done(self):
        return "\n".join(self.parts) + "\n</svg>\n"


class Axis:
    """Maps values to [start, end]; ticks at 1, 2, 5 of every decade, or at even steps."""

    def __init__(self, low, high, start, end, log):
        self.start, self.end, self.log = start, end, log
        if log:
            low, high = low / 1.25, high * 1.25
            decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            leading = (1,) if high / low > 1e4 else (1, 2, 5)
            self.ticks = [d * 10.0**e for e in decades for d in leading if low <= d * 10.0**e <= high]
        else:
            step = nice_step((high - low) / 6 or 1)
            low, high = math.floor(low / step) * step, math.ceil(high / step) * step
            self.ticks = [low + k * step for k in range(int(round((high - low) / step)) + 1)]
        self.low, self.high = low, high

    def at(self, v):
        f = math.log if self.log else float
        span = f(self.high) - f(self.low) or 1
        return self.start + (f(v) - f(self.low)) / span * (self.end - self.start)


def nice_step(rough):
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * d for d in (1, 2, 5, 10) if power * d >= rough)


def short(v):
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if v >= unit:
            return f"{v / unit:g}{name}"
    return f"{v:g}"


def lines(title, x_label, y_label, x, series, log_x):
    """series: name -> a {median, min, max} for each x. The vertical axis begins at 0, or is logarithmic when x is and values span two decades."""
    width, height, left, right, top, bottom = 760, 400, 74, 24, 66 + 20 * len(series), 56
    p = Picture(width, height, title)
    highest = max(s["max"] for values in series.values() for s in values)
    lowest = max(min(s["min"] for values in series.values() for s in values), highest / 1e6)
    log_y = log_x and highest / lowest > 30
    xs = Axis(min(x), max(x), left + 12, width - right - 12, log_x)
    if not log_x:
        xs.ticks = [v for v in x] if len(x) <= 10 else xs.ticks
    ys = Axis(lowest if log_y else 0, highest, height - bottom, top, log_y)
    for v in ys.ticks:
        p.line(left, ys.at(v), width - right, ys.at(v), "grid")
        p.text(left - 8, ys.at(v) + 4.5, short(v), "end")
    for v in xs.ticks:
        p.line(xs.at(v), height - bottom, xs.at(v), height - bottom + 5, "axis")
        p.text(xs.at(v), height - bottom + 20, short(v), "middle")
    p.line(left, height - bottom, width - right, height - bottom, "axis")
    p.line(left, top, left, height - bottom, "axis")
    p.text((left + width - right) / 2, height - 14, x_label, "middle")
    p.text(20, (top + height - bottom) / 2, y_label + (" (logarithmic)" if log_y else ""), "middle", turn=True)
    p.legend(left + 8, 50, series)
    for i, values in enumerate(series.values()):
        p.path([(xs.at(v), ys.at(s["median"])) for v, s in zip(x, values)], i)
        for v, s in zip(x, values):
            p.line(xs.at(v), ys.at(max(s["min"], ys.low)), xs.at(v), ys.at(s["max"]), f"c{i}")
            p.mark(xs.at(v), ys.at(s["median"]), i)
    return p.done()


def dots(title, x_label, groups):
    """groups: (name, {kind: {median, min, max}}); a line a group, a mark a kind, on a logarithmic axis."""
    kinds = list(dict.fromkeys(k for _, sides in groups for k in sides))
    left, right, top, row = 150, 24, 60 + 20 * len(kinds), 30
    width, height = 760, top + row * len(groups) + 56
    p = Picture(width, height, title)
    every = [s for _, sides in groups for s in sides.values()]
    xs = Axis(min(s["min"] for s in every), max(s["max"] for s in every), left, width - right, True)
    for v in xs.ticks:
        p.line(xs.at(v), top, xs.at(v), height - 56, "grid")
        p.text(xs.at(v), height - 36, short(v), "middle")
    p.text((left + width - right) / 2, height - 12, x_label, "middle")
    p.legend(left + 8, 50, kinds)
    for g, (name, sides) in enumerate(groups):
        y = top + row * (g + 0.5)
        p.text(left - 10, y + 4.5, name, "end")
        p.line(left, y, width - right, y, "grid")
        for kind, s in sides.items():
            i = kinds.index(kind)
            p.line(xs.at(s["min"]), y, xs.at(s["max"]), y, f"c{i}")
            p.mark(xs.at(s["median"]), y, i)
    return p.done()
