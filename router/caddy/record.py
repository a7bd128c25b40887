"""The Caddy processes that the router started: which one is written down, and which of them run at all."""

import contextlib
import json
import os
import signal
from collections.abc import Iterable
from pathlib import Path

from router import files, from_json, ps
from router.errors import FileError
from router.ps import ProcessId
from router.values import asdict, dataclass

_FILE = "caddy.json"
_LARGEST = 1 << 16  # bytes
_ENDING = ((signal.SIGTERM, 3.0), (signal.SIGKILL, 2.0))


@dataclass(frozen=True, slots=True)
class CaddyRecord:
    """What the next watcher must know of a running Caddy to adopt it: `bind` names sockets inside that process."""

    process: ProcessId
    port: int
    bind: tuple[str, ...]
    version: str


def home(directory: Path) -> Path:
    """Return the home directory of the Caddy of a state directory: no other process has it in its environment."""
    return directory / "caddy"


def path(directory: Path) -> Path:
    """Return where it is written down."""
    return directory / _FILE


def write(directory: Path, record: CaddyRecord) -> None:
    """Write down which Caddy runs for a state directory. FileError where that cannot be written."""
    files.replace(path(directory), json.dumps(asdict(record)))


def read(directory: Path) -> CaddyRecord | None:
    """Return what is written down for a state directory, None where nothing is that can be understood."""
    try:
        content = files.read_bounded(path(directory), limit=_LARGEST)
        return from_json.build(CaddyRecord, json.loads(content or b"null"))
    except (FileError, ValueError, RecursionError):
        return None


def recorded(directory: Path) -> CaddyRecord | None:
    """Return the Caddy that is written down for a state directory, None where it does not run."""
    record = read(directory)
    return record if record and ps.alive(record.process) else None


def running(directory: Path) -> tuple[ProcessId, ...]:
    """Return every Caddy that was started for a state directory and runs, written down or not."""
    return ps.with_environment("caddy", "HOME", str(home(directory)))


def end_all(directory: Path, socket_path: Path) -> bool:
    """End every Caddy that was started for a state directory, and remove its files; False where none ran."""
    known = recorded(directory)
    processes = {*running(directory), *((known.process,) if known else ())}
    end(processes)
    remove(directory, socket_path)
    return bool(processes)


def end(processes: Iterable[ProcessId]) -> None:
    """End these processes, asking first; a child of this process leaves no zombie."""
    for process in processes:
        ps.end(process, _ENDING)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process.pid, os.WNOHANG)


def remove(directory: Path, socket_path: Path) -> None:
    """Remove the record and the admin socket, and the socket's own directory where it has one."""
    for each in (path(directory), socket_path):
        with contextlib.suppress(OSError):
            each.unlink()
    if socket_path.parent != directory:
        with contextlib.suppress(OSError):
            socket_path.parent.rmdir()
