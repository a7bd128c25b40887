"""Which remembered worktrees are gone, and for how long their names are kept from others."""

from collections.abc import Collection, Iterable, Iterator

from router.model import Observed, Worktree, WorktreeId
from router.remembered import GoneWorktree, Memory, RememberedWorktree
from router.values import replace

RESERVED = 15 * 60.0
"""Seconds for which a name goes to nobody else once its worktree is gone: a sign-in may be under way."""
KEPT = 60 * 24 * 3600.0
"""Seconds for which a gone worktree is remembered at all: for weeks, what it left running is known by it."""
MOST = 500
"""How many gone worktrees are remembered, the newest."""


def surviving(observed: Observed, memory: Memory) -> dict[WorktreeId, RememberedWorktree]:
    """Return what is remembered of worktrees that are there, hidden and missing ones too, or that nobody looked at."""
    there, asked = _there(observed), _asked(observed)
    return {known.id: known for known in memory.worktrees if known.id in there or known.id.common_dir not in asked}


def gone(observed: Observed, memory: Memory) -> tuple[GoneWorktree, ...]:
    """Return the worktrees that are gone: those known to be, and those that git lists no more, oldest first.

    One that is back is gone no longer. A time that lies ahead, as the clock was set back, counts as now.
    """
    now, there = observed.now, _there(observed)
    found = {each.id: replace(each, since=min(each.since, now)) for each in memory.gone}
    found |= {known.id: departed(known, now) for known in _departed(observed, memory, there)}
    recent = (each for each in found.values() if each.id not in there and now - each.since <= KEPT)
    return newest(recent)


def newest(worktrees: Iterable[GoneWorktree]) -> tuple[GoneWorktree, ...]:
    """Return as many gone worktrees as are remembered, oldest first."""
    return tuple(sorted(worktrees, key=lambda each: (each.since, each.id))[-MOST:])


def without_names(worktrees: Iterable[GoneWorktree], live: Collection[str]) -> tuple[GoneWorktree, ...]:
    """Return gone worktrees without the names that live ones have by now."""
    return tuple(
        replace(each, names=tuple(name for name in each.names if name not in live))
        if any(name in live for name in each.names)
        else each
        for each in worktrees
    )


def unavailable(gone: Iterable[GoneWorktree], *, now: float) -> dict[str, GoneWorktree]:
    """Return the names that are not free yet, each with the worktree that had it."""
    return {name: each for each in gone if now - each.since < RESERVED for name in each.names}


def inherits(worktree: Worktree, gone: GoneWorktree) -> bool:
    """Tell whether a worktree may have a gone one's names at once: one of the same repository and branch may.

    Without a branch, only one at the same place may.
    """
    same_place = worktree.branch is not None or worktree.path == gone.path
    return worktree.id.common_dir == gone.id.common_dir and worktree.branch == gone.branch and same_place


def departed(known: RememberedWorktree, now: float) -> GoneWorktree:
    """Return what stays remembered of a worktree that is gone since `now`, in seconds since the epoch."""
    names = names_of(known)
    return GoneWorktree(known.id, known.path, known.repository, known.branch, names, now, known.project, known.scope)


def names_of(known: RememberedWorktree) -> tuple[str, ...]:
    """Return the names that a remembered worktree still has."""
    return (known.label, *known.aliases) if known.wanted else known.aliases


def _departed(observed: Observed, memory: Memory, there: Collection[WorktreeId]) -> Iterator[RememberedWorktree]:
    """Yield what is remembered of worktrees that git listed before and does not list now.

    A folder copy that was a repository of its own before is none: it is there still, under another id.
    """
    answered, copies = _asked(observed), _copies(observed)
    for known in memory.worktrees:
        common_dir = known.id.common_dir
        if known.id not in there and common_dir in answered and common_dir not in copies:
            yield known


def _there(observed: Observed) -> set[WorktreeId]:
    return {worktree.id for repository in observed.repositories for worktree in repository.worktrees}


def _asked(observed: Observed) -> set[str]:
    """Return the common directories of which the observation shows every worktree: git answered, or it is a copy's."""
    answered = {each.common_dir for each in observed.repositories if each.worktrees and each.answered}
    return answered | _copies(observed)


def _copies(observed: Observed) -> set[str]:
    worktrees = (worktree for repository in observed.repositories for worktree in repository.worktrees)
    return {f"{worktree.path}/.git" for worktree in worktrees if worktree.copy}
