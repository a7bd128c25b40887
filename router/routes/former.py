"""Names that a worktree had before: for how long they still lead to it, as a sign-in may be under way."""

from collections.abc import Collection, Iterable

from router.remembered import LostName, RememberedWorktree
from router.route_table import FormerName
from router.routes.gone import RESERVED, names_of

MOST = 8
"""How many lost names of one worktree are remembered, the newest."""


def held_names(known: RememberedWorktree, *, now: float) -> tuple[str, ...]:
    """Return the names that nobody else may have: those that a remembered worktree has, or lost a moment ago."""
    over = {each.name for each in known.former if not each.stays and is_over(each, now=now)}
    names = names_of(known)
    return tuple(name for name in names if name not in over) if over else names


def known_names(known: RememberedWorktree) -> frozenset[str]:
    """Return every name that a remembered worktree has or had."""
    return frozenset((known.label, *known.aliases, *(each.name for each in known.former)))


def is_over(lost: LostName, *, now: float) -> bool:
    """Tell whether a lost name no longer leads to its worktree: a quarter of an hour has passed."""
    return now - lost.since >= RESERVED


def has_lost(known: RememberedWorktree, name: str, aliases: Collection[str]) -> bool:
    """Tell whether a worktree that is called `name` now had other names before."""
    return bool(known.former) or known.label != name or any(alias not in aliases for alias in known.aliases)


def lost_names(
    known: RememberedWorktree, name: str, aliases: Collection[str], *, now: float, is_others: Collection[str]
) -> tuple[LostName, ...]:
    """Return the names that a worktree had before it was called `name`, newest last.

    `aliases` are those that it has for good: such a one is listed while it was its label a moment ago. `is_others` are
    the names that another worktree has by now. A time that lies ahead, as the clock was set back, counts as now.
    """
    since = {each.name: min(each.since, now) for each in known.former if not each.stays or each.name in aliases}
    for lost in names_of(known):
        if lost not in aliases or lost == known.label:
            since.setdefault(lost, now)
    found = (LostName(lost, when, lost in aliases) for lost, when in since.items() if lost not in {name, *is_others})
    left = (each for each in found if not each.stays or not is_over(each, now=now))
    return tuple(sorted(left, key=lambda each: each.since)[-MOST:])


def passing(lost: Iterable[LostName], *, now: float) -> tuple[str, ...]:
    """Return the lost names that still lead to their worktree for a while, and are no aliases."""
    return tuple(each.name for each in lost if not each.stays and not is_over(each, now=now))


def freed(lost: Iterable[Iterable[LostName]]) -> dict[str, float]:
    """Return since when each lost name of any worktree has been nobody's label, in seconds since the epoch."""
    return {each.name: each.since for names in lost for each in names}


def former_names(lost: Iterable[LostName], *, now: float) -> tuple[FormerName, ...]:
    """Return the lost names that still lead to their worktree, as a route has them."""
    return tuple(
        FormerName(each.name, None if each.stays else each.since + RESERVED)
        for each in lost
        if not is_over(each, now=now)
    )


def left_names(lost: Iterable[LostName], *, now: float) -> tuple[str, ...]:
    """Return the lost names that lead nowhere any more."""
    return tuple(each.name for each in lost if is_over(each, now=now))
