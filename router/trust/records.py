"""What a user allowed, kept per repository in the state directory, for its owner alone."""

import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path

from router import files, from_json
from router.store import Store
from router.trust.statements import Record, Statement, digest, recorded
from router.values import asdict, replace

_DIRECTORY = "allowed"
_LOCK = "allowed.lock"
_SCHEMA = 1


def read(store: Store, common: Path) -> Record | None:
    """Return what is allowed for a repository, None where nothing is, or what is there is not what was written."""
    text = store.read(path(store, common))
    try:
        document = json.loads(text or "null")
        if not isinstance(document, dict) or document.get("schema") != _SCHEMA:
            return None
        record = from_json.build(Record, document)
    except (ValueError, RecursionError):
        return None
    whole = record.repository == str(common) and record.digest == digest(record.statements)
    return record if whole else None


def allow(store: Store, common: Path, statements: Sequence[Statement]) -> Record:
    """Allow exactly these statements for a repository. StoreError says why that cannot be remembered."""
    record = recorded(str(common), statements, at=time.time())
    with store.locked(_LOCK):
        _write(store, common, record)
    return record


def revoke(store: Store, common: Path) -> bool:
    """Allow nothing any more for a repository, and tell whether anything was allowed. StoreError where that fails."""
    with store.locked(_LOCK):  # what is learnt meanwhile would write it again
        return files.remove(path(store, common))


def remember_server(store: Store, common: Path, key: str, identifier: str) -> None:
    """Expect this server from now on where a resource's is first met; one that is expected already stays."""
    with store.locked(_LOCK):
        record = read(store, common)
        if record and key not in record.servers:
            _write(store, common, replace(record, servers={**record.servers, key: identifier}))


def _write(store: Store, common: Path, record: Record) -> None:
    text = json.dumps({"schema": _SCHEMA, **asdict(record)}, indent=1)
    store.write(path(store, common), text, durable=True)


def path(store: Store, common: Path) -> Path:
    """Return the file of a repository's record."""
    name = hashlib.sha256(str(common).encode(errors="surrogateescape")).hexdigest()[:32]
    return store.directory / _DIRECTORY / f"{name}.json"
