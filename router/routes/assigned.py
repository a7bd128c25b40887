"""Which port each service is assigned by its strategy: decided once, remembered, nobody else's."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain

from router.model import Container, ServiceSpec, Worktree
from router.ports import HIGHEST, LOWEST, NOT_DEV_PORTS
from router.remembered import RememberedService
from router.routes.claims import Candidate, published
from router.routes.declared import Key
from router.routes.sockets import Sockets
from router.values import dataclass


@dataclass(frozen=True, slots=True)
class PortRequest:
    """A service of a worktree that is to have a port.

    `hashed` is its hash port, `index` its worktree's number, `declared` what its files name, `known` what is remembered
    of it.
    """

    worktree: Worktree
    spec: ServiceSpec
    hashed: int
    index: int
    declared: Candidate | None
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


def assign(
    requests: Sequence[PortRequest],
    sockets: Sockets,
    containers: Iterable[Container] = (),
    *,
    reserved: frozenset[int],
    elsewhere: frozenset[int],
) -> dict[Key, int]:
    """Return the assigned port of every service; `requests` are in the order of age.

    What is remembered stays. Then each gets the port that its strategy means, if nobody has it; the others get the
    next free one, so that nobody steps onto a port that is meant for another. Stepped over are `reserved` ports, those
    of `elsewhere` (repositories that nobody looks at now), those that files name for other services, those at which
    other services are found, and those that somebody else's process holds.
    """
    use = _port_use(requests, sockets, containers, elsewhere=elsewhere)
    assigned: dict[Key, int] = {}
    taken = set(reserved)
    for choose in (_kept, _meant, _next):
        for request in requests:
            if request.key not in assigned and (port := choose(request, use, taken)):
                assigned[request.key] = port
                taken.add(port)
    return assigned


@dataclass(frozen=True, slots=True)
class _PortUse:
    """Who has a port already, apart from those assigned in this pass.

    `found` are the services, by path of the worktree and name, that are somewhere else than they were assigned.
    """

    elsewhere: frozenset[int]
    declared: Mapping[int, frozenset[Key]]
    found: Mapping[int, frozenset[tuple[str, str]]]
    sockets: Sockets

    def is_free(self, port: int, request: PortRequest) -> bool:
        """Tell whether a service may have a port that it did not have before."""
        service = (request.worktree.path, request.spec.name)
        return (
            port not in self.elsewhere
            and self.declared.get(port, frozenset()) <= {request.key}
            and self.found.get(port, frozenset()) <= {service}
            and not self._is_held(port, request)
            and (request.spec.ports == "hash" or port == request.natural or port not in NOT_DEV_PORTS)
        )

    def _is_held(self, port: int, request: PortRequest) -> bool:
        """Tell whether somebody else's process listens on a port.

        One that cannot be seen may be that of a container of this very worktree, which was given its hash port.
        """
        listening = self.sockets.by_port.get(port, ())
        if any(each.worktree == request.worktree.path for each in listening):
            return any(each.shared for each in listening)
        of_others = (each.worktree or each.pid or self.sockets.of_another_user(each) for each in listening)
        return any(of_others) or (bool(listening) and request.spec.ports != "hash")


def _port_use(
    requests: Iterable[PortRequest], sockets: Sockets, containers: Iterable[Container], *, elsewhere: frozenset[int]
) -> _PortUse:
    declared: dict[int, set[Key]] = defaultdict(set)
    found: dict[int, set[tuple[str, str]]] = defaultdict(set)
    for request in requests:
        if request.declared:
            declared[request.declared.port].add(request.key)
        known = request.known
        if known and (known.port != known.assigned or known.source == "listener" or published(known.source)):
            found[known.port].add((request.worktree.path, request.spec.name))
    for container in containers:
        found[container.port].add((container.worktree, container.service))
    return _PortUse(
        elsewhere=elsewhere,
        declared={port: frozenset(keys) for port, keys in declared.items()},
        found={port: frozenset(services) for port, services in found.items()},
        sockets=sockets,
    )


def _kept(request: PortRequest, use: _PortUse, taken: AbstractSet[int]) -> int | None:
    """Return the remembered port, unless files of the same worktree name it for another of its services by now."""
    port = request.remembered
    if port is None or port in taken:
        return None
    same_worktree = (key for key in use.declared.get(port, ()) if key[0] == request.worktree.id)
    return None if any(key != request.key for key in same_worktree) else port


def _meant(request: PortRequest, use: _PortUse, taken: AbstractSet[int]) -> int | None:
    port = None if request.remembered else request.natural
    return port if port and port not in taken and use.is_free(port, request) else None


def _next(request: PortRequest, use: _PortUse, taken: AbstractSet[int]) -> int:
    return next(port for port in _upward(request.start) if port not in taken and use.is_free(port, request))


def _upward(start: int) -> Iterator[int]:
    return chain(range(start, HIGHEST + 1), range(LOWEST, start))
