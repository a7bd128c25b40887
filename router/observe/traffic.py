"""When somebody last used the servers of this machine, without touching what passes between them.

One look at the kernel's connections says who came since the last one, how many bytes, and when to the millisecond, so
that two servers that were used between two looks have their order. What a quiet websocket and its pings send does not
count, and neither do the router's own connections.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from router.observe import sock_diag
from router.observe.sock_diag import Connection
from router.values import dataclass

COUNTS = 2048
"""Bytes towards a server within a minute that are more than pings."""
_WITHIN = 60.0

_Key = tuple[int, str, int]


class _Seen(NamedTuple):
    """What a connection has received by now, and how many seconds ago the last of that came."""

    received: int
    silent: float


@dataclass(frozen=True, slots=True)
class Use:
    """That somebody used a port, as was last seen `at` so many seconds of the looks' clock.

    It was by a new connection, or by `bytes` within a minute. `came` is when, by the kernel's word: between two looks.
    """

    port: int
    at: float
    bytes: int = 0
    came: float = 0.0


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
        self._known: dict[int, dict[_Key, _Seen]] = {}
        self._lately: dict[int, deque[tuple[float, int]]] = defaultdict(deque)
        self._last: dict[int, Use] = {}

    def look(self, ports: Collection[int], *, now: float) -> Mapping[int, Use]:
        """Return how each of these ports was last used, where it was. OSError where the kernel does not answer."""
        wanted = frozenset(ports)
        found: dict[int, dict[_Key, _Seen]] = {port: {} for port in wanted}
        for each in self._connections(wanted) if wanted else ():
            key = (each.port, each.client, each.client_port)
            other = found[each.port].get(key, _NOTHING)
            found[each.port][key] = _Seen(max(each.received, other.received), min(each.silent, other.silent))
        for port, connections in found.items():
            if port in self._known or self._at_once:
                self._compare(port, self._known.get(port, {}), connections, now)
        self._known = found
        self._last = {port: use for port, use in self._last.items() if port in wanted}
        return dict(self._last)

    def _compare(self, port: int, before: Mapping[_Key, _Seen], connections: Mapping[_Key, _Seen], now: float) -> None:
        theirs = {key: seen for key, seen in connections.items() if not self._own(key[2], port)}
        grown = {key: max(0, seen.received - before.get(key, _NOTHING).received) for key, seen in theirs.items()}
        lately = self._lately[port]
        lately.append((now, sum(grown.values())))
        while lately[0][0] <= now - _WITHIN:
            lately.popleft()
        sent = sum(size for _, size in lately)
        if new := theirs.keys() - before.keys():
            self._last[port] = Use(port, now, came=now - _silent(theirs[key] for key in new))
        elif any(grown.values()) and sent > COUNTS:
            came = now - _silent(theirs[key] for key, size in grown.items() if size)
            self._last[port] = Use(port, now, sent, came)


_NOTHING = _Seen(0, float("inf"))


def _silent(connections: Iterable[_Seen]) -> float:
    """Return how many seconds ago the last of them was used; 0 where the kernel tells that of none."""
    least = min(each.silent for each in connections)
    return least if least < float("inf") else 0.0
