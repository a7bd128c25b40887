"""SQLite: a file of its own for each worktree, copied from the main checkout's while others may be writing it."""

import contextlib
import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from router import files
from router.data.connection import Connection
from router.data.kind import (
    Description,
    Identity,
    Kind,
    Order,
    ResourceError,
    Session,
    expect_nobody,
    expect_small,
    foreign,
)
from router.data.ledger import Record
from router.errors import FileError

_TURN = 1.0  # seconds to wait for a turn among the programs that write
_BESIDE = ("-wal", "-shm", "-journal")
_DONE = (sqlite3.SQLITE_OK, sqlite3.SQLITE_DONE)
_CAUSES = {
    sqlite3.SQLITE_BUSY: "busy", sqlite3.SQLITE_LOCKED: "busy", sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_CANTOPEN: "denied", sqlite3.SQLITE_READONLY: "denied", sqlite3.SQLITE_PERM: "denied",
}  # fmt: skip
_HINTS = {
    "busy": "end the program that writes it; it is tried again",
    "full": "make room on its disk",
    "denied": "fix the permissions of the file and its directory",
}


class Sqlite(Kind):
    """Database files. A record's name is the path of the file, its oid the file's identity on its file system."""

    has_templates = False
    copies = True

    def identify(self, _connection: Connection) -> Identity:
        """Return that it is this machine's."""
        return Identity("files")

    def make(self, _connection: Connection, record: Record, order: Order) -> str:
        """Copy the file, or find it copied; it appears whole. An empty one is an empty file."""
        target, half = Path(record.name), Path(record.name).with_name(record.half_made)
        with _translated(target), _one_at_a_time(order.work):
            there = _identity(target)
            if there and there != record.oid:
                raise foreign("file", record)
            _remove(half)
            if there:
                return there
            try:
                _copy(order, half) if order.copy else half.touch(0o600)
                made = _identity(half) or ""
                order.known(made)
                os.link(half, target)  # unlike a rename it replaces nothing
            finally:
                _remove(half)
            return made

    def is_ours(self, _connection: Connection, record: Record) -> bool:
        """Tell whether the file at the path is the one that was put there."""
        return bool(record.oid) and _identity(Path(record.name)) == record.oid

    def drop(self, connection: Connection, record: Record) -> None:
        """Remove the file, and what SQLite keeps beside it."""
        target, half = Path(record.name), Path(record.name).with_name(record.half_made)
        with _translated(target):
            there = _identity(target)
            _remove(half)
            if there is None or not record.oid:
                return
            if there != record.oid or record.name == connection.database:
                raise foreign("file", record)
            expect_nobody(record.name, _users(target))
            _remove(target)

    def describe(self, _connection: Connection, record: Record) -> Description:
        """Return the file's size, and the processes that have it open."""
        target = Path(record.name)
        if self.is_ours(_connection, record):
            return Description("ready", _size(target), _users(target))
        if target.exists():
            return Description("foreign", detail=foreign("file", record).message)
        half = target.with_name(record.half_made)
        return Description("half-made", _size(half)) if half.exists() else Description("absent")

    def url(self, connection: Connection, name: str) -> str:
        """Return the main checkout's URL with this path in it."""
        return connection.with_database(name)


def _copy(order: Order, half: Path) -> None:
    source = Path(order.copy or "")
    if not source.exists():
        raise ResourceError("down", f"{source} is not there", hint="make the main checkout's database first")
    expect_small(str(source), _size(source), order)
    deadline = time.monotonic() + order.patience
    half.touch(0o600)
    if not _shared(source, half):
        _backed_up(source, half, deadline)
    half.chmod(source.stat().st_mode & 0o777)


def _shared(source: Path, half: Path) -> bool:
    """Copy by sharing blocks, while no program can write; False where the file system cannot, or others do not stop.

    In WAL mode a checkpoint may go on meanwhile: the log has all of what it writes, and is copied too.
    """
    with contextlib.closing(sqlite3.connect(source, timeout=_TURN, isolation_level=None)) as database:
        try:
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_BUSY):
                return False
            raise
        if not _cloned(source, half):
            return False
        log = source.with_name(f"{source.name}-wal")
        if log.exists() and not _cloned(log, half.with_name(f"{half.name}-wal")):
            return False
    with contextlib.closing(sqlite3.connect(half, isolation_level=None)) as copied:
        copied.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # what the log has is in the file then, which may be renamed
    return True


def _cloned(source: Path, target: Path) -> bool:
    with source.open("rb") as original, target.open("wb") as copied:
        return files.share_blocks(original.fileno(), copied.fileno())


def _backed_up(source: Path, half: Path, deadline: float) -> None:
    """Copy by SQLite's own backup, in one step: with several it starts anew whenever a program writes.

    A program that holds an exclusive lock makes it wait without an end; after the deadline it is given up.
    """

    def look(status: int, _remaining: int, _total: int) -> None:
        if status not in _DONE and time.monotonic() > deadline:
            raise ResourceError("busy", f"{source} is locked by a program that writes it", hint=_HINTS["busy"])

    _remove(half)
    address = f"file:{_quoted(source)}?mode=ro"
    with (
        contextlib.closing(sqlite3.connect(address, uri=True)) as original,
        contextlib.closing(sqlite3.connect(half)) as copied,
    ):
        original.backup(copied, pages=-1, progress=look)


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path))


@contextlib.contextmanager
def _one_at_a_time(work: Path) -> Iterator[None]:
    """Let one copy be made at a time: when a file is closed, its process loses SQLite's locks on it (fcntl(2))."""
    files.make_private_directory(work)
    with (work / "sqlite.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _identity(path: Path) -> str | None:
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return f"{found.st_dev}:{found.st_ino}"


def _size(path: Path) -> int:
    return sum(each.stat().st_size for each in (path, path.with_name(f"{path.name}-wal")) if each.exists())


def _remove(path: Path) -> None:
    for end in ("", *_BESIDE):
        path.with_name(f"{path.name}{end}").unlink(missing_ok=True)


def _users(path: Path) -> tuple[Session, ...]:
    import psutil

    found, real = [], os.path.realpath(path)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if any(each.path == real for each in process.open_files()):
                found.append(Session(process.pid, process.name(), pid=process.pid))
    return tuple(found)


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as exc:
        cause = _CAUSES.get(getattr(exc, "sqlite_errorcode", 0) & 0xFF, "failed")
        raise _failed(cause, path, str(exc)) from exc
    except FileError as exc:
        raise _failed("failed", path, exc.reason) from exc
    except OSError as exc:
        cause = {28: "full", 122: "full", 13: "denied", 1: "denied", 30: "denied"}.get(exc.errno or 0, "failed")
        raise _failed(cause, path, exc.strerror or str(exc)) from exc


def _failed(cause: str, path: Path, reason: str) -> ResourceError:
    return ResourceError(
        cause, f"{path} cannot be made or removed: {reason}", hint=_HINTS.get(cause, "see what is there")
    )
