"""How the benchmarks measure: in turn, bounded, as medians with their spread, and against goals."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any, TypeVar

Row = dict[str, Any]
Value = TypeVar("Value")


class MissingError(Exception):
    """Something that a part needs is not installed; the message says how to get it."""


@dataclass(frozen=True)
class Goal:
    """A limit that a figure has to keep: at least `limit`, or at most."""

    text: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether the figure keeps the limit."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def document(self) -> Row:
        """Return the goal as JSON shows it."""
        return {**asdict(self), "met": self.met}


@dataclass(frozen=True)
class Result:
    """What a part found: rows of one table, goals, and what a reader must know of both."""

    rows: Sequence[Row]
    goals: Sequence[Goal] = ()
    notes: Sequence[str] = ()

    def document(self) -> Row:
        """Return the result as JSON shows it."""
        return {"rows": list(self.rows), "goals": [goal.document() for goal in self.goals], "notes": list(self.notes)}


@dataclass(frozen=True)
class Load:
    """What `wrk` saw: requests per second, and two percentiles of the latency in milliseconds."""

    rps: float
    p50_ms: float
    p99_ms: float


def progress(text: str) -> None:
    """Tell whoever waits what is being done."""
    print(f"    {text}", file=sys.stderr, flush=True)


def wrk(port: int, host: str, path: str = "/", *, connections: int = 8, seconds: int = 1, script: str = "",
        plain: bool = True) -> Load:  # fmt: skip
    """Put load on a port of 127.0.0.1 and return what came of it.

    One thread, as the load is not to take more than its share of a small machine. `script` is wrk's Lua; with
    `plain` an answer above 399 is an error. MissingError without wrk; RuntimeError where an answer was an error.
    """
    return _read(_said_by_wrk(port, host, path, connections=connections, seconds=seconds, script=script), plain=plain)


def warm_up(port: int, host: str) -> None:
    """Put load on a port, whatever comes of it: a load of Caddy's cuts connections that reach the server before it."""
    _said_by_wrk(port, host, "/", connections=8, seconds=1, script="")


def _said_by_wrk(port: int, host: str, path: str, *, connections: int, seconds: int, script: str) -> str:
    if not shutil.which("wrk"):
        raise MissingError("wrk is missing: apt-get install wrk")
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as lua:
        lua.write(script)
        lua.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-H", f"Host: {host}"]
        command += ["-s", lua.name] if script else []
        return subprocess.run(
            [*command, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True, timeout=60
        ).stdout


def _read(said: str, *, plain: bool) -> Load:
    found = {name: re.search(rf"{name}:?\s+([0-9.]+)(us|ms|s)?", said) for name in ("Requests/sec", "50%", "99%")}
    if not all(found.values()) or (plain and "Non-2xx" in said) or "Socket errors" in said:
        raise RuntimeError(f"wrk got no plain answers: {said}")
    unit = {"us": 0.001, "ms": 1, "s": 1000, None: 1}
    rps, p50, p99 = (float(match[1]) * unit[match[2]] for match in found.values() if match)
    return Load(rps, p50, p99)


def interleaved(kinds: Mapping[str, Callable[[], Value]], *, rounds: int) -> dict[str, list[Value]]:
    """Return the values of each kind, measured in turn (A B C A B C): a noisy machine is then noisy for all."""
    values: dict[str, list[Value]] = {name: [] for name in kinds}
    for number in range(rounds):
        progress(f"round {number + 1} of {rounds}: {', '.join(kinds)}")
        for name, measure in kinds.items():
            values[name].append(measure())
    return values


def spread(values: Sequence[float]) -> Row:
    """Return the median and the extremes."""
    return {"median": rounded(median(values)), "min": rounded(min(values)), "max": rounded(max(values))}


def percentiles(values: Sequence[float]) -> Row:
    """Return the median, the 99th percentile and the extremes of many values."""
    cuts = quantiles(values, n=100, method="inclusive") if len(values) > 1 else [values[0]] * 99
    return {**spread(values), "p99": rounded(cuts[98])}


def ratio(values: Sequence[float], base: Sequence[float]) -> float:
    """Return the ratio of two medians of one run."""
    return round(median(values) / median(base), 3)


def rounded(value: float) -> float:
    """Return a figure with as many digits as it deserves."""
    return round(value) if abs(value) >= 1000 else round(value, 1 if abs(value) >= 10 else 2)


def write(path: Path, text: str) -> Path:
    """Write a file, its folder too, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
