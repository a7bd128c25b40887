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


class Publisher:
    """Writes the files of the dashboard and the starting page, each only when it changed or was lost."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._written: dict[Path, str] = {}
        self._beat = Timer(heartbeat.INTERVAL)

    def publish(self, document: Document) -> None:
        """Make a document the one that the dashboard and `status` show. StoreError where it cannot be written."""
        self._write(self._store.status_file, json.dumps(document, indent=1))

    def is_published(self) -> bool:
        """Tell whether the document that was last published is still there."""
        return self._store.status_file.exists()

    def beat(self) -> None:
        """Show that the watcher is alive, however little changes. StoreError where that cannot be written."""
        path = self._store.heartbeat
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
            self._write(self._store.site / f"services/{key}.json", json.dumps({"program": program}))

    def withdraw(self) -> None:
        """Remove what only a running watcher can say."""
        for path in (*self._written, self._store.heartbeat):
            with contextlib.suppress(OSError):
                path.unlink()

    def _write(self, path: Path, text: str) -> None:
        if self._written.get(path) != text or not path.exists():
            self._store.write(path, text)
            self._written[path] = text


def _programs(table: RouteTable, memory: Memory) -> Iterator[tuple[str, str]]:
    remembered = {each.id: each for each in memory.worktrees}
    for route in table.routes:
        worktree = remembered.get(route.worktree.id)
        for service in route.services if worktree else ():
            seen = worktree.services.get(service.name) if worktree else None
            if seen and seen.program:
                for name in route.names:
                    yield name if service.name == "web" else f"{name}--{service.name}", seen.program
