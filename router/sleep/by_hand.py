"""Puts worktrees to sleep because somebody says so: what ran is remembered, for whoever starts it again."""

import time
from collections.abc import Collection, Iterator

from router.document import Document
from router.processes.end import NOT_ENDING
from router.processes.stop import Stopped
from router.processes.usage import with_memory
from router.sleep import kept
from router.sleep.kept import Note
from router.store import Store
from router.values import replace

_WHY = "somebody put it to sleep"


def going(store: Store, document: Document, paths: Collection[str], *, routers: Collection[int]) -> Iterator[Note]:
    """Yield what is to be kept of the worktrees at some paths before they are stopped; none where nothing runs.

    `routers` are the pids of the watcher and its Caddy.
    """
    known = {each.path: each.id for each in store.memory().worktrees}
    for tree in with_memory(document, routers=routers)["worktrees"]:
        services = tuple(name for name, each in tree["services"].items() if each["up"])
        if tree["path"] in paths and services and (worktree := known.get(tree["path"])):
            yield Note(worktree, tree["path"], services, time.time(), tree["memory"]["reclaimable"], _WHY)


def keep(store: Store, note: Note, stopped: Stopped) -> bool:
    """Keep that a worktree sleeps, and tell whether it does: not where something of it runs on."""
    if stopped.failed or any(left.why == NOT_ENDING for left in stopped.ended.left):
        return False
    kept.write(store, replace(note, since=time.time(), containers=stopped.containers, done=True))
    return True
