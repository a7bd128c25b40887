"""Which worktree has which name: labels stay with their owners, newcomers step aside."""

import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from itertools import count
from pathlib import PurePath

from router.model import Problem, RememberedWorktree, Repository, Worktree, WorktreeId
from router.naming import hash3, label, shown, suffixed

Aged = tuple[Repository, Worktree]
_NUMBER = re.compile(r"(.*[^/][-_])([0-9]{1,3})", re.DOTALL)


def by_age(repositories: Iterable[Repository]) -> tuple[Aged, ...]:
    """Return every routable worktree, oldest first: by repository, main checkout, creation, path."""
    return tuple(
        (repository, worktree)
        for repository in repositories
        for worktree in sorted(repository.worktrees, key=lambda w: (not w.main, w.id.created, w.path))
        if worktree.present and worktree.made and not hidden(repository, worktree)
    )


def repository_names(repositories: Iterable[Repository], kept: Iterable[RememberedWorktree] = ()) -> dict[str, str]:
    """Return the shown name of each repository by common directory; the later of two equal ones gets `-2`.

    A name once given stays, also while the repository that had it first is not looked at.
    """
    repositories = tuple(repositories)
    remembered = {known.id.common_dir: known.repository for known in kept if known.repository}
    names = {r.common_dir: remembered.pop(r.common_dir, "") for r in repositories}
    taken = set(remembered.values())
    for repository in sorted(repositories, key=lambda r: not names[r.common_dir]):
        known = names[repository.common_dir]
        candidates = (repository.name if n == 1 else f"{repository.name}-{n}" for n in count(1))
        fits = known.startswith(repository.name) and known not in taken
        names[repository.common_dir] = known if fits else next(c for c in candidates if c not in taken)
        taken.add(names[repository.common_dir])
    return names


def assign(
    aged: tuple[Aged, ...], kept: Mapping[WorktreeId, RememberedWorktree], names: Mapping[str, str]
) -> dict[WorktreeId, str]:
    """Return the label of every worktree.

    Remembered labels are given first, to worktrees whose branch is still the same; then the others choose,
    oldest first, by the rules of `contract/naming.json`. Of the checkouts of one row, those that nobody looks at now
    keep theirs too: they were elsewhere them, and will be routed side by side.
    """
    labels: dict[WorktreeId, str] = {}
    owners: dict[str, str] = {}
    for repository, worktree in aged:
        known = kept.get(worktree.id)
        if known and known.label not in owners and _unchanged(known, repository, worktree):
            labels[worktree.id] = known.label
            owners[known.label] = repository.common_dir
    elsewhere = _labels_elsewhere(kept.values(), {repository.common_dir for repository, _ in aged})
    for repository, worktree in aged:
        if worktree.id not in labels:
            taken = {**elsewhere.get(row(repository.path), {}), **owners}
            prefix = names[repository.common_dir]
            free = next(c for c in _candidates(repository, worktree, prefix, taken) if c not in taken)
            labels[worktree.id] = free
            owners[free] = repository.common_dir
    return labels


def _labels_elsewhere(
    kept: Iterable[RememberedWorktree], looked_at: AbstractSet[str]
) -> dict[str | None, dict[str, str]]:
    """Return the labels of the worktrees that nobody looks at, with their common directories, by row."""
    elsewhere: dict[str | None, dict[str, str]] = {}
    for known in kept:
        common = known.id.common_dir
        if common not in looked_at and (of := row(common.removesuffix("/.git"))):
            elsewhere.setdefault(of, {})[known.label] = common
    return elsewhere


def number(path: str) -> int | None:
    """Return the number at the end of a directory's name (`project-3`: 3), None where it has none of up to 3 digits."""
    found = _NUMBER.fullmatch(path)
    return int(found[2]) if found else None


def row(path: str) -> str | None:
    """Return what numbered checkouts side by side have in common, None where a directory is not numbered."""
    found = _NUMBER.fullmatch(path)
    return found[1] if found else None


def aliases(aged: tuple[Aged, ...], labels: Mapping[WorktreeId, str]) -> dict[WorktreeId, tuple[str, ...]]:
    """Return the second names: the directory's own name, where nobody has it as label or, earlier, as alias."""
    taken = set(labels.values())
    given: dict[WorktreeId, tuple[str, ...]] = {}
    for _, worktree in aged:
        name = label_of_directory(worktree)
        given[worktree.id] = () if name in taken else (name,)
        taken.add(name)
    return given


def wanted(repository: Repository, worktree: Worktree) -> str:
    """Return the label a worktree would have if nobody else were there."""
    text = _override_name(repository, worktree) or worktree.branch
    return label(text) if text else label_of_directory(worktree)


def label_of_directory(worktree: Worktree) -> str:
    """Return the label of the directory's own name."""
    return label(PurePath(worktree.path).name)


def collision(repository: Repository, worktree: Worktree, name: str, owner: Worktree | None) -> Problem | None:
    """Return the `name-collision` of a worktree whose name is not the one its branch asks for.

    `owner` is the worktree that has that name, None where it has left since.
    """
    if worktree.branch is None or name == wanted(repository, worktree):
        return None
    other = f" and {shown(owner.path)}" if owner else ""
    return Problem(
        "name-collision",
        f"{wanted(repository, worktree)} is the name of two worktrees: {shown(worktree.path)}{other}; "
        f"this one is {name}",
        f'name it in router.toml: [worktrees."{shown(worktree.branch)}"] name = "…"',
    )


def _candidates(repository: Repository, worktree: Worktree, prefix: str, owners: Mapping[str, str]) -> Iterator[str]:
    base = wanted(repository, worktree)
    yield base
    if base in owners and owners[base] != repository.common_dir:
        base = label(f"{prefix}-{base}")
        yield base
    if worktree.branch is None:
        directory = PurePath(worktree.path)
        yield label(f"{directory.parent.name}-{directory.name}")
    suffix = hash3(worktree.path if worktree.branch is None else worktree.branch)
    yield suffixed(base, suffix)
    yield from (suffixed(base, f"{suffix}-{n}") for n in count(2))


def _unchanged(known: RememberedWorktree, repository: Repository, worktree: Worktree) -> bool:
    return known.branch == worktree.branch and known.wanted == wanted(repository, worktree)


def _override_name(repository: Repository, worktree: Worktree) -> str | None:
    override = repository.overrides.get(worktree.branch) if worktree.branch else None
    return override.name if override else None


def hidden(repository: Repository, worktree: Worktree) -> bool:
    """Tell whether `router.toml` hides a worktree, by its branch."""
    override = repository.overrides.get(worktree.branch) if worktree.branch else None
    return bool(override and override.hide)
