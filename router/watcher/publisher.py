"""What Caddy serves of the watcher's: the status document, the heartbeat, what starting pages tell of a service."""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

from router import files
from router.document import Document
from router.errors import FileError, StoreError
from router.observe.start_command import StartCommand
from router.remembered import Memory
from router.route_table import RouteTable
from router.status import ResourceState
from router.store import Store
from router.text import host_port, shown
from router.watcher import heartbeat
from router.watcher.pace import Timer
from router.watcher.plain import as_text
from router.watcher.signals import Signals


class Publisher:
    """Writes the files of the dashboard and the starting page, each only when it changed or was lost."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._written: dict[Path, str] = {}
        self._beat = Timer(heartbeat.INTERVAL)

    def publish(self, document: Document) -> None:
        """Make a document the one that the dashboard and `status` show. StoreError where it cannot be written."""
        self._write(self._store.status_file, json.dumps(document))
        self._write(self._store.site / "status.txt", as_text(document))

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

    def wait(self, signals: Signals, seconds: float) -> bool:
        """Wait so long while nothing can be looked at yet, giving signs of life; tell whether to go on."""
        with contextlib.suppress(StoreError):
            self.beat()
        return signals.wait(seconds)

    def show_services(
        self, table: RouteTable, memory: Memory, commands: Mapping[str, StartCommand],
        resources: Mapping[str, tuple[ResourceState, ...]],
    ) -> None:  # fmt: skip
        """Show on each service's starting page where and how it is started, and which program was last seen there.

        `commands` are the start commands by the worktree's path, `resources` what it has of its own.
        """
        remembered = {each.id: each.services for each in memory.worktrees}
        for route in table.routes:
            programs = remembered.get(route.worktree.id, {})
            for service in route.services:
                seen, command = programs.get(service.name), commands.get(route.worktree.path)
                facts = {
                    "directory": shown(route.worktree.path),
                    "command": command.typed(route.worktree.path) if command and service.name == "web" else None,
                    "program": seen.program if seen else None,
                    "resources": [_resource(each) for each in resources.get(route.worktree.path, ())],
                }
                for name in route.names:
                    key = name if service.name == "web" else f"{name}--{service.name}"
                    self._write(self._store.site / f"services/{key}.json", json.dumps(facts))

    def show_silence(self, table: RouteTable) -> None:
        """Tell Caddy which servers answer nothing: a file for each, named after its address."""
        services = (service for route in table.routes for service in route.services)
        silent = {host_port(each.address, each.port) for each in services if each.state == "not-answering"}
        directory = self._store.site / "silent"
        with contextlib.suppress(OSError):  # also what a watcher that was killed left there
            for path in directory.iterdir():
                if path.name not in silent:
                    self._written.pop(path, None)
                    path.unlink()
        for name in silent:
            self._write(directory / name, "")

    def withdraw(self) -> None:
        """Remove what only a running watcher can say."""
        for path in (*self._written, self._store.heartbeat):
            with contextlib.suppress(OSError):
                path.unlink()

    def _write(self, path: Path, text: str) -> None:
        if self._written.get(path) != text or not path.exists():
            self._store.write(path, text)
            self._written[path] = text


def _resource(state: ResourceState) -> Mapping[str, object]:
    said = state.problem.message if state.problem and state.state == "failed" else None
    return {"name": state.name, "state": state.state, "since": state.since, "problem": said}
