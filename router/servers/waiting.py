"""Waits for a server that was begun until it listens or has ended, as long as it shows signs of life."""

import time
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path

from router import ps
from router.processes import sockets
from router.servers import log, records
from router.servers.records import Server

PATIENCE = 60.0
"""Seconds without a sign of life: no output, next to no processor time."""
_LONGEST = 600.0  # seconds in all
_ELSEWHERE = 3.0  # seconds that a server which listens on other ports has to take its own as well
_SIGN = 0.1  # seconds of processor time
_PAUSE = 0.1  # seconds between two looks


class Outcome(Enum):
    """What has become of a server: it listens, it has ended, or it does neither."""

    UP = auto()
    ENDED = auto()
    SILENT = auto()


def wait(
    directory: Path,
    *,
    pause: Callable[[float], None] = time.sleep,
    patience: float = PATIENCE,
    longest: float = _LONGEST,
) -> tuple[Outcome, Server | None]:
    """Wait for the server of a directory; return what has become of it.

    One that listens on another port than its own counts as well, after a moment. `pause` waits so many seconds.
    """
    begun = moment = time.monotonic()
    elsewhere, signs = None, (0.0, -1)
    while True:
        now, server = time.monotonic(), records.at(directory)
        if server is None or not server.runs:
            return Outcome.ENDED, server
        pids = ps.session(server.record.server.pid)
        ports = {port for held in sockets.held(pids).values() for port in held}
        elsewhere = (elsewhere or now) if ports else None
        if server.record.port in ports or (elsewhere and now - elsewhere >= _ELSEWHERE):
            return Outcome.UP, server
        if (seen := _signs(server, pids)) != signs:
            moment, signs = now, seen
        if now - moment > patience or now - begun > longest:
            return Outcome.SILENT, server
        pause(_PAUSE)


def _signs(server: Server, pids: tuple[int, ...]) -> tuple[float, int]:
    """Return what changes while a server does something: its processor time in steps, and the size of its log."""
    spent = sum(map(ps.cpu_time, pids))
    try:
        size = log.path(server.directory).stat().st_size
    except OSError:
        size = 0
    return spent // _SIGN, size
