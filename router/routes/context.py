"""What every decision of one pass looks at: what was observed and is remembered, names, numbers, assigned ports."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from router.model import (
    Kept,
    KeptService,
    Listener,
    Memory,
    Observed,
    Problem,
    Repository,
    ServiceSpec,
    Worktree,
    WorktreeId,
)
from router.ports import service_port
from router.routes import claims, labels
from router.routes.assigned import Key, Want, assign
from router.routes.claims import Candidate, Holders
from router.routes.identity import Identity, identities
from router.routes.labels import Aged


@dataclass(frozen=True, slots=True)
class Wish:
    """What files say of a service's port: the declaration that is routed, with the problems of those that are not.

    `own` is the one that counts for the environment, whoever listens: nothing inherited.
    """

    declared: Candidate | None
    own: int | None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """What every decision of one pass looks at. `elsewhere` are ports of worktrees that nobody looked at."""

    observed: Observed
    held: Holders
    kept: Mapping[WorktreeId, Kept]
    listening: Mapping[int, tuple[Listener, ...]]
    aged: tuple[Aged, ...]
    repository_names: Mapping[str, str]
    labels: Mapping[WorktreeId, str]
    identities: Mapping[WorktreeId, Identity]
    elsewhere: frozenset[int]
    wishes: Mapping[Key, Wish] = field(default_factory=dict)
    assigned: Mapping[Key, int] = field(default_factory=dict)

    def known(self, worktree: Worktree, service: str) -> KeptService | None:
        """Return what is remembered of a service."""
        kept = self.kept.get(worktree.id)
        return kept.services.get(service) if kept else None

    def specs(self, repository: Repository, worktree: Worktree) -> tuple[ServiceSpec, ...]:
        """Return the repository's services and those that Compose gives, or gave, this worktree."""
        named = {spec.name for spec in repository.services}
        extra = {c.service for c in self.observed.containers if c.worktree == worktree.path}
        kept = self.kept.get(worktree.id)
        extra |= {name for name, known in kept.services.items() if claims.published(known.source)} if kept else set()
        return (*repository.services, *(ServiceSpec(name) for name in sorted(extra - named)))

    def hash_port(self, worktree: Worktree, service: str) -> int:
        """Return the hash port of the branch that is checked out, of the label where HEAD is detached."""
        return service_port(service, self.labels[worktree.id] if worktree.branch is None else worktree.branch)


def scene(observed: Observed, remembered: Memory) -> Scene:
    """Return the scene of one pass; what is remembered of worktrees that are gone counts for nothing."""
    kept = surviving(observed, remembered)
    aged = labels.by_age(observed.repositories)
    repository_names = labels.repository_names(observed.repositories, kept.values())
    names = labels.assign(aged, kept, repository_names)
    bare = Scene(
        observed=observed,
        held=claims.holders(observed.listeners),
        kept=kept,
        listening=claims.by_port(observed.listeners),
        aged=aged,
        repository_names=repository_names,
        labels=names,
        identities=identities(aged, kept, names=names, repositories=repository_names),
        elsewhere=frozenset(_told(known for i, known in kept.items() if i not in names)),
    )
    wished = replace(bare, wishes=_wishes(bare))
    return replace(wished, assigned=assign(tuple(_wants(wished)), observed, elsewhere=bare.elsewhere))


def surviving(observed: Observed, remembered: Memory) -> dict[WorktreeId, Kept]:
    """Return what is remembered of worktrees that are there, only hidden or missing, or that nobody looked at."""
    looked_at = {r.common_dir for r in observed.repositories if r.worktrees}  # none: git did not answer
    worktrees = tuple(worktree for repository in observed.repositories for worktree in repository.worktrees)
    alive = {worktree.id for worktree in worktrees}
    copies = {f"{worktree.path}/.git" for worktree in worktrees if worktree.copy}  # known as repositories before
    gone = looked_at | copies
    return {k.id: k for k in remembered.worktrees if k.id in alive or k.id.common_dir not in gone}


def _told(kept: Iterable[Kept]) -> Iterator[int]:
    services = (service for known in kept for service in known.services.values())
    yield from (port for service in services for port in (service.assigned, service.given) if port)


def _wishes(scene: Scene) -> dict[Key, Wish]:
    inherited = claims.inherited(scene.observed.repositories)
    return {
        (worktree.id, spec.name): _wish(scene, repository, worktree, spec, inherited)
        for repository, worktree in scene.aged
        for spec in scene.specs(repository, worktree)
    }


def _wish(
    scene: Scene, repository: Repository, worktree: Worktree, spec: ServiceSpec, handed_down: claims.Inherited
) -> Wish:
    reserved = scene.observed.reserved
    ruled: tuple[Problem, ...] = ()
    override = repository.overrides.get(worktree.branch) if worktree.branch else None
    if override and (port := override.ports.get(spec.name)):
        if port not in reserved:
            return Wish(Candidate(port, "settings"), port)
        message = f"port {port} in router.toml is a port of the router's own"
        ruled = (Problem("bad-port", message, "write a free port into router.toml", spec.name),)
    inherited = frozenset[int]()
    if not worktree.main:
        inherited = handed_down.get((repository.common_dir, spec.name), inherited)
    declared, wrong = claims.own_declaration(worktree, spec, inherited=inherited, reserved=reserved, held=scene.held)
    own, _ = claims.own_declaration(worktree, spec, inherited=inherited, reserved=reserved, held={})
    return Wish(declared, own.port if own else None, (*ruled, *wrong))


def _wants(scene: Scene) -> Iterator[Want]:
    for repository, worktree in scene.aged:
        for spec in scene.specs(repository, worktree):
            declared = scene.wishes[worktree.id, spec.name].declared
            yield Want(
                worktree=worktree,
                spec=spec,
                hashed=scene.hash_port(worktree, spec.name),
                index=scene.identities[worktree.id].index,
                declared=declared.port if declared else None,
                known=scene.known(worktree, spec.name),
            )
