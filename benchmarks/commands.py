"""What a cold command costs in processor time, with a running watcher and without one, in `python -c pass`."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.measure import Goal, Result, Row, interleaved, spread
from benchmarks.worktrees import routed
from tests.e2e.routers import Router

LIVE = 20
_READ, _LOOK, _ALONE = 5, 7, 12
"""The most that a command may cost that reads one document, one that looks at files and processes too, and any
without a watcher."""
COMMANDS = {
    "url": _READ, "url --direct": _READ, "status --json": _READ, "status --check": _READ,
    "explain http://there-0.localhost": _READ, "env": _LOOK, "run true": _LOOK, "whose .": _LOOK,
    "hook post-create": _LOOK,
}  # fmt: skip
_DOWN = "status --check"  # that no watcher runs is what it fails for
_TICK = 1000 / os.sysconf("SC_CLK_TCK")  # milliseconds


def run(*, smoke: bool) -> Result:
    """Measure whole processes with twenty worktrees; what the watcher works out for them has a column of its own."""
    count, rounds = (2, 1) if smoke else (LIVE, 15)
    with routed(count) as router:
        asked = {name: _command(router, name) for name in COMMANDS}
        taken = interleaved({"pass": _pass(), **asked}, rounds=rounds)
        watcher = {name: _of_watcher(router, command, times=rounds) for name, command in asked.items()}
    with routed(count, up=False) as router:
        asked = {name: _command(router, name) for name in COMMANDS if name != _DOWN}
        alone = interleaved({"pass": _pass(), **asked}, rounds=max(1, rounds // 3))
    base, ratios = _ratios(taken)
    _, without = _ratios(alone)
    rows: list[Row] = [{"command": "python -c pass", "CPU ms": round(base, 1), "of pass": 1.0}]
    rows += [
        {
            "command": f"router {name}", "CPU ms": round(ratio["median"] * base, 1), "of pass": ratio,
            "watcher's CPU ms for it": round(watcher[name], 1), "of pass, no watcher": without.get(name, ""),
        }
        for name, ratio in ratios.items()
    ]  # fmt: skip
    goals = [Goal(f"router {name}, CPU of `python -c pass`", ratios[name]["median"], COMMANDS[name]) for name in ratios]
    goals += [
        Goal(f"router {name} without a watcher, CPU of `python -c pass`", without[name]["median"], _ALONE)
        for name in without
    ]
    return Result(rows, goals)


def _ratios(taken: Mapping[str, list[float]]) -> tuple[float, dict[str, dict[str, float]]]:
    base = spread(taken["pass"])["median"]
    rest = {name: values for name, values in taken.items() if name != "pass"}
    return base, {name: spread([value / base for value in values]) for name, values in rest.items()}


def _of_watcher(router: Router, command: Callable[[], float], *, times: int) -> float:
    """Return the milliseconds of processor time that a command takes the watcher, beyond what it uses meanwhile."""
    pid = json.loads((router.state / "watcher.lock").read_text())["pid"]
    before, begun = _used(pid), time.monotonic()
    for _ in range(times):
        command()
    busy, took = _used(pid) - before, time.monotonic() - begun
    before = _used(pid)
    time.sleep(took)
    return max(0.0, busy - (_used(pid) - before)) / times


def _used(pid: int) -> float:
    """Return the milliseconds of processor time that a process and those it waited for have used (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) * _TICK


def _pass() -> Callable[[], float]:
    return _cpu([sys.executable, "-c", "pass"])


def _command(router: Router, line: str) -> Callable[[], float]:
    return _cpu([sys.executable, "-m", "router", *line.split()], env=_installed(router.env), cwd=router.repository)


def _installed(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which Python keeps what it has compiled, as where the router was installed."""
    return {name: value for name, value in environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _cpu(command: list[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Callable[[], float]:
    """Return a function that runs a command, and returns the milliseconds of processor time that it took."""

    def timed() -> float:
        null = subprocess.DEVNULL
        with subprocess.Popen(command, env=env, cwd=cwd, stdin=null, stdout=null, stderr=null) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
        return (usage.ru_utime + usage.ru_stime) * 1000

    return timed
