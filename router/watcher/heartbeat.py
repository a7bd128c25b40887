"""The watcher's sign of life: a file that it writes every few seconds, and what its age means."""

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from router import files, proc
from router.errors import FileError
from router.model import Problem
from router.store import RunningWatcher

INTERVAL = 5.0
"""Seconds from one heartbeat to the next."""
LIMIT = 15.0
"""Seconds of silence after which the watcher may be hung."""
_SAMPLE = 0.5  # seconds in which a watcher that only waits for the processor uses some of it
_LARGEST = 1 << 10  # bytes


@dataclass(frozen=True, slots=True)
class Silence:
    """How long the watcher has given no sign of life, in seconds, and what its process does meanwhile.

    `stopped` is whether somebody has stopped the process (SIGSTOP), `works` whether it uses the processor: a machine
    under load is slow, which is not hung.
    """

    seconds: float
    stopped: bool
    works: bool

    @property
    def hung(self) -> bool:
        """Whether the watcher does nothing and will not by itself."""
        return self.seconds > LIMIT and (self.stopped or not self.works)


def beat(path: Path) -> None:
    """Write a heartbeat of this process in place, so that a full disk does not keep it from being written.

    Its modification time is for the dashboard; the monotonic clock in it is for commands, as no change of the time of
    day moves that. OSError where it cannot be written.
    """
    moment = datetime.now(UTC).isoformat(timespec="milliseconds")
    text = f"{moment} {time.monotonic():016.3f} {os.getpid():010d}\n".encode()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.pwrite(descriptor, text, 0)
        os.ftruncate(descriptor, len(text))
    finally:
        os.close(descriptor)


def silence(path: Path, watcher: RunningWatcher, *, pause: Callable[[float], None] = time.sleep) -> Silence:
    """Return how long a running watcher has been silent; half a second is spent on it where that is too long."""
    process = proc.identify(watcher.pid)
    if process is None:  # it has just ended
        return Silence(0.0, stopped=False, works=True)
    seconds = _age(path, watcher.pid)
    if seconds <= LIMIT:
        return Silence(seconds, stopped=False, works=True)
    if proc.stopped(process):
        return Silence(seconds, stopped=True, works=False)
    before = proc.cpu_time(watcher.pid)
    pause(_SAMPLE)
    works = proc.runnable(watcher.pid) or proc.cpu_time(watcher.pid) > before
    return Silence(_age(path, watcher.pid), stopped=False, works=works)


def problem(path: Path, watcher: RunningWatcher) -> Problem | None:
    """Return the problem of a watcher that is hung, None where it is well or only slow."""
    found = silence(path, watcher)
    if not found.hung:
        return None
    since = f"the watcher (pid {watcher.pid}) has given no sign of life for {found.seconds:.0f} s"
    if found.stopped:
        message, hint = f"{since}: its process is stopped", f"run `kill -CONT {watcher.pid}`, or `router down`"
    else:
        message, hint = f"{since}; what is shown may be out of date", "run `router down`, then `router up`"
    return Problem("watcher-hung", message, hint)


def _age(path: Path, pid: int) -> float:
    """Return the age of a process's last heartbeat in seconds, that of the process where it has written none yet."""
    with contextlib.suppress(FileError, ValueError):
        _, moment, writer = (files.read_bounded(path, limit=_LARGEST) or b"").split()
        if int(writer) == pid:
            return max(0.0, time.monotonic() - float(moment))
    return proc.age(pid)
