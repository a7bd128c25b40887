"""Starts the server of a visited service as `router start` does, and waits until it listens."""

import contextlib
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from router.env import worktree_env
from router.errors import NoStartCommandError, RouterError
from router.model import WorktreeId
from router.route_table import Route, RouteTable, Service
from router.servers import commands, log, records, states
from router.servers.records import Server
from router.servers.start import begin
from router.servers.waiting import Outcome, wait
from router.settings import Settings
from router.sleep import kept
from router.sleep.stopping import end_sleep
from router.store import Store
from router.text import host_port

TRIES = 3
"""Starts in a row that may end within seconds: then a visit starts a server no more, until the user does."""
_PAUSE = 0.03  # seconds between two looks at a server that starts
_FOLLOWED = 10.0  # seconds for the route table to follow a server to another port
_RELOADS = 3.0  # seconds that a server takes to listen again which somebody else runs
_STOPS = 5  # times that a visit may meet a server which is just being stopped

_Key = tuple[WorktreeId, str]


class Waking:
    """What a watcher starts servers with: its own environment, `environ`."""

    def __init__(self, settings: Settings, store: Store, *, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._store = store
        self._environ = environ
        self._table = RouteTable()
        self._groups: Mapping[_Key, tuple[int, int]] = {}

    def about(self, table: RouteTable) -> None:
        """Take note of the route table, and of the process groups of the servers that listen."""
        wake = {(each.worktree.id, service.name): service for each in table.routes for service in each.services
                if service.wakes}  # fmt: skip
        pids = {key: service.pid for key, service in wake.items() if service.up and service.pid}
        known = {key: group for key, group in self._groups.items() if key in wake}
        new = {key: (pid, _group(pid)) for key, pid in pids.items() if known.get(key, (0, 0))[0] != pid}
        self._table, self._groups = table, {**known, **new}

    def reached(self, route: Route, service: Service) -> str | None:
        """Return where something listens for a service at this moment, None where nothing does."""
        same = (each for each in self._table.routes if each.worktree.id == route.worktree.id)
        now = next((found for each in same if (found := each.service(service.name))), service)
        return None if now.blocked else _dialled(now.port, tls=now.tls)

    def said(self, route: Route, service: Service) -> tuple[str, ...]:
        """Return the last lines that the server of a service has printed, without what looks like a secret."""
        server = records.at(records.directory_of(self._store, route.worktree.id, service.name))
        return log.said(server) if server else ()

    def start(self, route: Route, service: Service, *, again: bool) -> str:
        """Start the server of a service, and wait until it listens; return where.

        RouterError where it is not allowed, nothing says how, it ends instead, or ended too often; `again` where the
        user asks for it all the same.
        """
        server = records.at(records.directory_of(self._store, route.worktree.id, service.name))
        if not again:
            _expect_fit(route, server)
        if not (server and server.runs) and (upstream := self._returned(route, service)):
            return upstream
        own = worktree_env.command_environment(
            self._settings, self._store, cwd=Path(route.worktree.path), environ=self._environ, fix=True
        )
        found = commands.commands(own.current, self._settings, self._store, service=service.name, visited=True)
        if (command := found.get(service.name)) is None:
            return self._awaited(route, service, commands.hint(own.current, service.name))
        end_sleep(self._store, kept.note(self._store, route.worktree.id))  # those that sleep with it
        for _ in range(_STOPS):
            begun = begin(own, service.name, command, store=self._store)
            outcome, server = wait(begun.directory, pause=lambda _: time.sleep(_PAUSE))
            if server and outcome is Outcome.UP:
                return self._upstream(route, service, server)
            if begun.new or (server and not server.record.stopped):
                break
        raise _failure(route, outcome, server)

    def _returned(self, route: Route, service: Service) -> str | None:
        """Wait a moment for a server that somebody else runs, and that may only be loading its configuration again."""
        _, group = self._groups.get((route.worktree.id, service.name), (0, 0))
        return self._seen(route, service, _RELOADS) if group and _lives(group) else None

    def _awaited(self, route: Route, service: Service, hint: str) -> str:
        """Wait for a service that has no command of its own: one that it needs starts it too."""
        if not (service.wakes and service.wakes.needs):
            raise NoStartCommandError(f"nothing says how {service.name} of {route.name} is started", hint=hint)
        if upstream := self._seen(route, service, service.wakes.patience):
            return upstream
        raise RouterError(
            f"nothing listens for {service.name} after {service.wakes.patience:.0f} s",
            hint=f"it has no `run` of its own in router.toml, and what it needs ({', '.join(service.wakes.needs)}) "
            "did not start it",
        )

    def _upstream(self, route: Route, service: Service, server: Server) -> str:
        """Return where a server listens: at the port that it was given, else where it was seen."""
        if upstream := _dialled(server.record.port, tls=service.tls) or self._seen(route, service, _FOLLOWED):
            return upstream
        listens = f"{service.name} listens elsewhere than on {server.record.port}"
        raise RouterError(listens, hint="see `router status`")

    def _seen(self, route: Route, service: Service, seconds: float) -> str | None:
        """Wait until something listens for a service; return where, None where nothing does after so many seconds."""
        until = time.monotonic() + seconds
        while (upstream := self.reached(route, service)) is None and time.monotonic() < until:
            time.sleep(_PAUSE)
        return upstream


def _group(pid: int) -> int:
    """Return the process group of a process, 0 where it has ended."""
    try:
        return os.getpgid(pid)
    except OSError:
        return 0


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True


def _expect_fit(route: Route, server: Server | None) -> None:
    """Raise RouterError where a server has ended within seconds of its start too often to be started by itself."""
    if server and not server.runs and states.failures_by(server) >= TRIES:
        raise RouterError(
            _told(server),
            hint=f"fix that, then say `router start {route.name} --service {server.record.service}`; "
            "a visit starts it no more",
        )


def _failure(route: Route, outcome: Outcome, server: Server | None) -> RouterError:
    if server is None:
        return RouterError("nobody knows what has become of it", hint="see `router logs`")
    hint = f"see `router logs {route.name} --service {server.record.service}`"
    if outcome is Outcome.SILENT:
        return RouterError(f"{server.record.service} runs, but it listens on no port", hint=hint)
    return RouterError(_told(server), hint=hint)


def _told(server: Server) -> str:
    """Return how a server failed, and the last lines that it printed."""
    return "\n  ".join((states.failure(server, ()), *log.said(server)))


def _dialled(port: int, *, tls: bool) -> str | None:
    """Return the address at which a connection to a port succeeds, as the route table has it; IPv4 first."""
    for address in ("127.0.0.1", "::1"):
        with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
            return f"{'https/' if tls else ''}{host_port(address, port)}"
    return None
