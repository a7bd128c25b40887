"""The servers of the router's own that run: started, found again by whoever comes next, ended."""

import contextlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from router import files, from_json, proc, ps
from router.data import connection
from router.data.connection import Connection
from router.data.kind import ResourceError
from router.data.kinds import kind as kind_of
from router.data.servers import address as addresses
from router.data.servers.address import KINDS, Address, home
from router.data.servers.postgresql import Postgresql
from router.data.servers.program import Program, data
from router.data.servers.valkey import Valkey
from router.errors import FileError
from router.ps import ProcessId
from router.values import asdict, dataclass, replace

_FILE = "running.json"
_LOCK = "server.lock"
_LOG = "log"
_LARGEST = 1 << 16  # bytes
_LONGEST_LOG = 4 << 20
_RECENT = 60.0  # seconds
_PAUSES = (0.0, 0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # from one start to the next, by the number of recent ones
_PATIENCE = 660.0  # seconds to wait for whoever starts or ends it
_START = 60.0  # seconds without a sign of life; it takes 0.1 at rest, long to recover after a power loss
_POLL = 0.02
_WORDS = ("FATAL", "PANIC", "ERROR", "rror:", "#")  # of lines that say what is wrong
_PROGRAMS: Mapping[str, Program] = {"postgres": Postgresql(), "redis": Valkey()}


@dataclass(frozen=True, slots=True)
class Running:
    """A server that was started: its kind, process and port, and when it was last started.

    `starts` are those of a minute, in seconds since the epoch. `answers` is False until it has answered for the first
    time: PostgreSQL refuses everybody while it recovers.
    """

    kind: str
    process: ProcessId
    port: int
    starts: tuple[float, ...] = ()
    answers: bool = True

    def __str__(self) -> str:
        """Return it as messages name it."""
        return f"{program(self.kind).title} on 127.0.0.1:{self.port} (pid {self.process.pid})"

    @property
    def entry(self) -> dict[str, Any]:
        """What the status document says of it."""
        return {"name": program(self.kind).title, "kind": self.kind, "port": self.port, "pid": self.process.pid}


def program(kind: str) -> Program:
    """Return the program of a kind's server."""
    return _PROGRAMS[kind]


def running(state: Path, kind: str) -> Running | None:
    """Return the server of a kind that runs for a state directory, whoever started it, None where none does."""
    found = _read(home(state, kind))
    return found if found and ps.alive(found.process) else None


def started(state: Path) -> tuple[Running, ...]:
    """Return the servers that were started for a state directory and not ended by the router: they should run."""
    if not addresses.given(state):
        return ()
    found = (_read(home(state, kind)) for kind in KINDS)
    return tuple(each for each in found if each)


def all_running(state: Path) -> tuple[Running, ...]:
    """Return those of them that run."""
    return tuple(each for each in started(state) if ps.alive(each.process))


def missing(state: Path) -> frozenset[str]:
    """Return the kinds whose server should run and has ended, or does not answer yet."""
    return frozenset(each.kind for each in started(state) if not (each.answers and ps.alive(each.process)))


def ensure(state: Path, kind: str) -> Address:
    """Have a server run, and return where it is reached. What runs stays; what was stopped is continued.

    ResourceError says why it does not run: a server that ends again and again is started less and less often.
    """
    found = _served(state, kind)
    if found is None:
        with addresses.locked(home(state, kind), _LOCK, patience=_PATIENCE):
            if _served(state, kind) is None:  # nobody else was faster
                _start(state, kind)
    elif ps.stopped(found.process):
        ps.signal(found.process, ps.CONTINUE)
    return addresses.address(state, kind)


def _served(state: Path, kind: str) -> Running | None:
    """Return the server that answers where its address says; that may have been lost, and another one given out."""
    found = running(state, kind)
    return found if found and found.answers and found.port == addresses.address(state, kind).port else None


def end_all(state: Path) -> tuple[str, ...]:
    """End every server of a state directory, and return the names of those that ran.

    Their locks are this process's until it ends: a thread that is still making a database starts none again.
    """
    there = [kind for kind in KINDS if home(state, kind).is_dir()]
    for kind in there:
        addresses.take(home(state, kind), _LOCK, patience=_PATIENCE)
    return tuple(program(kind).title for kind in there if _end(home(state, kind), program(kind)))


def _start(state: Path, kind: str) -> None:
    what, place = program(kind), home(state, kind)
    before = _read(place)
    starts = _recent(before.starts if before else (), what, now=time.time())
    _end(place, what)
    at = addresses.address(state, kind)
    what.prepare(place, at)
    if not addresses.is_free(at.port):
        at = addresses.moved(state, at)
    try:
        _run(what, place, at, starts)
    except ResourceError as exc:
        if exc.cause != "wrong-credentials":
            raise
        _end(place, what)
        what.readmit(place, at)
        _run(what, place, at, starts)


def _run(what: Program, place: Path, at: Address, starts: tuple[float, ...]) -> None:
    log = place / _LOG
    _bound(log)
    log.touch(0o600)
    process = proc.start_to_stay(what.command(place, at), env=_environment(place), cwd=data(place), log=log)
    begun = Running(at.kind, process, at.port, starts, answers=False)
    _write(place, begun)
    _wait(what, process, at, log)
    _write(place, replace(begun, answers=True))


def _recent(starts: tuple[float, ...], what: Program, *, now: float) -> tuple[float, ...]:
    """Return the starts of the last minute with this one. ResourceError while it is not yet time for it."""
    recent = tuple(start for start in starts if 0 <= now - start < _RECENT)
    pause = _PAUSES[min(len(recent), len(_PAUSES) - 1)]
    if recent and now - recent[-1] < pause:
        message = f"{what.title} ended {len(recent)} times within a minute; it is started again after {pause:.0f} s"
        raise ResourceError("down", message, hint="see its log in the state directory; it is tried again")
    return (*recent, now)


def _wait(what: Program, process: ProcessId, at: Address, log: Path) -> None:
    """Wait until it answers, for as long as it shows signs of life: a loaded machine is slow."""
    reached = connection.read(at.url(""), directory=log.parent)
    life, deadline = _life(process, log), time.monotonic() + _START
    while not _answers(reached):
        if (shown := _life(process, log)) != life:
            life, deadline = shown, time.monotonic() + _START
        if not ps.alive(process) or time.monotonic() > deadline:
            said = _last_words(log)
            cause = "full" if "No space left" in said else "down"
            raise ResourceError(cause, f"{what.title} did not start: {said}", hint=f"see {log}; it is tried again")
        time.sleep(_POLL)


def _answers(reached: Connection) -> bool:
    try:
        kind_of(reached.kind).identify(reached)
    except ResourceError as exc:
        if exc.cause not in ("down", "busy"):
            raise
        return False
    return True


def _life(process: ProcessId, log: Path) -> tuple[float, int]:
    """Return what changes while a server works: while PostgreSQL recovers, it writes how far it is."""
    return ps.cpu_time(process.pid), log.stat().st_size if log.exists() else 0


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    told = [line for line in lines if any(word in line for word in _WORDS)]
    return (told or lines or ["it says nothing"])[-1][-300:]


def _end(place: Path, what: Program) -> bool:
    """End a server and whatever is left of it, and tell whether anything ran."""
    found = _read(place)
    left = [found.process] if found and ps.alive(found.process) else []
    found_there = sorted(ps.in_directory(what.process, data(place)), key=lambda each: each.ticks)
    for process in (*left, *found_there):  # PostgreSQL's first process ends all others
        ps.end(process, what.endings)
        left.append(process)
    with contextlib.suppress(OSError):
        (place / _FILE).unlink()
    return bool(left)


def _environment(place: Path) -> dict[str, str]:
    """Return a server's environment: nothing of the user's shell."""
    return {"PATH": os.defpath, "LC_ALL": "C", "HOME": str(place)}


def _read(place: Path) -> Running | None:
    try:
        content = files.read_bounded(place / _FILE, limit=_LARGEST)
        return from_json.build(Running, json.loads(content or b"null"))
    except (FileError, ValueError, RecursionError):
        return None


def _write(place: Path, found: Running) -> None:
    files.replace(place / _FILE, json.dumps(asdict(found)))


def _bound(log: Path) -> None:
    """Begin a log anew where it has grown long; the server appends."""
    with contextlib.suppress(OSError):
        if log.stat().st_size > _LONGEST_LOG:
            os.truncate(log, 0)
