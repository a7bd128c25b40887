"""Which worktree has which names: its label, and its directory's name as an alias; whoever has a name keeps it."""

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import PurePath

from router.model import Problem, Repository, Worktree, WorktreeId
from router.naming import hash3, label, shown, suffixed
from router.remembered import RememberedWorktree
from router.routes.gone import names_of
from router.routes.reserved import ReservedNames
from router.routes.routable import Routable, override

Kept = Mapping[WorktreeId, RememberedWorktree]
Holder = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Names:
    """The names that a worktree answers to: its label and its aliases."""

    label: str
    aliases: tuple[str, ...] = ()


def wanted(repository: Repository, worktree: Worktree) -> str:
    """Return the label that a worktree would have if it were the only one."""
    settings = override(repository, worktree)
    text = (settings.name if settings else None) or worktree.branch
    return label(text) if text else directory_label(worktree)


def directory_label(worktree: Worktree) -> str:
    """Return the label of the directory's own name."""
    return _label_at(worktree.path)


@functools.lru_cache(maxsize=8192)  # every pass asks again for every worktree, several times
def _label_at(path: str) -> str:
    return label(PurePath(path).name)


def names(
    routed: tuple[Routable, ...], kept: Kept, reserved: ReservedNames, *, repositories: Mapping[str, str]
) -> dict[WorktreeId, Names]:
    """Return the names of every worktree, by the rules of `contract/naming.json`.

    A name that a worktree has stays its own: the label while its branch asks for the same one, the alias while its
    directory is called so. The others choose among names that nobody has, oldest first, all labels before all aliases.
    `repositories` are the repositories' names by common directory.
    """
    labels = _kept_labels(routed, kept)
    owners = {**_kept_aliases(routed, kept), **{name: owner for owner, name in labels.items()}}
    for repository, worktree in routed:
        if worktree.id not in labels:
            prefix = repositories[repository.common_dir]
            name = _free_label(repository, worktree, prefix, _holder(repository, worktree, owners, reserved))
            labels[worktree.id] = name
            owners[name] = worktree.id
    aliases: dict[WorktreeId, tuple[str, ...]] = {}
    for repository, worktree in routed:
        name = directory_label(worktree)
        if name != labels[worktree.id] and _holder(repository, worktree, owners, reserved)(name) is None:
            aliases[worktree.id] = (name,)
            owners[name] = worktree.id
    return {owner: Names(name, aliases.get(owner, ())) for owner, name in labels.items()}


def collision(repository: Repository, worktree: Worktree, name: str, owner: Worktree | None) -> Problem | None:
    """Return the `name-collision` of a worktree whose label is not the one that its branch asks for.

    `owner` is the worktree that has that name, None where none has it now.
    """
    wish = wanted(repository, worktree)
    if worktree.branch is None or name == wish:
        return None
    other = f"the name of {shown(owner.path)}" if owner else "not free, or was not when this worktree got its name"
    return Problem(
        "name-collision",
        f"{wish} is {other}; {shown(worktree.path)} is {name}",
        f'name it in router.toml: [worktrees."{shown(worktree.branch)}"] name = "…"',
    )


def _kept_labels(routed: tuple[Routable, ...], kept: Kept) -> dict[WorktreeId, str]:
    """Return the remembered labels of the worktrees whose branch and wish are still the same."""
    labels: dict[str, WorktreeId] = {}
    for repository, worktree in routed:
        known = kept.get(worktree.id)
        if known and known.branch == worktree.branch and known.wanted == wanted(repository, worktree):
            labels.setdefault(known.label, worktree.id)
    return {owner: name for name, owner in labels.items()}


def _kept_aliases(routed: tuple[Routable, ...], kept: Kept) -> dict[str, WorktreeId]:
    """Return the directories' names that their worktrees have already, as an alias or as a label."""
    owners: dict[str, WorktreeId] = {}
    for _, worktree in routed:
        known, name = kept.get(worktree.id), directory_label(worktree)
        if known and name in names_of(known):
            owners.setdefault(name, worktree.id)
    return owners


def _holder(
    repository: Repository, worktree: Worktree, owners: Mapping[str, WorktreeId], reserved: ReservedNames
) -> Holder:
    """Return what tells the common directory of whoever else has a name, None where this worktree may have it."""

    def holder(name: str) -> str | None:
        owner = owners.get(name)
        if owner is None:
            return reserved.holder(name, repository, worktree)
        return None if owner == worktree.id else owner.common_dir

    return holder


def _free_label(repository: Repository, worktree: Worktree, prefix: str, holder: Holder) -> str:
    return next(name for name in _candidates(repository, worktree, prefix, holder) if holder(name) is None)


def _candidates(repository: Repository, worktree: Worktree, prefix: str, holder: Holder) -> Iterator[str]:
    base = wanted(repository, worktree)
    yield base
    if holder(base) not in (None, repository.common_dir):
        base = label(f"{prefix}-{base}")
        yield base
    if worktree.branch is None:
        directory = PurePath(worktree.path)
        yield label(f"{directory.parent.name}-{directory.name}")
    suffix = hash3(worktree.path if worktree.branch is None else worktree.branch)
    yield suffixed(base, suffix)
    yield from (suffixed(base, f"{suffix}-{n}") for n in count(2))
