"""The results as plots: SVG by hand, small, readable in light and dark.

A drawing library would be the largest dependency of the project for three line charts, and what it draws knows
one background only; here the style sheet inside the picture asks for the reader's.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from benchmarks.measure import Row, write

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 44, 44
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 14px }
.axis, .grid { stroke: #8c959f; stroke-width: 1 }
.grid { stroke-opacity: .3 }
.line { fill: none; stroke-width: 2 }
.s0 { --c: #0969da } .s1 { --c: #57606a } .s2 { --c: #bf8700 } .s3 { --c: #8250df } .s4 { --c: #cf222e }
.line, .bar { stroke: var(--c) } .dot, .name { fill: var(--c) }
.s0 .line { stroke-width: 3 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.s0 { --c: #58a6ff } .s1 { --c: #9ea7b3 } .s2 { --c: #e3b341 } .s3 { --c: #bc8cff } .s4 { --c: #ff7b72 }
}
"""


@dataclass(frozen=True)
class Chart:
    """A line for each name, over the number of worktrees: which part and columns it is drawn from."""

    file: str
    title: str
    part: str
    name: str
    value: str
    order: tuple[str, ...]
    log: bool = False


CHARTS = (
    Chart("throughput", "Requests per second, by number of worktrees",
          "throughput", "through", "requests/s", ("router", "hand", "site blocks", "portless")),
    Chart("loading", "Time for Caddy to load a change, in ms, by number of worktrees",
          "loading", "configuration", "load ms", ("router", "site blocks"), log=True),
    Chart("memory", "Memory of Caddy, in MiB, by number of worktrees",
          "loading", "configuration", "Caddy MiB", ("router", "site blocks")),
)  # fmt: skip
_TITLES = {"hand": "by hand, one site", "site blocks": "by hand, all sites"}

Point = tuple[float, float, float, float]
"""The number of worktrees, and the median, least and greatest value at it."""


def plot(parts: Mapping[str, Row], folder: Path) -> list[Path]:
    """Write the plots that these results are enough for; return their paths."""
    return [
        write(folder / f"{chart.file}.svg", drawn(chart, lines))
        for chart in CHARTS
        if (lines := _lines(chart, parts.get(chart.part, {}).get("rows", ())))
    ]


def _lines(chart: Chart, rows: Sequence[Row]) -> dict[str, list[Point]]:
    lines: dict[str, list[Point]] = {}
    for name in chart.order:
        for row in rows:
            if row[chart.name] == name:
                lines.setdefault(name, []).append((row["worktrees"], *_bounds(row[chart.value])))
    return lines


def _bounds(value: Row | float) -> tuple[float, float, float]:
    return (value["median"], value["min"], value["max"]) if isinstance(value, dict) else (value, value, value)


class Scale:
    """Where a value stands between two ends of the picture: by its logarithm, or in proportion from zero."""

    def __init__(self, ticks: Sequence[float], start: float, end: float, *, log: bool) -> None:
        self.ticks = ticks
        self._log, self._start, self._end = log, start, end
        self._low, self._high = self._of(ticks[0]), self._of(ticks[-1])

    def at(self, value: float) -> float:
        """Return the place of a value."""
        span = (self._high - self._low) or 1
        return round(self._start + (self._of(value) - self._low) / span * (self._end - self._start), 1)

    def _of(self, value: float) -> float:
        return math.log10(value) if self._log else value


def drawn(chart: Chart, lines: Mapping[str, Sequence[Point]]) -> str:
    """Return the picture of some lines."""
    points = [point for line in lines.values() for point in line]
    values = [value for point in points for value in point[1:]]
    x = Scale(sorted({point[0] for point in points}), LEFT, WIDTH - RIGHT, log=True)
    y = Scale(_powers(values) if chart.log else _steps(max(values)), HEIGHT - BOTTOM, TOP, log=chart.log)
    body = [*_axes(chart.title, x, y), *_names(lines, y)]
    for number, line in enumerate(lines.values()):
        body += _line(number, line, x, y)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(chart.title)}">\n<style>{_STYLE}</style>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _powers(values: Sequence[float]) -> list[float]:
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return [10.0**n for n in range(low, max(high, low + 1) + 1)]


def _steps(high: float) -> list[float]:
    unit = 10 ** math.floor(math.log10(high))
    step = next(unit * n for n in (0.2, 0.5, 1, 2) if high / (unit * n) <= 5)
    return [step * n for n in range(math.ceil(high / step) + 1)]


def _axes(title: str, x: Scale, y: Scale) -> Iterator[str]:
    yield f'<text class="title" x="{LEFT}" y="22">{escape(title)}</text>'
    for tick in y.ticks:
        place = y.at(tick)
        yield f'<path class="grid" d="M{LEFT} {place}H{WIDTH - RIGHT}"/>'
        yield f'<text x="{LEFT - 8}" y="{place + 4}" text-anchor="end">{tick:,.10g}</text>'
    for tick in x.ticks:
        yield f'<text x="{x.at(tick)}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{tick:,.0f}</text>'
    yield f'<path class="axis" d="M{LEFT} {HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>'


def _line(number: int, line: Sequence[Point], x: Scale, y: Scale) -> Iterator[str]:
    """Yield a line through the medians, and at each a bar from the least to the greatest value."""
    yield f'<g class="s{number}">'
    places = [(x.at(count), y.at(middle), y.at(low), y.at(high)) for count, middle, low, high in line]
    yield f'<path class="line" d="M{"L".join(f"{across} {middle}" for across, middle, _, _ in places)}"/>'
    for across, middle, low, high in places:
        yield f'<path class="bar" d="M{across} {low}V{high}"/><circle class="dot" cx="{across}" cy="{middle}" r="3"/>'
    yield "</g>"


def _names(lines: Mapping[str, Sequence[Point]], y: Scale) -> Iterator[str]:
    """Yield each line's name at its end, names of neighbours apart."""
    ends = sorted((y.at(line[-1][1]), number, name) for number, (name, line) in enumerate(lines.items()))
    last = -math.inf
    for place, number, name in ends:
        last = max(place + 4, last + 15)
        text = escape(_TITLES.get(name, name))
        yield f'<g class="s{number}"><text class="name" x="{WIDTH - RIGHT + 12}" y="{last}">{text}</text></g>'
