"""What is one worktree's alone besides its ports: its number, its project's name, its scope in shared servers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count

from router.model import RememberedWorktree, Worktree, WorktreeId
from router.naming import hash3, label
from router.routes import labels
from router.routes.labels import Aged

_LONGEST = 62  # bytes: PostgreSQL keeps 63 of a name, and one that begins with a digit gets `_` in front


@dataclass(frozen=True, slots=True)
class Identity:
    """A worktree's `index` among its siblings, `project` (a label) and `scope` (a label, or empty)."""

    index: int
    project: str
    scope: str


def identities(
    aged: tuple[Aged, ...],
    kept: Mapping[WorktreeId, RememberedWorktree],
    *,
    names: Mapping[WorktreeId, str],
    repositories: Mapping[str, str],
) -> dict[WorktreeId, Identity]:
    """Return what each worktree is called in shared servers; no two that are remembered share anything.

    `names` are the labels, `repositories` the repositories' names by common directory. The main checkout's project is
    the repository, its scope empty (the project where it is one of a numbered row); another's project has its label
    too, its scope is its label. What is taken gets
    three characters of its hash behind it. Project and scope stay while the worktree's names do, the index for good.
    """
    indexes = _indexes(aged, kept)
    unseen = kept.keys() - names.keys()
    projects = {kept[i].project for i in unseen}
    scopes = {kept[i].scope for i in unseen if kept[i].project}
    found: dict[WorktreeId, Identity] = {}
    for fresh in (False, True):
        for repository, worktree in aged:
            if worktree.id in found:
                continue
            known, name, of = kept.get(worktree.id), names[worktree.id], repositories[repository.common_dir]
            same = known is not None and (known.label, known.repository) == (name, of) and known.project
            if same and known and known.project not in projects and known.scope not in scopes:
                project, scope = known.project, known.scope
            elif fresh:
                wanted = labels.wanted(repository, worktree)
                project = next(p for p in _projects(worktree, of, name, wanted) if p not in projects)
                scope = next(s for s in _scopes(worktree, project, name) if s not in scopes)
            else:
                continue
            projects.add(project)
            scopes.add(scope)
            found[worktree.id] = Identity(indexes[worktree.id], project, scope)
    return found


def _indexes(aged: tuple[Aged, ...], kept: Mapping[WorktreeId, RememberedWorktree]) -> dict[WorktreeId, int]:
    """Return each worktree's number: what is remembered, what its directory's name says, 0 for main, the next free."""
    pools = {repository.common_dir: labels.row(repository.path) or repository.common_dir for repository, _ in aged}
    taken: dict[str, set[int]] = {pool: set() for pool in pools.values()}
    found: dict[WorktreeId, int] = {}
    for choose in (_remembered, _named, _next):
        for repository, worktree in aged:
            numbers = taken[pools[repository.common_dir]]
            if worktree.id not in found:
                index = choose(worktree, kept.get(worktree.id), numbers)
                if index is not None and index not in numbers:
                    found[worktree.id] = index
                    numbers.add(index)
    return found


def _remembered(_worktree: Worktree, known: RememberedWorktree | None, _taken: set[int]) -> int | None:
    return known.index if known else None


def _named(worktree: Worktree, _known: RememberedWorktree | None, _taken: set[int]) -> int | None:
    named = labels.number(worktree.path) if worktree.main or worktree.copy else None
    return 0 if named is None and worktree.main else named


def _next(_worktree: Worktree, _known: RememberedWorktree | None, taken: set[int]) -> int:
    return next(n for n in count(1) if n not in taken)


def _projects(worktree: Worktree, repository: str, name: str, wanted: str) -> Iterator[str]:
    of = label(repository)
    if worktree.copy:
        text = labels.label_of_directory(worktree)
    elif worktree.main:
        text = of
    else:  # a label that another repository had already begins with this one's name
        text = f"{of}-{name if name == wanted else name.removeprefix(f'{of}-')}"
    yield _cut(text, text)
    suffix = hash3(f"{repository}/{name}")
    yield _cut(f"{text}-{suffix}", text)
    yield from (_cut(f"{text}-{suffix}-{n}", f"{text}{n}") for n in count(2))


def _scopes(worktree: Worktree, project: str, name: str) -> Iterator[str]:
    if worktree.main and labels.number(worktree.path) is None:
        yield ""
    if worktree.main:  # numbered checkouts side by side are equals: none of them has the plain names
        yield project
    yield name
    yield project
    yield from (_cut(f"{project}-{n}", f"{project}{n}") for n in count(2))


def _cut(text: str, whole: str) -> str:
    """Return a label of at most 62 bytes: where something is cut off, three characters of a hash stand for it."""
    plain = label(text)
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 4].rstrip('-')}-{hash3(whole)}"
