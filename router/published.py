"""What a watcher leaves for commands in the state directory, read with few imports: lock, document, heartbeat."""

import fcntl
import json
import os
import time
from typing import Any

LIMIT = 15.0
"""Seconds of silence after which a watcher may be hung."""
LARGEST = 64 << 20  # bytes of a file in the state directory
HEARTBEAT = 1 << 10  # bytes of one


def holder(lock: int) -> Any | None:
    """Share the lock of an open file until that is closed; where a watcher has it for itself, return what it says.

    That is what it wrote there, as JSON, or an empty object where nobody can read it.
    """
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _json(os.pread(lock, 4096, 0)) or {}
    return None


def document_of(text: str | bytes | None, pid: int) -> dict[str, Any] | None:
    """Return the status document in a text, None where it is none, or was not published by this process."""
    match _json(text or b"null"):
        case {"watcher": {"pid": writer}} as found if writer == pid:
            return dict(found)
    return None


def heartbeat_age(text: bytes | None, pid: int) -> float | None:
    """Return the age of a heartbeat in seconds, None where it is none, or another process's."""
    try:
        _, moment, writer = (text or b"").split()
        return max(0.0, time.monotonic() - float(moment)) if int(writer) == pid else None
    except ValueError:
        return None


def _json(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
