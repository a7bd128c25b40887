"""Where a URL, an OAuth state or a callback's form would go, and by which rule, without repeating a code or token."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from router.caddy.callback_rules import Decision, Request, decide, destinations
from router.errors import UsageError
from router.model import Route, RouteTable, Service
from router.naming import host_port, origin, read_host, service_host, shown
from router.status import source_text


@dataclass(frozen=True, slots=True)
class Explanation:
    """Lines for people, and whether what was asked about ends at a worktree."""

    lines: tuple[str, ...]
    routed: bool


_ROUTERS = Explanation(("/.router/ is the router's own on every host",), routed=False)


def explanation(what: str, table: RouteTable, *, port: int, paths: Iterable[str], target: str) -> Explanation:
    """Explain a URL, a form body (`code=…&state=…`) or, where it is neither, a bare state.

    `port` is the router's, `paths` are the callback paths of the machine's settings, `target` is
    ROUTER_CALLBACK_TARGET.
    """
    callbacks = tuple(sorted({*paths, *table.callback_paths}))
    live = destinations(table, port=port, target=target)
    if re.match(r"https?://", what):
        host, path, query = _parts(what)
        if host == "localhost":
            decision = decide(Request(path=path, query=query), paths=callbacks, live=live)
            return _callback(decision) if decision else _own_host(path, table, port)
        return _other_host(host, path, table, port)
    if not callbacks:
        return Explanation(("no callback path is set, so no callback comes here",), routed=False)
    at = callbacks[0].replace("/*", "/provider")
    if re.search(r"(?:^|&)(?:state|code|error|id_token)=", what):
        request = Request(path=at, method="POST", body=what)
    else:
        request = Request(path=at, query=f"code=x&state={quote(what, safe='')}")
    decision = decide(request, paths=callbacks, live=live)
    assert decision is not None  # noqa: S101 - its path is one of the callback paths
    return _callback(decision)


def _parts(url: str) -> tuple[str, str, str]:
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.path, parts.query
    except ValueError as exc:
        raise UsageError(f"this is no URL: {exc}", hint="put it in quotes, with its host and port") from exc


def _callback(decision: Decision) -> Explanation:
    if decision.origin is None:
        return Explanation((f"{decision.status}: the {decision.page} page", f"rule: {decision.rule}"), routed=False)
    lines = (f"{decision.status} to {decision.origin}, the worktree {decision.label}", f"rule: {decision.rule}")
    return Explanation(lines, routed=True)


def _own_host(path: str, table: RouteTable, port: int) -> Explanation:
    if path in {"", "/"}:
        return Explanation(("200: the dashboard",), routed=False)
    if path.startswith("/.router/"):
        return _ROUTERS
    first = path.removeprefix("/").partition("/")[0]
    if _route(first, table) is None:
        return Explanation((f"404: no worktree is called {shown(first)!r}",), routed=False)
    there = origin(service_host(first, "web"), port)
    return Explanation((f"307 to {there}", "rule: localhost/<label>/… leads to the worktree's own host"), routed=True)


def _other_host(host: str, path: str, table: RouteTable, port: int) -> Explanation:
    if host in {"127.0.0.1", "::1"}:
        return Explanation((f"307 to {origin('localhost', port)}", "rule: everything is at localhost"), routed=False)
    if not host.endswith(".localhost"):
        return Explanation((f"421: {shown(host)} is neither localhost nor below it",), routed=False)
    if path.startswith("/.router/"):
        return _ROUTERS
    name, asked = read_host(host, {service.name for route in table.routes for service in route.services})
    route = _route(name, table)
    if route is None:
        return Explanation((f"404: no worktree is called {shown(name)!r}",), routed=False)
    in_front = host.count(".") > 1
    found = route.service(asked)
    if found is None and not in_front:
        return Explanation((f"404: {route.name} has no service {asked!r}",), routed=False)
    mounted = _mounted(route, path) if asked == "web" else None
    target = mounted or found or route.services[0]
    rule = f"{service_host(route.name, target.name)} is the {target.name} of {route.name}"
    if mounted:
        rule = f"{mounted.path} on the host of {route.name} is its {mounted.name}"
    elif in_front and target.name == "web":
        rule = f"a name in front of {route.name} leads to its web"
    return Explanation(_target(route, target, rule, port), routed=True)


def _mounted(route: Route, path: str) -> Service | None:
    """Return the service that has this path on the worktree's own host, that of the longest one."""
    matching = (s for s in route.services if s.path and f"{path}/".startswith(f"{s.path}/"))
    return max(matching, key=lambda service: len(service.path or ""), default=None)


def _target(route: Route, service: Service, rule: str, port: int) -> tuple[str, ...]:
    state = "up" if service.up else "down: the starting page is shown"
    where = f"to {host_port(service.address, service.port)}, the {service.name} of {route.name} ({state})"
    if service.blocked:
        where = f"to the starting page: somebody else listens on port {service.port}; `router status` says who"
    return (
        where,
        f"rule: {rule}",
        f"port source: {source_text(service.source)}; {origin(service_host(route.name, service.name), port)}",
    )


def _route(name: str, table: RouteTable) -> Route | None:
    return next((route for route in table.routes if name in route.names), None)
