"""Which worktree has which names: its label and its aliases; whoever has a name keeps it."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import count
from pathlib import PurePath

from router.model import Problem, Repository, Worktree, WorktreeId
from router.naming import hash3, label, suffixed
from router.remembered import LostName, RememberedWorktree
from router.routes.former import freed, has_lost, held_names, known_names, lost_names, passing
from router.routes.reserved import ReservedNames
from router.routes.returning import returning, waiting_since
from router.routes.routable import Routable
from router.routes.wishes import Wish
from router.text import shown
from router.values import dataclass, replace

Kept = Mapping[WorktreeId, RememberedWorktree]
Wishes = Mapping[WorktreeId, Wish]
Holder = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Names:
    """The names that a worktree answers to: its label and its aliases, and for a while those that it has lost.

    `earlier` are those of the aliases that were its label before that became the natural one. `lost` are the names
    that it had, `passing` those of them that still lead to it and are no aliases. `waiting_since` is when the natural
    label was first seen to be free, in seconds since the epoch; None where it is not, or is the label.
    """

    label: str
    aliases: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()
    lost: tuple[LostName, ...] = ()
    passing: tuple[str, ...] = ()
    waiting_since: float | None = None

    @property
    def others(self) -> tuple[str, ...]:
        """Every name but the label."""
        return (*self.aliases, *self.passing)


def names(
    routed: tuple[Routable, ...], kept: Kept, reserved: ReservedNames, *, wishes: Wishes, now: float
) -> dict[WorktreeId, Names]:
    """Return the names of every worktree, by the rules of `contract/naming.json`.

    A name that a worktree has stays its own: the label while its branch asks for the same one, the alias while its
    directory is called so, and either for a while after that. A label that is not the natural one becomes an alias
    once that has been free for a while. The others choose among names that nobody has, oldest first, all labels before
    all aliases. `now` is in seconds since the epoch.
    """
    labels = _kept_labels(routed, kept, wishes)
    earlier = {owner: _earlier(kept[owner], wishes[owner]) for owner in labels}
    owners = _held(kept, wishes, now=now) | {name: owner for owner, name in labels.items()}
    for owner, name in returning(
        labels, kept, wishes, is_had=partial(_is_had, owners=owners, reserved=reserved), now=now
    ):
        earlier[owner] = (labels[owner], *earlier[owner])
        labels[owner], owners[name] = name, owner
    for repository, worktree in routed:
        if worktree.id not in labels:
            name = _free_label(worktree, wishes[worktree.id], _holder(repository, worktree, owners, reserved))
            labels[worktree.id], owners[name] = name, worktree.id
    aliases: dict[WorktreeId, tuple[str, ...]] = {}
    for repository, worktree in routed:
        asked = _aliases(labels[worktree.id], wishes[worktree.id], earlier.get(worktree.id, ()))
        holder = _holder(repository, worktree, owners, reserved)
        aliases[worktree.id] = tuple(name for name in asked if holder(name) is None)
        owners.update(dict.fromkeys(aliases[worktree.id], worktree.id))
    found = {
        owner: Names(name, aliases[owner], _both(earlier.get(owner, ()), aliases[owner]))
        for owner, name in labels.items()
    }
    return _waiting(_with_lost(found, kept, now=now), kept, wishes, reserved, now=now)


def _with_lost(found: Mapping[WorktreeId, Names], kept: Kept, *, now: float) -> dict[WorktreeId, Names]:
    """Return the names of every worktree with those that it has lost; what is another's by now is nobody's loss."""
    owners = _owners(found)
    after = dict(found)
    for owner, mine in found.items():
        known = kept.get(owner)
        if known and has_lost(known, mine.label, mine.aliases):
            others = {name for name in known_names(known) if owners.get(name, owner) != owner}
            lost = lost_names(known, mine.label, mine.aliases, now=now, is_others=others)
            after[owner] = replace(mine, lost=lost, passing=passing(lost, now=now))
    return after


def _waiting(
    found: Mapping[WorktreeId, Names], kept: Kept, wishes: Wishes, reserved: ReservedNames, *, now: float
) -> dict[WorktreeId, Names]:
    """Return the names of every worktree with since when it has been waiting for its natural label.

    For who waits, a name is free from the moment at which it was lost.
    """
    labels = {owner: mine.label for owner, mine in found.items()}
    is_had = partial(_is_had, owners=_owners(found), reserved=reserved)
    free = freed(mine.lost for mine in found.values())
    waiting = waiting_since(labels, kept, wishes, is_had=is_had, freed=free, now=now)
    return {**found, **{owner: replace(found[owner], waiting_since=since) for owner, since in waiting.items()}}


def _owners(found: Mapping[WorktreeId, Names]) -> dict[str, WorktreeId]:
    return {name: owner for owner, mine in found.items() for name in (mine.label, *mine.aliases)}


def collision(worktree: Worktree, name: str, wish: Wish, owner: Worktree | None) -> Problem | None:
    """Return the `name-collision` of a worktree whose label is not the one that its branch asks for.

    `owner` is the worktree that has that name, None where none has it now. That two repositories have a branch of one
    name checked out in their main checkouts is as it should be.
    """
    if worktree.branch is None or name in (wish.natural, wish.wanted, wish.repository):
        return None
    if name == wish.prefixed and _is_main_of_another(owner, worktree):
        return None
    other = f"the name of {shown(owner.path)}" if owner else "not free, or was not when this worktree got its name"
    return Problem(
        "name-collision",
        f"{wish.natural} is {other}; {shown(worktree.path)} is {name}",
        f'name it in router.toml: [worktrees."{shown(worktree.branch)}"] name = "…"; '
        f"it is called {wish.natural} 15 minutes after that is free, or at `router up`",
    )


def _is_main_of_another(owner: Worktree | None, worktree: Worktree) -> bool:
    """Tell whether a name's owner is the main checkout of another repository, on a branch of the same name."""
    if owner is None or owner.id.common_dir == worktree.id.common_dir:
        return False
    return owner.main and owner.branch == worktree.branch


def _kept_labels(routed: tuple[Routable, ...], kept: Kept, wishes: Wishes) -> dict[WorktreeId, str]:
    """Return the remembered labels of the worktrees that still ask for the same."""
    labels: dict[str, WorktreeId] = {}
    for _, worktree in routed:
        known, wish = kept.get(worktree.id), wishes[worktree.id]
        if known and known.wanted and (_asks_as_before(known, worktree, wish) or known.label == wish.natural):
            labels.setdefault(known.label, worktree.id)
    return {owner: name for name, owner in labels.items()}


def _asks_as_before(known: RememberedWorktree, worktree: Worktree, wish: Wish) -> bool:
    return known.branch == worktree.branch and known.wanted == wish.wanted


def _earlier(known: RememberedWorktree, wish: Wish) -> tuple[str, ...]:
    """Return the aliases from before the label became the natural one, for as long as the worktree asks for that."""
    return _both(known.earlier, known.aliases) if known.wanted == wish.wanted else ()


def _both(names: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name in others)


def _held(kept: Kept, wishes: Wishes, *, now: float) -> dict[str, WorktreeId]:
    """Return whose the names are that worktrees have already, or lost a moment ago."""
    owners: dict[str, WorktreeId] = {}
    for owner in wishes:
        for name in held_names(kept[owner], now=now) if owner in kept else ():
            owners.setdefault(name, owner)
    return owners


def _aliases(name: str | None, wish: Wish, earlier: tuple[str, ...]) -> list[str]:
    """Return the aliases that a worktree asks for, with that label: its branch's where the repository is its name."""
    branch_alias = wish.branch_alias if wish.repository in (name, *earlier) else None
    asked = dict.fromkeys((branch_alias, wish.directory, *earlier))
    return [alias for alias in asked if alias is not None and alias != name]


def _is_had(name: str, by: WorktreeId, *, owners: Mapping[str, WorktreeId], reserved: ReservedNames) -> bool:
    """Tell whether another worktree than `by` has a name, be it one that nobody looks at now."""
    return owners.get(name, by) != by or reserved.is_remembered(name)


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


def _free_label(worktree: Worktree, wish: Wish, holder: Holder) -> str:
    return next(name for name in _candidates(worktree, wish, holder) if holder(name) is None)


def _candidates(worktree: Worktree, wish: Wish, holder: Holder) -> Iterator[str]:
    yield wish.natural
    base = wish.wanted
    if wish.natural != base or holder(base) not in (None, worktree.id.common_dir):
        base = wish.prefixed
        yield from (wish.repository, base) if wish.repository else (base,)
    if worktree.branch is None:
        directory = PurePath(worktree.path)
        yield label(f"{directory.parent.name}-{directory.name}")
    suffix = hash3(worktree.path if worktree.branch is None else worktree.branch)
    yield suffixed(base, suffix)
    yield from (suffixed(base, f"{suffix}-{n}") for n in count(2))
