"""The one document that `status --json`, the table, the dashboard and `url` all show (schema 1 of the design)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from router import __version__
from router.errors import UnknownNameError
from router.model import Problem, Repository, Route, RouteTable, Service
from router.naming import origin, service_host, shown

SCHEMA = 1
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the worktrees in the document."""

    port: int
    redirect_uris: tuple[str, ...]
    watcher: Mapping[str, Any]
    caddy: Mapping[str, Any]
    repositories: tuple[Repository, ...] = ()
    problems: tuple[Problem, ...] = ()


def document(table: RouteTable, frame: Frame) -> dict[str, Any]:
    """Return the status document: plain values, ready for JSON."""
    return {
        "schema": SCHEMA,
        "version": __version__,
        "origin": origin("localhost", frame.port),
        "watcher": dict(frame.watcher),
        "caddy": dict(frame.caddy),
        "oauth": {"redirect_uris": _redirect_uris(table, frame)},
        "repositories": [{"path": _text(r.path), "git_dir": _text(r.common_dir)} for r in frame.repositories],
        "worktrees": [_worktree(route, frame.port) for route in table.routes],
        "problems": [_problem(problem) for problem in (*frame.problems, *table.problems)],
    }


def _redirect_uris(table: RouteTable, frame: Frame) -> list[str]:
    """Return the machine's redirect URIs and those that the repositories add."""
    own = origin("localhost", frame.port)
    return list(dict.fromkeys([*frame.redirect_uris, *(f"{own}{path}" for path in table.callback_paths)]))


def _worktree(route: Route, port: int) -> dict[str, Any]:
    return {
        "name": route.name,
        "branch": _text(route.worktree.branch),
        "path": _text(route.worktree.path),
        "repository": _text(route.repository),
        "main": route.worktree.main,
        "detached": route.worktree.detached,
        "url": origin(f"{route.name}.localhost", port),
        "aliases": list(route.aliases),
        "oauth_state": route.name,
        "services": {service.name: _service(route, service, port) for service in route.services},
        "problems": [_problem(problem) for problem in route.problems],
    }


def _service(route: Route, service: Service, port: int) -> dict[str, Any]:
    return {
        "url": origin(service_host(route.name, service.name), port),
        "port": service.port,
        "address": service.address,
        "source": service.source,
        "up": service.up,
        "pid": service.pid,
        "program": service.program,
    }


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "kind": problem.kind,
        "severity": problem.severity,
        "service": problem.service,
        "message": problem.message,
        "hint": problem.hint,
    }


def _text(text: str | None) -> str | None:
    """Return text that any JSON reader takes: what git gave in another encoding is percent-encoded."""
    return None if text is None else shown(text) if not text.isprintable() else text


def problems(status: Document) -> list[dict[str, Any]]:
    """Return every problem of a document, each with the `name` of its worktree (None for the router's own)."""
    own = [{"name": None, **problem} for problem in status["problems"]]
    return own + [{"name": w["name"], **problem} for w in status["worktrees"] for problem in w["problems"]]


def find(status: Document, name: str) -> Document:
    """Return the worktree of that label, else alias, else branch; UnknownNameError lists those there are."""
    for names in (lambda w: [w["name"]], lambda w: w["aliases"], lambda w: [w["branch"]]):
        for worktree in status["worktrees"]:
            if name in names(worktree):
                return dict(worktree)
    known = ", ".join(w["name"] for w in status["worktrees"]) or "none"
    raise UnknownNameError(f"no worktree is called {shown(name)!r}", hint=f"there are: {known}")


def find_service(worktree: Document, name: str) -> Document:
    """Return a service of a worktree; UnknownNameError lists those there are."""
    if name in worktree["services"]:
        return dict(worktree["services"][name])
    known = ", ".join(worktree["services"])
    raise UnknownNameError(f"{worktree['name']} has no service {shown(name)!r}", hint=f"it has: {known}")
