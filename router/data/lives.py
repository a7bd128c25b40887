"""Decides which resources have outlived their worktree: what to drop now, what to keep, and why."""

from collections.abc import Iterable, Mapping
from enum import Enum
from types import MappingProxyType

from router.data.kind import Session
from router.data.ledger import OLD_TEMPLATE, Record
from router.model import WorktreeId
from router.values import dataclass

KEEP = 3600.0
"""Seconds for which a resource stays after its worktree was first seen to be gone, unless the user says otherwise."""
FRESH = "fresh-"
"""What the use of a resource begins with that is for one command."""
_BEGUN = 60.0  # seconds from the intent of such a resource to the lock that its command holds


class Presence(Enum):
    """Whether a worktree is there."""

    THERE = "there"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Tree:
    """A worktree as it was seen last: `gone_since` in seconds since the epoch, None where it is not gone."""

    presence: Presence
    gone_since: float | None = None


class Action(Enum):
    """What to do with a resource."""

    KEEP = "keep"
    DROP = "drop"
    STUCK = "stuck"
    """It would be dropped if nobody were connected, and somebody has been for long: a problem to show."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with a record's resource and why, as the end of a sentence; `at` is when time alone changes it."""

    record: Record
    action: Action
    why: str
    at: float | None = None
    sessions: tuple[Session, ...] = ()


def presence(*, repository: bool, answered: bool, listed: bool, directory: bool) -> Presence:
    """Return whether a worktree is there.

    `repository`: its common directory is there (a disk may be unmounted); `answered`: git was asked and answered;
    `listed`: git lists it, locked and prunable ones included; `directory`: its directory is there.
    """
    if not repository or not answered:
        return Presence.UNKNOWN
    return Presence.THERE if listed or directory else Presence.GONE


def verdicts(
    records: Iterable[Record],
    trees: Mapping[WorktreeId, Tree],
    sessions: Mapping[str, tuple[Session, ...]],
    *,
    now: float,
    keep: Mapping[str, float],
    held: Iterable[str] | None = None,
    unnamed: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Verdict, ...]:
    """Return what to do with each record's resource.

    `trees` are the worktrees that were looked at: one that is missing is not known to be gone. `sessions` are those
    connected, by the record's nonce: one that is missing was not asked about, or its server did not answer. `keep` are
    seconds by the record's nonce. `held` are the nonces of those whose command still runs, None where nobody looked.
    `unnamed` says by the nonce why nobody needs a template any more.
    """
    lives = _Look(trees, sessions, now, keep, None if held is None else frozenset(held), unnamed)
    return tuple(_verdict(record, lives) for record in records)


@dataclass(frozen=True, slots=True)
class _Look:
    trees: Mapping[WorktreeId, Tree]
    sessions: Mapping[str, tuple[Session, ...]]
    now: float
    keep: Mapping[str, float]
    held: frozenset[str] | None
    unnamed: Mapping[str, str]


def _verdict(record: Record, look: _Look) -> Verdict:
    replaced = "another template has taken its place" if record.use == OLD_TEMPLATE else ""
    if why := replaced or look.unnamed.get(record.nonce):
        return _unless_used(record, look, why, patience=None)
    if record.use.startswith(FRESH):
        return _of_command(record, look)
    tree = look.trees.get(record.worktree, Tree(Presence.UNKNOWN))
    if tree.presence == Presence.THERE:
        return Verdict(record, Action.KEEP, "its worktree is there")
    if tree.presence == Presence.UNKNOWN or tree.gone_since is None:
        return Verdict(record, Action.KEEP, "it cannot be told whether its worktree is there")
    keep = max(0.0, look.keep.get(record.nonce, KEEP))
    due = tree.gone_since + keep
    if look.now < due:
        return Verdict(record, Action.KEEP, "its worktree has not been gone for long", due)
    return _unless_used(record, look, "its worktree is gone", patience=tree.gone_since + 2 * keep)


def _of_command(record: Record, look: _Look) -> Verdict:
    if look.held is None or record.nonce in look.held:
        return Verdict(record, Action.KEEP, "its command runs")
    if look.now < record.since + _BEGUN:
        return Verdict(record, Action.KEEP, "its command has only just begun", record.since + _BEGUN)
    return _unless_used(record, look, "its command has ended", patience=None)


def _unless_used(record: Record, look: _Look, why: str, *, patience: float | None) -> Verdict:
    """Return to drop it, but where somebody is connected, or nobody knows; after `patience` that is a problem."""
    sessions = look.sessions.get(record.nonce)
    if sessions is None:
        return Verdict(record, Action.KEEP, f"{why}, but its server does not say whether it is in use")
    if not sessions:
        return Verdict(record, Action.DROP, why)
    used = f"{why}, but it is in use by {', '.join(map(str, sessions))}"
    if patience is not None and look.now >= patience:
        return Verdict(record, Action.STUCK, used, None, sessions)
    return Verdict(record, Action.KEEP, used, patience, sessions)
