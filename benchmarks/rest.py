"""What the watcher needs while nothing happens."""

import time

import psutil

from benchmarks.measure import Result, progress
from benchmarks.worktrees import routed

LIVE = 20


def run(*, smoke: bool) -> Result:
    """CPU (of one core) and resident memory of the watcher and its Caddy, after a time of quiet."""
    count, quiet, seconds = (2, 0.5, 1.0) if smoke else (LIVE, 10.0, 40.0)
    with routed(count) as router:
        both = {"watcher": psutil.Process(router.watcher_pid), "Caddy": psutil.Process(router.caddy_pid)}
        progress(f"{quiet + seconds:.0f} seconds of quiet with {count} worktrees")
        time.sleep(quiet)
        before = {name: _used(process) for name, process in both.items()}
        time.sleep(seconds)
        rows = [
            {
                "process": name,
                "worktrees": count,
                "CPU % of a core": round(100 * (_used(process) - before[name]) / seconds, 2),
                "MiB": round(process.memory_info().rss / 2**20, 1),
            }
            for name, process in both.items()
        ]
    return Result(rows)


def _used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
