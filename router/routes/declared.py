"""What files say of a service's port: which declaration counts, and what is wrong with those that do not."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from router.model import Declaration, Problem, Repository, ServiceSpec, Worktree, WorktreeId
from router.routes.claims import Candidate
from router.routes.routable import Routable, override
from router.routes.sockets import Sockets
from router.text import shown
from router.values import dataclass

Key = tuple[WorktreeId, str]
"""What tells a service of a worktree from every other."""
Specs = Mapping[WorktreeId, tuple[ServiceSpec, ...]]
_NONE: frozenset[int] = frozenset()
_FIXED = ("launch:", "procfile:", "package:")


@dataclass(frozen=True, slots=True)
class DeclaredPort:
    """What files say of a service's port: the declaration that is routed, with the problems of those that are not.

    `own` is the port that counts for the environment, whoever listens: nothing inherited.
    """

    declared: Candidate | None
    own: int | None
    problems: tuple[Problem, ...] = ()


def declared_ports(
    routed: tuple[Routable, ...], specs: Specs, sockets: Sockets, *, reserved: frozenset[int]
) -> dict[Key, DeclaredPort]:
    """Return what files say of every service of every worktree; `reserved` are the router's own ports.

    A port that the main checkout's files give the same service is inherited: the file was copied, or is committed. It
    counts where the worktree's own process listens there. A port that other tools' files fix is that of the first
    worktree, and no problem in the others.
    """
    main = _ports_of_main(repository for repository, _ in routed)
    first = _first_to_fix(routed)
    found: dict[Key, DeclaredPort] = {}
    for repository, worktree in routed:
        for spec in specs[worktree.id]:
            inherited = _NONE if worktree.main else main.get((repository.common_dir, spec.name), _NONE)
            inherited |= {p for p in _fixed(worktree, spec) if first[repository.common_dir, p] != worktree.id}
            unserved = frozenset(port for port in inherited if worktree.path not in sockets.owners.get(port, ()))
            ruled, wrong = _of_settings(repository, worktree, spec, reserved)
            declared, problems = _of_files(worktree, spec, inherited=unserved, reserved=reserved)
            own, _ = _of_files(worktree, spec, inherited=inherited, reserved=reserved)
            found[worktree.id, spec.name] = (
                DeclaredPort(ruled, ruled.port)
                if ruled
                else DeclaredPort(declared, own.port if own else None, wrong + problems)
            )
    return found


def _ports_of_main(repositories: Iterable[Repository]) -> dict[tuple[str, str], frozenset[int]]:
    """Return the ports that each main checkout's files give a service, by common directory and service."""
    ports: dict[tuple[str, str], set[int]] = defaultdict(set)
    for repository in {each.common_dir: each for each in repositories}.values():
        for declaration in (d for worktree in repository.worktrees if worktree.main for d in worktree.declared):
            if declaration.port:
                ports[repository.common_dir, declaration.service].add(declaration.port)
    return {key: frozenset(found) for key, found in ports.items()}


def is_fixed(source: str) -> bool:
    """Tell whether a port is one that another tool's file fixes for every worktree, and not one of this worktree."""
    return source.startswith(_FIXED)


def _first_to_fix(routed: tuple[Routable, ...]) -> dict[tuple[str, int], WorktreeId]:
    """Return the first worktree whose files fix a port, by common directory and port: the main checkout, if it does."""
    first: dict[tuple[str, int], WorktreeId] = {}
    for repository, worktree in routed:
        for declaration in worktree.declared:
            if declaration.port and is_fixed(declaration.source):
                first.setdefault((repository.common_dir, declaration.port), worktree.id)
    return first


def _fixed(worktree: Worktree, spec: ServiceSpec) -> frozenset[int]:
    """Return the ports of a service that other tools' files alone say."""
    own = [each for each in worktree.declared if each.service == spec.name and each.port]
    said = {each.port for each in own if not is_fixed(each.source)}
    return frozenset(each.port for each in own if each.port and each.port not in said)


def _of_settings(
    repository: Repository, worktree: Worktree, spec: ServiceSpec, reserved: frozenset[int]
) -> tuple[Candidate | None, tuple[Problem, ...]]:
    """Return the port that `router.toml` gives a service of this branch, or the problem with it."""
    settings = override(repository, worktree)
    port = settings.ports.get(spec.name) if settings else None
    if port not in reserved:
        return (Candidate(port, "settings") if port else None), ()
    message = f"port {port} in router.toml is a port of the router's own"
    return None, (Problem("bad-port", message, "write a free port into router.toml", spec.name),)


def _of_files(
    worktree: Worktree, spec: ServiceSpec, *, inherited: frozenset[int], reserved: frozenset[int]
) -> tuple[Candidate | None, tuple[Problem, ...]]:
    """Return the port that a worktree's files give a service, and what is wrong with values that do not count.

    The first value that counts decides; what stands behind it is nobody's problem.
    """
    problems: tuple[Problem, ...] = ()
    for declaration in worktree.declared:
        if declaration.service == spec.name:
            problem = _unusable(declaration, inherited=inherited, reserved=reserved)
            if problem is not None and is_fixed(declaration.source):
                continue
            if problem is None and declaration.port is not None:
                return Candidate(declaration.port, declaration.source), problems
            problems += (problem,) if problem else ()
    return None, problems


def _unusable(declaration: Declaration, *, inherited: frozenset[int], reserved: frozenset[int]) -> Problem | None:
    where = declaration.source.partition(":")[2] or declaration.source
    setting = f"{declaration.variable}={shown(declaration.text)[:40]!r} in {where}"
    if declaration.port is None or declaration.port in reserved:
        why = "is not a port from 1024 to 65535" if declaration.port is None else "is a port of the router's own"
        return Problem("bad-port", f"{setting} {why}", f"write a free port into {where}", declaration.service)
    if declaration.port in inherited:
        return Problem(
            "inherited-port",
            f"{setting} is the main checkout's port and does not count here",
            f"give this worktree a port of its own in {where}, or start its server there",
            declaration.service,
        )
    return None
