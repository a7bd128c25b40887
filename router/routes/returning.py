"""When a worktree whose natural name somebody else had gets that name after all."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from router.model import WorktreeId
from router.remembered import RememberedWorktree
from router.routes.gone import RESERVED
from router.routes.wishes import Wish

Labels = Mapping[WorktreeId, str]
Kept = Mapping[WorktreeId, RememberedWorktree]
Wishes = Mapping[WorktreeId, Wish]


class IsHad(Protocol):
    """Tells whether another worktree than `by` has a name."""

    def __call__(self, name: str, by: WorktreeId) -> bool: ...


def returning(
    labels: Labels, kept: Kept, wishes: Wishes, *, is_had: IsHad, now: float
) -> Iterator[tuple[WorktreeId, str]]:
    """Yield the worktrees that get their natural name now, and that name: nobody has had it for 15 minutes.

    `labels` are the remembered ones. `router up` makes a wait end at once, by a `waiting_since` that is long past.
    """
    for owner, wish in wishes.items():
        since = kept[owner].waiting_since if owner in labels and _is_suffixed(labels[owner], wish) else None
        if since is not None and now - since >= RESERVED and not is_had(wish.natural, owner):
            yield owner, wish.natural


def waiting_since(
    labels: Labels, kept: Kept, wishes: Wishes, *, is_had: IsHad, freed: Mapping[str, float], now: float
) -> dict[WorktreeId, float]:
    """Return since when each worktree has been waiting for a natural name that nobody has, in seconds since the epoch.

    `freed` is since when names have been free that somebody had before. A time that lies ahead, as the clock was set
    back, counts as now.
    """
    return {
        owner: min(_known(kept.get(owner), name, now), freed.get(wishes[owner].natural, now), now)
        for owner, name in labels.items()
        if _is_suffixed(name, wishes[owner]) and not is_had(wishes[owner].natural, owner)
    }


def _is_suffixed(name: str, wish: Wish) -> bool:
    return name not in (wish.natural, wish.wanted)


def _known(known: RememberedWorktree | None, name: str, now: float) -> float:
    return now if known is None or known.label != name or known.waiting_since is None else known.waiting_since
