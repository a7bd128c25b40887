"""What the watcher needs while nothing happens."""

import time

import psutil

from benchmarks.measure import Goal, Result, Row, progress
from benchmarks.worktrees import routed

LIVE, MANY = 20, 200


def run(*, smoke: bool) -> Result:
    """CPU (of one core) and resident memory of the watcher and its Caddy, after a time of quiet."""
    counts = (2,) if smoke else (LIVE, MANY)
    rows = [row for count in counts for row in _rows(count, *((0.5, 1.0) if smoke else (10.0, 50.0)))]
    used = {row["worktrees"]: row["CPU % of a core"] for row in rows if row["process"] == "watcher"}
    limits = {LIVE: 0.2, MANY: 0.5}
    return Result(rows, [Goal(f"the watcher at rest, {n} worktrees, % of a core", used[n], limits[n])
                         for n in used if n in limits])  # fmt: skip


def _rows(count: int, quiet: float, seconds: float) -> list[Row]:
    with routed(count) as router:
        both = {"watcher": psutil.Process(router.watcher_pid), "Caddy": psutil.Process(router.caddy_pid)}
        progress(f"{quiet + seconds:.0f} seconds of quiet with {count} worktrees")
        time.sleep(quiet)
        before = {name: _used(process) for name, process in both.items()}
        time.sleep(seconds)
        return [
            {
                "process": name,
                "worktrees": count,
                "CPU % of a core": round(100 * (_used(process) - before[name]) / seconds, 2),
                "MiB": round(process.memory_info().rss / 2**20, 1),
            }
            for name, process in both.items()
        ]


def _used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
