"""File events: how to learn at once that it is time to look again."""

import contextlib
import logging
import os
import select
from collections.abc import Callable, Iterable
from enum import IntEnum
from functools import partial
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

from router.observe.lanes import Lanes

MOST = 600
"""Directories watched at the most: each costs a thread of watchdog's; what is beyond is left to the signatures."""
PATIENCE = 0.2  # seconds to wait until directories are followed; a disk that hangs keeps the loop no longer
# Asked for these, the kernel tells nothing of reading: git opens three files of each worktree whenever it lists them.
_CHANGES: list[type[FileSystemEvent]] = [
    FileCreatedEvent, FileModifiedEvent, FileMovedEvent, FileDeletedEvent,
    DirCreatedEvent, DirMovedEvent, DirDeletedEvent,
]  # fmt: skip
_NOISE = frozenset({"index", "ORIG_HEAD", "COMMIT_EDITMSG", "FETCH_HEAD", "packed-refs", "logs", "objects"})

log = logging.getLogger(__name__)


class Woken(IntEnum):
    """What woke the loop."""

    NOT = 0
    LOOK = 1  # an answer that was waited for: one look takes it over
    CHANGE = 2  # something has changed, and more of it may follow


class Wake:
    """A pipe that wakes the loop: from watchdog's threads and from signal handlers alike, without a lock."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def set(self) -> None:
        """Wake the loop now, or at its next wait: something has changed."""
        self._tell(Woken.CHANGE)

    def look(self) -> None:
        """Wake the loop now, or at its next wait, for one look."""
        self._tell(Woken.LOOK)

    def wait(self, seconds: float) -> Woken:
        """Wait until woken, for so long at the most; tell by what."""
        if not select.select([self._read], [], [], seconds)[0]:
            return Woken.NOT
        told = Woken.NOT
        with contextlib.suppress(BlockingIOError):
            while calls := os.read(self._read, 4096):
                told = max(told, Woken(max(calls)))
        return told

    def _tell(self, what: Woken) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._write, bytes((what,)))

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._read)
        os.close(self._write)


class Watch(FileSystemEventHandler):
    """Calls back for each event in the directories it follows; events say nothing but "look again".

    `tells_all` is whether all those are followed that were last asked for.
    """

    def __init__(self, on_event: Callable[[], None]) -> None:
        self.tells_all = False
        self._on_event = on_event
        self._observer: BaseObserver | None = None
        self._followed: dict[str, tuple[int, ObservedWatch]] = {}
        self._lane: Lanes[str, tuple[str, ...]] = Lanes(threads=1, on_late=on_event)

    def start(self) -> None:
        """Start to listen. Where the system has no room for it (inotify's instances), changes are found by looking."""
        try:
            self._observer = _started()
        except OSError as exc:
            log.warning("no file events: %s; changes are found by looking", exc.strerror or exc)

    def close(self) -> None:
        """Stop to listen. What hangs at a disk ends with the process."""
        hangs = not self._lane.is_free("")
        self._lane.close()
        if self._observer and self._observer.is_alive() and not hangs:
            self._observer.stop()
            self._observer.join(2)

    def follow(self, directories: Iterable[str]) -> bool:
        """Follow exactly these directories, the first ones where there are too many; tell whether that is done by now.

        A directory that was removed and made again is followed again. What cannot be followed shows in its
        signature. While a disk hangs it is not done, and is to be asked for again.
        """
        if self._observer is None:
            return True
        wanted = tuple(directories)
        self.tells_all = False
        return self._lane.run({"": partial(self._follow, self._observer, wanted)}, patience=PATIENCE).get("") == wanted

    def _follow(self, observer: BaseObserver, directories: tuple[str, ...]) -> tuple[str, ...]:
        """Follow these directories, and return them. Runs in a thread that may get stuck."""
        wanted = {path: inode for path in directories[:MOST] if (inode := _inode(path)) is not None}
        for path, (inode, watch) in list(self._followed.items()):
            if wanted.get(path) != inode:
                observer.unschedule(watch)
                del self._followed[path]
        for path, inode in wanted.items():
            if path not in self._followed:
                with contextlib.suppress(OSError):  # gone by now, or the limit of inotify watches
                    watch = observer.schedule(self, path, recursive=False, event_filter=_CHANGES)
                    self._followed[path] = (inode, watch)
        self.tells_all = self._followed.keys() == set(directories)
        return directories

    def dispatch(self, event: FileSystemEvent) -> None:
        """Take an event; those of git's locks, of commits and of editors are not worth a look."""
        path = os.fsdecode(event.dest_path or event.src_path)
        name = os.path.basename(path)  # noqa: PTH119 - as text: the file may be gone
        if name not in _NOISE and not name.endswith((".lock", "~", ".swp")):
            self._on_event()


def _started() -> BaseObserver:
    observer = Observer()
    observer.start()
    return observer


def _inode(path: str) -> int | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_ino
