"""Which servers a Caddy in a container cannot reach, and what to do about it."""

from collections.abc import Iterable
from dataclasses import replace

from router.model import Listener, Problem, Route, RouteTable, Service

_HINT = (
    "start the server with `--host 0.0.0.0`, or run Caddy in this machine's network with ROUTER_UPSTREAM_HOST=127.0.0.1"
)


def from_container(table: RouteTable, listeners: Iterable[Listener]) -> RouteTable:
    """Return the table with a problem for each service that is up but out of a container's reach.

    A container comes by the address of its bridge, IPv4: it reaches what listens on all interfaces.
    """
    reached = {each.port for each in listeners if not each.loopback_only and each.address == "127.0.0.1"}
    return replace(table, routes=tuple(_with_problems(route, reached) for route in table.routes))


def _with_problems(route: Route, reached: set[int]) -> Route:
    problems = tuple(_unreachable(service) for service in route.services if service.up and service.port not in reached)
    return replace(route, problems=(*route.problems, *problems)) if problems else route


def _unreachable(service: Service) -> Problem:
    address = f"[{service.address}]" if ":" in service.address else service.address
    return Problem(
        "unreachable-from-container",
        f"the server at {address}:{service.port} listens on the loopback only, where Caddy's container cannot reach it",
        _HINT,
        service.name,
    )
