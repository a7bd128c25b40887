"""Which services of a repository there are by all that is known: no service is shown before it exists."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from router.model import Repository, WorktreeId
from router.remembered import RememberedService
from router.route_table import Service
from router.routes.claims import published
from router.routes.context import PlanContext
from router.routes.routable import routable, services_of


def seen(repository: Repository, found: Iterable[str]) -> frozenset[str]:
    """Return the names of the services that there are: `web`, those configured, declared by a file, or ever `found`.

    What one worktree has or had is one of all worktrees of the repository, so that their environments say the same
    before and after the servers start.
    """
    worktrees = [worktree for _, worktree in routable((repository,))]
    configured = (spec.name for worktree in worktrees for spec in services_of(repository, worktree) if spec.configured)
    declared = (each.service for worktree in worktrees for each in worktree.declared if each.port or each.text.strip())
    ruled = (name for override in repository.overrides.values() for name in override.ports)
    return frozenset({"web", *configured, *declared, *ruled, *found})


def found(services: Mapping[str, RememberedService]) -> frozenset[str]:
    """Return which of a worktree's remembered services were ever found in its repository."""
    return frozenset(name for name, service in services.items() if service.found or _was_found(service))


def _was_found(service: RememberedService | Service) -> bool:
    """Tell whether the source of a service's port says that its server was found: 0.1.0 remembered no more of that."""
    return service.source == "listener" or published(service.source)


def found_in(context: PlanContext, routed: Mapping[WorktreeId, tuple[Service, ...]]) -> dict[str, frozenset[str]]:
    """Return the services that were ever found in each repository, or are now; by common directory.

    `routed` are the services of each worktree. A server of nobody's worktree is none that was found.
    """
    names: dict[str, set[str]] = defaultdict(set)
    for identity, known in context.remembered.items():
        names[identity.common_dir] |= found(known.services)
    for _, worktree in context.routed:
        for service in routed[worktree.id]:
            target = context.sockets.target(service.port, worktree=worktree.path)
            if _was_found(service) or (target is not None and target.worktree == worktree.path):
                names[worktree.id.common_dir].add(service.name)
    return {common: frozenset(each) for common, each in names.items()}
