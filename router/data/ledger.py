"""The ledger: every database, queue and cache that was made or is being made, and the marks that prove it ours."""

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from router import files, from_json
from router.errors import FileError, StoreError
from router.model import WorktreeId
from router.values import asdict, dataclass, replace

SCHEMA = 1
_PATIENCE = 10.0  # seconds to wait for whoever changes the ledger
_POLL = 0.01
_HINT = "make room or fix its permissions, or choose another state directory with ROUTER_STATE_DIR"

OWN, TEST = "own", "test"
"""What a resource is for: its worktree, or its tests. `fresh-` and something random is for one command."""
TEMPLATE, NEXT_TEMPLATE, OLD_TEMPLATE = "template", "template-next", "template-old"
"""What is there to be copied, what takes its place when it is made, and what is to be dropped then."""


@dataclass(frozen=True, slots=True)
class Record:
    """One resource of a worktree, as the ledger keeps it: never a password, only the variable whose value has it.

    `path` is the worktree's directory, `resource` its name in `router.toml`, `source` the variable (empty on a server
    of the router's own), `server` the host and port. `identifier` is the server's own, `oid` the database's there,
    empty until it is made. `nonce` is random. `since` is when it was begun, in seconds since the epoch; `version` is
    what the source was when it was copied.
    """

    worktree: WorktreeId
    path: str
    resource: str
    use: str
    kind: str
    source: str
    server: str
    name: str
    identifier: str
    installation: str
    nonce: str
    since: float
    oid: str = ""
    ready: bool = False
    version: str = ""

    @property
    def key(self) -> tuple[WorktreeId, str, str, str]:
        """What there is one record of: on each server one for each use of a worktree's resource."""
        return self.worktree, self.resource, self.use, self.identifier

    @property
    def mark(self) -> str:
        """The text that the server keeps with it. A copy or a renamed stranger never has it."""
        return f"worktree-router {self.installation} {self.nonce} {self.resource} of {self.path}"

    @property
    def half_made(self) -> str:
        """Its name on the server while it is being made: whatever has it was made for this record."""
        return f"wtr_{self.nonce}"

    @property
    def is_template(self) -> bool:
        """Whether it is there to be copied only."""
        return self.use in (TEMPLATE, NEXT_TEMPLATE, OLD_TEMPLATE)

    def proves(self, mark: str | None) -> bool:
        """Tell whether a mark is this record's, wherever the worktree was moved since."""
        return (mark or "").startswith(f"worktree-router {self.installation} {self.nonce} ")


@dataclass(frozen=True, slots=True)
class _Document:
    schema: int
    installation: str
    records: tuple[Record, ...] = ()


class Ledger:
    """The ledger of a state directory; whoever changes it waits for whoever else does."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "ledger.json"
        self._lock = directory / "ledger.lock"

    def records(self) -> tuple[Record, ...]:
        """Return every record. StoreError where the file cannot be read: nothing may be dropped then."""
        return self._read().records

    def begin(self, wanted: Record) -> Record:
        """Write an intent, on the disk before this returns, and return it; the one that is there wins, name included.

        A record that is not ready is an intent: `wanted.nonce` and `wanted.installation` are filled in here.
        """
        with self._changing() as document:
            for known in document.records:
                if known.key == wanted.key:
                    return known
            mine = replace(wanted, installation=document.installation, nonce=secrets.token_hex(8))
            self._write(replace(document, records=(*document.records, mine)))
        return mine

    def change(self, *records: Record) -> bool:
        """Put records in the places of those with their nonces, as one step, and tell whether all are there.

        One that was forgotten meanwhile stays so.
        """
        changed = {record.nonce: record for record in records}
        with self._changing() as document:
            kept = tuple(changed.get(each.nonce, each) for each in document.records)
            self._write(replace(document, records=kept))
        return changed.keys() <= {each.nonce for each in kept}

    def forget(self, record: Record) -> None:
        """Remove a record, whose resource is dropped; one that is another worktree's by now stays."""
        with self._changing() as document:
            gone = (record.nonce, record.worktree)
            kept = tuple(each for each in document.records if (each.nonce, each.worktree) != gone)
            self._write(replace(document, records=kept))

    @contextlib.contextmanager
    def _changing(self) -> Iterator[_Document]:
        try:
            files.make_private_directory(self.file.parent)
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except (OSError, FileError) as exc:
            raise self._failed("be written", str(exc)) from exc
        try:
            if not files.take_lock(descriptor, patience=_PATIENCE):
                raise self._failed("be changed", f"another router has it for {_PATIENCE:.0f} s")
            yield self._read()
        finally:
            os.close(descriptor)

    def _read(self) -> _Document:
        try:
            text = files.text(self.file)
            document = from_json.build(_Document, json.loads(text)) if text is not None else self._new()
        except FileError as exc:
            raise self._failed("be read", exc.reason) from exc
        except (ValueError, RecursionError) as exc:
            raise self._failed("be read", "it is not what the router wrote") from exc
        if document.schema != SCHEMA:
            raise self._failed("be read", f"it was written by another version, with schema {document.schema}")
        return document

    def _new(self) -> _Document:
        return _Document(SCHEMA, secrets.token_hex(8))

    def _write(self, document: _Document) -> None:
        try:
            files.replace(self.file, json.dumps(asdict(document), indent=1), durable=True)
            directory = os.open(self.file.parent, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(directory)  # the new name, too, is on the disk
            finally:
                os.close(directory)
        except (FileError, OSError) as exc:
            raise self._failed("be written", str(exc)) from exc

    def _failed(self, what: str, reason: str) -> StoreError:
        return StoreError(f"the ledger {self.file} cannot {what}: {reason}", hint=_HINT)
