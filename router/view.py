"""The one document that `status --json`, the table, the dashboard and `url` all show (schema 1 of the design)."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from router import __version__
from router.errors import UnknownNameError
from router.model import Problem, Repository, Route, RouteTable, Service
from router.naming import origin, service_host, shown
from router.ports import STRATEGIES

SCHEMA = 1
_WIDE = 10_000  # columns of a pipe: nothing that reads it wants folded cells
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


def changes(before: RouteTable, after: RouteTable, port: int) -> Iterator[str]:
    """Yield one line for each route that appeared, changed or went."""
    old, new = _targets(before), _targets(after)
    for host in sorted(old.keys() | new.keys()):
        url = origin(host, port)
        if host not in old:
            yield f"+ {url} → {new[host]}"
        elif host not in new:
            yield f"- {url}"
        elif old[host] != new[host]:
            yield f"~ {url} → {new[host]} (was {old[host]})"


def _targets(table: RouteTable) -> dict[str, str]:
    return {
        service_host(route.name, service.name): f"{_literal(service.address)}:{service.port} ({service.source})"
        for route in table.routes
        for service in _telling(route.services)
    }


def _literal(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _telling(services: Sequence[Service]) -> Iterable[Service]:
    """Return the services worth a line: `web`, and others that somebody declared, started or published."""
    return [s for s in services if s.name == "web" or s.up or s.source not in STRATEGIES]


def print_status(status: Document) -> None:
    """Print the table on stdout and the problems below it on stderr."""
    from rich.console import Console  # `url` and `status --json` start without it

    out = Console() if sys.stdout.isatty() else Console(width=_WIDE)
    out.print(_table(status))
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    for line in notes(status):
        errors.print(line, markup=False, emoji=False)


def renderable(status: Document) -> Any:
    """Return the table and the lines below it as something rich shows in place."""
    from rich.console import Group
    from rich.text import Text

    return Group(_table(status), *(Text(line) for line in notes(status)))


def _table(status: Document) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for heading in ("NAME", "URL", "BRANCH", "PORT", "SOURCE", ""):
        table.add_column(heading, overflow="fold", no_wrap=heading in {"NAME", "URL", "PORT"})
    several = len({worktree["repository"] for worktree in status["worktrees"]}) > 1
    repository = None
    for worktree in sorted(status["worktrees"], key=lambda w: (w["repository"], w["name"]) if several else w["name"]):
        if several and worktree["repository"] != repository:
            repository = worktree["repository"]
            table.add_row(Text(repository, style="bold"))
        for cells in _rows(worktree):
            table.add_row(*(Text(text, style=style) for text, style in cells))
    return table


def _rows(worktree: Document) -> Iterator[list[tuple[str, str]]]:
    branch = worktree["branch"] or ("(detached)" if worktree["detached"] else "")
    for name, service in worktree["services"].items():
        if name != "web" and not service["up"] and service["source"] in STRATEGIES:
            continue
        first = name == "web"
        up = f"up {service['program'] or ''} {service['pid'] or ''}".rstrip() if service["up"] else "down"
        yield [
            (worktree["name"] if first else f"  {name}", ""),
            (service["url"], "cyan"),
            (branch if first else "", ""),
            (str(service["port"]), ""),
            (service["source"], "dim"),
            (up, "green" if service["up"] else "dim"),
        ]


def notes(status: Document) -> Iterator[str]:
    """Yield the lines below the table: what is wrong and what to do, then where sign-ins come back."""
    if not status["worktrees"]:
        yield "no worktree is routed"
    for problem in problems(status):
        of = f"{problem['name']}: " if problem["name"] else ""
        yield f"{problem['severity']}: {of}{problem['message']} [{problem['kind']}]"
        if problem["hint"]:
            yield f"  → {problem['hint']}"
