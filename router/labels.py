"""Which worktree has which name: labels stay with their owners, newcomers step aside."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from pathlib import PurePath

from router.model import Kept, Problem, Repository, Worktree, WorktreeId
from router.naming import hash3, label, shown, suffixed

Aged = tuple[Repository, Worktree]


def by_age(repositories: Iterable[Repository]) -> tuple[Aged, ...]:
    """Return every routable worktree, oldest first: by repository, main checkout, creation, path."""
    return tuple(
        (repository, worktree)
        for repository in repositories
        for worktree in sorted(repository.worktrees, key=lambda w: (not w.main, w.id.created, w.path))
        if worktree.present and worktree.made and not _hidden(repository, worktree)
    )


def repository_names(repositories: Iterable[Repository]) -> dict[str, str]:
    """Return the shown name of each repository by common directory; the later of two equal ones gets `-2`."""
    names: dict[str, str] = {}
    for repository in repositories:
        candidates = (repository.name if n == 1 else f"{repository.name}-{n}" for n in count(1))
        names[repository.common_dir] = next(c for c in candidates if c not in names.values())
    return names


def assign(aged: tuple[Aged, ...], kept: Mapping[WorktreeId, Kept], names: Mapping[str, str]) -> dict[WorktreeId, str]:
    """Return the label of every worktree.

    Remembered labels are given first, to worktrees whose branch is still the same; then the others choose,
    oldest first, by the rules of `contract/naming.json`.
    """
    labels: dict[WorktreeId, str] = {}
    owners: dict[str, Repository] = {}
    for repository, worktree in aged:
        known = kept.get(worktree.id)
        if known and known.label not in owners and _unchanged(known, repository, worktree):
            labels[worktree.id] = known.label
            owners[known.label] = repository
    for repository, worktree in aged:
        if worktree.id not in labels:
            prefix = names[repository.common_dir]
            free = next(c for c in _candidates(repository, worktree, prefix, owners) if c not in owners)
            labels[worktree.id] = free
            owners[free] = repository
    return labels


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


def _candidates(
    repository: Repository, worktree: Worktree, prefix: str, owners: Mapping[str, Repository]
) -> Iterator[str]:
    base = wanted(repository, worktree)
    yield base
    if base in owners and owners[base].common_dir != repository.common_dir:
        base = label(f"{prefix}-{base}")
        yield base
    if worktree.branch is None:
        directory = PurePath(worktree.path)
        yield label(f"{directory.parent.name}-{directory.name}")
    suffix = hash3(worktree.path if worktree.branch is None else worktree.branch)
    yield suffixed(base, suffix)
    yield from (suffixed(base, f"{suffix}-{n}") for n in count(2))


def _unchanged(known: Kept, repository: Repository, worktree: Worktree) -> bool:
    return known.branch == worktree.branch and known.wanted == wanted(repository, worktree)


def _override_name(repository: Repository, worktree: Worktree) -> str | None:
    override = repository.overrides.get(worktree.branch) if worktree.branch else None
    return override.name if override else None


def _hidden(repository: Repository, worktree: Worktree) -> bool:
    override = repository.overrides.get(worktree.branch) if worktree.branch else None
    return bool(override and override.hide)
