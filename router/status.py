"""The one document that `status --json`, the table, the dashboard and `url` all show (schema 1 of the design)."""

from collections.abc import Mapping
from typing import Any

from router import __version__
from router.document import Document
from router.model import Problem, Repository, WorktreeId
from router.naming import origin, service_host
from router.route_table import FormerName, Route, RouteTable, Service
from router.sleep_state import SleepState, sleep_values
from router.text import shown, utc
from router.values import asdict, dataclass, field

SCHEMA = 1
_SOURCES = {"hash": "default", "index": "by number", "free": "next free", "settings": "router.toml"}


@dataclass(frozen=True, slots=True)
class WatcherStatus:
    """The document's `watcher`; pid and `since` (UTC, as `2026-11-21T10:00:00Z`) are None where none runs."""

    running: bool
    pid: int | None = None
    since: str | None = None


@dataclass(frozen=True, slots=True)
class CaddyStatus:
    """The document's `caddy`, with the same keys whether a watcher runs or not; None is what nobody knows.

    `mode` is how Caddy runs (`embedded`, `external`, `compose`) and `admin` the address of its admin API. `in_sync`
    is whether it serves what the watcher loaded last, `loads` how many configurations it took from that watcher.
    `adopted` (taken over from an earlier watcher), `restarts` and `steered` (a load cuts off nobody) are known of an
    embedded Caddy only.
    """

    running: bool
    mode: str
    admin: str
    pid: int | None = None
    version: str | None = None
    in_sync: bool | None = None
    loads: int | None = None
    last_load_ms: float | None = None
    last_error: str | None = None
    adopted: bool | None = None
    restarts: int | None = None
    steered: bool | None = None


@dataclass(frozen=True, slots=True)
class ResourceState:
    """A database, queue or cache of a worktree: its name in `router.toml`, `making`, `ready` or `failed`.

    `kind` and `target`, its name on its server, are empty where they are not known yet; `since` is when it was begun to
    be made, in seconds since the epoch.
    """

    name: str
    state: str
    kind: str = ""
    target: str = ""
    since: float | None = None
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class ServerState:
    """A server that the router started: `starting`, `failed` or `down`, while nothing listens for its service.

    `since` is in UTC, as `2026-11-21T10:00:00Z`, None where nobody knows; `problem` is what is wrong with it, `runs`
    whether it is there at all.
    """

    service: str
    state: str
    since: str | None = None
    problem: Problem | None = None
    runs: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """The parts of the document around the worktrees; `problems` are those of no single worktree.

    `orphans` are the entries of processes whose worktree is gone; None where nobody looked. `resources` are
    by the worktree's path; `servers` are those that the router started, `data_servers` the entries of those it runs
    for databases and caches.
    """

    port: int
    redirect_uris: tuple[str, ...]
    watcher: WatcherStatus
    caddy: CaddyStatus
    repositories: tuple[Repository, ...] = ()
    problems: tuple[Problem, ...] = ()
    orphans: tuple[Document, ...] | None = None
    resources: Mapping[str, tuple[ResourceState, ...]] = field(default_factory=dict)
    servers: Mapping[WorktreeId, tuple[ServerState, ...]] = field(default_factory=dict)
    data_servers: tuple[Document, ...] = ()
    sleep: Mapping[WorktreeId, SleepState] = field(default_factory=dict)


def document(table: RouteTable, frame: Frame) -> dict[str, Any]:
    """Return the status document: plain values, ready to be written as JSON."""
    return {
        "schema": SCHEMA,
        "version": __version__,
        "origin": origin("localhost", frame.port),
        "watcher": asdict(frame.watcher),
        "caddy": asdict(frame.caddy),
        "oauth": {"redirect_uris": _redirect_uris(table, frame)},
        "repositories": [
            {"path": _text(r.path), "git_dir": _text(r.common_dir), "callback_paths": list(r.callback_paths)}
            for r in frame.repositories
        ],
        "worktrees": [_worktree(route, frame) for route in table.routes],
        "problems": [problem_values(problem) for problem in (*frame.problems, *table.problems)],
        **({} if frame.orphans is None else {"orphans": list(frame.orphans)}),
        **({"data_servers": list(frame.data_servers)} if frame.data_servers else {}),
    }


def _redirect_uris(table: RouteTable, frame: Frame) -> list[str]:
    """Return the machine's redirect URIs, then those that repositories add."""
    own = origin("localhost", frame.port)
    return list(dict.fromkeys([*frame.redirect_uris, *(f"{own}{path}" for path in table.callback_paths)]))


def _worktree(route: Route, frame: Frame) -> dict[str, Any]:
    port, resources = frame.port, frame.resources.get(route.worktree.path, ())
    servers = {each.service: each for each in frame.servers.get(route.worktree.id, ())}
    failed = (each.problem for each in servers.values() if each.problem and not _is_up(route, each.service))
    sleep = frame.sleep.get(route.worktree.id)
    stays = (sleep.problem,) if sleep and sleep.problem else ()
    wrong = (*route.problems, *(each.problem for each in resources if each.problem), *failed, *stays)
    return {
        "name": route.name,
        "branch": _text(route.worktree.branch),
        "path": _text(route.worktree.path),
        "repository": _text(route.repository),
        "main": route.worktree.main,
        "detached": route.worktree.detached,
        "url": origin(f"{route.name}.localhost", port),
        "aliases": list(route.aliases),
        **({"former": list(map(_former, route.former))} if route.former else {}),
        "oauth_state": route.name,
        "services": {
            service.name: _service(route, service, port, servers.get(service.name)) for service in route.services
        },
        **({"resources": [_resource(each) for each in resources]} if resources else {}),
        **({"sleep": sleep_values(sleep)} if sleep else {}),
        "problems": [problem_values(problem) for problem in wrong],
    }


def _former(former: FormerName) -> dict[str, Any]:
    return {"name": former.name, "until": None if former.until is None else utc(former.until)}


def _resource(state: ResourceState) -> dict[str, Any]:
    return {"name": state.name, "kind": state.kind or None, "state": state.state, "target": _text(state.target or None)}


def _is_up(route: Route, name: str) -> bool:
    service = route.service(name)
    return service is not None and service.up


def _service(route: Route, service: Service, port: int, started: ServerState | None) -> dict[str, Any]:
    known = started is not None and (started.runs or not service.up)
    since = started.since if started and known else None
    return {
        "url": origin(service_host(route.name, service.name), port),
        "port": service.port,
        "address": service.address,
        "source": service.source,
        "up": service.up,
        "state": service.state if service.up or not started else started.state,
        "since": since,
        "pid": service.pid,
        "program": service.program,
        "seen": service.seen,
        **({"framework": service.framework} if service.framework else {}),
        **({"wakes": True} if _wakes(route, service) else {}),
        "path": service.path,
    }


def _wakes(route: Route, service: Service) -> bool:
    """Tell whether a visit starts a service, as that wakes it, or one that needs it."""
    needed = (each.wakes.needs for each in route.services if each.wakes)
    return service.wakes is not None or any(service.name in names for names in needed)


def problem_values(problem: Problem) -> dict[str, Any]:
    """Return a problem as it stands in the document."""
    return {
        "kind": problem.kind,
        "severity": problem.severity,
        "service": problem.service,
        "message": problem.message,
        "hint": problem.hint,
    }


def _text(text: str | None) -> str | None:
    """Return text that any JSON reader accepts: bytes that are not UTF-8 are percent-encoded."""
    return None if text is None else shown(text) if not text.isprintable() else text


def source_text(source: str, program: str | None = None) -> str:
    """Return a port's `source` as people read it; `program` is the one that listens, where it is known.

    `mise:.mise.local.toml` is the name of the file, `listener` becomes `vite (found)`, `hash` becomes `default`.
    The dashboard has its own copy, `sourceText` in `elements.js`; a test runs both over the same cases.
    """
    kind, _, name = source.partition(":")
    if kind == "listener":
        return f"{program} (found)" if program else "found"
    if kind == "container":
        return f"container {name}"
    return name or _SOURCES.get(kind, kind)
