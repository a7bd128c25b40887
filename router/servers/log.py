"""What a started server has printed: its log, and the older one beside it."""

import os
import time
from pathlib import Path

from router.masked import masked_line
from router.servers.records import Server
from router.text import shown

LINES = 10
"""How many of the last lines are shown of what failed."""
_TAIL = 1 << 12  # bytes in which they are sought
_IN_STATUS = 3
_ON_PAGE, _LONG_TAIL = 200, 1 << 15


def path(directory: Path) -> Path:
    """Return the log of a server's directory."""
    return directory / "log"


def last_lines(log: Path, *, count: int = LINES, tail: int = _TAIL) -> tuple[str, ...]:
    """Return the last lines of a log that say something, safe for a terminal; none where it cannot be read.

    They are sought in the last `tail` bytes.
    """
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - tail))
            text = file.read(tail).decode(errors="replace")
    except OSError:
        return ()
    return tuple(shown(line) for line in text.splitlines() if line.strip())[-count:]


def said(server: Server) -> tuple[str, ...]:
    """Return the last lines of a server as everybody may see them: without what looks like a secret."""
    return tuple(masked_line(line) for line in last_lines(path(server.directory), count=_IN_STATUS))


def printed(server: Server) -> tuple[str, ...]:
    """Return what a server has printed lately, as its user's own page shows it: without what looks like a secret."""
    lines = last_lines(path(server.directory), count=_ON_PAGE, tail=_LONG_TAIL)
    return tuple(masked_line(line) for line in lines)


def quiet(server: Server) -> float:
    """Return for how many seconds a server that runs has printed nothing."""
    try:
        last = path(server.directory).stat().st_mtime
    except OSError:
        last = server.record.begun
    return max(0.0, time.time() - max(last, server.record.begun))
