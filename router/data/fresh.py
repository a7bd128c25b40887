"""Databases for one command: a lock that its process holds is the proof that it still runs, also after SIGKILL."""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from router import files
from router.data.ledger import Record
from router.data.lives import FRESH
from router.errors import FileError, StoreError

_DIRECTORY = "fresh"


@contextlib.contextmanager
def token(state: Path) -> Iterator[str]:
    """Give a new token, and hold its lock for as long as the block takes. StoreError where it cannot be held."""
    name = secrets.token_hex(3)
    path = _lock(state, name)
    try:
        files.make_private_directory(path.parent)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except (OSError, FileError) as exc:
        raise StoreError(f"{path} cannot be made: {exc}", hint="make room or fix its permissions") from exc
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield name
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def use(name: str) -> str:
    """Return what a database is for whose token this is."""
    return f"{FRESH}{name}"


def held(state: Path, records: Iterable[Record]) -> frozenset[str]:
    """Return the nonces of the records whose command still runs."""
    return frozenset(each.nonce for each in records if each.use.startswith(FRESH) and _is_held(state, each))


def _is_held(state: Path, record: Record) -> bool:
    try:
        descriptor = os.open(_lock(state, record.use.removeprefix(FRESH)), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # nobody can tell
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _lock(state: Path, name: str) -> Path:
    return state / _DIRECTORY / name
