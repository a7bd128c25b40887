"""The watcher's sign of life: a file that it writes every few seconds, and what its age means."""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from router import files, ps
from router.errors import FileError
from router.model import Problem
from router.published import HEARTBEAT, LIMIT, heartbeat_age
from router.store import RunningWatcher
from router.values import dataclass

INTERVAL = 5.0
"""Seconds from one heartbeat to the next."""
_SAMPLES, _APART = 10, 0.05  # looks, and seconds between two, of which one finds a watcher that is only slow at work


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
    from datetime import UTC, datetime  # here: commands start without it

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
    process = ps.identify(watcher.pid)
    if process is None:  # it has just ended
        return Silence(0.0, stopped=False, works=True)
    seconds = _age(path, watcher.pid)
    if seconds <= LIMIT:
        return Silence(seconds, stopped=False, works=True)
    if ps.stopped(process):
        return Silence(seconds, stopped=True, works=False)
    works = _works(watcher.pid, pause)
    return Silence(_age(path, watcher.pid), stopped=False, works=works)


def _works(pid: int, pause: Callable[[float], None]) -> bool:
    """Tell whether a process does anything: one of its threads, however seldom it is given the processor."""
    before = ps.cpu_time(pid)
    for _ in range(_SAMPLES):
        if ps.runnable(pid) or ps.cpu_time(pid) > before:
            return True
        pause(_APART)
    return False


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
    with contextlib.suppress(FileError):
        age = heartbeat_age(files.read_bounded(path, limit=HEARTBEAT), pid)
        if age is not None:
            return age
    return ps.age(pid)
