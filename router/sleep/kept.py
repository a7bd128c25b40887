"""What is kept of worktrees between looks and restarts: which are pinned, which sleep, when a command ran in them."""

import contextlib
import functools
import json
import os
from collections.abc import Collection
from pathlib import Path

from router import files, from_json
from router.errors import FileError, StoreError
from router.model import WorktreeId
from router.processes.containers import Container
from router.store import Store
from router.values import asdict, dataclass

_DIRECTORY = "sleep"
_LARGEST = 1 << 16  # bytes


@dataclass(frozen=True, slots=True)
class Note:
    """That servers of a worktree were stopped by themselves: for which services, since when, and what memory they had.

    `since` is in seconds since the epoch; `containers` are those that were stopped with them. It is written before
    anything is stopped: until all of it is, it is not `done`, and whoever watches next goes on with it.
    """

    worktree: WorktreeId
    path: str
    services: tuple[str, ...]
    since: float
    memory: int
    why: str
    containers: tuple[Container, ...] = ()
    done: bool = False


def write(store: Store, note: Note) -> None:
    """Keep a note, in place of the one there was. StoreError where that cannot be done."""
    store.write(_file(store, note.worktree, "json"), json.dumps(asdict(note)), durable=True)


def note(store: Store, worktree: WorktreeId) -> Note | None:
    """Return what is kept of a worktree's sleep, None where it does not sleep."""
    return _read(_file(store, worktree, "json"))


def notes(store: Store) -> tuple[Note, ...]:
    """Return what is kept of every worktree that sleeps, sorted by path. Raises nothing."""
    found = (_read(store.directory / _DIRECTORY / name) for name in _names(store) if name.endswith(".json"))
    return tuple(sorted((each for each in found if each), key=lambda each: each.path))


def forget(store: Store, worktree: WorktreeId) -> None:
    """Have a worktree sleep no longer."""
    _remove(_file(store, worktree, "json"))


def at(store: Store, path: str) -> Note | None:
    """Return what is kept of the sleep of the worktree at a path, None where it does not sleep."""
    return next((each for each in notes(store) if each.path == path), None)


def forget_at(store: Store, paths: Collection[str]) -> None:
    """Have the worktrees at these paths sleep no longer: somebody stopped them, and they are to stay so."""
    for each in notes(store) if paths else ():
        if each.path in paths:
            forget(store, each.worktree)


def pin(store: Store, worktree: WorktreeId) -> None:
    """Have a worktree never sleep by itself. StoreError where that cannot be kept."""
    store.write(_file(store, worktree, "pin"), json.dumps(asdict(worktree)), durable=True)


def unpin(store: Store, worktree: WorktreeId) -> bool:
    """Let a worktree sleep by itself again, and tell whether it was pinned. FileError where that cannot be kept."""
    return files.remove(_file(store, worktree, "pin"))


def is_pinned(store: Store, worktree: WorktreeId) -> bool:
    """Tell whether a worktree is never to sleep by itself."""
    return os.path.lexists(_file(store, worktree, "pin"))


def pinned(store: Store) -> frozenset[str]:
    """Return the names, as `name_of` gives them, of all worktrees that are pinned. Raises nothing."""
    return frozenset(name.removesuffix(".pin") for name in _names(store) if name.endswith(".pin"))


def ran(store: Store, worktree: WorktreeId) -> None:
    """Take note that a command of a worktree runs now; what cannot be noted is left out."""
    with contextlib.suppress(StoreError):
        store.write(_file(store, worktree, "ran"), "")


def last_run(store: Store, worktree: WorktreeId) -> float | None:
    """Return when a command of a worktree was last begun, in seconds since the epoch, None where that is not known."""
    try:
        return _file(store, worktree, "ran").stat().st_mtime
    except OSError:
        return None


def forget_everything(store: Store, worktree: WorktreeId) -> None:
    """Forget what is kept of a worktree that is gone."""
    for ending in ("json", "pin", "ran"):
        _remove(_file(store, worktree, ending))


@functools.cache
def name_of(worktree: WorktreeId) -> str:
    """Return what the files of a worktree are called, which no other has had or will have."""
    import hashlib  # here: commands start without it

    key = json.dumps([worktree.common_dir, worktree.admin, worktree.created])
    return hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()[:24]


def _file(store: Store, worktree: WorktreeId, ending: str) -> Path:
    return store.directory / _DIRECTORY / f"{name_of(worktree)}.{ending}"


def _read(path: Path) -> Note | None:
    try:
        content = files.read_bounded(path, limit=_LARGEST)
        return from_json.build(Note, json.loads(content or b"null"))
    except (FileError, ValueError, RecursionError):
        return None


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _names(store: Store) -> list[str]:
    try:
        return sorted(os.listdir(store.directory / _DIRECTORY))  # noqa: PTH208 - a name is all that is needed
    except OSError:
        return []
