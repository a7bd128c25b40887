"""Ends servers of a worktree, those included that the router started and that do not listen yet."""

import contextlib
import time
from collections.abc import Callable, Collection, Iterable, Sequence

from router import ps
from router.errors import StoreError
from router.processes import containers
from router.processes.containers import Container
from router.processes.stop import Stopped, stop
from router.servers import records
from router.servers.records import Server
from router.store import Store
from router.values import replace

_NOTED = 5.0  # seconds for the process beside a server to note its end
_PAUSE = 0.01


def stop_all(
    store: Store,
    path: str,
    *,
    roots: Sequence[str],
    routers: Collection[int],
    services: Collection[str] = (),
    ports: Collection[int] | None = None,
    composed: Callable[[], tuple[Container, ...]] = containers.running,
) -> Stopped:
    """End the servers of the worktree at a path, or those of some `services` and `ports`, and its containers there.

    `roots` are the paths of all worktrees, `routers` the pids of the watcher and its Caddy.
    """
    begun = [
        each
        for each in records.of_path(store, path)
        if ports is None or each.record.service in services or each.record.port in ports
    ]
    sessions = _marked(store, begun)
    done = stop(path, roots=roots, routers=routers, ports=ports, sessions=sessions, composed=composed)
    _wait_until_noted(begun)
    return done


def stop_started(
    store: Store, servers: Iterable[Server], *, roots: Sequence[str], routers: Collection[int]
) -> dict[str, Stopped]:
    """End these servers, which the router started, and nothing else; return what it came to by the worktree's name."""
    by_path: dict[str, list[Server]] = {}
    for each in servers:
        by_path.setdefault(each.record.path, []).append(each)
    done = {}
    for path, begun in by_path.items():
        sessions = _marked(store, begun)
        ended = stop(path, roots=[*roots, path], routers=routers, ports=(), sessions=sessions, composed=tuple)
        _wait_until_noted(begun)
        name = begun[0].record.name
        done[name if name not in done else path] = replace(ended, bystanders=())
    return done


def _marked(store: Store, servers: Iterable[Server]) -> frozenset[int]:
    """Have servers count as stopped, so that their end is no failure; return the sessions of those that run."""
    sessions = set()
    for each in servers:
        with contextlib.suppress(StoreError):  # a full disk keeps no server from being ended
            records.write(store, each.directory, replace(each.record, stopped=True))
        if each.runs:
            sessions.add(each.record.server.pid)
    return frozenset(sessions)


def _wait_until_noted(begun: Iterable[Server]) -> None:
    """Wait until the end of servers is noted: until then they seem to run, and are not started again."""
    deadline = time.monotonic() + _NOTED
    for each in begun:
        while records.is_locked(each.directory) and not _lives(each) and time.monotonic() < deadline:
            time.sleep(_PAUSE)


def _lives(server: Server) -> bool:
    """Tell whether anything of a server's session still runs."""
    return any(map(ps.identify, ps.session(server.record.server.pid)))
