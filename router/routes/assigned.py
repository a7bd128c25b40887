"""Which port each service is assigned by its strategy: decided once, remembered, nobody else's."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from router.model import Listener, Observed, RememberedService, ServiceSpec, Worktree, WorktreeId
from router.ports import HIGHEST, LOWEST, NOT_DEV_PORTS
from router.routes.claims import by_port, published

Key = tuple[WorktreeId, str]


@dataclass(frozen=True, slots=True)
class PortRequest:
    """A service of a worktree that is to have a port.

    `hashed` is its hash port, `index` its worktree's number, `declared` the port that its files name, `known` what is
    remembered of it.
    """

    worktree: Worktree
    spec: ServiceSpec
    hashed: int
    index: int
    declared: int | None
    known: RememberedService | None

    @property
    def key(self) -> Key:
        """What tells this service from every other."""
        return self.worktree.id, self.spec.name

    @property
    def natural(self) -> int | None:
        """The port that its strategy means it to have, whoever has it; None where the next free one is as good."""
        if self.spec.ports == "hash":
            return self.hashed
        port = (self.spec.base or LOWEST) + self.index
        return port if self.spec.ports == "index" and port <= HIGHEST else None

    @property
    def remembered(self) -> int | None:
        """The port that this very rule assigned before."""
        return self.known.assigned if self.known and self.known.rule == self.spec.rule else None

    @property
    def start(self) -> int:
        """Where to look for a free port: at the one it had, at the one that is meant, at its base."""
        return self.remembered or self.natural or self.spec.base or LOWEST


def assign(requests: Sequence[PortRequest], observed: Observed, *, elsewhere: frozenset[int]) -> dict[Key, int]:
    """Return the assigned port of every service; `requests` are in the order of age.

    What is remembered stays. Then each gets the port that its strategy means, if nobody has it; the others get the
    next free one, so that nobody steps onto a port that is meant for another. Stepped over are reserved ports, those
    of `elsewhere` (repositories that nobody looks at now), those that files name for other services, those at which
    other services are found, and those that a foreign process holds.
    """
    use = _port_use(requests, observed, elsewhere)
    given: dict[Key, int] = {}
    for choose in (_kept, _meant, _next):
        for request in requests:
            if request.key not in given and (port := choose(request, use)):
                given[request.key] = port
                use.taken.add(port)
    return given


@dataclass(frozen=True, slots=True)
class _PortUse:
    """What is known of every port; `taken` grows while ports are assigned.

    `found` are the services, by path of the worktree and name, that are somewhere else than they were assigned.
    """

    reserved: frozenset[int]
    elsewhere: frozenset[int]
    declared_ports: Mapping[int, frozenset[Key]]
    found: Mapping[int, frozenset[tuple[str, str]]]
    listening: Mapping[int, tuple[Listener, ...]]
    taken: set[int]

    def free(self, request: PortRequest, port: int) -> bool:
        """Tell whether a service may have a port that it did not have before."""
        path, declared_ports = request.worktree.path, self.declared_ports.get(port, frozenset())
        return (
            port not in self.reserved | self.elsewhere
            and port not in self.taken
            and declared_ports <= {request.key}
            and self.found.get(port, frozenset()) <= {(path, request.spec.name)}
            and not _foreign(self.listening.get(port, ()), request)
            and (request.spec.ports == "hash" or port == request.natural or port not in NOT_DEV_PORTS)
        )


def _port_use(requests: Iterable[PortRequest], observed: Observed, elsewhere: frozenset[int]) -> _PortUse:
    declared_ports: dict[int, set[Key]] = defaultdict(set)
    found: dict[int, set[tuple[str, str]]] = defaultdict(set)
    for request in requests:
        if request.declared:
            declared_ports[request.declared].add(request.key)
        known = request.known
        if known and (known.port != known.assigned or known.source == "listener" or published(known.source)):
            found[known.port].add((request.worktree.path, request.spec.name))
    for container in observed.containers:
        found[container.port].add((container.worktree, container.service))
    return _PortUse(
        reserved=observed.reserved,
        elsewhere=elsewhere,
        declared_ports={port: frozenset(keys) for port, keys in declared_ports.items()},
        found={port: frozenset(services) for port, services in found.items()},
        listening=by_port(observed.listeners),
        taken=set(),
    )


def _kept(request: PortRequest, use: _PortUse) -> int | None:
    port = request.remembered
    if port is None or port in use.reserved or port in use.taken:
        return None
    siblings = {service for of, service in use.declared_ports.get(port, ()) if of == request.worktree.id} - {
        request.spec.name
    }
    return None if siblings else port


def _meant(request: PortRequest, use: _PortUse) -> int | None:
    port = None if request.remembered else request.natural
    return port if port and use.free(request, port) else None


def _next(request: PortRequest, use: _PortUse) -> int:
    return next(port for port in _upward(request.start) if use.free(request, port))


def _upward(start: int) -> Iterator[int]:
    return chain(range(start, HIGHEST + 1), range(LOWEST, start))


def _foreign(listeners: Iterable[Listener], request: PortRequest) -> bool:
    """Tell whether somebody else's process holds a port.

    A process that cannot be seen may be a container's of this very worktree, which was told its hash port.
    """
    holders = [(found.worktree, found.pid) for found in listeners]
    if any(path == request.worktree.path for path, _ in holders):
        return False
    return any(path or pid or request.spec.ports != "hash" for path, pid in holders)
