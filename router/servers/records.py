"""The servers that the router started: what is written down of each, which of them run, and how the others ended.

Each has a directory of its own in the state directory, for its owner alone. The process beside a server has the lock
there for as long as the server runs: so whoever looks, watcher or command, sees the same, and none starts it twice.
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from router import files, from_json, ps
from router.errors import FileError, StoreError
from router.model import WorktreeId
from router.ps import ProcessId
from router.store import Store
from router.values import asdict, dataclass

_DIRECTORY = "servers"
_LARGEST = 1 << 16  # bytes
_KEPT = 30 * 86400  # seconds that what is kept of a service stays which nobody started again


@dataclass(frozen=True, slots=True)
class Record:
    """A server that the router started for a service of a worktree.

    `server` leads a session of its own. `begun` is in seconds since the epoch; `failures` is how often in a row it had
    ended within seconds of its start before. It is `stopped` where the router ended it, whatever its exit code is.
    """

    worktree: WorktreeId
    path: str
    name: str
    service: str
    port: int
    server: ProcessId
    begun: float
    failures: int = 0
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Server:
    """A server that was started, and what has become of it.

    `code` is its exit code, negative for a signal, None while it runs or where nobody saw its end; `ended` is when, in
    seconds since the epoch.
    """

    record: Record
    directory: Path
    runs: bool
    code: int | None = None
    ended: float | None = None


def directory_of(store: Store, worktree: WorktreeId, service: str) -> Path:
    """Return where everything of a service's started server is."""
    import hashlib  # here: commands start without it

    key = json.dumps([worktree.common_dir, worktree.admin, worktree.created, service])
    name = hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()[:24]
    return store.directory / _DIRECTORY / name


def every(store: Store) -> tuple[Server, ...]:
    """Return every server that the router started, those that have ended included, sorted by path. Raises nothing."""
    found = map(at, directories(store))
    return tuple(sorted((each for each in found if each), key=lambda each: (each.record.path, each.record.service)))


def of_path(store: Store, path: str) -> tuple[Server, ...]:
    """Return the servers that were started in the worktree at a path, which may have been moved there since."""
    remembered = {each.path: each.id for each in store.memory().worktrees}
    return tuple(
        each for each in every(store) if path == each.record.path or remembered.get(path) == each.record.worktree
    )


def directories(store: Store) -> tuple[Path, ...]:
    """Return the directories of all services of which something is kept. Raises nothing."""
    try:
        names = sorted(os.listdir(store.directory / _DIRECTORY))  # noqa: PTH208 - a name is all that is needed
    except OSError:
        return ()
    return tuple(store.directory / _DIRECTORY / name for name in names)


def at(directory: Path, *, mine: bool = False) -> Server | None:
    """Return the server of a directory, None where none was started there.

    `mine` is whether the caller has its lock.
    """
    record = _read(directory)
    if record is None:
        return None
    runs = (not mine and is_locked(directory)) or ps.alive(record.server)
    code, ended = (None, None) if runs else _end(directory, record)
    return Server(record, directory, runs, code, ended)


def write(store: Store, directory: Path, record: Record) -> None:
    """Write down a server. StoreError where that cannot be done."""
    store.write(directory / "server.json", json.dumps(asdict(record)))


def is_locked(directory: Path) -> bool:
    """Tell whether the server of a directory runs, or is being started."""
    try:
        descriptor = os.open(directory / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[int | None]:
    """Give a block the lock of a directory, None where its server runs or another command starts it.

    The process that is given the descriptor has the lock for as long as it keeps that open. StoreError where the
    directory cannot be made.
    """
    try:
        files.make_private_directory(directory)
        descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except (FileError, OSError) as exc:
        reason = exc.reason if isinstance(exc, FileError) else exc.strerror
        raise StoreError(f"{directory} cannot be used: {reason}", hint="make room or fix its permissions") from exc
    try:
        # who only looks has it for an instant
        yield descriptor if files.take_lock(descriptor, patience=0.2) else None
    finally:
        os.close(descriptor)


def forget_end(directory: Path) -> None:
    """Forget how the last server of a directory ended: another one begins."""
    (directory / "ended").unlink(missing_ok=True)


def remove_old(store: Store) -> None:
    """Remove what is kept of worktrees that are not there, where nothing was written to it for long."""
    for directory in directories(store):
        with contextlib.suppress(OSError):
            last = max(each.stat().st_mtime for each in (directory, *directory.iterdir()))
            if time.time() - last > _KEPT and not is_locked(directory) and not _has_worktree(directory):
                import shutil  # here: commands start without it

                shutil.rmtree(directory, ignore_errors=True)


def _has_worktree(directory: Path) -> bool:
    """Tell whether the worktree is there of which a directory keeps a server, or a command that was learnt."""
    for name in ("server.json", "learnt.json"):
        with contextlib.suppress(FileError, ValueError, RecursionError, LookupError, TypeError):
            document = json.loads(files.read_bounded(directory / name, limit=_LARGEST) or b"null")
            if os.path.isdir(document["path"]):  # noqa: PTH112 - Path's raises for odd text
                return True
    return False


def _read(directory: Path) -> Record | None:
    try:
        content = files.read_bounded(directory / "server.json", limit=_LARGEST)
        return from_json.build(Record, json.loads(content or b"null"))
    except (FileError, ValueError, RecursionError):
        return None


def _end(directory: Path, record: Record) -> tuple[int | None, float | None]:
    """Return how a server ended and when; nothing where the process beside it was killed, or the machine went off."""
    with contextlib.suppress(FileError, ValueError):
        code, when = (files.read_bounded(directory / "ended", limit=_LARGEST) or b"").split()
        if float(when) >= record.begun:
            return int(code), float(when)
    return None, None
