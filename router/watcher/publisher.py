"""What Caddy serves of the watcher's: the status document, the heartbeat, the programs last seen."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from router.model import Memory, RouteTable
from router.status import Document
from router.store import Store


class Publisher:
    """Writes the files of the dashboard and the starting page, each only when it changed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._written: dict[str, str] = {}

    def publish(self, document: Document) -> None:
        """Make a document the one that the dashboard and `status` show."""
        self._write("status.json", json.dumps(document, indent=1))

    def beat(self) -> None:
        """Show that the watcher is alive, however little changes."""
        self._write("heartbeat", datetime.now(UTC).isoformat())

    def show_programs(self, table: RouteTable, memory: Memory) -> None:
        """Show on each service's starting page which program was last seen there."""
        for key, program in _programs(table, memory):
            self._write(f"services/{key}.json", json.dumps({"program": program}))

    def withdraw(self) -> None:
        """Remove what only a running watcher can say."""
        for name in self._written:
            (self._store.site / name).unlink(missing_ok=True)

    def _write(self, name: str, text: str) -> None:
        if self._written.get(name) != text:
            self._store.write(self._store.site / name, text)
            self._written[name] = text


def _programs(table: RouteTable, memory: Memory) -> Iterator[tuple[str, str]]:
    kept = {each.id: each for each in memory.worktrees}
    for route in table.routes:
        for service in route.services:
            seen = kept[route.worktree.id].services.get(service.name)
            if seen and seen.program:
                for name in route.names:
                    yield name if service.name == "web" else f"{name}--{service.name}", seen.program
