"""When somebody last used the servers of this machine, without touching what passes between them.

One look at the kernel's connections says who came since the last one, and how many bytes. What a quiet websocket and
its pings send does not count, and neither do the router's own connections.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from router.observe import sock_diag
from router.observe.sock_diag import Connection

COUNTS = 2048
"""Bytes towards a server within a minute that are more than pings."""
_WITHIN = 60.0

_Key = tuple[int, str, int]


@dataclass(frozen=True, slots=True)
class Use:
    """That somebody used a port, last `at` so many seconds of the looks' clock.

    It was by a new connection, or by `bytes` within a minute.
    """

    port: int
    at: float
    bytes: int = 0


class Traffic:
    """Who uses which ports, from one look to the next. A port that was not looked at before counts from then on.

    `own` tells whether a connection is the router's own, by the port it comes from and the one it is to. With `at_once`
    connections that are there at the first look at a port count as use of it.
    """

    def __init__(
        self, own: Callable[[int, int], bool], *,
        connections: Callable[[Collection[int]], Iterable[Connection]] = sock_diag.connections, at_once: bool = False,
    ) -> None:  # fmt: skip
        self._own = own
        self._connections = connections
        self._at_once = at_once
        self._known: dict[int, dict[_Key, int]] = {}
        self._lately: dict[int, deque[tuple[float, int]]] = defaultdict(deque)
        self._last: dict[int, Use] = {}

    def look(self, ports: Collection[int], *, now: float) -> Mapping[int, Use]:
        """Return how each of these ports was last used, where it was. OSError where the kernel does not answer."""
        wanted = frozenset(ports)
        found: dict[int, dict[_Key, int]] = {port: {} for port in wanted}
        for each in self._connections(wanted) if wanted else ():
            key = (each.port, each.client, each.client_port)
            found[each.port][key] = max(each.received, found[each.port].get(key, 0))
        for port, connections in found.items():
            if port in self._known or self._at_once:
                self._compare(port, self._known.get(port, {}), connections, now)
        self._known = found
        self._last = {port: use for port, use in self._last.items() if port in wanted}
        return dict(self._last)

    def _compare(self, port: int, before: Mapping[_Key, int], connections: Mapping[_Key, int], now: float) -> None:
        theirs = {key: size for key, size in connections.items() if not self._own(key[2], port)}
        came = sum(max(0, size - before.get(key, 0)) for key, size in theirs.items())
        lately = self._lately[port]
        lately.append((now, came))
        while lately[0][0] <= now - _WITHIN:
            lately.popleft()
        sent = sum(size for _, size in lately)
        if theirs.keys() - before.keys():
            self._last[port] = Use(port, now)
        elif came and sent > COUNTS:
            self._last[port] = Use(port, now, sent)
