"""What is said of a server that the router started: whether it starts, has ended or has failed, and since when."""

import contextlib
import signal
from collections.abc import Sequence

from router.model import Problem
from router.servers.records import Server
from router.status import ServerState
from router.text import utc

QUICK = 10.0
"""Seconds: a server that ends within them after its start was none."""
SILENT = 60.0
"""Seconds that a server which does not listen yet may print nothing before it is said."""
_ENDED_BY_SOMEBODY = frozenset({-signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP})


def state(server: Server, *, said: Sequence[str], quiet: float) -> ServerState:
    """Return the state of a server for as long as nothing listens for its service.

    `said` are the last lines that it printed, fit to be shown; `quiet` is for how many seconds it has printed nothing.
    """
    record = server.record
    if server.runs:
        problem = _silent(server) if quiet >= SILENT else None
        return ServerState(record.service, "starting", _utc(record.begun), problem, runs=True)
    if failed(server):
        problem = Problem("start-failed", failure(server, said), _hint(server), record.service)
        return ServerState(record.service, "failed", _utc(server.ended), problem)
    return ServerState(record.service, "down", _utc(server.ended))


def failed(server: Server) -> bool:
    """Tell whether a server ended other than somebody wanted it to: by itself within seconds, or with an error."""
    if server.runs or server.record.stopped or server.code is None or server.code in _ENDED_BY_SOMEBODY:
        return False
    return server.code != 0 or lasted(server) < QUICK


def failures_by(server: Server | None) -> int:
    """Return how often in a row the server of a service has by now ended within seconds of its start."""
    if server is None or not failed(server) or lasted(server) >= QUICK:
        return 0
    return server.record.failures + 1


def lasted(server: Server) -> float:
    """Return for how many seconds a server ran that has ended."""
    return max(0.0, (server.ended or server.record.begun) - server.record.begun)


def failure(server: Server, said: Sequence[str]) -> str:
    """Return in a sentence how a server failed; `said` are the last lines that it printed."""
    how = f"{server.record.service} {ended_how(server.code or 0)}, {_after(lasted(server))} after its start"
    times = failures_by(server)
    again = f", {times} times in a row" if times > 1 else ""
    return f"{how}{again}{': ' if said else ''}{' | '.join(said)}"


def ended_how(code: int) -> str:
    """Return what an exit code says in words; a negative one is a signal's."""
    if code >= 0:
        return f"ended with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"


def _after(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < QUICK else f"{seconds:.0f} s"


def _silent(server: Server) -> Problem:
    service = server.record.service
    return Problem("start-failed", f"{service} was started and runs, but it listens on no port", _hint(server), service)


def _hint(server: Server) -> str:
    return f"see `router logs {server.record.name} --service {server.record.service}`"


def _utc(when: float | None) -> str | None:
    return None if when is None else utc(when)
