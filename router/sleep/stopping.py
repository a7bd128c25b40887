"""Puts worktrees to sleep: stops their servers, and remembers that before, so that nothing is left half done."""

import logging
import time
from collections.abc import Collection, Iterable, Sequence

from router.errors import RouterError
from router.model import SleepRules
from router.processes import containers, memory
from router.processes.containers import Container
from router.processes.end import NOT_ENDING, Ended
from router.processes.servers import place_of
from router.processes.stop import Stopped, with_containers
from router.route_table import Route
from router.servers.stopping import stop_all, stop_started
from router.sleep import kept
from router.sleep.kept import Note
from router.sleep.running import Running
from router.store import Store
from router.text import shown
from router.values import dataclass, replace

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bed:
    """Where worktrees are put to sleep: the state directory, the paths of all worktrees, and the router's own pids."""

    store: Store
    roots: Sequence[str]
    routers: Collection[int]


def put_to_sleep(route: Route, rules: SleepRules, runs: Running, bed: Bed, *, why: str) -> Note:
    """Stop the servers of a worktree that its rules let be stopped; return what is kept of it.

    RouterError where one of them does not end, or that cannot be remembered: then the worktree counts as awake.
    """
    used = sum(memory.of(each.pid).bytes for each in runs.ending) + sum(map(containers.memory, runs.containers))
    note = Note(route.worktree.id, route.worktree.path, runs.services, time.time(), used, why, runs.containers)
    kept.write(bed.store, note)
    return finish(note, rules, runs, bed)


def finish(note: Note, rules: SleepRules, runs: Running, bed: Bed) -> Note:
    """Stop what still runs of a worktree that is being put to sleep, as `put_to_sleep` does."""
    try:
        stays = tuple(_staying(_stopped(note, rules, runs, bed)))
    except RouterError:
        kept.forget(bed.store, note.worktree)
        raise
    if stays:
        kept.forget(bed.store, note.worktree)
        raise RouterError(f"{', '.join(stays)} in {shown(note.path)} is not stopped", hint="see `router logs`")
    done = replace(note, done=True)
    kept.write(bed.store, done)
    return done


def end_sleep(store: Store, note: Note | None) -> tuple[Container, ...]:
    """Have a worktree sleep no longer, and return its containers, started again. RouterError says why they are not.

    Whoever starts its servers does this first: they may want a database.
    """
    if note is None:
        return ()
    for group in containers.by_project(note.containers):
        containers.start(group)
    kept.forget(store, note.worktree)
    return note.containers


def _stopped(note: Note, rules: SleepRules, runs: Running, bed: Bed) -> Iterable[Stopped]:
    if rules.adopted:
        yield stop_all(bed.store, note.path, roots=bed.roots, routers=bed.routers, composed=tuple)
    else:
        here = (replace(each, record=replace(each.record, path=note.path)) for each in runs.started)
        yield from stop_started(bed.store, here, roots=bed.roots, routers=bed.routers).values()
    if runs.containers:
        root = place_of(note.path).root
        yield with_containers(Stopped({}, Ended()), containers.running(), root, roots=bed.roots)


def _staying(stopped: Iterable[Stopped]) -> Iterable[str]:
    for each in stopped:
        yield from (failed.message for failed in each.failed)
        for left in each.ended.left:
            if left.why == NOT_ENDING:
                yield f"{left.process.program or 'a process'} (pid {left.process.pid})"
