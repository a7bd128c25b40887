"""What is one worktree's alone besides its ports: its number, its project's name, its scope in shared servers."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count

from router.model import Worktree, WorktreeId
from router.naming import hash3, label
from router.remembered import RememberedWorktree
from router.routes.labels import Names
from router.routes.repositories import number, row
from router.routes.routable import Routable
from router.routes.wishes import directory_label, wanted

_LONGEST = 62  # bytes: PostgreSQL keeps 63 of a name, and one that begins with a digit gets `_` in front


@dataclass(frozen=True, slots=True)
class Identity:
    """A worktree's `index` among its siblings, `project` (a label) and `scope` (a label, or empty)."""

    index: int
    project: str
    scope: str


@dataclass(frozen=True, slots=True)
class _Named:
    """A worktree with what its names in shared servers are made of: its label, its repository's name, its wish.

    `earlier` are the labels that it had while another worktree had the one that it has now.
    """

    worktree: Worktree
    label: str
    earlier: tuple[str, ...]
    repository: str
    wanted: str


def identities(
    routed: tuple[Routable, ...],
    kept: Mapping[WorktreeId, RememberedWorktree],
    *,
    names: Mapping[WorktreeId, Names],
    repositories: Mapping[str, str],
) -> dict[WorktreeId, Identity]:
    """Return what each worktree is called in shared servers; no two that are remembered share anything.

    `repositories` are the repositories' names by common directory. The main checkout's project is the repository, its
    scope empty (the project where it is one of a numbered row); another's project has its label too, its scope is its
    label. What is taken gets three characters of its hash behind it. Project and scope stay while the worktree's names
    do, the index for good.
    """
    unseen = [known for owner, known in kept.items() if owner not in names]
    projects, scopes = {known.project for known in unseen}, {known.scope for known in unseen if known.project}
    found: dict[WorktreeId, tuple[str, str]] = {}
    new: list[_Named] = []
    for repository, worktree in routed:
        title, known = repositories[repository.common_dir], kept.get(worktree.id)
        own = names[worktree.id]
        named = _Named(worktree, own.label, own.earlier, title, wanted(repository, worktree))
        if known and _is_kept(known, named) and known.project not in projects and known.scope not in scopes:
            found[worktree.id] = known.project, known.scope
            projects.add(known.project)
            scopes.add(known.scope)
        else:
            new.append(named)
    for named in new:
        project = next(each for each in _projects(named) if each not in projects)
        scope = next(each for each in _scopes(named, project) if each not in scopes)
        found[named.worktree.id] = project, scope
        projects.add(project)
        scopes.add(scope)
    indexes = _indexes(routed, kept)
    return {owner: Identity(indexes[owner], project, scope) for owner, (project, scope) in found.items()}


def _is_kept(known: RememberedWorktree, named: _Named) -> bool:
    return bool(known.project) and known.repository == named.repository and known.label in (named.label, *named.earlier)


def _indexes(routed: Iterable[Routable], kept: Mapping[WorktreeId, RememberedWorktree]) -> dict[WorktreeId, int]:
    """Return each worktree's number: what is remembered, what its directory's name says, 0 for main, the next free."""
    routed = tuple(routed)
    pools = {repository.common_dir: row(repository.path) or repository.common_dir for repository, _ in routed}
    taken: dict[str, set[int]] = {pool: set() for pool in pools.values()}
    found: dict[WorktreeId, int] = {}
    for choose in (_remembered, _of_directory, _next):
        for repository, worktree in routed:
            numbers = taken[pools[repository.common_dir]]
            if worktree.id not in found:
                index = choose(worktree, kept.get(worktree.id), numbers)
                if index is not None and index not in numbers:
                    found[worktree.id] = index
                    numbers.add(index)
    return found


def _remembered(_worktree: Worktree, known: RememberedWorktree | None, _taken: set[int]) -> int | None:
    return known.index if known else None


def _of_directory(worktree: Worktree, _known: RememberedWorktree | None, _taken: set[int]) -> int | None:
    found = number(worktree.path) if worktree.main or worktree.copy else None
    return 0 if found is None and worktree.main else found


def _next(_worktree: Worktree, _known: RememberedWorktree | None, taken: set[int]) -> int:
    return next(n for n in count(1) if n not in taken)


def _projects(named: _Named) -> Iterator[str]:
    repository, name = label(named.repository), named.label
    if named.worktree.copy:
        text = directory_label(named.worktree)
    elif named.worktree.main:
        text = repository
    else:  # a label that another repository had already begins with this one's name
        text = f"{repository}-{name if name == named.wanted else name.removeprefix(f'{repository}-')}"
    yield _cut(text, text)
    suffix = hash3(f"{named.repository}/{name}")
    yield _cut(f"{text}-{suffix}", text)
    yield from (_cut(f"{text}-{suffix}-{n}", f"{text}{n}") for n in count(2))


def _scopes(named: _Named, project: str) -> Iterator[str]:
    if named.worktree.main and number(named.worktree.path) is None:
        yield ""
    if named.worktree.main:  # numbered checkouts side by side are equals: none of them has the plain names
        yield project
    yield named.label
    yield project
    yield from (_cut(f"{project}-{n}", f"{project}{n}") for n in count(2))


def _cut(text: str, whole: str) -> str:
    """Return a label of at most 62 bytes: where something is cut off, three characters of a hash stand for it."""
    plain = label(text)
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 4].rstrip('-')}-{hash3(whole)}"
