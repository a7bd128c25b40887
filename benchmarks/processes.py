"""What a look at all processes costs, in milliseconds of CPU: where each belongs, its memory, what a stop would end."""

import psutil

from benchmarks.measure import Goal, Result, progress
from benchmarks.scan import cost, running
from router.processes import memory
from router.processes.belonging import process_map
from router.processes.ending import Bounds, plan_of_ending
from router.processes.look import look
from router.processes.servers import place_of, servers

LIMIT = 60.0
"""Milliseconds of CPU for a look at a thousand processes."""


def run(*, smoke: bool) -> Result:
    """Measure beside idle processes and servers in twenty folders."""
    processes, worktrees = (0, 2) if smoke else (1000, 20)
    progress(f"{processes} processes, {worktrees} servers")
    with running(processes, worktrees) as roots:
        figures = measured(roots, times=1 if smoke else 9)
        count = len(psutil.pids())
    rows = [
        {"look": name, "CPU ms": value, "processes": count, "worktrees": len(roots)} for name, value in figures.items()
    ]
    goals = [Goal(f"ms of CPU for a look at {count} processes", figures["where each belongs, and its memory"], LIMIT)]
    return Result(rows, [] if smoke else goals)


def measured(roots: list[str], *, times: int) -> dict[str, float]:
    """Return each figure in milliseconds."""
    places = [place_of(root) for root in roots]

    def belonging() -> None:
        process_map(look(), living=[place.root for place in places])

    def with_memory() -> None:
        for pid in process_map(look(), living=[place.root for place in places]).where:
            memory.of(pid)

    def planned() -> None:
        found = servers(roots)
        for place in places:
            plan_of_ending(found.of(place), found.mapped, Bounds(place, 0))

    def naive() -> None:
        for process in psutil.process_iter(["ppid", "cwd", "cmdline", "create_time", "uids"]):
            with process.oneshot():
                process.as_dict(["name", "status"])

    return {
        "every process": cost(look, times=times),
        "where each belongs": cost(belonging, times=times),
        "where each belongs, and its memory": cost(with_memory, times=times),
        "what stopping each worktree would end, sockets included": cost(planned, times=times),
        "psutil, for the same of every process": cost(naive, times=times),
    }
