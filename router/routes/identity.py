"""What is one worktree's alone besides its ports: its number, its project's name, its scope in shared servers."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import count

from router.model import Worktree, WorktreeId
from router.naming import hash6, label
from router.remembered import GoneWorktree, RememberedWorktree
from router.routes.gone import inherits
from router.routes.repositories import number, row
from router.routes.routable import Routable
from router.routes.wishes import directory_label, wanted
from router.shared_names import database_name
from router.text import shown
from router.values import dataclass, field

_LONGEST = 49  # bytes: a database's name has one more where it begins with a digit, and frameworks add to it
_HASH = 6  # characters


@dataclass(frozen=True, slots=True)
class Identity:
    """A worktree's `index` among its siblings, `project` (a label) and `scope` (a label, or empty)."""

    index: int
    project: str
    scope: str


@dataclass(frozen=True, slots=True)
class _Taken:
    """The names that somebody has.

    `databases` are those that the files of main checkouts name. `gone` are worktrees whose databases may still be
    there: another branch never gets their names.
    """

    projects: set[str]
    scopes: set[str]
    databases: frozenset[str]
    gone: tuple[GoneWorktree, ...]
    found: dict[WorktreeId, tuple[str, str]] = field(default_factory=dict)

    def give(self, worktree: Worktree, project: str, scope: str) -> None:
        """Have a worktree have these names."""
        self.projects.add(project)
        self.scopes.add(scope)
        self.found[worktree.id] = project, scope

    def is_free(self, worktree: Worktree, *, project: str | None = None, scope: str | None = None) -> bool:
        """Tell whether a new worktree may have a project, or a scope."""
        left = tuple(each for each in self.gone if each.id.admin and not inherits(worktree, each))
        if project is not None and not worktree.main and database_name(project) in self.databases:
            return False
        return (
            project not in self.projects
            and scope not in self.scopes
            and all(project != each.project and (scope != each.scope or not each.project) for each in left)
        )


def identities(
    routed: tuple[Routable, ...],
    kept: Mapping[WorktreeId, RememberedWorktree],
    gone: Iterable[GoneWorktree] = (),
    *,
    repositories: Mapping[str, str],
) -> dict[WorktreeId, Identity]:
    """Return what each worktree is called in shared servers; no two that are remembered share anything.

    `repositories` are the repositories' names by common directory. The main checkout's project is the repository, its
    scope empty (the project where it is one of a numbered row); another's project has what its branch asks for too,
    and that is its scope. What is cut, or is another's, gets six characters of a hash behind it. Project, scope and
    index stay for good, whatever branch is checked out: databases are called like that. Where nothing is remembered,
    what the router's own block in the worktree's files says counts.
    """
    taken = _taken(routed, kept, gone)
    for _, worktree in routed:
        _keep(worktree, kept.get(worktree.id), taken)
    branches = frozenset((w.id.common_dir, shown(w.branch)) for _, w in routed if w.branch)
    for is_main in (True, False):
        group = [each for each in routed if each[1].main == is_main]
        for _, worktree in group:
            _keep_written(worktree, branches, taken)
        for repository, worktree in group:
            _name(worktree, repositories[repository.common_dir], wanted(repository, worktree), taken)
    indexes = _indexes(routed, kept)
    return {owner: Identity(indexes[owner], project, scope) for owner, (project, scope) in taken.found.items()}


def _taken(
    routed: Iterable[Routable], kept: Mapping[WorktreeId, RememberedWorktree], gone: Iterable[GoneWorktree]
) -> _Taken:
    """Return what is taken by those that are not routed now, and by databases that files name."""
    ids = {worktree.id for _, worktree in routed}
    unseen = [known for owner, known in kept.items() if owner not in ids and known.project]
    databases = {*(w.own_database for _, w in routed), *(known.own_database for known in unseen)}
    return _Taken(
        {known.project for known in unseen}, {known.scope for known in unseen}, frozenset(databases - {""}), tuple(gone)
    )


def _keep(worktree: Worktree, known: RememberedWorktree | None, taken: _Taken) -> None:
    if known and known.project and known.project not in taken.projects and known.scope not in taken.scopes:
        taken.give(worktree, known.project, known.scope)


def _keep_written(worktree: Worktree, branches: frozenset[tuple[str, str]], taken: _Taken) -> None:
    """Keep the names that the worktree's own block has; one that was written for another's branch was copied."""
    written = worktree.written
    if written is None or worktree.id in taken.found:
        return
    is_own = written.branch == shown(worktree.branch or "") or (worktree.id.common_dir, written.branch) not in branches
    if is_own and taken.is_free(worktree, project=written.project, scope=written.scope):
        taken.give(worktree, written.project, written.scope)


def _name(worktree: Worktree, title: str, wish: str, taken: _Taken) -> None:
    """Give a worktree without names its names; `title` is its repository's name, `wish` the label that it asks for."""
    if worktree.id not in taken.found:
        project = next(each for each in _projects(worktree, title, wish) if taken.is_free(worktree, project=each))
        scope = next(each for each in _scopes(worktree, wish, project) if taken.is_free(worktree, scope=each))
        taken.give(worktree, project, scope)


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


def _projects(worktree: Worktree, title: str, wish: str) -> Iterator[str]:
    if worktree.copy:
        text = directory_label(worktree)
    elif worktree.main:
        text = title
    else:
        text = f"{title}-{wish}"
    whole = f"{title}/{_whole(worktree)}"
    yield _cut(text, whole)
    yield _hashed(text, whole)
    yield from (_hashed(text, f"{whole} {n}") for n in count(2))


def _scopes(worktree: Worktree, wish: str, project: str) -> Iterator[str]:
    if worktree.main and number(worktree.path) is None:
        yield ""
    if worktree.main:  # numbered checkouts side by side are equals: none of them has the plain names
        yield project
    yield _cut(wish, _whole(worktree))
    if project.endswith(f"-{wish}"):  # another repository has a branch of that name
        yield project
    yield _hashed(wish, _whole(worktree))
    yield from (_hashed(wish, f"{project} {n}") for n in count(2))


def _whole(worktree: Worktree) -> str:
    """Return what a worktree is called by, whole: its branch, or its path where that says nothing."""
    return worktree.branch if worktree.branch and not worktree.main else worktree.path


def _cut(text: str, whole: str) -> str:
    """Return a label of at most 49 bytes: where something is cut off, a hash of the whole name stands for it."""
    plain = label(text)
    return plain if len(plain) <= _LONGEST else _hashed(text, whole)


def _hashed(text: str, whole: str) -> str:
    return f"{label(text)[: _LONGEST - 1 - _HASH].rstrip('-')}-{hash6(whole)}"
