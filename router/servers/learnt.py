"""Start commands that were learnt: by what the server of a service was seen to be started, as it ran in a worktree.

They may have tokens in their words. They are kept for their owner alone, and never shown but on standard error.
"""

import json
import os
import time
from collections.abc import Iterable
from pathlib import Path

from router import files, from_json
from router.errors import FileError
from router.model import WorktreeId
from router.processes.leading import everything, leading
from router.servers import records
from router.servers.command import StartCommand
from router.store import Store
from router.values import asdict, dataclass

SOURCE = "learnt"
_FILE = "learnt.json"
_LARGEST = 1 << 16  # bytes


@dataclass(frozen=True, slots=True)
class Learnt:
    """The command that started a service of a worktree, the folder it was started in, and when that was seen."""

    worktree: WorktreeId
    path: str
    service: str
    words: tuple[str, ...]
    folder: str
    at: float

    @property
    def command(self) -> StartCommand:
        """The command, to be run again."""
        return StartCommand(self.words, self.folder, SOURCE)


Seen = tuple[WorktreeId, str, str, int]
"""A server that was seen: its worktree, the path of that, its service, and its pid."""


def learn(store: Store, seen: Iterable[Seen]) -> None:
    """Remember what started these servers, where that can be told: not the router, whose commands are known.

    StoreError where it cannot be remembered.
    """
    known, sessions = everything(), {each.record.server.pid for each in records.every(store) if each.runs}
    for worktree, path, service, pid in seen:
        root = os.path.realpath(path)
        led = leading(pid, known, root=root)
        if led and known[pid].session not in sessions:
            folder = os.path.relpath(led.cwd, root)
            own = "" if folder == "." else folder
            _remember(store, Learnt(worktree, path, service, led.words, own, time.time()))


def _remember(store: Store, found: Learnt) -> None:
    directory = records.directory_of(store, found.worktree, found.service)
    before = _read(directory)
    if before is None or before.command != found.command:
        store.write(directory / _FILE, json.dumps(asdict(found)))


def of(store: Store, worktree: WorktreeId, services: Iterable[str]) -> dict[str, StartCommand]:
    """Return what was learnt of these services of a worktree."""
    found = {service: _read(records.directory_of(store, worktree, service)) for service in services}
    return {service: known.command for service, known in found.items() if known}


def every(store: Store, common: Path) -> tuple[Learnt, ...]:
    """Return what was learnt of all worktrees of a repository that are there, sorted by path."""
    found = (_read(directory) for directory in records.directories(store))
    own = (each for each in found if each and each.worktree.common_dir == str(common) and os.path.isdir(each.path))  # noqa: PTH112
    return tuple(sorted(own, key=lambda each: (each.path, each.service)))


def _read(directory: Path) -> Learnt | None:
    try:
        content = files.read_bounded(directory / _FILE, limit=_LARGEST)
        known = from_json.build(Learnt, json.loads(content or b"null"))
    except (FileError, ValueError, RecursionError):
        return None
    return known if known.words else None
