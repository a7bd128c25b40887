"""Everything that can be observed, as one value, and what of the memory is still there."""

import os
import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from functools import partial
from itertools import chain
from pathlib import Path

from router.model import COPY, Container, Listener, Observed, Repository, WorktreeId
from router.observe import watched
from router.observe.directories import may_be_there
from router.observe.lanes import Lanes
from router.observe.repository import repository
from router.observe.surveys import SLOW, THREADS, Surveys
from router.remembered import Memory
from router.routes.memory import without

ONCE = 5.0  # seconds that a command waits for a repository: it looks but once


def repositories(
    commons: Iterable[str], *, before: Iterable[Repository] = (), state: Path | None = None
) -> tuple[Repository, ...]:
    """Return each repository as it is now, for a command that looks once.

    `state` is the state directory, where what a `router.toml` says stays for the next command.
    One that cannot be read stays as it was in `before`, with a problem. One that is gone from the disk is left out.
    """
    look = partial(repository, state=state)
    with closing(Surveys(before=before, patience=ONCE, once=True, survey=look)) as surveys:
        return surveys.look(commons).repositories


def observed(
    found: tuple[Repository, ...],
    listeners: tuple[Listener, ...],
    containers: tuple[Container, ...] = (),
    *,
    reserved: frozenset[int],
    now: float | None = None,
    uid: int | None = None,
) -> Observed:
    """Return the whole observation; the router's own listeners are nobody's server.

    `now` is in seconds since the epoch, by default this moment; `uid` by default the user of this process.
    """
    return Observed(
        repositories=found,
        listeners=tuple(listener for listener in listeners if listener.port not in reserved),
        containers=containers,
        reserved=reserved,
        now=time.time() if now is None else now,
        uid=os.getuid() if uid is None else uid,
    )


def roots(found: Iterable[Repository]) -> tuple[str, ...]:
    """Return the paths of all worktrees that are there, each in a directory of its own."""
    return tuple(chain.from_iterable(map(watched.roots, found)))


def living(memory: Memory, *, now: float | None = None) -> Memory:
    """Return a memory where the worktrees are gone whose repository or administrative directory is gone from the disk.

    Of repositories that nobody looks at nothing else would tell; their ports are free again, and their names in a
    while. What cannot be asked, or does not answer in time, is not gone. `now` as in `observed`.
    """
    ids: dict[str, list[WorktreeId]] = defaultdict(list)
    for kept in memory.worktrees:
        ids[kept.id.common_dir].append(kept.id)
    with closing(Lanes[str, set[WorktreeId]](threads=THREADS)) as lanes:
        gone = lanes.run({common: partial(_gone, each) for common, each in ids.items()}, patience=SLOW)
    everything_gone = set().union(*gone.values())
    return without(memory, everything_gone, now=time.time() if now is None else now)


def _gone(worktrees: Iterable[WorktreeId]) -> set[WorktreeId]:
    return {each for each in worktrees if _is_gone(each)}


def _is_gone(worktree: WorktreeId) -> bool:
    common, admin = worktree.common_dir, worktree.admin
    place = f"{common}/worktrees/{admin}" if admin and not admin.startswith(COPY) else common
    return not may_be_there(place)
