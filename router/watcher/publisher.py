"""What Caddy serves of the watcher's: the status document, the heartbeat, the programs last seen."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from router import files
from router.errors import FileError, StoreError
from router.model import RouteTable
from router.remembered import Memory
from router.status import Document
from router.store import Store
from router.watcher import heartbeat
from router.watcher.pace import Timer

_STATUS = "status.json"
_HEARTBEAT = "heartbeat"


class Publisher:
    """Writes the files of the dashboard and the starting page, each only when it changed or was lost."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._written: dict[str, str] = {}
        self._beat = Timer(heartbeat.INTERVAL)

    def publish(self, document: Document) -> None:
        """Make a document the one that the dashboard and `status` show. StoreError where it cannot be written."""
        self._write(_STATUS, json.dumps(document, indent=1))

    def is_published(self) -> bool:
        """Tell whether the document that was last published is still there."""
        return self._path(_STATUS).exists()

    def beat(self) -> None:
        """Show that the watcher is alive, however little changes. StoreError where that cannot be written."""
        path = self._path(_HEARTBEAT)
        if not self._beat.due() and path.exists():
            return
        try:
            files.make_private_directory(path.parent)
            heartbeat.beat(path)
        except FileError as exc:
            raise StoreError(exc.message, hint=exc.hint) from exc
        except OSError as exc:
            raise StoreError(f"{path} cannot be written: {exc.strerror}", hint="fix its directory") from exc

    def show_programs(self, table: RouteTable, memory: Memory) -> None:
        """Show on each service's starting page which program was last seen there."""
        for key, program in _programs(table, memory):
            self._write(f"services/{key}.json", json.dumps({"program": program}))

    def withdraw(self) -> None:
        """Remove what only a running watcher can say."""
        for name in (*self._written, _HEARTBEAT):
            with contextlib.suppress(OSError):
                self._path(name).unlink()

    def _write(self, name: str, text: str) -> None:
        path = self._path(name)
        if self._written.get(name) != text or not path.exists():
            self._store.write(path, text)
            self._written[name] = text

    def _path(self, name: str) -> Path:
        return self._store.site / name


def _programs(table: RouteTable, memory: Memory) -> Iterator[tuple[str, str]]:
    remembered = {each.id: each for each in memory.worktrees}
    for route in table.routes:
        worktree = remembered.get(route.worktree.id)
        for service in route.services if worktree else ():
            seen = worktree.services.get(service.name) if worktree else None
            if seen and seen.program:
                for name in route.names:
                    yield name if service.name == "web" else f"{name}--{service.name}", seen.program
