"""What every decision of one pass looks at: what was observed and is remembered, names, numbers, assigned ports."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from router.model import (
    Listener,
    Memory,
    Observed,
    Problem,
    RememberedService,
    RememberedWorktree,
    Repository,
    ServiceSpec,
    Worktree,
    WorktreeId,
)
from router.ports import service_port
from router.routes import claims, labels
from router.routes.assigned import Key, PortRequest, assign
from router.routes.claims import Candidate, Holders
from router.routes.identity import Identity, identities
from router.routes.labels import Aged


@dataclass(frozen=True, slots=True)
class DeclaredPort:
    """What files say of a service's port: the declaration that is routed, with the problems of those that are not.

    `own` is the one that counts for the environment, whoever listens: nothing inherited.
    """

    declared: Candidate | None
    own: int | None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanContext:
    """What every decision of one pass looks at. `elsewhere` are ports of worktrees that nobody looked at."""

    observed: Observed
    held: Holders
    remembered: Mapping[WorktreeId, RememberedWorktree]
    listening: Mapping[int, tuple[Listener, ...]]
    aged: tuple[Aged, ...]
    repository_names: Mapping[str, str]
    labels: Mapping[WorktreeId, str]
    identities: Mapping[WorktreeId, Identity]
    elsewhere: frozenset[int]
    declared_ports: Mapping[Key, DeclaredPort] = field(default_factory=dict)
    assigned: Mapping[Key, int] = field(default_factory=dict)

    def remembered_service(self, worktree: Worktree, service: str) -> RememberedService | None:
        """Return what is remembered of a service."""
        known = self.remembered.get(worktree.id)
        return known.services.get(service) if known else None

    def specs(self, repository: Repository, worktree: Worktree) -> tuple[ServiceSpec, ...]:
        """Return the repository's services and those that Compose gives, or gave, this worktree."""
        named = {spec.name for spec in repository.services}
        extra = {c.service for c in self.observed.containers if c.worktree == worktree.path}
        known = self.remembered.get(worktree.id)
        extra |= {name for name, each in known.services.items() if claims.published(each.source)} if known else set()
        return (*repository.services, *(ServiceSpec(name) for name in sorted(extra - named)))

    def hash_port(self, worktree: Worktree, service: str) -> int:
        """Return the hash port of the branch that is checked out, of the label where HEAD is detached."""
        return service_port(service, self.labels[worktree.id] if worktree.branch is None else worktree.branch)


def plan_context(observed: Observed, memory: Memory) -> PlanContext:
    """Return the context of one pass; what is remembered of worktrees that are gone counts for nothing."""
    remembered = surviving(observed, memory)
    aged = labels.by_age(observed.repositories)
    repository_names = labels.repository_names(observed.repositories, remembered.values())
    names = labels.assign(aged, remembered, repository_names)
    bare = PlanContext(
        observed=observed,
        held=claims.holders(observed.listeners),
        remembered=remembered,
        listening=claims.by_port(observed.listeners),
        aged=aged,
        repository_names=repository_names,
        labels=names,
        identities=identities(aged, remembered, names=names, repositories=repository_names),
        elsewhere=frozenset(_remembered_ports(known for i, known in remembered.items() if i not in names)),
    )
    with_declared = replace(bare, declared_ports=_declared_ports(bare))
    return replace(
        with_declared, assigned=assign(tuple(_port_requests(with_declared)), observed, elsewhere=bare.elsewhere)
    )


def surviving(observed: Observed, memory: Memory) -> dict[WorktreeId, RememberedWorktree]:
    """Return what is remembered of worktrees that are there, only hidden or missing, or that nobody looked at."""
    looked_at = {r.common_dir for r in observed.repositories if r.worktrees}  # none: git did not answer
    worktrees = tuple(worktree for repository in observed.repositories for worktree in repository.worktrees)
    alive = {worktree.id for worktree in worktrees}
    copies = {f"{worktree.path}/.git" for worktree in worktrees if worktree.copy}  # known as repositories before
    gone = looked_at | copies
    return {k.id: k for k in memory.worktrees if k.id in alive or k.id.common_dir not in gone}


def _remembered_ports(worktrees: Iterable[RememberedWorktree]) -> Iterator[int]:
    services = (service for known in worktrees for service in known.services.values())
    yield from (port for service in services for port in (service.assigned, service.env_port) if port)


def _declared_ports(context: PlanContext) -> dict[Key, DeclaredPort]:
    inherited = claims.inherited(context.observed.repositories)
    return {
        (worktree.id, spec.name): _declared_port(context, repository, worktree, spec, inherited)
        for repository, worktree in context.aged
        for spec in context.specs(repository, worktree)
    }


def _declared_port(
    context: PlanContext, repository: Repository, worktree: Worktree, spec: ServiceSpec, handed_down: claims.Inherited
) -> DeclaredPort:
    reserved = context.observed.reserved
    ruled: tuple[Problem, ...] = ()
    override = repository.overrides.get(worktree.branch) if worktree.branch else None
    if override and (port := override.ports.get(spec.name)):
        if port not in reserved:
            return DeclaredPort(Candidate(port, "settings"), port)
        message = f"port {port} in router.toml is a port of the router's own"
        ruled = (Problem("bad-port", message, "write a free port into router.toml", spec.name),)
    inherited = frozenset[int]()
    if not worktree.main:
        inherited = handed_down.get((repository.common_dir, spec.name), inherited)
    declared, wrong = claims.own_declaration(worktree, spec, inherited=inherited, reserved=reserved, held=context.held)
    own, _ = claims.own_declaration(worktree, spec, inherited=inherited, reserved=reserved, held={})
    return DeclaredPort(declared, own.port if own else None, (*ruled, *wrong))


def _port_requests(context: PlanContext) -> Iterator[PortRequest]:
    for repository, worktree in context.aged:
        for spec in context.specs(repository, worktree):
            declared = context.declared_ports[worktree.id, spec.name].declared
            yield PortRequest(
                worktree=worktree,
                spec=spec,
                hashed=context.hash_port(worktree, spec.name),
                index=context.identities[worktree.id].index,
                declared=declared.port if declared else None,
                known=context.remembered_service(worktree, spec.name),
            )
