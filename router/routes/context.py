"""What every decision of one pass looks at: what was observed and is remembered, names, numbers, assigned ports."""

from collections.abc import Iterable, Iterator, Mapping

from router.model import Container, Observed, Repository, ServiceSpec, Worktree, WorktreeId
from router.ports import service_port
from router.remembered import GoneWorktree, Memory, RememberedService, RememberedWorktree
from router.routes import labels
from router.routes.assigned import PortRequest, assign
from router.routes.claims import published
from router.routes.declared import DeclaredPort, Key, Specs, declared_ports
from router.routes.gone import gone, surviving
from router.routes.identity import Identity, identities
from router.routes.labels import Names
from router.routes.repositories import repository_names
from router.routes.reserved import reserved_names
from router.routes.routable import Routable, routable, services_of
from router.routes.sockets import Sockets, sockets
from router.routes.wishes import Wish, wishes
from router.values import dataclass


@dataclass(frozen=True, slots=True)
class PlanContext:
    """What every decision of one pass looks at.

    `remembered` and `gone` are the worktrees that the memory knows, those that are there and those that are not;
    `routed` are those that get a route, oldest first; `elsewhere` are the ports that were given to the rest.
    """

    observed: Observed
    sockets: Sockets
    remembered: Mapping[WorktreeId, RememberedWorktree]
    gone: tuple[GoneWorktree, ...]
    containers: Mapping[str, tuple[Container, ...]]
    routed: tuple[Routable, ...]
    repository_names: Mapping[str, str]
    wishes: Mapping[WorktreeId, Wish]
    names: Mapping[WorktreeId, Names]
    identities: Mapping[WorktreeId, Identity]
    specs: Specs
    elsewhere: frozenset[int]
    hash_ports: Mapping[Key, int]
    declared: Mapping[Key, DeclaredPort]
    assigned: Mapping[Key, int]

    def remembered_service(self, worktree: Worktree, service: str) -> RememberedService | None:
        """Return what is remembered of a service, None where there is nothing."""
        return _service(self.remembered.get(worktree.id), service)


def plan_context(observed: Observed, memory: Memory) -> PlanContext:
    """Return the context of one pass; what is remembered of worktrees that are gone counts for their names alone."""
    remembered, left = surviving(observed, memory), gone(observed, memory)
    routed = routable(observed.repositories)
    listening = sockets(observed, _handed_out(routed, remembered))
    titles = repository_names(observed.repositories, remembered.values())
    served = (*memory.repositories, *(repository.common_dir for repository in observed.repositories))
    asked = wishes(routed, repositories=titles, first=next(iter(served), None))
    reserved = reserved_names(routed, remembered, left, served=frozenset(served), now=observed.now)
    names = labels.names(routed, remembered, reserved, wishes=asked, now=observed.now)
    numbers = identities(routed, remembered, left, repositories=titles)
    containers = _by_worktree(observed.containers)
    specs = {w.id: _specs(r, w, remembered.get(w.id), containers.get(w.path, ())) for r, w in routed}
    hash_ports = _hash_ports(routed, specs, names)
    declared = declared_ports(routed, specs, listening, reserved=observed.reserved)
    elsewhere = frozenset(_ports(known for i, known in remembered.items() if i not in names))
    requests = tuple(
        _requests(routed, specs, remembered=remembered, numbers=numbers, hashed=hash_ports, declared=declared)
    )
    return PlanContext(
        observed=observed,
        sockets=listening,
        remembered=remembered,
        gone=left,
        containers=containers,
        routed=routed,
        repository_names=titles,
        wishes=asked,
        names=names,
        identities=numbers,
        specs=specs,
        elsewhere=elsewhere,
        hash_ports=hash_ports,
        declared=declared,
        assigned=assign(requests, listening, observed.containers, reserved=observed.reserved, elsewhere=elsewhere),
    )


def _requests(
    routed: Iterable[Routable],
    specs: Specs,
    *,
    remembered: Mapping[WorktreeId, RememberedWorktree],
    numbers: Mapping[WorktreeId, Identity],
    hashed: Mapping[Key, int],
    declared: Mapping[Key, DeclaredPort],
) -> Iterator[PortRequest]:
    for _, worktree in routed:
        for spec in specs[worktree.id]:
            yield PortRequest(
                worktree=worktree,
                spec=spec,
                hashed=hashed[worktree.id, spec.name],
                index=numbers[worktree.id].index,
                declared=declared[worktree.id, spec.name].declared,
                known=_service(remembered.get(worktree.id), spec.name),
            )


def _handed_out(routed: Iterable[Routable], remembered: Mapping[WorktreeId, RememberedWorktree]) -> dict[int, str]:
    """Return the paths of the worktrees whose ports were handed out, by port: the oldest one's, should two have one."""
    owners: dict[int, str] = {}
    for _, worktree in routed:
        known = remembered.get(worktree.id)
        for service in known.services.values() if known else ():
            if service.handed_out:
                owners.setdefault(service.handed_out, worktree.path)
    return owners


def _by_worktree(containers: Iterable[Container]) -> dict[str, tuple[Container, ...]]:
    found: dict[str, tuple[Container, ...]] = {}
    for container in containers:
        found[container.worktree] = (*found.get(container.worktree, ()), container)
    return found


def _specs(
    repository: Repository,
    worktree: Worktree,
    known: RememberedWorktree | None,
    containers: Iterable[Container],
) -> tuple[ServiceSpec, ...]:
    """Return a worktree's services, those that Compose gives it, or gave, among them."""
    extra = {container.service for container in containers}
    if known:
        extra |= {name for name, service in known.services.items() if published(service.source)}
    own = services_of(repository, worktree)
    extra -= {spec.name for spec in own}
    return (*own, *map(ServiceSpec, sorted(extra)))


def _service(known: RememberedWorktree | None, service: str) -> RememberedService | None:
    return known.services.get(service) if known else None


def _hash_ports(routed: Iterable[Routable], specs: Specs, names: Mapping[WorktreeId, Names]) -> dict[Key, int]:
    """Return the hash port of each service: of the branch that is checked out, of the label where HEAD is detached."""
    hashed = {w.id: names[w.id].label if w.branch is None else w.branch for _, w in routed}
    return {(i, spec.name): service_port(spec.name, text) for i, text in hashed.items() for spec in specs[i]}


def _ports(worktrees: Iterable[RememberedWorktree]) -> Iterator[int]:
    services = (service for known in worktrees for service in known.services.values())
    yield from (port for service in services for port in (service.assigned, service.env_port) if port)
