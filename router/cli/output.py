"""Standard output and standard error: the one place that prints, whatever became of the terminal or pipe there."""

import contextlib
import errno
import json
import os
import select
import sys
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, TextIO

from router.text import shown

SCHEMA = 1  # of every JSON object that a command prints: fields may be added, none is renamed


class Output(NamedTuple):
    """What a command came to: `text` for standard output, `notes` for people on standard error, its exit code."""

    text: str = ""
    notes: tuple[str, ...] = ()
    code: int = 0


def as_json(values: Mapping[str, Any], *, code: int = 0) -> Output:
    """Return values for programs: one JSON object, with the schema that it keeps to."""
    return Output(f"{json.dumps({'schema': SCHEMA, **values}, indent=2)}\n", code=code)


def in_a_line(values: Mapping[str, Any]) -> str:
    """Return values for programs as `as_json` does, one of many objects on lines of their own."""
    return json.dumps({"schema": SCHEMA, **values})


class OutputLostError(Exception):
    """Standard output takes nothing any more: its reader closed it, its terminal is gone, its disk is full."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(reason)
        self.reason = reason


def show(result: Output) -> int:
    """Print what a command came to, and return its exit code. OutputLostError where standard output is lost."""
    if result.text:
        write(result.text)
    for line in result.notes:
        note(line)
    return result.code


def write(text: str) -> None:
    """Print text on standard output at once. OutputLostError where that is lost."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(_encoded(text, sys.stdout.encoding))
        sys.stdout.buffer.flush()
    except OSError as exc:
        raise OutputLostError(exc) from exc


def line(text: str) -> None:
    """Print a line on standard output at once. OutputLostError where that is lost."""
    write(f"{text}\n")


def news(text: str) -> None:
    """Print a line of the running watcher: it goes on, whether or not somebody still reads what it prints."""
    try:
        line(text)
    except OutputLostError:
        discard(sys.stdout)


def note(text: str) -> None:
    """Print lines for people on standard error, safe for a terminal; nothing happens where that is lost."""
    try:
        print(*map(shown, text.split("\n")), sep="\n", file=sys.stderr, flush=True)
    except OSError:
        discard(sys.stderr)


def progress(path: str, count: int) -> None:
    """Show on a terminal how many files of a directory have been copied; the next line takes the place of it."""
    if sys.stderr.isatty():
        with contextlib.suppress(OSError):
            print(f"copying {shown(path)}: {count:,} files", end="\r", file=sys.stderr, flush=True)


def pause(seconds: float) -> None:
    """Wait so long before more is printed. OutputLostError as soon as nobody reads standard output any more."""
    deadline = time.monotonic() + seconds
    if _hung_up(seconds):
        raise OutputLostError(BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)))
    time.sleep(max(0.0, deadline - time.monotonic()))  # where the system cannot wait for that


def coloured() -> bool:
    """Tell whether standard output is a terminal that wants colours (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def unwritten() -> OSError | None:
    """Write what standard output still holds; return why that cannot be done, None where nothing is left."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.flush()  # Typer leaves a stream that hides a closed pipe
    except OSError as exc:
        return exc
    return None


def lost() -> bool:
    """Tell whether standard output takes nothing any more."""
    return unwritten() is not None or _hung_up(0)


def discard(stream: TextIO) -> None:
    """Lead a stream nowhere, with what it still holds: Python would try to print that when it ends, and fail."""
    with contextlib.suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def open_closed_streams() -> None:
    """Open the standard streams that were closed when the command started: else the next file would take their place.

    Nothing can be read, printing on standard output fails, and what is said on standard error is lost.
    """
    modes = (os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)
    for number, (name, mode) in enumerate(zip(("stdin", "stdout", "stderr"), modes, strict=True)):
        try:
            os.fstat(number)
        except OSError:
            descriptor = os.open(os.devnull, mode)  # the lowest number that is free: this one
            os.set_inheritable(descriptor, True)
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115


def _hung_up(seconds: float) -> bool:
    """Tell whether the reader of standard output goes within so many seconds; False where that cannot be seen."""
    poll = select.poll()
    with contextlib.suppress(OSError):  # no file, as in a test
        poll.register(sys.stdout.fileno(), 0)  # that it is closed is always reported
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(seconds * 1000))
    return False


def _encoded(text: str, encoding: str) -> bytes:
    """Return the bytes of text; those of a path that is no text are what they were."""
    try:
        return text.encode(encoding, "surrogateescape")
    except UnicodeEncodeError:
        return text.encode(encoding, "backslashreplace")
