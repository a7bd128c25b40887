"""Where a URL, an OAuth state or a callback's form would go, and by which rule, without repeating a code or token."""

import re
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

from router.caddy.callback_rules import Decision, Request, decide, destinations
from router.errors import UsageError
from router.naming import origin, read_host, service_host
from router.route_table import Route, RouteTable, Service
from router.status import source_text
from router.text import clock, host_port, shown
from router.values import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """Lines for people, whether what was asked about ends at a worktree, and at which where its own host was asked."""

    lines: tuple[str, ...]
    routed: bool
    worktree: str | None = None


Sites = tuple[tuple[str, ...], ...]
"""The sites that were used last, as `watcher/recent.py` writes them: hosts without `.localhost`."""

HOPS = 8
"""How many sites a search visits at most, as `claim-answer.js` has it."""

_ROUTERS = Explanation(("/.router/ is the router's own on every host",), routed=False)


def explanation(
    what: str, table: RouteTable, *, port: int, paths: Iterable[str], target: str, recent: Sites | None = None
) -> Explanation:
    """Explain a URL, a form body (`code=…&state=…`) or, where it is neither, a bare state.

    `port` is the router's, `paths` are the callback paths of the machine's settings, `target` is
    ROUTER_CALLBACK_TARGET, `recent` what was used last, None where no watcher says it.
    """
    callbacks = tuple(sorted({*paths, *table.callback_paths}))
    live = destinations(table, port=port, target=target)
    if re.match(r"https?://", what):
        host, path, query, fragment = _parts(what)
        if host != "localhost":
            return _other_host(host, path, table, port)
        decision = decide(Request(path=path, query=query), paths=callbacks, live=live)
        if decision and decision.page == "relay" and fragment:
            decision = decide(_relayed(path, fragment), paths=callbacks, live=live)
        return _callback(decision, table, recent) if decision else _own_host(path, table, port)
    if not callbacks:
        return Explanation(("no callback path is set, so no callback comes here",), routed=False)
    at = callbacks[0].replace("/*", "/provider")
    if re.search(r"(?:^|&)(?:state|code|error|id_token)=", what):
        request = Request(path=at, method="POST", body=what)
    else:
        request = Request(path=at, query=f"code=x&state={quote(what, safe='')}")
    decision = decide(request, paths=callbacks, live=live)
    assert decision is not None  # noqa: S101 - its path is one of the callback paths
    return _callback(decision, table, recent)


def _relayed(path: str, fragment: str) -> Request:
    """Return what the relay page asks for an answer that is in the fragment: the state alone."""
    states = (pair for pair in fragment.split("&") if pair.startswith("state="))
    return Request(path=f"/.router/relay{path}", query="&".join(states))


def _parts(url: str) -> tuple[str, str, str, str]:
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.path, parts.query, parts.fragment
    except ValueError as exc:
        raise UsageError(f"this is no URL: {exc}", hint="put it in quotes, with its host and port") from exc


def _callback(decision: Decision, table: RouteTable, recent: Sites | None) -> Explanation:
    if decision.origin is None:
        said = (f"{decision.status}: the {decision.page} page", f"rule: {decision.rule}")
        return Explanation((*said, *_on_the_page(decision, table, recent)), routed=False)
    lines = (f"{decision.status} to {decision.origin}, the worktree {decision.label}", f"rule: {decision.rule}")
    name, _ = _name(urlsplit(decision.origin).hostname or "", table)
    return Explanation((*lines, *_former(name, table)), routed=True)


def _on_the_page(decision: Decision, table: RouteTable, recent: Sites | None) -> tuple[str, ...]:
    """Return what the script of the chooser or the relay page does then."""
    if decision.page == "relay":
        last = f"leads on to {recent[0][0]}, which was used last" if recent else "lists the worktrees"
        return (f"without a fragment it {last}",)
    if not decision.searched:
        return ()
    used = (((decision.first,),) if decision.first else ()) + (recent or ())
    hosts = {host for host, *_ in used}
    others = ((route.name,) for route in table.routes if route.name not in hosts)
    asked = ", ".join(dict.fromkeys(" with ".join(site) for site in (*used, *others)[:HOPS]))
    order_is = "what was used last first" if recent else "as nobody was seen to be used"
    stateless = decision.rule == "no state"
    began = "where alone a login is pending" if stateless else "who has begun a sign-in with that state"
    return (
        f"a tab then asks in turn, {order_is}: {asked}",
        f"{began} gets the answer; nobody or two, and the developer chooses",
        "a popup's opener, or the page around a frame, gets it without that search",
    )


def _own_host(path: str, table: RouteTable, port: int) -> Explanation:
    if path in {"", "/"}:
        return Explanation(("200: the dashboard",), routed=False)
    if path.startswith("/.router/"):
        return _ROUTERS
    first = path.removeprefix("/").partition("/")[0]
    if _route(first, table) is None:
        return _unknown(first, table)
    there = origin(service_host(first, "web"), port)
    return Explanation((f"307 to {there}", "rule: localhost/<label>/… leads to the worktree's own host"), routed=True)


def _other_host(host: str, path: str, table: RouteTable, port: int) -> Explanation:
    if host in {"127.0.0.1", "::1"}:
        return Explanation((f"307 to {origin('localhost', port)}", "rule: everything is at localhost"), routed=False)
    if not host.endswith(".localhost"):
        return Explanation((f"421: {shown(host)} is neither localhost nor below it",), routed=False)
    if path.startswith("/.router/"):
        return _ROUTERS
    name, asked = _name(host, table)
    route = _route(name, table)
    if route is None:
        return _unknown(name, table)
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
    lines = (*_target(route, target, rule, port), *_former(name, table))
    return Explanation(lines, routed=True, worktree=route.name)


def _unknown(name: str, table: RouteTable) -> Explanation:
    said = f"404: no worktree is called {shown(name)!r}"
    now = next((route.name for route in table.routes if name in route.left), None)
    return Explanation((said, f"the worktree that had this name is called {now} now") if now else (said,), routed=False)


def _former(name: str, table: RouteTable) -> tuple[str, ...]:
    """Return what is to say of a name that was a worktree's until lately; nothing of any other."""
    found = ((route, each) for route in table.routes for each in route.former if each.name == name)
    route, former = next(found, (None, None))
    if route is None or former is None:
        return ()
    end = "stays its alias" if former.until is None else f"leads to it until {clock(former.until)}"
    return (f"{name} was the name of {route.name} before, and {end}",)


def _name(host: str, table: RouteTable) -> tuple[str, str]:
    """Return the name and the service that a host asks for, both empty for one that is not below localhost."""
    services = {service.name for route in table.routes for service in route.services}
    return read_host(host, services) if host.endswith(".localhost") else ("", "")


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
