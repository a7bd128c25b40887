"""Whether a worktree sleeps, or what keeps it awake, as the status document has it."""

from typing import Any

from router.model import Problem
from router.values import dataclass


@dataclass(frozen=True, slots=True)
class Asleep:
    """That servers of a worktree were stopped by themselves: which, since when, what memory they had, and why.

    `since` is in UTC, as `2026-11-21T10:00:00Z`, `memory` in bytes.
    """

    services: tuple[str, ...]
    since: str
    memory: int
    why: str


@dataclass(frozen=True, slots=True)
class LastUse:
    """How a worktree was last used: the sign that showed it, since when nothing else did (in UTC), and in words."""

    sign: str
    since: str
    text: str


@dataclass(frozen=True, slots=True)
class SleepState:
    """Whether a worktree sleeps, or what keeps it from that: it is pinned, or somebody used it.

    `after_s` is for how many seconds nobody uses it before it sleeps, None where it does not for that. `last_use` is
    None while nothing of it runs that could be stopped.
    """

    after_s: float | None = None
    pinned: bool = False
    last_use: LastUse | None = None
    asleep: Asleep | None = None
    problem: Problem | None = None


def sleep_values(state: SleepState) -> dict[str, Any]:
    """Return it as it stands in the document."""
    asleep, last = state.asleep, state.last_use
    return {
        "after_s": state.after_s,
        "pinned": state.pinned,
        "last_use": {"sign": last.sign, "since": last.since, "text": last.text} if last else None,
        "asleep": {
            "since": asleep.since, "services": list(asleep.services), "memory": asleep.memory, "why": asleep.why,
        } if asleep else None,
    }  # fmt: skip
