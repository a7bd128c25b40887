"""What changed between two route tables, as lines for people."""

from collections.abc import Iterable, Iterator, Sequence

from router.naming import origin, service_host
from router.ports import STRATEGIES
from router.route_table import RouteTable, Service
from router.status import source_text
from router.text import host_port


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
        service_host(route.name, service.name): _target(service)
        for route in table.routes
        for service in _telling(route.services)
    }


def _target(service: Service) -> str:
    return f"{host_port(service.address, service.port)} ({source_text(service.source)})"


def _telling(services: Sequence[Service]) -> Iterable[Service]:
    """Return the services worth a line: `web`, and others that somebody declared, started or published."""
    return [s for s in services if s.name == "web" or s.up or s.source not in STRATEGIES]
