"""Which servers a Caddy in a container cannot reach, and what to do about it."""

from collections.abc import Collection, Iterable

from router.model import Listener, Problem
from router.route_table import Route, RouteTable, Service
from router.text import host_port
from router.values import replace

_HINT = (
    "start the server with `--host 0.0.0.0`, or run Caddy in this machine's network with ROUTER_UPSTREAM_HOST=127.0.0.1"
)


def from_container(table: RouteTable, listeners: Iterable[Listener]) -> RouteTable:
    """Return the table with a problem for each service that is up but out of a container's reach.

    A container comes by the address of its bridge, IPv4: it reaches what listens on all interfaces. Where that is
    another server than the service's own, which listens for IPv6 alone, the service is blocked.
    """
    reached = {each.port for each in listeners if not each.loopback_only and each.address == "127.0.0.1"}
    return replace(table, routes=tuple(_as_reached(route, reached) for route in table.routes))


def _as_reached(route: Route, reached: Collection[int]) -> Route:
    unreachable = [each for each in route.services if each.up and not _is_reached(each, reached)]
    if not unreachable:
        return route
    services = tuple(
        replace(each, up=False, blocked=True) if each in unreachable and each.port in reached else each
        for each in route.services
    )
    return replace(route, services=services, problems=(*route.problems, *map(_problem, unreachable)))


def _is_reached(service: Service, reached: Collection[int]) -> bool:
    return service.port in reached and service.address == "127.0.0.1"


def _problem(service: Service) -> Problem:
    return Problem(
        "unreachable-from-container",
        f"the server at {host_port(service.address, service.port)} cannot be reached from Caddy's container",
        _HINT,
        service.name,
    )
