"""Where a URL, an OAuth state or a callback's form would go, and by which rule, without repeating a code or token."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from router.callback import Decision, Request, decide, places
from router.model import Route, RouteTable, Service
from router.naming import origin, service_host, shown


@dataclass(frozen=True, slots=True)
class Explanation:
    """Lines for people, and whether what was asked about ends at a worktree."""

    lines: tuple[str, ...]
    routed: bool


def explanation(what: str, table: RouteTable, *, port: int, paths: Iterable[str], target: str) -> Explanation:
    """Explain a URL, a form body (`code=…&state=…`) or, where it is neither, a bare state.

    `port` is the router's, `paths` are the callback paths of the machine's settings, `target` is
    ROUTER_CALLBACK_TARGET.
    """
    callbacks = tuple(sorted({*paths, *table.callback_paths}))
    live = places(table, port=port, target=target)
    if re.match(r"https?://", what):
        parts = urlsplit(what)
        request = Request(path=parts.path, query=parts.query)
        if (parts.hostname or "") == "localhost":
            decision = decide(request, paths=callbacks, live=live)
            return _callback(decision) if decision else _own_host(parts.path, table, port)
        return _worktree_host(parts.hostname or "", table, port)
    if re.search(r"(?:^|&)(?:state|code|error|id_token)=", what):
        request = Request(path=callbacks[0], method="POST", body=what)
    else:
        request = Request(path=callbacks[0], query=f"code=x&state={quote(what, safe='')}")
    decision = decide(request, paths=callbacks, live=live)
    assert decision is not None  # noqa: S101 - its path is one of the callback paths
    return _callback(decision)


def _callback(decision: Decision) -> Explanation:
    if decision.origin is None:
        return Explanation((f"{decision.status}: the {decision.page} page", f"rule: {decision.rule}"), routed=False)
    lines = (f"{decision.status} to {decision.origin}, the worktree {decision.label}", f"rule: {decision.rule}")
    return Explanation(lines, routed=True)


def _own_host(path: str, table: RouteTable, port: int) -> Explanation:
    first = path.lstrip("/").partition("/")[0]
    if path in {"", "/"}:
        return Explanation(("200: the dashboard",), routed=False)
    route = _route(first, table)
    if route is None:
        return Explanation((f"404: no worktree is called {shown(first)!r}",), routed=False)
    there = origin(f"{route.name}.localhost", port)
    return Explanation((f"307 to {there}", "rule: localhost/<label>/… leads to the worktree's own host"), routed=True)


def _worktree_host(host: str, table: RouteTable, port: int) -> Explanation:
    labels = host.split(".")
    if labels[-1] != "localhost" or len(labels) < 2:  # noqa: PLR2004
        return Explanation((f"421: {shown(host)} is neither localhost nor below it",), routed=False)
    name, _, service = labels[-2].partition("--")
    route = _route(name, table)
    if route is None:
        return Explanation((f"404: no worktree is called {shown(name)!r}",), routed=False)
    in_front = labels[:-2]
    asked = service or (in_front[0] if len(in_front) == 1 else "web")
    found = route.service(asked)
    if found is None and service:
        return Explanation((f"404: {route.name} has no service {shown(service)!r}",), routed=False)
    target = found or route.services[0]
    return Explanation(_target(route, target, in_front, port), routed=True)


def _target(route: Route, service: Service, in_front: list[str], port: int) -> tuple[str, ...]:
    address = f"[{service.address}]" if ":" in service.address else service.address
    state = "up" if service.up else "down: the starting page is shown"
    rule = f"{service_host(route.name, service.name)} is the {service.name} of {route.name}"
    if in_front and service.name == "web":
        rule = f"a name in front of {route.name} leads to its web"
    return (
        f"to {address}:{service.port}, the {service.name} of {route.name} ({state})",
        f"rule: {rule}",
        f"port from {service.source}; {origin(service_host(route.name, service.name), port)}",
    )


def _route(name: str, table: RouteTable) -> Route | None:
    return next((route for route in table.routes if name in route.names), None)
