"""The process beside a server that the router started: keeps its log within bounds, and notes how it ended.

It is run as a file by itself, without the rest of the package: there is one for each server, so it imports little.
Whoever starts it gives it `DIRECTORY TOLD GO LOCK COMMAND...`: it writes its pid and the server's to the descriptor
TOLD, lets the server begin when a byte comes from GO, and has LOCK for as long as the server's process group lives.
"""

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

LARGEST = 1_000_000
"""Bytes of a log; one older is kept."""
_CHUNK = 1 << 16
_PAUSE = 0.2  # seconds between two looks whether what the server has left in its group still runs


def main(arguments: Sequence[str]) -> None:
    """Start the server, and stay until it has ended."""
    directory, told, go, lock = arguments[0], *map(int, arguments[1:4])
    if os.fork():
        os._exit(0)  # whoever started this waits for nothing, and has no zombie
    for descriptor in (told, go, lock):
        os.set_inheritable(descriptor, False)
    output, written = os.pipe()
    given, held = os.pipe()  # its input: never written to, and open, as some servers end where it ends
    child = os.fork()
    if not child:
        _become(tuple(arguments[4:]), go, given, written)
    for descriptor in (go, given, written):
        os.close(descriptor)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # what ends the server ends this
    woken, log = _woken_by_children(), Log(directory)
    os.write(told, f"{os.getpid()} {child}\n".encode())
    os.close(told)
    os.chdir("/")
    code = _keep(child, output, woken, log)
    _note(directory, code)
    os.close(lock)
    _drain(output, log, until_closed=True)
    os.close(held)


class Log:
    """The file with a server's output, and the older one that it becomes when it is full or the next server begins."""

    def __init__(self, directory: str) -> None:
        self._path = f"{directory}/log"
        self._file = -1
        self._size = 0
        self._begin()

    def write(self, data: bytes) -> None:
        """Add what the server printed; what cannot be written is left out, as it must not wait for a full disk."""
        if self._size and self._size + len(data) > LARGEST:
            self._begin()
        with contextlib.suppress(OSError):
            self._size += os.write(self._file, data)

    def _begin(self) -> None:
        with contextlib.suppress(OSError):
            os.replace(self._path, f"{self._path}.1")  # noqa: PTH105 - pathlib would cost as much as all the rest
        with contextlib.suppress(OSError):
            new = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            if self._file >= 0:
                os.close(self._file)
            self._file, self._size = new, 0


def _become(command: tuple[str, ...], go: int, given: int, written: int) -> NoReturn:
    """Become the server, in a session of its own; end where whoever starts it has gone before it said so."""
    os.setsid()
    if not os.read(go, 1):
        os._exit(0)
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these, and the server would inherit that
        signal.signal(ignored, signal.SIG_DFL)
    for descriptor, standard in ((given, 0), (written, 1), (written, 2)):
        os.dup2(descriptor, standard)
    code = 127
    try:
        os.execvp(command[0], command)  # noqa: S606 - starting a command is what this is for
    except FileNotFoundError:
        os.write(2, f"{command[0]} is not found: check that it is installed and on PATH\n".encode(errors="replace"))
    except (OSError, ValueError) as exc:
        code = 126
        os.write(2, f"{command[0]} cannot be run: {exc}\n".encode(errors="replace"))
    os._exit(code)


def _woken_by_children() -> int:
    """Return a descriptor that can be read when a child has ended."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return woken


def _keep(child: int, output: int, woken: int, log: Log) -> int:
    """Write what the server prints until its group has ended; return its exit code, negative for a signal."""
    os.set_blocking(output, False)
    code, watched = None, [woken, output]
    while True:
        ready, _, _ = select.select(watched, (), (), None if code is None else _PAUSE)
        if woken in ready:
            os.read(woken, _CHUNK)
        if output in ready and not _drain(output, log):
            watched = [woken]
        if code is None:
            pid, status = os.waitpid(child, os.WNOHANG)
            code = os.waitstatus_to_exitcode(status) if pid else None
        if code is not None and not _group_lives(child):
            _drain(output, log)
            return code


def _drain(output: int, log: Log, *, until_closed: bool = False) -> bool:
    """Write what there is to read, and tell whether more may come; with `until_closed` wait for all of it."""
    os.set_blocking(output, until_closed)
    try:
        while data := os.read(output, _CHUNK):
            log.write(data)
    except BlockingIOError:
        return True
    return False


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True


def _note(directory: str, code: int) -> None:
    """Write down how the server ended, and when, in seconds since the epoch."""
    with contextlib.suppress(OSError):
        new = os.open(f"{directory}/ended.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        os.write(new, f"{code} {time.time():.3f}\n".encode())
        os.close(new)
        os.replace(f"{directory}/ended.new", f"{directory}/ended")  # noqa: PTH105 - as above


if __name__ == "__main__":
    main(sys.argv[1:])
