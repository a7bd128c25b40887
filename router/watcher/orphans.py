"""Looks for what is left of worktrees that have just gone, apart from the loop; at rest it does nothing at all."""

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable

from router import ps
from router.model import Repository, WorktreeId
from router.processes import left_over, orphans
from router.processes.left_over import LeftOver
from router.processes.orphans import Orphan
from router.remembered import Memory
from router.values import replace

INTERVAL = 30.0  # seconds between two looks, while there is reason for one
CHECK = 2.0  # seconds between two glances whether what was found still runs
RECENT = 3600.0  # seconds after which nobody expects more of a worktree that is gone
GRACE = 60.0  # seconds that a worktree has been seen gone before what is left of it is ended by itself

log = logging.getLogger(__name__)


class Orphans:
    """Finds what is left of worktrees, and ends the processes of it where `auto` says so.

    Each look is compared with nothing older. Compose stacks are only shown: what they hold is data.

    `wake` is called when others are found than before. `least` is the memory, in bytes, that makes an orphan of what
    holds no port; `routers` gives the pids of the watcher and its Caddy.
    """

    def __init__(
        self, wake: Callable[[], None], *, least: int, auto: bool, routers: Callable[[], Collection[int]],
        interval: float = INTERVAL, grace: float = GRACE, recent: float = RECENT,
        find: Callable[..., LeftOver] = left_over.find,
    ) -> None:  # fmt: skip
        self.found = LeftOver()
        self._wake = wake
        self._least = least
        self._auto = auto
        self._routers = routers
        self._interval = interval
        self._grace = grace
        self._recent = recent
        self._find = find
        self._memory = Memory()
        self._repositories: tuple[Repository, ...] = ()
        self._lost: frozenset[WorktreeId] = frozenset()
        self._last_loss = float("-inf")
        self._seen: dict[str, float] = {}
        self._due = threading.Event()
        self._closed = False

    def start(self) -> None:
        """Begin to wait for a reason to look."""
        threading.Thread(target=self._run, name="orphans", daemon=True).start()

    def close(self) -> None:
        """Look no more."""
        self._closed = True
        self._due.set()

    def about(self, memory: Memory, repositories: tuple[Repository, ...]) -> None:
        """Take over what is remembered and observed by now; a worktree that has gone since is reason to look.

        Costs nothing where both are the very values of the last time, as they are at rest.
        """
        if memory is self._memory and repositories is self._repositories:
            return
        self._repositories = repositories
        trees = (tree for repository in repositories for tree in repository.worktrees)
        lost = {each.id: time.time() - each.since for each in memory.gone}
        lost |= {tree.id: 0.0 for tree in trees if not tree.present}
        new, self._lost, self._memory = lost.keys() - self._lost, frozenset(lost), memory
        if new:
            self._last_loss = time.monotonic() - min(lost[each] for each in new)
            self._due.set()

    def _run(self) -> None:
        looked = time.monotonic()
        while not self._closed:
            asked = self._due.wait(self._pause())
            if self._closed:
                return
            try:
                if asked or time.monotonic() - looked >= self._interval:
                    self._due.clear()
                    looked = time.monotonic()
                    self._look()
                else:
                    runs = tuple(each for each in self.found.processes if ps.alive(each.process.id))
                    self._take(replace(self.found, processes=runs))
            except Exception:  # whatever it is, the next look is to come
                log.exception("looking for what is left of worktrees failed")

    def _pause(self) -> float | None:
        """Return for how long nothing is to be done, None where only another loss is reason for a look."""
        if self.found:
            return min(CHECK, self._interval)
        return self._interval if time.monotonic() - self._last_loss < self._recent else None

    def _look(self) -> None:
        memory = self._memory
        found = self._find(memory, least=self._least)
        if self._auto and (ripe := self._ripe(found.processes)):
            orphans.reap(ripe, memory, routers=self._routers())
            found = self._find(memory, least=self._least)
        self._take(found)

    def _take(self, found: LeftOver) -> None:
        before, self.found = self.found, found
        if _told(found) != _told(before):
            self._wake()

    def _ripe(self, found: Iterable[Orphan]) -> list[Orphan]:
        """Return the orphans of worktrees that each look has found gone for a while."""
        now = time.monotonic()
        found = tuple(found)
        self._seen = {each.worktree.path: self._seen.get(each.worktree.path, now) for each in found}
        ripe = (each for each in found if now - self._seen[each.worktree.path] >= self._grace)
        return [each for each in ripe if each.process.role is None]


def _told(found: LeftOver) -> tuple[object, ...]:
    return {(each.process.id, each.ports) for each in found.processes}, [
        (each.containers, each.stays) for each in found.stacks
    ]
