"""Which worktrees may sleep now. Nothing is asked or stopped here."""

from collections.abc import Iterable
from math import inf

from router.model import SleepRules, WorktreeId
from router.sleep.activity import Activity
from router.values import dataclass

QUIET = 60.0
"""Seconds that a worktree is idle at least before it is stopped for want of memory, or half of what its rules say."""
STALLED = 10.0
"""Percent of the last ten seconds in which some process waited for memory (PSI), from which on it is short."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A worktree whose servers can be stopped, by which rules, how it was last used, and whether its user pinned it."""

    id: WorktreeId
    rules: SleepRules
    last: Activity
    pinned: bool = False

    def idle(self, now: float) -> float:
        """Return for how many seconds nobody has used it."""
        return now - self.last.at


@dataclass(frozen=True, slots=True)
class Room:
    """How much memory the machine has: the part that is available, and PSI's percent, 0 where there is none."""

    available: float
    stalled: float = 0.0


def idle_enough(candidates: Iterable[Candidate], *, now: float) -> tuple[Candidate, ...]:
    """Return the worktrees that nobody has used for as long as their rules say, the longest idle first."""
    found = (
        each
        for each in candidates
        if not each.pinned and each.rules.after is not None and each.idle(now) >= each.rules.after
    )
    return _longest_first(found, now)


def given_up_first(candidates: Iterable[Candidate], room: Room, *, now: float) -> Candidate | None:
    """Return the worktree that is stopped next while memory is short, None where it is not, or all are in use."""
    found = (each for each in candidates if not each.pinned and is_short(each.rules, room))
    quiet = (each for each in found if each.idle(now) >= min(QUIET, (each.rules.after or inf) / 2))
    return next(iter(_longest_first(quiet, now)), None)


def is_short(rules: SleepRules, room: Room) -> bool:
    """Tell whether there is less memory than a repository's rules want available."""
    return rules.pressure is not None and (room.available < rules.pressure or room.stalled >= STALLED)


def _longest_first(candidates: Iterable[Candidate], now: float) -> tuple[Candidate, ...]:
    return tuple(sorted(candidates, key=lambda each: (-each.idle(now), each.id)))
