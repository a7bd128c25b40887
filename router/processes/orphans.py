"""Processes whose worktree is gone, and which still hold a port or much memory: found, shown, ended."""

import os
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from router.model import Problem
from router.processes import gone, memory, sockets
from router.processes.belonging import ProcessMap, WorktreeRoot, process_map
from router.processes.end import PATIENCE, Ended, end
from router.processes.ending import Bounds, Ending, plan_of_ending, spared, stragglers
from router.processes.look import Process, look
from router.processes.words import duration, size
from router.remembered import GoneWorktree, Memory
from router.text import shown
from router.values import dataclass


@dataclass(frozen=True, slots=True)
class Orphan:
    """A process whose worktree is gone, the ports it listens on and the memory it has."""

    process: Process
    ports: tuple[int, ...]
    memory: memory.Memory
    worktree: GoneWorktree

    @property
    def name(self) -> str:
        """The label that its worktree had."""
        return self.worktree.names[0] if self.worktree.names else os.path.basename(self.worktree.path)  # noqa: PTH119


def find(remembered: Memory, *, least: int) -> tuple[Orphan, ...]:
    """Return the orphans of this user: they listen, or have more than `least` bytes of memory. Raises nothing.

    Looks at no process where nothing that is remembered is gone.
    """
    lost = gone.gone(remembered, now=time.time())
    return _among(_scene(remembered, lost), _by_root(lost), least=least) if lost else ()


def reap(
    orphans: Iterable[Orphan], remembered: Memory, *, routers: Collection[int], patience: float = PATIENCE
) -> Ended:
    """End orphans, each as `stop` ends a server: those with a role stay. `routers` are the watcher and its Caddy."""
    wanted = {orphan.process.id: orphan for orphan in orphans}
    lost = tuple({orphan.worktree.path: orphan.worktree for orphan in wanted.values()}.values())
    seen = _scene(remembered, lost)
    bounds = _bounds(seen, lost, routers)
    begun = [plan_of_ending(_chosen(seen, each, wanted), seen, each) for each in bounds]
    every = sum(begun, Ending())

    def again() -> Ending:
        now = _scene(remembered, lost)
        return sum((stragglers(ending, now, each) for ending, each in zip(begun, bounds, strict=True)), Ending())

    return end(every, again=again, patience=patience)


def entry(orphan: Orphan, *, now: float) -> dict[str, Any]:
    """Return an orphan as the status document has it: bytes, seconds, and its role where it is never ended."""
    return {
        "pid": orphan.process.pid,
        "program": orphan.process.program,
        "role": orphan.process.role,
        "port": orphan.ports[0] if orphan.ports else None,
        "ports": list(orphan.ports),
        "memory": orphan.memory.bytes,
        "kind": orphan.memory.kind,
        "age_s": max(0, round(now - orphan.process.started)),
        "worktree": orphan.name,
        "repository": orphan.worktree.repository,
        "path": shown(orphan.worktree.path),
        "project": None,
        "runs": True,
    }


def problems(orphans: Iterable[Orphan], *, now: float) -> tuple[Problem, ...]:
    """Return the problem that each orphan is which can be ended; the others are for their user to see, not to fix."""
    return tuple(_problem(orphan, now) for orphan in orphans if orphan.process.role is None)


def _problem(orphan: Orphan, now: float) -> Problem:
    ports = f"listens on {', '.join(map(str, orphan.ports))}, " if orphan.ports else ""
    what = f"{orphan.process.program or 'a process'} (pid {orphan.process.pid})"
    return Problem(
        "orphan-process",
        f"{what} is left over from {orphan.name} of {shown(orphan.worktree.repository)}, which is gone: "
        f"{ports}has {size(orphan.memory.bytes)}, runs for {duration(now - orphan.process.started)}",
        "run `router reap` to see what is left over, `router reap --yes` to end it",
    )


def _scene(remembered: Memory, lost: Iterable[GoneWorktree]) -> ProcessMap:
    living = (os.path.realpath(each.path) for each in remembered.worktrees if os.path.isdir(each.path))  # noqa: PTH112
    return process_map(look(), living=living, gone=_by_root(lost))


def _by_root(lost: Iterable[GoneWorktree]) -> dict[str, GoneWorktree]:
    """Return worktrees that are gone by the real path each had; of several at one path the last."""
    return {os.path.realpath(each.path): each for each in sorted(lost, key=lambda each: each.since)}


def _among(seen: ProcessMap, lost: Mapping[str, GoneWorktree], *, least: int) -> tuple[Orphan, ...]:
    left = [each for each in seen.processes if each.uid == os.getuid() and _is_left(seen.where.get(each.pid))]
    ports = sockets.held(each.pid for each in left)
    found = (
        Orphan(each, ports.get(each.pid, ()), memory.of(each.pid), lost[seen.where[each.pid].root]) for each in left
    )
    return tuple(orphan for orphan in found if orphan.ports or orphan.memory.bytes > least)


def _is_left(place: WorktreeRoot | None) -> bool:
    return place is not None and place.gone


def _bounds(seen: ProcessMap, lost: Iterable[GoneWorktree], routers: Collection[int]) -> list[Bounds]:
    stay = spared(seen, caller=os.getpid(), routers=routers)
    return [Bounds(WorktreeRoot(root, gone=True), os.getuid(), stay) for root in _by_root(lost)]


def _chosen(seen: ProcessMap, bounds: Bounds, wanted: Collection[object]) -> Sequence[Process]:
    return [process for process in seen.of(bounds.place) if process.id in wanted]
